from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model
from umstripe.models.role import Role
from umstripe.statuses import INCOMPLETE

ROLE_LABELS = {
    "recurring": {
        "active": "Active Role",
        "unpaid": "Unpaid Role",
        "paused": "Paused Role",
        "past_due": "Past Due Role",
        "canceled": "Canceled Role",
        "trialing": "Trialing Role",
        "incomplete": "Incomplete Role",
    },
    "one_time": {
        "paid": "Role on payment",
        "refunded": "Refunded Role",
        "expired": "Expired access Role",
        "pending": "Pending account Role",
    },
}
"""The statuses a plan of each type gives roles for, with the labels of the plan screen, in its order."""


class PlanRole(Model):
    """The role that a plan gives in one status; no row, no role."""

    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"), index=True)

    role: Mapped[Role] = relationship(lazy="joined")


def default_roles(type_: str) -> list[str]:
    """Return the statuses in which a new plan of this type gives the default role of new users.

    A first payment that is still open makes nobody a member, unless an administrator says so (rule 1).
    """
    return [status for status in ROLE_LABELS[type_] if status != INCOMPLETE]
