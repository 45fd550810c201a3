"""Who may send facts by signed webhook: made, listed, keys rotated, mappings changed, revoked; by admins."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import LedgerOf, PrincipalOf, core_of, in_thread, read
from api.input import Body, Cursor, Limit, body_read, flag, json_response
from api.reading import rulebook_of
from api.routes.imports import mapping_chosen
from api.routing import Router
from api.schemas import DOCUMENT, Page
from connectors.files.mapping import FileMapping
from connectors.files.records import sender_mapping_check
from webhooks.senders import (
    OVERLAP_HOURS_DEFAULT,
    OVERLAP_HOURS_MAX,
    NewKey,
    Sender,
    sender_exists,
    sender_find,
    sender_known,
    sender_living_check,
    sender_make,
    sender_mapping_set,
    sender_name_check,
    sender_revoke,
    sender_rotate,
    senders_list,
)
from webhooks.signing import SECRET_BYTES, secret_create

router = Router(tags=["webhooks"])

SENDERS: Final = "/v1/ledgers/{ledger}/webhooks/senders"
SHOWN_ONCE: Final = "the secret is shown once, so no answer could be given again"
MappingField: Any = Field(
    description="A built-in mapping by its name, or a document.", json_schema_extra={DOCUMENT: "FileMapping"}
)


class SenderCreateBody(Body):
    """A new sender."""

    name: str = Field(description="Its part of the path, and of the actor `webhook:<name>`.", examples=["erp"])
    mapping: str | dict[str, Any] = MappingField


class SenderMappingBody(Body):
    """How what a sender sends becomes facts from now on."""

    mapping: str | dict[str, Any] = MappingField


class SenderRotateBody(Body):
    """How long the key before the new one stays good."""

    overlap_hours: int = Field(
        default=OVERLAP_HOURS_DEFAULT, ge=0, le=OVERLAP_HOURS_MAX, description="0: it ends now.", examples=[24]
    )


class SenderKeyBody(BaseModel):
    """A key without its secret. `ends_at` null: it is the one in use."""

    id: str = Field(examples=["WK-5f2c9d1a7b3e4f60"])
    created_at: str
    created_by: str
    ends_at: str | None = Field(examples=[None])


class SenderBody(BaseModel):
    """A sender. `mapping` is the id of its mapping."""

    name: str = Field(examples=["erp"])
    path: str = Field(description="Where its messages go.", examples=["/v1/ledgers/main/webhooks/in/erp"])
    mapping: str = Field(examples=["erp_contracts"])
    mapping_sha256: str = Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])
    created_at: str
    created_by: str
    changed_at: str = Field(examples=["2026-01-17T10:24:03.512+08:00"])
    changed_by: str = Field(examples=["admin"])
    revoked_at: str | None
    revoked_by: str | None = Field(examples=[None])
    keys: list[SenderKeyBody] = Field(description="The newest first.")


class SenderDetailBody(SenderBody):
    """A sender with its mapping whole."""

    document: dict[str, Any] = Field(json_schema_extra={DOCUMENT: "FileMapping"})


class SenderMadeBody(SenderBody):
    """A sender with the secret of its new key, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class SenderRehearsalBody(BaseModel):
    """What a dry run tells: the sender as it is; null where it isn't there yet."""

    dry_run: bool
    sender: SenderBody | None


REHEARSED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": SenderRehearsalBody, "description": "A dry run: it could be done."}
}


@router.post(
    SENDERS,
    permission=Permission.SENDERS_MANAGE,
    errors=("SENDER_INVALID", "SENDER_EXISTS", "MAPPING_NOT_FOUND"),
    body=SenderCreateBody,
    body_example={"name": "erp", "mapping": "facts"},
    keyless=SHOWN_ONCE,
    summary="Let somebody send facts by webhook",
    description="Its mapping says how its JSON becomes facts. The secret is shown this once.",
    status_code=201,
    response_model=SenderMadeBody,
    responses=REHEARSED,
)
async def sender_create(request: Request, ledger: LedgerOf, principal: PrincipalOf) -> Response:
    """Let somebody send facts by webhook."""
    body = await body_read(request, SenderCreateBody)
    sender_name_check(body.name)
    mapping = await _mapping(request, body.mapping)
    if flag(request, "dry_run"):
        if await read(request, sender_known, body.name) is not None:
            raise sender_exists()
        return json_response({"dry_run": True, "sender": None})
    await in_thread(request, ledger.quarantine.mapping_keep, mapping)
    key, now = _key_new(), core_of(request).ledgers.clock()
    made = await read(request, sender_make, body.name, mapping.digest, key, now, principal.actor)
    return json_response({**sender_document(made, ledger.name), "secret": key.secret}, 201)


