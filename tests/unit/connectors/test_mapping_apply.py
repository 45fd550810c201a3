"""One row into one command: exact numbers, declared dates and values, normal references, strict refusals."""

from __future__ import annotations

import time
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from connectors.files.cells import RowRefused, format_words, number_read, number_text, reference_normal
from connectors.files.mapping import NumberColumn
from connectors.files.mapping_apply import MappedRow, RowMapper
from connectors.files.mapping_loading import mapping_load, mapping_parse
from connectors.files.messages import Language
from connectors.files.rows import Cell, RawRow
from ledger.domain.commands import CustomerReference, RecordFact, RegisterCustomer
from ledger.domain.errors import DocumentInvalid
from ledger.domain.fact_types import fact_type_parse
from ledger.standard import fact_types_standard

FACT_TYPES = {document["id"]: fact_type_parse(document) for document in fact_types_standard()}
TENDER_HEADERS = ["工程类型", "标段名称", "招标人", "中标单位", "中标价(元)", "公示日期"]
SECTION = "某某项目中标结果公告(标段编号ABCD-202401FJ-000000001)"


@pytest.mark.parametrize(
    ("form", "words"),
    [("%Y-%m-%d", "YYYY-MM-DD"), ("%d.%m.%y %H:%M:%S", "DD.MM.YY hh:mm:ss"), ("%Y年%m月", "YYYY年MM月"), ("100%%", "100%")],
)
def test_a_format_of_dates_is_told_as_people_write_it(form: str, words: str) -> None:
    assert format_words(form) == words


def mapper_of(name: str, headers: list[str], language: Language = "en") -> RowMapper:
    return RowMapper(mapping_load(name), FACT_TYPES.get, headers, language)


def mapped(mapper: RowMapper, *cells: Cell) -> MappedRow:
    return mapper.map(RawRow(2, cells))


def fact_of(mapper: RowMapper, *cells: Cell) -> RecordFact:
    command = mapped(mapper, *cells).command
    assert isinstance(command, RecordFact)
    return command


def refusal_of(mapper: RowMapper, *cells: Cell) -> tuple[str, str]:
    with pytest.raises(RowRefused) as caught:
        mapped(mapper, *cells)
    return caught.value.field, caught.value.reason


def tender(**changed: Cell) -> list[Cell]:
    cells: dict[str, Cell] = {
        "kind": "水利工程",
        "section": SECTION,
        "owner": "示例（湖北）水务公司",
        "winner": "甲建设公司、乙设计公司",
        "price": "14401091.63",
        "day": "2024-04-10",
    }
    return list({**cells, **changed}.values())


def test_a_tender_becomes_a_contract_of_its_owner() -> None:
    assert fact_of(mapper_of("tenders", TENDER_HEADERS), *tender()) == RecordFact(
        source="tenders",
        external_id="ABCD-202401FJ-000000001",
        fact_type="contract_signed",
        customer=CustomerReference("tenders", "示例(湖北)水务公司"),
        occurred="2024-04-10",
        attributes={"amount": "14401091.63", "project": SECTION, "work_type": "水利工程"},
        registration=RegisterCustomer(
            "tenders",
            "示例(湖北)水务公司",
            "示例（湖北）水务公司",
            {"industry": "water", "region": "hubei"},
        ),
    )


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"price": "0.90"}, "中标价(元)", "not a contract amount"),
        ({"price": "95.70"}, "中标价(元)", "not a contract amount"),
        ({"price": "0.00"}, "中标价(元)", "not a contract amount"),
        ({"price": "9999.99"}, "中标价(元)", "not a contract amount"),
        ({"price": "-20000"}, "中标价(元)", "not a contract amount"),
        ({"price": "1,000,000"}, "中标价(元)", "not a plain number"),
        ({"price": "1e6"}, "中标价(元)", "not a plain number"),
        ({"price": "100万"}, "中标价(元)", "not a plain number"),
        ({"price": "１００００"}, "中标价(元)", "not a plain number"),
        ({"price": "10000.005"}, "中标价(元)", "more than 2 decimals"),
        ({"price": "100000000001"}, "中标价(元)", "lies outside"),
        ({"price": None}, "中标价(元)", "is empty"),
        ({"kind": "园林绿化"}, "工程类型", "is none of"),
        ({"section": "没有编号的项目"}, "标段名称", "does not contain the section number"),
        ({"day": "2024/04/10"}, "公示日期", "not a date written as YYYY-MM-DD"),
        ({"day": "2024-02-30"}, "公示日期", "not a date"),
        ({"owner": "招标人"}, "招标人", "holds the heading"),
        ({"owner": "长" * 201}, "招标人", "longer than 200"),
    ],
)
def test_what_is_out_of_the_ordinary_in_a_tender_is_refused(
    changed: dict[str, Cell], field: str, reason: str
) -> None:
    mapper = mapper_of("tenders", TENDER_HEADERS)
    told = refusal_of(mapper, *tender(**changed))
    assert told[0] == field and reason in told[1]


