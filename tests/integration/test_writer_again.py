"""Requests that are sent again: each is told what it was told at first, or that it stands there, whatever came between."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings, strategies as st

from ledger.domain.commands import (
    Answer,
    ChangeCustomer,
    CloseDays,
    CloseLedger,
    Command,
    CustomerReference,
    GiveConsent,
    MergeCustomers,
    MoveStock,
    RecordFact,
    RecordFollowUp,
    RegisterCustomer,
    Request,
    ReserveRedemption,
    UnmergeCustomers,
)
from ledger.writer import LedgerState, Writer, carrying
from tests.catalogue import catalogue_activate
from tests.ledgers import NOW, Books, books_open, fact
from tests.relations_firm import firm_found


def logins(first: str, count: int) -> list[RecordFact]:
    return [fact(f"{first}{i}", "login", "2026-10-07") for i in range(count)]


def referral(external_id: str, customer: str, of: str) -> RecordFact:
    return fact(external_id, "referral_signed", "2026-10-06", customer, new_customer=of)


# --- one by one -----------------------------------------------------------------------


@pytest.mark.parametrize("others", [0, 70])
@pytest.mark.parametrize("all_new_before", [False, True])
def test_a_referral_sent_again_is_known_by_its_key_and_without(books: Books, others: int, all_new_before: bool) -> None:
    one, two = books.register("a", "b")
    command = referral("r", one, two)
    first = books.do(command, client="app", key="k1")
    assert first.status == "accepted"
    if all_new_before:
        # After a large batch of what is all new, the next one isn't looked up beforehand.
        books.send(*logins("new", 70))
    requests = [Request(command, "bob", "app", "k1"), Request(command, "bob")]
    requests += [Request(c, "bob") for c in logins("more", others)]
    again, duplicate, *_ = books.writer.submit(requests)
    assert again == replace(first, hit=True)
    assert (duplicate.status, duplicate.position) == ("duplicate", first.position - 1)


def test_what_was_done_all_together_is_known_when_it_is_sent_again(books: Books) -> None:
    one, two = books.register("a", "b")
    requests = [
        Request(referral("r", one, two), "bob", "app", "k1"),
        Request(fact("l", "login", "2026-10-08", one), "bob", "app", "k2"),
    ]
    first = books.writer.submit_later(requests, atomic=True).result()
    assert [a.status for a in first] == ["accepted"] * 2
    again = books.writer.submit_later(requests, atomic=True).result()
    assert again == [replace(a, hit=True) for a in first]
    keyless = [replace(request, client="", key="") for request in requests]
    assert [a.status for a in books.writer.submit_later(keyless, atomic=True).result()] == ["duplicate"] * 2


def test_a_contract_whose_customer_was_merged_into_its_referrer_is_known(books: Books) -> None:
    one, two = books.register("a", "b")
    command = fact("c", "contract_signed", "2026-10-08", two, amount="20000", referrer=one)
    first = books.do(command, client="app", key="k1")
    assert first.status == "accepted"
    assert books.do(MergeCustomers(one, two, "same")).status == "accepted"
    head = books.position
    assert books.do(command, client="app", key="k1") == replace(first, hit=True)
    assert (books.do(command).status, books.position) == ("duplicate", head)
    # Of the survivor's own, a contract that names it is no referral.
    assert books.do(fact("d", "contract_signed", "2026-10-08", two, amount="20000", referrer=one)).code == "FACT_INVALID"


def test_an_earlier_version_of_a_merged_customer_is_known_though_the_fact_stands_with_another(books: Books) -> None:
    one, two, three = books.register("a", "b", "c")
    command = fact("c", "contract_signed", "2026-10-08", two, amount="20000", referrer=one)
    assert books.do(command).status == "accepted"
    assert books.do(fact("c", "contract_signed", "2026-10-08", three, amount="20000")).status == "corrected"
    assert books.do(MergeCustomers(one, two, "same")).status == "accepted"
    head = books.position
    assert (books.do(command).status, books.position) == ("duplicate", head)


def test_books_that_are_closed_know_what_they_hold(books: Books) -> None:
    one, two = books.register("a", "b")
    command = referral("r", one, two)
    first = books.do(command, client="app", key="k1")
    books.do(CloseLedger("moved"))
    requests = [
        Request(command, "bob", "app", "k1"),
        Request(command, "bob"),
        Request(RegisterCustomer("crm", "a", "甲"), "bob"),
        Request(fact("new", "login", "2026-10-08", one), "bob"),
        Request(fact("new", "login", "2026-10-08", one), "bob"),
        Request(fact("r", "login", "2026-10-08", one), "bob"),
        Request(MoveStock("pen", 1, "count"), "bob"),
    ]
    again, *others = books.writer.submit(requests)
    assert again == replace(first, hit=True)
    assert [a.code or a.status for a in others] == ["duplicate"] * 2 + ["LEDGER_CLOSED"] * 4


# --- whatever came between ----------------------------------------------------------------


CUSTOMERS = st.integers(1, 4).map(lambda n: f"C-{n:06d}")
NUMBERS = st.integers(1, 5).map(str)
DAYS = st.sampled_from(["2026-10-05", "2026-10-20"])
FACTS = st.one_of(
    st.builds(lambda n, c, other: referral(f"r{n}", c, other), NUMBERS, CUSTOMERS, CUSTOMERS),
    st.builds(
        lambda n, c, other, day: fact(f"c{n}", "contract_signed", day, c, amount="20000", referrer=other),
        NUMBERS, CUSTOMERS, CUSTOMERS, DAYS,
    ),
    st.builds(lambda n, c, day: fact(f"r{n}", "login", day, c), NUMBERS, CUSTOMERS, DAYS),
    st.builds(
        lambda n, m: fact(
            f"g{n}", "login", "2026-10-05", CustomerReference("crm", f"g{m}"),
            registration=RegisterCustomer("crm", f"g{m}", "x"),
        ),
        NUMBERS, NUMBERS,
    ),
    st.builds(lambda n: RegisterCustomer("crm", f"g{n}", "x"), NUMBERS),
)  # fmt: skip
"""What is known without a key."""
OTHERS = st.one_of(
    st.builds(MergeCustomers, CUSTOMERS, CUSTOMERS, st.just("same")),
    st.builds(UnmergeCustomers, CUSTOMERS, st.just("two")),
    st.builds(lambda c, n: ChangeCustomer(c, traits={"region": n}), CUSTOMERS, NUMBERS),
    st.builds(GiveConsent, CUSTOMERS, st.just("publication")),
    st.builds(RecordFollowUp, CUSTOMERS, st.just("S-000001"), st.just("谈")),
    st.builds(lambda c: ReserveRedemption(c, "small", points="10"), CUSTOMERS),
    st.builds(MoveStock, st.just("pen"), st.integers(1, 9), st.just("count")),
    st.sampled_from(["2026-10-31", "2026-11-01"]).map(CloseDays),
)


@dataclass
class Sent:
    """A request that was sent, and the answer that it is to be given from then on; None where it was refused."""

    request: Request
    answer: Answer | None = None
    unmerged: int = 0
    """After so many unmergings."""


LOTS = st.lists(
    st.tuples(
        st.lists(st.tuples(FACTS, st.booleans()) | st.tuples(OTHERS, st.just(True)), max_size=5),
        st.lists(st.integers(0, 200), max_size=5),
        st.booleans(),
    ),
    min_size=2, max_size=7,
)  # fmt: skip
"""What is new, each with a key or not; what is sent again; whether all of it or none."""


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(LOTS)
@example([
    ([(fact("c1", "contract_signed", "2026-10-05", "C-000002", amount="20000", referrer="C-000001"), keyed)], [], False)
    for keyed in (False, True)
] + [([(MergeCustomers("C-000001", "C-000002", "same"), True)], [], False), ([], [0, 1], False), ([], [0, 1, 0, 1], False)])
def test_whatever_came_between_a_request_sent_again_gets_its_first_answer_or_is_a_duplicate(
    database_url: str, lots: list[tuple[list[tuple[Command, bool]], list[int], bool]]
) -> None:
    with pytest.MonkeyPatch.context() as patch, books_open(database_url, f"t_again_{secrets.token_hex(4)}", pool_size=2) as books:
        # So that lots of two or three already are large ones, which may be looked up beforehand.
        patch.setattr(carrying, "LOOK_UP_FROM", 3)
        firm_found(books)
        catalogue_activate(books)
        ids = books.register(*"abcd")
        books.send(*(fact(f"p{c}", "project_completed", "2026-10-05", c) for c in ids))
        books.now += timedelta(days=1)
        sent: list[Sent] = []
        unmerged = 0
        for new, places, atomic in lots:
            again = [sent[place % len(sent)] for place in places] if sent else []
            fresh = [
                Sent(Request(command, "bob", "app", f"k{len(sent) + i}") if keyed else Request(command, "bob"))
                for i, (command, keyed) in enumerate(new)
            ]
            unmerged = deal(books, [*again, *fresh], unmerged, atomic=atomic)
            sent += fresh
        books.do(CloseLedger("moved"))
        deal(books, sent, unmerged, atomic=False)


def deal(books: Books, lot: list[Sent], unmerged: int, *, atomic: bool) -> int:
    """Send a lot, and hold the answers against those that were given before. How many unmergings there have been."""
    answers: list[Any] = books.writer.submit_later([s.request for s in lot], atomic=atomic).result()
    for one, answer in zip(lot, answers, strict=True):
        command = one.request.command
        if one.answer is not None and answer.code not in ("ATOMIC_REFUSED", "ATOMIC_INVALID"):
            if one.request.key:
                assert answer == replace(one.answer, hit=True)
            elif one.unmerged == unmerged:
                # After an unmerging what was recorded for the survivor meanwhile is corrected, and comes over.
                assert answer.status == "duplicate"
        if answer.status == "refused":
            continue
        if isinstance(command, UnmergeCustomers) and not answer.hit:
            unmerged += 1
        if one.answer is None or not one.request.key:
            one.answer, one.unmerged = replace(answer, hit=False), unmerged
    return unmerged


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (fact("1", "login", "2026-10-05", customer="C-000002"), ""),
        (RecordFollowUp("C-000002", "S-000001", "谈过"), "CUSTOMER_NOT_SERVED"),
        (ReserveRedemption("C-000002", "cash", points="1000"), "POINTS_INSUFFICIENT"),
        (MergeCustomers("C-000001", "C-000002", "同一家"), ""),
    ],
    ids=lambda part: type(part).__name__,
)
@pytest.mark.parametrize("how", ["alone", "atomic", "rehearsed"])
def test_nothing_is_refused_for_what_a_writer_before_appended_after_this_one_had_loaded(
    books: Books, command: Command, told: str, how: str
) -> None:
    """As after a crash of the database: the lease is another's at once, and who had it may append once more."""
    catalogue_activate(books)
    firm_found(books)
    books.register("first")
    with Writer(books.recorder, LedgerState.load(None, books.recorder), lambda: NOW) as after:
        assert books.register("late") == ["C-000002"]
        if how == "rehearsed":
            [rehearsed] = after.rehearse_later([Request(command, "bob")]).result()
            assert rehearsed.answer.code == told
        else:
            atomic = how == "atomic" and not isinstance(command, MergeCustomers)
            [answer] = after.submit([Request(command, "bob")], atomic=atomic)
            assert answer.code == told
        assert after.state.book.position >= books.position
