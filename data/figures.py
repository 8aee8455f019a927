"""The built-in figures: read, checked against their schema and against each other, all problems at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data.errors import TableError
from data.measures import check_tables
from data.schema import BUILDING_TYPES, CURVE_NUMBERS, LAND_COVERS, SCHEMAS, SECTORS, check
from geo.errors import Problem

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

BUILT_IN = Path(__file__).parent / "tables"
CELL_COLUMNS = ("ags", "x_m", "y_m", "quarters", "n_buildings", "age_unknown", "type_unknown")
CRS_PLACE = "EPSG:25832"
CRS_CELLS = "EPSG:3035"
# boundaries are simplified to 60 m
NEAR_M = 100.0


@dataclass(frozen=True)
class Figures:
    """All tables that a build reads.

    Attributes
    ----------
    tables
        CSV tables by name, see `data.schema.SCHEMAS`.
    cells, people
        Census counts on 200 m and people on 1 km; lower-left corners in EPSG:3035.
    boundaries
        Municipalities, EPSG:25832.
    districts
        Districts by municipality, EPSG:25832.
    hashes
        sha256 of every file read, by name.
    """

    tables: dict[str, pd.DataFrame]
    cells: pd.DataFrame
    people: pd.DataFrame
    boundaries: gpd.GeoDataFrame
    districts: dict[str, gpd.GeoDataFrame]
    hashes: dict[str, str]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    def knows(self, key: str) -> bool:
        """Whether the table has a municipality of this key."""
        return bool((self.tables["municipalities"]["ags"] == key).any())

    def town(self, ags: str) -> pd.Series:
        """Return the row of a municipality in `municipalities.csv`."""
        table = self.tables["municipalities"]
        return table[table["ags"] == ags].iloc[0]


def read(folder: Path = BUILT_IN) -> Figures:
    """Read and check every table in `folder`.

    Raises
    ------
    TableError
        Every problem of every file: missing files and columns, empty, negative and impossible values, repeated keys,
        wrong CRS, keys that another table does not know, missing sectors.
    """
    problems: list[Problem] = []
    tables = {name: _read_csv(folder / f"{name}.csv", problems) for name in SCHEMAS}
    cells = _read_parquet(folder / "cells_200m.parquet", CELL_COLUMNS, problems)
    people = _read_parquet(folder / "people_1km.parquet", ("ags", "x_m", "y_m", "people"), problems)
    boundaries = _read_polygons(folder / "boundaries.parquet", ("ags",), problems)
    districts = {
        path.stem.removeprefix("districts_"): _read_polygons(path, ("ags", "district", "name"), problems)
        for path in sorted(folder.glob("districts_*.parquet"))
    }
    if not problems:
        problems += _cross_check(tables, cells, boundaries)
    if problems:
        raise TableError(problems)
    files = [folder / f"{name}.csv" for name in SCHEMAS] + sorted(folder.glob("*.parquet"))
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return Figures(tables, cells, people, boundaries, districts, hashes)


def _read_csv(path: Path, problems: list[Problem]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - slow to import

    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        problems.append(Problem(path.name, f"cannot be read ({error})", "Restore the file or make it with data.make."))
        return pd.DataFrame()
    table, found = check(raw, SCHEMAS[path.stem], path)
    problems += found
    return table


def _read_parquet(path: Path, columns: tuple[str, ...], problems: list[Problem]) -> pd.DataFrame:
    """Read counts on cells; a negative one is a problem."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = _read_columns(path, columns, pd.read_parquet, problems)
    numbers = table.select_dtypes("number")
    for column in numbers.columns:
        values = numbers[column].to_numpy()
        for row in np.flatnonzero(values < 0):
            where = f"{path.name}, row {row + 1}, column {column}"
            problems.append(Problem(where, f"{values[row]} is negative", "Check it."))
    return table


def _read_polygons(path: Path, columns: tuple[str, ...], problems: list[Problem]) -> gpd.GeoDataFrame:
    """Read polygons; another CRS, and a geometry that is missing, invalid or without area, is a problem."""
    import geopandas as gpd  # noqa: PLC0415 - slow to import

    table = _read_columns(path, columns, gpd.read_parquet, problems)
    if not isinstance(table, gpd.GeoDataFrame):
        return gpd.GeoDataFrame()
    if table.crs is None or table.crs != CRS_PLACE:
        name = "none" if table.crs is None else table.crs.to_string()
        problems.append(Problem(f"{path.name}, CRS", f"is {name}, expected {CRS_PLACE}", f"Reproject to {CRS_PLACE}."))
    broken = table.geometry.isna() | ~table.geometry.is_valid | (table.geometry.area <= 0)
    for row in np.flatnonzero(broken):
        where = f"{path.name}, row {row + 1}, geometry"
        problems.append(Problem(where, "is missing or invalid", "Mend with make_valid."))
    return table


