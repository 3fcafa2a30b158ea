"""Running the site: gunicorn alone, with its worker, or with the simulator as well."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from umstripe import config, logs
from umstripe.server import startup, supervisor

WEB_PROCESSES = 2
WEB_THREADS = 4
OPEN_FILES = 4096
"""For each process: its connections (gunicorn's default is 1,000), those to the database, and a temporary file for
each long answer that a slow client has not taken."""
FORWARDED_ALLOW_IPS = ""
"""Gunicorn itself trusts the X-Forwarded-Proto, SCRIPT_NAME and the like of no client; by default it does of every one on
this machine. UMSTRIPE_TRUSTED_PROXIES alone decides whether a proxy is trusted (see extensions)."""
WORKER_CLASS = "umstripe.server.worker.BufferingWorker"
SITE = {"web": "web", "worker": "worker"}
SIMULATOR_PORT = "UMSTRIPE_SIMULATOR_PORT"
BIND_EXAMPLE, SIMULATOR_EXAMPLE = "UMSTRIPE_BIND=127.0.0.1:8001", f"{SIMULATOR_PORT}=12112"


def run_web() -> None:
    """Run gunicorn. It ends cleanly on SIGTERM; SIGKILL loses no delivery, since 200 follows the commit.

    As the command `gunicorn` would: GUNICORN_CMD_ARGS is read, and USR2 starts it anew.
    """
    from gunicorn.app.wsgiapp import run

    bind = config.load(os.environ)["BIND"]
    _allow_open_files()
    sys.argv = [str(Path(sys.executable).with_name("gunicorn")), *_gunicorn_options(bind)]
    main_process = os.getpid()
    try:
        run()
    except SystemExit as end:
        if end.code == 1 and os.getpid() == main_process:  # gunicorn's code when it could not listen
            startup.check_bindable(bind, BIND_EXAMPLE)
        raise


def run_serve() -> None:
    """Migrate, print the setup link if there is no administrator, then run site and worker until SIGTERM."""
    _run(SITE, os.environ)


def run_demo(port: int) -> None:
    """Run site, worker and simulator until SIGTERM. The simulator's state is kept in the instance folder."""
    environ = {"UMSTRIPE_STRIPE_API_BASE": f"http://127.0.0.1:{port}", **os.environ}
    state = config.load(environ)["INSTANCE"] / "simulator.sqlite"
    stripe = f"simulator --port {port} --allow-local-endpoints --state {shlex.quote(str(state))}"
    _run({**SITE, "simulator": stripe}, environ, {f"127.0.0.1:{port}": SIMULATOR_EXAMPLE})


def _gunicorn_options(bind: str) -> list[str]:
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
        *("--forwarded-allow-ips", FORWARDED_ALLOW_IPS),
        "umstripe.wsgi:app",
    ]


def _allow_open_files() -> None:
    """Raise the soft limit of open files, often 1024, as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare(environ: Mapping[str, str]) -> None:
    for command in ("migrate", "setup-link"):
        done = subprocess.run(_umstripe(command), env=dict(environ), check=False)
        if done.returncode:
            sys.exit(done.returncode)


def _run(commands: Mapping[str, str], environ: Mapping[str, str], binds: Mapping[str, str] = {}) -> None:
    """Run commands until SIGTERM. `binds` is where they listen besides the site, and how to set each otherwise."""
    loaded = config.load(environ)
    with startup.instance_lock(loaded["INSTANCE"]):
        for bind, example in {loaded["BIND"]: BIND_EXAMPLE, **binds}.items():
            startup.check_bindable(bind, example)
        _prepare(environ)
        logs.configure()
        children = [
            supervisor.Child(name, _umstripe(*shlex.split(command)), environ)
            for name, command in commands.items()
        ]
        sys.exit(supervisor.run(children))


def _umstripe(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "umstripe", *arguments]
