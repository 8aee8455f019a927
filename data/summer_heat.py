"""How much warmer the air of each 200 m cell is than outside the city: on hot nights, and by day.

InVEST's Urban Cooling Model (`geo.cooling`) twice. By **night** on the 200 m cells themselves, from what is built on
them, which every place has. By **day** from a raster of land cover, which few have. Both are modelled, not measured:
compare cells by them, not thermometers. What homes alone tell of the night is little: at eleven stations in Bochum the
summer nights of 2024 follow the modelled order only loosely (rank correlation 0.2, no more than chance might give).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.city_grid import CityGrid
from data.figures import Figures
from data.schema import LAND_COVERS
from data.units import CELL_M
from geo.arrays import FloatArray
from geo.cooling import air_temperature, biophysics, cooling_capacity, night_cooling_capacity
from geo.zonal import Raster

# assumed: from this floor area per ground on, a cell of 200 m is as built-up as it gets
FULL_INTENSITY = 1.2
# the census tells by quarters who lives in a cell on the border
QUARTER_M2 = CELL_M**2 / 4
# assumed for the Ruhr
NIGHT_T_REF_C, NIGHT_UHI_MAX_K = 18.0, 6.0
DAY_T_REF_C, DAY_UHI_MAX_K = 26.0, 4.0
# a cell is green if at least half of it is
GREEN_CELL = 0.5
# 450 and 550 m, over which green cools and air mixes, are whole numbers of these
DAY_CELL_M = 25.0
# of K and shares: the noise of an FFT or a cumulative sum must not move a bit
DIGITS = 6


@dataclass(frozen=True)
class Day:
    """Air of a hot day: `anomaly_k` by cell of 200 m, `air_c` as a raster of 25 m."""

    anomaly_k: FloatArray
    air_c: Raster


def building_intensity(grid: CityGrid, units: pd.DataFrame) -> FloatArray:
    """Floor area of homes and other uses per ground of each cell, as a share of 1.2, at most 1.

    Cells without a unit have none (0); NaN where no unit is known in the whole place. Census cells know of homes only,
    so a city centre of shops and offices looks less built-up than it is unless footprints are brought. Of a cell on the
    border at least a quarter counts as ground.
    """
    floor_m2 = grid.sums(units["living_area_m2"].fillna(0.0) + units["floor_area_m2"].fillna(0.0))
    return np.minimum(floor_m2 / np.maximum(grid.area_m2, QUARTER_M2) / FULL_INTENSITY, 1.0)


def night_anomaly_k(grid: CityGrid, intensity: FloatArray, green_share: FloatArray) -> FloatArray:
    """Anomaly of a hot summer night, 0 to 6 K; NaN where the intensity is.

    Parameters
    ----------
    grid, intensity
        Cells, and how built-up they are.
    green_share
        Cells from half green on cool their surroundings; NaN is not green: where nothing is known of green, the
        figures come from buildings alone.
    """
    if np.isnan(intensity).all():
        return np.full(len(grid), np.nan)
    capacity = night_cooling_capacity(grid.as_raster(intensity))
    green = np.where(np.isnan(capacity), np.nan, grid.as_raster(green_share) >= GREEN_CELL)
    air = air_temperature(
        capacity, green, CELL_M, t_ref_c=NIGHT_T_REF_C, uhi_max_k=NIGHT_UHI_MAX_K, night=True
    ).anomaly_k
    return np.round(grid.from_raster(air), DIGITS)


def day_air(grid: CityGrid, cover: Raster, figures: Figures) -> Day:
    """Air of a hot day from land cover, 0 to 4 K above 26 °C.

    Cooling capacity and green of the classes are averaged onto squares of 25 m. What the raster holds beyond
    the outline takes part, so that the border is not the end of the world.

    Parameters
    ----------
    grid
        Cells that the mean is taken of.
    cover
        Positions in `LAND_COVERS`, in the city's CRS; NaN is no data, and stays so.
    figures
        With the table `biophysical`.
    """
    table = figures["biophysical"]
    # the capacity is linear in the three, so that of the mean is the mean of those of the classes
    by_class = cooling_capacity(table["shade"], table["albedo"], table["kc"])
    green_area = table["green_area"].to_numpy(np.float64)
    layers = biophysics(cover.values, LAND_COVERS, {"cc": by_class, "green": green_area})
    known_m2 = _integral((~np.isnan(layers["cc"])).astype(np.float64), cover, DAY_CELL_M)
    # where there is nothing, a cumulative sum leaves its rounding
    ground_m2 = np.where(known_m2 > DAY_CELL_M**2 * 1e-6, known_m2, np.nan)
    capacity, green_share = (
        np.round(_integral(np.nan_to_num(layers[name]), cover, DAY_CELL_M) / ground_m2, DIGITS)
        for name in ("cc", "green")
    )
    green = np.where(np.isnan(capacity), np.nan, green_share >= GREEN_CELL)
    air = air_temperature(capacity, green, DAY_CELL_M, t_ref_c=DAY_T_REF_C, uhi_max_k=DAY_UHI_MAX_K)
    place = (cover.crs, cover.west_m, cover.north_m, DAY_CELL_M, DAY_CELL_M)
    source = f"modelled (InVEST Urban Cooling Model) from {cover.source}"
    anomaly = grid.means(Raster(air.anomaly_k, *place))
    return Day(np.round(anomaly, DIGITS), Raster(air.t_air_c, *place, source))


def _integral(values: FloatArray, raster: Raster, cell_m: float) -> FloatArray:
    """Integrate values on the cells of a raster over squares, from its north-west corner on."""
    return _binned(_binned(values, raster.dy_m, cell_m).T, raster.dx_m, cell_m).T


def _binned(values: FloatArray, step_m: float, cell_m: float) -> FloatArray:
    """Integrate rows of a step over cells of a width."""
    n = len(values)
    edges = np.minimum(np.arange(np.ceil(n * step_m / cell_m - 1e-9) + 1) * cell_m / step_m, n)
    low = np.minimum(edges.astype(np.int64), n - 1)
    up_to = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    at_edges = up_to[low] + (edges - low)[:, None] * (up_to[low + 1] - up_to[low])
    return np.asarray(np.diff(at_edges, axis=0) * step_m)
