"""A scenario: which rule sets decide which facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.log.columns.reader import Columns
from ledger.rules.compile import Activation
from ledger.rules.document import RuleSet, rule_set_parse

Redemptions = Literal["facts", "decided"]


@dataclass(frozen=True)
class Scenario:
    """Rule sets with the booked dates from which they decide. Without facts of its own: those are the ledger's.

    History's redemptions are "facts", which happen whatever points there are (what the lots lack becomes debt), or
    "decided" again: a reservation that lacks points is refused, and nothing comes of what refers to it. History's stock
    is kept, and what history refused is not tried again.
    """

    name: str
    activations: tuple[Activation, ...]
    redemptions: Redemptions = "facts"


def scenario_recorded(columns: Columns) -> Scenario:
    """The rule sets as they were activated."""
    book = columns.book(customers=False)
    parsed: dict[str, RuleSet] = {}
    for entry in book.activations:
        parsed.setdefault(entry.rule_set, rule_set_parse(book.rule_sets[entry.rule_set].document))
    return Scenario(
        "recorded",
        tuple(Activation(a.rule_set, parsed[a.rule_set], a.day_from, a.position) for a in book.activations),
    )


def scenario_candidate(recorded: Scenario, rules: RuleSet, day_from: int | None = None) -> Scenario:
    """A rule set over all facts, or over those booked from a day on while the recorded ones decide the earlier."""
    if day_from is None:
        return Scenario("candidate", (Activation("candidate", rules, 0, 0),))
    kept: Sequence[Activation] = [a for a in recorded.activations if a.day_from < day_from]
    return Scenario("candidate", (*kept, Activation("candidate", rules, day_from, 0)))
