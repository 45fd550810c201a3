"""What is wrong with a document's form is told without an echo, and says what may be there instead."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.domain.errors import Problem
from ledger.domain.forms import form_problems

SECRET = "secret_name"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Circle(Strict):
    kind: Literal["circle"]
    radius: int = 1


class Square(Strict):
    kind: Literal["square"]
    side: int = 1


class Left(Strict):
    left: int = 1


class Right(Strict):
    right: int = 1
    inner: Left | None = None


class Drawing(Strict):
    title: str = ""
    shapes: list[Annotated[Circle | Square, Field(discriminator="kind")]] = []
    named: dict[str, Left] = {}
    either: Left | Right | None = None
    nothing: dict[str, int] | None = None


class Empty(Strict):
    pass


def problems(model: type[BaseModel], document: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return form_problems(caught.value, model, document, whole="body")


@pytest.mark.parametrize(
    ("document", "place", "members"),
    [
        ({SECRET: 1}, "body", "title, shapes, named, either, nothing"),
        ({"shapes": [{"kind": "square"}, {"kind": "circle", SECRET: 1}]}, "shapes.1", "kind, radius"),
        ({"shapes": [{"kind": "square", "radius": 1}]}, "shapes.0", "kind, side"),
        ({"named": {"mine": {}, SECRET: {SECRET: 1}}}, "named.1", "left"),
        ({"either": {"right": 1, "inner": {SECRET: 1}}}, "either.inner", "left"),
    ],
)
def test_a_member_that_is_not_known_is_answered_with_those_that_are(document: dict[str, Any], place: str, members: str) -> None:
    found = problems(Drawing, document)
    assert Problem(place, f"has a member that isn't known; it may have {members}") in found
    assert SECRET not in str(found)


def test_where_nothing_may_be_nothing_is_named() -> None:
    assert problems(Empty, {SECRET: 1}) == [Problem("body", "has a member that isn't known")]
