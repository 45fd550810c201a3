"""What-ifs on ownership for people: tables in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console

from ledger.rules.assignment.document import FALLBACK
from ledger.rules.narrate_relations import WHY
from replay.comparison import Language
from replay.ownership.measures import Measures
from replay.ownership.recorded import OwnershipDifference
from replay.ownership.run import OwnershipRun
from replay.ownership.what_if import OwnershipBacktest
from replay.ownership.words import DONE, DROPPED
from replay.report import report_table

_MEASURES: Final = (
    ("customers_owned", "有负责人的客户", "customers with an owner"),
    ("customers_pooled", "公海客户", "customers in the pool"),
    ("staff", "可负责客户的人员", "people who can own customers"),
    ("load_max", "最多负责", "largest load"),
    ("load_min", "最少负责", "smallest load"),
    ("gini_bp", "负荷基尼系数", "Gini of loads"),
    ("region_match_bp", "区域匹配", "region matches"),
    ("skill_match_bp", "技能匹配", "skill matches"),
    ("first_days_median", "首次分配天数（中位）", "days to the first owner, median"),
    ("first_days_mean_hundredths", "首次分配天数（平均）", "days to the first owner, mean"),
    ("never_assigned", "从未分配", "never assigned"),
    ("returns", "退回公海次数", "returns to the pool"),
)


def ownership_print(console: Console, language: Language, found: OwnershipBacktest, limit: int = 10) -> None:
    """A what-if, whole: both runs side by side, what could not happen, whose customers would be somebody else's."""
    zh = language == "zh"
    run, comparison = found.candidate, found.comparison
    console.print(
        f"分配推演：{run.inputs:,} 条输入，{run.seconds:.2f} 秒"
        if zh
        else f"Assignment replayed: {run.inputs:,} inputs in {run.seconds:.2f} s"
    )
    console.print(f"{'摘要' if zh else 'digest'} {run.digest}", style="dim")
    console.print()
    table = report_table("分配结果" if zh else "Outcome", ["", "现行" if zh else "in force", "候选" if zh else "candidate"])
    for name, label_zh, label_en in _MEASURES:
        table.add_row(
            label_zh if zh else label_en, _figure(name, comparison.recorded), _figure(name, comparison.candidate)
        )
    console.print(table)
    _dropped(console, zh, comparison.candidate.dropped)
    console.print()
    console.print(
        f"{len(comparison.changes):,} 家客户会换负责人。" if zh else f"{len(comparison.changes):,} customers would be somebody else's."
    )
    if comparison.moves:
        table = report_table("按规则" if zh else "By rule", ["现行规则", "候选规则", "客户数"] if zh else ["rule in force", "candidate rule", "customers"], 2)
        for before, after, count in comparison.moves[:limit]:
            table.add_row(_rule(zh, before), _rule(zh, after), f"{count:,}")
        console.print(table)
    if comparison.changes:
        table = report_table("客户" if zh else "Customers", ["客户", "现负责人", "规则", "候选负责人", "规则"] if zh else ["customer", "owner", "rule", "owner then", "rule then"], 5)
        pool = "公海" if zh else "pool"
        for change in comparison.changes[:limit]:
            table.add_row(
                change.customer, change.owner or pool, _rule(zh, change.rule, change.why), change.owner_then or pool,
                _rule(zh, change.rule_then, change.why_then),
            )  # fmt: skip
        console.print(table)


def ownership_recorded_print(
    console: Console, language: Language, run: OwnershipRun, count: int, differences: Sequence[OwnershipDifference]
) -> None:
    """Whether the rules in force reproduce every change of owner."""
    zh = language == "zh"
    if not count:
        console.print(
            f"分配记录：{len(run.decisions):,} 次归属变更全部重现。" if zh
            else f"Ownership: all {len(run.decisions):,} changes of owner are reproduced."
        )  # fmt: skip
        return
    console.print(
        f"分配记录：{count:,} 次归属变更不一致。" if zh else f"Ownership: {count:,} changes of owner differ.", style="bold red"
    )
    table = report_table("", ["位置", "客户", "记录", "复算"] if zh else ["position", "customer", "recorded", "replayed"], 4)
    for d in differences:
        table.add_row(str(d.position), d.customer, d.recorded or "–", d.replayed or "–")
    console.print(table)


def _dropped(console: Console, zh: bool, dropped: Mapping[str, int]) -> None:
    if dropped:
        table = report_table("无法重演的操作" if zh else "What could not happen again", ["操作", "次数"] if zh else ["what, and why", "times"])
        for what, count in dropped.items():
            topic, _, code = what.partition(" ")
            event = DONE.get(topic, (topic, topic))[0 if zh else 1]
            table.add_row(f"{event}{'：' if zh else ': '}{DROPPED.get(code, (code, code))[0 if zh else 1]}", f"{count:,}")
        console.print(table)


def _rule(zh: bool, rule: str, why: str = "") -> str:
    """The rule that gave a customer its owner; without one, why it changed."""
    if rule == FALLBACK:
        return "兜底" if zh else "fallback"
    return rule or WHY.get(why, (why, why))[0 if zh else 1] or "–"


def _figure(name: str, measures: Measures) -> str:
    value: int | None = getattr(measures, name)
    if value is None:
        return "–"
    if name.endswith("_bp"):
        return f"{value // 100}.{value % 100:02d}%"
    if name.endswith("_hundredths"):
        return f"{value // 100}.{value % 100:02d}"
    return f"{value:,}"

