"""The rarer commands, decided one at a time: fact types, rule sets and their life, the opening of the books.

Each gives the events to append, or an answer that nothing is to be done; a refusal is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from ledger.domain.book import Book
from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    CloseLedger,
    DeclareFactType,
    ProposeRuleSet,
    Request,
)
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.domain.events import (
    STREAM_FACT_TYPES,
    STREAM_LEDGER,
    STREAM_RULEBOOK,
    Event,
    FactTypeDeclared,
    LedgerClosed,
    LedgerOpened,
    RuleSetActivated,
    RuleSetApproved,
    RuleSetProposed,
)
from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.domain.rows import Vocabulary
from ledger.domain.values import DAY_FIRST, day_parse, day_text, text_fault
from ledger.rules.compile import Activation, program_compile, sums_check
from ledger.rules.document import RuleSet, canonical_bytes, rule_set_parse
from ledger.standard import fact_types_standard, rules_standard
from ledger.writer.state import LedgerState
from ledger.writer.submissions import LEDGER_CLOSED

MAKER = "plumbline"
"""Who proposed the standard rule set: the product's makers, so that the person who opens the books can approve it."""


class OrderDecider:
    """Decides one order against the book. `recorded` is now."""

    def __init__(self, book: Book, recorded: datetime) -> None:
        self.book = book
        self.recorded_at = recorded.astimezone(ZoneInfo(book.timezone)).isoformat()

    def _base(self, stream: str, actor: str, ahead: int = 1) -> dict[str, Any]:
        return {
            "originator_id": stream,
            "originator_version": self.book.version(stream) + ahead,
            "occurred_at": self.recorded_at,
            "recorded_at": self.recorded_at,
            "actor": actor,
        }

    def open(self, ledger: str, timezone: str, actor: str) -> list[Event]:
        """The first events of a ledger: it is opened with the standard fact types and the standard rule set."""
        events: list[Event] = [LedgerOpened(**self._base(STREAM_LEDGER, actor), ledger=ledger, timezone=timezone)]
        for i, document in enumerate(fact_types_standard(), 1):
            parsed = fact_type_parse(document)
            events.append(
                FactTypeDeclared(
                    **self._base(STREAM_FACT_TYPES, MAKER, i), fact_type=parsed.id, document=parsed.document()
                )
            )
        rules = rule_set_parse(rules_standard())
        name = "RS-0001"
        events.append(
            RuleSetProposed(
                **self._base(STREAM_RULEBOOK, MAKER, 1), rule_set=name, document=rules.document, sha256=rules.sha256
            )
        )
        events.append(RuleSetApproved(**self._base(STREAM_RULEBOOK, actor, 2), rule_set=name))
        events.append(
            RuleSetActivated(
                **self._base(STREAM_RULEBOOK, actor, 3), rule_set=name, effective_from=day_text(DAY_FIRST)
            )
        )
        return events

    def close(self, command: CloseLedger, actor: str) -> tuple[list[Event], Answer]:
        """The books are closed for good. Raises Refused without a reason."""
        reason = command.reason.strip()
        if not reason:
            raise Refused("REASON_MISSING", "say why the books are closed", "reason")
        event = LedgerClosed(**self._base(STREAM_LEDGER, actor), reason=reason)
        return [event], Answer("accepted", id=self.book.ledger)

    def declare(self, command: DeclareFactType, actor: str) -> tuple[list[Event], Answer]:
        """A new fact type, or one that gains optional attributes and values. Raises Refused."""
        try:
            new = fact_type_parse(command.document)
        except DocumentInvalid as invalid:
            raise Refused("FACT_TYPE_INVALID", str(invalid), invalid.problems[0].field) from None
        _texts_check(new.document(), "FACT_TYPE_INVALID")
        old = self.book.fact_types.get(new.id)
        if old is not None:
            if old.document() == new.document():
                return [], Answer("duplicate", self.book.position, id=new.id)
            _extends(old, new)
            self._still_compiles(new)
        event = FactTypeDeclared(**self._base(STREAM_FACT_TYPES, actor), fact_type=new.id, document=new.document())
        return [event], Answer("accepted", id=new.id)

    def _still_compiles(self, new: FactType) -> None:
        """Every rule set that was ever activated must go on compiling with the changed type, and its sums have the room that
        they have now. Raises Refused."""
        types = {**self.book.fact_types, new.id: new}
        activations = activations_of(self.book)
        try:
            program_compile(activations, list(types.values()), Vocabulary())
            for activation in activations:
                if _sums_fit(activation.rules, self.book.fact_types):
                    sums_check(activation.rules, types)
        except DocumentInvalid as invalid:
            raise Refused(
                "FACT_TYPE_CONFLICT", f"an active rule set doesn't fit it: {invalid}; add a new fact type instead", new.id
            ) from None

    def propose(self, command: ProposeRuleSet, actor: str) -> tuple[list[Event], Answer]:
        """A rule set, checked against the fact types and for overflow. Raises Refused."""
        rules = rule_set_check(command.document, self.book)
        _texts_check(rules.document, "RULESET_INVALID")
        for entry in self.book.rule_sets.values():
            if entry.sha256 == rules.sha256:
                return [], Answer("duplicate", self.book.position, id=entry.rule_set)
        name = f"RS-{len(self.book.rule_sets) + 1:04d}"
        event = RuleSetProposed(
            **self._base(STREAM_RULEBOOK, actor), rule_set=name, document=rules.document, sha256=rules.sha256
        )
        return [event], Answer("accepted", id=name)

    def approve(self, command: ApproveRuleSet, actor: str) -> tuple[list[Event], Answer]:
        """Another person's consent. Raises Refused."""
        entry = self.book.rule_sets.get(command.rule_set)
        if entry is None:
            raise Refused("RULESET_UNKNOWN", "no rule set has this id; `plumbline rules show` lists them", "rule_set")
        if entry.approved_by:
            return [], Answer("duplicate", self.book.position, id=entry.rule_set)
        if entry.proposed_by == actor:
            raise Refused("RULESET_SELF_APPROVAL", "who proposed a rule set can't approve it; ask another person", "actor")
        if command.run is not None and not (0 < len(command.run) <= 100 and command.run.isascii()):
            raise Refused("RUN_INVALID", "is no id of a run", "run")
        event = RuleSetApproved(**self._base(STREAM_RULEBOOK, actor), rule_set=entry.rule_set, run=command.run)
        return [event], Answer("accepted", id=entry.rule_set)

    def activate(self, command: ActivateRuleSet, actor: str) -> tuple[list[Event], Answer]:
        """From a booked date on, for facts recorded from now on. Raises Refused."""
        entry = self.book.rule_sets.get(command.rule_set)
        if entry is None:
            raise Refused("RULESET_UNKNOWN", "no rule set has this id; `plumbline rules show` lists them", "rule_set")
        if not entry.approved_by:
            raise Refused("RULESET_NOT_APPROVED", "another person has to approve it first", "rule_set")
        try:
            day = day_parse(command.effective_from)
        except ValueError as error:
            raise Refused("DATE_INVALID", f"the date {error}", "effective_from") from None
        if self.book.activations:
            last = self.book.activations[-1]
            if (last.rule_set, last.day_from) == (entry.rule_set, day):
                return [], Answer("duplicate", self.book.position, id=entry.rule_set)
        rule_set_check(entry.document, self.book)
        event = RuleSetActivated(
            **self._base(STREAM_RULEBOOK, actor), rule_set=entry.rule_set, effective_from=day_text(day)
        )
        return [event], Answer("accepted", id=entry.rule_set)


