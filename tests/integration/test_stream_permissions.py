"""Who may do what at a NATS server with the generated account file: every verb, tried by every user.

The table below is the only place that says who may; everything else that anybody can do must be refused. It is written
by hand, apart from the code that generates the file.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError, NoRespondersError
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import APIError

from streams.permissions import API_DOMAIN, Party, account_file, accounts_of, users_of
from tests.nats_guarded import As, Wire, connected, logins_of, nats_guarded

PARTIES = [
    Party("billing", follows=("main",)),
    Party("warehouse", follows=("main", "training")),
    Party("crm", sends=("main",)),
    Party("erp", follows=("training",), sends=("main", "training")),
]
USERS = users_of(PARTIES)
OPERATIONS, OPERATOR = "operations", "operator"

# What is said or asked, and who may; nobody else.
PUBLISH: dict[str, str] = {
    # The ledger's own subjects.
    "plumbline.main.event.PointsGranted.C-000001": "operations relay",
    "plumbline.training.event.DayClosed._": "operations relay",
    "plumbline.main.event": "",
    "plumbline.main.commands": "service",
    "plumbline.main.holder": "service",
    "plumbline.main.dead": "service",
    "plumbline.main.facts": "crm erp",
    "plumbline.main.facts.crm": "crm",
    "plumbline.main.facts.erp": "erp",
    "plumbline.training.facts": "erp",
    "plumbline.training.facts.erp": "erp",
    "plumbline.training.facts.crm": "",
    "plumbline.main.facts.crm.more": "",
    "plumbline": "",
    "anything": "",
    # Other people's inboxes, and what the server answers by.
    **{f"_INBOX_{user}.token.1": "" for user in USERS},
    "_INBOX.token.1": "",
    "_R_.abcdef.ghijkl": "",
    "_GR_.abcdef.ghijkl": "",
    # Durables: the next messages, acknowledging, how one stands. The last number in an acknowledgement is what is pending.
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.billing": "operations billing",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.warehouse": "operations warehouse",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_training.warehouse": "operations warehouse",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_training.billing": "operations",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_training.erp": "operations erp",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.erp": "operations",
    "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main_DEAD.billing": "operations",
    "$JS.API.CONSUMER.INFO.PLUMBLINE_main.billing": "operations",
    "$JS.plumbline.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.billing": "billing",
    "$JS.plumbline.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.warehouse": "warehouse",
    "$JS.plumbline.API.CONSUMER.INFO.PLUMBLINE_main.billing": "billing operator",
    "$JS.plumbline.API.CONSUMER.INFO.PLUMBLINE_main.warehouse": "warehouse operator",
    "$JS.plumbline.API.CONSUMER.INFO.PLUMBLINE_training.erp": "erp operator",
    "$JS.ACK.PLUMBLINE_main.billing.1.1.1.1795650322464988803.2": "billing",
    "$JS.ACK.PLUMBLINE_main.warehouse.1.1.1.1795650322464988803.2": "warehouse",
    "$JS.ACK.PLUMBLINE_training.billing.1.1.1.1795650322464988803.2": "",
    "$JS.ACK._.PCkdMsX1.PLUMBLINE_main.billing.1.1.1.1795650322464988803.2": "billing",
    "$JS.ACK._.PCkdMsX1.PLUMBLINE_main.warehouse.1.1.1.1795650322464988803.2": "warehouse",
    "$JS.ACK.PLUMBLINE_main.billing": "",
    # Reading streams.
    "$JS.API.STREAM.INFO.PLUMBLINE_main": "operations relay",
    "$JS.API.STREAM.MSG.GET.PLUMBLINE_main": "operations relay",
    "$JS.API.STREAM.MSG.GET.PLUMBLINE_main_DEAD": "operations relay",
    "$JS.API.DIRECT.GET.PLUMBLINE_main": "operations",
    "$JS.API.DIRECT.GET.PLUMBLINE_main.plumbline.main.event.PointsGranted.C-000001": "operations",
    "$JS.plumbline.API.STREAM.INFO.PLUMBLINE_main": "operator",
    "$JS.plumbline.API.STREAM.MSG.GET.PLUMBLINE_main_DEAD": "operator",
    "$JS.plumbline.API.DIRECT.GET.PLUMBLINE_main": "operator",
    "$JS.plumbline.API.INFO": "operator",
    "$JS.plumbline.API.STREAM.NAMES": "operator",
    "$JS.plumbline.API.STREAM.LIST": "operator",
    "$JS.plumbline.API.CONSUMER.NAMES.PLUMBLINE_main": "operator",
    "$JS.plumbline.API.CONSUMER.LIST.PLUMBLINE_main": "operator",
    # Everything else of JetStream: operations alone, and nobody under the other prefix.
    **{
        f"$JS.{prefix}{verb}": who
        for verb in (
            "STREAM.CREATE.PLUMBLINE_main", "STREAM.UPDATE.PLUMBLINE_main", "STREAM.DELETE.PLUMBLINE_main",
            "STREAM.PURGE.PLUMBLINE_main", "STREAM.MSG.DELETE.PLUMBLINE_main", "STREAM.SNAPSHOT.PLUMBLINE_main",
            "STREAM.RESTORE.PLUMBLINE_main", "STREAM.PEER.REMOVE.PLUMBLINE_main", "STREAM.LEADER.STEPDOWN.PLUMBLINE_main",
            "STREAM.CREATE.OTHER", "STREAM.TEMPLATE.CREATE.OTHER", "STREAM.DELETE.PLUMBLINE_main_DEAD",
            "CONSUMER.CREATE.PLUMBLINE_main", "CONSUMER.CREATE.PLUMBLINE_main.billing",
            "CONSUMER.CREATE.PLUMBLINE_main.billing.plumbline.main.event.>",
            "CONSUMER.DURABLE.CREATE.PLUMBLINE_main.billing", "CONSUMER.DELETE.PLUMBLINE_main.billing",
            "CONSUMER.DELETE.PLUMBLINE_main.warehouse", "CONSUMER.PAUSE.PLUMBLINE_main.billing",
            "CONSUMER.RESET.PLUMBLINE_main.billing", "CONSUMER.UNPIN.PLUMBLINE_main.billing",
            "CONSUMER.LEADER.STEPDOWN.PLUMBLINE_main.billing",
            "META.LEADER.STEPDOWN", "SERVER.REMOVE", "ACCOUNT.PURGE.PLUMBLINE",
            "ACCOUNT.STREAM.MOVE.PLUMBLINE.PLUMBLINE_main",
        )
        for prefix, who in (("API.", OPERATIONS), ("plumbline.API.", ""), ("hub.API.", ""))
    },
    **{
        f"$JS.API.{verb}": OPERATIONS
        for verb in ("INFO", "STREAM.NAMES", "STREAM.LIST", "CONSUMER.NAMES.PLUMBLINE_main", "CONSUMER.LIST.PLUMBLINE_main")
    },
    "$JS.hub.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.billing": "",
    "$JS.hub.API.STREAM.INFO.PLUMBLINE_main": "",
    "$JS.FC.PLUMBLINE_main.billing.token": "",
    "$JS.EVENT.ADVISORY.CONSUMER.CREATED.PLUMBLINE_main.billing": "",
    "$KV.bucket.key": "",
    "$O.bucket.C.key": "",
    # The server's own.
    "$SYS.REQ.USER.INFO": "",
    "$SYS.REQ.SERVER.PING": "",
    "$SYS.REQ.SERVER.PING.JSZ": "",
    "$SYS.REQ.ACCOUNT.PING.CONNZ": "",
    "$SYS.REQ.ACCOUNT.PLUMBLINE.CLAIMS.UPDATE": "",
    "$SYS.REQ.SERVER.RELOAD": "",
}
SUBSCRIBE: dict[str, str] = {
    ">": "",
    "*": "",
    "*.*.>": "",
    "$JS.>": "",
    "$JS.API.>": "",
    "$JS.ACK.>": "",
    "$JS.ACK.PLUMBLINE_main.billing.>": "",
    "$JS.EVENT.>": "",
    "$JS.FC.>": "",
    "$JSC.>": "",
    "$SYS.>": "",
    "$SYS.ACCOUNT.>": "",
    "$NRG.>": "",
    "$KV.>": "",
    "_R_.>": "",
    "_INBOX.>": "",
    "_INBOX.token.*": "",
    **{f"_INBOX_{user}.>": user for user in USERS},
    **{f"_INBOX_{user}.token.*": user for user in USERS},
    "plumbline.>": "",
    "plumbline.*.>": "",
    "plumbline.main.>": "",
    "plumbline.*.event.>": "operator",
    "plumbline.main.event.>": "operator",
    "plumbline.main.event.PointsGranted.C-000001": "operator",
    "plumbline.training.event.>": "operator",
    "plumbline.main.dead": "",
    "plumbline.main.commands": "service",
    "plumbline.*.commands": "service",
    "plumbline.main.holder": "service",
    "plumbline.main.facts": "service",
    "plumbline.main.facts.*": "service",
    "plumbline.main.facts.crm": "service",
    # To the server, a last `>` is one more name that `*` stands for. Nobody publishes below a sender's subject.
    "plumbline.main.facts.>": "service",
}


def unexpected(findings: set[str]) -> list[str]:
    """What was allowed and ought not be, and what was refused and ought not be."""
    allowed = {f"{user} publish {s}" for s, who in PUBLISH.items() for user in who.split()}
    allowed |= {f"{user} subscribe {s}" for s, who in SUBSCRIBE.items() for user in who.split()}
    return sorted([f"allowed: {f}" for f in findings - allowed] + [f"refused: {f}" for f in allowed - findings])


def everything_tried(address: str, users: list[str]) -> set[str]:
    """Everything that these users may, of all that is in the tables."""
    found: set[str] = set()
    for user in users:
        wire = Wire.of(address, user)
        found |= {f"{user} publish {subject}" for subject in PUBLISH if wire.may_publish(subject, b"{}")}
        for subject in SUBSCRIBE:
            alone, together = wire.may_subscribe(subject), wire.may_subscribe(subject, "workers")
            assert alone == together, subject
            if alone:
                found.add(f"{user} subscribe {subject}")
        wire.close()
    return found


def accounts() -> dict[str, Any]:
    """The accounts, with passwords that the test knows."""
    return accounts_of(PARTIES, logins_of(USERS))


@pytest.fixture(scope="module", params=["", "hub"], ids=["plain", "with a domain and acknowledgements of the second form"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the generated file. `hub` is the other server's domain."""
    folder = tmp_path_factory.mktemp("guarded")
    hub = bool(request.param)
    with nats_guarded(
        folder, account_file(accounts()), jetstream="domain: hub" if hub else "",
        more="feature_flags { js_ack_fc_v2: true }" if hub else "",
    ) as found:  # fmt: skip
        asyncio.run(_streams(found))
        yield found


