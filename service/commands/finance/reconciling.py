"""reconcile: payments held against redemptions; settle: what people propose, approve, undo and sign off."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from ledger.domain.commands import (
    Answer,
    ApproveProposal,
    DeclineProposal,
    ProposeMatch,
    ProposeRuling,
    Request,
    SettlementCommand,
    SignPeriodOff,
    UndoSettlement,
)
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.relations.state import Relations
from ledger.domain.settlement.records import Ruling, settlement_id
from ledger.domain.values import customer_id, money_text, month_last_day, month_of, month_parse, month_text
from projections.places import ViewFailed
from reconciliation.proposals import Proposal, proposal_named, proposals_of
from reconciliation.reconciling import commands_of, found_in, rehearsed, state_read
from reconciliation.report import KINDS, Line, Report, report_of
from reconciliation.sentences import KIND_WORDS, OUTCOME_WORDS, RULE_WORDS, approved_words, evidence_words, sentence
from service.bootstrap import LedgerHandle, ledger_open
from service.commanding import commands
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of
from service.settings import Settings

settle_app = typer.Typer(
    help="Matches and rulings by people, months signed off. 人工核对与签核。", no_args_is_help=True, rich_markup_mode=None
)

SUBMITTED_TOGETHER = 500
LINES_SHOWN_MAX = 200
PeriodOption = Annotated[str, typer.Option("--period", help="The month, 2025-06. 月份。")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would match, and record nothing. 试运行。")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. 原因")]


def period_option(text: str) -> int:
    """A month given as an option. Raises Refused."""
    try:
        return month_parse(text)
    except ValueError as error:
        raise Refused("PERIOD_INVALID", f"--period {error}", "period") from None


def reconcile(
    period: PeriodOption,
    dry_run: DryRunOption = False,
    sign_off: Annotated[bool, typer.Option("--sign-off", help="Sign the month off as the report says. 签核。")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Match payments with redemptions up to a month's end, and list what is open. 对账。"""
    out = output_of(json, language)
    month = period_option(period)
    warnings: list[PlumblineError] = []
    if dry_run and sign_off:
        raise Refused("USAGE", "--dry-run records nothing, so there is nothing to sign off", "sign-off")
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        state = state_read(handle.columns())
        found = found_in(state.settlement, month)
        given = commands_of(found)
        if dry_run:
            rehearsed(state, given, month_last_day(month), actor)
        elif given:
            with commands(handle, actor) as writing, out.progress("核对", "matching") as update:
                for first in range(0, len(given), SUBMITTED_TOGETHER):
                    part = given[first : first + SUBMITTED_TOGETHER]
                    for answer in writing.submit([Request(command, actor) for command in part]):
                        _accepted(answer)
                    update(first + len(part), len(given))
            warnings = handle.follow_written()
            state = _state_after(handle, len(given))
        report = report_of(state.settlement, month)
        if sign_off and not report.faults:
            warnings = _sign(handle, report, actor)
    _show(out, report, [f.rule for f in found], dry_run, warnings)
    if sign_off and not report.faults:
        out.note(f"{period} 已签核。", f"{period} is signed off.")
    out.warn(warnings)
    if report.faults:
        raise typer.Exit(1)


def _state_after(handle: LedgerHandle, matched: int) -> Relations:
    """What the columns say once so many matches are recorded. Raises Refused where they can't: then it says that they
    are."""
    try:
        return state_read(handle.columns())
    except ViewFailed as failed:
        raise Refused(failed.code, f"{matched} matches are recorded, but the report can't be made: {failed}") from None


def _sign(handle: LedgerHandle, report: Report, actor: str) -> list[PlumblineError]:
    """Sign a month off; what keeps views from showing it."""
    side = report.figures.redemptions
    command = SignPeriodOff(
        month_text(report.period), report.sha256, money_text(side.claimed), money_text(side.settled + side.ruled),
        money_text(side.open),
    )  # fmt: skip
    with commands(handle, actor) as writing:
        [answer] = writing.submit([Request(command, actor)])
    _accepted(answer)
    return handle.follow_written()


def _accepted(answer: Answer) -> Answer:
    if answer.status == "refused":
        raise Refused(answer.code, answer.reason, answer.field)
    return answer


