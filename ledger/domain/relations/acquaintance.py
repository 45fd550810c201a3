"""Who of the staff is meant by a name, for sources that know their people by name only.

An index in memory, read by opening what is sealed, and kept up to date from then on; nothing of it is ever stored. Who
is erased leaves it at once.
"""

from __future__ import annotations

import unicodedata

from ledger.domain.relations.drafts import Sealer
from ledger.domain.relations.state import Relations


class Acquaintance:
    """Finds staff of a state by source and name. Where two of a source bear one name, it is the first."""

    def __init__(self, state: Relations) -> None:
        self._state = state
        self._names: dict[int, tuple[str, str]] = {}
        self._numbers: dict[tuple[str, str], list[int]] = {}
        self._unread: set[int] | None = None
        """Whose entry changed; None before the first question."""

    def find(self, source: str, name: str, sealer: Sealer | None) -> int:
        """The number of a member of staff; 0 where there is none, or nothing opens names."""
        if sealer is None:
            return 0
        sealed = self._state.staff_sealed
        if self._unread is None:
            self._unread = set(sealed)
            sealed.watch(self._unread.add)
        if self._unread:
            self._read(sorted(self._unread), sealer)
            self._unread.clear()
        return min(self._numbers.get((source, _normal(name)), ()), default=0)

    def _read(self, numbers: list[int], sealer: Sealer) -> None:
        sealed = self._state.staff_sealed
        known = [number for number in numbers if number in sealed]
        opened = sealer.open_many([sealed[number][1:] for number in known])
        fields = dict(zip(known, opened, strict=True))
        for number in numbers:
            old = self._names.pop(number, None)
            if old is not None:
                self._numbers[old].remove(number)
            said = fields.get(number)
            if said is not None:
                key = sealed[number][0], _normal(said["name"])
                self._names[number] = key
                self._numbers.setdefault(key, []).append(number)


def _normal(name: str) -> str:
    """A name as names are compared: full- and half-width forms are one, white space is single."""
    return " ".join(unicodedata.normalize("NFKC", name).split())
