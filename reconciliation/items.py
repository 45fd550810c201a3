"""What is to be matched: committed parts and payments with what is open of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ledger.domain.settlement.figures import standings_of
from ledger.domain.settlement.records import Part, Payment, is_part
from ledger.domain.settlement.state import Settlement

_SEPARATORS: Final = re.compile(r"[\s,;，；、|+&]+")


class Item(NamedTuple):
    """One side's item. `customer` is the one that stands for whoever it is booked for: customers that were merged are
    one. `period` is the last month that anything it claims is booked in. `references` are the words it is known by;
    `open` what is not settled of `claimed`."""

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
    """Both sides as of a month's end, as they are recorded. `into` says who stands for customers that were merged;
    `parted` are the items that no rule matches: people undid a match of theirs."""

    parts: Sequence[Part]
    payments: Sequence[Payment]
    into: Mapping[int, int]
    parted: Collection[str]

    def part(self, part: Part) -> Item:
        """A committed part as an item."""
        customer = self.into.get(part.customer, part.customer)
        return Item(
            part.key, customer, part.day, part.period, part_words(part), word(part.project), part.amount, part.open,
            part.settled, part.ruled,
        )  # fmt: skip

    def payment(self, payment: Payment) -> Item:
        """A payment as an item."""
        customer = self.into.get(payment.customer, payment.customer)
        return Item(
            payment.key, customer, payment.day, payment.period_last if payment.later else payment.period,
            payment_words(payment), word(payment.project), payment.amount, payment.open, payment.settled,
            payment.ruled,
        )  # fmt: skip


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


def part_words(part: Part) -> tuple[str, ...]:
    """What a committed part is known by: its redemption, itself and its own reference."""
    known = (word(part.redemption), word(part.key))
    if part.reference and (own := word(part.reference)) not in known:
        return (*known, own)
    return known


def payment_words(payment: Payment) -> tuple[str, ...]:
    """What a payment is known by: the references it gives and its invoice."""
    known = words(payment.reference)
    if payment.invoice and (invoice := word(payment.invoice)) not in known:
        return (*known, invoice)
    return known


def still_open(settlement: Settlement, ledgers: Ledgers) -> Ledgers:
    """Both sides of a month's end with no more open than is by now: what came later settled some, or took it back."""
    known, paid = settlement.parts, settlement.payments
    parts = [p._replace(money=p.money - max(p.open - known[p.key].open, 0)) for p in ledgers.parts]
    payments = [p._replace(offset=p.offset - max(p.open - paid[p.key].open, 0)) for p in ledgers.payments]
    return replace(ledgers, parts=parts, payments=payments)


def ledgers_of(settlement: Settlement, period: int) -> Ledgers:
    """Both sides as they are booked up to a month's end; payments that never took anything off are left out."""
    into, parted = settlement.survivors(period), settlement.parted.keys()
    if period >= settlement.period_last:
        paid = [p for p in settlement.payments.values() if p.offset or p.settled or p.ruled]
        return Ledgers(list(settlement.parts.values()), paid, into, parted)
    parts = list[Part]()
    payments = list[Payment]()
    for key, s in standings_of(settlement, period).items():
        if is_part(key):
            part = settlement.parts[key]
            parts.append(part._replace(money=s.claimed, back=0, settled=s.settled, ruled=s.ruled))
        else:
            payment = settlement.payments[key]
            later = payment.later if payment.period_last <= period else 0
            payments.append(payment._replace(offset=s.claimed, settled=s.settled, ruled=s.ruled, later=later))
    return Ledgers(parts, payments, into, parted)
