"""Facts by NATS: a message holds one fact, or several as lines; what became of each goes to the reply subject.

Outside the stream, as core NATS: inside it the broker would answer the sender itself. Any number of processes take
messages, each message goes to one of them, and its facts go to whoever holds the ledger's lease. The subject says who
sends (`plumbline.<ledger>.facts.<sender>`), because that is what the broker's permissions can hold a sender to.

A refused fact is never lost: it goes to the quarantine, and to `plumbline.<ledger>.dead` with the reason. What can't be
carried out now is recorded nowhere; the sender is told to come again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, Error as NatsError

from api.problems import DATABASE_LOST
from api.settings import ApiSettings
from api.taking import (
    AGAIN,
    MEDIA_TYPE,
    Item,
    LedgerNames,
    Names,
    fact_take,
    line_too_long,
    result_document,
    result_line,
)
from connectors.files.fact_cells import fact_refused
from connectors.files.quarantine import Quarantine
from connectors.files.rows import storable
from ledger.domain.commands import Answer, Request
from ledger.domain.errors import DocumentInvalid, LedgerUnavailable, PlumblineError
from ledger.log.recorder import LogRecorder
from ledger.writer.fact_line import FACT_NAMES, field_of_fact
from service.serving.link import Link
from streams.senders import facts_subjects, sender_of
from streams.subjects import dead_subject

QUEUE: Final = "facts"
"""Of all who take a ledger's facts, one gets each message."""
LINES_MAX: Final = 500
"""Facts in a message: their answers fit into one message, too."""
ACTOR_PREFIX: Final = "nats:"
SENDER_UNKNOWN: Final = "?"
"""In the place of a name that none can have, where what was sent is kept."""
KEY_HEADER: Final = "Nats-Msg-Id"
ID_TOLD_MAX: Final = 1_000
"""Characters. An id has up to 200; what is refused for its own is told nearly always whole, and never as a megabyte."""
UNDER_WAY_MAX: Final = 256
"""Messages that are worked on at once; further ones wait in the order in which they came."""
WATCH_SECONDS: Final = 0.5
"""How often it is looked which ledgers there are."""
DEAD_SECONDS: Final = 2.0
"""How long the stream of dead letters may take to acknowledge; the quarantine has them in any case."""
PING_SECONDS: Final = 2.0
"""How often the broker is asked whether it is there. The library stops reading where a sender's headers begin with a status
that is no UTF-8; after two pings without an answer the connection is made anew."""
PENDING_BYTES_MAX: Final = 16_000_000
"""So much of what the broker hands over waits; what comes on top of it is dropped, and its senders ask again."""
PARSED_HERE_BYTES_MAX: Final = 32_768

_KEY: Final = re.compile(r"[!-~]{1,200}")
_REPLY: Final = re.compile(r"(?:_INBOX[._]|_R_\.)[^*>\s]+")
"""Where answers go: an inbox, or what the broker puts in its place between accounts. The service may publish where a
sender may not: an answer to `$JS.API.…`, or among the events of a stream, would be a command in the service's name."""
_log: Any = structlog.get_logger("plumbline.inbound")


class LedgerTaking(Protocol):
    """A ledger as facts need it."""

    @property
    def name(self) -> str:
        """The ledger's name."""
        ...

    @property
    def recorder(self) -> LogRecorder:
        """Its log."""
        ...

    @property
    def quarantine(self) -> Quarantine:
        """What was refused and waits for a person."""
        ...

    async def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        """Carry out requests in order, here or at the lease's holder. Raises WriterUnavailable."""
        ...


