"""Facts by signed webhook. The signature is the key: whoever can't show one learns nothing but that."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.kept import KeptAnswer, request_sha256
from api.access.roles import Permission
from api.core import Core, context_of, core_of, in_thread
from api.input import body_bytes, body_parse, flag, json_response
from api.limits import neighbourhood_of
from api.ports import LedgerMissing, LedgerPort
from api.problems import RetryLater
from api.reading import rulebook_of
from api.routing import LEDGER_NAME, MediaBody, Parameter, Router, address_of
from connectors.files.importing import FactTypeOf, ImportReport
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_parse
from connectors.files.records import MappedRecords, records_map, records_read, records_settle
from ledger.domain.commands import Answer, Request as Asked
from ledger.domain.errors import DocumentInvalid, Refused
from ledger.domain.json_places import JsonInvalid
from webhooks.senders import (
    ACTOR_PREFIX,
    NAME,
    SenderLiving,
    message_known,
    message_release,
    message_take,
    secrets_living,
)
from webhooks.signing import (
    HEADER_ID,
    HEADER_SIGNATURE,
    HEADER_TIMESTAMP,
    SECRET_BYTES,
    TOLERANCE_SECONDS,
    SignatureRefused,
    secret_create,
    verify,
)

router = Router(tags=["webhooks"])

REJECTED_SHOWN: Final = 20
SECRETS_COMPARED: Final = 2
_FILLERS: Final = tuple(secret_create(secrets.token_bytes(SECRET_BYTES)) for _ in range(SECRETS_COMPARED))
"""Compared where a sender has fewer secrets, or isn't there at all: it takes as long, whoever is asked for."""
_log: Any = structlog.get_logger("plumbline.webhooks")


class WebhookRejected(BaseModel):
    """A record that was refused; it waits in the quarantine."""

    row: int = Field(description="Its number in the message, from 1.", examples=[2])
    field: str
    reason: str


class WebhookAnswer(BaseModel):
    """What came of a message, or would come of it."""

    dry_run: bool
    read: int = Field(examples=[2])
    accepted: int
    duplicates: int
    corrected: int
    rejected_count: int = Field(examples=[1])
    rejected: list[WebhookRejected] = Field(description="The first of them.")
    position: int


