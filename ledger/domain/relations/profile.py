"""What is known of a customer: its profile, the people there, soft knowledge about it, about them, and about regions.

Who people are, and what is said about one of them, is sealed with that person's key (`Context.sealer`). Erasing a
person deletes the key; the entries about them leave the state, and the events stay in the log, unreadable.

What was recorded for a customer that was merged into another is changed where it stands, in that one's stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from ledger.domain.commands import Answer, ChangeProfile, ErasePerson, RecordContact, RecordKnowledge
from ledger.domain.errors import Refused
from ledger.domain.relations.checks import customer_named, phone_checked, text_optional, text_required
from ledger.domain.relations.dossier import family
from ledger.domain.relations.drafts import Draft, Sealer, decides
from ledger.domain.relations.ids import person_id, person_number
from ledger.domain.relations.names import credit_code_parse
from ledger.domain.relations.records import Contact, Fields, Knowledge, Profile
from ledger.domain.relations.state import Happened, Relations, evolves
from ledger.domain.values import customer_id

NAME_LENGTH_MAX: Final = 100
PHONE_LENGTH_MAX: Final = 40
WORD_LENGTH_MAX: Final = 60
TEXT_LENGTH_MAX: Final = 4_000
REASON_LENGTH_MAX: Final = 1_000
QUALIFICATIONS_MAX: Final = 100
ENTRIES_MAX: Final = 100
KNOWLEDGE_MAX: Final = 1_000
"""Entries about one customer and its people, and about one region."""

_OWN: Final = ("credit_code", "qualifications", "needs", "cooperation")
_UNKNOWN: Final = Profile()


@decides(ChangeProfile)
def _change(draft: Draft, command: ChangeProfile) -> Answer:
    state = draft.state
    customer = customer_named(state, command.customer)
    profile = state.profiles.get(customer, _UNKNOWN)
    changes = {name: value for name, value in _changes(command.changes).items() if value != _said(profile, name)}
    if not changes:
        return Answer("duplicate", state.position, customer_id(customer), customer_id(customer))
    code = changes.get("credit_code", "")
    known = state.credit_codes.get(code, 0) if code else 0
    if known and state.standing_for(known) != customer:
        raise Refused(
            "CUSTOMER_CREDIT_CODE_TAKEN", "another customer has this code; have the two merged", "credit_code"
        )
    if len(_changed(profile, changes).more) > ENTRIES_MAX:
        raise Refused("CUSTOMER_PROFILE_FULL", f"a profile has at most {ENTRIES_MAX} further entries", "changes")
    position = draft.input("ProfileChanged", customer, changes=changes)
    return Answer("accepted", position, customer_id(customer), customer_id(customer))


def _changes(raw: object) -> dict[str, Any]:
    """Changes as the event has them. Raises Refused."""
    if not isinstance(raw, Mapping) or not raw:
        raise Refused("CUSTOMER_PROFILE_INVALID", "changes are values by name, at least one", "changes")
    changes: dict[str, Any] = {}
    for given, value in cast(Mapping[object, object], raw).items():
        name = text_required(given, WORD_LENGTH_MAX, "changes")
        if name == "credit_code":
            changes[name] = _credit_code(value)
        elif name == "qualifications":
            changes[name] = _qualifications(value)
        else:
            changes[name] = text_optional(value, TEXT_LENGTH_MAX, name if name in _OWN else "changes")
    return changes


def _credit_code(raw: object) -> str:
    if raw == "":
        return ""
    try:
        return credit_code_parse(raw)
    except ValueError as error:
        raise Refused("CUSTOMER_CREDIT_CODE_INVALID", f"credit_code {error}", "credit_code") from None


def _qualifications(raw: object) -> list[str]:
    if raw == "":
        return []
    if not isinstance(raw, (list, tuple)):
        raise Refused("CUSTOMER_PROFILE_INVALID", "qualifications are a list of texts", "qualifications")
    values = cast(Sequence[object], raw)
    if len(values) > QUALIFICATIONS_MAX:
        raise Refused("CUSTOMER_PROFILE_INVALID", f"qualifications are at most {QUALIFICATIONS_MAX}", "qualifications")
    return list(dict.fromkeys(text_required(value, NAME_LENGTH_MAX, "qualifications") for value in values))


def _said(profile: Profile, name: str) -> Any:
    if name == "qualifications":
        return list(profile.qualifications)
    return getattr(profile, name) if name in _OWN else profile.more.get(name, "")


def _changed(profile: Profile, changes: Fields) -> Profile:
    more = {**profile.more, **{name: value for name, value in changes.items() if name not in _OWN}}
    own = {name: tuple(value) if name == "qualifications" else value for name, value in changes.items() if name in _OWN}
    return replace(profile, **own, more={name: value for name, value in more.items() if value})


@evolves("ProfileChanged")
def _profile_changed(state: Relations, event: Happened) -> None:
    changes = event.fields["changes"]
    profile = state.profiles.get(event.customer, _UNKNOWN)
    state.profiles.put(event.customer, _changed(profile, changes))
    if "credit_code" in changes:
        if state.credit_codes.get(profile.credit_code) == event.customer:
            state.credit_codes.drop(profile.credit_code)
        if changes["credit_code"]:
            state.credit_codes.put(changes["credit_code"], event.customer)


@decides(RecordContact)
def _contact(draft: Draft, command: RecordContact) -> Answer:
    state, sealer = draft.state, _sealer(draft)
    customer = customer_named(state, command.customer)
    phone = phone_checked(command.phone, PHONE_LENGTH_MAX)
    if not isinstance(command.decides, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise Refused("PERSON_INVALID", "decides is neither true nor false", "decides")
    said = {
        "name": text_required(command.name, NAME_LENGTH_MAX, "name"),
        "phone": phone,
        "note": text_optional(command.note, TEXT_LENGTH_MAX, "note"),
    }
    place = text_optional(command.position, NAME_LENGTH_MAX, "position")
    person, stands_at = state.people.get("count", 0) + 1, customer
    if command.person:
        contact = _person_named(state, command.person)
        if state.standing_for(contact.customer) != customer:
            raise Refused("PERSON_ELSEWHERE", "is a contact of another customer; record them here anew", "person")
        person, stands_at = contact.person, contact.customer
        stands = (place, command.decides) == (contact.position, contact.decides)
        if stands and sealer.open(person, contact.sealed) == said:
            return Answer("duplicate", state.position, customer_id(customer), person_id(person))
    position = draft.input(
        "ContactRecorded", stands_at, person=person_id(person), sealed=sealer.seal(person, said), position=place,
        decides=command.decides,
    )  # fmt: skip
    return Answer("accepted", position, customer_id(customer), person_id(person))


def phone_keep(draft: Draft, customer: int, phone: str) -> None:
    """Draft a contact without a name for a phone that came with a lead, unless somebody at this customer has it."""
    state, matcher = draft.state, draft.context.matcher
    known = matcher.matches("", "", phone, "") if matcher is not None else []
    if any(match.customer == state.standing_for(customer) for match in known):
        return
    person = state.people.get("count", 0) + 1
    sealed = _sealer(draft).seal(person, {"name": "", "phone": phone, "note": ""})
    draft.input(
        "ContactRecorded", customer, person=person_id(person), sealed=sealed, position="", decides=False
    )


def _sealer(draft: Draft) -> Sealer:
    sealer = draft.context.sealer
    if sealer is None:
        raise ValueError("people are recorded only where something seals who they are")
    return sealer


def _person_named(state: Relations, text: str) -> Contact:
    """The contact with this id, who wasn't erased. Raises Refused."""
    person = person_number(text)
    if person in state.erased:
        raise Refused("PERSON_ERASED", "was erased; record them anew, as another person", "person")
    contact = state.contacts.get(person)
    if contact is None:
        raise Refused("PERSON_UNKNOWN", "no contact has this id; record the contact first", "person")
    return contact