def test_a_refused_attribute_is_told_by_its_header_whether_the_refusal_names_it_alone_or_by_its_place() -> None:
    mapper = mapper_of("tenders", TENDER_HEADERS)
    assert [mapper.field_of(f) for f in ("amount", "attributes.amount", "occurred")] == ["中标价(元)", "中标价(元)", "公示日期"]
    assert mapper.field_of("attributes.7") == "attributes.7"


def test_the_reason_is_told_in_chinese_where_asked() -> None:
    field, reason = refusal_of(mapper_of("tenders", TENDER_HEADERS, "zh"), *tender(price="0.90"))
    assert (field, reason) == ("中标价(元)", "不是合同金额（是费率或百分比，如 95.70 或 0.90，或为零）")


def test_a_long_text_is_cut_where_the_mapping_says_so() -> None:
    fact = fact_of(mapper_of("tenders", TENDER_HEADERS), *tender(section="项" * 600 + SECTION))
    assert fact.attributes["project"] == "项" * 500
    assert fact.external_id == "ABCD-202401FJ-000000001"


def test_columns_are_found_by_header_in_any_order_with_full_width_brackets_and_beside_others() -> None:
    headers = ["备注", "公示日期", "中标价（元）", "中标单位", " 招标人 ", "标段名称", "工程类型"]
    fact = fact_of(mapper_of("tenders", headers), "无", *reversed(tender()))
    assert fact == fact_of(mapper_of("tenders", TENDER_HEADERS), *tender())


def test_missing_columns_refuse_every_row_and_all_are_named() -> None:
    mapper = mapper_of("tenders", TENDER_HEADERS[:-2])
    assert mapper.problems[0][0] == "中标价(元)"
    field, reason = refusal_of(mapper, *tender()[:-2])
    assert field == "中标价(元)" and "中标价(元), 公示日期" in reason


def test_a_column_that_stands_twice_refuses_every_row() -> None:
    mapper = mapper_of("tenders", [*TENDER_HEADERS, "招标人 #7"])
    assert refusal_of(mapper, *tender(), "另一公司") == (
        "招标人",
        "stands twice in the header; remove one of the columns",
    )


RECEIVABLE_HEADERS = [
    "customerID",
    "invoiceNumber",
    "InvoiceDate",
    "DueDate",
    "SettledDate",
    "InvoiceAmount",
    "Disputed",
]


def test_a_receivable_has_month_before_day_and_yes_means_true() -> None:
    fact = fact_of(
        mapper_of("receivables", RECEIVABLE_HEADERS),
        *("0001-TEST", "77", "1/2/2013", "2/1/2013", "1/15/2013", "55.90", "Yes"),
    )
    assert fact.occurred == "2013-01-15" and fact.external_id == "77"
    assert fact.attributes == {
        "due_on": "2013-02-01",
        "paid_on": "2013-01-15",
        "amount": "55.9",
        "disputed": True,
    }