class _Replayed(SignatureRefused):
    """A message that was signed well and has come before."""


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that came from whom it says, and what it is read with."""

    ledger: LedgerPort
    sender: str
    id: str
    sent_at: datetime
    living: SenderLiving


def _header(name: str, description: str) -> Parameter:
    return Parameter(name, description, {"type": "string"}, "header")


@router.post(
    "/v1/ledgers/{ledger}/webhooks/in/{sender}",
    permission=Permission.PUBLIC,
    errors=("SIGNATURE_REFUSED", "RATE_EXCEEDED", "IDEMPOTENCY_CONFLICT", "DATABASE_UNREACHABLE", "LEDGER_UNAVAILABLE"),
    bodies=(
        MediaBody(
            "application/json", schema={"type": ["object", "array"], "items": {"type": "object"}},
            example={"id": "HT-2026-0117", "customer": "K-77", "signed": "2026-01-17", "amount": "1200000.00"},
        ),
    ),
    query=(
        _header(HEADER_ID, "The message's id, the same however often it is sent."),
        _header(HEADER_TIMESTAMP, "When this attempt was signed, in Unix seconds."),
        _header(HEADER_SIGNATURE, "`v1,<base64>`: HMAC-SHA256 of `id.timestamp.body`; several are parted by spaces."),
    ),
    keyless="the message's own id is its key",
    writes=True,
    summary="Send facts by webhook",
    description="Signed as the Standard Webhooks specification says. The sender's mapping turns each record into a"
    " fact: good ones go in, the others into the quarantine. A message that was taken whole is answered again under its"
    " id. What is not signed, or too late, or has come before as it is, is refused, always with the same answer.",
    response_model=WebhookAnswer,
)  # fmt: skip
async def webhook_receive(request: Request, ledger: str, sender: str) -> Response:
    """Send facts by webhook."""
    core = core_of(request)
    sent_from = neighbourhood_of(address_of(request))
    _rate_check(core, f"webhooks from {sent_from}")
    dry_run = flag(request, "dry_run")
    body = await _body_received(request, sent_from)
    opened = await _ledger_find(core, ledger)
    named = sender if NAME.fullmatch(sender) else ""
    now = core.ledgers.clock()
    try:
        message = await in_thread(request, _admit, opened, named, _headers(request), body, now, dry_run)
    except SignatureRefused as refused:
        outcome = "replayed" if isinstance(refused, _Replayed) else "refused"
        name = "" if opened is None else opened.name
        core.metrics.webhooks.labels(name, outcome).inc()
        _log.warning("webhook refused", ledger=name, sender=named, reason=refused.reason)
        raise Refused("SIGNATURE_REFUSED", "this message is not accepted", "") from None
    context = context_of(request)
    context.ledger = message.ledger
    context.noted |= {"sender": message.sender, "message": message.id}
    try:
        _rate_check(core, f"webhooks of {message.ledger.schema}/{message.sender}")
        return await _carry_out(request, message, body, dry_run)
    except (Refused, DocumentInvalid) as refused:
        core.metrics.webhooks.labels(message.ledger.name, refused.code.lower()).inc()
        raise
    except BaseException:
        if not dry_run:
            await in_thread(request, _release, message)
        core.metrics.webhooks.labels(message.ledger.name, "failed").inc()
        raise


def _rate_check(core: Core, name: str) -> None:
    wait = core.rates.take(name)
    if wait:
        raise RetryLater("RATE_EXCEEDED", "too many messages came; slow down", wait)


async def _body_received(request: Request, sent_from: str) -> bytes:
    """The body, while there is a seat for it. Raises RetryLater, Refused (BODY_TOO_LARGE)."""
    core = core_of(request)
    if not core.webhooks_receiving.take(sent_from):
        raise RetryLater("OVERLOADED", "too many messages are coming in; send it again in a second")
    try:
        return await body_bytes(request, core.settings.body_bytes_max)
    finally:
        core.webhooks_receiving.give_back(sent_from)


async def _ledger_find(core: Core, name: str) -> LedgerPort | None:
    """The ledger of a name; None where there is none. Raises LedgerUnavailable."""
    if LEDGER_NAME.fullmatch(name) is None:
        return None
    try:
        # Anybody may ask, for any name: the database isn't.
        return await core.ledgers.open(name, look=False)
    except LedgerMissing:
        return None


def _headers(request: Request) -> dict[str, str]:
    """The headers, by name; one that stands there twice with a comma, which none that is good has."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}


def _admit(
    ledger: LedgerPort | None, sender: str, headers: dict[str, str], body: bytes, now: datetime, dry_run: bool
) -> _Message:
    """The message, once it is shown to come from this sender and to be new. Raises SignatureRefused."""
    living = None
    if ledger is not None:
        with ledger.recorder.datastore.get_connection() as connection:
            living = secrets_living(connection, sender, now)
    compared = (*(living.secrets if living is not None else ()), *_FILLERS)[:SECRETS_COMPARED]
    try:
        message_id = verify(compared, headers, body, now.timestamp())
    except SignatureRefused as refused:
        if living is None:
            raise SignatureRefused("there is no such sender, or it was revoked") from None
        raise refused
    if ledger is None or living is None:
        raise SignatureRefused("there is no such sender, or it was revoked")
    sent_at = datetime.fromtimestamp(int(headers[HEADER_TIMESTAMP]), UTC)
    with ledger.recorder.datastore.get_connection() as connection:
        if dry_run:
            is_new = not message_known(connection, sender, message_id, sent_at)
        else:
            # Twice the tolerance: the clock of another process may be behind.
            forget_before = now - 2 * timedelta(seconds=TOLERANCE_SECONDS)
            is_new = message_take(connection, sender, message_id, sent_at, forget_before)
    if not is_new:
        raise _Replayed("it has come before")
    return _Message(ledger, sender, message_id, sent_at, living)


def _release(message: _Message) -> None:
    """Let a message that could not be carried out come again as it is."""
    with message.ledger.recorder.datastore.get_connection() as connection:
        message_release(connection, message.sender, message.id, message.sent_at)


