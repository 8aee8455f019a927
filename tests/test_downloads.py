"""Downloads: files hold what layers hold, read back by other programs; a broken download goes on where it broke."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pmtiles.reader import MmapSource, Reader
from pyproj import CRS, Transformer

from api.routes import downloads
from geo.errors import InputError
from geo.shapes import Shapes
from layers import export, export_pmtiles, export_text, tiles
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.drawn import MERCATOR, WGS84, Drawn
from layers.export import Wanted
from layers.export_store import Store
from layers.layer import Layer

UTM = CRS.from_epsg(25832)
SHAPES = (
    shapely.Point(400_000, 5_700_000),
    None,
    shapely.box(400_010, 5_700_010, 400_020, 5_700_030),
    shapely.LineString([(400_000, 5_700_000), (400_100, 5_700_050)]),
    shapely.box(400_200, 5_700_000, 400_210, 5_700_010) | shapely.box(400_300, 5_700_000, 400_310, 5_700_010),
)
ODD = "Größe „[m²]“"
SCHEMA = pa.schema(
    [
        ("whole", pa.int64()),
        (ODD, pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("ms", "UTC")),
        ("text", pa.large_string()),
        ("select", pa.string()),
        ("Flag", pa.int32()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("list", pa.list_(pa.int64())),
        ("fid", pa.string()),
        ("geometry", pa.string()),
    ]
)
ROWS: dict[str, list[Any]] = {
    "whole": [2**60 + 1, None, -1, 0, 5],
    ODD: [0.1, None, float("nan"), -1e300, 5.0],
    "flag": [True, None, False, True, True],
    "day": [date(2020, 2, 29), None, date(1969, 12, 31), None, None],
    "at": [datetime(2025, 7, 1, 12, 0, 0, 123_000, UTC), None, None, None, None],
    "text": ["Straße\n\"Ä'; DROP", "", None, "=1+1", "日本 🌳"],
    "select": ["a", "b", "c", "d", "e"],
    "Flag": [1, 2, None, 4, 5],
    "kind": ["x", None, "y", "x", "x"],
    "list": [[1, 2], None, [], [3], [4]],
    "fid": ["f", "g", None, "i", "j"],
    "geometry": ["no", "no", "no", None, "no"],
}
SAID = "© Ämter (dl-de/by-2-0)"


def layer_of(
    shapes: tuple[shapely.Geometry | None, ...] = SHAPES, crs: CRS = UTM, table: pa.Table | None = None
) -> Layer:
    table = pa.table(ROWS, schema=SCHEMA) if table is None else table
    layout = tuple(Column(name, "m²" if name == ODD else "", f"{name} title", name) for name in table.column_names)
    made = np.empty(len(shapes), dtype=object)
    made[:] = shapes
    drawn = Drawn(Shapes.from_shapely(made, crs))
    return Layer("town.trees", "Bäume", "Trees & more.", layout, lambda: table, drawn, ("own",), 0, "v1")


@pytest.fixture
def release(tmp_path: Path) -> Catalogue:
    """What a layer of one's own needs of a release."""
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    manifest = {"sources": [{"source_id": "own", "attribution": "© Ämter", "licence": "dl-de/by-2-0"}]}
    sources = {one["source_id"]: one for one in manifest["sources"]}
    made = SimpleNamespace(manifest=manifest, folder=folder)
    stand_in = SimpleNamespace(release=made, sources=sources, raster=lambda *_: None)
    return cast("Catalogue", stand_in)


def written(release: Catalogue, layer: Layer, folder: Path, wanted: Wanted) -> Path:
    path = folder / f"file.{wanted.file_format}"
    export.write(release, layer, path, wanted)
    assert not list(folder.glob(".making-*")), "nothing half stays behind"
    return path


def attributes(path: Path, kind: str) -> dict[str, list[Any]]:
    """Columns of a file, read without pandas, which has no whole number that may be missing."""
    if kind == "parquet":
        table = pq.read_table(path).drop_columns(["geometry_1", "bbox"])
    else:
        table = pyogrio.read_arrow(path, layer="town.trees", read_geometry=False)[1]
    return cast("dict[str, list[Any]]", table.sort_by("select").to_pydict())


