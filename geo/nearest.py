"""Nearest area or line to points, and all within a distance: how far is the next park, who lives near a street.

The grid of `geo.coverage` holds the edges; a point looks at the cells around it, as far as the best that is known.
Points are taken cell by cell, so that what is nearest to one bounds the search of the next; their order does not matter
to the answer. Whatever is too close to a boundary to tell inside from outside is handed to shapely.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from geo.arrays import FloatArray, IntArray, finite
from geo.columns import Polygons
from geo.coverage import NOWHERE, UNSURE, Coverage, Grid
from geo.errors import CRSMismatchError, InputError, Problem

LINES = (1, 2, 5)
TIE_M = 1e-9


class Nearest:
    """Index over areas or lines, made once and asked often.

    Parameters
    ----------
    polygons
        Valid polygons in a projected CRS (metres), with holes and parts as they come; they may overlap.

    Raises
    ------
    CRSMismatchError
        The polygons are in degrees.
    InputError
        No polygon, or coordinates that are not finite.
    """

    def __init__(self, polygons: Polygons) -> None:
        coverage = Coverage(polygons)
        self._grid, self._polygons = coverage.grid, polygons
        self._closed = True
        self._find_occupied()

    @classmethod
    def of_lines(cls, lines: NDArray[np.object_], crs: CRS) -> Nearest:
        """Make the index over lines.

        Parameters
        ----------
        lines
            Shapely lines, multilines or rings with a length, in metres.
        crs
            Their CRS, projected.
        """
        if not crs.is_projected:
            raise CRSMismatchError(Problem("lines", "are in degrees", "Reproject to metres, EPSG:25832 say."))
        if len(lines) == 0:
            raise InputError(Problem("lines", "are empty", "Give at least one line."))
        wrong = np.flatnonzero(~np.isin(shapely.get_type_id(lines), LINES) | ~(shapely.length(lines) > 0))
        if wrong.size:
            raise InputError(
                Problem(f"row {wrong[0]}", f"{wrong.size} geometry(ies) are no lines", "Keep lines with a length only.")
            )
        parts, row = shapely.get_parts(lines, return_index=True)
        coords, part = shapely.get_coordinates(parts, return_index=True)
        finite("coordinates of lines", coords)
        self = cls.__new__(cls)
        self._grid, self._closed = Grid.around(coords), False
        same = part[:-1] == part[1:]
        local = coords - np.array([self._grid.west, self._grid.south])
        edges = np.hstack([local[:-1][same], local[1:][same]])
        self._grid.fill(edges, row[part[:-1][same]].astype(np.int32), closed=False)
        self._find_occupied()
        return self

    def _find_occupied(self) -> None:
        from geo import nearest_kernels as kernels  # noqa: PLC0415 - slow to import

        _, nx, ny, kind, mixed, entries, _ = self._grid.arrays
        self._bits = kernels.occupied(nx, ny, kind, mixed, entries)

    def distance(self, x_m: ArrayLike, y_m: ArrayLike, *, max_m: float | None = None) -> tuple[IntArray, FloatArray]:
        """Nearest area or line of each point.

        Parameters
        ----------
        x_m, y_m
            Coordinates in the layer's CRS; NaN is refused.
        max_m
            What is farther away is not looked for.

        Returns
        -------
        tuple
            Position of the nearest, the lowest of several that are as near (to a nanometre), -1 beyond `max_m`; and the
            distance in metres, 0 inside an area, NaN beyond `max_m`.
        """
        from geo import nearest_kernels as kernels  # noqa: PLC0415 - slow to import

        x, y = finite("x_m", x_m), finite("y_m", y_m)
        finite("y_m", y, size=x.size)
        limit = np.inf if max_m is None else float(finite("max_m", max_m, minimum=0))
        position, distance_m = np.empty(x.size, np.int32), np.empty(x.size)
        where = (x, y, self._grid.west, self._grid.south)
        order = kernels.by_cell(*where, *self._grid.arrays[:3])
        kernels.nearest(*(order, *where, limit, self._closed, position, distance_m, self._bits, *self._grid.arrays))
        unsure = np.flatnonzero(position == UNSURE)
        if unsure.size:
            position[unsure], distance_m[unsure] = self._by_shapely(x[unsure], y[unsure], limit)
        return position.astype(np.int64), distance_m

    def within(self, x_m: ArrayLike, y_m: ArrayLike, distance_m: float) -> tuple[IntArray, IntArray]:
        """All areas or lines within a distance of each point.

        Parameters
        ----------
        x_m, y_m
            Coordinates in the layer's CRS; NaN is refused.
        distance_m
            How far, inclusive (to a nanometre); from 0.

        Returns
        -------
        tuple
            Offsets, shape (points + 1,), and positions: those of point i are ``positions[offsets[i]:offsets[i + 1]]``,
            ascending. An area that holds the point is at distance 0.
        """
        from geo import nearest_kernels as kernels  # noqa: PLC0415 - slow to import

        x, y = finite("x_m", x_m), finite("y_m", y_m)
        finite("y_m", y, size=x.size)
        limit = float(finite("distance_m", distance_m, minimum=0))
        count = np.empty(x.size, np.int64)
        asked = (x, y, self._grid.west, self._grid.south, limit, self._closed)
        kernels.count_within(*(*asked, count, self._bits, *self._grid.arrays))
        unsure = np.flatnonzero(count == UNSURE)
        point, area = self._within_by_shapely(x[unsure], y[unsure], limit)
        sure = np.maximum(count, 0)
        sure[unsure] = np.bincount(point, minlength=unsure.size)
        offsets = np.concatenate([[0], np.cumsum(sure)]).astype(np.int64)
        positions = np.empty(offsets[-1], np.int64)
        kernels.write_within(*(*asked, offsets, count, positions, self._bits, *self._grid.arrays))
        rank = np.arange(point.size) - np.searchsorted(point, point)
        positions[offsets[unsure[point]] + rank] = area
        return offsets, positions

    def _by_shapely(self, x: FloatArray, y: FloatArray, limit_m: float) -> tuple[IntArray, FloatArray]:
        shapes, points = self._polygons.to_shapely(), shapely.points(x, y)
        (point, area), distance = shapely.STRtree(shapes).query_nearest(points, return_distance=True)
        position, distance_m = np.full(x.size, len(shapes)), np.full(x.size, np.nan)
        near = distance <= limit_m
        np.minimum.at(position, point[near], area[near])
        distance_m[point[near]] = distance[near]
        return np.where(position == len(shapes), NOWHERE, position), distance_m

    def _within_by_shapely(self, x: FloatArray, y: FloatArray, limit_m: float) -> tuple[IntArray, IntArray]:
        """Pairs of points and areas, sorted."""
        if x.size == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        tree = shapely.STRtree(self._polygons.to_shapely())
        point, area = tree.query(shapely.points(x, y), predicate="dwithin", distance=limit_m)
        order = np.lexsort([area, point])
        return point[order], area[order]
