"""What waits for another person's approval, with what they have to see: the items, whose they are, and whether it can
still be approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.domain.settlement.records import Match, Ruling, is_part, ruling_id, settlement_id
from ledger.domain.settlement.state import NOTHING, Settlement
from ledger.domain.values import customer_id, day_text, money_text
from reconciliation.report import evidence_of_record, match_document
from reconciliation.sentences import proposal_words


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed match or ruling. `customers` are those of its items, merged ones as they were booked; `across` says
    that they are several, `stale` that less is open by now than it takes, so that it can only be declined."""

    settlement: Settlement
    proposed: Match | Ruling
    customers: tuple[int, ...]
    across: bool

    @property
    def id(self) -> str:
        """M-000001 or Q-000001."""
        number = self.proposed.number
        return settlement_id(number) if isinstance(self.proposed, Match) else ruling_id(number)

    @property
    def place(self) -> tuple[int, int]:
        """Its place among the others: matches, then rulings, by number."""
        return int(isinstance(self.proposed, Ruling)), self.proposed.number

    @property
    def lines(self) -> Sequence[tuple[str, int]]:
        """Its items and how much of each it takes, in fen."""
        proposed = self.proposed
        if isinstance(proposed, Match):
            return (*proposed.redemptions, *proposed.payments)
        return ((proposed.item, proposed.amount),)

    @property
    def stale(self) -> bool:
        """Whether less is open by now than it takes."""
        return not self.settlement.fits(self.proposed)

    def sentence(self, language: str) -> str:
        """What has to be known before it is approved; empty where nothing is out of the ordinary."""
        return proposal_words(self.customers if self.across else (), self.stale, language)

    def items(self) -> list[dict[str, Any]]:
        """Its items for JSON."""
        found: list[dict[str, Any]] = []
        for key, fen in self.lines:
            record = self.settlement.item(key)
            assert record is not None, "what is proposed was checked to be there"
            found.append(
                {
                    "item": key, "side": "redemptions" if is_part(key) else "payments",
                    "customer": customer_id(record.customer), "date": day_text(record.day), "takes": money_text(fen),
                    "amount": money_text(record.amount), "open": money_text(record.open),
                    "evidence": evidence_of_record(record),
                }
            )  # fmt: skip
        return found

    def document(self) -> dict[str, Any]:
        """For JSON; amounts are decimals of CNY."""
        proposed = self.proposed
        if isinstance(proposed, Match):
            said = match_document(proposed, "proposed")
        else:
            said = {
                "ruling": self.id, "state": proposed.state, "item": proposed.item, "outcome": proposed.outcome,
                "amount": money_text(proposed.amount), "proposed_by": proposed.proposed_by, "reason": proposed.reason,
            }  # fmt: skip
        return {
            **said, "items": self.items(), "across_customers": self.across, "stale": self.stale,
            "sentence": {language: self.sentence(language) for language in ("zh", "en")},
        }  # fmt: skip


def proposals_of(settlement: Settlement) -> list[Proposal]:
    """What waits for another person's approval: matches, then rulings."""
    into = settlement.survivors(NOTHING)
    waiting = (*settlement.matches.values(), *settlement.rulings.values())
    found = [_proposal(settlement, into, p) for p in waiting if p.state == "proposed"]
    return sorted(found, key=lambda proposal: proposal.place)


def proposal_named(settlement: Settlement, name: str) -> Proposal | None:
    """The one with this id."""
    return next((p for p in proposals_of(settlement) if p.id == name), None)


def _proposal(settlement: Settlement, into: dict[int, int], proposed: Match | Ruling) -> Proposal:
    lines = proposed.redemptions + proposed.payments if isinstance(proposed, Match) else ((proposed.item, 0),)
    items = [settlement.item(key) for key, _ in lines]
    customers = tuple(dict.fromkeys(item.customer for item in items if item is not None))
    return Proposal(settlement, proposed, customers, len({into.get(c, c) for c in customers}) > 1)
