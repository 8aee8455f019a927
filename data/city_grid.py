"""The 200 m cells of a city: which there are, what of each lies inside, and how to put figures on them and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer

from data.figures import CRS_CELLS
from data.osm_layers import polygonal
from data.units import CELL_M, inspire_ids, squares
from geo.arrays import FloatArray, IntArray, sum_by
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.zonal import Raster, zonal

if TYPE_CHECKING:
    import pandas as pd

# less of a cell than this is the play of an outline
LEAST_M2 = 1.0
# shares are kept to this many digits (0.04 mm² of a cell): rounding elsewhere in the city must not move a bit
DIGITS = 9
# far from Europe coordinates are below zero
_WIDTH, _SHIFT = 100_000_000, 50_000_000


@dataclass(frozen=True)
class CityGrid:
    """Cells that meet a city or hold some of its buildings, sorted by `y_m`, `x_m`.

    Attributes
    ----------
    frame
        `cell_id` (as INSPIRE writes it), `x_m`, `y_m` (lower-left corner, EPSG:3035), `area_m2` inside the outline; 0
        where a cell only holds buildings that a coarse outline leaves out.
    shapes
        What of each cell lies inside, in the city's CRS, for the rows with an area.
    of_unit
        Row of each stock unit.
    """

    frame: pd.DataFrame
    shapes: Polygons
    of_unit: IntArray

    @classmethod
    def of(cls, outline: shapely.Geometry, crs: CRS, units: pd.DataFrame) -> CityGrid:
        """Lay the grid over an outline in `crs`, and over stock units with `x_m` and `y_m`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        shapely.prepare(outline)
        around = _cells_around(outline, crs)
        shapes = squares(around, crs).to_shapely()
        inside = shapely.contains_properly(outline, shapes)
        crossing = ~inside & shapely.intersects(outline, shapes)
        shapes[crossing] = polygonal(shapely.intersection(shapes[crossing], outline))
        kept = (inside | crossing) & (shapely.area(shapes) >= LEAST_M2)
        at = _number(around)[kept]
        of_unit = _number(units)
        cells = np.union1d(at, of_unit)
        area_m2 = np.zeros(len(cells))
        area_m2[np.searchsorted(cells, at)] = shapely.area(shapes[kept])
        frame = pd.DataFrame(
            {"ags": "", "x_m": cells % _WIDTH - _SHIFT, "y_m": cells // _WIDTH - _SHIFT, "area_m2": area_m2}
        )
        frame.insert(0, "cell_id", inspire_ids(frame))
        polygons = Polygons.from_shapely(shapes[kept], crs)
        return cls(frame.drop(columns="ags"), polygons, np.searchsorted(cells, of_unit))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def crs(self) -> CRS:
        """Of the city."""
        return self.shapes.crs

    @property
    def area_m2(self) -> FloatArray:
        """Area of each cell inside the outline."""
        return self.frame["area_m2"].to_numpy(np.float64)

    @cached_property
    def centres(self) -> FloatArray:
        """Middle of each whole cell in the city's CRS, shape (cells, 2); on the border it may lie outside."""
        return _middles(self.frame, self.crs)

    def sums(self, of_units: ArrayLike) -> FloatArray:
        """Sum a figure of the units by cell: 0 where there is no unit, NaN where it is known of none that is there."""
        values = np.asarray(of_units, dtype=np.float64)
        known = ~np.isnan(values)
        if not known.any():
            return np.full(len(self), np.nan)
        total = sum_by(self.of_unit, np.where(known, values, 0.0), len(self))
        here, told = sum_by(self.of_unit, np.ones(values.size), len(self)), sum_by(self.of_unit, known, len(self))
        return np.where((here > 0) & (told == 0), np.nan, total)

    def shares(self, areas: Polygons) -> FloatArray:
        """Share of each cell in areas that do not overlap each other; NaN where nothing of the cell lies inside."""
        found = Coverage(areas).overlaps(self.shapes).covered() if len(areas) else np.zeros(len(self.shapes))
        return self._spread(np.minimum(np.round(found, DIGITS), 1.0))

    def means(self, raster: Raster) -> FloatArray:
        """Mean of a raster on what of each cell lies inside; NaN where it has no data there."""
        return self._spread(zonal(self.shapes, raster).mean)

    def locate(self, x_m: FloatArray, y_m: FloatArray) -> IntArray:
        """Row of the cell that each point lies in, -1 where there is none; coordinates in the city's CRS."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        project = Transformer.from_crs(self.crs, CRS_CELLS, always_xy=True)
        corners = np.floor(np.column_stack(project.transform(x_m, y_m)) / CELL_M) * CELL_M
        asked, cells = _number(pd.DataFrame(corners, columns=["x_m", "y_m"])), _number(self.frame)
        row = np.minimum(np.searchsorted(cells, asked), len(self) - 1)
        return np.where(cells[row] == asked, row, -1)

    def as_raster(self, values: FloatArray) -> FloatArray:
        """Lay values out as rows and columns, first row in the north; NaN where there is no cell."""
        row, column = self._place
        laid = np.full((row.max() + 1, column.max() + 1), np.nan)
        laid[row, column] = values
        return laid

    def from_raster(self, laid: FloatArray) -> FloatArray:
        """Take the values of the cells from rows and columns."""
        return laid[self._place]

    @property
    def _place(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        x, y = (self.frame[name].to_numpy(np.int64) // CELL_M for name in ("x_m", "y_m"))
        return y.max() - y, x - x.min()

    def _spread(self, values: FloatArray) -> FloatArray:
        out = np.full(len(self), np.nan)
        out[self.area_m2 > 0] = values
        return out


def _cells_around(outline: shapely.Geometry, crs: CRS) -> pd.DataFrame:
    """Corners of the cells that meet the outline, and of some close by."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    project = Transformer.from_crs(crs, CRS_CELLS, always_xy=True)
    west, south, east, north = np.divide(project.transform_bounds(*shapely.bounds(outline).tolist()), CELL_M)
    x, y = np.meshgrid(np.arange(np.floor(west), np.ceil(east)), np.arange(np.floor(south), np.ceil(north)))
    cells = pd.DataFrame({"x_m": x.ravel() * CELL_M, "y_m": y.ravel() * CELL_M}).astype(np.int64)
    # one that meets it has its middle within half its diagonal, 0.71 of its width; the rest is for far projections
    close = shapely.dwithin(outline, shapely.points(_middles(cells, crs)), CELL_M)
    return cells.loc[np.flatnonzero(close)].reset_index(drop=True)


def _middles(cells: pd.DataFrame, crs: CRS) -> FloatArray:
    project = Transformer.from_crs(CRS_CELLS, crs, always_xy=True)
    middle = cells[["x_m", "y_m"]].to_numpy(np.float64) + CELL_M / 2
    return np.column_stack(project.transform(middle[:, 0], middle[:, 1]))


def _number(cells: pd.DataFrame) -> NDArray[np.int64]:
    """One number for each corner, in the order of `y_m`, `x_m`."""
    x, y = (cells[name].to_numpy(np.int64) + _SHIFT for name in ("x_m", "y_m"))
    return np.asarray(y * _WIDTH + x)
