"""How characters sound: names that were typed by ear, 振华 for 震华, are alike."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_TWO_DOTS: Final = "\u0308"
"""All that is above a vowel and no tone: 绿 is no 路."""


@lru_cache(maxsize=4_096)
def syllables(text: str) -> tuple[str, ...]:
    """A syllable for each character, without its tone; what is no Chinese character stands for itself.

    Each is read on its own, the commonest way, so that it always sounds the same, whatever stands beside it.
    """
    return tuple(map(syllable, text))


def voiced(text: str) -> str:
    """A text that is the same for texts that sound the same, in this process; as long as the text."""
    return text.translate(_VOICES)


@lru_cache(maxsize=65_536)
def syllable(character: str) -> str:
    """The syllable of one character."""
    # It reads its dictionary when it is imported: only who matches names waits for that.
    from pypinyin.constants import PINYIN_DICT

    readings = PINYIN_DICT.get(ord(character))
    if readings is None:
        return character
    plain = unicodedata.normalize("NFD", readings.partition(",")[0])
    return unicodedata.normalize("NFC", "".join(c for c in plain if c.isascii() or c == _TWO_DOTS))


class _Voices(dict[int, int]):
    """Of each character, the first one met that sounds as it does."""

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, int] = {}

    def __missing__(self, code: int) -> int:
        voice = self[code] = self._first.setdefault(syllable(chr(code)), code)
        return voice


_VOICES: Final = _Voices()
