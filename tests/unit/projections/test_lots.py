"""Which lot points come from and go to where events are decided anew, with the arithmetic written out (1/100 point)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from ledger.domain.book import ActivationEntry, Book, RuleSetEntry
from ledger.domain.values import day_parse, month_parse
from ledger.rules.document import rule_set_parse
from projections.history import HistoryRow
from projections.lots import Lots, Terms
from projections.rulebook import Rulebook

JANUARY, FEBRUARY, MARCH, MAY, JUNE = (month_parse(f"2026-{m:02d}") for m in (1, 2, 3, 5, 6))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
Told = tuple[tuple[int | None, int], ...]


def terms(*closings: tuple[int, int], **more: Any) -> Terms:
    """RS-1 from 2025 on, by which points are valid for five months, those of the rule `short` for two; RS-2, activated at
    position 90, says one month. `more` stands in RS-1."""
    title = {"zh": "x", "en": "x"}
    short = {"id": "short", "title": title, "fact": "f", "award": {"points": -1}, "expiry_months": 2}
    penalty = {"id": "penalty", "title": title, "fact": "f", "award": {"points": -1}}
    documents = {
        "RS-1": {"id": "one", "title": title, "rules": [short, penalty], "expiry_months": 5, **more},
        "RS-2": {"id": "two", "title": title, "rules": [], "expiry_months": 1},
    }
    since = day_parse("2025-01-01")
    book = Book(activations=[ActivationEntry("RS-1", since, 1), ActivationEntry("RS-2", since, 90)])
    for name, document in documents.items():
        rules = rule_set_parse(document)
        book.rule_sets[name] = RuleSetEntry(name, rules.document, rules.sha256, "ann", 1)
    return Terms(Rulebook(book, ()), closings)


def row(position: int, topic: str, points: int, booked_on: str = "2026-01-10", **more: Any) -> HistoryRow:
    """An event that follows from an input at its own position, by `penalty` of RS-1 unless told otherwise."""
    state = {"points": points, "booked_on": booked_on, "rule": "penalty", "rule_set": "RS-1", "redemption": "R-1", "part": 1, **more}
    day = date.fromisoformat(booked_on)
    return HistoryRow(1, position, topic, NOW, NOW, day, "ann", position, state["rule"], state["rule_set"], points, 0, state)


def granted(position: int, points: int, month: int | None, booked_on: str = "2026-01-10") -> HistoryRow:
    """Points that expire with a month."""
    expires_on = None if month is None else f"2026-{month - JANUARY + 1:02d}-28"
    return row(position, "PointsGranted", points, booked_on, expires_on=expires_on, debt_paid=0)


def decided(said: Terms, *rows: HistoryRow) -> tuple[int, int, Told]:
    """Debt, what is held, lots."""
    lots = Lots()
    for event in rows:
        lots.decided(event, said)
    return lots.debt, lots.held, lots.told()


def test_what_is_taken_comes_from_lots_that_expire_with_its_own_month_or_later() -> None:
    taken = row(3, "PointsDeducted", -10, "2026-02-10")
    # The 30 of January are over by then, those of February are not.
    assert decided(terms(), granted(1, 30, JANUARY), granted(2, 30, FEBRUARY), taken) == (
        0, 0, ((JANUARY, 30), (FEBRUARY, 20)),
    )  # fmt: skip
    # So it is with what is held, and with what is redeemed of more than was held: 10, then 15 more.
    held, spent = row(3, "PointsHeld", 10, "2026-02-10"), row(4, "PointsRedeemed", -25, "2026-02-10")
    assert decided(terms(), granted(1, 30, JANUARY), granted(2, 30, FEBRUARY), held, spent) == (
        0, 0, ((JANUARY, 30), (FEBRUARY, 5)),
    )  # fmt: skip


def test_a_grant_is_taken_back_from_its_own_lot_before_older_ones() -> None:
    back = row(3, "PointsReversed", -50, reverses=2)
    # 40 of June, the rest of the oldest.
    assert decided(terms(), granted(1, 30, FEBRUARY), granted(2, 40, JUNE), back) == (0, 0, ((FEBRUARY, 20),))
    lots = Lots()
    for event in (granted(1, 30, FEBRUARY), granted(2, 40, JUNE)):
        lots.recorded(event)
    lots.decided(back, terms())
    assert (lots.debt, lots.told()) == (0, ((FEBRUARY, 20),))


def test_of_two_penalties_of_one_fact_each_comes_back_to_where_it_was_taken_from() -> None:
    penalties = row(3, "PointsDeducted", -30), row(3, "PointsDeducted", -10, rule="short")
    back = row(4, "PointsReversed", 10, reverses=3, rule="short")
    # One took the 30 of February, the other 10 of May.
    lots = (granted(1, 30, FEBRUARY), granted(2, 40, MAY))
    assert decided(terms(), *lots, *penalties, back) == (0, 0, ((MAY, 40),))


def test_what_expires_is_taken_from_its_lot_and_what_that_lacks_from_the_oldest() -> None:
    expired = row(9, "PointsExpired", -50, "2026-02-28", expired_on="2026-02-28")
    # 50 expired; of these 30 are here, and 20 come from May.
    lots = (granted(1, 30, FEBRUARY), granted(2, 40, MAY), granted(3, 10, None))
    assert decided(terms(), *lots, expired) == (0, 0, ((MAY, 20), (None, 10)))


def test_a_penalty_that_was_debt_comes_back_as_points_of_the_rules_own_validity() -> None:
    for rule, month in (("short", MARCH), ("penalty", JUNE)):
        penalty, back = row(1, "PointsDeducted", -20, rule=rule), row(3, "PointsReversed", 20, reverses=1, rule=rule)
        # 20 of the 30 pay the debt. They come back as of January, valid for two months, or for the five of the rule set.
        lots = tuple(sorted([(MAY, 10), (month, 20)]))
        assert decided(terms(), penalty, granted(2, 30, MAY), back) == (0, 0, lots)


def test_points_that_never_expire_come_back_as_such() -> None:
    penalty, back = row(1, "PointsDeducted", -20), row(3, "PointsReversed", 20, reverses=1)
    assert decided(terms(expiry_months="never"), penalty, granted(2, 30, MAY), back) == (0, 0, ((MAY, 10), (None, 20)))


def test_a_penalty_that_is_not_in_view_comes_back_as_new_points() -> None:
    assert decided(terms(), row(3, "PointsReversed", 20, reverses=1)) == (0, 0, ((JUNE, 20),))


def test_a_debt_that_stands_is_paid_by_what_is_given_back_of_it_and_by_no_grant() -> None:
    penalty, back = row(1, "PointsDeducted", -20), row(3, "PointsReversed", 20, reverses=1)
    stands = terms(redemption={"debt": "negative"})
    assert decided(stands, penalty, granted(2, 30, MAY)) == (20, 0, ((MAY, 30),))
    assert decided(stands, penalty, granted(2, 30, MAY), back) == (0, 0, ((MAY, 30),))


def test_after_the_first_close_what_comes_back_is_booked_in_the_first_open_month() -> None:
    penalty, back = (row(p, t, n, reverses=1, rule="short") for p, t, n in ((1, "PointsDeducted", -20), (9, "PointsReversed", 20)))
    # January is closed at position 5, before it is given back: two months from February on. At position 10 it was not.
    for closed_at, month in ((5, MARCH + 1), (10, MARCH)):
        assert decided(terms((closed_at, JANUARY)), penalty, granted(2, 20, MAY), back) == (0, 0, ((month, 20),))


def test_what_was_redeemed_of_more_than_is_held_comes_out_of_the_lots() -> None:
    held, spent = row(2, "PointsHeld", 30), row(3, "PointsRedeemed", -50)
    # 30 were held; 20 more come from what is there, and 50 are given back to where they came from.
    back = row(4, "PointsReturned", 50, debt_paid=0)
    assert decided(terms(), granted(1, 100, MAY), held, spent) == (0, 0, ((MAY, 50),))
    assert decided(terms(), granted(1, 100, MAY), held, spent, back) == (0, 0, ((MAY, 100),))


def test_no_more_is_freed_than_is_held() -> None:
    held, freed = row(2, "PointsHeld", 30), row(3, "PointsFreed", 50)
    assert decided(terms(), granted(1, 100, MAY), held, freed) == (0, 0, ((MAY, 100),))


def test_parts_of_a_redemption_take_what_is_held_one_after_the_other_and_come_back_by_themselves() -> None:
    rows = [granted(1, 60, FEBRUARY), granted(2, 40, MAY), row(3, "PointsHeld", 100)]
    rows += [row(4 + n, "PointsRedeemed", points, part=n) for n, points in ((1, -30), (2, -40))]
    assert decided(terms(), *rows) == (0, 30, ())
    # The first part is 30 of February, the second its other 30 and 10 of May; 30 of May are still held.
    rows.append(row(7, "PointsReturned", 40, part=2, debt_paid=0))
    assert decided(terms(), *rows) == (0, 30, ((FEBRUARY, 30), (MAY, 10)))
    rows.append(row(8, "PointsFreed", 30))
    assert decided(terms(), *rows) == (0, 0, ((FEBRUARY, 30), (MAY, 40)))
    rows.append(row(9, "PointsReturned", 30, part=1, debt_paid=0))
    assert decided(terms(), *rows) == (0, 0, ((FEBRUARY, 60), (MAY, 40)))


def test_what_was_taken_in_as_recorded_is_known_to_what_is_decided_anew() -> None:
    lots = Lots()
    for event in (
        granted(1, 60, FEBRUARY), granted(2, 40, MAY), row(3, "PointsDeducted", -70, lots=[[FEBRUARY, 60], [MAY, 10]], debt=0),
        granted(4, 20, JUNE), row(5, "PointsHeld", 45, lots=[[MAY, 30], [JUNE, 10]], debt=5),
    ):  # fmt: skip
        lots.recorded(event)
    assert (lots.debt, lots.held, lots.told()) == (5, 45, ((JUNE, 10),))
    said = terms()
    for event, told in (
        # The grant of 20 is taken back: 10 of its own lot, 10 more become debt.
        (row(10, "PointsReversed", -20, reverses=4), (15, 45, ())),
        # 35 of what is held: the 30 of May and 5 of June. They come back to there, and 15 of May's pay the debt.
        (row(11, "PointsRedeemed", -35), (15, 10, ())),
        (row(12, "PointsReturned", 35, debt_paid=0), (0, 10, ((MAY, 15), (JUNE, 5)))),
        # The rest of what is held: 5 of June; and 5 that were debt, which come back as new points of June.
        (row(13, "PointsFreed", 10), (0, 0, ((MAY, 15), (JUNE, 15)))),
        # The penalty is given back: 60 of February, 10 of May.
        (row(14, "PointsReversed", 70, reverses=3), (0, 0, ((FEBRUARY, 60), (MAY, 25), (JUNE, 15)))),
    ):
        lots.decided(event, said)
        assert (lots.debt, lots.held, lots.told()) == told, event.position


def test_a_part_that_was_recorded_comes_back_to_where_it_was_taken_from() -> None:
    lots = Lots()
    lots.recorded(granted(1, 60, None))
    lots.recorded(row(2, "PointsHeld", 50, lots=[[None, 50]], debt=0))
    lots.recorded(row(3, "PointsRedeemed", -30))
    lots.recorded(row(4, "PointsReturned", 10, lots=[[None, 10]], debt_paid=0))
    lots.recorded(row(5, "PointsFreed", 15, lots=[[None, 15]], debt=0))
    assert (lots.debt, lots.held, lots.told()) == (0, 5, ((None, 35),))
    # 20 of the part are left, 5 of what is held; what would come back of more is new.
    lots.decided(row(6, "PointsReturned", 25, debt_paid=0), terms())
    assert (lots.held, lots.told()) == (5, ((JUNE, 5), (None, 55)))
    lots.decided(row(7, "PointsFreed", 15), terms())
    assert (lots.held, lots.told()) == (0, ((JUNE, 5), (None, 60)))


def test_what_was_spent_as_debt_comes_back_by_the_rules_in_force_when_it_was_recorded() -> None:
    spent = (row(2, "PointsHeld", 30), row(3, "PointsRedeemed", -30))
    for position, month in ((50, JUNE), (95, FEBRUARY)):
        # Five months by RS-1, one by RS-2, which was activated at position 90.
        back = row(position, "PointsReturned", 30, debt_paid=0)
        assert decided(terms(), *spent, granted(4, 30, MAY), back) == (0, 0, ((month, 30),))


def test_what_became_debt_or_paid_one_is_taken_in_as_it_was_recorded() -> None:
    lots = Lots()
    lots.recorded(row(1, "PointsReversed", -8, lots=[[MAY, -3]], debt=5))
    assert (lots.debt, lots.told()) == (5, ((MAY, -3),))
    lots = Lots()
    lots.recorded(row(1, "PointsHeld", 30, lots=[], debt=30))
    assert (lots.debt, lots.held, lots.told()) == (30, 30, ())
    lots.recorded(row(2, "PointsFreed", 10, lots=[], debt=10))
    assert (lots.debt, lots.held, lots.told()) == (20, 20, ())
    lots.recorded(row(3, "PointsRedeemed", -20))
    lots.recorded(row(4, "PointsReturned", 20, lots=[[MAY, 5]], debt_paid=15))
    assert (lots.debt, lots.held, lots.told()) == (5, 0, ((MAY, 5),))
