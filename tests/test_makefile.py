"""The Makefile: each command is listed, Python is found or asked for, and `umstripe` is there. Nothing is installed here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from umstripe import __version__

pytestmark = pytest.mark.one_database
ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
MAKE = shutil.which("make")
TOOLS = ("chmod", "expand", "mkdir", "sed", "sh", "touch")
TOO_OLD = "exit 1"
FITS = """
[ "$1" = -c ] && exit 0
echo "$(basename "$0") $*" >> log
[ "$2" = venv ] && mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/pip
exit 0
"""


@pytest.fixture
def make(tmp_path):
    """Return what runs make in a copy of the folder, where there is no program but TOOLS and some fake Pythons."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for tool in (*TOOLS, "basename", "cp"):
        (programs / tool).symlink_to(shutil.which(tool))
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("base.txt", "dev.txt"):
        (tmp_path / "requirements" / name).touch()

    def run(*arguments, **pythons):
        for name, script in pythons.items():
            path = programs / name.replace("_", ".")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        environ = {"PATH": os.fspath(programs)}
        return subprocess.run([MAKE, *arguments], cwd=tmp_path, env=environ, capture_output=True, text=True)

    run.log = tmp_path / "log"
    return run


def test_help_lists_every_command(make):
    commands = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.M)[1].split())
    assert commands == set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    assert {line.split()[1] for line in make("help").stdout.splitlines()} == commands


@pytest.mark.parametrize("target", ["run", "install"])
def test_without_a_python_that_fits_a_sentence_says_so(make, target):
    done = make(target, python3=TOO_OLD)
    assert done.returncode == 2 and "Python 3.11 or newer with its venv module is needed" in done.stderr
    assert "make PYTHON=/path/to/python3.13" in done.stderr


def test_the_newest_python_is_taken(make):
    done = make("install", python3=FITS, python3_11=FITS, python3_13=FITS, python3_14=TOO_OLD)
    assert done.returncode == 0, done.stderr
    assert make.log.read_text().startswith("python3.13 -m venv .venv\n")


def test_a_python_that_is_named_is_taken(make):
    done = make("install", "PYTHON=python3.11", python3_11=FITS, python3_13=FITS)
    assert done.returncode == 0, done.stderr
    assert make.log.read_text().startswith("python3.11 -m venv .venv\n")


def test_install_makes_the_command_which_works_from_any_folder(make, tmp_path):
    make("install", python3=FITS)
    (tmp_path / "umstripe").symlink_to(ROOT / "umstripe")
    (tmp_path / ".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [tmp_path / ".venv/bin/umstripe", "--version"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == f"umstripe, version {__version__}\n", done.stderr


def test_hooks_before_a_commit_are_the_checks_of_make_test():
    recipe = re.search(r"^test:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)[1]
    checks = re.findall(r"^\t\$\(BIN\)/((?:ruff|mypy|djlint).*)$", recipe, re.M)
    hooks = re.findall(r"entry: \.venv/bin/(.+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == checks and len(checks) >= 4
