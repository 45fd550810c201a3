"""Customers that one sees: found, looked at with people, knowledge and projects, and all that happened with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query
from psycopg import Connection
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import LedgerOf, in_thread, principal_of
from api.input import Cursor, Limit, MinPosition, Text, json_response
from api.ports import LedgerPort
from api.reading import customer_number_of, customer_unknown, rulebook_of, today
from api.routes.relations.documents import (
    contact_document,
    knowledge_document,
    lead_document,
    milestone_document,
    project_document,
    seen_document,
    timeline_document,
    worth_document,
)
from api.routes.relations.refusals import NUMBER_LAST, project_unknown
from api.routes.relations.rows.profiles import (
    KnowledgeBody,
    LeadRowBody,
    ProfileBody,
    ProjectBody,
    ProjectDetailBody,
    SeenBody,
    TimelineBody,
)
from api.routes.relations.seeing import (
    LIST_ERRORS,
    PREFIX,
    READ_ERRORS,
    asked_of,
    number_given,
    page_response,
    rows_of_customer,
    rows_seen,
    seen,
)
from api.routing import Router
from api.schemas import Page
from ledger.domain.relations.ids import project_number
from ledger.domain.values import customer_number, day_of
from ledger.log.vault import Vault
from projections.relations.arrivals import leads_read
from projections.relations.profile import ContactRow, KnowledgeRow
from projections.relations.profiles import (
    Known,
    Worth,
    contacts_read,
    customers_named,
    customers_seen,
    knowledge_read,
    milestones_read,
    profile_read,
    projects_read,
    region_knowledge_read,
    worth_read,
)
from projections.relations.scopes import Scope
from projections.relations.timeline import timeline_read

router = Router(tags=["relations"])

_PROJECTS_MAX = 1_000


@router.get(
    f"{PREFIX}/customers",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[SeenBody],
    summary="Customers that one sees",
    description="`search` finds any part of the name, of its pinyin (three letters or more) or of the pinyin's"
    " initials (two or more). By number.",
)
async def relations_customers(
    request: Request,
    search: Text = None,
    region: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Customers that one sees."""
    asked = asked_of(request, search=search, region=region, limit=limit, min_position=min_position)
    p = asked.params
    if p["search"] is None:
        rows = await rows_seen(
            request, p["min_position"], customers_seen, region=p["region"], after=asked.at or 0, limit=p["limit"] + 1
        )
    else:
        rows = await rows_seen(
            request, p["min_position"], customers_named, p["search"], region=p["region"], after=asked.at or 0,
            limit=p["limit"] + 1,
        )  # fmt: skip
    return page_response(request, asked, rows, seen_document, lambda row: row.customer)


@router.get(
    f"{PREFIX}/customers/{{customer}}",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", "SEAL_BROKEN", *READ_ERRORS),
    response_model=ProfileBody,
    summary="What is known of a customer",
    description="Its profile, the people there, soft knowledge and the first thousand projects; of one that was merged"
    " into another, the other's. Of people who were erased names, phones and what was said of them are null, and"
    " `erased` is true. Who only has a task of the customer sees no people, knowledge or projects, and not where it"
    " stands (`standing` is null).",
)
async def relations_profile(
    request: Request, ledger: LedgerOf, customer: str, min_position: MinPosition = None
) -> Response:
    """What is known of a customer."""
    number = customer_number_of(customer)
    rulebook = await rulebook_of(request)
    day = day_of(today(request, rulebook))
    rules = rulebook.in_force(day)
    ladder = rules.tiers if rules else None

    def look(connection: Connection[Any], scope: Scope) -> dict[str, Any]:
        known = profile_read(connection, scope, number)
        if known is None:
            raise customer_unknown()
        contacts, knowledge = contacts_read(connection, scope, number), knowledge_read(connection, scope, number)
        projects = projects_read(connection, scope, customer=number, limit=_PROJECTS_MAX)
        return {
            "known": known, "contacts": contacts, "knowledge": knowledge,
            "projects": [project_document(p) for p in projects],
            "worth": worth_read(connection, scope, number, ladder, day),
        }  # fmt: skip

    views = (*profile_read.views, *contacts_read.views, *knowledge_read.views, *projects_read.views, *worth_read.views)
    found = await seen(request, min_position, tuple(dict.fromkeys(views)), look)
    known: Known = found["known"]
    worth: Worth | None = found["worth"]
    opened = await in_thread(request, _opened, ledger, found["contacts"], found["knowledge"])
    return json_response({
        **seen_document(known.customer), "merged": [seen_document(row)["customer"] for row in known.merged],
        "credit_code": known.profile.credit_code, "qualifications": known.profile.qualifications,
        "needs": known.profile.needs, "cooperation": known.profile.cooperation, "more": known.profile.more,
        **opened, "projects": found["projects"], "standing": None if worth is None else worth_document(worth, rules),
    })  # fmt: skip


