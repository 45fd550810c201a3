"""What a replay's comparison tells of the record and of a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, CloseDays, ProposeRuleSet
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from replay.what_if import what_if
from tests.integration.test_redemption_laws import columns_build
from tests.ledgers import Books, fact


def quiet(done: int, of: int) -> None:
    return None


def valued(points: int, money: int) -> dict[str, Any]:
    """The standard rules where so many points are worth so much."""
    rules = rules_standard()
    worth = {"points": points, "money": money}
    return {**rules, "id": f"worth_{money}", "redemption": {**rules["redemption"], "point_value": worth}}


def activated(books: Books, document: dict[str, Any], since: str) -> None:
    proposed = books.do(ProposeRuleSet(document))
    books.do(ApproveRuleSet(proposed.id), actor="alice")
    assert books.do(ActivateRuleSet(proposed.id, since)).status == "accepted"


def test_the_record_is_worth_what_the_rules_in_force_say_not_those_that_are_yet_to_come(
    books: Books, tmp_path: Path
) -> None:
    books.register("a")
    # 10,000,000 CNY are 1,000 full units of 2 points: 2,000 points, at 50 CNY a thousand 100 CNY.
    books.do(fact("f", "contract_signed", "2026-09-30", "C-000001", amount=10_000_000))
    activated(books, valued(1000, 80), "2027-01-01")
    found = what_if(columns_build(books, tmp_path / "before"), rule_set_parse(valued(1000, 40)), 1, quiet).comparison
    assert (found.recorded.liability, found.candidate.liability) == (10_000, 8_000)
    # From the first day after the last one that is closed, points are worth 60 CNY a thousand: 120 CNY.
    activated(books, valued(1000, 60), "2026-10-01")
    books.do(CloseDays("2026-09-30"))
    columns = columns_build(books, tmp_path / "after")
    found = what_if(columns, rule_set_parse(valued(1000, 40)), 1, quiet).comparison
    assert (found.recorded.liability, found.candidate.liability) == (12_000, 8_000)
    later = what_if(columns, rule_set_parse(valued(1000, 40)), 1, quiet, day_from=30_000).comparison
    assert (later.recorded.liability, later.candidate.liability) == (12_000, 8_000)


def test_who_never_had_a_fact_does_not_change_where_the_lowest_tier_is_called_otherwise(
    books: Books, tmp_path: Path
) -> None:
    books.register("a", "b")
    books.do(fact("f", "contract_signed", "2026-10-30", "C-000001", amount=10_000))
    tiers = rules_standard()["tiers"]
    lowest = {**tiers["levels"][0], "id": "lowest"}
    rules = {
        "id": "other", "title": {"zh": "另一套", "en": "Other"}, "rules": [],
        "tiers": {**tiers, "levels": [lowest, *tiers["levels"][1:]]},
    }  # fmt: skip
    found = what_if(columns_build(books, tmp_path), rule_set_parse(rules), 1, quiet).comparison
    assert [(c.customer, c.tier, c.tier_candidate) for c in found.customers] == [("C-000001", "bronze", "lowest")]
    assert found.tier_moves == {("bronze", "lowest"): 1}
