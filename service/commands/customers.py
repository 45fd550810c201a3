"""customers, history: what customers have, and where every point came from."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ledger.domain.book import Book
from ledger.domain.errors import Refused
from ledger.domain.values import customer_id, customer_number, points_text
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.narrate import Narrator
from projections.balances import balances_read
from projections.customers import customer_find, customers_read
from projections.history import HistoryRow, history_read
from projections.merged import merged_read
from projections.places import views_wait
from projections.tiers import tiers_read
from service.bootstrap import LedgerHandle, ledger_open, today_in
from service.output import (
    ACTOR_DEFAULT,
    ActorOption,
    JsonOption,
    LanguageOption,
    LedgerOption,
    Output,
    output_of,
)
from service.settings import Settings

PAGE = 10_000


def customers(
    sort: Annotated[str, typer.Option("--sort", help="balance (highest first) or number. 排序。")] = "balance",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many; people see 50. 条数。")] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List customers with balance, tier, tags and what is missing to the next tier. 客户一览。"""
    out = output_of(json, language)
    if sort not in ("balance", "number"):
        raise Refused("USAGE", "--sort is balance or number", "sort")
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow()
        book = handle.columns().book()
        rules = rules_in_force(book)
        found = _customers(handle, book, rules)
    if sort == "balance":
        found.sort(key=lambda c: (-c["_balance"], c["customer"]))
    for row in found:
        del row["_balance"]
    if json:
        out.document(found[:limit])
        return
    _customers_print(out, rules, found, 50 if limit is None else limit)


def rules_in_force(book: Book) -> RuleSet | None:
    """The rule set that decides a fact booked today."""
    name = book.in_force(today_in(ZoneInfo(book.timezone)))
    return rule_set_parse(book.rule_sets[name].document) if name else None


def _customers(handle: LedgerHandle, book: Book, rules: RuleSet | None) -> list[dict[str, Any]]:
    day = today_in(ZoneInfo(book.timezone))
    ladder = rules.tiers if rules else None
    found: list[dict[str, Any]] = []
    after = 0
    position = book.position
    with handle.reading() as connection:
        views_wait(connection, (*customers_read.views, *balances_read.views, *tiers_read.views, *merged_read.views), position)
        merged = merged_read(connection)
        while page := customers_read(connection, after=after, limit=PAGE):
            numbers = [c.number for c in page]
            balances = {b.customer: b for b in balances_read(connection, day, customers=numbers)}
            tiers = {t.customer: t for t in tiers_read(connection, ladder, day, customers=numbers)}
            for c in page:
                b, t = balances[c.number], tiers[c.number]
                found.append({
                    "customer": c.id, "name": c.name, "balance": points_text(b.balance), "tier": t.tier,
                    "available": points_text(b.available), "debt": points_text(b.debt),
                    "lifetime_granted": points_text(b.granted), "deducted": points_text(b.deducted),
                    "reversed": points_text(b.reversed), "expired": points_text(b.expired),
                    "redeemed": points_text(b.redeemed), "held": points_text(b.held),
                    "expiring_30_days": points_text(b.expiring_30_days),
                    "expiring_90_days": points_text(b.expiring_90_days),
                    "tier_next": t.tier_next,
                    "points_missing": None if t.points_missing is None else points_text(t.points_missing),
                    "grade": t.grade, "tags": t.tags, "industry": c.industry, "region": c.region,
                    "customer_type": c.customer_type, "scale": c.scale, "consents": c.consents,
                    **merged.document(c.number), "_balance": b.balance,
                })  # fmt: skip
            after = numbers[-1]
    return found


