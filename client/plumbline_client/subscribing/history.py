"""The ledger's events from the API's pages, in the form in which they go on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from plumbline_client.aio import AsyncPlumbline
from plumbline_client.calls import Ledger
from plumbline_client.subscribing.errors import EventInvalid, LogBehind
from plumbline_client.subscribing.events import LedgerEvent, event_of_document
from plumbline_client.subscribing.subscription import Subscription

PAGE_EVENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Events of a page that a subscription follows; `through` is how far was looked, `head` where the log ends."""

    events: list[LedgerEvent]
    through: int
    head: int


class History:
    """Where a subscriber fetches what the stream does not have. The key needs to be one of a service or more."""

    def __init__(self, plumbline: AsyncPlumbline, *, page_events: int = PAGE_EVENTS) -> None:
        self._plumbline = plumbline
        self._page_events = page_events

    async def pages(self, subscription: Subscription, after: int, through: int | None) -> AsyncIterator[HistoryPage]:
        """Page after page of what lies after a position, up to `through` or to where the log ends.

        Raises LogBehind where the log ends before `after`, EventInvalid for a page that leaves a position out, and what
        a client raises.
        """
        ledger = Ledger(subscription.ledger)
        some = subscription.types or None
        while True:
            call = ledger.events_wire(after=after, event=some, limit=self._page_events)
            page = await self._plumbline.send(call)
            if page.position_head < after:
                raise LogBehind(
                    f"the ledger ends at position {page.position_head}, and {subscription.name} stands at {after}:"
                    " it is another ledger, or one restored from an older backup"
                )
            if through is not None and page.position_head < through:
                raise LogBehind(
                    f"the stream of {subscription.ledger} goes on past position {page.position_head}, where the ledger"
                    " ends by the API: they are not of the same ledger"
                )
            events = [event_of_document(document) for document in page.data]
            expected = list(range(after + 1, page.position_last + 1))
            if any(event.ledger != subscription.ledger for event in events) or (
                some is None and [event.position for event in events] != expected
            ):
                raise EventInvalid(f"the page after position {after} is not the next part of {subscription.ledger}")
            followed = [event for event in events if subscription.matches(event)]
            yield HistoryPage(followed, page.position_last, page.position_head)
            ended = page.position_last >= page.position_head if through is None else page.position_last >= through
            if ended or page.position_last == after:
                return
            after = page.position_last
