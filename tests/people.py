"""Who uses the site in a test: a client that reads forms off the pages, as a browser does."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests
from flask_security import login_user

from umstripe.models import User

PASSWORD = "correct horse battery"


class Page(HTMLParser):
    """What a page shows: its text, and its forms with what stands in their fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.words, self.forms = html, [], []
        self.select: str | None = None
        self.area: str | None = None
        self.in_template = False
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.area and self.forms:
            self.forms[-1]["fields"][self.area][-1] += data.replace("\r\n", "\n").removeprefix("\n")

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "template" or self.in_template:
            self.in_template = True
        elif tag == "form":
            self.forms.append(
                {
                    "action": given.get("action"),
                    "method": given.get("method", "get"),
                    "fields": {},
                    "names": set(),
                }
            )
        elif tag == "select":
            self.select = given.get("name")
            if self.forms:
                self.forms[-1]["names"].add(self.select)
        elif tag == "textarea" and self.forms:
            self.area = given.get("name")
            self.forms[-1]["names"].add(self.area)
            self._keep(self.area, "")
        elif tag == "option" and self.select and "selected" in given:
            self._keep(self.select, given.get("value") or "")
        elif tag == "input" and given.get("name") and self.forms:
            self.forms[-1]["names"].add(given["name"])
            if given.get("type") in ("checkbox", "radio"):
                if "checked" in given:
                    self._keep(given["name"], given.get("value") or "on")
            else:
                self._keep(given["name"], given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None
        elif tag == "template":
            self.in_template = False

    def _keep(self, name: str | None, value: str) -> None:
        if self.forms and name:
            self.forms[-1]["fields"].setdefault(name, []).append(value)

    def form(self, *names: str) -> dict[str, Any]:
        """The form that has all these fields; logging out is never meant."""
        for form in self.forms:
            if (
                form["method"].lower() == "post"
                and set(names) <= form["names"]
                and form["action"] != "/logout"
            ):
                return form
        raise AssertionError(
            f"no form with {names} on the page: {self.text[:400]}; there are {[sorted(one['names']) for one in self.forms]}"
        )


class Browserless:
    """A person without a browser. `client` is Flask's test client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, address: str, status: int = 200) -> Page:
        answer = self.client.get(address, follow_redirects=True)
        assert answer.status_code == status, (address, answer.status_code, Page(answer.text).text[:600])
        return Page(answer.text)

    def submit(
        self, address: str, *names: str, status: int = 200, to: str = "", extra: Any = None, **values: Any
    ) -> Page:
        """Fill in the form on the page that has the fields of `values` and `names`, and send it.

        A list sends a field several times, None leaves it out. `to`: another address, as a button's formaction.
        `extra`: what the form does not have.
        """
        page = self.get(address)
        return self.send(address, page, *names, status=status, to=to, extra=extra, **values)

    def send(
        self,
        address: str,
        page: Page,
        *names: str,
        status: int = 200,
        to: str = "",
        extra: Any = None,
        **values: Any,
    ) -> Page:
        """The same with a form on a page that is open already, at this address."""
        form = page.form(*(name for name in values if name != "action"), *names)
        fields = {**form["fields"], **values, **(extra or {})}
        sent = {name: value for name, value in fields.items() if value is not None}
        where = to or urljoin(address, form["action"] or address)
        answer = self.client.post(where, data=sent, follow_redirects=True)
        assert answer.status_code == status, (where, answer.status_code, Page(answer.text).text[:600])
        return Page(answer.text)

    def press(self, address: str, action: str, status: int = 200) -> Page:
        """Press a button that is a form of its own: `action` is where it leads."""
        page = self.get(address)
        form = next(one for one in page.forms if one["action"] == action)
        answer = self.client.post(action, data=form["fields"], follow_redirects=True)
        assert answer.status_code == status, (action, answer.status_code, Page(answer.text).text[:600])
        return Page(answer.text)

    def log_in(self, username: str, password: str = PASSWORD) -> Page:
        return self.submit("/login", email=username, password=password)

    def enter(self, username: str, password: str = PASSWORD) -> None:
        """Log in, without a look at the page that this leads to."""
        fields = self.get("/login").form("email", "password")["fields"]
        answer = self.client.post("/login", data={**fields, "email": username, "password": password})
        assert answer.status_code == 302, Page(answer.text).text[:600]


def logged_in(app: Any, username: str) -> Browserless:
    """A person who has logged in, with the cookies that a login gives. The login's own page has tests of its own."""
    with app.test_request_context("/login", method="POST"):
        login_user(User.with_username(username), authn_via=["password"])
        response = app.process_response(app.response_class())
    person = Browserless(app.test_client())
    for header in response.headers.getlist("Set-Cookie"):
        name, _, value = header.partition(";")[0].partition("=")
        person.client.set_cookie(name, value)
    return person


def make_administrator(app: Any, username: str = "admin") -> int:
    from umstripe.accounts.setup import create_administrator
    from umstripe.database import db, writing

    with app.app_context(), writing():
        user = create_administrator(username, f"{username}@example.org", PASSWORD, "command")
        db.session.flush()
        return user.id


def make_user(app: Any, username: str, *role_names: str, mode: str = "test", customer: str = "") -> int:
    """A member, by default with a customer at Stripe called `cus_<username>`. Gives the id."""
    from umstripe.database import db, writing
    from umstripe.models import Customer, Role, User

    with app.app_context(), writing():
        user = User(username=username, email=f"{username}@example.org")
        user.roles = [Role.named(name) for name in role_names]
        user.customers = [
            Customer(mode=mode, stripe_customer_id=customer or f"cus_{username}", deleted=False)
        ]
        db.session.add(user)
        db.session.flush()
        return user.id


class Http:
    """Flask's test client, over real HTTP: so the same person can visit a running site. `at`: where that led."""

    def __init__(self, base: str) -> None:
        self.base, self.session, self.at = base, requests.Session(), base

    def get(self, address: str, **_options: Any) -> requests.Response:
        return self._arrived(self.session.get(urljoin(self.base, address), timeout=60))

    def post(self, address: str, data: Any, **_options: Any) -> requests.Response:
        return self._arrived(self.session.post(urljoin(self.base, address), data=data, timeout=60))

    def _arrived(self, answer: requests.Response) -> requests.Response:
        self.at = answer.url
        return answer


def send_emails(app: Any) -> None:
    """Do what the worker does with the emails that are written down."""
    from umstripe.database import db
    from umstripe.emails import outbox

    with app.app_context():
        outbox.send_pending()
        db.session.remove()
