"""An installed wheel is a whole simulator: its pages, static files and Stripe's document are in it, its tests are not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PROGRAM = """
import stripe_simulator
assert "wheel" in stripe_simulator.__file__, stripe_simulator.__file__
client = stripe_simulator.create_simulator().test_client()
assert "Jane Doe" in client.get("/_simulator/").text
assert client.get("/_simulator/static/simulator.css").status_code == 200
key = client.get("/_simulator/keys").json["test"]["secret"]
prices = client.get("/v1/prices", headers={"Authorization": f"Bearer {key}"}).json
assert prices["data"], prices
"""


def test_a_wheel_serves_without_the_checkout(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "wheel")
    assert not [name for name in names if "/tests/" in name or name.endswith(".toml")]
    (scripts,) = (tmp_path / "wheel").glob("*.dist-info/entry_points.txt")
    assert "stripe-simulator = stripe_simulator.cli:simulator" in scripts.read_text()
    environ = {**os.environ, "PYTHONPATH": os.fspath(tmp_path / "wheel")}
    for command in (["-m", "stripe_simulator", "--help"], ["-c", PROGRAM]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
