"""Examples of webhooks and what became of their messages, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

_TIME: Final = "2026-01-17T10:24:03.512000+08:00"
_ASKED: Final[dict[str, Any]] = {
    "name": "billing", "kind": "event", "url": "https://billing.example/plumbline", "types": ["PointsGranted"],
    "customers": [], "batch": None, "consent": None, "on_dead": "skip", "attempts_max": 10,
}  # fmt: skip
_WEBHOOK: Final[dict[str, Any]] = {
    **_ASKED, "state": "active", "position": 40, "behind": 2, "attempts": 0, "retry_at": None, "delivered_at": _TIME,
    "dead": 1, "secret_old_until": None, "created_at": _TIME, "created_by": "admin", "changed_at": _TIME,
    "changed_by": "admin",
}  # fmt: skip
_SENT: Final[dict[str, Any]] = {
    "position": 41, "message": "main/41", "status": 500, "reason": "answered 500: try again later",
}  # fmt: skip

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "WebhookBody": _WEBHOOK,
    "WebhookSecretBody": {**_WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "WebhookAskedBody": _ASKED,
    "AttemptBody": {**_SENT, "number": 7, "attempt": 1, "at": _TIME, "outcome": "failed", "latency_ms": 12},
    "DeadLetterBody": {**_SENT, "id": "41.0", "attempts": 10, "dead_at": _TIME, "state": "dead"},
    "WebhookTestBody": {
        "dry_run": False, "message": "main/test/5f2c9d1a7b3e4f60", "delivered": True, "status": 204, "latency_ms": 12,
        "reason": "",
    },
}  # fmt: skip
"""By schema."""
