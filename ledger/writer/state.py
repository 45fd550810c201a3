"""What the writer knows: the book, every account's record under the rule sets activated so far, and who serves whom.

Rebuilt at start from the columns and the tail of the log, so there is nothing else to back up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from ledger.domain.book import NOTHING_CLOSED, Book
from ledger.domain.errors import PlumblineError
from ledger.domain.events import Event
from ledger.domain.redemption.state import Lots, Redemptions
from ledger.domain.redemption.terms import Holder, Terms
from ledger.domain.relations.customers import BookCustomers
from ledger.domain.relations.drafts import Context, Draft, Sealer
from ledger.domain.relations.matching import Matcher
from ledger.domain.relations.records import Standing
from ledger.domain.relations.state import Relations
from ledger.domain.rows import Vocabulary
from ledger.domain.values import customer_id, day_of, month_of, month_text, points_text
from ledger.log.collector import collection_deferred
from ledger.log.columns.builder import ColumnsBuilder
from ledger.log.recorder import LogRecorder
from ledger.log.vault import Vault
from ledger.rules import layout as at
from ledger.rules.compile import SPAN_MONTHS_MAX, Activation, Program, program_compile
from ledger.rules.document import RuleSet, rule_set_parse
from ledger.rules.engine import (
    Ints,
    Outcome,
    Prior,
    Rows,
    batch_of,
    records_migrate,
    records_new,
    run,
    span_months,
)
from ledger.writer.account import holder_of, standing_of
from ledger.writer.folding import closings_with_month, corrected_by, fact_read, points_add
from ledger.writer.priors import prior_moved, prior_read
from ledger.writer.redemptions import (
    TermsOfRuleSets,
    moved_before_all,
    redemptions_catch_up,
    redemptions_follow,
    redemptions_load,
)
from ledger.writer.relations import Policies, relations_catch_up, relations_follow, relations_load

if TYPE_CHECKING:
    from ledger.log.columns.reader import Columns

CATCH_UP_EVENTS = 20_000
NO_CLOSINGS: Ints = np.zeros((0, 2), np.int64)
NOTHING_DRAFTED: Mapping[int, Ints] = {}
NOTHING_MOVED: Mapping[tuple[int, int], Lots] = {}


class StateDiffers(PlumblineError):
    """The columns or the recorded decisions don't agree with what the engine comes to; nothing may be written."""

    code = "LEDGER_STATE_DIFFERS"