def shapes_of(path: Path, kind: str) -> gpd.GeoDataFrame:
    frame = gpd.read_parquet(path) if kind == "parquet" else gpd.read_file(path, layer="town.trees")
    return frame.sort_values("select").reset_index(drop=True)


# --- what is in a file ---


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "parquet"])
def test_names_types_nulls_and_shapes_come_back(release: Catalogue, tmp_path: Path, kind: str) -> None:
    """Others read what was written: no NULL lost, no number become text, no row without a place gone."""
    path = written(release, layer_of(), tmp_path, Wanted(kind))
    found = attributes(path, kind)
    in_file = {} if kind == "parquet" else {"Flag": "Flag_1"}
    expected = {in_file.get(name, name): values for name, values in ROWS.items()}
    expected[ODD] = [0.1, None, None, -1e300, 5.0]
    if kind != "parquet":
        expected["list"] = ["[1,2]", None, "[]", "[3]", "[4]"]
    if kind == "fgb":  # it has no days; GDAL reads its times without their zone, UTC
        expected["at"] = [None if at is None else at.replace(tzinfo=None) for at in expected["at"]]
        days = found.pop("day"), expected.pop("day")
        assert [None if day is None else day.date() for day in days[0]] == days[1]
    assert found == expected
    frame = shapes_of(path, kind)
    assert frame.crs == UTM
    for got, put in zip(frame.geometry, SHAPES, strict=True):
        assert got is None if put is None else got.normalize().equals_exact(put.normalize(), 0)


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "geojson"])
def test_debians_gdal_counts_all_features(release: Catalogue, tmp_path: Path, kind: str) -> None:
    if shutil.which("ogrinfo") is None:
        pytest.skip("no ogrinfo")
    path = written(release, layer_of(), tmp_path, Wanted(kind))
    told = subprocess.run(["ogrinfo", "-so", "-al", str(path)], capture_output=True, text=True, check=True)
    assert "Feature Count: 5" in told.stdout
    assert f"{ODD}: Real" in told.stdout
    assert told.stderr == "", "a version that it does not know, or a broken table"


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "parquet", "geojson", "csv"])
@pytest.mark.parametrize(
    "shapes", [(), (None, None), (shapely.Point(1, 2, 3), shapely.Point(3, 4, 5))], ids=["0", "none", "z"]
)
def test_few_rows_no_places_and_heights(
    release: Catalogue, tmp_path: Path, kind: str, shapes: tuple[shapely.Geometry | None, ...]
) -> None:
    """No feature at all, none with a place, some with a height: each is a file that opens."""
    table = pa.table({"select": [f"n{i}" for i in range(len(shapes))]}, schema=pa.schema([("select", pa.string())]))
    path = written(release, layer_of(shapes, WGS84, table), tmp_path, Wanted(kind))
    if kind == "csv":
        assert len(pd.read_csv(path)) == len(shapes)
        return
    if kind == "geojson":
        found = [
            one["geometry"] and one["geometry"]["coordinates"] for one in json.loads(path.read_bytes())["features"]
        ]
        expected = [None if one is None else shapely.get_coordinates(one, include_z=True)[0].tolist() for one in shapes]
        assert found == expected
        return
    frame = gpd.read_parquet(path) if kind == "parquet" else gpd.read_file(path, layer="town.trees")
    frame = frame.sort_values("select")
    assert list(frame["select"]) == table["select"].to_pylist()
    if any(shapes):
        assert shapely.get_coordinates(frame.geometry, include_z=True)[0].tolist() == [1, 2, 3]


def test_heights_of_some_are_kept_or_refused(release: Catalogue, tmp_path: Path) -> None:
    """FlatGeobuf would drop them without a word, or give the others a height of 0."""
    layer = layer_of((shapely.Point(1, 2, 3), shapely.Point(3, 4)), WGS84, pa.table({"select": ["a", "b"]}))
    for kind in ("gpkg", "parquet"):
        frame = shapes_of(written(release, layer, tmp_path, Wanted(kind)), kind)
        assert [one.wkt for one in frame.geometry] == ["POINT Z (1 2 3)", "POINT (3 4)"]
    with pytest.raises(InputError, match="Take gpkg or parquet"):
        written(release, layer, tmp_path, Wanted("fgb"))
    path = written(release, layer, tmp_path, Wanted("fgb", np.array([0], np.int32)))
    assert shapes_of(path, "fgb").geometry[0].wkt == "POINT Z (1 2 3)"


