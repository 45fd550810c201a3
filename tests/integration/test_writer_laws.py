"""The law of the writer: what it holds in memory is what the log says, whatever happened."""

from __future__ import annotations

import secrets
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    CommitRedemption,
    CustomerReference,
    GiveConsent,
    MoveStock,
    ProposeRuleSet,
    RegisterCustomer,
    Request,
    ReserveRedemption,
    ReverseRedemption,
    UseEntitlement,
    VoidRedemption,
    WithdrawConsent,
)
from ledger.log.columns.reader import Columns
from ledger.rules.engine import state_of
from ledger.standard import rules_standard
from ledger.writer import LedgerState
from projections.columns import ColumnsView
from projections.view import Batch
from replay.scenario import scenario_recorded
from replay.what_if import recorded_check, threads_run
from tests.catalogue import catalogue
from tests.ledgers import Books, books_open, fact, log_check, sums_of

CUSTOMERS = st.sampled_from(["C-000001", "C-000002", "C-000003"])
DAYS = st.builds(
    lambda year, month, day: f"{year}-{month:02d}-{day:02d}",
    st.sampled_from([2024, 2025, 2026]),
    st.integers(1, 10),
    st.sampled_from([1, 2, 15, 28]),
)
AMOUNTS = st.sampled_from(["9999.99", "10000", "30000", "12000000", "60000000"])
CONTENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "contract_signed": st.fixed_dictionaries({"amount": AMOUNTS}, optional={"referrer": CUSTOMERS}),
    "complaint_filed": st.fixed_dictionaries({"severity": st.sampled_from(["minor", "major"])}),
    "project_completed": st.just({}),
    "login": st.just({}),
    "report_viewed": st.just({}),
    "referral_signed": st.fixed_dictionaries({"new_customer": CUSTOMERS}),
    "invoice_paid": st.fixed_dictionaries(
        {"due_on": st.just("2026-01-10"), "paid_on": st.sampled_from(["2026-01-10", "2026-03-01"]), "amount": st.just("5")}
    ),
    "manual_adjustment": st.fixed_dictionaries(
        {"points": st.sampled_from(["-300", "250.5"]), "reason": st.just("r")}
    ),
}  # fmt: skip
# Few external ids, so that many facts are corrections: of content, of type, of customer.
FACTS = st.sampled_from(sorted(CONTENTS)).flatmap(
    lambda kind: st.builds(
        lambda external_id, day, customer, attributes, revert: fact(
            external_id, kind, day, customer, revert=revert, **attributes
        ),
        st.integers(1, 12).map(str),
        DAYS,
        CUSTOMERS
        | st.sampled_from("ab").map(lambda r: CustomerReference("crm", r)),
        CONTENTS[kind],
        st.booleans(),
    )
)
OTHERS = st.one_of(
    st.builds(
        lambda c, region: ChangeCustomer(c, traits={"region": region}), CUSTOMERS, st.sampled_from(["hubei", ""])
    ),
    st.builds(GiveConsent, CUSTOMERS, st.just("publication")),
    st.builds(WithdrawConsent, CUSTOMERS, st.just("publication")),
    st.sampled_from("abcd").map(lambda r: RegisterCustomer("crm", r, r)),
    DAYS.map(CloseDays),
    st.builds(ActivateRuleSet, st.sampled_from(["RS-0001", "RS-0002"]), DAYS),
)
IDS = st.integers(1, 6).map(lambda n: f"R-{n:06d}")
POINTS = st.sampled_from(["10", "33.33", "200"])
REDEEMED = st.one_of(
    st.builds(lambda c, p, d: ReserveRedemption(c, "small", points=p, occurred_on=d), CUSTOMERS, POINTS, DAYS),
    st.builds(lambda c, d: ReserveRedemption(c, "pen", occurred_on=d), CUSTOMERS, DAYS),
    st.builds(lambda r, p, d: CommitRedemption(r, points=p, occurred_on=d), IDS, st.sampled_from(["", "5"]), DAYS),
    st.builds(lambda r: VoidRedemption(r, "r"), IDS),
    st.builds(lambda r, p: ReverseRedemption(r, "r", points=p), IDS, st.sampled_from(["", "2.5"])),
    st.builds(lambda n: MoveStock("pen", n, "r"), st.sampled_from([3, -1])),
    st.builds(lambda c: UseEntitlement(c, "priority_quote", "bidding"), CUSTOMERS),
)
BATCHES = st.lists(
    st.lists(st.one_of(FACTS, FACTS, FACTS, OTHERS, REDEEMED, REDEEMED), min_size=1, max_size=16), min_size=1, max_size=6
)


