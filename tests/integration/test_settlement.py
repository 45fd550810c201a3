"""Settlement in a real ledger: payments imported as facts, matched, undone, signed off, and the same after a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.commands import (
    ApproveProposal,
    CloseDays,
    CommitRedemption,
    MatchByRule,
    MergeCustomers,
    ProposeMatch,
    Request,
    ReserveRedemption,
    ReverseRedemption,
    SignPeriodOff,
    UndoSettlement,
    UnmergeCustomers,
)
from ledger.domain.relations.state import Relations
from ledger.domain.values import customer_number, money_text, month_parse
from ledger.log.codec import state_of
from ledger.log.columns.reader import Columns, ColumnsBehind
from ledger.log.columns.store import ColumnsStore
from ledger.writer import LedgerState
from reconciliation.reconciling import commands_of, found_in, state_current, state_read
from reconciliation.report import Report, report_of
from tests.catalogue import catalogue_activate
from tests.ledgers import Books, fact
from tests.relations_dump import relations_dump

OCTOBER = "2026-10"


def columns_of(books: Books, folder: Path, until: int | None = None) -> Any:
    """The columns at the head of the log, or at a position before."""
    with ColumnsStore(folder) as store:
        builder = store.builder()
        events = books.recorder.select_range(store.position, 100_000, until)
        if events:
            earlier = {p: (s, d) for p, s, _, _, d in books.recorder.select_range(0, 100_000)}

            def fetch(position: int) -> tuple[int, Any]:
                stream, data = earlier[position]
                return customer_number(stream), state_of("FactRecorded", data)

            store.append(builder.apply(events, fetch), builder.book, builder.vocabulary)
    return Columns.open(folder)


POINTS = {50_00: "1000", 275_00: "5000"}
"""What so many fen of the offset cost."""


def redeem(books: Books, number: int, customer: int, fen: int) -> str:
    """Grant a customer what an offset of so many fen costs, and spend it: the committed part's name."""
    if not books.state.redemptions.redemptions:
        catalogue_activate(books)
    name, day = f"C-{customer:06d}", f"{OCTOBER}-02"
    answers = books.send(
        fact(f"grant-{number}", "manual_adjustment", day, name, points=POINTS[fen], reason="opening"),
        ReserveRedemption(name, "cash", points=POINTS[fen], project="一标段", occurred_on=day),
        CommitRedemption(f"R-{number:06d}", occurred_on=day),
    )
    assert [(a.status, a.code) for a in answers] == [("accepted", "")] * 3
    assert answers[1].id == f"R-{number:06d}"
    return f"R-{number:06d}/1"


@pytest.fixture
def shop(books: Books) -> Books:
    """Two customers who redeemed 50 and 275 CNY, the second paid with the first's money's worth taken off."""
    books.register("a", "b")
    redeem(books, 1, 1, 50_00)
    redeem(books, 2, 2, 275_00)
    answers = books.send(
        fact("p1", "payment_received", f"{OCTOBER}-09", amount="9950.00", offset_amount="50.00", reference="R-000001"),
        fact("p2", "payment_received", f"{OCTOBER}-10", "C-000002", amount="700.00", offset_amount="300.00", reference="R-000002"),
        fact("p3", "payment_received", f"{OCTOBER}-11", "C-000002", amount="1000.00"),
    )
    assert [a.status for a in answers] == ["accepted"] * 3
    return books


def reconciled(books: Books, folder: Path) -> tuple[Report, int]:
    """What `plumbline reconcile` does; the report and how many matches it recorded."""
    period = month_parse(OCTOBER)
    given = commands_of(found_in(state_read(columns_of(books, folder)).settlement, period))
    answers = books.writer.submit([Request(command, "ann") for command in given])
    assert {a.status for a in answers} <= {"accepted"}
    return report_of(state_read(columns_of(books, folder)).settlement, period), len(given)


def test_reconciling_twice_gives_the_same_answer_and_no_new_events(shop: Books, tmp_path: Path) -> None:
    first, recorded = reconciled(shop, tmp_path)
    head = shop.position
    assert recorded == 2 and first.faults == ()
    assert [(line.item, line.kind, line.open) for line in first.lines] == [("crm:p2", "over", 25_00)]
    assert (first.figures.redemptions.claimed, first.figures.redemptions.settled) == (325_00, 325_00)
    again, recorded = reconciled(shop, tmp_path)
    assert recorded == 0 and shop.position == head
    assert again.document() == first.document()


