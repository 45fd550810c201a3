"""Points, money, dates and ids: exact, and never a float."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from ledger.domain import values as v


@pytest.mark.parametrize(
    ("raw", "places", "expected"),
    [
        ("461100766.85", 2, 46110076685),
        (" 12 ", 2, 1200),
        ("+0.5", 1, 5),
        ("-0.05", 2, -5),
        ("-0", 2, 0),
        ("1.500", 1, 15),
        (7, 2, 700),
        (Decimal("1.25"), 2, 125),
        (Decimal("1E+2"), 0, 100),
        (v.INTEGER_MAX, 0, v.INTEGER_MAX),
        (-v.INTEGER_MAX, 0, -v.INTEGER_MAX),
    ],
)
def test_a_decimal_becomes_an_exact_integer(raw: object, places: int, expected: int) -> None:
    assert v.scaled_parse(raw, places) == expected


@pytest.mark.parametrize(
    "raw",
    [1.0, 0.1, float("nan"), True, None, [], "", " ", "1e3", "1,000", "0x10", "1.", ".5", "--1", "1 2", "NaN",
     "1.234", "¥5", Decimal("NaN"), Decimal("Infinity"), Decimal("0.001"), v.INTEGER_MAX + 1, 2**70,
     "92233720368547758.08", "9" * 25],
)  # fmt: skip
def test_what_is_no_exact_number_of_two_decimals_is_refused(raw: object) -> None:
    with pytest.raises(ValueError):
        v.scaled_parse(raw, 2)


@given(st.integers(-v.INTEGER_MAX, v.INTEGER_MAX), st.integers(0, 6))
def test_an_integer_written_out_reads_back_the_same(value: int, places: int) -> None:
    assert v.scaled_parse(v.scaled_text(value, places), places) == value


def test_points_and_money_are_written_with_two_places() -> None:
    assert [v.points_text(p) for p in (0, 5, -5, -150, 123456)] == ["0.00", "0.05", "-0.05", "-1.50", "1234.56"]
    assert v.money_text(100) == "1.00"


def test_percentages_are_basis_points() -> None:
    assert [v.percent_parse(p) for p in ("120", 100, "33.33")] == [12000, 10000, 3333]


@pytest.mark.parametrize(
    ("raw", "day"),
    [("1970-01-01", 0), ("2024-02-29", 19782), (date(1970, 1, 2), 1), (datetime(1970, 1, 2, 23, 59), 1)],
)
def test_a_date_is_a_day_number(raw: object, day: int) -> None:
    assert v.day_parse(raw) == day


@pytest.mark.parametrize(
    "raw",
    ["2024-02-30", "2024-2-3", "20240203", "2024-W05-6", "2024-02-03T00:00", "03.02.2024", "", 19782, 1.5, None,
     "1969-12-31", "2150-01-01"],
)  # fmt: skip
def test_what_is_no_date_within_the_calendar_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match=r"YYYY-MM-DD|1970 to 2149"):
        v.day_parse(raw)


@given(st.integers(v.DAY_FIRST, v.DAY_LAST - 31))
def test_days_and_months_agree(day: int) -> None:
    month = v.month_of(day)
    assert v.month_first_day(month) <= day <= v.month_last_day(month)
    assert v.month_of(v.month_last_day(month) + 1) == month + 1
    assert v.day_parse(v.day_text(day)) == day
    assert v.day_text(day).startswith(v.month_text(month))
    assert v.day_of(v.date_of(day)) == day


def test_the_last_month_that_dates_have_has_a_last_day() -> None:
    months = [(2024 - 1970) * 12 + 1, (2025 - 1970) * 12 + 1, (9999 - 1970) * 12 + 11]
    assert [str(v.date_of(v.month_last_day(m))) for m in months] == ["2024-02-29", "2025-02-28", "9999-12-31"]


def test_customer_ids_are_numbered() -> None:
    assert v.customer_id(1) == "C-000001"
    assert v.customer_number("C-000001") == 1
    assert v.customer_number(v.customer_id(12345678)) == 12345678
    assert [v.customer_number(t) for t in ("C-", "X-1", "C-1a", "C-１", "C--1", "calendar", "C-" + "9" * 30)] == [0] * 7


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (5, "not text"), ("  ", "empty"), ("abcdef", "longer than 5"), ("a\x00b", "NUL"), ("a\ud800", "surrogate"),
        ("a\x1b[2J", "control"), ("a\x07b", "control"), ("a\x9bb", "control"), ("a\u202eb", "override"),
        ("a\u2066b", "override"), ("a\nb", "control"), ("a\x7fb", "control"),
    ],
)
def test_text_that_can_not_be_stored_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        v.text_checked(raw, 5)


def test_only_longer_text_has_lines_and_tabs_and_no_text_steers_a_terminal() -> None:
    note = "第一行\r\n\t第二行\u200f"
    assert v.text_checked(note, 500) == note
    for text in ("a\x1b]0;b\x07", "a\rb", "a\u202eb", "a\x85b"):
        with pytest.raises(ValueError, match="control character"):
            v.text_checked(text, 500)
        assert v.text_shown(text).replace("\N{REPLACEMENT CHARACTER}", "").isprintable()
    assert v.text_shown("甲\n\t乙") == "甲\n\t乙"


def test_text_is_stored_without_blanks_around_it() -> None:
    assert v.text_checked(" 中铁 ", 5) == "中铁"


@pytest.mark.parametrize("raw", [1.5, True, None, "x", "NaN", "Infinity"])
def test_no_float_and_nothing_infinite_becomes_a_decimal(raw: object) -> None:
    with pytest.raises(ValueError):
        v.decimal_exact(raw)
