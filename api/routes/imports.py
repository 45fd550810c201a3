"""Files, imported: taken in, and handed to a job that records their rows."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import Core, core_of, in_thread, principal_of
from api.input import Body, body_bytes, body_check, flag, list_response
from api.jobs.runner import JobDone, Progress
from api.problems import RetryLater
from api.reading import rulebook_of
from api.routes.jobs import JobBody, job_begin, ledger_of
from api.routing import TRUTH, MediaBody, Parameter, Router
from api.schemas import DOCUMENT, Page
from connectors.files.importing import ImportReport, import_files
from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_load, mapping_names, mapping_parse
from connectors.files.messages import Language
from ledger.domain.commands import Answer, Rehearsal, Request as Asked
from ledger.domain.documents import json_parse
from ledger.domain.errors import Refused
from ledger.domain.fact_types import FactType
from ledger.domain.forms import names_known
from ledger.domain.json_places import JsonInvalid
from ledger.domain.pattern_words import in_words
from ledger.writer.submissions import LEDGER_CLOSED

router = Router(tags=["imports"])

REJECTED_SHOWN: Final = 20
FILENAME_BYTES_MAX: Final = 240
RECEIVING_WAIT_SECONDS: Final = 5.0
DECODED_CHARACTERS: Final = 1 << 20
"""So much of a file in base64 is decoded at a time: between two pieces others get their turn."""
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_EXAMPLE: Final = (
    "fact_type,external_id,customer,occurred,amount\n"
    "contract_signed,HT-2026-0117,K-77,2026-01-17,1200000.00\n"
)  # fmt: skip


FILENAME_PATTERN: Final = in_words(
    r"^[^/\\\x00-\x1f]+$", "the plain name of a file, without slashes and control characters"
)


class ImportBody(Body):
    """A file in JSON: its content in base64, and a mapping by name or as a document."""

    filename: str = Field(min_length=1, max_length=200, pattern=FILENAME_PATTERN)
    content: str = Field(description="The file's bytes in base64.", json_schema_extra={"contentEncoding": "base64"})
    mapping: str | dict[str, Any] = Field(
        description="A built-in mapping by its name, or a document.", json_schema_extra={DOCUMENT: "FileMapping"}
    )


_KINDS: Final = frozenset({
    "text/csv", XLSX, "application/json", "", "application/csv", "text/plain", "application/vnd.ms-excel",
    "application/octet-stream", "application/x-www-form-urlencoded",
})  # fmt: skip


class MappingBody(BaseModel):
    """A built-in mapping."""

    mapping: str
    title: dict[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was taken in: where it lies, and by which mapping it is to be read."""

    mapping: FileMapping
    given: bool
    """Whether the mapping came with it as a document."""
    path: Path
    bytes: int
    sha256: str


@router.post(
    "/v1/ledgers/{ledger}/imports",
    permission=Permission.IMPORTS_WRITE,
    errors=("MAPPING_NOT_FOUND", "IMPORT_INVALID", "OVERLOADED", "LEDGER_CLOSED"),
    bodies=(
        MediaBody("text/csv", example=CSV_EXAMPLE),
        MediaBody(XLSX, schema={"type": "string", "format": "binary"}),
        MediaBody("application/json", ImportBody, {
            "filename": "facts.csv", "content": base64.b64encode(CSV_EXAMPLE.encode()).decode(), "mapping": "facts",
        }),
    ),
    query=(
        Parameter("mapping", "A built-in mapping (`GET /v1/mappings`); to be given unless the body is JSON, which"
                  " names it itself.",
                  {"type": "string", "maxLength": 100, "examples": ["facts"]}),
        Parameter("filename", "What the file is called in the quarantine; else `upload.csv`. A JSON body names"
                  " it itself.",
                  {"type": "string", "maxLength": 200, "examples": ["facts.csv"]}),
        Parameter("dry_run", "Read, and ask the writer what would come of each row; nothing is recorded. This, too, is"
                  " a job.", TRUTH),
        Parameter("language", "The language of the reasons why rows are refused.",
                  {"type": "string", "enum": ["zh", "en"], "default": "en"}),
    ),
    summary="Import a file",
    description="The body is the file itself (CSV in any usual encoding, or XLSX), or JSON with `filename`, `content`"
    " (base64) and `mapping` (a name or a whole document). Good rows go in, the others into the quarantine, each with"
    " field and reason; the same file twice records nothing twice. A mapping that came as a document is kept with the"
    " rows that it refused.",
    status_code=202,
    response_model=JobBody,
    responses={202: {"model": JobBody, "description": "It waits or runs; follow it."}},
)  # fmt: skip
async def import_start(request: Request) -> Response:
    """Import a file."""
    dry_run, language = flag(request, "dry_run"), _language(request)
    core = core_of(request)
    _kind_check(request)
    core.jobs.room_check()
    if (await rulebook_of(request)).book.closed:
        raise Refused(LEDGER_CLOSED.code, LEDGER_CLOSED.reason, LEDGER_CLOSED.field)
    # On disk, not in memory: many files may wait for their turn.
    folder = tempfile.TemporaryDirectory(prefix="plumbline-import-")
    try:
        async with _receiving(core, principal_of(request).key_id):
            data = await body_bytes(request, core.settings.import_bytes_max)
            file = await in_thread(request, _file_take, request, data, Path(folder.name))
            del data
        rulebook = await rulebook_of(request)
        ledger, principal = ledger_of(request), principal_of(request)
        loop, now = asyncio.get_running_loop(), core.ledgers.clock()

        def submit(requests: Sequence[Asked]) -> list[Answer]:
            return asyncio.run_coroutine_threadsafe(ledger.submit(requests), loop).result()

        def rehearse(requests: Sequence[Asked]) -> list[Rehearsal]:
            return asyncio.run_coroutine_threadsafe(ledger.rehearse(requests), loop).result()

        def fact_type_of(name: str) -> FactType | None:
            return rulebook.book.fact_types.get(name)

        def work(progress: Progress) -> JobDone:
            if file.given and not dry_run:
                ledger.quarantine.mapping_keep(file.mapping)
            report = import_files(
                submit, [(file.mapping, file.path)], fact_type_of, actor=principal.actor, recorded_at=now,
                progress=lambda stage, done, total: progress(done, total or 0), quarantine=ledger.quarantine,
                rehearse=rehearse if dry_run else None, language=language,
            )  # fmt: skip
            return _import_done(report)

        asked = {
            "mapping": file.mapping.id, "filename": file.path.name, "bytes": file.bytes, "dry_run": dry_run,
            "language": language,
        }  # fmt: skip
        content = file.sha256 + file.mapping.digest.hex()
    except BaseException:
        folder.cleanup()
        raise
    # From here on the folder is the job's: it may run though whoever asked for it is told nothing.
    return await job_begin(request, "import", asked, work, folder.cleanup, content=content)


