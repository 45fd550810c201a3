"""The eventsourcing library's Mapper reads what our codec writes, and older states are brought up to date by both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pytest
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from eventsourcing.utils import _topic_cache, register_topic

from ledger.domain.events import REGISTRY, Event, FactRecorded, Input, PointsGranted
from ledger.log.codec import decode, encode, state_of

COMMON: dict[str, Any] = {
    "originator_id": "C-000001",
    "originator_version": 3,
    "occurred_at": "2026-10-05",
    "recorded_at": "2026-11-01T12:00:00+08:00",
    "actor": "张三 “bob” \\ \n",
    "cause": 0,
}
VALUES: dict[str, Any] = {
    "str": "甲公司 🏗", "int": -(2**62), "dict[str, Any]": {"amount": 2**63 - 1, "text": "文"}, "str | None": None,
    "dict[str, str]": {"region": ""}, "dict[str, int]": {"base": 5}, "list[list[int | None]]": [[None, 5], [7, -5]],
    "list[str]": ["战略"], "bool": True, "list[list[str]]": [["监理", "乙公司"]],
    "list[list[Any]]": [["S-000001", -7, 0, 40, "full"]], "list[Any]": ["east", 3, 1],
    "list[dict[str, Any]]": [{"what": "amount", "redemption": 5000}],
}  # fmt: skip


def library_mapper() -> Mapper[str]:
    return Mapper(JSONTranscoder())


def sample(cls: type[Event]) -> Event:
    more = {f.name: VALUES[str(f.type)] for f in fields(cls) if f.name not in COMMON}
    return cls(**COMMON, **more)


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY)
def test_the_librarys_mapper_reads_what_our_codec_writes_and_we_what_it_writes(cls: type[Event]) -> None:
    event = sample(cls)
    stored = encode(event)
    assert (stored.originator_id, stored.originator_version, stored.topic) == ("C-000001", 3, cls.__name__)
    read: Any = library_mapper().to_domain_event(StoredEvent(*stored))
    assert type(read) is cls and read == event
    assert decode("C-000001", 3, stored.topic, stored.state) == event
    theirs = library_mapper().to_stored_event(event)  # type: ignore[arg-type]
    assert decode("C-000001", 3, cls.__name__, theirs.state) == event


@pytest.fixture
def upcast_event() -> Iterator[type[Event]]:
    """An event of the test's own whose third version is in force."""

    @dataclass(kw_only=True)
    class TestOnlyHappened(Input):
        amount_fen: int
        note: str

        class_version = 3  # pyright: ignore[reportAssignmentType]

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["amount_fen"] = state.pop("amount_yuan") * 100

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["note"] = "unknown"

    REGISTRY["TestOnlyHappened"] = TestOnlyHappened
    register_topic("TestOnlyHappened", TestOnlyHappened)
    yield TestOnlyHappened
    del REGISTRY["TestOnlyHappened"]
    del _topic_cache["TestOnlyHappened"]


@pytest.mark.parametrize(
    ("older", "amount_fen", "note"),
    [
        (b'"amount_yuan":7', 700, "unknown"),
        (b'"amount_fen":750,"class_version":2', 750, "unknown"),
        (b'"amount_fen":750,"note":"n","class_version":3', 750, "n"),
    ],
    ids=["version 1", "version 2", "version 3"],
)
def test_older_states_are_brought_up_to_date_step_by_step(
    upcast_event: type[Any], older: bytes, amount_fen: int, note: str
) -> None:
    data = b'{"occurred_at":"","recorded_at":"","actor":"a","cause":0,' + older + b"}"
    ours: Any = decode("s", 1, "TestOnlyHappened", data)
    theirs: Any = library_mapper().to_domain_event(StoredEvent("s", 1, "TestOnlyHappened", data))
    assert type(ours) is type(theirs) is upcast_event
    assert (ours.amount_fen, ours.note) == (theirs.amount_fen, theirs.note) == (amount_fen, note)
    assert state_of("TestOnlyHappened", data).keys() == theirs.__dict__.keys() - {"originator_id", "originator_version"}
    assert b'"class_version":3' in encode(ours).state


def test_a_name_that_nobody_registered_is_an_error() -> None:
    with pytest.raises(KeyError):
        state_of("NeverHeardOf", b"{}")


def test_two_classes_cannot_share_a_name_and_every_event_is_input_or_decision() -> None:
    assert {n for n, c in REGISTRY.items() if c.is_input} == {
        n for n, c in REGISTRY.items() if issubclass(c, Input)
    }
    assert FactRecorded.is_input and not PointsGranted.is_input
    assert all(name == cls.__name__ for name, cls in REGISTRY.items())
