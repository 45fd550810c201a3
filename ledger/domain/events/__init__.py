"""Events: what is written in the log, under names that never change.

`base.py` says what all events carry, `points.py` has those of the books and of points, `relations.py` those of staff,
assignment and the work with customers.
"""

from ledger.domain.events.base import (
    REGISTRY,
    STREAM_CALENDAR,
    STREAM_FACT_TYPES,
    STREAM_LEDGER,
    STREAM_RULEBOOK,
    STREAM_STAFF,
    Event,
    Input,
    registered,
)
from ledger.domain.events.points import (
    ConsentGiven,
    ConsentWithdrawn,
    CustomerChanged,
    CustomerRegistered,
    DayClosed,
    FactRecorded,
    FactTypeDeclared,
    GradeChanged,
    LedgerClosed,
    LedgerOpened,
    PointsDeducted,
    PointsExpired,
    PointsGranted,
    PointsReversed,
    RuleSetActivated,
    RuleSetApproved,
    RuleSetProposed,
    TagsChanged,
    TierChanged,
)
from ledger.domain.events.relations import TOPICS as RELATIONS_TOPICS

__all__ = [
    "REGISTRY",
    "RELATIONS_TOPICS",
    "STREAM_CALENDAR",
    "STREAM_FACT_TYPES",
    "STREAM_LEDGER",
    "STREAM_RULEBOOK",
    "STREAM_STAFF",
    "ConsentGiven",
    "ConsentWithdrawn",
    "CustomerChanged",
    "CustomerRegistered",
    "DayClosed",
    "Event",
    "FactRecorded",
    "FactTypeDeclared",
    "GradeChanged",
    "Input",
    "LedgerClosed",
    "LedgerOpened",
    "PointsDeducted",
    "PointsExpired",
    "PointsGranted",
    "PointsReversed",
    "RuleSetActivated",
    "RuleSetApproved",
    "RuleSetProposed",
    "TagsChanged",
    "TierChanged",
    "registered",
]

