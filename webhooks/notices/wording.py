"""Notices in words, in Chinese and in English. They address the customer, and name nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from ledger.domain.values import date_of, day_text, month_last_day, month_of, points_text
from webhooks.notices.notice import Notice

Titles: TypeAlias = Mapping[str, tuple[str, str]]
"""What tiers are called, by id: in Chinese, in English."""

_PARTS: Final = (("earned", "获得", "earned"), ("deducted", "扣减", "deducted"), ("redeemed", "兑换", "redeemed"),
                 ("expired", "过期", "expired"))  # fmt: skip
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def words_of(notice: Notice, titles: Titles) -> dict[str, str]:
    """A notice in both languages; what didn't change isn't spoken of."""
    return {"zh": _chinese(notice, titles), "en": _english(notice, titles)}


def _chinese(notice: Notice, titles: Titles) -> str:
    day = date_of(notice.day)
    period = f"{day.year}年{day.month}月" + (f"{day.day}日" if notice.batch == "day" else "")
    parts = [f"{zh}{points_text(abs(points))}分" for points, zh, _ in _changes(notice)]
    told = f"您{period}的积分变动：期初{points_text(notice.opening)}分，"
    told += "".join(f"{part}，" for part in parts) + f"期末{points_text(notice.closing)}分。"
    if notice.tier and notice.tier != notice.tier_before:
        before, after = _titles(notice, titles, 0)
        told += f"等级由“{before}”变为“{after}”。" if before else f"等级为“{after}”。"
    if notice.expiring:
        end = date_of(month_last_day(month_of(notice.day + 1)))
        told += f"{end.year}年{end.month}月{end.day}日将有{points_text(notice.expiring)}分过期。"
    return told


def _english(notice: Notice, titles: Titles) -> str:
    day = date_of(notice.day)
    period = day_text(notice.day) if notice.batch == "day" else f"{_MONTHS[day.month - 1]} {day.year}"
    parts = [f"{en} {points_text(abs(points))}" for points, _, en in _changes(notice)]
    told = f"Your points, {period}: opening balance {points_text(notice.opening)}, "
    told += "".join(f"{part}, " for part in parts) + f"closing balance {points_text(notice.closing)}."
    if notice.tier and notice.tier != notice.tier_before:
        before, after = _titles(notice, titles, 1)
        told += f" Your tier went from {before} to {after}." if before else f" Your tier is {after}."
    if notice.expiring:
        end = day_text(month_last_day(month_of(notice.day + 1)))
        told += f" {points_text(notice.expiring)} points expire on {end}."
    return told


def _changes(notice: Notice) -> list[tuple[int, str, str]]:
    """What moved, each with its word. A correction may turn one about: then it is told as what it came to."""
    found: list[tuple[int, str, str]] = []
    for name, zh, en in _PARTS:
        points: int = getattr(notice, name)
        turned = points < 0 if name == "earned" else points > 0
        if points:
            found.append((points, f"{zh}更正" if turned else zh, f"{en} (corrected)" if turned else en))
    return found


def _titles(notice: Notice, titles: Titles, language: int) -> tuple[str, str]:
    def title(tier: str) -> str:
        return titles[tier][language] if tier in titles else tier

    return title(notice.tier_before), title(notice.tier)
