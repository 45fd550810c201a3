"""Facts, registrations, changes and consents: checked and prepared many at a time, on a draft of the book.

Nothing here is final: a draft is always taken back, and the book changes only by the events that were appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from ledger.domain.book import TRAITS, Book, Customer
from ledger.domain.commands import (
    Answer,
    ChangeCustomer,
    CustomerReference,
    GiveConsent,
    RecordFact,
    RegisterCustomer,
    Request,
    WithdrawConsent,
)
from ledger.domain.errors import Refused
from ledger.domain.events import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerChanged,
    CustomerRegistered,
    Event,
    FactRecorded,
)
from ledger.domain.fact_types import ADJUSTMENT, FactType
from ledger.domain.rows import Row
from ledger.domain.values import customer_id, day_of, day_parse, day_text, text_checked
from ledger.log.types import FactEntry, fact_key

REFERENCE_LENGTH_MAX = 200
NAME_LENGTH_MAX = 200
SMALL_COMMANDS = (RegisterCustomer, ChangeCustomer, GiveConsent, WithdrawConsent, RecordFact)


@dataclass(slots=True)
class Item:
    """One request in a batch: its answer so far, the inputs it appends, and its rows for the engine.

    `provisional` stands for the position of its fact until positions are given out; it orders the batch.
    """

    request: Request
    answer: Answer | None = None
    inputs: list[Event] = field(default_factory=list)  # pyright: ignore[reportUnknownVariableType] - list[Event] takes longer
    rows: Sequence[Row] = ()
    provisional: int = 0
    fact: tuple[UUID, int, bytes] | None = None
    """Key, version and content hash of the fact version it records."""


@dataclass(slots=True)
class Version:
    """A version of a fact in the log, or one recorded earlier in the same batch."""

    version: int
    content_sha256: bytes
    position: int
    customer: int = 0
    state: Mapping[str, Any] | None = None


def content_sha256(fact_type: str, customer: int, occurred_at: str, attributes: Mapping[str, Any]) -> bytes:
    """What makes two versions of a fact the same: type, customer, time and attributes."""
    return hashlib.sha256(
        orjson.dumps([fact_type, customer, occurred_at, attributes], option=orjson.OPT_SORT_KEYS)
    ).digest()


class FactPreparer:
    """Prepares one batch against a book. `known` are the versions of facts found in the log, by key;
    `fetch` reads the customer and state of the fact recorded at a position; `out_of_range` says why no fact can be booked
    on a day, "" where one can; `standing_for` says which customer one was
    merged into, itself where it was not, `has_members` whether any was merged into one."""

    def __init__(
        self,
        book: Book,
        recorded: datetime,
        known: Mapping[UUID, list[FactEntry]],
        fetch: Callable[[int], tuple[int, dict[str, Any]]],
        expand: Callable[..., list[Row]],
        out_of_range: Callable[[int], str],
        provisional_first: int,
        standing_for: Callable[[int], int],
        has_members: Callable[[int], bool],
    ) -> None:
        self.book = book
        self.zone = ZoneInfo(book.timezone)
        self.recorded = recorded
        self.recorded_at = recorded.astimezone(self.zone).isoformat()
        self.today = day_of(recorded.astimezone(self.zone).date())
        self.fetch = fetch
        self.expand = expand
        self.out_of_range = out_of_range
        self.standing_for = standing_for
        self.has_members = has_members
        self.provisional = provisional_first
        self.versions: dict[UUID, list[Version]] = {
            key: [Version(e.version, e.content_sha256, e.position) for e in entries] for key, entries in known.items()
        }
        self._undo: list[Callable[[], object]] = []

    def prepare(self, request: Request) -> Item:
        """Check a request and prepare its inputs and rows; a refusal is its answer and leaves no trace."""
        item = Item(request)
        mark = len(self._undo)
        try:
            self._prepare(item)
        except Refused as refusal:
            self._take_back(mark)
            item.inputs, item.rows, item.fact = [], (), None
            item.answer = Answer("refused", code=refusal.code, reason=refusal.reason, field=refusal.field)
        return item

    def rollback(self) -> None:
        """Take the whole draft back."""
        self._take_back(0)

    def _take_back(self, mark: int) -> None:
        while len(self._undo) > mark:
            self._undo.pop()()

    def _prepare(self, item: Item) -> None:
        command = item.request.command
        actor = item.request.actor
        if isinstance(command, RecordFact):
            self._fact(item, command, actor)
        elif isinstance(command, RegisterCustomer):
            number, event = self._register(command, actor)
            if event is None:
                item.answer = Answer("duplicate", self.book.position, customer_id(number), customer_id(number))
            else:
                item.inputs.append(event)
                item.answer = Answer("accepted", 0, customer_id(number), customer_id(number))
        elif isinstance(command, ChangeCustomer):
            self._change(item, command, actor)
        elif isinstance(command, (GiveConsent, WithdrawConsent)):
            self._consent(item, command, actor)
        else:
            raise TypeError(f"{type(command).__name__} is not prepared here")

    def _base(self, number: int, actor: str) -> dict[str, Any]:
        """What an event of a customer carries; its version in the stream is given when the batch is written."""
        return {
            "originator_id": customer_id(number),
            "originator_version": 0,
            "occurred_at": self.recorded_at,
            "recorded_at": self.recorded_at,
            "actor": actor,
        }

    def _customer(self, text: str) -> Customer:
        return self.book.customers[self._customer_number(text) - 1]

    def _customer_number(self, text: str) -> int:
        number = self.book.customer_find(text) if isinstance(text, str) else 0  # pyright: ignore[reportUnnecessaryIsInstance]
        if number == 0:
            raise Refused("CUSTOMER_UNKNOWN", "no customer has this id; register the customer first", "customer")
        return number

    def _register(self, command: RegisterCustomer, actor: str) -> tuple[int, CustomerRegistered | None]:
        source, reference = _named_by(command)
        known = self.book.references.get((source, reference))
        if known is not None:
            return known, None
        name, traits = _described(command)
        number = len(self.book.customers) + 1
        self.book.customers.append(
            Customer(number, name, tuple(traits.get(t, "") for t in TRAITS), 0, 0)  # pyright: ignore[reportArgumentType]
        )
        self.book.references[(source, reference)] = number
        self._undo.append(self.book.customers.pop)
        self._undo.append(lambda: self.book.references.pop((source, reference)))
        return number, CustomerRegistered(
            **self._base(number, actor), source=source, reference=reference, name=name, traits=traits
        )

    def _change(self, item: Item, command: ChangeCustomer, actor: str) -> None:
        customer = self._customer(command.customer)
        name = None if command.name is None else _text(command.name, NAME_LENGTH_MAX, "name")
        traits = _traits(command.traits, allow_empty=True)
        old: dict[str, str] = dict(zip(TRAITS, customer.traits, strict=True))
        changed = {t: v for t, v in traits.items() if old[t] != v}
        if name == customer.name:
            name = None
        if name is None and not changed:
            item.answer = Answer("duplicate", self.book.position, customer_id(customer.number))
            return
        before = (customer.name, customer.traits)

        def undo() -> None:
            customer.name, customer.traits = before

        self._undo.append(undo)
        customer.name = name or customer.name
        customer.traits = tuple(changed.get(t, old[t]) for t in TRAITS)  # pyright: ignore[reportAttributeAccessIssue]
        item.inputs.append(CustomerChanged(**self._base(customer.number, actor), name=name, traits=changed))
        item.answer = Answer("accepted", 0, customer_id(customer.number))

    def _consent(self, item: Item, command: GiveConsent | WithdrawConsent, actor: str) -> None:
        customer = self._customer(command.customer)
        purpose = _text(command.purpose, 60, "purpose")
        given = isinstance(command, GiveConsent)
        if (purpose in customer.consents) == given:
            item.answer = Answer("duplicate", self.book.position, customer_id(customer.number))
            return
        before = customer.consents

        def undo() -> None:
            customer.consents = before

        self._undo.append(undo)
        customer.consents = before | {purpose} if given else before - {purpose}
        base = self._base(customer.number, actor)
        item.inputs.append(ConsentGiven(**base, purpose=purpose) if given else ConsentWithdrawn(**base, purpose=purpose))
        item.answer = Answer("accepted", 0, customer_id(customer.number))

    def _fact(self, item: Item, command: RecordFact, actor: str) -> None:
        source = _text(command.source, REFERENCE_LENGTH_MAX, "source")
        external_id = _text(command.external_id, REFERENCE_LENGTH_MAX, "external_id")
        fact_type = self.book.fact_types.get(command.fact_type)
        if fact_type is None:
            raise Refused("FACT_TYPE_UNKNOWN", "no such fact type is declared", "fact_type")
        if fact_type.id == ADJUSTMENT and not item.request.may_adjust:
            raise _adjustment_denied()
        occurred_at, occurred_day = self._occurred(command.occurred)
        attributes, problems = fact_type.parse(command.attributes, self.book.customer_find)
        if problems:
            raise Refused(
                "FACT_INVALID", "; ".join(f"{p.field} {p.reason}" for p in problems), problems[0].field
            )
        booked_day = self.book.booked_day(occurred_day)
        number = self.standing_for(self._fact_customer(command, item, actor))
        key = fact_key(source, external_id)
        versions = self.versions.setdefault(key, [])
        if versions:
            family = self._family(number, versions)
            number = family[0]
            contents = {content_sha256(fact_type.id, c, occurred_at, attributes) for c in family}
            if self._same(contents, versions, revert=command.revert):
                item.answer = self._duplicate(versions[-1], number, external_id)
                return
        for name in fact_type.customers:
            if attributes.get(name) == number:
                raise Refused("FACT_INVALID", f"{name} names the customer itself", name)
        content = content_sha256(fact_type.id, number, occurred_at, attributes)
        if versions or fact_type.once is not None:
            self._once(fact_type, attributes, (source, external_id))
        previous = self._read(versions[-1]) if versions else None
        before = (previous.customer, previous.state) if previous and previous.state is not None else None
        if before is not None and before[1]["fact_type"] == ADJUSTMENT and not item.request.may_adjust:
            raise _adjustment_denied()
        # Last of all: what the batch has open counts only facts that are not refused.
        too_many = self.out_of_range(booked_day)
        if too_many:
            raise Refused("FACT_MONTHS_OPEN", too_many, "occurred")
        event = FactRecorded(
            originator_id=customer_id(number), originator_version=0, occurred_at=occurred_at or self.recorded_at,
            recorded_at=self.recorded_at, actor=actor,
            fact_type=fact_type.id, source=source, external_id=external_id,
            occurred_on=day_text(occurred_day), booked_on=day_text(booked_day), attributes=attributes,
            version=previous.version + 1 if previous else 1, corrects=previous.position if previous else 0,
        )  # fmt: skip
        state = event.__dict__
        item.provisional = self.provisional
        self.provisional += 1
        item.rows = self.expand(item.provisional, number, state, before)
        item.inputs.append(event)
        item.fact = (key, event.version, content)
        versions.append(Version(event.version, content, item.provisional, number, state))
        item.answer = Answer("corrected" if previous else "accepted", 0, customer_id(number), external_id)

    @staticmethod
    def _same(contents: Set[bytes], versions: list[Version], *, revert: bool) -> bool:
        """Whether a fact with these versions has such content already; going back to an earlier one has to be asked for."""
        if versions[-1].content_sha256 in contents:
            return True
        return not revert and any(v.content_sha256 in contents for v in versions)

    def _family(self, number: int, versions: list[Version]) -> list[int]:
        """Whose a fact with these versions may be by now, first of all whose it is: of the customer that it was recorded
        for last, where that one was merged into this one since, otherwise of this one. So nothing that happened before
        a merging moves because of it."""
        if not self.has_members(number):
            return [number]
        before = [self._read(version).customer for version in reversed(versions)]
        merged = [c for c in before if self.standing_for(c) == number]
        return list(dict.fromkeys([*merged, number] if merged[:1] == before[:1] else [number, *merged]))

    def _read(self, version: Version) -> Version:
        """A version with its customer and state."""
        if version.state is None:
            version.customer, version.state = self.fetch(version.position)
        return version

    def _duplicate(self, version: Version, number: int, external_id: str) -> Answer:
        # A version of this very batch has no position yet: its item's answer will bear it.
        return Answer("duplicate", version.position, customer_id(number), external_id)

    def _fact_customer(self, command: RecordFact, item: Item, actor: str) -> int:
        if isinstance(command.customer, CustomerReference):
            source = _text(command.customer.source, REFERENCE_LENGTH_MAX, "customer")
            reference = _text(command.customer.reference, REFERENCE_LENGTH_MAX, "customer")
            number = self.book.references.get((source, reference))
            if number is not None:
                return number
            if command.registration is None:
                raise Refused(
                    "CUSTOMER_UNKNOWN", "no customer is registered under this reference; register it first", "customer"
                )
            registration = replace(command.registration, source=source, reference=reference)
            number, event = self._register(registration, actor)
            if event is not None:
                item.inputs.append(event)
            return number
        return self._customer_number(command.customer)

    def _once(self, fact_type: FactType, attributes: Mapping[str, Any], key: tuple[str, str]) -> None:
        """Claim the customer that a fact of this type may be alone to name; what the fact itself claimed before it lets
        go of, be it known yet that it is there or not."""
        once = self.book.once
        released = once.release(key)
        named = attributes.get(fact_type.once) if fact_type.once else None
        claim = (fact_type.id, named) if named is not None else None
        taken = claim is not None and claim in once
        if claim is not None and not taken:
            once[claim] = key

        def undo() -> None:
            if claim is not None and not taken:
                del once[claim]
            if released is not None:
                once[released] = key

        self._undo.append(undo)
        if taken:
            name = fact_type.once or ""
            raise Refused("FACT_ONCE_ONLY", f"{name} was named by an earlier fact; once is all", name)

    def _occurred(self, raw: object) -> tuple[str, int]:
        """When a fact occurred: as it is recorded, and the day in the ledger's time zone."""
        if isinstance(raw, str) and len(raw) > 10:
            try:
                moment = datetime.fromisoformat(raw)
            except ValueError:
                raise Refused("FACT_INVALID", "the date is no ISO date or date-time", "occurred") from None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self.zone)
            try:
                local = moment.astimezone(self.zone)
            except OverflowError:
                raise Refused("FACT_INVALID", "the date lies outside 1970 to 2149", "occurred") from None
            text, value = local.isoformat(), local.date()
        else:
            text, value = raw if isinstance(raw, str) else "", raw
        try:
            day = day_parse(value if isinstance(value, date) else raw)
        except ValueError as error:
            raise Refused("FACT_INVALID", f"the date {error}", "occurred") from None
        if day > self.today + 1:
            raise Refused("FACT_IN_FUTURE", "the date lies in the future", "occurred")
        return text, day


