"""The customers of a book, as relations look at them."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.domain.book import TRAITS, Book


class BookCustomers:
    """Reads a book wherever it stands; the book goes on, this follows."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def count(self) -> int:
        """How many there are; their numbers are 1 to this."""
        return len(self._book.customers)

    def traits(self, number: int) -> Mapping[str, str]:
        """industry, region, customer_type, scale of a customer; "" where unknown."""
        return dict(zip(TRAITS, self._book.customers[number - 1].traits, strict=True))

    def name(self, number: int) -> str:
        """The registered name of a customer."""
        return self._book.customers[number - 1].name

    def find(self, text: str) -> int:
        """The number of the customer with this id or "source:reference"; 0 where there is none."""
        return self._book.customer_find(text)
