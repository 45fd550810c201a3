"""Facts of customers that were merged: from the merging on they are the survivor's, and nothing earlier moves. Points are
in 1/100."""

from __future__ import annotations

import pytest

from ledger.domain.commands import (
    Command,
    CustomerReference,
    MergeCustomers,
    RegisterCustomer,
    Request,
    UnmergeCustomers,
)
from tests.ledgers import Books, fact
from tests.relations_firm import accepted

DONE = "project_completed"
"""50 points each."""
OLD, NEW, LATER = "C-000001", "C-000002", "C-000003"


def of_old(external_id: str, occurred: str = "2026-10-02") -> Command:
    """A fact under the reference of the customer that is merged."""
    return fact(external_id, DONE, occurred, CustomerReference("crm", "old"))


@pytest.fixture
def merged(books: Books) -> Books:
    """Old has a fact, and was found to be new."""
    books.register("old", "new", "later")
    accepted(books.do(of_old("1")))
    accepted(books.do(MergeCustomers(NEW, OLD, "同一家")))
    return books


def balances(books: Books) -> list[int]:
    return [books.balance(customer) for customer in (OLD, NEW, LATER)]


def test_facts_under_a_merged_customers_reference_or_id_are_the_survivors(merged: Books) -> None:
    assert balances(merged) == [5_000, 0, 0]
    assert accepted(merged.do(of_old("2"))).customer == NEW
    assert accepted(merged.do(fact("3", DONE, "2026-10-03", OLD))).customer == NEW
    assert balances(merged) == [5_000, 10_000, 0]
    merged.restart()
    assert accepted(merged.do(of_old("4"))).customer == NEW
    assert balances(merged) == [5_000, 15_000, 0]


def test_a_merging_and_facts_after_it_in_one_go_are_taken_in_that_order(books: Books) -> None:
    books.register("old", "new")
    sent = books.send(of_old("1"), MergeCustomers(NEW, OLD, "同"), of_old("2"), UnmergeCustomers(OLD, "二"), of_old("3"))
    assert [a.customer for a in sent if a.points] == [OLD, NEW, OLD]


def test_what_was_sent_before_the_merging_is_a_duplicate_when_it_comes_again(merged: Books) -> None:
    position = merged.position
    assert merged.do(of_old("1")).status == "duplicate"
    assert (merged.position, balances(merged)) == (position, [5_000, 0, 0])


def test_a_correction_of_an_earlier_fact_stays_where_the_fact_stands(merged: Books) -> None:
    corrected = merged.do(of_old("1", "2026-10-05"))
    assert (corrected.status, corrected.customer) == ("corrected", OLD)
    assert balances(merged) == [5_000, 0, 0]


def test_a_customer_merged_twice_leads_to_the_last(merged: Books) -> None:
    accepted(merged.do(of_old("2")))
    accepted(merged.do(MergeCustomers(LATER, NEW, "同一家")))
    assert accepted(merged.do(of_old("3"))).customer == LATER
    assert [merged.do(of_old(n)).status for n in ("1", "2", "3")] == ["duplicate"] * 3
    assert balances(merged) == [5_000, 5_000, 5_000]


def test_after_unmerging_facts_are_their_own_again_and_those_meanwhile_come_back_when_sent_again(merged: Books) -> None:
    accepted(merged.do(of_old("2")))
    accepted(merged.do(UnmergeCustomers(OLD, "两家")))
    assert accepted(merged.do(of_old("3"))).customer == OLD
    assert balances(merged) == [10_000, 5_000, 0]
    back = merged.do(of_old("2"))
    assert (back.status, back.customer) == ("corrected", OLD)
    assert balances(merged) == [15_000, 0, 0]


def test_registering_a_merged_customers_reference_again_registers_nobody(merged: Books) -> None:
    assert merged.do(RegisterCustomer("crm", "old", "老名字")).status == "duplicate"
    assert len(merged.state.book.customers) == 3


def test_rehearsed_and_recorded_alike(merged: Books) -> None:
    [told] = merged.writer.rehearse_later([Request(of_old("2"), "bob")]).result()
    assert told.answer.customer == NEW == merged.do(of_old("2")).customer
