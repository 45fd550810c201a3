"""Commands about relations before anything is decided: what their fields may hold, their way between processes, and
their digests."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, get_type_hints

import orjson
import pytest

from ledger.domain.commands import (
    RELATIONS_COMMANDS,
    ChangeOpportunity,
    ChangeStaff,
    EnrolStaff,
    HandOver,
    RecordContact,
    RecordKnowledge,
    RecordProject,
    ReportLead,
    Request,
    UndoHandover,
)
from ledger.writer.answers import request_sha256
from ledger.writer.checks import request_refusal
from ledger.writer.wire import request_load, requests_dump

SAMPLES: dict[str, Any] = {
    "str": "文 text",
    "int": 7,
    "bool": True,
    "Mapping[str, str]": {"bim": "是", "": ""},
    "Mapping[str, int]": {"region:east": 3},
    "Mapping[str, Any]": {"skills": {"region:east": 3}, "qualifications": ["甲级", "乙级"], "capacity": 2**63 - 1},
    "tuple[tuple[str, str], ...]": (("监理", "C-000002"), ("设计院", "某设计院")),
    "tuple[str, ...]": ("S-000001", "S-000002"),
}
ODD: list[Any] = [
    None, 1.5, float("nan"), b"x", object(), {1}, "\0", "a\ud800", "x" * 10_001, 2**63, -(2**63) - 1, True, 7, "text",
    [], ["x"], (), ("x",), (("a",),), (("a", "b", "c"),), ((1, "b"),), ("x",) * 1_001, {}, {1: "x"}, {"x": 1.5},
    {"x": None}, {"x": True}, {"\0": "x"}, {"x": "\ud800"}, {"x" * 401: "x"}, {"x": {"x": {"x": {"x": "x"}}}},
    {"x": ("y",)}, {str(i): "x" for i in range(1_001)}, {"x": 2**63}, [[[[["x"]]]]],
]  # fmt: skip


def sample(command: type[Any]) -> Any:
    """The command with something in every field."""
    return command(**{f.name: SAMPLES[str(f.type)] for f in fields(command)})


def is_sound(hint: str, value: Any) -> bool:
    """Whether an odd value is one that a field of this type may hold after all."""
    if hint == "str":
        return value == "text"
    if hint == "int":
        return value == 7 and value is not True
    if hint == "bool":
        return value is True
    if hint.startswith("Mapping"):
        return value == {}
    return value == () or (hint == "tuple[str, ...]" and value == ("x",))


@pytest.mark.parametrize("command", RELATIONS_COMMANDS, ids=lambda c: c.__name__)
def test_every_command_is_sound_as_it_is_meant_and_arrives_as_it_was_sent(command: type[Any]) -> None:
    request = Request(sample(command), "bob", "app", "k")
    assert request_refusal(request) is None
    [sent] = requests_dump([request])
    arrived = request_load(orjson.loads(sent))
    assert arrived == request
    assert [type(getattr(arrived.command, f.name)) for f in fields(command)] == [
        type(getattr(request.command, f.name)) for f in fields(command)
    ]
    assert request_sha256(arrived) == request_sha256(request)


@pytest.mark.parametrize("command", RELATIONS_COMMANDS, ids=lambda c: c.__name__)
def test_what_a_field_cannot_hold_is_refused_by_the_name_of_the_field(command: type[Any]) -> None:
    sound = sample(command)
    for f in fields(command):
        for value in ODD:
            refusal = request_refusal(Request(replace(sound, **{f.name: value}), "bob"))
            if is_sound(str(f.type), value):
                assert refusal is None, (f.name, value)
                continue
            assert refusal is not None, (f.name, value)
            assert refusal.field == f.name and refusal.code in ("TEXT_INVALID", "NUMBER_INVALID", "VALUE_INVALID")
            assert len(refusal.reason) < 200 and "xxx" not in refusal.reason


def test_a_boolean_is_no_number_and_a_number_no_text() -> None:
    codes = [
        (UndoHandover(True, "r"), "NUMBER_INVALID", "handover"),
        (ChangeStaff("S-000001", {"capacity": True}), "NUMBER_INVALID", "changes"),
        (EnrolStaff("hr", "1", "n", "one", skills={"region:east": True}), "NUMBER_INVALID", "skills"),
        (HandOver(1), "TEXT_INVALID", "staff"),  # type: ignore[arg-type]
        (ChangeOpportunity("O-000001", {"amount": 1.5}), "VALUE_INVALID", "changes"),
    ]
    for command, code, field in codes:
        refusal = request_refusal(Request(command, "bob"))
        assert refusal is not None and (refusal.code, refusal.field) == (code, field)


def test_types_of_fields_that_nobody_has_checked_are_found_here() -> None:
    hints = {str(f.type) for command in RELATIONS_COMMANDS for f in fields(command)}
    assert hints == set(SAMPLES)
    for command in RELATIONS_COMMANDS:
        assert list(get_type_hints(command)) == [f.name for f in fields(command)]


def test_a_list_where_json_had_a_tuple_is_one_again_whatever_stands_in_it() -> None:
    command = RecordProject("C-000001", "桥", parties=(("监理", "甲"),), site_team=("S-000001",))
    [sent] = requests_dump([Request(command, "bob")])
    loaded = orjson.loads(sent)
    loaded[1]["parties"] = [["a", ["b"]], 5]
    refusal = request_refusal(request_load(loaded))
    assert refusal is not None and refusal.field == "parties"
    loaded[1]["parties"] = 5
    refusal = request_refusal(request_load(loaded))
    assert refusal is not None and refusal.field == "parties"


@pytest.mark.parametrize(
    ("command", "personal", "other"),
    [
        (EnrolStaff("hr", "1", "李云", "one", phone="1"), {"name": "x", "phone": "2"}, {"reference": "2"}),
        (RecordContact("C-000001", "李云", "1", note="n"), {"name": "x", "phone": "2", "note": "m"}, {"decides": True}),
        (ReportLead("web", "1", "某公司", phone="1"), {"phone": "2"}, {"name": "另一公司"}),
        (RecordKnowledge("k", "v", "t", person="P-000001"), {"text": "u"}, {"value": "w"}),
    ],
)
def test_a_digest_holds_nothing_about_a_person_that_could_be_guessed_from_it(
    command: Any, personal: dict[str, str], other: dict[str, Any]
) -> None:
    digest = request_sha256(Request(command, "bob"))
    for name, value in personal.items():
        assert request_sha256(Request(replace(command, **{name: value}), "bob")) == digest
    assert request_sha256(Request(replace(command, **other), "bob")) != digest


def test_what_is_said_of_a_whole_region_is_part_of_the_digest() -> None:
    first, second = (Request(RecordKnowledge("k", "v", text, region="east"), "bob") for text in "ab")
    assert request_sha256(first) != request_sha256(second)
