"""One signed call, and what came of it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from webhooks.addresses import AddressRefused, Network, Resolve, resolve_system, target_find
from webhooks.signing import sign_all

ANSWER_SECONDS: Final = 10.0
"""How long a receiver may take from the look-up of its name to the end of its answer."""
EXCERPT_LENGTH_MAX: Final = 200
USER_AGENT: Final = "Plumbline-Webhooks/1"
GONE: Final = 410
_READ_BYTES_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: its id tells one that comes twice."""

    id: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt. `status` 0: there was no answer. `reason` is empty where it was taken."""

    status: int
    latency_ms: int
    reason: str
    after_seconds: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return 200 <= self.status < 300

    @property
    def reason_own(self) -> str:
        """The reason without what the receiver said."""
        return f"answered {self.status}" if self.status and not self.taken else self.reason

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == GONE


@dataclass(slots=True)
class Caller:
    """Calls to one receiver; `close` it. Never shared among receivers: a connection that was opened for one name must
    serve no other name at the same address. So one whose name changes begins anew.

    Nothing of the environment (proxies, netrc) is used, and no redirect is followed.
    """

    networks: Sequence[Network] = ()
    resolve: Resolve = resolve_system
    answer_seconds: float = ANSWER_SECONDS
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    _client: httpx.AsyncClient | None = None
    _host: str = ""

    async def call(self, url: str, message: Message, secrets: Sequence[str], timestamp: int) -> Sent:
        """Send a message, signed at `timestamp` (Unix seconds)."""
        begun = time.perf_counter()

        def sent(status: int, reason: str, after_seconds: float = 0.0) -> Sent:
            return Sent(status, int((time.perf_counter() - begun) * 1_000), reason, after_seconds)

        try:
            async with asyncio.timeout(self.answer_seconds):
                status, reason, after_seconds = await self._post(url, message, secrets, timestamp)
        except TimeoutError:
            return sent(0, f"no whole answer within {self.answer_seconds:g} seconds")
        except AddressRefused as refused:
            return sent(0, str(refused))
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return sent(0, f"the connection failed ({type(error).__name__})")
        return sent(status, reason, after_seconds)

    async def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, url: str, message: Message, secrets: Sequence[str], timestamp: int) -> tuple[int, str, float]:
        target = await target_find(url, self.networks, self.resolve)
        if target.host != self._host:
            await self.close()
            self._host = target.host
        if self._client is None:
            # The time as a whole is watched from outside; httpx's own limits count from byte to byte.
            self._client = httpx.AsyncClient(
                verify=self.tls, trust_env=False, follow_redirects=False, timeout=None,
                limits=httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=30),
            )  # fmt: skip
        # What a receiver would have us remember isn't sent back to it.
        self._client.cookies.clear()
        headers = {
            **sign_all(secrets, message.id, timestamp, message.body), "host": target.authority,
            "content-type": message.content_type, "user-agent": USER_AGENT, "accept-encoding": "identity",
            "accept": "*/*",
        }  # fmt: skip
        extensions = {"sni_hostname": target.host}
        stream = self._client.stream("POST", target.url, content=message.body, headers=headers, extensions=extensions)
        async with stream as answer:
            if answer.is_success:
                await _read(answer)
                return answer.status_code, "", 0.0
            excerpt = excerpt_of(await _read(answer))
            reason = f"answered {answer.status_code}" + (f": {excerpt}" if excerpt else "")
            return answer.status_code, reason, _after_seconds(answer.headers)


async def _read(answer: httpx.Response) -> bytes:
    """The beginning of an answer; one that goes on longer is cut off with its connection."""
    data = b""
    async for chunk in answer.aiter_raw():
        data += chunk
        if len(data) >= _READ_BYTES_MAX:
            break
    return data[:_READ_BYTES_MAX]


def excerpt_of(data: bytes) -> str:
    """The beginning of an answer as a line that can be shown anywhere: printable characters, single spaces."""
    text = data.decode("utf-8", "replace")
    plain = "".join(c if c.isprintable() and c != "\ufffd" else " " for c in text)
    return " ".join(plain.split())[:EXCERPT_LENGTH_MAX]


def _after_seconds(headers: Mapping[str, str]) -> float:
    """How long the receiver asks us to stay away; 0 where it doesn't, or as a date."""
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
