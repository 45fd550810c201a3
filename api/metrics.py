"""Figures for Prometheus: one registry per app, to which the service adds its own collectors."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Requests by method, route and status, their seconds, and how many are under way."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "plumbline_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "plumbline_http_request_seconds",
            "Seconds from the request's head to the end of its answer.",
            ["method", "route"],
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.under_way = Gauge(
            "plumbline_http_requests_under_way", "Requests being served now.", registry=self.registry
        )
        self.webhooks = Counter(
            "plumbline_webhook_messages",
            "Messages that came to the webhook of a sender, by what became of them: taken, hit, or why not.",
            ["ledger", "outcome"],
            registry=self.registry,
        )
        # Children are kept: finding one by its labels costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            counter = self._requests.labels(method, route, str(status))
            children = self._children[key] = (counter, self._seconds.labels(method, route))
        children[0].inc()
        children[1].observe(seconds)

    def text(self, ledgers: frozenset[str] | None = None) -> bytes:
        """The figures in Prometheus' text format; of those that belong to a ledger only these (None: all)."""
        return generate_latest(self.registry if ledgers is None else _Narrowed(self.registry, ledgers))


class _Narrowed(CollectorRegistry):
    """The figures of another registry, without those of other ledgers."""

    def __init__(self, registry: CollectorRegistry, ledgers: frozenset[str]) -> None:
        super().__init__()
        self._registry = registry
        self._ledgers = ledgers

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if s.labels.get("ledger") in (None, *self._ledgers)]
            yield family
