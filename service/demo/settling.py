"""The demonstration's payments: a bank's file for the offsets that its customers redeemed, with faults planted in it, is
imported like any other and reconciled; then the year's honours and a month's liability.

The same books and seed give the same file. Every fault is planted on a customer of its own, so that what has to be found
is certain.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from psycopg import Connection

from connectors.files.importing import import_file
from connectors.files.mapping_loading import mapping_load
from ledger.domain.book import Book
from ledger.domain.commands import AwardHonours, Command, Request
from ledger.domain.settlement.records import Part
from ledger.domain.settlement.state import Settlement
from ledger.domain.values import (
    date_of,
    money_text,
    month_first_day,
    month_last_day,
    month_of,
    month_text,
    points_text,
)
from ledger.log.columns.reader import Columns
from ledger.writer import Writer
from projections.finance.honours import MEASURE, Place, places_find
from projections.finance.liability import FLOWS, Liability, liability_read
from projections.finance.reading import value_on
from reconciliation.invented import FAULTS, PAYMENT_COLUMNS, Claim, Fault, Invented, Paying, payment_rows
from reconciliation.planted import Matched, Outcome, outcome_of
from reconciliation.reconciling import commands_of, found_in, state_read
from reconciliation.report import Report, report_of
from service.bootstrap import LedgerHandle, clock
from service.output import Language

FAULT_EVERY: Final = 5
"""Every so many-th customer with an offset has a fault in its payments, where that is enough for one of each kind."""
CUSTOMERS: Final = "customers"
"""The source under which the mapping `payments` knows customers."""
_SUBMITTED_TOGETHER: Final = 500


class SettlingRefused(RuntimeError):
    """The books did not take what was invented for them."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was recorded: the file of payments, what is planted in it, the matches, the honours of `year` (at `position`,
    0 where nobody earned any)."""

    path: Path
    history: Invented
    period: int
    matches: int
    year: int
    places: list[Place]
    position: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What the books say of it afterwards. Amounts in fen; `redeemed` - `settled` = `open`."""

    report: Report
    outcome: Outcome
    redeemed: int
    settled: int
    open: int
    faults: tuple[str, ...]

    @property
    def complaint(self) -> str:
        """What is wrong; empty where every fault was found, no other, and all adds up."""
        told = [f"not found: {m}" for m in self.outcome.missed] + [f"no fault: {f}" for f in self.outcome.false]
        return "; ".join([*self.faults, *told])

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "period": month_text(self.report.period), "redeemed": money_text(self.redeemed),
            "settled": money_text(self.settled), "open": money_text(self.open), "open_items": len(self.report.lines),
            "adds_up": not self.faults, "missed": list(self.outcome.missed), "false": list(self.outcome.false),
            "faults": {k.fault: {"planted": k.planted, "found": k.found} for k in self.outcome.faults},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonthLiability:
    """A month of the liability: points in 1/100, CNY in fen. Opening and `flows`, by name, come to closing."""

    month: int
    opening: int
    flows: dict[str, int]
    closing: int
    closing_fen: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "month": month_text(self.month), "opening": points_text(self.opening),
            **{name: points_text(points) for name, points in self.flows.items()},
            "closing": points_text(self.closing), "closing_cny": money_text(self.closing_fen),
        }  # fmt: skip


def payments_invent(parts: Collection[Part], seed: int, last: int, payer_of: Callable[[int], str]) -> Invented:
    """The payments of committed offsets, up to the day `last`, with each kind of fault planted as often as there are
    customers for it. What was taken back entirely is not paid."""
    dice = Random(seed)
    claims: dict[int, list[Claim]] = defaultdict(list)
    for part in sorted(parts, key=lambda p: (p.day, p.key)):
        if part.amount > 0:
            claim = Claim(part.redemption, part.customer, part.day, part.amount, part.reference, part.project)
            claims[part.customer].append(claim)
    waiting = sorted(claims)
    dice.shuffle(waiting)
    faulty: dict[int, Fault] = {}
    count = max(len(FAULTS), len(claims) // FAULT_EVERY)
    wanted: list[Fault] = [FAULTS[i % len(FAULTS)] for i in range(count)]
    # Two that are paid together take a customer who has two: such customers are few, and given out first.
    wanted.sort(key=lambda fault: fault != "combined")
    for fault in wanted:
        fits = next((c for c in waiting if fault != "combined" or len(claims[c]) > 1), None)
        if fits is not None:
            waiting.remove(fits)
            faulty[fits] = fault
    history = Invented()
    paying = Paying(dice, history, last=last, payer_of=payer_of)
    for customer, theirs in sorted(claims.items()):
        first, *rest = theirs
        fault = faulty.get(customer)
        if fault == "no_redemption":
            paying.stray(customer, first.day, first.fen)
            fault = None
        paying.pay(first, fault, rest.pop(0) if fault == "combined" else None)
        for claim in rest:
            paying.pay(claim, None)
    history.payments.sort(key=lambda p: (p.day, p.external_id))
    return history


def payments_write(history: Invented, references: dict[tuple[str, str], int], path: Path) -> None:
    """Write the payments as the bank's file; customers stand in it as the books of `customers` name them."""
    names = {number: reference for (source, reference), number in references.items() if source == CUSTOMERS}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PAYMENT_COLUMNS)
        writer.writerows(payment_rows(history, lambda number: names[number]))


