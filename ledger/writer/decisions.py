"""From what the engine put out to the events that say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ledger.domain.events import (
    Event,
    GradeChanged,
    PointsDeducted,
    PointsExpired,
    PointsFreed,
    PointsGranted,
    PointsHeld,
    PointsRedeemed,
    PointsReturned,
    PointsReversed,
    TagsChanged,
    TierChanged,
)
from ledger.domain.values import customer_id, day_text, month_last_day
from ledger.rules import layout as at
from ledger.rules.compile import Program
from ledger.rules.engine import Ints, Outcome, Rows


class Stamp(NamedTuple):
    """What all events of one input share: times, who asked, and the input's position."""

    occurred_at: str
    recorded_at: str
    actor: str
    cause: int


class DecisionWriter:
    """Turns outputs of one outcome into events. `version_next` numbers the events of a customer's stream."""

    def __init__(
        self,
        program: Program,
        accounts: Ints,
        rows: Rows,
        outcome: Outcome,
        version_next: Callable[[str], int],
    ) -> None:
        self.program = program
        self.accounts: list[int] = accounts.tolist()
        self.days: list[int] = rows.days.tolist()
        self.refers: list[int] = rows.refers.tolist()
        self.rule_sets = [a.rule_set for a in program.activations]
        self.outs: list[list[int]] = outcome.outs.tolist()
        self.details: list[list[int]] = outcome.details.tolist()
        self.owners: list[int] = outcome.owners.tolist()
        self.version_next = version_next
        self.moves: dict[int, list[list[int]]] = {}
        moves: list[list[int]] = outcome.moves.tolist()
        for out, month, points in moves:
            self.moves.setdefault(out, []).append([month, points])

    def event(
        self, i: int, stamp: Stamp, rule_set_now: str, refers_to: Callable[[int], int], redemption: tuple[str, int] = ("", 0)
    ) -> Event:
        """The event of output i. `rule_set_now` decided tier, tags and grade; `refers_to` gives the final position
        of the version that a correction's row refers to; `redemption` names the redemption of a row and its part."""
        row, kind, rule, points, expiry_month = self.outs[i]
        detail = self.details[i]
        stream = customer_id(self.accounts[self.owners[i]])
        if kind == at.KIND_GRANT:
            activation, rule_id = self.program.rule_ids[rule]
            return PointsGranted(
                originator_id=stream, originator_version=self.version_next(stream), occurred_at=stamp.occurred_at,
                recorded_at=stamp.recorded_at, actor=stamp.actor, cause=stamp.cause,
                rule=rule_id, rule_set=self.rule_sets[activation], points=points, balance=detail[at.DETAIL_BALANCE],
                booked_on=day_text(self.days[row]),
                expires_on=None if expiry_month == at.MONTH_NEVER else day_text(month_last_day(expiry_month)),
                debt_paid=detail[at.DETAIL_DEBT], cut_by=self._cut_by(detail), arithmetic=_arithmetic(detail),
            )  # fmt: skip
        common: dict[str, Any] = {
            "originator_id": stream,
            "originator_version": self.version_next(stream),
            "occurred_at": stamp.occurred_at,
            "recorded_at": stamp.recorded_at,
            "actor": stamp.actor,
            "cause": stamp.cause,
        }
        balance = detail[at.DETAIL_BALANCE]
        if kind == at.KIND_PENALTY:
            activation, rule_id = self.program.rule_ids[rule]
            lots, debt = self._lots(i)
            return PointsDeducted(
                **common, rule=rule_id, rule_set=self.rule_sets[activation], points=points, balance=balance,
                booked_on=day_text(self.days[row]), debt=debt, lots=lots, cut_by=self._cut_by(detail),
                arithmetic=_arithmetic(detail),
            )  # fmt: skip
        if kind == at.KIND_REVERSAL:
            activation, rule_id = self.program.rule_ids[rule]
            lots, debt = self._lots(i)
            return PointsReversed(
                **common, rule=rule_id, rule_set=self.rule_sets[activation], points=points, balance=balance,
                booked_on=day_text(self.days[row]), reverses=refers_to(self.refers[row]), debt=debt,
                lots=[[month, -(taken or 0)] for month, taken in lots],
            )  # fmt: skip
        if kind >= at.KIND_HOLD:
            return self._redemption(i, common, *redemption)
        if kind == at.KIND_EXPIRY:
            return PointsExpired(
                **common, points=points, balance=balance, expired_on=day_text(month_last_day(expiry_month))
            )
        before, after = detail[at.DETAIL_BEFORE], detail[at.DETAIL_AFTER]
        if kind == at.KIND_TIER:
            return TierChanged(
                **common, tier_before=self.program.tiers[before], tier=self.program.tiers[after],
                counted=detail[at.DETAIL_COUNT], rule_set=rule_set_now, balance=balance,
            )  # fmt: skip
        if kind == at.KIND_TAGS:
            return TagsChanged(
                **common,
                added=[t for n, t in enumerate(self.program.tags) if (after & ~before) >> n & 1],
                removed=[t for n, t in enumerate(self.program.tags) if (before & ~after) >> n & 1],
                rule_set=rule_set_now,
                balance=balance,
            )
        grades = self.program.grades
        return GradeChanged(
            **common,
            grade_before=None if before == at.NONE else grades[before],
            grade=None if after == at.NONE else grades[after],
            rule_set=rule_set_now,
            balance=balance,
        )

    def _cut_by(self, detail: list[int]) -> str | None:
        limit = detail[at.DETAIL_LIMIT]
        return None if limit == at.NONE else "/".join(self.program.limit_keys[limit])

    def _redemption(self, i: int, common: dict[str, Any], redemption: str, part: int) -> Event:
        row, kind, _, points, _ = self.outs[i]
        lots, debt = self._lots(i)
        common |= {
            "redemption": redemption,
            "booked_on": day_text(self.days[row]),
            "points": points,
            "balance": self.details[i][at.DETAIL_BALANCE],
            "available": self.details[i][at.DETAIL_AVAILABLE],
        }
        if kind == at.KIND_HOLD:
            return PointsHeld(**common, lots=lots, debt=debt)
        if kind == at.KIND_SPEND:
            return PointsRedeemed(**common, part=part, lots=lots, debt=debt)
        back: list[list[int | None]] = [[month, -(moved or 0)] for month, moved in lots]
        if kind == at.KIND_FREE:
            return PointsFreed(**common, lots=back, debt=-debt)
        if kind == at.KIND_RETURN:
            return PointsReturned(**common, part=part, lots=back, debt_paid=-debt)
        raise ValueError("a hold that was refused has no event")

    def _lots(self, i: int) -> tuple[list[list[int | None]], int]:
        lots: list[list[int | None]] = []
        debt = 0
        for month, points in self.moves.get(i, ()):
            if month == at.MOVE_DEBT:
                debt += points
            else:
                lots.append([None if month == at.MONTH_NEVER else month, points])
        return lots, debt


def _arithmetic(detail: list[int]) -> dict[str, int]:
    return {
        "base": detail[at.DETAIL_BASE],
        "units": detail[at.DETAIL_UNITS],
        "weight_bp": detail[at.DETAIL_WEIGHT_BP],
        "factor_bp": detail[at.DETAIL_FACTOR_BP],
        "uncut": detail[at.DETAIL_UNCUT],
        "count": detail[at.DETAIL_COUNT],
        "source": detail[at.DETAIL_SOURCE],
    }
