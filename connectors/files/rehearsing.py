"""A dry run of an import: its rows are rehearsed by the writer, each as if those before it had been recorded.

The writer forgets a rehearsal at once. So what rows before may do to later ones is rehearsed again with each batch:
commands about staff, customers and the work with them; facts and registrations whose fact or customer the files name
again; facts of types of which a customer may have one only; and the first fact, as it says which months are open. That
is bounded: past `EARLIER_MAX` commands later batches are rehearsed without what is too much, and counted. Rows of one
mapping give facts or commands, never both, so that they can be rehearsed together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from connectors.files.submitting import RowAnswer, row_request
from ledger.domain.commands import (
    Command,
    CustomerReference,
    RecordFact,
    RegisterCustomer,
    Rehearsal,
    Request,
)
from ledger.domain.fact_types import FactType

EARLIER_MAX: Final = 5_000

Rehearse: TypeAlias = Callable[[Sequence[Request]], list[Rehearsal]]
"""The writer's rehearsal: what it would answer to each request as if those before it had been carried out."""


class RowsRehearsed:
    """Rehearses the rows of one dry run, batch after batch. `note` is told of every command before that.

    Memory grows by a small entry for each fact and customer that the files name.
    """

    def __init__(self, rehearse: Rehearse, fact_type_of: Callable[[str], FactType | None], actor: str) -> None:
        self.apart = 0
        """How many rows were rehearsed without all that those before them do."""
        self._rehearse = rehearse
        self._fact_type_of = fact_type_of
        self._actor = actor
        self._named: set[int] = set()
        self._named_again: set[int] = set()
        self._earlier: list[Request] = []
        self._is_whole = True
        self._fact_seen = False

    def note(self, commands: Sequence[Command]) -> None:
        """Take down what the commands of a row name."""
        for name in (name for command in commands for name in _names(command)):
            (self._named_again if name in self._named else self._named).add(name)

    def rows(self, rows: Sequence[tuple[Command, ...]]) -> list[RowAnswer]:
        """What would become of a batch of rows; as `rows_submit`, nothing more of a row once one of its commands is
        refused."""
        answers = [RowAnswer() for _ in rows]
        before = list(self._earlier)
        if not self._is_whole:
            self.apart += len(rows)
        for place in range(max(map(len, rows), default=0)):
            going = [i for i, row in enumerate(rows) if place < len(row) and answers[i].refusal is None]
            asked = [row_request(rows[i][place], self._actor) for i in going]
            told = self._rehearse([*before, *asked])[len(before) :]
            for i, request, rehearsal in zip(going, asked, told, strict=True):
                answers[i].take(request.command, rehearsal.answer)
                if rehearsal.answer.status in ("accepted", "corrected"):
                    before.append(request)
                    self._keep(request, rehearsal)
        return answers

    def _keep(self, request: Request, rehearsal: Rehearsal) -> None:
        if not self._matters(request.command, registers="CustomerRegistered" in rehearsal.counts):
            return
        if len(self._earlier) < EARLIER_MAX:
            self._earlier.append(request)
        else:
            self._is_whole = False

    def _matters(self, command: Command, *, registers: bool) -> bool:
        """Whether rows of later batches may be told otherwise because of this one."""
        if isinstance(command, RecordFact):
            fact_type = self._fact_type_of(command.fact_type)
            is_first, self._fact_seen = not self._fact_seen, True
            fact, *customer = _names(command)
            return (
                is_first
                or fact in self._named_again
                or (registers and not self._named_again.isdisjoint(customer))
                or (fact_type is not None and fact_type.once is not None)
            )
        return not isinstance(command, RegisterCustomer) or not self._named_again.isdisjoint(_names(command))


def _names(command: Command) -> Iterator[int]:
    """Facts and customers that a command names, each as a number that is hardly another's."""
    if isinstance(command, RecordFact):
        yield hash(("fact", command.source, command.external_id))
        if isinstance(command.customer, CustomerReference):
            yield hash(("customer", command.customer.source, command.customer.reference))
    elif isinstance(command, RegisterCustomer):
        yield hash(("customer", command.source, command.reference))
