"""Candidates: pairs of one customer whose amounts and dates lie close together, with a score of how close."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciliation.items import Item

NEAREST: Final = 4
"""So many redemptions of one amount are looked at for a payment, on each side of its date."""
AMOUNTS_MAX: Final = 16
"""So many different amounts near a payment's are looked at, the nearest first."""

# What a score is made of, in 1/100, so that of two pairs the nearer one is always the better. The very amount outweighs
# everything else together.
SCORE_BASE: Final = 60_00
SCORE_AMOUNT: Final = 18_00
SCORE_AMOUNT_NEAR: Final = 6_00
SCORE_DAYS: Final = 6_00
SCORE_PROJECT: Final = 4_00
SCORE_REFERENCE: Final = 1_00
SCORE_ELSEWHERE: Final = 50_00
"""In the place of the base, where a payment names what another customer redeemed."""
AMOUNT_NEAR: Final = 1_00
"""Fen by which amounts may differ for a rule; by so many, nearness counts nothing."""
DAYS_NEAR: Final = 45
"""Days that may lie between for a rule; for so many, nearness counts nothing, and more count against a pair."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule may take for the same: amounts that differ by at most so many fen, days that lie so far apart.
    `margin`: by how much better than the next best a pair must be, in 1/100 of a score."""

    amount_tolerance: int = AMOUNT_NEAR
    days_max: int = DAYS_NEAR
    margin: int = 4_00
    project_pairs_max: int = 400


@dataclass(frozen=True, slots=True)
class Edge:
    """A candidate: a part and a payment, and the score in 1/100, up to 89 (by reference alone a match is surer)."""

    part: str
    payment: str
    fine: int

    @property
    def score(self) -> int:
        """As people read it: 60 to 89 for what a rule may take, less for what is further off."""
        return self.fine // 100


def edges_of(parts: Sequence[Item], payments: Iterable[Item], terms: Terms) -> list[Edge]:
    """The candidates among items: for each payment the nearest in amount and date of its customer."""
    index = _Index(parts)
    return [
        Edge(part.key, payment.key, score_of(part, payment))
        for payment in payments
        for part in index.near(payment, terms)
    ]


def edges_elsewhere(parts: Sequence[Item], payments: Sequence[Item]) -> list[Edge]:
    """The candidates of two customers: payments that name what another one redeemed, and nothing of their own that is
    open. For each payment a bounded number; where a reference says many, those of the very amount."""
    own = {(part.customer, w) for part in parts for w in part.references}
    said = {w for payment in payments for w in payment.references}
    by_word: dict[str, list[Item]] = defaultdict(list)
    by_amount: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for part in parts:
        for w in part.references:
            if w in said:
                by_word[w].append(part)
                by_amount[w, part.open].append(part)
    found: dict[tuple[str, str], Edge] = {}
    for payment in payments:
        if any((payment.customer, w) in own for w in payment.references):
            continue
        for w in payment.references:
            named = by_word.get(w, [])
            if len(named) > AMOUNTS_MAX:
                named = by_amount.get((w, payment.open), [])[:AMOUNTS_MAX]
            for part in named:
                score = SCORE_ELSEWHERE + (SCORE_AMOUNT if part.open == payment.open else 0)
                score += max(SCORE_DAYS * (DAYS_NEAR - abs(part.day - payment.day)) // DAYS_NEAR, 0)
                found[part.key, payment.key] = Edge(part.key, payment.key, score)
    return list(found.values())


def score_of(part: Item, payment: Item) -> int:
    """How well a part and a payment of one customer fit, in 1/100: 60, and 18 for the very amount, else up to 6 the
    nearer it is; up to 6 the fewer days lie between; 4 for the same project; 1 for a reference that is nearly the same.
    """
    apart = abs(part.open - payment.open)
    score = SCORE_BASE + (SCORE_AMOUNT if not apart else SCORE_AMOUNT_NEAR * (AMOUNT_NEAR - apart) // AMOUNT_NEAR)
    score += SCORE_DAYS * (DAYS_NEAR - abs(part.day - payment.day)) // DAYS_NEAR
    if part.project and part.project == payment.project:
        score += SCORE_PROJECT
    if any(nearly(a, b) for a in part.references for b in payment.references):
        score += SCORE_REFERENCE
    return score


def nearly(one: str, other: str) -> bool:
    """Whether two references differ by one character, or by two neighbours that changed places."""
    if one == other:
        return True
    if abs(len(one) - len(other)) > 1 or min(len(one), len(other)) < 4:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]


class _Index:
    """Parts by customer and amount, in order of days."""

    def __init__(self, parts: Iterable[Item]) -> None:
        self._of: dict[tuple[int, int], list[Item]] = defaultdict(list)
        for part in parts:
            self._of[part.customer, part.open].append(part)
        self._amounts: dict[int, list[int]] = defaultdict(list)
        for (customer, amount), items in self._of.items():
            items.sort(key=lambda i: (i.day, i.key))
            self._amounts[customer].append(amount)
        for amounts in self._amounts.values():
            amounts.sort()
        self._days = {key: [i.day for i in items] for key, items in self._of.items()}

    def near(self, payment: Item, terms: Terms) -> list[Item]:
        """The parts nearest to a payment in amount and date, a bounded number of them."""
        amounts = self._amounts.get(payment.customer, ())
        low = bisect_left(amounts, payment.open - terms.amount_tolerance)
        high = bisect_left(amounts, payment.open + terms.amount_tolerance + 1)
        if high - low > AMOUNTS_MAX:
            middle = bisect_left(amounts, payment.open)
            low, high = max(low, middle - AMOUNTS_MAX // 2), min(high, middle + AMOUNTS_MAX // 2)
        found: list[Item] = []
        for amount in amounts[low:high]:
            key = (payment.customer, amount)
            at = bisect_left(self._days[key], payment.day)
            near = self._of[key][max(at - NEAREST, 0) : at + NEAREST]
            found += [p for p in near if abs(p.day - payment.day) <= terms.days_max]
        return found
