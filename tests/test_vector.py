"""Vector files: what is in comes out, what is damaged or leads elsewhere is refused, all problems at once."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from data.vector import layers, read
from geo.errors import CRSMismatchError, InputError

UTM = "EPSG:25832"
FORMATS = ("gpkg", "shp", "geojson", "fgb", "gml", "parquet")


def frame(n: int = 3, crs: str | None = UTM) -> gpd.GeoDataFrame:
    x = 390000 + 10 * np.arange(n)
    return gpd.GeoDataFrame(
        {"nummer": [f"b{i:02d}" for i in range(n)], "funktion": ["31001_1010", "Straße"] * (n // 2) + ["x"] * (n % 2)},
        geometry=shapely.box(x, np.full(n, 5.7e6), x + 8, np.full(n, 5.7e6 + 9)),
        crs=crs,
    )


def written(path: Path, table: gpd.GeoDataFrame | None = None) -> Path:
    table = frame() if table is None else table
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_file(path)
    return path


def zipped(path: Path, *files: Path, folder: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, folder + file.name)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_features(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"f.{suffix}")
    columns, values = {"building_id": "nummer", "use": "funktion"}, {"use": {"31001_1010": "residential"}}
    found = read(path, columns=columns, values=values)
    found = found.sort_values("building_id", ignore_index=True)  # FlatGeobuf is written in the order of its index
    assert found["building_id"].tolist() == ["b00", "b01", "b02"]
    assert found["use"].tolist() == ["residential", "Straße", "x"]
    assert shapely.equals_exact(shapely.normalize(found.geometry), shapely.normalize(frame().geometry), 1e-3).all()
    assert found.crs.to_epsg() == 25832


def test_shapefile_inside_a_folder_of_an_archive(tmp_path: Path) -> None:
    written(tmp_path / "VG250_GEM.shp")
    path = zipped(tmp_path / "a.zip", *tmp_path.glob("VG250_GEM.*"), folder="vg250/utm32/")
    assert [one.name for one in layers(path)] == ["VG250_GEM"]
    assert len(read(path)) == 3


@pytest.mark.parametrize("suffix", ["kml", "gpx", "geojsonl", "sqlite"])
def test_rarer_formats_are_read_too(tmp_path: Path, suffix: str) -> None:
    points = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapely.points([7.4, 7.5], [51.4, 51.5]), crs=4326)
    drivers = {"kml": "KML", "gpx": "GPX", "geojsonl": "GeoJSONSeq", "sqlite": "SQLite"}
    points.to_file(tmp_path / f"f.{suffix}", driver=drivers[suffix])
    layer = "waypoints" if suffix == "gpx" else None
    found = read(tmp_path / f"f.{suffix}", layer=layer)
    assert [one.x for one in found.geometry] == pytest.approx([7.4, 7.5])


def test_columns_that_are_not_mapped_stay_and_taken_names_give_way(tmp_path: Path) -> None:
    table = frame().assign(use=["a", "b", "c"])
    found = read(written(tmp_path / "f.gpkg", table), columns={"use": "funktion", "again": "funktion"})
    assert list(found.columns) == ["use", "again", "nummer", "geometry"]
    assert found["use"].tolist() == found["again"].tolist() == ["31001_1010", "Straße", "x"]


def test_values_match_numbers_as_text_and_keep_missing_ones(tmp_path: Path) -> None:
    """A missing neighbour makes a whole column of codes floating point; 1010 must still match."""
    path = written(tmp_path / "f.gpkg", frame().assign(code=[1010, None, 2000]))
    found = read(path, values={"code": {"1010": "residential"}})
    assert found["code"][0] == "residential"
    assert np.isnan(found["code"][1])
    assert found["code"][2] == 2000


def test_dates_missing_cells_and_mixed_geometry_are_kept(tmp_path: Path) -> None:
    mixed = [shapely.Point(1, 2), None, shapely.box(0, 0, 1, 1)]
    when = [datetime(2020, 5, 1, 12, tzinfo=UTC), None, datetime(2021, 1, 1, tzinfo=UTC)]
    table = gpd.GeoDataFrame({"name": ["Ä", None, "𝛑"], "when": when}, geometry=mixed, crs=UTM)
    found = read(written(tmp_path / "f.gpkg", table))
    assert found["name"].isna().tolist() == [False, True, False]
    assert found["name"][2] == "𝛑"
    assert found["when"][0] == when[0]
    assert found.geometry.isna().tolist() == [False, True, False]
    assert found.geom_type[0] == "Point"
    assert found.geom_type[2] == "Polygon"


def test_missing_columns_are_named_all_at_once_with_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "f.gpkg")
    with pytest.raises(InputError) as caught:
        read(path, columns={"use": "Funktion", "storeys": "geschosse"}, values={"roof": {"1": "flat"}})
    assert [problem.what for problem in caught.value.problems] == [
        "has no column 'Funktion'",
        "has no column 'geschosse'",
        "has no column 'roof'",
    ]
    assert "Did you mean funktion? There are: nummer, funktion." in str(caught.value)


def test_layers_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    path = tmp_path / "f.gpkg"
    frame().to_file(path, layer="buildings")
    frame(2).to_file(path, layer="blocks")
    with pytest.raises(InputError, match="holds 2 layers: buildings, blocks"):
        read(path)
    assert len(read(path, layer="blocks")) == 2
    with pytest.raises(InputError, match=r"no layer 'bulding'.*Did you mean buildings"):
        read(path, layer="bulding")


def test_a_crs_is_never_guessed(tmp_path: Path) -> None:
    bare = written(tmp_path / "bare.shp")
    bare.with_suffix(".prj").unlink()
    with pytest.raises(CRSMismatchError, match="does not say its CRS"):
        read(bare)
    assert read(bare, crs="EPSG:25833").crs.to_epsg() == 25833
    with pytest.raises(CRSMismatchError, match="'UTM 32' is not a known CRS"):
        read(bare, crs="UTM 32")
    full = written(tmp_path / "full.shp")
    assert read(full, crs=UTM).crs.to_epsg() == 25832
    with pytest.raises(CRSMismatchError, match=r"is in ETRS89 / UTM zone 32N, not in ETRS89 / UTM zone 33N"):
        read(full, crs="EPSG:25833")


def test_a_prj_in_the_words_of_esri_is_the_same_system(tmp_path: Path) -> None:
    path = written(tmp_path / "f.shp")
    path.with_suffix(".prj").write_text(
        'PROJCS["ETRS_1989_UTM_Zone_32N",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",SPHEROID["GRS_1980",6378137.0,'
        '298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
        'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",9.0],'
        'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
    )
    assert len(read(path, crs=UTM)) == 3


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_file_that_breaks_off_is_refused_never_read_in_part(tmp_path: Path, suffix: str, share: float) -> None:
    """GDAL reads half a shapefile as features without outline and half a GML as none, without a word."""
    path = written(tmp_path / f"f.{suffix}", frame(3000))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"breaks off|cannot be read"):
        read(path)


def test_a_shapefile_without_its_other_files_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "f.shp")
    path.with_suffix(".shx").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        read(path)


def test_descriptions_beside_the_data_are_no_layers(tmp_path: Path) -> None:
    meta, table = tmp_path / "metadata.json", tmp_path / "codes.csv"
    meta.write_text('{"licence": "CC0"}')
    table.write_text("a;b\n1;2\n")
    assert len(read(zipped(tmp_path / "a.zip", meta, table, written(tmp_path / "f.gpkg")))) == 3
    with pytest.raises(InputError, match="cannot be read"):
        read(zipped(tmp_path / "b.zip", meta))


def test_a_shapefile_that_breaks_off_inside_an_archive(tmp_path: Path) -> None:
    path = written(tmp_path / "f.shp", frame(100))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="breaks off"):
        read(zipped(tmp_path / "a.zip", *tmp_path.glob("f.*")))


@pytest.mark.parametrize(
    "name",
    [
        "/vsicurl/http://127.0.0.1:9/x.gpkg",
        "PG:host=127.0.0.1",
        "http://127.0.0.1:9/x.geojson",
        "/vsizip//etc/x.zip/a.shp",
        "CSV:/etc/passwd",
        "none.gpkg",
        "a\0b",
    ],
)
def test_only_local_files_are_opened(name: str) -> None:
    with pytest.raises(InputError, match="is not a local file"):
        read(Path(name))


@pytest.mark.parametrize(
    "content",
    [
        '<OGRVRTDataSource><OGRVRTLayer name="f"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>',
        "<!-- gml --> <ogrVRTDataSource>{secret}</ogrVRTDataSource>",
        "<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
        '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {secret}"}}',
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_lead_elsewhere_are_refused(tmp_path: Path, content: str, *, packed: bool) -> None:
    secret = written(tmp_path / "f.gpkg")
    path = tmp_path / "harmless.gml"
    path.write_text(content.format(secret=secret))
    if packed:
        path = zipped(tmp_path / "a.zip", path)
    with pytest.raises(InputError, match="points to other sources"):
        read(path)


def test_what_is_no_vector_file_is_refused(tmp_path: Path) -> None:
    for name, content, message in (
        ("a.gpkg", b"hello", "cannot be read"),
        ("b.geojson", b"<html><body>404</body></html>", "cannot be read"),
        ("c.gpkg", b"", "is empty"),
        ("d.geojson", b"\x1f\x8b\x08", "packed with gzip"),
        ("e.parquet", b"PAR1 no PAR1", "cannot be read"),
        ("f.gml", b"< ", "cannot be read"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)
    with pytest.raises(InputError, match="is not a file"):
        read(tmp_path)
    path = tmp_path / "empty.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(InputError, match=r"holds no (feature|map layer)"):
        read(path)


def test_archives_without_data_and_bombs_are_refused(tmp_path: Path) -> None:
    note = tmp_path / "readme.txt"
    note.write_text("hello")
    with pytest.raises(InputError, match="holds no vector file"):
        read(zipped(tmp_path / "a.zip", note))
    big = tmp_path / "big.geojson"
    big.write_bytes(b" " * (20 << 20))
    bomb = zipped(tmp_path / "bomb.zip", big)
    with pytest.raises(InputError, match="times its size"):
        read(bomb)
    with pytest.raises(InputError, match=r"allowed are 1,000,000[.]"):
        read(bomb, limit_bytes=1_000_000)


def test_points_from_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text("Werk;Ost;Nord;t\nA;390.000,5;5.700.000,25;7\nB;;;8\n", encoding="cp1252")
    found = read(path, columns={"site": "Werk", "x": "Ost", "y": "Nord"}, crs=UTM)
    assert list(found.columns) == ["site", "t", "geometry"]
    assert found.geometry[0] == shapely.Point(390000.5, 5700000.25)
    assert found.geometry[1] is None
    with pytest.raises(CRSMismatchError, match="does not say its CRS"):
        read(path, columns={"x": "Ost", "y": "Nord"})
    with pytest.raises(InputError, match=r"no column 'Rechts'"):
        read(path, columns={"x": "Rechts", "y": "Nord"}, crs=UTM)
    with pytest.raises(InputError, match="Name the columns of its coordinates"):
        read(path, crs=UTM)
    path.write_text("Werk;Ost;Nord\nA;östlich;1\n")
    with pytest.raises(InputError, match=r"row 2: 'östlich' is no number"):
        read(path, columns={"x": "Ost", "y": "Nord"}, crs=UTM)


def test_names_of_files_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "Stadt Mülheim & Co #1? 100%20"
    folder.mkdir()
    path = written(tmp_path / "f.gpkg")
    archive = zipped(tmp_path / "Ämter!.zip", path, folder="Über uns!/")
    shutil.copy(archive, tmp_path / "archive.dat")
    shutil.copy(path, folder / "f.gpkg")
    for file in (folder / "f.gpkg", archive, tmp_path / "archive.dat"):
        assert len(read(file)) == 3


def test_a_path_that_pyogrio_would_cut_is_refused(tmp_path: Path) -> None:
    """With "!" in a folder's name, pyogrio opens /f.gpkg instead of x!/f.gpkg: another file of the same name."""
    folder = tmp_path / "x!"
    folder.mkdir()
    shutil.copy(written(tmp_path / "f.gpkg"), folder / "f.gpkg")
    with pytest.raises(InputError, match="has '!' in its path"):
        read(folder / "f.gpkg")