def test_undoing_a_match_restores_the_list_and_a_restart_and_the_columns_say_the_same(
    shop: Books, tmp_path: Path
) -> None:
    period = month_parse(OCTOBER)
    before = report_of(state_read(columns_of(shop, tmp_path)).settlement, period)
    first, _ = reconciled(shop, tmp_path)
    for match in first.matches:
        assert shop.do(UndoSettlement(f"M-{match.number:06d}", "tried")).status == "accepted"
    after = report_of(state_read(columns_of(shop, tmp_path)).settlement, period)
    # The same items with the same amounts; what was undone is told, and the other side of it is a candidate.
    told = {"kind", "candidates", "sentence"}
    plain = [
        sorted(({k: v for k, v in line.document().items() if k not in told} for line in found.lines), key=itemgetter("item"))
        for found in (after, before)
    ]
    assert plain[0] == plain[1]
    undone = {key: match for match in first.matches for key, _ in (*match.redemptions, *match.payments)}
    for line in after.lines:
        assert (line.item in undone) == bool(line.undone)
        if line.undone:
            assert line.kind == "unmatched" and line.undone[0][0] in {key for key, *_ in line.candidates}
            assert line.document()["sentence"]["en"].endswith(f" was undone on {shop.now.date()} by bob.")
    assert after.figures.redemptions.open == before.figures.redemptions.open == 325_00
    live = relations_dump(shop.state.relations)["settlement"]
    shop.restart()
    assert relations_dump(shop.state.relations)["settlement"] == live
    read: Relations = state_read(columns_of(shop, tmp_path))
    assert relations_dump(read)["settlement"] == live


def test_merged_customers_settle_each_other_and_a_restart_and_the_columns_say_the_same(
    shop: Books, tmp_path: Path
) -> None:
    redeem(shop, 3, 2, 50_00)
    # The redemption is the second customer's, the payment comes under the first.
    assert shop.do(fact("p4", "payment_received", f"{OCTOBER}-12", amount="9.00", offset_amount="50.00", reference="R-000003")).status == "accepted"
    first, _ = reconciled(shop, tmp_path)
    assert {line.item for line in first.lines} == {"crm:p2", "crm:p4", "R-000003/1"}
    assert shop.do(MergeCustomers("C-000002", "C-000001", "同一家")).status == "accepted"
    second, recorded = reconciled(shop, tmp_path)
    assert recorded == 1 and [line.item for line in second.lines] == ["crm:p2"] and second.faults == ()
    live = relations_dump(shop.state.relations)["settlement"]
    assert relations_dump(state_read(columns_of(shop, tmp_path)))["settlement"] == live
    shop.restart()
    assert relations_dump(shop.state.relations)["settlement"] == live
    assert shop.do(UnmergeCustomers("C-000001", "两家")).status == "accepted"
    third = report_of(state_read(columns_of(shop, tmp_path)).settlement, month_parse(OCTOBER))
    assert third.faults == () and third.across == (second.matches[-1].number,)
    assert third.figures == second.figures


def test_people_match_what_rules_do_not_and_a_dry_run_records_nothing(shop: Books) -> None:
    head = shop.position
    propose = ProposeMatch((("R-000001/1", "50.00"),), (("crm:p1", "50.00"),), "slip")
    [rehearsal] = shop.writer.rehearse_later([Request(propose, "ann")]).result()
    assert rehearsal.answer.status == "accepted" and rehearsal.events[0]["stream"] == "settlement"
    assert shop.position == head and shop.state.relations.settlement.matches == {}
    assert shop.do(propose, "ann").id == "M-000001"
    assert shop.do(ApproveProposal("M-000001"), "ann").code == "PROPOSAL_OWN"
    assert shop.do(ApproveProposal("M-000001"), "ben").status == "accepted"
    entry = shop.log(shop.position - 1)[0]
    assert (entry[1], entry[2], entry[3]["actor"], entry[3]["proposed_by"]) == (
        "settlement", "SettlementMatched", "ben", "ann",
    )  # fmt: skip
    refused = shop.do(MatchByRule((("R-000001/1", "1"),), (("crm:p1", "1"),), "reference", 100))
    assert refused.code == "MATCH_EXCEEDS"


