"""Commands on their way to whichever process holds a ledger's lease, by NATS request and reply.

The holder alone subscribes to `plumbline.<ledger>.commands`. A message holds a piece of at most PIECE_BYTES; what is
larger comes in several pieces, and so does a large reply. A holder says on `plumbline.<ledger>.holder` when it begins and
when it ends: who waits for an answer then asks it whether it has the command, and knows otherwise that no answer will come.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Literal

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError, NoRespondersError, TimeoutError as NatsTimeout

from ledger.domain.commands import Answer, Rehearsal, Request
from ledger.domain.errors import PlumblineError, Refused, WriterUnavailable
from ledger.writer import Writer
from ledger.writer.checks import request_refusal
from ledger.writer.wire import (
    answers_dump,
    answers_load,
    rehearsals_dump,
    rehearsals_load,
    request_load,
    requests_dump,
)
from service.serving.link import Link

PIECE_BYTES: Final = 512 * 1024
PIECES_MAX: Final = 64
REQUEST_SECONDS_MAX: Final = 30.0
KEPT_SECONDS: Final = 60.0
"""How long pieces wait for the rest of theirs, and the rest of a large reply for being fetched."""
ASK_SECONDS: Final = 2.0
KNOWN_MAX: Final = 10_000

_ATOMIC_REFUSED: Final = Answer(
    "refused", code="ATOMIC_REFUSED", reason="another line was refused, and all were to be recorded or none", field="atomic"
)

Mode = Literal["submit", "atomic", "rehearse", "ping"]

_ID, _PART, _OF, _KIND = "Plumbline-Id", "Plumbline-Part", "Plumbline-Of", "Plumbline-Kind"
_log: Any = structlog.get_logger("plumbline.gate")


class HolderMissing(WriterUnavailable):
    """Nobody holds the ledger's lease now; nothing was carried out."""


class HolderGone(WriterUnavailable):
    """The holder went away before it answered; what it was sent may have been recorded or not."""


