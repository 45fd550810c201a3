"""The standard rule set, rule by rule, with the numbers of its document. All points in 1/100 point."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.fact_types import fact_type_parse
from ledger.standard import fact_types_standard, rules_standard
from tests.unit.rules.play import ORACLE, Play

TYPES = [fact_type_parse(document) for document in fact_types_standard()]


def standard() -> Play:
    return Play(rules_standard(), types=TYPES)


def awards(fact: str, **attributes: Any) -> list[tuple[str, int]]:
    play = standard()
    position = play.fact("2024-03-10", fact, **attributes)
    result = play.run()
    assert play.run(ORACLE).outs == result.outs
    return [(name, points) for name, points in result.of(position) if points]


@pytest.mark.parametrize(
    ("fact", "attributes", "expected"),
    [
        ("contract_signed", {"amount": "9999.99"}, []),
        ("contract_signed", {"amount": "10000"}, [("contract_signed", 200)]),
        # 461,100,766.85 CNY hold 46,110 full 10,000s: 46,110 × 2
        ("contract_signed", {"amount": "461100766.85"}, [("contract_signed", 46110 * 2 * 100)]),
        ("project_completed", {}, [("project_completed", 5000)]),
        ("referral_signed", {"new_customer": "C-2"}, [("referral_signed", 5000)]),
        ("complaint_filed", {"severity": "major"}, [("complaint_major", -3000)]),
        ("complaint_filed", {"severity": "minor"}, [("complaint_minor", -500)]),
        ("complaint_resolved", {"handling_hours": "72"}, []),
        ("complaint_resolved", {"handling_hours": "72.1"}, [("complaint_resolved_slowly", -500)]),
        ("complaint_resolved", {"handling_hours": "168"}, [("complaint_resolved_slowly", -500)]),
        ("complaint_resolved", {"handling_hours": "168.1"}, [("complaint_resolved_slowly", -1000)]),
        ("performance_scored", {"score": "59.9"}, [("performance_scored", -1000)]),
        ("performance_scored", {"score": "60"}, []),
        ("performance_scored", {"score": "79.9"}, []),
        ("performance_scored", {"score": "80"}, [("performance_scored", 1000)]),
        ("performance_scored", {"score": "90"}, [("performance_scored", 2000)]),
        ("performance_scored", {"score": "95"}, [("performance_scored", 3000)]),
        ("survey_answered", {"satisfaction": 4}, [("survey_answered", 500)]),
        ("report_viewed", {}, [("report_viewed", 100)]),
        ("manual_adjustment", {"points": "12.34", "reason": "x"}, [("manual_adjustment", 1234)]),
        ("manual_adjustment", {"points": "-0.05", "reason": "x"}, [("manual_adjustment", -5)]),
        ("login", {}, []),
    ],
)
def test_one_fact_brings_what_the_document_says(
    fact: str, attributes: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    assert awards(fact, **attributes) == expected


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        ("2024-01-30", [("invoice_on_time", 500)]),
        ("2024-02-01", [("invoice_on_time", 500)]),
        ("2024-02-02", [("invoice_late", -200)]),
        ("2024-03-02", [("invoice_late", -200)]),  # 28 + 2 = 30 days in a leap year's February and March
        ("2024-03-03", [("invoice_late", -500)]),  # 31 days
        ("2024-05-01", [("invoice_late", -500)]),  # 28 + 31 + 30 + 1 = 90 days
        ("2024-05-02", [("invoice_late", -1000)]),  # 91 days
    ],
)
def test_an_invoice_is_weighed_by_its_days_late(paid: str, expected: list[tuple[str, int]]) -> None:
    assert awards("invoice_paid", due_on="2024-02-01", paid_on=paid, amount="1") == expected


def test_the_third_login_of_a_calendar_month_brings_ten_points_once() -> None:
    play = standard()
    made = [play.fact(f"2024-03-{day:02d}", "login") for day in (5, 1, 31, 6, 7, 8)]
    april = [play.fact(f"2024-04-{day:02d}", "login") for day in (1, 2, 3)]
    result = play.run()
    assert [o["at"] for o in result.outs] == [made[2], april[2]]
    assert result.points() == [1000, 1000]


def test_major_complaints_in_a_row_cost_thirty_then_sixty_until_a_project_is_completed() -> None:
    play = standard()
    for _ in range(3):
        play.fact("2024-03-01", "complaint_filed", severity="major")
    play.fact("2024-03-02", "complaint_filed", severity="minor")  # breaks nothing
    play.fact("2024-03-02", "complaint_filed", severity="major")
    play.fact("2024-03-03", "project_completed")
    play.fact("2024-03-04", "complaint_filed", severity="major")
    assert play.run().points() == [-3000, -6000, -6000, -500, -6000, 5000, -3000]


def test_on_time_payments_bring_at_most_twenty_points_a_month() -> None:
    play = standard()
    for day in range(1, 7):
        play.fact(f"2024-03-{day:02d}", "invoice_paid", due_on="2024-04-01", paid_on="2024-03-01", amount="1")
    assert play.run().points() == [500] * 4


def test_surveys_count_twice_a_quarter_and_reports_once_a_day_and_ten_a_month() -> None:
    play = standard()
    for month in ("01", "02", "03", "04"):
        play.fact(f"2024-{month}-01", "survey_answered")
    assert play.run().points() == [500, 500, 500]
    play = standard()
    play.fact("2024-03-01", "report_viewed")
    for day in range(1, 13):
        play.fact(f"2024-03-{day:02d}", "report_viewed")
    assert play.run().points() == [100] * 10


def test_activity_points_are_capped_at_five_hundred_a_year() -> None:
    play = standard()
    # On-time payments: at most 20 a month, 240 a year; logins: 10 a month, 120; reports: 10 a month, 120;
    # surveys: 10 a quarter, 40. 240 + 120 + 120 + 40 = 520, of which the last 20 are cut.
    for month in range(1, 13):
        for day in range(1, 11):
            date = f"2024-{month:02d}-{day:02d}"
            play.fact(date, "report_viewed")
            if day <= 3:
                play.fact(date, "login")
            if day <= 4:
                play.fact(date, "invoice_paid", due_on=date, paid_on=date, amount="1")
            if day == 1:
                play.fact(date, "survey_answered")
    assert sum(play.run().points()) == 50000


def test_all_points_of_a_year_are_capped_at_five_million() -> None:
    play = standard()
    # 100,000,000,000 CNY would be 20,000,000 points
    first = play.fact("2024-03-01", "contract_signed", amount="100000000000")
    second = play.fact("2024-12-31", "project_completed")
    third = play.fact("2025-01-01", "project_completed")
    result = play.run()
    assert [sum(p for _, p in result.of(x)) for x in (first, second, third)] == [500_000_000, 0, 5000]


def test_tiers_rise_by_the_points_of_a_year_and_weigh_surveys() -> None:
    play = standard()
    tiers: list[str] = []
    # 2 points for each 10,000: 999 points, 1,000 points, 5,000, 20,000
    for amount in ("4990000", "10000", "20000000", "75000000"):
        play.fact("2024-03-01", "contract_signed", amount=amount)
        tiers.append(play.run().state()["tier"])
    # 499 × 2 = 998; 500 × 2 = 1,000; + 4,000 = 5,000; + 15,000 = 20,000
    assert tiers == ["bronze", "silver", "gold", "platinum"]
    survey = play.fact("2024-03-02", "survey_answered")
    assert play.run().of(survey) == [("survey_answered", 600)]  # 5 × 120 %


def test_standard_points_expire_after_twenty_four_months() -> None:
    play = standard()
    play.fact("2024-03-10", "project_completed")
    play.close(*[f"{2024 + i // 12}-{i % 12 + 1:02d}" for i in range(2, 26)])
    assert play.run().state()["balance"] == 5000
    play.close("2026-03")
    assert play.run().of("2026-03-31")[0] == ("expiry", -5000)


def test_tags_and_grades_of_the_standard_rules() -> None:
    play = standard()
    play.fact("2024-03-01", "contract_signed", amount="1")
    play.fact("2024-03-01", "contract_signed", amount="1")
    assert play.run().state()["tags"] == ["potential"]  # two contracts in the year, bronze
    play.fact("2024-03-02", "contract_signed", amount="25000000")  # 5,000 points: gold
    assert play.run().state()["tags"] == ["strategic"]
    for _ in range(2):
        play.fact("2024-03-03", "complaint_filed", severity="major")
    assert play.run().state()["tags"] == ["at_risk", "strategic"]
    grades: list[str | None] = []
    for late in (0, 5, 0, 0, 0, 9, 9, 9):
        paid = f"2024-03-{1 + late:02d}"
        play.fact("2024-04-05", "invoice_paid", due_on="2024-03-01", paid_on=paid, amount="1")
        grades.append(play.run().state()["grade"])
    # 1/1, 1/2, 2/3, 3/4, 4/5, 4/6, 4/7, 4/8 on time
    assert grades == ["a", "d", "c", "c", "b", "c", "d", "d"]
    assert play.run().state()["tags"] == ["at_risk", "strategic"]  # by the grade, a quarter after the complaints
