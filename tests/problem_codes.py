"""The problem codes that the program can raise, found in its source; and docs/errors.md, made of the registry.

`python -m tests.problem_codes` writes the page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from api.openapi import codes_of
from api.problems import STATUSES, status_of
from api.routes import routers
from ledger.domain.problem_words import problem_words

ROOT = Path(__file__).parents[1]
ROOMS = ("ledger", "projections", "replay", "connectors", "reconciliation", "streams", "webhooks", "api", "service")
PAGE = ROOT / "docs" / "errors.md"

RAISERS = frozenset({
    "Answer", "Obstacle", "Refused", "RetryLater", "_again", "_refused", "_stopped", "fail", "problem_response", "text_check",
})  # fmt: skip
"""What is given a code and answers or raises it."""
NO_CODES = re.compile(r"LC_ALL|PG_VERSION|PGCONNECT_TIMEOUT|PLUMBLINE_(?!ERROR$).*|[YMD]+")
"""Names of environments and files, and places of dates, which are written like codes."""
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")


def trees() -> Iterator[ast.Module]:
    """The source of every module of the service and the command line; examples raise nothing."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not path.name.startswith("examples"):
                yield ast.parse(path.read_text("utf-8"))


def mentioned(tree: ast.AST) -> set[str]:
    """Whatever is written like a code of several words, but for the names that a module exports."""
    exported = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "__all__"
        for part in ast.walk(node)
    }
    return {c for n in ast.walk(tree) if id(n) not in exported for c in _codes(n) if "_" in c and not NO_CODES.fullmatch(c)}


def raised(tree: ast.AST) -> set[str]:
    """The codes that stand where one is raised or answered: an argument of RAISERS, the `code` of an exception's class
    or of a document, a value looked up by kind or status. Tables of codes, and lists of what a route may answer, are
    not such places."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [*node.args, *(k.value for k in node.keywords)] if _name(node.func) in RAISERS else []
            given += [k.value for k in node.keywords if k.arg == "code"]
            found.update(c for value in given for c in _chosen(value))
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "code":
            found.update(_chosen(node.value))
        elif isinstance(node, ast.arguments):
            found.update(c for value in node.defaults for c in _chosen(value))
        elif isinstance(node, ast.Dict):
            found.update(c for value in node.values for c in _chosen(value))
    return {code for code in found if not NO_CODES.fullmatch(code)}


def _name(node: ast.AST) -> str:
    """The last part of a name."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _chosen(value: ast.AST) -> set[str]:
    """The codes that an expression may come to."""
    if isinstance(value, ast.IfExp):
        return _chosen(value.body) | _chosen(value.orelse)
    return _codes(value)


def _codes(node: ast.AST) -> set[str]:
    value = node.value if isinstance(node, ast.Constant) else None
    return {value} if isinstance(value, str) and len(value) > 3 and _CODE.fullmatch(value) else set()


def codes_of_routes() -> set[str]:
    """The codes that answers over HTTP have."""
    declared = {code for router in routers() for spec, _, _ in router._routes for code in codes_of(spec)}
    return declared | set(STATUSES)


def page() -> str:
    """docs/errors.md."""
    http = codes_of_routes()
    lines = [
        f"| `{code}` | {status_of(code) if code in http else '–'} | {words['zh'].title} | {words['zh'].advice}"
        f" | {words['en'].title} | {words['en'].advice} |"
        for code, words in problem_words().items()
    ]
    return _HEAD.format(count=len(lines)) + "\n".join(lines) + "\n"


_HEAD = """# Errors · 错误代码

The {count} codes that a refusal or failure may have, with what each means and what to do next. The same words are the `title` and
`advice` of a [problem over HTTP](api.md#failures), in the language that `Accept-Language` prefers; `--language zh` says them on the
command line in front of the detail, and `GET /schemas/problems` has all of them as data.

每个代码的含义和下一步怎么办。接口按 Accept-Language 返回中文或英文；命令行加 `--language zh` 显示中文。英文说明（detail）指出具体是哪一处。

A status stands where the code can answer a request; the others are met on the command line, or in the lines and jobs of an answer.

| code | HTTP | 含义 | 怎么办 | meaning | what to do |
|---|---|---|---|---|---|
"""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
