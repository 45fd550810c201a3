"""Customers that were merged are one where payments are matched with redemptions, and two again once that is taken
back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from ledger.domain.commands import ProposeMatch, SignPeriodOff, UndoSettlement
from ledger.domain.commands.settlement import ApproveProposal
from ledger.domain.values import money_text
from reconciliation.reconciling import found_in
from tests.settling import Desk

JUNE = 665
"""2025-06, counted from 1970-01."""
EVER = 1_000


@pytest.mark.parametrize(("redeemed", "paid"), [(1, 2), (2, 1)])
def test_a_payment_of_either_settles_a_redemption_of_the_other(redeemed: int, paid: int) -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", redeemed)
    payment = desk.pay("1", 50_00, "2025-06-09", paid, reference="R-000001")
    assert found_in(desk.settlement, EVER) == [], "they are two customers"
    desk.merge(1, 2)
    [found] = found_in(desk.settlement, EVER)
    assert (found.redemptions, found.payments, found.rule) == (((part, 50_00),), ((payment, 50_00),), "reference")
    report = desk.reconcile()
    assert (report.lines, report.faults, report.across) == ((), (), ())


def test_amounts_dates_projects_and_twins_of_merged_customers_are_held_against_each_other() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02", 1, project="bridge")
    desk.redeem(70_00, "2025-06-02", 1, project="road")
    # Two parts of 35 CNY come to the 70 of the project; the 50 are one pair of amount and date.
    desk.pay("1", 50_00, "2025-06-04", 2, project="bridge")
    desk.pay("2", 35_00, "2025-06-05", 2, project="road")
    desk.pay("3", 35_00, "2025-06-06", 3, project="road")
    desk.merge(2, 3)
    desk.merge(3, 1)
    assert sorted((f.rule, f.fen) for f in found_in(desk.settlement, EVER)) == [
        ("amount_date", 50_00), ("project_sum", 70_00),
    ]  # fmt: skip
    desk = Desk()
    desk.redeem(50_00, "2025-06-02", 1)
    desk.pay("1", 50_00, "2025-06-04", 1, reference="R-000001")
    again = desk.pay("2", 50_00, "2025-06-05", 2, reference="R-000001")
    desk.merge(2, 1)
    report = desk.reconcile()
    # The same payment sent under the old customer and under the survivor is told as what it is, and of whom.
    assert [(line.item, line.kind, line.twin, line.customer) for line in report.lines] == [
        (again, "duplicate", "bank:1", 2)
    ]


def test_once_two_again_what_was_matched_stands_is_told_and_can_be_undone() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", 1)
    payment = desk.pay("1", 50_00, "2025-06-09", 2, reference="R-000001")
    before = desk.report().document()
    desk.merge(1, 2)
    desk.reconcile()
    desk.unmerge(1, 2)
    report = desk.report()
    assert report.faults == () and report.lines == (), "what was settled is settled, and the books add up"
    assert report.across == (1,) and report.document()["across_customers"] == ["M-000001"]
    desk.do(UndoSettlement("M-000001", "two firms"))
    assert desk.kinds() == {part: "missing_payment", payment: "missing_redemption"}
    report = desk.report()
    assert report.across == () and found_in(desk.settlement, EVER) == []
    plain = [[(o["item"], o["kind"], o["open"]) for o in found["open"]] for found in (report.document(), before)]
    assert plain[0] == plain[1] and report.faults == ()
    named = [[c["another_customer"] for c in o["candidates"]] for o in report.document()["open"]]
    assert named == [[True], [True]], "only because the payment names it"


def test_what_two_people_matched_across_customers_is_theirs_to_say() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", 1)
    payment = desk.pay("1", 50_00, "2025-06-09", 2)
    desk.do(ProposeMatch(((part, "50"),), ((payment, "50"),), "the sister pays"), "ann")
    desk.do(ApproveProposal("M-000001"), "ben")
    assert desk.report().across == () and desk.report().lines == ()


def test_a_merging_after_sign_off_changes_nothing_of_the_report_that_was_signed() -> None:
    desk = Desk()
    desk.redeem(50_00, "2025-06-02", 1)
    desk.pay("1", 49_50, "2025-06-09", 2)
    desk.close("2025-06")
    signed = desk.report()
    side = signed.figures.redemptions
    figures = money_text(side.claimed), money_text(side.settled), money_text(side.open)
    desk.do(SignPeriodOff("2025-06", signed.sha256, *figures))
    desk.merge(1, 2, "2025-07-01")
    assert desk.report().document() == {**signed.document(), "signed_off": True}
    # In July they are one, and their amounts lie within 1 CNY of each other.
    assert {line.kind for line in desk.report("2025-07").lines} == {"unmatched"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from([20_00, 50_00, 70_00]), st.integers(1, 28)), max_size=8),
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([20_00, 50_00, 70_00]), st.integers(1, 28), st.integers(0, 8)),
        max_size=8,
    ),
    st.lists(st.integers(1, 3), max_size=3, unique=True),
)
def test_merged_customers_match_as_one_customer_would_and_apart_as_they_did_before(
    redeemed: list[tuple[int, int, int]], paid: list[tuple[int, int, int, int]], merged: list[int]
) -> None:
    def made(one: set[int]) -> Desk:
        desk = Desk()
        for customer, fen, day in redeemed:
            desk.redeem(fen, f"2025-06-{day:02d}", 4 if customer in one else customer)
        for n, (customer, fen, day, named) in enumerate(paid):
            said = f"R-{named:06d}" if named else ""
            desk.pay(str(n), fen, f"2025-06-{day:02d}", 4 if customer in one else customer, reference=said)
        return desk

    def said(desk: Desk) -> list[tuple[object, ...]]:
        return [(f.redemptions, f.payments, f.rule, f.score) for f in found_in(desk.settlement, EVER)]

    apart, one = made(set()), made(set(merged))
    before = said(apart)
    for customer in merged:
        apart.merge(customer, 4)
    assert said(apart) == said(one)
    for customer in reversed(merged):
        apart.unmerge(customer, 4)
    assert said(apart) == before
    report = apart.reconcile()
    assert report.faults == ()
