"""The built-in mappings on real files: tenders in two encodings, receivables, shifted workbooks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.files.importing import ImportReport, import_file
from connectors.files.mapping_loading import built_in_document, mapping_load
from connectors.files.quarantine import Quarantine
from ledger.domain.commands import Answer, RecordFact, Request
from ledger.domain.fact_types import fact_type_parse
from ledger.log.migrate import ledger_schema_create
from ledger.log.recorder import recorder_open
from ledger.standard import fact_types_standard

DATA = Path(__file__).parents[3] / "shared" / "data"
FACT_TYPES = {
    document["id"]: fact_type_parse(document)
    for document in [*fact_types_standard(), built_in_document("intentions.fact_type.yaml")]
}
NOW = datetime(2024, 6, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data is not here: ../shared/data, beside the project, is absent"
)


def imported(
    name: str, path: Path, quarantine: Quarantine | None = None
) -> tuple[list[RecordFact], ImportReport]:
    """The facts submitted, in order, and the report."""
    facts: list[RecordFact] = []

    def submit(requests: Sequence[Request]) -> list[Answer]:
        for request in requests:
            assert isinstance(request.command, RecordFact)
            facts.append(request.command)
        return [Answer("accepted", position=len(facts)) for _ in requests]

    report = import_file(
        submit,
        mapping_load(name),
        FACT_TYPES.get,
        path,
        actor="tester",
        recorded_at=NOW,
        quarantine=quarantine,
    )
    return facts, report


def test_the_tenders_are_the_same_commands_in_both_encodings() -> None:
    facts, report = imported("tenders", DATA / "tenders" / "tenders.csv")
    again, _ = imported("tenders", DATA / "tenders" / "tenders.gb18030.csv")
    assert facts == again
    assert (report.read, report.accepted, len(report.rejected)) == (380, 365, 15)
    assert len({fact.external_id for fact in facts}) == 365
    assert [fact.occurred for fact in facts] == sorted(fact.occurred for fact in facts)


def test_the_tender_prices_that_are_no_amounts_are_refused_and_no_others() -> None:
    facts, report = imported("tenders", DATA / "tenders" / "tenders.csv")
    assert {rejection.field for rejection in report.rejected} == {"中标价(元)"}
    assert all("not a contract amount" in rejection.reason for rejection in report.rejected)
    lines = (DATA / "tenders" / "tenders.csv").read_text(encoding="utf-8").splitlines()
    refused = [Decimal(lines[rejection.row - 1].split(",")[-2]) for rejection in report.rejected]
    assert len([price for price in refused if price == 0]) == 6
    assert len([price for price in refused if 0 < price <= 100]) == 9
    assert min(Decimal(str(fact.attributes["amount"])) for fact in facts) >= 10_000
    assert all(isinstance(fact.attributes["amount"], str) for fact in facts)


def test_tender_owners_are_registered_by_industry_under_one_writing_of_their_name() -> None:
    facts, _ = imported("tenders", DATA / "tenders" / "tenders.csv")
    industries = Counter(f.registration.traits["industry"] for f in facts if f.registration is not None)
    assert sum(industries.values()) == 365
    assert set(industries) == {"building", "water", "transport", "railway"}
    references = {fact.customer.reference for fact in facts if not isinstance(fact.customer, str)}
    assert not any(character in reference for reference in references for character in "（）")


def test_the_refused_tenders_are_kept_once_for_both_encodings(database_url: str, schema_name: str) -> None:
    ledger_schema_create(database_url, schema_name)
    with recorder_open(database_url, schema_name) as recorder:
        quarantine = Quarantine(recorder.datastore)
        imported("tenders", DATA / "tenders" / "tenders.csv", quarantine)
        kept = quarantine.list()
        assert len(kept) == 15
        imported("tenders", DATA / "tenders" / "tenders.gb18030.csv", quarantine)
        assert quarantine.list() == kept


def test_the_receivables_are_taken_whole_with_the_lateness_their_vendor_counted() -> None:
    facts, report = imported("receivables", DATA / "receivables" / "receivables.csv")
    assert (report.read, report.accepted, len(report.rejected)) == (2466, 2466, 0)
    late: dict[str, int] = {}
    for fact in facts:
        due, paid = (datetime.fromisoformat(str(fact.attributes[name])) for name in ("due_on", "paid_on"))
        late[fact.external_id] = max(0, (paid - due).days)
    lines = (DATA / "receivables" / "receivables.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert late == {line.split(",")[3]: int(line.split(",")[-1]) for line in lines}
    assert sum(fact.attributes["disputed"] is True for fact in facts) == 561


def test_the_receivables_are_payments_too_for_whoever_holds_them_against_redemptions() -> None:
    facts, report = imported("receivables_payments", DATA / "receivables" / "receivables.csv")
    assert (report.accepted, len(report.rejected)) == (2466, 0)
    lines = [line.split(",") for line in (DATA / "receivables" / "receivables.csv").read_text("utf-8").splitlines()[1:]]
    paid = {fact.external_id: (fact.occurred, fact.attributes["amount"], fact.attributes["invoice"]) for fact in facts}
    assert {fact.fact_type for fact in facts} == {"payment_received"} and len(paid) == 2466
    for line in lines:
        day, amount, invoice = paid[line[3]]
        assert datetime.strptime(line[8], "%m/%d/%Y").date().isoformat() == day and invoice == line[3]
        assert Decimal(str(amount)) == Decimal(line[6])


# Accepted and refused rows by file, as counted by eye: where columns are shifted nothing is taken.
WORKBOOKS = {
    "output_0d25576b": ("intentions_list", 36, 27),
    "output_4ef25c0a": ("intentions", 22, 22),
    "output_64fb32ff": ("intentions_list", 32, 35),
    "output_8214d9f9": ("intentions", 21, 0),
    "output_c2b32c35": ("intentions", 21, 21),
    "output_e8487cc6": ("intentions_list", 15, 25),
    "output_f738257c": ("intentions", 15, 25),
    "shandong_intention": ("intentions_list", 45, 34),
}


@pytest.mark.parametrize("start", WORKBOOKS)
def test_shifted_workbook_rows_are_refused_one_by_one_and_right_ones_taken(start: str) -> None:
    name, accepted, refused = WORKBOOKS[start]
    (path,) = (DATA / "shifted-workbooks").glob(f"{start}*.xlsx")
    facts, report = imported(name, path)
    assert (report.accepted, len(report.rejected)) == (accepted, refused)
    assert report.read == accepted + refused
    assert all(rejection.row > 1 and rejection.field and rejection.reason for rejection in report.rejected)
    for fact in facts:
        budget = Decimal(str(fact.attributes["budget"]))
        assert 1_000 <= budget <= 100_000_000 and budget == budget.to_integral_value()
        assert not re.fullmatch(r"[\d.]+|是|否|采购\w*|备注", str(fact.attributes["project"]))
        assert not isinstance(fact.customer, str) and not re.search(r"\d{4}年|意向", fact.customer.reference)


def test_a_workbook_under_the_other_mapping_is_refused_row_by_row_with_the_missing_columns() -> None:
    (path,) = (DATA / "shifted-workbooks").glob("output_8214d9f9*.xlsx")
    facts, report = imported("intentions_list", path)
    assert facts == [] and report.read == 21
    assert [rejection.row for rejection in report.faults] == [1]
    assert [rejection.row for rejection in report.rejected] == list(range(2, 23))
    assert all("lacks the columns" in rejection.reason for rejection in (*report.faults, *report.rejected))
