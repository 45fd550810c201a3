"""funnel, sources, performance, workload, reminders: how the work with customers goes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.stages import STAGES
from ledger.domain.values import customer_id, money_text
from projections.relations.figures import (
    Span,
    funnel_read,
    performance_read,
    performance_teams_read,
    sources_read,
)
from projections.relations.portfolios import workload_read, workload_teams_read
from projections.relations.reminders import reminders_read
from service.commands.relations.asking import (
    AsOption,
    FromOption,
    LimitOption,
    ToOption,
    customer_words,
    day_words,
    looking,
    owner_words,
    percent_words,
    span_option,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, output_of

TeamOption = Annotated[str | None, typer.Option("--team", help="A team and those below it. 团队")]
RegionOption = Annotated[str | None, typer.Option("--region", help="地区")]
FROM_DEFAULT = "1970-01-01"


def funnel(
    since: FromOption = FROM_DEFAULT,
    until: ToOption = "",
    team: TeamOption = None,
    region: RegionOption = None,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The funnel of opportunities opened in a span of days. 销售漏斗。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        span = Span(*span_option(since, until, look.today))
        found = funnel_read(look.connection, look.scope, span, look.today, team=team, region=region)
    words = {s.id: out.say(s.zh, s.en) for s in STAGES}
    if out.json:
        out.document([
            {
                "stage": f.stage, "count": f.count, "amount": money_text(f.amount), "reached": f.reached,
                "amount_reached": money_text(f.amount_reached), "conversion_percent": percent_words(f.conversion_bp),
                "overall_percent": percent_words(f.overall_bp), "stay_days": f.stay_days_mean,
            }
            for f in found
        ])  # fmt: skip
        return
    zh = ["阶段", "现有", "金额", "到达", "转化率", "总转化率", "平均停留天数"]
    en = ["stage", "there now", "amount", "reached", "conversion", "overall", "days there"]
    rows = [
        [words[f.stage], f"{f.count:,}", money_text(f.amount), f"{f.reached:,}", percent_words(f.conversion_bp),
         percent_words(f.overall_bp), "–" if f.stay_days_mean is None else str(f.stay_days_mean)]
        for f in found
    ]  # fmt: skip
    out.table(out.say("销售漏斗", "Funnel"), zh if language == "zh" else en, rows, numbers=(1, 2, 3, 4, 5, 6))


def sources(
    since: FromOption = FROM_DEFAULT,
    until: ToOption = "",
    region: RegionOption = None,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Where customers come from, and what became of it. 来源分析。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        span = Span(*span_option(since, until, look.today))
        found = sources_read(look.connection, look.scope, span, region=region)
    if out.json:
        out.document([
            {
                "channel": s.channel, "leads": s.leads, "customers": s.customers, "opportunities": s.opportunities,
                "amount": money_text(s.amount), "won": s.won, "amount_won": money_text(s.amount_won), "lost": s.lost,
            }
            for s in found
        ])  # fmt: skip
        return
    zh = ["渠道", "线索", "客户", "商机", "金额", "赢单", "赢单金额"]
    en = ["channel", "leads", "customers", "opportunities", "amount", "won", "amount won"]
    rows = [
        [s.channel or "–", f"{s.leads:,}", f"{s.customers:,}", f"{s.opportunities:,}", money_text(s.amount),
         f"{s.won:,}", money_text(s.amount_won)]
        for s in found
    ]  # fmt: skip
    out.table(out.say("来源分析", "Sources"), zh if language == "zh" else en, rows, numbers=(1, 2, 3, 4, 5, 6))


def performance(
    since: FromOption = FROM_DEFAULT,
    until: ToOption = "",
    teams: Annotated[bool, typer.Option("--teams", help="By team instead of by person. 按团队")] = False,
    team: TeamOption = None,
    limit: LimitOption = 100,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Follow-up success, response time and satisfaction by person or team. 跟进绩效。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        span = Span(*span_option(since, until, look.today))
        names = look.names()
        by_team = performance_teams_read(look.connection, look.scope, span) if teams else []
        people = [] if teams else performance_read(look.connection, look.scope, span, team=team, limit=limit)
    labelled = [(t.team, t.name or t.team, t) for t in by_team]
    labelled += [(staff_id(p.staff), owner_words(out, p.staff, names), p) for p in people]
    if out.json:
        out.document([
            {
                "team" if teams else "staff": key, "talks": f.talks, "success_percent": percent_words(f.success_bp),
                "won": f.won, "lost": f.lost, "won_percent": percent_words(f.won_bp), "amount_won": money_text(f.amount_won),
                "satisfaction_hundredths": f.satisfaction_percent, "assigned": f.assigned, "talked": f.talked,
                "response_seconds_mean": f.response_seconds_mean, "response_seconds_median": f.response_seconds_median,
            }
            for key, _, f in labelled
        ])  # fmt: skip
        return
    zh = ["团队" if teams else "人员", "跟进", "有效率", "赢单率", "满意度", "平均响应"]
    en = ["team" if teams else "staff", "talks", "success", "won", "satisfaction", "response"]
    rows = [
        [label, f"{f.talks:,}", percent_words(f.success_bp), percent_words(f.won_bp),
         "–" if f.satisfaction_percent is None else f"{f.satisfaction_percent // 100}.{f.satisfaction_percent % 100:02d}",
         _hours(f.response_seconds_mean)]
        for _, label, f in labelled
    ]  # fmt: skip
    out.table(out.say("跟进绩效", "Performance"), zh if language == "zh" else en, rows, numbers=(1, 2, 3, 4, 5))


def workload(
    teams: Annotated[bool, typer.Option("--teams", help="By team instead of by person. 按团队")] = False,
    team: TeamOption = None,
    limit: LimitOption = 100,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What people or teams own and have to do. 工作负荷。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        names = look.names()
        by_team = workload_teams_read(look.connection, look.scope, look.today) if teams else []
        people = [] if teams else workload_read(look.connection, look.scope, look.today, team=team, limit=limit)
    found: list[tuple[str, str, Any]] = [(t.team, t.name or t.team, t) for t in by_team]
    found += [(staff_id(p.staff), owner_words(out, p.staff, names), p) for p in people]
    if out.json:
        out.document([
            {
                "team" if teams else "staff": key, "owned": w.owned, "capacity": w.capacity, "nurtured": w.nurtured,
                "overdue": w.overdue, "opportunities": w.opportunities, "amount": money_text(w.amount), "tasks": w.tasks,
                "tasks_overdue": w.tasks_overdue,
            }
            for key, _, w in found
        ])  # fmt: skip
        return
    zh = ["团队" if teams else "人员", "客户/容量", "培育", "逾期", "商机", "金额", "任务"]
    en = ["team" if teams else "staff", "owns/capacity", "nurtured", "overdue", "opportunities", "amount", "tasks"]
    rows = [
        [label, f"{w.owned}/{w.capacity}", str(w.nurtured), str(w.overdue), str(w.opportunities), money_text(w.amount),
         str(w.tasks)]
        for _, label, w in found
    ]  # fmt: skip
    out.table(out.say("工作负荷", "Workload"), zh if language == "zh" else en, rows, numbers=(1, 2, 3, 4, 5, 6))


def reminders(
    kind: Annotated[list[str] | None, typer.Option("--kind", help="May be repeated. 类别")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are done, too. 含已处理")] = False,
    limit: LimitOption = 50,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What the ends of days said to be due: quiet customers, milestones, protection, tasks, returns. 提醒与预警。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        found = reminders_read(look.connection, look.scope, look.today, kinds=kind, only_open=not every, limit=limit)
        names = look.names()
    if out.json:
        out.document([
            {
                "position": r.position, "customer": customer_id(r.customer), "kind": r.kind,
                "staff": staff_id(r.staff) or None, "about": r.about, "title": r.title, "due_on": day_words(r.due_day),
                "is_open": r.is_open,
            }
            for r in found
        ])  # fmt: skip
        return
    zh, en = ["客户", "类别", "事项", "负责人", "期限"], ["customer", "kind", "about", "staff", "due"]
    rows = [
        [customer_words(r.customer, r.customer_name), r.kind, f"{r.about} {r.title}".strip(),
         owner_words(out, r.staff, names) if r.staff else "–", day_words(r.due_day)]
        for r in found
    ]  # fmt: skip
    out.table(out.say("提醒", "Reminders"), zh if language == "zh" else en, rows)


def _hours(seconds: int | None) -> str:
    return "–" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02d} h"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (funnel, sources, performance, workload, reminders):
        app.command()(command)
