"""Who has what: every index against published figures, a hand-made case, and a plain twin that walks through people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from geo import equity
from geo.arrays import FloatArray
from geo.errors import InputError

# --- worked answers ---------------------------------------------------------------------------------------------------


@pytest.fixture
def toy(vectors: Path) -> pd.DataFrame:
    return pd.read_csv(vectors / "districts_toy.csv")


def test_every_index_of_the_toy_city(toy: pd.DataFrame, vector: Callable[[str], Any]) -> None:
    """Breaks if any published figure moves; a figure that the reference gains has to be added here."""
    expected = vector("equity_indices")["expected"]
    people, income, green = (toy[name].to_numpy(float) for name in ("pop", "income", "green_m2_cap"))
    benefit, per_head, burden = (toy[name].to_numpy(float) for name in ("benefit_kEUR", "benefit_pc", "burden_pc"))
    poor, alike = toy["low_income"].to_numpy(float), np.ones(len(toy))

    mean = equity.weighted_mean(income, people)
    between, within = equity.theil_split(income, people, 1 - poor)
    between_alike, within_alike = equity.theil_split(income, alike, poor)
    found: dict[str, Any] = {
        "pop_total": people.sum(),
        "pop_weighted_mean_income": mean,
        "pop_weighted_mean_green_m2_cap": equity.weighted_mean(green, people),
        "unweighted_mean_income": equity.weighted_mean(income, alike),
        "gini_income_popweighted": equity.gini(income, people),
        "gini_income_expanded__inequality_pkg": equity.gini(income, people),
        "gini_income_unweighted": equity.gini(income, alike),
        "gini_income_unweighted__inequality_pkg": equity.gini(income, alike),
        "gini_green_popweighted": equity.gini(green, people),
        "theil_T_popweighted": equity.theil_t(income, people),
        "theil_T_expanded__inequality_pkg": equity.theil_t(income, people),
        "theil_T_unweighted__inequality_pkg": equity.theil_t(income, alike),
        "theil_L_popweighted": equity.theil_l(income, people),
        "theil_T_between": between,
        "theil_T_within": within,
        "theil_between_unweighted__inequality_pkg": between_alike,
        "theil_within_unweighted__inequality_pkg": within_alike,
    }
    for epsilon in (0.5, 1.0, 2.0):
        index = equity.atkinson(income, people, epsilon=epsilon)
        found[f"atkinson_{epsilon}_popweighted"] = found[f"atkinson_{epsilon}__inequality_pkg_expanded"] = index
        found[f"atkinson_ede_{epsilon}"] = mean * (1 - index)
        if epsilon != 1:
            found[f"atkinson_{epsilon}__inequalipy_expanded"] = index

    for name, values, epsilon in (("green_eps1", green, 1.0), ("burden_epsminus1", burden, -1.0)):
        level, mean_of_it = (
            equity.kolm_pollak_ede(values, people, epsilon=epsilon),
            equity.weighted_mean(values, people),
        )
        kappa = epsilon * mean_of_it / equity.weighted_mean(values**2, people)
        found[f"kolm_pollak_{name}"] = {"kappa": kappa, "ede": level, "index": level - mean_of_it, "mean": mean_of_it}
        found[f"kolm_pollak_{name}__inequalipy"] = level

    concentrated = equity.concentration(per_head, people, income)
    slope, error = equity.concentration_regression(per_head, people, income)
    cum_pop, cum_benefit = equity.concentration_curve(per_head, people, income)
    fifths = equity.shares_by_quantile(benefit, people, income)
    found |= {
        "concentration_index_benefit_pc": concentrated.index,
        "ci_benefit_se_kwvd_n10": concentrated.se_grouped,
        "ci_benefit_regression": slope,
        "ci_benefit_regression_se": error,
        "concentration_curve_benefit": {"cum_pop": cum_pop.tolist(), "cum_benefit": cum_benefit.tolist()},
        "concentration_index_burden_pc": equity.concentration(burden, people, income).index,
        "kakwani_burden": equity.kakwani(burden, people, income, burden=True),
        "kakwani_benefit_transfer": equity.kakwani(per_head, people, income, burden=False),
        "benefit_share_by_income_quintile": fifths.tolist(),
        "quintile_ratio_S80S20_benefit_pc": equity.tail_ratio(benefit, people, income),
        "income_share_by_quintile": equity.shares_by_quantile(income * people, people, income).tolist(),
        "S80S20_income": equity.tail_ratio(income * people, people, income),
        "palma_like_income_top10_over_bottom40": equity.tail_ratio(
            income * people, people, income, top=0.1, bottom=0.4
        ),
        "equity_ratio_low_over_city": equity.equity_ratio(benefit, people, poor),
        "low_income_pop_share": equity.weighted_mean(poor, people),
        "low_income_benefit_share": equity.weighted_mean(poor, benefit),
        "benefit_pc_low_income": equity.weighted_mean(per_head, people * poor),
        "benefit_pc_other": equity.weighted_mean(per_head, people * (1 - poor)),
    }

    groups = expected.pop("theil_groups")
    expected.pop("kakwani_note")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, dict):
            assert found[name].keys() == value.keys(), name
            for part, number in value.items():
                assert found[name][part] == pytest.approx(number, rel=1e-6), (name, part)
        else:
            assert found[name] == pytest.approx(value, rel=1e-6), name

    for group in groups:
        members = poor == 1 - group["group"]
        assert {
            "group": group["group"],
            "pop_share": equity.weighted_mean(members, people),
            "income_share": equity.weighted_mean(members, people * income),
            "mean": equity.weighted_mean(income[members], people[members]),
            "theil": equity.theil_t(income[members], people[members]),
        } == pytest.approx(group, rel=1e-6)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_people_not_areas_make_the_mean() -> None:
    assert equity.population_shares([30, 10]).tolist() == [0.75, 0.25]
    assert equity.weighted_mean([10, 50], [30, 10]) == 20


def test_inequality_of_two_areas_by_hand() -> None:
    """One quarter of the people has 3, three quarters have 1; the mean is 1.5."""
    values, people = [1, 3], [3, 1]
    assert equity.gini(values, people) == pytest.approx(2 * 0.75 * 0.25 * 2 / (2 * 1.5))
    assert equity.theil_t(values, people) == pytest.approx(0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    assert equity.theil_l(values, people) == pytest.approx(np.log(1.5) - 0.25 * np.log(3))
    assert equity.atkinson(values, people, epsilon=1) == pytest.approx(1 - 3**0.25 / 1.5)
    assert equity.atkinson(values, people, epsilon=2) == pytest.approx(1 - 1 / (0.75 + 0.25 / 3) / 1.5)
    assert equity.atkinson(values, people, epsilon=0) == pytest.approx(0, abs=1e-12)
    kappa = 1.5 / 3
    level = -np.log(0.75 * np.exp(-kappa) + 0.25 * np.exp(-3 * kappa)) / kappa
    assert equity.kolm_pollak_ede(values, people, epsilon=1) == pytest.approx(level)


def test_one_in_a_hundred_has_everything() -> None:
    assert equity.gini([0, 1], [99, 1]) == pytest.approx(0.99)


@pytest.mark.parametrize("level", [1e-9, 3.0, 1e12])
def test_equal_values_are_equal_by_every_index(level: float) -> None:
    values, people = [level] * 4, [1, 20, 300, 4]
    assert equity.gini(values, people) == pytest.approx(0, abs=1e-12)
    assert equity.theil_t(values, people) == pytest.approx(0, abs=1e-12)
    assert equity.theil_l(values, people) == pytest.approx(0, abs=1e-12)
    assert equity.atkinson(values, people, epsilon=2) == pytest.approx(0, abs=1e-12)
    assert equity.kolm_pollak_ede(values, people, epsilon=1) == pytest.approx(level)
    assert equity.concentration(values, people, [1, 2, 3, 4]).index == pytest.approx(0, abs=1e-12)
    assert equity.concentration(values, people, [1, 2, 3, 4]).se_grouped == pytest.approx(0, abs=1e-6)
    assert equity.concentration_regression(values, people, [1, 2, 3, 4])[0] == pytest.approx(0, abs=1e-12)


def test_groups_of_theil_at_both_ends() -> None:
    """One group: nothing between; a group for each area: nothing within. Labels may be words."""
    values, people = [1, 2, 5], [3, 2, 1]
    whole = equity.theil_t(values, people)
    assert equity.theil_split(values, people, ["all"] * 3) == pytest.approx((0, whole))
    assert equity.theil_split(values, people, ["north", "south", "east"]) == pytest.approx((whole, 0))


def test_a_burden_and_a_good_are_judged_from_opposite_ends() -> None:
    """A few who suffer much weigh more than the mean says; a few who have much weigh less."""
    values, people = [1, 9], [9, 1]
    assert equity.kolm_pollak_ede(values, people, epsilon=1) < 1.8 < equity.kolm_pollak_ede(values, people, epsilon=-1)
    assert equity.kolm_pollak_ede([0, 0], people, epsilon=1) == 0
    assert equity.kolm_pollak_ede([1, -1], [1, 1], epsilon=1) == 0, "a mean of 0 has no scale of its own"


def test_ranks_stand_in_the_middle_of_their_people_and_ties_share() -> None:
    assert equity.ranks([30, 10, 20], [2, 5, 3]) == pytest.approx([0.9, 0.25, 0.65])
    assert equity.ranks([20, 10, 20], [2, 5, 3]) == pytest.approx([0.75, 0.25, 0.75])


@pytest.mark.parametrize(("area", "index"), [(0, -0.8), (1, -0.4), (2, 0), (3, 0.4), (4, 0.8)])
def test_everything_to_one_fifth(area: int, index: float) -> None:
    """Five areas alike; all to the poorest gives -0.8, all to the richest 0.8."""
    amount = np.zeros(5)
    amount[area] = 7
    found = equity.concentration(amount, [100] * 5, [1, 2, 3, 4, 5])
    assert found.index == pytest.approx(index, abs=1e-12)
    assert equity.concentration_regression(amount, [100] * 5, [1, 2, 3, 4, 5])[0] == pytest.approx(index, abs=1e-12)
    assert equity.shares_by_quantile(amount, [100] * 5, [1, 2, 3, 4, 5]) == pytest.approx(amount / 7)


def test_standard_errors_by_hand() -> None:
    """Grouped: a = 1.375 and 1.125 around an index of 0.25; regression: residuals of 2, -4 and 2 parts in 81."""
    grouped = equity.concentration([1, 3], [5, 5], [1, 2])
    assert (grouped.index, grouped.se_grouped) == pytest.approx((0.25, np.sqrt(1 / 128)))
    slope, error = equity.concentration_regression([1, 2, 6], [4, 4, 4], [1, 2, 3])
    assert (slope, error) == pytest.approx((10 / 27, np.sqrt(108) / 81))


def test_the_curve_runs_from_nothing_to_everything() -> None:
    people, amount = equity.concentration_curve([10, 30, 20], [1, 1, 2], [2, 3, 1])
    assert people.tolist() == [0, 0.5, 0.75, 1]
    assert amount.tolist() == pytest.approx([0, 0.5, 0.625, 1])


def test_a_levy_in_proportion_to_income_is_neither_progressive_nor_regressive() -> None:
    income, people = np.array([10, 20, 40]), [5, 3, 2]
    assert equity.kakwani(income * 0.1, people, income, burden=True) == pytest.approx(0, abs=1e-12)
    assert equity.kakwani([1, 1, 1], people, income, burden=True) < 0, "a poll tax is regressive"
    assert equity.kakwani([1, 1, 1], people, income, burden=False) > 0, "a flat benefit is pro-poor"
    assert equity.kakwani(income**2, people, income, burden=True) > 0


def test_an_area_across_a_cut_is_split_in_proportion() -> None:
    """30, 50 and 20 people get 3, 10 and 7: the second area fills 1/2 of the 2nd to 4th fifth as far as it reaches."""
    shares = equity.shares_by_quantile([3, 10, 7], [30, 50, 20], [1, 2, 3])
    assert shares.tolist() == pytest.approx([0.1, 0.05 + 0.1, 0.2, 0.2, 0.35])
    assert equity.parts([30, 50, 20], [1, 2, 3]) == pytest.approx(
        np.array([[2 / 3, 1 / 3, 0, 0, 0], [0, 0.2, 0.4, 0.4, 0], [0, 0, 0, 0, 1]])
    )


def test_tail_ratio_by_hand() -> None:
    """Five areas alike get 1, 1, 2, 3 and 4: the richest fifth 4 times the poorest, the top tenth 2 to the bottom 2."""
    amount, people, rank = [1, 1, 2, 3, 4], [9] * 5, [1, 2, 3, 4, 5]
    assert equity.tail_ratio(amount, people, rank) == pytest.approx(4)
    assert equity.tail_ratio(amount, people, rank, top=0.1, bottom=0.4) == pytest.approx(1)
    with pytest.raises(InputError, match=r"none of it goes to the poorest part\. Use the concentration index"):
        equity.tail_ratio([0, 1, 1, 1, 1], people, rank)
    with pytest.raises(InputError, match="none of it goes"):
        equity.tail_ratio([-1, 1, 1, 1, 1], people, rank)
    with pytest.raises(InputError, match=r"0\.6 and 0\.6 are not two parts"):
        equity.tail_ratio(amount, people, rank, top=0.6, bottom=0.6)


def test_equity_ratio_by_hand() -> None:
    """The poor half gets 30 of 100: 0.6 of an equal share; membership may be a share of an area's people."""
    assert equity.equity_ratio([30, 70], [10, 10], [1, 0]) == pytest.approx(0.6)
    assert equity.equity_ratio([30, 70], [10, 10], [True, True]) == pytest.approx(1)
    assert equity.equity_ratio([30, 70], [10, 10], [0.5, 0.5]) == pytest.approx(1)
    assert equity.equity_ratio([30, 70], [10, 10], [0.5, 0]) == pytest.approx(0.6)


