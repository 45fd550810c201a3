"""customer, record, adjust, rebuild: single facts and changes by hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from ledger.domain.commands import (
    Answer,
    ChangeCustomer,
    Command,
    GiveConsent,
    RecordFact,
    RegisterCustomer,
    Request,
    WithdrawConsent,
)
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.values import day_text, points_text
from ledger.log.codec import state_of
from ledger.log.recorder import LogRecorder
from ledger.log.types import FactEntry, fact_key
from projections import VIEW_NAMES
from service.bootstrap import LedgerHandle, ledger_open
from service.commanding import commands
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings

SOURCE_MANUAL = "manual"
_MOVING: Final = frozenset({"PointsGranted", "PointsDeducted", "PointsReversed"})

customer_app = typer.Typer(help="Customers one by one. 单个客户。", no_args_is_help=True, rich_markup_mode=None)

IndustryOption = Annotated[str | None, typer.Option("--industry", help="行业")]
RegionOption = Annotated[str | None, typer.Option("--region", help="地区")]
TypeOption = Annotated[str | None, typer.Option("--customer-type", help="客户类型")]
ScaleOption = Annotated[str | None, typer.Option("--scale", help="规模")]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a command. `points` are those that a fact moved, in 1/100, by customer: a correction may give it to
    another one. `warnings` are what keeps views from showing it."""

    answer: Answer
    points: Mapping[str, int]
    warnings: Sequence[PlumblineError]


def _submit(asked: Command | Callable[[LedgerHandle], Command], ledger: str, actor: str) -> Recorded:
    """Carry out one command, perhaps one that depends on what is recorded; a refusal is raised."""
    with ledger_open(Settings.from_environment(), ledger, actor, create=True) as handle:
        handle.follow(columns_only=True)
        command = asked(handle) if callable(asked) else asked
        with commands(handle, actor) as writing:
            [answer] = writing.submit([Request(command, actor)])
        if answer.status == "refused":
            raise Refused(answer.code, answer.reason, answer.field)
        return Recorded(answer, _points_moved(handle.recorder, command, answer), handle.follow_written())


def _points_moved(recorder: LogRecorder, command: Command, answer: Answer) -> dict[str, int]:
    """The points that a fact just recorded moved, by customer. They stand between it and its answer's position."""
    if not isinstance(command, RecordFact) or answer.status == "duplicate":
        return {}
    versions: list[FactEntry] = recorder.select_facts([fact_key(command.source, command.external_id)])
    [*_, first] = [v.position for v in versions if v.position <= answer.position]
    moved: dict[str, int] = {}
    for _, customer, _, topic, data in recorder.select_range(first, answer.position - first, stop=answer.position):
        if topic in _MOVING:
            moved[customer] = moved.get(customer, 0) + state_of(topic, data)["points"]
    return moved


def _print(out: Output, recorded: Recorded) -> None:
    answer, warnings = recorded.answer, recorded.warnings
    if out.json:
        out.document({
            "status": answer.status, "customer": answer.customer, "id": answer.id, "position": answer.position,
            "points": points_text(answer.points),
            "points_by_customer": {customer: points_text(points) for customer, points in recorded.points.items()},
            "warnings": out.warned(warnings),
        })  # fmt: skip
        return
    words = {
        "accepted": out.say("已记录", "recorded"),
        "duplicate": out.say("已存在，未变", "already there, nothing changed"),
        "corrected": out.say("已更正", "corrected"),
    }
    # Of a fact that concerns several customers each is told its own.
    mine = recorded.points.get(answer.customer, 0) if recorded.points else answer.points
    others = {customer: points for customer, points in recorded.points.items() if customer != answer.customer}
    points = points_text(mine) + out.say("", " points")
    points += "".join(
        out.say(f"；{customer} 积分 {points_text(moved)}", f"; {customer} {points_text(moved)} points")
        for customer, moved in others.items()
    )
    out.console.print(
        out.say(
            f"{answer.customer} {words[answer.status]}；积分 {points}；位置 {answer.position}。",
            f"{answer.customer} {words[answer.status]}; {points}; position {answer.position}.",
        )
    )
    out.warn(warnings)


def _traits(industry: str | None, region: str | None, customer_type: str | None, scale: str | None) -> dict[str, str]:
    given = {"industry": industry, "region": region, "customer_type": customer_type, "scale": scale}
    return {name: value for name, value in given.items() if value is not None}


