"""Green, water, trees, rasters and social figures of a city: read, checked, counted, kept; all faults at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.transform import Affine

from data import grounds, imports
from data.doctor import examine
from data.errors import ImportedError, PlaceError
from data.figures import Figures
from data.imports import Imports
from data.inputs import INDICATORS
from data.osm_layers import COLUMNS
from data.place import Indicator, load
from data.report import Report
from data.schema import LAND_COVERS

EAST, NORTH = 390_000, 5_708_000


def box(x0: float, y0: float, x1: float, y1: float) -> shapely.Polygon:
    return shapely.box(EAST + x0, NORTH + y0, EAST + x1, NORTH + y1)


def point(x: float, y: float) -> shapely.Point:
    return shapely.Point(EAST + x, NORTH + y)


def write(path: Path, shapes: list[Any], crs: int = 25832, **columns: list[Any]) -> None:
    gpd.GeoDataFrame(columns, geometry=shapes, crs=25832).to_crs(crs).to_file(path)


def raster(path: Path, values: Any, *, cell_m: float = 100, nodata: float | None = None, **profile: Any) -> None:
    """Write a band whose north-west corner is that of the town."""
    values = np.asarray(values)
    given = {"crs": "EPSG:25832", "transform": Affine(cell_m, 0, EAST, 0, -cell_m, NORTH + 1000), **profile}
    rows, columns = values.shape
    with rasterio.open(path, "w", "GTiff", columns, rows, count=1, dtype=values.dtype, nodata=nodata, **given) as file:
        file.write(values, 1)


@pytest.fixture
def town(tmp_path: Path) -> Callable[..., Path]:
    """Write a town of 1 km by 1 km in two halves, and what is added to its settings."""

    def made(*settings: str) -> Path:
        halves = [box(0, 0, 500, 1000), box(500, 0, 1000, 1000)]
        write(tmp_path / "districts.gpkg", halves, district=["west", "east"], name=["West", "East"])
        text = 'key = "t"\nname = "T"\n[[districts]]\nlevel = "Half"\nfile = "districts.gpkg"\n'
        (tmp_path / "place.toml").write_text("\n".join([text, *settings]))
        return tmp_path

    return made


def brought(folder: Path) -> Imports:
    return imports.read(load(folder))


def lines(found: Imports) -> str:
    return "\n".join(map(str, found.report.lines))


def refused(folder: Path) -> str:
    with pytest.raises(ImportedError) as caught:
        brought(folder)
    return str(caught.value)


# --- green and blue ---------------------------------------------------------------------------------------------------


def test_green_areas_are_cut_at_the_outline_and_overlaps_are_named(town: Callable[..., Path]) -> None:
    """A park over the border counts with its part in town; twice drawn ground is named, not silently summed twice."""
    folder = town('[[green]]\nfile = "green.gpkg"\ncolumns = { kind = "art", public = "offen" }')
    two = shapely.MultiPolygon([box(0, 0, 100, 100), box(200, 0, 300, 100)])
    write(
        folder / "green.gpkg",
        [two, box(50, 0, 150, 100), box(900, 900, 1100, 1000), box(1000, 0, 1100, 100), box(2000, 0, 2100, 100)],
        art=["park", "park", "meadow", "park", "park"],
        offen=["yes", "no", None, "yes", "yes"],
        name=["Two Parks", None, "Border", "Beside", "Far"],
    )
    found = brought(folder)
    green = found.green
    assert green is not None
    assert tuple(green.columns) == COLUMNS["green"]
    assert green["area_m2"].tolist() == [20_000, 10_000, 10_000]
    assert green["public"].isna().tolist() == [False, False, True], "unknown is not closed"
    assert green["public"][:2].tolist() == [True, False]
    assert green["name"].tolist() == ["Two Parks", None, "Border"]
    assert green["osm_id"].is_unique
    told = lines(found)
    assert "1 outside the place, dropped (row 5)" in told
    assert "green.gpkg, at the outline: 1 that meet the place at its border only, dropped (at 391050 5708050)" in told
    assert "1 cut at the outline of the place, kept" in told
    assert "1 pairs that overlap (0.50 ha), kept (at 390075 5708050)" in told
    assert found.report.counted["green.gpkg"] == (5, 4)
    assert found.report.counted["green.gpkg, at the outline"] == (4, 3)


def test_public_in_other_words_is_translated_and_a_strange_word_is_unknown(town: Callable[..., Path]) -> None:
    folder = town(
        '[[blue]]\nfile = "blue.gpkg"\nvalues = { public = { ja = "yes", nein = "no" } }',
    )
    write(folder / "blue.gpkg", [box(i, 0, i + 9, 9) for i in (0, 10, 20)], public=["ja", "nein", "vielleicht"])
    found = brought(folder)
    assert found.blue is not None
    assert found.blue["public"].tolist() == [True, False, pd.NA]
    assert "1 with public vielleicht, taken as unknown" in lines(found)


def test_the_citys_own_green_takes_the_place_of_openstreetmaps(tmp_path: Path) -> None:
    """Both together would count every park twice."""
    from tests.overpass import campus_path

    campus = campus_path()
    (tmp_path / campus.name).write_bytes(campus.read_bytes())
    (tmp_path / "place.toml").write_text(
        f'key = "m"\nname = "M"\n[osm]\nfile = "{campus.name}"\n[[green]]\nfile = "own.gpkg"\n'
    )
    gpd.GeoDataFrame({"kind": ["park"]}, geometry=[shapely.box(6.04, 50.78, 6.05, 50.79)], crs=4326).to_file(
        tmp_path / "own.gpkg"
    )
    found = brought(tmp_path)
    assert found.green is not None
    assert found.green["osm_id"].tolist() == ["green/1"]
    assert found.blue is not None
    assert len(found.blue) == 5, "what the city does not bring is still OpenStreetMap's"


sides = st.integers(-60, 160)


@given(st.lists(st.tuples(sides, sides, st.integers(1, 90), st.integers(1, 90)), min_size=1, max_size=12))
def test_what_is_cut_is_the_part_in_the_place_and_every_area_is_accounted_for(found: list[tuple[int, ...]]) -> None:
    outline = shapely.Polygon([(0, 0), (100, 0), (100, 100), (50, 40), (0, 100)])
    shapes = [shapely.box(x, y, x + w, y + h) for x, y, w, h in found]
    frame = gpd.GeoDataFrame({"name": [str(i) for i in range(len(shapes))]}, geometry=shapes, crs=25832)
    report = Report()
    kept = grounds.cut(frame, outline, where="a", report=report)
    parts = shapely.area(shapely.intersection(np.array(shapes), outline))
    assert kept["name"].tolist() == [str(i) for i in np.flatnonzero(parts >= 1)]
    assert kept.area.to_numpy() == pytest.approx(parts[parts >= 1])
    assert report.counted["a, at the outline"] == (len(shapes), len(kept))
    twice = kept.area.sum() - shapely.union_all(kept.geometry.to_numpy()).area
    assert (twice > len(shapes) ** 2) <= any("pairs that overlap" in line.what for line in report.lines)


# --- trees ------------------------------------------------------------------------------------------------------------


def test_a_crown_is_its_area_or_the_circle_of_its_diameter_or_unknown(town: Callable[..., Path]) -> None:
    folder = town('[[trees]]\nfile = "trees.gpkg"\ncolumns = { crown_m2 = "krone", crown_diameter_m = "durchm" }')
    write(
        folder / "trees.gpkg",
        [point(10, 10), point(20, 10), point(30, 10), point(40, 10), point(5000, 0)],
        krone=[50.0, None, None, -3.0, 20.0],
        durchm=[2.0, 10.0, None, None, 5.0],
        height_m=[12.0, 900.0, None, 5.0, 6.0],
    )
    found = brought(folder)
    trees = found.trees
    assert trees is not None
    assert trees["crown_m2"].tolist()[:2] == pytest.approx([50, 78.539816])
    assert trees["crown_m2"].isna().tolist() == [False, False, True, True], "no crown is unknown, not 0 m²"
    assert trees["height_m"].isna().tolist() == [False, True, True, False]
    assert list(trees.columns) == ["kind", "crown_m2", "height_m", "year_planted", "geometry"]
    told = lines(found)
    assert "1 with crown_m2 outside 0.1 to 1500 (-3), taken as missing" in told
    assert "2 trees without a crown, their canopy is unknown, kept (at 390030 5708010, at 390040 5708010)" in told
    assert "1 outside the place, dropped" in told


def test_points_of_a_multipoint_are_trees_of_their_own(town: Callable[..., Path]) -> None:
    """Registers written by a GIS hold multipoints of one point each; a tree must not get lost, nor one become none."""
    folder = town('[[trees]]\nfile = "trees.geojson"')
    shapes = [
        shapely.MultiPoint([(EAST + 1, NORTH + 1), (EAST + 2, NORTH + 2)]),
        point(5, 5),
        None,
        shapely.MultiPoint([(EAST + 9, NORTH + 9)]),
    ]
    write(folder / "trees.geojson", shapes, kind=["oak", "lime", "ash", "elm"])
    found = brought(folder)
    assert found.trees is not None
    assert set(found.trees.geom_type) == {"Point"}
    assert found.trees["kind"].tolist() == ["oak", "oak", "lime", "elm"]
    assert "1 rows of several points, each taken for itself, kept (row 1)" in lines(found)
    assert found.report.counted["trees.geojson"] == (5, 4)


def test_real_trees_with_broken_coordinates(shared_data: Path, tmp_path: Path, figures: Figures) -> None:
    """Bochum's plantings: one point lies 2,000 km away; it is dropped and named, the others stay, crowns unknown."""
    (tmp_path / "place.toml").write_text(
        'key = "05911000"\nname = "Bochum"\n[[trees]]\nfile = "bochum_open_data.gpkg"\n'
        'layer = "tree_planting_felling"\ncolumns = { kind = "Art" }\n'
    )
    place = load(tmp_path / "place.toml", data=shared_data / "bochum-open-data")
    outline = figures.boundaries.set_index("ags").geometry["05911000"]
    found = imports.read(place, outline=outline)
    assert found.trees is not None
    received, kept = found.report.counted["bochum_open_data.gpkg, layer tree_planting_felling"]
    assert received == 162
    assert 150 < kept == len(found.trees) < 162
    assert found.trees["crown_m2"].isna().all()
    assert shapely.distance(outline, found.trees.geometry.to_numpy()).max() == 0


