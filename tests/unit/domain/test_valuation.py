"""Points in CNY: rounded once on the total, parts that come to it, amounts in turn that do."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ledger.domain.valuation import VALUE_DEFAULT, PointValue, point_value_of, point_value_parse, shared

VALUES = st.builds(PointValue, st.integers(1, 10**7), st.integers(1, 10**7))
PARTS = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20)


def test_a_thousand_points_are_fifty_yuan_unless_the_rule_set_says_otherwise() -> None:
    assert VALUE_DEFAULT.fen(1_000_00) == 50_00
    assert VALUE_DEFAULT.fen(19) == 0 and VALUE_DEFAULT.fen(20) == 1
    assert point_value_of({}) == VALUE_DEFAULT
    assert point_value_of({"redemption": {"point_value": {"points": "1000", "money": "40"}}}) == PointValue(100_000, 4_000)


@pytest.mark.parametrize(("points", "money"), [("0", "50"), ("1000", "-1"), (1.5, "50"), ("1000", "x")])
def test_a_value_that_is_none_is_refused(points: object, money: object) -> None:
    with pytest.raises(ValueError):
        point_value_parse(points, money)


@given(PARTS, VALUES)
def test_parts_come_to_the_rounded_total_and_none_is_off_by_more_than_a_fen(parts: list[int], value: PointValue) -> None:
    total = value.fen(sum(parts))
    shares = shared(total, parts, value)
    assert sum(shares) == total
    for part, share in zip(parts, shares, strict=True):
        # |share - exact| < 1, without a fraction: |share·points - part·money| < points.
        assert abs(share * value.points - part * value.money) < value.points


@given(PARTS, VALUES)
def test_who_has_the_larger_remainder_never_gets_less_of_what_is_left(parts: list[int], value: PointValue) -> None:
    shares = shared(value.fen(sum(parts)), parts, value)
    given_more = [s - value.fen(p) for p, s in zip(parts, shares, strict=True)]
    remainders = [p * value.money % value.points for p in parts]
    for i, more in enumerate(given_more):
        for j, other in enumerate(given_more):
            if more and not other and parts[j]:
                assert remainders[i] >= remainders[j]


def test_three_thirds_of_a_fen_go_to_the_first() -> None:
    assert shared(1, [1, 1, 1], PointValue(3, 1)) == [1, 0, 0]
