"""A long random walk through everything that can happen to points and redemptions, beside a model as simple as can be.

The model keeps lots as a dictionary and holds as lists of pieces; it knows nothing of the kernel. After every step the
ledger's accounts are compared with it, and every refusal is one that the model foresaw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    CloseDays,
    Command,
    CommitRedemption,
    MoveStock,
    ProposeRuleSet,
    ReserveRedemption,
    ReverseRedemption,
    VoidRedemption,
)
from ledger.domain.values import (
    customer_id,
    date_of,
    day_of,
    day_text,
    month_first_day,
    month_last_day,
    month_of,
    points_text,
)
from tests.ledgers import Books, fact

CUSTOMERS = 6
EXPIRY_MONTHS = 2
HOLD_DAYS = 9
PEN = 7_00
MONTH_FIRST = month_of(day_of(datetime(2024, 1, 1).date()))
KINDS = {"project_completed": 50_00, "complaint_filed": -20_00}
DEBT = 10**9
"""The month of a piece that the lots lacked: it is taken last."""

Piece = tuple[int, int]
"""(month, points)"""


def rules() -> dict[str, Any]:
    """50 points for a project, 20 less for a complaint; they expire with the second month after. Any points for a
    payment, and pens."""

    def words(text: str) -> dict[str, str]:
        return {"zh": text, "en": text}

    def rule(name: str, points: int) -> dict[str, Any]:
        return {"id": name, "title": words(name), "fact": name, "award": {"points": points_text(points)}}

    offers: list[dict[str, Any]] = [
        {"id": "off", "kind": "offset", "title": words("off"), "steps": [{"points": 1, "money": 1}]},
        {"id": "pen", "kind": "gift", "title": words("pen"), "points": points_text(PEN)},
    ]
    return {
        "id": "walk", "title": words("walk"), "expiry_months": EXPIRY_MONTHS,
        "rules": [rule(name, points) for name, points in KINDS.items()],
        "tags": [{"id": "rich", "title": words("rich"), "when": {"balance": True, "at_least": 60}}],
        "redemption": {"offers": offers, "hold_days": HOLD_DAYS},
    }  # fmt: skip


def cut(pieces: list[Piece], points: int) -> tuple[list[Piece], list[Piece]]:
    """The first so many points of pieces, and the rest."""
    taken: list[Piece] = []
    rest: list[Piece] = []
    for month, have in pieces:
        part = min(have, points)
        points -= part
        if part:
            taken.append((month, part))
        if have > part:
            rest.append((month, have - part))
    return taken, rest


def total(pieces: list[Piece]) -> int:
    """The points of pieces."""
    return sum(points for _, points in pieces)


@dataclass
class Account:
    """A customer's points."""

    lots: dict[int, int] = field(default_factory=dict[int, int])
    debt: int = 0
    moved: int = 0
    """The sum of everything that was ever granted, taken, spent …"""
    booked: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """(day, points) of everything that changed what can be spent."""

    def put(self, points: int, month: int) -> None:
        paid = min(self.debt, points)
        self.debt -= paid
        if points > paid:
            self.lots[month] = self.lots.get(month, 0) + points - paid

    def take(self, points: int, month_from: int) -> list[Piece]:
        lots = sorted((m, p) for m, p in self.lots.items() if m >= month_from)
        taken, rest = cut(lots, points)
        self.lots = {m: p for m, p in self.lots.items() if m < month_from} | dict(rest)
        lacked = points - total(taken)
        self.debt += lacked
        return [*taken, (DEBT, lacked)] if lacked else taken

    def available(self, month: int) -> int:
        return sum(points for m, points in self.lots.items() if m >= month)

    def available_on(self, day: int) -> int:
        """What was there on a day, still is, and was on every day between."""
        since = [(booked, points) for booked, points in self.booked if booked > day]
        later = [sum(points for booked, points in since if booked > until) for until in {day, *(d for d, _ in since)}]
        return max(self.available(month_of(day)) - max(later), 0)


@dataclass
class Fact:
    """The last version of a fact: whose it is, and what it did."""

    customer: int
    kind: str
    day: int
    month: int
    booked: int = 0
    pieces: list[Piece] = field(default_factory=list[Piece])