class LedgersTaking(Protocol):
    """The ledgers of a process."""

    def served(self) -> Sequence[LedgerTaking]:
        """Those that are open now."""
        ...

    def clock(self) -> datetime:
        """Now, with its time zone."""
        ...


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message as it came: who sent it, under which id ("" without one), and whether it holds lines. Where the id is
    what it is refused for, it is here as it came, too."""

    sender: str
    id: str
    lines: bool
    body: bytes

    @property
    def actor(self) -> str:
        """In whose name its facts are recorded."""
        return f"{ACTOR_PREFIX}{self.sender}"

    @property
    def id_told(self) -> str:
        """The id as it is told to people: whole where it can be one."""
        return storable(self.id if len(self.id) <= ID_TOLD_MAX else f"{self.id[:ID_TOLD_MAX]}…")


@dataclass(frozen=True, slots=True)
class _Part:
    """One fact of a message: its number in it, from 1, its bytes, and what they ask for."""

    number: int
    body: bytes
    item: Item


class Inbound:
    """Takes facts for the ledgers of this process. Belongs to one event loop; `start` before, `stop` after.

    `counts` are the facts taken so far, by ledger and status.
    """

    def __init__(self, ledgers: LedgersTaking, nats_url: str, settings: ApiSettings) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._ledgers = ledgers
        self._settings = settings
        self._link = Link(nats_url, "plumbline-inbound", self._begun, self._lost, ping_seconds=PING_SECONDS)
        self._open: dict[str, LedgerTaking] = {}
        self._taking: dict[str, list[Subscription]] = {}
        """By ledger: the subscriptions of the present connection."""
        self._settling = asyncio.Lock()
        self._stopping = False
        self._room = asyncio.Semaphore(UNDER_WAY_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect in the background, for as long as it takes, then take what comes."""
        self._open = self._served()
        self._link.start()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Take no more, finish what was begun, let the connection go."""
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()
        await self._settled()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._link.stop()

    @property
    def taking(self) -> frozenset[str]:
        """The ledgers whose facts are taken now."""
        return frozenset(self._taking)

    def _served(self) -> dict[str, LedgerTaking]:
        return {ledger.name: ledger for ledger in self._ledgers.served()}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._open = self._served()
            await self._settled()

    async def _settled(self) -> None:
        """Have the present connection hear exactly the facts of the ledgers that are open."""
        if self._link.client is None:
            return
        try:
            await self._link.carried(self._settle())
        except (NatsError, OSError, TimeoutError) as error:
            # A connection of which it isn't known what it hears is of no use.
            _log.info("nats", error=type(error).__name__)
            self._link.renew()

    async def _settle(self) -> None:
        async with self._settling:
            wanted = frozenset[str]() if self._stopping else self._open.keys()
            for name in [n for n in self._taking if n not in wanted]:
                for subscription in self._taking.pop(name):
                    # What the broker has handed over already is taken still.
                    await subscription.drain()
            for name in [n for n in wanted if n not in self._taking]:
                await self._take_in(name)

    async def _begun(self) -> None:
        self._taking.clear()
        await self._settle()

    def _lost(self) -> None:
        self._taking.clear()

    async def _take_in(self, name: str) -> None:
        async def take(message: Msg) -> None:
            await self._room.acquire()
            self._task(self._carry_out(name, message))

        client = self._link.client
        if client is None:
            raise ConnectionClosedError
        limits = {"queue": QUEUE, "cb": take, "pending_bytes_limit": PENDING_BYTES_MAX}
        subscriptions = [await client.subscribe(subject, **limits) for subject in facts_subjects(name)]
        try:
            # Once the broker has answered, it knows of them.
            await client.flush()
        finally:
            self._taking[name] = subscriptions

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, name: str, message: Msg) -> None:
        try:
            answer, media_type = await self._answer_of(name, message)
            if message.reply and _REPLY.fullmatch(message.reply):
                await self._link.publish(message.reply, answer, {"Content-Type": media_type})
        except (NatsError, TimeoutError) as error:
            # What was recorded stays; who asks again under the same id is told so.
            _log.warning("facts not answered", ledger=name, error=type(error).__name__)
        finally:
            self._room.release()

    async def _answer_of(self, name: str, message: Msg) -> tuple[bytes, str]:
        """The answer to a message and its media type."""
        letter, refusal = _letter(message, name)
        if refusal is None and len(letter.body) > self._settings.body_bytes_max:
            limit = self._settings.body_bytes_max
            refusal = _refused("BODY_TOO_LARGE", f"the message is larger than {limit} bytes; send it in parts", "body")
        parts = [_Part(1, letter.body, refusal or _refused("INTERNAL_ERROR", "was not read", "body"))]
        try:
            if refusal is None:
                parts = await self._read(name, letter)
            answers = await self._recorded(name, letter, parts)
        except (PlumblineError, *DATABASE_LOST) as error:
            code = error.code if isinstance(error, PlumblineError) else "DATABASE_UNREACHABLE"
            answers = _again(len(parts), code, "it can't be carried out now; send it again under the same id")
            _log.warning("facts not taken", ledger=name, sender=letter.sender, code=code)
        except Exception as error:
            answers = _again(len(parts), "INTERNAL_ERROR", "the service failed at this; its log has the cause")
            _log.error("facts not taken", ledger=name, sender=letter.sender, exc_info=error)
        self.counts.update((name, "hit" if answer.hit else answer.status) for answer in answers)
        if letter.lines:
            found = zip(parts, answers, strict=True)
            return b"".join(result_line(part.number, answer) for part, answer in found), MEDIA_TYPE
        return orjson.dumps(result_document(answers[0])), "application/json"

    async def _read(self, name: str, letter: _Letter) -> list[_Part]:
        """The facts of a message. A long one is read in a thread, so that nobody waits for it; one that holds what is no
        JSON, too, for what the ledger calls its members is to be looked up."""
        if len(letter.body) <= PARSED_HERE_BYTES_MAX:
            parts = _parts(letter, self._settings.line_bytes_max, lambda: FACT_NAMES)
            if not any(isinstance(p.item, Answer) and p.item.code == DocumentInvalid.code for p in parts):
                return parts
        ledger = self._open.get(name)
        names = (lambda: FACT_NAMES) if ledger is None else LedgerNames(ledger.recorder)
        return await asyncio.to_thread(_parts, letter, self._settings.line_bytes_max, names)

    async def _recorded(self, name: str, letter: _Letter, parts: Sequence[_Part]) -> list[Answer]:
        """The answer to each part; those that are refused are kept first. Raises WriterUnavailable."""
        ledger = self._open.get(name)
        if ledger is None:
            raise LedgerUnavailable("this process no longer serves the ledger")
        requests = [part.item for part in parts if isinstance(part.item, Request)]
        given = iter(await ledger.submit(requests) if requests else [])
        answers = [next(given) if isinstance(part.item, Request) else part.item for part in parts]
        refused = [(p, a) for p, a in zip(parts, answers, strict=True) if a.status == "refused"]
        if refused:
            kept = [
                fact_refused(
                    part.body, source=letter.actor, file=f"message {letter.id_told}".strip(), number=part.number,
                    field=answer.field, reason=answer.reason, actor=letter.actor,
                )
                for part, answer in refused
            ]  # fmt: skip
            await asyncio.to_thread(ledger.quarantine.put_many, kept, self._ledgers.clock())
            await self._bury(name, letter, refused)
            codes = sorted({answer.code for _, answer in refused})
            _log.info("facts refused", ledger=name, sender=letter.sender, count=len(refused), codes=codes)
        return answers

    async def _bury(self, name: str, letter: _Letter, refused: Sequence[tuple[_Part, Answer]]) -> None:
        """Tell who listens to dead letters; a stream of them keeps each once, however often it is refused."""
        client = self._link.client
        if client is None:
            _log.info("dead letters not sent", ledger=name, reason="NATS is away; the quarantine has them")
            return
        stream = client.jetstream(timeout=DEAD_SECONDS)
        for part, answer in refused:
            named = sha256(orjson.dumps([letter.sender, letter.id, part.number]) + part.body).hexdigest()
            headers = {
                KEY_HEADER: named, "Plumbline-Code": answer.code, "Plumbline-Field": storable(field_of_fact(answer.field)),
                "Plumbline-Reason": storable(answer.reason), "Plumbline-Sender": storable(letter.sender),
                "Plumbline-Message-Id": letter.id_told, "Plumbline-Line": str(part.number),
            }  # fmt: skip
            try:
                await stream.publish(dead_subject(name), part.body, headers=headers)
            except (NatsError, TimeoutError, ValueError) as error:
                _log.info("dead letter not acknowledged", ledger=name, error=type(error).__name__)
                return


def _letter(message: Msg, name: str) -> tuple[_Letter, Answer | None]:
    """What a message says of itself, and its refusal where it can't be taken as a whole."""
    headers = {key.lower(): value for key, value in (message.headers or {}).items()}
    named = headers.get(KEY_HEADER.lower(), "")
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    letter = _Letter(SENDER_UNKNOWN, named, media_type == MEDIA_TYPE, message.data)
    try:
        letter = replace(letter, sender=sender_of(name, message.subject))
    except ValueError as error:
        return letter, _refused("SENDER_INVALID", str(error), "subject")
    if named and not _KEY.fullmatch(named):
        return letter, _refused("KEY_INVALID", f"{KEY_HEADER} must be 1 to 200 printable ASCII characters", KEY_HEADER)
    if media_type not in ("application/json", MEDIA_TYPE):
        return letter, _refused(
            "INPUT_INVALID", f"Content-Type must be application/json or {MEDIA_TYPE}", "Content-Type"
        )
    return letter, None


