"""What the writer does with facts, customers and time, on a real log. Points are in 1/100: 5_000 are 50 points."""

from __future__ import annotations

import pytest

from ledger.domain.commands import (
    ChangeCustomer,
    CloseDays,
    CustomerReference,
    GiveConsent,
    RegisterCustomer,
    WithdrawConsent,
)
from tests.ledgers import Books, fact, log_check, sums_of

CONTRACT = "contract_signed"
"""2 points for every full 10,000 CNY: 30,000 CNY are 3 x 2 = 6 points."""


def names(books: Books, after: int) -> list[str]:
    return [name for name, _ in books.told(after)]


# --- customers ----------------------------------------------------------------


def test_customers_are_numbered_and_a_source_and_reference_lead_to_one_for_ever(books: Books) -> None:
    first, second, again, elsewhere = books.send(
        RegisterCustomer("crm", "a", "甲公司", {"region": "hubei"}),
        RegisterCustomer("crm", "b", "乙公司"),
        RegisterCustomer("crm", "a", "another name"),
        RegisterCustomer("erp", "a", "丙公司"),
    )
    assert (first.id, second.id, elsewhere.id) == ("C-000001", "C-000002", "C-000003")
    assert (again.status, again.id) == ("duplicate", "C-000001")
    books.restart()
    later = books.do(RegisterCustomer("crm", "b", "乙"))
    assert (later.status, later.id) == ("duplicate", "C-000002")
    assert books.state.book.customers[0].name == "甲公司"
    assert books.state.book.customers[0].traits == ("", "hubei", "", "")


def test_a_fact_of_an_unknown_customer_is_refused_unless_it_brings_a_registration(books: Books) -> None:
    nobody, unknown = books.send(
        fact("1", "project_completed", "2026-10-01", "C-000001"),
        fact("1", "project_completed", "2026-10-01", CustomerReference("crm", "x")),
    )
    assert (nobody.status, nobody.code, nobody.field) == ("refused", "CUSTOMER_UNKNOWN", "customer")
    assert (unknown.status, unknown.code, unknown.field) == ("refused", "CUSTOMER_UNKNOWN", "customer")
    before = books.position
    registration = RegisterCustomer("crm", "x", "新公司", {"industry": "civil"})
    answers = books.send(
        *(
            fact(i, "project_completed", "2026-10-01", CustomerReference("crm", "x"), registration=registration)
            for i in "12"
        )
    )
    assert [(a.status, a.customer, a.points) for a in answers] == [("accepted", "C-000001", 5_000)] * 2
    assert names(books, before) == [
        "CustomerRegistered", "FactRecorded", "PointsGranted", "FactRecorded", "PointsGranted"
    ]  # fmt: skip
    assert books.balance() == 5_000 + 5_000


def test_a_refused_fact_leaves_no_trace_of_the_registration_it_brought(books: Books) -> None:
    registration = RegisterCustomer("crm", "x", "")
    before = books.position
    refused = books.do(
        fact("1", "login", "2026-10-01", CustomerReference("crm", "x"), registration=registration)
    )
    assert (refused.status, refused.field) == ("refused", "name")
    assert books.position == before
    assert books.register("y") == ["C-000001"]


def test_consents_are_events_and_asking_twice_changes_nothing(books: Books) -> None:
    books.register("a")
    before = books.position
    answers = books.send(
        GiveConsent("C-000001", "publication"),
        GiveConsent("C-000001", "publication"),
        WithdrawConsent("C-000001", "messages"),
        WithdrawConsent("C-000001", "publication"),
        GiveConsent("C-000009", "publication"),
    )
    assert [a.status for a in answers] == ["accepted", "duplicate", "duplicate", "accepted", "refused"]
    assert names(books, before) == ["ConsentGiven", "ConsentWithdrawn"]
    assert books.do(fact("1", "project_completed", "2026-10-01")).points == 5_000, "it earns all the same"
    books.do(GiveConsent("C-000001", "messages"))
    books.restart()
    assert books.state.book.customers[0].consents == {"messages"}


