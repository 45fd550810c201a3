"""What is wrong with a document's form, place by place, in words that never echo what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from ledger.domain.errors import Problem
from ledger.domain.pattern_words import reason_of

_MEMBER_UNKNOWN = "has a member that isn't known"
_NO_MEMBERS = "must have named members, each written name: value"


def form_problems(
    error: ValidationError, model: type[BaseModel], document: object, name: str = "", *, whole: str = "document"
) -> list[Problem]:
    """Every problem of a document that should be a `model`. Its places begin with `name`; `whole` is the document.

    A place tells members by the names that the model knows; a name that the sender gave is told by its number among
    its siblings, from 0. A member that isn't known is told by its parent's place, with the members that may be there.
    """
    problems: dict[str, Problem] = {}
    for found in error.errors(include_url=False, include_input=False):
        kind, location, reason = found["type"], found["loc"], reason_of(found)
        if kind == "extra_forbidden":
            location = location[:-1]
            members = _members(model, location)
            reason = f"{_MEMBER_UNKNOWN}; it may have {', '.join(members)}" if members else _MEMBER_UNKNOWN
        elif kind in ("model_type", "model_attributes_type", "dict_type"):
            members = _members(model, location) if location else []
            reason = f"{_NO_MEMBERS}; it may have {', '.join(members)}" if members else _NO_MEMBERS
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
    schema = _schema(model)
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _members(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """The members that may be at a place where one too many was; of a union all that its branches have."""
    schema = _schema(model)
    parts: dict[str, Any] = schema.get("$defs", {})
    at = _branches(schema, parts)
    for part in location:
        inside = [found for _, branch in at if (found := _inside(branch, part)) is not None]
        if inside:
            at = [branch for found in inside for branch in _branches(found, parts)]
        else:
            # What pydantic adds for a branch of a union: its name, or what tells it from others.
            at = [(names, branch) for names, branch in at if part in names] or at
    return list(dict.fromkeys(name for _, branch in at for name in branch.get("properties", {})))


def _inside(schema: dict[str, Any], part: object) -> dict[str, Any] | None:
    """The schema of a member or an item; None where the schema says nothing of it."""
    found: Any
    if isinstance(part, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return cast(dict[str, Any], found) if isinstance(found, dict) else None


def _branches(
    schema: dict[str, Any], parts: dict[str, Any], names: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """What a schema stands for, references and unions resolved, each with the names that pydantic has for it."""
    reference: str | None = schema.get("$ref")
    if reference is not None:
        name = reference.rpartition("/")[2]
        return _branches(parts[name], parts, (*names, name))
    unions: list[dict[str, Any]] = schema.get("anyOf", schema.get("oneOf", []))
    if not unions:
        return [(names, schema)]
    mapping: dict[str, str] = schema.get("discriminator", {}).get("mapping", {})
    return [
        found
        for branch in unions
        for tags in [tuple(tag for tag, to in mapping.items() if to == branch.get("$ref"))]
        for found in _branches(branch, parts, (*names, *tags))
    ]


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