# --- properties: the plain twin walks through every person ------------------------------------------------------------


class City(NamedTuple):
    """Areas with a per-head value, whole people, and a welfare rank that may have ties."""

    per_head: FloatArray
    people: FloatArray
    rank: FloatArray


@st.composite
def cities(draw: st.DrawFn, *, lowest: float = 0.01) -> City:
    n = draw(st.integers(2, 8))
    values = draw(st.lists(st.floats(lowest, 1e6), min_size=n, max_size=n))
    people = draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))
    rank = draw(st.lists(st.integers(1, 6), min_size=n, max_size=n))
    return City(np.array(values), np.array(people, dtype=float), np.array(rank, dtype=float))


def persons(city: City) -> tuple[FloatArray, FloatArray]:
    """One row for each person: value and rank."""
    count = city.people.astype(int)
    return np.repeat(city.per_head, count), np.repeat(city.rank, count)


@given(cities())
def test_indices_are_those_of_the_expanded_population(city: City) -> None:
    x, _ = persons(city)
    mean = x.mean()
    assert equity.gini(city.per_head, city.people) == pytest.approx(
        np.abs(x[:, None] - x[None, :]).mean() / (2 * mean), rel=1e-9, abs=1e-12
    )
    assert equity.theil_t(city.per_head, city.people) == pytest.approx(
        np.mean(x / mean * np.log(x / mean)), rel=1e-9, abs=1e-12
    )
    assert equity.theil_l(city.per_head, city.people) == pytest.approx(np.mean(np.log(mean / x)), rel=1e-9, abs=1e-12)
    for epsilon in (0.25, 0.5, 2.0, 3.0):
        level = np.mean(x ** (1 - epsilon)) ** (1 / (1 - epsilon))
        assert equity.atkinson(city.per_head, city.people, epsilon=epsilon) == pytest.approx(
            1 - level / mean, rel=1e-9, abs=1e-12
        )
    assert equity.atkinson(city.per_head, city.people, epsilon=1) == pytest.approx(
        1 - np.exp(np.log(x).mean()) / mean, rel=1e-9, abs=1e-12
    )


