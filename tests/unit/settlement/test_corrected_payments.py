"""A corrected payment stands in the month that its posting day lies in, as its points do."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings, strategies as st

from ledger.domain.commands import (
    ApproveProposal,
    MatchByRule,
    ProposeMatch,
    ProposeRuling,
    SignPeriodOff,
    UndoSettlement,
)
from ledger.domain.settlement.figures import figures_of
from ledger.domain.values import money_text, month_parse
from tests.settling import Desk


def claimed(desk: Desk, *months: str) -> list[int]:
    """What payments took off in each month, in fen."""
    for month in months:
        assert desk.report(month).faults == ()
    return [figures_of(desk.settlement, month_parse(month)).payments.claimed for month in months]


def match(fen: int) -> MatchByRule:
    return MatchByRule((("R-000001/1", money_text(fen)),), (("bank:b12", money_text(fen)),), "reference", 100)


def test_what_corrects_a_payment_of_a_closed_month_stands_in_the_first_open_one_whatever_the_clock_says() -> None:
    desk = Desk()
    key = desk.pay("b12", 100_00, "2026-03-07")
    desk.close("2026-03")
    # It is corrected in November; the fact is booked on the first open day.
    desk.pay("b12", 120_00, "2026-04-01", corrects=1, recorded="2026-11-05")
    # 100.00 in March; in April 100.00 are taken back and 120.00 booked: 20.00. Nothing in the month of the clock.
    assert claimed(desk, "2026-03", "2026-04", "2026-11") == [100_00, 20_00, 0]
    assert [(line.open, line.late) for line in desk.report("2026-03").lines] == [(100_00, None)]
    desk.pay("b12", 90_00, "2026-04-01", corrects=3, recorded="2026-11-06")
    # Once more while April is open: 120.00 taken back, 90.00 booked: 20 - 120 + 90 = -10.
    assert claimed(desk, "2026-03", "2026-04", "2026-11") == [100_00, -10_00, 0]
    assert [(line.item, line.open) for line in desk.report("2026-04").lines] == [(key, 90_00)]


def test_a_correction_that_comes_after_its_month_says_so_in_its_own_month_alone() -> None:
    desk = Desk()
    desk.pay("b12", 100_00, "2026-03-07")
    desk.close("2026-03")
    march = desk.report("2026-03").document()
    desk.happened(
        "FactRecorded", 1, "2026-11-05", source="bank", external_id="b12", fact_type="payment_received", corrects=1,
        occurred_at="2026-03-07T00:00:00+08:00", booked_on="2026-04-01",
        attributes={"reference": "", "payer": "", "project": "", "invoice": "", "amount": 1_000_00, "offset_amount": 120_00},
    )  # fmt: skip
    [line] = desk.report("2026-04").document()["open"]
    assert (line["open"], line["late_from"]) == ("120.00", "2026-03")
    [before], [then] = march["open"], desk.report("2026-03").document()["open"]
    assert (before["open"], before["late_from"]) == (then["open"], then["late_from"]) == ("100.00", None)


def test_a_payment_corrected_while_its_month_is_open_moves_to_the_month_it_belongs_to() -> None:
    desk = Desk()
    key = desk.pay("b12", 100_00, "2026-04-07")
    desk.pay("b12", 100_00, "2026-03-30", corrects=1, recorded="2026-11-05")
    assert claimed(desk, "2026-03", "2026-04") == [100_00, 0]
    desk.pay("b12", 80_00, "2026-05-02", corrects=2, recorded="2026-11-05")
    assert claimed(desk, "2026-03", "2026-04", "2026-05") == [0, 0, 80_00]
    assert desk.settlement.payments[key].period == month_parse("2026-05")


def test_what_corrects_a_payment_of_a_month_that_was_signed_off_stands_in_the_next() -> None:
    desk = Desk()
    desk.pay("b12", 100_00, "2026-03-07")
    desk.close("2026-03")
    report = desk.report("2026-03")
    desk.do(SignPeriodOff("2026-03", report.sha256, "0.00", "0.00", "0.00"))
    signed = desk.report("2026-03")
    # Told again as no payment at all: what it claimed is taken back in April.
    desk.pay("b12", 100_00, "2026-04-01", corrects=1, recorded="2026-11-05", fact_type="invoice_paid")
    assert claimed(desk, "2026-03", "2026-04", "2026-11") == [100_00, -100_00, 0]
    assert (desk.report("2026-03").figures, desk.report("2026-03").sha256) == (signed.figures, signed.sha256)


def test_what_is_settled_is_booked_where_it_was_claimed() -> None:
    desk = Desk()
    desk.redeem(120_00, "2026-03-02")
    desk.pay("b12", 100_00, "2026-03-07")
    desk.close("2026-03")
    desk.pay("b12", 120_00, "2026-04-01", corrects=3, recorded="2026-11-05")
    # 120.00 were taken off only once it was corrected in April; 100.00 are there in March.
    desk.do(match(120_00))
    assert [desk.report(m).figures.payments.settled for m in ("2026-03", "2026-04")] == [0, 120_00]
    desk.do(UndoSettlement("M-000001", "another"))
    assert [desk.report(m).figures.payments.settled for m in ("2026-03", "2026-04")] == [0, 0]
    desk.redeem(100_00, "2026-03-03")
    # What people parted, people match again.
    again = desk.do(ProposeMatch((("R-000002/1", "100.00"),), (("bank:b12", "100.00"),), "by hand")).id
    desk.do(ApproveProposal(again), "ben")
    assert [desk.report(m).figures.payments.settled for m in ("2026-03", "2026-04")] == [100_00, 0]
    # The 20.00 that April brought are ruled on there.
    ruled = desk.do(ProposeRuling("bank:b12", "charged", "20.00", "billed")).id
    desk.do(ApproveProposal(ruled), "ben")
    assert [desk.report(m).figures.payments.ruled for m in ("2026-03", "2026-04")] == [0, 20_00]
    assert desk.report("2026-03").figures.payments.open == desk.report("2026-04").figures.payments.open == 0


def test_a_month_is_reconciled_with_what_is_still_open_of_it() -> None:
    desk = Desk()
    desk.redeem(120_00, "2026-03-02")
    desk.pay("b12", 100_00, "2026-03-07", reference="R-000001")
    desk.close("2026-03")
    desk.pay("b12", 120_00, "2026-04-01", corrects=3, recorded="2026-11-05", reference="R-000001")
    assert [m.rule for m in desk.reconcile("2026-04").matches] == ["reference"]
    # 120.00 and 100.00 stand open at the end of March, and nothing of either is by now.
    assert [line.open for line in desk.report("2026-03").lines] == [120_00, 100_00]
    assert desk.reconcile("2026-03").matches == () and len(desk.settlement.matches) == 1
    desk.redeem(50_00, "2026-03-02")
    desk.pay("b13", 50_00, "2026-03-07", reference="R-000002")
    desk.pay("b13", 30_00, "2026-04-01", corrects=6, recorded="2026-11-05", reference="R-000002")
    # Of the 50.00 of March 30.00 are left: they are settled, and 20.00 of the redemption lack.
    assert [m.payments for m in desk.reconcile("2026-03").matches] == [(("bank:b13", 30_00),)]
    assert {line.item: line.open for line in desk.report("2026-04").lines} == {"R-000002/1": 20_00}


def test_less_than_was_settled_is_ruled_on_in_the_month_of_the_correction() -> None:
    desk = Desk()
    desk.redeem(100_00, "2026-03-02")
    desk.pay("b12", 100_00, "2026-03-07")
    desk.do(match(100_00))
    desk.close("2026-03")
    desk.pay("b12", 70_00, "2026-04-01", corrects=3, recorded="2026-11-05")
    assert [desk.report(m).figures.payments.open for m in ("2026-03", "2026-04")] == [0, -30_00]
    ruled = desk.do(ProposeRuling("bank:b12", "written_off", "30.00", "ours")).id
    desk.do(ApproveProposal(ruled), "ben")
    assert [desk.report(m).figures.payments.open for m in ("2026-03", "2026-04")] == [0, 0]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 28), st.sampled_from([0, 50_00, 90_00]), st.booleans()), max_size=8
    )
)
def test_however_often_it_is_corrected_closed_months_stand_still_and_all_months_come_to_what_it_says(
    versions: list[tuple[int, int, int, bool]],
) -> None:
    desk = Desk()
    months = [f"2026-{month:02d}" for month in range(1, 7)]
    closed = 0
    desk.pay("b12", 70_00, "2026-01-07")
    last = 70_00
    for month, day, last, closes in versions:
        if closes and closed < 5:
            closed += 1
            desk.close(months[closed - 1])
        still = claimed(desk, *months[:closed])
        # Booked as the ledger does: on its day, or the first that is open.
        booked = f"2026-{month:02d}-{day:02d}" if month > closed else f"2026-{closed + 1:02d}-01"
        desk.pay("b12", last, booked, corrects=1, recorded="2026-11-05")
        assert claimed(desk, *months[:closed]) == still
    assert sum(claimed(desk, *months)) == last == desk.settlement.payments["bank:b12"].open
