"""Names that are nearly the same: how alike two are, and which of very many are like one.

What a question costs grows with how many names share its rarest pairs of syllables: the rarest pair at least, and
further ones up to POSTINGS_MAX names in all. Of these, CANDIDATES_MAX are compared letter by letter.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from operator import add
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Indel

from ledger.domain.relations.names import FirmName, brand_of, numbers_of
from ledger.domain.relations.places import Placed, placed, places_differ, places_heard, region_of, text_placed
from ledger.domain.relations.sounds import syllable, syllables, voiced

SAME: Final = 100
SCORE_SPELLED: Final = 98
"""Names that differ only in whether they say what kind of place theirs is: 江苏交通厅, and 江苏省交通厅."""
SCORE_HEARD: Final = 97
"""Names that sound the same: 上海遂道工程, and 上海隧道工程."""
SCORE_GROUP: Final = 96
"""Of two names one says 集团: perhaps the firm, perhaps its mother."""
SCORE_BRANCH: Final = 90
"""A firm, and a branch of it."""
SCORE_CONTAINED: Final = 88
"""One name is part of the other: 振华建设, and 云岭振华建设."""
SCORE_OTHER: Final = 60
"""So alike at most are names whose numbers, branches or regions say that they are two."""
SCORE_MIN: Final = 70
"""What is less alike is not alike."""
SOUND_LESS: Final = 3
"""So much less is it to sound alike than to be written alike."""

BRAND_ALIKE: Final = 60
"""So alike at least must be what is left of two names without region and words of the trade."""

POSTINGS_MAX: Final = 30_000
CANDIDATES_MAX: Final = 200
_CONTAINED_LENGTH_MIN: Final = 4
_BRAND_LENGTH_MIN: Final = 2
_TOLD_APART: Final = ("水务", "税务", "监察", "检察")
"""Words that sound like one another, and are the names of different authorities."""
_AUTHORITIES: Final = (
    "局", "厅", "委", "委员会", "政府", "处", "院", "所", "站", "中心", "学", "学校", "办公室", "指挥部",
)  # fmt: skip
_PLACE_LENGTH: Final = 2
"""So many characters in front are taken for the place of an authority whose place is not known."""
_ENTRIES_MAX: Final = 2**31
_END: Final = "\0"
"""Beside the first and the last character of a name; in no name itself."""


def likeness(one: FirmName, other: FirmName) -> int:
    """How alike two names are, 0 to 100; 100 where they are the same."""
    if one.core == other.core:
        if one.branch == other.branch:
            return SAME if one.is_group == other.is_group else SCORE_GROUP
        return SCORE_OTHER if one.branch and other.branch else SCORE_BRANCH
    texts = text_placed(one.core), text_placed(other.core)
    score = _ratio_heard(*texts)
    shorter, longer = sorted(texts, key=len)
    is_contained = len(shorter) >= _CONTAINED_LENGTH_MIN and shorter in longer
    if score < SCORE_MIN and not is_contained:
        return score
    here, there = placed(one.core), placed(other.core)
    if _speaks_against(one, other) or places_differ(here, there):
        return min(score, SCORE_OTHER)
    if voiced(here.text) == voiced(there.text):
        if here.text != there.text and not _may_be_heard(here, there):
            return min(score, SCORE_OTHER)
        score = SCORE_SPELLED if here.text == there.text else SCORE_HEARD
        if one.is_group != other.is_group:
            score = min(score, SCORE_GROUP)
    else:
        # Most of a name says where a firm is and what it builds: what tells it from others must be alike too.
        brands = brand_of(here.text), brand_of(there.text)
        if min(map(len, brands)) < _BRAND_LENGTH_MIN or _ratio_heard(*brands) < BRAND_ALIKE:
            return min(score, SCORE_OTHER)
        if is_contained:
            score = max(score, SCORE_CONTAINED)
    return score if one.branch == other.branch else score - (SAME - SCORE_BRANCH)


def is_heard(one: FirmName, other: FirmName) -> bool:
    """Whether two cores are written otherwise, however places are called, and sound the same."""
    here, there = text_placed(one.core), text_placed(other.core)
    return here != there and voiced(here) == voiced(there)


def _speaks_against(one: FirmName, other: FirmName) -> bool:
    """Whether branches, regions or numbers say that two names are of two firms."""
    regions = region_of(one.core), region_of(other.core)
    numbers = numbers_of(one.core), numbers_of(other.core)
    return (
        (one.branch != other.branch and bool(one.branch and other.branch))
        or (regions[0] != regions[1] and all(regions))
        or (numbers[0] != numbers[1] and all(numbers))
    )


def _may_be_heard(one: Placed, other: Placed) -> bool:
    """Whether of two texts that sound the same one may be the other mistyped; not where both mean something: 山西 and
    陕西, 水务局 and 税务局. In front of an authority stands a place, whether it is known or not."""
    if one.text.endswith(_AUTHORITIES):
        length = max(side.length or len(region_of(side.text)) for side in (one, other)) or _PLACE_LENGTH
        if one.text[:length] != other.text[:length]:
            return False
    elif not places_heard(one, other):
        return False
    words = [[word for word in _TOLD_APART if word in side.text] for side in (one, other)]
    return words[0] == words[1] or not all(words)


def _ratio_heard(one: str, other: str) -> int:
    """How alike two texts are written, or sound."""
    written = _ratio(one, other)
    if written >= SAME - SOUND_LESS:
        return written
    return max(written, _ratio(syllables(one), syllables(other)) - SOUND_LESS)


def _ratio(one: Sequence[str], other: Sequence[str]) -> int:
    """100 × the share of characters that two have in common in order, whole."""
    total = len(one) + len(other)
    return 100 * (total - int(Indel.distance(one, other))) // total if total else SAME


class Alike(NamedTuple):
    """A customer whose name is alike, how much, and whether the two names are written otherwise and sound the same."""

    customer: int
    score: int
    is_heard: bool


class NameIndex:
    """Names by the pairs of syllables in their core. An entry that is dropped stays where it is, of nobody."""

    def __init__(self) -> None:
        self._customers = array("i")
        """By entry; 0 for one that was dropped."""
        self._names: list[FirmName] = []
        self._entries = array("i", [0])
        """By customer: the entry, from 1; 0 for none."""
        self._sounds: dict[str, tuple[int, ...]] = {}
        """Entries by what their core sounds like, however its places are called: whatever is searched, those that are
        the same are found."""
        self._pairs: dict[str, array[int]] = {}
        """Entries in the order they came."""
        self._weights = np.zeros(0, np.int32)
        """Of the entries under a question; zero in between."""

    def add(self, customer: int, name: FirmName) -> None:
        """Enter the name of a customer that has none here."""
        entry = len(self._customers)
        self._customers.append(customer)
        self._names.append(name)
        self._entries.extend([0] * (customer + 1 - len(self._entries)))
        self._entries[customer] = entry + 1
        sound = _sound(name.core)
        self._sounds[sound] = (*self._sounds.get(sound, ()), entry)
        for pair in _pairs(name.core):
            postings = self._pairs.get(pair)
            if postings is None:
                postings = self._pairs[pair] = array("i")
            postings.append(entry)

    def fill(self, customer: int, names: Sequence[FirmName]) -> None:
        """Enter the names of very many customers, from one on, that have none here: at a third of the cost of `add`."""
        first, count = len(self._customers), len(names)
        self._customers.extend(range(customer, customer + count))
        self._names.extend(names)
        self._entries.extend([0] * (customer - len(self._entries)))
        self._entries.extend(range(first + 1, first + count + 1))
        sounds = self._sounds
        for entry, sound in enumerate(_sounds_of_many([name.core for name in names]), first):
            known = sounds.get(sound)
            sounds[sound] = (*known, entry) if known else (entry,)
        for pair, entries in _pairs_of_many([name.core for name in names]):
            self._pairs.setdefault(pair, array("i")).frombytes((entries + first).astype(np.int32).tobytes())

    def drop(self, customer: int) -> None:
        """Forget a customer's name, where it has one. What came last leaves nothing behind: drafts that are taken back
        don't add up."""
        entry = self._entries[customer] - 1 if customer < len(self._entries) else -1
        if entry < 0:
            return
        self._entries[customer] = 0
        self._customers[entry] = 0
        if entry < len(self._customers) - 1:
            return
        self._customers.pop()
        core = self._names.pop().core
        sound = _sound(core)
        self._sounds[sound] = self._sounds[sound][:-1]
        if not self._sounds[sound]:
            del self._sounds[sound]
        for pair in _pairs(core):
            self._pairs[pair].pop()
            if not self._pairs[pair]:
                del self._pairs[pair]

    def find(self, name: FirmName) -> list[Alike]:
        """Customers whose names are alike."""
        found: list[Alike] = []
        same = self._sounds.get(_sound(name.core), ())
        for entry in dict.fromkeys((*same, *self._candidates(_pairs(name.core)))):
            customer = self._customers[entry]
            score = likeness(name, self._names[entry]) if customer else 0
            if score >= SCORE_MIN:
                found.append(Alike(customer, score, is_heard(name, self._names[entry])))
        return found

    def _candidates(self, pairs: Iterable[str]) -> list[int]:
        """The entries that share most with these pairs, the rare ones counting for more; ties by age."""
        known = sorted((len(postings), pair) for pair in pairs if (postings := self._pairs.get(pair)) is not None)
        if not known:
            return []
        if len(self._weights) < len(self._customers):
            self._weights = np.zeros(2 * len(self._customers), np.int32)
        weights, seen, read = self._weights, list[NDArray[Any]](), 0
        for count, pair in known:
            if read and read + count > POSTINGS_MAX:
                break
            read += count
            entries = np.array(self._pairs[pair])
            seen.append(entries[weights[entries] == 0])
            weights[entries] += (len(self._customers) // count).bit_length()
        entries = np.concatenate(seen)
        # One number for both, so that the best are found without sorting all: the heaviest is the least.
        order = entries - weights[entries].astype(np.int64) * _ENTRIES_MAX
        weights[entries] = 0
        if len(order) > CANDIDATES_MAX:
            order = np.partition(order, CANDIDATES_MAX)[:CANDIDATES_MAX]
        best: list[int] = (np.sort(order) % _ENTRIES_MAX).tolist()
        return best


def _sound(core: str) -> str:
    """What a core sounds like, however its places are called."""
    return voiced(text_placed(core))


def _sounds_of_many(cores: Sequence[str]) -> list[str]:
    """The same of many."""
    characters = np.frombuffer(_END.join(map(text_placed, cores)).encode("utf-32-le"), np.uint32)
    voices = np.zeros(int(characters.max(initial=0)) + 1, np.uint32)
    voices[characters] = 1
    known = np.flatnonzero(voices)
    voices[known] = np.frombuffer(voiced("".join(map(chr, known.tolist()))).encode("utf-32-le"), np.uint32)
    return voices[characters].tobytes().decode("utf-32-le").split(_END)


def _pairs(core: str) -> set[str]:
    """Neighbouring syllables of a core, its ends among them, so that a core of one character has pairs too."""
    return set(map(_pair, map(add, _END + core, core + _END)))


def _pairs_of_many(cores: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each pair of syllables with the places of the cores that have it, in order."""
    text = _END + _END.join(cores) + _END
    characters = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    known = np.unique(characters)
    sounds = [("" if c == _END else syllable(c)) for c in map(chr, known.tolist())]
    number_of = {sound: number for number, sound in enumerate(dict.fromkeys(sounds))}
    numbers = np.array([number_of[sound] for sound in sounds], np.int64)[np.searchsorted(known, characters)]
    # A window of two that begins with an end begins the next core.
    places = np.cumsum(characters == ord(_END))[:-1] - 1
    pairs = numbers[:-1] * len(number_of) + numbers[1:]
    # One number for both, so that sorting once puts each pair's cores together, each once.
    found = np.sort(pairs * len(cores) + places)
    found = found[np.diff(found, prepend=-1) != 0]
    pairs, places = np.divmod(found, len(cores))
    starts = np.flatnonzero(np.diff(pairs, prepend=-1)).tolist()
    distinct = list(number_of)
    for start, end in pairwise([*starts, len(found)]):
        one, other = divmod(int(pairs[start]), len(distinct))
        yield f"{distinct[one]} {distinct[other]}", places[start:end]


@lru_cache(maxsize=262_144)
def _pair(characters: str) -> str:
    """The syllables of two characters."""
    one, other = ("" if c == _END else syllable(c) for c in characters)
    return f"{one} {other}"