def rule_set_check(document: Mapping[str, Any], book: Book) -> RuleSet:
    """A rule set that this ledger can run: well formed, fitting its fact types, together with those in force.

    Raises Refused, naming every fault and its place.
    """
    try:
        rules = rule_set_parse(document)
        program_compile([*activations_of(book), Activation("new", rules, 0, 0)], list(book.fact_types.values()), Vocabulary())
        sums_check(rules, book.fact_types)
    except DocumentInvalid as invalid:
        raise Refused("RULESET_INVALID", str(invalid), invalid.problems[0].field) from None
    canonical_bytes(rules.document)
    return rules


def _sums_fit(rules: RuleSet, fact_types: Mapping[str, FactType]) -> bool:
    """Whether the sums of a rule set have room; those of one that was in force before that was asked may have none."""
    try:
        sums_check(rules, fact_types)
    except DocumentInvalid:
        return False
    return True


def _texts_check(document: object, code: str, place: str = "") -> None:
    """Raises Refused for a text of a new document that can't be stored. Documents on record are read as they are."""
    if isinstance(document, str):
        fault = text_fault(document, lines=True)
        if fault is not None:
            raise Refused(code, f"{place} {fault}", place)
    elif isinstance(document, (dict, list)):
        parts = cast("dict[str, Any] | list[Any]", document)
        for key, part in parts.items() if isinstance(parts, dict) else enumerate(parts):
            _texts_check(part, code, f"{place}.{key}".lstrip("."))


