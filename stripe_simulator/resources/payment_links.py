"""https://docs.stripe.com/api/payment-link."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page, slice_of
from stripe_simulator.checkout import payment_links
from stripe_simulator.core import page_urls
from stripe_simulator.core.fields import pick

Json = dict[str, Any]


@answers("POST /v1/payment_links")
def create(call: Call) -> Json:
    """Make a link."""
    return payment_links.make(call.mode, call.params)


@answers("GET /v1/payment_links/{payment_link}")
def retrieve(call: Call) -> Json:
    """Return a link."""
    return _find(call)


def _find(call: Call) -> Json:
    return _here(call.mode.find(payment_links.KIND, call.id, "payment_link"))


def _here(link: Json) -> Json:
    # The link of the demo data was made before anybody knew this address.
    return link | {"url": page_urls.address(f"/l/{link['id']}")}


@answers("POST /v1/payment_links/{payment_link}")
def update(call: Call) -> Json:
    """Change a link."""
    return payment_links.change(call.mode, _find(call), call.params)


@answers("GET /v1/payment_links/{payment_link}/line_items")
def line_items(call: Call) -> Json:
    """Return what a link sells."""
    return slice_of(_find(call)["line_items"], call.params)


@answers("GET /v1/payment_links")
def every(call: Call) -> Json:
    """Return links, newest first. Stripe gives links no time of making, so none is compared."""
    where = pick(call.params, "active")
    links_page = page(call.mode, payment_links.KIND, call.path, call.params, where)
    return links_page | {"data": [_here(each) for each in links_page["data"]]}
