"""The texts of pages."""

from __future__ import annotations

from flask_security import current_user
from markupsafe import Markup

from umstripe.emails import render
from umstripe.models import Settings

VISITOR = "visitor"
"""The name of somebody who is not logged in."""


def text_of(name: str) -> tuple[str, Markup]:
    """Return a page's heading and body, with the site's and the reader's name filled in. `name` is like `success`."""
    reader = (current_user.name or current_user.username) if current_user.is_authenticated else VISITOR
    return render.page(f"page.{name}", site=Settings.get().site_name, name=reader)
