"""Regular expressions of mappings: RE2's, so that every cell is looked at in time linear in its length.

A mapping may come over HTTP, and with it the cells it is held against. Python's own `re` goes back on its steps: a few
dozen characters can keep it busy for ever, and the whole process with it, for it never lets the interpreter go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import re2  # pyright: ignore[reportMissingTypeStubs]

_re2: Any = re2  # it comes without types
MEMORY_BYTES_MAX: Final = 1 << 18
"""What the automaton of one expression may take. It bounds the steps of each character, too."""


class PatternInvalid(ValueError):
    """What is no regular expression of RE2. Never echoes it."""


class Pattern:
    """A compiled expression."""

    def __init__(self, expression: str) -> None:
        """Raises PatternInvalid."""
        options = _re2.Options()
        options.max_mem = MEMORY_BYTES_MAX
        options.log_errors = False
        try:
            self._compiled = _re2.compile(expression, options)
        except (_re2.error, UnicodeEncodeError):
            raise PatternInvalid(
                "is not a regular expression of RE2, which knows neither look-around nor references back"
            ) from None

    @property
    def groups(self) -> int:
        """How many groups in parentheses it has."""
        return self._compiled.groups

    def matches(self, text: str) -> bool:
        """Whether it holds for the whole text."""
        return self._compiled.fullmatch(text.encode()) is not None

    def capture(self, text: str) -> str | None:
        """What its first group takes where it is first found; None where it isn't."""
        # As bytes: of text, RE2's binding would first work out where each character begins.
        found = self._compiled.search(text.encode())
        return None if found is None or found[1] is None else found[1].decode()


pattern_compile = lru_cache(maxsize=256)(Pattern)
"""An expression, compiled once. Raises PatternInvalid."""
