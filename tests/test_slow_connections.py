"""Slow clients hold on to connections, never to the threads that answer: nobody else waits for them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl
import threading
import time

import pytest
import requests

from tests.processes import Site, wait_until
from tests.selling import open_shop, rows
from tests.slow_connections import HOST, KINDS, STATIC_FILE, SlowConnections, latency
from tests.stripe_events import SECRETS, body_of, signature, subscription_event
from umstripe.server.connection import HEAD_SECONDS

AT = 1_700_000_000
COUNT = 200
ATTEMPTS = 15
TIMEOUT = 5.0
"""Seconds. A site that is stopped never answers; a free one does in milliseconds, a busy machine's in a second."""


@pytest.fixture
def running(app, environ, tmp_path):
    open_shop(app)
    site = Site(environ, tmp_path, WEB_CONCURRENCY="2")
    site.start()
    yield site
    site.stop()


def healthz(site: Site) -> float:
    return latency(site.port, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n", TIMEOUT)


def delivery(site: Site, number: int) -> float:
    body = body_of(subscription_event("active", AT + 60 * number))
    head = (
        "POST /webhooks/stripe/test HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature(body, SECRETS['test'])}\r\nContent-Length: {len(body)}\r\n"
    )
    return latency(site.port, head.encode() + HOST + b"\r\n" + body, TIMEOUT)


def assert_answers(site: Site) -> None:
    measured = [(healthz(site), delivery(site, number)) for number in range(ATTEMPTS)]
    assert max(map(max, measured)) < TIMEOUT, measured


def exchange(site: Site, request: bytes, seconds: float = 20) -> bytes:
    """Return all that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", site.port), seconds) as connection:
        connection.sendall(request)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.one_database
def test_deliveries_are_answered_beside_200_slow_connections_of_a_kind(app, running, kind):
    with SlowConnections(running.port, kind, COUNT):
        time.sleep(2)
        assert_answers(running)
    assert rows(app, "SELECT count(*) FROM delivery WHERE result = 'processed'") == [(ATTEMPTS,)]


def test_deliveries_are_answered_beside_all_kinds_of_slow_connections_together(app, running):
    with contextlib.ExitStack() as stack:
        for kind in KINDS:
            stack.enter_context(SlowConnections(running.port, kind, COUNT))
        time.sleep(2)
        assert_answers(running)


@pytest.mark.one_database
def test_more_connections_than_are_allowed_end_those_that_wait_longest(environ, app, tmp_path):
    open_shop(app)
    site = Site(environ, tmp_path, WEB_CONCURRENCY="2", GUNICORN_CMD_ARGS="--worker-connections 50")
    site.start()
    try:
        with SlowConnections(site.port, "half a body", COUNT) as slow:
            time.sleep(1)
            assert_answers(site)
        assert slow.closed_by_server
    finally:
        site.stop()


@pytest.mark.one_database
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_the_connection(running, sent):
    assert statuses(exchange(running, sent, seconds=40)) == ([408] if sent else [])


@pytest.mark.one_database
def test_a_request_in_single_bytes_is_read_whole(running):
    body = body_of(subscription_event("active", AT))
    head = f"POST /webhooks/stripe/test HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    signed = f"Stripe-Signature: {signature(body, SECRETS['test'])}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), 20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (head.encode() + HOST + signed.encode())[:400]:
            connection.send(bytes([byte]))
        connection.sendall((head.encode() + HOST + signed.encode())[400:] + body)
        assert statuses(read_all(connection)) == [200]


@pytest.mark.one_database
def test_a_chunked_delivery_is_taken(app, running):
    body = body_of(subscription_event("active", AT))
    headers = {"Stripe-Signature": signature(body, SECRETS["test"])}

    def pieces():
        for start in range(0, len(body), 2000):
            time.sleep(0.3)
            yield body[start : start + 2000]

    answer = requests.post(f"{running.url}/webhooks/stripe/test", data=pieces(), headers=headers, timeout=20)
    assert answer.json()["result"] == "processed"


@pytest.mark.one_database
def test_a_client_that_asks_first_is_told_to_send_its_body_once(running):
    body = body_of(subscription_event("active", AT))
    head = (
        "POST /webhooks/stripe/test HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\n"
        f"Stripe-Signature: {signature(body, SECRETS['test'])}\r\nContent-Length: {len(body)}\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), 20) as connection:
        connection.sendall(head.encode() + HOST + b"\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert statuses(read_all(connection)) == [200]


@pytest.mark.one_database
def test_requests_that_come_together_are_answered_in_order_and_whole(running):
    request = b"GET " + STATIC_FILE + b" HTTP/1.1\r\n" + HOST
    last = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
    answer = exchange(running, (request + b"\r\n") * 100 + last)
    assert statuses(answer) == [200] * 101 and answer.endswith(b'{"status":"ok"}\n')


SMUGGLED = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /login HTTP/1.1\r\n" + HOST


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
        (POST + b"Content-Length: 0\r\nContent-Length: 52\r\n\r\n" + SMUGGLED, 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 501),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
        (POST + b"Content-Length: +4\r\n\r\nabcd" + SMUGGLED, 400),
        (POST + b"Content-Length: -4\r\n\r\nabcd" + SMUGGLED, 400),
        (b"GET /healthz HTTP/1.1\nHost: a\n\n" + SMUGGLED, 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + HOST + b"\r\n" + SMUGGLED, 400),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Long: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Many: a\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_ends_the_connection(
    running, request_, status
):
    assert statuses(exchange(running, request_)) == [status]


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 6000000\r\n\r\n" + b"a" * 6_000_000,
        CHUNKED + (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 90 + b"0\r\n\r\n",
        CHUNKED + b"2dc6c0\r\n" + b"a" * 3_000_000 + b"\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks", "one chunk"],
)
def test_a_body_that_is_too_big_is_refused_and_ends_the_connection(running, body):
    head = b"POST /webhooks/stripe/test HTTP/1.1\r\n" + HOST
    assert statuses(exchange(running, head + body + SMUGGLED)) == [413]


@pytest.mark.one_database
def test_tls_on_a_port_without_it_is_refused_at_once(running):
    context = ssl.create_default_context()
    began = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", running.port), 20) as connection,
        pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")
    assert time.monotonic() - began < HEAD_SECONDS - 2
    assert statuses(exchange(running, b"\x16\x03\x01\x02\x00\x01\x00")) == [400]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "chunks",
    [b"-2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"],
)
@pytest.mark.parametrize("path", [b"/webhooks/stripe/test", b"/login"])
def test_chunks_that_cannot_be_read_are_the_client_s_mistake(running, chunks, path):
    head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Type: "
    form = b"application/x-www-form-urlencoded\r\n\r\n"
    assert statuses(exchange(running, head + form + chunks)) == [400]


@pytest.mark.parametrize(
    "headers",
    [
        b"SCRIPT_NAME: /evil\r\n",
        b"PATH_INFO: /evil\r\n",
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n",
    ],
)
def test_nobody_on_this_machine_is_taken_for_a_proxy_that_the_site_does_not_know(running, headers):
    answer = exchange(running, b"GET /login HTTP/1.1\r\nConnection: close\r\n" + headers + HOST + b"\r\n")
    assert statuses(answer) == [200] and b"/evil" not in answer


def test_a_stop_answers_what_has_come_and_does_not_wait_for_the_slow(running):
    with contextlib.ExitStack() as stack:
        for kind in ("nothing", "half a head", "half a body", "idle"):
            stack.enter_context(SlowConnections(running.port, kind, 20))
        answers: list[float] = []
        thread = threading.Thread(target=lambda: answers.append(delivery(running, 1)))
        thread.start()
        thread.join(20)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(18) == 0, running.log()
    assert answers[0] < TIMEOUT


@pytest.mark.one_database
def test_a_killed_web_process_is_replaced(running):
    master = running.process.pid
    children = children_of(master)
    for child in children:
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: len(children_of(master) - children) == 2, "two new processes")
    running.wait_for_answer(f"{running.url}/healthz")


def children_of(pid: int) -> set[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as children:  # noqa: PTH123
        return set(map(int, children.read().split()))
