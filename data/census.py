"""German census grids of 2011 and 2022: buildings by age, type, heating and carrier, dwellings and people per cell.

Both censuses hide small counts, in other ways: in 2011 a row is left out or holds -1, in 2022 it holds a dash. What a
breakdown lacks of the buildings of its cell is kept as `unknown`, so that no total is short; what is not known at all
stays missing. The editions have other bands and must not be mixed: they are told apart by header and by grid id.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from data.archive import check_archive
from data.report import EXAMPLES, Line, Report
from data.schema import AGES
from geo.errors import InputError, Problem

EDITIONS = ("2011", "2022")
LIMIT_BYTES = 32 << 30
BLOCK_BYTES = 16 << 20
# in the order of the codes of 2011
TYPES = (
    "sfh_detached",
    "sfh_semi",
    "sfh_terraced",
    "2fh_detached",
    "2fh_semi",
    "2fh_terraced",
    "mfh_3_6",
    "mfh_7_12",
    "mfh_13plus",
    "other",
)
HEATINGS = ("district", "storey", "block", "central", "single_stove", "none")
CARRIERS = {
    "Gas": "natural_gas",  # with liquefied gas, which the census does not tell apart
    "Heizoel": "heating_oil",
    "Holz_Holzpellets": "wood",
    "Biomasse_Biogas": "biomass",
    "Solar_Geothermie_Waermepumpen": "ambient_heat",
    "Strom": "electricity",
    "Kohle": "hard_coal",
    "Fernwaerme": "district_heating",
    "kein_Energietraeger": "none",
}
KINDS = {"age": AGES, "type": TYPES, "heating": HEATINGS, "carrier": tuple(CARRIERS.values())}
DWELLING_KINDS = {"dwellings_heating": HEATINGS, "dwellings_carrier": tuple(CARRIERS.values())}

_TYPES_2022 = (
    "FreiEFH",
    "EFH_DHH",
    "EFH_Reihenhaus",
    "Freist_ZFH",
    "ZFH_DHH",
    "ZFH_Reihenhaus",
    "MFH_3bis6Wohnungen",
    "MFH_7bis12Wohnungen",
    "MFH_13undmehrWohnungen",
    "AndererGebaeudetyp",
)
_HEATINGS_2022 = (
    "Fernheizung",
    "Etagenheizung",
    "Blockheizung",
    "Zentralheizung",
    "Einzel_Mehrraumoefen",
    "keine_Heizung",
)
_ATTRIBUTES_2011 = {"BAUJAHR_MZ": ("age", AGES), "GEBTYPGROESSE": ("type", TYPES), "HEIZTYP": ("heating", HEATINGS)}
_OF_DWELLINGS_2011 = {"NUTZUNG_DETAIL_HHGEN", "WOHNEIGENTUM", "WOHNFLAECHE_10S", "RAUMANZAHL"}
_WIDE_2011 = {
    **{f"bld_{age}": f"age_{age}" for age in AGES[1:]},
    "bld_before_1919": "age_until_1918",
    **{f"bld_{name}": f"type_{name}" for name in TYPES},
    **{f"bld_heat_{name}": f"heating_{name}" for name in HEATINGS},
    **{f"dw_heat_{name}": f"dwellings_heating_{name}" for name in HEATINGS},
    "population": "people",
}
# a dash in UTF-8, in Windows-1252 and as the replacement character, all read byte by byte; nothing at all; a point
_WITHHELD = frozenset({"â\x80\x93", "\x96", "ï¿½", "–", "-", "", ".", "/"})
_GRID_ID = r"^(?P<crs>CRS3035RES)?(?P<size>\d{1,5})(?P<unit>k?m)N(?P<n>\d{1,7})E(?P<e>\d{1,7})$"
_ID_COLUMN = re.compile(r"gitter_id_(\d+)(k?m)(_neu)?", re.IGNORECASE)
_BAND = re.compile(r"(?:Vor(?P<before>\d{4})|a(?P<first>\d{4})(?:bis(?P<last>\d{4})|undspaeter))")
_OLDEST, _NEWEST = -9999, 9999


@dataclass
class _Part:
    """What one file gives: cells by (x_m, y_m) with canonical columns, NaN where withheld."""

    where: str
    edition: str
    table: pd.DataFrame
    ags: pd.Series | None = None


@dataclass
class _Tally:
    """Rows of one file that were left out or mended, kept as counts: a national file has millions outside."""

    where: str
    report: Report
    received: int = 0
    found: dict[tuple[str, str, str], tuple[int, list[str]]] = field(default_factory=dict)

    def note(self, what: str, done: str, count: int, examples: Sequence[object] = (), remedy: str = "") -> None:
        before, names = self.found.get((what, done, remedy), (0, []))
        names = [*names, *(str(one) for one in examples[: EXAMPLES - len(names)])]
        self.found[what, done, remedy] = (before + count, names)

    def close(self, kept: int) -> None:
        for (what, done, remedy), (count, names) in self.found.items():
            if count:
                self.report.lines.append(Line(self.where, what, count, done, tuple(names), remedy))
        self.report.count(self.where, self.received, kept)


@dataclass(frozen=True)
class _Place:
    """Which cells are wanted."""

    cell_m: int
    bounds: tuple[float, float, float, float] | None

    def inside(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.bounds is None:
            return np.ones(len(x), bool)
        x_min, y_min, x_max, y_max = self.bounds
        return np.asarray((x < x_max) & (x + self.cell_m > x_min) & (y < y_max) & (y + self.cell_m > y_min))


def read(
    paths: Sequence[Path],
    *,
    report: Report,
    edition: str | None = None,
    bounds: tuple[float, float, float, float] | None = None,
    cell_m: int = 100,
    built_per_year: Mapping[int, float] | None = None,
) -> pd.DataFrame:
    """Read the files of one census, one for each theme, as one table of cells.

    Parameters
    ----------
    paths
        CSV as published or the zip archive with it, or the wide parquet of `ruhr-zensus2011`. Of 2011: Gebaeude100m,
        Wohnungen100m (a row for each cell, attribute and code) and Bevoelkerung. Of 2022: Baujahr (in decades or in
        classes of the microcensus), Gebaeudetyp_Groesse, Heizungsart, Energietraeger, Bevoelkerungszahl; the published
        file names are needed where the header does not say whether buildings or dwellings are counted.
    report
        Rows that were dropped, mended or withheld, by file; categories that no file has.
    edition
        ``"2011"`` or ``"2022"``; needed only where a file does not show it. What a file shows must agree.
    bounds
        West, south, east, north in EPSG:3035, m. Cells that overlap it are kept.
    cell_m
        Edge of the cells in the files: 100, 1000 or 10000 m.
    built_per_year
        Of 2022: buildings finished by year, in any unit, to split bands that straddle two of `AGES` (1979-1990 is one
        band in 2022 and two in 2011). Omitted: equally many in each year of a band.

    Returns
    -------
    pandas.DataFrame
        One row for each cell, sorted: `x_m`, `y_m` (lower-left corner, EPSG:3035), `cell_m`; counts of buildings
        `age_*`, `type_*`, `heating_*`, `carrier_*`, each kind with its `*_unknown`; `n_buildings`; `dwellings`,
        `dwellings_heating_*`, `dwellings_carrier_*`; `people`; `ags` where the file has it. Floats. NaN = not known for
        this cell, or category that no file has. Where buildings are known, each kind and its unknown add up to
        `n_buildings`, and withheld counts are part of the unknown.

    Raises
    ------
    InputError
        Files that are not census grids, of another edition or cell size, two files for the same theme, a header
        that contradicts the grid ids, codes that the edition does not have, bounds without any cell.
    """
    place = _place(cell_m, bounds)
    if edition is not None and edition not in EDITIONS:
        raise InputError(Problem("edition", f"'{edition}' is not a census", "State '2011' or '2022'."))
    if not paths:
        raise InputError(Problem("census", "no file is given", "Give at least one."))
    parts = [_part(Path(path), place, edition, built_per_year, report) for path in paths]
    _agree(parts)
    table = _joined(parts, report)
    if table.empty:
        box = "the files" if bounds is None else f"the bounds {bounds}"
        raise InputError(
            Problem("census", f"{box} hold no cell", "Give bounds in EPSG:3035: west, south, east, north.")
        )
    table.insert(0, "cell_m", np.int32(cell_m))
    return table.reset_index().astype({"x_m": np.int32, "y_m": np.int32})


def aggregate(cells: pd.DataFrame, cell_m: int = 200) -> pd.DataFrame:
    """Sum cells to larger ones.

    Parameters
    ----------
    cells
        As from `read`. With `ags`, a large cell on a border is one row for each municipality.
    cell_m
        Edge of the large cells, a multiple of the present one.

    Returns
    -------
    pandas.DataFrame
        As `cells`. Sums of what is known; NaN where nothing is. `people_missing` is the number of small cells without a
        figure for people: where it is not 0, `people` is a lower bound. With `ags` and cells of twice the edge,
        `quarters` says which small cells the municipality has (bit 0 south-west, 1 south-east, 2 north-west, 3
        north-east; 15 where it shares the cell with nobody).

    Raises
    ------
    InputError
        `cell_m` is not a multiple, or the cells are of several sizes.
    """
    sizes = cells["cell_m"].unique()
    if len(sizes) != 1 or cell_m % sizes[0] or cell_m <= 0:
        what = f"{cell_m} m is not a multiple of {', '.join(f'{size} m' for size in sizes)}"
        raise InputError(Problem("cell_m", what, "Give cells of one size, and a multiple of it."))
    size = int(sizes[0])
    west, south = cells["x_m"], cells["y_m"]
    keys = pd.DataFrame({"x_m": west // cell_m * cell_m, "y_m": south // cell_m * cell_m})
    if "ags" in cells:
        keys.insert(0, "ags", cells["ags"])
    counts = cells.drop(columns=["x_m", "y_m", "cell_m", "ags"], errors="ignore")
    names = list(keys)
    grouped = pd.concat([keys, counts], axis=1).groupby(names, sort=True, dropna=False)
    table = grouped.sum(min_count=1)
    table["people_missing"] = counts["people"].isna().groupby([keys[name] for name in names], dropna=False).sum()
    table.insert(0, "cell_m", np.int32(cell_m))
    if "ags" in cells and cell_m == 2 * size:
        bit = 2 ** (west % cell_m // size + 2 * (south % cell_m // size))
        table["quarters"] = bit.groupby([keys[name] for name in names], dropna=False).sum()
        shared = table.reset_index().duplicated(["x_m", "y_m"], keep=False).to_numpy()
        table.loc[~shared, "quarters"] = 15
    return table.reset_index().astype({"x_m": np.int32, "y_m": np.int32})


def band_shares(first: int, last: int, built_per_year: Mapping[int, float] | None = None) -> dict[str, float]:
    """Split a band of years over `AGES` by what was built in each year.

    Parameters
    ----------
    first, last
        Years, inclusive; before 1919 and after 2008 they lie in one age anyway.
    built_per_year
        Weight of each year; equal when omitted.

    Returns
    -------
    dict
        Shares by age, adding up to 1.

    Raises
    ------
    InputError
        Weights are missing for a year of the band, negative or all zero.
    """
    whole = [age for age in AGES if _years(age)[0] <= first and last <= _years(age)[1]]
    if whole:
        return {whole[0]: 1.0}
    if first == _OLDEST or last == _NEWEST:
        what = f"the open band {'from' if last == _NEWEST else 'before'} {first if last == _NEWEST else last + 1}"
        raise InputError(Problem("census", f"{what} lies in several ages", "Use the bands as published."))
    years = range(first, last + 1)
    weights = dict.fromkeys(years, 1.0) if built_per_year is None else built_per_year
    missing = [year for year in years if not weights.get(year, -1) >= 0]
    if missing or not sum(weights[year] for year in years) > 0:
        what = f"has no usable weight for {', '.join(map(str, missing)) or f'{first} to {last}'}"
        raise InputError(Problem("built_per_year", what, f"Give buildings finished in each year {first} to {last}."))
    total = sum(weights[year] for year in years)
    shares = {age: sum(weights[y] for y in years if _years(age)[0] <= y <= _years(age)[1]) / total for age in AGES}
    return {age: share for age, share in shares.items() if share > 0}


def _years(age: str) -> tuple[int, int]:
    if age.startswith("until_"):
        return _OLDEST, int(age[-4:])
    if age.endswith("_later"):
        return int(age[:4]), _NEWEST
    return int(age[:4]), int(age[-4:])


def _place(cell_m: int, bounds: tuple[float, float, float, float] | None) -> _Place:
    problems = []
    if cell_m not in {100, 1000, 10_000}:
        problems.append(Problem("cell_m", f"{cell_m} is not an edge of census cells", "Give 100, 1000 or 10000."))
    if bounds is not None and not (len(bounds) == 4 and bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        problems.append(Problem("bounds", f"{bounds} is not a box", "Give west, south, east, north in EPSG:3035."))
    if problems:
        raise InputError(problems)
    return _Place(cell_m, bounds)


def _agree(parts: list[_Part]) -> None:
    problems = []
    editions = {part.edition for part in parts}
    if len(editions) > 1:
        listed = ", ".join(f"{part.where} ({part.edition})" for part in parts)
        problems.append(Problem("census", f"files of two editions: {listed}", "Give the files of one edition."))
    source: dict[str, str] = {}
    for part in parts:
        for name in (column for column in part.table if not str(column).startswith("total_")):
            if source.setdefault(str(name), part.where) != part.where:
                what = f"gives {name}, which {source[str(name)]} gives already"
                problems.append(Problem(part.where, what, "Give one file for each theme."))
                break
    if problems:
        raise InputError(problems)


def _joined(parts: list[_Part], report: Report) -> pd.DataFrame:
    raw = pd.concat([part.table.drop(columns=_totals(part)) for part in parts], axis=1).sort_index()
    totals = {
        # the same total stands in several files, each blurred by itself in 2022; the largest one holds all the rest
        of: pd.concat(
            [part.table[[of]] for part in parts if of in part.table] or [pd.DataFrame(index=raw.index)], axis=1
        )
        .reindex(raw.index)
        .max(axis=1)
        for of in ("total_buildings", "total_dwellings")
    }
    missing = [name for kind, names in KINDS.items() for name in _names(kind, names) if name not in raw]
    if missing:
        remedy = "They are NaN; give the file that has them, if there is one."
        report.missing("census", f"no file has {', '.join(missing)}", remedy)
    buildings, n_buildings = _kinds(raw, KINDS, totals["total_buildings"], report)
    homes, dwellings = _kinds(raw, DWELLING_KINDS, totals["total_dwellings"], report)
    people = raw["people"] if "people" in raw else pd.Series(np.nan, index=raw.index)
    table = pd.concat([buildings, homes], axis=1).assign(n_buildings=n_buildings, dwellings=dwellings, people=people)
    ags = [part.ags for part in parts if part.ags is not None]
    return table.assign(ags=ags[0].reindex(table.index)) if ags else table


def _totals(part: _Part) -> list[str]:
    return [str(name) for name in part.table if str(name).startswith("total_")]


def _names(kind: str, names: Sequence[str]) -> list[str]:
    return [f"{kind}_{name}" for name in names]


def _kinds(
    raw: pd.DataFrame, kinds: Mapping[str, Sequence[str]], total: pd.Series, report: Report
) -> tuple[pd.DataFrame, pd.Series]:
    """Fill each kind up to the total of its cell, which is the largest that any kind or file says."""
    found = {kind: raw[[name for name in _names(kind, names) if name in raw]] for kind, names in kinds.items()}
    sums = pd.DataFrame({kind: table.sum(axis=1, min_count=1) for kind, table in found.items()}, index=raw.index)
    n = pd.concat([sums, total.rename("total")], axis=1).max(axis=1)
    more = n.index[(n > total + 1e-6).to_numpy()]
    what = "cells whose kinds add up to more than their total, which is raised to that"
    report.add("census", what, [f"{x} {y}" for x, y in more], "repaired")
    columns: dict[str, pd.Series] = {}
    for kind, names in kinds.items():
        for name in _names(kind, names):
            columns[name] = raw[name].fillna(0.0).where(n.notna()) if name in raw else n * np.nan
        columns[f"{kind}_unknown"] = (n - sums[kind].fillna(0.0)).clip(lower=0.0)
    return pd.DataFrame(columns, index=raw.index), n


def _part(
    path: Path, place: _Place, edition: str | None, built_per_year: Mapping[int, float] | None, report: Report
) -> _Part:
    if not path.is_file():
        raise InputError(Problem(str(path), "is not a file", "Give an existing file."))
    if path.suffix.lower() == ".parquet":
        return _parquet(path, place, edition, report)
    with _opened(path, place.cell_m) as (stream, name):
        where = _where(path, report) if name == path.name else f"{_where(path, report)}/{name}"
        tally = _Tally(where, report)
        try:
            header, delimiter = _header(stream, where)
            shown = _shown_edition(header)
            if "Merkmal" in header:
                table, kept = _long(stream, header, delimiter, place, tally)
            else:
                table, kept, by_id = _wide(stream, header, delimiter, place, tally)
                shown |= by_id
        except (pa.ArrowInvalid, zipfile.BadZipFile, EOFError) as error:
            raise InputError(Problem(where, f"cannot be read ({error})", "Copy or download it again.")) from error
    found = _edition(where, shown, edition)
    tally.close(kept)
    if "Merkmal" not in header:
        table = _themes(table, Path(name), where, built_per_year)
    return _Part(where, found, table)


def _where(path: Path, report: Report) -> str:
    """Name a file in the report by more than its name where another of that name was counted."""
    return path.name if not any(name.split("/")[0] == path.name for name in report.counted) else str(path)


def _edition(where: str, shown: set[str], stated: str | None) -> str:
    if len(shown) > 1:
        what = "has a header of one census and grid ids or columns of the other"
        raise InputError(Problem(where, what, "Use the file as published; do not mix editions."))
    if not shown and stated is None:
        raise InputError(Problem(where, "does not show its edition", "State '2011' or '2022'."))
    if shown and stated is not None and stated not in shown:
        raise InputError(Problem(where, f"is of {min(shown)}, not of {stated} as stated", "State its own edition."))
    return min(shown) if shown else str(stated)


def _shown_edition(header: Sequence[str]) -> set[str]:
    """Tell the edition by how the header is written: Gitter_ID in 2011, GITTER_ID in 2022, and by its columns."""
    shown = set()
    first = next(name for name in header if _ID_COLUMN.fullmatch(name))
    if "Merkmal" in header or first.startswith("Gitter_ID"):
        shown.add("2011")
    if first.startswith("GITTER_ID") or any(name.startswith("Insgesamt_") or _BAND.fullmatch(name) for name in header):
        shown.add("2022")
    return shown


@contextmanager
def _opened(path: Path, cell_m: int) -> Iterator[tuple[IO[bytes], str]]:
    """Open a CSV, or the one of this cell size inside an archive, without unpacking it to disk."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            yield stream, path.name
        return
    check_archive(path, LIMIT_BYTES)
    size = f"{cell_m}m" if cell_m < 1000 else f"{cell_m // 1000}km"
    with zipfile.ZipFile(path) as archive:
        tables = [name for name in archive.namelist() if name.lower().endswith(".csv")]
        of_size = [name for name in tables if re.search(rf"(?<!\d){size}", name, re.IGNORECASE)] or tables
        if len(of_size) != 1:
            what = f"holds {len(of_size)} tables of {size}: {', '.join(of_size)}"
            raise InputError(Problem(path.name, what, "Give an archive with one, or unpack it."))
        with archive.open(of_size[0]) as stream:
            yield stream, Path(of_size[0]).name


