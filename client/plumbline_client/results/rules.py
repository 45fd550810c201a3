"""Rule sets and fact types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set and what became of it. `proposed` and `approved` are positions, `run` is the replay it was approved
    on."""

    rule_set: str
    title: dict[str, str]
    state: str
    sha256: str
    proposed_by: str
    proposed: int
    approved_by: str | None
    approved: int | None
    run: str | None
    active_from: list[str]
    in_force: bool


@dataclass(frozen=True, slots=True)
class RuleInWords:
    """A rule with what it says, in both languages."""

    rule: str
    title: dict[str, str]
    clause: dict[str, str]


@dataclass(frozen=True, slots=True)
class RuleSetDetail(RuleSet):
    """A rule set with its document and its rules in words."""

    document: dict[str, Any]
    words: list[RuleInWords]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One difference between two rule sets, in both languages."""

    kind: str
    part: str
    id: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class RuleSetDiff:
    """What changes from one rule set to another."""

    old: str
    new: str
    changes: list[RuleChange]


@dataclass(frozen=True, slots=True)
class FactTypeDeclared:
    """A declared fact type."""

    fact_type: str
    document: dict[str, Any]
