"""Neighbours: those of a map drawn by hand, the slow way, and for rows in any order; nobody is left alone."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError
from geo.neighbours import Neighbours, cells, contiguity, nearest_neighbours

UTM = CRS.from_epsg(25832)
Floats = NDArray[np.float64]


def rows(found: Neighbours) -> list[list[int]]:
    return [run.tolist() for run in np.split(found.positions, found.offsets[1:-1])]


def squares(corners: list[tuple[float, float]], size: float = 1.0) -> Polygons:
    boxes = [shapely.box(x, y, x + size, y + size) for x, y in corners]
    return Polygons.from_shapely(np.array(boxes, dtype=object), UTM)


def test_squares_by_hand() -> None:
    """Six squares in two rows: queens see the corners, rooks do not."""
    six = squares([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)])
    assert rows(contiguity(six)) == [[1, 3, 4], [0, 2, 3, 4, 5], [1, 4, 5], [0, 1, 4], [0, 1, 2, 3, 5], [1, 2, 4]]
    rook = contiguity(six, rook=True)
    assert rows(rook) == [[1, 3], [0, 2, 4], [1, 5], [0, 4], [1, 3, 5], [2, 4]]
    assert rook.weights.tolist() == pytest.approx([1 / len(row) for row in rows(rook) for _ in row])
    assert rook.lag([1, 2, 3, 4, 5, 6]).tolist() == pytest.approx([3, 3, 4, 3, 4, 4])
    assert rook.components() == 1
    assert rook.joined.size == 0


def test_gap_is_bridged_by_the_tolerance_alone() -> None:
    """Squares 0.1 m apart: no neighbours without a tolerance (each joins its nearest), a row of them with it."""
    row = squares([(1.1 * i, 0) for i in range(5)] + [(1.1 * 4 + 1.05, 1.05)])
    for rook in (False, True):
        found = contiguity(row, rook=rook, tolerance_m=0.11)
        assert rows(found)[:4] == [[1], [0, 2], [1, 3], [2, 4]]
        # the last is 0.07 m from a corner: a rook joins it as an island
        assert found.joined.tolist() == ([5] if rook else [])
    assert contiguity(row).joined.tolist() == [0, 1, 2, 3, 4, 5]


def test_overlapping_nested_and_equal_areas_are_neighbours_of_either_kind() -> None:
    """Their boundaries need not meet: one may lie inside the other."""
    shapes = [
        shapely.box(*bounds)
        for bounds in ((0, 0, 9, 9), (3, 3, 4, 4), (8, 8, 12, 12), (8, 8, 12, 12), (12, 12, 13, 13))
    ]
    areas = Polygons.from_shapely(np.array(shapes, dtype=object), UTM)
    queen = [[1, 2, 3], [0], [0, 3, 4], [0, 2, 4], [2, 3]]
    assert rows(contiguity(areas)) == queen
    # the last touches two at a corner only; both are equally near, so it joins both
    found = contiguity(areas, rook=True)
    assert rows(found) == queen
    assert found.joined.tolist() == [4]


def test_islands_join_the_nearest_both_ways() -> None:
    """The distance is that of the outlines: the long one in the middle is nearer than any centre tells."""
    shapes = [
        shapely.box(0, 0, 100, 1),
        shapely.box(0, 1, 1, 2),
        shapely.box(103, 0, 104, 1),
        shapely.box(50, 9, 51, 10),
    ]
    shapes.append(shapely.box(52.5, 9, 53, 10))
    found = contiguity(Polygons.from_shapely(np.array(shapes, dtype=object), UTM))
    assert found.joined.tolist() == [2, 3, 4]
    assert rows(found) == [[1, 2], [0], [0], [4], [3]]
    assert found.components() == 2


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=5, max_size=30, unique=True))
def test_cells_are_queens_among_their_squares(places: list[tuple[int, int]]) -> None:
    """Breaks if a cell is missed, wraps around the grid, or is left alone."""
    x, y = 3.9e5 + 100 * np.array(places, dtype=float).T
    found = cells(x, y, 100)
    gap = np.abs(np.array(places)[:, None] - np.array(places)[None]).max(axis=2)
    around = [np.flatnonzero(row == 1).tolist() for row in gap]
    assert found.joined.tolist() == [i for i, row in enumerate(around) if not row]
    touching = [row for i, row in enumerate(rows(found)) if around[i]]
    assert all(set(near) <= set(row) for near, row in zip([a for a in around if a], touching, strict=True))
    if not found.joined.size:
        assert rows(found) == around
        assert rows(contiguity(squares([(float(a), float(b)) for a, b in zip(x, y, strict=True)], 100))) == around
    assert np.diff(found.offsets).min() >= 1


@given(st.integers(5, 40), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_nearest_are_the_nearest(n: int, k: int, seed: int) -> None:
    x, y = np.random.default_rng(seed).uniform(0, 1000, (2, n))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    expected = np.sort(np.argsort(distance, axis=1)[:, :k], axis=1)
    assert rows(nearest_neighbours(x, y, k)) == expected.tolist()


def test_points_in_one_place_are_neighbours_but_never_their_own() -> None:
    """With more coincident points than k, the tree need not return the point itself."""
    x = np.array([0.0] * 9 + [5.0])
    found = nearest_neighbours(x, x, k=3)
    assert all(len(row) == 3 and i not in row for i, row in enumerate(rows(found)))
    assert all(max(row) < 9 for row in rows(found))


def test_order_of_rows_does_not_choose_among_equally_far_points() -> None:
    """On a grid the sixth neighbour is one of several: whoever sorts the table must get the same ones."""
    x, y = (axis.ravel().astype(float) for axis in np.meshgrid(np.arange(7), np.arange(7)))
    order = np.random.default_rng(3).permutation(49)
    place = np.argsort(order)
    first, second = rows(nearest_neighbours(x, y)), rows(nearest_neighbours(x[order], y[order]))
    assert [sorted(place[row].tolist()) for row in first] == [second[place[i]] for i in range(49)]


def test_what_is_wrong_is_said() -> None:
    few = squares([(0, 0), (1, 0), (2, 0), (3, 0)])
    with pytest.raises(InputError, match=r"areas: are 4: too few.*"):
        contiguity(few)
    with pytest.raises(InputError, match="tolerance_m"):
        contiguity(squares([(i, 0) for i in range(5)]), tolerance_m=-1)
    degrees = Polygons(few.coords, few.rings, few.parts, few.rows, CRS.from_epsg(4326))
    with pytest.raises(CRSMismatchError, match="in degrees"):
        contiguity(degrees)
    line = np.arange(6.0)
    for k in (0, 6):
        with pytest.raises(InputError, match="k: "):
            nearest_neighbours(line, line, k)
    with pytest.raises(InputError, match=r"x_m\[2\]"):
        nearest_neighbours([0, 1, np.nan, 3, 4, 5], line)
    with pytest.raises(InputError) as error:
        cells([0, 100, 200, 200, 330], [0, 0, 0, 0, 0], 100)
    assert [problem.where for problem in error.value.problems] == ["cells[4]", "cells[3]"]
    with pytest.raises(InputError, match="size_m"):
        cells(line, line, 0)
    with pytest.raises(InputError, match=r"values\[0\]"):
        nearest_neighbours(line, line, 2).lag([np.nan, 1, 2, 3, 4, 5])
