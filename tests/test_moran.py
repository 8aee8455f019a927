"""Moran's I: published answers, the same as esda, valid under noise, and never dependent on units or order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS
from scipy import stats

from geo.columns import Polygons
from geo.errors import InputError
from geo.moran import false_discovery, local_moran, local_moran_bivariate, moran, moran_bivariate
from geo.neighbours import Neighbours, cells, contiguity, nearest_neighbours

Floats = NDArray[np.float64]


def grid(side: int) -> Neighbours:
    row, column = np.divmod(np.arange(side * side), side)
    return cells(100.0 * column, 100.0 * row, 100.0)


def scattered(n: int, seed: int = 0, k: int = 6) -> Neighbours:
    x, y = np.random.default_rng(seed).uniform(0, 1e4, (2, n))
    return nearest_neighbours(x, y, k)


def relabelled(neighbours: Neighbours, order: NDArray[np.int64]) -> Neighbours:
    """Row i of the answer is row order[i]."""
    matrix = neighbours.matrix[order][:, order].tocsr()
    matrix.sort_indices()
    return Neighbours(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data)


# --- worked answers ---------------------------------------------------------------------------------------------------


def test_every_figure_of_the_lattice(vector: Callable[[str], Any]) -> None:
    """Breaks if any published figure moves: 4 x 4 squares, rooks."""
    worked = vector("moran_4x4")
    x, y, expected = worked["inputs"]["x"], worked["inputs"]["y"], worked["expected"]
    row, column = np.divmod(np.arange(16), 4)
    squares = Polygons.from_shapely(shapely.box(column, -row, column + 1, 1 - row), CRS.from_epsg(25832))
    lattice = contiguity(squares, rook=True)

    whole = moran(y, lattice)
    found = (whole.index, whole.expected, whole.variance_normal, whole.z_normal, whole.p_normal)
    names = ("moran_I_y", "EI", "VI_norm", "z_norm", "p_norm_two_sided")
    assert found == pytest.approx([expected[name] for name in names], rel=1e-6)
    assert whole.p == expected["p_sim_one_sided_999"]  # nothing is as extreme on either side
    between = moran_bivariate(x, y, lattice)
    assert between.index == pytest.approx(expected["bivariate_I_x_lag_y"], rel=1e-6)
    assert (between.pearson, between.spearman) == pytest.approx((stats.pearsonr(x, y)[0], stats.spearmanr(x, y)[0]))
    for local, name in ((local_moran(y, lattice), "local_{}_y"), (local_moran_bivariate(x, y, lattice), "local_bv_{}")):
        assert local.index.tolist() == pytest.approx(expected[name.format("I")], rel=1e-6)
        assert local.quadrant.tolist() == expected[name.format("quadrant")]


def test_discovery_rates_by_hand_and_by_scipy() -> None:
    """Of p 0.01, 0.02, 0.03, 0.9 the first three share 0.04: 0.03 * 4 / 3 undercuts 0.01 * 4 only together."""
    assert false_discovery([0.9, 0.01, 0.03, 0.02]).tolist() == pytest.approx([0.9, 0.04, 0.04, 0.04])
    p = np.random.default_rng(2).integers(1, 30, 200) / 30  # with many ties
    np.testing.assert_allclose(false_discovery(p), stats.false_discovery_control(p), rtol=1e-12)
    with pytest.raises(InputError, match="p"):
        false_discovery([0.5, 1.5])


# --- the same as esda -------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("neighbours", [grid(7), scattered(60)], ids=["grid", "nearest"])
def test_same_as_esda(neighbours: Neighbours) -> None:
    """Indices and quadrants to the digit; p within five standard errors of two Monte Carlo estimates."""
    esda = pytest.importorskip("esda")
    libpysal = pytest.importorskip("libpysal")
    n, offsets = len(neighbours), neighbours.offsets
    lists = {i: neighbours.positions[offsets[i] : offsets[i + 1]].tolist() for i in range(n)}
    weights = libpysal.weights.W(lists, silence_warnings=True)
    rng = np.random.default_rng(1)
    x = rng.gamma(1.0, size=n)
    y = x + rng.normal(size=n) + neighbours.lag(rng.normal(size=n))
    np.random.seed(1)  # noqa: NPY002 - the numbers that esda draws from

    theirs = esda.Moran(y, weights, permutations=999)
    ours = moran(y, neighbours, permutations=9999)
    found = (ours.index, ours.expected, ours.variance_normal, ours.z_normal, ours.p_normal)
    assert found == pytest.approx((theirs.I, theirs.EI, theirs.VI_norm, theirs.z_norm, theirs.p_norm), rel=1e-9)
    extreme = np.abs(theirs.sim - theirs.EI) >= abs(theirs.I - theirs.EI)
    assert_close_p(np.array([ours.p]), np.array([(1 + extreme.sum()) / 1000]), 999)

    assert moran_bivariate(x, y, neighbours).index == pytest.approx(esda.Moran_BV(x, y, weights).I, rel=1e-9)
    for local, their in (
        (local_moran(y, neighbours), esda.Moran_Local(y, weights, permutations=0)),
        (local_moran_bivariate(x, y, neighbours), esda.Moran_Local_BV(x, y, weights, permutations=0)),
    ):
        np.testing.assert_allclose(local.index, their.Is, rtol=1e-9)
        assert local.quadrant.tolist() == their.q.tolist()


@pytest.mark.parametrize("neighbours", [grid(6), scattered(40, k=37)], ids=["grid", "nearly all"])
def test_local_p_by_drawing_the_slow_way(neighbours: Neighbours) -> None:
    """Breaks if an area is drawn twice, or draws itself: with 37 of 39 others the choice is between few."""
    n, offsets, rng = len(neighbours), neighbours.offsets, np.random.default_rng(9)
    x, y = rng.gamma(1.0, size=(2, n))
    lag, expected = neighbours.lag(y), []
    for i in range(n):
        others = np.delete(y, i)
        drawn = rng.permuted(np.tile(others, (1999, 1)), axis=1)[:, : offsets[i + 1] - offsets[i]].mean(axis=1)
        far = np.abs(drawn - others.mean()) >= abs(lag[i] - others.mean()) - 1e-12
        expected.append((1 + far.sum()) / 2000)
    assert_close_p(local_moran(y, neighbours, permutations=9999).p, np.array(expected), 1999)
    assert_close_p(local_moran_bivariate(x, y, neighbours, permutations=9999).p, np.array(expected), 1999)


def assert_close_p(ours: Floats, theirs: Floats, permutations: int) -> None:
    error = np.sqrt(np.maximum(ours * (1 - ours), 1 / permutations) / permutations)
    assert (np.abs(ours - theirs) <= 5 * error + 1 / permutations).all()


# --- valid under noise ------------------------------------------------------------------------------------------------


def test_p_is_uniform_under_noise() -> None:
    """Skewed values without pattern: each p is as likely as any other, for one figure and for two."""
    neighbours, rng = scattered(60), np.random.default_rng(4)
    noise = rng.gamma(0.5, size=(500, 3, 60))
    one = [moran(x, neighbours, permutations=199, seed=run).p for run, (x, _, _) in enumerate(noise)]
    two = [moran_bivariate(x, y, neighbours, permutations=199, seed=run).p for run, (_, x, y) in enumerate(noise)]
    for p in (one, two):
        # p comes in steps of 1/200: spread over its step it is continuous
        assert stats.kstest(p - rng.uniform(0, 1 / 200, 500), "uniform").pvalue > 0.01


def test_false_discoveries_keep_their_share_under_noise() -> None:
    """Where nothing is to be found, finding anything is false: that may happen in a tenth of all runs."""
    neighbours, rng = grid(8), np.random.default_rng(6)
    wrong = [local_moran(rng.normal(size=64), neighbours, seed=run).significant(0.1).any() for run in range(300)]
    assert 0 < np.mean(wrong) <= 0.1


def test_a_cluster_is_found_where_it_is() -> None:
    """A warm block in the corner of a noisy grid: found inside, nothing far away."""
    values = np.random.default_rng(8).normal(size=(12, 12))
    values[:4, :4] += 5
    found = local_moran(values.ravel(), grid(12), permutations=9999)
    shown = found.significant().reshape(12, 12)
    assert shown[:3, :3].all()
    assert (found.quadrant.reshape(12, 12)[:3, :3] == 1).all()
    assert not shown[6:, 6:].any()


# --- what must not matter ---------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(1e-9, 1e9), st.floats(-100, 100), st.integers(5, 40))
def test_units_and_order_do_not_matter(seed: int, scale: float, shift: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    neighbours, x, y = scattered(n, seed, 3), rng.normal(size=n), rng.normal(size=n)
    order = rng.permutation(n)
    first, other = moran(y, neighbours, permutations=99), moran(scale * (y + shift), neighbours, permutations=99)
    assert (other.index, other.z_normal, other.p) == pytest.approx((first.index, first.z_normal, first.p), abs=1e-9)
    turned = relabelled(neighbours, order)
    assert moran(y[order], turned, permutations=9).index == pytest.approx(first.index, abs=1e-12)
    between = moran_bivariate(x, y, neighbours, permutations=9)
    moved = moran_bivariate(x[order] * scale, y[order] + shift, turned, permutations=9)
    assert (moved.index, moved.pearson, moved.spearman) == pytest.approx(
        (between.index, between.pearson, between.spearman), abs=1e-9
    )
    local = local_moran_bivariate(x, y, neighbours, permutations=9)
    moved_local = local_moran_bivariate(x[order], y[order], turned, permutations=9)
    np.testing.assert_allclose(moved_local.index, local.index[order], atol=1e-9)


def test_same_seed_same_p_on_any_number_of_threads() -> None:
    neighbours, values = grid(13), np.random.default_rng(3).normal(size=169)

    def found(seed: int) -> tuple[float, list[float]]:
        return moran(values, neighbours, seed=seed).p, local_moran(values, neighbours, seed=seed).p.tolist()

    before, threads = found(7), numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert found(7) == before
    finally:
        numba.set_num_threads(threads)
    assert found(8)[1] != before[1]
    assert found(-1)[1] != before[1]


def test_two_groups_apart_and_islands() -> None:
    """Areas that hang together in two groups, one high and one low: I is 1; an area far off is no obstacle."""
    x = np.array([0, 1, 2, 50, 51, 52, 90]) * 100.0
    row = cells(x, np.zeros(7), 100)
    assert row.joined.tolist() == [6]
    assert row.components() == 2
    values = [1, 1, 1, 9, 9, 9, 9]
    assert moran(values, row).index == pytest.approx(1)
    assert local_moran(values, row).quadrant.tolist() == [3, 3, 3, 1, 1, 1, 1]


def test_value_at_the_mean_stands_out_in_nothing() -> None:
    """Its local figure is 0 whoever its neighbours are, so no permutation differs."""
    values = np.array([-4.0, -4, 0, 4, 4])
    local = local_moran(values, cells(np.arange(5.0), np.zeros(5), 1))
    assert local.index[2] == 0
    assert local.p[2] == 1


def test_what_is_wrong_is_said() -> None:
    neighbours = grid(3)
    for values in (np.full(9, 0.1), np.zeros(9), 1e300 * np.ones(9)):
        with pytest.raises(InputError, match="values: has no variation"):
            moran(values, neighbours)
    with pytest.raises(InputError) as error:
        moran_bivariate([1, np.nan, *range(7)], [1, 2], neighbours, permutations=0)
    assert [problem.where for problem in error.value.problems] == ["x[1]", "y", "permutations"]
    with pytest.raises(InputError, match="join every area with all others"):
        local_moran([1, 2, 3, 4, 5], scattered(5, k=4))
    with pytest.raises(InputError, match="alpha"):
        local_moran(np.arange(9), neighbours, permutations=9).significant(1.5)
    assert moran(1e300 * np.arange(9), neighbours).index == pytest.approx(moran(np.arange(9), neighbours).index)
