"""The service's own figures for Prometheus: who writes, how far views and streams lag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.domain.book import Book
from ledger.domain.values import date_of
from service.serving.inbound import Inbound
from service.serving.ledgers import LedgersServed
from streams.relay import RelayState


class ServingCollector(Collector):
    """Reads what the threads of the ledgers have noted; asks no database."""

    def __init__(self, ledgers: LedgersServed) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterator[Metric]:
        """The figures as they stand."""
        writing = GaugeMetricFamily("plumbline_writer", "1 where this process holds the lease.", labels=["ledger"])
        head = GaugeMetricFamily("plumbline_log_position", "The writer's last position.", labels=["ledger"])
        closed = GaugeMetricFamily(
            "plumbline_closed_through", "When the last closed day ended, in Unix time; 0: none is closed.", labels=["ledger"]
        )
        labels = ["ledger", "view"]
        position = GaugeMetricFamily("plumbline_view_position", "Where a view stands.", labels=labels)
        behind = GaugeMetricFamily("plumbline_view_lag_positions", "Events a view has not seen.", labels=labels)
        seconds = GaugeMetricFamily("plumbline_view_lag_seconds", "Age of the first of them.", labels=labels)
        failed = GaugeMetricFamily("plumbline_view_failed", "1 where a view has stopped.", labels=labels)
        hook = ["ledger", "webhook"]
        hook_behind = GaugeMetricFamily("plumbline_webhook_lag_positions", "Events a webhook hasn't dealt with.", labels=hook)
        hook_seconds = GaugeMetricFamily("plumbline_webhook_lag_seconds", "Age of the first of them.", labels=hook)
        hook_dead = GaugeMetricFamily("plumbline_webhook_dead_letters", "Messages given up and not delivered since.", labels=hook)
        hook_stopped = GaugeMetricFamily("plumbline_webhook_stopped", "1 where it is paused, held or gone.", labels=hook)
        attempts = CounterMetricFamily(
            "plumbline_webhook_attempts", "Attempts of this process to deliver, by outcome.", labels=[*hook, "outcome"]
        )
        now = self._ledgers.clock()
        stream = GaugeMetricFamily("plumbline_stream_position", "Where the stream stands.", labels=["ledger"])
        stream_behind = GaugeMetricFamily(
            "plumbline_stream_lag_positions", "Events of the log that the stream has not.", labels=["ledger"]
        )
        stream_seconds = GaugeMetricFamily(
            "plumbline_stream_lag_seconds", "Age of the first of them.", labels=["ledger"]
        )
        relay = GaugeMetricFamily("plumbline_relay", "1 for what the relay is doing now.", labels=["ledger", "state"])
        for ledger in self._ledgers.served():
            if ledger.relaying is not None:
                for state in RelayState:
                    relay.add_metric([ledger.name, state], 1 if ledger.relaying.state is state else 0)
                found = ledger.relaying.relay
                if found is not None and found.position is not None:
                    stream.add_metric([ledger.name], found.position)
                if found is not None and found.behind is not None:
                    stream_behind.add_metric([ledger.name], found.behind.positions)
                    stream_seconds.add_metric([ledger.name], found.behind.seconds)
            handover = ledger.handover
            if ledger.keeper is not None:
                writing.add_metric([ledger.name], 0 if handover is None else 1)
            if handover is not None:
                head.add_metric([ledger.name], handover.writer.position)
                closed.add_metric([ledger.name], closed_through(handover.writer.state.book))
            for lag in ledger.following.lags if ledger.following is not None else ():
                names = [ledger.name, lag.name]
                position.add_metric(names, lag.position)
                behind.add_metric(names, lag.behind)
                seconds.add_metric(names, lag.seconds)
                failed.add_metric(names, 1 if lag.status == "failed" else 0)
            if ledger.calling is None:
                continue
            for hooked in ledger.calling.lags:
                names = [ledger.name, hooked.name]
                since = now if hooked.since is None else datetime.fromisoformat(hooked.since)
                hook_behind.add_metric(names, hooked.behind)
                hook_seconds.add_metric(names, max(0.0, (now - since).total_seconds()))
                hook_dead.add_metric(names, hooked.dead)
                hook_stopped.add_metric(names, 0 if hooked.state == "active" else 1)
            for (name, outcome), count in ledger.calling.counts.items():
                attempts.add_metric([ledger.name, name, outcome], count)
        yield from (writing, head, closed, position, behind, seconds, failed, stream, stream_behind, stream_seconds, relay)
        yield from (hook_behind, hook_seconds, hook_dead, hook_stopped, attempts)


class InboundCollector(Collector):
    """Counts what came in by NATS."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    def collect(self) -> Iterator[Metric]:
        """The counts as they stand."""
        taken = CounterMetricFamily(
            "plumbline_inbound_facts",
            "Facts that came by NATS, by what became of them: accepted, duplicate, corrected, hit, refused, again.",
            labels=["ledger", "status"],
        )
        for (ledger, status), count in list(self._inbound.counts.items()):
            taken.add_metric([ledger, status], count)
        yield taken


def closed_through(book: Book) -> float:
    """When the last closed day ended where the books are kept, in Unix time; 0 where none is closed."""
    if book.closed_day < 0:
        return 0.0
    return datetime.combine(date_of(book.closed_day + 1), time.min, ZoneInfo(book.timezone)).timestamp()
