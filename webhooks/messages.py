"""What a webhook sends: CloudEvents 1.0 in the structured mode, one JSON object with the attributes and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

import orjson

from ledger.domain.values import customer_id, day_text, month_last_day, month_of, month_text
from ledger.log.recorder import EventRow
from webhooks.calling import Message
from webhooks.notices.notice import Notice
from webhooks.notices.wording import Titles, words_of

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
NOTICE_TYPE: Final = "PointsNotice"
TEST_TYPE: Final = "WebhookTested"
_PREFIX: Final = "ce-"


class WireMessage(Protocol):
    """An event as other programs may see it: CloudEvents attributes as headers `ce-…`, and the data as JSON."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The attributes."""
        ...

    @property
    def body(self) -> bytes:
        """The data: JSON without names and free text."""
        ...


Wire: TypeAlias = Callable[[str, EventRow], WireMessage]
"""Makes the message of an event of the ledger of this name."""


def event_message(ledger: str, event: EventRow, wire: Wire) -> Message:
    """An event as a webhook sends it. Its id is the event's own: the same wherever and however often it is sent."""
    made = wire(ledger, event)
    attributes = {name.removeprefix(_PREFIX): value for name, value in made.headers.items() if name.startswith(_PREFIX)}
    return Message(attributes["id"], CONTENT_TYPE, orjson.dumps({**attributes, "data": orjson.Fragment(made.body)}))


def notice_message(ledger: str, notice: Notice, titles: Titles) -> Message:
    """A notice as a webhook sends it."""
    customer, day = customer_id(notice.customer), day_text(notice.day)
    period = day if notice.batch == "day" else month_text(month_of(notice.day))
    data = {
        "customer": customer, "batch": notice.batch, "period": period, "day": day, "opening": notice.opening,
        "earned": notice.earned, "deducted": notice.deducted, "redeemed": notice.redeemed, "expired": notice.expired,
        "closing": notice.closing, "tier_before": notice.tier_before, "tier": notice.tier,
        "expiring": notice.expiring, "expiring_on": day_text(month_last_day(month_of(notice.day + 1))),
        "text": words_of(notice, titles),
    }  # fmt: skip
    message_id = f"{ledger}/notice/{notice.batch}/{day}/{customer}"
    attributes = _attributes(ledger, message_id, NOTICE_TYPE, notice.recorded_at, notice.position)
    return _message({**attributes, "subject": customer, "data": data})


def test_message(ledger: str, unique: str, time: str, position: int) -> Message:
    """What a webhook is tried with. `unique` tells this try from others, `time` is RFC 3339."""
    attributes = _attributes(ledger, f"{ledger}/test/{unique}", TEST_TYPE, time, position)
    return _message({**attributes, "data": {}})


def _attributes(ledger: str, message_id: str, kind: str, time: str, position: int) -> dict[str, Any]:
    # A position is text, since integers of CloudEvents end at 2³¹.
    return {
        "specversion": "1.0", "id": message_id, "source": f"/ledgers/{ledger}", "type": kind, "time": time,
        "datacontenttype": "application/json", "ledger": ledger, "position": str(position),
    }  # fmt: skip


def _message(document: dict[str, Any]) -> Message:
    return Message(document["id"], CONTENT_TYPE, orjson.dumps(document))
