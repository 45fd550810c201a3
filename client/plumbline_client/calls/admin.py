"""What concerns no single ledger."""

from __future__ import annotations

from typing import Any, Literal

from plumbline_client.core import Call, Page, body_of, key_new, part
from plumbline_client.results import (
    Answer,
    EventSchema,
    FileMapping,
    Key,
    KeyMade,
    LedgerName,
    ProblemCode,
    Readiness,
    SchemaName,
)


class Admin:
    """Ledgers, keys, mappings, schemas, and whether the service is ready."""

    @staticmethod
    def ledgers(*, limit: int | None = None) -> Call[Page[LedgerName]]:
        """The ledgers that the key may see."""
        return Call("GET", "/v1/ledgers", Page[LedgerName], {"limit": limit})

    @staticmethod
    def ledger_create(name: str, *, history_complete: bool = False, key: str = "") -> Call[Answer]:
        """Create a ledger; the one of this name is left as it is where it is there already.

        With `history_complete` its days are closed from the beginning: nothing of earlier months is going to come.
        """
        document = {"name": name, "history_complete": history_complete}
        return Call("POST", "/v1/ledgers", Answer, body=body_of(document), key=key or key_new())

    @staticmethod
    def key_create(
        actor: str,
        role: Literal["admin", "operator", "auditor", "service", "customer", "staff"],
        *,
        ledgers: list[str] | None = None,
        customer: str | None = None,
        staff: str | None = None,
        expires_at: str | None = None,
    ) -> Call[KeyMade]:
        """Make a key of the API. `expires_at` is a date-time with its zone; without, it never expires."""
        document = {
            "actor": actor, "role": role, "ledgers": ledgers, "customer": customer, "staff": staff,
            "expires_at": expires_at,
        }  # fmt: skip
        given = {name: value for name, value in document.items() if value is not None}
        return Call("POST", "/v1/keys", KeyMade, body=body_of(given), repeatable=False)

    @staticmethod
    def keys(*, limit: int | None = None) -> Call[Page[Key]]:
        """Keys in the order of their ids, revoked ones too."""
        return Call("GET", "/v1/keys", Page[Key], {"limit": limit})

    @staticmethod
    def key_revoke(key_id: str) -> Call[Key]:
        """End a key for good."""
        return Call("DELETE", f"/v1/keys/{part(key_id)}", Key)

    @staticmethod
    def mappings() -> Call[Page[FileMapping]]:
        """The built-in mappings of files."""
        return Call("GET", "/v1/mappings", Page[FileMapping])

    @staticmethod
    def schemas() -> Call[Page[SchemaName]]:
        """The JSON Schemas of documents and events, by name."""
        return Call("GET", "/v1/schemas", Page[SchemaName])

    @staticmethod
    def schema(name: str) -> Call[dict[str, Any]]:
        """A JSON Schema."""
        return Call("GET", f"/v1/schemas/{part(name)}", dict[str, Any])

    @staticmethod
    def event_schemas() -> Call[Page[EventSchema]]:
        """The published schemas of events on the streams, every version. Takes no key."""
        return Call("GET", "/schemas/events", Page[EventSchema])

    @staticmethod
    def event_schema(event: str, version: int) -> Call[dict[str, Any]]:
        """The JSON Schema of an event's message, as that version has it. Takes no key."""
        return Call("GET", f"/schemas/events/{part(event)}/{version}", dict[str, Any])

    @staticmethod
    def asyncapi() -> Call[dict[str, Any]]:
        """The AsyncAPI document of the streams. Takes no key."""
        return Call("GET", "/schemas/asyncapi.json", dict[str, Any])

    @staticmethod
    def problem_codes() -> Call[Page[ProblemCode]]:
        """Every problem code in both languages. Takes no key."""
        return Call("GET", "/schemas/problems", Page[ProblemCode])

    @staticmethod
    def ready() -> Call[Readiness]:
        """Whether the service is ready. Raises ApiError while it is not."""
        return Call("GET", "/ready", Readiness)
