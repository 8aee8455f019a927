"""Who reaches how much green: worked answers, PySAL's 2SFCA, and square metres that all have to be somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo.access import (
    KERNELS,
    Reach,
    access_share,
    d0_by_size,
    nearest_green_m,
    reach,
    rule_3_30_300,
    supply_2sfca,
    supply_by_group,
    trees_near,
)
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError

UTM = CRS.from_epsg(25832)
Floats = NDArray[np.float64]


def columns(*shapes: shapely.Geometry, crs: CRS = UTM) -> Polygons:
    return Polygons.from_shapely(np.array(shapes, dtype=object), crs)


def of_matrix(distance_m: Floats, d0_m: Floats) -> Reach:
    """Reach from every distance, the slow way."""
    point, green = np.nonzero(distance_m <= d0_m)
    return Reach.of_pairs(point, green, distance_m[point, green], len(distance_m), d0_m)


@st.composite
def cities(draw: st.DrawFn) -> tuple[Reach, Floats, Floats]:
    points, greens = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    people = rng.choice([0.0, 0.01, 0.3, 40, 700], points) * rng.random(points)
    distance_m = rng.choice([0.0, 150, 299, 300, 301, 2000], (points, greens))
    d0_m = rng.choice([150.0, 300, 1000], greens)
    return of_matrix(distance_m, d0_m), people, rng.uniform(0, 50_000, greens)


def test_two_greens_and_three_cells_by_hand(vector: Callable[[str], Any]) -> None:
    worked = vector("access_2sfca")
    given_, expected = worked["inputs"], worked["expected"]
    distance_m = np.array(given_["distance_m"])
    reached = of_matrix(distance_m, np.full(2, given_["d0"]))
    found = supply_2sfca(reached, given_["pop"], given_["green_m2"], kernel=given_["kernel"])
    np.testing.assert_allclose(found.ratio_m2_per_head, expected["R_j"], rtol=1e-12)
    np.testing.assert_allclose(found.m2_per_head, expected["A_i"], rtol=1e-12)
    np.testing.assert_allclose(found.balance_m2() / found.people, expected["demand_9m2_balance"], rtol=1e-12)
    assert found.m2_per_head @ found.people == pytest.approx(expected["check_sum_A_P"], rel=1e-12)
    assert found.unserved_m2.tolist() == [0, 0]


@given(cities(), st.sampled_from(sorted(KERNELS)))
def test_every_square_metre_goes_to_somebody_or_is_unserved(city: tuple[Reach, Floats, Floats], kernel: str) -> None:
    """The law over served greens, and what the rule for less than one person leaves over."""
    reached, people, green_m2 = city
    found = supply_2sfca(reached, people, green_m2, kernel=kernel)
    assert found.m2_per_head @ people + found.unserved_m2.sum() == pytest.approx(green_m2.sum(), rel=1e-12)
    demand = np.bincount(reached.green, reached.weights(kernel) * people[reached.point], green_m2.size)
    served = demand >= 1
    assert (found.unserved_m2[served] == 0).all()
    np.testing.assert_allclose(found.ratio_m2_per_head[~served], green_m2[~served])
    assert (found.m2_per_head >= 0).all()


@pytest.mark.parametrize(
    ("kernel", "half", "end"),
    [
        ("dichotomy", 1, 1),
        ("exponential", 0.6065306597126334, 0.36787944117144233),
        ("gaussian", 0.7013665732390042, 0),
        ("density", 0.5625, 0),
    ],
)
def test_kernels_at_the_door_half_way_and_at_the_end(kernel: str, half: float, end: float) -> None:
    reached = of_matrix(np.array([[0.0], [150], [300]]), np.array([300.0]))
    start = 0.75 if kernel == "density" else 1
    np.testing.assert_allclose(reached.weights(kernel), [start, half, end], atol=1e-9)


@pytest.mark.parametrize("kernel", ["dichotomy", "exponential"])
def test_supply_agrees_with_pysal(kernel: str) -> None:
    fca = pytest.importorskip("access.fca")
    rng = np.random.default_rng(7)
    people, green_m2 = rng.integers(50, 900, 200).astype(float), rng.uniform(500, 90_000, 40)
    distance_m = rng.uniform(0, 3000, (200, 40))
    found = supply_2sfca(of_matrix(distance_m, np.full(40, 500.0)), people, green_m2, kernel=kernel)
    point, green = np.indices(distance_m.shape).reshape(2, -1)
    theirs = fca.two_stage_fca(
        demand_df=pd.DataFrame({"demand": people}, index=pd.RangeIndex(200)),
        supply_df=pd.DataFrame({"supply": green_m2}, index=pd.RangeIndex(40)),
        cost_df=pd.DataFrame({"origin": point, "dest": green, "cost": distance_m.ravel()}),
        max_cost=500,
        demand_index=True,
        supply_index=True,
        weight_fn=None if kernel == "dichotomy" else lambda cost: np.exp(-cost / 500),
    ).reindex(range(200), fill_value=0.0)
    np.testing.assert_allclose(found.m2_per_head, theirs, rtol=1e-9)


PARKS = (
    shapely.box(0, 0, 100, 100),
    shapely.box(300, 0, 900, 600).difference(shapely.box(400, 100, 800, 500)),
    shapely.union(shapely.box(0, 700, 50, 750), shapely.Point(200, 900).buffer(60)),
    shapely.Polygon([(1000, 0), (1400, 50), (1100, 80), (1350, 400), (1000, 0)]),
)


@given(
    st.lists(st.tuples(st.integers(-40, 160), st.integers(-40, 120)), min_size=1, max_size=30),
    st.lists(st.sampled_from([1.0, 100, 300, 1000]), min_size=4, max_size=4),
)
def test_reach_agrees_with_shapely(spots: list[tuple[int, int]], d0: list[float]) -> None:
    """Also on outlines, in holes, at corners and exactly at the end of the reach: points lie on a lattice of 10 m."""
    xy, d0_m = 10.0 * np.array(spots), np.array(d0)
    found = reach(xy[:, 0], xy[:, 1], columns(*PARKS), d0_m)
    expected = shapely.distance(np.asarray(shapely.points(xy))[:, None], np.array(PARKS)[None, :])
    twin = of_matrix(expected, d0_m + 1e-9)
    assert found.offsets.tolist() == twin.offsets.tolist()
    assert found.green.tolist() == twin.green.tolist()
    np.testing.assert_allclose(found.distance_m, twin.distance_m, atol=1e-9)


def test_reach_keeps_its_digits_where_coordinates_are_large() -> None:
    far = 5_700_000.0
    park = columns(shapely.box(far, far, far + 10, far + 10))
    assert reach([far + 10.001], [far + 5], park, 1.0).distance_m[0] == pytest.approx(0.001, abs=1e-8)
    assert reach([far + 9.999], [far + 5], park, 1.0).distance_m.tolist() == [0]


def test_no_greens_is_an_answer_not_an_error() -> None:
    none = columns(shapely.box(0, 0, 1, 1)).take(np.zeros(0, np.int64))
    found = supply_2sfca(reach([0, 1], [0, 1], none, 300), [10, 20], [])
    assert found.m2_per_head.tolist() == [0, 0]
    assert found.balance_m2(9).tolist() == [-90, -180]


def test_a_new_park_changes_only_cells_in_its_reach_by_its_own_supply() -> None:
    x, y = (grid.ravel().astype(float) for grid in np.meshgrid(range(0, 1500, 70), range(0, 1000, 70)))
    people, new = 3.0 + np.arange(x.size) % 7, shapely.box(1200, 700, 1300, 800)
    areas = shapely.area([*PARKS, new])

    def supply(*shapes: shapely.Geometry, m2: Floats) -> Floats:
        return supply_2sfca(reach(x, y, columns(*shapes), 300), people, m2, kernel="gaussian").m2_per_head

    before, after = supply(*PARKS, m2=areas[:-1]), supply(*PARKS, new, m2=areas)
    near = shapely.distance(shapely.points(x, y), new) < 300
    assert near.any()
    assert not near.all()
    assert (after[~near] == before[~near]).all()
    assert (after[near] > before[near]).all()
    np.testing.assert_allclose(after - before, supply(new, m2=areas[-1:]), atol=1e-9)
    assert (after - before) @ people == pytest.approx(areas[-1])


def test_reach_by_size_at_the_bounds() -> None:
    assert d0_by_size([100, 9_999, 10_000, 99_999, 100_000]).tolist() == [300, 300, 500, 500, 1000]


def test_supply_of_groups_weighs_each_cell_by_their_people() -> None:
    found = supply_by_group([10, 2], [[30, 0, 0], [10, 5, 0]])
    assert found[:2].tolist() == [8, 2]
    assert np.isnan(found[2])


def test_share_within_a_distance_counts_people_not_cells() -> None:
    """300 m is within, unreached is not, nobody counts for nothing."""
    assert access_share([300, 301, np.nan, 0], [10, 20, 30, 0]) == pytest.approx(1 / 6)


def test_nearest_green_of_a_size() -> None:
    greens = columns(shapely.box(0, 0, 50, 50), shapely.box(200, 0, 300, 100))
    assert nearest_green_m([60, 250], [20, 50], greens).tolist() == [140, 0]
    assert nearest_green_m([60], [20], greens, least_m2=0).tolist() == pytest.approx([10])
    assert np.isnan(nearest_green_m([60], [20], greens, max_m=100)).all()
    assert np.isnan(nearest_green_m([60], [20], greens, least_m2=20_000)).all()


def test_trees_are_counted_up_to_the_radius() -> None:
    assert trees_near([0, 100], [0, 0], [25, 0, 0, 25.1], [0, 25, 0, 0]).tolist() == [3, 0]
    assert trees_near([0], [0], [], []).tolist() == [0]


def test_rule_has_three_parts_and_a_score_only_if_all_are_known() -> None:
    people = [10, 30]
    known = rule_3_30_300(people, trees=[3, 2, 5, 0], canopy_share=[0.3, 0.29], distance_m=[np.nan, 300])
    assert (known.r3, known.r30, known.r300) == (0.5, 0.25, 0.75)
    assert known.score == pytest.approx(0.5)
    unknown = rule_3_30_300(people, trees=[3], canopy_share=[0.3, 0.3])
    assert (unknown.r3, unknown.r30, unknown.r300, unknown.score) == (1, 1, None, None)


REACHED = of_matrix(np.array([[100.0]]), np.array([300.0]))
PARK = columns(PARKS[0])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: supply_2sfca(REACHED, [np.nan], [1]), "people"),
        (lambda: supply_2sfca(REACHED, [1, 2], [-1], kernel="gausian"), "people.*\n.*green_m2.*\n.*'gaussian'"),
        (lambda: supply_2sfca(REACHED, [1], [np.nan]), "green_m2"),
        (lambda: reach([np.nan], [0], PARK, 300), "x_m"),
        (lambda: reach([0], [0, 1], PARK, 300), "y_m"),
        (lambda: reach([0], [0], PARK, 0), "d0_m"),
        (lambda: reach([0], [0], PARK, [300, 300]), "d0_m"),
        (lambda: supply_by_group([1, 2], [[1, 2]]), "people_by_group"),
        (lambda: access_share([-1], [1]), "distance_m"),
        (lambda: access_share([1], [0]), "population"),
        (lambda: d0_by_size([np.nan]), "area_m2"),
        (lambda: rule_3_30_300([1], canopy_share=[30]), "canopy_share"),
        (lambda: rule_3_30_300([1], canopy_share=[np.nan]), "canopy_share"),
        (lambda: rule_3_30_300([1], trees=[]), "trees"),
        (lambda: trees_near([0], [0], [0], [np.nan]), "tree_y_m"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(call: Callable[[], object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        call()


def test_degrees_are_refused() -> None:
    degrees = columns(PARKS[0], crs=CRS.from_epsg(4326))
    with pytest.raises(CRSMismatchError):
        reach([0], [0], degrees, 300)
    with pytest.raises(CRSMismatchError):
        nearest_green_m([0], [0], degrees)
