"""Pages of lists. A cursor is opaque, signed, and carries every other parameter of the list it leads through."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from starlette.requests import Request

from ledger.domain.errors import Refused
from ledger.log.pages import Seek

CURSOR_LENGTH_MAX: Final = 4_000
_SIGNATURE_BYTES: Final = 16

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """What a list request asks for: its parameters (those of the cursor where one came), and where to go on.

    `at` is what the cursor's maker put in it, None on the first page; `backwards`: the page that ends just before it.
    """

    params: Mapping[str, Any]
    at: Any
    backwards: bool = False

    @property
    def size(self) -> int:
        """How many rows the page has at most; one more is read, to see whether it is the last."""
        return self.params["limit"]

    @property
    def seek(self) -> Seek:
        """Which page of a list of keys."""
        return Seek(None if self.at is None else tuple(self.at), self.backwards)


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

    def cursor(self, request: Request, params: Mapping[str, Any], at: Any, *, backwards: bool = False) -> str:
        """A cursor to `at` (plain data) of this request's list with these parameters (plain data)."""
        payload = orjson.dumps([request.url.path, dict(params), at, backwards])
        return base64.urlsafe_b64encode(self._sign(payload) + payload).decode().rstrip("=")

    def page(
        self, request: Request, asked: PageAsked, data: Sequence[Any], *, after: Any = None, before: Any = None
    ) -> dict[str, Any]:
        """The body of a page. `after` and `before` say where the next and previous page begin; None: there is none."""
        return {
            "data": data,
            "next": None if after is None else self.cursor(request, asked.params, after),
            "previous": None if before is None else self.cursor(request, asked.params, before, backwards=True),
            "has_more": after is not None,
        }

    def listed(
        self,
        request: Request,
        asked: PageAsked,
        rows: Sequence[Row],
        key: Callable[[Row], tuple[Any, ...]],
        document: Callable[[Row], Any],
    ) -> dict[str, Any]:
        """The body of a page of rows with keys (plain data), read by `asked.seek` with one more than `asked.size`."""
        back, size = asked.backwards, asked.size
        more = len(rows) > size
        shown = rows[-size:] if back else rows[:size]
        # Where one came from there is another page; on the other side, where one more row was found.
        is_first, is_last = (not more, False) if back else (asked.at is None, not more)
        return self.page(
            request, asked, [document(row) for row in shown],
            after=key(shown[-1]) if shown and not is_last else None,
            before=key(shown[0]) if shown and not is_first else None,
        )  # fmt: skip

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
        made_for, *rest = orjson.loads(payload)
        if made_for != path or len(rest) != 3:
            raise refused
        return PageAsked(*rest)
