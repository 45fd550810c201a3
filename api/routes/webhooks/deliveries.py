"""What became of a webhook's messages: attempts, dead letters; and how to have them sent again, or a test."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import CoreOf, LedgerOf, principal_of, read
from api.input import Cursor, Limit, body_read, flag, json_response
from api.once import answered_once
from api.routes.webhooks.bodies import (
    ONE,
    AttemptBody,
    DeadLetterBody,
    ReplayWebhookBody,
    WebhookBody,
    WebhookTestBody,
)
from api.routing import Router
from api.schemas import Page
from webhooks.calling import Caller
from webhooks.messages import test_message
from webhooks.subscriptions import (
    attempts_list,
    dead_list,
    dead_retry,
    secrets_read,
    webhook_find,
    webhook_rewind,
)

router = Router(tags=["webhooks"])


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
        caller = Caller(networks=core.settings.webhook_networks)
        try:
            signed = await read(request, secrets_read, webhook)
            sent = await caller.call(found.url, message, signed, int(time.time()))
        finally:
            await caller.close()
        return 200, {
            **told, "dry_run": False, "delivered": sent.taken, "status": sent.status, "latency_ms": sent.latency_ms,
            "reason": sent.reason_own,
        }  # fmt: skip

    return await answered_once(request, None, work)


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
