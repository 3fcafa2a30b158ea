from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from umstripe import jobs, webhooks
from umstripe.config import STRIPE_API
from umstripe.database import db
from umstripe.errors import StripeUnavailable, UmstripeError
from umstripe.forms.settings import GeneralForm, StripeForm
from umstripe.models import Connection, Delivery, Job, Price, Settings
from umstripe.models.site_address import configured_url, confirm, site_url
from umstripe.security import hosts
from umstripe.security.rate_limits import limiter
from umstripe.stripe_api.account import KeyRefused
from umstripe.stripe_api.client import simulator_keys
from umstripe.stripe_api.endpoint import address
from umstripe.stripe_api.keys import masked
from umstripe.views.log import log

blueprint = Blueprint("settings", __name__, url_prefix="/settings")
PRICES_SHOWN = 100
MODES = ("test", "live")


@blueprint.route("/", methods=["GET", "POST"])
def general() -> ResponseReturnValue:
    form = GeneralForm()
    if form.validate_on_submit():
        Settings.get().change(form.settings())
        is_new = bool(form.site_url) and _change_address(form.site_url.data or "")
        log("security.settings_changed", "The general settings were saved")
        db.session.commit()
        if is_new and not hosts.is_at(site_url()):
            return render_template("admin/settings/address_changed.html", site_url=site_url())
        flash("Settings have been saved successfully.", "success")
        return redirect(url_for(".general"), 303)
    return render_template("admin/settings/general.html", form=form, configured_url=configured_url())


def _change_address(url: str) -> bool:
    """Store the site's address, and warn of endpoints that have the earlier one. Return whether it is new."""
    if url == Settings.get().site_url:
        return False
    confirm(url)
    log("security.settings_changed", f"The site’s address is {url}")
    for mode in Connection.connected_modes():
        endpoint_url = Connection.of(mode).endpoint_url
        if endpoint_url and endpoint_url != address(url, mode):
            flash(
                f"Stripe still sends deliveries to {endpoint_url}. Open Health and press “Mend the endpoint”.",
                "warning",
            )
    return True


@blueprint.route("/stripe", methods=["GET", "POST"])
@limiter.limit("60 per minute", methods=["POST"])
def stripe() -> ResponseReturnValue:
    form = StripeForm(obj=Settings.get())
    if form.validate_on_submit() and _submit(form):
        return redirect(url_for(".stripe"), 303)
    return render_template("admin/settings/stripe.html", form=form, **_context(form))


def _submit(form: StripeForm) -> bool:
    """Save, then do the action of the pressed button. Return False, with errors in the form, to show it again."""
    action = request.form.get("action")
    _save(form, except_mode=form.mode if action == "connect" else "")
    if action == "connect":
        return _connect(form)
    if action == "simulator_keys":
        return _take_simulator_keys(form)
    flash("Settings have been saved successfully.", "success")
    return True


def _save(form: StripeForm, except_mode: str) -> None:
    """Save the form, but not the keys of `except_mode`: connecting checks those first."""
    changed = Settings.get().change(form.settings())
    for mode in MODES:
        if mode != except_mode and Connection.of(mode).keep_keys(**form.typed_keys(mode)):
            changed.append(f"{mode} keys")
    if changed:
        log("security.settings_changed", f"Stripe settings changed: {', '.join(changed)}")
    db.session.commit()


def _connect(form: StripeForm) -> bool:
    mode, connection = form.mode, Connection.of(form.mode)
    if not _has_keys(form, connection):
        return False
    try:
        connection.connect(site_url(), webhooks.HANDLERS, **form.typed_keys(mode))
    except KeyRefused as error:
        form.add_error(f"{mode}_{error.field}", str(error))
        flash(f"Stripe: The connection failed. {error}", "error")
        return False
    except UmstripeError as error:
        flash(f"Stripe: The connection failed. {error}", "error")
        if isinstance(error, StripeUnavailable) and not connection.is_connected:
            _store_unchecked_keys(form, connection)
        return False
    log("stripe.connected", f"Connected with Stripe: {connection.account_name or 'account'}", mode=mode)
    db.session.commit()
    flash("Connected with Stripe.", "success")
    return True


