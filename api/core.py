"""What every route finds: the parts the app was made of, and for one request who asks and of which ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends
from psycopg import Connection
from psycopg.rows import DictRow
from starlette.requests import Request

from api.access.kept import KeptAnswers
from api.access.keys import AccessStore, Principal
from api.arrivals import Arrivals
from api.gathering import Gathering
from api.jobs.runner import JobRunner
from api.limits import Rates, Seats
from api.lists import Pages
from api.metrics import Metrics
from api.ports import LedgerPort, LedgersPort
from api.readiness import Readiness
from api.settings import ApiSettings
from api.turns import Turns
from projections.as_of import AccountRow
from projections.merged import Merged
from projections.places import Places, Reader, ViewLate, late_told, places_read, position_read
from projections.rulebook import Rulebook

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Core:
    """The parts of one app."""

    ledgers: LedgersPort
    access: AccessStore
    settings: ApiSettings
    pages: Pages
    rates: Rates
    metrics: Metrics
    readiness: Readiness
    kept: KeptAnswers
    under_way: Seats
    """By key: one alone can't fill the service with requests that come in, or are read, slowly."""
    receiving: Seats
    """By key: of files that come in there are only so many at once, for each is held in memory until it is whole."""
    webhooks_receiving: Seats
    """By neighbourhood: until a message is whole, nobody knows who sends it."""
    lead_rates: Rates
    """How often a key may look up whether a customer is somebody's already."""
    rulebooks: dict[str, Rulebook] = field(default_factory=dict[str, Rulebook])
    """The rule book of each schema as last read; whoever takes it asks whether it still is."""
    balances: dict[str, tuple[LedgerPort, Gathering[int, AccountRow]]] = field(
        default_factory=dict[str, tuple[LedgerPort, Gathering[int, AccountRow]]]
    )
    """Who gathers reads of balances, by schema; of another ledger where one was made anew under the name."""
    arrivals: dict[str, tuple[LedgerPort, Arrivals]] = field(default_factory=dict[str, tuple[LedgerPort, Arrivals]])
    """Who waits for views, by schema; of another ledger where one was made anew under the name."""
    jobs: JobRunner = field(default_factory=JobRunner)
    finance: Turns = field(default_factory=Turns)
    """What finance reads goes through the whole log: it takes turns, on threads of its own."""
    merged: dict[str, MergedKnown] = field(default_factory=dict[str, "MergedKnown"])
    """Which mergings stand, by schema."""
    days: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Today by schema, with the minute in which it was looked up."""
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))


@dataclass(frozen=True, slots=True)
class MergedKnown:
    """Mergings of a ledger that stood when all events up to a position had happened; `at`: when they were read."""

    ledger: LedgerPort
    at: float
    position: int
    merged: Merged


@dataclass(slots=True)
class Context:
    """One request after its key was checked. `principal` is None on public routes, `ledger` outside of ledgers."""

    core: Core
    request_id: str
    principal: Principal | None
    ledger: LedgerPort | None
    noted: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the request's line in the service's log says besides: ids of the command, its place in the ledger's log."""


def core_of(request: Request) -> Core:
    """The parts of the app that serves this request."""
    return request.app.state.core


def context_of(request: Request) -> Context:
    """Who asks and of which ledger; there once the route's permission was checked."""
    return request.scope["plumbline"]


async def _ledger_of(request: Request) -> LedgerPort:
    ledger = context_of(request).ledger
    assert ledger is not None, "the route has no {ledger} in its path"
    return ledger


def principal_of(request: Request) -> Principal:
    """Who asks, on a route that is not public."""
    principal = context_of(request).principal
    assert principal is not None, "the route is public"
    return principal


async def _principal_of(request: Request) -> Principal:
    return principal_of(request)


async def _core_of(request: Request) -> Core:
    return core_of(request)


LedgerOf = Annotated[LedgerPort, Depends(_ledger_of)]
"""The open ledger of the path: `ledger: LedgerOf`."""
PrincipalOf = Annotated[Principal, Depends(_principal_of)]
"""Who asks: `principal: PrincipalOf`."""
CoreOf = Annotated[Core, Depends(_core_of)]
"""The parts of the app: `core: CoreOf`."""


async def in_thread(request: Request, function: Callable[..., T], *args: Any, **keywords: Any) -> T:
    """The result of a blocking function, run in one of the app's threads."""
    return await anyio.to_thread.run_sync(lambda: function(*args, **keywords), limiter=core_of(request).threads)


async def read(
    request: Request, function: Callable[Concatenate[Connection[DictRow], P], T], *args: P.args, **keywords: P.kwargs
) -> T:
    """A reader's result: `function(connection, …)` in a thread, on a pooled connection of the request's ledger."""
    ledger = await _ledger_of(request)

    def run() -> T:
        with ledger.recorder.datastore.get_connection() as connection:
            return function(connection, *args, **keywords)

    return await anyio.to_thread.run_sync(run, limiter=core_of(request).threads)


async def views_reached(request: Request, views: Sequence[str], min_position: int | None) -> None:
    """Wait until views of the request's ledger have reached a position, without a thread or a connection meanwhile.

    Raises ViewBehind, PositionAhead.
    """
    if not min_position:
        return
    ledger, core = await _ledger_of(request), core_of(request)
    known = core.arrivals.get(ledger.schema)
    if known is None or known[0] is not ledger:

        async def look(names: Sequence[str]) -> Places:
            def run() -> Places:
                with ledger.recorder.datastore.get_connection() as connection:
                    return places_read(connection, names)

            return await anyio.to_thread.run_sync(run, limiter=core.threads)

        known = core.arrivals[ledger.schema] = ledger, Arrivals(look)
    try:
        await known[1].wait(views, min_position)
    except ViewLate as late:
        raise await read(request, late_told, late) from None


async def read_reached(
    request: Request, min_position: int | None, reader: Reader[P, T], *args: P.args, **keywords: P.kwargs
) -> T:
    """A reader's result once all its views have reached a position. Raises ViewBehind, PositionAhead."""
    await views_reached(request, reader.views, min_position)
    return await read(request, reader, *args, **keywords)


async def read_placed(
    request: Request, min_position: int | None, reader: Reader[P, T], *args: P.args, **keywords: P.kwargs
) -> tuple[T, int]:
    """As `read_reached`, with the position that the result contains at least."""

    def placed(connection: Connection[DictRow]) -> tuple[T, int]:
        position = position_read(connection, reader.views)
        return reader(connection, *args, **keywords), position

    await views_reached(request, reader.views, min_position)
    return await read(request, placed)
