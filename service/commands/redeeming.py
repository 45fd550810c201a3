"""redeem, catalogue, stock, entitlements: what points are redeemed for."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from ledger.domain.commands import (
    Answer,
    CommitRedemption,
    MoveStock,
    RedemptionCommand,
    Request,
    ReserveRedemption,
    ReverseRedemption,
    UseEntitlement,
    VoidRedemption,
)
from ledger.domain.errors import Refused
from ledger.domain.redemption.quoting import Asked, quote
from ledger.domain.redemption.state import Redemptions, redemption_number
from ledger.domain.redemption.terms import STAGES, WINDOW_WORDS, Holder, Terms
from ledger.domain.values import customer_id, points_text
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.redemption.sentences import STAGE_WORDS
from ledger.rules.redemption.terms import redemption_terms
from ledger.rules.redemption.told import catalogue_documents, entitlement_documents, entitlement_reason, quote_document
from projections.balances import balance_read
from projections.entitlements import used_read, uses_read
from projections.redemptions import RedemptionRow, holder_read, redemptions_read, stock_read
from service.bootstrap import LedgerHandle
from service.commanding import commands
from service.commands.relations.asking import DryRunOption, LimitOption, Looking, looking, send
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of

redeem_app = typer.Typer(help="Redemptions of points. 积分兑换。", no_args_is_help=True, rich_markup_mode=None)
stock_app = typer.Typer(help="Stock of gifts. 礼品库存。", no_args_is_help=True, rich_markup_mode=None)

OfferOption = Annotated[str, typer.Option("--offer", help="An offer of the catalogue. 兑换项目")]
VariantOption = Annotated[str, typer.Option("--variant", help="Size or colour of a gift. 规格")]
QuantityOption = Annotated[int, typer.Option("--quantity", help="How many. 数量")]
PointsOption = Annotated[str, typer.Option("--points", help="Of an offset: how many points. 积分")]
ReferenceOption = Annotated[str, typer.Option("--reference", help="Invoice, slip, tender … 单号")]
OnOption = Annotated[str, typer.Option("--on", help="The day it happened, YYYY-MM-DD; by default today. 发生日")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why. 原因")]
StageOption = Annotated[str, typer.Option("--stage", help="bidding, construction or settlement. 阶段")]
_STATE_WORDS: Final = {
    "held": ("已预留", "held"), "committed": ("已兑付", "committed"), "freed": ("已释放", "freed"),
    "reversed": ("已退回", "reversed"),
}  # fmt: skip


@redeem_app.command("quote")
def redeem_quote(
    customer: str,
    offer: OfferOption,
    variant: VariantOption = "",
    quantity: QuantityOption = 1,
    points: PointsOption = "",
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What it costs, and what stands in the way; nothing is held. 询价，不冻结。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        number = look.customer(customer)
        _, terms = _in_force(look)
        cost = quote(Redemptions(), terms, Asked(offer, variant, quantity, points), number, Holder(), look.today)
        available = balance_read(look.connection, number, look.today).available
        command = ReserveRedemption(customer_id(number), offer, variant, quantity, points)
        with commands(look.handle, actor) as writing:
            [rehearsal] = writing.rehearse([Request(command, actor)])
    found: dict[str, Any] = {"customer": customer_id(number), **quote_document(cost, rehearsal, available)}
    if out.json:
        out.document(found)
        return
    title = cost.offer.title[0 if language == "zh" else 1]
    worth = out.say(f"，抵{found['money']}元", f", worth {found['money']} CNY") if cost.money else ""
    out.console.print(
        out.say(
            f"{title}：需{found['points']}分{worth}；可用{found['available']}分；可保留至{found['held_until']}。",
            f"{title}: {found['points']} points{worth}; {found['available']} can be spent; held until {found['held_until']}.",
        )
    )
    for obstacle in found["obstacles"]:
        out.console.print(f"{obstacle['code']}: {obstacle['sentence'][language]}", style="red")


@redeem_app.command("reserve")
def redeem_reserve(
    customer: str,
    offer: OfferOption,
    variant: VariantOption = "",
    quantity: QuantityOption = 1,
    points: PointsOption = "",
    reference: ReferenceOption = "",
    project: Annotated[str, typer.Option("--project", help="For which project. 项目")] = "",
    on: OnOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Hold points and stock. 预留：冻结积分与库存。"""
    command = ReserveRedemption(customer, offer, variant, quantity, points, reference, project, on)
    _redeem(output_of(json, language), command, ledger, actor, dry_run)


