"""Supply of public green by floating catchments, from known distances and from coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from api.bench.case import Case, module
from api.bench.synthetic import ORIGIN, SIZES, UTM, green
from geo.access import Supply, d0_by_size, reach, supply_2sfca
from geo.columns import Polygons, concatenate

POINTS, GREENS = 100_000, 5_000
GOAL_S = 2.0
D0_M = 300.0

Floats = NDArray[np.float64]


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Measure on 100,000 cells and 5,000 greens of a city, fewer where it is smaller; the peer gets our distances."""
    cells, count = min(POINTS, n), min(GREENS, n // 20)
    rng = np.random.default_rng(n)
    x, y = (rng.uniform(0, SIZES[n][1], (cells, 2)) + ORIGIN).T
    people = rng.uniform(1, 200, cells)
    areas = Polygons.from_shapely(green(n), UTM)
    greens = concatenate([areas] * -(-count // len(areas))).take(np.arange(count))
    green_m2 = greens.areas()
    reached = reach(x, y, greens, D0_M)
    pairs = pd.DataFrame({"origin": reached.point, "dest": reached.green, "cost": reached.distance_m})
    demand, supply = pd.DataFrame({"demand": people}), pd.DataFrame({"supply": green_m2})

    def ours() -> Floats:
        return supply_2sfca(reached, people, green_m2).m2_per_head

    def agree(m2_per_head: Floats, theirs: pd.Series) -> bool:
        return bool(np.allclose(m2_per_head, theirs.reindex(range(cells), fill_value=0.0), rtol=1e-9))

    fca = module("access.fca")

    def pysal() -> pd.Series:
        found = fca.two_stage_fca(demand, supply, pairs, D0_M, demand_index=True, supply_index=True)
        return pd.Series(found)

    def whole() -> Supply:
        return supply_2sfca(reach(x, y, greens, d0_by_size(green_m2)), people, green_m2, kernel="gaussian")

    work = "green per head, distances known"
    yield Case("access", work, cells, ours, "PySAL access", pysal if fca else None, agree)
    yield Case("access", "green per head, distances included", cells, whole, "", None, agree, goal_s=GOAL_S)
