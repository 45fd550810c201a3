"""From events to rows: the columns hold what the expander says, for every history and however it is cut."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import orjson
import pytest

from ledger.domain import events as ev
from ledger.domain.book import Book
from ledger.domain.rows import OP_FACT, OP_REVERSE, Row, RowExpander, Rows, Vocabulary
from ledger.domain.values import customer_number
from ledger.log.columns.builder import ColumnsBuilder, SegmentData
from ledger.log.columns.chain import CHAIN_START
from tests.unit.columns.making import DAY_FIRST, History, history_random


def rows_expected(history: History) -> list[Row]:
    """Event by event: the book first, then the expander, and nothing else."""
    book, vocabulary = Book(), Vocabulary()
    expander = RowExpander(book, vocabulary)
    facts: dict[int, tuple[int, dict[str, Any]]] = {}
    rows: list[Row] = []
    for position, stream, version, topic, raw in history.events:
        state = orjson.loads(raw)
        book.apply(position, stream, version, topic, state)
        if topic == "FactRecorded":
            facts[position] = (customer_number(stream), state)
            rows += expander.rows(position, customer_number(stream), state, facts.get(state["corrects"]))
    return rows


def rows_listed(rows: Rows, null: int = -(2**63)) -> list[Row]:
    """Rows as the expander gives them, without the columns a fact's type doesn't have."""
    listed: list[Row] = []
    for i in range(len(rows)):
        heads = (
            rows.positions, rows.accounts, rows.operations, rows.fact_types, rows.roles, rows.days, rows.refers,
        )  # fmt: skip
        values = [int(v) for v in rows.attributes[:, i]]
        while values and values[-1] == null:
            values.pop()
        listed.append((*(int(h[i]) for h in heads), values, tuple(int(t) for t in rows.traits[:, i])))  # pyright: ignore[reportArgumentType]
    return listed


def without_trailing_nulls(rows: list[Row]) -> list[Row]:
    cut: list[Row] = []
    for row in rows:
        values = list(row[7])
        while values and values[-1] == -(2**63):
            values.pop()
        cut.append((*row[:7], values, row[8]))
    return cut


def build(history: History, size: int = 1_000_000) -> tuple[ColumnsBuilder, list[SegmentData]]:
    builder = ColumnsBuilder(Book(), Vocabulary())
    parts = [
        builder.apply(history.events[i : i + size], fetch_from(history))
        for i in range(0, len(history.events), size)
    ]
    return builder, parts


def fetch_from(history: History) -> Any:
    def fetch(position: int) -> tuple[int, Mapping[str, Any]]:
        _, stream, _, topic, raw = history.events[position - 1]
        assert topic == "FactRecorded"
        return customer_number(stream), orjson.loads(raw)

    return fetch


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_rows_are_those_of_the_expander_whatever_the_batches(seed: int, size: int) -> None:
    history = history_random(seed, 150)
    expected = without_trailing_nulls(rows_expected(history))
    assert any(row[2] == OP_REVERSE for row in expected)
    assert any(row[4] for row in expected)  # referrers

    _, parts = build(history, size)

    assert [row for part in parts for row in rows_listed(part.inputs)] == expected


def test_the_rows_have_the_types_that_the_kernel_takes() -> None:
    _, [data] = build(history_random(1, 50))
    rows = data.inputs
    kinds = [
        rows.positions.dtype, rows.accounts.dtype, rows.operations.dtype, rows.fact_types.dtype,
        rows.roles.dtype, rows.days.dtype, rows.refers.dtype, rows.attributes.dtype, rows.traits.dtype,
    ]  # fmt: skip
    assert kinds == [np.int64, np.int64, np.int8, np.int16, np.int8, np.int32, np.int64, np.int64, np.int32]
    assert rows.attributes.flags.c_contiguous and rows.traits.flags.c_contiguous


def test_traits_are_those_at_the_position_of_the_fact() -> None:
    history = History()
    history.standard_types()
    number = history.customer(region="east")
    history.fact(number, "login")
    history.add(ev.CustomerChanged, "C-000001", name=None, traits={"region": "west", "industry": "road"})
    history.fact(number, "login")
    history.add(ev.CustomerChanged, "C-000001", name=None, traits={"region": ""})
    history.fact(number, "login")

    builder, [data] = build(history)

    codes = builder.vocabulary.codes
    assert data.inputs.traits.T.tolist() == [
        [-1, codes["east"], -1, -1],
        [codes["road"], codes["west"], -1, -1],
        [codes["road"], -1, -1, -1],
    ]


def test_a_correction_takes_back_at_both_customers_what_the_version_in_the_log_touched() -> None:
    history = History()
    history.standard_types()
    first, second = history.customer(), history.customer()
    old = history.fact(first, "performance_scored", id="a", attributes={"score": 900})
    end = history.position
    new = history.fact(
        second, "performance_scored", DAY_FIRST + 9, id="a", version=2, corrects=old, attributes={"score": 1}
    )
    builder = ColumnsBuilder(Book(), Vocabulary())
    builder.apply(history.events[:end], fetch_from(history))

    data = builder.apply(history.events[end:], fetch_from(history))

    listed = [(r[0], r[1], r[2], r[5], r[6], r[7]) for r in rows_listed(data.inputs)]
    assert listed == [
        (new, first, OP_REVERSE, DAY_FIRST, old, [900]),
        (new, second, OP_FACT, DAY_FIRST + 9, 0, [1]),
    ]


def test_decisions_keep_what_was_decided_and_why() -> None:
    history = History()
    history.standard_types()
    number = history.customer()
    fact = history.fact(number, "login")
    history.grant(number, fact, 5000, 5000)
    history.grant(number, fact, 100, 5100, expires_on=None, rule="other")
    stream, common = "C-000001", {"rule_set": "s", "balance": 0, "cause": fact}
    history.add(
        ev.PointsReversed, stream, rule="r", points=-100, booked_on="2024-01-01", reverses=fact, debt=0,
        lots=[[None, -100]], **common,
    )  # fmt: skip
    history.add(ev.TierChanged, stream, tier_before="bronze", tier="silver", counted=3, **common)
    history.add(ev.TagsChanged, stream, added=["b", "a"], removed=["c"], **common)
    history.add(ev.GradeChanged, stream, grade_before=None, grade="a", **common)

    _, [data] = build(history)

    decisions = data.decisions_frame().drop("position", "account", "cause").rows()
    assert decisions == [
        (1, "standard-1", "completed", 5000, 672, 0, "", ""),  # 2026-01 is month 672
        (1, "standard-1", "other", 100, -1, 0, "", ""),
        (3, "s", "r", -100, -1, fact, "", ""),
        (5, "s", "", 0, -1, 0, "bronze", "silver"),
        (6, "s", "", 0, -1, 0, "c", "a,b"),
        (7, "s", "", 0, -1, 0, "", "a"),
    ]
    assert data.decisions_frame()["cause"].unique().to_list() == [fact]


def test_the_chain_is_what_its_description_says() -> None:
    history = history_random(3, 5)
    chain = bytes(32)
    for position, stream, version, topic, state in history.events:
        leaf = struct.pack(">QQI", position, version, len(stream.encode())) + stream.encode()
        leaf += struct.pack(">I", len(topic)) + topic.encode() + state
        chain = sha256(chain + sha256(leaf).digest()).digest()

    builder, parts = build(history, 4)

    assert builder.chain == parts[-1].chain == chain
    assert bytes(32) == CHAIN_START


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_another_byte_anywhere_in_an_event_is_another_chain(place: int) -> None:
    history = History()
    history.standard_types()
    history.customer(name="甲")
    builder, _ = build(history)
    position, stream, version, topic, state = history.events[1]
    other = ColumnsBuilder(Book(), Vocabulary())
    changed: list[Any] = [position, stream, version, topic, state]
    if place == 0:
        history.events[1:3] = [(2, *history.events[2][1:]), (3, *history.events[1][1:])]
    else:
        changed[place] = {1: "ledger", 2: 99, 3: "FactTypeDeclared", 4: state.replace(b"clerk", b"Clerk")}[place]
        history.events[1] = tuple(changed)  # pyright: ignore[reportArgumentType]
    other.apply(history.events, fetch_from(history))
    assert (other.chain == builder.chain) is (place == 3)


def test_events_out_of_order_are_refused() -> None:
    history = history_random(1, 5)
    builder = ColumnsBuilder(Book(), Vocabulary())
    with pytest.raises(ValueError, match="does not follow"):
        builder.apply(history.events[1:], fetch_from(history))
