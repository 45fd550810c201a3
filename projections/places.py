"""Where views stand, and waiting until those that a reader looks at have reached a position of the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import update_wrapper
from types import MappingProxyType
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.errors import PlumblineError
from ledger.log.queries import queries_load
from projections.lags import views_followed

_QUERIES = queries_load("projections.sql", "follower.sql")
POLL_SECONDS: Final = 0.02
WAIT_SECONDS_DEFAULT: Final = 3.0

P = ParamSpec("P")
T = TypeVar("T")


class ViewBehind(PlumblineError):
    """A view has not reached the position that a reader asked for."""

    code = "VIEW_BEHIND"
    field = "min_position"


class ViewLate(ViewBehind):
    """It was waited for in vain; `late_told` says whether anybody moves it on."""


class PositionAhead(PlumblineError):
    """A reader asked for a position that the log itself has not reached."""

    code = "POSITION_AHEAD"
    field = "min_position"


class ViewFailed(PlumblineError):
    """A view could not take in an event. Whoever reads it is told so; all others go on without it."""

    code = "VIEW_FAILED"

    def __init__(self, view: str, position: int, error: str) -> None:
        """`position` is how far it had come, `error` what it met: its first line is told."""
        cause = (error.splitlines() or [""])[0]
        super().__init__(
            f"the view {view} can't take in what follows position {position} ({cause});"
            f" mend the cause, then run `plumbline rebuild {view}`"
        )
        self.view = view


_FAILED: ContextVar[Mapping[str, ViewFailed]] = ContextVar("views_failed", default=MappingProxyType({}))


@contextmanager
def views_failed(failed: Mapping[str, ViewFailed]) -> Generator[None]:
    """While this lasts, readers of these views raise what is said of them."""
    token = _FAILED.set(failed)
    try:
        yield
    finally:
        _FAILED.reset(token)


def _failed_check(views: Sequence[str]) -> None:
    """Raises ViewFailed where one of these views failed."""
    if failed := _FAILED.get():
        for name in views:
            if name in failed:
                raise failed[name]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a view stands; one that was never followed at 0, without a status."""

    position: int
    status: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Where views stand and the log ends, as one moment saw it."""

    views: Mapping[str, Place]
    head: int

    def reached(self, names: Sequence[str], position: int) -> bool:
        """Whether all of these views have reached a position.

        Raises ViewBehind where one has failed before it, PositionAhead where the log itself is not so far.
        """
        behind = [(name, self.views[name]) for name in names if self.views[name].position < position]
        if behind and position > self.head:
            raise PositionAhead(f"The log ends at position {self.head}; position {position} is asked for.")
        for name, place in behind:
            if place.status == "failed":
                stands = _stands(name, place, position)
                # Why it failed is told where the views are, to those who may look at them: it may quote anything.
                raise ViewBehind(f"{stands}, and it has failed; GET …/views and the log of the follower say why.")
        return not behind

    def behind(self, names: Sequence[str], position: int, waited_seconds: float) -> ViewLate:
        """What to raise when these views have been waited for in vain."""
        name = min(names, key=lambda name: self.views[name].position)
        return ViewLate(f"{_stands(name, self.views[name], position)}, after {waited_seconds:g} seconds")


def _stands(name: str, place: Place, position: int) -> str:
    return f"The view {name} stands at position {place.position}, not yet at {position}"


def late_told(connection: Connection[Any], late: ViewLate) -> ViewBehind:
    """The same with whether it helps to try again."""
    if views_followed(connection):
        return ViewBehind(f"{late}; the ledger is followed, so try again in a moment.")
    return ViewBehind(
        f"{late}, and no process follows this ledger now: it stays there until one with the role follower runs"
        " (`plumbline serve`)."
    )


def places_read(connection: Connection[Any], names: Sequence[str]) -> Places:
    """Where some views stand now, at least one: a short query."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_QUERIES["views_places"], {"names": list(names)}, prepare=True).fetchall()
    return Places({name: Place(position, status, error) for name, position, status, error, _ in rows}, rows[0][-1])


def position_read(connection: Connection[Any], names: Sequence[str]) -> int:
    """The position that all of these views have reached: what is read after this contains it."""
    return min(place.position for place in places_read(connection, names).views.values())


def views_wait(
    connection: Connection[Any],
    names: Sequence[str],
    min_position: int,
    timeout_seconds: float = WAIT_SECONDS_DEFAULT,
) -> int:
    """Wait until views have reached a position, so that a caller sees its own write; returns the position that all of
    them have reached. Holds the connection meanwhile.

    Raises ViewBehind when the time is over, or at once where a view has failed; PositionAhead where the log itself is
    not so far; ViewFailed within `views_failed`.
    """
    _failed_check(names)
    deadline = time.monotonic() + timeout_seconds
    while not (places := places_read(connection, names)).reached(names, min_position):
        if time.monotonic() >= deadline:
            raise late_told(connection, places.behind(names, min_position, timeout_seconds))
        time.sleep(POLL_SECONDS)
    return min(place.position for place in places.views.values())


class Reader(Generic[P, T]):
    """A function that reads tables of views; `views` are all whose tables its queries look at. Who wants to see a
    position in the answer waits for them all. Within `views_failed` it raises ViewFailed."""

    def __init__(self, function: Callable[Concatenate[Connection[Any], P], T], views: Sequence[str]) -> None:
        self.views = tuple(views)
        self._function = function
        update_wrapper(self, function)

    def __call__(self, connection: Connection[Any], *args: P.args, **keywords: P.kwargs) -> T:
        _failed_check(self.views)
        return self._function(connection, *args, **keywords)


def reads(*views: str) -> Callable[[Callable[Concatenate[Connection[Any], P], T]], Reader[P, T]]:
    """Declares which views a function reads."""
    return lambda function: Reader(function, views)


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """Where a view stands, as the table of views says; `behind` counts the events it has not seen, `followed` says
    whether any process follows the ledger's views now."""

    name: str
    position: int
    behind: int
    status: str
    error: str | None
    updated_at: datetime
    followed: bool


def views_status(connection: Connection[Any]) -> list[ViewStatus]:
    """Every view that was ever followed, by name."""
    followed = views_followed(connection)
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [ViewStatus(*row, followed=followed) for row in cursor.execute(_QUERIES["views_status"])]
