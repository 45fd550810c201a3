"""Reconciling invented redemptions and payments: the seconds it takes, and that every planted fault is found, no other,
and that what was matched belongs together.

Measured is what `reconcile` works out: the matches, and the report once they are recorded. Recording is the writer's.
"""

from __future__ import annotations

import time

from benchmarks.lines import Line, Say
from ledger.domain.relations.state import Relations
from ledger.domain.values import month_of
from ledger.log.collector import collection_deferred
from reconciliation.invented import OPEN_AS, Invented, happened_of, invent
from reconciliation.matching import Found
from reconciliation.reconciling import commands_of, found_in, rehearsed, state_new
from reconciliation.report import report_of

COUNT = 100_000
COUNT_QUICK = 2_000
SECONDS_MAX = 5.0
GROWTH_MAX = 2.6
"""Twice as much may take so many times as long: n log n, and what a machine's caches add."""
DAYS = 300
DAY_FIRST = 20_089


def run(say: Say, *, quick: bool = False) -> list[Line]:
    """Measure half as much, then all of it. Raises AssertionError where a fault is missed or seen that is none."""
    count = COUNT_QUICK if quick else COUNT
    half, whole = (_measured(say, n) for n in (count // 2, count))
    return [
        Line(f"reconciling {count:,} redemptions with payments", "ms", whole * 1_000, most=SECONDS_MAX * 1_000),
        Line("twice as much takes, percent", "%", whole / half * 100, most=GROWTH_MAX * 100),
    ]


def _measured(say: Say, count: int) -> float:
    say(f"inventing {count:,}")
    history = invent(count, day_first=DAY_FIRST, days=DAYS)
    state = state_new()
    with collection_deferred():
        for event in happened_of(history):
            state.apply(event)
        state.settle()
        period = month_of(max(payment.day for payment in history.payments))
        say(f"reconciling {count:,}")
        started = time.perf_counter()
        found = found_in(state.settlement, period)
        taken = time.perf_counter() - started
        pairs_check(history, found)
        say(f"recording {len(found):,} matches")
        settle(state, found)
        say("reporting")
        started = time.perf_counter()
        report = report_of(state.settlement, period)
        taken += time.perf_counter() - started
    assert not report.faults, report.faults
    faults_check(history, {line.item: line.kind for line in report.lines})
    assert found_in(state.settlement, period) == []
    return taken


def settle(state: Relations, found: list[Found]) -> None:
    """Record matches on a state, as the ledger would."""
    rehearsed(state, commands_of(found), DAY_FIRST + DAYS)
    state.settle()


def pairs_check(history: Invented, found: list[Found]) -> None:
    """Every pair that was matched belongs together."""
    wrong = [
        (m.rule, part, payment)
        for m in found
        for part, _ in m.redemptions
        for payment, _ in m.payments
        if (part, payment) not in history.pairs
    ]
    assert wrong == [], wrong[:3]


def faults_check(history: Invented, kinds: dict[str, str]) -> None:
    """What is open is what was planted, each of its kind."""
    planted = {
        item: OPEN_AS[p.fault] for p in history.planted if p.fault in OPEN_AS for item in (*p.redemptions, *p.payments)
    }
    wrong = [item for item in kinds.keys() | planted.keys() if kinds.get(item) != planted.get(item)]
    assert wrong == [], wrong[:5]
