"""staff, team: who there is, what they can do, when they are away, when they leave."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ledger.domain.commands import (
    CancelAbsence,
    CancelLeaving,
    ChangeStaff,
    DeclareTeam,
    EnrolStaff,
    RecordAbsence,
    RecordLeaving,
)
from ledger.domain.relations.ids import staff_id
from ledger.rules.assignment.sentences import ROLE_WORDS
from projections.relations.portfolios import workload_read
from projections.relations.staff import staff_read, teams_read
from service.commands.relations.asking import (
    DryRunOption,
    day_words,
    looking,
    owner_words,
    pairs_option,
    send,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, output_of

staff_app = typer.Typer(help="Staff. 人员。", no_args_is_help=True, rich_markup_mode=None)
team_app = typer.Typer(help="Teams. 团队。", no_args_is_help=True, rich_markup_mode=None)

SkillsOption = Annotated[
    list[str] | None, typer.Option("--skill", help="trait:value=level, 1 to 5 (customer_type:政府=4). 技能。")
]


@team_app.command("declare")
def team_declare(
    team: str,
    name: Annotated[str, typer.Option("--name", help="What people call it. 名称")],
    parent: Annotated[str, typer.Option("--parent", help="The team above it. 上级团队")] = "",
    region: Annotated[str, typer.Option("--region", help="地区")] = "",
    kind: Annotated[str, typer.Option("--kind", help="sales, technical, estimating … 类别")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Declare a team, or change one. 声明团队。"""
    send(output_of(json, language), DeclareTeam(team, name, parent, region, kind), ledger, actor, dry_run=dry_run)


@team_app.command("list")
def team_list(
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """All teams. 团队一览。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        found = teams_read(look.connection)
    if out.json:
        out.document([
            {"team": t.team, "name": t.name, "parent": t.parent, "region": t.region, "kind": t.kind} for t in found
        ])  # fmt: skip
        return
    headers = ["团队", "名称", "上级", "地区", "类别"] if language == "zh" else ["team", "name", "parent", "region", "kind"]
    out.table(out.say("团队", "Teams"), headers, [[t.team, t.name, t.parent, t.region, t.kind] for t in found])


@staff_app.command("enrol")
def staff_enrol(
    reference: Annotated[str, typer.Argument(help="What the source calls them.")],
    name: Annotated[str, typer.Option("--name", help="Their name; kept sealed. 姓名")],
    team: Annotated[str, typer.Option("--team", help="团队")],
    source: Annotated[str, typer.Option("--source", help="来源")] = "manual",
    role: Annotated[str, typer.Option("--role", help="seller, manager, executive, support or site. 角色")] = "seller",
    phone: Annotated[str, typer.Option("--phone", help="Kept sealed. 电话")] = "",
    region: Annotated[str, typer.Option("--region", help="地区")] = "",
    skill: SkillsOption = None,
    experience_years: Annotated[int, typer.Option("--experience", min=0, help="Years. 从业年数")] = 0,
    capacity: Annotated[int, typer.Option("--capacity", min=0, help="How many customers they can own. 容量")] = 50,
    joined_on: Annotated[str, typer.Option("--joined", help="YYYY-MM-DD; by default today. 入职日")] = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Enrol a member of staff. 登记人员。"""
    command = EnrolStaff(
        source, reference, name, team, role, phone, region, _skills(skill), experience_years, capacity, joined_on
    )
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


@staff_app.command("change")
def staff_change(
    staff: str,
    team: Annotated[str | None, typer.Option("--team", help="团队")] = None,
    role: Annotated[str | None, typer.Option("--role", help="角色")] = None,
    region: Annotated[str | None, typer.Option("--region", help="地区")] = None,
    skill: SkillsOption = None,
    experience_years: Annotated[int | None, typer.Option("--experience", min=0, help="从业年数")] = None,
    capacity: Annotated[int | None, typer.Option("--capacity", min=0, help="容量")] = None,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Change what rules look at; skills given replace those known. 变更人员。"""
    given: dict[str, Any] = {
        "team": team, "role": role, "region": region, "experience_years": experience_years, "capacity": capacity,
        "skills": None if skill is None else _skills(skill),
    }  # fmt: skip
    command = ChangeStaff(staff, {name: value for name, value in given.items() if value is not None})
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


@staff_app.command("absent")
def staff_absent(
    staff: str,
    first_day: Annotated[str, typer.Option("--from", help="YYYY-MM-DD")],
    last_day: Annotated[str, typer.Option("--to", help="YYYY-MM-DD, included")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Leave from a day to a day: not chosen meanwhile. 请假。"""
    send(output_of(json, language), RecordAbsence(staff, first_day, last_day), ledger, actor, dry_run=dry_run)


@staff_app.command("leave")
def staff_leave(
    staff: str,
    last_day: Annotated[str, typer.Option("--on", help="Their last day, YYYY-MM-DD. 最后工作日")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Leaves the firm; `plumbline handover` gives on what they own. 离职。"""
    send(output_of(json, language), RecordLeaving(staff, last_day), ledger, actor, dry_run=dry_run)


@staff_app.command("absent-cancel")
def staff_absent_cancel(
    staff: str,
    first_day: Annotated[str, typer.Option("--from", help="The first day of the leave, YYYY-MM-DD. 休假首日")],
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Leave does not take place, or ends now. 取消休假。"""
    send(output_of(json, language), CancelAbsence(staff, first_day), ledger, actor, dry_run=dry_run)


@staff_app.command("leave-cancel")
def staff_leave_cancel(
    staff: str,
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Stays after all; `plumbline handover-undo` takes back what was handed over. 取消离职。"""
    send(output_of(json, language), CancelLeaving(staff), ledger, actor, dry_run=dry_run)


@staff_app.command("list")
def staff_list(
    team: Annotated[str | None, typer.Option("--team", help="A team and those below it. 团队")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="条数")] = 1_000,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Who there is, with what they own. 人员一览。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        found = staff_read(look.connection, team=team, limit=limit)
        names = look.names()
        owned = {w.staff: w.owned for w in workload_read(look.connection, look.scope, look.today, limit=100_000)}
    if out.json:
        out.document([
            {
                "staff": staff_id(s.number), "name": names[s.number], "team": s.team, "role": s.role, "region": s.place,
                "skills": s.skills, "experience_years": s.experience_years, "capacity": s.capacity,
                "owned": owned.get(s.number, 0), "joined_on": day_words(s.joined_day),
                "last_day": None if s.last_day is None else day_words(s.last_day),
            }
            for s in found
        ])  # fmt: skip
        return
    zh = ["人员", "团队", "角色", "地区", "负责/容量", "离职"]
    en = ["staff", "team", "role", "region", "owns/capacity", "leaves"]
    rows = [
        [owner_words(out, s.number, names), s.team, ROLE_WORDS[s.role][0] if language == "zh" else s.role, s.place, f"{owned.get(s.number, 0)}/{s.capacity}",
         "" if s.last_day is None else day_words(s.last_day)]
        for s in found
    ]  # fmt: skip
    out.table(out.say("人员", "Staff"), zh if language == "zh" else en, rows, numbers=(4,))


def _skills(values: list[str] | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for skill, level in pairs_option(values, "skill").items():
        if not level.isascii() or not level.isdigit():
            raise typer.BadParameter("a level is a number from 1 to 5", param_hint="--skill")
        found[skill] = int(level)
    return found


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(staff_app, name="staff")
    app.add_typer(team_app, name="team")
