"""A ledger as it stands, its days, its events, how far its views are."""

from __future__ import annotations

from collections.abc import Sequence

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page
from plumbline_client.results import Answer, Event, EventsPage, EventsWire, LedgerStatus, ViewStatus


class LogCalls(LedgerCalls):
    """The log of a ledger."""

    def status(self) -> Call[LedgerStatus]:
        """The ledger as it stands."""
        return self._read("", LedgerStatus)

    def views(self) -> Call[Page[ViewStatus]]:
        """How far each view has followed the log."""
        return self._read("/views", Page[ViewStatus])

    def events(self, *, after: int = 0, event: str | None = None, limit: int | None = None) -> Call[EventsPage]:
        """Events in order of position. A page of one name's events may be empty and still have a next."""
        return self._read("/events", EventsPage, after=after, event=event, limit=limit)

    def events_wire(
        self, *, after: int = 0, event: Sequence[str] | None = None, limit: int | None = None
    ) -> Call[EventsWire]:
        """Events in order of position as they go on the wire; of these names only. Go on after `position_last`."""
        return self._read("/cloudevents", EventsWire, after=after, event=event or None, limit=limit)

    def event(self, position: int) -> Call[Event]:
        """The event at a position."""
        return self._read(f"/events/{position}", Event)

    def days_close(self, through: str, *, key: str = "") -> Call[Answer]:
        """Let time pass through a day: at month ends points expire and tiers are reviewed."""
        return self._write("/days/close", {"through": through}, key)

    def close_for_good(self, reason: str, *, key: str = "") -> Call[Answer]:
        """Close the books for good."""
        return self._write("/close", {"reason": reason}, key)