def test_a_month_is_signed_off_once_it_is_closed_and_what_comes_later_stands_in_the_next(
    shop: Books, tmp_path: Path
) -> None:
    report, _ = reconciled(shop, tmp_path)
    side = report.figures.redemptions
    sign = SignPeriodOff(OCTOBER, report.sha256, money_text(side.claimed), money_text(side.settled), money_text(side.open))
    assert shop.do(sign).code == "PERIOD_OPEN"
    assert shop.do(CloseDays(f"{OCTOBER}-31")).status == "accepted"
    assert shop.do(sign).status == "accepted"
    shop.do(fact("p9", "payment_received", f"{OCTOBER}-20", amount="1.00", offset_amount="5.00"))
    settlement = state_read(columns_of(shop, tmp_path)).settlement
    assert report_of(settlement, month_parse(OCTOBER)).document() == report.document() | {"signed_off": True}
    late = next(line for line in report_of(settlement, month_parse("2026-11")).lines if line.item == "crm:p9")
    assert late.late == month_parse(OCTOBER) and "所属月份已关账" in late.document()["sentence"]["zh"]


def test_a_reversal_after_settlement_opens_the_item_again_in_its_own_month_and_a_restart_says_the_same(
    shop: Books, tmp_path: Path
) -> None:
    october, november = month_parse(OCTOBER), month_parse("2026-11")
    before, _ = reconciled(shop, tmp_path)
    assert shop.do(CloseDays(f"{OCTOBER}-31")).status == "accepted"
    # Of 1,000 points, worth 50 CNY, 400 come back: 20 CNY more are settled than is left of the part.
    assert shop.do(ReverseRedemption("R-000001", "wrong project", points="400")).status == "accepted"
    settlement = state_read(columns_of(shop, tmp_path)).settlement
    assert report_of(settlement, october).document() == before.document(), "what October said stands"
    report = report_of(settlement, november)
    assert report.faults == ()
    side = report.figures.redemptions
    assert (side.opening, side.claimed, side.settled, side.open) == (0, -20_00, 0, -20_00)
    line = next(line for line in report.lines if line.side == "redemptions")
    assert (line.item, line.kind, line.open) == ("R-000001/1", "over", -20_00)
    # Once the match is undone, 30 CNY of the part and the payment's 50 CNY are open.
    assert shop.do(UndoSettlement(f"M-{before.matches[0].number:06d}", "to be matched anew")).status == "accepted"
    settlement = state_read(columns_of(shop, tmp_path)).settlement
    report = report_of(settlement, november)
    assert {line.item: line.open for line in report.lines if line.customer == 1} == {"R-000001/1": 30_00, "crm:p1": 50_00}
    assert report.faults == () and report.figures.redemptions.open == 30_00
    live = relations_dump(shop.state.relations)["settlement"]
    assert relations_dump(state_read(columns_of(shop, tmp_path)))["settlement"] == live
    shop.restart()
    assert relations_dump(shop.state.relations)["settlement"] == live


def test_what_the_columns_lack_is_read_from_the_log_wherever_they_end(shop: Books, tmp_path: Path) -> None:
    reconciled(shop, tmp_path / "whole")
    correction = fact("p3", "payment_received", f"{OCTOBER}-11", "C-000002", amount="999.00")
    assert shop.do(correction).status == "corrected"
    head, zone = shop.position, shop.state.book.timezone
    expected = relations_dump(state_read(columns_of(shop, tmp_path / "whole")))
    for until in range(0, head + 1, 3):
        columns = columns_of(shop, tmp_path / f"to-{until}", until) if until else Columns.open(tmp_path / "none")
        assert columns.position == until
        assert relations_dump(state_current(columns, shop.recorder, zone)) == expected
        if until < head:
            with pytest.raises(ColumnsBehind, match=f"lack the last {head - until} events"):
                state_current(columns, shop.recorder, zone, events_max=head - until - 1)


