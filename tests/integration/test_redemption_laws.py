"""The law of redemption: whatever happens, points and stock are where a simple model has them, and replay agrees."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest

from ledger.domain.book import Book
from ledger.domain.rows import Vocabulary
from ledger.log.codec import state_of as event_state
from ledger.log.columns.builder import ColumnsBuilder
from ledger.log.columns.reader import Columns
from ledger.log.columns.store import ColumnsStore
from ledger.rules import layout as at
from ledger.rules.engine import state_of
from ledger.writer import LedgerState
from replay.run import lots_of
from replay.scenario import scenario_recorded
from replay.what_if import recorded_check, threads_run
from tests.ledgers import Books, books_open
from tests.redemption_walk import Walk


def columns_build(books: Books, folder: Path) -> Columns:
    """The columns of a ledger, in three segments that are merged."""
    book, vocabulary = Book(), Vocabulary()
    builder = ColumnsBuilder(book, vocabulary)
    head = books.position
    with ColumnsStore(folder) as store:
        for first, last in ((0, head // 3), (head // 3, head // 2), (head // 2, head)):
            events = books.recorder.select_range(first, last - first)
            store.append(builder.apply(events, lambda p: _fact(books, p)), book, vocabulary)
        store.compact(idle=True)
    return Columns.open(folder)


def _fact(books: Books, position: int) -> tuple[int, dict[str, object]]:
    [(_, stream, _, topic, data)] = books.recorder.select_range(position - 1, 1)
    return int(stream[2:]), event_state(topic, data)


def accounts_of(state: LedgerState) -> list[dict[str, object]]:
    return [state_of(state.program, record) for record in state.records]


def days_check(books: Books) -> None:
    """Added up by the days they are booked on, no redemption holds, and no part of one has spent, less than nothing."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    spent: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for _, _, name, state in books.log():
        sign = {"PointsHeld": 1, "PointsFreed": -1, "PointsRedeemed": 1}.get(name)
        if sign is not None:
            held[state["redemption"]][state["booked_on"]] += sign * state["points"]
        if name in ("PointsRedeemed", "PointsReturned"):
            spent[state["redemption"], state["part"]][state["booked_on"]] -= state["points"]
    for by_day in (*held.values(), *spent.values()):
        assert min(accumulate(by_day[day] for day in sorted(by_day))) >= 0


def walk(books: Books, folder: Path, steps: int, seed: int) -> Walk:
    """Take so many steps, beginning again from the log now and then; at the end the columns say the same."""
    print(f"seed {seed}")
    going = Walk(books, seed)
    for step in range(steps):
        going.step()
        if step % (steps // 5) == steps // 10:
            before = accounts_of(books.state), dict(books.state.redemptions.redemptions)
            books.restart()
            assert (accounts_of(books.state), dict(books.state.redemptions.redemptions)) == before
            going.compare()
    days_check(books)
    columns = columns_build(books, folder)
    result, count, differences = recorded_check(columns, 2, lambda done, of: None)
    assert (count, differences) == (0, [])
    # Decided again by the rules that were in force, every reservation is what it was, those on days of the past too.
    again = replace(scenario_recorded(columns), redemptions="decided")
    decided = threads_run(columns, again, 2, lambda done, of: None)
    assert not decided.sums[:, at.KIND_REFUSED].any()
    assert decided.records.tolist() == result.records.tolist()
    assert result.records[:, at.REC_BALANCE].tolist() == [a.moved for a in going.accounts.values()]
    lots: dict[int, dict[int, int]] = {n: {} for n in going.accounts}
    for account, month, points in lots_of(result.program, result.accounts, result.records).tolist():
        lots[account][month] = points
    assert lots == {n: a.lots for n, a in going.accounts.items()}
    loaded = LedgerState.load(columns, books.recorder)
    assert accounts_of(loaded) == accounts_of(books.state)
    assert dict(loaded.redemptions.redemptions) == dict(books.state.redemptions.redemptions)
    assert {k: v for k, v in loaded.redemptions.taken.items() if v} == {
        k: v for k, v in books.state.redemptions.taken.items() if v
    }
    return going


def test_two_thousand_steps_leave_points_and_stock_where_a_simple_model_has_them(
    books: Books, tmp_path: Path
) -> None:
    going = walk(books, tmp_path / "columns", 2_000, 20260101)
    # Everything happened, the refusals too.
    for told, least in (
        ("ReserveRedemption accepted", 100), ("ReserveRedemption POINTS_INSUFFICIENT", 20),
        ("ReserveRedemption STOCK_INSUFFICIENT", 10), ("CommitRedemption accepted", 100),
        ("CommitRedemption HOLD_OVER", 5), ("VoidRedemption accepted", 20), ("ReverseRedemption accepted", 50),
        ("RecordFact corrected", 50), ("CloseDays accepted", 30), ("came later", 20), ("lapsed first", 10),
        ("ReverseRedemption DATE_INVALID", 20), ("CommitRedemption DATE_INVALID", 20), ("VoidRedemption DATE_INVALID", 5),
    ):  # fmt: skip
        assert going.counts.get(told, 0) >= least, going.counts
    topics = {name for _, _, name, _ in books.log()}
    assert {"RedemptionLapsed", "PointsFreed", "PointsReturned", "PointsExpired", "TagsChanged"} <= topics


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_steps_as_well(database_url: str, schema_name: str, tmp_path: Path, seed: int) -> None:
    with books_open(database_url, schema_name) as books:
        walk(books, tmp_path / "columns", 5_000 if seed else 20_000, 1_000 + seed)
