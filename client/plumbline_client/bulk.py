"""Many facts in pieces; lines whose fate is unknown are sent again under their keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plumbline_client.calls import Ledger
from plumbline_client.core import Call, body_of, key_new
from plumbline_client.errors import DocumentInvalid
from plumbline_client.results import LineResult

LINES_MAX = 1_000
UNKNOWN_CODES = frozenset({"WRITER_UNAVAILABLE", "WRITER_STOPPED", "DATABASE_UNREACHABLE"})


@dataclass(slots=True)
class BulkPiece:
    """Lines that are sent together, and what is known of them."""

    first_line: int
    lines: list[dict[str, Any]]
    results: dict[int, LineResult] = field(default_factory=dict[int, LineResult])

    @property
    def missing(self) -> list[int]:
        """The places of lines that have no answer yet."""
        return [i for i in range(len(self.lines)) if i not in self.results]

    def call(self, ledger: Ledger) -> Call[list[LineResult]]:
        """The call that sends what is missing."""
        return ledger.record_lines([self.lines[i] for i in self.missing])

    def take(self, answers: Sequence[LineResult], *, last: bool) -> None:
        """Take in the answers to what was missing; with `last` also those that say "come again"."""
        for place, answer in zip(self.missing, answers, strict=True):
            if last or answer.code not in UNKNOWN_CODES:
                self.results[place] = replace(answer, line=self.first_line + place)

    def ordered(self) -> Iterator[LineResult]:
        """The results in the order of the lines."""
        return (self.results[i] for i in range(len(self.lines)))


def pieces_of(facts: Iterable[Mapping[str, Any]], lines_max: int) -> Iterator[BulkPiece]:
    """Facts in pieces; each fact gets a key where it has none. All are read and checked before the first piece is
    given. Raises DocumentInvalid, which names the line."""
    lines = [{**given, "key": given.get("key") or key_new()} for given in facts]
    for number, line in enumerate(lines, 1):
        try:
            body_of(line)
        except DocumentInvalid as invalid:
            raise DocumentInvalid(invalid.reason, number) from None
    for first in range(0, len(lines), lines_max):
        yield BulkPiece(first + 1, lines[first : first + lines_max])