async def _streams(address: str) -> None:
    async with connected(address, OPERATIONS) as operations:
        js = operations.client.jetstream()
        for ledger in ("main", "training"):
            name = f"PLUMBLINE_{ledger}"
            await js.add_stream(
                StreamConfig(name, subjects=[f"plumbline.{ledger}.event.>"], deny_delete=True, deny_purge=True, allow_direct=True)
            )
            await js.add_stream(StreamConfig(f"{name}_DEAD", subjects=[f"plumbline.{ledger}.dead"]))
            for durable in ("billing", "warehouse", "erp"):
                await js.add_consumer(name, ConsumerConfig(durable_name=durable, ack_policy=AckPolicy.EXPLICIT))


def test_everybody_may_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    assert len(PUBLISH) > 120 and len(SUBSCRIBE) > 40 and len(USERS) == 8
    with nats_guarded(tmp_path, account_file(accounts())) as address:
        assert unexpected(everything_tried(address, USERS)) == []


@pytest.mark.parametrize(
    ("account", "user", "direction", "subject", "told"),
    [
        ("PLUMBLINE-billing", "billing", "publish", "$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.*", "billing publish $JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_main.warehouse"),
        ("PLUMBLINE-crm", "crm", "subscribe", "_INBOX_billing.*.*", "crm subscribe _INBOX_billing.token.*"),
        ("PLUMBLINE", "relay", "publish", "$JS.API.STREAM.*.PLUMBLINE_main", "relay publish $JS.API.STREAM.DELETE.PLUMBLINE_main"),
    ],
)  # fmt: skip
def test_a_permission_that_is_too_wide_is_found(
    tmp_path: Path, account: str, user: str, direction: str, subject: str, told: str
) -> None:
    widened = copy.deepcopy(accounts())
    [entry] = [u for u in widened[account]["users"] if u["user"] == user]
    entry["permissions"][direction]["allow"].append(subject)
    with nats_guarded(tmp_path, account_file(widened)) as address:
        found = unexpected(everything_tried(address, [user]))
    assert f"allowed: {told}" in found


