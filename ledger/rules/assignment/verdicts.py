"""Why somebody was chosen, or passed over: a short code each, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    "chosen": ("选中", "chosen"),
    "left": ("已离职", "has left the firm"),
    "not_joined": ("尚未入职", "has not joined yet"),
    "excluded": ("正在移交客户或即将离职", "hands over or is about to leave"),
    "cooling": ("原负责人尚在间隔期内", "had the customer until lately; the time for others is not over"),
    "wrong_role": ("岗位不在候选范围", "has another role than the rule asks for"),
    "wrong_team": ("不属于规则所列团队", "belongs to none of the rule's teams"),
    "not_named": ("不在规则所列人员中", "is not among those the rule names"),
    "not_previous": ("不是原负责人", "did not have the customer before"),
    "wrong_region": ("区域与客户不符", "does not work in the customer's region"),
    "skill_low": ("技能等级不足", "is not skilled enough"),
    "experience_low": ("从业年限不足", "is not experienced enough"),
    "on_leave": ("休假中", "is on leave"),
    "full": ("客户数已达容量", "owns as many customers as they can"),
    "rested": ("刚分到客户，先轮给他人", "was assigned a customer just before, others come first"),
    "more_loaded": ("负荷占比更高", "owns a larger share of what they can own"),
    "turn_taken": ("本轮份额已满", "has had their share of this round"),
    "turn_later": ("轮次在后", "has a later turn"),
    "less_fit": ("匹配得分较低", "fits less well"),
    "named_later": ("在名单中靠后", "stands later in the rule's list"),
    "tied": ("条件相同，但最近分到过客户或编号靠后", "is as good, but was assigned one later or has a higher number"),
}
"""By code: in Chinese and English. Where several hold of somebody, the one that stands first is said, but that being on
leave or full comes after everything that the rule itself asks for."""

CODES: Final = tuple(VERDICTS)
"""The codes; inside, a verdict is its place here."""

FITS: Final = -1
"""No reason against somebody so far."""


def code(verdict: str) -> int:
    """The place of a verdict."""
    return CODES.index(verdict)
