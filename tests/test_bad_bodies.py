"""No body that anybody sends breaks any address: it is refused as what it is, or the address does not read it."""

from __future__ import annotations

import pytest

from tests.people import PASSWORD, Browserless
from tests.sampling import sample

JSON, FORM, PARTS = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=part",
)
MORE_THAN_IT_TAKES = 2 * 1024 * 1024 + 1
BODIES: dict[str, tuple[bytes, str]] = {
    "JSON too big": (b'"' + b"a" * MORE_THAN_IT_TAKES + b'"', JSON),
    "JSON too deep": (b"[" * 100_000 + b"]" * 100_000, JSON),
    "JSON objects too deep": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, JSON),
    "JSON that is no UTF-8": (b'{"email": "\xff\xfe"}', JSON),
    "JSON with half a character": (b'{"email": "\\ud800", "csrf_token": "\\ud800"}', JSON),
    "JSON with a NUL": (b'{"email": "\\u0000\x00"}', JSON),
    "JSON with a huge number": (b'{"email": ' + b"9" * 5000 + b"}", JSON),
    "JSON that is a list": (b"[1, 2]", JSON),
    "JSON that is nothing": (b"null", JSON),
    "JSON in a strange encoding": (b"{}", "application/json; charset=utf-99"),
    "JSON that ends early": (b'{"email": ', JSON),
    "form too big": (b"email=" + b"a" * MORE_THAN_IT_TAKES, FORM),
    "form with too many fields": (b"&".join(b"f%d=1" % n for n in range(5000)), FORM),
    "form that is no UTF-8": (b"email=\xff\xfe&csrf_token=%ff%fe&name=%c3%28", FORM),
    "form with a NUL": (b"email=%00&password=%00&csrf_token=%00&action=%00", FORM),
    "form with half a character": (b"email=%ED%A0%80&password=%ED%A0%80&name=%ED%A0%80", FORM),
    "form of signs": (b"=&=&&&&%&%%&%zz=%zz", FORM),
    "form in a strange encoding": (b"email=a", f"{FORM}; charset=utf-99"),
    "parts too big": (
        b'--part\r\nContent-Disposition: form-data; name="email"\r\n\r\n'
        + b"a" * MORE_THAN_IT_TAKES
        + b"\r\n--part--\r\n",
        PARTS,
    ),
    "a part larger than a field may be": (
        b'--part\r\nContent-Disposition: form-data; name="email"\r\n\r\n'
        + b"a" * 600_000
        + b"\r\n--part--\r\n",
        PARTS,
    ),
    "too many parts": (
        b"".join(
            b'--part\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(1500)
        )
        + b"--part--\r\n",
        PARTS,
    ),
    "a part without an end": (b'--part\r\nContent-Disposition: form-data; name="email"\r\n\r\nabc', PARTS),
    "a part without a name": (b"--part\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--part--\r\n", PARTS),
    "a part with a long header": (
        b'--part\r\nContent-Disposition: form-data; name="email"\r\nX: '
        + b"a" * 300_000
        + b"\r\n\r\n1\r\n--part--\r\n",
        PARTS,
    ),
    "a file for a field": (
        b'--part\r\nContent-Disposition: form-data; name="email"; filename="\xff\x00"\r\n'
        b"Content-Type: text/plain; charset=utf-99\r\n\r\n\x00\xff\r\n--part--\r\n",
        PARTS,
    ),
    "parts without a boundary": (b"--part\r\n\r\n", "multipart/form-data"),
    "parts with another boundary": (b"--part\r\n\r\nabc\r\n--part--", "multipart/form-data; boundary=other"),
    "no type": (b"\x00\xff\xfe", ""),
    "a type that is none": (b"a", "\xff/;;;=;charset"),
}
LONG = "a" * 200_000
HEADERS = {
    "long": {
        "Stripe-Signature": LONG,
        "Authentication-Token": LONG,
        "X-CSRFToken": LONG,
        "Cookie": f"session={LONG}",
    },
    "odd": {
        "Authentication-Token": "\xff",
        "X-CSRFToken": "\xff\xfe",
        "Cookie": "session=\xff; remember_token=\xff|",
    },
    "no number": {"Content-Length": "many"},
    "half a range": {"Range": "bytes=-", "If-Modified-Since": "\xff", "Accept-Language": LONG},
}


def addresses(app) -> list[str]:
    """Every address of the site, with something in the place of each argument. Logging out would end the test."""
    adapter = app.url_map.bind("localhost")
    found = {adapter.build(rule.endpoint, _values(rule)) for rule in app.url_map.iter_rules()}
    return sorted(found - {"/logout"})


def _values(rule) -> dict[str, object]:
    return {name: _value(converter) for name, converter in rule._converters.items()}


def _value(converter) -> object:
    allowed = sorted(getattr(converter, "items", ()))
    return allowed[0] if allowed else 1 if hasattr(converter, "min") else "x"


