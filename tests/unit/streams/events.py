"""States of events for tests: every field filled, and each text that stays in the log bearing a mark."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from ledger.domain.events import REGISTRY
from streams.wire import BASE_STAYS, LOCATION, WIRE

MARK = "隐private隐"
MOMENT = "2026-11-25T10:00:00.123456+08:00"

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="隐"), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
MARKED = PLAIN.map(lambda text: text + MARK)

# What stays in the log inside of a field of which a part goes.
SHAPED: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("FactTypeDeclared", "document"): st.fixed_dictionaries(
        {
            "id": PLAIN,
            "title": st.fixed_dictionaries({"zh": MARKED, "en": MARKED}),
            "attributes": st.dictionaries(
                PLAIN,
                st.one_of(
                    st.fixed_dictionaries(
                        {"type": st.just("number"), "title": st.fixed_dictionaries({"zh": MARKED, "en": MARKED}),
                         "unit": PLAIN, "places": st.integers(0, 6), "min": st.just(0), "max": st.just("9.5")}
                    ),
                    st.fixed_dictionaries(
                        {"type": st.just("enum"), "title": st.fixed_dictionaries({"zh": MARKED, "en": MARKED}),
                         "values": st.dictionaries(PLAIN, st.fixed_dictionaries({"zh": MARKED, "en": MARKED}))}
                    ),
                ),
                max_size=3,
            ),
            "derived": st.dictionaries(
                PLAIN,
                st.fixed_dictionaries(
                    {"days_from": PLAIN, "days_to": PLAIN, "title": st.fixed_dictionaries({"zh": MARKED, "en": MARKED})}
                ),
                max_size=2,
            ),
        }
    ),
    ("CustomerRegistered", "traits"): st.fixed_dictionaries({"region": PLAIN}, optional={"nickname": MARKED}),
    ("CustomerChanged", "traits"): st.fixed_dictionaries({"industry": PLAIN}, optional={"nickname": MARKED}),
    ("FactRecorded", "attributes"): st.dictionaries(PLAIN, st.one_of(INTEGERS, MARKED), max_size=5),
    ("HonoursAwarded", "places"): st.lists(
        st.fixed_dictionaries(
            {"rank": INTEGERS, "customer": PLAIN, "name": MARKED, "points": INTEGERS, "tied": st.booleans()}
        ),
        max_size=3,
    ),
    ("StaffChanged", "changes"): st.fixed_dictionaries(
        {"team": PLAIN}, optional={"skills": st.dictionaries(MARKED, INTEGERS, min_size=1), "capacity": INTEGERS}
    ),
    ("OpportunityChanged", "changes"): st.fixed_dictionaries({}, optional={"stage": PLAIN, "name": MARKED}),
}  # fmt: skip


@cache
def states(topic: str) -> st.SearchStrategy[dict[str, Any]]:
    """States of this type of event, as the log has them."""
    cls = REGISTRY[topic]
    hints = get_type_hints(cls)
    private = {*WIRE[topic].stays, *BASE_STAYS}
    given: dict[str, st.SearchStrategy[Any]] = {}
    for field in fields(cls):
        if field.name in ("occurred_at", "recorded_at"):
            given[field.name] = st.just(MOMENT)
        elif (topic, field.name) in SHAPED:
            given[field.name] = SHAPED[topic, field.name]
        elif field.name not in LOCATION:
            given[field.name] = _values(MARKED if field.name in private else PLAIN)[_name(hints[field.name])]
    return st.fixed_dictionaries(given)


EVENTS = st.sampled_from(sorted(REGISTRY)).flatmap(lambda topic: st.tuples(st.just(topic), states(topic)))
"""(type, state)"""


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")


@cache
def _values(text: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Values by the type of their field; their texts, those of keys too, are drawn from `text`."""
    anything = st.one_of(text, INTEGERS)
    return {
        "str": text,
        "int": INTEGERS,
        "bool": st.booleans(),
        "str | None": st.none() | text,
        "list[str]": _some(text),
        "list[list[str]]": _some(_some(text)),
        "list[Any]": _some(anything),
        "list[list[Any]]": _some(_some(anything)),
        "list[list[int | None]]": _some(_some(st.none() | INTEGERS)),
        "list[dict[str, Any]]": _some(st.dictionaries(text, anything, max_size=2)),
        "dict[str, int]": st.dictionaries(text, INTEGERS, max_size=3),
        "dict[str, str]": st.dictionaries(text, text, max_size=3),
        "dict[str, Any]": st.dictionaries(text, anything, max_size=3),
    }


def _some(entry: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(entry, max_size=3)
