"""Who may send facts by signed webhook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WebhookSenderKey:
    """A key of a sender without its secret; `ends_at` is None of the one in use."""

    id: str
    created_at: str
    created_by: str
    ends_at: str | None


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """A sender: where its messages go, and by which mapping they are read; the newest of its keys comes first."""

    name: str
    path: str
    mapping: str
    mapping_sha256: str
    created_at: str
    created_by: str
    changed_at: str
    changed_by: str
    revoked_at: str | None
    revoked_by: str | None
    keys: list[WebhookSenderKey]


@dataclass(frozen=True, slots=True)
class WebhookSenderDetail(WebhookSender):
    """A sender with its mapping whole."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WebhookSenderMade(WebhookSender):
    """A sender with the secret of its new key, which is shown this once and never printed."""

    secret: str = field(repr=False)
