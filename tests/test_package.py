"""An installed wheel is a whole site: templates, static files and migrations are in it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

from tests.databases import ROOT, environ_for

PROGRAM = """
import umstripe, pathlib
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
    for command in (["-m", "umstripe", "migrate"], ["-c", PROGRAM]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
