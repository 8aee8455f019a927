"""Layers whose units are census cells: where the cells lie on their grid, and which figures of them add up."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyproj import CRS

from geo.arrays import IntArray
from geo.errors import Problem
from layers.errors import UnknownCollectionError
from layers.layer import Layer

GRID_CRS = CRS.from_epsg(3035)
# figures whose sum over units is a figure of all of them, as are emissions, but not their quantiles nor those per head;
# what is not named here counts as a mean, which at worst is refused
SUMS = (
    *("n_buildings", "dwellings", "people", "living_area_m2", "floor_area_m2", "heat_kwh_a", "treated_m2"),
    *("invest_eur", "bill_saving_eur_a"),
)
EMISSIONS, NO_SUM = "t_co2e", ("_per_head", "_p05", "_p50", "_p95")
# what a mean is the mean of: two units that share a pixel count by it
WEIGHTS = {
    "t_co2e_households_per_head": "people",
    "heat_kwh_m2a": "living_area_m2",
    "share_until_1918": "n_buildings",
    "social_index": "people",
    "low_income_share": "people",
}
_CELL = re.compile(r"CRS3035RES([1-9]\d*)mN(\d+)E(\d+)(?:\..+)?")


@dataclass(frozen=True)
class Grid:
    """Where the units of a layer lie on the grid of their cells, EPSG:3035, first row in the north.

    Attributes
    ----------
    pixel
        Position of each unit in the raveled raster; units of a cell that municipalities share have the same.
    shape
        Rows and columns.
    west_m, north_m
        Corner of the first pixel.
    cell_m
        Side of a pixel.
    """

    pixel: IntArray
    shape: tuple[int, int]
    west_m: float
    north_m: float
    cell_m: float


def is_gridded(layer: Layer) -> bool:
    """Whether every unit of the layer is a cell; computes no scenario."""
    import pyarrow.compute as pc  # noqa: PLC0415 - slow to import

    ids = ids_of(layer)
    return ids is not None and len(ids) > 0 and bool(pc.all(pc.starts_with(ids, "CRS3035RES")).as_py())


def grid_of(layer: Layer) -> Grid:
    """Find the grid of a layer of cells, from their INSPIRE ids in `unit_id` or `cell_id`.

    Raises
    ------
    UnknownCollectionError
        The layer is no grid of cells of one size, so it has no raster.
    """
    ids = ids_of(layer)
    found = [] if ids is None else [_CELL.fullmatch(one or "") for one in ids.to_pylist()]
    cells = np.array([one.groups() for one in found if one], dtype=np.int64).reshape(-1, 3)
    if not found or len(cells) < len(found) or (cells[:, 0] != cells[0, 0]).any() or (cells[:, 1:] % cells[0, 0]).any():
        raise UnknownCollectionError(
            Problem(layer.id, "is no grid of cells", "Choose a collection of the theme cells.")
        )
    size = int(cells[0, 0])
    north, east = cells[:, 1] // size, cells[:, 2] // size
    top, left = int(north.max()), int(east.min())
    shape = top - int(north.min()) + 1, int(east.max()) - left + 1
    return Grid((top - north) * shape[1] + east - left, shape, left * size, (top + 1) * size, size)


def is_sum(name: str) -> bool:
    """Whether values of two units add up."""
    return name in SUMS or (name.startswith(EMISSIONS) and not name.endswith(NO_SUM))


def ids_of(layer: Layer) -> pa.ChunkedArray | None:
    """Ids of the units, None where the layer has none."""
    # a scenario has the rows of its base, whose ids need no computing
    columns = (layer.base or layer).table
    name = next((name for name in ("unit_id", "cell_id") if name in columns.column_names), None)
    return columns[name] if name else None