@asynccontextmanager
async def all_connected(address: str) -> AsyncIterator[dict[str, As]]:
    """Everybody at once."""
    async with AsyncExitStack() as stack:
        yield {user: await stack.enter_async_context(connected(address, user)) for user in USERS}


def run(address: str, work: Any) -> None:
    """Run a test's coroutine with everybody connected."""

    async def inside() -> None:
        async with all_connected(address) as everybody:
            await work(everybody)

    asyncio.run(inside())


def test_a_subscriber_fetches_and_acknowledges_its_own_durable(address: str) -> None:
    async def work(everybody: dict[str, As]) -> None:
        relay, billing = everybody["relay"], everybody["billing"]
        last = (await relay.client.jetstream().stream_info("PLUMBLINE_main")).state.last_seq
        for position in range(last + 1, last + 4):
            headers = {"Nats-Expected-Last-Sequence": str(position - 1), "ce-position": str(position)}
            ack = await relay.client.jetstream().publish("plumbline.main.event.PointsGranted.C-000001", b"{}", headers=headers)
            assert ack.seq == position
        # As it stands, and as clients do that name the domain.
        for domain in (None, API_DOMAIN):
            js = billing.client.jetstream(domain=domain)
            fetched = await js.pull_subscribe_bind(durable="billing", stream="PLUMBLINE_main")
            for message in await fetched.fetch(1, timeout=5):
                assert message.subject == "plumbline.main.event.PointsGranted.C-000001"
                assert message.headers["ce-position"] == str(message.metadata.sequence.stream)
                await message.ack_sync(timeout=5)
        info = await billing.client.jetstream(domain=API_DOMAIN).consumer_info("PLUMBLINE_main", "billing")
        assert info.ack_floor.stream_seq == last + 2 and info.num_pending == 1
        assert billing.told == relay.told == []

    run(address, work)


