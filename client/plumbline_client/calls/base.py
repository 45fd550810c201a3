"""What all calls of a ledger are made with."""

from __future__ import annotations

from typing import Any, TypeVar

from plumbline_client.core import Call, body_of, key_new, part
from plumbline_client.results import Answer, LeadAnswer, LeadRehearsal, Rehearsal

T = TypeVar("T")


class LedgerCalls:
    """Calls of one ledger."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._root = f"/v1/ledgers/{part(name)}"

    def __repr__(self) -> str:
        return f"Ledger({self.name!r})"

    def _read(self, path: str, form: type[T], *, waits: bool = False, **params: Any) -> Call[T]:
        return Call("GET", self._root + path, form, params, waits=waits, ledger=self.name)

    def _write(self, path: str, document: Any, key: str) -> Call[Answer]:
        """A command: with its key it takes effect once."""
        return Call("POST", self._root + path, Answer, body=body_of(document), key=key or key_new(), ledger=self.name)

    def _do(self, path: str, form: type[T], document: Any = None, *, key: str, **params: Any) -> Call[T]:
        """What is no command of the log: under its key it is done once, too."""
        body = None if document is None else body_of(document)
        return Call("POST", self._root + path, form, params, body, key=key or key_new(), ledger=self.name)


def rehearsed(call: Call[Answer]) -> Call[Rehearsal]:
    """The same write as a dry run: what it would come to."""
    form = LeadRehearsal if call.form is LeadAnswer else Rehearsal
    return Call(
        call.method, call.path, form, {**call.params, "dry_run": "true"}, call.body, call.content_type,
        ledger=call.ledger,
    )  # fmt: skip
