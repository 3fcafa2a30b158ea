"""docs/running.md names every command, option and variable. Which there are is read from the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from umstripe.cli import main

pytestmark = pytest.mark.one_database
ROOT = Path(__file__).parents[1]
TABLES = [line for line in (ROOT / "docs/running.md").read_text().splitlines() if line.startswith("| `")]
NAMES = {name for line in TABLES for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])}
MODES = ("TEST", "LIVE")


def variables() -> set[str]:
    """Return the variables that umstripe/config.py names. One that ends with an underscore has one for each mode."""
    names = set(re.findall(r"UMSTRIPE_[A-Z_]+", (ROOT / "umstripe/config.py").read_text()))
    return {name for name in names if not name.endswith("_")} | {
        f"{name}{mode}" for name in names if name.endswith("_") for mode in MODES
    }


@pytest.mark.parametrize("variable", sorted({*variables(), "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS"}))
def test_each_variable_is_described(variable):
    assert variable in NAMES


@pytest.mark.parametrize("command", sorted(main.commands))
def test_each_command_is_described_with_its_options(command):
    described = [line for line in TABLES if re.match(rf"\| `umstripe {re.escape(command)}[ `]", line)]
    assert len(described) == 1, described
    options = [option for one in main.commands[command].params for option in one.opts if option[:2] == "--"]
    if command != "simulator":  # stripe_simulator/README.md has its options
        assert [option for option in options if option not in described[0]] == []


def test_the_readme_leads_to_every_page_of_the_docs():
    readme = (ROOT / "README.md").read_text()
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} | {"security.md"}
    assert {name for name in pages if f"](docs/{name})" not in readme} == set()
