"""What comes in: bodies read under a limit and parsed strictly, and the parameters that many routes share."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from api.core import core_of, in_thread
from ledger.domain.documents import json_parse
from ledger.domain.errors import Refused
from ledger.domain.forms import form_problems, names_known
from ledger.domain.json_places import JsonInvalid
from ledger.domain.pattern_words import DAY_PATTERN

LIMIT_MAX: Final = 1_000
PARSED_HERE_BYTES_MAX: Final = 32_768
"""Larger bodies are parsed in a thread: nobody waits for more than a millisecond because of them."""
_POSITION_MAX: Final = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many entries a page has at most.")]
Cursor = Annotated[
    str | None, Query(max_length=4_000, description="`next` or `previous` of another page; send it alone.")
]
MinPosition = Annotated[
    int | None,
    Query(ge=0, le=_POSITION_MAX, description="Wait until the answer contains this position of the log."),
]
Day = Annotated[
    str | None,
    Query(pattern=DAY_PATTERN, description="A date, YYYY-MM-DD.", examples=["2026-01-31"]),
]
Language = Annotated[Literal["zh", "en"], Query(description="The language of sentences.")]
Text = Annotated[str | None, Query(min_length=1, max_length=200)]

Model = TypeVar("Model", bound="Body")


class Body(BaseModel):
    """A JSON body: every member declared, nothing turned into another type."""

    model_config = ConfigDict(strict=True, extra="forbid")


def too_large(bytes_max: int) -> Refused:
    """The refusal of a body past a limit."""
    return Refused("BODY_TOO_LARGE", f"the body is larger than {bytes_max} bytes; send it in parts", "body")


async def body_bytes(request: Request, bytes_max: int) -> bytes:
    """The body, given up as soon as it passes `bytes_max`. Raises Refused (BODY_TOO_LARGE, INPUT_INVALID), and
    RequestSlow as every body does that is read."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        reason = "the body must be sent as it is; no Content-Encoding is taken"
        raise Refused("INPUT_INVALID", reason, "content-encoding")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise too_large(bytes_max)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def json_read(request: Request, bytes_max: int | None = None, names: Container[str] = ()) -> Any:
    """The body as plain data. Raises Refused (BODY_TOO_LARGE), and JsonInvalid, which may tell these names."""
    limit = core_of(request).settings.body_bytes_max if bytes_max is None else bytes_max
    return await body_parse(request, await body_bytes(request, limit), names)


async def body_parse(request: Request, data: bytes, names: Container[str] = ()) -> Any:
    """A body that is there as plain data. Raises JsonInvalid, which may tell these names."""
    try:
        if len(data) <= PARSED_HERE_BYTES_MAX:
            return json_parse(data, "body")
        return await in_thread(request, json_parse, data, "body")
    except JsonInvalid as invalid:
        raise invalid.named(names) from None


async def body_read(request: Request, model: type[Model]) -> Model:
    """The body as `model`. Raises Refused naming the first field that is wrong, JsonInvalid for no JSON."""
    return body_check(await json_read(request, names=names_known(model)), model)


def body_check(document: Any, model: type[Model]) -> Model:
    """Plain data as `model`. Raises Refused (INPUT_INVALID)."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        [first, *_] = form_problems(error, model, document, whole="body")
    raise Refused("INPUT_INVALID", f"{first.field}: {first.reason}", first.field)


def idempotency_key(request: Request) -> str:
    """The Idempotency-Key header; "" without one. Raises Refused (KEY_INVALID)."""
    found = ""
    for name, value in request.scope["headers"]:
        if name == b"idempotency-key":
            if found:
                raise Refused("KEY_INVALID", "Idempotency-Key stands more than once; send it once", "Idempotency-Key")
            if not 0 < len(value) <= 200 or any(not 0x21 <= c <= 0x7E for c in value):
                raise Refused(
                    "KEY_INVALID", "Idempotency-Key must be 1 to 200 printable ASCII characters", "Idempotency-Key"
                )
            found = value.decode("ascii")
    return found


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; false without it. Raises Refused (INPUT_INVALID)."""
    if not request.scope["query_string"]:
        return False
    values = request.query_params.getlist(name)
    if not values:
        return False
    if len(values) > 1 or values[0] not in ("true", "false"):
        raise Refused("INPUT_INVALID", f"{name} must be true or false", name)
    return values[0] == "true"


def json_response(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain data as an answer."""
    return Response(orjson.dumps(document), status, headers, "application/json")


def list_response(data: Sequence[Any], **more: Any) -> Response:
    """A list that is short by its nature, whole, with further members."""
    return json_response({"data": data, "next": None, "previous": None, "has_more": False, **more})
