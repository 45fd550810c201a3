"""Keys of the API, and whether the service is ready."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the API without its secret. `ledgers` None: all of them; `staff`: whose it is, as far as the service
    says."""

    id: str
    actor: str
    role: str
    ledgers: list[str] | None
    customer: str | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    staff: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class KeyMade(Key):
    """A new key; its `secret` is shown this once and never printed."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether everything needed to serve is there; `parts` are each True, or the sentence that says what is wrong."""

    ready: bool
    parts: dict[str, bool | str]
