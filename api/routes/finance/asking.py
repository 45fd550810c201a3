"""What these routes share: the state of settlement, months, what points are worth."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query
from starlette.requests import Request

from api.core import context_of, in_thread
from api.reading import rulebook_of
from ledger.domain.errors import Refused
from ledger.domain.relations.state import Relations
from ledger.domain.values import month_parse
from ledger.log.columns.reader import Columns
from ledger.writer.state import columns_check
from reconciliation.reconciling import state_current

PREFIX: Final = "/v1/ledgers/{ledger}/finance"
MONTH_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
Period = Annotated[str, Query(pattern=MONTH_PATTERN, examples=["2025-06"], description="A month, YYYY-MM.")]


def month_of_text(text: str) -> int:
    """The number of a month. Raises Refused."""
    try:
        return month_parse(text)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"period {error}", "period") from None


async def settling(request: Request) -> Relations:
    """The state of settlement at the end of the log. Raises ColumnsBehind where the columns are far from it."""
    ledger = context_of(request).ledger
    assert ledger is not None
    timezone = (await rulebook_of(request)).book.timezone

    def run() -> Relations:
        columns = Columns.open(ledger.columns_folder)
        columns_check(columns, ledger.recorder)
        return state_current(columns, ledger.recorder, timezone)

    return await in_thread(request, run)
