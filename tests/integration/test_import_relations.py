"""Files that become staff, customers, owners and opportunities: a CRM's export and tenders' owners, on real files and a
real ledger. What must come out is counted from the files here, without the importer."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.files.importing import ImportReport, Outcome, import_file
from connectors.files.mapping_loading import mapping_load
from connectors.files.quarantine import Quarantine
from ledger.domain.commands import ErasePerson
from ledger.domain.relations.ids import person_id, staff_id
from ledger.domain.relations.records import Opportunity
from ledger.domain.values import customer_id
from tests.ledgers import Books, books_open
from tests.relations_dump import relations_dump
from tests.relations_firm import accepted, firm_found

DATA = Path(__file__).parents[3] / "shared" / "data"
PIPELINE = DATA / "pipeline"
TENDERS = DATA / "tenders"
NOW = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
FILES = (("sales_teams", "sales_teams.csv"), ("accounts", "accounts.csv"), ("opportunities", "sales_pipeline.csv"))
BY_TURNS: dict[str, Any] = {
    "rules": [
        {
            "id": "all",
            "title": {"zh": "轮流", "en": "By turns"},
            "candidates": {"teams": ["one", "two"]},
            "choose": {"rotation": {}},
        }
    ]
}

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data is not here: ../shared/data, beside the project, is absent"
)


@dataclass
class Imported:
    """A ledger that files were imported into."""

    books: Books
    quarantine: Quarantine
    reports: dict[str, ImportReport] = field(default_factory=dict[str, ImportReport])
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict[str, list[Outcome]])

    def take(self, mapping: str, path: Path) -> ImportReport:
        told: list[Outcome] = []
        report = import_file(
            self.books.writer.submit, mapping_load(mapping), self.books.state.book.fact_types.get, path,
            actor="tester", recorded_at=NOW, quarantine=self.quarantine, outcomes=told.append,
        )  # fmt: skip
        self.reports[mapping], self.outcomes[mapping] = report, told
        return report

    def who(self, name: str) -> int:
        """The number of somebody whom the CRM knows by this name."""
        return self.books.state.matcher.staff_named("pipeline", name)

    def customer(self, account: str) -> int:
        return self.books.state.book.customer_find(f"pipeline:{account}")

    def opportunities(self) -> dict[str, Opportunity]:
        """By the id that they have in the file."""
        relations = self.books.state.relations
        references = relations.opportunity_references.items()
        return {reference: relations.opportunities[n] for (source, reference), n in references if source == "pipeline"}


@pytest.fixture(scope="module")
def imported(database_url: str) -> Iterator[Imported]:
    """The CRM's three files, imported once; the tests here look at it, and those that add to it say what they add."""
    with books_open(database_url, "t_imported_relations") as books:
        found = Imported(books, Quarantine(books.recorder.datastore))
        for mapping, name in FILES:
            found.take(mapping, PIPELINE / name)
        yield found


@pytest.fixture
def empty(database_url: str, schema_name: str) -> Iterator[Imported]:
    with books_open(database_url, schema_name) as books:
        yield Imported(books, Quarantine(books.recorder.datastore))


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def with_account() -> list[dict[str, str]]:
    """The opportunities that name an account, in order of the day on which they began, those without a day last."""
    rows = [row for row in lines(PIPELINE / "sales_pipeline.csv") if row["account"]]
    return sorted(rows, key=lambda row: row["engage_date"] or "9999-12-31")


def test_offices_are_teams_with_teams_of_their_managers_below_and_sellers_in_these(imported: Imported) -> None:
    relations, rows = imported.books.state.relations, lines(PIPELINE / "sales_teams.csv")
    managers = {row["manager"] for row in rows}
    assert imported.reports["sales_teams"].became == {"staff": 35 + len(managers), "team": 3} == {"staff": 41, "team": 3}
    assert len(relations.teams) == 3 + 6
    for row in rows:
        seller, manager = relations.staff[imported.who(row["sales_agent"])], relations.staff[imported.who(row["manager"])]
        assert (seller.role, manager.role, manager.team) == ("seller", "manager", row["regional_office"])
        assert seller.team == f"{row['regional_office']}/{staff_id(manager.number)}"
        assert relations.teams[seller.team].parent == row["regional_office"] == relations.teams[seller.team].region


