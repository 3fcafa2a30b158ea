"""One blueprint per area. Every endpoint needs a login unless it is on the public list (PUBLIC)."""

from __future__ import annotations

from flask import Flask, abort, current_app, redirect, request, url_for
from flask_security import current_user
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter
from werkzeug.wrappers import Response

from umstripe.views import (
    account,
    billing,
    checkout,
    claim,
    health,
    home,
    invitation,
    policies,
    portal,
    refused,
    register,
    setup,
    subscribe,
    switch,
    webhook,
)
from umstripe.views.addresses import external_url, refuse_unreadable_next
from umstripe.views.admin import admin

PUBLIC = frozenset(
    {
        "static",
        "home.index",
        "health.healthz",
        "health.readyz",
        "invitation.choose_password",
        "claim.ask",
        "claim.confirm",
        "setup.first_administrator",
        "webhook.stripe",
        "register.register",
        "register.mail",
        "register.finish",
        "subscribe.show",
        "subscribe.pay",
        "subscribe.password",
        "checkout.success",
        "checkout.canceled",
        "security.login",
        "security.logout",
        "security.forgot_password",
        "security.reset_password",
    }
)
"""The endpoints that anybody may open. `admin.*` is for administrators, everything else for logged-in users."""


class IdConverter(IntegerConverter):
    """`<id:…>` in a route: a number that the database can hold; 404 for any other."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, min=1, max=2**31 - 1)


class TextConverter(UnicodeConverter):
    """`<name>` in a route: no control characters, which no name or id has, and no database looks up; 404 otherwise."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map)
        self.regex = r"[^/\x00-\x1f\x7f]+"


def init_app(app: Flask) -> None:
    app.url_map.converters["default"] = TextConverter
    app.url_map.converters["id"] = IdConverter
    for blueprint in (
        home.blueprint,
        account.blueprint,
        billing.blueprint,
        portal.blueprint,
        switch.blueprint,
        setup.blueprint,
        invitation.blueprint,
        claim.blueprint,
        health.blueprint,
        webhook.blueprint,
        register.blueprint,
        subscribe.blueprint,
        checkout.blueprint,
        admin,
    ):
        app.register_blueprint(blueprint)
    policies.init_app(app)
    refused.init_app(app, PUBLIC)
    app.add_template_global(external_url)
    app.before_request(_require_login)
    app.before_request(refuse_unreadable_next)


def _require_login() -> Response | None:
    if request.endpoint is None or request.endpoint in PUBLIC:
        return None
    if not current_user.is_authenticated:
        return _redirect_to_login()
    if "admin" in request.blueprints and not current_user.is_administrator:
        abort(403)
    return None


def _redirect_to_login() -> Response:
    if request.accept_mimetypes.best == "application/json":
        abort(401)
    current_app.logger.debug("not logged in")
    return redirect(
        url_for("security.login", next=request.full_path.rstrip("?") if request.method == "GET" else None)
    )
