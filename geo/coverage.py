"""Zones as an index: which zone holds a point, and exactly how much of a polygon lies in which zone.

A grid over the zones knows, for each cell, whether it lies wholly in one zone; only what meets a boundary is computed.
Areas come from Green's theorem: the boundary of an intersection is what each polygon's boundary has inside the other;
no overlay is built. Whatever comes closer than a tenth of a micrometre to a coincidence (a vertex on an edge, edges on
top of each other) is handed to shapely, whose predicates are exact; so the results agree with shapely everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from geo import coverage_kernels as kernels
from geo.arrays import FloatArray, IntArray, finite
from geo.columns import Polygons
from geo.coverage_kernels import EPSILON_M, MAX_ZONES, MIXED, NOWHERE, UNSURE
from geo.errors import CRSMismatchError, InputError, Problem

MAX_CELLS = 4_000_000

Int32 = NDArray[np.int32]


@dataclass(frozen=True)
class Overlaps:
    """Areas of sources in zones, as three columns sorted by source, then zone.

    Attributes
    ----------
    source, zone
        Positions; pairs that share no area are left out.
    area_m2
        Shared area.
    source_area_m2
        Area of every source, shape (sources,).
    """

    source: IntArray
    zone: IntArray
    area_m2: FloatArray
    source_area_m2: FloatArray

    def matrix(self, zones: int) -> sparse.csr_array:
        """Shares of each source's area, shape (sources, zones)."""
        share = self.area_m2 / self.source_area_m2[self.source]
        return sparse.csr_array((share, (self.source, self.zone)), shape=(len(self.source_area_m2), zones))

    def covered(self) -> FloatArray:
        """Share of each source in any zone: below 1 over a gap or the edge, above 1 where zones overlap."""
        inside = np.bincount(self.source, self.area_m2, minlength=len(self.source_area_m2))
        return np.asarray(inside / self.source_area_m2, dtype=np.float64)