def test_no_name_of_anybody_stands_in_the_log(imported: Imported) -> None:
    rows = lines(PIPELINE / "sales_teams.csv")
    names = {row[column] for row in rows for column in ("sales_agent", "manager")}
    whole = "\n".join(str(entry) for entry in imported.books.log())
    assert len(whole) > 1_000_000
    assert [name for name in names if name in whole] == []


def test_accounts_are_customers_with_their_profile_and_a_mended_sector(imported: Imported) -> None:
    book, relations, rows = imported.books.state.book, imported.books.state.relations, lines(PIPELINE / "accounts.csv")
    assert imported.reports["accounts"].became == {"customer": 85, "profile": 85}
    industries = Counter(book.customers[imported.customer(row["account"]) - 1].traits[0] for row in rows)
    sectors = Counter(row["sector"] for row in rows)
    assert industries["technology"] == sectors.pop("technolgy") == 12
    assert {sector: industries[sector] for sector in sectors} == sectors
    for row in rows:
        more = relations.profiles[imported.customer(row["account"])].more
        assert more["employees"] == row["employees"] and Decimal(more["revenue"]) == Decimal(row["revenue"])
        assert more.get("subsidiary_of", "") == row["subsidiary_of"]


def test_every_opportunity_is_taken_or_waits_in_quarantine_for_its_account(imported: Imported) -> None:
    report, rows = imported.reports["opportunities"], lines(PIPELINE / "sales_pipeline.csv")
    without = [number for number, row in enumerate(rows, start=2) if not row["account"]]
    assert (report.read, report.accepted, len(report.rejected)) == (8_800, 7_375, 1_425)
    assert [rejection.row for rejection in report.rejected] == without
    assert {(r.field, r.reason) for r in report.rejected} == {("account", "is empty")}
    told = imported.outcomes["opportunities"]
    assert {outcome.row for outcome in told} == set(range(2, 8_802)) - set(without)
    relations = imported.books.state.relations
    by_row = {outcome.row: outcome.became for outcome in told}
    for number, row in enumerate(rows, start=2):
        if row["account"]:
            [(kind, opportunity)] = by_row[number]
            assert kind == "opportunity"
            known = relations.opportunity_references["pipeline", row["opportunity_id"]]
            assert opportunity == f"O-{known:06d}"


def test_whoever_came_first_owns_and_the_others_work_with_it(imported: Imported) -> None:
    first: dict[str, str] = {}
    others: dict[str, set[str]] = {}
    for row in with_account():
        owner = first.setdefault(row["account"], row["sales_agent"])
        others.setdefault(row["account"], set()).update({row["sales_agent"]} - {owner})
    relations = imported.books.state.relations
    for account, owner in first.items():
        holding = relations.holding(imported.customer(account))
        assert holding.owner == imported.who(owner)
        assert holding.collaborators == {imported.who(name) for name in others[account]}
    portfolios = Counter(first.values())
    for row in lines(PIPELINE / "sales_teams.csv"):
        assert relations.load[imported.who(row["sales_agent"])] == portfolios[row["sales_agent"]]
    assert sum(portfolios.values()) == 85


def test_stages_ends_amounts_and_days_are_those_of_the_file(imported: Imported) -> None:
    found = imported.opportunities()
    stages = {"Prospecting": "lead", "Engaging": "qualified", "Won": "won", "Lost": "lost"}
    for row in with_account():
        opportunity = found[row["opportunity_id"]]
        assert opportunity.stage == stages[row["deal_stage"]]
        assert opportunity.staff == imported.who(row["sales_agent"])
        assert opportunity.amount == int(Decimal(row["close_value"] or "0") * 100)
    assert Counter(o.stage for o in found.values()) == {"won": 4_238, "lost": 2_473, "qualified": 501, "lead": 163}
    opened: dict[str, str] = {}
    ended: dict[str, str] = {}
    for _, _, name, state in imported.books.log():
        if name == "OpportunityOpened":
            opened[state["reference"]] = state["occurred_at"][:10]
        elif name == "OpportunityChanged":
            ended[state["opportunity"]] = state["occurred_at"][:10]
    for row in with_account():
        number = found[row["opportunity_id"]].number
        assert opened[row["opportunity_id"]] == (row["engage_date"] or "2026-11-01")
        assert ended.get(f"O-{number:06d}", "") == row["close_date"]


