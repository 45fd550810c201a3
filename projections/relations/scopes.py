"""Who sees what: a scope stands in the WHERE of every read of relations, so that what lies outside it never leaves the
database, and can't be told from what isn't there.

A read names the condition that it is under, such as `visible(h.customer)`; the conditions themselves stand once, in
scopes.sql. A file of reads in which a query names none is refused when it is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.log.queries import queries_load
from projections.places import reads

R = TypeVar("R")
Kind = Literal["own", "region", "all", "support", "site"]

_ROLE_KINDS: Final[dict[str, Kind]] = {
    "seller": "own", "manager": "region", "executive": "all", "support": "support", "site": "site"
}  # fmt: skip
_WRITTEN: Final[dict[Kind, str]] = {"own": "own", "region": "region", "all": "all", "support": "own", "site": "own"}
_SELLING: Final[frozenset[Kind]] = frozenset({"own", "region", "all"})
_CONDITIONS: Final = {name: text.decode() for name, text in queries_load("projections.sql", "scopes.sql").items()}
_NAMED: Final = re.compile(r"\b(visible|held|concerned|handed|led|pooled)\(([a-z_0-9.]+)\)")
_NESTED: Final = re.compile(
    r"\b((?:visible|among|held|concerned|handed|led|pooled)_(?:own|region|all)|among_led|related|served|continued)"
    r"\(([a-z_0-9.]*)\)"
)
_EVERYBODY: Final = re.compile(r"^-- scope: everybody, ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one may see. Make it with `scope_of`; `EVERYTHING` is for who administers the books.

    `region`: in which one works. `departments`: one's team and those above it, to which tasks may be handed. `teams`:
    those that a manager leads.
    """

    kind: Kind
    staff: int = 0
    region: str = ""
    departments: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for a scope of nobody that isn't everything: 0 stands for nobody in many columns."""
        if self.staff <= 0 and self.kind != "all":
            raise ValueError("whose scope it is must be said")

    @property
    def params(self) -> dict[str, Any]:
        """What the conditions ask for."""
        return {
            "scope_staff": self.staff, "scope_region": self.region, "scope_departments": list(self.departments),
            "scope_teams": list(self.teams), "scope_sells": self.kind in _SELLING,
        }  # fmt: skip


EVERYTHING: Final = Scope("all")

SCOPE_VIEWS: Final = ("ownership", "staff", "profile", "work")
"""What the conditions rest on: owners, people and their teams, site teams, tasks."""


class Reads:
    """The queries of a file, each written out for every kind of scope."""

    def __init__(self, filename: str, *views: str) -> None:
        """`views`: those that its reads rest on. Raises ValueError where a query is under no condition, unless it says
        why everybody may see what it gives, in a line `-- scope: everybody, …`."""
        self.filename = filename
        self.views = tuple(dict.fromkeys((*views, *SCOPE_VIEWS)))
        """Those, and what scopes rest on."""
        self._queries: dict[tuple[str, str], bytes] = {}
        self.everybody: set[str] = set()
        """The reads that are under no condition."""
        for name, text in queries_load("projections.sql", filename).items():
            query = text.decode()
            if _EVERYBODY.search(query):
                self.everybody.add(name)
            elif not _NAMED.search(query):
                raise ValueError(f"{filename}: the query {name} is under no scope; name what it may see")
            for written in sorted(set(_WRITTEN.values())):
                self._queries[name, written] = _written(query, written).encode()

    @property
    def names(self) -> set[str]:
        """The names of all queries."""
        return {name for name, _ in self._queries}

    def query(self, name: str, scope: Scope) -> bytes:
        """A query as it is for a scope."""
        return self._queries[name, _WRITTEN[scope.kind]]

    def rows(
        self,
        connection: Connection[Any],
        name: str,
        scope: Scope,
        row: type[R],
        **params: Any,
    ) -> list[R]:
        """What a query gives for a scope."""
        with connection.cursor(row_factory=class_row(row)) as cursor:
            # Planned anew each time: what a reader leaves out (NULL) then costs nothing, and planning is a millisecond.
            return cursor.execute(self.query(name, scope), {**scope.params, **params}, prepare=False).fetchall()

    def has(self, connection: Connection[Any], name: str, scope: Scope, **params: Any) -> bool:
        """Whether a query gives anything for a scope."""
        with connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(self.query(name, scope), {**scope.params, **params}).fetchone() is not None


def _written(query: str, kind: str) -> str:
    """A query with its conditions as they are for a kind."""
    text = _NAMED.sub(lambda m: f"{m[1]}_{kind}({m[2]})", query)
    while _NESTED.search(text):
        text = _NESTED.sub(lambda m: _CONDITIONS[m[1]].replace("{0}", m[2]), text)
    return text


_SCOPES: Final = queries_load("projections.sql", "scope_of.sql")


@reads("staff")
def scope_of(connection: Connection[Any], staff: int, day: int) -> Scope | None:
    """The scope that a member of staff has by their place on a day; None for who isn't at the firm then."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_SCOPES["scope_of"], {"staff": staff, "day": day}).fetchone()
    if found is None:
        return None
    role, place, departments, teams = found
    kind = _ROLE_KINDS[role]
    return Scope(kind, staff, place, tuple(departments), tuple(teams) if kind == "region" else ())