class LedgerState:
    """Book, records and relations at `book.position`. `records[n - 1]` is the account of the n-th customer."""

    def __init__(self, book: Book, vocabulary: Vocabulary, vault: Vault | None = None) -> None:
        self.book = book
        self.vocabulary = vocabulary
        self.relations = Relations(BookCustomers(book))
        self.redemptions = Redemptions()
        self.vault = vault
        self.matcher = Matcher(self.relations, book.renamed)
        self._keys_deleted = 0
        """Of so many people that were erased, in the order of it."""
        self._policies = Policies(book)
        self._terms = TermsOfRuleSets(book)
        self.moving = threading.Lock()
        """Held while records of committed accounts change in place, so that another thread reads whole ones."""
        self.span = 1
        self.month_max = NOTHING_CLOSED
        self.program = self._compile()
        self.records: Ints = records_new(self.program, 0)
        self._rule_rows: dict[tuple[int, str], int] = {}
        self._recorded: Ints | None = None
        """While catching up, or where that was interrupted: what the recorded decisions come to, account by account."""
        self._index()
        self.publish()

    def publish(self) -> None:
        """Let other threads read what is committed now. The arrays stay as they are: where records are migrated or grow,
        others take their place."""
        self.published = (self.book.position, self.program, self.records, len(self.book.customers))

    @staticmethod
    def load(columns: Columns | None, recorder: LogRecorder) -> LedgerState:
        """The state at the head of the log. Raises StateDiffers where columns and recorded decisions disagree."""
        vault = Vault(recorder.datastore)
        if columns is None:
            state = LedgerState(Book(), Vocabulary(), vault)
        else:
            columns_check(columns, recorder)
            state = LedgerState(columns.book(), columns.vocabulary(), vault)
            state._fold_columns(columns)
            relations_load(state.relations, columns)
            redemptions_load(state.redemptions, columns)
        state.catch_up(recorder)
        return state

    def warm(self) -> None:
        """Build what a lead is matched with, where leads have come before; the next one would wait for it otherwise."""
        if self.relations.leads:
            self.matcher.sealer = self.vault
            with collection_deferred():
                self.matcher.build()

    def _fold_columns(self, columns: Columns) -> None:
        rows = columns.rows()
        closings = columns.closings()
        months = self.program.tables.month_of_day
        self.span = span_months(rows, closings_with_month(closings, months), NOTHING_CLOSED, months, 1 << 40)
        if len(rows):
            self.month_max = int(months[rows.days].max())
        self.program = self._compile()
        self._index()
        count = len(self.book.customers)
        records = records_new(self.program, count)
        batch = batch_of(rows, np.arange(1, count + 1), is_sorted=True)
        run(self.program, batch, records, closings, detail=False)
        self.records = records
        self._recorded = np.zeros(count, np.int64)
        points_add(self._recorded, columns.decisions(["account", "kind", "points"]))

    def _compile(self) -> Program:
        return program_compile(self._activations(), list(self.book.fact_types.values()), self.vocabulary, self.span)

    def _activations(self) -> list[Activation]:
        parsed: dict[str, RuleSet] = {}
        found: list[Activation] = []
        for entry in self.book.activations:
            if entry.rule_set not in parsed:
                parsed[entry.rule_set] = rule_set_parse(self.book.rule_sets[entry.rule_set].document)
            found.append(Activation(entry.rule_set, parsed[entry.rule_set], entry.day_from, entry.position))
        return found

    def _index(self) -> None:
        self._rule_rows = {}
        for row, (activation, rule_id) in enumerate(self.program.rule_ids):
            if self.program.tables.rules[row, at.RULE_ACTION] == at.ACTION_AWARD:
                self._rule_rows[(activation, rule_id)] = row

    def recompile(self) -> None:
        """Take up new rule sets, fact types or a longer span of open months; the records move along."""
        program = self._compile()
        self.records = records_migrate(self.program, program, self.records)
        self.program = program
        self._index()

    def span_ensure(self, day_min: int, day_max: int) -> bool:
        """Make room for facts booked in these days. False where more months would be open than counters are kept."""
        month_first, month_last = self.months_open(day_min, day_max)
        span = month_last - month_first + 1
        if span > SPAN_MONTHS_MAX:
            return False
        if span > self.span:
            self.span = span
            self.recompile()
        return True

    def months_open(self, day_min: int, day_max: int) -> tuple[int, int]:
        """The first and last month that are open, counted from 1970-01, with facts booked in these days."""
        closed, known = self.book.closed_month, self.book.booked_day_min
        if closed != NOTHING_CLOSED:
            month_first = closed + 1
        else:
            month_first = month_of(day_min if known == NOTHING_CLOSED else min(known, day_min))
        return month_first, max(self.month_max, month_of(day_max))

    def months_refusal(self, day_min: int, day_max: int) -> str:
        """Why facts booked in these days can't be taken where `span_ensure` has no room for them."""
        first, last = self.months_open(day_min, day_max)
        return (
            f"at most {SPAN_MONTHS_MAX} months may be open at once, and with this one those from {month_text(first)} to"
            f" {month_text(last)} would be; take a long history over from its oldest facts on, close it month by month"
            " (plumbline close --through), then send again what was refused; let the service close nothing meanwhile"
            " (plumbline serve --no-close)"
        )

    def records_grow(self, count: int, closed_month: int) -> None:
        """Have a record for each of so many customers; new ones begin after this month was closed."""
        if count > len(self.records):
            missing = records_new(self.program, count - len(self.records), closed_month)
            self.records = np.concatenate([self.records, missing])

    def records_trim(self, count: int) -> None:
        """Forget the records of customers of a draft that was taken back."""
        if len(self.records) > count:
            self.records = self.records[:count]

    def is_behind(self, recorder: LogRecorder) -> bool:
        """Whether others have appended what this lacks. An append finds that out by itself; whatever appends nothing, a
        refusal or a dry run, would be told by memory alone."""
        return recorder.position_head() > self.book.position

    @property
    def catching_up(self) -> bool:
        """Whether catching up was interrupted; it is to be ended before anything is decided, and is checked by then."""
        return self._recorded is not None

    def catch_up(self, recorder: LogRecorder) -> None:
        """Fold what others appended since: inputs are decided again by the engine, decisions only compared. What was
        drafted and not appended is taken back.

        Raises StateDiffers where the engine comes to another balance than the recorded decisions; the state is of no
        use then. An error of the database leaves it as of some earlier position, and catching up can go on.
        """
        self.relations.journal.rollback()
        self.redemptions.journal.rollback()
        # Compared only at the head: what was folded before may end between a fact and its decisions.
        if self._recorded is None:
            self._recorded = self.records[:, at.REC_BALANCE].copy()
        while events := recorder.select_range(self.book.position, CATCH_UP_EVENTS):
            closings_known = len(self.book.closings)
            closed_before = self.book.closed_month
            compiled_for = self._compiled_for
            # Rule sets and fact types take effect in the middle of the log: never fold across one.
            cut = next(
                (i for i, e in enumerate(events) if e[3] in ("RuleSetActivated", "FactTypeDeclared")), len(events)
            )
            part = events[:cut] if cut else events[:1]
            # Whatever is read is read before anything moves, so that a lost connection leaves no half-moved state.
            corrected = corrected_by(part)
            earlier = {position: fact_read(recorder, position) for position in corrected}
            prior = self._prior(corrected, recorder, moved_before_all(self.redemptions, part))
            segment = ColumnsBuilder(self.book, self.vocabulary).apply(part, earlier.__getitem__)
            relations_catch_up(
                self.relations, sorted([*segment.relations, *segment.redemptions]), self.book.position
            )
            redemptions_catch_up(self.redemptions, segment.redemptions)
            if self._compiled_for != compiled_for:
                self.recompile()
            rows = segment.inputs
            closings = np.array(self.book.closings[closings_known:], np.int64).reshape(-1, 2)
            self.records_grow(len(self.book.customers), closed_before)
            if len(rows):
                days = rows.days
                self.month_max = max(self.month_max, month_of(int(days.max())))
                self._span_for(rows, closings, closings_known)
            every = np.arange(1, len(self.book.customers) + 1) if len(closings) else None
            if len(rows) or len(closings):
                batch = batch_of(rows, every)
                records = self.records[batch.accounts - 1]
                run(self.program, batch, records, closings, prior=prior, detail=False)
                with self.moving:
                    self.records[batch.accounts - 1] = records
                    self.publish()
            grown = np.zeros(len(self.records), np.int64)
            grown[: len(self._recorded)] = self._recorded
            points_add(grown, segment.decisions_frame())
            self._recorded = grown
        self._balances_check(self._recorded)
        self._recorded = None
        self.publish()
        self.erase()

    @property
    def _compiled_for(self) -> tuple[object, ...]:
        """What the program was compiled for: where it changes, it is compiled again."""
        return len(self.book.activations), *self.book.fact_types.items()

    def follow(self, events: Sequence[Event], *, drafted: bool) -> None:
        """Move all but the records by events that were appended. `drafted`: the relations hold them already."""
        book, compiled_for = self.book, self._compiled_for
        for event in events:
            book.apply(
                book.position + 1, event.originator_id, event.originator_version, type(event).__name__, event.__dict__
            )
        redemptions_follow(self.redemptions, events, book.position)
        if not drafted:
            relations_follow(self.relations, events, book.position, book.timezone)
        else:
            self.relations.settle()
        if self._compiled_for != compiled_for:
            self.recompile()

    def erase(self) -> None:
        """Delete the keys of people whom the log says erased; deleting one again changes nothing."""
        erased = self.relations.erased
        if self.vault is not None and len(erased) > self._keys_deleted:
            self.vault.erase_many(list(erased)[self._keys_deleted :])
            self._keys_deleted = len(erased)

    def standing(self, customer: int) -> Standing:
        """Where a customer stands with its points."""
        if customer > len(self.records):
            return Standing()
        return standing_of(self.program, self.records[customer - 1])

    def terms(self, day: int) -> Terms:
        """What the rule set in force on a booked day says about redemption."""
        return self._terms.in_force(day)

    def holder(self, customer: int, day: int, record: Ints | None = None) -> Holder:
        """What a customer can redeem, booked on a day; with `record`, where a draft left the account."""
        if record is None and customer > len(self.records):
            return Holder()
        found = self.records[customer - 1] if record is None else record
        position = np.array([self.book.position + 1], np.int64)
        rule_set = int(self.program.rule_sets_of(position, np.array([day], np.int64))[0])
        return Holder() if rule_set < 0 else holder_of(self.program, found, rule_set, day)

    def draft(self, now: datetime, actor: str = "", sealer: Sealer | None = None) -> Draft:
        """A draft of what somebody asks for now; with `sealer` it seals other than the ledger does.

        Raises StateDiffers where book and relations stand at two positions: a fold failed between them.
        """
        if self.relations.position != self.book.position:
            raise StateDiffers(f"relations stand at {self.relations.position}, the book at {self.book.position}; start again")
        day = day_of(now.astimezone(ZoneInfo(self.book.timezone)).date())
        policy = self._policies.in_force(day)
        self.matcher.sealer = sealer = sealer or self.vault
        return Draft(self.relations, Context(actor, day, policy, self.standing, sealer, matcher=self.matcher))

    def _balances_check(self, recorded: Ints) -> None:
        """Raises StateDiffers where a balance isn't what the recorded decisions come to."""
        wrong = np.flatnonzero(recorded != self.records[: len(recorded), at.REC_BALANCE])
        if len(wrong):
            first = int(wrong[0])
            raise StateDiffers(
                f"{customer_id(first + 1)}: the rules come to"
                f" {points_text(int(self.records[first, at.REC_BALANCE]))} points,"
                f" the recorded decisions to {points_text(int(recorded[first]))} ({len(wrong)} accounts differ);"
                " run `plumbline replay --recorded` to see where"
            )

    def _span_for(self, rows: Rows, closings: Ints, closings_known: int) -> None:
        months = self.program.tables.month_of_day
        before = self.book.closings[:closings_known]
        closed = month_of(before[-1][1]) if before else NOTHING_CLOSED
        month_min = month_of(self.book.booked_day_min) if self.book.booked_day_min != NOTHING_CLOSED else 1 << 40
        span = span_months(rows, closings_with_month(closings, months), closed, months, month_min)
        if closed == NOTHING_CLOSED:
            span = max(span, self.month_max - min(month_min, self.month_max) + 1)
        if span > self.span:
            self.span = span
            self.recompile()

    def decide(
        self, rows: Rows, closings: Ints, prior: Prior, drafted: Mapping[int, Ints] = NOTHING_DRAFTED
    ) -> tuple[Ints, Ints, Rows, Outcome]:
        """Run the engine over new rows (or a month end over all accounts) without changing the state. `drafted` are the
        records of accounts that a draft under way has moved already.

        Gives the accounts touched, their records afterwards, the rows in the engine's order, and what came of them.
        """
        every = np.arange(1, len(self.book.customers) + 1) if len(closings) else None
        batch = batch_of(rows, every)
        records = self.records[batch.accounts - 1]
        if drafted:
            for i, account in enumerate(batch.accounts.tolist()):
                if account in drafted:
                    records[i] = drafted[account]
        outcome = run(self.program, batch, records, closings, prior=prior)
        return batch.accounts, records, batch.rows, outcome

    def prior_moved(self, moved: Mapping[tuple[int, int], Lots]) -> Prior:
        """By customer and position: from where holds and spendings took their points, for rows that refer to them."""
        return prior_moved(moved)

    def migrated(self, before: Program, records: Mapping[int, Ints]) -> dict[int, Ints]:
        """Records of a draft made under the program before, laid out as the state's are now."""
        if not records:
            return {}
        moved = records_migrate(before, self.program, np.array(list(records.values()), np.int64))
        return dict(zip(records, moved, strict=True))

    def prior_of(self, rows: Rows, recorder: LogRecorder) -> Prior:
        """From the log: the awards of the fact versions that these rows take back (those outside the rows)."""
        reversing = rows.operations == at.OP_REVERSE
        if not reversing.any():
            return Prior.none()
        refers = set(rows.refers[reversing].tolist()) - set(rows.positions[rows.operations == at.OP_FACT].tolist())
        return self._prior(sorted(refers), recorder)

    def _prior(
        self, positions: Sequence[int], recorder: LogRecorder, moved: Mapping[tuple[int, int], Lots] = NOTHING_MOVED
    ) -> Prior:
        return prior_read(self.program, self._rule_rows, positions, recorder, moved)


def columns_check(columns: Columns, recorder: LogRecorder) -> None:
    """Raises StateDiffers where columns were built from another log than this."""
    last = recorder.select_range(max(columns.position - 1, 0), 1, stop=columns.position)
    if columns.position and not columns.built_from(last[0] if last else None):
        raise StateDiffers(
            f"the columns stand at position {columns.position} of another log; run `plumbline rebuild columns`"
        )
