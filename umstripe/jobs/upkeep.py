"""Mails and deletions that time brings, without Stripe."""

from __future__ import annotations

import time
from datetime import timedelta

from dbos import DBOS
from sqlalchemy import delete, update

from umstripe.database import now, write
from umstripe.emails import triggers
from umstripe.jobs import steps
from umstripe.models import Connection, Delivery, LoginSession, Mail, RateLimit, Settings, site_identity

KEEP_ROWS = timedelta(days=400)


@DBOS.step(name="tell_of_ended_purchases", **steps.RETRIES)
def tell_of_ended_purchases() -> None:
    """Mail everybody whose one-time membership has ended, once for each. A copy of the site mails nobody."""
    with steps.site():
        if site_identity.mismatches():
            return
        modes = Connection.connected_modes()
        with write() as tx:
            for mode in modes:
                triggers.notify_ended_purchases(tx, mode, int(time.time()))


@DBOS.step(name="forget_old_bodies", **steps.RETRIES)
def forget_old_bodies() -> None:
    """Delete the bodies of deliveries after the set number of days, their rows after 400. What failed, or was paid for
    nothing here, is kept whole."""
    with steps.site():
        keep = timedelta(days=Settings.get().keep_bodies_days)
        with write() as tx:
            done = Delivery.result.not_in(("failed", "unsold"))
            old = update(Delivery).where(Delivery.received_at < now() - keep, Delivery.body != "", done)
            tx.execute(old.values(body=""))
            tx.execute(delete(Delivery).where(Delivery.received_at < now() - KEEP_ROWS, done))


@DBOS.step(name="delete_expired_logins", **steps.RETRIES)
def delete_expired_logins() -> None:
    """Delete the rows of logins that have ended."""
    with steps.site(), write() as tx:
        LoginSession.delete_expired(tx)


@DBOS.step(name="forget_expired_limits", **steps.RETRIES)
def forget_expired_limits() -> None:
    """Delete expired counters of rate limits, and mails to addresses without an account."""
    with steps.site(), write() as tx:
        RateLimit.forget_expired(tx)
        Mail.forget_without_account(tx)
