"""The statuses of memberships and what each means: everything else asks this table (rule 1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """What a status of a subscription or of a one-time purchase means. `label` is how it is shown.

    `live`: the membership gives the role of its status, and its holder cannot buy another one. `ended`: it was live
    once; the latest ended one counts while nothing is live. `final`: Stripe never changes it again. `renews`: the
    next payment comes by itself. `owed`: an invoice waits for its payment. `paid`: the money of a purchase has come.
    """

    label: str
    live: bool = False
    ended: bool = False
    final: bool = False
    renews: bool = False
    owed: bool = False
    paid: bool = False


TABLE = {
    "active": Status("Active", live=True, renews=True),
    "trialing": Status("Trialing", live=True, renews=True),
    "past_due": Status("Past Due", live=True, owed=True),
    "unpaid": Status("Unpaid", live=True, owed=True),
    "paused": Status("Paused", live=True),
    "canceled": Status("Canceled", ended=True, final=True),
    "revoked": Status("Revoked", ended=True),
    "incomplete": Status("Incomplete", owed=True),
    "incomplete_expired": Status("Incomplete Expired", final=True),
    "paid": Status("Paid", live=True, paid=True),
    "pending": Status("Pending", live=True),
    "expired": Status("Expired", ended=True, paid=True),
    "refunded": Status("Refunded", ended=True, paid=True),
    "disputed": Status("Disputed", ended=True, paid=True),
    "failed": Status("Failed"),
}
"""Stripe's statuses of a subscription, with `paused` and `revoked` of ours, and then those of a purchase."""

INCOMPLETE = "incomplete"
"""A first payment that is still open. It is live if its plan gives a role for it."""
LIVE = frozenset(name for name, status in TABLE.items() if status.live)
ENDED = frozenset(name for name, status in TABLE.items() if status.ended)
FINAL = frozenset(name for name, status in TABLE.items() if status.final)
RENEWING = frozenset(name for name, status in TABLE.items() if status.renews)
OWED = frozenset(name for name, status in TABLE.items() if status.owed)
PAID = frozenset(name for name, status in TABLE.items() if status.paid)
OVERDUE = OWED & LIVE
NOT_LIVE = TABLE.keys() - LIVE
"""For queries: a status that Stripe may add later is none of these, and counts as live."""
NEVER_BEGUN = NOT_LIVE - ENDED
"""First payments that made nobody a member, or not yet."""
OVER = NOT_LIVE - {INCOMPLETE}
UNDECIDED = NEVER_BEGUN - FINAL | {""}
"""What a payment may have left behind while a later try, or its event, is on its way; "" for nothing."""
LABELS = {"": "Inactive", **{name: TABLE[name].label for name in sorted(TABLE)}}
