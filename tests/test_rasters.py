"""Rasters of cells: each figure at its place with its sum, in the colour of the legend, as GIS and browsers read it."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from fastapi import Depends
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from api.app import create_app
from api.deps import strict_query
from api.routes import rasters as routes
from api.settings import Settings
from geo.errors import InputError
from geo.shapes import Shapes
from geo.zonal import Raster
from layers import colours, rasters, style_figures
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.drawn import Drawn
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.styles import EMISSIONS, LATER, MEASURE
from layers.tile_matrices import WEB_MERCATOR_QUAD, bounds

GRID, MERCATOR = CRS.from_epsg(3035), CRS.from_epsg(3857)
TO_GRID = Transformer.from_crs(MERCATOR, GRID, always_xy=True)
WEST, SOUTH = 4_145_000, 3_158_000  # in Dortmund
VERSIONS = itertools.count()
NO_GRID, NO_NUMBER = "is no grid of cells", "cannot be put on a raster"


def layer(cells: list[tuple[int, int]], *, suffixes: list[str] | None = None, **columns: Any) -> Layer:
    """Cells of 200 m by column and row, from the south-west."""
    ends = suffixes or [""] * len(cells)
    ids = [f"CRS3035RES200mN{SOUTH + 200 * j}E{WEST + 200 * i}{end}" for (i, j), end in zip(cells, ends, strict=True)]
    table = pa.table({"unit_id": ids, **columns})
    shapes = [
        shapely.box(WEST + 200 * i, SOUTH + 200 * j, WEST + 200 * i + 200, SOUTH + 200 * j + 200) for i, j in cells
    ]
    described = tuple(Column(name, "t/a", f"{name} en", f"{name} de", "modelled") for name in table.column_names)
    outlines = Drawn(Shapes.from_shapely(np.array(shapes), GRID))
    return Layer("x.cells", "Cells", "", described, lambda: table, outlines, (), 10, str(next(VERSIONS)))


def random_layer(side: int = 30, **figures: float) -> Layer:
    """A town with holes; figures from 0 to a highest value."""
    generator = np.random.default_rng(7)
    cells = [(i, j) for i in range(side) for j in range(side) if generator.random() < 0.8]
    columns: dict[str, Any] = {name: generator.random(len(cells)) * high for name, high in figures.items()}
    return layer(cells, **columns)


def decoded(content: bytes) -> tuple[Any, dict[int, tuple[int, int, int, int]]]:
    """Positions in the palette and the palette, as GDAL reads a PNG."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a tile lies where its address says
        with MemoryFile(content) as memory, memory.open() as file:
            return file.read(1), file.colormap(1)


def tile_at(z: int, easting: float, northing: float) -> tuple[int, int, float, float]:
    """Tile and pixel, with fractions, of a place in EPSG:3035."""
    x, y = TO_GRID.transform(easting, northing, direction="INVERSE")
    side = WEB_MERCATOR_QUAD.side_m / (1 << z)
    column, row = (x - WEB_MERCATOR_QUAD.west_m) / side, (WEB_MERCATOR_QUAD.north_m - y) / side
    return int(column), int(row), column % 1 * 256, row % 1 * 256


def places(z: int, x: int, y: int) -> tuple[Any, Any]:
    """Column and row of the cell, from the south-west and with fractions, under the centre of each pixel."""
    west, south, east, north = bounds(WEB_MERCATOR_QUAD, z, x, y)
    centres = (np.arange(256) + 0.5) / 256
    easting, northing = TO_GRID.transform(
        *np.meshgrid(west + centres * (east - west), north - centres * (north - south))
    )
    return (easting - WEST) / 200, (northing - SOUTH) / 200