@evolves("ContactRecorded")
def _contact_recorded(state: Relations, event: Happened) -> None:
    said = event.fields
    person = person_number(said["person"])
    state.contacts.put(person, Contact(person, event.customer, said["sealed"], said["position"], said["decides"]))
    state.people.put("count", max(person, state.people.get("count", 0)))


@decides(RecordKnowledge)
def _knowledge(draft: Draft, command: RecordKnowledge) -> Answer:
    state = draft.state
    kind = text_required(command.kind, WORD_LENGTH_MAX, "kind")
    if ":" in kind:
        raise Refused("KNOWLEDGE_INVALID", "kind must not contain a colon; rules read kind:value", "kind")
    value = text_optional(command.value, NAME_LENGTH_MAX, "value")
    text = text_optional(command.text, TEXT_LENGTH_MAX, "text") if value else ""
    said = {"kind": kind, "value": value, "text": text}
    if bool(command.region) == bool(command.customer or command.person):
        raise Refused("KNOWLEDGE_INVALID", "say what it is about: a customer, a contact, or a region", "customer")
    if command.region:
        region = text_required(command.region, NAME_LENGTH_MAX, "region")
        if not _is_news(draft, state.region_knowledge.get(region, ()), said, 0):
            return Answer("duplicate", state.position, id=region)
        return Answer("accepted", draft.input("RegionKnowledgeRecorded", 0, region=region, **said), id=region)
    person, customer, stands_at = _about(state, command)
    news = [c for c in family(state, customer) if _is_news(draft, state.knowledge.get(c, ()), said, person)]
    # What is taken back is taken back wherever it stands; something new is entered once, unless it stands somewhere.
    if value:
        news = [stands_at] if len(news) == len(family(state, customer)) else []
    if not news:
        return Answer("duplicate", state.position, customer_id(customer), person_id(person))
    if person and text:
        said |= {"text": "", "sealed": _sealer(draft).seal(person, {"text": text})}
    position = 0
    for at in news:
        position = draft.input("KnowledgeRecorded", at, **{"sealed": "", **said}, person=person_id(person))
    return Answer("accepted", position, customer_id(customer), person_id(person))


