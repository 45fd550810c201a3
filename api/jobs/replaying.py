"""The work of replays: a candidate compared with the record, or the proof that the record is reproduced."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from api.jobs.runner import JobDone, Progress, Work
from api.ports import LedgerPort
from ledger.domain.book import Book
from ledger.domain.values import customer_number, points_text
from ledger.log.columns.keeping import columns_kept
from ledger.log.columns.reader import Columns
from ledger.rules.document import RuleSet
from ledger.writer.state import columns_check
from replay.ownership.what_if import OwnershipBacktest, assignment_what_if, record_check, rules_what_if
from replay.what_if import Backtest

THREADS: Final = 2
CHANGES_MAX: Final = 100_000
"""So many changed customers of a replay are kept row by row; its totals are of all."""
MOVERS: Final = 20
"""So many winners and losers stand in the result itself."""
EXAMPLES: Final = 5
"""For so many of the winners and of the losers the result says why."""
DECISIONS_MAX: Final = 200
"""So many changed decisions of one customer are told."""


def candidate_work(
    ledger: LedgerPort, position: int, rules: RuleSet, day_from: int | None, customers: Sequence[str]
) -> Work:
    """Compare the record, up to a position or further, with a candidate: points, and who would serve whom.

    `customers` (ids that are there) are explained beside the examples.
    """

    def work(progress: Progress) -> JobDone:
        with _columns(ledger, position, progress) as columns:
            found, ownership = rules_what_if(columns, rules, THREADS, progress, day_from=day_from)
            book = columns.book()
        changes = found.comparison.customers
        chosen = [*customers]
        chosen += [c.customer for c in changes[:EXAMPLES] if c.change > 0]
        chosen += [c.customer for c in changes[: -EXAMPLES - 1 : -1] if c.change < 0]
        examples = [example_document(found, book, customer) for customer in dict.fromkeys(chosen)]
        result: dict[str, Any] = {
            "kind": "candidate", **found.document(MOVERS), "examples": examples,
            "ownership": None if ownership is None else ownership.document(MOVERS),
        }  # fmt: skip
        rows: dict[str, Iterator[dict[str, Any]]] = {"customers": (c.document() for c in changes[:CHANGES_MAX])}
        if ownership is not None:
            rows["owners"] = _owner_rows(ownership, book)
        return JobDone(result, rows)

    return work


def assignment_work(ledger: LedgerPort, position: int, section: Mapping[str, Any]) -> Work:
    """Compare who serves whom, up to a position or further, with other assignment rules; the points as they were."""

    def work(progress: Progress) -> JobDone:
        with _columns(ledger, position, progress) as columns:
            found = assignment_what_if(columns, section, THREADS, progress)
            book = columns.book()
        result = {"kind": "assignment", "position": columns.position, **found.document(MOVERS)}
        return JobDone(result, {"owners": _owner_rows(found, book)})

    return work


def _owner_rows(found: OwnershipBacktest, book: Book) -> Iterator[dict[str, Any]]:
    """Whose customers would be somebody else's; null is the pool."""
    for change in found.comparison.changes[:CHANGES_MAX]:
        known = book.customer(customer_number(change.customer))
        yield {
            **change.document(), "name": known.name if known else "", "owner": change.owner or None,
            "owner_then": change.owner_then or None,
        }  # fmt: skip


def recorded_work(ledger: LedgerPort, position: int) -> Work:
    """Decide everything, up to a position or further, again by the rules in force, and compare with the record."""

    def work(progress: Progress) -> JobDone:
        with _columns(ledger, position, progress) as columns:
            found = record_check(columns, THREADS, progress)
        return JobDone({"kind": "recorded", **found.document()})

    return work


@contextmanager
def _columns(ledger: LedgerPort, position: int, progress: Progress) -> Generator[Columns]:
    """The columns of this log that hold a position, kept for as long as they are read: over less, or over another log,
    nothing would be proved.

    Raises ColumnsBehind, StateDiffers.
    """
    with columns_kept(Columns.reach(ledger.columns_folder, position, lambda: progress(0, 0))) as columns:
        columns_check(columns, ledger.recorder)
        yield columns


def example_document(found: Backtest, book: Book, customer: str) -> dict[str, Any]:
    """The clause behind every changed point of one customer, in both languages."""
    zh, en = (found.customer_changes(book, customer, language) for language in ("zh", "en"))
    known = book.customer(customer_number(customer))
    return {
        "customer": customer,
        "name": known.name if known else "",
        "decisions_changed": len(en),
        "decisions": [
            {
                "position": b.position, "kind": b.kind, "rule": b.rule, "points": points_text(b.points),
                "points_candidate": points_text(b.points_candidate),
                "clause": {"zh": a.clause, "en": b.clause},
                "clause_candidate": {"zh": a.clause_candidate, "en": b.clause_candidate},
            }
            for a, b in zip(zh[:DECISIONS_MAX], en[:DECISIONS_MAX], strict=True)
        ],
    }  # fmt: skip
