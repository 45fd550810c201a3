"""Replays, imports, rebuilds, and the rows that imports refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plumbline_client.forms import Points


@dataclass(frozen=True, slots=True)
class Job:
    """A replay, import or rebuild. `result` once it is done, `error` (code, reason) where it failed."""

    id: str
    state: str
    request: dict[str, Any]
    created_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    progress_done: int
    progress_of: int
    error: dict[str, Any] | None
    result: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True)
class ReplayChange:
    """A customer whose balance or tier a candidate changes."""

    customer: str
    name: str
    balance: Points
    balance_candidate: Points
    change: Points
    tier: str
    tier_candidate: str


@dataclass(frozen=True, slots=True)
class ReplayOwner:
    """A customer whose owner a candidate changes; None is the pool. `rule` is empty where no rule chose."""

    customer: str
    name: str
    owner: str | None
    why: str
    rule: str
    owner_then: str | None
    why_then: str
    rule_then: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that an import refused, its number as a spreadsheet shows it."""

    file: str
    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A built-in mapping of files."""

    mapping: str
    title: dict[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A refused row, while it is open with its cells as they stood in the file (a workbook's dates as {"date": …}), and
    what became of it."""

    id: int
    source: str
    file: str
    row: int
    field: str
    reason: str
    raw: dict[str, str | dict[str, str] | None]
    mapping: str
    actor: str
    recorded_at: str
    resolved_at: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class StillRefused:
    """A row that stays open, with the reason of today."""

    id: int
    file: str
    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedRow:
    """A row that was resolved before, and how."""

    id: int
    resolution: str


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of trying refused rows again; `resolved` were no longer open."""

    dry_run: bool
    retried: int
    accepted: int
    duplicates: int
    corrected: int
    rejected: list[StillRefused]
    resolved: list[ResolvedRow]
    position: int


@dataclass(frozen=True, slots=True)
class Dismissed:
    """The rows that were dismissed; `resolved` were no longer open."""

    dry_run: bool
    dismissed: list[int]
    resolved: list[ResolvedRow]
