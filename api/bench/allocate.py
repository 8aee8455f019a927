"""Footprints in zones: area-weighted sums, and the zone of a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from api.bench.case import Case, module
from api.bench.synthetic import UTM, footprints, zones
from data import geoparquet
from geo.columns import Polygons
from geo.coverage import Coverage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def areas(n: int, folder: Path) -> Iterator[Case]:
    """Sum a figure of `n` footprints by zone, in memory and from files in `folder`."""
    weight = np.random.default_rng(5).lognormal(1, 1, n)
    sources, targets = Polygons.from_shapely(footprints(n), UTM), Polygons.from_shapely(zones(n), UTM)
    frame = gpd.GeoDataFrame({"t_co2e": weight}, geometry=footprints(n), crs=UTM)
    zone_frame = _zone_frame(n)
    geoparquet.write(folder / "footprints.parquet", pa.table({"t_co2e": weight}), sources)
    geoparquet.write(folder / "zones.parquet", pa.table({"zone": np.arange(len(targets))}), targets)
    tobler = module("tobler.area_weighted")

    def ours() -> Floats:
        return _totals(sources, targets, weight)

    def from_disk() -> Floats:
        table, read = geoparquet.read(folder / "footprints.parquet")
        return _totals(read, geoparquet.read(folder / "zones.parquet")[1], table["t_co2e"].to_numpy())

    def overlay() -> Floats:
        pieces = gpd.overlay(frame.assign(whole=frame.area), zone_frame, how="intersection", keep_geom_type=True)
        share = pieces["t_co2e"] * pieces.area / pieces["whole"]
        return np.asarray(share.groupby(pieces["zone"]).sum().reindex(range(len(targets)), fill_value=0.0))

    def interpolate(of: gpd.GeoDataFrame, to: gpd.GeoDataFrame) -> Floats:
        made = tobler.area_interpolate(of, to, extensive_variables=["t_co2e"], allocate_total=False)
        return np.asarray(made["t_co2e"])

    def interpolate_from_disk() -> Floats:
        of, to = (gpd.read_parquet(folder / f"{name}.parquet") for name in ("footprints", "zones"))
        return interpolate(of, to)

    memory, disk, peer = (
        "area-weighted sums, in memory",
        "area-weighted sums, from GeoParquet",
        "tobler.area_interpolate",
    )
    yield Case("allocate-area", memory, n, ours, "geopandas.overlay", overlay, _close(1e-9))
    # tobler's sums are off by 1e-8 from those that overlay and we agree on
    theirs = (lambda: interpolate(frame, zone_frame)) if tobler else None
    yield Case("allocate-area", memory, n, ours, peer, theirs, _close(1e-7))
    yield Case("allocate-area", disk, n, from_disk, peer, interpolate_from_disk if tobler else None, _close(1e-7))


def points(n: int, _folder: Path) -> Iterator[Case]:
    """Find the zone of a point in each of `n` footprints."""
    inside = shapely.point_on_surface(footprints(n))
    x, y = shapely.get_x(inside), shapely.get_y(inside)
    targets, zone_frame = Polygons.from_shapely(zones(n), UTM), _zone_frame(n)
    frame = gpd.GeoDataFrame({"id": np.arange(n)}, geometry=inside, crs=UTM)

    def ours() -> Ints:
        return np.asarray(Coverage(targets).locate(x, y), dtype=np.int64)

    def sjoin() -> Ints:
        joined = gpd.sjoin(frame, zone_frame, predicate="within")
        return np.asarray(joined["zone"].reindex(range(n), fill_value=-1))

    work = "point in zone, index included"
    yield Case("locate", work, n, ours, "geopandas.sjoin", sjoin, np.array_equal)
    sedona = module("sedonadb") if module("geoarrow.pyarrow") else None
    theirs = _sedona(sedona, frame, zone_frame) if sedona else None
    yield Case("locate", work, n, ours, "SedonaDB", theirs, np.array_equal)


def _totals(sources: Polygons, targets: Polygons, values: Floats) -> Floats:
    return Coverage(targets).overlaps(sources).totals(values, len(targets))


def _zone_frame(n: int) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"zone": np.arange(len(zones(n)))}, geometry=zones(n), crs=UTM)


def _close(tolerance: float) -> Callable[[Floats, Floats], bool]:
    return lambda ours, theirs: bool(np.allclose(ours, theirs, rtol=tolerance))


def _sedona(sedona: Any, frame: gpd.GeoDataFrame, zone_frame: gpd.GeoDataFrame) -> Callable[[], Ints]:  # noqa: ANN401
    session = sedona.connect()
    session.create_data_frame(frame).to_memtable().to_view("points")
    session.create_data_frame(zone_frame).to_memtable().to_view("zones")

    def join() -> Ints:
        query = "SELECT p.id, z.zone FROM points p JOIN zones z ON ST_Within(p.geometry, z.geometry)"
        table = session.sql(query).to_arrow_table()
        out = np.full(len(frame), -1, np.int64)
        out[table["id"].to_numpy()] = table["zone"].to_numpy()
        return out

    return join
