"""Fact types: declared data that says what may happen outside and what it carries. A firm adds its own as a
document.

An attribute becomes one integer: numbers are scaled by their places, dates are day numbers, enumerated values
and booleans are codes, a customer is its number. Text is kept but weighs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ledger.domain.errors import DocumentInvalid, Problem
from ledger.domain.forms import form_problems
from ledger.domain.pattern_words import IDENTIFIER_PATTERN
from ledger.domain.values import INTEGER_MAX, day_parse, day_text, scaled_parse, scaled_text, text_checked

Identifier = Annotated[str, Field(pattern=IDENTIFIER_PATTERN)]
Value: TypeAlias = int | str
ADJUSTMENT: Final = "manual_adjustment"
"""The fact type by which points are moved by hand: not everybody who records facts may."""


class Strict(BaseModel):
    """A part of a document: nothing undeclared, nothing coerced, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Words(Strict):
    """A term as people see it, in Chinese and English."""

    zh: Annotated[str, Field(min_length=1, max_length=200)]
    en: Annotated[str, Field(min_length=1, max_length=200)]


class NumberAttribute(Strict):
    """A number with a unit, a fixed count of decimals and bounds (decimal text or integers, inclusive)."""

    type: Literal["number"]
    title: Words
    unit: Annotated[str, Field(max_length=20)]
    places: Annotated[int, Field(ge=0, le=6)] = 0
    min: int | str
    max: int | str
    required: bool = True

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Lowest and highest value, scaled."""
        return scaled_parse(self.min, self.places), scaled_parse(self.max, self.places)

    @model_validator(mode="after")
    def _ordered(self) -> NumberAttribute:
        low, high = self.bounds
        if low > high:
            raise ValueError("min is above max")
        return self


class DateAttribute(Strict):
    """A calendar date."""

    type: Literal["date"]
    title: Words
    required: bool = True


class EnumAttribute(Strict):
    """One of declared values. Values may be added at the end, never removed: their order is their code."""

    type: Literal["enum"]
    title: Words
    values: dict[Identifier, Words]
    required: bool = True


class BooleanAttribute(Strict):
    """Yes or no."""

    type: Literal["boolean"]
    title: Words
    required: bool = True


class TextAttribute(Strict):
    """Words for people; no rule weighs them."""

    type: Literal["text"]
    title: Words
    length_max: Annotated[int, Field(ge=1, le=4000)] = 500
    required: bool = True


class CustomerAttribute(Strict):
    """Another customer of the ledger. With the role `referrer`, rules can award that customer too."""

    type: Literal["customer"]
    title: Words
    role: Literal["referrer", "named"] = "named"
    once: bool = False
    required: bool = True


Attribute = Annotated[
    NumberAttribute | DateAttribute | EnumAttribute | BooleanAttribute | TextAttribute | CustomerAttribute,
    Field(discriminator="type"),
]


class DaysBetween(Strict):
    """A derived number: days from one date attribute to another, never below zero."""

    days_from: Identifier
    days_to: Identifier
    title: Words
    max: Annotated[int, Field(ge=1, le=36500)] = 36500


class FactType(Strict):
    """A kind of fact: its names and its attributes in order."""

    id: Identifier
    title: Words
    attributes: dict[Identifier, Attribute] = Field(default_factory=dict)
    derived: dict[Identifier, DaysBetween] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> FactType:
        if len(self.columns) > 16:
            raise ValueError("a fact type has at most 16 attributes that rules can weigh")
        for i, (name, rule) in enumerate(self.derived.items()):
            if name in self.attributes:
                raise ValueError(f"derived.{i} bears the name of an attribute")
            for member in ("days_from", "days_to"):
                attribute = self.attributes.get(getattr(rule, member))
                if attribute is None or attribute.type != "date":
                    raise ValueError(f"derived.{i}.{member} names no date attribute")
        roles = [a for a in self.attributes.values() if a.type == "customer" and a.role == "referrer"]
        if len(roles) > 1:
            raise ValueError("at most one attribute has the role referrer")
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The attributes that rules can weigh, in the order of their columns."""
        return tuple(n for n, a in self.attributes.items() if a.type != "text") + tuple(self.derived)

    @cached_property
    def referrer(self) -> str | None:
        """The attribute that names the referrer, if there is one."""
        for name, attribute in self.attributes.items():
            if attribute.type == "customer" and attribute.role == "referrer":
                return name
        return None

    @cached_property
    def once(self) -> str | None:
        """The customer attribute that may be named only once over all facts of this type, if there is one."""
        for name, attribute in self.attributes.items():
            if attribute.type == "customer" and attribute.once:
                return name
        return None

    def bounds_of(self, column: str) -> tuple[int, int]:
        """Lowest and highest integer a column can hold."""
        if column in self.derived:
            return 0, self.derived[column].max
        attribute = self.attributes[column]
        if attribute.type == "number":
            return attribute.bounds
        if attribute.type == "enum":
            return 0, len(attribute.values) - 1
        if attribute.type == "boolean":
            return 0, 1
        return 0, INTEGER_MAX

    @cached_property
    def customers(self) -> tuple[str, ...]:
        """The attributes that name a customer."""
        return tuple(name for name, attribute in self.attributes.items() if attribute.type == "customer")

    def parse(
        self, raw: Mapping[str, object], customer_find: Callable[[str], int]
    ) -> tuple[dict[str, Value], list[Problem]]:
        """Attributes as they are recorded (integers and text), and what is wrong with them, field by field.

        `customer_find` gives the number of the customer that a reference names, 0 where it names none.
        """
        values: dict[str, Value] = {}
        problems: list[Problem] = []
        if not raw.keys() <= self.attributes.keys():
            # By its number: the name itself may be anything.
            unknown = [i for i, name in enumerate(raw) if name not in self.attributes]
            problems += [Problem(f"attributes.{i}", f"is no attribute of {self.id}") for i in unknown]
        for name, attribute in self.attributes.items():
            value = raw.get(name)
            if value is None:
                if attribute.required:
                    problems.append(Problem(name, "is missing"))
                continue
            try:
                values[name] = _parse(attribute, value, customer_find)
            except ValueError as error:
                problems.append(Problem(name, str(error)))
        for rule in self.derived.values():
            first, last = values.get(rule.days_from), values.get(rule.days_to)
            if isinstance(first, int) and isinstance(last, int):
                days = max(0, last - first)
                if days > rule.max:
                    problems.append(
                        Problem(rule.days_to, f"is more than {rule.max} days after {rule.days_from}")
                    )
        return values, problems

    def integers(self, values: Mapping[str, Value], null: int) -> list[int]:
        """The columns of a recorded fact, `null` where it carries none."""
        row = [value if type(value := values.get(name)) is int else null for name in self.columns]
        for i, rule in enumerate(self.derived.values(), len(row) - len(self.derived)):
            first, last = values.get(rule.days_from), values.get(rule.days_to)
            row[i] = max(0, last - first) if isinstance(first, int) and isinstance(last, int) else null
        return row

    def text_of(self, column: str, value: Value, language: Literal["zh", "en"] = "en") -> str:
        """A recorded value in words: decimals in place, dates and names spelled out."""
        if isinstance(value, str):
            return value
        if column in self.derived:
            return str(value)
        attribute = self.attributes[column]
        if attribute.type == "number":
            return scaled_text(value, attribute.places)
        if attribute.type == "date":
            return day_text(value)
        if attribute.type == "enum":
            return getattr(list(attribute.values.values())[value], language)
        if attribute.type == "boolean":
            return {"zh": ("否", "是"), "en": ("no", "yes")}[language][value]
        return str(value)

    def document(self) -> dict[str, Any]:
        """The document as plain data."""
        return self.model_dump(mode="json", exclude_defaults=True)