def test_a_change_of_traits_carries_only_what_changed(books: Books) -> None:
    books.register("a", region="hubei", scale="large")
    before = books.position
    first, same = books.send(
        ChangeCustomer("C-000001", traits={"region": "hunan", "scale": "large"}),
        ChangeCustomer("C-000001", name="a 公司", traits={"region": "hunan"}),
    )
    cleared = books.do(ChangeCustomer("C-000001", name="新名", traits={"scale": ""}))
    assert [first.status, same.status, cleared.status] == ["accepted", "duplicate", "accepted"]
    assert [(s["name"], s["traits"]) for _, _, _, s in books.log(before)] == [
        (None, {"region": "hunan"}), ("新名", {"scale": ""})
    ]  # fmt: skip
    assert books.state.book.customers[0].traits == ("", "hunan", "", "")
    unknown = books.do(ChangeCustomer("C-000001", traits={"colour": "red"}))
    assert (unknown.status, unknown.code, unknown.field) == ("refused", "TRAIT_UNKNOWN", "traits")


# --- the same fact twice, and corrections ---------------------------------------


def test_the_same_fact_twice_is_one_fact(books: Books) -> None:
    books.register("a")
    first, again = books.send(*[fact("1", CONTRACT, "2026-10-05", amount="461100766.85")] * 2)
    # 461,100,766.85 CNY: 46,110 full units of 10,000, two points each.
    assert (first.status, first.points) == ("accepted", 46_110 * 200)
    assert again.status == "duplicate"
    head = books.position
    other_writing = books.do(fact("1", CONTRACT, "2026-10-05", amount="461100766.850"))
    assert (other_writing.status, books.position) == ("duplicate", head)
    assert other_writing.position == again.position
    assert books.balance() == 9_222_000


def test_a_correction_reverses_the_old_awards_and_decides_the_new_content_and_both_stay_visible(
    books: Books,
) -> None:
    books.register("a")
    books.do(fact("1", CONTRACT, "2026-10-05", amount="30000"))
    before = books.position
    corrected = books.do(fact("1", CONTRACT, "2026-10-05", amount="50000"))
    # -6 for the 30,000, +10 for the 50,000.
    assert (corrected.status, corrected.points) == ("corrected", -600 + 1_000)
    assert books.told(before) == [("FactRecorded", 0), ("PointsReversed", -600), ("PointsGranted", 1_000)]
    recorded, reversed_, _ = [state for _, _, _, state in books.log(before)]
    original = next(p for p, _, name, _ in books.log() if name == "FactRecorded")
    assert (recorded["version"], recorded["corrects"], reversed_["reverses"]) == (2, original, original)
    assert books.balance() == 1_000


def test_a_correction_of_a_correction_takes_back_only_the_last_version(books: Books) -> None:
    books.register("a")
    for amount, points in (("30000", 600), ("50000", 400), ("10000", -800)):
        assert books.do(fact("1", CONTRACT, "2026-10-05", amount=amount)).points == points
    assert books.balance() == 200
    versions = [(p, s["version"], s["corrects"]) for p, _, n, s in books.log() if n == "FactRecorded"]
    assert [v for _, v, _ in versions] == [1, 2, 3]
    assert [c for _, _, c in versions] == [0, versions[0][0], versions[1][0]]


