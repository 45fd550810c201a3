"""Calls, and how their answers are read; without any input or output."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar, cast
from urllib.parse import quote

from plumbline_client.errors import AnswerInvalid, ApiError, DocumentInvalid
from plumbline_client.forms import form_read

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)
Language = Literal["zh", "en"]

USER_AGENT = "plumbline-client/0.5.0"
LINES = "application/x-ndjson"
CLOUDEVENTS = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Call(Generic[Found]):
    """One request to be sent, and the form of its answer.

    `key` names a write for good: however often the call is sent, it takes effect once. `repeatable`: it takes effect
    once however often it is sent. `waits`: the read may be asked to contain a position.
    """

    method: str
    path: str
    form: type[Found] = field(repr=False)
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    key: str = ""
    repeatable: bool = True
    waits: bool = False
    ledger: str = ""

    def request(
        self, secret: str, position: int, language: Language = "en"
    ) -> tuple[str, str, dict[str, Any], dict[str, str], bytes | None]:
        """Method, path, parameters, headers and body. `position` is what a read of this ledger must contain,
        `language` that of a refusal's title and advice."""
        headers = {
            "Authorization": f"Bearer {secret}", "User-Agent": USER_AGENT, "Accept": "application/json",
            "Accept-Language": language,
        }  # fmt: skip
        params = {name: value for name, value in self.params.items() if value is not None}
        if self.waits and position and "min_position" not in params and "cursor" not in params:
            params["min_position"] = position
        if self.key:
            headers["Idempotency-Key"] = self.key
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        return self.method, self.path, params, headers, self.body

    def after(self, cursor: str) -> Call[Found]:
        """The same list further on."""
        return replace(self, params={"cursor": cursor})


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, and where it goes on."""

    data: list[T]
    next: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class ReportPage(Page[T]):
    """A page of a report; it contains the log up to `position` at least."""

    position: int


def read_answer(call: Call[Found], status: int, headers: Mapping[str, str], body: bytes) -> Found:
    """The result of an answer. Raises ApiError, AnswerInvalid."""
    if status >= 300:
        raise read_error(status, headers, body)
    kind = headers.get("content-type", "").partition(";")[0]
    document: Any = body
    try:
        if call.form is not bytes and kind == LINES:
            document = [json.loads(line) for line in body.splitlines() if line]
        elif call.form is not bytes:
            document = json.loads(body)
    except ValueError:
        raise AnswerInvalid(f"answered {status} without a document") from None
    if kind == CLOUDEVENTS:
        # A batch is a bare list: how far it reaches stands in the headers.
        positions = {name: _position(headers, name) for name in ("position_last", "position_head")}
        document = {"data": document, **positions}
    if isinstance(document, dict) and headers.get("idempotency-hit") == "true":
        document["hit"] = True
    return form_read(call.form, document)


def _position(headers: Mapping[str, str], name: str) -> int:
    """A position of the headers. Raises AnswerInvalid."""
    text = headers.get(name.replace("_", "-"), "")
    if not text.isdecimal():
        raise AnswerInvalid("answered a batch of events without saying how far it reaches")
    return int(text)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The refusal of an answer, also where something between us and the service gave it."""
    asked = headers.get("retry-after", "")
    retry_after = float(asked) if asked.isdecimal() else None
    try:
        found: Any = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(cast(dict[str, Any], found).get("code"), str):
        reason = f"answered {status} without a problem document"
        return ApiError(status, "HTTP_ERROR", reason, retry_after_seconds=retry_after)
    problem = cast(dict[str, Any], found)
    told: Any = problem.get("errors")
    listed = cast(list[Any], told) if isinstance(told, list) else []
    entries = [cast(dict[str, Any], entry) for entry in listed if isinstance(entry, dict)]
    errors = [(_text(entry, "field"), _text(entry, "reason")) for entry in entries]
    return ApiError(
        status, problem["code"], _text(problem, "detail"), _text(problem, "field"), _text(problem, "request_id"),
        errors, retry_after, _text(problem, "title"), _text(problem, "advice"),
    )  # fmt: skip


def _text(document: Mapping[str, Any], name: str) -> str:
    return str(document.get(name) or "")


def key_new() -> str:
    """A key that nobody has used."""
    return uuid.uuid4().hex


def part(text: str) -> str:
    """A part of a path. One or two dots are written out: as they are they would be a folder."""
    return text.replace(".", "%2E") if text in (".", "..") else quote(text, safe="")


def body_of(document: Any) -> bytes:
    """A document as a body: a Decimal is decimal text, a date or time ISO text. Raises DocumentInvalid."""
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError) as error:
        raise DocumentInvalid(str(error)) from None


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("a Decimal that is not finite can't be sent")
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} can't be sent; give text, int, bool, Decimal, date or datetime")
