"""Where a customer stood as of a day is what the engine would have made of what is in view, and of no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from ledger.domain.book import ActivationEntry, Book
from ledger.domain.values import day_parse, day_text, month_last_day
from ledger.rules import layout as at
from ledger.rules.document import RuleSet, rule_set_parse
from projections.standing.account import Account, Step
from projections.standing.conditions import Words, words_of
from projections.standing.steps import Fact, Told, ladder_first, steps_of
from tests.unit.rules.generators import plays
from tests.unit.rules.play import TYPES, Out, Play, Result, level, rule, rule_set, tag, words

TOPICS = {
    "grant": "PointsGranted", "penalty": "PointsDeducted", "reversal": "PointsReversed", "expiry": "PointsExpired",
    "spend": "PointsRedeemed", "return": "PointsReturned", "hold": "PointsHeld",
}  # fmt: skip
Where = tuple[str | None, str | None, list[str]]
"""Tier, grade, tags."""


class Stage:
    """A play, with what its events would say."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.result = play.run()
        self.book = Book(
            fact_types={t.id: t for t in TYPES},
            activations=[ActivationEntry(a.rule_set, a.day_from, a.position) for a in play.activations],
        )
        self.rules: dict[str, RuleSet] = {a.rule_set: a.rules for a in play.activations}
        self.days = {row[0]: row[5] for row in play.rows if row[2] != at.OP_REVERSE}
        self.corrects = {row[0]: row[6] for row in play.rows if row[2] == at.OP_REVERSE}
        self.facts = {position: self._fact(position) for position in play.versions}

        self.words = cache(self._words)
        self.steps = cache(self._steps)

    def account(self, number: int, day: int | None = None) -> Account:
        """The account as of a day, or of all that there is."""
        steps = [step for step in self.steps(number) if day is None or step.day <= day]
        first = ladder_first(self.book, self.rules.__getitem__)
        found = Account(sorted({step.day for step in steps}), self.words, self._in_force, first)
        found.take(steps)
        return found

    def _steps(self, number: int) -> list[Step]:
        told = [self._told(out) for out in self.result.outs if out["account"] == number and out["kind"] in TOPICS]
        return steps_of(self.book, number, told, self.facts, self.play.closings, self.rules.__getitem__)

    def _words(self, name: str) -> Words:
        return words_of(name, self.rules[name], self.book.fact_types)

    def _in_force(self, position: int, day: int) -> str:
        return self.book.in_force(day, position) or ""

    def _fact(self, position: int) -> Fact:
        content = self.play.versions[position].content
        [fact_type] = [t for t in TYPES if t.id == content["fact"]]
        raw = {k: v for k, v in content["attributes"].items() if k in fact_type.attributes}
        attributes, _ = fact_type.parse(raw, lambda text: int(text.removeprefix("C-")))
        if content["referrer"]:
            attributes = {**attributes, "referrer": content["referrer"]}
        state = {
            "fact_type": fact_type.id, "booked_on": day_text(self.days[position]), "attributes": attributes,
            "corrects": self.corrects.get(position, 0),
        }  # fmt: skip
        return Fact(position, content["account"], state)

    def _told(self, out: Out) -> Told:
        state: dict[str, Any] = {"points": out["points"]}
        if out["kind"] == "expiry":
            [(cause, last)] = [(p, d) for p, d in self.play.closings if day_text(d) == out["at"]]
            expired_on = day_text(month_last_day(out["expiry"]))
            return Told(cause, TOPICS["expiry"], {**state, "cause": cause, "expired_on": expired_on, "occurred_at": day_text(last + 1)})
        cause: int = out["at"]
        by = self.corrects[cause] if out["kind"] == "reversal" else cause
        day = self.days[by]
        state |= {"cause": cause, "booked_on": day_text(day), "rule_set": self._in_force(by, day)}
        return Told(cause, TOPICS[out["kind"]], state)


def here(account: Account) -> Where:
    """Where an account stands, by what is decided anew."""
    return account.tiers.told[0], account.grade, sorted(account.tags)


def there(result: Result, number: int) -> Where:
    """Where it stands by the engine."""
    if number not in result.play.accounts:
        return None, None, []
    state = result.state(number)
    return state["tier"], state["grade"], state["tags"]


