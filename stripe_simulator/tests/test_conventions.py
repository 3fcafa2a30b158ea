"""The package stands alone, its rooms import downwards only, and its files and functions are short."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "tests" not in path.parts)
LONGEST_FUNCTION, LONGEST_FILE = 40, 300
ROOMS = ("core", "delivery", "account", "api", "billing", "checkout", "portal", "resources", "controls")
"""From the bottom up. No room imports one that is above it; the modules beside them start the whole."""
ABOVE = ("app", "server", "cli", "__main__", "__init__", "testing", "compile_document")


def module_path(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_the_simulator_imports_nothing_of_the_application():
    assert len(MODULES) > 50
    for path in PACKAGE.rglob("*.py"):
        ours = [name for name in imports(path) if name.split(".")[0] in ("umstripe", "tests")]
        assert not ours, (path, ours)


def own_modules(path: Path) -> set[str]:
    """Return the modules of the package that a module imports, as dotted names below it."""
    known = {module_path(each).removesuffix(".py").replace("/", ".") for each in MODULES}
    names = {name.removeprefix("stripe_simulator.") for name in imports(path)}
    return names & known


def test_every_module_is_in_a_room():
    assert {module_path(path).removesuffix(".py").split("/")[0] for path in MODULES} == {*ROOMS, *ABOVE}


def test_rooms_import_downwards_only():
    arrows = 0
    for path in MODULES:
        room, *inside = module_path(path).split("/")
        for name in own_modules(path) if inside else ():
            arrows += 1
            below = ROOMS[: ROOMS.index(room) + 1]
            assert name.split(".")[0] in below, f"{module_path(path)} imports {name}"
    assert arrows > 300


def test_no_module_imports_itself_by_way_of_others():
    left = {module_path(path).removesuffix(".py").replace("/", "."): own_modules(path) for path in MODULES}
    assert len(left) > 50
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        for name in free:
            del left[name]
    assert not left


@pytest.mark.parametrize("path", MODULES, ids=module_path)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
