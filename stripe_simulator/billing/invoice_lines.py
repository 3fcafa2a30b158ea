"""Lines of invoices, and invoice items that wait for the next invoice.

https://docs.stripe.com/api/invoice-line-item and https://docs.stripe.com/api/invoiceitems
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import pricing
from stripe_simulator.billing.prorations import Proration, title
from stripe_simulator.core.objects import list_of, new_object, now

Json = dict[str, Any]


def of_item(item: Json, subscription: Json, free: bool = False) -> Json:
    """Return a subscription item for its present period."""
    quantity = item.get("quantity", 1)
    amount = 0 if free else pricing.total(item["price"], quantity)
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    text = f"{quantity} × {title(item['price'])}"
    return _line(item, subscription["id"], amount, text, period)


def of_proration(proration: Proration, subscription: Json) -> Json:
    """Return a credit or a charge for a part of a period."""
    period = {"start": proration.start, "end": proration.end}
    line = _line(proration.item, subscription["id"], proration.amount, proration.text, period)
    line["parent"]["subscription_item_details"]["proration"] = True
    return line | {"discountable": False}


def _line(item: Json, subscription_id: str, amount: int, text: str, period: Json) -> Json:
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription_id,
        "subscription_item": item["id"],
    }
    return new_object(
        "line_item",
        amount=amount,
        subtotal=amount,
        currency=item["price"]["currency"],
        description=text,
        discount_amounts=[],
        discountable=True,
        parent={
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": details,
        },
        period=period,
        pretax_credit_amounts=[],
        pricing=_pricing(item["price"]),
        quantity=item.get("quantity", 1),
        subscription=subscription_id,
        taxes=[],
    )


def _pricing(price: Json) -> Json:
    details = {"price": price["id"], "product": price["product"]}
    return {
        "type": "price_details",
        "price_details": details,
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def placed(lines: list[Json], invoice: Json) -> Json:
    """Return the lines as the list inside an invoice."""
    data = [line | {"invoice": invoice["id"], "livemode": invoice["livemode"]} for line in lines]
    return list_of(data, f"/v1/invoices/{invoice['id']}/lines")


def wait(mode: Mode, proration: Proration, subscription: Json) -> Json:
    """Keep a proration for the subscription's next invoice."""
    item, amount = proration.item, proration.amount
    quantity = int(item.get("quantity", 1))
    details = {"subscription": subscription["id"], "subscription_item": item["id"]}
    invoice_item = new_object(
        "invoiceitem",
        amount=amount,
        net_amount=amount,
        currency=item["price"]["currency"],
        customer=subscription["customer"],
        date=now(),
        description=proration.text,
        discountable=False,
        discounts=[],
        metadata={},
        parent={"type": "subscription_details", "subscription_details": details},
        period={"start": proration.start, "end": proration.end},
        pricing=_pricing(item["price"]),
        proration=True,
        proration_details={"credited_items": None, "discount_amounts": []},
        quantity=quantity,
        quantity_decimal=str(quantity),
        tax_rates=[],
        test_clock=subscription["test_clock"],
    )
    invoice_item["_line"] = of_proration(proration, subscription)
    invoice_item["_line"]["parent"]["subscription_item_details"]["invoice_item"] = invoice_item["id"]
    return mode.add(invoice_item, "invoiceitem.created")


def waiting(mode: Mode, subscription: Json) -> list[Json]:
    """Return the invoice items of a subscription that no invoice has taken yet, oldest first."""
    invoice_items = mode.every("invoiceitem", customer=subscription["customer"], invoice=None)
    mine = [
        each
        for each in invoice_items
        if each["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]
    return mine[::-1]


def take(mode: Mode, items: list[Json], invoice: Json) -> list[Json]:
    """Put waiting items on an invoice. Return their lines."""
    for each in items:
        mode.keep(each | {"invoice": invoice["id"]})
    return [each["_line"] for each in items]
