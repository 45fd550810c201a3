"""Where commands are decided: events are drafted one after the other, each folded at once, so that what comes next sees
it. A draft is appended as a whole or taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from ledger.domain.commands import Answer, Command
from ledger.domain.errors import Refused
from ledger.domain.relations.ids import staff_id
from ledger.domain.relations.policy import NAMED, Choice, Policy
from ledger.domain.relations.records import NONE, Fields, Match, Standing
from ledger.domain.relations.state import Fresh, Happened, Relations
from ledger.domain.values import day_text


class Drafted(NamedTuple):
    """An event that was decided: the customer in whose stream it stands (0: the stream `staff`), its name and fields,
    and the position of the input that it follows from (0 for an input)."""

    position: int
    customer: int
    topic: str
    fields: Fields
    cause: int
    occurred_on: str = ""
    """The day on which it happened (ISO), where that isn't the one it is recorded on."""


class Sealer(Protocol):
    """Seals what is about a person with that person's key, which is kept outside the log and can be deleted."""

    def seal(self, person: int, fields: Mapping[str, str]) -> str:
        """Text that only the person's key opens; the key is made where the person has none yet."""
        ...

    def open(self, person: int, sealed: str) -> Mapping[str, str] | None:
        """What was sealed; None where the person was erased."""
        ...

    def open_many(self, sealed: Sequence[tuple[int, str]]) -> list[Mapping[str, str] | None]:
        """The same of many, (person, text) each."""
        ...


class Matcher(Protocol):
    """Finds the customers that a lead may be. `ledger.domain.relations.matching` does."""

    def matches(self, name: str, credit_code: str, phone: str, project: str) -> list[Match]:
        """Every customer that something speaks for, also of those that the draft under way registers; what is "" is not
        looked at."""
        ...

    def staff_named(self, source: str, name: str) -> int:
        """Who was enrolled from a source under this name and no reference; 0 where nobody was, or they were erased."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at beside the state.

    `day` is today in the ledger's time zone. `standing` says where a customer stands with its points now. `detail` asks
    for every candidate of a choice. A replay, which seals nothing and is asked no commands, has no `sealer` and no
    `matcher`.
    """

    actor: str
    day: int
    policy: Policy
    standing: Callable[[int], Standing]
    sealer: Sealer | None = None
    detail: bool = True
    matcher: Matcher | None = None


