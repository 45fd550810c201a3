"""JSON as rows: a document, or the entries of a list in it, each by the same kind of mapping as the rows of a file.

A member is a column under its name; one inside another is joined with a dot (`customer.name`), an entry of a list is
numbered from 0 (`lines.0.amount`). Numbers and truths are the text that was written. What is missing, or null, is an
empty cell.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from connectors.files.cells import RowRefused
from connectors.files.importing import FactTypeOf, ImportReport, RefusedRow, RefusedRows, Rejection
from connectors.files.mapping import FileMapping
from connectors.files.mapping_apply import RowMapper
from connectors.files.messages import Language, text
from connectors.files.rows import Fault, RawCells, RawRow, characters_check, header_normal, row_keep, storable
from ledger.domain.commands import Answer, Command
from ledger.domain.errors import DocumentInvalid, PlumblineError, Problem, Refused

RECORDS_MAX: Final = 1_000
CELLS_MAX: Final = 500
MESSAGE_ID: Final = "webhook-id"
RECORD_NUMBER: Final = "webhook-record"
WHOLE: Final = "+record"
"""Under which a record is kept that can't be taken apart; the `+` tells that it is no column."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as a row: its headers, and beneath them its cells; `kept` is what the quarantine shows of it."""

    headers: tuple[str, ...]
    row: RawRow
    kept: RawCells


def sender_mapping_check(mapping: FileMapping, fact_type_of: FactTypeOf) -> None:
    """Raises DocumentInvalid for a mapping by which messages can't become facts, each known however often it comes."""
    if mapping.fact is None:
        raise DocumentInvalid([Problem("mapping", "has no fact; what a webhook brings is facts")])
    if mapping.fact.external_id is None:
        reason = f"is missing: say by what a fact is known; the message's own id stands in the column {MESSAGE_ID}"
        raise DocumentInvalid([Problem("mapping: fact.external_id", reason)])
    RowMapper(mapping, fact_type_of, ())


def records_read(document: Any, mapping: FileMapping, message_id: str, language: Language = "en") -> list[Record]:
    """The records of a message. Each has its id and the record's number in it besides, as the columns MESSAGE_ID and
    RECORD_NUMBER, where the mapping has such columns, whatever the record's own members are.

    Raises DocumentInvalid where the mapping's `records` isn't there, Refused (BODY_TOO_LARGE) for more than the most.
    """
    found: object = document
    for name in mapping.records.split(".") if mapping.records is not None else ():
        found = cast(dict[str, Any], found).get(name) if isinstance(found, dict) else None
        if found is None:
            reason = f"has no {mapping.records}, in which the mapping looks for the records"
            raise DocumentInvalid([Problem("body", reason)])
    entries = cast(list[object], found) if isinstance(found, list) else [found]
    if len(entries) > RECORDS_MAX:
        raise Refused("BODY_TOO_LARGE", f"holds more than {RECORDS_MAX} records; send it in parts", "body")
    declared = {header_normal(header) for column in mapping.columns.values() for header in column.headers}

    def given(number: int) -> dict[str, str | None]:
        cells = {MESSAGE_ID: message_id, RECORD_NUMBER: str(number)}
        return {header: cell for header, cell in cells.items() if header in declared}

    return [_record(entry, number, mapping, given(number), language) for number, entry in enumerate(entries, 1)]


@dataclass(frozen=True, slots=True)
class MappedRecords:
    """The records of a message that become commands, each with one, and those that don't, with the reason."""

    mapping: FileMapping
    taken: tuple[tuple[Record, RowMapper, Command], ...]
    refused: tuple[tuple[Record, RowRefused], ...]

    @property
    def commands(self) -> list[Command]:
        """The commands, in the order of the records."""
        return [command for _, _, command in self.taken]


