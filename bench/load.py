"""Sends prepared requests over keep-alive connections and notes how long each answer took.

A process of its own, so that it never shares an interpreter with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit


async def run(url: str, requests: list[tuple[str, str]], connections: int) -> dict[str, object]:
    """Send all (body, signature) pairs. Gives `seconds` in all, `latencies` in seconds, `bad` answers."""
    waiting = iter(requests)
    latencies: list[float] = []
    bad: list[str] = []
    began = time.perf_counter()
    await asyncio.gather(*(_connection(url, waiting, latencies, bad) for _ in range(connections)))
    return {"seconds": time.perf_counter() - began, "latencies": latencies, "bad": bad[:5]}


async def _connection(url: str, waiting: Iterator, latencies: list[float], bad: list[str]) -> None:
    parts = urlsplit(url)
    reader = writer = None
    for body, signature in islice(waiting, None):
        began = time.perf_counter()
        if writer is None:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(_request(parts, body.encode(), signature))
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(_length(head))
        latencies.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            bad.append(f"{head[:60]!r} {answer[:200]!r}")
        if b"connection: close" in head.lower():
            writer.close()
            reader = writer = None


def _request(parts, body: bytes, signature: str) -> bytes:
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


if __name__ == "__main__":
    job = json.load(sys.stdin)
    json.dump(asyncio.run(run(job["url"], job["requests"], job["connections"])), sys.stdout)
