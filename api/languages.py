"""In which language a request wants to be answered (RFC 9110, 12.5.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from ledger.domain.problem_words import Language

TAGS: Final[Mapping[Language, str]] = {"en": "en", "zh": "zh-CN"}
"""The languages there are, as `Content-Language` names them; the first is that of who asks for none."""
HEADER: Final = "Accept-Language"
LENGTH_MAX: Final = 1_000
"""How many characters of a header are read."""

_RANGE: Final = re.compile(
    r"[ \t]*(?P<primary>\*|[a-z]{1,8})(?:-[a-z0-9]{1,8})*[ \t]*"
    r"(?:;[ \t]*q=(?P<quality>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE,
)


def language_of(request: Request) -> Language:
    """The language of a request's answer."""
    return language_preferred(",".join(request.headers.getlist(HEADER)))


def language_preferred(accept: str) -> Language:
    """The language that a header prefers, of two alike the one named first. What can't be read counts as not said."""
    # A language goes by its first part: who reads zh-TW or en-GB rather reads what there is than the other.
    qualities: dict[str, float] = {}
    for part in accept[:LENGTH_MAX].split(","):
        if found := _RANGE.fullmatch(part):
            primary, quality = found["primary"].lower(), float(found["quality"] or 1)
            qualities[primary] = max(quality, qualities.get(primary, 0.0))
    order = [primary for primary, quality in qualities.items() if quality]
    named = sorted(TAGS, key=lambda tag: order.index(tag) if tag in order else len(order))
    return max(named, key=lambda tag: qualities.get(tag, qualities.get("*", 0.0)))
