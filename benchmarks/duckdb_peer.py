"""The rules that window SQL can express, by hand in DuckDB and by the engine, over the same Parquet files.

Tiers, lots and what depends on them have no place in it: no window holds a state that steps back.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from benchmarks.facts import SPAN_MONTHS, Facts
from benchmarks.lines import Line, Say, seconds_interleaved
from ledger.domain.rows import NULL
from ledger.log.columns.format import FileEntry
from ledger.log.columns.reader import Columns
from ledger.log.queries import queries_load
from ledger.rules import layout as at
from ledger.rules.compile import Activation
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from replay.run import scenario_run
from replay.scenario import Scenario

RATIO_MUST: Final = 8.0
ROUNDS: Final = 3
_QUERIES: Final = queries_load("benchmarks", "duckdb_peer.sql")
_COLUMNS: Final = ("position", "account", "operation", "fact_type", "role", "day", "a0", "a4")


def run(columns: Columns, made: Facts, threads: int, say: Say) -> list[Line]:
    """Both, taking turns. Raises RuntimeError where they don't come to the same points for every customer."""
    scenario = Scenario("subset", (Activation("subset", rule_set_parse(rules_subset()), 0, 0),))
    connection = duckdb.connect(config={"threads": threads})
    connection.execute(_QUERIES["month_number"].decode())
    sql = _sql(columns)
    ours: dict[int, int] = {}
    theirs: dict[int, int] = {}
    with ThreadPoolExecutor(threads) as pool:

        def engine(_: int) -> None:
            result = scenario_run(columns, scenario, pool, keep=False, span=SPAN_MONTHS)
            ours.clear()
            points: NDArray[np.int64] = result.sums[:, at.KIND_GRANT : at.KIND_EXPIRY].sum(axis=1)
            active = result.records[:, at.REC_ACTIVE] != 0
            ours.update(zip(result.accounts[active].tolist(), points[active].tolist(), strict=True))

        def windows(_: int) -> None:
            theirs.clear()
            found = connection.execute(sql).fetchnumpy()
            theirs.update(zip(found["account"].tolist(), found["points"].tolist(), strict=True))

        taken = seconds_interleaved(
            {"engine": engine, "windows": windows}, ROUNDS, lambda text: say(f"the same rules in DuckDB: {text}")
        )
    connection.close()
    if ours != theirs:
        wrong = next(a for a in sorted(ours.keys() | theirs.keys()) if ours.get(a) != theirs.get(a))
        raise RuntimeError(
            f"customer {wrong}: the engine comes to {ours.get(wrong)}, DuckDB to {theirs.get(wrong)};"
            " one of them is wrong, so neither's speed says anything"
        )
    rates = {name: made.facts / s for name, s in taken.items()}
    return [
        Line(
            "  the rules that window SQL can express", "facts/s", rates["engine"],
            f"DuckDB {duckdb.__version__}, window SQL", rates["windows"], RATIO_MUST,
            {"customers_equal": len(ours)},
        )
    ]  # fmt: skip


def rules_subset() -> dict[str, Any]:
    """The standard rules without tiers, tags, credit, measures, expiry, the cap over everything, which corrections give
    back to, and what is no rule of earning."""
    document = copy.deepcopy(rules_standard())
    for part in ("tiers", "tags", "credit", "measures", "assignment", "redemption"):
        document.pop(part, None)
    document["caps"] = [cap for cap in document["caps"] if cap["id"] == "activity_yearly"]
    for rule in document["rules"]:
        rule.pop("tier_factor", None)
    document.update(id="subset", expiry_months="never")
    return document


def _sql(columns: Columns) -> str:
    entries = [s.files["inputs"] for s in columns.manifest.segments if "inputs" in s.files]
    reads = [_read(columns, e) for e in entries]
    numbers = {t.id.upper(): str(i) for i, t in enumerate(columns.fact_types())}
    text = _QUERIES["points"].decode()
    for name, number in numbers.items():
        text = text.replace("{" + name + "}", number)
    return text.replace("{facts}", "(" + " UNION ALL ".join(reads) + ")")


def _read(columns: Columns, entry: FileEntry) -> str:
    """A file with its columns as they are meant: those that are one value throughout, and NULL."""
    path = str(columns.folder / entry.name).replace("'", "''")
    described = duckdb.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')")
    schema = described.fetchall()
    lowest = {"TINYINT": -(2**7), "SMALLINT": -(2**15), "INTEGER": -(2**31), "BIGINT": NULL}
    kinds = {name: kind for name, kind, *_ in schema}
    picked: list[str] = []
    for name in _COLUMNS:
        if name not in kinds:
            value = entry.constants.get(name, NULL)
            picked.append(f"{'NULL' if value == NULL else value} AS {name}")
        elif name in entry.nulls or kinds[name] == "BIGINT":
            # Cast: the lowest BIGINT is no literal of that type, its minus sign being read later.
            picked.append(f"nullif({name}, ({lowest[kinds[name]]})::{kinds[name]}) AS {name}")
        else:
            picked.append(name)
    return f"SELECT {', '.join(picked)} FROM read_parquet('{path}')"
