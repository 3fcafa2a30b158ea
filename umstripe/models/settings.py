from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Self

from sqlalchemy import JSON, ForeignKey, String, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Encrypted, Model, UTCDateTime, db
from umstripe.models.role import Role

ONLY = 1
ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?")


def counted_modes(sandbox: bool) -> tuple[str, ...]:
    """Return the modes whose memberships give roles, with the sandbox on or off.

    What was paid for always counts. A sandbox membership counts while the sandbox is on, so that
    trying things out never takes a paying member's role, and play money opens nothing afterwards.
    """
    return ("live", "test") if sandbox else ("live",)


class Settings(Model):
    """The site's settings: one typed row, made by the first migration.

    `register_field` is how the registration form shows plans: `hidden`, `single` (the link's plan alone) or
    `several` (a choice of all public ones). `one_trial`: nobody gets a second trial. `one_trial_per_card`: nor does a
    card, on whatever account (see trial_card). `site_url` is the address that an
    administrator confirmed, or ""; read it through models/site_address. `seen_address` is where an administrator's browser
    saw the site last (`browser`), what the request looked like here (`request`), and whether a proxy named the visitor's
    address (`forwarded_for`, or ""). `password_salt`: see models/password_schemes.
    """

    id: Mapped[int] = mapped_column(primary_key=True, default=ONLY)
    instance_id: Mapped[str] = mapped_column(String(32), default=lambda: secrets.token_hex(16))
    site_name: Mapped[str] = mapped_column(String(80), default="Member Site")
    site_url: Mapped[str] = mapped_column(String(255), default="", server_default="")
    sandbox: Mapped[bool] = mapped_column(default=True)
    replace_roles: Mapped[bool] = mapped_column(default=False)
    test_clock: Mapped[bool] = mapped_column(default=False)
    test_clock_id: Mapped[str] = mapped_column(String(255), default="")
    activity_off: Mapped[bool] = mapped_column(default=False)
    embedded_checkout: Mapped[bool] = mapped_column(default=False)
    collection_method_choice: Mapped[bool] = mapped_column(default=False)
    register_field: Mapped[str] = mapped_column(String(10), default="several", server_default="several")
    register_without_plan: Mapped[bool] = mapped_column(default=True, server_default=true())
    billing_email_field: Mapped[bool] = mapped_column(default=False, server_default=false())
    automatic_tax: Mapped[bool] = mapped_column(default=False, server_default=false())
    billing_address: Mapped[bool] = mapped_column(default=False, server_default=false())
    one_trial: Mapped[bool] = mapped_column(default=True, server_default=true())
    one_trial_per_card: Mapped[bool] = mapped_column(default=False, server_default=false())
    cancel_allowed: Mapped[bool] = mapped_column(default=True, server_default=true())
    pause_allowed: Mapped[bool] = mapped_column(default=False, server_default=false())
    keep_bodies_days: Mapped[int] = mapped_column(default=30, server_default="30")
    home: Mapped[dict[str, str] | None] = mapped_column(JSON)
    seen_address: Mapped[dict[str, str] | None] = mapped_column(JSON)
    worker_outage_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    default_role_id: Mapped[int] = mapped_column(ForeignKey("role.id"))
    password_salt: Mapped[str | None] = mapped_column(Encrypted(4000), deferred=True)
    setup_token_hash: Mapped[str | None] = mapped_column(String(64))

    default_role: Mapped[Role] = relationship(lazy="joined")

    @classmethod
    def get(cls) -> Self:
        return db.session.get_one(cls, ONLY)

    @property
    def mode(self) -> str:
        """What the screens show and what new checkouts use: `test` or `live`."""
        return "test" if self.sandbox else "live"

    @property
    def counted_modes(self) -> tuple[str, ...]:
        """The modes whose memberships give roles."""
        return counted_modes(self.sandbox)

    def change(self, values: Mapping[str, object]) -> list[str]:
        """Take values over. Return the names of those that changed."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def see_address(self, seen: dict[str, str]) -> bool:
        """Take over where a browser sees the site. Return whether that is new; what is no address never is."""
        is_address = len(seen["browser"]) < 256 and ORIGIN.fullmatch(seen["browser"])
        if not is_address or seen == self.seen_address:
            return False
        self.seen_address = seen
        return True

    @property
    def clock_for_new_customers(self) -> str | None:
        return self.test_clock_id if self.sandbox and self.test_clock and self.test_clock_id else None
