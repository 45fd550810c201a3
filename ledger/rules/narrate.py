"""Every event in a sentence, in Chinese and English: what happened, by which rule and version, by what arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ledger.domain.book import Book
from ledger.domain.values import customer_id, day_parse, day_text, points_text
from ledger.rules.document import Rule, RuleSet, rule_set_parse
from ledger.rules.explain import Language, award_words, points_short
from ledger.rules.narrate_redemption import RedemptionWords
from ledger.rules.narrate_relations import RelationsWords


class Narrator:
    """Puts events into words against a book. Rule sets are parsed once, or are given by name."""

    def __init__(self, book: Book, language: Language, rule_set_of: Callable[[str], RuleSet] | None = None) -> None:
        self.book = book
        self.language: Language = language
        self._rule_set_of = rule_set_of
        self._rule_sets: dict[str, RuleSet] = {}
        self._relations = RelationsWords(self.rule_set, language)
        self._redemptions = RedemptionWords(self.rule_set, language)

    def _say(self, zh: str, en: str) -> str:
        return zh if self.language == "zh" else en

    def rule_set(self, name: str) -> RuleSet:
        """A rule set of the book."""
        if self._rule_set_of is not None:
            return self._rule_set_of(name)
        if name not in self._rule_sets:
            self._rule_sets[name] = rule_set_parse(self.book.rule_sets[name].document)
        return self._rule_sets[name]

    def _rule(self, state: Mapping[str, Any]) -> tuple[RuleSet, Rule]:
        rules = self.rule_set(state["rule_set"])
        rule = rules.rule(state["rule"])
        assert rule is not None, f"{state['rule_set']} has no rule {state['rule']}"
        return rules, rule

    def words(self, topic: str, state: Mapping[str, Any]) -> str:
        """The sentence of one event of a customer, or of one about staff."""
        method = getattr(self, f"_{topic}", None)
        if method:
            return method(state)
        return self._redemptions.words(topic, state) or self._relations.words(topic, state) or topic

    def _CustomerRegistered(self, state: Mapping[str, Any]) -> str:
        traits = "、".join(state["traits"].values()) if self.language == "zh" else ", ".join(state["traits"].values())
        return self._say(
            f"登记客户“{state['name']}”（{state['source']}：{state['reference']}）{traits}",
            f"Registered {state['name']} ({state['source']}: {state['reference']}) {traits}",
        ).strip()

    def _CustomerChanged(self, state: Mapping[str, Any]) -> str:
        parts = [f"{k}={v}" for k, v in state["traits"].items()]
        if state["name"] is not None:
            parts.insert(0, f"name={state['name']}")
        return self._say("变更：", "Changed: ") + ", ".join(parts)

    def _ConsentGiven(self, state: Mapping[str, Any]) -> str:
        return self._say(f"同意：{state['purpose']}", f"Consents to {state['purpose']}")

    def _ConsentWithdrawn(self, state: Mapping[str, Any]) -> str:
        return self._say(f"撤回同意：{state['purpose']}", f"Withdraws consent to {state['purpose']}")

    def _FactRecorded(self, state: Mapping[str, Any]) -> str:
        fact_type = self.book.fact_types[state["fact_type"]]
        parts: list[str] = []
        for name, value in state["attributes"].items():
            attribute = fact_type.attributes[name]
            text = customer_id(value) if attribute.type == "customer" else fact_type.text_of(name, value, self.language)
            parts.append(f"{getattr(attribute.title, self.language)} {text}")
        title = getattr(fact_type.title, self.language)
        text = self._say("，".join([title, *parts]), ", ".join([title, *parts]))
        if state["version"] > 1:
            text = self._say(f"更正（第{state['version']}版）：{text}", f"Correction (version {state['version']}): {text}")
        if state["booked_on"] != state["occurred_on"]:
            text += self._say(
                f"；{state['occurred_on']}发生，该月已关账，记入{state['booked_on']}",
                f"; occurred on {state['occurred_on']}, whose month is closed: booked on {state['booked_on']}",
            )
        return text

    def _award(self, state: Mapping[str, Any]) -> str:
        rules, rule = self._rule(state)
        title = getattr(rule.title, self.language)
        arithmetic = award_words(state, rules, self.book.fact_types[rule.fact], rule, self.language)
        return f"{title}: {arithmetic}"

    def _PointsGranted(self, state: Mapping[str, Any]) -> str:
        expiry = state["expires_on"]
        end = self._say(f"；{expiry}到期", f"; expires on {expiry}") if expiry else ""
        return self._award(state) + end

    def _PointsDeducted(self, state: Mapping[str, Any]) -> str:
        return self._award(state)

    def _PointsReversed(self, state: Mapping[str, Any]) -> str:
        _, rule = self._rule(state)
        title = getattr(rule.title, self.language)
        points = points_short(state["points"], signed=True)
        return self._say(
            f"冲回“{title}”：位置{state['reverses']}的旧版本被更正，{points}分",
            f"Reversal of {title}: the version at position {state['reverses']} was corrected, {points} points",
        )

    def _PointsExpired(self, state: Mapping[str, Any]) -> str:
        points, lot = points_text(-state["points"]), state["expired_on"]
        # The close that took them occurred at the end of its day.
        closed = day_text(day_parse(state["occurred_at"][:10]) - 1)
        if closed <= lot:
            return self._say(f"{points}分于{lot}到期", f"{points} points expired on {lot}")
        return self._say(
            f"{points}分于{closed}到期：退回时所属批次已于{lot}或更早到期",
            f"{points} points expired on {closed}: they had come back to a lot that was over by {lot}",
        )

    def _tier(self, rule_set: str, tier: str) -> str:
        ladder = self.rule_set(rule_set).tiers if rule_set else None
        level = next((lv for lv in ladder.levels if lv.id == tier), None) if ladder else None
        return getattr(level.title, self.language) if level else tier

    def _TierChanged(self, state: Mapping[str, Any]) -> str:
        before, after = self._tier(state["rule_set"], state["tier_before"]), self._tier(state["rule_set"], state["tier"])
        counted = points_text(state["counted"])
        return self._say(
            f"等级由{before}变为{after}（计入{counted}分）", f"From {before} to {after} ({counted} points counted)"
        )

    def _TagsChanged(self, state: Mapping[str, Any]) -> str:
        rules = self.rule_set(state["rule_set"])
        titles = {t.id: getattr(t.title, self.language) for t in rules.tags}
        added = [f"+{titles.get(t, t)}" for t in state["added"]]
        removed = [f"−{titles.get(t, t)}" for t in state["removed"]]
        return self._say("标签：", "Tags: ") + " ".join(added + removed)

    def _GradeChanged(self, state: Mapping[str, Any]) -> str:
        before, after = state["grade_before"] or "-", state["grade"] or "-"
        return self._say(f"信用等级由{before.upper()}变为{after.upper()}", f"Credit grade from {before.upper()} to {after.upper()}")
