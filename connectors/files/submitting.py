"""Rows to the ledger: a row's commands one after the other, those of many rows together, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from connectors.files.kinds import BY_CONTENT, kind_name
from ledger.domain.commands import Answer, Command, Request
from ledger.domain.errors import Refused
from ledger.writer.answers import request_sha256
from ledger.writer.submissions import LEDGER_CLOSED

CLIENT: Final = "import"
"""Under whose name the keys of rows are kept."""

Submit: TypeAlias = Callable[[Sequence[Request]], list[Answer]]
"""The writer's bulk call: an answer for each request, in order."""


@dataclass(slots=True)
class RowAnswer:
    """What became of a row. `status` is that of a command; a row is refused where one of its commands is, and a
    duplicate where all are. `became` are the kinds and ids of what it is in the ledger, `made` the kinds of what was
    new or changed by it, `note` what the ledger said of it."""

    status: str = "duplicate"
    position: int = 0
    became: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    made: list[str] = field(default_factory=list[str])
    note: str = ""
    refusal: Answer | None = None

    def take(self, command: Command, answer: Answer) -> None:
        """Count the answer to one of the row's commands."""
        self.position = max(self.position, answer.position)
        if answer.status == "refused":
            self.status, self.refusal = "refused", answer
            return
        kind = kind_name(command)
        self.became.append((kind, answer.id or answer.customer))
        self.note = answer.reason or self.note
        if answer.status in ("accepted", "corrected") and not answer.hit:
            self.status = answer.status
            self.made.append(kind)

    @property
    def books_closed(self) -> bool:
        """Whether it wasn't taken because the books are closed for good: no fault of the row, none to mend."""
        return self.refusal is not None and self.refusal.code == LEDGER_CLOSED.code


def books_open_check(answers: Sequence[RowAnswer]) -> None:
    """Raises Refused (LEDGER_CLOSED) where books took rows no more that are closed for good."""
    if any(answer.books_closed for answer in answers):
        raise Refused(LEDGER_CLOSED.code, LEDGER_CLOSED.reason, LEDGER_CLOSED.field)


def rows_submit(submit: Submit, rows: Sequence[tuple[Command, ...]], actor: str) -> list[RowAnswer]:
    """Give the commands of rows to the ledger: the first of each row, then the second of each, and so on, so that runs
    of one kind stay together. Of a row nothing more is given once one of its commands is refused; what came before it
    stays, and is a duplicate when the row is tried again."""
    answers = [RowAnswer() for _ in rows]
    for place in range(max(map(len, rows), default=0)):
        going = [i for i, row in enumerate(rows) if place < len(row) and answers[i].refusal is None]
        given = submit([row_request(rows[i][place], actor) for i in going])
        for i, answer in zip(going, given, strict=True):
            answers[i].take(rows[i][place], answer)
    return answers


def row_request(command: Command, actor: str) -> Request:
    """With a key of its content where nothing else would tell that the same row was there before."""
    request = Request(command, actor)
    if type(command) not in BY_CONTENT:
        return request
    return Request(command, actor, CLIENT, request_sha256(request).hex())
