"""Tables by hand: a number is never misread, a key keeps its zeros, what is suppressed is missing and counted."""

from __future__ import annotations

import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from data.archive import check_archive
from data.inputs import INPUTS
from data.report import Report
from data.spreadsheet import csv_texts, numbers, read
from geo.errors import InputError, Problem

INDICATORS = INPUTS["indicators"]
INVENTORY = INPUTS["inventory"]


def csv_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "t.csv"
    path.write_bytes(text.encode(encoding))
    return path


def workbook(folder: Path, *rows: list[object]) -> tuple[Path, Worksheet, openpyxl.Workbook]:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(row)
    return folder / "t.xlsx", sheet, book


def saved(made: tuple[Path, Worksheet, openpyxl.Workbook]) -> Path:
    made[2].save(made[0])
    return made[0]


def words(problems: list[Problem]) -> str:
    return "\n".join(map(str, problems))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_german_csv_by_hand(tmp_path: Path, encoding: str) -> None:
    """Semicolon, decimal comma, thousands point, umlaut: the export of a German Excel."""
    path = csv_file(tmp_path, "Bezirk;Einwohner;Fläche\r\n01;1.234;12,5\r\n02;987;0,25\r\n", encoding)
    columns = {"district": "Bezirk", "people": "Einwohner", "area_km2": "Fläche"}
    table, problems = read(path, INDICATORS, key="district", columns=columns)
    assert problems == []
    assert table["district"].tolist() == ["01", "02"]
    assert table["people"].tolist() == [1234, 987]
    assert table["area_km2"].tolist() == [12.5, 0.25]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,234.5", "7"], [1234.5, 7]),
        (["1.234,5", "7"], [1234.5, 7]),
        (["1.234.567"], [1234567]),
        (["1,234,567"], [1234567]),
        (["0.123"], [0.123]),
        (["0,123", "4.567"], [0.123, 4567]),
        (["1234.567"], [1234.567]),
        (["1 234,5", "1\u202f234"], [1234.5, 1234]),
        (["−3,5", "+2"], [-3.5, 2]),
        (["1'234.5"], [1234.5]),
        (["1,5e3"], [1500]),
        (["7", "", "8"], [7, None, 8]),
    ],
)
def test_numbers_that_can_be_read_one_way_only(cells: list[str], expected: list[float | None]) -> None:
    found = numbers(pd.Series(cells, dtype=object), "t")
    assert [None if pd.isna(one) else one for one in found] == expected


@pytest.mark.parametrize("cells", [["1.234"], ["1,234"], ["1.234", "5"], ["12.500", "7.000"]])
def test_numbers_that_can_be_read_in_two_ways_are_asked_for(cells: list[str]) -> None:
    with pytest.raises(InputError, match=r"can be read in two ways.*State whether the decimal mark"):
        numbers(pd.Series(cells, dtype=object), "t")
    series = pd.Series(cells[:1], dtype=object)
    comma, point = (numbers(series, "t", mark)[0] for mark in ",.")
    assert {comma, point} in ({1234, 1.234}, {12500, 12.5})


def test_a_table_that_mixes_both_marks_or_contradicts_what_is_stated_is_refused() -> None:
    with pytest.raises(InputError, match=r"mixes decimal comma and point.*'1,5' \(row 2.*'2\.5' \(row 3"):
        numbers(pd.Series(["1,5", "2.5"], dtype=object), "t")
    with pytest.raises(InputError, match="does not fit the stated decimal mark"):
        numbers(pd.Series(["1,5"], dtype=object), "t", ".")


@pytest.mark.parametrize("cell", ["1.234.5678", "1,2,3", "12.34.567", "12 %", "ca. 5", "1.23,4", "#DIV/0!"])
def test_what_is_no_number_is_named_not_mended(cell: str) -> None:
    with pytest.raises(InputError, match="is no number"):
        numbers(pd.Series([cell, "1,5"], dtype=object), "t", ",")


