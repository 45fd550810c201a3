"""The JSON Schema of each event, made from its class."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from ledger.domain.events import Event

_LOCATION = ("originator_id", "originator_version")


def event_schema(cls: type[Event]) -> dict[str, Any]:
    """What an event's `state` holds (its stream and version stand beside it), as a JSON Schema (2020-12)."""
    hints = get_type_hints(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in fields(cls):
        if field.name in _LOCATION:
            continue
        properties[field.name] = TypeAdapter(hints[field.name]).json_schema()
        if field.default is MISSING and field.default_factory is MISSING:
            required.append(field.name)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": cls.__name__,
        "description": " ".join((cls.__doc__ or "").split()),
        "x-class-version": cls.class_version,
        "x-kind": "input" if cls.is_input else "decision",
        "type": "object",
        "properties": properties,
        "required": required,
    }
