"""Who was merged into whom, for readers of points: what each customer earned stays where it was earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.values import customer_id
from ledger.log.queries import queries_load
from projections.places import reads
from projections.relations.profile import ProfileView

MERGINGS: Final = ("CustomersMerged", "CustomersUnmerged")
BETWEEN_MAX: Final = 10_000
"""So many events are looked through at most for one that merges anybody; beyond, the view is waited for."""

_QUERIES = queries_load("projections.sql", "reading.sql")


@dataclass(slots=True)
class Merged:
    """Mergings that stand: `into` says which customer one was merged into, `members` which ones a customer stands for,
    those merged into these among them."""

    into: dict[int, int] = field(default_factory=dict[int, int])
    members: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    def into_id(self, customer: int) -> str | None:
        """The id of the customer that one was merged into, None where it was not."""
        return customer_id(self.into[customer]) if customer in self.into else None

    def member_ids(self, customer: int) -> list[str]:
        """The ids of those that a customer stands for, by number."""
        return [customer_id(number) for number in self.members.get(customer, ())]

    def document(self, customer: int) -> dict[str, Any]:
        """Both, as plain data."""
        return {"merged_into": self.into_id(customer), "members": self.member_ids(customer)}


@reads(ProfileView.name)
def merged_read(connection: Connection[Any], customers: Sequence[int] | None = None) -> Merged:
    """The mergings that these customers are part of; of all without them: mergings are few."""
    found = Merged()
    with connection.cursor(row_factory=tuple_row) as cursor:
        params = {"customers": None if customers is None else list(customers)}
        for customer, into, survivor in cursor.execute(_QUERIES["merged_read"], params):
            found.into[customer] = into
            found.members.setdefault(survivor, []).append(customer)
    return found


def merged_between(connection: Connection[Any], after: int, last: int) -> bool:
    """Whether the log may have merged or parted anybody after a position and up to another."""
    if last - after > BETWEEN_MAX:
        return True
    params = {"after": after, "last": last, "topics": list(MERGINGS)}
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_QUERIES["mergings_between"], params, prepare=True).fetchone()
    assert row is not None
    return bool(row[0])
