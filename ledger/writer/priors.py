"""What was decided before, for rows that refer to it: awards of facts that are corrected, holds and spendings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ledger.domain.redemption.state import Lots
from ledger.domain.values import customer_number, day_parse
from ledger.log.codec import state_of
from ledger.log.recorder import LogRecorder
from ledger.rules import layout as at
from ledger.rules.compile import Program
from ledger.rules.engine import Prior


def prior_read(
    program: Program,
    rule_rows: Mapping[tuple[int, str], int],
    positions: Sequence[int],
    recorder: LogRecorder,
    moved: Mapping[tuple[int, int], Lots],
) -> Prior:
    """The awards of the fact versions at these positions, read from the log, and what `moved` says by customer and
    position. `rule_rows` are the rows of awards by activation and rule."""
    awards, moves = _moved_rows(moved)
    for position in positions:
        _read(program, rule_rows, int(position), recorder, awards, moves)
    return _sorted(awards, moves)


def prior_moved(moved: Mapping[tuple[int, int], Lots]) -> Prior:
    """By customer and position: from where holds and spendings took their points."""
    return _sorted(*_moved_rows(moved))


def _read(
    program: Program,
    rule_rows: Mapping[tuple[int, str], int],
    position: int,
    recorder: LogRecorder,
    awards: list[list[int]],
    moves: list[list[int]],
) -> None:
    after = position
    while events := recorder.select_range(after, 100):
        for at_position, stream, _, topic, data in events:
            after = at_position
            state = state_of(topic, data)
            if state["cause"] != position:
                return
            if topic not in ("PointsGranted", "PointsDeducted"):
                continue
            row = [0] * at.PRIOR_FIELDS
            row[at.PRIOR_ACCOUNT] = customer_number(stream)
            row[at.PRIOR_POSITION] = position
            # A rule set activated twice stands twice: it is taken back by the activation that decided.
            day = np.array([day_parse(state["booked_on"])], np.int64)
            activation = int(program.rule_sets_of(np.array([position], np.int64), day)[0])
            row[at.PRIOR_RULE] = rule_rows[(activation, state["rule"])]
            row[at.PRIOR_POINTS] = state["points"]
            row[at.PRIOR_EXPIRY_MONTH] = at.MONTH_NEVER
            row[at.PRIOR_MOVES_FIRST] = row[at.PRIOR_MOVES_LAST] = len(moves)
            if topic == "PointsGranted":
                if state["expires_on"] is not None:
                    year, month = state["expires_on"][:7].split("-")
                    row[at.PRIOR_EXPIRY_MONTH] = (int(year) - 1970) * 12 + int(month) - 1
            else:
                for month, points in state["lots"]:
                    moves.append([0, at.MONTH_NEVER if month is None else month, points])
                if state["debt"]:
                    moves.append([0, at.MOVE_DEBT, state["debt"]])
                row[at.PRIOR_MOVES_LAST] = len(moves)
            awards.append(row)


def _moved_rows(moved: Mapping[tuple[int, int], Lots]) -> tuple[list[list[int]], list[list[int]]]:
    """Holds and spendings as rows of `Prior`."""
    awards: list[list[int]] = []
    moves: list[list[int]] = []
    for (customer, position), lots in moved.items():
        first = len(moves)
        moves += [[0, month, points] for month, points in lots]
        points = sum(points for _, points in lots)
        awards.append([customer, position, at.NONE, points, at.MONTH_NEVER, first, len(moves)])
    return awards, moves


def _sorted(awards: list[list[int]], moves: list[list[int]]) -> Prior:
    awards.sort(key=lambda a: (a[at.PRIOR_ACCOUNT], a[at.PRIOR_POSITION]))
    return Prior(
        np.array(awards, np.int64).reshape(-1, at.PRIOR_FIELDS),
        np.array(moves, np.int64).reshape(-1, at.MOVE_FIELDS),
    )
