"""What the demonstration shows of the books: standings, tiers, and points by quarter, in plain integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from ledger.domain.book import TRAITS, Book
from ledger.domain.values import customer_id, date_of, points_text
from ledger.log.columns.reader import Columns
from ledger.rules import layout as at
from replay.run import RunResult

_COMPLAINTS: Final = ("complaint_major", "complaint_minor")
_INDUSTRY, _REGION = TRAITS.index("industry"), TRAITS.index("region")


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer's place; points in 1/100."""

    customer: str
    name: str
    industry: str
    region: str
    points: int
    tier: str

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "customer": self.customer, "name": self.name, "industry": self.industry, "region": self.region,
            "balance": points_text(self.points), "tier": self.tier,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quarter:
    """A calendar quarter; points in 1/100, deducted and expired below zero."""

    year: int
    number: int
    granted: int
    deducted: int
    expired: int
    complaints: int

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "quarter": f"{self.year}-Q{self.number}", "granted": points_text(self.granted),
            "deducted": points_text(self.deducted), "expired": points_text(self.expired), "complaints": self.complaints,
        }  # fmt: skip


def standings(book: Book, run: RunResult) -> list[Standing]:
    """Every customer who had a fact, most points first."""
    found: list[Standing] = []
    for i in np.flatnonzero(run.records[:, at.REC_ACTIVE] != 0).tolist():
        number = int(run.accounts[i])
        customer = book.customers[number - 1]
        found.append(
            Standing(
                customer_id(number), customer.name, customer.traits[_INDUSTRY], customer.traits[_REGION],
                int(run.records[i, at.REC_BALANCE]), run.program.tiers[int(run.records[i, at.REC_TIER])],
            )
        )  # fmt: skip
    return sorted(found, key=lambda s: (-s.points, s.customer))


def quarters(columns: Columns) -> list[Quarter]:
    """What was granted, deducted and expired in each quarter by booked date, and the complaints that cost points."""
    rows, closings = columns.rows(), columns.closings()
    days = pl.DataFrame({
        "cause": np.concatenate([rows.positions.astype(np.int64), closings[:, 0]]),
        "day": np.concatenate([rows.days.astype(np.int64), closings[:, 1]]),
    }).unique("cause")  # fmt: skip
    decided = columns.decisions(["cause", "kind", "rule", "points"]).filter(pl.col("kind") <= at.KIND_EXPIRY)
    frame = (
        decided.join(days, on="cause", how="inner")
        .with_columns(pl.from_epoch("day", time_unit="d").alias("date"))
        .group_by(pl.col("date").dt.year().alias("year"), pl.col("date").dt.quarter().alias("quarter"))
        .agg(
            pl.col("points").filter(pl.col("kind") == at.KIND_GRANT).sum().alias("granted"),
            pl.col("points").filter(pl.col("kind") == at.KIND_PENALTY).sum().alias("deducted"),
            pl.col("points").filter(pl.col("kind") == at.KIND_EXPIRY).sum().alias("expired"),
            pl.col("rule").is_in(_COMPLAINTS).sum().alias("complaints"),
        )
        .sort("year", "quarter")
    )
    return [Quarter(*row) for row in frame.iter_rows()]


def closed_through(book: Book) -> str:
    """The last closed day, ISO."""
    return date_of(book.closed_day).isoformat()
