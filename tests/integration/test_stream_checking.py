"""A stream that isn't what the log says: every position is named. And one made anew from the log is the same."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from nats.js.api import StreamConfig

from ledger.domain.errors import Refused
from ledger.log.recorder import EventRow
from streams import checking as checking_module
from streams.checking import Checked, Finding, stream_check
from streams.connection import Connection, nats_connected
from streams.cursor import stream_found
from streams.faults import NatsUnreachable, StreamMissing
from streams.kept import Kept, KeptReader
from streams.messages import Message, message_of
from streams.rebuilding import SUCCEEDS, SUCCEEDS_NUMBER, Rebuilt, Resumed, stream_rebuild
from streams.relay import Relay, RelayState
from streams.subjects import event_subjects, stream_name
from streams.subscribers import (
    Subscriber,
    durables_read,
    subjects_of,
    subscriber_create,
    subscriber_remove,
    subscribers_read,
)
from streams.tail import LogTail, tail_open
from tests.ledgers import Books, books_open, fact

Change = Callable[[Message], Message | None]


class Streamed:
    """A ledger with some dozens of events, on its stream or not."""

    def __init__(self, books: Books, schema: str, database_url: str, nats_url: str) -> None:
        self.books = books
        self.schema = schema
        self.ledger = schema
        self.database_url = database_url
        self.nats_url = nats_url

    def run(self, work: Callable[[Connection, LogTail], Awaitable[object]]) -> object:
        """Do something with both."""

        async def inside() -> object:
            async with nats_connected(self.nats_url, "test") as connection, tail_open(self.database_url, self.schema) as tail:
                return await work(connection, tail)

        return asyncio.run(inside())

    def durables(self) -> dict[str, dict[str, Any]]:
        """The durables as the server describes them, by name."""

        async def work(connection: Connection, tail: LogTail) -> list[dict[str, Any]]:
            return await durables_read(connection, self.ledger)

        return {str(found["name"]): found for found in cast(list[dict[str, Any]], self.run(work))}

    def check(self, first: int = 1, last: int | None = None) -> Checked:
        """Compare."""

        async def work(connection: Connection, tail: LogTail) -> Checked:
            return await stream_check(connection, tail, self.ledger, first, last)

        found = self.run(work)
        assert isinstance(found, Checked)
        return found

    def fill(self, change: Change = lambda message: message) -> None:
        """A stream without the denials, in which each message may be changed before it is published, or left out."""

        async def work(connection: Connection, tail: LogTail) -> None:
            if await _there(connection, self.ledger):
                await connection.manager.delete_stream(stream_name(self.ledger))
            await connection.manager.add_stream(
                StreamConfig(stream_name(self.ledger), subjects=[event_subjects(self.ledger)])
            )
            for row in await tail.read(0, 10_000):
                await self.publish(connection, row, change)

        self.run(work)

    async def publish(self, connection: Connection, row: EventRow, change: Change) -> None:
        """Publish an event as a relay does, but for a change."""
        message = change(message_of(self.ledger, row))
        if message is not None:
            headers = {**message.headers, "Nats-Msg-Id": message.headers["ce-id"], "Nats-Expected-Stream": stream_name(self.ledger)}
            await connection.client.jetstream().publish(message.subject, message.body, headers=headers)

    def kept(self) -> dict[int, Kept | None]:
        """Everything that the stream holds."""

        async def work(connection: Connection, tail: LogTail) -> dict[int, Kept | None]:
            last = (await stream_found(connection, self.ledger)).state.last_seq
            async with KeptReader(connection, stream_name(self.ledger)) as reader:
                return await reader.read(range(1, last + 1))

        found = self.run(work)
        assert isinstance(found, dict)
        return found

    def subscribers(self) -> list[Subscriber]:
        """The durables as they stand."""
        found = self.run(lambda connection, tail: subscribers_read(connection, self.ledger))
        assert isinstance(found, list)
        return found


async def _there(connection: Connection, ledger: str) -> bool:
    try:
        await stream_found(connection, ledger)
    except StreamMissing:
        return False
    return True


@pytest.fixture(scope="module")
def streamed(database_url: str, nats_url: str) -> Iterator[Streamed]:
    """A ledger with customers, facts and what they earned."""
    schema = f"t_{secrets.token_hex(4)}"
    with books_open(database_url, schema) as books:
        books.register(*(f"K{n}" for n in range(1, 6)))
        books.send(*(fact(f"f{n}", "login", "2026-10-05", f"C-00000{n % 5 + 1}") for n in range(20)))
        assert books.position > 40
        yield Streamed(books, schema, database_url, nats_url)


def kinds(checked: Checked) -> list[tuple[int, int, str]]:
    """What was found, without its details."""
    return [(f.first, f.last, f.kind) for f in checked.findings]


def test_a_stream_as_the_relay_makes_it_is_sound(streamed: Streamed, tmp_path: Path) -> None:
    rebuilt = asyncio.run(_rebuild(streamed, tmp_path))
    head = streamed.books.position
    assert rebuilt.events == head
    checked = streamed.check()
    assert checked.sound and checked.findings == [] and checked.ranges_differing == []
    assert (checked.count_log, checked.count_stream, checked.behind) == (head, head, 0)
    assert checked.sha256_log == checked.sha256_stream


async def _rebuild(streamed: Streamed, folder: Path) -> Rebuilt:
    return await stream_rebuild(
        streamed.ledger, streamed.schema, streamed.database_url, streamed.nats_url, folder / "streams" / "note.json"
    )


def test_a_message_deleted_in_the_middle_is_named(streamed: Streamed) -> None:
    streamed.fill()
    assert streamed.check().sound
    for sequence in (17, 30, 31):
        streamed.run(lambda connection, tail, s=sequence: connection.manager.delete_msg(stream_name(streamed.ledger), s))
    checked = streamed.check()
    assert kinds(checked) == [(17, 17, "missing"), (30, 31, "missing")]
    assert not checked.sound and checked.positions["missing"] == 3
    [differs] = checked.ranges_differing
    assert differs.count_log - differs.count_stream == 3 and differs.sha256_log != differs.sha256_stream
    # Elsewhere it is sound.
    assert streamed.check(18, 29).sound and streamed.check(1, 16).sound and not streamed.check(17, 17).sound


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda m: replace(m, body=m.body.replace(b"{", b'{"points":1,', 1)), "the body"),
        (lambda m: replace(m, headers={**m.headers, "ce-time": "2020-01-01T00:00:00+00:00"}), "ce-time"),
        (lambda m: replace(m, subject=m.subject.rpartition(".")[0] + ".C-999999"), "the subject"),
        (lambda m: replace(m, headers={**m.headers, "Nats-TTL-Told": "1"}), "a header that is none of ours"),
        (lambda m: replace(m, headers={k: v for k, v in m.headers.items() if k != "ce-ledger"}), "ce-ledger"),
        (lambda m: replace(m, body=b"", headers={**m.headers, "ce-subject": "C-1"}), "ce-subject, the body"),
    ],
)  # fmt: skip
def test_a_message_that_was_altered_is_named(streamed: Streamed, change: Change, detail: str) -> None:
    streamed.fill(lambda m: change(m) if m.position == 21 else m)
    checked = streamed.check()
    assert checked.findings == [Finding(21, 21, "altered", detail)]
    assert not checked.sound and checked.count_log == checked.count_stream


def test_messages_out_of_order_and_foreign_ones_are_named(streamed: Streamed) -> None:
    head = streamed.books.position

    def change(message: Message) -> Message:
        if message.position in (10, 11):
            row = streamed.books.recorder.select_range(20 - message.position, 1)[0]  # 11 in place of 10, 10 in place of 11
            return message_of(streamed.ledger, row)
        if message.position == 12:
            return replace(message, headers={**message.headers, "ce-id": "other/12"})
        if message.position == 13:
            return replace(message, headers={**message.headers, "ce-id": f"{streamed.ledger}/{head + 5}"})
        return message

    streamed.fill(change)

    async def more(connection: Connection, tail: LogTail) -> None:
        last = (await tail.read(head - 1, 1))[0]
        await streamed.publish(connection, last, lambda m: replace(m, headers={**m.headers, "ce-id": f"{streamed.ledger}/{head + 1}"}))

    streamed.run(more)
    checked = streamed.check()
    assert [(f.first, f.last, f.kind, f.detail) for f in checked.findings] == [
        (10, 10, "misplaced", "it is the event at 11"),
        (11, 11, "misplaced", "it is the event at 10"),
        (12, 13, "foreign", "it names no event of this log"),
        (head + 1, head + 1, "foreign", "the log ends before it"),
    ]


def test_an_event_left_out_shifts_all_that_follow(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking_module, "MOVES_SECONDS", 0.5)
    head = streamed.books.position
    streamed.fill(lambda m: None if m.position == 5 else m)
    checked = streamed.check()
    assert kinds(checked)[:2] == [(5, 5, "misplaced"), (6, 6, "misplaced")] and kinds(checked)[-1] == (head, head, "unrelayed")
    assert checked.positions == {"misplaced": head - 5, "unrelayed": 1} and checked.behind == 1


def test_what_was_published_under_an_older_schema_is_told_and_no_fault(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = message_of(streamed.ledger, streamed.books.recorder.select_range(20, 1)[0]).headers["ce-type"]
    streamed.fill()
    from streams import messages

    monkeypatch.setattr(messages, "schema_uri", lambda t: f"plumbline:/schemas/events/{t}/{2 if t == topic else 1}")
    checked = streamed.check()
    assert {(f.kind, f.detail) for f in checked.findings} == {("outdated", "1")}
    assert checked.positions["outdated"] > 0 and checked.sound


def test_what_a_relay_is_bringing_is_not_missing(streamed: Streamed) -> None:
    head = streamed.books.position
    streamed.fill(lambda m: m if m.position <= head - 3 else None)

    async def work(connection: Connection, tail: LogTail) -> Checked:
        checking = asyncio.create_task(stream_check(connection, tail, streamed.ledger))
        # It has compared what there was, and looks whether more comes.
        await asyncio.sleep(1.0)
        assert not checking.done()
        await streamed.publish(connection, streamed.books.recorder.select_range(head - 3, 1)[0], lambda m: m)
        return await checking

    checked = streamed.run(work)
    assert isinstance(checked, Checked)
    assert checked.sound and checked.findings == [] and checked.behind == 3 and checked.last == head - 3


@pytest.mark.parametrize("kept", [0, 7])
def test_a_stream_that_ends_before_the_log_and_stands_still_is_not_sound(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(checking_module, "MOVES_SECONDS", 0.5)
    head = streamed.books.position
    streamed.fill(lambda m: m if m.position <= kept else None)
    checked = streamed.check()
    assert not checked.sound and checked.findings == [Finding(kept + 1, head, "unrelayed")]
    assert checked.positions == {"unrelayed": head - kept} and checked.behind == head - kept
    assert (checked.count_log, checked.count_stream) == (kept, kept)
    # A part that reaches beyond it isn't there, one before it is.
    assert streamed.check(1, kept + 2).findings == [Finding(kept + 1, kept + 2, "unrelayed")]
    assert not kept or streamed.check(1, kept).sound
    ends = f"begin at 1 to {kept}, where the stream ends" if kept else "begin at 1; the stream is empty: a relay fills it"
    for first, last, reason in [(kept + 2, None, ends), (10, 5, "begin at 1 to 5, where the check is to end")]:
        with pytest.raises(Refused) as refused:
            streamed.check(first, last)
        assert (refused.value.code, refused.value.field, refused.value.reason) == ("POSITION_INVALID", "from", reason)


def test_what_was_taken_from_the_end_joins_what_nobody_brings_as_a_finding_of_its_own(
    streamed: Streamed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking_module, "MOVES_SECONDS", 0.5)
    head = streamed.books.position
    streamed.fill(lambda m: m if m.position <= 9 else None)
    streamed.run(lambda connection, tail: connection.manager.delete_msg(stream_name(streamed.ledger), 9))
    assert kinds(streamed.check()) == [(9, 9, "missing"), (10, head, "unrelayed")]


def test_a_stream_that_is_not_there_is_said_to_be_missing(streamed: Streamed) -> None:
    async def gone(connection: Connection, tail: LogTail) -> None:
        await connection.manager.delete_stream(stream_name(streamed.ledger))

    streamed.fill()
    streamed.run(gone)
    with pytest.raises(StreamMissing, match="streams setup"):
        streamed.check()

    async def read(connection: Connection, tail: LogTail) -> object:
        async with KeptReader(connection, stream_name(streamed.ledger)) as reader:
            return await reader.read([1, 2])

    with pytest.raises((StreamMissing, NatsUnreachable)):
        streamed.run(read)


def test_wiped_and_rebuilt_the_stream_is_the_same_and_subscribers_go_on(streamed: Streamed, tmp_path: Path) -> None:
    asyncio.run(_rebuild(streamed, tmp_path))
    before = streamed.kept()
    granted = subjects_of(streamed.ledger, ["PointsGranted"], ["C-000001", "C-000002"])

    async def subscribe(connection: Connection, tail: LogTail) -> None:
        await subscriber_create(connection, streamed.ledger, "billing", granted)
        await subscriber_create(connection, streamed.ledger, "warehouse", subjects_of(streamed.ledger, [], []))
        await subscriber_create(connection, streamed.ledger, "late", subjects_of(streamed.ledger, ["DayClosed"], []), after=40)
        js = connection.client.jetstream()
        for name, count in (("billing", 2), ("warehouse", 12)):
            fetching = await js.pull_subscribe_bind(durable=name, stream=stream_name(streamed.ledger))
            for message in await fetching.fetch(count, timeout=5):
                await message.ack_sync(timeout=5)

    streamed.run(subscribe)
    stood = streamed.subscribers()
    durables = streamed.durables()
    assert [s.name for s in stood] == ["billing", "late", "warehouse"]
    assert {s.name: s.acked for s in stood} | {"billing": 0} == {"billing": 0, "late": 40, "warehouse": 12}
    rebuilt = asyncio.run(_rebuild(streamed, tmp_path))
    assert rebuilt.subscribers == tuple(Resumed(s.name, s.acked) for s in stood)
    assert streamed.kept() == before and len(before) == streamed.books.position
    assert streamed.subscribers() == stood
    # Each says which one it succeeds, and how far that was; made again unused, it goes on saying so.
    for _ in range(2):
        told = {name: found["config"]["metadata"] for name, found in streamed.durables().items()}
        assert {name: (metadata[SUCCEEDS], metadata[SUCCEEDS_NUMBER]) for name, metadata in told.items()} == {
            name: (found["created"], str(found["ack_floor"]["consumer_seq"])) for name, found in durables.items()
        }
        asyncio.run(_rebuild(streamed, tmp_path))
    assert not list((tmp_path / "streams").iterdir())

    async def goes_on(connection: Connection, tail: LogTail) -> int:
        js = connection.client.jetstream()
        fetching = await js.pull_subscribe_bind(durable="warehouse", stream=stream_name(streamed.ledger))
        [message] = await fetching.fetch(1, timeout=5)
        return message.metadata.sequence.stream

    assert streamed.run(goes_on) == 13


def test_a_stream_is_made_anew_beside_a_relay_that_runs(streamed: Streamed, tmp_path: Path) -> None:
    async def work() -> None:
        relay = Relay(streamed.ledger, streamed.schema, streamed.database_url, streamed.nats_url)
        stopping = asyncio.Event()
        running = asyncio.create_task(relay.run(stopping))
        async with asyncio.timeout(20):
            while relay.state not in (RelayState.RELAYING, RelayState.STANDBY):
                await asyncio.sleep(0.02)
            await _rebuild(streamed, tmp_path)
            # One that saw no stream looks again after a while.
            streamed.books.send(fact("beside", "login", "2026-10-06", "C-000002"))
            while (relay.position or 0) < streamed.books.position:
                await asyncio.sleep(0.05)
        stopping.set()
        await running

    asyncio.run(_rebuild(streamed, tmp_path))
    asyncio.run(work())
    checked = streamed.check()
    assert checked.sound and checked.behind == 0 and checked.count_stream == streamed.books.position


def test_a_rebuild_that_died_half_way_still_knows_the_subscribers(streamed: Streamed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_rebuild(streamed, tmp_path))
    everything = subjects_of(streamed.ledger, [], [])
    streamed.run(lambda connection, tail: subscriber_create(connection, streamed.ledger, "ledger_copy", everything, after=7))

    async def dies(self: Relay, position: int) -> None:
        raise NatsUnreachable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Relay, "run_until", dies)
        with pytest.raises(NatsUnreachable):
            asyncio.run(_rebuild(streamed, tmp_path))
    assert [s for s in streamed.subscribers() if s.name == "ledger_copy"] == []
    rebuilt = asyncio.run(_rebuild(streamed, tmp_path))
    assert Resumed("ledger_copy", 7) in rebuilt.subscribers
    assert streamed.check().sound


def test_who_saw_more_than_the_log_has_is_named_and_not_made_again(streamed: Streamed, tmp_path: Path) -> None:
    """As after a restore from an older backup: the next position would be another event."""
    asyncio.run(_rebuild(streamed, tmp_path))
    everything = subjects_of(streamed.ledger, [], [])
    head = streamed.books.position
    note = tmp_path / "streams" / "note.json"
    note.parent.mkdir(exist_ok=True)
    config = {"durable_name": "ahead", "name": "ahead", "ack_policy": "explicit", "filter_subjects": list(everything)}
    bad = {**config, "durable_name": "bad", "name": "bad", "ack_wait": -5}
    note.write_bytes(orjson.dumps({"ahead": {"config": config, "acked": head + 9}, "bad": {"config": bad, "acked": 2}}))
    problems = {s.name: s for s in asyncio.run(_rebuild(streamed, tmp_path)).subscribers if s.problem}
    assert set(problems) == {"ahead", "bad"}
    assert f"up to {head + 9}, and the log ends at {head}" in problems["ahead"].problem
    assert not {s.name for s in streamed.subscribers()} & {"ahead", "bad"}
    # It is said once; what the server refused is tried again.
    assert set(orjson.loads(note.read_bytes())) == {"bad"}


def test_a_subscriber_is_made_once_and_removed_once(streamed: Streamed, tmp_path: Path) -> None:
    asyncio.run(_rebuild(streamed, tmp_path))
    everything = subjects_of(streamed.ledger, [], [])
    streamed.run(lambda connection, tail: subscriber_create(connection, streamed.ledger, "once", everything))
    with pytest.raises(Refused, match="there is a subscriber of this name"):
        streamed.run(lambda connection, tail: subscriber_create(connection, streamed.ledger, "once", everything))
    streamed.run(lambda connection, tail: subscriber_remove(connection, streamed.ledger, "once"))
    with pytest.raises(Refused, match="there is no subscriber"):
        streamed.run(lambda connection, tail: subscriber_remove(connection, streamed.ledger, "once"))


def test_a_subscriber_sees_only_what_it_follows(streamed: Streamed, tmp_path: Path) -> None:
    assert subjects_of("main", ["PointsGranted"], ["C-000002", "C-000001"]) == (
        "plumbline.main.event.PointsGranted.C-000001", "plumbline.main.event.PointsGranted.C-000002",
    )  # fmt: skip
    assert subjects_of("main", [], ["C-000001"]) == ("plumbline.main.event.*.C-000001",)
    assert subjects_of("main", ["DayClosed"], []) == ("plumbline.main.event.DayClosed.*",)
    with pytest.raises(Refused, match=r"types\.1 is no type of event; there are .*PointsGranted, "):
        subjects_of("main", ["DayClosed", "*"], [])
    for wrong in ("", "公司", "C-1", "*"):
        with pytest.raises(Refused, match=r"customers\.1 is no id such as C-000001"):
            subjects_of("main", [], ["C-000001", wrong])
    asyncio.run(_rebuild(streamed, tmp_path))

    async def work(connection: Connection, tail: LogTail) -> set[str]:
        await subscriber_create(connection, streamed.ledger, "narrow", subjects_of(streamed.ledger, ["PointsGranted"], ["C-000003"]))
        js = connection.client.jetstream()
        fetching = await js.pull_subscribe_bind(durable="narrow", stream=stream_name(streamed.ledger))
        return {m.subject for m in await fetching.fetch(100, timeout=1)}

    assert streamed.run(work) == {f"plumbline.{streamed.ledger}.event.PointsGranted.C-000003"}


def test_the_note_of_another_hand_is_refused(streamed: Streamed, tmp_path: Path) -> None:
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "note.json").write_bytes(orjson.dumps({"x": 1}))
    with pytest.raises(Refused, match=r"note\.json"):
        asyncio.run(_rebuild(streamed, tmp_path))


def test_every_night_the_service_says_whether_the_stream_is_sound(streamed: Streamed, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.serving import stream_checking
    from service.serving.stream_checking import CheckRule, StreamChecking, check_metrics

    monkeypatch.setattr(stream_checking, "SCHEMA_PREFIX", "")
    monkeypatch.setattr(stream_checking, "LOOK_SECONDS", 0.05)
    # 3:10 in Shanghai.
    monkeypatch.setattr(stream_checking, "clock", lambda: datetime(2026, 11, 24, 19, 10, tzinfo=UTC))
    leading = [False]
    streamed.fill(lambda m: replace(m, body=b"{}") if m.position == 9 else m)
    checking = StreamChecking(streamed.ledger, streamed.database_url, streamed.nats_url, CheckRule(3), lambda: leading[0])
    checking.start()
    try:
        time.sleep(0.3)
        assert checking.checked is None  # another process relays
        leading[0] = True
        deadline = time.monotonic() + 10
        while checking.finished_at is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        checking.stop()
    assert checking.checked is not None and kinds(checking.checked) == [(9, 9, "altered")]
    figures = {(s.name, s.labels.get("kind", "")): s.value for m in check_metrics([checking]) for s in m.samples}
    assert figures[("plumbline_stream_sound", "")] == 0
    assert figures[("plumbline_stream_differing_positions", "altered")] == 1
    assert figures[("plumbline_stream_differing_positions", "missing")] == 0
    assert figures[("plumbline_stream_differing_positions", "unrelayed")] == 0
    assert figures[("plumbline_stream_checked", "")] == datetime(2026, 11, 24, 19, 10, tzinfo=UTC).timestamp()