def test_one_product_under_two_names_is_one(imported: Imported) -> None:
    names = Counter(opportunity.name for opportunity in imported.opportunities().values())
    sold = Counter(row["product"] for row in with_account())
    assert set(names) == {row["product"] for row in lines(PIPELINE / "products.csv")}
    assert names["GTX Pro"] == sold["GTXPro"] and "GTXPro" not in names


def test_the_same_files_again_change_nothing(imported: Imported) -> None:
    position, kept = imported.books.position, imported.quarantine.count_open()
    before = relations_dump(imported.books.state.relations)
    for mapping, name in FILES:
        report = imported.take(mapping, PIPELINE / name)
        assert (report.accepted, report.corrected, report.became) == (0, 0, {})
        assert report.duplicates == report.read - len(report.rejected)
    assert imported.books.position == position
    assert relations_dump(imported.books.state.relations) == before
    assert imported.quarantine.count_open() == kept == 1_425


def test_a_row_without_account_is_taken_once_it_is_filled_in(imported: Imported) -> None:
    """This adds one opportunity of the account Acme Corporation."""
    [row] = imported.quarantine.list(limit=1)
    submit, types = imported.books.writer.submit, imported.books.state.book.fact_types.get
    still = imported.quarantine.retry(submit, types, actor="mender", resolved_at=NOW, ids=[row.id])
    assert (still.accepted, len(still.rejected)) == (0, 1)
    mended = imported.quarantine.retry(
        submit, types, actor="mender", resolved_at=NOW, ids=[row.id],
        raw_override={row.id: {"account": "Acme Corporation"}},
    )  # fmt: skip
    assert (mended.accepted, mended.rejected) == (1, ())
    opportunity = imported.opportunities()[str(row.raw["opportunity_id"])]
    assert opportunity.customer == imported.customer("Acme Corporation")
    [same] = imported.quarantine.list(open_only=False, limit=1)
    assert same.resolution is not None and "; with other cells in account" in same.resolution


def test_who_is_erased_is_nobody_whom_a_name_finds_and_all_others_are_found_after_a_restart(empty: Imported) -> None:
    empty.take("sales_teams", PIPELINE / "sales_teams.csv")
    name = lines(PIPELINE / "sales_teams.csv")[0]["sales_agent"]
    staff = empty.books.state.relations.staff[empty.who(name)]
    accepted(empty.books.do(ErasePerson(person_id(staff.person), "asked to be forgotten")))
    assert empty.who(name) == 0
    empty.books.restart()
    report = empty.take("sales_teams", PIPELINE / "sales_teams.csv")
    # The books have forgotten them, the file has not: to it they are somebody new.
    assert (report.accepted, report.duplicates, report.became) == (1, 34, {"staff": 1})
    assert empty.who(name) == 42
    assert empty.who(lines(PIPELINE / "sales_teams.csv")[1]["sales_agent"]) == staff.number + 1


def test_a_newer_export_changes_what_has_changed_there_and_nothing_else(empty: Imported, tmp_path: Path) -> None:
    for mapping, name in FILES[:2]:
        empty.take(mapping, PIPELINE / name)
    header = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"
    agent = lines(PIPELINE / "sales_teams.csv")[0]["sales_agent"]
    open_row = f"X1,{agent},GTX Pro,Acme Corporation,Engaging,2026-10-01,,\n"
    won_row = f"X1,{agent},GTX Pro,Acme Corporation,Won,2026-10-01,2026-10-20,700\n"
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text(header + open_row, "utf-8")
    new.write_text(header + won_row, "utf-8")
    assert empty.take("opportunities", old).accepted == 1
    assert empty.opportunities()["X1"].stage == "qualified"
    assert empty.take("opportunities", new).accepted == 1
    assert (empty.opportunities()["X1"].stage, empty.opportunities()["X1"].amount) == ("won", 70_000)
    assert [s["occurred_at"] for _, _, n, s in empty.books.log() if n == "OpportunityChanged"] == ["2026-10-20"]
    position = empty.books.position
    for path in (old, new, old):
        assert empty.take("opportunities", path).duplicates == 1
    assert empty.books.position == position
    assert empty.opportunities()["X1"].stage == "won"