# --- rasters ----------------------------------------------------------------------------------------------------------


def test_sealing_in_percent_is_a_share_and_no_data_stays_unknown(town: Callable[..., Path]) -> None:
    folder = town('[[rasters]]\nfile = "s.tif"\nkind = "sealing"\nscale = 0.01\nyear = 2021')
    values: NDArray[np.uint8] = np.arange(100, dtype=np.uint8).reshape(10, 10)
    values[0, 0] = 255
    raster(folder / "s.tif", values, nodata=255)
    found = brought(folder).rasters["sealing"]
    expected = values / 100
    expected[0, 0] = np.nan
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-7)
    assert found.bounds == (EAST, NORTH, EAST + 1000, NORTH + 1000)
    assert found.crs == CRS.from_epsg(25832)
    assert found.source == "s.tif, band 1, 2021"


def test_only_the_cells_of_the_place_are_read(town: Callable[..., Path]) -> None:
    folder = town('[[rasters]]\nfile = "c.tif"\nkind = "canopy"')
    raster(folder / "c.tif", np.full((40, 40), 0.25), transform=Affine(100, 0, EAST - 1000, 0, -100, NORTH + 2000))
    assert brought(folder).rasters["canopy"].values.shape == (10, 10)


def test_a_raster_in_another_crs_is_warped_by_its_kind(town: Callable[..., Path]) -> None:
    """Classes must not be averaged to other classes; shares keep their mean."""
    folder = town(
        '[[rasters]]\nfile = "l.tif"\nkind = "land_cover"\nclasses = { 1 = "forest", 7 = "water" }',
        '[[rasters]]\nfile = "c.tif"\nkind = "canopy"',
    )
    corner = gpd.GeoSeries([point(500, 500)], crs=25832).to_crs(3035)[0]
    there = {"crs": "EPSG:3035", "transform": Affine(10, 0, corner.x - 1500, 0, -10, corner.y + 1500)}
    checks = np.indices((300, 300)).sum(axis=0) % 2
    raster(folder / "l.tif", (1 + 6 * checks).astype(np.uint8), **there)
    raster(folder / "c.tif", checks.astype(np.float32), **there)
    found = brought(folder).rasters
    assert set(np.unique(found["land_cover"].values)) == {LAND_COVERS.index("forest"), LAND_COVERS.index("water")}
    assert found["canopy"].values.mean() == pytest.approx(0.5, abs=0.01)
    assert all(one.crs == CRS.from_epsg(25832) for one in found.values())
    assert "ETRS89-extended / LAEA Europe" in found["canopy"].source