def test_dates_in_the_wrong_order_refuse_a_row() -> None:
    mapper = mapper_of("receivables", RECEIVABLE_HEADERS)
    cells = ("0001-TEST", "77", "1/16/2013", "2/1/2013", "1/15/2013", "55.90", "No")
    assert refusal_of(mapper, *cells) == ("SettledDate", "lies before the invoice date")
    cells = ("0001-TEST", "77", "13/1/2013", "2/1/2013", "1/15/2013", "55.90", "No")
    assert refusal_of(mapper, *cells)[0] == "InvoiceDate"


INTENTION_HEADERS = [
    *("序号", "地区", "标题", "采购方式", "项目类型", "发布时间", "子序号", "采购项目名称", "采购需求概况"),
    *("预算金额(万元)", "拟面向中小企业预留", "预计采购时间", "备注", "Link"),
]
INTENTION: list[Cell] = [
    *("1", "某省本级", "某某大学2026年01月(至)03月政府采购意向", None, None, "2026-01-30 09:07:01", "2"),
    *("实验室改造", "改造实验室。", "75.220000", "是", "2026年03月", None, "http://example.org/a?b=c"),
]


def intentions() -> RowMapper:
    types = {**FACT_TYPES, "procurement_intended": INTENDED}
    return RowMapper(mapping_load("intentions"), types.get, INTENTION_HEADERS)


INTENDED = fact_type_parse(
    {
        "id": "procurement_intended",
        "title": {"zh": "采购意向", "en": "Procurement intended"},
        "attributes": {
            "budget": {
                "type": "number",
                "title": {"zh": "预算", "en": "Budget"},
                "unit": "CNY",
                "places": 2,
                "min": 0,
                "max": "100000000000",
            },
            "project": {"type": "text", "title": {"zh": "项目", "en": "Project"}},
        },
    }
)


def test_ten_thousands_are_multiplied_out_exactly_and_the_purchaser_is_taken_from_the_title() -> None:
    fact = fact_of(intentions(), *INTENTION)
    assert fact.attributes == {"budget": "752200", "project": "实验室改造"}  # 75.22 × 10,000
    assert fact.customer == CustomerReference("procurement", "某某大学")
    assert fact.external_id == "某某大学2026年01月(至)03月政府采购意向 / 2026-01-30 / 实验室改造"


@pytest.mark.parametrize("width", [1, 2])
def test_a_shifted_intention_is_refused(width: int) -> None:
    shifted = [*INTENTION[:6], *INTENTION[6 + width : -1], *[None] * width, INTENTION[-1]]
    assert len(shifted) == len(INTENTION)
    field, _ = refusal_of(intentions(), *shifted)
    assert field == "子序号"


@pytest.mark.parametrize(
    ("column", "cell", "field"),
    [
        (9, "是", "预算金额(万元)"),
        (9, "0", "预算金额(万元)"),
        (10, "2026年03月", "拟面向中小企业预留"),
        (11, None, "预计采购时间"),
        (11, "2026年3月", "预计采购时间"),
        (11, "2026年13月", "预计采购时间"),
        (13, "见附件", "Link"),
        (6, "采购项目名称", "子序号"),
        (7, "预算金额（万元）", "采购项目名称"),
        (2, "政府采购意向", "标题"),
    ],
)
def test_an_intention_is_taken_only_where_every_column_is_right(column: int, cell: Cell, field: str) -> None:
    cells = [*INTENTION]
    cells[column] = cell
    assert refusal_of(intentions(), *cells)[0] == field


def test_the_plain_form_fills_attributes_by_their_names_and_registers_whom_it_names() -> None:
    headers = [
        "fact_type",
        "external_id",
        "customer",
        "occurred",
        "customer_name",
        "industry",
        "amount",
        "score",
    ]
    mapper = mapper_of("facts", headers)
    fact = fact_of(mapper, "contract_signed", "X-1", "K1", "2024-01-31", "甲 公司", "water", "10000.50", None)
    assert fact.attributes == {"amount": "10000.50"}
    assert fact.registration == RegisterCustomer("customers", "K1", "甲 公司", {"industry": "water"})
    fact = fact_of(mapper, "performance_scored", "X-2", "K1", "2024-01-31", None, None, None, "99.5")
    assert fact.attributes == {"score": "99.5"} and fact.registration is None
    cells = ("performance_scored", "X-3", "K1", "2024-01-31", None, None, "5", "99.5")
    assert refusal_of(mapper, *cells) == (
        "amount",
        "is no attribute of performance_scored, but the cell is filled",
    )
    cells = ("applause", "X-3", "K1", "2024-01-31", None, None, None, None)
    assert refusal_of(mapper, *cells) == ("fact_type", "is no declared fact type")
    cells = ("performance_scored", "X-3", "K1", "2024-01-31", None, None, None, "99.55")
    assert refusal_of(mapper, *cells)[0] == "score"


