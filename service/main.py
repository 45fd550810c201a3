"""The command `plumbline`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import psycopg
import typer
from eventsourcing.persistence import PersistenceError
from typer.exceptions import TyperException

from ledger.domain.errors import PlumblineError
from ledger.domain.problem_words import Language
from service.command_tree import CommandTree
from service.output import LANGUAGE_VARIABLE, Output, fail

app = typer.Typer(
    name="plumbline",
    cls=CommandTree,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def plumbline() -> None:
    """A ledger of points and customers for civil-engineering contractors. 土木工程客户积分账。"""


def main() -> None:
    """Run the command line; whatever a person can mend is said in a sentence, with exit code 1."""
    out = Output("--json" in sys.argv, language_asked(sys.argv, os.environ))
    try:
        # Without standalone mode, typer gives back the exit code that a command asked for; 130 of one that was stopped.
        exit_code: int = app(standalone_mode=False) or 0
        if exit_code == 130:
            raise typer.Abort
        sys.exit(exit_code)
    except TyperException as error:
        _stopped(out, "USAGE", error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        _stopped(out, "STOPPED", "stopped before the end; what was answered is recorded, run it again for the rest", 130)
    except PlumblineError as error:
        _stopped(out, error.code, str(error), 1)
    except (psycopg.OperationalError, PersistenceError) as error:
        _stopped(out, *database_told(error), 1)
    except (OSError, ValueError, RuntimeError) as error:
        _stopped(out, "FAILED", _first_line(error), 1)


def database_told(error: Exception) -> tuple[str, str]:
    """Whether the database is away, or refused something that it was asked: code and reason."""
    # Only who meets an error of the database waits for the views that know it.
    from projections.passing import passing

    said = _first_line(error)
    if passing(error):
        return "DATABASE_UNREACHABLE", f"the database doesn't answer ({said}); `plumbline status` says what runs"
    return "FAILED", f"the database refused what it was asked ({said}); its log says more"


def language_asked(arguments: Sequence[str], environment: Mapping[str, str]) -> Language:
    """The language of a refusal that comes from outside of the command, or before it has read its options."""
    asked = environment.get(LANGUAGE_VARIABLE)
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        option, _, given = argument.partition("=")
        if option == "--language":
            asked = given or following
    return "zh" if asked == "zh" else "en"


def _stopped(out: Output, code: str, reason: str, exit_code: int) -> None:
    try:
        fail(out, code, reason, exit_code=exit_code)
    except typer.Exit as done:
        sys.exit(done.exit_code)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    main()
