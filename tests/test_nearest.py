"""Nearest area or line: the same distance as shapely's, whatever the order of the points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError
from geo.nearest import Nearest

UTM = CRS.from_epsg(25832)
Shapes = NDArray[np.object_]
Floats = NDArray[np.float64]
WEST, SOUTH = 3.9e5, 5.7e6


def index_of(shapes: list[shapely.Geometry] | Shapes) -> Nearest:
    return Nearest(Polygons.from_shapely(np.asarray(shapes, dtype=object), UTM))


def blobs(count: int, width_m: float, seed: int) -> Shapes:
    """Make areas like parks: wavy outlines of many vertices, some with a hole, some in two parts, some overlapping."""
    rng = np.random.default_rng(seed)
    shapes = []
    for k in range(count):
        turn = np.linspace(0, 2 * np.pi, int(rng.integers(12, 60)), endpoint=False)
        radius = rng.uniform(20, 150) * (1 + 0.25 * np.sin(2 * turn + k) + 0.15 * np.sin(5 * turn))
        x, y = rng.uniform(0, width_m, 2) + np.array([WEST, SOUTH])
        shape: shapely.Geometry = shapely.Polygon(
            np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])
        )
        if k % 5 == 0:
            shape = shapely.difference(shape, shapely.Point(x, y).buffer(10))
        if k % 7 == 0:
            shape = shapely.union(shape, shapely.Point(x + 400, y).buffer(15))
        shapes.append(shape)
    return np.array(shapes, dtype=object)


def twin(shapes: Shapes, x: Floats, y: Floats) -> Floats:
    """Every pair of point and shape, the slow way."""
    points = np.asarray(shapely.points(x, y), dtype=object)
    return np.asarray(shapely.distance(points[:, None], shapes[None, :]))


def assert_nearest(shapes: Shapes, x: Floats, y: Floats, found: tuple[NDArray[np.integer], Floats]) -> None:
    every = twin(shapes, x, y)
    position, distance_m = found
    np.testing.assert_allclose(distance_m, every.min(axis=1), rtol=1e-9, atol=1e-9)
    # lowest of those as near
    lowest = (every <= every.min(axis=1)[:, None] + 1e-9).argmax(axis=1)
    assert position.tolist() == lowest.tolist()


def test_distances_agree_with_shapely_inside_between_and_far_outside() -> None:
    shapes = blobs(60, 5000, 1)
    rng = np.random.default_rng(2)
    x, y = rng.uniform(WEST - 3000, WEST + 8000, 3000), rng.uniform(SOUTH - 3000, SOUTH + 8000, 3000)
    assert_nearest(shapes, x, y, index_of(shapes).distance(x, y))


def test_order_of_points_and_company_do_not_matter() -> None:
    """A point asked alone has no neighbour that bounds its search; the answer is the same bit by bit."""
    shapes, rng = blobs(40, 3000, 3), np.random.default_rng(4)
    x, y = rng.uniform(WEST, WEST + 3000, 400), rng.uniform(SOUTH, SOUTH + 3000, 400)
    index = index_of(shapes)
    position, distance_m = index.distance(x, y)
    mixed = rng.permutation(400)
    shuffled = index.distance(x[mixed], y[mixed])
    assert shuffled[0].tolist() == position[mixed].tolist()
    assert shuffled[1].tolist() == distance_m[mixed].tolist()
    alone = [index.distance([a], [b]) for a, b in zip(x[:50], y[:50], strict=True)]
    assert [int(one[0][0]) for one in alone] == position[:50].tolist()
    assert [float(one[1][0]) for one in alone] == distance_m[:50].tolist()


NUMBER = st.integers(0, 12).map(lambda v: 10.0 * v) | st.floats(0, 120, allow_nan=False)


@given(
    st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), min_size=1, max_size=6),
    st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=20),
)
def test_boxes_that_touch_overlap_and_nest_agree_with_shapely(
    boxes: list[tuple[float, float, float, float]], points: list[tuple[float, float]]
) -> None:
    shapes = np.array(
        [
            shapely.box(WEST + min(a, c), SOUTH + min(b, d), WEST + max(a, c) + 1, SOUTH + max(b, d) + 1)
            for a, b, c, d in boxes
        ],
        dtype=object,
    )
    x, y = np.array(points).T + np.array([[WEST], [SOUTH]])
    index = index_of(shapes)
    assert_nearest(shapes, x, y, index.distance(x, y))
    assert_within(shapes, x, y, index, 25.0)
    assert_within(shapes, x, y, index, 0.0)


def assert_within(shapes: Shapes, x: Floats, y: Floats, index: Nearest, distance_m: float) -> None:
    offsets, positions = index.within(x, y, distance_m)
    every = twin(shapes, x, y)
    found = [positions[a:b].tolist() for a, b in pairwise(offsets)]
    for row, distances in zip(found, every, strict=True):
        assert row == sorted(set(row))
        assert set(row) >= set(np.flatnonzero(distances <= distance_m).tolist())
        assert set(row) <= set(np.flatnonzero(distances <= distance_m + 2e-9).tolist())


def test_all_within_a_distance_agree_with_shapely() -> None:
    shapes = blobs(80, 3000, 5)
    rng = np.random.default_rng(6)
    x, y = rng.uniform(WEST - 500, WEST + 3500, 800), rng.uniform(SOUTH - 500, SOUTH + 3500, 800)
    index = index_of(shapes)
    for distance_m in (0.0, 5.0, 300.0):
        assert_within(shapes, x, y, index, distance_m)


def test_by_hand() -> None:
    """A square with a hole, and a square beyond: inside, in the hole, between, on the edge, out of reach."""
    holed = shapely.box(0, 0, 30, 30).difference(shapely.box(10, 10, 20, 20))
    index = index_of([holed, shapely.box(40, 0, 50, 30)])
    x, y = [5, 14, 36, 35, 30, 90], [5, 15, 5, 5, 5, 5]
    position, distance_m = index.distance(x, y, max_m=20)
    assert position.tolist() == [0, 0, 1, 0, 0, -1]
    assert distance_m[:5].tolist() == [0, 4, 4, 5, 0]
    assert np.isnan(distance_m[5])
    offsets, positions = index.within(x, y, 6)
    assert offsets.tolist() == [0, 1, 2, 4, 6, 7, 7]
    assert positions.tolist() == [0, 0, 0, 1, 0, 1, 0]


def test_lines_agree_with_shapely_and_hold_nothing() -> None:
    """A ring of streets is no area: the point in its middle is as far as the street."""
    rng = np.random.default_rng(7)
    walks = [np.cumsum(rng.normal(0, 60, (20, 2)), axis=0) + rng.uniform(0, 2000, 2) for _ in range(30)]
    lines = np.array([shapely.LineString(walk + np.array([WEST, SOUTH])) for walk in walks], dtype=object)
    lines[0] = shapely.box(WEST, SOUTH, WEST + 100, SOUTH + 100).exterior
    lines[1] = shapely.MultiLineString([lines[1], shapely.LineString([(WEST, SOUTH - 50), (WEST + 9, SOUTH - 50)])])
    index = Nearest.of_lines(lines, UTM)
    x = np.append(rng.uniform(WEST - 500, WEST + 2500, 500), WEST + 50)
    y = np.append(rng.uniform(SOUTH - 500, SOUTH + 2500, 500), SOUTH + 50)
    assert_nearest(lines, x, y, index.distance(x, y))
    assert_within(lines, x, y, index, 80.0)


def test_what_cannot_be_computed_is_refused() -> None:
    index = index_of([shapely.box(0, 0, 10, 10)])
    with pytest.raises(InputError, match="missing or infinite"):
        index.distance([np.nan], [1])
    with pytest.raises(InputError, match="expected length 1"):
        index.within([1], [1, 2], 5)
    with pytest.raises(InputError, match="below 0"):
        index.within([1], [1], -1)
    with pytest.raises(CRSMismatchError, match="are in degrees"):
        Nearest.of_lines(np.array([shapely.LineString([(7, 51), (8, 52)])]), CRS.from_epsg(4326))
    with pytest.raises(InputError, match="row 1: 2 geometry"):
        Nearest.of_lines(
            np.array([shapely.LineString([(0, 0), (1, 1)]), shapely.Point(1, 1), shapely.LineString()]), UTM
        )
    with pytest.raises(InputError, match="are empty"):
        Nearest.of_lines(np.array([], dtype=object), UTM)


def test_no_points_give_empty_answers() -> None:
    index = index_of([shapely.box(0, 0, 10, 10)])
    assert [len(column) for column in index.distance([], [])] == [0, 0]
    offsets, positions = index.within([], [], 3)
    assert (offsets.tolist(), positions.size) == ([0], 0)