@given(cities())
def test_indices_are_those_of_inequality_on_the_expanded_population(city: City) -> None:
    """`inequality` knows no weights: it walks through every person."""
    x, _ = persons(city)
    gini, theil, atkinson = (pytest.importorskip(f"inequality.{name}") for name in ("gini", "theil", "atkinson"))
    assert equity.gini(city.per_head, city.people) == pytest.approx(gini.Gini(x).g, rel=1e-9, abs=1e-9)
    assert equity.theil_t(city.per_head, city.people) == pytest.approx(theil.Theil(x).T, rel=1e-6, abs=1e-9)
    for epsilon in (0.5, 1, 2):
        assert equity.atkinson(city.per_head, city.people, epsilon=epsilon) == pytest.approx(
            atkinson.atkinson(x, epsilon), rel=1e-9, abs=1e-9
        )


@given(cities(lowest=-1e6))
def test_concentration_is_that_of_the_expanded_population(city: City) -> None:
    """Twice the covariance of amount and rank over the mean; persons of tied areas share their mean rank."""
    values = np.where(np.abs(city.per_head) < 1e-3, 1.0, city.per_head)
    values[0] += 1 + np.abs(values).sum() * 20  # a mean well away from 0
    city = city._replace(per_head=values)
    h, key = persons(city)
    rank = (rankdata(key) - 0.5) / h.size
    twin = 2 * np.mean((h - h.mean()) * (rank - rank.mean())) / h.mean()
    assert equity.concentration(city.per_head, city.people, city.rank).index == pytest.approx(twin, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(
        np.repeat(equity.ranks(city.rank, city.people), city.people.astype(int)), rank, rtol=1e-12
    )


@given(cities())
def test_quantile_shares_are_those_of_the_expanded_population(city: City) -> None:
    """Each person becomes five, so that a fifth is a whole number; tied areas share alike among their people."""
    h, key = persons(city)
    alike = np.array([h[key == k].mean() for k in key])
    queue = np.repeat(alike[np.argsort(key, kind="stable")], 5)
    twin = queue.reshape(5, -1).sum(axis=1) / queue.sum()
    amount = city.per_head * city.people
    shares = equity.shares_by_quantile(amount, city.people, city.rank)
    assert shares == pytest.approx(twin, rel=1e-9)
    assert shares.sum() == pytest.approx(1, rel=1e-12)
    assert amount @ equity.parts(city.people, city.rank) / amount.sum() == pytest.approx(shares, rel=1e-9)
    assert equity.shares_by_quantile(amount, city.people, city.rank, cuts=(0, 0.3, 1)).sum() == pytest.approx(1)


@given(cities())
def test_quintiles_hold_a_fifth_of_the_people_each(city: City) -> None:
    share = equity.parts(city.people, city.rank)
    assert share.shape == (len(city.people), 5)
    assert ((share >= 0) & (share <= 1)).all()
    assert share.sum(axis=1) == pytest.approx(np.ones(len(city.people)), rel=1e-12)
    assert city.people @ share == pytest.approx(np.full(5, city.people.sum() / 5), rel=1e-9)


@given(cities(), st.data())
def test_theil_between_and_within_are_the_whole(city: City, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=len(city.people), max_size=len(city.people)))
    between, within = equity.theil_split(city.per_head, city.people, groups)
    assert between + within == pytest.approx(equity.theil_t(city.per_head, city.people), rel=1e-9, abs=1e-12)
    assert between >= -1e-12
    assert within >= -1e-12


