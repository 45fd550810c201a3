"""Keys of the API: made, listed, revoked by admins of all ledgers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.holders import holder_check, ledgers_check
from api.access.keys import KeyRecord, Principal, key_request_check
from api.access.roles import Permission
from api.core import CoreOf, PrincipalOf, in_thread
from api.input import Body, Cursor, Limit, body_read, flag, json_response
from api.routing import LEDGER_NAME, Router, denied
from api.schemas import KeyBody, KeyCreatedBody, KeyRehearsalBody, Page
from ledger.domain.errors import Refused

router = Router(tags=["keys"])


class KeyCreateBody(Body):
    """A new key."""

    actor: str = Field(description="Under whose name it acts in the log.", examples=["wang.li"])
    role: str = Field(json_schema_extra={"enum": ["admin", "operator", "auditor", "service", "customer", "staff"]})
    ledgers: list[str] | None = Field(default=None, max_length=1_000, description="Without: all ledgers.")
    customer: str | None = Field(default=None, description="For the role customer: whose own data it shows.")
    staff: str | None = Field(
        default=None, description="For the role staff: who it is for (S-000001), in the one ledger named."
    )
    expires_at: str | None = Field(default=None, description="A date-time with its zone; without: never.")


@router.post(
    "/v1/keys",
    permission=Permission.KEYS_MANAGE,
    errors=("KEY_REQUEST_INVALID", "LEDGER_UNKNOWN", "LEDGER_UNAVAILABLE", "CUSTOMER_UNKNOWN", "STAFF_UNKNOWN"),
    body=KeyCreateBody,
    body_example={"actor": "erp", "role": "service", "ledgers": ["main"]},
    keyless="the secret is shown once and isn't kept, so no answer could be given again",
    summary="Make a key",
    description="Its ledgers, and the customer or the member of staff it is for, must be there already. The secret is"
    " shown this once: it isn't kept, so the request takes no idempotency key either.",
    status_code=201,
    response_model=KeyCreatedBody,
    responses={200: {"model": KeyRehearsalBody, "description": "A dry run: the key could be made."}},
)
async def key_create(request: Request, core: CoreOf, principal: PrincipalOf) -> Response:
    """Make a key."""
    _all_ledgers(principal)
    body = await body_read(request, KeyCreateBody)
    if body.ledgers is not None and not all(LEDGER_NAME.fullmatch(name) for name in body.ledgers):
        raise Refused("KEY_REQUEST_INVALID", "ledgers holds a name that no ledger can have", "ledgers")
    expires = _time(body.expires_at)
    try:
        ledgers = key_request_check(body.actor, body.role, body.ledgers, body.customer, body.staff, None, expires)
    except Refused as refusal:
        raise Refused(refusal.code, refusal.reason, "ledgers" if refusal.field == "ledger" else refusal.field) from None
    ledgers_check(ledgers, await core.ledgers.names(), "ledgers")
    if ledgers and (body.customer is not None or body.staff is not None):
        ledger = await core.ledgers.open(ledgers[0])
        await in_thread(request, holder_check, ledger.recorder, body.customer, body.staff)
    if flag(request, "dry_run"):
        made = {
            "actor": body.actor, "role": body.role, "ledgers": ledgers, "customer": body.customer,
            "staff": body.staff, "expires_at": _time_text(expires),
        }  # fmt: skip
        return json_response({"dry_run": True, "key": made})
    record, secret = await in_thread(
        request, core.access.key_create, body.actor, body.role, body.ledgers, body.customer,
        expires=expires, created_by=principal.actor, staff=body.staff,
    )  # fmt: skip
    return json_response({**key_document(record), "secret": secret}, 201)


@router.get(
    "/v1/keys",
    permission=Permission.KEYS_MANAGE,
    errors=("CURSOR_INVALID",),
    summary="List keys",
    description="In the order of their ids, revoked ones too.",
    response_model=Page[KeyBody],
)
async def keys_list(
    request: Request, core: CoreOf, principal: PrincipalOf, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """A page of keys."""
    _all_ledgers(principal)
    asked = core.pages.asked(request, {"limit": limit})
    records = await in_thread(request, core.access.keys_list, asked.seek, asked.size + 1)
    return json_response(core.pages.listed(request, asked, records, lambda record: (record.id,), key_document))


@router.delete(
    "/v1/keys/{key}",
    permission=Permission.KEYS_MANAGE,
    errors=("API_KEY_UNKNOWN",),
    keyless="to revoke a key again does nothing more",
    summary="Revoke a key",
    description="It stops everywhere within two seconds. A key revoked already stays as it is.",
    response_model=KeyBody,
)
async def key_revoke(request: Request, core: CoreOf, principal: PrincipalOf, key: str) -> Response:
    """Revoke a key."""
    _all_ledgers(principal)
    act = core.access.key_record if flag(request, "dry_run") else core.access.key_revoke
    return json_response(key_document(await in_thread(request, act, key)))


def key_document(record: KeyRecord) -> dict[str, Any]:
    """A key for JSON."""
    return {
        "id": record.id,
        "actor": record.actor,
        "role": record.role.value,
        "ledgers": None if record.ledgers is None else list(record.ledgers),
        "customer": record.customer,
        "staff": record.staff,
        "created_at": record.created_at.isoformat(),
        "created_by": record.created_by,
        "expires_at": _time_text(record.expires_at),
        "revoked_at": _time_text(record.revoked_at),
        "last_used_at": _time_text(record.last_used_at),
    }


def _all_ledgers(principal: Principal) -> None:
    # A key of some ledgers could otherwise make one of all.
    if principal.ledgers is not None:
        raise denied("keys are managed with an admin key of all ledgers")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("KEY_REQUEST_INVALID", "expires_at is no date-time with its zone", "expires_at") from None


def _time_text(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
