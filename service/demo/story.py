"""What `plumbline demo` does: three invented years into books of their own, month by month, and then the questions.

The books are called `demo` and made anew each time; no others are touched. Everything goes through the doors that
everybody uses: the importer, the writer, the views, replay.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from connectors.files.importing import import_file
from connectors.files.mapping_loading import mapping_load
from ledger.domain.book import Book
from ledger.domain.commands import CloseDays, Request
from ledger.domain.errors import PlumblineError
from ledger.domain.values import customer_number, day_of, month_text
from ledger.rules.assignment.words import assignment_words
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from ledger.writer import Writer
from projections.relations.scopes import EVERYTHING
from projections.relations.timeline import timeline_read
from replay.ownership.what_if import assignment_replaced, ownership_recorded_check, ownership_what_if
from replay.what_if import recorded_check, what_if
from service.bootstrap import TIMEZONE_DEFAULT, LedgerHandle, clock, ledger_drop, ledger_open, today_in
from service.demo.contractor import contractor_facts, first_day_of, months_write
from service.demo.figures import closed_through, quarters, standings
from service.demo.next_steps import next_steps
from service.demo.pages import Pages
from service.demo.redemptions import MONTHS, RedemptionsRefused, Shop, rules_with_catalogue
from service.demo.salesforce import SalesForce, SalesForceRefused, assignment_candidate, sales_force_record
from service.demo.settling import SettlingRefused, month_liability, settle, settled_check
from service.demo.settling_pages import SettlingPages
from service.demo.what_if import what_if_document, what_if_write
from service.output import Output
from service.settings import DATABASE_URL_VARIABLE, Settings

LEDGER: Final = "demo"
SEED: Final = 20_260
YEARS: Final = 3
OPEN_DAYS: Final = 21
"""So many days before the last stay open, as in life: what happened in them can still be put right."""

_THREADS: Final = 2


class DemoRefused(PlumblineError):
    """The demonstration would write to a database that isn't its own."""

    code = "DEMO_REFUSED"


class DemoBroken(PlumblineError):
    """The books did not take what was invented for them: a fault of this program, not of the person."""

    code = "DEMO_BROKEN"


@dataclass
class Clocked:
    """How long each step took, in seconds, in order."""

    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """Measure what is done inside."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - started

    @property
    def total(self) -> float:
        """All steps together."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Recorded:
    """What went into the books."""

    facts: int
    position: int


