"""The work of replays: a candidate compared with the record, or the proof that the record is reproduced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from api.jobs.runner import JobDone, Progress, Work
from api.ports import LedgerPort
from ledger.domain.book import Book
from ledger.domain.values import customer_number, points_text
from ledger.log.columns.reader import Columns
from ledger.rules.document import RuleSet
from ledger.writer.state import columns_check
from replay.what_if import Backtest, recorded_check, what_if

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
    """Compare the record, up to a position or further, with a candidate.

    `customers` (ids that are there) are explained beside the examples.
    """

    def work(progress: Progress) -> JobDone:
        columns = _columns(ledger, position, progress)
        found = what_if(columns, rules, THREADS, progress, day_from=day_from)
        changes = found.comparison.customers
        chosen = [*customers]
        chosen += [c.customer for c in changes[:EXAMPLES] if c.change > 0]
        chosen += [c.customer for c in changes[: -EXAMPLES - 1 : -1] if c.change < 0]
        book = columns.book()
        examples = [example_document(found, book, customer) for customer in dict.fromkeys(chosen)]
        rows = (c.document() for c in changes[:CHANGES_MAX])
        return JobDone({"kind": "candidate", **found.document(MOVERS), "examples": examples}, rows)

    return work


def recorded_work(ledger: LedgerPort, position: int) -> Work:
    """Decide every fact, up to a position or further, again by the rules in force, and compare with the record."""

    def work(progress: Progress) -> JobDone:
        columns = _columns(ledger, position, progress)
        run, count, differences = recorded_check(columns, THREADS, progress)
        return JobDone({
            "kind": "recorded", "run_id": run.run_id, "digest": run.digest, "position": run.position,
            "facts": run.facts, "seconds": round(run.seconds, 3), "differences": count,
            "first": [d.document() for d in differences],
        })  # fmt: skip

    return work


def _columns(ledger: LedgerPort, position: int, progress: Progress) -> Columns:
    """The columns of this log that hold a position: over less, or over another log, nothing would be proved.

    Raises ColumnsBehind, StateDiffers.
    """
    columns = Columns.reach(ledger.columns_folder, position, lambda: progress(0, 0))
    columns_check(columns, ledger.recorder)
    return columns


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
