"""One run of commands about relations and settlement: decided one after the other on one draft, each seeing what those before it did.

What was drafted stays in the relations' journal until the events are appended; whoever decides here lets the state
follow them, or takes the draft back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from ledger.domain.commands import Answer, Request
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY, Event, stream_of
from ledger.domain.relations.drafts import Drafted, Sealer, command_decide
from ledger.domain.values import customer_id
from ledger.log.types import AnswerEntry
from ledger.writer.batch import Decided
from ledger.writer.once import each_once
from ledger.writer.state import LedgerState
from ledger.writer.submissions import refusal_of
from ledger.writer.versions import Versions

DESK_REQUESTS_MAX: Final = 1_000
"""How many of these commands are decided and appended together: with their candidates their events are large."""


class DeskDecider:
    """Decides one run. `stored` are the answers found in the log so far; with `sealer` it seals other than the ledger
    does."""

    def __init__(
        self,
        state: LedgerState,
        now: datetime,
        stored: Mapping[tuple[str, str], AnswerEntry],
        sealer: Sealer | None = None,
    ) -> None:
        self.state = state
        self.stored = stored
        self.recorded_at = now.astimezone(ZoneInfo(state.book.timezone)).isoformat()
        self.draft = state.draft(now, sealer=sealer)
        self.versions = Versions(state.book)
        self.decided = Decided(drafted=True)

    def decide(self, requests: Sequence[Request]) -> Decided:
        """Decide every request; a refusal leaves nothing in the draft. What else is raised leaves no draft."""
        try:
            each_once(requests, self.stored, self.decided, self._one)
        except BaseException:
            self.state.relations.journal.rollback()
            raise
        return self.decided

    def _one(self, request: Request) -> Answer:
        draft = self.draft
        if draft.context.actor != request.actor:
            draft.context = replace(draft.context, actor=request.actor)
        first = len(draft.events)
        try:
            answer = command_decide(draft, request.command)
        except Refused as refusal:
            return refusal_of(refusal)
        at = self.recorded_at
        self.decided.events += [event_drafted(d, at, at, request.actor, self.versions) for d in draft.events[first:]]
        return replace(answer, position=self.state.relations.position)


def event_drafted(drafted: Drafted, occurred_at: str, recorded_at: str, actor: str, versions: Versions) -> Event:
    """The event of what was drafted, the next one of its stream."""
    stream = customer_id(drafted.customer) if drafted.customer else stream_of(drafted.topic)
    return REGISTRY[drafted.topic](
        originator_id=stream,
        originator_version=versions.next(stream),
        occurred_at=drafted.occurred_on or occurred_at,
        recorded_at=recorded_at,
        actor=actor,
        cause=drafted.cause,
        **drafted.fields,
    )
