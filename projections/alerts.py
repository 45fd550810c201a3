"""Alerts: who lost points sharply, who complains more than usual. Found from the views whenever they are asked for, by
a method that is stated with each, with the events behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from psycopg import Connection
from psycopg.rows import tuple_row

from ledger.domain.values import customer_id, date_of, points_text
from ledger.log.pages import BEGINNING, Seek, page_read
from ledger.log.queries import queries_load
from projections.activity import ActivityView
from projections.customers import CustomersView
from projections.history import HistoryView
from projections.places import reads

_QUERIES = queries_load("projections.sql", "reports.sql")
Kind = Literal["points_plunge", "complaint_surge"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WINDOW_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class AlertMethod:
    """When an alert is raised. Points in 1/100, shares in basis points."""

    window_days: int = WINDOW_DAYS
    plunge_share_bp: int = 2_000
    plunge_points_min: int = 5_000
    surge_complaints_min: int = 3
    surge_times: int = 2

    def words(self, kind: Kind) -> dict[str, str]:
        """The method in a sentence, in both languages."""
        days = self.window_days
        if kind == "points_plunge":
            share, least = self.plunge_share_bp // 100, points_text(self.plunge_points_min)
            return {
                "zh": f"{days}天内扣减与冲回减去同一更正重新发放的，合计至少{least}分，"
                f"且不少于期初余额的{share}%（到期不计）",
                "en": f"within {days} days, deductions and reversals, less what the same correction grants again,"
                f" come to at least {least} points and {share} % of the balance before (expiry not counted)",
            }
        return {
            "zh": f"{days}天内投诉至少{self.surge_complaints_min}次，"
            f"且不少于此前三个{days}天平均的{self.surge_times}倍",
            "en": f"at least {self.surge_complaints_min} complaints within {days} days, and at least"
            f" {self.surge_times} times the average of the three windows of {days} days before",
        }


METHOD: Final = AlertMethod()


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `value` is what was found (points lost in 1/100, or complaints), `compared` what it is held against
    (the balance before in 1/100, or complaints of the three windows before), `positions` the events behind it."""

    kind: Kind
    customer: int
    name: str
    day_first: int
    day_last: int
    value: int
    compared: int
    positions: tuple[int, ...]

    def document(self) -> dict[str, Any]:
        """As plain data, with the method in words."""
        text = points_text if self.kind == "points_plunge" else str
        return {
            "kind": self.kind, "customer": customer_id(self.customer), "name": self.name,
            "window_from": date_of(self.day_first).isoformat(), "window_to": date_of(self.day_last).isoformat(),
            "value": text(self.value), "compared": text(self.compared), "method": METHOD.words(self.kind),
            "positions": list(self.positions),
        }  # fmt: skip


@reads(ActivityView.name, CustomersView.name, HistoryView.name)
def alerts_read(
    connection: Connection[Any],
    kind: Kind,
    day: int,
    *,
    method: AlertMethod = METHOD,
    seek: Seek = BEGINNING,
    limit: int = 100,
) -> list[Alert]:
    """The alerts of a day (since 1970-01-01), the gravest first. Their key is (-value, customer)."""
    first = day - method.window_days
    params: dict[str, Any] = {
        "day_first": first, "day_last": day, "date_first": date_of(max(first, 0)), "date_last": date_of(day),
    }  # fmt: skip
    if kind == "points_plunge":
        params |= {"lost_min": method.plunge_points_min, "share_bp": method.plunge_share_bp}
    else:
        params |= {
            "day_earlier": first - 3 * method.window_days, "complaints_min": method.surge_complaints_min,
            "times": method.surge_times,
        }  # fmt: skip
    query, found = ("plunges", "lost") if kind == "points_plunge" else ("surges", "complaints")
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = page_read(cursor, _QUERIES[query], (f"-{found}", "customer"), params, seek, limit)
    return [
        Alert(kind, number, name, first + 1, day, value, compared, _events(connection, kind, number, first, day))
        for number, name, value, compared in rows
    ]


def alert_key(alert: Alert) -> tuple[int, int, int]:
    """The place of an alert in the list of all kinds: by kind, the gravest first, then by customer."""
    return KINDS.index(alert.kind), -alert.value, alert.customer


@reads(*alerts_read.views)
def alerts_listed(
    connection: Connection[Any], kind: Kind | None, day: int, *, seek: Seek = BEGINNING, limit: int = 100
) -> list[Alert]:
    """The alerts of a day of one kind, or of all of them one after the other. Their key is `alert_key`."""
    kinds = list(KINDS if kind is None else (kind,))
    if seek.backwards:
        kinds.reverse()
    found: list[Alert] = []
    for each in kinds:
        at = seek.at
        if at is not None:
            beyond = KINDS.index(each) - at[0]
            if (beyond > 0) if seek.backwards else (beyond < 0):
                continue
            at = at[1:] if beyond == 0 else None
        page = alerts_read(connection, each, day, seek=Seek(at, seek.backwards), limit=limit - len(found))
        found = [*page, *found] if seek.backwards else [*found, *page]
        if len(found) >= limit:
            break
    return found


def _events(connection: Connection[Any], kind: Kind, customer: int, first: int, last: int) -> tuple[int, ...]:
    params: dict[str, Any] = {
        "customer": customer, "date_first": date_of(max(first, 0)), "date_last": date_of(last),
    }  # fmt: skip
    query = "incident_events" if kind == "points_plunge" else "complaint_events"
    with connection.cursor(row_factory=tuple_row) as cursor:
        return tuple(position for (position,) in cursor.execute(_QUERIES[query], params))
