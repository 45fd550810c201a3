"""What is wrong with a document's form, place by place, in words that never echo what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ledger.domain.errors import Problem

_MEMBER_UNKNOWN = "has a member that isn't known"
_NO_MEMBERS = "must have named members, each written name: value"


def form_problems(
    error: ValidationError, model: type[BaseModel], document: object, name: str = "", *, whole: str = "document"
) -> list[Problem]:
    """Every problem of a document that should be a `model`. Its places begin with `name`; `whole` is the document.

    A place tells members by the names that the model knows; a name that the sender gave is told by its number among
    its siblings, from 0.
    """
    problems: dict[str, Problem] = {}
    for found in error.errors(include_url=False, include_input=False):
        kind, location, reason = found["type"], found["loc"], found["msg"]
        if kind == "extra_forbidden":
            location, reason = location[:-1], _MEMBER_UNKNOWN
        elif kind in ("model_type", "model_attributes_type", "dict_type"):
            reason = _NO_MEMBERS
        elif kind == "union_tag_invalid":
            # The message would quote the tag that was sent.
            reason = f"{found.get('ctx', {})['discriminator']} is none of {found.get('ctx', {})['expected_tags']}"
        place = _place(location, names_known(model), document)
        place = ": ".join(part for part in (name, place or whole) if part)
        problems.setdefault(place, Problem(place, reason.removeprefix("Value error, ")))
    return list(problems.values())


@lru_cache(maxsize=256)
def names_known(model: type[BaseModel]) -> frozenset[str]:
    """The names of all members of a model and of those that it is made of."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))


def _place(location: Sequence[Any], known: frozenset[str], document: object) -> str:
    """A place in a document. What pydantic adds for the branches of unions is left out."""
    parts: list[str] = []
    at: Any = document
    for part in location:
        if isinstance(part, int):
            parts.append(str(part))
            at = cast(list[Any], at)[part] if isinstance(at, list) and part < len(cast(list[Any], at)) else None
        elif isinstance(at, dict) and part in at:
            names = cast(dict[str, Any], at)
            parts.append(part if part in known else str(list(names).index(part)))
            at = names[part]
        elif part in known:
            parts.append(part)
            at = None
    return ".".join(parts)
