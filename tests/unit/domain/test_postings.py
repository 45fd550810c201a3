"""Double entry: every event posts to two accounts that come to zero, and balances follow from postings alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ledger.domain.events import REGISTRY
from ledger.domain.postings import (
    ACCOUNTS,
    POSTING_TOPICS,
    BooksUnbalanced,
    Posting,
    Trial,
    adjusting_rules,
    appended_check,
    postings_of,
)

BY_HAND = frozenset({("RS-0001", "by_hand")})


def state(points: int, balance: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "points": points, "balance": balance, "rule_set": "RS-0001", "rule": "contract_signed", "debt": 0, "debt_paid": 0,
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "points", "posted"),
    [
        ("PointsGranted", 400, [("issuance", -400), ("available", 400)]),
        ("PointsDeducted", -3_000, [("issuance", 3_000), ("available", -3_000)]),
        ("PointsReversed", -400, [("issuance", 400), ("available", -400)]),
        ("PointsExpired", -250, [("available", -250), ("expired", 250)]),
        ("PointsHeld", 100, [("available", -100), ("held", 100)]),
        ("PointsFreed", 40, [("held", -40), ("available", 40)]),
        ("PointsRedeemed", -60, [("held", -60), ("redeemed", 60)]),
        ("PointsReturned", 10, [("redeemed", -10), ("available", 10)]),
    ],
)
def test_each_event_moves_its_points_from_one_account_to_another(topic: str, points: int, posted: list[Any]) -> None:
    assert postings_of(topic, state(points)) == tuple(Posting(*p) for p in posted)


def test_what_was_adjusted_by_hand_is_posted_apart_whatever_the_rule_is_called() -> None:
    by_hand = state(500, rule="by_hand")
    assert postings_of("PointsGranted", by_hand, BY_HAND)[0] == ("adjusted", -500)
    assert postings_of("PointsReversed", state(-500, rule="by_hand"), BY_HAND)[0] == ("adjusted", 500)
    assert postings_of("PointsGranted", state(500), BY_HAND)[0] == ("issuance", -500)
    documents = {
        "RS-0001": {"rules": [{"id": "by_hand", "fact": "manual_adjustment"}, {"id": "login", "fact": "login"}]}
    }
    assert adjusting_rules(documents) == BY_HAND


def test_events_that_move_no_points_post_nothing_and_every_event_that_says_points_of_an_account_posts() -> None:
    assert postings_of("TierChanged", state(0)) == ()
    moving = {n for n in REGISTRY if n.startswith("Points")}
    assert moving == POSTING_TOPICS


Step = tuple[str, int, int]
"""(topic, customer, points above zero)"""
STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(POSTING_TOPICS)), st.integers(1, 3), st.integers(1, 10**9)), max_size=60
)


def played(steps: list[Step]) -> list[tuple[str, str, dict[str, Any]]]:
    """Events as a ledger might write them: nothing is freed, spent or returned that isn't there."""
    balance: dict[int, int] = {}
    held: dict[int, int] = {}
    spent: dict[int, int] = {}
    events: list[tuple[str, str, dict[str, Any]]] = []
    for topic, customer, amount in steps:
        if topic in ("PointsFreed", "PointsRedeemed"):
            amount = min(amount, held.get(customer, 0))
        if topic == "PointsReturned":
            amount = min(amount, spent.get(customer, 0))
        points = -amount if topic in ("PointsDeducted", "PointsReversed", "PointsExpired", "PointsRedeemed") else amount
        if topic not in ("PointsHeld", "PointsFreed"):
            balance[customer] = balance.get(customer, 0) + points
        balance.setdefault(customer, 0)
        held[customer] = held.get(customer, 0) + {
            "PointsHeld": amount, "PointsFreed": -amount, "PointsRedeemed": -amount
        }.get(topic, 0)  # fmt: skip
        spent[customer] = spent.get(customer, 0) + {"PointsRedeemed": amount, "PointsReturned": -amount}.get(topic, 0)
        more = {} if topic in ("PointsGranted", "PointsDeducted", "PointsReversed", "PointsExpired") else {
            "available": max(balance[customer] - held[customer], 0)
        }  # fmt: skip
        events.append((f"C-{customer:06d}", topic, state(points, balance[customer], **more)))
    return events


@given(STEPS)
def test_the_sum_over_all_accounts_is_zero_at_every_position_and_balances_are_what_is_available_and_held(
    steps: list[Step],
) -> None:
    trial = Trial.new()
    for position, (stream, topic, said) in enumerate(played(steps), 1):
        posted = trial.add(position, stream, topic, said)
        assert sum(p.points for p in posted) == 0 and len({p.account for p in posted}) == 2
        assert {p.account for p in posted} <= set(ACCOUNTS)
        assert trial.total == 0
        assert trial.outstanding == trial.accounts["available"] + trial.accounts["held"]
        assert all(h >= 0 for h in trial.held.values())


@given(STEPS, st.data())
def test_a_balance_that_does_not_follow_is_found_before_it_is_appended_and_afterwards(
    steps: list[Step], data: st.DataObject
) -> None:
    events = played(steps)
    appended_check(events, lambda stream: 0)
    if not events:
        return
    wrong = data.draw(st.integers(0, len(events) - 1))
    events[wrong][2]["balance"] += data.draw(st.sampled_from([-1, 1]))
    with pytest.raises(BooksUnbalanced):
        appended_check(events, lambda stream: 0)
    trial = Trial.new()
    with pytest.raises(BooksUnbalanced):
        for position, (stream, topic, said) in enumerate(events, 1):
            trial.add(position, stream, topic, said)


def test_what_is_appended_is_held_against_the_balance_before_it() -> None:
    event = ("C-000001", "PointsGranted", state(400, 1_400))
    appended_check([event], {"C-000001": 1_000}.__getitem__)
    with pytest.raises(BooksUnbalanced, match="C-000001"):
        appended_check([event], {"C-000001": 999}.__getitem__)


def test_more_freed_than_is_held_is_found() -> None:
    trial = Trial.new()
    trial.add(1, "C-000001", "PointsGranted", state(100, 100))
    trial.add(2, "C-000001", "PointsHeld", state(60, 100, available=40))
    with pytest.raises(BooksUnbalanced, match="position 3"):
        trial.add(3, "C-000001", "PointsFreed", state(70, 100, available=110))


def test_more_that_can_be_spent_than_stands_in_lots_is_found() -> None:
    trial = Trial.new()
    trial.add(1, "C-000001", "PointsGranted", state(100, 100))
    # What is past its date can't be spent: less than what isn't held is right.
    trial.add(2, "C-000001", "PointsHeld", state(50, 100, available=20))
    for available in (41, -1):
        with pytest.raises(BooksUnbalanced, match="position 3"):
            trial.add(3, "C-000001", "PointsHeld", state(10, 100, available=available))


def test_of_somebody_who_owes_more_can_be_spent_than_the_balance_says() -> None:
    trial = Trial.new()
    trial.add(1, "C-000001", "PointsDeducted", state(-30, -30, debt=30))
    # 100 are granted in full beside the debt: the balance is 70, in lots stand 100.
    trial.add(2, "C-000001", "PointsGranted", state(100, 70))
    trial.add(3, "C-000001", "PointsHeld", state(60, 70, available=40))
    assert trial.debts == {"C-000001": 30} and trial.accounts["available"] == 10
