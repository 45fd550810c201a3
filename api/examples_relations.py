"""Examples of what the API answers about staff, assignment and the work with customers, by schema."""

from __future__ import annotations

from typing import Any, Final

_SEEN: Final[dict[str, Any]] = {
    "customer": "C-000001", "name": "华东建设集团", "industry": "", "region": "east", "customer_type": "", "scale": "",
    "owner": "S-000001", "team": "one", "merged_into": None,
}  # fmt: skip
_CONTACT: Final[dict[str, Any]] = {
    "person": "P-000007", "customer": "C-000001", "position": "总工", "decides": True, "name": "王工",
    "phone": "13900000001", "note": "", "erased": False,
}  # fmt: skip
_KNOWLEDGE: Final[dict[str, Any]] = {
    "customer": "C-000001", "region": "", "kind": "call", "value": "morning", "person": None, "text": "早上打",
    "recorded_on": "2026-01-31", "erased": False,
}  # fmt: skip
_PARTY: Final = {"role": "设计院", "name": "市政院"}
_PROJECT: Final[dict[str, Any]] = {
    "project": "J-000001", "customer": "C-000001", "customer_name": "华东建设集团", "name": "大桥", "stage": "设计",
    "region": "east", "amount": "1200000.00", "parties": [_PARTY], "site_team": ["S-000004"],
}  # fmt: skip
_STANDING: Final[dict[str, Any]] = {
    "tier": "gold", "tier_title": {"zh": "金牌", "en": "Gold"}, "grade": "A",
    "tags": [{"tag": "strategic", "title": {"zh": "战略客户", "en": "Strategic"}}], "balance": "1250.00",
    "available": "1200.00", "debt": "0.00", "balance_together": None,
}  # fmt: skip
_MILESTONE: Final[dict[str, Any]] = {
    "milestone": "roof", "name": "封顶", "due_on": "2026-03-01", "reached_on": None,
}  # fmt: skip
_CANDIDATE: Final[dict[str, Any]] = {
    "staff": "S-000001", "score": 0, "load": 0, "capacity": 50, "verdict": "chosen", "text": "S-000001: chosen",
}  # fmt: skip
_LOAD: Final[dict[str, Any]] = {
    "capacity": 50, "owned": 12, "nurtured": 1, "overdue": 0, "opportunities": 3, "amount": "1200000.00", "tasks": 1,
    "tasks_overdue": 0,
}  # fmt: skip
_PERFORMANCE: Final[dict[str, Any]] = {
    "talks": 12, "success_bp": 5000, "won": 1, "lost": 1, "won_bp": 5000, "amount_won": "1200000.00",
    "satisfaction_percent": 450, "answers": 2, "assigned": 4, "talked": 4, "response_seconds_mean": 3600,
    "response_seconds_median": 1800,
}  # fmt: skip
_OPPORTUNITY: Final[dict[str, Any]] = {
    "opportunity": "O-000001", "customer": "C-000001", "customer_name": "华东建设集团", "staff": "S-000001",
    "name": "一标段", "project": None, "channel": "fair", "stage": "bidding", "stage_since": "2026-01-31",
    "amount": "1200000.00", "probability_percent": 40, "expected_on": None, "opened_on": "2026-01-02",
    "ended_on": None, "reason": "", "source": "", "reference": "",
}  # fmt: skip
_STAGE: Final[dict[str, Any]] = {"position": 40, "stage": "lead", "since": "2026-01-02", "until": "2026-01-31"}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "SeenBody": _SEEN,
    "ContactBody": _CONTACT,
    "KnowledgeBody": _KNOWLEDGE,
    "PartyBody": _PARTY,
    "ProjectBody": _PROJECT,
    "MilestoneBody": _MILESTONE,
    "ProjectDetailBody": {**_PROJECT, "milestones": [_MILESTONE]},
    "WorthBody": _STANDING,
    "ProfileBody": {
        **_SEEN, "merged": [], "credit_code": "", "qualifications": ["一级"], "needs": "", "cooperation": "",
        "more": {}, "contacts": [_CONTACT], "knowledge": [_KNOWLEDGE], "projects": [_PROJECT],
        "standing": _STANDING,
    },
    "TimelineBody": {
        "position": 42, "customer": "C-000001", "event": "FollowUpRecorded",
        "occurred_at": "2026-01-31T10:00:00+08:00", "recorded_at": "2026-01-31T10:00:00+08:00", "actor": "wang.li",
        "cause": 0, "state": {"said": "谈了"},
    },
    "LeadRowBody": {
        "position": 12, "customer": "C-000001", "source": "web", "lead": "L-1", "channel": "fair", "staff": None,
        "project": "", "amount": "0.00", "is_new": True, "recorded_on": "2026-01-31",
    },
    "HoldingBody": {
        "customer": "C-000001", "name": "华东建设集团", "region": "east", "customer_type": "", "owner": "S-000001",
        "team": "one", "why": "arrival", "rule": "east", "rule_set": "firm@1", "since_position": 42,
        "since": "2026-01-02", "protected_until": "2026-02-01", "due_on": "2026-01-17", "days_left": 12,
        "announced_for": None, "next_due_on": None, "nurtured_every_days": None, "followed_on": None, "former": None,
        "pooled_on": None, "collaborators": [],
    },
    "OwnerBody": {
        "customer": "C-000001", "name": "华东建设集团", "region": "east", "owner": "S-000001", "team": "one",
        "why": "arrival", "rule": "east", "rule_set": "firm@1", "since_position": 42, "since": "2026-01-02",
    },
    "OwnerSpanBody": {
        "customer": "C-000001", "owner": "S-000001", "team": "one", "why": "arrival", "rule": "east",
        "rule_set": "firm@1", "cause": 41, "since_position": 42, "until_position": None, "since": "2026-01-02",
        "until": None, "assigned_at": "2026-01-02T09:00:00+08:00", "followed_at": None,
    },
    "PoolBody": {
        "customer": "C-000001", "name": "华东建设集团", "region": "east", "industry": "", "customer_type": "",
        "scale": "", "why": "released", "since_position": 42, "since": "2026-01-02", "former": None,
        "cooldown_until": None,
    },
    "CandidateBody": _CANDIDATE,
    "WhyBody": {
        "position": 42, "event": "CustomerAssigned", "recorded_at": "2026-01-02T09:00:00+08:00",
        "rule_set": "firm@1", "rule": "east", "why": "arrival", "text": "Rule East (rule set firm@1) chose S-000001",
        "rule_text": "", "candidates": [_CANDIDATE], "asked_by": "website", "reason": "", "tried": [],
    },
    "TriedBody": {
        "rule": "named", "text": "Rule Named was asked before and found nobody; 1 considered: 1 × is on leave",
        "rule_text": "", "candidates": [{**_CANDIDATE, "verdict": "on_leave", "text": "S-000001: is on leave"}],
    },
    "WorkloadBody": {
        "staff": "S-000001", "team": "one", "role": "seller", "region": "east", "last_day": None, "is_absent": False,
        "protected": 2, "collaborating": 0, **_LOAD,
    },
    "TeamWorkloadBody": {"team": "one", "name": "一部", "people": 3, "owned_min": 2, "owned_max": 6, **_LOAD},
    "StageFiguresBody": {
        "stage": "bidding", "count": 3, "amount": "1200000.00", "reached": 6, "amount_reached": "2400000.00",
        "conversion_bp": 6000, "overall_bp": 3000, "stay_days_mean": 14,
    },
    "SourceBody": {
        "channel": "fair", "leads": 12, "customers": 8, "opportunities": 4, "amount": "1200000.00", "won": 1,
        "amount_won": "300000.00", "lost": 1,
    },
    "PerformanceBody": {"staff": "S-000001", "team": "one", **_PERFORMANCE},
    "TeamPerformanceBody": {"team": "one", "name": "一部", "people": 3, **_PERFORMANCE},
    "StaffBody": {
        "staff": "S-000001", "person": "P-000001", "name": "王丽", "erased": False, "source": "hr", "reference": "1",
        "team": "one", "role": "seller", "region": "east", "skills": {"industry:bridge": 3}, "experience_years": 5,
        "capacity": 50, "joined_on": "2020-01-01", "last_day": None,
    },
    "TeamBody": {"team": "one", "name": "一部", "parent": "firm", "region": "east", "kind": ""},
    "AbsenceBody": {"staff": "S-000001", "first_day": "2026-02-01", "last_day": "2026-02-07"},
    "MatchBody": {"kind": "name", "score": 96},
    "CollisionBody": {
        "collision": "X-000001", "customer": "C-000002", "customer_name": "", "matched": None, "matched_name": "",
        "holder": None, "holder_team": "one", "asker": "S-000002", "asker_team": "two", "certainty": "exact",
        "matches": [], "project": "", "found_on": "2026-01-31", "is_open": True, "owner": None, "settled_by": "",
        "reason": "", "ruled_on": None, "is_masked": True,
    },
    "EvidenceBody": {
        "position": 42, "customer": "C-000001", "side": "holder", "event": "FollowUpRecorded",
        "recorded_at": "2026-01-31T10:00:00+08:00", "actor": "wang.li", "state": {"said": "谈了"},
        "explanation": {"zh": "跟进：谈了", "en": "Followed up: 谈了"},
    },
    "OpportunityBody": _OPPORTUNITY,
    "StageBody": _STAGE,
    "OpportunityDetailBody": {**_OPPORTUNITY, "stages": [_STAGE]},
    "FollowUpBody": {
        "position": 42, "customer": "C-000001", "staff": "S-000001", "day": "2026-01-31", "channel": "visit",
        "said": "谈了", "next_step": "送方案", "next_due_on": "2026-02-07", "outcome": "progress",
        "opportunity": None, "satisfaction": None, "next_step_done": False,
    },
    "TaskBody": {
        "task": "T-000001", "customer": "C-000001", "customer_name": "华东建设集团", "staff": "S-000001",
        "department": "technical", "to": None, "title": "估算", "due_on": "2026-02-07", "state": "handed",
        "progress_percent": 0, "note": "", "opportunity": None, "handed_on": "2026-01-31", "accepted_on": None,
        "ended_on": None,
    },
    "ReminderBody": {
        "position": 42, "customer": "C-000001", "customer_name": "华东建设集团", "kind": "task_overdue",
        "staff": "S-000001", "about": "T-000001", "title": "估算", "due_on": "2026-02-07", "said_on": "2026-02-08",
        "is_open": True,
    },
}  # fmt: skip
"""One of each."""
