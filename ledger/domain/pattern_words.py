"""How text that follows a pattern is told to people: in words, never by the pattern."""

from __future__ import annotations

from typing import Any, Final

_WORDS: Final[dict[str, str]] = {}


def in_words(pattern: str, words: str) -> str:
    """A pattern that text must match, and its words, which complete "must be …". ValueError where it has others."""
    if _WORDS.setdefault(pattern, words) != words:
        raise ValueError(f"the pattern {pattern} is told in other words already")
    return pattern


def pattern_told(pattern: str) -> str:
    """What is said of text that doesn't match a pattern."""
    words = _WORDS.get(pattern)
    return "is not written in the form that is asked for" if words is None else f"must be {words}"


def is_in_words(pattern: str) -> bool:
    """Whether a pattern has words."""
    return pattern in _WORDS


def reason_of(error: Any) -> str:
    """What the library of forms says of a fault, in words where it would show a pattern."""
    if error["type"] == "string_pattern_mismatch":
        return pattern_told(error["ctx"]["pattern"])
    return str(error["msg"])


DAY_PATTERN: Final = in_words(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a day written as YYYY-MM-DD")
MONTH_PATTERN: Final = in_words(r"^[0-9]{4}-(0[1-9]|1[0-2])$", "a month written as YYYY-MM")
IDENTIFIER_PATTERN: Final = in_words(
    r"^[a-z][a-z0-9_]{0,62}$", "1 to 63 small letters, digits and underscores, beginning with a letter"
)
PAIR_PATTERN: Final = in_words(r"^[^:]{1,100}:.{1,200}$", "a kind and a value with a colon between them (kind:value)")
