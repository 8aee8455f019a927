"""Who is whose neighbour: areas that touch, the nearest few points, cells of a grid.

No area is left alone: one that touches nothing, an island, is joined with its nearest, both ways, and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo.arrays import Argument, FloatArray, IntArray, checked, finite
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError, Problem

if TYPE_CHECKING:
    from scipy import sparse

FEWEST = 5
# part of a cell's width that its corner may be off the grid
OFF_GRID = 0.01


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Neighbours of each area, with weights that sum to 1.

    Attributes
    ----------
    offsets
        Area i has the neighbours ``positions[offsets[i]:offsets[i+1]]``; shape (n + 1,), int64.
    positions
        Positions of neighbours, rising within an area; int64. No area is its own neighbour.
    weights
        Weight of each neighbour, 1 / number of neighbours of its area.
    joined
        Positions of areas that had no neighbour and were joined with their nearest.
    """

    offsets: IntArray
    positions: IntArray
    weights: FloatArray
    joined: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lag(self, values: ArrayLike) -> FloatArray:
        """Mean of each area's neighbours, shape (n,); one finite value for each area is demanded."""
        return np.asarray(self.matrix @ finite("values", values, size=len(self)), dtype=np.float64)

    def components(self) -> int:
        """Count the groups of areas that hang together; more than one is no error."""
        from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - slow to import

        return int(connected_components(self.matrix, connection="weak")[0])

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Weights, shape (n, n), row: area, column: neighbour."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        return sparse.csr_array((self.weights, self.positions, self.offsets), shape=(len(self), len(self)))


def contiguity(polygons: Polygons, *, rook: bool = False, tolerance_m: float = 0.0) -> Neighbours:
    """Neighbours by touch.

    Parameters
    ----------
    polygons
        Valid polygons in a projected CRS (metres); they may have holes and parts, gaps between them, and overlap.
    rook
        Whether a shared point is not enough (queen): the boundaries must run along each other, or overlap, on more
        than four times the tolerance.
    tolerance_m
        Width of a gap that still counts as touching, for boundaries that were digitised twice.

    Returns
    -------
    Neighbours
        Islands are joined with the nearest polygon by distance, with all of them if several are equally near.

    Raises
    ------
    CRSMismatchError
        The polygons are in degrees.
    InputError
        Fewer than 5 polygons, coordinates that are not finite, a negative tolerance.
    """
    if not polygons.crs.is_projected:
        raise CRSMismatchError(Problem("polygons", "are in degrees", "Reproject to metres, EPSG:25832 say."))
    tolerance = Argument("tolerance_m", tolerance_m, low=0).problems()
    coordinates = Argument("coordinates of polygons", polygons.coords).problems()
    if problems := [*tolerance, *coordinates, *_too_few(len(polygons))]:
        raise InputError(problems)
    shapes = polygons.to_shapely()
    tree = shapely.STRtree(shapes)
    if tolerance_m > 0:
        first, second = tree.query(shapes, predicate="dwithin", distance=tolerance_m)
    else:
        first, second = tree.query(shapes, predicate="intersects")
    kept = first != second
    if rook:
        kept[kept] = _run_along(shapes, first[kept], second[kept], tolerance_m)
    return _symmetric(first[kept], second[kept], shapes)


