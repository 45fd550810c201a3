"""One account, what happened to it step by step: the order of work of the kernel, with points as recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.domain.rows import NULL
from ledger.domain.values import month_first_day, month_of
from projections.standing.conditions import Words
from projections.standing.ladders import NOWHERE, WINDOW_MONTHS, TiersByDay

# In this order what one input led to is taken in.
TAKE_BACK, UNEARN, TAKEN_BACK, COUNT, EARN, COUNTED, REDEEM, EXPIRE, CLOSE = range(9)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to an account. `day`: from which on it is in view. `cause` is the position of the input,
    `stage` what it is:

    - TAKE_BACK, COUNT: a version of a fact is taken back, or recorded: `columns` of a fact of this type
    - UNEARN, EARN: points that it moved
    - TAKEN_BACK, COUNTED: that was all of it
    - REDEEM: points were redeemed or given back; `points` is 0 where they were only held
    - EXPIRE: points expired
    - CLOSE: the month that ended on the day before was closed

    `rule_set` decided, or is in force on the day that was closed.
    """

    cause: int
    stage: int
    day: int
    rule_set: str = ""
    points: int = 0
    is_earned: bool = False
    fact_type: str = ""
    columns: Sequence[int] = ()
    review_from: int = 0
    """CLOSE: only a window that begins on this day or later is reviewed."""



class Account:
    """Where an account stands as of the last of `days`, on which steps come into view. `words_of` gives the words of a
    rule set, `in_force` the rule set in force for a position and a day ("" for none), `first` as in TiersByDay."""

    def __init__(
        self,
        days: Sequence[int],
        words_of: Callable[[str], Words],
        in_force: Callable[[int, int], str],
        first: str | None,
    ) -> None:
        self.tiers = TiersByDay(days, first)
        self.tier_cause = 0
        self.grade: str | None = None
        self.grade_cause = 0
        self.tags: frozenset[str] = frozenset()
        self.tags_cause = 0
        self.balance = 0
        self._words_of = words_of
        self._in_force = in_force
        self._closed = NOWHERE
        self._day_last = NOWHERE
        self._set_last = ""
        self._measured: dict[tuple[str, str, int], list[int]] = {}
        """Times and sum, by measure, kind of window, and number of the window."""

    def take(self, steps: Iterable[Step]) -> None:
        """Take in steps, in order."""
        for step in steps:
            at, month = self.tiers.at(step.day), month_of(step.day)
            if step.stage == CLOSE:
                self._close(at, step)
                continue
            words = self._words_of(step.rule_set) if step.rule_set else None
            ladder = None if words is None else words.ladder
            if step.stage in (TAKE_BACK, COUNT, TAKEN_BACK, COUNTED, REDEEM):
                self.tiers.enter(at, ladder)
            if step.stage in (TAKE_BACK, COUNT):
                self._measure(words, step, month)
            elif step.stage in (UNEARN, EARN):
                self.balance += step.points
                if step.is_earned:
                    self.tiers.earn(at, ladder, month, step.points)
            elif step.stage == EXPIRE:
                self.balance += step.points
            elif step.stage == TAKEN_BACK:
                self._taken_back(step, month)
            elif step.stage == COUNTED:
                before = self.tiers.tier
                self.tiers.rise(at, ladder, month)
                if self.tiers.tier != before:
                    self.tier_cause = step.cause
                self._stand(step)
                self._review(step.cause, self._set_last, self._day_last)
            elif step.points:
                self.balance += step.points
                self._stand(step)
                if self._words_of(self._set_last).of_points:
                    self._review(step.cause, self._set_last, self._day_last)

    def _stand(self, step: Step) -> None:
        """The account stands where its latest fact is."""
        if step.day >= self._day_last:
            self._day_last, self._set_last = step.day, step.rule_set

    def _taken_back(self, step: Step, month: int) -> None:
        """It stands on the day of the version that was taken back, or on the first that is open, or further."""
        day = step.day
        if month <= self._closed:
            day = month_first_day(self._closed + 1)
        rule_set = self._in_force(step.cause, day)
        if day < self._day_last:
            day, rule_set = self._day_last, self._set_last
        self._review(step.cause, rule_set, day)

    def _close(self, at: int, step: Step) -> None:
        last = step.day - 1
        month = month_of(last)
        if self.tiers.entered:
            ladder = self._words_of(step.rule_set).ladder
            if ladder is not None and ladder.window_months and (month + 1) % ladder.window_months == 0:
                first = month_first_day(ladder.window(month) * ladder.window_months)
                if first >= step.review_from:
                    before = self.tiers.tier
                    self.tiers.review(at, ladder, month)
                    if self.tiers.tier != before:
                        self.tier_cause = step.cause
        self._closed = month
        if self.tiers.entered:
            if self._day_last > last:
                self._review(step.cause, self._set_last, self._day_last)
            else:
                self._review(step.cause, step.rule_set, last)

    def _measure(self, words: Words | None, step: Step, month: int) -> None:
        sign = 1 if step.stage == COUNT else -1
        for counter in words.counters.get(step.fact_type, ()) if words else ():
            window = _window(counter.window, step.day)
            if counter.counts(step.columns):
                value = NULL if counter.column is None else step.columns[counter.column]
                counted = self._measured.setdefault((counter.id, counter.window, window), [0, 0])
                counted[0] += sign
                counted[1] += sign * (0 if value == NULL else value)

    def _review(self, cause: int, rule_set: str, day: int) -> None:
        """The grade, then the tags, as they stand now."""
        words = self._words_of(rule_set)
        scene = _Here(self, words, day)
        if scene.grade != self.grade:
            self.grade, self.grade_cause = scene.grade, cause
        tags = frozenset(tag for tag, is_borne in words.tags if is_borne(scene))
        if tags != self.tags:
            self.tags, self.tags_cause = tags, cause

    def measured(self, measure: str, kind: str, day: int) -> list[int]:
        """Times and sum of a measure in the window of a day."""
        return self._measured.get((measure, kind, _window(kind, day)), _NOTHING)


_NOTHING: Final = [0, 0]


class _Here:
    """An account as a rule set looks at it on a day."""

    def __init__(self, account: Account, words: Words, day: int) -> None:
        self._account = account
        self._words = words
        self._day = day
        self.balance = account.balance
        self.grade = self._grade()

    @property
    def level(self) -> int:
        """The place of its tier in the ladder, 0 the lowest."""
        return self._account.tiers.level(self._words.ladder)

    @property
    def earned(self) -> int:
        """What counts for the tier."""
        ladder = self._words.ladder
        assert ladder is not None, "earned in the window needs a ladder"
        return int(self._account.tiers.counted(ladder, month_of(self._day))[-1])

    @property
    def earned_ever(self) -> int:
        """What was ever earned."""
        return int(self._account.tiers.earned_ever[-1])

    def measured(self, measure: str, of: str) -> int:
        """The times or the sum of a measure in the window of the day."""
        return self._account.measured(measure, self._words.windows[measure], self._day)[of == "sum"]

    def _grade(self) -> str | None:
        words = self._words
        total = self.measured(words.all, "times") if words.all else 0
        if total <= 0:
            return None
        share_bp = self.measured(words.good, "times") * 10_000 // total
        return next((grade for least_bp, grade in words.grades if share_bp >= least_bp), None)


def _window(kind: str, day: int) -> int:
    if kind == "day":
        return day
    months = WINDOW_MONTHS[kind]
    return month_of(day) // months if months else 0
