"""Events of relations in sentences: every one of them, in both languages, and nobody by name."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import pytest

from ledger.domain.book import Book, RuleSetEntry
from ledger.domain.events import RELATIONS_TOPICS
from ledger.domain.events.base import REGISTRY
from ledger.domain.relations.stages import OUTCOMES, STAGES, TASK_STATES
from ledger.rules.explain import Language
from ledger.rules.narrate import Narrator
from ledger.rules.narrate_relations import WHY
from ledger.standard import rules_standard

CARRIED = frozenset({"originator_id", "originator_version", "occurred_at", "recorded_at", "actor", "cause"})
LANGUAGES: list[Language] = ["zh", "en"]
SAMPLES: dict[str, Any] = {
    "str": "词", "int": 120_000, "bool": True, "dict[str, int]": {"region:east": 3}, "dict[str, str]": {"bim": "yes"},
    "dict[str, Any]": {"amount": 120_000, "stage": "won", "skills": {"region:east": 3}, "qualifications": ["甲级"]},
    "list[list[str]]": [["监理", "C-000002"]], "list[str]": ["S-000001"], "list[Any]": [],
    "list[list[Any]]": [["registered_name", 100]],
}  # fmt: skip
NAMED: dict[str, Any] = {
    "staff": "S-000001", "rule": "east", "rule_set": "RS-0002", "sealed": "v1:SEALED", "why": "arrival",
    "kind": "task", "due_on": "2026-11-16", "stage": "bidding", "outcome": "progress", "certainty": "exact",
    "state": "done",
}  # fmt: skip


def sampled(topic: str, **given: Any) -> dict[str, Any]:
    known = {f.name: NAMED.get(f.name, SAMPLES[str(f.type)]) for f in fields(REGISTRY[topic]) if f.name not in CARRIED}
    return known | given


def empty(topic: str) -> dict[str, Any]:
    """As little as an event may say."""
    return {
        f.name: NAMED[f.name] if f.name in ("certainty", "kind", "why", "outcome", "stage", "state")
        else f.default_factory() if f.default_factory is not MISSING
        else type(SAMPLES[str(f.type)])()
        for f in fields(REGISTRY[topic])
        if f.name not in CARRIED
    }  # fmt: skip


@pytest.fixture
def book() -> Book:
    rule = {"id": "east", "title": {"zh": "华东归一部", "en": "East to one"}, "choose": {"least_loaded": {}}}
    document = {**rules_standard(), "id": "firm", "assignment": {"rules": [rule]}}
    return Book(rule_sets={"RS-0002": RuleSetEntry("RS-0002", document, "", "alice", 1)})


@pytest.mark.parametrize("topic", sorted(RELATIONS_TOPICS))
def test_every_event_has_a_sentence_in_both_languages_that_tells_nothing_sealed(topic: str, book: Book) -> None:
    said = [Narrator(book, language).words(topic, sampled(topic)) for language in LANGUAGES]
    assert topic not in said and said[0] != said[1]
    for text in (*said, *(Narrator(book, language).words(topic, empty(topic)) for language in LANGUAGES)):
        assert text.strip() and "SEALED" not in text and "None" not in text and "{" not in text


def test_an_assignment_tells_the_rule_by_its_title_and_what_holds_from_then_on(book: Book) -> None:
    state = sampled(
        "CustomerAssigned", team="one", protected_until="2026-12-01", due_on="2026-11-16",
        candidates=[["S-000001", 1, 0, 50, "chosen"], ["S-000002", 1, 1, 50, "more_loaded"]],
    )  # fmt: skip
    assert Narrator(book, "en").words("CustomerAssigned", state) == (
        "Assigned to S-000001 of team one on arrival, rule East to one (RS-0002), of 2 considered;"
        " protected until 2026-12-01; to be followed up by 2026-11-16"
    )
    assert Narrator(book, "zh").words("CustomerAssigned", state) == (
        "归属S-000001（团队one），来客分配，规则“华东归一部”（RS-0002），候选2人；保护至2026-12-01；须于2026-11-16前跟进"
    )
    by_nobody = state | {"rule": "", "rule_set": "", "why": "claim", "candidates": [], "protected_until": "", "due_on": ""}
    assert Narrator(book, "en").words("CustomerAssigned", by_nobody) == "Assigned to S-000001 of team one by claim"


def test_a_fallback_and_a_rule_that_is_none_are_told_by_their_ids(book: Book) -> None:
    state = sampled("CustomerAssigned", rule="fallback")
    assert "兜底" in Narrator(book, "zh").words("CustomerAssigned", state)
    assert "Fallback" in Narrator(book, "en").words("CustomerAssigned", state)


def test_changes_are_told_in_words_and_amounts_in_money(book: Book) -> None:
    state = sampled("OpportunityChanged", opportunity="O-000001", changes={"stage": "won", "amount": 12_345}, reason="价低")
    assert Narrator(book, "zh").words("OpportunityChanged", state) == "商机O-000001变更：阶段 赢单、金额 123.45元：价低"
    assert Narrator(book, "en").words("OpportunityChanged", state) == "Opportunity O-000001: stage Won, amount 123.45 CNY: 价低"


@pytest.mark.parametrize(
    ("topic", "field", "table"),
    [("OpportunityOpened", "stage", STAGES), ("FollowUpRecorded", "outcome", OUTCOMES), ("TaskMoved", "state", TASK_STATES)],
)
def test_codes_are_told_in_their_words(topic: str, field: str, table: Any, book: Book) -> None:
    for stage in table:
        assert stage.zh in Narrator(book, "zh").words(topic, sampled(topic, **{field: stage.id}))
        assert stage.en in Narrator(book, "en").words(topic, sampled(topic, **{field: stage.id}))


def test_every_reason_to_be_in_the_pool_has_words(book: Book) -> None:
    for why in ("released", "deadline", "no_candidate", "disputed", "handover", "unmerge", "merged"):
        told = sampled("CustomerPooled", why=why)
        assert WHY[why][0] in Narrator(book, "zh").words("CustomerPooled", told)
        assert WHY[why][1] in Narrator(book, "en").words("CustomerPooled", told)


def test_a_contact_without_a_place_is_told_without_brackets(book: Book) -> None:
    told = sampled("ContactRecorded", person="P-000001", position="", decides=False)
    assert [Narrator(book, language).words("ContactRecorded", told) for language in LANGUAGES] == ["联系人P-000001", "Contact P-000001"]
