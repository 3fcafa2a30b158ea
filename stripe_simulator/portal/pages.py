"""The pages of the customer portal: https://docs.stripe.com/customer-management."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, flash, redirect, render_template, request

from stripe_simulator.account.account import all_or_nothing
from stripe_simulator.account.current import current_account, require_same_origin
from stripe_simulator.account.test_clocks import time_of
from stripe_simulator.billing import card_forms, pricing
from stripe_simulator.billing.sign_up import MUST_CONFIRM
from stripe_simulator.core.errors import StripeError, no_such
from stripe_simulator.portal import actions, page_content, sessions

Json = dict[str, Any]
portal = Blueprint("simulator_portal", __name__, url_prefix="/p/session/<secret>")
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
CONFIRMED = ("cancel", "pause")
DONE = "Thank you. You can close this page."


class Visit:
    """A customer in the portal: the session, what it may do, and the mode."""

    def __init__(self, secret: str) -> None:
        self.mode, session = sessions.find(current_account(), secret)
        self.session = sessions.used(self.mode, session)
        configuration = self.mode.find(sessions.CONFIGURATION, session["configuration"])
        self.features: Json = configuration["features"]
        self.headline = configuration["business_profile"]["headline"]
        self.customer = self.mode.find("customer", session["customer"])

    def may(self, feature: str) -> bool:
        """Return whether the configuration lets customers do this."""
        return bool(self.features.get(feature, {}).get("enabled"))

    def subscription(self, subscription_id: str) -> Json:
        """Return a subscription of this customer. Raise StripeError (404)."""
        subscription = self.mode.find("subscription", subscription_id)
        if subscription["customer"] != self.customer["id"]:
            raise no_such("subscription", subscription_id)
        return subscription

    def page(self, name: str, **content: Any) -> str:
        """Return a page of the portal."""
        content |= {"headline": self.headline, "may": self.may, "secret": self.session["secret"]}
        content |= {"features": self.features, "back": page_content.back(self.session["return_url"])}
        return render_template(f"simulator/portal/{name}.html", **content)


@portal.errorhandler(StripeError)
def refused(error: StripeError) -> tuple[str, int]:
    """Return a page that says why there is none."""
    return render_template("simulator/portal/gone.html", message=error.message), error.status


@portal.after_request
def with_policy(response: Response) -> Response:
    """Set a content policy whose forms may lead to the application, where a flow may end."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response


def opened(secret: str) -> Visit:
    """Return the visit behind an address, to look only. Raise StripeError (404, 410)."""
    with current_account().store.transaction():
        return Visit(secret)


@portal.get("")
def home(secret: str) -> Any:
    """Return the first page, or the one that the session's flow is about."""
    visit = opened(secret)
    flow = visit.session["flow"]
    if flow and not visit.session["done"]:
        return redirect(f"/p/session/{secret}{flow_path(flow)}")
    return visit.page("home", **page_content.home(visit.mode, visit.session, visit.features))


def flow_path(flow: Json) -> str:
    """Return where a flow begins, below the session's address."""
    kind, about = flow["type"], flow.get(flow["type"]) or {}
    if kind == "payment_method_update":
        return "/card"
    if kind == "customer_update":
        return "/customer"
    if kind == "subscription_update_confirm":
        item = about["items"][0]
        return f"/subscriptions/{about['subscription']}/update?price={item['price']}"
    return f"/subscriptions/{about['subscription']}/{kind.removeprefix('subscription_')}"


@portal.get("/subscriptions/<subscription_id>/<action>")
def step(secret: str, subscription_id: str, action: str) -> Any:
    """Return the page of an action, with the button that takes it."""
    visit = opened(secret)
    mode, subscription = visit.mode, visit.subscription(subscription_id)
    with time_of(mode, visit.customer["id"]):
        if action not in dict(page_content.allowed_actions(mode, subscription, visit.features)):
            raise StripeError(400, "This cannot be done with this subscription.")
        content: Json = {"subscription": page_content.subscription(mode, subscription, visit.features)}
        if action == "update":
            content |= _switch_content(visit, subscription)
    return visit.page(action if action in (*CONFIRMED, "update") else "confirm", action=action, **content)


def _switch_content(visit: Visit, subscription: Json) -> Json:
    offers, chosen = page_content.offers(visit.mode, subscription, visit.features), request.args.get("price")
    content: Json = {"offers": offers, "chosen": None}
    if chosen:
        if chosen not in [each["id"] for each in offers]:
            raise StripeError(400, "This plan is not on offer.")
        content["chosen"] = pricing.labelled(visit.mode, visit.mode.find("price", chosen))
        content["cost"] = page_content.cost(visit.mode, subscription, chosen, visit.features)
    return content


