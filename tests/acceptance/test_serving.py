"""`plumbline serve` as it is run: processes of its own, killed, cut off from Postgres, asked the same many times."""

from __future__ import annotations

import asyncio
import stat
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import httpx
import orjson
import pytest

from ledger.log.recorder import recorder_open
from service import embedded
from service.embedded.postgres import postgres_down
from service.settings import Settings
from tests.acceptance.served import LEDGER, Connection, HttpLoad, Served, fact_document
from tests.acceptance.served_kills import SCHEMA, served_kill_rounds
from tests.homes import home_made
from tests.ledgers import Books, log_check

TAKEOVER_SECONDS_MAX = 5.0
AWAY_SECONDS = 10.0
FACTS = f"/v1/ledgers/{LEDGER}/facts"


@pytest.fixture
def own_settings() -> Iterator[Settings]:
    """A home of its own: its servers are going to be killed."""
    with home_made("serve") as home:
        yield Settings(home)


def test_five_kills_under_http_load_lose_nothing_and_double_nothing(own_settings: Settings) -> None:
    happened = served_kill_rounds(own_settings, rounds=5, seed=20261124, progress=print)
    assert (happened["service"], happened["postgres"], happened["follower"]) == (2, 2, 1)
    assert happened["acknowledged"] > 500
    for what in ("StaffEnrolled", "LeadArrived", "FollowUpRecorded", "CustomerClaimed", "PortfolioHandedOver"):
        assert happened[what] >= 5, happened


def test_a_second_serve_takes_over_within_seconds_and_a_stop_finishes_what_it_took(own_settings: Settings) -> None:
    first = Served(own_settings)
    try:
        first.ready()
        key_file = own_settings.home / "admin.key"
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert str(key_file) in first.log()
        second = Served(own_settings)
        try:
            second.ready()
            # The second has no lease: what it is sent goes to the first and back.
            with HttpLoad("a", [second.url], first.key) as load:
                load.more(200)
                first.kill()
                load.more(200)
            assert load.gap_seconds < TAKEOVER_SECONDS_MAX
            with HttpLoad("b", [second.url], first.key) as last:
                last.more(100)
                assert second.stop() == 0
                log = [orjson.loads(line) for line in second.log().splitlines() if line.startswith("{")]
                assert log[-1]["event"] == "stopped"
                second.start()
        finally:
            second.kill()
    finally:
        first.kill()
    acknowledged = load.acknowledged + last.acknowledged
    _acknowledged_once(own_settings, acknowledged)


def test_postgres_away_for_ten_seconds_means_503_and_recovery_without_a_hand(own_settings: Settings) -> None:
    served, late = Served(own_settings), Served(own_settings)
    try:
        served.ready()
        late.kill()
        idle = HTTPConnection("127.0.0.1", served.port, timeout=30)
        idle.request("GET", "/health")
        assert idle.getresponse().read()
        with HttpLoad("away", [served.url], served.key) as load:
            load.more(100)
            postgres_down(own_settings.home)
            away_since = time.monotonic()
            # One that begins meanwhile waits for the database.
            late.start()
            while time.monotonic() - away_since < AWAY_SECONDS:
                assert httpx.get(f"{served.url}/health", timeout=5).status_code == 200
                assert httpx.get(f"{served.url}/ready", timeout=30).status_code == 503
                time.sleep(0.3)
            # Clients keep idle connections for some seconds: none is closed under them.
            idle.request("GET", "/health")
            assert idle.getresponse().status == 200
            embedded.servers_up(own_settings)
            load.more(200)
        assert load.wrong == []
        assert load.statuses[503] > 0
        assert served.process.poll() is None
        late.ready()
    finally:
        served.kill()
        late.kill()
    _acknowledged_once(own_settings, load.acknowledged)


def test_where_all_servers_were_away_whichever_process_takes_the_leases_is_reached_by_the_others(
    own_settings: Settings,
) -> None:
    names = [LEDGER, "north", "south", "west"]
    roles = ("api", "writer", "writer")
    processes = [Served(own_settings, role) for role in roles]
    api = processes[0]
    try:
        api.ready()
        with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {api.key}"}, timeout=60) as client:
            for name in names[1:]:
                assert client.post("/v1/ledgers", json={"name": name}).status_code == 201
            for turn in range(2):
                embedded.servers_down(own_settings)
                time.sleep(1)
                embedded.servers_up(own_settings, nats=True)
                deadline = time.monotonic() + 60
                for n, name in enumerate(names * 4):
                    fact = fact_document(f"{turn}/{name}", n)
                    while (answer := client.post(f"/v1/ledgers/{name}/facts", json=fact)).status_code != 201:
                        assert answer.status_code == 503, answer.text
                        assert time.monotonic() < deadline, f"{name}: {answer.text}"
                # From then on nobody answers in the holder's place.
                for n, name in enumerate(names * 10, 100):
                    answer = client.post(f"/v1/ledgers/{name}/facts", json=fact_document(f"{turn}/{name}", n))
                    assert answer.status_code == 201, f"{name}: {answer.text}"
        assert all(process.process.poll() is None for process in processes)
    finally:
        for process in processes:
            process.kill()


def test_fifty_requests_at_once_under_one_key_have_one_effect_and_one_answer(own_settings: Settings) -> None:
    served = Served(own_settings)
    try:
        served.ready()

        async def one_key(connections: list[Connection], n: int) -> None:
            body = orjson.dumps(fact_document("same", n))
            headers = {"Authorization": f"Bearer {served.key}", "Idempotency-Key": f"key-{n}"}
            answers = await asyncio.gather(*(c.post(FACTS, headers, body) for c in connections))
            assert {status for status, _, _ in answers} <= {200, 201}, Counter(text for _, _, text in answers)
            assert len({text for _, _, text in answers}) == 1
            assert Counter(told.get("idempotency-hit") for _, told, _ in answers) == {None: 1, "true": 49}

        async def all_keys() -> None:
            connections = [await Connection.open(served.port) for _ in range(50)]
            for n in range(200):
                await one_key(connections, n)
            for connection in connections:
                await connection.close()

        asyncio.run(all_keys())
        assert served.stop() == 0
    finally:
        served.kill()
    _acknowledged_once(own_settings, [fact_document("same", n)["external_id"] for n in range(200)])


def _acknowledged_once(settings: Settings, acknowledged: list[str]) -> None:
    url = embedded.database_url(settings)
    log_check(url, SCHEMA)
    with closing(recorder_open(url, SCHEMA)) as recorder:
        recorded = Counter(s["external_id"] for _, _, n, s in Books.log_of(recorder) if n == "FactRecorded")
    assert set(recorded.values()) == {1}
    assert len(set(acknowledged)) == len(acknowledged)
    assert set(acknowledged) <= set(recorded)
