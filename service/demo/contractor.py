"""Invents the facts of a plausible contractor: the same seed and last day give the same rows, byte by byte.

Three hundred customers, most of them small, some large. Contracts cluster as quarters end and rest around the Spring
Festival; what was signed is built, scored, invoiced and paid, by some late. Customers bring others, some fall silent,
and in one quarter one region complains. Most rows are logins and reports looked at. Money is integers of fen, scores
integers of tenths, and chance is drawn in whole numbers: no float reaches a row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from ledger.domain.values import money_text, scaled_text
from service.demo.seasons import Season, weight_signing, weight_visiting
from service.demo.words import COMPLAINTS, PROJECTS, REGIONS, REPORTS, WORK_TYPES, firm_names, project_name

COLUMNS: Final = (
    "fact_type", "external_id", "customer", "occurred", "customer_name", "industry", "region", "customer_type",
    "scale", "amount", "project", "work_type", "referrer", "score", "severity", "subject", "handling_hours",
    "new_customer", "report", "satisfaction", "due_on", "paid_on", "disputed",
)  # fmt: skip
"""The columns of the rows, as the mapping `facts` reads them."""

_ATTRIBUTES: Final = COLUMNS[9:]
_FEN_PER_WAN: Final = 1_000_000

# In the order in which facts of one day are told: a contract comes first, since it registers its customer, and a
# referral last, since it names one.
_PREFIXES: Final = {
    "contract_signed": "HT",
    "project_completed": "WG",
    "performance_scored": "PF",
    "invoice_paid": "FK",
    "complaint_filed": "TS",
    "complaint_resolved": "CL",
    "survey_answered": "DY",
    "login": "DL",
    "report_viewed": "BG",
    "referral_signed": "TJ",
}
_RANKS: Final = {fact_type: rank for rank, fact_type in enumerate(_PREFIXES)}


@dataclass(frozen=True, slots=True)
class Scale:
    """How a size of customer signs. Amounts are in units of 10,000 CNY, doubled up to `doublings` times."""

    id: str
    share: int
    contracts_year: int
    amount_min: int
    doublings: int


SCALES: Final = (
    Scale("small", 50, 3, 4, 4),
    Scale("medium", 35, 5, 120, 4),
    Scale("large", 15, 6, 600, 5),
)
LATE_HABIT_PERMILLE: Final = 700
"""So often do those pay late who make a habit of it."""

_CUSTOMER_TYPES: Final = ("developer", "public_owner", "general_contractor", "industrial_owner")


@dataclass(frozen=True, slots=True)
class Firm:
    """A customer. Days are ordinals; `quiet_from` lies after the last day where it never falls silent."""

    reference: str
    name: str
    place: str
    industry: str
    region: str
    customer_type: str
    scale: Scale
    joined: int
    quiet_from: int
    late_permille: int
    diligence: int


class Draft(NamedTuple):
    """A fact before it is numbered; sorts as it will be told."""

    day: int
    rank: int
    number: int
    firm: int
    fact_type: str
    attributes: dict[str, str]


def contractor_facts(
    seed: int, last_day: date, *, firms: int = 300, facts: int = 104_000, years: int = 3
) -> Iterator[tuple[str, ...]]:
    """Rows of `COLUMNS`, at least `facts` of them, in order of date, from `years` before `last_day` up to it.

    A customer's first row bears its name and traits. Raises ValueError where `firms` is more than there are names
    for or below 10, or `years` is below 1.
    """
    yield from _Contractor(Random(seed), last_day, firms, years).rows(facts)


def first_day_of(last_day: date, years: int) -> date:
    """The day after `last_day` so many years before."""
    day = 28 if (last_day.month, last_day.day) == (2, 29) else last_day.day
    return date(last_day.year - years, last_day.month, day) + timedelta(days=1)


def surge_quarter(last_day: date, years: int) -> tuple[date, date]:
    """The first and last day of the quarter in which one region complains: about a year and a quarter back."""
    back = min(460, years * 365 // 2)
    inside = last_day - timedelta(days=back)
    first = date(inside.year, (inside.month - 1) // 3 * 3 + 1, 1)
    after = first + timedelta(days=95)
    return first, date(after.year, (after.month - 1) // 3 * 3 + 1, 1) - timedelta(days=1)


def months_write(rows: Iterable[tuple[str, ...]], folder: Path) -> Iterator[Path]:
    """Write rows as they come into one CSV for each month (2025-03.csv …); gives each path once it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for month, part in groupby(rows, key=lambda row: row[3][:7]):
        path = folder / f"{month}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(part)
        yield path


