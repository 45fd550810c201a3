"""Which commands about staff, customers and the work with them a row can become, and what their fields hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

from ledger.domain.commands import (
    ChangeProfile,
    Command,
    DeclareTeam,
    EnrolStaff,
    OpenOpportunity,
    RecordFact,
    RegisterCustomer,
    ReportLead,
)

KindId: TypeAlias = Literal["team", "staff", "lead", "profile", "opportunity"]


@dataclass(frozen=True)
class Kind:
    """A command as mappings see it.

    `references` are fields by which a thing is known again: compared in one writing. `needed` are fields that the
    command may do without and a file may not, as the same row would otherwise be recorded twice; `spared` are those
    that a file may do without, and are "" then. What has no reference
    that makes it one thing is `by_content`: a row like an earlier one is a duplicate, whatever has changed since.
    """

    command: type[Any]
    references: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    by_content: bool = False

    @cached_property
    def plain(self) -> Mapping[str, type[Any]]:
        """The fields that hold one value, each text, a whole number, or yes or no."""
        return {name: hint for name, hint in self._hints.items() if hint in (str, int, bool)}

    @cached_property
    def entries(self) -> Mapping[str, type[Any]]:
        """The fields that hold values by name, and what these are; text where they may be anything."""
        kinds = {n: get_args(h)[1] for n, h in self._hints.items() if get_origin(h) is Mapping}
        return {name: str if kind is Any else kind for name, kind in kinds.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields that must be filled."""
        made = (f.name for f in fields(self.command) if f.default is MISSING and f.default_factory is MISSING)
        return self.needed.union(made) - self.spared

    @cached_property
    def _hints(self) -> Mapping[str, Any]:
        return get_type_hints(self.command)


KINDS: Final[Mapping[str, Kind]] = {
    "team": Kind(DeclareTeam, frozenset({"team", "parent"}), by_content=True),
    "staff": Kind(EnrolStaff, frozenset({"reference", "team", "leader"}), spared=frozenset({"reference"})),
    "lead": Kind(ReportLead, frozenset({"lead"})),
    "profile": Kind(ChangeProfile, by_content=True),
    "opportunity": Kind(OpenOpportunity, frozenset({"reference"}), frozenset({"reference"}), by_content=True),
}
"""By the name that mappings call them."""

BY_CONTENT: Final = frozenset(kind.command for kind in KINDS.values() if kind.by_content)
_NAMES: Final[Mapping[type[Any], str]] = {
    RecordFact: "fact", RegisterCustomer: "customer", **{kind.command: name for name, kind in KINDS.items()},
}  # fmt: skip


def kind_name(command: Command) -> str:
    """What a command makes, as reports call it."""
    return _NAMES[type(command)]


def kind_problems(
    kind: Kind, filled: frozenset[str], entries: Mapping[str, Any], given: frozenset[str]
) -> Iterator[str]:
    """What is wrong with the fields that a mapping fills, `given` being filled by themselves."""
    for name in sorted(filled - kind.plain.keys()):
        yield f"{name} is no field of one value; there are {', '.join(sorted(kind.plain))}"
    for name in sorted(entries.keys() - kind.entries.keys()):
        yield f"{name} is no field of values by name; there are {', '.join(sorted(kind.entries)) or 'none'}"
    for name in sorted(kind.required - filled - given - entries.keys()):
        yield f"{name} must be filled"
