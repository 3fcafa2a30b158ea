"""Open disputes of a mode's payments: for the health page."""

from __future__ import annotations

from collections.abc import Iterator

from umstripe.formatting import day_words
from umstripe.health.check import WARNING, Check
from umstripe.models import Dispute
from umstripe.models.dispute import WAITING, is_inquiry


def disputes(mode: str) -> Iterator[Check]:
    """Return a warning each for the disputes and for the inquiries that are open."""
    found = Dispute.open_in(mode)
    chargebacks = [one for one in found if not is_inquiry(one.status)]
    inquiries = [one for one in found if is_inquiry(one.status)]
    if chargebacks:
        yield _check("Disputes", "dispute", chargebacks, TAKEN)
    if inquiries:
        yield _check("Inquiries", "inquiry", inquiries, ASKED)


TAKEN = (
    "Send your evidence at Stripe, or accept the dispute. A lost dispute of a one-time payment ends its membership; a "
    "subscription goes on until you cancel it."
)
ASKED = "No money has been taken back yet. Answer at Stripe, or refund the payment: otherwise it can become a dispute."


def _check(name: str, word: str, found: list[Dispute], do: str) -> Check:
    first, number = found[0], len(found)
    amount = f" of {first.amount_words}" if number == 1 else ""
    plural = word if number == 1 else f"{name.lower()}"
    says = f"{number} {plural}{amount} {'is' if number == 1 else 'are'} open."
    waiting = [one.due_by for one in found if one.status in WAITING and one.due_by]
    until = f" Answer by {day_words(min(waiting))}." if waiting else ""
    link = first.dashboard_url if number == 1 else first.dashboard_url.rpartition("/")[0]
    return Check(name, WARNING, says + until, do, link=link)
