"""The rulebook as readers keep it: parsed once, and as it was known at a moment."""

from __future__ import annotations

from datetime import timedelta

from ledger.domain.values import day_parse
from projections.rulebook import rulebook_read
from tests.integration.test_writer_rules import activate, rules_doubled
from tests.ledgers import NOW, Books


def test_rule_sets_are_parsed_once_and_handed_on_when_others_come(books: Books) -> None:
    with books.recorder.datastore.get_connection() as connection:
        first = rulebook_read(connection)
        assert rulebook_read(connection, first) is first
        standard = first.rule_set("RS-0001")
        assert first.in_force(day_parse("2026-10-01")) is standard
        assert first.narrator("zh").rule_set("RS-0001") is first.narrator("en").rule_set("RS-0001") is standard
        doubled = activate(books, rules_doubled(), "2026-10-01")
        second = rulebook_read(connection, first)
    assert second is not first and second.rule_set("RS-0001") is standard
    assert second.in_force(day_parse("2026-10-01")) is second.rule_set(doubled)


def test_the_rules_in_force_are_those_that_were_known_at_the_moment(books: Books) -> None:
    books.now = NOW + timedelta(days=1)
    doubled = activate(books, rules_doubled(), "2026-10-01")
    with books.recorder.datastore.get_connection() as connection:
        rulebook = rulebook_read(connection)
    day = day_parse("2026-10-05")
    standard, now = rulebook.rule_set("RS-0001"), rulebook.rule_set(doubled)
    assert rulebook.in_force(day) is rulebook.in_force(day, books.now) is now
    assert rulebook.in_force(day, NOW) is standard
    assert rulebook.in_force(day, NOW - timedelta(days=1)) is None
    assert rulebook.in_force(day_parse("2026-09-30")) is standard
