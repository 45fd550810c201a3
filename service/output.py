"""How commands speak: tables and words for people, JSON for programs, progress and notes on standard error."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn

import orjson
import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ledger.domain.errors import PlumblineError
from ledger.domain.problem_words import Language, words_of
from ledger.domain.values import text_shown

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs. 输出 JSON。")]
LedgerOption = Annotated[str, typer.Option("--ledger", help="Which set of books. 账套。")]
ActorOption = Annotated[str, typer.Option("--actor", help="Who acts; by default the system's user. 操作人。")]
LANGUAGE_VARIABLE: Final = "PLUMBLINE_LANGUAGE"
LanguageOption = Annotated[str, typer.Option("--language", envvar=LANGUAGE_VARIABLE, help="zh or en. 语言。")]


def actor_default() -> str:
    """The system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


ACTOR_DEFAULT: Final = actor_default()


_STEERING: Final = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What JSON may hold as it is and a terminal shouldn't get; below, it is escaped already."""


class Terminal(Console):
    """Where words and tables are printed. Nothing that somebody typed steers it: old names may hold escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The pieces to print; those of the library that move the cursor stay."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else text_shown(text), style, control)


@dataclass(frozen=True)
class Output:
    """Where a command's results go. `json`: nothing but one JSON document on standard output."""

    json: bool
    language: Language

    @property
    def console(self) -> Console:
        """Standard output for people; wide enough for tables where it is no terminal."""
        console = Terminal(highlight=False)
        return console if console.is_terminal else Terminal(highlight=False, width=max(console.width, 110))

    def say(self, zh: str, en: str) -> str:
        """The text in the chosen language."""
        return zh if self.language == "zh" else en

    def document(self, data: Any) -> None:
        """Print JSON."""
        text = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
        text = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        sys.stdout.buffer.write(f"{text}\n".encode())
        sys.stdout.flush()

    def note(self, zh: str, en: str) -> None:
        """A word on the way, on standard error; nothing with JSON."""
        if not self.json:
            Terminal(stderr=True, highlight=False).print(self.say(zh, en), style="dim")

    def warn(self, warnings: Sequence[PlumblineError]) -> None:
        """What stood in the way of something that was done all the same, on standard error; nothing with JSON, where it
        is told as `warned`."""
        if not self.json:
            for warning in warnings:
                head = (self.say("注意", "Warning"), "yellow"), " ", (warning.code, "yellow"), " "
                said = Text.assemble(*head, _means(self, warning.code), str(warning))
                Terminal(stderr=True, highlight=False).print(said)

    def warned(self, warnings: Sequence[PlumblineError]) -> list[dict[str, str]]:
        """The same for programs."""
        return [_told(self, warning.code, str(warning), "") for warning in warnings]

    def table(self, title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
        """A table; `numbers` are the columns set right."""
        table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for i, header in enumerate(headers):
            table.add_column(header, justify="right" if i in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    @contextmanager
    def progress(self, zh: str, en: str) -> Generator[Any]:
        """A progress bar on standard error: gives a function of (done, of). With JSON it shows nothing."""
        if self.json or not sys.stderr.isatty():
            yield lambda done, of: None  # pyright: ignore[reportUnknownLambdaType]
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(self.say(zh, en), total=None)

            def update(done: int, of: int) -> None:
                bar.update(task, completed=done, total=of)

            yield update


def output_of(json: bool, language: str) -> Output:
    """The output a command was asked for."""
    if language not in ("zh", "en"):
        raise typer.BadParameter("is neither zh nor en", param_hint="--language")
    return Output(json, language)  # pyright: ignore[reportArgumentType]


def fail(out: Output, code: str, reason: str, field: str = "", exit_code: int = 1) -> NoReturn:
    """Say what is wrong and stop; with JSON as a document on standard output.

    Reasons are English and say what to do; who asked for Chinese is told first what it means and what to do.
    """
    if out.json:
        out.document({"error": _told(out, code, reason, field)})
    else:
        Terminal(stderr=True, highlight=False).print(Text.assemble((code, "red"), " ", _means(out, code), reason))
    raise typer.Exit(exit_code)


def _told(out: Output, code: str, reason: str, field: str) -> dict[str, str]:
    words = words_of(code, out.language)
    return {"code": code, "title": words.title, "advice": words.advice, "reason": reason, "field": field}


def _means(out: Output, code: str) -> str:
    """For who asked for Chinese, what a code means and what to do."""
    words = words_of(code, out.language)
    return f"{words.title}。{words.advice}\n" if out.language == "zh" else ""