def _about(state: Relations, command: RecordKnowledge) -> tuple[int, int, int]:
    """The person (0 for none) and the customer that knowledge is about, and the customer it stands at. Raises
    Refused."""
    if not command.person:
        customer = customer_named(state, command.customer)
        return 0, customer, customer
    contact = _person_named(state, command.person)
    customer = state.standing_for(contact.customer)
    if command.customer and customer_named(state, command.customer) != customer:
        raise Refused("PERSON_ELSEWHERE", "is a contact of another customer; name that one, or none", "person")
    return contact.person, customer, contact.customer


def _is_news(draft: Draft, entries: Sequence[Knowledge], said: Mapping[str, str], person: int) -> bool:
    """Whether something would change of these entries. Raises Refused where there is no room for one more."""
    of_kind = [entry for entry in entries if (entry.kind, entry.person) == (said["kind"], person)]
    if not said["value"]:
        return bool(of_kind)
    same = next((entry for entry in of_kind if entry.value == said["value"]), None)
    if same is None:
        if len(entries) >= KNOWLEDGE_MAX:
            raise Refused("KNOWLEDGE_FULL", f"at most {KNOWLEDGE_MAX} entries are kept; take some back", "kind")
        return True
    known = (_sealer(draft).open(person, same.sealed) or {}).get("text") if same.sealed else same.text
    return known != said["text"]


def _entered(entries: Sequence[Knowledge], new: Knowledge) -> tuple[Knowledge, ...]:
    """Entries with a new one, which takes the place of one of the same kind and value; without value, of all of the
    kind."""
    kept = [
        entry
        for entry in entries
        if (entry.kind, entry.person) != (new.kind, new.person) or new.value not in ("", entry.value)
    ]
    return (*kept, new) if new.value else tuple(kept)


@evolves("KnowledgeRecorded")
def _knowledge_recorded(state: Relations, event: Happened) -> None:
    said = event.fields
    new = Knowledge(
        said["kind"], said["value"], said["text"], person_number(said["person"]), said["sealed"], event.position
    )
    state.knowledge.put(event.customer, _entered(state.knowledge.get(event.customer, ()), new))


@evolves("RegionKnowledgeRecorded")
def _region_knowledge_recorded(state: Relations, event: Happened) -> None:
    said = event.fields
    new = Knowledge(said["kind"], said["value"], said["text"], 0, "", event.position)
    state.region_knowledge.put(said["region"], _entered(state.region_knowledge.get(said["region"], ()), new))


@decides(ErasePerson)
def _erase(draft: Draft, command: ErasePerson) -> Answer:
    state = draft.state
    person = person_number(command.person)
    if not 0 < person <= state.people.get("count", 0):
        raise Refused("PERSON_UNKNOWN", "nobody has this id", "person")
    if person in state.erased:
        return Answer("duplicate", state.position, id=command.person)
    reason = text_required(command.reason, REASON_LENGTH_MAX, "reason")
    return Answer("accepted", draft.input("PersonErased", 0, person=command.person, reason=reason), id=command.person)


@evolves("PersonErased")
def _was_erased(state: Relations, event: Happened) -> None:
    person = person_number(event.fields["person"])
    state.erased.put(person, event.position)
    for number in [n for n, (_, who, _) in state.staff_sealed.items() if who == person]:
        state.staff_sealed.drop(number)
    contact = state.contacts.get(person)
    if contact is None:
        return
    state.contacts.put(person, replace(contact, sealed=""))
    entries = state.knowledge.get(contact.customer, ())
    kept = tuple(entry for entry in entries if entry.person != person)
    if kept != entries:
        state.knowledge.put(contact.customer, kept)