def _parts(letter: _Letter, line_bytes_max: int, names: Names) -> list[_Part]:
    """The facts of a message. Without an id, and without a key of its own, a fact is known by source and external id."""
    if not letter.lines:
        return [_Part(1, letter.body, _keyed(_taken(letter, letter.body, "body", names), letter, letter.id))]
    lines = [(number, line) for number, line in enumerate(letter.body.split(b"\n"), 1) if line.strip()]
    if not 0 < len(lines) <= LINES_MAX:
        reason = f"a message holds 1 to {LINES_MAX} lines that aren't blank; send it in parts"
        return [_Part(1, letter.body, _refused("BODY_TOO_LARGE" if lines else "DOCUMENT_INVALID", reason, "body"))]
    return [_Part(number, line, _line(letter, number, line, line_bytes_max, names)) for number, line in lines]


def _line(letter: _Letter, number: int, line: bytes, bytes_max: int, names: Names) -> Item:
    if len(line) > bytes_max:
        return line_too_long(bytes_max)
    item = _taken(letter, line, "line", names)
    if isinstance(item, Request) and item.key:
        return item
    return _keyed(item, letter, f"{letter.id}:{number}" if letter.id else "")


def _taken(letter: _Letter, data: bytes, place: str, names: Names) -> Item:
    return fact_take(data, place, letter.actor, letter.actor, may_adjust=False, names=names)


def _keyed(item: Item, letter: _Letter, key: str) -> Item:
    """The same request under the message's key."""
    if not key or not isinstance(item, Request):
        return item
    if item.key and item.key != key:
        return _refused("KEY_INVALID", f"the body's key and the header {KEY_HEADER} differ; send one", "key")
    return replace(item, client=letter.actor, key=key)


def _refused(code: str, reason: str, field: str) -> Answer:
    return Answer("refused", code=code, reason=reason, field=field)


def _again(count: int, code: str, reason: str) -> list[Answer]:
    return [Answer(AGAIN, code=code, reason=reason)] * count
