"""How documents become results: a reader is made once for each class, from the types of its fields.

Members that this version doesn't know are left out, so that a newer service doesn't break an older client.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from plumbline_client.errors import AnswerInvalid

Points = Annotated[int, "points"]
"""An integer of 1/100 point."""

Reader = Callable[[Any], Any]


def points_parse(text: str) -> Points:
    """Points of their decimal text: "50.00" gives 5000. Raises ValueError; no float is ever made."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, part = digits.partition(".")
    if not (digits.isascii() and whole.isdecimal() and (part.isdecimal() or not part) and len(part) <= 2):
        raise ValueError("points are decimal text with two decimals at most, such as 50.00")
    return sign * (int(whole) * 100 + int(part.ljust(2, "0") or "0"))


def points_text(points: Points) -> str:
    """Decimal text of points: 5000 gives "50.00"."""
    whole, part = divmod(abs(points), 100)
    return f"{'-' if points < 0 else ''}{whole}.{part:02d}"


def form_read(form: Any, document: Any) -> Any:
    """What a document says, in its form: a class of `results`, or a list or page of them. Raises AnswerInvalid."""
    try:
        return reader_of(form)(document)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise AnswerInvalid(
            f"the service's answer can't be read ({error}); is it a Plumbline of this version?"
        ) from error


@functools.cache
def reader_of(form: Any) -> Reader:
    """What reads a form."""
    origin, arguments = get_origin(form), get_args(form)
    if form == Points:
        return points_parse
    if form is Decimal:
        return Decimal
    if origin in (Union, types.UnionType) and type(None) in arguments:
        others = [a for a in arguments if a is not type(None)]
        # What may be one thing or another stands in the forms that JSON has.
        return _optional(reader_of(others[0])) if len(others) == 1 else _as_it_is
    if origin is list:
        return _list(reader_of(arguments[0]))
    if origin is tuple:
        return _tuple(reader_of(arguments[0]))
    if origin is dict:
        return _dict(reader_of(arguments[1]))
    if is_dataclass(origin or form):
        return _members(form)
    return _as_it_is


def form_members(form: Any) -> dict[str, Any]:
    """The forms of the fields of a dataclass, by name; of one made from a generic one with what it is made for."""
    cls = get_origin(form) or form
    given: dict[Any, Any] = {}
    for made in (form, *getattr(cls, "__orig_bases__", ())):
        arguments = [given.get(argument, argument) for argument in get_args(made)]
        given |= zip(getattr(get_origin(made), "__parameters__", ()), arguments, strict=False)
    hints = get_type_hints(cls, include_extras=True)
    return {f.name: _made_for(hints[f.name], given) for f in fields(cls)}


def _made_for(hint: Any, given: Mapping[Any, Any]) -> Any:
    return hint[tuple(given[p] for p in hint.__parameters__)] if given and getattr(hint, "__parameters__", ()) else hint


def _members(form: Any) -> Reader:
    cls = get_origin(form) or form
    readers = {name: reader_of(member) for name, member in form_members(form).items()}
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}

    def read(document: Any) -> Any:
        given = cast(Mapping[str, Any], document)
        values = {name: read_member(given[name]) for name, read_member in readers.items() if name in given}
        if missing := needed - values.keys():
            raise ValueError(f"it lacks {min(missing)}")
        return cls(**values)

    return read


def _optional(read_some: Reader) -> Reader:
    return lambda value: None if value is None else read_some(value)


def _list(read_one: Reader) -> Reader:
    return lambda values: [read_one(value) for value in values]


def _tuple(read_one: Reader) -> Reader:
    return lambda values: tuple(read_one(value) for value in values)


def _dict(read_one: Reader) -> Reader:
    return lambda values: {name: read_one(value) for name, value in values.items()}


def _as_it_is(value: Any) -> Any:
    return value
