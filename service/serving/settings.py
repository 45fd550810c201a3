"""How a process serves, as `plumbline serve` was told."""

from __future__ import annotations

from dataclasses import dataclass, field

from api.settings import ApiSettings
from service.serving.address import HEAD_BYTES_MAX, HEAD_SECONDS
from service.serving.keeper import CloseRule
from service.serving.purging import PURGE_NEVER, PurgeRule
from service.serving.roles import Role
from service.serving.stream_checking import CheckRule
from webhooks.addresses import Network


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How a process serves."""

    host: str = "127.0.0.1"
    port: int | None = 8700
    """0: any that is free, the log names it; None: nothing is answered over HTTP."""
    roles: frozenset[Role] = frozenset(Role)
    close_rule: CloseRule = field(default_factory=CloseRule)
    purge_rule: PurgeRule = PURGE_NEVER
    check_rule: CheckRule = field(default_factory=CheckRule)
    head_seconds: float = HEAD_SECONDS
    """How long address and headers of a request may take to come."""
    head_bytes_max: int = HEAD_BYTES_MAX
    """How large they may be together."""
    trusted_proxies: tuple[Network, ...] = ()
    """From where `X-Forwarded-For` is believed."""
    log_level: str = "info"
    log_words: bool = False
    api: ApiSettings = field(default_factory=ApiSettings)
