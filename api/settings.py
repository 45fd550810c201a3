"""Limits and sizes of the HTTP floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webhooks.addresses import Network


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How much the API takes at once: less than it could carry, so that no single key keeps the others waiting.

    Sizes in bytes, rates in requests per second and key; how often a key may look up whether a customer is somebody's
    already, per hour. `threads` read the database beside the event loop. A body may keep one waiting for
    `body_seconds`, and for a second more with each `body_bytes_per_second_min` bytes that it brings.
    """

    body_bytes_max: int = 1_000_000
    document_bytes_max: int = 2_000_000
    import_bytes_max: int = 50_000_000
    body_seconds: float = 20.0
    body_bytes_per_second_min: int = 10_000
    line_bytes_max: int = 100_000
    requests_per_second: float = 1_000.0
    requests_burst: float = 2_000.0
    lead_checks_per_hour: float = 600.0
    lead_checks_burst: float = 60.0
    concurrent_max: int = 2_000
    imports_receiving_max: int = 4
    webhooks_receiving_max: int = 200
    """Signed messages that come in at once, whose senders aren't known yet; a quarter of them from one address."""
    threads: int = 8
    webhook_networks: tuple[Network, ...] = ()
    """Networks beside the public internet into which webhooks may call; there without TLS, too."""
    bulk_lines: int = 1_000
    log_requests: bool = False
    request_log: Callable[[dict[str, Any]], None] | None = None
    """Takes the line of each served request where they are logged; without it they go to structlog."""
