"""The laws of the writer with relations: whatever is asked for, in whatever order and together with whatever else, what
it holds in memory is what the log says."""

from __future__ import annotations

import secrets
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    CancelAbsence,
    CancelLeaving,
    ChangeProfile,
    ChangeStaff,
    ClaimCustomer,
    CloseDays,
    EndNurture,
    HandOver,
    HandTask,
    MergeCustomers,
    MoveTask,
    OpenOpportunity,
    ReassignCustomer,
    RecordAbsence,
    RecordContact,
    RecordFollowUp,
    RecordKnowledge,
    RecordLeaving,
    RecordProject,
    RegisterCustomer,
    ReleaseCustomer,
    SetMilestone,
    UnmergeCustomers,
)
from ledger.log.columns.reader import Columns
from ledger.writer import LedgerState
from projections.columns import ColumnsView
from projections.view import Batch
from tests.ledgers import Books, books_open, fact, log_check
from tests.relations_dump import relations_dump
from tests.relations_firm import firm_found, lead, seller

CUSTOMERS = st.integers(1, 6).map(lambda n: f"C-{n:06d}")
STAFF = st.integers(1, 7).map(lambda n: f"S-{n:06d}")
REFERENCES = st.sampled_from("abcdef")
REGIONS = st.sampled_from(["east", "west", ""])
DAYS = st.sampled_from(["2026-11-01", "2026-11-20", "2026-12-15", "2027-01-31"])
REASONS = st.sampled_from(["", "r"])
COMMANDS = st.one_of(
    st.builds(lambda r, region: lead(r, region=region), REFERENCES, REGIONS),
    st.builds(lambda r, region, staff: lead(r, region=region, staff=staff), REFERENCES, REGIONS, STAFF),
    st.builds(lambda r, c: lead(r, customer=c), REFERENCES, CUSTOMERS),
    st.builds(lambda r, region: RegisterCustomer("web", r, r, {"region": region}), REFERENCES, REGIONS),
    st.builds(lambda n, c: fact(str(n), "project_completed", "2026-10-05", c), st.integers(1, 9), CUSTOMERS),
    st.builds(ClaimCustomer, CUSTOMERS, STAFF),
    st.builds(ReleaseCustomer, CUSTOMERS, REASONS),
    st.builds(ReassignCustomer, CUSTOMERS, STAFF, REASONS),
    st.builds(AssignCustomer, CUSTOMERS),
    st.builds(AddCollaborator, CUSTOMERS, STAFF),
    st.builds(BeginNurture, CUSTOMERS, st.sampled_from([0, 20]), REASONS),
    st.builds(EndNurture, CUSTOMERS),
    st.builds(RecordFollowUp, CUSTOMERS, STAFF, st.just("谈"), next_step=st.just("报价"), next_due_on=DAYS),
    st.builds(HandOver, STAFF, st.one_of(STAFF, st.just("")), st.sampled_from(["leaving", "leave"]), REASONS),
    st.builds(ChangeStaff, STAFF, st.sampled_from([{"capacity": 1}, {"team": "two"}, {"skills": {"region:east": 3}}])),
    st.builds(RecordAbsence, STAFF, st.just("2026-11-01"), DAYS),
    st.builds(RecordLeaving, STAFF, DAYS),
    st.builds(CancelAbsence, STAFF, st.just("2026-11-01")),
    st.builds(CancelLeaving, STAFF),
    st.builds(ChangeProfile, CUSTOMERS, st.sampled_from([{"needs": "快"}, {"qualifications": ["甲级"]}])),
    st.builds(RecordContact, CUSTOMERS, st.just("李云")),
    st.builds(RecordKnowledge, st.just("contact_time"), st.just("morning"), customer=CUSTOMERS),
    st.builds(RecordProject, CUSTOMERS, st.just("桥"), amount=st.just("1200000")),
    st.builds(SetMilestone, st.just("J-000001"), st.just("roof"), st.just("封顶"), DAYS),
    st.builds(MergeCustomers, CUSTOMERS, CUSTOMERS, REASONS),
    st.builds(UnmergeCustomers, CUSTOMERS, REASONS),
    st.builds(OpenOpportunity, CUSTOMERS, STAFF, st.just("桥"), st.just("lead"), st.just("5000")),
    st.builds(HandTask, CUSTOMERS, STAFF, st.just("算量"), DAYS, st.just("two")),
    st.builds(MoveTask, st.just("T-000001"), st.just("accepted"), STAFF),
    st.just(seller("new", "one", capacity=2)),
    DAYS.map(CloseDays),
)
BATCHES = st.lists(
    st.tuples(st.lists(COMMANDS, min_size=1, max_size=12), st.sampled_from([0, 0, 1, 25])), min_size=1, max_size=6
)


# No shrinking: each step of it is a ledger of its own, and a failing history reads well enough.
@settings(
    max_examples=7,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(BATCHES)
def test_relations_loaded_from_columns_or_log_are_those_that_were_lived(
    database_url: str, batches: list[tuple[list[Any], int]]
) -> None:
    schema = f"t_laws_{secrets.token_hex(4)}"
    with books_open(database_url, schema, pool_size=2) as books, tempfile.TemporaryDirectory() as folder:
        firm_found(books, 6)
        books.register("x", "y", region="east")
        behind = LedgerState.load(None, books.recorder)
        view = ColumnsView(Path(folder))
        for commands, days in batches:
            books.now += timedelta(days=days)
            for answer in books.send(*commands):
                assert answer.code != "COMMAND_FAILED"
                assert bool(answer.field) == (answer.status == "refused")
            behind.catch_up(books.recorder)
            assert relations_dump(behind.relations) == relations_dump(books.state.relations)
            with books.recorder.datastore.get_connection() as connection:
                events = books.recorder.select_range(view.position_own(), 10_000)
                if events:
                    view.apply(Batch(events), connection)
        view.close()
        live = relations_dump(books.state.relations)
        for columns in (None, Columns.open(Path(folder))):
            loaded = LedgerState.load(columns, books.recorder)
            assert loaded.book == books.state.book
            assert relations_dump(loaded.relations) == live
            assert loaded.relations.position == loaded.book.position == books.position
        owned_once(books)
        log_check(database_url, schema)
        # And another one goes on in the same way.
        further = Books(books.recorder)
        further.now = books.now
        further.send(lead("last", region="east"), lead("last2", region="west"))
        further.writer.stop()
        books.state.catch_up(books.recorder)
        assert relations_dump(books.state.relations) == relations_dump(further.state.relations)


def owned_once(books: Books) -> None:
    """What the log says of owners, event by event, is what is held: of each customer one, or the pool."""
    owners: dict[str, str] = {}
    for _, stream, name, state in books.log():
        if name == "CustomerAssigned":
            owners[stream] = state["staff"]
        elif name == "CustomerPooled":
            owners[stream] = ""
    relations = books.state.relations
    held = {f"C-{c:06d}": h.owner for c, h in relations.holdings.items()}
    assert {c: f"S-{owner:06d}" if owner else "" for c, owner in held.items()} == owners
    loads = [relations.load[n] for n in range(1, len(relations.staff) + 1)]
    assert sum(loads) == sum(1 for owner in held.values() if owner)
    assert loads == [sum(1 for owner in held.values() if owner == n) for n in range(1, len(relations.staff) + 1)]
