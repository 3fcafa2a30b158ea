from __future__ import annotations

from wtforms import HiddenField, StringField
from wtforms.validators import Length

from umstripe.forms.site_address import SiteAddressForm
from umstripe.forms.user import AdministratorForm, strip


class SetupForm(AdministratorForm, SiteAddressForm):
    """The first administrator, the site's name and its address."""

    token = HiddenField()
    site_name = StringField(
        "Site name",
        filters=[strip],
        default="Member Site",
        validators=[Length(max=80, message="At most 80 characters.")],
    )

    @property
    def address(self) -> str:
        """The confirmed address; "" if UMSTRIPE_SITE_URL sets it."""
        return (self.site_url.data or "") if self.site_url else ""
