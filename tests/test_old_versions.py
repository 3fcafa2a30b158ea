"""Endpoints made under an older API version, and endpoints that Stripe gave up: real deliveries, signed by Stripe."""

from __future__ import annotations

import threading

import pytest
from werkzeug.serving import make_server

from tests.at_stripe import AtStripe
from tests.people import Browserless, make_administrator
from tests.processes import wait_until
from tests.selling import role_for, roles_of, rows
from umstripe.webhooks import HANDLERS

OLD = "2024-06-20"


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    yield world
    world.stop()


@pytest.fixture
def address(site):
    """Where the site can be reached."""
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def endpoint(site, address, **more):
    """An endpoint that somebody made by hand, whose secret the site knows."""
    from umstripe.database import writing
    from umstripe.models import Connection

    events = {f"enabled_events[{number}]": each for number, each in enumerate(HANDLERS)}
    url = f"{address}/webhooks/stripe/test"
    made = site.simulator.call("POST", "/webhook_endpoints", url=url, **events, **more)
    with site.app.app_context(), writing():
        Connection.of("test").endpoint_secret = made["secret"]
    return made


def period(site):
    return site.now()["items"]["data"][0]["current_period_end"]


def kept(site):
    found = rows(site.app, "SELECT status, stripe_price_id, current_period_end FROM subscription")
    return found[0] if found else None


@pytest.mark.parametrize("version", [OLD, "2025-02-24.acacia", "2025-03-31.basil", "2026-10-28.endive"])
def test_a_delivery_in_the_shape_of_any_version_ends_in_the_same_row(site, address, version):
    endpoint(site, address, api_version=version)
    site.simulator.do(f"/subscriptions/{site.subscription}/renew")
    site.simulator.wait_until_delivered()
    assert kept(site) == ("active", site.price, period(site))
    bodies = rows(site.app, "SELECT body FROM delivery WHERE type = 'customer.subscription.updated'")
    assert version in bodies[0][0]
    assert roles_of(site.app, "jane") == [role_for("active")]


def test_catch_up_reads_events_of_an_account_of_an_older_version(site):
    site.simulator.do("/version", api_version=OLD)
    site.simulator.do(f"/subscriptions/{site.subscription}/fail")
    assert site.work("catch_up").state == "done"
    assert kept(site) == ("past_due", site.price, period(site))


def test_an_endpoint_that_stripe_gave_up_is_noticed_mended_by_a_click_and_caught_up_with(site, address):
    from umstripe.models import Connection

    make_administrator(site.app)
    keys = {"publishable": site.simulator.key("test", "publishable"), "secret": site.simulator.key()}
    site.app.config["SITE_URL"] = "http://127.0.0.1:9"
    with site.app.app_context():
        Connection.of("test").connect("http://127.0.0.1:9", HANDLERS, **keys)
    site.simulator.do("/weather", gives_up=True)
    site.simulator.do(f"/subscriptions/{site.subscription}/fail")
    wait_until(lambda: status_at_stripe(site) == "disabled", "Stripe gives the endpoint up")
    admin = Browserless(site.app.test_client())
    admin.log_in("admin")
    assert "is disabled at Stripe" in admin.press("/admin/health/", "/admin/health/test/refresh").text
    site.app.config["SITE_URL"] = address
    page = admin.press("/admin/health/", "/admin/health/test/mend")
    assert "The webhook endpoint is as it should be." in page.text
    assert status_at_stripe(site) == "enabled"
    assert site.work("catch_up").found > 0 and site.status() == "past_due"
    site.simulator.do(f"/subscriptions/{site.subscription}/recover")
    wait_until(lambda: site.status() == "active", "deliveries arrive again")


def status_at_stripe(site):
    return site.simulator.call("GET", "/webhook_endpoints")["data"][0]["status"]
