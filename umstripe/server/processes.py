"""Running the site: gunicorn alone, with its worker, or with the simulator as well."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

from umstripe import logs
from umstripe.server import supervisor

WEB_PROCESSES = 2
WEB_THREADS = 4
OPEN_FILES = 4096
"""For each process: its connections (gunicorn's default is 1,000), those to the database, and a temporary file for
each long answer that a slow client has not taken."""
NOBODY = ""
"""Whose X-Forwarded-Proto, SCRIPT_NAME and the like gunicorn itself believes; by default that of everybody on this machine.
UMSTRIPE_TRUSTED_PROXIES alone says whether a proxy is believed (see extensions)."""
WORKER_CLASS = "umstripe.server.worker.BufferingWorker"


def run_web() -> None:
    """Run gunicorn. It ends cleanly on SIGTERM; SIGKILL loses no delivery, since 200 follows the commit.

    As the command `gunicorn` would: GUNICORN_CMD_ARGS is read, and USR2 starts it anew.
    """
    from gunicorn.app.wsgiapp import run

    _allow_open_files()
    sys.argv = [str(Path(sys.executable).with_name("gunicorn")), *_gunicorn_options()]
    run()


def run_serve() -> None:
    """Migrate, say the setup link if nobody has set the site up, then run site and worker until SIGTERM."""
    _prepare(os.environ)
    _run({"web": "web", "worker": "worker"}, os.environ)


def run_demo(port: int) -> None:
    """The same with a simulator, whose state is kept beside the database."""
    environ = {"UMSTRIPE_STRIPE_API_BASE": f"http://127.0.0.1:{port}", **os.environ}
    _prepare(environ)
    instance = Path(environ.get("UMSTRIPE_INSTANCE") or "instance")
    instance.mkdir(parents=True, exist_ok=True)
    state = instance / "simulator.sqlite"
    stripe = f"simulator --port {port} --allow-local-endpoints --state {shlex.quote(str(state))}"
    _run({"web": "web", "worker": "worker", "simulator": stripe}, environ)


def _gunicorn_options() -> list[str]:
    from umstripe import config

    bind = config.load(os.environ)["BIND"]
    workers = os.environ.get("WEB_CONCURRENCY") or str(WEB_PROCESSES)
    return [
        *(
            "--bind",
            bind,
            "--workers",
            workers,
            "--threads",
            str(WEB_THREADS),
            "--worker-class",
            WORKER_CLASS,
        ),
        *(
            "--keep-alive",
            "30",
            "--graceful-timeout",
            "20",
            "--preload",
            "--no-control-socket",
            "--no-sendfile",
        ),
        *("--forwarded-allow-ips", NOBODY),
        "umstripe.wsgi:app",
    ]


def _allow_open_files() -> None:
    """Raise the soft limit of open files, often 1024, as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare(environ: os._Environ[str] | dict[str, str]) -> None:
    for command in ("migrate", "setup-link"):
        done = subprocess.run(_umstripe(command), env=dict(environ), check=False)
        if done.returncode:
            sys.exit(done.returncode)


def _run(commands: dict[str, str], environ: os._Environ[str] | dict[str, str]) -> None:
    logs.configure()
    children = [
        supervisor.Child(name, _umstripe(*shlex.split(command)), environ)
        for name, command in commands.items()
    ]
    sys.exit(supervisor.run(children))


def _umstripe(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "umstripe", *arguments]
