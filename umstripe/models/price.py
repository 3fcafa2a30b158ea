from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text, UniqueConstraint, and_, func, select, update
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from umstripe.database import Model, Row, Transaction, db
from umstripe.models import snapshot
from umstripe.models.normalized_columns import search_column
from umstripe.models.snapshot import Snapshot, StripeObject, SyncedColumns, id_of
from umstripe.normalization import search_key


class Product(Model, SyncedColumns):
    """A copy of Stripe's product: the name of what is sold."""

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_product_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(Text, default="")
    name_key: Mapped[str] = search_column("name")
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (UniqueConstraint("mode", "stripe_product_id"),)

    @classmethod
    def sync_from_stripe(cls, tx: Transaction, state: Snapshot) -> bool:
        """Write a product's state. Return False when ours is newer; raise NeedsFetch when nobody can tell."""
        row = snapshot.get_for_update(tx, cls.__table__, state.mode, "stripe_product_id", state.id)
        values = _product_values(state.object, row)
        if not snapshot.is_newer(row, state, values, "product"):
            return False
        snapshot.write(tx, cls.__table__, row, state, values)
        return True


class Price(Model, SyncedColumns):
    """A copy of Stripe's price. `skipped` says in words why it cannot be sold, and is empty when it can."""

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_price_id: Mapped[str] = mapped_column(String(255))
    stripe_product_id: Mapped[str] = mapped_column(String(255))
    nickname: Mapped[str] = mapped_column(Text, default="")
    nickname_key: Mapped[str] = search_column("nickname")
    currency: Mapped[str] = mapped_column(String(255), default="")
    unit_amount: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(255))
    interval: Mapped[str] = mapped_column(String(255), default="")
    interval_count: Mapped[int] = mapped_column(default=1)
    active: Mapped[bool] = mapped_column(default=True)
    deleted: Mapped[bool] = mapped_column(default=False)
    skipped: Mapped[str] = mapped_column(String(200), default="")

    product: Mapped[Product | None] = relationship(
        primaryjoin=lambda: and_(
            Price.mode == foreign(Product.mode), Price.stripe_product_id == foreign(Product.stripe_product_id)
        ),
        viewonly=True,
        uselist=False,
        lazy="joined",
    )

    __table_args__ = (
        UniqueConstraint("mode", "stripe_price_id"),
        Index("ix_price_mode_stripe_product_id", "mode", "stripe_product_id"),
    )

    @classmethod
    def sync_from_stripe(cls, tx: Transaction, state: Snapshot) -> bool:
        """Write a price's state. Return False when ours is newer or deleted; raise NeedsFetch when nobody can tell."""
        row = snapshot.get_for_update(tx, cls.__table__, state.mode, "stripe_price_id", state.id)
        values = _price_values(state.object, row)
        if (row is not None and row.deleted) or not snapshot.is_newer(row, state, values, "price"):
            return False
        snapshot.write(tx, cls.__table__, row, state, values)
        return True

    @classmethod
    def close_unseen(cls, tx: Transaction, mode: str, before: int) -> None:
        """After a whole import: what Stripe no longer lists as active is not for sale (`before` in seconds)."""
        unseen = (cls.mode == mode, cls.active, cls.as_of < before - snapshot.AMBIGUOUS_SECONDS)
        tx.execute(update(cls).where(*unseen).values(active=False, as_of=before, revision=cls.revision + 1))

    @classmethod
    def listed(cls, mode: str, at_most: int) -> list[Price]:
        """Return the prices of a mode that were imported and are active, what can be sold first."""
        query = (
            select(cls)
            .where(cls.mode == mode, cls.active)
            .order_by(cls.skipped != "", cls.unit_amount, cls.id)
        )
        return list(db.session.scalars(query.limit(at_most)))

    @classmethod
    def recurring(cls, mode: str, currency: str) -> list[Price]:
        """Return the recurring prices of a mode and currency that are for sale, cheapest first."""
        query = select(cls).where(cls.mode == mode, cls.currency == currency, cls.type == "recurring")
        query = query.where(cls.active, ~cls.deleted, cls.skipped == "")
        return list(db.session.scalars(query.order_by(cls.unit_amount, cls.id)))

    @classmethod
    def count(cls, mode: str) -> int:
        query = select(func.count()).select_from(cls).where(cls.mode == mode, cls.active)
        return db.session.scalar(query) or 0

    @property
    def title(self) -> str:
        return (self.product.name if self.product else "") or self.nickname or self.stripe_price_id

    @property
    def is_for_sale(self) -> bool:
        return self.active and not self.deleted and not self.skipped


TYPES = ("one_time", "recurring")


def why_skipped(price: StripeObject) -> str:
    """Return why a price of Stripe's cannot become a plan, in words; empty when it can."""
    recurring = price.get("recurring") or {}
    if price.get("type") not in (None, *TYPES):
        return "This site does not know this type of price."
    if price.get("billing_scheme") == "tiered":
        return "Tiered prices are not supported: the amount depends on the quantity."
    if recurring.get("usage_type") == "metered":
        return "Metered prices are not supported: the amount depends on the use."
    if not price.get("currency"):
        return "The price has no currency."
    if price.get("custom_unit_amount"):
        return "The buyer chooses the amount; memberships need a fixed one."
    if price.get("unit_amount") is None:
        return "The price has no fixed amount in whole units of its currency."
    return ""


def _price_values(price: StripeObject, row: Row | None) -> dict[str, object]:
    if price.get("deleted") and row is not None:
        return {"active": False, "deleted": True}
    recurring = price.get("recurring") or {}
    return {
        "stripe_price_id": price["id"],
        "stripe_product_id": id_of(price.get("product")) or "",
        "nickname": price.get("nickname") or "",
        "nickname_key": search_key(price.get("nickname")),
        "currency": price.get("currency") or "",
        "unit_amount": price.get("unit_amount"),
        "type": "recurring" if recurring or price.get("type") == "recurring" else "one_time",
        "interval": recurring.get("interval") or "",
        "interval_count": recurring.get("interval_count") or 1,
        "active": bool(price.get("active")) and not price.get("deleted"),
        "deleted": bool(price.get("deleted")),
        "skipped": why_skipped(price),
    }


def _product_values(product: StripeObject, row: Row | None) -> dict[str, object]:
    if product.get("deleted") and row is not None:
        return {"active": False}
    return {
        "stripe_product_id": product["id"],
        "name": product.get("name") or "",
        "name_key": search_key(product.get("name")),
        "active": bool(product.get("active")) and not product.get("deleted"),
    }
