"""Whole builds as a user runs them, each in a process of its own: from files to a release that is served.

Nobody else does this work, so there is no peer; the goal stands beside the time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from api.bench.case import Case
from data import figures as built_in
from data.cells import common
from data.place import places
from data.stock import stock

CITY = "05913000"
CITY_BUILDINGS = 110_000
LARGE = 1_600_000


class _Run:
    """One command line, and what it said."""

    def __init__(self, *arguments: str) -> None:
        self.command = [sys.executable, "-m", "api.cli", "build", *arguments, "--force", "--json"]
        self.peak_mb: float | None = None

    def __call__(self) -> str:
        # compiled modules are kept between runs, as they are for a user
        keep = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(self.command, check=True, capture_output=True, text=True, env=keep)  # noqa: S603 - our own
        answer = json.loads(done.stdout.strip().splitlines()[-1])
        self.peak_mb = answer["peak_mb"]
        return str(answer["release"])


def city(n: int, folder: Path) -> Iterator[Case]:
    """Dortmund with 110,000 buildings, streets and land use from files, all sectors."""
    if n >= LARGE:
        return
    _write_city(folder)
    run = _Run(str(folder), "--home", str(folder / "home"))
    work = "import and build Dortmund, all sectors, from GeoPackage to release"
    yield Case("build-city", work, CITY_BUILDINGS, run, "", None, _same, lambda: run.peak_mb, 15.0)


def region(n: int, folder: Path) -> Iterator[Case]:
    """The Ruhr on modelled footprints: those that the census counts, or 1.6 million of them."""
    tables = folder / "tables"
    shutil.copytree(built_in.BUILT_IN, tables)
    count = _multiply(tables / "cells_200m.parquet", n) if n >= LARGE else _counted(tables / "cells_200m.parquet")
    run = _Run("ruhr", "--modelled", "--tables", str(tables), "--home", str(folder / "home"))
    work = "build the 53 municipalities on modelled footprints"
    yield Case("build-region", work, count, run, "", None, _same, lambda: run.peak_mb, 180.0 * count / LARGE)


def _same(ours: object, theirs: object) -> bool:
    return ours == theirs


def _counted(cells: Path) -> int:
    return int(pd.read_parquet(cells, columns=["n_buildings"])["n_buildings"].sum())


def _multiply(cells: Path, n: int) -> int:
    """Double the counts of cells, in a seeded order, until there are `n` buildings: a load, not a town."""
    table = pd.read_parquet(cells)
    order = np.random.default_rng(1).permutation(len(table))
    extra = table["n_buildings"].to_numpy(np.int64)[order].cumsum()
    chosen = order[extra <= n - int(table["n_buildings"].sum())]
    counts = [c for c in table.columns if c not in {"ags", "x_m", "y_m", "quarters"}]
    table.loc[chosen, counts] *= 2
    table.to_parquet(cells)
    return int(table["n_buildings"].sum())


def _write_city(folder: Path) -> None:
    """Write Dortmund as a city would bring it: homes drawn from the census, and as many other buildings as it takes."""
    figures = built_in.read()
    place = places(figures)[CITY]
    units = stock(place, figures, common(figures))
    rng = np.random.default_rng(1)
    homes = units.shapes.to_shapely()
    others = CITY_BUILDINGS - len(homes)
    corner = shapely.get_coordinates(shapely.centroid(homes[rng.choice(len(homes), others)])) + rng.normal(
        0, 90, (others, 2)
    )
    size = rng.uniform(8, 45, (others, 2))
    shapes = np.concatenate([homes, shapely.box(*corner.T, *(corner + size).T)])
    uses = rng.choice(["office", "retail", "industry", "school", "warehouse", "unheated"], others)
    frame = gpd.GeoDataFrame(
        {
            "building_id": [f"b{i}" for i in range(CITY_BUILDINGS)],
            "use": np.concatenate([np.full(len(homes), "residential", dtype=object), uses]),
            "storeys": np.concatenate([units.units["storeys"], rng.integers(1, 5, others)]),
        },
        geometry=shapes,
        crs=place.crs,
    )
    _inside(figures, frame).to_file(folder / "buildings.gpkg")
    _streets(figures, rng).to_file(folder / "streets.gpkg")
    works = shapely.buffer(shapely.points(corner[:400]), 120, quad_segs=2)
    landuse = gpd.GeoDataFrame({"kind": rng.choice(["industrial", "retail"], 400)}, geometry=works, crs=place.crs)
    landuse.to_file(folder / "landuse.gpkg")
    shutil.copyfile(built_in.BUILT_IN / place.districts[0].file, folder / place.districts[0].file)
    (folder / "place.toml").write_text(
        f'key = "{CITY}"\nname = "Dortmund"\n[[buildings]]\nfile = "buildings.gpkg"\n'
        '[[streets]]\nfile = "streets.gpkg"\n[[landuse]]\nfile = "landuse.gpkg"\n[[districts]]\nlevel = "Stadtbezirk"\n'
        f'file = "{place.districts[0].file}"\ngeometry_status = "approximate"\n',
        encoding="utf-8",
    )


def _inside(figures: built_in.Figures, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep what lies in the town, and fill up to the number wanted with copies moved by a hand."""
    outline = figures.boundaries[figures.boundaries["ags"] == CITY].geometry.union_all()
    shapely.prepare(outline)
    shapes = frame.geometry.to_numpy().copy()
    away = ~shapely.intersects(outline, shapes)
    shapes[away] = shapely.transform(shapes[: away.sum()], lambda xy: xy + np.array([0.07, 0.05]))
    return frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs))


def _streets(figures: built_in.Figures, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Draw 20,000 segments of all classes across the town."""
    west, south, east, north = figures.boundaries[figures.boundaries["ags"] == CITY].total_bounds
    start = rng.uniform([west, south], [east, north], (20_000, 2))
    turn, length = rng.uniform(0, 2 * np.pi, 20_000), rng.uniform(40, 260, 20_000)
    end = start + np.column_stack([np.cos(turn), np.sin(turn)]) * length[:, None]
    classes = rng.choice(["motorway", "primary", "secondary", "residential"], 20_000, p=[0.02, 0.08, 0.1, 0.8])
    return gpd.GeoDataFrame(
        {"street_id": [f"s{i}" for i in range(20_000)], "road_class": classes},
        geometry=shapely.linestrings(np.stack([start, end], axis=1)),
        crs=figures.boundaries.crs,
    )
