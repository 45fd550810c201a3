"""The quarantine.

Refused rows, kept with the reason until they are mended and taken, dismissed or purged: then their cells are gone. What
stays is that there was a row, why it was refused, how it was resolved, and unless it was purged the digest by which the
same row is known again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from psycopg.rows import class_row, tuple_row

from connectors.files.cells import RowRefused
from connectors.files.fact_cells import FACT_JSON, FACT_JSON_SHA256, fact_command
from connectors.files.importing import (
    BATCH_ROWS,
    FactTypeOf,
    RefusedRow,
    Rejection,
    commands_numbered,
)
from connectors.files.mapping import FileMapping
from connectors.files.mapping_apply import RowMapper
from connectors.files.mapping_loading import MappingNotFound, mapping_load, mapping_parse
from connectors.files.messages import Language
from connectors.files.rows import RawCells, row_digest, row_restore, storable
from connectors.files.submitting import Submit, books_open_check, rows_submit
from ledger.domain.commands import Answer, Command
from ledger.domain.errors import PlumblineError
from ledger.log.datastore import LogDatastore
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from ledger.writer.fact_line import field_of_fact

_QUERIES = queries_load("connectors.files", "quarantine.sql")

_KEPT: Final = re.compile(r"([a-z][a-z0-9_]{0,62})@([0-9a-f]{64})")
"""How a kept document is named: by its own id and its digest. No built-in one and no absolute path looks so."""

RawOverride = Mapping[str, str | None]
"""Edited cells of one kept row, by header."""


class QuarantineRowUnknown(PlumblineError):
    """An id that is no row of the quarantine."""

    code = "QUARANTINE_ROW_UNKNOWN"


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A kept row.

    `raw` holds its cells by header while it is open, and nothing after; `row` is its number in `file`; open while
    `resolved_at` is None. `row_sha256` is None once it was purged.
    """

    id: int
    source: str
    row_sha256: bytes | None
    file: str
    row: int
    field: str
    reason: str
    raw: RawCells
    mapping: str
    mapping_sha256: bytes
    actor: str
    recorded_at: datetime
    resolved_at: datetime | None
    resolution: str | None

    def document(self) -> dict[str, object]:
        """The row as plain data."""
        return {
            "id": self.id,
            "source": self.source,
            "file": self.file,
            "row": self.row,
            "field": self.field,
            "reason": self.reason,
            "raw": self.raw,
            "mapping": self.mapping,
            "actor": self.actor,
            "recorded_at": self.recorded_at.isoformat(),
            "resolved_at": self.resolved_at.isoformat() if self.resolved_at else None,
            "resolution": self.resolution,
        }


Resolved = tuple[tuple[int, str], ...]
"""Rows that were resolved before, each with its id and how."""


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What came of trying kept rows again; `rejected` are those that stay open, each with its id, `resolved` those that
    were no longer open. On a dry run, what would come of it."""

    retried: int
    accepted: int
    duplicates: int
    corrected: int
    rejected: tuple[tuple[int, Rejection], ...]
    position: int
    resolved: Resolved = ()

    def document(self) -> dict[str, object]:
        """The report as plain data."""
        return {
            "retried": self.retried,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "corrected": self.corrected,
            "rejected": [
                {"id": number, "file": r.file, "row": r.row, "field": r.field, "reason": r.reason}
                for number, r in self.rejected
            ],
            "position": self.position,
            "resolved": resolved_documents(self.resolved),
        }


def resolved_documents(resolved: Resolved) -> list[dict[str, object]]:
    """Rows resolved before, as plain data."""
    return [{"id": number, "resolution": resolution} for number, resolution in resolved]


@dataclass(frozen=True, slots=True)
class _Retried:
    kept: QuarantinedRow
    mapper: RowMapper | None
    """None of a fact that came as JSON: it needs no mapping."""
    commands: tuple[Command, ...]
    occurred: str
    changed: str

    def refused(self, answer: Answer) -> tuple[QuarantinedRow, RowRefused, bytes]:
        """The ledger's refusal of today."""
        if self.mapper is None:
            return self.kept, RowRefused(field_of_fact(answer.field), answer.reason), FACT_JSON_SHA256
        return self.kept, RowRefused(self.mapper.field_of(answer.field), answer.reason), self.mapper.mapping.digest


