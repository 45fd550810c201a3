"""Rows of relations as JSON: ids for numbers, dates for days, decimal text for amounts; null for what isn't there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.domain.fact_types import Words
from ledger.domain.relations.ids import (
    collision_id,
    opportunity_id,
    person_id,
    project_id,
    staff_id,
    task_id,
)
from ledger.domain.values import customer_id, day_text, money_text, points_text
from ledger.rules.document import RuleSet
from ledger.rules.narrate import Narrator
from projections.relations.arrivals import CollisionRow, EvidenceRow, LeadRow
from projections.relations.dealings import OpportunitySeen, TaskSeen
from projections.relations.figures import PersonFigures, SourceFigures, StageFigures, TeamFigures
from projections.relations.portfolios import (
    HoldingRow,
    OwnerRow,
    OwnerSpanRow,
    PoolRow,
    TeamWorkloadRow,
    WorkloadRow,
)
from projections.relations.profile import ContactRow, KnowledgeRow, MilestoneRow
from projections.relations.profiles import ProjectRow, SeenRow, Worth
from projections.relations.reminders import ReminderRow
from projections.relations.staff import AbsenceRow, StaffRow, TeamRow
from projections.relations.timeline import TimelineRow
from projections.relations.work import FollowUpRow, StageRow

_ABOUT_OTHERS = frozenset({"matched", "matches", "holder", "asker", "sealed"})
"""Fields of events that tell of another customer and who has it, or are sealed."""


def day_or_null(day: int | None) -> str | None:
    """A day number as a date."""
    return None if day is None or day < 0 else day_text(day)


def _customer(number: int) -> str | None:
    return customer_id(number) if number else None


def _staff(number: int | None) -> str | None:
    return staff_id(number) if number else None


def seen_document(row: SeenRow) -> dict[str, Any]:
    """A customer that one sees."""
    return {
        "customer": customer_id(row.customer), "name": row.name, "industry": row.industry, "region": row.region,
        "customer_type": row.customer_type, "scale": row.scale, "owner": _staff(row.owner), "team": row.team,
        "merged_into": _customer(row.merged_into),
    }  # fmt: skip


def worth_document(worth: Worth, rules: RuleSet | None) -> dict[str, Any]:
    """Where a customer stands, with the titles of the rules in force."""
    tier, balance = worth.tier, worth.balance
    tiers = rules.tiers.levels if rules and rules.tiers else ()
    titles = {level.id: level.title for level in tiers}
    tags = {tag.id: tag.title for tag in rules.tags} if rules else {}
    return {
        "tier": tier.tier, "tier_title": _both(titles.get(tier.tier or "")), "grade": tier.grade,
        "tags": [{"tag": tag, "title": _both(tags.get(tag)) or {"zh": tag, "en": tag}} for tag in tier.tags],
        "balance": points_text(balance.balance), "available": points_text(balance.available),
        "debt": points_text(balance.debt),
        "balance_together": None if worth.together is None else points_text(worth.together),
    }  # fmt: skip


def _both(title: Words | None) -> dict[str, str] | None:
    return None if title is None else {"zh": title.zh, "en": title.en}


def contact_document(row: ContactRow, said: Mapping[str, str] | None) -> dict[str, Any]:
    """A person at a customer; `said` None: they were erased."""
    words = said or {}
    return {
        "person": person_id(row.person), "customer": customer_id(row.customer), "position": row.place,
        "decides": row.decides, "name": words.get("name"), "phone": words.get("phone"), "note": words.get("note"),
        "erased": said is None,
    }  # fmt: skip


def knowledge_document(row: KnowledgeRow, said: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Soft knowledge; of a person who was erased the text is null."""
    text = row.text
    if row.person:
        text = None if said is None else said.get("text", "")
    return {
        "customer": _customer(row.customer), "region": row.region, "kind": row.kind, "value": row.value,
        "person": person_id(row.person) or None, "text": text, "recorded_on": day_or_null(row.day),
        "erased": bool(row.person) and said is None,
    }  # fmt: skip


