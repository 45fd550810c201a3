"""The demonstration's payments: the same each time, for what was redeemed, each fault on a customer of its own."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from ledger.domain.settlement.records import Part
from ledger.domain.values import day_parse
from reconciliation.invented import FAULTS, OPEN_AS, PAYMENT_COLUMNS, Invented
from reconciliation.planted import Outcome, outcome_of
from reconciliation.reconciling import state_new
from reconciliation.report import report_of
from reconciliation.sentences import KIND_WORDS
from service.demo.settling import Checked, payments_invent, payments_write
from service.demo.settling_pages import FAULT_WORDS

FIRST, LAST = day_parse("2026-01-05"), day_parse("2026-06-20")


def part(number: int, customer: int, day: int, fen: int, back: int = 0) -> Part:
    redemption = f"R-{number:06d}"
    return Part(
        f"{redemption}/1", redemption, 1, customer, number, day, 0, f"DK-202601-{customer:04d}", "", fen, back
    )


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    """Two offsets of 50 CNY each of 60 customers, the second on the last day; one that was taken back."""
    first = [part(n, n, FIRST + n, 50_00) for n in range(1, 61)]
    second = [part(100 + n, n, LAST, 50_00) for n in range(1, 61)]
    return [*first, *second, part(999, 61, FIRST, 50_00, 50_00)]


def invented(parts: list[Part], seed: int = 1) -> Invented:
    return payments_invent(parts, seed, LAST, lambda number: f"甲{number}")


def test_the_same_books_give_the_same_payments_and_another_seed_others(parts: list[Part]) -> None:
    assert invented(parts) == invented(parts[::-1])
    assert invented(parts).payments != invented(parts, 2).payments


def test_every_kind_of_fault_is_planted_each_on_a_customer_of_its_own(parts: list[Part]) -> None:
    history = invented(parts)
    counts = Counter(p.fault for p in history.planted)
    # Sixty customers, every fifth has one: twelve, each of the nine kinds once and three of them twice.
    assert set(counts) == set(FAULTS) and sum(counts.values()) == 12
    customer_of = {p.key: p.customer for p in (*parts, *history.payments)}
    whose = [{customer_of[i] for i in (*p.redemptions, *p.payments)} for p in history.planted]
    assert all(len(w) == 1 for w in whose) and len(set().union(*whose)) == 12


def test_all_is_paid_in_time_but_what_was_taken_back_or_is_planted_as_missing(parts: list[Part]) -> None:
    history = invented(parts)
    paid = {part for part, _ in history.pairs}
    missing = {i for p in history.planted if p.fault == "missing" for i in p.redemptions}
    assert paid == {p.key for p in parts if p.amount} - missing and missing
    days = {p.key: p.day for p in (*parts, *history.payments)}
    assert all(days[part] <= days[payment] <= LAST for part, payment in history.pairs)
    assert all(p.paid > 0 and p.payer == f"甲{p.customer}" for p in history.payments)
    assert history.payments == sorted(history.payments, key=lambda p: p.day)


def test_customers_stand_in_the_file_as_the_source_names_them(parts: list[Part], tmp_path: Path) -> None:
    history = invented(parts)
    names = {("customers", f"K{n:04d}"): n for n in range(1, 62)} | {("web", f"W-{n}"): n for n in range(1, 62)}
    path = tmp_path / "payments.csv"
    payments_write(history, names, path)
    header, *rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    assert tuple(header) == PAYMENT_COLUMNS
    assert [row[1] for row in rows] == [f"K{p.customer:04d}" for p in history.payments]


def test_every_fault_has_words_in_both_languages() -> None:
    assert set(FAULT_WORDS) == set(FAULTS) and set(OPEN_AS.values()) <= set(KIND_WORDS)
    assert all(zh and en and zh != en for zh, en in FAULT_WORDS.values())


def test_whatever_was_not_found_or_is_no_fault_or_does_not_add_up_is_complained_of(parts: list[Part]) -> None:
    report = report_of(state_new().settlement, 0)
    missed = outcome_of(invented(parts), [], {"R-000099/1": "short"})
    assert not Checked(report, Outcome((), (), ()), 0, 0, 0, ()).complaint
    complaint = Checked(report, missed, 1, 0, 0, ("1 is missing",)).complaint
    assert complaint.startswith("1 is missing; not found: ") and complaint.endswith("no fault: R-000099/1: short")
    assert complaint.count("not found: ") == len(invented(parts).planted)
