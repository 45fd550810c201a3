"""The run: files in, commands to the ledger in order of business date, what is refused to the quarantine.

Submitting the same file again changes nothing: facts, leads and staff are known by (source, reference), other
commands by their content, kept rows by theirs. Memory does not grow with the rows: mapped rows are sorted in runs of
10,000 that wait in a temporary file. It grows with the refused rows (each is in the report) and, where the source gives
no ids and on a dry run, by one small entry per distinct row.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

from connectors.files.cells import RowRefused
from connectors.files.mapping import FileMapping
from connectors.files.mapping_apply import MappedRow, RowMapper
from connectors.files.messages import Language
from connectors.files.reading import RawFile, file_open
from connectors.files.rehearsing import Rehearse, RowsRehearsed
from connectors.files.rows import RawCells, RawRow, row_keep
from connectors.files.sorting import WaitingRow, rows_sorted
from connectors.files.submitting import RowAnswer, Submit, books_open_check, rows_submit
from ledger.domain.commands import Command, RecordFact
from ledger.domain.fact_types import FactType

BATCH_ROWS = 5_000
SORT_ROWS = 10_000

FactTypeOf: TypeAlias = Callable[[str], FactType | None]
Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called with the stage ("reading" or "recording"), the rows done, and how many there are, if known."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused.

    Its number in the file as a spreadsheet shows it, the column's header, the reason.
    """

    row: int
    field: str
    reason: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """What the quarantine is given: a rejection with the row as it stood and the mapping that refused it."""

    source: str
    rejection: Rejection
    raw: RawCells
    mapping: str
    mapping_sha256: bytes
    actor: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row that the ledger took: its status, the kinds and ids of what it became, and what there is to say of it, such
    as that a customer is somebody's."""

    file: str
    row: int
    status: str
    became: tuple[tuple[str, str], ...]
    note: str
    position: int


