"""Rule 3 and 4: whatever happens to deliveries, rows and roles end where Stripe's truth is.

Lives of subscriptions are led at the simulator, whose clock goes on by random steps. Their events are delivered
while life goes on: in any order, doubled, at once on four threads, some never; Stripe may be in trouble when it
is asked. Then catch-up brings what is missing, and our rows are held against the simulator's own state.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.at_stripe import AtStripe
from tests.selling import role_for, roles_of, rows

EXAMPLES = {"sqlite": 100, "postgresql": 40}
LIVES = [
    ({}, ["fail", "recover", "pause", "resume", "switch", "cancel_at_period_end", "undo_cancel", "cancel"]),
    ({"status": "trialing"}, ["trial_pause", "resume", "renew", "fail", "unpaid"]),
    ({"status": "incomplete"}, ["expire_incomplete"]),
    ({}, ["pause", "fail", "resume", "renew", "cancel_at_period_end"]),
    ({"status": "past_due"}, ["recover", "switch", "cancel"]),
]
GAPS = st.sampled_from([0, 0, 1, 2, 3, 5, 3600])
OURS = """SELECT stripe_subscription_id, status, stripe_price_id, current_period_end, cancel_at FROM subscription
    ORDER BY 1"""


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    yield world
    world.stop()


class Life:
    """One customer of Jane's at Stripe, and the events of it that have not been delivered yet."""

    def __init__(self, site: AtStripe) -> None:
        self.site, self.known, self.waiting = site, set(), []
        self.began = site.simulator.do("/clock", ahead=10)["now"]
        self.customer = site.simulator.call("POST", "/customers", email="jane@example.org")["id"]
        self.other = site.simulator.prices()["Standard Plan"]
        _forget(site, self.customer, self.began)

    def turn(self, subscription, action, gap):
        self.site.simulator.do("/clock", ahead=gap)
        values = {"price": self.other} if action == "switch" else {}
        answer = self.try_to(f"/subscriptions/{subscription}/{action}", values)
        self.listen()
        return answer

    def try_to(self, control, values):
        """A turn that the present status does not allow is left out."""
        import requests

        url = f"{self.site.simulator.url}/_simulator{control}"
        return requests.post(url, json=values, timeout=30)

    def listen(self):
        found = self.site.simulator.call("GET", "/events", **{"limit": 30, "created[gte]": self.began})
        new = [one for one in found["data"][::-1] if one["id"] not in self.known]
        self.known |= {one["id"] for one in new}
        self.waiting += [one for one in new if self.customer in str(one["data"]["object"])]

    def truth(self):
        from umstripe.models.subscription import status_of

        listed = self.site.simulator.call(
            "GET", "/subscriptions", customer=self.customer, status="all", limit=100
        )
        rows = []
        for one in listed["data"]:
            item = one["items"]["data"][0]
            price, end = item["price"]["id"], item["current_period_end"]
            rows.append((one["id"], status_of(one), price, end, one["cancel_at"]))
        return sorted(rows)


def _forget(site, customer, began):
    """Jane has nothing but this customer, as if nothing had ever come."""
    from sqlalchemy import text

    from umstripe.database import write

    with site.app.app_context(), write() as tx:
        for table in ("subscription", "delivery", "activity", "difference"):
            tx.execute(text(f"DELETE FROM {table}"))
        tx.execute(
            text("UPDATE customer SET stripe_customer_id = :id, deleted = :no"), {"id": customer, "no": False}
        )
        tx.execute(text("UPDATE connection SET events_read_until = :at"), {"at": began})


def _delivered(site, events, at_once):
    if not at_once:
        for event in events:
            site.deliver(event)
        return
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(site.deliver, events))


def _lived(data, site):
    life = Life(site)
    begin, turns = data.draw(st.sampled_from(LIVES))
    subscription = site.subscribe(life.customer, **begin)
    life.listen()
    if data.draw(st.booleans()):
        site.subscribe(life.customer)
        life.listen()
    for action in [turn for turn in turns if data.draw(st.booleans())]:
        life.turn(subscription, action, data.draw(GAPS))
        chosen = data.draw(st.lists(st.sampled_from(life.waiting), max_size=6)) if life.waiting else []
        if data.draw(st.integers(0, 19)) == 0:
            site.simulator.do("/faults", kind="429", path="/v1/subscriptions", times=2, seconds=1)
        _delivered(site, chosen, data.draw(st.booleans()))
        gone = {one["id"] for one in chosen}
        life.waiting = [one for one in life.waiting if one["id"] not in gone or data.draw(st.booleans())]
    late = data.draw(st.permutations(life.waiting))
    _delivered(site, late[: data.draw(st.integers(0, len(late)))], data.draw(st.booleans()))
    return life


def test_rows_and_roles_end_where_stripe_s_truth_is(site, database_url):
    examples = EXAMPLES[database_url.partition(":")[0]]

    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(data=st.data())
    def lived(data):
        life = _lived(data, site)
        site.simulator.mend()
        assert site.work("catch_up").state == "done"
        truth = life.truth()
        assert rows(site.app, OURS) == truth
        live = {one[1] for one in truth if one[2] == site.price} - {
            "canceled",
            "incomplete",
            "incomplete_expired",
        }
        given = {role_for(status) for status in live}
        if given:
            assert set(roles_of(site.app, "jane")) == given
        assert rows(site.app, "SELECT count(*) FROM delivery WHERE result = 'failed'") == [(0,)]

    lived()
