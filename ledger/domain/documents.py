"""Reading documents (YAML or JSON) without floats: a number with a decimal point stays the text that was
written."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from ledger.domain.errors import DocumentInvalid, Problem

BYTES_MAX = 2_000_000


class _Loader(yaml.SafeLoader):
    """Plain data only: decimals and dates stay text, keys stand once, nothing is aliased."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(
                    None, None, "a key must be plain text", key.start_mark
                )
            if key.value in seen:
                raise ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = cast(Any, self).peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, "aliases are not allowed", event.start_mark)
        return super().compose_node(parent, index)


_PLAIN = ("bool", "int", "float", "timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag.split(":")[-1] not in _PLAIN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_resolve = cast(Any, _Loader).add_implicit_resolver
# Of the plain words only true and false are booleans (not yes, no, on, off), and only 0 and decimal digits without a
# leading zero are integers: "010" is text, as a person reads it.
_resolve("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_resolve("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z"), list("-0123456789"))


def yaml_parse(text: str, name: str) -> Any:
    """Plain data from YAML (or JSON, which is YAML). Raises DocumentInvalid with line and column."""
    if len(text) > BYTES_MAX:
        raise DocumentInvalid([Problem(name, f"is larger than {BYTES_MAX} characters")])
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
        raise DocumentInvalid([Problem(where, error.problem or "is not YAML")]) from None
    except yaml.YAMLError as error:
        raise DocumentInvalid([Problem(name, f"is not YAML: {error}".splitlines()[0])]) from None
    except ValueError as error:
        raise DocumentInvalid([Problem(name, f"holds a value that can't be read: {error}")]) from None
    except RecursionError:
        raise DocumentInvalid([Problem(name, "lies too deep in itself")]) from None
