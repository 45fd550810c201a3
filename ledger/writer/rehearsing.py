"""Dry runs: what requests would come to, decided by the same parts and never appended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ledger.domain.commands import (
    DESK_COMMANDS,
    REDEMPTION_COMMANDS,
    Answer,
    CloseDays,
    RegisterCustomer,
    Rehearsal,
    Request,
)
from ledger.domain.errors import Refused
from ledger.domain.events import Event
from ledger.domain.relations.drafts import Sealer
from ledger.domain.values import customer_id
from ledger.log.recorder import LogRecorder
from ledger.writer.batch import BatchDecider, Decided
from ledger.writer.checks import request_refusal
from ledger.writer.closing import days_rehearse
from ledger.writer.desk import DeskDecider, event_drafted
from ledger.writer.facts import SMALL_COMMANDS, registration_checked
from ledger.writer.lookups import Known, answered
from ledger.writer.orders import order_decide
from ledger.writer.redeeming import RedemptionDecider
from ledger.writer.state import LedgerState
from ledger.writer.submissions import LEDGER_CLOSED, REHEARSAL_INVALID, refusal_of

EVENTS_TOLD_MAX: Final = 1_000


class Rehearser:
    """Rehearses on the writer's state, in the writer's thread."""

    def __init__(self, state: LedgerState, recorder: LogRecorder, clock: Callable[[], datetime]) -> None:
        self.state = state
        self.recorder = recorder
        self.clock = clock

    def rehearse(self, requests: list[Request]) -> list[Rehearsal]:
        """Decide requests as if each before had been carried out; nothing is appended."""
        if self.state.is_behind(self.recorder):
            self.state.catch_up(self.recorder)
        types = self.state.book.fact_types
        refusals = {i: refusal for i, r in enumerate(requests) if (refusal := request_refusal(r, types)) is not None}
        sound = [r for i, r in enumerate(requests) if i not in refusals]
        if self.state.book.closed:
            found = [Rehearsal(LEDGER_CLOSED) for _ in sound]
        elif all(isinstance(r.command, SMALL_COMMANDS) for r in sound):
            found = self._rehearse_small(sound)
        elif all(isinstance(r.command, (RegisterCustomer, *DESK_COMMANDS)) for r in sound):
            found = self._rehearse_desk(sound)
        elif all(isinstance(r.command, REDEMPTION_COMMANDS) for r in sound):
            found = self._rehearse_redemptions(sound)
        elif len(sound) == 1:
            found = [self._rehearse_order(sound[0])]
        else:
            found = [Rehearsal(REHEARSAL_INVALID) for _ in sound]
        decided = iter(found)
        return [Rehearsal(refusals[i]) if i in refusals else next(decided) for i in range(len(requests))]

    def _rehearse_small(self, requests: list[Request]) -> list[Rehearsal]:
        known = self._known(requests)
        decided = BatchDecider(self.state, self.recorder, self.clock(), known.facts, known.answers).decide(requests)
        self.state.publish()
        return self._told(decided)

    def _rehearse_desk(self, requests: list[Request]) -> list[Rehearsal]:
        stored = self._known(requests).answers
        sealer = RehearsedSealer(self.state.vault)
        try:
            return self._told(_RehearsedDesk(self.state, self.clock(), stored, sealer).decide(requests))
        finally:
            self.state.relations.journal.rollback()

    def _rehearse_redemptions(self, requests: list[Request]) -> list[Rehearsal]:
        stored = self._known(requests).answers
        decided = RedemptionDecider(self.state, self.recorder, self.clock(), stored).decide(requests)
        self.state.publish()
        return self._told(decided)

    def _known(self, requests: list[Request]) -> Known:
        known = Known()
        known.look_up(self.recorder, requests)
        return known

    def _told(self, decided: Decided) -> list[Rehearsal]:
        found: list[Rehearsal] = []
        first = 0
        for answer in decided.answers:
            # What a request appends ends at the position that its answer names.
            last = answer.position - self.state.book.position
            mine = answer.status in ("accepted", "corrected") and not answer.hit and last > first
            found.append(_rehearsal(answer, decided.events[first:last] if mine else []))
            first = max(first, last) if mine else first
        return found

    def _rehearse_order(self, request: Request) -> Rehearsal:
        known = answered(self.recorder, request)
        if known is not None:
            return Rehearsal(known)
        try:
            if isinstance(request.command, CloseDays):
                return self._rehearse_close(request.command, request.actor)
            events, answer = order_decide(self.state, self.clock(), request)
        except Refused as refusal:
            return Rehearsal(refusal_of(refusal))
        position = self.state.book.position + len(events)
        return _rehearsal(replace(answer, position=position), events)

    def _rehearse_close(self, command: CloseDays, actor: str) -> Rehearsal:
        """Of every month that would be closed; the first events are kept, all are counted. Raises Refused."""
        told: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()

        def tell(events: list[Event]) -> None:
            told.extend(_event_told(e) for e in events[: EVENTS_TOLD_MAX - len(told)])
            counts.update(type(e).__name__ for e in events)

        days = days_rehearse(self.state, self.clock(), command, actor, tell)
        position = self.state.book.position + counts.total()
        return Rehearsal(Answer("accepted" if days else "duplicate", position, id=command.through), told, dict(counts))


class _RehearsedDesk(DeskDecider):
    """Decides registrations, too, where commands about relations are rehearsed with those of their customers."""

    def _one(self, request: Request) -> Answer:
        command = request.command
        if not isinstance(command, RegisterCustomer):
            return super()._one(request)
        try:
            source, reference, name, traits = registration_checked(command)
        except Refused as refusal:
            return refusal_of(refusal)
        relations = self.state.relations
        known = relations.find(f"{source}:{reference}")
        if known:
            return Answer("duplicate", relations.position, customer_id(known), customer_id(known))
        draft, first = self.draft, len(self.draft.events)
        number = draft.register(source, reference, name, traits)
        at = self.recorded_at
        self.decided.events += [event_drafted(d, at, at, request.actor, self.versions) for d in draft.events[first:]]
        return Answer("accepted", relations.position, customer_id(number), customer_id(number))


class RehearsedSealer:
    """Seals nothing and makes no keys; opens what was sealed before, and what it was given in the rehearsal."""

    def __init__(self, sealer: Sealer | None) -> None:
        self._sealer = sealer
        self._given: dict[tuple[int, str], Mapping[str, str]] = {}

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        """A word in the place of sealed text."""
        sealed = f"rehearsed:{len(self._given) + 1}"
        self._given[person, sealed] = fields
        return sealed

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        """What was sealed; None where the person was erased."""
        given = self._given.get((person, sealed))
        return self._sealer.open(person, sealed) if given is None and self._sealer else given

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        """The same of many."""
        others = [pair for pair in sealed if pair not in self._given]
        opened = dict(zip(others, self._sealer.open_many(others), strict=True)) if self._sealer and others else {}
        return [self._given[pair] if pair in self._given else opened.get(pair) for pair in sealed]


def _rehearsal(answer: Answer, events: Sequence[Event]) -> Rehearsal:
    # A month's end may expire points of every customer: nobody reads them one by one.
    told = [_event_told(e) for e in events[:EVENTS_TOLD_MAX]]
    return Rehearsal(answer, told, dict(Counter(type(e).__name__ for e in events)))


def _event_told(event: Event) -> dict[str, Any]:
    state = {k: v for k, v in event.__dict__.items() if not k.startswith("originator_")}
    return {"event": type(event).__name__, "stream": event.originator_id, "state": state}
