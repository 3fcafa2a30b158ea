"""Rule 3: what came before a customer was linked is applied with the link, and nothing that comes meanwhile is lost."""

from __future__ import annotations

import pytest

from tests.lives import Place
from tests.selling import role_for, roles_of, rows
from tests.truth import held_against_stripe

STATE = "SELECT status FROM subscription"


@pytest.fixture
def place(database_url, tmp_path):
    one = Place(database_url, tmp_path)
    yield one
    one.stop()


LIFE = [
    {"do": "subscribe", "as": "a", "status": "past_due"},
    {"do": "cancel", "on": "a"},
]


def events(turn, type_=""):
    return [one for one in turn["events"] if one["type"].startswith(type_ or "customer.subscription")]


def deliver(place, *wanted):
    return [place.site.deliver(one).json for one in wanted]


def test_an_end_that_overtakes_the_fetch_of_a_link_is_not_lost(place):
    linking, begun, ended = place.lead(LIFE, ours=True)["turns"]
    turns = [linking, begun, ended]
    place.window.show(turns, 1)
    assert {one["result"] for one in deliver(place, *events(begun))} == {"foreign"}

    def end():
        place.window.turn = 2
        deliver(place, *events(ended))

    place.window.first = end
    deliver(place, *events(linking, "customer.created"))
    assert rows(place.app, STATE) == [("canceled",)]
    assert roles_of(place.app, "jane") == [role_for("canceled")]
    place.window.show(turns, None)
    place.site.work("catch_up")
    held_against_stripe(place, turns)


def test_a_sync_links_though_the_events_before_were_of_the_same_second(place):
    from umstripe.webhooks import reconcile

    told = place.lead(LIFE[:1], ours=True)
    linking, begun = told["turns"]
    place.window.show([linking, begun], None)
    assert {one["result"] for one in deliver(place, *events(begun))} == {"foreign"}
    with place.app.app_context():
        reconcile.sync("test", told["names"]["jane"])
    assert rows(place.app, STATE) == [("past_due",)]


def test_what_was_rolled_back_has_no_name_that_is_given_again(place):
    from umstripe.database import write
    from umstripe.models import Customer, Subscription
    from umstripe.models.snapshot import Snapshot

    told = place.lead(LIFE[:1], ours=False)
    state = Snapshot("test", told["turns"][-1]["objects"][told["names"]["a"]], 1_700_000_000)
    names = set()
    for _ in range(5):
        with place.app.app_context(), pytest.raises(ZeroDivisionError), write() as tx:
            assert Customer.get_or_reserve(tx, "test", told["names"]["jane"])
            Subscription.sync_from_stripe(tx, state)
            names.add(tx.execute(Subscription.__table__.select()).one().revision)
            raise ZeroDivisionError
    assert len(names) == 5
