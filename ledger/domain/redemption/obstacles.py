"""What stands in the way of a redemption: each obstacle with its code, in both languages, and how much is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.domain.errors import Refused
from ledger.domain.redemption.terms import Both


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way. `words` says what, in Chinese and English; `missing` how much, as text: points,
    pieces or units; "" where nothing can be counted. `field` is what could be asked for otherwise."""

    code: str
    field: str
    words: Both
    missing: str = ""

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "code": self.code, "reason": self.words[1], "field": self.field, "missing": self.missing,
            "sentence": {"zh": self.words[0], "en": self.words[1]},
        }  # fmt: skip


class Obstructed(Refused):
    """A redemption that something stands in the way of. It says what the first obstacle says, and holds all."""

    def __init__(self, obstacles: Sequence[Obstacle]) -> None:
        first = obstacles[0]
        super().__init__(first.code, first.words[1], first.field)
        self.obstacles = tuple(obstacles)
