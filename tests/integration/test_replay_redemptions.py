"""History's redemptions under other rules: as facts, decided again, and worth something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import ledger.writer.closing
from ledger.domain.commands import CloseDays, CommitRedemption, ReserveRedemption, ReverseRedemption
from ledger.domain.events import RedemptionLapsed
from ledger.domain.redemption.decisions import lapse
from ledger.rules import layout as at
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from ledger.writer.decisions import Stamp
from replay.scenario import scenario_recorded
from replay.what_if import recorded_check, threads_run, what_if
from tests.catalogue import catalogue, catalogue_activate
from tests.integration.test_redemption_laws import columns_build
from tests.ledgers import Books, fact


def quiet(done: int, of: int) -> None:
    return None


def standard(redemption: dict[str, Any], points: int = 50) -> dict[str, Any]:
    """The standard rules with a catalogue, and so many points for a completed project."""
    document = {**rules_standard(), "redemption": redemption}
    document["rules"] = [
        {**r, "award": {"points": points}} if r["id"] == "project_completed" else r for r in document["rules"]
    ]
    return document


def test_other_rules_say_which_redemptions_would_have_lacked_points_and_what_they_would_have_been_worth(
    books: Books, tmp_path: Path
) -> None:
    catalogue_activate(books)
    books.register("a", "b")
    books.send(*(fact(str(i), "project_completed", "2026-10-05", f"C-00000{1 + i % 2}") for i in range(44)))
    # Customer 1 has 22 × 50 = 1,100 points; so has customer 2.
    answers = books.send(
        ReserveRedemption("C-000001", "cash", points="1000"),
        ReserveRedemption("C-000001", "small", points="60"),
        ReserveRedemption("C-000002", "small", points="100"),
    )
    assert [a.status for a in answers] == ["accepted"] * 3
    books.send(*(CommitRedemption(a.id) for a in answers[:2]))
    books.do(CommitRedemption("R-000003", points="80"))
    books.do(ReverseRedemption("R-000003", "half of it", points="30"))
    columns = columns_build(books, tmp_path)

    _, count, _ = recorded_check(columns, 1, quiet)
    assert count == 0

    cheaper = catalogue(point_value={"points": 1000, "money": 40})
    cheaper["offers"][0]["steps"] = [{"points": 1000, "money": 40}]
    cheaper["offers"] = [o for o in cheaper["offers"] if o["id"] != "small"]
    found = what_if(columns, rule_set_parse(standard(cheaper, points=46)), 1, quiet)
    compared = found.comparison.redemptions
    assert compared is not None
    # 22 × 46 = 1,012: of the 1,060 that customer 1 redeemed, the second reservation lacks 48.
    assert [(r.redemption, r.points, r.lacked) for r in compared.lacking] == [("R-000002", 6_000, 4_800)]
    assert found.comparison.candidate.debt == 4_800
    assert [(r.redemption, r.lacked) for r in compared.decided.refused] == [("R-000002", 4_800)]
    # 1,000 + 60 + 80 − 30 were redeemed; decided again, the 60 were not.
    assert found.comparison.recorded.redeemed + found.comparison.recorded.returned == -111_000
    assert compared.decided.redeemed == -105_000
    offers = {o.offer: (o.count, o.points, o.money, o.money_candidate, o.not_offered) for o in compared.offers}
    # Small is worth 0.50 for 10 points: 60 → 3.00; of 80 → 4.00 the share of 30 came back: 1.50.
    assert offers == {"cash": (1, 100_000, 5_000, 4_000, 0), "small": (2, 11_000, 550, 0, 2)}
    again = {o.offer: o.count for o in compared.decided.offers}
    assert again == {"cash": 1, "small": 1}
    # Outstanding in force: 1,100 − 1,060 + 1,100 − 50 = 1,090 points at 50 a thousand: 54.50.
    assert found.comparison.recorded.outstanding == 109_000
    assert found.comparison.recorded.liability == 5_450
    # Candidate: 2 × 1,012 − 1,060 − 50 = 914 in the balance, 48 of it debt: 962 outstanding at 40: 38.48.
    assert (found.comparison.candidate.outstanding, found.comparison.candidate.liability) == (96_200, 3_848)
    document = found.document()
    assert document["redemptions"]["lacking_points"] == "48.00"
    assert document["redemptions"]["decided_again"]["refused_count"] == 1
    assert found.candidate.run_id != compared.decided.run_id


def test_a_log_whose_closes_let_holds_lapse_after_what_expires_is_replayed_as_it_stands(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = ledger.writer.closing._Closing  # pyright: ignore[reportPrivateUsage]
    day_close = closing.day

    def as_before(self: Any, day: int) -> None:
        """Close a day, then let its holds lapse; those of a month's last day are booked on the next."""
        cause, count = self.draft.state.position + 1, len(self.events)
        with monkeypatch.context() as patched:
            patched.setattr(closing, "_lapses", lambda *of: None)
            day_close(self, day)
        due = self.state.redemptions.due_by(day)
        booked = day + 1 if self.month_end else day
        for redemption in due if self.month_end else ():
            self.mover.records.setdefault(redemption.customer, self.month_end[1][redemption.customer - 1])
        with monkeypatch.context() as patched:
            patched.setattr(ledger.writer.closing, "lapse", lambda redemption, _: lapse(redemption, booked))
            closing._lapses(self, day, Stamp(self.recorded_at, self.recorded_at, "", cause))
        for event in self.events[count:]:
            if isinstance(event, RedemptionLapsed):
                object.__setattr__(event, "cause", cause)

    catalogue_activate(books)
    books.register("a", "b")
    for customer in ("C-000001", "C-000002"):
        # 50 points until the end of September 2026, 50 until the end of October.
        books.send(*(fact(f"{customer}-{day}", "project_completed", day, customer) for day in ("2024-09-05", "2024-10-05")))
    books.do(CloseDays("2026-08-31"))
    books.do(ReserveRedemption("C-000001", "plaque", occurred_on="2026-09-16"))  # 20 points, until the 30th
    books.do(ReserveRedemption("C-000002", "plaque", occurred_on="2026-09-05"))  # until the 19th
    with monkeypatch.context() as patched:
        patched.setattr(closing, "day", as_before)
        books.do(CloseDays("2026-09-30"))
    assert [books.account(c)["balance"] for c in ("C-000001", "C-000002")] == [7_000, 5_000], "20 outlived their month"
    for customer in ("C-000001", "C-000002"):
        books.do(ReserveRedemption(customer, "plaque", occurred_on="2026-10-17"))  # until the 31st
    books.now += timedelta(days=14)
    books.do(CloseDays("2026-10-31"))
    assert [books.account(c)["balance"] for c in ("C-000001", "C-000002")] == [0, 0]
    lapses = [(s["booked_on"], s["cause"] > 0) for _, _, name, s in books.log() if name == "RedemptionLapsed"]
    assert lapses == [("2026-09-19", True), ("2026-10-01", True), ("2026-10-31", False), ("2026-10-31", False)]
    columns = columns_build(books, tmp_path)
    _, count, differences = recorded_check(columns, 1, quiet)
    assert (count, differences) == (0, [])
    again = threads_run(columns, replace(scenario_recorded(columns), redemptions="decided"), 1, quiet)
    assert not again.sums[:, at.KIND_REFUSED].any() and not again.records[:, at.REC_BALANCE].any()


