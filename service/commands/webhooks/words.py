"""What webhooks are told of in tables, in words: the values that JSON holds in English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from service.output import Output

_WORDS: Final = {
    "kind": {"event": "事件", "notice": "提醒"},
    "state": {
        "active": "启用", "paused": "暂停", "held": "已停", "gone": "已失效", "dead": "死信", "waiting": "待重试",
        "delivered": "已送达",
    },
    "outcome": {"delivered": "已送达", "failed": "失败", "dead": "放弃", "gone": "对方已停收"},
    "batch": {"day": "按日", "month": "按月"},
    "consent": {"given": "已同意者", "not_withdrawn": "未撤回者"},
    "on_dead": {"skip": "跳过", "stop": "停止"},
}  # fmt: skip


def word_of(out: Output, member: str, value: Any) -> str:
    """A member's value as a table shows it in the language chosen."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, cast(Sequence[Any], value)))
    text = str(value)
    return out.say(_WORDS.get(member, {}).get(text, text), text)
