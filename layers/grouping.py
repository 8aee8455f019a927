"""Which census cells and districts of a municipality the public sees together, and their outlines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from geo.arrays import BoolArray, FloatArray, IntArray
from geo.disclosure import Groups, groups
from geo.shapes import Shapes
from layers import build
from layers.drawn import Drawn
from layers.layer import Layer
from layers.merging import Joined
from layers.release import Release

COUNTS = ("n_buildings", "dwellings", "people")
CELL_M = 200
GRID_CRS = CRS.from_epsg(3035)


@dataclass(frozen=True, eq=False)
class Grouping:
    """Units of one municipality as they are shown.

    Attributes
    ----------
    groups
        Of the units of its stock.
    levels
        District of each unit on each level, as row of the layer of that level.
    cells
        Its census cells, in the order of its layers, as they are joined.
    corners
        Row and column of each census cell on the grid.
    """

    groups: Groups
    levels: IntArray
    cells: Joined
    corners: IntArray

    @property
    def districts_meet(self) -> bool:
        """Whether every district on every level may be shown by itself."""
        return bool(self.groups.met.all() and (self.groups.area == self.levels).all())

    def districts(self, level: int, count: int) -> Joined:
        """Return which of the `count` districts of a level are shown together."""
        own = self.levels[:, level]
        # districts that are not there are the caller's to notice
        key = np.arange(max(count, int(own.max(initial=-1)) + 1))
        key[own] = self.groups.area[:, level]
        return Joined.of(key, np.full(len(key), bool(self.groups.met.all())))


def grouping(release: Release, key: str) -> Grouping:
    """Group the units of a municipality: the sums of its cells and of all its districts tell no few of them apart."""
    zones = pq.read_table(release.file(key, build.ZONES))
    stock = pq.read_table(release.file(key, build.STOCK), columns=[*COUNTS, "floor_area_m2"])
    counts = np.column_stack([floats(stock, name) for name in COUNTS])
    names = sorted((n for n in zones.column_names if n.startswith("zone_")), key=lambda n: int(n.removeprefix("zone_")))
    levels = np.column_stack([zones[name].to_numpy().astype(np.int64) for name in names])
    corner = _corners(zones)
    # a shop without homes is no empty cell
    nothing = (counts == 0).all(axis=1) & ~(floats(stock, "floor_area_m2") > 0)
    found = groups(counts, levels, corner[:, 1], corner[:, 0], nothing=nothing)
    coarse = release.file(key, build.ZONES_CELLS)
    cells = _corners(pq.read_table(coarse)) if coarse.is_file() else corner
    of_cell = found.group[rows_of(corner, cells)]
    return Grouping(found, levels, Joined.of(of_cell, found.met[of_cell]), cells)


def on_grid(grouping: Grouping, corners: IntArray) -> tuple[IntArray, BoolArray]:
    """Group of each cell of a grid, numbered by its first cell there, and whether it holds units shown alone."""
    group, alone = np.arange(len(corners)), np.zeros(len(corners), dtype=bool)
    at = rows_of(grouping.corners, corners)
    here = np.flatnonzero(at >= 0)
    own = grouping.cells.group[at[here]]
    alone[here] = (grouping.cells.size[own] == 1) & grouping.cells.shown[own]
    _, first, inverse = np.unique(own, return_index=True, return_inverse=True)
    group[here] = here[first][inverse]
    return group, alone


def rows_of(known: IntArray, wanted: IntArray) -> IntArray:
    """Any row of `known` that equals each of `wanted`, -1 for none; two columns of whole numbers."""
    both = np.concatenate([known, wanted])
    low, high = both.min(axis=0, initial=0), both.max(axis=0, initial=0)
    code = (both[:, 0] - low[0]) * (high[1] - low[1] + 1) + both[:, 1] - low[1]
    values, position = np.unique(code, return_inverse=True)
    row = np.full(len(values), -1)
    row[position[: len(known)]] = np.arange(len(known))
    return row[position[len(known) :]]


def outlines(layer: Layer, joined: Joined, crs: CRS) -> Drawn:
    """Join outlines, in a CRS in which neighbours meet exactly; those of one unit stay as they are."""
    import shapely  # noqa: PLC0415 - slow to import

    several = np.flatnonzero(joined.size > 1)
    if not several.size:
        return layer.drawn
    shapes = layer.shapes
    out = shapes.take(joined.first).to_shapely()
    members = joined.members(several)
    pieces = shapes.take(np.concatenate(members)).to_crs(crs)
    if crs == GRID_CRS:
        # corners of cells are whole metres
        pieces = replace(pieces, coords=np.round(pieces.coords))
    parts = np.split(pieces.to_shapely(), np.cumsum([len(m) for m in members])[:-1])
    unions = np.array([shapely.union_all(part) for part in parts], dtype=object)
    out[several] = Shapes.from_shapely(unions, crs).to_crs(shapes.crs).to_shapely()
    return Drawn(Shapes.from_shapely(out, shapes.crs))


def floats(table: pa.Table, name: str) -> FloatArray:
    """Return a column of numbers; missing values are NaN."""
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _corners(zones: pa.Table) -> IntArray:
    return np.column_stack([zones["y_m"].to_numpy(), zones["x_m"].to_numpy()]).astype(np.int64) // CELL_M
