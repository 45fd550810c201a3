"""Who may send facts by signed webhook; for admins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, body_of, part
from plumbline_client.results import WebhookSender, WebhookSenderDetail, WebhookSenderMade


class SenderCalls(LedgerCalls):
    """Senders of webhooks to a ledger."""

    def sender_create(self, name: str, mapping: str | Mapping[str, Any]) -> Call[WebhookSenderMade]:
        """Let somebody send facts by webhook; the mapping (built in by its name, or a document) says how their JSON
        becomes facts."""
        return self._made("", {"name": name, "mapping": mapping if isinstance(mapping, str) else dict(mapping)})

    def senders(self, *, limit: int | None = None) -> Call[Page[WebhookSender]]:
        """Senders in the order of their names, revoked ones too."""
        return self._read("/webhooks/senders", Page[WebhookSender], limit=limit)

    def sender(self, name: str) -> Call[WebhookSenderDetail]:
        """A sender with its mapping."""
        return self._read(f"/webhooks/senders/{part(name)}", WebhookSenderDetail)

    def sender_rotate(self, name: str, *, overlap_hours: int = 24) -> Call[WebhookSenderMade]:
        """Give a sender another key; the one before it is good for so many hours more, the one before that ends."""
        return self._made(f"/{part(name)}/rotate", {"overlap_hours": overlap_hours})

    def sender_mapping(self, name: str, mapping: str | Mapping[str, Any]) -> Call[WebhookSender]:
        """Read what a sender sends by another mapping from the next message on."""
        document = {"mapping": mapping if isinstance(mapping, str) else dict(mapping)}
        path = f"{self._root}/webhooks/senders/{part(name)}/mapping"
        return Call("POST", path, WebhookSender, body=body_of(document), ledger=self.name)

    def sender_revoke(self, name: str) -> Call[WebhookSender]:
        """Take no more facts from a sender, for good."""
        return Call("POST", f"{self._root}/webhooks/senders/{part(name)}/revoke", WebhookSender, ledger=self.name)

    def _made(self, path: str, document: Any) -> Call[WebhookSenderMade]:
        # Sent again it would make another key, whose secret nobody saw.
        return Call(
            "POST", f"{self._root}/webhooks/senders{path}", WebhookSenderMade, body=body_of(document), repeatable=False,
            ledger=self.name,
        )  # fmt: skip
