"""A file of payments with planted faults, imported through the mapping and reconciled: each fault is found and named."""

from __future__ import annotations

import csv
from pathlib import Path

from benchmarks.reconciliation import faults_check, pairs_check
from connectors.files.importing import import_file
from connectors.files.mapping_loading import mapping_load
from ledger.domain.commands import RegisterCustomer
from ledger.domain.relations.state import Happened
from ledger.domain.values import day_of, month_of
from reconciliation.invented import FAULTS, PAYMENT_COLUMNS, InventedPayment, happened_of, invent, payment_rows
from reconciliation.reconciling import commands_of, found_in, rehearsed
from reconciliation.report import report_of
from tests.ledgers import NOW, Books

CUSTOMERS = 90


def test_every_fault_planted_in_a_file_of_payments_is_found_and_named(books: Books, tmp_path: Path) -> None:
    today = day_of(NOW.date())
    history = invent(240, seed=5, day_first=today - 200, days=150, customers=CUSTOMERS, fault_every=5)
    assert {p.fault for p in history.planted} == set(FAULTS)
    books.send(*(RegisterCustomer("customers", f"k{n}", f"示例{n}") for n in range(1, CUSTOMERS + 1)))
    path = tmp_path / "payments.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(PAYMENT_COLUMNS)
        writer.writerows(payment_rows(history, lambda number: f"k{number}"))
    report = import_file(
        books.writer.submit, mapping_load("payments"), books.state.book.fact_types.get, path, actor="ann",
        recorded_at=NOW,
    )  # fmt: skip
    assert (report.accepted, len(report.rejected)) == (len(history.payments), 0)
    # The redemptions, told to a state of the test's own beside the payments that the ledger recorded.
    relations = books.state.relations
    for event in happened_of(history):
        if event.topic != "FactRecorded":
            relations.apply(Happened(relations.position, event.customer, event.topic, event.fields, event.day))
    paid = {p.key: p for p in history.payments}
    for key, payment in relations.settlement.payments.items():
        invented: InventedPayment = paid[key]
        assert (payment.customer, payment.day, payment.offset, payment.paid, payment.reference, payment.project) == (
            invented.customer, invented.day, invented.offset, invented.paid, invented.reference, invented.project,
        )  # fmt: skip
    period = month_of(today)
    found = found_in(relations.settlement, period)
    pairs_check(history, found)
    rehearsed(relations, commands_of(found), today)
    listed = report_of(relations.settlement, period)
    assert listed.faults == ()
    faults_check(history, {line.item: line.kind for line in listed.lines})
    relations.journal.rollback()
