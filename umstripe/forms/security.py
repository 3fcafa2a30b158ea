from __future__ import annotations

import re
from typing import Any

from flask import request
from flask_security import LoginForm as FlaskSecurityLoginForm
from flask_security.utils import validate_redirect_url
from wtforms import StringField

from umstripe.forms.user import required, stripped
from umstripe.models import User

PLAN_PAGE = re.compile(r"/subscribe/([A-Za-z0-9_-]{1,80})(?:[/?#]|$)")


class LoginForm(FlaskSecurityLoginForm):
    """One field takes either of the names that an account goes by. Nobody is sent to another site afterwards."""

    email = StringField(
        "Username or Email Address",
        filters=[stripped],
        validators=[required("Please type your username or your mail address.")],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )

    @property
    def plan(self) -> str | None:
        """Return the key of the plan whose page the visitor comes from, for the link to register with it."""
        address = self.next.data or request.args.get("next", "")
        found = PLAN_PAGE.match(address)
        return found[1] if found else None

    def validate(self, **kwargs: Any) -> bool:
        if not validate_redirect_url(self.next.data or ""):
            self.next.data = ""
        self.ifield, self.user = self.email, User.with_identity(self.email.data or "")
        return super().validate(**kwargs)