def figures(city: City) -> list[float]:
    """Everything that neither the unit nor the number of people may change."""
    values, people, rank = city
    return [
        equity.gini(values, people),
        equity.theil_t(values, people),
        equity.theil_l(values, people),
        equity.atkinson(values, people, epsilon=0.5),
        equity.atkinson(values, people, epsilon=1),
        equity.atkinson(values, people, epsilon=2),
        equity.kolm_pollak_ede(values, people, epsilon=1) / equity.weighted_mean(values, people),
        equity.kolm_pollak_ede(values, people, epsilon=-0.5) / equity.weighted_mean(values, people),
        equity.concentration(values, people, rank).index,
        equity.kakwani(values, people, rank, burden=True),
        *equity.shares_by_quantile(values * people, people, rank),
        equity.equity_ratio(values * people, people, rank <= rank[people > 0].min()),
    ]


@given(cities(), st.floats(1e-6, 1e6), st.floats(1e-3, 1e3))
def test_neither_the_unit_nor_the_size_of_the_city_matters(city: City, unit: float, size: float) -> None:
    other = City(city.per_head * unit, city.people * size, city.rank)
    assert figures(other) == pytest.approx(figures(city), rel=1e-9, abs=1e-9)


@given(cities(), st.integers(2, 4))
def test_a_city_of_several_copies_is_as_unequal_as_one(city: City, copies: int) -> None:
    assert figures(City(*(np.tile(column, copies) for column in city))) == pytest.approx(
        figures(city), rel=1e-9, abs=1e-9
    )


