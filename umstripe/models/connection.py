from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import JSON, String, Text, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import (
    UNREADABLE,
    WITHOUT_ITS_KEY,
    Encrypted,
    Model,
    Seconds,
    UTCDateTime,
    db,
    now,
    read,
    write,
)
from umstripe.errors import ClonedSite, NotAllowed, StripeError, StripeRefused
from umstripe.models import site_address, site_identity
from umstripe.models.customer import Customer, metadata_for
from umstripe.models.mail import Mail
from umstripe.models.settings import Settings
from umstripe.models.user import User
from umstripe.normalization import digest
from umstripe.stripe_api import account, endpoint
from umstripe.stripe_api.client import Stripe
from umstripe.stripe_api.field_rules import ID, valid_or_empty

CONNECTING_TAKES_AT_MOST = timedelta(seconds=120)


class Connection(Model):
    """One mode's keys, webhook endpoint and signing secret. Both rows exist from the first migration on."""

    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    publishable_key: Mapped[str | None] = mapped_column(Encrypted(1000))
    secret_key: Mapped[str | None] = mapped_column(Encrypted(1000))
    connected_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    account_name: Mapped[str] = mapped_column(Text, default="")
    stripe_account_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    rights: Mapped[dict[str, bool | None]] = mapped_column(JSON, default=dict)
    stripe_endpoint_id: Mapped[str | None] = mapped_column(String(255))
    endpoint_url: Mapped[str] = mapped_column(String(500), default="")
    endpoint_secret: Mapped[str | None] = mapped_column(Encrypted(1000))
    endpoint_problem: Mapped[str] = mapped_column(String(1000), default="")
    endpoints_made: Mapped[int] = mapped_column(default=0)
    busy_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    previous_secret: Mapped[str | None] = mapped_column(Encrypted(1000))
    previous_secret_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    events_read_until: Mapped[Seconds | None] = mapped_column()
    endpoint_check: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    silence_told_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def of(cls, mode: str) -> Connection:
        return db.session.get_one(cls, mode)

    @classmethod
    def connected_modes(cls) -> list[str]:
        return [mode for mode in ("test", "live") if cls.of(mode).is_connected]

    @classmethod
    def signing_secrets(cls, mode: str, age: float = 0) -> list[str]:
        """Return the secrets that a delivery may be signed with; none before the first connect (rule 6).

        They may have been read up to `age` seconds ago. Raise NotAllowed when they cannot be read.
        """
        kept: dict[str, tuple[float, list[str]]] = current_app.extensions.setdefault("signing_secrets", {})
        read_at, good = kept.get(mode, (0.0, []))
        if time.monotonic() - read_at > age:
            read_at = time.monotonic()
            with read() as tx:
                stored = tx.execute(SIGNING_SECRETS, {"mode": mode}).one()
            earlier = stored.previous_secret if (stored.previous_secret_until or now()) > now() else None
            candidates = (current_app.config["WEBHOOK_SECRETS"][mode], stored.endpoint_secret, earlier)
            good = [secret for secret in candidates if secret]
            if not good and stored.endpoint_secret is UNREADABLE:
                raise NotAllowed(WITHOUT_ITS_KEY)
            kept[mode] = (read_at, good)
        return good

    @property
    def is_connected(self) -> bool:
        return self.connected_at is not None

    @property
    def is_unreadable(self) -> bool:
        """Whether the keys were stored with an encryption key that is not here."""
        return self.secret_key is UNREADABLE

    @property
    def has_keys(self) -> bool:
        return bool(self.publishable_key and self.secret_key)

    @property
    def override_secret(self) -> str:
        """The signing secret that the environment gives, for deliveries through the Stripe CLI."""
        return str(current_app.config["WEBHOOK_SECRETS"][self.mode])

    @property
    def rights_table(self) -> list[dict[str, str]]:
        """A restricted key's rights as probed; empty for a secret key."""
        return account.rights_table(self.rights)

    def keep_keys(self, publishable: str, secret: str) -> bool:
        """Keep the keys that were typed; an empty one keeps what is stored. New keys must be connected again, and
        may be of another account: how far the events of the last one were read says nothing of theirs.

        Return whether anything changed.
        """
        typed = (publishable or self.publishable_key, secret or self.secret_key)
        changed = typed != (self.publishable_key, self.secret_key)
        if changed:
            self.publishable_key, self.secret_key = typed
            self.connected_at, self.rights, self.events_read_until = None, {}, None
            self.account_name = self.stripe_account_id = ""
        return changed

    def must_be_usable(self) -> None:
        """Raise NotAllowed while there is no secret key, or none that can be read."""
        if self.is_unreadable:
            raise NotAllowed(WITHOUT_ITS_KEY)
        if not self.secret_key:
            raise NotAllowed("The Stripe keys are missing. Enter them in Settings > Extensions > Stripe.")

    def stripe(self, retries: int | None = None) -> Stripe:
        """Stripe, with this mode's secret key. Raise NotAllowed when there is none.

        From a copy of the site it is there for reading only. `retries` as with Stripe.
        """
        self.must_be_usable()
        base = current_app.config["STRIPE_API_BASE"]
        return Stripe(self.secret_key or "", base, retries, may_write=not site_identity.mismatches())

    def connect(self, site_url: str, events: Iterable[str], publishable: str = "", secret: str = "") -> None:
        """Check both keys, keep them, probe the rights, have one endpoint at Stripe for `site_url`.

        Empty keys are the stored ones. Keys that Stripe refuses are not kept: what worked before still works.

        Without an endpoint (a local site, a missing right) the account is connected all the same, and
        `endpoint_problem` says what to do. Raise KeyRefused, StripeUnavailable, ClonedSite, or NotAllowed while
        another administrator connects.
        """
        site_identity.must_be_here()
        self._reserve()
        try:
            keys = (publishable or self.publishable_key or "", secret or self.secret_key or "")
            stripe = account.check_keys(*keys)
            seen = stripe.account()
            rights = account.probe_rights(stripe) if keys[1].startswith("rk_") else {}
            self.keep_keys(*keys)
            self.account_name, self.rights = account.display_name(seen), rights
            self.stripe_account_id = valid_or_empty(ID, (seen or {}).get("id"))
            if self.events_read_until is None and not Customer.there_is_one(self.mode):
                self.events_read_until = int(time.time())
            self._have_endpoint(stripe, site_url, events)
            self.connected_at, self.endpoint_check = now(), {}
            site_identity.confirm()
        finally:
            self.busy_until = None
            db.session.commit()

    def look(self, site_url: str, events: Iterable[str]) -> None:
        """Ask Stripe how our endpoint is, and keep the answer for the health page (`endpoint_check`).

        `site_url` is "" while the site's address is not known.
        """
        url = endpoint.address(site_url, self.mode) if site_url else self.endpoint_url
        known, stripe = self.stripe_endpoint_id, self.stripe(retries=0)
        db.session.commit()
        try:
            answer: dict[str, object] = endpoint.check(stripe, known, url, set(events)) if known else {}
        except StripeError as error:
            answer = {"error": f"Stripe could not be asked about the webhook endpoint: {error}"}
            answer["refused"] = isinstance(error, StripeRefused)
        self.endpoint_check = {"at": now().isoformat(), **answer}
        db.session.commit()

    def disconnect(self) -> str:
        """Delete the endpoint at Stripe and forget keys and secret. Return what is left at Stripe, or ""."""
        left = ""
        if self.stripe_endpoint_id:
            try:
                stripe = self.stripe(retries=0)
                db.session.commit()
                stripe.delete_webhook_endpoint(self.stripe_endpoint_id)
            except (StripeError, ClonedSite) as error:
                left = f"The webhook endpoint {self.endpoint_url} could not be deleted at Stripe: {error}"
        self.forget()
        db.session.commit()
        return left

    def forget(self) -> None:
        """Forget keys, endpoint and secrets, and leave everything at Stripe as it is."""
        self.publishable_key = self.secret_key = self.connected_at = None
        self.stripe_endpoint_id = self.endpoint_secret = self.previous_secret = None
        self.endpoint_url = self.endpoint_problem = self.account_name = self.stripe_account_id = ""
        self.endpoint_check, self.events_read_until, self.rights = {}, None, {}

    @classmethod
    def forget_all(cls) -> None:
        """This is a copy of a site: forget both modes, and the mails that the other site sends; and be another
        instance, so that nothing of the other site's at Stripe is taken for ours."""
        Mail.forget_queued()
        for mode in ("test", "live"):
            connection = cls.of(mode)
            connection.forget()
            connection.previous_secret_until, connection.endpoints_made = None, 0
        Settings.get().instance_id = secrets.token_hex(16)
        site_address.forget()
        site_identity.confirm()

    def change_secret(self, site_url: str, events: Iterable[str]) -> None:
        """Have a new signing secret, and lose no delivery.

        A second endpoint is made at Stripe; from then on both secrets are good, the earlier one for 24 hours;
        then the first endpoint goes. What it had not delivered yet is a catch-up's to bring. Raise StripeError,
        or NotAllowed without an endpoint of ours, from a copy, and while another administrator connects.
        """
        if not self.endpoint_secret:
            raise NotAllowed("There is no signing secret yet: connect Stripe first.")
        self._reserve()
        try:
            url, instance_id = endpoint.address(site_url, self.mode), Settings.get().instance_id
            stripe = self.stripe()
            db.session.commit()
            made = endpoint.create(stripe, url, events, instance_id, self.endpoints_made)
            self.previous_secret = self.endpoint_secret
            self.previous_secret_until = now() + EARLIER_SECRET_IS_GOOD_FOR
            self.stripe_endpoint_id, self.endpoint_url = made.stripe_endpoint_id, url
            self.endpoint_secret = made.secret
            self.endpoints_made, self.endpoint_check = self.endpoints_made + 1, {}
            db.session.commit()
            self._have_endpoint(stripe, site_url, events)
        finally:
            self.busy_until = None
            db.session.commit()

    def create_customer(self, user: User) -> Customer:
        """Make the user's customer at Stripe, once: a repeated try finds the same one. Raise StripeError."""
        settings, stripe = Settings.get(), self.stripe(retries=0)
        earlier = [customer.stripe_customer_id for customer in user.customers if customer.mode == self.mode]
        params: dict[str, object] = {"email": user.billing_email or user.email}
        params["name"] = user.name or user.username
        params["metadata"] = metadata_for(user, settings.instance_id)
        clock = settings.clock_for_new_customers if self.mode == "test" else None
        params |= {"test_clock": clock} if clock else {}
        db.session.commit()
        created = stripe.create_customer(params, _idempotency_key(params, earlier))
        with write() as tx:
            customer = Customer.link(tx, self.mode, created["id"], user.public_id)
        db.session.expire(user, ["customers"])
        assert customer is not None, "The user is there"
        return db.session.get_one(Customer, customer.id)

    def _reserve(self) -> None:
        free = or_(Connection.busy_until.is_(None), Connection.busy_until < now())
        reserve = update(Connection).where(Connection.mode == self.mode, free)
        reserve = reserve.values(busy_until=now() + CONNECTING_TAKES_AT_MOST)
        taken = db.session.execute(reserve.returning(Connection.mode)).first()
        db.session.commit()
        if not taken:
            raise NotAllowed(
                "Another administrator is connecting at this moment. Reload the page in a minute."
            )
        db.session.refresh(self)
        db.session.commit()

    def _have_endpoint(self, stripe: Stripe, site_url: str, events: Iterable[str]) -> None:
        url, settings = endpoint.address(site_url, self.mode), Settings.get()
        known = self.stripe_endpoint_id if self.endpoint_secret else None
        db.session.commit()
        try:
            ensured = endpoint.ensure(stripe, url, events, settings.instance_id, known, self.endpoints_made)
        except StripeError as error:
            self.endpoint_problem = endpoint.creation_problem(error, url, self.override_secret)
            return
        self.stripe_endpoint_id, self.endpoint_url = ensured.stripe_endpoint_id, ensured.url
        self.endpoint_problem = ""
        if ensured.secret:
            self.endpoint_secret, self.endpoints_made = ensured.secret, self.endpoints_made + 1


EARLIER_SECRET_IS_GOOD_FOR = timedelta(hours=24)
_table = Connection.__table__.c
_secrets = (_table.endpoint_secret, _table.previous_secret, _table.previous_secret_until)
SIGNING_SECRETS = select(*_secrets).where(_table.mode == bindparam("mode"))


def _idempotency_key(params: dict[str, object], had: list[str]) -> str:
    return f"umstripe-customer-{digest([params, had], 40)}"