def test_a_filter_keeps_order_ids_and_attributes(release: Catalogue, tmp_path: Path) -> None:
    """Features keep the ids of the service; where another order is wanted, they come in it."""
    layer = layer_of()
    for rows, fids in (([2, 4], [2, 4]), ([4, 2], [0, 1])):
        wanted = Wanted("gpkg", np.array(rows, np.int32), ("select", "flag"))
        path = written(release, layer, tmp_path, wanted)
        table = pyogrio.read_arrow(path, layer="town.trees", return_fids=True)[1]
        assert set(table.column_names) == {"fid", "flag", "select", "geom"}
        assert table["select"].to_pylist() == [ROWS["select"][i] for i in rows]
        assert table["fid"].to_pylist() == fids


def test_the_same_data_make_the_same_bytes(release: Catalogue, tmp_path: Path) -> None:
    """Several servers, or one that made the file anew, must not spoil a download that goes on."""
    for kind in ("gpkg", "fgb", "parquet", "geojson", "csv", "pmtiles"):
        first, second = (written(release, layer_of(), tmp_path, Wanted(kind)).read_bytes() for _ in range(2))
        assert first == second, kind


# --- GeoPackage ---


def test_a_geopackage_opens_styled_and_names_its_licence(release: Catalogue, tmp_path: Path) -> None:
    path = written(release, layer_of(), tmp_path, Wanted("gpkg", language="de"))
    with sqlite3.connect(path) as db:
        styles = db.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML, styleSLD "
            "FROM layer_styles ORDER BY styleName"
        ).fetchall()
        metadata = [row[0] for row in db.execute("SELECT metadata FROM gpkg_metadata")]
        contents = db.execute("SELECT identifier, description, data_type FROM gpkg_contents").fetchall()
        described = dict(db.execute("SELECT column_name, description FROM gpkg_data_columns"))
        kinds = db.execute("SELECT geometry_type_name FROM gpkg_geometry_columns").fetchall()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert [(name, column, default) for name, column, default, *_ in styles] == [
        ("town.trees", "geom", 1),
        ("town.trees", "geom", 0),
    ]
    for *_, qml, sld in styles:
        assert etree.fromstring(qml.encode()).find(".//renderer-v2") is not None
        assert str(etree.fromstring(sld.encode()).tag).endswith("StyledLayerDescriptor")
    assert len(metadata) == 2
    assert all(SAID in one for one in metadata)
    assert ("Bäume", "Trees & more.", "features") in contents
    assert described[ODD] == f"{ODD} title [m²] (published)"
    assert kinds == [("GEOMETRY",)]
    db.close()


def test_one_kind_of_geometry_is_said(release: Catalogue, tmp_path: Path) -> None:
    """QGIS offers polygons' symbols for what says that it is polygons; a single part beside several is wrapped."""
    table = pa.table({"select": ["a", "b"]})
    path = written(release, layer_of((SHAPES[2], SHAPES[4]), UTM, table), tmp_path, Wanted("gpkg"))
    assert pyogrio.read_info(path, layer="town.trees")["geometry_type"] == "MultiPolygon"
    assert [one.geom_type for one in gpd.read_file(path, layer="town.trees").geometry] == ["MultiPolygon"] * 2


# --- GeoParquet ---


