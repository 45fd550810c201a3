"""Where to go on: commands that work as they are printed, from the folder in which the demonstration was called."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.comparison import CustomerChange
from service.demo.figures import Standing
from service.output import Language
from service.settings import HOME_DEFAULT, HOME_VARIABLE, Settings


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command to type, and what it shows."""

    command: str
    zh: str
    en: str


def next_steps(
    settings: Settings,
    ledger: str,
    language: Language,
    what_if: Path,
    assignment: Path,
    month: Path,
    places: Sequence[Standing],
    changes: Sequence[CustomerChange],
    period: str,
) -> list[NextStep]:
    """The commands for these books; `changes` most gained first, `period` the month that was reconciled."""
    program = program_name()
    if settings.home != Path(HOME_DEFAULT).absolute():
        program = f"{HOME_VARIABLE}={shlex.quote(str(settings.home))} {program}"
    tail = f"--ledger {ledger} --language {language}"
    steps = [
        NextStep(f"{program} customers {tail}", "全部客户的积分与等级", "every customer's points and tier")
    ]
    if places:
        steps.append(
            NextStep(
                f"{program} history {places[0].customer} {tail}",
                "榜首的每一分从哪来，依据哪条规则",
                "where each point of the first in the list came from, and by which rule",
            )
        )
    if changes:
        steps.append(
            NextStep(
                f"{program} replay --rules {_shown(what_if)} --customer {changes[-1].customer} {tail}",
                "同一推演，并列出一家客户每处变化的条款",
                "the same what-if, with the clause behind each point that changes for one customer",
            )
        )
    steps += [
        NextStep(
            f"{program} replay --assignment-rules {_shown(assignment)} {tail}",
            "同样的客户，在另一套分配规则下归谁",
            "who would serve whom under other assignment rules",
        ),
        NextStep(
            f"{program} reconcile --period {period} {tail}",
            "再次对账：不再新增匹配，逐项列出未结及依据",
            "reconcile once more: nothing new is matched; every open item with its reason",
        ),
        NextStep(f"{program} pool {tail}", "公海里的客户", "the customers in the pool"),
        NextStep(
            f"{program} rules show --explain {tail}", "现行规则，用文字说明", "the rules in force, in words"
        ),
        NextStep(
            f"{program} import facts {_shown(month)} {tail}",
            "再次导入同一个月：全部是重复，账不变",
            "the same month once more: all duplicates, nothing changes",
        ),
        NextStep(f"{program} down --language {language}", "停止内嵌服务", "stop the embedded servers"),
    ]
    return steps


def program_name() -> str:
    """How to call this program again from here: `plumbline` where that finds it, else its path."""
    called = Path(sys.argv[0])
    found = shutil.which("plumbline")
    if called.name != "plumbline" or not called.exists() or (found and Path(found).samefile(called)):
        return "plumbline"
    return _shown(called)


def _shown(path: Path) -> str:
    """A path as it is typed here: relative where it lies below this folder."""
    absolute = path.absolute()
    here = Path.cwd()
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
