"""The catalogue and what entitles, for people and programs: each offer as plain data, with what it says in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.domain.redemption.quoting import Quote
from ledger.domain.redemption.terms import Entitlement, Holder, Terms
from ledger.domain.values import day_text, money_text, points_text
from ledger.rules.document import RuleSet
from ledger.rules.redemption.sentences import offer_words


def catalogue_documents(rules: RuleSet, terms: Terms, day: int) -> list[dict[str, Any]]:
    """Every offer of a rule set; `open` says whether it can be redeemed on a day."""
    found: list[dict[str, Any]] = []
    for written in rules.redemption.offers if rules.redemption is not None else ():
        offer = terms.offers[written.id]
        found.append({
            "offer": offer.id, "kind": offer.kind, "title": {"zh": offer.title[0], "en": offer.title[1]},
            "words": {"zh": offer_words(written, 0), "en": offer_words(written, 1)},
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
            "supplier": written.supplier, "hold_days": offer.hold_days, "valid_days": offer.valid_days,
            "effective_from": written.effective_from, "effective_to": written.effective_to,
            "open": offer.day_from <= day <= offer.day_to,
        })  # fmt: skip
    return found


def quote_document(quote: Quote, obstacle: tuple[str, str, str] | None, available: int) -> dict[str, Any]:
    """What something costs, and the first thing that stands in the way: its code, reason and field."""
    return {
        "offer": quote.offer.id, "kind": quote.offer.kind, "variant": quote.variant, "quantity": quote.quantity,
        "points": points_text(quote.points), "money": money_text(quote.money), "rule_set": quote.rule_set,
        "held_until": day_text(quote.held_until), "available": points_text(available),
        "points_missing": points_text(max(quote.points - available, 0)), "possible": obstacle is None,
        "obstacle": None if obstacle is None else dict(zip(("code", "reason", "field"), obstacle, strict=True)),
    }  # fmt: skip


def entitlement_documents(
    entitlements: Iterable[Entitlement], holder: Holder, stage: str | None
) -> list[dict[str, Any]]:
    """What a customer is entitled to, with the reason, and what it is not."""
    return [
        {
            "entitlement": e.id, "stage": e.stage, "title": {"zh": e.title[0], "en": e.title[1]},
            "reason": {"zh": e.reason[0], "en": e.reason[1]}, "entitled": e.holds(holder),
        }
        for e in entitlements
        if stage is None or e.stage == stage
    ]  # fmt: skip
