"""Fetching from a durable consumer: requests for more, the server's signs of life, and what it says of the durable."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox
from nats.errors import NoRespondersError, NotJSMessageError

from plumbline_client.subscribing.connecting import Refusals
from plumbline_client.subscribing.errors import DurableDiffers, EventInvalid, NotPermitted, StreamMissing
from plumbline_client.subscribing.events import LedgerEvent, event_of_message
from plumbline_client.subscribing.subscription import Subscription

REQUEST_SECONDS: Final = 5.0
IDLE_REQUESTS: Final = 6
"""A request for more ends after so many signs of life, and is made again."""
SILENCE: Final = 2.5
"""So many times the wait for a sign of life without one: the request is lost."""
NANOSECONDS: Final = 1_000_000_000
_CONSUMER_MISSING: Final = 10014
_STREAM_MISSING: Final = 10059


_JETSTREAM_OFF: Final = (10039, 10076)
_STATUS_NO_RESPONDERS: Final = "503"
_DOMAIN_ADVICE: Final = (
    "; a login of another account than the stream's, as `plumbline streams permissions` makes them, needs"
    ' domain="plumbline"'
)


class FetchEnded(Exception):
    """The server has ended the request for another reason than its time: look at the durable anew."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that holds an event; see `ordering.Delivered`."""

    event: LedgerEvent
    message: Msg
    position: int
    number: int
    redelivered: bool
    pending: int


@dataclass(frozen=True, slots=True)
class Durable:
    """How the durable consumer on the server stands. `created` is another where it was made anew; `floor` is the
    stream's sequence up to which all is acknowledged, and `floor_number` the delivery, `number` its last delivery,
    `waiting` how many await acknowledgement, and `waiting_max` how many may.

    Among some types or customers the floor lies ahead of the last that was acknowledged: just before the next that
    waits, or as far as the server has looked.
    """

    created: str
    floor: int
    floor_number: int
    number: int
    waiting: int
    waiting_max: int
    ack_seconds: float
    begins_after: int | None
    """Where it was told to begin: the position before. None for one that has everything, or that was told a time or
    "from now on" and has delivered since: then it can't be known."""
    succeeds: tuple[str, int] | None
    """Of one that was made again with its stream: when the one before was made, and its `floor_number`."""