def test_a_wrong_unit_is_refused_and_a_stray_cell_is_without_data(town: Callable[..., Path]) -> None:
    folder = town(
        '[[rasters]]\nfile = "n.tif"\nkind = "ndvi"',
        '[[rasters]]\nfile = "s.tif"\nkind = "sealing"',
    )
    values = np.full((20, 20), 0.4)
    values[0, 0], values[0, 1] = 1.7, 1 + 1e-9
    raster(folder / "n.tif", values, cell_m=50)
    raster(folder / "s.tif", np.full((10, 10), 37, dtype=np.uint8))
    assert refused(folder) == (
        "s.tif, sealing: has 100 of 100 cells outside 0 to 1 (from 37 to 37). "
        "State its scale (scale = 0.01 for percent), or mark cells without data as nodata in the file."
    )
    raster(folder / "s.tif", np.zeros((10, 10)))
    found = brought(folder)
    ndvi = found.rasters["ndvi"].values
    assert np.isnan(ndvi).sum() == 1
    assert np.isnan(ndvi[0, 0])
    assert ndvi[0, 1] == 1, "rounding is no fault"
    assert "1 cells outside -1 to 1 (from 0.4 to 1.7), taken as missing, repaired (row 1 column 1)" in lines(found)


def test_values_without_a_class_are_listed_with_their_number(town: Callable[..., Path]) -> None:
    folder = town('[[rasters]]\nfile = "l.tif"\nkind = "land_cover"\nclasses = { 1 = "forest", 9 = "" }')
    values = np.ones((10, 10), dtype=np.uint8)
    values[0, :3], values[1, 0], values[2] = 31, 57, 9
    raster(folder / "l.tif", values)
    assert "l.tif, land_cover: holds values without a class: 31 (3 cells), 57 (1 cells). Name a" in refused(folder)
    values[values > 9] = 1
    raster(folder / "l.tif", values)
    found = brought(folder)
    cover = found.rasters["land_cover"].values
    assert np.isnan(cover[2]).all()
    assert set(cover[~np.isnan(cover)]) == {LAND_COVERS.index("forest")}
    assert "data for 10% of the place, missing" in lines(found)


