"""What read routes share: the moment that is asked about, the customer, the rule book in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Query
from starlette.requests import Request

from api.core import context_of, core_of, read, views_reached
from ledger.domain.errors import Refused
from ledger.domain.pattern_words import in_words
from ledger.domain.values import customer_number, day_of, points_text
from ledger.rules.narrate import Narrator
from projections.as_of import Moment
from projections.customers import customer_read
from projections.history import HistoryRow
from projections.places import Reader
from projections.rulebook import Rulebook, rulebook_read

INSTANT_FORM: Final = "2026-01-31T10:00:00Z or 2026-01-31T18:00:00+08:00 (in a query the + is sent as %2B)"
INSTANT_PATTERN: Final = in_words(
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$",
    f"a time with its offset, written as {INSTANT_FORM}",
)

Instant = Annotated[
    str | None,
    Query(
        max_length=40, pattern=INSTANT_PATTERN, examples=["2026-01-31T18:00:00+08:00"],
        description="What the books said then: only what was recorded by this time counts. Written with its offset, as"
        f" {INSTANT_FORM}.",
    ),
]  # fmt: skip
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
Trait = Annotated[
    str | None, Query(max_length=200, description='Customers of this one; empty (""): those of whom none is known.')
]


def customer_number_of(customer: str) -> int:
    """The number in a customer's id. Raises Refused (CUSTOMER_UNKNOWN)."""
    number = customer_number(customer)
    if not 0 < number < 2**63:
        raise customer_unknown()
    return number


def customer_unknown() -> Refused:
    """The refusal of a customer that isn't there."""
    return Refused("CUSTOMER_UNKNOWN", "there is no such customer; GET …/customers lists them", "customer")


def day_of_text(text: str | None, field: str) -> date | None:
    """A date. Raises Refused (DATE_INVALID)."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("DATE_INVALID", f"{field} is no date of the calendar", field) from None


def moment_of(as_of: str | None, as_known_at: str | None, timezone: str) -> Moment:
    """The moment asked about. Raises Refused (DATE_INVALID)."""
    try:
        known = None if as_known_at is None else datetime.fromisoformat(as_known_at)
    except ValueError:
        raise Refused("DATE_INVALID", "as_known_at is no time of the calendar", "as_known_at") from None
    return Moment(day_of_text(as_of, "as_of"), known, timezone)


def local_date(moment: datetime, timezone: str) -> date:
    """The day it is at a moment where the books are kept. Raises Refused (DATE_INVALID) at the ends of the calendar."""
    try:
        return moment.astimezone(ZoneInfo(timezone)).date()
    except OverflowError:
        raise Refused("DATE_INVALID", "as_known_at lies beyond the calendar", "as_known_at") from None


async def rulebook_of(request: Request) -> Rulebook:
    """The rule book of the request's ledger as of now."""
    ledger = context_of(request).ledger
    assert ledger is not None
    known = core_of(request).rulebooks
    found = await read(request, rulebook_read, known.get(ledger.schema))
    known[ledger.schema] = found
    return found


def today(request: Request, rulebook: Rulebook) -> date:
    """The day it is where the books are kept."""
    return core_of(request).ledgers.clock().astimezone(ZoneInfo(rulebook.book.timezone)).date()


def day_asked(request: Request, rulebook: Rulebook, moment: Moment) -> int:
    """The day that is asked about: a given one, or the day it was when the books knew that much."""
    if moment.as_of is not None:
        return day_of(moment.as_of)
    if moment.as_known_at is not None:
        return day_of(local_date(moment.as_known_at, moment.timezone))
    return day_of(today(request, rulebook))


def day_since(moment: datetime | None, timezone: str) -> str | None:
    """The day of an event, where the books are kept. Views hold a day that was said as midnight of UTC."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC)
    said = utc.time() == time()
    return (utc.date() if said else local_date(moment, timezone)).isoformat()


async def customer_known(request: Request, customer: str, min_position: int | None, reader: Reader[..., Any]) -> int:
    """The number of a customer that is there, with what a reader looks at up to a position, too.

    Raises Refused (CUSTOMER_UNKNOWN), ViewBehind, PositionAhead.
    """
    number = customer_number_of(customer)
    await views_reached(request, (*customer_read.views, *reader.views), min_position)
    if await read(request, customer_read, number) is None:
        raise customer_unknown()
    return number


def history_document(row: HistoryRow, narrators: dict[str, Narrator]) -> dict[str, Any]:
    """An event of a customer for JSON. Its times are as the log has them: in the ledger's time zone, and a day where a
    day was said."""
    return {
        "position": row.position, "event": row.topic, "occurred_at": row.state["occurred_at"],
        "booked_on": row.booked_on.isoformat() if row.booked_on else None,
        "recorded_at": row.state["recorded_at"], "actor": row.actor, "cause": row.cause, "rule": row.rule,
        "rule_set": row.rule_set, "points": None if row.points is None else points_text(row.points),
        "balance": points_text(row.balance),
        "explanation": {language: n.words(row.topic, row.state) for language, n in narrators.items()},
    }  # fmt: skip


def narrators_of(rulebook: Rulebook) -> dict[str, Narrator]:
    """One for each language."""
    return {"zh": rulebook.narrator("zh"), "en": rulebook.narrator("en")}
