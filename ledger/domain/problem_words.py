"""What each problem code means and what to do next, in Chinese and English; `problem_words.json` has the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import orjson

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class ProblemWords:
    """A code in one language. `title` says what is wrong, whatever the occasion; `advice` says what to do next."""

    title: str
    advice: str


@cache
def problem_words() -> Mapping[str, Mapping[Language, ProblemWords]]:
    """The words of every code that somebody at HTTP or the command line can meet."""
    known = orjson.loads((files(__package__ or __name__) / "problem_words.json").read_bytes())
    return {code: {"zh": ProblemWords(*words["zh"]), "en": ProblemWords(*words["en"])} for code, words in known.items()}


def words_of(code: str, language: Language) -> ProblemWords:
    """A code's words. One of a newer version, as a writer elsewhere may answer, speaks for itself."""
    known = problem_words().get(code)
    return known[language] if known else ProblemWords(code.replace("_", " ").capitalize(), "")
