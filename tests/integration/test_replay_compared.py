"""What a replay's comparison tells of the record and of a candidate."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, CloseDays, ProposeRuleSet
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from replay import run as running
from replay.report import comparison_print
from replay.scenario import scenario_recorded
from replay.what_if import threads_run, what_if
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


def test_rules_without_tiers_are_told_as_such(books: Books, tmp_path: Path) -> None:
    books.register("a")
    books.do(fact("f", "contract_signed", "2026-10-30", "C-000001", amount=10_000))
    columns = columns_build(books, tmp_path)
    rules = {"id": "other", "title": {"zh": "另一套", "en": "Other"}, "rules": []}
    found = what_if(columns, rule_set_parse(rules), 1, quiet)
    console = Console(file=StringIO(), width=120)
    comparison_print(console, "en", found, columns.book())
    assert isinstance(console.file, StringIO)
    told = console.file.getvalue().partition("Tier moves")[2].splitlines()
    # One that was bronze has none.
    assert [line.split() for line in told[1:4]] == [["(none)", "Bronze"], ["(none)", "0", "0"], ["Bronze", "1", "0"]]


def test_accounts_that_are_folded_one_at_a_time_come_to_the_same(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.register("a", "b", "idle", "c")
    for n, customer in enumerate(("C-000001", "C-000002", "C-000004")):
        books.send(*(fact(f"{n}{i}", "project_completed", f"2024-0{1 + i}-05", customer) for i in range(n + 2)))
    books.do(fact("00", "project_completed", "2024-03-07", "C-000004"))
    books.do(CloseDays("2026-03-31"))
    columns = columns_build(books, tmp_path)
    whole = threads_run(columns, scenario_recorded(columns), 1, quiet)
    monkeypatch.setattr(running, "RECORDS_BYTES_MAX", 1)
    pieces: list[int] = []
    engine_run = running.run

    def counted(program: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        pieces.append(len(batch.accounts))
        return engine_run(program, batch, *rest, **more)

    monkeypatch.setattr(running, "run", counted)
    by_one = threads_run(columns, scenario_recorded(columns), 1, quiet)
    assert pieces == [1, 1, 1, 1]
    assert (by_one.digest, by_one.facts, by_one.day_last) == (whole.digest, 10, whole.day_last)
    assert by_one.sums.tolist() == whole.sums.tolist() and by_one.records.tolist() == whole.records.tolist()
