"""What a release holds about low income: published figures of districts, schools as points, a city's own areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyproj import Transformer

from data.figures import CRS_CELLS
from data.units import CELL_M
from geo.arrays import FloatArray, IntArray, sum_by
from layers.planning import Planning

if TYPE_CHECKING:
    import pandas as pd

SCHOOLS = "social_index"
INCOME = "median_income_eur_month"
OF_COMPOSITE = ("sgb2_rate", "minimum_income_rate", "child_poverty_rate", "unemployment_rate")
LAND_NRW = "05"


@dataclass(frozen=True)
class Indicator:
    """What areas are ranked by.

    Attributes
    ----------
    name, en, de, unit
        As shown.
    low, high
        What it may be.
    higher_is_poorer
        Its direction.
    """

    name: str
    en: str
    de: str
    unit: str
    low: float
    high: float
    higher_is_poorer: bool = True


INDICATORS = {
    i.name: i
    for i in (
        Indicator(SCHOOLS, "School social index", "Schulsozialindex", "1-9", 1, 9),
        Indicator("sgb2_rate", "Rate of SGB II recipients", "SGB-II-Quote", "0-1", 0, 1),
        Indicator("minimum_income_rate", "Rate of minimum income recipients", "Mindestsicherungsquote", "0-1", 0, 1),
        Indicator("child_poverty_rate", "Child poverty rate", "Kinderarmutsquote", "0-1", 0, 1),
        Indicator("unemployment_rate", "Unemployment rate", "Arbeitslosenquote", "0-1", 0, 1),
        Indicator(
            INCOME,
            "Median equivalised income",
            "Median des Äquivalenzeinkommens",
            "EUR/month",
            0,
            100_000,
            higher_is_poorer=False,
        ),
        Indicator("composite", "Composite of rates", "Index aus Quoten", "z", -50, 50),
    )
}


@dataclass(frozen=True, eq=False)
class Points:
    """Places with a value of the school social index: coordinates in the place's CRS, pupils as size."""

    x_m: FloatArray
    y_m: FloatArray
    value: FloatArray
    size: FloatArray

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False)
class Sources:
    """What is known of low income in a place.

    Attributes
    ----------
    unit_people
        People of each stock unit; NaN where withheld.
    unit_x, unit_y
        Lower-left corner of the census cell of each unit, EPSG:3035.
    cell_east, cell_north
        Middle of each cell in the place's CRS, in the order of `numpy.unique` over (y, x).
    levels
        By zoning name: titles, ids, zone of each unit, published indicators by name.
    points
        Schools, or a city's own points.
    official
        Share of each cell's people that live in the city's own areas; None without any.
    regional_median
        Median income of the region, for the poverty line; None where nobody says.
    """

    unit_people: FloatArray
    unit_x: IntArray
    unit_y: IntArray
    cell_east: FloatArray
    cell_north: FloatArray
    levels: Mapping[str, Level]
    points: Points | None
    official: FloatArray | None = None
    regional_median: float | None = None


@dataclass(frozen=True, eq=False)
class Level:
    """Published figures of the districts of one level; `columns` holds indicators, and counts behind rates."""

    en: str
    de: str
    ids: tuple[str, ...]
    of_unit: IntArray
    columns: pd.DataFrame


def number(y: IntArray, x: IntArray) -> tuple[IntArray, IntArray]:
    """First row and number of each distinct (y, x), in their order."""
    key = y.astype(np.int64) * 100_000_000 + x.astype(np.int64)
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), number.astype(np.int64)


