from __future__ import annotations

from flask import Blueprint, render_template
from flask_security import current_user

from umstripe.billing import Billing
from umstripe.forms.account import BillingEmailForm
from umstripe.models import Settings, checkout

blueprint = Blueprint("billing", __name__, url_prefix="/account/billing")


@blueprint.get("/")
def index():
    billing = Billing.of(current_user)
    billing.ask()
    form = BillingEmailForm(data={"billing_email": current_user.billing_email})
    return render_template(
        "account/billing.html",
        billing=billing,
        settings=Settings.get(),
        form=form,
        plans=checkout.unfinished(current_user),
    )
