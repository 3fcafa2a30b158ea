"""An installed wheel is a whole site: templates, static files and migrations are in it, and no simulator."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from tests.databases import ROOT, environ_for

PROGRAM = """
import importlib.util, umstripe
assert importlib.util.find_spec("stripe_simulator") is None
assert "wheel" in umstripe.__file__, umstripe.__file__
client = umstripe.create_app().test_client()
page = client.get("/login")
assert page.status_code == 200 and "Log In" in page.text, page.text
assert client.get("/static/css/base.css").status_code == 200
"""


def test_a_wheel_starts_and_shows_its_pages(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "wheel")
    environ = environ_for(f"sqlite:///{tmp_path}/site.sqlite", tmp_path / "instance")
    environ["PYTHONPATH"] = os.fspath(tmp_path / "wheel")

    def run(*command):
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120
        )

    for command in (["-m", "umstripe", "migrate"], ["-m", "umstripe", "--help"], ["-c", PROGRAM]):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    for command in (["simulator", "--port", "12111"], ["simulator", "--help"], ["run"]):
        done = run("-m", "umstripe", *command)
        assert "pip install ./stripe_simulator" in " ".join((done.stdout + done.stderr).split())
        assert done.returncode == (command[-1] != "--help") and "Traceback" not in done.stderr


@pytest.mark.one_database
def test_none_of_this_can_be_reached_at_the_application(app):
    assert not [rule for rule in app.url_map.iter_rules() if "_simulator" in rule.rule]
    for path in ("/_simulator/weather", "/_simulator/outage", "/_simulator/faults"):
        assert app.test_client().post(path, json={"lost": 1}).status_code in (400, 404, 405)
