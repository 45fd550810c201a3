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
    r'[ \t\r\n]*+(?:(?P<text>"[^"\\]*+(?:\\.[^"\\]*+)*+")|(?P<mark>[{}\[\],:])|(?P<plain>[^ \t\r\n{}\[\],:"]++))',
    re.DOTALL,
)
_INTEGER: Final = re.compile(r"-?[0-9]+")


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
    """An object or a list that has begun. `state`: what comes next in it."""

    named: bool
    state: str
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
    at = 0
    while (token := _TOKEN.match(text, at)) is not None and token.end() <= end:
        at = token.end()
        if token["mark"] is not None:
            reason = _mark(levels, token["mark"])
        else:
            reason = _scalar(levels, token["text"], token["plain"])
        if reason:
            return _place(levels), reason
    return _place(levels), ""


def _place(levels: Sequence[_Level]) -> Place:
    return tuple((level.name, level.number) for level in levels if level.state == "value")


def _mark(levels: list[_Level], mark: str) -> str:
    if mark in "{[":
        if len(levels) == DEPTH_MAX:
            return TOO_DEEP
        levels.append(_Level(True, "name") if mark == "{" else _Level(False, "value", number=0))
    elif levels and mark in "}]":
        levels.pop()
        _value_ends(levels)
    elif levels and mark == ",":
        level = levels[-1]
        level.state = "name" if level.named else "value"
        level.number += not level.named
    return ""


def _scalar(levels: Sequence[_Level], quoted: str | None, plain: str | None) -> str:
    reason = ""
    if plain is not None:
        if plain.lstrip("-") in ("NaN", "Infinity"):
            reason = NO_NUMBER
        elif _INTEGER.fullmatch(plain) and not integer_fits(plain):
            reason = TOO_LARGE
    elif quoted is not None:
        value = _text(quoted)
        reason = storage_fault(value)
        if levels and levels[-1].state == "name":
            return reason or _name_begins(levels[-1], value)
    if not reason:
        _value_ends(levels)
    return reason


def _name_begins(level: _Level, name: str) -> str:
    twice = name in level.names
    level.names.add(name)
    level.name, level.state, level.number = name, "value", level.number + 1
    return TWICE if twice else ""


def _value_ends(levels: Sequence[_Level]) -> None:
    if levels:
        levels[-1].state = "end"


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
