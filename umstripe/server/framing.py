"""Find where a request ends. Its meaning is read by gunicorn's parser alone, from the same bytes."""

from __future__ import annotations

import re

HEAD_BYTES = 64 * 1024
BODY_BYTES = 4 * 1024 * 1024
"""More than the application takes (MAX_CONTENT_LENGTH), so that the application's own page refuses what is too big."""
CHUNKED_BYTES = 2 * 1024 * 1024
"""As much as the application takes: werkzeug cuts off what follows of a chunked body, instead of refusing it."""
CHUNK_LINE_BYTES = 4096
Refusal = tuple[int, str]
BAD_REQUEST: Refusal = (400, "Bad Request")
HEAD_TOO_LONG: Refusal = (431, "Request Header Fields Too Large")
BODY_TOO_BIG: Refusal = (413, "Content Too Large")

_NO_METHOD = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z\r-]")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;|$)")
_CONTENT_LENGTH = re.compile(rb"[0-9]{1,15}")
_FRAMING_HEADER = re.compile(rb"^(content-length|transfer-encoding|expect)[ \t]*:([^\r\n]*)", re.I | re.M)


class RequestBuffer:
    """The bytes of one connection, until they hold a whole request.

    A request that is malformed or too big counts as complete at once: the parser or the application refuses it, and
    `is_whole` says that bytes may follow which belong to no request, so that the connection must be closed. `refusal` is
    the status and reason for what the server refuses itself.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._reset()

    def _reset(self) -> None:
        self._searched = 0
        self._next_chunk: int | None = None
        self._body_end: int | None = None
        self.head_end: int | None = None
        self.end: int | None = None
        self.is_whole = True
        self.refusal: Refusal | None = None
        self.expects_continue = False

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def is_complete(self) -> bool:
        return self.end is not None

    def feed(self, received: bytes) -> None:
        """Append received bytes. Call it with none to look at what followed the previous request."""
        self._bytes += received
        if self.head_end is None:
            self._find_head_end()
        if self.head_end is not None and self.end is None:
            self._find_end()

    def take(self) -> bytes:
        """Return the complete request, and keep the bytes that follow it."""
        request = bytes(self._bytes[: self.end])
        del self._bytes[: self.end]
        self._reset()
        return request

    def _find_head_end(self) -> None:
        while self._bytes.startswith(b"\r\n"):
            del self._bytes[:2]
            self._searched = 0
        index = self._bytes.find(b"\r\n\r\n", max(self._searched - 3, 0))
        limit = index if index >= 0 else len(self._bytes)
        if limit > HEAD_BYTES:
            self._give_up(HEAD_TOO_LONG)
        elif _NO_METHOD.match(self._bytes):  # TLS, for one, which never ends a head
            self._give_up(BAD_REQUEST)
        elif _BARE_LF.search(self._bytes, self._searched, limit):
            self._give_up()
        elif index >= 0:
            self.head_end = index + 4
            self._read_framing()
        self._searched = len(self._bytes)

    def _read_framing(self) -> None:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in _FRAMING_HEADER.findall(self._bytes, 0, self.head_end or 0):
            headers.setdefault(name.lower(), []).append(value.strip().lower())
        lengths, encodings = headers.get(b"content-length", []), headers.get(b"transfer-encoding", [])
        self.expects_continue = b"100-continue" in headers.get(b"expect", [])
        if len(lengths) + len(encodings) > 1:
            self._give_up()
        elif encodings == [b"chunked"]:
            self._next_chunk = self.head_end
        elif encodings or (lengths and not _CONTENT_LENGTH.fullmatch(lengths[0])):
            self._give_up()
        elif self.head_end is not None:
            length = int(lengths[0]) if lengths else 0
            if length > BODY_BYTES:
                self._give_up()
            else:
                self._body_end = self.head_end + length

    def _find_end(self) -> None:
        if self._next_chunk is not None:
            self._walk_chunks()
        elif self._body_end is not None and len(self._bytes) >= self._body_end:
            self.end = self._body_end

    def _walk_chunks(self) -> None:
        while self._next_chunk is not None and self._next_chunk <= len(self._bytes):
            start = self._next_chunk
            line_end = self._bytes.find(b"\r\n", start)
            if line_end < 0:
                if len(self._bytes) - start > CHUNK_LINE_BYTES:
                    self._give_up()
                return
            size = _CHUNK_SIZE.match(self._bytes, start, line_end)
            if not size:
                self._give_up()
            elif int(size[1], 16) == 0:
                self._find_trailer_end(line_end)
                return
            else:
                self._next_chunk = line_end + 2 + int(size[1], 16) + 2
                if self._next_chunk - (self.head_end or 0) > CHUNKED_BYTES:
                    self._give_up(BODY_TOO_BIG)

    def _find_trailer_end(self, last_line_end: int) -> None:
        index = self._bytes.find(b"\r\n\r\n", last_line_end)
        if index >= 0:
            self.end = index + 4
        elif len(self._bytes) - last_line_end > HEAD_BYTES:
            self._give_up()

    def _give_up(self, refusal: Refusal | None = None) -> None:
        self.refusal = refusal
        self._next_chunk = None
        self.is_whole = False
        self.end = len(self._bytes)
