"""Schemas of events: made from the classes, published once, and never changed under the same version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import orjson
import pytest
from jsonschema import Draft202012Validator

from ledger.domain.events import REGISTRY, Event
from streams.event_schemas import FOLDER, SchemaChanged, meaning, publish, published, schema_text, wire_schema
from streams.messages import schema_uri
from streams.wire import BASE, WIRE
from streams.words import EVENTS, FIELDS

GLOSSARY = Path(__file__).parents[3] / "docs" / "glossary.md"


@pytest.mark.parametrize("topic", sorted(REGISTRY))
def test_what_is_published_is_what_the_class_says(topic: str) -> None:
    cls = REGISTRY[topic]
    versions = published()[topic]
    assert list(versions) == list(range(1, cls.class_version + 1))
    assert versions[cls.class_version] == schema_text(wire_schema(cls)), (
        "a field or its words changed: raise class_version where it is more than words, then publish the schema with"
        " `plumbline streams schemas --publish`"
    )


def test_every_published_schema_is_one_and_says_who_it_is_and_none_was_taken_back() -> None:
    assert set(published()) == set(REGISTRY)
    for topic, versions in published().items():
        for version, text in versions.items():
            schema = orjson.loads(text)
            Draft202012Validator.check_schema(schema)
            assert schema["$id"] == f"plumbline:/schemas/events/{topic}/{version}"
            assert (FOLDER / topic / f"{version}.json").read_bytes() == text
        assert schema_uri(topic) in {orjson.loads(text)["$id"] for text in versions.values()}


@dataclass(kw_only=True)
class Cleared(Event):
    """An account is cleared."""

    points: int
    lots: list[int]


@dataclass(kw_only=True)
class ClearedOtherwise(Event):
    """An account is cleared, with points as text."""

    points: str
    lots: list[int]


@dataclass(kw_only=True)
class ClearedAnew(ClearedOtherwise):
    """An account is cleared, with points as text, as its version says."""

    class_version: ClassVar[int] = 2


@dataclass(kw_only=True)
class ClearedInOtherWords(Cleared):
    """The same, said better."""


for cls in (ClearedOtherwise, ClearedAnew, ClearedInOtherWords):
    cls.__name__ = "Cleared"


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WIRE, "Cleared", type(WIRE["PointsGranted"])(("points", "lots")))
    monkeypatch.setitem(EVENTS, "Cleared", ("清零", "cleared"))


@pytest.mark.usefixtures("cleared")
def test_a_published_schema_is_changed_by_a_new_version_only(tmp_path: Path) -> None:
    first = tmp_path / "Cleared" / "1.json"
    assert publish(tmp_path, {"Cleared": Cleared}) == [first]
    before = first.read_bytes()
    assert publish(tmp_path, {"Cleared": Cleared}) == []

    with pytest.raises(SchemaChanged, match="Cleared: raise class_version above 1 and add an upcast"):
        publish(tmp_path, {"Cleared": ClearedOtherwise})
    assert first.read_bytes() == before

    assert publish(tmp_path, {"Cleared": ClearedAnew}) == [tmp_path / "Cleared" / "2.json"]
    assert first.read_bytes() == before


@pytest.mark.usefixtures("cleared")
def test_a_published_schema_may_be_said_in_other_words(tmp_path: Path) -> None:
    [path] = publish(tmp_path, {"Cleared": Cleared})
    before = orjson.loads(path.read_bytes())
    assert publish(tmp_path, {"Cleared": ClearedInOtherWords}) == [path]
    after = orjson.loads(path.read_bytes())
    assert after["description"] == "The same, said better."
    assert meaning(before) == meaning(after) and before != after


@pytest.mark.usefixtures("cleared")
def test_no_version_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(SchemaChanged, match="Cleared: version 1 was never published"):
        publish(tmp_path, {"Cleared": ClearedAnew})
    assert list(tmp_path.iterdir()) == []


def test_a_field_called_like_a_word_of_a_schema_is_part_of_what_it_means() -> None:
    with_title = {"type": "object", "title": "x", "properties": {"title": {"type": "string", "title": "y"}}}
    assert meaning(with_title) == {"type": "object", "properties": {"title": {"type": "string"}}}


def test_every_event_and_field_has_a_name_in_both_languages_and_none_is_left_over() -> None:
    assert set(EVENTS) == set(REGISTRY)
    assert set(FIELDS) == {*BASE, *(n for wire in WIRE.values() for n in (*wire.goes, *wire.shaped))}
    for zh, en in (*EVENTS.values(), *FIELDS.values()):
        assert re.search(r"[\u4e00-\u9fff]", zh) and re.fullmatch(r"[\x20-\x7e]+", en)


def test_the_glossary_has_every_type_of_event() -> None:
    page = GLOSSARY.read_text("utf-8")
    for topic, (zh, en) in EVENTS.items():
        assert f"| {topic} | {zh} | {en} |" in page, topic