def _read_columns(
    path: Path, columns: tuple[str, ...], read: Callable[[Path], pd.DataFrame], problems: list[Problem]
) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - slow to import

    try:
        table = read(path)
    except (OSError, ValueError) as error:
        problems.append(Problem(path.name, f"cannot be read ({error})", "Restore the file or make it with data.make."))
        return pd.DataFrame()
    for name in columns:
        if name not in table:
            problems.append(Problem(f"{path.name}, column {name}", "is missing", "Make the table with data.make."))
    return table


def _cross_check(tables: dict[str, pd.DataFrame], cells: pd.DataFrame, boundaries: gpd.GeoDataFrame) -> list[Problem]:
    problems = []
    sources, known = set(tables["sources"]["source_id"]), set(tables["municipalities"]["ags"])
    for name, table in tables.items():
        if "source_id" in table and name != "sources":
            for row in np.flatnonzero(~table["source_id"].isin(sources)):
                value = table["source_id"].iloc[row]
                problems.append(
                    Problem(
                        f"{name}.csv, row {row + 2}, column source_id",
                        f"'{value}' is unknown",
                        "Add it to sources.csv.",
                    )
                )
    for name in ("social_index", "point_sources", "schools"):
        table = tables[name]
        for row in np.flatnonzero(~table["ags"].isin(known)):
            value = table["ags"].iloc[row]
            problems.append(
                Problem(f"{name}.csv, row {row + 2}, column ags", f"'{value}' is no municipality", "Correct the key.")
            )
    for file, keys in (("boundaries.parquet", set(boundaries["ags"])), ("cells_200m.parquet", set(cells["ags"]))):
        for key in sorted(known - keys):
            problems.append(Problem(file, f"has nothing for {key}", "Make the table with data.make."))
        for key in sorted(keys - known):
            problems.append(Problem(file, f"'{key}' is no municipality", "Add it to municipalities.csv or drop it."))
    problems += _check_sectors(tables) + check_tables(tables) + _check_shares(tables) + _check_steps(tables)
    return problems + _check_schools(tables["schools"], boundaries) + _check_land(tables) + _check_reference(tables)


