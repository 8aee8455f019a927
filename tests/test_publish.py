"""Layers of the user's own: what was in the file is what is served, and nothing half-made is ever seen."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
import time
import urllib.request
import warnings
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry.base import BaseGeometry
from typer.testing import CliRunner

from api.app import create_app
from api.cli import cli
from api.settings import Settings
from data.figures import Figures
from data.place import places
from geo.errors import InputError
from layers import published as module
from layers import published_curves, tiles
from layers.build import build
from layers.errors import ReleaseError, UnknownCollectionError
from layers.features import features
from layers.published import Entry, Published
from layers.published_checks import TILE_BYTES, lowest_zoom, problems_of_id
from layers.published_writing import Wanted, publish, unpublish
from layers.release import staging

run = CliRunner()
UTM = "EPSG:25832"


def write(path: Path, table: dict[str, Any], shapes: list[BaseGeometry | None], crs: str | None = UTM) -> Path:
    """Write a file by GDAL with the driver of its suffix."""
    drivers = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"}
    columns = {
        **table,
        "shape": pa.array([None if s is None else shapely.to_wkb(s, flavor="iso") for s in shapes], pa.binary()),
    }
    how = {"driver": drivers[path.suffix], "geometry_name": "shape", "geometry_type": "Unknown", "crs": crs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a file without a CRS is what some tests are about
        pyogrio.raw.write_arrow(pa.table(columns), path, **how)
    return path


def geojson(path: Path, rows: list[tuple[dict[str, Any], dict[str, Any] | None]]) -> Path:
    listed = [{"type": "Feature", "properties": row, "geometry": shape} for row, shape in rows]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": listed}), encoding="utf-8")
    return path


def served(entry: Entry) -> list[dict[str, Any]]:
    content = features(entry.layer, np.arange(len(entry.layer)))
    listed: list[dict[str, Any]] = json.loads(b"[%b]" % content)
    return listed


def point(x: float = 7.4, y: float = 51.5) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folder to publish in, without a release."""
    return tmp_path / "home"


# --- what is in the file is what is served ----------------------------------------------------------------------------


def test_a_worked_file(place: Path, tmp_path: Path) -> None:
    """Types, missing values, odd names, shapes of several kinds and none, each as it was written."""
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]] = [
        (
            {
                "Straße & 'Nr.\"": "Große Gasse",
                "a": 1,
                "A": 2,
                "bbox": 7,
                "big": 2**60,
                "yes": True,
                "none": None,
                "day": "2024-02-29",
                "at": "2024-01-02T03:04:05+02:00",
                "there": "2024-01-02T03:04:05",
                "time": "10:11:12",
                "list": [1, 2],
                "texts": ["ä", ""],
                "object": {"b": [1]},
                "share": 0.1,
            },
            point(),
        ),
        ({"a": None}, None),
        ({"a": 3}, {"type": "GeometryCollection", "geometries": [point(), point(7.5)]}),
        ({"a": 4}, {"type": "Polygon", "coordinates": []}),
        ({"a": 5}, {"type": "Point", "coordinates": [7.4, 51.5, 80.25]}),
    ]
    made = publish(place, geojson(tmp_path / "odd.geojson", rows), Wanted("odd", title="Odd"))
    found = served(made.entry)
    assert [one["id"] for one in found] == [0, 1, 2, 3, 4]
    first = found[0]["properties"]
    assert list(first) == list(rows[0][0]), "names are as they were, in order"
    expected = {**rows[0][0], "object": '{ "b": [ 1 ] }'}
    assert {name: first[name] for name in first if name != "object"} == {
        k: v for k, v in expected.items() if k != "object"
    }
    assert json.loads(first["object"]) == {"b": [1]}
    assert set(found[1]["properties"].values()) == {None}, "missing is never zero"
    assert found[0]["geometry"] == point()
    assert [one["geometry"] for one in found][1::2] == [None, None], "no shape, and an empty one"
    assert found[2]["geometry"]["coordinates"] == [[7.4, 51.5], [7.5, 51.5]]
    assert found[4]["geometry"]["coordinates"] == [7.4, 51.5, 80.25]
    assert [str(made.entry.layer.table.schema.field(n).type) for n in ("a", "big", "yes", "day", "share")] == [
        *("int32", "int64", "bool", "date32[day]", "double")
    ]
    assert {column.how for column in made.entry.layer.columns} == {"brought"}


