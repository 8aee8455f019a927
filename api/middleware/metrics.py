"""Counts and times of requests for Prometheus; labels are route templates, so that their number is bounded."""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


# counters that workers share are in mapped files, and written so often
WRITTEN_EACH_S = 0.25


class Metrics:
    """Counters of one service, or of all its workers where PROMETHEUS_MULTIPROC_DIR is set.

    Called by the thread that answers, except for `text`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry, "namespace": "revier"}
        labels = ("method", "route", "status")
        self.requests = Counter("requests", "Requests answered.", labels, **own)
        self.seconds = Histogram("request_seconds", "Time to the end of an answer.", ("route",), buckets=SECONDS, **own)
        self.sent = Counter("response_bytes", "Bytes of bodies sent, as compressed.", ("route",), **own)
        self.running = Gauge("requests_running", "Requests being answered.", multiprocess_mode="livesum", **own)
        # finding a series by its labels costs more than counting
        self._time = lru_cache(maxsize=1024)(lambda route: self.seconds.labels(route).observe)
        self._running = 0
        self._answered: dict[tuple[str, str, str], int] = {}
        self._bytes: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Count a request as running."""
        self._running += 1
        self._soon()

    def end(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """Count its answer."""
        self._running -= 1
        key = (method if method in METHODS else "other", route, str(status))
        self._answered[key] = self._answered.get(key, 0) + 1
        if size:  # a 304 has none
            self._bytes[route] = self._bytes.get(route, 0) + size
        self._time(route)(seconds)
        self._soon()

    def flush(self) -> None:
        """Write what was counted where all workers see it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.running.set(self._running)
        answered, self._answered = self._answered, {}
        for key, count in answered.items():
            self.requests.labels(*key).inc(count)
        sent, self._bytes = self._bytes, {}
        for route, size in sent.items():
            self.sent.labels(route).inc(size)

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITTEN_EACH_S, self.flush)

    def text(self) -> bytes:
        """Return all counters in Prometheus' text format, as last written."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
        return generate_latest(of_all)