def _check_sectors(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Every place needs a figure for every sector: its own balance, or the fallback per head."""
    problems = []
    fallback = set(tables["fallback_per_head"]["sector"])
    for sector in SECTORS:
        if sector not in fallback:
            problems.append(
                Problem(
                    "fallback_per_head.csv", f"sector {sector} is missing", "Add a row; a missing sector is not zero."
                )
            )
    base = tables["inventories"]
    base = base[base["base"] == 1]
    for ags, rows in base.groupby("ags"):
        for sector in SECTORS:
            row = rows[rows["sector"] == sector]
            if row.empty or row["kt_co2e"].isna().any():
                problems.append(
                    Problem(
                        f"inventories.csv, base of {ags}",
                        f"sector {sector} is missing",
                        "Add a row with kt_co2e, or set base to 0 so that the fallback per head is used.",
                    )
                )
        if rows[["edition", "year"]].drop_duplicates().shape[0] > 1:
            problems.append(
                Problem(f"inventories.csv, base of {ags}", "mixes editions or years", "Set base to 1 for one of them.")
            )
    return problems


def _check_shares(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Shares of a whole sum to it: a table with a row too few would lose area, heat or emissions."""
    problems = []
    for name, whole, parts in (
        ("sector_energy", "sector", "carriers"),
        ("refurbishment", "age_class", "states"),
        ("age_classes", "census_age", "classes"),
    ):
        for key, share in tables[name].groupby(whole)["share"].sum().items():
            if not np.isclose(share, 1.0, rtol=0, atol=1e-9):
                what = f"shares sum to {share:.6g}"
                problems.append(Problem(f"{name}.csv, {whole} {key}", what, f"Let the {parts} sum to 1."))
    tabula = tables["tabula"]
    known = set(zip(tabula["building_type"], tabula["age_class"], tabula["state"], strict=True))
    for kind in BUILDING_TYPES:
        for age_class, state in tables["refurbishment"][["age_class", "state"]].itertuples(index=False):
            if (kind, age_class, state) not in known:
                where = f"tabula.csv, {kind} of class {age_class}"
                problems.append(Problem(where, f"has no row for the state {state}", "Add it; missing is not zero."))
    given = tables["scenario_parameters"]
    for row in np.flatnonzero(given["value"].notna() == (given["choice"] != "")):
        what = f"'{given['parameter'].iloc[row]}' needs either a value or a choice"
        problems.append(Problem(f"scenario_parameters.csv, row {row + 2}", what, "Fill one of the two."))
    return problems


def _check_steps(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Steps of the split of the CO2 cost must follow each other without gap, and hold all of the cost."""
    steps = tables["co2_cost_split"]
    problems = []
    whole = (steps["tenant_share"] + steps["landlord_share"] - 1).abs() < 1e-9
    for row in np.flatnonzero(~whole):
        problems.append(Problem(f"co2_cost_split.csv, row {row + 2}", "shares do not sum to 1", "Correct one of them."))
    start, end = steps["kg_m2a_from"].to_numpy(), steps["kg_m2a_below"].to_numpy()
    joined = np.array_equal(start[1:], end[:-1]) and start[0] == 0 and np.isnan(end[-1])
    if not joined or (np.diff(start) <= 0).any():
        what = "steps leave a gap, overlap, or do not go from 0 to any amount"
        problems.append(Problem("co2_cost_split.csv", what, "Start each step where the one before ends."))
    return problems


def _check_schools(schools: pd.DataFrame, boundaries: gpd.GeoDataFrame) -> list[Problem]:
    """Check that schools lie in their own municipality."""
    outlines = boundaries.set_index("ags").geometry.reindex(schools["ags"]).to_numpy()
    away = ~shapely.dwithin(outlines, shapely.points(schools["x_m"], schools["y_m"]), NEAR_M)
    return [
        Problem(
            f"schools.csv, row {row + 2}",
            f"school {schools['school_id'].iloc[row]} lies outside {schools['ags'].iloc[row]}",
            f"Correct its coordinates ({CRS_PLACE}) or leave it out.",
        )
        for row in np.flatnonzero(away & ~shapely.is_missing(outlines))
    ]


def _check_land(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Every class is there in its place; the heavier the soil, the more rain runs off, unless it cannot seep at all."""
    classes = tables["biophysical"]
    problems = []
    if tuple(classes["class_id"]) != LAND_COVERS:
        what = "does not hold the classes of LAND_COVERS in their order"
        problems.append(Problem("biophysical.csv", what, "Rasters hold positions in it: restore the rows."))
    rise = np.diff(classes[list(CURVE_NUMBERS)].to_numpy(np.float64), axis=1)
    closed = (classes["sealed_share"] == 1) | (classes["class_id"] == "water")
    for row in np.flatnonzero((rise < 0).any(axis=1) | ((rise == 0).any(axis=1) & ~closed)):
        where = f"biophysical.csv, row {row + 2}"
        problems.append(Problem(where, "curve numbers do not rise from soil A to D", "Correct their order."))
    runoff = tables["runoff_coefficients"]
    for row in np.flatnonzero((runoff["low"] > runoff["psi"]) | (runoff["high"] < runoff["psi"])):
        problems.append(
            Problem(f"runoff_coefficients.csv, row {row + 2}", "psi lies outside low to high", "Correct it.")
        )
    return problems


def _check_reference(tables: dict[str, pd.DataFrame]) -> list[Problem]:
    """Check that a reference level is a value or a lower bound, and that a share is one."""
    levels = tables["social_reference"]
    problems = []
    for row in np.flatnonzero(levels["value"].notna() == levels["low"].notna()):
        what = "needs either a value or a lower bound"
        problems.append(Problem(f"social_reference.csv, row {row + 2}", what, "Fill one of the two."))
    for row in np.flatnonzero((levels["unit"] == "share") & (levels[["value", "low"]].max(axis=1) > 1)):
        problems.append(Problem(f"social_reference.csv, row {row + 2}", "is a share above 1", "Divide percent by 100."))
    return problems
