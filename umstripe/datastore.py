"""How Flask-Security finds users."""

from __future__ import annotations

from typing import Any

from flask_security import SQLAlchemyUserDatastore, UserMixin

from umstripe.models import User


class UserDatastore(SQLAlchemyUserDatastore):
    """Addresses are looked up in their normal form, as everywhere else."""

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> UserMixin | None:
        if "email" in kwargs:
            return User.with_email(kwargs["email"] or "")
        return super().find_user(case_insensitive, **kwargs)
