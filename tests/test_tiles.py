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
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geo.columns import Polygons
from layers import mvt, tiles
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.errors import UnknownCollectionError
from layers.layer import MERCATOR, Layer


def decode(content: bytes) -> dict[str, dict]:  # type: ignore[type-arg]
    return mapbox_vector_tile.decode(content, default_options={"y_coord_down": True}) if content else {}


def layer_of(shapes: Sequence[BaseGeometry], crs: CRS = MERCATOR, **columns: list[object]) -> Layer:
    layout = tuple(Column(name, "", name, name) for name in columns)
    polygons = Polygons.from_shapely(np.array(list(shapes), dtype=object), crs)
    return Layer("test.layer", "Test", "", layout, lambda: pa.table(columns), polygons, (), 0, "1")


def lonlat_to_tile(lon: float, lat: float, z: int) -> tuple[int, int]:
    x = (lon + 180) / 360 * 2**z
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**z
    return int(x), int(y)


def test_a_tile_holds_what_the_layer_holds_there(catalogue: Catalogue) -> None:
    """Independent answer: reproject with geopandas' engine, intersect with the tile, compare ids and areas."""
    layer = catalogue.layer("05913000.cells")
    x, y = lonlat_to_tile(7.4653, 51.5136, 13)
    content = decode(tiles.tile(layer, 13, x, y))["05913000.cells"]
    frame = shapely.box(*tiles.bounds(13, x, y))
    size = frame.bounds[2] - frame.bounds[0]
    shapes = layer.mercator.to_shapely()
    buffered = frame.buffer(size * tiles.BUFFER / mvt.EXTENT, join_style="mitre")
    expected = set(np.flatnonzero(shapely.area(shapely.intersection(shapes, buffered)) > 0).tolist())
    found = {f["id"] for f in content["features"]}
    assert found == expected
    scale = size / mvt.EXTENT
    for feature in content["features"]:
        inside = shapely.area(shapely.intersection(shapes[feature["id"]], buffered))
        # rounding moves an edge of a 320 m cell by half a unit of 1.2 m
        assert shapely.geometry.shape(feature["geometry"]).area * scale**2 == pytest.approx(inside, rel=0.03, abs=500)


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
    scale = 2 * tiles.HALF_WORLD_M / mvt.EXTENT
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
    size = 2 * tiles.HALF_WORLD_M / 2**z
    frame = shapely.box(*tiles.bounds(z, x, y)).buffer(size * 64 / 4096, join_style="mitre")
    features = {f["id"]: f for f in decode(tiles.tile(layer, z, x, y)).get("test.layer", {"features": []})["features"]}
    for i, shape in enumerate(shapes):
        part = shapely.intersection(shape, frame)
        if part.area > (size / 4096) ** 2:
            decoded = shapely.geometry.shape(features[i]["geometry"]).area * (size / 4096) ** 2
            assert decoded == pytest.approx(part.area, abs=part.length * size / 4096 + (size / 4096) ** 2)
            assert features[i]["properties"]["value"] == float(i)


def test_tiles_outside_the_matrix_are_refused_and_empty_ones_are_empty(catalogue: Catalogue) -> None:
    layer = catalogue.layer("ruhr.municipalities")
    for z, x, y in ((3, 8, 0), (3, 0, 8), (-1, 0, 0), (21, 0, 0), (0, 0, -1)):
        with pytest.raises(UnknownCollectionError, match="outside the tile matrix set"):
            tiles.tile(layer, z, x, y)
    assert tiles.tile(layer, 6, 0, 0) == b""
    assert tiles.tile(catalogue.layer("ruhr.stock"), 9, 265, 170) == b"", "below its lowest zoom"


def test_tilejson_names_zooms_bounds_and_attributes(catalogue: Catalogue) -> None:
    body = tiles.tilejson(catalogue.layer("05913000.stock"), "https://example.org/{z}/{y}/{x}")
    assert body["tilejson"] == "3.0.0"
    assert body["minzoom"] == 14, "single buildings are too small below"
    assert tiles.tilejson(catalogue.layer("05913000.cells"), "")["minzoom"] == 10
    assert body["bounds"] == pytest.approx([7.30, 51.417, 7.633, 51.592], abs=0.01)
    assert "kWh/m²a" in body["vector_layers"][0]["fields"]["heat_kwh_m2a"]
