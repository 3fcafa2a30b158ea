"""Checkout in a real browser: on the pages themselves, and embedded in a page of a site."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stripe_simulator.tests.conftest import contract, keys, plan, running, simulator, stripe
from stripe_simulator.tests.processes import wait_for
from stripe_simulator.tests.test_checkout import again, open_session, session_params

__all__ = ["contract", "keys", "plan", "running", "session_params", "simulator", "stripe"]

SHOP = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pay</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><script src="%(base)s/v3/stripe.js" defer></script>
<script src="/shop.js" defer></script></head><body><h1>Pay</h1><main id="checkout"></main></body></html>"""
SCRIPT = """addEventListener("DOMContentLoaded", async () => {
  const stripe = Stripe("pk_test_x");
  const fetchClientSecret = async () => "%(secret)s";
  const onComplete = () => { document.title = "Completed"; };
  const made = await stripe.%(method)s({fetchClientSecret, onComplete});
  made.mount("#checkout");
  try { await stripe.initEmbeddedCheckout({fetchClientSecret}); } catch (error) { window.second = error.message; }
});"""


class Shop:
    """A page of a site that embeds Checkout, with a content policy like a careful site has."""

    def __init__(self, base: str) -> None:
        shop = self
        self.values = {"base": base, "method": "createEmbeddedCheckoutPage"}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scripted = self.path == "/shop.js"
                text = (SCRIPT if scripted else SHOP) % shop.values
                if self.path.startswith("/done"):
                    text = "<!doctype html><html lang=en><title>Done</title><p>Thanks"
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if scripted else "text/html")
                self.send_header(
                    "Content-Security-Policy",
                    f"default-src 'self'; script-src 'self' {base}; frame-src {base}",
                )
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def shop(stripe):
    one = Shop(stripe.url)
    yield one
    one.server.shutdown()


def fill(place, number: str = "4242 4242 4242 4242") -> None:
    if place.get_by_label("Email").count():
        place.get_by_label("Email").fill("jane@example.org")
    place.get_by_label("Card number").fill(number)
    place.get_by_label("Expiration").fill("12 / 34")
    place.get_by_label("CVC").fill("123")


def test_the_pages_can_be_used_by_everybody_and_lead_back(stripe, shop, session_params, page, look):
    coupon = stripe.post("/v1/coupons", {"percent_off": 10, "duration": "forever"})
    stripe.post(
        "/v1/promotion_codes", {"code": "TEN", "promotion": {"type": "coupon", "coupon": coupon["id"]}}
    )
    session = open_session(
        stripe, session_params | {"success_url": shop.url + "/done?sid={CHECKOUT_SESSION_ID}"},
        cancel_url=shop.url + "/done", allow_promotion_codes=True, billing_address_collection="required",
    )  # fmt: skip
    page.goto(session["url"])
    look.check("simulator-checkout")
    page.get_by_label("Promotion code").fill("TEN")
    page.get_by_role("button", name="Apply").click()
    fill(page, "4000000000000002")
    page.get_by_label("Address", exact=True).fill("Main Street 1")
    page.get_by_label("Postal code").fill("10115")
    page.get_by_label("City").fill("Berlin")
    page.get_by_role("button", name="Subscribe").click()
    page.get_by_text("Your card was declined.").wait_for()
    look.check("simulator-checkout-declined")
    fill(page, "4000002760003184")
    page.get_by_role("button", name="Subscribe").click()
    look.check("simulator-checkout-confirm")
    page.get_by_role("button", name="Complete").click()
    page.wait_for_url(shop.url + f"/done?sid={session['id']}")
    page.go_back()
    page.goto(session["url"])
    page.get_by_text("Thanks for your payment").wait_for()
    look.check("simulator-checkout-ended")
    page.goto(stripe.url + "/_simulator/")
    look.check("simulator-page")


@pytest.mark.parametrize("method", ["createEmbeddedCheckoutPage", "initEmbeddedCheckout"])
def test_an_embedded_page_ends_at_the_return_url(stripe, shop, session_params, page, method):
    session_params = session_params | {
        "ui_mode": "embedded_page",
        "return_url": shop.url + "/done?sid={CHECKOUT_SESSION_ID}",
    }
    session_params.pop("success_url")
    session = stripe.post("/v1/checkout/sessions", session_params)
    shop.values |= {"secret": session["client_secret"], "method": method}
    page.goto(shop.url)
    frame = page.frame_locator("iframe[title=Checkout]")
    fill(frame)
    assert "multiple Embedded Checkout" in page.evaluate("window.second")
    frame.get_by_role("button", name="Subscribe").click()
    page.wait_for_url(shop.url + f"/done?sid={session['id']}")
    assert again(stripe, session)["payment_status"] == "paid"


def test_an_embedded_page_without_a_return_calls_back(stripe, shop, session_params, page):
    session_params = session_params | {"ui_mode": "embedded_page", "redirect_on_completion": "never"}
    session_params.pop("success_url")
    session = stripe.post("/v1/checkout/sessions", session_params)
    shop.values |= {"secret": session["client_secret"]}
    page.goto(shop.url)
    frame = page.frame_locator("iframe[title=Checkout]")
    fill(frame)
    frame.get_by_role("button", name="Subscribe").click()
    wait_for(lambda: page.title() == "Completed")
    assert again(stripe, session)["status"] == "complete"
