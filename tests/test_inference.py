"""How sure: p-values are uniform under chance, moments are those of all orders, intervals those of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from geo import equity, inference
from geo import inference_kernels as kernels
from geo.arrays import FloatArray
from geo.errors import InputError
from geo.inference import Claim

# --- shuffled areas ---------------------------------------------------------------------------------------------------


class Areas(NamedTuple):
    """Areas with an amount per head, people and a welfare rank that may have ties."""

    per_head: FloatArray
    people: FloatArray
    rank: FloatArray


@st.composite
def some_areas(draw: st.DrawFn, lowest: float = -100) -> Areas:
    n = draw(st.integers(1, 6))
    columns = (st.floats(lowest, 100), st.integers(1, 20), st.integers(-3, 3))
    return Areas(*(np.array(draw(st.lists(one, min_size=n, max_size=n)), dtype=float) for one in columns))


def numerator(areas: Areas) -> float:
    """Sum of shares of people, amounts and ranks around their mean: index times mean."""
    share = areas.people / areas.people.sum()
    return float(share @ (areas.per_head * (2 * equity.ranks(areas.rank, areas.people) - 1)))


@given(some_areas())
def test_the_moments_are_those_of_all_orders(areas: Areas) -> None:
    """Every order of up to six amounts: breaks if unequal people or ties are left out of the closed form."""
    found = inference.concentration_variance(*areas)
    every = [numerator(areas._replace(per_head=np.array(one))) for one in permutations(areas.per_head)]
    assert found.value == pytest.approx(numerator(areas), abs=1e-9)
    assert found.mean == 0
    assert np.mean(every) == pytest.approx(0, abs=1e-9)
    assert found.variance == pytest.approx(np.var(every), rel=1e-9, abs=1e-9)
    assert 0 <= found.p <= 1


@given(some_areas(lowest=0.5))
def test_the_numerator_is_the_index_times_its_mean(areas: Areas) -> None:
    index = equity.concentration(*areas).index
    mean = equity.weighted_mean(areas.per_head, areas.people)
    assert inference.concentration_variance(*areas).value == pytest.approx(index * mean, abs=1e-9)


def test_the_normal_p_by_hand() -> None:
    """Two areas alike with 1 and 3: D is 0.5 either way, so its variance is 0.25 and z is 1."""
    found = inference.concentration_variance([1, 3], [5, 5], [1, 2])
    assert (found.value, found.variance) == pytest.approx((0.5, 0.25))
    assert found.p == pytest.approx(0.317310507862914)
    assert inference.concentration_variance([2, 2], [5, 5], [1, 2]).p == 1


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(lambda rng, n: rng.normal(size=n), id="all different"),
        pytest.param(lambda rng, n: 1 + rng.integers(0, 4 * n, n) * 2.0**-52, id="too close to be told apart at once"),
        pytest.param(lambda rng, n: np.arange(n) / 16 + rng.integers(0, 3, n) * 2.0**-43, id="close in pairs"),
        pytest.param(lambda rng, n: rng.choice([-0.0, 0.0, 1.0, -1e300, 5e-324], n), id="ties and zeros of both signs"),
    ],
)
def test_ranks_of_many_units_are_exact(key: Callable[[np.random.Generator, int], FloatArray]) -> None:
    """Keys are sorted without their last bits first: breaks if those never decide."""
    rng = np.random.default_rng(1)
    n = 3000
    areas = Areas(rng.lognormal(size=n), rng.integers(1, 9, n).astype(float), key(rng, n))
    found = inference.concentration_variance(*areas)
    assert found.value == pytest.approx(numerator(areas), rel=1e-9)
    coefficient = equity.population_shares(areas.people) * (2 * equity.ranks(areas.rank, areas.people) - 1)
    assert found.variance == pytest.approx(coefficient @ coefficient * areas.per_head.var(ddof=1), rel=1e-9)


def test_shuffles_are_those_of_all_orders() -> None:
    """Six areas of unequal size: the mean per person changes with every order, and so does the divisor."""
    areas = Areas(np.array([1.0, 9, 4, 2, 7, 3]), np.array([1.0, 20, 3, 8, 2, 5]), np.array([3.0, 1, 2, 2, 5, 4]))
    every = np.array([equity.concentration(one, *areas[1:]).index for one in permutations(areas.per_head)])
    found = inference.permuted_concentration(*areas, permutations=40_000)
    assert found.value == equity.concentration(*areas).index
    assert found.mean == pytest.approx(every.mean(), abs=5 * every.std() / 200)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, (0.05, 0.95))), abs=0.01)
    slack = 1e-9
    tail = min((every <= found.value + slack).mean(), (every >= found.value - slack).mean())
    assert found.p == pytest.approx(min(1, 2 * tail), abs=0.02)


def test_closed_form_and_shuffles_agree() -> None:
    rng = np.random.default_rng(3)
    areas = Areas(rng.lognormal(size=400), np.full(400, 7.0), rng.normal(size=400))
    found = inference.permuted_concentration(*areas, permutations=4000)
    exact = inference.concentration_variance(*areas)
    assert found.p == pytest.approx(exact.p, abs=0.04)
    spread = np.sqrt(exact.variance) / areas.per_head.mean()
    assert found.high - found.low == pytest.approx(2 * 1.645 * spread, rel=0.05)


def test_shuffled_areas_give_uniform_p() -> None:
    """Breaks if an order is favoured, or the observed index is divided by another mean than the shuffled ones."""
    rng = np.random.default_rng(5)
    people, rank, amount = rng.integers(1, 100, 20), rng.normal(size=20), rng.lognormal(size=20)
    p = [
        inference.permuted_concentration(rng.permutation(amount), people, rank, permutations=199, seed=run).p
        for run in range(500)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_areas_without_people_take_no_part_in_shuffles() -> None:
    areas = Areas(np.array([1.0, 5, 2, 8]), np.array([4.0, 2, 3, 1]), np.array([1.0, 2, 3, 4]))
    with_port = Areas(*(np.insert(column, 1, value) for column, value in zip(areas, (1e6, 0, 9), strict=True)))
    assert inference.permuted_concentration(*with_port) == inference.permuted_concentration(*areas)
    assert inference.concentration_variance(*with_port) == inference.concentration_variance(*areas)
    one, other = inference.bootstrap_areas(*with_port, draws=9), inference.bootstrap_areas(*areas, draws=9)
    np.testing.assert_array_equal(one.concentration, other.concentration)


def test_a_seed_gives_the_same_and_another_seed_other_figures() -> None:
    areas = Areas(np.array([1.0, 5, 2, 8]), np.array([4.0, 2, 3, 1]), np.array([1.0, 2, 3, 4]))
    permuted = partial(inference.permuted_concentration, *areas, permutations=99)
    assert permuted(seed=-4) == permuted(seed=-4)
    assert permuted(seed=-4).mean != permuted(seed=5).mean
    calls: list[Callable[[int], FloatArray]] = [
        lambda seed: inference.permuted_placements([3, 4, 5], 1.0, np.arange(3), 3, 6, draws=9, seed=seed),
        lambda seed: inference.uncertain_amounts([3, 4, 5], np.arange(3), 3, sd_unit=0.3, draws=9, seed=seed),
        lambda seed: inference.bootstrap_areas(*areas, draws=9, seed=seed).concentration,
    ]
    for call in calls:
        np.testing.assert_array_equal(call(1), call(1))
        assert (call(1) != call(2)).any()


def test_kernels_are_compiled_once_whatever_is_given() -> None:
    """Whole numbers, every second element, arrays that may not be written to: breaks if a request has to compile."""
    columns = [np.arange(1, 21)[::2], np.arange(2.0, 22)[::2], np.arange(10, 0, -1.0)]
    for column in columns:
        column.flags.writeable = False
    for amount in (columns[0], columns[1], [*columns[1].tolist()[:-1], 3]):
        inference.permuted_concentration(amount, columns[1], columns[2], permutations=9)
        inference.concentration_variance(amount, np.arange(10), columns[2])
        for stratum, total in ((None, 9), (np.arange(10, dtype=np.int32) % 2, [3, 4])):
            area = np.zeros(10, dtype=np.int16)
            inference.permuted_placements(amount, columns[0], area, 1, total, stratum=stratum, draws=2)
    for name in ("permuted_indices", "placements", "pack", "settle", "ranked_sums"):
        assert len(getattr(kernels, name).signatures) == 1, name


# --- two tails --------------------------------------------------------------------------------------------------------


def test_p_is_twice_the_smaller_tail_with_the_observed_draw_among_them() -> None:
    null = np.arange(1.0, 20.0)  # 19 draws
    assert inference.two_sided_p(0, null) == pytest.approx(2 * 1 / 20)
    assert inference.two_sided_p(18.5, null) == pytest.approx(2 * 2 / 20)
    assert inference.two_sided_p(10, null) == 1
    assert inference.two_sided_p(19, null) == pytest.approx(2 * 2 / 20), "a tie counts against significance"
    assert inference.two_sided_p(0.3, [0.1 + 0.2] * 19) == 1, "so does one that only rounding tells apart"


# --- placements -------------------------------------------------------------------------------------------------------


def every_order(room: FloatArray, total: float) -> FloatArray:
    """Quantity that each unit takes, one row for each order, by a plain loop."""
    rows = []
    for order in permutations(range(room.size)):
        left, taken = total, np.zeros(room.size)
        for unit in order:
            taken[unit] = min(room[unit], left)
            left -= taken[unit]
        rows.append(taken)
    return np.array(rows)


@pytest.mark.parametrize("total", [0.0, 2.5, 7.0, 12.0, 14.0, 15.0])
def test_placements_are_those_of_all_orders(total: float) -> None:
    """Each outcome comes as often as among all 24 orders; beyond half the total those who go without are drawn."""
    eligible, benefit = np.array([1.0, 2, 4, 8]), np.array([3.0, 1, 2, 5])
    every = np.round(every_order(eligible, total) * benefit, 6)
    drawn = np.round(inference.permuted_placements(eligible, benefit, np.arange(4), 4, total, draws=24_000), 6) + 0.0
    outcomes, expected = np.unique(every, axis=0, return_counts=True)
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, outcomes)
    sd = np.sqrt(expected * 1000 * (1 - expected / 24))
    assert (np.abs(counts - expected * 1000) <= 5 * sd).all()


STRATA = st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30)


@given(STRATA, st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.1, 1), st.integers(0, 99))
def test_every_draw_keeps_the_quantity_of_each_stratum_and_the_most_of_each_unit(
    units: list[tuple[float, int, int]], parts: list[float], most: float, seed: int
) -> None:
    eligible, stratum, area = np.array([u[0] for u in units]), np.array([u[1] for u in units]), np.arange(len(units))
    there = np.bincount(stratum, eligible * most, minlength=3)
    total = np.array(parts) * there
    taken = inference.permuted_placements(
        eligible, 1.0, area, len(units), total, stratum=stratum, most=most, draws=5, seed=seed
    )
    assert (taken >= -1e-9).all()
    assert (taken <= eligible * most + 1e-9).all()
    for row in taken:
        np.testing.assert_allclose(np.bincount(stratum, row, minlength=3), total, atol=1e-9)
    # of each stratum at most one is treated in part
    partly = (taken > 1e-9) & (taken < eligible * most - 1e-9)
    for row in partly:
        assert (np.bincount(stratum, row, minlength=3) <= 1).all()


class City(NamedTuple):
    """A hundred units in twelve areas, the poor ones first; every unit has its own quantity and benefit."""

    eligible: FloatArray
    benefit: FloatArray
    area: NDArray[np.int64]
    people: FloatArray
    poor: FloatArray

    def place(self, total: float, draws: int, seed: int) -> FloatArray:
        return inference.permuted_placements(self.eligible, self.benefit, self.area, 12, total, draws=draws, seed=seed)

    def ratio(self, amounts: FloatArray) -> FloatArray:
        return inference.equity_ratios(amounts, self.people, self.poor)


@pytest.fixture(scope="module")
def city() -> City:
    rng = np.random.default_rng(8)
    return City(
        eligible=rng.gamma(2, 100, 100),
        benefit=rng.lognormal(1, 0.4, 100),
        area=rng.permutation(np.arange(100) % 12),
        people=rng.integers(500, 5000, 12).astype(float),
        poor=(np.arange(12) < 5).astype(float),
    )


@pytest.mark.parametrize("part", [0.2, 0.7])
def test_a_programme_placed_by_chance_gives_uniform_p(city: City, part: float) -> None:
    """500 programmes: breaks if chance is called a choice more often than p says, or less."""
    total = part * city.eligible.sum()
    observed = city.place(total, 500, seed=1)
    p = [
        inference.placement_test(one, city.place(total, 199, seed=100 + run), city.ratio).p
        for run, one in enumerate(observed)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_a_programme_that_goes_to_the_poor_first_is_no_chance(city: City) -> None:
    poor = city.poor[city.area] == 1
    taken = np.where(poor, city.eligible, 0)
    observed = np.bincount(city.area, taken * city.benefit, 12)
    null = city.place(taken.sum(), 999, seed=2)
    found = inference.placement_test(observed, null, city.ratio)
    assert found.p < 0.01
    assert found.value > found.high > found.null_mean > found.low
    assert found.null_mean * found.choice_effect == pytest.approx(found.value)
    assert found.null_mean + found.choice_difference == pytest.approx(found.value)
    assert found.value == pytest.approx(equity.equity_ratio(observed, city.people, city.poor))


def test_stock_that_stands_with_the_poor_is_no_choice(city: City) -> None:
    """All that is eligible is in poor areas: the ratio is high, and no choice of the programme made it so."""
    eligible = np.where(city.poor[city.area] == 1, city.eligible, 0)
    here = city._replace(eligible=eligible)
    observed = here.place(eligible.sum() / 3, 1, seed=3)[0]
    found = inference.placement_test(observed, here.place(eligible.sum() / 3, 199, seed=4), here.ratio)
    assert found.value == pytest.approx(found.null_mean)
    assert found.null_mean > 1.5
    assert (found.choice_effect, found.p) == pytest.approx((1, 1))


def test_a_choice_within_strata_is_told_from_one_between_them(city: City) -> None:
    """A quota for poor areas is given: who got it inside them was chance, and the test must say so."""
    stratum = city.poor[city.area].astype(np.int64)
    there = np.bincount(stratum, city.eligible)
    total = there * np.array([0.1, 0.6])
    placed = partial(inference.permuted_placements, city.eligible, city.benefit, city.area, 12)
    observed = placed(total, stratum=stratum, draws=1, seed=5)[0]
    free = inference.placement_test(observed, placed(total.sum(), draws=999, seed=6), city.ratio)
    kept = inference.placement_test(observed, placed(total, stratum=stratum, draws=999, seed=7), city.ratio)
    assert free.p < 0.01 < kept.p


# --- figures of many draws --------------------------------------------------------------------------------------------


def test_figures_of_draws_are_those_of_each_draw(city: City) -> None:
    """Against the functions of one distribution, membership drawn or given; ranks have ties."""
    rng = np.random.default_rng(9)
    amounts, rank = city.place(3000, 6, seed=1), np.arange(12) // 2
    drawn_poor = rng.uniform(size=(6, 12))
    points = inference.POINTS
    for k, row in enumerate(amounts):
        assert city.ratio(amounts)[k] == pytest.approx(equity.equity_ratio(row, city.people, city.poor))
        ratio = inference.equity_ratios(amounts, city.people, drawn_poor)[k]
        assert ratio == pytest.approx(equity.equity_ratio(row, city.people, drawn_poor[k]))
        index = inference.concentrations(amounts, city.people, rank)[k]
        assert index == pytest.approx(equity.concentration(row / city.people, city.people, rank).index)
        shares = inference.fifths(amounts, city.people, rank)[k]
        assert shares == pytest.approx(equity.shares_by_quantile(row, city.people, rank))
        curve = np.interp(points, *equity.concentration_curve(row / city.people, city.people, rank))
        assert inference.curves(amounts, city.people, rank)[k] == pytest.approx(curve)


# --- intervals --------------------------------------------------------------------------------------------------------


def test_uncertain_sums_are_those_of_a_plain_simulation() -> None:
    """One dominant unit, many small ones, and gains beside losses: mean, spread and tails of 20,000 draws."""
    rng = np.random.default_rng(10)
    amount = np.concatenate([[50.0, 1, 2], rng.gamma(2, 1, 60), [30.0, 20, -25, -4]])
    area = np.repeat([0, 1, 3], [3, 60, 4])
    sd = rng.uniform(0.2, 0.6, amount.size)
    sigma = np.sqrt(np.log1p(sd**2))
    units = amount * np.exp(sigma * rng.standard_normal((20_000, amount.size)) - sigma**2 / 2)
    twin = np.stack([units[:, area == a].sum(axis=1) for a in range(4)], axis=1)
    found = inference.uncertain_amounts(amount, area, 4, sd_unit=sd, draws=20_000, seed=1)
    assert found.shape == (20_000, 4)
    assert (found[:, 2] == 0).all(), "nothing is there, so nothing is uncertain"
    for a in (0, 1, 3):
        assert found[:, a].mean() == pytest.approx(amount[area == a].sum(), abs=5 * twin[:, a].std() / 141)
        assert found[:, a].std() == pytest.approx(twin[:, a].std(), rel=0.04)
        tails = (0.05, 0.5, 0.95)
        difference = np.quantile(found[:, a], tails) - np.quantile(twin[:, a], tails)
        assert (np.abs(difference) < 0.08 * twin[:, a].std()).all()


def test_an_error_common_to_all_moves_totals_and_not_shares() -> None:
    amount, area = np.array([4.0, 6, 5, 5]), np.array([0, 0, 1, 1])
    common = inference.uncertain_amounts(amount, area, 2, sd_all=0.5, draws=4000)
    np.testing.assert_allclose(common[:, 0], common[:, 1])
    assert common.sum(axis=1).std() == pytest.approx(0.5 * 20, rel=0.1)
    apart = inference.uncertain_amounts(amount, area, 2, sd_area=[0.5, 0], draws=4000)
    assert apart[:, 0].std() == pytest.approx(0.5 * 10, rel=0.1)
    np.testing.assert_allclose(apart[:, 1], 10)
    np.testing.assert_allclose(inference.uncertain_amounts(amount, area, 2, draws=3), 10)


def test_an_interval_is_the_middle_of_the_draws_that_have_a_value() -> None:
    found = inference.interval([*range(101), np.nan])
    assert (found.low, found.middle, found.high, found.draws) == pytest.approx((5, 50, 95, 101))
    assert inference.interval(range(101), level=0.5).low == pytest.approx(25)


@given(some_areas(lowest=0.5), st.integers(0, 9))
def test_resampled_figures_are_those_of_the_rows_drawn(areas: Areas, seed: int) -> None:
    """Each draw by the plain functions on repeated rows, which are ties of each other."""
    areas = Areas(*(column[np.argsort(areas.rank, kind="stable")] for column in areas))
    poor = (areas.rank <= 0).astype(float)
    found = inference.bootstrap_areas(*areas, low_income=poor, draws=4, seed=seed)
    rng = np.random.default_rng(seed)
    n = areas.rank.size
    for k in range(4):
        rows = rng.integers(n, size=n)
        drawn = Areas(*(column[rows] for column in areas))
        assert found.concentration[k] == pytest.approx(equity.concentration(*drawn).index, abs=1e-9)
        assert found.curve[k] == pytest.approx(np.interp(inference.POINTS, *equity.concentration_curve(*drawn)))
        if poor[rows].any():
            amount = drawn.per_head * drawn.people
            assert found.ratio[k] == pytest.approx(equity.equity_ratio(amount, drawn.people, poor[rows]))
        else:
            assert np.isnan(found.ratio[k]), "without anyone on low income there is no ratio, and it is not 0"


def test_a_draw_of_areas_without_any_amount_has_no_figure() -> None:
    found = inference.bootstrap_areas([1, 0, 0], [1, 1, 1], [1, 2, 3], draws=200)
    empty = np.isnan(found.concentration)
    assert 20 < empty.sum() < 100, "(2/3)^3 of the draws miss the only area that has something"
    assert (np.isnan(found.curve).all(axis=1) == empty).all()
    assert inference.interval(found.concentration).draws == 200 - empty.sum()
    assert np.isnan(found.ratio).all()


# --- does it hold -----------------------------------------------------------------------------------------------------


def test_zonings_that_contradict_each_other_make_a_claim_unstable() -> None:
    up, down, open_ = Claim(1.4, 1.2, 1.6), Claim(0.7, 0.6, 0.9), Claim(1.1, 0.9, 1.3)
    same = inference.stability({"districts": up, "cells": up}, 1)
    assert (same.grade, same.stable) == ("stable", True)
    assert same.text == "Stable: above 1 by districts and cells."
    weak = inference.stability({"districts": up, "cells": open_}, 1)
    assert (weak.grade, weak.stable) == ("weak", False)
    assert weak.verdicts == {"districts": "above", "cells": "unclear"}
    assert weak.text == "Weak: above 1 by districts; unclear by cells."
    against = inference.stability({"districts": up, "quarters": open_, "cells": down}, 1)
    assert (against.grade, against.stable) == ("unstable", False)
    assert against.text == "Unstable: above 1 by districts; below 1 by cells; unclear by quarters."
    assert inference.stability({"districts": Claim(1, 1, 1)}, 1).grade == "weak", "neutral itself favours nobody"


def test_dominance_of_the_curve() -> None:
    points = inference.POINTS
    rng = np.random.default_rng(11)
    bow = points * (1 - points)
    noise = 0.02 * rng.standard_normal((400, 1)) * bow + 0.001 * rng.standard_normal((400, 19))
    wave = np.sin(2 * np.pi * points) / 10
    for shape, expected in ((0.5 * bow, "above"), (-0.5 * bow, "below"), (wave, "crosses"), (0 * bow, "unclear")):
        assert inference.dominance(points + shape, points + shape + noise) == expected
    wide = points + 0.1 * bow + 0.2 * rng.standard_normal((400, 1)) * bow
    assert inference.dominance(points + 0.1 * bow, wide) == "unclear", "the draws reach across the diagonal"
    sure = np.tile(points + 0.1 * bow, (3, 1))
    assert inference.dominance(sure[0], np.vstack([sure, np.full(19, np.nan)])) == "above"


def test_looking_at_19_points_does_not_multiply_chance_findings() -> None:
    """Curves on the diagonal but for noise: at a level of 0.9, one in ten may be called anything but unclear."""
    rng = np.random.default_rng(12)
    noise = 0.01 * rng.standard_normal((300, 19))
    calls = [inference.dominance(inference.POINTS + one, inference.POINTS + one + noise) for one in noise]
    assert sum(call != "unclear" for call in calls) <= 0.1 * 300 + 1


# --- bad input --------------------------------------------------------------------------------------------------------


def test_amounts_whose_mean_may_vanish_are_refused_with_what_takes_them() -> None:
    for call in (inference.permuted_concentration, inference.bootstrap_areas):
        with pytest.raises(InputError, match=r"both signs.*concentration_variance, which takes any sign"):
            call([-1, 3], [1, 1], [1, 2])
        with pytest.raises(InputError, match="0 everywhere"):
            call([0, 0], [1, 1], [1, 2])
    with pytest.raises(InputError, match="gains in some draws and losses in others"):
        inference.fifths([[1, 2], [-3, 1]], [1, 1], [1, 2])
    with pytest.raises(InputError, match="amounts: sum to 0"):
        inference.concentrations([[0, 0]], [1, 1], [1, 2])
    with pytest.raises(InputError, match=r"nobody in 1 draw\(s\)"):
        inference.equity_ratios([[1, 2], [3, 4]], [1, 1], [[0, 1], [0, 0]])


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        inference.permuted_concentration([1, np.nan], [1, 1], [1, 2, 3])
    assert {problem.where for problem in caught.value.problems} >= {"amount_per_head[1]", "rank_by"}
    with pytest.raises(InputError) as caught:
        inference.permuted_placements(
            [1, -1], [1, np.inf], np.array([0, 7]), 3, [1, 1], stratum=np.array([0, 2]), most=0, draws=0
        )
    assert {problem.where for problem in caught.value.problems} == {
        "eligible[1]", "benefit[1]", "area[1]", "stratum[1]", "most", "draws",
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        inference.uncertain_amounts([1, np.nan], np.array([0, 3]), 3, sd_unit=-1, sd_all=-1, draws=0)
    assert {problem.where for problem in caught.value.problems} == {
        "amount_by_unit[1]", "area[1]", "sd_unit", "sd_all", "draws",
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        inference.stability({"a": Claim(1, np.nan, 2), "b": Claim(1, 2, 1)}, 1)
    assert [problem.where for problem in caught.value.problems] == ["claims['a'][1]", "claims['b']"]


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: inference.permuted_placements([1, 2], 1.0, np.array([0, 0]), 1, 4),
            r"total\[0\]: 4 is more than the 3 that may be chosen",
        ),
        (
            lambda: inference.permuted_placements([1, 2], 1.0, np.array([0, 0]), 1, [1, 1]),
            "stratum: is missing, but there are 2 totals",
        ),
        (lambda: inference.permuted_concentration([1, 2], [1, 1], [1, 2], permutations=0), "permutations: 0 is below"),
        (lambda: inference.bootstrap_areas([1, 2], [1, 1], [1, 2], draws=0), "draws: 0 is below 1"),
        (lambda: inference.uncertain_amounts([1], np.array([0]), 2, sd_area=[-1, 0]), r"sd_area\[0\]"),
        (lambda: inference.two_sided_p(1, [1, np.nan]), r"null\[1\]"),
        (lambda: inference.interval([np.nan]), "no draw has a value"),
        (lambda: inference.interval([1], level=1.5), "level: 1.5 is above 1"),
        (lambda: inference.stability({}, 1), "claims: there are none"),
        (lambda: inference.dominance(np.ones(19), np.ones((2, 19)), level=-1), "level: -1 is below 0"),
        (lambda: inference.dominance(np.ones(3), np.ones((2, 19))), "curve: has shape"),
        (lambda: inference.dominance(np.ones(19), np.ones((2, 3))), "draws: has shape"),
        (lambda: inference.dominance(np.ones(19), np.full((2, 19), np.nan)), "draws: there are none"),
        (lambda: inference.fifths(np.ones((2, 3)), [1, 1], [1, 2]), "amounts: has shape"),
    ],
)
def test_what_cannot_be_computed_says_why(call: Callable[[], object], match: str) -> None:
    with pytest.raises(InputError, match=match):
        call()
