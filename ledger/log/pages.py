"""Pages of a list, forwards and backwards from any place in it.

A list is a query without ORDER BY and LIMIT, and the columns (or expressions of them) that tell its rows apart and
order them. PostgreSQL looks through the query to the table's own columns, so that an index on them serves every page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar

from psycopg import Cursor

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Seek:
    """Which page: the rows beyond a place in the list, or backwards: those just before it. The place is the key of a
    row, one value for each of the list's keys; None is the list's beginning, or backwards its end."""

    at: tuple[Any, ...] | None = None
    backwards: bool = False


BEGINNING: Final = Seek()


def page_read(
    cursor: Cursor[Row],
    query: bytes,
    keys: Sequence[str],
    params: Mapping[str, Any],
    seek: Seek,
    limit: int,
    *,
    descending: bool = False,
) -> list[Row]:
    """Up to `limit` rows of a list in its order, which is upwards by its keys, or downwards."""
    named = {} if seek.at is None else {f"at_{i}": value for i, value in enumerate(seek.at)}
    page = page_query(query, tuple(keys), begun=seek.at is not None, downwards=descending != seek.backwards)
    rows = cursor.execute(page, {**params, **named, "limit": limit}).fetchall()
    return rows[::-1] if seek.backwards else rows


def page_of(rows: Sequence[Row], key: Callable[[Row], tuple[Any, ...]], seek: Seek, limit: int) -> list[Row]:
    """The same of rows in memory, in their order by `key`, upwards."""
    at = seek.at
    if seek.backwards:
        return [row for row in rows if at is None or key(row) < at][-limit:]
    return [row for row in rows if at is None or key(row) > at][:limit]


@lru_cache(maxsize=256)
def page_query(query: bytes, keys: tuple[str, ...], *, begun: bool, downwards: bool) -> bytes:
    """The query of a page: of the first one, or of one that has `begun` at a place (at_0, at_1, …)."""
    names = ", ".join(keys)
    marks = ", ".join(f"%(at_{i})s" for i in range(len(keys)))
    where = f"WHERE ({names}) {'<' if downwards else '>'} ({marks})\n" if begun else ""
    order = ", ".join(f"{key}{' DESC' if downwards else ''}" for key in keys)
    return b"SELECT * FROM (\n" + query + f"\n) AS page\n{where}ORDER BY {order}\nLIMIT %(limit)s".encode()
