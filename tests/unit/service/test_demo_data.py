"""The invented contractor: the same each time, whole, in order, and with life in it."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from connectors.files.importing import import_file
from connectors.files.mapping_loading import mapping_load
from ledger.domain.commands import Answer, RecordFact, Request
from ledger.domain.fact_types import fact_type_parse
from ledger.rules.document import rule_set_parse
from ledger.standard import fact_types_standard, rules_standard
from service.demo.contractor import (
    COLUMNS,
    contractor_facts,
    first_day_of,
    months_write,
    surge_quarter,
)
from service.demo.pictures import Bar, bars, blocks
from service.demo.seasons import Season, is_festival, spring_festival, weight_signing
from service.demo.story import month_end
from service.demo.what_if import what_if_document
from service.demo.words import REGIONS, TRADES

SEED = 7
LAST = date(2026, 11, 22)
FACT_TYPES = {document["id"]: fact_type_parse(document) for document in fact_types_standard()}
Fact = Mapping[str, str]


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, ...]]:
    return list(contractor_facts(SEED, LAST))


@pytest.fixture(scope="module")
def facts(rows: list[tuple[str, ...]]) -> list[Fact]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def of_type(facts: list[Fact], fact_type: str) -> list[Fact]:
    return [fact for fact in facts if fact["fact_type"] == fact_type]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    small = {"firms": 20, "facts": 2_000, "years": 1}
    first = list(contractor_facts(3, LAST, **small))
    assert first == list(contractor_facts(3, LAST, **small))
    assert first != list(contractor_facts(4, LAST, **small))


def test_three_hundred_customers_and_a_hundred_thousand_facts_in_order_of_date(facts: list[Fact]) -> None:
    assert len(facts) >= 104_000
    assert len({fact["customer"] for fact in facts}) == 300
    days = [fact["occurred"] for fact in facts]
    assert days == sorted(days)
    assert days[0] >= first_day_of(LAST, 3).isoformat() == "2023-11-23"
    assert days[-1] == LAST.isoformat()
    assert len({fact["external_id"] for fact in facts}) == len(facts)
    assert {fact["fact_type"] for fact in facts} == set(FACT_TYPES) - {"manual_adjustment", "payment_received"}


def test_every_cell_is_text_and_every_fact_fits_its_declared_type(
    rows: list[tuple[str, ...]], facts: list[Fact]
) -> None:
    assert all(type(cell) is str for row in rows for cell in row)
    for fact in facts:
        fact_type = FACT_TYPES[fact["fact_type"]]
        given: dict[str, object] = {name: fact[name] for name in COLUMNS[9:] if fact[name]}
        if "disputed" in given:
            given["disputed"] = given["disputed"] == "true"
        _, problems = fact_type.parse(given, lambda _: 1)
        assert problems == [], fact


def test_a_customer_is_named_in_its_first_row_and_in_no_other(facts: list[Fact]) -> None:
    seen: set[str] = set()
    for fact in facts:
        assert bool(fact["customer_name"]) is (fact["customer"] not in seen)
        assert (
            bool(fact["industry"])
            is bool(fact["region"])
            is bool(fact["scale"])
            is bool(fact["customer_name"])
        )
        seen.add(fact["customer"])


def test_firms_are_called_by_invented_places_brands_of_their_own_and_trades(facts: list[Fact]) -> None:
    places = {place: region for region, group in REGIONS.items() for place in group}
    assert len(places) == sum(len(group) for group in REGIONS.values())
    firms = [fact for fact in facts if fact["customer_name"]]
    for firm in firms:
        name = firm["customer_name"]
        assert places[name[:2]] == firm["region"]
        assert name[4:].removesuffix("有限公司") in TRADES[firm["industry"]]
    assert len({firm["customer_name"][2:4] for firm in firms}) == 300


def test_a_referral_names_a_customer_registered_before_and_each_but_once(facts: list[Fact]) -> None:
    known: set[str] = set()
    referred: list[str] = []
    for fact in facts:
        if fact["new_customer"]:
            assert fact["new_customer"] in known
            assert fact["new_customer"] != fact["customer"]
            referred.append(fact["new_customer"])
        assert not fact["referrer"] or fact["referrer"] in known
        known.add(fact["customer"])
    assert len(referred) == len(set(referred)) >= 20


def test_building_rests_around_the_spring_festival_and_signs_as_quarters_end(facts: list[Fact]) -> None:
    signed = [date.fromisoformat(fact["occurred"]) for fact in of_type(facts, "contract_signed")]
    days = (LAST - first_day_of(LAST, 3)).days + 1
    resting_days = sum(is_festival(first_day_of(LAST, 3) + timedelta(days=i)) for i in range(days))
    resting = sum(is_festival(day) for day in signed)
    assert resting * days * 3 < len(signed) * resting_days
    by_place = Counter((day.month - 1) % 3 for day in signed if day.year in (2024, 2025))
    assert by_place[2] > by_place[1] + by_place[0]


def test_one_region_complains_in_one_quarter_more_than_ever(facts: list[Fact]) -> None:
    region = {fact["customer"]: fact["region"] for fact in facts if fact["region"]}
    first, last = surge_quarter(LAST, 3)
    assert (first, last) == (date(2025, 7, 1), date(2025, 9, 30))
    counts: Counter[tuple[str, str]] = Counter()
    for fact in of_type(facts, "complaint_filed"):
        day = date.fromisoformat(fact["occurred"])
        counts[(f"{day.year}Q{(day.month - 1) // 3 + 1}", region[fact["customer"]])] += 1
    (loudest, complaints), (_, next_loudest) = counts.most_common(2)
    assert loudest[0] == "2025Q3"
    assert complaints > 3 * next_loudest


def test_some_customers_fall_silent_and_some_pay_late(facts: list[Fact]) -> None:
    last_login: dict[str, str] = {}
    late: defaultdict[str, list[bool]] = defaultdict(list)
    for fact in facts:
        if fact["fact_type"] == "login":
            last_login[fact["customer"]] = fact["occurred"]
        elif fact["fact_type"] == "invoice_paid":
            late[fact["customer"]].append(fact["paid_on"] > fact["due_on"])
            assert fact["paid_on"] == fact["occurred"]
    silent = [day for day in last_login.values() if day < (LAST - timedelta(days=90)).isoformat()]
    assert 20 <= len(silent) <= 100
    habits = [sum(paid) * 100 // len(paid) for paid in late.values() if len(paid) >= 10]
    assert sum(habit >= 40 for habit in habits) >= 10
    assert sum(habit <= 10 for habit in habits) > len(habits) // 2


def test_the_parts_of_a_contract_are_never_more_than_the_whole(facts: list[Fact]) -> None:
    signed: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for fact in facts:
        if fact["fact_type"] in ("contract_signed", "invoice_paid"):
            fen = int(fact["amount"].replace(".", ""))
            (signed if fact["fact_type"] == "contract_signed" else paid)[fact["customer"]] += fen
    assert all(paid[customer] <= signed[customer] for customer in signed)


def test_the_importer_takes_every_row_of_the_files_and_the_files_hold_every_row(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    some = rows[:3_000]
    taken: list[RecordFact] = []

    def submit(requests: Sequence[Request]) -> list[Answer]:
        taken.extend(request.command for request in requests if isinstance(request.command, RecordFact))
        return [Answer("accepted", position=1) for _ in requests]

    paths = list(months_write(iter(some), tmp_path))
    assert [path.name for path in paths] == ["2023-11.csv", "2023-12.csv", "2024-01.csv", "2024-02.csv"][
        : len(paths)
    ]
    written: list[tuple[str, ...]] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            header, *body = csv.reader(file)
        assert tuple(header) == COLUMNS
        written += [tuple(row) for row in body]
        report = import_file(
            submit,
            mapping_load("facts"),
            FACT_TYPES.get,
            path,
            actor="tester",
            recorded_at=datetime(2026, 11, 23, tzinfo=UTC),
        )
        assert report.rejected == ()
    assert written == some
    assert [command.external_id for command in taken] == [row[1] for row in some]


def test_a_contractor_needs_customers_and_time() -> None:
    with pytest.raises(ValueError, match="at least 10 customers"):
        list(contractor_facts(1, LAST, firms=9))
    with pytest.raises(ValueError, match="words for 400 firms"):
        list(contractor_facts(1, LAST, firms=401))


def test_three_years_before_a_leap_day_begin_on_the_first_of_march() -> None:
    assert first_day_of(date(2028, 2, 29), 3) == date(2025, 3, 1)


def test_a_season_draws_within_its_days_by_their_weight() -> None:
    first, last = date(2025, 1, 1), date(2025, 12, 31)
    season = Season(first, last, lambda day: 1 if day.month == 6 else 0)
    random = Random(1)
    drawn = [date.fromordinal(season.draw(random, first.toordinal(), last.toordinal())) for _ in range(500)]
    assert {day.month for day in drawn} == {6}
    assert len({day.day for day in drawn}) == 30
    assert spring_festival(2026) == date(2026, 2, 17)
    assert weight_signing(date(2026, 2, 17)) < weight_signing(date(2026, 3, 17))


def test_the_candidate_pays_three_points_and_doubles_every_penalty_and_leaves_the_rest() -> None:
    standard = rules_standard()
    before = rule_set_parse(standard).document
    candidate = rule_set_parse(what_if_document(standard))
    assert rule_set_parse(standard).document == before

    def award(rule: str) -> object:
        found = candidate.rule(rule)
        assert found is not None
        return found.award.model_dump(mode="json", exclude_none=True, by_alias=True)

    assert award("contract_signed") == {"per_unit": {"attribute": "amount", "unit": "10000", "points": 3}}
    assert award("complaint_major") == {
        "streak": {"steps": ["-60", "-120"], "broken_by": [{"fact": "project_completed"}]}
    }
    assert award("complaint_minor") == {"points": "-10"}
    assert award("invoice_late") == {
        "bands": {
            "attribute": "days_late",
            "steps": [
                {"from": 1, "points": "-4"},
                {"from": 31, "points": "-10"},
                {"from": 91, "points": "-20"},
            ],
        }
    }
    scored = award("performance_scored")
    assert isinstance(scored, dict)
    assert [step["points"] for step in scored["bands"]["steps"]] == ["-20", 0, 10, 20, 30]
    changed = [r.id for r in candidate.rules if r.award != rule_set_parse(standard).rule(r.id).award]  # pyright: ignore[reportOptionalMemberAccess]
    assert changed == [
        "contract_signed",
        "complaint_major",
        "complaint_minor",
        "complaint_resolved_slowly",
        "performance_scored",
        "invoice_late",
    ]
    assert candidate.tiers == rule_set_parse(standard).tiers


def test_bars_are_drawn_in_eighths_and_the_smallest_is_still_seen() -> None:
    assert blocks(100, 100, 10) == "█" * 10
    assert blocks(55, 100, 10) == "█" * 5 + "▌"
    assert blocks(1, 100_000, 10) == "▏"
    assert blocks(0, 100, 10) == blocks(5, 0, 10) == ""


def test_bars_line_up_behind_chinese_labels() -> None:
    console = Console(width=60, record=True, file=StringIO(), color_system=None)
    console.print(bars([Bar("金牌", 4, "4"), Bar("platinum", 8, "8")], width=16))
    first, second = console.export_text().splitlines()
    assert first.index("█") == second.index("█") - 2  # two Chinese characters are as wide as four letters
    assert (first.count("█"), second.count("█")) == (8, 16)


def test_a_months_file_is_closed_with_the_last_day_of_its_month() -> None:
    assert month_end(Path("2024-02.csv")) == date(2024, 2, 29)
    assert month_end(Path("2025-12.csv")) == date(2025, 12, 31)
