"""The comparison of two runs: what is on record, and what other rules would have done with the same facts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ledger.domain.book import TRAITS, Book
from ledger.domain.values import DAY_LAST, customer_id, customer_number, money_text, points_text
from ledger.log.columns.reader import Columns
from ledger.rules import layout as at
from ledger.rules.document import RuleSet
from ledger.rules.redemption.terms import VALUE_STANDARD, point_value
from ledger.rules.sentences import called_of, rule_sentence
from replay.redemptions import RedemptionsCompared
from replay.run import RunResult, lots_of

Ints = NDArray[np.int64]
Language = Literal["zh", "en"]

def liability_fen(points: int, value: tuple[int, int]) -> int:
    """What outstanding points are worth, in fen: points × money ÷ points of `value` (so many are so much), rounded down
    once, on the total."""
    return points * value[1] // value[0]


def value_on(result: RunResult, day: int) -> tuple[int, int]:
    """What points are worth by the rules that decide in a run on a day: so many are so many fen."""
    in_force = [a for a in result.program.activations if a.day_from <= day]
    last = max(in_force, key=lambda a: (a.day_from, a.position), default=None)
    return point_value(last.rules) if last is not None else VALUE_STANDARD


@dataclass(frozen=True)
class Totals:
    """A run in sums, in 1/100 points (liability in fen). `outstanding` are the points in lots and those held; debt is
    apart. `redeemed` is what was spent, `returned` what came back of it, `held` what is held at the end. `value`: so many
    points are so many fen."""

    granted: int
    deducted: int
    reversed: int
    expired: int
    balance: int
    outstanding: int
    debt: int
    liability: int
    tiers: dict[str, int]
    digest: str
    redeemed: int = 0
    returned: int = 0
    held: int = 0
    value: tuple[int, int] = VALUE_STANDARD

    def document(self) -> dict[str, Any]:
        """As plain data, points and money as decimal text."""
        return {
            "granted": points_text(self.granted),
            "deducted": points_text(self.deducted),
            "reversed": points_text(self.reversed),
            "expired": points_text(self.expired),
            "redeemed": points_text(self.redeemed),
            "returned": points_text(self.returned),
            "held": points_text(self.held),
            "balance": points_text(self.balance),
            "outstanding": points_text(self.outstanding),
            "debt": points_text(self.debt),
            "liability_cny": money_text(self.liability),
            "tiers": self.tiers,
            "digest": self.digest,
        }


@dataclass(frozen=True)
class CustomerChange:
    """One customer under both rule sets; balances in 1/100 points."""

    customer: str
    name: str
    balance: int
    balance_candidate: int
    tier: str
    tier_candidate: str

    @property
    def change(self) -> int:
        """How much more the candidate gives."""
        return self.balance_candidate - self.balance

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "customer": self.customer,
            "name": self.name,
            "balance": points_text(self.balance),
            "balance_candidate": points_text(self.balance_candidate),
            "change": points_text(self.change),
            "tier": self.tier,
            "tier_candidate": self.tier_candidate,
        }


@dataclass(frozen=True)
class GroupChange:
    """Customers of one region or industry under both rule sets, in 1/100 points."""

    group: str
    customers: int
    balance: int
    balance_candidate: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "group": self.group,
            "customers": self.customers,
            "balance": points_text(self.balance),
            "balance_candidate": points_text(self.balance_candidate),
            "change": points_text(self.balance_candidate - self.balance),
        }


@dataclass(frozen=True)
class Comparison:
    """Everything a what-if answers."""

    recorded: Totals
    candidate: Totals
    customers: list[CustomerChange]
    """Those whose balance or tier differs, most gained first."""
    groups: dict[str, list[GroupChange]]
    tier_moves: dict[tuple[str, str], int]
    redemptions: RedemptionsCompared | None = None
    """None where nothing was ever redeemed."""

    def document(self, limit: int = 20) -> dict[str, Any]:
        """As plain data; `limit` winners and losers."""
        winners = [c for c in self.customers if c.change > 0]
        losers = [c for c in self.customers if c.change < 0][::-1]
        return {
            "recorded": self.recorded.document(),
            "candidate": self.candidate.document(),
            "liability_change_cny": money_text(self.candidate.liability - self.recorded.liability),
            "customers_changed": len(self.customers),
            "winners_count": len(winners),
            "losers_count": len(losers),
            "winners": [c.document() for c in winners[:limit]],
            "losers": [c.document() for c in losers[:limit]],
            "tier_moves": [
                {"from": a, "to": b, "customers": n} for (a, b), n in sorted(self.tier_moves.items()) if a != b
            ],
            "tier_matrix": [{"from": a, "to": b, "customers": n} for (a, b), n in sorted(self.tier_moves.items())],
            **{f"by_{key}": [g.document() for g in groups] for key, groups in self.groups.items()},
            **({} if self.redemptions is None else {"redemptions": self.redemptions.document(limit)}),
        }


def compare(columns: Columns, recorded: RunResult, candidate: RunResult) -> Comparison:
    """Compare two runs over the same facts.

    On record points are worth what the rules in force say on the last day that anything is booked on, or the first that is
    open; in the candidate what its own rules say, from whatever day on they decide.
    """
    book = columns.book()
    balances = recorded.records[:, at.REC_BALANCE], candidate.records[:, at.REC_BALANCE]
    tiers = _tiers(recorded), _tiers(candidate)
    different = np.flatnonzero((balances[0] != balances[1]) | (tiers[0] != tiers[1]))
    changes: list[CustomerChange] = []
    for i in different.tolist():
        number = int(recorded.accounts[i])
        customer = book.customer(number)
        changes.append(
            CustomerChange(
                customer_id(number), customer.name if customer else "", int(balances[0][i]), int(balances[1][i]),
                str(tiers[0][i]), str(tiers[1][i]),
            )
        )  # fmt: skip
    changes.sort(key=lambda c: (-c.change, c.customer))
    moves: dict[tuple[str, str], int] = {}
    active = np.flatnonzero(recorded.records[:, at.REC_ACTIVE] != 0)
    for i in active.tolist():
        move = (str(tiers[0][i]), str(tiers[1][i]))
        moves[move] = moves.get(move, 0) + 1
    groups = {
        trait: _groups(book, index, recorded.accounts, balances)
        for index, trait in enumerate(TRAITS)
        if trait in ("region", "industry")
    }
    now = max(recorded.day_last, book.closed_day + 1)
    sums = totals(recorded, value_on(recorded, now)), totals(candidate, value_on(candidate, DAY_LAST))
    return Comparison(*sums, changes, groups, moves)


def totals(result: RunResult, value: tuple[int, int]) -> Totals:
    """A run in sums, where so many points are worth so many fen."""
    sums = [int(v) for v in result.sums.sum(axis=0)]
    lots = lots_of(result.program, result.accounts, result.records)
    held = int(result.records[:, at.REC_HELD].sum())
    outstanding = int(lots[:, 2].sum()) + held
    active = result.records[:, at.REC_ACTIVE] != 0
    names, counts = np.unique(_tiers(result)[active], return_counts=True)
    by_name = dict(zip(names.tolist(), counts.tolist(), strict=True))
    ladder = [t for t in result.program.tiers if t in by_name]
    return Totals(
        granted=sums[at.KIND_GRANT],
        deducted=sums[at.KIND_PENALTY],
        reversed=sums[at.KIND_REVERSAL],
        expired=sums[at.KIND_EXPIRY],
        balance=int(result.records[:, at.REC_BALANCE].sum()),
        outstanding=outstanding,
        debt=int(result.records[:, at.REC_DEBT].sum()),
        liability=liability_fen(outstanding, value),
        tiers={t: by_name[t] for t in ladder},
        digest=result.digest,
        redeemed=sums[at.KIND_SPEND],
        returned=sums[at.KIND_RETURN],
        held=held,
        value=value,
    )


def _tiers(result: RunResult) -> NDArray[Any]:
    """The tier of each account; "" where there are none, or nothing ever happened to the account."""
    if not result.program.tiers:
        return np.full(len(result.accounts), "", object)
    tiers = np.array(result.program.tiers, object)[result.records[:, at.REC_TIER]]
    tiers[result.records[:, at.REC_ACTIVE] == 0] = ""
    return tiers


def _groups(book: Book, trait: int, accounts: Ints, balances: tuple[Ints, Ints]) -> list[GroupChange]:
    found: dict[str, list[int]] = {}
    numbers: list[int] = accounts.tolist()
    for i, number in enumerate(numbers):
        customer = book.customers[number - 1]
        sums = found.setdefault(customer.traits[trait], [0, 0, 0])
        sums[0] += 1
        sums[1] += int(balances[0][i])
        sums[2] += int(balances[1][i])
    groups = [GroupChange(name, *sums) for name, sums in found.items()]
    return sorted(groups, key=lambda g: (g.balance - g.balance_candidate, g.group))


@dataclass(frozen=True)
class PointChange:
    """One decision that differs for one customer, with the clause behind it; points in 1/100 point."""

    position: int
    kind: str
    rule: str
    points: int
    points_candidate: int
    clause: str
    clause_candidate: str

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "position": self.position,
            "kind": self.kind,
            "rule": self.rule,
            "points": points_text(self.points),
            "points_candidate": points_text(self.points_candidate),
            "clause": self.clause,
            "clause_candidate": self.clause_candidate,
        }


def customer_changes(
    book: Book, recorded: RunResult, candidate: RunResult, customer: str, language: Language
) -> list[PointChange]:
    """For one customer: every decision on points that differs, and the rule's clause on both sides."""
    number = customer_number(customer)
    sides = _points_by_key(recorded, number), _points_by_key(candidate, number)

    @cache
    def clause(run: int, rule: int | None) -> str:
        return _clause(book, (recorded, candidate)[run], rule, language)

    found: list[PointChange] = []
    for key in sorted(set(sides[0]) | set(sides[1])):
        before, after = sides[0].get(key), sides[1].get(key)
        if before and after and before[0] == after[0]:
            continue
        position, kind, rule = key
        found.append(
            PointChange(
                position,
                {1: "granted", 2: "deducted", 3: "reversed", 4: "expired"}[kind],
                rule,
                before[0] if before else 0,
                after[0] if after else 0,
                clause(0, before and before[1]),
                clause(1, after and after[1]),
            )
        )
    return found


