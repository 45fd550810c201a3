"""The demonstration's last year of redemptions: a catalogue is put into force, gifts come in, and month by month customers
spend what they have. The same seed and the same facts give the same redemptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ledger.domain.commands import (
    ActivateRuleSet,
    Answer,
    ApproveRuleSet,
    Command,
    CommitRedemption,
    MoveStock,
    ProposeRuleSet,
    Request,
    ReserveRedemption,
    ReverseRedemption,
    VoidRedemption,
)
from ledger.domain.values import customer_id, day_text, points_text
from ledger.standard import rules_standard
from ledger.writer import Writer
from ledger.writer.orders import MAKER

MONTHS: Final = 12
"""So many months at the end have redemptions."""
_SHARE_PERCENT: Final = 30
"""So many customers of a hundred redeem something in a month, where they have enough."""
_OFFSET: Final = "cash"
_LEAST: Final = 1_000_00


class RedemptionsRefused(Exception):
    """The books did not take what was invented for them."""


@dataclass(slots=True)
class Redeemed:
    """What came of it. Points in 1/100."""

    reserved: int = 0
    committed: int = 0
    voided: int = 0
    reversed: int = 0
    points: int = 0
    refused: int = 0
    """Reservations that the catalogue's limits refused: that is an answer, too."""

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "reserved": self.reserved, "committed": self.committed, "voided": self.voided, "reversed": self.reversed,
            "points": points_text(self.points), "refused": self.refused,
        }  # fmt: skip


def rules_with_catalogue() -> dict[str, Any]:
    """The standard rules with a catalogue: an offset by steps, two gifts, advice by the hour, a plaque."""

    def words(zh: str, en: str) -> dict[str, str]:
        return {"zh": zh, "en": en}

    offers: list[dict[str, Any]] = [
        {
            "id": _OFFSET, "kind": "offset", "title": words("抵扣工程款", "Off a project payment"), "multiple_of": 100,
            "steps": [
                {"points": 1000, "money": 50}, {"points": 5000, "money": 275}, {"points": 10000, "money": 600},
            ],
        },
        {
            "id": "workwear", "kind": "gift", "title": words("定制工装", "Custom workwear"), "points": 120,
            "supplier": "江城制衣", "variants": [
                {"id": "m", "title": words("M", "M")}, {"id": "xl", "title": words("XL", "XL"), "points": 130},
            ],
        },
        {
            "id": "toolkit", "kind": "gift", "title": words("工具包", "Toolkit"), "points": 60,
            "limits": [{"window": "year", "times": 2}],
        },
        {
            "id": "bim_hours", "kind": "service", "title": words("免费BIM咨询", "BIM consulting"), "points": 200,
            "unit": words("小时", "hour"), "quota": {"units": 60, "window": "month"}, "valid_days": 180,
            "tiers": ["silver", "gold", "platinum"],
        },
        {
            "id": "plaque", "kind": "honour", "title": words("金牌合作伙伴铭牌", "Gold partner plaque"), "points": 2000,
            "tiers": ["gold", "platinum"], "limits": [{"window": "year", "times": 1}],
        },
    ]  # fmt: skip
    entitlements = [
        {
            "id": "priority_quotation", "stage": "bidding", "title": words("优先报价权", "Priority quotation"),
            "reason": words("金牌及以上客户", "customers from gold on"), "when": {"tier": "at_least", "level": "gold"},
        },
        {
            "id": "priority_progress", "stage": "construction", "title": words("进度优先更新权", "Progress told first"),
            "reason": words("银牌及以上客户", "customers from silver on"), "when": {"tier": "at_least", "level": "silver"},
        },
        {
            "id": "fast_payment", "stage": "settlement", "title": words("快速回款通道", "Fast payment lane"),
            "reason": words("余额满3000分且信用A级", "3000 points in the balance and credit grade A"),
            "when": {"all": [{"balance": True, "at_least": 3000}, {"grade": ["a"]}]},
        },
    ]  # fmt: skip
    document = rules_standard()
    title = words("标准规则与兑换目录", "Standard rules with a catalogue")
    return {**document, "id": "with_catalogue", "title": title, "redemption": {
        "offers": offers, "entitlements": entitlements,
    }}  # fmt: skip