def test_an_operator_hears_events_and_reads_them_in_order(address: str) -> None:
    async def work(everybody: dict[str, As]) -> None:
        relay, operator = everybody["relay"], everybody[OPERATOR]
        live = await operator.client.subscribe("plumbline.*.event.>")
        await operator.settle()
        ack = await relay.client.jetstream().publish("plumbline.main.event.DayClosed._", b'{"day":1}')
        assert (await live.next_msg(5)).data == b'{"day":1}'
        js = operator.client.jetstream(domain=API_DOMAIN)
        assert (await js.stream_info("PLUMBLINE_main")).state.last_seq == ack.seq
        for direct in (False, True):
            assert (await js.get_msg("PLUMBLINE_main", ack.seq, direct=direct)).data == b'{"day":1}'
        assert {s.config.name for s in await js.streams_info()} >= {"PLUMBLINE_main", "PLUMBLINE_main_DEAD"}
        assert operator.told == []

    run(address, work)


def test_a_waiting_subscriber_is_handed_what_comes_later(address: str) -> None:
    async def work(everybody: dict[str, As]) -> None:
        js = everybody["erp"].client.jetstream()
        fetched = await js.pull_subscribe_bind(durable="erp", stream="PLUMBLINE_training")
        waiting = asyncio.create_task(fetched.fetch(1, timeout=10))
        await everybody["erp"].settle()
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await everybody["relay"].client.publish("plumbline.training.event.DayClosed._", b"{}")
        [message] = await waiting
        await message.ack_sync(timeout=5)

    run(address, work)


def test_a_sender_is_answered_and_comes_in_under_its_own_name(address: str) -> None:
    async def work(everybody: dict[str, As]) -> None:
        service, crm = everybody["service"], everybody["crm"]
        came: list[str] = []

        async def answer(message: Any) -> None:
            came.append(message.subject)
            await message.respond(b"taken")

        await service.client.subscribe("plumbline.*.facts", cb=answer)
        await service.client.subscribe("plumbline.*.facts.*", cb=answer)
        await service.settle()
        for subject in ("plumbline.main.facts", "plumbline.main.facts.crm"):
            assert (await crm.client.request(subject, b"{}", timeout=5)).data == b"taken"
        assert came == ["plumbline.main.facts.crm"] * 2
        assert service.told == []

    run(address, work)