def _points_by_key(result: RunResult, number: int) -> dict[tuple[int, int, str], tuple[int, int]]:
    """(position, kind, rule id) → (points, row of the rule or -1)."""
    own = result.awards[(result.awards[:, 1] == number) & (result.awards[:, 2] <= at.KIND_EXPIRY)]
    found: dict[tuple[int, int, str], tuple[int, int]] = {}
    rows: list[list[int]] = own.tolist()
    for position, _, kind, rule, points, *_ in rows:
        name = result.program.rule_ids[rule][1] if rule >= 0 else ""
        before = found.get((position, kind, name), (0, rule))[0]
        found[(position, kind, name)] = (before + points, rule)
    return found


def _clause(book: Book, result: RunResult, row: int | None, language: Language) -> str:
    """What the rule of a row says; below 0 stands what no rule decides, None for nothing."""
    if row is None:
        return {"zh": "（无）", "en": "(nothing)"}[language]
    if row < 0:
        return {"zh": "积分到期", "en": "points expire"}[language]
    activation, rule = result.program.rule(row)
    rules: RuleSet = activation.rules
    title = getattr(rule.title, language)
    sentence = rule_sentence(rule, ("zh", "en").index(language), called_of(rules, book.fact_types))
    return f"{getattr(rules.title, language)} · {title}: {sentence}"
