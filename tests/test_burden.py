"""Burdens by hand: shares of income, the rules for too much, change, and the mean of ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import burden
from geo.errors import InputError

NAN = float("nan")


def same(found: object, expected: list[float]) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, equal_nan=True)


def test_weighted_median_by_hand() -> None:
    assert burden.weighted_median([3, 1, 2], [1, 1, 1]) == 2
    assert burden.weighted_median([3, 1, 2, NAN], [5, 1, 1, 100]) == 3
    assert burden.weighted_median([4, 1], [2, 2]) == 2.5
    assert burden.weighted_median([4, 1, 9], [2, 2, 0]) == 2.5, "a value without weight is no neighbour"
    assert np.isnan(burden.weighted_median([NAN, 1], [1, 0]))


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 6)), min_size=1, max_size=12))
def test_weighted_median_is_the_median_of_everybody(pairs: list[tuple[int, int]]) -> None:
    values, weight = [p[0] for p in pairs], [p[1] for p in pairs]
    everybody = np.repeat(values, weight)
    if everybody.size:
        assert burden.weighted_median(values, weight) == np.median(everybody)
        assert burden.weighted_median(values, np.array(weight) * 0.1) == np.median(everybody)


def test_shares_of_income() -> None:
    same(
        burden.share_of_income([20_000, 0, NAN, 1000], heat=[1500, 5, 5, NAN], electricity=[500, 0, 0, 0]),
        [0.1, NAN, NAN, NAN],
    )
    with pytest.raises(InputError, match=r"heat\[0\].*below 0"):
        burden.share_of_income([1], heat=[-1])
    with pytest.raises(InputError, match="costs: are none"):
        burden.share_of_income([1])


def test_the_job_centre_pays_heat_and_not_electricity() -> None:
    household, public = burden.who_pays([1000, 800], [400, NAN], [0.25, 0])
    same(household, [1150, NAN])
    same(public, [250, 0])


def test_rules_for_too_much() -> None:
    """Shares 5, 6, 8 and 20 % with most people at 6: twice that is 12 %."""
    share, households = [0.05, 0.06, 0.08, 0.2, NAN], [10, 50, 10, 10, 10]
    same(burden.above(share), [0, 0, 0, 1, NAN])
    same(burden.above([0.3, 0.31], 0.3), [0, 1])
    same(burden.twice_median(share, households), [0, 0, 0, 1, NAN])
    same(burden.twice_median(share, households, median_share=0.035), [0, 0, 1, 1, NAN])
    same(burden.hidden([400, 1000, 499, 500, NAN], [1, 9, 1, 1, 1]), [1, 0, 1, 0, NAN])
    same(burden.hidden([400, 1000], [1, 1], median_cost=700), [0, 0])


def test_low_income_and_high_cost_needs_both() -> None:
    """Median cost 1,000, line 0.6 x 20,000 = 12,000: only the first pays more than most and is left below."""
    cost = [1500, 500, 1500, 1000, 1000, NAN]
    income = [13_000, 11_000, 25_000, 20_000, 20_000, 30_000]
    same(burden.low_income_high_cost(cost, income, np.ones(6)), [1, 0, 0, 0, 0, NAN])
    same(burden.low_income_high_cost(cost, income, np.ones(6), median_cost=400), [1, 1, 0, 0, 0, NAN])
    same(burden.low_income_high_cost(cost, income, np.ones(6), median_income=40_000), [1, 0, 1, 0, 0, NAN])


def test_unknown_medians_flag_nobody_unless_unknown() -> None:
    """Where nobody's cost is known there is no rule to apply: all is unknown, nothing is 0."""
    same(burden.twice_median([NAN, NAN], [1, 1]), [NAN, NAN])


def test_change_counts_households_across_the_threshold() -> None:
    found = burden.after_measure(
        [2500, 1500, 900, 1500, 100],
        [20_000, 20_000, 10_000, NAN, 1000],
        [-700, 900, 0, -100, NAN],
        [10, 20, 30, 40, 50],
    )
    same(found.before, [0.125, 0.075, 0.09, NAN, NAN])
    same(found.after, [0.09, 0.12, 0.09, NAN, NAN])
    assert (found.relieved, found.newly_burdened, found.unknown) == (10, 20, 90)
    with pytest.raises(InputError, match=r"change\[1\]: 1 save more than is spent"):
        burden.after_measure([10, 10], [100, 100], [-10, -11], [1, 1])


def test_cumulative_score_by_hand() -> None:
    """Ranks 1/4 and 3/4 with equal people; little green is a burden; a tie shares its rank."""
    found = burden.cumulative_score(
        {"heat": [1, 2, NAN, 0], "green": [30, 10, 5, 99], "noise": [7, 7, 7, 7]},
        [5, 5, 0, 0],
        lower_is_worse=["green"],
    )
    same(found, [(0.25 + 0.25 + 0.5) / 3, (0.75 + 0.75 + 0.5) / 3, NAN, NAN])
    assert np.isnan(burden.cumulative_score({"heat": [1, 2], "noise": [NAN, 3]}, [1, 1])[0])
    with pytest.raises(InputError, match="noise: is known nowhere"):
        burden.cumulative_score({"heat": [1, 2], "noise": [NAN, NAN]}, [1, 1])


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(1, 99)), min_size=1, max_size=15))
def test_the_mean_person_is_in_the_middle(rows: list[tuple[float, float, int]]) -> None:
    a, b, people = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    score = burden.cumulative_score({"a": a, "b": b}, people, lower_is_worse=["b"])
    assert score @ people / people.sum() == pytest.approx(0.5)
