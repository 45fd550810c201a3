"""report: leaderboards, points by region, segments, campaigns, inflation, alerts, the case's own measures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, cast, get_args

import typer
from psycopg import Connection

from ledger.domain.errors import Refused
from ledger.domain.values import day_parse, month_of
from ledger.log.pages import BEGINNING, Seek
from projections.alerts import METHOD, Kind, alerts_read
from projections.campaigns import campaign_report, campaigns_read
from projections.reports import (
    By,
    Months,
    Segment,
    SegmentRow,
    heatmap_read,
    inflation_read,
    leaderboard_read,
    measures_read,
    months_parse,
    periods_asked,
    periods_between,
    segment_read,
)
from projections.rulebook import rulebook_read
from projections.segment_file import segment_head, segment_lines
from service.bootstrap import LedgerHandle, ledger_open
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings

report_app = typer.Typer(help="Reports over all customers. 报表。", no_args_is_help=True, rich_markup_mode=None)

Found = TypeVar("Found")
EXPORT_PAGE: Final = 1_000
PeriodOption = Annotated[str, typer.Option("--period", help="2026, 2026-Q1, 2026-03 or all. 期间。")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows. 条数。")]
RegionOption = Annotated[str | None, typer.Option("--region", help="地区")]
IndustryOption = Annotated[str | None, typer.Option("--industry", help="行业")]


def _read(ledger: str, actor: str, look: Callable[[Connection[Any], LedgerHandle], Found]) -> Found:
    """What a reader finds once every view has seen the whole log."""
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow()
        with handle.reading() as connection:
            return look(connection, handle)


def _file(out: Output, path: Path | None, parts: Iterable[bytes]) -> None:
    """Write parts to a file, or to standard output."""
    if path is None:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
        return
    with path.open("wb") as file:
        file.writelines(parts)
    out.note(f"已写入 {path}", f"written to {path}")


def _months(period: str) -> Months:
    try:
        return months_parse(period)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"--period {error}", "period") from None


def _show(out: Output, title: tuple[str, str], columns: list[tuple[str, str, str]], rows: list[dict[str, Any]]) -> None:
    """A table, or the rows as they are. `columns`: (field, zh, en)."""
    if out.json:
        out.document(rows)
        return
    if not rows:
        out.console.print(out.say("没有数据。", "There is nothing to show."))
        return
    figures = {"rank", "value", "compared", "customers", "awards", "positions"}
    numbers = [i for i, (name, _, _) in enumerate(columns) if name in figures or name.endswith(_FIGURES)]
    table = [[_cell(row[name], out) for name, _, _ in columns] for row in rows]
    out.table(out.say(*title), [out.say(zh, en) for _, zh, en in columns], table, numbers)


def _cell(value: Any, out: Output) -> str:
    if isinstance(value, list):
        return " ".join(map(str, cast(list[Any], value)))
    if isinstance(value, dict):
        words = cast(dict[str, str], value)
        return out.say(words["zh"], words["en"])
    return "" if value is None else str(value)


_FIGURES = (
    "granted", "deducted", "reversed", "expired", "redeemed", "outstanding", "debt", "debt_total", "points", "percent",
    "contribution", "balance",
)  # fmt: skip


@report_app.command("leaderboard")
def leaderboard(
    by: Annotated[str, typer.Option("--by", help="points, contribution or balance. 排序依据。")] = "points",
    period: PeriodOption = "all",
    region: RegionOption = None,
    industry: IndustryOption = None,
    limit: LimitOption = 20,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The best customers by points granted, contribution or balance; who comes to 0.00 or less is left out. 排行榜。"""
    out = output_of(json, language)
    if by not in get_args(By):
        raise Refused("USAGE", "--by is points, contribution or balance", "by")
    months = _months(period)
    chosen: By = by  # pyright: ignore[reportAssignmentType]
    rows = _read(ledger, actor, lambda connection, _: leaderboard_read(
        connection, chosen, months, region=region, industry=industry, limit=limit
    ))  # fmt: skip
    _show(
        out, ("排行榜", "Leaderboard"),
        [("rank", "名次", "rank"), ("customer", "编号", "id"), ("name", "名称", "name"), ("region", "地区", "region"),
         ("industry", "行业", "industry"), ("value", "数值", "value"), ("merged_into", "已并入", "merged into")],
        [row.document(chosen) for row in rows],
    )  # fmt: skip


