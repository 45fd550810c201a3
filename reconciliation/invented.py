"""Invented histories of redemptions and payments, with faults planted in them and written down.

The same seed gives the same history. Each customer has at most one fault, so that what has to be found is certain. Used
by the benchmark, the tests and the demo.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from ledger.domain.relations.state import Happened
from ledger.domain.settlement.records import OFFSET, PAYMENT, part_key, payment_key
from ledger.domain.values import day_text, money_text

Fault = Literal[
    "missing", "doubled", "too_little", "too_much", "split", "combined", "wrong_reference", "no_reference",
    "no_redemption",
]  # fmt: skip
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

OPEN_AS: Final[dict[Fault, str]] = {
    "missing": "missing_payment", "doubled": "duplicate", "too_little": "short", "too_much": "over",
    "no_redemption": "missing_redemption",
}  # fmt: skip
"""As what the report has to list a fault; the others have to be matched all the same."""
MATCHED_BY: Final[dict[Fault, tuple[str, ...]]] = {
    "split": ("reference_split",), "combined": ("reference_combined",), "wrong_reference": ("amount_date",),
    "no_reference": ("amount_date",),
}  # fmt: skip
SOURCE: Final = "bank"
DAY_MAX: Final = 2**31
PAID_LEAST: Final = 200
"""A payment comes to so many times 100 CNY at least, more than anything that is set off against it."""
STEPS: Final = ((1_000, 50), (2_000, 100), (5_000, 275), (10_000, 600))
"""(points, CNY) of an offset with steps."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A redemption, committed as one part on a day, that is to take `fen` off a payment."""

    redemption: str
    customer: int
    day: int
    fen: int
    reference: str
    project: str

    @property
    def key(self) -> str:
        """The name of its one part."""
        return part_key(self.redemption, 1)


@dataclass(frozen=True, slots=True)
class InventedRedemption(Claim):
    """A redemption of so many points (1/100)."""

    points: int