class Quarantine:
    """The quarantine of one ledger, by the connections of its log."""

    def __init__(self, datastore: LogDatastore) -> None:
        self._connected = datastore.get_connection

    def put_many(self, rows: Sequence[RefusedRow], recorded_at: datetime) -> int:
        """Keep the rows that are not kept yet, by their source and content; returns how many those were.

        A row that is kept already, resolved ones included, stays as it is.
        """
        parameters = {
            "source": [row.source for row in rows],
            "row_sha256": [row_digest(row.raw) for row in rows],
            "file": [storable(row.rejection.file) for row in rows],
            "row": [row.rejection.row for row in rows],
            "field": [storable(row.rejection.field) for row in rows],
            "reason": [storable(row.rejection.reason) for row in rows],
            "raw": [orjson.dumps(row.raw).decode() for row in rows],
            "mapping": [row.mapping for row in rows],
            "mapping_sha256": [row.mapping_sha256 for row in rows],
            "actor": [row.actor for row in rows],
            "recorded_at": recorded_at,
        }
        with self._connected() as connection:
            return connection.execute(_QUERIES["put_many"], parameters).rowcount

    def list(self, *, open_only: bool = True, seek: Seek = BEGINNING, limit: int = 100) -> list[QuarantinedRow]:
        """Up to `limit` kept rows in order of their ids, which are the key of the list."""
        with (
            self._connected() as connection,
            connection.cursor(row_factory=class_row(QuarantinedRow)) as cursor,
        ):
            return page_read(cursor, _QUERIES["list"], ("id",), {"open_only": open_only}, seek, limit)

    def count_open(self) -> int:
        """How many rows are open."""
        with self._connected() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_QUERIES["count_open"]).fetchone()
        assert row is not None
        return row[0]

    def retry(
        self,
        submit: Submit,
        fact_type_of: FactTypeOf,
        *,
        actor: str,
        resolved_at: datetime,
        ids: Sequence[int] | None = None,
        raw_override: Mapping[int, RawOverride] | None = None,
        mapping_of: Callable[[str], FileMapping] | None = None,
        language: Language = "en",
        dry_run: bool = False,
    ) -> RetryReport:
        """Map open rows again by the mappings of today (a document that came with the file: by that one) and submit
        them, in order of business date.

        `ids` None means all. `raw_override` exchanges cells by header for this attempt; which were exchanged
        is told in the resolution, not what they held. Rows the ledger takes (or has already) are resolved; the
        others stay open with the reason of today. A row whose source gives no id is submitted as the first of its
        equals. Rows that were resolved before are left as they are, so that who didn't get the answer may ask again.
        With `dry_run`, `submit` must record nothing, and no row changes. Raises QuarantineRowUnknown, before anything
        is submitted; Refused (LEDGER_CLOSED) where the books are closed for good: rows then stay as they are, but for
        those that the ledger has.
        """
        override = raw_override or {}
        mapping_of = mapping_of or self.mapping_find
        kept, before = self._rows(ids, override)
        mappers: dict[tuple[str, tuple[str, ...]], RowMapper] = {}
        waiting: list[_Retried] = []
        rejected: list[tuple[QuarantinedRow, RowRefused, bytes]] = []
        for row in kept:
            cells = {**row.raw, **override.get(row.id, {})}
            changed = _changes_text(row.raw, override.get(row.id, {}))
            digest = row.mapping_sha256
            try:
                if row.mapping == FACT_JSON:
                    command, occurred = fact_command(cells)
                    waiting.append(_Retried(row, None, (command,), occurred, changed))
                    continue
                headers, raw = row_restore(cells, row.row, language)
                mapper = mappers.get((row.mapping, headers))
                if mapper is None:
                    mapper = RowMapper(mapping_of(row.mapping), fact_type_of, headers, language)
                    mappers[row.mapping, headers] = mapper
                digest = mapper.mapping.digest
                mapped = mapper.map(raw)
            except RowRefused as refusal:
                rejected.append((row, refusal, digest))
            except PlumblineError as error:
                # The mapping is gone or no longer fits: that holds up its own rows only.
                rejected.append((row, RowRefused("", str(error)), digest))
            else:
                waiting.append(_Retried(row, mapper, commands_numbered(mapped, 1), mapped.occurred, changed))
        waiting.sort(key=lambda item: (item.occurred, item.kept.id))
        statuses: Counter[str] = Counter()
        position = 0
        for start in range(0, len(waiting), BATCH_ROWS):
            batch = waiting[start : start + BATCH_ROWS]
            answers = rows_submit(submit, [item.commands for item in batch], actor)
            resolved: list[tuple[int, str]] = []
            for item, answer in zip(batch, answers, strict=True):
                statuses[answer.status] += 1
                position = max(position, answer.position)
                if answer.books_closed:
                    continue
                if answer.refusal is not None:
                    rejected.append(item.refused(answer.refusal))
                else:
                    resolved.append(
                        (
                            item.kept.id,
                            f"{answer.status} at position {answer.position} by {actor}{item.changed}",
                        )
                    )
            if not dry_run:
                self._resolve(resolved, resolved_at)
            books_open_check(answers)
        if not dry_run:
            self._reasons_renew(rejected)
        return RetryReport(
            retried=len(kept),
            accepted=statuses["accepted"],
            duplicates=statuses["duplicate"],
            corrected=statuses["corrected"],
            rejected=tuple(
                (row.id, Rejection(row.row, refusal.field, refusal.reason, row.file))
                for row, refusal, _ in sorted(rejected, key=lambda item: item[0].id)
            ),
            position=position,
            resolved=before,
        )

    def dismiss(
        self, ids: Sequence[int], *, reason: str, actor: str, resolved_at: datetime, dry_run: bool = False
    ) -> tuple[list[int], Resolved]:
        """Close rows that will never be submitted, with the reason; those closed now, and those resolved before, which
        stay as they are. With `dry_run` none is closed.

        Raises QuarantineRowUnknown, closing none.
        """
        if not reason.strip():
            raise ValueError("dismissing rows needs a reason")
        kept, before = self._rows(ids, {})
        numbers = [row.id for row in kept]
        if not dry_run:
            self._resolve([(number, f"dismissed by {actor}: {reason.strip()}") for number in numbers], resolved_at)
        return numbers, before

    def purge(
        self,
        *,
        actor: str,
        resolved_at: datetime,
        ids: Sequence[int] = (),
        open_since_before: datetime | None = None,
        rows_max: int | None = None,
        dry_run: bool = False,
    ) -> list[int]:
        """Forget rows altogether: their cells, and the digest by which they would be known again; their ids.

        `ids` names rows, open or resolved; `open_since_before` those that are open and were kept before a moment, the
        first `rows_max` of them where that is given. The same row is new when it comes again. With `dry_run` none is
        forgotten. Raises QuarantineRowUnknown, forgetting none.
        """
        if ids:
            self._rows(ids, {})
        parameters = {"ids": sorted(set(ids)), "before": open_since_before, "resolved_at": resolved_at,
                      "rows_max": rows_max, "resolution": f"purged by {actor}"}  # fmt: skip
        purged: list[int] = []
        with (
            self._connected() as connection,
            connection.transaction(force_rollback=dry_run),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            if ids:
                purged += [number for (number,) in cursor.execute(_QUERIES["purge"], parameters)]
            if open_since_before is not None:
                purged += [number for (number,) in cursor.execute(_QUERIES["purge_open"], parameters)]
        return sorted(purged)

    def mapping_keep(self, mapping: FileMapping) -> None:
        """Keep a mapping document that came with a file, and let the rows that it refuses be tried again by it."""
        mapping.origin_set(f"{mapping.id}@{mapping.digest.hex()}")
        parameters = {"sha256": mapping.digest, "document": orjson.dumps(mapping.document()).decode()}
        with self._connected() as connection:
            connection.execute(_QUERIES["mapping_keep"], parameters)

    def mapping_find(self, origin: str) -> FileMapping:
        """The mapping of a kept row: a document kept here, a built-in one, or the one at a path.

        Raises MappingNotFound, or DocumentInvalid where it can no longer be used.
        """
        kept = _KEPT.fullmatch(origin)
        if kept is None:
            return mapping_load(origin)
        with self._connected() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(_QUERIES["mapping_find"], {"sha256": bytes.fromhex(kept[2])}).fetchone()
        if row is None:
            raise MappingNotFound(f"The mapping document {kept[1]} is not kept here; import the file again with it.")
        mapping = mapping_parse(orjson.loads(row[0]), f"mapping {kept[1]}")
        mapping.origin_set(origin)
        return mapping

    def _rows(
        self, ids: Sequence[int] | None, override: Mapping[int, RawOverride]
    ) -> tuple[list[QuarantinedRow], Resolved]:
        """The open rows of these ids (None: all), and those of them that are resolved. Raises QuarantineRowUnknown."""
        found: list[QuarantinedRow] = []
        if ids is None:
            while page := self.list(limit=BATCH_ROWS, seek=Seek((found[-1].id,)) if found else BEGINNING):
                found += page
        else:
            with (
                self._connected() as connection,
                connection.cursor(row_factory=class_row(QuarantinedRow)) as cursor,
            ):
                found = cursor.execute(_QUERIES["select"], {"ids": sorted(set(ids))}).fetchall()
        unknown = sorted((set(ids or ()) | set(override)) - {row.id for row in found})
        if unknown:
            raise QuarantineRowUnknown(
                f"No row of the quarantine has the id {', '.join(map(str, unknown[:20]))}; list them first."
            )
        resolved = tuple((row.id, row.resolution) for row in found if row.resolution is not None)
        return [row for row in found if row.resolution is None], resolved

    def _resolve(self, resolved: Sequence[tuple[int, str]], resolved_at: datetime) -> None:
        if not resolved:
            return
        with self._connected() as connection:
            connection.execute(
                _QUERIES["resolve"],
                {
                    "ids": [number for number, _ in resolved],
                    "resolutions": [storable(resolution) for _, resolution in resolved],
                    "resolved_at": resolved_at,
                },
            )

    def _reasons_renew(self, rejected: Sequence[tuple[QuarantinedRow, RowRefused, bytes]]) -> None:
        if not rejected:
            return
        with self._connected() as connection:
            connection.execute(
                _QUERIES["reason_renew"],
                {
                    "ids": [row.id for row, _, _ in rejected],
                    "fields": [storable(refusal.field) for _, refusal, _ in rejected],
                    "reasons": [storable(refusal.reason) for _, refusal, _ in rejected],
                    "mapping_sha256": [digest for _, _, digest in rejected],
                },
            )


def _changes_text(raw: RawCells, override: RawOverride) -> str:
    """Which cells were exchanged, for the resolution: `; with other cells in 中标价(元)`. What they held isn't said: it
    would outlive the row."""
    headers = ", ".join(header for header, value in override.items() if raw.get(header) != value)
    return f"; with other cells in {headers}" if headers else ""