def test_a_redemption_recorded_late_is_booked_in_the_month_it_happened_as_long_as_that_is_open(
    shop: Books, tmp_path: Path
) -> None:
    # Everything is recorded on 1 November, and happened in October.
    assert (shop.now.month, shop.state.relations.settlement.parts["R-000001/1"].period) == (11, month_parse(OCTOBER))
    shop.do(fact("more", "manual_adjustment", f"{OCTOBER}-02", points="1000", reason="r"))
    shop.do(ReserveRedemption("C-000001", "cash", points="1000", occurred_on=f"{OCTOBER}-30"))
    shop.do(CloseDays(f"{OCTOBER}-31"))
    assert shop.do(CommitRedemption("R-000003", occurred_on=f"{OCTOBER}-30")).status == "accepted"
    settlement = state_read(columns_of(shop, tmp_path)).settlement
    assert report_of(settlement, month_parse(OCTOBER)).figures.redemptions.claimed == 325_00
    assert report_of(settlement, month_parse("2026-11")).figures.redemptions.claimed == 50_00
    line = next(line for line in report_of(settlement, month_parse("2026-11")).lines if line.item == "R-000003/1")
    assert line.late == month_parse(OCTOBER)


def test_what_becomes_of_a_fact_that_is_no_payment_any_more_is_settlements_affair_no_longer(
    shop: Books, tmp_path: Path
) -> None:
    shop.do(fact("p4", "payment_received", f"{OCTOBER}-05", amount="1000", offset_amount="50"))
    assert shop.do(fact("p4", "login", f"{OCTOBER}-05")).status == "corrected"
    told = shop.state.relations.settlement.payments["crm:p4"]
    assert (told.offset, told.stands) == (0, False)
    shop.do(CloseDays(f"{OCTOBER}-31"))
    assert shop.do(fact("p4", "login", "2026-11-01")).status == "corrected"
    assert shop.state.relations.settlement.payments["crm:p4"] == told
    # Again a payment, it is one of November.
    columns, head = columns_of(shop, tmp_path / "once"), shop.position
    assert shop.do(fact("p4", "payment_received", "2026-11-01", amount="10", offset_amount="5")).status == "corrected"
    live = relations_dump(shop.state.relations)["settlement"]
    payment = shop.state.relations.settlement.payments["crm:p4"]
    assert (payment.offset, payment.stands, payment.period_last) == (5_00, True, month_parse("2026-11"))
    for loaded in (columns, columns_of(shop, tmp_path / "twice"), None):
        state = LedgerState.load(loaded, shop.recorder)
        assert relations_dump(state.relations)["settlement"] == live
    assert columns.position == head
    assert relations_dump(state_current(columns, shop.recorder, shop.state.book.timezone))["settlement"] == live


def test_a_payment_told_again_otherwise_is_corrected_in_settlement_too(shop: Books) -> None:
    shop.do(fact("p2", "payment_received", f"{OCTOBER}-10", "C-000002", amount="700.00", offset_amount="275.00", reference="R-000002"))
    assert shop.state.relations.settlement.payments["crm:p2"].offset == 275_00
    live = relations_dump(shop.state.relations)["settlement"]
    shop.restart()
    assert relations_dump(shop.state.relations)["settlement"] == live


def test_a_payment_corrected_late_stands_in_the_first_open_month_live_and_read_from_columns_and_log(
    shop: Books, tmp_path: Path
) -> None:
    shop.do(CloseDays(f"{OCTOBER}-31"))
    before = columns_of(shop, tmp_path)
    shop.now = datetime(2026, 12, 5, 4, tzinfo=UTC)
    again = shop.send(
        fact("p1", "payment_received", f"{OCTOBER}-09", amount="9950.00", offset_amount="60.00", reference="R-000001"),
        fact("p2", "payment_received", "2026-12-03", "C-000002", amount="700.00", offset_amount="300.00", reference="R-000002"),
    )
    assert [a.status for a in again] == ["corrected"] * 2
    # October stands at 50 + 300. November, which is open: 60 - 50 of the first, and 300 of the second taken back, which
    # belongs to December.
    claimed = {OCTOBER: 350_00, "2026-11": 10_00 - 300_00, "2026-12": 300_00}

    def told(state: Relations) -> list[Any]:
        reports = [report_of(state.settlement, month_parse(month)) for month in claimed]
        assert [r.figures.payments.claimed for r in reports] == list(claimed.values())
        return [r.document() for r in reports]

    live = told(shop.state.relations)
    assert [report["faults"] for report in live] == [[]] * 3
    assert told(state_current(before, shop.recorder, shop.state.book.timezone)) == live
    assert told(state_read(columns_of(shop, tmp_path))) == live
    shop.restart()
    assert told(shop.state.relations) == live