def test_the_plain_form_reads_booleans_and_names_other_customers_by_reference() -> None:
    headers = ["fact_type", "external_id", "customer", "occurred", "new_customer", "disputed"]
    mapper = mapper_of("facts", headers)
    fact = fact_of(mapper, "referral_signed", "R-1", "K1", "2024-01-31", "Ｋ2", None)
    assert fact.attributes == {"new_customer": "customers:K2"}
    cells = ("invoice_paid", "R-1", "K1", "2024-01-31", None, "maybe")
    assert refusal_of(mapper, *cells) == ("disputed", "is neither true nor false")


def test_a_customer_list_registers_and_leaves_empty_traits_out() -> None:
    mapper = mapper_of("customers", ["reference", "name", "industry", "region"])
    assert mapped(mapper, "K1", "甲公司", "water", None) == MappedRow(
        RegisterCustomer("customers", "K1", "甲公司", {"industry": "water"}), ""
    )


def sample(**fact: Any) -> RowMapper:
    document = {
        "id": "sample",
        "title": {"zh": "样例", "en": "Sample"},
        "source": "sample",
        "columns": {
            "customer": {"type": "text", "headers": ["customer"]},
            "score": {"type": "number", "headers": ["score"], "places": 1, "thousands": ",", "max": "100"},
            "day": {
                "type": "date",
                "headers": ["day"],
                "formats": ["%d/%m/%Y", "%Y-%m-%d"],
                "min": "2020-01-01",
                "max": "2029-12-31",
                "suspicious": [{"matches": "01/01/.*", "reason": {"zh": "占位", "en": "is a placeholder"}}],
            },
        },
        "customer": {"reference": {"column": "customer"}},
        "fact": {
            "type": {"constant": "performance_scored"},
            "occurred": {"column": "day"},
            "attributes": {"score": {"column": "score"}},
            **fact,
        },
    }
    return RowMapper(mapping_parse(document), FACT_TYPES.get, ["customer", "score", "day"])


def test_a_row_without_an_id_is_known_by_what_it_says_however_it_is_written() -> None:
    one = mapped(sample(), "甲（集团）", "90.0", "31/12/2024")
    other = mapped(sample(), " 甲(集团)", "90", "2024-12-31")
    assert one.identity and one.identity == other.identity
    assert mapped(sample(), "甲(集团)", "90.1", "2024-12-31").identity != one.identity


def test_joined_ids_that_grow_too_long_are_told_apart_by_their_hash() -> None:
    mapper = sample(external_id={"columns": ["customer", "day"], "separator": "-"})
    assert fact_of(mapper, "K", "1", "31/12/2024").external_id == "K-2024-12-31"
    ids = {fact_of(mapper, "长" * 300 + end, "1", "31/12/2024").external_id for end in "ab"}
    assert len(ids) == 2 and all(name.startswith("sha256-") and len(name) == 71 for name in ids)


@pytest.mark.parametrize(
    ("cells", "field", "reason"),
    [
        (("K", "100.1", "2024-12-31"), "score", "above the highest value allowed, 100"),
        (("K", "1", "31/12/2019"), "day", "is 2019-12-31, before 2020-01-01"),
        (("K", "1", "2030-01-01"), "day", "after 2029-12-31"),
        (("K", "1", "01/01/2024"), "day", "is a placeholder"),
        (("K", "1", "12/31/2024"), "day", "not a date"),
        ((None, "1", "2024-12-31"), "customer", "is empty"),
    ],
)
def test_bounds_and_patterns_of_columns_hold(cells: tuple[Cell, ...], field: str, reason: str) -> None:
    told = refusal_of(sample(), *cells)
    assert told[0] == field and reason in told[1]


