"""Appends what was decided, and moves the state by what was appended and by nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError

from ledger.domain.events import Event
from ledger.domain.postings import POSTING_TOPICS, appended_check
from ledger.domain.values import customer_number
from ledger.log.codec import encode
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, Appended, AppendOutcome, EncodedEvent, EntriesKnown, PositionMoved
from ledger.rules import layout as at
from ledger.writer.batch import Decided
from ledger.writer.state import LedgerState, StateDiffers
from ledger.writer.submissions import WriterStopped

CONNECTION_LOST: Final = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""After these nobody knows whether an append was committed."""
SENT_MAX: Final = 5
CHUNK_EVENTS: Final = 10_000
CHUNK_BYTES: Final = 64 * 1024 * 1024
"""What is larger is sent in several statements of one transaction."""


class Appender:
    """Appends for one writer. `alive` (the lease) is asked before each append; `waiting` is called before each wait for
    PostgreSQL to store.

    What is appended is stored once, and answered as what it is, however its connection ends: see `_sent` and `settle`.
    """

    def __init__(
        self, recorder: LogRecorder, state: LedgerState, alive: Callable[[], bool], waiting: Callable[[], None]
    ) -> None:
        self.recorder = recorder
        self.state = state
        self.alive = alive
        self.waiting = waiting
        self.differs: StateDiffers | None = None
        """Why the state is of no use: it could not take in what was appended."""
        self._open_at = -1
        """After which position the last append was to stand whose connection was lost."""

    def settle(self) -> None:
        """Take in what the log may hold unseen, before anything is decided: an append whose end nobody knows may have
        come through, or come through yet, for as long as nothing else stands in its place.

        Raises StateDiffers where the state is of no use.
        """
        if self.differs is not None:
            raise self.differs
        if self._open_at == self.state.book.position or self.state.catching_up:
            self.state.catch_up(self.recorder)

    def append(self, decided: Decided) -> EntriesKnown | PositionMoved | None:
        """Append what a run comes to. None when it is done (or nothing was to be done); otherwise nothing has moved,
        and the caller catches up."""
        if not decided.events and not decided.entries:
            return None
        self._balance(decided.events)
        stored = [encode(event) for event in decided.events]
        outcome = self._sent(lambda position: self._send(stored, decided, position), stored, decided.entries)
        if not isinstance(outcome, Appended):
            return outcome
        self._take_in(decided.events, drafted=decided.drafted, commit=lambda: decided.commit(self.state))
        return None

    def append_events(self, events: list[Event], entries: Sequence[AnswerEntry] = ()) -> bool:
        """Append events that change the rule book or the calendar. False where the log had moved."""
        if not events and not entries:
            return True
        stored = [encode(e) for e in events]
        outcome = self._sent(
            lambda position: self.recorder.append(stored, position_expected=position, answers=entries), stored, entries
        )
        if not isinstance(outcome, Appended):
            self.state.catch_up(self.recorder)
            return False
        self._take_in(events, drafted=False)
        return True

    def append_closing(self, events: list[Event], commit: Callable[[], None]) -> bool:
        """Append the end of days: perhaps very many events, one transaction. The relations hold them as a draft;
        `commit` keeps the records. False where the log had moved."""
        self._balance(events)
        outcome = self._sent(
            lambda position: self.recorder.append_chunks(_chunks(events), position_expected=position),
            map(encode, events),
        )
        if not isinstance(outcome, Appended):
            self.state.catch_up(self.recorder)
            return False
        self._take_in(events, drafted=True, commit=commit)
        if self.differs is not None:
            raise self.differs
        return True

    def _sent(
        self,
        send: Callable[[int], AppendOutcome],
        stored: Iterable[EncodedEvent],
        entries: Sequence[AnswerEntry] = (),
    ) -> AppendOutcome:
        """What an append comes to.

        One whose connection is lost may be committed or under way still. So it is looked for in the log, and where the
        log has not moved it is sent again as it was, to the same position: one of the two is stored there at most, and
        the other finds the log moved. Events are found by their bytes, which say when and by whom they were recorded.
        """
        position = self.state.book.position
        if not self.alive():
            raise WriterStopped("this writer's lease is gone; another writer has taken over")
        self.waiting()
        failures = 0
        while True:
            try:
                outcome = send(position)
            except CONNECTION_LOST:
                failures += 1
                self._open_at = position
                head = self.recorder.position_head()  # waits for a database that answers again
                if head == position and failures < SENT_MAX and self.alive():
                    continue
                if head == position:
                    raise
                outcome = PositionMoved(head)
            if failures and not isinstance(outcome, Appended):
                last = self._last_found(position, stored)
                # One that came to answers alone is found by them.
                if last > position or (last == position and _answers_in(outcome, entries)):
                    return Appended(position + 1, last)
            return outcome

    def _last_found(self, position: int, stored: Iterable[EncodedEvent]) -> int:
        """Where events end that stand right after a position; -1 where others do, or none."""
        events = iter(stored)
        while page := list(islice(events, CHUNK_EVENTS)):
            rows = self.recorder.select_range(position, len(page))
            if [EncodedEvent(*row[1:]) for row in rows] != page:
                return -1
            position += len(page)
        return position

    def _take_in(
        self, events: Sequence[Event], *, drafted: bool, commit: Callable[[], None] = lambda: None
    ) -> None:
        """Move the state by what is committed. A failure here must have nobody believe that nothing was recorded: what
        was answered stands, and this writer decides nothing more."""
        try:
            self.state.follow(events, drafted=drafted)
            with self.state.moving:
                commit()
                self.state.publish()
            self._erase()
        except Exception as error:
            self.differs = StateDiffers("what was appended could not be taken in; start again")
            self.differs.__cause__ = error

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

    def _send(self, stored: list[EncodedEvent], decided: Decided, position: int) -> AppendOutcome:
        if decided.drafted and (len(stored) > CHUNK_EVENTS or sum(len(e.state) for e in stored) > CHUNK_BYTES):
            return self.recorder.append_chunks([stored], position_expected=position, answers=decided.entries)
        return self.recorder.append(
            stored, position_expected=position, answers=decided.entries, facts=decided.facts
        )


def _answers_in(outcome: AppendOutcome, entries: Sequence[AnswerEntry]) -> bool:
    """Whether an append found all these answers there."""
    return isinstance(outcome, EntriesKnown) and all(entry in outcome.answers for entry in entries)


def _chunks(events: list[Event]) -> Iterator[list[EncodedEvent]]:
    for first in range(0, len(events), CHUNK_EVENTS):
        yield [encode(e) for e in events[first : first + CHUNK_EVENTS]]