@dataclass(slots=True)
class Draft:
    """Events decided on a state, from `state.position` on."""

    state: Relations
    context: Context
    events: list[Drafted] = field(default_factory=list[Drafted])

    def input(self, topic: str, customer: int, *, occurred_on: str = "", **fields: Any) -> int:
        """Draft an input, which may have happened on a day of the past, and what the ledger decides because of it.
        Returns the input's position."""
        position = self._add(topic, customer, fields, 0, occurred_on)
        self.react(topic, customer, fields, position)
        return position

    def enter(self, topic: str, customer: int, **fields: Any) -> int:
        """Draft an input alone; what follows from it is left to `react`. Returns its position."""
        return self._add(topic, customer, fields, 0)

    def make_room(self, count: int) -> None:
        """Leave the next positions to so many events that are decided elsewhere and say nothing about relations."""
        self.state.stand_at(self.state.position + count)

    def follow(self, event: Happened) -> None:
        """Let an input of history happen, and decide what follows from it. It is not among what is drafted."""
        self.state.apply(event)
        reaction = REACTIONS.get(event.topic)
        if reaction is not None:
            reaction(self, event)

    def react(self, topic: str, customer: int, fields: Fields, position: int) -> None:
        """Decide what follows from an input that stands at `position`."""
        reaction = REACTIONS.get(topic)
        if reaction is not None:
            reaction(self, Happened(position, customer, topic, fields, self.context.day))

    def register(self, source: str, reference: str, name: str, traits: Mapping[str, str]) -> int:
        """Draft the registration of a customer, whose number it gives. (source, reference) must not be taken."""
        customer = self.state.customer_count() + 1
        self.state.register(customer, Fresh(source, reference, name, traits))
        self._add(
            "CustomerRegistered", customer,
            {"source": source, "reference": reference, "name": name, "traits": dict(traits)}, 0,
        )  # fmt: skip
        return customer

    def decide(self, topic: str, customer: int, cause: int, **fields: Any) -> int:
        """Draft a decision that follows from the input at `cause`. Returns its position."""
        return self._add(topic, customer, fields, cause)

    # The three decisions that a replay makes by the hundred thousand. What they do to the state is the same functions
    # everywhere; here they also become events.

    def give(
        self, customer: int, cause: int, staff: int, team: str, why: str, protected_day: int, due_day: int,
        choice: Choice,
    ) -> None:  # fmt: skip
        """Draft that somebody has a customer, whom rules chose or somebody named (`NAMED`), in the rule set in
        force."""
        self._add(
            "CustomerAssigned",
            customer,
            {
                "staff": staff_id(staff), "team": team, "why": why, "protected_until": _text(protected_day),
                "due_on": _text(due_day), **self._chosen(choice), "score": choice.score, "turn": list(choice.turn),
            },
            cause,
        )  # fmt: skip

    def pool(self, customer: int, cause: int, owner: int, why: str, choice: Choice) -> None:
        """Draft that a customer is in the pool. `owner` had it so far."""
        self._add("CustomerPooled", customer, {"staff": staff_id(owner), "why": why, **self._chosen(choice)}, cause)

    def remind(self, customer: int, cause: int, kind: str, staff: int, about: str, due_day: int) -> None:
        """Draft that somebody is told what is due on a day."""
        self._add(
            "ReminderDue",
            customer,
            {"kind": kind, "staff": staff_id(staff), "about": about, "due_on": _text(due_day)},
            cause,
        )

    def _chosen(self, choice: Choice) -> dict[str, Any]:
        rule_set = self.context.policy.rule_set if choice is not NAMED else ""
        return {
            "rule": choice.rule, "rule_set": rule_set, "candidates": list(choice.candidates),
            "tried": list(choice.tried),
        }  # fmt: skip

    def _add(self, topic: str, customer: int, fields: Fields, cause: int, occurred_on: str = "") -> int:
        position = self.state.position + 1
        # An input is folded with who asked for it, as the log will tell it.
        said = fields if cause else {**fields, "actor": self.context.actor}
        self.state.apply(Happened(position, customer, topic, said, self.context.day))
        self.events.append(Drafted(position, customer, topic, fields, cause, occurred_on))
        return position


def _text(day: int) -> str:
    return "" if day == NONE else day_text(day)


Reaction = Callable[[Draft, Happened], None]
Decide = Callable[[Draft, Any], Answer]
Admit = Callable[[Draft, int, Fields], None]

REACTIONS: Final[dict[str, Reaction]] = {}
"""What the ledger decides because of an input, by the input's topic."""

COMMANDS: Final[dict[type[Any], Decide]] = {}
"""How each command is decided: checks it, drafts its input, answers. Raises Refused."""

ADMITS: Final[dict[str, Admit]] = {}
"""Whether an input can happen in this state, by topic: what the command checked, asked again in a replay, where history
ran otherwise. Raises Refused. Inputs without an entry always can."""


def reacts(*topics: str) -> Callable[[Reaction], Reaction]:
    """Enter a function as the reaction to these inputs. ValueError where one has its reaction."""

    def enter(function: Reaction) -> Reaction:
        for topic in topics:
            if topic in REACTIONS:
                raise ValueError(f"{topic} has its reaction already")
            REACTIONS[topic] = function
        return function

    return enter


def decides(command: type[Any]) -> Callable[[Decide], Decide]:
    """Enter a function as what decides a command. ValueError where it is decided elsewhere."""

    def enter(function: Decide) -> Decide:
        if command in COMMANDS:
            raise ValueError(f"{command.__name__} is decided elsewhere already")
        COMMANDS[command] = function
        return function

    return enter


def admits(*topics: str) -> Callable[[Admit], Admit]:
    """Enter a function as what says whether these inputs can happen. ValueError where one has its own."""

    def enter(function: Admit) -> Admit:
        for topic in topics:
            if topic in ADMITS:
                raise ValueError(f"{topic} is admitted elsewhere already")
            ADMITS[topic] = function
        return function

    return enter


def command_decide(draft: Draft, command: Command) -> Answer:
    """Decide a command on a draft. Raises Refused; then the draft holds nothing of it and the state is as before."""
    mark, count = draft.state.journal.mark(), len(draft.events)
    try:
        return COMMANDS[type(command)](draft, command)
    except Refused:
        draft.state.journal.rollback(mark)
        del draft.events[count:]
        raise
