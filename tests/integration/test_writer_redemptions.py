"""Redemptions decided by the writer on a real log. Points are in 1/100: a completed project grants 5_000."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import accumulate
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ledger.domain.commands import (
    Answer,
    CloseDays,
    CommitRedemption,
    MoveStock,
    Request,
    ReserveRedemption,
    ReverseRedemption,
    UseEntitlement,
    VoidRedemption,
)
from ledger.domain.redemption.state import Stock
from ledger.rules.engine import state_of
from ledger.rules.narrate import Narrator
from tests.catalogue import catalogue, catalogue_activate
from tests.ledgers import Books, books_open, fact

PROJECT = "project_completed"


@pytest.fixture
def shop(books: Books) -> Books:
    """A ledger with a catalogue in force and one customer who has 150 points."""
    catalogue_activate(books)
    books.register("a")
    books.send(*(fact(str(i), PROJECT, "2026-10-05") for i in range(3)))
    return books


def figures(books: Books, customer: str = "C-000001") -> tuple[int, int, int]:
    """Balance, held, debt."""
    account = books.account(customer)
    return account["balance"], account["held"], account["debt"]


def refused(answer: Answer) -> tuple[str, str]:
    assert answer.status == "refused", answer
    return answer.code, answer.field


def kinds(books: Books, after: int) -> list[tuple[str, int]]:
    return [(name, points) for name, points in books.told(after)]


def state_dump(books: Books) -> dict[str, Any]:
    """What the writer's memory has of redemptions."""
    state = books.state.redemptions
    return {
        "redemptions": dict(state.redemptions),
        "stock": dict(state.stock),
        "taken": {k: v for k, v in state.taken.items() if v},
        "customers": dict(state.of_customer.items()),
        "due": {day: sorted(numbers) for day, numbers in state.due.items()},
        "accounts": [state_of(books.state.program, record) for record in books.state.records],
    }


def test_a_gift_is_held_spent_in_parts_and_the_rest_freed(shop: Books) -> None:
    shop.do(MoveStock("workwear", 5, "delivered", "m", "PO-1"))
    before = shop.position
    held = shop.do(ReserveRedemption("C-000001", "workwear", "m", 3, reference="site 4"))
    assert (held.status, held.id, held.points) == ("accepted", "R-000001", 12_000)
    assert figures(shop) == (15_000, 12_000, 0)
    assert shop.state.redemptions.stock_of("workwear", "m") == Stock(5, 3)
    part = shop.do(CommitRedemption("R-000001", quantity=2, reference="slip 1"))
    assert part.points == -8_000
    assert figures(shop) == (7_000, 4_000, 0)
    shop.do(VoidRedemption("R-000001", "one is enough"))
    assert figures(shop) == (7_000, 0, 0)
    assert shop.state.redemptions.stock_of("workwear", "m") == Stock(3, 0)
    assert kinds(shop, before) == [
        ("RedemptionReserved", 12_000), ("PointsHeld", 12_000), ("RedemptionCommitted", 8_000),
        ("PointsRedeemed", -8_000), ("RedemptionVoided", 4_000), ("PointsFreed", 4_000),
    ]  # fmt: skip
    states = [s for _, _, name, s in shop.log(before) if name.startswith("Points")]
    assert [(s["balance"], s["available"]) for s in states] == [(15_000, 3_000), (7_000, 3_000), (7_000, 7_000)]
    assert refused(shop.do(CommitRedemption("R-000001"))) == ("HOLD_OVER", "redemption")
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