def test_a_raster_elsewhere_or_without_data_is_named(town: Callable[..., Path]) -> None:
    folder = town(
        '[[rasters]]\nfile = "a.tif"\nkind = "ndvi"',
        '[[rasters]]\nfile = "b.tif"\nkind = "canopy"',
        '[[rasters]]\nfile = "c.tif"\nkind = "sealing"\nband = 3',
    )
    raster(folder / "a.tif", np.zeros((2, 2)), transform=Affine(10, 0, 0, 0, -10, 0))
    raster(folder / "b.tif", np.full((10, 10), -9.0), nodata=-9)
    raster(folder / "c.tif", np.zeros((10, 10)))
    told = refused(folder)
    for part in ("a.tif: has no cell in", "b.tif, canopy: has no data in the place", "c.tif: has no band 3"):
        assert part in told


def test_a_raster_needs_an_outline(tmp_path: Path) -> None:
    (tmp_path / "place.toml").write_text('key = "t"\nname = "T"\n[[rasters]]\nfile = "n.tif"\nkind = "ndvi"\n')
    raster(tmp_path / "n.tif", np.zeros((2, 2)))
    assert "t: has a raster but no outline. Add [boundary]" in refused(tmp_path)


def test_settings_of_rasters_are_checked_before_any_file(town: Callable[..., Path]) -> None:
    folder = town(
        '[[rasters]]\nfile = "a.tif"\nkind = "land_cover"\nclasses = { 1 = "forrest", x = "water", 3 = "mall" }',
        '[[rasters]]\nfile = "b.tif"\nkind = "ndvi"\nclasses = { 1 = "water" }',
        '[[rasters]]\nfile = "b.tif"\nkind = "ndvi"\nskale = 2',
        '[[indicator_points]]\nfile = "s.gpkg"\nindicator = "social_index"\nscale = 0',
    )
    raster(folder / "b.tif", np.zeros((10, 10)))
    with pytest.raises(PlaceError) as caught:
        load(folder)
    told = str(caught.value)
    for part in (
        "rasters.0.classes.1: 'forrest' is no class. Did you mean forest?",
        "rasters.0.classes.x: is no number",
        "rasters.0.classes.3: 'mall' is no class. Use one of building_roof",
        "rasters.1.classes: are given for ndvi",
        "rasters.2.kind: is a second ndvi",
        "rasters.2.skale: is no setting. Did you mean scale?",
        "indicator_points.0.scale: Input should be greater than 0 (0)",
        "file a.tif: is not in",
        "file s.gpkg: is not in",
    ):
        assert part in told, (part, told)