@given(cities(), st.floats(-300, 300))
def test_equal_shares_have_no_concentration(city: City, power: float) -> None:
    """Whatever the people, ties and unit."""
    alike = np.full(city.people.size, 10.0**power)
    assert equity.concentration(alike, city.people, city.rank).index == pytest.approx(0, abs=1e-12)


@given(cities(), st.data())
def test_the_order_of_areas_does_not_matter(city: City, data: st.DataObject) -> None:
    """Ties included: tied areas may come in any order."""
    order = np.array(data.draw(st.permutations(range(len(city.people)))))
    mixed = City(*(column[order] for column in city))
    assert figures(mixed) == pytest.approx(figures(city), rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(
        equity.parts(mixed.people, mixed.rank), equity.parts(city.people, city.rank)[order], atol=1e-9
    )


@given(cities())
def test_an_area_without_people_changes_nothing(city: City) -> None:
    """Breaks if a park or a port counts as if somebody lived there."""
    wider = City(np.append(city.per_head, 5.0), np.append(city.people, 0.0), np.append(city.rank, 3.5))
    assert figures(wider)[:10] == pytest.approx(figures(city)[:10], rel=1e-9, abs=1e-9)


@given(cities(), st.lists(st.floats(0, 3), min_size=2, max_size=2))
def test_indices_keep_their_bounds_and_aversion_its_direction(city: City, aversions: list[float]) -> None:
    values, people, rank = city
    assert 0 <= equity.gini(values, people) < 1
    assert -1e-12 <= equity.theil_t(values, people) <= np.log(people.sum())
    assert equity.theil_l(values, people) >= -1e-12
    low, high = (equity.atkinson(values, people, epsilon=epsilon) for epsilon in sorted(aversions))
    assert -1e-9 <= low <= high + 1e-6 <= 1 + 1e-6
    assert abs(equity.concentration(values, people, rank).index) <= equity.gini(values, people) + 1e-9


MAGNITUDES = st.floats(-12, 12).map(lambda power: 10.0**power)


@given(
    st.lists(MAGNITUDES, min_size=1, max_size=8), st.sampled_from([-10, -1, -0.5, 0.5, 1, 10]), st.sampled_from([-1, 1])
)
def test_kolm_pollak_lies_between_the_extremes_whatever_their_size(
    values: list[float], epsilon: float, sign: int
) -> None:
    """From 1e-12 to 1e12 in one list: breaks if an exponential overflows or all of them vanish."""
    x = sign * np.array(values)
    people = np.arange(1, len(x) + 1)
    level = equity.kolm_pollak_ede(x, people, epsilon=epsilon)
    slack = 1e-9 * np.abs(x).max()
    assert x.min() - slack <= level <= x.max() + slack
    mean = equity.weighted_mean(x, people)
    assert (level - mean) * epsilon * mean <= slack * abs(epsilon * mean), "aversion pulls to the wrong side"


@given(st.lists(st.tuples(MAGNITUDES, st.sampled_from([-1, 1])), min_size=1, max_size=8), st.sampled_from([-1.0, 1.0]))
def test_kolm_pollak_is_finite_for_mixed_signs(values: list[tuple[float, int]], epsilon: float) -> None:
    x = [size * sign for size, sign in values]
    assert np.isfinite(equity.kolm_pollak_ede(x, np.ones(len(x)), epsilon=epsilon))


@given(
    st.lists(st.tuples(st.floats(-300, 300), st.sampled_from([-1, 0, 1])), min_size=1, max_size=8),
    st.sampled_from([-10, -1, 0.5, 10]),
)
def test_kolm_pollak_stays_between_the_extremes_at_the_ends_of_floating_point(
    values: list[tuple[float, int]], epsilon: float
) -> None:
    """1e-300 beside -1e300: breaks if a square overflows, or vanishes."""
    x = np.array([sign * 10.0**power for power, sign in values])
    level = equity.kolm_pollak_ede(x, np.ones(len(x)), epsilon=epsilon)
    slack = 1e-9 * np.abs(x).max()
    assert x.min() - slack <= level <= x.max() + slack


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_kolm_pollak_keeps_its_digits_at_any_size(size: float) -> None:
    expected = equity.kolm_pollak_ede([1, 3, -0.5], [3, 1, 2], epsilon=1)
    level = equity.kolm_pollak_ede(np.array([1, 3, -0.5]) * size, [3, 1, 2], epsilon=1)
    assert level == pytest.approx(expected * size, rel=1e-9)


def test_kolm_pollak_does_not_overflow_where_hardly_anyone_has_nearly_all() -> None:
    """Kappa is then 1e6 times the aversion: 1e300 may not meet it before it is divided by it."""
    for epsilon in (1, -1):
        level = equity.kolm_pollak_ede([1e-6 * 1.5e308, 1.5e308], [1, 1e-14], epsilon=epsilon)
        assert 1.49e302 <= level <= 1.5e308


@given(cities())
def test_the_curve_lies_as_far_from_the_diagonal_as_the_index_says(city: City) -> None:
    """Twice the area between them is the index, as long as no two areas are tied."""
    rank = city.rank + np.arange(len(city.rank)) / 100
    people, amount = equity.concentration_curve(city.per_head, city.people, rank)
    assert (people[0], amount[0]) == (0, 0)
    assert (people[-1], amount[-1]) == pytest.approx((1, 1))
    area = np.sum(np.diff(people) * (amount[1:] + amount[:-1]) / 2)
    assert 1 - 2 * area == pytest.approx(equity.concentration(city.per_head, city.people, rank).index, abs=1e-9)


@given(cities())
def test_the_regression_finds_the_same_index(city: City) -> None:
    rank = city.rank + np.arange(len(city.rank)) / 100
    values, people = np.append(city.per_head, 1.0), np.append(city.people, 1.0)  # three areas at least
    slope, error = equity.concentration_regression(values, people, np.append(rank, 9))
    assert slope == pytest.approx(equity.concentration(values, people, np.append(rank, 9)).index, abs=1e-9)
    assert error >= 0


# --- ties and areas without people ------------------------------------------------------------------------------------


def test_the_standard_error_does_not_depend_on_the_order_of_ties() -> None:
    """Two areas of the same income may be listed either way round."""
    amount, rank = np.array([1.0, 5, 2, 8]), np.array([1, 1, 2, 3])
    swapped = [1, 0, 2, 3]
    one = equity.concentration(amount, [1, 1, 1, 1], rank)
    other = equity.concentration(amount[swapped], [1, 1, 1, 1], rank[swapped])
    assert other.index == pytest.approx(one.index, rel=1e-12)
    assert other.se_grouped == pytest.approx(one.se_grouped, rel=1e-9)


def test_the_curve_does_not_depend_on_the_order_of_ties() -> None:
    """The curve read at tenths, as in a test for dominance, and the area that must be the index."""
    amount, people, rank = np.array([1.0, 5, 2, 8]), np.array([1.0, 2, 1, 1]), np.array([1, 1, 2, 3])
    swapped = [1, 0, 2, 3]
    tenths = np.linspace(0, 1, 11)
    one = np.interp(tenths, *equity.concentration_curve(amount, people, rank))
    other = np.interp(tenths, *equity.concentration_curve(amount[swapped], people[swapped], rank[swapped]))
    np.testing.assert_allclose(other, one, rtol=1e-9)


def test_the_poor_end_of_the_shares_does_not_lose_an_area_without_people() -> None:
    """A measure in an uninhabited area has its amount; the shares still have to sum to the whole."""
    for poorest_first in ([1, 2, 3], [2, 1, 3], [3, 2, 1]):
        shares = equity.shares_by_quantile([3, 3, 4], [0, 1, 1], poorest_first)
        assert shares.sum() == pytest.approx(1, rel=1e-12), poorest_first


def test_an_area_without_people_has_a_quintile_too() -> None:
    """Rows sum to 1: amounts multiplied by them must not vanish."""
    share = equity.parts([0, 1, 1, 0], [1, 2, 3, 4])
    assert share.sum(axis=1) == pytest.approx([1, 1, 1, 1])


def test_a_group_without_people_adds_nothing() -> None:
    """A port that is a group of its own: breaks as 0/0."""
    assert equity.theil_split([1, 3, 7], [3, 1, 0], ["a", "b", "port"]) == pytest.approx(
        equity.theil_split([1, 3], [3, 1], ["a", "b"])
    )


def test_a_wild_value_where_nobody_lives_does_not_move_the_equivalent() -> None:
    """The exponentials are shifted by the largest; if that one has no people, all others vanish."""
    assert equity.kolm_pollak_ede([1, 2, 5000], [1, 1, 0], epsilon=-1) == pytest.approx(
        equity.kolm_pollak_ede([1, 2], [1, 1], epsilon=-1)
    )


def test_a_value_that_no_logarithm_takes_does_no_harm_where_nobody_lives() -> None:
    """A port without people has a mean income of 0: breaks if it makes the city's indices impossible."""
    values, people, groups = [1, 3, 0], [3, 1, 0], ["a", "b", "port"]
    assert equity.gini([1, 3, -1], people) == pytest.approx(equity.gini([1, 3], [3, 1]))
    assert equity.theil_t(values, people) == pytest.approx(equity.theil_t([1, 3], [3, 1]))
    assert equity.theil_l(values, people) == pytest.approx(equity.theil_l([1, 3], [3, 1]))
    assert equity.theil_split(values, people, groups) == pytest.approx(equity.theil_split([1, 3], [3, 1], ["a", "b"]))
    for epsilon in (0.5, 1, 2):
        expected = equity.atkinson([1, 3], [3, 1], epsilon=epsilon)
        assert equity.atkinson(values, people, epsilon=epsilon) == pytest.approx(expected)


def test_the_equivalent_of_gains_and_losses_that_cancel_is_their_mean() -> None:
    """0.1 + 0.2 - 0.3 is 0 but for floating point, so the aversion is as good as 0 and the level is the mean."""
    for epsilon in (1, -1):
        assert equity.kolm_pollak_ede([0.1, 0.2, -0.3], [1, 1, 1], epsilon=epsilon) == pytest.approx(0, abs=1e-9)


def test_the_equivalent_is_exact_where_gains_and_losses_nearly_cancel() -> None:
    """For a small aversion it is the mean less half of kappa times the variance; a bare log(1 + tiny) loses that."""
    for gap in (1e-6, 1e-9, 1e-11):
        mean = gap / 2
        level = equity.kolm_pollak_ede([1, gap - 1], [1, 1], epsilon=1)
        assert level == pytest.approx(mean - mean / 2, abs=1e-9)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_population_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InputError, match=r"population: sums to zero\. Give areas with people\."):
        equity.population_shares([0, 0])
    with pytest.raises(InputError) as caught:
        equity.gini([1, 2, 3], [1, -2, np.nan])
    assert {problem.where: problem.what for problem in caught.value.problems} == {
        "population[2]": "1 value(s) missing or infinite",
        "population[1]": "1 value(s) below 0",
    }


