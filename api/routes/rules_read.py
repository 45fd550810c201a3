"""Rule sets and fact types: listed, read, compared in words; and the schemas of what the ledger holds."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of, in_thread
from api.input import Cursor, Limit, json_response, list_response
from api.reading import rulebook_of, today
from api.routing import Router
from api.schemas import DOCUMENT, Page
from ledger.domain.book import Book, RuleSetEntry
from ledger.domain.errors import Refused
from ledger.domain.events import REGISTRY
from ledger.domain.fact_types import FactType
from ledger.domain.values import day_of, day_text
from ledger.log.pages import page_of
from ledger.log.schemas import event_schema
from ledger.rules.differences import rule_sets_differences
from ledger.rules.document import schema as rules_schema
from ledger.rules.sentences import called_of, rule_sentence

router = Router(tags=["rules"])


class RuleSetBody(BaseModel):
    """A rule set and what became of it. `active_from` are the days from which it was activated."""

    rule_set: str
    title: dict[str, str]
    state: str
    sha256: str
    proposed_by: str
    proposed: int
    approved_by: str | None
    approved: int | None
    run: str | None
    active_from: list[str]
    in_force: bool


class RuleWordsBody(BaseModel):
    """A rule in words: its fact, points, recipient, conditions, weights, expiry and dates."""

    rule: str
    title: dict[str, str]
    clause: dict[str, str]


class RuleSetDetail(RuleSetBody):
    """A rule set with its document and its rules in words."""

    document: dict[str, Any] = Field(json_schema_extra={DOCUMENT: "RuleSet"})
    words: list[RuleWordsBody]


class ChangeBody(BaseModel):
    """One difference, in both languages."""

    kind: str
    part: str
    id: str
    zh: str
    en: str


class RuleSetDiff(BaseModel):
    """What changes from one rule set to another."""

    old: str
    new: str
    changes: list[ChangeBody]


class FactTypeBody(BaseModel):
    """A declared fact type: its document."""

    fact_type: str
    document: dict[str, Any] = Field(json_schema_extra={DOCUMENT: "FactType"})


class SchemaBody(BaseModel):
    """A schema by its name."""

    name: str
    href: str


@router.get(
    "/v1/ledgers/{ledger}/rule-sets",
    permission=Permission.RULES_READ,
    errors=("CURSOR_INVALID",),
    response_model=Page[RuleSetBody],
    summary="Rule sets and what became of them",
)
async def rule_sets_list(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Rule sets and what became of them."""
    rulebook = await rulebook_of(request)
    pages = core_of(request).pages
    asked = pages.asked(request, {"limit": limit})
    day = day_of(today(request, rulebook))

    def key(entry: RuleSetEntry) -> tuple[int]:
        return (entry.proposed,)

    entries = page_of(list(rulebook.book.rule_sets.values()), key, asked.seek, asked.size + 1)
    return json_response(pages.listed(request, asked, entries, key, lambda e: _entry(rulebook.book, e, day)))


@router.get(
    "/v1/ledgers/{ledger}/rule-sets/{rule_set}",
    permission=Permission.RULES_READ,
    errors=("RULESET_UNKNOWN",),
    response_model=RuleSetDetail,
    summary="A rule set: its document, and its rules in words",
)
async def rule_set(request: Request, rule_set: str) -> Response:
    """A rule set: its document, and its rules in words."""
    rulebook = await rulebook_of(request)
    entry = _found(rulebook.book, rule_set)
    rules = rulebook.rule_set(rule_set)
    words: list[dict[str, Any]] = []
    called = called_of(rules, rulebook.book.fact_types)
    for rule in rules.rules:
        words.append({
            "rule": rule.id, "title": {"zh": rule.title.zh, "en": rule.title.en},
            "clause": {"zh": rule_sentence(rule, 0, called), "en": rule_sentence(rule, 1, called)},
        })  # fmt: skip
    document = _entry(rulebook.book, entry, day_of(today(request, rulebook)))
    return json_response({**document, "document": entry.document, "words": words})


@router.get(
    "/v1/ledgers/{ledger}/rule-sets/{rule_set}/diff/{other}",
    permission=Permission.RULES_READ,
    errors=("RULESET_UNKNOWN",),
    response_model=RuleSetDiff,
    summary="What changes from one rule set to another, in words",
    description="From `rule_set` to `other`, part by part in the order of the document.",
)
async def rule_sets_diff(request: Request, rule_set: str, other: str) -> Response:
    """What changes from one rule set to another, in words."""
    rulebook = await rulebook_of(request)
    old, new = (rulebook.rule_set(_found(rulebook.book, name).rule_set) for name in (rule_set, other))
    changes = rule_sets_differences(old, new, rulebook.book.fact_types)
    return json_response({
        "old": rule_set, "new": other,
        "changes": [{"kind": c.kind, "part": c.part, "id": c.id, "zh": c.zh, "en": c.en} for c in changes],
    })  # fmt: skip


