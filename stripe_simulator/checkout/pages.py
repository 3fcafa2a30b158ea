"""The pages of Checkout, at `/c/pay/<session>`: https://docs.stripe.com/payments/checkout."""

from __future__ import annotations

import pathlib
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, send_from_directory

from stripe_simulator.account.account import Mode
from stripe_simulator.account.current import current_account, require_same_origin
from stripe_simulator.billing import discounts
from stripe_simulator.checkout import page_content, payment, payment_form, payment_links, sessions
from stripe_simulator.core.errors import StripeError

Json = dict[str, Any]
pages = Blueprint("checkout_pages", __name__)
STATIC = pathlib.Path(__file__).parents[1] / "static"
NOT_CONFIRMED = "We are unable to authenticate your payment method. Please choose a different payment method and try again."
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'self' http: https:; "
    "frame-ancestors "
)


def _found(session_id: str) -> tuple[Mode, Json]:
    mode = current_account().mode_of(sessions.KIND, session_id)
    if mode is None:
        raise StripeError(404, "There is no such page.")
    sessions.expire_due(mode)
    return mode, mode.find(sessions.KIND, session_id)


def _page(template: str, session: Json, status: int = 200, **values: Any) -> Response:
    """Return a page that only a page of the site may frame, and only when the session is made for that."""
    embedded = session["ui_mode"] == "embedded_page"
    values |= {"session": session, "embedded": embedded}
    answer = make_response(render_template(f"simulator/checkout/{template}.html", **values), status)
    answer.headers["Content-Security-Policy"] = POLICY + ("http: https:" if embedded else "'none'")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.errorhandler(StripeError)
def refused(error: StripeError) -> Response:
    """Return what no page can answer, like a form of another site."""
    return make_response(render_template("simulator/checkout/gone.html", message=error.message), error.status)


@pages.get("/c/pay/<session_id>")
def show(session_id: str) -> Any:
    """Return the page of a session: to pay, or that it is over."""
    with current_account().store.lock:
        mode, session = _found(session_id)
        if session["status"] != "open":
            return _page("ended", session, **page_content.end(session))
        request_params = session["asked"]
        problem = {"top": request_params["refusal"]} if request_params.get("refusal") else {}
        return _form(mode, session, request_params["typed"], problem)


def _form(mode: Mode, session: Json, typed: Json, errors: dict[str, str], status: int = 200) -> Response:
    return _page("pay", session, status, typed=typed, errors=errors, **page_content.offer(mode, session))


@pages.post("/c/pay/<session_id>")
def pay(session_id: str) -> Any:
    """Pay, or try a promotion code. The second of two clicks finds the session complete."""
    require_same_origin()
    with current_account().store.transaction():
        mode, session = _found(session_id)
        if session["status"] != "open":
            return _onward(session)
        typed = payment_form.typed(request.form)
        if request.form.get("action") == "remove":
            return _form(mode, _with_code(mode, session, None), typed, {})
        if typed["promotion_code"] and session["allow_promotion_codes"]:
            return _apply(mode, session, typed)
        return _pay(mode, session, typed)


def _with_code(mode: Mode, session: Json, chosen: Json | None) -> Json:
    after = sessions.with_discount(mode, session, chosen)
    mode.keep(after)
    return after


def _apply(mode: Mode, session: Json, typed: Json) -> Response:
    code = discounts.code_named(mode, typed["promotion_code"])
    if code is None:
        return _form(mode, session, typed, {"promotion_code": "This code is invalid."}, 422)
    try:
        chosen = discounts.by_code(
            mode, code, session["currency"], session["customer"], session["amount_subtotal"]
        )
    except StripeError as error:
        return _form(mode, session, typed, {"promotion_code": error.message}, 422)
    return _form(mode, _with_code(mode, session, chosen), typed | {"promotion_code": ""}, {})


def _pay(mode: Mode, session: Json, typed: Json) -> Any:
    customer = mode.get("customer", session["customer"]) if session["customer"] else None
    if customer and customer.get("deleted"):
        gone = {"top": "This purchase cannot be made any more. Go back and begin anew."}
        return _form(mode, session, typed, gone, 422)
    if lost := payment.lost_discount(mode, session):
        return _form(mode, _with_code(mode, session, None), typed, {"promotion_code": lost, "top": lost}, 422)
    if errors := payment_form.errors(session, customer, request.form):
        return _form(mode, session, typed, errors, 422)
    payer = payment_form.payer(session, customer, request.form)
    if payer.token in payment.FIRST_CONFIRM:
        pending = {"form": typed | {"cvc": "000"}}
        mode.keep(
            session | {"asked": session["asked"] | {"typed": typed, "pending": pending, "refusal": None}}
        )
        return redirect(f"/c/pay/{session['id']}/confirm", 303)
    return _attempt(mode, session, payer, typed)


def _attempt(mode: Mode, session: Json, payer: payment.Payer, typed: Json) -> Any:
    session = payment.attempt(mode, session, payer)
    if session["status"] == "complete":
        return _onward(session)
    return _form(mode, session, typed, {"top": session["asked"]["refusal"]}, 402)


def _onward(session: Json) -> Any:
    """Return where the buyer goes when the session is over."""
    if session["status"] == "complete" and session["success_url"]:
        return redirect(page_content.with_id(session["success_url"], session), 303)
    return redirect(f"/c/pay/{session['id']}", 303)


@pages.get("/c/pay/<session_id>/confirm")
def confirm(session_id: str) -> Any:
    """Return the page of the buyer's bank."""
    with current_account().store.lock:
        mode, session = _found(session_id)
        if session["status"] != "open" or not session["asked"]["pending"]:
            return redirect(f"/c/pay/{session_id}", 303)
        return _page("confirm", session, **page_content.offer(mode, session))


@pages.post("/c/pay/<session_id>/confirm")
def confirmed(session_id: str) -> Any:
    """Take the buyer's answer to the bank's confirmation."""
    require_same_origin()
    with current_account().store.transaction():
        mode, session = _found(session_id)
        pending = session["asked"]["pending"]
        if session["status"] != "open" or not pending:
            return _onward(session)
        customer = mode.get("customer", session["customer"]) if session["customer"] else None
        session = session | {"asked": session["asked"] | {"pending": None}}
        if request.form.get("action") != "complete":
            mode.keep(session | {"asked": session["asked"] | {"refusal": NOT_CONFIRMED}})
            return redirect(f"/c/pay/{session_id}", 303)
        mode.keep(session)
        payer = payment_form.payer(session, customer, pending["form"])
        return _attempt(mode, session, payer, session["asked"]["typed"])


@pages.get("/l/<link_id>")
def link(link_id: str) -> Any:
    """Return a payment link: whoever opens it gets a session of their own."""
    mode = current_account().mode_of(payment_links.KIND, link_id)
    if mode is None:
        raise StripeError(404, "There is no such page.")
    with mode.transaction():
        payment_link = mode.find(payment_links.KIND, link_id)
        if not payment_links.is_open(payment_link):
            raise StripeError(410, payment_link["inactive_message"] or "This link is no longer active.")
        session = payment_links.visit(mode, payment_link, dict(request.args))
    return redirect(f"/c/pay/{session['id']}", 303)


@pages.get("/v3/")
@pages.get("/v3/stripe.js")
@pages.get("/endive/stripe.js")
def stripe_js() -> Response:
    """Return the stand-in for Stripe.js."""
    return send_from_directory(STATIC, "stripe.js", mimetype="text/javascript")
