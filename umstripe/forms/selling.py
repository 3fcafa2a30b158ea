from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField

from umstripe.models import Settings

REGISTER_FIELDS = [
    ("several", "A choice of all public plans"),
    ("single", "Only the plan of the link"),
    ("hidden", "Hidden: the plan of the link is taken without being shown"),
]


class SellingForm(FlaskForm):
    """Settings > Selling, in the order of the screen."""

    register_field = SelectField("Stripe Plans field", choices=REGISTER_FIELDS)
    register_without_plan = BooleanField("Registration without a plan")
    billing_email_field = BooleanField("Billing email field")
    automatic_tax = BooleanField("Automatic tax")
    billing_address = BooleanField("Billing address")
    one_trial = BooleanField("One trial per person")
    one_trial_per_card = BooleanField("One trial per card")
    cancel_allowed = BooleanField("Canceling")
    pause_allowed = BooleanField("Pausing")

    def __init__(self) -> None:
        super().__init__(obj=Settings.get())

    def settings(self) -> Mapping[str, Any]:
        return {field.name: field.data for field in self if field.name != "csrf_token"}
