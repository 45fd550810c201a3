"""As whom one reads: a member of staff within their scope, keys of the office everything. Pages of such reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from api.core import context_of, core_of, in_thread, principal_of, read, views_reached
from api.input import json_response
from api.lists import PageAsked
from api.ports import LedgerPort
from api.reading import customer_number_of, customer_unknown, day_of_text, rulebook_of, today
from api.routes.relations.refusals import NUMBER_LAST
from api.routing import denied
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.values import day_of
from ledger.log.vault import Vault
from projections.relations.profiles import customers_seen
from projections.relations.scopes import EVERYTHING, Scope, scope_of
from projections.relations.staff import StaffRow, staff_read

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Row = TypeVar("Row")

PREFIX: Final = "/v1/ledgers/{ledger}/relations"
READ_ERRORS: Final = ("VIEW_BEHIND", "POSITION_AHEAD")
LIST_ERRORS: Final = ("CURSOR_INVALID", *READ_ERRORS)


class ScopedReader(Protocol[P, T_co]):
    """A reader of relations: it takes a connection, a scope, and what it asks for."""

    @property
    def views(self) -> tuple[str, ...]:
        """The views it looks at."""
        ...

    def __call__(self, connection: Connection[Any], scope: Scope, /, *args: P.args, **keywords: P.kwargs) -> T_co:
        """What it reads."""
        ...


async def day_now(request: Request) -> int:
    """Today where the books are kept, as a day number."""
    return day_of(today(request, await rulebook_of(request)))


def scope_within(connection: Connection[Any], staff: str | None, day: int) -> Scope:
    """What a key sees on a day: all, or what the place of its member of staff lets them see. Raises Refused."""
    if staff is None:
        return EVERYTHING
    found = scope_of(connection, staff_number(staff), day)
    if found is None:
        raise denied("who this key is for does not belong to the firm today; ask an admin for a key of your own")
    return found


async def seen(
    request: Request,
    min_position: int | None,
    views: Sequence[str],
    look: Callable[Concatenate[Connection[Any], Scope, P], T],
    *args: P.args,
    **keywords: P.kwargs,
) -> T:
    """What `look(connection, scope, …)` gives for who asks, once these views have reached a position."""
    day, staff = await day_now(request), principal_of(request).staff

    def scoped(connection: Connection[Any]) -> T:
        return look(connection, scope_within(connection, staff, day), *args, **keywords)

    await views_reached(request, views, min_position)
    return await read(request, scoped)


async def rows_seen(
    request: Request, min_position: int | None, reader: ScopedReader[P, T], *args: P.args, **keywords: P.kwargs
) -> T:
    """A reader's result, as far as who asks may see it."""
    return await seen(request, min_position, reader.views, reader, *args, **keywords)


async def rows_of_customer(
    request: Request,
    customer: str,
    min_position: int | None,
    reader: ScopedReader[Concatenate[int, P], T],
    *args: P.args,
    **keywords: P.kwargs,
) -> T:
    """A reader's result about a customer. Raises Refused (CUSTOMER_UNKNOWN), for one that isn't seen as for none."""
    number = customer_number_of(customer)

    def look(connection: Connection[Any], scope: Scope) -> T:
        customer_check(connection, scope, number)
        return reader(connection, scope, number, *args, **keywords)

    return await seen(request, min_position, reader.views, look)


def customer_check(connection: Connection[Any], scope: Scope, number: int) -> None:
    """Raises Refused (CUSTOMER_UNKNOWN) where there is no customer of this number that one sees."""
    if not customers_seen(connection, scope, numbers=[number], limit=1):
        raise customer_unknown()


def asked_of(request: Request, **params: Any) -> PageAsked:
    """The page that a request asks for. Raises Refused (CURSOR_INVALID)."""
    return core_of(request).pages.asked(request, params)


def page_response(
    request: Request,
    asked: PageAsked,
    rows: Sequence[Row],
    document: Callable[[Row], dict[str, Any]],
    place: Callable[[Row], Any],
) -> Response:
    """A page of rows of which one more was read than it may have; `place` says where the next page goes on."""
    size: int = asked.params["limit"]
    after = place(rows[size - 1]) if len(rows) > size else None
    data = [document(row) for row in rows[:size]]
    return json_response(core_of(request).pages.page(request, asked, data, after=after))


def number_given(text: str | None, number_of: Callable[[str], int], field: str) -> int | None:
    """The number in an id that was given; None without one. Raises Refused (INPUT_INVALID)."""
    if text is None:
        return None
    number = number_of(text)
    if not 0 < number <= NUMBER_LAST:
        raise Refused("INPUT_INVALID", f"{field} is no such id", field)
    return number


def day_given(text: str | None, field: str) -> int | None:
    """The number of a day that was given; None without one. Raises Refused (DATE_INVALID)."""
    day = day_of_text(text, field)
    return None if day is None else day_of(day)


async def names_of(request: Request) -> Mapping[str, str]:
    """What staff are called, by id; who was erased isn't among them."""
    ledger = context_of(request).ledger
    assert ledger is not None

    def look() -> dict[str, str]:
        with ledger.recorder.datastore.get_connection() as connection:
            people: list[StaffRow] = []
            while page := staff_read(connection, after=people[-1].number if people else 0):
                people += page
        return {staff_id(number): words["name"] for number, words in opened_staff(ledger, people).items()}

    return await in_thread(request, look)


def opened_staff(ledger: LedgerPort, people: Sequence[StaffRow]) -> dict[int, Mapping[str, str]]:
    """What was sealed of staff, by number, without those who were erased."""
    sealed = [p for p in people if p.sealed]
    opened = Vault(ledger.recorder.datastore).open_many([(p.person, p.sealed) for p in sealed])
    return {p.number: words for p, words in zip(sealed, opened, strict=True) if words is not None}
