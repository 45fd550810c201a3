"""Customers: found, listed, looked at."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from psycopg import Connection
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, read, read_reached
from api.input import Cursor, Limit, MinPosition, json_response
from api.reading import Name, Trait, customer_number_of, customer_unknown
from api.routing import Router
from api.schemas import Page, ReferenceBody
from ledger.domain.errors import Refused
from projections.customers import CustomerRow, CustomersView, customer_find, customer_read, references_read
from projections.merged import Merged, merged_read
from projections.places import reads
from projections.search import customers_filtered, customers_search

router = Router(tags=["customers"])


class CustomerBody(BaseModel):
    """A customer as it is now. `registered` is the position of its registration. `merged_into` is the customer that it
    was found to be: facts that come for it go there, its own points stay. `members` are those that it stands for."""

    customer: str
    name: str
    industry: str
    region: str
    customer_type: str
    scale: str
    consents: list[str]
    registered: int
    position: int
    merged_into: str | None
    members: list[str]


class CustomerDetail(CustomerBody):
    """A customer with how sources call it."""

    references: list[ReferenceBody]


def _document(row: CustomerRow, merged: Merged) -> dict[str, Any]:
    return {
        "customer": row.id, "name": row.name, "industry": row.industry, "region": row.region,
        "customer_type": row.customer_type, "scale": row.scale, "consents": row.consents,
        "registered": row.registered, "position": row.position, **merged.document(row.number),
    }  # fmt: skip


@router.get(
    "/v1/ledgers/{ledger}/customers",
    permission=Permission.CUSTOMERS_READ,
    errors=("CURSOR_INVALID", "SEARCH_INVALID", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=Page[CustomerBody],
    summary="Customers: all, of some traits, or found by name",
    description="`search` finds any part of the name, of its pinyin (three letters or more) or of the pinyin's"
    " initials (two or more), the best first; without it the list is by number, and may be narrowed by traits. With"
    " `source` and `reference` it is the one customer that the source calls so, if there is one.",
)
async def customers_list(
    request: Request,
    search: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    region: Trait = None,
    industry: Trait = None,
    customer_type: Trait = None,
    source: Name = None,
    reference: Name = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Customers: all, of some traits, or found by name."""
    pages = core_of(request).pages
    asked = pages.asked(request, {
        "search": search, "region": region, "industry": industry, "customer_type": customer_type, "source": source,
        "reference": reference, "limit": limit, "min_position": min_position,
    })  # fmt: skip
    params = asked.params
    kinds = [
        params["search"] is not None,
        params["source"] is not None or params["reference"] is not None,
        any(params[k] is not None for k in ("region", "industry", "customer_type")),
    ]
    if sum(kinds) > 1 or (params["source"] is None) != (params["reference"] is None):
        raise Refused("SEARCH_INVALID", "give search, or traits, or source and reference together", "search")
    wanted: int | None = params["min_position"]
    if kinds[1]:
        named: tuple[str, str] = params["source"], params["reference"]  # pyright: ignore[reportAssignmentType]
        row = await read_reached(request, wanted, _by_reference, *named)
        merged = await read_reached(request, wanted, merged_read, [] if row is None else [row.number])
        return json_response(pages.page(request, asked, [] if row is None else [_document(row, merged)]))
    if kinds[0]:
        found = await read_reached(
            request, wanted, customers_search, params["search"], seek=asked.seek, limit=asked.size + 1
        )
        merged = await read_reached(request, wanted, merged_read, [f.customer.number for f in found])
        return json_response(pages.listed(
            request, asked, found, lambda f: (f.rank, f.customer.number), lambda f: _document(f.customer, merged),
        ))  # fmt: skip
    traits = {name: params[name] for name in ("region", "industry", "customer_type")}
    rows = await read_reached(request, wanted, customers_filtered, **traits, seek=asked.seek, limit=asked.size + 1)
    merged = await read_reached(request, wanted, merged_read, [row.number for row in rows])
    page = pages.listed(request, asked, rows, lambda row: (row.number,), lambda row: _document(row, merged))
    return json_response(page)


@reads(CustomersView.name)
def _by_reference(connection: Connection[Any], source: str, reference: str) -> CustomerRow | None:
    number = customer_find(connection, source, reference)
    return None if number is None else customer_read(connection, number)


@router.get(
    "/v1/ledgers/{ledger}/customers/{customer}",
    permission=Permission.POINTS_READ,
    errors=("CUSTOMER_UNKNOWN", "VIEW_BEHIND", "POSITION_AHEAD"),
    response_model=CustomerDetail,
    summary="A customer as it is now",
)
async def customer(request: Request, customer: str, min_position: MinPosition = None) -> Response:
    """A customer as it is now."""
    number = customer_number_of(customer)
    row = await read_reached(request, min_position, customer_read, number)
    if row is None:
        raise customer_unknown()
    references = await read(request, references_read, number)
    merged = await read_reached(request, min_position, merged_read, [number])
    named = [{"source": s, "reference": r} for s, r in references]
    return json_response({**_document(row, merged), "references": named})
