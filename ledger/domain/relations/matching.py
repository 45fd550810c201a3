"""Which customers a lead may be: by credit code, registered name, phone and project, and by names nearly the same.

An index in memory, built at the first question and kept up to date from then on; nothing of it is ever stored. Phones
are read by opening sealed contacts, and who is erased leaves it at once.

Building it grows with the number of customers, some 10 s for a million and 600 bytes for each; for what a question
costs see `alike.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.domain.relations.acquaintance import Acquaintance
from ledger.domain.relations.alike import SAME, SCORE_MIN, SCORE_OTHER, NameIndex
from ledger.domain.relations.dossier import credit_codes_of
from ledger.domain.relations.drafts import Sealer
from ledger.domain.relations.names import firm_name, phone_number, project_name
from ledger.domain.relations.records import Match
from ledger.domain.relations.state import Relations

SCORE_PHONE: Final = 95
"""One phone may be of somebody who works for two firms."""
SCORE_PROJECT: Final = 90
"""Two who ask about one project may be its owner and its designer."""
MATCHES_MAX: Final = 20
CONTACTS_AT_ONCE: Final = 10_000
NAMES_AT_ONCE: Final = 250_000
_NAMES_FEW: Final = 1_000
"""Fewer are entered one by one."""
_PROJECT_LENGTH_MIN: Final = 4
"""Shorter names of projects (综合楼) tell none."""


class Matcher:
    """Finds the customers of a state. `renamed` are the customers whose name has changed, in order, as a book has them;
    it may grow."""

    def __init__(self, state: Relations, renamed: Sequence[int] = ()) -> None:
        self.sealer: Sealer | None = None
        """What opens contacts; whoever drafts sets it to what seals them in that draft. Without it, phones are not
        looked at."""
        self._state = state
        self._renamed = renamed
        self._renamed_seen = 0
        self._count = 0
        self._names = NameIndex()
        self._staff = Acquaintance(state)
        self._projects = _Lookup()
        self._phones = _Lookup()
        self._moved: set[int] = set()
        """Customers that a draft registers, or whose registration was taken back."""
        self._unread: set[int] = set()
        """Contacts that changed."""
        self._is_built = False

    def build(self) -> None:
        """Build the index, where that hasn't been done yet; the first question does it otherwise."""
        if self._is_built:
            return
        state = self._state
        self._renamed_seen = len(self._renamed)
        self._unread.update(state.contacts)
        for number in state.projects:
            self._project(number)
        for customer in state.arrived:
            self._lead(customer)
        state.fresh.watch(self._moved.add)
        state.contacts.watch(self._contact)
        state.projects.watch(self._project)
        state.arrived.watch(self._lead)
        self._is_built = True
        self._follow()

    def matches(self, name: str, credit_code: str, phone: str, project: str) -> list[Match]:
        """Every customer that something speaks for, also of those that the draft under way registers; what is "" is not
        looked at. The likeliest first, then by customer; at most MATCHES_MAX."""
        self.build()
        self._follow()
        found: dict[tuple[int, str], int] = {}

        def enter(customer: int, kind: str, score: int) -> None:
            survivor = self._state.standing_for(customer)
            found[survivor, kind] = max(score, found.get((survivor, kind), 0))

        if credit_code and credit_code in self._state.credit_codes:
            enter(self._state.credit_codes[credit_code], "credit_code", SAME)
        if name:
            for customer, score, is_heard in self._names.find(firm_name(name)):
                if credit_code and not _may_have(self._state, customer, credit_code):
                    score = min(score, SCORE_OTHER)
                if score >= SCORE_MIN:
                    different = "same_sound" if is_heard else "similar_name"
                    enter(customer, "registered_name" if score == SAME else different, score)
        if phone and (number := phone_number(phone)):
            for person in self._phones.of(number):
                enter(self._state.contacts[person].customer, "phone", SCORE_PHONE)
        if len(wanted := project_name(project)) >= _PROJECT_LENGTH_MIN:
            for key in self._projects.of(wanted):
                # Projects stand under their number, leads under minus their customer's.
                enter(self._state.projects[key].customer if key > 0 else -key, "project", SCORE_PROJECT)
        matches = [Match(customer, kind, score) for (customer, kind), score in found.items()]
        matches.sort(key=lambda m: (-m.score, m.customer, m.kind))
        return matches[:MATCHES_MAX]

    def staff_named(self, source: str, name: str) -> int:
        """Who was enrolled from a source under this name and no reference; 0 where nobody was, or they were erased."""
        return self._staff.find(source, name, self.sealer)

    def _follow(self) -> None:
        """Take in what has changed since the last question."""
        state = self._state
        count = state.customer_count()
        again = {number for number in self._moved if number <= self._count}
        self._moved.clear()
        again.update(self._renamed[self._renamed_seen :])
        self._renamed_seen = len(self._renamed)
        for number in sorted(again, reverse=True):
            self._names.drop(number)
        for number in sorted(n for n in again if n <= count):
            self._names.add(number, firm_name(state.name(number)))
        for first in range(self._count + 1, count + 1, NAMES_AT_ONCE):
            names = [firm_name(state.name(n)) for n in range(first, min(first + NAMES_AT_ONCE, count + 1))]
            if len(names) < _NAMES_FEW:
                for number, name in enumerate(names, first):
                    self._names.add(number, name)
            else:
                self._names.fill(first, names)
        self._count = count
        if self._unread and self.sealer is not None:
            self._read(sorted(self._unread), self.sealer)
            self._unread.clear()

    def _read(self, people: Sequence[int], sealer: Sealer) -> None:
        """Look up the phones of contacts that changed."""
        contacts = self._state.contacts
        for first in range(0, len(people), CONTACTS_AT_ONCE):
            part = people[first : first + CONTACTS_AT_ONCE]
            known = [contacts[person] for person in part if person in contacts]
            sealed = [(contact.person, contact.sealed) for contact in known if contact.sealed]
            opened = {person: fields for (person, _), fields in zip(sealed, sealer.open_many(sealed), strict=True)}
            for person in part:
                fields = opened.get(person)
                self._phones.put(person, phone_number(fields["phone"]) if fields else "")

    def _contact(self, person: int) -> None:
        self._unread.add(person)
        contact = self._state.contacts.get(person)
        if contact is None or not contact.sealed:
            self._phones.put(person, "")

    def _project(self, number: int) -> None:
        project = self._state.projects.get(number)
        self._projects.put(number, project_name(project.name) if project else "")

    def _lead(self, customer: int) -> None:
        lead = self._state.arrived.get(customer)
        self._projects.put(-customer, project_name(lead.project) if lead else "")


def _may_have(state: Relations, customer: int, credit_code: str) -> bool:
    """Whether nothing says that a customer has another credit code."""
    codes = credit_codes_of(state, state.standing_for(customer))
    return not codes or credit_code in codes


class _Lookup:
    """Keys by a text that each has; "" for none."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._keys: dict[str, set[int]] = {}

    def put(self, key: int, text: str) -> None:
        """Give a key its text."""
        old = self._texts.pop(key, "")
        if old:
            keys = self._keys[old]
            keys.discard(key)
            if not keys:
                del self._keys[old]
        if text:
            self._texts[key] = text
            self._keys.setdefault(text, set()).add(key)

    def of(self, text: str) -> list[int]:
        """The keys that have a text, in order."""
        return sorted(self._keys.get(text, ()))
