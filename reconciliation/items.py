"""What is to be matched: committed parts and payments with what is open of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ledger.domain.settlement.figures import standings_of
from ledger.domain.settlement.records import Part, Payment, is_part
from ledger.domain.settlement.state import Settlement

_SEPARATORS: Final = re.compile(r"[\s,;，；、|+&]+")


class Item(NamedTuple):
    """One side's item. `customer` is the one that stands for whoever it is booked for: customers that were merged are
    one. `references` are the words it is known by; `open` what is not settled of `claimed`."""

    key: str
    customer: int
    day: int
    period: int
    references: tuple[str, ...]
    project: str
    claimed: int
    open: int
    settled: int = 0
    ruled: int = 0

    @property
    def fresh(self) -> bool:
        """Whether nothing of it is settled yet."""
        return not self.settled


@dataclass(slots=True)
class Ledgers:
    """Both sides as of a month's end. `barred` are pairs that no rule matches: people undid them."""

    parts: list[Item]
    payments: list[Item]
    barred: Collection[tuple[str, str]] = field(default_factory=frozenset[tuple[str, str]])


def word(text: str) -> str:
    """A reference as it is compared: width, case and spaces around it make no difference."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFKC", text).strip().casefold()


def words(text: str) -> tuple[str, ...]:
    """The references in a text that may name several."""
    whole = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    if not _SEPARATORS.search(whole):
        return (whole,) if whole else ()
    return tuple(dict.fromkeys(w for w in _SEPARATORS.split(whole) if w))


def items_of(settlement: Settlement, period: int) -> Ledgers:
    """Both sides as they are booked up to a month's end; payments that never took anything off are left out."""
    into = settlement.survivors(period)
    if period >= settlement.period_last:
        parts = [_part_item(p, into, p.amount, p.open, p.settled, p.ruled) for p in settlement.parts.values()]
        payments = [
            _payment_item(p, into, p.offset, p.open, p.settled, p.ruled)
            for p in settlement.payments.values()
            if p.offset or p.settled or p.ruled
        ]
        return Ledgers(parts, payments, settlement.barred.keys())
    parts = list[Item]()
    payments = list[Item]()
    for key, s in standings_of(settlement, period).items():
        if is_part(key):
            parts.append(_part_item(settlement.parts[key], into, s.claimed, s.open, s.settled, s.ruled))
        else:
            payments.append(_payment_item(settlement.payments[key], into, s.claimed, s.open, s.settled, s.ruled))
    return Ledgers(parts, payments, settlement.barred.keys())


def _part_item(part: Part, into: Mapping[int, int], claimed: int, is_open: int, settled: int, ruled: int) -> Item:
    """A committed part as an item. Its redemption, itself and its own reference are what it is known by."""
    known = (word(part.redemption), word(part.key))
    if part.reference and (own := word(part.reference)) not in known:
        known = (*known, own)
    customer = into.get(part.customer, part.customer)
    return Item(
        part.key, customer, part.day, part.period, known, word(part.project), claimed, is_open, settled, ruled
    )


def _payment_item(
    payment: Payment, into: Mapping[int, int], claimed: int, is_open: int, settled: int, ruled: int
) -> Item:
    """A payment as an item. The references it gives and its invoice are what it is known by."""
    known = words(payment.reference)
    if payment.invoice and (invoice := word(payment.invoice)) not in known:
        known = (*known, invoice)
    customer = into.get(payment.customer, payment.customer)
    return Item(
        payment.key, customer, payment.day, payment.period, known, word(payment.project), claimed, is_open,
        settled, ruled,
    )  # fmt: skip