COORDINATE = st.integers(-3_000, 3_000).map(lambda i: i / 4)
PAIRS = st.tuples(COORDINATE, COORDINATE)
SHAPES = st.one_of(
    st.none(),
    PAIRS.map(shapely.Point),
    st.lists(PAIRS, min_size=2, max_size=5, unique=True).map(shapely.LineString),
    PAIRS.map(lambda xy: shapely.box(*xy, xy[0] + 9, xy[1] + 5)),
    PAIRS.map(
        lambda xy: shapely.box(*xy, xy[0] + 9, xy[1] + 9) - shapely.box(xy[0] + 2, xy[1] + 2, xy[0] + 4, xy[1] + 3)
    ),
    st.lists(PAIRS, min_size=2, max_size=4, unique=True).map(shapely.MultiPoint),
    PAIRS.map(lambda xy: shapely.GeometryCollection([shapely.Point(xy), shapely.box(*xy, xy[0] + 3, xy[1] + 3)])),
)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
FIRST, LAST = dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)  # noqa: DTZ001 - their zone is added
ROW = st.fixed_dictionaries(
    {
        "number": st.none() | st.floats(-1e9, 1e9),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "small": st.none() | st.integers(-(2**15), 2**15 - 1),
        "Text ö": st.none() | TEXT,
        "flag": st.none() | st.booleans(),
        "day": st.none() | st.dates(dt.date(1800, 1, 1), dt.date(2200, 1, 1)),
        "at": st.none()
        | st.datetimes(FIRST, LAST).map(
            lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=dt.UTC)
        ),
        "bytes": st.none() | st.binary(max_size=5),
    }
)
TYPES = {
    "number": pa.float64(),
    "whole": pa.int64(),
    "small": pa.int16(),
    "Text ö": pa.string(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "at": pa.timestamp("ms", "UTC"),
    "bytes": pa.binary(),
}


@settings(max_examples=25, report_multiple_bugs=False)
@given(rows=st.lists(st.tuples(ROW, SHAPES), max_size=6))
def test_any_table_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Random tables and shapes, written by GDAL, published, and read from the collection, are equal."""
    folder = tmp_path_factory.mktemp("any")
    table = {name: pa.array([row[name] for row, _ in rows], kind) for name, kind in TYPES.items()}
    shapes = [shape for _, shape in rows]
    # the numbers are small, where nobody uses UTM
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("layers.published_checks.BEYOND", 1_000.0)
        layer = publish(folder / "home", write(folder / "any.gpkg", table, shapes), Wanted("any")).entry.layer
    for name, kind in TYPES.items():
        assert layer.table[name].to_pylist() == table[name].to_pylist(), name
        assert layer.table.schema.field(name).type == kind, name
    # what has one member is that member, and collections are flat: the same points in the same order of parts
    for mine, theirs in zip(layer.shapes.to_shapely(), shapes, strict=True):
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            assert shapely.equals(shapely.normalize(mine), shapely.normalize(theirs))
            assert mine.geom_type == theirs.geom_type
    shutil.rmtree(folder)


def test_gdal_and_python_agree_on_arcs(tmp_path: Path) -> None:
    """GDAL's own lines for the same arcs: lengths and areas of both differ by less than the arcs do from lines."""
    curves = {
        "CIRCULARSTRING(0 0,1 1,2 0)": np.pi,
        "CIRCULARSTRING(0 0,4 0,0 0)": 4 * np.pi,
        "CIRCULARSTRING(0 0,1 0,2 0)": 2.0,
        "CIRCULARSTRING(0 0,-1 1,0 2,1 1,0 0)": 2 * np.pi,
        "COMPOUNDCURVE((5 0,0 0),CIRCULARSTRING(0 0,1 1,2 0),(2 0,2 3))": 5 + np.pi + 3,
    }
    areas = {
        "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,0 0))": 4 * np.pi,
        "CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,0 0),(1 0,2 0,2 1,1 0))": 4 * np.pi - 0.5,
        "MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,0 0)),((9 9,10 9,10 10,9 9)))": 4 * np.pi + 0.5,
    }
    file = tmp_path / "c.csv"
    file.write_text("id,WKT\n" + "".join(f'{i},"{wkt}"\n' for i, wkt in enumerate([*curves, *areas])))
    _, _, gdal, _ = pyogrio.raw.read(file, columns=[])
    receipt = publish(tmp_path / "home", file, Wanted("curves", crs="EPSG:4326"))
    assert any("arcs" in note for note in receipt.notes), "what is not as in the file is said"
    found = receipt.entry.layer.shapes.to_shapely()
    measured = [*(shapely.length(found[: len(curves)])), *(shapely.area(found[len(curves) :]))]
    theirs = shapely.from_wkb(gdal)
    reference = [*(shapely.length(theirs[: len(curves)])), *(shapely.area(theirs[len(curves) :]))]
    assert measured == pytest.approx([*curves.values(), *areas.values()], rel=1e-3)
    assert measured == pytest.approx(reference, rel=1e-3)


@pytest.mark.parametrize(
    ("wkt", "expected"),
    [
        ("POLYHEDRALSURFACE Z(((0 0 1,1 0 1,1 1 1,0 0 1)))", "POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))"),
        ("TIN(((0 0,1 0,1 1,0 0)))", "POLYGON ((0 0, 1 0, 1 1, 0 0))"),
        ("TRIANGLE((0 0,1 0,1 1,0 0))", "POLYGON ((0 0, 1 0, 1 1, 0 0))"),
        ("POINT ZM(1 2 3 4)", "POINT Z (1 2 3)"),
        ("POINT M(1 2 3)", "POINT (1 2)"),
        ("POINT EMPTY", None),
        (
            "GEOMETRYCOLLECTION(POINT(1 1),CIRCULARSTRING(0 0,1 0,2 0))",
            "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 0, 2 0))",
        ),
        ("GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 1)))", "POINT (1 1)"),
    ],
)
def test_kinds_that_geos_does_not_know(tmp_path: Path, wkt: str, expected: str | None) -> None:
    file = tmp_path / "one.csv"
    file.write_text(f'id,WKT\n1,"{wkt}"\n')
    shape = publish(tmp_path / "home", file, Wanted("one", crs="EPSG:4326")).entry.layer.shapes.to_shapely()[0]
    assert (None if shape is None else shape.wkt) == expected


def test_broken_binary_is_refused_not_read_beyond_its_end() -> None:
    whole = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    for end in range(len(whole)):
        with pytest.raises(ValueError, match="breaks off"):
            published_curves.shape(whole[:end])


@pytest.mark.parametrize("how", ["zip", "parquet", "latin1"])
def test_other_ways_to_bring_a_file(place: Path, tmp_path: Path, how: str) -> None:
    """A zipped shapefile keeps its umlauts in either encoding; GeoParquet is read without GDAL, which lacks it here."""
    import geopandas as gpd

    frame = gpd.GeoDataFrame(
        {"name": ["Köln", "Ruß"]}, geometry=gpd.points_from_xy([356_000, 357_000], [5_645_000] * 2), crs=UTM
    )
    if how == "parquet":
        path = tmp_path / "k.parquet"
        frame.to_parquet(path)
    else:
        frame.to_file(tmp_path / "k.shp", encoding="ISO-8859-1" if how == "latin1" else "UTF-8")
        path = tmp_path / "k.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("k.[!z]*"):
                archive.write(part, part.name)
    layer = publish(place, path, Wanted("k")).entry.layer
    assert layer.table["name"].to_pylist() == ["Köln", "Ruß"]
    assert layer.crs.to_epsg() == 25832
    assert layer.shapes.coords.tolist() == [[356_000, 5_645_000], [357_000, 5_645_000]]


def test_decimals_stay_decimals(place: Path, tmp_path: Path) -> None:
    import geopandas as gpd
    import pyarrow.parquet as pq

    path = tmp_path / "d.parquet"
    gpd.GeoDataFrame({"i": [1]}, geometry=gpd.points_from_xy([7.4], [51.5]), crs=4326).to_parquet(path)
    table = pq.read_table(path)
    price = pa.array([None], pa.decimal128(12, 2)).fill_null(Decimal("10.10"))
    pq.write_table(table.append_column("price", price), path)
    entry = publish(place, path, Wanted("d")).entry
    assert str(entry.layer.table.schema.field("price").type) == "decimal128(12, 2)"
    assert entry.layer.column("price").tolist() == [10.1]


@pytest.mark.parametrize("kind", ["no rows", "no columns", "no shapes", "300 columns", "10,000 characters"])
def test_extremes(place: Path, tmp_path: Path, kind: str) -> None:
    names = {"no columns": [], "300 columns": [f"c{i}" for i in range(300)]}.get(kind, ["text"])
    value = "x" * 10_000 if kind == "10,000 characters" else "x"
    count = 0 if kind == "no rows" else 3
    shapes: list[BaseGeometry | None] = [None if kind == "no shapes" else shapely.Point(400_000, 5_700_000)] * count
    file = write(tmp_path / "e.gpkg", {name: pa.array([value] * count, pa.string()) for name in names}, shapes)
    entry = publish(place, file, Wanted("e")).entry
    assert [one["properties"] for one in served(entry)] == [dict.fromkeys(names, value)] * count
    assert (entry.layer.extent is None) == (kind in {"no rows", "no shapes"})
    content = tiles.tile(entry.layer, 0, 0, 0)
    found = mapbox_vector_tile.decode(content)["e"]["features"] if content else []
    assert len(found) == (0 if kind == "no shapes" else count)
    if kind == "10,000 characters":
        assert not found[0]["properties"], "a tile is no place for long texts"
    if kind == "300 columns":
        assert len(found[0]["properties"]) == 300
    # read again from the files, as the service does
    assert served(Published(place).entries()["e"]) == served(entry)


# --- what cannot be published -----------------------------------------------------------------------------------------


def refused(*arguments: Any, **more: Any) -> list[str]:
    with pytest.raises(InputError) as told:
        publish(*arguments, **more)
    return [str(problem) for problem in told.value.problems]


def test_all_problems_at_once_and_nothing_is_changed(place: Path, tmp_path: Path) -> None:
    """Id, names, dates and CRS are wrong in one file: one message for each."""
    table = {
        "day": pa.array([None, dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1)], pa.timestamp("ms")),  # noqa: DTZ001
        "x\x01y": pa.array([1, 2, 3]),
    }
    file = write(tmp_path / "w.gpkg", table, [shapely.Point(1, 1)] * 3, crs=None)
    problems = refused(place, file, Wanted("Not An Id"))
    for text in ("'Not An Id' is no id", "column 2 holds a character", "does not say its CRS"):
        assert any(text in problem for problem in problems), (text, problems)
    assert not place.exists()


