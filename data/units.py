"""Units of the building stock: a footprint, or a census cell that holds several buildings; shares stay shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS

from data.figures import CRS_CELLS
from data.segments import AREA, USEFUL, Archetypes, Segments
from geo.arrays import FloatArray
from geo.columns import Polygons

if TYPE_CHECKING:
    import pandas as pd

CELL_M = 200
CELL = "cell"
WITHHELD = ("n_buildings", "dwellings", "people")
UNIT_TYPES = {
    **dict.fromkeys(("unit_id", "ags", "use", "building_type", "carrier", "data_grade"), object),
    **dict.fromkeys(("x_m", "y_m"), np.int64),
    **dict.fromkeys(("storeys", "n_buildings", "dwellings", "people", "living_area_m2"), np.float64),
    **dict.fromkeys(("district_heat_share", "floor_area_m2", "other_heat_kwh_a"), np.float64),
}


@dataclass(frozen=True)
class Stock:
    """Stock units of one municipality, and what has no place.

    Attributes
    ----------
    units
        One row for each unit: `unit_id`, `ags`, `x_m`, `y_m` (lower-left corner of its census cell, EPSG:3035), `use`
        (``"cell"`` for a cell), `building_type`, `storeys`, `n_buildings` (residential), `dwellings`, `people` (NaN
        where withheld), `living_area_m2`, `district_heat_share` (NaN where unknown), `carrier` (empty where unknown),
        `floor_area_m2` and `other_heat_kwh_a` of non-residential buildings, `data_grade`.
    shapes
        Their outlines, in the place's CRS.
    segments
        Living area by unit and archetype, the withheld as one more unit.
    withheld
        `n_buildings`, `dwellings` and `people` that the census withholds.
    """

    units: pd.DataFrame
    shapes: Polygons
    segments: Segments
    withheld: dict[str, float]

    def __len__(self) -> int:
        return len(self.units)

    @cached_property
    def area_by_age(self) -> FloatArray:
        """Living area in m², shape (units, ages of `data.schema.AGES`)."""
        return self.segments.by_age(AREA)[:-1]

    @cached_property
    def heat_by_age(self) -> FloatArray:
        """Modelled useful heat in kWh/a, shape (units, ages): weights for the allocation, not yet the balance."""
        return self.segments.by_age(USEFUL)[:-1]


def empty(crs: CRS, kinds: Archetypes) -> Stock:
    """Stock of a place that brought no building and has no census."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    zero = np.zeros(1, np.int64)
    units = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in UNIT_TYPES.items()})
    shapes = Polygons(np.zeros((0, 2)), zero, zero, zero, crs)
    return Stock(units, shapes, Segments.of(kinds, np.zeros((1, len(kinds)))), dict.fromkeys(WITHHELD, 0.0))


def squares(cells: pd.DataFrame, crs: CRS) -> Polygons:
    """Draw census cells, or those quarters of one that a municipality has on its border.

    Parameters
    ----------
    cells
        `x_m`, `y_m` (lower-left corner, EPSG:3035) and `quarters`, see `data.make.cells`; whole cells without it.
    crs
        Of the result. Corners are projected, edges stay straight (error below 1 mm on 200 m).
    """
    x, y = cells["x_m"].to_numpy(np.float64), cells["y_m"].to_numpy(np.float64)
    quarters = cells["quarters"].to_numpy() if "quarters" in cells else np.full(len(cells), 15)
    if (quarters == 15).all():
        return _whole(x, y).to_crs(crs)
    shapes = shapely.box(x, y, x + CELL_M, y + CELL_M)
    for row in np.flatnonzero(quarters != 15):
        half = CELL_M / 2
        parts = [
            shapely.box(x[row] + i * half, y[row] + j * half, x[row] + (i + 1) * half, y[row] + (j + 1) * half)
            for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))
            if quarters[row] & (1 << (i + 2 * j))
        ]
        shapes[row] = shapely.union_all(parts)
    return Polygons.from_shapely(np.asarray(shapes, dtype=object), CRS.from_user_input(CRS_CELLS)).to_crs(crs)


def _whole(x: FloatArray, y: FloatArray) -> Polygons:
    """Whole cells as `shapely.box` draws them, without its objects."""
    east, north = x + CELL_M, y + CELL_M
    corners = np.stack([east, y, east, north, x, north, x, y, east, y], axis=1)
    each = np.arange(len(x) + 1, dtype=np.int64)
    return Polygons(corners.reshape(-1, 2), 5 * each, each, each, CRS.from_user_input(CRS_CELLS))


def inspire_ids(cells: pd.DataFrame) -> list[str]:
    """Ids of cells as INSPIRE writes them; a cell that municipalities share gets the key of its own."""
    quarters = cells["quarters"] if "quarters" in cells else [15] * len(cells)
    return [
        f"CRS3035RES200mN{y}E{x}" + ("" if q == 15 else f".{ags}")
        for ags, x, y, q in zip(cells["ags"], cells["x_m"], cells["y_m"], quarters, strict=True)
    ]
