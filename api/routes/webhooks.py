"""Webhooks: who is called about what happens in a ledger, how far each has been told, and what became of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import CoreOf, LedgerOf, PrincipalOf, core_of, principal_of, read
from api.input import Body, Cursor, Limit, body_read, flag, json_response
from api.once import answered_once
from api.routing import Router
from api.schemas import Page
from webhooks.messages import test_message
from webhooks.sending import Sender
from webhooks.subscriptions import (
    ATTEMPTS_MAX_LIMIT,
    OVERLAP_HOURS_DEFAULT,
    OVERLAP_HOURS_MAX,
    POSITION_MAX,
    Webhook,
    WebhookAsked,
    asked_checked,
    attempts_list,
    dead_list,
    dead_retry,
    name_checked,
    secrets_read,
    webhook_change,
    webhook_create,
    webhook_delete,
    webhook_find,
    webhook_pause,
    webhook_resume,
    webhook_rewind,
    webhook_rotate,
    webhooks_list,
)

router = Router(tags=["webhooks"])

PREFIX: Final = "/v1/ledgers/{ledger}/webhooks"
ONE: Final = PREFIX + "/{webhook}"
_SECRET: Final = "the secret is shown once and isn't kept with an answer, so none could be given again"
_FORM: Final = ("WEBHOOK_INVALID", "WEBHOOK_URL_INVALID")

Kind = Literal["event", "notice"]
Batch = Literal["day", "month"]
Consent = Literal["given", "not_withdrawn"]
OnDead = Literal["skip", "stop"]
Position = Annotated[int, Field(ge=1, le=POSITION_MAX)]


class WebhookSettings(Body):
    """What of a webhook can be changed; what isn't said stays as it is."""

    url: str | None = Field(default=None, description="Where it is called: https, on the public internet.")
    types: list[str] | None = Field(default=None, description="Of events only these types; empty: all.")
    customers: list[str] | None = Field(default=None, description="Only these customers; empty: all.")
    batch: Batch | None = Field(
        default=None, description="Of notices: a day's or a month's, where the customer hasn't chosen."
    )
    consent: Consent | None = Field(
        default=None,
        description="Of notices: only of customers who consented (given), or of all who didn't withdraw it.",
    )
    on_dead: OnDead | None = Field(
        default=None, description="After a message was given up: go on with the next, or stop to keep the order."
    )
    attempts_max: int | None = Field(default=None, ge=1, le=ATTEMPTS_MAX_LIMIT)


class WebhookCreateBody(WebhookSettings):
    """A new webhook."""

    name: str = Field(description="What it is called by, 1 to 40 of a-z, 0-9 and -.")
    kind: Kind = Field(default="event", description="event: what happens; notice: what changed for customers.")
    url: str  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
    from_position: Position | None = Field(
        default=None, description="Begin with what stands there in the log; without: with what comes next."
    )


class ReplayWebhookBody(Body):
    """From where everything is sent again."""

    from_position: Position


class RotateWebhookBody(Body):
    """How long the secret before the new one signs beside it."""

    overlap_hours: int = Field(default=OVERLAP_HOURS_DEFAULT, ge=0, le=OVERLAP_HOURS_MAX)


class WebhookBody(BaseModel):
    """A webhook without its secret; of its URL the query isn't shown, for it may hold one of the receiver's. `position`
    is how far it has been told, `behind` how many positions that is from the log's end; `attempts` is how often the
    next message has failed, and `retry_at` when it is tried again. `dead`: messages given up."""

    name: str
    kind: Kind
    url: str
    types: list[str]
    customers: list[str]
    batch: Batch | None
    consent: Consent | None
    on_dead: OnDead
    attempts_max: int
    state: Literal["active", "paused", "held", "gone"]
    position: int
    behind: int
    attempts: int
    retry_at: str | None
    delivered_at: str | None
    dead: int
    secret_old_until: str | None
    created_at: str
    created_by: str
    changed_at: str
    changed_by: str


class WebhookSecretBody(WebhookBody):
    """A webhook with its new secret, which is shown this once."""

    secret: str


