"""A catalogue for tests: gifts, a service, an offset by steps, an honour, and who is entitled to what."""

from __future__ import annotations

from typing import Any

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, ProposeRuleSet
from ledger.standard import rules_standard
from tests.ledgers import Books


def words(text: str) -> dict[str, str]:
    """A title."""
    return {"zh": text, "en": text}


def catalogue(**more: Any) -> dict[str, Any]:
    """The section `redemption`: an offset of 1,000 → 50, 5,000 → 275, 10,000 → 600 CNY; workwear of 40 points; hours of
    advice of 30 points, 10 a month; an honour of 20 points, once a year."""
    offers: list[dict[str, Any]] = [
        {
            "id": "cash", "kind": "offset", "title": words("cash"), "multiple_of": 10,
            "steps": [
                {"points": 1000, "money": 50}, {"points": 5000, "money": 275}, {"points": 10000, "money": 600},
            ],
        },
        {
            "id": "workwear", "kind": "gift", "title": words("workwear"), "points": 40, "supplier": "x",
            "delivery": words("site"),
            "variants": [{"id": "m", "title": words("M")}, {"id": "xl", "title": words("XL"), "points": 45}],
            "hold_days": 10,
        },
        {"id": "pen", "kind": "gift", "title": words("pen"), "points": 1},
        {
            "id": "advice", "kind": "service", "title": words("advice"), "points": 30, "unit": words("hour"),
            "valid_days": 90, "quota": {"units": 10, "window": "month"},
        },
        {
            "id": "plaque", "kind": "honour", "title": words("plaque"), "points": 20,
            "limits": [{"window": "year", "times": 1}],
        },
        {"id": "small", "kind": "offset", "title": words("small"), "steps": [{"points": 10, "money": "0.50"}]},
    ]  # fmt: skip
    entitlements = [
        {
            "id": "priority_quote", "stage": "bidding", "title": words("quote"), "reason": words("from 100 points"),
            "when": {"balance": True, "at_least": 100}, "uses": {"times": 2, "window": "month"},
        },
    ]  # fmt: skip
    return {"offers": offers, "entitlements": entitlements, **more}


def catalogue_activate(books: Books, redemption: dict[str, Any] | None = None, since: str = "2020-01-01") -> str:
    """Put a catalogue beside the standard rules into force; the rule set's id."""
    document = {**rules_standard(), "redemption": redemption or catalogue()}
    proposed = books.do(ProposeRuleSet(document), actor="alice")
    assert proposed.status == "accepted", proposed
    for command, actor in ((ApproveRuleSet(proposed.id), "bob"), (ActivateRuleSet(proposed.id, since), "alice")):
        answer = books.do(command, actor=actor)
        assert answer.status == "accepted", answer
    return proposed.id