def test_coordinates_that_lie_nowhere_are_named_by_their_rows(place: Path, tmp_path: Path) -> None:
    good, bad = shapely.Point(400_000, 5_700_000), shapely.LineString([(400_000, 5_700_000), (np.inf, 1)])
    file = write(tmp_path / "n.gpkg", {"i": pa.array([1, 2, 3])}, [good, bad, shapely.Point(np.nan, 1)])
    text = "\n".join(refused(place, file, Wanted("n")))
    assert "no finite numbers" in text
    assert "features 2, 3" in text


@pytest.mark.parametrize(
    ("xy", "crs"),
    [
        ((5_700_000, 400_000), UTM),  # y before x
        ((7.4, 51.5), UTM),  # degrees taken for metres
        ((400_000, 5_700_000), "EPSG:4326"),  # metres taken for degrees
        ((190.0, 10.0), "EPSG:4326"),
    ],
)
def test_a_wrong_crs_is_seen(place: Path, tmp_path: Path, xy: tuple[float, float], crs: str) -> None:
    right = (400_000, 5_700_000) if crs == UTM else (7.4, 51.5)
    file = write(tmp_path / "w.gpkg", {"i": pa.array([1, 2])}, [shapely.Point(right), shapely.Point(xy)], crs)
    (problem,) = refused(place, file, Wanted("w"))
    assert "feature 2" in problem
    assert "is not used" in problem


