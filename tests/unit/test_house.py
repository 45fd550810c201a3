"""The house itself: floors nobody imports upwards through, rooms that say what they are for, clean locks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES_MAX = 450

# What each room may import of ours. Rooms not built yet are named, so that they begin under the rule.
MIDDLE = ("projections", "replay", "connectors", "reconciliation", "streams", "webhooks")
ROOMS_ALLOWED: dict[str, frozenset[str]] = {
    "ledger": frozenset({"migrations"}),
    **{room: frozenset({"ledger"}) for room in MIDDLE},
    "api": frozenset({"ledger", *MIDDLE}),
    "console": frozenset({"ledger", *MIDDLE}),
    "service": frozenset({"ledger", *MIDDLE, "api", "console", "migrations"}),
    "migrations": frozenset(),
    "plumbline_client": frozenset(),
}
ROOMS_BUILT = ("ledger", "projections", "replay", "connectors", "reconciliation", "streams", "webhooks", "api", "service", "plumbline_client")

# The floors inside `ledger`; the writer, in one file or several, stands on top.
LEDGER_ALLOWED: dict[str, frozenset[str]] = {
    "integrity": frozenset(),
    "domain": frozenset(),
    "rules": frozenset({"integrity", "domain"}),
    "log": frozenset({"integrity", "domain"}),
    "writer": frozenset({"integrity", "domain", "rules", "log"}),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "client" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def our_files() -> dict[str, Path]:
    folders = [ROOT / room for room in ROOMS_ALLOWED] + [ROOT / "client" / "plumbline_client"]
    return {module_name(path): path for folder in folders for path in sorted(folder.rglob("*.py"))}


def imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """The absolute names that a module imports, at its top or inside a function."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *(node.module.split(".") if node.module else [])])
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def imports_of(module: str, path: Path) -> set[str]:
    names = imported(ast.parse(path.read_text("utf-8")), module, path.name == "__init__.py")
    return {name for name in names if name.split(".")[0] in ROOMS_ALLOWED}


def violations(imports: dict[str, set[str]]) -> list[str]:
    found: list[str] = []
    floors: dict[str, set[str]] = {}
    for module, names in imports.items():
        room = module.split(".")[0]
        for name in sorted(names):
            target = name.split(".")[0]
            if target != room and target not in ROOMS_ALLOWED[room]:
                found.append(f"{module} imports {name}: {room} may not import {target}")
            if room == target == "ledger":
                floors.setdefault(second_part(module), set()).add(second_part(name))
    return found + ledger_violations(floors)


def second_part(dotted: str) -> str:
    return f"{dotted}.".split(".")[1]


def ledger_violations(imports: dict[str, set[str]]) -> list[str]:
    """What a floor of `ledger` imports and may not, be it by way of a module beside the floors."""
    found: list[str] = []
    for floor, allowed in LEDGER_ALLOWED.items():
        seen: set[str] = set()
        waiting = list(imports.get(floor, ()))
        while waiting:
            target = waiting.pop()
            if target in seen or target == floor:
                continue
            seen.add(target)
            if target not in LEDGER_ALLOWED:
                waiting += imports.get(target, ())
        forbidden = seen - allowed if floor == "integrity" else (seen & set(LEDGER_ALLOWED)) - allowed
        found += [f"ledger.{floor} may not import ledger.{target}" for target in sorted(forbidden)]
    return found


def cycles(edges: dict[str, set[str]]) -> list[str]:
    """The names that can be reached from themselves."""
    found: list[str] = []
    for start in edges:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += edges.get(name, ())
        if start in seen:
            found.append(start)
    return found


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    return our_files()


def test_nothing_imports_upwards_or_sideways_and_the_check_saw_our_files(files: dict[str, Path]) -> None:
    assert {*ROOMS_BUILT, "service.settings", "service.embedded.postgres", "service.embedded.nats"} <= set(
        files
    )
    imports = {module: imports_of(module, path) for module, path in files.items()}
    assert any(name.startswith("service.settings") for name in imports["service.embedded"])
    assert violations(imports) == []

    rooms: dict[str, set[str]] = {}
    for module, names in imports.items():
        room = module.split(".")[0]
        rooms.setdefault(room, set()).update({name.split(".")[0] for name in names} - {room})
    assert cycles(rooms) == []


