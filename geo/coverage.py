"""Zones as an index: which zone holds a point, and exactly how much of a polygon lies in which zone.

A grid over the zones knows, for each cell, whether it lies wholly in one zone; only what meets a boundary is computed,
from the edges in its cell. Areas come from Green's theorem: the boundary of an intersection is what each polygon's
boundary has inside the other; no overlay is built. Whatever comes closer than a tenth of a micrometre to a coincidence
(a vertex on an edge, edges on top of each other) is handed to shapely, whose predicates are exact; so the results agree
with shapely everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, IntArray, finite, sum_by
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError, Problem

if TYPE_CHECKING:
    from scipy import sparse

NOWHERE, UNSURE = -1, -2
MIXED = -2
MAX_CELLS = 4_000_000
# zones near one source that are kept room for at first; the few sources with more are computed on their own
FEW = 4

Pairs: TypeAlias = tuple[IntArray, IntArray, FloatArray]


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
        from scipy import sparse  # noqa: PLC0415 - slow to import

        n = len(self.source_area_m2)
        start = np.concatenate([[0], np.cumsum(np.bincount(self.source, minlength=n))])
        return sparse.csr_array((self._share(), self.zone, start), shape=(n, zones))

    def totals(self, values: ArrayLike, zones: int) -> FloatArray:
        """Sum a figure of the sources by zone, each source's by its shares of area.

        Parameters
        ----------
        values
            One finite number for each source; what lies in no zone is not counted anywhere.
        zones
            Number of zones.

        Returns
        -------
        FloatArray
            Shape (zones,); 0 where a zone meets no source.
        """
        figure = finite("values", values, size=len(self.source_area_m2))
        return sum_by(self.zone, self._share() * figure[self.source], zones)

    def covered(self) -> FloatArray:
        """Share of each source in any zone: below 1 over a gap or the edge, above 1 where zones overlap."""
        inside = np.bincount(self.source, self.area_m2, minlength=len(self.source_area_m2))
        return np.asarray(inside / self.source_area_m2, dtype=np.float64)

    def _share(self) -> FloatArray:
        return np.asarray(self.area_m2 / self.source_area_m2[self.source], dtype=np.float64)


class Grid:
    """Square cells over a layer, as `geo.coverage_kernels` describes them.

    Attributes
    ----------
    west, south
        Corner, in the layer's CRS.
    cell_m, nx, ny
        Width of the cells; how many there are.
    arrays
        What the kernels take: ``cell_m, nx, ny`` and the arrays of `fill`.
    """

    arrays: tuple[Any, ...]

    def __init__(self, west: float, south: float, cell_m: float, nx: int, ny: int) -> None:
        # a whole number would have the kernels compiled once more
        self.west, self.south, self.cell_m, self.nx, self.ny = west, south, float(cell_m), nx, ny

    @classmethod
    def around(cls, coords: FloatArray, cell_m: float | None = None) -> Grid:
        """Cover coordinates, shape (points, 2), with cells of a given width, or of one that suits their number."""
        low, high = coords.min(axis=0), coords.max(axis=0)
        extent = np.maximum(high - low, 1.0)
        if cell_m is None:
            cell_m = float(np.sqrt(extent.prod() / (4 * len(coords))))
        cell_m = max(cell_m, float(np.sqrt(extent.prod() / MAX_CELLS)), 1e-3)
        # half a cell of margin keeps every vertex off the rim of the grid
        west, south = (float(v) for v in low - cell_m / 2)
        nx, ny = (int(v) + 1 for v in (extent + 2 * cell_m) / cell_m)
        return cls(west, south, cell_m, nx, ny)

    def fill(self, edges: FloatArray, zone: IntArray, *, closed: bool) -> None:
        """Sort edges, relative to the corner, into the cells; `closed` if they are the boundaries of zones."""
        from geo import coverage_kernels as kernels  # noqa: PLC0415 - slow to import

        shape = (self.cell_m, self.nx, self.ny)
        self.arrays = (*shape, *kernels.cells(edges, zone, closed, *shape))


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
        from geo import coverage_kernels as kernels  # noqa: PLC0415 - slow to import

        if not zones.crs.is_projected:
            raise CRSMismatchError(Problem("zones", "are in degrees", "Reproject to metres, EPSG:25832 say."))
        if len(zones) == 0:
            raise InputError(Problem("zones", "are empty", "Give at least one polygon."))
        finite("coordinates of zones", zones.coords)
        self.zones = zones
        self.grid = Grid.around(zones.coords, cell_m)
        edges, zone = kernels.edges_of(
            zones.coords, self.grid.west, self.grid.south, zones.rings, zones.parts, zones.rows
        )
        self.grid.fill(edges, zone, closed=True)

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
        from geo import coverage_kernels as kernels  # noqa: PLC0415 - slow to import

        x = finite("x_m", x_m)
        y = finite("y_m", y_m, size=x.size)
        out = np.empty(x.size, np.int32)
        kernels.locate(x, y, self.grid.west, self.grid.south, out, *self.grid.arrays)
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
        from geo import coverage_kernels as kernels  # noqa: PLC0415 - slow to import

        if sources.crs != self.zones.crs:
            raise CRSMismatchError(
                Problem("sources", "are in another CRS than the zones", "Reproject them with to_crs.")
            )
        columns = (sources.coords, self.grid.west, self.grid.south, sources.rings, sources.parts, sources.rows)
        label, area = np.empty(len(sources), np.int32), np.empty(len(sources))
        kernels.labels(*columns, label, area, *self.grid.arrays[:4])
        flat = np.flatnonzero(~(area > 0))
        if flat.size:
            raise InputError(Problem(f"source {flat[0]}", f"{flat.size} have no area", "Drop them or mend them."))
        crossed = self._crossed(sources, np.flatnonzero(label == MIXED), columns, area)
        source, zone, area_m2 = kernels.merge(label, area, *crossed)
        return Overlaps(source, zone, area_m2, area)

    def _crossed(self, sources: Polygons, index: IntArray, columns: tuple[Any, ...], area: FloatArray) -> Pairs:
        """Pairs of the sources at `index`, which a boundary may cross, by source and zone."""
        from geo import coverage_kernels as kernels  # noqa: PLC0415 - slow to import

        found: list[Pairs] = []
        unsure, room = [], FEW
        while index.size:
            count = np.empty(index.size, np.int32)
            zones, shared = np.empty((index.size, room), np.int32), np.zeros((index.size, room))
            kernels.overlaps(*(index, *columns, area, count, zones, shared, *self.grid.arrays))
            row, column = np.nonzero((shared > 0) & (count != UNSURE)[:, None])
            found.append((index[row], zones[row, column], shared[row, column]))
            unsure.append(index[count == UNSURE])
            index, room = index[count > room], 16 * room
        found.append(self._by_shapely(sources, np.concatenate([index, *unsure])))
        source, zone, area_m2 = (np.concatenate(column) for column in zip(*found, strict=True))
        # a few sorted runs behind each other: a stable sort of one number merges them
        order = np.argsort(source * len(self.zones) + zone, kind="stable")
        return source[order], zone[order].astype(np.int64), area_m2[order]

    def _by_shapely(self, sources: Polygons, index: IntArray) -> Pairs:
        if index.size == 0:
            return index, index, np.zeros(0)
        shapes, zones = sources.take(index).to_shapely(), self.zones.to_shapely()
        source, zone = shapely.STRtree(zones).query(shapes, predicate="intersects")
        area = shapely.area(shapely.intersection(shapes[source], zones[zone]))
        kept = area > 0
        return index[source[kept]], zone[kept], area[kept]
