"""What the log knows already of requests that are to be decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ledger.domain.commands import Answer, RecordFact, Request
from ledger.log.recorder import LogRecorder
from ledger.log.types import AnswerEntry, EntriesKnown, FactEntry, fact_key
from ledger.writer.answers import answer_again


@dataclass(slots=True)
class Known:
    """What the log is known to hold of the requests of one run: versions of facts by their key, and answers by client
    and key. `looked_up`: whether that is all there was."""

    facts: dict[UUID, list[FactEntry]] = field(default_factory=dict[UUID, list[FactEntry]])
    answers: dict[tuple[str, str], AnswerEntry] = field(default_factory=dict[tuple[str, str], AnswerEntry])
    looked_up: bool = False

    def look_up(self, recorder: LogRecorder, requests: Sequence[Request]) -> None:
        """Find out which facts and which answers of these requests the log has, all together."""
        keys = {
            fact_key(r.command.source.strip(), r.command.external_id.strip())
            for r in requests
            if isinstance(r.command, RecordFact) and is_text(r.command.source) and is_text(r.command.external_id)
        }
        pairs = {(r.client, r.key) for r in requests if r.key and is_text(r.client) and is_text(r.key)}
        self._facts(recorder.select_facts(list(keys)) if keys else ())
        self._answers(recorder.select_answers(list(pairs)) if pairs else ())
        self.looked_up = True

    def learn(self, outcome: EntriesKnown) -> None:
        """Take in what an append found there."""
        self._facts(outcome.facts)
        self._answers(outcome.answers)

    @property
    def any(self) -> bool:
        """Whether the log holds anything of them."""
        return bool(self.facts or self.answers)

    @property
    def position(self) -> int:
        """The last position that any of it tells of; 0 where there is none."""
        facts = max((entries[-1].position for entries in self.facts.values()), default=0)
        return max(facts, max((entry.position for entry in self.answers.values()), default=0))

    def _facts(self, entries: Sequence[FactEntry]) -> None:
        """All versions of some facts."""
        found: dict[UUID, list[FactEntry]] = {}
        for entry in sorted(entries, key=lambda entry: entry.version):
            found.setdefault(entry.key, []).append(entry)
        self.facts |= found

    def _answers(self, entries: Sequence[AnswerEntry]) -> None:
        for entry in entries:
            self.answers[entry.client, entry.key] = entry


def answered(recorder: LogRecorder, request: Request) -> Answer | None:
    """The first answer to a request with an idempotency key, if it was given one."""
    if not request.key:
        return None
    found = recorder.select_answers([(request.client, request.key)])
    return answer_again(request, found[0]) if found else None


def is_text(raw: object) -> bool:
    """Whether this is text that Postgres can hold."""
    if not isinstance(raw, str) or "\0" in raw:
        return False
    return raw.isascii() or not any(0xD800 <= ord(c) < 0xE000 for c in raw)
