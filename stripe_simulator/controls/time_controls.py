"""Controls of time: the simulator's own clock, and what becomes of payments that fail."""

from __future__ import annotations

from typing import Any

from flask import jsonify

from stripe_simulator.account import due
from stripe_simulator.account.current import current_account
from stripe_simulator.billing import dunning
from stripe_simulator.controls.control import control, controls, flag, mode_in, number, text
from stripe_simulator.core.calendar import DAY, after
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import advance, date_events_by_clock, real_now

Json = dict[str, Any]
YEAR_SECONDS = 366 * DAY


@control("/clock", "Time has passed.")
def set_clock(values: Json) -> Json:
    """Set the simulator's clock ahead: for new objects and events, and for the date of answers.

    `ahead` is in seconds; `days` and `months` (calendar) are added. With `bill` everything happens that is due until
    then, to all customers who are on no test clock. Return the present, and how many things happened.
    """
    begin = real_now()
    end = after(begin, "month", number(values, "months", 0)) + number(values, "days", 0) * DAY
    seconds = end - begin + number(values, "ahead", 0)
    if not 0 <= seconds <= YEAR_SECONDS:
        raise bad_request(f"ahead must be 0 to {YEAR_SECONDS} seconds.", "ahead")
    happened = 0
    if flag(values, "bill"):
        modes = current_account().modes.values()
        happened = sum(due.walk(mode, begin, begin + seconds) for mode in modes)
    return {"now": advance(seconds), "happened": happened}


@control("/dunning", "Retries are set.")
def set_dunning(values: Json) -> Json:
    """Set after how many days a failed payment is tried again (`retries`, each from the last), and the `end` of it."""
    known = dunning.settings(mode_in(values))
    retries = values.get("retries", known["retries"])
    if isinstance(retries, str):
        retries = retries.replace(",", " ").split()
    return dunning.choose(mode_in(values), retries, text(values, "end", known["end"]))


@controls.get("/dunning")
def every_dunning() -> Any:
    """Return the settings of both modes."""
    return jsonify({name: dunning.settings(mode) for name, mode in current_account().modes.items()})


@control("/test_clocks/events", "Done.")
def date_events(values: Json) -> Json:
    """Return whether events about what is on a test clock are `dated` by the clock (`frozen`) or in real time (`real`)."""
    dated = text(values, "dated", "real")
    if dated not in ("real", "frozen"):
        raise bad_request("dated must be real or frozen.", "dated")
    date_events_by_clock(dated == "frozen")
    return {"dated": dated}
