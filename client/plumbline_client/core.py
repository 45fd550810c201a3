"""What both clients share, without any input or output: calls, how answers are read, when to come again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from plumbline_client.errors import ApiError
from plumbline_client.results import LineResult, read

T = TypeVar("T")
U = TypeVar("U")

USER_AGENT = "plumbline-client/0.2.0"
REPEATED_STATUSES = frozenset({429, 502, 503, 504})
"""Come again: too often, or the service can't now. Everything else would be answered alike."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request to be sent, and how its answer is read.

    `key` names a write for good: however often the call is sent, it takes effect once. `repeatable`: sending it again
    after a lost connection is safe. `waits`: the read may be asked to contain a position.
    """

    method: str
    path: str
    parse: Callable[[Any], T] = field(repr=False)
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    key: str = ""
    repeatable: bool = True
    waits: bool = False
    ledger: str = ""

    def request(self, secret: str, position: int) -> tuple[str, str, dict[str, Any], dict[str, str], bytes | None]:
        """Method, path, parameters, headers and body. `position` is what a read of this ledger must contain."""
        headers = {"Authorization": f"Bearer {secret}", "User-Agent": USER_AGENT, "Accept": "application/json"}
        params = {name: value for name, value in self.params.items() if value is not None}
        if self.waits and position and "min_position" not in params and "cursor" not in params:
            params["min_position"] = position
        if self.key:
            headers["Idempotency-Key"] = self.key
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        return self.method, self.path, params, headers, self.body

    def after(self, cursor: str) -> Call[T]:
        """The same list further on."""
        return replace(self, params={"cursor": cursor})


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, and where it goes on."""

    data: list[T]
    next: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long to come again: waits double from the first to the longest, each shortened by chance."""

    attempts_max: int = 8
    seconds_max: float = 60.0
    wait_seconds_first: float = 0.1
    wait_seconds_max: float = 5.0

    def wait_seconds(
        self, attempt: int, chance: float, asked_seconds: float | None, elapsed_seconds: float
    ) -> float | None:
        """How long to wait before the next attempt, after `attempt` (from 1) of them; None: give up.

        `chance` lies in [0, 1); `asked_seconds` is what the service asked for.
        """
        if attempt >= self.attempts_max:
            return None
        longest = min(self.wait_seconds_max, self.wait_seconds_first * 2 ** (attempt - 1))
        wait = longest * (0.5 + chance / 2)
        if asked_seconds is not None:
            wait = max(wait, asked_seconds)
        return None if elapsed_seconds + wait > self.seconds_max else wait


def read_answer(call: Call[T], status: int, headers: Mapping[str, str], body: bytes) -> T:
    """The result of an answer. Raises ApiError."""
    if status >= 300:
        raise read_error(status, headers, body)
    document = json.loads(body) if headers.get("content-type", "").startswith("application/json") else body
    if isinstance(document, dict) and headers.get("idempotency-hit") == "true":
        document["hit"] = True
    return call.parse(document)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The refusal of an answer, also where something between us and the service gave it."""
    asked = headers.get("retry-after", "")
    retry_after = float(asked) if asked.isdecimal() else None
    try:
        found: Any = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "code" not in found:
        reason = f"answered {status} without a problem document"
        return ApiError(status, "HTTP_ERROR", reason, retry_after_seconds=retry_after)
    problem = cast(dict[str, Any], found)
    errors = [(str(e.get("field", "")), str(e.get("reason", ""))) for e in problem.get("errors", ())]
    return ApiError(
        status, problem["code"], problem.get("detail", ""), problem.get("field", ""), problem.get("request_id", ""),
        errors, retry_after,
    )  # fmt: skip


def page_of(parse: Callable[[Any], T]) -> Callable[[Any], Page[T]]:
    """How a page of such things is read."""
    return lambda document: Page([parse(entry) for entry in document["data"]], document["next"], document["has_more"])


def key_new() -> str:
    """A key that nobody has used."""
    return uuid.uuid4().hex


def part(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")


def body_of(document: Any) -> bytes:
    """A document as a body."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


@dataclass(slots=True)
class BulkPiece:
    """Lines that are sent together; those whose fate is unknown are sent again under their keys."""

    first_line: int
    lines: list[dict[str, Any]]
    results: dict[int, LineResult] = field(default_factory=dict[int, LineResult])

    @property
    def missing(self) -> list[int]:
        """The places of lines that have no answer yet."""
        return [i for i in range(len(self.lines)) if i not in self.results]

    def call(self, ledger: str) -> Call[list[LineResult]]:
        """The call that sends what is missing."""
        body = b"".join(body_of(self.lines[i]) + b"\n" for i in self.missing)
        return Call(
            "POST", f"/v1/ledgers/{part(ledger)}/facts/bulk", _lines_parse, body=body,
            content_type="application/x-ndjson", ledger=ledger,
        )  # fmt: skip

    def take(self, answers: Sequence[LineResult], *, last: bool) -> None:
        """Take in the answers to what was missing; with `last` also those that say "come again"."""
        for place, answer in zip(self.missing, answers, strict=True):
            if last or answer.code not in UNKNOWN_CODES:
                self.results[place] = replace(answer, line=self.first_line + place)

    def ordered(self) -> Iterator[LineResult]:
        """The results in the order of the lines."""
        return (self.results[i] for i in range(len(self.lines)))


UNKNOWN_CODES = frozenset({"WRITER_UNAVAILABLE", "WRITER_STOPPED", "DATABASE_UNREACHABLE"})


def pieces_of(facts: Iterable[Mapping[str, Any]], lines_max: int) -> Iterator[BulkPiece]:
    """Facts in pieces; each fact gets a key where it has none."""
    first, lines = 1, list[dict[str, Any]]()
    for given in facts:
        lines.append({**given, "key": given.get("key") or key_new()})
        if len(lines) == lines_max:
            yield BulkPiece(first, lines)
            first, lines = first + len(lines), []
    if lines:
        yield BulkPiece(first, lines)


def _lines_parse(body: Any) -> list[LineResult]:
    return [read(LineResult, json.loads(line)) for line in bytes(body).splitlines() if line]
