"""A site that was copied: the administrator says what this one is."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.database import db
from umstripe.models import Connection, Settings, site_address, site_identity
from umstripe.security import hosts
from umstripe.views.log import log

blueprint = Blueprint("copy", __name__, url_prefix="/settings/copy")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    return render_template(
        "admin/settings/copy.html", different=site_identity.mismatches(), home=Settings.get().home
    )


@blueprint.post("/<any(site, copy):place>")
def say(place: str) -> ResponseReturnValue:
    if place == "site":
        site_identity.confirm()
        if not hosts.is_answered(site_address.known_url()):
            site_address.forget()
        flash(
            "This is the site now. Look at Health: it says whether Stripe’s deliveries come here.", "success"
        )
    else:
        Connection.forget_all()
        flash("This is a copy now. It knows nothing of the Stripe account any more.", "success")
    log("security.site_moved", f"An administrator said: this is {WORDS[place]}")
    db.session.commit()
    return redirect(url_for("admin.health.index" if place == "site" else "admin.settings.stripe"), 303)


WORDS = {"site": "the site now", "copy": "a copy"}
