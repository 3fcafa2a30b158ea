"""What every page knows: the site's name, the menu, and how statuses, money and times are said."""

from __future__ import annotations

from typing import Any

from flask import Flask, current_app, request, url_for
from flask_security import current_user

from umstripe import __version__, formatting
from umstripe.accounts import password_policy
from umstripe.emails import defaults
from umstripe.listings import approvals
from umstripe.models import Settings, site_identity

ADMIN_MENU = (
    ("Dashboard", "admin.dashboard", "dashboard", ()),
    (
        "umstripe",
        "admin.settings.stripe",
        "membership",
        (
            ("Settings", "admin.settings.stripe"),
            ("User Roles", "admin.roles.index"),
            ("Stripe Plans", "admin.plans.index"),
            ("Approvals", "admin.approvals.index"),
            ("Activity Log", "admin.activity.index"),
            ("Deliveries", "admin.deliveries.index"),
            ("E-mails", "admin.mails.index"),
            ("Health", "admin.health.index"),
        ),
    ),
    (
        "Users",
        "admin.users.index",
        "users",
        (("All Users", "admin.users.index"), ("Add User", "admin.users.add")),
    ),
)

COUNTS = {"admin.approvals.index": approvals.count}
"""What waits behind an entry of the menu."""


def init_app(app: Flask) -> None:
    app.context_processor(_context)
    app.jinja_env.globals["password_hint"] = password_policy.HINT
    app.add_template_filter(formatting.status_words, "status")
    app.add_template_filter(formatting.price_words, "price")
    app.add_template_filter(formatting.type_words, "price_type")
    app.add_template_filter(formatting.mode_words, "mode")
    app.add_template_filter(formatting.moment_words, "moment")
    app.add_template_filter(formatting.date_words, "date")
    app.add_template_filter(formatting.invoice_status_words, "invoice_status")
    app.add_template_filter(formatting.amount_words, "money")
    app.add_template_filter(defaults.kind_label, "mail_kind")


def _context() -> dict[str, Any]:
    in_admin = (request.blueprint or "").startswith("admin") if request else False
    there = _database_is_there()
    return {
        "version": __version__,
        "site_name": Settings.get().site_name if there else "umstripe",
        "admin_menu": _menu() if in_admin and current_user.is_authenticated else [],
        "is_elsewhere": bool(in_admin and there and site_identity.mismatches()),
        "worker_is_missing": in_admin
        and there
        and current_app.extensions["worker_watch"].is_worker_missing(),
    }


def _database_is_there() -> bool:
    """An error page must come up even when the database is what failed."""
    try:
        Settings.get()
    except Exception:
        return False
    return True


def _menu() -> list[dict[str, Any]]:
    return [_entry(*entry) for entry in ADMIN_MENU]


def _entry(label: str, endpoint: str, icon: str, children: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    inside = [_child(*child) for child in children]
    is_open = any(_is_current(child) or _same_area(child) for _, child in children)
    current = _is_current(endpoint) or is_open
    return {
        "label": label,
        "url": url_for(endpoint),
        "icon": icon,
        "current": current,
        "open": is_open,
        "children": inside,
        "count": sum(child["count"] for child in inside),
    }


def _child(label: str, endpoint: str) -> dict[str, Any]:
    count = COUNTS[endpoint]() if endpoint in COUNTS else 0
    return {"label": label, "url": url_for(endpoint), "current": _is_current(endpoint), "count": count}


def _is_current(endpoint: str) -> bool:
    return request.endpoint == endpoint


def _same_area(endpoint: str) -> bool:
    """Whether this page's address is below that of an entry, as /admin/settings/copy/ is below /admin/settings/."""
    return request.path.startswith(url_for(endpoint).rpartition("/")[0] + "/")