def _opened(
    ledger: LedgerPort, contacts: Sequence[ContactRow], knowledge: Sequence[KnowledgeRow]
) -> dict[str, list[dict[str, Any]]]:
    """People and knowledge with what was sealed for each; who was erased has nothing any more."""
    rows = [row for row in (*contacts, *knowledge) if row.sealed]
    words = Vault(ledger.recorder.datastore).open_many([(row.person, row.sealed) for row in rows])
    said: dict[int, Mapping[str, str] | None] = {id(row): text for row, text in zip(rows, words, strict=True)}
    return {
        "contacts": [contact_document(row, said.get(id(row))) for row in contacts],
        "knowledge": [knowledge_document(row, said.get(id(row))) for row in knowledge],
    }


@router.get(
    f"{PREFIX}/customers/{{customer}}/timeline",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", *LIST_ERRORS),
    response_model=Page[TimelineBody],
    summary="All that happened with a customer",
    description="In order of the log, talks before the contract and the books alike; `books=false` leaves facts and"
    " points out, `newest_first=true` begins at the end.",
)
async def relations_timeline(
    request: Request,
    customer: str,
    books: bool = True,
    newest_first: bool = False,
    event: Text = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """All that happened with a customer."""
    asked = asked_of(
        request, books=books, newest_first=newest_first, event=event, limit=limit, min_position=min_position
    )
    p = asked.params
    rows = await rows_of_customer(
        request, customer, p["min_position"], timeline_read, topics=None if p["event"] is None else [p["event"]],
        books=p["books"], newest_first=p["newest_first"], start=asked.at, limit=p["limit"] + 1,
    )  # fmt: skip
    whole = principal_of(request).staff is None
    return page_response(request, asked, rows, lambda row: timeline_document(row, whole), lambda row: row.position)


@router.get(
    f"{PREFIX}/customers/{{customer}}/leads",
    permission=Permission.RELATIONS_READ,
    errors=("CUSTOMER_UNKNOWN", *LIST_ERRORS),
    response_model=Page[LeadRowBody],
    summary="The leads of a customer",
)
async def relations_leads(
    request: Request,
    customer: str,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """The leads of a customer."""
    asked = asked_of(request, limit=limit, min_position=min_position)
    rows = await rows_of_customer(
        request, customer, asked.params["min_position"], leads_read, after=asked.at or 0,
        limit=asked.params["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, lead_document, lambda row: row.position)


@router.get(
    f"{PREFIX}/knowledge",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[KnowledgeBody],
    summary="The unwritten rules of the regions that one sells in",
)
async def relations_knowledge(
    request: Request,
    region: Text = None,
    limit: Limit = 1_000,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """The unwritten rules of regions."""
    asked = asked_of(request, region=region, limit=limit, min_position=min_position)
    p = asked.params
    more: dict[str, Any] = {} if asked.at is None else {"after": tuple(asked.at)}
    rows = await rows_seen(
        request, p["min_position"], region_knowledge_read, region=p["region"], limit=p["limit"] + 1, **more
    )
    return page_response(request, asked, rows, knowledge_document, lambda row: (row.region, row.position))


@router.get(
    f"{PREFIX}/projects",
    permission=Permission.RELATIONS_READ,
    errors=LIST_ERRORS,
    response_model=Page[ProjectBody],
    summary="Projects of the customers that one sees",
)
async def relations_projects(
    request: Request,
    customer: Annotated[str | None, Query(max_length=40, examples=["C-000001"])] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
) -> Response:
    """Projects of the customers that one sees."""
    asked = asked_of(request, customer=customer, limit=limit, min_position=min_position)
    p = asked.params
    rows = await rows_seen(
        request, p["min_position"], projects_read, customer=number_given(p["customer"], customer_number, "customer"),
        after=asked.at or 0, limit=p["limit"] + 1,
    )  # fmt: skip
    return page_response(request, asked, rows, project_document, lambda row: row.number)


@router.get(
    f"{PREFIX}/projects/{{project}}",
    permission=Permission.RELATIONS_READ,
    errors=("PROJECT_UNKNOWN", *READ_ERRORS),
    response_model=ProjectDetailBody,
    summary="A project with its key nodes",
)
async def relations_project(request: Request, project: str, min_position: MinPosition = None) -> Response:
    """A project with its key nodes."""
    number = project_number(project)

    def look(connection: Connection[Any], scope: Scope) -> dict[str, Any]:
        rows = projects_read(connection, scope, number=number, limit=1) if 0 < number <= NUMBER_LAST else []
        if not rows:
            raise project_unknown()
        nodes = milestones_read(connection, scope, number)
        return {**project_document(rows[0]), "milestones": [milestone_document(node) for node in nodes]}

    return json_response(await seen(request, min_position, projects_read.views, look))