class _Contractor:
    """The drawing itself. Everything random comes from the one generator, in a fixed order."""

    def __init__(self, random: Random, last_day: date, firms: int, years: int) -> None:
        if firms < 10 or years < 1:
            raise ValueError("a contractor needs at least 10 customers and one year")
        self.random = random
        self.last = last_day.toordinal()
        first_day = first_day_of(last_day, years)
        self.first = first_day.toordinal()
        self.signing = Season(first_day, last_day, weight_signing)
        self.visiting = Season(first_day, last_day, weight_visiting)
        self.surge = tuple(max(self.first, d.toordinal()) for d in surge_quarter(last_day, years))
        self.surge_region = random.choice(list(REGIONS))
        self.drafts: list[Draft] = []
        self.firms = self._firms(firms)
        self.first_contract = [firm.joined for firm in self.firms]

    def rows(self, facts: int) -> Iterator[tuple[str, ...]]:
        referrers = self._referrals()
        for number, firm in enumerate(self.firms):
            self._contracts(number, firm, referrers.get(number))
            self._surveys(number, firm)
        self._complaints_surge()
        self._visits(facts - len(self.drafts))
        self.drafts.sort(key=lambda draft: draft[:3])
        return self._told()

    def _told(self) -> Iterator[tuple[str, ...]]:
        """The drafts as rows; ids count within a year."""
        counts: dict[str, int] = {}
        registered: set[int] = set()
        for draft in self.drafts:
            day = date.fromordinal(draft.day).isoformat()
            kind = f"{_PREFIXES[draft.fact_type]}-{day[:4]}"
            counts[kind] = counts.get(kind, 0) + 1
            firm = self.firms[draft.firm]
            who = ("", "", "", "", "")
            if draft.firm not in registered:
                registered.add(draft.firm)
                who = (firm.name, firm.industry, firm.region, firm.customer_type, firm.scale.id)
            external_id = f"{kind}-{counts[kind]:05d}"
            attributes = tuple(draft.attributes.get(name, "") for name in _ATTRIBUTES)
            yield (draft.fact_type, external_id, firm.reference, day, *who, *attributes)

    def _add(self, day: int, firm: int, fact_type: str, **attributes: str) -> bool:
        """Note a fact, unless it lies past the last day."""
        if day > self.last:
            return False
        rank = _RANKS[fact_type]
        self.drafts.append(Draft(day, rank, len(self.drafts), firm, fact_type, attributes))
        return True

    def _chance(self, permille: int) -> bool:
        return self.random.randrange(1000) < permille

    def _firms(self, count: int) -> list[Firm]:
        random = self.random
        regions = [random.choice(list(REGIONS)) for _ in range(count)]
        industries = [random.choice(list(PROJECTS)) for _ in range(count)]
        places = [random.choice(REGIONS[region]) for region in regions]
        names = firm_names(random, places, industries)
        firms: list[Firm] = []
        for i in range(count):
            share = random.randrange(100)
            scale = next(s for j, s in enumerate(SCALES) if share < sum(t.share for t in SCALES[: j + 1]))
            if i % 10 < 6:
                joined = self.signing.draw(random, self.first, self.first + 90)
            else:
                joined = self.signing.draw(random, self.first + 91, self.last - 30)
            quiet_from = self.last + 1
            if self._chance(200) and joined + 240 < self.last:
                quiet_from = random.randrange(joined + 180, self.last)
            firms.append(
                Firm(
                    reference=f"K{i + 1:04d}",
                    name=names[i],
                    place=places[i],
                    industry=industries[i],
                    region=regions[i],
                    customer_type=random.choice(_CUSTOMER_TYPES),
                    scale=scale,
                    joined=joined,
                    quiet_from=quiet_from,
                    late_permille=random.choice((0, 20, 50, 50, 80, 120, 200, LATE_HABIT_PERMILLE)),
                    diligence=random.randrange(2, 12),
                )
            )
        return firms

    def _referrals(self) -> dict[int, int]:
        """Who brought whom: about half of those who joined later, by one who was a customer at least two months."""
        random = self.random
        referrers: dict[int, int] = {}
        for number, firm in enumerate(self.firms):
            if firm.joined <= self.first + 90 or not self._chance(500):
                continue
            known = [
                other
                for other, candidate in enumerate(self.firms)
                if candidate.joined + 60 <= firm.joined < candidate.quiet_from
            ]
            # Few bring many: the lower of two draws.
            referrer = known[min(random.randrange(len(known)), random.randrange(len(known)))]
            day = min(firm.joined + random.randrange(4), self.last)
            self._add(day, referrer, "referral_signed", new_customer=firm.reference)
            referrers[number] = referrer
        return referrers

    def _contracts(self, number: int, firm: Firm, referrer: int | None) -> None:
        last = min(self.last, firm.quiet_from - 1)
        days_active = last - firm.joined + 1
        spread = self.random.randrange(50, 151)
        count = firm.scale.contracts_year * days_active * spread // 36_500
        days = sorted(self.signing.draw(self.random, firm.joined, last) for _ in range(count))
        for i, day in enumerate([firm.joined, *days]):
            brought_by = (
                {"referrer": self.firms[referrer].reference} if referrer is not None and not i else {}
            )
            self._contract(number, firm, day, brought_by)

    def _amount_fen(self, scale: Scale) -> int:
        """An amount: often in full 10,000 CNY, sometimes to the fen; the larger the rarer."""
        random = self.random
        doublings = min(random.randrange(scale.doublings), random.randrange(scale.doublings))
        low = scale.amount_min << doublings
        wan = random.randrange(low, 2 * low)
        return wan * _FEN_PER_WAN + (0 if self._chance(350) else random.randrange(_FEN_PER_WAN))

    def _contract(self, number: int, firm: Firm, day: int, brought_by: dict[str, str]) -> None:
        random = self.random
        project = project_name(random, firm.place, firm.industry, len(self.drafts) % 9_000 + 1)
        fen = self._amount_fen(firm.scale)
        work_type = WORK_TYPES[firm.industry]
        self._add(
            day,
            number,
            "contract_signed",
            amount=money_text(fen),
            project=project,
            work_type=work_type,
            **brought_by,
        )
        done = (
            day + random.randrange(75, 160) + (100 if firm.scale.id == "large" else 0) + random.randrange(200)
        )
        if self._add(done, number, "project_completed", project=project):
            score = min(1000, 600 + random.randrange(250) + random.randrange(200))
            if self._chance(40):
                score = random.randrange(420, 600)
            scored = done + random.randrange(1, 15)
            self._add(scored, number, "performance_scored", score=scaled_text(score, 1), project=project)
        self._invoices(number, firm, day, done, fen)
        if self._chance(90):
            self._complaint(number, random.randrange(day + 10, done + 1), major_permille=280, hours_max=200)

    def _invoices(self, number: int, firm: Firm, day: int, done: int, fen: int) -> None:
        """Three to six parts of the amount, each due 30 days after its milestone, and paid early, in time or late."""
        random = self.random
        parts = random.randrange(3, 7)
        for part in range(1, parts + 1):
            due = day + (done - day) * part // parts + 30
            paid = due - random.randrange(0, 12)
            if self._chance(firm.late_permille):
                # Most a little; who makes a habit of it, often for months.
                paid = due + random.randrange(1, 190)
                if firm.late_permille < LATE_HABIT_PERMILLE:
                    paid = min(paid, due + random.randrange(1, 140))
            share = fen * part // parts - fen * (part - 1) // parts
            disputed = {"disputed": "true"} if self._chance(12) else {}
            self._add(
                paid, number, "invoice_paid", amount=money_text(share), due_on=date.fromordinal(due).isoformat(),
                paid_on=date.fromordinal(paid).isoformat(), **disputed,
            )  # fmt: skip

    def _complaint(self, number: int, day: int, *, major_permille: int, hours_max: int) -> None:
        random = self.random
        severity = "major" if self._chance(major_permille) else "minor"
        if not self._add(
            day, number, "complaint_filed", severity=severity, subject=random.choice(COMPLAINTS)
        ):
            return
        tenths = random.randrange(20, hours_max * 10)
        self._add(
            day + tenths // 240,
            number,
            "complaint_resolved",
            handling_hours=scaled_text(tenths, 1),
            severity=severity,
        )

    def _complaints_surge(self) -> None:
        """One region, one quarter: every second customer complains, some again and again, and handling drags on."""
        first, last = self.surge
        for number, firm in enumerate(self.firms):
            if firm.region != self.surge_region or firm.joined > first or firm.quiet_from <= first:
                continue
            for _ in range(self.random.choice((0, 1, 2, 2, 3, 5))):
                day = self.random.randrange(first, min(last + 1, firm.quiet_from))
                self._complaint(number, day, major_permille=550, hours_max=420)

    def _surveys(self, number: int, firm: Firm) -> None:
        random = self.random
        last = min(self.last, firm.quiet_from - 1)
        for start in range(firm.joined, last, 91):
            for _ in range(random.choice((0, 0, 1, 1, 2))):
                day = random.randrange(start, min(start + 91, last) + 1)
                satisfaction = max(random.randrange(1, 6), random.randrange(2, 6))
                self._add(day, number, "survey_answered", satisfaction=str(satisfaction))

    def _visits(self, facts: int) -> None:
        """At least so many logins and reports looked at, shared out by diligence and the days a customer was there."""
        random = self.random
        spans = [min(self.last, firm.quiet_from - 1) - firm.joined + 1 for firm in self.firms]
        weights = [firm.diligence * span for firm, span in zip(self.firms, spans, strict=True)]
        total = sum(weights)
        for number, firm in enumerate(self.firms):
            left = -(-max(0, facts) * weights[number] // total)
            last = firm.joined + spans[number] - 1
            while left > 0:
                day = self.visiting.draw(random, firm.joined, last)
                self._add(day, number, "login")
                views = min(random.choice((0, 1, 1, 2, 3)), left - 1)
                for _ in range(views):
                    self._add(day, number, "report_viewed", report=random.choice(REPORTS))
                left -= 1 + views
