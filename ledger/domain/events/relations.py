"""Events of staff and teams, of customers' profiles, and of who serves which customer and why.

Ownership is what `CustomerAssigned` and `CustomerPooled` say and nothing else: whatever leads to a change of owner (an
arrival, a claim, a handover, a deadline that passed) is an input of its own, and one of these two follows from it.

Events of a customer stand in the customer's stream, those of staff and teams in the stream `staff`. Personal fields
(names and phones of people, what is said about a person) never stand in the clear: `sealed` is text that only the
person's key opens. Ids: staff S-000001, people P-000001, projects J-000001, opportunities O-000001, tasks T-000001,
collisions X-000001, numbered by the writer. Days are ISO dates in the ledger's time zone, amounts fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ledger.domain.events.base import REGISTRY, Event, Input, registered
from ledger.domain.events.work import WORK_TOPICS

# Staff and teams.


@registered
@dataclass(kw_only=True)
class TeamDeclared(Input):
    """A team begins to exist or changes; `parent` is the team above it, "" for none. Teams form a tree."""

    team: str
    name: str
    parent: str
    region: str
    kind: str


@registered
@dataclass(kw_only=True)
class StaffEnrolled(Input):
    """A member of staff. `skills` are levels 1 to 5 by "trait:value" ("customer_type:政府"), `capacity` is how many
    customers they can own, `role` what they may see. `person` is whom `sealed` (name, phone) is about."""

    staff: str
    person: str
    sealed: str
    source: str
    reference: str
    team: str
    role: str
    region: str
    skills: dict[str, int]
    experience_years: int
    capacity: int
    joined_on: str


@registered
@dataclass(kw_only=True)
class StaffChanged(Input):
    """What changes of a member of staff; only what changed is carried."""

    staff: str
    changes: dict[str, Any]


@registered
@dataclass(kw_only=True)
class StaffAbsent(Input):
    """On leave from a day to a day, both included: not chosen meanwhile."""

    staff: str
    first_day: str
    last_day: str


@registered
@dataclass(kw_only=True)
class StaffLeft(Input):
    """Leaves the firm after this day: never chosen again. What they own is handed over by PortfolioHandedOver."""

    staff: str
    last_day: str


@registered
@dataclass(kw_only=True)
class StaffAbsenceCancelled(Input):
    """The leave that begins on this day does not take place; where it has begun, it ended the day before this was
    recorded."""

    staff: str
    first_day: str


@registered
@dataclass(kw_only=True)
class StaffStayed(Input):
    """Does not leave the firm after all, or is back: from now on they can be chosen again."""

    staff: str


# The customer: profile, people, soft knowledge, projects, duplicates.


@registered
@dataclass(kw_only=True)
class ProfileChanged(Input):
    """What changes of a customer's profile: credit_code, needs, cooperation, further entries by their name, "" clears;
    and qualifications, a list."""

    changes: dict[str, Any]


@registered
@dataclass(kw_only=True)
class ContactRecorded(Input):
    """A person at the customer, new or changed. `position` is their place there, `decides` whether they decide."""

    person: str
    sealed: str
    position: str
    decides: bool


@registered
@dataclass(kw_only=True)
class KnowledgeRecorded(Input):
    """Soft knowledge as a typed entry that assignment rules can read: a kind and one of its values; the value "" takes
    all of this kind back. `person`, where it is about somebody; then the text is `sealed`, otherwise `text`."""

    kind: str
    value: str
    text: str
    person: str
    sealed: str


@registered
@dataclass(kw_only=True)
class RegionKnowledgeRecorded(Input):
    """An unwritten rule of a region, for all customers there; the value "" takes all of this kind back. In the stream
    `staff`."""

    region: str
    kind: str
    value: str
    text: str


@registered
@dataclass(kw_only=True)
class PersonErased(Input):
    """A person's key is deleted: what was sealed with it can never be read again. In the stream `staff`."""

    person: str
    reason: str


@registered
@dataclass(kw_only=True)
class ProjectRecorded(Input):
    """A project of the customer, new or changed, at a stage; `parties` are [role, customer id or name], `site_team` the
    ids of staff."""

    project: str
    name: str
    stage: str
    region: str
    amount: int
    parties: list[list[str]]
    site_team: list[str]


@registered
@dataclass(kw_only=True)
class MilestoneSet(Input):
    """A key node of a project and its due day; `reached_on` "" while it lies ahead."""

    project: str
    milestone: str
    name: str
    due_on: str
    reached_on: str


@registered
@dataclass(kw_only=True)
class CustomersMerged(Input):
    """`merged` is found to be this customer. Its work and what is recorded for it from now on is this one's.

    Where nobody has this customer and somebody has `merged`, this one goes on as that one stood: with its owner, its
    deadlines, its rhythm and its collaborators (CustomerAssigned follows). Where somebody has this one, the
    collaborators of `merged` are among its own from now on. `merged` itself is pooled, and nobody can claim it.
    """

    merged: str
    reason: str


@registered
@dataclass(kw_only=True)
class CustomersUnmerged(Input):
    """They were two after all; `merged` stands again as it did, and this one as it did as far as nothing has changed
    since. `undoes` is the position of the merging."""

    merged: str
    undoes: int
    reason: str


# Who serves whom.


