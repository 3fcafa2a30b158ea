from __future__ import annotations

from typing import Any

from flask_security import LoginForm as FlaskSecurityLoginForm
from flask_security.utils import validate_redirect_url
from wtforms import StringField

from umstripe.forms.user import required, stripped
from umstripe.models import User
from umstripe.normalization import encodable


class LoginForm(FlaskSecurityLoginForm):
    """One field takes either of the names that an account goes by. Nobody is sent to another site afterwards."""

    email = StringField(
        "Username or Email Address",
        filters=[stripped],
        validators=[required("Please type your username or your mail address.")],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )

    def validate(self, **kwargs: Any) -> bool:
        if not validate_redirect_url(self.next.data or ""):
            self.next.data = ""
        self.ifield, self.user = self.email, User.with_identity(self.email.data or "")
        self.password.data = encodable(self.password.data or "")
        return super().validate(**kwargs)
