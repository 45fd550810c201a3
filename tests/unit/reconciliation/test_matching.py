"""Matching by rule: what matches by reference, by amount and date, by project, and what is left to people."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.reconciliation import faults_check, pairs_check, settle
from ledger.domain.values import day_parse, day_text
from reconciliation.candidates import nearly, score_of
from reconciliation.invented import FAULTS, MATCHED_BY, happened_of, invent
from reconciliation.items import Item, word, words
from reconciliation.reconciling import found_in, state_new
from reconciliation.report import report_of
from tests.settling import Desk

JUNE = "2025-06"
EVER = 1_000


def rules_of(desk: Desk) -> list[tuple[str, int]]:
    return [(f.rule, f.fen) for f in found_in(desk.settlement, EVER)]


def test_a_payment_that_names_the_redemption_settles_it() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02")
    payment = desk.pay("1", 50_00, "2025-06-09", reference="ｒ-000001 ")
    [found] = found_in(desk.settlement, EVER)
    assert (found.redemptions, found.payments, found.rule, found.score) == (
        ((part, 50_00),), ((payment, 50_00),), "reference", 100,
    )  # fmt: skip
    assert ("reference", "r-000001", "r-000001") in found.evidence
    assert desk.reconcile().lines == () and found_in(desk.settlement, EVER) == []


def test_an_invoice_that_the_redemption_was_for_is_as_good_as_its_number() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02", reference="FP-77")
    desk.pay("1", 50_00, "2025-06-09", invoice="fp-77")
    assert rules_of(desk) == [("reference", 50_00)]


def test_one_redemption_paid_in_parts_and_several_paid_together() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02")
    for n, fen in enumerate((20_00, 30_00)):
        desk.pay(f"a{n}", fen, "2025-06-09", reference="R-000001")
    desk.redeem(70_00, "2025-06-03", customer=2)
    desk.redeem(80_00, "2025-06-03", customer=2)
    desk.pay("b", 150_00, "2025-06-09", 2, reference="R-000002、R-000003")
    assert sorted(rules_of(desk)) == [("reference_combined", 150_00), ("reference_split", 50_00)]


def test_too_little_leaves_the_redemption_short_and_too_much_the_payment_over() -> None:
    desk = Desk()
    short = desk.redeem(50_00, "2025-06-02")
    desk.pay("1", 45_00, "2025-06-09", reference="R-000001")
    desk.redeem(50_00, "2025-06-02", 2)
    over = desk.pay("2", 57_00, "2025-06-09", 2, reference="R-000002")
    report = desk.reconcile()
    assert [(line.item, line.kind, line.open) for line in report.lines] == [(short, "short", 5_00), (over, "over", 7_00)]
    # Redeemed 100, settled 45 + 50: 5 are open.
    assert report.figures.redemptions.open == 5_00 and report.faults == ()


def test_a_payment_that_names_another_customers_redemption_is_a_candidate_and_both_say_whose() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", 1, reference="INV-1")
    payment = desk.pay("b15", 50_00, "2025-06-17", 15, reference="INV-1")
    report = desk.reconcile()
    assert report.matches == (), "no rule matches two customers"
    # 50, 18 for the very amount, 6 × 30 ÷ 45 for 15 days.
    assert [(line.item, line.kind, line.candidates) for line in report.lines] == [
        (part, "missing_payment", ((payment, 72, 15, True),)), (payment, "missing_redemption", ((part, 72, 1, True),)),
    ]  # fmt: skip
    redeemed, paid = (line.document() for line in report.lines)
    assert redeemed["sentence"] == {
        "zh": "没有任何付款抵扣这 50.00 元。另一客户的付款 bank:b15（C-000015）写了它的编号。",
        "en": "No payment took these 50.00 CNY off. bank:b15 of C-000015, another customer, names it.",
    }
    assert paid["sentence"] == {
        "zh": "付款抵扣了 50.00 元，却没有对应的兑换。所写编号属于另一客户的兑换 R-000001/1（C-000001）。",
        "en": "It took 50.00 CNY off, but there is no such redemption. It names R-000001/1 of C-000001, another customer.",
    }
    assert paid["candidates"] == [
        {"item": part, "score": 72, "customer": "C-000001", "another_customer": True}
    ]  # fmt: skip


def test_a_payment_that_names_its_own_customers_redemption_means_that_settled_or_not() -> None:
    desk = Desk()
    own = desk.redeem(50_00, "2025-06-02", 1, reference="合同款")
    desk.redeem(80_00, "2025-06-02", 2, reference="合同款")
    desk.pay("1", 50_00, "2025-06-03", 1, reference="合同款")
    desk.pay("2", 80_00, "2025-06-03", 1, reference="合同款")
    desk.reconcile()
    assert desk.settlement.parts[own].open == 0
    assert [line.candidates for line in desk.report().lines] == [(), ()]


def test_a_reference_that_hundreds_say_names_of_other_customers_only_what_has_the_very_amount() -> None:
    desk = Desk()
    for n in range(40):
        desk.redeem((n + 1) * 100, "2025-06-02", n + 1, reference="货款")
    desk.pay("x", 7_00, "2025-06-02", 99, reference="货款")
    [line] = [line for line in desk.report().lines if line.item == "bank:x"]
    assert [(c.score, c.customer) for c in line.candidates] == [(74, 7)]


def test_what_came_twice_is_a_duplicate_and_makes_up_for_nothing_else() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02")
    missing = desk.redeem(50_00, "2025-06-03")
    desk.pay("1", 50_00, "2025-06-09", reference="R-000001")
    again = desk.pay("2", 50_00, "2025-06-10", reference="R-000001")
    report = desk.reconcile()
    assert {line.item: line.kind for line in report.lines} == {missing: "missing_payment", again: "duplicate"}
    assert next(line for line in report.lines if line.item == again).twin == "bank:1"


def test_a_part_that_was_paid_twice_does_not_hide_behind_a_sum() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02")
    for n, fen in enumerate((30_00, 30_00, 20_00)):
        desk.pay(str(n), fen, f"2025-06-0{n + 3}", reference="R-000001")
    desk.reconcile()
    assert desk.kinds() == {"bank:1": "duplicate"}


def test_without_a_reference_amount_and_date_decide_where_one_reading_alone_is_sensible() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02")
    desk.redeem(275_00, "2025-06-02")
    payment = desk.pay("1", 50_00, "2025-06-20", reference="R-00001")
    [found] = found_in(desk.settlement, EVER)
    assert (found.redemptions, found.payments, found.rule) == (((part, 50_00),), ((payment, 50_00),), "amount_date")
    assert 60 <= found.score < 90


@pytest.mark.parametrize(
    ("paid", "days", "project", "score"),
    [
        (50_00, 0, "", 84),  # 60 + 18 for the very amount + 6 for the day
        (50_00, 45, "", 78),
        (50_00, 15, "", 82),  # 6 × 30 ÷ 45 = 4
        (50_00, 0, "一标段", 88),  # 4 for the project
        (50_01, 0, "", 71),  # 6 × 99 ÷ 100 = 5.94, and 6
        (49_97, 3, "", 71),  # 5.82 + 5.60
        (50_50, 30, "", 65),  # 3 + 2
        (51_00, 45, "", 60),
        (49_00, 0, "", 66),
        (51_01, 0, "", None),
        (48_99, 0, "", None),
        (50_01, 46, "", None),
        (50_00, 46, "", None),
    ],
)
def test_amounts_within_a_yuan_and_45_days_match_without_a_reference_and_score_by_how_near_they_are(
    paid: int, days: int, project: str, score: int | None
) -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-05-02", project=project)
    desk.pay("1", paid, day_text(day_parse("2025-05-02") + days), project=project)
    # The project alone says enough where both sides come to the same; here one pair does at once.
    assert [(f.rule, f.score, f.fen) for f in found_in(desk.settlement, EVER)] == (
        [] if score is None else [("amount_date", score, min(paid, 50_00))]
    )


@given(
    near=st.integers(0, 99), further=st.integers(1, 100), days=st.integers(0, 44), more=st.integers(1, 45),
    project=st.sampled_from(["", "一标段"]),
)  # fmt: skip
def test_the_nearer_pair_is_the_better_and_the_very_amount_beats_any_other(
    near: int, further: int, days: int, more: int, project: str
) -> None:
    def score(apart: int, days: int, project: str = "", reference: str = "") -> int:
        part = Item("R-000001/1", 1, 1000, 0, (reference,) if reference else (), project, 50_00, 50_00)
        return score_of(part, part._replace(key="bank:1", day=1000 + days, open=50_00 + apart))

    further, more = min(near + further, 100), min(days + more, 45)
    assert score(near, days, project) > score(further, days, project)
    assert score(near, days, project) > score(near, more, project)
    assert score(0, 45) > score(1, 0, "一标段", "fp-77")
    assert score(further, more, project) >= 60_00 and score(0, 0, "一标段", "fp-77") < 90_00


def test_of_two_that_differ_by_a_few_fen_only_one_that_is_by_far_the_nearer_is_taken() -> None:
    desk = Desk()
    near = desk.redeem(50_00, "2025-06-02")
    desk.redeem(50_90, "2025-06-02")
    payment = desk.pay("1", 50_02, "2025-06-04")
    # 5.88 against 6 × 12 ÷ 100 = 0.72: more than 4 apart.
    assert [(f.redemptions, f.payments) for f in found_in(desk.settlement, EVER)] == [
        (((near, 50_00),), ((payment, 50_00),)),
    ]  # fmt: skip
    other = Desk()
    for fen in (50_00, 50_30):
        other.redeem(fen, "2025-06-02")
    other.pay("1", 50_02, "2025-06-04")
    assert found_in(other.settlement, EVER) == []


def test_two_that_fit_alike_are_left_to_people_with_both_as_candidates() -> None:
    desk = Desk()
    parts = {desk.redeem(50_00, "2025-06-02"), desk.redeem(50_00, "2025-06-03")}
    payment = desk.pay("1", 50_00, "2025-06-10")
    report = desk.reconcile()
    assert desk.settlement.matches == {}
    line = next(line for line in report.lines if line.item == payment)
    assert line.kind == "unmatched" and {c.item for c in line.candidates} == parts
    said = line.document()["sentence"]
    assert "需要人工判断" in said["zh"] and "a person must say" in said["en"]


def test_another_customers_payment_or_one_too_late_settles_nothing() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-01-02")
    desk.pay("1", 50_00, "2025-06-10", 2, reference="R-000001")
    desk.pay("2", 50_00, "2025-06-10")
    assert found_in(desk.settlement, EVER) == []


def test_one_customers_project_that_adds_up_is_matched_as_a_whole() -> None:
    desk = Desk()
    for fen in (50_00, 100_00):
        desk.redeem(fen, "2025-06-02", project="一标段")
    for n, fen in enumerate((90_00, 60_00)):
        desk.pay(str(n), fen, "2025-06-09", project="一标段")
    assert rules_of(desk) == [("project_sum", 150_00)]


def test_what_takes_nothing_off_or_gives_a_gift_has_no_part_in_it() -> None:
    desk = Desk()
    desk.redeem(0, "2025-06-02", kind="gift")
    desk.pay("1", 0, "2025-06-09", reference="R-000001")
    assert desk.kinds() == {} and found_in(desk.settlement, EVER) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_planted_fault_is_found_as_what_it_is_and_no_other(seed: int) -> None:
    history = invent(1_500, seed=seed)
    state = state_new()
    for event in happened_of(history):
        state.apply(event)
    found = found_in(state.settlement, EVER)
    assert {p.fault for p in history.planted} == set(FAULTS)
    pairs_check(history, found)
    rules = {key: f.rule for f in found for key, _ in f.payments}
    for planted in history.planted:
        if planted.fault in MATCHED_BY:
            assert {rules[p] for p in planted.payments} <= set(MATCHED_BY[planted.fault])
    settle(state, found)
    report = report_of(state.settlement, EVER)
    faults_check(history, {line.item: line.kind for line in report.lines})
    assert report.faults == () and found_in(state.settlement, EVER) == []


AMOUNTS = st.sampled_from([50_00, 50_50, 100_00, 275_00])
NAMES = st.sampled_from(["", "R-000001", "R-000002", "R-000003 R-000001", "x"])
DAYS = st.integers(1, 28).map(lambda d: f"2025-06-{d:02d}")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(AMOUNTS, DAYS, st.integers(1, 2)), max_size=6),
    st.lists(st.tuples(AMOUNTS, DAYS, st.integers(1, 2), NAMES), max_size=6),
)
def test_whatever_comes_matching_fits_adds_up_and_finds_nothing_more_the_second_time(
    redeemed: list[tuple[int, str, int]], paid: list[tuple[int, str, int, str]]
) -> None:
    desk = Desk()
    for fen, day, customer in redeemed:
        desk.redeem(fen, day, customer)
    for n, (fen, day, customer, name) in enumerate(paid):
        desk.pay(str(n), fen, day, customer, reference=name)
    # Every command is decided: one that settled more than is open would be refused.
    report = desk.reconcile()
    assert report.faults == () and all(line.open > 0 for line in report.lines)
    assert sum(line.open for line in report.lines if line.side == "redemptions") == report.figures.redemptions.open
    assert found_in(desk.settlement, EVER) == []
    assert desk.reconcile().document() == report.document()


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [("r-0001", "r-0001", True), ("r-0001", "r-0010", True), ("r-0001", "r-001", True), ("r-0001", "r-0091", True),
     ("r-0001", "r-0992", False), ("abc", "abd", False), ("r-0001", "r-000111", False)],
)  # fmt: skip
def test_references_that_are_nearly_the_same(one: str, other: str, is_near: bool) -> None:
    assert nearly(one, other) is is_near is nearly(other, one)


def test_words_of_references() -> None:
    assert words("R-000001，R-000002 / x") == ("r-000001", "r-000002", "/", "x")
    assert word(" ＦＰ-1 ") == "fp-1" and words("") == () and words("  ") == ()


def test_a_payment_of_all_alike_costs_a_bounded_look() -> None:
    desk = Desk()
    for n in range(300):
        desk.redeem(50_00, "2025-06-02")
        desk.pay(str(n), 50_00, "2025-06-02")
    assert found_in(desk.settlement, EVER) == []
    assert {len(line.candidates) for line in desk.report().lines if line.side == "payments"} == {3}
