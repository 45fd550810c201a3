"""A small stage for rules: fact types, a history written line by line, and what came of it in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ledger.domain.fact_types import FactType, fact_type_parse
from ledger.domain.rows import Vocabulary
from ledger.domain.values import day_parse, day_text, month_first_day, month_of, month_text
from ledger.rules import layout as at
from ledger.rules.compile import Activation, Program, program_compile
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.engine import (
    Batch,
    Outcome,
    Prior,
    batch_of,
    records_migrate,
    records_new,
    rows_of,
    run,
    state_of,
)
from ledger.rules.kernel.fold import fold as fold_compiled
from ledger.rules.oracle import fold_uncompiled

Row = tuple[int, int, int, int, int, int, int, list[int], list[int]]
Out = dict[str, Any]

KINDS = {1: "grant", 2: "penalty", 3: "reversal", 4: "expiry", 5: "tier", 6: "tags", 7: "grade", 8: "hold", 9: "spend", 10: "free",
         11: "return", 12: "refused"}  # fmt: skip
COLUMNS = 16
ORACLE = fold_uncompiled()


def words(text: str) -> dict[str, str]:
    """A title."""
    return {"zh": text, "en": text}


def _number(low: int, high: int, places: int = 0) -> dict[str, Any]:
    return {
        "type": "number", "title": words("n"), "unit": "", "places": places, "min": low, "max": high,
        "required": False,
    }  # fmt: skip


_KINDS = {"type": "enum", "title": words("k"), "values": {k: words(k) for k in "abc"}, "required": False}
_FLAG = {"type": "boolean", "title": words("f"), "required": False}
_DATE = {"type": "date", "title": words("d"), "required": False}
_REFERRER = {"type": "customer", "title": words("r"), "role": "referrer", "required": False}

TYPES: list[FactType] = [
    fact_type_parse(document)
    for document in (
        {
            "id": "deal",
            "title": words("deal"),
            "attributes": {
                "amount": _number(-1_000_000, 1_000_000_000, 2),
                "kind": _KINDS,
                "urgent": _FLAG,
                "due_on": _DATE,
                "paid_on": _DATE,
                "referrer": _REFERRER,
            },
            "derived": {"late": {"days_from": "due_on", "days_to": "paid_on", "title": words("late")}},
        },
        {"id": "visit", "title": words("visit"), "attributes": {"score": _number(-100, 100, 1)}},
        {"id": "gripe", "title": words("gripe"), "attributes": {"kind": _KINDS}},
        {"id": "done", "title": words("done")},
    )
]


def rule(name: str = "r", fact: str = "visit", **more: Any) -> dict[str, Any]:
    """A rule as a document; five points for a visit unless told otherwise."""
    award = more.pop("award", {"points": 5})
    return {"id": name, "title": words(name), "fact": fact, "award": award, **more}


def rule_set(*rules: dict[str, Any], name: str = "set", **more: Any) -> dict[str, Any]:
    """A rule set as a document."""
    return {"id": name, "title": words(name), "rules": list(rules), **more}


def level(name: str, points: int | str, factor: int | str = 100) -> dict[str, Any]:
    """A level of the ladder."""
    return {"id": name, "title": words(name), "points": points, "factor_percent": factor}


def tag(name: str, when: dict[str, Any]) -> dict[str, Any]:
    """A tag."""
    return {"id": name, "title": words(name), "when": when}


def month(text: str) -> int:
    """The number of a month written as YYYY-MM."""
    return month_of(day_parse(f"{text}-01"))


@dataclass
class Version:
    """One version of a fact: the rows that stand for it."""

    rows: list[Row]
    content: dict[str, Any]


@dataclass
class Play:
    """A history in the making. `rules` is one document, or several as (from date, document) in order of activation.

    An activation counts from where it stands: `activate` puts another one after what happened so far.
    """

    rules: Mapping[str, Any] | None
    types: Sequence[FactType] = field(default_factory=lambda: TYPES)
    span: int = 36
    position: int = 0
    closed: int = at.NONE
    activations: list[Activation] = field(default_factory=list[Activation])
    rows: list[Row] = field(default_factory=list[Row])
    closings: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    traits: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])
    vocabulary: Vocabulary = field(default_factory=Vocabulary)

    def __post_init__(self) -> None:
        if self.rules is not None:
            self.activations.append(Activation("RS-0", _parsed(self.rules), 0, 0))

    def activate(self, since: str, rules: Mapping[str, Any]) -> int:
        """Activate a rule set for facts booked from a date on, recorded from now on."""
        self.position += 1
        name = f"RS-{len(self.activations)}"
        self.activations.append(Activation(name, _parsed(rules), day_parse(since), self.position))
        return self.position

    def fact(self, occurred: str, fact: str = "visit", account: int = 1, referrer: int = 0, **attributes: Any) -> int:
        """Record a fact; its position. It is booked on the first open day where its month is closed."""
        self.position += 1
        content = {
            "occurred": occurred, "fact": fact, "account": account, "referrer": referrer, "attributes": attributes
        }  # fmt: skip
        self._add(content, [])
        return self.position

    def correct(self, position: int, **change: Any) -> int:
        """Correct the version of a fact that stands at a position; the new version's position."""
        self.position += 1
        old = self.versions[position]
        content = {**old.content, **{k: v for k, v in change.items() if k in old.content}}
        more = {k: v for k, v in change.items() if k not in old.content}
        content["attributes"] = {**content["attributes"], **more}
        back = [(self.position, r[1], at.OP_REVERSE, r[3], r[4], r[5], position, r[7], r[8]) for r in old.rows]
        self._add(content, back)
        return self.position

    def hold(self, occurred: str, points: int, account: int = 1, *, covered: bool = False) -> int:
        """Hold points (1/100), `covered` only where the lots suffice; its position."""
        return self._redeem(at.OP_HOLD_COVERED if covered else at.OP_HOLD, occurred, account, 0, points, 0)

    def spend(self, held: int, points: int, before: int = 0, occurred: str = "2024-01-01", account: int = 1) -> int:
        """Spend points of a hold, those after `before`; its position."""
        return self._redeem(at.OP_SPEND, occurred, account, held, points, before)

    def free(self, held: int, points: int, before: int = 0, occurred: str = "2024-01-01", account: int = 1) -> int:
        """Free points of a hold, those after `before`; its position."""
        return self._redeem(at.OP_FREE, occurred, account, held, points, before)

    def give_back(self, spent: int, points: int, before: int = 0, occurred: str = "2024-01-01", account: int = 1) -> int:
        """Give points of a spending back, those after `before`; its position."""
        return self._redeem(at.OP_RETURN, occurred, account, spent, points, before)

    def _redeem(self, operation: int, occurred: str, account: int, refers: int, points: int, before: int) -> int:
        self.position += 1
        day = day_parse(occurred)
        if self.closed != at.NONE:
            day = max(day, month_first_day(self.closed + 1))
        row = (self.position, account, operation, 0, 0, day, refers, [points, before], self._traits(account))
        self.rows.append(row)
        return self.position

    def close(self, *months: str) -> None:
        """Close months (YYYY-MM) on their last days."""
        for text in months:
            self.position += 1
            number = month(text)
            self.closings.append((self.position, month_first_day(number + 1) - 1))
            self.closed = number

    def _add(self, content: dict[str, Any], back: list[Row]) -> None:
        names = [t.id for t in self.types]
        number = names.index(content["fact"])
        fact_type = self.types[number]
        day = day_parse(content["occurred"])
        if self.closed != at.NONE:
            day = max(day, month_first_day(self.closed + 1))
        raw = {k: v for k, v in content["attributes"].items() if k in fact_type.attributes}
        values, problems = fact_type.parse(raw, lambda text: int(text.removeprefix("C-")))
        assert not problems, problems
        integers = fact_type.integers(values, at.NULL)
        touched = [(content["account"], at.ROLE_CUSTOMER)]
        if content["referrer"]:
            touched.append((content["referrer"], at.ROLE_REFERRER))
        rows: list[Row] = [
            (self.position, account, at.OP_FACT, number, role, day, 0, integers, self._traits(account))
            for account, role in touched
        ]
        self.versions[self.position] = Version(rows, content)
        self.rows += back + rows

    def _traits(self, account: int) -> list[int]:
        return [self.vocabulary.code(t) if t else -1 for t in self.traits.get(account, ("", "", "", ""))]

    @property
    def accounts(self) -> list[int]:
        """Every account that any row stands at."""
        return sorted({r[1] for r in self.rows})

    def program(self, span: int | None = None, until: int | None = None) -> Program:
        """The compiled rule sets; with `until`, those activated up to that position."""
        active = [a for a in self.activations if until is None or a.position <= until]
        return program_compile(active, self.types, self.vocabulary, self.span if span is None else span)

    def run(self, fold: Callable[..., int] = fold_compiled) -> Result:
        """Fold the whole history at once."""
        return self.run_pieces([self.position], fold=fold)

    def piece(self, after: int, until: int) -> tuple[Batch, np.ndarray[Any, np.dtype[np.int64]]]:
        """What stands at the positions after one and up to another."""
        rows = [r for r in self.rows if after < r[0] <= until]
        closings = [c for c in self.closings if after < c[0] <= until]
        accounts = np.array(self.accounts, np.int64)
        return batch_of(rows_of(rows, COLUMNS), accounts), np.array(closings, np.int64).reshape(-1, 2)

    def run_pieces(
        self,
        ends: Sequence[int],
        spans: Sequence[int] | None = None,
        fold: Callable[..., int] = fold_compiled,
    ) -> Result:
        """Fold the history in pieces that end at these positions, each with the state and awards of those before.

        `spans` gives each piece a program of its own: so many months, and only what was activated by its end.
        """
        result = Result(self, self.program(), [], np.zeros((0, 0), np.int64))
        program = self.program() if spans is None else self.program(spans[0], ends[0])
        records = records_new(program, len(self.accounts))
        prior = Prior.none()
        after = 0
        for i, until in enumerate(ends):
            if spans is not None and i:
                following = self.program(spans[i], until)
                records = records_migrate(program, following, records)
                program = following
            batch, closings = self.piece(after, until)
            outcome = run(program, batch, records, closings, prior=prior, fold=fold)
            result.add(program, batch, outcome, closings)
            prior = prior_grown(prior, batch, outcome)
            after = until
        result.program, result.records = program, records
        return result


