"""Everything that can be asked, each as a call. Nothing here talks to anybody."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from plumbline_client.core import Call, Page, body_of, key_new, page_of, part
from plumbline_client.results import (
    Answer,
    Balance,
    Customer,
    Event,
    HistoryEntry,
    Job,
    KeyMade,
    LedgerStatus,
    Rehearsal,
    RuleChange,
    RuleSet,
    Tags,
    Tier,
    Totals,
    ViewStatus,
    read,
)

T = TypeVar("T")
Reference = Mapping[str, str]
"""How a source calls a customer: {"source": …, "reference": …}."""


def _as(cls: type[T]) -> Callable[[Any], T]:
    return lambda document: read(cls, document)


def fact(
    fact_type: str,
    customer: str | Reference,
    occurred_at: str,
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
    Decimal attributes are given as text ("1234.50"), never as floats.
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


class Ledger:
    """One ledger. Every method gives a call for a client to send; writes get a key of their own unless one is given."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._root = f"/v1/ledgers/{part(name)}"

    def __repr__(self) -> str:
        return f"Ledger({self.name!r})"

    def _read(self, path: str, parse: Callable[[Any], T], *, waits: bool = False, **params: Any) -> Call[T]:
        return Call("GET", self._root + path, parse, params, waits=waits, ledger=self.name)

    def _write(self, path: str, document: Any, key: str) -> Call[Answer]:
        return Call(
            "POST", self._root + path, _as(Answer), body=body_of(document), key=key or key_new(), ledger=self.name
        )

    def _start(self, path: str, document: Any = None, **params: Any) -> Call[Job]:
        body = None if document is None else body_of(document)
        return Call("POST", self._root + path, _as(Job), params, body, repeatable=False, ledger=self.name)

    def status(self) -> Call[LedgerStatus]:
        """The ledger as it stands."""
        return self._read("", _as(LedgerStatus))

    def views(self) -> Call[Page[ViewStatus]]:
        """How far each view has followed the log."""
        return self._read("/views", page_of(_as(ViewStatus)))

    def close_for_good(self, reason: str, *, key: str = "") -> Call[Answer]:
        """Close the books for good."""
        return self._write("/close", {"reason": reason}, key)

    def days_close(self, through: str, *, key: str = "") -> Call[Answer]:
        """Let time pass through a day: at month ends points expire and tiers are reviewed."""
        return self._write("/days/close", {"through": through}, key)

    # facts

    def record(
        self,
        fact_type: str,
        customer: str | Reference,
        occurred_at: str,
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

    # customers

    def register(
        self, source: str, reference: str, name: str, *, traits: Mapping[str, str] | None = None, key: str = ""
    ) -> Call[Answer]:
        """Register a customer under a source's reference; its id is the answer's `customer`."""
        document = {"source": source, "reference": reference, "name": name, "traits": dict(traits or {})}
        return self._write("/customers", document, key)

    def change(
        self, customer: str, *, name: str | None = None, traits: Mapping[str, str] | None = None, key: str = ""
    ) -> Call[Answer]:
        """Change a customer's name or traits; an empty trait clears it."""
        document: dict[str, Any] = {"traits": dict(traits or {})}
        if name is not None:
            document["name"] = name
        return self._write(f"/customers/{part(customer)}/change", document, key)

    def consent(self, customer: str, purpose: str, *, given: bool = True, key: str = "") -> Call[Answer]:
        """Record that a customer agrees to a purpose, or no longer does."""
        return self._write(f"/customers/{part(customer)}/consents", {"purpose": purpose, "given": given}, key)

    def customer(self, customer: str) -> Call[Customer]:
        """A customer as it is now."""
        return self._read(f"/customers/{part(customer)}", _as(Customer), waits=True)

    def customers(
        self,
        *,
        search: str | None = None,
        region: str | None = None,
        industry: str | None = None,
        customer_type: str | None = None,
        source: str | None = None,
        reference: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[Customer]]:
        """Customers: all, of some traits, by a source's reference, or found by part of the name or its pinyin."""
        return self._read(
            "/customers", page_of(_as(Customer)), waits=True, search=search, region=region, industry=industry,
            customer_type=customer_type, source=source, reference=reference, limit=limit,
        )  # fmt: skip

    # points

    def balance(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Balance]:
        """What a customer has now, had at the end of a day, or had as known at a time."""
        path = f"/customers/{part(customer)}/balance"
        return self._read(path, Balance.of, waits=True, as_of=as_of, as_known_at=as_known_at)

    def totals(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Totals]:
        """What a customer's points come to, now, as of a day, or as known at a time."""
        path = f"/customers/{part(customer)}/totals"
        return self._read(path, _as(Totals), waits=True, as_of=as_of, as_known_at=as_known_at)

    def tier(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Tier]:
        """A customer's tier."""
        path = f"/customers/{part(customer)}/tier"
        return self._read(path, _as(Tier), waits=True, as_of=as_of, as_known_at=as_known_at)

    def tags(self, customer: str, *, as_of: str | None = None, as_known_at: str | None = None) -> Call[Tags]:
        """A customer's tags and credit grade."""
        path = f"/customers/{part(customer)}/tags"
        return self._read(path, _as(Tags), waits=True, as_of=as_of, as_known_at=as_known_at)

    def history(
        self,
        customer: str,
        *,
        newest_first: bool = False,
        as_of: str | None = None,
        as_known_at: str | None = None,
        limit: int | None = None,
    ) -> Call[Page[HistoryEntry]]:
        """Every event of a customer, with who, why and what arithmetic."""
        return self._read(
            f"/customers/{part(customer)}/history", page_of(_as(HistoryEntry)), waits=True,
            sort="position:desc" if newest_first else None, as_of=as_of, as_known_at=as_known_at, limit=limit,
        )  # fmt: skip

    def award_explanation(self, customer: str, position: int) -> Call[dict[str, Any]]:
        """Why the award at a position is what it is."""
        return self._read(f"/customers/{part(customer)}/awards/{position}/explanation", dict, waits=True)

    def balance_explanation(self, customer: str) -> Call[dict[str, Any]]:
        """What a balance is made of, rule by rule."""
        return self._read(f"/customers/{part(customer)}/balance/explanation", dict, waits=True)

    def tier_explanation(self, customer: str) -> Call[dict[str, Any]]:
        """Why a customer has its tier."""
        return self._read(f"/customers/{part(customer)}/tier/explanation", dict, waits=True)

    def report(self, path: str, **params: Any) -> Call[Page[dict[str, Any]]]:
        """A report by its path below `reports/`: leaderboards, campaigns, alerts …"""
        return self._read(f"/reports/{path}", page_of(dict[str, Any]), waits=True, **params)

    # the log

    def events(self, *, after: int = 0, event: str | None = None, limit: int | None = None) -> Call[Page[Event]]:
        """Events in order of position."""
        return self._read("/events", page_of(_as(Event)), after=after, event=event, limit=limit)

    # rules

    def rule_sets(self) -> Call[Page[RuleSet]]:
        """Rule sets and what became of them."""
        return self._read("/rule-sets", page_of(_as(RuleSet)))

    def rule_set(self, rule_set: str) -> Call[RuleSet]:
        """A rule set with its document and its rules in words."""
        return self._read(f"/rule-sets/{part(rule_set)}", _as(RuleSet))

    def rule_sets_diff(self, old: str, new: str) -> Call[list[RuleChange]]:
        """What changes from one rule set to another, in words."""
        path = f"/rule-sets/{part(old)}/diff/{part(new)}"
        return self._read(path, lambda document: [read(RuleChange, c) for c in document["changes"]])

    def rule_set_propose(self, document: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Propose a rule set; its id is the answer's `id`."""
        return self._write("/rule-sets", dict(document), key)

    def rule_set_approve(self, rule_set: str, *, run: str | None = None, key: str = "") -> Call[Answer]:
        """Approve a rule set that somebody else proposed."""
        return self._write(f"/rule-sets/{part(rule_set)}/approve", {"run": run}, key)

    def rule_set_activate(self, rule_set: str, effective_from: str, *, key: str = "") -> Call[Answer]:
        """Let an approved rule set decide what is booked from a date on."""
        return self._write(f"/rule-sets/{part(rule_set)}/activate", {"effective_from": effective_from}, key)

    def fact_type_declare(self, document: Mapping[str, Any], *, key: str = "") -> Call[Answer]:
        """Declare a fact type."""
        return self._write("/fact-types", dict(document), key)

    # jobs

    def replay(
        self,
        *,
        rules: Mapping[str, Any] | None = None,
        rule_set: str | None = None,
        day_from: str | None = None,
        customers: Sequence[str] = (),
    ) -> Call[Job]:
        """Try other rules over the same facts; wait for the job with the client's `wait`.

        For `customers` the result has the clause behind every point that changes.
        """
        document = {
            "rules": None if rules is None else dict(rules), "rule_set": rule_set, "day_from": day_from,
            "customers": list(customers),
        }  # fmt: skip
        return self._start("/replays", document)

    def replay_recorded(self) -> Call[Job]:
        """Decide everything again by the rules that were in force, and compare with the record."""
        return self._start("/replays", {"recorded": True})

    def replay_customers(self, job: str) -> Call[Page[dict[str, Any]]]:
        """Every customer that a replay changes."""
        return self._read(f"/replays/{part(job)}/customers", page_of(dict[str, Any]))

    def import_file(
        self, filename: str, content: bytes, mapping: str | Mapping[str, Any], *, dry_run: bool = False
    ) -> Call[Job]:
        """Import a file by a mapping (a built-in one's name, or a document)."""
        document = {
            "filename": filename, "content": base64.b64encode(content).decode(),
            "mapping": mapping if isinstance(mapping, str) else dict(mapping),
        }  # fmt: skip
        return self._start("/imports", document, dry_run="true" if dry_run else None)

    def import_rejected(self, job: str) -> Call[Page[dict[str, Any]]]:
        """The rows that an import refused, with field and reason."""
        return self._read(f"/imports/{part(job)}/rejected", page_of(dict[str, Any]))

    def view_rebuild(self, view: str) -> Call[Job]:
        """Build a view anew beside the live one."""
        return self._start(f"/views/{part(view)}/rebuild")

    def job(self, kind: str, job: str) -> Call[Job]:
        """A job ("replay", "import" or "rebuild") as it stands."""
        return self._read(f"/{kind}s/{part(job)}", _as(Job))


def rehearsed(call: Call[Answer]) -> Call[Rehearsal]:
    """The same write as a dry run: what it would come to."""
    return Call(
        call.method, call.path, Rehearsal.of, {**call.params, "dry_run": "true"}, call.body, call.content_type,
        ledger=call.ledger,
    )  # fmt: skip


class Admin:
    """What concerns no single ledger."""

    @staticmethod
    def ledgers() -> Call[Page[str]]:
        """The names of the ledgers."""
        return Call("GET", "/v1/ledgers", page_of(lambda entry: str(entry["ledger"])))

    @staticmethod
    def ledger_create(name: str) -> Call[Answer]:
        """Create a ledger; the one of this name where it is there already."""
        return Call("POST", "/v1/ledgers", _as(Answer), body=body_of({"name": name}))

    @staticmethod
    def key_create(
        actor: str, role: str, *, ledgers: list[str] | None = None, customer: str | None = None
    ) -> Call[KeyMade]:
        """Make a key of the API."""
        document = {"actor": actor, "role": role, "ledgers": ledgers, "customer": customer}
        given = {name: value for name, value in document.items() if value is not None}
        return Call("POST", "/v1/keys", _as(KeyMade), body=body_of(given), repeatable=False)

    @staticmethod
    def key_revoke(key_id: str) -> Call[dict[str, Any]]:
        """End a key for good."""
        return Call("DELETE", f"/v1/keys/{part(key_id)}", dict)

    @staticmethod
    def ready() -> Call[dict[str, Any]]:
        """Whether the service is ready. Raises ApiError while it is not."""
        return Call("GET", "/ready", dict)
