"""Facts by NATS on a real broker: each once, answered, in the name of who sent it, and never lost where refused."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.api import StreamConfig

from api.settings import ApiSettings
from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, Request
from ledger.domain.errors import WriterUnavailable
from service.serving import inbound as inbound_module
from service.serving.inbound import LINES_MAX, Inbound
from streams.permissions import Party, account_file, accounts_of, users_of
from streams.senders import facts_subject_of
from streams.subjects import dead_subject, facts_subject, stream_name_dead
from tests.ledgers import Books, books_open
from tests.nats_guarded import connected, logins_of, nats_guarded, url_of
from tests.nats_servers import nats_server

T = TypeVar("T")
LINES = "application/x-ndjson"
NOW = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)


class Ledger:
    """A ledger with its writer here; `fails` is raised instead of writing."""

    def __init__(self, name: str, books: Books, schema: str, database_url: str) -> None:
        self.name = name
        self.books = books
        self.schema, self.database_url = schema, database_url
        self.recorder = books.recorder
        self.quarantine = Quarantine(books.recorder.datastore)
        self.fails: Exception | None = None

    async def submit(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Answer]:
        if self.fails is not None:
            raise self.fails
        return await asyncio.wrap_future(self.books.writer.submit_later(requests, atomic=atomic))


class Ledgers:
    """One ledger, and a clock that stands still."""

    def __init__(self, *ledgers: Ledger) -> None:
        self.ledgers = ledgers

    def served(self) -> Sequence[Ledger]:
        return self.ledgers

    def clock(self) -> datetime:
        return NOW


class Sender:
    """Somebody at the broker."""

    TIMEOUT_SECONDS = 20.0

    def __init__(self, client: Any, ledger: str) -> None:
        self.client = client
        self.ledger = ledger

    async def send(
        self, body: bytes | dict[str, Any], sender: str = "erp", message_id: str = "", **headers: str
    ) -> list[dict[str, Any]]:
        """What became of a message; one answer, or one for each line."""
        subject = facts_subject(self.ledger) + (f".{sender}" if sender else "")
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if message_id:
            given["Nats-Msg-Id"] = message_id
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        reply: Msg = await self.client.request(subject, data, timeout=self.TIMEOUT_SECONDS, headers=given or None)
        return [orjson.loads(line) for line in reply.data.splitlines()]


@pytest.fixture(scope="module")
def served(database_url: str) -> Iterator[Ledger]:
    schema = f"t_{secrets.token_hex(6)}"
    with books_open(database_url, schema) as books:
        books.register("a")
        yield Ledger(f"t{secrets.token_hex(4)}", books, schema, database_url)


@pytest.fixture(autouse=True)
def writing(served: Ledger) -> None:
    served.fails = None


def talk(
    nats_url: str, ledger: Ledger, work: Callable[[Sender, Inbound], Awaitable[T]], beside: Sequence[Inbound] = ()
) -> T:
    """Runs with somebody who sends, and a process that takes; `beside` are others."""

    async def run() -> T:
        client: Any = Client()
        await client.connect(nats_url)
        taking = [Inbound(Ledgers(ledger), nats_url, ApiSettings()), *beside]
        try:
            for inbound in taking:
                inbound.start()
            async with asyncio.timeout(20):
                while not all(inbound.taking for inbound in taking):
                    await asyncio.sleep(0.01)
            return await work(Sender(client, ledger.name), taking[0])
        finally:
            for inbound in taking:
                await inbound.stop()
            await client.close()

    return asyncio.run(run())


def login(external_id: str, **more: Any) -> dict[str, Any]:
    return {
        "source": "crm", "external_id": external_id, "fact_type": "login", "customer": "C-000001",
        "occurred_at": "2026-10-05", "attributes": {}, **more,
    }  # fmt: skip


def test_a_fact_is_recorded_in_the_name_of_its_sender_and_answered_as_over_http(nats_url: str, served: Ledger) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        [erp] = await sender.send(login("n1"), message_id="m1")
        [plain] = await sender.send(login("n2"), sender="")
        assert (erp["status"], erp["customer"], erp["id"]) == ("accepted", "C-000001", "n1")
        assert plain["position"] > erp["position"]
        recorded = {state["external_id"]: state["actor"] for _, _, name, state in served.books.log() if name == "FactRecorded"}
        assert (recorded["n1"], recorded["n2"]) == ("nats:erp", "nats:default")

    talk(nats_url, served, work)


def test_the_same_id_has_one_effect_and_another_body_under_it_is_refused(nats_url: str, served: Ledger) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        [first] = await sender.send(login("d1"), message_id="same")
        [again] = await sender.send(login("d1"), message_id="same")
        assert (again["position"], again["hit"]) == (first["position"], True)
        head = served.books.position
        [other] = await sender.send(login("d2"), message_id="same")
        assert (other["status"], other["code"]) == ("refused", "IDEMPOTENCY_CONFLICT")
        # Ids are each sender's own.
        [crm] = await sender.send(login("d2"), sender="crm", message_id="same")
        assert crm["status"] == "accepted" and crm["position"] == head + 1
        # Without an id the fact's own source and external id tell: the same is a duplicate, other content corrects it.
        [nameless] = await sender.send(login("d2"))
        assert (nameless["status"], nameless["position"]) == ("duplicate", crm["position"])
        [body_key] = await sender.send(login("d3", key="k"), message_id="k2")
        assert (body_key["code"], body_key["field"]) == ("KEY_INVALID", "key")
        [long] = await sender.send(login("d3"), message_id="x" * 201)
        assert (long["code"], long["field"]) == ("KEY_INVALID", "Nats-Msg-Id")

    talk(nats_url, served, work)


def test_lines_are_answered_each_and_known_each_by_the_message_and_their_number(nats_url: str, served: Ledger) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        body = b"\n".join([orjson.dumps(login("l1")), b"", b"{", orjson.dumps(login("l2", fact_type="nothing"))])
        answers = await sender.send(body, message_id="lines", Content_Type=LINES)
        assert [(a["line"], a["status"], a.get("code")) for a in answers] == [
            (1, "accepted", None), (3, "refused", "DOCUMENT_INVALID"), (4, "refused", "FACT_TYPE_UNKNOWN"),
        ]  # fmt: skip
        again = await sender.send(body, message_id="lines", Content_Type=LINES)
        assert [a.get("hit", False) for a in again] == [True, False, False]
        many = b"\n".join([b"{}"] * (LINES_MAX + 1))
        [refused] = await sender.send(many, Content_Type=LINES)
        assert (refused["code"], refused["line"]) == ("BODY_TOO_LARGE", 1)
        [blank] = await sender.send(b"\n \n", Content_Type=LINES)
        assert blank["code"] == "DOCUMENT_INVALID"
        long = login("l3", attributes={"note": "x" * 100_001})
        [cut] = await sender.send(orjson.dumps(long), Content_Type=LINES)
        assert (cut["code"], cut["field"]) == ("BODY_TOO_LARGE", "line")

    talk(nats_url, served, work)


UNSAFE = {
    "not utf-8": b'{"source": "\xff"}',
    "NUL": b'{"source": "a\\u0000b"}',
    "half a surrogate": b'{"source": "\\ud800"}',
    "NaN": b'{"attributes": {"amount": NaN}}',
    "a name twice": b'{"source": "a", "source": "b"}',
    "deep": b"[" * 5_000,
    "large integer": b'{"attributes": {"amount": 99999999999999999999}}',
    "nothing": b"",
}


def test_what_is_unsafe_is_refused_with_a_reason_and_the_next_message_is_taken(nats_url: str, served: Ledger) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        for name, body in UNSAFE.items():
            [answer] = await sender.send(body)
            assert (answer["status"], answer["code"]) == ("refused", "DOCUMENT_INVALID"), name
            assert answer["reason"]
            assert name != "large integer" or answer["field"] == "attributes.amount"
        [media] = await sender.send(b"<fact/>", Content_Type="text/xml")
        assert (media["code"], media["field"]) == ("INPUT_INVALID", "Content-Type")
        [name] = await sender.send(login("u1"), sender="a%b")
        assert name["code"] == "SENDER_INVALID"
        much = {"amount": "1", "project": "p" * 20_000}
        [text] = await sender.send(login("u1", fact_type="contract_signed", attributes=much))
        assert (text["field"], text["reason"]) == ("attributes.project", "attributes.project is longer than 10000 characters")
        [actor] = await sender.send(login("u1", actor="alice"))
        assert actor["code"] == "FACT_INVALID"
        by_hand = login("u2", fact_type="manual_adjustment", attributes={"points": "5", "reason": "goodwill"})
        assert (await sender.send(by_hand))[0]["code"] == "ADJUSTMENT_DENIED"
        assert (await sender.send(login("u1")))[0]["status"] == "accepted"

    talk(nats_url, served, work)


def test_a_refused_fact_is_a_dead_letter_and_waits_in_the_quarantine_until_it_is_mended(
    nats_url: str, served: Ledger
) -> None:
    stream = stream_name_dead(served.name)

    async def work(sender: Sender, _: Inbound) -> None:
        jetstream = sender.client.jetstream()
        await jetstream.add_stream(StreamConfig(name=stream, subjects=[dead_subject(served.name)]))
        try:
            wrong = orjson.dumps(login("dead1", fact_type="logn"))
            [refused] = await sender.send(wrong, message_id="dl")
            await sender.send(wrong, message_id="dl")
            info = await jetstream.stream_info(stream)
            assert info.state.messages == 1  # refused twice, told once
            letter = await jetstream.get_msg(stream, 1)
            assert letter.data == wrong
            headers = letter.headers or {}
            assert (headers["Plumbline-Code"], headers["Plumbline-Field"]) == ("FACT_TYPE_UNKNOWN", "fact_type")
            assert (headers["Plumbline-Sender"], headers["Plumbline-Message-Id"]) == ("erp", "dl")
            assert headers["Plumbline-Reason"] == refused["reason"]
        finally:
            await jetstream.delete_stream(stream)

    talk(nats_url, served, work)
    [row] = [r for r in served.quarantine.list() if r.file == "message dl"]
    assert (row.source, row.actor, row.field) == ("nats:erp", "nats:erp", "fact_type")
    mended = {"fact": orjson.dumps(login("dead1")).decode()}
    writer = served.books.writer
    types = served.books.state.book.fact_types.get
    report = served.quarantine.retry(
        writer.submit, types, actor="mender", resolved_at=NOW, ids=[row.id], raw_override={row.id: {"fact": "{"}}
    )
    assert (report.accepted, [r.field for _, r in report.rejected]) == (0, ["fact"])
    report = served.quarantine.retry(writer.submit, types, actor="mender", resolved_at=NOW, ids=[row.id])
    assert [(r.field, "declared" in r.reason) for _, r in report.rejected] == [("fact_type", True)]
    report = served.quarantine.retry(
        writer.submit, types, actor="mender", resolved_at=NOW, ids=[row.id], raw_override={row.id: mended}
    )
    assert (report.accepted, report.rejected) == (1, ())
    [recorded] = [s for _, _, name, s in served.books.log() if name == "FactRecorded" and s["external_id"] == "dead1"]
    assert recorded["actor"] == "mender"
    assert row.id not in {r.id for r in served.quarantine.list(limit=1_000)}


def test_messages_whose_ids_are_refused_are_kept_apart_each_with_its_id(nats_url: str, served: Ledger) -> None:
    ids = ["编号", "x" * 201, "y" * 2_000]
    told = [*ids[:2], "y" * 1_000 + "…"]
    stream = stream_name_dead(served.name)

    async def work(sender: Sender, _: Inbound) -> None:
        jetstream = sender.client.jetstream()
        await jetstream.add_stream(StreamConfig(name=stream, subjects=[dead_subject(served.name)]))
        try:
            letters = await sender.client.subscribe(dead_subject(served.name))
            for message_id, shown in zip([*ids, *ids], [*told, *told], strict=True):
                [answer] = await sender.send(login("ids"), message_id=message_id)
                assert (answer["code"], answer["field"]) == ("KEY_INVALID", "Nats-Msg-Id")
                assert (await letters.next_msg(timeout=10)).headers["Plumbline-Message-Id"] == shown
            # The same again is the same letter; of the same fact under three ids there are three.
            assert (await jetstream.stream_info(stream)).state.messages == 3
            [answer] = await sender.send(login("ids alone"), message_id="号")
            assert answer["status"] == "refused"
        finally:
            await jetstream.delete_stream(stream)

    talk(nats_url, served, work)
    # The quarantine keeps the fact once, as it came first.
    kept = [r.file for r in served.quarantine.list(limit=1_000) if r.field == "Nats-Msg-Id" and "ids" in str(r.raw)]
    assert kept == ["message 编号", "message 号"]


@pytest.mark.parametrize("day", ["2030-01-01", "2026-02-30"])
def test_a_letter_and_a_kept_row_name_the_field_as_the_message_has_it(nats_url: str, served: Ledger, day: str) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        letters = await sender.client.subscribe(dead_subject(served.name))
        [refused] = await sender.send(login("dated", occurred_at=day), message_id=day)
        assert refused["field"] == "occurred_at"
        letter = await letters.next_msg(timeout=10)
        assert letter.headers["Plumbline-Field"] == "occurred_at"

    talk(nats_url, served, work)
    [row] = [r for r in served.quarantine.list(limit=1_000) if r.file == f"message {day}"]
    assert row.field == "occurred_at"
    types = served.books.state.book.fact_types.get
    report = served.quarantine.retry(served.books.writer.submit, types, actor="mender", resolved_at=NOW, ids=[row.id])
    assert [rejection.field for _, rejection in report.rejected] == ["occurred_at"]
    assert [r.field for r in served.quarantine.list(limit=1_000) if r.id == row.id] == ["occurred_at"]


def test_while_nobody_writes_the_sender_is_told_to_come_again_and_nothing_is_kept(
    nats_url: str, served: Ledger
) -> None:
    kept = len(served.quarantine.list(limit=1_000))

    async def work(sender: Sender, inbound: Inbound) -> None:
        served.fails = WriterUnavailable("no process writes")
        [again] = await sender.send(login("w1"), message_id="w")
        assert (again["status"], again["code"]) == ("again", "WRITER_UNAVAILABLE")
        body = b"\n".join([orjson.dumps(login("w2")), b"{"])
        assert [a["status"] for a in await sender.send(body, Content_Type=LINES)] == ["again", "again"]
        served.fails = None
        [accepted] = await sender.send(login("w1"), message_id="w")
        assert accepted["status"] == "accepted" and "hit" not in accepted
        assert inbound.counts[served.name, "again"] == 3

    talk(nats_url, served, work)
    assert len(served.quarantine.list(limit=1_000)) == kept


def test_a_message_without_a_reply_subject_is_carried_out_and_no_other_subject_than_an_inbox_is_answered(
    nats_url: str, served: Ledger
) -> None:
    async def work(sender: Sender, inbound: Inbound) -> None:
        subject = f"{facts_subject(served.name)}.erp"
        heard: list[Msg] = []

        async def hear(message: Msg) -> None:
            heard.append(message)

        # Who may send facts must not get the service to publish elsewhere, such as among the events of the stream.
        await sender.client.subscribe("plumbline.forged.>", cb=hear)
        await sender.client.publish(subject, orjson.dumps(login("r1")))
        await sender.client.publish(subject, orjson.dumps(login("r2")), reply="plumbline.forged.event")
        await sender.client.publish(subject, orjson.dumps(login("r3")), reply="$JS.API.STREAM.LIST")
        while inbound.counts[served.name, "accepted"] < 3:
            await asyncio.sleep(0.01)
        assert (await sender.send(login("r4")))[0]["status"] == "accepted"
        await sender.client.flush()
        assert heard == []

    talk(nats_url, served, work)


def test_a_ledger_that_goes_while_the_broker_is_away_is_heard_no_more_and_one_that_comes_is(
    tmp_path: Path, served: Ledger
) -> None:
    async def work() -> None:
        gone = Ledger(f"{served.name}gone", served.books, served.schema, served.database_url)
        ledgers = Ledgers(gone)
        inbound = Inbound(ledgers, broker.url, ApiSettings())
        inbound.start()
        client: Any = Client()
        try:
            async with asyncio.timeout(30):
                while inbound.taking != {gone.name}:
                    await asyncio.sleep(0.01)
                broker.kill()
                while inbound.taking:
                    await asyncio.sleep(0.01)
                ledgers.ledgers = (served,)
                await asyncio.sleep(2 * inbound_module.WATCH_SECONDS)
                broker.start()
                while inbound.taking != {served.name}:
                    await asyncio.sleep(0.01)
            await client.connect(broker.url)
            with pytest.raises(NoRespondersError):
                await Sender(client, gone.name).send(login("away0"))
            [answer] = await Sender(client, served.name).send(login("away1"))
            assert answer["status"] == "accepted"
        finally:
            await client.close()
            await inbound.stop()

    with nats_server(tmp_path) as broker:
        asyncio.run(work())


def test_each_message_goes_to_one_of_many_processes_and_what_one_has_begun_it_finishes(
    nats_url: str, served: Ledger
) -> None:
    second = Inbound(Ledgers(served), nats_url, ApiSettings())

    async def work(sender: Sender, first: Inbound) -> None:
        head = served.books.position
        sent = [asyncio.create_task(sender.send(login(f"p{n}"), message_id=f"p{n}")) for n in range(60)]
        await asyncio.sleep(0)
        await first.stop()
        answers = [answer for task in sent for answer in await task]
        assert {a["status"] for a in answers} == {"accepted"}
        assert len({a["position"] for a in answers}) == 60
        recorded = [s for _, _, name, s in served.books.log(head) if name == "FactRecorded"]
        assert len(recorded) == 60
        taken = [inbound.counts[served.name, "accepted"] for inbound in (first, second)]
        assert sum(taken) == 60 and min(taken) > 0
        assert sum(sum(inbound.counts.values()) for inbound in (first, second)) == 60

    talk(nats_url, served, work, [second])


def test_headers_that_the_library_cannot_read_stop_nobody_for_long(
    nats_url: str, served: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_module, "PING_SECONDS", 0.2)

    async def work(sender: Sender, _: Inbound) -> None:
        # The client would refuse to send such headers; the broker passes them on.
        headers = b"NATS/1.0 \xff\xff\xff\r\n\r\n"
        head = f"HPUB {facts_subject(served.name)} {len(headers)} {len(headers) + 2}\r\n".encode()
        await sender.client._send_command(head + headers + b"{}\r\n")
        await sender.client.flush()
        async with asyncio.timeout(30):
            while True:
                try:
                    [taken] = await sender.send(login("after headers"), message_id="h")
                    break
                except (NoRespondersError, TimeoutError):
                    await asyncio.sleep(0.05)
        assert taken["status"] == "accepted"

    # A message that comes while it doesn't read is lost, as core NATS may lose any; whoever wasn't answered sends it again.
    monkeypatch.setattr(Sender, "TIMEOUT_SECONDS", 1.0)
    talk(nats_url, served, work)


def test_the_program_that_the_page_shows_sends_a_fact(
    nats_url: str, served: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLUMBLINE_NATS_URL", nats_url)
    page = (Path(__file__).parents[2] / "docs" / "streams.md").read_text("utf-8").partition("## Sending facts")[2]
    [program, *_] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    async def work(_: Sender, __: Inbound) -> None:
        code = compile(program.replace("plumbline.main.", f"plumbline.{served.name}."), "streams.md", "exec")
        await asyncio.to_thread(exec, code, {"__name__": "__main__"})

    talk(nats_url, served, work)
    assert capsys.readouterr().out == "accepted\n"


def test_nobody_takes_facts_of_a_ledger_that_is_not_there(nats_url: str, served: Ledger) -> None:
    async def work(sender: Sender, _: Inbound) -> None:
        with pytest.raises(NoRespondersError):
            await Sender(sender.client, "nowhere").send(login("x"))

    talk(nats_url, served, work)


def test_under_the_generated_permissions_a_sender_is_held_to_its_own_name_and_answered(
    served: Ledger, tmp_path: Path
) -> None:
    parties = [Party("crm", sends=(served.name,)), Party("erp", sends=(served.name,))]
    logins = logins_of(users_of(parties))

    async def work(address: str) -> None:
        async with connected(address, "operations") as operations, connected(address, "crm") as crm:
            stream = stream_name_dead(served.name)
            dead = operations.client.jetstream()
            await dead.add_stream(StreamConfig(name=stream, subjects=[dead_subject(served.name)]))
            inbound = Inbound(Ledgers(served), url_of(address, "service"), ApiSettings())
            inbound.start()
            try:
                while not inbound.taking:
                    await asyncio.sleep(0.01)
                sender = Sender(crm.client, served.name)
                # A plain subject is made its own by the broker.
                for number, subject in enumerate(("crm", "")):
                    [taken] = await sender.send(login(f"guarded{number}"), sender=subject)
                    assert taken["status"] == "accepted"
                [refused] = await sender.send(login("guarded2", fact_type="logn"), sender="crm")
                assert refused["status"] == "refused"
                assert (await dead.get_msg(stream, 1)).headers["Plumbline-Sender"] == "crm"
                with pytest.raises((NoRespondersError, TimeoutError)):
                    await crm.client.request(facts_subject_of(served.name, "erp"), b"{}", timeout=0.5)
                assert any("permissions violation" in told for told in crm.told)
            finally:
                await inbound.stop()

    with nats_guarded(tmp_path, account_file(accounts_of(parties, logins))) as address:
        asyncio.run(work(address))
    states = [s for _, _, name, s in served.books.log() if name == "FactRecorded"]
    assert [s["actor"] for s in states if s["external_id"].startswith("guarded")] == ["nats:crm", "nats:crm"]
