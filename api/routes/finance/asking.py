"""What these routes share: reads that take turns, the state of settlement, months."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeVar

from fastapi import Query
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from api.core import context_of, core_of
from api.input import json_response
from api.lists import PageAsked
from api.reading import rulebook_of
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import MONTH_PATTERN
from ledger.domain.relations.state import Relations
from ledger.domain.values import month_parse
from ledger.log.columns.reader import Columns
from ledger.writer.state import columns_check
from reconciliation.reconciling import state_current

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row")

PREFIX: Final = "/v1/ledgers/{ledger}/finance"
Period = Annotated[str, Query(pattern=MONTH_PATTERN, examples=["2025-06"], description="A month, YYYY-MM.")]


def month_of_text(text: str) -> int:
    """The number of a month. Raises Refused."""
    try:
        return month_parse(text)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"period {error}", "period") from None


async def read_long(
    request: Request, function: Callable[Concatenate[Connection[Any], P], T], *args: P.args, **keywords: P.kwargs
) -> T:
    """As `api.core.read`, of what goes through the whole log, once it is its turn. Raises RetryLater."""
    ledger = context_of(request).ledger
    assert ledger is not None

    def run() -> T:
        with ledger.recorder.datastore.get_connection() as connection:
            return function(connection, *args, **keywords)

    return await core_of(request).finance.run(run, gone=partial(client_gone, request))


async def client_gone(request: Request) -> None:
    """Return once whoever asked has gone away, which is known when the body has come whole."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def settling(request: Request, look: Callable[[Relations], T]) -> T:
    """What `look` finds in the state of settlement at the end of the log, once it is its turn.

    Raises RetryLater, ColumnsBehind where the columns are far from the end.
    """
    ledger = context_of(request).ledger
    assert ledger is not None
    timezone = (await rulebook_of(request)).book.timezone

    def run() -> T:
        columns = Columns.open(ledger.columns_folder)
        columns_check(columns, ledger.recorder)
        return look(state_current(columns, ledger.recorder, timezone))

    return await core_of(request).finance.run(run, gone=partial(client_gone, request))


async def settling_page(
    request: Request,
    asked: PageAsked,
    look: Callable[[Relations], Sequence[Row]],
    place: Callable[[Row], tuple[Any, ...]],
    document: Callable[[Row], dict[str, Any]],
) -> Response:
    """A page of what `look` finds in the state of settlement, in order of its places, of which each has its own."""

    def found(state: Relations) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        rows, at, size = look(state), asked.seek.at, asked.size + 1
        if at is not None:
            rows = [row for row in rows if (place(row) < at if asked.backwards else place(row) > at)]
        return [(place(row), document(row)) for row in (rows[-size:] if asked.backwards else rows[:size])]

    rows = await settling(request, found)
    return json_response(
        core_of(request).pages.listed(request, asked, rows, lambda row: row[0], lambda row: row[1])
    )
