"""The views behind reports, held against a plain fold over every event of the log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from ledger.domain.commands import ActivateRuleSet, ApproveRuleSet, CloseDays, ProposeRuleSet
from ledger.domain.values import customer_number, day_parse, month_of
from ledger.log.pages import Seek
from ledger.standard import rules_standard_text
from projections import views
from projections.activity import HOURS_PROMPT_TENTHS
from projections.alerts import AlertMethod, alerts_read
from projections.campaigns import campaign_customers, campaign_months, campaigns_read
from projections.follower import Follower
from projections.reports import (
    EVER,
    Months,
    Segment,
    heatmap_read,
    inflation_read,
    leaderboard_read,
    measures_read,
    months_parse,
    periods_between,
    segment_read,
    standing_read,
)
from tests.ledgers import POINTS_EVENTS, Books, books_open, fact

YEAR = (2025 - 1970) * 12
CUSTOMERS = 12


def campaign_rules() -> dict[str, Any]:
    """The standard rules with a login campaign in spring."""
    document = yaml.safe_load(rules_standard_text())
    document["id"] = "spring"
    document["rules"].append({
        "id": "spring_login", "title": {"zh": "春季登录", "en": "Spring logins"}, "fact": "login",
        "award": {"points": 3}, "effective_from": "2025-03-01", "effective_to": "2025-05-31",
    })  # fmt: skip
    return document


def live(books: Books, seed: int, facts: int) -> None:
    """Facts of every kind over a year, corrections among them, months closed on the way."""
    random = Random(seed)
    regions, industries = ("east", "south"), ("housing", "water", "")
    for n in range(CUSTOMERS):
        books.register(f"r{n}", region=regions[n % 2], industry=industries[n % 3])
    proposed = books.do(ProposeRuleSet(campaign_rules()), actor="alice")
    books.do(ApproveRuleSet(proposed.id, None), actor="bob")
    books.do(ActivateRuleSet(proposed.id, "2025-03-01"), actor="bob")
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("contract_signed", {"amount": 0}), ("login", {}), ("complaint_filed", {"severity": "major"}),
        ("complaint_filed", {"severity": "minor"}), ("complaint_resolved", {"handling_hours": "1.5"}),
        ("complaint_resolved", {"handling_hours": "20"}), ("survey_answered", {"satisfaction": 5}),
        ("survey_answered", {"satisfaction": 2}), ("performance_scored", {"score": "91.5"}), ("project_completed", {}),
    ]  # fmt: skip
    known: list[tuple[str, str, str]] = []
    for n in range(facts):
        month = n * 12 // facts + 1
        if known and random.random() < 0.2:
            external_id, _, customer = random.choice(known)
            if random.random() < 0.3:
                customer = f"C-{random.randrange(CUSTOMERS) + 1:06d}"
        else:
            external_id, customer = f"f{n}", f"C-{random.randrange(CUSTOMERS) + 1:06d}"
        kind, attributes = random.choice(kinds)
        if kind == "contract_signed":
            attributes = {"amount": random.randrange(1, 500) * 10_000}
        known.append((external_id, kind, customer))
        day = f"2025-{month:02d}-{random.randrange(28) + 1:02d}"
        given: Any = attributes
        books.do(fact(external_id, kind, day, customer, **given))
        if n % (facts // 6) == facts // 6 - 1 and month > 1:
            books.do(CloseDays(f"2025-{month - 1:02d}-28"))


@pytest.fixture(scope="module")
def books(database_url: str) -> Iterator[Books]:
    with books_open(database_url, "t_reports") as found:
        live(found, seed=7, facts=240)
        yield found


@pytest.fixture(scope="module")
def followed(books: Books, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    folder: Path = tmp_path_factory.mktemp("columns")
    follower = Follower(books.recorder, views(folder))
    assert follower.follow_once() == {}
    yield follower
    follower.close()


class Fold:
    """The same sums by reading every event once, with nothing clever."""

    def __init__(self, books: Books) -> None:
        self.traits: dict[int, dict[str, str]] = {}
        self.cells: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self.months: dict[int, Counter[str]] = defaultdict(Counter)
        self.balance: Counter[int] = Counter()
        self.last: dict[int, int] = {}
        self.incidents: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self.moves: dict[int, dict[int, list[tuple[int, str, int]]]] = defaultdict(lambda: defaultdict(list))
        """By customer and what led to them."""
        self.campaign: dict[int, list[int]] = {}
        entries = books.log()
        facts = {p: (customer_number(s), state) for p, s, n, state in entries if n == "FactRecorded"}
        month_open = 0
        for _, stream, name, state in entries:
            customer = customer_number(stream)
            if name == "DayClosed":
                month_open = month_of(day_parse(state["day"]) + 1)
            elif name == "CustomerRegistered":
                self.traits[customer] = state["traits"]
            elif name == "FactRecorded":
                self._fact(customer, state, 1)
                if state["corrects"]:
                    self._fact(*facts[state["corrects"]], -1)
            elif name in POINTS_EVENTS:
                self._points(customer, name, state, month_open)

    def _fact(self, customer: int, state: dict[str, Any], sign: int) -> None:
        day = day_parse(state["booked_on"])
        cell, a, kind = self.cells[customer, month_of(day)], state["attributes"], state["fact_type"]
        cell["facts"] += sign
        if sign > 0:
            self.last[customer] = max(day, self.last.get(customer, 0))
        if kind == "contract_signed":
            cell["contracts"] += sign
            cell["contribution"] += sign * a["amount"]
        if kind == "complaint_filed":
            cell["complaints"] += sign
            cell["complaints_major"] += sign * a["severity"]
            self.incidents[customer, day]["complaints"] += sign
        if kind == "complaint_resolved":
            cell["responses"] += sign
            cell["prompt"] += sign * (a["handling_hours"] <= HOURS_PROMPT_TENTHS)
        if kind == "survey_answered":
            cell["answers"] += sign
            cell["content"] += sign * (a["satisfaction"] >= 4)

    def _points(self, customer: int, name: str, state: dict[str, Any], month_open: int) -> None:
        day = day_parse(state["expired_on"] if name == "PointsExpired" else state["booked_on"])
        points = state["points"]
        self.balance[customer] += points
        # What is taken back from a month that is closed stands in the first open one.
        posted = max(month_of(day), month_open) if name == "PointsReversed" else month_of(day)
        self.months[posted][name] += points
        if name == "PointsGranted" or (name == "PointsReversed" and points < 0):
            self.cells[customer, month_of(day)]["granted"] += points
        else:
            self.cells[customer, month_of(day)]["taken"] += points
        if name in ("PointsGranted", "PointsDeducted", "PointsReversed"):
            self.moves[customer][state["cause"]].append((day, name, points))
        if state.get("rule") == "spring_login":
            found = self.campaign.setdefault(customer, [0, 0])
            found[0] += -1 if name == "PointsReversed" else 1
            found[1] += points

    def lost(self, customer: int, window: range) -> int:
        """What was deducted and taken back within some days, less what the same correction granted again."""
        total = 0
        for moves in self.moves[customer].values():
            inside = [(name, points) for day, name, points in moves if day in window and name != "PointsGranted"]
            taken = -sum(points for name, points in inside if name == "PointsReversed" and points < 0)
            granted = sum(points for _, name, points in moves if name == "PointsGranted")
            total -= sum(points for _, points in inside) + taken
            total += max(0, taken - granted)
        return total


@pytest.fixture(scope="module")
def fold(books: Books) -> Fold:
    return Fold(books)


@pytest.fixture
def connection(followed: Follower) -> Iterator[Any]:
    with followed.recorder.datastore.get_connection() as found:
        yield found


@pytest.mark.parametrize("by", ["points", "contribution"])
@pytest.mark.parametrize("period", ["all", "2025", "2025-Q2", "2025-03"])
def test_leaderboards_are_what_adding_up_by_hand_gives(connection: Any, fold: Fold, by: Any, period: str) -> None:
    months = months_parse(period)
    field = "granted" if by == "points" else "contribution"
    sums: Counter[int] = Counter()
    for (customer, month), cell in fold.cells.items():
        if months.first <= month <= months.last:
            sums[customer] += cell[field]
    expected = sorted(((-v, c) for c, v in sums.items() if v > 0))
    found = leaderboard_read(connection, by, months)
    assert [(-r.value, r.customer) for r in found] == expected
    assert [r.rank for r in found] == [1 + sum(1 for w, _ in expected if w < v) for v, _ in expected]
    if len(found) > 3:
        rest = leaderboard_read(connection, by, months, seek=Seek((-found[2].value, found[2].customer)))
        assert rest == found[3:]
    east = leaderboard_read(connection, by, months, region="east")
    assert {r.customer for r in east} == {c for v, c in expected if fold.traits[c]["region"] == "east"}


def test_a_leaderboard_by_balance_and_the_sum_of_inflation_agree(connection: Any, fold: Fold) -> None:
    found = leaderboard_read(connection, "balance")
    assert {r.customer: r.value for r in found} == {c: v for c, v in fold.balance.items() if v > 0}
    months = inflation_read(connection, EVER)
    kinds = ("PointsGranted", "PointsDeducted", "PointsReversed", "PointsExpired")
    assert {r.month: (r.granted, r.deducted, r.reversed, r.expired) for r in months} == {
        m: tuple(c[k] for k in kinds) for m, c in fold.months.items()
    }
    assert months[-1].outstanding == sum(fold.balance.values())


def test_points_by_region_and_industry_are_all_points(connection: Any, fold: Fold) -> None:
    expected: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (customer, month), cell in fold.cells.items():
        if cell["facts"] or cell["granted"] or cell["taken"]:
            traits = fold.traits[customer]
            found = expected[month, traits["region"], traits.get("industry", "")]
            found[0] += 1
            found[1] += cell["granted"]
            found[2] += cell["contribution"]
    assert len(fold.cells) > sum(customers for customers, _, _ in expected.values()), "some came to nothing"
    rows = heatmap_read(connection, EVER, limit=1_000)
    assert {(r.month, r.region, r.industry): [r.customers, r.granted, r.contribution] for r in rows} == dict(expected)
    assert heatmap_read(connection, EVER, seek=Seek((rows[4].month, rows[4].region, rows[4].industry))) == rows[5:105]


@pytest.mark.parametrize("months", [1, 3, 12])
def test_measures_are_what_counting_by_hand_gives(connection: Any, fold: Fold, months: int) -> None:
    periods = periods_between(YEAR, YEAR + 11, months)
    count, measured = measures_read(connection, periods)
    assert count == CUSTOMERS
    for period, found in zip(periods, measured, strict=True):
        sums: Counter[str] = Counter()
        signing: dict[int, int] = Counter()
        active: Counter[int] = Counter()
        for (customer, month), cell in fold.cells.items():
            if period.first <= month <= period.last:
                sums.update(cell)
                signing[customer] += cell["contracts"]
                active[customer] += cell["facts"]
        signed = {c for c, n in signing.items() if n > 0}
        before = {c for (c, m), cell in fold.cells.items() if m < period.first and cell["contracts"] > 0}
        returning = {c for c in signed if signing[c] > 1 or c in before}
        assert (found.active, found.signing, found.returning) == (
            sum(1 for n in active.values() if n > 0), len(signed), len(returning),
        )  # fmt: skip
        assert (found.complaints, found.complaints_major) == (sums["complaints"], sums["complaints_major"])
        assert (found.responses, found.responses_prompt) == (sums["responses"], sums["prompt"])
        assert (found.answers, found.answers_content) == (sums["answers"], sums["content"])


def test_alerts_name_who_lost_and_who_complained_and_the_events_behind(connection: Any, fold: Fold, books: Books) -> None:
    method = AlertMethod(plunge_points_min=100, plunge_share_bp=100, surge_complaints_min=1, surge_times=1)
    entries = {p: (customer_number(s), n, state) for p, s, n, state in books.log()}
    plunged = surged = 0
    for month in range(2, 13):
        day = day_parse(f"2025-{month:02d}-28")
        window = range(day - method.window_days + 1, day + 1)
        found = {a.customer: a for a in alerts_read(connection, "points_plunge", day, method=method)}
        for customer in range(1, CUSTOMERS + 1):
            lost = fold.lost(customer, window)
            before = sum(
                s["points"] for c, n, s in entries.values()
                if c == customer and n in POINTS_EVENTS
                and day_parse(s.get("booked_on") or s["expired_on"]) <= day - method.window_days
            )  # fmt: skip
            expected = lost >= 100 and before > 0 and lost * 10_000 >= before * 100
            assert (customer in found) == expected, (month, customer, lost, before)
            if expected:
                plunged += 1
                alert = found[customer]
                assert (alert.value, alert.compared) == (lost, before)
                assert -sum(entries[p][2]["points"] for p in alert.positions) == lost
        for alert in alerts_read(connection, "complaint_surge", day, method=method):
            surged += 1
            assert {entries[p][2]["fact_type"] for p in alert.positions} == {"complaint_filed"}
            days = [fold.incidents[alert.customer, d]["complaints"] for d in window if (alert.customer, d) in fold.incidents]
            assert alert.value == sum(days) <= len(alert.positions)
    assert plunged > 3 and surged > 3


def test_a_correction_counts_as_lost_what_it_does_not_grant_again(
    database_url: str, tmp_path: Path
) -> None:
    with books_open(database_url, "t_reports_corrected") as books:
        books.register(*(f"corrected{n}" for n in range(4)))
        for customer in range(1, 5):
            # 50 units of 10,000 CNY, two points each, before the window; twice as many in it.
            books.do(fact(f"before{customer}", "contract_signed", "2026-09-01", f"C-00000{customer}", amount=500_000))
            books.do(fact(f"in{customer}", "contract_signed", "2026-10-05", f"C-00000{customer}", amount=1_000_000))
        # The project alone, upwards, down to a tenth, and to another day.
        corrections: list[tuple[int, str, dict[str, Any]]] = [
            (1, "2026-10-05", {"amount": 1_000_000, "project": "Bridge"}), (2, "2026-10-05", {"amount": 2_000_000}),
            (3, "2026-10-05", {"amount": 100_000}), (4, "2026-08-20", {"amount": 1_000_000}),
        ]  # fmt: skip
        for customer, day, attributes in corrections:
            answer = books.do(fact(f"in{customer}", "contract_signed", day, f"C-00000{customer}", **attributes))
            assert answer.status == "corrected", answer
        follower = Follower(books.recorder, views(tmp_path))
        assert follower.follow_once() == {}
        with books.recorder.datastore.get_connection() as connection:
            [alert] = alerts_read(connection, "points_plunge", day_parse("2026-10-26"))
        follower.close()
        # Of 200 points 20 were granted again.
        assert (alert.customer, alert.value, alert.compared) == (3, 180_00, 100_00)
        points = {p: state["points"] for p, _, name, state in books.log() if name in POINTS_EVENTS}
        assert [points[p] for p in alert.positions] == [-200_00, 20_00]


def test_a_campaign_is_reported_with_customers_and_months(connection: Any, fold: Fold) -> None:
    [campaign] = campaigns_read(connection)
    assert (campaign.rule, str(campaign.effective_from), str(campaign.effective_to)) == (
        "spring_login", "2025-03-01", "2025-05-31",
    )  # fmt: skip
    assert fold.campaign
    assert campaign.points == sum(v for _, v in fold.campaign.values())
    assert campaign.awards == sum(n for n, _ in fold.campaign.values())
    key = (campaign.rule_set, campaign.rule)
    customers = campaign_customers(connection, key)
    assert {c.customer: [c.awards, c.points] for c in customers} == {c: v for c, v in fold.campaign.items() if v[0] > 0}
    months = campaign_months(connection, key)
    assert sum(m.points for m in months) == campaign.points
    assert {m.month for m in months} <= {YEAR + 2, YEAR + 3, YEAR + 4}


def test_segments_are_told_by_traits_and_activity(connection: Any, fold: Fold) -> None:
    everyone = segment_read(connection, Segment())
    assert [r.customer for r in everyone] == list(range(1, CUSTOMERS + 1))
    assert {r.customer: r.day_last for r in everyone if r.day_last is not None} == fold.last
    day = day_parse("2025-11-01")
    active = {r.customer for r in segment_read(connection, Segment(day_active=day))}
    inactive = {r.customer for r in segment_read(connection, Segment(day_inactive=day))}
    assert active == {c for c, last in fold.last.items() if last >= day}
    assert active | inactive == set(range(1, CUSTOMERS + 1)) and not active & inactive
    for count in standing_read(connection):
        if count.kind != "tier":
            named: dict[str, Any] = {count.kind: count.name}
            assert len(segment_read(connection, Segment(**named))) == count.customers


def test_a_rebuilt_view_is_the_live_one(followed: Follower, connection: Any) -> None:
    def told() -> Any:
        return (
            leaderboard_read(connection, "points"), inflation_read(connection, EVER), heatmap_read(connection, EVER),
            campaigns_read(connection), measures_read(connection, [Months(YEAR, YEAR + 11)]),
            segment_read(connection, Segment()),
        )  # fmt: skip

    before = told()
    for name in ("activity", "campaigns"):
        followed.rebuild(name)
    assert told() == before


@pytest.mark.parametrize("text", ["", "20", "2025-13", "2025-Q5", "2025-1", "1960", "always"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        months_parse(text)
