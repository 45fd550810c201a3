"""The book: who there is, what is in force and which days are closed, folded event by event."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.book import NOTHING_CLOSED, Book, Claims
from ledger.domain.values import day_parse
from ledger.standard import fact_types_standard


class Log:
    """Events written one after the other into a book."""

    def __init__(self) -> None:
        self.book = Book()
        self.versions: dict[str, int] = {}

    def add(self, stream: str, topic: str, **state: Any) -> int:
        self.versions[stream] = self.versions.get(stream, 0) + 1
        self.book.apply(self.book.position + 1, stream, self.versions[stream], topic, state)
        return self.book.position

    def register(self, number: int, reference: str, **traits: str) -> int:
        name = f"C-{number:06d}"
        return self.add(name, "CustomerRegistered", source="s", reference=reference, name=reference, traits=traits)

    def types(self) -> None:
        for document in fact_types_standard():
            self.add("fact-types", "FactTypeDeclared", fact_type=document["id"], document=document)

    def fact(self, customer: str, fact_type: str, external_id: str, booked: str, version: int = 1, **more: Any) -> None:
        self.add(
            customer, "FactRecorded", fact_type=fact_type, source="s", external_id=external_id,
            occurred_on=booked, booked_on=booked, attributes=more, version=version, corrects=0,
        )  # fmt: skip


def test_customers_are_numbered_and_found_by_reference_and_id() -> None:
    log = Log()
    position = log.register(1, "one", region="north")
    log.register(2, "two")
    customer = log.book.customer(1)
    assert customer is not None
    assert (customer.traits, customer.registered, customer.version) == (("", "north", "", ""), position, 1)
    assert log.book.references == {("s", "one"): 1, ("s", "two"): 2}
    assert [log.book.customer_find(t) for t in ("C-000002", "C-000003", "x")] == [2, 0, 0]
    assert (log.book.customer(0), log.book.customer(3)) == (None, None)


def test_only_the_traits_that_changed_change_and_an_empty_one_clears() -> None:
    log = Log()
    log.register(1, "one", region="north", industry="rail", scale="large")
    log.add("C-000001", "CustomerChanged", name=None, traits={"region": "south", "scale": ""})
    log.add("C-000001", "CustomerChanged", name="new", traits={})
    customer = log.book.customer(1)
    assert customer is not None
    assert (customer.name, customer.traits, customer.version) == ("new", ("rail", "south", "", ""), 3)


def test_a_consent_is_given_and_withdrawn() -> None:
    log = Log()
    log.register(1, "one")
    log.add("C-000001", "ConsentGiven", purpose="publication")
    log.add("C-000001", "ConsentGiven", purpose="messages")
    log.add("C-000001", "ConsentWithdrawn", purpose="publication")
    customer = log.book.customer(1)
    assert customer is not None and customer.consents == {"messages"}


def test_a_month_is_closed_with_its_last_day_and_facts_are_booked_after_it() -> None:
    log = Log()
    late, later = day_parse("2024-01-10"), day_parse("2024-02-10")
    assert (log.book.closed_month, log.book.booked_day(late)) == (NOTHING_CLOSED, late)
    log.add("calendar", "DayClosed", day="2024-01-30")
    assert (log.book.closings, log.book.booked_day(late)) == ([], late)
    position = log.add("calendar", "DayClosed", day="2024-01-31")
    assert log.book.closings == [(position, day_parse("2024-01-31"))]
    assert log.book.closed_day == day_parse("2024-01-31")
    assert log.book.booked_day(late) == day_parse("2024-02-01")
    assert log.book.booked_day(later) == later


def test_the_earliest_booked_day_is_kept_until_a_month_is_closed() -> None:
    log = Log()
    log.types()
    log.register(1, "one")
    log.fact("C-000001", "login", "a", "2024-03-05")
    log.fact("C-000001", "login", "b", "2024-02-05")
    log.add("calendar", "DayClosed", day="2024-01-31")
    log.fact("C-000001", "login", "c", "2024-02-01")
    assert log.book.booked_day_min == day_parse("2024-02-05")


def test_a_customer_may_be_named_once_and_a_correction_frees_it() -> None:
    log = Log()
    log.types()
    log.register(1, "one")
    log.fact("C-000001", "referral_signed", "x", "2024-01-01", new_customer=2)
    assert log.book.once == {("referral_signed", 2): ("s", "x")}
    log.fact("C-000001", "referral_signed", "x", "2024-01-01", version=2, new_customer=3)
    assert log.book.once == {("referral_signed", 3): ("s", "x")}
    log.fact("C-000001", "referral_signed", "y", "2024-01-01", new_customer=2)
    log.fact("C-000001", "login", "x", "2024-01-01", version=3)
    assert log.book.once == {("referral_signed", 2): ("s", "y")}, "corrected to what names nobody, it claims nobody"


def test_a_claim_is_found_by_its_fact() -> None:
    claims = Claims()
    claims["referral", 1], claims["referral", 2] = ("s", "x"), ("s", "y")
    assert claims.release(("s", "x")) == ("referral", 1) and claims == {("referral", 2): ("s", "y")}
    assert claims.release(("s", "x")) is None
    claims["referral", 2] = ("s", "z")
    assert (claims.release(("s", "y")), claims.release(("s", "z")), claims) == (None, ("referral", 2), {})


def test_the_rule_set_in_force_has_the_latest_from_date_and_among_equals_is_the_last_activated() -> None:
    log = Log()
    for name, since in (("RS-1", "2024-01-01"), ("RS-2", "2024-03-01"), ("RS-3", "2024-02-01"), ("RS-4", "2024-02-01")):
        log.add("rulebook", "RuleSetActivated", rule_set=name, effective_from=since)
    found = [log.book.in_force(day_parse(d)) for d in ("2023-12-31", "2024-01-31", "2024-02-29", "2024-03-01")]
    assert found == [None, "RS-1", "RS-4", "RS-2"]
    assert log.book.version("rulebook") == 4


def test_a_rule_set_is_proposed_and_approved() -> None:
    log = Log()
    log.add("rulebook", "RuleSetProposed", rule_set="RS-1", document={}, sha256="x", actor="ann")
    log.add("rulebook", "RuleSetApproved", rule_set="RS-1", run="R-1", actor="bob")
    entry = log.book.rule_sets["RS-1"]
    assert (entry.proposed_by, entry.proposed, entry.approved_by, entry.approved, entry.run) == (
        "ann",
        1,
        "bob",
        2,
        "R-1",
    )


def test_an_event_out_of_order_is_no_event() -> None:
    log = Log()
    log.register(1, "one")
    with pytest.raises(ValueError, match="event 3 does not follow 1"):
        log.book.apply(3, "calendar", 1, "DayClosed", {"day": "2024-01-31"})
    with pytest.raises(ValueError, match="customer 5 registered after 1"):
        log.register(5, "five")
