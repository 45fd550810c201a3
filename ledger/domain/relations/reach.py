"""Who may act for a customer: its owner and collaborators, managers of its region, executives."""

from __future__ import annotations

from ledger.domain.relations.records import Staff
from ledger.domain.relations.state import Relations


def within(state: Relations, team: str, above: str) -> bool:
    """Whether a team is another one, or lies below it."""
    while team != above:
        found = state.teams.get(team)
        if found is None:
            return False
        team = found.parent
    return team != ""


def region_of(state: Relations, staff: Staff) -> str:
    """The region that somebody works in: their own, or that of the nearest team above that has one."""
    region, team = staff.region, state.teams.get(staff.team)
    while not region and team is not None:
        region, team = team.region, state.teams.get(team.parent)
    return region


def manages(state: Relations, staff: Staff, customer: int) -> bool:
    """Whether somebody may act for all who serve this customer: executives, and managers of its region."""
    if staff.role == "executive":
        return True
    region = region_of(state, staff)
    return staff.role == "manager" and region != "" and region == state.traits(customer).get("region", "")


def serves(state: Relations, staff: Staff, customer: int) -> bool:
    """Whether somebody works with this customer: its owner, a collaborator, or who manages them."""
    holding = state.holding(customer)
    return staff.number == holding.owner or staff.number in holding.collaborators or manages(state, staff, customer)
