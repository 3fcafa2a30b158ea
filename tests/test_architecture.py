"""docs/architecture.md and CONTRIBUTING.md are true: rooms, layers, rules, files and tests that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_conventions import LAYERS

pytestmark = pytest.mark.one_database
ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "umstripe"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
TREE, DRAWING = re.findall(r"```text\n(.*?)```", ARCHITECTURE, re.S)
RULES = {int(number) for number in re.findall(r"^\| (\d+) \| \*\*", ARCHITECTURE, re.M)}
TESTS = {path.stem for path in ROOT.rglob("test_*.py")}
CITING = [
    path
    for folder in ("umstripe", "tests", "docs", "bench", "stripe_simulator")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".html") and path.name != "architecture.md"
]
CITED = re.compile(r"\brules? (\d+(?:(?:, | and | to |, and )\d+)*)", re.I)
PAGES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/deliveries.md", "docs/selling.md")
ANSWERS = {
    "the sentence for a wrong publishable key": (
        "stripe_api/keys.py",
        "This is not a Stripe key for this field.",
    ),
    "what happens on invoice.payment_failed": ("webhooks/invoice.py", '"invoice.payment_failed"'),
    "which rule gives roles": ("memberships/effective_roles.py", "rule 1"),
    "how to add a column to the users list": ("listings/users.py", "class UserRow"),
    "how to add a card that fails to the simulator": ("stripe_simulator/billing/cards.py", "TOKENS"),
}


def rules_cited(text: str) -> set[int]:
    """Return the numbers in “rule 1”, “rules 2, 3 and 8” and “rules 2 to 4”."""
    cited = set()
    for group in CITED.findall(text):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", group):
            cited |= set(range(int(first), int(last or first) + 1))
    return cited


def rooms(indent: str) -> set[str]:
    return set(re.findall(rf"^{indent}([\w.]+)/? +\S", TREE, re.M))


def existing(name: str) -> list[Path]:
    """Return the files or folders that a page means by a name: from the top, in the package, or beside the page."""
    return [path for path in (ROOT / name, PACKAGE / name, ROOT / "docs" / name) if path.exists()]


def test_each_room_of_the_package_has_its_line():
    folders = {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert rooms("  ") == folders | {path.name for path in PACKAGE.glob("*.py")}


def test_each_folder_at_the_top_is_there():
    assert {name for name in rooms("") if not (ROOT / name).is_dir()} == set()


def test_the_drawing_has_the_layers_that_imports_are_held_against():
    drawn = [set(line.split()) for line in re.findall(r"^│ (.+?) *│", DRAWING, re.M)]
    assert drawn[::-1] == [set(rooms) for rooms in LAYERS]


def test_rules_are_read_from_citations():
    assert rules_cited("Rule 1, and rules 2, 3 and 8; rules 5 to 7.") == {1, 2, 3, 5, 6, 7, 8}


@pytest.mark.parametrize("path", CITING, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_rule_that_is_cited_exists(path):
    assert rules_cited(path.read_text()) <= RULES and len(RULES) >= 12


def test_the_tests_of_the_rules_exist():
    assert set(re.findall(r"\btest_\w+", ARCHITECTURE)) <= TESTS


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    text = (ROOT / page).read_text()
    named = re.findall(r"`([a-z_.]+/[\w./-]*|[\w-]+\.(?:py|md|toml))`", text)
    assert len(named) > 5 and [name for name in named if not existing(name)] == []
    linked = re.findall(r"\]\(([^)#:]+)[)#]", text)
    assert [link for link in linked if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("question", ANSWERS)
def test_contributing_leads_to_the_file_with_the_answer(question):
    name, answer = ANSWERS[question]
    assert f"{name}`" in CONTRIBUTING and answer in existing(name)[0].read_text()
