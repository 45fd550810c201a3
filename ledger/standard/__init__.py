"""What every new ledger begins with: fact types and the standard rule set, as documents."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from ledger.domain.documents import yaml_parse


@cache
def _text(name: str) -> str:
    return (files(__package__ or __name__) / name).read_text("utf-8")


def fact_types_standard() -> list[dict[str, Any]]:
    """The documents of the standard fact types."""
    return yaml_parse(_text("fact_types.yaml"), "fact_types.yaml")


def rules_standard() -> dict[str, Any]:
    """The document of the standard rule set."""
    return yaml_parse(_text("rules.yaml"), "rules.yaml")


def rules_standard_text() -> str:
    """The standard rule set as its file reads, comments included: a place to begin a firm's own."""
    return _text("rules.yaml")
