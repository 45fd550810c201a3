"""One account as a reader sees it in the writer's memory."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.domain.redemption.terms import Holder
from ledger.domain.relations.records import Standing
from ledger.domain.values import month_of
from ledger.rules import layout as at
from ledger.rules.compile import Program
from ledger.rules.engine import Ints
from ledger.rules.kernel.record import counter_read
from ledger.rules.kernel.redemption import available
from ledger.rules.kernel.standing import level_of


@dataclass(frozen=True, slots=True)
class Account:
    """What the writer's memory holds of an account at `position`; points in 1/100.

    `lots`: (month at whose end they expire, counted from 1970-01, or None for never; points), next to expire first.
    `held` is part of the balance and in no lot.
    """

    position: int
    balance: int
    debt: int
    held: int
    lots: tuple[tuple[int | None, int], ...]
    tier: str | None
    grade: str | None
    tags: tuple[str, ...]

    def available(self, day: int) -> int:
        """What can be spent on a day: the lots that aren't past their date, less the debt; below zero where somebody
        owes."""
        return sum(points for month, points in self.lots if month is None or month >= month_of(day)) - self.debt


def account_of(position: int, program: Program, record: Ints) -> Account:
    """The account of a record, as of a position."""
    values: list[int] = record.tolist()
    offset, ring = int(program.tables.sizes[at.SIZE_LOTS_OFFSET]), int(program.tables.sizes[at.SIZE_LOTS_RING])
    first = values[at.REC_LOT_MONTH_MIN]
    lots: list[tuple[int | None, int]] = []
    if first != at.NONE:
        lots += [(m, values[offset + m % ring]) for m in range(first, first + ring) if values[offset + m % ring]]
    if values[at.REC_LOT_NEVER]:
        lots.append((None, values[at.REC_LOT_NEVER]))
    borne, grade = values[at.REC_TAGS], values[at.REC_GRADE]
    return Account(
        position, values[at.REC_BALANCE], values[at.REC_DEBT], values[at.REC_HELD], tuple(lots),
        program.tiers[values[at.REC_TIER]] if program.tiers and values[at.REC_ACTIVE] else None,
        None if grade == at.NONE else program.grades[grade],
        tuple(sorted(tag for i, tag in enumerate(program.tags) if borne >> i & 1)) if borne else (),
    )  # fmt: skip


def holder_of(program: Program, record: Ints, rule_set: int, day: int) -> Holder:
    """What the customer of a record can redeem, booked on a day under one of the program's activations."""
    tables, month = program.tables, month_of(day)
    standing = standing_of(program, record)
    earned = int(record[at.REC_EARNED])
    slot = int(tables.sets[rule_set, at.SET_TIER_SLOT])
    counted = earned if slot == at.NONE else int(counter_read(record, tables.slots, slot, day, month, at.COUNTER_POINTS))
    return Holder(
        _tier_on(program, record, rule_set), standing.tags, standing.grade, int(record[at.REC_BALANCE]),
        int(available(tables, rule_set, record, max(month, int(record[at.REC_CLOSED_MONTH]) + 1))),
        int(record[at.REC_HELD]), int(record[at.REC_DEBT]), counted, earned,
    )  # fmt: skip


def _tier_on(program: Program, record: Ints, rule_set: int) -> str:
    """The tier of a rule set's ladder as its conditions look at it; the lowest where none of its own was decided, "" where
    it has no ladder."""
    tables = program.tables
    first = int(tables.sets[rule_set, at.SET_LEVELS_FIRST])
    if first == tables.sets[rule_set, at.SET_LEVELS_LAST]:
        return ""
    level = int(level_of(tables, rule_set, record[at.REC_TIER])) if record[at.REC_ACTIVE] else first
    return program.tiers[int(tables.levels[level, at.LEVEL_TIER])]


def standing_of(program: Program, record: Ints) -> Standing:
    """Where the customer of a record stands, by ids of tier, tags and grade."""
    borne, grade = int(record[at.REC_TAGS]), int(record[at.REC_GRADE])
    return Standing(
        program.tiers[int(record[at.REC_TIER])] if program.tiers and record[at.REC_ACTIVE] else "",
        frozenset(tag for i, tag in enumerate(program.tags) if borne >> i & 1) if borne else frozenset(),
        "" if grade == at.NONE else program.grades[grade],
    )
