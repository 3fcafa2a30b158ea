"""Killed for real (rules 2 to 4): whatever dies in the middle of a storm, nothing is lost and nothing counts twice.

2,000 events of 200 members are delivered, late, doubled, shuffled, some lost, many at once, while site and worker
are killed ten times at random moments, and Postgres itself once.
"""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from tests.databases import Postgres
from tests.selling import rows
from tests.storm import Storm

MEMBERS, ROUNDS, KILLS = 200, 6, 10
WEATHER = {"late": 2, "late_share": 0.3, "doubled": 0.05, "lost": 0.02, "shuffled": 50, "parallel": 12}


@pytest.fixture
def server(database, tmp_path):
    """A file, or a server that nobody else uses, for it is going to be restarted."""
    if not isinstance(database, Postgres):
        yield database
        return
    own = Postgres(tmp_path, careful=True)
    yield own
    own.close()


@pytest.fixture
def storm(server, tmp_path):
    running = Storm(server.new(), tmp_path)
    yield running
    running.stop()


def test_killed_ten_times_in_a_storm_nothing_is_lost_and_nothing_counts_twice(storm, server):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    storm.connect(MEMBERS)
    storm.simulator.do("/weather", **WEATHER, seed=seed)
    storm.live(ROUNDS, seed)
    assert storm.waiting() >= 2000
    for number in range(KILLS):
        print(storm.strike(dice), storm.waiting())
        if number == KILLS // 2 and isinstance(server, Postgres):
            server.restart()
    storm.settle()
    assert storm.ours() == storm.truth()
    assert "0 differences" in storm.command("audit", "test")
    applied_once(storm)


def applied_once(storm):
    """Every event has its row, and one line in the log when it changed something."""
    events = {one["id"]: one for one in storm.events()}
    kept = rows(storm.app, "SELECT stripe_event_id, result, tries FROM delivery")
    assert Counter(one[0] for one in kept) == Counter(events.keys())
    assert {result for _, result, _ in kept} <= {"processed", "stale"}
    assert all(1 <= tries <= 15 + KILLS for _, _, tries in kept)
    lines = rows(storm.app, "SELECT details FROM activity WHERE trigger = 'stripe'")
    told = Counter(_details(one[0])["event"] for one in lines)
    assert told == Counter(event for event, result, _ in kept if result == "processed")


def _details(stored):
    return json.loads(stored) if isinstance(stored, str) else stored
