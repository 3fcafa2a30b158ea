"""Every address of the application, as every kind of person, with hostile input.

The addresses are read from the application, so a new one is covered on the day it comes. Nothing answers with a 5xx,
nobody sees what belongs to somebody else, and no answer repeats a forged host. Every address meets every hostile value
as one of the persons; as all of them with `make test-thorough`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.members import AtBilling
from tests.people import PASSWORD, Browserless, Page, make_administrator
from tests.sampling import THOROUGH, sample
from tests.security import hostile

PERSONS = ("visitor", "jane", "bert", "admin")
TWO, THREE, MEMBERS = ("visitor", "admin"), ("visitor", "jane", "admin"), ("visitor", "jane")
SECRETS = {
    "jane": ("janet.private@example.org", "Janet Private"),
    "bert": ("bertram.private@example.org", "Bertram Private"),
    "admin": ("admin@example.org",),
}
"""What only the person and the administrators may see."""
SAMPLES = {
    "mode": "test",
    "job": "audit",
    "verb": "approve",
    "identity": "copy",
    "kind": "audit",
    "action": "cancel",
    "filename": "css/base.css",
    "name": "mail.welcome",
}
LIMITED = ("Location", "Set-Cookie")
GAP = re.compile(r"<(?:[^:<>]+:)?(\w+)>")


class Site(NamedTuple):
    """A site at a simulator, where Jane and Bert are members."""

    world: AtBilling
    app: Flask

    def client(self, person: str) -> FlaskClient:
        """Return a new client, logged in as the person."""
        client = self.app.test_client()
        if person != "visitor":
            Browserless(client).enter(person)
        return client


@pytest.fixture
def house(database_url, tmp_path) -> Iterator[Site]:
    from umstripe.database import db, writing
    from umstripe.models import Customer, User

    world = AtBilling(database_url, tmp_path)
    app = world.app
    customer = world.simulator.call("POST", "/customers", email="bert@example.org")["id"]
    with app.app_context(), writing():
        jane = User.with_username("jane")
        jane.name, jane.email = "Janet Private", "janet.private@example.org"
        jane.set_password(PASSWORD)
        bert = User(username="bert", email="bertram.private@example.org", name="Bertram Private")
        bert.customers = [Customer(mode="test", stripe_customer_id=customer, deleted=False)]
        db.session.add(bert)
        db.session.flush()
        bert.set_password(PASSWORD)
    make_administrator(app)
    world.subscribe(customer)
    world.catch_up()
    yield Site(world, app)
    world.stop()


def rules(app: Flask, method: str) -> list[Rule]:
    """Return the application's rules for a method; logging out comes last."""
    found = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
    return sorted(found, key=lambda rule: (rule.endpoint == "security.logout", rule.rule))


def address(rule: Rule, **replaced: str) -> str:
    """Return an address of a rule. Each gap is what `replaced` says, or a sample, or the first row's id."""
    return GAP.sub(lambda gap: replaced.get(gap[1]) or SAMPLES.get(gap[1], "1"), rule.rule)


def addresses(rule: Rule, number: int) -> Iterator[str]:
    """Yield the rule's address for the first few rows, then with each gap filled with each hostile part of a sample."""
    gaps = [gap[1] for gap in GAP.finditer(rule.rule)]
    yield address(rule)
    for row in ("2", "3") if gaps else ():
        yield address(rule, **{gap: row for gap in gaps if gap not in SAMPLES})
    for gap in gaps:
        for part in sample(hostile.SEGMENTS, number, 3):
            yield address(rule, **{gap: part})


def check(person: str, where: str, answer: TestResponse) -> None:
    """Assert that an answer is no fault of the server's, and that it holds nobody else's data."""
    text = answer.get_data(as_text=True)
    assert answer.status_code < 500, (person, where[:200], answer.status_code, Page(text).text[:300])
    assert "Traceback" not in text and "sqlalchemy" not in text, (person, where[:200])
    assert "X-Injected" not in answer.headers, (person, where[:200])
    long = [
        f"{name}: {value[:80]}" for name, value in answer.headers if name in LIMITED and len(value) >= 4096
    ]
    assert not long, (person, where[:200], long)
    if person != "admin":
        others = [word for name, words in SECRETS.items() if name != person for word in words]
        shown = [word for word in others if word in text]
        assert not shown, (person, where[:200], shown)


def token(client: FlaskClient) -> str:
    """Return a CSRF token that is good in the client's session."""
    for where in ("/login", "/account/", "/"):
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(where).text)
        if found:
            return found[1]
    raise AssertionError("no page has a form")


def numbered(rules: list[Rule], person: str, persons: Sequence[str] = PERSONS) -> Iterator[tuple[int, Rule]]:
    """Yield the rules with the number of the sample that the person tries of each: another one than the others."""
    return enumerate(rules, persons.index(person))


