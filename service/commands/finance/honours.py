"""honours: the best customers of a year, recorded once, with their certificates and the public list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ledger.domain.commands import AwardHonours, Request
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.values import customer_id, day_parse, points_text
from projections.events import event_read
from projections.finance.certificates import certificate_pdf
from projections.finance.honours import MEASURE, MEASURE_WORDS, PUBLICATION, Place, places_find, places_of, public_list
from projections.finance.reading import position_head
from reconciliation.reconciling import state_read
from service.commanding import commands
from service.commands.finance.asking import Looking, looking
from service.output import ACTOR_DEFAULT, ActorOption, JsonOption, LanguageOption, LedgerOption, Output, output_of


def honours(
    year: Annotated[int, typer.Option("--year", min=1970, max=2149, help="The year. 年度。")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write certificates (PDF) and the public list (JSON) here. 输出目录。")
    ] = None,
    issuer: Annotated[str, typer.Option("--issuer", help="Who awards them; on the certificates. 颁发单位。")] = "Plumbline",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who it would be, and record nothing. 试运行。")] = False,
    ledger: LedgerOption = "main",
    actor: ActorOption = ACTOR_DEFAULT,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """The ten best customers of a year: found in the log, recorded once, and the same ever after. 年度荣誉。"""
    out = output_of(json, language)
    with looking(ledger, actor) as look:
        places, recorded, warnings = _places(look, year, actor, dry_run)
        consented = {customer_id(c.number) for c in look.book.customers if PUBLICATION in c.consents}
    listed = public_list(year, places, consented)
    if folder is not None:
        _write(folder, year, places, listed, issuer)
    if out.json:
        out.document({
            "year": year, "position": recorded, "measure": {"id": MEASURE, **MEASURE_WORDS},
            "places": [p.document() for p in places], "public": listed, "warnings": out.warned(warnings),
        })  # fmt: skip
        return
    _show(out, year, places, recorded, consented, folder)
    out.warn(warnings)


def _places(look: Looking, year: int, actor: str, dry_run: bool) -> tuple[list[Place], int, list[PlumblineError]]:
    """The places of a year, the position that says so (0: nothing is recorded), and what keeps views from showing it."""
    warnings: list[PlumblineError] = []
    known = state_read(look.handle.columns()).settlement.honours.get(year)
    if known is None:
        names = {c.number: c.name for c in look.book.customers}
        head = position_head(look.connection)
        places = places_find(look.connection, year, names, stop=head)
        if dry_run:
            return places, 0, warnings
        if look.book.closed_day < day_parse(f"{year}-12-31"):
            raise Refused("YEAR_OPEN", "this year isn't closed in the ledger; close it first, or try --dry-run", "year")
        command = AwardHonours(
            year, MEASURE, head, tuple((str(p.rank), p.customer, points_text(p.points)) for p in places)
        )
        with commands(look.handle, actor) as writing:
            [answer] = writing.submit([Request(command, actor)])
        if answer.status == "refused":
            raise Refused(answer.code, answer.reason, answer.field)
        warnings = look.handle.follow_written()
        known = answer.position
    event = event_read(look.connection, known)
    assert event is not None
    return places_of(event.state), known, warnings


def _write(folder: Path, year: int, places: list[Place], listed: dict[str, Any], issuer: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for place in places:
        (folder / f"{year}-{place.rank:02d}-{place.customer}.pdf").write_bytes(certificate_pdf(place, year, issuer))
    (folder / f"{year}-honours.json").write_bytes(orjson.dumps(listed, option=orjson.OPT_INDENT_2) + b"\n")


def _show(
    out: Output, year: int, places: list[Place], recorded: int, consented: set[str], folder: Path | None
) -> None:
    if not places:
        out.console.print(out.say(f"{year} 年没有人获得积分。", f"Nobody earned points in {year}."))
        return
    public = (out.say("是", "yes"), out.say("否", "no"))
    out.table(
        out.say(f"{year} 年度金牌合作伙伴", f"Gold Partners of {year}"),
        [out.say(a, b) for a, b in (("名次", "rank"), ("编号", "id"), ("名称", "name"), ("积分", "points"),
                                     ("并列", "tied"), ("可公开", "public"))],
        [
            [str(p.rank), p.customer, p.name, points_text(p.points), public[0] if p.tied else "",
             public[0] if p.customer in consented else public[1]]
            for p in places
        ], [0, 3],
    )  # fmt: skip
    out.console.print(MEASURE_WORDS[out.language], style="dim")
    if recorded:
        out.console.print(out.say(f"记于位置 {recorded}。", f"Recorded at position {recorded}."))
    if folder is not None:
        out.note(f"证书与名单已写入 {folder}", f"certificates and list are in {folder}")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(honours)
