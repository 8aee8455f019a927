"""Tables by hand: CSV and Excel, German or English, as their owners keep them; what is not certain is asked.

Leading zeros of keys, decimal commas, thousands marks and marks for suppressed figures decide totals. So a number is
taken only where its reading is certain from the table itself, and everything else is named with its row and column.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from data.archive import check_archive
from data.inputs import Input
from data.report import Report
from data.schema import Column, Schema, check
from geo.errors import InputError, Problem

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

LIMIT_BYTES = 200 << 20
LIMIT_CELLS = 20_000_000
DELIMITERS = (";", ",", "\t", "|")
# Destatis and state offices: nothing there, secret, unknown, not meaningful; what it stands for is not zero for sure
SUPPRESSED = frozenset({"–", "—", "-", "·", "•", "x", "X", ".", "/", "…", "..."})
HEADER_ROWS = 30
_BLANKS = r"[ \u00a0\u202f'’]"  # blank, no-break blanks, Swiss apostrophes
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:{_BLANKS}\d{{3}})+(?=$|[.,])")
_DECIMAL = re.compile(r"[+-]?\d*([.,])\d+(?:[eE][+-]?\d+)?")
_BOTH = re.compile(r"[+-]?\d{1,3}([.,])\d{3}(?:\1\d{3})*(?!\1)([.,])\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([.,])\d{3}(?:\1\d{3})*")
_SCIENTIFIC = re.compile(r"\d[.,]\d+[eE]\+\d+")


def read(
    path: Path,
    schema: Input,
    *,
    key: str,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    report: Report | None = None,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read a table of figures and compare it with its schema.

    Parameters
    ----------
    path
        CSV (semicolon, comma, tab or bar; UTF-8 or Windows-1252) or .xlsx.
    schema
        What the table may hold. Other columns named in `columns` are taken as numbers that may be missing.
    key
        Own name of the column whose values must not repeat; empty where the schema has none: then its required columns
        together must not repeat.
    columns
        Own column name to the file's. Columns of the schema that bear their own name need not be listed. When omitted,
        all columns of the file are taken.
    sheet
        Needed where a workbook has several with content.
    decimal
        ``","`` or ``"."``; needed where the table itself does not show which one it is.
    encoding
        Of a CSV; UTF-8 or Windows-1252 when omitted.
    report
        Suppressed figures are counted here by column.

    Returns
    -------
    tuple
        The table, index from 0: key and texts as text, numbers as float (NaN = missing or suppressed) or int; and all
        problems, by row as a spreadsheet counts them. With problems, the table must not be used.

    Raises
    ------
    InputError
        The file cannot be read at all: missing, not a table, damaged, protected, too large, the sheet or the encoding
        unknown or ambiguous.
    """
    if decimal not in {None, ",", "."}:
        raise InputError(Problem("decimal", f"'{decimal}' is no decimal mark", "State ',' or '.'."))
    columns = dict(columns or {})
    where = path.name
    if path.suffix.lower() in {".xlsx", ".xlsm"}:
        raw, problems = _excel(path, sheet, columns.get(key, key) or _anchor(schema, columns))
    else:
        raw, problems = csv_texts(path, [*columns.values(), *_own_names(schema)], encoding), []
    table, missing = _own_columns(raw, schema, columns, key, where)
    problems += missing
    declared = {column.name: column for column in schema.columns}
    used = tuple(
        declared.get(str(name)) or (Column(key, "text") if name == key else Column(str(name), required=False, low=None))
        for name in table.columns
    )
    figures = [column.name for column in used if column.kind != "text" and column.name != key]
    for column in used:
        if column.name == key:
            table[key], found = _keys(table[key], where)
            problems += found
        elif column.kind == "text":
            table[column.name] = table[column.name].map(_cell_text)
    table[figures], found = _figures(table[figures], decimal, where, report)
    problems += found
    unique = (key,) if key else tuple(column.name for column in schema.columns if column.required)
    checked, found = check(table, Schema(used, unique, cited=False), path)
    return checked.reset_index(drop=True), problems + found


