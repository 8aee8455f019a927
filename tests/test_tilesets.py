"""Tile matrix sets and tilesets: tiles lie where an independent library puts them, and hold what tilesets promise."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from layers import grids, rasters, tile_matrices, tilesets
from layers.catalogue import Catalogue
from layers.errors import UnknownCollectionError
from layers.tile_matrices import EUROPEAN_QUAD, SETS, WEB_MERCATOR_QUAD, Limits, TileMatrixSet, bounds, limits
from layers.tilesets import TILEJSON, VECTOR_SETS, Tiled

RUHR = (6.3, 51.1, 8.0, 51.9)
EVERY_SET = pytest.mark.parametrize("tms", SETS.values(), ids=lambda tms: tms.id)


@pytest.fixture(scope="module")
def registered() -> dict[str, Any]:
    """The sets as morecantile ships them from the OGC's register."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import morecantile

    return {name: morecantile.tms.get(name) for name in SETS}


@EVERY_SET
def test_the_sets_are_those_of_the_register(tms: TileMatrixSet, registered: dict[str, Any]) -> None:
    """A pixel size or corner off, and every tile of a client lies somewhere else."""
    theirs = json.loads(registered[tms.id].model_dump_json(exclude_none=True))
    ours = tile_matrices.document(tms)
    for key in ("id", "title", "uri", "orderedAxes"):
        assert ours[key] == theirs[key]
    assert theirs["crs"] == ours["crs"] or theirs["crs"].get("uri") == ours["crs"]
    assert ours.get("wellKnownScaleSet") == theirs.get("wellKnownScaleSet")
    assert len(ours["tileMatrices"]) == len(theirs["tileMatrices"])
    for mine, other in zip(ours["tileMatrices"], theirs["tileMatrices"], strict=True):
        for key in ("id", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight", "cornerOfOrigin"):
            assert mine[key] == other[key]
        for key in ("cellSize", "scaleDenominator"):
            # the register rounds to some nine digits
            assert mine[key] == pytest.approx(other[key], rel=1e-8)
        assert mine["pointOfOrigin"] == pytest.approx(other["pointOfOrigin"], abs=1e-6)


@EVERY_SET
@given(data=st.data())
def test_tiles_lie_where_morecantile_puts_them(
    tms: TileMatrixSet, registered: dict[str, Any], data: st.DataObject
) -> None:
    z = data.draw(st.integers(0, min(tms.max_zoom, 15)))
    x, y = data.draw(st.integers(0, (1 << z) - 1)), data.draw(st.integers(0, (1 << z) - 1))
    theirs = registered[tms.id].xy_bounds(x, y, z)
    assert bounds(tms, z, x, y) == pytest.approx(theirs, abs=0.1)
    side = tms.side_m / (1 << z)
    assert bounds(tms, z, x, y)[2] - bounds(tms, z, x, y)[0] == pytest.approx(side)


@EVERY_SET
@pytest.mark.parametrize("tile", [(-1, 0, 0), (3, 8, 0), (3, 0, -1), (99, 0, 0)])
def test_there_is_no_tile_outside_of_a_set(tms: TileMatrixSet, tile: tuple[int, int, int]) -> None:
    with pytest.raises(UnknownCollectionError, match="is outside the tile matrix set"):
        bounds(tms, *tile)


def test_an_unknown_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownCollectionError, match=r"does not exist.*EuropeanETRS89_LAEAQuad"):
        tile_matrices.named("WorldCRS84Quad")


# places where both sets are at home
LON, LAT = st.floats(-9, 30), st.floats(36, 65)


