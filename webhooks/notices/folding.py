"""Folds the log into notices, position by position.

Each movement of points stands in exactly one notice of each batch: in that of the first close after it whose day it is
booked on or before. So opening and closing balances follow one another, what is booked late is told with the next
close, and the same log gives the same notices, whenever it is folded. Tiers are those that held at the end of the day
that is closed: what changes one counts from the day on which it occurred, as in every reading of a day that is over.
What is about to expire is told as of the close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from ledger.domain.events import POINTS_TOPICS
from ledger.domain.values import customer_id, customer_number, day_parse, day_recorded, month_last_day, month_of
from ledger.log.codec import state_of
from ledger.log.queries import queries_load
from webhooks.notices.notice import BATCHES, PURPOSE, choice_after

QUERIES: Final = queries_load("webhooks.notices", "notices.sql")
EVENTS_MAX: Final = 5_000
DATE_LENGTH: Final = len("2026-11-01")
_CONSENTS: Final = {"ConsentGiven": True, "ConsentWithdrawn": False}


@dataclass(slots=True)
class Moves:
    """What a run of events comes to. `pending`: earned, deducted, redeemed, expired by (customer, day booked on);
    `lots`: points by (customer, month at whose end they expire); `tiers`: customer, position, the day from which it
    counts, tier before, tier."""

    timezone: str

    pending: dict[tuple[int, int], list[int]] = field(default_factory=dict[tuple[int, int], list[int]])
    lots: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    tiers: list[tuple[int, int, int, str, str]] = field(default_factory=list[tuple[int, int, int, str, str]])
    consents: dict[int, list[tuple[str, bool]]] = field(default_factory=dict[int, list[tuple[str, bool]]])

    def add(self, customer: int, topic: str, state: Mapping[str, Any], position: int, closing_day: int | None) -> None:
        """Take in the event of a customer at a position; `closing_day` is the day whose close it follows from."""
        if topic in _CONSENTS:
            if str(state["purpose"]).startswith(PURPOSE):
                self.consents.setdefault(customer, []).append((state["purpose"], _CONSENTS[topic]))
        elif topic == "TierChanged":
            day = _day(state["occurred_at"], self.timezone)
            self.tiers.append((customer, position, day, state["tier_before"], state["tier"]))
            self._move(customer, day, 0, 0)
        elif topic in POINTS_TOPICS:
            self._points(customer, topic, state, closing_day)

    def _points(self, customer: int, topic: str, state: Mapping[str, Any], closing_day: int | None) -> None:
        points: int = state["points"]
        if topic == "PointsExpired":
            self._move(customer, day_parse(state["expired_on"]) if closing_day is None else closing_day, 3, points)
            self._lot(customer, _month(state["expired_on"]), points)
            return
        day = day_parse(state["booked_on"])
        if topic == "PointsGranted":
            self._move(customer, day, 0, points)
            self._lot(customer, _month(state["expires_on"]), points - state["debt_paid"])
        elif topic == "PointsDeducted":
            self._move(customer, day, 1, points)
            self._lots(customer, state, -1)
        elif topic == "PointsReversed":
            # Taken back is what was earned, given back what was deducted.
            self._move(customer, day, 0 if points < 0 else 1, points)
            self._lots(customer, state, 1)
        elif topic == "PointsHeld":
            self._lots(customer, state, -1)
        elif topic == "PointsFreed":
            self._lots(customer, state, 1)
        elif topic == "PointsRedeemed":
            self._move(customer, day, 2, points)
        else:
            self._move(customer, day, 2, points)
            self._lots(customer, state, 1)

    def _move(self, customer: int, day: int, kind: int, points: int) -> None:
        self.pending.setdefault((customer, day), [0, 0, 0, 0])[kind] += points

    def _lots(self, customer: int, state: Mapping[str, Any], sign: int) -> None:
        for month, points in state["lots"]:
            self._lot(customer, month, sign * points)

    def _lot(self, customer: int, month: int | None, points: int) -> None:
        # What never expires is never about to.
        if month is not None and points:
            self.lots[customer, month] = self.lots.get((customer, month), 0) + points


def _day(occurred_at: str, timezone: str) -> int:
    """The day of what happened on a day, or at a moment, in a ledger's time zone."""
    return day_parse(occurred_at) if len(occurred_at) == DATE_LENGTH else day_recorded(occurred_at, timezone)


def _month(day: str | None) -> int | None:
    return None if day is None else month_of(day_parse(day))