def csv_texts(path: Path, names: Iterable[str], encoding: str | None = None) -> pd.DataFrame:
    """Read a CSV, every cell a text.

    Parameters
    ----------
    path
        Local file.
    names
        Columns it should have: the delimiter is the one with which the header holds most of them.
    encoding
        UTF-8 or Windows-1252 when omitted.

    Returns
    -------
    pandas.DataFrame
        Texts without blanks at their ends, empty = missing. The index is the row that a spreadsheet shows, less 2.

    Raises
    ------
    InputError
        Not a file, not text, no row, rows of another length than the header, columns of the same name.
    """
    where = path.name
    text = _decoded(path, encoding)
    delimiter, top = _delimiter(text, set(names))
    try:
        found = [[cell.strip() for cell in row] for row in _rows(text, delimiter)][top:]
    except csv.Error as error:
        raise InputError(Problem(where, f"is not a table ({error})", "Export it as CSV again.")) from error
    header = found[0] if found else []
    while header and not header[-1]:
        header = header[:-1]
    numbered = [(top + row, _fitted(cells, len(header))) for row, cells in enumerate(found[1:]) if any(cells)]
    if not numbered:
        raise InputError(Problem(where, "holds no row below its header", "Export it again."))
    problems = [
        Problem(f"{where}, row {row + 2}", f"has {len(cells)} cells, the header {len(header)}", "Quote or mend it.")
        for row, cells in numbered
        if len(cells) != len(header)
    ]
    problems += _repeated(header, where)
    if problems:
        raise InputError(problems)
    index = [row for row, _ in numbered]
    table = pd.DataFrame([cells for _, cells in numbered], columns=header, index=index, dtype=object)
    return table[[name for name in header if name]]


def numbers(cells: pd.Series, where: str, decimal: str | None = None) -> pd.Series:
    """Read texts as numbers where the decimal mark is certain.

    Parameters
    ----------
    cells
        Texts; empty = missing.
    where
        Named in problems.
    decimal
        State it where the cells do not show it.

    Returns
    -------
    pandas.Series
        Floats, NaN where empty.

    Raises
    ------
    InputError
        Cells that are no number, or that can be read in two ways.
    """
    plain, problems = _plain(cells.to_frame(), decimal, where)
    texts = plain.iloc[:, 0]
    out = pd.to_numeric(texts.where(texts != ""), errors="coerce").astype(float)
    if not problems:
        problems = [
            Problem(f"{where}, row {row + 2}", f"'{cells[row]}' is no number", "Write digits, no unit.")
            for row in cells.index[(texts != "") & out.isna()]
        ]
    if problems:
        raise InputError(problems)
    return out


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _delimiter(text: str, wanted: set[str]) -> tuple[str, int]:
    """Find the delimiter and the row of the header: where most of the columns asked for stand."""
    best, chosen = (-1, -1), (";", 0)
    for mark in DELIMITERS:
        try:
            for row, cells in enumerate(islice(_rows(text, mark), HEADER_ROWS)):
                names = [cell.strip() for cell in cells]
                # without any match the first row counts, cut by what cuts it most
                score = (len(wanted & set(names)), len(names) if row == 0 else 0)
                if score > best and (score[0] or row == 0):
                    best, chosen = score, (mark, row)
        except csv.Error:
            continue
    return chosen


def _fitted(cells: list[str], width: int) -> list[str]:
    """Cut empty cells that a delimiter at the end of the line makes."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells


def _repeated(header: Iterable[str], where: str) -> list[Problem]:
    seen: set[str] = set()
    problems: list[Problem] = []
    for name in header:
        if name and name in seen:
            problems.append(Problem(where, f"has two columns '{name}'", "Rename or remove one."))
        seen.add(name)
    return problems


def _decoded(path: Path, encoding: str | None) -> str:
    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise InputError(Problem(path.name, "is too large for a table", "Keep the rows of the place only."))
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(str(path), "is not a file that can be read", "Give an existing file.")) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = encoding or "utf-16"
    if b"\0" in raw[:4096] and encoding is None:
        raise InputError(Problem(path.name, "is not a text file", "Export the table as CSV or .xlsx."))
    for name in [encoding] if encoding else ["utf-8-sig", "cp1252"]:
        try:
            return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    tried = encoding or "UTF-8 or Windows-1252"
    raise InputError(Problem(path.name, f"is not encoded in {tried}", "State its encoding, or save it as UTF-8."))


def _own_names(schema: Input) -> list[str]:
    return [column.name for column in schema.columns]


def _anchor(schema: Input, columns: Mapping[str, str]) -> str:
    """Return the file's name of the column by which the header is found when there is no key."""
    first = next(column.name for column in schema.columns if column.required)
    return columns.get(first, first)


