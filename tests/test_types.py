"""The type checker knows every model: a name that no model has is an error, and a column has its type."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

from umstripe import models
from umstripe.database import Model

ROOT = Path(__file__).parents[1]
NAMES = sorted(mapper.class_.__name__ for mapper in Model.registry.mappers)

pytestmark = pytest.mark.one_database


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Return what mypy says about lines of code, with the settings and the cache of the repository."""
    monkeypatch.chdir(ROOT)

    def check(code: str) -> list[str]:
        path = tmp_path / "checked.py"
        path.write_text(f"from umstripe import models\n{code}")
        output, failure, _ = api.run(["--no-error-summary", str(path)])
        assert not failure
        return [line.split(": ", 2)[2] for line in output.splitlines()]

    return check


def test_every_model_is_typed(checked):
    assert len(NAMES) > 20 and set(NAMES) <= set(models.__all__)
    errors = checked("\n".join(f"models.{name}.no_such_column" for name in NAMES))
    assert errors == [f'"type[{name}]" has no attribute "no_such_column"  [attr-defined]' for name in NAMES]


def test_a_column_has_its_type(checked):
    code = "def show(row: models.Subscription) -> None:\n    reveal_type(row.cancel_at)\n    reveal_type(row.customer)"
    assert checked(code) == [
        'Revealed type is "int | None"',
        'Revealed type is "umstripe.models.customer.Customer"',
    ]
