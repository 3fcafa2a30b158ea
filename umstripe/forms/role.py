from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length, Regexp, ValidationError

from umstripe.forms.user import required, strip
from umstripe.normalization import text_key


class RoleForm(FlaskForm):
    """A role's name."""

    name = StringField(
        "Name",
        filters=[strip],
        validators=[
            required("Please type a name for the role."),
            Length(max=60, message="At most 60 characters."),
            Regexp(r"^[^\x00-\x1f\x7f]*$", message="Leave out line ends and other control characters."),
        ],
    )

    def validate_name(self, field: StringField) -> None:
        """Raise ValidationError for a name of invisible characters alone."""
        if not text_key(field.data):
            raise ValidationError("Please type a name for the role.")
