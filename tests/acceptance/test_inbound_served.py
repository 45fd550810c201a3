"""Facts by NATS and by webhook to `plumbline serve` as it is run: the lease's holder dies while they come in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from plumbline_client import Ledger, Plumbline

from ledger.log.recorder import recorder_open
from service import embedded
from service.settings import Settings
from streams.senders import facts_subject_of
from tests.acceptance.served import LEDGER, Served, fact_document
from tests.acceptance.served_kills import SCHEMA
from tests.homes import home_made
from tests.ledgers import Books, log_check
from webhooks.signing import sign_all

SENT = 150
KILLED_AFTER = 40


@pytest.fixture
def own_settings() -> Iterator[Settings]:
    """A home of its own: a process that serves it is going to be killed."""
    with home_made("inbound") as home:
        yield Settings(home)


class Senders:
    """Several that send by NATS and by webhook, each message again until it is answered for good."""

    def __init__(self, nats: Any, web: httpx.AsyncClient, secret: str) -> None:
        self.nats = nats
        self.web = web
        self.secret = secret
        self.statuses: Counter[str] = Counter()
        self.done = asyncio.Condition()
        self.count = 0

    async def send(self, numbers: range) -> None:
        """Send these facts, every third by webhook."""
        for n in numbers:
            while not await (self._posted(n) if n % 3 == 0 else self._published(n)):
                await asyncio.sleep(0.05)
            async with self.done:
                self.count += 1
                self.done.notify_all()

    async def _published(self, n: int) -> bool:
        subject = facts_subject_of(LEDGER, "erp")
        body = orjson.dumps(fact_document("nats", n))
        try:
            reply: Msg = await self.nats.request(subject, body, timeout=20, headers={"Nats-Msg-Id": f"m{n}"})
        except (NatsError, TimeoutError) as error:
            self.statuses[type(error).__name__] += 1
            return False
        answer = orjson.loads(reply.data)
        self.statuses[answer["status"]] += 1
        assert answer["status"] != "refused", answer
        return answer["status"] != "again"

    async def _posted(self, n: int) -> bool:
        row = {
            "fact_type": "login", "external_id": f"web/{n}", "customer": f"w{n % 5}", "occurred": "2026-02-03",
            "customer_name": f"网{n % 5}",
        }  # fmt: skip
        body = orjson.dumps(row)
        # The clock of who sends an attempt moves; a copy of one that was answered would be a replay.
        now = int(time.time())
        try:
            answer = await self.web.post(
                f"/v1/ledgers/{LEDGER}/webhooks/in/shop", content=body, headers=sign_all([self.secret], f"w{n}", now, body)
            )
        except httpx.TransportError as error:
            self.statuses[type(error).__name__] += 1
            return False
        self.statuses[f"web {answer.status_code}"] += 1
        if answer.status_code == 503:
            return False
        assert answer.status_code == 200 and answer.json()["rejected_count"] == 0, answer.text
        return True


def test_facts_that_come_in_while_the_lease_changes_hands_are_recorded_once_each(own_settings: Settings) -> None:
    holder = Served(own_settings, roles="writer,follower")
    try:
        holder.serving()
        # It takes facts in and has no lease: they go to the holder; later it writes itself.
        taker = Served(own_settings, roles="api,writer,inbound")
        try:
            taker.ready()
            with Plumbline(taker.url, taker.key) as plumbline:
                secret = plumbline.send(Ledger(LEDGER).sender_create("shop", "facts")).secret
            statuses = asyncio.run(_sent(own_settings, holder, taker, secret))
            assert taker.stop() == 0
        finally:
            with suppress(ProcessLookupError):
                taker.kill()
    finally:
        holder.kill()
    assert statuses["accepted"] + statuses["duplicate"] >= SENT * 2 // 3, statuses
    expected = {f"nats/{n}" for n in range(SENT) if n % 3} | {f"web/{n}" for n in range(0, SENT, 3)}
    with recorder_open(embedded.database_url(own_settings), SCHEMA) as recorder:
        recorded = Counter(
            (state["external_id"], state["actor"])
            for _, _, name, state in Books.log_of(recorder)
            if name == "FactRecorded"
        )
    assert {external_id for external_id, _ in recorded} == expected
    assert set(recorded.values()) == {1}
    assert {actor for _, actor in recorded} == {"nats:erp", "webhook:shop"}
    log_check(embedded.database_url(own_settings), SCHEMA)


async def _sent(settings: Settings, holder: Served, taker: Served, secret: str) -> Counter[str]:
    """Send everything, the holder killed on the way; what was answered how often."""
    nats: Any = Client()
    await nats.connect(embedded.nats_url(settings))
    headers = {"Authorization": f"Bearer {taker.key}"}
    async with httpx.AsyncClient(base_url=taker.url, timeout=30) as web:
        senders = Senders(nats, web, secret)
        lots = 6
        async with asyncio.timeout(90), asyncio.TaskGroup() as group:
            for lot in range(lots):
                group.create_task(senders.send(range(lot, SENT, lots)))
            async with senders.done:
                await senders.done.wait_for(lambda: senders.count >= KILLED_AFTER)
            holder.kill()
        figures = (await web.get("/metrics", headers=headers)).text
    await nats.close()
    assert f'plumbline_inbound_facts_total{{ledger="{LEDGER}",status="accepted"}}' in figures
    return senders.statuses
