"""The demonstration's payments, liability and honours in words and tables, in Chinese or English."""

from __future__ import annotations

from typing import Final

from rich.table import Table
from rich.text import Text

from ledger.domain.values import money_text, month_text, points_text
from projections.finance.honours import MEASURE_WORDS
from reconciliation.invented import MATCHED_BY, OPEN_AS, Fault
from reconciliation.planted import Outcome
from reconciliation.sentences import KIND_WORDS, RULE_WORDS
from service.demo.pictures import console_of, heading, plain_table
from service.demo.settling import Checked, MonthLiability, Settled
from service.output import Output

FAULT_WORDS: Final[dict[Fault, tuple[str, str]]] = {
    "missing": ("没有付款", "no payment came"),
    "doubled": ("同一笔付了两次", "the same payment twice"),
    "too_little": ("抵扣少于兑换", "less taken off than redeemed"),
    "too_much": ("抵扣多于兑换", "more taken off than redeemed"),
    "split": ("一笔兑换分两次付款", "one redemption in two payments"),
    "combined": ("两笔兑换一次付款", "two redemptions in one payment"),
    "wrong_reference": ("编号写错", "reference mistyped"),
    "no_reference": ("没写编号", "no reference"),
    "no_redemption": ("抵扣了没有的兑换", "set off without a redemption"),
}
_FLOW_WORDS: Final[dict[str, tuple[str, str]]] = {
    "granted": ("发放", "granted"), "deducted": ("扣减", "deducted"), "reversed": ("冲回", "reversed"),
    "redeemed": ("兑换", "redeemed"), "returned": ("退回", "returned"), "expired": ("到期", "expired"),
    "adjusted": ("调整", "adjusted"), "debt": ("欠分", "debt"),
}  # fmt: skip
_PLACES_SHOWN: Final = 5


class SettlingPages:
    """Prints this part of the story."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._say = out.say
        self._console = console_of()

    def settlement(self, settled: Settled, checked: Checked) -> None:
        """What was planted in the payments against what was found, and that it adds up."""
        heading(self._console, self._say("收款与兑换对得上吗", "Do payments and redemptions agree"))
        payments, planted = len(settled.history.payments), len(settled.history.planted)
        self._console.print(self._say(
            f"银行流水 {payments} 笔，埋入 {planted} 处差错；规则核对上 {settled.matches} 组：",
            f"{payments} payments in a bank's file, {planted} faults planted in it; rules matched {settled.matches} groups:",
        ))  # fmt: skip
        self._console.print(self._faults(checked.outcome))
        for item in (*checked.outcome.missed, *checked.outcome.false, *checked.faults):
            self._console.print(Text(f"✗ {item}", style="bold red"))
        if not checked.complaint:
            self._console.print(self._say("全部找到并说对，没有误报。", "All found and named, and nothing else seen."))
        redeemed, done, left = (money_text(fen) for fen in (checked.redeemed, checked.settled, checked.open))
        if not checked.faults:
            self._console.print(self._say(
                f"兑换 {redeemed} − 已结 {done} = 未结各项合计 {left} 元，分毫不差。",
                f"redeemed {redeemed} − settled {done} = {left} CNY, the sum of the open items, to the fen.",
            ))  # fmt: skip

    def liability(self, found: MonthLiability) -> None:
        """A month of the liability in a line."""
        heading(self._console, self._say("还欠客户多少分", "What is owed in points"))
        flows = [(self._say(*_FLOW_WORDS[name]), points) for name, points in found.flows.items() if points]
        headers = [
            self._say("月份", "month"), self._say("期初", "opening"), *(name for name, _ in flows),
            self._say("期末", "closing"), self._say("元", "CNY"),
        ]  # fmt: skip
        row = [
            month_text(found.month), points_text(found.opening), *(points_text(points) for _, points in flows),
            points_text(found.closing), money_text(found.closing_fen),
        ]  # fmt: skip
        self._console.print(plain_table(headers, [row], right=range(1, len(row))))

    def honours(self, settled: Settled) -> None:
        """The first of the year, and where that is on record."""
        heading(self._console, self._say(f"{settled.year} 年度金牌合作伙伴", f"Gold Partners of {settled.year}"))
        if not settled.places:
            self._console.print(self._say("这一年没有人获得积分。", "Nobody earned points in that year."))
            return
        headers = ["#", self._say("编号", "id"), self._say("客户", "customer"), self._say("积分", "points")]
        rows = [[str(p.rank), p.customer, p.name, points_text(p.points)] for p in settled.places[:_PLACES_SHOWN]]
        self._console.print(plain_table(headers, rows, right=(0, 3)))
        count, position = len(settled.places), f"{settled.position:,}"
        self._console.print(self._say(
            f"共 {count} 家，记于位置 {position}。", f"{count} of them, recorded at position {position}."
        ))  # fmt: skip
        self._console.print(Text(MEASURE_WORDS[self._out.language], style="dim"))

    def _faults(self, outcome: Outcome) -> Table:
        headers = [
            self._say("埋入的差错", "planted"), self._say("处", "times"), self._say("找到", "found"),
            self._say("说成", "named"),
        ]  # fmt: skip
        rows: list[list[str | Text]] = [
            [
                self._say(*FAULT_WORDS[kept.fault]), str(kept.planted),
                Text(str(kept.found), style="green" if kept.found == kept.planted else "bold red"),
                self._named(kept.fault),
            ]
            for kept in outcome.faults
        ]  # fmt: skip
        return plain_table(headers, rows, right=(1, 2))

    def _named(self, fault: Fault) -> str:
        if fault in OPEN_AS:
            return self._say("未结：", "open: ") + self._say(*KIND_WORDS[OPEN_AS[fault]])
        rules = [self._say(*RULE_WORDS[rule]) for rule in MATCHED_BY[fault]]
        return self._say("匹配：", "matched: ") + " / ".join(rules)
