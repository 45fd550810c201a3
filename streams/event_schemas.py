"""The JSON Schema of each event's body as it goes on the wire: made from the classes, and published as files.

`streams/schemas/<EventType>/<version>.json` are the published ones. They stay for ever, since a stream holds what it
holds. One that was published changes in words only: whatever else changes needs a new `class_version` of the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast, get_type_hints

import orjson
from pydantic import TypeAdapter

from ledger.domain.errors import PlumblineError
from ledger.domain.events import REGISTRY, Event
from streams.messages import SCHEMA_ROOT
from streams.wire import BASE, BASE_STAYS, WIRE
from streams.words import EVENTS, FIELDS

FOLDER: Final = Path(__file__).parent / "schemas"
"""Where published schemas stand, beside this module."""

_WORDS: Final = ("title", "description", "x-title", "x-in-the-log-only")
"""What may be said otherwise in a published schema: it bounds nothing."""


class SchemaChanged(PlumblineError):
    """A published schema would become another one under the same version."""

    code = "SCHEMA_CHANGED"


def wire_schema(cls: type[Event]) -> dict[str, Any]:
    """The schema (2020-12) of a message's body, for an event's class as it is now."""
    topic, hints = cls.__name__, get_type_hints(cls)
    wire = WIRE[topic]
    given = {field.name: field for field in fields(cls)}
    properties: dict[str, Any] = {}
    for name in (*BASE, *wire.goes, *wire.shaped):
        shape = wire.shaped.get(name)
        schema = shape.schema() if shape else TypeAdapter(hints[name]).json_schema()
        if name == "recorded_at":
            schema["format"] = "date-time"
        elif name == "occurred_at":
            # As whoever recorded it knew it: a day, or a moment of it.
            schema["anyOf"] = [{"format": "date"}, {"format": "date-time"}]
        properties[name] = {"x-title": _both(*FIELDS[name]), **schema}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_ROOT}/{topic}/{cls.class_version}",
        "title": topic,
        "x-title": _both(*EVENTS[topic]),
        "description": " ".join((cls.__doc__ or "").split()),
        "x-kind": "input" if cls.is_input else "decision",
        "x-in-the-log-only": [*BASE_STAYS, *wire.stays],
        "type": "object",
        "properties": properties,
        "required": [
            name
            for name in properties
            if given[name].default is MISSING and given[name].default_factory is MISSING
        ],
        "additionalProperties": False,
    }


@lru_cache(maxsize=1)
def published(folder: Path = FOLDER) -> Mapping[str, Mapping[int, bytes]]:
    """Every published schema, as its file has it, by event type and version, both in order."""
    found: dict[str, dict[int, bytes]] = {}
    for path in sorted(folder.glob("*/*.json"), key=lambda path: (path.parent.name, int(path.stem))):
        found.setdefault(path.parent.name, {})[int(path.stem)] = path.read_bytes()
    return found


def publish(
    folder: Path = FOLDER, registry: Mapping[str, type[Event]] = REGISTRY
) -> list[Path]:
    """Write the schemas of today's classes that aren't published, or say the same in other words; returns the files.

    Nothing is written where one would change: raises SchemaChanged, naming every event that needs a new version.
    """
    due: dict[Path, bytes] = {}
    problems: list[str] = []
    for topic, cls in sorted(registry.items()):
        path = folder / topic / f"{cls.class_version}.json"
        schema = wire_schema(cls)
        text = schema_text(schema)
        known = path.read_bytes() if path.exists() else None
        if known is None and cls.class_version > 1 and not path.with_name(f"{cls.class_version - 1}.json").exists():
            problems.append(f"{topic}: version {cls.class_version - 1} was never published")
        if known is not None and meaning(orjson.loads(known)) != meaning(schema):
            problems.append(f"{topic}: raise class_version above {cls.class_version} and add an upcast")
        if known != text:
            due[path] = text
    if problems:
        raise SchemaChanged(
            f"a published schema never changes; {'; '.join(problems)}"
        )
    for path, text in due.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    published.cache_clear()
    return list(due)


def schema_text(schema: Mapping[str, Any]) -> bytes:
    """A schema as its file has it."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def meaning(schema: Any) -> Any:
    """A schema without its words: two that bound the same have the same meaning."""
    if isinstance(schema, list):
        return [meaning(part) for part in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    parts = cast(dict[str, Any], schema)
    named = {
        name: {key: meaning(part) for key, part in cast(dict[str, Any], value).items()}
        for name, value in parts.items()
        if name == "properties"
    }
    rest = {name: meaning(value) for name, value in parts.items() if name not in (*_WORDS, "properties")}
    return {**rest, **named}


def _both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}