def prior_grown(prior: Prior, batch: Batch, outcome: Outcome) -> Prior:
    """The awards that can still be corrected, after one more batch."""
    awards = [row.tolist() for row in prior.awards]
    moves = [row.tolist() for row in prior.moves]
    moves_of: dict[int, list[list[int]]] = {}
    for move in outcome.moves.tolist():
        moves_of.setdefault(move[at.MOVE_OUT], []).append(move)
    for i, out in enumerate(outcome.outs.tolist()):
        if out[at.OUT_KIND] not in (at.KIND_GRANT, at.KIND_PENALTY, at.KIND_HOLD, at.KIND_SPEND):
            continue
        first = len(moves)
        moves += moves_of.get(i, [])
        row = out[at.OUT_ROW]
        awards.append(
            [
                int(batch.accounts[outcome.owners[i]]), int(batch.rows.positions[row]), out[at.OUT_RULE],
                out[at.OUT_POINTS], out[at.OUT_EXPIRY_MONTH], first, len(moves),
            ]
        )  # fmt: skip
    awards.sort(key=lambda a: a[:2])
    return Prior(
        np.array(awards, np.int64).reshape(-1, at.PRIOR_FIELDS),
        np.array(moves, np.int64).reshape(-1, at.MOVE_FIELDS),
    )


