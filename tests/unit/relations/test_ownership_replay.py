"""A replay is quick: it writes down nothing to be undone, tells no candidates, and hands on history's own events. Here it
is held against the way a ledger decides, which does all of that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from ledger.domain.commands import DeclareTeam
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from ledger.domain.relations.drafts import ADMITS, Context, Draft
from ledger.domain.relations.dump import dump
from ledger.domain.relations.ids import collision_id, collision_number, staff_number
from ledger.domain.relations.records import Standing
from ledger.domain.relations.state import Happened, Relations
from ledger.rules.assignment.policy import assignment_policy
from ledger.rules.compile import Activation
from ledger.rules.document import RuleSet
from replay.ownership.measures import measures_of
from replay.ownership.run import ownership_run
from replay.ownership.standings import Standings
from replay.ownership.words import DONE, DROPPED
from streams.words import EVENTS
from tests.unit.relations.choosing import rule, rule_set
from tests.unit.relations.office import Office, Registered, enrol, lead, staffed
from tests.unit.relations.test_ownership_laws import STEPS, take

CHOOSE: list[dict[str, Any]] = [
    {"least_loaded": {}},
    {"least_loaded": {"rest": 0}},
    {"rotation": {"weights": "capacity"}},
    {"best_fit": {"region": 5, "load": 20, "rest": 1}},
    {"previous_owner": True},
    {"named": ["S-000002", "S-000004"]},
]
RULES = st.lists(st.tuples(st.sampled_from(CHOOSE), st.sampled_from(("", "华东", "华北"))), min_size=1, max_size=3)

Decided = tuple[int, int, str, str, str]
"""The input's position in history, customer, to whom, why, by which rule."""


def rules_of(drawn: list[tuple[dict[str, Any], str]]) -> RuleSet:
    """Rules that choose in these ways, each for one region or for all."""
    return rule_set(
        *(
            rule(f"r{i}", choose, **({"when": {"customer": "region", "equals": region}} if region else {}))
            for i, (choose, region) in enumerate(drawn)
        ),
        terms={"follow_up_days": 6, "protection_days": 4, "announce_days": 2},
    )


def decided_slowly(inputs: list[Happened], rules: RuleSet) -> tuple[Relations, list[Decided], int]:
    """Ask each input as a ledger would: every change can be taken back, every candidate is told."""
    customers = Registered()
    state, policy = Relations(customers), assignment_policy("RS-0007", rules)
    found: list[Decided] = []
    moved: dict[int, int] = {}
    dropped = 0
    for event in inputs:
        if event.topic == "CustomerRegistered":
            customers.add(event.fields)
            continue
        draft = Draft(state, Context("", event.day, policy, lambda customer: Standing()))
        state.stand_at(max(state.position, event.position - 1))
        fields = dict(event.fields)
        if fields.get("undoes") in moved:
            fields["undoes"] = moved[fields["undoes"]]
        if collision_number(fields.get("collision", "")) in moved:
            fields["collision"] = collision_id(moved[collision_number(fields["collision"])])
        mark = state.journal.mark()
        try:
            if event.topic in ADMITS:
                ADMITS[event.topic](draft, event.customer, fields)
            moved[event.position] = draft.input(event.topic, event.customer, **fields)
        except Refused:
            state.journal.rollback(mark)
            dropped += 1
            continue
        for said in draft.events:
            if said.topic in ("CustomerAssigned", "CustomerPooled"):
                to = said.fields["staff"] if said.topic == "CustomerAssigned" else ""
                found.append((event.position, said.customer, to, said.fields["why"], said.fields["rule"]))
                chosen = [row[0] for row in said.fields["candidates"] if row[4] == "chosen"]
                # Who is told to be chosen is worked out in another way than who is.
                if said.fields["rule"] and to:
                    assert chosen == [to]
        state.settle()
    return state, found, dropped


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=5, max_size=50), RULES)
def test_a_quick_replay_gives_each_customer_the_owner_and_rule_that_the_slow_way_does(
    steps: list[tuple[str, int, int, int]], drawn: list[tuple[dict[str, Any], str]]
) -> None:
    office: Office = staffed()
    for step in steps:
        take(office, step)
    inputs = [event for event in office.happened() if REGISTRY[event.topic].is_input]
    rules = rules_of(drawn)
    state, found, dropped = decided_slowly(inputs, rules)
    none = np.zeros(0, np.int64)
    run = ownership_run("run", inputs, [Activation("RS-0007", rules, 0, 0)], Standings(none, none, []))
    assert [(d.cause, d.customer, d.staff, d.why, d.rule) for d in run.decisions] == found
    assert sum(run.dropped.values()) == dropped
    assert dump(run.relations) == dump(state)
    assert all(staff_number(d.staff) in state.staff for d in run.decisions if d.staff)


def test_who_has_no_region_of_their_own_works_in_that_of_the_nearest_team_above() -> None:
    office = Office()
    office.do(
        DeclareTeam("sales", "销售部"),
        DeclareTeam("east", "华东组", "sales", "华东"),
        DeclareTeam("east_one", "华东一组", "east"),
        enrol("e1", team="east_one", region=""),
        enrol("n1", region="华北"),
        enrol("z1", capacity=0),
    )
    office.do(lead("a"), lead("b"), lead("c", traits={"region": "华北"}), lead("d", traits={"region": "华南"}))
    inputs = [event for event in office.happened() if REGISTRY[event.topic].is_input]
    chosen = rule("r", {"named": ["S-000001"]}, candidates={"same_region": True})
    rules = rule_set(chosen, fallback={"staff": "S-000002"})
    none = np.zeros(0, np.int64)
    run = ownership_run("run", inputs, [Activation("RS-0007", rules, 0, 0)], Standings(none, none, []))
    assert [(d.staff, d.rule) for d in run.decisions] == [
        ("S-000001", "r"), ("S-000001", "r"), ("S-000002", "fallback"), ("S-000002", "fallback"),
    ]  # fmt: skip
    # All but the one of 华南 are with somebody who works in their region: 3 of 4.
    assert measures_of(run).region_match_bp == 7_500
    # Two each; whoever can own none doesn't make it uneven: with S-000003 it were (2·(2·2 + 3·2) − 4·4) ÷ (3·4) = 1/3.
    assert (measures_of(run).staff, measures_of(run).load_min, measures_of(run).gini_bp) == (2, 2, 0)


def test_what_could_not_happen_again_has_words_and_they_are_those_of_the_glossary() -> None:
    assert set(DONE) == set(ADMITS)
    assert all(EVENTS[topic] == words for topic, words in DONE.items())
    folder = Path(__file__).parents[3] / "ledger" / "domain" / "relations"
    raised = {
        code
        for name in ("assigning", "care", "collisions", "handover", "ownership")
        for code in re.findall(r'"((?:ASSIGNMENT|CLAIM|COLLISION|STAFF)_[A-Z_]+)"', (folder / f"{name}.py").read_text("utf-8"))
    }
    assert raised - {"COLLISION_FOUND"} <= set(DROPPED)
