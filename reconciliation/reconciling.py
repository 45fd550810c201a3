"""What `reconcile` does: match what is booked up to a month's end, and say what that comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ledger.domain.commands import MatchByRule
from ledger.domain.relations.drafts import Context, Draft, command_decide
from ledger.domain.relations.policy import NoPolicy
from ledger.domain.relations.records import Standing
from ledger.domain.relations.state import Happened, Relations
from ledger.domain.settlement.records import may_be_payment
from ledger.domain.settlement.state import Settlement
from ledger.domain.values import customer_number, day_recorded, money_text
from ledger.log.abandoning import abandoned_check
from ledger.log.codec import state_of
from ledger.log.collector import collection_deferred
from ledger.log.columns.reader import Columns, ColumnsBehind
from ledger.log.columns.relations import SETTLING_TOPICS, happened
from ledger.log.recorder import LogRecorder
from reconciliation.candidates import Terms
from reconciliation.items import ledgers_of, still_open
from reconciliation.matching import Found, matches_of

TERMS: Final = Terms()
EVENTS_MAX: Final = 200_000
"""So many events that the columns lack are read from the log, some two seconds' work."""
_FOLDED_AT_ONCE: Final = 10_000


class _Nobody:
    """Customers are numbers here; nothing is asked of them."""

    def count(self) -> int:
        """None that anybody could ask for."""
        return 0

    def traits(self, number: int) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def name(self, number: int) -> str:
        """Nothing."""
        return ""

    def find(self, text: str) -> int:
        """Nobody."""
        return 0


def state_new() -> Relations:
    """A state in which nothing has happened, to fold settlement alone."""
    return Relations(_Nobody())


def state_read(columns: Columns) -> Relations:
    """The state of settlement as the columns have it; of relations it holds nothing else. Raises Abandoned where nobody
    waits for it any more."""
    state = state_new()
    for i, event in enumerate(happened(columns.settling()), 1):
        state.apply(event)
        if i % _FOLDED_AT_ONCE == 0:
            state.journal.commit()
            abandoned_check()
    state.stand_at(columns.position)
    state.settle()
    return state


def state_current(columns: Columns, recorder: LogRecorder, timezone: str, events_max: int = EVENTS_MAX) -> Relations:
    """The state of settlement at the end of the log: what the columns have of it, and after them the log itself.

    Raises ColumnsBehind where they lack more than `events_max` events: reading so many would take too long; Abandoned
    where nobody waits for it any more.
    """
    lacking = recorder.position_head() - columns.position
    if lacking > events_max:
        raise ColumnsBehind(
            f"the columns lack the last {lacking} events; let `plumbline serve --roles follower` bring them on"
        )
    state, position = state_read(columns), columns.position
    while events := recorder.select_range(position, _FOLDED_AT_ONCE):
        for at, stream, _, topic, data in events:
            if topic not in SETTLING_TOPICS:
                continue
            fields = state_of(topic, data)
            if topic != "FactRecorded" or may_be_payment(fields):
                day = day_recorded(fields["recorded_at"], timezone)
                state.apply(Happened(at, customer_number(stream), topic, fields, day))
        state.journal.commit()
        abandoned_check()
        position = events[-1][0]
    state.stand_at(position)
    state.settle()
    return state


def found_in(settlement: Settlement, period: int, terms: Terms = TERMS) -> list[Found]:
    """The matches that rules find among what is booked up to a month's end and still open."""
    with collection_deferred():
        ledgers = ledgers_of(settlement, period)
        return matches_of(ledgers if period >= settlement.period_last else still_open(settlement, ledgers), terms)


def commands_of(found: Sequence[Found]) -> list[MatchByRule]:
    """The commands that record matches."""
    return [
        MatchByRule(
            tuple((key, money_text(fen)) for key, fen in f.redemptions),
            tuple((key, money_text(fen)) for key, fen in f.payments), f.rule, f.score, f.evidence,
        )
        for f in found
    ]  # fmt: skip


def rehearsed(state: Relations, commands: Sequence[MatchByRule], day: int, actor: str = "") -> None:
    """Decide matches on a state of one's own, as the ledger would. Raises Refused where it would not."""
    draft = Draft(state, Context(actor, day, NoPolicy(), lambda customer: Standing()))
    for command in commands:
        command_decide(draft, command)