def test_what_is_missing_is_said_and_nothing_is_recorded(shop: Books) -> None:
    shop.do(MoveStock("workwear", 1, "delivered", "m"))
    before = shop.position
    answers = shop.send(
        ReserveRedemption("C-000001", "workwear", "m", 2),
        ReserveRedemption("C-000001", "cash", points="1000"),
        ReserveRedemption("C-000001", "car"),
        ReserveRedemption("C-000001", "workwear", "s"),
        ReserveRedemption("C-000009", "pen"),
        ReserveRedemption("C-000001", "advice", quantity=11),
        ReserveRedemption("C-000001", "cash", points="1005"),
        ReserveRedemption("C-000001", "cash", points="990"),
        ReserveRedemption("C-000001", "pen", points="1"),
        ReserveRedemption("C-000001", "small", points="10", quantity=7),
        ReserveRedemption("C-000001", "pen", occurred_on="2026-12-01"),
        CommitRedemption("R-000001"),
        MoveStock("workwear", -2, "counted", "m"),
        MoveStock("advice", 1, "more"),
        UseEntitlement("C-000001", "priority_quote", "settlement"),
    )
    assert [refused(a) for a in answers] == [
        ("STOCK_INSUFFICIENT", "quantity"), ("POINTS_INSUFFICIENT", "points"), ("OFFER_UNKNOWN", "offer"),
        ("VARIANT_UNKNOWN", "variant"), ("CUSTOMER_UNKNOWN", "customer"), ("QUOTA_REACHED", "quantity"),
        ("POINTS_INVALID", "points"), ("POINTS_INVALID", "points"), ("POINTS_INVALID", "points"),
        ("NUMBER_INVALID", "quantity"), ("DATE_INVALID", "occurred_on"), ("REDEMPTION_UNKNOWN", "redemption"), ("STOCK_INSUFFICIENT", "quantity"),
        ("OFFER_UNCOUNTED", "offer"), ("ENTITLEMENT_UNKNOWN", "entitlement"),
    ]  # fmt: skip
    assert answers[1].reason.endswith("costs 1000.00 points, 150.00 can be spent: 850.00 are missing")
    assert answers[0].reason == "1 are in stock and not held by others; 1 are missing"
    assert shop.position == before


def test_an_offset_is_worth_more_by_the_step_and_its_parts_add_up_to_the_fen(books: Books) -> None:
    steps = [{"points": 30, "money": 1}, {"points": 70, "money": "2.50"}]
    offers = [{"id": "off", "kind": "offset", "title": {"zh": "o", "en": "o"}, "steps": steps}]
    catalogue_activate(books, {"offers": offers})
    books.register("a")
    books.send(*(fact(str(i), PROJECT, "2026-10-05") for i in range(3)))
    before = books.position
    books.do(ReserveRedemption("C-000001", "off", points="40", reference="INV-1"))
    books.do(ReserveRedemption("C-000001", "off", points="100.01", reference="INV-2"))
    reserved = [s for _, _, name, s in books.log(before) if name == "RedemptionReserved"]
    # 40 × 1 ÷ 30 = 1.333…; 100.01 × 2.50 ÷ 70 = 3.57178…: rounded down to the fen.
    assert [(s["points"], s["money"]) for s in reserved] == [(4_000, 133), (10_001, 357)]
    for points in ("33.33", "33.33", ""):
        assert books.do(CommitRedemption("R-000002", points=points)).status == "accepted"
    parts = [s["money"] for _, _, name, s in books.log(before) if name == "RedemptionCommitted"]
    # 3333 × 357 ÷ 10001 = 118.97…, 6666 × 357 ÷ 10001 = 237.95…: 118, 119, and 120 are left.
    assert parts == [118, 119, 120]
    assert refused(books.do(ReverseRedemption("R-000002", "wrong invoice"))) == ("PART_UNKNOWN", "part")
    assert books.do(ReverseRedemption("R-000002", "wrong invoice", part=2, points="10")).points == 1_000
    assert books.do(ReverseRedemption("R-000002", "wrong invoice", part=2)).points == 2_333
    back = [s["money"] for _, _, name, s in books.log(before) if name == "RedemptionReversed"]
    assert back == [35, 84], "1000 × 119 ÷ 3333 = 35.7…; the rest of 119 comes with the rest"
    assert refused(books.do(ReverseRedemption("R-000002", "again", part=2))) == ("PART_REVERSED", "part")
    assert figures(books) == (15_000 - 6_668, 4_000, 0)