class Shop:
    """Redeems on a writer as `actor`."""

    def __init__(self, writer: Writer, actor: str, seed: int) -> None:
        self.came_to = Redeemed()
        self._writer = writer
        self._actor = actor
        self._random = Random(seed)
        self._committed: list[str] = []

    def open(self) -> None:
        """Put the catalogue into force for all days, and let stock come in. Raises RedemptionsRefused."""
        [proposed] = self._must(ProposeRuleSet(rules_with_catalogue()), actor=MAKER)
        self._must(ApproveRuleSet(proposed.id))
        self._must(ActivateRuleSet(proposed.id, "1970-01-01"))
        for offer, variant in (("workwear", "m"), ("workwear", "xl"), ("toolkit", "")):
            self._must(MoveStock(offer, 2_000, "年度采购", variant, "PO-001"))

    def month(self, first: int, last: int) -> None:
        """A month of redemptions, its days given by number; what was recorded of it stands in the books by now."""
        state, chance = self._writer.state, self._random
        wanted: dict[int, list[ReserveRedemption]] = {}
        for number in range(1, len(state.book.customers) + 1):
            available = state.holder(number, last).available
            if chance.randrange(100) < _SHARE_PERCENT and available >= 60_00:
                day = chance.randint(first + (last - first) // 2, last)
                command = self._wanted(number, available, day, f"DK-{month_text_of(last)}-{number:04d}")
                wanted.setdefault(day, []).append(command)
        # Day by day, as they come: a reservation of a later day lets lapse what was held until before it.
        for _, commands in sorted(wanted.items()):
            self._day(commands)
        if self._committed and chance.randrange(2):
            returned = self._committed.pop(chance.randrange(len(self._committed)))
            self._must(ReverseRedemption(returned, "开错发票", occurred_on=day_text(last)))
            self.came_to.reversed += 1

    def _day(self, wanted: Sequence[ReserveRedemption]) -> None:
        answers = self._ask(wanted)
        held = [(a, w) for a, w in zip(answers, wanted, strict=True) if a.status == "accepted"]
        self.came_to.reserved += len(held)
        self.came_to.refused += len(answers) - len(held)
        followed: list[Command] = []
        for answer, command in held:
            fate = self._random.randrange(100)
            if fate < 80:
                followed.append(CommitRedemption(answer.id, reference=command.reference, occurred_on=command.occurred_on))
                self.came_to.points += answer.points
            elif fate < 90:
                followed.append(VoidRedemption(answer.id, "客户改变主意", command.occurred_on))
            # The rest is neither fetched nor voided: it lapses.
        for answer, command in zip(self._must(*followed), followed, strict=True):
            if isinstance(command, CommitRedemption):
                self.came_to.committed += 1
                self._committed.append(answer.id)
            else:
                self.came_to.voided += 1

    def _wanted(self, number: int, available: int, day: int, reference: str) -> ReserveRedemption:
        chance, customer, on = self._random, customer_id(number), day_text(day)
        if available >= _LEAST and chance.randrange(100) < 60:
            most = available // _LEAST
            thousands = most if chance.randrange(3) == 0 else chance.randint(1, most)
            points = str(min(thousands, 20) * 1000)
            return ReserveRedemption(customer, _OFFSET, points=points, reference=reference, occurred_on=on)
        if available >= 130_00 and chance.randrange(2):
            return ReserveRedemption(customer, "workwear", "xl" if chance.randrange(2) else "m", occurred_on=on)
        return ReserveRedemption(customer, "toolkit", occurred_on=on)

    def _ask(self, commands: Sequence[Command], actor: str = "") -> list[Answer]:
        return self._writer.submit([Request(command, actor or self._actor) for command in commands])

    def _must(self, *commands: Command, actor: str = "") -> list[Answer]:
        answers = self._ask(commands, actor)
        for command, answer in zip(commands, answers, strict=True):
            if answer.status == "refused":
                raise RedemptionsRefused(f"{type(command).__name__}: {answer.code}, {answer.reason}")
        return answers


def month_text_of(day: int) -> str:
    """The month of a day as in references: 202506."""
    return day_text(day)[:7].replace("-", "")