@EVERY_SET
@given(lon=LON, lat=LAT, z=st.integers(0, 15))
def test_every_point_of_an_extent_is_within_its_limits(
    tms: TileMatrixSet, registered: dict[str, Any], lon: float, lat: float, z: int
) -> None:
    """A tile left out of the limits is a hole in the map."""
    extent = (lon - 0.7, lat - 0.4, lon + 0.7, lat + 0.4)
    (found,) = limits(tms, extent, range(z, z + 1))
    for at_x, at_y in ((lon, lat), (extent[0], extent[1]), (extent[2], extent[3]), (lon, extent[3]), (extent[0], lat)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # outside of the area of use of EPSG:3035
            tile = registered[tms.id].tile(at_x, at_y, z)
        if 0 <= tile.x < 1 << z and 0 <= tile.y < 1 << z:
            assert found.holds(tile.x, tile.y)


@EVERY_SET
def test_limits_are_no_wider_than_the_extent(tms: TileMatrixSet) -> None:
    for one in limits(tms, RUHR):
        box = tile_matrices.projected(tms, RUHR)
        assert box is not None
        first = bounds(tms, one.zoom, one.min_column, one.min_row)
        last = bounds(tms, one.zoom, one.max_column, one.max_row)
        assert first[0] <= box[0] <= first[2]
        assert first[1] <= box[3] <= first[3]
        assert last[0] <= box[2] <= last[2]
        assert last[1] <= box[1] <= last[3]


def test_limits_by_hand() -> None:
    """Zoom 1 of web Mercator has four tiles; Dortmund is in the north-east, 7.3° east of the edge between two."""
    assert limits(WEB_MERCATOR_QUAD, (7.3, 51.4, 7.6, 51.6), range(1, 2)) == (Limits(1, 0, 0, 1, 1),)
    margin = 7.3 / 180 + 0.001  # of a tile of 180°
    assert limits(WEB_MERCATOR_QUAD, (7.3, 51.4, 7.6, 51.6), range(1, 2), margin=margin) == (Limits(1, 0, 0, 0, 1),)
    around = limits(WEB_MERCATOR_QUAD, (170, -10, -170, 10), range(2, 3))
    assert around == (Limits(2, 1, 2, 0, 3),), "across the antimeridian from the first column to the last"
    assert limits(WEB_MERCATOR_QUAD, (-180, -90, 180, 90), range(3)) == tuple(
        Limits(z, 0, (1 << z) - 1, 0, (1 << z) - 1) for z in range(3)
    )


def test_what_lies_outside_of_europe_has_no_european_tiles() -> None:
    """Buffalo, and a layer whose rows have no place."""
    assert limits(EUROPEAN_QUAD, (-78.92, 42.82, -78.79, 42.97)) == ()
    assert limits(EUROPEAN_QUAD, None) == ()
    body = tilesets.document(Tiled("t", "d", "u", ()), EUROPEAN_QUAD, "b")
    assert "boundingBox" not in body
    assert body["tileMatrixSetLimits"] == []


@pytest.mark.parametrize("tms", [WEB_MERCATOR_QUAD, EUROPEAN_QUAD], ids=lambda tms: tms.id)
def test_a_tileset_gives_coordinates_in_the_order_of_its_axes(tms: TileMatrixSet, catalogue: Catalogue) -> None:
    """EPSG:3035 is north first: swapped, Dortmund lies in the Atlantic."""
    layer = catalogue.layer("05913000.districts")
    body = tilesets.document(Tiled("t", "d", "u", (layer,)), tms, "b")
    low, high = body["boundingBox"]["lowerLeft"], body["boundingBox"]["upperRight"]
    box = tile_matrices.projected(tms, layer.extent)
    assert box is not None
    north_first = tms is EUROPEAN_QUAD
    assert (low, high) == (
        ([box[1], box[0]], [box[3], box[2]]) if north_first else ([box[0], box[1]], [box[2], box[3]])
    )
    assert body["boundingBox"]["orderedAxes"] == (["Y", "X"] if north_first else ["X", "Y"])
    first = body["tileMatrixSetLimits"][0]
    assert first["tileMatrix"] == "0" == body["layers"][0]["minTileMatrix"]
    assert body["layers"][0]["geometryDimension"] == 2


def test_no_scenario_is_computed_to_describe_its_tiles(catalogue: Catalogue) -> None:
    """A list of tilesets must not take the minute that a scenario of the whole region takes."""
    layer = catalogue.layer("05113000.stock.climate_plan")
    types = tilesets.json_types(layer)
    assert "table" not in vars(layer)
    assert types["t_co2e_2045"] == "number"
    assert types["unit_id"] == "string"


@pytest.mark.parametrize("name", ["stock", "benefits.climate_plan", "priority", "heat"])
def test_the_types_that_are_told_are_those_of_the_table(name: str, catalogue: Catalogue) -> None:
    """A text called a number is drawn by nobody; checked where the table is computed after all."""
    layer = catalogue.layer(f"05954004.{name}")
    told = tilesets.json_types(layer)
    assert layer.table.num_rows
    assert told == tilesets.json_types(layer)
    if grids.is_gridded(layer):
        for column in rasters.drawable(layer):
            rasters.drawn(layer, column.name)


def test_tilejson_is_given_by_parameter_and_by_accept_with_one_etag(client: TestClient) -> None:
    url = "/collections/05913000.districts/tiles/WebMercatorQuad"
    asked = client.get(f"{url}?f=tilejson")
    accepted = client.get(url, headers={"Accept": TILEJSON})
    assert asked.json() == accepted.json()
    assert asked.headers["content-type"] == accepted.headers["content-type"] == TILEJSON
    plain = client.get(url)
    assert "tilejson" not in plain.json()
    assert len({plain.headers["etag"], asked.headers["etag"], client.get(f"{url}?f=html").headers["etag"]}) == 3
    body = asked.json()
    assert (body["tilejson"], body["vector_layers"][0]["id"]) == ("3.0.0", "05913000.districts")
    lon, lat, zoom = body["center"]
    x = int((lon + 180) / 360 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
    answer = client.get(body["tiles"][0].format(z=zoom, y=y, x=x))
    assert answer.status_code == 200
    assert client.get(url, headers={"If-None-Match": plain.headers["etag"]}).status_code == 304


def test_several_collections_are_layers_of_one_tile(client: TestClient) -> None:
    """What QGIS shows of a joint tile must be what it shows of single ones."""
    names = ["05913000.districts", "ruhr.municipalities"]
    joint = client.get(f"/tiles/WebMercatorQuad/9/170/266?collections={','.join(names)}")
    assert joint.status_code == 200
    decoded = mapbox_vector_tile.decode(joint.content)
    assert list(decoded) == names
    for name in names:
        alone = client.get(f"/collections/{name}/tiles/WebMercatorQuad/9/170/266")
        assert decoded[name] == mapbox_vector_tile.decode(alone.content)[name]
    other = mapbox_vector_tile.decode(
        client.get("/tiles/WebMercatorQuad/9/170/266?collections=ruhr.municipalities").content
    )
    assert list(other) == ["ruhr.municipalities"]
    twice = client.get("/tiles/WebMercatorQuad/9/170/266?collections=ruhr.municipalities,ruhr.municipalities")
    assert list(mapbox_vector_tile.decode(twice.content)) == ["ruhr.municipalities"], "names in a tile are unique"


def test_tiles_of_the_european_grid_lie_in_its_own_system(client: TestClient, catalogue: Catalogue) -> None:
    """A tile cut in Mercator and called European is off by kilometres."""
    layer = catalogue.layer("05913000.districts")
    (of_zoom,) = limits(EUROPEAN_QUAD, layer.extent, range(7, 8))
    url = f"/tiles/{EUROPEAN_QUAD.id}/7/{of_zoom.min_row}/{of_zoom.min_column}?collections={layer.id}"
    content = mapbox_vector_tile.decode(client.get(url).content, default_options={"y_coord_down": True})[layer.id]
    west, south, east, north = bounds(EUROPEAN_QUAD, 7, of_zoom.min_column, of_zoom.min_row)
    frame, unit = shapely.box(west, south, east, north), (east - west) / content["extent"]
    outlines = layer.shapes.to_crs(EUROPEAN_QUAD.crs).to_shapely()
    whole = [f for f in content["features"] if frame.contains(outlines[f["id"]])]
    assert whole
    for feature in whole:
        x, y, right, low = shapely.geometry.shape(feature["geometry"]).bounds
        placed = west + x * unit, north - low * unit, west + right * unit, north - y * unit
        assert placed == pytest.approx(outlines[feature["id"]].bounds, abs=2 * unit)


def test_the_joint_tilejson_leads_to_joint_tiles(client: TestClient) -> None:
    query = "collections=05913000.districts,ruhr.municipalities"
    body = client.get(f"/tiles/WebMercatorQuad?f=tilejson&{query}").json()
    assert [one["id"] for one in body["vector_layers"]] == ["05913000.districts", "ruhr.municipalities"]
    assert body["bounds"][0] < 6.6, "of both, not of Dortmund alone"
    assert query in body["tiles"][0]
    assert "dl-de/by-2-0" in body["attribution"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/tiles?collections=nowhere,05913000.districts,never", 400, "'never' does not exist"),
        ("/tiles?collections=", 400, "'' does not exist"),
        (f"/tiles?collections={','.join(f'a{i}' for i in range(30))}", 400, "Name at most 20"),
        ("/tiles/WebMercatorQuad/9/170/266?collections=nowhere", 400, "does not exist"),
        ("/tiles/Nowhere", 404, "Use one of WebMercatorQuad"),
        ("/tileMatrixSets/Nowhere", 404, "Use one of WebMercatorQuad"),
        ("/tileMatrixSets/%2e%2e%2fetc", 404, ""),
        ("/tiles/WebMercatorQuad/a/0/0", 404, "outside the tile matrix set"),
        ("/tiles/WebMercatorQuad/²/0/0", 404, "outside the tile matrix set"),
        ("/tiles/WebMercatorQuad/9/0/x", 400, "valid integer"),
        ("/tiles/WebMercatorQuad/9/0/0", 404, "outside the limits of the tileset"),
        ("/collections/nowhere/tiles", 404, "does not exist"),
        ("/collections/ruhr.municipalities/map/tiles", 404, "is no grid of cells"),
        ("/collections/ruhr.stock/map/tiles?column=nothing", 404, "cannot be put on a raster"),
        ("/collections/ruhr.stock/map/tiles/EuropeanETRS89_LAEAQuad", 404, "does not exist here"),
        ("/collections/ruhr.stock/tiles/WebMercatorQuad?f=xml", 400, "'json', 'html' or 'tilejson'"),
    ],
)
def test_mistakes_are_told_as_problems(client: TestClient, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert says in answer.text


def test_tilesets_have_pages_for_people(client: TestClient) -> None:
    url = "/collections/05913000.cells"
    for path in (
        *("/tileMatrixSets", "/tileMatrixSets/EuropeanETRS89_LAEAQuad", "/tiles", "/tiles/WebMercatorQuad"),
        *(f"{url}/tiles", f"{url}/tiles/WebMercatorQuad", f"{url}/map/tiles", f"{url}/map/tiles/WebMercatorQuad"),
    ):
        answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "<h1>" in answer.text
    assert "{z}/{y}/{x}" in client.get(f"{url}/tiles/WebMercatorQuad?f=html").text
    assert "Vektorkachel" in client.get(f"{url}/tiles/WebMercatorQuad?f=html").text
    assert "{z}/{y}/{x}.png?column=" in client.get(f"{url}/map/tiles/WebMercatorQuad?f=html").text


def test_only_sets_that_tiles_are_made_of_are_offered(client: TestClient) -> None:
    """Each listed tileset answers, and none of the others does."""
    listed = client.get("/collections/05913000.districts/tiles").json()["tilesets"]
    offered = {one["tileMatrixSetURI"].rsplit("/", 1)[1] for one in listed}
    assert offered == {tms.id for tms in VECTOR_SETS}
    for name in SETS:
        status = client.get(f"/collections/05913000.districts/tiles/{name}").status_code
        assert status == (200 if name in offered else 404)