def german(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


WRITTEN = st.lists(st.tuples(st.floats(-1e9, 1e9), st.integers(0, 4)), min_size=1, max_size=8)


@given(WRITTEN, st.sampled_from([",", "."]))
def test_numbers_as_written_come_back_or_are_asked_for_but_are_never_wrong(
    written: list[tuple[float, int]], mark: str
) -> None:
    cells = [german(v, d) if mark == "," else f"{v:,.{d}f}" for v, d in written]
    expected = [round(value, digits) for value, digits in written]
    series = pd.Series(cells, dtype=object)
    assert numbers(series, "t", mark).tolist() == pytest.approx(expected)
    asked = False
    try:
        found = numbers(series, "t").tolist()
    except InputError as error:
        asked = "two ways" in str(error)
        found = expected if asked else []
    assert found == pytest.approx(expected)


def test_one_column_shows_how_the_others_are_written(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "district;a;b\n1;1.234;2,5\n")
    assert read(path, INDICATORS, key="district")[0]["a"].tolist() == [1234]
    path = csv_file(tmp_path, "district;a;b\n1;1.234;2.5\n")
    assert read(path, INDICATORS, key="district")[0]["a"].tolist() == [1.234]
    path = csv_file(tmp_path, "district;a;b\n1;1.234;2\n")
    assert "State whether" in words(read(path, INDICATORS, key="district")[1])
    assert read(path, INDICATORS, key="district", decimal=",")[0]["a"].tolist() == [1234]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_the_one_that_cuts_out_the_columns_asked_for(tmp_path: Path, delimiter: str) -> None:
    """A comma inside a header or a cell must not win over the real delimiter."""
    rows = [["district", "Anteil; Frauen, Männer|x"], ["01", "5"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    table, problems = read(csv_file(tmp_path, text), INDICATORS, key="district")
    assert (table["district"].tolist(), table.iloc[:, 1].tolist(), problems) == (["01"], [5], [])


def test_title_rows_above_and_delimiters_at_line_ends_are_no_data(tmp_path: Path) -> None:
    text = "Statistik der Stadt;;\n;;\ndistrict;a;\n01;5;\n;;\n02;6;\n"
    table, problems = read(csv_file(tmp_path, text), INDICATORS, key="district")
    assert (table["district"].tolist(), table["a"].tolist(), problems) == (["01", "02"], [5, 6], [])


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    text = "title\ndistrict;a\n\n01;5\n02;zwei\n"
    _, problems = read(csv_file(tmp_path, text), INDICATORS, key="district")
    assert [problem.where for problem in problems] == ["t.csv, row 5, column a"]


def test_suppressed_figures_are_missing_and_counted(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "district;a;b\n1;–;1\n2;·;.\n3;x;3\n4;0;4\n")
    report = Report()
    table, problems = read(path, INDICATORS, key="district", report=report)
    assert problems == []
    assert table["a"].isna().tolist() == [True, True, True, False]
    assert table["a"][3] == 0
    assert [(line.where, line.count, line.done) for line in report.lines] == [
        ("t.csv, column a", 3, "kept"),
        ("t.csv, column b", 1, "kept"),
    ]


def test_all_problems_of_a_table_at_once(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "sector;carrier;use;year;kwh\nhouseholds;natural_gas;heat;2020;-5\nhouse;natural_gas;heat;2020;abc\n"
        "households;natural_gas;heat;2020;7\n;natural_gas;heat;1066;7\n",
    )
    text = words(read(path, INVENTORY, key="", columns={"kwh_a": "kwh", "t_co2e_a": "CO2"})[1])
    for part in (
        "column CO2: is missing",
        "row 2, column kwh_a: -5 is negative",
        "row 3, column kwh_a: 'abc' is no number",
        "row 3, column sector: 'house' is not known",
        "row 4: repeats the key (households, natural_gas, heat, 2020",
        "row 5, column sector: is empty",
        "row 5, column year: 1066 is below 1990",
    ):
        assert part in text


def test_a_missing_column_says_which_are_there(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "Bezirk_Nr;a\n1;2\n")
    (problem,) = read(path, INDICATORS, key="district", columns={"district": "Bezirk_Nr."})[1]
    assert str(problem) == ("t.csv, column Bezirk_Nr.: is missing. Did you mean Bezirk_Nr? The file has Bezirk_Nr, a.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("district;a\n1;2;3\n2;3\n", "row 2: has 3 cells, the header 2"),
        ("district;a;a\n1;2;3\n", "two columns 'a'"),
        ("district;a\n", "no row below its header"),
        ("", "no row below its header"),
    ],
)
def test_a_broken_csv_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(csv_file(tmp_path, text), INDICATORS, key="district")


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\x00\x01\x02")
    with pytest.raises(InputError, match="not a text file"):
        csv_texts(tmp_path / "t.csv", [])
    (tmp_path / "t.csv").write_bytes(b"a;b\n\x81;2")
    with pytest.raises(InputError, match="not encoded in UTF-8 or Windows-1252"):
        csv_texts(tmp_path / "t.csv", [])
    with pytest.raises(InputError, match="not a file that can be read"):
        csv_texts(tmp_path / "none.csv", [])


def test_excel_by_hand(tmp_path: Path) -> None:
    """Text keys keep zeros, numbers are numbers, texts are read as in a CSV, title rows and blank rows are skipped."""
    made = workbook(
        tmp_path,
        ["Indikatoren"],
        [],
        ["AGS", "EW", None, "Quote"],
        ["05913000", 586852, "x", "12,5"],
        [],
        ["05911000", 3.5, None, "–"],
    )
    report = Report()
    columns = {"district": "AGS", "people": "EW", "share": "Quote"}
    table, problems = read(saved(made), INDICATORS, key="district", columns=columns, report=report)
    assert problems == []
    assert table["district"].tolist() == ["05913000", "05911000"]
    assert table["people"].tolist() == [586852, 3.5]
    assert table["share"][0] == 12.5
    assert pd.isna(table["share"][1])
    assert report.lines[0].count == 1


def test_a_key_that_excel_made_a_number_is_named_not_padded(tmp_path: Path) -> None:
    made = workbook(tmp_path, ["district", "a"], [5913000, 1], ["05911000", 2])
    _, problems = read(saved(made), INDICATORS, key="district")
    assert words(problems).startswith("t.xlsx, row 2, column district: the key 5913000 is stored as a number")
    path = csv_file(tmp_path, "district;a\n5,913E+06;1\n")
    assert "turned into a number" in words(read(path, INDICATORS, key="district")[1])


def test_formulas_without_a_value_and_merged_cells_are_named(tmp_path: Path) -> None:
    made = workbook(tmp_path, ["district", "a", "b"], ["01", "=1+1", 5], ["02", 3, None])
    made[1].merge_cells("C2:C3")
    text = words(read(saved(made), INDICATORS, key="district")[1])
    assert "cell B2 is a formula without a computed value" in text
    assert "cells C2:C3 are merged" in text


def test_a_merged_title_above_the_header_does_no_harm(tmp_path: Path) -> None:
    made = workbook(tmp_path, ["Title", None], ["district", "a"], ["01", 1])
    made[1].merge_cells("A1:B1")
    table, problems = read(saved(made), INDICATORS, key="district")
    assert (table["a"].tolist(), problems) == ([1], [])


def test_sheets_are_named_when_there_are_several(tmp_path: Path) -> None:
    made = workbook(tmp_path, ["district", "a"], ["01", 1])
    other = made[2].create_sheet("2021")
    other.append(["district", "a"])
    other.append(["01", 9])
    path = saved(made)
    with pytest.raises(InputError, match="2 sheets with content: Sheet, 2021"):
        read(path, INDICATORS, key="district")
    assert read(path, INDICATORS, key="district", sheet="2021")[0]["a"].tolist() == [9]
    with pytest.raises(InputError, match=r"no sheet '2020'.*Did you mean 2021"):
        read(path, INDICATORS, key="district", sheet="2020")
    with pytest.raises(InputError, match="no header with 'AGS'"):
        read(path, INDICATORS, key="district", columns={"district": "AGS"}, sheet="2021")


def test_files_that_are_no_excel_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0old")
    with pytest.raises(InputError, match="old or protected"):
        read(path, INDICATORS, key="district")
    path.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InputError, match="damaged or cut off"):
        read(path, INDICATORS, key="district")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no workbook")
    with pytest.raises(InputError, match="cannot be read as Excel"):
        read(path, INDICATORS, key="district")


def test_bombs_are_refused_before_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20 << 20))
    with pytest.raises(InputError, match="times its size"):
        check_archive(path, 1 << 40)
    with pytest.raises(InputError, match=r"allowed are 1,000[.]"):
        check_archive(path, 1000)


def test_a_cell_at_the_end_of_the_sheet_does_not_fill_the_memory(tmp_path: Path) -> None:
    made = workbook(tmp_path, ["district", "a"], ["01", 1])
    made[1]["XFD1048576"] = 1
    with pytest.raises(InputError, match="rows in 16384 columns"):
        read(saved(made), INDICATORS, key="district")
