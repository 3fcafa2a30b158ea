"""A database that was copied: the administrator says whether this is the site or a copy of it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.database import db
from umstripe.models import Connection, Settings, site_address, site_identity
from umstripe.security import hosts
from umstripe.views.log import log

blueprint = Blueprint("copy", __name__, url_prefix="/settings/copy")
DESCRIPTIONS = {"site": "the site now", "copy": "a copy"}


@blueprint.get("/")
def index() -> ResponseReturnValue:
    return render_template(
        "admin/settings/copy.html", mismatches=site_identity.mismatches(), home=Settings.get().home
    )


@blueprint.post("/<any(site, copy):identity>")
def identify(identity: str) -> ResponseReturnValue:
    """Make this the site, or a copy that forgets its Stripe account."""
    if identity == "site":
        site_identity.confirm()
        if not hosts.is_answered(site_address.known_url()):
            site_address.forget()
        flash(
            "This is the site now. Look at Health: it says whether Stripe’s deliveries come here.", "success"
        )
    else:
        Connection.forget_all()
        flash("This is a copy now. It knows nothing of the Stripe account any more.", "success")
    log("security.site_moved", f"An administrator said: this is {DESCRIPTIONS[identity]}")
    db.session.commit()
    return redirect(url_for("admin.health.index" if identity == "site" else "admin.settings.stripe"), 303)
