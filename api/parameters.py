"""What query parameters mean that many routes share under one name, for the OpenAPI document. What a route says of a
parameter itself goes before."""

from __future__ import annotations

from typing import Any, Final

DESCRIPTIONS: Final = {
    "active_days": "Those with a fact booked in the last so many days alone.",
    "books": "`false` leaves out what stands in the books of points (contracts, payments, complaints …).",
    "by": "What the list is ordered, or the figures are grouped, by.",
    "channel": "Of leads that came by this channel alone.",
    "collaborating": "`true`: those that the person works with beside their owner, instead of those that they own.",
    "customer": "Of this customer alone, by its id (C-000001).",
    "department": "Handed to this department alone.",
    "entitlement": "Of this entitlement alone, by its id in the rules.",
    "event": "Of events of this name alone.",
    "file": "In which form: a table (CSV), or lines of JSON.",
    "grade": "Customers of this credit grade alone.",
    "inactive_days": "Those without a fact booked in the last so many days alone.",
    "kind": "Of this kind alone.",
    "newest_first": "`true`: the latest first.",
    "of_customer": "Of this customer alone, by its id (C-000001).",
    "offer": "An offer of the catalogue, by its id in the rules.",
    "only_open": "`true`: those that are not done with alone.",
    "overdue": "`true`: those whose day has passed alone.",
    "points": "How many points, where the offer leaves that open; decimal text.",
    "quantity": "How many of it.",
    "reference": "How the source calls the customer; with `source`.",
    "region": "Of this region alone.",
    "search": "A part of a name, or of its pinyin or the pinyin's initials. Blanks and marks (- _ .) don't count.",
    "source": "The system that has the customer under `reference`.",
    "stage": "At this stage alone.",
    "state": "In this state alone.",
    "tag": "Customers with this tag alone.",
    "team": "Of this team and those below it alone, by its id.",
    "tier": "Customers of this tier alone, by its id in the rules.",
    "variant": "Which variant of the offer, by its id in the rules.",
}


def described(parameter: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the document, with its description."""
    known = DESCRIPTIONS.get(parameter["name"], "")
    if parameter["in"] != "query" or parameter.get("description") or not known:
        return parameter
    return {**parameter, "description": known}
