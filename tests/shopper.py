"""Somebody who buys, without a browser: the site's pages by their forms, and Stripe's after them."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from stripe_simulator.testing import CARD, Walk
from tests.people import PASSWORD, Browserless, Http, Page

BILLING = "/account/billing/"


class Shopper(Browserless):
    """`name` is username and, at example.org, the address."""

    def __init__(self, site_url: str, name: str) -> None:
        super().__init__(Http(site_url))
        self.name = name

    def register(self, plan_key: str) -> Page:
        """Send the form, and follow where it leads. The page's policy does not know where the proxy's Stripe keeps
        its payment pages, as with an address of the account's own: so there is a link between."""
        typed = {"username": self.name, "email": f"{self.name}@example.org", "password": PASSWORD}
        page = self.submit(f"/register?plan={plan_key}", **typed)
        ready = "Your payment page is ready." in page.text
        return self.follow(page, "Go to the payment page") if ready else page

    def pay(self, promotion_code: str = "") -> Page:
        """Pay on Checkout's page, where one is now. Gives the success page."""
        walk = Walk(self.client.at)
        if promotion_code:
            walk.press("apply", promotion_code=promotion_code)
        walk.press(**CARD)
        assert walk.left_for, walk.text
        return self.come_back(walk.left_for)

    def come_back(self, url: str) -> Page:
        """Open an address of the site that somebody else named, like Checkout or a mail."""
        parts = urlsplit(url)
        return self.get(urljoin(self.client.base, f"{parts.path}?{parts.query}"))

    def follow(self, page: Page, label: str) -> Page:
        """Go where a link of a page leads, on the site or at Stripe."""
        found = re.search(rf'href="([^"]+)"[^>]*>{re.escape(label)}<', page.html)
        assert found, f"no link {label}: {page.text[:600]}"
        return self.get(urljoin(self.client.at, found[1].replace("&amp;", "&")))

    def press_here(self, page: Page, *names: str, **values: str) -> Page:
        """Send the form of the page that is open."""
        return self.send(self.client.at, page, *names, **values)

    def pay_link(self) -> None:
        """Pay on a payment link's page, where one is now, with the own address."""
        walk = Walk(self.client.at)
        walk.press(email=f"{self.name}@example.org", **CARD)
        assert "error" not in walk.text and walk.status in (200, 303), walk.text
