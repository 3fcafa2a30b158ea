"""The configuration, read once from the environment. Every bad value is refused with a message that names it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from email.utils import formataddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.fernet import Fernet
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from umstripe.errors import ConfigError
from umstripe.keys.files import NEW_KEY, SHORTEST_SECRET_KEY, VARIABLES, KeyFile, split, split_secret_keys

STRIPE_API = "https://api.stripe.com"
MAX_PROXIES = 5
MAX_HSTS_SECONDS = 10 * 365 * 24 * 3600


def load(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return Flask's configuration for an environment. Make the instance folder and the keys that are missing.

    Raise ConfigError with a message that names the variable.
    """
    instance = Path(environ.get("UMSTRIPE_INSTANCE") or "instance").absolute()
    database = _database_url(environ.get("UMSTRIPE_DATABASE_URL") or f"sqlite:///{instance}/umstripe.sqlite")
    site_url = _url(environ, "UMSTRIPE_SITE_URL", "https://members.example.org")
    secret_keys = _secret_keys(environ, instance)
    return {
        "INSTANCE": instance,
        "SQLALCHEMY_DATABASE_URI": database,
        "SECRET_KEY": secret_keys[0],
        "SECRET_KEY_FALLBACKS": secret_keys[1:],
        "ENCRYPTION_KEYS": _encryption_keys(environ, instance),
        "KEY_FILES": _key_files(environ, instance),
        "SITE_URL": site_url,
        "STRIPE_API_BASE": _url(environ, "UMSTRIPE_STRIPE_API_BASE", STRIPE_API) or STRIPE_API,
        "WEBHOOK_SECRETS": {
            mode: _webhook_secret(environ, f"UMSTRIPE_WEBHOOK_SECRET_{mode.upper()}")
            for mode in ("test", "live")
        },
        "TRUSTED_PROXIES": _proxies(environ),
        "BIND": _bind(environ),
        "SESSION_COOKIE_SECURE": site_url.startswith("https:"),
        "HSTS": _hsts(environ),
        **_mail(environ, instance),
    }


