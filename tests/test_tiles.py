"""Vector tiles: decoded by an independent library, they hold every feature in its place with its attributes."""

from __future__ import annotations

from collections.abc import Sequence

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from geo.shapes import Shapes
from layers import mvt, tiles
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.drawn import HALF_WORLD_M, Drawn
from layers.errors import UnknownCollectionError
from layers.layer import MERCATOR, Layer
from layers.tile_matrices import EUROPEAN_QUAD, WEB_MERCATOR_QUAD, TileMatrixSet, bounds, limits


def decode(content: bytes) -> dict[str, dict]:  # type: ignore[type-arg]
    return mapbox_vector_tile.decode(content, default_options={"y_coord_down": True}) if content else {}


def layer_of(
    shapes: Sequence[BaseGeometry | None], crs: CRS = MERCATOR, min_zoom: int = 0, **columns: list[object]
) -> Layer:
    layout = tuple(Column(name, "", name, name) for name in columns)
    given = np.empty(len(shapes), dtype=object)
    given[:] = shapes
    drawn = Drawn(Shapes.from_shapely(given, crs))
    return Layer("test.layer", "Test", "", layout, lambda: pa.table(columns), drawn, (), min_zoom, "1")


def lonlat_to_tile(lon: float, lat: float, z: int) -> tuple[int, int]:
    x = (lon + 180) / 360 * 2**z
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**z
    return int(x), int(y)


def test_a_tile_holds_what_the_layer_holds_there(catalogue: Catalogue) -> None:
    """Independent answer: reproject with geopandas' engine, intersect with the tile, compare ids and areas."""
    layer = catalogue.layer("05913000.cells")
    x, y = lonlat_to_tile(7.4653, 51.5136, 13)
    content = decode(tiles.tile(layer, 13, x, y))["05913000.cells"]
    frame = shapely.box(*bounds(WEB_MERCATOR_QUAD, 13, x, y))
    size = frame.bounds[2] - frame.bounds[0]
    shapes = layer.mercator.to_shapely()
    buffered = frame.buffer(size * tiles.BUFFER / mvt.EXTENT, join_style="mitre")
    expected = set(np.flatnonzero(shapely.area(shapely.intersection(shapes, buffered)) > 0).tolist())
    found = {f["id"] for f in content["features"]}
    assert found >= expected
    # a cell that only its box brings here is drawn outside: no more than those at the rim
    assert all(shapely.box(*shapes[row].bounds).distance(buffered) < 1 for row in found - expected)
    scale = size / mvt.EXTENT
    for feature in content["features"]:
        # rounding moves an edge of a 320 m cell, which is drawn whole, by half a unit of 1.2 m
        whole = shapes[feature["id"]].area
        assert shapely.geometry.shape(feature["geometry"]).area * scale**2 == pytest.approx(whole, rel=0.03, abs=500)


def test_attributes_are_typed_and_missing_ones_are_left_out(catalogue: Catalogue) -> None:
    layer = catalogue.layer("ruhr.municipalities")
    content = decode(tiles.tile(layer, 0, 0, 0))["ruhr.municipalities"]
    assert len(content["features"]) == 53
    by_name = {f["properties"]["name"]: f["properties"] for f in content["features"]}
    assert by_name["Dortmund"]["population"] == 586_852
    assert by_name["Dortmund"]["t_co2e_per_head"] == pytest.approx(4_123_340 / 586_852, rel=1e-6)
    assert "t_co2_ets" in by_name["Duisburg"]
    assert "t_co2_ets" not in by_name["Dortmund"], "missing is not zero"
    assert sum(p["population"] for p in by_name.values()) == 5_094_817


@pytest.mark.parametrize("z", [0, 4, 7, 8, 9, 10, 11, 12])
def test_no_municipality_is_ever_dropped(catalogue: Catalogue, z: int) -> None:
    """Statistical areas that vanish between zooms made other maps lie."""
    layer = catalogue.layer("ruhr.municipalities")
    assert layer.extent is not None
    west, south, east, north = layer.extent
    (x0, y1), (x1, y0) = lonlat_to_tile(west, south, z), lonlat_to_tile(east, north, z)
    found: set[int] = set()
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            content = tiles.tile(layer, z, x, y)
            assert len(content) < 500_000
            found |= {f["id"] for f in decode(content).get("ruhr.municipalities", {"features": []})["features"]}
    assert found == set(range(53))


def test_an_area_smaller_than_a_pixel_stays_visible() -> None:
    layer = layer_of([shapely.box(0, 0, 0.5, 0.5), shapely.box(0, 0, 1e6, 1e6)], name=["tiny", "big"])
    features = decode(tiles.tile(layer, 0, 0, 0))["test.layer"]["features"]
    assert [f["properties"]["name"] for f in features] == ["tiny", "big"]
    assert all(shapely.geometry.shape(f["geometry"]).area > 0 for f in features)


