"""What is within somebody's reach: checks of commands, each asked of the database under the scope of who gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from psycopg import Connection

from api.reading import customer_unknown
from api.routes.relations.refusals import (
    NUMBER_LAST,
    collision_unknown,
    handover_unknown,
    opportunity_unknown,
    person_unknown,
    project_unknown,
    task_unknown,
)
from api.routing import denied
from ledger.domain.relations.ids import (
    collision_number,
    opportunity_number,
    person_number,
    project_number,
    staff_number,
    task_number,
)
from ledger.domain.values import customer_number
from ledger.log.codec import state_of
from ledger.log.recorder import LogRecorder
from projections.customers import customer_find
from projections.relations.arrivals import collisions_read, ruling_refusal
from projections.relations.dealings import opportunities_read, tasks_read
from projections.relations.portfolios import holding_read, pooled_read
from projections.relations.profiles import contact_read, customers_seen, profile_read, projects_read
from projections.relations.scopes import Scope
from projections.relations.staff import led_read, teams_read

VIEWS: Final = tuple(
    dict.fromkeys((*customers_seen.views, *collisions_read.views, *opportunities_read.views, *pooled_read.views))
)
"""The views that checks look at."""
_OFFICES: Final = frozenset({"manager", "executive"})
"""Roles that see more than their own: managers don't give them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who gives a command, and where to look."""

    connection: Connection[Any]
    recorder: LogRecorder
    scope: Scope

    def sees(self, number: int) -> bool:
        """Whether they see a customer."""
        known = 0 < number <= NUMBER_LAST
        return known and bool(customers_seen(self.connection, self.scope, numbers=[number], limit=1))

    def leads(self, number: int) -> bool:
        """Whether somebody is led by them, or is themselves."""
        return 0 < number <= NUMBER_LAST and led_read(self.connection, self.scope, number)


Check: TypeAlias = Callable[[Reach, Any], None]
"""Raises Refused where a command isn't within reach."""


def visible(field: str) -> Check:
    """The customer in a field is one that they see. They name it by its id."""

    def check(reach: Reach, command: Any) -> None:
        if not reach.sees(customer_number(getattr(command, field))):
            raise customer_unknown()

    return check


def led(field: str) -> Check:
    """Who stands in a field, if anybody does, is led by them."""

    def check(reach: Reach, command: Any) -> None:
        named = getattr(command, field)
        if named and not reach.leads(staff_number(named)):
            raise denied(f"{field} must be yourself or, for who leads, somebody of your region or teams")

    return check


def claimable(reach: Reach, command: Any) -> None:
    """The customer lies in the pool that is open to them, or they see it."""
    number = customer_number(command.customer)
    if not 0 < number <= NUMBER_LAST:
        raise customer_unknown()
    if not pooled_read(reach.connection, reach.scope, number) and not reach.sees(number):
        raise customer_unknown()


def kept(reach: Reach, command: Any) -> None:
    """The customer is their own; for who leads, one that they see."""
    number = customer_number(command.customer)
    held = holding_read(reach.connection, reach.scope, number) if 0 < number <= NUMBER_LAST else None
    if held is None:
        raise customer_unknown()
    if reach.scope.kind not in ("region", "all") and held.owner != reach.scope.staff:
        raise denied("only the owner of a customer does this, or who leads them")


def concerned(reach: Reach, command: Any) -> None:
    """They see the customer, or have a task of it."""
    number = customer_number(command.customer)
    if not 0 < number <= NUMBER_LAST or profile_read(reach.connection, reach.scope, number) is None:
        raise customer_unknown()


def unless_known(reach: Reach, command: Any) -> None:
    """A lead of a customer that is named by its id: they see it, or it lies in their pool. A name alone is looked up by
    the writer, which tells of another's customer that it is taken, and by which team."""
    if command.customer:
        claimable(reach, command)


def region_or_customer(reach: Reach, command: Any) -> None:
    """Knowledge of a customer that they see, of a person there, or of the region that they sell in."""
    if command.person:
        known_contact(reach, command)
    if command.customer:
        visible("customer")(reach, command)
    if command.region and not command.customer and not command.person:
        scope = reach.scope
        if scope.kind == "all":
            return
        if scope.kind not in ("own", "region") or command.region.strip() != scope.region:
            raise denied("knowledge of a region is recorded by who sells there")


