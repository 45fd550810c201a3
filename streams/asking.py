"""JetStream's API in its own words: a document is sent, a document comes back.

The library's classes know a part of the settings only; what is to be kept and given back as it was stays a document.
"""

from __future__ import annotations

from typing import Any, Final, cast

import orjson
from nats.js.errors import APIError

from streams.connection import API_SECONDS, LOST, Connection, reason_of
from streams.faults import NatsUnreachable

API: Final = "$JS.API."


async def api_ask(connection: Connection, subject: str, document: Any = None) -> dict[str, Any]:
    """What the server answers. Raises the library's APIError for what it refuses, NotFoundError among them;
    NatsUnreachable where it doesn't answer."""
    body = b"" if document is None else orjson.dumps(document)
    try:
        answer = await connection.client.request(API + subject, body, timeout=API_SECONDS)
    except LOST as error:
        raise NatsUnreachable(f"JetStream can't be asked: {reason_of(error)}") from error
    found = cast(dict[str, Any], orjson.loads(answer.data))
    if "error" in found:
        APIError.from_error(found["error"])
    return found
