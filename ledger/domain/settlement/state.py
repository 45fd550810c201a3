"""The state of settlement: what is to be settled and what was, journaled so that a draft can be taken back."""

from __future__ import annotations

from typing import Final

from ledger.domain.relations.journal import Journal, Table
from ledger.domain.settlement.records import (
    Booking,
    Lines,
    Match,
    Part,
    Payment,
    Reserved,
    Ruling,
    Said,
    SignedOff,
    is_part,
)

NOTHING: Final = -1


class Settlement:
    """What is to be settled, and what was. Part of a ledger's relations, whose journal takes it back."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.reserved: Table[str, Reserved] = Table(journal)
        """Reservations that take money off a payment, by redemption."""
        self.parts: Table[str, Part] = Table(journal)
        self.payments: Table[str, Payment] = Table(journal)
        self.matches: Table[int, Match] = Table(journal)
        self.rulings: Table[int, Ruling] = Table(journal)
        self.waiting: Table[Said, int] = Table(journal)
        """What is proposed and not decided yet, and the number of the match or ruling that says so."""
        self.signed: Table[int, SignedOff] = Table(journal)
        """By month."""
        self.barred: Table[tuple[str, str], int] = Table(journal)
        """Pairs of a part and a payment whose match people undid, and which it was."""
        self.parted: Table[str, int] = Table(journal)
        """Parts and payments whose match people undid, and which it was: no rule matches them, with whatever else."""
        self.sums: Table[tuple[int, str, str], int] = Table(journal)
        """Fen by (month, "redemptions" or "payments", what)."""
        self.bookings: list[Booking] = []
        """Every amount that was ever booked, in order."""
        self.signed_last: Table[str, int] = Table(journal)
        """Under "month": the last month that was signed off."""
        self.mergings: list[tuple[int, int, int]] = []
        """(position, customer, survivor): from there on they are one; where both are the same, it was taken back."""
        self.honours: Table[int, int] = Table(journal)
        """Years whose best were made known, and the position of it."""

    @property
    def period_last(self) -> int:
        """The last month that anything is booked in."""
        return max((month for month, _, _ in self.sums), default=NOTHING)

    def item(self, key: str) -> Part | Payment | None:
        """The part or payment of this name."""
        return self.parts.get(key) if is_part(key) else self.payments.get(key)

    def fits(self, proposed: Match | Ruling) -> bool:
        """Whether a match or ruling takes no more than is open of its items."""
        if isinstance(proposed, Ruling):
            item = self.item(proposed.item)
            return item is not None and proposed.amount <= abs(item.open)
        items = ((self.item(key), fen) for key, fen in (*proposed.redemptions, *proposed.payments))
        return all(item is not None and fen <= item.open for item, fen in items)

    def period_open(self, month: int) -> int:
        """The month that something of this month is booked in: itself, or where it was signed off, the next that was
        not."""
        return max(month, self.signed_last.get("month", NOTHING) + 1)

    def merge(self, position: int, customer: int, survivor: int) -> None:
        """A customer is another one from here on, or (where both are the same) itself again."""
        self.mergings.append((position, customer, survivor))
        self._journal.note(self.mergings.pop)

    def survivors(self, period: int) -> dict[int, int]:
        """Who stands for each customer that was merged into another: as of now, or for a month that was signed off, as
        of then, so that its report goes on saying what was signed."""
        signed = self.signed.get(period)
        into: dict[int, int] = {}
        for position, customer, survivor in self.mergings:
            if signed is not None and position > signed.through:
                break
            into[customer] = survivor
        found: dict[int, int] = {}
        for customer in into:
            last = customer
            while (above := into.get(last, last)) != last:
                last = above
            if last != customer:
                found[customer] = last
        return found

    def book(self, period: int, key: str, what: str, fen: int) -> None:
        """Book an amount."""
        if not fen:
            return
        self.bookings.append(Booking(period, key, what, fen))
        self._journal.note(self.bookings.pop)
        side = "redemptions" if is_part(key) else "payments"
        total = (period, side, what)
        self.sums.put(total, self.sums.get(total, 0) + fen)

    def settle(self, lines: Lines, period: int, sign: int) -> None:
        """Settle amounts of items, or with sign -1 open them again."""
        for key, fen in lines:
            if is_part(key):
                part = self.parts[key]
                self.parts.put(key, part._replace(settled=part.settled + sign * fen))
            else:
                payment = self.payments[key]
                self.payments.put(key, payment._replace(settled=payment.settled + sign * fen))
            self.book(period, key, "settled", sign * fen)

    def rule(self, key: str, period: int, fen: int) -> None:
        """Close an amount of an item by a ruling; below zero opens it again."""
        if is_part(key):
            part = self.parts[key]
            self.parts.put(key, part._replace(ruled=part.ruled + fen))
        else:
            payment = self.payments[key]
            self.payments.put(key, payment._replace(ruled=payment.ruled + fen))
        self.book(period, key, "ruled", fen)
