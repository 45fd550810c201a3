"""The book in the columns: its customers as tables, the rest as plain data in the manifest."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from ledger.domain.book import ActivationEntry, Book, Customer, RuleSetEntry
from ledger.domain.fact_types import fact_type_parse
from ledger.domain.rows import columns_count

_RULE_SET_FIELDS: Final = (
    "rule_set", "document", "sha256", "proposed_by", "proposed", "approved_by", "approved", "run",
)  # fmt: skip


def book_save(book: Book) -> dict[str, Any]:
    """Everything but customers, their references and claims, as plain data."""
    return {
        "position": book.position,
        "ledger": book.ledger,
        "timezone": book.timezone,
        "closed": book.closed,
        "fact_types": [t.document() for t in book.fact_types.values()],
        "rule_sets": [{name: getattr(e, name) for name in _RULE_SET_FIELDS} for e in book.rule_sets.values()],
        "activations": [[a.rule_set, a.day_from, a.position] for a in book.activations],
        "closings": [list(c) for c in book.closings],
        "closed_day": book.closed_day,
        "booked_day_min": book.booked_day_min,
        "versions": book.versions,
        "customers": len(book.customers),
        "attributes": columns_count(book),
    }


def book_load(
    saved: dict[str, Any], accounts: pl.DataFrame, references: pl.DataFrame, claims: pl.DataFrame
) -> Book:
    """The book that `book_save` saved, with what the tables hold of it."""
    book = Book(
        position=saved["position"],
        ledger=saved["ledger"],
        timezone=saved["timezone"],
        closed=saved["closed"],
        closings=[(position, day) for position, day in saved["closings"]],
        closed_day=saved["closed_day"],
        booked_day_min=saved["booked_day_min"],
        versions=dict(saved["versions"]),
    )
    for document in saved["fact_types"]:
        fact_type = fact_type_parse(document)
        book.fact_types[fact_type.id] = fact_type
    for fields in saved["rule_sets"]:
        book.rule_sets[fields["rule_set"]] = RuleSetEntry(**fields)
    book.activations = [ActivationEntry(*a) for a in saved["activations"]]
    for row in accounts.iter_rows():
        number, name, industry, region, customer_type, scale, version, registered, consents = row
        traits = (industry, region, customer_type, scale)
        book.customers.append(Customer(number, name, traits, version, registered, frozenset(consents)))
    book.references = {(source, reference): number for source, reference, number in references.iter_rows()}
    for _, source, external_id, fact_type_id, named in claims.iter_rows():
        if named:
            book.once[(fact_type_id, named)] = (source, external_id)
    return book
