"""What assignment rules say, in sentences, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ledger.rules.assignment.document import (
    AssignmentRule,
    BestFit,
    Candidates,
    Choose,
    Fallback,
    Rotation,
    SkillOf,
    WeightsGiven,
)
from ledger.rules.condition_words import NO_TITLES, TRAIT_WORDS, Both, Titles, condition_words, listed
from ledger.rules.document import RuleSet

Named = Callable[[str], str]
"""How a member of staff is called who has this id."""

ROLE_WORDS: Final[Mapping[str, Both]] = {
    "seller": ("业务员", "sellers"),
    "manager": ("经理", "managers"),
    "executive": ("高管", "executives"),
    "support": ("技术支持", "support"),
    "site": ("项目现场", "site teams"),
}
TERMS_WORDS: Final[Mapping[str, Both]] = {
    "protection_days": ("保护期天数", "days of protection"),
    "follow_up_days": ("跟进期限天数", "days to follow up in"),
    "announce_days": ("退回公海前提醒天数", "days a return to the pool is announced before"),
    "nurture_rhythm_days": ("培育联系间隔天数", "days between talks while nurtured"),
    "claims_per_day": ("每日认领上限", "claims a day"),
    "claims_held_max": ("认领持有上限", "claimed customers held at once"),
    "cooldown_days": ("原负责人再认领间隔天数", "days before a former owner may claim"),
    "cooldown_by_rules": ("间隔期内规则也不分给原负责人", "rules pass over a former owner as long"),
    "important_tiers": ("重要客户的等级", "tiers of important customers"),
    "important_tags": ("重要客户的标签", "tags of important customers"),
    "important_days": ("重要客户未跟进天数", "days an important customer may be quiet"),
    "notice_days": ("节点与保护期提醒天数", "days of notice before milestones and the end of protection"),
    "collision_by_rules": ("撞单按规则裁定", "exact collisions are ruled at once"),
    "collision_likely_score": ("疑似撞单分数", "score from which on a match is likely"),
    "reported_by_rules": ("上报线索也按规则分配", "rules choose for reported customers too"),
}


def titles_of(rules: RuleSet | None) -> Titles:
    """How a rule set calls its tiers, tags and grades."""
    if rules is None:
        return NO_TITLES
    named = {
        "tier": rules.tiers.levels if rules.tiers else [], "tag": rules.tags,
        "grade": rules.credit.grades if rules.credit else [],
    }  # fmt: skip
    return {(kind, t.id): (t.title.zh, t.title.en) for kind, things in named.items() for t in things}


def _said(zh: str, en: str, at: int) -> str:
    return (zh, en)[at]


def _skill(skill: SkillOf, at: int) -> str:
    if skill.skill is not None:
        return skill.skill
    if skill.trait is not None:
        trait = TRAIT_WORDS[skill.trait][at]
        return _said(f"客户的{trait}", f"the customer's {trait}", at)
    return _said(f"所需的{skill.need}", f"the {skill.need} it needs", at)


def candidates_words(candidates: Candidates, at: int, named: Named) -> str:
    """Who is considered."""
    parts = [listed([ROLE_WORDS[role][at] for role in candidates.roles], at)]
    if candidates.teams:
        teams = listed(candidates.teams, at)
        parts.append(_said(f"团队{teams}及其下级", f"of team {teams} and below", at))
    if candidates.staff:
        parts.append(_said("限", "only ", at) + listed([named(staff) for staff in candidates.staff], at))
    if candidates.same_region:
        parts.append(_said("与客户同区域", "in the customer's region", at))
    for skill in candidates.skills:
        what = _skill(skill, at)
        level = skill.at_least
        parts.append(_said(f"对{what}技能≥{level}级", f"skilled in {what} at level {level} or above", at))
    if candidates.experience_years:
        years = candidates.experience_years
        parts.append(_said(f"从业≥{years}年", f"with {years} years of experience or more", at))
    return _said("，", ", ", at).join(parts)


def choose_words(choose: Choose, at: int, named: Named) -> str:
    """How one is chosen."""
    if choose.least_loaded is not None:
        return _said("负荷占容量比最低者", "whoever owns the smallest share of their capacity", at) + _rest(
            choose.least_loaded.rest, at
        )
    if choose.rotation is not None:
        return _rotation_words(choose.rotation, at, named)
    if choose.best_fit is not None:
        return _best_fit_words(choose.best_fit, at)
    if choose.named is not None:
        names = listed([named(staff) for staff in choose.named], at)
        return _said(f"{names}中第一个可选者", f"the first of {names} who can be", at)
    return _said("原负责人", "whoever had the customer before", at)


def _rest(rest: int, at: int) -> str:
    if rest == 1:
        return _said("（刚分到者先让）", " (who got the last one lets others go first)", at)
    words = f"（最近{rest}次分到者先让）", f" (who got one of the last {rest} lets others go first)"
    return words[at] if rest else ""


def _rotation_words(rotation: Rotation, at: int, named: Named) -> str:
    weights = rotation.weights
    if weights == "capacity":
        return _said("按容量加权轮转", "in turn, weighed by capacity", at)
    if not isinstance(weights, WeightsGiven):
        return _said("平均轮转", "in turn, all alike", at)
    given = [f"{named(staff)} {weight}" for staff, weight in weights.staff.items()]
    given += [f"{team} {weight}" for team, weight in weights.teams.items()]
    return _said(f"加权轮转（{listed(given, at)}，其余1）", f"in turn, weighed: {listed(given, at)}, others 1", at)


def _best_fit_words(fit: BestFit, at: int) -> str:
    parts: list[str] = []
    if fit.region:
        parts.append(_said(f"同区域{fit.region}分", f"{fit.region} points for the same region", at))
    for skill in fit.skills:
        what = _skill(skill, at)
        parts.append(_said(f"{what}技能每级{skill.points}分", f"{skill.points} for each level in {what}", at))
    if fit.experience:
        points, most = fit.experience, fit.experience_years_max
        parts.append(_said(f"从业每年{points}分（至多{most}年）", f"{points} a year of experience (up to {most})", at))
    if fit.load:
        parts.append(_said(f"减{fit.load}分×负荷占比", f"less {fit.load} × share of capacity in use", at))
    told = listed(parts, at)
    return _said(f"匹配得分最高者（{told}）", f"whoever scores best ({told})", at) + _rest(fit.rest, at)


def rule_words(rule: AssignmentRule, at: int, named: Named = str, titles: Titles = NO_TITLES) -> str:
    """What a rule says: for whom, of whom, how, and for how long."""
    who = _said("所有客户", "all customers", at) if rule.when is None else condition_words(rule.when, at, titles)
    parts = [who]
    if rule.candidates is not None or rule.choose.named is None:
        parts.append(_said("候选：", "considered: ", at) + candidates_words(rule.candidates or Candidates(), at, named))
    parts.append(_said("选：", "chosen: ", at) + choose_words(rule.choose, at, named))
    if rule.protection_days is not None:
        parts.append(_said(f"保护{rule.protection_days}天", f"protected for {rule.protection_days} days", at))
    if rule.follow_up_days is not None:
        days = rule.follow_up_days
        parts.append(_said(f"{days}天内跟进", f"to be followed up within {days} days", at))
    if rule.otherwise == "pool":
        parts.append(_said("无人可选则入公海", "into the pool where nobody can be chosen", at))
    return _said("；", "; ", at).join(parts)


def fallback_words(fallback: Fallback, at: int, named: Named = str) -> str:
    """Where a customer goes for whom no rule finds anybody."""
    if fallback.staff is not None:
        return named(fallback.staff)
    if fallback.team is not None:
        return _said(f"团队{fallback.team}中负荷最低者", f"the least loaded of team {fallback.team}", at)
    return _said("公海", "the pool", at)
