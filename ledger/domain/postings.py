"""Double entry: what each event that moves points posts, as a pure function of the event. Nothing of it is stored.

Every event posts the same points out of one account and into another, so the sum over all accounts is zero at every
position. A customer's balance is what stands in `available` and `held` for it. Points in 1/100.

    issuance    what rules have granted less what they took and took back, negative: where points come from
    adjusted    the same of adjustments by hand
    available   what customers can spend; below zero where somebody owes points
    held        what reservations hold
    redeemed    what was spent, less what was returned
    expired     what expired
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

from ledger.domain.errors import PlumblineError
from ledger.domain.fact_types import ADJUSTMENT

Account = Literal["issuance", "available", "held", "redeemed", "expired", "adjusted"]
ACCOUNTS: Final[tuple[Account, ...]] = get_args(Account)

POSTING_TOPICS: Final = frozenset(
    {
        "PointsGranted", "PointsDeducted", "PointsReversed", "PointsExpired",
        "PointsHeld", "PointsFreed", "PointsRedeemed", "PointsReturned",
    }
)  # fmt: skip
"""The events that move points from one account to another."""

_BY_RULES: Final = frozenset({"PointsGranted", "PointsDeducted", "PointsReversed"})

RuleName = tuple[str, str]
"""(rule set, rule)"""


Appended = tuple[str, str, Mapping[str, Any]]
"""(stream, name, fields) of an event."""


class Posting(NamedTuple):
    """Points into an account (above zero), or out of it."""

    account: Account
    points: int


class BooksUnbalanced(PlumblineError):
    """What was about to be appended doesn't follow from the balance before it. Nothing was recorded."""

    code = "BOOKS_UNBALANCED"


def postings_of(topic: str, state: Mapping[str, Any], adjusting: Container[RuleName] = ()) -> tuple[Posting, ...]:
    """The postings of an event: none where it moves no points, else two that come to zero.

    `adjusting` names the rules that carry out adjustments by hand; see `adjusting_rules`.
    """
    if topic not in POSTING_TOPICS:
        return ()
    points: int = state["points"]
    if topic == "PointsHeld":
        return Posting("available", -points), Posting("held", points)
    if topic == "PointsFreed":
        return Posting("held", -points), Posting("available", points)
    if topic == "PointsRedeemed":
        return Posting("held", points), Posting("redeemed", -points)
    if topic == "PointsReturned":
        return Posting("redeemed", -points), Posting("available", points)
    if topic == "PointsExpired":
        return Posting("available", points), Posting("expired", -points)
    by_hand = (state["rule_set"], state["rule"]) in adjusting
    return Posting("adjusted" if by_hand else "issuance", -points), Posting("available", points)


def debt_of(topic: str, state: Mapping[str, Any]) -> int:
    """By how much an event that moves points lets the customer's debt grow (or shrink, below zero)."""
    if topic in ("PointsGranted", "PointsReturned"):
        return -state["debt_paid"]
    if topic == "PointsFreed":
        return -state["debt"]
    return state["debt"] if topic in ("PointsDeducted", "PointsReversed", "PointsHeld") else 0


def adjusting_rules(documents: Mapping[str, Mapping[str, Any]]) -> frozenset[RuleName]:
    """The rules of some rule sets (documents by rule set) that award facts of adjustment by hand."""
    return frozenset(
        (rule_set, rule["id"])
        for rule_set, document in documents.items()
        for rule in document.get("rules", ())
        if rule["fact"] == ADJUSTMENT
    )


@dataclass(slots=True)
class Trial:
    """The trial balance so far: the points in each account, and each customer's as the events say it. `debts` are what
    customers owe: their lots hold so much more than stands in `available` for them.

    `add` raises BooksUnbalanced where an event's balance isn't the one before it and what it posts.
    """

    accounts: dict[str, int]
    balances: dict[str, int]
    held: dict[str, int]
    debts: dict[str, int]

    @classmethod
    def new(cls) -> Trial:
        """The trial balance of an empty ledger."""
        return cls(dict.fromkeys(ACCOUNTS, 0), {}, {}, {})

    def add(
        self, position: int, stream: str, topic: str, state: Mapping[str, Any], adjusting: Container[RuleName] = ()
    ) -> tuple[Posting, ...]:
        """Take in an event, and say what it posts."""
        posted = postings_of(topic, state, adjusting)
        if not posted:
            return posted
        balance = self.balances.get(stream, 0)
        for account, points in posted:
            self.accounts[account] += points
            if account in ("available", "held"):
                balance += points
            if account == "held":
                held = self.held[stream] = self.held.get(stream, 0) + points
                if held < 0:
                    raise BooksUnbalanced(f"position {position} takes more of what {stream} holds than is held")
        if balance != state["balance"]:
            raise BooksUnbalanced(
                f"position {position} leaves {stream} with another balance than its postings come to"
            )
        debt = self.debts[stream] = self.debts.get(stream, 0) + debt_of(topic, state)
        # Lots that are past their date stand in the balance until a close takes them, but can't be spent.
        if not 0 <= state.get("available", 0) <= max(balance - self.held.get(stream, 0) + debt, 0):
            raise BooksUnbalanced(
                f"position {position} says of {stream} that more points can be spent than stand in lots"
            )
        self.balances[stream] = balance
        return posted

    @property
    def total(self) -> int:
        """The sum over all accounts: zero, or the books are wrong."""
        return sum(self.accounts.values())

    @property
    def outstanding(self) -> int:
        """What all customers together have, as their events say."""
        return sum(self.balances.values())


def appended_check(events: Iterable[Appended], balance_before: Callable[[str], int]) -> None:
    """Check what is about to be appended against each customer's balance before it.

    Raises BooksUnbalanced where postings don't come to zero, or where a balance doesn't follow from the one before it
    and what the event posts.
    """
    now: dict[str, int] = {}
    for stream, topic, state in events:
        posted = postings_of(topic, state)
        if not posted:
            continue
        balance = now[stream] if stream in now else balance_before(stream)
        total = 0
        for account, points in posted:
            total += points
            if account in ("available", "held"):
                balance += points
        if total or balance != state["balance"]:
            raise BooksUnbalanced(
                f"{topic} for {stream} says another balance than its postings come to; nothing was recorded:"
                " this is a fault of the program"
            )
        now[stream] = balance
