"""What settlement knows: committed parts of redemptions, payments, matches, rulings, months signed off. Records are
replaced, never changed; some are made with every match, so they are tuples, which are made several times faster than
frozen data classes. Amounts are fen, days day numbers, months counted from 1970-01."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

PAYMENT: Final = "payment_received"
"""The fact type of a payment."""
OFFSET: Final = "offset"
"""The kind of a redemption that takes its money off a payment."""
PERSON: Final = "person"
"""The rule of a match that people made."""

OUTCOMES: Final = ("written_off", "explained", "charged")
"""What may become of an open item: we bear it; there is a reason, which is told; the customer is charged."""

_ID: Final = re.compile(r"([MQ])-([0-9]{6,18})\Z")
_PART: Final = re.compile(r"R-[0-9]{6,18}/[0-9]{1,9}\Z")


def may_be_payment(fact: Mapping[str, Any]) -> bool:
    """Whether a recorded fact is a payment, or may correct one: what it corrects stands in the fact before it."""
    return fact["fact_type"] == PAYMENT or fact["corrects"] > 0


@lru_cache(maxsize=65_536)
def settlement_id(number: int) -> str:
    """The id of the n-th settlement, from 1: "M-000001"."""
    return f"M-{number:06d}"


@lru_cache(maxsize=65_536)
def ruling_id(number: int) -> str:
    """The id of the n-th ruling, from 1: "Q-000001"."""
    return f"Q-{number:06d}"


def numbered(text: str, letter: str) -> int:
    """The number in an id with this letter; 0 where the text is no such id."""
    match = _ID.match(text)
    return int(match[2]) if match and match[1] == letter and text == f"{letter}-{int(match[2]):06d}" else 0


def part_key(redemption: str, part: int) -> str:
    """How a committed part is named: "R-000001/1"."""
    return f"{redemption}/{part}"


def payment_key(source: str, external_id: str) -> str:
    """How a payment is named: "source:external id"; a colon in the source is written %3A."""
    if ":" in source or "%" in source:
        source = source.replace("%", "%25").replace(":", "%3A")
    return f"{source}:{external_id}"


def payment_named(key: str) -> tuple[str, str]:
    """Source and external id of a payment's name."""
    source, _, external_id = key.partition(":")
    return source.replace("%3A", ":").replace("%25", "%"), external_id


def is_part(key: str) -> bool:
    """Whether an open item's name is that of a committed part (else it is a payment's)."""
    return bool(_PART.match(key))


class Reserved(NamedTuple):
    """What a part has from its reservation."""

    customer: int
    reference: str
    project: str


class Part(NamedTuple):
    """A committed part of a redemption that takes money off a payment. `money` as committed; `back` of it was reversed,
    `settled` is matched, `ruled` was ruled on. `day` is when it was committed, `period` the month it is booked in."""

    key: str
    redemption: str
    part: int
    customer: int
    position: int
    day: int
    period: int
    reference: str
    project: str
    money: int
    back: int = 0
    settled: int = 0
    ruled: int = 0

    @property
    def amount(self) -> int:
        """What is to be settled."""
        return self.money - self.back

    @property
    def open(self) -> int:
        """What is not settled yet; below zero where more is settled than is left of it."""
        return self.amount - self.settled - self.ruled

    def period_of(self, fen: int) -> int:
        """The month that so much more of it is settled in."""
        return self.period


class Payment(NamedTuple):
    """A payment as last recorded. `offset` is what the payer took off for points; `day` when it occurred, `period` the
    month it is booked in, `period_last` that of its last version; `later` is what corrections added to the offset (or
    took from it, below zero) in months after `period`. `stands`: the fact is one still; corrected into something else,
    what becomes of it says nothing of payments."""

    key: str
    customer: int
    position: int
    day: int
    period: int
    reference: str
    payer: str
    project: str
    invoice: str
    paid: int
    offset: int
    settled: int = 0
    ruled: int = 0
    period_last: int = -1
    later: int = 0
    stands: bool = True

    @property
    def amount(self) -> int:
        """What is to be settled."""
        return self.offset

    @property
    def open(self) -> int:
        """What is not settled yet; below zero where more is settled than it takes off."""
        return self.offset - self.settled - self.ruled

    def period_of(self, fen: int) -> int:
        """The month that so much more of it is settled in: the one it is booked in, or the correction's, where that
        brought what is settled, or left less than was."""
        left = self.offset - self.later - self.settled - self.ruled
        return self.period if fen <= left and self.open >= 0 else self.period_last


Lines = tuple[tuple[str, int], ...]
"""(name of a part or payment, fen) each."""
Said = tuple[str, Lines]
"""What a proposal says, whoever makes it and why: "" and all lines of a match, in order of their names; of a ruling its
outcome and its one line."""


def match_said(redemptions: Lines, payments: Lines) -> Said:
    """What a proposed match says."""
    return "", tuple(sorted((*redemptions, *payments)))


def ruling_said(item: str, outcome: str, amount: int) -> Said:
    """What a proposed ruling says."""
    return outcome, ((item, amount),)


class Match(NamedTuple):
    """A match, or one that is proposed (`state` "proposed", "declined"). `period` is the month it is booked in; undone,
    it is booked the other way in `undone_period`; `undone_day` is when people did that, `undone_by` who."""

    number: int
    redemptions: Lines
    payments: Lines
    state: str
    rule: str
    score: int
    period: int
    day: int
    position: int
    proposed_by: str
    reason: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    undone_period: int = -1
    undone_day: int = -1
    undone_by: str = ""


class Ruling(NamedTuple):
    """What became of an open item, or is to. `amount` is above zero; `booked` has the sign of what was open."""

    number: int
    item: str
    outcome: str
    amount: int
    state: str
    period: int
    day: int
    position: int
    proposed_by: str
    reason: str
    booked: int = 0
    undone_period: int = -1


class SignedOff(NamedTuple):
    """A month that finance signed off, through a position."""

    period: int
    through: int
    sha256: str
    redeemed: int
    settled: int
    open: int
    day: int


class Booking(NamedTuple):
    """An amount booked in a month for an item. `what` is redeemed, offset, settled or ruled."""

    period: int
    item: str
    what: str
    fen: int
