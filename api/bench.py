"""`revier bench`: our kernels and the libraries a user would pick, in turn, on the same data.

Answers are compared first. Nothing is installed: a peer that is missing is named and left out. Data are synthetic:
zones that share warped edges of many vertices, and footprints of six corners in random order.
"""

from __future__ import annotations

import gc
import importlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from pyproj import CRS

from data import geoparquet
from geo.columns import Polygons
from geo.coverage import Coverage

UTM = CRS.from_epsg(25832)
ORIGIN = np.array([384_000.0, 5_699_000.0])
SLOW_S = 20.0
SIZES = {110_000: (62, 16_800.0), 1_600_000: (1_500, 67_000.0)}


@dataclass(frozen=True)
class Case:
    """One piece of work, ours and a peer's.

    Attributes
    ----------
    id, work, n
        What is measured, on how many sources.
    ours
        Does the work and returns an answer.
    peer, theirs
        Name of the library, and the same work with it; None where it is not installed.
    agree
        Whether the two answers are the same.
    """

    id: str
    work: str
    n: int
    ours: Callable[[], Any]
    peer: str
    theirs: Callable[[], Any] | None
    agree: Callable[[Any, Any], bool]


def run(ids: list[str], *, large: bool, repeats: int = 5) -> dict[str, Any]:
    """Measure and compare.

    Parameters
    ----------
    ids
        Of `IDS`; all when empty.
    large
        Also 1.6 million sources.
    repeats
        Runs of which the median is taken; a peer slower than 20 s runs once.

    Returns
    -------
    dict
        `machine` and `rows`, as `revier bench --json` writes them.
    """
    rows = []
    for n in sorted(SIZES) if large else [min(SIZES)]:
        with tempfile.TemporaryDirectory() as folder:
            for case in _cases(n, Path(folder)):
                if ids and case.id not in ids:
                    continue
                rows.append(_measure(case, repeats))
    return {"machine": machine(), "rows": rows}


def machine() -> dict[str, Any]:
    """Processor, cores and versions that the figures belong to."""
    names = ("numpy", "numba", "shapely", "geopandas", "tobler", "sedonadb")
    versions = {name: module.__version__ for name in names if (module := _module(name)) is not None}
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), **versions}


IDS = ("allocate-area", "locate")


def _measure(case: Case, repeats: int) -> dict[str, Any]:
    answer = case.ours()  # compiles and fills caches
    _reset_peak()
    before = _memory_mb("VmRSS")
    ours = _median(case.ours, repeats)
    peak = _memory_mb("VmHWM")
    row: dict[str, Any] = {"id": case.id, "work": case.work, "n": case.n, "ours_s": ours, "peer": case.peer}
    row["peak_mb"] = None if peak is None or before is None else round(peak - before)
    if case.theirs is None:
        return row | {"peer_s": None, "ratio": None, "agree": None, "note": f"{case.peer} is not installed"}
    start = time.perf_counter()
    agree = case.agree(answer, case.theirs())
    first = time.perf_counter() - start
    theirs = first if first > SLOW_S else _median(case.theirs, repeats)
    return row | {"peer_s": theirs, "ratio": theirs / ours, "agree": agree}