def test_values_lie_on_their_cells_as_they_are() -> None:
    """One cell off, or a hole filled with zero, would be wrong in every overlay."""
    made = rasters.raster(layer([(0, 0), (2, 1)], heat=[0.1, 1 / 3]), "heat")
    assert (made.west_m, made.north_m, made.dx_m, made.dy_m) == (WEST, SOUTH + 400, 200, 200)
    assert np.array_equal(made.values, [[np.nan, np.nan, 1 / 3], [0.1, np.nan, np.nan]], equal_nan=True)


def test_units_that_share_a_pixel_add_up_or_are_weighted() -> None:
    """The border cell of two towns: 2 t per head of 10 people and 4 t of 30 are 3.5 t of 40."""
    shared = layer(
        [(0, 0), (0, 0), (1, 0)],
        suffixes=[".05913000", ".05911000", ""],
        people=[10.0, 30.0, 5.0],
        t_co2e_households_per_head=[2.0, 4.0, 0.1],
        heat_index=[1.0, 2.0, 3.0],
        t_co2e_p05=[1.0, 2.0, 3.0],
    )
    assert rasters.raster(shared, "people").values.tolist() == [[40, 5]]
    assert rasters.raster(shared, "t_co2e_households_per_head").values.tolist() == [[3.5, 0.1]]
    for name in ("heat_index", "t_co2e_p05"):
        with pytest.raises(InputError, match="1 pixels hold several units"):
            rasters.raster(shared, name)
    alone = layer([(0, 0), (1, 0)], t_co2e_p05=[1.0, 2.0])
    assert rasters.raster(alone, "t_co2e_p05").values.tolist() == [[1, 2]]


def test_a_missing_part_is_no_zero() -> None:
    """Half a cell unknown: its sum is unknown. Where nobody lives, a figure per head is needed of nobody."""
    shared = layer(
        [(0, 0), (0, 0), (1, 0), (1, 0)],
        suffixes=[".1", ".2", ".1", ".2"],
        dwellings=[1.0, None, 1.0, 2.0],
        people=[10.0, 5.0, 8.0, 0.0],
        social_index=[3.0, None, 4.0, None],
    )
    assert np.array_equal(rasters.raster(shared, "dwellings").values, [[np.nan, 3]], equal_nan=True)
    assert np.array_equal(rasters.raster(shared, "social_index").values, [[np.nan, 4]], equal_nan=True)
    with MemoryFile(rasters.cog(shared, "dwellings")) as memory, memory.open() as file:
        assert file.tags()["units_without_value"] == "1"


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (["CRS3035RES200mN3158000E4145000", "modelled.N3158000E4145000.1"], NO_GRID),
        (["CRS3035RES200mN3158000E4145000", "CRS3035RES100mN3158000E4145000"], NO_GRID),
        (["CRS3035RES200mN3158100E4145000", "CRS3035RES200mN3158000E4145000"], NO_GRID),
        (["CRS3035RES200mN3158000E4145000", None], NO_GRID),
        (["CRS3035RES100mN3158100E4145000", "CRS3035RES100mN3158000E4145000"], ""),
    ],
)
def test_only_cells_of_one_size_are_a_grid(ids: list[str | None], says: str) -> None:
    table = pa.table({"cell_id": ids, "people": [1.0, 2.0]})
    names = tuple(Column(name, "", name, name) for name in table.column_names)
    some = Layer("x.stock", "", "", names, lambda: table, layer([(0, 0)]).drawn, (), 10, str(next(VERSIONS)))
    if says:
        with pytest.raises(UnknownCollectionError, match=says):
            rasters.drawn(some, "people")
    else:
        made = rasters.raster(some, "people")
        assert (made.dx_m, made.values.tolist()) == (100, [[1], [2]])


def test_text_and_unknown_attributes_are_refused_with_the_choices() -> None:
    some = layer([(0, 0)], people=[1.0], grade=["C"])
    for name in ("grade", "unit_id", "nothing"):
        with pytest.raises(UnknownCollectionError, match=NO_NUMBER) as refused:
            rasters.cog(some, name)
        assert "people" in refused.value.problems[0].remedy


