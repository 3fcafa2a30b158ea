"""https://docs.stripe.com/api/accounts: the one account that there is."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.keys import ACCOUNT_ID, masked
from stripe_simulator.core.objects import new_object

Json = dict[str, Any]
MADE = 1_700_000_000


@answers("GET /v1/account")
def own(_call: Call) -> Json:
    """Return the account that the key belongs to."""
    return new_object(
        "account",
        id=ACCOUNT_ID,
        created=MADE,
        type="standard",
        country="US",
        default_currency="usd",
        email="owner@example.com",
        business_type="company",
        business_profile=_profile(),
        charges_enabled=True,
        payouts_enabled=True,
        details_submitted=True,
        capabilities={"card_payments": "active", "transfers": "active"},
        controller={"type": "account"},
        settings=_settings(),
    )


def _profile() -> Json:
    address = {
        "city": None,
        "country": None,
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }
    return {
        "annual_revenue": None,
        "estimated_worker_count": None,
        "mcc": None,
        "minority_owned_business_designation": None,
        "name": "Umstripe Simulator",
        "product_description": None,
        "support_address": address,
        "support_email": "owner@example.com",
        "support_phone": None,
        "support_url": None,
        "url": "https://example.com",
    }


def _settings() -> Json:
    return {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {
            "decline_on": {"avs_failure": True, "cvc_failure": True},
            "statement_descriptor_prefix": None,
            "statement_descriptor_prefix_kana": None,
            "statement_descriptor_prefix_kanji": None,
        },
        "dashboard": {"display_name": "Umstripe Simulator", "timezone": "Etc/UTC"},
        "payments": {
            "statement_descriptor": "UMSTRIPE SIMULATOR",
            "statement_descriptor_kana": None,
            "statement_descriptor_kanji": None,
        },
    }


@answers("GET /v1/accounts/{account}")
def retrieve(call: Call) -> Json:
    """Return the own account by its id. Others are out of the key's reach."""
    if call.id != ACCOUNT_ID:
        raise StripeError(
            403,
            f"The provided key '{masked(call.key['id'])}' does not have access to account '{call.id}' (or that "
            "account does not exist). Application access may have been revoked.",
            code="account_invalid",
        )
    return own(call)
