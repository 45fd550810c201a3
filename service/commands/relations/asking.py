"""What these commands share: one command sent or tried, and reads as somebody sees things."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from psycopg import Connection

from ledger.domain.commands import Answer, Command, Request
from ledger.domain.errors import PlumblineError, Refused
from ledger.domain.relations.collisions import collision_answer_chinese
from ledger.domain.relations.handover import handover_answer_chinese
from ledger.domain.relations.ids import staff_id, staff_number
from ledger.domain.values import customer_id, date_of, day_parse
from ledger.log.vault import Vault
from projections.places import ViewFailed
from projections.relations.profiles import Known, customers_seen, profile_read
from projections.relations.scopes import EVERYTHING, Scope, scope_of
from projections.relations.staff import StaffRow, staff_read
from service.bootstrap import LedgerHandle, ledger_open, today_in
from service.commanding import commands
from service.output import Output
from service.settings import Settings

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be recorded, and record nothing. 试运行。")
]
AsOption = Annotated[
    str | None, typer.Option("--as", help="See what this member of staff sees (S-000001). 以某人的视角。")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many. 条数。")]
FromOption = Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD. 起始日。")]
ToOption = Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD; by default today. 截止日。")]


def send(
    out: Output, command: Command, ledger: str, actor: str, *, dry_run: bool = False,
    more: Callable[[LedgerHandle, Answer], str] | None = None,
) -> None:  # fmt: skip
    """Carry out one command, or try it, and say what came of it; `more` says more to people, once the views know of it.
    A refusal is raised."""
    warnings: list[PlumblineError] = []
    with ledger_open(Settings.from_environment(), ledger, actor, create=True) as handle:
        handle.follow(columns_only=True)
        with commands(handle, actor) as writing:
            request = Request(command, actor)
            if dry_run:
                [rehearsal] = writing.rehearse([request])
                answer, events = rehearsal.answer, rehearsal.events
            else:
                [answer], events = writing.submit([request]), []
        if answer.status == "refused":
            told = [o["sentence"][out.language] for o in answer.obstacles or ()]
            raise Refused(answer.code, "; ".join(told) or answer.reason, answer.field)
        if not dry_run:
            warnings = handle.follow_written()
        stands = ""
        if more is not None and not dry_run and not out.json:
            # What is recorded is told, whatever can't be read of it; why stands in the warnings.
            with suppress(ViewFailed):
                stands = more(handle, answer)
    _say(out, answer, events, dry_run, warnings)
    if stands:
        out.console.print(stands)
    out.warn(warnings)


def _say(
    out: Output, answer: Answer, events: Sequence[dict[str, Any]], dry_run: bool, warnings: Sequence[PlumblineError]
) -> None:
    if out.json:
        document: dict[str, Any] = {
            "status": answer.status, "customer": answer.customer, "id": answer.id, "position": answer.position,
            "code": answer.code, "reason": answer.reason,
        }  # fmt: skip
        if dry_run:
            out.document({"dry_run": True, "answer": document, "events": list(events)})
        else:
            out.document({**document, "warnings": out.warned(warnings)})
        return
    what = answer.id or answer.customer
    words = {
        "accepted": out.say("将被记录" if dry_run else "已记录", "would be recorded" if dry_run else "recorded"),
        "duplicate": out.say("已存在，未变", "already there, nothing changed"),
    }
    out.console.print(f"{what} {words.get(answer.status, answer.status)}".strip())
    if answer.reason:
        chinese = handover_answer_chinese(collision_answer_chinese(answer.reason))
        out.console.print(out.say(chinese, answer.reason))
    for event in events:
        out.console.print(f"  {event['event']}  {event['stream']}", style="dim")


@dataclass(frozen=True, slots=True)
class Looking:
    """A look at the views: all of them stand at the end of the log, but for those that failed; their readers say so. `scope` is what may be seen, `today` a day number,
    `zone` the ledger's time zone."""

    handle: LedgerHandle
    connection: Connection[Any]
    scope: Scope
    today: int
    zone: ZoneInfo

    def customer(self, text: str) -> int:
        """The number of a customer that is seen, by id or "source:reference". Raises Refused, for one that isn't seen as
        for none."""
        number = self._found(text)
        if not customers_seen(self.connection, self.scope, numbers=[number], limit=1):
            raise _customer_unknown()
        return number

    def profile(self, text: str) -> Known:
        """What is known of a customer that is seen, or that one has a task of. Raises Refused, as `customer` does."""
        known = profile_read(self.connection, self.scope, self._found(text))
        if known is None:
            raise _customer_unknown()
        return known

    def _found(self, text: str) -> int:
        number = self.handle.columns().book().customer_find(text)
        if not number:
            raise _customer_unknown()
        return number

    def names(self) -> dict[int, str]:
        """What staff are called; who was erased by their id."""
        people: list[StaffRow] = []
        while page := staff_read(self.connection, after=people[-1].number if people else 0):
            people += page
        vault = Vault(self.handle.recorder.datastore)
        opened = vault.open_many([(p.person, p.sealed) for p in people if p.sealed])
        said = iter(opened)
        found: dict[int, str] = {}
        for person in people:
            words = next(said) if person.sealed else None
            found[person.number] = words["name"] if words else staff_id(person.number)
        return found


