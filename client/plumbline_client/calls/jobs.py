"""What takes long: replays, imports, rebuilds; and the rows that imports refused."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from plumbline_client.calls.base import LedgerCalls
from plumbline_client.core import Call, Page, part
from plumbline_client.results import (
    Dismissed,
    Job,
    QuarantineRow,
    RejectedRow,
    ReplayChange,
    ReplayOwner,
    Retried,
)

JobKind: TypeAlias = Literal["replay", "import", "rebuild"]
Language: TypeAlias = Literal["zh", "en"]


class JobCalls(LedgerCalls):
    """Jobs of a ledger; the client's `wait` follows one to its end."""

    def replay(
        self,
        *,
        rules: Mapping[str, Any] | None = None,
        rule_set: str | None = None,
        assignment_rules: Mapping[str, Any] | None = None,
        day_from: str | None = None,
        customers: Sequence[str] = (),
        key: str = "",
    ) -> Call[Job]:
        """Try other rules over the same facts: a document, or a rule set of the ledger; or other assignment rules,
        beside those or alone.

        For `customers` the result has the clause behind every point that changes.
        """
        document = {
            "rules": None if rules is None else dict(rules), "rule_set": rule_set,
            "assignment_rules": None if assignment_rules is None else dict(assignment_rules), "day_from": day_from,
            "customers": list(customers),
        }  # fmt: skip
        return self._do("/replays", Job, document, key=key)

    def replay_recorded(self, *, key: str = "") -> Call[Job]:
        """Decide everything again by the rules that were in force, and compare with the record."""
        return self._do("/replays", Job, {"recorded": True}, key=key)

    def replay_customers(self, job: str, *, limit: int | None = None) -> Call[Page[ReplayChange]]:
        """Every customer whose points or tier a replay changes."""
        return self._read(f"/replays/{part(job)}/customers", Page[ReplayChange], limit=limit)

    def replay_owners(self, job: str, *, limit: int | None = None) -> Call[Page[ReplayOwner]]:
        """Every customer that a replay gives to somebody else, or to the pool."""
        return self._read(f"/replays/{part(job)}/owners", Page[ReplayOwner], limit=limit)

    def import_file(
        self,
        filename: str,
        content: bytes,
        mapping: str | Mapping[str, Any],
        *,
        dry_run: bool = False,
        language: Language | None = None,
        key: str = "",
    ) -> Call[Job]:
        """Import a file by a mapping (a built-in one's name, or a document); reasons of refusals in a language."""
        document = {
            "filename": filename, "content": base64.b64encode(content).decode(),
            "mapping": mapping if isinstance(mapping, str) else dict(mapping),
        }  # fmt: skip
        dry = "true" if dry_run else None
        return self._do("/imports", Job, document, key=key, dry_run=dry, language=language)

    def import_rejected(self, job: str, *, limit: int | None = None) -> Call[Page[RejectedRow]]:
        """The rows that an import refused, with field and reason."""
        return self._read(f"/imports/{part(job)}/rejected", Page[RejectedRow], limit=limit)

    def view_rebuild(self, view: str, *, key: str = "") -> Call[Job]:
        """Build a view anew beside the live one."""
        return self._do(f"/views/{part(view)}/rebuild", Job, key=key)

    def jobs(self, kind: JobKind, *, limit: int | None = None) -> Call[Page[Job]]:
        """Jobs of a kind, the newest first, without their results."""
        return self._read(f"/{kind}s", Page[Job], limit=limit)

    def job(self, kind: JobKind, job: str) -> Call[Job]:
        """A job as it stands."""
        return self._read(f"/{kind}s/{part(job)}", Job)

    def job_cancel(self, kind: JobKind, job: str) -> Call[Job]:
        """Stop a job. What an import has recorded stays recorded."""
        return Call("DELETE", f"{self._root}/{kind}s/{part(job)}", Job, ledger=self.name)

    def quarantine(
        self, *, state: Literal["open", "all"] | None = None, limit: int | None = None
    ) -> Call[Page[QuarantineRow]]:
        """Rows that were refused: those still open, or all."""
        return self._read("/quarantine", Page[QuarantineRow], state=state, limit=limit)

    def quarantine_retry(
        self,
        ids: Sequence[int],
        *,
        cells: Mapping[int, Mapping[str, str | None]] | None = None,
        language: Language | None = None,
        key: str = "",
    ) -> Call[Retried]:
        """Try refused rows again, with cells exchanged where they are given: {id: {header: cell}}."""
        exchanged = {str(row): dict(given) for row, given in (cells or {}).items()}
        document = {"ids": list(ids), "cells": exchanged}
        return self._do("/quarantine/retry", Retried, document, key=key, language=language)

    def quarantine_dismiss(self, ids: Sequence[int], reason: str, *, key: str = "") -> Call[Dismissed]:
        """Say that refused rows will never be recorded, and why."""
        return self._do("/quarantine/dismiss", Dismissed, {"ids": list(ids), "reason": reason}, key=key)