def _database_url(url: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database:
        return url
    raise ConfigError(
        "UMSTRIPE_DATABASE_URL must look like sqlite:////var/lib/umstripe/umstripe.sqlite "
        "or postgresql://user:password@host/database."
    )


def _url(environ: Mapping[str, str], name: str, example: str) -> str:
    url = environ.get(name, "").strip().rstrip("/")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_origin = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_valid = is_origin and not (parts.path or parts.query or parts.fragment)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ConfigError(f"{name} must be an address without a path, like {example}.")
    return url


def _webhook_secret(environ: Mapping[str, str], name: str) -> str:
    secret = environ.get(name, "").strip()
    if secret and not secret.startswith("whsec_"):
        raise ConfigError(f"{name} must be a signing secret that starts with whsec_.")
    return secret


def _proxies(environ: Mapping[str, str]) -> int:
    text = environ.get("UMSTRIPE_TRUSTED_PROXIES", "").strip() or "0"
    if not text.isdecimal() or int(text) > MAX_PROXIES:
        raise ConfigError(
            "UMSTRIPE_TRUSTED_PROXIES must be the number of proxies in front of the site, "
            f"0 to {MAX_PROXIES}."
        )
    return int(text)


def _hsts(environ: Mapping[str, str]) -> int | None:
    """Return for how many seconds browsers must use https only; None to send no such header."""
    text = environ.get("UMSTRIPE_HSTS", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > MAX_HSTS_SECONDS:
        raise ConfigError(
            "UMSTRIPE_HSTS must be a number of seconds, like 31536000 for a year; 0 takes an earlier one back."
        )
    return int(text)


def _bind(environ: Mapping[str, str]) -> str:
    bind = environ.get("UMSTRIPE_BIND", "").strip() or "127.0.0.1:8000"
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError("UMSTRIPE_BIND must be host:port, like 127.0.0.1:8000.")
    return bind


def _secret_keys(environ: Mapping[str, str], instance: Path) -> list[str]:
    """Return the secret keys, the newest first."""
    text = environ.get("UMSTRIPE_SECRET_KEY") or _read_or_create(instance, "secret_key", NEW_KEY["secret"])
    keys = split_secret_keys(text)
    if not keys or any(len(key) < SHORTEST_SECRET_KEY for key in keys):
        raise ConfigError(
            f"UMSTRIPE_SECRET_KEY must have at least {SHORTEST_SECRET_KEY} characters, each of them if there are "
            "several, separated by commas, the newest first; leave it out to have one made."
        )
    return keys


def _encryption_keys(environ: Mapping[str, str], instance: Path) -> list[str]:
    """Return the encryption keys, the newest first."""
    text = environ.get("UMSTRIPE_ENCRYPTION_KEYS") or _read_or_create(
        instance, "encryption_keys", NEW_KEY["encryption"]
    )
    keys = split(text)
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        keys = []
    if not keys:
        raise ConfigError(
            "UMSTRIPE_ENCRYPTION_KEYS must be Fernet keys (32 bytes in URL-safe base64), separated by commas, "
            "the newest first; leave it out to have one made."
        )
    return keys


def _key_files(environ: Mapping[str, str], instance: Path) -> dict[str, KeyFile | None]:
    """Return the files of the keys; None for a kind that comes from the environment."""
    names = {"secret": "secret_key", "encryption": "encryption_keys"}
    return {
        kind: None if environ.get(variable) else KeyFile(instance / names[kind])
        for kind, variable in VARIABLES.items()
    }


def _read_or_create(instance: Path, name: str, make: Callable[[], str]) -> str:
    """Return what the file holds; create it at the first start, for its owner alone (mode 0600)."""
    file = KeyFile(instance / name)
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.path.exists():
            with contextlib.suppress(OSError):  # the folder of a fresh clone is open, and holds no secret
                instance.chmod(0o700)
            file.create(make())
    except OSError as error:
        raise ConfigError(
            f"UMSTRIPE_INSTANCE: the folder {instance} cannot be used ({error.strerror}). "
            "Name a folder that the site may write to."
        ) from None
    return _read(file.path)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        reason = error.strerror or ""
    except UnicodeDecodeError:
        reason = "It is no text"
    raise ConfigError(
        f"The file {path} cannot be read ({reason}). Give it back from a backup, and to the user that runs the site."
    )


def _mail(environ: Mapping[str, str], instance: Path) -> dict[str, Any]:
    """Return the settings for mail. Without a server, mails are written as files to the instance folder."""
    url, sender = environ.get("UMSTRIPE_MAIL_URL", "").strip(), _sender(environ)
    if not url:
        return {"MAIL_BACKEND": "file", "MAIL_FILE_PATH": str(instance / "mail")}
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ConfigError("UMSTRIPE_MAIL_URL must look like smtp://user:password@mail.example.org:587.")
    return {
        "MAIL_BACKEND": "smtp",
        "MAIL_SERVER": parts.hostname,
        "MAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "MAIL_USE_SSL": parts.scheme == "smtps",
        "MAIL_USE_TLS": parts.scheme == "smtp" and bool(parts.username),
        "MAIL_USERNAME": unquote(parts.username or "") or None,
        "MAIL_PASSWORD": unquote(parts.password or "") or None,
        "MAIL_TIMEOUT": 10,
        "MAIL_DEFAULT_SENDER": sender or f"no-reply@{parts.hostname}",
    }


def _sender(environ: Mapping[str, str]) -> str:
    """Return the sender of all mails: an address, perhaps with a name before it; "" if it is not set."""
    text = environ.get("UMSTRIPE_MAIL_FROM", "").strip()
    if not text:
        return ""
    name, bracket, rest = text.rpartition("<")
    try:
        if not name.isprintable():
            raise EmailNotValidError
        address = validate_email(rest.removesuffix(">") if bracket else text, check_deliverability=False)
    except EmailNotValidError:
        raise ConfigError(
            "UMSTRIPE_MAIL_FROM must be a mail address, like club@example.org or Choir <club@example.org>."
        ) from None
    return formataddr((name.strip().strip('"'), address.normalized))
