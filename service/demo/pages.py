"""The demonstration in words and pictures, in Chinese or English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.text import Text

from ledger.domain.book import Book
from ledger.domain.fact_types import fact_type_parse
from ledger.standard import fact_types_standard, rules_standard
from replay.ownership.recorded import OwnershipDifference
from replay.ownership.report import ownership_print, ownership_recorded_print
from replay.ownership.run import OwnershipRun
from replay.ownership.what_if import OwnershipBacktest
from replay.recorded import Difference
from replay.report import comparison_print, grouped, recorded_print
from replay.run import RunResult
from replay.what_if import Backtest
from service.demo.figures import Quarter, Standing
from service.demo.next_steps import NextStep
from service.demo.pictures import Bar, bars, blocks, console_of, heading, plain_table
from service.demo.redemptions import Redeemed
from service.demo.salesforce import SalesForce
from service.demo.words import TITLES
from service.output import Output

_TIER_STYLES: Final = ("dark_orange3", "grey70", "gold3", "deep_sky_blue1")
_STEPS: Final[dict[str, tuple[str, str]]] = {
    "books": ("新账套", "new books"),
    "generate": ("生成", "inventing"),
    "import_and_close": ("导入与关账", "import and closing"),
    "views": ("视图", "views"),
    "sales_force": ("分配客户", "assigning"),
    "payments": ("收款", "payments"),
    "settlement": ("对账", "settlement"),
    "what_if": ("推演", "what-if"),
    "assignment_what_if": ("分配推演", "assignment what-if"),
    "figures": ("统计", "figures"),
    "proof": ("复算", "proof"),
}


class Pages:
    """Prints the story; says nothing where JSON is wanted."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._say = out.say
        self._console = console_of()

    def title(self, first: date, last: date, firms: int) -> None:
        """What is about to happen."""
        if self._out.json:
            return
        self._console.rule("[bold]Plumbline[/bold]", style="dim")
        self._console.print(
            self._say(
                f"一家虚构承包商的三年：{first} 至 {last}，{firms} 家客户，名称均为虚构。",
                f"Three years of an invented contractor, {first} to {last}: {firms} customers, every name made up.",
            )
        )

    def generated(self, facts: int, months: int, folder: Path, seconds: float) -> None:
        """The files are written."""
        self._done(
            self._say(f"生成 {facts:,} 条事实，{months} 个月的 CSV：{folder}",
                      f"{facts:,} facts invented, as CSV files of {months} months in {folder}"), seconds
        )  # fmt: skip

    def recorded(self, facts: int, position: int, seconds: float) -> None:
        """The facts are in the books."""
        self._done(
            self._say(
                f"导入 {facts:,} 条，逐月关账，共写入 {position:,} 个不可更改的事件",
                f"{facts:,} facts imported, month after month closed: {position:,} immutable events",
            ),
            seconds,
        )

    def followed(self, seconds: float, closed: str) -> None:
        """The views have caught up."""
        self._done(
            self._say(f"视图与列文件已跟上；已关账至 {closed}，其后的日子仍开放",
                      f"views and columns are up to date; closed through {closed}, the days since are open"), seconds
        )  # fmt: skip

    def facts(self, counts: Mapping[str, int]) -> None:
        """What came in, by kind of fact."""
        titles = {
            t.id: getattr(t.title, self._out.language) for t in map(fact_type_parse, fact_types_standard())
        }
        heading(self._console, self._say("发生了什么", "What happened"))
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        self._console.print(bars([Bar(titles.get(k, k), n, f"{n:,}", "green") for k, n in ranked]))

    def leaderboard(self, places: Sequence[Standing]) -> None:
        """The first ten."""
        heading(self._console, self._say("积分榜", "Leaderboard"))
        headers = [
            "#", self._say("编号", "id"), self._say("客户", "customer"), self._say("行业", "industry"),
            self._say("地区", "region"), self._say("积分", "points"), self._say("等级", "tier"),
        ]  # fmt: skip
        rows = [
            [
                str(i),
                s.customer,
                s.name,
                self._title(s.industry),
                self._title(s.region),
                _points(s.points),
                self._tier(s.tier),
            ]
            for i, s in enumerate(places, 1)
        ]
        self._console.print(plain_table(headers, rows, right=(0, 5)))

    def tiers(self, counts: Mapping[str, int], rules: Mapping[str, Any]) -> None:
        """How many customers stand in each tier, the highest first."""
        heading(self._console, self._say("等级分布", "Tiers"))
        total = sum(counts.values()) or 1
        levels = rules["tiers"]["levels"]
        rows = [
            Bar(
                self._tier(level["id"]).plain
                + self._say(f"（{level['points']} 分起）", f" (from {level['points']})"),
                counts.get(level["id"], 0),
                f"{counts.get(level['id'], 0):>4}  {counts.get(level['id'], 0) * 100 // total:>3} %",
                _TIER_STYLES[i % len(_TIER_STYLES)],
            )
            for i, level in enumerate(levels)
        ]
        self._console.print(bars(rows[::-1]))

    def quarters(self, found: Sequence[Quarter]) -> None:
        """Points granted, deducted and expired, and the complaints, by quarter."""
        heading(self._console, self._say("每季度的积分", "Points by quarter"))
        most, loudest = (
            max((q.granted for q in found), default=0),
            max((q.complaints for q in found), default=0),
        )
        rows: list[list[str | Text]] = [
            [
                f"{q.year} Q{q.number}", _points(q.granted), Text(blocks(q.granted, most, 20), style="green"),
                _points(q.deducted), _points(q.expired), str(q.complaints),
                Text(blocks(q.complaints, loudest, 12), style="red"),
            ]
            for q in found
        ]  # fmt: skip
        headers = [
            self._say("季度", "quarter"), self._say("发放", "granted"), "", self._say("扣减", "deducted"),
            self._say("到期", "expired"), self._say("投诉", "complaints"), "",
        ]  # fmt: skip
        self._console.print(plain_table(headers, rows, right=(1, 3, 4, 5)))

    def redemptions(self, found: Redeemed) -> None:
        """A year of redemptions."""
        heading(self._console, self._say("积分换了什么", "What points were redeemed for"))
        points = _points(found.points)
        self._console.print(
            self._say(
                f"最近 12 个月预留 {found.reserved} 笔：兑付 {found.committed} 笔（{points} 分），取消 {found.voided} 笔，"
                f"退回 {found.reversed} 笔，其余到期释放。",
                f"{found.reserved} reservations in the last 12 months: {found.committed} fulfilled ({points} points),"
                f" {found.voided} voided, {found.reversed} taken back; the rest lapsed.",
            )
        )

    def what_if(self, found: Backtest, book: Book) -> None:
        """The comparison."""
        heading(
            self._console,
            self._say(
                "如果每万元 3 分（现行 2 分）、扣分加倍？",
                "What if: 3 points per 10,000 CNY instead of 2, penalties doubled?",
            ),
        )
        comparison_print(self._console, self._out.language, found, book, 5)

    def sales_force(self, force: SalesForce, explained: Sequence[str]) -> None:
        """Who serves whom: an assignment with its reasons, a collision, a handover."""
        heading(self._console, self._say("谁来服务谁", "Who serves whom"))
        lines = [
            self._say(
                f"{force.people} 人、6 个区域：规则分配了 {force.assigned} 家客户，{force.unassigned} 家留在公海。",
                f"{force.people} people in 6 regions: the rules assigned {force.assigned} customers, {force.unassigned} stay"
                " in the pool.",
            ),
            self._say(f"官网来的新客户 {force.arrived}，当即分配：", f"{force.arrived} came over the website and was assigned at once:"),
            *(f"  {line}" for line in explained),
            self._say(
                f"撞车 {force.collision}：另一人报备同一家企业，只被告知：{force.collision_told}",
                f"Collision {force.collision}: somebody else reports the same firm and is told no more than this:"
                f" {force.collision_told}",
            ),
            self._say(
                f"{force.leaver} 离职：{force.handed} 家客户连同商机、任务、下一步一次交接，{force.pooled} 家无人可接。",
                f"{force.leaver} leaves: {force.handed} customers with opportunities, tasks and next steps are handed over at"
                f" once, {force.pooled} find nobody.",
            ),
        ]
        for line in lines:
            self._console.print(line)

    def assignment_what_if(self, found: OwnershipBacktest) -> None:
        """The same arrivals under other assignment rules."""
        heading(
            self._console,
            self._say("如果政府业主给最有经验的人、其余轮转？", "What if public owners went to who knows them best?"),
        )
        ownership_print(self._console, self._out.language, found, 5)

    def proof_of_owners(self, run: OwnershipRun, count: int, differences: list[OwnershipDifference]) -> None:
        """That they reproduce who served whom, too."""
        ownership_recorded_print(self._console, self._out.language, run, count, differences)

    def proof(self, run: RunResult, count: int, differences: list[Difference]) -> None:
        """That the recorded rules reproduce the record."""
        zh, en = (
            "复算：当时的规则得出的，正是账上所记",
            "Proof: the rules then in force give what is on record",
        )
        heading(self._console, self._say(zh, en))
        recorded_print(self._console, self._out.language, run, count, differences)

    def end(self, steps: Sequence[NextStep], seconds: Mapping[str, float], total: float) -> None:
        """How long it took, and where to go on."""
        heading(self._console, self._say("用时", "Time"))
        shares = " · ".join(f"{self._say(*_STEPS[name])} {s:.1f}" for name, s in seconds.items())
        self._console.print(self._say(f"共 {total:.1f} 秒：{shares}", f"{total:.1f} s in all: {shares}"))
        heading(self._console, self._say("接下来可以试试", "Where to go on"))
        for step in steps:
            self._console.print(Text("# " + self._say(step.zh, step.en), style="dim"))
            # Not folded: a line break in the middle of a command could not be copied.
            self._console.print(Text("  " + step.command), soft_wrap=True)

    def _title(self, trait: str) -> str:
        return self._say(*TITLES[trait])

    def _tier(self, tier: str) -> Text:
        return Text(_tier_titles(self._out.language).get(tier, tier))

    def _done(self, words: str, seconds: float) -> None:
        if not self._out.json:
            self._console.print(Text.assemble(("✓ ", "green"), words, (f"  {seconds:.1f} s", "dim")))


def _points(points: int) -> str:
    """Full points with thousands set apart: enough for an overview. Rounded towards zero."""
    full = abs(points) // 100
    return grouped(f"-{full}" if points < 0 and full else str(full))


def _tier_titles(language: str) -> dict[str, str]:
    return {level["id"]: level["title"][language] for level in rules_standard()["tiers"]["levels"]}