def test_holes_and_parts_survive() -> None:
    ring = shapely.box(-8e6, -8e6, 8e6, 8e6).difference(shapely.box(-4e6, -4e6, 4e6, 4e6))
    two = shapely.MultiPolygon([shapely.box(9e6, 0, 10e6, 1e6), shapely.box(11e6, 0, 12e6, 1e6)])
    features = decode(tiles.tile(layer_of([ring, two], name=["ring", "two"]), 0, 0, 0))["test.layer"]["features"]
    shapes = [shapely.geometry.shape(f["geometry"]) for f in features]
    assert shapely.get_num_interior_rings(shapes[0]) == 1
    assert shapely.get_num_geometries(shapes[1]) == 2
    scale = 2 * HALF_WORLD_M / mvt.EXTENT
    assert shapes[0].area * scale**2 == pytest.approx(ring.area, rel=1e-2)


def test_geometry_is_clipped_at_the_buffer() -> None:
    world = shapely.box(-2e7, -2e7, 2e7, 2e7)
    features = decode(tiles.tile(layer_of([world], name=["world"]), 5, 16, 16))["test.layer"]["features"]
    bounds = shapely.geometry.shape(features[0]["geometry"]).bounds
    assert bounds == (-64, -64, 4096 + 64, 4096 + 64)


@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.001, 0.3), st.integers(3, 12)), min_size=1, max_size=8
    ),
    st.sampled_from([(0, 0, 0), (1, 0, 0), (2, 1, 2), (3, 4, 4)]),
)
def test_any_polygons_decode_to_their_area(
    blobs: list[tuple[float, float, float, int]], zxy: tuple[int, int, int]
) -> None:
    shapes = [
        shapely.Point(x * 1.5e7, y * 1.5e7)
        .buffer(r * 1e7, quad_segs=n)
        .difference(shapely.Point(x * 1.5e7, y * 1.5e7).buffer(r * 4e6, quad_segs=n))
        for x, y, r, n in blobs
    ]
    layer = layer_of(shapes, value=[float(i) for i in range(len(shapes))])
    z, x, y = zxy
    size = 2 * HALF_WORLD_M / 2**z
    frame = shapely.box(*bounds(WEB_MERCATOR_QUAD, z, x, y)).buffer(size * 64 / 4096, join_style="mitre")
    features = {f["id"]: f for f in decode(tiles.tile(layer, z, x, y)).get("test.layer", {"features": []})["features"]}
    for i, shape in enumerate(shapes):
        part = shapely.intersection(shape, frame)
        if part.area > (size / 4096) ** 2:
            decoded = shapely.geometry.shape(features[i]["geometry"]).area * (size / 4096) ** 2
            assert decoded == pytest.approx(part.area, abs=part.length * size / 4096 + (size / 4096) ** 2)
            assert features[i]["properties"]["value"] == float(i)


def test_tiles_outside_the_matrix_are_refused_and_empty_ones_are_empty(catalogue: Catalogue) -> None:
    layer = catalogue.layer("ruhr.municipalities")
    for z, x, y in ((3, 8, 0), (3, 0, 8), (-1, 0, 0), (25, 0, 0), (0, 0, -1)):
        with pytest.raises(UnknownCollectionError, match="outside the tile matrix set"):
            tiles.tile(layer, z, x, y)
    with pytest.raises(UnknownCollectionError, match="is not made"):
        tiles.tile(layer, 21, 0, 0)
    assert tiles.tile(layer, 6, 0, 0) == b""


@pytest.mark.parametrize("tms", [WEB_MERCATOR_QUAD, EUROPEAN_QUAD], ids=lambda tms: str(tms.id))
@pytest.mark.parametrize("z", [0, 3, 6, 9])
def test_squares_hold_every_cell_once_at_low_zooms(catalogue: Catalogue, z: int, tms: TileMatrixSet) -> None:
    """Other servers drop features to keep low zooms small: sums over the squares are those of the layer."""
    layer = catalogue.layer("ruhr.stock")
    found: dict[str, float] = {"n_features": 0, "people": 0, "n_buildings": 0}
    seen: set[int] = set()
    incomplete = False
    for one in limits(tms, layer.extent, range(z, z + 1)):
        for x in range(one.min_column, one.max_column + 1):
            for y in range(one.min_row, one.max_row + 1):
                content = tiles.tile(layer, z, x, y, tms)
                assert len(content) < 500_000
                for feature in decode(content).get(layer.id, {"features": []})["features"]:
                    assert feature["id"] not in seen
                    seen.add(feature["id"])
                    incomplete |= feature["properties"]["incomplete"]
                    for name in found:
                        found[name] += feature["properties"].get(name, 0)
                    assert min(min(p) for p in feature["geometry"]["coordinates"][0]) >= 0
    assert found["n_features"] == len(layer)
    assert incomplete, "the census withholds people of some cells: a sum without them says so"
    for name in ("people", "n_buildings"):
        assert found[name] == pytest.approx(np.nansum(layer.column(name)), rel=1e-5), "single precision of each square"