def test_the_rules_in_force_change_nothing_of_what_was_redeemed_in_parts_and_taken_back_in_part(
    books: Books, tmp_path: Path
) -> None:
    catalogue_activate(books)
    books.register("a")
    books.send(*(fact(str(i), "project_completed", "2026-10-05", "C-000001") for i in range(3)))
    books.do(ReserveRedemption("C-000001", "small", points="50"))
    # Small is worth 0.50 for 10 points, 2.50 in all: 16.67 points are 0.83, the next 16.67 make it 1.66: 0.83 again.
    books.do(CommitRedemption("R-000001", points="16.67"))
    books.do(CommitRedemption("R-000001", points="16.67"))
    # Of each part one point comes back: 83 × 1 ÷ 16.67 = 4.97 fen, rounded down to 4.
    for part in (1, 2):
        books.do(ReverseRedemption("R-000001", "a point of it", part=part, points="1"))
    columns = columns_build(books, tmp_path)
    found = what_if(columns, rule_set_parse(standard(catalogue())), 1, quiet)
    compared = found.comparison.redemptions
    assert compared is not None
    # 166 − 8 fen; one share of 31.34 points in 50 would be 156.
    for offers in (compared.offers, compared.decided.offers):
        assert [(o.points, o.money, o.money_candidate) for o in offers] == [(3_134, 158, 158)]
        assert offers[0].document()["change_cny"] == "0.00"


def test_redemptions_decided_again_by_the_rules_in_force_come_to_the_record(books: Books, tmp_path: Path) -> None:
    rule_set = catalogue_activate(books)
    books.register("a")
    books.send(*(fact(str(i), "project_completed", "2026-10-05") for i in range(4)))
    books.do(ReserveRedemption("C-000001", "small", points="150"))
    books.do(CommitRedemption("R-000001", points="100"))
    document = books.state.book.rule_sets[rule_set].document
    found = what_if(columns_build(books, tmp_path), rule_set_parse(document), 1, quiet)
    compared = found.comparison.redemptions
    assert compared is not None
    assert compared.lacking == compared.decided.refused == []
    assert found.comparison.customers == []
    assert compared.decided.balance == found.comparison.recorded.balance == 10_000
    assert compared.decided.digest == found.candidate.digest
