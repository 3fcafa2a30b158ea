"""Mails about reserved amounts that go back soon."""

from __future__ import annotations

import time

from dbos import DBOS

from umstripe.database import write
from umstripe.emails.triggers import plan_title
from umstripe.formatting import amount_words, moment_words
from umstripe.jobs import steps
from umstripe.listings import approvals
from umstripe.models import Mail


@DBOS.step(name="warn_of_approvals", **steps.RETRIES)
def warn_of_approvals() -> None:
    """Mail every administrator, once for each payment whose reservation ends within 48 hours."""
    with steps.site(), write() as tx:
        for row in approvals.ending_soon(tx, int(time.time())):
            values = {
                "member": row.member,
                "plan": plan_title(tx, row.mode, row.stripe_price_id),
                "amount": amount_words(row.amount, row.currency),
                "date": moment_words(row.capture_before),
            }
            Mail.to_administrators(tx, "approval", row.stripe_payment_intent_id, **values)
