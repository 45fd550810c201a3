"""What these commands share: a look at the books as of a day and a position, what points are worth, files."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from psycopg import Connection

from ledger.domain.book import Book
from ledger.domain.errors import Refused
from ledger.domain.valuation import PointValue
from ledger.domain.values import day_parse
from projections.finance.reading import value_on
from service.bootstrap import LedgerHandle, ledger_open, today_in
from service.output import Output
from service.settings import Settings

OutOption = Annotated[Path | None, typer.Option("--out", help="Write to this file; otherwise to standard output. 文件。")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="What is posted up to the end of a day, YYYY-MM-DD. 截至。")
]
PositionOption = Annotated[
    int | None, typer.Option("--position", min=1, help="What is recorded up to this position of the log. 截至位置。")
]


@dataclass(frozen=True, slots=True)
class Looking:
    """A look at the books. `today` is a day number in the ledger's time zone."""

    handle: LedgerHandle
    connection: Connection[Any]
    book: Book
    today: int

    def value(self, day: int) -> PointValue:
        """What points are worth on a day, as the books have it."""
        return value_on(self.connection, self.book, day)


@contextmanager
def looking(ledger: str, actor: str) -> Generator[Looking]:
    """Open the books and look at them. What finance reads stands in the log and in the columns: no table view is
    followed."""
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        book = handle.columns().book()
        with handle.reading() as connection:
            yield Looking(handle, connection, book, today_in(ZoneInfo(book.timezone)))


def day_option(text: str | None, name: str) -> int | None:
    """A day given as an option. Raises Refused."""
    if text is None:
        return None
    try:
        return day_parse(text)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"--{name} {error}", name) from None


def put(out: Output, path: Path | None, parts: Iterable[str | bytes]) -> None:
    """Write a document to a file, or to standard output."""
    if path is None:
        for part in parts:
            sys.stdout.buffer.write(part.encode() if isinstance(part, str) else part)
        sys.stdout.flush()
        return
    with path.open("wb") as file:
        for part in parts:
            file.write(part.encode() if isinstance(part, str) else part)
    out.note(f"已写入 {path}", f"written to {path}")