def test_going_back_to_an_earlier_content_is_a_duplicate_unless_it_is_meant(books: Books) -> None:
    books.register("a")
    books.do(fact("1", CONTRACT, "2026-10-05", amount="30000"))
    books.do(fact("1", CONTRACT, "2026-10-05", amount="50000"))
    back = books.do(fact("1", CONTRACT, "2026-10-05", amount="30000"))
    assert (back.status, books.balance()) == ("duplicate", 1_000)
    meant = books.do(fact("1", CONTRACT, "2026-10-05", amount="30000", revert=True))
    assert (meant.status, meant.points, books.balance()) == ("corrected", -400, 600)
    assert books.do(fact("1", CONTRACT, "2026-10-05", amount="30000", revert=True)).status == "duplicate"


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_a_correction_may_come_in_the_same_batch_as_what_it_corrects(books: Books, together: bool) -> None:
    books.register("a", "b")
    steps = [
        fact("1", CONTRACT, "2026-10-05", amount="30000"),
        fact("2", "complaint_filed", "2026-10-06", severity="major"),
        fact("1", CONTRACT, "2026-10-05", amount="50000"),
        fact("1", CONTRACT, "2026-10-05", "C-000002", amount="50000"),
        fact("2", "complaint_filed", "2026-10-06", severity="minor"),
    ]
    answers = books.send(*steps) if together else [books.do(step) for step in steps]
    assert [a.status for a in answers] == ["accepted", "accepted", "corrected", "corrected", "corrected"]
    # 6; -30; -6 +10; -10 from the one and +10 to the other; +30 -5.
    assert [a.points for a in answers] == [600, -3_000, 400, 0, 2_500]
    assert (books.balance("C-000001"), books.balance("C-000002")) == (-500, 1_000)
    corrects = [(s["version"], s["corrects"]) for _, _, n, s in books.log() if n == "FactRecorded"]
    positions = [p for p, _, n, _ in books.log() if n == "FactRecorded"]
    assert corrects == [(1, 0), (1, 0), (2, positions[0]), (3, positions[2]), (2, positions[1])]
    before = [books.account(c) for c in ("C-000001", "C-000002")]
    books.restart()
    assert [books.account(c) for c in ("C-000001", "C-000002")] == before


def test_a_correction_that_moves_a_fact_takes_from_the_one_and_gives_to_the_other(books: Books) -> None:
    books.register("a", "b")
    books.do(fact("1", "project_completed", "2026-10-05", "C-000001"))
    before = books.position
    moved = books.do(fact("1", "project_completed", "2026-10-05", "C-000002"))
    assert (moved.status, moved.customer, moved.points) == ("corrected", "C-000002", -5_000 + 5_000)
    rule = {"rule": "project_completed", "rule_set": "RS-0001"}
    assert moved.moves == [
        {"customer": "C-000001", "points": -5_000, "awards": [], "reversals": [{"position": before + 2, **rule, "points": -5_000}]},
        {"customer": "C-000002", "points": 5_000, "awards": [{"position": before + 3, **rule, "points": 5_000}], "reversals": []},
    ]
    assert [(stream, name) for _, stream, name, _ in books.log(before)] == [
        ("C-000002", "FactRecorded"), ("C-000001", "PointsReversed"), ("C-000002", "PointsGranted")
    ]  # fmt: skip
    assert (books.balance("C-000001"), books.balance("C-000002")) == (0, 5_000)


def test_a_referral_pays_the_referrer_once_for_each_new_customer(books: Books) -> None:
    books.register("referrer", "other", "new")
    first, again, other, itself = books.send(
        fact("r1", "referral_signed", "2026-10-05", new_customer="C-000003"),
        fact("r2", "referral_signed", "2026-10-06", new_customer="C-000003"),
        fact("r3", "referral_signed", "2026-10-06", "C-000002", new_customer="C-000003"),
        fact("r4", "referral_signed", "2026-10-06", "C-000002", new_customer="C-000002"),
    )
    assert (first.status, first.points) == ("accepted", 5_000)
    assert [(a.status, a.code, a.field) for a in (again, other)] == [
        ("refused", "FACT_ONCE_ONLY", "new_customer")
    ] * 2
    assert (itself.status, itself.field) == ("refused", "new_customer")
    # Corrected to name another, the first is free for a new referral.
    freed, taken = books.send(
        fact("r1", "referral_signed", "2026-10-05", new_customer="C-000002"),
        fact("r2", "referral_signed", "2026-10-06", new_customer="C-000003"),
    )
    assert (freed.status, taken.status, books.balance()) == ("corrected", "accepted", 5_000 + 5_000)


# --- penalties and debt ---------------------------------------------------------


