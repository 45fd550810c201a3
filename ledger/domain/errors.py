"""Refusals and faults, as values that a person can act on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: which field, and why. Never echoes the value."""

    field: str
    reason: str


class PlumblineError(Exception):
    """Something a person can mend; the text says what to do. `field`: which part of what was asked it is about."""

    code = "PLUMBLINE_ERROR"
    field = ""


class Refused(PlumblineError):
    """A command that the ledger doesn't carry out. Nothing of it was recorded."""

    def __init__(self, code: str, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.field = field


class WriterUnavailable(PlumblineError):
    """No writer could be asked, or none answered in time.

    Whether the command was recorded is unknown: sent again with the same idempotency key it has one effect.
    """

    code = "WRITER_UNAVAILABLE"


class LedgerMissing(PlumblineError):
    """There are no such books."""

    code = "LEDGER_UNKNOWN"


class LedgerUnavailable(PlumblineError):
    """The books are there, but can't be opened now."""

    code = "LEDGER_UNAVAILABLE"


class DocumentInvalid(PlumblineError):
    """A rule set, fact type or mapping document that can't be used; names every problem found."""

    code = "DOCUMENT_INVALID"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.reason}" for p in problems))
        self.problems = problems