def _show(
    out: Output, report: Report, rules: list[str], dry_run: bool, warnings: Sequence[PlumblineError]
) -> None:
    if out.json:
        out.document({
            "dry_run": dry_run, "matched_now": len(rules), **report.document(), "warnings": out.warned(warnings),
        })  # fmt: skip
        return
    if report.faults:
        # Loudly, and first: nothing below can be relied on.
        for fault in report.faults:
            out.console.print(f"[bold red]{out.say('不平', 'DOES NOT ADD UP')}[/] {fault}")
    zh = out.language == "zh"
    for rule in dict.fromkeys(rules):
        words = RULE_WORDS[rule][0 if zh else 1]
        out.console.print(f"{rules.count(rule):>8}  {words}")
    heads = [out.say(a, b) for a, b in (("", ""), ("期初", "opening"), ("本月", "month"), ("已结", "settled"),
                                         ("裁定", "ruled"), ("未结", "open"))]  # fmt: skip
    rows: list[list[str]] = []
    for words, side in ((("兑换", "redemptions"), report.figures.redemptions), (("抵扣", "set off"), report.figures.payments)):
        figures = (side.opening, side.claimed, side.settled, side.ruled, side.open)
        rows.append([out.say(*words), *(money_text(f) for f in figures)])
    title = out.say(f"对账 {month_text(report.period)}", f"Reconciliation {month_text(report.period)}")
    out.table(("（试运行）" if zh else "(dry run) ") * dry_run + title, heads, rows, [1, 2, 3, 4, 5])
    if report.across:
        named = ", ".join(settlement_id(number) for number in report.across[:LINES_SHOWN_MAX])
        zh_words = f"按规则匹配、如今跨两个客户（合并已撤销或付款改属他人），请复核并撤销：{named}"
        en_words = f"Matched by rule and now joining two customers; look at them, and undo what doesn't belong: {named}"
        out.console.print(out.say(zh_words, en_words), style="yellow")
    if not report.lines:
        out.console.print(out.say("没有未结项。", "Nothing is open."))
        return
    shown = report.lines[:LINES_SHOWN_MAX]
    out.table(
        out.say("未结项", "Open items"),
        [out.say(a, b) for a, b in (("类型", "kind"), ("项", "item"), ("客户", "customer"), ("天数", "days"),
                                     ("未结", "open"), ("说明", "why"))],
        [_row(line, out) for line in shown], [3, 4],
    )  # fmt: skip
    if len(report.lines) > len(shown):
        more = len(report.lines) - len(shown)
        out.console.print(out.say(f"……另有 {more} 项，见 --json", f"… and {more} more, see --json"))
    counts = ", ".join(f"{KIND_WORDS[k][0 if zh else 1]} {report.counts[k]}" for k in KINDS if report.counts[k])
    out.console.print(counts)


def _row(line: Line, out: Output) -> list[str]:
    return [
        KIND_WORDS[line.kind][0 if out.language == "zh" else 1], line.item, customer_id(line.customer),
        str(line.age_days), money_text(line.open), sentence(line, out.language),
    ]  # fmt: skip


def _send(command: SettlementCommand, ledger: str, actor: str, json: bool, language: str) -> None:
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            [answer] = writing.submit([Request(command, actor)])
        _accepted(answer)
        warnings = handle.follow_written()
        told = ""
        if not out.json and isinstance(command, ApproveProposal | ProposeMatch):
            # What is recorded is told, whatever can't be read of it; why stands in the warnings.
            with suppress(ViewFailed):
                settlement = state_read(handle.columns()).settlement
                proposal = proposal_named(settlement, answer.id)
                told = proposal.sentence(language) if proposal else approved_words(settlement, answer.id, language)
    if out.json:
        out.document({
            "status": answer.status, "id": answer.id, "position": answer.position, "warnings": out.warned(warnings),
        })  # fmt: skip
        return
    out.console.print(out.say(f"{answer.id} 已记录", f"{answer.id} recorded"))
    if told:
        out.console.print(told)
    out.warn(warnings)


