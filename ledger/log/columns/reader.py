"""Reads the columns: rows for the engine, the book, what was decided. Needs no database."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ledger.domain.book import Book
from ledger.domain.errors import PlumblineError
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.domain.rows import COLUMN_BEFORE, COLUMN_POINTS, Rows, Vocabulary
from ledger.log.columns.builder import ACCOUNT_COLUMNS, CLAIM_COLUMNS, DECISION_COLUMNS, REFERENCE_COLUMNS
from ledger.log.columns.chain import CHAIN_START, chain_next
from ledger.log.columns.format import FileEntry, Manifest, files_verify, manifest_read
from ledger.log.columns.relations import REDEMPTIONS_SETTLED, RELATIONS_COLUMNS, SETTLING_TOPICS, topics_wanted
from ledger.log.columns.snapshot import book_load
from ledger.log.columns.tables import ACCOUNT_MAX, inputs_read, table_read

REDEMPTION_WEIGHED: Final = frozenset({f"a{COLUMN_POINTS}", f"a{COLUMN_BEFORE}"})
LOOK_SECONDS: Final = 0.2
STILL_SECONDS_MAX: Final = 30.0
"""How long columns that stand still are waited for: a follower that is busy elsewhere comes back within."""


class ColumnsBehind(PlumblineError):
    """The columns lack a part of the log, and nobody brings them on."""

    code = "COLUMNS_BEHIND"


class Columns:
    """The columns of one ledger as of `position`. They stay so, however far the follower goes on meanwhile;
    after about a minute, merging may take files away, and reading raises FileNotFoundError: open them
    again, or keep them (`keeping.py`)."""

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        self.folder = folder
        self.manifest = manifest or Manifest("", 0, CHAIN_START.hex(), [], [], {}, CHAIN_START.hex())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The columns in a folder; empty ones, at position 0, where there are none yet, or of an earlier format.

        Raises ColumnsDamaged where files are missing or not of their size; see `verify` for their bytes.
        """
        return cls(folder, manifest_read(folder))

    @classmethod
    def reach(cls, folder: Path, position: int, waiting: Callable[[], None] = lambda: None) -> Self:
        """The columns in a folder once they hold a position; waits as long as they come nearer to it.

        `waiting` is called every now and then, and may raise. Raises ColumnsBehind, and as `open`.
        """
        found = cls.open(folder)
        moved = time.monotonic()
        while found.position < position:
            waiting()
            time.sleep(LOOK_SECONDS)
            before, found = found, cls.open(folder)
            if found.position != before.position:
                moved = time.monotonic()
            elif time.monotonic() - moved > STILL_SECONDS_MAX:
                raise ColumnsBehind(
                    f"the columns stand at position {found.position} and must hold {position}, but nobody brings them"
                    " on: let a follower run that writes to the columns folder this process reads"
                )
        return found

    @property
    def position(self) -> int:
        """The last position they hold."""
        return self.manifest.position

    @property
    def chain(self) -> bytes:
        """The SHA-256 chain over the events up to `position`."""
        return bytes.fromhex(self.manifest.chain)

    @property
    def ledger(self) -> str:
        """The ledger's name, as its first event says."""
        return self.manifest.ledger

    @property
    def inputs_count(self) -> int:
        """How many rows `rows()` gives."""
        return sum(entry.rows for entry in self._files("inputs"))

    def built_from(self, event: tuple[int, str, int, str, bytes] | None) -> bool:
        """Whether the log these columns were built from is the one in which this event stands at `position`."""
        if not self.position:
            return True
        return event is not None and chain_next(bytes.fromhex(self.manifest.chain_before), *event) == self.chain

    def verify(self) -> None:
        """Read every file and compare its SHA-256. Raises ColumnsDamaged."""
        files_verify(self.folder, self.manifest)

    def book(self, *, customers: bool = True) -> Book:
        """The book as of `position`: a new one with each call, the caller may go on from it. Without `customers`, who
        are most of it, from the manifest alone."""
        if not self.position:
            return Book()
        if not customers:
            nobody = (pl.DataFrame(schema=dict(c)) for c in (ACCOUNT_COLUMNS, REFERENCE_COLUMNS, CLAIM_COLUMNS))
            return book_load(self.manifest.book, *nobody)
        accounts = table_read(self.folder, self._files("accounts"), ACCOUNT_COLUMNS)
        references = table_read(self.folder, self._files("references"), REFERENCE_COLUMNS)
        claims = table_read(self.folder, self._files("claims"), CLAIM_COLUMNS)
        return book_load(self.manifest.book, accounts_merge(accounts), references, claims_merge(claims))

    def fact_types(self) -> tuple[FactType, ...]:
        """The declared fact types in the order of their numbers, without making the whole book."""
        return tuple(fact_type_parse(d) for d in self.manifest.book.get("fact_types", []))

    def vocabulary(self) -> Vocabulary:
        """The codes of trait values as of `position`: a new one with each call."""
        return Vocabulary({value: code for code, value in enumerate(self.manifest.vocabulary)})

    def accounts(self, part: int = 0, parts: int = 1) -> NDArray[np.int64]:
        """The numbers of all customers in a part, with rows or without, ascending."""
        low, high = self._range(part, parts)
        count = self.manifest.book.get("customers", 0)
        return np.arange(max(low, 1), min(high, count + 1), dtype=np.int64)

    def rows(self, part: int = 0, parts: int = 1, weighed: Collection[str] | None = None) -> Rows:
        """The rows of one of `parts` shares of the accounts, sorted by (account, position, taking back first).

        The shares are ranges of accounts with about as many rows each; together they hold every row once.
        `weighed` names the attributes and traits that are wanted ("a0" …, "t0" …); the others are not read,
        and are 0.
        """
        low, high = self._range(part, parts)
        return inputs_read(self.folder, self._files("inputs"), self._attributes(), low, high, weighed)

    def closings(self) -> NDArray[np.int64]:
        """The month ends that were closed: (position, day) rows in order of position."""
        return np.array(self.manifest.book.get("closings", []), np.int64).reshape(-1, 2)

    def months_booked(self) -> NDArray[np.int64]:
        """The months the rows are booked in: (month, a position), among them the first position of each month.

        From the manifest.
        """
        found = [pair for entry in self._files("inputs") for pair in entry.months]
        return np.array(found, np.int64).reshape(-1, 2)

    def decisions(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """What was decided, in order of position; `columns` picks some of `DECISION_COLUMNS`."""
        return table_read(self.folder, self._files("decisions"), DECISION_COLUMNS, columns)

    def relations(
        self, *, inputs_only: bool = False, registrations: bool = False, settlement: bool = False
    ) -> pl.DataFrame:
        """What happened to relations, in order of position, with `RELATIONS_COLUMNS`; the days that were closed too.

        `inputs_only` leaves out what the ledger decided, `registrations` adds that customers were registered and
        changed, `settlement` redemptions, payments and what settled them.
        """
        return self._happened(
            topics_wanted(inputs_only=inputs_only, registrations=registrations, settlement=settlement)
        )

    @property
    def redeems(self) -> bool:
        """Whether any points were ever redeemed: then the rows of it weigh the attributes of `REDEMPTION_WEIGHED`."""
        return bool(self._files("redemptions"))

    def redemptions(self, topics: Collection[str] | None = None) -> pl.DataFrame:
        """What happened to redemptions and stock, in order of position, with `RELATIONS_COLUMNS`."""
        where = None if topics is None else pl.col("topic").is_in(sorted(topics))
        return table_read(self.folder, self._files("redemptions"), RELATIONS_COLUMNS, where=where)

    def settling(self) -> pl.DataFrame:
        """What settlement folds alone, in order of position, with `RELATIONS_COLUMNS`."""
        return self._happened(SETTLING_TOPICS)

    def _happened(self, topics: frozenset[str]) -> pl.DataFrame:
        """Events of relations of some names, with those of redemptions among them from the table where these lie."""
        where = pl.col("topic").is_in(sorted(topics))
        found = table_read(self.folder, self._files("relations"), RELATIONS_COLUMNS, where=where)
        settled = topics & REDEMPTIONS_SETTLED
        return pl.concat([found, self.redemptions(settled)]).sort("position") if settled else found

    def _attributes(self) -> int:
        return self.manifest.book.get("attributes", 0)

    def _files(self, table: str) -> list[FileEntry]:
        return [s.files[table] for s in self.manifest.segments if table in s.files]

    def _range(self, part: int, parts: int) -> tuple[int, int]:
        """The accounts of a part: from the first to before the second."""
        if not 0 <= part < parts:
            raise ValueError(f"there is no part {part} of {parts}: parts are counted from 0")
        largest = max(self._files("inputs"), key=lambda e: e.rows, default=None)
        cuts = [0]
        for i in range(1, parts):
            cut = cuts[-1]
            for account, row in largest.bounds if largest else ():
                if row >= i * largest.rows // parts:  # pyright: ignore[reportOptionalMemberAccess]
                    cut = max(cut, account)
                    break
            else:
                cut = ACCOUNT_MAX
            cuts.append(cut)
        cuts.append(ACCOUNT_MAX)
        return cuts[part], cuts[part + 1]


def accounts_merge(accounts: pl.DataFrame) -> pl.DataFrame:
    """The last state of each customer, by number, of states in order of position."""
    return accounts.unique("number", keep="last", maintain_order=True).sort("number")


def claims_merge(claims: pl.DataFrame) -> pl.DataFrame:
    """The last version of each claim, in order of position."""
    return claims.unique(["source", "external_id"], keep="last", maintain_order=True).sort("position")
