"""Requests that are no command of a log: what they do they do once in any case, and under an Idempotency-Key they are
answered once, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.access.kept import KeptAnswer, request_sha256
from api.core import core_of, in_thread, principal_of
from api.input import flag, idempotency_key, json_response


async def answered_once(
    request: Request, body: Any, work: Callable[[], Awaitable[tuple[int, dict[str, Any]]]]
) -> Response:
    """The status and document that `work` comes to, or came to when it was asked for under this key. `body` is what the
    request holds, as plain data. A dry run is kept nowhere. Raises Refused (IDEMPOTENCY_CONFLICT)."""
    key = idempotency_key(request)
    if not key or flag(request, "dry_run"):
        status, document = await work()
        return json_response(document, status)
    kept, client, asked = core_of(request).kept, principal_of(request).key_id, asked_sha256(request, body)
    found = await in_thread(request, kept.find, client, key, asked)
    if found is not None:
        return json_response(found.document, 200, {"Idempotency-Hit": "true"})
    status, document = await work()
    await in_thread(request, kept.keep, client, key, asked, KeptAnswer(status, document))
    # Of those that came at once under this key the first is answered; the others are given its answer.
    first = await in_thread(request, kept.find, client, key, asked)
    if first is not None and first.document != document:
        return json_response(first.document, 200, {"Idempotency-Hit": "true"})
    return json_response(document, status)


def asked_sha256(request: Request, body: Any) -> bytes:
    """What a request asks, whoever sends it and whenever: its route, its path and query, and its body as plain data."""
    scope = request.scope
    query = sorted(request.query_params.multi_items())
    return request_sha256(scope["route"].path, scope["path_params"], query, body)