def test_a_crs_is_never_guessed(place: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "c.gpkg", {"i": pa.array([1])}, [shapely.Point(400_000, 5_700_000)], crs=None)
    assert "does not say its CRS" in refused(place, file, Wanted("c"))[0]
    assert "'EPSG:1' is not a known CRS" in refused(place, file, Wanted("c", crs="EPSG:1"))[0]
    assert publish(place, file, Wanted("c", crs=UTM)).entry.layer.crs == CRS.from_epsg(25832)
    other = write(tmp_path / "o.gpkg", {"i": pa.array([1])}, [shapely.Point(7.4, 51.5)], "EPSG:4326")
    assert "not in ETRS89 / UTM zone 32N as stated" in refused(place, other, Wanted("o", crs=UTM))[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is no id"),
        ("../up", "is no id"),
        ("Ä", "is no id"),
        (".hidden", "is no id"),
        ("a" * 81, "is no id"),
        ("tiles", "a word of the service"),
        ("05913000.trees", "begins like the layers of a place"),
        ("aachen.stock", "begins like the layers of a place"),
        ("trees.x.climate_plan", "ends like a scenario"),
    ],
)
def test_ids_that_would_hide_or_escape(name: str, why: str) -> None:
    (problem,) = problems_of_id(name, places={"aachen"})
    assert why in problem.what


def test_ids_that_are_fine() -> None:
    assert [problems_of_id(name) for name in ("trees", "a", "0-b_c.d", "a" * 80, "stock.2024")] == [[]] * 5