def test_points_come_back_to_their_lots_and_those_of_a_closed_month_expire_at_the_next_close(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    books.do(fact("1", PROJECT, "2024-08-05"))  # valid for 24 months: until the end of August 2026
    books.do(fact("2", PROJECT, "2024-09-05"))
    august, september = 12 * 56 + 7, 12 * 56 + 8
    books.do(CloseDays("2026-07-31"))
    books.do(ReserveRedemption("C-000001", "small", points="70", occurred_on="2026-08-20"))
    books.do(CommitRedemption("R-000001", occurred_on="2026-08-20"))
    assert books.account()["lots"] == {september: 3_000}
    books.do(CloseDays("2026-08-31"))
    before = books.position
    books.do(ReverseRedemption("R-000001", "the invoice was void", points="60"))
    returned = next(s for _, _, name, s in books.log(before) if name == "PointsReturned")
    # The first 60 of the 70 came from the lot of August: 50, and 10 of September's.
    assert returned["lots"] == [[august, 5_000], [september, 1_000]]
    assert returned["available"] == 0, "both lots are past their date in November"
    assert books.account()["lots"] == {august: 5_000, september: 4_000}
    zh, en = (Narrator(books.state.book, language) for language in ("zh", "en"))
    assert str(en.words("PointsReturned", returned)).endswith(
        "; 60.00 of them to lots that were over by 2026-09-30: they expire with the next close of a month"
    )
    before = books.position
    books.do(CloseDays("2026-09-30"))
    assert figures(books) == (0, 0, 0)
    # What came back to August's lot expires with September's close, and says both days.
    expired = [s for _, _, name, s in books.log(before) if name == "PointsExpired"]
    assert [en.words("PointsExpired", s) for s in expired] == [
        "50.00 points expired on 2026-09-30: they had come back to a lot that was over by 2026-08-31",
        "40.00 points expired on 2026-09-30",
    ]
    assert zh.words("PointsExpired", expired[0]) == "50.00分于2026-09-30到期：退回时所属批次已于2026-08-31或更早到期"
    assert books.account()["lots"] == {}


def test_a_hold_lapses_at_the_end_of_its_last_day_and_frees_points_and_stock(shop: Books) -> None:
    shop.do(MoveStock("workwear", 1, "delivered", "m"))
    shop.do(ReserveRedemption("C-000001", "workwear", "m", occurred_on="2026-10-11"))  # held until 21 October
    shop.do(CloseDays("2026-10-20"))
    assert figures(shop) == (15_000, 4_000, 0)
    before = shop.position
    shop.do(CloseDays("2026-10-22"))
    told = [(name, s.get("cause"), s.get("booked_on")) for _, _, name, s in shop.log(before)]
    assert told == [
        ("RedemptionLapsed", 0, "2026-10-21"), ("PointsFreed", before + 1, "2026-10-21"),
        ("DayClosed", 0, None), ("DayClosed", 0, None),
    ]  # fmt: skip
    assert figures(shop) == (15_000, 0, 0)
    assert shop.state.redemptions.stock_of("workwear", "m") == Stock(1, 0)
    assert refused(shop.do(CommitRedemption("R-000001"))) == ("HOLD_OVER", "redemption")
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


def test_a_hold_that_ends_with_its_month_is_freed_before_the_month_is_closed(shop: Books) -> None:
    shop.do(ReserveRedemption("C-000001", "plaque", occurred_on="2026-10-17"))  # held until 31 October
    before = shop.position
    shop.do(CloseDays("2026-10-31"))
    last = shop.log(before)[-3:]
    assert [(name, s.get("day") or s.get("booked_on")) for _, _, name, s in last] == [
        ("RedemptionLapsed", "2026-10-31"), ("PointsFreed", "2026-10-31"), ("DayClosed", "2026-10-31"),
    ]  # fmt: skip
    assert figures(shop) == (15_000, 0, 0)
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


@pytest.mark.parametrize("reserved_between", [False, True])
def test_points_held_until_the_last_day_of_their_lot_expire_with_it_whoever_lets_the_hold_lapse(
    books: Books, reserved_between: bool
) -> None:
    catalogue_activate(books)
    books.register("a")
    books.do(fact("1", PROJECT, "2024-10-05"))  # 50 points, valid for 24 months: until the end of October 2026
    books.do(fact("2", PROJECT, "2024-11-05"))
    books.do(CloseDays("2026-10-24"))
    books.do(ReserveRedemption("C-000001", "plaque", occurred_on="2026-10-17"))  # 20 points, held until 31 October
    assert figures(books) == (10_000, 2_000, 0)
    if reserved_between:
        books.now += timedelta(days=3)
        books.do(ReserveRedemption("C-000001", "small", points="10"))
    before = books.position
    books.now += timedelta(days=4)
    books.do(CloseDays("2026-10-31"))
    [expired] = [s for _, _, name, s in books.log(before) if name == "PointsExpired"]
    assert (expired["points"], expired["expired_on"]) == (-5_000, "2026-10-31"), "with what was held of it"
    [freed] = [s for _, _, name, s in books.log() if name == "PointsFreed" and s["redemption"] == "R-000001"]
    assert freed["booked_on"] == "2026-10-31"
    assert books.account()["balance"] == 5_000 and [*books.account()["lots"]] == [12 * 56 + 10]
    dump = state_dump(books)
    books.restart()
    assert state_dump(books) == dump


def test_a_commitment_after_the_last_day_of_the_hold_is_refused_though_the_day_is_open(shop: Books) -> None:
    shop.do(ReserveRedemption("C-000001", "plaque", occurred_on="2026-10-10"))
    assert refused(shop.do(CommitRedemption("R-000001"))) == ("HOLD_OVER", "redemption")
    before = CommitRedemption("R-000001", occurred_on="2026-10-09")
    assert refused(shop.do(before)) == ("DATE_INVALID", "occurred_on"), "it was not reserved yet"
    assert shop.do(CommitRedemption("R-000001", occurred_on="2026-10-24")).status == "accepted"
    assert refused(shop.do(ReserveRedemption("C-000001", "plaque"))) == ("LIMIT_REACHED", "offer")
    shop.do(ReverseRedemption("R-000001", "not made"))
    assert shop.do(ReserveRedemption("C-000001", "plaque")).status == "accepted", "what came back counts no more"


def test_what_was_committed_on_a_day_is_not_taken_back_on_one_before(shop: Books) -> None:
    shop.do(MoveStock("workwear", 2, "delivered", "m"))
    shop.do(ReserveRedemption("C-000001", "workwear", "m", 2, occurred_on="2026-10-20"))
    shop.do(CommitRedemption("R-000001", quantity=1, occurred_on="2026-10-22"))
    shop.do(CommitRedemption("R-000001", quantity=1, occurred_on="2026-10-25"))
    before, dump = shop.position, state_dump(shop)
    early = ReverseRedemption("R-000001", "wrong", part=2, occurred_on="2026-10-24")
    answer = shop.do(early)
    assert refused(answer) == ("DATE_INVALID", "occurred_on")
    assert answer.reason == "this part was committed on 2026-10-25"
    [rehearsal] = shop.writer.rehearse_later([Request(early, "bob")]).result()
    assert refused(rehearsal.answer) == ("DATE_INVALID", "occurred_on")
    assert (shop.position, state_dump(shop)) == (before, dump)
    shop.restart()
    assert shop.do(early).code == "DATE_INVALID", "what was loaded knows the days too"
    for part, day in ((1, "2026-10-24"), (2, "2026-10-25")):
        answer = shop.do(ReverseRedemption("R-000001", "wrong", part=part, occurred_on=day))
        assert answer.status == "accepted"
    assert figures(shop) == (15_000, 0, 0)
    assert shop.state.redemptions.stock_of("workwear", "m") == Stock(2, 0)


def test_a_hold_whose_days_are_over_blocks_no_reservation_of_a_later_day_though_nothing_was_closed(shop: Books) -> None:
    other = shop.register("b")[0]
    shop.send(*(fact(f"b{i}", PROJECT, "2026-10-05", other) for i in range(2)))
    shop.do(MoveStock("workwear", 2, "delivered", "m"))
    shop.do(ReserveRedemption("C-000001", "workwear", "m", 2, occurred_on="2026-10-11"))  # held until 21 October
    shop.do(ReserveRedemption("C-000001", "small", points="70", occurred_on="2026-10-11"))  # until 25 October
    assert figures(shop) == (15_000, 15_000, 0)
    before, dump = shop.position, state_dump(shop)
    on_last_day = shop.do(ReserveRedemption(other, "workwear", "m", occurred_on="2026-10-21"))
    assert refused(on_last_day) == ("STOCK_INSUFFICIENT", "quantity")
    # What is refused records nothing, though two would have lapsed for it.
    too_many = shop.do(ReserveRedemption(other, "workwear", "m", 3))
    assert too_many.reason == "2 are in stock and not held by others; 1 are missing"
    assert (shop.position, state_dump(shop)) == (before, dump)
    reserve = ReserveRedemption(other, "workwear", "m", 2, occurred_on="2026-10-22")
    [rehearsal] = shop.writer.rehearse_later([Request(reserve, "bob")]).result()
    names = ["RedemptionLapsed", "PointsFreed", "RedemptionReserved", "PointsHeld"]
    assert [e["event"] for e in rehearsal.events] == names
    assert (shop.position, state_dump(shop)) == (before, dump)
    answer = shop.do(reserve)
    told = shop.log(before)
    assert (answer.id, answer.position) == ("R-000003", before + 4)
    assert [(name, s["booked_on"], s["cause"]) for _, _, name, s in told] == [
        ("RedemptionLapsed", "2026-10-21", 0), ("PointsFreed", "2026-10-21", before + 1),
        ("RedemptionReserved", "2026-10-22", 0), ("PointsHeld", "2026-10-22", before + 3),
    ]  # fmt: skip
    assert figures(shop) == (15_000, 7_000, 0) and figures(shop, other) == (10_000, 8_000, 0)
    assert refused(shop.do(CommitRedemption("R-000001", occurred_on="2026-10-20"))) == ("HOLD_OVER", "redemption")
    # Points as stock: 150 are there, 70 of them held until the 25th.
    early = shop.do(ReserveRedemption("C-000001", "small", points="81", occurred_on="2026-10-25"))
    assert refused(early) == ("POINTS_INSUFFICIENT", "points")
    assert shop.do(ReserveRedemption("C-000001", "small", points="150", occurred_on="2026-10-26")).status == "accepted"
    assert figures(shop) == (15_000, 15_000, 0)
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


def test_holds_that_are_over_lapse_together_before_stock_is_counted_lower(shop: Books) -> None:
    names = ["C-000001", *shop.register("b", "c")]
    shop.send(*(fact(f"{name}-{i}", PROJECT, "2026-10-05", name) for name in names for i in range(2)))
    shop.do(MoveStock("pen", 6, "delivered"))
    on = [ReserveRedemption(name, "pen", occurred_on="2026-10-05") for name in (*names, *names[:2])]
    assert [a.status for a in shop.send(*on)] == ["accepted"] * 5
    assert refused(shop.do(MoveStock("pen", -7, "counted"))) == ("STOCK_INSUFFICIENT", "quantity")
    before = shop.position
    # In one go with a reservation of its own day, which waits for its points until somebody looks.
    answers = shop.send(ReserveRedemption(names[2], "small", points="10"), MoveStock("pen", -6, "counted"))
    assert [a.status for a in answers] == ["accepted"] * 2
    assert Counter(name for _, _, name, _ in shop.log(before)) == {
        "RedemptionLapsed": 5, "PointsFreed": 5, "RedemptionReserved": 1, "PointsHeld": 1, "StockMoved": 1,
    }  # fmt: skip
    assert shop.state.redemptions.stock_of("pen", "") == Stock(0, 0)
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


def test_what_is_held_no_more_says_what_became_of_it(shop: Books) -> None:
    shop.do(MoveStock("pen", 6, "delivered"))
    for _ in range(4):
        shop.do(ReserveRedemption("C-000001", "pen", quantity=1))
    shop.do(ReserveRedemption("C-000001", "small", points="30"))
    shop.do(CommitRedemption("R-000001"))
    shop.do(VoidRedemption("R-000002", "no"))
    shop.do(CommitRedemption("R-000005", points="10"))
    shop.do(VoidRedemption("R-000005", "no"))
    said = [shop.do(VoidRedemption(f"R-00000{n}", "no")).reason for n in (1, 2, 5)]
    assert said == [f"nothing is held any more: {why}" for why in (
        "it was committed", "it was voided", "the rest was voided",
    )]  # fmt: skip
    shop.do(ReverseRedemption("R-000001", "wrong"))
    shop.now += timedelta(days=40)
    shop.do(ReserveRedemption("C-000001", "pen"))
    said = [shop.do(CommitRedemption(f"R-00000{n}")).reason for n in (1, 3)]
    assert said == [f"nothing is held any more: {why}" for why in ("it was reversed", "it was held until 2026-11-15")]


def test_of_two_hundred_who_want_the_last_item_one_gets_it(shop: Books) -> None:
    shop.do(MoveStock("pen", 1, "delivered"))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: shop.do(ReserveRedemption("C-000001", "pen")), range(200)))
    assert sorted(a.status for a in answers) == ["accepted", *["refused"] * 199]
    assert {a.code for a in answers if a.status == "refused"} == {"STOCK_INSUFFICIENT"}
    assert shop.state.redemptions.stock_of("pen", "") == Stock(1, 1)
    assert figures(shop) == (15_000, 100, 0)


