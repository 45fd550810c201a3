"""The journal as Beancount text (https://beancount.github.io): a transaction an event, in points at their CNY value.

What customers have is a liability, so it stands below zero, as Beancount has it. At the end the text asserts what
stands in each account, so that `bean-check` holds the sum of the transactions against what the ledger says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ledger.domain.postings import ACCOUNTS
from ledger.domain.values import day_text, money_text, points_text
from projections.finance.journal import Entry

BEANCOUNT_ACCOUNTS: Final[Mapping[str, str]] = {
    "issuance": "Expenses:Points:Issuance",
    "adjusted": "Expenses:Points:Adjusted",
    "available": "Liabilities:Points:Available",
    "held": "Liabilities:Points:Held",
    "redeemed": "Liabilities:Points:Redeemed",
    "expired": "Income:Points:Expired",
}
"""Redeemed points are a liability of another kind, towards payments, until they are settled."""

ROUNDING_ACCOUNT: Final = "Equity:Points:Rounding"
"""What rounding to the fen leaves between accounts: money and no points."""


def beancount_text(ledger: str, entries: Iterable[Entry]) -> Iterator[str]:
    """The journal part by part. `ledger` names the books in the title. Accounts are opened at the end, when the first
    day is known: the order of its text says nothing to Beancount."""
    yield f'option "title" "Plumbline {ledger}"\noption "operating_currency" "CNY"\n\n'
    sums = dict.fromkeys(ACCOUNTS, 0)
    rounding = 0
    day_first: int | None = None
    day_last = 0
    for entry in entries:
        m = entry.movement
        day_first = m.posted if day_first is None else min(day_first, m.posted)
        day_last = max(day_last, m.posted)
        sums[entry.into] += entry.points
        sums[entry.out_of] -= entry.points
        rounding += entry.rounding
        rest = f"  {ROUNDING_ACCOUNT}  {money_text(-entry.rounding)} CNY\n" if entry.rounding else ""
        taken, given = (money_text(fen) for fen in (entry.fen_out, entry.fen_in))
        booked = f"  booked: {day_text(m.day)}\n" if m.posted > m.day else ""
        said = " ".join(filter(None, (m.topic, m.state.get("rule") or m.state.get("redemption"))))
        yield (
            f'{day_text(m.posted)} * "{m.stream}" "{_quoted(said)}"\n'
            f"  position: {m.position}\n{booked}"
            f"  {BEANCOUNT_ACCOUNTS[entry.out_of]}  {points_text(entry.points)} POINTS @@ {taken} CNY\n"
            f"  {BEANCOUNT_ACCOUNTS[entry.into]}  {points_text(-entry.points)} POINTS @@ {given} CNY\n"
            f"{rest}\n"
        )
    if day_first is None:
        return
    yield f"{day_text(day_first)} commodity POINTS\n"
    for account in ACCOUNTS:
        yield f"{day_text(day_first)} open {BEANCOUNT_ACCOUNTS[account]} POINTS\n"
    yield f"{day_text(day_first)} open {ROUNDING_ACCOUNT} CNY\n\n"
    for account in ACCOUNTS:
        yield f"{day_text(day_last + 1)} balance {BEANCOUNT_ACCOUNTS[account]}  {points_text(-sums[account])} POINTS\n"
    yield f"{day_text(day_last + 1)} balance {ROUNDING_ACCOUNT}  {money_text(-rounding)} CNY\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
