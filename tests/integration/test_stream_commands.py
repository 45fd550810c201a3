"""The commands about permissions, subscribers, checking and rebuilding, on a server with the file that they generate."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from plumbline_client.subscribing import LedgerEvent, Subscriber, Subscription
from plumbline_client.subscribing.sqlite import SqlitePositions
from typer.testing import CliRunner, Result

from api.settings import ApiSettings
from ledger.domain.commands import RegisterCustomer, Request
from ledger.domain.errors import LedgerMissing, Refused
from service.bootstrap import ledger_open
from service.commands.streams import guarding, standing
from service.embedded import nats_relay_url
from service.serving import ledgers
from service.serving.gate import Gate
from service.serving.inbound import Inbound
from service.serving.ledgers import LedgersServed
from service.serving.roles import Role
from service.settings import Settings
from streams import checking
from streams.connection import nats_connected
from streams.faults import StreamMissing
from streams.permissions import (
    API_DOMAIN,
    OURS,
    Login,
    Party,
    account_file,
    accounts_of,
    logins_made,
    logins_read,
    users_of,
)
from streams.relay import Relay
from streams.setup import streams_setup
from streams.subscribers import subjects_of, subscriber_create
from tests.ledgers import books_open, fact
from tests.nats_guarded import Wire, logins_of, nats_guarded, url_of
from tests.serving import serving_of

Run = Callable[..., Result]
APP = typer.Typer()
guarding.register(APP)
standing.register(APP)


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `plumbline streams` in this process, at the server of `nats`."""

    def plumbline(*arguments: str, nats: str = "nats://127.0.0.1:1") -> Result:
        monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("PLUMBLINE_DATABASE_URL", database_url)
        monkeypatch.setenv("PLUMBLINE_NATS_URL", nats)
        return CliRunner().invoke(APP, list(arguments))

    return plumbline


@dataclass(frozen=True)
class Guarded:
    """A ledger on a server with the generated file."""

    ledger: str
    head: int
    urls: dict[str, str]


