"""The types of events of this version, as `GET /schemas/events` lists them; a contract test holds it."""

from __future__ import annotations

from typing import Final

EVENT_TYPES: Final = frozenset({
    "AssignmentAsked", "CollaboratorAdded", "CollaboratorRemoved", "CollisionFound", "CollisionRuled",
    "CollisionSettled", "ConsentGiven", "ConsentWithdrawn", "ContactRecorded", "CustomerAssigned", "CustomerChanged",
    "CustomerClaimed", "CustomerPooled", "CustomerReassigned", "CustomerRegistered", "CustomerReleased",
    "CustomersMerged", "CustomersUnmerged", "DayClosed", "EntitlementUsed", "FactRecorded", "FactTypeDeclared",
    "FollowUpRecorded", "GradeChanged", "HandoverUndone", "HonoursAwarded", "KnowledgeRecorded", "LeadArrived",
    "LedgerClosed", "LedgerOpened", "MilestoneSet", "NurtureBegun", "NurtureEnded", "OpenItemRuled",
    "OpportunityChanged", "OpportunityOpened", "OpportunityReassigned", "PeriodSignedOff", "PersonErased",
    "PointsDeducted", "PointsExpired", "PointsFreed", "PointsGranted", "PointsHeld", "PointsRedeemed", "PointsReturned",
    "PointsReversed", "PortfolioHandedOver", "ProfileChanged", "ProjectRecorded", "RedemptionCommitted",
    "RedemptionLapsed", "RedemptionReserved", "RedemptionReversed", "RedemptionVoided", "RegionKnowledgeRecorded",
    "ReminderDue", "RuleSetActivated", "RuleSetApproved", "RuleSetProposed", "RulingDeclined", "RulingProposed",
    "RulingUndone", "SettlementDeclined", "SettlementMatched", "SettlementProposed", "SettlementUndone",
    "StaffAbsenceCancelled", "StaffAbsent", "StaffChanged", "StaffEnrolled", "StaffLeft", "StaffStayed", "StockMoved",
    "TagsChanged", "TaskHanded", "TaskMoved", "TaskReassigned", "TeamDeclared", "TierChanged",
})  # fmt: skip
