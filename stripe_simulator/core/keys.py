"""API keys: which there are, who may call with them, and what a restricted one may do.

https://docs.stripe.com/keys
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.objects import now, random_text
from stripe_simulator.core.operations import RIGHTS
from stripe_simulator.core.store import Store

Json = dict[str, Any]
MODES = ("test", "live")
KINDS = {"publishable": "pk", "secret": "sk", "restricted": "rk"}
SHELF = "_key"
ACCOUNT_ID = "acct_1UmstripeSimulator"

# What the application asks of a restricted key: Stripe's own list of rights has no account right that
# an ordinary restricted key could be given, so this one has none either.
DEFAULT_RIGHTS = (
    "charge_read",
    "checkout_session_write",
    "customer_portal_write",
    "customer_write",
    "event_read",
    "invoice_write",
    "payment_intent_write",
    "plan_read",
    "product_read",
    "subscription_write",
    "webhook_write",
)
NAMES = {"price": "plan", "checkout": "checkout_session", "portal": "customer_portal", "refund": "charge"}
NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
    "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
    "details, or we can help at https://support.stripe.com/."
)
PUBLISHABLE = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list "
    "of your API keys at https://dashboard.stripe.com/account/apikeys."
)


def default_value(mode: str, kind: str) -> str:
    """Return the key of a kind that every fresh simulator has. Put together here so that no file holds it whole."""
    return f"{KINDS[kind]}_{mode}_51UmstripeSimulator00{kind.capitalize()}00{mode.capitalize()}00ForDemosOnly"


def add_defaults(store: Store) -> None:
    """Give both modes their three well-known keys."""
    for mode in MODES:
        for kind in KINDS:
            rights = DEFAULT_RIGHTS if kind == "restricted" else ()
            _put(store, mode, kind, default_value(mode, kind), list(rights))


def _put(store: Store, mode: str, kind: str, value: str, rights: list[str]) -> Json:
    key = {"id": value, "mode": mode, "kind": kind, "rights": rights, "expired": False, "created": now()}
    with store.transaction():
        store.put(SHELF, "all", value, key)
    return key


def make_restricted(store: Store, mode: str, rights: list[str]) -> Json:
    """Return a new restricted key with these rights (`customer_write`, `plan_read`, …)."""
    return _put(store, mode, "restricted", f"rk_{mode}_51Umstripe{random_text(80)}", rights)


def rights_from(rights: Any) -> list[str]:
    """Return the rights in `{"customer": "write"}` or `["customer_write", "rak_plan_read"]`.

    Raise ValueError naming what is no right.
    """
    if isinstance(rights, dict):
        rights = [f"{name}_{level}" for name, level in rights.items() if level not in ("none", None, "")]
    if isinstance(rights, list):
        return sorted({_right(str(each)) for each in rights})
    raise ValueError("rights must be a hash or a list")


def _right(text: str) -> str:
    name, _, level = text.removeprefix("rak_").rpartition("_")
    name = NAMES.get(name, name)
    if name not in RIGHTS or level not in ("read", "write"):
        raise ValueError(f"no such right: {text}; there are {', '.join(RIGHTS)}, each with _read or _write")
    return f"{name}_{level}"


def every_key(store: Store) -> list[Json]:
    """Return all keys in the order of their making."""
    return list(store.collection(SHELF, "all").oldest_first({}, -1))


def expire(store: Store, value: str) -> bool:
    """Expire a key: it answers 401 `api_key_expired`. Return False when there is no such key."""
    with store.transaction():
        key = store.get(SHELF, "all", value)
        if key:
            store.put(SHELF, "all", value, key | {"expired": True})
    return bool(key)


def delete(store: Store, value: str) -> bool:
    """Delete a key. Return False when there is no such key."""
    with store.transaction():
        key = store.get(SHELF, "all", value)
        if key:
            store.put(SHELF, "all", value, None)
    return bool(key)


def masked(value: str) -> str:
    """Return a key as Stripe shows it in errors: its prefix, stars, the last four characters."""
    head = "_".join(value.split("_")[:2]) + "_" if value.count("_") >= 2 else value[:3]
    hidden = max(len(value) - len(head) - 4, 0)
    return head + "*" * hidden + value[len(head) + hidden :]


def from_header(header: str | None) -> str:
    """Return the key in an Authorization header, Bearer or Basic. Raise StripeError (401) without one."""
    scheme, _, rest = (header or "").partition(" ")
    value = rest.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    if scheme.lower() not in ("bearer", "basic") or not value:
        raise StripeError(401, NO_KEY)
    return value


def authenticate(store: Store, header: str | None, operation: str) -> Json:
    """Return the key that calls. Raise StripeError: 401 unknown or expired, 403 publishable where it may not be."""
    value = from_header(header)
    key = store.get(SHELF, "all", value)
    if key is None:
        raise StripeError(401, f"Invalid API Key provided: {masked(value)}")
    if key["expired"]:
        raise StripeError(401, f"Expired API Key provided: {masked(value)}", code="api_key_expired")
    if key["kind"] == "publishable" and operation != "POST /v1/tokens":
        raise StripeError(403, PUBLISHABLE, code="secret_key_required")
    return key


def allows(key: Json, right: str) -> bool:
    """Return whether the key has a right. Write includes read."""
    rights = key["rights"]
    return key["kind"] != "restricted" or right in rights or right.replace("_read", "_write") in rights


def require(key: Json, right: str | None) -> None:
    """Raise StripeError (403) naming the permission that a restricted key lacks."""
    if right is None or allows(key, right):
        return
    raise StripeError(
        403,
        f"The provided key '{masked(key['id'])}' does not have the required permissions for this endpoint on "
        f"account '{ACCOUNT_ID}'. Having the 'rak_{right}' permission would allow this request to continue.",
        code="more_permissions_required",
    )