class Coverage:
    """Index over zones, made once and asked often.

    Parameters
    ----------
    zones
        Valid polygons in a projected CRS (metres). They may have holes and parts, gaps between them, and overlap.
    cell_m
        Width of the grid; from the zones' area and number of vertices when omitted.

    Raises
    ------
    CRSMismatchError
        The zones are in degrees.
    InputError
        No zone, or coordinates that are not finite.
    """

    def __init__(self, zones: Polygons, *, cell_m: float | None = None) -> None:
        if not zones.crs.is_projected:
            raise CRSMismatchError(Problem("zones", "are in degrees", "Reproject to metres, EPSG:25832 say."))
        if len(zones) == 0:
            raise InputError(Problem("zones", "are empty", "Give at least one polygon."))
        finite("coordinates of zones", zones.coords)
        self.zones = zones
        low, high = zones.coords.min(axis=0), zones.coords.max(axis=0)
        extent = np.maximum(high - low, 1.0)
        if cell_m is None:
            cell_m = float(np.sqrt(extent.prod() / (4 * len(zones.coords))))
        cell_m = max(cell_m, float(np.sqrt(extent.prod() / MAX_CELLS)), 1e-3)
        # half a cell of margin keeps every vertex off the rim of the grid
        self._origin = low - cell_m / 2
        self._grid = _Grid.of(zones, self._origin, cell_m, ((extent + 2 * cell_m) / cell_m).astype(np.int64))

    def locate(self, x_m: ArrayLike, y_m: ArrayLike) -> IntArray:
        """Zone of each point.

        Parameters
        ----------
        x_m, y_m
            Coordinates in the zones' CRS; NaN is refused.

        Returns
        -------
        IntArray
            Position of the zone, the lowest where several hold the point (a boundary belongs to both sides); -1 where
            none does.
        """
        x = finite("x_m", x_m)
        y = finite("y_m", y_m, size=x.size)
        out = np.empty(x.size, np.int32)
        kernels.locate(x - self._origin[0], y - self._origin[1], out, *self._grid.arrays())
        unsure = np.flatnonzero(out == UNSURE)
        if unsure.size:
            points = shapely.points(x[unsure], y[unsure])
            tree = shapely.STRtree(self.zones.to_shapely())
            point, zone = tree.query(points, predicate="intersects")
            found = np.full(unsure.size, len(self.zones))
            np.minimum.at(found, point, zone)
            out[unsure] = np.where(found == len(self.zones), NOWHERE, found)
        return out.astype(np.int64)

    def overlaps(self, sources: Polygons) -> Overlaps:
        """Exact area of each source in each zone.

        Parameters
        ----------
        sources
            Valid polygons in the zones' CRS, with holes and parts as they come.

        Raises
        ------
        CRSMismatchError
            Another CRS than the zones'.
        InputError
            A source without area.
        """
        if sources.crs != self.zones.crs:
            raise CRSMismatchError(
                Problem("sources", "are in another CRS than the zones", "Reproject them with to_crs.")
            )
        x, y = sources.coords[:, 0] - self._origin[0], sources.coords[:, 1] - self._origin[1]
        columns = (x, y, sources.rings, sources.parts, sources.rows)
        label, area = np.empty(len(sources), np.int32), np.empty(len(sources))
        kernels.labels(*columns, label, area, self._grid.cell_m, self._grid.nx, self._grid.ny, self._grid.pure)
        flat = np.flatnonzero(~(area > 0))
        if flat.size:
            raise InputError(Problem(f"source {flat[0]}", f"{flat.size} have no area", "Drop them or mend them."))
        mixed = np.flatnonzero(label == MIXED)
        zones = np.full((mixed.size, MAX_ZONES), NOWHERE, np.int32)
        shared = np.zeros((mixed.size, MAX_ZONES))
        sure = np.empty(mixed.size, np.bool_)
        kernels.overlaps(mixed, *columns, area, zones, shared, sure, *self._grid.arrays())
        pure = np.flatnonzero(label >= 0)
        row, column = np.nonzero((shared > 0) & sure[:, None])
        unsure = mixed[~sure]
        by_shapely = self._by_shapely(sources, unsure)
        source = np.concatenate([pure, mixed[row], by_shapely[0]])
        zone = np.concatenate([label[pure].astype(np.int64), zones[row, column].astype(np.int64), by_shapely[1]])
        area_m2 = np.concatenate([area[pure], shared[row, column], by_shapely[2]])
        # three sorted runs behind each other: a stable sort of one number merges them
        order = np.argsort(source * len(self.zones) + zone, kind="stable")
        return Overlaps(source[order], zone[order], area_m2[order], area)

    def _by_shapely(self, sources: Polygons, index: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        if index.size == 0:
            return index, index, np.zeros(0)
        shapes, zones = sources.take(index).to_shapely(), self.zones.to_shapely()
        source, zone = shapely.STRtree(zones).query(shapes, predicate="intersects")
        area = shapely.area(shapely.intersection(shapes[source], zones[zone]))
        kept = area > 0
        return index[source[kept]], zone[kept], area[kept]


@dataclass(frozen=True)
class _Grid:
    """Cells, and the zones' edges by zone and band of cells. Coordinates are relative to the origin."""

    cell_m: float
    nx: int
    ny: int
    pure: Int32
    mixed_start: IntArray
    mixed_zone: Int32
    ax: FloatArray
    ay: FloatArray
    bx: FloatArray
    by: FloatArray
    sign: FloatArray
    band_low: IntArray
    band_base: IntArray
    band_start: IntArray
    band_edge: Int32

    @classmethod
    def of(cls, zones: Polygons, origin: FloatArray, cell_m: float, shape: IntArray) -> _Grid:
        nx, ny = int(shape[0]) + 1, int(shape[1]) + 1
        x, y = zones.coords[:, 0] - origin[0], zones.coords[:, 1] - origin[1]
        ax, ay, bx, by, sign, zone = kernels.edges(x, y, zones.rings, zones.parts, zones.rows)
        n = len(zones)
        low = np.full(n, ny, np.int64)
        high = np.full(n, -1, np.int64)
        np.minimum.at(low, zone, ((np.minimum(ay, by) - EPSILON_M) / cell_m).astype(np.int64))
        np.maximum.at(high, zone, ((np.maximum(ay, by) + EPSILON_M) / cell_m).astype(np.int64))
        base = np.concatenate([[0], np.cumsum(np.maximum(high - low + 1, 0))]).astype(np.int64)
        counts = np.zeros(base[-1] + 1, np.int64)
        kernels.bands(ay, by, zone, low, base, counts, np.empty(0, np.int32), cell_m)
        start = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
        band_edge = np.empty(start[-1], np.int32)
        kernels.bands(ay, by, zone, low, base, start[:-1].copy(), band_edge, cell_m)
        # one number for a pair of cell and zone: sorting numbers is many times faster than sorting pairs
        touched = np.unique(kernels.touched_cells(ax, ay, bx, by, zone, cell_m, nx, n))
        cell = touched // n
        first = np.searchsorted(cell, np.arange(nx * ny + 1))
        pure = np.full(nx * ny, NOWHERE, np.int32)
        pure[cell] = MIXED
        extra = kernels.fill(pure, first, touched % n, cell_m, nx, ax, ay, bx, by, low, base, start, band_edge)
        pairs = np.sort(np.concatenate([touched, extra])) if len(extra) else touched
        mixed_start = np.searchsorted(pairs // n, np.arange(nx * ny + 1)) if len(extra) else first
        mixed_zone = (pairs % n).astype(np.int32)
        return cls(cell_m, nx, ny, pure, mixed_start, mixed_zone, ax, ay, bx, by, sign, low, base, start, band_edge)

    def arrays(self) -> tuple[object, ...]:
        """Return what the kernels take, in their order."""
        edges = (self.ax, self.ay, self.bx, self.by, self.sign)
        bands = (self.band_low, self.band_base, self.band_start, self.band_edge)
        return (self.cell_m, self.nx, self.ny, self.pure, self.mixed_start, self.mixed_zone, edges, bands)
