"""Messages as a stream keeps them, read by sequence: many are asked for at once, the stream's leader answers each.

Reading so needs no consumer and no right but that of reading; the headers come byte for byte, and a message that isn't
there is told apart from one that is late.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from streams.asking import API
from streams.connection import API_SECONDS, Connection
from streams.faults import NatsUnreachable, StreamMissing

WINDOW: Final = 128
"""Questions under way at once."""
_HEADER_LINE: Final = b"NATS/1.0"
_MESSAGE_MISSING: Final = 10037
_STREAM_MISSING: Final = 10059


@dataclass(frozen=True, slots=True)
class Kept:
    """A message of a stream. `headers` are all of them, also those given twice."""

    sequence: int
    subject: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first of this name."""
        return next((value for key, value in self.headers if key == name), None)


class KeptReader:
    """Reads one stream. Belongs to one event loop; used as a context."""

    def __init__(self, connection: Connection, stream: str) -> None:
        self._connection = connection
        self._stream = stream
        self._inbox: str = connection.client.new_inbox()
        self._subscription: Subscription | None = None
        self._room = asyncio.Semaphore(WINDOW)
        self._answers: dict[int, Kept | None] = {}
        self._awaited = 0
        self._fault: Exception | None = None
        self._woken = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._subscription = await self._connection.client.subscribe(f"{self._inbox}.*", cb=self._answered)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._subscription is not None and self._connection.client.is_connected:
            await self._subscription.unsubscribe()

    async def read(self, sequences: Sequence[int]) -> dict[int, Kept | None]:
        """The messages at these sequences, None where there is none. Raises NatsUnreachable, StreamMissing."""
        self._answers, self._awaited, self._fault = {}, len(sequences), None
        self._room = asyncio.Semaphore(WINDOW)
        self._woken.clear()
        try:
            for sequence in sequences:
                if self._room.locked():
                    await self._waited(self._room.acquire())
                else:
                    await self._room.acquire()
                await self._connection.client.publish(
                    f"{API}STREAM.MSG.GET.{self._stream}", b'{"seq":%d}' % sequence, f"{self._inbox}.{sequence}"
                )
            if sequences:
                await self._waited(self._woken.wait())
        except TimeoutError:
            raise NatsUnreachable(f"the messages of {self._stream} can't be read: no answer in time") from None
        if self._fault is not None:
            raise self._fault
        return self._answers

    async def _waited(self, waiting: Any) -> None:
        """Wait as long as answers keep coming."""
        task = asyncio.ensure_future(waiting)
        try:
            while True:
                seen = len(self._answers)
                done, _ = await asyncio.wait({task}, timeout=API_SECONDS)
                if done:
                    return
                if len(self._answers) == seen or self._connection.lost.done():
                    raise TimeoutError
        finally:
            task.cancel()

    async def _answered(self, message: Msg) -> None:
        sequence = int(message.subject.rpartition(".")[2])
        answer: dict[str, Any] = orjson.loads(message.data) if message.data else {}
        error: dict[str, Any] = answer.get("error") or {}
        if "message" in answer:
            self._answers[sequence] = _kept(answer["message"])
        elif error.get("err_code") == _MESSAGE_MISSING:
            self._answers[sequence] = None
        else:
            self._answers[sequence] = None
            self._fault = self._fault_of(error)
        self._room.release()
        if len(self._answers) == self._awaited or self._fault is not None:
            self._woken.set()

    def _fault_of(self, error: dict[str, Any]) -> Exception:
        if error.get("err_code") == _STREAM_MISSING:
            return StreamMissing(f"there is no stream {self._stream}; `plumbline streams setup` makes it")
        reason = error.get("description") or "nobody answers for JetStream, or this account may not read"
        return NatsUnreachable(f"the messages of {self._stream} can't be read: {reason}")


def _kept(found: dict[str, Any]) -> Kept:
    return Kept(
        found["seq"],
        found["subject"],
        _headers(base64.b64decode(found.get("hdrs", ""))),
        base64.b64decode(found.get("data", "")),
    )


def _headers(raw: bytes) -> tuple[tuple[str, str], ...]:
    """The lines after the first; whatever bytes they hold can be compared."""
    text = raw.removeprefix(_HEADER_LINE).decode("utf-8", "backslashreplace")
    pairs = [line.partition(":") for line in text.split("\r\n") if line]
    return tuple([(name, value.strip()) for name, _, value in pairs])
