"""Distances on foot: networks worked by hand, and networkx with every point and gate as a node of its own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import networkx as nx  # type: ignore[import-untyped]
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError
from geo.walking import Gates, WalkingNetwork

UTM = CRS.from_epsg(25832)
Floats = NDArray[np.float64]


def network(*lines: list[tuple[float, float]]) -> WalkingNetwork:
    return WalkingNetwork(np.array([shapely.LineString(line) for line in lines], dtype=object), UTM)


def columns(*shapes: shapely.Geometry) -> Polygons:
    return Polygons.from_shapely(np.array(shapes, dtype=object), UTM)


# a T: a street of 200 m and a lane of 100 m from its middle, which bends; a bridge over the lane; an island
TOWN = network(
    [(0, 0), (100, 0), (200, 0)],
    [(100, 0), (100, 60), (140, 60)],
    [(0, 30), (300, 30)],
    [(1000, 0), (1100, 0)],
)


def test_a_walk_by_hand() -> None:
    """5 m to the street, 40 m along it, 60 + 30 m along the lane around its bend, 2 m to the gate."""
    assert TOWN.distance([60], [-5], [130], [62]).tolist() == pytest.approx([5 + 40 + 60 + 30 + 2])


def test_a_gate_in_the_same_edge_is_reached_directly() -> None:
    """Not by way of the ends of the edge; also where both stand on the far side of a bend."""
    assert TOWN.distance([20, 138], [3, 60], [50, 100], [-4, 50]).tolist() == pytest.approx([3 + 30 + 4, 48])


def test_the_way_round_an_end_may_be_shorter_than_along_the_edge() -> None:
    ring = network([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)], [(0, 0), (-50, 0)])
    assert ring.distance([10], [0], [0], [20]).tolist() == pytest.approx([30])
    assert ring.distance([-50, 100], [0, 100], [0], [10]).tolist() == pytest.approx([60, 190])
    assert ring.distance([30, 0], [0, 30], [-50], [0]).tolist() == pytest.approx([80, 80])


def test_a_bridge_does_not_join_what_it_crosses() -> None:
    """The lane passes under y = 30 at (100, 30), ten metres from the gate as the crow flies."""
    assert np.isnan(TOWN.distance([100], [20], [110], [30])).all()


def test_parts_that_do_not_hang_together_have_no_distance() -> None:
    found = TOWN.distance([1050, 0], [0, 0], [200], [0])
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(200)


def test_the_limit_is_inclusive_and_counts_the_whole_walk() -> None:
    assert TOWN.distance([0], [0], [190], [-10], max_m=200).tolist() == pytest.approx([200])
    assert np.isnan(TOWN.distance([0], [0], [190], [-10], max_m=199.9)).all()
    assert np.isnan(TOWN.distance([0], [-5000], [0], [0], max_m=300)).all()


def test_no_gates_and_no_points() -> None:
    assert np.isnan(TOWN.distance([0], [0], [], [])).all()
    assert TOWN.distance([], [], [0], [0]).size == 0


def test_each_green_has_its_own_gates_and_its_own_reach() -> None:
    gates = Gates(np.array([200.0, 140, 0]), np.array([0.0, 60, 0]), np.array([1, 0, 1]), np.ones(3, np.bool_))
    found = TOWN.reach([90, 1050], [0, 0], gates, [110, 90.0])
    assert found.offsets.tolist() == [0, 2, 2]
    assert found.green.tolist() == [0, 1]
    assert found.distance_m.tolist() == pytest.approx([110, 90])
    assert TOWN.reach([90], [0], gates, [109, 89]).green.size == 0


def test_joins_survive_the_noise_of_reprojection_and_repeated_vertices() -> None:
    noisy = network([(0, 0), (0, 0), (100, 0)], [(100 + 1e-7, 0), (200, 0), (200, 1e-8)])
    assert noisy.distance([0], [0], [200], [0]).tolist() == pytest.approx([200])


def test_multilines_are_taken_apart() -> None:
    both = shapely.MultiLineString([[(0, 0), (10, 0)], [(10, 0), (10, 10)]])
    assert WalkingNetwork(np.array([both]), UTM).distance([0], [0], [10], [10]).tolist() == pytest.approx([20])


# a lattice of 10 m, so that lines share vertices, cross without one, run over each other and close to rings
SPOT = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda xy: (10.0 * xy[0], 10.0 * xy[1]))
LINE = st.lists(SPOT, min_size=2, max_size=5).filter(lambda line: len(set(line)) > 1)
ANYWHERE = st.tuples(st.integers(-9, 49), st.integers(-9, 49)).map(lambda xy: (xy[0] + 0.123, xy[1] + 0.456))


def by_networkx(lines: list[list[tuple[float, float]]], spots: Floats, gates: Floats) -> Floats:
    """Every vertex a node, every point a node on each segment that is as near as the nearest."""
    graph = nx.Graph()
    segments = [(a, b) for line in lines for a, b in pairwise(line) if a != b]
    ends = np.array([shapely.LineString(pair) for pair in segments])
    on: dict[int, list[tuple[float, object]]] = {
        s: [(0.0, a), (ends[s].length, b)] for s, (a, b) in enumerate(segments)
    }
    for kind, places in (("home", spots), ("gate", gates)):
        for k, xy in enumerate(places):
            distance = shapely.distance(ends, shapely.Point(xy))
            segment = int(distance.argmin())
            foot = ((kind, k), "foot")
            on[segment].append((float(ends[segment].project(shapely.Point(xy))), foot))
            graph.add_edge((kind, k), foot, weight=distance[segment])
    for places_on in on.values():
        order = sorted(places_on, key=lambda place: place[0])
        for (here, a), (there, b) in pairwise(order):
            known = graph.get_edge_data(a, b, {"weight": np.inf})["weight"]
            graph.add_edge(a, b, weight=min(known, there - here))
    out = np.full((len(spots), len(gates)), np.nan)
    for k in range(len(spots)):
        walked = nx.single_source_dijkstra_path_length(graph, ("home", k))
        for g in range(len(gates)):
            out[k, g] = walked.get(("gate", g), np.nan)
    return out


@given(
    st.lists(LINE, min_size=1, max_size=7),
    st.lists(ANYWHERE, min_size=1, max_size=8),
    st.lists(ANYWHERE, min_size=1, max_size=5),
)
def test_distances_agree_with_networkx(
    lines: list[list[tuple[float, float]]], homes: list[tuple[float, float]], gates: list[tuple[float, float]]
) -> None:
    town, spots, doors = network(*lines), np.array(homes), np.array(gates)
    expected = by_networkx(lines, spots, doors)
    each = Gates(doors[:, 0], doors[:, 1], np.arange(len(doors)), np.ones(len(doors), np.bool_))
    found = np.full_like(expected, np.nan)
    reached = town.reach(spots[:, 0], spots[:, 1], each, np.full(len(doors), 1e6))
    found[reached.point, reached.green] = reached.distance_m
    np.testing.assert_allclose(found, expected, atol=1e-9)
    nearest = np.where(np.isnan(expected), np.inf, expected).min(axis=1)
    distance_m = town.distance(spots[:, 0], spots[:, 1], doors[:, 0], doors[:, 1])
    np.testing.assert_allclose(np.nan_to_num(distance_m, nan=np.inf), nearest, atol=1e-9)
    straight = np.hypot(*(spots[:, None, :] - doors[None, :, :]).T).T
    assert (np.isnan(found) | (found >= straight - 1e-9)).all()
    near = town.reach(spots[:, 0], spots[:, 1], each, np.full(len(doors), 25.0))
    assert near.point.size == (expected <= 25).sum()


def test_gates_stand_where_ways_cross_or_touch_the_outline() -> None:
    """In and out through a park, a dead end at its edge, and one that ends inside; sorted by green."""
    park, pond = shapely.box(50, -50, 150, 50), shapely.box(300, 20, 310, 40)
    gates = TOWN.gates(columns(pond, park))
    found = sorted(zip(gates.green.tolist(), gates.x_m.tolist(), gates.y_m.tolist(), strict=True))
    assert found == [(0, 300, 30), (1, 50, 0), (1, 50, 30), (1, 100, 50), (1, 150, 0), (1, 150, 30)]
    assert gates.on_way.all()


def test_a_way_along_the_outline_opens_it_every_50_m() -> None:
    street = network([(0, 0), (120, 0)])
    gates = street.gates(columns(shapely.box(0, 0, 120, 60)))
    assert gates.x_m.tolist() == pytest.approx([0, 40, 80, 120])


def test_a_green_that_no_way_meets_is_open_all_round_and_says_so() -> None:
    pond = [(440, 430), (445, 430), (445, 435), (440, 435)]
    ring = shapely.Polygon([(400, 400), (500, 400), (500, 475), (400, 475)], [pond])
    gates = TOWN.gates(columns(shapely.box(150, -50, 250, 50), ring))
    round_ = gates.green == 1
    assert (gates.on_way == ~round_).all()
    spots = shapely.points(gates.x_m[round_], gates.y_m[round_])
    assert (shapely.distance(spots, ring.boundary) < 1e-9).all()
    outer = shapely.line_locate_point(ring.exterior, spots[:-1])
    assert np.diff(outer).tolist() == pytest.approx([50] * 6)
    assert shapely.distance(spots[-1], ring.interiors[0]) == 0


def test_no_greens_have_no_gates() -> None:
    assert TOWN.gates(columns(shapely.box(0, 0, 1, 1)).take(np.zeros(0, np.int64))).green.size == 0


def gate(green: int) -> Gates:
    return Gates(np.zeros(1), np.zeros(1), np.array([green]), np.ones(1, np.bool_))


LINE_A = shapely.LineString([(0, 0), (10, 0)])


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: WalkingNetwork(np.array([LINE_A]), CRS.from_epsg(4326)), CRSMismatchError),
        (lambda: WalkingNetwork(np.array([], dtype=object), UTM), InputError),
        (lambda: WalkingNetwork(np.array([LINE_A, shapely.Point(0, 0)]), UTM), InputError),
        (lambda: WalkingNetwork(np.array([LINE_A, None]), UTM), InputError),
        (lambda: network([(0, 0), (np.inf, 0)]), InputError),
        (lambda: network([(5, 5), (5, 5)]), InputError),
        (lambda: TOWN.distance([np.nan], [0], [0], [0]), InputError),
        (lambda: TOWN.distance([0], [0], [0], [0], max_m=-1), InputError),
        (lambda: TOWN.reach([0], [0], gate(2), [300]), InputError),
        (lambda: TOWN.reach([0], [0], gate(0), [0]), InputError),
        (
            lambda: TOWN.gates(
                Polygons.from_shapely(np.array([shapely.box(0, 0, 1, 1)]), CRS.from_epsg(25833)),
            ),
            CRSMismatchError,
        ),
    ],
)
def test_what_cannot_be_walked_is_refused(call: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        call()
