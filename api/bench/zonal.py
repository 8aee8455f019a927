"""Zonal means: a raster of 10 m inside footprints, with the exact share of every cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from api.bench.case import Case, module
from api.bench.synthetic import ORIGIN, SIZES, UTM, footprints
from geo.columns import Polygons
from geo.zonal import Raster, zonal

Floats = NDArray[np.float64]
CELL_M, MARGIN_M = 10.0, 3600.0


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Take the mean of a raster in each of `n` footprints, raster and footprints in memory.

    exactextract is measured twice: with a GeoDataFrame, as its users call it, and with a source of our own that hands
    it WKB made beforehand, which spares it the text that it makes of each geometry otherwise.
    """
    raster, polygons = _raster(n), Polygons.from_shapely(footprints(n), UTM)
    frame = gpd.GeoDataFrame(geometry=footprints(n), crs=UTM)
    library = module("exactextract")

    def ours() -> Floats:
        return zonal(polygons, raster).mean

    work = "zonal mean, 10 m raster, in memory"
    theirs = None if library is None else _peer(library, raster, frame)
    yield Case("zonal", work, n, ours, "exactextract (GeoDataFrame)", theirs, _close)
    theirs = None if library is None else _peer(library, raster, _wkb_source(n))
    yield Case("zonal", work, n, ours, "exactextract (WKB)", theirs, _close)


def _raster(n: int) -> Raster:
    """Noise around 300 on a square that reaches beyond the footprints on all sides."""
    side = round((SIZES[n][1] + 2 * MARGIN_M) / CELL_M)
    values = np.random.default_rng(10).normal(300, 10, (side, side)).astype(np.float32)
    west, south = (ORIGIN - MARGIN_M).tolist()
    return Raster(values, UTM, west, south + side * CELL_M, CELL_M, CELL_M)


def _peer(library: Any, raster: Raster, features: Any) -> Callable[[], Floats]:  # noqa: ANN401 - any library
    west, south, east, north = raster.bounds
    source = library.raster.NumPyRasterSource(raster.values, west, south, east, north, srs_wkt=UTM.to_wkt())

    def means() -> Floats:
        table = library.exact_extract(source, features, ["mean"], output="pandas")
        return np.asarray(table["mean"], dtype=np.float64)

    return means


def _wkb_source(n: int) -> Any:  # noqa: ANN401 - a class of the library's
    feature = module("exactextract.feature")
    shapes = shapely.to_wkb(footprints(n)).tolist()

    class Bytes(feature.Feature):  # type: ignore[misc, name-defined]
        def __init__(self, wkb: bytes) -> None:
            super().__init__()
            self.wkb = wkb

        def geometry(self) -> bytes:
            return self.wkb

        def fields(self) -> list[str]:
            return []

    class Source(feature.FeatureSource):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[Bytes]:
            return map(Bytes, shapes)

        def count(self) -> int:
            return len(shapes)

        def srs_wkt(self) -> str:
            return UTM.to_wkt()

    return Source()


def _close(ours: Floats, theirs: Floats) -> bool:
    # exactextract keeps the covered shares in single precision
    return bool(np.allclose(ours, theirs, rtol=1e-7))
