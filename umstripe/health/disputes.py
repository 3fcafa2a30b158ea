"""Check a mode's payments for open disputes."""

from __future__ import annotations

from collections.abc import Iterator

from umstripe.formatting import day_words
from umstripe.health.check import WARNING, Check
from umstripe.models import Dispute
from umstripe.models.dispute import WAITING, is_inquiry


def disputes(mode: str) -> Iterator[Check]:
    """Yield a warning for the open disputes, and one for the open inquiries."""
    open_disputes = Dispute.open_in(mode)
    chargebacks = [dispute for dispute in open_disputes if not is_inquiry(dispute.status)]
    inquiries = [dispute for dispute in open_disputes if is_inquiry(dispute.status)]
    if chargebacks:
        yield _check("Disputes", "dispute", chargebacks, CHARGEBACK_ADVICE)
    if inquiries:
        yield _check("Inquiries", "inquiry", inquiries, INQUIRY_ADVICE)


CHARGEBACK_ADVICE = (
    "Send your evidence at Stripe, or accept the dispute. A lost dispute of a one-time payment ends its membership; a "
    "subscription goes on until you cancel it."
)
INQUIRY_ADVICE = "No money has been taken back yet. Answer at Stripe, or refund the payment: otherwise it can become a dispute."


def _check(name: str, noun: str, open_disputes: list[Dispute], advice: str) -> Check:
    first, number = open_disputes[0], len(open_disputes)
    amount = f" of {first.amount_words}" if number == 1 else ""
    plural = noun if number == 1 else name.lower()
    message = f"{number} {plural}{amount} {'is' if number == 1 else 'are'} open."
    due = [dispute.due_by for dispute in open_disputes if dispute.status in WAITING and dispute.due_by]
    until = f" Answer by {day_words(min(due))}." if due else ""
    link = first.dashboard_url if number == 1 else first.dashboard_url.rpartition("/")[0]
    return Check(name, WARNING, message + until, advice, link=link)
