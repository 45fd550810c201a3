"""Commands about settlement: nothing is settled twice, nobody approves their own, months signed off stay as they are."""

from __future__ import annotations

import pytest

from ledger.domain.commands import (
    ApproveProposal,
    AwardHonours,
    Command,
    DeclineProposal,
    MatchByRule,
    ProposeMatch,
    ProposeRuling,
    SignPeriodOff,
    UndoSettlement,
)
from ledger.domain.errors import Refused
from ledger.domain.settlement.records import numbered, payment_key, payment_named
from ledger.domain.values import money_text
from reconciliation.proposals import proposal_named, proposals_of
from reconciliation.sentences import approved_words
from tests.relations_dump import relations_dump
from tests.settling import Desk


@pytest.fixture
def desk() -> Desk:
    """A redemption of 50 CNY and a payment that took 60 off, both in June 2025."""
    desk = Desk()
    desk.redeem(50_00, "2025-06-02")
    desk.pay("1", 60_00, "2025-06-09")
    return desk


def match(redemption: str = "50", payment: str = "50", **more: str) -> MatchByRule:
    named = {"part": "R-000001/1", "paid": "bank:1"} | more
    return MatchByRule(((named["part"], redemption),), ((named["paid"], payment),), "reference", 100)


def refused(desk: Desk, command: Command, actor: str = "ann") -> str:
    before = relations_dump(desk.state)
    with pytest.raises(Refused) as error:
        desk.do(command, actor)
    assert relations_dump(desk.state) == before
    return error.value.code


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (match("50", "49.99"), "MATCH_UNEQUAL"),
        (match("50.01", "50.01"), "MATCH_EXCEEDS"),
        (match("0", "0"), "AMOUNT_INVALID"),
        (match("x", "50"), "AMOUNT_INVALID"),
        (match(part="R-000009/1"), "ITEM_UNKNOWN"),
        (match(paid="bank:9"), "ITEM_UNKNOWN"),
        (match(paid="R-000001/1"), "ITEM_UNKNOWN"),
        (MatchByRule((), (("bank:1", "1"),), "reference", 100), "MATCH_EMPTY"),
        (MatchByRule((("R-000001/1", "1"),) * 2, (("bank:1", "2"),), "reference", 100), "MATCH_TWICE"),
        (MatchByRule((("R-000001/1", "1"),), (("bank:1", "1"),), "person", 100), "MATCH_RULE_INVALID"),
        (MatchByRule((("R-000001/1", "1"),), (("bank:1", "1"),), "reference", 101), "NUMBER_INVALID"),
        (ProposeRuling("R-000001/1", "forgotten", "1", "r"), "RULING_OUTCOME_INVALID"),
        (ProposeRuling("R-000001/1", "explained", "50.01", "r"), "RULING_EXCEEDS"),
        (ProposeRuling("R-000001/1", "explained", "1", " "), "TEXT_INVALID"),
        (ApproveProposal("M-000001"), "PROPOSAL_UNKNOWN"),
        (UndoSettlement("M-000001", "r"), "SETTLEMENT_UNKNOWN"),
        (SignPeriodOff("2025-6", "0" * 64, "0", "0", "0"), "PERIOD_INVALID"),
        (SignPeriodOff("2025-06", "0" * 64, "0", "0", "0"), "PERIOD_OPEN"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(desk: Desk, command: Command, code: str) -> None:
    assert refused(desk, command) == code


def test_what_is_settled_is_open_no_more_and_undoing_restores_the_list(desk: Desk) -> None:
    before = desk.report().document()
    assert desk.do(match()).id == "M-000001"
    assert refused(desk, match("1", "1")) == "MATCH_EXCEEDS"
    assert desk.kinds() == {"bank:1": "over"}
    desk.do(UndoSettlement("M-000001", "another customer's"))
    after = desk.report().document()
    undone = after.pop("undone")
    assert [m["settlement"] for m in undone] == ["M-000001"] and before.pop("undone") == []
    # The list is the one before, of the same items and amounts; now each says of the other what was undone.
    plain = [[(o["item"], o["amount"], o["settled"], o["open"]) for o in found.pop("open")] for found in (after, before)]
    assert sorted(plain[0]) == sorted(plain[1])
    told = {"sha256", "counts"}
    assert {k: v for k, v in after.items() if k not in told} == {k: v for k, v in before.items() if k not in told}
    assert refused(desk, UndoSettlement("M-000001", "again")) == "SETTLEMENT_NOT_IN_FORCE"


def test_no_rule_makes_a_match_again_that_people_undid_and_people_may(desk: Desk) -> None:
    desk.redeem(70_00, "2025-06-02", 2)
    desk.pay("2", 70_00, "2025-06-09", 2, reference="R-000002")
    first = desk.reconcile()
    assert [m.rule for m in first.matches] == ["reference"]
    desk.do(UndoSettlement("M-000001", "ours"))
    assert desk.reconcile().matches == ()
    assert refused(desk, match("70", "70", part="R-000002/1", paid="bank:2")) == "MATCH_UNDONE"
    line = next(line for line in desk.report().lines if line.item == "bank:2")
    assert line.kind == "unmatched" and line.candidates[0][0] == "R-000002/1"
    desk.do(ProposeMatch((("R-000002/1", "70"),), (("bank:2", "70"),), "it is theirs"), "ann")
    desk.do(ApproveProposal("M-000002"), "ben")
    assert desk.settlement.parts["R-000002/1"].open == 0


def test_once_people_undid_a_match_no_rule_matches_either_side_with_a_twin() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", reference="INV-3")
    first = desk.pay("b3a", 50_00, "2025-06-09", reference="INV-3")
    twin = desk.pay("b3b", 50_00, "2025-06-10", reference="INV-3")
    # Two payments say the same: the rules take the older for the one.
    assert [m.payments for m in desk.reconcile().matches] == [((first, 50_00),)]
    desk.do(UndoSettlement("M-000001", "neither is sure"), "eve")
    assert desk.reconcile().matches == () and desk.settlement.parts[part].open == 50_00
    assert desk.kinds() == {part: "unmatched", first: "unmatched", twin: "duplicate"}
    assert refused(desk, match(paid="bank:b3b")) == "MATCH_UNDONE"
    # Nor does the payment go to a redemption that says the same; another customer's is matched as ever.
    again = desk.redeem(50_00, "2025-06-11", reference="INV-3")
    desk.redeem(80_00, "2025-06-11", 2, reference="INV-9")
    desk.pay("b9", 80_00, "2025-06-12", 2, reference="INV-9")
    assert [m.payments for m in desk.reconcile().matches] == [(("bank:b9", 80_00),)]
    desk.do(ProposeMatch(((part, "50"),), ((twin, "50"),), "the bank says so"), "ann")
    desk.do(ApproveProposal("M-000003"), "ben")
    assert desk.settlement.parts[part].open == 0 and desk.settlement.parts[again].open == 50_00


@pytest.mark.parametrize("project", ["", "一标段"])
def test_what_people_parted_is_still_another_reading_of_what_only_amount_or_project_tell(project: str) -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", project=project)
    payment = desk.pay("1", 50_00, "2025-06-03", project=project)
    assert len(desk.reconcile().matches) == 1
    desk.do(UndoSettlement("M-000001", "another project's"))
    # A second pair alike: without a reference it may belong to what was parted, so people say.
    desk.redeem(50_00, "2025-06-03", project=project)
    desk.pay("2", 50_00, "2025-06-02", project=project)
    assert desk.reconcile().matches == () and desk.settlement.parts[part].open == desk.settlement.payments[payment].open


def test_one_proposes_and_another_approves(desk: Desk) -> None:
    desk.do(ProposeMatch((("R-000001/1", "50"),), (("bank:1", "50"),), "seen on the slip"), "ann")
    assert desk.settlement.parts["R-000001/1"].open == 50_00
    assert [p.id for p in proposals_of(desk.settlement)] == ["M-000001"]
    assert refused(desk, ApproveProposal("M-000001"), "ann") == "PROPOSAL_OWN"
    desk.do(ApproveProposal("M-000001"), "ben")
    assert desk.log[-1].fields["rule"] == "person" and desk.log[-1].fields["proposed_by"] == "ann"
    assert desk.settlement.parts["R-000001/1"].open == 0
    assert refused(desk, ApproveProposal("M-000001"), "ben") == "PROPOSAL_DECIDED"
    assert proposals_of(desk.settlement) == []


def test_a_proposal_that_no_longer_fits_when_it_is_approved_is_refused(desk: Desk) -> None:
    desk.do(ProposeMatch((("R-000001/1", "50"),), (("bank:1", "50"),), "seen"), "ann")
    desk.do(match("20", "20"))
    assert refused(desk, ApproveProposal("M-000001"), "ben") == "MATCH_EXCEEDS"
    desk.do(DeclineProposal("M-000001", "partly settled"), "ben")
    assert desk.settlement.matches[1].state == "declined"


def test_the_same_is_proposed_once_until_it_is_decided(desk: Desk) -> None:
    lines = (("R-000001/1", "50"),), (("bank:1", "50"),)
    desk.do(ProposeMatch(*lines, "seen on the slip"), "ann")
    with pytest.raises(Refused, match="M-000001 proposes the same and waits") as error:
        desk.do(ProposeMatch(*lines, "seen as well"), "ben")
    assert error.value.code == "PROPOSAL_WAITING"
    desk.do(ProposeMatch((("R-000001/1", "40"),), (("bank:1", "40"),), "another amount is another proposal"), "ben")
    desk.do(DeclineProposal("M-000001", "not theirs"), "ben")
    assert desk.do(ProposeMatch(*lines, "after all"), "ann").id == "M-000003"
    desk.do(ApproveProposal("M-000003"), "ben")
    desk.do(UndoSettlement("M-000003", "no"), "ben")
    assert desk.do(ProposeMatch(*lines, "yes"), "ann").id == "M-000004", "what was approved waits no more"


def test_the_same_ruling_is_proposed_once_and_another_outcome_is_another_ruling(desk: Desk) -> None:
    desk.do(ProposeRuling("bank:1", "charged", "10", "told them"), "ann")
    assert refused(desk, ProposeRuling("bank:1", "charged", "10.00", "me too")) == "PROPOSAL_WAITING"
    desk.do(ProposeRuling("bank:1", "explained", "60", "a deposit"), "ann")
    assert [(p.id, p.stale) for p in proposals_of(desk.settlement)] == [("Q-000001", False), ("Q-000002", False)]
    desk.do(ApproveProposal("Q-000001"), "ben")
    # Of the payment's 60, 10 are ruled on: 50 are open.
    [left] = proposals_of(desk.settlement)
    assert (left.id, left.stale, left.document()["stale"]) == ("Q-000002", True, True)
    assert left.document()["sentence"]["en"] == "Stale: less is open than it takes; it can only be declined."
    assert refused(desk, ApproveProposal("Q-000002"), "ben") == "RULING_EXCEEDS"
    desk.do(DeclineProposal("Q-000002", "charged"), "ben")
    assert desk.do(ProposeRuling("bank:1", "charged", "10", "again"), "ann").id == "Q-000003"


def test_a_proposal_shows_its_items_whose_they_are_and_that_they_are_two_customers_until_these_are_merged() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", 1, reference="INV-1")
    payment = desk.pay("b15", 50_00, "2025-06-09", 15)
    desk.do(ProposeMatch(((part, "50"),), ((payment, "50"),), "the sister pays"), "ann")
    [proposal] = proposals_of(desk.settlement)
    told = proposal.document()
    assert told["items"] == [
        {
            "item": part, "side": "redemptions", "customer": "C-000001", "date": "2025-06-02", "takes": "50.00",
            "amount": "50.00", "open": "50.00", "evidence": {"reference": "INV-1"},
        },
        {
            "item": payment, "side": "payments", "customer": "C-000015", "date": "2025-06-09", "takes": "50.00",
            "amount": "50.00", "open": "50.00", "evidence": {"payer": "甲公司", "paid": "1000.00"},
        },
    ]  # fmt: skip
    assert (told["across_customers"], told["stale"]) == (True, False)
    assert told["sentence"] == {
        "zh": "跨客户：C-000001、C-000015 不是同一客户。",
        "en": "Across customers: C-000001 and C-000015 are not one customer.",
    }
    desk.merge(15, 1)
    same = proposal_named(desk.settlement, "M-000001")
    assert same is not None and not same.across and same.sentence("en") == ""


def test_a_ruling_closes_an_open_item_and_can_be_undone(desk: Desk) -> None:
    desk.do(match())
    desk.do(ProposeRuling("bank:1", "charged", "10", "told the customer"), "ann")
    assert refused(desk, ApproveProposal("Q-000001"), "ann") == "PROPOSAL_OWN"
    desk.do(ApproveProposal("Q-000001"), "ben")
    assert desk.kinds() == {}
    figures = desk.report().figures.payments
    assert (figures.claimed, figures.settled, figures.ruled, figures.open) == (60_00, 50_00, 10_00, 0)
    desk.do(UndoSettlement("Q-000001", "they paid"))
    assert desk.kinds() == {"bank:1": "over"}


def test_a_reversed_redemption_that_was_settled_stands_over_and_is_closed_by_a_ruling(desk: Desk) -> None:
    desk.do(match())
    desk.reverse("R-000001/1", 20_00, "2025-06-20")
    line = next(line for line in desk.report().lines if line.item == "R-000001/1")
    assert (line.kind, line.open) == ("over", -20_00) and desk.report().faults == ()
    desk.do(ProposeRuling("R-000001/1", "charged", "20", "billed"), "ann")
    desk.do(ApproveProposal("Q-000001"), "ben")
    assert desk.settlement.parts["R-000001/1"].open == 0


def test_a_payment_that_is_corrected_moves_what_is_open(desk: Desk) -> None:
    desk.pay("1", 50_00, "2025-06-09", corrects=3)
    assert desk.report().figures.payments.claimed == 50_00
    desk.do(match())
    desk.pay("1", 45_00, "2025-06-09", corrects=4)
    line = next(line for line in desk.report().lines if line.item == "bank:1")
    assert (line.kind, line.open) == ("short", -5_00)
    desk.pay("1", 45_00, "2025-06-09", corrects=5, fact_type="invoice_paid")
    assert desk.settlement.payments["bank:1"].offset == 0 and desk.report().faults == ()


def sign(desk: Desk, month: str) -> SignPeriodOff:
    report = desk.report(month)
    side = report.figures.redemptions
    return SignPeriodOff(
        month, report.sha256, money_text(side.claimed), money_text(side.settled + side.ruled), money_text(side.open)
    )


def test_what_comes_after_a_month_was_signed_off_is_booked_in_the_next_and_shown_as_such(desk: Desk) -> None:
    desk.close("2025-06")
    signed = sign(desk, "2025-06")
    assert refused(desk, SignPeriodOff("2025-06", signed.sha256, "49", "0", "49")) == "PERIOD_MOVED"
    desk.do(signed)
    june = desk.report("2025-06").document()
    assert june["signed_off"] and june["redemptions"]["open"] == "50.00"
    late = desk.pay("2", 50_00, "2025-06-30", recorded="2025-07-02", reference="R-000001")
    found = desk.reconcile("2025-07")
    assert [(m.payments, m.period) for m in found.matches] == [(((late, 50_00),), desk.settlement.period_last)]
    assert desk.report("2025-06").document() == june
    desk.pay("3", 5_00, "2025-06-30", recorded="2025-07-03")
    line = next(line for line in desk.report("2025-07").lines if line.item == "bank:3")
    assert line.document()["late_from"] == "2025-06" and "was closed before it came" in line.document()["sentence"]["en"]
    assert refused(desk, signed) == "PERIOD_SIGNED"
    assert refused(desk, SignPeriodOff("2025-05", signed.sha256, "0", "0", "0")) == "PERIOD_SIGNED"


def test_an_undone_match_of_a_month_that_was_signed_off_is_booked_in_the_next(desk: Desk) -> None:
    desk.do(match())
    desk.close("2025-06")
    desk.do(sign(desk, "2025-06"))
    june = desk.report("2025-06").document()
    desk.do(UndoSettlement("M-000001", "wrong"))
    assert desk.report("2025-06").document() == june
    july = desk.report("2025-07")
    assert (july.figures.redemptions.settled, july.figures.redemptions.open) == (-50_00, 50_00)
    assert [m.number for m in july.undone] == [1] and july.faults == ()


def test_honours_are_awarded_once() -> None:
    desk = Desk()
    desk.state.customers.count = lambda: 2  # pyright: ignore[reportAttributeAccessIssue]
    desk.state.customers.name = lambda number: f"客户{number}"  # pyright: ignore[reportAttributeAccessIssue]
    award = AwardHonours(2025, "points_earned", 7, (("1", "C-000002", "10.00"), ("2", "C-000001", "9.50")))
    assert refused(desk, AwardHonours(2025, "m", 7, (("1", "C-000003", "1"),))) == "CUSTOMER_UNKNOWN"
    assert refused(desk, AwardHonours(2025, "m", 7, (("one", "C-000001", "1"),))) == "HONOURS_INVALID"
    first = desk.do(award)
    assert desk.log[-1].fields["places"][0] == {
        "rank": 1, "customer": "C-000002", "name": "客户2", "points": 10_00, "tied": False,
    }  # fmt: skip
    again = desk.do(award)
    assert (first.status, again.status, again.position) == ("accepted", "duplicate", first.position)


def test_names_of_payments_lead_back_to_source_and_id_whatever_colons_they_hold() -> None:
    for source, external_id in (("bank", "1"), ("a:b", "c:d"), ("a%3Ab", ":"), ("%", "")):
        assert payment_named(payment_key(source, external_id)) == (source, external_id)
    assert payment_key("a:b", "c") != payment_key("a", "b:c")
    assert numbered("M-000012", "M") == 12 and numbered("M-12", "M") == numbered("Q-000012", "M") == 0


def test_what_was_matched_until_people_undid_it_says_so_whatever_the_amounts() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02", reference="INV-5")
    payment = desk.pay("p6", 80_00, "2025-06-09", reference="INV-5")
    assert [line.kind for line in desk.reconcile().lines] == ["over"]
    desk.do(UndoSettlement("M-000001", "another invoice"), "eve", "2025-06-20")
    report = desk.reconcile()
    assert desk.settlement.matches.keys() == {1}, "rules don't do it again"
    assert [(line.item, line.kind, line.candidates) for line in report.lines] == [
        (part, "unmatched", ((payment, 90, 1, False),)), (payment, "unmatched", ((part, 90, 1, False),)),
    ]  # fmt: skip
    assert report.lines[1].document()["sentence"] == {
        "zh": f"80.00 元可能对应 {part}（90 分），需要人工判断。与 {part} 的匹配已由 eve 于 2025-06-20 撤销。",
        "en": f"80.00 CNY may belong to {part} (score 90); a person must say."
        f" A match with {part} was undone on 2025-06-20 by eve.",
    }
    # Settled otherwise, the redemption is no candidate any more; that they were matched once is told all the same.
    other = desk.pay("p7", 50_00, "2025-06-21", reference="R-000001")
    assert len(desk.reconcile().lines) == 3, "no rule gives it to another payment either"
    desk.do(ProposeMatch(((part, "50"),), ((other, "50"),), "it is theirs"), "ann")
    desk.do(ApproveProposal("M-000002"), "ben")
    [line] = desk.reconcile().lines
    assert (line.item, line.kind, line.candidates) == (payment, "missing_redemption", ())
    assert line.document()["sentence"]["en"].endswith(f"A match with {part} was undone on 2025-06-20 by eve.")


def test_what_is_approved_says_how_much_and_what_is_left_open() -> None:
    desk = Desk()
    part = desk.redeem(50_00, "2025-06-02")
    payment = desk.pay("1", 80_00, "2025-06-09")
    desk.do(ProposeMatch(((part, "30.00"),), ((payment, "30.00"),), "by phone"))
    desk.do(ApproveProposal("M-000001"), "ben")
    assert approved_words(desk.settlement, "M-000001", "en") == (
        f"30.00 CNY; 20.00 of {part} is open, 50.00 of {payment} is open"
    )
    ruled = desk.do(ProposeRuling(payment, "explained", "50.00", "a discount")).id
    desk.do(ApproveProposal(ruled), "ben")
    assert approved_words(desk.settlement, ruled, "zh") == f"50.00 元；{payment} 未结 0.00 元"
