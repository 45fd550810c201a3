"""What other rules would have meant for the redemptions of history: which would have lacked points, and what they would
have been worth by other terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.domain.redemption.state import Redemption, Redemptions, redemption_id
from ledger.domain.redemption.terms import OFFSET, Terms, share
from ledger.domain.values import customer_id, money_text, points_text
from ledger.log.columns.reader import Columns
from ledger.log.columns.relations import happened
from ledger.rules import layout as at
from ledger.rules.program import Activation
from ledger.rules.redemption.terms import redemption_terms
from replay.run import RunResult


@dataclass(frozen=True)
class Lacking:
    """A reservation that goes beyond what could have been spent, by `lacked`; points in 1/100."""

    redemption: str
    customer: str
    position: int
    points: int
    lacked: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "redemption": self.redemption,
            "customer": self.customer,
            "position": self.position,
            "points": points_text(self.points),
            "lacked": points_text(self.lacked),
        }


@dataclass(frozen=True)
class OfferCompared:
    """The offsets of one offer, net of what was taken back: points in 1/100, money in fen as it was and as it would have
    been. `not_offered` counts those for which the candidate has no such offer, or none for so few points."""

    offer: str
    count: int
    points: int
    money: int
    money_candidate: int
    not_offered: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "offer": self.offer,
            "count": self.count,
            "points": points_text(self.points),
            "money_cny": money_text(self.money),
            "money_cny_candidate": money_text(self.money_candidate),
            "change_cny": money_text(self.money_candidate - self.money),
            "not_offered": self.not_offered,
        }


@dataclass(frozen=True)
class DecidedAgain:
    """The candidate's run in which redemptions are decided again: which are refused, and where that leaves the points."""

    run_id: str
    digest: str
    refused: Sequence[Lacking]
    redeemed: int
    balance: int
    offers: Sequence[OfferCompared]

    def document(self, limit: int) -> dict[str, Any]:
        """As plain data."""
        return {
            "run_id": self.run_id,
            "digest": self.digest,
            "refused_count": len(self.refused),
            "refused_points": points_text(sum(r.points for r in self.refused)),
            "refused": [r.document() for r in self.refused[:limit]],
            "redeemed": points_text(self.redeemed),
            "balance": points_text(self.balance),
            "offers": [o.document() for o in self.offers],
        }


@dataclass(frozen=True)
class RedemptionsCompared:
    """History's redemptions under the candidate: as facts (`lacking`: those that would have lacked points) and decided
    again."""

    count: int
    lacking: Sequence[Lacking]
    offers: Sequence[OfferCompared]
    decided: DecidedAgain

    def document(self, limit: int) -> dict[str, Any]:
        """As plain data; `limit` of those that would have lacked points."""
        return {
            "count": self.count,
            "lacking_count": len(self.lacking),
            "lacking_points": points_text(sum(r.lacked for r in self.lacking)),
            "lacking": [r.document() for r in self.lacking[:limit]],
            "offers": [o.document() for o in self.offers],
            "decided_again": self.decided.document(limit),
        }


def redemptions_of(columns: Columns) -> Redemptions:
    """What history's redemptions come to."""
    state = Redemptions()
    for event in happened(columns.redemptions()):
        state.apply(event.position, event.customer, event.topic, event.fields)
        state.settle()
    return state


def redemptions_compare(columns: Columns, candidate: RunResult, decided: RunResult) -> RedemptionsCompared:
    """Compare what was redeemed with two runs of a candidate: one with redemptions as facts, one decided again."""
    state = redemptions_of(columns)
    by_position = {r.position: r for r in state.redemptions.values()}
    terms = _TermsOfRun(candidate)
    refused = _lacking(decided, by_position, at.KIND_REFUSED)
    refused_ids = {r.redemption for r in refused}
    every = list(state.redemptions.values())
    accepted = [r for r in every if redemption_id(r.number) not in refused_ids]
    return RedemptionsCompared(
        len(every),
        _lacking(candidate, by_position, at.KIND_HOLD),
        _offers(every, terms),
        DecidedAgain(
            decided.run_id,
            decided.digest,
            refused,
            int(decided.sums[:, at.KIND_SPEND].sum() + decided.sums[:, at.KIND_RETURN].sum()),
            int(decided.records[:, at.REC_BALANCE].sum()),
            _offers(accepted, terms),
        ),
    )


class _TermsOfRun:
    """The terms that a run's rule sets have for a booked day."""

    def __init__(self, result: RunResult) -> None:
        self._activations = sorted(result.program.activations, key=lambda a: (a.day_from, a.position))
        self._made: dict[str, Terms] = {}

    def on(self, day: int, position: int) -> Terms:
        """Those that decide what is booked on a day and recorded at a position."""
        found: Activation | None = None
        for activation in self._activations:
            if activation.day_from <= day and activation.position < position:
                found = activation
        if found is None:
            return Terms()
        if found.rule_set not in self._made:
            self._made[found.rule_set] = redemption_terms(found.rule_set, found.rules)
        return self._made[found.rule_set]


def _lacking(result: RunResult, by_position: dict[int, Redemption], kind: int) -> list[Lacking]:
    rows: list[list[int]] = result.awards[(result.awards[:, 2] == kind) & (result.awards[:, 5] > 0)].tolist()
    return [
        Lacking(redemption_id(by_position[row[0]].number), customer_id(row[1]), row[0], row[4], row[5]) for row in rows
    ]


def _offers(redemptions: Sequence[Redemption], terms: _TermsOfRun) -> list[OfferCompared]:
    sums: dict[str, list[int]] = {}
    for redemption in redemptions:
        spent = redemption.spent - sum(part.returned for part in redemption.parts)
        if redemption.kind != OFFSET or not spent:
            continue
        money = redemption.money_spent - sum(part.money_returned for part in redemption.parts)
        offer = terms.on(redemption.booked_day, redemption.position).offers.get(redemption.offer)
        whole = offer.money(redemption.points) if offer is not None else 0
        found = sums.setdefault(redemption.offer, [0, 0, 0, 0, 0])
        for i, value in enumerate((1, spent, money, _money_net(redemption, whole), int(not whole))):
            found[i] += value
    return [OfferCompared(offer, *found) for offer, found in sorted(sums.items())]


def _money_net(redemption: Redemption, whole: int) -> int:
    """What a redemption's parts come to, net of what was taken back, where all of it is worth `whole`: rounded where the
    commands round, each part and what came back of it by itself."""
    spent = net = 0
    for part in redemption.parts:
        before, spent = spent, spent + part.points
        money = share(whole, redemption.points, spent) - share(whole, redemption.points, before)
        net += money - share(money, part.points, part.returned)
    return net