def test_what_is_no_vector_file(place: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.gpkg"
    text.write_text("no map")
    assert "cannot be read" in refused(place, text, Wanted("a"))[0]
    assert "is not a local file" in refused(place, tmp_path / "none.shp", Wanted("a"))[0]
    file = write(tmp_path / "b.gpkg", {"i": pa.array([1])}, [shapely.Point(7, 51)], "EPSG:4326")
    assert "has no layer 'c'" in refused(place, file, Wanted("a", layer="c"))[0]
    data = tmp_path / "c.geojson"
    data.write_bytes(geojson(tmp_path / "d.geojson", [({"t": "x"}, point())]).read_bytes()[:-9])
    assert refused(place, data, Wanted("a"))
    assert not Published(place).entries()


def test_a_ring_that_does_not_close_is_named_by_its_row(place: Path, tmp_path: Path) -> None:
    ring = {"type": "LineString", "coordinates": [[7.4, 51.5]]}
    file = geojson(tmp_path / "r.geojson", [({"i": 1}, point()), ({"i": 2}, ring)])
    (problem,) = refused(place, file, Wanted("r"))
    assert "feature 2" in problem
    assert "cannot be read" in problem


# --- whole or not at all ----------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return geojson(tmp_path / "t.geojson", [({"v": 1}, point()), ({"v": 2}, point(7.5))])


def state(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file() and p.name[0] != "."}


@pytest.mark.parametrize("step", ["Texts.save", "load", "lowest_zoom", "os.replace", "_stamp"])
def test_a_crash_in_the_middle_leaves_what_was_there(place: Path, file: Path, step: str, tmp_path: Path) -> None:
    """A crash at any step leaves the old layer whole; the next command removes what is left over."""
    old = publish(place, file, Wanted("t", title="Old")).entry
    before = state(place)
    other = geojson(tmp_path / "other.geojson", [({"v": 9}, point())])

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"layers.published_writing.{step}", crash)
        with pytest.raises(KeyboardInterrupt):
            publish(place, other, Wanted("t", title="New"))
    found = Published(place).entries()["t"]
    if step == "_stamp":  # the new one was in place already
        assert found.layer.title == "New"
    else:
        assert found.layer.title == "Old"
        assert state(place) == before
        assert served(found) == served(old)
    assert not list((place / "published").glob(".making-*"))


def test_leftovers_of_a_killed_process_are_removed(place: Path, file: Path) -> None:
    publish(place, file, Wanted("t"))
    folder = place / "published"
    for left in (folder / ".making-x" / "columns-1", folder / "t" / "columns-dead", folder / "gone" / "columns-2"):
        left.mkdir(parents=True)
        (left / "table.arrow").write_bytes(b"half")
    assert list(Published(place).entries()) == ["t"], "what is half-made is not served"
    publish(place, file, Wanted("u"))
    assert sorted(p.name for p in folder.glob("*") if p.is_dir()) == ["t", "u"]
    assert len(list((folder / "t").iterdir())) == 2


def test_a_full_disk_is_told(place: Path, file: Path) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("layers.published_writing.Texts.save", full)
        with pytest.raises(ReleaseError, match="No space left on device"):
            publish(place, file, Wanted("t"))
    assert state(place) == {}


def test_who_holds_a_replaced_layer_reads_on(place: Path, file: Path, tmp_path: Path) -> None:
    """A request that began with the old layer ends with it, though its files have no names any more."""
    publish(place, file, Wanted("t"))
    published = Published(place)
    old = published.entries()["t"]
    publish(place, geojson(tmp_path / "n.geojson", [({"v": 9}, point())]), Wanted("t"))
    assert [one["properties"]["v"] for one in served(old)] == [1, 2]
    assert old.layer.table["v"].to_pylist() == [1, 2]
    new = published.entries()["t"]
    assert [one["properties"]["v"] for one in served(new)] == [9]
    assert new.layer.version != old.layer.version
    unpublish(place, "t")
    assert [one["properties"]["v"] for one in served(new)] == [9]
    assert published.entries() == {}
    with pytest.raises(UnknownCollectionError):
        unpublish(place, "t")


def test_an_unchanged_layer_is_not_read_again(place: Path, file: Path) -> None:
    """What was computed of a layer is kept when another one is published."""
    publish(place, file, Wanted("t"))
    published = Published(place)
    first = published.entries()["t"].layer
    publish(place, file, Wanted("u"))
    assert list(published.entries()) == ["t", "u"]
    assert published.entries()["t"].layer is first


def test_a_damaged_layer_is_not_served_but_told(place: Path, file: Path) -> None:
    publish(place, file, Wanted("t"))
    publish(place, file, Wanted("u"))
    table = next((place / "published" / "t").glob("*/table.arrow"))
    table.write_bytes(table.read_bytes()[:-1])
    published = Published(place)
    assert list(published.entries()) == ["u"]
    assert published.damaged == ("t",)
    shown = run.invoke(cli, ["published", "--home", str(place), "--json"])
    assert shown.exit_code == 1
    assert json.loads(shown.output)["damaged"] == ["t"]
    assert run.invoke(cli, ["unpublish", "t", "--home", str(place)]).exit_code == 0
    assert list(Published(place).entries()) == ["u"]


