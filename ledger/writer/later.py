"""What the log has of points that were booked after a day, read where somebody redeems on a day that is past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.domain.book import Book
from ledger.domain.events import Event
from ledger.domain.redemption.later import booked_later, spendable_moved
from ledger.domain.values import customer_id, day_recorded
from ledger.log.codec import state_of
from ledger.log.recorder import LogRecorder

READ_TOGETHER: Final = 500


class Later:
    """Looks back in customers' streams as far as it must; what it has read it keeps for one run of commands."""

    def __init__(self, book: Book, recorder: LogRecorder) -> None:
        self._book = book
        self._recorder = recorder
        self._moved: dict[int, list[tuple[int, int]]] = {}
        self._since: dict[int, int] = {}

    def points(self, customer: int, day: int, drafted: Sequence[Event]) -> int:
        """By how much less could be spent on some day from `day` on than now; `drafted` are events that the log doesn't
        have yet."""
        if self._since.get(customer, day + 1) > day:
            self._moved[customer] = self._read(customer, day)
            self._since[customer] = day
        stream = customer_id(customer)
        own = [spendable_moved(type(e).__name__, e.__dict__) for e in drafted if e.originator_id == stream]
        return booked_later([*self._moved[customer], *(m for m in own if m is not None)], day)

    def _read(self, customer: int, day: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        stream = customer_id(customer)
        last = before = self._book.version(stream) + 1
        while events := self._recorder.select_stream_back(stream, before, READ_TOGETHER):
            if before == last and events[0][0] != last - 1:
                raise AssertionError("the log lacks an event that the book has")
            for version, topic, data in events:
                before = version
                fields = state_of(topic, data)
                # A fact may bear tomorrow's date, nothing a later one: what was recorded earlier is booked by `day`.
                if day_recorded(fields["recorded_at"], self._book.timezone) < day:
                    return found
                moved = spendable_moved(topic, fields)
                if moved is not None:
                    found.append(moved)
        return found
