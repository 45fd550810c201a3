"""What the columns hold of relations: events in order, the day they were recorded on, and what stays in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from ledger.domain import events as ev
from ledger.domain.book import STREAMS, Book
from ledger.domain.events.base import REGISTRY
from ledger.domain.rows import Vocabulary
from ledger.domain.values import day_parse, day_recorded
from ledger.log.columns.builder import ColumnsBuilder
from ledger.log.columns.format import FORMAT, MANIFEST, ColumnsDamaged
from ledger.log.columns.reader import Columns
from ledger.log.columns.relations import happened
from ledger.log.columns.store import ColumnsStore
from tests.unit.columns.making import History, history_random


def claimed(history: History, customer: int, staff: str = "S-000001") -> None:
    stream = f"C-{customer:06d}"
    cause = history.add(REGISTRY["CustomerClaimed"], stream, staff=staff)
    history.add(
        REGISTRY["CustomerAssigned"], stream, cause=cause, staff=staff, team="one", why="claim", rule="", rule_set="",
        score=0, protected_until="", due_on="2024-06-01", candidates=[["S-000001", 0, 1, 50, "chosen"]] * 40,
        tried=[["east", [["S-000001", 0, 50, 50, "full"]]]],
    )  # fmt: skip


def history_of_relations() -> History:
    history = history_random(3, 200)
    history.add(REGISTRY["TeamDeclared"], ev.STREAM_STAFF, team="one", name="一部", parent="", region="", kind="")
    for customer in range(1, 9):
        claimed(history, customer)
    history.fact(1, "login")
    history.add(ev.CustomerChanged, "C-000001", name="改名", traits={"region": "华东"})
    history.add(ev.DayClosed, ev.STREAM_CALENDAR, day="2026-01-31")
    history.add(REGISTRY["CustomerReleased"], "C-000001", staff="S-000001", reason="r")
    return history


def stored(history: History, folder: Path, size: int, *, compact: bool) -> Columns:
    with ColumnsStore(folder) as store:
        builder = store.builder()
        for first in range(0, history.position, size):
            data = builder.apply(history.events[first : first + size], no_fetch(history))
            store.append(data, builder.book, builder.vocabulary)
            if compact:
                store.compact(idle=True)
    return Columns.open(folder)


def no_fetch(history: History) -> Any:
    def fetch(position: int) -> tuple[int, dict[str, Any]]:
        _, stream, _, _, state = history.events[position - 1]
        return int(stream[2:]), orjson.loads(state)

    return fetch


@pytest.mark.parametrize(("size", "compact"), [(10_000, False), (37, False), (37, True), (13, True)])
def test_events_of_relations_come_back_as_they_were_in_order_of_position(
    tmp_path: Path, size: int, compact: bool
) -> None:
    history = history_of_relations()
    columns = stored(history, tmp_path, size, compact=compact)
    kept = ev.RELATIONS_TOPICS | {"CustomerRegistered", "CustomerChanged", "DayClosed"}
    expected = [
        (position, int(stream[2:]) if stream.startswith("C-") else 0, topic, orjson.loads(state))
        for position, stream, _, topic, state in history.events
        if topic in kept
    ]
    for entry in expected:
        entry[3].pop("candidates", None)
        entry[3].pop("tried", None)
    found = [(e.position, e.customer, e.topic, e.fields) for e in happened(columns.relations(registrations=True))]
    assert found == expected
    assert {e.day for e in happened(columns.relations())} == {day_parse("2024-05-01")}
    assert columns.book().versions.keys() == set(STREAMS) and columns.book().version(ev.STREAM_STAFF) == 1


def test_inputs_alone_leave_out_what_was_decided(tmp_path: Path) -> None:
    columns = stored(history_of_relations(), tmp_path, 50, compact=True)
    topics = columns.relations(inputs_only=True)["topic"].value_counts()
    counts = dict(zip(topics["topic"], topics["count"], strict=True))
    assert counts.pop("DayClosed") > 1
    assert counts == {"TeamDeclared": 1, "CustomerClaimed": 8, "CustomerReleased": 1}
    assert set(columns.relations()["topic"]) == {*counts, "DayClosed", "CustomerAssigned"}


def test_the_day_is_that_of_the_ledgers_time_zone() -> None:
    assert day_recorded("2026-10-31T16:00:00+00:00", "Asia/Shanghai") == day_parse("2026-11-01")
    assert day_recorded("2026-10-31T15:59:59.999999+00:00", "Asia/Shanghai") == day_parse("2026-10-31")
    assert day_recorded("2026-11-01T00:30:00+08:00", "Asia/Shanghai") == day_parse("2026-11-01")
    assert day_recorded("2026-11-01T00:30:00+08:00", "Europe/Berlin") == day_parse("2026-10-31")


def format_set(folder: Path, number: int) -> None:
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest | {"format": number}))


def test_columns_of_an_earlier_format_count_for_none_and_are_built_anew_by_whoever_writes(tmp_path: Path) -> None:
    history = history_random(3, 200)
    old = stored(history, tmp_path, 100, compact=False)
    format_set(tmp_path, FORMAT - 1)
    found = Columns.open(tmp_path)
    assert (found.position, found.book().position, found.inputs_count) == (0, 0, 0)
    with ColumnsStore(tmp_path) as store:
        assert store.position == 0
        assert not [name for name in old.manifest.file_names() if (tmp_path / name).exists()]
        assert Columns.open(tmp_path).position == 0, "its manifest stands until the first new one"
        builder = store.builder()
        data = builder.apply(history.events, no_fetch(history))
        store.append(data, builder.book, builder.vocabulary)
    found = Columns.open(tmp_path)
    assert (found.chain, found.manifest.format) == (old.chain, FORMAT)
    every = found.relations(registrations=True)
    assert every.filter(pl.col("topic") == "CustomerRegistered").height == history.customers


def test_columns_of_a_later_format_are_left_alone(tmp_path: Path) -> None:
    stored(history_random(3, 20), tmp_path, 100, compact=False)
    format_set(tmp_path, FORMAT + 1)
    with pytest.raises(ColumnsDamaged, match=rf"written in format {FORMAT + 1}, this program reads {FORMAT}"):
        ColumnsStore(tmp_path)


def test_no_relations_at_all_are_an_empty_frame(tmp_path: Path) -> None:
    assert Columns.open(tmp_path).relations(registrations=True).is_empty()
    assert list(happened(Columns.open(tmp_path).relations())) == []


def test_a_book_counts_events_of_relations_and_takes_nothing_else_from_them() -> None:
    history = history_of_relations()
    book = Book()
    ColumnsBuilder(book, Vocabulary()).apply(history.events, no_fetch(history))
    assert book.version(ev.STREAM_STAFF) == history.versions[ev.STREAM_STAFF] == 1
    assert book.version("C-000002") == history.versions["C-000002"]
    assert book.customers[1].name == "某建设有限公司"
