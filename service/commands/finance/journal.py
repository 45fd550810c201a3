"""journal: every posting, for the books of finance; and the proof that they balance."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.domain.errors import Refused
from ledger.domain.postings import ACCOUNTS
from ledger.domain.values import points_text
from projections.finance.beancount import beancount_text
from projections.finance.journal import COLUMNS, entries, journal_check
from projections.finance.reading import POSITION_MAX
from projections.finance.sheets import csv_text, xlsx_bytes
from service.commands.finance.asking import AsOfOption, OutOption, PositionOption, day_option, looking, put
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, fail, output_of

FORMATS = ("csv", "xlsx", "beancount")
_NUMBERS = ("position", "points", "cny")


def journal(
    format_: Annotated[str, typer.Option("--format", help="csv, xlsx or beancount. 格式。")] = "csv",
    check: Annotated[bool, typer.Option("--check", help="Post everything again and prove it balances. 试算平衡。")] = False,
    as_of: AsOfOption = None,
    position: PositionOption = None,
    out_file: OutOption = None,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The journal of postings in points and CNY, or the check that it balances. 会计分录。"""
    out = output_of(json, language)
    if format_ not in FORMATS:
        raise Refused("USAGE", f"--format is {', '.join(FORMATS)}", "format")
    day, stop = day_option(as_of, "as-of"), POSITION_MAX if position is None else position
    if check:
        _check(out, day, stop, ledger, actor)
        return
    if format_ == "xlsx" and out_file is None:
        raise Refused("USAGE", "an XLSX file needs --out FILE", "out")
    with looking(ledger, actor) as look:
        found = entries(look.connection, look.value(look.today if day is None else day), day_last=day, stop=stop)
        if format_ == "beancount":
            put(out, out_file, beancount_text(ledger, found))
            return
        rows = (row for entry in found for row in entry.rows())
        if format_ == "csv":
            put(out, out_file, csv_text(COLUMNS, rows, _NUMBERS))
        else:
            put(out, out_file, [xlsx_bytes([("journal", COLUMNS, rows, _NUMBERS)])])


def _check(out: Output, day: int | None, stop: int, ledger: str, actor: str) -> None:
    with looking(ledger, actor) as look:
        found = journal_check(look.connection, day_last=day, stop=stop)
    if found.fault:
        fail(out, "BOOKS_UNBALANCED", found.fault, "journal")
    if out.json:
        out.document(found.document())
        return
    words = {
        "issuance": "发放", "available": "可用", "held": "占用", "redeemed": "已兑换", "expired": "已到期",
        "adjusted": "人工调整",
    }  # fmt: skip
    rows = [[out.say(words[a], a), points_text(found.accounts[a])] for a in ACCOUNTS]
    rows.append([out.say("合计", "sum"), points_text(sum(found.accounts.values()))])
    out.table(out.say("试算平衡表", "Trial balance"), [out.say("科目", "account"), out.say("积分", "points")], rows, [1])
    out.console.print(
        out.say(
            f"{found.events} 笔分录，截至位置 {found.position}：借贷平衡。",
            f"{found.events} entries up to position {found.position}: the books balance.",
        )
    )


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(journal)
