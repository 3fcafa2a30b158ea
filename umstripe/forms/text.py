from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import Length, ValidationError

from umstripe.emails import render
from umstripe.forms.user import required, stripped


class TextForm(FlaskForm):
    """A page's or mail's own words. `name` is that of the text (`page.success`)."""

    title = StringField(
        "Title",
        filters=[stripped],
        validators=[required("Please type a title."), Length(max=200, message="At most 200 characters.")],
    )
    body = TextAreaField(
        "Text",
        filters=[stripped],
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

    def validate_title(self, field: Any) -> None:
        self._must_be_known(field)

    def validate_body(self, field: Any) -> None:
        self._must_be_known(field)

    def _must_be_known(self, field: Any) -> None:
        if unknown := render.unknown_placeholders(self.name, field.data or ""):
            words = ", ".join(f"{{{word}}}" for word in unknown)
            raise ValidationError(
                f"Nothing can be filled in for {words}. Use the words named below, or none."
            )
