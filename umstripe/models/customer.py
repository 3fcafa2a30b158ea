from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ForeignKey, String, UniqueConstraint, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, Row, Seconds, Transaction, advisory_lock, db
from umstripe.models import snapshot
from umstripe.models.user import User


class Customer(Model):
    """The link between a user and a customer at Stripe. One that was deleted there stays, as the way to
    what it had; `User.customer` does not give it any more. `audited` is the number of the last audit that met it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_customer_id: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    deleted: Mapped[bool] = mapped_column(default=False)
    audited: Mapped[Seconds] = mapped_column(default=0, server_default="0")

    user: Mapped[User] = relationship(back_populates="customers")

    __table_args__ = (UniqueConstraint("mode", "stripe_customer_id"),)

    @property
    def dashboard_url(self) -> str:
        """Where Stripe shows the customer."""
        return f"https://dashboard.stripe.com/{'test/' if self.mode == 'test' else ''}customers/{self.stripe_customer_id}"

    @classmethod
    def there_is_one(cls, mode: str) -> bool:
        """Return whether anybody of ours is a customer in a mode."""
        return db.session.scalar(select(cls.id).where(cls.mode == mode).limit(1)) is not None

    @classmethod
    def get_for_update(cls, tx: Transaction, mode: str, stripe_customer_id: str | None) -> Row | None:
        """Return the row, locked for this transaction, or None for a customer that is not ours (rule 5)."""
        if not stripe_customer_id:
            return None
        return snapshot.get_for_update(tx, cls.__table__, mode, "stripe_customer_id", stripe_customer_id)

    @classmethod
    def get_or_reserve(cls, tx: Transaction, mode: str, stripe_customer_id: str | None) -> Row | None:
        """As `get_for_update`; and one that is not ours does not become ours until this transaction has ended.

        Without that, an event that is found foreign and the link that makes it ours could pass each other.
        """
        row = cls.get_for_update(tx, mode, stripe_customer_id)
        if row is not None or not stripe_customer_id:
            return row
        advisory_lock(tx, stripe_customer_id)
        return cls.get_for_update(tx, mode, stripe_customer_id)

    @classmethod
    def user_id_of(cls, tx: Transaction, customer_id: int) -> int:
        return tx.execute(select(cls.user_id).where(cls.id == customer_id)).scalar_one()

    @classmethod
    def link(
        cls, tx: Transaction, mode: str, stripe_customer_id: str | None, public_id: str | None
    ) -> Row | None:
        """Link a customer to the user with this public id (rule 8). A link that exists stays as it is.

        Return the customer's row, or None when there is no such user.
        """
        row = cls.get_or_reserve(tx, mode, stripe_customer_id)
        user_id = (
            tx.execute(select(User.id).where(User.public_id == public_id)).scalar() if public_id else None
        )
        if row is not None or user_id is None or not stripe_customer_id:
            return row
        tx.execute(
            insert(cls).values(
                mode=mode, stripe_customer_id=stripe_customer_id, user_id=user_id, deleted=False
            )
        )
        return cls.get_for_update(tx, mode, stripe_customer_id)

    @classmethod
    def unlink(cls, tx: Transaction, row: Row) -> None:
        tx.execute(update(cls).where(cls.id == row.id).values(deleted=True))


def metadata_for(user: User, instance_id: str) -> Mapping[str, str]:
    """Return what our customers carry at Stripe, so that the site knows them again after a crash or a restore."""
    return {"umstripe_user": user.public_id, "umstripe_instance": instance_id}
