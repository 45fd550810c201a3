"""How a process of a test serves: only what the test is about."""

from __future__ import annotations

from api.settings import ApiSettings
from service.serving.keeper import CloseRule
from service.serving.roles import Role
from service.serving.settings import ServeSettings
from service.serving.stream_checking import CHECK_NEVER
from webhooks.addresses import Network


def serving_of(*roles: Role, networks: tuple[Network, ...] = ()) -> ServeSettings:
    """These roles, no days closed, no streams checked at night; webhooks may call into `networks` too."""
    return ServeSettings(
        roles=frozenset(roles), close_rule=CloseRule(None), check_rule=CHECK_NEVER,
        api=ApiSettings(webhook_networks=networks),
    )  # fmt: skip
