"""Processes of the project, quickly: forked from one that has imported its modules, instead of started from nothing.

What runs is the command as an operator types it, in a process and a process group of its own, that can be killed.
Only the second or two in which Python imports are saved, which is what most tests would spend their time with.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORKED = ("simulator", "worker")
"""The commands that stay in the process that Python began; `umstripe web` becomes gunicorn."""
PRELOADED = ("umstripe.cli", "umstripe.work.worker", "umstripe.simulator.server", "umstripe.simulator.app")
UMSTRIPE = [sys.executable, "-m", "umstripe"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(PRELOADED))


class Running:
    """A process that runs: as much of subprocess.Popen as the tests need."""

    def __init__(self, process: subprocess.Popen | multiprocessing.process.BaseProcess) -> None:
        self.process = process
        assert process.pid
        self.pid = process.pid

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.process.poll() if isinstance(self.process, subprocess.Popen) else self.process.exitcode

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended. Raises AssertionError when that takes longer."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.wait(seconds)
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"process {self.pid} has not ended within {seconds} seconds"
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process alone."""
        os.kill(self.pid, number)

    def signal_all(self, number: int) -> None:
        """To the process and all that it has started, once."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # it has ended, or has no group of its own yet
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def begin(command: list[str], environ: dict[str, str], log_path: Path) -> Running:
    """Run a command at the project's root, what it says at the end of a file. `environ` is all it has of that."""
    if command[:3] == UMSTRIPE and command[3] in FORKED:
        process = _context.Process(target=_become, args=(command[3:], environ, log_path), daemon=True)
        process.start()
        return Running(process)
    with log_path.open("ab") as log:
        started = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    return Running(started)


def _become(arguments: list[str], environ: dict[str, str], log_path: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with log_path.open("ab") as log, Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    from umstripe.cli import main

    main(arguments, prog_name="umstripe")
