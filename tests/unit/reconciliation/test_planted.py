"""What was planted, held against what was found: a fault that is missed, or one that is none, is told."""

from __future__ import annotations

import random

import pytest

from ledger.domain.settlement.records import Match
from reconciliation.invented import FAULTS, MATCHED_BY, OPEN_AS, Claim, Fault, Invented, Paying, happened_of, invent
from reconciliation.planted import Matched, Outcome, outcome_of
from reconciliation.reconciling import commands_of, found_in, rehearsed, state_new
from reconciliation.report import report_of

EVER = 900
CUSTOMERS = 45


@pytest.fixture(scope="module")
def history() -> Invented:
    """Each kind of fault once."""
    return invent(120, seed=4, customers=CUSTOMERS, fault_every=5)


@pytest.fixture(scope="module")
def reconciled(history: Invented) -> tuple[list[Matched], dict[str, str]]:
    """Its matches and the kinds of its open items, as reconciling records and reports them."""
    state = state_new()
    for event in happened_of(history):
        state.apply(event)
    rehearsed(state, commands_of(found_in(state.settlement, EVER)), 20_500)
    kinds: dict[str, str] = {line.item: line.kind for line in report_of(state.settlement, EVER).lines}
    return [_matched(m) for m in state.settlement.matches.values()], kinds


def _matched(match: Match) -> Matched:
    return Matched(frozenset(k for k, _ in match.redemptions), frozenset(k for k, _ in match.payments), match.rule)


def _counted(outcome: Outcome) -> dict[str, tuple[int, int]]:
    return {kept.fault: (kept.planted, kept.found) for kept in outcome.faults}


def test_what_reconciling_found_is_what_was_planted(
    history: Invented, reconciled: tuple[list[Matched], dict[str, str]]
) -> None:
    outcome = outcome_of(history, *reconciled)
    assert outcome.complete and outcome.missed == outcome.false == ()
    assert _counted(outcome) == dict.fromkeys(FAULTS, (1, 1))


@pytest.mark.parametrize("fault", sorted(OPEN_AS))
def test_a_fault_that_is_not_listed_or_listed_as_something_else_is_missed(
    history: Invented, reconciled: tuple[list[Matched], dict[str, str]], fault: Fault
) -> None:
    matches, kinds = reconciled
    [planted] = [p for p in history.planted if p.fault == fault]
    [item] = [*planted.redemptions, *planted.payments]
    for wrong in ({k: v for k, v in kinds.items() if k != item}, kinds | {item: "unmatched"}):
        outcome = outcome_of(history, matches, wrong)
        assert not outcome.complete and outcome.missed == (f"{fault}: {item}",) and outcome.false == ()
        assert _counted(outcome)[fault] == (1, 0)


@pytest.mark.parametrize("fault", sorted(MATCHED_BY))
def test_a_fault_that_no_rule_or_another_one_matched_is_missed(
    history: Invented, reconciled: tuple[list[Matched], dict[str, str]], fault: Fault
) -> None:
    matches, kinds = reconciled
    [planted] = [p for p in history.planted if p.fault == fault]
    sides = frozenset(planted.redemptions), frozenset(planted.payments)
    rest = [m for m in matches if m[:2] != sides]
    assert len(rest) == len(matches) - 1
    for wrong in (rest, [*rest, Matched(*sides, "person")]):
        outcome = outcome_of(history, wrong, kinds)
        assert [m.split(":")[0] for m in outcome.missed] == [fault] and outcome.false == ()


def test_an_open_item_that_is_no_fault_and_a_match_of_strangers_are_false(
    history: Invented, reconciled: tuple[list[Matched], dict[str, str]]
) -> None:
    matches, kinds = reconciled
    sound = next(r.key for r in history.redemptions if r.customer == 1)
    outcome = outcome_of(history, matches, kinds | {sound: "missing_payment"})
    assert outcome.missed == () and outcome.false == (f"{sound}: missing_payment",)
    stranger = history.payments[-1].key
    assert (sound, stranger) not in history.pairs
    wrong = Matched(frozenset((sound,)), frozenset((stranger,)), "amount_date")
    assert outcome_of(history, [*matches, wrong], kinds).false == (f"{sound} = {stranger}: amount_date",)


def test_two_paid_together_need_two() -> None:
    claim = Claim("R-000001", 1, 20_100, 50_00, "FP-1", "")
    with pytest.raises(ValueError, match="combined is no fault of the payment of one claim"):
        Paying(random.Random(1), Invented()).pay(claim, "combined")
