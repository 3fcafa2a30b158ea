"""Flask-Security's datastore, which finds users by the normal form of an email address."""

from __future__ import annotations

from typing import Any

from flask_security import SQLAlchemyUserDatastore, UserMixin

from umstripe.models import User


class UserDatastore(SQLAlchemyUserDatastore):
    """Look up email addresses in their normal form (see normalization)."""

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> UserMixin | None:
        if "email" in kwargs:
            return User.with_email(kwargs["email"] or "")
        return super().find_user(case_insensitive, **kwargs)
