"""Counts and times of requests for Prometheus; labels are route templates, so that their number is bounded."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.middleware.visit import Part, Receive, Scope, Send, template, visit_of

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """Counters of one service, or of all its workers where PROMETHEUS_MULTIPROC_DIR is set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"registry": self.registry, "namespace": "revier"}
        labels = ("method", "route", "status")
        self.requests = Counter("requests", "Requests answered.", labels, **own)
        self.seconds = Histogram("request_seconds", "Time to the end of an answer.", ("route",), buckets=SECONDS, **own)
        self.sent = Counter("response_bytes", "Bytes of bodies sent, as compressed.", ("route",), **own)
        self.running = Gauge("requests_running", "Requests being answered.", multiprocess_mode="livesum", **own)
        # finding a series by its labels costs more than counting
        self._count = lru_cache(maxsize=4096)(lambda *values: self.requests.labels(*values).inc)
        self._time = lru_cache(maxsize=1024)(lambda route: self.seconds.labels(route).observe)
        self._size = lru_cache(maxsize=1024)(lambda route: self.sent.labels(route).inc)

    def count(self, method: str, route: str, status: int, seconds: float, size: int) -> None:
        """Count one answer."""
        self._count(method if method in METHODS else "other", route, status)()
        self._time(route)(seconds)
        if size:  # a 304 has none
            self._size(route)(size)

    def text(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
        return generate_latest(of_all)


class Measured:
    """Counts each request.

    Parameters
    ----------
    app
        The next part.
    metrics
        Where to.
    """

    def __init__(self, app: Part, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then count."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        self.metrics.running.inc()
        try:
            await self.app(scope, receive, send)
        finally:
            self.metrics.running.dec()
            visit, seconds = visit_of(scope), time.perf_counter() - start
            self.metrics.count(scope["method"], template(scope), visit.status or 500, seconds, visit.size)
