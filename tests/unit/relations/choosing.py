"""A floor of sellers to choose of: staff put into a state directly, assignment rules, and what they choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.domain.relations.ids import staff_number
from ledger.domain.relations.policy import Choice, Wanted
from ledger.domain.relations.records import NONE, Staff, Standing, Team
from ledger.domain.relations.state import Relations
from ledger.rules.assignment.policy import AssignmentPolicy
from ledger.rules.document import RuleSet, rule_set_parse

DAY = 20_000


class NoCustomers:
    """Nothing that a choice looks at."""

    def count(self) -> int:
        return 0

    def traits(self, number: int) -> Mapping[str, str]:
        raise AssertionError(f"the traits of {number} are asked for")

    def name(self, number: int) -> str:
        raise AssertionError(f"the name of {number} is asked for")

    def find(self, text: str) -> int:
        raise AssertionError(f"{text} is looked for")


def words(text: str) -> dict[str, str]:
    """A title."""
    return {"zh": text, "en": text}


def rule(name: str = "r", choose: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An assignment rule; the least loaded without rest where nothing else is given."""
    return {"id": name, "title": words(name), "choose": choose or {"least_loaded": {"rest": 0}}, **more}


def rule_set(*rules: dict[str, Any], **more: Any) -> RuleSet:
    """A rule set with tiers, tags and grades to name, and these assignment rules."""
    return rule_set_parse(
        {
            "id": "test",
            "title": words("test"),
            "rules": [],
            "measures": [{"id": "m", "fact": "deal", "window": "year"}],
            "tiers": {
                "window": "year",
                "levels": [
                    {"id": "low", "title": words("low"), "points": 0},
                    {"id": "middle", "title": words("middle"), "points": 10},
                    {"id": "top", "title": words("top"), "points": 20},
                ],
            },
            "tags": [{"id": "big", "title": words("big"), "when": {"balance": True, "above": 0}}],
            "credit": {
                "good": "m",
                "all": "m",
                "grades": [{"id": g, "title": words(g), "at_least_percent": p} for g, p in (("a", 90), ("b", 0))],
            },
            "assignment": {"rules": list(rules), **more},
        }
    )


def policy(*rules: dict[str, Any], **more: Any) -> AssignmentPolicy:
    """A policy of these rules."""
    return AssignmentPolicy("RS-0007", rule_set(*rules, **more))


def wanted(**more: Any) -> Wanted:
    """A customer that nothing is known of but what is given."""
    fields: dict[str, Any] = {
        "customer": 1, "traits": {}, "needs": {}, "amount": 0, "channel": "", "knowledge": frozenset[str](),
        "standing": Standing(), "previous": 0,
    }  # fmt: skip
    return Wanted(**{**fields, **more})


class Floor:
    """Staff of a state, numbered as they come. What is chosen is folded as `CustomerAssigned` would be."""

    def __init__(self) -> None:
        self.state = Relations(NoCustomers())
        self.position = 0

    def team(self, team: str, parent: str = "", region: str = "") -> None:
        """Declare a team."""
        self.state.teams.put(team, Team(team, team, parent, region, "", 1))
        self._moved()

    def seller(self, load: int = 0, capacity: int = 10, **more: Any) -> int:
        """Enrol somebody, or put what is given in place of what they were (`number`)."""
        number = more.pop("number", len(self.state.staff) + 1)
        fields: dict[str, Any] = {
            "person": number, "team": "t", "role": "seller", "region": "", "skills": {}, "experience_years": 0,
            "capacity": capacity, "joined_day": 0, "last_day": NONE, "absences": (),
        }  # fmt: skip
        self.state.staff.put(number, Staff(number=number, **{**fields, **more}))
        self.state.load.put(number, load)
        self._moved()
        return number

    def give(self, choice: Choice) -> int:
        """Have what was chosen happen. Gives the number of whom."""
        assert choice.staff
        self.position += 1
        self.state.load.add(choice.staff, 1)
        self.state.assigned_last.put(choice.staff, self.position)
        self.state.turn_take(choice.staff, choice.turn)
        return choice.staff

    def series(self, rules: AssignmentPolicy, count: int, day: int = DAY, **more: Any) -> list[int]:
        """Who is chosen for so many customers, one after the other."""
        return [self.give(rules.choose(self.state, wanted(**more), day, detail=False)) for _ in range(count)]

    def _moved(self) -> None:
        self.state.staff_moved.add(0, 1)


def verdicts(choice: Choice) -> dict[int, str]:
    """The verdict on each by number."""
    return {staff_number(staff): verdict for staff, _, _, _, verdict in choice.candidates}


def scores(choice: Choice) -> dict[int, int]:
    """The score of each by number."""
    return {staff_number(staff): score for staff, score, _, _, _ in choice.candidates}