def records_map(
    mapping: FileMapping, fact_type_of: FactTypeOf, records: Sequence[Record], language: Language = "en"
) -> MappedRecords:
    """Records by a mapping for which `sender_mapping_check` has nothing to say."""
    mappers: dict[tuple[str, ...], RowMapper] = {}
    taken: list[tuple[Record, RowMapper, Command]] = []
    refused: list[tuple[Record, RowRefused]] = []
    for record in records:
        try:
            if record.row.fault is not None:
                raise RowRefused(record.row.fault.field, record.row.fault.reason)
            mapper = mappers.get(record.headers)
            if mapper is None:
                mapper = mappers[record.headers] = RowMapper(mapping, fact_type_of, record.headers, language)
            taken.append((record, mapper, mapper.map(record.row).command))
        except RowRefused as refusal:
            refused.append((record, refusal))
        except PlumblineError as error:
            # The mapping no longer fits the fact type: that is for a person to mend, not for the sender.
            refused.append((record, RowRefused("", str(error))))
    return MappedRecords(mapping, tuple(taken), tuple(refused))


def records_settle(
    mapped: MappedRecords,
    answers: Sequence[Answer],
    *,
    file: str,
    actor: str,
    recorded_at: datetime,
    quarantine: RefusedRows | None,
) -> ImportReport:
    """What came of records, by the ledger's answers to their commands; those that were refused are kept. `file` names
    them in the quarantine; without a quarantine nothing is kept."""
    statuses = Counter(answer.status for answer in answers)
    refused = list(mapped.refused)
    for (record, mapper, _), answer in zip(mapped.taken, answers, strict=True):
        if answer.status == "refused":
            refused.append((record, RowRefused(mapper.field_of(answer.field), answer.reason)))
    refused.sort(key=lambda entry: entry[0].row.row)
    rejected = tuple(Rejection(record.row.row, r.field, r.reason, file) for record, r in refused)
    mapping = mapped.mapping
    if quarantine is not None and refused:
        rows = [
            RefusedRow(mapping.source, rejection, record.kept, mapping.origin, mapping.digest, actor)
            for (record, _), rejection in zip(refused, rejected, strict=True)
        ]
        quarantine.put_many(rows, recorded_at)
    return ImportReport(
        read=len(mapped.taken) + len(mapped.refused), accepted=statuses["accepted"], duplicates=statuses["duplicate"],
        corrected=statuses["corrected"], rejected=rejected,
        position=max((answer.position for answer in answers), default=0),
    )  # fmt: skip


def _record(
    entry: object, number: int, mapping: FileMapping, given: Mapping[str, str | None], language: Language
) -> Record:
    if not isinstance(entry, dict):
        return _whole(entry, number, text("no_object", language))
    cells: dict[str, str | None] = {}
    twice = _flatten(cast(dict[str, Any], entry), "", cells)
    if len(cells) > CELLS_MAX:
        return _whole(cast(object, entry), number, text("cells_much", language, count=len(cells), limit=CELLS_MAX))
    cells |= given
    # A column that the record lacks is an empty cell of it, so that a person can fill it.
    there = {header_normal(header) for header in cells}
    for column in mapping.columns.values():
        if not there & {header_normal(header) for header in column.headers}:
            cells[column.headers[0]] = None
    headers, values = tuple(cells), tuple(cells.values())
    fault = Fault(twice, text("ambiguous", language)) if twice is not None else None
    row = RawRow(number, values, fault or characters_check(values, headers, language))
    return Record(headers, row, row_keep(row, headers, ""))


def _whole(entry: object, number: int, reason: str) -> Record:
    """A record that is no row. By the library that writes every number, since JSON may hold larger ones than orjson."""
    return Record((), RawRow(number, (), Fault("", reason)), {WHOLE: storable(json.dumps(entry, ensure_ascii=False))})


def _flatten(entry: Mapping[str, Any], prefix: str, cells: dict[str, str | None]) -> str | None:
    """Enter the values of an object; gives the first header that would stand twice. No deeper than JSON is read."""
    twice: str | None = None
    for name, value in entry.items():
        header = f"{prefix}{name}"
        if isinstance(value, list):
            value = {str(place): part for place, part in enumerate(cast(list[Any], value))}
        if isinstance(value, dict):
            found = _flatten(cast(dict[str, Any], value), f"{header}.", cells)
        else:
            found = header if header in cells else None
            cells[header] = _cell(value)
        twice = twice or found
    return twice


def _cell(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip() or None