def test_no_expression_of_a_sender_keeps_the_process_busy() -> None:
    what = {"zh": "甲", "en": "thing"}
    suspicion = {"matches": "(a+)+b", "reason": {"zh": "可疑", "en": "is odd"}}
    column = {"type": "text", "headers": ["customer"], "suspicious": [suspicion]}
    mapper = sample(external_id={"column": "customer", "capture": "((?:a+)+)b", "what": what})
    document = mapper.mapping.model_dump(mode="json", exclude_defaults=True)
    document["columns"]["customer"] = column
    mapper = RowMapper(mapping_parse(document), FACT_TYPES.get, mapper.headers)
    began = time.perf_counter()
    assert "does not contain the thing" in refusal_of(mapper, "a" * 3_999, "1", "2024-12-31")[1]
    assert refusal_of(mapper, "a" * 3_998 + "b", "1", "2024-12-31") == ("customer", "is odd")
    assert time.perf_counter() - began < 2.0


@pytest.mark.parametrize("cell", [date(2024, 1, 1), datetime(2024, 1, 1, 8, 30)])
def test_a_date_cell_needs_no_format_and_its_writing_raises_no_suspicion(cell: date) -> None:
    assert fact_of(sample(), "K", "1", cell).occurred == "2024-01-01"


@pytest.mark.parametrize(
    ("raw", "value"),
    [("1,234.5", "1234.5"), ("12,345,678", "12345678"), ("1234.5", "1234.5"), ("-0", "0"), ("+7.0", "7")],
)
def test_groups_of_three_digits_may_be_marked(raw: str, value: str) -> None:
    column = NumberColumn(type="number", headers=["x"], places=1, thousands=",")
    assert number_text(number_read(raw, column)) == value


@pytest.mark.parametrize(
    "raw", ["1,23.4", "12,34", "1234,567", ",123", "1,234,", "", ".5", "5.", "0x1F", "∞", "1 000"]
)
def test_numbers_that_could_mean_two_things_are_refused(raw: str) -> None:
    column = NumberColumn(type="number", headers=["x"], places=3, thousands=",")
    with pytest.raises(ValueError, match="plain number"):
        number_read(raw, column)


@given(
    st.decimals(min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=6, allow_nan=False),
    st.integers(1, 10**9),
)
def test_reading_a_number_is_exact_and_reading_it_again_changes_nothing(value: Decimal, factor: int) -> None:
    column = NumberColumn(type="number", headers=["x"], places=6, multiply=factor)
    read = number_text(number_read(format(value, "f"), column))
    assert Fraction(read) == Fraction(value) * factor
    plain = NumberColumn(type="number", headers=["x"], places=6)
    assert number_text(number_read(read, plain)) == read


@given(st.text(max_size=40))
def test_a_reference_in_normal_form_stays_as_it_is(words: str) -> None:
    assert reference_normal(reference_normal(words)) == reference_normal(words)


def test_full_and_half_width_writings_are_one_reference() -> None:
    assert reference_normal(" 示例（湖北）　水务 ") == reference_normal("示例(湖北) 水务")


@pytest.mark.parametrize("name", ["intentions", "intentions_list"])
def test_a_mapping_whose_fact_type_is_not_declared_names_it_its_document_and_the_command(name: str) -> None:
    with pytest.raises(DocumentInvalid) as invalid:
        RowMapper(mapping_load(name), FACT_TYPES.get, ("x",))
    [problem] = invalid.value.problems
    command = "declare procurement_intended first: plumbline fact-types declare connectors/mappings/intentions.fact_type.yaml"
    assert problem.field == "mapping: fact.type" and command in problem.reason
    assert (Path(__file__).parents[3] / "connectors" / "mappings" / "intentions.fact_type.yaml").is_file()