def _customer_unknown() -> Refused:
    return Refused("CUSTOMER_UNKNOWN", "no customer has this id; `plumbline customers` lists them", "customer")


@contextmanager
def looking(ledger: str, actor: str, as_staff: str | None = None) -> Generator[Looking]:
    """Bring the views up and look at them, as somebody on the staff sees them where one is named. Raises Refused."""
    with ledger_open(Settings.from_environment(), ledger, actor, create=ledger == "main") as handle:
        handle.follow()
        zone = handle.zone
        today = today_in(zone)
        with handle.reading() as connection:
            scope = EVERYTHING
            if as_staff is not None:
                found = scope_of(connection, staff_number(as_staff), today)
                if found is None:
                    raise Refused("STAFF_UNKNOWN", "nobody at the firm today has this id; see `plumbline staff list`", "as")
                scope = found
            yield Looking(handle, connection, scope, today, zone)


def day_option(text: str, name: str) -> int:
    """A day given as an option. Raises Refused."""
    try:
        return day_parse(text)
    except ValueError as error:
        raise Refused("DATE_INVALID", f"--{name} {error}", name) from None


def span_option(first: str, last: str, today: int) -> tuple[int, int]:
    """A span of days given as options. Raises Refused."""
    until = today if not last else day_option(last, "to")
    since = day_option(first, "from")
    if since > until:
        raise Refused("DATE_INVALID", "--from lies after --to", "from")
    return since, until


def day_words(day: int | None) -> str:
    """A day as people read it; a dash for none."""
    return "–" if day is None or day < 0 else date_of(day).isoformat()


def moment_words(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as people read it, to the minute."""
    return moment.astimezone(zone).isoformat(" ", "minutes")[:16]


def word_of(words: Mapping[str, tuple[str, str]], name: str, out: Output) -> str:
    """What a name is called; the name itself where it has no word."""
    return out.say(*words.get(name, (name, name)))


def percent_words(share_bp: int | None) -> str:
    """A share in basis points as a percentage; a dash for none."""
    return "–" if share_bp is None else f"{share_bp // 100}.{share_bp % 100:02d}%"


def pairs_listed(values: Sequence[str] | None, name: str) -> list[tuple[str, str]]:
    """Options written name=value, in their order. Raises Refused."""
    found: list[tuple[str, str]] = []
    for text in values or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refused("USAGE", f"--{name} is written name=value", name)
        found.append((key, value))
    return found


def pairs_option(values: Sequence[str] | None, name: str) -> dict[str, str]:
    """Options written name=value, by name. Raises Refused."""
    return dict(pairs_listed(values, name))


def owner_words(out: Output, staff: int, names: dict[int, str]) -> str:
    """Who has a customer, for people: id and name, or the pool."""
    if not staff:
        return out.say("公海", "pool")
    name = names.get(staff, "")
    return f"{staff_id(staff)} {name}".strip() if name != staff_id(staff) else name


def customer_words(number: int, name: str) -> str:
    """A customer for people."""
    return f"{customer_id(number)} {name}".strip()
