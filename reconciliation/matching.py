"""Matching payments with redemptions: by reference, then by amount and date, then by project. Pure and repeatable.

A rule matches where one reading alone is sensible; whatever else is left to people, with candidates. What was matched
is not looked at again, so matching what is left once more finds nothing. No step compares all with all: items are
looked up by reference, by (customer, amount), by (customer, project), and sorted, so that it grows as n log n.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from ledger.domain.settlement.records import Part, Payment
from ledger.domain.values import day_text, money_text
from reconciliation.candidates import Terms, edges_of
from reconciliation.items import Item, Ledgers, part_words
from reconciliation.pairs import Pair, pairs_of

EXACT: Final = "reference"
SPLIT: Final = "reference_split"
COMBINED: Final = "reference_combined"
MANY: Final = "reference_many"
PARTIAL: Final = "reference_partial"
AMOUNT_DATE: Final = "amount_date"
PROJECT: Final = "project_sum"
SCORES: Final = {EXACT: 100, SPLIT: 98, COMBINED: 98, MANY: 95, PARTIAL: 90, PROJECT: 75}
"""How sure each rule is, 0 to 100; of amount and date it depends on the pair."""


class Found(NamedTuple):
    """A match: (name, fen) on both sides, which come to the same; `items` gives them as they were before it."""

    redemptions: tuple[tuple[str, int], ...]
    payments: tuple[tuple[str, int], ...]
    rule: str
    score: int
    items: Callable[[], tuple[Sequence[Item], Sequence[Item]]]

    @property
    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """What speaks for it: (what, of redemptions, of payments) each."""
        return evidence_of(*self.items())

    @property
    def fen(self) -> int:
        """What it settles."""
        return sum(fen for _, fen in self.redemptions)


def matches_of(ledgers: Ledgers, terms: Terms) -> list[Found]:
    """Every match that rules find among what is open, in a repeatable order."""
    pairs = pairs_of(ledgers)
    rest = _Rest(ledgers, pairs, terms)
    while True:
        before = len(rest.found)
        for group in rest.groups():
            rest.match_group(*group)
        rest.match_amounts()
        rest.match_projects()
        if len(rest.found) == before:
            return [_found(ledgers, part, payment) for part, payment in pairs] + rest.found


def _found(ledgers: Ledgers, part: Part, payment: Payment) -> Found:
    fen = part.open
    return Found(
        ((part.key, fen),), ((payment.key, fen),), EXACT, SCORES[EXACT], partial(_items_of_pair, ledgers, part, payment)
    )


def _items_of_pair(ledgers: Ledgers, part: Part, payment: Payment) -> tuple[Sequence[Item], Sequence[Item]]:
    return (ledgers.part(part),), (ledgers.payment(payment),)


class _Rest:
    """What is still open once the pairs are taken, and what was found among it."""

    def __init__(self, ledgers: Ledgers, pairs: Sequence[Pair], terms: Terms) -> None:
        self.terms = terms
        self.parted = ledgers.parted
        taken = {part.key for part, _ in pairs}
        taken.update([payment.key for _, payment in pairs])
        parts = [ledgers.part(p) for p in ledgers.parts if p.open > 0 and p.key not in taken]
        payments = [ledgers.payment(p) for p in ledgers.payments if p.open > 0 and p.key not in taken]
        self.parts = {i.key: i for i in sorted(parts, key=_order)}
        self.payments = {i.key: i for i in sorted(payments, key=_order)}
        said = {w for payment in payments for w in payment.references}
        self.known: dict[str, set[int]] = {}
        """Of what is said by payments, whose redemptions are known by it, settled ones too: a payment that names one of
        its own customer's is not guessed for another."""
        for part in ledgers.parts if said else ():
            for reference in part_words(part):
                if reference in said:
                    customer = ledgers.into.get(part.customer, part.customer)
                    self.known.setdefault(reference, set()).add(customer)
        self.found: list[Found] = []

    def groups(self) -> list[tuple[list[Item], list[Item]]]:
        """Parts and payments of one customer that references tie together, by union and find."""
        links = _Links()
        by_word: dict[tuple[int, str], list[str]] = defaultdict(list)
        for part in self.parts.values():
            for reference in part.references:
                by_word[part.customer, reference].append(part.key)
        tied: dict[str, Item] = {}
        for payment in self.payments.values():
            for reference in payment.references:
                for key in by_word.get((payment.customer, reference), ()):
                    links.tie(payment.key, key)
                    tied[payment.key] = payment
                # All parts of one reference are tied to each other now: the first stands for them.
                named = by_word.get((payment.customer, reference))
                if named:
                    del named[1:]
        if not tied:
            return []
        groups: dict[str, tuple[list[Item], list[Item]]] = {}
        for part in self.parts.values():
            if part.key in links:
                groups.setdefault(links.root(part.key), ([], []))[0].append(part)
        for payment in tied.values():
            groups.setdefault(links.root(payment.key), ([], []))[1].append(payment)
        return [group for group in groups.values() if group[0] and group[1]]

    def match_group(self, parts: list[Item], payments: list[Item]) -> None:
        """Match what references tie together: equal amounts first, then sums, then what there is, the oldest first."""
        parts, payments = self._equal(parts, payments)
        # Who settles what together can't be told where people parted some of it.
        if not parts or not payments or self._any_parted(parts, payments):
            return
        # A payment that came twice must not make up for another that lacks: the same one counts once at first.
        single = list({(p.open, p.references, p.project): p for p in reversed(payments)}.values())[::-1]
        wanted = sum(p.open for p in parts)
        for given in (payments, single):
            if sum(p.open for p in given) == wanted:
                rule = SPLIT if len(parts) == 1 else COMBINED if len(given) == 1 else MANY
                self._settle(parts, given, rule, SCORES[rule])
                return
        repeated = [p for p in payments if p not in single] if len(single) < len(payments) else []
        self._settle(parts, [*single, *repeated], PARTIAL, SCORES[PARTIAL])

    def _equal(self, parts: Sequence[Item], payments: Sequence[Item]) -> tuple[list[Item], list[Item]]:
        """Match pairs of the same amount that share a reference, the oldest first; gives what is left. What says the
        same as something that people parted is left: it may belong to either."""
        unsure = {
            (w, item.open) for item in (*parts, *payments) if item.key in self.parted for w in item.references
        }  # fmt: skip
        left = {p.key: p for p in parts}
        rest: list[Item] = []
        by_word: dict[tuple[str, int], deque[Item]] = defaultdict(deque)
        for part in parts:
            for reference in part.references:
                by_word[reference, part.open].append(part)
        for payment in payments:
            queues = [by_word.get((w, payment.open)) for w in payment.references]
            part = next((p for q in queues if q for p in [_first(q, left)] if p is not None), None)
            if part is None or any((w, payment.open) in unsure for w in (*part.references, *payment.references)):
                rest.append(payment)
            else:
                del left[part.key]
                self._settle([part], [payment], EXACT, SCORES[EXACT])
        return list(left.values()), rest

    def match_amounts(self) -> None:
        """Match pairs of one customer by amount and date, where each is by far the best for the other."""
        payments = [p for p in self.payments.values() if not self._named(p)]
        edges = edges_of(list(self.parts.values()), payments, self.terms)
        best: dict[str, tuple[int, str]] = {}
        second: dict[str, int] = defaultdict(int)
        for edge in edges:
            for key, other in ((edge.part, edge.payment), (edge.payment, edge.part)):
                if key not in best or edge.fine > best[key][0]:
                    if key in best:
                        second[key] = max(second[key], best[key][0])
                    best[key] = (edge.fine, other)
                else:
                    second[key] = max(second[key], edge.fine)
        for edge in edges:
            mutual = best[edge.part] == (edge.fine, edge.payment) and best[edge.payment] == (edge.fine, edge.part)
            clear = edge.fine - max(second[edge.part], second[edge.payment]) >= self.terms.margin
            if mutual and clear and not (edge.part in self.parted or edge.payment in self.parted):
                part, payment = self.parts[edge.part], self.payments[edge.payment]
                self._settle([part], [payment], AMOUNT_DATE, edge.score)

    def match_projects(self) -> None:
        """Match all that is open of one customer for one project, where both sides come to the same."""
        sides: dict[tuple[int, str], tuple[list[Item], list[Item]]] = {}
        for side, items in enumerate((self.parts, self.payments)):
            for item in items.values():
                if item.project and (side == 0 or not self._named(item)):
                    sides.setdefault((item.customer, item.project), ([], []))[side].append(item)
        for parts, payments in sides.values():
            if not parts or not payments or sum(p.open for p in parts) != sum(p.open for p in payments):
                continue
            days = [i.day for i in (*parts, *payments)]
            small = len(parts) * len(payments) <= self.terms.project_pairs_max
            if max(days) - min(days) <= self.terms.days_max and small and not self._any_parted(parts, payments):
                self._settle(parts, payments, PROJECT, SCORES[PROJECT])

    def _any_parted(self, parts: Iterable[Item], payments: Iterable[Item]) -> bool:
        return bool(self.parted) and any(item.key in self.parted for item in (*parts, *payments))

    def _named(self, payment: Item) -> bool:
        """Whether a payment names a redemption of its customer."""
        return any(payment.customer in self.known.get(w, ()) for w in payment.references)

    def _settle(self, parts: Sequence[Item], payments: Sequence[Item], rule: str, score: int) -> None:
        """Match as much as both sides have, the oldest first, and take it off what is open."""
        fen = min(sum(p.open for p in parts), sum(p.open for p in payments))
        redemptions, took = _taken(parts, fen), _taken(payments, fen)
        sides = [(self.parts, redemptions), (self.payments, took)]
        parts_used, payments_used = ([items[key] for key, _ in lines] for items, lines in sides)
        for items, lines in sides:
            for key, amount in lines:
                item = items[key]
                if item.open == amount:
                    del items[key]
                else:
                    items[key] = item._replace(open=item.open - amount, settled=item.settled + amount)
        self.found.append(Found(redemptions, took, rule, score, partial(_used, parts_used, payments_used)))