@customer_app.command("register")
def customer_register(
    reference: Annotated[str, typer.Argument(help="What the source calls the customer.")],
    name: Annotated[str, typer.Option("--name", help="The customer's name. 名称")],
    source: Annotated[str, typer.Option("--source", help="The source. 来源")] = SOURCE_MANUAL,
    industry: IndustryOption = None,
    region: RegionOption = None,
    customer_type: TypeOption = None,
    scale: ScaleOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Register a customer under a source's reference. 登记客户。"""
    out = output_of(json, language)
    traits = _traits(industry, region, customer_type, scale)
    _print(out, _submit(RegisterCustomer(source, reference, name, traits), ledger, actor))


@customer_app.command("change")
def customer_change(
    customer: str,
    name: Annotated[str | None, typer.Option("--name", help="A new name. 名称")] = None,
    industry: IndustryOption = None,
    region: RegionOption = None,
    customer_type: TypeOption = None,
    scale: ScaleOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Change a customer's name or what rules weigh; an empty value clears it. 变更客户。"""
    out = output_of(json, language)
    traits = _traits(industry, region, customer_type, scale)
    _print(out, _submit(ChangeCustomer(customer, name, traits), ledger, actor))


@customer_app.command("consent")
def customer_consent(
    customer: str,
    purpose: Annotated[str, typer.Argument(help="publication, messages …")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw it. 撤回")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Record that a customer agrees to a purpose, or no longer does. 记录授权。"""
    out = output_of(json, language)
    command = WithdrawConsent(customer, purpose) if withdraw else GiveConsent(customer, purpose)
    _print(out, _submit(command, ledger, actor))


def record(
    fact_type: Annotated[str, typer.Argument(help="`plumbline fact-types list` shows them.")],
    customer: Annotated[str, typer.Argument(help="A customer's id.")],
    attributes: Annotated[list[str] | None, typer.Argument(help="name=value …")] = None,
    id_: Annotated[str, typer.Option("--id", help="The source's id of the fact. 外部编号")] = "",
    occurred: Annotated[str | None, typer.Option("--occurred", help="YYYY-MM-DD; today by default. 发生日")] = None,
    source: Annotated[str, typer.Option("--source", help="The source. 来源")] = SOURCE_MANUAL,
    revert: Annotated[bool, typer.Option("--revert", help="Go back to an earlier content of this fact.")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Record one fact; the same id again with other content corrects it. 记录事实。"""
    out = output_of(json, language)
    values: dict[str, object] = {}
    for pair in attributes or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise Refused("USAGE", f"write attributes as name=value, not {pair}", "attributes")
        values[name] = {"true": True, "false": False}.get(value, value)

    def command(handle: LedgerHandle) -> Command:
        day = occurred or _occurred(handle, source, id_)
        return RecordFact(source, id_ or str(uuid.uuid4()), fact_type, customer, day, values, revert=revert)

    _print(out, _submit(command, ledger, actor))


def adjust(
    customer: str,
    points: Annotated[str, typer.Argument(help="Points to give, or with a minus sign (after --) to take.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; shown in the history. 原因")],
    id_: Annotated[str, typer.Option("--id", help="An id of yours, so that a repeat isn't a second one.")] = "",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Adjust points by hand, with a reason. 人工调整。"""
    out = output_of(json, language)
    values: dict[str, object] = {"points": points, "reason": reason}

    def command(handle: LedgerHandle) -> Command:
        day = _occurred(handle, SOURCE_MANUAL, id_)
        return RecordFact(SOURCE_MANUAL, id_ or str(uuid.uuid4()), "manual_adjustment", customer, day, values)

    _print(out, _submit(command, ledger, actor))


def _occurred(handle: LedgerHandle, source: str, external_id: str) -> str:
    """When a fact without a date of its own occurred: as it says where it is recorded already, so that a repeat on
    another day is no correction; else today, where the books are kept."""
    known: list[FactEntry] = handle.recorder.select_facts([fact_key(source, external_id)]) if external_id else []
    if known:
        [(_, _, _, topic, data)] = handle.recorder.select_range(known[-1].position - 1, 1)
        return state_of(topic, data)["occurred_at"]
    return day_text(handle.today)


def rebuild(
    view: Annotated[str, typer.Argument(help=", ".join(VIEW_NAMES))],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Build a view anew from the log, beside the one that is read. 重建视图。"""
    out = output_of(json, language)
    with ledger_open(
        Settings.from_environment(), ledger, actor, create=ledger == "main", rebuilding=True
    ) as handle:
        if view not in VIEW_NAMES:
            raise Refused("VIEW_UNKNOWN", f"views are {', '.join(VIEW_NAMES)}", "view")
        with handle.follower() as follower, out.progress("重建", "rebuilding") as update:
            position = follower.rebuild(view, progress=lambda name, done, of: update(done, of))
    if json:
        out.document({"view": view, "position": position})
    else:
        out.console.print(out.say(f"视图 {view} 已重建至位置 {position}。", f"{view} is rebuilt to position {position}."))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(customer_app, name="customer")
    app.command()(record)
    app.command()(adjust)
    app.command()(rebuild)
