"""Rows that become commands: fields by their types, references in one writing, what a mapping may not ask for, and how
several commands of one row go to the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.files.cells import RowRefused
from connectors.files.importing import Outcome, import_file
from connectors.files.kinds import BY_CONTENT, KINDS, kind_name
from connectors.files.mapping_apply import DATELESS, MappedRow, RowMapper
from connectors.files.mapping_loading import mapping_load, mapping_parse
from connectors.files.rows import Cell, RawRow
from connectors.files.submitting import CLIENT, rows_submit
from ledger.domain.commands import (
    Answer,
    ChangeProfile,
    Command,
    DeclareTeam,
    EnrolStaff,
    OpenOpportunity,
    RegisterCustomer,
    ReportLead,
    Request,
)
from ledger.domain.errors import DocumentInvalid
from tests.unit.connectors.test_importing import NOW, Kept

TEXT = {"type": "text", "empty": True}
DOCUMENT: dict[str, Any] = {
    "id": "sample", "title": {"zh": "样例", "en": "Sample"}, "source": "crm",
    "columns": {
        "who": {**TEXT, "headers": ["who"]}, "team": {**TEXT, "headers": ["team"]},
        "years": {"type": "number", "headers": ["years"], "empty": True},
        "bridge": {"type": "number", "places": 0, "headers": ["bridge"], "empty": True},
        "leads": {"type": "choice", "headers": ["leads"], "values": {"y": True, "n": False, "?": "perhaps"}, "empty": True},
        "since": {"type": "date", "headers": ["since"], "formats": ["%Y-%m-%d"], "empty": True},
    },
    "dated_by": "since",
    "commands": [
        {
            "kind": "staff",
            "fields": {
                "name": {"column": "who"}, "team": {"column": "team", "synonyms": {"Est": "East"}},
                "experience_years": {"column": "years"}, "leads": {"column": "leads"},
                "joined_on": {"column": "since"},
            },
            "entries": {"skills": {"type:bridge": {"column": "bridge"}}},
        }
    ],
}  # fmt: skip


def mapped(*cells: Cell, document: Mapping[str, Any] = DOCUMENT) -> MappedRow:
    mapping = mapping_parse(document)
    headers = [column.headers[0] for column in mapping.columns.values()]
    return RowMapper(mapping, lambda _: None, headers).map(RawRow(2, cells))


def refused(*cells: Cell) -> tuple[str, str]:
    with pytest.raises(RowRefused) as refusal:
        mapped(*cells)
    return refusal.value.field, refusal.value.reason


def invalid(**changes: Any) -> str:
    with pytest.raises(DocumentInvalid) as error:
        mapping_parse({**DOCUMENT, **changes})
    return str(error.value)


def test_fields_hold_what_their_types_say_and_empty_cells_are_left_out() -> None:
    row = mapped(" 王　丽 ", "Est", "7", "3", "y", "2026-02-01")
    assert row.command == EnrolStaff(
        "crm", "", "王 丽", "East", skills={"type:bridge": 3}, experience_years=7, joined_on="2026-02-01", leads=True
    )
    assert (row.occurred, row.before) == ("2026-02-01", ())
    assert mapped("王丽", "West", None, None, None, None) == MappedRow(
        EnrolStaff("crm", "", "王丽", "West", skills={}), DATELESS
    )


def test_a_row_is_refused_by_the_header_of_the_field_that_is_wrong() -> None:
    assert refused("王丽", None, None, None, None, None) == ("team", "is empty")
    assert refused("王丽", "East", "1.5", None, None, None) == ("years", "is not a whole number")
    assert refused("王丽", "East", None, None, "?", None) == ("leads", "is neither true nor false")


def test_rows_without_a_date_come_after_all_that_have_one() -> None:
    assert max("9999-12-31", "2026-01-01", "") < DATELESS


def test_a_mapping_that_asks_for_what_a_command_lacks_is_refused_with_its_place() -> None:
    [part] = DOCUMENT["commands"]
    fields = part["fields"]
    assert "commands.0: salary is no field of one value" in invalid(
        commands=[{**part, "fields": {**fields, "salary": {"constant": 1}}}]
    )
    assert "commands.0: traits is no field of values by name" in invalid(
        commands=[{**part, "entries": {"traits": {"region": {"constant": "x"}}}}]
    )
    assert "commands.0: name must be filled" in invalid(
        commands=[{**part, "fields": {k: v for k, v in fields.items() if k != "name"}}]
    )
    assert "names no column" in invalid(commands=[{**part, "fields": {**fields, "region": {"column": "nowhere"}}}])
    assert "dated_by: names no date column" in invalid(dated_by="who")
    assert "customer must be filled" in invalid(
        commands=[{"kind": "opportunity", "fields": {
            "reference": {"column": "who"}, "staff": {"column": "who"}, "name": {"column": "who"},
            "stage": {"constant": "lead"},
        }}]
    )  # fmt: skip
    assert "or gives commands" in invalid(fact={"type": {"constant": "login"}, "occurred": {"column": "since"}})
    assert "kind" in invalid(commands=[{**part, "kind": "erasure"}])


def test_an_opportunity_from_a_file_needs_a_reference_to_be_known_by() -> None:
    assert "reference must be filled" in invalid(
        customer={"reference": {"column": "who"}},
        commands=[{"kind": "opportunity", "fields": {
            "staff": {"column": "who"}, "name": {"column": "who"}, "stage": {"constant": "lead"},
        }}],
    )  # fmt: skip


def test_staff_are_named_in_the_books_of_their_source_unless_the_cell_holds_an_id() -> None:
    part = {
        "kind": "lead", "staff_source": "hr",
        "fields": {"lead": {"column": "who"}, "name": {"column": "who"}, "staff": {"column": "team"}},
        "entries": {"traits": {"region": {"constant": "east"}}},
    }  # fmt: skip
    document = {**DOCUMENT, "commands": [part]}
    named = mapped("甲（集团）公司", "17", None, None, None, None, document=document).command
    assert named == ReportLead("crm", "甲(集团)公司", "甲（集团）公司", staff="hr:17", traits={"region": "east"})
    by_id = mapped("甲公司", "S-000012", None, None, None, None, document=document).command
    assert isinstance(by_id, ReportLead) and by_id.staff == "S-000012"


def test_the_standard_rows_of_a_crm_become_what_they_say() -> None:
    def row_of(name: str, *cells: Cell) -> MappedRow:
        return mapped(*cells, document=mapping_load(name).document())

    assert row_of("sales_teams", "Ann", "Bo", "East") == MappedRow(
        EnrolStaff("pipeline", "", "Ann", "East", leader="Bo"), "",
        before=(
            DeclareTeam("East", "East", region="East"),
            EnrolStaff("pipeline", "", "Bo", "East", role="manager", leads=True),
        ),
    )  # fmt: skip
    assert row_of("accounts", "Acme", "technolgy", "1999", "1.50", "12", "Kenya", None) == MappedRow(
        ChangeProfile("pipeline:Acme", {"year_established": "1999", "revenue": "1.5", "employees": "12"}), "",
        before=(RegisterCustomer("pipeline", "Acme", "Acme", {"industry": "technology", "region": "Kenya"}),),
    )  # fmt: skip
    won = row_of("opportunities", "A1", "Ann", "GTXPro", "Acme", "Won", "2016-01-02", "2016-02-03", "500")
    assert won == MappedRow(
        OpenOpportunity(
            "pipeline:Acme", "pipeline:Ann", "GTX Pro", "qualified", "500", source="pipeline", reference="A1",
            opened_on="2016-01-02", end="won", ended_on="2016-02-03", carried_over=True,
        ),
        "2016-01-02",
    )  # fmt: skip
    begun = row_of("opportunities", "A2", "Ann", "MG", "Acme", "Prospecting", None, None, None)
    assert begun == MappedRow(
        OpenOpportunity(
            "pipeline:Acme", "pipeline:Ann", "MG", "lead", source="pipeline", reference="A2", carried_over=True
        ),
        DATELESS,
    )


class Clerk:
    """Answers by the command's kind; knows keys as the ledger does."""

    def __init__(self, refuse: type[Any] | None = None) -> None:
        self.refuse = refuse
        self.sent: list[Command] = []
        self.keys: set[tuple[str, str]] = set()

    def submit(self, requests: Sequence[Request]) -> list[Answer]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Answer:
        self.sent.append(request.command)
        if type(request.command) is self.refuse:
            return Answer("refused", code="X", reason="says no", field="name")
        known = (request.client, request.key) in self.keys
        if request.key:
            self.keys.add((request.client, request.key))
        return Answer("accepted", len(self.sent), id=f"#{len(self.sent)}", hit=known)


