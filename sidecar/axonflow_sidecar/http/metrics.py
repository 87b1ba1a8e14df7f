"""Prometheus metrics. Every label is from a closed set: no tenant, user or id ever becomes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE: Final = b"text/plain; version=1.0.0; charset=utf-8"
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process. Labelled children are kept: looking one up each time costs five times as much."""

    def __init__(self, service: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "axonflow_http_requests", "Calls answered.", ("service", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "axonflow_http_request_seconds", "From the headers of a call to the end of its answer.",
            ("service", "route"), buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._decisions = Counter("axonflow_decisions", "Decisions enforced.", ("effect",), registry=self._registry)
        self._service = service
        self._request_children: dict[tuple[str, int], Counter] = {}
        self._second_children: dict[str, Histogram] = {}
        self._decision_children: dict[str, Counter] = {}

    def answered(self, route: str, status: int, took_s: float) -> None:
        """Count one call."""
        counter = self._request_children.get((route, status))
        if counter is None:
            counter = self._requests.labels(self._service, route, str(status))
            self._request_children[route, status] = counter
        counter.inc()
        histogram = self._second_children.get(route)
        if histogram is None:
            histogram = self._second_children[route] = self._seconds.labels(self._service, route)
        histogram.observe(took_s)

    def decided(self, effect: str) -> None:
        """Count one enforced decision."""
        counter = self._decision_children.get(effect)
        if counter is None:
            counter = self._decision_children[effect] = self._decisions.labels(effect)
        counter.inc()

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A gauge that is read when somebody asks."""
        Gauge(name, what, registry=self._registry).set_function(read)

    def exposition(self) -> bytes:
        """All of them, in the text format."""
        return generate_latest(self._registry)
