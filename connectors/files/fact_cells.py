"""A refused fact that came as JSON, kept in the quarantine as one cell that holds it, and read again once mended."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from connectors.files.cells import RowRefused
from connectors.files.importing import RefusedRow, Rejection
from connectors.files.rows import storable
from ledger.domain.commands import Command
from ledger.domain.documents import json_parse
from ledger.domain.errors import Refused
from ledger.domain.json_places import JsonInvalid
from ledger.writer.fact_line import FACT_NAMES, field_of_fact, request_of_document

FACT_JSON: Final = "fact.json"
"""In the place of a mapping: the cell holds a fact as the API takes it."""
FACT_JSON_SHA256: Final = sha256(FACT_JSON.encode()).digest()
CELL: Final = "fact"


def fact_refused(
    body: bytes, *, source: str, file: str, number: int, field: str, reason: str, actor: str
) -> RefusedRow:
    """What the quarantine keeps of a refused fact. `number` counts the facts of its message, from 1; `field` is the
    command's or the document's, and kept as the latter calls it."""
    text = storable(body.decode("utf-8", "replace"))
    rejection = Rejection(number, field_of_fact(field), reason, file)
    return RefusedRow(source, rejection, {CELL: text}, FACT_JSON, FACT_JSON_SHA256, actor)


def fact_command(cells: Mapping[str, object]) -> tuple[Command, str]:
    """The command in a kept cell, perhaps edited since, and its date for sorting. Raises RowRefused."""
    try:
        request = request_of_document(json_parse(str(cells.get(CELL) or ""), CELL), actor="", client="")
    except Refused as refusal:
        raise RowRefused(refusal.field, refusal.reason) from None
    except JsonInvalid as invalid:
        [told] = invalid.named(FACT_NAMES).problems
        raise RowRefused(told.field, told.reason) from None
    occurred: str = getattr(request.command, "occurred", "")
    return request.command, occurred