def test_a_kind_that_is_none_says_which_there_are(town: Callable[..., Path]) -> None:
    folder = town(
        '[[rasters]]\nfile = "b.tif"\nkind = "height"',
        '[[indicator_points]]\nfile = "s.gpkg"\nindicator = "wealth"',
    )
    with pytest.raises(PlaceError) as caught:
        load(folder)
    told = str(caught.value)
    assert "rasters.0.kind: Input should be 'ndvi', 'canopy', 'sealing' or 'land_cover' ('height')" in told
    assert "indicator_points.0.indicator: Input should be 'social_index', 'sgb2_rate'" in told


# --- social figures ---------------------------------------------------------------------------------------------------


def test_figures_of_several_files_stand_side_by_side(town: Callable[..., Path]) -> None:
    """One row for each district whatever the number of files; percent becomes a share; the first file counts."""
    folder = town(
        '[[indicators]]\nfile = "a.csv"\ncolumns = { district = "Bezirk", sgb2_rate = "Quote" }\n'
        "scale = { sgb2_rate = 0.01 }",
        '[[indicators]]\nfile = "b.csv"',
        '[[indicators]]\nfile = "c.csv"',
    )
    (folder / "a.csv").write_text("Bezirk;Quote\neast;12,5\n")
    (folder / "c.csv").write_text("district,cars\nwest,3\n")
    (folder / "b.csv").write_text(
        "district,sgb2_rate,median_income_eur_month,residents,recipients\nwest,0.3,1800,100,40\neast,0.2,,50,7\n"
    )
    found = brought(folder)
    table = found.indicators
    assert table is not None
    assert table["district"].tolist() == ["east", "west"]
    assert table["sgb2_rate"].tolist() == [0.125, 0.3]
    assert table["median_income_eur_month"].isna().tolist() == [True, False]
    assert table["recipients"].tolist() == [7, 40]
    assert table["cars"].tolist()[1] == 3, "any other column is kept"
    told = lines(found)
    assert "a.csv: 1 districts of the place that it has no figures for, missing (west)" in told
    assert "b.csv, beside earlier files: 1 figures that an earlier file gives too, dropped (sgb2_rate of east)" in told


