"""Background work comes to an end, whatever happens: given up with its reason, or gone on with by another worker."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from tests.at_stripe import AtStripe
from tests.databases import environ_for
from tests.processes import Worker, wait_until
from tests.selling import rows

GIVING_UP_SECONDS = 120


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    base = world.simulator.url
    world.worker = Worker(
        environ_for(database_url, tmp_path / "instance", UMSTRIPE_STRIPE_API_BASE=base), tmp_path
    )
    yield world
    world.worker.kill()
    world.stop()


def begin(site):
    from umstripe import jobs

    with site.app.app_context():
        jobs.enqueue("test", "catch_up")


def let_a_minute_pass(site):
    """Since the last heartbeat of every worker."""
    from umstripe.database import now, write
    from umstripe.models import WorkerHeartbeat

    with site.app.app_context(), write() as tx:
        tx.execute(WorkerHeartbeat.__table__.update().values(seen_at=now() - timedelta(minutes=1)))


def job(site):
    return rows(site.app, "SELECT state, error FROM job WHERE mode = 'test' AND kind = 'catch_up'")[0]


@pytest.mark.one_database
def test_when_trouble_does_not_pass_the_work_ends_and_says_why(site):
    site.simulator.do("/outage", kind="429")
    site.worker.start()
    begin(site)
    wait_until(lambda: job(site)[0] == "failed", "catch-up is given up", GIVING_UP_SECONDS)
    assert job(site)[1] == "Stripe asks us to slow down. Please try again in a minute."
    site.simulator.mend()
    begin(site)
    wait_until(lambda: job(site)[0] == "done", "catch-up is done")


def test_what_a_worker_left_that_never_comes_back_another_one_goes_on_with(site):
    site.simulator.do("/faults", kind="hang", path="/v1/events", times=100, seconds=5)
    site.worker.start()
    begin(site)
    wait_until(lambda: site.simulator.tell("/faults")["faults"][0]["times"] < 100, "it has begun")
    site.worker.kill()
    site.simulator.mend()
    let_a_minute_pass(site)
    site.worker.command = [*site.worker.command[:-1], "another"]
    site.worker.start()
    wait_until(lambda: job(site)[0] == "done", "another worker has ended it", 30)


@pytest.mark.parametrize(
    "error", [("StripeRefused", "No.", 403, "code", 5), ("StripeUnavailable", "Not now.", "timeout")]
)
def test_an_error_is_the_same_after_it_was_kept_between_two_steps(error):
    from umstripe import errors

    made = getattr(errors, error[0])(*error[1:])
    again = pickle.loads(pickle.dumps(made))
    assert (str(again), vars(again)) == (str(made), vars(made))