def examples(count: int) -> Any:
    """So many, the same on every run."""
    return settings(
        max_examples=count, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate, Phase.shrink],
        database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip


@examples(20)
@given(play=plays(length_max=40))
def test_all_that_was_recorded_comes_to_where_the_engine_has_the_account(play: Play) -> None:
    stage = Stage(play)
    for number in play.accounts:
        assert here(stage.account(number)) == there(stage.result, number)


def memoryless(rules: RuleSet) -> RuleSet:
    """The same standing by rules whose points depend on the fact alone, and never expire."""
    document: Mapping[str, Any] = rules.document
    kept = [
        {k: r[k] for k in ("id", "title", "fact", "recipient", "award") if k in r}
        | ({"award": {"points": 5}} if "streak" in r["award"] else {})
        for r in document["rules"]
    ]
    plain = {k: v for k, v in document.items() if k not in ("caps", "expiry_months", "redemption")}
    return rule_set_parse({**plain, "rules": kept})


def view(play: Play, day: int) -> Play:
    """A history to which only what is booked up to a day was ever told, in the order in which it was."""
    rows = [row for row in play.rows if row[5] <= day]
    return replace(play, rules=None, rows=rows, closings=[(p, last) for p, last in play.closings if last < day])


@examples(12)
@given(play=plays(length_max=40))
def test_as_of_any_day_it_is_as_if_nothing_booked_later_had_ever_been_told(play: Play) -> None:
    play.rows = [row for row in play.rows if row[2] <= at.OP_REVERSE]
    play.activations = [replace(a, rules=memoryless(a.rules)) for a in play.activations]
    stage = Stage(play)
    results: Callable[[int], Result] = cache(lambda day: view(play, day).run())
    days = sorted({row[5] for row in play.rows} | {last + 1 for _, last in play.closings})
    for number in play.accounts:
        before: Where | None = None
        since = 0
        for day in days:
            account = stage.account(number, day)
            assert here(account) == there(results(day), number), (number, day_text(day))
            if before is None or here(account)[0] != before[0]:
                since, before = day, here(account)
            told = account.tiers.told[1]
            assert told in (None, since), (number, day_text(day))


LADDER = {"levels": [level("low", 0), level("mid", 10), level("top", 25)]}


def told(play: Play, day: str) -> tuple[str | None, str | None]:
    """The tier of the first account as of a day, and since when."""
    tier, since = Stage(play).account(1, day_parse(day)).tiers.told
    return tier, None if since is None else day_text(since)


def test_one_falls_the_day_after_the_window_ends_and_not_while_its_own_points_hold_the_tier() -> None:
    play = Play(rule_set(rule(), tiers={"window": "year", **LADDER}))
    play.fact("2024-03-01")
    play.fact("2024-05-02")
    play.close(*(f"2024-{m:02d}" for m in range(1, 13)), *(f"2025-{m:02d}" for m in range(1, 13)))
    # Twice five points are the 10 of the middle. 2024 holds it to its end, 2025 has none.
    assert told(play, "2024-05-01") == ("low", None)
    assert told(play, "2024-05-02") == told(play, "2025-12-31") == ("mid", "2024-05-02")
    assert told(play, "2026-01-01") == ("low", "2026-01-01")


def test_what_later_windows_have_earned_already_holds_a_tier_from_its_day_on() -> None:
    play = Play(rule_set(rule(), tiers={"window": "year", **LADDER}))
    for day in ("2024-03-01", "2024-05-02", "2025-02-01", "2025-02-02"):
        play.fact(day)
    play.close(*(f"2024-{m:02d}" for m in range(1, 13)))
    # The close of 2024 found its own 10; and as of January the 10 of February are not in view.
    play.close(*(f"2025-{m:02d}" for m in range(1, 13)))
    assert told(play, "2026-01-01") == ("mid", "2024-05-02")
    play = Play(rule_set(rule(), tiers={"window": "month", **LADDER}))
    play.close("2024-01", "2024-02")
    for day in ("2024-03-01", "2024-03-02", "2024-04-10", "2024-04-11"):
        visit = play.fact(day)
    play.correct(visit - 2, fact="done")
    play.close("2024-03")
    # One visit of March was none: 5 are left of its 10, so it is low again as of April, until that has 10 of its own.
    assert told(play, "2024-03-31") == ("mid", "2024-03-02")
    assert told(play, "2024-04-01") == ("low", "2024-04-01")
    assert told(play, "2024-04-11") == ("mid", "2024-04-11")