def test_of_two_hundred_who_want_the_last_points_as_many_get_them_as_fit(shop: Books) -> None:
    with ThreadPoolExecutor(32) as pool:
        answers = list(
            pool.map(lambda i: shop.do(ReserveRedemption("C-000001", "small", points="12"), key=str(i), client="x"), range(200))
        )
    accepted = [a for a in answers if a.status == "accepted"]
    assert len(accepted) == 12, "150 ÷ 12 = 12.5"
    assert {a.code for a in answers if a.status == "refused"} == {"POINTS_INSUFFICIENT"}
    assert figures(shop) == (15_000, 14_400, 0)
    assert len({a.id for a in accepted}) == 12
    again = shop.do(ReserveRedemption("C-000001", "small", points="12"), key="0", client="x")
    assert again.hit or again.code == "POINTS_INSUFFICIENT"


def test_a_batch_sees_what_its_earlier_commands_left(shop: Books) -> None:
    shop.do(MoveStock("workwear", 3, "delivered", "m"))
    answers = shop.send(
        ReserveRedemption("C-000001", "workwear", "m", 3),
        ReserveRedemption("C-000001", "workwear", "m", 1),
        CommitRedemption("R-000001", quantity=1),
        VoidRedemption("R-000001", "no"),
        ReserveRedemption("C-000001", "workwear", "m", 2),
        ReverseRedemption("R-000001", "back"),
        ReserveRedemption("C-000001", "advice", quantity=3),
    )
    assert [a.code or a.status for a in answers] == [
        "accepted", "STOCK_INSUFFICIENT", "accepted", "accepted", "accepted", "accepted", "POINTS_INSUFFICIENT",
    ]  # fmt: skip
    assert figures(shop) == (15_000, 8_000, 0)
    dump = state_dump(shop)
    shop.restart()
    assert state_dump(shop) == dump


