"""The service's own figures for Prometheus: who writes, how far views and streams lag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ledger.domain.book import Book
from ledger.domain.values import date_of
from projections.lags import ViewLag
from service.serving.inbound import Inbound
from service.serving.ledgers import LedgerServed, LedgersServed
from service.serving.stream_checking import check_metrics
from streams.relay import RelayState


class ServingCollector(Collector):
    """Reads what the threads of the ledgers have noted; asks no database."""

    def __init__(self, ledgers: LedgersServed) -> None:
        self._ledgers = ledgers

    def collect(self) -> Iterator[Metric]:
        """The figures as they stand."""
        served = self._ledgers.served()
        yield from _writer_metrics(served)
        yield from _view_metrics(served)
        yield from _relay_metrics(served)
        yield from check_metrics(ledger.checking for ledger in served if ledger.checking is not None)
        yield from _webhook_metrics(served, self._ledgers.clock())


def _writer_metrics(served: Sequence[LedgerServed]) -> Iterator[Metric]:
    writing = GaugeMetricFamily("plumbline_writer", "1 where this process holds the lease.", labels=["ledger"])
    head = GaugeMetricFamily("plumbline_log_position", "The writer's last position.", labels=["ledger"])
    closed = GaugeMetricFamily(
        "plumbline_closed_through", "When the last closed day ended, in Unix time; 0: none is closed.", labels=["ledger"]
    )
    for ledger in served:
        handover = ledger.handover
        if ledger.keeper is not None:
            writing.add_metric([ledger.name], 0 if handover is None else 1)
        if handover is not None:
            head.add_metric([ledger.name], handover.writer.position)
            closed.add_metric([ledger.name], closed_through(handover.writer.state.book))
    yield from (writing, head, closed)


def _view_metrics(served: Sequence[LedgerServed]) -> Iterator[Metric]:
    labels = ["ledger", "view"]
    position = GaugeMetricFamily("plumbline_view_position", "Where a view stands.", labels=labels)
    behind = GaugeMetricFamily("plumbline_view_lag_positions", "Events a view has not seen.", labels=labels)
    seconds = GaugeMetricFamily("plumbline_view_lag_seconds", "Age of the first of them.", labels=labels)
    failed = GaugeMetricFamily("plumbline_view_failed", "1 where a view has stopped.", labels=labels)
    followed = GaugeMetricFamily(
        "plumbline_views_followed", "1 where a process follows: this one, or any where it only reads.", labels=["ledger"]
    )
    for ledger in served:
        lags: list[ViewLag] = []
        if ledger.following is not None:
            lags = ledger.following.lags
            followed.add_metric([ledger.name], int(ledger.following.running))
        elif ledger.seen is not None:
            lags = ledger.seen.lags
            followed.add_metric([ledger.name], int(ledger.seen.followed))
        for lag in lags:
            names = [ledger.name, lag.name]
            position.add_metric(names, lag.position)
            behind.add_metric(names, lag.behind)
            seconds.add_metric(names, lag.seconds)
            failed.add_metric(names, 1 if lag.status == "failed" else 0)
    yield from (position, behind, seconds, failed, followed)


def _relay_metrics(served: Sequence[LedgerServed]) -> Iterator[Metric]:
    position = GaugeMetricFamily("plumbline_stream_position", "Where the stream stands.", labels=["ledger"])
    behind = GaugeMetricFamily(
        "plumbline_stream_lag_positions", "Events of the log that the stream has not.", labels=["ledger"]
    )
    seconds = GaugeMetricFamily("plumbline_stream_lag_seconds", "Age of the first of them.", labels=["ledger"])
    relay = GaugeMetricFamily("plumbline_relay", "1 for what the relay is doing now.", labels=["ledger", "state"])
    for ledger in served:
        if ledger.relaying is None:
            continue
        for state in RelayState:
            relay.add_metric([ledger.name, state], 1 if ledger.relaying.state is state else 0)
        found = ledger.relaying.relay
        if found is not None and found.position is not None:
            position.add_metric([ledger.name], found.position)
        if found is not None and found.behind is not None:
            behind.add_metric([ledger.name], found.behind.positions)
            seconds.add_metric([ledger.name], found.behind.seconds)
    yield from (position, behind, seconds, relay)


def _webhook_metrics(served: Sequence[LedgerServed], now: datetime) -> Iterator[Metric]:
    labels = ["ledger", "webhook"]
    behind = GaugeMetricFamily("plumbline_webhook_lag_positions", "Events a webhook hasn't dealt with.", labels=labels)
    seconds = GaugeMetricFamily("plumbline_webhook_lag_seconds", "Age of the first of them.", labels=labels)
    dead = GaugeMetricFamily("plumbline_webhook_dead_letters", "Messages given up and not delivered since.", labels=labels)
    stopped = GaugeMetricFamily("plumbline_webhook_stopped", "1 where it is paused, held or gone.", labels=labels)
    attempts = CounterMetricFamily(
        "plumbline_webhook_attempts", "Attempts of this process to deliver, by outcome.", labels=[*labels, "outcome"]
    )
    for ledger in served:
        if ledger.calling is None:
            continue
        for lag in ledger.calling.lags:
            names = [ledger.name, lag.name]
            since = now if lag.since is None else datetime.fromisoformat(lag.since)
            behind.add_metric(names, lag.behind)
            seconds.add_metric(names, max(0.0, (now - since).total_seconds()))
            dead.add_metric(names, lag.dead)
            stopped.add_metric(names, 0 if lag.state == "active" else 1)
        for (name, outcome), count in ledger.calling.counts.items():
            attempts.add_metric([ledger.name, name, outcome], count)
    yield from (behind, seconds, dead, stopped, attempts)


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
