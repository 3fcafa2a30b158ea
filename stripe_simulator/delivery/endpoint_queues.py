"""Which delivery is tried next: a queue for each endpoint's first tries, and a calendar of later ones."""

from __future__ import annotations

import collections
import heapq
import itertools
import threading
import time
from typing import NamedTuple

from stripe_simulator.delivery.delivery_conditions import DeliveryConditions


class Job(NamedTuple):
    """A try to make. `queue` is the endpoint for a first try, None for a later one."""

    mode: str
    delivery: str
    queue: str | None


class EndpointQueues:
    """Queues for several threads. Of a queue one job at a time is under way, in the order of arrival,
    unless the conditions say otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queues: dict[str, collections.deque[Job]] = {}
        self._busy: collections.Counter[str] = collections.Counter()
        self._conditions = DeliveryConditions()
        self._calendar: list[tuple[float, int, Job]] = []
        self._number = itertools.count()
        self._closed = False

    def put(self, job: Job, wait: float) -> None:
        """Queue a job, not before `wait` seconds are over."""
        with self._changed:
            if wait > 0 or job.queue is None:
                later = (time.monotonic() + wait, next(self._number), job._replace(queue=None))
                heapq.heappush(self._calendar, later)
            else:
                self._queues.setdefault(job.queue, collections.deque()).append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """Return the next job; waits for one. None when the queue was closed."""
        with self._changed:
            while not self._closed:
                job = self._due() or self._from_queue()
                if job is not None:
                    return job
                self._changed.wait(self._seconds_to_wait())
            return None

    def done(self, job: Job) -> None:
        """Mark a job as done: its queue is free again."""
        with self._changed:
            if job.queue is not None:
                self._busy[job.queue] -= 1
            self._changed.notify()

    def change(self, conditions: DeliveryConditions) -> None:
        """Change the conditions."""
        with self._changed:
            self._conditions = conditions
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all that waits."""
        with self._changed:
            self._queues.clear()
            self._calendar.clear()

    def close(self) -> None:
        """Give out no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _due(self) -> Job | None:
        if self._calendar and self._calendar[0][0] <= time.monotonic():
            return heapq.heappop(self._calendar)[2]
        return None

    def _from_queue(self) -> Job | None:
        for queue, jobs in self._queues.items():
            if jobs and self._busy[queue] < self._conditions.parallel:
                self._busy[queue] += 1
                position = self._conditions.next_of(len(jobs))
                job = jobs[position]
                del jobs[position]
                return job
        return None

    def _seconds_to_wait(self) -> float | None:
        return max(0.0, self._calendar[0][0] - time.monotonic()) if self._calendar else None
