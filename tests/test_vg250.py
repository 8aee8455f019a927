"""Municipalities: one row each whatever the file's layout, water left out, unknown keys all at once."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from data.errors import UnknownPlaceError
from data.report import Report
from data.vg250 import read
from geo.errors import InputError

UTM = "EPSG:25832"
# two parts of land and one of water for the first, a lake without land, one with a hole
ROWS: list[tuple[str, str, int, shapely.Geometry]] = [
    ("05913000", "Dortmund", 4, shapely.box(390000, 5700000, 391000, 5701000)),
    ("05913000", "Dortmund", 4, shapely.box(391000, 5700000, 392000, 5701000)),
    ("05913000", "Dortmund", 2, shapely.box(392000, 5700000, 393000, 5701000)),
    (
        "05911000",
        "Bochum",
        4,
        shapely.box(380000, 5700000, 382000, 5702000) - shapely.box(380500, 5700500, 381000, 5701000),
    ),
    ("08000999", "See", 1, shapely.box(500000, 5300000, 501000, 5301000)),
]


def rows() -> gpd.GeoDataFrame:
    ags, names, gf, shapes = zip(*ROWS, strict=True)
    return gpd.GeoDataFrame({"AGS": ags, "GEN": names, "GF": gf}, geometry=list(shapes), crs=UTM)


def geopackage(folder: Path) -> Path:
    path = folder / "DE_VG250.gpkg"
    rows().to_file(path, layer="vg250_gem")
    rows().head(1).to_file(path, layer="vg250_krs")
    return path


def archive(folder: Path) -> Path:
    """As BKG packs it: shapefiles of all levels in a folder, with names in capitals."""
    for name in ("VG250_GEM", "VG250_KRS"):
        rows().to_file(folder / f"{name}.shp")
    path = folder / "vg250.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for file in folder.glob("VG250_*"):
            packed.write(file, f"vg250_01-01.utm32s.shape.ebenen/vg250_ebenen_0101/{file.name}")
    return path


def json_list(folder: Path) -> Path:
    """As the npm package has it: a feature for most, a collection for who has water parts."""
    features: list[dict[str, Any]] = json.loads(rows().to_crs(4326).to_json())["features"]
    items = [{"type": "FeatureCollection", "features": features[:3]}, *features[3:]]
    path = folder / "gemeinden.geo.json"
    path.write_text(json.dumps(items), encoding="utf-8")
    return path


@pytest.mark.parametrize("made", [geopackage, archive, json_list])
def test_every_layout_gives_the_same_municipalities(tmp_path: Path, made: Any) -> None:
    report = Report()
    found = read(made(tmp_path), ["05913000", "05911000"], report=report)
    assert list(found.columns) == ["ags", "name", "geometry"]
    assert found["ags"].tolist() == ["05911000", "05913000"]
    assert found["name"].tolist() == ["Bochum", "Dortmund"]
    assert found.crs.to_epsg() == 25832
    assert found.area.tolist() == pytest.approx([4e6 - 0.25e6, 2e6], rel=1e-6)
    assert [(line.what, line.count) for line in report.lines] == [("water or unstructured parts", 1)]
    assert list(report.counted.values()) == [(4, 3)]


def test_without_keys_all_with_land_are_there_and_a_short_key_takes_all_below_it(tmp_path: Path) -> None:
    path = geopackage(tmp_path)
    assert read(path)["ags"].tolist() == ["05911000", "05913000"]
    assert read(path, ["05"])["ags"].tolist() == ["05911000", "05913000"]
    assert read(path, ["05911"])["ags"].tolist() == ["05911000"]


def test_the_result_is_in_the_crs_asked_for(tmp_path: Path) -> None:
    found = read(json_list(tmp_path), ["05913000"], "EPSG:3035")
    assert found.crs.to_epsg() == 3035
    assert found.area.sum() == pytest.approx(2e6, rel=2e-3)


def test_unknown_keys_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(UnknownPlaceError) as caught:
        read(geopackage(tmp_path), ["05913001", "05911000", "08000999", "99999999"])
    first, second, third = (str(problem) for problem in caught.value.problems)
    assert "'05913001' is not known. Did you mean 05913000 (Dortmund)" in first
    assert "'08000999' has no land area" in second
    assert "'99999999' is not known" in third


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = geopackage(tmp_path)
    with pytest.raises(InputError, match="'Dortmund' is not a key"):
        read(path, ["Dortmund"])
    rows().assign(AGS=5913000).to_file(tmp_path / "numbers.gpkg", layer="vg250_gem")
    with pytest.raises(InputError, match="5 keys in AGS are not eight digits, first '5913000'"):
        read(tmp_path / "numbers.gpkg")


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.gpkg"
    rows().drop(columns="AGS").to_file(path, layer="a")
    with pytest.raises(InputError, match="has no column AGS"):
        read(path)
    rows().to_file(path, layer="b")
    with pytest.raises(InputError, match="has no layer vg250_gem"):
        read(path)
    listed = tmp_path / "list.json"
    for text in ("[1, 2]", '[{"type": "Feature"', '[{"features": 3}]'):
        listed.write_text(text)
        with pytest.raises(InputError, match="is not a list of features"):
            read(listed)


def test_an_outline_that_crosses_itself_is_repaired_and_reported(tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    table = gpd.GeoDataFrame({"AGS": ["05913000"], "GEN": ["Dortmund"], "GF": [4]}, geometry=[bow], crs=UTM)
    table.to_file(tmp_path / "f.gpkg", layer="vg250_gem")
    report = Report()
    found = read(tmp_path / "f.gpkg", report=report)
    assert found.geometry.is_valid.all()
    assert found.area[0] == pytest.approx(50)
    assert [(line.what, line.done) for line in report.lines] == [("outlines that cross themselves", "repaired")]


def test_areas_of_the_ruhr_are_the_official_ones(shared_data: Path, tmp_path: Path) -> None:
    source = gpd.read_file(shared_data / "ruhr-municipalities" / "ruhr_municipalities.gpkg")
    table = source[["ags", "name", "geometry"]].rename(columns={"ags": "AGS", "name": "GEN"})
    table.to_file(tmp_path / "f.gpkg", layer="vg250_gem")
    found = read(tmp_path / "f.gpkg", ["05"])
    official = source.set_index("ags")["area_km2"][found["ags"]].to_numpy()
    assert len(found) == 53
    assert (abs(found.area.to_numpy() / 1e6 / official - 1) < 0.03).all()
