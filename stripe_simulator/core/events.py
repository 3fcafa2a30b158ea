"""Events: https://docs.stripe.com/api/events."""

from __future__ import annotations

from typing import Any

from stripe_simulator.core.document import VERSION
from stripe_simulator.core.objects import event_time, new_object

Json = dict[str, Any]


def new_event(
    event_type: str,
    snapshot: Json,
    previous: Json | None,
    livemode: bool,
    cause: Json | None,
    version: str = VERSION,
) -> Json:
    """Return an event that tells of `snapshot`, the object as it is now. `created` is in whole seconds.

    It is kept in the simulator's own shape; `version` says in which one it is shown (see versions).
    """
    data: Json = {"object": snapshot}
    # Stripe sends what was before with changes alone, not with the events that name a final state.
    if previous and event_type.endswith(("updated", "refunded")):
        data["previous_attributes"] = previous
    return new_object(
        "event",
        created=event_time(),
        api_version=version,
        type=event_type,
        data=data,
        livemode=livemode,
        request=cause or {"id": None, "idempotency_key": None},
    )


def changed_attributes(before: Json, after: Json) -> Json:
    """Return what was different before, as Stripe's `previous_attributes`: in hashes only the changed members."""
    changed = {}
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        changed[name] = changed_attributes(old, new) if both else old  # type: ignore[arg-type]
    return changed
