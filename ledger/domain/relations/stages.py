"""What stages opportunities go through, how talks turn out, what states tasks have: each an ordered list, declared here
once, with the words that people see. Funnels, forms and reports take them from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Stage:
    """One of an ordered list. `is_end`: nothing comes after it."""

    id: str
    zh: str
    en: str
    is_end: bool = False


STAGES: Final = (
    Stage("lead", "线索", "Lead"),
    Stage("qualified", "立项", "Qualified"),
    Stage("proposal", "方案", "Proposal"),
    Stage("bidding", "投标", "Bidding"),
    Stage("negotiation", "商务谈判", "Negotiation"),
    Stage("won", "赢单", "Won", is_end=True),
    Stage("lost", "输单", "Lost", is_end=True),
)
"""Of opportunities. One may skip stages and go back; it is won or lost from any of them."""

OUTCOMES: Final = (
    Stage("progress", "有进展", "Progress"),
    Stage("waiting", "等待答复", "Waiting"),
    Stage("refused", "被拒绝", "Refused"),
    Stage("none", "无结果", "None"),
)
"""Of talks."""

TASK_STATES: Final = (
    Stage("handed", "已派发", "Handed"),
    Stage("accepted", "已接收", "Accepted"),
    Stage("done", "已完成", "Done", is_end=True),
    Stage("declined", "已退回", "Declined", is_end=True),
)
"""Of tasks."""

STAGE_IDS: Final = tuple(s.id for s in STAGES)
STAGES_END: Final = frozenset(s.id for s in STAGES if s.is_end)
OUTCOME_IDS: Final = tuple(s.id for s in OUTCOMES)
TASK_STATES_NEXT: Final = {
    "handed": ("accepted", "declined"),
    "accepted": ("accepted", "done", "declined"),
    "done": (),
    "declined": (),
}
"""What a task may be moved to, by the state it is in; accepted again says how far it has come."""
