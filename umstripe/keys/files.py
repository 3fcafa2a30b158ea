"""Keys that sign and encrypt: several at once while one is replaced, the newest first, in a file or in the environment."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SHORTEST_SECRET_KEY = 32
VARIABLES = {"secret": "UMSTRIPE_SECRET_KEY", "encryption": "UMSTRIPE_ENCRYPTION_KEYS"}
"""The environment variable of each kind of key."""


@dataclass(frozen=True)
class KeyFile:
    """Where keys are kept: one on each line, the newest first, for their owner's eyes only (mode 0600)."""

    path: Path

    def read(self) -> list[str]:
        return split(self.path.read_text())

    def create(self, key: str) -> None:
        """Write the first key. If another process writes one at the same time, the first file stays."""
        with self._complete_file([key]) as path, contextlib.suppress(FileExistsError):
            os.link(path, self.path)

    def replace(self, keys: list[str]) -> None:
        """Write these keys. After a crash, the file holds either all of the earlier ones or all of these."""
        with self._complete_file(keys) as path:
            path.replace(self.path)

    @contextlib.contextmanager
    def _complete_file(self, keys: list[str]) -> Iterator[Path]:
        """Yield a temporary file that holds these keys, to be linked or renamed; then flush the folder to the disk."""
        path = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write("\n".join(keys))
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)
        _sync_folder(self.path.parent)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock: one process changes keys at a time."""
        descriptor = os.open(self.path.with_name(".keys.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class EncryptionKeys:
    """Fernet with several keys: the newest encrypts, all decrypt.

    A key file that another process has changed is read again, so that a running site needs no restart when the
    encryption key is rotated.
    """

    def __init__(self, keys: list[str], file: KeyFile | None = None) -> None:
        self._file, self._seen = file, _identity(file)
        self._fernets = [Fernet(key) for key in keys]

    def encrypt(self, data: bytes) -> bytes:
        self._reload()
        return self._fernets[0].encrypt(data)

    def decrypt(self, token: bytes | str, ttl: int | None = None) -> bytes:
        """Raise InvalidToken if none of the keys has encrypted this, or if it is older than `ttl` seconds."""
        try:
            return MultiFernet(self._fernets).decrypt(token, ttl)
        except InvalidToken:
            if not self._reload():
                raise
            return MultiFernet(self._fernets).decrypt(token, ttl)

    def is_newest(self, token: str) -> bool:
        """Return whether the newest key has encrypted this."""
        self._reload()
        try:
            self._fernets[0].decrypt(token)
        except InvalidToken:
            return False
        return True

    def _reload(self) -> bool:
        """Read a changed file. Return whether there was one."""
        now = _identity(self._file)
        if self._file is None or now == self._seen:
            return False
        with contextlib.suppress(OSError, ValueError):
            if fernets := [Fernet(key) for key in self._file.read()]:
                self._fernets, self._seen = fernets, now
                return True
        return False


def split(text: str) -> list[str]:
    """Return the keys in a text, which are separated by commas or line ends."""
    return [key.strip() for key in text.replace("\n", ",").split(",") if key.strip()]


def split_secret_keys(text: str) -> list[str]:
    """Return the secret keys in a text, separated by line ends or commas. A line whose pieces would be too short is one
    key: earlier versions took any characters, commas among them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [key for line in lines for key in _pieces(line)]


def _pieces(line: str) -> list[str]:
    keys = split(line)
    return keys if keys and all(len(key) >= SHORTEST_SECRET_KEY for key in keys) else [line]


NEW_KEY: dict[str, Callable[[], str]] = {
    "secret": lambda: secrets.token_urlsafe(48),
    "encryption": lambda: Fernet.generate_key().decode(),
}
"""How a key of each kind is made."""


def _identity(file: KeyFile | None) -> tuple[int, int] | None:
    """Return inode and modification time, which change when the file is replaced."""
    try:
        stat = file.path.stat() if file else None
    except OSError:
        return None
    return (stat.st_ino, stat.st_mtime_ns) if stat else None


def _sync_folder(folder: Path) -> None:
    """Flush the new directory entry to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
