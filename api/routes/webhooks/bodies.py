"""What is sent and answered about webhooks."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.input import Body
from webhooks.subscriptions import ATTEMPTS_MAX_LIMIT, OVERLAP_HOURS_DEFAULT, OVERLAP_HOURS_MAX, POSITION_MAX

PREFIX: Final = "/v1/ledgers/{ledger}/webhooks"
ONE: Final = PREFIX + "/{webhook}"

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


def _example(secret: str = "", **more: Any) -> ConfigDict:
    """A webhook for the OpenAPI document."""
    found: dict[str, Any] = {
        "name": "billing", "kind": "event", "url": "https://billing.example/plumbline", "types": ["PointsGranted"],
        "customers": [], "batch": None, "consent": None, "on_dead": "skip", "attempts_max": 10,
    }  # fmt: skip
    return ConfigDict(json_schema_extra={"examples": [found | more | ({"secret": secret} if secret else {})]})


_STANDS: Final[dict[str, Any]] = {
    "state": "active", "position": 40, "behind": 2, "attempts": 0, "retry_at": None,
    "delivered_at": "2026-01-17T10:24:03.512000+08:00", "dead": 1, "secret_old_until": None,
    "created_at": "2026-01-16T09:00:00+08:00", "created_by": "admin", "changed_at": "2026-01-16T09:00:00+08:00",
    "changed_by": "admin",
}  # fmt: skip
_SENT: Final[dict[str, Any]] = {
    "position": 41, "message": "main/41", "status": 500, "reason": "answered 500: try again later",
}  # fmt: skip


class WebhookBody(BaseModel):
    """A webhook without its secret; of its URL the query isn't shown, for it may hold one of the receiver's. `position`
    is how far it has been told, `behind` how many positions that is from the log's end; `attempts` is how often the
    next message has failed, and `retry_at` when it is tried again. `dead`: messages given up."""

    model_config = _example(**_STANDS)
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

    model_config = _example("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", **_STANDS)
    secret: str


class WebhookAskedBody(BaseModel):
    """A webhook as it would be."""

    model_config = _example()
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

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "number": 7, **_SENT, "attempt": 1, "at": "2026-01-17T10:24:03.512000+08:00", "outcome": "failed",
        "latency_ms": 12,
    }]})  # fmt: skip
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

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": "41.0", **_SENT, "attempts": 10, "dead_at": "2026-01-18T10:01:44.001000+08:00", "state": "dead",
    }]})  # fmt: skip
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

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "dry_run": False, "message": "main/test/5f2c9d1a7b3e4f60", "delivered": True, "status": 204, "latency_ms": 12,
        "reason": "",
    }]})  # fmt: skip
    dry_run: bool
    message: str
    delivered: bool
    status: int
    latency_ms: int
    reason: str
