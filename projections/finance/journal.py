"""The journal: every posting with the day it is posted on, in points and CNY; and the proof that the books balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.domain.postings import ACCOUNTS, Account, BooksUnbalanced, Trial, postings_of
from ledger.domain.valuation import PointValue
from ledger.domain.values import day_text, money_text, points_text
from projections.finance.reading import POSITION_MAX, Connected, Movement, movements, position_head


@dataclass(frozen=True, slots=True)
class Entry:
    """What an event posts: so many points from one account into another, above zero. The first stands `fen_out` lower
    then, the second `fen_in` higher; where these differ, by a fen, `rounding` takes what is between them."""

    movement: Movement
    out_of: Account
    into: Account
    points: int
    fen_out: int
    fen_in: int

    @property
    def rounding(self) -> int:
        """Fen into the account `rounding`; below zero out of it."""
        return self.fen_out - self.fen_in

    def rows(self) -> list[dict[str, Any]]:
        """Its two postings, as exports have them, and the one of rounding where there is one."""
        m = self.movement
        head = {
            "position": m.position, "date": day_text(m.posted), "booked_on": day_text(m.day), "customer": m.stream,
            "event": m.topic, "rule": m.state.get("rule") or "", "redemption": m.state.get("redemption") or "",
        }  # fmt: skip
        found = [
            {**head, "account": self.out_of, "points": points_text(-self.points), "cny": money_text(-self.fen_out)},
            {**head, "account": self.into, "points": points_text(self.points), "cny": money_text(self.fen_in)},
        ]
        if self.rounding:
            found.append({**head, "account": ROUNDING, "points": points_text(0), "cny": money_text(self.rounding)})
        return found


ROUNDING: Final = "rounding"
"""The account of what rounding leaves: fen and no points. It stands at what the others' values lack of zero."""
COLUMNS = ("position", "date", "booked_on", "customer", "event", "rule", "redemption", "account", "points", "cny")


def entries(
    connection: Connection[Any] | Connected,
    value: PointValue,
    *,
    day_last: int | None = None,
    stop: int = POSITION_MAX,
) -> Iterator[Entry]:
    """The journal in order of position: what is posted up to a day, and recorded up to a position. It is read as it is
    asked for, and not held in memory.

    Each account always stands at the value of its points, rounded down to the fen once: an entry moves it by its value
    after less its value before.
    """
    stand = dict.fromkeys(ACCOUNTS, 0)
    for movement in movements(connection, stop):
        if day_last is not None and movement.posted > day_last:
            continue
        first, second = postings_of(movement.topic, movement.state, movement.adjusting)
        if not first.points:
            continue
        out_of, into = (first, second) if first.points < 0 else (second, first)
        moved: list[int] = []
        for account, points in (out_of, into):
            before = value.fen(stand[account])
            stand[account] += points
            moved.append(value.fen(stand[account]) - before)
        yield Entry(movement, out_of.account, into.account, into.points, -moved[0], moved[1])


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of the double entry found: the accounts, and `fault`, "" where everything balances."""

    position: int
    events: int
    customers: int
    accounts: dict[str, int]
    fault: str = ""

    def document(self) -> dict[str, Any]:
        """For JSON; points as decimals."""
        return {
            "balanced": not self.fault, "position": self.position, "events": self.events,
            "customers": self.customers, "accounts": {a: points_text(self.accounts[a]) for a in ACCOUNTS},
            "sum": points_text(sum(self.accounts.values())), "fault": self.fault,
        }  # fmt: skip


def journal_check(
    connection: Connection[Any], *, day_last: int | None = None, stop: int = POSITION_MAX
) -> Check:
    """Post everything again up to a position, and hold each customer's balance against what its events say.

    With `day_last` only what is posted up to a day is added up: then balances can't be compared one by one (events say
    them in the order they were recorded in), and the sum over all accounts must be zero all the same.
    """
    trial, count, fault = Trial.new(), 0, ""
    for movement in movements(connection, stop):
        if day_last is not None:
            if movement.posted <= day_last:
                count += 1
                for account, points in postings_of(movement.topic, movement.state, movement.adjusting):
                    trial.accounts[account] += points
            continue
        count += 1
        try:
            trial.add(movement.position, movement.stream, movement.topic, movement.state, movement.adjusting)
        except BooksUnbalanced as error:
            fault = str(error)
            break
        if trial.total:
            fault = f"the accounts come to {points_text(trial.total)} at position {movement.position}"
            break
    if not fault and trial.total:
        fault = f"the accounts come to {points_text(trial.total)}"
    if not fault and day_last is None and trial.outstanding != trial.accounts["available"] + trial.accounts["held"]:
        fault = "customers' balances don't come to what is available and held"
    return Check(min(stop, position_head(connection)), count, len(trial.balances), trial.accounts, fault)


