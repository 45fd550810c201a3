"""What is known of a customer, read as one: what was said of those that were merged into it is said of it."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.domain.relations.records import Knowledge, Profile
from ledger.domain.relations.state import Relations

UNKNOWN = Profile()


def family(state: Relations, customer: int) -> list[int]:
    """A customer and all that were merged into it, nearest first, each before what was merged into it in turn."""
    found = [customer]
    for member in found:
        found += sorted(state.members.of(member))
    return found


def profile_of(state: Relations, customer: int) -> Profile:
    """A customer's profile. What it says nothing about is taken from the first merged into it that does."""
    profiles = [state.profiles[c] for c in family(state, customer) if c in state.profiles]
    if len(profiles) < 2:
        return profiles[0] if profiles else UNKNOWN
    more: dict[str, str] = {}
    for profile in reversed(profiles):
        more |= profile.more
    return Profile(
        credit_code=next((p.credit_code for p in profiles if p.credit_code), ""),
        qualifications=next((p.qualifications for p in profiles if p.qualifications), ()),
        needs=next((p.needs for p in profiles if p.needs), ""),
        cooperation=next((p.cooperation for p in profiles if p.cooperation), ""),
        more=more,
    )


def credit_codes_of(state: Relations, customer: int) -> frozenset[str]:
    """Every credit code said of a customer."""
    return frozenset(state.profiles[c].credit_code for c in family(state, customer) if c in state.profiles) - {""}


def entries_of(state: Relations, customer: int, traits: Mapping[str, str]) -> tuple[Knowledge, ...]:
    """Soft knowledge of a customer, its people, and its region as the traits have it."""
    entries: tuple[Knowledge, ...] = ()
    for member in family(state, customer):
        entries += state.knowledge.get(member, ())
    return entries + state.region_knowledge.get(traits.get("region", ""), ())
