"""Air temperature of a city at 10 m, and of the same city with one park more.

InVEST, whose model it is, is no peer here: natcap.invest is too large to install for a benchmark, and works on files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from api.bench.case import Case
from api.bench.synthetic import SIZES
from geo.cooling import Cooling, air_temperature, change

CELL_M, CITY_SHARE = 10.0, 0.6
CITY_GOAL_S, PARK_GOAL_S = 10.0, 0.5


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Compute a city with its surroundings, 2,800 x 2,800 cells with none in the corners, then a park of 200 m in it.

    Planners look at one city: a raster of the whole Ruhr is not measured.
    """
    if n != min(SIZES):
        return
    side = round(SIZES[n][1] / CITY_SHARE / CELL_M)
    rng = np.random.default_rng(11)
    cc, green = rng.random((side, side)), rng.random((side, side)) < 0.3
    offset = np.arange(side) - side / 2
    cc[np.hypot(offset[:, None], offset) > side / 2] = np.nan
    middle = slice(side // 2, side // 2 + 20)
    cc_after, green_after = cc.copy(), green.copy()
    cc_after[middle, middle], green_after[middle, middle] = 0.9, True

    def city() -> Cooling:
        return air_temperature(cc, green, CELL_M, t_ref_c=18, uhi_max_k=6)

    before = city()

    def park() -> Cooling:
        return change(before, cc_after, green_after)

    for work, ours, goal_s in (
        ("air temperature, 10 m raster of a city", city, CITY_GOAL_S),
        ("the same after one new park", park, PARK_GOAL_S),
    ):
        yield Case("cooling", work, cc.size, ours, "natcap.invest", None, lambda *_: True, goal_s=goal_s)
