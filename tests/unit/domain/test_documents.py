"""Reading documents: no float, no trick, and the place of what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.domain.documents import BYTES_MAX, yaml_parse
from ledger.domain.errors import DocumentInvalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 0.1", {"a": "0.1"}),
        ("a: 1.50", {"a": "1.50"}),
        ("a: 2024-01-05", {"a": "2024-01-05"}),
        ("a: 7\nb: true\nc: ~", {"a": 7, "b": True, "c": None}),
        ('{"a": [1, "x", 2.50]}', {"a": [1, "x", "2.50"]}),
        ("a: 铜牌", {"a": "铜牌"}),
        ("a: yes\nb: 010\nc: 12:30\nd: -4", {"a": "yes", "b": "010", "c": "12:30", "d": -4}),
        ("", None),
    ],
)
def test_decimals_and_dates_stay_the_text_that_was_written(text: str, expected: Any) -> None:
    assert yaml_parse(text, "x.yaml") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("a: &x [1]\nb: *x", "line 2, column 4: aliases are not allowed"),
        ("a: [1", "x.yaml, line"),
        ("a: !!python/object:os.system x", "constructor"),
        ("? [a]\n: b", "x.yaml, line 1"),
        ("a: \x01", "x.yaml"),
        ("a: !!int many", "can't be read"),
        ("[" * 20000, "x.yaml"),
        ("a" * (BYTES_MAX + 1), "larger than"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(DocumentInvalid, match=reason):
        yaml_parse(text, "x.yaml")