def test_points_lines_collections_and_nothing_keep_their_kind() -> None:
    shapes = [
        shapely.Point(1e6, 1e6),
        shapely.MultiPoint([(2e6, 0), (3e6, 0)]),
        shapely.LineString([(-1e6, -1e6), (1e6, 2e6), (3e6, -3e7)]),
        None,
        shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(4e6, 4e6, 6e6, 6e6)]),
        shapely.Point(0, 9e9),
    ]
    layer = layer_of(shapes, name=[str(i) for i in range(6)])
    features = {f["id"]: f["geometry"]["type"] for f in decode(tiles.tile(layer, 0, 0, 0))["test.layer"]["features"]}
    assert features == {0: "Point", 1: "MultiPoint", 2: "LineString", 4: "Polygon", 5: "Point"}


def test_numbers_texts_and_flags_keep_their_types() -> None:
    shapes = [shapely.Point(i * 1e6, 0) for i in range(4)]
    layer = layer_of(
        shapes,
        whole=[1, -7, None, 2**40],
        real=[0.1, None, -1e30, 0.1],
        flag=[True, None, False, True],
        text=["ä", None, "", "ä"],
    )
    found = {f["id"]: f["properties"] for f in decode(tiles.tile(layer, 0, 0, 0))["test.layer"]["features"]}
    assert found[0] == {"whole": 1, "real": pytest.approx(0.1), "flag": True, "text": "ä"}
    assert found[1] == {"whole": -7}
    assert found[2] == {"real": pytest.approx(-1e30), "flag": False, "text": ""}
    assert found[3]["whole"] == 2**40
    assert found[3]["flag"] is True


def houses(seed: int, z: int, x: int, y: int, *, holes: bool) -> list[BaseGeometry]:
    """Houses of every form in and around a tile."""
    rng = np.random.default_rng(seed)
    west, south, east, north = bounds(WEB_MERCATOR_QUAD, z, x, y)
    size = east - west
    shapes = []
    for _ in range(25):
        centre = rng.uniform((west - size / 20, south - size / 20), (east + size / 20, north + size / 20))
        n = int(rng.integers(3, 14))
        angle = np.sort(rng.uniform(0, 2 * np.pi, n))
        radius = rng.uniform(0.2, 1, n) * rng.choice([1.0, 10.0, size / 8])
        made = shapely.Polygon(centre + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]))
        shapes.append(shapely.make_valid(made))
        if holes:
            shapes[-1] = shapely.make_valid(shapes[-1].difference(made.centroid.buffer(1.0)))
    return [s for s in shapes if s.geom_type in {"Polygon", "MultiPolygon"} and not s.is_empty]


@given(st.integers(0, 2**32), st.sampled_from([14, 15, 16]))
def test_outlines_known_of_a_zoom_are_what_a_closer_look_at_each_writes(seed: int, z: int) -> None:
    """Most features of a tile take the known way: it must differ in nothing but in what it does not cut."""
    x, y = lonlat_to_tile(7.4653, 51.5136, z)
    kept = houses(seed, z, x, y, holes=False)
    layer = layer_of(kept, value=list(range(len(kept))))
    known = {f["id"]: f for f in decode(tiles.tile(layer, z, x, y)).get("test.layer", {"features": []})["features"]}
    assert len(layer.drawn.outlines(z).content) > 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drawn, "outlines", lambda *_: mvt.NO_OUTLINES)
        looked = decode(tiles.tile(layer, z, x, y)).get("test.layer", {"features": []})["features"]
    assert known.keys() >= {f["id"] for f in looked}
    for feature in looked:
        drawn = shapely.geometry.shape(known[feature["id"]]["geometry"])
        assert feature["properties"] == known[feature["id"]]["properties"]
        if shapely.box(-64, -64, 4160, 4160).contains_properly(drawn):
            assert feature == known[feature["id"]]
        else:
            side = max(np.diff(np.array(drawn.bounds).reshape(2, 2), axis=0)[0])
            assert side <= 1024