@dataclass
class Result:
    """What came of a play: outputs in words, account by account, and the states at the end."""

    play: Play
    program: Program
    outs: list[Out]
    records: np.ndarray[Any, np.dtype[np.int64]]

    def add(self, program: Program, batch: Batch, outcome: Outcome, closings: Any) -> None:
        """Add what came of one batch."""
        moves: dict[int, list[tuple[int, int]]] = {}
        for out, where, points in outcome.moves.tolist():
            moves.setdefault(out, []).append((where, points))
        for i, out in enumerate(outcome.outs.tolist()):
            row = out[at.OUT_ROW]
            where = int(batch.rows.positions[row]) if row >= 0 else day_text(int(closings[-1 - row][1]))
            self.outs.append(
                {
                    "account": int(batch.accounts[outcome.owners[i]]),
                    "at": where,
                    "kind": KINDS[out[at.OUT_KIND]],
                    "rule": program.rule_ids[out[at.OUT_RULE]][1] if out[at.OUT_RULE] >= 0 else None,
                    "points": out[at.OUT_POINTS],
                    "expiry": out[at.OUT_EXPIRY_MONTH],
                    "detail": [int(v) for v in outcome.details[i]],
                    "moves": moves.get(i, []),
                }
            )

    def by_account(self) -> dict[int, list[Out]]:
        """The outputs of each account, in order."""
        return {a: [o for o in self.outs if o["account"] == a] for a in self.play.accounts}

    def points(self, account: int = 1) -> list[int]:
        """The movements of points of an account, in order, in 1/100."""
        return [o["points"] for o in self.outs if o["account"] == account and o["points"]]

    def of(self, position: int | str, account: int = 1) -> list[tuple[str, int]]:
        """What came of one position (or the close of one day): kind or rule, and points."""
        return [
            (o["rule"] or o["kind"], o["points"]) for o in self.outs if o["at"] == position and o["account"] == account
        ]

    def detail(self, position: int, account: int = 1) -> list[int]:
        """The arithmetic of the first output of a position."""
        return next(o["detail"] for o in self.outs if o["at"] == position and o["account"] == account)

    def state(self, account: int = 1) -> dict[str, Any]:
        """The state of an account at the end."""
        return state_of(self.program, self.records[self.play.accounts.index(account)])

    def states(self) -> list[dict[str, Any]]:
        """The states of all accounts."""
        return [state_of(self.program, record) for record in self.records]

    def lots(self, account: int = 1) -> dict[str, int]:
        """Points by the month in which they expire."""
        lots = self.state(account)["lots"]
        return {"never" if m == at.MONTH_NEVER else month_text(m): p for m, p in lots.items()}


def _parsed(rules: Mapping[str, Any]) -> RuleSet:
    return rule_set_parse(dict(rules))