def _used(parts: Sequence[Item], payments: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    return parts, payments


def evidence_of(parts: Sequence[Item], payments: Sequence[Item]) -> tuple[tuple[str, str, str], ...]:
    """What speaks for a match: references that both sides have, amounts, days, the project."""
    left = {w for p in parts for w in p.references}
    both = dict.fromkeys(w for p in payments for w in p.references if w in left)
    found = [("reference", w, w) for w in list(both)[:_WORDS_MAX]]
    found.append(("amount", money_text(sum(p.open for p in parts)), money_text(sum(p.open for p in payments))))
    found.append(("day", day_text(min(p.day for p in parts)), day_text(max(p.day for p in payments))))
    projects = {p.project for p in parts} & {p.project for p in payments} - {""}
    if projects:
        found.append(("project", min(projects), min(projects)))
    return tuple(found)


_WORDS_MAX: Final = 5


def _order(item: Item) -> tuple[int, str]:
    return item.day, item.key


def _first(queue: deque[Item], left: dict[str, Item]) -> Item | None:
    """The first of a queue that is still there."""
    while queue and queue[0].key not in left:
        queue.popleft()
    return queue[0] if queue else None


def _taken(items: Iterable[Item], fen: int) -> tuple[tuple[str, int], ...]:
    """So many fen of items, in their order."""
    lines: list[tuple[str, int]] = []
    for item in items:
        amount = min(item.open, fen)
        if amount:
            lines.append((item.key, amount))
            fen -= amount
    return tuple(lines)


class _Links:
    """Union and find over names."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._above

    def root(self, key: str) -> str:
        """The name that stands for all that are tied to this one."""
        above = self._above
        while above[key] != key:
            above[key] = key = above[above[key]]
        return key

    def tie(self, one: str, other: str) -> None:
        """Tie two together."""
        for key in (one, other):
            self._above.setdefault(key, key)
        a, b = self.root(one), self.root(other)
        if a != b:
            self._above[max(a, b)] = min(a, b)