def test_a_penalty_on_an_empty_account_is_debt_and_the_next_grant_pays_it_first(books: Books) -> None:
    books.register("a")
    first, second = books.send(
        fact("1", "complaint_filed", "2026-10-01", severity="major"),
        fact("2", "complaint_filed", "2026-10-02", severity="major"),
    )
    assert (first.points, second.points) == (-3_000, -6_000)
    assert (books.balance(), books.account()["debt"], books.account()["lots"]) == (-9_000, 9_000, {})
    before = books.position
    books.do(fact("3", CONTRACT, "2026-10-03", amount="200000"))
    # 40 points pay 40 of the 90 owed; 60 more pay the other 50 and leave 10.
    granted = [s for _, _, n, s in books.log(before) if n == "PointsGranted"]
    assert [(s["points"], s["debt_paid"], s["balance"]) for s in granted] == [(4_000, 4_000, -5_000)]
    books.do(fact("4", CONTRACT, "2026-10-03", amount="300000"))
    account = books.account()
    assert (account["balance"], account["debt"], sum(account["lots"].values())) == (1_000, 0, 1_000)
    assert account["earned"] == 10_000, "tiers count what was earned in full"


# --- time -----------------------------------------------------------------------


def test_facts_out_of_order_within_open_months_count_in_their_own_month(books: Books) -> None:
    books.register("a")
    # The third login of a calendar month brings 10 points, in whatever order and batch they come.
    days = ["2026-09-01", "2026-10-01", "2026-10-02", "2026-09-02", "2026-10-03", "2026-09-03"]
    answers = books.send(*(fact(f"l{i}", "login", day) for i, day in enumerate(days)))
    assert [a.points for a in answers] == [0, 0, 0, 0, 1_000, 1_000]
    books.restart()
    more = books.send(*(fact(f"m{i}", "login", f"2026-08-0{i + 1}") for i in range(3)), fact("n", "login", "2026-09-04"))
    assert [a.points for a in more] == [0, 0, 1_000, 0]


def test_a_whole_first_batch_over_many_months_counts_each_month_by_itself(books: Books) -> None:
    books.register("a")
    months = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
    answers = books.send(
        *(fact(f"{m}/{n}", "login", f"{m}-0{n}") for n in (1, 2, 3) for m in months)
    )
    # 24 months, 10 points in each for the third login.
    assert [a.points for a in answers] == [0] * 48 + [1_000] * 24
    assert books.balance() == 24 * 1_000


def test_a_fact_of_a_closed_month_is_booked_on_the_first_open_day_and_says_so(books: Books) -> None:
    books.register("a")
    books.do(fact("1", "project_completed", "2026-08-10"))
    assert books.do(CloseDays("2026-09-15")).status == "accepted"
    before = books.position
    late, within = books.send(
        fact("2", "project_completed", "2026-08-20"), fact("3", "project_completed", "2026-09-02")
    )
    assert (late.points, within.points) == (5_000, 5_000)
    booked = [(s["occurred_on"], s["booked_on"]) for _, _, n, s in books.log(before) if n == "FactRecorded"]
    # August is closed, September is not, though its first half is over.
    assert booked == [("2026-08-20", "2026-09-01"), ("2026-09-02", "2026-09-02")]
    expiry = [s["expires_on"] for _, _, n, s in books.log() if n == "PointsGranted"]
    assert expiry == ["2028-08-31", "2028-09-30", "2028-09-30"]


def test_a_correction_of_a_fact_in_a_closed_month_is_booked_in_the_open_one(books: Books) -> None:
    books.register("a")
    books.do(fact("1", CONTRACT, "2026-08-10", amount="30000"))
    books.do(CloseDays("2026-08-31"))
    before = books.position
    assert books.do(fact("1", CONTRACT, "2026-08-10", amount="50000")).points == -600 + 1_000
    states = [s for _, _, n, s in books.log(before) if n == "FactRecorded"]
    assert [(s["booked_on"], s["version"]) for s in states] == [("2026-09-01", 2)]
    assert books.balance() == 1_000


def test_closing_is_idempotent_and_refuses_a_day_that_is_not_over(books: Books) -> None:
    books.register("a")
    books.do(fact("1", "login", "2026-10-05"))
    today = books.do(CloseDays("2026-11-01"))
    assert (today.status, today.code, today.field) == ("refused", "DAY_NOT_OVER", "through")
    assert books.do(CloseDays("nonsense")).field == "through"
    before = books.position
    assert books.do(CloseDays("2026-10-10")).status == "accepted"
    assert [s["day"] for _, _, _, s in books.log(before)] == [f"2026-10-{d:02d}" for d in range(5, 11)]
    head = books.position
    assert [books.do(CloseDays(d)).status for d in ("2026-10-10", "2026-10-07")] == ["duplicate"] * 2
    assert books.position == head
    assert books.do(CloseDays("2026-10-31")).status == "accepted"
    assert books.state.book.closed_day - books.state.book.booked_day_min == 26


