"""What a start says when it cannot be: a taken address, and a site that is running already."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.processes import Process, umstripe
from umstripe.server.startup import instance_lock

pytestmark = pytest.mark.one_database


@contextmanager
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def output_of(command, environ, folder):
    """Run a command to its end. Return its exit code and all that it printed."""
    process = Process("refused", command, environ, folder)
    process.begin()
    code = process.process.wait(60)
    return code, process.log()


@pytest.mark.parametrize("command", ["run", "serve", "web"])
def test_a_taken_address_names_the_variable_to_set(environ, app, tmp_path, command):
    with taken_port() as port:
        environ["UMSTRIPE_BIND"] = f"127.0.0.1:{port}"
        code, printed = output_of(umstripe(command), environ, tmp_path)
    assert code == 1 and "Traceback" not in printed and "/setup?token=" not in printed
    assert f"umstripe: 127.0.0.1:{port} cannot be used: Address already in use." in printed
    assert "like UMSTRIPE_BIND=127.0.0.1:8001." in printed


def test_a_taken_port_of_the_simulator_names_its_variable(environ, tmp_path):
    with taken_port() as port:
        environ |= {"UMSTRIPE_BIND": f"127.0.0.1:{free_port()}", "UMSTRIPE_SIMULATOR_PORT": str(port)}
        code, printed = output_of(umstripe("run"), environ, tmp_path)
    assert code == 1 and f"127.0.0.1:{port} cannot be used" in printed
    assert "like UMSTRIPE_SIMULATOR_PORT=12112." in printed


def test_a_second_run_in_the_same_folder_leaves_the_first_setup_link_good(environ, app, tmp_path):
    site = f"http://127.0.0.1:{free_port()}"
    environ |= {"UMSTRIPE_BIND": site.removeprefix("http://"), "UMSTRIPE_SIMULATOR_PORT": str(free_port())}
    first = Process("first", umstripe("run"), environ, tmp_path)
    first.start()
    try:
        first.wait_for_line("/setup?token=", 240)
        code, printed = output_of(umstripe("run"), environ, tmp_path)
        assert code == 1 and printed.startswith("umstripe: The site is running already")
        assert printed.count("\n") == 1
    finally:
        first.kill()
    link = first.log().partition("set up the site: ")[2].split()[0]
    assert "Username" in app.test_client().get(link.removeprefix(site)).text
    with instance_lock(Path(environ["UMSTRIPE_INSTANCE"])):
        pass  # the kernel has released the lock of a killed process


def test_a_folder_that_cannot_be_written_to_needs_no_lock(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with instance_lock(file / "instance"), instance_lock(file / "instance"):
        pass