def _median(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _cases(n: int, folder: Path) -> Iterator[Case]:
    count, width = SIZES[n]
    zones, footprints, weight = _zones(count, width), _footprints(n, width), np.random.default_rng(5).lognormal(1, 1, n)
    zone_columns, columns = Polygons.from_shapely(zones, UTM), Polygons.from_shapely(footprints, UTM)
    zone_frame = gpd.GeoDataFrame({"zone": np.arange(count)}, geometry=zones, crs=UTM)
    frame = gpd.GeoDataFrame({"t_co2e": weight}, geometry=footprints, crs=UTM)
    geoparquet.write(folder / "footprints.parquet", pa.table({"t_co2e": weight}), columns)
    geoparquet.write(folder / "zones.parquet", pa.table({"zone": np.arange(count)}), zone_columns)

    def close(ours: np.ndarray, theirs: np.ndarray) -> bool:
        return bool(np.allclose(ours, theirs, rtol=1e-9))

    def close_enough(ours: np.ndarray, theirs: np.ndarray) -> bool:
        # tobler's sums are off by 1e-8 from those that overlay and we agree on
        return bool(np.allclose(ours, theirs, rtol=1e-7))

    def totals(sources: Polygons, targets: Polygons, values: np.ndarray) -> np.ndarray:
        return np.asarray(Coverage(targets).overlaps(sources).matrix(len(targets)).T @ values)

    def from_disk() -> np.ndarray:
        table, sources = geoparquet.read(folder / "footprints.parquet")
        return totals(sources, geoparquet.read(folder / "zones.parquet")[1], table["t_co2e"].to_numpy())

    def overlay() -> np.ndarray:
        pieces = gpd.overlay(frame.assign(whole=frame.area), zone_frame, how="intersection", keep_geom_type=True)
        share = pieces["t_co2e"] * pieces.area / pieces["whole"]
        return np.asarray(share.groupby(pieces["zone"]).sum().reindex(range(count), fill_value=0.0))

    yield Case("allocate-area", "area-weighted sums, in memory", n, lambda: totals(columns, zone_columns, weight),
               "geopandas.overlay", overlay, close)  # fmt: skip
    tobler = _module("tobler.area_weighted")

    def interpolate() -> np.ndarray:
        return np.asarray(
            tobler.area_interpolate(frame, zone_frame, extensive_variables=["t_co2e"], allocate_total=False)["t_co2e"]
        )

    def interpolate_from_disk() -> np.ndarray:
        sources, targets = (gpd.read_parquet(folder / f"{name}.parquet") for name in ("footprints", "zones"))
        return np.asarray(
            tobler.area_interpolate(sources, targets, extensive_variables=["t_co2e"], allocate_total=False)["t_co2e"]
        )

    yield Case("allocate-area", "area-weighted sums, in memory", n, lambda: totals(columns, zone_columns, weight),
               "tobler.area_interpolate", interpolate if tobler else None, close_enough)  # fmt: skip
    yield Case("allocate-area", "area-weighted sums, from GeoParquet", n, from_disk,
               "tobler.area_interpolate", interpolate_from_disk if tobler else None, close_enough)  # fmt: skip
    points = shapely.point_on_surface(footprints)
    x, y = shapely.get_x(points), shapely.get_y(points)
    point_frame = gpd.GeoDataFrame(geometry=points, crs=UTM)

    def sjoin() -> np.ndarray:
        joined = gpd.sjoin(point_frame, zone_frame, predicate="within")
        return np.asarray(joined["zone"].reindex(range(n), fill_value=-1))

    yield Case("locate", "point in zone, index included", n, lambda: Coverage(zone_columns).locate(x, y),
               "geopandas.sjoin", sjoin, lambda ours, theirs: bool((ours == theirs).all()))  # fmt: skip
    sedona = _module("sedonadb") if _module("geoarrow.pyarrow") else None
    yield Case("locate", "point in zone, index included", n, lambda: Coverage(zone_columns).locate(x, y),
               "SedonaDB", _sedona(sedona, point_frame, zone_frame) if sedona else None,
               lambda ours, theirs: bool((ours == theirs).all()))  # fmt: skip


def _sedona(module: Any, points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> Callable[[], Any]:  # noqa: ANN401
    session = module.connect()
    session.create_data_frame(points.assign(id=np.arange(len(points)))).to_memtable().to_view("points")
    session.create_data_frame(zones).to_memtable().to_view("zones")

    def join() -> np.ndarray:
        query = "SELECT p.id, z.zone FROM points p JOIN zones z ON ST_Within(p.geometry, z.geometry)"
        table = session.sql(query).to_arrow_table()
        out = np.full(len(points), -1, np.int64)
        out[table["id"].to_numpy()] = table["zone"].to_numpy()
        return out

    return join


def _zones(count: int, width: float) -> np.ndarray:
    """Cover a square without gap or overlap; shared edges are warped alike, so they still meet."""
    rng = np.random.default_rng(count)
    frame = shapely.box(0, 0, width, width)
    cells = shapely.voronoi_polygons(shapely.MultiPoint(rng.uniform(0, width, (count, 2))), extend_to=frame)
    cut = shapely.intersection(shapely.get_parts(cells), frame)

    def warp(xy: np.ndarray) -> np.ndarray:
        x, y = xy[:, 0], xy[:, 1]
        push = [18 * np.sin(y / 97) + 5 * np.sin(y / 23 + x / 41), 18 * np.sin(x / 89) + 5 * np.sin(x / 19 + y / 37)]
        return np.asarray(xy + np.column_stack(push) * _rim(xy, width) + ORIGIN)

    return np.asarray(shapely.transform(shapely.segmentize(cut, 15), warp))


def _rim(xy: np.ndarray, width: float) -> np.ndarray:
    """Fade the warp out at the rim, so that the whole stays a square."""
    near: np.ndarray = np.clip(np.minimum(xy, width - xy).min(axis=1) / 100, 0, 1)
    return near[:, None]


def _footprints(n: int, width: float) -> np.ndarray:
    """Rectangles and L-shapes of 8 to 17 m, turned and in random order."""
    rng = np.random.default_rng(n)
    corner = np.array([[0, 0], [1, 0], [1, 0.5], [0.55, 0.5], [0.55, 1], [0, 1]])
    square = np.array([[0, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1]])
    shape = np.where(rng.random(n)[:, None, None] < 0.4, corner, square) - 0.5
    size = rng.uniform(8, 17, (n, 1, 2))
    angle = rng.uniform(0, np.pi, n)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(n, 2, 2)
    centre = rng.uniform(20, width - 20, (n, 1, 2)) + ORIGIN
    return np.asarray(shapely.polygons(np.einsum("nij,nkj->nki", turn, shape * size) + centre))


def _module(name: str) -> Any:  # noqa: ANN401 - any library
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _memory_mb(field: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return
