"""Where HTTP comes in: who sends a head or a body without end, or never reads, keeps nothing and nobody waiting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import takewhile

import orjson
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.input import body_bytes
from api.limits import Pace, Seats, neighbourhood_of
from api.metrics import Metrics
from api.middleware import Surroundings
from api.problems import handlers_add
from api.routing import address_of
from api.settings import ApiSettings
from service.serving import http_edge
from service.serving.http_edge import server_of
from service.serving.settings import ServeSettings
from webhooks.addresses import networks_of

PATIENT = ServeSettings(head_seconds=60.0, api=ApiSettings(body_seconds=60.0))
"""Nothing takes so long, on whatever machine."""
WAIT_SECONDS = 60.0


def app_of(settings: ApiSettings) -> FastAPI:
    app = FastAPI(openapi_url=None)

    async def take(request: Request) -> Response:
        return Response(str(len(await body_bytes(request, 100_000_000))))

    async def who(request: Request) -> Response:
        return Response(f"{address_of(request)} {len(request.headers)}")

    async def large(request: Request) -> Response:
        return Response(bytes(40_000_000))

    app.router.add_route("/take", take, methods=["POST"])
    for path, answer in (("/who", who), ("/large", large), ("/health", who)):
        app.router.add_route(path, answer, methods=["GET", "POST"])
    handlers_add(app)
    app.add_middleware(Surroundings, settings=settings, metrics=Metrics())
    return app


class Line:
    """A connection on which bytes are sent as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        told = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        return int(head[0].split()[1]), told, await self.reader.readexactly(int(told["content-length"]))

    async def ended(self) -> bytes:
        """What still comes until the other side ends it."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def lines(serving: ServeSettings) -> AsyncIterator[Callable[[], Awaitable[Line]]]:
    """A server under these limits; opens connections to it."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = server_of(app_of(serving.api), serving)
    running = asyncio.create_task(server.serve([listening]))
    made: list[asyncio.StreamWriter] = []

    async def line() -> Line:
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        made.append(writer)
        return Line(reader, writer)

    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield line
    finally:
        for writer in made:
            writer.transport.abort()
        server.should_exit = True
        await running


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are looked at ten times a second."""
    monkeypatch.setattr(http_edge, "LOOK_TICKS", 1)


def test_a_head_may_be_as_large_as_it_may_and_not_a_byte_larger() -> None:
    begin, end = b"GET /who HTTP/1.1\r\nHost: a\r\nX-A: ", b"\r\n\r\n"

    async def run() -> None:
        async with lines(replace(PATIENT, head_bytes_max=20_000)) as line:
            room = 20_000 - len(begin) - len(end)
            for pieces in (1, 7, 2_000):
                fits, exceeds = await line(), await line()
                for one, size in ((fits, room), (exceeds, room + 1)):
                    head = begin + b"a" * size + end
                    step = -(-len(head) // pieces)
                    for at in range(0, len(head), step):
                        await one.send(head[at : at + step])
                assert (await fits.answer())[0] == 200
                status, told, body = await exceeds.answer()
                assert (status, told["connection"], told["content-type"]) == (431, "close", "application/problem+json")
                assert orjson.loads(body)["code"] == "HEAD_TOO_LARGE"
                assert await exceeds.ended() == b""

    asyncio.run(run())


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /", b"GET /who?q=", b"GET /who HTTP/1.1\r\nX-A: ", b"GET /who HTTP/1.1\r\nX-A", b"\r\n\r\n",
        b"GET /who HTTP/1.1\r\nX-B: 1\r\n", b"POST /take HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ",
        b"POST /take HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1;x=",
    ],
)  # fmt: skip
def test_whatever_never_ends_is_ended_and_costs_nothing_to_speak_of(begin: bytes) -> None:
    async def run() -> None:
        async with lines(PATIENT) as line:
            one = await line()
            more = b"\r\n" if begin == b"\r\n\r\n" else b"X-A: 1\r\n" if begin.endswith(b"1\r\n") else b"a"
            sent = len(begin)
            piece = more * (100_000 // len(more))
            one.writer.write(begin)
            # 20 MB would be sent: nearly all of it is refused, and of what stands in buffers nothing is read.
            while sent < 20_000_000:
                try:
                    await one.send(piece)
                except ConnectionError:
                    break
                sent += len(piece)
            assert sent < 20_000_000
            other = await line()
            await other.send(b"GET /who HTTP/1.1\r\n\r\n")
            assert (await other.answer())[0] == 200

    asyncio.run(run())


def test_a_head_that_takes_too_long_is_told_so_and_who_asks_nothing_is_let_go() -> None:
    async def run() -> None:
        async with lines(replace(PATIENT, head_seconds=0.3)) as line:
            begun, silent, used, tail = [await line() for _ in range(4)]
            for one, head in ((used, b"POST /who HTTP/1.1\r\n\r\n"), (tail, b"POST /who HTTP/1.1\r\nContent-Length: 9\r\n\r\n")):
                await one.send(head)
                assert (await one.answer())[0] == 200
            await begun.send(b"GET /who HTTP/1.1\r\nHo")
            await used.send(b"GET /who HTTP/1.1\r\nHo")  # on a connection that has served one before
            await tail.send(b"1")  # of a body that nobody waits for any more
            for one in (begun, used):
                status, _, body = await one.answer()
                assert (status, orjson.loads(body)["code"]) == (408, "REQUEST_SLOW")
            for one in (begun, used, silent, tail):
                assert await one.ended() == b""

    asyncio.run(run())


def test_an_idle_connection_stays_open_longer_than_a_head_may_take() -> None:
    async def run() -> None:
        async with lines(replace(PATIENT, head_seconds=0.2)) as line:
            one = await line()
            for _ in range(3):
                await one.send(b"POST /take HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
                assert (await one.answer())[2] == b"3"
                await asyncio.sleep(0.6)
            # Answered before its body has come: once that is there, the connection is idle like any other.
            for _ in range(2):
                await one.send(b"POST /who HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
                assert (await one.answer())[0] == 200
                await one.send(b"abc")
                await asyncio.sleep(0.6)

    asyncio.run(run())


def test_a_body_that_stops_is_told_so_and_takes_nobody_s_place() -> None:
    serving = replace(PATIENT, api=ApiSettings(body_seconds=0.3, concurrent_max=2))
    stalled = b"POST /take HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345"

    async def run() -> None:
        async with lines(replace(serving, api=replace(serving.api, body_seconds=WAIT_SECONDS))) as line:
            for _ in range(2):
                await (await line()).send(stalled)
            full, probe = await line(), await line()
            while True:
                await full.send(b"GET /who HTTP/1.1\r\n\r\n")
                if (answer := await full.answer())[0] == 503:
                    break
            assert orjson.loads(answer[2])["code"] == "OVERLOADED"
            await probe.send(b"GET /health HTTP/1.1\r\n\r\n")
            assert (await probe.answer())[0] == 200
        async with lines(serving) as line:
            for one in [await line() for _ in range(4)]:
                await one.send(stalled)
                status, told, body = await one.answer()
                assert (status, told["connection"], orjson.loads(body)["code"]) == (408, "close", "REQUEST_SLOW")
                assert await one.ended() == b""

    asyncio.run(run())


async def trickled(line: Line, pieces: int, seconds: float) -> int:
    await line.send(b"POST /take HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (pieces * 20_000))
    for _ in range(pieces):
        await line.send(bytes(20_000))
        await asyncio.sleep(seconds)
    return int((await line.answer())[2])


def test_a_body_that_comes_steadily_passes_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_edge, "LATE_SECONDS", 0.15)  # however slow this machine is
    # 20 KB are worth 20 s: 10 pieces take 1.5 s in all, which is more than the one that is there to begin with.
    serving = replace(PATIENT, api=ApiSettings(body_seconds=1.0, body_bytes_per_second_min=1_000))

    async def run() -> None:
        async with lines(serving) as line:
            one = await line()
            assert await trickled(one, 10, 0.15) == 200_000

    asyncio.run(run())


def test_an_answer_that_nobody_reads_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_edge, "UNREAD_SECONDS_MAX", 0.5)

    async def run() -> None:
        async with lines(PATIENT) as line:
            one = await line()
            one.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await one.send(b"GET /large HTTP/1.1\r\n\r\n")
            await asyncio.sleep(2.0)
            one.reader._transport.resume_reading()  # type: ignore[attr-defined]
            assert len(await one.ended()) < 40_000_000

    asyncio.run(run())


@pytest.mark.parametrize(
    ("trusted", "said", "client"),
    [
        ("", "192.0.2.1", "127.0.0.1"),
        ("127.0.0.0/8", "192.0.2.1", "192.0.2.1"),
        # Whoever comes through the proxy may have written more in front.
        ("127.0.0.0/8, 10.0.0.0/8", "1.1.1.1, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("10.0.0.0/8", "192.0.2.1", "127.0.0.1"),
    ],
)
def test_the_address_of_whoever_asks_is_what_a_trusted_proxy_says(trusted: str, said: str, client: str) -> None:
    async def run() -> None:
        async with lines(replace(PATIENT, trusted_proxies=networks_of(trusted))) as line:
            one = await line()
            await one.send(f"GET /who HTTP/1.1\r\nX-Forwarded-For: {said}\r\n\r\n".encode())
            assert (await one.answer())[2].decode().split()[0] == client

    asyncio.run(run())


@pytest.mark.parametrize(
    ("address", "neighbourhood"),
    [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8::1:2", "2001:0db8:0000:0000"),
        ("2001:db8:0:0:9::", "2001:0db8:0000:0000"), ("", ""), ("x" * 70_000, "x" * 64), (":" * 70_000, ":" * 64),
    ],
    ids=range(7),
)  # fmt: skip
def test_hosts_are_limited_by_neighbourhood(address: str, neighbourhood: str) -> None:
    assert neighbourhood_of(address) == neighbourhood


def test_seats_are_so_many_in_all_and_so_many_for_each() -> None:
    seats = Seats(4, 0.5)
    assert [seats.take(name) for name in "aaabbc"] == [True, True, False, True, True, False]
    seats.give_back("a")
    assert [seats.take(name) for name in "ba"] == [False, True]
    assert [Seats(total, 0.5).each for total in (1, 2, 3, 4)] == [1, 1, 1, 2]


def test_who_waits_for_a_seat_gets_the_first_that_is_free_and_may_be_his() -> None:
    async def run() -> None:
        seats, order = Seats(2, 0.5), list[str]()

        async def sit(name: str, wait_seconds: float = 60.0) -> None:
            async with seats.held(name, wait_seconds):
                order.append(name)

        assert seats.take("a") and seats.take("b")
        waiting = [asyncio.create_task(sit(name)) for name in "abc"]
        with pytest.raises(TimeoutError):
            await sit("d", 0.01)
        seats.give_back("b")
        await asyncio.gather(*waiting[1:])
        assert order == ["b", "c"] and not waiting[0].done()
        seats.give_back("a")
        await waiting[0]
        assert order == ["b", "c", "a"] and [seats.take(name) for name in "xyz"] == [True, True, False]

    asyncio.run(run())


def borne(*waits: tuple[float, int], times: int = 1) -> int:
    """How many waits (seconds, bytes that came meanwhile) are borne before a body is given up."""
    pace = Pace(ApiSettings().body_seconds, ApiSettings().body_bytes_per_second_min)
    return sum(1 for _ in takewhile(lambda wait: pace.waited(*wait), list(waits) * times))


def test_a_large_file_on_a_slow_line_passes() -> None:
    # 50 MB at 100 KB/s are 500 s; each brings ten.
    assert borne((1.0, 100_000), times=500) == 500
    # 19 s of silence are borne again and again where enough comes in between: 200 KB are worth 20 s.
    assert borne(*[(1.0, 0)] * 19, (1.0, 200_000), times=25) == 500


@pytest.mark.parametrize(
    ("waits", "count"),
    [
        # 10 bytes are worth a thousandth of a second.
        ([(1.0, 10)] + [(1.0, 0)] * 40, 20),
        # What came fast before buys no silence beyond the 20 s.
        ([(1.0, 40_000_000)] + [(1.0, 0)] * 40, 21),
        # 9,000 bytes a second bring 0.9 s for each: the 20 s are gone after 200.
        ([(1.0, 9_000)] * 300, 200),
    ],
)
def test_a_body_that_stops_or_trickles_is_given_up(waits: list[tuple[float, int]], count: int) -> None:
    assert borne(*waits) == pytest.approx(count, abs=1)
