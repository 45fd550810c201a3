"""What the HTTP floor needs of whoever serves it: ledgers that can be opened, written to and read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, Rehearsal, Request
from ledger.domain.errors import LedgerMissing
from ledger.log.recorder import LogRecorder
from ledger.writer import Account

__all__ = ["LedgerMissing", "LedgerPort", "LedgersPort"]


class LedgerPort(Protocol):
    """One open ledger."""

    @property
    def name(self) -> str:
        """The ledger's name."""
        ...

    @property
    def recorder(self) -> LogRecorder:
        """Its log. Its datastore's pool serves the reads, too."""
        ...

    @property
    def columns_folder(self) -> Path:
        """Where its Parquet columns lie."""
        ...

    @property
    def quarantine(self) -> Quarantine:
        """What was refused and waits for a person."""
        ...

    @property
    def database_url(self) -> str:
        """The database of the log."""
        ...

    @property
    def schema(self) -> str:
        """The schema of the log."""
        ...

    async def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        """Carry out requests in order, here or at the lease's holder. Raises WriterUnavailable."""
        ...

    async def rehearse(self, requests: Sequence[Request]) -> list[Rehearsal]:
        """What `submit` would append and answer; nothing is recorded. Raises WriterUnavailable."""
        ...

    def account(self, number: int) -> Account | None:
        """A customer's account from the writer's memory; None where the writer is not in this process."""
        ...


class LedgersPort(Protocol):
    """The ledgers of this installation."""

    async def names(self) -> list[str]:
        """Their names in order."""
        ...

    async def open(self, name: str, *, look: bool = True) -> LedgerPort:
        """One of them. Raises LedgerMissing, LedgerUnavailable.

        `look`: ask the database for a name that isn't known here. Without that it costs nothing, and a ledger made
        elsewhere is known seconds later.
        """
        ...

    async def create(self, name: str, actor: str, *, history_complete: bool = False) -> LedgerPort:
        """A new one with its books opened by `actor`; the one of this name where it is there already.

        With `history_complete` the days of a new one are closed from the beginning.
        """
        ...

    def clock(self) -> datetime:
        """Now, with its time zone."""
        ...

    async def ready(self) -> dict[str, bool | str]:
        """What must be there to serve, each true or the sentence that says what is wrong."""
        ...
