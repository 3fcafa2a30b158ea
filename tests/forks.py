"""Processes of the project, quickly: forked from one that has imported its modules, instead of started from nothing.

What runs is the command as an operator types it, in a process and a process group of its own, that can be killed.
Only the second or two in which Python imports are saved, which is what most tests would spend their time with.
That all of them start from nothing too is tried by `umstripe serve` and `umstripe run`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANAGERS = ("serve", "run")
"""The commands that start others: these must begin as an operator's, and what is forked may start nothing."""
UMSTRIPE = [sys.executable, "-m", "umstripe"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


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
    if command[:3] == UMSTRIPE and command[3] not in MANAGERS:
        return _fork(command[3:], environ, log_path, log_path)
    with log_path.open("ab") as log:
        started = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    return Running(started)


def run(command: list[str], environ: dict[str, str], seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """What a command of the project says, and its exit code. Raises AssertionError when it takes longer."""
    with tempfile.TemporaryDirectory() as folder:
        said, complained = Path(folder, "stdout"), Path(folder, "stderr")
        running = _fork(command[3:], environ, said, complained)
        try:
            code = running.wait(seconds)
        except AssertionError:
            running.signal_all(signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(command, code, said.read_text(), complained.read_text())


def _fork(arguments: list[str], environ: dict[str, str], stdout: Path, stderr: Path) -> Running:
    process = _context.Process(target=_become, args=(arguments, environ, stdout, stderr), daemon=True)
    process.start()
    return Running(process)


def _become(arguments: list[str], environ: dict[str, str], stdout: Path, stderr: Path) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Path(os.devnull).open() as nothing, stdout.open("ab") as said, stderr.open("ab") as complained:
        for number, file in enumerate((nothing, said, complained)):
            os.dup2(file.fileno(), number)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environ)
    from umstripe.cli import main

    main(arguments, prog_name="umstripe")