@dataclass(frozen=True, slots=True)
class InventedPayment:
    """A payment as a bank's file has it; amounts in fen."""

    external_id: str
    customer: int
    day: int
    reference: str
    payer: str
    project: str
    invoice: str
    paid: int
    offset: int

    @property
    def key(self) -> str:
        """Its name."""
        return payment_key(SOURCE, self.external_id)


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, and the names of the redemptions and payments that have it."""

    fault: Fault
    redemptions: tuple[str, ...]
    payments: tuple[str, ...]


@dataclass(slots=True)
class Invented:
    """A history. `pairs` are the parts and payments that belong together, by their names."""

    redemptions: list[InventedRedemption] = field(default_factory=list[InventedRedemption])
    payments: list[InventedPayment] = field(default_factory=list[InventedPayment])
    planted: list[Planted] = field(default_factory=list[Planted])
    pairs: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


def _payer(customer: int) -> str:
    return f"示例客户{customer:05d}有限公司"


def invent(
    count: int, *, seed: int = 1, day_first: int = 20_089, days: int = 300, fault_every: int = 10,
    number_first: int = 1, customers: int = 0,
) -> Invented:  # fmt: skip
    """Some `count` redemptions with their payments; about every so many-th customer has a fault, each kind in turn.
    Payments come up to 20 days after, doubled ones up to 20 more. `customers` 0: a fourth as many as redemptions."""
    dice = random.Random(seed)
    made = _Making(dice, day_first, days, number_first)
    of_customers = customers or max(count // 4, 1)
    faults = 0
    for customer in range(1, of_customers + 1):
        share = count // of_customers + (customer <= count % of_customers)
        for n in range(share):
            fault: Fault | None = None
            if n == 0 and customer % fault_every == 0:
                fault = FAULTS[faults % len(FAULTS)]
                faults += 1
            made.add(customer, fault)
    made.history.payments.sort(key=lambda p: (p.day, p.external_id))
    return made.history


class Paying:
    """Invents the payments of claims, with a fault or without, and notes in `history` what was planted.

    No payment comes after `last`. `payer_of` names the n-th customer.
    """

    def __init__(
        self, dice: random.Random, history: Invented, *, last: int = DAY_MAX, payer_of: Callable[[int], str] = _payer
    ) -> None:
        self._dice = dice
        self._history = history
        self._last = last
        self._payer_of = payer_of

    def stray(self, customer: int, day: int, fen: int) -> None:
        """A payment that sets off what nobody redeemed."""
        payment = self._payment(customer, day, fen, "R-999999999999", "")
        self._history.planted.append(Planted("no_redemption", (), (payment.key,)))

    def pay(self, claim: Claim, fault: Fault | None, other: Claim | None = None) -> None:
        """The payments of a claim; `other` is paid with it where they are "combined".

        Raises ValueError where a fault is not one of a claim's payment.
        """
        here, dice = self._history, self._dice
        customer, day, fen, project = claim.customer, claim.day, claim.fen, claim.project
        number = claim.redemption
        if fault is None:
            # Firms name a redemption by its number, or by the invoice that it was for.
            said = number if dice.random() < 0.7 else claim.reference
            self._pair((claim,), (self._payment(customer, day, fen, said, project),), None)
        elif fault == "missing":
            here.planted.append(Planted(fault, (claim.key,), ()))
        elif fault == "doubled":
            first = self._payment(customer, day, fen, number, project)
            self._pair((claim,), (first,), None)
            again = self._payment(customer, first.day, fen, number, project)
            here.planted.append(Planted(fault, (), (again.key,)))
        elif fault in ("too_little", "too_much"):
            wrong = fen + (dice.randint(2, 20) * 100 if fault == "too_much" else -dice.randint(2, 20) * 100)
            payment = self._payment(customer, day, wrong, number, project)
            here.pairs.add((claim.key, payment.key))
            at = Planted(fault, (claim.key,), ()) if fault == "too_little" else Planted(fault, (), (payment.key,))
            here.planted.append(at)
        elif fault == "split":
            cut = fen * dice.randint(20, 45) // 100
            parts = (cut, fen - cut)
            self._pair((claim,), tuple(self._payment(customer, day, p, number, project) for p in parts), fault)
        elif fault == "combined" and other is not None:
            both = f"{number}, {other.redemption}"
            later = max(day, other.day)
            self._pair((claim, other), (self._payment(customer, later, fen + other.fen, both, project),), fault)
        elif fault in ("wrong_reference", "no_reference"):
            said = "" if fault == "no_reference" else _mistyped(number, dice)
            self._pair((claim,), (self._payment(customer, day, fen, said, project),), fault)
        else:
            raise ValueError(f"{fault} is no fault of the payment of {'one claim' if other is None else 'two claims'}")

    def _payment(self, customer: int, day: int, offset: int, reference: str, project: str) -> InventedPayment:
        here = self._history
        paid_on, payer = min(day + self._dice.randint(0, 20), self._last), self._payer_of(customer)
        paid = self._dice.randint(PAID_LEAST, 5_000) * 10_000 - offset
        payment = InventedPayment(
            f"PAY-{len(here.payments) + 1:08d}", customer, paid_on, reference, payer, project, "", paid, offset
        )
        here.payments.append(payment)
        return payment

    def _pair(self, claims: tuple[Claim, ...], payments: tuple[InventedPayment, ...], fault: Fault | None) -> None:
        here = self._history
        here.pairs |= {(c.key, p.key) for c in claims for p in payments}
        if fault is not None:
            here.planted.append(Planted(fault, tuple(c.key for c in claims), tuple(p.key for p in payments)))


class _Making:
    def __init__(self, dice: random.Random, day_first: int, days: int, number_first: int) -> None:
        self.dice = dice
        self.day_first = day_first
        self.days = days
        self.number = number_first - 1
        self.history = Invented()
        self.paying = Paying(dice, self.history)

    def add(self, customer: int, fault: Fault | None) -> None:
        """A redemption of a customer, with its payment or payments."""
        if fault == "no_redemption":
            self.paying.stray(customer, self._day(), self.dice.choice(STEPS)[1] * 100)
            fault = None
        redemption = self._redemption(customer)
        other = self._redemption(customer, redemption.day, redemption.project) if fault == "combined" else None
        self.paying.pay(redemption, fault, other)

    def _redemption(self, customer: int, day: int | None = None, project: str | None = None) -> InventedRedemption:
        self.number += 1
        points, money = self.dice.choice(STEPS)
        redemption = InventedRedemption(
            f"R-{self.number:06d}", customer, self._day() if day is None else day, money * 100, f"FP-{self.number:08d}",
            f"项目{customer:05d}-{self.dice.randint(1, 3)}" if project is None else project, points * 100,
        )  # fmt: skip
        self.history.redemptions.append(redemption)
        return redemption

    def _day(self) -> int:
        return self.day_first + self.dice.randrange(self.days)


def _mistyped(reference: str, dice: random.Random) -> str:
    """A reference with a letter too many, so that it is nobody's."""
    at = dice.randrange(2, len(reference))
    return f"{reference[:at]}X{reference[at:]}"


