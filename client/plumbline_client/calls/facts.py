"""Facts: recorded, corrected, in bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import LINES, Call, body_of, key_new, part
from plumbline_client.results import Answer, LineResult

Reference = Mapping[str, str]
"""How a source calls a customer: {"source": …, "reference": …}."""


def fact(
    fact_type: str,
    customer: str | Reference,
    occurred_at: str | date,
    *,
    source: str,
    external_id: str,
    registration: Mapping[str, Any] | None = None,
    revert: bool = False,
    key: str = "",
    **attributes: Any,
) -> dict[str, Any]:
    """A fact as the API takes it: what happened, to whom, when, under which id of which source.

    `registration` (source, reference, name, traits) registers the customer where the source's reference is new.
    Decimal attributes are given as Decimal or text ("1234.50"), never as floats; days and times as `date`, `datetime`
    or ISO text.
    """
    document: dict[str, Any] = {
        "source": source, "external_id": external_id, "fact_type": fact_type, "customer": customer,
        "occurred_at": occurred_at, "attributes": attributes,
    }  # fmt: skip
    if registration is not None:
        document["registration"] = dict(registration)
    if revert:
        document["revert"] = True
    if key:
        document["key"] = key
    return document


class FactCalls(LedgerCalls):
    """Facts of a ledger."""

    def record(
        self,
        fact_type: str,
        customer: str | Reference,
        occurred_at: str | date,
        *,
        source: str,
        external_id: str,
        registration: Mapping[str, Any] | None = None,
        revert: bool = False,
        key: str = "",
        **attributes: Any,
    ) -> Call[Answer]:
        """Record a fact; see `fact`. The same id with other content corrects it."""
        document = fact(
            fact_type, customer, occurred_at, source=source, external_id=external_id, registration=registration,
            revert=revert, **attributes,
        )  # fmt: skip
        return self._write("/facts", document, key)

    def correct(
        self,
        source: str,
        external_id: str,
        fact_type: str,
        customer: str | Reference,
        occurred_at: str | date,
        *,
        revert: bool = False,
        key: str = "",
        **attributes: Any,
    ) -> Call[Answer]:
        """Give a fact that is there another content; `revert` allows one that it had before."""
        document = {
            "fact_type": fact_type, "customer": customer, "occurred_at": occurred_at, "attributes": attributes,
            "revert": revert,
        }  # fmt: skip
        return self._write(f"/facts/{part(source)}/{part(external_id)}/correct", document, key)

    def record_lines(
        self, facts: Iterable[Mapping[str, Any]], *, atomic: bool = False, dry_run: bool = False
    ) -> Call[list[LineResult]]:
        """Record facts (see `fact`) in one request, a result for each; with `atomic` all or none.

        Each gets a key where it has none. The client's `record_many` sends any number, and lines again whose fate is
        unknown.
        """
        keyed = ({**given, "key": given.get("key") or key_new()} for given in facts)
        params = {"atomic": "true" if atomic else None, "dry_run": "true" if dry_run else None}
        return Call(
            "POST", self._root + "/facts/bulk", list[LineResult], params,
            b"".join(body_of(document) + b"\n" for document in keyed), LINES, ledger=self.name,
        )  # fmt: skip
