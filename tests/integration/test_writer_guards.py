"""What must never be let in, each named after the harm it would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    Command,
    DeclareFactType,
    GiveConsent,
    ProposeRuleSet,
    WithdrawConsent,
)
from ledger.domain.errors import PlumblineError
from ledger.log.columns.reader import Columns
from ledger.log.types import PositionMoved
from ledger.standard import fact_types_standard, rules_standard
from ledger.writer import LedgerState
from ledger.writer.state import StateDiffers
from projections.columns import ColumnsView
from projections.follower import Follower
from tests.ledgers import Books, books_open, fact, log_check


def _document(name: str) -> dict[str, Any]:
    [found] = [d for d in fact_types_standard() if d["id"] == name]
    return {**found, "attributes": {k: dict(v) for k, v in found["attributes"].items()}}


def test_a_fact_type_that_an_active_rule_set_cannot_run_on_is_refused_before_it_bricks_the_ledger(books: Books) -> None:
    wider = _document("contract_signed")
    wider["attributes"]["amount"]["max"] = "90000000000000000"  # × 2 points a 10,000 CNY × 10^8 passes 2^63
    assert books.do(DeclareFactType(wider)).code in ("FACT_TYPE_CONFLICT", "FACT_TYPE_INVALID")
    unnamed = _document("contract_signed")
    del unnamed["attributes"]["referrer"]["role"]
    assert books.do(DeclareFactType(unnamed)).code == "FACT_TYPE_CONFLICT"
    books.restart()
    books.register("a")
    assert books.do(fact("1", "project_completed", "2026-10-05")).points == 5_000


def test_a_customer_is_written_under_its_one_id_however_it_was_named(
    books: Books, database_url: str, schema_name: str
) -> None:
    books.register("a")
    reference = next(r for r in books.state.book.references)
    spelled = f"{reference[0]}:{reference[1]}"
    assert books.do(GiveConsent(spelled, "publication")).customer == "C-000001"
    assert books.do(ChangeCustomer(spelled, name="新名")).customer == "C-000001"
    assert books.do(WithdrawConsent("C-1", "publication")).code == "CUSTOMER_UNKNOWN"
    assert books.do(WithdrawConsent(spelled, "publication")).status == "accepted"
    assert books.state.book.customers[0].consents == frozenset()
    books.restart()
    assert books.state.book.customers[0].name == "新名"
    log_check(database_url, schema_name)


def test_a_writer_does_not_start_on_the_columns_of_another_log(
    books: Books, database_url: str, tmp_path: Path
) -> None:
    books.register("a", "b")
    follower = Follower(books.recorder, [ColumnsView(tmp_path)])
    assert follower.follow_once() == {}
    follower.close()
    assert LedgerState.load(Columns.open(tmp_path), books.recorder).book.position == books.position
    with books_open(database_url, "t_otherlog") as other:
        other.register("x", "y", "z")
        with pytest.raises(StateDiffers, match="another log"):
            LedgerState.load(Columns.open(tmp_path), other.recorder)


def test_a_ladder_that_counts_by_another_window_demotes_nobody_for_the_window_it_began_in(books: Books) -> None:
    books.register("a")
    # 30,000,000 CNY: 3,000 units × 2 = 6,000 points, gold.
    books.do(fact("1", "contract_signed", "2026-06-05", amount="30000000"))
    quarterly = {**rules_standard(), "id": "quarterly", "tiers": {**rules_standard()["tiers"], "window": "quarter"}}
    proposed = books.do(ProposeRuleSet(quarterly), actor="ann").id
    books.do(ApproveRuleSet(proposed), actor="ben")
    books.do(ActivateRuleSet(proposed, "2026-06-15"))
    books.do(CloseDays("2026-06-30"))
    assert books.account()["tier"] == "gold"
    books.do(CloseDays("2026-09-30"))
    assert books.account()["tier"] == "silver"  # nothing earned in the third quarter: one level down


def test_a_late_fact_does_not_set_todays_grade(books: Books) -> None:
    books.register("a")
    for i in range(4):
        paid: dict[str, Any] = {"due_on": "2026-01-10", "paid_on": "2026-01-09", "amount": "5"}
        books.do(fact(f"i{i}", "invoice_paid", "2026-01-10", **paid))
    assert books.account()["grade"] == "a"  # 4 of 4 in 2026
    late: dict[str, Any] = {"due_on": "2025-12-01", "paid_on": "2025-12-20", "amount": "5"}
    books.do(fact("late", "invoice_paid", "2025-12-20", **late))
    assert books.account()["grade"] == "a"  # 0 of 1 in 2025 is 2025's affair
    books.do(CloseDays("2025-12-31"))
    assert books.account()["grade"] == "a"


def test_a_correction_to_another_type_lets_go_of_the_customer_it_named(books: Books) -> None:
    a, b, c = books.register("a", "b", "c")
    books.do(fact("r1", "referral_signed", "2026-10-05", a, new_customer=c))
    assert books.do(fact("r2", "referral_signed", "2026-10-06", b, new_customer=c)).code == "FACT_ONCE_ONLY"
    assert books.do(fact("r1", "login", "2026-10-05", a)).status == "corrected"
    assert books.do(fact("r2", "referral_signed", "2026-10-06", b, new_customer=c)).points == 5_000
    books.restart()
    assert books.do(fact("r3", "referral_signed", "2026-10-07", a, new_customer=c)).code == "FACT_ONCE_ONLY"


@pytest.mark.parametrize("merged", [False, True])
def test_a_customer_that_a_correction_let_go_of_is_free_after_a_start_from_the_columns_too(
    books: Books, tmp_path: Path, merged: bool
) -> None:
    a, b, c = books.register("a", "b", "c")
    books.do(fact("r1", "referral_signed", "2026-10-05", a, new_customer=c))
    follower = Follower(books.recorder, [ColumnsView(tmp_path)])
    if not merged:
        assert follower.follow_once() == {}  # the correction stands in a segment of its own
    assert books.do(fact("r1", "login", "2026-10-05", a)).status == "corrected"
    assert follower.follow_once() == {}
    follower.close()
    columns = Columns.open(tmp_path)
    assert columns.book() == books.state.book and columns.book().once == {}
    books.restart(columns)
    assert books.do(fact("r2", "referral_signed", "2026-10-06", b, new_customer=c)).points == 5_000


def test_a_cap_of_nothing_is_refused_where_it_would_silently_stop_all_grants(books: Books) -> None:
    caps = [{"id": "none", "title": {"zh": "无", "en": "none"}, "window": "year", "points": -5}]
    assert books.do(ProposeRuleSet({**rules_standard(), "caps": caps})).code == "RULESET_INVALID"


@pytest.mark.parametrize(("highest", "fits"), [("9000000000000000000", False), ("92233720368547", True), ("92233720368548", False)])
def test_a_measure_whose_sum_could_pass_2_to_the_63_is_refused_where_it_is_proposed(
    books: Books, highest: str, fits: bool
) -> None:
    books.register("a")
    title = {"zh": "大", "en": "big"}
    number = {"type": "number", "title": title, "unit": "", "places": 0, "min": "0", "max": highest}
    assert books.do(DeclareFactType({"id": "big", "title": title, "attributes": {"n": number}})).status == "accepted"
    document = rules_standard()
    measure = {"id": "bigs", "fact": "big", "window": "year", "sum": "n"}
    tag = {"id": "large", "title": title, "when": {"measure": "bigs", "of": "sum", "at_least": "1000"}}
    document |= {"id": "bigs", "measures": [*document["measures"], measure], "tags": [*document["tags"], tag]}
    answer = books.do(ProposeRuleSet(document), actor="ann")
    if not fits:
        # 2^63 has room for 100,000 facts of 92,233,720,368,547 each.
        assert (answer.code, answer.field) == ("RULESET_INVALID", f"measures.{len(document['measures']) - 1}.sum")
        assert "within 92233720368547 either way" in answer.reason
        return
    books.do(ApproveRuleSet(answer.id), actor="ben")
    assert books.do(ActivateRuleSet(answer.id, "2026-01-01"), actor="ben").status == "accepted"
    books.send(*(fact(f"b{i}", "big", "2026-10-01", n=highest) for i in range(3)))
    assert "large" in books.account()["tags"]
    wider = DeclareFactType({"id": "big", "title": title, "attributes": {"n": {**number, "max": "92233720368548"}}})
    answer = books.do(wider)
    assert (answer.code, "measures.") == ("FACT_TYPE_CONFLICT", answer.reason.partition(": ")[2][:9])


@pytest.mark.parametrize(
    ("append", "command", "code"),
    [
        ("append", fact("m", "login", "2026-10-01"), "LOG_MOVING"),
        ("append", DeclareFactType({"id": "visited", "title": {"zh": "访", "en": "Visited"}}), "LOG_MOVING"),
        ("append_chunks", CloseDays("2026-09-30"), "DAYS_NOT_CLOSED"),
    ],
)
def test_a_log_that_never_stands_still_is_told_by_a_code_of_its_own(
    books: Books, monkeypatch: pytest.MonkeyPatch, append: str, command: Command, code: str
) -> None:
    books.register("a")
    monkeypatch.setattr(books.recorder, append, lambda *_, **__: PositionMoved(0))
    with pytest.raises(PlumblineError) as raised:
        books.do(command)
    assert raised.value.code == code
