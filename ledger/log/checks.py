"""What can be seen to be wrong with an append before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ledger.log.types import AnswerEntry, AnyStoredEvent, FactEntry

# One statement is one message, which Postgres limits to 1 GB and holds in memory several times over.
_STATEMENT_SIZE_MAX_BYTES = 256 * 1024 * 1024


def texts_check(field: str, values: Sequence[str]) -> None:
    """Raises ValueError, naming `field` and which one, for text that Postgres cannot hold.

    That is NUL, and lone surrogates, which no UTF-8 has. All values are looked at together: one pass in C.
    """
    try:
        joined = "".join(values)
        if "\0" not in joined:
            if not joined.isascii():
                joined.encode()  # fails on a surrogate
            return
    except (TypeError, UnicodeEncodeError):
        pass  # The loop below finds out which value it was, and says so.
    for place, value in enumerate(values, start=1):
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{field} {place} is {type(value).__name__}, not text; give it as str.")
        if "\0" in value:
            raise ValueError(f"{field} {place} contains a NUL character ({value!r}); remove it.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(
                f"{field} {place} contains half a surrogate pair ({value!r}); it was decoded wrongly."
            )


def events_check(events: Sequence[AnyStoredEvent]) -> None:
    """Raises ValueError for text Postgres cannot hold, and for more state than one statement may carry."""
    ids = [cast(str, event.originator_id) for event in events]  # UUIDs are refused by the check
    texts_check("originator_id", ids)
    texts_check("topic", [event.topic for event in events])
    size_bytes = sum(len(event.state) for event in events)
    if size_bytes > _STATEMENT_SIZE_MAX_BYTES:
        raise ValueError(
            f"The events hold {size_bytes:,} bytes of state, more than {_STATEMENT_SIZE_MAX_BYTES:,} in one"
            " statement; append them with append_chunks."
        )


def entries_check(answers: Sequence[AnswerEntry], facts: Sequence[FactEntry]) -> None:
    """Raises ValueError for text that Postgres cannot hold, and for digests that are no SHA-256."""
    texts_check("answer client", [answer.client for answer in answers])
    texts_check("answer key", [answer.key for answer in answers])
    for answer in answers:
        if len(answer.request_sha256) != 32:
            raise ValueError(
                f"request_sha256 of the answer to {answer.key!r} is not 32 bytes; give the raw digest."
            )
    for fact in facts:
        if len(fact.content_sha256) != 32:
            raise ValueError(f"content_sha256 of fact {fact.key} is not 32 bytes; give the raw digest.")


def positions_check(
    answers: Sequence[AnswerEntry], facts: Sequence[FactEntry], position_before: int, position_last: int
) -> None:
    """Raises ValueError for a fact no event of this append records, or an answer from beyond its end."""
    for fact in facts:
        if not position_before < fact.position <= position_last:
            raise ValueError(
                f"Fact {fact.key} names position {fact.position}, but the events of this append"
                f" have the positions {position_before + 1} to {position_last}; name that of its event."
            )
    for answer in answers:
        if not 0 <= answer.position <= position_last:
            raise ValueError(
                f"The answer to {answer.key!r} names position {answer.position}, but this append ends at"
                f" {position_last}; name a position that exists then."
            )
