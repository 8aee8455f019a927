"""Files of a whole layer, as its download makes them, beside geopandas on the same buildings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio

from api.bench.case import Case
from api.bench.serve.data import buildings
from layers import export
from layers.catalogue import Catalogue
from layers.export import Wanted
from layers.published_writing import Wanted as Published
from layers.published_writing import publish
from layers.release import current, staging

NOTHING = {"inputs": {}, "method_version": "bench", "places": {}, "sources": [], "measures": []}
NAME = "buildings"


def cases(n: int, folder: Path) -> Iterator[Case]:
    """Measure GeoParquet 1.1 with boxes, FlatGeobuf with its index, GeoPackage with styles (ours) or without."""
    home = folder / "home"
    with staging(home, dict(NOTHING)) as path:
        path("none", "file").write_text("a release needs a file", encoding="utf-8")
    frame = buildings(n)
    frame.to_parquet(folder / "brought.parquet")
    layer = publish(home, folder / "brought.parquet", Published(NAME)).entry.layer
    catalogue = Catalogue(current(home))
    for kind, name in (("parquet", "GeoParquet"), ("fgb", "FlatGeobuf"), ("gpkg", "GeoPackage")):
        mine, theirs = folder / f"mine.{kind}", folder / f"theirs.{kind}"

        def ours(mine: Path = mine, kind: str = kind) -> Path:
            export.write(catalogue, layer, mine, Wanted(kind))
            return mine

        yield Case(
            "files",
            f"{name} of a whole layer",
            n,
            ours,
            "geopandas (pyogrio, Arrow)",
            partial(_by_geopandas, frame, theirs),
            agree,
        )


def _by_geopandas(frame: gpd.GeoDataFrame, path: Path) -> Path:
    path.unlink(missing_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path, compression="zstd", write_covering_bbox=True, schema_version="1.1.0")
    else:
        frame.to_file(path, engine="pyogrio", use_arrow=True)
    return path


def agree(mine: Path, theirs: Path) -> bool:
    """Whether two files hold the same shapes with the same values, in any order."""
    one, other = (_read(path) for path in (mine, theirs))
    same = list(one.columns) == list(other.columns) and one.crs == other.crs
    same &= all(one[name].equals(other[name]) for name in one.columns if name != "geometry")
    return bool(same and np.array_equal(one.geometry.area, other.geometry.area))


def _read(path: Path) -> gpd.GeoDataFrame:
    if path.suffix == ".parquet":
        found = gpd.read_parquet(path)
    else:  # styles lie beside the layer
        found = gpd.read_file(path, engine="pyogrio", layer=pyogrio.list_layers(path)[0, 0])
    # whether a file tells the box of each shape beside it is its own affair
    return found.drop(columns=["bbox"], errors="ignore").sort_values("id", ignore_index=True)
