"""Rule sets and fact types through the writer: proposed, approved by another, activated from a date; all events."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.commands import (
    ActivateRuleSet,
    ApproveRuleSet,
    ChangeCustomer,
    CloseDays,
    DeclareFactType,
    ProposeRuleSet,
)
from ledger.standard import fact_types_standard, rules_standard
from tests.ledgers import Books, fact


def title(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def rules_doubled() -> dict[str, Any]:
    """The standard rules with 100 points for a completed project instead of 50."""
    document = {**rules_standard(), "id": "doubled"}
    document["rules"] = [
        {**r, "award": {"points": 100}} if r["id"] == "project_completed" else r for r in document["rules"]
    ]
    return document


RULES_BY_REGION: dict[str, Any] = {
    "id": "by_region",
    "title": title("by region"),
    "expiry_months": 12,
    "rules": [
        {
            "id": "done",
            "title": title("done"),
            "fact": "project_completed",
            "award": {"points": 50},
            "weights": [
                {"when": {"customer": "region", "equals": "hubei"}, "percent": 150},
                {"when": {"customer": "region", "equals": "hunan"}, "percent": 80},
            ],
        }
    ],
}

INSPECTION: dict[str, Any] = {
    "id": "inspection",
    "title": title("inspection"),
    "attributes": {
        "marks": {"type": "number", "title": title("marks"), "unit": "", "places": 0, "min": 0, "max": 100},
        "kind": {"type": "enum", "title": title("kind"), "values": {"site": title("site")}},
    },
}


def activate(books: Books, document: dict[str, Any], since: str) -> str:
    """Propose as bob, approve and activate as alice."""
    name = books.do(ProposeRuleSet(document), actor="bob").id
    assert books.do(ApproveRuleSet(name), actor="alice").status == "accepted"
    assert books.do(ActivateRuleSet(name, since), actor="alice").status == "accepted"
    return name


def test_a_rule_set_is_proposed_approved_by_another_and_activated_and_all_of_it_is_events(books: Books) -> None:
    before = books.position
    proposed = books.do(ProposeRuleSet(rules_doubled()), actor="bob")
    assert (proposed.status, proposed.id) == ("accepted", "RS-0002")
    assert books.do(ProposeRuleSet(rules_doubled()), actor="carol").status == "duplicate"
    early = books.do(ActivateRuleSet("RS-0002", "2026-10-01"), actor="alice")
    assert (early.status, early.code) == ("refused", "RULESET_NOT_APPROVED")
    own = books.do(ApproveRuleSet("RS-0002"), actor="bob")
    assert (own.status, own.code, own.field) == ("refused", "RULESET_SELF_APPROVAL", "actor")
    spaced = books.do(ApproveRuleSet("RS-0002"), actor=" bob")
    assert (spaced.status, spaced.field) == ("refused", "actor")
    assert books.do(ApproveRuleSet("RS-0002", run="run-1"), actor="alice").status == "accepted"
    assert books.do(ApproveRuleSet("RS-0002"), actor="carol").status == "duplicate"
    assert books.do(ActivateRuleSet("RS-0002", "2026-10-01"), actor="bob").status == "accepted"
    assert books.do(ActivateRuleSet("RS-0002", "2026-10-01"), actor="bob").status == "duplicate"
    assert [(n, s["actor"]) for _, _, n, s in books.log(before)] == [
        ("RuleSetProposed", "bob"), ("RuleSetApproved", "alice"), ("RuleSetActivated", "bob")
    ]  # fmt: skip
    assert books.state.book.rule_sets["RS-0002"].run == "run-1"


def test_facts_booked_before_the_date_are_decided_by_the_older_rules(books: Books) -> None:
    books.register("a")
    assert books.do(fact("0", "project_completed", "2026-10-20")).points == 5_000
    name = activate(books, rules_doubled(), "2026-10-15")
    answers = books.send(
        fact("1", "project_completed", "2026-10-14"),
        fact("2", "project_completed", "2026-10-15"),
        fact("0", "project_completed", "2026-10-21"),
    )
    # Activation decides nothing again; the correction takes its 50 back and is decided anew: 100 more.
    assert [a.points for a in answers] == [5_000, 10_000, -5_000 + 10_000]
    granted = [s["rule_set"] for _, _, n, s in books.log() if n == "PointsGranted"]
    assert granted == ["RS-0001", "RS-0001", name, name]
    live = books.account()
    books.restart()
    assert books.account() == live
    assert books.do(fact("3", "project_completed", "2026-10-31")).points == 10_000


def test_later_facts_weigh_the_traits_as_they_are_by_then(books: Books) -> None:
    books.register("a", region="hubei")
    activate(books, RULES_BY_REGION, "2026-01-01")
    first, _, second, _, third = books.send(
        fact("1", "project_completed", "2026-10-01"),
        ChangeCustomer("C-000001", traits={"region": "hunan"}),
        fact("2", "project_completed", "2026-10-01"),
        ChangeCustomer("C-000001", traits={"region": "a region no rule names"}),
        fact("3", "project_completed", "2026-10-01"),
    )
    # 50 x 150 %, 50 x 80 %, and 50 where no weight is given.
    assert [first.points, second.points, third.points] == [7_500, 4_000, 5_000]
    books.restart()
    assert books.balance() == 7_500 + 4_000 + 5_000
    books.do(ChangeCustomer("C-000001", traits={"region": ""}))
    assert books.do(fact("4", "project_completed", "2026-10-01")).points == 5_000


def test_counters_of_a_rule_that_keeps_its_id_are_kept_over_an_activation(books: Books) -> None:
    books.register("a")
    books.send(*(fact(str(i), "login", "2026-10-01") for i in range(2)))
    activate(books, rules_doubled(), "2026-01-01")
    assert books.do(fact("3", "login", "2026-10-02")).points == 1_000, "the third login of the month"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (ProposeRuleSet({}), "RULESET_INVALID"),
        (ProposeRuleSet({**RULES_BY_REGION, "rules": [{**RULES_BY_REGION["rules"][0], "fact": "nope"}]}), "RULESET_INVALID"),
        (ProposeRuleSet({"id": 1.5}), "DOCUMENT_INVALID"),
        (ApproveRuleSet("RS-9999"), "RULESET_UNKNOWN"),
        (ActivateRuleSet("RS-9999", "2026-10-01"), "RULESET_UNKNOWN"),
        (ActivateRuleSet("RS-0001", "soon"), "DATE_INVALID"),
        (DeclareFactType({"id": "Bad Name", "title": title("x")}), "FACT_TYPE_INVALID"),
    ],
)  # fmt: skip
def test_a_document_or_order_that_will_not_do_is_refused_and_changes_nothing(
    books: Books, command: Any, code: str
) -> None:
    before = books.position
    answer = books.do(command)
    assert (answer.status, answer.code) == ("refused", code)
    assert answer.field and answer.reason
    assert books.position == before


def test_a_firm_adds_a_fact_type_by_document_and_a_rule_for_it(books: Books) -> None:
    books.register("a")
    assert books.do(fact("1", "inspection", "2026-10-01", marks=90, kind="site")).code == "FACT_TYPE_UNKNOWN"
    assert books.do(DeclareFactType(INSPECTION)).status == "accepted"
    assert books.do(DeclareFactType(INSPECTION)).status == "duplicate"
    assert books.do(fact("1", "inspection", "2026-10-01", marks=90, kind="site")).points == 0
    per_mark = {"per_unit": {"attribute": "marks", "unit": 10, "points": 1}}
    rules = {
        **RULES_BY_REGION,
        "rules": [{"id": "marks", "title": title("marks"), "fact": "inspection", "award": per_mark}],
    }
    activate(books, rules, "2026-01-01")
    # 95 marks: nine full tens.
    assert books.do(fact("2", "inspection", "2026-10-01", marks=95, kind="site")).points == 900
    books.restart()
    assert books.balance() == 900


def test_a_fact_type_may_gain_optional_attributes_and_values_and_nothing_else(books: Books) -> None:
    books.do(DeclareFactType(INSPECTION))
    attributes = INSPECTION["attributes"]

    def changed(**more: Any) -> DeclareFactType:
        return DeclareFactType({**INSPECTION, "attributes": {**attributes, **more}})

    note = {"type": "text", "title": title("note"), "required": False}
    kinds = {"site": title("site"), "office": title("office")}
    refused = [
        changed(note={**note, "required": True}),
        changed(marks={**attributes["marks"], "max": 50}),
        changed(marks={**attributes["marks"], "places": 1}),
        changed(kind={**attributes["kind"], "values": {"office": title("office"), "site": title("site")}}),
        changed(marks={"type": "date", "title": title("marks")}),
        DeclareFactType({**INSPECTION, "attributes": {"marks": attributes["marks"]}}),
    ]
    before = books.position
    assert [(a.status, a.code) for a in books.send(*refused)] == [("refused", "FACT_TYPE_CONFLICT")] * 6
    [paid] = [d for d in fact_types_standard() if d["id"] == "invoice_paid"]
    urgent = {"type": "boolean", "title": title("urgent"), "required": False}
    answer = books.do(DeclareFactType({**paid, "attributes": {**paid["attributes"], "urgent": urgent}}))
    assert (answer.code, "where numbers are derived" in answer.reason) == ("FACT_TYPE_CONFLICT", True)
    assert books.position == before
    books.register("a")
    books.do(fact("1", "inspection", "2026-10-01", marks=90, kind="site"))
    assert books.do(changed(note=note, kind={**attributes["kind"], "values": kinds})).status == "accepted"
    again = books.do(fact("1", "inspection", "2026-10-01", marks=90, kind="site"))
    assert again.status == "duplicate", "a fact of the old form stays the same fact"
    assert books.do(fact("2", "inspection", "2026-10-01", marks=9, kind="office", note="好")).status == "accepted"


def test_rules_activated_between_closings_are_found_again_after_a_restart(books: Books) -> None:
    books.register("a", "b", region="hubei")
    books.do(fact("1", "project_completed", "2026-06-10"))
    books.do(CloseDays("2026-07-31"))
    activate(books, RULES_BY_REGION, "2026-08-01")
    books.send(fact("2", "project_completed", "2026-08-10"), fact("3", "project_completed", "2026-05-10", "C-000002"))
    books.do(CloseDays("2026-09-30"))
    books.do(fact("1", "project_completed", "2026-06-11"))
    live = [books.account(c) for c in ("C-000001", "C-000002")]
    # 50; 75; the late one is booked on 1 August: 75. The correction is booked on 1 October: -50 +75.
    assert [a["balance"] for a in live] == [15_000, 7_500]
    books.restart()
    assert [books.account(c) for c in ("C-000001", "C-000002")] == live


def test_awards_of_a_rule_set_activated_twice_are_taken_back_by_a_correction(books: Books) -> None:
    books.register("a")
    assert books.do(ActivateRuleSet("RS-0001", "2026-02-01")).status == "accepted"
    assert books.do(fact("1", "complaint_filed", "2026-05-01", severity="minor")).points == -500
    assert books.do(fact("2", "project_completed", "2026-05-01")).points == 5_000
    # The complaint is moved to January, before the second activation: +5, -5. The project becomes a login: -50.
    assert books.do(fact("1", "complaint_filed", "2026-01-01", severity="minor")).points == 500 - 500
    assert books.do(fact("2", "login", "2026-05-01")).points == -5_000
    assert books.balance() == -500
    books.restart()
    assert books.balance() == -500