def owners(books: Books) -> dict[str, int]:
    """Who has each customer of the tenders, by reference."""
    relations = books.state.relations
    references = books.state.book.references.items()
    return {reference: relations.holding(n).owner for (source, reference), n in references if source == "tenders"}


def test_tender_owners_arrive_once_each_and_are_assigned_alike_from_both_encodings(
    empty: Imported, database_url: str
) -> None:
    firm_found(empty.books, 4, BY_TURNS)
    report = empty.take("tender_owners", TENDERS / "tenders.csv")
    names = {row["招标人"] for row in lines(TENDERS / "tenders.csv")}
    assert (report.read, report.accepted, report.duplicates, report.rejected) == (380, 156, 224, ())
    assert report.became == {"lead": len(names)} == {"lead": 156}
    assert len(empty.books.state.book.customers) == 156
    found = owners(empty.books)
    # By turns, four sellers get 39 each of 156.
    assert Counter(found.values()) == {1: 39, 2: 39, 3: 39, 4: 39}
    [one] = {o.became for o in empty.outcomes["tender_owners"] if o.row == 2}
    assert one == (("lead", customer_id(empty.books.state.book.customer_find(f"tenders:{_owner(0)}"))),)
    position = empty.books.position
    again = empty.take("tender_owners", TENDERS / "tenders.gb18030.csv")
    assert (again.accepted, again.duplicates, empty.books.position) == (0, 380, position)
    with books_open(database_url, "t_imported_gb18030") as books:
        other = Imported(books, Quarantine(books.recorder.datastore))
        firm_found(books, 4, BY_TURNS)
        other.take("tender_owners", TENDERS / "tenders.gb18030.csv")
        assert owners(books) == found


def _owner(line: int) -> str:
    return lines(TENDERS / "tenders.csv")[line]["招标人"]


def test_facts_of_the_same_notices_find_the_customers_that_arrived(empty: Imported) -> None:
    firm_found(empty.books, 4, BY_TURNS)
    empty.take("tender_owners", TENDERS / "tenders.csv")
    report = empty.take("tenders", TENDERS / "tenders.csv")
    assert (report.accepted, len(report.rejected), report.became) == (365, 15, {"fact": 365})
    assert len(empty.books.state.book.customers) == 156


def test_customers_that_facts_made_known_are_assigned_when_their_lead_arrives(empty: Imported) -> None:
    firm_found(empty.books, 4, BY_TURNS)
    empty.take("tenders", TENDERS / "tenders.csv")
    assert set(owners(empty.books).values()) == {0}
    empty.take("tender_owners", TENDERS / "tenders.csv")
    assert len(empty.books.state.book.customers) == 156
    assert Counter(owners(empty.books).values()) == {1: 39, 2: 39, 3: 39, 4: 39}


def test_a_row_that_two_mappings_refuse_is_kept_for_both(empty: Imported, tmp_path: Path) -> None:
    path = tmp_path / "notices.csv"
    path.write_text(
        "工程类型,标段名称,招标人,中标单位,中标价(元),公示日期\n"
        "园林绿化,一标段(标段编号 AB-202501CD-000000001),甲区住建局,乙建,2000000.00,2025-02-03\n",
        "utf-8",
    )
    for mapping in ("tenders", "tender_owners"):
        assert [r.field for r in empty.take(mapping, path).rejected] == ["工程类型"]
    assert [(row.source, row.mapping) for row in empty.quarantine.list()] == [
        ("tenders", "tenders"), ("tender_owners", "tender_owners"),
    ]  # fmt: skip
