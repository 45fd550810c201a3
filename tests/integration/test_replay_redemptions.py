"""History's redemptions under other rules: as facts, decided again, and worth something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ledger.domain.commands import CommitRedemption, ReserveRedemption, ReverseRedemption
from ledger.rules.document import rule_set_parse
from ledger.standard import rules_standard
from replay.what_if import recorded_check, what_if
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
