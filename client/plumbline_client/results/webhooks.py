"""Webhooks, and what became of their messages."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secret. `position` is how far it has been told, `behind` how many positions that is from
    the log's end; `attempts`: how often the next message has failed; `dead`: messages given up."""

    name: str
    kind: str
    url: str
    types: list[str]
    customers: list[str]
    batch: str | None
    consent: str | None
    on_dead: str
    attempts_max: int
    state: str
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


@dataclass(frozen=True, slots=True)
class WebhookMade(Webhook):
    """A webhook with its new secret, which is shown this once and never printed."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """An attempt to deliver a message; `status` 0: there was no answer."""

    number: int
    position: int
    message: str
    attempt: int
    at: str
    outcome: str
    status: int
    latency_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class WebhookLetter:
    """A message that was given up: dead, waiting for another attempt, or delivered after all."""

    id: str
    position: int
    message: str
    attempts: int
    status: int
    reason: str
    dead_at: str
    state: str


@dataclass(frozen=True, slots=True)
class WebhookTest:
    """What came of a test: whether it was taken, and if not, why."""

    dry_run: bool
    message: str
    delivered: bool
    status: int
    latency_ms: int
    reason: str
