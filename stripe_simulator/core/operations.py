"""Which of Stripe's operations the simulator answers, and the right that each one needs.

The names of the rights are Stripe's own (https://docs.stripe.com/keys#create-restricted-api-secret-key);
prices still go by their old name, `plan`.
"""

from __future__ import annotations

# resource: (right, operations). A right of None is open to every key that is not publishable.
RESOURCES: dict[str, tuple[str | None, list[str]]] = {
    "account": ("accounts_kyc_basic", ["GET /v1/account", "GET /v1/accounts/{account}"]),
    "token": ("token", ["POST /v1/tokens"]),
    "product": (
        "product",
        [
            "GET /v1/products",
            "POST /v1/products",
            "GET /v1/products/{id}",
            "POST /v1/products/{id}",
            "DELETE /v1/products/{id}",
        ],
    ),
    "price": (
        "plan",
        ["GET /v1/prices", "POST /v1/prices", "GET /v1/prices/{price}", "POST /v1/prices/{price}"],
    ),
    "customer": (
        "customer",
        [
            "GET /v1/customers",
            "POST /v1/customers",
            "GET /v1/customers/{customer}",
            "POST /v1/customers/{customer}",
            "DELETE /v1/customers/{customer}",
        ],
    ),
    "payment_method": (
        "payment_method",
        ["GET /v1/payment_methods/{payment_method}", "GET /v1/customers/{customer}/payment_methods"],
    ),
    "subscription": (
        "subscription",
        [
            "GET /v1/subscriptions",
            "POST /v1/subscriptions",
            "GET /v1/subscriptions/{subscription_exposed_id}",
            "POST /v1/subscriptions/{subscription_exposed_id}",
            "DELETE /v1/subscriptions/{subscription_exposed_id}",
            "POST /v1/subscriptions/{subscription}/pause",
            "POST /v1/subscriptions/{subscription}/resume",
        ],
    ),
    "webhook_endpoint": (
        "webhook",
        [
            "GET /v1/webhook_endpoints",
            "POST /v1/webhook_endpoints",
            "GET /v1/webhook_endpoints/{webhook_endpoint}",
            "POST /v1/webhook_endpoints/{webhook_endpoint}",
            "DELETE /v1/webhook_endpoints/{webhook_endpoint}",
        ],
    ),
    "event": ("event", ["GET /v1/events", "GET /v1/events/{id}"]),
    "charge": ("charge", ["GET /v1/charges", "GET /v1/charges/{charge}"]),
    "refund": ("charge", ["GET /v1/refunds", "POST /v1/refunds", "GET /v1/refunds/{refund}"]),
    "payment_intent": (
        "payment_intent",
        [
            "GET /v1/payment_intents",
            "GET /v1/payment_intents/{intent}",
            "POST /v1/payment_intents/{intent}/capture",
            "POST /v1/payment_intents/{intent}/cancel",
        ],
    ),
    "invoice": (
        "invoice",
        [
            "GET /v1/invoices",
            "GET /v1/invoices/{invoice}",
            "POST /v1/invoices/{invoice}/pay",
            "POST /v1/invoices/create_preview",
        ],
    ),
    "checkout.session": (
        "checkout_session",
        [
            "GET /v1/checkout/sessions",
            "POST /v1/checkout/sessions",
            "GET /v1/checkout/sessions/{session}",
            "GET /v1/checkout/sessions/{session}/line_items",
            "POST /v1/checkout/sessions/{session}/expire",
        ],
    ),
    "coupon": (
        "coupon",
        [
            "GET /v1/coupons",
            "POST /v1/coupons",
            "GET /v1/coupons/{coupon}",
            "POST /v1/coupons/{coupon}",
            "DELETE /v1/coupons/{coupon}",
        ],
    ),
    "promotion_code": (
        "promotion_code",
        [
            "GET /v1/promotion_codes",
            "POST /v1/promotion_codes",
            "GET /v1/promotion_codes/{promotion_code}",
            "POST /v1/promotion_codes/{promotion_code}",
        ],
    ),
    "payment_link": (
        "payment_links",
        [
            "GET /v1/payment_links",
            "POST /v1/payment_links",
            "GET /v1/payment_links/{payment_link}",
            "POST /v1/payment_links/{payment_link}",
            "GET /v1/payment_links/{payment_link}/line_items",
        ],
    ),
    "billing_portal.configuration": (
        "customer_portal",
        [
            "GET /v1/billing_portal/configurations",
            "POST /v1/billing_portal/configurations",
            "GET /v1/billing_portal/configurations/{configuration}",
            "POST /v1/billing_portal/configurations/{configuration}",
        ],
    ),
    "test_helpers.test_clock": (
        "test_clock",
        [
            "GET /v1/test_helpers/test_clocks",
            "POST /v1/test_helpers/test_clocks",
            "GET /v1/test_helpers/test_clocks/{test_clock}",
            "DELETE /v1/test_helpers/test_clocks/{test_clock}",
            "POST /v1/test_helpers/test_clocks/{test_clock}/advance",
        ],
    ),
    "billing_portal.session": ("customer_portal", ["POST /v1/billing_portal/sessions"]),
}

RIGHTS: tuple[str, ...] = tuple(sorted({right for right, _ in RESOURCES.values() if right}))


def right_for(operation: str) -> str | None:
    """Return the right (`customer_write`, `plan_read`, …) that a restricted key needs for an operation."""
    for right, operations in RESOURCES.values():
        if operation in operations:
            return right and right + ("_read" if operation.startswith("GET ") else "_write")
    return None


def every_operation() -> list[str]:
    """Return all operations, as `METHOD template`, with the templates of Stripe's document."""
    return [operation for _, operations in RESOURCES.values() for operation in operations]
