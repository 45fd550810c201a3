"""What every route finds: the parts the app was made of, and for one request who asks and of which ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends
from psycopg import Connection
from psycopg.rows import DictRow
from starlette.requests import Request

from api.access.keys import AccessStore, Principal
from api.gathering import Gathering
from api.jobs.runner import JobRunner
from api.limits import Rates
from api.lists import Pages
from api.metrics import Metrics
from api.ports import LedgerPort, LedgersPort
from api.readiness import Readiness
from api.settings import ApiSettings
from projections.as_of import AccountRow
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
    rulebooks: dict[str, Rulebook] = field(default_factory=dict[str, Rulebook])
    """The rule book of each schema as last read; whoever takes it asks whether it still is."""
    balances: dict[str, Gathering[int, AccountRow]] = field(default_factory=dict[str, Gathering[int, AccountRow]])
    """Who gathers reads of balances, by schema."""
    jobs: JobRunner = field(default_factory=JobRunner)
    days: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Today by schema, with the minute in which it was looked up."""
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))


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