@dataclass(slots=True)
class Place:
    """How far the log is folded, and the close whose consequences follow."""

    position: int
    closing_position: int | None
    closing_day: int | None
    closing_at: str | None


class _Ladder(NamedTuple):
    """The tiers of a rule set, the lowest first, as activated at a position of the log for days from one on."""

    position: int
    day_from: int
    levels: Sequence[str]


def _levels_on(ladders: Sequence[_Ladder], day: int, position: int) -> Sequence[str]:
    """The tiers by which what is booked on a day is decided at a position; of two from the same day the later holds."""
    there = [ladder for ladder in ladders if ladder.day_from <= day and ladder.position <= position]
    return max(there, key=lambda ladder: (ladder.day_from, ladder.position)).levels if there else ()


class Folding:
    """Folds one ledger's log over a connection that nobody else uses meanwhile."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        self._connection = connection
        self._levels_of: dict[str, list[str]] = {}
        """The tiers of each rule set met, the lowest first; a rule set never changes."""
        self._timezone = ""
        """Where the books are kept; '' before it is known."""

    async def step(self, events_max: int = EVENTS_MAX) -> bool:
        """Fold the next events in one transaction; False once there are no more."""
        async with self._connection.transaction():
            place = Place(**await _one(self._connection, "place_lock", {}))
            rows = await _all(self._connection, "events_after", {"after": place.position, "limit": events_max})
            whole = len(rows) < events_max
            if not rows and place.closing_position is None:
                return False
            moves = Moves(await self._timezone_known())
            for row in rows:
                moves = await self._event(place, moves, row)
            if whole and place.closing_position is not None:
                # A close is committed with all that follows from it: at the log's end nothing is missing.
                moves = await self._close(place, moves)
            await self._store(moves)
            await self._connection.execute(
                QUERIES["place_store"],
                {
                    "position": place.position, "closing_position": place.closing_position,
                    "closing_day": place.closing_day, "closing_at": place.closing_at,
                },
            )  # fmt: skip
        return not whole

    async def _event(self, place: Place, moves: Moves, row: Mapping[str, Any]) -> Moves:
        topic: str = row["topic"]
        customer = customer_number(row["originator_id"])
        state = None
        if place.closing_position is not None:
            state = state_of(topic, row["state"])
            # What follows from a close names it, or something after it, as its cause; an input names nothing.
            if state["cause"] < place.closing_position:
                moves = await self._close(place, moves)
        if topic == "DayClosed":
            state = state or state_of(topic, row["state"])
            place.closing_position = row["notification_id"]
            place.closing_day, place.closing_at = day_parse(state["day"]), state["recorded_at"]
        elif topic == "RuleSetActivated":
            await self._tiers_name((state or state_of(topic, row["state"]))["rule_set"])
        elif customer and (topic in POINTS_TOPICS or topic == "TierChanged" or topic in _CONSENTS):
            state = state or state_of(topic, row["state"])
            moves.add(customer, topic, state, row["notification_id"], place.closing_day)
        place.position = row["notification_id"]
        return moves

    async def _close(self, place: Place, moves: Moves) -> Moves:
        """Make the notices of the close whose consequences are all folded."""
        day, position = place.closing_day, place.closing_position
        assert day is not None and position is not None
        await self._store(moves)
        ladders = await self._ladders(position)
        levels = _levels_on(ladders, day, position)
        lowest = levels[0] if levels else ""
        for batch in BATCHES:
            if batch == "day" or day == month_last_day(month_of(day)):
                begun = {c: t for c, t in (await self._begun(batch, day, position, ladders)).items() if t in levels}
                values = {
                    "batch": batch, "day": day, "position": position, "at": place.closing_at,
                    "month_next": month_of(day + 1), "lowest": lowest, "customers": list(begun),
                    "tiers": list(begun.values()),
                }  # fmt: skip
                await self._connection.execute(QUERIES["notices_make"], values)
        place.closing_position = place.closing_day = place.closing_at = None
        return Moves(moves.timezone)

    async def _store(self, moves: Moves) -> None:
        connection = self._connection
        if moves.pending:
            keys = sorted(moves.pending)
            earned, deducted, redeemed, expired = zip(*(moves.pending[key] for key in keys), strict=True)
            values = {
                "customer": [c for c, _ in keys], "day": [d for _, d in keys], "earned": list(earned),
                "deducted": list(deducted), "redeemed": list(redeemed), "expired": list(expired),
            }  # fmt: skip
            await connection.execute(QUERIES["pending_add"], values)
        lots = [(c, m, p) for (c, m), p in sorted(moves.lots.items()) if p]
        if lots:
            values = {"customer": [c for c, _, _ in lots], "month": [m for _, m, _ in lots],
                      "points": [p for _, _, p in lots]}  # fmt: skip
            await connection.execute(QUERIES["lots_add"], values)
        if moves.tiers:
            columns = zip(*moves.tiers, strict=True)
            names = ("customer", "position", "day", "tier_before", "tier")
            values = {name: list(column) for name, column in zip(names, columns, strict=True)}
            await connection.execute(QUERIES["tier_changes_add"], values)
        if moves.consents:
            await self._choices_store(moves)

    async def _choices_store(self, moves: Moves) -> None:
        numbers = sorted(moves.consents)
        rows = await _all(self._connection, "customers_read", {"customers": numbers})
        known: dict[int, str] = {row["customer"]: row["choice"] for row in rows}
        choices: list[str] = []
        for number in numbers:
            choice = known.get(number, "")
            for purpose, given in moves.consents[number]:
                choice = choice_after(choice, purpose, given)
            choices.append(choice)
        await self._connection.execute(QUERIES["customers_store"], {"customer": numbers, "choice": choices})

    async def _timezone_known(self) -> str:
        """Where the books are kept, as their first event says."""
        if not self._timezone:
            first = await _one(self._connection, "events_after", {"after": 0, "limit": 1})
            self._timezone = state_of(first["topic"], first["state"])["timezone"]
        return self._timezone

    async def _ladders(self, through: int) -> list[_Ladder]:
        """The ladders of all rule sets that were activated up to a position, in order."""
        found: list[_Ladder] = []
        for row in await _all(self._connection, "activations_read", {"through": through}):
            state = state_of(row["topic"], row["state"])
            name: str = state["rule_set"]
            if name not in self._levels_of:
                self._levels_of[name] = [level["id"] for level in await self._levels(name)]
            found.append(_Ladder(row["notification_id"], day_parse(state["effective_from"]), self._levels_of[name]))
        return found

    async def _begun(self, batch: str, day: int, through: int, ladders: Sequence[_Ladder]) -> dict[int, str]:
        """On which tiers those began of whom a close tells: the lowest of the ladder that decided the first event of
        their points, or of the first ladder there was. Nobody's, where all ladders have the same lowest."""
        lowest = [ladder.levels[0] for ladder in ladders if ladder.levels]
        if len(set(lowest)) < 2:
            return {}
        told = await _all(self._connection, "pending_customers", {"batch": batch, "day": day})
        numbers: list[int] = [row["customer"] for row in told]
        values = {"customers": numbers, "streams": [customer_id(n) for n in numbers], "through": through}
        found: dict[int, str] = {}
        for row in await _all(self._connection, "events_first", values):
            booked_on = day_parse(state_of(row["topic"], row["state"])["booked_on"])
            levels = _levels_on(ladders, booked_on, row["notification_id"])
            found[row["customer"]] = levels[0] if levels else lowest[0]
        return found

    async def _tiers_name(self, rule_set: str) -> None:
        """Take up what a rule set that is activated calls its tiers."""
        levels = await self._levels(rule_set)
        if levels:
            values = {
                "tier": [level["id"] for level in levels],
                "zh": [level["title"]["zh"] for level in levels],
                "en": [level["title"]["en"] for level in levels],
            }
            await self._connection.execute(QUERIES["tiers_store"], values)

    async def _levels(self, rule_set: str) -> list[dict[str, Any]]:
        """The tiers of a rule set, the lowest first; none where it has no ladder."""
        for row in await _all(self._connection, "rule_set_document", {}):
            state = state_of(row["topic"], row["state"])
            if state["rule_set"] == rule_set:
                tiers: dict[str, Any] = state["document"].get("tiers") or {}
                return tiers.get("levels", [])
        return []


async def _one(connection: AsyncConnection[DictRow], query: str, values: Mapping[str, Any]) -> DictRow:
    [row] = await _all(connection, query, values)
    return row


async def _all(connection: AsyncConnection[DictRow], query: str, values: Mapping[str, Any]) -> list[DictRow]:
    cursor = await connection.execute(QUERIES[query], values)
    return await cursor.fetchall()