def test_the_client_imports_nothing_else_of_ours_and_integrity_nothing_at_all_of_ours() -> None:
    assert violations({"plumbline_client.http": {"ledger.domain"}}) != []
    assert violations({"ledger.integrity.tree": {"ledger.domain.values"}}) != []
    assert violations({"ledger.integrity.tree": {"ledger.integrity.hashing"}}) == []


@pytest.mark.parametrize(
    ("source", "module", "is_wrong"),
    [
        ("import service.settings", "ledger.log.recorder", True),
        ("def later():\n    from api import routes", "replay.run", True),
        ("from projections import balances", "replay.run", True),
        ("from ..rules import engine", "ledger.domain.events", True),
        ("from ledger import writer", "ledger.rules.engine", True),
        ("from ledger.log import recorder", "ledger.rules.engine", True),
        ("from ledger.domain import events", "ledger.rules.engine", False),
        ("from ledger.rules import engine", "ledger.writer", False),
        ("from ledger import rules", "replay.run", False),
        ("import polars", "projections.columns", False),
    ],
)
def test_the_check_finds_what_it_is_for(source: str, module: str, is_wrong: bool) -> None:
    names = {
        name for name in imported(ast.parse(source), module, False) if name.split(".")[0] in ROOMS_ALLOWED
    }
    assert bool(violations({module: names})) is is_wrong


def test_a_module_beside_the_floors_of_ledger_is_no_way_around_them() -> None:
    beside = {"ledger.standard": {"ledger.rules.documents"}}
    assert violations(beside) == []
    assert violations(beside | {"ledger.writer": {"ledger.standard"}}) == []
    assert violations(beside | {"ledger.log.codec": {"ledger.standard"}}) == [
        "ledger.log may not import ledger.rules"
    ]


def test_a_circle_of_rooms_is_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def test_no_module_has_grown_too_long(files: dict[str, Path]) -> None:
    lines = {module: len(path.read_text("utf-8").splitlines()) for module, path in files.items()}
    assert lines["service.embedded.postgres"] > 0
    assert {module: count for module, count in lines.items() if count > MODULE_LINES_MAX} == {}


def soak_paths(makefile: str) -> list[str]:
    """The paths that `make soak` gives to pytest; none: all tests."""
    found = re.search(r"^soak:.*\n\t.* -m pytest -m soak --timeout 0(.*)$", makefile, re.MULTILINE)
    assert found is not None
    return found[1].split()


def test_make_soak_runs_every_test_that_is_marked_so_wherever_it_lies() -> None:
    mark = re.compile(r"^@pytest\.mark\.soak$", re.MULTILINE)
    marked = [p for p in (ROOT / "tests").rglob("test_*.py") if mark.search(p.read_text("utf-8"))]
    assert len({path.parent for path in marked}) > 1
    folders = [ROOT / path for path in soak_paths((ROOT / "Makefile").read_text("utf-8"))] or [ROOT / "tests"]
    assert [p for p in marked if not any(p.is_relative_to(folder) for folder in folders)] == []


def test_every_room_and_package_says_what_it_is_for(files: dict[str, Path]) -> None:
    packages = {module: path for module, path in files.items() if path.name == "__init__.py"}
    assert set(ROOMS_BUILT) <= set(packages)
    silent = [
        name for name, path in packages.items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_by_hash_and_holds_no_address_and_no_path(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    pins = re.findall(
        r"^[a-z0-9][a-z0-9._-]*==\S+.* \\\n +--hash=sha256:[0-9a-f]{64}", text, flags=re.MULTILINE
    )
    requirements = re.findall(r"^[^\s#]", text, flags=re.MULTILINE)
    assert len(pins) == len(requirements) > 20
    assert re.findall(r"[a-z]+://|--index-url|--find-links|(?:^|\s)/\S+", text) == []


def test_the_locks_agree_with_each_other_and_name_every_dependency() -> None:
    pins = {
        name: set(
            re.findall(r"^([a-z0-9][a-z0-9._-]*==[^\s;]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        )
        for name in ("requirements.lock", "requirements-dev.lock")
    }
    assert pins["requirements.lock"] < pins["requirements-dev.lock"]
    names = {pin.partition("==")[0] for pin in pins["requirements.lock"]}
    assert {"eventsourcing", "psycopg", "fastapi", "nats-py", "polars", "numba", "setuptools"} <= names
