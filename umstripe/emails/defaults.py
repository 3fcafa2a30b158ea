"""The texts of pages and emails as they come with the site (see TextOverride)."""

from __future__ import annotations

from dataclasses import dataclass

COMMON = ("site", "name")
"""The placeholders of every text."""


@dataclass(frozen=True)
class DefaultText:
    """A text: its name on the screen, its title and body (Markdown), and the words that it may have in braces."""

    label: str
    title: str
    body: str
    placeholders: tuple[str, ...] = COMMON


DEFAULTS: dict[str, DefaultText] = {
    "page.success": DefaultText(
        "Payment successful",
        "Payment successful",
        "Thank you. Your order is below; you find it on your account’s Billing page, too.",
    ),
    "page.canceled": DefaultText(
        "Payment canceled",
        "Payment canceled",
        "The transaction has been cancelled. No payment has been taken.",
    ),
    "page.already_subscribed": DefaultText(
        "Already subscribed",
        "Already subscribed",
        "You have a subscription already. You can change or cancel it on your Billing page.",
    ),
    "page.checkout": DefaultText(
        "Checkout URL",
        "Checkout",
        "You go on to Stripe to pay. Your card’s number never comes to this site.",
    ),
    "page.pay": DefaultText("Payment checkout", "Payment", "Your card’s number goes to Stripe alone."),
    "mail.welcome": DefaultText(
        "Welcome",
        "Welcome to {site}",
        "Hello {name},\n\nYour account at {site} is ready. You find your membership, invoices and everything about "
        "paying here:\n\n<{link}>\n",
        (*COMMON, "link"),
    ),
    "mail.known_address": DefaultText(
        "Registered already",
        "You have an account at {site}",
        "Hello {name},\n\nSomebody wanted to register at {site} with your mail address, which has an account already. "
        "If it was you, log in here; the login page helps when the password is lost:\n\n<{link}>\n\nIf it was not "
        "you, do nothing: nothing changes.\n",
        (*COMMON, "link"),
    ),
    "mail.register": DefaultText(
        "Finish registering",
        "Finish registering at {site}",
        "Hello {name},\n\nYour account at {site} is nearly ready. Choose a password here:\n\n<{link}>\n\nThe link works "
        "for 7 days. If you did not register, do nothing: then there is no account.\n",
        (*COMMON, "link"),
    ),
    "mail.reset": DefaultText(
        "Lost password",
        "Choose a new password",
        "Hello {name},\n\nSomebody asked for a new password for your account at {site}. Choose one here within two "
        "hours:\n\n<{link}>\n\nIf it was not you, do nothing: your password stays as it is.\n",
        (*COMMON, "link"),
    ),
    "mail.confirm_address": DefaultText(
        "Confirm a new email address",
        "Confirm your new email address at {site}",
        "Hello {name},\n\nYou want to use this email address for your account at {site}. Confirm it here:\n\n<{link}>\n\n"
        "The link works for 24 hours. If you did not ask for this, do nothing: nothing changes.\n",
        (*COMMON, "link"),
    ),
    "mail.address_in_use": DefaultText(
        "Email address in use",
        "Somebody tried to use your email address at {site}",
        "Hello {name},\n\nSomebody with another account at {site} tried to change to your email address, which has an "
        "account already. If it was you, log in to that account or choose another address:\n\n<{link}>\n\nIf it was "
        "not you, do nothing: nothing changes.\n",
        (*COMMON, "link"),
    ),
    "mail.address_changed": DefaultText(
        "Mail address changed (to the earlier one)",
        "Your mail address at {site} was changed",
        "Hello {name},\n\nThe account at {site} that had this mail address has another one now, and all mails go there. "
        "If you do not want that, write to the people who run {site} at once.\n",
    ),
    "mail.invitation": DefaultText(
        "Invitation",
        "Your account at {site}",
        "Hello {name},\n\n{paid}\n\nThere is an account for you at {site}. Choose a password to log in; the link is good for "
        "30 days and for one use:\n\n<{link}>\n",
        (*COMMON, "paid", "link"),
    ),
    "mail.claim": DefaultText(
        "Confirm a payment",
        "Did you pay for a membership at {site}?",
        "Hello {name},\n\nSomebody paid for {plan} with your mail address. If it was you, confirm it here, and it "
        "belongs to your account:\n\n<{link}>\n\nIf it was not you, do nothing: nothing changes.\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.password_reset": DefaultText(
        "Password was reset",
        "Your password was changed",
        "Hello {name},\n\nThe password of your account at {site} was changed just now, with a link from an email. If it was "
        "not you, choose a new one at once:\n\n<{link}>\n",
        (*COMMON, "link"),
    ),
    "mail.password_changed": DefaultText(
        "Password was changed",
        "Your password was changed",
        "Hello {name},\n\nThe password of your account at {site} was changed just now. If it was not you, choose a new "
        "one at once:\n\n<{link}>\n",
        (*COMMON, "link"),
    ),
    "mail.payment_failed": DefaultText(
        "Payment failed",
        "Your payment for {plan} failed",
        "Hello {name},\n\nThe payment of {amount} for {plan} did not go through. {again}\n\nYou can pay now or give "
        "another card:\n\n<{link}>\n",
        (*COMMON, "plan", "amount", "again", "link"),
    ),
    "mail.trial_ends": DefaultText(
        "Trial ends",
        "Your trial of {plan} ends on {date}",
        "Hello {name},\n\nYour trial of {plan} ends on {date}. {then}\n\nYou can change or cancel it here:\n\n<{link}>\n",
        (*COMMON, "plan", "date", "then", "link"),
    ),
    "mail.trial_repeated": DefaultText(
        "Second trial with a card ended",
        "Your trial of {plan} has ended",
        "Hello {name},\n\nThe card that you gave has had a free trial here before, and there is one trial per card. So "
        "your trial of {plan} has ended. Nothing was charged. You can subscribe without a trial here:\n\n<{link}>\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.membership_ends": DefaultText(
        "Membership ends",
        "Your membership {plan} ends on {date}",
        "Hello {name},\n\n{plan} ends on {date}. Until then everything stays as it is. If you would rather keep it, "
        "you can do that here:\n\n<{link}>\n",
        (*COMMON, "plan", "date", "link"),
    ),
    "mail.membership_ended": DefaultText(
        "Membership ended",
        "Your membership {plan} has ended",
        "Hello {name},\n\n{plan} has ended. You are welcome back at any time:\n\n<{link}>\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.membership_restored": DefaultText(
        "Membership restored",
        "Your membership {plan} is active again",
        "Hello {name},\n\nYour bank has paid for {plan} after all, so your membership is active again:\n\n<{link}>\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.dispute_opened": DefaultText(
        "Dispute opened (to administrators)",
        "{member} disputes a payment of {amount}",
        "{member} has asked the bank to take back a payment of {amount}. Stripe has withdrawn the amount until the bank "
        "decides. {until}\n\n{then}\n\nAnswer or accept the dispute at Stripe:\n\n<{link}>\n",
        (*COMMON, "member", "amount", "until", "then", "link"),
    ),
    "mail.dispute_inquiry": DefaultText(
        "Inquiry opened (to administrators)",
        "{member}’s bank asks about a payment of {amount}",
        "The bank of {member} asks about a payment of {amount}. This is an inquiry: no money has been taken back. It can "
        "become a dispute if nobody answers. {until}\n\nAnswer it, or refund the payment, at Stripe:\n\n<{link}>\n",
        (*COMMON, "member", "amount", "until", "then", "link"),
    ),
    "mail.dispute_lost": DefaultText(
        "Dispute lost (to administrators)",
        "The dispute of {member} over {amount} is lost",
        "The bank has decided for {member}: the payment of {amount} is taken back for good. {then}\n\nSee it at "
        "Stripe:\n\n<{link}>\n",
        (*COMMON, "member", "amount", "then", "link"),
    ),
    "mail.order_paid": DefaultText(
        "Order complete",
        "Your order of {plan} is complete",
        "Hello {name},\n\nThe payment of {amount} for {plan} has arrived, and what it gives is yours now. You find it "
        "here:\n\n<{link}>\n",
        (*COMMON, "plan", "amount", "link"),
    ),
    "mail.order_failed": DefaultText(
        "Order not completed",
        "Your order of {plan} was not completed",
        "Hello {name},\n\nThe payment of {amount} for {plan} was not accepted or did not arrive. Nothing was taken; "
        "an amount that was reserved goes back to you. You can order again here:\n\n<{link}>\n",
        (*COMMON, "plan", "amount", "link"),
    ),
    "mail.approval": DefaultText(
        "Approval waits (to administrators)",
        "A payment waits for your approval until {date}",
        "{member} has paid {amount} for {plan}. The amount is only reserved, and the reservation ends on {date}. "
        "Approve or refuse it here:\n\n<{link}>\n",
        (*COMMON, "member", "plan", "amount", "date", "link"),
    ),
    "mail.free_order": DefaultText(
        "Free order waits (to administrators)",
        "An order of {plan} waits for your approval",
        "{member} has ordered {plan}. There is nothing to pay, and the order waits until you approve or refuse it:\n\n"
        "<{link}>\n",
        (*COMMON, "member", "plan", "link"),
    ),
    "mail.free_order_approved": DefaultText(
        "Free order approved",
        "Your order of {plan} is approved",
        "Hello {name},\n\nYour order of {plan} is approved. There was nothing to pay. See your membership here:\n\n"
        "<{link}>\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.free_order_refused": DefaultText(
        "Free order refused",
        "Your order of {plan} was not approved",
        "Hello {name},\n\nYour order of {plan} was not approved. There was nothing to pay. You can order again "
        "here:\n\n<{link}>\n",
        (*COMMON, "plan", "link"),
    ),
    "mail.health": DefaultText(
        "Health (to administrators)",
        "{what}",
        "{says}\n\nThe health page says what is wrong and what to do:\n\n<{link}>\n",
        (*COMMON, "what", "says", "link"),
    ),
}


def kind_label(kind: str) -> str:
    """Return the name of a kind of email for people."""
    default = DEFAULTS.get(f"mail.{kind}")
    return default.label if default else kind
