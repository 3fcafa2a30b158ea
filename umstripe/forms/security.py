from __future__ import annotations

import re
from typing import Any

from flask import request
from flask_security import ChangePasswordForm as FlaskSecurityChangePasswordForm
from flask_security import ForgotPasswordForm as FlaskSecurityForgotPasswordForm
from flask_security import LoginForm as FlaskSecurityLoginForm
from flask_security import current_user
from flask_security.utils import validate_redirect_url
from wtforms import EmailField, StringField

from umstripe.accounts import password_reset
from umstripe.database import db
from umstripe.forms.user import required, strip
from umstripe.models import User
from umstripe.normalization import encodable
from umstripe.security import rate_limits
from umstripe.security.rate_limits import TooManyTries

OR_RESET = "Or choose a new password by email: press “Lost your password?”."

PLAN_PAGE = re.compile(r"/subscribe/([A-Za-z0-9_-]{1,80})(?:[/?#]|$)")


class LoginForm(FlaskSecurityLoginForm):
    """The login, by username or mail address in one field. Nobody is redirected to another site afterwards.

    Wrong passwords are limited.
    """

    email = StringField(
        "Username or Email Address",
        filters=[strip],
        validators=[required("Please type your username or your mail address.")],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )

    @property
    def plan(self) -> str | None:
        """Return the key of the plan whose page the visitor comes from, for the link to register with it."""
        address = self.next.data or request.args.get("next", "")
        match = PLAN_PAGE.match(address)
        return match[1] if match else None

    def validate(self, **kwargs: Any) -> bool:
        if not validate_redirect_url(self.next.data or ""):
            self.next.data = ""
        self.ifield = self.email
        self.password.data = encodable(self.password.data or "")
        if not self.email.data or not self.password.data:
            return super().validate(**kwargs)
        try:
            return rate_limits.password_tries(self.email.data).check(
                lambda: self._has_right_password(**kwargs)
            )
        except TooManyTries as error:
            self.form_errors = [f"{rate_limits.answer_429(error)} {OR_RESET}"]
            return False

    def _has_right_password(self, **kwargs: Any) -> bool:
        self.user = User.with_identity(self.email.data or "")
        db.session.commit()  # so that on SQLite nobody waits for the lock while argon2 computes
        return super().validate(**kwargs)


class ChangePasswordForm(FlaskSecurityChangePasswordForm):
    """A new password instead of the current one. Wrong current passwords are limited."""

    def validate(self, **kwargs: Any) -> bool:
        if not self.password.data:
            return super().validate(**kwargs)
        tries = rate_limits.password_tries(current_user.username)
        try:
            tries.begin()
        except TooManyTries as error:
            self.password.errors = [rate_limits.answer_429(error)]
            return False
        is_valid = super().validate(**kwargs)
        if not self.password.errors:
            tries.succeeded()
        return is_valid


class ForgotPasswordForm(FlaskSecurityForgotPasswordForm):
    """Ask for a link to choose a new password.

    Never valid, so that Flask-Security answers the same and hashes a password, as it does for an unknown address; the
    mail is queued here, unless the person has got too many.
    """

    email = EmailField("Email", filters=[strip], render_kw={"autocomplete": "email"})

    def validate(self, **kwargs: Any) -> bool:
        email = (self.email.data or "")[:255]
        if super(FlaskSecurityForgotPasswordForm, self).validate(**kwargs) and email:
            password_reset.send(email)
            db.session.commit()
        return False
