"""What an operator does without a browser."""

from __future__ import annotations

import signal

import pytest
import requests

from tests import forks
from tests.people import PASSWORD, Browserless
from tests.ports import free_port
from tests.processes import Process, Simulator, umstripe, wait_until
from tests.selling import rows


@pytest.fixture
def run(environ):
    def run(*arguments, **more):
        environ.update(more)
        return forks.run(umstripe(*arguments), environ)

    return run


WORDS = ("--username", "mary", "--email", "mary@example.org", "--password", PASSWORD)


def test_create_admin_makes_somebody_who_can_log_in(app, run):
    done = run("create-admin", *WORDS)
    assert done.returncode == 0 and "mary is an administrator." in done.stdout, done.stderr
    assert "Howdy, mary" in Browserless(app.test_client()).log_in("mary").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("place", "typed", "sentence"),
    [
        (1, "two words", "Username: Use only letters"),
        (3, "nobody", "Email: This is not a mail address."),
        (5, "short", "Password: Use 10 to 128 characters."),
    ],
)
def test_create_admin_refuses_with_a_sentence(run, place, typed, sentence):
    words = [*WORDS]
    words[place] = typed
    done = run("create-admin", *words)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr


@pytest.mark.one_database
def test_create_admin_refuses_a_name_that_is_taken(run):
    run("create-admin", *WORDS)
    done = run("create-admin", *WORDS)
    assert done.returncode == 1 and "This username is taken." in done.stderr


def test_the_setup_link_is_printed_until_there_is_an_administrator(run):
    assert "http://127.0.0.1:8000/setup?token=" in run("setup-link").stdout
    run("create-admin", *WORDS)
    assert "There is an administrator already." in run("setup-link").stdout


@pytest.mark.one_database
def test_connect_and_its_refusals(app, run, tmp_path):
    simulator = Simulator(tmp_path)
    simulator.start()
    try:
        base = {"UMSTRIPE_STRIPE_API_BASE": simulator.url}
        keys = ("--publishable-key", simulator.key("test", "publishable"), "--secret-key", simulator.key())
        assert "Set the site’s address" in run("connect", "test", *keys, **base).stderr
        done = run("connect", "test", *keys, "--site-url", "http://members.example.org")
        assert "Deliveries come to http://members.example.org/webhooks/stripe/test" in done.stdout, (
            done.stderr
        )
        wrong = run("connect", "live", *keys, "--site-url", "http://members.example.org")
        assert wrong.returncode == 1 and "This key is for sandbox" in wrong.stderr
        assert rows(app, "SELECT count(*) FROM activity WHERE action = 'stripe.connected'") == [(1,)]
    finally:
        simulator.stop()


@pytest.mark.one_database
def test_import_without_keys_says_what_to_do(run):
    done = run("import-prices", "test")
    assert done.returncode == 1 and "The Stripe keys are missing." in done.stderr


def test_serve_migrates_starts_both_and_ends_cleanly(environ, tmp_path):
    port = free_port()
    environ["UMSTRIPE_BIND"] = f"127.0.0.1:{port}"
    site = Process("serve", umstripe("serve"), environ, tmp_path)
    site.start()
    site.wait_for_line("/setup?token=")
    site.wait_for_answer(f"http://127.0.0.1:{port}/readyz")
    site.wait_for_line("worker is ready")
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(30) in (0, -signal.SIGTERM, 128 + signal.SIGTERM), site.log()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2)


@pytest.mark.one_database
def test_run_brings_up_everything_for_a_stranger(environ, tmp_path):
    ports = free_port(), free_port()
    environ["UMSTRIPE_BIND"] = f"127.0.0.1:{ports[0]}"
    demo = Process("run", umstripe("run", "--simulator-port", str(ports[1])), environ, tmp_path)
    demo.start()
    try:
        demo.wait_for_line(f"http://127.0.0.1:{ports[0]}/setup?token=")
        demo.wait_for_answer(f"http://127.0.0.1:{ports[0]}/readyz")
        demo.wait_for_answer(f"http://127.0.0.1:{ports[1]}/_simulator/healthz")
        wait_until(lambda: "worker is ready" in demo.log(), "the worker runs")
    finally:
        demo.stop()
