"""The view `search`: customers by any part of their name, of its pinyin or of the pinyin's initials."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.log.arrays import BigintArray, TextArray
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from projections.customers import CustomerRow, CustomersView
from projections.places import reads
from projections.view import BATCH_EVENTS, Batch

_QUERIES = queries_load("projections.sql", "search.sql")
_SEPARATOR: Final = "\x1f"
_LEFT_OUT: Final = frozenset("()[]{}<>《》〈〉【】「」『』,.;:，。；：、·・-_'\"“”‘’/\\|")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a name is found by."""

    name_folded: str
    pinyin: str
    initials: str

    @property
    def grams(self) -> set[str]:
        """What the index holds of it."""
        return name_grams(self.name_folded) | pinyin_grams(self.pinyin) | initials_grams(self.initials)


@dataclass(frozen=True, slots=True)
class Found:
    """A customer and how well it matches: 0 wholly, 1 at the beginning, 2 somewhere."""

    rank: int
    customer: CustomerRow


def folded(text: str) -> str:
    """Text in one width and case, without spaces, brackets and punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in plain if not c.isspace() and c not in _LEFT_OUT)


def terms_of(name: str) -> Terms:
    """What a name is found by. Whole words decide how a character of several readings is read."""
    # It reads its dictionaries when it is imported: only who registers customers waits for that.
    from pypinyin.seg.simpleseg import seg

    text = folded(name)
    syllables: list[str] = []
    for word in seg(text):
        syllables += [word] if word.isascii() else _syllables(word)
    return Terms(text, "".join(syllables), "".join([s[:1] for s in syllables]))


# Names are made of the same words again and again, and reading one takes ten times as long as finding it in a name.
@lru_cache(maxsize=20_000)
def _syllables(word: str) -> list[str]:
    from pypinyin import lazy_pinyin

    return lazy_pinyin(word)


def name_grams(text: str) -> set[str]:
    """Single characters and pairs."""
    return _runs("n:", text, 1) | _runs("n:", text, 2)


def pinyin_grams(text: str) -> set[str]:
    """Triples; none for less."""
    return _runs("p:", text, 3)


def initials_grams(text: str) -> set[str]:
    """Pairs; none for less."""
    return _runs("i:", text, 2)


def _runs(kind: str, text: str, length: int) -> set[str]:
    return {kind + text[i : i + length] for i in range(len(text) - length + 1)}


class SearchView:
    """Keeps the table `customer_search`."""

    name = "search"
    batch_events = BATCH_EVENTS
    pause_seconds = 0.0
    topics = ("CustomerChanged", "CustomerRegistered")

    def apply(self, batch: Batch, transaction: Connection[Any]) -> None:
        """Enter the names that this batch gives."""
        names: dict[int, str] = {}
        for event in batch.of(self.topics):
            name = event.state["name"]
            if name is not None:
                names[event.customer] = name
        if not names:
            return
        terms = [terms_of(name) for name in names.values()]
        transaction.execute(
            _QUERIES["search_store"],
            {
                "customer": BigintArray(names),
                "name_folded": TextArray([t.name_folded for t in terms]),
                "pinyin": TextArray([t.pinyin for t in terms]),
                "initials": TextArray([t.initials for t in terms]),
                "grams": TextArray([_SEPARATOR.join(sorted(t.grams)) for t in terms]),
            },
        )


def search_terms(text: str) -> dict[str, Any] | None:
    """What a query asks for where a name should contain a text; None for a text without a letter."""
    wanted = folded(text)
    if not wanted:
        return None
    latin = wanted.isascii()
    return {
        "text": wanted, "name_grams": sorted(name_grams(wanted)),
        "pinyin_grams": sorted(pinyin_grams(wanted)) if latin else [],
        "initials_grams": sorted(initials_grams(wanted)) if latin else [],
    }  # fmt: skip


@reads(SearchView.name, CustomersView.name)
def customers_search(
    connection: Connection[Any],
    text: str,
    *,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[Found]:
    """Up to `limit` customers whose name, pinyin (three letters or more) or initials (two or more) contain a text,
    best first. Their key is (rank, number). None for a text without a letter.
    """
    terms = search_terms(text)
    if terms is None:
        return []
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = page_read(cursor, _QUERIES["search_found"], ("rank", "customer"), terms, seek, limit)
        # Only those of the page itself are looked up.
        rows = cursor.execute(_QUERIES["search_customers"], {"numbers": [number for number, _ in found]}).fetchall()
    customers = {row[0]: CustomerRow(*row) for row in rows}
    return [Found(rank, customers[number]) for number, rank in found]


@reads(CustomersView.name)
def customers_filtered(
    connection: Connection[Any],
    *,
    region: str | None = None,
    industry: str | None = None,
    customer_type: str | None = None,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[CustomerRow]:
    """Up to `limit` customers of these traits, by number, which is the key."""
    params = {"region": region, "industry": industry, "customer_type": customer_type}
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = page_read(cursor, _READING["customers_filtered"], ("number",), params, seek, limit)
    return [CustomerRow(*row) for row in rows]


_READING = queries_load("projections.sql", "reading.sql")