class WebhookAskedBody(BaseModel):
    """A webhook as it would be."""

    name: str
    kind: Kind
    url: str
    types: list[str]
    customers: list[str]
    batch: Batch | None
    consent: Consent | None
    on_dead: OnDead
    attempts_max: int


class WebhookRehearsalBody(BaseModel):
    """What a dry run tells: the webhook that would be made."""

    dry_run: Literal[True]
    webhook: WebhookAskedBody


class AttemptBody(BaseModel):
    """An attempt to deliver a message; `status` 0: there was no answer."""

    number: int
    position: int
    message: str
    attempt: int
    at: str
    outcome: Literal["delivered", "failed", "dead", "gone"]
    status: int
    latency_ms: int
    reason: str


class DeadLetterBody(BaseModel):
    """A message that was given up; waiting: another attempt comes soon."""

    id: str
    position: int
    message: str
    attempts: int
    status: int
    reason: str
    dead_at: str
    state: Literal["dead", "waiting", "delivered"]


class WebhookTestBody(BaseModel):
    """What came of a test: whether it was taken, and if not, why."""

    dry_run: bool
    message: str
    delivered: bool
    status: int
    latency_ms: int
    reason: str


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": WebhookRehearsalBody, "description": "A dry run: it could be made."}
}


@router.post(
    PREFIX,
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_EXISTS", "WEBHOOK_MANY", "POSITION_AHEAD", *_FORM),
    body=WebhookCreateBody,
    body_example={"name": "billing", "url": "https://billing.example/plumbline", "types": ["PointsGranted"]},
    keyless=_SECRET,
    summary="Make a webhook",
    description="The secret that its messages are signed with is shown this once. Its name is its own: asked for twice,"
    " the second is refused.",
    status_code=201,
    response_model=WebhookSecretBody,
    responses=_RESPONSES,
)
async def webhook_make(request: Request, core: CoreOf, principal: PrincipalOf) -> Response:
    """Make a webhook."""
    body = await body_read(request, WebhookCreateBody)
    name = name_checked(body.name)
    asked = asked_checked(_asked(body, WebhookAsked(body.kind, body.url)), core.settings.webhook_networks)
    dry_run = flag(request, "dry_run")
    secret = await read(request, webhook_create, name, asked, principal.actor, body.from_position, dry_run=dry_run)
    if dry_run:
        return json_response({"dry_run": True, "webhook": {"name": name, **_asked_document(asked)}})
    return json_response({**(await read(request, webhook_find, name)).document(), "secret": secret}, 201)


