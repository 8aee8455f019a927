"""Statistics of a raster inside polygons, with the exact share of every cell that a polygon covers.

A cell belongs to a polygon as far as the polygon covers it, not by its centre: a footprint smaller than a cell has a
mean like any other. Three rows of three cells of 10 m::

    1 2 3      a square over the middle of the four cells at the north-west, (5, 15) to (15, 25): a quarter of each,
    4 5 6      mean = (1 + 2 + 4 + 5) / 4 = 3, sum = 3 (one whole cell's worth), covered 100 m2, missing 0;
    7 8 9      with no data in the cell of 5: mean = (1 + 2 + 4) / 3, sum = 7/4, covered 75 m2, missing 25 m2

Small windows of the raster are gone through cell by cell. Where means and sums are asked for polygons whose windows
hold more cells than the raster (wide buffers around many points), sums along rows and the polygon's outline are enough:
the work grows with the perimeter then, not with the area. Both ways agree to the last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import FloatArray, IntArray, finite
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError, Problem

# row sums take 16 bytes a cell, 20 with nodata: a strip of rows at a time
STRIP_CELLS = 4_000_000


@dataclass(frozen=True)
class Raster:
    """A grid of cells parallel to the axes of a projected CRS in metres, first row in the north.

    Attributes
    ----------
    values
        Shape (rows, columns), one row and one column at least; any numbers. NaN is a cell without data. Kept as
        contiguous float32 where that is exact, as float64 otherwise.
    crs
        Reference system.
    west_m, north_m
        Corner of the first cell: its west and north sides, not its centre.
    dx_m, dy_m
        Width and height of a cell, above 0.
    source
        Where it comes from and what was done to it, in words.

    Raises
    ------
    CRSMismatchError
        Degrees, or another unit than metres.
    InputError
        No cells, infinite values, or a corner or cell size that is not finite or not above 0.
    """

    values: NDArray[Any]
    crs: CRS
    west_m: float
    north_m: float
    dx_m: float
    dy_m: float
    source: str = ""

    def __post_init__(self) -> None:
        if not self.crs.is_projected or any(axis.unit_name != "metre" for axis in self.crs.axis_info[:2]):
            raise CRSMismatchError(
                Problem("raster", f"{self.crs.name} is not in metres", "Warp it to a projected CRS, EPSG:25832 say.")
            )
        values, problems = np.asarray(self.values), []
        if values.ndim != 2 or values.size == 0 or values.dtype.kind not in "biuf":
            what = f"has shape {values.shape} of {values.dtype}"
            problems.append(Problem("values", what, "Give rows and columns of one band of numbers."))
        elif values.dtype.kind == "f" and np.isinf(values).any():
            row, column = np.argwhere(np.isinf(values))[0].tolist()
            what = f"{int(np.isinf(values).sum())} are infinite"
            problems.append(Problem(f"values[{row}, {column}]", what, "Mark cells without data as NaN."))
        corner, size = np.array([self.west_m, self.north_m], float), np.array([self.dx_m, self.dy_m], float)
        if not (np.isfinite([*corner, *size]).all() and (size > 0).all()):
            what = f"corner {corner.tolist()}, cell {size.tolist()}"
            problems.append(Problem("grid", what, "Give a finite corner and a cell size above 0, north up."))
        if problems:
            raise InputError(problems)
        exact = values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
        object.__setattr__(self, "values", np.ascontiguousarray(values, np.float32 if exact else np.float64))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north side in metres."""
        rows, columns = self.values.shape
        south, east = self.north_m - rows * self.dy_m, self.west_m + columns * self.dx_m
        return self.west_m, south, east, self.north_m


@dataclass(frozen=True)
class Zonal:
    """Statistics for each polygon, in their order; NaN where a polygon covers no data.

    Attributes
    ----------
    covered_m2
        Area of the polygon over cells with data.
    missing_m2
        The rest of its area: over cells without data or beyond the raster. Both add up to the polygon's area.
    total
        Sum of value times covered share of the cell: 12 people per cell, half of it covered, are 6. It leaves out what
        is missing, so judge it by `missing_m2`.
    mean
        Mean of the values, weighted by covered area.
    minimum, maximum
        Lowest and highest value of a cell that counts: one of which more than a billionth is covered (of a polygon
        smaller than a cell: more than a billionth of the polygon), so that no rounded coordinate brings a neighbour's
        value in. None if not asked for.
    quantiles
        Shape (polygons, asked), of the same cells; None if not asked for. Values are sorted, equal ones from north to
        south and west to east. The k-th of n with weights w (covered shares) stands at
        ``(k - 1) * w[k] + (n - 1) * (w[1] + … + w[k - 1])`` on a scale that ends at ``(n - 1) * (w[1] + … + w[n])``;
        between two the value is interpolated, beyond the last it stays. Equal weights give numpy's default, any
        weights exactextract's ``quantile``.
    """

    covered_m2: FloatArray
    missing_m2: FloatArray
    total: FloatArray
    mean: FloatArray
    minimum: FloatArray | None = None
    maximum: FloatArray | None = None
    quantiles: FloatArray | None = None