def project_document(row: ProjectRow) -> dict[str, Any]:
    """A project."""
    return {
        "project": project_id(row.number), "customer": customer_id(row.customer), "customer_name": row.customer_name,
        "name": row.name, "stage": row.stage, "region": row.region, "amount": money_text(row.amount),
        "parties": [
            {"role": role, "name": name}
            for role, name in zip(row.party_roles, row.party_names, strict=True)
        ],
        "site_team": [staff_id(s) for s in row.site_team],
    }  # fmt: skip


def milestone_document(row: MilestoneRow) -> dict[str, Any]:
    """A key node of a project."""
    return {
        "milestone": row.milestone, "name": row.name, "due_on": day_or_null(row.due_day),
        "reached_on": day_or_null(row.reached_day),
    }  # fmt: skip


def timeline_document(row: TimelineRow, whole: bool) -> dict[str, Any]:
    """An event about a customer; not `whole`: without what it tells of other customers."""
    hidden = _ABOUT_OTHERS if not whole else frozenset({"sealed"})
    state = {name: value for name, value in row.state.items() if name not in hidden}
    return {
        "position": row.position, "customer": customer_id(row.customer), "event": row.topic,
        "occurred_at": row.state["occurred_at"], "recorded_at": row.state["recorded_at"], "actor": row.actor,
        "cause": row.cause, "state": state,
    }  # fmt: skip


def lead_document(row: LeadRow) -> dict[str, Any]:
    """A lead."""
    return {
        "position": row.position, "customer": customer_id(row.customer), "source": row.source, "lead": row.lead,
        "channel": row.channel, "staff": _staff(row.staff), "project": row.project, "amount": money_text(row.amount),
        "is_new": row.is_new, "recorded_on": day_or_null(row.day),
    }  # fmt: skip


def holding_document(row: HoldingRow, today: int) -> dict[str, Any]:
    """Who has a customer, since when and until when."""
    return {
        "customer": customer_id(row.customer), "name": row.name, "region": row.region,
        "customer_type": row.customer_type, "owner": _staff(row.owner), "team": row.team, "why": row.why,
        "rule": row.rule, "rule_set": row.rule_set, "since_position": row.since, "since": day_or_null(row.since_day),
        "protected_until": day_or_null(row.protected_day), "due_on": day_or_null(row.due_day),
        "days_left": row.days_left(today), "announced_for": day_or_null(row.announced_day),
        "next_due_on": day_or_null(row.next_due_day), "nurtured_every_days": row.rhythm_days or None,
        "followed_on": day_or_null(row.followed_day), "former": _staff(row.former),
        "pooled_on": day_or_null(row.pooled_day), "collaborators": [staff_id(s) for s in row.collaborators],
    }  # fmt: skip


def owner_document(row: OwnerRow) -> dict[str, Any]:
    """Who had a customer at some time."""
    return {
        "customer": customer_id(row.customer), "name": row.name, "region": row.region, "owner": _staff(row.staff),
        "team": row.team, "why": row.why, "rule": row.rule, "rule_set": row.rule_set, "since_position": row.since,
        "since": day_or_null(row.since_day),
    }  # fmt: skip


def owner_span_document(row: OwnerSpanRow) -> dict[str, Any]:
    """A time that a customer was somebody's, or in the pool; `until` null: it still is so."""
    is_now = row.position_to == 2**63 - 1
    return {
        "customer": customer_id(row.customer), "owner": _staff(row.staff), "team": row.team, "why": row.why,
        "rule": row.rule, "rule_set": row.rule_set, "cause": row.cause, "since_position": row.position_from,
        "until_position": None if is_now else row.position_to, "since": day_or_null(row.day_from),
        "until": None if is_now else day_or_null(row.day_to), "assigned_at": row.assigned_at.isoformat(),
        "followed_at": row.followed_at.isoformat() if row.followed_at else None,
    }  # fmt: skip


def pool_document(row: PoolRow) -> dict[str, Any]:
    """A customer in the pool."""
    return {
        "customer": customer_id(row.customer), "name": row.name, "region": row.region, "industry": row.industry,
        "customer_type": row.customer_type, "scale": row.scale, "why": row.why, "since_position": row.since,
        "since": day_or_null(row.since_day), "former": _staff(row.former),
        "cooldown_until": day_or_null(row.cooldown_day),
    }  # fmt: skip


