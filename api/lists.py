"""Pages of lists. A cursor is opaque, signed, and carries every other parameter of the list it leads through."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request

from ledger.domain.errors import Refused

CURSOR_LENGTH_MAX: Final = 4_000
_SIGNATURE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class PageAsked:
    """What a list request asks for: its parameters (those of the cursor where one came), and where to go on.

    `at` is what the cursor's maker put in it; None on the first page.
    """

    params: Mapping[str, Any]
    at: Any


class Pages:
    """Makes and reads cursors, signed with a key that all processes share."""

    def __init__(self, signing_key: bytes) -> None:
        self._key = signing_key

    def asked(self, request: Request, params: Mapping[str, Any]) -> PageAsked:
        """The page that a request asks for. `params` are its checked parameters (without `cursor`).

        Raises Refused (CURSOR_INVALID) for a cursor of another list, a changed one, or one with other
        parameters beside it.
        """
        cursors = request.query_params.getlist("cursor")
        if not cursors:
            return PageAsked(params, None)
        if len(cursors) > 1 or len(set(request.query_params.keys())) > 1:
            raise Refused("CURSOR_INVALID", "a cursor carries all other parameters; send it alone", "cursor")
        return self._read(request.url.path, cursors[0])

    def cursor(self, request: Request, params: Mapping[str, Any], at: Any) -> str:
        """A cursor to `at` (plain data) of this request's list with these parameters (plain data)."""
        payload = orjson.dumps([request.url.path, dict(params), at])
        return base64.urlsafe_b64encode(self._sign(payload) + payload).decode().rstrip("=")

    def page(
        self, request: Request, asked: PageAsked, data: Sequence[Any], *, after: Any = None, before: Any = None
    ) -> dict[str, Any]:
        """The body of a page. `after` and `before` say where the next and previous page begin; None: there is none."""
        return {
            "data": data,
            "next": None if after is None else self.cursor(request, asked.params, after),
            "previous": None if before is None else self.cursor(request, asked.params, before),
            "has_more": after is not None,
        }

    def _sign(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]

    def _read(self, path: str, text: str) -> PageAsked:
        refused = Refused("CURSOR_INVALID", "is no cursor of this list; begin again without one", "cursor")
        if len(text) > CURSOR_LENGTH_MAX or not text.isascii():
            raise refused
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise refused from None
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(payload)):
            raise refused
        made_for, params, at = orjson.loads(payload)
        if made_for != path:
            raise refused
        return PageAsked(params, at)
