"""What the views say of tiers is what the engine knows, however ladders and their windows followed each other."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings, strategies as st

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, CloseDays, Command, ProposeRuleSet
from ledger.domain.values import date_of, day_parse, day_text, month_first_day, month_last_day, month_of, points_parse
from ledger.log.migrate import ledger_schema_create, migrations_read
from ledger.log.recorder import recorder_open
from ledger.rules.document import Ladder, rule_set_parse
from ledger.rules.redemption.terms import redemption_terms
from ledger.standard import rules_standard
from projections.activity import ActivityView
from projections.as_of import Moment
from projections.balances import BalancesView
from projections.customers import CustomersView
from projections.explaining import tier_parts
from projections.history import HistoryView
from projections.redemptions import holder_read
from projections.reports import Segment, segment_read, standing_read
from projections.standing.reading import standing_then
from projections.tiers import TiersView, ladder_months, tier_read, tiers_read
from tests.catalogue import words
from tests.integration.test_projections import following
from tests.ledgers import Books, books_open, fact

TODAY = day_parse("2026-11-01")
LEVELS = {
    "standard": ("bronze", "silver", "gold", "platinum"),
    "beneath": ("iron", "bronze", "silver"),
    "renamed": ("base", "silver", "top"),
    "apart": ("one", "two"),
    "none": (),
}
THRESHOLDS = (0, 20, 60, 200)
CUSTOMERS = 3


def rules_of(name: str, window: str) -> dict[str, Any]:
    """Contracts and complaints of the standard rules under a ladder of their own, each level of which entitles to
    something; so do 30 points earned in the window, and in a lifetime."""
    kept = [r for r in rules_standard()["rules"] if r["id"] in ("contract_signed", "complaint_major", "project_completed")]
    levels = LEVELS[name]
    ladder = [{"id": lv, "title": words(lv), "points": p} for lv, p in zip(levels, THRESHOLDS, strict=False)]
    when: list[dict[str, Any]] = [{"tier": op, "level": lv} for lv in levels for op in ("at_least", "equals")]
    when += [{"earned": of, "at_least": 30} for of in ("window", "lifetime")]
    section = [
        {"id": f"e{i}", "stage": "bidding", "title": words("e"), "reason": words("e"), "when": w} for i, w in enumerate(when)
    ]
    document = {"id": "set", "title": words(f"{name} {window}"), "rules": kept, "redemption": {"entitlements": section}}
    document["tags"] = [{"id": "has_points", "title": words("t"), "when": {"balance": True, "at_least": 5}}]
    return {**document, "tiers": {"window": window, "levels": ladder}} if levels else document


ACTIVATIONS = st.tuples(
    st.sampled_from(sorted(LEVELS)),
    st.sampled_from(["month", "quarter", "year", "lifetime"]),
    st.sampled_from(["2026-01-01", "2026-06-15", "2026-10-01", "2026-10-20", "2026-11-01"]),
)
DAYS = st.builds(lambda m, d: f"2026-{m:02d}-{d:02d}", st.integers(4, 10), st.sampled_from([1, 15, 28]))
FACTS = st.one_of(
    st.builds(
        lambda i, day, c, amount: fact(i, "contract_signed", day, c, amount=amount),
        st.integers(1, 8).map(str), DAYS, st.sampled_from(["C-000001", "C-000002"]),
        st.sampled_from(["50000", "250000", "1000000"]),
    ),
    st.builds(
        lambda i, day, c: fact(i, "complaint_filed", day, c, severity="major"),
        st.integers(1, 8).map(str), DAYS, st.sampled_from(["C-000001", "C-000002"]),
    ),
)  # fmt: skip
CLOSINGS = st.integers(month_of(day_parse("2026-04-01")), month_of(TODAY) - 1).map(
    lambda month: CloseDays(day_text(month_last_day(month)))
)
STEPS = st.lists(st.one_of(FACTS, FACTS, FACTS, ACTIVATIONS, CLOSINGS), min_size=3, max_size=24)


def activate(books: Books, name: str, window: str, since: str) -> None:
    """Put a rule set with this ladder into force from a day on; proposed once, it is the one that was there."""
    proposed = books.do(ProposeRuleSet(rules_of(name, window)), actor="ann")
    assert proposed.status in ("accepted", "duplicate"), proposed
    books.do(ApproveRuleSet(proposed.id), actor="ben")
    assert books.do(ActivateRuleSet(proposed.id, since), actor="ben").status in ("accepted", "duplicate")


def missing_of(ladder: Ladder, tier: str, earned: int) -> tuple[str | None, int | None]:
    """The next tier, and what is missing of its threshold, from the tier and points that the engine has."""
    at = [level.id for level in ladder.levels].index(tier)
    above = ladder.levels[at + 1 : at + 2]
    return (above[0].id, max(0, points_parse(above[0].points) - earned)) if above else (None, None)


def compare(books: Books, day: int) -> None:
    """Views and engine of all customers on a day."""
    name = books.state.book.in_force(day)
    if name is None:
        return
    rules = rule_set_parse(books.state.book.rule_sets[name].document)
    ladder, entitlements = rules.tiers, redemption_terms(name, rules).entitlements
    levels = [level.id for level in ladder.levels] if ladder else []
    first, last = ladder_months(ladder, day)
    dates = date_of(month_first_day(first)), date_of(month_last_day(min(last, month_of(TODAY))))
    shown: list[str | None] = []
    with books.recorder.datastore.get_connection() as connection:
        for number in range(1, CUSTOMERS + 1):
            engine = books.state.holder(number, day)
            view = holder_read(connection, ladder, number, day)
            # What can be spent on a day is told by balances, and has tests of its own.
            assert replace(view, available=0) == replace(engine, available=0)
            assert [e.id for e in entitlements if e.holds(view)] == [e.id for e in entitlements if e.holds(engine)]
            row = tier_read(connection, ladder, number, day)
            assert (row.earned, row.earned_ever) == (engine.earned, engine.earned_ever)
            # A tier that was decided keeps its name under a ladder that hasn't it; the one begun on gives way.
            decided = books.account(f"C-{number:06d}")["tier"] if row.tier_since else engine.tier or None
            assert row.tier == decided
            shown.append(row.tier)
            parts = tier_parts(connection, ladder, number, *dates)
            assert parts is not None and parts.row.tier == row.tier
            assert parts.row.earned == sum(rule.points for rule in parts.by_rule) == engine.earned
            if ladder is not None:
                told = missing_of(ladder, engine.tier, engine.earned)
                assert (row.tier_next, row.points_missing) == told == (parts.row.tier_next, parts.row.points_missing)
        if day < TODAY:
            return
        assert [r.tier for r in segment_read(connection, Segment(levels=levels))] == shown
        counted = {c.name: c.customers for c in standing_read(connection, levels) if c.kind == "tier"}
        assert counted == Counter(tier for tier in shown if tier)
        for tier, customers in counted.items():
            assert len(segment_read(connection, Segment(tier=tier, levels=levels))) == customers


def compare_anew(books: Books) -> None:
    """What is decided anew of all customers, from all that was recorded."""
    with books.recorder.datastore.get_connection() as connection:
        for number in range(1, CUSTOMERS + 1):
            stood, account = standing_then(connection, number, Moment()), books.account(f"C-{number:06d}")
            assert (stood.tier, stood.grade, stood.tags) == (account["tier"], account["grade"], account["tags"])


@settings(
    max_examples=7,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(STEPS)
@example([
    # 4,000,000 CNY are 800 points of the year; the quarter that begins to be counted in the middle has only the 50 of later.
    fact("1", "contract_signed", "2026-10-01", "C-000001", amount="4000000"),
    ("standard", "quarter", "2026-10-01"),
    fact("2", "contract_signed", "2026-10-15", "C-000001", amount="250000"),
])  # fmt: skip
@example([
    # Taken back is taken from the window that it was granted for; and the year goes on where it was left.
    ("standard", "quarter", "2026-10-01"),
    fact("1", "contract_signed", "2026-10-01", "C-000001", amount="1000000"),
    ("renamed", "year", "2026-10-01"),
    fact("1", "contract_signed", "2026-10-15", "C-000001", amount="250000"),
    ("apart", "quarter", "2026-11-01"),
])  # fmt: skip
@example([
    # 50,000 CNY are 10 points, which lift nobody: the first stays on the bronze it began on, though there is iron below it
    # now, on which the second begins on the same day, and the third, who has no fact, stands.
    fact("1", "contract_signed", "2026-10-28", "C-000001", amount="50000"),
    ("beneath", "month", "2026-10-20"),
    fact("2", "contract_signed", "2026-10-28", "C-000002", amount="50000"),
])  # fmt: skip
def test_tiers_and_entitlements_are_told_as_the_engine_has_them_after_any_ladders(
    database_url: str, steps: list[Command | tuple[str, str, str]]
) -> None:
    with books_open(database_url, f"t_{secrets.token_hex(4)}", pool_size=2) as books:
        books.register("a", "b", "c")
        for step in steps:
            if isinstance(step, tuple):
                activate(books, *step)
            else:
                assert books.do(step).status != "refused" or isinstance(step, CloseDays)
        chosen = [CustomersView(), BalancesView(), HistoryView(), TiersView(), ActivityView()]
        with following(books, chosen) as follower:
            assert follower.follow_once() == {}
        compare_anew(books)
        first_open = books.state.book.closed_month + 1 or month_of(TODAY)
        for month in range(first_open, month_of(TODAY) + 1):
            compare(books, min(month_last_day(month), TODAY))


def test_who_begins_is_told_step_by_step_as_the_engine_has_it(database_url: str, schema_name: str) -> None:
    """Under rules without a ladder, by a referral alone, and under a new lowest level; however far the views had come."""
    small = "50000"
    steps: list[Command | tuple[str, str, str]] = [
        ("none", "month", "2026-09-01"),
        # C-000001 begins without a ladder, on the lowest of the first there was: that of the rules a ledger begins with.
        fact("1", "contract_signed", "2026-09-05", "C-000001", amount=small),
        # What else is decided of it, a tag that it loses, changes nothing of that.
        fact("0", "complaint_filed", "2026-09-06", "C-000001", severity="major"),
        ("standard", "month", "2026-10-01"),
        # C-000002 begins with a referral that brings it nothing.
        fact("2", "contract_signed", "2026-10-02", "C-000007", referrer="C-000002", amount=small),
        ("beneath", "month", "2026-10-03"),
        fact("3", "contract_signed", "2026-10-04", "C-000003", amount=small),
        fact("4", "contract_signed", "2026-10-05", "C-000004", amount=small),
        fact("5", "contract_signed", "2026-10-02", "C-000005", amount=small),
        # A second fact, under other rules, is no beginning.
        fact("6", "contract_signed", "2026-10-06", "C-000005", amount=small),
        # Corrected, a fact may be another customer's: that one begins by the rules of its own day.
        fact("4", "contract_signed", "2026-10-02", "C-000006", amount=small),
    ]
    with books_open(database_url, schema_name) as books:
        books.register(*"abcdefgh")
        with following(books, [BalancesView(), TiersView()]) as follower:
            for step in steps:
                if isinstance(step, tuple):
                    activate(books, *step)
                else:
                    assert books.do(step).status in ("accepted", "corrected")
                assert follower.follow_once() == {}
                told = _tiers_told(books)
                assert told == [books.state.holder(number, TODAY).tier or None for number in range(1, 9)]
        assert told == ["bronze", "bronze", "iron", "iron", "bronze", "bronze", "bronze", "iron"]
        with following(books, [TiersView()]) as follower:
            assert follower.rebuild("tiers") == books.position
        assert _tiers_told(books) == told


def _tiers_told(books: Books) -> list[str | None]:
    """On which tiers the customers are by the rules of now, as the views have it."""
    name = books.state.book.in_force(TODAY)
    assert name is not None
    ladder = rule_set_parse(books.state.book.rule_sets[name].document).tiers
    with books.recorder.datastore.get_connection() as connection:
        return [row.tier for row in tiers_read(connection, ladder, TODAY)]


def test_what_customers_began_on_is_told_of_a_ledger_of_before(database_url: str, schema_name: str) -> None:
    steps = migrations_read()
    assert ledger_schema_create(database_url, schema_name, migrations=steps[:20])[-1] == 20
    with recorder_open(database_url, schema_name, pool_size=4) as recorder:
        books = Books(recorder)
        books.register("a")
        activate(books, "standard", "month", "2026-10-01")
        books.do(fact("1", "contract_signed", "2026-10-01", amount="50000"))
        activate(books, "beneath", "month", "2026-10-20")
        with following(books, [TiersView()]) as follower:
            assert follower.follow_once() == {}
        with recorder.datastore.get_connection() as connection:
            # As the view left it before: no tier until one was decided.
            connection.execute("UPDATE tier SET tier = NULL")
        assert _tiers_told(books) == ["iron"]
        assert ledger_schema_create(database_url, schema_name) == [s.number for s in steps[20:]]
        with following(books, [TiersView()]) as follower, recorder.datastore.get_connection() as connection:
            assert follower.follow_once() == {}
            assert _tiers_told(books) == [books.state.holder(1, TODAY).tier] == ["bronze"]
            assert tier_read(connection, None, 1, TODAY).earned_ever == 10_00
        books.writer.stop()


def test_a_ladder_that_begins_to_count_by_quarters_tells_what_it_counted(database_url: str, schema_name: str) -> None:
    with books_open(database_url, schema_name) as books:
        books.register("a")
        # 20,000,000 CNY: 2,000 units of 2 are 4,000 points of the year, silver.
        books.do(fact("1", "contract_signed", "2026-10-05", amount="20000000"))
        quarterly = {**rules_standard(), "id": "q", "tiers": {**rules_standard()["tiers"], "window": "quarter"}}
        books.do(ProposeRuleSet(quarterly), actor="ann")
        books.do(ApproveRuleSet("RS-0002"), actor="ben")
        books.do(ActivateRuleSet("RS-0002", "2026-10-01"), actor="ben")
        # 8,000,000 CNY: 800 units of 2 are 1,600 points of the quarter, 3,400 below the 5,000 of gold.
        books.do(fact("2", "contract_signed", "2026-10-20", amount="8000000"))
        with following(books, [BalancesView(), TiersView()]) as follower:
            assert follower.follow_once() == {}
        ladder = rule_set_parse(quarterly).tiers
        with books.recorder.datastore.get_connection() as connection:
            row = tier_read(connection, ladder, 1, TODAY)
        assert row.earned == books.state.holder(1, TODAY).earned == 1_600_00
        assert (row.earned_ever, row.tier, row.tier_next, row.points_missing) == (5_600_00, "silver", "gold", 3_400_00)


def test_a_ledger_of_before_is_told_again_as_the_engine_has_it(database_url: str, schema_name: str) -> None:
    """Its tiers are folded anew, and what expired late is booked on the day whose close took it."""
    steps = migrations_read()
    assert ledger_schema_create(database_url, schema_name, migrations=steps[:18])[-1] == 18
    with recorder_open(database_url, schema_name, pool_size=4) as recorder:
        books = Books(recorder)
        books.register("a")
        # 200 points that expire with January 2026; a complaint costs 30 of them, which come back when it is none.
        books.do(fact("1", "contract_signed", "2024-01-05", amount="1000000"))
        books.do(fact("2", "complaint_filed", "2024-02-05", severity="major"))
        books.do(CloseDays("2026-01-31"))
        assert books.do(fact("2", "login", "2024-02-05")).status == "corrected"
        books.do(CloseDays("2026-04-30"))
        with following(books, [HistoryView()]) as follower, recorder.datastore.get_connection() as connection:
            assert follower.follow_once() == {}
            told = connection.execute("SELECT * FROM history ORDER BY position").fetchall()
            expired = [row["booked_on"].isoformat() for row in told if row["topic"] == "PointsExpired"]
            assert expired == ["2026-01-31", "2026-02-28"]
            # As it was before: each expired on the last day of its lot, and points counted for every ladder.
            connection.execute("UPDATE history SET booked_on = '2026-01-31' WHERE topic = 'PointsExpired'")
            connection.execute("INSERT INTO earned (customer, month, points) VALUES (1, 648, 20000)")
            connection.execute(
                "INSERT INTO view (name, position, status) VALUES ('tiers', %s, 'running')", [books.position]
            )
            assert ledger_schema_create(database_url, schema_name) == [s.number for s in steps[18:]]
            assert connection.execute("SELECT * FROM history ORDER BY position").fetchall() == told
        with following(books, [HistoryView(), TiersView()]) as follower, recorder.datastore.get_connection() as connection:
            assert follower.follow_once() == {}
            assert connection.execute("SELECT * FROM history ORDER BY position").fetchall() == told
            ladder = rule_set_parse(rules_standard()).tiers
            assert tier_read(connection, ladder, 1, day_parse("2024-01-31")).earned == 200_00
            assert tier_read(connection, ladder, 1, TODAY).earned_ever == books.state.holder(1, TODAY).earned_ever == 200_00
        books.writer.stop()
