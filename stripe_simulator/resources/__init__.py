"""One module for each resource of the API. Loading them fills the table of answers."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every resource."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
