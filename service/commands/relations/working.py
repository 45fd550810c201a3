"""follow-up, opportunity, task: the work with customers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ledger.domain.commands import ChangeOpportunity, HandTask, MoveTask, OpenOpportunity, RecordFollowUp
from ledger.domain.relations.ids import opportunity_id, task_id
from ledger.domain.relations.stages import STAGES, TASK_STATES
from ledger.domain.values import money_text
from projections.relations.dealings import opportunities_read, tasks_read
from service.commands.relations.asking import (
    AsOption,
    DryRunOption,
    LimitOption,
    customer_words,
    day_words,
    looking,
    owner_words,
    send,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of

opportunity_app = typer.Typer(help="Chances of contracts. 商机。", no_args_is_help=True, rich_markup_mode=None)
task_app = typer.Typer(help="Tasks for other departments. 协同任务。", no_args_is_help=True, rich_markup_mode=None)


def follow_up(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    said: Annotated[str, typer.Option("--said", help="What was said. 沟通内容")],
    channel: Annotated[str, typer.Option("--channel", help="visit, phone, message … 方式")] = "",
    next_step: Annotated[str, typer.Option("--next", help="What comes next. 下一步")] = "",
    next_due_on: Annotated[str, typer.Option("--next-on", help="By when, YYYY-MM-DD. 下一步期限")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="progress, waiting, refused or none. 结果")] = "none",
    opportunity: Annotated[str, typer.Option("--opportunity", help="O-000001. 商机")] = "",
    satisfaction: Annotated[int, typer.Option("--satisfaction", help="1 to 5, 0 where nobody asked. 满意度")] = 0,
    next_step_done: Annotated[bool, typer.Option("--done", help="The step agreed on before is done. 上一步已完成")] = False,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A talk with a customer. 跟进记录。"""
    send(output_of(json, language), RecordFollowUp(
        customer, staff, said, channel, next_step, next_due_on, outcome, opportunity, satisfaction,
        next_step_done,
    ), ledger, actor, dry_run=dry_run)


