"""Arrays for Postgres in its binary form, each with one fixed type.

psycopg's own lists take their type from what is in them, so that an empty one, or one of larger numbers,
would be another statement to prepare, hence a second round trip.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
from psycopg import Connection, DataError
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.pq import Format

_LENGTH = struct.Struct("!i")
_LENGTHS = [_LENGTH.pack(length) for length in range(4096)]  # packing is a third of the work otherwise
# Looked up once: to an append of one event, types and layouts would cost as much as its arrays.
_TEXT, _BYTEA, _UUID, _INTEGER, _BIGINT = (types[name] for name in ("text", "bytea", "uuid", "int4", "int8"))
_ELEMENTS = {kind: np.dtype([("length", ">i4"), ("value", f">i{array(kind).itemsize}")]) for kind in ("i", "q")}
# Dimensions, whether NULLs occur, type of the elements; then, of the one dimension, the size and the first
# index.
_HEAD = struct.Struct("!iiI")
_DIMENSION = struct.Struct("!ii")
_FEW: Final = 64
"""Up to so many integers are packed by one layout: NumPy takes longer to begin than for all of them."""


class TextArray(list[str]):
    """text[]"""


class BigintArray(list[int]):
    """bigint[]"""


class IntegerArray(list[int]):
    """integer[]"""


class ByteaArray(list[bytes]):
    """bytea[]"""


class UuidArray(list[UUID]):
    """uuid[]"""


def arrays_register(connection: Connection[Any]) -> None:
    """Lets a connection send the arrays of this module."""
    for kind, dumper in (
        (TextArray, _TextArrayDumper),
        (BigintArray, _BigintArrayDumper),
        (IntegerArray, _IntegerArrayDumper),
        (ByteaArray, _ByteaArrayDumper),
        (UuidArray, _UuidArrayDumper),
    ):
        connection.adapters.register_dumper(kind, dumper)


def text_array(values: Iterable[str]) -> bytes:
    """text[]. Raises UnicodeEncodeError for half a surrogate pair."""
    return _of_bytes([value.encode() for value in values], _TEXT.oid)


def bytea_array(values: Sequence[bytes]) -> bytes:
    """bytea[]"""
    return _of_bytes(values, _BYTEA.oid)


def uuid_array(values: Iterable[UUID]) -> bytes:
    """uuid[]"""
    return _of_bytes([value.bytes for value in values], _UUID.oid)


def bigint_array(values: Sequence[int]) -> bytes:
    """bigint[]. Raises DataError for what is no integer of 64 bits."""
    return _of_integers(values, "q", _BIGINT.oid)


def integer_array(values: Sequence[int]) -> bytes:
    """integer[]. Raises DataError for what is no integer of 32 bits."""
    return _of_integers(values, "i", _INTEGER.oid)


def _head(count: int, element_oid: int) -> bytes:
    if count == 0:
        return _HEAD.pack(0, 0, element_oid)
    return _HEAD.pack(1, 0, element_oid) + _DIMENSION.pack(count, 1)


def _of_bytes(values: Sequence[bytes], element_oid: int) -> bytes:
    if not values:
        return _head(0, element_oid)
    lengths = [len(value) for value in values]
    parts = [b""] * (2 * len(values) + 1)
    parts[0] = _head(len(values), element_oid)
    try:
        parts[1::2] = [_LENGTHS[length] for length in lengths]
    except IndexError:
        parts[1::2] = [_LENGTH.pack(length) for length in lengths]
    parts[2::2] = values
    return b"".join(parts)


def _of_integers(values: Sequence[int], kind: Literal["i", "q"], element_oid: int) -> bytes:
    if not values:
        return _head(0, element_oid)
    size = _ELEMENTS[kind]["value"].itemsize
    try:
        if len(values) <= _FEW:
            parts = [size] * (2 * len(values))
            parts[1::2] = values
            return _few(kind, len(values)).pack(1, 0, element_oid, len(values), 1, *parts)
        native = array(kind, values)  # takes nothing but integers that fit
    except (OverflowError, TypeError, struct.error) as error:
        raise DataError(f"an integer does not fit into {size} bytes: {error}") from error
    elements = np.empty(len(values), _ELEMENTS[kind])
    elements["length"] = native.itemsize
    elements["value"] = native
    return _head(len(values), element_oid) + elements.tobytes()


@lru_cache(maxsize=2 * _FEW)
def _few(kind: Literal["i", "q"], count: int) -> struct.Struct:
    return struct.Struct(f"!iiIii{f'i{kind}' * count}")


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: ByteaArray) -> bytes:
        return bytea_array(obj)


class _TextArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT.array_oid

    def dump(self, obj: TextArray) -> bytes:
        return text_array(obj)


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID.array_oid

    def dump(self, obj: UuidArray) -> bytes:
        return uuid_array(obj)


class _BigintArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BIGINT.array_oid

    def dump(self, obj: BigintArray) -> bytes:
        return bigint_array(obj)


class _IntegerArrayDumper(Dumper):
    format = Format.BINARY
    oid = _INTEGER.array_oid

    def dump(self, obj: IntegerArray) -> bytes:
        return integer_array(obj)