def test_a_geotiff_keeps_every_bit_and_says_what_it_is() -> None:
    town = random_layer(t_co2e_heat=1e6)
    with MemoryFile(rasters.cog(town, "t_co2e_heat", "© A (dl-de/by-2-0)")) as memory, memory.open() as file:
        values = file.read(1)
        assert np.array_equal(values, rasters.raster(town, "t_co2e_heat").values, equal_nan=True)
        assert np.nansum(values) == pytest.approx(town.column("t_co2e_heat").sum(), rel=1e-14)
        assert (file.crs, file.res, file.dtypes, np.isnan(file.nodata)) == ("EPSG:3035", (200, 200), ("float64",), True)
        assert (file.bounds.left, file.bounds.top) == (WEST, SOUTH + 6000)
        assert (file.descriptions, file.units) == (("t_co2e_heat",), ("t/a",))
        told = file.tags()
    assert (told["title"], told["unit"], told["status"]) == ("Cells: t_co2e_heat en", "t/a", "modelled")
    assert told["licences"] == "© A (dl-de/by-2-0)"


def test_a_large_raster_is_cloud_optimised_with_averaged_overviews() -> None:
    """A total in an overview would double with each level, missing taken for zero would thin out the edges."""
    values = np.ones((300, 700), np.float32)
    values[:2, :2] = np.array([[1, 2], [6, np.nan]])
    content = rasters.cog_of_raster(Raster(values, CRS.from_epsg(25832), 390_000, 5_700_000, 10, 10), "n", "m", {})
    with MemoryFile(content) as memory:
        with memory.open() as file:
            assert np.array_equal(file.read(1), values, equal_nan=True)
            assert (file.crs, file.dtypes, file.block_shapes) == ("EPSG:25832", ("float32",), [(256, 256)])
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert file.overviews(1) == [2, 4]
        with memory.open(overview_level=0) as file:
            assert file.read(1)[0, :2].tolist() == [3, 1]


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="no gdalinfo: apt install gdal-bin")
def test_gdal_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(rasters.cog(random_layer(people=50), "people"))
    found = json.loads(subprocess.run(["gdalinfo", "-json", "-stats", path], check=True, capture_output=True).stdout)
    assert found["stac"]["proj:epsg"] == 3035
    assert found["bands"][0]["description"] == "people"
    assert found["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
    assert float(found["bands"][0]["metadata"][""]["STATISTICS_VALID_PERCENT"]) == pytest.approx(80, abs=5)


def test_the_pixel_over_a_cell_has_the_colour_of_its_class() -> None:
    """2.3 t per head is the fourth class; the cell beside it has no data and is transparent."""
    some = layer([(0, 0), (2, 0)], t_co2e_households_per_head=[2.3, 9.0], people=[1.0, 1.0])
    figure = rasters.drawn(some, "t_co2e_households_per_head")
    for i, colour in ((0, EMISSIONS.colours[3]), (1, None), (2, EMISSIONS.colours[5])):
        x, y, column, row = tile_at(15, WEST + 200 * i + 100, SOUTH + 100)
        found, palette = decoded(rasters.tile(figure, 15, x, y))
        red, green, blue, alpha = palette[int(found[int(row), int(column)])]
        assert (f"#{red:02x}{green:02x}{blue:02x}" if alpha else None) == colour


@pytest.mark.parametrize("z", [12, 13, 15, 18])
def test_every_pixel_is_the_cell_under_its_centre(z: int) -> None:
    """Interpolating between a few projected points must not move a cell."""
    town = random_layer(t_co2e_households_per_head=5)
    values = rasters.raster(town, "t_co2e_households_per_head").values[::-1]
    x, y, _, _ = tile_at(z, WEST + 2000, SOUTH + 2000)
    found, _ = decoded(rasters.tile(rasters.drawn(town, "t_co2e_households_per_head"), z, x, y))
    i, j = places(z, x, y)
    sure = (np.abs(i - np.rint(i)) > 1e-4) & (np.abs(j - np.rint(j)) > 1e-4)  # 2 cm of an edge may be either side
    inside = (i >= 0) & (i < values.shape[1]) & (j >= 0) & (j < values.shape[0])
    there = values[np.where(inside, j, 0).astype(int), np.where(inside, i, 0).astype(int)]
    expected = np.searchsorted(EMISSIONS.breaks, there, side="right") + 1
    expected[~inside | np.isnan(there)] = 0
    assert np.array_equal(found[sure], expected[sure])
    assert sure.mean() > 0.99
    assert len(np.unique(found)) > 2


def test_tiles_fit_together_at_their_edges() -> None:
    """A cell that two tiles share has one colour: below and above the size of a pixel."""
    town = random_layer(t_co2e_households_per_head=5)
    figure = rasters.drawn(town, "t_co2e_households_per_head")
    z = 15
    x, y, _, _ = tile_at(z, WEST + 3000, SOUTH + 3000)
    for step_x, step_y in ((1, 0), (0, 1)):
        first, second = (decoded(rasters.tile(figure, z, x + k * step_x, y + k * step_y))[0] for k in (0, 1))
        edges = (first[:, -1], second[:, 0]) if step_x else (first[-1], second[0])
        cells = []
        for k in (0, 1):
            i, j = places(z, x + k * step_x, y + k * step_y)
            at = -1 if k == 0 else 0
            cells.append(np.floor([i[:, at], j[:, at]] if step_x else [i[at], j[at]]))
        same = (cells[0] == cells[1]).all(axis=0)
        assert same.sum() > 200
        assert np.array_equal(edges[0][same], edges[1][same])


def test_cells_smaller_than_a_pixel_are_averaged_by_weight() -> None:
    """1 t per head of 30 people and 3 t of 10 are 1.5 t, not 2 t; a cell without data does not count."""
    some = layer([(0, 0), (1, 1)], t_co2e_households_per_head=[1.0, 3.0], people=[30.0, 10.0])
    figure = rasters.drawn(some, "t_co2e_households_per_head")
    assert [level.shape for level in figure.levels] == [(4, 4), (3, 3)]
    assert figure.levels[1].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    sums = rasters.drawn(layer([(0, 0), (1, 1)], t_co2e_saved_2030=[4.0, 12.0]), "t_co2e_saved_2030")
    # 4 and 12 t on 0.04 km² are 100 and 300 t/km²: the average, not the total, is 200
    assert sums.levels[0][1:-1, 1:-1].tolist() == [[0, 4], [3, 0]]
    assert sums.levels[1][1, 1] == 3


def test_a_far_view_shows_the_average_level_in_one_colour() -> None:
    """At zoom 7 a pixel is 760 m wide: it shows 400 m of a town that has one value."""
    side = 40
    cells = [(i, j) for i in range(side) for j in range(side)]
    figure = rasters.drawn(layer(cells, social_index=[4.0] * len(cells), people=[1.0] * len(cells)), "social_index")
    x, y, column, row = tile_at(7, WEST + 4000, SOUTH + 4000)
    found, _ = decoded(rasters.tile(figure, 7, x, y))
    assert set(np.unique(found)) == {0, 3}
    assert found[int(row), int(column)] == 3
    assert (found == 3).sum() == pytest.approx((8000 / 760) ** 2, rel=0.15)


def test_years_of_a_scenario_keep_the_classes_of_the_map() -> None:
    """Years that had classes of their own could not be compared; households are per head, savings per km²."""
    some = layer([(0, 0), (1, 0)], t_co2e_2035=[3.0, 3.0], people=[10.0, 0.0])
    figure = rasters.drawn(some, "t_co2e_2035")
    assert figure.levels[0][1, 1:-1].tolist() == [2, 0], "0.3 t per head, and no head"
    assert figure.classes.breaks == LATER.breaks
    saved = colours.styled("t_co2e_saved_2035")
    assert saved is not None
    assert (saved.breaks, saved.en) == (MEASURE.breaks, "Saved in 2035, t CO2e per km² and year")
    assert colours.styled("t_co2e_heat") is None


@pytest.mark.parametrize("role", ["planner", "public"])
def test_rasters_have_the_classes_of_the_styles_whose_legends_stand_beside_them(
    catalogue: Catalogue, role: str
) -> None:
    """WMTS offers the legend of a style: tiles in other classes would be read wrongly."""
    shown = catalogue if role == "planner" else catalogue.public()
    compared = 0
    # the other scenarios are drawn as this one
    ids = [one for one in shown.ids() if one.startswith("05913000.") and one.count(".") - one.endswith("plan") == 1]
    for name in ids:
        styled, cells = shown.layer(name), shown.gridded(name)
        for style, column in style_figures.ids(styled).items():
            # each style can be made, whoever asks: of joined cells as well
            figure = style_figures.figure(styled, style)
            if column in {one.name for one in rasters.drawable(cells)}:
                classes = rasters.drawn(cells, column, styled).classes
                assert tuple(entry.colour for entry in figure.entries) == classes.colours, (name, column)
                assert tuple(entry.low for entry in figure.entries[1:]) == classes.breaks, (name, column)
                assert (figure.en, figure.de) == (classes.en, classes.de)
                compared += 1
    assert compared > 40


def test_joined_cells_are_drawn_by_their_own_area(catalogue: Catalogue) -> None:
    """Four cells in one feature hold four times as much: per km² of one cell they would look four times as good."""
    public = catalogue.public().layer("05913000.cells.climate_plan")
    area = public.column("area_km2")
    assert len(np.unique(area)) > 1
    assert area.sum() == pytest.approx(0.04 * len(catalogue.layer("05913000.cells")))
    figure = style_figures.figure(public)
    assert (figure.column, figure.divisor) == ("t_co2e_saved_2045", "area_km2")
    assert style_figures.figure(catalogue.layer("05913000.cells.climate_plan")).divisor == 0.04


def test_a_figure_that_is_missing_everywhere_has_an_empty_legend_and_tiles() -> None:
    nothing = layer([(0, 0), (1, 0)], t_co2e_other=[np.nan, np.nan])
    assert rasters.legend(nothing, "t_co2e_other")["classes"] == []
    x, y, _, _ = tile_at(15, WEST + 200, SOUTH + 100)
    found, palette = decoded(rasters.tile(rasters.drawn(nothing, "t_co2e_other"), 15, x, y))
    assert not found.any()
    assert palette[0][3] == 0


def test_the_legend_speaks_two_languages() -> None:
    column = Column("t_co2e_saved_2045", "t CO2e/a", "Saved in 2045", "Einsparung 2045", "modelled")
    told = colours.legend(MEASURE, column)
    assert told["unit"] == "t CO2e/a per km²"
    assert told["classes"][0] == {"colour": "#f1f5f7", "from": None, "to": 1, "label": {"en": "< 1", "de": "< 1"}}
    assert told["classes"][5]["label"] == {"en": "2,000 – 3,500", "de": "2.000 – 3.500"}
    assert told["classes"][-1]["label"] == {"en": "≥ 5,000", "de": "≥ 5.000"}
    per_head = colours.legend(EMISSIONS, column)["classes"][1]["label"]
    assert per_head == {"en": "1.6 – 2", "de": "1,6 – 2"}


def test_classes_by_quantiles_by_hand() -> None:
    """1 to 12: two in each of six classes. Mostly zero: zero is a class of its own. One value: one colour is used."""
    column = Column("floor_area_m2", "m²", "Floor area", "Nutzfläche")
    assert colours.quantiles(column, np.arange(1.0, 13)).breaks == (2, 4, 6, 8, 10)
    rare = colours.quantiles(column, np.array([0.0] * 90 + list(range(1, 11))))
    assert rare.breaks == (2, 4, 5, 7, 8)
    assert colours.quantiles(column, np.array([5.0, 5.0, np.nan])).breaks == (5,)
    assert colours.quantiles(column, np.array([np.nan])).breaks == (0,)
    assert colours.quantiles(column, np.array([0.0, 1.0])).breaks == (1,)


@given(st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1, max_size=60))
def test_quantile_classes_rise_and_hold_every_value(values: list[float]) -> None:
    classes = colours.quantiles(Column("a", "", "a", "a"), np.array(values))
    assert list(classes.breaks) == sorted(set(classes.breaks))
    assert len(classes.colours) == len(classes.breaks) + 1 == len(set(classes.colours))
    assert all(classes.colour(value) in classes.colours for value in values if value == value)  # noqa: PLR0124 - NaN


