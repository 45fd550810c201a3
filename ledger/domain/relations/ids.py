"""Ids of staff, people, projects, opportunities, tasks and collisions: a letter and a number, as customers have theirs.

Numbers inside, ids in events and answers; 0 inside is "" outside: nobody, nothing.
"""

from __future__ import annotations

from functools import lru_cache

_DIGITS_MAX = 18


# With every choice and every end of a day: one look-up, not two.
@lru_cache(maxsize=65_536)
def staff_id(number: int) -> str:
    """The id of the n-th member of staff, from 1: "S-000001"; "" for 0."""
    return _id("S", number)


@lru_cache(maxsize=65_536)
def staff_number(text: str) -> int:
    """The number in a member of staff's id; 0 where the text is no such id."""
    return _number("S", text)


def person_id(number: int) -> str:
    """The id of the n-th person, from 1: "P-000001"; "" for 0."""
    return _id("P", number)


def person_number(text: str) -> int:
    """The number in a person's id; 0 where the text is no such id."""
    return _number("P", text)


def project_id(number: int) -> str:
    """The id of the n-th project, from 1: "J-000001"; "" for 0."""
    return _id("J", number)


def project_number(text: str) -> int:
    """The number in a project's id; 0 where the text is no such id."""
    return _number("J", text)


def opportunity_id(number: int) -> str:
    """The id of the n-th opportunity, from 1: "O-000001"; "" for 0."""
    return _id("O", number)


def opportunity_number(text: str) -> int:
    """The number in an opportunity's id; 0 where the text is no such id."""
    return _number("O", text)


def task_id(number: int) -> str:
    """The id of the n-th task, from 1: "T-000001"; "" for 0."""
    return _id("T", number)


def task_number(text: str) -> int:
    """The number in a task's id; 0 where the text is no such id."""
    return _number("T", text)


def collision_id(number: int) -> str:
    """The id of a collision: "X-000001"; "" for 0."""
    return _id("X", number)


def collision_number(text: str) -> int:
    """The number in a collision's id; 0 where the text is no such id."""
    return _number("X", text)


@lru_cache(maxsize=65_536)
def _id(letter: str, number: int) -> str:
    return f"{letter}-{number:06d}" if number else ""


@lru_cache(maxsize=65_536)
def _number(letter: str, text: str) -> int:
    digits = text[2:]
    if text.startswith(f"{letter}-") and digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX:
        number = int(digits)
        return number if text == _id(letter, number) else 0
    return 0