@dataclass
class Held:
    """A redemption: what of it is still held, and its parts with what is left of each and the day it was spent on."""

    customer: int
    offer: str
    day: int
    held_until: int
    pieces: list[Piece]
    parts: list[list[Piece]] = field(default_factory=list[list[Piece]])
    part_days: list[int] = field(default_factory=list[int])


class Walk:
    """The walk; `step` takes one. `seed` makes it the same walk again. `late`: it redeems on days of the past too."""

    def __init__(self, books: Books, seed: int, *, late: bool = True) -> None:
        self.late = late
        self.books = books
        self.random = random.Random(seed)
        self.accounts = {n: Account() for n in range(1, CUSTOMERS + 1)}
        self.facts: list[Fact] = []
        self.redemptions: list[Held] = []
        self.stock = 0
        self.closed_month = -1
        self.steps = 0
        self.counts: dict[str, int] = {}
        books.now = datetime(2024, 1, 3, 4, tzinfo=UTC)
        books.register(*(f"c{n}" for n in self.accounts))
        proposed = books.do(ProposeRuleSet(rules()), actor="alice")
        books.do(ApproveRuleSet(proposed.id), actor="bob")
        books.do(ActivateRuleSet(proposed.id, "2024-01-01"), actor="alice")

    @property
    def today(self) -> int:
        return day_of(self.books.now.date())

    @property
    def month(self) -> int:
        return month_of(self.today)

    def step(self) -> None:
        """Do something, and compare."""
        ways: list[tuple[int, Callable[[], None]]] = [
            (24, self.record), (4, self.complain), (20, self.reserve), (20, self.commit), (5, self.void),
            (10, self.give_back), (6, self.correct), (5, self.pass_time), (3, self.deliver),
        ]  # fmt: skip
        [way] = self.random.choices([w for _, w in ways], [n for n, _ in ways])
        way()
        self.steps += 1
        self.compare()

    def ask(self, command: Command, expected: str) -> Answer:
        """Ask the ledger; it must answer with the status or the code that the model foresees."""
        answer = self.books.do(command)
        assert (answer.code or answer.status) == expected, (self.steps, command, answer, expected)
        self.counts[f"{type(command).__name__} {expected}"] = self.counts.get(f"{type(command).__name__} {expected}", 0) + 1
        return answer

    def record(self) -> None:
        self._record("project_completed")

    def complain(self) -> None:
        self._record("complaint_filed")

    def _record(self, kind: str) -> None:
        found = Fact(self.random.randint(1, CUSTOMERS), kind, self.today, self.month)
        self.facts.append(found)
        self._send(len(self.facts) - 1, "accepted")
        self._award(found)

    def _send(self, number: int, expected: str) -> None:
        found = self.facts[number]
        more: dict[str, Any] = {"severity": "minor"} if found.kind == "complaint_filed" else {}
        self.ask(fact(str(number), found.kind, day_text(found.day), customer_id(found.customer), **more), expected)

    def _award(self, found: Fact) -> None:
        account, points = self.accounts[found.customer], KINDS[found.kind]
        account.moved += points
        found.booked = found.day if found.month == month_of(found.day) else month_first_day(found.month)
        account.booked.append((found.booked, points))
        if points > 0:
            account.put(points, found.month + EXPIRY_MONTHS)
        else:
            found.pieces = account.take(-points, found.month)

    def correct(self) -> None:
        """A fact turns out to be another customer's."""
        if not self.facts:
            return
        number = self.random.randrange(len(self.facts))
        found = self.facts[number]
        account, points = self.accounts[found.customer], KINDS[found.kind]
        now = max(found.month, self.closed_month + 1)
        account.moved -= points
        account.booked.append((found.booked, -points))
        if points > 0:
            lot = found.month + EXPIRY_MONTHS
            own = min(account.lots.get(lot, 0), points) if lot > self.closed_month else 0
            if own:
                account.lots[lot] -= own
                account.lots = {m: p for m, p in account.lots.items() if p}
            account.take(points - own, now)
        else:
            for month, part in found.pieces:
                account.put(part, now + EXPIRY_MONTHS if month == DEBT else max(month, self.closed_month))
        found.customer = self.random.choice([n for n in self.accounts if n != found.customer])
        found.month, found.pieces = now, []
        # Back to a customer it was of before would be a duplicate of that version: such a correction is explicit.
        more: dict[str, Any] = {"severity": "minor"} if found.kind == "complaint_filed" else {}
        command = fact(
            str(number), found.kind, day_text(found.day), customer_id(found.customer), revert=True, **more
        )  # fmt: skip
        self.ask(command, "corrected")
        self._award(found)

    def reserve(self) -> None:
        customer = self.random.randint(1, CUSTOMERS)
        day, on = self._day()
        offer = "pen" if self.random.random() < 0.4 else "off"
        over = self._over(customer, offer, day)
        before = deepcopy((self.accounts, self.redemptions)) if over else (self.accounts, self.redemptions)
        for redemption in over:
            self._free(redemption, redemption.held_until)
        account = self.accounts[customer]
        if offer == "pen":
            quantity = self.random.randint(1, 5)
            points = quantity * PEN
            command = ReserveRedemption(customer_id(customer), "pen", quantity=quantity, occurred_on=on)
            free = self.stock - sum(total(r.pieces) // PEN for r in self.redemptions if r.offer == "pen")
            expected = "STOCK_INSUFFICIENT" if quantity > free else "accepted"
        else:
            # At the edge of what is there, and beyond it.
            most = account.available_on(day)
            points = max(self.random.choice([1_00, 33_33, 60_00, most // 2, most, most + 1, 300_00]), 1_00)
            command = ReserveRedemption(customer_id(customer), "off", points=points_text(points), occurred_on=on)
            expected = "accepted"
        if expected == "accepted" and points > account.available_on(day):
            expected = "POINTS_INSUFFICIENT"
            if points <= account.available(month_of(day)):
                self.counts["came later"] = self.counts.get("came later", 0) + 1
        self.ask(command, expected)
        if expected != "accepted":
            self.accounts, self.redemptions = before
        else:
            self.counts["lapsed first"] = self.counts.get("lapsed first", 0) + len(over)
            pieces = account.take(points, month_of(day))
            account.booked.append((day, -points))
            self.redemptions.append(Held(customer, offer, day, day + HOLD_DAYS, pieces))

    def _day(self) -> tuple[int, str]:
        """A day to redeem on, often some days ago as long as their month is open; and how it is said."""
        first = month_first_day(max(self.closed_month + 1, MONTH_FIRST))
        day = max(self.today - self.random.choice([0, 0, 0, 1, 4, 20]), first) if self.late else self.today
        return day, "" if day == self.today else day_text(day)

    def _over(self, customer: int, offer: str, day: int) -> list[Held]:
        """What of a customer, or of an offer, is held until a day before this one: it is free on it."""
        held = [r for r in self.redemptions if r.pieces and (r.customer == customer or r.offer == offer)]
        return [r for r in held if r.held_until < day]

    def commit(self) -> None:
        number = self._pick(lambda r: bool(r.pieces))
        if number is None:
            return
        redemption = self.redemptions[number]
        points, said = self._part(redemption, redemption.pieces)
        day, on = self._day()
        expected = "accepted" if day <= redemption.held_until else "HOLD_OVER"
        expected = "DATE_INVALID" if day < redemption.day else expected
        self.ask(CommitRedemption(_id(number), occurred_on=on, **said), expected)
        if expected == "accepted":
            part, redemption.pieces = cut(redemption.pieces, points)
            redemption.parts.append(part)
            redemption.part_days.append(day)
            self.accounts[redemption.customer].moved -= points
            if redemption.offer == "pen":
                self.stock -= points // PEN

    def void(self) -> None:
        number = self._pick(lambda r: bool(r.pieces))
        if number is None:
            return
        redemption = self.redemptions[number]
        day, on = self._day()
        expected = "DATE_INVALID" if day < redemption.day else "accepted"
        self.ask(VoidRedemption(_id(number), "no more", on), expected)
        if expected == "accepted":
            self._free(redemption, day)

    def _free(self, redemption: Held, day: int) -> None:
        account = self.accounts[redemption.customer]
        account.booked.append((day, total(redemption.pieces)))
        for month, points in redemption.pieces:
            account.put(points, max(month, self.closed_month))
        redemption.pieces = []

    def give_back(self) -> None:
        number = self._pick(lambda r: any(r.parts))
        if number is None:
            return
        redemption = self.redemptions[number]
        at = self.random.choice([i for i, part in enumerate(redemption.parts) if part])
        points, said = self._part(redemption, redemption.parts[at])
        day, on = self._day()
        expected = "DATE_INVALID" if day < redemption.part_days[at] else "accepted"
        self.ask(ReverseRedemption(_id(number), "wrong", part=at + 1, occurred_on=on, **said), expected)
        if expected != "accepted":
            return
        back, redemption.parts[at] = cut(redemption.parts[at], points)
        account = self.accounts[redemption.customer]
        account.moved += points
        account.booked.append((day, points))
        for month, part in back:
            account.put(part, max(month, self.closed_month))
        if redemption.offer == "pen":
            self.stock += points // PEN

    def _part(self, redemption: Held, pieces: list[Piece]) -> tuple[int, dict[str, Any]]:
        """How much of what is left, and how that is said; sometimes all, without a word."""
        left = total(pieces)
        if self.random.random() < 0.4:
            return left, {}
        if redemption.offer == "pen":
            quantity = self.random.randint(1, left // PEN)
            return quantity * PEN, {"quantity": quantity}
        points = self.random.randint(1, left)
        return points, {"points": points_text(points)}

    def _pick(self, holds: Callable[[Held], bool]) -> int | None:
        """One of the latest redemptions for which something holds."""
        found = [i for i, r in enumerate(self.redemptions) if holds(r)][-12:]
        return self.random.choice(found) if found else None

    def deliver(self) -> None:
        self.ask(MoveStock("pen", 2, "delivered"), "accepted")
        self.stock += 2

    def pass_time(self) -> None:
        """Days go by, and are closed up to some day before."""
        self.books.now += timedelta(days=self.random.randint(1, 12))
        first = day_of(date_of(self.books.state.book.closed_day + 1)) if self.closed_any else self.today - 20
        last = self.today - self.random.randint(1, 9)
        if last < max(first, day_of(datetime(2024, 1, 3).date())):
            return
        self.ask(CloseDays(day_text(last)), "accepted")
        for day in range(first, last + 1):
            for redemption in self.redemptions:
                if redemption.pieces and redemption.held_until <= day:
                    self._free(redemption, redemption.held_until)
            if day == month_last_day(month_of(day)):
                self._close_month(month_of(day))

    @property
    def closed_any(self) -> bool:
        return self.books.state.book.closed_day >= 0

    def _close_month(self, month: int) -> None:
        for account in self.accounts.values():
            expired = sum(p for m, p in account.lots.items() if m <= month)
            account.lots = {m: p for m, p in account.lots.items() if m > month}
            account.moved -= expired
        self.closed_month = month

    def compare(self) -> None:
        """The ledger has what the model has, and its books balance."""
        for number, account in self.accounts.items():
            state = self.books.account(customer_id(number))
            held = sum(total(r.pieces) for r in self.redemptions if r.customer == number)
            where = (self.steps, number)
            assert state["lots"] == account.lots, where
            assert (state["held"], state["debt"]) == (held, account.debt), where
            assert state["balance"] == account.moved == sum(account.lots.values()) + held - account.debt, where
            assert state["balance"] == state["added"] - state["taken"], where
            assert min([*account.lots.values(), held, account.debt]) >= 0, where
            assert self.books.state.holder(number, self.today).available == account.available(self.month), where
        stock = self.books.state.redemptions.stock_of("pen", "")
        pens = sum(total(r.pieces) // PEN for r in self.redemptions if r.offer == "pen")
        assert (stock.on_hand, stock.held) == (self.stock, pens)
        assert 0 <= stock.held <= stock.on_hand


def _id(index: int) -> str:
    return f"R-{index + 1:06d}"
