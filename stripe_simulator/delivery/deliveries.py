"""Deliveries: every event goes to every endpoint that asked for it, until the endpoint answers 2xx.

https://docs.stripe.com/webhooks#automatic-retries. First tries to one endpoint go one after the other in
the order of the events. Tries after that come when they are due, whatever else is on its way.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import requests

from stripe_simulator.core.objects import now, random_text
from stripe_simulator.core.store import Store
from stripe_simulator.core.versions import rendered
from stripe_simulator.delivery import signatures
from stripe_simulator.delivery.delivery_conditions import MOST_AT_ONCE, DeliveryConditions
from stripe_simulator.delivery.endpoint_queues import EndpointQueues, Job

Json = dict[str, Any]
KIND = "_delivery"
RETRY_GAPS = (1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
TIMEOUT = 10.0
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    "Accept": "*/*; q=0.5, application/xml",
    "Cache-Control": "no-cache",
}


class Deliveries:
    """The log of all deliveries, and the threads that make them. Gaps and timeouts are in seconds."""

    def __init__(
        self, store: Store, resolve: dict[str, str] | None = None, gaps: tuple[float, ...] = RETRY_GAPS
    ) -> None:
        self.store, self.gaps = store, gaps
        self.resolve = {host.lower(): url.rstrip("/") for host, url in (resolve or {}).items()}
        self.queues, self.conditions = EndpointQueues(), DeliveryConditions()
        self.came_through: dict[str, int] = {}  # endpoint: when the last delivery was answered well
        self.threads: list[threading.Thread] = []

    def waiting(self, mode: str) -> int:
        """Return how many deliveries of a mode are not at their end."""
        collection = self.store.collection(KIND, mode)
        return sum(each["status"] == "pending" for each in collection.objects.values())

    def start(self) -> None:
        """Start the threads, and go on with what an earlier run left undone."""
        for mode in ("test", "live"):
            for delivery in list(self.store.collection(KIND, mode).oldest_first({}, -1)):
                if delivery["status"] == "pending":
                    self._enqueue(mode, delivery, max(0.0, (delivery["next_try_at"] or 0) - time.time()))
        for number in range(MOST_AT_ONCE):
            thread = threading.Thread(target=self._work, name=f"delivery-{number}", daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self) -> None:
        """Let the threads end after the try that they are at."""
        self.queues.close()
        end = time.monotonic() + 1
        for thread in self.threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))

    def change_conditions(self, conditions: DeliveryConditions) -> None:
        """Change the conditions of deliveries."""
        self.conditions = conditions
        self.queues.change(conditions)

    def forget(self) -> None:
        """Drop all waiting deliveries and reset the conditions."""
        self.queues.clear()
        self.change_conditions(DeliveryConditions())

    def plan(self, mode: str, event: Json, endpoint: Json) -> Json:
        """Deliver an event to an endpoint once the present transaction is committed."""
        delivery = {
            "id": "dlv_" + random_text(20),
            "event": event["id"],
            "type": event["type"],
            "endpoint": endpoint["id"],
            "url": endpoint["url"],
            "created": event["created"],
            "status": "pending",
            "tries": [],
            "next_try_at": None,
        }
        self.store.put(KIND, mode, delivery["id"], delivery)
        self.store.after_commit(lambda: self._send_off(mode, delivery))
        return delivery

    def resend(self, mode: str, event: Json, endpoints: list[Json]) -> list[Json]:
        """Deliver an event once more, whatever became of it before."""
        with self.store.transaction():
            return [self.plan(mode, event, endpoint) for endpoint in endpoints]

    def _send_off(self, mode: str, delivery: Json) -> None:
        if self.conditions.is_lost():
            self._close(mode, delivery, "lost")
            return
        self._enqueue(mode, delivery, self.conditions.wait())
        if self.conditions.is_doubled():
            self.queues.put(Job(mode, delivery["id"], None), self.conditions.wait())

    def _enqueue(self, mode: str, delivery: Json, wait: float) -> None:
        queue = delivery["endpoint"] if not delivery["tries"] else None
        self.queues.put(Job(mode, delivery["id"], queue), wait)

    def _work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (job := self.queues.take()) is not None:
                try:
                    self._try(session, job)
                finally:
                    self.queues.done(job)

    def _try(self, session: requests.Session, job: Job) -> None:
        delivery = self.store.get(KIND, job.mode, job.delivery)
        if delivery is None:
            return
        event = self.store.get("event", job.mode, delivery["event"])
        endpoint = self.store.get("webhook_endpoint", job.mode, delivery["endpoint"])
        if event is None or endpoint is None or endpoint.get("status") != "enabled":
            self._close(job.mode, delivery, "canceled")
            return
        one_try = self._post(session, event, endpoint)
        with self.store.transaction():
            self._settle(job.mode, job.delivery, one_try)

    def _post(self, session: requests.Session, event: Json, endpoint: Json) -> Json:
        """Return one try: when, what came back, and how many seconds it took."""
        version = endpoint.get("api_version") or event["api_version"]
        body = json.dumps(rendered(event, version), indent=2).encode()
        headers = HEADERS | {"Stripe-Signature": signatures.header(body, [endpoint["secret"]], now())}
        url, host = self._address(endpoint["url"])
        started, status, error = time.monotonic(), None, None
        try:
            answer = session.post(
                url, data=body, headers=headers | host, timeout=TIMEOUT, allow_redirects=False, stream=True
            )
            status = answer.status_code
            answer.close()
        except (requests.RequestException, UnicodeError) as failure:
            error = type(failure).__name__
        return {
            "at": now(),
            "status": status,
            "error": error,
            "seconds": round(time.monotonic() - started, 3),
        }

    def _address(self, url: str) -> tuple[str, dict[str, str]]:
        """Return where to connect, and the Host header when that is somewhere else than the URL says."""
        netloc, slash, path = url.partition("://")[2].partition("/")
        other = self.resolve.get(netloc.lower()) or self.resolve.get(netloc.partition(":")[0].lower())
        if other is None:
            return url, {}
        return other + slash + path, {"Host": netloc}

    def _settle(self, mode: str, delivery_id: str, one_try: Json) -> None:
        """Write down a try, and plan the next one if it failed. Only inside a transaction."""
        delivery = self.store.get(KIND, mode, delivery_id)
        if delivery is None:
            return
        tries = [*delivery["tries"], one_try]
        delivery = delivery | {"tries": tries}
        if 200 <= (one_try["status"] or 0) < 300:
            self.came_through[delivery["endpoint"]] = one_try["at"]
            self._close(mode, delivery, "succeeded")
        elif delivery["status"] != "pending":
            self._write(mode, delivery)
        elif len(tries) > len(self.gaps):
            self._close(mode, delivery, "failed")
            self._give_up(mode, delivery)
        else:
            gap = self.gaps[len(tries) - 1]
            delivery = delivery | {"next_try_at": time.time() + gap}
            self._write(mode, delivery)
            self.store.after_commit(lambda: self._enqueue(mode, delivery, gap))

    def _give_up(self, mode: str, delivery: Json) -> None:
        """Disable an endpoint that nothing has come through to for as long as this delivery was tried."""
        endpoint = self.store.get("webhook_endpoint", mode, delivery["endpoint"])
        dead = self.came_through.get(delivery["endpoint"], 0) < delivery["tries"][0]["at"]
        if self.conditions.gives_up and dead and endpoint and not endpoint.get("deleted"):
            self.store.put("webhook_endpoint", mode, endpoint["id"], endpoint | {"status": "disabled"})

    def _close(self, mode: str, delivery: Json, status: str) -> None:
        with self.store.transaction():
            self._write(mode, delivery | {"status": status, "next_try_at": None})
            event = self.store.get("event", mode, delivery["event"])
            if event:
                left = self._endpoints_waiting(mode, event["id"])
                self.store.put("event", mode, event["id"], event | {"pending_webhooks": left})

    def _endpoints_waiting(self, mode: str, event_id: str) -> int:
        """Return to how many endpoints an event is still to be delivered."""
        deliveries = list(self.store.collection(KIND, mode).newest_first({"event": event_id}))
        through = {
            each["endpoint"] for each in deliveries if each["status"] in ("succeeded", "canceled", "lost")
        }
        return len({each["endpoint"] for each in deliveries} - through)

    def _write(self, mode: str, delivery: Json) -> None:
        # A reset while the try was under way must not bring the delivery back.
        if self.store.get(KIND, mode, delivery["id"]) is not None:
            self.store.put(KIND, mode, delivery["id"], delivery)