def test_boxes_of_geoparquet_find_what_meets_a_box(release: Catalogue, tmp_path: Path) -> None:
    """A reader that skips by wrong boxes loses features."""
    rng = np.random.default_rng(7)
    points = tuple(shapely.Point(*xy).buffer(30) for xy in rng.uniform(0, 10_000, (300, 2)))
    layer = layer_of(points, UTM, pa.table({"select": [str(i) for i in range(300)]}))
    path = written(release, layer, tmp_path, Wanted("parquet"))
    found = gpd.read_parquet(path, bbox=(2000, 2000, 4000, 5000))
    expected = [str(i) for i, one in enumerate(points) if one.envelope.intersects(shapely.box(2000, 2000, 4000, 5000))]
    assert sorted(found["select"]) == sorted(expected)
    meta = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    assert meta["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert CRS.from_json_dict(meta["columns"]["geometry"]["crs"]) == UTM
    assert pq.read_metadata(path).metadata[b"licences"].decode() == SAID


def test_coordinates_in_files_are_east_first(release: Catalogue, tmp_path: Path) -> None:
    """Gauss-Krüger is defined north first; files are not, whatever the definition says."""
    crs = CRS.from_epsg(31466)
    assert crs.axis_info[0].direction == "north"
    x, y = Transformer.from_crs(UTM, crs, always_xy=True).transform(400_000, 5_700_000)
    table = pa.table({"select": ["a"]})
    for kind in ("gpkg", "fgb", "parquet", "geojson"):
        path = written(release, layer_of(SHAPES[:1], UTM, table), tmp_path, Wanted(kind, crs=crs))
        frame = shapes_of(path, kind)
        assert frame.crs.to_epsg() == 31466
        assert (frame.geometry[0].x, frame.geometry[0].y) == pytest.approx((x, y), abs=1e-3), kind


# --- text ---


def test_geojson_is_rfc_7946_unless_another_crs_is_wanted(release: Catalogue, tmp_path: Path) -> None:
    layer = layer_of()
    plain = json.loads(written(release, layer, tmp_path, Wanted("geojson")).read_bytes())
    assert "crs" not in plain
    assert plain["licences"] == SAID
    assert [one["id"] for one in plain["features"]] == [0, 1, 2, 3, 4]
    assert plain["features"][1]["geometry"] is None
    assert plain["features"][0]["properties"]["whole"] == 2**60 + 1
    lon, lat = plain["features"][0]["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx((7.56, 51.44), abs=0.01)
    metres = written(release, layer, tmp_path, Wanted("geojson", crs=UTM))
    assert json.loads(metres.read_bytes())["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::25832"
    assert gpd.read_file(metres).crs == UTM


def test_csv_tells_missing_from_empty_and_holds_no_formula(release: Catalogue, tmp_path: Path) -> None:
    path = written(release, layer_of(), tmp_path, Wanted("csv", wkt=True))
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf"), "Excel reads umlauts only after this mark"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(table.columns) == [*ROWS, "WKT"]
    assert list(table["text"]) == [ROWS["text"][0], "", "", "'=1+1", "日本 🌳"]
    lines = raw.decode("utf-8-sig").splitlines()
    assert ',"",' in lines[3], "an empty text is not a missing one"
    assert list(table["whole"]) == [str(2**60 + 1), "", "-1", "0", "5"]
    assert table["at"][0] == "2025-07-01T12:00:00.123Z"
    assert shapely.from_wkt(table["WKT"][0]).x == pytest.approx(7.56, abs=0.01)
    german = pd.read_csv(
        written(release, layer_of(), tmp_path, Wanted("csv", dialect="excel-de")),
        sep=";",
        decimal=",",
        dtype={"ags": str},
    )
    assert german[ODD].dropna().tolist() == [0.1, -1e300, 5.0]


@given(st.text(max_size=6))
def test_no_text_of_a_csv_is_a_formula_and_each_comes_back(text: str) -> None:
    """=cmd|… runs a program on the desk of whoever opens it; one ' taken off again gives what was there."""
    made = export_text.disarmed(pa.chunked_array([[text]]))[0].as_py()
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert re.sub(r"^'('*[=+\-@\t\r])", r"\1", made) == text


# --- tiles and rasters ---


def test_pmtiles_hold_the_tiles_of_the_service(catalogue: Catalogue, tmp_path: Path) -> None:
    """Read by the reference reader: each tile down to the last zoom, and none that the service has not."""
    layer = catalogue.layer("05913000.districts")
    path = written(catalogue, layer, tmp_path, Wanted("pmtiles", max_zoom=11))
    with path.open("rb") as file:
        reader: Any = Reader(MmapSource(file))  # type: ignore[no-untyped-call]
        header, metadata = reader.header(), reader.metadata()
        for z in range(12):
            x, y = mercantile(layer, z)
            for at in ((x, y), (max(x - 1, 0), y), (x, max(y - 1, 0))):
                content = reader.get(z, *at)
                expected = tiles.tile(layer, z, *at)
                assert (gzip.decompress(content) if content else b"") == expected
    assert header["clustered"]
    assert (header["min_zoom"], header["max_zoom"]) == (0, 11)
    west, south, _, north = layer.extent or (0, 0, 0, 0)
    assert header["min_lon_e7"] == pytest.approx(west * 1e7, abs=1)
    assert header["max_lat_e7"] == pytest.approx(north * 1e7, abs=1)
    assert south < header["center_lat_e7"] / 1e7 < north
    assert metadata["attribution"] == export.licences(catalogue, layer)
    assert metadata["vector_layers"][0]["fields"]["people"] == "Number"


@pytest.mark.parametrize(
    ("side_m", "zoom"),
    # at the equator a unit of zoom z is 9784 / 2^z metres: a fiftieth of a side, or less
    [(8.0, 16), (100.0, 13), (200.0, 12), (2000.0, 9), (1e6, 9)],
)
def test_pmtiles_end_where_outlines_get_no_better(side_m: float, zoom: int) -> None:
    """Down to the zoom of buildings, 53 municipalities took a minute and sixteen thousand tiles."""
    square = shapely.box(0, 0, side_m, side_m)
    assert export_pmtiles.needed(layer_of((square, None), MERCATOR, pa.table({"select": ["a", "b"]}))) == zoom


def mercantile(layer: Layer, z: int) -> tuple[int, int]:
    """Tile in the middle of a layer."""
    west, south, east, north = layer.extent or (0, 0, 0, 0)
    x = ((west + east) / 2 + 180) / 360 * 2**z
    y = (1 - np.arcsinh(np.tan(np.radians((south + north) / 2))) / np.pi) / 2 * 2**z
    return int(x), int(y)


def test_too_many_tiles_and_none_are_refused_with_the_reason(release: Catalogue, tmp_path: Path) -> None:
    far = layer_of((shapely.box(0, 0, 60, 60),), WGS84, pa.table({"select": ["a"]}))
    with pytest.raises(InputError, match=r"more than 100,000\. Ask for a smaller box, or a lower max_zoom"):
        written(release, far, tmp_path, Wanted("pmtiles", max_zoom=16))
    with pytest.raises(InputError, match="nothing to draw"):
        written(release, layer_of((None,), UTM, pa.table({"select": ["a"]})), tmp_path, Wanted("pmtiles"))
    assert not list(tmp_path.glob("*.pmtiles"))


def test_a_raster_of_a_filter_holds_what_the_filter_leaves(catalogue: Catalogue, tmp_path: Path) -> None:
    layer = catalogue.layer("05913000.cells")
    rows = np.flatnonzero(layer.column("people") > 100).astype(np.int32)
    path = written(catalogue, layer, tmp_path, Wanted("tif", rows, column="people"))
    with rasterio.open(path) as file:
        assert np.nansum(file.read(1)) == pytest.approx(layer.column("people")[rows].sum(), rel=1e-9)
        assert file.crs.to_epsg() == 3035


def test_options_of_another_format_are_refused_together(release: Catalogue, tmp_path: Path) -> None:
    """What would be passed over in silence would be taken for done."""
    wanted = Wanted("pmtiles", crs=UTM, column="whole", wkt=True)
    with pytest.raises(InputError) as caught:
        written(release, layer_of(), tmp_path, wanted)
    assert [one.where for one in caught.value.problems] == ["crs", "wkt, dialect", "column"]
    with pytest.raises(InputError, match="'shp' is not known"):
        written(release, layer_of(), tmp_path, Wanted("shp"))


# --- no room ---

FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
import test_downloads as t
from types import SimpleNamespace
folder = Path({folder!r})
(folder / "manifest.json").write_text("{{}}")
manifest = {{"sources": [{{"source_id": "own", "attribution": "a", "licence": "b"}}]}}
sources = {{one["source_id"]: one for one in manifest["sources"]}}
made = SimpleNamespace(manifest=manifest, folder=folder)
release = SimpleNamespace(release=made, sources=sources, raster=lambda *_: None)
n = 5_000
table = t.pa.table({{"select": [f"name {{i * 7919}}" for i in range(n)]}})
layer = t.layer_of(tuple(t.shapely.points(t.np.arange(n) % 997 + 4e5, t.np.arange(n) / 9 + 5.7e6)), t.UTM, table)
t.export.write(release, layer, folder / "compiled", t.Wanted("geojson"))
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
for kind in ("gpkg", "fgb", "parquet", "geojson", "csv"):
    store = t.Store(folder / "store", 10**9)
    make = lambda path: t.export.write(release, layer, path, t.Wanted(kind))
    try:
        store.get("key", kind, make)
    except OSError as error:
        print(kind, error.errno)
print([p.name for p in (folder / "store").iterdir() if not p.name.startswith(".lock")])
"""


def test_without_room_nothing_half_is_left_in_any_format(tmp_path: Path) -> None:
    """GDAL and SQLite say it in words of their own: a file that only looks whole would be sent for ever."""
    root = Path(__file__).resolve().parents[1]
    script = FULL_DISK.format(root=str(root), tests=str(root / "tests"), folder=str(tmp_path))
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    full = {
        "gpkg": errno.ENOSPC,
        "fgb": errno.ENOSPC,
        "parquet": errno.EFBIG,
        "geojson": errno.EFBIG,
        "csv": errno.EFBIG,
    }
    assert told.stdout.splitlines() == [*(f"{kind} {code}" for kind, code in full.items()), "[]"], told.stderr[-2000:]


# --- the store ---


def writing(content: bytes) -> Callable[[Path], None]:
    """Return what writes a file."""

    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


def test_the_longest_unused_file_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", 250)
    for name in ("a", "b"):
        store.get(name, "x", writing(b"." * 100))
    old = time.time() - 1000
    for path in store.folder.glob("?-*"):
        os.utime(path, (old + (path.name[0] == "a"), old))
    store.get("c", "x", writing(b"." * 100))
    assert store.find("b", "x") is None, "b was used before a"
    assert store.find("a", "x") is not None
    assert store.find("c", "x") is not None


def test_a_file_cut_short_on_the_disk_is_made_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "s", 10**6)
    first = store.get("a", "x", writing(b"whole"))
    first.path.write_bytes(b"who")
    again = store.get("a", "x", writing(b"whole"))
    assert again.path.read_bytes() == b"whole"
    assert again.digest == first.digest


def test_room_is_made_by_what_was_downloaded_before(tmp_path: Path) -> None:
    """A disk that our own files filled is no reason to refuse."""
    store = Store(tmp_path / "s", 10**6)
    kept = store.get("a", "x", writing(b"old"))
    os.utime(kept.path, (1, 1))

    def make(path: Path) -> None:
        if kept.path.exists():
            raise OSError(errno.ENOSPC, "full")
        path.write_bytes(b"new")

    assert store.get("b", "x", make).path.read_bytes() == b"new"


# --- over HTTP ---

URL = "/collections/05913000.cells/download"
FILTER = {"filter": "people > 100 AND data_grade = 'C'", "bbox": "7.3,51.45,7.5,51.55"}


@pytest.fixture
def fresh(client: TestClient) -> Iterator[TestClient]:
    """The service with nothing made yet."""
    app: Any = client.app
    folder = app.state.served.settings.home / "cache"
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(app.state, "downloads"):
        del app.state.downloads
    yield client
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(app.state, "downloads"):
        del app.state.downloads


@pytest.mark.parametrize("kind", ["gpkg", "fgb", "parquet", "geojson", "csv"])
def test_a_download_holds_what_items_match(fresh: TestClient, tmp_path: Path, kind: str) -> None:
    matched = fresh.get("/collections/05913000.cells/items", params=FILTER | {"limit": 1}).json()["numberMatched"]
    answer = fresh.get(URL, params=FILTER | {"f": kind, "properties": "unit_id,people", "sortby": "-people"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="05913000.cells.selection.{kind}"'
    assert answer.headers["content-type"] == export.FORMATS[kind]
    assert 'rel="license"' in answer.headers["link"]
    path = tmp_path / f"x.{kind}"
    path.write_bytes(answer.content)
    readers: dict[str, Any] = {"csv": pd.read_csv, "parquet": gpd.read_parquet}
    frame = readers.get(kind, lambda p: gpd.read_file(p, layer="05913000.cells"))(path)
    assert len(frame) == matched > 0
    assert {"unit_id", "people"} <= set(frame.columns)
    assert "dwellings" not in frame.columns
    people = list(frame["people"])
    if kind != "fgb":  # it is in the order of its index
        assert people == sorted(people, reverse=True)


def test_a_killed_download_goes_on_to_the_same_bytes(fresh: TestClient) -> None:
    whole = fresh.get(URL)
    tag = whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"
    head = fresh.head(URL)
    assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")
    got = b""
    while len(got) < len(whole.content):
        wanted = {"Range": f"bytes={len(got)}-{len(got) + 299_999}", "If-Range": tag}
        part = fresh.get(URL, headers=wanted)
        assert part.status_code == 206
        assert part.headers["content-range"].endswith(f"/{len(whole.content)}")
        got += part.content
    assert hashlib.sha256(got).digest() == hashlib.sha256(whole.content).digest()
    assert fresh.get(URL, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("headers", "status", "first"),
    [
        ({"Range": "bytes=0-3"}, 206, b"SQLi"),
        ({"Range": "bytes=-4"}, 206, None),
        ({"Range": "bytes=0-0,2-2"}, 200, b"SQLite"),
        ({"Range": "bytes=" + "0-," * 5000}, 200, b"SQLite"),
        ({"Range": "bytes=5-3"}, 200, b"SQLite"),
        ({"Range": "bytes=-"}, 200, b"SQLite"),
        ({"Range": "lines=1-2"}, 200, b"SQLite"),
        ({"Range": "bytes=0-3", "If-Range": '"another"'}, 200, b"SQLite"),
        ({"Range": "bytes=99999999999-"}, 416, None),
        ({"Range": "bytes=-0"}, 416, None),
        ({"Range": "bytes=" + "9" * 400 + "-"}, 200, b"SQLite"),
    ],
)
def test_range_games(client: TestClient, headers: dict[str, str], status: int, first: bytes | None) -> None:
    answer = client.get(URL, headers=headers)
    assert answer.status_code == status
    if first is not None:
        assert answer.content.startswith(first)
    if status == 206:
        assert len(answer.content) == 4
    if status == 416:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["content-range"].startswith("bytes */")


def test_many_who_ask_at_once_get_one_file_made_once(fresh: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    write = export.write

    def counted(*args: Any, **more: Any) -> None:
        made.append(threading.get_ident())
        time.sleep(0.3)
        write(*args, **more)

    monkeypatch.setattr(export, "write", counted)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: fresh.get(f"{URL}?f=csv").content, range(6)))
    assert len(made) == 1
    assert len(set(answers)) == 1


def test_who_waits_too_long_is_told_when_to_ask_again(fresh: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy gives up in silence; the file is made on, and is there the next time."""
    go = threading.Event()
    write = export.write

    def slow(*args: Any, **more: Any) -> None:
        assert go.wait(20)
        write(*args, **more)

    monkeypatch.setattr(export, "write", slow)
    monkeypatch.setattr(downloads, "PATIENCE_S", 0.05)
    answer = fresh.get(f"{URL}?f=parquet")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    go.set()
    monkeypatch.setattr(downloads, "PATIENCE_S", 20)
    assert fresh.get(f"{URL}?f=parquet").content[:4] == b"PAR1"


def test_a_full_disk_is_507_and_the_service_goes_on(fresh: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_more: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export, "write", full)
        answer = fresh.get(f"{URL}?f=fgb")
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert fresh.get(f"{URL}?f=fgb").status_code == 200


def test_what_is_wrong_is_said_before_anything_is_made(fresh: TestClient) -> None:
    for query, status, says in (
        ("f=shp", 400, "'gpkg'"),
        ("f=gpkg&filter=nonsense(1)", 400, "nonsense"),
        ("f=gpkg&peopel=3", 400, "peopel"),
        ("f=pmtiles&crs=EPSG:25832&wkt=true", 400, "leave it out"),
        ("f=gpkg&crs=EPSG:9999", 400, "is not served"),
    ):
        answer = fresh.get(f"{URL}?{query}")
        assert answer.status_code == status, (query, answer.text)
        assert says in answer.text
    assert fresh.get("/collections/05913000.districts/download?f=tif").status_code == 404


def test_a_collection_offers_the_files_that_can_be_made_of_it(catalogue: Catalogue) -> None:
    for name, lacks in (("05913000.cells", set()), ("05913000.districts", {"tif"})):
        found = downloads.links(catalogue.layer(name), "http://x/c")
        assert {one["href"].rpartition("=")[2] for one in found} == set(export.FORMATS) - lacks
        assert all(one["rel"] == "enclosure" for one in found)
