"""What is to be delivered next: one lane for each endpoint's first tries, and a calendar of later ones."""

from __future__ import annotations

import collections
import heapq
import itertools
import threading
import time
from typing import NamedTuple

from stripe_simulator.delivery.delivery_conditions import Weather


class Job(NamedTuple):
    """One try to make. `lane` is the endpoint for a first try, None for a later one."""

    mode: str
    delivery: str
    lane: str | None


class Lanes:
    """A queue for several threads. In a lane one job at a time is under way, in the order of arrival,
    unless the weather is otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lanes: dict[str, collections.deque[Job]] = {}
        self._busy: collections.Counter[str] = collections.Counter()
        self._weather = Weather()
        self._calendar: list[tuple[float, int, Job]] = []
        self._number = itertools.count()
        self._closed = False

    def put(self, job: Job, wait: float) -> None:
        """Make this job in its turn, not before `wait` seconds are over."""
        with self._changed:
            if wait > 0 or job.lane is None:
                later = (time.monotonic() + wait, next(self._number), job._replace(lane=None))
                heapq.heappush(self._calendar, later)
            else:
                self._lanes.setdefault(job.lane, collections.deque()).append(job)
            self._changed.notify()

    def take(self) -> Job | None:
        """The next job; waits for one. None when the queue was closed."""
        with self._changed:
            while not self._closed:
                job = self._due() or self._from_lane()
                if job is not None:
                    return job
                self._changed.wait(self._patience())
            return None

    def done(self, job: Job) -> None:
        """The job is through: its lane is free again."""
        with self._changed:
            if job.lane is not None:
                self._busy[job.lane] -= 1
            self._changed.notify()

    def change(self, weather: Weather) -> None:
        """From now on this weather."""
        with self._changed:
            self._weather = weather
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all that waits."""
        with self._changed:
            self._lanes.clear()
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

    def _from_lane(self) -> Job | None:
        for lane, jobs in self._lanes.items():
            if jobs and self._busy[lane] < self._weather.parallel:
                self._busy[lane] += 1
                place = self._weather.next_of(len(jobs))
                job = jobs[place]
                del jobs[place]
                return job
        return None

    def _patience(self) -> float | None:
        return max(0.0, self._calendar[0][0] - time.monotonic()) if self._calendar else None