def test_a_request_is_carried_out_once_and_a_rehearsal_not_at_all(shop: Books) -> None:
    reserve = ReserveRedemption("C-000001", "small", points="50")
    before = shop.position
    [rehearsal] = shop.writer.rehearse_later([Request(reserve, "bob")]).result()
    assert [e["event"] for e in rehearsal.events] == ["RedemptionReserved", "PointsHeld"]
    assert rehearsal.answer.id == "R-000001"
    assert shop.position == before
    assert figures(shop) == (15_000, 0, 0)
    first = shop.do(reserve, client="till", key="1")
    again = shop.do(reserve, client="till", key="1")
    assert (first.id, again.id, again.hit) == ("R-000001", "R-000001", True)
    other = shop.do(ReserveRedemption("C-000001", "small", points="51"), client="till", key="1")
    assert other.code == "IDEMPOTENCY_CONFLICT"
    assert figures(shop) == (15_000, 5_000, 0)
    atomic = [ReserveRedemption("C-000001", "small", points="50"), ReserveRedemption("C-000001", "small", points="51")]
    answers = shop.writer.submit([Request(c, "bob") for c in atomic], atomic=True)
    assert [a.code for a in answers] == ["ATOMIC_REFUSED", "POINTS_INSUFFICIENT"]
    assert figures(shop) == (15_000, 5_000, 0)


