"""Reports of the simulator's state and of its deliveries."""

from __future__ import annotations

import heapq
import itertools
from typing import Any

from stripe_simulator.account.account import Account, Mode
from stripe_simulator.core import keys
from stripe_simulator.core.fields import pick
from stripe_simulator.delivery import deliveries

Json = dict[str, Any]
COUNTED = (
    "customer",
    "product",
    "price",
    "subscription",
    "charge",
    "refund",
    "invoice",
    "event",
    "webhook_endpoint",
)


def deliveries_log(account: Account, chosen: Json, limit: int) -> list[Json]:
    """Return deliveries, newest first. `chosen` are wanted values of `event`, `type` and `mode`."""
    modes = [account.modes[chosen["mode"]]] if chosen.get("mode") in account.modes else account.modes.values()
    where = pick(chosen, "event", "type")
    with account.store.lock:
        newest = [_newest(mode, where, limit) for mode in modes]
    return list(itertools.islice(heapq.merge(*newest, key=lambda each: -each["created"]), limit))


def _newest(mode: Mode, where: Json, limit: int) -> list[Json]:
    collection = mode.store.collection(deliveries.KIND, mode.name)
    return [_line(mode, each) for each in itertools.islice(collection.newest_first(where), limit)]


def _line(mode: Mode, delivery: Json) -> Json:
    last = delivery["tries"][-1] if delivery["tries"] else {}
    return {
        "id": delivery["id"],
        "event": delivery["event"],
        "type": delivery["type"],
        "mode": mode.name,
        "endpoint": delivery["endpoint"],
        "url": delivery["url"],
        "status": delivery["status"],
        "answer": last.get("status"),
        "error": last.get("error"),
        "tries": delivery["tries"],
        "created": delivery["created"],
        "at": last.get("at"),
        "next_try_at": delivery["next_try_at"],
    }


def state_of(account: Account) -> Json:
    """Return how much there is of everything, the faults in force, and what waits to be delivered."""
    with account.store.lock:
        modes = {mode.name: _counts(mode) for mode in account.modes.values()}
    return {
        "account": keys.ACCOUNT_ID,
        "api_version": account.api_version,
        "allow_local_endpoints": account.allow_local_endpoints,
        "resolve": account.deliveries.resolve,
        "faults": account.faults.listed(),
        "outage": account.faults.outage(),
        "weather": account.deliveries.conditions.as_json(),
        "modes": modes,
    }


def _counts(mode: Mode) -> Json:
    counts: Json = {kind: len(mode.every(kind)) for kind in COUNTED}
    counts["waiting_deliveries"] = mode.account.deliveries.waiting(mode.name)
    return counts