def workload_document(row: WorkloadRow) -> dict[str, Any]:
    """How much somebody has to do."""
    return {
        "staff": staff_id(row.staff), "team": row.team, "role": row.role, "region": row.place,
        "capacity": row.capacity, "last_day": day_or_null(row.last_day), "is_absent": row.is_absent,
        "owned": row.owned, "nurtured": row.nurtured, "overdue": row.overdue, "protected": row.protected,
        "collaborating": row.collaborating, "opportunities": row.opportunities, "amount": money_text(row.amount),
        "tasks": row.tasks, "tasks_overdue": row.tasks_overdue,
    }  # fmt: skip


def team_workload_document(row: TeamWorkloadRow) -> dict[str, Any]:
    """How much a team has to do."""
    return {
        "team": row.team, "name": row.name, "people": row.people, "capacity": row.capacity, "owned": row.owned,
        "owned_min": row.owned_min, "owned_max": row.owned_max, "nurtured": row.nurtured, "overdue": row.overdue,
        "opportunities": row.opportunities, "amount": money_text(row.amount), "tasks": row.tasks,
        "tasks_overdue": row.tasks_overdue,
    }  # fmt: skip


def collision_document(row: CollisionRow) -> dict[str, Any]:
    """A collision as who asks may see it; what is masked is null or empty."""
    return {
        "collision": collision_id(row.number), "customer": _customer(row.customer),
        "customer_name": row.customer_name, "matched": _customer(row.matched), "matched_name": row.matched_name,
        "holder": _staff(row.holder), "holder_team": row.holder_team, "asker": _staff(row.asker),
        "asker_team": row.asker_team, "certainty": row.certainty,
        "matches": [{"kind": kind, "score": score} for kind, score in row.matches], "project": row.project,
        "found_on": day_or_null(row.day), "is_open": row.owner is None, "owner": _staff(row.owner),
        "settled_by": row.settled_by, "reason": row.reason, "ruled_on": day_or_null(row.ruled_day),
        "is_masked": row.is_masked,
    }  # fmt: skip


def evidence_document(row: EvidenceRow, narrators: Mapping[str, Narrator]) -> dict[str, Any]:
    """What one side of a collision did, or what was found and ruled, also in words."""
    return {
        "position": row.position, "customer": customer_id(row.customer), "side": row.side, "event": row.topic,
        "recorded_at": row.recorded_at.isoformat(), "actor": row.actor,
        "state": {name: value for name, value in row.state.items() if name != "sealed"},
        "explanation": {language: narrator.words(row.topic, row.state) for language, narrator in narrators.items()},
    }  # fmt: skip


def opportunity_document(row: OpportunitySeen) -> dict[str, Any]:
    """A chance of a contract."""
    return {
        "opportunity": opportunity_id(row.number), "customer": customer_id(row.customer),
        "customer_name": row.customer_name, "staff": _staff(row.staff), "name": row.name,
        "project": project_id(row.project) or None, "channel": row.channel, "stage": row.stage,
        "stage_since": day_or_null(row.stage_day), "amount": money_text(row.amount),
        "probability_percent": row.probability_percent, "expected_on": day_or_null(row.expected_day),
        "opened_on": day_or_null(row.opened_day), "ended_on": day_or_null(row.ended_day), "reason": row.reason,
        "source": row.source, "reference": row.reference,
    }  # fmt: skip


def stage_document(row: StageRow) -> dict[str, Any]:
    """A stage that an opportunity stood at."""
    return {
        "position": row.position, "stage": row.stage, "since": day_or_null(row.day_from),
        "until": day_or_null(row.day_to),
    }  # fmt: skip


