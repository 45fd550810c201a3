"""Who has each customer: now, at any time before, and why; portfolios and the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.input import Cursor, Day, Language, Limit, MinPosition, Text, json_response
from api.reading import customer_number_of, customer_unknown, rulebook_of
from api.routes.relations.documents import (
    holding_document,
    owner_document,
    owner_span_document,
    pool_document,
)
from api.routes.relations.rows.owners import HoldingBody, OwnerBody, OwnerSpanBody, PoolBody, WhyBody
from api.routes.relations.seeing import (
    LIST_ERRORS,
    PREFIX,
    READ_ERRORS,
    asked_of,
    day_given,
    day_now,
    names_of,
    number_given,
    page_response,
    rows_of_customer,
    rows_seen,
)
from api.routing import Router
from api.schemas import Page
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_number
from ledger.rules.assignment.causes import Cause
from ledger.rules.assignment.words import CandidateWords, assignment_words
from projections.relations.ownership import POSITION_LAST
from projections.relations.portfolios import (
    PoolRow,
    holding_read,
    owner_history_read,
    owners_read,
    pool_read,
    portfolio_read,
    returning_read,
)
from projections.relations.timeline import timeline_read

router = Router(tags=["relations"])

StaffId = Annotated[str | None, Query(max_length=40, description="A member of staff, by id.", examples=["S-000001"])]
Position = Annotated[int | None, Query(ge=0, lt=POSITION_LAST, description="Right after this position of the log.")]



@router.get(
    f"{PREFIX}/customers/{{customer}}/owner",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", *READ_ERRORS),
    response_model=HoldingBody,
    summary="Who has a customer now",
    description="`owner` null: it is in the pool. Until when it is protected, by when it must be followed up.",
)
async def relations_owner(request: Request, customer: str, min_position: MinPosition = None) -> Response:
    """Who has a customer now."""
    number = customer_number_of(customer)
    row = await rows_seen(request, min_position, holding_read, number)
    if row is None:
        raise customer_unknown()
    return json_response(holding_document(row, await day_now(request)))


@router.get(
    f"{PREFIX}/customers/{{customer}}/owners",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", *LIST_ERRORS),
    response_model=Page[OwnerSpanBody],
    summary="Everybody who had a customer",
    description="In order, its times in the pool (`owner` null) among them.",
)
async def relations_owner_history(
    request: Request,
    customer: str,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Everybody who had a customer."""
    asked = asked_of(request, limit=limit, min_position=min_position)
    rows = await rows_of_customer(
        request, customer, asked.params["min_position"], owner_history_read, after=asked.at or 0,
        limit=asked.params["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, owner_span_document, lambda row: row.position_from)


@router.get(
    f"{PREFIX}/customers/{{customer}}/why",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", "SEAL_BROKEN", *LIST_ERRORS),
    response_model=Page[WhyBody],
    summary="Why a customer is somebody's",
    description="Every assignment and return to the pool, the latest first: the rule and its version, each candidate"
    " with score and load, and why each other one was passed over, the rules that were asked before and found nobody,"
    " and where no rule decided, who asked for it and their reason; in the language asked for.",
)
async def relations_why(
    request: Request,
    customer: str,
    language: Language = "zh",
    limit: Annotated[int, Query(ge=1, le=100, description="How many entries a page has at most.")] = 10,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Why a customer is somebody's."""
    asked = asked_of(request, language=language, limit=limit, min_position=min_position)
    p = asked.params
    rows = await rows_of_customer(
        request, customer, p["min_position"], timeline_read, topics=("CustomerAssigned", "CustomerPooled"),
        books=False, newest_first=True, start=asked.at, limit=p["limit"] + 1,
    )  # fmt: skip
    causes = await rows_of_customer(
        request, customer, p["min_position"], timeline_read, positions=[row.cause for row in rows], books=False,
        limit=p["limit"] + 1,
    )  # fmt: skip
    known = {row.position: Cause(row.topic, row.actor, row.state) for row in causes}
    rulebook, names = await rulebook_of(request), await names_of(request)

    def named(staff: str) -> str:
        return f"{staff} {names[staff]}" if staff in names else staff

    def considered(candidates: Sequence[CandidateWords]) -> list[dict[str, Any]]:
        return [
            {
                "staff": c.staff, "score": c.score, "load": c.load, "capacity": c.capacity, "verdict": c.verdict,
                "text": c.text,
            }
            for c in candidates
        ]  # fmt: skip

    def document(row: Any) -> dict[str, Any]:
        name = row.state["rule_set"]
        rules = rulebook.rule_set(name) if name in rulebook.book.rule_sets else None
        cause = known.get(row.cause)
        words = assignment_words(row.state, rules, p["language"], named, cause)
        return {
            "position": row.position, "event": row.topic, "recorded_at": row.recorded_at.isoformat(),
            "rule_set": name, "rule": row.state["rule"], "why": row.state["why"], "text": words.text,
            "rule_text": words.rule, "candidates": considered(words.candidates),
            "asked_by": cause.actor if cause else "", "reason": cause.reason if cause else "",
            "tried": [
                {"rule": t.id, "text": t.text, "rule_text": t.rule, "candidates": considered(t.candidates)}
                for t in words.tried
            ],
        }  # fmt: skip

    return page_response(request, asked, rows, document, lambda row: row.position)


@router.get(
    f"{PREFIX}/owners",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *LIST_ERRORS),
    response_model=Page[OwnerBody],
    summary="Who had each customer, now or at any time",
    description="Of the customers that one sees now: at the end of the day `as_of`, or right after a `position`; of"
    " `staff`, those that they had. By customer.",
)
async def relations_owners(
    request: Request,
    as_of: Day = None,
    position: Position = None,
    staff: StaffId = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Who had each customer."""
    asked = asked_of(
        request, as_of=as_of, position=position, staff=staff, limit=limit, min_position=min_position
    )
    p = asked.params
    if p["as_of"] is not None and p["position"] is not None:
        raise Refused("INPUT_INVALID", "give as_of or position, not both", "as_of")
    day = day_given(p["as_of"], "as_of")
    if day is not None and day > await day_now(request):
        raise Refused("DATE_INVALID", "as_of lies ahead: who has whom is known up to today", "as_of")
    # The views must have come so far, and the log too.
    reached = max(p["position"] or 0, p["min_position"] or 0) or None
    rows = await rows_seen(
        request, reached, owners_read, day=day, position=p["position"],
        staff=number_given(p["staff"], staff_number, "staff"), after=asked.at or 0, limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, owner_document, lambda row: row.customer)


@router.get(
    f"{PREFIX}/staff/{{staff}}/portfolio",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[HoldingBody],
    summary="What somebody owns",
    description="As far as one sees it; with `collaborating=true`, what they work with beside its owner.",
)
async def relations_portfolio(
    request: Request,
    staff: str,
    collaborating: bool = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """What somebody owns."""
    asked = asked_of(request, collaborating=collaborating, limit=limit, min_position=min_position)
    p = asked.params
    number = number_given(staff, staff_number, "staff") or 0
    rows = await rows_seen(
        request, p["min_position"], portfolio_read, number, collaborating=p["collaborating"], after=asked.at or 0,
        limit=p["limit"] + 1,
    )  # fmt: skip
    day = await day_now(request)
    return page_response(request, asked, rows, lambda row: holding_document(row, day), lambda row: row.customer)


@router.get(
    f"{PREFIX}/returning",
    permission=Permission.RELATIONS_READ,
    errors=("DATE_INVALID", *LIST_ERRORS),
    response_model=Page[HoldingBody],
    summary="Who returns to the pool soon",
    description="By the day `through` (today, without one), unless somebody talks with them; the first ones first.",
)
async def relations_returning(
    request: Request,
    through: Day = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Who returns to the pool soon."""
    asked = asked_of(request, through=through, limit=limit, min_position=min_position)
    p, day = asked.params, await day_now(request)
    through_day = day_given(p["through"], "through")
    after: tuple[int, int] = tuple(asked.at or (-1, 0))  # pyright: ignore[reportAssignmentType]
    rows = await rows_seen(
        request, p["min_position"], returning_read, day if through_day is None else through_day,
        after=after, limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(
        request, asked, rows, lambda row: holding_document(row, day), lambda row: (row.due_day, row.customer)
    )


@router.get(
    f"{PREFIX}/pool",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[PoolBody],
    summary="The pool",
    description="Customers that nobody has, for who sells: of their region and of none. The latest to come first.",
)
async def relations_pool(
    request: Request,
    region: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """The pool."""
    asked = asked_of(request, region=region, limit=limit, min_position=min_position)
    p = asked.params
    rules = (await rulebook_of(request)).in_force(await day_now(request))
    cooldown = rules.assignment.terms.cooldown_days if rules and rules.assignment else 0
    before: tuple[int, int] = tuple(asked.at or (POSITION_LAST, 0))  # pyright: ignore[reportAssignmentType]
    rows = await rows_seen(
        request, p["min_position"], pool_read, cooldown_days=cooldown, region=p["region"], before=before,
        limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, pool_document, _pool_place)


def _pool_place(row: PoolRow) -> tuple[int, int]:
    return row.since, row.customer
