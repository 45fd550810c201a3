"""Before a command of relations is sent: whether who asks may, by `may.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from psycopg import Connection
from starlette.requests import Request as HttpRequest

from api.core import context_of, core_of, in_thread, principal_of, read, views_reached
from api.input import idempotency_key
from api.problems import RetryLater
from api.routes.relations.may import MAY, May
from api.routes.relations.reach import VIEWS, Reach
from api.routes.relations.seeing import day_now, scope_within
from api.routing import denied
from ledger.domain.commands import ChangeProfile, RelationsCommand, Request
from ledger.domain.errors import Refused
from ledger.writer.answers import request_sha256
from ledger.writer.forms import command_check

Asked = TypeVar("Asked", bound=RelationsCommand)


def look_up_take(request: HttpRequest) -> None:
    """Take one of the look-ups that a key has, of whether a customer is somebody's already. Raises RetryLater."""
    wait = core_of(request).lead_rates.take(principal_of(request).key_id)
    if wait:
        raise RetryLater("RATE_EXCEEDED", "this key looks up customers too often; come again later", wait)


async def allowed(request: HttpRequest, command: Asked) -> Asked:
    """The command as it may be sent: of a key of staff, done by themselves and within their reach. Raises Refused."""
    principal, ledger = principal_of(request), context_of(request).ledger
    assert ledger is not None
    if principal.staff is None:
        return command
    may, staff, day = MAY[type(command)], principal.staff, await day_now(request)
    command = _by_themselves(command, may, staff)
    # What their reach is looked up by holds what its type says.
    command_check(command)
    if isinstance(command, ChangeProfile) and "credit_code" in command.changes:
        # That a code is taken tells of another's customer as a lead does.
        look_up_take(request)
    key = idempotency_key(request)
    if key:
        known = await in_thread(request, ledger.recorder.select_answers, [(principal.key_id, key)])
        asked = request_sha256(Request(command, principal.actor))
        if any(entry.request_sha256 == asked for entry in known):
            # The same request was answered already, and will be again as it was then: what they gave away is out of
            # their reach by now. Under a key of another request they are measured as without one.
            return command

    def check(connection: Connection[object]) -> None:
        scope = scope_within(connection, staff, day)
        if scope.kind not in may.kinds:
            raise denied("your place at the firm does not let you do this; ask who leads you")
        reach = Reach(connection, ledger.recorder, scope)
        for found in may.checks:
            found(reach, command)

    try:
        await read(request, check)
    except Refused:
        # What was written a moment ago may not have come to the views by then; that it has now says nothing of then.
        await views_reached(request, VIEWS, await in_thread(request, ledger.recorder.position_head))
        await read(request, check)
    return command


def _by_themselves(command: Asked, may: May, staff: str) -> Asked:
    if not may.doer:
        return command
    if getattr(command, may.doer) not in ("", staff):
        raise denied(f"{may.doer} must be yourself: this key acts as {staff}")
    return replace(command, **{may.doer: staff})
