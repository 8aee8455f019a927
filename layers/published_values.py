"""Attributes of a file: names and values that can be kept, in types that every part of the service knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from geo.arrays import IntArray
from geo.errors import Problem
from layers.filter_columns import UNPRINTABLE

SHOWN = 10
# texts and bytes beyond this do not fit in one run of 32-bit offsets
MOST_BYTES = 2_000_000_000
# seconds of the years 1 to 9999, as calendars know them
FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799
_PERSONS = re.compile(
    r"(vor|nach|familien)name|first.?name|last.?name|surname|geburt|birth|e.?mail|telefon|phone|mobil|iban|steuer.?id"
    r"|haus.?n(umme)?r|house.?n(umbe)?r|eigent(ü|ue)mer|owner|mieter|tenant",
    re.IGNORECASE,
)


def rows_named(rows: Sequence[int] | IntArray) -> str:
    """Name rows, counted from 1 as in the file, not too many: ``"features 3, 7 and 12 more"``."""
    listed = [int(row) for row in rows]
    more = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return f"feature{'s' if len(listed) > 1 else ''} {', '.join(map(str, listed[:SHOWN]))}{more}"


def problems_of(table: pa.Table, file: str) -> list[Problem]:
    """Everything in the attributes that cannot be published."""
    problems = _names(table, file)
    for name, column in zip(table.column_names, table.columns, strict=True):
        problems += _values(name, column, file)
    return problems


def plain(table: pa.Table) -> pa.Table:
    """Return the same values in one run each, in types without a dictionary, a view or an extension."""
    columns = [_one_run(_plain(column)) for column in table.columns]
    if not columns:
        return table.combine_chunks()
    return pa.table(columns, names=table.column_names)


def persons(names: Sequence[str]) -> list[str]:
    """Names of columns that may tell of single persons."""
    return [name for name in names if _PERSONS.search(name)]


def infinite(table: pa.Table) -> list[str]:
    """Names of columns with infinite numbers, which JSON does not know."""
    floating = [name for name in table.column_names if pa.types.is_floating(table.schema.field(name).type)]
    return [name for name in floating if pc.any(pc.is_inf(table[name])).as_py()]


def _names(table: pa.Table, file: str) -> list[Problem]:
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    problems = [Problem(file, f"has several columns named '{name}'", "Rename all but one.") for name in twice]
    for position, name in enumerate(table.column_names, start=1):
        if not name.strip():
            problems.append(Problem(file, f"column {position} has no name", "Give it one."))
        elif UNPRINTABLE.search(name):
            what = f"the name of column {position} holds a character that cannot be printed"
            problems.append(Problem(file, what, "Rename it."))
    return problems


def _values(name: str, column: pa.ChunkedArray, file: str) -> list[Problem]:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            where = f"{file}, column {name}, {rows_named(_not_utf8(column))}"
            return [Problem(where, "is no text in UTF-8", "Export the file in UTF-8, or say its encoding in it.")]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = pa.timestamp("s", kind.tz) if pa.types.is_timestamp(kind) else pa.timestamp("s")
        at = column.cast(seconds, safe=False).cast(pa.int64())
        wrong = pc.or_(pc.less(at, FIRST_S), pc.greater(at, LAST_S)).fill_null(False)
        rows = np.flatnonzero(wrong.to_numpy()) + 1
        if rows.size:
            where = f"{file}, column {name}, {rows_named(rows)}"
            return [Problem(where, "is no day of the years 1 to 9999", "Correct it, or leave it empty.")]
    return []


def _not_utf8(column: pa.ChunkedArray) -> list[int]:
    found = []
    for row, text in enumerate(column.cast(pa.large_binary()).to_pylist(), start=1):
        try:
            (text or b"").decode()
        except UnicodeDecodeError:
            found.append(row)
    return found


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    # Python's times end at microseconds
    known = ((pa.types.is_string_view, pa.large_string()), (pa.types.is_binary_view, pa.large_binary()))
    more = ((pa.types.is_float16, pa.float32()), (pa.types.is_time64, pa.time64("us")))
    wanted = next((to for is_of, to in (*known, *more) if is_of(kind)), kind)
    return column if wanted == kind else column.cast(wanted, safe=False)


def _one_run(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.nbytes > MOST_BYTES:
        wide = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
        column = column.cast(wide.get(column.type, column.type))
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.ChunkedArray) else pa.chunked_array([whole], column.type)
