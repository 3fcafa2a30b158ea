from __future__ import annotations

from flask import Blueprint, flash, render_template
from flask.typing import ResponseReturnValue

from umstripe.billing import overview
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.models import User

blueprint = Blueprint("invoices", __name__, url_prefix="/users")


@blueprint.get("/<id:user_id>/invoices")
def of_user(user_id: int) -> ResponseReturnValue:
    """Show a user's recent invoices, as Stripe has them now."""
    user, invoices = db.get_or_404(User, user_id), []
    try:
        invoices = overview.invoices_of(user)
    except UmstripeError as error:
        flash(str(error), "error")
    return render_template("admin/users/invoices.html", user=user, invoices=invoices)