def activations_of(book: Book) -> list[Activation]:
    """Every activation of the book with its rule set."""
    return [
        Activation(a.rule_set, rule_set_parse(book.rule_sets[a.rule_set].document), a.day_from, a.position)
        for a in book.activations
    ]


def _extends(old: FactType, new: FactType) -> None:
    """Facts of the old form must stay readable: nothing is removed, moved or narrowed. Raises Refused."""

    def refuse(place: str, reason: str) -> Refused:
        return Refused("FACT_TYPE_CONFLICT", f"{place} {reason}; add a new fact type instead", place)

    if list(new.columns)[: len(old.columns)] != list(old.columns):
        if [name for name in new.columns if name in old.columns] == list(old.columns):
            # What is derived stands behind the attributes, and would have another place in facts that are there.
            raise refuse("attributes", "that rules can weigh can't be added where numbers are derived from dates")
        raise refuse("attributes", "were removed or reordered")
    for name, attribute in new.attributes.items():
        before = old.attributes.get(name)
        if before is None:
            if attribute.required:
                raise refuse("attributes", "have one that is new and required")
            continue
        if before.type != attribute.type:
            raise refuse(name, "changes its type")
        if before.type == "number" and attribute.type == "number":
            low, high = before.bounds
            if before.places != attribute.places or attribute.bounds[0] > low or attribute.bounds[1] < high:
                raise refuse(name, "changes its decimals or narrows its bounds")
        if before.type == "enum" and attribute.type == "enum":
            kept = list(attribute.values)[: len(before.values)]
            if kept != list(before.values):
                raise refuse(name, "removes or reorders values")
        if before.type == "customer" and attribute.type == "customer":
            same = (before.role, before.once) == (attribute.role, attribute.once)
            if not same:
                raise refuse(name, "changes its role")
        if attribute.required and not before.required:
            raise refuse(name, "becomes required")
    for name in old.attributes:
        if name not in new.attributes:
            raise refuse(name, "was removed")
    for name, rule in old.derived.items():
        if new.derived.get(name) != rule:
            raise refuse(name, "changes")


def order_decide(state: LedgerState, now: datetime, request: Request) -> tuple[list[Event], Answer]:
    """The events of a command other than facts and the close of days, and its answer. Raises Refused."""
    command, actor = request.command, request.actor
    if state.book.closed:
        return [], LEDGER_CLOSED
    decider = OrderDecider(state.book, now)
    if isinstance(command, DeclareFactType):
        return decider.declare(command, actor)
    if isinstance(command, ProposeRuleSet):
        return decider.propose(command, actor)
    if isinstance(command, ApproveRuleSet):
        return decider.approve(command, actor)
    if isinstance(command, ActivateRuleSet):
        return decider.activate(command, actor)
    assert isinstance(command, CloseLedger)
    return decider.close(command, actor)