def _customers_print(out: Output, rules: RuleSet | None, found: list[dict[str, Any]], limit: int) -> None:
    titles = {lv.id: getattr(lv.title, out.language) for lv in rules.tiers.levels} if rules and rules.tiers else {}
    tags = {t.id: getattr(t.title, out.language) for t in rules.tags} if rules else {}
    rows = [
        [
            c["customer"], f"{c['name']} → {c['merged_into']}" if c["merged_into"] else c["name"], c["balance"], c["available"], titles.get(c["tier"], c["tier"] or ""),
            f"{c['points_missing']} → {titles.get(c['tier_next'], c['tier_next'])}" if c["tier_next"] else "",
            c["expiring_90_days"], (c["grade"] or "").upper(), " ".join(tags.get(t, t) for t in c["tags"]),
        ]
        for c in found[:limit]
    ]  # fmt: skip
    headers = [
        out.say(zh, en)
        for zh, en in (
            ("编号", "id"), ("名称", "name"), ("余额", "balance"), ("可用", "available"), ("等级", "tier"),
            ("距下一级", "to the next"), ("90天内到期", "expiring in 90 d"), ("信用", "credit"), ("标签", "tags"),
        )
    ]  # fmt: skip
    out.table("", headers, rows, numbers=[2, 3, 6])
    if any(c["merged_into"] for c in found[:limit]):
        out.note("名称后的 → 是并入的客户；积分留在原处。", "→ after a name: the customer it was merged into; its points stay its own.")
    if len(found) > limit:
        out.note(f"共 {len(found)} 家，显示 {limit} 家。", f"{len(found)} customers, {limit} shown; --limit shows more.")


def history(
    customer: Annotated[str, typer.Argument(help="A customer's id, such as C-000001, or source:reference.")],
    after: Annotated[int, typer.Option("--after", min=0, help="Events after this position.")] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many events.")] = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Every event of a customer, in order, with who, why, by which rule and what arithmetic. 客户明细。"""
    out = output_of(json, language)
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow()
        book = handle.columns().book()
        number = _number(handle, book, customer)
        rows: list[HistoryRow] = []
        with handle.reading() as connection:
            views_wait(connection, (*history_read.views, *merged_read.views), book.position)
            merged = merged_read(connection, [number])
            while limit is None or len(rows) < limit:
                size = PAGE if limit is None else min(PAGE, limit - len(rows))
                page = history_read(connection, number, after=after, limit=size)
                rows += page
                if len(page) < size:
                    break
                after = page[-1].position
    _history_print(out, book, customer_id(number), rows)
    into, members = merged.into_id(number), " ".join(merged.member_ids(number))
    if into:
        out.note(
            f"已并入 {into}：之后发生的事实记在 {into}，此前的积分留在这里。",
            f"Merged into {into}: facts that came later are there; the points from before stay here.",
        )
    if members:
        out.note(
            f"代表 {members}：它们合并前的积分各自保留。",
            f"It stands for {members}: their points from before the merging stay with each of them.",
        )


def _number(handle: LedgerHandle, book: Book, customer: str) -> int:
    number = customer_number(customer)
    if not number and ":" in customer:
        source, _, reference = customer.partition(":")
        with handle.reading() as connection:
            number = customer_find(connection, source, reference) or 0
    if not 0 < number <= len(book.customers):
        raise Refused("CUSTOMER_UNKNOWN", f"there is no customer {customer}; `plumbline customers` lists them", "customer")
    return number


def _history_print(out: Output, book: Book, customer: str, rows: list[HistoryRow]) -> None:
    narrators = {"zh": Narrator(book, "zh"), "en": Narrator(book, "en")}
    if out.json:
        out.document([
            {
                "position": r.position, "event": r.topic, "occurred_at": r.state["occurred_at"],
                "booked_on": r.booked_on.isoformat() if r.booked_on else None,
                "recorded_at": r.state["recorded_at"], "actor": r.actor, "cause": r.cause, "rule": r.rule,
                "rule_set": r.rule_set, "points": None if r.points is None else points_text(r.points),
                "balance": points_text(r.balance),
                "explanation": {language: n.words(r.topic, r.state) for language, n in narrators.items()},
                "state": r.state,
            }
            for r in rows
        ])  # fmt: skip
        return
    found = book.customer(customer_number(customer))
    narrator = narrators[out.language]
    table = [
        [
            str(r.position), r.booked_on.isoformat() if r.booked_on else r.state["occurred_at"][:10],
            "" if r.points is None else points_text(r.points), points_text(r.balance),
            narrator.words(r.topic, r.state), f"{r.rule_set}" if r.rule_set else "", r.actor,
        ]
        for r in rows
    ]  # fmt: skip
    headers = [
        out.say(zh, en)
        for zh, en in (
            ("位置", "position"), ("日期", "date"), ("积分", "points"), ("余额", "balance"), ("说明", "what and why"),
            ("规则", "rules"), ("操作人", "actor"),
        )
    ]  # fmt: skip
    out.table(f"{customer} {found.name if found else ''}", headers, table, numbers=[0, 2, 3])


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(customers)
    app.command()(history)