@router.get(
    "/v1/ledgers/{ledger}/fact-types",
    permission=Permission.RULES_READ,
    errors=("CURSOR_INVALID",),
    response_model=Page[FactTypeBody],
    summary="Declared fact types",
)
async def fact_types_list(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Declared fact types."""
    rulebook = await rulebook_of(request)
    pages = core_of(request).pages
    asked = pages.asked(request, {"limit": limit})
    # None is ever taken away: the place of each is its key.
    numbered = list(enumerate(rulebook.book.fact_types.values()))

    def key(entry: tuple[int, FactType]) -> tuple[int]:
        return (entry[0],)

    types = page_of(numbered, key, asked.seek, asked.size + 1)
    return json_response(pages.listed(request, asked, types, key, lambda entry: _fact_type(entry[1])))


@router.get(
    "/v1/ledgers/{ledger}/fact-types/{fact_type}",
    permission=Permission.RULES_READ,
    errors=("FACT_TYPE_UNKNOWN",),
    response_model=FactTypeBody,
    summary="A fact type",
)
async def fact_type(request: Request, fact_type: str) -> Response:
    """A fact type."""
    found = (await rulebook_of(request)).book.fact_types.get(fact_type)
    if found is None:
        raise Refused("FACT_TYPE_UNKNOWN", "no such fact type; GET …/fact-types lists them", "fact_type")
    return json_response(_fact_type(found))


_DOCUMENTS: Final = ("rule-set", "fact-type")


@router.get(
    "/v1/schemas",
    permission=Permission.SCHEMAS_READ,
    response_model=Page[SchemaBody],
    summary="The JSON Schemas of documents and events",
)
async def schemas_list() -> Response:
    """The JSON Schemas of documents and events."""
    names = [*_DOCUMENTS, *(f"events.{name}" for name in sorted(REGISTRY))]
    data = [{"name": name, "href": f"/v1/schemas/{name}"} for name in names]
    return list_response(data)


@router.get(
    "/v1/schemas/{name}",
    permission=Permission.SCHEMAS_READ,
    errors=("SCHEMA_UNKNOWN",),
    response_model=dict[str, Any],
    responses={
        200: {
            "description": "The schema.",
            "content": {"application/json": {"example": {"title": "FactType", "type": "object", "properties": {}}}},
        }
    },
    summary="A JSON Schema",
)
async def schema(request: Request, name: str) -> Response:
    """A JSON Schema."""
    return Response(await in_thread(request, _schema, name), media_type="application/json")


@cache
def _schema(name: str) -> bytes:
    """A schema as it is told; made once. Raises Refused (SCHEMA_UNKNOWN), of which nothing is kept."""
    if name == "rule-set":
        return orjson.dumps(rules_schema())
    if name == "fact-type":
        return orjson.dumps(FactType.model_json_schema(by_alias=True))
    cls = REGISTRY.get(name.removeprefix("events.")) if name.startswith("events.") else None
    if cls is None:
        raise Refused("SCHEMA_UNKNOWN", "no such schema; GET /v1/schemas lists them", "name")
    return orjson.dumps(event_schema(cls))


def _found(book: Book, name: str) -> RuleSetEntry:
    entry = book.rule_sets.get(name)
    if entry is None:
        raise Refused("RULESET_UNKNOWN", "no such rule set; GET …/rule-sets lists them", "rule_set")
    return entry


def _entry(book: Book, entry: RuleSetEntry, day: int) -> dict[str, Any]:
    active = [day_text(a.day_from) for a in book.activations if a.rule_set == entry.rule_set]
    state = "active" if active else "approved" if entry.approved_by else "proposed"
    title = entry.document["title"]
    return {
        "rule_set": entry.rule_set, "title": {"zh": title["zh"], "en": title["en"]}, "state": state,
        "sha256": entry.sha256, "proposed_by": entry.proposed_by, "proposed": entry.proposed,
        "approved_by": entry.approved_by or None, "approved": entry.approved or None, "run": entry.run,
        "active_from": active, "in_force": book.in_force(day) == entry.rule_set,
    }  # fmt: skip


def _fact_type(found: FactType) -> dict[str, Any]:
    return {"fact_type": found.id, "document": found.document()}
