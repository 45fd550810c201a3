"""owners, pool, portfolio, why: who has whom, now and then, and how it came about."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.values import customer_id
from ledger.rules.assignment.causes import Cause
from ledger.rules.assignment.words import assignment_words
from ledger.rules.document import rule_set_parse
from ledger.rules.narrate_relations import WHY
from projections.relations.portfolios import HoldingRow, owner_history_read, owners_read, pool_read, portfolio_read
from projections.relations.timeline import timeline_read
from service.commands.relations.asking import (
    AsOption,
    LimitOption,
    customer_words,
    day_option,
    day_words,
    looking,
    owner_words,
    word_of,
)
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, output_of

_CHANGES = ("CustomerAssigned", "CustomerPooled")


def owners(
    as_of: Annotated[str | None, typer.Option("--as-of", help="At the end of this day, YYYY-MM-DD. 截至某日")] = None,
    position: Annotated[int | None, typer.Option("--position", min=0, help="Right after this position. 截至某位置")] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Everybody who had one customer. 单个客户的历史")] = None,
    staff: Annotated[str | None, typer.Option("--staff", help="What somebody had (S-000001). 某人的客户")] = None,
    limit: LimitOption = 1_000,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Who has each customer, now or as of any day or position. 客户归属。"""
    out = output_of(json, language)
    if as_of is not None and position is not None:
        raise Refused("USAGE", "give --as-of or --position, not both", "as-of")
    day = None if as_of is None else day_option(as_of, "as-of")
    with looking(ledger, actor, as_staff) as look:
        if day is not None and day > look.today:
            raise Refused("DATE_INVALID", "--as-of lies ahead: who has whom is known up to today", "as-of")
        if position is not None and position > (head := look.handle.recorder.position_head()):
            raise Refused("POSITION_AHEAD", f"--position lies ahead: the log reaches {head}", "position")
        names = look.names()
        rows: list[dict[str, Any]]
        if customer is not None:
            spans = owner_history_read(look.connection, look.scope, look.customer(customer), limit=limit)
            rows = [
                {"customer": customer_id(s.customer), "owner": staff_id(s.staff) or None, "team": s.team, "why": s.why,
                 "rule": s.rule, "rule_set": s.rule_set, "since_position": s.position_from, "since": day_words(s.day_from)}
                for s in spans
            ]  # fmt: skip
        else:
            number = None if staff is None else staff_number(staff)
            found = owners_read(
                look.connection, look.scope, day=day, position=position, staff=number, limit=limit
            )
            rows = [
                {"customer": customer_id(o.customer), "name": o.name, "owner": staff_id(o.staff) or None, "team": o.team,
                 "why": o.why, "rule": o.rule, "rule_set": o.rule_set, "since_position": o.since,
                 "since": day_words(o.since_day)}
                for o in found
            ]  # fmt: skip
    if out.json:
        out.document(rows)
        return
    zh, en = ["客户", "负责人", "团队", "原因", "规则", "自"], ["customer", "owner", "team", "why", "rule", "since"]
    out.table(
        out.say("客户归属", "Owners"),
        zh if language == "zh" else en,
        [
            [f"{r['customer']} {r.get('name', '')}".strip(), owner_words(out, staff_number(r["owner"] or ""), names),
             r["team"], word_of(WHY, r["why"], out), f"{r['rule_set']} {r['rule']}".strip(), r["since"]]
            for r in rows
        ],
    )  # fmt: skip


