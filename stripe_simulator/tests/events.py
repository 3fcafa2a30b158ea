"""Reading of the events that a test caused."""

from __future__ import annotations

import json
from typing import Any


def sent(stripe: Any, contract: Any) -> list[dict]:
    """All events, oldest first, each held against the contract."""
    events: list[dict] = []
    params: dict[str, Any] = {"limit": 100}
    while True:
        page = stripe.get("/v1/events", params)
        events += page["data"]
        if not page["has_more"]:
            break
        params["starting_after"] = events[-1]["id"]
    for event in events if contract else []:
        _, violations = contract.check_event(json.dumps(event).encode())
        assert not violations, f"{event['type']}: {json.dumps(violations, indent=1)}"
    return events[::-1]
