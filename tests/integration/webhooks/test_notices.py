"""Notices about points, with the arithmetic written out: which movement stands in which, who gets any, in which words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    CloseDays,
    CommitRedemption,
    GiveConsent,
    ProposeRuleSet,
    ReserveRedemption,
    WithdrawConsent,
)
from ledger.domain.values import date_of, day_parse
from ledger.log.migrate import ledger_schema_create, migrations_read
from ledger.log.queries import queries_load
from ledger.log.recorder import recorder_open
from ledger.standard import rules_standard
from projections import views
from projections.as_of import Moment
from projections.standing.reading import standing_then
from tests.catalogue import catalogue_activate
from tests.integration.test_projections import following
from tests.integration.webhooks.delivery import Hooks
from tests.ledgers import Books, fact
from tests.receiver import Answer, Receiver
from webhooks.notices.folding import Folding
from webhooks.notices.notice import Notice, choice_after
from webhooks.notices.wording import words_of
from webhooks.subscriptions import dead_retry, webhook_rewind

SESSION = queries_load("ledger.log", "queries.sql")["session_configure"]


def fold(hooks: Hooks, events_max: int = 5_000) -> list[tuple[Any, ...]]:
    """Fold to the head of the log; the notices so far, by position, customer, batch."""

    async def run() -> None:
        async with await AsyncConnection[DictRow].connect(
            hooks.database_url, autocommit=True, row_factory=dict_row
        ) as connection:
            await connection.execute(SESSION, {"schema": hooks.schema, "idle_in_transaction_ms": "60000"})
            folding = Folding(connection)
            while await folding.step(events_max):
                pass

    asyncio.run(run())
    return notices(hooks)


def notices(hooks: Hooks) -> list[tuple[Any, ...]]:
    with hooks.books.recorder.datastore.get_connection() as connection:
        rows = connection.execute(
            "SELECT customer, batch, day, opening, earned, deducted, redeemed, expired, closing, tier_before, tier, expiring"
            " FROM notice ORDER BY position, customer, batch"
        ).fetchall()
    return [tuple(row.values()) for row in rows]


def begin_again(hooks: Hooks) -> None:
    """Throw everything that was folded away."""
    with hooks.books.recorder.datastore.get_connection() as connection:
        for table in ("notice_customer", "notice_lot", "notice_pending", "notice_told", "notice", "notice_tier", "notice_tier_change"):
            connection.execute(b"DELETE FROM " + table.encode())
        connection.execute("UPDATE notice_place SET position = 0, closing_position = NULL, closing_day = NULL")


def closed(hooks: Hooks, through: str) -> None:
    answer = hooks.books.do(CloseDays(through))
    assert answer.status == "accepted", answer


# As the fold before the sixteenth step left it after one close: the tier of now, and notices of which some were sent.
FOLDED_BEFORE = b"""
INSERT INTO notice_customer (customer, tier, choice) VALUES (1, 'gold', 'yes');
INSERT INTO notice_told (batch, customer, balance, tier) VALUES ('day', 1, 5000, 'gold');
INSERT INTO notice_pending (batch, customer, day, earned, deducted, redeemed, expired)
VALUES ('month', 1, 20727, 5000, 0, 0, 0);
INSERT INTO notice (position, customer, batch, day, recorded_at, opening, earned, deducted, redeemed, expired, closing,
                    tier_before, tier, expiring, choice)
