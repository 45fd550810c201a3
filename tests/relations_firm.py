"""A firm of a test's own: teams and staff under assignment rules, in the books of a ledger."""

from __future__ import annotations

from typing import Any, Final

from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    DeclareTeam,
    EnrolStaff,
    ProposeRuleSet,
    ReportLead,
)
from ledger.standard import rules_standard
from tests.ledgers import Books

ASSIGNMENT: Final[dict[str, Any]] = {
    "rules": [
        {
            "id": "east",
            "title": {"zh": "华东客户归一部", "en": "The east to team one"},
            "when": {"customer": "region", "equals": "east"},
            "candidates": {"teams": ["one"]},
            "choose": {"least_loaded": {}},
            "protection_days": 30,
            "follow_up_days": 15,
        },
        {
            "id": "gold",
            "title": {"zh": "金牌客户归二部", "en": "Gold customers to team two"},
            "when": {"tier": "at_least", "level": "gold"},
            "candidates": {"teams": ["two"]},
            "choose": {"rotation": {}},
        },
    ],
    "terms": {"follow_up_days": 10, "announce_days": 3, "cooldown_days": 5},
}


def firm_found(books: Books, sellers: int = 4, assignment: dict[str, Any] | None = None) -> list[str]:
    """Two teams below the firm, sellers in them by turns (S-000001 in one, S-000002 in two …), rules in force from
    2026-01-01 on. Gives the sellers' ids."""
    rules = {**rules_standard(), "id": "firm", "assignment": ASSIGNMENT if assignment is None else assignment}
    name = accepted(books.do(ProposeRuleSet(rules))).id
    accepted(books.do(ApproveRuleSet(name), actor="alice"))
    accepted(books.do(ActivateRuleSet(name, "2026-01-01")))
    answers = books.send(
        DeclareTeam("firm", "公司"),
        DeclareTeam("one", "一部", "firm", "east"),
        DeclareTeam("two", "二部", "firm", "west"),
        *(seller(f"{i + 1}", ("one", "two")[i % 2]) for i in range(sellers)),
    )
    assert [a.status for a in answers] == ["accepted"] * len(answers), answers
    return [a.id for a in answers[3:]]


def seller(reference: str, team: str, capacity: int = 50) -> EnrolStaff:
    """Somebody who sells."""
    return EnrolStaff(
        "hr", reference, f"员工{reference}号", team, phone=f"1390000{reference:>04}", capacity=capacity,
        joined_on="2020-01-01",
    )  # fmt: skip


def lead(reference: str, name: str = "", region: str = "", **more: Any) -> ReportLead:
    """A lead of a customer that isn't known yet."""
    traits = {"region": region} if region else {}
    return ReportLead("web", reference, name or f"{reference} 建设集团", traits=traits, **more)


def accepted(answer: Answer) -> Answer:
    """An answer that must not be a refusal."""
    assert answer.status in ("accepted", "duplicate"), answer
    return answer
