"""What people did that could not happen in a run, and why, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DONE: Final[Mapping[str, tuple[str, str]]] = {
    "AssignmentAsked": ("请求分配", "assignment asked for"),
    "CollaboratorAdded": ("协作人加入", "collaborator added"),
    "CollaboratorRemoved": ("协作人移除", "collaborator removed"),
    "CollisionRuled": ("撞车裁定", "collision ruled on"),
    "CustomerClaimed": ("客户认领", "customer claimed"),
    "CustomerReassigned": ("客户改派", "customer reassigned"),
    "CustomerReleased": ("客户释放", "customer released"),
    "HandoverUndone": ("交接撤销", "handover undone"),
    "NurtureBegun": ("培育开始", "nurture begun"),
    "NurtureEnded": ("培育结束", "nurture ended"),
    "PortfolioHandedOver": ("客户交接", "portfolio handed over"),
}
"""The inputs that are only repeated where they can happen."""

DROPPED: Final[Mapping[str, tuple[str, str]]] = {
    "ASSIGNMENT_HANDOVER_INVALID": ("不能这样交接", "nobody can take it over like this"),
    "ASSIGNMENT_HANDOVER_UNDONE": ("交接已撤销", "the handover is undone already"),
    "ASSIGNMENT_HANDOVER_UNKNOWN": ("没有这次交接", "there was no such handover"),
    "ASSIGNMENT_NOBODY": ("没有合适的人选", "nobody could be chosen"),
    "ASSIGNMENT_NOT_NURTURED": ("客户不在培育中", "the customer is not nurtured"),
    "ASSIGNMENT_NOT_THEIRS": ("客户归他人", "somebody else has the customer"),
    "ASSIGNMENT_NO_COLLABORATOR": ("不是协作人", "is no collaborator"),
    "ASSIGNMENT_OWNED": ("客户已有负责人", "somebody has the customer"),
    "ASSIGNMENT_POOLED": ("客户在公海", "the customer is in the pool"),
    "ASSIGNMENT_RHYTHM_MISSING": ("没有培育节奏", "no rhythm is given to nurture in"),
    "ASSIGNMENT_SAME": ("没有变化", "nothing would change"),
    "CLAIM_COOLDOWN": ("原负责人尚在冷却期", "who had it must wait"),
    "CLAIM_FULL": ("容量已满", "owns as many as they can"),
    "CLAIM_OWN": ("客户已归本人", "has the customer already"),
    "CLAIM_QUOTA_DAY": ("当日认领已满", "claimed as many that day as one may"),
    "CLAIM_QUOTA_HELD": ("认领持有已满", "holds as many claimed ones as one may"),
    "CLAIM_TAKEN": ("客户已有负责人", "somebody has the customer"),
    "COLLISION_OPEN": ("撞单待裁定", "a collision is to be ruled"),
    "COLLISION_OWNER_INVALID": ("不是撞单的一方", "is no side of the collision"),
    "COLLISION_RULED": ("撞单已裁定", "the collision is ruled already"),
    "COLLISION_UNKNOWN": ("没有这次撞单", "there was no such collision"),
    "STAFF_ABSENT": ("人员休假中", "is on leave"),
    "STAFF_LEAVING": ("人员即将离职", "is about to leave"),
    "STAFF_NOT_HERE": ("人员不在职", "is not at the firm"),
    "STAFF_NOT_LEAVING": ("人员没有要离职", "is not about to leave"),
    "STAFF_OWNS_NOTHING": ("该岗位不负责客户", "owns no customers in that role"),
    "STAFF_UNKNOWN": ("没有这个人员", "there is nobody of this id"),
}
"""Why something that people did could not happen in a run: the codes of `Measures.dropped`."""