class RefusedRows(Protocol):
    """Where refused rows are kept."""

    def put_many(self, rows: Sequence[RefusedRow], recorded_at: datetime) -> int:
        """Keep the rows that are not kept yet; returns how many those were."""
        ...


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of an import, or of a dry run would. read = accepted + duplicates + corrected + rejected.

    `faults` are those of headers: where a file lacks columns, every row under its header is rejected beside that.
    `position` is the log's last position that an answer named, 0 where there was none and on a dry run. `became` counts
    what was made, by kind: a row may make several things. `rehearsed_apart` counts the rows of a dry run that were
    rehearsed without everything that rows before them do, as that was too much to keep; they may come out otherwise.
    """

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    corrected: int = 0
    rejected: tuple[Rejection, ...] = ()
    position: int = 0
    became: Mapping[str, int] = field(default_factory=dict[str, int])
    faults: tuple[Rejection, ...] = ()
    rehearsed_apart: int = 0

    def document(self) -> dict[str, object]:
        """The report as plain data."""
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "corrected": self.corrected,
            "rejected": [_rejection_document(r) for r in self.rejected],
            "faults": [_rejection_document(r) for r in self.faults],
            "rehearsed_apart": self.rehearsed_apart,
            "position": self.position,
            "became": dict(self.became),
        }


def _rejection_document(rejection: Rejection) -> dict[str, object]:
    r = rejection
    return {"file": r.file, "row": r.row, "field": r.field, "reason": r.reason}


@dataclass(slots=True)
class _File:
    opened: RawFile
    mapping: FileMapping
    mapper: RowMapper


@dataclass(slots=True)
class _Run:
    actor: str
    progress: Progress
    refused_rows: RefusedRows | None
    recorded_at: datetime
    outcomes: Callable[[Outcome], None]
    rehearsed: RowsRehearsed | None
    read: int = 0
    position: int = 0
    became: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    rejected: list[tuple[int, Rejection]] = field(default_factory=list)
    faults: list[Rejection] = field(default_factory=list)
    unkept: list[RefusedRow] = field(default_factory=list)

    def reject(self, number: int, file: _File, raw: RawRow, refusal: RowRefused) -> None:
        rejection = Rejection(raw.row, refusal.field, refusal.reason, file.opened.name)
        self.rejected.append((number, rejection))
        mapping = file.mapping
        kept = row_keep(raw, file.opened.headers, file.opened.name)
        self.unkept.append(
            RefusedRow(mapping.source, rejection, kept, mapping.origin, mapping.digest, self.actor)
        )
        if len(self.unkept) >= BATCH_ROWS:
            self.keep()

    def take(self, number: int, file: _File, raw: RawRow, answer: RowAnswer) -> None:
        """Count what became of a row."""
        self.statuses[answer.status] += 1
        if self.rehearsed is None:
            self.position = max(self.position, answer.position)
        self.became.update(answer.made)
        if answer.refusal is not None:
            header = file.mapper.field_of(answer.refusal.field)
            self.reject(number, file, raw, RowRefused(header, answer.refusal.reason))
            return
        if self.rehearsed is not None:
            return
        became = tuple(answer.became)
        self.outcomes(Outcome(file.opened.name, raw.row, answer.status, became, answer.note, answer.position))

    def keep(self) -> None:
        if self.refused_rows is not None and self.unkept:
            self.refused_rows.put_many(self.unkept, self.recorded_at)
        self.unkept.clear()

    def report(self) -> ImportReport:
        self.rejected.sort(key=lambda item: (item[0], item[1].row))
        return ImportReport(
            read=self.read,
            accepted=self.statuses["accepted"],
            duplicates=self.statuses["duplicate"],
            corrected=self.statuses["corrected"],
            rejected=tuple(rejection for _, rejection in self.rejected),
            position=self.position,
            became=dict(sorted(self.became.items())),
            faults=tuple(self.faults),
            rehearsed_apart=self.rehearsed.apart if self.rehearsed is not None else 0,
        )


def import_file(
    submit: Submit,
    mapping: FileMapping,
    fact_type_of: FactTypeOf,
    path: Path,
    *,
    actor: str,
    recorded_at: datetime,
    progress: Progress = lambda stage, done, total: None,
    quarantine: RefusedRows | None = None,
    rehearse: Rehearse | None = None,
    language: Language = "en",
    outcomes: Callable[[Outcome], None] = lambda outcome: None,
) -> ImportReport:
    """Import one file; see `import_files`."""
    return import_files(
        submit,
        [(mapping, path)],
        fact_type_of,
        actor=actor,
        recorded_at=recorded_at,
        progress=progress,
        quarantine=quarantine,
        rehearse=rehearse,
        language=language,
        outcomes=outcomes,
    )


def import_files(
    submit: Submit,
    inputs: Sequence[tuple[FileMapping, Path]],
    fact_type_of: FactTypeOf,
    *,
    actor: str,
    recorded_at: datetime,
    progress: Progress = lambda stage, done, total: None,
    quarantine: RefusedRows | None = None,
    rehearse: Rehearse | None = None,
    language: Language = "en",
    outcomes: Callable[[Outcome], None] = lambda outcome: None,
) -> ImportReport:
    """Import files, each by its mapping, merged by business date, then order of the files, then row number.

    Registrations have no date and come first. `recorded_at` (with time zone) is when refused rows are kept. `outcomes`
    is told of every row that the ledger took. With `rehearse` it is a dry run: the writer is asked what would come of
    the rows, nothing is submitted or kept. Raises FileRefused where a file can't be read and DocumentInvalid where a
    mapping does not fit its fact type, both before anything was submitted; Refused (LEDGER_CLOSED) where the books are
    closed for good, perhaps while it runs.
    """
    rehearsed = None if rehearse is None else RowsRehearsed(rehearse, fact_type_of, actor)
    run = _Run(actor, progress, None if rehearsed is not None else quarantine, recorded_at, outcomes, rehearsed)
    with ExitStack() as stack:
        files: list[_File] = []
        for mapping, path in inputs:
            opened = stack.enter_context(file_open(path, mapping, language))
            files.append(_File(opened, mapping, RowMapper(mapping, fact_type_of, opened.headers, language)))
        spill = stack.enter_context(tempfile.TemporaryFile(prefix="plumbline-import-"))
        rows = rows_sorted(_mapped(run, files), spill, SORT_ROWS)
        run.keep()
        _submit_all(run, files, submit, rows, run.read - len(run.rejected))
    return run.report()


def _mapped(run: _Run, files: Sequence[_File]) -> Iterator[WaitingRow]:
    """Every row that maps, in order of reading; the others are rejected."""
    equals: Counter[tuple[str, str]] = Counter()
    for number, file in enumerate(files):
        opened = file.opened
        for header, reason in file.mapper.problems[:1]:
            # Of the file, not of a row that could be mended: reported, but not kept in the quarantine.
            run.faults.append(Rejection(opened.header_row, header, reason, opened.name))
        for raw in opened.rows:
            run.read += 1
            if run.read % 1000 == 0:
                run.progress("reading", run.read, None)
            try:
                mapped = file.mapper.map(raw)
            except RowRefused as refusal:
                run.reject(number, file, raw, refusal)
                continue
            if mapped.identity:
                equals[file.mapping.source, mapped.identity] += 1
            ordinal = equals[file.mapping.source, mapped.identity] if mapped.identity else 0
            commands = commands_numbered(mapped, ordinal)
            if run.rehearsed is not None:
                run.rehearsed.note(commands)
            yield (mapped.occurred, number, raw.row), commands, raw.cells
    run.progress("reading", run.read, run.read)


def commands_numbered(mapped: MappedRow, ordinal: int) -> tuple[Command, ...]:
    """The commands of a row; a fact without an id has one of its content and its number among equals."""
    command = mapped.command
    if mapped.identity and isinstance(command, RecordFact):
        command = replace(command, external_id=f"{mapped.identity}-{ordinal}")
    return (*mapped.before, command)


def _submit_all(
    run: _Run, files: Sequence[_File], submit: Submit, rows: Iterator[WaitingRow], total: int
) -> None:
    done = 0
    while batch := list(islice(rows, BATCH_ROWS)):
        commands = [commands for _, commands, _ in batch]
        rehearsed = run.rehearsed
        answers = rows_submit(submit, commands, run.actor) if rehearsed is None else rehearsed.rows(commands)
        for ((_, number, row), _, cells), answer in zip(batch, answers, strict=True):
            if not answer.books_closed:
                run.take(number, files[number], RawRow(row, cells), answer)
        # Now, as the next batch may find no writer, and so end the run.
        run.keep()
        books_open_check(answers)
        done += len(batch)
        run.progress("recording", done, total)