def follow_up_document(row: FollowUpRow) -> dict[str, Any]:
    """A talk with a customer."""
    return {
        "position": row.position, "customer": customer_id(row.customer), "staff": _staff(row.staff),
        "day": day_or_null(row.day), "channel": row.channel, "said": row.said, "next_step": row.next_step,
        "next_due_on": day_or_null(row.next_due_day), "outcome": row.outcome,
        "opportunity": opportunity_id(row.opportunity) or None, "satisfaction": row.satisfaction or None,
        "next_step_done": row.next_step_done,
    }  # fmt: skip


def task_document(row: TaskSeen) -> dict[str, Any]:
    """A task."""
    return {
        "task": task_id(row.number), "customer": customer_id(row.customer), "customer_name": row.customer_name,
        "staff": _staff(row.staff), "department": row.department, "to": _staff(row.doer), "title": row.title,
        "due_on": day_or_null(row.due_day), "state": row.state, "progress_percent": row.progress_percent,
        "note": row.note, "opportunity": opportunity_id(row.opportunity) or None,
        "handed_on": day_or_null(row.handed_day), "accepted_on": day_or_null(row.accepted_day),
        "ended_on": day_or_null(row.ended_day),
    }  # fmt: skip


def reminder_document(row: ReminderRow) -> dict[str, Any]:
    """What was said to be due."""
    return {
        "position": row.position, "customer": customer_id(row.customer), "customer_name": row.customer_name,
        "kind": row.kind, "staff": _staff(row.staff), "about": row.about, "title": row.title,
        "due_on": day_or_null(row.due_day), "said_on": day_or_null(row.day), "is_open": row.is_open,
    }  # fmt: skip


def stage_figures_document(row: StageFigures) -> dict[str, Any]:
    """A stage of the funnel."""
    return {
        "stage": row.stage, "count": row.count, "amount": money_text(row.amount), "reached": row.reached,
        "amount_reached": money_text(row.amount_reached), "conversion_bp": row.conversion_bp,
        "overall_bp": row.overall_bp, "stay_days_mean": row.stay_days_mean,
    }  # fmt: skip


def source_document(row: SourceFigures) -> dict[str, Any]:
    """A channel."""
    return {
        "channel": row.channel, "leads": row.leads, "customers": row.customers, "opportunities": row.opportunities,
        "amount": money_text(row.amount), "won": row.won, "amount_won": money_text(row.amount_won), "lost": row.lost,
    }  # fmt: skip


def performance_document(row: PersonFigures | TeamFigures) -> dict[str, Any]:
    """How somebody, or a team, does."""
    who: dict[str, Any] = (
        {"staff": staff_id(row.staff), "team": row.team}
        if isinstance(row, PersonFigures)
        else {"team": row.team, "name": row.name, "people": row.people}
    )
    return who | {
        "talks": row.talks, "success_bp": row.success_bp, "won": row.won, "lost": row.lost, "won_bp": row.won_bp,
        "amount_won": money_text(row.amount_won), "satisfaction_percent": row.satisfaction_percent,
        "answers": row.answers, "assigned": row.assigned, "talked": row.talked,
        "response_seconds_mean": row.response_seconds_mean, "response_seconds_median": row.response_seconds_median,
    }  # fmt: skip


def staff_document(row: StaffRow, said: Mapping[str, str] | None) -> dict[str, Any]:
    """A member of staff; `said` None: they were erased."""
    return {
        "staff": staff_id(row.number), "person": person_id(row.person), "name": (said or {}).get("name"),
        "erased": said is None, "source": row.source, "reference": row.reference, "team": row.team, "role": row.role,
        "region": row.place, "skills": row.skills, "experience_years": row.experience_years,
        "capacity": row.capacity, "joined_on": day_or_null(row.joined_day), "last_day": day_or_null(row.last_day),
    }  # fmt: skip


def team_document(row: TeamRow) -> dict[str, Any]:
    """A team."""
    return {"team": row.team, "name": row.name, "parent": row.parent, "region": row.region, "kind": row.kind}


def absence_document(row: AbsenceRow) -> dict[str, Any]:
    """Leave."""
    return {
        "staff": staff_id(row.staff), "first_day": day_or_null(row.first_day), "last_day": day_or_null(row.last_day)
    }  # fmt: skip
