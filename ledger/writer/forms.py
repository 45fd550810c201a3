"""The form of commands about relations, read from the types of their fields: what each may hold before anything is
decided, and how it comes back from JSON.

A field is text, a whole number, yes or no, a tuple of texts or of tuples of texts, or a mapping from text to text, to
whole numbers or to plain data. Nothing else can be a field of such a command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from ledger.domain.errors import Refused
from ledger.domain.values import INTEGER_MAX, LINE_LENGTH_MAX, text_fault

TEXT_LENGTH_MAX: Final = 10_000
NAME_LENGTH_MAX: Final = 400
ENTRIES_MAX: Final = 1_000
DEPTH_MAX: Final = 3

Check = Callable[[object, str], None]
"""Raises Refused, naming the field, for what a field can't hold."""


def text_check(raw: object, name: str, code: str = "TEXT_INVALID", length_max: int = TEXT_LENGTH_MAX) -> None:
    """Text that can be stored; it may be empty here. Raises Refused."""
    if not isinstance(raw, str):
        raise Refused(code, f"{name} is not text", name)
    # Nothing that is refused can be printed.
    if len(raw) <= length_max and raw.isprintable():
        return
    if len(raw) > length_max:
        raise Refused(code, f"{name} is longer than {length_max} characters", name)
    fault = text_fault(raw, lines=length_max > LINE_LENGTH_MAX)
    if fault is not None:
        raise Refused(code, f"{name} {fault}", name)


def command_check(command: object) -> None:
    """Raises Refused where a field holds what its type doesn't say."""
    for name, check in _checks(type(command)):
        check(getattr(command, name), name)


def fields_load(command: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a command from parsed JSON, which has no tuples."""
    for name, hint in _hints(command).items():
        if get_origin(hint) is tuple and isinstance(values.get(name), list):
            values[name] = _tupled(values[name])
    return values


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, cast(list[Any], value))) if isinstance(value, list) else value


@lru_cache(maxsize=256)
def _hints(command: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(command)


@lru_cache(maxsize=256)
def _checks(command: type[Any]) -> tuple[tuple[str, Check], ...]:
    return tuple((name, _check_of(hint)) for name, hint in _hints(command).items())


def _check_of(hint: Any) -> Check:
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple:
        items = {_check_of(part) for part in parts if part is not Ellipsis}
        length = None if Ellipsis in parts else len(parts)
        [check] = items
        return _tuple_of(check, length)
    if origin is Mapping and parts[0] is str:
        return _mapping_of(_data if parts[1] is Any else _check_of(parts[1]))
    raise TypeError(f"a command about relations can't have a field of {hint}")


def _number(raw: object, name: str) -> None:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise Refused("NUMBER_INVALID", f"{name} is not a whole number", name)
    if abs(raw) > INTEGER_MAX:
        raise Refused("NUMBER_INVALID", f"{name} does not fit 64 bits", name)


def _flag(raw: object, name: str) -> None:
    if not isinstance(raw, bool):
        raise Refused("VALUE_INVALID", f"{name} is neither true nor false", name)


def _data(raw: object, name: str, depth: int = 1) -> None:
    """Text, whole numbers, lists and mappings of these."""
    if isinstance(raw, str):
        text_check(raw, name)
    elif isinstance(raw, int):
        _number(raw, name)
    elif depth < DEPTH_MAX and isinstance(raw, list):
        _few(cast(list[Any], raw), name)
        for item in cast(list[Any], raw):
            _data(item, name, depth + 1)
    elif depth < DEPTH_MAX and isinstance(raw, dict):
        _few(cast(dict[Any, Any], raw), name)
        for key, item in cast(dict[Any, Any], raw).items():
            text_check(key, name, length_max=NAME_LENGTH_MAX)
            _data(item, name, depth + 1)
    else:
        raise Refused("VALUE_INVALID", f"{name} holds more than text, whole numbers, short lists and mappings", name)


def _few(raw: list[Any] | tuple[Any, ...] | dict[Any, Any], name: str) -> None:
    if len(raw) > ENTRIES_MAX:
        raise Refused("VALUE_INVALID", f"{name} has more than {ENTRIES_MAX} entries", name)


def _tuple_of(check: Check, length: int | None) -> Check:
    def tuple_check(raw: object, name: str) -> None:
        if not isinstance(raw, tuple):
            raise Refused("VALUE_INVALID", f"{name} is no list", name)
        items = cast(tuple[Any, ...], raw)
        if length is not None and len(items) != length:
            raise Refused("VALUE_INVALID", f"{name} holds entries that are not {length} each", name)
        _few(items, name)
        for item in items:
            check(item, name)

    return tuple_check


def _mapping_of(check: Check) -> Check:
    def mapping_check(raw: object, name: str) -> None:
        if not isinstance(raw, dict):
            raise Refused("VALUE_INVALID", f"{name} is no mapping of names to values", name)
        entries = cast(dict[Any, Any], raw)
        _few(entries, name)
        for key, value in entries.items():
            text_check(key, name, length_max=NAME_LENGTH_MAX)
            check(value, name)

    return mapping_check


_PLAIN: Final[Mapping[Any, Check]] = {str: text_check, int: _number, bool: _flag}