def test_a_missing_value_is_never_zero() -> None:
    """Breaks if a district without a figure is silently left out or counted as having nothing."""
    people, rank = [1, 1, 1], [1, 2, 3]
    calls: list[Callable[[list[float]], object]] = [
        lambda x: equity.weighted_mean(x, people),
        lambda x: equity.gini(x, people),
        lambda x: equity.theil_t(x, people),
        lambda x: equity.theil_l(x, people),
        lambda x: equity.theil_split(x, people, rank),
        lambda x: equity.atkinson(x, people, epsilon=1),
        lambda x: equity.kolm_pollak_ede(x, people, epsilon=1),
        lambda x: equity.ranks(x, people),
        lambda x: equity.concentration(x, people, rank),
        lambda x: equity.concentration(rank, people, x),
        lambda x: equity.concentration_regression(x, people, rank),
        lambda x: equity.concentration_curve(x, people, rank),
        lambda x: equity.kakwani(x, people, rank, burden=True),
        lambda x: equity.shares_by_quantile(x, people, rank),
        lambda x: equity.parts(people, x),
        lambda x: equity.equity_ratio(x, people, [1, 0, 0]),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"\[1\]: 1 value\(s\) missing or infinite"):
            call([1.0, np.nan, 2.0])


def test_indices_of_goods_refuse_other_values_and_name_the_index_to_use() -> None:
    """Net benefits can be negative: the planner is told what takes them."""
    people = [1, 1]
    with pytest.raises(InputError, match=r"values of gini: .*non-negative values, the lowest is -1") as caught:
        equity.gini([-1, 3], people)
    assert "kolm_pollak_ede or the concentration index" in caught.value.problems[0].remedy
    more: dict[str, dict[str, Any]] = {"theil_split": {"groups": [0, 0]}, "atkinson": {"epsilon": 1}}
    for name in ("theil_t", "theil_l", "theil_split", "atkinson"):
        with pytest.raises(InputError, match=rf"values of {name}: .*positive values, the lowest is 0") as caught:
            getattr(equity, name)([0, 3], people, **more.get(name, {}))
        assert "kolm_pollak_ede or the concentration index" in caught.value.problems[0].remedy
    assert equity.gini([0, 3], people) == pytest.approx(0.5), "gini takes zeros"
    with pytest.raises(InputError, match="values of gini"):
        equity.gini([0, 0], people)


