"""What is sent and answered about webhooks."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

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