def test_correcting_the_fact_that_earned_spent_points_leaves_debt_that_the_next_grants_pay(shop: Books) -> None:
    shop.do(ReserveRedemption("C-000001", "small", points="120"))
    shop.do(CommitRedemption("R-000001"))
    shop.send(*(fact(str(i), PROJECT, "2026-10-05", "C-000001", revert=False) for i in range(1)))
    other = shop.register("b")[0]
    corrected = shop.do(fact("0", PROJECT, "2026-10-05", other))
    assert corrected.status == "corrected"
    assert figures(shop) == (-2_000, 0, 2_000)
    assert refused(shop.do(ReserveRedemption("C-000001", "small", points="10"))) == ("POINTS_INSUFFICIENT", "points")
    shop.do(fact("9", PROJECT, "2026-10-20"))
    assert figures(shop) == (3_000, 0, 0)


def test_an_entitlement_is_used_while_it_holds(shop: Books) -> None:
    assert shop.do(UseEntitlement("C-000001", "priority_quote", "bidding", "T-9")).status == "accepted"
    shop.do(ReserveRedemption("C-000001", "small", points="100"))
    shop.do(CommitRedemption("R-000001"))
    answer = shop.do(UseEntitlement("C-000001", "priority_quote", "bidding"))
    assert refused(answer) == ("ENTITLEMENT_NOT_HELD", "entitlement")
    assert answer.reason.endswith("from 100 points; what doesn't hold: balance ≥ 100 points (it is 50)")


