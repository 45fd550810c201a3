"""The catalogue and what entitles, for people and programs: each offer as plain data, with what it says in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.domain.commands import Rehearsal
from ledger.domain.redemption.obstacles import Obstacle
from ledger.domain.redemption.quoting import Quote
from ledger.domain.redemption.terms import Entitlement, Holder, Terms, Used
from ledger.domain.values import day_text, money_text, points_parse, points_text
from ledger.rules.document import RuleSet
from ledger.rules.redemption.sentences import offer_conditions, offer_words


def catalogue_documents(rules: RuleSet, terms: Terms, day: int) -> list[dict[str, Any]]:
    """Every offer of a rule set; `open` says whether it can be redeemed on a day."""
    found: list[dict[str, Any]] = []
    for written in rules.redemption.offers if rules.redemption is not None else ():
        offer = terms.offers[written.id]
        found.append({
            "offer": offer.id, "kind": offer.kind, "title": {"zh": offer.title[0], "en": offer.title[1]},
            "words": {"zh": offer_words(written, 0), "en": offer_words(written, 1)},
            "conditions": {
                language: offer_conditions(written, terms.level_titles, offer.hold_days, at)
                for at, language in enumerate(("zh", "en"))
            },
            "prices": [
                {
                    "variant": variant, "points": points_text(points),
                    "title": None if variant not in offer.variant_titles else dict(
                        zip(("zh", "en"), offer.variant_titles[variant], strict=True)
                    ),
                }
                for variant, points in offer.prices.items()
            ],
            "steps": [{"points": points_text(s.points), "money": money_text(s.money)} for s in offer.steps],
            "tiers": [tier for tier in terms.level_titles if tier in offer.tiers],
            "multiple_of": points_text(offer.multiple_of) if offer.steps else None,
            "limits": [
                {
                    "window": limit.window, "times": limit.times,
                    "points": None if limit.points is None else points_text(limit.points),
                }
                for limit in offer.limits
            ],
            "unit": None if written.unit is None else written.unit.model_dump(),
            "quota": None if offer.quota is None else dict(zip(("units", "window"), offer.quota, strict=True)),
            "supplier": written.supplier,
            "delivery": None if written.delivery is None else written.delivery.model_dump(),
            "hold_days": offer.hold_days, "valid_days": offer.valid_days,
            "effective_from": written.effective_from, "effective_to": written.effective_to,
            "open": offer.day_from <= day <= offer.day_to,
        })  # fmt: skip
    return found


def quote_document(quote: Quote, rehearsal: Rehearsal, available: int) -> dict[str, Any]:
    """What something costs, and everything that stands in the way, as a rehearsed reservation says. `available` is what
    the account says can be spent; where holds that are over would lapse first, the rehearsal knows of more."""
    answer = rehearsal.answer
    obstacles = answer.obstacles or []
    available = _available(quote, rehearsal, obstacles, available)
    if answer.status == "refused" and not obstacles:
        # Such as no redemption can be: no rule set in force, books that are closed.
        obstacles = [Obstacle(answer.code, answer.field, (answer.reason, answer.reason)).document()]
    return {
        "offer": quote.offer.id, "kind": quote.offer.kind, "variant": quote.variant, "quantity": quote.quantity,
        "points": points_text(quote.points), "money": money_text(quote.money), "rule_set": quote.rule_set,
        "held_until": day_text(quote.held_until), "available": points_text(available),
        "points_missing": points_text(max(quote.points - available, 0)), "possible": not obstacles,
        "obstacles": obstacles,
    }  # fmt: skip


def _available(quote: Quote, rehearsal: Rehearsal, obstacles: Sequence[Mapping[str, Any]], available: int) -> int:
    held = next((e["state"] for e in reversed(rehearsal.events) if e["event"] == "PointsHeld"), None)
    if held is not None:
        return held["available"] + held["points"]
    lacking = next((o for o in obstacles if o["code"] == "POINTS_INSUFFICIENT"), None)
    if lacking is not None:
        return quote.points - points_parse(lacking["missing"])
    # Something else stands in the way, and points don't.
    return max(available, quote.points) if rehearsal.answer.obstacles else max(available, 0)


def entitlement_documents(
    entitlements: Iterable[Entitlement], holder: Holder, stage: str | None, used: Used, day: int
) -> list[dict[str, Any]]:
    """What a customer is entitled to, with the reason, and what it is not, with what it lacks; how often it used each
    in the window of its limit that holds a day (ever, where it has none), and how often it still may."""
    found: list[dict[str, Any]] = []
    for e in entitlements:
        if stage is not None and e.stage != stage:
            continue
        times, window = e.uses or (None, "lifetime")
        count = used(e.id, window, day)
        found.append({
            "entitlement": e.id, "stage": e.stage, "title": {"zh": e.title[0], "en": e.title[1]},
            "reason": {"zh": e.reason[0], "en": e.reason[1]}, "entitled": e.holds(holder),
            "lacking": [{"zh": zh, "en": en} for zh, en in e.lacks(holder)],
            "window": window if e.uses else None, "times": times, "used": count,
            "left": None if times is None else max(times - count, 0),
        })  # fmt: skip
    return found


def entitlement_reason(entitlement: Mapping[str, Any], language: str) -> str:
    """The reason of an entitlement as `entitlement_documents` has it, and which of its conditions don't hold."""
    reason: str = entitlement["reason"][language]
    lacking = ("；" if language == "zh" else "; ").join(words[language] for words in entitlement["lacking"])
    if not lacking:
        return reason
    return f"{reason}。未满足：{lacking}" if language == "zh" else f"{reason}. What doesn't hold: {lacking}"