def zonal(polygons: Polygons, raster: Raster, *, extremes: bool = False, quantiles: Sequence[float] = ()) -> Zonal:
    """Compute statistics of the raster inside each polygon.

    Parameters
    ----------
    polygons
        Valid polygons in the raster's CRS, with holes and parts as they come. They may overlap each other and reach or
        lie beyond the raster. One without area covers nothing.
    raster
        Values, NaN for no data.
    extremes
        Whether to find minimum and maximum.
    quantiles
        Which to find, from 0 to 1. Quantiles and extremes look at every cell inside; without them the work is bounded
        by the outlines and the size of the raster.

    Raises
    ------
    CRSMismatchError
        Polygons and raster are in different reference systems.
    InputError
        Coordinates that are not finite, or a quantile outside 0 to 1.
    """
    if polygons.crs != raster.crs:
        what = f"are in {polygons.crs.name}, the raster in {raster.crs.name}"
        raise CRSMismatchError(Problem("polygons", what, "Reproject them with to_crs."))
    wanted = finite("quantiles", quantiles, minimum=0)
    if (wanted > 1).any():
        raise InputError(Problem("quantiles", f"{wanted.max():g} is above 1", "The median is 0.5."))
    found = np.empty((6 if extremes else 4, len(polygons)))
    order = np.empty((len(polygons), wanted.size))
    if len(polygons):
        _Task(polygons, raster, found, wanted, order).run()
    broken = np.flatnonzero(np.isnan(found[0]))
    if broken.size:
        what = f"{broken.size} polygon(s) have coordinates that are not finite"
        raise InputError(Problem(f"row {broken[0]}", what, "Mend them, or leave them out and report them."))
    low, high = (found[4], found[5]) if extremes else (None, None)
    return Zonal(found[0], found[1], found[2], found[3], low, high, order if wanted.size else None)


@dataclass(frozen=True)
class _Task:
    """Polygons, raster, and where the answers go: `found` as `Zonal` has its columns, `order` for quantiles."""

    polygons: Polygons
    raster: Raster
    found: FloatArray
    quantiles: FloatArray
    order: FloatArray

    def run(self) -> None:
        """Small windows first, then the large ones in the way that costs less."""
        from geo import zonal_kernels as kernels  # noqa: PLC0415 - slow to import

        values = self.raster.values
        left = self._by_cells(np.empty(0, np.int64), kernels.SCRATCH)
        large = np.flatnonzero(left)
        if large.size == 0:
            return
        every_cell = len(self.found) > 4 or self.quantiles.size > 0
        if every_cell or left.sum() < 2 * values.size:
            # a band of rows at a time; one row and the one below it must fit
            self._by_cells(large, max(16 * kernels.SCRATCH, 2 * (values.shape[1] + 2)))
        else:
            self._by_prefix(large)

    def _columns(self) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
        return self.polygons.coords, self.polygons.rings, self.polygons.parts, self.polygons.rows

    def _grid(self) -> tuple[float, float, float, float]:
        raster = self.raster
        return float(raster.west_m), float(raster.north_m), float(raster.dx_m), float(raster.dy_m)

    def _by_cells(self, index: IntArray, scratch: int) -> IntArray:
        from geo import zonal_kernels as kernels  # noqa: PLC0415 - slow to import

        answers = (self.found, self.quantiles, self.order)
        left = kernels.by_cells(*self._columns(), index, self._grid(), self.raster.values, scratch, *answers)
        return np.asarray(left)

    def _by_prefix(self, index: IntArray) -> None:
        from geo import zonal_kernels as kernels  # noqa: PLC0415 - slow to import

        values, place = self.raster.values, (*self._columns(), index, self._grid())
        rows, columns = values.shape
        nodata = bool(kernels.any_missing(values))
        added = np.zeros((2, index.size))
        step = max(STRIP_CELLS // columns, 1)
        for top in range(0, rows, step):
            size = (min(step, rows - top), columns + 1)
            sums = (np.empty(size), np.empty(size), np.empty(size if nodata else (0, 0), np.int32))
            kernels.row_sums(values, top, *sums)
            kernels.by_prefix(*place, values, (top, top + size[0]), *sums, added)
        kernels.write_found(*place, values.shape, nodata, added, self.found)