async def _carry_out(request: Request, message: _Message, body: bytes, dry_run: bool) -> Response:
    core, ledger = core_of(request), message.ledger
    try:
        document = await body_parse(request, body)
    except JsonInvalid as invalid:
        raise invalid.named(await in_thread(request, _names, message)) from None
    client = f"{ACTOR_PREFIX}{ledger.schema}/{message.sender}"
    asked = request_sha256("webhook", hashlib.sha256(body).hexdigest())
    counted = core.metrics.webhooks.labels
    if not dry_run:
        found = await in_thread(request, _answer_found, core, client, message.id, asked)
        if found is not None:
            counted(ledger.name, "hit").inc()
            return json_response(found.document, 200, {"Idempotency-Hit": "true"})
    rulebook = await rulebook_of(request)
    report = await _recorded(request, message, document, rulebook.book.fact_types.get, dry_run)
    answer: dict[str, Any] = {"dry_run": dry_run, **_answer_document(report)}
    context_of(request).noted |= {"position": report.position, "rejected": len(report.rejected)}
    if not dry_run:
        counted(ledger.name, "partly" if report.rejected else "taken").inc()
        # What was refused may be taken when it is sent again, once its cause is mended.
        if not report.rejected:
            await in_thread(request, core.kept.keep, client, message.id, asked, KeptAnswer(200, answer))
    return json_response(answer)


def _answer_found(core: Core, client: str, message_id: str, asked: bytes) -> KeptAnswer | None:
    """What the message was answered before. Raises Refused (IDEMPOTENCY_CONFLICT)."""
    try:
        return core.kept.find(client, message_id, asked)
    except Refused as refused:
        if refused.code != "IDEMPOTENCY_CONFLICT":
            raise
        reason = "this id was used for another message; send this one with an id of its own"
        raise Refused("IDEMPOTENCY_CONFLICT", reason, HEADER_ID) from None


async def _recorded(
    request: Request, message: _Message, document: Any, fact_type_of: FactTypeOf, dry_run: bool
) -> ImportReport:
    """What came of the records of a message, or would come of them. No thread waits for the writer."""
    ledger, actor = message.ledger, f"{ACTOR_PREFIX}{message.sender}"
    mapped = await in_thread(request, _mapped, message, document, fact_type_of)
    # A sender moves no points by hand.
    requests = [Asked(command, actor, may_adjust=False) for command in mapped.commands]
    if not requests:
        answers: list[Answer] = []
    elif dry_run:
        answers = [rehearsal.answer for rehearsal in await ledger.rehearse(requests)]
    else:
        answers = await ledger.submit(requests)
    return await in_thread(
        request, records_settle, mapped, answers, file=f"webhook {message.id}", actor=actor,
        recorded_at=core_of(request).ledgers.clock(), quarantine=None if dry_run else ledger.quarantine,
    )  # fmt: skip


def _mapped(message: _Message, document: Any, fact_type_of: FactTypeOf) -> MappedRecords:
    mapping = _mapping_of(message.living.mapping, message.living.mapping_sha256)
    return records_map(mapping, fact_type_of, records_read(document, mapping, message.id))


def _names(message: _Message) -> frozenset[str]:
    """The members that the sender's mapping names: whoever declared it knows them."""
    mapping = _mapping_of(message.living.mapping, message.living.mapping_sha256)
    paths = [header for column in mapping.columns.values() for header in column.headers] + [mapping.records or ""]
    return frozenset(name for path in paths for name in path.split("."))


@lru_cache(maxsize=64)
def _mapping_of(document: str, sha256: bytes) -> FileMapping:
    """A mapping document as it is kept in the quarantine, under the name by which that finds it again."""
    mapping = mapping_parse(orjson.loads(document))
    mapping.origin_set(f"{mapping.id}@{sha256.hex()}")
    return mapping


def _answer_document(report: ImportReport) -> dict[str, Any]:
    rejected = [{"row": r.row, "field": r.field, "reason": r.reason} for r in report.rejected[:REJECTED_SHOWN]]
    return {
        "read": report.read, "accepted": report.accepted, "duplicates": report.duplicates,
        "corrected": report.corrected, "rejected_count": len(report.rejected), "rejected": rejected,
        "position": report.position,
    }  # fmt: skip
