"""Why a customer came to somebody, or to the pool, in sentences: the rule and its version, every candidate with score
and load, and why each of the others was passed over. People are named by their ids; who shows them may know names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.values import scaled_text
from ledger.rules.assignment.causes import Cause, cause_words, reporter_words
from ledger.rules.assignment.document import FALLBACK, AssignmentRule
from ledger.rules.assignment.sentences import Named, fallback_words, rule_words, titles_of
from ledger.rules.assignment.verdicts import CODES, VERDICTS, code
from ledger.rules.assignment.ways import SCORE_UNIT
from ledger.rules.document import RuleSet
from ledger.rules.explain import Language

_FROM_HERE: Final = code("rested")
"""Verdicts from here on are of those who could have been chosen."""
_MOST_FIRST: Final = "best_fit"


@dataclass(frozen=True, slots=True)
class CandidateWords:
    """Somebody who was considered: their figures and verdict, and all of it in a sentence."""

    staff: str
    score: int
    load: int
    capacity: int
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class TriedWords:
    """A rule that held before the one that decided and found nobody: its id, who was considered, and all in words."""

    id: str
    text: str
    rule: str
    candidates: list[CandidateWords]

    @property
    def lines(self) -> list[str]:
        """All of it, line by line."""
        return [self.text, *([self.rule] if self.rule else []), *(candidate.text for candidate in self.candidates)]


@dataclass(frozen=True, slots=True)
class AssignmentWords:
    """A choice in words. `rule` is what the rule says ("" where it isn't known); `candidates` begin with the one
    chosen, then come those who could have been, best first, then the others by number. `tried` are the rules that were
    asked before, in order."""

    text: str
    rule: str
    candidates: list[CandidateWords]
    tried: list[TriedWords]

    @property
    def lines(self) -> list[str]:
        """All of it, line by line."""
        said = [self.text, *([self.rule] if self.rule else []), *(candidate.text for candidate in self.candidates)]
        return [*said, *(line for tried in self.tried for line in tried.lines)]


def assignment_words(
    fields: Mapping[str, Any],
    rules: RuleSet | None,
    language: Language,
    named: Named = str,
    cause: Cause | None = None,
) -> AssignmentWords:
    """A CustomerAssigned or CustomerPooled in words, from its fields, the rule set that it names (None where it names
    none) and the input that it followed from (None where that isn't known). `named` says how somebody with an id is
    called."""
    at = 0 if language == "zh" else 1
    said, candidates = _asked(fields["rule"], fields["candidates"], rules, at, named)
    tried: list[TriedWords] = []
    # Events from before it was kept have none.
    for rule_id, rows in fields.get("tried", ()):
        rule_said, considered = _asked(rule_id, rows, rules, at, named)
        title = rule_title(rule_id, _rule(rules, rule_id), language)
        text = (f"此前规则“{title}”无人可选", f"Rule {title} was asked before and found nobody")[at]
        tried.append(TriedWords(rule_id, text + _counts(considered, at), rule_said, considered))
    text = _summary(fields, _rule(rules, fields["rule"]), candidates, at, named, cause)
    rows = [row for _, rows in [("", fields["candidates"]), *fields.get("tried", ())] for row in rows]
    reporter = reporter_words(fields, cause, rules, rows, at, named)
    if reporter:
        text += ("；", "; ")[at] + reporter
    return AssignmentWords(text, said, candidates, tried)


def _rule(rules: RuleSet | None, rule_id: str) -> AssignmentRule | None:
    return rules.assignment.rule(rule_id) if rules is not None and rules.assignment is not None else None


def _asked(
    rule_id: str, rows: Sequence[Sequence[Any]], rules: RuleSet | None, at: int, named: Named
) -> tuple[str, list[CandidateWords]]:
    """What a rule says ("" where it isn't known), and who was considered under it."""
    section, rule = rules.assignment if rules is not None else None, _rule(rules, rule_id)
    said, way = (rule_words(rule, at, named, titles_of(rules)), rule.choose.way) if rule is not None else ("", "")
    if section is not None and rule_id == FALLBACK:
        said = ("兜底：", "Fallback: ")[at] + fallback_words(section.fallback, at, named)
        way = "least_loaded" if section.fallback.staff is None else "named"
    return said, [CandidateWords(*row, text=_candidate(row, way, at, named)) for row in _ordered(rows, way)]


def rule_title(rule_id: str, rule: AssignmentRule | None, language: Language) -> str:
    """What a rule is called; the fallback too, and one that isn't known by its id."""
    if rule is not None:
        return getattr(rule.title, language)
    return ("兜底", "Fallback")[language != "zh"] if rule_id == FALLBACK else rule_id


def score_words(score: int, way: str, at: int) -> str:
    """What a score says, by the way that one was chosen; "" where it says nothing."""
    if way == "least_loaded":
        percent = scaled_text(score * 100 * 100 // SCORE_UNIT, 2)
        return (f"占容量{percent}%", f"{percent} % of capacity")[at]
    if way == "rotation":
        due = scaled_text(score * 100 // SCORE_UNIT, 2)
        return (f"下一次轮到在第{due}轮", f"next turn at round {due}")[at]
    if way == "best_fit":
        return (f"{score}分", f"{score} points")[at]
    if way == "named" and score:
        return (f"名单第{score}位", f"place {score} of the list")[at]
    return ""


def _summary(
    fields: Mapping[str, Any], rule: AssignmentRule | None, candidates: Sequence[CandidateWords], at: int, named: Named,
    cause: Cause | None,
) -> str:  # fmt: skip
    is_pooled = "score" not in fields
    if not fields["rule"]:
        return cause_words(fields, cause, at, named)
    title = rule_title(fields["rule"], rule, "zh" if at == 0 else "en")
    by = (f"规则“{title}”（规则集{fields['rule_set']}）", f"Rule {title} (rule set {fields['rule_set']})")[at]
    counts = _counts(candidates, at)
    if is_pooled:
        return (f"{by}无人可选，客户进入公海{counts}", f"{by} found nobody; the customer goes to the pool{counts}")[at]
    staff = named(fields["staff"])
    return (f"{by}选中{staff}{counts}", f"{by} chose {staff}{counts}")[at]


def _counts(candidates: Sequence[CandidateWords], at: int) -> str:
    """How many were considered, and how many passed over for what reason."""
    if not candidates:
        return ""
    verdicts = [candidate.verdict for candidate in candidates]
    passed = [(VERDICTS[v][at], verdicts.count(v)) for v in CODES if v != "chosen" and v in verdicts]
    told = "、".join(f"{words}{n}人" for words, n in passed) if at == 0 else ", ".join(f"{n} × {w}" for w, n in passed)
    total = len(candidates)
    if not told:
        return (f"；候选{total}人", f"; {total} considered")[at]
    return (f"；候选{total}人：{told}", f"; {total} considered: {told}")[at]


def _candidate(row: Sequence[Any], way: str, at: int, named: Named) -> str:
    staff, score, load, capacity, verdict = row
    figures = (f"负荷{load}/{capacity}", f"owns {load} of {capacity}")[at]
    told = score_words(score, way, at)
    if told:
        figures += ("，", ", ")[at] + told
    reason = VERDICTS[verdict][at] if verdict in VERDICTS else verdict
    return (f"{named(staff)}：{reason}（{figures}）", f"{named(staff)}: {reason} ({figures})")[at]


def _ordered(candidates: Sequence[Sequence[Any]], way: str) -> list[Sequence[Any]]:
    """The one chosen, those who could have been by score, the others as they stand."""

    def place(row: Sequence[Any]) -> tuple[int, int]:
        verdict, score = row[4], row[1]
        if verdict == "chosen":
            return 0, 0
        if verdict in VERDICTS and code(verdict) >= _FROM_HERE:
            return 1, -score if way == _MOST_FIRST else score
        return 2, 0

    return sorted(candidates, key=place)