class Puller:
    """One subscription's fetching on a connection. `refusals` are those of the connection."""

    def __init__(
        self, connection: Client, subscription: Subscription, *, domain: str, idle_seconds: float, refusals: Refusals
    ) -> None:
        self.seen: tuple[int, int] = (0, 0)
        """The last sign of life: the durable's last delivery, and up to where the server has looked in the stream."""
        self._connection = connection
        self._subscription = subscription
        self._api = f"$JS.{domain}.API" if domain else "$JS.API"
        self._advice = "" if domain else _DOMAIN_ADVICE
        self._target = f"{subscription.stream}.{subscription.name}"
        self._idle_seconds = idle_seconds
        self._refusals = refusals
        self._prefix = ""
        self._inbox: Inbox | None = None
        self._requests = 0
        self._wanted = 0
        self._arrived: deque[Msg] = deque()
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """Listen."""
        self._prefix = self._connection.new_inbox()
        self._inbox = await cast(Any, self._connection).subscribe(f"{self._prefix}.*", cb=self._take)

    async def stop(self) -> None:
        """Listen no more."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            # Also while the server is away: what is not taken back now would be there again when it returns.
            await inbox.unsubscribe()

    async def durable(self) -> Durable:
        """How the durable stands. Raises StreamMissing, NotPermitted, DurableDiffers, NatsError."""
        return self._read(await self._ask(f"CONSUMER.INFO.{self._target}", {}))

    async def create(self, after: int, ack_seconds: float, waiting_max: int) -> Durable:
        """Make the durable, to begin after a position. Raises as `durable` does."""
        config: dict[str, Any] = {
            "durable_name": self._subscription.name, "name": self._subscription.name, "ack_policy": "explicit",
            "deliver_policy": "by_start_sequence", "opt_start_seq": after + 1,
            "ack_wait": int(ack_seconds * NANOSECONDS), "max_ack_pending": waiting_max, "max_deliver": -1,
            "replay_policy": "instant", "filter_subjects": list(self._subscription.subjects),
        }  # fmt: skip
        asked = {"stream_name": self._subscription.stream, "config": config, "action": "create"}
        return self._read(await self._ask(f"CONSUMER.CREATE.{self._target}", asked))

    def again(self) -> None:
        """The connection was lost and is back: the request for more is to be made anew."""
        self._wanted = 0
        self._woken.set()

    def wake(self) -> None:
        """End the waiting of `receive`."""
        self._woken.set()

    async def receive(self, limit: int, seconds: float) -> list[Delivery]:
        """What has arrived; waits up to `seconds` for the first, or a sign of life. Asks for up to `limit` at a time.

        Raises FetchEnded, NatsError, and EventInvalid for a message that holds no event of this ledger at its position.
        """
        if not self._arrived:
            if self._wanted <= 0:
                await self._request(limit)
            self._woken.clear()
            silence = SILENCE * self._idle_seconds
            try:
                await asyncio.wait_for(self._woken.wait(), min(seconds, silence))
            except TimeoutError:
                if seconds >= silence:
                    self._wanted = 0
                    self._refused()
        found: list[Delivery] = []
        while self._arrived:
            message = self._arrived.popleft()
            status = (message.headers or {}).get("Status") if not message.data else None
            if status is None:
                found.append(self._delivery(message))
                self._wanted -= 1
            else:
                self._status(status, message)
        return found

    async def _request(self, limit: int) -> None:
        self._requests += 1
        self._wanted = limit
        idle = int(self._idle_seconds * NANOSECONDS)
        asked = {"batch": limit, "expires": idle * IDLE_REQUESTS, "idle_heartbeat": idle}
        await self._connection.publish(
            f"{self._api}.CONSUMER.MSG.NEXT.{self._target}", json.dumps(asked).encode(), self._reply()
        )

    def _reply(self) -> str:
        return f"{self._prefix}.{self._requests}"

    async def _take(self, message: Msg) -> None:
        self._arrived.append(message)
        self._woken.set()

    def _status(self, status: str, message: Msg) -> None:
        headers = message.headers or {}
        if status == "100":
            if "Nats-Last-Consumer" in headers:
                self.seen = int(headers["Nats-Last-Consumer"]), int(headers["Nats-Last-Stream"])
        elif message.subject == self._reply():
            self._wanted = 0
            if status == _STATUS_NO_RESPONDERS:
                raise FetchEnded("JetStream doesn't answer on the NATS server: it is starting, or electing a leader")
            if status not in ("404", "408"):
                raise FetchEnded(f"{status} {headers.get('Description', '')}".strip())

    def _delivery(self, message: Msg) -> Delivery:
        try:
            told = message.metadata
        except (NotJSMessageError, ValueError) as error:
            raise EventInvalid("a message came that is none of the stream") from error
        try:
            event = event_of_message(message.headers, message.data)
        except EventInvalid as error:
            raise EventInvalid(
                f"the message {told.sequence.stream} of {self._subscription.stream} is no event of a ledger ({error});"
                " `plumbline streams check` says what of the stream differs from the log, and what to do"
            ) from error
        if (event.position, event.ledger) != (told.sequence.stream, self._subscription.ledger):
            raise EventInvalid(
                f"the message {told.sequence.stream} of {self._subscription.stream} says that it is position"
                f" {event.position} of {event.ledger}: no relay has filled this stream, or not this one alone"
            )
        return Delivery(
            event, message, event.position, told.sequence.consumer, told.num_delivered > 1, told.num_pending
        )

    async def _ask(self, subject: str, document: Any) -> dict[str, Any]:
        request = self._connection.request(
            f"{self._api}.{subject}", json.dumps(document).encode(), timeout=REQUEST_SECONDS
        )
        try:
            answer = await self._refusals.unless(subject, request, self._advice)
        except NoRespondersError:
            raise StreamMissing(
                f"nobody answers for JetStream: is it switched on, and is this its domain?{self._advice}"
            ) from None
        found = cast(dict[str, Any], json.loads(answer.data))
        error = found.get("error")
        if error is None:
            return found
        if error.get("err_code") in (_CONSUMER_MISSING, _STREAM_MISSING):
            what = f"durable consumer {self._subscription.name} on"
            what = "stream" if error["err_code"] == _STREAM_MISSING else what
            raise StreamMissing(f"there is no {what} {self._subscription.stream}")
        advice = self._advice if error.get("err_code") in _JETSTREAM_OFF else ""
        raise DurableDiffers(f"the server refuses the durable consumer: {error.get('description')}{advice}")

    def _refused(self) -> None:
        if self._refusals.last:
            raise NotPermitted(f"the NATS server refuses something: {self._refusals.last}{self._advice}")

    def _read(self, info: dict[str, Any]) -> Durable:
        config = info["config"]
        self._check(config)
        return Durable(
            created=info["created"],
            floor=info["ack_floor"]["stream_seq"],
            floor_number=info["ack_floor"]["consumer_seq"],
            number=info["delivered"]["consumer_seq"],
            waiting=info["num_ack_pending"],
            waiting_max=config.get("max_ack_pending", -1),
            ack_seconds=config["ack_wait"] / NANOSECONDS,
            begins_after=_begins_after(info),
            succeeds=_succeeds(config.get("metadata") or {}),
        )

    def _check(self, config: dict[str, Any]) -> None:
        subjects = config.get("filter_subjects") or [config.get("filter_subject") or ""]
        here = self._subscription
        wanted = [list(here.subjects), [""]] if here.whole else [list(here.subjects)]
        faults = {
            f"it follows {' '.join(sorted(subjects)) or 'everything'}, and the subscription {here.follows}":
                sorted(subjects) not in wanted,
            "its messages need no acknowledgement of their own; ack_policy must be explicit":
                config.get("ack_policy") != "explicit",
            "it gives up after some deliveries; max_deliver must be -1": config.get("max_deliver", -1) > 0,
            "it pushes; it must have no deliver_subject": bool(config.get("deliver_subject")),
        }  # fmt: skip
        for fault, found in faults.items():
            if found:
                raise DurableDiffers(f"the durable consumer {here.name} is set up otherwise: {fault}")


def _begins_after(info: Mapping[str, Any]) -> int | None:
    """See `Durable.begins_after`."""
    config = info["config"]
    policy = config.get("deliver_policy", "all")
    if policy == "by_start_sequence":
        return config["opt_start_seq"] - 1
    if policy == "all" or info["delivered"]["consumer_seq"] > 0:
        return None
    return info["ack_floor"]["stream_seq"]


def _succeeds(metadata: Mapping[str, str]) -> tuple[str, int] | None:
    """See `Durable.succeeds`."""
    created, number = metadata.get("plumbline_succeeds", ""), metadata.get("plumbline_succeeds_number", "")
    return (created, int(number)) if created and number.isdecimal() else None