def _store_unchecked_keys(form: StripeForm, connection: Connection) -> None:
    """Store keys that could not be checked with Stripe: a page never holds them, so they would be lost."""
    if connection.keep_keys(**form.typed_keys(form.mode)):
        log("security.settings_changed", f"Stripe settings changed: {form.mode} keys")
        db.session.commit()
        flash("The keys are stored. Press Connect with Stripe again in a minute.", "info")
    form.forget_keys()


def _has_keys(form: StripeForm, connection: Connection) -> bool:
    """Return whether both keys are stored or typed; add an error to the field of each that is not."""
    stored = {"publishable": connection.publishable_key, "secret": connection.secret_key}
    fields = [form.key(form.mode, kind) for kind, key in stored.items() if not key]
    missing = [field for field in fields if not field.data]
    for field in missing:
        form.add_error(field.name, f"Please type the {field.label.text}, then connect.")
    return not missing


def _take_simulator_keys(form: StripeForm) -> bool:
    base = current_app.config["STRIPE_API_BASE"]
    try:
        keys = simulator_keys(base, form.mode)
    except StripeUnavailable as error:
        flash(str(error), "error")
        return False
    Connection.of(form.mode).keep_keys(**keys)
    log("security.settings_changed", "The simulator’s keys were taken over", mode=form.mode)
    db.session.commit()
    flash("The simulator’s keys are filled in. Now press Connect with Stripe.", "success")
    return True


@blueprint.route("/stripe/<any(test, live):mode>/disconnect", methods=["GET", "POST"])
def disconnect(mode: str) -> ResponseReturnValue:
    connection = Connection.of(mode)
    if request.method == "GET":
        return render_template("admin/settings/disconnect.html", connection=connection)
    problem = connection.disconnect()
    log("stripe.disconnected", problem or "Disconnected from Stripe", mode=mode)
    db.session.commit()
    flash("Disconnected from Stripe. Members keep their roles.", "success")
    if problem:
        flash(problem, "warning")
    return redirect(url_for(".stripe"), 303)


@blueprint.post("/stripe/<any(test, live):mode>/secret")
def change_secret(mode: str) -> ResponseReturnValue:
    try:
        Connection.of(mode).change_secret(site_url(), webhooks.HANDLERS)
        log("stripe.secret_changed", "The webhook’s signing secret was changed", mode=mode)
        db.session.commit()
        jobs.enqueue(mode, "catch_up")
        flash("The signing secret was changed. The earlier one is good for 24 hours more.", "success")
    except UmstripeError as error:
        flash(f"The signing secret could not be changed. {error}", "error")
    return redirect(url_for(".stripe"), 303)


@blueprint.post("/stripe/<any(test, live):mode>/import")
def import_prices(mode: str) -> ResponseReturnValue:
    try:
        jobs.enqueue(mode, "import")
    except UmstripeError as error:
        flash(str(error), "error")
    return redirect(url_for(".stripe", _anchor="import"), 303)


@blueprint.get("/stripe/<any(test, live):mode>/import")
def import_progress(mode: str) -> ResponseReturnValue:
    """Return the progress of an import, which the page's script polls."""
    return jsonify(Job.of(mode, "import").progress())


def _context(form: StripeForm) -> dict[str, Any]:
    """Return what the template shows beside the form."""
    return {
        "connections": {mode: Connection.of(mode) for mode in MODES},
        "job": Job.of(form.mode, "import"),
        "masked": masked,
        "addresses": {mode: address(site_url(), mode) for mode in MODES},
        "prices": Price.listed(form.mode, PRICES_SHOWN),
        "prices_count": Price.count(form.mode),
        "last": Delivery.last(form.mode),
        "has_simulator": current_app.config["STRIPE_API_BASE"] != STRIPE_API,
    }