def test_figures_of_another_place_are_refused_and_strange_districts_named(town: Callable[..., Path]) -> None:
    folder = town('[[indicators]]\nfile = "a.csv"')
    (folder / "a.csv").write_text("district,social_index\nHombruch,2\nEving,7\n")
    assert refused(folder) == "a.csv: holds no district of the place, but Hombruch, Eving. Its districts: west, east."
    (folder / "a.csv").write_text("district,social_index\nHombruch,2\neast,7\n")
    found = brought(folder)
    assert found.indicators is not None
    assert found.indicators["social_index"].tolist() == [7]
    assert "1 districts that the place does not have, dropped (Hombruch). Write the keys" in lines(found)
    assert found.report.counted["a.csv"] == (2, 1)


def test_impossible_figures_are_all_named(town: Callable[..., Path]) -> None:
    """A rate in percent would make everybody poor a hundredfold; more students than residents would be negative."""
    folder = town(
        '[[indicators]]\nfile = "a.csv"',
        '[[indicators]]\nfile = "b.csv"\nscale = { sgb_rate = 0.01, district = 2.0 }',
        '[[indicators]]\nfile = "c.csv"',
    )
    (folder / "a.csv").write_text("district,sgb2_rate\nwest,12.5\neast,0.1\n")
    (folder / "b.csv").write_text("district,residents,students,recipients\nwest,10,11,2\neast,10,,12\n")
    (folder / "c.csv").write_text("name,residents\nwest,10\n")
    told = refused(folder)
    for part in (
        "a.csv, row 2, column sgb2_rate: 12.5 is above 1. Check the unit.",
        "b.csv, scale of sgb_rate: is for a column that is not there",
        "b.csv, scale of district: is for a column that is not there",
        "b.csv, district west: 11 students are more than 10 residents",
        "b.csv, district east: 12 recipients are more than 10 residents",
        "c.csv, column district: is missing",
    ):
        assert part in told, (part, told)


def test_points_with_a_figure(town: Callable[..., Path]) -> None:
    folder = town(
        '[[indicator_points]]\nfile = "schools.gpkg"\nindicator = "social_index"\n'
        'columns = { value = "Index", size = "pupils", name = "school" }',
        '[[indicator_points]]\nfile = "blocks.gpkg"\nindicator = "child_poverty_rate"\nscale = 0.01',
    )
    shapes = [point(100, 100), point(200, 100), point(9000, 100)]
    write(folder / "schools.gpkg", shapes, Index=[8, None, 3], pupils=[420, 200, 100], school=["A", "B", "C"])
    write(folder / "blocks.gpkg", shapes[:2], value=[41.5, 141.5])
    found = brought(folder)
    points = found.indicator_points
    assert points is not None
    assert points["indicator"].tolist() == ["social_index", "child_poverty_rate"]
    assert points["value"].tolist() == pytest.approx([8, 0.415])
    assert points["size"].tolist()[0] == 420
    assert np.isnan(points["size"][1])
    told = lines(found)
    assert "schools.gpkg, with a value: 1 points without a value, dropped (at 390200 5708100)" in told
    assert "blocks.gpkg: 1 with value outside 0 to 100 (141.5), taken as missing" in told
    assert found.report.counted["schools.gpkg, with a value"] == (2, 1)


def test_official_low_income_areas_are_cut_at_the_outline(town: Callable[..., Path]) -> None:
    folder = town('[[low_income_areas]]\nfile = "areas.gpkg"\ncolumns = { name = "raum" }')
    write(folder / "areas.gpkg", [box(-100, 0, 100, 100), box(50, 0, 300, 100)], raum=["Nord", "Hafen"])
    found = brought(folder)
    areas = found.low_income_areas
    assert areas is not None
    assert areas.area.tolist() == [10_000, 25_000]
    assert list(areas.columns) == ["name", "geometry"]
    assert "1 pairs that overlap (0.50 ha)" in lines(found)


