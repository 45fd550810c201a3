"""lead, assign, claim, release, reassign, collaborator, nurture, handover, collisions: who serves whom, and changes of
it."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.domain.commands import (
    AddCollaborator,
    AssignCustomer,
    BeginNurture,
    ClaimCustomer,
    EndNurture,
    HandOver,
    ReassignCustomer,
    ReleaseCustomer,
    RemoveCollaborator,
    ReportLead,
    RuleCollision,
    UndoHandover,
)
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import collision_id, collision_number
from ledger.rules.narrate import Narrator
from ledger.rules.narrate_relations import MATCHES
from projections.relations.arrivals import collisions_read, evidence_read, ruling_refusal
from service.commands.relations.asking import (
    AsOption,
    DryRunOption,
    LimitOption,
    customer_words,
    day_words,
    looking,
    moment_words,
    owner_words,
    pairs_option,
    send,
    word_of,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, output_of

collaborator_app = typer.Typer(help="Who works with a customer beside its owner. 协作人。", no_args_is_help=True, rich_markup_mode=None)
nurture_app = typer.Typer(help="Slow customers with a rhythm of their own. 培育客户。", no_args_is_help=True, rich_markup_mode=None)


def lead(
    reference: Annotated[str, typer.Argument(help="What the source calls the lead.")],
    name: Annotated[str, typer.Option("--name", help="The firm's registered name. 企业名称")],
    source: Annotated[str, typer.Option("--source", help="来源")] = "manual",
    channel: Annotated[str, typer.Option("--channel", help="How it came: web, tender, referral … 渠道")] = "",
    staff: Annotated[str, typer.Option("--staff", help="Who reports it and would have it. 报备人")] = "",
    customer: Annotated[str, typer.Option("--customer", help="The customer, where it is known. 已知客户")] = "",
    industry: Annotated[str, typer.Option("--industry", help="行业")] = "",
    region: Annotated[str, typer.Option("--region", help="地区")] = "",
    customer_type: Annotated[str, typer.Option("--customer-type", help="客户类型")] = "",
    scale: Annotated[str, typer.Option("--scale", help="规模")] = "",
    credit_code: Annotated[str, typer.Option("--credit-code", help="统一社会信用代码")] = "",
    phone: Annotated[str, typer.Option("--phone", help="Looked up, and kept sealed as a contact's. 电话")] = "",
    project: Annotated[str, typer.Option("--project", help="项目")] = "",
    amount: Annotated[str, typer.Option("--amount", help="CNY. 金额")] = "0",
    need: Annotated[list[str] | None, typer.Option("--need", help="name=value, may be repeated. 需求")] = None,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A lead arrives: the rules choose who serves it, or it collides with what is somebody's. 线索报备。"""
    given = {"industry": industry, "region": region, "customer_type": customer_type, "scale": scale}
    command = ReportLead(
        source, reference, name, channel, staff, customer, {t: v for t, v in given.items() if v}, credit_code, phone,
        project, amount, pairs_option(need, "need"),
    )  # fmt: skip
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


