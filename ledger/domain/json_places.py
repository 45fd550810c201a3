"""Where JSON text goes wrong: which member, as far as that may be told."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.values import INTEGER_MAX

DEPTH_MAX: Final = 40
PARTS_TOLD_MAX: Final = 8
TOO_DEEP: Final = f"lies more than {DEPTH_MAX} levels deep"
TOO_LARGE: Final = "holds an integer that does not fit 64 bits"
TWICE: Final = "stands twice in its object"
NO_NUMBER: Final = "holds NaN or Infinity, which are no JSON"
NUL: Final = "holds text with a NUL character"
HALF: Final = "holds text with half of a surrogate pair"

Part = tuple[str | None, int]
"""One step towards a place: a member's name (None: an entry of a list), and its number among its siblings, from 0."""
Place = tuple[Part, ...]

_TOKEN: Final = re.compile(
    r'("[^"\\]*+(?:\\.[^"\\]*+)*+")|([{}\[\],:])|([^ \t\r\n{}\[\],:"]++)|(")', re.DOTALL
)
"""Text; a mark; a number or a word; text that doesn't end. What is left are spaces."""
_TEXT, _MARK, _PLAIN = 1, 2, 3
_INTEGER: Final = re.compile(r"-?[0-9]+")
_PLAIN_SURE_MAX: Final = 18
"""Integers of so many characters fit."""


class JsonInvalid(DocumentInvalid):
    """JSON that can't be taken. Its problem tells the place by numbers alone, for its names are the sender's; `named`
    tells the names that are known."""

    def __init__(self, whole: str, place: Place, reason: str, known: Container[str] = ()) -> None:
        super().__init__([_problem(whole, place, reason, known)])
        self.whole = whole
        self.place = place
        self.reason = reason

    def named(self, known: Container[str]) -> JsonInvalid:
        """The same with these names in its place."""
        return JsonInvalid(self.whole, self.place, self.reason, known)


def _problem(whole: str, place: Place, reason: str, known: Container[str]) -> Problem:
    parts = [name if name is not None and name in known else str(number) for name, number in place[:PARTS_TOLD_MAX]]
    if not parts or parts[0].isdigit():
        parts.insert(0, whole)
    return Problem(".".join(parts), reason if len(place) <= PARTS_TOLD_MAX else f"something deeper within it {reason}")


@dataclass(slots=True)
class _Level:
    """An object or a list that has begun, and what comes next in it: a name, a value, or (None) its end or a comma."""

    named: bool
    awaits: str | None
    name: str | None = None
    number: int = -1
    names: set[str] = field(default_factory=set[str])


def place_at(text: str, end: int) -> Place:
    """The place of a character of JSON that is well formed up to there."""
    return _walk(text, end)[0]


def fault_find(text: str) -> tuple[Place, str] | None:
    """The first thing in JSON that a ledger can't take, its place and what it is. None where there is none."""
    place, reason = _walk(text, len(text))
    return (place, reason) if reason else None


def _walk(text: str, end: int) -> tuple[Place, str]:
    levels: list[_Level] = []
    # Outside of everything, where a value is awaited and nothing is counted.
    level = outside = _Level(False, "value")
    for token in _TOKEN.finditer(text):
        if token.end() > end:
            break
        kind = token.lastindex
        if kind == _MARK:
            mark = token[0]
            if mark == ",":
                level.awaits = "name" if level.named else "value"
                level.number += not level.named
            elif mark in "{[":
                if len(levels) == DEPTH_MAX:
                    return _place(levels), TOO_DEEP
                level = _Level(True, "name") if mark == "{" else _Level(False, "value", number=0)
                levels.append(level)
            elif mark in "}]" and levels:
                levels.pop()
                level = levels[-1] if levels else outside
                level.awaits = None
            continue
        if kind == _PLAIN:
            plain = token[0]
            reason = "" if len(plain) <= _PLAIN_SURE_MAX and plain[-1] not in "Ny" else _plain_fault(plain)
        elif kind == _TEXT:
            value = _text(token[0])
            reason = storage_fault(value)
            if level.awaits == "name" and not reason:
                if reason := _name_begins(level, value):
                    return _place(levels), reason
                continue
        else:
            break
        if reason:
            return _place(levels), reason
        level.awaits = None
    return _place(levels), ""


def _place(levels: Sequence[_Level]) -> Place:
    return tuple((level.name, level.number) for level in levels if level.awaits == "value")


def _plain_fault(plain: str) -> str:
    if plain.lstrip("-") in ("NaN", "Infinity"):
        return NO_NUMBER
    return TOO_LARGE if _INTEGER.fullmatch(plain) and not integer_fits(plain) else ""


def _name_begins(level: _Level, name: str) -> str:
    twice = name in level.names
    level.names.add(name)
    level.name, level.awaits, level.number = name, "value", level.number + 1
    return TWICE if twice else ""


def _text(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted[1:-1]
    try:
        return json.loads(quoted)
    except ValueError:
        return quoted[1:-1]


def integer_fits(digits: str) -> bool:
    """Whether an integer fits 64 bits. 20 characters hold every one that does; longer ones are not even converted."""
    return len(digits) <= 20 and abs(int(digits)) <= INTEGER_MAX


def storage_fault(text: str) -> str:
    """What is wrong with text; "" where it can be stored."""
    if "\0" in text:
        return NUL
    if not text.isascii() and any(0xD800 <= ord(c) < 0xE000 for c in text):
        return HALF
    return ""
