"""Events: what is written in the log, under names that never change.

`base.py` says what all events carry, `points.py` has those of the books and of points, `relations.py` those of staff,
of customers' profiles and of who serves them, `work.py` those of the work with customers, `redemption.py` those of what
points are redeemed for, `settlement.py` those of payments set off against them, `honours.py` the best customers of a
year.
"""

from ledger.domain.events.base import (
    REGISTRY,
    STREAM_CALENDAR,
    STREAM_FACT_TYPES,
    STREAM_HONOURS,
    STREAM_LEDGER,
    STREAM_RULEBOOK,
    STREAM_SETTLEMENT,
    STREAM_STAFF,
    STREAM_STOCK,
    Event,
    Input,
    registered,
    type_unknown,
)
from ledger.domain.events.honours import TOPICS as HONOURS_TOPICS
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
from ledger.domain.events.redemption import (
    POINTS_TOPICS,
    POINTS_TOPICS_MOVING,
    TOPICS as REDEMPTION_TOPICS,
    EntitlementUsed,
    PointsFreed,
    PointsHeld,
    PointsRedeemed,
    PointsReturned,
    RedemptionCommitted,
    RedemptionLapsed,
    RedemptionReserved,
    RedemptionReversed,
    RedemptionVoided,
    StockMoved,
)
from ledger.domain.events.relations import TOPICS as RELATIONS_TOPICS
from ledger.domain.events.settlement import TOPICS as SETTLEMENT_TOPICS


def stream_of(topic: str) -> str:
    """The stream of an event about relations or settlement that is no customer's."""
    if topic in SETTLEMENT_TOPICS:
        return STREAM_SETTLEMENT
    return STREAM_HONOURS if topic in HONOURS_TOPICS else STREAM_STAFF


__all__ = [
    "HONOURS_TOPICS",
    "POINTS_TOPICS",
    "POINTS_TOPICS_MOVING",
    "REDEMPTION_TOPICS",
    "REGISTRY",
    "RELATIONS_TOPICS",
    "SETTLEMENT_TOPICS",
    "STREAM_CALENDAR",
    "STREAM_FACT_TYPES",
    "STREAM_HONOURS",
    "STREAM_LEDGER",
    "STREAM_RULEBOOK",
    "STREAM_SETTLEMENT",
    "STREAM_STAFF",
    "STREAM_STOCK",
    "ConsentGiven",
    "ConsentWithdrawn",
    "CustomerChanged",
    "CustomerRegistered",
    "DayClosed",
    "EntitlementUsed",
    "Event",
    "FactRecorded",
    "FactTypeDeclared",
    "GradeChanged",
    "Input",
    "LedgerClosed",
    "LedgerOpened",
    "PointsDeducted",
    "PointsExpired",
    "PointsFreed",
    "PointsGranted",
    "PointsHeld",
    "PointsRedeemed",
    "PointsReturned",
    "PointsReversed",
    "RedemptionCommitted",
    "RedemptionLapsed",
    "RedemptionReserved",
    "RedemptionReversed",
    "RedemptionVoided",
    "RuleSetActivated",
    "RuleSetApproved",
    "RuleSetProposed",
    "StockMoved",
    "TagsChanged",
    "TierChanged",
    "registered",
    "stream_of",
    "type_unknown",
]