def _items(proposal: Proposal, out: Output) -> str:
    """What a proposal takes of which items, and whose they are."""
    said = [f"{i['item']} ({i['customer']}) {i['takes']}" for i in proposal.items()]
    if isinstance(proposal.proposed, Ruling):
        words = OUTCOME_WORDS[proposal.proposed.outcome]
        said.append(out.say(*words))
    return ", ".join(said)


def _pairs(values: list[str], name: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for value in values:
        item, equals, amount = value.rpartition("=")
        if not equals or not item:
            raise Refused("USAGE", f"--{name} is written item=amount", name)
        found.append((item, amount))
    return tuple(found)


@settle_app.command("match")
def settle_match(
    redemptions: Annotated[list[str], typer.Option("--redemption", help="R-000001/1=50.00; several. 兑换")],
    payments: Annotated[list[str], typer.Option("--payment", help="source:id=50.00; several. 付款")],
    reason: ReasonOption,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Propose that payments settle redemptions; another person approves. 提议匹配。"""
    command = ProposeMatch(_pairs(redemptions, "redemption"), _pairs(payments, "payment"), reason)
    _send(command, ledger, actor, json, language)


@settle_app.command("rule")
def settle_rule(
    item: Annotated[str, typer.Argument(help="An open item, as `plumbline reconcile` names it. 未结项")],
    outcome: Annotated[str, typer.Option("--outcome", help="written_off, explained or charged. 结果")],
    amount: Annotated[str, typer.Option("--amount", help="CNY. 金额")],
    reason: ReasonOption,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Propose what becomes of an open item; another person approves. 提议裁定。"""
    _send(ProposeRuling(item, outcome, amount, reason), ledger, actor, json, language)


@settle_app.command("approve")
def settle_approve(
    proposal: Annotated[str, typer.Argument(help="M-000001 or Q-000001. 编号")],
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Approve what another person proposed. 批准。"""
    _send(ApproveProposal(proposal), ledger, actor, json, language)


@settle_app.command("decline")
def settle_decline(
    proposal: Annotated[str, typer.Argument(help="M-000001 or Q-000001. 编号")],
    reason: ReasonOption,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Decline what was proposed. 驳回。"""
    _send(DeclineProposal(proposal, reason), ledger, actor, json, language)


@settle_app.command("undo")
def settle_undo(
    settlement: Annotated[str, typer.Argument(help="M-000001 or Q-000001. 编号")],
    reason: ReasonOption,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Take a match or a ruling back; rules leave its items to people. 撤销。"""
    _send(UndoSettlement(settlement, reason), ledger, actor, json, language)


@settle_app.command("list")
def settle_list(
    proposals: Annotated[bool, typer.Option("--proposed", help="Only what waits for approval. 仅待批准")] = False,
    period: Annotated[str | None, typer.Option("--period", help="Of a month; by default this one. 月份")] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Matches of a month with their evidence, or what waits for approval. 匹配一览。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow(columns_only=True)
        settlement = state_read(handle.columns()).settlement
        month = period_option(period) if period else month_of(handle.today)
    if proposals:
        waiting = proposals_of(settlement)
        if out.json:
            out.document([p.document() for p in waiting])
            return
        out.table(
            out.say("待批准", "Proposed"),
            ["id", out.say("项（客户）与金额", "items (customers) and amounts"), out.say("提议人", "by"),
             out.say("原因", "why"), out.say("注意", "note")],
            [[p.id, _items(p, out), p.proposed.proposed_by, p.proposed.reason, p.sentence(out.language)] for p in waiting],
            [],
        )  # fmt: skip
        return
    report = report_of(settlement, month)
    if out.json:
        out.document(report.document()["matched"])
        return
    rows: list[list[Any]] = []
    for match in report.matches:
        said = "；".join(evidence_words(e, out.language) for e in match.evidence)
        rows.append([
            settlement_id(match.number), RULE_WORDS[match.rule][0 if out.language == "zh" else 1], str(match.score),
            money_text(sum(fen for _, fen in match.redemptions)), said,
        ])  # fmt: skip
    out.table(
        out.say(f"匹配 {month_text(month)}", f"Matches {month_text(month)}"),
        ["id", out.say("规则", "rule"), out.say("分", "score"), out.say("金额", "amount"), out.say("依据", "evidence")],
        rows, [2, 3],
    )  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(reconcile)
    app.add_typer(settle_app, name="settle")