@pytest.fixture(scope="module")
def guarded(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A relay has brought the ledger's events to its stream, under the relay's own account."""
    folder = tmp_path_factory.mktemp("commands")
    ledger = f"guarded_{secrets.token_hex(3)}"
    file = folder / "accounts.conf"
    made = CliRunner().invoke(
        APP, ["permissions", "--subscriber", "billing", "--sender", f"crm@{ledger}", "--ledger", ledger, "--out", str(file)]
    )
    assert made.exit_code == 0, made.output
    logins = logins_read(file.read_bytes())
    with (
        nats_guarded(folder, file.read_bytes()) as address,
        books_open(database_url, f"ledger_{ledger}") as books,
    ):
        books.register("K1", "K2", "K3")
        books.send(*(fact(f"f{n}", "login", "2026-10-05", f"C-00000{n % 3 + 1}") for n in range(9)))
        urls = {user: f"nats://{user}:{login.password}@{address}" for user, login in logins.items()}

        async def relayed() -> None:
            async with nats_connected(urls["operations"], "test") as connection:
                await streams_setup(connection, ledger)
            await Relay(ledger, f"ledger_{ledger}", database_url, urls["relay"]).run_until(books.position)

        asyncio.run(relayed())
        yield Guarded(ledger, books.position, urls)


def test_the_whole_way_under_the_generated_accounts(run: Run, guarded: Guarded) -> None:
    of = ("--ledger", guarded.ledger, "--json")
    operations, relay = guarded.urls["operations"], guarded.urls["relay"]
    made = run("subscribers", "create", "billing", "--types", "PointsGranted", "--customers", "C-000001,C-000002", *of, nats=operations)
    assert made.exit_code == 0, made.output
    root = f"plumbline.{guarded.ledger}.event.PointsGranted"
    assert orjson.loads(made.output)[0]["subjects"] == [f"{root}.C-000001", f"{root}.C-000002"]

    # The subscriber, by the usual client, with nothing but its URL and its inbox.
    async def follow() -> list[str]:
        async with nats_connected(guarded.urls["billing"], "billing") as connection:
            js = connection.client.jetstream()
            fetching = await js.pull_subscribe_bind(durable="billing", stream=f"PLUMBLINE_{guarded.ledger}")
            messages = await fetching.fetch(2, timeout=5)
            for message in messages:
                await message.ack_sync(timeout=5)
            return [message.headers["ce-subject"] for message in messages]

    assert set(asyncio.run(follow())) <= {"C-000001", "C-000002"}
    # The relay's account is enough to check, as it does every night.
    for url in (relay, operations):
        checked = run("check", *of, nats=url)
        assert checked.exit_code == 0, checked.output
        document = orjson.loads(checked.output)
        assert document["sound"] and document["stream"]["count"] == guarded.head and document["findings"] == []
    [before] = orjson.loads(run("subscribers", "list", *of, nats=operations).output)
    rebuilt = run("rebuild", "--yes", *of, nats=operations)
    assert rebuilt.exit_code == 0, rebuilt.output
    document = orjson.loads(rebuilt.output)
    assert document["events"] == guarded.head
    assert document["subscribers"] == [{"name": "billing", "after": before["acked"], "problem": ""}]
    assert [before] == orjson.loads(run("subscribers", "list", *of, nats=operations).output)
    assert orjson.loads(run("check", *of, nats=relay).output) == orjson.loads(checked.output)
    nothing = run("check", "--from", str(guarded.head + 1), *of, nats=relay)
    assert isinstance(nothing.exception, Refused) and nothing.exception.code == "POSITION_INVALID"
    assert run("subscribers", "remove", "billing", *of, nats=operations).exit_code == 0
    assert orjson.loads(run("subscribers", "list", *of, nats=operations).output) == []


def test_in_words_for_people(run: Run, guarded: Guarded) -> None:
    of = ("--ledger", guarded.ledger)
    url = guarded.urls["operations"]
    assert f"{guarded.head} / {guarded.head} in log and stream, 0 not relayed yet: the stream is what the log says." in " ".join(
        run("check", *of, nats=url).output.split()
    )
    assert "一致" in run("check", "--language", "zh", *of, nats=url).output
    assert "warehouse" in run("subscribers", "create", "warehouse", *of, nats=url).output
    unasked = run("rebuild", *of, nats=url)  # no terminal: nobody can say yes
    assert isinstance(unasked.exception, Refused) and unasked.exception.code == "USAGE" and "--yes" in str(unasked.exception)
    said = run("rebuild", "--yes", *of, nats=url).output
    assert f"Rebuilt: {guarded.head} events" in said and "Subscriber warehouse: goes on after position 0" in said
    assert "Removed" in run("subscribers", "remove", "warehouse", *of, nats=url).output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("permissions", "--subscriber", "relay"), "PARTY_INVALID"),
        (("permissions", "--subscriber", "a.b"), "PARTY_INVALID"),
        (("permissions", "--subscriber", "a", "--subscriber", "a@main"), "PARTY_INVALID"),
        (("permissions", "--sender", "a@Main"), "LEDGER_INVALID"),
        (("permissions", "--ledger", "x>", "--sender", "a"), "LEDGER_INVALID"),
        (("permissions", "--sender", "a@"), "LEDGER_INVALID"),
        (("permissions", "--subscriber", "@main"), "PARTY_INVALID"),
        (("permissions", "--renew", "relay"), "PARTY_INVALID"),
        (("permissions", "--nkey", "nobody=UX"), "NKEY_INVALID"),
        (("permissions", "--nkey", "relay=SUAAAA"), "NKEY_INVALID"),
        (("permissions", "--nkey", "relay"), "NKEY_INVALID"),
        (("subscribers", "create", "a", "--types", "Nonsense"), "EVENT_TYPE_UNKNOWN"),
        (("subscribers", "create", "a", "--customers", "C-000001,K1"), "CUSTOMER_INVALID"),
        (("subscribers", "list", "--ledger", "*"), "LEDGER_INVALID"),
        (("check", "--ledger", "nowhere_at_all"), "LEDGER_UNKNOWN"),
        (("rebuild", "--json", "--ledger", "guarded"), "LEDGER_UNKNOWN"),
        (("setup", "--ledger", "nowhere_at_all"), "LEDGER_UNKNOWN"),
        (("setup", "--replicas", "2"), "USAGE"),
        (("setup", "--replicas", "4"), "USAGE"),
        (("setup", "--replicas", "7"), ""),
        (("status", "--ledger", "nowhere_at_all"), "LEDGER_UNKNOWN"),
        (("check", "--from", "0"), ""),
        (("check", "--to", str(2**70)), ""),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_words(run: Run, arguments: tuple[str, ...], code: str) -> None:
    done = run(*arguments)
    assert done.exit_code != 0
    if code:
        assert isinstance(done.exception, Refused | LedgerMissing) and done.exception.code == code


def test_a_subscriber_of_a_ledger_that_is_not_there_and_of_one_without_a_stream_are_told_apart(
    run: Run, database_url: str, guarded: Guarded
) -> None:
    url = guarded.urls["operations"]
    unknown = run("subscribers", "create", "billing", "--ledger", "nowhere_at_all", nats=url)
    assert isinstance(unknown.exception, LedgerMissing) and unknown.exception.code == "LEDGER_UNKNOWN"
    ledger = f"bare_{secrets.token_hex(3)}"
    with books_open(database_url, f"ledger_{ledger}"):
        missing = run("subscribers", "create", "billing", "--ledger", ledger, nats=url)
    assert isinstance(missing.exception, StreamMissing) and "plumbline streams setup" in str(missing.exception)


def test_a_check_where_nothing_was_relayed_yet_tells_to_relay_and_not_to_rebuild(
    run: Run, database_url: str, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MOVES_SECONDS", 0.2)
    of = ("--ledger", ledger := f"bare_{secrets.token_hex(3)}")
    url = guarded.urls["operations"]
    with books_open(database_url, f"ledger_{ledger}") as books:
        assert run("setup", *of, nats=url).exit_code == 0
        head = books.position
        said, zh = run("check", *of, nats=url), run("check", *of, "--language", "zh", nats=url)
    assert (said.exit_code, zh.exit_code) == (1, 1)
    words = " ".join(said.output.split())
    assert f"The stream is empty, {head} not relayed yet: nobody relays them; run `plumbline serve`" in words
    assert "1 to 0" not in words and "rebuild" not in words
    assert "事件流为空" in zh.output and "plumbline serve" in zh.output and "rebuild" not in zh.output


@pytest.mark.parametrize("command", ["setup", "status"])
def test_where_there_is_no_ledger_yet_it_is_said_and_no_stream_is_made(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def none(settings: Settings) -> list[str]:
        return []

    monkeypatch.setattr(standing, "ledger_names", none)
    # No server listens there: nothing is asked of one.
    done = run(command)
    assert done.exit_code == 1 and isinstance(done.exception, LedgerMissing)
    assert "no ledgers yet" in str(done.exception) and "plumbline serve" in str(done.exception)


def test_passwords_are_kept_until_renewed_and_who_is_not_named_is_gone(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "accounts.conf"
    assert run("permissions", "--subscriber", "billing", "--sender", "crm", "--out", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = logins_read(file.read_bytes())
    assert {*first} == {*OURS, "billing", "crm"} and len({login.password for login in first.values()}) == 6
    assert all(len(login.password) >= 43 for login in first.values())
    said = run("permissions", "--subscriber", "billing", "--subscriber", "notifier", "--renew", "relay", "--out", str(file))
    assert said.exit_code == 0 and not any(login.password in said.output for login in first.values())
    second = logins_read(file.read_bytes())
    assert {*second} == {*OURS, "billing", "notifier"}
    assert {n for n in first if n in second and first[n] == second[n]} == {"operations", "service", "operator", "billing"}
    document = orjson.loads(run("permissions", "--subscriber", "billing", "--out", str(file), "--json").output)
    assert document["file"] == str(file) and "accounts" not in document
    assert {"name": "billing", "login": "password", "inbox_prefix": "_INBOX_billing"} in document["users"]
    assert b'"accounts"' in run("permissions").output.encode()
    file.write_text("accounts {}", "utf-8")
    refused = run("permissions", "--out", str(file))
    assert isinstance(refused.exception, Refused) and refused.exception.code == "ACCOUNT_FILE_INVALID"
    assert file.read_text("utf-8") == "accounts {}"


def test_a_user_may_come_in_by_signing_with_its_nkey(tmp_path: Path) -> None:
    seed = Ed25519PrivateKey.generate()
    body = bytes([20 << 3]) + seed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    nkey = base64.b32encode(body + binascii.crc_hqx(body, 0).to_bytes(2, "little")).decode().rstrip("=")
    parties = [Party("billing", follows=("main",))]
    logins = logins_made(users_of(parties), {}, {"billing": nkey})
    assert logins["billing"] == Login(nkey=nkey)
    file = account_file(accounts_of(parties, logins))
    assert logins_read(file) == logins
    with nats_guarded(tmp_path, file) as address:

        def signed(key: Ed25519PrivateKey) -> Wire:
            def connect(greeting: dict[str, Any]) -> dict[str, object]:
                signature = base64.urlsafe_b64encode(key.sign(greeting["nonce"].encode())).decode().rstrip("=")
                return {"nkey": nkey, "sig": signature}

            return Wire(address, connect)

        wire = signed(seed)
        assert wire.refused == []
        assert wire.may_publish("$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.billing", b"{}", "_INBOX_billing.x")
        assert not wire.may_publish("$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.crm", b"{}")
        assert signed(Ed25519PrivateKey.generate()).refused != []


async def _facts_come_in(address: str, ledger: str, served: LedgersServed) -> None:
    """A sender's fact is recorded and answered; what is refused of it is kept where an operator reads it."""
    inbound = Inbound(served, url_of(address, "service"), ApiSettings())
    inbound.start()
    try:
        async with asyncio.timeout(30):
            while ledger not in inbound.taking:
                await asyncio.sleep(0.05)
        async with nats_connected(url_of(address, "crm"), "crm") as connection:
            fact = {
                "source": "crm", "external_id": "L-1", "fact_type": "login", "occurred_at": "2026-10-05",
                "customer": {"source": "crm", "reference": "N1"}, "attributes": {},
                "registration": {"source": "crm", "reference": "N1", "name": "新客户"},
            }  # fmt: skip
            for external_id, fact_type, status in (("L-1", "login", "accepted"), ("L-2", "nonsense", "refused")):
                body = orjson.dumps({**fact, "external_id": external_id, "fact_type": fact_type})
                answer = await connection.client.request(f"plumbline.{ledger}.facts", body, timeout=20)
                assert orjson.loads(answer.data)["status"] == status, answer.data
        async with nats_connected(url_of(address, "operator"), "operator") as connection:
            letter = await connection.client.jetstream(domain=API_DOMAIN).get_msg(f"PLUMBLINE_{ledger}_DEAD", 1)
        assert letter.headers is not None and letter.headers["Plumbline-Sender"] == "crm"
    finally:
        await inbound.stop()


async def _followed(url: str, ledger: str, folder: Path) -> list[str]:
    """The types of events that a service has taken with our own client, which asks for everything under its domain."""
    found: list[str] = []

    def take(event: LedgerEvent, transaction: object) -> None:
        found.append(event.type)
        if len(found) == 1_001:
            subscriber.stop()

    store = SqlitePositions(folder / "billing.db")
    subscription = Subscription(ledger, "billing", types=("CustomerRegistered",))
    subscriber = Subscriber(subscription, store, url=url, handler=take, batch_events_max=100, domain=API_DOMAIN)
    async with asyncio.timeout(30):
        await subscriber.run()
    return found


def test_a_service_writes_under_its_own_account_and_relays_under_the_relays(
    settings: Settings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes: one holds the lease and relays, another sends a command to it; a subscriber gets what came of it."""
    ledger = f"g{secrets.token_hex(4)}"
    with ledger_open(settings, ledger, "alice", create=True):
        pass
    monkeypatch.setattr(ledgers, "ledger_names", lambda settings: [ledger])
    parties = [Party("billing", follows=(ledger,)), Party("crm", sends=(ledger,))]
    logins = logins_of(users_of(parties))

    async def work(address: str) -> None:
        async with nats_connected(url_of(address, "operations"), "test") as connection:
            await streams_setup(connection, ledger)
            await subscriber_create(connection, ledger, "billing", subjects_of(ledger, ["CustomerRegistered"], []))
        service, relay = url_of(address, "service"), url_of(address, "relay")
        outside = replace(settings, database_url=database_url, nats_url=service, nats_relay_url=relay)
        holder, sender = Gate(service), Gate(service)
        served = LedgersServed(
            outside, serving_of(Role.WRITER, Role.RELAY), database_url, nats_relay_url(outside), holder
        )
        holder.start()
        await sender.connect(10)
        await served.start()
        try:
            async with asyncio.timeout(30):
                while not await sender.ping(ledger):
                    await asyncio.sleep(0.05)
            # Large enough to go in several pieces.
            requests = [Request(RegisterCustomer("crm", f"K{n}", "建设集团" * 40), "bob") for n in range(1_000)]
            assert {a.status for a in await sender.submit(ledger, requests)} == {"accepted"}
            await _facts_come_in(address, ledger, served)
            assert await _followed(url_of(address, "billing"), ledger, tmp_path) == ["CustomerRegistered"] * 1_001
        finally:
            await served.stop()
            await sender.close()
            await holder.close()

    with nats_guarded(tmp_path, account_file(accounts_of(parties, logins))) as address:
        asyncio.run(work(address))