@router.get(
    SENDERS,
    permission=Permission.SENDERS_MANAGE,
    errors=("CURSOR_INVALID",),
    summary="Who may send facts by webhook",
    description="In the order of their names, revoked ones too.",
    response_model=Page[SenderBody],
)
async def senders_page(request: Request, ledger: LedgerOf, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Who may send facts by webhook."""
    pages = core_of(request).pages
    asked = pages.asked(request, {"limit": limit})
    found = await read(request, senders_list, asked.seek, asked.size + 1)
    document = pages.listed(request, asked, found, lambda s: (s.name,), lambda s: sender_document(s, ledger.name))
    return json_response(document)


@router.get(
    SENDERS + "/{sender}",
    permission=Permission.SENDERS_MANAGE,
    errors=("SENDER_UNKNOWN",),
    summary="One who may send facts by webhook",
    response_model=SenderDetailBody,
)
async def sender_show(request: Request, ledger: LedgerOf, sender: str) -> Response:
    """One who may send facts by webhook."""
    found = await read(request, sender_find, sender)
    return json_response({**sender_document(found, ledger.name), "document": found.mapping})


@router.post(
    SENDERS + "/{sender}/rotate",
    permission=Permission.SENDERS_MANAGE,
    errors=("SENDER_UNKNOWN", "SENDER_REVOKED"),
    body=SenderRotateBody,
    body_example={"overlap_hours": 24},
    keyless=SHOWN_ONCE,
    summary="Give a sender another key",
    description="The key before it stays good for `overlap_hours`; one before that ends now. The secret is shown this"
    " once.",
    status_code=201,
    response_model=SenderMadeBody,
    responses=REHEARSED,
)
async def sender_rotation(request: Request, ledger: LedgerOf, principal: PrincipalOf, sender: str) -> Response:
    """Give a sender another key."""
    body = await body_read(request, SenderRotateBody)
    if flag(request, "dry_run"):
        found = await _found_living(request, sender)
        return json_response({"dry_run": True, "sender": sender_document(found, ledger.name)})
    key, now, overlap = _key_new(), core_of(request).ledgers.clock(), timedelta(hours=body.overlap_hours)
    made = await read(request, sender_rotate, sender, key, overlap, now, principal.actor)
    return json_response({**sender_document(made, ledger.name), "secret": key.secret}, 201)


@router.post(
    SENDERS + "/{sender}/mapping",
    permission=Permission.SENDERS_MANAGE,
    errors=("SENDER_UNKNOWN", "SENDER_REVOKED", "MAPPING_NOT_FOUND"),
    body=SenderMappingBody,
    body_example={"mapping": "facts"},
    keyless="to set the same mapping again changes nothing",
    summary="Read what a sender sends by another mapping",
    description="From the next message on. Rows in the quarantine are tried again by the mapping that refused them.",
    response_model=SenderBody,
)
async def sender_mapping(request: Request, ledger: LedgerOf, principal: PrincipalOf, sender: str) -> Response:
    """Read what a sender sends by another mapping."""
    body = await body_read(request, SenderMappingBody)
    mapping = await _mapping(request, body.mapping)
    if flag(request, "dry_run"):
        return json_response(sender_document(await _found_living(request, sender), ledger.name))
    await in_thread(request, ledger.quarantine.mapping_keep, mapping)
    now = core_of(request).ledgers.clock()
    changed = await read(request, sender_mapping_set, sender, mapping.digest, now, principal.actor)
    return json_response(sender_document(changed, ledger.name))


@router.post(
    SENDERS + "/{sender}/revoke",
    permission=Permission.SENDERS_MANAGE,
    errors=("SENDER_UNKNOWN",),
    keyless="to revoke a sender again does nothing more",
    summary="Take no more facts from a sender",
    description="At once, and for good: its name stays taken. A sender revoked already stays as it is.",
    response_model=SenderBody,
)
async def sender_revocation(request: Request, ledger: LedgerOf, principal: PrincipalOf, sender: str) -> Response:
    """Take no more facts from a sender."""
    if flag(request, "dry_run"):
        return json_response(sender_document(await read(request, sender_find, sender), ledger.name))
    now = core_of(request).ledgers.clock()
    return json_response(sender_document(await read(request, sender_revoke, sender, now, principal.actor), ledger.name))


def sender_document(sender: Sender, ledger: str) -> dict[str, Any]:
    """A sender for JSON, without secrets."""
    return {
        "name": sender.name, "path": f"/v1/ledgers/{ledger}/webhooks/in/{sender.name}", "mapping": sender.mapping["id"],
        "mapping_sha256": sender.mapping_sha256.hex(), "created_at": sender.created_at.isoformat(),
        "created_by": sender.created_by, "changed_at": sender.changed_at.isoformat(), "changed_by": sender.changed_by,
        "revoked_at": sender.revoked_at.isoformat() if sender.revoked_at else None, "revoked_by": sender.revoked_by,
        "keys": [
            {
                "id": key.id, "created_at": key.created_at.isoformat(), "created_by": key.created_by,
                "ends_at": key.ends_at.isoformat() if key.ends_at else None,
            }
            for key in sender.keys
        ],
    }  # fmt: skip


async def _mapping(request: Request, chosen: str | dict[str, Any]) -> FileMapping:
    """A mapping that fits what a webhook brings. Raises Refused, DocumentInvalid."""
    mapping = mapping_chosen(chosen)
    sender_mapping_check(mapping, (await rulebook_of(request)).book.fact_types.get)
    return mapping


async def _found_living(request: Request, sender: str) -> Sender:
    """A sender that was not revoked. Raises Refused."""
    found = await read(request, sender_find, sender)
    sender_living_check(found.revoked_at)
    return found


def _key_new() -> NewKey:
    return NewKey("WK-" + secrets.token_hex(8), secret_create(secrets.token_bytes(SECRET_BYTES)))
