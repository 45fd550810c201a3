"""The view `arrivals`: leads, and the collisions that they led to. Who asked for a customer that somebody has sees of a
collision that it is so and which team has it, and nothing else of the customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from ledger.domain.relations.ids import collision_number, staff_number
from ledger.domain.values import customer_number
from ledger.log.arrays import BigintArray
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from projections.places import reads
from projections.relations.rows import columns
from projections.relations.scopes import Reads, Scope
from projections.view import BATCH_EVENTS, Batch, CustomerEvent, day_of_time

_QUERIES = queries_load("projections.sql", "arrivals.sql")
READS: Final = Reads("reads_arrivals.sql", "arrivals", "timeline")
EVIDENCE: Final = (
    "LeadArrived", "CustomerAssigned", "CustomerPooled", "CustomerClaimed", "CustomerReassigned", "CollaboratorAdded",
    "FollowUpRecorded", "OpportunityOpened", "OpportunityChanged", "TaskHanded", "CollisionFound", "CollisionRuled",
    "CollisionSettled",
)  # fmt: skip
"""What speaks for one side or the other."""
RULES: Final = "rules"
"""What settled a collision, where nobody did."""
_COLLISION_TOPICS: Final = frozenset({"CollisionFound", "CollisionRuled", "CollisionSettled"})


@dataclass(slots=True)
class LeadRow:
    """A lead that arrived; amount in fen. `matched` is the customer that it was found to be or seems to be, which rests
    on `matches`: [kind, score] each."""

    position: int
    customer: int
    source: str
    lead: str
    channel: str
    staff: int
    project: str
    amount: int
    is_new: bool
    matched: int
    matches: list[list[Any]]
    day: int


@dataclass(slots=True)
class _CollisionRow:
    """A collision as it is kept. `owner` None: not ruled; `settled_by` who ruled, or "rules"."""

    number: int
    customer: int
    matched: int
    holder: int
    asker: int
    certainty: str
    matches: list[list[Any]]
    project: str
    day: int
    owner: int | None
    settled_by: str
    reason: str
    ruled_day: int | None
    position: int


@dataclass(slots=True)
class CollisionRow:
    """A collision as somebody may see it: `matched`, the customer that `holder` has, and `customer`, at which the lead
    of `asker` arrived (the same one where the match is exact).

    Of a side whose customer they may not see, and whose people they don't lead, they are told the team and nothing
    else: numbers are 0, texts empty. Only who sees both (then it isn't masked) is shown what the match rests on, who
    ruled and why. `owner` is None while it waits for a ruling, 0 where it was ruled for somebody they may not know.
    """

    number: int
    customer: int
    customer_name: str
    matched: int
    matched_name: str
    holder: int
    holder_team: str
    asker: int
    asker_team: str
    certainty: str
    matches: list[list[Any]]
    project: str
    day: int
    owner: int | None
    settled_by: str
    reason: str
    ruled_day: int | None
    is_masked: bool


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """An event with a customer that two want. `side`: "holder" or "asker", whose doing it was; "" for neither."""

    position: int
    customer: int
    side: str
    topic: str
    recorded_at: datetime
    actor: str
    state: dict[str, Any]


class ArrivalsView:
    """Keeps the tables `lead` and `collision`."""

    name = "arrivals"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("LeadArrived", *sorted(_COLLISION_TOPICS))

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter leads, fold collisions."""
        leads = [_lead(e) for e in batch.of_relations if e.topic == "LeadArrived"]
        if leads:
            transaction.execute(_QUERIES["leads_store"], columns(leads))
        events = [e for e in batch.of_relations if e.topic in _COLLISION_TOPICS]
        if events:
            rows = _collisions(transaction, events)
            transaction.execute(_QUERIES["collisions_store"], columns(rows))


def _lead(event: CustomerEvent) -> LeadRow:
    said = event.state
    return LeadRow(
        event.position, event.customer, said["source"], said["lead"], said["channel"], staff_number(said["staff"]),
        said["project"], said["amount"], said["is_new"], customer_number(said["matched"]), said["matches"],
        day_of_time(said["recorded_at"]),
    )  # fmt: skip


def _collisions(connection: Connection[Any], events: Sequence[CustomerEvent]) -> list[_CollisionRow]:
    found = {e.state["collision"] for e in events if e.topic == "CollisionFound"}
    numbers = {collision_number(e.state["collision"]) for e in events if e.state["collision"] not in found}
    with connection.cursor(row_factory=class_row(_CollisionRow)) as cursor:
        stored = cursor.execute(_QUERIES["collisions_load"], {"numbers": BigintArray(sorted(numbers))})
        rows = {row.number: row for row in stored}
    for event in events:
        said, day = event.state, day_of_time(event.state["recorded_at"])
        number = collision_number(said["collision"])
        if event.topic == "CollisionFound":
            rows[number] = _CollisionRow(
                number, event.customer, customer_number(said["matched"]), staff_number(said["holder"]),
                staff_number(said["asker"]), said["certainty"], said["matches"], said["project"], day, None, "", "",
                None, event.position,
            )  # fmt: skip
            continue
        row = rows[number]
        row.owner, row.ruled_day, row.position = staff_number(said["owner"]), day, event.position
        if event.topic == "CollisionRuled":
            row.settled_by, row.reason = said["actor"], said["reason"]
        else:
            row.settled_by = RULES
    return list(rows.values())


@reads(*READS.views)
def collisions_read(
    connection: Connection[Any],
    scope: Scope,
    *,
    number: int | None = None,
    only_open: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[CollisionRow]:
    """Collisions of customers that one may see or that people whom one leads have, and those that one is a side of; the
    latest first, with numbers below `before`."""
    return READS.rows(
        connection, "collisions", scope, CollisionRow, number=number, only_open=only_open, before=before, limit=limit
    )


def ruling_refusal(scope: Scope, row: CollisionRow) -> str:
    """Why somebody may not rule a collision that they see; "" where they may."""
    if scope.kind not in ("region", "all"):
        return "collisions are ruled by managers and executives"
    if row.is_masked:
        return "you lead only one side of this collision; ask who leads both to rule"
    if scope.staff and scope.staff in (row.asker, row.holder):
        return "nobody rules a collision of their own; ask who leads you"
    return ""


@reads(*READS.views)
def evidence_read(
    connection: Connection[Any], scope: Scope, number: int, *, after: tuple[int, int] = (0, 0), limit: int = 1_000
) -> list[EvidenceRow]:
    """What happened with the customers of a collision, in order of time, after a position and a customer; for who sees
    or leads both sides and rules."""
    params = {**scope.params, "number": number, "topics": list(EVIDENCE), "limit": limit,
              "after_position": after[0], "after_customer": after[1]}  # fmt: skip
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(READS.query("evidence", scope), params, prepare=False).fetchall()
    found: list[EvidenceRow] = []
    for position, customer, topic, recorded_at, actor, holder, asker, data in rows:
        state = state_of(topic, bytes(data))
        side = {holder: "holder", asker: "asker"}.get(staff_number(state.get("staff", "")), "")
        found.append(EvidenceRow(position, customer, side, topic, recorded_at, actor, state))
    return found


@reads(*READS.views)
def leads_read(
    connection: Connection[Any],
    scope: Scope,
    customer: int,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[LeadRow]:
    """The leads of a customer that one may see, in order."""
    return READS.rows(connection, "leads", scope, LeadRow, customer=customer, after=after, limit=limit)
