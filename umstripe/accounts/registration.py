"""How somebody without an account gets one."""

from __future__ import annotations

from dataclasses import dataclass

from flask_security import hash_password

from umstripe.database import db, now
from umstripe.models.activity import Activity
from umstripe.models.mail import Mail
from umstripe.models.settings import Settings
from umstripe.models.user import User


@dataclass(frozen=True)
class Registration:
    """What was typed, with the address of the caller. `path` is where the form is, for the log."""

    username: str
    email: str
    password: str
    billing_email: str
    address: str
    path: str

    def find_or_create(self) -> User | None:
        """Return the account of who registers: a new one, or the one they have if they type its password.

        So a second click, a second tab and the back button make one account. Return None when the address has an
        account and the password is not that one's: its owner gets an email, whoever registers learns nothing.
        Flushed, not committed. Raise IntegrityError when somebody took the name or the address just now.
        """
        known = User.with_email(self.email)
        if known is None:
            return self.create()
        if known.active and known.has_password(self.password):
            return known
        Mail.write(
            db.session.connection(), "known_address", f"{known.public_id}:{now():%Y-%m-%d}", user_id=known.id
        )
        self._log("security.register_again", "Somebody tried to register with this mail address", known)
        return None

    def create(self, is_confirmed: bool = False) -> User:
        """Return a new account, flushed. `is_confirmed`: who registers has read a mail to the address.

        Raise IntegrityError when somebody has the name or the address.
        """
        user = User(username=self.username, email=self.email, billing_email=self.billing_email)
        user.confirmed_at = now() if is_confirmed else None
        user.password, user.roles = hash_password(self.password), [Settings.get().default_role]
        db.session.add(user)
        db.session.flush()
        self._log("user.registered", f"{self.username} has registered", user)
        Mail.write(db.session.connection(), "welcome", user.public_id, user_id=user.id)
        return user

    def _log(self, action: str, description: str, user: User) -> None:
        line = {"trigger": "member", "user_id": user.id, "page": self.path[:200], "address": self.address}
        Activity.add(action, description, **line)