def settle(
    handle: LedgerHandle, writer: Writer, folder: Path, actor: str, seed: int, last: int, language: Language
) -> Settled:
    """Invent the file of payments, import it, match up to the last month and honour the last full year. Raises
    SettlingRefused."""
    book, settlement = writer.state.book, writer.state.relations.settlement
    history = payments_invent(
        list(settlement.parts.values()), seed, last, lambda number: book.customers[number - 1].name
    )
    path = folder / "payments.csv"
    payments_write(history, book.references, path)
    report = import_file(
        writer.submit, mapping_load("payments"), book.fact_types.get, path, actor=actor, recorded_at=clock(),
        quarantine=handle.quarantine, language=language,
    )  # fmt: skip
    if report.accepted != len(history.payments):
        why = f": {report.rejected[0].field} {report.rejected[0].reason}" if report.rejected else ""
        raise SettlingRefused(f"{path.name}: {report.accepted} of {len(history.payments)} payments were accepted{why}")
    period = month_of(last)
    given = commands_of(found_in(settlement, period))
    for first in range(0, len(given), _SUBMITTED_TOGETHER):
        _must(writer, given[first : first + _SUBMITTED_TOGETHER], actor)
    year, places, position = _honour(handle, writer, actor)
    return Settled(path, history, period, len(given), year, places, position)


def _honour(handle: LedgerHandle, writer: Writer, actor: str) -> tuple[int, list[Place], int]:
    """The best of the last year that is closed, found in the log and recorded."""
    book = writer.state.book
    year = date_of(book.closed_day + 1).year - 1
    head = book.position
    with handle.recorder.datastore.get_connection() as connection:
        places = places_find(connection, year, {c.number: c.name for c in book.customers}, stop=head)
    if not places:
        return year, [], 0
    told = tuple((str(p.rank), p.customer, points_text(p.points)) for p in places)
    [position] = _must(writer, [AwardHonours(year, MEASURE, head, told)], actor)
    return year, places, position


def _must(writer: Writer, commands: Collection[Command], actor: str) -> list[int]:
    """The positions at which commands were recorded."""
    answers = writer.submit([Request(command, actor) for command in commands])
    for answer in answers:
        if answer.status != "accepted":
            raise SettlingRefused(f"{answer.code} {answer.field} {answer.reason}")
    return [answer.position for answer in answers]


def settled_check(columns: Columns, settled: Settled) -> Checked:
    """What the columns say of the period, held against what was planted, and whether it adds up."""
    settlement = state_read(columns).settlement
    report = report_of(settlement, settled.period)
    matches = [
        Matched(frozenset(k for k, _ in m.redemptions), frozenset(k for k, _ in m.payments), m.rule)
        for m in settlement.matches.values()
        if m.state == "matched"
    ]
    outcome = outcome_of(settled.history, matches, {line.item: line.kind for line in report.lines})
    redeemed = sum(p.amount for p in settlement.parts.values())
    done = sum(p.settled + p.ruled for p in settlement.parts.values())
    listed = sum(line.open for line in report.lines if line.side == "redemptions")
    return Checked(
        report, outcome, redeemed, done, listed, (*report.faults, *_faults(report, redeemed - done - listed, settlement))
    )


def _faults(report: Report, missing: int, settlement: Settlement) -> Iterator[str]:
    if missing:
        yield f"redeemed - settled differs from the open items by {money_text(missing)} CNY"
    again = len(found_in(settlement, report.period))
    if again:
        yield f"reconciling once more would find {again} matches"


def month_liability(connection: Connection[Any], book: Book) -> MonthLiability:
    """The liability of the last month that is closed. Raises SettlingRefused where it does not add up."""
    month = month_of(book.closed_day + 1) - 1
    first, last = month_first_day(month), month_last_day(month)
    found: Liability = liability_read(connection, value_on(connection, book, last), first, last)
    if found.faults:
        raise SettlingRefused("; ".join(found.faults))
    flows = {name: sum(day.flows[i] for day in found.days) for i, name in enumerate(FLOWS)}
    return MonthLiability(month, found.days[0].opening, flows, found.days[-1].closing, found.days[-1].closing_fen)