def values_for(house: Site, number: int) -> list[str]:
    """Return a sample of the hostile values; on Postgres of those that databases treat differently."""
    is_sqlite = house.app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    if is_sqlite or THOROUGH:
        return sample(hostile.VALUES, number, 3)
    return sample((value for value in hostile.VALUES if value in hostile.FOR_DATABASES), number, 3)


QUERY_NAMES = ["page", "search", "status", "orderby", "order", "mode", "plan", "next", "redirect_to", "token"]
QUERY_NAMES += ["umm_stripe_sid", "type", "user", "kind", "state", "trigger"]


@pytest.mark.parametrize("person", PERSONS)
def test_every_page_holds_under_hostile_paths_and_queries(house, person):
    client = house.client(person)
    pages = rules(house.app, "GET")
    assert len(pages) > 30
    for number, rule in numbered(pages, person):
        for where in addresses(rule, number):
            check(person, where, client.get(where))
        for value in values_for(house, number):
            query = dict.fromkeys(QUERY_NAMES, value)
            check(person, rule.rule, client.get(address(rule), query_string=query))
        for query in sample(hostile.RAW_QUERIES, number, 3):
            check(person, rule.rule, client.get(f"{address(rule)}?{query}"))


@pytest.mark.parametrize("person", PERSONS)
def test_every_form_holds_under_hostile_values(house, person):
    fields = field_names(house, person)
    actions = rules(house.app, "POST")
    assert len(actions) > 20
    for number, rule in numbered(actions, person):
        client = new_client(house, person, number)
        sent = {"csrf_token": token(client)}
        for where in addresses(rule, number):
            check(person, where, client.post(where, data=sent))
        for value in values_for(house, number):
            data = dict.fromkeys(fields, value) | sent
            check(person, f"{rule.rule} {value[:20]!r}", client.post(address(rule), data=data))
        data = {name: hostile.file() for name in fields} | sent
        check(person, f"{rule.rule} files", client.post(address(rule), data=data))


def new_client(house: Site, person: str, number: int) -> FlaskClient:
    """Return a client of the person. The forms before may have changed every administrator, so that is a new one."""
    if person != "admin":
        return house.client(person)
    make_administrator(house.app, f"admin{number}")
    return house.client(f"admin{number}")


def field_names(house: Site, person: str) -> list[str]:
    """Return the names of all fields of the forms that a person sees."""
    client, names = house.client(person), set()
    for rule in rules(house.app, "GET"):
        answer = client.get(address(rule))
        if answer.mimetype == "text/html":
            names |= {name for form in Page(answer.text).forms for name in form["names"] if name}
    assert names
    return sorted(names - {"csrf_token"})


@pytest.mark.one_database
@pytest.mark.parametrize("person", TWO)
def test_every_address_holds_under_hostile_bodies(house, person):
    client = house.client(person)
    for number, rule in numbered([*rules(house.app, "POST"), *rules(house.app, "GET")], person, TWO):
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        for type_, body in sample(hostile.BODIES, number, 2):
            headers = {"Content-Type": type_.encode().decode("latin-1")}
            answer = client.open(address(rule), method=method, data=body, headers=headers)
            check(person, f"{rule.rule} {type_} {body[:30]!r}", answer)


@pytest.mark.one_database
@pytest.mark.parametrize("person", THREE)
def test_no_address_repeats_a_forged_host(house, person):
    client = house.client(person)
    for number, rule in numbered(rules(house.app, "GET"), person, THREE):
        for host in sample(hostile.HOSTS, number, 3):
            answer = client.get(address(rule), headers={"Host": host})
            check(person, f"{rule.rule} at {host}", answer)
            assert "evil" not in answer.text, rule.rule
            assert "evil" not in answer.headers.get("Location", ""), rule.rule


@pytest.mark.one_database
@pytest.mark.parametrize("person", MEMBERS)
def test_every_page_holds_under_hostile_headers(house, person):
    client = house.client(person)
    together = [dict.fromkeys(hostile.HEADERS, value) for value in hostile.HEADER_VALUES]
    alone = [{name: "http://["} for name in hostile.HEADERS]
    for number, rule in numbered(rules(house.app, "GET"), person, MEMBERS):
        for headers in sample([*together, *alone], number, 2):
            check(person, f"{rule.rule} {str(headers)[:100]}", client.get(address(rule), headers=headers))


@pytest.mark.one_database
def test_garbage_in_cookies_is_nobody(house):
    values = ("", "x", "." * 3000, "eyJ1Ijp7fX0.aaaa.bbbb", "1|" + "0" * 128, "%00", '"')
    for number, (name, value) in enumerate(itertools.product(("session", "remember_token"), values)):
        client = house.client("visitor")
        client.set_cookie(name, value)
        for rule in sample(rules(house.app, "GET"), number, 5):
            check("visitor", f"{rule.rule} {name}={value[:20]}", client.get(address(rule)))