# --- over HTTP, on the region's release


@pytest.fixture(scope="module")
def web(home: Path) -> Iterator[TestClient]:
    app = create_app(Settings(home=home))
    if not any("/map/legend" in path for path in app.openapi()["paths"]):
        app.include_router(routes.router, dependencies=[Depends(strict_query)])
        app.openapi_schema = None
    with TestClient(app, base_url="http://127.0.0.1:8000") as guest:
        yield guest


COVERAGE = "/collections/ruhr.stock/coverage?f=tif&column=n_buildings"
MAP = "/collections/ruhr.stock/map"
TILE = f"{MAP}/tiles/WebMercatorQuad"


def test_tilejson_leads_to_tiles_and_their_legend(web: TestClient) -> None:
    body = web.get(f"{TILE}?f=tilejson").json()
    assert (body["tilejson"], body["format"], body["maxzoom"]) == ("3.0.0", "png", 18)
    assert "©" in body["attribution"]
    x, y, _, _ = tile_at(11, WEST, SOUTH)
    url = body["tiles"][0].format(z=11, x=x, y=y)
    answer = web.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    found, palette = decoded(answer.content)
    legend = web.get(body["legend"]).json()
    shown = {f"#{r:02x}{g:02x}{b:02x}" for r, g, b, _ in (palette[int(i)] for i in np.unique(found) if i)}
    assert shown
    assert shown <= {one["colour"] for one in legend["classes"]}
    assert legend["title"]["de"] == EMISSIONS.de
    again = web.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert not answer.headers["etag"].startswith("W/")