@given(st.integers(0, 2**32), st.sampled_from([14, 15, 16, 17, 18]))
def test_small_polygons_are_valid_clipped_and_where_they_are(seed: int, z: int) -> None:
    """The compiled way against shapely: houses of every form, holes and stars, cut by the frame or not."""
    x, y = lonlat_to_tile(7.4653, 51.5136, z)
    west, south, east, north = bounds(WEB_MERCATOR_QUAD, z, x, y)
    size = east - west
    kept = houses(seed, z, x, y, holes=True)
    layer = layer_of(kept, value=list(range(len(kept))))
    content = tiles.tile(layer, z, x, y)
    features = {f["id"]: f for f in decode(content).get("test.layer", {"features": []})["features"]}
    frame = shapely.box(west, south, east, north).buffer(size * 64 / 4096, join_style="mitre")
    unit = size / 4096
    for i, shape in enumerate(kept):
        inside = shapely.intersection(shape, frame)
        if i not in features:
            assert inside.area <= inside.length * unit + unit**2
            continue
        drawn = shapely.geometry.shape(features[i]["geometry"])
        assert drawn.is_valid
        if min(drawn.bounds) < -64 or max(drawn.bounds) > 4096 + 64:
            # small, and cheaper to draw whole than to cut
            assert z <= tiles.DEEPEST
            assert max(drawn.bounds[2] - drawn.bounds[0], drawn.bounds[3] - drawn.bounds[1]) <= 1024
            inside = shape
        placed = shapely.transform(drawn, lambda xy: np.column_stack([west + xy[:, 0] * unit, north - xy[:, 1] * unit]))
        # each edge moves by less than a unit
        assert shapely.symmetric_difference(placed, inside).area <= (inside.length + 4 * unit) * unit


def test_a_set_in_metres_places_cells_where_mercator_does(catalogue: Catalogue) -> None:
    """A cell of the European grid lies straight in the European set: its corners are whole units of a fine zoom."""
    layer = catalogue.layer("05913000.cells")
    x_m, y_m = Transformer.from_crs(4326, 3035, always_xy=True).transform(7.4653, 51.5136)
    z = 12
    side = EUROPEAN_QUAD.side_m / 2**z
    x, y = int((x_m - EUROPEAN_QUAD.west_m) / side), int((EUROPEAN_QUAD.north_m - y_m) / side)
    features = decode(tiles.tile(layer, z, x, y, EUROPEAN_QUAD))[layer.id]["features"]
    assert features
    west, _, _, north = bounds(EUROPEAN_QUAD, z, x, y)
    for feature in features:
        drawn = shapely.geometry.shape(feature["geometry"])
        metres = shapely.transform(
            drawn, lambda xy: np.column_stack([west + xy[:, 0] * side / 4096, north - xy[:, 1] * side / 4096])
        )
        own = layer.shapes.to_crs(EUROPEAN_QUAD.crs).take(np.array([feature["id"]])).to_shapely()[0]
        assert metres.within(own.buffer(2 * side / 4096))


def test_tilejson_names_zooms_bounds_and_attributes(catalogue: Catalogue) -> None:
    body = tiles.tilejson(catalogue.layer("05913000.stock"), "https://example.org/{z}/{y}/{x}")
    assert body["tilejson"] == "3.0.0"
    assert body["minzoom"] == 0
    assert "below zoom 14" in body["vector_layers"][0]["fields"]["n_features"], "single buildings are too small there"
    assert body["bounds"] == pytest.approx([7.30, 51.417, 7.633, 51.592], abs=0.01)
    assert "kWh/m²a" in body["vector_layers"][0]["fields"]["heat_kwh_m2a"]


@given(st.lists(st.tuples(st.integers(4150, 4170), st.integers(100, 120)), min_size=3, max_size=9, unique=True))
def test_corners_on_the_frame_are_cut_into_valid_pieces(corners: list[tuple[int, int]]) -> None:
    """Houses in angles often have a corner just on the frame: pieces that touch there would be one broken ring."""
    z = tiles.DEEPEST + 1  # small outlines are drawn whole down to the deepest
    x, y = lonlat_to_tile(7.4653, 51.5136, z)
    west, _, east, north = bounds(WEB_MERCATOR_QUAD, z, x, y)
    unit = (east - west) / 4096
    around = np.array(corners, float) - np.mean(corners, axis=0)
    outline = shapely.make_valid(shapely.Polygon(np.array(corners)[np.argsort(np.arctan2(*around.T))]))
    placed = shapely.transform(outline, lambda xy: np.column_stack([west + xy[:, 0] * unit, north - xy[:, 1] * unit]))
    inside = shapely.intersection(outline, shapely.box(-64, -64, 4160, 4160))
    features = decode(tiles.tile(layer_of([placed], value=[1]), z, x, y)).get("test.layer", {"features": []})
    if not features["features"]:
        assert inside.area <= inside.length + 1
        return
    drawn = shapely.geometry.shape(features["features"][0]["geometry"])
    assert drawn.is_valid
    assert max(drawn.bounds) <= 4160
    # by a unit further in, and each corner rounded
    assert shapely.symmetric_difference(drawn, inside).area <= 2 * inside.length + 4
