"""When a call is sent again: the same answer for the blocking and the asyncio client, whose transports are played here."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from plumbline_client import Admin, ApiError, AsyncPlumbline, Call, ConnectionLost, Ledger, Plumbline, Retries
from plumbline_client.results import LineResult

MAIN = Ledger("main")
QUICK = Retries(attempts_max=4, wait_seconds_first=0.0001)
ANSWER = {"status": "accepted", "position": 7, "customer": "C-000001", "id": "1", "points": "1.00"}
KEY = {
    "id": "K1", "actor": "erp", "role": "service", "ledgers": None, "customer": None, "created_at": "", "created_by": "",
    "expires_at": None, "revoked_at": None, "last_used_at": None, "secret": "plk_s",
}  # fmt: skip
WRITE = MAIN.register("crm", "a", "A")
ONCE = Admin.key_create("erp", "service")

Outcome = httpx.Response | httpx.RequestError
Send = Callable[[Call[Any], Sequence[Outcome]], tuple[Any, int]]


def problem(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "no", "request_id": "r"})


class Played(httpx.MockTransport):
    """Gives one outcome after the other; `sent` are the requests."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.sent: list[httpx.Request] = []
        left = list(outcomes)

        def handle(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            outcome = left.pop(0)
            if isinstance(outcome, httpx.RequestError):
                raise outcome
            # A new one each time: a client leaves its mark on what it is given.
            return httpx.Response(outcome.status_code, headers=outcome.headers, content=outcome.content)

        super().__init__(handle)


def send_blocking(call: Call[Any], outcomes: Sequence[Outcome]) -> tuple[Any, int]:
    played = Played(outcomes)
    with Plumbline("http://test", "plk", retries=QUICK, transport=played) as client:
        try:
            return client.send(call), len(played.sent)
        except (ApiError, ConnectionLost) as error:
            return error, len(played.sent)


def send_awaited(call: Call[Any], outcomes: Sequence[Outcome]) -> tuple[Any, int]:
    played = Played(outcomes)

    async def run() -> tuple[Any, int]:
        async with AsyncPlumbline("http://test", "plk", retries=QUICK, transport=played) as client:
            try:
                return await client.send(call), len(played.sent)
            except (ApiError, ConnectionLost) as error:
                return error, len(played.sent)

    return asyncio.run(run())


@pytest.fixture(params=[send_blocking, send_awaited], ids=["blocking", "asyncio"])
def send(request: pytest.FixtureRequest) -> Send:
    return request.param


@pytest.mark.parametrize("failure", [
    httpx.Response(502), httpx.Response(503, text="<html>"), httpx.Response(504), httpx.Response(429),
    problem(503, "WRITER_UNAVAILABLE"), httpx.ReadTimeout("late"), httpx.ReadError("cut"), httpx.ConnectError("no"),
    httpx.DecodingError("cut within what is compressed"),
])  # fmt: skip
def test_a_write_with_a_key_is_sent_again_under_it_whatever_happened(send: Send, failure: Outcome) -> None:
    answer, count = send(WRITE, [failure, httpx.Response(201, json=ANSWER)])
    assert (answer.position, count) == (7, 2)


@pytest.mark.parametrize(("failure", "error"), [
    (httpx.Response(502), ApiError), (httpx.Response(503, text="<html>"), ApiError), (httpx.Response(504), ApiError),
    (problem(503, "DATABASE_UNREACHABLE"), ApiError), (problem(503, "WRITER_UNAVAILABLE"), ApiError),
    (httpx.ReadTimeout("late"), ConnectionLost), (httpx.ReadError("cut"), ConnectionLost),
])  # fmt: skip
def test_what_may_have_been_done_and_would_be_done_twice_is_not_sent_again(
    send: Send, failure: Outcome, error: type[Exception]
) -> None:
    answer, count = send(ONCE, [failure, httpx.Response(201, json=KEY)])
    assert isinstance(answer, error) and count == 1


JOB = {
    "id": "J1", "state": "queued", "request": {}, "created_by": "erp", "created_at": "", "started_at": None,
    "finished_at": None, "progress_done": 0, "progress_of": 0, "error": None, "result": None,
}  # fmt: skip


@pytest.mark.parametrize(
    "call", [MAIN.replay_recorded(), MAIN.import_file("f", b"x", "facts"), MAIN.view_rebuild("balances")],
    ids=["replay", "import", "rebuild"],
)  # fmt: skip
def test_what_is_begun_under_a_key_is_sent_again_and_begins_once(send: Send, call: Call[Any]) -> None:
    answer, count = send(call, [httpx.ReadError("cut"), httpx.Response(202, json=JOB)])
    assert call.key and (answer.id, count) == ("J1", 2)


@pytest.mark.parametrize("failure", [
    httpx.Response(429), problem(429, "RATE_EXCEEDED"), problem(503, "OVERLOADED"), httpx.ConnectError("no"),
    httpx.ConnectTimeout("late"),
])  # fmt: skip
def test_what_was_surely_not_done_is_sent_again(send: Send, failure: Outcome) -> None:
    answer, count = send(ONCE, [failure, httpx.Response(201, json=KEY)])
    assert (answer.secret, count) == ("plk_s", 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_what_would_be_answered_alike_is_not_sent_again(send: Send, status: int) -> None:
    answer, count = send(WRITE, [problem(status, "CODE")])
    assert isinstance(answer, ApiError) and (answer.code, count) == ("CODE", 1)


def test_it_gives_up_with_what_came_last(send: Send) -> None:
    outcomes = [httpx.Response(504), httpx.ReadError("cut"), httpx.Response(502), problem(503, "WRITER_UNAVAILABLE")]
    answer, count = send(WRITE, outcomes)
    assert isinstance(answer, ApiError) and (answer.code, count) == ("WRITER_UNAVAILABLE", 4)


def test_lines_whose_fate_is_unknown_are_sent_again_by_both_clients() -> None:
    def lines(*entries: dict[str, Any]) -> httpx.Response:
        body = b"".join(json.dumps({"line": n, **e}).encode() + b"\n" for n, e in enumerate(entries, 1))
        return httpx.Response(200, content=body, headers={"content-type": "application/x-ndjson"})

    lost = {"status": "refused", "code": "WRITER_STOPPED", "reason": "", "field": ""}
    outcomes = [lines(ANSWER, lost, {**lost, "code": "FACT_INVALID"}), lines({**ANSWER, "position": 9})]
    facts = [{"external_id": str(n)} for n in range(3)]

    def check(results: list[LineResult], played: Played, position: int) -> None:
        assert [(r.line, r.status, r.position) for r in results] == [(1, "accepted", 7), (2, "accepted", 9), (3, "refused", 0)]
        first, again = ([json.loads(line) for line in r.content.splitlines()] for r in played.sent)
        assert again == first[1:2]
        assert position == 9

    played = Played(outcomes)
    with Plumbline("http://test", "plk", retries=QUICK, transport=played) as client:
        check(list(client.record_many(MAIN, facts)), played, client.positions["main"])

    async def run() -> None:
        played = Played(outcomes)
        async with AsyncPlumbline("http://test", "plk", retries=QUICK, transport=played) as client:
            check([r async for r in client.record_many(MAIN, facts)], played, client.positions["main"])

    asyncio.run(run())


@pytest.mark.parametrize("client", [Plumbline, AsyncPlumbline])
def test_a_url_or_a_key_that_can_be_none_is_refused_at_once(client: type[Plumbline] | type[AsyncPlumbline]) -> None:
    for url in ("127.0.0.1:8700", "localhost", "ftp://test"):
        with pytest.raises(ValueError, match="http://"):
            client(url, "plk")
    for key in ("", " \n", "plk\n_x", "plk_é"):
        with pytest.raises(ValueError, match="key"):
            client("http://test", key)


def test_a_key_as_its_file_has_it_is_sent_without_the_end_of_the_line() -> None:
    played = Played([httpx.Response(201, json=ANSWER)])
    with Plumbline("http://test", "plk\n", transport=played) as client:
        client.send(WRITE)
    assert played.sent[0].headers["authorization"] == "Bearer plk"


class SlowName(str):
    """A ledger's name over which one of two threads takes its time whenever it looks something up by it."""

    def __hash__(self) -> int:
        if threading.current_thread().name == "slow":
            time.sleep(0.05)
        return super().__hash__()

    __eq__ = str.__eq__


def test_of_two_threads_that_write_the_later_position_stays() -> None:
    clients = Plumbline("http://test", "plk", transport=httpx.MockTransport(
        lambda request: httpx.Response(201, json={**ANSWER, "position": 5 if b"slow" in request.content else 9})
    ))  # fmt: skip
    ledger = Ledger(SlowName("main"))
    with clients as client:
        threads = [
            threading.Thread(name=name, target=client.send, args=[ledger.register("crm", name, name)])
            for name in ("slow", "quick")
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.12)
        for thread in threads:
            thread.join()
    assert client.positions["main"] == 9
