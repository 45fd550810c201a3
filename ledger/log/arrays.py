"""Arrays for Postgres in its binary form, each with one fixed type.

psycopg's own lists take their type from what is in them, so that an empty one, or one of larger numbers,
would be another statement to prepare, hence a second round trip. With these an append is always the same
statement.
"""

from __future__ import annotations

import struct
from array import array
from typing import Any, Literal
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


def _head(count: int, element_oid: int) -> bytes:
    if count == 0:
        return _HEAD.pack(0, 0, element_oid)
    return _HEAD.pack(1, 0, element_oid) + _DIMENSION.pack(count, 1)


def _of_bytes(values: list[bytes], element_oid: int) -> bytes:
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


def _of_integers(values: list[int], kind: Literal["i", "q"], element_oid: int) -> bytes:
    if not values:
        return _head(0, element_oid)
    try:
        native = array(kind, values)  # takes nothing but integers that fit
    except (OverflowError, TypeError) as error:
        raise DataError(f"an integer does not fit into {array(kind).itemsize} bytes: {error}") from error
    elements = np.empty(len(values), _ELEMENTS[kind])
    elements["length"] = native.itemsize
    elements["value"] = native
    return _head(len(values), element_oid) + elements.tobytes()


class _ByteaArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA.array_oid

    def dump(self, obj: ByteaArray) -> bytes:
        return _of_bytes(obj, _BYTEA.oid)


class _TextArrayDumper(Dumper):
    format = Format.BINARY
    oid = _TEXT.array_oid

    def dump(self, obj: TextArray) -> bytes:
        return _of_bytes([value.encode() for value in obj], _TEXT.oid)


class _UuidArrayDumper(Dumper):
    format = Format.BINARY
    oid = _UUID.array_oid

    def dump(self, obj: UuidArray) -> bytes:
        return _of_bytes([value.bytes for value in obj], _UUID.oid)


class _BigintArrayDumper(Dumper):
    format = Format.BINARY
    oid = _BIGINT.array_oid

    def dump(self, obj: BigintArray) -> bytes:
        return _of_integers(obj, "q", _BIGINT.oid)


class _IntegerArrayDumper(Dumper):
    format = Format.BINARY
    oid = _INTEGER.array_oid

    def dump(self, obj: IntegerArray) -> bytes:
        return _of_integers(obj, "i", _INTEGER.oid)
