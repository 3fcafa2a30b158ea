"""The import of prices: every active price of an account, page after page."""

from __future__ import annotations

from dbos import DBOS

from umstripe.database import Transaction, db, write
from umstripe.errors import StripeRefused
from umstripe.jobs import steps
from umstripe.models import Activity, Connection, Job, Plan, Price, Product, Settings
from umstripe.models.snapshot import NeedsFetch, Snapshot
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Page
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import MAX_ATTEMPTS


@DBOS.workflow(name="import_prices")
def import_prices(mode: str) -> None:
    """Bring all active prices of a mode's account, page after page, and make a plan for each new one.

    Its progress is in its Job; memory holds one page, however many there are.
    """
    try:
        after, seen, began = None, 0, None
        while True:
            after, seen, as_of = import_page(mode, after, seen)
            began = as_of if began is None else began
            if after is None:
                break
        finish_import(mode, began, seen)
    except steps.FAILURES as error:
        steps.fail(mode, "import", str(steps.cause(error)))


@DBOS.step(name="import_page", **steps.RETRIES)
def import_page(mode: str, after: str | None, seen: int) -> tuple[str | None, int, int]:
    """Import the page after a price id. Return the id to go on after (None at the end), how many prices have
    been seen, and as of when the page is (seconds)."""
    with steps.site():
        stripe = Connection.of(mode).stripe()
        default_role = Settings.get().default_role_id
        db.session.remove()
        page = _page(stripe, after)
        seen += len(page.items)
        for needed in _write_page(mode, page, seen, default_role):
            _fetch_and_write(mode, needed, stripe, default_role)
        return page.after, seen, page.as_of


def _page(stripe: Stripe, after: str | None) -> Page[types.Price]:
    """Return a page with the products' names, or without them when the key may not read products."""
    try:
        return stripe.prices(after, with_products=True)
    except StripeRefused as refusal:
        if refusal.status != 403:
            raise
        return stripe.prices(after, with_products=False)


def _write_page(mode: str, page: Page[types.Price], seen: int, default_role: int) -> list[NeedsFetch]:
    needs_fetch = []
    with write() as tx:
        for price in page.items:
            try:
                _apply(tx, mode, price, page.as_of)
            except NeedsFetch as needed:
                needs_fetch.append(needed)
        Plan.make_for(tx, mode, default_role)
        Job.tell(tx, mode, "import", state="running", seen=seen)
    return needs_fetch


def _apply(tx: Transaction, mode: str, price: types.Price, as_of: int) -> None:
    if not isinstance(price["product"], str):
        Product.sync_from_stripe(tx, Snapshot(mode, price["product"], as_of))
    Price.sync_from_stripe(tx, Snapshot(mode, price, as_of))


def _fetch_and_write(mode: str, needed: NeedsFetch, stripe: Stripe, default_role: int) -> None:
    """Fetch a price or product by itself that changed while its page was read."""
    model: type[Price] | type[Product] = Price if needed.kind == "price" else Product
    for _ in range(MAX_ATTEMPTS):
        answer = stripe.fetch(needed.kind, needed.stripe_id)
        try:
            with write() as tx:
                model.sync_from_stripe(tx, Snapshot(mode, answer.object, answer.as_of, needed.revision))
                Plan.make_for(tx, mode, default_role)
            return
        except NeedsFetch as again:
            needed = again


@DBOS.step(name="finish_import", **steps.RETRIES)
def finish_import(mode: str, began: int, seen: int) -> None:
    with steps.site(), write() as tx:
        Price.close_unseen(tx, mode, began)
        Job.tell(tx, mode, "import", state="done", seen=seen, error="")
        description, details = f"Prices imported from Stripe: {seen}", {"prices": seen}
        Activity.write(tx, "prices.imported", description, trigger="work", mode=mode, details=details)