FOR_DATABASES = [
    name for name in BODIES if "NUL" in name or "UTF-8" in name or "half" in name or "huge" in name
]
"""Of these, that databases treat differently, every place gets each."""


def broken(client, places: list[str], first: int) -> list:
    """The answers that are a fault of the site, for a half of the bodies at each place. `first`: which half."""
    found = []
    for number, place in enumerate(places, first):
        for name in {*sample(BODIES, number, 2), *FOR_DATABASES}:
            body, type_ = BODIES[name]
            answer = client.open(place, method="POST", data=body, content_type=type_)
            if answer.status_code >= 500:
                found.append((place, name, answer.status_code))
    return found


WHO = ["logged out", "an administrator"]


@pytest.fixture(params=WHO)
def who(request):
    return request.param


@pytest.fixture
def client(request, app, who):
    from tests.selling import open_shop

    open_shop(app)
    person = Browserless(app.test_client())
    if who != "logged out":
        return request.getfixturevalue("admin").client
    return person.client


def test_no_body_breaks_any_address(app, client, who):
    assert not broken(client, addresses(app), WHO.index(who))


@pytest.mark.one_database
@pytest.mark.parametrize(
    "name", ["JSON too deep", "JSON that is a list", "form too big", "a part without a name"]
)
def test_a_body_that_comes_with_a_page_s_address_breaks_none(app, client, name):
    body, type_ = BODIES[name]
    for place in addresses(app):
        assert client.get(place, data=body, content_type=type_).status_code < 500, place


@pytest.mark.one_database
@pytest.mark.parametrize("name", HEADERS)
def test_no_header_breaks_any_address(app, client, name):
    for place in addresses(app):
        for verb in ("GET", "POST"):
            answer = client.open(place, method=verb, headers=HEADERS[name])
            assert answer.status_code < 500, (verb, place)


@pytest.mark.parametrize("name", ["form too big", "parts too big", "too many parts"])
def test_what_is_too_big_is_called_so(app, name):
    body, type_ = BODIES[name]
    answer = app.test_client().post("/login", data=body, content_type=type_)
    assert answer.status_code == 413 and "larger than the site takes" in answer.text


def test_a_delivery_that_is_too_big_is_called_so(app):
    body = BODIES["JSON too big"][0]
    assert app.test_client().post("/webhooks/stripe/test", data=body, content_type=JSON).status_code == 413


def test_no_address_reads_a_token_or_a_password_out_of_json(app):
    from tests.people import make_administrator

    make_administrator(app)
    sent = {"email": "admin", "password": PASSWORD}
    assert app.test_client().post("/login", json=sent).status_code == 400


@pytest.mark.one_database
@pytest.mark.parametrize("mark", ["\u0301\u0316", "\u0f73", "\uff9e"])
@pytest.mark.parametrize("field", ["email", "password"])
def test_a_pile_of_accents_is_refused_before_anybody_sorts_them(app, mark, field):
    """60,000 of them would stop a whole process for a minute, without any account."""
    person = Browserless(app.test_client())
    fields = {**person.get("/login").form("email")["fields"], "email": "jane", "password": PASSWORD}
    answer = person.client.post("/login", data={**fields, field: "a" + mark * 500})
    assert answer.status_code == 400
    assert person.client.post("/login", data={**fields, field: "a" + mark * 20}).status_code == 200


@pytest.mark.one_database
@pytest.mark.parametrize(
    "url", ["http://[", "//[", "http:\\\\[", "//a\u2100b/", "http://localhost:99999999/"]
)
@pytest.mark.parametrize("place", ["/login", "/logout", "/reset"])
def test_a_next_that_is_no_address_is_refused(app, admin, place, url):
    for is_logged_in in (False, True):
        person = Browserless(app.test_client())
        fields = person.get("/login").form("email")["fields"]
        if is_logged_in:
            person.enter("admin")
            fields = person.get("/account/").form("name")["fields"]
        sent = {**fields, "email": "admin", "password": PASSWORD}
        assert person.client.get(place, query_string={"next": url}).status_code in (400, 405)
        assert person.client.post(place, data={**sent, "next": url}).status_code == 400


@pytest.mark.one_database
@pytest.mark.parametrize(
    "cookie",
    [
        "remember_token=\u00c3\u00a9|\u00c3\u00a9",
        "remember_token=\u00ff|",
        "session=\u00ff",
        "known_device=\u00ff.\u00ff.\u00ff",
        f"session={LONG}; remember_token={LONG}|{LONG}; known_device={LONG}",
        "remember_token=|; session=.; known_device=..",
    ],
)
def test_no_cookie_breaks_a_page(app, cookie):
    """The test client would put its own cookies in the place of these, so it has none."""
    client = app.test_client(use_cookies=False)
    for place in ("/", "/login", "/register", "/account/", "/healthz"):
        assert client.get(place, headers={"Cookie": cookie}).status_code < 500, place
