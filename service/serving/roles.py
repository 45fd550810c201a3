"""What a serving process does."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ledger.domain.errors import Refused


class Role(StrEnum):
    """One part of the service; a process has one, some or all."""

    API = "api"
    WRITER = "writer"
    FOLLOWER = "follower"
    RELAY = "relay"
    INBOUND = "inbound"
    WEBHOOKS = "webhooks"


ROLES_ALL: Final = ",".join(Role)


def roles_of(text: str) -> frozenset[Role]:
    """The roles of a list separated by commas. Raises Refused (ROLES_INVALID)."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not set(names) <= set(Role):
        raise Refused("ROLES_INVALID", f"name roles out of {', '.join(Role)}, separated by commas", "roles")
    return frozenset(Role(name) for name in names)
