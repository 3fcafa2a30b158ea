from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.billing import portal
from umstripe.billing.overview import message_for_member
from umstripe.errors import UmstripeError
from umstripe.security.rate_limits import limiter
from umstripe.views.addresses import external_url, on_this_site

blueprint = Blueprint("portal", __name__)


@blueprint.get("/customer-portal")
@limiter.limit("30 per minute")
def index() -> ResponseReturnValue:
    """A link that a site puts anywhere: straight on to Stripe's portal."""
    try:
        return redirect(portal.portal_url(current_user, external_url(".back")), 303)
    except UmstripeError as error:
        return render_template("account/no_portal.html", why=message_for_member(error))


@blueprint.get("/customer-portal/back")
@limiter.limit("30 per minute")
def back() -> ResponseReturnValue:
    """Where the portal leads back to: the page must be right even before the delivery."""
    try:
        portal.refresh_after_return(current_user)
    except UmstripeError:
        flash("What you changed in the Customer Portal may show here a minute later.", "warning")
    return redirect(on_this_site(request.args.get("redirect_to")) or url_for("billing.index"), 303)