def assign(
    customer: str,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Let the rules choose an owner for a customer in the pool. 按规则分配。"""
    send(output_of(json, language), AssignCustomer(customer), ledger, actor, dry_run=dry_run)


def claim(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Take a customer from the pool. 认领。"""
    send(output_of(json, language), ClaimCustomer(customer, staff), ledger, actor, dry_run=dry_run)


def release(
    customer: str,
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Give a customer back to the pool. 退回公海。"""
    send(output_of(json, language), ReleaseCustomer(customer, reason), ledger, actor, dry_run=dry_run)


def reassign(
    customer: str,
    to: Annotated[str, typer.Option("--to", help="To whom (S-000001). 转给")],
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Give a customer to somebody else. 改派。"""
    send(output_of(json, language), ReassignCustomer(customer, to, reason), ledger, actor, dry_run=dry_run)


@collaborator_app.command("add")
def collaborator_add(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Somebody works with a customer beside its owner. 添加协作人。"""
    send(output_of(json, language), AddCollaborator(customer, staff), ledger, actor, dry_run=dry_run)


@collaborator_app.command("remove")
def collaborator_remove(
    customer: str,
    staff: Annotated[str, typer.Option("--staff", help="Who (S-000001). 人员")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Somebody no longer does. 移除协作人。"""
    send(output_of(json, language), RemoveCollaborator(customer, staff), ledger, actor, dry_run=dry_run)


@nurture_app.command("begin")
def nurture_begin(
    customer: str,
    days: Annotated[int, typer.Option("--days", help="Every so many days; 0 as the rules say. 节奏")] = 0,
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Follow a slow customer up in its own rhythm; it does not return to the pool. 转入培育。"""
    send(output_of(json, language), BeginNurture(customer, days, reason), ledger, actor, dry_run=dry_run)


@nurture_app.command("end")
def nurture_end(
    customer: str,
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The ordinary deadline holds again. 结束培育。"""
    send(output_of(json, language), EndNurture(customer, reason), ledger, actor, dry_run=dry_run)


def handover(
    staff: str,
    to: Annotated[str, typer.Option("--to", help="To whom; without it the rules choose for each. 接手人")] = "",
    kind: Annotated[str, typer.Option("--kind", help="leaving, which is recorded before, or leave, which need not be. 离职（须先登记）或休假")] = "leaving",
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Hand over customers, opportunities, tasks and next steps as one. 移交全部客户与工作。"""
    send(output_of(json, language), HandOver(staff, to, kind, reason), ledger, actor, dry_run=dry_run)


def handover_undo(
    position: Annotated[int, typer.Argument(help="The handover's position in the log.")],
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Take a handover back: everything is as before it. 撤销交接。"""
    send(output_of(json, language), UndoHandover(position, reason), ledger, actor, dry_run=dry_run)


def collision_rule(
    collision: str,
    owner: Annotated[str, typer.Option("--owner", help="Who has it (S-000001). 归属")],
    reason: Annotated[str, typer.Option("--reason", help="Why. 原因")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Rule who has the customer. 裁定归属。"""
    send(output_of(json, language), RuleCollision(collision, owner, reason), ledger, actor, dry_run=dry_run)


def collisions(
    every: Annotated[bool, typer.Option("--all", help="Those that are ruled, too. 含已裁定")] = False,
    limit: LimitOption = 50,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Collisions, the latest first, with what they rest on. 撞车一览。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        found = collisions_read(look.connection, look.scope, only_open=not every, limit=limit)
        names = look.names()
    if out.json:
        out.document([
            {
                "collision": collision_id(c.number), "customer": customer_words(c.customer, "") if c.customer else None,
                "matched": customer_words(c.matched, "") if c.matched else None, "holder_team": c.holder_team,
                "asker_team": c.asker_team, "certainty": c.certainty, "matches": c.matches, "day": day_words(c.day),
                "is_open": c.owner is None, "settled_by": c.settled_by, "reason": c.reason, "is_masked": c.is_masked,
            }
            for c in found
        ])  # fmt: skip
        return
    zh = ["撞车", "日期", "客户", "持有方", "报备方", "依据", "归属"]
    en = ["collision", "day", "customer", "holder", "asker", "because of", "owner"]

    def side(staff: int, team: str) -> str:
        return owner_words(out, staff, names) if staff else team

    rows = [
        [collision_id(c.number), day_words(c.day), customer_words(c.matched, c.matched_name) if c.matched else "…",
         side(c.holder, c.holder_team), side(c.asker, c.asker_team),
         ", ".join(f"{word_of(MATCHES, kind, out)} {score}" for kind, score in c.matches),
         out.say("待裁定", "open") if c.owner is None else owner_words(out, c.owner, names)]
        for c in found
    ]  # fmt: skip
    out.table(out.say("撞车", "Collisions"), zh if language == "zh" else en, rows)


def collision_evidence(
    collision: str,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What both sides did with the customer, in order of time, for who may rule. 撞车双方的往来。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        number = collision_number(collision)
        known = collisions_read(look.connection, look.scope, number=number, limit=1) if number else []
        if not known:
            raise Refused("COLLISION_UNKNOWN", "there is no collision of this id; see `plumbline collisions`", "collision")
        if reason := ruling_refusal(look.scope, known[0]):
            raise Refused("PERMISSION_DENIED", reason, "as")
        found = evidence_read(look.connection, look.scope, number)
        narrator, zone = Narrator(look.handle.columns().book(), out.language), look.zone
    told = [(row, narrator.words(row.topic, row.state)) for row in found]
    if out.json:
        out.document([
            {
                "position": row.position, "customer": customer_words(row.customer, ""), "side": row.side,
                "event": row.topic, "recorded_at": row.recorded_at.astimezone(zone).isoformat(), "actor": row.actor, "text": text,
            }
            for row, text in told
        ])  # fmt: skip
        return
    sides = {"holder": out.say("持有方", "holder"), "asker": out.say("报备方", "asker"), "": ""}
    zh, en = ["位置", "时间", "一方", "经过"], ["position", "time", "side", "what happened"]
    rows = [[str(r.position), moment_words(r.recorded_at, zone), sides[r.side], text] for r, text in told]
    out.table(out.say("撞车双方的往来", "Evidence of both sides"), zh if language == "zh" else en, rows, numbers=(0,))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (lead, assign, claim, release, reassign, handover, handover_undo, collisions, collision_evidence,
                    collision_rule):
        app.command()(command)
    app.add_typer(collaborator_app, name="collaborator")
    app.add_typer(nurture_app, name="nurture")
