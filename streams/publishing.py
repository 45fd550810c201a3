"""A window of messages on their way into a stream, each published under the sequence that it must get.

The server takes a message only where the one before it is the stream's last, by sequence
(`Nats-Expected-Last-Sequence`) and by id (`Nats-Expected-Last-Msg-Id`): whatever is lost, doubled or sent by two at
once, the event of position p is the message of sequence p or is not taken. The sequence alone would let p + 1 follow
what another put at p while both were on their way.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ledger.domain.errors import PlumblineError
from streams.connection import Connection
from streams.faults import MessageTooLarge, NatsUnreachable
from streams.messages import Message

WINDOW: Final = 64
"""Messages under way at once. With more, an error costs more to send again; with fewer, the server waits for us."""
TURN_MESSAGES: Final = 16
"""After so many messages others have their turn on the event loop."""
ACK_SECONDS: Final = 3.0
"""How long a stream may acknowledge nothing. A leader that is gone says nothing."""
LOOK_SECONDS: Final = 0.25
HEADER_BYTES_MAX: Final = 4_096
"""More than the headers of any event come to."""

_WRONG_LAST_ID: Final = 10070
_WRONG_LAST_SEQUENCE: Final = 10071


class Overtaken(PlumblineError):
    """The stream doesn't stand where this relay left it: another one published, or the server lost its tail."""

    code = "OVERTAKEN"


class Publisher:
    """Publishes from a position on, in order. Belongs to one event loop; of no use after the first error."""

    def __init__(self, connection: Connection, stream: str, position: int, window: int = WINDOW) -> None:
        self.acked = position
        """The last position that the stream has acknowledged, and with it all before."""
        self.sent = position
        self.failed: asyncio.Future[PlumblineError] = asyncio.get_running_loop().create_future()
        """Done with the first error."""
        self._connection = connection
        self._client = connection.client
        self._stream = stream
        self._last_id = ""
        self._window = window
        self._payload_max: int = self._client.max_payload
        self._inbox: str = self._client.new_inbox()
        self._subscription: Subscription | None = None
        self._watching: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._waiting_until = 0
        self._moved_at = time.monotonic()

    async def __aenter__(self) -> Publisher:
        # The library drops what waits above a limit; here never more than the window waits.
        self._subscription = await self._client.subscribe(self._inbox + ".*", cb=self._answered)
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._subscription is not None and self._client.is_connected:
            await self._subscription.unsubscribe()

    async def publish(self, message: Message) -> None:
        """Send the message of the next position, as soon as the window has room. Raises the first error."""
        position = message.position
        if self.sent - self.acked >= self._window:
            await self._acknowledged(self.sent - self._window + 1)
        headers = message.headers
        headers["Nats-Expected-Last-Sequence"] = str(position - 1)
        headers["Nats-Expected-Stream"] = self._stream
        headers["Nats-Msg-Id"] = headers["ce-id"]
        if self._last_id:
            # Not of the first: who begins here has compared the message before it with the log, and a server that has
            # forgotten its id, such as one that a stream was restored to, must not keep it out for ever.
            headers["Nats-Expected-Last-Msg-Id"] = self._last_id
        self._last_id = headers["ce-id"]
        if len(message.body) + HEADER_BYTES_MAX > self._payload_max:
            raise MessageTooLarge(
                f"the event at {position} is a message of {len(message.body)} bytes, and the server takes"
                f" {self._payload_max} with headers; set its max_payload to 8MB"
            )
        if self.sent == self.acked:
            self._moved_at = time.monotonic()
        self.sent = position
        await self._client.publish(message.subject, message.body, f"{self._inbox}.{position}", headers)
        if position % TURN_MESSAGES == 0:
            # The library sends when others have their turn: the server shall work while we do.
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Wait until all that was sent is acknowledged. Raises the first error."""
        await self._acknowledged(self.sent)

    async def _acknowledged(self, position: int) -> None:
        while self.acked < position:
            if self.failed.done():
                raise self.failed.result()
            self._waiting = asyncio.get_running_loop().create_future()
            self._waiting_until = position
            await self._waiting
        if self.failed.done():
            raise self.failed.result()

    async def _answered(self, message: Msg) -> None:
        if self.failed.done():
            # What was sent behind a refused message says nothing of the place that it was refused.
            return
        position = int(message.subject.rpartition(".")[2])
        answer: dict[str, Any] = orjson.loads(message.data) if message.data else {}
        # A duplicate is another's message of this id: whether it is the log's, only reading it tells.
        if answer.get("seq") == position and "error" not in answer and not answer.get("duplicate"):
            self.acked = max(self.acked, position)
            self._moved_at = time.monotonic()
            if self._waiting is not None and self.acked >= self._waiting_until:
                self._wake()
            return
        self._fail(_fault(self._stream, position, answer))

    async def _watch(self) -> None:
        while not self.failed.done():
            await asyncio.wait({self._connection.lost}, timeout=LOOK_SECONDS)
            if self._connection.lost.done():
                self._fail(NatsUnreachable("the connection to NATS was lost"))
            elif self.sent > self.acked and time.monotonic() - self._moved_at > ACK_SECONDS:
                self._fail(NatsUnreachable(f"{self._stream} acknowledges nothing: no leader, or a slow disk"))

    def _fail(self, fault: PlumblineError) -> None:
        if not self.failed.done():
            self.failed.set_result(fault)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


def _fault(stream: str, position: int, answer: dict[str, Any]) -> PlumblineError:
    """What an answer means that is not the acknowledgement of a position."""
    if not answer:
        # The server's own word that nobody takes the subject.
        return NatsUnreachable(f"nobody takes the events of {stream}: it has no leader now, or is gone")
    error: dict[str, Any] = answer.get("error") or {}
    if error.get("err_code") in {_WRONG_LAST_SEQUENCE, _WRONG_LAST_ID} or not error:
        return Overtaken(f"position {position} was not the next of {stream}")
    return NatsUnreachable(f"{stream} doesn't take position {position}: {error.get('description', 'no reason given')}")
