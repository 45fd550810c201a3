"""Why a database can't be reached, in PostgreSQL's own words, fit for a line of a log."""

from __future__ import annotations

import re
from typing import Final

LENGTH_MAX: Final = 300

_SECRETS: Final = re.compile(r"(?<=://)[^\s@/]*@|\bpassword\s*=\s*\S+", re.IGNORECASE)
"""User and password of a URL, the password of a list of parameters."""


def database_reason(error: BaseException) -> str:
    """The first line of what the driver says, without anything that lets somebody in; its type's name where it says
    nothing."""
    lines = (str(error).strip() or type(error).__name__).splitlines()
    return _SECRETS.sub("", lines[0])[:LENGTH_MAX]