def demo_run(
    settings: Settings,
    out: Output,
    actor: str,
    *,
    yes: bool = False,
    seed: int = SEED,
    last_day: date | None = None,
    firms: int = 300,
    facts: int = 104_000,
    years: int = YEARS,
) -> None:
    """Tell the whole story on standard output. `last_day` is yesterday where none is given; `yes` allows an
    external database; `firms`, at least `facts` and `years` say how much is invented.

    Raises DemoRefused where the database is external and `yes` is not said, DemoBroken where the books don't take
    the facts, replay differs from the record, or reconciling misses a planted fault or sees one that is none.
    """
    if settings.database_url is not None and not yes:
        raise DemoRefused(
            f"{DATABASE_URL_VARIABLE} names a database of yours, and the demo drops and makes anew the ledger"
            f" '{LEDGER}' in it: say --yes if that is what you want, or unset the variable for the embedded one"
        )
    pages = Pages(out)
    clocked = Clocked()
    last = last_day or (clock().astimezone(ZoneInfo(TIMEZONE_DEFAULT)).date() - timedelta(days=1))
    folder = settings.home / LEDGER
    pages.title(first_day_of(last, years), last, firms)

    with clocked.step("books"):
        ledger_drop(settings, LEDGER)
    with clocked.step("generate"):
        shutil.rmtree(folder, ignore_errors=True)
        counts: dict[str, int] = {}
        rows = contractor_facts(seed, last, firms=firms, facts=facts, years=years)
        months = list(months_write(_counted(rows, counts), folder))
    invented = sum(counts.values())
    pages.generated(invented, len(months), folder, clocked.seconds["generate"])

    with ledger_open(settings, LEDGER, actor, create=True) as handle:
        with handle.writing(actor) as writer:
            with clocked.step("import_and_close"):
                shop = Shop(writer, actor, seed)
                recorded = _record(handle, writer, shop, months, invented, last, actor, out)
            with clocked.step("sales_force"):
                force = _sales_force(writer, actor, seed)
            with clocked.step("payments"), _settling():
                settled = settle(handle, writer, folder, actor, seed, day_of(last), out.language)
            recorded = replace(recorded, position=writer.state.book.position)
        pages.recorded(recorded.facts, recorded.position, clocked.seconds["import_and_close"])
        with clocked.step("views"), out.progress("更新视图", "bringing views up to date") as update:
            handle.follow(update)
        if handle.failed:
            raise next(iter(handle.failed.values()))
        columns = handle.columns()
        book = columns.book()
        pages.followed(clocked.seconds["views"], closed_through(book))

        with clocked.step("settlement"), _settling():
            checked = settled_check(columns, settled)
            with handle.recorder.datastore.get_connection() as connection:
                liability = month_liability(connection, book)

        document = what_if_document(rules_with_catalogue())
        candidate = folder / "what_if.yaml"
        what_if_write(document, candidate)
        with clocked.step("what_if"):
            found = what_if(columns, rule_set_parse(document), _THREADS, lambda done, of: None)
        with clocked.step("figures"):
            places, by_quarter = standings(book, found.recorded), quarters(columns)
        with clocked.step("assignment_what_if"):
            section = assignment_candidate()
            assignment = folder / "assignment.yaml"
            what_if_write(section, assignment)
            owners = ownership_what_if(
                columns, found.recorded, found.recorded, lambda done, of: None,
                scenario=assignment_replaced(found.recorded.scenario, section),
            )  # fmt: skip
            explained = _explained(handle, book, force.arrived, out)
        with clocked.step("proof"):
            run, count, differences = recorded_check(columns, _THREADS, lambda done, of: None)
            owners_run, owners_count, owners_first = ownership_recorded_check(columns, run)

    changes = found.comparison.customers
    steps = next_steps(
        settings, LEDGER, out.language, candidate, assignment, months[len(months) // 2], places, changes,
        month_text(settled.period),
    )  # fmt: skip
    if out.json:
        out.document({
            "ledger": LEDGER, "seed": seed, "first_day": first_day_of(last, years).isoformat(),
            "last_day": last.isoformat(), "closed_through": closed_through(book), "customers": len(book.customers),
            "facts": recorded.facts, "facts_by_type": counts, "position": recorded.position,
            "leaderboard": [s.document() for s in places[:10]], "tiers": found.comparison.recorded.tiers,
            "quarters": [q.document() for q in by_quarter], "what_if": found.document(10),
            "redemptions": shop.came_to.document(),
            "settlement": {"payments": len(settled.history.payments), "matches": settled.matches, **checked.document()},
            "honours": {
                "year": settled.year, "position": settled.position, "places": [p.document() for p in settled.places],
            },
            "liability": liability.document(), "sales_force": {**force.document(), "why": explained}, "assignment_what_if": owners.document(10),
            "recorded": {
                "run_id": run.run_id, "digest": run.digest, "differences": count,
                "ownership": {"digest": owners_run.digest, "differences": owners_count},
            },
            "seconds": {name: f"{s:.3f}" for name, s in clocked.seconds.items()}, "next": [s.command for s in steps],
        })  # fmt: skip
    else:
        pages.facts(counts)
        pages.leaderboard(places[:10])
        pages.tiers(found.comparison.recorded.tiers, rules_standard())
        pages.quarters(by_quarter)
        pages.redemptions(shop.came_to)
        settling = SettlingPages(out)
        settling.settlement(settled, checked)
        settling.liability(liability)
        settling.honours(settled)
        pages.what_if(found, book)
        pages.sales_force(force, explained)
        pages.assignment_what_if(owners)
        pages.proof(run, count, differences)
        pages.proof_of_owners(owners_run, owners_count, owners_first)
        pages.end(steps, clocked.seconds, clocked.total)
    if count or owners_count:
        raise DemoBroken(
            f"replay under the recorded rules differs from the record in {count} decisions and {owners_count} changes of"
            " owner; please report this"
        )
    if checked.complaint:
        raise DemoBroken(f"reconciling did not find what was planted and nothing else: {checked.complaint}")


@contextmanager
def _settling() -> Generator[None]:
    try:
        yield
    except SettlingRefused as refused:
        raise DemoBroken(str(refused)) from None


def _sales_force(writer: Writer, actor: str, seed: int) -> SalesForce:
    today = today_in(ZoneInfo(TIMEZONE_DEFAULT))
    try:
        return sales_force_record(writer, actor, seed, len(writer.state.book.customers), today)
    except SalesForceRefused as refused:
        raise DemoBroken(str(refused)) from None


def _explained(handle: LedgerHandle, book: Book, customer: str, out: Output) -> list[str]:
    """Why a customer came to its owner, line by line."""
    with handle.recorder.datastore.get_connection() as connection:
        [entry] = timeline_read(
            connection, EVERYTHING, customer_number(customer), topics=["CustomerAssigned"], books=False, limit=1
        )
    rules = rule_set_parse(book.rule_sets[entry.state["rule_set"]].document)
    return assignment_words(entry.state, rules, out.language).lines


def _counted(rows: Iterator[tuple[str, ...]], counts: dict[str, int]) -> Iterator[tuple[str, ...]]:
    """The rows as they pass, counted by fact type."""
    for row in rows:
        counts[row[0]] = counts.get(row[0], 0) + 1
        yield row


def _record(
    handle: LedgerHandle, writer: Writer, shop: Shop, months: list[Path], facts: int, last: date, actor: str, out: Output
) -> Recorded:
    """Import a month, let customers redeem in the last ones, close it, and so on; the last days stay open. Raises
    DemoBroken."""
    mapping = mapping_load("facts")
    _redeem(shop.open)
    open_from = last - timedelta(days=OPEN_DAYS)
    done = 0
    with out.progress("导入并逐月关账", "importing, closing month by month") as update:
        for path in months:

            def progress(stage: str, rows: int, _of: int | None, base: int = done) -> None:
                if stage == "recording":
                    update(base + rows, facts)

            report = import_file(
                writer.submit,
                mapping,
                writer.state.book.fact_types.get,
                path,
                actor=actor,
                recorded_at=clock(),
                progress=progress,
                quarantine=handle.quarantine,
                language=out.language,
            )
            if report.accepted != report.read:
                first = report.rejected[0] if report.rejected else None
                why = f": row {first.row}, {first.field} {first.reason}" if first else ""
                raise DemoBroken(f"{path.name}: {report.accepted} of {report.read} rows were accepted{why}")
            done += report.accepted
            if path in months[-MONTHS:]:
                end = min(month_end(path), last)
                days = day_of(end.replace(day=1)), day_of(end)
                _redeem(partial(shop.month, *days))
            through = min(month_end(path), open_from)
            [answer] = writer.submit([Request(CloseDays(through.isoformat()), actor)])
            if answer.status == "refused":
                raise DemoBroken(f"{through.isoformat()} was not closed: {answer.reason}")
    return Recorded(done, writer.state.book.position)


def _redeem(done: Callable[[], None]) -> None:
    try:
        done()
    except RedemptionsRefused as refused:
        raise DemoBroken(str(refused)) from None


def month_end(path: Path) -> date:
    """The last day of the month that a file (2025-03.csv) is named after."""
    year, month = (int(part) for part in path.stem.split("-"))
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