def _parse(attribute: Attribute, raw: object, customer_find: Callable[[str], int]) -> Value:
    """One attribute's value as it is recorded. Raises ValueError with the reason."""
    if attribute.type == "number":
        value = scaled_parse(raw, attribute.places)
        low, high = attribute.bounds
        if not low <= value <= high:
            raise ValueError(f"lies outside {attribute.min} to {attribute.max} {attribute.unit}".rstrip())
        return value
    if attribute.type == "date":
        return day_parse(raw)
    if attribute.type == "enum":
        if not isinstance(raw, str) or raw not in attribute.values:
            raise ValueError(f"is none of {', '.join(attribute.values)}")
        return list(attribute.values).index(raw)
    if attribute.type == "boolean":
        if not isinstance(raw, bool):
            raise ValueError("is neither true nor false")
        return int(raw)
    if attribute.type == "customer":
        number = customer_find(raw) if isinstance(raw, str) else 0
        if number == 0:
            raise ValueError("names no registered customer")
        return number
    return text_checked(raw, attribute.length_max)


def fact_type_parse(document: object) -> FactType:
    """A fact type from plain data. Raises DocumentInvalid, which names every problem."""
    try:
        return FactType.model_validate(document)
    except ValidationError as error:
        raise DocumentInvalid(form_problems(error, FactType, document)) from None
