"""Webhooks: who is called about what happens in a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, body_of, part
from plumbline_client.results import Webhook, WebhookAttempt, WebhookLetter, WebhookMade, WebhookTest

Batch = Literal["day", "month"]
Consent = Literal["given", "not_withdrawn"]
OnDead = Literal["skip", "stop"]


class WebhookCalls(LedgerCalls):
    """Webhooks of a ledger."""

    def webhook_create(
        self,
        name: str,
        url: str,
        *,
        kind: Literal["event", "notice"] | None = None,
        types: Sequence[str] | None = None,
        customers: Sequence[str] | None = None,
        batch: Batch | None = None,
        consent: Consent | None = None,
        on_dead: OnDead | None = None,
        attempts_max: int | None = None,
        from_position: int | None = None,
    ) -> Call[WebhookMade]:
        """Make a webhook; its secret is shown this once. `types` and `customers`: only these events, of these
        customers. `batch` and `consent` are of notices: a day's or a month's where the customer hasn't chosen, to those
        who consented or to all who didn't withdraw. It begins at a position of the log, or with what comes next."""
        document = {
            "name": name, "kind": kind, "from_position": from_position,
            **_settings(url, types, customers, batch, consent, on_dead, attempts_max),
        }  # fmt: skip
        return self._secret("", document)

    def webhooks(self, *, limit: int | None = None) -> Call[Page[Webhook]]:
        """Webhooks in the order of their names."""
        return self._read("/webhooks", Page[Webhook], limit=limit)

    def webhook(self, name: str) -> Call[Webhook]:
        """A webhook, and how far it has been told."""
        return self._read(f"/webhooks/{part(name)}", Webhook)

    def webhook_change(
        self,
        name: str,
        *,
        url: str | None = None,
        types: Sequence[str] | None = None,
        customers: Sequence[str] | None = None,
        batch: Batch | None = None,
        consent: Consent | None = None,
        on_dead: OnDead | None = None,
        attempts_max: int | None = None,
        key: str = "",
    ) -> Call[Webhook]:
        """Change a webhook from its next message on; what isn't given stays as it is."""
        document = _given(_settings(url, types, customers, batch, consent, on_dead, attempts_max))
        return self._do(f"/webhooks/{part(name)}/change", Webhook, document, key=key)

    def webhook_pause(self, name: str, *, key: str = "") -> Call[Webhook]:
        """Send nothing for a while."""
        return self._do(f"/webhooks/{part(name)}/pause", Webhook, key=key)

    def webhook_resume(self, name: str, *, key: str = "") -> Call[Webhook]:
        """Send again from where it stands, whatever stopped it."""
        return self._do(f"/webhooks/{part(name)}/resume", Webhook, key=key)

    def webhook_replay(self, name: str, from_position: int, *, key: str = "") -> Call[Webhook]:
        """Send everything from a position on, with the ids as before."""
        return self._do(f"/webhooks/{part(name)}/replay", Webhook, {"from_position": from_position}, key=key)

    def webhook_rotate(self, name: str, *, overlap_hours: int = 24) -> Call[WebhookMade]:
        """Give a webhook a new secret, which is shown this once; the one before signs beside it for so many hours."""
        return self._secret(f"/{part(name)}/rotate", {"overlap_hours": overlap_hours})

    def webhook_test(self, name: str, *, key: str = "") -> Call[WebhookTest]:
        """Send a test now; what came of it."""
        return self._do(f"/webhooks/{part(name)}/test", WebhookTest, key=key)

    def webhook_delete(self, name: str) -> Call[Webhook]:
        """Delete a webhook, with its secrets, attempts and dead letters."""
        return Call("DELETE", f"{self._root}/webhooks/{part(name)}", Webhook, ledger=self.name)

    def webhook_attempts(self, name: str, *, limit: int | None = None) -> Call[Page[WebhookAttempt]]:
        """The last attempts to deliver, the newest first."""
        return self._read(f"/webhooks/{part(name)}/attempts", Page[WebhookAttempt], limit=limit)

    def webhook_dead_letters(
        self, name: str, *, state: Literal["dead", "all"] | None = None, limit: int | None = None
    ) -> Call[Page[WebhookLetter]]:
        """Messages that were given up; with `all` those too that were delivered after all."""
        return self._read(f"/webhooks/{part(name)}/dead-letters", Page[WebhookLetter], state=state, limit=limit)

    def webhook_letter_retry(self, name: str, letter: str, *, key: str = "") -> Call[WebhookLetter]:
        """Try to deliver a dead letter once more, soon."""
        return self._do(f"/webhooks/{part(name)}/dead-letters/{part(letter)}/retry", WebhookLetter, key=key)

    def _secret(self, path: str, document: dict[str, Any]) -> Call[WebhookMade]:
        # Sent again it would make another secret, or be refused, and nobody saw the first.
        return Call(
            "POST", f"{self._root}/webhooks{path}", WebhookMade, body=body_of(_given(document)), repeatable=False,
            ledger=self.name,
        )  # fmt: skip


def _settings(
    url: str | None,
    types: Sequence[str] | None,
    customers: Sequence[str] | None,
    batch: str | None,
    consent: str | None,
    on_dead: str | None,
    attempts_max: int | None,
) -> dict[str, Any]:
    return {
        "url": url, "types": None if types is None else list(types),
        "customers": None if customers is None else list(customers), "batch": batch, "consent": consent,
        "on_dead": on_dead, "attempts_max": attempts_max,
    }  # fmt: skip


def _given(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}
