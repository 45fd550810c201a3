"""Why: one award, a balance, a tier, each in a sentence and in figures that add up."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path
from psycopg import Connection
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import read_reached
from api.input import MinPosition, json_response
from api.reading import (
    customer_number_of,
    customer_unknown,
    history_document,
    narrators_of,
    rulebook_of,
    today,
)
from api.routes.balances import LotBody
from api.routes.history import HistoryBody
from api.routing import Router
from api.schemas import Points
from ledger.domain.errors import Refused
from ledger.domain.events import POINTS_TOPICS
from ledger.domain.values import date_of, day_of, month_first_day, month_last_day, points_parse, points_text
from ledger.rules.document import Rule
from ledger.rules.sentences import called_of, rule_sentence
from projections.as_of import consequences_read, event_row, reversal_find
from projections.explaining import balance_parts, tier_parts
from projections.history import HistoryRow, HistoryView
from projections.places import reads
from projections.rulebook import Rulebook
from projections.tiers import ladder_months

router = Router(tags=["explanations"])

_SUMS: Final = ("balance", "granted", "deducted", "reversed", "expired", "redeemed")
Position = Annotated[int, Path(ge=1, le=2**63 - 1, description="A position of the log.")]


class RuleWords(BaseModel):
    """A rule with what it says, in both languages."""

    rule: str
    rule_set: str
    title: dict[str, str]
    clause: dict[str, str]


class AwardExplanation(BaseModel):
    """Where an award came from: its event, the fact that caused it, the rule's clause, the arithmetic (points in 1/100,
    shares in basis points), and the reversal that took it back, if one did."""

    award: HistoryBody
    fact: HistoryBody | None
    rule: RuleWords | None
    arithmetic: dict[str, int] | None
    consequences: list[HistoryBody]
    reversed_at: int | None


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/awards/{position}/explanation",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "AWARD_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=AwardExplanation,
    summary="Why an award is what it is",
    description="`position` is that of the award in the history: a grant, deduction, reversal or expiry, or points that"
    " were held, freed, redeemed or returned.",
)
async def award_explain(
    request: Request, customer: str, position: Position, min_position: MinPosition = None
) -> Response:
    """Why an award is what it is."""
    number = customer_number_of(customer)
    rulebook = await rulebook_of(request)
    award, fact, others, reversal = await read_reached(request, min_position, _award_read, number, position)
    narrators = narrators_of(rulebook)
    return json_response({
        "award": history_document(award, narrators),
        "fact": None if fact is None else history_document(fact, narrators),
        "rule": None if award.rule is None else _rule_words(rulebook, award.rule_set or "", award.rule),
        "arithmetic": award.state.get("arithmetic"),
        "consequences": [history_document(row, narrators) for row in others],
        "reversed_at": reversal,
    })  # fmt: skip


@reads(HistoryView.name)
def _award_read(
    connection: Connection[Any], number: int, position: int
) -> tuple[HistoryRow, HistoryRow | None, list[HistoryRow], int | None]:
    award = event_row(connection, number, position)
    if award is None or award.topic not in POINTS_TOPICS:
        raise Refused("AWARD_UNKNOWN", "no award of this customer stands at this position", "position")
    fact = event_row(connection, number, award.cause) if award.cause else None
    others = [r for r in consequences_read(connection, number, award.cause) if r.position != position] if fact else []
    reversal = None
    if award.topic in ("PointsGranted", "PointsDeducted") and award.rule is not None:
        reversal = reversal_find(connection, number, award.cause, award.rule)
    return award, fact, others, reversal


class RulePointsBody(BaseModel):
    """What a rule came to for the customer."""

    event: str
    rule: str | None
    rule_set: str | None
    title: dict[str, str] | None
    count: int
    points: str = Points
    position_first: int
    position_last: int


class BalanceExplanation(BaseModel):
    """What a balance is made of: the sums of `by_rule` are the balance, and so are the lots with what is held,
    less the debt."""

    customer: str
    position: int
    balance: str = Points
    granted: str = Points
    deducted: str = Points
    reversed: str = Points
    expired: str = Points
    redeemed: str = Points
    held: str = Points
    debt: str = Points
    lots: list[LotBody]
    by_rule: list[RulePointsBody]
    explanation: dict[str, str]


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/balance/explanation",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=BalanceExplanation,
    summary="What a balance is made of",
)
async def balance_explain(request: Request, customer: str, min_position: MinPosition = None) -> Response:
    """What a balance is made of."""
    number = customer_number_of(customer)
    rulebook = await rulebook_of(request)

    found = await read_reached(request, min_position, balance_parts, number)
    if found is None:
        raise customer_unknown()
    totals, account, by_rule = found.totals, found.account, found.by_rule
    sums = {k: points_text(getattr(totals, k)) for k in _SUMS}
    return json_response({
        "customer": customer, "position": totals.position, **sums, "held": points_text(account.held),
        "debt": points_text(account.debt),
        "lots": [
            {"expires_on": None if m is None else date_of(month_last_day(m)).isoformat(), "points": points_text(p)}
            for m, p in account.lots
        ],
        "by_rule": [
            {
                "event": r.topic, "rule": r.rule, "rule_set": r.rule_set,
                "title": _title(rulebook, r.rule_set, r.rule), "count": r.count, "points": points_text(r.points),
                "position_first": r.position_first, "position_last": r.position_last,
            }
            for r in by_rule
        ],
        "explanation": {
            "zh": f"发放{sums['granted']}，扣减{sums['deducted']}，冲回{sums['reversed']}，到期{sums['expired']}，"
            f"兑换{sums['redeemed']}，合计余额{sums['balance']}分。",
            "en": f"{sums['granted']} granted, {sums['deducted']} deducted, {sums['reversed']} reversed,"
            f" {sums['expired']} expired, {sums['redeemed']} redeemed: the balance is {sums['balance']} points.",
        },
    })  # fmt: skip


class RuleEarnedBody(BaseModel):
    """What a rule contributed to the tier."""

    rule: str | None
    rule_set: str | None
    title: dict[str, str] | None
    count: int
    points: str = Points


class LevelBody(BaseModel):
    """A tier of the ladder in force and the points it asks for."""

    tier: str
    title: dict[str, str]
    points: str = Points


class TierExplanation(BaseModel):
    """Why a customer has its tier: what counts in the ladder's window, rule by rule, the thresholds, the event that
    decided it, and when the window is reviewed (null: never)."""

    customer: str
    tier: str | None
    decided: HistoryBody | None
    window_from: str | None
    window_to: str | None
    review_on: str | None
    earned: str = Points
    tier_next: str | None
    points_missing: str | None
    levels: list[LevelBody]
    by_rule: list[RuleEarnedBody]
    explanation: dict[str, str]


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}/tier/explanation",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=TierExplanation,
    summary="Why a customer has its tier",
)
async def tier_explain(request: Request, customer: str, min_position: MinPosition = None) -> Response:
    """Why a customer has its tier."""
    number = customer_number_of(customer)
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    rules = rulebook.in_force(day)
    ladder = rules.tiers if rules else None
    first, last = ladder_months(ladder, day)
    bounded = ladder is not None and ladder.window != "lifetime"
    day_first = date_of(month_first_day(first)) if bounded else DAY_MIN
    day_last = date_of(month_last_day(last)) if bounded else DAY_MAX
    found = await read_reached(request, min_position, tier_parts, ladder, number, day_first, day_last)
    if found is None:
        raise customer_unknown()
    row, earned, decided = found.row, found.by_rule, found.decided
    levels = ladder.levels if ladder else []
    titles = {lv.id: lv.title for lv in levels}
    title = titles.get(row.tier or "")
    missing = None if row.points_missing is None else points_text(row.points_missing)
    nxt = titles.get(row.tier_next or "")
    return json_response({
        "customer": customer, "tier": row.tier,
        "decided": None if decided is None else history_document(decided, narrators_of(rulebook)),
        "window_from": day_first.isoformat() if bounded else None,
        "window_to": day_last.isoformat() if bounded else None,
        "review_on": day_last.isoformat() if bounded else None,
        "earned": points_text(row.earned), "tier_next": row.tier_next, "points_missing": missing,
        "levels": [
            {"tier": lv.id, "title": {"zh": lv.title.zh, "en": lv.title.en},
             "points": points_text(points_parse(lv.points))}
            for lv in levels
        ],
        "by_rule": [
            {"rule": r.rule, "rule_set": r.rule_set, "title": _title(rulebook, r.rule_set, r.rule), "count": r.count,
             "points": points_text(r.points)}
            for r in earned
        ],
        "explanation": {
            "zh": f"本期计入{points_text(row.earned)}分，等级{title.zh if title else '无'}"
            + (f"；距{nxt.zh}还差{missing}分。" if nxt else "。"),
            "en": f"{points_text(row.earned)} points count in this window; the tier is {title.en if title else 'none'}"
            + (f", {missing} points below {nxt.en}." if nxt else "."),
        },
    })  # fmt: skip


def _rule_of(rulebook: Rulebook, rule_set: str | None, rule: str | None) -> Rule | None:
    if not rule_set or rule is None or rule_set not in rulebook.book.rule_sets:
        return None
    return rulebook.rule_set(rule_set).rule(rule)


def _title(rulebook: Rulebook, rule_set: str | None, rule: str | None) -> dict[str, str] | None:
    found = _rule_of(rulebook, rule_set, rule)
    return None if found is None else {"zh": found.title.zh, "en": found.title.en}


def _rule_words(rulebook: Rulebook, rule_set: str, rule: str) -> dict[str, Any] | None:
    found = _rule_of(rulebook, rule_set, rule)
    if found is None:
        return None
    called = called_of(rulebook.rule_set(rule_set), rulebook.book.fact_types)
    return {
        "rule": rule, "rule_set": rule_set, "title": {"zh": found.title.zh, "en": found.title.en},
        "clause": {"zh": rule_sentence(found, 0, called), "en": rule_sentence(found, 1, called)},
    }  # fmt: skip


DAY_MIN: Final = date_of(0)
DAY_MAX: Final = date_of(2_000_000)
