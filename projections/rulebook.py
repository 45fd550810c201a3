"""The book without customers, staff and stock: time zone, fact types, rule sets, the last closed day.
A few small streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.book import STREAMS, Book
from ledger.domain.errors import Refused
from ledger.domain.events import STREAM_CALENDAR, STREAM_STAFF, STREAM_STOCK
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.explain import Language
from ledger.rules.narrate import Narrator

NAMES_TOLD_MAX: Final = 50
"""So many names of tags, grades or tiers a refusal tells."""
_QUERIES = queries_load("projections.sql", "reading.sql")
_STREAMS: Final = [stream for stream in STREAMS if stream not in (STREAM_STAFF, STREAM_STOCK)]
_SELDOM: Final = [stream for stream in _STREAMS if stream != STREAM_CALENDAR]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """A book that knows no customers, and the versions of the streams it was read from. Never changed."""

    book: Book
    versions: tuple[tuple[str, int], ...]
    activated_at: Mapping[int, datetime] = field(default_factory=dict[int, datetime])
    """When each activation was recorded, by its position."""
    parsed: dict[str, RuleSet] = field(default_factory=dict[str, RuleSet])
    """Rule sets that were asked for, by the SHA-256 of their document; handed on from each rulebook to the next."""

    def rule_set(self, name: str) -> RuleSet:
        """A rule set of the book, parsed once. Raises KeyError."""
        entry = self.book.rule_sets[name]
        found = self.parsed.get(entry.sha256)
        if found is None:
            found = self.parsed[entry.sha256] = rule_set_parse(entry.document)
        return found

    def in_force(self, day: int, known_at: datetime | None = None) -> RuleSet | None:
        """The rule set that decides a fact booked on a day (since 1970-01-01), by what had been recorded at a moment;
        None where there was none."""
        through = None
        if known_at is not None:
            through = max((p for p, at in self.activated_at.items() if at <= known_at), default=0)
        name = self.book.in_force(day, through)
        return None if name is None else self.rule_set(name)

    def levels(self, day: int) -> list[str]:
        """The tiers of the rules in force on a day, the lowest first; none without a ladder."""
        rules = self.in_force(day)
        return [level.id for level in rules.tiers.levels] if rules and rules.tiers else []

    def standing_check(self, tag: str | None = None, grade: str | None = None, tier: str | None = None) -> None:
        """Raises Refused (STANDING_UNKNOWN) where no rule set of the ledger knows a tag, grade or tier."""
        asked = {"tag": tag, "grade": grade, "tier": tier}
        if not any(asked.values()):
            return
        known: dict[str, dict[str, None]] = {kind: {} for kind in asked}
        for name in self.book.rule_sets:
            rules = self.rule_set(name)
            known["tag"] |= dict.fromkeys(t.id for t in rules.tags)
            known["grade"] |= dict.fromkeys(g.id for g in rules.credit.grades) if rules.credit else {}
            known["tier"] |= dict.fromkeys(lv.id for lv in rules.tiers.levels) if rules.tiers else {}
        for kind, name in asked.items():
            if name is not None and name not in known[kind]:
                there = ", ".join(list(known[kind])[:NAMES_TOLD_MAX])
                reason = f"there are: {there}" if there else f"no rule set of this ledger has a {kind}"
                raise Refused("STANDING_UNKNOWN", f"no {kind} of this name is in any rule set; {reason}", kind)

    def narrator(self, language: Language) -> Narrator:
        """Who puts events into words."""
        return Narrator(self.book, language, self.rule_set)


def rulebook_read(connection: Connection[Any], known: Rulebook | None = None) -> Rulebook:
    """The rule book as of now; `known` itself where nothing has changed since."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = cursor.execute(_QUERIES["rulebook_versions"], {"streams": _STREAMS}, prepare=True).fetchall()
        versions = tuple(sorted((stream, version) for stream, version in found))
        if known is not None and known.versions == versions:
            return known
        events = cursor.execute(
            _QUERIES["rulebook_events"],
            {"streams": _SELDOM, "calendar": STREAM_CALENDAR, "calendar_version": dict(versions)[STREAM_CALENDAR]},
        ).fetchall()
    book = Book()
    activated_at: dict[int, datetime] = {}
    for position, stream, version, topic, data in events:
        state = state_of(topic, bytes(data))
        book.apply_general(position, stream, version, topic, state)
        if topic == "RuleSetActivated":
            activated_at[position] = datetime.fromisoformat(state["recorded_at"])
    return Rulebook(book, versions, activated_at, known.parsed if known is not None else {})