def pool(
    region: Annotated[str | None, typer.Option("--region", help="地区")] = None,
    limit: LimitOption = 50,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The pool: customers that nobody has, the latest to come first. 公海。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        book = look.handle.columns().book()
        name = book.in_force(look.today)
        rules = rule_set_parse(book.rule_sets[name].document) if name else None
        cooldown = rules.assignment.terms.cooldown_days if rules and rules.assignment else 0
        found = pool_read(look.connection, look.scope, cooldown_days=cooldown, region=region, limit=limit)
        names = look.names()
    if out.json:
        out.document([
            {
                "customer": customer_id(p.customer), "name": p.name, "region": p.region, "customer_type": p.customer_type,
                "why": p.why, "since": day_words(p.since_day), "former": staff_id(p.former) or None,
                "cooldown_until": None if p.cooldown_day is None else day_words(p.cooldown_day),
            }
            for p in found
        ])  # fmt: skip
        return
    zh = ["客户", "地区", "类型", "原因", "自", "原负责人", "冷却至"]
    en = ["customer", "region", "type", "why", "since", "had by", "not by them until"]
    rows = [
        [customer_words(p.customer, p.name), p.region, p.customer_type, word_of(WHY, p.why, out), day_words(p.since_day),
         owner_words(out, p.former, names) if p.former else "–", day_words(p.cooldown_day)]
        for p in found
    ]  # fmt: skip
    out.table(out.say("公海", "Pool"), zh if language == "zh" else en, rows)


def portfolio(
    staff: str,
    collaborating: Annotated[bool, typer.Option("--collaborating", help="What they work with beside its owner. 协作")] = False,
    limit: LimitOption = 100,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What somebody owns, with what is due. 某人的客户。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        found = portfolio_read(
            look.connection, look.scope, staff_number(staff), collaborating=collaborating, limit=limit
        )
        today = look.today
    if out.json:
        out.document([_holding(h, today) for h in found])
        return
    zh = ["客户", "地区", "自", "保护至", "跟进期限", "剩余天数", "最近跟进"]
    en = ["customer", "region", "since", "protected until", "follow up by", "days left", "followed up"]
    rows = [
        [customer_words(h.customer, h.name), h.region, day_words(h.since_day), day_words(h.protected_day),
         day_words(h.due_day), "–" if h.days_left(today) is None else str(h.days_left(today)), day_words(h.followed_day)]
        for h in found
    ]  # fmt: skip
    out.table(out.say(f"{staff} 的客户", f"Customers of {staff}"), zh if language == "zh" else en, rows, numbers=(5,))


def _holding(h: HoldingRow, today: int) -> dict[str, Any]:
    return {
        "customer": customer_id(h.customer), "name": h.name, "owner": staff_id(h.owner) or None, "why": h.why,
        "rule": h.rule, "since": day_words(h.since_day), "protected_until": day_words(h.protected_day),
        "due_on": day_words(h.due_day), "days_left": h.days_left(today), "nurtured_every_days": h.rhythm_days or None,
        "followed_on": day_words(h.followed_day), "collaborators": [staff_id(s) for s in h.collaborators],
    }  # fmt: skip


def why(
    customer: str,
    limit: LimitOption = 10,
    as_staff: AsOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Why a customer is somebody's: the rule and its version, every candidate, why each other was passed over. 为何如此分配。"""
    out = output_of(json, language)
    with looking(ledger, actor, as_staff) as look:
        found = timeline_read(
            look.connection, look.scope, look.customer(customer), topics=_CHANGES, books=False, newest_first=True,
            limit=limit,
        )  # fmt: skip
        causes = {
            c.position: Cause(c.topic, c.actor, c.state)
            for c in timeline_read(
                look.connection, look.scope, look.customer(customer), books=False,
                positions=[entry.cause for entry in found], limit=limit,
            )
        }  # fmt: skip
        names = look.names()
        book = look.handle.columns().book()

    def named(staff: str) -> str:
        return owner_words(out, staff_number(staff), names)

    documents: list[dict[str, Any]] = []
    for entry in found:
        rule_set = entry.state["rule_set"]
        rules = rule_set_parse(book.rule_sets[rule_set].document) if rule_set in book.rule_sets else None
        cause = causes.get(entry.cause)
        words = assignment_words(entry.state, rules, out.language, named, cause)
        documents.append({
            "position": entry.position, "event": entry.topic, "recorded_at": entry.recorded_at.astimezone(look.zone).isoformat(),
            "rule_set": rule_set, "rule": entry.state["rule"], "why": entry.state["why"],
            "asked_by": cause.actor if cause else "", "reason": cause.reason if cause else "",
            "tried": [tried.id for tried in words.tried], "lines": words.lines,
        })  # fmt: skip
    if out.json:
        out.document(documents)
        return
    for document in documents:
        out.console.print(f"{document['position']}  {document['recorded_at'][:10]}  {document['rule_set']}", style="dim")
        for line in document["lines"]:
            out.console.print(f"  {line}")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (owners, pool, portfolio, why):
        app.command()(command)