@report_app.command("regions")
def regions(
    period: PeriodOption = "all",
    limit: LimitOption = 100,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Points by region and industry, month by month. 地区行业分布。"""
    months = _months(period)
    rows = _read(ledger, actor, lambda connection, _: heatmap_read(connection, months, limit=limit))
    _show(
        output_of(json, language), ("地区行业分布", "Points by region and industry"),
        [("month", "月份", "month"), ("region", "地区", "region"), ("industry", "行业", "industry"),
         ("customers", "客户数", "customers"), ("granted", "发放", "granted"), ("deducted", "扣减", "deducted"),
         ("expired", "到期", "expired"), ("redeemed", "兑换", "redeemed"), ("contribution", "合同额", "contribution")],
        [row.document() for row in rows],
    )  # fmt: skip


@report_app.command("inflation")
def inflation(
    period: PeriodOption = "all",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Points issued, taken back, expired and redeemed, and what is outstanding and owed, month by month. 积分通胀。"""
    months = _months(period)
    rows = _read(ledger, actor, lambda connection, _: inflation_read(connection, months))
    _show(
        output_of(json, language), ("积分通胀", "Inflation watch"),
        [("month", "月份", "month"), ("granted", "发放", "granted"), ("deducted", "扣减", "deducted"),
         ("reversed", "冲回", "reversed"), ("expired", "到期", "expired"), ("redeemed", "兑换", "redeemed"),
         ("outstanding", "月末余额", "outstanding"), ("debt", "欠分变动", "debt"), ("debt_total", "月末欠分", "owed")],
        [row.document() for row in rows],
    )  # fmt: skip


@report_app.command("segment")
def segment(
    tag: Annotated[str | None, typer.Option("--tag", help="标签")] = None,
    grade: Annotated[str | None, typer.Option("--grade", help="信用等级")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="会员等级")] = None,
    region: RegionOption = None,
    industry: IndustryOption = None,
    active_days: Annotated[int | None, typer.Option("--active-days", min=1, help="A fact in the last so many days.")] = None,
    inactive_days: Annotated[int | None, typer.Option("--inactive-days", min=1, help="None in so many days.")] = None,
    limit: LimitOption = 100,
    format_: Annotated[
        str | None, typer.Option("--format", help="csv: all of them as a file for spreadsheets, without --limit. 格式。")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Where the CSV goes; otherwise to standard output. 文件。")
    ] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Customers by tag, grade, tier, traits and activity. 客户分群。"""
    if format_ not in (None, "csv"):
        raise Refused("USAGE", "--format is csv; without it a table, or --json", "format")
    if out_file is not None and format_ is None:
        raise Refused("USAGE", "--out goes with --format csv", "out")

    def look(connection: Connection[Any], handle: LedgerHandle) -> list[SegmentRow]:
        day = handle.today
        rulebook = rulebook_read(connection)
        rulebook.standing_check(tag, grade, tier)
        wanted = Segment(
            tag, grade, tier, region, industry, None if active_days is None else day - active_days + 1,
            None if inactive_days is None else day - inactive_days + 1, rulebook.levels(day),
        )  # fmt: skip
        if format_ is None:
            return segment_read(connection, wanted, limit=limit)
        found: list[SegmentRow] = []
        while page := segment_read(connection, wanted, seek=_after(found), limit=EXPORT_PAGE):
            found += page
        return found

    out, found = output_of(json, language), _read(ledger, actor, look)
    if format_ is not None:
        _file(out, out_file, (segment_head(), segment_lines(found)))
        return
    _show(
        out, ("客户分群", "Segment"),
        [("customer", "编号", "id"), ("name", "名称", "name"), ("region", "地区", "region"),
         ("balance", "余额", "balance"), ("tier", "等级", "tier"), ("grade", "信用", "credit"), ("tags", "标签", "tags"),
         ("last_active_on", "最近活动", "last active")],
        [row.document() for row in found],
    )  # fmt: skip


def _after(rows: list[SegmentRow]) -> Seek:
    return Seek((rows[-1].customer,)) if rows else BEGINNING


@report_app.command("campaigns")
def campaigns(
    limit: LimitOption = 100,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Rules with effective dates and what they came to. 营销活动。"""
    out = output_of(json, language)
    rows = _read(ledger, actor, lambda connection, _: campaigns_read(connection, limit=limit))
    _show(
        out, ("营销活动", "Campaigns"),
        _CAMPAIGN, [row.document() for row in rows],
    )  # fmt: skip


_CAMPAIGN: Final = [
    ("rule_set", "规则集", "rule set"), ("rule", "规则", "rule"), ("title", "名称", "title"),
    ("effective_from", "自", "from"), ("effective_to", "至", "to"), ("customers", "客户数", "customers"),
    ("awards", "次数", "awards"), ("points", "积分", "points"),
]  # fmt: skip


@report_app.command("campaign")
def campaign(
    rule_set: Annotated[str, typer.Argument(help="As `plumbline report campaigns` lists them. 规则集。")],
    rule: Annotated[str, typer.Argument(help="The rule of it. 规则。")],
    limit: LimitOption = 20,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """One campaign, month by month, and who got most from it. 单项活动。"""
    out = output_of(json, language)
    found = _read(
        ledger, actor, lambda connection, _: campaign_report(connection, (rule_set, rule), customers=limit)
    )
    if found is None:
        raise Refused("CAMPAIGN_UNKNOWN", "no rule of this id has effective dates; see `plumbline report campaigns`", "rule")
    whole, months, best = found
    document: dict[str, Any] = {
        **whole.document(), "months": [m.document() for m in months], "best": [c.document() for c in best],
    }  # fmt: skip
    if json:
        out.document(document)
        return
    _show(out, ("营销活动", "Campaign"), _CAMPAIGN, [document])
    _show(
        out, ("逐月", "Month by month"),
        [("month", "月份", "month"), ("awards", "次数", "awards"), ("points", "积分", "points")], document["months"],
    )  # fmt: skip
    _show(
        out, ("得分最多的客户", "Who got most"),
        [("customer", "编号", "id"), ("name", "名称", "name"), ("awards", "次数", "awards"), ("points", "积分", "points")],
        document["best"],
    )  # fmt: skip


@report_app.command("alerts")
def alerts(
    on: Annotated[str | None, typer.Option("--on", help="As of the end of a day, YYYY-MM-DD; today. 截至。")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="points_plunge or complaint_surge; without it both. 类型。")
    ] = None,
    limit: LimitOption = 100,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Who lost points sharply, who complains more than usual, and the events behind it. 预警。"""
    out = output_of(json, language)
    if kind is not None and kind not in get_args(Kind):
        raise Refused("USAGE", f"--kind is {' or '.join(get_args(Kind))}", "kind")
    kinds: list[Kind] = [k for k in get_args(Kind) if kind in (None, k)]
    try:
        asked = None if on is None else day_parse(on)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"--on {error}", "on") from None

    def look(connection: Connection[Any], handle: LedgerHandle) -> list[dict[str, Any]]:
        day = asked if asked is not None else handle.today
        return [
            alert.document() for chosen in kinds for alert in alerts_read(connection, chosen, day, limit=limit)
        ]

    rows = _read(ledger, actor, look)
    if not out.json:
        for chosen in kinds:
            out.note(METHOD.words(chosen)["zh"], METHOD.words(chosen)["en"])
    _show(
        out, ("预警", "Alerts"),
        [("kind", "类型", "kind"), ("customer", "编号", "id"), ("name", "名称", "name"), ("value", "数值", "value"),
         ("compared", "对比", "compared"), ("positions", "事件", "events")],
        rows,
    )  # fmt: skip


@report_app.command("measures")
def measures(
    period: PeriodOption = "all",
    by: Annotated[str, typer.Option("--by", help="month, quarter or year. 周期。")] = "quarter",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Repeat cooperation, activity, satisfaction and complaint rate; the last year without a period. 经营指标。

    Each month, quarter or year that the period touches is told whole.
    """
    steps = {"month": 1, "quarter": 3, "year": 12}
    if by not in steps:
        raise Refused("USAGE", "--by is month, quarter or year", "by")
    months = _months(period)
    try:
        asked = [] if period == "all" else periods_asked(months.first, months.last, steps[by])
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"--period {error}", "period") from None

    def look(connection: Connection[Any], handle: LedgerHandle) -> list[dict[str, Any]]:
        now = month_of(handle.today)
        periods = asked or periods_between(now - 11, now, steps[by])
        customers, found = measures_read(connection, periods)
        return [m.document(p, customers) for p, m in zip(periods, found, strict=True)]

    _show(
        output_of(json, language), ("经营指标", "Measures"),
        [("period_from", "自", "from"), ("period_to", "至", "to"), ("activity_percent", "活跃%", "active %"),
         ("repeat_percent", "重复合作%", "repeat %"), ("contribution", "合同额", "contribution"),
         ("top_tenth_percent", "前10%占比", "top tenth %"), ("complaint_percent", "投诉率%", "complaints %"),
         ("response_prompt_percent", "2小时内%", "within 2 h %"), ("satisfaction_percent", "满意%", "content %")],
        _read(ledger, actor, look),
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(report_app, name="report")
