"""How points, money, shares, days and windows are written in rule documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ledger.domain.values import day_parse, percent_parse, points_parse, scaled_parse

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
