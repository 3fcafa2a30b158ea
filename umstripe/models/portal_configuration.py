from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import String, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, read, write
from umstripe.models.price import Price
from umstripe.models.settings import Settings
from umstripe.normalization import digest
from umstripe.stripe_api.client import Stripe

PRODUCTS_AT_MOST = 10


class PortalConfiguration(Model):
    """A portal configuration that we made at Stripe, found again by the digest of what it says.

    Plans and settings say what the portal of a member may do; that is looked up here when the portal is opened, and
    made at Stripe when it is new. So there is nothing to keep in step.
    """

    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    stripe_configuration_id: Mapped[str] = mapped_column(String(255))

    @classmethod
    def find_id(cls, mode: str, says: Mapping[str, object]) -> str:
        """Return the id of the configuration that says this; "" when there is none yet."""
        query = select(cls.stripe_configuration_id).where(cls.mode == mode, cls.digest == digest(says))
        with read() as tx:
            return tx.execute(query).scalar() or ""

    @classmethod
    def make(cls, stripe: Stripe, mode: str, says: Mapping[str, object], instead_of: str = "") -> str:
        """Make a configuration at Stripe, once however many ask, and keep its id. Raise StripeError.

        `instead_of` is one that Stripe does not take any more: it was switched off, or is of another account.
        """
        says_digest = digest(says)
        key = f"umstripe-portal-{says_digest[:40]}-{instead_of}"
        made = str(stripe.create_portal_configuration(says, key)["id"])
        ours = (cls.mode == mode, cls.digest == says_digest)
        try:
            with write() as tx:
                tx.execute(delete(cls).where(*ours))
                tx.execute(insert(cls).values(mode=mode, digest=says_digest, stripe_configuration_id=made))
        except IntegrityError:
            pass  # somebody else was faster, and has kept the same id
        return made


def what_it_says(settings: Settings, prices: Sequence[Price]) -> dict[str, object]:
    """Return what the portal of a member may do who may switch between these prices (the present one is the first).

    https://docs.stripe.com/api/customer_portal/configurations/create
    """
    features: dict[str, object] = {
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "customer_update": {"enabled": True, "allowed_updates": ["address", "email", "tax_id"]},
        "subscription_cancel": {"enabled": settings.cancel_allowed, "mode": "at_period_end"},
        "subscription_update": _switches(prices),
    }
    if settings.pause_allowed:
        features["subscription_pause"] = {"enabled": True, "duration": {"type": "indefinite"}}
    return {"features": features, "metadata": {"umstripe_instance": settings.instance_id}}


def _switches(prices: Sequence[Price]) -> dict[str, object]:
    """Of a product's prices with the same interval the portal shows one: the present one, or the first."""
    same = [price for price in prices if price.type == "recurring" and price.currency == prices[0].currency]
    if len(same) < 2:
        return {"enabled": False}
    products: dict[str, dict[tuple[str, int], str]] = {}
    for price in same:
        cycles = products.setdefault(price.stripe_product_id, {})
        cycles.setdefault((price.interval, price.interval_count), price.stripe_price_id)
    listed = [{"product": product, "prices": sorted(cycles.values())} for product, cycles in products.items()]
    how = {"default_allowed_updates": ["price"], "proration_behavior": "always_invoice"}
    how["trial_update_behavior"] = "continue_trial"
    return {"enabled": True, **how, "products": listed[:PRODUCTS_AT_MOST]}