class Gate:
    """This process's connection to NATS. Belongs to one event loop."""

    def __init__(self, nats_url: str) -> None:
        self._link = Link(nats_url, "plumbline", self._begun, self._lost)
        self._writers: dict[str, Writer] = {}
        self._served: dict[str, tuple[Any, Subscription]] = {}
        """By ledger: the subscription to its commands, and the connection that it belongs to."""
        self._settling: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, dict[asyncio.Future[Msg], str]] = {}
        self._known: dict[str, None] = {}
        """Exchanges that have reached this holder; the oldest are forgotten."""
        self._carrying: set[str] = set()
        """Those that are not answered yet."""
        self._pieces: dict[str, dict[int, bytes]] = {}
        self._replies: dict[str, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering: dict[str, set[asyncio.Task[None]]] = {}

    @property
    def connected(self) -> bool:
        """Whether NATS is there now."""
        return self._link.connected

    def start(self) -> None:
        """Connect in the background, for as long as it takes."""
        self._link.start()

    async def connect(self, seconds: float) -> None:
        """Connect now. Raises WriterUnavailable."""
        self._link.start()
        try:
            await asyncio.wait_for(self._link.wait(), seconds)
        except TimeoutError:
            await self._link.stop()
            raise WriterUnavailable("NATS can't be reached; see `plumbline status`") from None

    async def close(self) -> None:
        """Let the connection go."""
        for task in self._tasks:
            task.cancel()
        await self._link.stop()

    async def serve(self, ledger: str, writer: Writer) -> None:
        """Take commands for a ledger from now on, and tell those who wait for another holder. Where NATS is away, so
        it is as soon as it is back."""
        self._writers[ledger] = writer
        await self._settle(ledger)

    async def withdraw(self, ledger: str) -> None:
        """Take no more commands for a ledger; what is on its way is told so."""
        self._writers.pop(ledger, None)
        await self._settle(ledger)

    async def ping(self, ledger: str) -> bool:
        """Whether somebody holds the lease and answers."""
        try:
            await self._exchange(ledger, "ping", b"[]", 2.0)
        except WriterUnavailable:
            return False
        return True

    async def submit(self, ledger: str, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        """The holder's answers. Raises WriterUnavailable: HolderMissing, HolderGone, or what the holder met."""
        sound, refusals = _sound(requests)
        if atomic and refusals:
            return [refusals.get(i, _ATOMIC_REFUSED) for i in range(len(requests))]
        mode: Mode = "atomic" if atomic else "submit"
        found = iter(answers_load(await self._exchange(ledger, mode, _body(sound), REQUEST_SECONDS_MAX)))
        return [refusals.get(i) or next(found) for i in range(len(requests))]

    async def rehearse(self, ledger: str, requests: Sequence[Request]) -> list[Rehearsal]:
        """The holder's rehearsals. Raises as `submit`."""
        sound, refusals = _sound(requests)
        found = iter(rehearsals_load(await self._exchange(ledger, "rehearse", _body(sound), REQUEST_SECONDS_MAX)))
        return [Rehearsal(refusals[i]) if i in refusals else next(found) for i in range(len(requests))]

    async def _begun(self) -> None:
        """Make a new connection hear what this process is to hear. Whoever held the lease before is no matter to it."""
        # An answer that went with the lost connection may never have come: who asks after it is told that it is unknown.
        self._known = dict.fromkeys(self._carrying)
        await self._link.client.subscribe("plumbline.*.holder", cb=self._holder_changed)
        for ledger in list(self._writers):
            await self._settle(ledger)

    def _lost(self) -> None:
        # No answer comes by a connection that is gone.
        for waiting in self._waiting.values():
            for future in list(waiting):
                future.cancel()

    async def _settle(self, ledger: str) -> None:
        """Have the present connection take a ledger's commands exactly where this process writes to it."""
        async with self._settling.setdefault(ledger, asyncio.Lock()):
            client = self._link.client
            if client is None:
                # The next connection begins with what is so then.
                return
            try:
                await self._link.carried(self._settled(ledger, client))
            except (NatsError, TimeoutError, OSError) as error:
                # A connection of which it isn't known what it hears is of no use.
                _log.info("nats", ledger=ledger, error=type(error).__name__)
                self._link.renew()

    async def _settled(self, ledger: str, client: Any) -> None:
        serving, subscription = self._served.get(ledger, (None, None))
        if serving is not client:
            subscription = None
        if ledger in self._writers:
            if subscription is None:
                taking: Subscription = await client.subscribe(_subject(ledger), cb=self._taker(ledger))
                self._served[ledger] = client, taking
                # The server knows of the subscription before anybody is told to come.
                await client.flush()
        else:
            self._served.pop(ledger, None)
            if subscription is None:
                return
            # What comes before the server knows is answered still; what it drops just then is told by the last word,
            # upon which whoever waits asks and finds nobody.
            await subscription.drain()
            if answering := self._answering.pop(ledger, None):
                await asyncio.wait(answering, timeout=ASK_SECONDS)
        # Those who wait for an answer are told that another holder, or none, is there from now on.
        await client.publish(f"plumbline.{ledger}.holder", b"")

    def _taker(self, ledger: str) -> Callable[[Msg], Coroutine[Any, Any, None]]:
        async def take(message: Msg) -> None:
            # A task each: the next piece is read while the writer works on this one.
            self._note(message)
            answering = self._answering.setdefault(ledger, set())
            task = self._task(self._answer(ledger, message))
            answering.add(task)
            task.add_done_callback(answering.discard)

        return take

    async def _holder_changed(self, message: Msg) -> None:
        ledger = message.subject.split(".")[1]
        for waiting, exchange in list(self._waiting.get(ledger, {}).items()):
            self._task(self._ask_after(ledger, waiting, exchange))

    async def _ask_after(self, ledger: str, waiting: asyncio.Future[Msg], exchange: str) -> None:
        """Give up a command that the new holder never got. What this connection sent before, it would have by now."""
        client = self._link.client
        if client is None:
            # Whoever waited has been told.
            return
        try:
            headers = {_ID: exchange, _KIND: "known"}
            reply: Msg = await client.request(_subject(ledger), b"", timeout=ASK_SECONDS, headers=headers)
            known = reply.data == b"yes"
        except NatsError:
            known = False
        if not known:
            waiting.cancel()

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _exchange(self, ledger: str, mode: Mode, body: bytes, seconds: float) -> Any:
        """Send a body in pieces, get the reply in pieces."""
        exchange = secrets.token_hex(12)
        size = PIECE_BYTES
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        if len(pieces) > PIECES_MAX:
            raise Refused("BODY_TOO_LARGE", f"is larger than {PIECES_MAX * PIECE_BYTES} bytes; send it in parts", "body")
        reply: Msg | None = None
        for number, piece in enumerate(pieces):
            headers = {_ID: exchange, _PART: str(number), _OF: str(len(pieces)), _KIND: mode}
            reply = await self._request(ledger, piece, headers, seconds, sent=number > 0)
        assert reply is not None
        parts = [reply.data]
        count = int((reply.headers or {}).get(_OF, "1"))
        for number in range(1, count):
            headers = {_ID: exchange, _PART: str(number), _KIND: "rest"}
            parts.append((await self._request(ledger, b"", headers, seconds, sent=True)).data)
        answer = orjson.loads(b"".join(parts))
        if "missing" in answer:
            raise HolderMissing(answer["missing"])
        if "error" in answer:
            raise WriterUnavailable(answer["error"])
        return answer["found"]

    async def _request(
        self, ledger: str, data: bytes, headers: Mapping[str, str], seconds: float, *, sent: bool
    ) -> Msg:
        client = self._link.client
        if client is None or not self._link.connected:
            raise HolderMissing("NATS can't be reached, and the writer is in another process")
        waiting = asyncio.ensure_future(client.request(_subject(ledger), data, timeout=seconds, headers=dict(headers)))
        self._waiting.setdefault(ledger, {})[waiting] = headers[_ID]
        try:
            return await waiting
        except NoRespondersError:
            kind = HolderGone if sent else HolderMissing
            raise kind(f"no process writes to {ledger} now; start `plumbline serve`, or wait for it") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            reason = "was replaced" if self._link.client is client else "can't be reached since NATS was lost"
            raise HolderGone(f"the writer of {ledger} {reason}, before it answered; send it again") from None
        except (NatsTimeout, NatsError) as error:
            raise HolderGone(f"the writer of {ledger} didn't answer ({type(error).__name__}); send it again") from None
        finally:
            self._waiting[ledger].pop(waiting, None)

    async def _answer(self, ledger: str, message: Msg) -> None:
        """Answer by whichever connection is there by then: who asked may be waiting still."""
        headers = message.headers or {}
        exchange, kind = headers.get(_ID, ""), headers.get(_KIND, "")
        try:
            if kind == "known":
                await self._link.publish(message.reply, b"yes" if exchange in self._known else b"no")
                return
            self._carrying.add(exchange)
            try:
                await self._answered(ledger, message, exchange, kind)
            finally:
                self._carrying.discard(exchange)
        except (NatsError, TimeoutError) as error:
            _log.warning("command not answered", ledger=ledger, error=type(error).__name__)

    async def _answered(self, ledger: str, message: Msg, exchange: str, kind: str) -> None:
        headers = message.headers or {}
        try:
            number, count = int(headers.get(_PART, "0")), int(headers.get(_OF, "1"))
        except ValueError:
            number, count = 0, 0
        if kind == "rest":
            await self._rest(message, exchange, number)
            return
        body = self._gathered(exchange, number, count, message.data)
        if body is None:
            await self._link.publish(message.reply, b"")
            return
        await self._reply(message, exchange, orjson.dumps(await self._found(ledger, kind, body), default=str))

    async def _found(self, ledger: str, kind: str, body: bytes) -> dict[str, Any]:
        try:
            return {"found": await self._carry_out(ledger, kind, body)}
        except HolderMissing as error:
            return {"missing": str(error)}
        except PlumblineError as error:
            return {"error": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            _log.error("a command could not be read", ledger=ledger, exc_info=error)
            return {"error": "the command could not be read by the process that writes; are both of one version?"}
        except Exception as error:
            _log.warning("a command failed", ledger=ledger, error=type(error).__name__)
            return {"error": f"the writer can't record it now ({type(error).__name__}); send it again"}

    def _note(self, message: Msg) -> None:
        headers = message.headers or {}
        if headers.get(_KIND) != "known":
            self._known[headers.get(_ID, "")] = None
            while len(self._known) > KNOWN_MAX:
                del self._known[next(iter(self._known))]

    def _gathered(self, exchange: str, number: int, count: int, data: bytes) -> bytes | None:
        """The whole body once all pieces are here; the first piece missing gives a body that can't be read."""
        if count <= 1:
            return data
        if number == 0:
            self._pieces[exchange] = {}
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._pieces.pop, exchange, None)
        pieces = self._pieces.get(exchange)
        if pieces is None or count > PIECES_MAX:
            return b""
        pieces[number] = data
        if len(pieces) < count:
            return None
        del self._pieces[exchange]
        return b"".join(pieces[i] for i in range(count))

    async def _carry_out(self, ledger: str, kind: str, body: bytes) -> Any:
        writer = self._writers.get(ledger)
        if writer is None:
            raise HolderMissing(f"this process no longer writes to {ledger}; send it again")
        if kind == "ping":
            return []
        requests = [request_load(document) for document in orjson.loads(body)]
        if kind == "rehearse":
            return rehearsals_dump(await asyncio.wrap_future(writer.rehearse_later(requests)))
        return answers_dump(await asyncio.wrap_future(writer.submit_later(requests, atomic=kind == "atomic")))

    async def _reply(self, message: Msg, exchange: str, data: bytes) -> None:
        parts = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)] or [b""]
        if len(parts) > 1:
            self._replies[exchange] = parts
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._replies.pop, exchange, None)
        await self._link.publish(message.reply, parts[0], {_OF: str(len(parts))})

    async def _rest(self, message: Msg, exchange: str, number: int) -> None:
        parts = self._replies.get(exchange, [])
        gone = orjson.dumps({"error": "the answer is no longer kept; send the command again with its key"})
        await self._link.publish(message.reply, parts[number] if 0 < number < len(parts) else gone)
        if number == len(parts) - 1:
            self._replies.pop(exchange, None)


def _subject(ledger: str) -> str:
    return f"plumbline.{ledger}.commands"


def _body(requests: Sequence[Request]) -> bytes:
    return b"[" + b",".join(requests_dump(requests)) + b"]"


def _sound(requests: Sequence[Request]) -> tuple[list[Request], dict[int, Answer]]:
    """The requests that have a form on the wire, and the refusals of the others by their place."""
    refusals = {i: refusal for i, r in enumerate(requests) if (refusal := request_refusal(r)) is not None}
    return [r for i, r in enumerate(requests) if i not in refusals], refusals
