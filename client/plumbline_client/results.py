"""What calls give back. Points are integers of 1/100 point; times and dates are ISO text, as the service gives them.

Members that this version doesn't know are left out, so that a newer service doesn't break an older client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, cast

T = TypeVar("T")

_POINTS = {"points": True}
Points = int
"""An integer of 1/100 point."""


def points_parse(text: str) -> Points:
    """Points of their decimal text: "50.00" gives 5000. Raises ValueError; no float is ever made."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, part = digits.partition(".")
    if not (digits.isascii() and whole.isdecimal() and (part.isdecimal() or not part) and len(part) <= 2):
        raise ValueError("points are decimal text with two decimals at most, such as 50.00")
    return sign * (int(whole) * 100 + int(part.ljust(2, "0") or "0"))


def points_text(points: Points) -> str:
    """Decimal text of points: 5000 gives "50.00"."""
    whole, part = divmod(abs(points), 100)
    return f"{'-' if points < 0 else ''}{whole}.{part:02d}"


def read(cls: type[T], document: Mapping[str, Any]) -> T:
    """A result of its document."""
    values: dict[str, Any] = {}
    for entry in fields(cast(Any, cls)):
        if entry.name not in document:
            if entry.default is MISSING and entry.default_factory is MISSING:
                raise ValueError(f"the service's answer lacks {entry.name}; is it a Plumbline of this version?")
            continue
        value = document[entry.name]
        values[entry.name] = points_parse(value) if entry.metadata.get("points") and value is not None else value
    return cls(**values)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command. `position` is where the log contains it. `hit`: the first answer given once more."""

    status: str
    position: int
    customer: str
    id: str
    points: Points = field(metadata=_POINTS)
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a command would come to; `events` are those that would be appended."""

    answer: Answer
    events: list[dict[str, Any]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Rehearsal:
        """Of its document."""
        return cls(read(Answer, document["answer"]), document["events"])


@dataclass(frozen=True, slots=True)
class LineResult:
    """What came of one line of a bulk. `line` counts from 1 over everything that was sent; `code`, `reason` and `field`
    are there where `status` is "refused"."""

    line: int
    status: str
    position: int = 0
    customer: str = ""
    id: str = ""
    points: Points = field(default=0, metadata=_POINTS)
    hit: bool = False
    code: str = ""
    reason: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that expire together; None: never."""

    expires_on: str | None
    points: Points = field(metadata=_POINTS)


@dataclass(frozen=True, slots=True)
class Balance:
    """What a customer has, as of `position`."""

    customer: str
    position: int
    lots: tuple[Lot, ...]
    balance: Points = field(metadata=_POINTS)
    available: Points = field(metadata=_POINTS)
    debt: Points = field(metadata=_POINTS)
    expiring_30_days: Points = field(metadata=_POINTS)
    expiring_90_days: Points = field(metadata=_POINTS)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Balance:
        """Of its document."""
        return read(cls, {**document, "lots": tuple(read(Lot, lot) for lot in document["lots"])})


@dataclass(frozen=True, slots=True)
class Totals:
    """What a customer's events come to at a moment: balance = granted + deducted + reversed + expired."""

    customer: str
    as_of: str | None
    as_known_at: str | None
    events: int
    position: int
    balance: Points = field(metadata=_POINTS)
    granted: Points = field(metadata=_POINTS)
    deducted: Points = field(metadata=_POINTS)
    reversed: Points = field(metadata=_POINTS)
    expired: Points = field(metadata=_POINTS)


@dataclass(frozen=True, slots=True)
class Tier:
    """Where a customer stands on the ladder."""

    customer: str
    tier: str | None
    tier_title: dict[str, str] | None
    since: str | None
    position: int
    tier_next: str | None
    earned: Points | None = field(default=None, metadata=_POINTS)
    points_missing: Points | None = field(default=None, metadata=_POINTS)


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags (each with `tag` and `title`) and credit grade."""

    customer: str
    tags: list[dict[str, Any]]
    grade: str | None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event of a customer; `explanation` says it in "zh" and "en"."""

    position: int
    event: str
    occurred_at: str
    booked_on: str | None
    recorded_at: str
    actor: str
    cause: int
    rule: str | None
    rule_set: str | None
    explanation: dict[str, str]
    points: Points | None = field(default=None, metadata=_POINTS)
    balance: Points = field(default=0, metadata=_POINTS)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as it is now."""

    customer: str
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    consents: list[str]
    registered: int
    position: int
    references: list[dict[str, str]] = field(default_factory=list[dict[str, str]])


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in the log."""

    position: int
    stream: str
    version: int
    event: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set and what became of it; `document` and `words` where one was asked for."""

    rule_set: str
    title: dict[str, str]
    state: str
    sha256: str
    proposed_by: str
    approved_by: str | None
    active_from: list[str]
    in_force: bool
    document: dict[str, Any] | None = None
    words: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One difference between two rule sets, in both languages."""

    kind: str
    part: str
    id: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Job:
    """A replay, import or rebuild. `result` once it is done, `error` (code, reason) where it failed."""

    id: str
    state: str
    request: dict[str, Any]
    progress_done: int
    progress_of: int
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True)
class LedgerStatus:
    """A ledger as it stands."""

    ledger: str
    timezone: str
    position: int
    closed: bool
    closed_through: str | None


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """How far a view has followed the log."""

    view: str
    position: int
    behind: int
    status: str
    error: str | None


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A new key of the API; its `secret` is shown this once and never printed."""

    id: str
    actor: str
    role: str
    secret: str = field(repr=False)