def _header(stream: IO[bytes], where: str) -> tuple[list[str], str]:
    line = stream.readline(1 << 16).decode("latin-1").removeprefix("ï»¿").rstrip("\r\n")
    delimiter = ";" if line.count(";") >= line.count(",") else ","
    header = [name.strip().strip('"') for name in line.split(delimiter)]
    if not any(_ID_COLUMN.fullmatch(name) for name in header):
        what = f"has no column of grid ids, but {', '.join(header[:8])}"
        raise InputError(Problem(where, what, "Use the census grid as published: GITTER_ID_100m and its figures."))
    return header, delimiter


def _batches(
    stream: IO[bytes], header: list[str], columns: list[str], delimiter: str, tally: _Tally
) -> Iterator[pa.RecordBatch]:
    """Stream a table as text, byte by byte: its dashes are UTF-8 in some files and Windows-1252 in others."""

    def wrong_length(row: csv.InvalidRow) -> str:
        tally.received += 1
        tally.note("rows of the wrong length", "dropped", 1, [row.text[:40]], "Copy or download the file again.")
        return "skip"

    reader = csv.open_csv(
        stream,
        read_options=csv.ReadOptions(
            column_names=header, encoding="latin-1", block_size=BLOCK_BYTES, use_threads=False
        ),
        parse_options=csv.ParseOptions(delimiter=delimiter, invalid_row_handler=wrong_length),
        convert_options=csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    )
    for batch in reader:
        tally.received += batch.num_rows
        yield batch


