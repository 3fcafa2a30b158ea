"""Where a request ends is found however its bytes are cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from umstripe.security import settings
from umstripe.server.framing import BODY_BYTES, CHUNKED_BYTES, HEAD_BYTES, RequestBuffer

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
EMPTY_LINE = b"\r\n"
"""Before a request it is left out (RFC 9112, 2.2)."""
CHUNKED = HEAD + b"Transfer-Encoding: Chunked\r\n\r\n"
REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    HEAD + b"Content-Length: 5\r\n\r\n\r\n\r\nx",
    HEAD + b"content-length:0\r\n\r\n",
    CHUNKED + b"0\r\n\r\n",
    CHUNKED + b"A;name=value\r\n0123456\r\n\r\r\n1\r\nx\r\n0\r\n\r\n",
    CHUNKED + b"3\r\nabc\r\n000\r\nTrailer: yes\r\nMore: yes\r\n\r\n",
]


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4), st.lists(st.integers(1, 40), min_size=1))
@pytest.mark.one_database
def test_requests_are_told_apart_however_they_are_cut(requests, sizes):
    stream = b"".join(EMPTY_LINE * (number % 2) + request for number, request in enumerate(requests))
    buffer, taken, position, turn = RequestBuffer(), [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        buffer.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
        while buffer.is_complete:
            assert buffer.is_whole
            taken.append(buffer.take())
            buffer.feed(b"")
    assert taken == requests


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 0x5\r\n\r\nabcde",
        HEAD + b"Content-Length: %d\r\n\r\n" % (BODY_BYTES + 1),
        HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nabc",
        CHUNKED + b"0x5\r\nabcde\r\n",
        CHUNKED + b"fffffff\r\n",
        CHUNKED + b"%x\r\n" % CHUNKED_BYTES,
        CHUNKED + b"5" * 5_000,
        CHUNKED + b"0\r\nTrailer: " + b"a" * (HEAD_BYTES + 1),
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * (HEAD_BYTES + 1),
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_what_is_unclear_or_too_big_is_handed_over_at_once_and_nothing_after_it_is_a_request(request_):
    buffer = RequestBuffer()
    buffer.feed(request_)
    assert buffer.is_complete and not buffer.is_whole
    assert buffer.take() == request_ and len(buffer) == 0


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_in_any_pieces_end_without_an_error(data, size):
    buffer = RequestBuffer()
    for start in range(0, len(data), size):
        buffer.feed(data[start : start + size])
        while buffer.is_complete and len(buffer):
            buffer.take()
            buffer.feed(b"")


def test_no_chunked_body_is_longer_than_the_application_reads():
    assert CHUNKED_BYTES == settings.BODY_BYTES < BODY_BYTES
