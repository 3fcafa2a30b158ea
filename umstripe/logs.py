"""The log: one line of JSON for each event on standard error, never with a secret in it."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask
from structlog.typing import Processor

SECRETS = re.compile(r"\b((?:sk|rk|whsec)_(?:(?:test|live)_)?)[A-Za-z0-9_]{4,}")


def init_app(app: Flask) -> None:
    configure()
    app.logger.setLevel(logging.INFO)


def configure() -> None:
    """Send structlog's and the standard library's lines through the same processors."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact_secrets,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("stripe").setLevel(logging.WARNING)


def redact_secrets(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace Stripe's secret keys and signing secrets in a log line."""
    return {
        key: SECRETS.sub(r"\1…", value) if isinstance(value, str) else value for key, value in line.items()
    }