def known_contact(reach: Reach, command: Any) -> None:
    """A person at a customer that they see."""
    number = person_number(command.person)
    if not 0 < number <= NUMBER_LAST or not contact_read(reach.connection, reach.scope, number):
        raise person_unknown()


def known_person(reach: Reach, command: Any) -> None:
    """A person at a customer that they see. Staff are erased by the office."""
    known_contact(reach, command)


def named_parties(reach: Reach, command: Any) -> None:
    """Parties of a project that are customers are ones that they see: a name would be told them otherwise."""
    for _, party in command.parties:
        text = party.strip()
        number = customer_number(text)
        if not number and ":" in text:
            source, _, reference = text.partition(":")
            number = customer_find(reach.connection, source, reference) or 0
        if number and not reach.sees(number):
            raise customer_unknown()


def project_seen(reach: Reach, command: Any) -> None:
    """A project of a customer that they see."""
    number = project_number(command.project)
    if not 0 < number <= NUMBER_LAST or not projects_read(reach.connection, reach.scope, number=number, limit=1):
        raise project_unknown()


def opportunity_seen(reach: Reach, command: Any) -> None:
    """An opportunity of a customer that they see."""
    number = opportunity_number(command.opportunity)
    if not 0 < number <= NUMBER_LAST or not opportunities_read(reach.connection, reach.scope, number=number, limit=1):
        raise opportunity_unknown()


def not_carried_over(reach: Reach, command: Any) -> None:
    """An opportunity of here: carrying over what stands in another system gives customers to people, and is for the
    office."""
    if command.carried_over:
        raise denied("opportunities of another system are carried over by the office")


def task_given(reach: Reach, command: Any) -> None:
    """A task that they see."""
    number = task_number(command.task)
    if not 0 < number <= NUMBER_LAST or not tasks_read(reach.connection, reach.scope, number=number, limit=1):
        raise task_unknown()


def collided(reach: Reach, command: Any) -> None:
    """A collision that they see."""
    number = collision_number(command.collision)
    if not 0 < number <= NUMBER_LAST or not collisions_read(reach.connection, reach.scope, number=number, limit=1):
        raise collision_unknown()


def whole(reach: Reach, command: Any) -> None:
    """A collision of which they see both sides, and are neither."""
    [row] = collisions_read(reach.connection, reach.scope, number=collision_number(command.collision), limit=1)
    if reason := ruling_refusal(reach.scope, row):
        raise denied(reason)


def handed_over(reach: Reach, command: Any) -> None:
    """A handover of somebody whom they lead."""
    number: int = command.handover
    if not 0 < number <= NUMBER_LAST:
        raise handover_unknown()
    for position, _, _, topic, state in reach.recorder.select_range(number - 1, 1):
        is_handover = position == number and topic == "PortfolioHandedOver"
        if is_handover and reach.leads(staff_number(state_of(topic, bytes(state))["staff"])):
            return
    raise handover_unknown()


def team_below(reach: Reach, command: Any) -> None:
    """A team below one that they lead, new or not, of no other region than theirs: who moved their own team, or gave it
    another region, would see what isn't theirs."""
    scope = reach.scope
    if scope.kind == "all":
        return
    team, parent, region = (getattr(command, name).strip() for name in ("team", "parent", "region"))
    is_theirs = team in scope.teams or all(row.team != team for row in teams_read(reach.connection))
    if not is_theirs or team in scope.departments or parent not in scope.teams or region not in ("", scope.region):
        raise denied("a team must lie below one that you lead, in your region")


def enrolled_below(reach: Reach, command: Any) -> None:
    """Somebody for a team that they lead, who comes to see no more than they do."""
    _place_check(reach, command.team, command.role, command.region)


def member_changed(reach: Reach, command: Any) -> None:
    """A change by which nobody comes to see more than who makes it."""
    said = command.changes
    _place_check(reach, said.get("team"), said.get("role"), said.get("region"))


def _place_check(reach: Reach, team: Any, role: Any, region: Any) -> None:
    scope = reach.scope
    if scope.kind == "all":
        return
    if team is not None and team not in scope.teams:
        raise denied("team must be one that you lead")
    if role in _OFFICES:
        raise denied("managers and executives are appointed by an executive, or by the office")
    if region not in (None, "", scope.region):
        raise denied("region must be yours")