def test_a_first_close_is_one_where_every_fact_is_of_later_days(books: Books) -> None:
    books.register("a")
    books.do(fact("1", "project_completed", "2026-04-10"))
    before = books.position
    assert books.do(CloseDays("2026-03-31")).status == "accepted"
    assert [s["day"] for _, _, _, s in books.log(before)] == [f"2026-03-{d:02d}" for d in range(1, 32)]
    books.do(fact("2", "project_completed", "2026-03-15"))
    assert [s["booked_on"] for _, _, n, s in books.log(before) if n == "FactRecorded"] == ["2026-04-01"]
    assert books.do(CloseDays("2026-05-31")).status == "accepted"
    live = books.account()
    books.restart()
    assert books.account() == live and live["balance"] == 10_000


def test_expiries_and_falls_from_a_tier_appear_when_their_month_is_closed(books: Books) -> None:
    books.register("a", "b")
    # 10,000,000 CNY are 1,000 units, 2,000 points: silver (from 1,000), not gold (from 5,000).
    rise = books.do(fact("1", CONTRACT, "2024-01-10", amount="10000000"))
    assert (rise.points, books.account()["tier"]) == (200_000, "silver")
    before = books.position
    assert books.do(CloseDays("2026-01-31")).status == "accepted"
    told = {s.get("expired_on") or s["occurred_at"][:10]: (n, s) for _, stream, n, s in books.log(before)
            if stream == "C-000001" and n in ("PointsExpired", "TierChanged")}  # fmt: skip
    # 2024 counts until its end; at the end of 2025 nothing was earned in it: one level down.
    falls = [(n, s["tier_before"], s["tier"]) for n, s in told.values() if n == "TierChanged"]
    assert falls == [("TierChanged", "silver", "bronze")]
    # Points of January 2024 live 24 months: to the end of January 2026.
    assert told["2026-01-31"][0] == "PointsExpired" and told["2026-01-31"][1]["points"] == -200_000
    assert (books.balance(), books.account()["tier"]) == (0, "bronze")
    assert books.account("C-000002")["balance"] == 0
    live = [books.account(c) for c in ("C-000001", "C-000002")]
    books.restart()
    assert [books.account(c) for c in ("C-000001", "C-000002")] == live
    assert sums_of(books.log())["C-000001"] == 0


def test_more_months_open_than_counters_are_kept_for_is_refused_and_says_what_to_do(books: Books) -> None:
    books.register("a")
    recent, ancient = books.send(fact("1", "login", "2026-10-05"), fact("2", "login", "1971-01-05"))
    assert (recent.status, ancient.status) == ("accepted", "refused")
    assert (ancient.code, ancient.field) == ("FACT_MONTHS_OPEN", "occurred")
    # The limit, which months it would be, and what to do.
    for word in ("120 months", "from 1971-01 to 2026-10", "oldest facts", "plumbline close --through", "--no-close"):
        assert word in ancient.reason
    assert books.do(fact("3", "login", "2026-09-05")).status == "accepted"


def test_the_log_says_who_when_and_why(books: Books, database_url: str, schema_name: str) -> None:
    books.register("a")
    before = books.position
    answer = books.do(fact("1", "project_completed", "2026-10-05T10:00:00+00:00"), actor="carol")
    (position, _, _, recorded), (_, _, name, granted) = books.log(before)
    assert name == "PointsGranted" and answer.position == position + 1
    assert recorded["occurred_at"] == granted["occurred_at"] == "2026-10-05T18:00:00+08:00"
    assert recorded["recorded_at"] == granted["recorded_at"] == "2026-11-01T12:00:00+08:00"
    assert (recorded["actor"], granted["actor"]) == ("carol", "carol")
    assert (recorded["cause"], granted["cause"]) == (0, position)
    assert (granted["rule"], granted["rule_set"]) == ("project_completed", "RS-0001")
    log_check(database_url, schema_name)