@asynccontextmanager
async def _receiving(core: Core, key_id: str) -> AsyncGenerator[None]:
    """While a file comes in, once it is its turn. Raises RetryLater."""
    async with AsyncExitStack() as seat:
        try:
            await seat.enter_async_context(core.receiving.held(key_id, RECEIVING_WAIT_SECONDS))
        except TimeoutError:
            reason = "too many files are coming in, of this key or of all; send it again later"
            raise RetryLater("OVERLOADED", reason, 5) from None
        yield


def _language(request: Request) -> Language:
    values = request.query_params.getlist("language") or ["en"]
    if values == ["zh"]:
        return "zh"
    if values == ["en"]:
        return "en"
    raise Refused("INPUT_INVALID", "language must be zh or en", "language")


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _kind_check(request: Request) -> None:
    """Raises Refused for a body that says it is something else than a file of rows. What programs say of a file whose
    kind they don't know passes."""
    if _kind(request) not in _KINDS:
        reason = "the body must be text/csv, the type of an XLSX workbook, or application/json; set Content-Type to it"
        raise Refused("IMPORT_INVALID", reason, "content-type")


def _file_take(request: Request, data: bytes, folder: Path) -> _File:
    """The file of an import, written to a folder. Raises Refused, DocumentInvalid."""
    chosen: str | dict[str, Any]
    if _kind(request) == "application/json":
        body = body_check(_json(data), ImportBody)
        filename, chosen, content = body.filename, body.mapping, body.content
    else:
        filename = request.query_params.get("filename", "upload.csv")
        chosen, content = request.query_params.get("mapping", ""), data
    if not 0 < len(filename.encode()) <= FILENAME_BYTES_MAX or filename in (".", ".."):
        raise Refused("IMPORT_INVALID", f"filename must have 1 to {FILENAME_BYTES_MAX} bytes", "filename")
    if any(c in "/\\" or ord(c) < 32 for c in filename):
        raise Refused("IMPORT_INVALID", "filename must be a plain name", "filename")
    if not content:
        raise Refused("IMPORT_INVALID", "the file is empty", "content")
    mapping = mapping_chosen(chosen)
    path = folder / filename
    size, digest = _write(path, content)
    return _File(mapping, isinstance(chosen, dict), path, size, digest)


def _json(data: bytes) -> Any:
    try:
        return json_parse(data, "body")
    except JsonInvalid as invalid:
        raise invalid.named(names_known(ImportBody) | names_known(FileMapping)) from None


def mapping_chosen(chosen: str | dict[str, Any]) -> FileMapping:
    """The built-in mapping of a name, or a document. Raises Refused (MAPPING_NOT_FOUND), DocumentInvalid."""
    if isinstance(chosen, dict):
        return mapping_parse(chosen)
    if not chosen:
        reason = "name a mapping, as in ?mapping=facts; GET /v1/mappings lists them"
        raise Refused("MAPPING_NOT_FOUND", reason, "mapping")
    if chosen not in mapping_names():
        raise Refused("MAPPING_NOT_FOUND", "no such mapping is built in; GET /v1/mappings lists them", "mapping")
    return mapping_load(chosen)


def _write(path: Path, content: bytes | str) -> tuple[int, str]:
    """Write a file, given as it is or in base64; its size and SHA-256. Raises Refused."""
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, len(content), DECODED_CHARACTERS):
            piece = content[start : start + DECODED_CHARACTERS]
            if isinstance(piece, str):
                last = start + DECODED_CHARACTERS >= len(content)
                piece = _decoded(piece, last=last)
            size += file.write(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def _decoded(piece: str, *, last: bool) -> bytes:
    try:
        if not last and "=" in piece:
            raise ValueError("ends before its end")
        return base64.b64decode(piece, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("IMPORT_INVALID", "content must be base64", "content") from None


def _import_done(report: ImportReport) -> JobDone:
    document = report.document()
    rejected = cast(list[dict[str, Any]], document.pop("rejected"))
    result = {**document, "rejected_count": len(rejected), "rejected": rejected[:REJECTED_SHOWN]}
    return JobDone(result, {"rejected": rejected})


@router.get(
    "/v1/mappings",
    permission=Permission.IMPORTS_READ,
    response_model=Page[MappingBody],
    summary="The built-in mappings of files",
)
async def mappings_list(request: Request) -> Response:
    """The built-in mappings of files."""
    return list_response(await in_thread(request, _mappings))


@lru_cache(maxsize=1)
def _mappings() -> list[dict[str, Any]]:
    found = [mapping_load(name) for name in mapping_names()]
    return [{"mapping": m.id, "title": m.title.model_dump(), "source": m.source} for m in found]
