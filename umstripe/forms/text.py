from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import Length, ValidationError

from umstripe.emails import render
from umstripe.forms.user import required, strip


class TextForm(FlaskForm):
    """The site's own text of a page or mail. `name` is like `page.success`."""

    title = StringField(
        "Title",
        filters=[strip],
        validators=[required("Please type a title."), Length(max=200, message="At most 200 characters.")],
    )
    body = TextAreaField(
        "Text",
        filters=[strip],
        validators=[
            required("Please type a text."),
            Length(max=20_000, message="At most 20,000 characters."),
        ],
    )

    def __init__(self, name: str) -> None:
        title, body = render.current_text(name)
        super().__init__(data={"title": title, "body": body})
        self.name = name
        self.title.label.text = "Subject" if name.startswith("mail.") else "Heading"

    def validate_title(self, field: StringField) -> None:
        self._check_placeholders(field)

    def validate_body(self, field: TextAreaField) -> None:
        self._check_placeholders(field)

    def _check_placeholders(self, field: StringField) -> None:
        if unknown := render.unknown_placeholders(self.name, field.data or ""):
            words = ", ".join(f"{{{word}}}" for word in unknown)
            raise ValidationError(
                f"Nothing can be filled in for {words}. Use the words named below, or none."
            )
