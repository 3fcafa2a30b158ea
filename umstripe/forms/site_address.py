"""The field for the site's address, and the question before it is changed."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, URLField
from wtforms.validators import StopValidation, ValidationError

from umstripe.forms.user import strip
from umstripe.models import Settings
from umstripe.models.site_address import configured_url
from umstripe.origins import normal_origin
from umstripe.security import hosts

NO_ADDRESS = "Please type the address as in your browser, without a path, like https://members.example.org."
CONFIRM_CHANGE = (
    "Links in emails, the way back from Stripe and deliveries will use {new}, and the site will answer at no other "
    "address. Tick the box if that is right, then save."
)


def valid_origin(_form: FlaskForm, field: URLField) -> None:
    """Normalize the address. Raise StopValidation if it is no origin."""
    try:
        field.data = normal_origin(field.data or "")
    except ValueError:
        raise StopValidation(NO_ADDRESS) from None


class SiteAddressForm(FlaskForm):
    """A form with the site's address; without the field if UMSTRIPE_SITE_URL sets it."""

    site_url = URLField(
        "Site address",
        filters=[strip],
        validators=[valid_origin],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if configured_url():
            del self.site_url
        elif not self.is_submitted() and not self.site_url.data:
            self.site_url.data = origin = hosts.requested_origin()
            self.site_url.render_kw = {**self.site_url.render_kw, "data-site-address": origin}


class ChangedAddressForm(SiteAddressForm):
    """The same on a running site: a change of the address must be confirmed."""

    address_confirmed = BooleanField("Site address")
    asks = False
    """Whether the box is shown that confirms the change."""

    def validate_site_url(self, field: URLField) -> None:
        stored = Settings.get().site_url
        is_expected = field.data == stored or (not stored and hosts.is_answered(field.data))
        self.asks = not is_expected
        if self.asks and not self.address_confirmed.data:
            raise ValidationError(CONFIRM_CHANGE.format(new=field.data))
