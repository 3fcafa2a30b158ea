"""umstripe: paid membership for a site, with Stripe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

__version__ = "0.1.0"

PACKAGE = Path(__file__).parent
"""Holds templates and static files when a wheel was installed; in a checkout they are beside it."""


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Create the application from an environment. Raise ConfigError with a message for a bad value."""
    from umstripe import config, errors, extensions, logs, request, template_context, views
    from umstripe.application import Application
    from umstripe.jobs import worker_watch
    from umstripe.security import file_permissions, headers, hosts

    app = Application(
        "umstripe",
        root_path=str(PACKAGE),
        template_folder=_folder("templates"),
        static_folder=_folder("static"),
    )
    app.request_class = request.Request
    file_permissions.keep_private()
    app.config.update(config.load(environ))
    logs.init_app(app)
    file_permissions.init_app(app)
    headers.init_app(app)
    hosts.init_app(app)
    extensions.init_app(app)
    errors.init_app(app)
    template_context.init_app(app)
    views.init_app(app)
    worker_watch.init_app(app)
    return app


def _folder(name: str) -> str:
    packaged = PACKAGE / name
    return str(packaged if packaged.is_dir() else PACKAGE.parent / name)