@redeem_app.command("commit")
def redeem_commit(
    redemption: str,
    quantity: Annotated[int, typer.Option("--quantity", help="So much of it; by default all. 数量")] = 0,
    points: PointsOption = "",
    reference: ReferenceOption = "",
    on: OnOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Spend what is held, wholly or in parts. 兑付。"""
    command = CommitRedemption(redemption, quantity, points, reference, on)
    _redeem(output_of(json, language), command, ledger, actor, dry_run)


@redeem_app.command("void")
def redeem_void(
    redemption: str,
    reason: ReasonOption,
    on: OnOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Free what is still held. 取消预留。"""
    _redeem(output_of(json, language), VoidRedemption(redemption, reason, on), ledger, actor, dry_run)


@redeem_app.command("reverse")
def redeem_reverse(
    redemption: str,
    reason: ReasonOption,
    part: Annotated[int, typer.Option("--part", help="Which part; by default the only one. 第几次")] = 0,
    quantity: Annotated[int, typer.Option("--quantity", help="So much of it; by default all. 数量")] = 0,
    points: PointsOption = "",
    on: OnOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Take a committed part back. 退回已兑付的部分。"""
    command = ReverseRedemption(redemption, reason, part, quantity, points, on)
    _redeem(output_of(json, language), command, ledger, actor, dry_run)


@redeem_app.command("list")
def redeem_list(
    customer: Annotated[str | None, typer.Option("--customer", help="客户")] = None,
    offer: Annotated[str | None, typer.Option("--offer", help="兑换项目")] = None,
    state: Annotated[str | None, typer.Option("--state", help="held, committed, freed or reversed. 状态")] = None,
    limit: LimitOption = 50,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Redemptions, the latest first. 兑换一览。"""
    out = output_of(json, language)
    if state is not None and state not in _STATE_WORDS:
        raise Refused("INPUT_INVALID", f"state is one of {', '.join(_STATE_WORDS)}", "state")
    with looking(ledger, actor) as look:
        number = look.customer(customer) if customer else None
        rows = redemptions_read(look.connection, customer=number, offer=offer, state=state, limit=limit)
    _redemptions(out, rows)


@redeem_app.command("show")
def redeem_show(
    redemption: str,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """One redemption with its parts. 兑换详情。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        rows = redemptions_read(look.connection, number=redemption_number(redemption), limit=1)
    if not rows:
        raise Refused("REDEMPTION_UNKNOWN", "no redemption has this id; `plumbline redeem list` lists them", "redemption")
    if out.json:
        out.document(rows[0].document())
        return
    _redemptions(out, rows)
    parts = [p.document() for p in rows[0].parts]
    headers = ["次", "日期", "积分", "数量", "金额", "单号", "已退积分"] if language == "zh" else [
        "part", "booked on", "points", "quantity", "CNY", "reference", "returned"
    ]  # fmt: skip
    names = ("part", "booked_on", "points", "quantity", "money", "reference", "returned")
    out.table(out.say("兑付", "Parts"), headers, [[str(p[n]) for n in names] for p in parts], numbers=(2, 3, 4, 6))


def _redeem(out: Output, command: RedemptionCommand, ledger: str, actor: str, dry_run: bool) -> None:
    """Carry out a command about a redemption, and tell how that stands and what is left to spend."""

    def told(handle: LedgerHandle, answer: Answer) -> str:
        with handle.reading() as connection:
            [row] = redemptions_read(connection, number=redemption_number(answer.id), limit=1)
            available = balance_read(connection, row.customer, handle.today).available
        d = row.document()
        worth = out.say(f"，抵{d['money']}元", f", worth {d['money']} CNY") if row.money else ""
        parts = [out.say(f"{d['points']}分{worth}", f"{d['points']} points{worth}")]
        if row.points > row.freed + row.spent:
            parts.append(out.say(f"占用{d['held']}分至{d['held_until']}", f"{d['held']} held until {d['held_until']}"))
        if row.spent:
            parts.append(out.say(f"已兑付{d['spent']}分", f"{d['spent']} spent"))
        if row.freed:
            parts.append(out.say(f"已释放{d['freed']}分", f"{d['freed']} freed"))
        if row.returned:
            parts.append(out.say(f"已退回{d['returned']}分", f"{d['returned']} returned"))
        left = points_text(max(available, 0))
        parts.append(out.say(f"尚可用{left}分", f"{left} left to spend"))
        return out.say("；", "; ").join(parts)

    send(out, command, ledger, actor, dry_run=dry_run, more=told)


def _redemptions(out: Output, rows: list[RedemptionRow]) -> None:
    documents = [row.document() for row in rows]
    if out.json:
        out.document(documents)
        return
    at = 0 if out.language == "zh" else 1
    zh = ["兑换", "客户", "项目", "规格", "数量", "积分", "金额", "状态", "仍冻结", "保留至"]
    en = ["redemption", "customer", "offer", "variant", "quantity", "points", "CNY", "state", "held", "held until"]
    cells = [
        [d["redemption"], d["customer"], d["offer"], d["variant"], str(d["quantity"]), d["points"], d["money"],
         _STATE_WORDS[d["state"]][at], d["held"], d["held_until"]]
        for d in documents
    ]  # fmt: skip
    out.table(out.say("兑换", "Redemptions"), zh if at == 0 else en, cells, numbers=(4, 5, 6, 8))


def catalogue(
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What points can be redeemed for, by the rules in force today. 兑换目录。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        rules, terms = _in_force(look)
        found = [] if rules is None else catalogue_documents(rules, terms, look.today)
    if out.json:
        out.document(found)
        return
    at = 0 if language == "zh" else 1
    headers = ["编号", "名称", "内容", "条件"] if at == 0 else ["offer", "title", "what it says", "conditions"]
    rows = [[o["offer"], o["title"][language], o["words"][language], o["conditions"][language]] for o in found]
    out.table(out.say("兑换目录", "Catalogue"), headers, rows)


@stock_app.command("list")
def stock_list(
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What is in stock. 库存一览。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        found = [row.document() for row in stock_read(look.connection)]
    if out.json:
        out.document(found)
        return
    headers = ["项目", "规格", "在库", "预留", "可用"] if language == "zh" else ["offer", "variant", "on hand", "held", "free"]
    rows = [[s["offer"], s["variant"], *(str(s[n]) for n in ("on_hand", "held", "free"))] for s in found]
    out.table(out.say("库存", "Stock"), headers, rows, numbers=(2, 3, 4))


@stock_app.command("move")
def stock_move(
    offer: str,
    quantity: Annotated[int, typer.Option("--quantity", help="What came in; below zero: less. 数量")],
    reason: ReasonOption,
    variant: VariantOption = "",
    reference: ReferenceOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Let stock come in, or put it right. 入库或盘点。"""
    command = MoveStock(offer, quantity, reason, variant, reference)
    send(output_of(json, language), command, ledger, actor, dry_run=dry_run)


def entitlements(
    customer: Annotated[str, typer.Argument(help="Needed but for --uses. 客户")] = "",
    stage: StageOption = "",
    use: Annotated[str, typer.Option("--use", help="Record that this one is used. 使用该权益")] = "",
    uses: Annotated[bool, typer.Option("--uses", help="List what was used, the latest first. 使用记录")] = False,
    entitlement: Annotated[str | None, typer.Option("--entitlement", help="Of --uses: of this one. 权益")] = None,
    limit: LimitOption = 50,
    reference: ReferenceOption = "",
    on: OnOption = "",
    dry_run: DryRunOption = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """What a customer is entitled to at a stage of the business, and why; what was used. 客户权益。"""
    out = output_of(json, language)
    if stage and stage not in STAGES:
        raise Refused("STAGE_UNKNOWN", f"stage is one of {', '.join(STAGES)}", "stage")
    if uses and not use:
        _uses(out, ledger, actor, customer, entitlement, stage or None, limit)
        return
    if not customer:
        raise Refused("USAGE", "name a customer, or ask for --uses of all", "customer")
    if use:
        send(out, UseEntitlement(customer, use, stage, reference, on), ledger, actor, dry_run=dry_run)
        return
    with looking(ledger, actor) as look:
        rules, terms = _in_force(look)
        ladder = rules.tiers if rules is not None else None
        number = look.customer(customer)
        holder = holder_read(look.connection, ladder, number, look.today)
        used = used_read(look.connection, number)
        found = entitlement_documents(terms.entitlements, holder, stage or None, used, look.today)
    if out.json:
        out.document(found)
        return
    at = 0 if language == "zh" else 1
    headers = (
        ["编号", "权益", "阶段", "享有", "已用", "尚余", "理由"]
        if at == 0
        else ["id", "entitlement", "stage", "entitled", "used", "left", "reason"]
    )
    yes_no = [("否", "no"), ("是", "yes")]
    rows: list[list[str]] = [
        [
            e["entitlement"], e["title"][language], STAGE_WORDS[e["stage"]][at], yes_no[e["entitled"]][at],
            str(e["used"]) if e["window"] is None else f"{e['used']} {WINDOW_WORDS[e['window']][at]}",
            "–" if e["left"] is None else str(e["left"]), entitlement_reason(e, language),
        ]
        for e in found
    ]  # fmt: skip
    out.table(out.say("权益", "Entitlements"), headers, rows, numbers=(5,))


def _uses(
    out: Output, ledger: str, actor: str, customer: str, entitlement: str | None, stage: str | None, limit: int
) -> None:
    with looking(ledger, actor) as look:
        number = look.customer(customer) if customer else None
        rows = uses_read(look.connection, customer=number, entitlement=entitlement, stage=stage, limit=limit)
    found = [row.document() for row in rows]
    if out.json:
        out.document(found)
        return
    at = 0 if out.language == "zh" else 1
    headers = (
        ["序号", "客户", "权益", "阶段", "日期", "单号", "操作人"]
        if at == 0
        else ["position", "customer", "entitlement", "stage", "booked on", "reference", "recorded by"]
    )
    cells = [
        [str(u["position"]), u["customer"], u["entitlement"], STAGE_WORDS[u["stage"]][at], u["booked_on"],
         u["reference"], u["actor"]]
        for u in found
    ]  # fmt: skip
    out.table(out.say("权益使用记录", "Uses of entitlements"), headers, cells, numbers=(0,))


def _in_force(look: Looking) -> tuple[RuleSet | None, Terms]:
    """The rule set in force today, and what it says about redemption."""
    book = look.handle.columns().book()
    name = book.in_force(look.today)
    if name is None:
        return None, Terms()
    rules = rule_set_parse(book.rule_sets[name].document)
    return rules, redemption_terms(name, rules)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(redeem_app, name="redeem")
    app.add_typer(stock_app, name="stock")
    app.command("catalogue")(catalogue)
    app.command("entitlements")(entitlements)

