from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.billing import portal
from umstripe.billing.overview import message_for_member
from umstripe.errors import UmstripeError
from umstripe.security.rate_limits import limiter
from umstripe.views.addresses import external_url, local_path

blueprint = Blueprint("portal", __name__)


@blueprint.get("/customer-portal")
@limiter.limit("30 per minute")
def index() -> ResponseReturnValue:
    """Redirect to Stripe's portal, from a link that a site puts anywhere."""
    try:
        return redirect(portal.portal_url(current_user, external_url(".back")), 303)
    except UmstripeError as error:
        return render_template("account/no_portal.html", reason=message_for_member(error))


@blueprint.get("/customer-portal/back")
@limiter.limit("30 per minute")
def back() -> ResponseReturnValue:
    """Return from the portal. The page must be right even before the delivery."""
    try:
        portal.refresh_after_return(current_user)
    except UmstripeError:
        flash("What you changed in the Customer Portal may show here a minute later.", "warning")
    return redirect(local_path(request.args.get("redirect_to")) or url_for("billing.index"), 303)
