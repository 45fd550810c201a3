"""Which language a header prefers (RFC 9110, 12.5.4); nonsense is as good as no header."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from api.languages import language_preferred


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("zh-Hans", "zh"),
        ("ZH-hans-cn", "zh"),
        ("zh-TW", "zh"),
        ("en-GB", "en"),
        ("zh-CN,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("en;q=0.8, zh;q=0.81", "zh"),
        ("zh , en", "zh"),
        ("en, zh", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("fr", "en"),
        ("*", "en"),
        ("zh;q=0.5, *;q=0.8", "en"),
        ("zh;q=0.5, *;q=0.1", "zh"),
        ("en;q=0, *", "zh"),
        ("en;q=0", "en"),
        ("zh;q=0", "en"),
        ("zh\t;\tq=1.000", "zh"),
        ("zh;q=2", "en"),
        ("zh;q=-1", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=0.1234", "en"),
        ("zh;level=1", "en"),
        ("zh_CN", "en"),
        ("zhx", "en"),
        ("中文", "en"),
        (";;,,=", "en"),
        (";q=1, zh", "zh"),
    ],
)
def test_the_language_with_the_highest_quality_is_taken(accept: str, language: str) -> None:
    assert language_preferred(accept) == language


@given(st.text())
def test_no_header_is_too_odd_to_be_answered(accept: str) -> None:
    assert language_preferred(accept) in ("zh", "en")


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_of_two_qualities_the_higher_one_wins_whatever_the_order(zh: int, en: int) -> None:
    parts = [f"zh-CN;q={zh / 1000:.3f}", f"en;q={en / 1000:.3f}"]
    if zh != en:
        assert {language_preferred(", ".join(order)) for order in (parts, parts[::-1])} == {"zh" if zh > en else "en"}