@registered
@dataclass(kw_only=True)
class LeadArrived(Input):
    """A customer (new or known) asks, or is reported by `staff` ("" where nobody did). `lead` is the source's name for
    it, `channel` how it came, `needs` what rules may weigh beyond the customer's traits.

    `is_new`: the customer was registered because of it. `matched` is the customer that it was found to be, or for a new
    one the customer that it seems to be ("" for none), and `matches` what that rests on: [kind, score] each.
    """

    source: str
    lead: str
    channel: str
    staff: str
    project: str
    amount: int
    needs: dict[str, str]
    is_new: bool = False
    matched: str = ""
    matches: list[list[Any]] = field(default_factory=list[list[Any]])


@registered
@dataclass(kw_only=True)
class AssignmentAsked(Input):
    """The rules are to choose an owner for a customer in the pool."""


@registered
@dataclass(kw_only=True)
class CustomerClaimed(Input):
    """Somebody takes a customer from the pool."""

    staff: str


@registered
@dataclass(kw_only=True)
class CustomerReleased(Input):
    """The owner (or a manager) gives the customer back to the pool."""

    staff: str
    reason: str


@registered
@dataclass(kw_only=True)
class CustomerReassigned(Input):
    """A manager gives the customer to `staff`."""

    staff: str
    reason: str


@registered
@dataclass(kw_only=True)
class CollaboratorAdded(Input):
    """`staff` works with the customer beside the owner."""

    staff: str


@registered
@dataclass(kw_only=True)
class CollaboratorRemoved(Input):
    """`staff` no longer works with the customer."""

    staff: str


@registered
@dataclass(kw_only=True)
class NurtureBegun(Input):
    """A slow customer: followed up every so many days instead, and exempt from return to the pool."""

    rhythm_days: int
    reason: str


@registered
@dataclass(kw_only=True)
class NurtureEnded(Input):
    """The ordinary deadline holds again from this day on."""

    reason: str


@registered
@dataclass(kw_only=True)
class PortfolioHandedOver(Input):
    """All that `staff` owns and has to do goes to `to`, or where that is "" to whom the rules choose; `kind` is
    "leaving" or "leave". In the stream `staff`; what follows from it names it as cause."""

    staff: str
    to: str
    kind: str
    reason: str


@registered
@dataclass(kw_only=True)
class HandoverUndone(Input):
    """The handover at position `undoes` is taken back: everything is as before it. In the stream `staff`."""

    staff: str
    undoes: int
    reason: str


@registered
@dataclass(kw_only=True)
class CollisionRuled(Input):
    """A manager rules who has the customer after a collision: `owner`, who asked for it or who had it."""

    collision: str
    owner: str
    reason: str


@registered
@dataclass(kw_only=True)
class CustomerAssigned(Event):
    """The customer has an owner from here on.

    `why`: arrival, asked, claim, reassignment, handover, handover_undone, collision, merge, unmerge. `rule` and
    `rule_set` where rules chose. `candidates`: one list each, [staff, score, load, capacity, verdict]; the verdict is
    "chosen", or the reason why not (see `VERDICTS` of the assignment rules). `protected_until` and `due_on` are days
    ("" for none): until when nobody else may have it, and by when it must be followed up. `turn`, where a rotation
    chose: its name, how many customers `staff` has had in it by now, and the weight they are counted by. `tried`: the
    rules that held before and found nobody, [rule, candidates] each.
    """

    staff: str
    team: str
    why: str
    rule: str
    rule_set: str
    score: int
    protected_until: str
    due_on: str
    candidates: list[list[Any]] = field(default_factory=list[list[Any]])
    turn: list[Any] = field(default_factory=list[Any])
    tried: list[list[Any]] = field(default_factory=list[list[Any]])


@registered
@dataclass(kw_only=True)
class CustomerPooled(Event):
    """The customer has no owner from here on. `why`: released, deadline, no_candidate, disputed, handover, unmerge,
    merged; `staff` is who had it ("" for nobody). `candidates` and `tried` as in CustomerAssigned."""

    staff: str
    why: str
    rule: str
    rule_set: str
    candidates: list[list[Any]] = field(default_factory=list[list[Any]])
    tried: list[list[Any]] = field(default_factory=list[list[Any]])


@registered
@dataclass(kw_only=True)
class CollisionFound(Event):
    """A lead that `asker` reported is a customer that `holder` has (certainty "exact"), or seems to be one ("likely").

    `matched` is the customer that the holder has: this one, or where it is only likely, another; then this one is new
    and waits in the pool for the ruling. `matches`: [kind, score] each. `collision` is numbered by the position of the
    lead, so that it is the same one in every replay.
    """

    collision: str
    holder: str
    asker: str
    certainty: str
    matched: str
    matches: list[list[Any]]
    project: str


@registered
@dataclass(kw_only=True)
class CollisionSettled(Event):
    """The rules settle a collision at once: `owner`, who has the customer, keeps it."""

    collision: str
    owner: str
    rule_set: str


@registered
@dataclass(kw_only=True)
class ReminderDue(Event):
    """Something is due, said once. `kind`: return_announced, follow_up, nurture, protection_ending, important_quiet,
    milestone, task; `about` is the task ("T-000001") or the milestone ("J-000001/roof"), `due_on` the day it is about,
    `staff` whom it concerns ("" for nobody in particular)."""

    kind: str
    staff: str
    about: str
    due_on: str


TOPICS: Final[frozenset[str]] = WORK_TOPICS | {name for name, cls in REGISTRY.items() if cls.__module__ == __name__}
"""The names of all events here, and of those about the work."""
