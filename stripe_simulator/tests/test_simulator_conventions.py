"""The package stands alone, and its files and functions are short."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "tests" not in path.parts)
LONGEST_FUNCTION, LONGEST_FILE = 40, 300


def module_path(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_simulator_imports_nothing_of_the_application():
    assert len(MODULES) > 50
    for path in PACKAGE.rglob("*.py"):
        ours = [name for name in imports(path) if name.split(".")[0] in ("umstripe", "tests")]
        assert not ours, (path, ours)


@pytest.mark.parametrize("path", MODULES, ids=module_path)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
