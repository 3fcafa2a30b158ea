"""Hostile input, by the place that it is put in. All of it is sent as it stands."""

from __future__ import annotations

from io import BytesIO

from werkzeug.datastructures import FileStorage

LONG = "x" * 9_000
SEGMENTS = (
    "0",
    "-1",
    "99999999999999999999",
    "%00",
    "%ff%fe",
    "%ED%A0%80",
    "%F0%9F%92%A9",
    "..%2F..%2Fetc%2Fpasswd",
    "'%20OR%201=1--",
    "%3Cscript%3E",
    "%0d%0aSet-Cookie:%20a=b",
    "%7B%7B7*7%7D%7D",
    LONG,
)
"""Parts of a path, encoded for it."""

VALUES = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "'\"><script>alert(1)</script>",
    "' OR 1=1--",
    "-1",
    "99999999999999999999",
    "1e309",
    "NaN",
    "٣",
    "\u202etxt\u200b",
    "{{7*7}}",
    "//evil.example/",
    "javascript:alert(1)",
    "http://[",
    "\r\nX-Injected: yes",
    LONG,
)
"""What is typed into a field or put into a query."""

FOR_DATABASES = {"\x00", "a\x00b", "-1", "99999999999999999999", "1e309", "NaN", "٣", "' OR 1=1--", LONG}
"""What databases treat differently: on Postgres these values are enough."""

RAW_QUERIES = ("%ff=%fe", "page=%00", "a=" + LONG, "&&&=&=", "next=%ED%A0%80", "page[]=1&page[]=2")

HOSTS = (
    "evil.example",
    "evil.example:80",
    "localhost@evil.example",
    "localhost:99999999",
    "[::1",
    "a" * 300,
    "ev il.example",
    "evil.example/path",
    "xn--/",
)

BODIES: tuple[tuple[str, bytes], ...] = (
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"email": [1], "password": {"a": null}}'),
    ("application/json", b'{"email": "\\ud800", "password": "\\u0000"}'),
    ("application/json", b"\xff\xfe"),
    ("application/json; charset=utf-16", b"\x00"),
    ("application/x-www-form-urlencoded", b"\xff=\xfe&%ff=%fe"),
    ("application/x-www-form-urlencoded", b"a=" + b"x" * 3_000_000),
    ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(5_000))),
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n1"),
    ("multipart/form-data; boundary=" + "b" * 500, b"--b"),
    ("text/plain", b"\x00"),
    ("\xff/\xfe", b"?"),
)
"""Content types and raw bodies."""


HEADERS = (
    "Referer",
    "Origin",
    "User-Agent",
    "Accept",
    "Accept-Language",
    "Authorization",
    "Authentication-Token",
    "Content-Type",
    "Content-Length",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Requested-With",
)
HEADER_VALUES = (
    "",
    "*",
    "\xff",
    "http://[",
    "https://evil.example/",
    "-1",
    "9" * 30,
    "a,b;q=x,,;",
    "x" * 9_000,
)


def file() -> FileStorage:
    """Return a file, for a field that takes text."""
    return FileStorage(BytesIO(b"\x00\xff"), filename="../../etc/passwd", content_type="image/png")
