"""The proof that the rules in force reproduce the record: every decision compared, by fact, customer and order: kind,
points, rule and version, expiry month of grants, tier, tags and grade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ledger.domain.values import customer_id
from ledger.log.columns.reader import Columns
from ledger.rules import layout as at
from replay.run import RunResult

DIFFERENCES_SHOWN_MAX = 100
KIND_NAMES = {
    at.KIND_GRANT: "granted",
    at.KIND_PENALTY: "deducted",
    at.KIND_REVERSAL: "reversed",
    at.KIND_EXPIRY: "expired",
    at.KIND_TIER: "tier",
    at.KIND_TAGS: "tags",
    at.KIND_GRADE: "grade",
    at.KIND_HOLD: "held",
    at.KIND_SPEND: "redeemed",
    at.KIND_FREE: "freed",
    at.KIND_RETURN: "returned",
}


@dataclass(frozen=True)
class Difference:
    """One decision on which record and run disagree; None where one side has none. `position` is the fact's."""

    position: int
    customer: str
    recorded: str | None
    replayed: str | None

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "position": self.position,
            "customer": self.customer,
            "recorded": self.recorded,
            "replayed": self.replayed,
        }


def record_compare(columns: Columns, result: RunResult) -> tuple[int, list[Difference]]:
    """How many decisions differ between the record and a run of the recorded rules, and the first of them."""
    recorded = columns.decisions(
        ["position", "cause", "account", "kind", "rule_set", "rule", "points", "expiry_month", "before", "after"]
    )
    recorded = recorded.sort("cause", "account", "position")
    keys_recorded = recorded.select("cause", "account").to_numpy()
    words_recorded = _words(recorded)
    replayed = _frame(result)
    keys_replayed = replayed.select("cause", "account").to_numpy()
    words_replayed = _words(replayed)
    if len(recorded) == len(replayed) and (keys_recorded == keys_replayed).all():
        unequal = np.flatnonzero((words_recorded != words_replayed).to_numpy())
        found = [
            Difference(int(keys_recorded[i, 0]), customer_id(int(keys_recorded[i, 1])), words_recorded[i], words_replayed[i])
            for i in unequal[:DIFFERENCES_SHOWN_MAX].tolist()
        ]
        return len(unequal), found
    return _by_key(recorded, words_recorded, replayed, words_replayed)


def _frame(result: RunResult) -> pl.DataFrame:
    """A run's awards in the form in which decisions are recorded."""
    awards, program = result.awards, result.program
    kinds = awards[:, 2]
    rule_sets = [program.activations[a].rule_set for a, _ in program.rule_ids]
    rules = [r for _, r in program.rule_ids]
    pointed = kinds <= at.KIND_REVERSAL
    frame = pl.DataFrame({
        "cause": awards[:, 0], "account": awards[:, 1], "kind": kinds, "points": awards[:, 4],
        "row": np.where(pointed, awards[:, 3], -1), "before_n": awards[:, 5], "after_n": awards[:, 6], "expiry_month": awards[:, 7],
    })  # fmt: skip
    names = pl.DataFrame({"row": list(range(len(rules))), "rule": rules, "rule_set": rule_sets}, schema={
        "row": pl.Int64, "rule": pl.String, "rule_set": pl.String
    })  # fmt: skip
    frame = frame.join(names, on="row", how="left", maintain_order="left")
    before = np.full(len(awards), "", object)
    after = np.full(len(awards), "", object)
    for i in np.flatnonzero((kinds >= at.KIND_TIER) & (kinds <= at.KIND_GRADE)).tolist():
        before[i], after[i] = _standing(program, int(kinds[i]), int(awards[i, 5]), int(awards[i, 6]))
    return frame.with_columns(
        pl.Series("before", before.tolist(), pl.String), pl.Series("after", after.tolist(), pl.String)
    )


def _standing(program: Any, kind: int, before: int, after: int) -> tuple[str, str]:
    if kind == at.KIND_TIER:
        return program.tiers[before], program.tiers[after]
    if kind == at.KIND_GRADE:
        return ("" if before == at.NONE else program.grades[before]), ("" if after == at.NONE else program.grades[after])
    removed = sorted(t for i, t in enumerate(program.tags) if (before & ~after) >> i & 1)
    added = sorted(t for i, t in enumerate(program.tags) if (after & ~before) >> i & 1)
    return ",".join(removed), ",".join(added)


def _words(frame: pl.DataFrame) -> pl.Series:
    """Each decision as one comparable text."""
    kind = pl.col("kind").cast(pl.Int64).replace_strict(KIND_NAMES, default="?", return_dtype=pl.String)
    standing = pl.col("kind").is_between(at.KIND_TIER, at.KIND_GRADE)
    return frame.select(
        pl.when(standing)
        .then(pl.format("{} {} -> {}", kind, pl.col("before").fill_null(""), pl.col("after").fill_null("")))
        .otherwise(
            pl.format(
                "{} {} by {}/{} until {}", kind, pl.col("points"), pl.col("rule_set").fill_null(""),
                pl.col("rule").fill_null(""), pl.col("expiry_month").cast(pl.Int64),
            )
        )
        .alias("words")
    )["words"]


def _by_key(
    recorded: pl.DataFrame, words_recorded: pl.Series, replayed: pl.DataFrame, words_replayed: pl.Series
) -> tuple[int, list[Difference]]:
    """Compare where one side has decisions that the other hasn't: matched by fact, customer and order."""

    def keyed(frame: pl.DataFrame, words: pl.Series) -> pl.DataFrame:
        return frame.select("cause", "account", words).with_columns(
            pl.int_range(pl.len()).over("cause", "account").alias("nth")
        )

    joined = keyed(recorded, words_recorded).join(
        keyed(replayed, words_replayed), on=["cause", "account", "nth"], how="full", coalesce=True, suffix="_replayed"
    )
    different = joined.filter(~pl.col("words").eq_missing(pl.col("words_replayed"))).sort("cause", "account", "nth")
    found = [
        Difference(row["cause"], customer_id(row["account"]), row["words"], row["words_replayed"])
        for row in different.head(DIFFERENCES_SHOWN_MAX).iter_rows(named=True)
    ]
    return len(different), found
