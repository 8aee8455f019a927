"""Polygons as columns: the same shapes come back, whatever their holes and parts, and rows can be picked and joined."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geo.columns import Polygons, concatenate
from geo.errors import InputError

UTM = CRS.from_epsg(25832)
EAST, NORTH = 393_000.0, 5_708_000.0  # Dortmund


def shapes(geometries: Sequence[BaseGeometry | None]) -> np.ndarray:
    """Return an array of objects, also where numpy would see a sequence of parts."""
    out = np.empty(len(geometries), dtype=object)
    out[:] = geometries
    return out


def columns(geometries: Sequence[BaseGeometry | None], crs: CRS = UTM) -> Polygons:
    return Polygons.from_shapely(shapes(geometries), crs)


def simple(geometry: BaseGeometry) -> BaseGeometry:
    """Return a multipolygon of one part as that part."""
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else geometry


def assert_same(found: Polygons, expected: Sequence[BaseGeometry]) -> None:
    """Every coordinate, ring and part in its place; bounds as shapely has them."""
    assert len(found) == len(expected)
    assert shapely.equals_identical(found.to_shapely(), shapes([simple(shape) for shape in expected])).all()
    np.testing.assert_array_equal(found.bounds, shapely.bounds(shapes(expected)).reshape(-1, 4))
    assert found.coords.dtype == np.float64
    assert all(offsets.dtype == np.int64 for offsets in (found.rings, found.parts, found.rows))
    assert found.coords.flags.c_contiguous


SQUARE = shapely.box(0, 0, 1, 1)
HOLED = shapely.Polygon(shapely.box(0, 0, 9, 9).exterior, [shapely.box(1, 1, 2, 2).exterior, [(4, 4), (5, 4), (4, 5)]])
APART = shapely.multipolygons([shapely.box(20, 0, 21, 1), shapely.transform(HOLED, lambda xy: xy + 30)])


@st.composite
def polygons(draw: st.DrawFn) -> BaseGeometry:
    """One to three parts beside each other, each a rectangle or triangle with up to two holes."""
    x, y = draw(st.tuples(st.integers(-500, 500), st.integers(-500, 500)))
    parts = []
    for part in range(draw(st.integers(1, 3))):
        west, size = EAST + x + 20 * part, draw(st.floats(8, 16))
        corners = [(west, NORTH + y), (west + size, NORTH + y), (west + size, NORTH + y + size)]
        if draw(st.booleans()):
            corners.append((west, NORTH + y + size))
        holes = [
            [(west + 5, NORTH + y + h), (west + 5.5, NORTH + y + h), (west + 5.5, NORTH + y + h + 0.5)]
            for h in range(1, 1 + draw(st.integers(0, 2)))
        ]
        parts.append(shapely.Polygon(corners, holes))
    if len(parts) == 1 and draw(st.booleans()):
        return parts[0]
    return shapely.multipolygons(parts)


LAYERS = st.lists(polygons(), max_size=8)


# --- worked by hand ---------------------------------------------------------------------------------------------------


def test_offsets_count_rings_parts_and_rows() -> None:
    """A square, a square with two holes, and two parts of which the second has two holes: 1 + 3 + 1 + 3 rings."""
    found = columns([SQUARE, HOLED, APART])
    assert found.rows.tolist() == [0, 1, 2, 4]
    assert found.parts.tolist() == [0, 1, 4, 5, 8]
    assert found.rings.tolist() == [0, 5, 10, 15, 19, 24, 29, 34, 38]
    assert found.coords.shape == (38, 2)
    assert found.bounds.tolist() == [[0, 0, 1, 1], [0, 0, 9, 9], [20, 0, 39, 39]]
    assert_same(found, [SQUARE, HOLED, APART])


def test_simple_rows_alone_keep_the_layout_of_parts() -> None:
    """Breaks if a layer of nothing but polygons is laid out without the level of parts."""
    found = columns([SQUARE, HOLED])
    assert found.rows.tolist() == [0, 1, 2]
    assert found.parts.tolist() == [0, 1, 4]


def test_height_is_dropped() -> None:
    assert_same(columns([shapely.force_3d(HOLED, 80.0)]), [HOLED])


def test_rows_can_be_taken_twice_in_any_order_or_not_at_all() -> None:
    layer = columns([SQUARE, HOLED, APART])
    assert_same(layer.take(np.array([2, 0, 2, 1])), [APART, SQUARE, APART, HOLED])
    assert_same(layer.take(np.array([], dtype=np.int64)), [])


def test_a_layer_without_rows_is_a_layer() -> None:
    empty = columns([])
    assert_same(empty, [])
    assert len(empty.to_crs(CRS.from_epsg(3035))) == 0
    assert_same(concatenate([empty, columns([HOLED]), empty]), [HOLED])


def test_the_same_crs_projects_nothing() -> None:
    layer = columns([SQUARE])
    assert layer.to_crs(CRS.from_user_input("EPSG:25832")) is layer


# --- properties -------------------------------------------------------------------------------------------------------


@given(LAYERS)
def test_shapes_come_back_as_they_went_in(geometries: list[BaseGeometry]) -> None:
    assert_same(columns(geometries), geometries)


@given(st.lists(polygons(), min_size=1, max_size=8), st.lists(st.integers(0, 10**6), max_size=12))
def test_taken_rows_are_those_of_shapely(geometries: list[BaseGeometry], picks: list[int]) -> None:
    index = np.array(picks, dtype=np.int64) % len(geometries)
    assert_same(columns(geometries).take(index), [geometries[i] for i in index])


@given(st.lists(LAYERS, min_size=1, max_size=4))
def test_layers_behind_each_other_are_one_layer(pieces: list[list[BaseGeometry]]) -> None:
    joined = concatenate([columns(piece) for piece in pieces])
    assert_same(joined, [geometry for piece in pieces for geometry in piece])
    assert joined.crs == UTM


@settings(max_examples=32)
@given(LAYERS, st.sampled_from([3035, 4326, 3857, 31466]))
def test_projected_coordinates_are_those_of_geopandas(geometries: list[BaseGeometry], epsg: int) -> None:
    """Breaks if an authority's axis order (north first in 3035, 4326 and 31466) gets into the columns."""
    there = columns(geometries).to_crs(CRS.from_epsg(epsg))
    twin = gpd.GeoSeries(geometries, crs=UTM).to_crs(epsg)
    np.testing.assert_allclose(there.coords, shapely.get_coordinates(twin.to_numpy()), rtol=1e-12)
    np.testing.assert_allclose(there.bounds, twin.bounds.to_numpy(), rtol=1e-12)
    assert there.crs == CRS.from_epsg(epsg)
    back = there.to_crs(UTM)
    np.testing.assert_allclose(back.coords, columns(geometries).coords, rtol=0, atol=1e-3)
    for offsets in ("rings", "parts", "rows"):
        np.testing.assert_array_equal(getattr(back, offsets), getattr(columns(geometries), offsets))


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        shapely.Polygon(),
        shapely.MultiPolygon(),
        shapely.Point(0, 0),
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.GeometryCollection([SQUARE]),
    ],
)
def test_what_is_no_polygon_is_refused_with_its_row(geometry: BaseGeometry | None) -> None:
    with pytest.raises(InputError) as caught:
        columns([SQUARE, geometry, HOLED, None])
    (problem,) = caught.value.problems
    assert problem.where == "row 1"
    assert problem.what == "2 geometry(ies) are no polygons"
    assert "polygons with area" in problem.remedy


@pytest.mark.parametrize(
    "wkt", ["MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), EMPTY)", "MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))"]
)
def test_an_empty_part_is_refused_or_left_out(wkt: str) -> None:
    """GEOS calls such a geometry valid and not empty; a part without rings makes to_shapely end the process."""
    with contextlib.suppress(InputError):
        assert np.diff(columns([shapely.from_wkt(wkt)]).parts).min() > 0, "a part without rings"


def test_layers_in_different_crs_are_not_joined() -> None:
    with pytest.raises(InputError) as caught:
        concatenate([columns([SQUARE]), columns([SQUARE]).to_crs(CRS.from_epsg(3035))])
    (problem,) = caught.value.problems
    assert (problem.where, problem.what) == ("pieces", "differ in CRS")
    assert "Reproject" in problem.remedy