def test_nothing_to_distribute_is_refused() -> None:
    nothing = "nothing whose distribution to state"
    with pytest.raises(InputError, match=f"amount_per_head: has a mean of 0.*{nothing}"):
        equity.concentration([1, -1], [1, 1], [1, 2])
    with pytest.raises(InputError, match=f"amount_per_head: has a mean of 0.*{nothing}"):
        equity.concentration([0.1, 0.2, -0.3], [1, 1, 1], [1, 2, 3])  # 0 but for rounding
    with pytest.raises(InputError, match="amount_per_head: has a mean of 0"):
        equity.kakwani([0, 0], [1, 1], [1, 2], burden=True)
    with pytest.raises(InputError, match=f"amount: sums to 0.*{nothing}"):
        equity.shares_by_quantile([0, 0], [1, 1], [1, 2])
    with pytest.raises(InputError, match="low_income: nobody or nothing to compare"):
        equity.equity_ratio([1, 2], [1, 1], [0, 0])
    with pytest.raises(InputError, match="low_income: nobody or nothing to compare"):
        equity.equity_ratio([0, 0], [1, 1], [1, 0])


def test_nothing_to_distribute_is_refused_by_the_curve_and_the_regression_too() -> None:
    """Breaks as a division by zero that, with warnings off, hands out NaN."""
    for name in ("concentration_curve", "concentration_regression"):
        with pytest.raises(InputError, match="mean of 0"):
            getattr(equity, name)([0, 0, 0], [1, 1, 1], [1, 2, 3])


def test_columns_of_different_length_are_refused_by_name() -> None:
    """A planner sees which column is short, not a message of numpy about dimensions."""
    calls: dict[str, Callable[[], object]] = {
        "weighted_mean": lambda: equity.weighted_mean([1, 2, 3], [1, 1]),
        "gini": lambda: equity.gini([1, 2, 3], [1, 1]),
        "kolm_pollak_ede": lambda: equity.kolm_pollak_ede([1, 2, 3], [1, 1], epsilon=1),
        "concentration": lambda: equity.concentration([1, 2, 3], [1, 1], [1, 2, 3]),
        "ranks": lambda: equity.ranks([1, 2, 3], [1, 1]),
        "shares_by_quantile": lambda: equity.shares_by_quantile([1, 2], [1, 1, 1], [1, 2, 3]),
        "parts": lambda: equity.parts([1, 1], [1, 2, 3]),
        "equity_ratio": lambda: equity.equity_ratio([1, 2, 3], [1, 1, 1], [1, 0]),
    }
    unnamed = []
    for name, call in calls.items():
        try:
            call()
        except InputError:
            continue
        except ValueError:
            unnamed.append(name)
    assert unnamed == []
