"""The reconciliation of a month: what matched, what is open, of which kind, since when; and whether it adds up."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson

from ledger.domain.settlement.figures import Figures, Side, figures_of
from ledger.domain.settlement.records import PERSON, Match, Part, Payment, settlement_id
from ledger.domain.settlement.state import Settlement
from ledger.domain.values import customer_id, day_text, money_text, month_last_day, month_of, month_text
from reconciliation.candidates import Edge, Terms, edges_elsewhere, edges_of
from reconciliation.items import Item, Ledgers, ledgers_of, part_words
from reconciliation.sentences import sentence

SideName = Literal["redemptions", "payments"]
Kind = Literal["short", "over", "missing_payment", "missing_redemption", "duplicate", "unmatched"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
CANDIDATES_MAX: Final = 3
CANDIDATE_TERMS: Final = Terms(days_max=92)
"""People look further than rules do."""


class Nearby(NamedTuple):
    """A candidate of an open item, and whose it is. `elsewhere`: it is another customer's, and one names the other."""

    item: str
    score: int
    customer: int
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """An open item: of which kind, since when (`age_days` at the month's end), and what speaks for it. `late` is the
    month it belongs to by its date where that was closed or signed off before it came."""

    item: str
    side: SideName
    kind: Kind
    customer: int
    day: int
    age_days: int
    claimed: int
    settled: int
    ruled: int
    open: int
    late: int | None
    evidence: dict[str, str]
    candidates: tuple[Nearby, ...] = ()
    twin: str = ""
    """Of a duplicate: the payment it repeats."""
    undone: tuple[tuple[str, int, str], ...] = ()
    """Matches of it that people undid, the latest first: (the other item, day, who)."""

    @property
    def place(self) -> tuple[int, int, str]:
        """Its place among the others: by kind, day and name."""
        return KINDS.index(self.kind), self.day, self.item

    def document(self) -> dict[str, Any]:
        """For JSON; amounts are decimals of CNY."""
        return {
            "item": self.item, "side": self.side, "kind": self.kind, "customer": customer_id(self.customer),
            "date": day_text(self.day), "age_days": self.age_days, "amount": money_text(self.claimed),
            "settled": money_text(self.settled), "ruled": money_text(self.ruled), "open": money_text(self.open),
            "late_from": None if self.late is None else month_text(self.late), "evidence": self.evidence,
            "candidates": [
                {
                    "item": c.item, "score": c.score, "customer": customer_id(c.customer),
                    "another_customer": c.elsewhere,
                }
                for c in self.candidates
            ],
            "repeats": self.twin,
            "sentence": {language: sentence(self, language) for language in ("zh", "en")},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A month. `faults` is empty where everything adds up; else each says what differs, by how much.

    `across` are the matches that rules made and that now join two customers: a merging was taken back since, or a
    payment turned out to be another customer's. They settle what they settle until people undo them.
    """

    period: int
    figures: Figures
    lines: tuple[Line, ...]
    matches: tuple[Match, ...]
    undone: tuple[Match, ...]
    signed: bool
    faults: tuple[str, ...]
    across: tuple[int, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many open items there are of each kind."""
        found = Counter(line.kind for line in self.lines)
        return {kind: found[kind] for kind in KINDS}

    def document(self) -> dict[str, Any]:
        """For JSON; amounts are decimals of CNY."""
        return {
            "period": month_text(self.period), "signed_off": self.signed, "adds_up": not self.faults,
            "faults": list(self.faults), "sha256": self.sha256, "redemptions": _side(self.figures.redemptions),
            "payments": _side(self.figures.payments), "counts": self.counts,
            "open": [line.document() for line in self.lines],
            "matched": [match_document(m, "matched") for m in self.matches],
            "undone": [match_document(m, "undone") for m in self.undone],
            "across_customers": [settlement_id(number) for number in self.across],
        }  # fmt: skip

    @property
    def sha256(self) -> str:
        """What is signed: over the figures, the open items and the matches of the month."""
        said = [
            month_text(self.period), _side(self.figures.redemptions), _side(self.figures.payments),
            [[line.item, line.kind, line.open] for line in self.lines],
            [[settlement_id(m.number), m.redemptions, m.payments] for m in self.matches],
            [settlement_id(m.number) for m in self.undone],
        ]  # fmt: skip
        return hashlib.sha256(orjson.dumps(said)).hexdigest()


def match_document(match: Match, state: str) -> dict[str, Any]:
    """A match for JSON, in the state that it had in a month."""
    return {
        "settlement": settlement_id(match.number), "state": state, "rule": match.rule, "score": match.score,
        "period": None if match.period < 0 else month_text(match.period),
        "amount": money_text(sum(fen for _, fen in match.redemptions)),
        "redemptions": [{"item": key, "amount": money_text(fen)} for key, fen in match.redemptions],
        "payments": [{"item": key, "amount": money_text(fen)} for key, fen in match.payments],
        "proposed_by": match.proposed_by, "reason": match.reason, "evidence": list(match.evidence),
    }  # fmt: skip


def report_of(settlement: Settlement, period: int) -> Report:
    """The reconciliation of a month, as it is booked. The same state gives the same report, whatever the day."""
    ledgers = ledgers_of(settlement, period)
    figures = figures_of(settlement, period)
    day_end = month_last_day(period)
    parts = [ledgers.part(p) for p in ledgers.parts if p.open]
    payments = [ledgers.payment(p) for p in ledgers.payments if p.open]
    twins = _twins(ledgers, payments)
    open_parts = [i for i in parts if i.open > 0]
    open_payments = [i for i in payments if i.open > 0 and i.key not in twins]
    candidates: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for edge in edges_of(open_parts, open_payments, CANDIDATE_TERMS):
        candidates[edge.part].append((-edge.fine, edge.payment))
        candidates[edge.payment].append((-edge.fine, edge.part))
    elsewhere: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for edge in _elsewhere(ledgers, open_parts, open_payments):
        elsewhere[edge.part].append((-edge.fine, edge.payment))
        elsewhere[edge.payment].append((-edge.fine, edge.part))
    undone = _undone(settlement, period)
    opened = {item.key: item for item in (*open_parts, *open_payments)}
    for key, others in undone.items():
        known = {other for _, other in candidates[key]}
        for other, match in others.items():
            here, there = opened.get(key), opened.get(other)
            # Whatever the amounts: it was taken for the same once.
            if here and there and here.customer == there.customer and other not in known:
                candidates[key].append((-match.score * 100, other))
    lines: list[Line] = []
    sides: tuple[tuple[SideName, list[Item]], ...] = (("redemptions", parts), ("payments", payments))
    for side, items in sides:
        for item in items:
            near = [(fine, key, False) for fine, key in candidates[item.key]]
            kind = _kind(side, item, bool(near), item.key in twins)
            near += [(fine, key, True) for fine, key in elsewhere[item.key]]
            nearest = tuple(
                Nearby(key, -fine // 100, _customer(settlement, key), strange)
                for fine, key, strange in sorted(near)[:CANDIDATES_MAX]
            )
            month = month_of(item.day)
            record = settlement.item(item.key)
            assert record is not None, "an item is of what is recorded"
            lines.append(
                Line(
                    item.key, side, kind, record.customer, item.day, max(day_end - item.day, 0), item.claimed,
                    item.settled, item.ruled, item.open, month if item.period > month else None,
                    evidence_of_record(record), nearest, twins.get(item.key, ""),
                    tuple((other, m.undone_day, m.undone_by) for other, m in undone.get(item.key, {}).items()),
                )
            )  # fmt: skip
    lines.sort(key=lambda line: line.place)
    matches = [m for m in settlement.matches.values() if m.period == period and _in_force(m, period)]
    undone = [m for m in settlement.matches.values() if m.undone_period == period]
    return Report(
        period, figures, tuple(lines), tuple(matches), tuple(undone), period in settlement.signed,
        _faults(figures, ledgers), _across(settlement, ledgers, period),
    )  # fmt: skip


def _customer(settlement: Settlement, key: str) -> int:
    record = settlement.item(key)
    assert record is not None, "an item is of what is recorded"
    return record.customer


def _elsewhere(ledgers: Ledgers, parts: Sequence[Item], payments: Sequence[Item]) -> list[Edge]:
    """Candidates of two customers. A payment that names something of its own customer's, settled or not, means that."""
    edges = edges_elsewhere(parts, payments)
    if not edges:
        return []
    named = {edge.payment for edge in edges}
    wanted = {w for p in payments if p.key in named for w in p.references}
    means_own = {
        (ledgers.into.get(part.customer, part.customer), w)
        for part in ledgers.parts
        for w in part_words(part)
        if w in wanted
    }
    own = {p.key for p in payments if any((p.customer, w) in means_own for w in p.references)}
    return [edge for edge in edges if edge.payment not in own]


def _undone(settlement: Settlement, period: int) -> dict[str, dict[str, Match]]:
    """By item, the items that it was matched with until people undid that, the latest first, with the match."""
    found: dict[str, dict[str, Match]] = defaultdict(dict)
    barred = [(pair, settlement.matches[number]) for pair, number in settlement.barred.items()]
    for (part, payment), match in sorted(barred, key=lambda b: (-b[1].undone_day, -b[1].number, b[0])):
        if match.undone_period <= period:
            found[part][payment] = found[payment][part] = match
    return found


def _in_force(match: Match, period: int) -> bool:
    return match.state == "matched" or (match.state == "undone" and match.undone_period > period)


def _across(settlement: Settlement, ledgers: Ledgers, period: int) -> tuple[int, ...]:
    """The matches by rule in force at a month's end whose items are not all one customer's."""
    into, parts, payments = ledgers.into, settlement.parts, settlement.payments
    found: list[int] = []
    for match in settlement.matches.values():
        if match.rule == PERSON or match.period > period or not _in_force(match, period):
            continue
        [(part, _), *more], [(payment, _), *others] = match.redemptions, match.payments
        if not more and not others and parts[part].customer == payments[payment].customer:
            continue
        customers = {parts[key].customer for key, _ in match.redemptions}
        customers.update([payments[key].customer for key, _ in match.payments])
        if len(customers) > 1 and len({into.get(c, c) for c in customers}) > 1:
            found.append(match.number)
    return tuple(found)


def _kind(side: SideName, item: Item, has_candidates: bool, is_twin: bool) -> Kind:
    of_redemption = side == "redemptions"
    if item.open < 0:
        return "over" if of_redemption else "short"
    if is_twin:
        return "duplicate"
    if item.settled:
        return "short" if of_redemption else "over"
    if has_candidates:
        return "unmatched"
    return "missing_payment" if of_redemption else "missing_redemption"


def _twins(ledgers: Ledgers, open_payments: Sequence[Item]) -> dict[str, str]:
    """Payments of which nothing is settled, that say the same as another one: by name, with the other's."""
    groups: dict[tuple[int, tuple[str, ...], int], list[Item]] = {
        (p.customer, p.references, p.claimed): [] for p in open_payments if p.fresh and p.references and p.claimed > 0
    }
    # What says the same is of the same customer and amount: most payments are told apart by that alone.
    wanted = {(customer, claimed) for customer, _, claimed in groups}
    for payment in ledgers.payments if wanted else ():
        customer = ledgers.into.get(payment.customer, payment.customer)
        if (customer, payment.offset) in wanted:
            item = ledgers.payment(payment)
            same = groups.get((customer, item.references, item.claimed))
            if same is not None:
                same.append(item)
    found: dict[str, str] = {}
    for same in groups.values():
        if len(same) > 1:
            # The first is the one that counts: one that is settled, else the oldest.
            first = min(same, key=lambda p: (p.fresh, p.day, p.key))
            found |= {p.key: first.key for p in same if p.key != first.key and p.fresh and p.open > 0}
    return found


def evidence_of_record(item: Part | Payment) -> dict[str, str]:
    """What is known of a part or payment beside amount and day."""
    said = {"reference": item.reference, "project": item.project}
    if isinstance(item, Payment):
        said |= {"payer": item.payer, "invoice": item.invoice, "paid": money_text(item.paid)}
    return {name: text for name, text in said.items() if text}


def _faults(figures: Figures, ledgers: Ledgers) -> tuple[str, ...]:
    """Where the running sums and the items one by one disagree, or where the two sides were settled unequally."""
    found: list[str] = []
    sides = (
        ("redeemed - settled", figures.redemptions, sum([p.open for p in ledgers.parts])),
        ("set off - settled", figures.payments, sum([p.open for p in ledgers.payments])),
    )
    for said, side, listed in sides:
        if side.open != listed:
            found.append(
                f"{said} = {money_text(side.open)} CNY, but the open items come to {money_text(listed)}:"
                f" {money_text(side.open - listed)} are missing"
            )
    settled = sum([p.settled for p in ledgers.parts]), sum([p.settled for p in ledgers.payments])
    if settled[0] != settled[1]:
        found.append(
            f"{money_text(settled[0])} CNY of redemptions and {money_text(settled[1])} of payments are settled"
        )
    return tuple(found)


def _side(side: Side) -> dict[str, str]:
    return {
        "opening": money_text(side.opening), "claimed": money_text(side.claimed), "settled": money_text(side.settled),
        "ruled": money_text(side.ruled), "open": money_text(side.open),
    }  # fmt: skip