def _corners(ids: pa.Array, place: _Place, tally: _Tally) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return west, south and whether a grid id is readable and on the grid; another cell size is an error."""
    trimmed = pc.utf8_trim_whitespace(ids)
    parts = pc.extract_regex(trimmed, pattern=_GRID_ID)
    readable = np.asarray(pc.is_valid(parts))
    size = _numbers(parts, "size", readable) * np.where(_texts(parts, "unit") == "km", 1000, 1)
    if readable.any() and not (size[readable] == place.cell_m).any():
        what = f"has cells of {size[readable][0]} m, not of {place.cell_m} m"
        raise InputError(Problem(tally.where, what, "Give the file of that cell size, or state cell_m."))
    scale = np.where(_texts(parts, "crs") == "", place.cell_m, 1)
    x, y = (_numbers(parts, axis, readable) * scale for axis in "en")
    good = readable & (size == place.cell_m)
    on_grid = good & (x % place.cell_m == 0) & (y % place.cell_m == 0)
    for wrong, what in ((~good, "rows without a readable grid id"), (good & ~on_grid, "rows off the grid")):
        at = np.flatnonzero(wrong)
        tally.note(what, "dropped", len(at), [ids[int(row)].as_py() for row in at[:EXAMPLES]])
    return x, y, on_grid


def _texts(parts: pa.Array, name: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.struct_field(parts, name), ""), dtype=object)


def _numbers(parts: pa.Array, name: str, readable: np.ndarray) -> np.ndarray:
    texts = pc.if_else(pa.array(readable), pc.struct_field(parts, name), pa.scalar("0"))
    return np.asarray(pc.cast(texts, pa.int64()))


def _kept(batch: pa.RecordBatch, id_column: str, place: _Place, tally: _Tally) -> pd.DataFrame:
    """Return the rows of a batch that lie inside, with their corners."""
    x, y, good = _corners(batch.column(id_column), place, tally)
    inside = place.inside(x, y)
    tally.note("rows outside the bounds", "dropped", int((good & ~inside).sum()))
    rows = np.flatnonzero(good & inside)
    frame: pd.DataFrame = batch.take(pa.array(rows)).to_pandas()
    return frame.assign(x_m=x[rows], y_m=y[rows])


def _counts(texts: pd.Series, tally: _Tally, also_withheld: str = "") -> pd.Series:
    """Read counts written as text, with `also_withheld` as one more mark of what is withheld."""
    cells = texts.astype(str).str.strip()
    hidden = cells.isin(_WITHHELD) | (cells == (also_withheld or "–"))
    numbers = pd.to_numeric(cells.str.replace(",", ".", regex=False).where(~hidden), errors="coerce")
    return _whole(numbers, hidden, cells, tally)


def _whole(numbers: pd.Series, hidden: pd.Series, shown: pd.Series, tally: _Tally) -> pd.Series:
    """Make missing what is withheld, negative or no whole number, and say so."""
    broken = ~hidden & (numbers.isna() | (numbers % 1 != 0))
    negative = ~hidden & ~broken & (numbers < 0)
    tally.note("withheld counts, taken as missing", "kept", int(hidden.sum()))
    remedy = "Use the file as published."
    for wrong, what in ((broken, "counts that are no whole number"), (negative, "negative counts")):
        tally.note(f"{what}, taken as missing", "repaired", int(wrong.sum()), list(shown[wrong][:EXAMPLES]), remedy)
    return numbers.where(~(hidden | broken | negative)).astype(float)


def _once(table: pd.DataFrame, keys: list[str], tally: _Tally) -> pd.DataFrame:
    """Keep one of equal rows; where two rows of a cell differ, neither can be believed."""
    equal = table.duplicated(keep="first")
    tally.note("repeated rows", "dropped", int(equal.sum()), _places(table[equal]))
    table = table[~equal]
    differ = table.duplicated(keys, keep=False)
    what = "rows of cells that are given twice with different figures"
    tally.note(what, "dropped", int(differ.sum()), _places(table[differ]), "Use the file as published.")
    return table[~differ]


def _places(table: pd.DataFrame) -> list[str]:
    return [f"N{y} E{x}" for x, y in zip(table["x_m"][:EXAMPLES], table["y_m"][:EXAMPLES], strict=True)]


def _id_column(header: Sequence[str]) -> str:
    ids = [name for name in header if _ID_COLUMN.fullmatch(name)]
    return next((name for name in ids if name.lower().endswith("_neu")), ids[0])


def _long(
    stream: IO[bytes], header: list[str], delimiter: str, place: _Place, tally: _Tally
) -> tuple[pd.DataFrame, int]:
    """Read the layout of 2011: one row for each cell, attribute and code."""
    id_column = _id_column(header)
    needed = [id_column, "Merkmal", "Auspraegung_Code", "Anzahl"]
    lacking = [name for name in needed if name not in header]
    if lacking:
        raise InputError([Problem(tally.where, f"has no column {name}", "Use it as published.") for name in lacking])
    used = {*_ATTRIBUTES_2011, "INSGESAMT"}
    attributes: set[str] = set()
    frames = []
    for batch in _batches(stream, header, needed, delimiter, tally):
        attributes |= {str(one).strip() for one in pc.unique(batch.column("Merkmal")).to_pylist()}
        frame = _kept(batch, id_column, place, tally)
        frame["Merkmal"] = frame["Merkmal"].str.strip()
        wanted = frame["Merkmal"].isin(used)
        tally.note("rows of attributes that are not used", "dropped", int((~wanted).sum()))
        frames.append(frame.loc[wanted, ["x_m", "y_m", *needed[1:]]])
    if not attributes & {*_ATTRIBUTES_2011}:
        what = f"holds neither buildings nor dwellings, but {', '.join(sorted(attributes)[:8])}"
        raise InputError(Problem(tally.where, what, "Give Gebaeude100m or Wohnungen100m."))
    rows = pd.concat(frames, ignore_index=True)
    rows = _once(rows, ["x_m", "y_m", "Merkmal", "Auspraegung_Code"], tally)
    kept = len(rows)
    names = _codes(of_dwellings=bool(attributes & _OF_DWELLINGS_2011))
    rows["name"] = _canonical(rows, names, tally.where)
    rows = rows[rows["name"] != ""]
    rows["count"] = _counts(rows["Anzahl"], tally)
    table = rows.pivot_table(index=["x_m", "y_m"], columns="name", values="count", aggfunc="first", dropna=False)
    # an attribute that the file has, it has with all its codes: what no cell here has is withheld or none
    every = {names[attribute, code] for attribute, code in names if attribute in attributes}
    whole = table.dropna(how="all").reindex(columns=sorted(every - {""}))
    return pd.DataFrame(whole).rename_axis(columns=None), kept


def _codes(*, of_dwellings: bool) -> dict[tuple[str, str], str]:
    """Return the canonical name of each attribute and code; empty for ages and types of dwellings, not used here."""
    names = {("INSGESAMT", "0"): "total_dwellings" if of_dwellings else "total_buildings"}
    for attribute, (kind, values) in _ATTRIBUTES_2011.items():
        for code, value in enumerate(values, 1):
            name = f"dwellings_heating_{value}" * (kind == "heating") if of_dwellings else f"{kind}_{value}"
            names[attribute, str(code)] = name
    return names


def _canonical(rows: pd.DataFrame, names: Mapping[tuple[str, str], str], where: str) -> pd.Series:
    pairs = pd.MultiIndex.from_arrays([rows["Merkmal"], rows["Auspraegung_Code"].str.strip()])
    unknown = sorted({pair for pair in pairs.unique() if pair not in names})
    if unknown:
        listed = ", ".join(f"{attribute} {code}" for attribute, code in unknown[:8])
        what = f"has codes that the census of 2011 does not have: {listed}"
        raise InputError(Problem(where, what, "Use the file as published."))
    return pd.Series([names[pair] for pair in pairs], index=rows.index, dtype=object)


def _wide(
    stream: IO[bytes], header: list[str], delimiter: str, place: _Place, tally: _Tally
) -> tuple[pd.DataFrame, int, set[str]]:
    """Read one row for each cell; the third result is the edition that the form of the grid ids shows."""
    id_column = _id_column(header)
    figures = [name for name in header if name == "Einwohner" or name.startswith("Insgesamt_") or _is_figure(name)]
    centre = [name for name in header if re.fullmatch(r"[xy]_mp_\d+k?m", name, re.IGNORECASE)]
    shown: set[str] = set()
    frames = []
    for batch in _batches(stream, header, [id_column, *sorted(centre), *figures], delimiter, tally):
        starts = pc.starts_with(pc.utf8_trim_whitespace(batch.column(id_column)), "CRS3035RES")
        shown |= {"2022" if one else "2011" for one in pc.unique(starts).to_pylist()}
        frames.append(_kept(batch, id_column, place, tally))
    table = _centred(pd.concat(frames, ignore_index=True), sorted(centre), place, tally)
    table = _once(table[["x_m", "y_m", *figures]], ["x_m", "y_m"], tally)
    indexed = table.set_index(["x_m", "y_m"])
    # of a cell without people or with a secret number: one cannot be told from the other
    mark = "-1" if "2011" in shown else ""
    named = {name: _counts(indexed[name], tally, mark) for name in figures}
    return pd.DataFrame(named, index=indexed.index), len(table), shown


def _is_figure(name: str) -> bool:
    return name in {*_TYPES_2022, *_HEATINGS_2022, *CARRIERS} or _BAND.fullmatch(name) is not None


def _centred(table: pd.DataFrame, centre: list[str], place: _Place, tally: _Tally) -> pd.DataFrame:
    """Drop rows whose centre is not that of the cell they name."""
    if len(centre) != 2:
        return table
    half = place.cell_m / 2
    found = [pd.to_numeric(table[name].str.strip(), errors="coerce") for name in centre]
    right = (found[0] == table["x_m"] + half) & (found[1] == table["y_m"] + half)
    tally.note("rows whose centre contradicts their grid id", "dropped", int((~right).sum()), _places(table[~right]))
    return table[right]


def _themes(table: pd.DataFrame, file: Path, where: str, built_per_year: Mapping[int, float] | None) -> pd.DataFrame:
    """Give the figures of a wide file their canonical names."""
    names = {str(name) for name in table}
    own = {"Einwohner": "people", "Insgesamt_Wohnungen": "total_dwellings", "Insgesamt_Gebaeude": "total_buildings"}
    if "Insgesamt_Wohnungen" not in names:  # ages and types of dwellings are not used
        own |= _pairs("type", _TYPES_2022, TYPES)
    for kind, total, given, meant in (
        ("heating", "Insgesamt_Heizungsart", _HEATINGS_2022, HEATINGS),
        ("carrier", "Insgesamt_Energietraeger", tuple(CARRIERS), tuple(CARRIERS.values())),
    ):
        if total in names:
            of = _counted(file.stem, where)
            own |= {total: f"total_{of}"} | _pairs(kind if of == "buildings" else f"dwellings_{kind}", given, meant)
    out = table[[name for name in table if name in own]].rename(columns=own)
    if "Insgesamt_Wohnungen" not in names:
        out = out.join(_ages(table, built_per_year))
    if out.columns.empty:
        what = "holds no figure that is used here"
        raise InputError(Problem(where, what, "Give buildings by age, type, heating or carrier, dwellings or people."))
    return out


def _pairs(kind: str, given: Sequence[str], meant: Sequence[str]) -> dict[str, str]:
    return {name: f"{kind}_{own}" for name, own in zip(given, meant, strict=True)}


def _counted(stem: str, where: str) -> str:
    """Tell by the published name whether buildings or dwellings are counted: their headers are the same."""
    name = stem.lower()
    if "gebaeude" in name:
        return "buildings"
    if "wohnung" in name or re.match(r"zensus2022_(heizungsart|energietraeger)", name):
        return "dwellings"
    what = "does not say whether it counts buildings or dwellings"
    remedy = (
        "Keep the published file name, such as Zensus2022_Gebaeude_nach_ueberwiegender_Heizungsart_100m-Gitter.csv."
    )
    raise InputError(Problem(where, what, remedy))


def _ages(table: pd.DataFrame, built_per_year: Mapping[int, float] | None) -> pd.DataFrame:
    """Spread the bands of 2022 over the ages of 2011, so that the sum stays."""
    out = pd.DataFrame(index=table.index)
    for name in table:
        match = _BAND.fullmatch(str(name))
        if match is None:
            continue
        first = int(match["first"]) if match["first"] else _OLDEST
        last = int(match["last"] or _NEWEST) if match["first"] else int(match["before"]) - 1
        for age, share in band_shares(first, last, built_per_year).items():
            column = f"age_{age}"
            part = table[name] * share
            out[column] = out[column].add(part, fill_value=0.0) if column in out else part
    return out


def _parquet(path: Path, place: _Place, edition: str | None, report: Report) -> _Part:
    """Read the wide table of 2011 of `ruhr-zensus2011`; x and y are the centres."""
    where = _where(path, report)
    try:
        there = pq.read_schema(path).names
        known = {name: own for name, own in _WIDE_2011.items() if name in there}
        if not known or not {"x", "y"} <= {*there}:
            what = f"is not the wide table of 2011; it has {', '.join(there[:8])}"
            raise InputError(Problem(where, what, "Give x, y (centres) and bld_* or population."))
        raw = pq.read_table(path, columns=["x", "y", *known, *(["ags"] if "ags" in there else [])]).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(Problem(where, f"cannot be read ({error})", "Copy or download it again.")) from error
    found = _edition(where, {"2011"}, edition)
    tally = _Tally(where, report, received=len(raw))
    west, south = (pd.to_numeric(raw[axis], errors="coerce") - place.cell_m / 2 for axis in "xy")
    on_grid = ((west % place.cell_m == 0) & (south % place.cell_m == 0)).to_numpy()
    if len(raw) and not on_grid.any():
        what = f"has no cell of {place.cell_m} m on the grid"
        raise InputError(Problem(where, what, "State its cell_m; x and y are centres in EPSG:3035."))
    tally.note("rows off the grid", "dropped", int((~on_grid).sum()))
    raw = raw.assign(x_m=west, y_m=south)[on_grid].astype({"x_m": np.int64, "y_m": np.int64})
    inside = place.inside(raw["x_m"].to_numpy(), raw["y_m"].to_numpy())
    tally.note("rows outside the bounds", "dropped", int((~inside).sum()))
    rows = _once(raw[inside].drop(columns=["x", "y"]), ["x_m", "y_m"], tally).set_index(["x_m", "y_m"])
    table = pd.DataFrame(index=rows.index)
    for name, own in known.items():
        numbers = pd.Series(pd.to_numeric(rows[name], errors="coerce"), dtype="Float64").astype(float)
        hidden = rows[name].isna() | (numbers == -1)
        table[own] = _whole(numbers, hidden, rows[name], tally)
    tally.close(len(rows))
    return _Part(where, found, table, rows["ags"].astype(str) if "ags" in rows else None)