def test_the_tile_of_a_real_cell_has_the_colour_of_its_value(web: TestClient, catalogue: Catalogue) -> None:
    stock = catalogue.layer("ruhr.stock")
    ids, values = stock.table["unit_id"].to_pylist(), stock.column("t_co2e_households_per_head")
    for row in [i for i, name in enumerate(ids) if "." not in name and np.isfinite(values[i])][::5000]:
        north, east = map(int, ids[row].split("mN")[1].split("E"))
        x, y, column, line = tile_at(14, east + 100, north + 100)
        found, palette = decoded(web.get(f"{TILE}/14/{y}/{x}.png").content)
        red, green, blue, _ = palette[int(found[int(line), int(column)])]
        assert f"#{red:02x}{green:02x}{blue:02x}" == EMISSIONS.colour(values[row])


def test_outside_of_the_place_a_tile_is_transparent(web: TestClient) -> None:
    for path in ("0/0/0", "10/0/0", "18/0/262143"):
        answer = web.get(f"{TILE}/{path}.png")
        assert answer.status_code == 200
        assert not decoded(answer.content)[0].any()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        (f"{TILE}/11/681/1066.png?column=nothing", 404, NO_NUMBER),
        (f"{TILE}/11/681/1066.png?column=ags", 404, NO_NUMBER),
        (f"{TILE}/11/2048/0.png", 404, "outside the tile matrix set"),
        (f"{TILE}/19/0/0.png", 404, "Use zoom 0 to 18"),
        (f"{TILE}/11/0/x.png", 400, ""),
        (f"{TILE}/x/0/0.png", 404, "outside the tile matrix set"),
        (f"{TILE}/11/0/0.png?colum=people", 400, "unknown"),
        ("/collections/ruhr.municipalities/map/legend", 404, NO_GRID),
        ("/collections/ruhr.municipalities/coverage", 404, NO_GRID),
        ("/collections/nowhere/coverage", 404, "does not exist"),
        (f"{MAP}/legend?column=nothing", 404, NO_NUMBER),
        ("/collections/ruhr.stock/coverage?f=png", 400, ""),
        ("/collections/ruhr.stock/coverage?column=storeys", 404, NO_NUMBER),
    ],
)
def test_mistakes_are_told_as_problems(web: TestClient, path: str, status: int, says: str) -> None:
    answer = web.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.text


