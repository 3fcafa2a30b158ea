"""The texts of pages, for whoever looks at them."""

from __future__ import annotations

from flask_security import current_user
from markupsafe import Markup

from umstripe.emails import render
from umstripe.models import Settings

NOBODY = "visitor"
"""What somebody is called who is not logged in."""


def text_of(name: str) -> tuple[str, Markup]:
    """A page's heading and body with the site's and the reader's name filled in. `name` is like `success`."""
    reader = (current_user.name or current_user.username) if current_user.is_authenticated else NOBODY
    return render.page(f"page.{name}", site=Settings.get().site_name, name=reader)