def test_a_rise_that_a_close_takes_back_for_a_day_leaves_the_tier_that_one_began_on() -> None:
    play = Play(rule_set(rule(), tiers={"window": "month", **LADDER}))
    play.fact("2024-03-01")
    play.correct(play.fact("2024-03-02"), fact="done")
    assert told(play, "2024-03-02") == ("mid", "2024-03-02")
    # The close of February comes after it and finds 5 in the best window that is open.
    play.close("2024-01", "2024-02")
    assert told(play, "2024-03-01") == told(play, "2024-03-02") == ("low", None)

def test_a_ladder_that_begins_in_the_middle_of_its_window_demotes_nobody_at_its_end() -> None:
    play = Play(rule_set(rule(), tiers={"window": "year", **LADDER}))
    play.fact("2024-03-01")
    play.fact("2024-03-02")
    play.activate("2024-04-15", rule_set(rule(), tiers={"window": "month", **LADDER}))
    play.fact("2024-04-20")
    play.close(*(f"2024-{m:02d}" for m in range(1, 6)))
    # April, in which it began to count by the month, has 5 points and demotes nobody; May has none.
    assert told(play, "2024-05-01") == told(play, "2024-05-31") == ("mid", "2024-03-02")
    assert told(play, "2024-06-01") == ("low", "2024-06-01")


def test_a_redemption_moves_no_tag_that_looks_at_no_points() -> None:
    often = {"id": "often", "fact": "visit", "window": "month"}
    for when, tags in (({"measure": "often", "at_least": 1}, ["busy"]), ({"balance": True, "at_least": 3}, [])):
        play = Play(rule_set(rule(), measures=[often], tags=[tag("busy", when)]))
        play.fact("2024-03-01")
        play.spend(play.hold("2024-04-01", 300), 300, occurred="2024-04-01")
        # It is looked at again with the next fact or close: in April there was no visit. Of 5 points 2 are left.
        assert here(Stage(play).account(1))[2] == there(play.run(), 1)[2] == tags


def test_a_complaint_that_was_told_late_counts_from_its_own_day_on() -> None:
    gripes = {"id": "gripes", "fact": "gripe", "window": "month"}
    play = Play(rule_set(rule(), measures=[gripes], tags=[tag("risk", {"measure": "gripes", "at_least": 2})]))
    for day, fact in (("2024-03-20", "gripe"), ("2024-05-05", "visit"), ("2024-03-10", "gripe")):
        play.fact(day, fact)
    stage = Stage(play)
    # March has two with the one that came last, from the 20th on. The account stood in May by then, which has none, so
    # nobody ever decided the tag.
    days = ("2024-03-10", "2024-03-19", "2024-03-20", "2024-05-04", "2024-05-05")
    assert [sorted(stage.account(1, day_parse(day)).tags) for day in days] == [[], [], ["risk"], ["risk"], []]
    assert "tags" not in [out["kind"] for out in stage.result.outs]


def test_a_grade_is_the_first_whose_share_is_reached_in_the_window_that_the_account_stands_in() -> None:
    every: dict[str, Any] = {"id": "all", "fact": "deal", "window": "month"}
    measures = [every, {**every, "id": "good", "when": {"attribute": "kind", "equals": "a"}}]
    grades = [{"id": g, "title": words(g), "at_least_percent": p} for g, p in (("g1", "66.66"), ("g2", 50))]
    play = Play(rule_set(rule(), measures=measures, credit={"good": "good", "all": "all", "grades": grades}))
    for day, kind in (("2024-03-01", "a"), ("2024-03-02", "b"), ("2024-03-03", "a"), ("2024-04-01", "c")):
        play.fact(day, "deal", kind=kind)
    stage = Stage(play)
    # 1 of 1; 1 of 2 is 50 %; 2 of 3 are 66.66 %, rounded down; 0 of 1 in April.
    days = ("2024-03-01", "2024-03-02", "2024-03-03", "2024-04-01")
    assert [stage.account(1, day_parse(day)).grade for day in days] == ["g1", "g2", "g1", None]
    assert stage.result.state()["grade"] is None