def test_a_coverage_is_a_file_with_its_sum_and_licences(web: TestClient, catalogue: Catalogue) -> None:
    answer = web.get(COVERAGE)
    assert answer.headers["content-type"].startswith("image/tiff")
    assert answer.headers["content-disposition"].endswith("ruhr.stock.n_buildings.tif")
    with MemoryFile(answer.content) as memory, memory.open() as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert len(file.overviews(1)) >= 1
        assert np.nansum(file.read(1)) == pytest.approx(catalogue.layer("ruhr.stock").column("n_buildings").sum())
        assert "dl-de/by-2-0" in file.tags()["licences"]


def test_parts_of_a_coverage_are_parts_of_the_file(web: TestClient) -> None:
    """GIS reads the header, then blocks: a byte off, or the end cut, and the file is broken."""
    whole = web.get(COVERAGE)
    content, size, tag = whole.content, len(whole.content), whole.headers["etag"]
    for wanted, first, last in (
        ("bytes=0-16383", 0, 16383),
        ("bytes=100-100", 100, 100),
        (f"bytes={size - 5}-", size - 5, size - 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=10-{size + 99}", 10, size - 1),
        (f"bytes=-{size + 99}", 0, size - 1),
    ):
        part = web.get(COVERAGE, headers={"Range": wanted})
        assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {first}-{last}/{size}"), wanted
        assert part.content == content[first : last + 1]
        assert part.headers["etag"] == tag
    for wanted in (f"bytes={size}-", "bytes=-0"):
        beyond = web.get(COVERAGE, headers={"Range": wanted})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}"), wanted
    for wanted in ("bytes=5-2", "bytes=-", "bytes=0-1,5-6", "cells=0-1", f"bytes={'9' * 5000}-"):
        assert web.get(COVERAGE, headers={"Range": wanted}).content == content, wanted
    stale = web.get(COVERAGE, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (stale.status_code, stale.content) == (200, content)
    assert web.get(COVERAGE, headers={"Range": "bytes=0-9", "If-Range": tag}).status_code == 206


def test_the_size_of_a_coverage_can_be_asked_for(web: TestClient) -> None:
    """GDAL asks so before it reads parts."""
    answer = web.head(COVERAGE, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.headers["accept-ranges"], answer.content) == (200, "bytes", b"")
    assert int(answer.headers["content-length"]) == len(web.get(COVERAGE).content)


def test_only_grids_link_to_rasters_and_scenarios_are_not_computed_for_it(catalogue: Catalogue) -> None:
    told = routes.links(catalogue.layer("ruhr.stock.climate_plan"), "/collections/ruhr.stock.climate_plan")
    assert [one["href"].rsplit("climate_plan", 1)[1] for one in told] == [
        "/map/legend",
        "/coverage",
    ]
    assert "table" not in vars(catalogue.layer("ruhr.stock.climate_plan"))
    assert routes.links(catalogue.layer("ruhr.municipalities"), "") == []
