"""What is checked before a site's processes are started: nobody else runs them, and the addresses are free."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from umstripe.errors import ConfigError


@contextmanager
def instance_lock(instance: Path) -> Iterator[None]:
    """Hold the instance folder for this process. Raise ConfigError when another process holds it.

    The kernel releases the lock when the process ends, however it ends. Its children do not inherit it.
    """
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (instance / "running.lock").open("w")
    except OSError:  # a site that keeps nothing here: keys, database and mail server are in its environment
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"The site is running already, with the folder {instance}. Open that one, or stop it first; "
                "for a second site, name another folder in UMSTRIPE_INSTANCE."
            ) from None
        yield


def check_bindable(bind: str, example: str) -> None:
    """Raise ConfigError when nobody can listen at `bind` (host:port). `example` is a variable with another value."""
    host, _, port = bind.rpartition(":")
    try:
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise ConfigError(
            f"{bind} cannot be used: {error.strerror}. Stop the program that listens there, "
            f"or choose another address or port, like {example}."
        ) from None