def test_the_service_sends_commands_to_itself_and_keeps_what_was_refused(address: str) -> None:
    async def work(everybody: dict[str, As]) -> None:
        service, operator = everybody["service"], everybody[OPERATOR]

        async def answer(message: Any) -> None:
            await message.respond(b"done")

        await service.client.subscribe("plumbline.*.commands", cb=answer)
        await service.settle()
        assert (await service.client.request("plumbline.main.commands", b"{}", timeout=5)).data == b"done"
        ack = await service.client.jetstream().publish("plumbline.main.dead", b'{"reason":"x"}')
        assert ack.stream == "PLUMBLINE_main_DEAD"
        kept = await operator.client.jetstream(domain=API_DOMAIN).get_msg("PLUMBLINE_main_DEAD", ack.seq)
        assert kept.data == b'{"reason":"x"}'
        assert service.told == []

    run(address, work)


def test_no_answer_of_the_server_can_be_sent_into_the_stream(address: str) -> None:
    """Whoever may ask names the subject of the answer; in the streams' own account that would be an event's."""

    async def work(everybody: dict[str, As]) -> None:
        relay = everybody["relay"]
        for ledger in ("main", "training"):
            await relay.client.jetstream().publish(f"plumbline.{ledger}.event.DayClosed._", b"{}")

        async def last() -> list[int]:
            js = relay.client.jetstream()
            return [(await js.stream_info(f"PLUMBLINE_{ledger}")).state.last_seq for ledger in ("main", "training")]

        before = await last()
        forged = ("plumbline.main.event.PointsGranted._", "plumbline.training.event.PointsGranted._")
        allowed = [(s, u) for s, who in PUBLISH.items() for u in who.split() if u not in ("operations", "relay")]
        assert len(allowed) > 30
        wires = {user: Wire.of(address, user) for user in USERS}
        for reply in (*forged, "_INBOX_relay.token.1", "_INBOX_operations.token.1"):
            for subject, user in allowed:
                body = b'{"batch":3,"expires":50000000}' if "MSG.NEXT" in subject else b'{"seq":1}' if ".GET." in subject else b""
                assert wires[user].may_publish(subject, body, reply)
        await asyncio.sleep(0.3)
        assert await last() == before

    run(address, work)


def test_in_one_account_the_servers_answers_reach_the_stream(tmp_path: Path) -> None:
    """Why there are several accounts: the test before this one means something."""
    shared = {"PLUMBLINE": {"jetstream": "enabled", "users": [u for a in accounts().values() for u in a["users"]]}}

    async def work(address: str) -> None:
        await _streams(address)
        billing, service = Wire.of(address, "billing"), Wire.of(address, "service")
        forged = "plumbline.main.event.PointsGranted._"
        durable = "PLUMBLINE_main.billing"
        # That there is nothing to fetch; how a durable stands; that a dead letter is kept.
        assert billing.may_publish(f"$JS.API.CONSUMER.MSG.NEXT.{durable}", b'{"batch":1,"no_wait":true}', forged)
        assert Wire.of(address, "operations").may_publish(f"$JS.API.CONSUMER.INFO.{durable}", b"", forged)
        assert service.may_publish("plumbline.main.dead", b"{}", forged)
        async with connected(address, "relay") as relay:
            async with asyncio.timeout(5):
                while (await relay.client.jetstream().stream_info("PLUMBLINE_main")).state.last_seq < 3:
                    await asyncio.sleep(0.02)

    with nats_guarded(tmp_path, account_file(shared)) as address:
        asyncio.run(work(address))


def test_nobody_comes_in_without_a_login(address: str) -> None:
    for who in ({}, {"user": "billing", "pass": "wrong"}, {"user": "nobody", "pass": "ydobon"}, {"user": "sys", "pass": "sys"}):
        wire = Wire(address, lambda greeting, who=who: who)
        assert wire.refused[0] == "-ERR 'Authorization Violation'", who
        wire.close()


def test_one_account_hears_nothing_of_another(address: str) -> None:
    """Even where a permission names the same subject on both sides."""

    async def work(everybody: dict[str, As]) -> None:
        own = await everybody["erp"].client.subscribe("_INBOX_erp.token")
        await everybody["erp"].settle()
        with pytest.raises((NoRespondersError, APIError, NatsError)):
            await everybody["crm"].client.request("plumbline.main.facts.crm", b"{}", timeout=0.5)
        for user in USERS:
            Wire.of(address, user).may_publish("_INBOX_erp.token", b"boo")
        with pytest.raises(NatsError):
            await own.next_msg(0.2)

    run(address, work)
