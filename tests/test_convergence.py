"""Rules 3 and 4: whatever happens to deliveries, rows and roles end where Stripe's truth is.

Lives are led at the simulator, a script in a call. Their events are delivered while life goes on: in any order,
doubled, four at once, some never, before the link to the customer or after. When the site asks Stripe, the answer
gets lost, or newer deliveries overtake it. Then catch-up brings what is missing, and our rows and roles are held
against the simulator's own state. See lives.py and window.py.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

from tests.lives import Place, live_through
from tests.sampling import THOROUGH
from umstripe.models import snapshot

SHARDS = 10 if THOROUGH else 4
EXAMPLES = {"sqlite": 200, "postgresql": 50} if THOROUGH else {"sqlite": 100, "postgresql": 25}
"""Of each shard: with `make test-thorough` 2,000 on SQLite and 500 on Postgres. The shards are there for xdist to spread.
"""


@pytest.fixture
def place(database_url, tmp_path):
    one = Place(database_url, tmp_path)
    yield one
    one.stop()


def live(place, number, examples):
    @seed(number)
    @hypothesis_settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(data=st.data())
    def lived(data):
        live_through(place, data.draw)

    lived()


@pytest.mark.parametrize("shard", range(SHARDS))
def test_rows_and_roles_end_where_stripe_s_truth_is(place, database_url, shard):
    live(place, shard, EXAMPLES[database_url.partition(":")[0]])


BROKEN = {
    "what comes last is taken": ("is_newer", lambda _row, _state, _values, _kind: True),
    "the events' own time decides": (
        "is_newer",
        lambda row, state, *_: row is None or state.as_of >= row.as_of,
    ),
    "what was fetched is taken": (
        "is_newer",
        lambda row, state, values, kind: bool(state.seen) or IS_NEWER(row, state, values, kind),
    ),
}
IS_NEWER = snapshot.is_newer


@pytest.mark.one_database
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_guard_is_found_out(place, monkeypatch, how):
    """By the lives of the test above, at the latest by those that `make test-thorough` leads."""
    name, broken = BROKEN[how]
    monkeypatch.setattr(snapshot, name, broken)
    with pytest.raises((AssertionError, FlakyFailure)) as found:
        for shard in range(10):
            live(place, shard, 100)
    said = getattr(found.value, "exceptions", [found.value])
    assert "at Stripe" in str(said[0]) or "Stripe's state gives" in str(said[0])
