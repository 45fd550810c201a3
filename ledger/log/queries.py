"""Named queries out of .sql files."""

from __future__ import annotations

import re
from importlib.resources import files

_NAME_LINE = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def queries_load(package: str, filename: str) -> dict[str, bytes]:
    """The queries of a .sql file inside `package`, by the name in the line `-- name: …` above each.

    Bytes, because psycopg takes a query as bytes without asking for a literal. Raises ValueError when a name
    comes twice.
    """
    text = files(package).joinpath(filename).read_text(encoding="utf-8")
    parts = _NAME_LINE.split(text)
    queries: dict[str, bytes] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in queries:
            raise ValueError(f"{filename} of {package} names the query {name!r} twice; rename one of them.")
        queries[name] = body.strip().encode()
    return queries