def registration_checked(command: RegisterCustomer) -> tuple[str, str, str, dict[str, str]]:
    """Source, reference, name and traits of a registration as they are recorded. Raises Refused."""
    return *_named_by(command), *_described(command)


def _named_by(command: RegisterCustomer) -> tuple[str, str]:
    return _text(command.source, REFERENCE_LENGTH_MAX, "source"), _text(command.reference, REFERENCE_LENGTH_MAX, "reference")


def _described(command: RegisterCustomer) -> tuple[str, dict[str, str]]:
    return _text(command.name, NAME_LENGTH_MAX, "name"), _traits(command.traits, allow_empty=False)


def _adjustment_denied() -> Refused:
    return Refused("ADJUSTMENT_DENIED", "points are moved by hand, and back, by operators and admins", "fact_type")


def _text(raw: object, length_max: int, name: str) -> str:
    try:
        return text_checked(raw, length_max)
    except ValueError as error:
        raise Refused("TEXT_INVALID", f"{name} {error}", name) from None


def _traits(raw: Mapping[str, str], *, allow_empty: bool) -> dict[str, str]:
    traits: dict[str, str] = {}
    for name, value in raw.items():
        if name not in TRAITS:
            raise Refused("TRAIT_UNKNOWN", f"rules weigh {', '.join(TRAITS)} only", "traits")
        if value == "" or value is None:  # pyright: ignore[reportUnnecessaryComparison]
            if allow_empty:
                traits[name] = ""
            continue
        traits[name] = _text(value, 100, name)
    return traits
