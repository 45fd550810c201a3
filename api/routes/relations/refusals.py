"""Refusals of what isn't there, or isn't within one's reach: nobody can tell which."""

from __future__ import annotations

from typing import Final

from ledger.domain.errors import Refused

NUMBER_LAST: Final = 2**63 - 1


def opportunity_unknown() -> Refused:
    """Of an opportunity."""
    return Refused(
        "OPPORTUNITY_UNKNOWN", "there is no such opportunity; GET …/relations/opportunities lists them", "opportunity"
    )


def task_unknown() -> Refused:
    """Of a task."""
    return Refused("TASK_UNKNOWN", "there is no such task; GET …/relations/tasks lists them", "task")


def project_unknown() -> Refused:
    """Of a project."""
    return Refused("PROJECT_UNKNOWN", "there is no such project; GET …/relations/projects lists them", "project")


def person_unknown() -> Refused:
    """Of a person."""
    return Refused("PERSON_UNKNOWN", "there is no such person; a customer's profile lists its people", "person")


def collision_unknown() -> Refused:
    """Of a collision."""
    return Refused(
        "COLLISION_UNKNOWN", "there is no such collision; GET …/relations/collisions lists them", "collision"
    )


def handover_unknown() -> Refused:
    """Of a handover."""
    return Refused("ASSIGNMENT_HANDOVER_UNKNOWN", "no handover stands at this position", "handover")