def test_tiers_admitted_and_days_of_an_offer_are_held_to(books: Books) -> None:
    section = catalogue()
    section["offers"][2]["tiers"] = ["gold", "platinum"]
    section["offers"][5] |= {"effective_from": "2026-01-01", "effective_to": "2026-10-31"}
    catalogue_activate(books, section)
    books.register("a")
    books.do(fact("1", PROJECT, "2026-10-05"))
    books.do(MoveStock("pen", 1, "delivered"))
    assert refused(books.do(ReserveRedemption("C-000001", "pen"))) == ("OFFER_NOT_ADMITTED", "offer")
    assert refused(books.do(ReserveRedemption("C-000001", "small", points="10"))) == ("OFFER_OVER", "offer")
    assert books.do(ReserveRedemption("C-000001", "small", points="10", occurred_on="2026-10-31")).status == "accepted"


def test_on_a_day_of_the_past_only_what_was_there_by_then_and_ever_since_can_be_redeemed(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    books.send(fact("1", PROJECT, "2026-10-05"), fact("2", PROJECT, "2026-10-20"))
    early = books.do(ReserveRedemption("C-000001", "small", points="10", occurred_on="2026-10-04"))
    assert refused(early) == ("POINTS_INSUFFICIENT", "points")
    assert early.reason == (
        "costs 10.00 points, 0.00 can be spent: 10.00 are missing; another 100.00 came only after that day"
    )
    # 50 points by the 5th, of which 30 are held from the 10th on; 100 by the 20th.
    sent = books.send(
        ReserveRedemption("C-000001", "small", points="30", occurred_on="2026-10-10"),
        ReserveRedemption("C-000001", "small", points="21", occurred_on="2026-10-06"),
        ReserveRedemption("C-000001", "small", points="20", occurred_on="2026-10-06"),
        ReserveRedemption("C-000001", "small", points="50", occurred_on="2026-10-19"),
        ReserveRedemption("C-000001", "small", points="50", occurred_on="2026-10-20"),
    )
    assert [a.code or a.status for a in sent] == [
        "accepted", "POINTS_INSUFFICIENT", "accepted", "POINTS_INSUFFICIENT", "accepted",
    ]  # fmt: skip
    assert figures(books) == (10_000, 10_000, 0)
    books.restart()
    # What was held on the 10th and freed on the 25th was not to be had on the 24th.
    books.do(VoidRedemption("R-000001", "not needed", "2026-10-25"))
    late = [ReserveRedemption("C-000001", "small", points="30", occurred_on=f"2026-10-{day}") for day in (24, 25)]
    assert [a.code or a.status for a in books.send(*late)] == ["POINTS_INSUFFICIENT", "accepted"]


def test_a_fact_that_bears_tomorrows_date_gives_nothing_to_redeem_today(books: Books) -> None:
    catalogue_activate(books)
    books.register("a")
    assert books.do(fact("1", PROJECT, "2026-11-02")).status == "accepted"
    assert books.now.date().isoformat() == "2026-11-01"
    today = books.do(ReserveRedemption("C-000001", "small", points="10"))
    assert refused(today) == ("POINTS_INSUFFICIENT", "points")
    books.now += timedelta(days=1)
    assert books.do(ReserveRedemption("C-000001", "small", points="10")).status == "accepted"


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_of_no_day_is_less_than_nothing_to_be_had(database_url: str, data: st.DataObject) -> None:
    """Facts and reservations on any days in any order: added up by the days they are booked on, no day is below zero."""
    days = st.integers(1, 20).map(lambda day: f"2026-10-{day:02d}")
    with books_open(database_url, f"later_{uuid4().hex}") as books:
        catalogue_activate(books)
        books.register("a")
        accepted = 0
        for number in range(data.draw(st.integers(2, 14))):
            day = data.draw(days)
            if data.draw(st.booleans()):
                books.do(fact(str(number), PROJECT, day))
            elif accepted and data.draw(st.integers(0, 3)) == 0:
                books.do(VoidRedemption(f"R-{data.draw(st.integers(1, accepted)):06d}", "no", day))
            else:
                points = data.draw(st.sampled_from(["10", "20", "50", "70"]))
                answer = books.do(ReserveRedemption("C-000001", "small", points=points, occurred_on=day))
                accepted += answer.status == "accepted"
        by_day: Counter[str] = Counter()
        for _, _, name, state in books.log():
            sign = {"PointsGranted": 1, "PointsFreed": 1, "PointsHeld": -1}.get(name)
            if sign is not None:
                by_day[state["booked_on"]] += sign * state["points"]
        there = list(accumulate(by_day[day] for day in sorted(by_day)))
        assert min(there, default=0) >= 0


def test_reservations_of_several_customers_in_one_go_come_to_what_they_come_to_one_by_one(books: Books) -> None:
    catalogue_activate(books)
    names = books.register("a", "b", "c")
    books.send(*(fact(f"{n}-{i}", PROJECT, "2026-10-05", name) for n, name in enumerate(names) for i in range(2)))
    books.do(MoveStock("pen", 3, "delivered"))
    first = [ReserveRedemption(name, "small", points="30") for name in names]
    second = [
        ReserveRedemption(names[1], "pen", quantity=2), ReserveRedemption(names[0], "pen", quantity=2),
        ReserveRedemption("crm:b", "small", points="69"), ReserveRedemption("crm:b", "small", points="68"),
        CommitRedemption("R-000001"), ReserveRedemption(names[2], "small", points="70"),
    ]  # fmt: skip
    after = books.position
    answers = books.send(*first, *second)
    assert [a.code or a.status for a in answers] == [
        *["accepted"] * 4, "STOCK_INSUFFICIENT", "POINTS_INSUFFICIENT", "accepted", "accepted", "accepted",
    ]  # fmt: skip
    told = [(name, stream, s["redemption"]) for _, stream, name, s in books.log(after)]
    assert told == [
        (name, stream, redemption)
        for stream, redemption in (
            (names[0], "R-000001"), (names[1], "R-000002"), (names[2], "R-000003"), (names[1], "R-000004"),
            (names[1], "R-000005"),
        )
        for name in ("RedemptionReserved", "PointsHeld")
    ] + [
        ("RedemptionCommitted", names[0], "R-000001"), ("PointsRedeemed", names[0], "R-000001"),
        ("RedemptionReserved", names[2], "R-000006"), ("PointsHeld", names[2], "R-000006"),
    ]  # fmt: skip
    # Each answer names the position of its last event, and each movement the input it follows from.
    assert [a.position - after for a in answers if a.status == "accepted"] == [2, 4, 6, 8, 10, 12, 14]
    causes = [s["cause"] - after for _, _, name, s in books.log(after) if name.startswith("Points")]
    assert causes == [1, 3, 5, 7, 9, 11, 13]
    assert [figures(books, name) for name in names] == [(7_000, 0, 0), (10_000, 10_000, 0), (10_000, 10_000, 0)]
    dump = state_dump(books)
    books.restart()
    assert state_dump(books) == dump
