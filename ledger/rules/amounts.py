"""How points, money, shares, days and windows are written in rule documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ledger.domain.values import (
    INTEGER_MAX,
    day_parse,
    percent_parse,
    points_parse,
    points_text,
    scaled_parse,
    scaled_text,
)

Window = Literal["day", "month", "quarter", "year", "lifetime"]


def _points_checked(raw: Any) -> Any:
    points_parse(raw)
    return raw


def _points_positive(raw: Any) -> Any:
    if points_parse(raw) <= 0:
        raise ValueError("is not above zero")
    return raw


def _money_positive(raw: Any) -> Any:
    if scaled_parse(raw, 2) <= 0:
        raise ValueError("is not above zero")
    return raw


def _percent_checked(raw: Any) -> Any:
    if percent_parse(raw) < 0:
        raise ValueError("is below zero")
    return raw


def _day_checked(raw: Any) -> Any:
    day_parse(raw)
    return str(raw)


PointsText = Annotated[int | str, BeforeValidator(_points_checked)]
PointsPositive = Annotated[int | str, BeforeValidator(_points_positive)]
MoneyPositive = Annotated[int | str, BeforeValidator(_money_positive)]
"""CNY as decimal text or whole."""
PercentText = Annotated[int | str, BeforeValidator(_percent_checked)]
DayText = Annotated[str, BeforeValidator(_day_checked)]


def too_large_words(units: int, weight: int, factor: int, *, per_unit: bool) -> str:
    """Why an award could pass 2^63, and what would not: at most so many units, by the bounds that the fact type has,
    with the highest weight and tier factor (basis points)."""
    fitting = points_text(INTEGER_MAX // (weight * factor * units))
    highest = [scaled_text(percent, 2).removesuffix(".00") for percent in (weight, factor)]
    scaled = f"with weights up to {highest[0]} % and tier factors up to {highest[1]} %"
    if not per_unit:
        return f"could pass 2^63 {scaled}: give at most {fitting} points, or lower weights or factors"
    return (
        f"could pass 2^63: by the bounds of its fact type the attribute comes to up to {units} units; {scaled}, at most"
        f" {fitting} points for each fit. Give fewer points or a larger unit, or lower weights or factors"
    )