def _own_columns(
    raw: pd.DataFrame, schema: Input, columns: Mapping[str, str], key: str, where: str
) -> tuple[pd.DataFrame, list[Problem]]:
    there = [str(name) for name in raw.columns]
    required = [column.name for column in schema.columns if column.required] + ([key] if key else [])
    wanted = dict(columns)
    for name in dict.fromkeys([*required, *_own_names(schema)]):
        if name not in wanted and (name in there or name in required):
            wanted[name] = name
    if not columns:
        wanted.update({name: name for name in there})
    problems = [
        Problem(f"{where}, column {file_name}", "is missing", _there(file_name, there))
        for file_name in dict.fromkeys(wanted.values())
        if file_name not in there
    ]
    made = {name: raw[file_name] for name, file_name in wanted.items() if file_name in there}
    return pd.DataFrame(made, index=raw.index), problems


def _there(name: str, there: list[str]) -> str:
    close = get_close_matches(name, there, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}The file has {', '.join(there)}."


def _cell_text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and pd.isna(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()


def _keys(cells: pd.Series, where: str) -> tuple[pd.Series, list[Problem]]:
    """Take keys as text; a key that a spreadsheet has made a number may have lost its leading zeros."""
    problems: list[Problem] = []
    remedy = "Format the column as text and enter the keys again, with their leading zeros."
    for row, cell in cells.items():
        if isinstance(cell, (int, float)) and not pd.isna(cell):
            what = f"the key {_cell_text(cell)} is stored as a number"
            problems.append(Problem(f"{where}, row {_row(row)}, column {cells.name}", what, remedy))
        elif isinstance(cell, str) and _SCIENTIFIC.fullmatch(cell):
            what = f"the key '{cell}' was turned into a number"
            problems.append(Problem(f"{where}, row {_row(row)}, column {cells.name}", what, remedy))
    return cells.map(_cell_text), problems


def _row(label: object) -> int:
    return int(str(label)) + 2


def _figures(
    table: pd.DataFrame, decimal: str | None, where: str, report: Report | None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Give numbers as plain texts, ready for the schema; suppressed ones are empty and counted."""
    # a number in Excel is a number: its decimal mark is not written in the file
    is_text = table.map(lambda cell: isinstance(cell, str))
    texts = table.map(_cell_text).astype(object)
    hidden = is_text & texts.isin(SUPPRESSED)
    if report is not None:
        for name in table.columns:
            rows = [f"row {_row(row)}" for row in table.index[hidden[name].astype(bool)]]
            report.add(f"{where}, column {name}", "suppressed figures, taken as missing", rows, "kept")
    texts = texts.mask(hidden, "")
    plain, problems = _plain(texts.where(is_text, ""), decimal, where)
    return plain.where(is_text, texts), problems


def _plain(table: pd.DataFrame, decimal: str | None, where: str) -> tuple[pd.DataFrame, list[Problem]]:
    """Rewrite numbers with a point and without thousands marks, if only one reading of the whole table makes sense."""
    texts = table.map(lambda cell: _GROUPED.sub(_no_blanks, cell.replace("−", "-").strip())).astype(object)
    mark, problems = _decimal_mark(texts, decimal, where)
    if mark is None or problems:
        return texts, problems
    other = "." if mark == "," else ","

    def rewritten(text: str) -> str:
        return text.replace(other, "").replace(mark, ".") if _marks(text)[0] else text

    return texts.map(rewritten).astype(object), []


def _decimal_mark(texts: pd.DataFrame, decimal: str | None, where: str) -> tuple[str | None, list[Problem]]:
    sure: dict[str, str] = {}
    doubtful: list[str] = []
    for name in texts.columns:
        for row, text in texts[name].items():
            mark, certain = _marks(text)
            if mark and certain:
                sure.setdefault(mark, f"'{text}' (row {_row(row)}, column {name})")
            elif mark:
                doubtful.append(f"'{text}' (row {_row(row)}, column {name})")
    if len(sure) == 2:
        what = f"mixes decimal comma and point: {' and '.join(sure.values())}"
        return None, [Problem(where, what, "Write all numbers in one way.")]
    shown = next(iter(sure), None)
    if shown and decimal and shown != decimal:
        what = f"{sure[shown]} does not fit the stated decimal mark '{decimal}'"
        return None, [Problem(where, what, "State the other one, or mend the cell.")]
    if doubtful and not shown and not decimal:
        what = f"{len(doubtful)} numbers can be read in two ways, first {doubtful[0]}"
        return None, [Problem(where, what, "State whether the decimal mark is ',' or '.'.")]
    return decimal or shown, []


def _no_blanks(match: re.Match[str]) -> str:
    return re.sub(_BLANKS, "", match.group())


def _marks(text: str) -> tuple[str, bool]:
    """Return the decimal mark that a number shows, and whether that is certain; empty if it shows none.

    ``1.234,5`` and ``12,5`` show a comma, ``1.234.567`` too (its points are thousands). ``1.234`` may be either; so a
    point is given, as not certain.
    """
    if match := _BOTH.fullmatch(text):
        return match[2], True
    if match := _THOUSANDS.fullmatch(text):
        mark = match[1]
        if text.count(mark) > 1:
            return ("," if mark == "." else "."), True
        return mark, text.lstrip("+-").startswith("0")  # no thousands begin with 0
    if match := _DECIMAL.fullmatch(text):
        return match[1], True
    return "", False


def _excel(path: Path, sheet: str | None, anchor: str) -> tuple[pd.DataFrame, list[Problem]]:
    values, formulas = _sheet(path, sheet)
    where = path.name
    if values.max_row * values.max_column > LIMIT_CELLS:
        raise InputError(Problem(where, f"has {values.max_row} rows in {values.max_column} columns", "Cut the sheet."))
    cells = [[_stripped(cell) for cell in row] for row in values.iter_rows(values_only=True)]
    top = next((row for row, line in enumerate(cells[:HEADER_ROWS]) if anchor in line), None)
    if top is None:
        seen = [str(cell) for line in cells[:HEADER_ROWS] for cell in line if isinstance(cell, str)]
        what = f"has no header with '{anchor}' in its first {HEADER_ROWS} rows"
        raise InputError(Problem(where, what, _there(anchor, seen[:40])))
    names = ["" if cell is None else str(cell) for cell in cells[top]]
    problems = _repeated(names, where)
    if problems:
        raise InputError(problems)
    for merged in values.merged_cells.ranges:
        if merged.max_row > top:
            what = f"cells {merged.coord} are merged"
            problems.append(Problem(where, what, "Unmerge them and write each value or name in its own cell."))
    for row, line in enumerate(formulas.iter_rows(min_row=top + 2), top + 1):
        for column, cell in enumerate(line):
            if cell.data_type == "f" and cells[row][column] is None:
                what = f"cell {cell.coordinate} is a formula without a computed value"
                problems.append(Problem(where, what, "Open the file in a spreadsheet program and save it."))
    kept = [row for row in range(top + 1, len(cells)) if any(cell is not None for cell in cells[row])]
    if not kept:
        raise InputError(Problem(where, "holds no row below its header", "Choose another sheet or file."))
    table = pd.DataFrame([cells[row] for row in kept], columns=names, index=[row - 1 for row in kept], dtype=object)
    return table[[name for name in names if name]], problems


def _stripped(cell: object) -> object:
    if isinstance(cell, str):
        return cell.strip() or None
    return cell


def _sheet(path: Path, sheet: str | None) -> tuple[Worksheet, Worksheet]:
    """Open one sheet twice: with the values as last computed, and with the formulas."""
    where = path.name
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise InputError(Problem(str(path), "is not a file that can be read", "Give an existing file.")) from error
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        remedy = "Save it as .xlsx without a password."
        raise InputError(Problem(where, "is an old or protected Excel file", remedy))
    check_archive(path, LIMIT_BYTES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # styles and drop-down lists that openpyxl leaves out
        try:
            books = [openpyxl.load_workbook(path, data_only=only) for only in (True, False)]
        except (InvalidFileException, KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile) as error:
            what = f"cannot be read as Excel ({type(error).__name__}: {error})"
            raise InputError(Problem(where, what, "Open and save it again.")) from error
    filled = [page.title for page in books[0].worksheets if page.max_row > 1 or page.max_column > 1]
    if sheet is None and len(filled) != 1:
        what = f"has {len(filled)} sheets with content: {', '.join(filled)}" if filled else "has no sheet with content"
        raise InputError(Problem(where, what, "Name the sheet to read."))
    name = sheet or filled[0]
    titles = [page.title for page in books[0].worksheets]
    if name not in titles:
        raise InputError(Problem(where, f"has no sheet '{name}'", _there(name, titles)))
    return books[0][name], books[1][name]
