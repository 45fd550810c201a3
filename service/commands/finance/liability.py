"""liability: what outstanding points are worth, day by day; and what other rules would make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.domain.errors import Refused
from ledger.domain.valuation import PointValue, point_value_of
from ledger.domain.values import day_text, money_text, points_text
from ledger.log.columns.keeping import columns_kept
from projections.finance.liability import DAY_COLUMNS, METHOD, Liability, liability_read, sheets_of
from projections.finance.reading import POSITION_MAX
from projections.finance.sheets import csv_text, xlsx_bytes
from replay.what_if import what_if
from service.commands.finance.asking import Looking, OutOption, PositionOption, day_option, looking, put
from service.commands.rules import document_read, rule_set_check
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of

DAYS_MAX = 3_700
DAYS_SHOWN_MAX = 62


def liability(
    from_: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD; the last day alone without. 起始日。")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD; today. 截止日。")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="csv (the days) or xlsx (all of it). 格式。")] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="What the liability would be under these rules. 候选规则。")
    ] = None,
    position: PositionOption = None,
    out_file: OutOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The liability of points: roll-forward, ages, expiry ahead, breakage. 积分负债。"""
    out = output_of(json, language)
    if format_ not in (None, "csv", "xlsx"):
        raise Refused("USAGE", "--format is csv or xlsx", "format")
    if format_ == "xlsx" and out_file is None:
        raise Refused("USAGE", "an XLSX file needs --out FILE", "out")
    first, last = day_option(from_, "from"), day_option(to, "to")
    with looking(ledger, actor) as look:
        last = look.today if last is None else last
        first = last if first is None else first
        if not first <= last < first + DAYS_MAX:
            raise Refused("DATE_INVALID", f"--from to --to must hold 1 to {DAYS_MAX} days", "from")
        value = look.value(last)
        if rules is not None:
            _under(out, look, rules, value)
            return
        found = liability_read(
            look.connection, value, first, last, stop=POSITION_MAX if position is None else position
        )
    if format_ == "csv":
        put(out, out_file, csv_text(DAY_COLUMNS, (d.document() for d in found.days), DAY_COLUMNS[1:]))
    elif format_ == "xlsx":
        put(out, out_file, [xlsx_bytes(sheets_of(found))])
    elif out.json:
        out.document(found.document())
    else:
        _show(out, found)
    if found.faults:
        raise typer.Exit(1)


def _show(out: Output, found: Liability) -> None:
    for fault in found.faults:
        out.console.print(f"[bold red]{out.say('不平', 'DOES NOT ADD UP')}[/] {fault}")
    names = {
        "opening": "期初", "granted": "发放", "deducted": "扣减", "reversed": "冲回", "redeemed": "兑换", "returned": "退回",
        "expired": "到期", "adjusted": "调整", "debt": "欠分", "closing": "期末", "held": "占用",
    }  # fmt: skip
    days = [d for d in found.days if any(d.flows) or d in (found.days[0], found.days[-1])][-DAYS_SHOWN_MAX:]
    figures = [(d.opening, *d.flows, d.closing, d.held) for d in days]
    # A column in which nothing stands only makes the others narrow.
    told = [i for i, en in enumerate(names) if en in ("opening", "closing") or any(f[i] for f in figures)]
    words = [out.say(zh, en) for en, zh in names.items()]
    heads = [out.say("日期", "date"), *(words[i] for i in told), out.say("元", "CNY")]
    rows = [
        [day_text(d.day), *(points_text(f[i]) for i in told), money_text(d.closing_fen)]
        for d, f in zip(days, figures, strict=True)
    ]
    out.table(out.say("积分负债", "Liability of points"), heads, rows, list(range(1, len(heads))))
    for title, shares in ((("账龄（先进先出）", "By age (first in, first out)"), found.ages), (("到期", "By expiry"), found.expiries)):
        columns = [out.say(a, b) for a, b in (("", ""), ("积分", "points"), ("占用", "held"), ("元", "CNY"))]
        listed = [[s.name, points_text(s.points), points_text(s.held), money_text(s.fen)] for s in shares]
        out.table(out.say(*title), columns, listed, [1, 2, 3])
    breakage = found.breakage
    if breakage.rate_bp is None:
        out.console.print(out.say("还没有批次走完，不估计沉淀。", "No lot has run its course yet: no breakage is estimated."))
    else:
        rate = f"{breakage.rate_bp // 100}.{breakage.rate_bp % 100:02d}%"
        out.console.print(out.say(
            f"预计沉淀 {points_text(breakage.points)} 分，{money_text(breakage.fen)} 元（{rate}）。{METHOD['zh']}",
            f"Breakage: {points_text(breakage.points)} points, {money_text(breakage.fen)} CNY ({rate}). {METHOD['en']}",
        ))  # fmt: skip
    if found.debt:
        out.console.print(out.say(f"欠分 {points_text(found.debt)}。", f"Owed by customers: {points_text(found.debt)} points."))


def _under(out: Output, look: Looking, rules: Path, value: PointValue) -> None:
    """The liability under other rules, by replay: points outstanding, and at what they would be worth."""
    document = document_read(rules)
    candidate = rule_set_check(document, look.book)
    with columns_kept(look.handle.columns()) as columns, out.progress("推演", "replaying") as update:
        found = what_if(columns, candidate, 2, update).comparison
    other = point_value_of(document)
    before, after = value.fen(found.recorded.outstanding), other.fen(found.candidate.outstanding)
    said: dict[str, Any] = {
        "points": points_text(found.recorded.outstanding), "points_under_rules": points_text(found.candidate.outstanding),
        "point_value": value.document(), "point_value_under_rules": other.document(), "cny": money_text(before),
        "cny_under_rules": money_text(after), "change_cny": money_text(after - before),
        "digest": found.candidate.digest,
    }  # fmt: skip
    if out.json:
        out.document(said)
        return
    out.console.print(out.say(
        f"负债 {said['cny']} 元，按候选规则 {said['cny_under_rules']} 元，变动 {said['change_cny']} 元。",
        f"The liability is {said['cny']} CNY, under these rules {said['cny_under_rules']}: {said['change_cny']} CNY change.",
    ))  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(liability)
