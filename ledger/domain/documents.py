"""Reading documents (YAML or JSON) without floats: a number with a decimal point stays the text that was
written."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

import orjson
import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.json_places import (
    DEPTH_MAX,
    NO_NUMBER,
    TOO_DEEP,
    TOO_LARGE,
    TWICE,
    JsonInvalid,
    fault_find,
    integer_fits,
    place_at,
    storage_fault,
)
from ledger.domain.values import INTEGER_MAX

BYTES_MAX = 2_000_000
VALUES_MAX = 100_000


class _Loader(yaml.SafeLoader):
    """Plain data only: decimals and dates stay text, keys stand once, nothing is aliased."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(
                    None, None, "a key must be plain text", key.start_mark
                )
            if key.value in seen:
                raise ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = cast(Any, self).peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, "aliases are not allowed", event.start_mark)
        return super().compose_node(parent, index)


_PLAIN = ("bool", "int", "float", "timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag.split(":")[-1] not in _PLAIN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_resolve = cast(Any, _Loader).add_implicit_resolver
# Of the plain words only true and false are booleans (not yes, no, on, off), and only 0 and decimal digits without a
# leading zero are integers: "010" is text, as a person reads it.
_resolve("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_resolve("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z"), list("-0123456789"))


def yaml_parse(text: str, name: str) -> Any:
    """Plain data from YAML (or JSON, which is YAML). Raises DocumentInvalid with line and column."""
    if len(text) > BYTES_MAX:
        raise DocumentInvalid([Problem(name, f"is larger than {BYTES_MAX} characters")])
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
        raise DocumentInvalid([Problem(where, error.problem or "is not YAML")]) from None
    except yaml.YAMLError as error:
        raise DocumentInvalid([Problem(name, f"is not YAML: {error}".splitlines()[0])]) from None
    except ValueError as error:
        raise DocumentInvalid([Problem(name, f"holds a value that can't be read: {error}")]) from None
    except RecursionError:
        raise DocumentInvalid([Problem(name, "lies too deep in itself")]) from None


class _Fault(ValueError):
    """Something that JSON allows, or that parsers let pass, and a ledger can't take. The text never echoes it."""


def json_parse(data: bytes | str, name: str) -> Any:
    """Plain data from JSON (RFC 8259), strictly: a name stands once in its object, integers fit 64 bits, text holds
    no NUL and no half of a surrogate pair, nothing lies deeper than DEPTH_MAX, and there are at most VALUES_MAX values
    (counted before they are read, by what separates them, which text may hold, too). A number with a decimal point or
    an exponent stays the text that was written.

    Raises JsonInvalid, which tells the place; `name` says what was read ("body", "line"). The input is never echoed.
    """
    if isinstance(data, bytes) and len(data) <= _QUICK_BYTES_MAX and (quick := _json_quick(data)) is not None:
        return quick
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")
        place = place_at(before, len(before))
        raise JsonInvalid(name, place, f"is not UTF-8 (byte {error.start} of the whole)") from None
    if len(text) > VALUES_MAX and text.count(",") + text.count("{") + text.count("[") > VALUES_MAX:
        raise JsonInvalid(name, (), f"holds more than {VALUES_MAX} values")
    try:
        parsed = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=str, parse_constant=_constant
        )
        if text.count("{") + text.count("[") > DEPTH_MAX and _depth(parsed) > DEPTH_MAX:
            raise _Fault(TOO_DEEP)
        # A strict parser refuses bare control characters and bytes that are no UTF-8; escapes could still hide some.
        if "\\u" in text or isinstance(data, str):
            _texts_check(parsed)
        return parsed
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonInvalid(name, place_at(text, error.pos), f"is not JSON ({where})") from None
    except _Fault as fault:
        raise JsonInvalid(name, *(fault_find(text) or ((), str(fault)))) from None
    except RecursionError:
        raise JsonInvalid(name, *(fault_find(text) or ((), TOO_DEEP))) from None


_QUICK_BYTES_MAX: Final = 4_096
_SPACED_COLON: Final = re.compile(rb'"[ \t\r\n]+:')


def _json_quick(data: bytes) -> dict[str, Any] | None:
    """A small object as `json_parse` would give it, in a fifth of the time; None where that isn't sure.

    orjson keeps the last of two equal names and turns long integers into floats. Every name is followed by `":`, which
    text can add to but never take from, so as many of them as there are names mean that none stood twice.
    """
    if b"\\u" in data or _SPACED_COLON.search(data):
        return None
    try:
        parsed: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(parsed, dict):
        return None
    names = 0
    first = cast("dict[str, Any]", parsed)
    waiting = [first]
    for found in waiting:
        names += len(found)
        for value in found.values():
            kind = cast(object, type(value))
            if kind is str or kind is bool or value is None:
                continue
            if kind is int:
                if not -INTEGER_MAX <= value <= INTEGER_MAX:
                    return None
            elif kind is dict and len(waiting) < DEPTH_MAX:
                waiting.append(value)
            else:
                return None
    return first if names == data.count(b'":') else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Fault(TWICE)
    return found


def _integer(digits: str) -> int:
    if not integer_fits(digits):
        raise _Fault(TOO_LARGE)
    return int(digits)


def _constant(_: str) -> Any:
    raise _Fault(NO_NUMBER)


def _depth(data: Any) -> int:
    deepest, waiting = 0, [(data, 1)]
    while waiting:
        value, level = waiting.pop()
        if isinstance(value, (dict, list)):
            deepest = max(deepest, level)
            if deepest > DEPTH_MAX:
                return deepest
            parts = cast(Any, value.values() if isinstance(value, dict) else value)
            waiting += [(part, level + 1) for part in parts]
    return deepest


def _texts_check(data: Any) -> None:
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if fault := storage_fault(value):
                raise _Fault(fault)
        elif isinstance(value, dict):
            for key, part in cast("dict[str, Any]", value).items():
                waiting += [key, part]
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)