def nearest_neighbours(x_m: ArrayLike, y_m: ArrayLike, k: int = 6) -> Neighbours:
    """Neighbours by distance: the `k` nearest of each point.

    Parameters
    ----------
    x_m, y_m
        Coordinates in metres, shape (n,). Points may coincide: they are neighbours at distance 0.
    k
        Number of neighbours, at least 1, fewer than points. Where several are equally far, the choice depends on the
        coordinates, not on the order of the rows. For a grid use `cells`, which takes all around.

    Raises
    ------
    InputError
        Fewer than 5 points, coordinates missing, `k` out of range.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    x, y = np.atleast_1d(*checked(Argument("x_m", x_m), Argument("y_m", y_m)))
    n = x.size
    problems = _too_few(n)
    if not 1 <= k < n:
        problems.append(Problem("k", f"{k} neighbours of {n} points", "Give at least 1, and fewer than points."))
    if problems:
        raise InputError(problems)
    order = np.lexsort((y, x))
    points = np.column_stack([x, y])[order]
    found = np.asarray(cKDTree(points).query(points, k=k + 1)[1])
    own = found == np.arange(n)[:, None]
    # among more than k points in one place a point may not find itself
    own[~own.any(axis=1), -1] = True
    near = np.empty((n, k), np.int64)
    near[order] = order[found[~own].reshape(n, k)]
    return _weighted(np.repeat(np.arange(n), k), near.ravel(), n)


def cells(x_m: ArrayLike, y_m: ArrayLike, size_m: float) -> Neighbours:
    """Neighbours on a grid: the up to eight cells around each.

    Parameters
    ----------
    x_m, y_m
        The same corner (or the centre) of each square cell in metres, shape (n,); cells may be missing.
    size_m
        Width of a cell.

    Returns
    -------
    Neighbours
        Cells with none around are joined with the nearest, with all of them if several are equally near.

    Raises
    ------
    InputError
        Fewer than 5 cells, coordinates missing, two cells in one place, or one that is off the grid by more than a
        hundredth of its width.
    """
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    x, y, _ = np.atleast_1d(*checked(Argument("x_m", x_m), Argument("y_m", y_m), Argument("size_m", size_m, above=0)))
    if problems := _too_few(x.size):
        raise InputError(problems)
    place = np.column_stack([x - x[0], y - y[0]]) / size_m
    cell = np.round(place)
    off = (np.abs(place - cell) > OFF_GRID).any(axis=1)
    if off.any():
        what = f"{int(off.sum())} cell(s) off the grid of {size_m:g} m that the first cell is on"
        problems.append(Problem(f"cells[{int(off.argmax())}]", what, "Give the width that the cells have."))
    once = np.unique(cell, axis=0, return_index=True)[1]
    if once.size < x.size:
        again = np.setdiff1d(np.arange(x.size), once)
        what = f"{again.size} cell(s) in a place that is taken"
        problems.append(Problem(f"cells[{again[0]}]", what, "Give each cell once."))
    if problems:
        raise InputError(problems)
    pairs = cKDTree(cell).query_pairs(1.5, p=np.inf, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return _symmetric(both[:, 0], both[:, 1], np.asarray(shapely.points(cell)))


def _too_few(n: int) -> list[Problem]:
    if n >= FEWEST:
        return []
    return [Problem("areas", f"are {n}: too few for a pattern", f"Give at least {FEWEST}, or smaller areas.")]


def _run_along(shapes: NDArray[np.object_], first: IntArray, second: IntArray, tolerance_m: float) -> NDArray[np.bool_]:
    """Whether the pairs share more than a point, as seen from either side."""
    from scipy import sparse  # noqa: PLC0415 - slow to import

    wide = shapely.buffer(shapes, tolerance_m) if tolerance_m > 0 else shapes
    run_m = shapely.length(shapely.intersection(shapely.boundary(shapes)[first], wide[second]))
    # within the tolerance of a corner of ninety degrees lies twice the tolerance of a boundary
    enough = sparse.csr_array((run_m > 4 * tolerance_m, (first, second)), shape=(len(shapes), len(shapes)))
    return np.asarray((enough + enough.T)[first, second] > 0)


def _symmetric(first: IntArray, second: IntArray, shapes: NDArray[np.object_]) -> Neighbours:
    """Rows of pairs that are there both ways, islands joined."""
    alone = np.setdiff1d(np.arange(len(shapes)), first)
    if alone.size:
        island, nearest = shapely.STRtree(shapes).query_nearest(shapes[alone], exclusive=True)
        first, second = (
            np.concatenate([first, alone[island], nearest]),
            np.concatenate([second, nearest, alone[island]]),
        )
    return _weighted(first, second, len(shapes), alone)


def _weighted(first: IntArray, second: IntArray, n: int, joined: IntArray | None = None) -> Neighbours:
    # two islands may be each other's nearest: one pair, said twice
    pairs = np.unique(np.asarray(first, np.int64) * n + second)
    count = np.bincount(pairs // n, minlength=n)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    alone = np.zeros(0, np.int64) if joined is None else joined
    return Neighbours(offsets, pairs % n, np.repeat(1 / count, count), alone)