def test_a_flipped_bit_is_found_by_hash_and_told(place: Path, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A figure or a corner that changed on the disk would be served as if the user had brought it."""
    publish(place, file, Wanted("t"))
    publish(place, file, Wanted("u"))
    hurt = next((place / "published" / "t").glob("*/table.arrow"))
    content = bytearray(hurt.read_bytes())
    content[len(content) // 2] ^= 1
    hurt.write_bytes(content)
    published = Published(place)
    before = published.stamp()
    published.check()
    assert list(published.entries()) == ["u"]
    assert published.damaged == ("t",)
    assert published.stamp() != before, "what was cached of it would be served on"
    assert "layer t is not what was published" in caplog.text
    shown = run.invoke(cli, ["published", "--home", str(place), "--json"])
    assert (shown.exit_code, json.loads(shown.output)["damaged"]) == (1, ["t"])
    publish(place, file, Wanted("t"))
    published.check()
    assert list(published.entries()) == ["t", "u"]


@pytest.mark.parametrize("how", ["replace", "remove"])
def test_a_layer_that_changes_while_it_is_checked_is_not_called_damaged(
    place: Path, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    publish(place, file, Wanted("t"))
    published = Published(place)
    published.entries()
    is_as_written = module._is_as_written

    def changed(folder: Path, document: dict[str, Any]) -> bool:
        if how == "replace":
            publish(place, file, Wanted("t"))
        else:
            unpublish(place, "t")
        found = is_as_written(folder, document)
        assert not found, "its files are gone"
        return found

    monkeypatch.setattr(module, "_is_as_written", changed)
    published.check()
    assert list(published.entries()) == (["t"] if how == "replace" else [])
    assert not published.damaged
    assert not caplog.text


# --- in the service ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def city(figures: Figures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release of a small town, to publish beside."""
    folder = tmp_path_factory.mktemp("city")
    build(folder, [places(figures)["05954004"]], figures)
    return folder


def test_a_service_shows_it_at_once_to_whom_it_is_for(city: Path, file: Path) -> None:
    """Published, replaced, hidden from the public and removed without a restart; licence and source are told."""
    told = Settings(home=city, planner_tokens=["a-long-token-of-a-planner-0123456789"])
    planner = {"Authorization": "Bearer a-long-token-of-a-planner-0123456789"}
    with TestClient(create_app(told), base_url="http://127.0.0.1:8000") as client:
        etag = client.get("/collections").headers["etag"]
        assert client.get("/collections/trees").status_code == 404
        publish(city, file, Wanted("trees", title="Trees", licence="cc-by-4.0", attribution="City of X"))
        assert client.get("/collections", headers={"If-None-Match": etag}).status_code == 200, "no stale list"
        body = client.get("/collections/trees").json()
        assert body["attribution"] == "City of X"
        assert body["sources"][0]["licence"] == "cc-by-4.0"
        page = client.get("/collections/trees/items")
        assert [one["properties"]["v"] for one in page.json()["features"]] == [1, 2]
        publish(city, file, Wanted("trees", title="Trees", is_private=True))
        hidden = client.get("/collections/trees/items", headers={"If-None-Match": page.headers["etag"]})
        assert hidden.status_code in {401, 403, 404}
        assert "trees" not in [one["id"] for one in client.get("/collections").json()["collections"]]
        assert client.get("/collections/trees/tiles/WebMercatorQuad/0/0/0").status_code in {401, 403, 404}
        assert "published:trees" not in client.get("/sources").text
        assert client.get("/collections/trees/items", headers=planner).json()["numberMatched"] == 2
        unpublish(city, "trees")
        assert client.get("/collections/trees", headers=planner).status_code == 404


def test_a_new_release_brings_no_damaged_layer_back(tmp_path: Path, file: Path) -> None:
    """Its catalogue opens all layers anew, and sizes alone would let a changed one through."""

    def release(text: str) -> None:
        empty = {"inputs": {"n": text}, "method_version": "test", "places": {}, "sources": [], "measures": []}
        with staging(tmp_path, empty) as path:
            path("none", "file").write_text(text, encoding="utf-8")

    release("one")
    publish(tmp_path, file, Wanted("t"))
    publish(tmp_path, file, Wanted("u"))
    with TestClient(create_app(Settings(home=tmp_path)), base_url="http://127.0.0.1:8000") as client:
        first = client.get("/readyz").json()["release"]
        hurt = next((tmp_path / "published" / "t").glob("*/table.arrow"))
        content = bytearray(hurt.read_bytes())
        content[len(content) // 2] ^= 1
        hurt.write_bytes(content)
        release("two")
        for _ in range(100):
            client.get("/collections")
            if client.get("/readyz").json()["release"] != first:
                break
            time.sleep(0.1)
        assert client.get("/readyz").json()["release"] != first
        assert [one["id"] for one in client.get("/collections").json()["collections"]] == ["u"]


def test_attributes_named_like_parameters_stay_reachable_in_quotes(city: Path, tmp_path: Path) -> None:
    names = ["bbox", "limit", "f", "crs", "filter", "datetime", "sortby", "ü ß'\"", "A", "a"]
    rows = [(dict.fromkeys(names, 1), point()), (dict.fromkeys(names, 2), None)]
    publish(city, geojson(tmp_path / "p.geojson", [*rows, ({}, None)]), Wanted("p"))
    with TestClient(create_app(Settings(home=city)), base_url="http://127.0.0.1:8000") as client:
        for name in names:
            quoted = name.replace('"', '""')
            found = client.get("/collections/p/items", params={"filter": f'"{quoted}" = 2'}).json()
            assert [one["id"] for one in found["features"]] == [1], name
    unpublish(city, "p")


def test_numbers_of_cells_are_not_mistaken_for_their_neighbours(city: Path, tmp_path: Path) -> None:
    """H3 and S2 number cells beyond 2^53, where a double holds every second number: each stays itself everywhere."""
    cells = [2**53, 2**53 + 1, 2**63 - 1, -(2**53) - 1]
    some = [None, *cells[1:]]
    table = {"cell": pa.array(cells), "some": pa.array(some), "low": pa.array([-32768, 0, 1, 2], pa.int16())}
    file = write(tmp_path / "c.gpkg", table, [shapely.Point(400_000 + i, 5_700_000) for i in range(4)])
    layer = publish(city, file, Wanted("c")).entry.layer
    asked: dict[str, list[int]] = {
        f"cell = {2**53 + 1}": [1],
        f"cell <> {2**53 + 1}": [0, 2, 3],
        f"cell > {2**53}": [1, 2],
        f"cell < {2**63 - 1}": [0, 1, 3],
        f"cell IN ({2**53}, {-(2**53) - 1})": [0, 3],
        f"cell BETWEEN {2**53 + 1} AND {2**53 + 2}": [1],
        f"some = {2**53 + 1}": [1],
        f"some <> {2**53}": [1, 2, 3],
        f"NOT some > {2**53}": [3],
        f"some IN ({2**53}, {-(2**53) - 1}, 7)": [3],
        f"some NOT IN ({2**53}, {-(2**53) - 1})": [1, 2],
        "some IS NULL": [0],
        "some = cell": [1, 2, 3],
        "abs(low) = 32768": [0],
        "low < 70000 AND low > -99999": [0, 1, 2, 3],
        "low < 0.5": [0, 1],
    }
    with TestClient(create_app(Settings(home=city)), base_url="http://127.0.0.1:8000") as client:
        for text, expected in asked.items():
            found = client.get("/collections/c/items", params={"filter": text}).json()
            assert [one["id"] for one in found["features"]] == expected, text
        found = client.get("/collections/c/items", params={"cell": str(2**53 + 1)}).json()
        assert [one["properties"]["cell"] for one in found["features"]] == [2**53 + 1]
        ordered = client.get("/collections/c/items", params={"sortby": "-cell"}).json()
        assert [one["properties"]["cell"] for one in ordered["features"]] == [2**63 - 1, 2**53 + 1, 2**53, -(2**53) - 1]
        for what in ("schema", "queryables"):
            types = client.get(f"/collections/c/{what}").json()["properties"]
            assert (types["cell"]["type"], types["low"]["type"]) == ("integer", "integer")
    x, y = (layer.drawn.world[0] >> np.uint32(16)).tolist()
    drawn = mapbox_vector_tile.decode(tiles.tile(layer, 16, x, y))["c"]["features"]
    assert {one["id"]: one["properties"] for one in drawn} == {
        i: {"cell": cell, "low": low} | ({"some": cell} if i else {})
        for i, (cell, low) in enumerate(zip(cells, [-32768, 0, 1, 2], strict=True))
    }
    unpublish(city, "c")


def test_gdal_reads_back_what_was_published(
    city: Path, tmp_path: Path, serving: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """GDAL finds the layer with the count, the types and the values of the file."""
    rows = [({"n": i, "x": i / 4, "t": f"Nr. {i} ä", "b": i % 2 == 0}, point(7 + i / 100)) for i in range(25)]
    file = geojson(tmp_path / "g.geojson", [*rows, ({"n": None, "x": None, "t": None, "b": None}, None)])
    with serving(city) as address:
        assert run.invoke(cli, ["publish", str(file), "--id", "g", "--home", str(city)]).exit_code == 0
        meta, _, shapes, values = pyogrio.raw.read(f"OAPIF:{address}/collections/g", layer="g")
        failed: list[Exception] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    with urllib.request.urlopen(f"{address}/collections/g/items?limit=5", timeout=20) as answer:
                        assert len(json.loads(answer.read())["features"]) == 5
                except Exception as error:  # noqa: BLE001 - whatever it is, a request was dropped
                    failed.append(error)

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for one in asking:
            one.start()
        for i in range(4):
            publish(city, file, Wanted("g", title=f"No. {i}"))
        stop.set()
        for one in asking:
            one.join()
    assert not failed, "a replaced layer drops no request"
    read = dict(zip(meta["fields"], values, strict=True))
    assert len(shapes) == 26
    assert read["n"][:25].tolist() == list(range(25))
    assert read["x"][:25].tolist() == [i / 4 for i in range(25)]
    assert read["t"].tolist() == [f"Nr. {i} ä" for i in range(25)] + [None]
    known = shapely.from_wkb(shapes)
    assert shapely.get_x(known[:25]).tolist() == pytest.approx([7 + i / 100 for i in range(25)])
    assert known[25] is None


def test_tiles_hold_every_feature_and_stay_small(place: Path, tmp_path: Path) -> None:
    """The lowest zoom is the first whose tiles are small enough; there, the tiles hold each feature."""
    rng = np.random.default_rng(5)
    xy = rng.uniform([400_000, 5_700_000], [402_000, 5_702_000], (12_000, 2))
    table = {"i": pa.array(range(len(xy))), "text": pa.array([f"a text of its own, {i}" for i in range(len(xy))])}
    file = write(tmp_path / "m.gpkg", table, [shapely.Point(*one) for one in xy.tolist()])
    layer = publish(place, file, Wanted("m")).entry.layer
    z = layer.min_zoom
    assert z == lowest_zoom(replace(layer, min_zoom=0)) > 0
    found: list[int] = []
    sizes = []
    at = layer.drawn.world >> np.uint32(32 - z)
    for x, y in np.unique(at, axis=0).tolist():
        content = tiles.tile(layer, z, x, y)
        sizes.append(len(content))
        found += [one["id"] for one in mapbox_vector_tile.decode(content)["m"]["features"]]
    assert set(found) == set(range(12_000))
    assert max(sizes) <= TILE_BYTES
    whole = tiles.tile(replace(layer, min_zoom=0), 0, 0, 0)
    assert len(whole) > TILE_BYTES, "at zoom 0, one tile would hold them all"


# --- the command line -------------------------------------------------------------------------------------------------


def test_commands(place: Path, file: Path, tmp_path: Path) -> None:
    asked = ["publish", str(file), "--id", "t", "--home", str(place)]
    shown = run.invoke(cli, asked, env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "Published t: 2 features, 1 columns, for everybody" in shown.output
    assert "no licence is stated" in shown.output
    again = json.loads(run.invoke(cli, [*asked, "--private", "--json"]).stdout)
    assert again["replaced"]
    assert again["private"]
    listed = json.loads(run.invoke(cli, ["published", "--home", str(place), "--json"]).stdout)
    assert [(one["id"], one["features"], one["crs"]) for one in listed["layers"]] == [("t", 2, "EPSG:4326")]
    wrong = run.invoke(cli, ["publish", str(tmp_path / "none.gpkg"), "--id", "T", "--home", str(place)])
    assert wrong.exit_code == 2
    assert "2 problems; nothing was changed." in wrong.output
    assert run.invoke(cli, ["unpublish", "x", "--home", str(place)]).exit_code == 2
    assert run.invoke(cli, ["unpublish", "t", "--home", str(place)]).exit_code == 0
    assert state(place) == {}


def test_the_publisher_is_warned_of_homes_and_persons(place: Path, tmp_path: Path) -> None:
    homes: list[BaseGeometry | None] = [
        shapely.box(400_000 + i * 20, 5_700_000, 400_010 + i * 20, 5_700_010) for i in range(30)
    ]
    file = write(tmp_path / "h.gpkg", {"Hausnummer": pa.array(range(30)), "v": pa.array(range(30))}, homes)
    found = publish(place, file, Wanted("h")).warnings
    assert any("Hausnummer" in text and " v" not in text for text in found)
    assert any("30 small areas" in text for text in found)
    assert not publish(place, file, Wanted("h", is_private=True)).warnings, "planners may see them"