@opportunity_app.command("open")
def opportunity_open(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    name: Annotated[str, typer.Option("--name", help="What it is. 名称")],
    stage: Annotated[str, typer.Option("--stage", help="lead, qualified, proposal, bidding, negotiation. 阶段")] = "lead",
    amount: Annotated[str, typer.Option("--amount", help="CNY. 金额")] = "0",
    probability: Annotated[int, typer.Option("--probability", help="Percent. 概率")] = 0,
    expected_on: Annotated[str, typer.Option("--expected", help="YYYY-MM-DD. 预计签约日")] = "",
    project: Annotated[str, typer.Option("--project", help="J-000001. 项目")] = "",
    channel: Annotated[str, typer.Option("--channel", help="渠道")] = "",
    source: Annotated[str, typer.Option("--source", help="来源")] = "",
    reference: Annotated[str, typer.Option("--reference", help="What the source calls it. 来源编号")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A chance of a contract. 新建商机。"""
    send(output_of(json, language), OpenOpportunity(
        customer, staff, name, stage, amount, probability, expected_on, project, channel, source, reference
    ), ledger, actor, dry_run=dry_run)


@opportunity_app.command("change")
def opportunity_change(
    opportunity: str,
    stage: Annotated[str | None, typer.Option("--stage", help="won and lost end it. 阶段")] = None,
    amount: Annotated[str | None, typer.Option("--amount", help="CNY. 金额")] = None,
    probability: Annotated[int | None, typer.Option("--probability", help="Percent. 概率")] = None,
    expected_on: Annotated[str | None, typer.Option("--expected", help="预计签约日")] = None,
    name: Annotated[str | None, typer.Option("--name", help="名称")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it was won or lost. 原因")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Move an opportunity on, or end it. 推进商机。"""
    given: dict[str, Any] = {
        "stage": stage, "amount": amount, "probability_percent": probability, "expected_on": expected_on, "name": name,
    }  # fmt: skip
    command = ChangeOpportunity(opportunity, {n: v for n, v in given.items() if v is not None}, reason)
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


@opportunity_app.command("list")
def opportunity_list(
    customer: Annotated[str | None, typer.Option("--customer", help="客户")] = None,
    stage: Annotated[str | None, typer.Option("--stage", help="阶段")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only open ones. 仅进行中")] = False,
    limit: LimitOption = 50,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Opportunities, the latest first. 商机一览。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        number = look.customer(customer) if customer else None
        found = opportunities_read(
            look.connection, look.scope, customer=number, stage=stage, only_open=only_open, limit=limit
        )
        names = look.names()
    if out.json:
        out.document([
            {
                "opportunity": opportunity_id(o.number), "customer": customer_words(o.customer, ""), "name": o.name,
                "stage": o.stage, "amount": money_text(o.amount), "probability_percent": o.probability_percent,
                "expected_on": None if o.expected_day is None else day_words(o.expected_day),
                "opened_on": day_words(o.opened_day), "channel": o.channel, "reason": o.reason,
            }
            for o in found
        ])  # fmt: skip
        return
    zh = ["商机", "客户", "负责人", "名称", "阶段", "金额", "概率"]
    en = ["opportunity", "customer", "staff", "name", "stage", "amount", "probability"]
    rows = [
        [opportunity_id(o.number), customer_words(o.customer, o.customer_name), owner_words(out, o.staff, names), o.name,
         _stage(out, o.stage), money_text(o.amount), f"{o.probability_percent}%"]
        for o in found
    ]  # fmt: skip
    out.table(out.say("商机", "Opportunities"), zh if language == "zh" else en, rows, numbers=(5, 6))


@task_app.command("hand")
def task_hand(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    title: Annotated[str, typer.Option("--title", help="What is to be done. 事项")],
    due_on: Annotated[str, typer.Option("--due", help="By when, YYYY-MM-DD. 期限")],
    department: Annotated[str, typer.Option("--department", help="A team, or where --to is given theirs; see `plumbline team list`. 部门")] = "",
    to: Annotated[str, typer.Option("--to", help="Somebody in it (S-000001). 处理人")] = "",
    opportunity: Annotated[str, typer.Option("--opportunity", help="O-000001. 商机")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A task for another department. 派发协同任务。"""
    send(output_of(json, language), HandTask(customer, staff, title, due_on, department, to, opportunity), ledger, actor, dry_run=dry_run)


@task_app.command("move")
def task_move(
    task: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    state: Annotated[str, typer.Option("--state", help="accepted, done or declined. 状态")],
    progress: Annotated[int, typer.Option("--progress", help="Percent. 进度")] = 0,
    note: Annotated[str, typer.Option("--note", help="备注")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A task is accepted, makes progress, is done or declined. 处理协同任务。"""
    send(output_of(json, language), MoveTask(task, state, staff, progress, note), ledger, actor, dry_run=dry_run)


@task_app.command("list")
def task_list(
    only_open: Annotated[bool, typer.Option("--open", help="Only open ones. 仅未完成")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only overdue ones. 仅逾期")] = False,
    limit: LimitOption = 50,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Tasks, the latest first. 任务一览。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        found = tasks_read(
            look.connection, look.scope, only_open=only_open, overdue_on=look.today if overdue else None, limit=limit
        )
        names = look.names()
    if out.json:
        out.document([
            {
                "task": task_id(t.number), "customer": customer_words(t.customer, ""), "title": t.title, "state": t.state,
                "department": t.department, "due_on": day_words(t.due_day), "progress_percent": t.progress_percent,
            }
            for t in found
        ])  # fmt: skip
        return
    zh = ["任务", "客户", "事项", "派发人", "处理人", "期限", "状态", "进度"]
    en = ["task", "customer", "title", "handed by", "to", "due", "state", "progress"]
    rows = [
        [task_id(t.number), customer_words(t.customer, t.customer_name), t.title, owner_words(out, t.staff, names),
         owner_words(out, t.doer, names) if t.doer else t.department, day_words(t.due_day), _state(out, t.state),
         f"{t.progress_percent}%"]
        for t in found
    ]  # fmt: skip
    out.table(out.say("任务", "Tasks"), zh if language == "zh" else en, rows, numbers=(7,))


def _stage(out: Output, stage: str) -> str:
    return next((out.say(s.zh, s.en) for s in STAGES if s.id == stage), stage)


def _state(out: Output, state: str) -> str:
    return next((out.say(s.zh, s.en) for s in TASK_STATES if s.id == state), state)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(follow_up)
    app.add_typer(opportunity_app, name="opportunity")
    app.add_typer(task_app, name="task")
