from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import db


class PortalConfiguration(db.Model):
    """A portal configuration that we made at Stripe, found again by the digest of what it says.

    Plans and settings say what the portal of a member may do; that is looked up here when the portal is opened, and
    made at Stripe when it is new. So there is nothing to keep in step.
    """

    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    stripe_configuration_id: Mapped[str] = mapped_column(String(255))