def rules_other() -> dict[str, Any]:
    """The standard rules, points living a year, penalties weighing by region, a catalogue, debt that stands."""
    document = {**rules_standard(), "id": "other", "expiry_months": 12, "redemption": catalogue(debt="negative")}
    weights = [{"when": {"customer": "region", "equals": "hubei"}, "percent": 130}]
    document["rules"] = [
        {**r, "weights": weights} if r["id"] == "project_completed" else r for r in document["rules"]
    ]
    return document


def redeemed(state: LedgerState) -> Any:
    kept = state.redemptions
    return dict(kept.redemptions), dict(kept.stock), {k: v for k, v in kept.taken.items() if v}


def states(state: LedgerState) -> list[dict[str, Any]]:
    return [state_of(state.program, record) for record in state.records]


def closed_as_rehearsed(books: Books, through: str) -> None:
    """Close days; a dry run of it tells the same before, and leaves nothing."""
    request = Request(CloseDays(through), "bob")
    before = books.position, states(books.state), redeemed(books.state)
    [told] = books.writer.rehearse_later([request]).result()
    assert (books.position, states(books.state), redeemed(books.state)) == before
    assert told.answer == books.do(request.command)
    log = books.log(before[0])
    assert told.counts == Counter(name for _, _, name, _ in log)
    assert [(e["event"], e["stream"], e["state"]) for e in told.events] == [(n, s, d) for _, s, n, d in log[:1_000]]


# No shrinking: each step of it is a ledger of its own, and a failing history reads well enough.
@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(BATCHES)
def test_a_state_loaded_from_log_or_columns_is_the_one_that_was_lived(
    database_url: str, batches: list[list[Any]]
) -> None:
    schema = f"t_laws_{secrets.token_hex(4)}"
    with books_open(database_url, schema, pool_size=2) as books, tempfile.TemporaryDirectory() as folder:
        books.register("a", "b")
        books.do(ProposeRuleSet(rules_other()))
        books.do(ApproveRuleSet("RS-0002"), actor="alice")
        books.do(ActivateRuleSet("RS-0002", "2025-01-01"))
        behind = LedgerState.load(None, books.recorder)
        view = ColumnsView(Path(folder))
        for batch in batches:
            for answer in books.send(*batch):
                assert answer.code != "COMMAND_FAILED"
                if answer.status == "refused":
                    assert answer.field
            behind.catch_up(books.recorder)
            assert states(behind) == states(books.state), "one that follows batch by batch"
            assert redeemed(behind) == redeemed(books.state)
            with books.recorder.datastore.get_connection() as connection:
                events = books.recorder.select_range(view.position_own(), 10_000)
                if events:
                    view.apply(Batch(events), connection)
        view.close()
        assert behind.book == books.state.book
        for columns in (None, Columns.open(Path(folder))):
            loaded = LedgerState.load(columns, books.recorder)
            assert loaded.book == books.state.book
            assert states(loaded) == states(books.state)
            assert redeemed(loaded) == redeemed(books.state)
        # Replayed it comes to every decision on record; and so it does where redemptions are decided again.
        columns = Columns.open(Path(folder))
        replayed, different, first = recorded_check(columns, 1, lambda done, of: None)
        assert (different, first) == (0, [])
        again = threads_run(columns, replace(scenario_recorded(columns), redemptions="decided"), 1, lambda done, of: None)
        assert again.digest == replayed.digest
        balances = {f"C-{i + 1:06d}": s["balance"] for i, s in enumerate(states(behind)) if s["balance"]}
        assert balances == {c: p for c, p in sums_of(books.log()).items() if p}
        closed_as_rehearsed(books, "2026-10-31")
        log_check(database_url, schema)
        # And it goes on in the same way.
        further = Books(books.recorder)
        assert further.do(fact("last", "project_completed", "2026-10-31")).points > 0
        further.writer.stop()
        books.state.catch_up(books.recorder)
        assert states(books.state) == states(further.state)