@router.get(
    PREFIX,
    permission=Permission.WEBHOOKS_READ,
    errors=("CURSOR_INVALID",),
    summary="List webhooks",
    response_model=Page[WebhookBody],
)
async def webhooks(request: Request, core: CoreOf, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """A page of webhooks in the order of their names."""
    asked = core.pages.asked(request, {"limit": limit})
    found = await read(request, webhooks_list, asked.seek, asked.size + 1)
    return json_response(core.pages.listed(request, asked, found, lambda w: (w.name,), Webhook.document))


@router.get(
    ONE,
    permission=Permission.WEBHOOKS_READ,
    errors=("WEBHOOK_UNKNOWN",),
    summary="A webhook, and how far it has been told",
    response_model=WebhookBody,
)
async def webhook(request: Request, webhook: str) -> Response:
    """A webhook."""
    return await _shown(request, webhook)


@router.post(
    ONE + "/change",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN", *_FORM),
    body=WebhookSettings,
    body_example={"url": "https://billing.example/v2/plumbline"},
    summary="Change a webhook",
    description="It holds from the next message on.",
    response_model=WebhookBody,
)
async def webhook_set(request: Request, webhook: str) -> Response:
    """Change a webhook."""
    body = await body_read(request, WebhookSettings)

    async def work() -> tuple[int, dict[str, Any]]:
        found = await read(request, webhook_find, webhook)
        asked = asked_checked(_asked(body, found.asked), core_of(request).settings.webhook_networks)
        if flag(request, "dry_run"):
            return 200, {**found.document(), **_asked_document(asked)}
        await read(request, webhook_change, webhook, asked, principal_of(request).actor)
        return 200, (await read(request, webhook_find, webhook)).document()

    return await answered_once(request, body.model_dump(exclude_unset=True), work)


def _switch(name: str, path: str, summary: str, description: str) -> None:
    act = webhook_pause if path == "pause" else webhook_resume

    @router.post(
        f"{ONE}/{path}", permission=Permission.WEBHOOKS_MANAGE, errors=("WEBHOOK_UNKNOWN",), operation_id=name,
        summary=summary, description=description, response_model=WebhookBody,
    )  # fmt: skip
    async def switch(request: Request, webhook: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        async def work() -> tuple[int, dict[str, Any]]:
            if not flag(request, "dry_run"):
                await read(request, act, webhook, principal_of(request).actor)
            return 200, (await read(request, webhook_find, webhook)).document()

        return await answered_once(request, None, work)


_switch(
    "webhook_pause", "pause", "Send nothing for a while",
    "It keeps its place; what is under way may still come.",
)  # fmt: skip
_switch(
    "webhook_resume", "resume", "Send again",
    "From where it stands, whatever stopped it; what failed is tried at once.",
)  # fmt: skip


@router.post(
    ONE + "/replay",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN", "POSITION_AHEAD"),
    body=ReplayWebhookBody,
    body_example={"from_position": 40},
    summary="Send everything from a position on",
    description="Again, or leaving some out: with ids as before, so that a receiver can tell what it has.",
    response_model=WebhookBody,
)
async def webhook_replay(request: Request, webhook: str) -> Response:
    """Send everything from a position on."""
    body = await body_read(request, ReplayWebhookBody)

    async def work() -> tuple[int, dict[str, Any]]:
        actor, dry_run = principal_of(request).actor, flag(request, "dry_run")
        await read(request, webhook_rewind, webhook, body.from_position, actor, dry_run=dry_run)
        return 200, (await read(request, webhook_find, webhook)).document()

    return await answered_once(request, body.model_dump(), work)


@router.post(
    ONE + "/rotate",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN",),
    body=RotateWebhookBody,
    body_example={"overlap_hours": 24},
    keyless=_SECRET,
    summary="Give a webhook a new secret",
    description="It is shown this once. The one before signs beside it for a time, so that the receiver can change over.",
    status_code=201,
    response_model=WebhookSecretBody,
    responses={200: {"model": WebhookBody, "description": "A dry run: it could be given one."}},
)
async def webhook_secret(request: Request, principal: PrincipalOf, webhook: str) -> Response:
    """Give a webhook a new secret."""
    body = await body_read(request, RotateWebhookBody)
    if flag(request, "dry_run"):
        return await _shown(request, webhook)
    secret = await read(request, webhook_rotate, webhook, body.overlap_hours, principal.actor)
    return json_response({**(await read(request, webhook_find, webhook)).document(), "secret": secret}, 201)


@router.post(
    ONE + "/test",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN",),
    summary="Send a test",
    description="Now, signed as all are, of the type WebhookTested. Of the answer only the status is told; a dry run"
    " sends nothing.",
    response_model=WebhookTestBody,
)
async def webhook_test(request: Request, ledger: LedgerOf, core: CoreOf, webhook: str) -> Response:
    """Send a test."""

    async def work() -> tuple[int, dict[str, Any]]:
        found = await read(request, webhook_find, webhook)
        moment = core.ledgers.clock().isoformat()
        message = test_message(ledger.name, secrets.token_hex(8), moment, found.head)
        told = {"dry_run": True, "message": message.id, "delivered": False, "status": 0, "latency_ms": 0, "reason": ""}
        if flag(request, "dry_run"):
            return 200, told
        sender = Sender(networks=core.settings.webhook_networks)
        try:
            signed = await read(request, secrets_read, webhook)
            sent = await sender.send(found.url, message, signed, int(time.time()))
        finally:
            await sender.close()
        reason = "" if sent.taken else f"answered {sent.status}" if sent.status else sent.reason
        return 200, {
            **told, "dry_run": False, "delivered": sent.taken, "status": sent.status, "latency_ms": sent.latency_ms,
            "reason": reason,
        }  # fmt: skip

    return await answered_once(request, None, work)


@router.delete(
    ONE,
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN",),
    keyless="a webhook that is deleted isn't there to be deleted again",
    summary="Delete a webhook",
    description="With its secrets, attempts and dead letters.",
    response_model=WebhookBody,
)
async def webhook_remove(request: Request, webhook: str) -> Response:
    """Delete a webhook; tells what it was."""
    found = await read(request, webhook_find, webhook)
    if not flag(request, "dry_run"):
        await read(request, webhook_delete, webhook)
    return json_response(found.document())


@router.get(
    ONE + "/attempts",
    permission=Permission.WEBHOOKS_READ,
    errors=("WEBHOOK_UNKNOWN", "CURSOR_INVALID"),
    summary="The last attempts to deliver, the newest first",
    description="The last thousand are kept.",
    response_model=Page[AttemptBody],
)
async def webhook_attempts(
    request: Request, core: CoreOf, webhook: str, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """A page of attempts."""
    asked = core.pages.asked(request, {"limit": limit})
    await read(request, webhook_find, webhook)
    found = await read(request, attempts_list, webhook, asked.seek, asked.size + 1)
    return json_response(core.pages.listed(request, asked, found, lambda a: (a.number,), lambda a: a.document()))


@router.get(
    ONE + "/dead-letters",
    permission=Permission.WEBHOOKS_READ,
    errors=("WEBHOOK_UNKNOWN", "CURSOR_INVALID"),
    summary="Messages that were given up",
    description="In the order of the log; with `state=all` those too that were delivered after all.",
    response_model=Page[DeadLetterBody],
)
async def webhook_dead_letters(
    request: Request,
    core: CoreOf,
    webhook: str,
    state: Annotated[Literal["dead", "all"], Query()] = "dead",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """A page of dead letters."""
    asked = core.pages.asked(request, {"limit": limit, "state": state})
    await read(request, webhook_find, webhook)
    everything = asked.params["state"] == "all"
    found = await read(request, dead_list, webhook, everything, asked.seek, asked.size + 1)
    return json_response(
        core.pages.listed(request, asked, found, lambda d: (d.position, d.part), lambda d: d.document())
    )


@router.post(
    ONE + "/dead-letters/{letter}/retry",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN", "WEBHOOK_LETTER_UNKNOWN"),
    summary="Try to deliver a dead letter once more",
    description="Soon, beside the messages whose turn it is. One that waits, or was delivered, stays as it is.",
    response_model=DeadLetterBody,
)
async def webhook_letter_retry(request: Request, webhook: str, letter: str) -> Response:
    """Try to deliver a dead letter once more."""

    async def work() -> tuple[int, dict[str, Any]]:
        found = await read(request, dead_retry, webhook, letter, dry_run=flag(request, "dry_run"))
        return 200, found.document()

    return await answered_once(request, None, work)


async def _shown(request: Request, name: str) -> Response:
    return json_response((await read(request, webhook_find, name)).document())


def _asked(body: WebhookSettings, before: WebhookAsked) -> WebhookAsked:
    """What is asked for: what was there before, and what a body says."""
    given = body.model_dump(include=set(WebhookSettings.model_fields), exclude_none=True)
    found = {n: tuple(value) if isinstance(value, list) else value for n, value in given.items()}
    return replace(before, **found)


def _asked_document(asked: WebhookAsked) -> dict[str, Any]:
    return {
        "kind": asked.kind, "url": asked.url.partition("?")[0], "types": list(asked.types),
        "customers": list(asked.customers), "batch": asked.batch or None, "consent": asked.consent or None,
        "on_dead": asked.on_dead, "attempts_max": asked.attempts_max,
    }  # fmt: skip