def test_every_indicator_of_points_is_declared() -> None:
    """A kind without a declared range would stop the import of its points."""
    assert set(get_args(Indicator)) == {column.name for column in INDICATORS}


# --- kept and told ----------------------------------------------------------------------------------------------------


def full(folder: Path) -> None:
    write(folder / "green.gpkg", [box(0, 0, 100, 100), box(200, 0, 300, 100)], public=["yes", None])
    write(folder / "trees.gpkg", [point(10, 10)], kind=["oak"])
    write(folder / "areas.gpkg", [box(0, 0, 500, 500)], name=["Nord"])
    write(folder / "schools.gpkg", [point(10, 10)], value=[5.0])
    raster(folder / "ndvi.tif", np.linspace(-1, 1, 100).reshape(10, 10).astype(np.float32), nodata=-1)
    (folder / "social.csv").write_text("district,students,residents\nwest,3,10\n")


FULL = (
    '[[green]]\nfile = "green.gpkg"',
    '[[trees]]\nfile = "trees.gpkg"',
    '[[low_income_areas]]\nfile = "areas.gpkg"',
    '[[indicator_points]]\nfile = "schools.gpkg"\nindicator = "social_index"',
    '[[rasters]]\nfile = "ndvi.tif"\nkind = "ndvi"\nsource = { title = "NDVI", licence = "CC0", attribution = "ESA" }',
    '[[indicators]]\nfile = "social.csv"',
)


def test_what_was_kept_is_what_was_read(town: Callable[..., Path]) -> None:
    folder = town(*FULL)
    full(folder)
    place = load(folder)
    found = imports.read(place)
    kept = folder / "home" / "t"
    sums = []
    for _ in range(2):
        imports.save(found, place, folder / "place.toml", kept)
        sums.append((kept / imports.REPORT).read_bytes())
    assert sums[0] == sums[1], "the same import must give the same bytes"
    again = imports.load(kept)
    assert again is not None
    for name in ("green", "trees", "low_income_areas", "indicator_points"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(found, name))
        assert getattr(again, name).crs == getattr(found, name).crs
    assert again.indicators is not None
    assert found.indicators is not None
    pd.testing.assert_frame_equal(again.indicators, found.indicators)
    before, after = found.rasters["ndvi"], again.rasters["ndvi"]
    np.testing.assert_array_equal(after.values, before.values)
    assert np.isnan(after.values).sum() == 1
    assert after.values.dtype == np.float32
    assert (after.crs, after.bounds, after.source) == (before.crs, before.bounds, before.source)
    assert set(found.hashes) == {path.name for path in folder.iterdir() if path.is_file()} - {"place.toml"}
    assert [(s["file"], s["title"]) for s in found.sources] == [("ndvi.tif", "NDVI")]


def test_the_doctor_names_what_is_wrong_in_one_run_and_what_is_missing(
    town: Callable[..., Path], figures: Figures
) -> None:
    folder = town(*FULL)
    full(folder)
    assert examine(folder, figures).problems == ()
    (folder / "trees.gpkg").unlink()
    raster(folder / "ndvi.tif", np.full((10, 10), 120.0))
    (folder / "social.csv").write_text("district,students,residents\nwest,30,10\n")
    gpd.GeoDataFrame({"note": ["x"]}, geometry=[point(10, 10)], crs=25832).to_file(folder / "schools.gpkg")
    found = examine(folder, figures)
    told = "\n".join(map(str, found.problems))
    for part in (
        "file trees.gpkg: is not in",
        "ndvi.tif, ndvi: has 100 of 100 cells outside -1 to 1",
        "social.csv, district west: 30 students",
        "schools.gpkg, column value: is missing",
    ):
        assert part in told, (part, told)
    assert len(found.problems) == 4
    assert any("no trees and no canopy" in str(line) for line in found.lines)
