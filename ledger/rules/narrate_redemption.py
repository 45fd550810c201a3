"""Events of redemptions in sentences, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.domain.redemption.terms import Both
from ledger.domain.values import day_parse, day_text, money_text, month_last_day, points_text
from ledger.rules.document import RuleSet
from ledger.rules.explain import Language, points_short

Words = Callable[["RedemptionWords", Mapping[str, Any]], str]


class RedemptionWords:
    """Puts what happened to redemptions into words; `rule_set_of` gives a rule set by its id."""

    def __init__(self, rule_set_of: Callable[[str], RuleSet], language: Language) -> None:
        self._rule_set_of = rule_set_of
        self._language: Language = language

    def words(self, topic: str, state: Mapping[str, Any]) -> str | None:
        """The sentence of an event; None where it is none of these."""
        words = _WORDS.get(topic)
        return None if words is None else words(self, state)

    def _say(self, zh: str, en: str) -> str:
        return zh if self._language == "zh" else en

    def _offer(self, state: Mapping[str, Any]) -> str:
        rules = self._rule_set_of(state["rule_set"]).redemption if state.get("rule_set") else None
        offer = rules.offer(state["offer"]) if rules is not None else None
        return getattr(offer.title, self._language) if offer is not None else state["offer"]

    def _size(self, state: Mapping[str, Any]) -> str:
        """Points, with the number of pieces or the money they stand for."""
        points = points_short(state["points"])
        text = self._say(f"{points}分", f"{points} points")
        if state.get("quantity"):
            text += self._say(f"，{state['quantity']}份", f", {state['quantity']} pieces")
        if state.get("money"):
            text += self._say(f"，抵{money_text(state['money'])}元", f", worth {money_text(state['money'])} CNY")
        return text

    def reserved(self, state: Mapping[str, Any]) -> str:
        """RedemptionReserved."""
        return self._say(
            f"{state['redemption']}：预留“{self._offer(state)}”，{self._size(state)}，保留至{state['held_until']}",
            f"{state['redemption']}: {self._offer(state)} reserved, {self._size(state)}, held until {state['held_until']}",
        )

    def committed(self, state: Mapping[str, Any]) -> str:
        """RedemptionCommitted."""
        return self._say(
            f"{state['redemption']}：第{state['part']}次兑付，{self._size(state)}",
            f"{state['redemption']}: part {state['part']} fulfilled, {self._size(state)}",
        )

    def voided(self, state: Mapping[str, Any]) -> str:
        """RedemptionVoided."""
        return self._say(
            f"{state['redemption']}：取消预留，{self._size(state)}（{state['reason']}）",
            f"{state['redemption']}: voided, {self._size(state)} ({state['reason']})",
        )

    def lapsed(self, state: Mapping[str, Any]) -> str:
        """RedemptionLapsed."""
        return self._say(
            f"{state['redemption']}：预留到期，{self._size(state)}",
            f"{state['redemption']}: the hold is over, {self._size(state)}",
        )

    def taken_back(self, state: Mapping[str, Any]) -> str:
        """RedemptionReversed."""
        return self._say(
            f"{state['redemption']}：退回第{state['part']}次兑付，{self._size(state)}（{state['reason']}）",
            f"{state['redemption']}: of part {state['part']} taken back, {self._size(state)} ({state['reason']})",
        )

    def used(self, state: Mapping[str, Any]) -> str:
        """EntitlementUsed."""
        rules = self._rule_set_of(state["rule_set"]).redemption
        found = [e for e in rules.entitlements if e.id == state["entitlement"]] if rules is not None else []
        title = getattr(found[0].title, self._language) if found else state["entitlement"]
        return self._say(f"使用权益“{title}”", f"Entitlement used: {title}")

    def held(self, state: Mapping[str, Any]) -> str:
        """PointsHeld."""
        left = points_text(state["available"])
        return self._moved(state, "冻结", "held", f"，可用{left}分", f"; {left} can be spent")

    def freed(self, state: Mapping[str, Any]) -> str:
        """PointsFreed."""
        left, (zh, en) = points_text(state["available"]), self._over(state)
        return self._moved(state, "解冻", "freed", f"，可用{left}分{zh}", f"; {left} can be spent{en}")

    def redeemed(self, state: Mapping[str, Any]) -> str:
        """PointsRedeemed."""
        return self._moved(state, "兑换", "redeemed")

    def returned(self, state: Mapping[str, Any]) -> str:
        """PointsReturned."""
        paid, (zh, en) = state["debt_paid"], self._over(state)
        return self._moved(
            state, "退回", "returned", (f"，其中{points_text(paid)}分抵欠分" if paid else "") + zh,
            (f", {points_text(paid)} of them paid debt" if paid else "") + en,
        )  # fmt: skip

    def _over(self, state: Mapping[str, Any]) -> Both:
        """What came back to lots that were over by the day it did, and is there only until the next close."""
        day = day_parse(state["booked_on"])
        over = [(month, points) for month, points in state["lots"] if month is not None and month_last_day(month) < day]
        if not over:
            return "", ""
        points = points_text(sum(points for _, points in over))
        last = day_text(month_last_day(max(month for month, _ in over)))
        return (
            f"；其中{points}分的批次已于{last}或更早到期，下次月末关账时到期",
            f"; {points} of them to lots that were over by {last}: they expire with the next close of a month",
        )

    def _moved(self, state: Mapping[str, Any], zh: str, en: str, more_zh: str = "", more_en: str = "") -> str:
        points = points_text(abs(state["points"]))
        return self._say(
            f"{state['redemption']}：{zh}{points}分{more_zh}", f"{state['redemption']}: {points} points {en}{more_en}"
        )


_WORDS: Final[Mapping[str, Words]] = {
    "RedemptionReserved": RedemptionWords.reserved,
    "RedemptionCommitted": RedemptionWords.committed,
    "RedemptionVoided": RedemptionWords.voided,
    "RedemptionLapsed": RedemptionWords.lapsed,
    "RedemptionReversed": RedemptionWords.taken_back,
    "EntitlementUsed": RedemptionWords.used,
    "PointsHeld": RedemptionWords.held,
    "PointsFreed": RedemptionWords.freed,
    "PointsRedeemed": RedemptionWords.redeemed,
    "PointsReturned": RedemptionWords.returned,
}