def most(cell: IntArray, zone: IntArray, people: FloatArray, cells: int, zones: int) -> IntArray:
    """Zone in which most of a cell's people live; of the first unit where nobody does."""
    key = cell * zones + zone
    held, number = np.unique(key, return_inverse=True)
    mass = np.bincount(number, people)
    order = np.lexsort((-mass, held // zones))
    first = np.unique((held // zones)[order], return_index=True)[1]
    out = np.zeros(cells, np.int64)
    out[(held // zones)[order][first]] = (held % zones)[order][first]
    return out


def sources_of(
    planning: Planning, zones: Sequence[pa.Table], indicators: Sequence[pa.Table], points: Sequence[pa.Table]
) -> Sources:
    """Put the files of a place's municipalities together, units in the order of the stock.

    Parameters
    ----------
    planning
        The place.
    zones, indicators, points
        Tables of the release, one of each municipality; points only of those that have any.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    at = pd.concat([t.to_pandas() for t in zones], ignore_index=True)
    people = planning.units["people"].to_numpy(np.float64)
    x, y = at["x_m"].to_numpy(np.int64), at["y_m"].to_numpy(np.int64)
    first, cell = number(y, x)
    project = Transformer.from_crs(CRS_CELLS, planning.shapes.crs, always_xy=True)
    east, north = project.transform(x[first] + CELL_M / 2, y[first] + CELL_M / 2)
    found = [t.to_pandas() for t in points]
    schools = pd.concat(found, ignore_index=True).drop_duplicates() if found else None
    share = at["official_share"].to_numpy(np.float64)
    inside = None
    if np.isfinite(share).any():
        mass = sum_by(cell, np.nan_to_num(people), len(first))
        sums = sum_by(cell, np.nan_to_num(people) * np.nan_to_num(share), len(first))
        inside = np.divide(sums, mass, out=np.full(len(first), np.nan), where=mass > 0)
    return Sources(
        unit_people=people,
        unit_x=x,
        unit_y=y,
        cell_east=np.asarray(east),
        cell_north=np.asarray(north),
        levels=_levels(planning, at, [t.to_pandas() for t in indicators]),
        points=None
        if schools is None
        else Points(*(schools[name].to_numpy(np.float64) for name in ("x_m", "y_m", "value", "size"))),
        official=inside,
        regional_median=_regional_median(planning),
    )


def _levels(planning: Planning, at: pd.DataFrame, tables: list[pd.DataFrame]) -> dict[str, Level]:
    """Districts of each level; of a region its districts together, and its municipalities."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = pd.concat(tables, ignore_index=True)
    entry = planning.release.places[planning.place]
    out = {}
    first = rows[rows["level"] == 0].set_index("area_id").loc[list(planning.areas)]
    name = "Stadtbezirk" if entry["kind"] == "region" else (entry["districts"] or [{"level": "Stadt"}])[0]["level"]
    out["district"] = Level("districts", name, planning.areas, planning.heat.area, first.reset_index())
    if entry["kind"] == "region":
        towns = planning.units["ags"].to_numpy(str)
        keys, of_unit = np.unique(towns, return_inverse=True)
        known = rows[rows["level"] == 0].groupby("ags").first().reindex(keys)
        index = pd.DataFrame(
            {"social_index": [planning.release.places[k].get("social_index") for k in keys]}, dtype=np.float64
        )
        known = known.assign(social_index=index["social_index"].to_numpy())
        out["municipality"] = Level("municipalities", "Gemeinden", tuple(keys), of_unit.astype(np.int64), known)
        return out
    for level in range(1, len(entry["districts"] or [])):
        of_level = rows[rows["level"] == level].reset_index(drop=True)
        title = entry["districts"][level]["level"]
        ids = tuple(of_level["area_id"])
        out[f"district_{level}"] = Level(title, title, ids, at[f"zone_{level}"].to_numpy(np.int64), of_level)
    return out


def _regional_median(planning: Planning) -> float | None:
    """Median equivalised income of North Rhine-Westphalia: the published poverty line is 60 % of it."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = pd.DataFrame(planning.manifest["social_reference"])
    rows = table[(table["indicator"] == "poverty_line_single_eur_month") & (table["area_id"] == LAND_NRW)]
    if rows.empty or not (planning.place == "ruhr" or planning.place.startswith(LAND_NRW)):
        return None
    return float(rows.sort_values("year")["value"].iloc[-1]) / 0.6