PAYMENT_COLUMNS: Final = (
    "payment", "customer", "paid_on", "amount", "offset", "reference", "payer", "project", "invoice",
)  # fmt: skip
"""The header of a file of payments, as the mapping `payments` reads it."""


def payment_rows(history: Invented, reference_of: Callable[[int], str]) -> Iterator[tuple[str, ...]]:
    """The payments as rows of such a file. `reference_of` gives the source's name of the n-th customer."""
    for p in history.payments:
        yield (
            p.external_id, reference_of(p.customer), day_text(p.day), money_text(p.paid), money_text(p.offset),
            p.reference, p.payer, p.project, p.invoice,
        )  # fmt: skip


def happened_of(history: Invented) -> Iterator[Happened]:
    """The events of a history, as settlement folds them: by day, redemptions before payments."""
    position = 0
    waiting = sorted(
        [(r.day, 0, r.redemption, r) for r in history.redemptions]
        + [(p.day, 1, p.external_id, p) for p in history.payments],
        key=lambda entry: entry[:3],
    )
    for day, _, _, entry in waiting:
        if isinstance(entry, InventedRedemption):
            for topic, fields in _of_redemption(entry, position):
                position += 1
                yield Happened(position, entry.customer, topic, fields, day)
        else:
            position += 1
            yield Happened(position, entry.customer, "FactRecorded", fact_fields(entry), day)


def _of_redemption(entry: InventedRedemption, position: int) -> list[tuple[str, dict[str, Any]]]:
    dated: dict[str, Any] = {"occurred_at": day_text(entry.day), "booked_on": day_text(entry.day)}
    reserved: dict[str, Any] = dated | {
        "redemption": entry.redemption, "offer": "cash_offset", "kind": OFFSET, "variant": "", "quantity": 1,
        "points": entry.points, "money": entry.fen, "rule_set": "RS-0001", "held_until": day_text(entry.day + 7),
        "reference": entry.reference, "project": entry.project,
    }  # fmt: skip
    committed: dict[str, Any] = dated | {
        "redemption": entry.redemption, "reserved": position + 1, "part": 1, "before": 0, "points": entry.points,
        "quantity": 1, "money": entry.fen, "reference": "", "valid_until": "",
    }  # fmt: skip
    return [("RedemptionReserved", reserved), ("RedemptionCommitted", committed)]


def fact_fields(entry: InventedPayment) -> dict[str, Any]:
    """The fields of the fact of a payment, as the log has them."""
    return {
        "fact_type": PAYMENT, "source": SOURCE, "external_id": entry.external_id, "occurred_on": day_text(entry.day),
        "occurred_at": day_text(entry.day), "booked_on": day_text(entry.day), "version": 1, "corrects": 0,
        "attributes": {
            "amount": entry.paid, "offset_amount": entry.offset, "reference": entry.reference or None,
            "payer": entry.payer, "project": entry.project or None, "invoice": entry.invoice or None,
        },
    }  # fmt: skip