@portal.post("/subscriptions/<subscription_id>/<action>")
def act(secret: str, subscription_id: str, action: str) -> Any:
    """Take an action for a subscription."""

    def perform(visit: Visit) -> str:
        subscription = visit.subscription(subscription_id)
        return actions.act(visit.mode, subscription, action, request.form, visit.features)

    price = request.form.get("price", "")
    return _after(secret, perform, bank=f"/subscriptions/{subscription_id}/bank?price={quote(price)}")


@portal.get("/subscriptions/<subscription_id>/bank")
def ask(secret: str, subscription_id: str) -> Any:
    """Return what the bank of the card shows to its owner, when a switch must be confirmed."""
    visit = opened(secret)
    mode, subscription = visit.mode, visit.subscription(subscription_id)
    with time_of(mode, visit.customer["id"]):
        content = _switch_content(visit, subscription)
    if not content["chosen"]:
        raise StripeError(400, "Choose a plan.")
    return render_template("simulator/confirm.html", remaining=content["cost"]["now"])


@portal.post("/subscriptions/<subscription_id>/bank")
def confirm(secret: str, subscription_id: str) -> Any:
    """Take the card owner's answer to the bank's confirmation of a switch."""

    def answered(visit: Visit) -> str:
        if request.form.get("answer") != "complete":
            raise StripeError(402, "We are unable to authenticate your payment method. Choose another one.")
        subscription, price = visit.subscription(subscription_id), request.args.get("price", "")
        return actions.switch(visit.mode, subscription, price, visit.features, confirmed=True)

    return _after(secret, answered)


@portal.get("/card")
def card(secret: str) -> Any:
    """Return the form for another card."""
    visit = opened(secret)
    _require(visit, "payment_method_update")
    return visit.page("card")


@portal.post("/card")
def save_card(secret: str) -> Any:
    """Return another card: the one that is used from now on."""

    def save(visit: Visit) -> str:
        _require(visit, "payment_method_update")
        method = card_forms.attach(visit.mode, visit.customer, request.form)
        card_forms.make_default(visit.mode, visit.customer, method)
        return "Your payment method is updated."

    return _after(secret, save, "/card")


@portal.get("/customer")
def customer(secret: str) -> Any:
    """Return the form for name and address."""
    visit = opened(secret)
    _require(visit, "customer_update")
    return visit.page("customer", customer=visit.customer)


@portal.post("/customer")
def save_customer(secret: str) -> Any:
    """Save name and e-mail address, as far as the configuration lets customers change them."""

    def save(visit: Visit) -> str:
        _require(visit, "customer_update")
        allowed = visit.features["customer_update"]["allowed_updates"]
        form_values = {
            name: request.form[name] for name in ("name", "email", "phone") if name in request.form
        }
        fields = {name: value or None for name, value in form_values.items() if name in allowed}
        visit.mode.change(visit.customer, "customer.updated", **fields)
        return "Your information is updated."

    return _after(secret, save, "/customer")


def _require(visit: Visit, feature: str) -> None:
    if not visit.may(feature):
        raise StripeError(400, "This cannot be changed here.")


def _after(secret: str, action: Any, form: str = "", bank: str = "") -> Any:
    """Do something, then say so: on the first page, or where the session's flow ends. `bank` is the page on which the
    owner of the card confirms what must be confirmed."""
    try:
        require_same_origin()
        with all_or_nothing(current_account().store):
            visit = Visit(secret)
            with time_of(visit.mode, visit.customer["id"]):
                message = action(visit)
            session = visit.mode.find(sessions.KIND, visit.session["id"])
            visit.mode.keep(session | {"done": True})
    except StripeError as error:
        if error.status in (404, 410, 403):
            raise
        if bank and (error.code or "").endswith(MUST_CONFIRM):
            return redirect(f"/p/session/{secret}{bank}", 303)
        flash(error.message, "error")
        return redirect(f"/p/session/{secret}{form}", 303)
    return _end(visit, message)


def _end(visit: Visit, message: str) -> Any:
    flow = visit.session["flow"]
    after: Json = {"type": "portal_homepage"}
    if flow and not visit.session["done"]:
        after = flow["after_completion"]
    if after["type"] == "redirect":
        return redirect(after["redirect"]["return_url"], 303)
    if after["type"] == "hosted_confirmation":
        words = (after["hosted_confirmation"] or {}).get("custom_message") or DONE
        return visit.page("done", said=message, words=words)
    flash(message, "success")
    return redirect(f"/p/session/{visit.session['secret']}", 303)
