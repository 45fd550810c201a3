"""How many connections of PostgreSQL a process takes, and whether there are enough of them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Final

import structlog

from ledger.log.connecting import connect
from ledger.log.queries import queries_load
from service.serving.keeper import POOL_SIZE
from service.serving.roles import Role

READERS: Final = {Role.API: 8, Role.FOLLOWER: 4, Role.WRITER: 1}
"""How many of a ledger's shared connections each role may use at once: reads of requests; the follower's listening, its
steps and the look at how far it is; a standby's reading."""

_IDLE: Final = {Role.WRITER: 1, Role.FOLLOWER: 1, Role.RELAY: 1, Role.WEBHOOKS: 1}
"""Held for a ledger though nothing happens: the lease, or the wait for it, the follower's listening, the relay's reading, the
lock on delivering. A standby's look at the log is one more."""
_BUSY: Final = {Role.WRITER: 1 + POOL_SIZE, Role.RELAY: 2, Role.WEBHOOKS: 3}
"""Beside the shared ones, for a ledger at most: lease and appends; the relay's reading and the nightly check's; what webhooks
send, hear and fold."""
_PROCESS_IDLE: Final = 1
_PROCESS_BUSY: Final = 5
"""Keys and kept answers, the looks at which ledgers there are and whether the database is there, and whether it is silent."""

_QUERIES: Final = queries_load("ledger.log", "queries.sql")
_log: Any = structlog.get_logger("plumbline.connections")


@dataclass(frozen=True, slots=True)
class Connections:
    """Of one process: while nothing happens, and at most."""

    idle: int
    busy: int


def pool_size_of(roles: Set[Role]) -> int:
    """How many connections the parts of a ledger share."""
    return max(1, sum(READERS.get(role, 0) for role in roles))


def follows_elsewhere(roles: Set[Role]) -> bool:
    """Whether a process of these roles reads views that only others follow: it looks now and then how they stand."""
    return Role.API in roles and Role.FOLLOWER not in roles


def connections_of(roles: Set[Role], ledgers: int) -> Connections:
    """What a process of these roles takes for so many ledgers."""
    idle = sum(_IDLE.get(role, 0) for role in roles) + (Role.WRITER in roles)
    busy = pool_size_of(roles) + sum(_BUSY.get(role, 0) for role in roles)
    process = _PROCESS_BUSY + follows_elsewhere(roles)
    return Connections(_PROCESS_IDLE + ledgers * idle, process + ledgers * busy)


def connections_check(database_url: str, roles: Set[Role], ledgers: int, held: int) -> None:
    """Warn where this process may need more connections than the database has beside those of others. `held`: about how
    many of those now taken are our own. Raises what the driver raises."""
    needed = connections_of(roles, ledgers)
    with connect(database_url) as connection:
        row = connection.execute(_QUERIES["connections"]).fetchone()
    assert row is not None
    limit, reserved, taken = row
    others = max(0, taken - 1 - held)
    if needed.busy + others > limit - reserved:
        _log.warning(
            "connections may run out", ledgers=ledgers, connections_idle=needed.idle, connections_max=needed.busy,
            connections_others=others, max_connections=limit,
            reason="raise max_connections of PostgreSQL, or serve fewer ledgers with one database",
        )  # fmt: skip
