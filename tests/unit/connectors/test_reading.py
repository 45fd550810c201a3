"""Files as raw rows: encodings, delimiters, quotation marks, workbooks, and numbering as people see it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from connectors.files.mapping import FileMapping
from connectors.files.mapping_loading import mapping_parse
from connectors.files.reading import FileRefused, file_open
from connectors.files.rows import Cell, RawRow

TEXT = "客户,金额,日期\n甲公司,1.50,2024-01-01\n乙公司,2,2024-01-02\n"


def mapping(**more: object) -> FileMapping:
    return mapping_parse(
        {
            "id": "sample",
            "title": {"zh": "样例", "en": "Sample"},
            "source": "sample",
            "columns": {
                "customer": {"type": "text", "headers": ["客户"]},
                "amount": {"type": "number", "headers": ["金额"]},
                "day": {"type": "date", "headers": ["日期"], "formats": ["%Y-%m-%d"]},
            },
            "customer": {
                "reference": {"column": "customer"},
                "registration": {"name": {"column": "customer"}},
            },
            **more,
        }
    )


def rows_of(path: Path, document: FileMapping | None = None) -> list[RawRow]:
    with file_open(path, document or mapping()) as opened:
        return list(opened.rows)


def cells_of(path: Path) -> list[tuple[Cell, ...]]:
    return [row.cells for row in rows_of(path)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert cells_of(path) == [("甲公司", "1.50", "2024-01-01"), ("乙公司", "2", "2024-01-02")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_the_columns_of_the_mapping(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "file.csv"
    # Commas in a cell of the header would win if the cells alone were counted.
    path.write_text(
        f'客户{delimiter}金额{delimiter}日期{delimiter}"a,b,c,d,e"\n甲{delimiter}1{delimiter}2{delimiter}3\n'
    )
    assert cells_of(path) == [("甲", "1", "2", "3")]


def test_bytes_of_no_known_encoding_are_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n\xff\xff\xff,1\n")
    with pytest.raises(FileRefused, match="CSV UTF-8"):
        rows_of(path)


def test_bytes_that_gb18030_reads_as_characters_no_text_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n\xaa\xa1,1\n")  # U+E000, private use
    with pytest.raises(FileRefused, match="gb18030"):
        rows_of(path)


def test_another_encoding_is_read_where_the_mapping_names_it(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes("name;amount\nCafé,1\n".replace(",", ";").encode("latin-1"))
    with pytest.raises(FileRefused):
        rows_of(path)
    assert rows_of(path, mapping(encodings=["latin-1"]))[0].cells[0] == "Café"


def test_cells_of_many_lines_are_one_row_and_blank_rows_are_counted_but_left_out(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('\n客户,金额,日期\n"甲\n公司",1,2\n,,\n\n乙,3,4\n')
    with file_open(path, mapping()) as opened:
        assert opened.header_row == 2
        assert [(row.row, row.cells[0]) for row in opened.rows] == [(3, "甲\n公司"), (6, "乙")]


def test_rows_with_too_few_or_too_many_cells_are_at_fault_and_empty_surplus_cells_are_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.csv"
    path.write_text("客户,金额,日期\n甲,1\n乙,1,2,3\n丙,1,2,,\n")
    few, many, fine = rows_of(path)
    assert few.fault is not None and "2 cells where the header has 3" in few.fault.reason
    assert many.fault is not None and "4 cells where the header has 3" in many.fault.reason
    assert fine.fault is None and fine.cells == ("丙", "1", "2")


def test_a_quotation_mark_in_the_wrong_place_costs_its_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('客户,金额,日期\n"甲"公司,1,2\n乙,3,4\n')
    bad, good = rows_of(path)
    assert bad.row == 2 and bad.fault is not None and "quotation marks near line 2" in bad.fault.reason
    assert good.row == 3 and good.cells == ("乙", "3", "4")


def test_a_quotation_mark_never_closed_is_told_and_not_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('客户,金额,日期\n甲,1,2\n"乙,3,4\n丙,5,6\n')
    good, bad, next_ = rows_of(path)
    assert good.fault is None
    assert bad.row == 3 and bad.fault is not None and "near line 3" in bad.fault.reason
    assert next_.row == 4 and next_.cells == ("丙", "5", "6")


def test_rows_between_a_quotation_mark_that_is_never_closed_and_the_next_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    many = "".join(f"丙{n},{n},6\n" for n in range(20_000))
    path.write_text(f'客户,金额,日期\n"乙,3,4\n{many}"丁",7,8\n"戊\n公司",9,10\n', encoding="utf-8")
    bad, *good = rows_of(path)
    assert bad.row == 2 and bad.fault is not None
    assert [row.row for row in good] == list(range(3, 20_005)) and not any(row.fault for row in good)
    assert [row.cells[0] for row in good[-2:]] == ["丁", "戊\n公司"]


@pytest.mark.parametrize(
    ("cell", "reason"), [("甲\x00", "NUL"), ("甲\N{REPLACEMENT CHARACTER}", "broken character")]
)
def test_characters_that_no_value_has_put_a_row_at_fault(tmp_path: Path, cell: str, reason: str) -> None:
    path = tmp_path / "file.csv"
    path.write_text(f"客户,金额,日期\n{cell},1,2\n")
    (row,) = rows_of(path)
    assert row.fault is not None and row.fault.field == "客户" and reason in row.fault.reason


def workbook_save(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)


def test_workbook_numbers_come_as_their_shortest_text_and_dates_as_dates(tmp_path: Path) -> None:
    path = tmp_path / "named_wrongly.csv"
    stamp = datetime(2024, 1, 2, 9, 30)
    workbook_save(
        path, {"S": [["客户", "金额", "日期"], [7, 95.7, stamp], [True, 1 / 3, "文字"], [1e21, 3.0, None]]}
    )
    assert cells_of(path) == [
        ("7", "95.7", stamp),
        ("TRUE", "0.3333333333333333", "文字"),
        ("1000000000000000000000", "3", None),
    ]


def test_a_workbook_row_has_the_number_of_its_sheet_row(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook_save(path, {"S": [[], ["客户", "金额", "日期"], ["甲", 1, "x"], [], ["乙", 2, "x"]]})
    assert [row.row for row in rows_of(path)] == [3, 5]


def test_spreadsheet_errors_put_a_row_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook_save(path, {"S": [["客户", "金额", "日期"], ["甲", "#REF!", "x"]]})
    (row,) = rows_of(path)
    assert row.fault is not None and row.fault.field == "金额" and "#REF!" in row.fault.reason


def test_the_sheet_with_the_columns_is_read_and_several_such_sheets_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    header: list[object] = ["客户", "金额", "日期"]
    workbook_save(path, {"Notes": [["hello"]], "Data": [header, ["甲", 1, "x"]]})
    assert cells_of(path) == [("甲", "1", "x")]
    workbook_save(path, {"A": [header], "B": [header, ["乙", 1, "x"]]})
    with pytest.raises(FileRefused, match="A, B"):
        rows_of(path)
    assert rows_of(path, mapping(sheet="B"))[0].cells[0] == "乙"
    with pytest.raises(FileRefused, match="no sheet 'C'"):
        rows_of(path, mapping(sheet="C"))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "export it again"),
        (b"\n\n,,\n", "export it again"),
        (b"PK\x03\x04 and then nothing", "save it as .xlsx again"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx without a password"),
        (b"\x1f\x8b\x08\x00", "unpack it"),
        (b'"never closed', "the header cannot be read"),
    ],
)
def test_files_without_rows_are_refused_with_advice(tmp_path: Path, content: bytes, advice: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(FileRefused, match=advice):
        rows_of(path)


def test_a_workbook_of_a_few_kilobytes_that_unfolds_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.files.reading.ROWS_MAX", 100)
    monkeypatch.setattr("connectors.files.reading.CELLS_BEYOND_MAX", 20_000)
    path = tmp_path / "book.xlsx"
    table = [["客户", "金额", "日期"], ["甲", 1, "x"]]

    def saved(*cells: tuple[int, int]) -> None:
        workbook = openpyxl.Workbook()
        sheet = workbook.create_sheet("S", 0)
        for row in table:
            sheet.append(row)
        for row, column in cells:
            # Nothing but a format, as it is left behind where somebody has cleared a cell.
            sheet.cell(row, column).number_format = "0.00"
        workbook.save(path)

    saved((101, 1))
    with pytest.raises(FileRefused, match="far beyond any table"):
        rows_of(path)
    saved((3, 16_384), (4, 16_384))
    with pytest.raises(FileRefused, match="far beyond any table"):
        rows_of(path)
    saved((2, 16_384))
    assert len(rows_of(path)) == 1, "one stray cell does no harm"
    monkeypatch.setattr("connectors.files.reading.TEXTS_BYTES_MAX", 1_000)
    with pytest.raises(FileRefused, match="as CSV UTF-8"):
        rows_of(path)


def test_a_workbook_damaged_within_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook_save(path, {"S": [["客户", "金额", "日期"], *[["甲", n, "x"] for n in range(2000)]]})
    content = bytearray(path.read_bytes())
    middle = content.index(b"xl/worksheets/sheet1.xml") + 2000
    content[middle : middle + 200] = b"\x00" * 200
    path.write_bytes(bytes(content))
    with pytest.raises(FileRefused, match="damaged"):
        rows_of(path)


def test_a_missing_file_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="Check the path"):
        rows_of(tmp_path / "nowhere.csv")


def test_date_cells_are_kept_as_dates(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    workbook_save(path, {"S": [["客户", "金额", "日期"], ["甲", 1, date(2024, 2, 29)]]})
    assert cells_of(path)[0][2] == datetime(2024, 2, 29)
