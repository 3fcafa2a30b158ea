from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from umstripe import health, jobs, webhooks
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.models import Connection, Delivery, Difference, Job, Settings
from umstripe.models.site_address import known_url, site_url
from umstripe.security.hosts import requested_origin
from umstripe.views.log import log
from umstripe.webhooks import reconcile

blueprint = Blueprint("health", __name__, url_prefix="/health")
DIFFERENCES_SHOWN = 200
MONTH = timedelta(days=30)
JOBS = {
    "catch-up": ("catch_up", "Catch-up was asked for"),
    "audit": ("audit", "An audit was asked for"),
    "repair": ("repair", "A repair of all differences was asked for"),
}


@blueprint.get("/")
def index() -> ResponseReturnValue:
    modes = health.modes()
    return render_template(
        "admin/health/index.html",
        site=health.site_checks(),
        modes=[(mode, health.mode_checks(mode)) for mode in modes],
        jobs={mode: [Job.of(mode, kind) for kind in ("catch_up", "audit", "repair")] for mode in modes},
        differences={mode: Difference.listed(mode, DIFFERENCES_SHOWN) for mode in modes},
        types={mode: Delivery.by_type(mode, MONTH) for mode in modes},
    )


@blueprint.post("/address")
def browser_address() -> ResponseReturnValue:
    """Store where the browser sees the site, which the page's script sends. Return the checks of the site."""
    seen = {
        "browser": request.form.get("origin", ""),
        "request": requested_origin()[:255],
        "forwarded_for": request.headers.get("X-Forwarded-For", "") and "yes",
    }
    if Settings.get().see_address(seen):
        db.session.commit()
    return render_template("admin/health/_site.html", site=health.site_checks())


@blueprint.post("/<any(test, live):mode>/<any('catch-up', audit, repair):job>")
def begin(mode: str, job: str) -> ResponseReturnValue:
    kind, description = JOBS[job]
    try:
        jobs.enqueue(mode, kind)
        log("stripe.work", description, mode=mode)
        db.session.commit()
    except UmstripeError as error:
        flash(str(error), "error")
    return redirect(url_for(".index", _anchor=mode), 303)


@blueprint.get("/<any(test, live):mode>/<any(catch_up, audit, repair):kind>")
def progress(mode: str, kind: str) -> ResponseReturnValue:
    """Return the progress of a job, which the page's script polls."""
    return jsonify(Job.of(mode, kind).progress())


@blueprint.post("/<any(test, live):mode>/refresh")
def refresh(mode: str) -> ResponseReturnValue:
    try:
        Connection.of(mode).look(known_url(), webhooks.HANDLERS)
        flash("Stripe was asked. Below is what it said.", "success")
    except UmstripeError as error:
        flash(str(error), "error")
    return redirect(url_for(".index", _anchor=mode), 303)


@blueprint.post("/<any(test, live):mode>/mend")
def mend(mode: str) -> ResponseReturnValue:
    connection = Connection.of(mode)
    try:
        connection.connect(site_url(), webhooks.HANDLERS)
        connection.look(site_url(), webhooks.HANDLERS)
        log("stripe.connected", "The webhook endpoint was mended", mode=mode)
        db.session.commit()
        problem = connection.endpoint_problem
        flash(problem or "The webhook endpoint is as it should be.", "error" if problem else "success")
    except UmstripeError as error:
        flash(f"The webhook endpoint could not be mended. {error}", "error")
    return redirect(url_for(".index", _anchor=mode), 303)


@blueprint.post("/<any(test, live):mode>/process")
def process(mode: str) -> ResponseReturnValue:
    tried, failed = webhooks.process_failed(mode)
    log(
        "deliveries.processed",
        f"{tried} failed deliveries were processed again, {failed} fail still",
        mode=mode,
    )
    db.session.commit()
    flash(
        f"{tried - failed} of {tried} were applied." + (f" {failed} fail still." if failed else ""),
        "warning" if failed else "success",
    )
    return redirect(url_for(".index", _anchor=mode), 303)


@blueprint.post("/<any(test, live):mode>/repair/<customer>")
def repair(mode: str, customer: str) -> ResponseReturnValue:
    """Repair the differences of one customer."""
    try:
        reconcile.repair(mode, customer, "admin")
        flash("Repaired: this site has now what Stripe has.", "success")
    except UmstripeError as error:
        flash(f"This could not be repaired. {error}", "error")
    return redirect(url_for(".index", _anchor=mode), 303)
