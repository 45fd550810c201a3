"""Events of honours: who stood among the best customers of a year, as it was found out and made known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.events.base import REGISTRY, Input, registered


@registered
@dataclass(kw_only=True)
class HonoursAwarded(Input):
    """The best customers of a year, once for each year. In the stream `honours`.

    `places` are {rank, customer, name, points, tied} in order; equals share a rank, and among them the lower customer
    number stands first. `measure` says what was counted, `through` up to which position of the log.
    """

    year: int
    measure: str
    through: int
    places: list[dict[str, Any]]


TOPICS: Final[frozenset[str]] = frozenset(name for name, cls in REGISTRY.items() if cls.__module__ == __name__)