TEAM, SELLER = DeclareTeam("East", "East"), EnrolStaff("crm", "1", "Ann", "East")


def test_the_first_commands_of_all_rows_go_before_the_second() -> None:
    clerk = Clerk()
    other = DeclareTeam("West", "West")
    answers = rows_submit(clerk.submit, [(TEAM, SELLER), (other,), (SELLER,)], "ann")
    assert clerk.sent == [TEAM, other, SELLER, SELLER]
    assert answers[0].became == [("team", "#1"), ("staff", "#4")] and answers[0].made == ["team", "staff"]
    assert [a.status for a in answers] == ["accepted"] * 3


def test_of_a_row_nothing_more_is_given_once_something_is_refused() -> None:
    clerk = Clerk(refuse=DeclareTeam)
    [row] = rows_submit(clerk.submit, [(TEAM, SELLER)], "ann")
    assert clerk.sent == [TEAM]
    assert (row.status, row.refusal is not None and row.refusal.reason) == ("refused", "says no")


def test_a_row_that_was_there_before_is_a_duplicate_that_says_what_it_is() -> None:
    clerk = Clerk()
    rows_submit(clerk.submit, [(TEAM,)], "ann")
    [again] = rows_submit(clerk.submit, [(TEAM,)], "ann")
    assert (again.status, again.made, again.became) == ("duplicate", [], [("team", "#2")])
    assert {client for client, _ in clerk.keys} == {CLIENT}


def test_only_what_no_reference_makes_one_thing_is_known_by_its_content() -> None:
    assert {DeclareTeam, ChangeProfile, OpenOpportunity} == BY_CONTENT
    assert {kind_name(TEAM), kind_name(SELLER)} == {"team", "staff"} <= KINDS.keys()


def test_a_run_tells_what_each_row_became_and_keeps_what_was_refused(tmp_path: Path) -> None:
    path = tmp_path / "teams.csv"
    path.write_text("sales_agent,manager,regional_office\nAnn,Bo,East\nCy,Bo,East\n,Bo,East\n", "utf-8")
    clerk, kept = Clerk(), Kept()
    told: list[Outcome] = []
    report = import_file(
        clerk.submit, mapping_load("sales_teams"), lambda _: None, path, actor="ann", recorded_at=NOW, quarantine=kept,
        outcomes=told.append,
    )  # fmt: skip
    assert (report.read, report.accepted, [(r.row, r.field) for r in report.rejected]) == (3, 2, [(4, "sales_agent")])
    # The clerk takes everybody for new; of the office the second row says nothing new.
    assert report.became == {"staff": 4, "team": 1}
    assert [(o.row, [kind for kind, _ in o.became]) for o in told] == [(n, ["team", "staff", "staff"]) for n in (2, 3)]
    assert len(kept.rows) == 1
