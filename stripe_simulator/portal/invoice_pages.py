"""The page of an invoice, where it is paid: https://docs.stripe.com/invoicing/hosted-invoice-page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request

from stripe_simulator.account.account import Mode, all_or_nothing
from stripe_simulator.account.current import current_account, require_same_origin
from stripe_simulator.account.test_clocks import time_of
from stripe_simulator.billing import card_forms, cards, open_invoices
from stripe_simulator.core.errors import StripeError, no_such
from stripe_simulator.core.formatting import day, money
from stripe_simulator.portal.pdf import pdf

Json = dict[str, Any]
invoice_pages = Blueprint("simulator_invoices", __name__, url_prefix="/i/<invoice_id>")


@invoice_pages.errorhandler(StripeError)
def refused(error: StripeError) -> tuple[str, int]:
    """Return a page that says why there is none."""
    return render_template("simulator/invoice_gone.html", message=error.message), error.status


def find_invoice(invoice_id: str) -> tuple[Mode, Json]:
    """Return an invoice that is no draft, and its mode. Raise StripeError (404)."""
    mode = current_account().mode_of("invoice", invoice_id)
    invoice = mode.find("invoice", invoice_id) if mode else None
    if mode is None or invoice is None or invoice["status"] == "draft":
        raise no_such("invoice", invoice_id)
    return mode, invoice


@invoice_pages.get("")
def show(invoice_id: str) -> str:
    """Return what is to be paid, and the form to pay it."""
    _, invoice = find_invoice(invoice_id)
    return render_template("simulator/invoice.html", invoice=invoice, **shown(invoice))


def shown(invoice: Json) -> Json:
    """Return an invoice's lines and sums for people."""
    currency = invoice["currency"]
    lines = [(each["description"], money(each["amount"], currency)) for each in invoice["lines"]["data"]]
    due = invoice["due_date"]
    return {
        "lines": lines,
        "total": money(invoice["total"], currency),
        "remaining": money(invoice["amount_remaining"], currency),
        "day": day(invoice["created"]),
        "due": day(due) if due else None,
    }


@invoice_pages.post("")
def pay(invoice_id: str) -> Any:
    """Pay an open invoice by card. The card is kept for what comes."""

    def with_card(mode: Mode, invoice: Json) -> str:
        customer = mode.find("customer", invoice["customer"])
        method = card_forms.attach(mode, customer, request.form)
        card_forms.make_default(mode, customer, method)
        if cards.must_confirm(method):
            return f"/i/{invoice_id}/confirm/{method['id']}"
        open_invoices.pay(mode, invoice, method)
        return f"/i/{invoice_id}"

    return _after(invoice_id, with_card)


@invoice_pages.get("/confirm/<card>")
def ask(invoice_id: str, card: str) -> str:
    """Return what the bank of the card shows to its owner."""
    _, invoice = find_invoice(invoice_id)
    return render_template("simulator/confirm.html", **shown(invoice))


@invoice_pages.post("/confirm/<card>")
def confirm(invoice_id: str, card: str) -> Any:
    """Take the card owner's answer to the bank's confirmation."""

    def answered(mode: Mode, invoice: Json) -> str:
        method = cards.of_customer(mode, mode.find("customer", invoice["customer"]), card)
        if request.form.get("answer") != "complete":
            raise StripeError(402, "We are unable to authenticate your payment method. Choose another one.")
        open_invoices.pay(mode, invoice, method, confirmed=True)
        return f"/i/{invoice_id}"

    return _after(invoice_id, answered)


def _after(invoice_id: str, action: Callable[[Mode, Json], str]) -> Any:
    try:
        require_same_origin()
        mode, invoice = find_invoice(invoice_id)
        with all_or_nothing(mode.store), time_of(mode, invoice["customer"]):
            to = action(mode, invoice)
            is_paid = mode.find("invoice", invoice_id)["status"] == "paid"
    except StripeError as error:
        if error.status in (403, 404):
            raise
        flash(error.message, "error")
        return redirect(f"/i/{invoice_id}", 303)
    if is_paid:
        flash("Your invoice is paid.", "success")
    return redirect(to, 303)


@invoice_pages.get("/pdf")
def as_pdf(invoice_id: str) -> Response:
    """Return the invoice to keep."""
    _, invoice = find_invoice(invoice_id)
    about = shown(invoice)
    lines = [f"Invoice {invoice['number']}", about["day"], f"Status: {invoice['status']}", ""]
    lines += [f"{text}: {amount}" for text, amount in about["lines"]]
    body = pdf([*lines, "", f"Total: {about['total']}"])
    name = f'inline; filename="Invoice-{invoice["number"]}.pdf"'
    return Response(body, mimetype="application/pdf", headers={"Content-Disposition": name})
