"""The service's own figures for Prometheus: who writes, how far views lag."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.serving.ledgers import LedgersServed


class ServingCollector(Collector):
    """Reads what the threads of the ledgers have noted; asks no database."""

    def __init__(self, ledgers: LedgersServed) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterator[Metric]:
        """The figures as they stand."""
        writing = GaugeMetricFamily("plumbline_writer", "1 where this process holds the lease.", labels=["ledger"])
        head = GaugeMetricFamily("plumbline_log_position", "The writer's last position.", labels=["ledger"])
        labels = ["ledger", "view"]
        position = GaugeMetricFamily("plumbline_view_position", "Where a view stands.", labels=labels)
        behind = GaugeMetricFamily("plumbline_view_lag_positions", "Events a view has not seen.", labels=labels)
        seconds = GaugeMetricFamily("plumbline_view_lag_seconds", "Age of the first of them.", labels=labels)
        failed = GaugeMetricFamily("plumbline_view_failed", "1 where a view has stopped.", labels=labels)
        for ledger in self._ledgers.served():
            handover = ledger.handover
            if ledger.keeper is not None:
                writing.add_metric([ledger.name], 0 if handover is None else 1)
            if handover is not None:
                head.add_metric([ledger.name], handover.writer.position)
            for lag in ledger.following.lags if ledger.following is not None else ():
                names = [ledger.name, lag.name]
                position.add_metric(names, lag.position)
                behind.add_metric(names, lag.behind)
                seconds.add_metric(names, lag.seconds)
                failed.add_metric(names, 1 if lag.status == "failed" else 0)
        yield from (writing, head, position, behind, seconds, failed)
