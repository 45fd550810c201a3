"""Following a ledger's stream: every event handed over once, in order, and none left out.

A `Subscriber` hands events to a handler within a transaction of the consumer's own database. The position is stored in
that transaction, and only then is the message acknowledged: whatever is killed in between, each event takes effect
once. Needs the extra `streams` (nats-py); `subscribing.postgres` needs psycopg, too, `subscribing.sqlite` nothing more.

    async def book(event, connection):
        await connection.execute("INSERT INTO seen VALUES (%s, %s)", (event.position, event.type))

    subscription = Subscription("main", "billing", types=("PointsGranted", "PointsDeducted"))
    url = os.environ["PLUMBLINE_NATS_URL"]
    subscriber = Subscriber(subscription, PostgresPositions(database_url), handler=book, url=url)
    await subscriber.run()
"""

from plumbline_client.subscribing.errors import (
    DurableDiffers,
    DurableShared,
    EventInvalid,
    GapFound,
    HandlerFailed,
    LogBehind,
    NotPermitted,
    PositionMoved,
    StreamMissing,
    SubscribingError,
    SubscriptionChanged,
)
from plumbline_client.subscribing.event_types import EVENT_TYPES
from plumbline_client.subscribing.events import LedgerEvent, event_of_document, event_of_message
from plumbline_client.subscribing.history import History
from plumbline_client.subscribing.places import BlockingPositions, Place, PositionStore
from plumbline_client.subscribing.subscriber import Subscriber
from plumbline_client.subscribing.subscription import Subscription
from plumbline_client.subscribing.taking import Patience

__all__ = [
    "EVENT_TYPES",
    "BlockingPositions",
    "DurableDiffers",
    "DurableShared",
    "EventInvalid",
    "GapFound",
    "HandlerFailed",
    "History",
    "LedgerEvent",
    "LogBehind",
    "NotPermitted",
    "Patience",
    "Place",
    "PositionMoved",
    "PositionStore",
    "StreamMissing",
    "Subscriber",
    "SubscribingError",
    "Subscription",
    "SubscriptionChanged",
    "event_of_document",
    "event_of_message",
]
