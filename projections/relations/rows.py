"""Rows as parameters of a statement: an array for each field, one type each, so that the statement stays the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from ledger.log.arrays import BigintArray, TextArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SEPARATOR: Final = "\x1f"
"""Between the texts of one field, such as qualifications."""

_ARRAYS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "int": BigintArray,
    "str": TextArray,
    "list[str]": lambda values: TextArray([SEPARATOR.join(v) for v in values]),
    "list[int]": lambda values: TextArray([",".join(map(str, v)) for v in values]),
    "dict[str, str]": lambda values: TextArray([_json(v) for v in values]),
    "dict[str, int]": lambda values: TextArray([_json(v) for v in values]),
    "list[list[Any]]": lambda values: TextArray([_json(v) for v in values]),
}


def columns(rows: Sequence[DataclassInstance]) -> dict[str, Any]:
    """The fields of some rows of one class, at least one, by name. Texts of a field come joined, what else is more than
    one value as JSON."""
    return {name: array([getattr(row, name) for row in rows]) for name, array in _arrays(type(rows[0]))}


@lru_cache(maxsize=64)
def _arrays(kind: type[DataclassInstance]) -> list[tuple[str, Callable[[Sequence[Any]], Any]]]:
    return [(f.name, _ARRAYS.get(str(f.type), list)) for f in fields(kind)]


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
