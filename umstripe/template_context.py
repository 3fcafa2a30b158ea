"""What every template can use: the site's name, the menu, and filters for statuses, money and times."""

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
"""Functions that count what waits behind an entry of the menu."""


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
    in_admin = bool(request) and "admin" in request.blueprints
    has_database = _has_database()
    return {
        "version": __version__,
        "site_name": Settings.get().site_name if has_database else "umstripe",
        "admin_menu": _menu() if in_admin and current_user.is_authenticated else [],
        "is_copied_site": bool(in_admin and has_database and site_identity.mismatches()),
        "worker_is_missing": in_admin
        and has_database
        and current_app.extensions["worker_watch"].is_worker_missing(),
    }


def _has_database() -> bool:
    """Return whether the database can be read: an error page must render even if that is what failed."""
    try:
        Settings.get()
    except Exception:
        return False
    return True


def _menu() -> list[dict[str, Any]]:
    return [_entry(*entry) for entry in ADMIN_MENU]


def _entry(label: str, endpoint: str, icon: str, children: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    current = _current_endpoint([child for _, child in children])
    entries = [_child(*child, is_current=child[1] == current) for child in children]
    return {
        "label": label,
        "url": url_for(endpoint),
        "icon": icon,
        "current": bool(current) or request.endpoint == endpoint,
        "open": bool(current),
        "children": entries,
        "count": sum(entry["count"] for entry in entries),
    }


def _child(label: str, endpoint: str, is_current: bool) -> dict[str, Any]:
    """Return an entry of a submenu. `current` is its aria-current: `page`, `true` for a page below it, or ""."""
    current = "page" if request.endpoint == endpoint else "true" if is_current else ""
    count = COUNTS[endpoint]() if endpoint in COUNTS else 0
    return {"label": label, "url": url_for(endpoint), "current": current, "count": count}


def _current_endpoint(endpoints: list[str]) -> str:
    """Return the endpoint of this page, else the first one whose area it is in, or ""."""
    if request.endpoint in endpoints:
        return request.endpoint
    return next((endpoint for endpoint in endpoints if _is_in_area(endpoint)), "")


def _is_in_area(endpoint: str) -> bool:
    """Return whether this page's address is below that of an entry, as /admin/settings/copy/ is below /admin/settings/."""
    return request.path.startswith(url_for(endpoint).rpartition("/")[0] + "/")
