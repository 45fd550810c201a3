"""Comparisons for people: tables in Chinese and English."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger.domain.book import Book
from ledger.domain.values import money_text, points_text
from replay.comparison import CustomerChange, GroupChange, Language, PointChange
from replay.recorded import Difference
from replay.redemptions import RedemptionsCompared
from replay.run import RunResult
from replay.what_if import Backtest


def grouped(text: str) -> str:
    """A decimal text with thousands set apart."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, dot, part = digits.partition(".")
    return f"{sign}{int(whole):,}{dot}{part}"


def _points(points: int) -> str:
    return grouped(points_text(points))


def _signed(points: int) -> str:
    text = _points(points)
    return f"+{text}" if points > 0 else text


def report_table(title: str, headers: Sequence[str], left: int = 1) -> Table:
    """An empty table; the first `left` columns hold words, the others figures."""
    table = Table(title=Text(title, no_wrap=True, overflow="ignore"), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, header in enumerate(headers):
        table.add_column(header, justify="left" if i < left else "right", overflow="fold")
    return table


def comparison_print(console: Console, language: Language, found: Backtest, book: Book, limit: int = 10) -> None:
    """A what-if, whole: totals, liability, tiers, winners and losers, regions and industries."""
    zh = language == "zh"
    a, b = found.comparison.recorded, found.comparison.candidate
    run = found.candidate
    console.print(
        f"推演 {run.run_id}：{run.facts:,} 条事实，账本位置 {run.position}，{run.seconds:.2f} 秒"
        if zh
        else f"{run.run_id}: {run.facts:,} facts to position {run.position} in {run.seconds:.2f} s"
    )
    console.print(f"{'摘要' if zh else 'digest'} {run.digest}", style="dim")
    console.print()
    redeemed = [
        ("兑换" if zh else "redeemed", a.redeemed + a.returned, b.redeemed + b.returned),
        ("冻结" if zh else "held", a.held, b.held),
    ] if found.comparison.redemptions is not None else []  # fmt: skip
    table = report_table(
        "总计" if zh else "Totals", ["", *(["现行", "候选", "变化"] if zh else ["in force", "candidate", "change"])]
    )
    for label, before, after in (
        ("发放" if zh else "granted", a.granted, b.granted),
        ("扣减" if zh else "deducted", a.deducted, b.deducted),
        ("冲回" if zh else "reversed", a.reversed, b.reversed),
        ("到期" if zh else "expired", a.expired, b.expired),
        *redeemed,
        ("余额" if zh else "balance", a.balance, b.balance),
        ("欠分" if zh else "debt", a.debt, b.debt),
    ):
        table.add_row(label, _points(before), _points(after), _signed(after - before))
    change = b.liability - a.liability
    table.add_row(
        _liability_words(zh, a.value, b.value),
        grouped(money_text(a.liability)),
        grouped(money_text(b.liability)),
        ("+" if change > 0 else "") + grouped(money_text(change)),
        style="bold",
    )
    console.print(table)
    if found.comparison.redemptions is not None:
        _redemptions(console, zh, found.comparison.redemptions, limit)
    _movers(console, zh, found.comparison.customers, limit)
    _tiers(console, zh, found)
    titles = {"region": ("按地区", "By region"), "industry": ("按行业", "By industry")}
    for trait, groups in found.comparison.groups.items():
        _groups(console, zh, titles[trait][0 if zh else 1], groups)


def _liability_words(zh: bool, *values: tuple[int, int]) -> str:
    """What points are worth in the books, on either side where that differs."""
    told = [
        f"{grouped(points_text(points)).removesuffix('.00')}{'分=' if zh else ' points = '}"
        f"{grouped(money_text(fen)).removesuffix('.00')}{'元' if zh else ' CNY'}"
        for points, fen in dict.fromkeys(values)
    ]
    return f"负债（元，{' → '.join(told)}）" if zh else f"liability, CNY ({' → '.join(told)})"


def _redemptions(console: Console, zh: bool, found: RedemptionsCompared, limit: int) -> None:
    """What the candidate would have meant for what was redeemed."""
    decided = found.decided
    lacked = _points(sum(r.lacked for r in found.lacking))
    console.print()
    console.print(
        f"{found.count:,} 笔兑换：照旧发生则 {len(found.lacking):,} 笔积分不足，共缺 {lacked} 分；重新判定则 {len(decided.refused):,} 笔被拒。"
        if zh
        else f"{found.count:,} redemptions: as they happened, {len(found.lacking):,} would have lacked points, {lacked} in all;"
        f" decided again, {len(decided.refused):,} are refused."
    )
    if found.lacking:
        headers = ["兑换", "客户", "积分", "缺少"] if zh else ["redemption", "customer", "points", "lacked"]
        table = report_table("积分不足的兑换" if zh else "Redemptions that would have lacked points", headers, left=2)
        for r in found.lacking[:limit]:
            table.add_row(r.redemption, r.customer, _points(r.points), _points(r.lacked))
        console.print(table)
    if found.offers:
        headers = ["项目", "笔数", "积分", "现行（元）", "候选（元）"] if zh else ["offer", "count", "points", "CNY in force", "CNY candidate"]
        table = report_table("抵扣工程款" if zh else "Offsets of payments", headers)
        for o in found.offers:
            table.add_row(
                o.offer, f"{o.count:,}", _points(o.points), grouped(money_text(o.money)), grouped(money_text(o.money_candidate))
            )
        console.print(table)


def _movers(console: Console, zh: bool, changes: list[CustomerChange], limit: int) -> None:
    winners = [c for c in changes if c.change > 0]
    losers = [c for c in changes if c.change < 0][::-1]
    console.print()
    console.print(
        f"{len(changes)} 家客户有变化：{len(winners)} 家增加，{len(losers)} 家减少。"
        if zh
        else f"{len(changes)} customers change: {len(winners)} gain, {len(losers)} lose."
    )
    headers = ["客户", "名称", "现行", "候选", "变化"] if zh else ["customer", "name", "in force", "candidate", "change"]
    for title, group in (("增加最多" if zh else "Gain most", winners), ("减少最多" if zh else "Lose most", losers)):
        if group:
            table = report_table(title, headers, left=2)
            for c in group[:limit]:
                table.add_row(c.customer, c.name, _points(c.balance), _points(c.balance_candidate), _signed(c.change))
            console.print(table)


def _tiers(console: Console, zh: bool, found: Backtest) -> None:
    moves = found.comparison.tier_moves
    names = list(dict.fromkeys(["", *found.recorded.program.tiers, *found.candidate.program.tiers]))
    names = [n for n in names if any(n in move for move in moves)]
    if not any(names):
        return
    titles = {"": "（无）" if zh else "(none)"}
    for result in (found.candidate, found.recorded):
        for activation in result.program.activations:
            for level in activation.rules.tiers.levels if activation.rules.tiers else ():
                titles[level.id] = level.title.zh if zh else level.title.en
    table = report_table("等级变动（行：现行，列：候选）" if zh else "Tier moves (rows in force, columns candidate)", ["", *[titles.get(n, n) for n in names]])
    for row in names:
        table.add_row(titles.get(row, row), *[f"{moves.get((row, column), 0):,}" for column in names])
    console.print()
    console.print(table)


def _groups(console: Console, zh: bool, title: str, groups: list[GroupChange], limit: int = 12) -> None:
    headers = ["", "客户数", "现行", "候选", "变化"] if zh else ["", "customers", "in force", "candidate", "change"]
    table = report_table(title, headers)
    for g in groups[:limit]:
        table.add_row(
            g.group or ("（未填）" if zh else "(none)"), f"{g.customers:,}", _points(g.balance), _points(g.balance_candidate),
            _signed(g.balance_candidate - g.balance),
        )  # fmt: skip
    console.print()
    console.print(table)


def recorded_print(
    console: Console, language: Language, result: RunResult, count: int, differences: Sequence[Difference]
) -> None:
    """Whether the rules in force reproduce the record, and where not."""
    zh = language == "zh"
    console.print(
        f"{result.run_id}：按当时规则复算 {result.facts:,} 条事实，账本位置 {result.position}，{result.seconds:.2f} 秒，差异 {count}。"
        if zh
        else f"{result.run_id}: {result.facts:,} facts to position {result.position} decided again by the rules "
        f"then in force, in {result.seconds:.2f} s: {count} differences."
    )
    console.print(f"{'摘要' if zh else 'digest'} {result.digest}", style="dim")
    for d in differences:
        console.print(f"  {d.position} {d.customer}: {d.recorded} ≠ {d.replayed}", style="red")


def customer_print(console: Console, language: Language, customer: str, changes: list[PointChange]) -> None:
    """The clause behind every changed point of one customer."""
    zh = language == "zh"
    console.print()
    headers = ["位置", "现行", "候选", "现行条款", "候选条款"] if zh else ["position", "in force", "candidate", "clause in force", "candidate's clause"]
    table = report_table(f"{customer} 的变化" if zh else f"What changes for {customer}", headers, left=0)
    for c in changes:
        table.add_row(str(c.position), _points(c.points), _points(c.points_candidate), c.clause, c.clause_candidate)
    for column in (3, 4):
        table.columns[column].justify = "left"
    console.print(table)
