"""Facts one by one: recorded, corrected."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast
from urllib.parse import unquote

from fastapi import Path
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.keys import Principal
from api.access.roles import Permission
from api.core import LedgerOf, in_thread, principal_of
from api.input import Body, flag, json_read
from api.reading import rulebook_of
from api.routing import Router
from api.schemas import WRITE_RESPONSES, ReferenceBody
from api.writing import request_send
from ledger.domain.commands import Request as Asked
from ledger.domain.errors import Refused
from ledger.domain.json_places import JsonInvalid
from ledger.log.types import fact_key
from ledger.writer.fact_line import fact_names, request_of_document

router = Router(tags=["facts"])

EXAMPLE: dict[str, Any] = {
    "source": "crm",
    "external_id": "HT-2026-0117",
    "fact_type": "contract_signed",
    "customer": "C-000001",
    "occurred_at": "2026-01-17",
    "attributes": {"amount": "1200000.00"},
}
ERRORS = (
    "FACT_INVALID", "FACT_TYPE_UNKNOWN", "FACT_IN_FUTURE", "FACT_MONTHS_OPEN", "FACT_ONCE_ONLY", "CUSTOMER_UNKNOWN",
    "TRAIT_UNKNOWN", "TRAIT_INVALID", "CUSTOMER_INVALID", "ADJUSTMENT_DENIED", "COMMAND_FAILED",
)  # fmt: skip


async def fact_read(request: Request) -> Any:
    """The JSON of a fact. Raises JsonInvalid, which tells the names that the ledger knows."""
    try:
        return await json_read(request)
    except JsonInvalid as invalid:
        raise invalid.named(fact_names((await rulebook_of(request)).book.fact_types)) from None


def fact_request(document: Any, principal: Principal) -> Asked:
    """What a fact's JSON asks for, as this key may ask it. Raises Refused."""
    return request_of_document(
        document, actor=principal.actor, client=principal.key_id, may_adjust=principal.may_adjust
    )


class RegistrationBody(ReferenceBody):
    """The customer to register where the reference is not known yet."""

    name: str
    traits: dict[str, str] = Field(default={})


class FactCorrectBody(Body):
    """The new content of a fact; source and external id stand in the path."""

    fact_type: str
    customer: str | ReferenceBody = Field(description="The customer's id, or how a source names it.")
    occurred_at: str = Field(description="A date or a date-time.", examples=["2026-01-17"])
    attributes: dict[str, Any] = Field(
        description="By name, as the fact type says. A number with decimals is decimal text, or a JSON number, which is"
        " read as the exact decimal that stands there."
    )
    revert: bool = Field(default=False, description="Allow going back to an earlier content of this fact.")


class FactBody(FactCorrectBody):
    """What happened outside."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})
    source: str
    external_id: str = Field(description="The source's own id of it; the same twice is one fact.")
    registration: RegistrationBody | None = None
    key: str = Field(default="", description="The idempotency key, where no header carries it.")


@router.post(
    "/v1/ledgers/{ledger}/facts",
    permission=Permission.FACTS_WRITE,
    errors=ERRORS,
    body=FactBody,
    body_example=EXAMPLE,
    writes=True,
    lean=True,
    summary="Record a fact",
    description="The same (source, external_id) with the same content is a duplicate, with other content a correction.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def fact_record(request: Request) -> Response:
    """The hot path: nothing between the key and the writer but the fact's own form."""
    principal = principal_of(request)
    document = await fact_read(request)
    asked = fact_request(document, principal)
    return await request_send(request, asked, flag(request, "dry_run"))


CORRECT_PATH: Final = "/v1/ledgers/{ledger}/facts/{source}/{external_id}/correct"
_SPELLING: Final = "A slash within it is written %2F, and what is no more than a dot or two %2E or %2E%2E."


@router.post(
    # A slash within an id comes decoded: the route takes any, and looks at the path as it was sent.
    CORRECT_PATH.replace("{source}/{external_id}", "{source:path}/{external_id:path}"),
    permission=Permission.FACTS_WRITE,
    errors=(*ERRORS, "FACT_UNKNOWN", "ROUTE_UNKNOWN"),
    body=FactCorrectBody,
    body_example={k: v for k, v in EXAMPLE.items() if k not in ("source", "external_id")},
    writes=True,
    summary="Correct a fact",
    description="The fact must be there. Nothing is edited: a new version and the difference in points are appended."
    " Where something on the way changes paths, `POST …/facts` corrects, too.",
    status_code=201,
    responses=WRITE_RESPONSES,
)
async def fact_correct(
    request: Request,
    ledger: LedgerOf,
    source: Annotated[str, Path(description=f"Whose id it is. {_SPELLING}")],
    external_id: Annotated[str, Path(description=f"The source's own id of it. {_SPELLING}")],
) -> Response:
    """A new version of a fact that is there."""
    source, external_id = _ids_sent(request)
    principal = principal_of(request)
    document: Any = await fact_read(request)
    if isinstance(document, dict):
        named = cast(dict[str, Any], document)
        if not named.keys() <= FactCorrectBody.model_fields.keys():
            members = ", ".join(FactCorrectBody.model_fields)
            reason = f"has a member other than {members}; source and external_id stand in the path"
            raise Refused("FACT_INVALID", reason, "body")
        document = {**named, "source": source, "external_id": external_id}
    asked = fact_request(document, principal)
    key = fact_key(source.strip(), external_id.strip())
    if not await in_thread(request, ledger.recorder.select_facts, [key]):
        raise Refused("FACT_UNKNOWN", "there is no such fact; record it with POST …/facts", "external_id")
    return await request_send(request, asked, flag(request, "dry_run"))


def _ids_sent(request: Request) -> tuple[str, str]:
    """Source and external id as the path was sent, in which %2F parts nothing. Raises Refused (ROUTE_UNKNOWN)."""
    scope = request.scope
    outside: int = scope.get("root_path", "").count("/")
    sent = [unquote(part) for part in scope["raw_path"].decode("latin-1").split("/")[outside:]]
    named = CORRECT_PATH.split("/")
    if len(sent) != len(named) or any(n != s for n, s in zip(named, sent, strict=True) if not n.startswith("{")):
        reason = "a slash within the source or the external id is written %2F here; POST …/facts corrects, too"
        raise Refused("ROUTE_UNKNOWN", reason, "external_id")
    found = dict(zip(named, sent, strict=True))
    return found["{source}"], found["{external_id}"]
