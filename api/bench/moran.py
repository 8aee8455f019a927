"""Does a figure cluster: Moran's I of the zones, and of as many cells as there may be, with 9,999 permutations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from api.bench.case import Case, module
from api.bench.synthetic import SIZES
from geo.moran import Moran, moran
from geo.neighbours import Neighbours, cells, nearest_neighbours

PERMUTATIONS = 9_999


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Measure the six nearest of each zone, and a square grid of a cell for each 11 buildings, 10,000 at most."""
    zones, width_m = SIZES[n]
    rng = np.random.default_rng(zones)
    x_m, y_m = rng.uniform(0, width_m, (2, zones))
    yield _case("zones", nearest_neighbours(x_m, y_m))
    side = min(int((n / 11) ** 0.5), 100)
    row, column = np.divmod(np.arange(side * side), side)
    yield _case("cells", cells(100.0 * column, 100.0 * row, 100.0))


def _case(what: str, neighbours: Neighbours) -> Case:
    values = np.random.default_rng(1).gamma(2.0, size=len(neighbours))
    esda = module("esda")

    def ours() -> Moran:
        return moran(values, neighbours, permutations=PERMUTATIONS)

    weights = None if esda is None else _libpysal(neighbours)

    def theirs() -> Any:  # noqa: ANN401 - esda has no types
        return esda.Moran(values, weights, permutations=PERMUTATIONS)

    def agree(found: Moran, their: Any) -> bool:  # noqa: ANN401
        return bool(np.allclose((found.index, found.variance_normal), (their.I, their.VI_norm), rtol=1e-9))

    return Case("moran", f"Moran's I of {what}", len(neighbours), ours, "esda.Moran", esda and theirs, agree)


def _libpysal(neighbours: Neighbours) -> Any:  # noqa: ANN401
    offsets, positions = neighbours.offsets, neighbours.positions
    lists = {i: positions[offsets[i] : offsets[i + 1]].tolist() for i in range(len(neighbours))}
    weights = module("libpysal").weights.W(lists, silence_warnings=True)
    weights.transform = "r"
    return weights
