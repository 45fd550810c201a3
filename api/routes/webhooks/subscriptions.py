"""Webhooks: made, shown, changed, paused, given new secrets, deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import CoreOf, PrincipalOf, core_of, principal_of, read
from api.input import Cursor, Limit, body_read, flag, json_response
from api.once import answered_once
from api.routes.webhooks.bodies import (
    ONE,
    PREFIX,
    RotateWebhookBody,
    WebhookBody,
    WebhookCreateBody,
    WebhookRehearsalBody,
    WebhookSecretBody,
    WebhookSettings,
)
from api.routing import Router
from api.schemas import Page
from webhooks.addresses import url_shown
from webhooks.subscriptions import (
    Webhook,
    WebhookAsked,
    asked_checked,
    name_checked,
    webhook_change,
    webhook_create,
    webhook_delete,
    webhook_find,
    webhook_pause,
    webhook_resume,
    webhook_rotate,
    webhooks_list,
)

router = Router(tags=["webhooks"])

_SECRET: Final = "the secret is shown once and isn't kept with an answer, so none could be given again"
_FORM: Final = ("WEBHOOK_INVALID", "WEBHOOK_URL_INVALID")
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": WebhookRehearsalBody, "description": "A dry run: it could be made."}
}


@router.post(
    PREFIX,
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_EXISTS", "WEBHOOK_MANY", "POSITION_AHEAD", "CUSTOMER_UNKNOWN", *_FORM),
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
    errors=("WEBHOOK_UNKNOWN", "CUSTOMER_UNKNOWN", *_FORM),
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
        networks = core_of(request).settings.webhook_networks
        dry_run = flag(request, "dry_run")

        def change(found: Webhook) -> WebhookAsked:
            return asked_checked(_asked(body, found.asked), networks, found.url)

        asked = await read(request, webhook_change, webhook, change, principal_of(request).actor, dry_run=dry_run)
        document = (await read(request, webhook_find, webhook)).document()
        return 200, {**document, **_asked_document(asked)} if dry_run else document

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
    ONE + "/rotate",
    permission=Permission.WEBHOOKS_MANAGE,
    errors=("WEBHOOK_UNKNOWN",),
    body=RotateWebhookBody,
    body_example={"overlap_hours": 24},
    keyless=_SECRET,
    summary="Give a webhook a new secret",
    description="Shown this once. The one before signs beside it for a time, so that the receiver can change over.",
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


async def _shown(request: Request, name: str) -> Response:
    return json_response((await read(request, webhook_find, name)).document())


def _asked(body: WebhookSettings, before: WebhookAsked) -> WebhookAsked:
    """What is asked for: what was there before, and what a body says."""
    given = body.model_dump(include=set(WebhookSettings.model_fields), exclude_none=True)
    for name in ("types", "customers"):
        if name in given:
            given[name] = tuple(given[name])
    return replace(before, **given)


def _asked_document(asked: WebhookAsked) -> dict[str, Any]:
    return {
        "kind": asked.kind, "url": url_shown(asked.url), "types": list(asked.types),
        "customers": list(asked.customers), "batch": asked.batch or None, "consent": asked.consent or None,
        "on_dead": asked.on_dead, "attempts_max": asked.attempts_max,
    }  # fmt: skip
