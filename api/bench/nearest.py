"""Distance from every building to the nearest green area."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from api.bench.case import Case
from api.bench.synthetic import UTM, footprints, green
from geo.columns import Polygons
from geo.nearest import Nearest

Floats = NDArray[np.float64]


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Measure from the centroids of `n` footprints; both sides get the same points."""
    centroids = shapely.centroid(footprints(n))
    x, y = shapely.get_x(centroids), shapely.get_y(centroids)
    areas = Polygons.from_shapely(green(n), UTM)
    frame = gpd.GeoDataFrame({"id": np.arange(n)}, geometry=centroids, crs=UTM)
    green_frame = gpd.GeoDataFrame({"green": np.arange(len(areas))}, geometry=green(n), crs=UTM)

    def ours() -> Floats:
        return Nearest(areas).distance(x, y)[1]

    def join() -> Floats:
        # a point in two overlapping areas has two rows
        joined = gpd.sjoin_nearest(frame, green_frame, distance_col="distance_m")
        return np.asarray(joined.groupby("id")["distance_m"].first())

    def agree(distance_m: Floats, theirs: Floats) -> bool:
        return bool(np.allclose(distance_m, theirs, rtol=1e-9, atol=1e-9))

    yield Case("nearest", "nearest green area, index included", n, ours, "geopandas.sjoin_nearest", join, agree)
