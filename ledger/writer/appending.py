"""Appends what was decided, and moves the state by what was appended and by nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError

from ledger.domain.events import Event
from ledger.domain.postings import POSTING_TOPICS, appended_check
from ledger.domain.values import customer_number
from ledger.log.codec import encode
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, AppendOutcome, EncodedEvent, EntriesKnown, PositionMoved
from ledger.rules import layout as at
from ledger.writer.batch import Decided
from ledger.writer.state import LedgerState
from ledger.writer.submissions import WriterStopped

CONNECTION_LOST: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""After these nobody knows whether an append was committed."""
CHUNK_EVENTS: Final = 10_000
CHUNK_BYTES: Final = 64 * 1024 * 1024
"""What is larger is sent in several statements of one transaction."""


class Appender:
    """Appends for one writer. `alive` (the lease) is asked before each append; `publish` is called where readers may
    see what is committed now; `waiting` before each wait for PostgreSQL to store."""

    def __init__(
        self,
        recorder: LogRecorder,
        state: LedgerState,
        alive: Callable[[], bool],
        publish: Callable[[], None],
        waiting: Callable[[], None],
    ) -> None:
        self.recorder = recorder
        self.state = state
        self.alive = alive
        self.publish = publish
        self.waiting = waiting

    def append(self, decided: Decided) -> EntriesKnown | PositionMoved | None:
        """Append what a run comes to. None when it is done (or nothing was to be done); otherwise nothing has moved,
        and the caller catches up."""
        if not decided.events and not decided.entries:
            return None
        self._balance(decided.events)
        stored = [encode(event) for event in decided.events]
        book = self.state.book
        self._alive()
        self.waiting()
        try:
            outcome = self._send(stored, decided)
        except CONNECTION_LOST:
            # The connection was lost, perhaps after COMMIT. Look again: entries and positions tell which.
            self.recorder.position_head()
            return PositionMoved(book.position)
        if isinstance(outcome, (EntriesKnown, PositionMoved)):
            return outcome
        with self.state.moving:
            self.state.follow(decided.events, drafted=decided.drafted)
            decided.commit(self.state)
            self.publish()
        self._erase()
        return None

    def append_events(self, events: list[Event], entries: Sequence[AnswerEntry] = ()) -> bool:
        """Append events that change the rule book or the calendar. False where the log had moved."""
        if not events and not entries:
            return True
        recompiles = any(type(e).__name__ in ("RuleSetActivated", "FactTypeDeclared") for e in events)
        stored = [encode(e) for e in events]
        if not self._append_or_catch_up(
            lambda position: self.recorder.append(stored, position_expected=position, answers=entries)
        ):
            return False
        self.state.follow(events, drafted=False)
        if recompiles:
            self.state.recompile()
        self.publish()
        return True

    def append_closing(self, events: list[Event]) -> bool:
        """Append the end of days: perhaps very many events, one transaction. The relations hold them as a draft. False
        where the log had moved."""
        self._balance(events)
        if not self._append_or_catch_up(
            lambda position: self.recorder.append_chunks(_chunks(events), position_expected=position)
        ):
            return False
        self.state.follow(events, drafted=True)
        return True

    def _balance(self, events: Sequence[Event]) -> None:
        """Hold the double entry of what is about to be appended against the records before it. Raises
        BooksUnbalanced."""
        records = self.state.records

        def balance_before(stream: str) -> int:
            number = customer_number(stream)
            return int(records[number - 1, at.REC_BALANCE]) if number <= len(records) else 0

        named = ((e, type(e).__name__) for e in events)
        moving = ((e.originator_id, topic, e.__dict__) for e, topic in named if topic in POSTING_TOPICS)
        appended_check(moving, balance_before)

    def _erase(self) -> None:
        try:
            self.state.erase()
        except CONNECTION_LOST as error:
            # That they are erased is committed and answered; their keys go after the next append, or at the next start.
            logging.getLogger(__name__).error("keys of erased people not deleted yet", exc_info=error)

    def _send(self, stored: list[EncodedEvent], decided: Decided) -> AppendOutcome:
        position = self.state.book.position
        if decided.drafted and (len(stored) > CHUNK_EVENTS or sum(len(e.state) for e in stored) > CHUNK_BYTES):
            return self.recorder.append_chunks([stored], position_expected=position, answers=decided.entries)
        return self.recorder.append(
            stored, position_expected=position, answers=decided.entries, facts=decided.facts
        )

    def _append_or_catch_up(self, send: Callable[[int], AppendOutcome]) -> bool:
        self._alive()
        try:
            outcome = send(self.state.book.position)
        except CONNECTION_LOST:
            self.recorder.position_head()
            self.state.catch_up(self.recorder)
            return False
        if isinstance(outcome, (EntriesKnown, PositionMoved)):
            self.state.catch_up(self.recorder)
            return False
        return True

    def _alive(self) -> None:
        if not self.alive():
            raise WriterStopped("this writer's lease is gone; another writer has taken over")


def _chunks(events: list[Event]) -> Iterator[list[EncodedEvent]]:
    for first in range(0, len(events), CHUNK_EVENTS):
        yield [encode(e) for e in events[first : first + CHUNK_EVENTS]]