SELECT max(notification_id), 1, 'day', 20727, '', 0, 5000, 0, 0, 0, 5000, 'bronze', 'gold', 0, 'yes'
FROM event WHERE topic = 'DayClosed';
UPDATE notice_place SET position = (SELECT position FROM head);
"""


def test_a_ledger_of_before_tells_its_notices_anew_and_its_webhooks_go_on_where_they_are(
    database_url: str, schema_name: str
) -> None:
    steps = migrations_read()
    assert ledger_schema_create(database_url, schema_name, migrations=steps[:15])[-1] == 15
    with recorder_open(database_url, schema_name, pool_size=4) as recorder:
        hooks = Hooks(Books(recorder), database_url)
        books = hooks.books
        [customer] = books.register("K-1")
        hooks.make("notices", "http://127.0.0.1:9", kind="notice", batch="day", from_position=1)
        books.do(GiveConsent(customer, "points_notice"))
        closed(hooks, "2026-09-30")
        books.do(fact("P-1", "project_completed", "2026-10-01", customer))
        closed(hooks, "2026-10-01")
        with recorder.datastore.get_connection() as connection:
            connection.execute(FOLDED_BEFORE, prepare=False)
            connection.execute("UPDATE webhook SET position = (SELECT position FROM head)")
        assert ledger_schema_create(database_url, schema_name) == [s.number for s in steps[15:]]
        # A completed project brings 50.00, far from gold.
        expected = (1, "day", DAY["2026-10-01"], 0, 50_00, 0, 0, 0, 50_00, "bronze", "bronze", 0)
        assert fold(hooks) == [expected]
        assert hooks.find("notices").position == books.position
        books.writer.stop()


DAY = {"2026-09-30": 20726, "2026-10-01": 20727, "2026-10-02": 20728, "2026-10-30": 20756, "2026-10-31": 20757}


def test_a_month_adds_up_from_its_opening_to_its_closing_balance(hooks: Hooks, receiver: Receiver) -> None:
    books = hooks.books
    catalogue_activate(books)
    [customer] = books.register("K-1")
    secret = hooks.make("notices", receiver.url, kind="notice", batch="month", from_position=1)
    books.do(GiveConsent(customer, "points_notice"))
    closed(hooks, "2026-08-31")
    # September: a contract of 2.5 million CNY brings 250 × 2 = 500.00 points.
    books.do(fact("C-1", "contract_signed", "2026-09-10", customer, amount="2500000"))
    closed(hooks, "2026-09-30")
    # October: 1,050,000 CNY bring 105 × 2 = 210.00; one completed project 50.00; a major complaint takes 30.00; an
    # offset of 10 of which spends 100.00. 500 + 260 - 30 - 100 = 630.00.
    books.do(fact("C-2", "contract_signed", "2026-10-05", customer, amount="1050000"))
    books.do(fact("P-1", "project_completed", "2026-10-06", customer))
    books.do(fact("B-1", "complaint_filed", "2026-10-07", customer, severity="major"))
    held = books.do(ReserveRedemption(customer, "small", points="100", occurred_on="2026-10-08"))
    assert held.status == "accepted", held
    books.do(CommitRedemption(held.id, occurred_on="2026-10-08"))
    closed(hooks, "2026-10-31")
    with hooks.delivered():
        receiver.wait(2)
        hooks.told("notices")
    september, october = (g.document for g in receiver.got)
    assert (september["type"], september["subject"], september["id"]) == (
        "PointsNotice", customer, f"main/notice/month/2026-09-30/{customer}",
    )  # fmt: skip
    figures = ("opening", "earned", "deducted", "redeemed", "expired", "closing")
    assert [september["data"][f] for f in figures] == [0, 500_00, 0, 0, 0, 500_00]
    assert [october["data"][f] for f in figures] == [500_00, 260_00, -30_00, -100_00, 0, 630_00]
    assert (october["data"]["period"], october["data"]["expiring"]) == ("2026-10", 0)
    assert october["data"]["text"] == {
        "zh": "您2026年10月的积分变动：期初500.00分，获得260.00分，扣减30.00分，兑换100.00分，期末630.00分。",
        "en": "Your points, October 2026: opening balance 500.00, earned 260.00, deducted 30.00, redeemed 100.00,"
        " closing balance 630.00.",
    }
    assert [g.verified(secret) for g in receiver.got] == receiver.ids
    assert not any("公司" in g.body.decode() or "alice" in g.body.decode() for g in receiver.got)


def test_each_movement_stands_in_one_notice_of_a_day_and_what_is_booked_late_in_the_next(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1", "K-2")
    closed(hooks, "2026-09-30")
    done = "project_completed"
    # Recorded before the first of October is closed, though it is of the second: it waits for the second.
    books.do(fact("P-1", done, "2026-10-01"))
    books.do(fact("P-2", done, "2026-10-02", "C-000002"))
    closed(hooks, "2026-10-01")
    # Recorded after the first was closed, booked on it: told with the second.
    books.do(fact("P-3", done, "2026-10-01"))
    closed(hooks, "2026-10-02")
    # A correction that takes back all: the points come and go, so the next notice of the second customer says -50.
    books.do(fact("P-2", "login", "2026-10-02", "C-000002"))
    closed(hooks, "2026-10-30")
    closed(hooks, "2026-10-31")
    first, second = (1, 2)
    assert fold(hooks) == [
        (first, "day", DAY["2026-10-01"], 0, 50_00, 0, 0, 0, 50_00, "bronze", "bronze", 0),
        (first, "day", DAY["2026-10-02"], 50_00, 50_00, 0, 0, 0, 100_00, "bronze", "bronze", 0),
        (second, "day", DAY["2026-10-02"], 0, 50_00, 0, 0, 0, 50_00, "bronze", "bronze", 0),
        (second, "day", DAY["2026-10-02"] + 1, 50_00, -50_00, 0, 0, 0, 0, "bronze", "bronze", 0),
        (first, "month", DAY["2026-10-31"], 0, 100_00, 0, 0, 0, 100_00, "bronze", "bronze", 0),
    ]  # fmt: skip


def test_what_expires_is_announced_a_month_ahead_and_told_by_its_close_and_so_are_tiers(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1")
    # Points expire after 24 months. 5.5 million CNY bring 1,100.00 in September 2024: from 1,000 on that is silver.
    books.do(fact("C-1", "contract_signed", "2024-09-15", amount="5500000"))
    closed(hooks, "2026-09-30")
    told = [n for n in fold(hooks) if n[1] == "month"]
    september_2024, september_2026 = (DAY["2026-09-30"] - 730, DAY["2026-09-30"])
    months = {n[2]: n[3:] for n in told}
    assert months[september_2024] == (0, 1_100_00, 0, 0, 0, 1_100_00, "bronze", "silver", 0)
    assert months[september_2026][:6] == (1_100_00, 0, 0, 0, -1_100_00, 0)
    # Down to bronze with the first of 2026, when 2025, in which nothing was earned, is over.
    changes = [(n[2], n[9], n[10]) for n in told if n[9] != n[10]]
    january_2026 = DAY["2026-09-30"] - 242
    assert changes == [(september_2024, "bronze", "silver"), (january_2026, "silver", "bronze")]
    notice = Notice(1, 1, "month", september_2026 - 30, "", 1, 0, 0, 0, 0, 1, "bronze", "silver", 1_100_00, "")
    assert words_of(notice, {"bronze": ("铜牌", "Bronze"), "silver": ("银牌", "Silver")}) == {
        "zh": "您2026年8月的积分变动：期初0.01分，期末0.01分。等级由“铜牌”变为“银牌”。2026年9月30日将有1100.00分过期。",
        "en": "Your points, August 2026: opening balance 0.01, closing balance 0.01. Your tier went from Bronze to Silver."
        " 1100.00 points expire on 2026-09-30.",
    }


def test_a_month_before_the_first_fact_has_no_notice_though_its_close_comes_after_the_import(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1", "K-2")
    # Imported first, closed afterwards, from October on. 15 million CNY bring 1,500 × 2 = 3,000.00 points, which is more
    # than silver's 1,000; the other customer's month comes before.
    books.do(fact("C-1", "contract_signed", "2025-12-01", amount="15000000"))
    books.do(fact("P-1", "project_completed", "2025-10-05", "C-000002"))
    closed(hooks, "2025-12-31")
    tier = books.account()["tier"]
    assert tier != "bronze"
    first, october, december = DAY["2026-10-01"] - 304, DAY["2026-10-31"] - 365, DAY["2026-10-31"] - 304
    assert [n[:4] + n[8:11] for n in fold(hooks)] == [
        (2, "day", october - 26, 0, 50_00, "bronze", "bronze"),
        (2, "month", october, 0, 50_00, "bronze", "bronze"),
        (1, "day", first, 0, 3_000_00, "bronze", tier),
        (1, "month", december, 0, 3_000_00, "bronze", tier),
    ]


@pytest.mark.parametrize("in_order", [True, False])
def test_the_tier_of_a_notice_is_the_last_decision_by_its_day_and_that_of_the_books_where_facts_came_in_order(
    hooks: Hooks, tmp_path: Path, in_order: bool
) -> None:
    books = hooks.books
    customers = books.register(*(f"K-{i}" for i in range(3)))
    random = Random(11)
    # Contracts of three years, in order or in any as an import brings them, and some that are corrected.
    days = [f"{random.randint(2023, 2025)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}" for _ in range(60)]
    if in_order:
        days.sort()
    close_after = sum(day <= "2024-06-30" for day in days) if in_order else 40
    for number, day in enumerate(days):
        if number == close_after:
            closed(hooks, "2024-06-30")
        amount = random.randint(1, 30) * 500_000
        books.do(fact(f"C-{number}", "contract_signed", day, random.choice(customers), amount=amount))
        if number > 50 and number % 3 == 0:
            books.do(fact(f"C-{number - 9}", "contract_signed", day, random.choice(customers), amount=10_000))
    closed(hooks, "2026-10-31")
    told = fold(hooks)
    with following(books, views(tmp_path)) as follower:
        assert follower.follow_once() == {}
    decided = [(int(s[2:]), e["occurred_at"][:10], e["tier"]) for _, s, name, e in books.log() if name == "TierChanged"]
    changed = 0
    with books.recorder.datastore.get_connection() as connection:
        for batch in ("day", "month"):
            before = dict.fromkeys(range(1, 4), "bronze")
            for customer, of, day, *_, tier_before, tier, _ in told:
                # What came late is known to the books' word of a day, and was not to notices of closes before it.
                if of == batch and day > day_parse("2024-06-30"):
                    last = [t for c, since, t in decided if c == customer and day_parse(since) <= day]
                    assert tier == ["bronze", *last][-1], (customer, batch, date_of(day))
                    stands = standing_then(connection, customer, Moment(as_of=date_of(day)))
                    assert not in_order or tier == stands.tier, (customer, batch, date_of(day))
                if of == batch:
                    assert tier_before == before[customer]
                    before[customer] = tier
                    changed += tier != tier_before
    assert changed > 6


def _in_force(hooks: Hooks, document: dict[str, Any], since: str) -> None:
    proposed = hooks.books.do(ProposeRuleSet(document), actor="alice")
    assert proposed.status == "accepted", proposed
    for command, actor in ((ApproveRuleSet(proposed.id), "bob"), (ActivateRuleSet(proposed.id, since), "alice")):
        answer = hooks.books.do(command, actor=actor)
        assert answer.status == "accepted", answer


def test_whose_tier_never_changed_is_in_the_lowest_of_the_rules_in_force_on_the_day(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1")
    standard = rules_standard()
    ladder: dict[str, Any] = standard["tiers"]
    assert ladder["levels"][0]["id"] == "bronze"
    stone = {"id": "stone", "title": {"zh": "石", "en": "Stone"}, "points": 0}
    bare = {name: standard[name] for name in ("id", "title", "expiry_months")}
    bare["rules"] = [rule for rule in standard["rules"] if rule["id"] == "project_completed"]
    stones = {**bare, "id": "stones", "tiers": {**ladder, "levels": [stone, *ladder["levels"][1:]]}}
    # Standard rules until the first of October, on it stones, afterwards no tiers; activated the other way round.
    _in_force(hooks, {**bare, "id": "bare"}, "2026-10-02")
    _in_force(hooks, stones, "2026-10-01")
    for number, day in enumerate(("2026-09-30", "2026-10-01", "2026-10-02")):
        books.do(fact(f"P-{number}", "project_completed", day))
        closed(hooks, day)
    expected = [("bronze", "bronze"), ("bronze", "stone"), ("stone", "")]
    assert [n[9:11] for n in fold(hooks) if n[1] == "day"] == expected
    # The rules as they were known at the close count, whatever was activated since.
    _in_force(hooks, {**bare, "id": "bare_2"}, "2026-10-01")
    begin_again(hooks)
    assert [n[9:11] for n in fold(hooks) if n[1] == "day"] == expected


def test_who_never_rose_is_in_the_tier_it_began_on_where_the_ladder_has_it(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1", "K-2")
    standard = rules_standard()
    levels: list[dict[str, Any]] = standard["tiers"]["levels"]
    stone = {"id": "stone", "title": {"zh": "石", "en": "Stone"}, "points": 0}
    document = {name: standard[name] for name in ("title", "expiry_months")} | {
        "id": "beneath", "rules": [rule for rule in standard["rules"] if rule["id"] == "project_completed"],
        "tiers": {**standard["tiers"], "levels": [stone, {**levels[0], "points": 500}, *levels[1:]]},
    }  # fmt: skip
    _in_force(hooks, document, "2026-10-01")
    for day, customer in (("2026-09-30", 1), ("2026-10-01", 1), ("2026-10-01", 2)):
        books.do(fact(f"{day}/{customer}", "project_completed", day, f"C-{customer:06d}"))
    for day in ("2026-09-30", "2026-10-01"):
        closed(hooks, day)
    # 100 points are stone by now; but the first began on bronze and falls with a review, which is the engine's word, too.
    told = [(n[0], n[2], *n[9:11]) for n in fold(hooks) if n[1] == "day"]
    before, after = DAY["2026-09-30"], DAY["2026-10-01"]
    assert told == [(1, before, "bronze", "bronze"), (1, after, "bronze", "bronze"), (2, after, "stone", "stone")]
    assert [books.account(f"C-{n:06d}")["tier"] for n in (1, 2)] == ["bronze", "stone"]


def test_words_speak_of_no_tier_where_there_is_none() -> None:
    notice = Notice(1, 1, "day", DAY["2026-10-01"], "", 1, 0, 0, 0, 0, 1, "bronze", "", 0, "")
    assert words_of(notice, {}) == {
        "zh": "您2026年10月1日的积分变动：期初0.01分，期末0.01分。",
        "en": "Your points, 2026-10-01: opening balance 0.01, closing balance 0.01.",
    }


def test_points_about_to_expire_are_those_of_the_month_after_the_close(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1")
    books.do(fact("C-1", "project_completed", "2024-11-15"))
    closed(hooks, "2026-09-30")
    books.do(fact("C-2", "project_completed", "2026-10-15"))
    closed(hooks, "2026-10-31")
    # 50.00 of November 2024 expire with November 2026; the other 50.00 two years later.
    assert fold(hooks)[-1] == (1, "month", DAY["2026-10-31"], 50_00, 50_00, 0, 0, 0, 100_00, "bronze", "bronze", 50_00)


def test_the_same_log_gives_the_same_notices_however_it_is_cut(hooks: Hooks) -> None:
    books = hooks.books
    customers = books.register(*(f"K-{i}" for i in range(5)))
    closed(hooks, "2026-08-31")
    for day in ("2026-09-10", "2026-09-30", "2026-10-01"):
        books.send(*(fact(f"{day}/{c}", "project_completed", day, c) for c in customers))
        books.do(fact(f"x{day}", "complaint_filed", day, customers[0], severity="major"))
        if day != "2026-10-01":
            closed(hooks, day)
    closed(hooks, "2026-10-31")
    whole = fold(hooks)
    assert len([n for n in whole if n[1] == "month"]) == 10
    for events_max in (1, 2, 7):
        begin_again(hooks)
        assert fold(hooks, events_max) == whole
    # Closing balances are the opening ones of the next, and the last is what the books say.
    for customer in range(1, 6):
        for batch in ("day", "month"):
            mine = [n for n in whole if n[:2] == (customer, batch)]
            assert [n[3] for n in mine] == [0, *(n[8] for n in mine[:-1])]
            assert mine[-1][8] == books.balance(f"C-{customer:06d}")


def test_folding_as_the_log_grows_gives_what_folding_at_the_end_does(hooks: Hooks) -> None:
    books = hooks.books
    books.register("K-1", "K-2")
    closed(hooks, "2026-09-30")
    for number, day in enumerate(("2026-10-01", "2026-10-02", "2026-10-31")):
        books.do(fact(f"P-{number}", "project_completed", day))
        fold(hooks)
        closed(hooks, day)
        fold(hooks)
    as_it_grew = notices(hooks)
    begin_again(hooks)
    assert fold(hooks) == as_it_grew and len(as_it_grew) == 4


def test_notices_go_to_those_who_want_them_in_the_batch_they_chose(hooks: Hooks, receiver: Receiver) -> None:
    books = hooks.books
    yes, daily, silent, withdrawn, later = books.register("a", "b", "c", "d", "e")
    for customer, purpose in ((yes, "points_notice"), (daily, "points_notice_day"), (withdrawn, "points_notice"), (later, "points_notice")):
        books.do(GiveConsent(customer, purpose))
    books.do(WithdrawConsent(withdrawn, "points_notice"))
    closed(hooks, "2026-09-30")
    for customer in (yes, daily, silent, withdrawn, later):
        books.do(fact(customer, "project_completed", "2026-10-01", customer))
    closed(hooks, "2026-10-31")
    # They withdraw after the close and before anything is sent: nobody is told who wants no more.
    books.do(WithdrawConsent(later, "points_notice"))
    hooks.make("asked", receiver.url, kind="notice", from_position=1)
    with hooks.delivered():
        receiver.wait(2)
        hooks.told("asked")
        assert [(g.document["subject"], g.document["data"]["batch"]) for g in receiver.got] == [(daily, "day"), (yes, "month")]
        # Whoever said nothing gets them from a webhook that goes to all who didn't withdraw; days are its own batch.
        hooks.make("all", receiver.url, kind="notice", batch="day", consent="not_withdrawn", from_position=1)
        receiver.wait(5)
        hooks.told("all")
    assert sorted((g.document["subject"], g.document["data"]["batch"]) for g in receiver.got[2:]) == [
        (yes, "day"), (daily, "day"), (silent, "day")]  # fmt: skip


def test_notices_are_sent_again_from_a_position_on_with_their_ids(hooks: Hooks, receiver: Receiver) -> None:
    books = hooks.books
    books.register("a", "b")
    hooks.make("again", receiver.url, kind="notice", batch="day", consent="not_withdrawn")
    closed(hooks, "2026-09-30")
    for day in ("2026-10-01", "2026-10-02"):
        books.send(*(fact(f"{day}/{c}", "project_completed", day, c) for c in ("C-000001", "C-000002")))
        closed(hooks, day)
    with hooks.delivered():
        got = receiver.wait(4)
        hooks.told("again")
        hooks.use(webhook_rewind, "again", int(got[2].document["position"]), "ann")
        receiver.wait(6)
        found = hooks.told("again")
    assert receiver.ids == [f"main/notice/day/2026-10-0{d}/C-00000{c}" for d in (1, 2) for c in (1, 2)] + receiver.ids[2:4]
    assert found.position == books.position


def test_a_dead_letter_waits_where_its_notice_is_still_to_be_folded_again(hooks: Hooks, receiver: Receiver) -> None:
    books = hooks.books
    books.register("a")
    receiver.answer = lambda count, got: Answer(500)
    hooks.make("held", receiver.url, kind="notice", batch="day", consent="not_withdrawn", attempts_max=1)
    closed(hooks, "2026-09-30")
    books.do(fact("P-1", "project_completed", "2026-10-01"))
    closed(hooks, "2026-10-01")
    with hooks.delivered():
        hooks.told("held")
    [letter] = hooks.dead("held")
    begin_again(hooks)
    receiver.answer = lambda count, got: Answer()
    hooks.use(dead_retry, "held", letter.id)
    with hooks.delivered():
        receiver.wait(2)
    assert receiver.ids == ["main/notice/day/2026-10-01/C-000001"] * 2
    [sent] = hooks.dead("held", everything=True)
    assert sent.state == "delivered"


def test_the_last_word_of_a_customer_counts() -> None:
    choice = ""
    told: list[str] = []
    for purpose, given in (
        ("publication", True), ("points_notice", True), ("points_notice_month", True), ("points_notice_day", False),
        ("points_notice_week", True), ("points_notice_month", False), ("points_notice_day", True), ("points_notice", False),
    ):  # fmt: skip
        choice = choice_after(choice, purpose, given)
        told.append(choice)
    assert told == ["", "yes", "month", "month", "month", "no", "day", "no"]
