"""What happens to deliveries on their way, on demand: late, doubled, lost, out of order, many at once.

https://docs.stripe.com/webhooks#event-ordering: Stripe promises no order, and not that an event comes only once.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Any

Json = dict[str, Any]
MOST_AT_ONCE = 32
LONGEST_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class DeliveryConditions:
    """By default each event is delivered once, at once, one after the other in their order.

    A first try is up to `late` seconds late; with `late_share` below 1 only that share of them. `doubled` and
    `lost` are shares too: a lost one is taken by somebody on the way who answers 200. Of the `shuffled` deliveries
    that wait the longest any may be next; `parallel` are under way to one endpoint at once. With `gives_up` an
    endpoint is disabled when a delivery has failed for the last time and nothing has come through since its first
    try. The same `seed` throws the same dice.
    """

    late: float = 0.0
    late_share: float = 1.0
    doubled: float = 0.0
    lost: float = 0.0
    shuffled: int = 1
    parallel: int = 1
    gives_up: bool = False
    seed: int | None = None
    rng: random.Random = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rng", random.Random(self.seed))

    def wait(self) -> float:
        """Return how many seconds late the next delivery is."""
        return self.rng.uniform(0, self.late) if self.late and self._happens(self.late_share) else 0.0

    def is_lost(self) -> bool:
        """Return whether the next delivery never arrives."""
        return self._happens(self.lost)

    def is_doubled(self) -> bool:
        """Return whether the next delivery comes twice."""
        return self._happens(self.doubled)

    def next_of(self, waiting: int) -> int:
        """Return the place of the delivery that is next, among some that wait."""
        return self.rng.randrange(min(waiting, self.shuffled)) if self.shuffled > 1 else 0

    def as_json(self) -> Json:
        """Return the conditions as JSON."""
        fields = dataclasses.fields(self)
        return {each.name: getattr(self, each.name) for each in fields if each.name != "rng"}

    def _happens(self, share: float) -> bool:
        return share > 0 and self.rng.random() < share
