"""Who is poor: definitions by hand, unknown stays unknown, probabilities, cells that keep their area's mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import ArrayLike
from scipy.stats import beta

from geo.errors import InputError
from geo.low_income import (
    composite,
    membership,
    official,
    poverty_line,
    quintile,
    rate_draws,
    relative_rate,
    robust,
    to_cells,
    wilson,
    without_students,
)

NAN = float("nan")


def same(found: object, expected: ArrayLike, *, atol: float = 0) -> None:
    np.testing.assert_allclose(
        np.asarray(found, dtype=float), np.asarray(expected, dtype=float), atol=atol, equal_nan=True
    )


# --- definitions ------------------------------------------------------------------------------------------------------


def test_relative_rate_by_hand() -> None:
    """Mean (10 + 3 x 6) / 4 = 7, so 8.75 is the threshold; an empty and an unknown area count nowhere."""
    same(relative_rate([0.10, 0.06, 0.9, NAN], [1, 3, 0, 100]), [1, 0, NAN, NAN])
    same(relative_rate([0.10, 0.06], [1, 1]), [1, 0])  # exactly at the threshold
    same(relative_rate([0.10, 0.06], [1, 1], factor=1.3), [0, 0])
    same(relative_rate([NAN, NAN], [1, 1]), [NAN, NAN])


def test_nobody_is_poor_where_all_rates_are_zero() -> None:
    """Breaks if 0 >= 1.25 x 0 makes a whole city poor."""
    same(relative_rate([0, 0], [1, 1]), [0, 0])


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1000)), min_size=1, max_size=20),
    st.floats(0.001, 1000),
)
def test_the_unit_of_a_rate_decides_no_flag(areas: list[tuple[float, int]], scale: float) -> None:
    rate, people = np.array([a[0] for a in areas]), np.array([a[1] for a in areas])
    rate = np.round(rate, 3)
    same(relative_rate(rate * scale, people * 7), relative_rate(rate, people).tolist())


def test_equal_areas_are_all_flagged_or_none_however_the_sum_rounds() -> None:
    """Breaks if the last digit of a mean sets one of three equal areas apart."""
    for rate in np.linspace(0.01, 0.99, 50):
        assert relative_rate([rate] * 7, [3, 1, 7, 11, 2, 5, 9], factor=1).tolist() == [1] * 7


def test_quintile_divides_the_area_at_the_cut() -> None:
    """A fifth of 100 people: all 15 of the poorest area and 5 of the next 10."""
    same(quintile([3, 1, 2, NAN, 9], [75, 15, 10, 500, 0], higher_is_poorer=False), [0, 1, 0.5, NAN, NAN])
    same(quintile([3, 1, 2], [75, 15, 10], higher_is_poorer=True), [20 / 75, 0, 0])
    same(quintile([NAN, 1], [5, 0], higher_is_poorer=True), [NAN, NAN])


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6) | st.just(NAN), st.integers(0, 1000)), min_size=1, max_size=30),
    st.booleans(),
)
def test_a_quintile_holds_a_fifth_of_those_that_are_known(areas: list[tuple[float, int]], poorer: bool) -> None:  # noqa: FBT001
    x, people = np.array([a[0] for a in areas]), np.array([a[1] for a in areas], dtype=float)
    known = ~np.isnan(x) & (people > 0)
    share = quintile(x, people, higher_is_poorer=poorer)
    assert (np.isnan(share) == ~known).all()
    assert share[known] @ people[known] == pytest.approx(people[known].sum() / 5)
    order = np.argsort(-x[known] if poorer else x[known])
    assert (np.diff(share[known][order]) <= 1e-9).all(), "a richer area never counts more than a poorer one"


def test_poverty_line_and_official_areas() -> None:
    same(poverty_line([1000, 1200, 1260, NAN], 2100), [1, 1, 0, NAN])  # 60 % of 2100 is 1260, and below means below
    same(official([True, False, NAN]), [1, 0, NAN])
    assert official([1 + 1e-13]).tolist() == [1], "a quotient of sums is no error"
    with pytest.raises(InputError, match="above 1"):
        official([2])


def test_robust_is_two_of_the_known_definitions() -> None:
    found = robust(
        {
            "rate": [1, 1, 0, NAN, NAN, 1],
            "quintile": [1, 0, 0, 1, NAN, 0.3],
            "official": [0, 0, 0, 1, 1, 0.2],
        }
    )
    same(found, [1, 0, 0, 1, NAN, 0.3])
    with pytest.raises(InputError, match="Give at least two"):
        robust({"rate": [1]})


@given(hnp.arrays(float, st.tuples(st.integers(2, 5), st.integers(1, 8)), elements=st.sampled_from([0.0, 1.0, NAN])))
def test_robust_of_flags_is_counting_them(flags: np.ndarray) -> None:
    expected = np.where((~np.isnan(flags)).sum(axis=0) < 2, np.nan, np.nansum(flags, axis=0) >= 2)
    same(robust({str(i): row for i, row in enumerate(flags)}), expected.tolist())


def test_composite_by_hand() -> None:
    """Rates 0 and 2 have z of -1 and 1 with equal people; incomes the other way round agree."""
    found = composite(
        {"rate": [0, 2, NAN, 50], "income": [3000, 1000, 2000, 99]}, [5, 5, 0, 0], lower_is_poorer=["income"]
    )
    same(found, [-1, 1, NAN, NAN])
    # an area without one of the indicators has no composite, but counts in the mean of the other: 0, 2, 4 -> sd 1.63
    found = composite({"a": [0, 2, 4], "b": [1, 3, NAN]}, [1, 1, 1])
    same(found, [(-np.sqrt(1.5) - 1) / 2, 0.5, NAN])


def test_composite_names_every_column_that_tells_nothing() -> None:
    with pytest.raises(InputError) as caught:
        composite({"flat": [0.1, 0.1, 0.1], "good": [1, 2, 3], "gone": [NAN, NAN, 5]}, [1, 2, 0])
    assert [p.where for p in caught.value.problems] == ["flat", "gone"]
    with pytest.raises(InputError, match="Did you mean 'income'"):
        composite({"income": [1, 2]}, [1, 1], lower_is_poorer=["incom"])


def test_students_leave_both_counts() -> None:
    poor, people = without_students([30, 5, NAN], [100, 50, 10], [40, 0, 1], students_poor_share=0.5)
    same(poor, [10, 5, NAN])
    same(people, [60, 50, NAN])


def test_students_never_make_counts_negative() -> None:
    with pytest.raises(InputError) as caught:
        without_students([30, 5, 1, 60], [100, 5, 10, 100], [10, 9, 8, 50], students_poor_share=0.3)
    assert {(p.where, p.what) for p in caught.value.problems} == {
        ("area 1", "has more students than people"),
        ("area 2", "has fewer poor than poor students"),
    }
    with pytest.raises(InputError, match="area 0: has more poor than people without students"):
        without_students([60], [100], [50], students_poor_share=0)


@pytest.mark.parametrize("call", [relative_rate, lambda x, w: quintile(x, w, higher_is_poorer=True)])
def test_bad_columns_are_refused_together(call: object) -> None:
    with pytest.raises(InputError) as caught:
        call([np.inf, 1], [-1, NAN])  # type: ignore[operator]
    assert sorted(problem.what for problem in caught.value.problems) == [
        "1 value(s) below 0",
        "1 value(s) missing or infinite",
        "1 value(s) missing or infinite",
    ], "an infinite figure, and people that are unknown or negative"
    with pytest.raises(InputError, match="do not fit"):
        call([1, 2, 3], [1, 2])  # type: ignore[operator]


# --- how sure it is ---------------------------------------------------------------------------------------------------


def test_wilson_by_hand_and_at_the_ends() -> None:
    """Newcombe (1998): 81 of 263 at 95 % is 0.2553 to 0.3662; 0 of 20 is 0 to 0.1611; 1 of 29 is 0.0061 to 0.1718."""
    low, high = wilson([81, 0, 1, NAN, 0], [263, 20, 29, 10, 0], level=0.95)
    same(low, [0.2553, 0, 0.0061, NAN, NAN], atol=6e-5)
    same(high, [0.3662, 0.1611, 0.1718, NAN, NAN], atol=6e-5)
    with pytest.raises(InputError, match=r"count\[1\]: is more than n"):
        wilson([1, 5], [10, 4])


def test_draws_of_a_rate_spread_as_wilsons_interval() -> None:
    sample = np.array(list(rate_draws([0.2, NAN, 0.3], [150, 10, 0], seed=1, draws=4000)))
    assert np.isnan(sample[:, 1:]).all()
    low, high = wilson(30, 150)
    assert np.quantile(sample[:, 0], [0.05, 0.95]) == pytest.approx([float(low), float(high)], abs=0.006)


def test_membership_is_certain_for_many_residents_and_even_at_the_threshold() -> None:
    people = np.full(4, 1e7)
    found = membership(
        rate_draws([0.05, 0.30, 0.20, NAN], [1e7, 1e7, 200, 10], seed=3, draws=2000),
        lambda rate: poverty_line(1 - rate, 1, share=0.8),  # poor from 20 % upwards
    )
    assert found.probability[:2].tolist() == [0, 1]
    assert found.probability[2] == pytest.approx(1 - beta.cdf(0.2, 40.5, 160.5), abs=0.03)
    assert found.probability[2] == pytest.approx(0.5, abs=0.05)
    assert np.isnan(found.probability[3])
    assert found.uncertain.tolist() == [False, False, True, True]
    relative = membership(
        rate_draws([0.05, 0.30, 0.20, NAN], [1e7, 1e7, 200, 10], seed=3), lambda r: relative_rate(r, people)
    )
    assert relative.probability[:2].tolist() == [0, 1]


def test_a_relative_threshold_moves_with_the_draws() -> None:
    """One area alone has no relative poverty, however few residents: against a fixed threshold it would flip."""
    found = membership(rate_draws([0.2], [20], seed=5), lambda rate: relative_rate(rate, [20]))
    assert found.probability.tolist() == [0]
    assert found.uncertain.tolist() == [False]


@pytest.mark.parametrize("count", [20, 26, 30, 34, 40])
def test_uncertain_is_an_interval_across_the_threshold(count: int) -> None:
    """Close to the threshold of 30 of 150 the interval of the draws holds it, far off it does not: as Wilson's."""
    low, high = wilson(count, 150)
    found = membership(
        rate_draws([count / 150], [150], seed=2, draws=3000), lambda rate: np.asarray(rate >= 0.2, float)
    )
    assert found.uncertain[0] == (low < 0.2 < high)


def test_the_same_seed_draws_the_same() -> None:
    once, again = (list(rate_draws([0.2, 0.4], [50, 50], seed=9, draws=3)) for _ in range(2))
    same(once, np.array(again).tolist())
    with pytest.raises(InputError, match="Draw at least once"):
        membership([], lambda x: x)
    with pytest.raises(InputError, match=r"rate.*above 1"):
        rate_draws([20], [50], seed=1)  # percent: refused at the call, not at the first draw


# --- cells ------------------------------------------------------------------------------------------------------------


def test_cells_follow_the_score_and_keep_the_mean_by_hand() -> None:
    """Two cells at z of -1 and 1 around a mean of one half: symmetric, so expit(-1) and expit(1)."""
    up = 1 / (1 + np.exp(-1))
    same(to_cells([0.5], [0, 0], [10, 10], [3, 7]), [1 - up, up])
    same(to_cells([5], [0, 0], [10, 10], [3, 7], low=1, high=9), [1 + 8 * (1 - up), 1 + 8 * up])
    same(to_cells([0.5], [0, 0], [10, 10], [3, 7], slope=0), [0.5, 0.5])


def test_cells_at_bounds_without_people_without_scores_and_outside() -> None:
    value = [0, 1, 0.3, NAN, 0.4]
    area = [0, 0, 1, 1, 2, 2, 3, -1, 4, 4]
    people = [1, 5, 2, 2, 0, 0, 9, 9, 6, 6]
    score = [1, 9, 1, 9, 1, 9, 5, 5, NAN, NAN]
    same(to_cells(value, area, people, score), [0, 0, 1, 1, 0.3, 0.3, NAN, NAN, 0.4, 0.4])


def test_a_cell_without_a_score_is_taken_for_its_areas_mean() -> None:
    with_nan = to_cells([0.2, 0.6], [0, 0, 0, 1], [1, 3, 2, 9], [2, 6, NAN, 1])
    middle = to_cells([0.2], [0, 0, 0], [1, 3, 2], [2, 6, 5], slope=1)
    assert with_nan[:3].argsort().tolist() == middle.argsort().tolist()
    assert with_nan[:3] @ [1, 3, 2] / 6 == pytest.approx(0.2, abs=1e-12)


def test_empty_cells_alone_with_a_score_are_measured_from_the_mean_of_all() -> None:
    """Breaks if a score is measured from zero where nobody in the area has one: years of 2000 would give 1 or 0."""
    found = to_cells([0.3, 0.5], [0, 0, 1, 1], [8, 0, 5, 5], [NAN, 2000, 1999, 2001])
    assert found[:2].tolist() == pytest.approx([0.3, 0.3])


def test_steps_between_cells_are_standard_deviations_over_all_people() -> None:
    """Breaks if each area has its own yardstick: then a dull area would spread as far as a divided one."""
    area, people, score = np.array([0, 0, 1, 1, 1]), np.array([10.0, 30, 5, 5, 50]), np.array([1.0, 3, 2, 20, 7])
    found = to_cells([0.1, 0.7], area, people, score, slope=0.8)
    deviation = np.sqrt(np.cov(score, aweights=people, ddof=0))
    odds = np.log(found / (1 - found))
    same(np.diff(odds[:2]), [0.8 * 2 / deviation])
    same(np.diff(odds[2:]), 0.8 * np.diff(score[2:]) / deviation)


@given(st.data())
def test_cells_keep_the_mean_of_their_area(data: st.DataObject) -> None:
    """Any values, people, scores and slopes, however steep."""
    areas, cells = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 30))
    low, high = data.draw(st.sampled_from([(0.0, 1.0), (1.0, 9.0), (-3.0, 100.0)]))
    share = data.draw(hnp.arrays(float, areas, elements=st.floats(0, 1) | st.sampled_from([NAN, 1e-12, 1 - 1e-12])))
    value = low + (high - low) * share
    area = data.draw(hnp.arrays(int, cells, elements=st.integers(-1, areas - 1)))
    people = data.draw(hnp.arrays(float, cells, elements=st.integers(0, 5000).map(float)))
    score = data.draw(hnp.arrays(float, cells, elements=st.floats(-1e3, 1e3) | st.just(NAN)))
    slope = data.draw(st.sampled_from([0.0, 0.5, 1.0, -2.0, 30.0]))
    found = to_cells(value, area, people, score, low=low, high=high, slope=slope)
    for one in range(areas):
        inside = area == one
        if not inside.any():
            continue
        if np.isnan(value[one]):
            assert np.isnan(found[inside]).all()
            continue
        assert (found[inside] >= low - 1e-9).all()
        assert (found[inside] <= high + 1e-9).all()
        if people[inside].sum() > 0:
            mean = found[inside] @ people[inside] / people[inside].sum()
            assert mean == pytest.approx(value[one], abs=1e-9 * (high - low))
        scored = inside & ~np.isnan(score)
        order = np.argsort(score[scored] * np.sign(slope), kind="stable")
        if slope:
            assert (np.diff(found[scored][order]) >= -1e-9 * (high - low)).all()
    assert np.isnan(found[area == -1]).all()


def test_cells_in_unknown_areas_and_values_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"area_of_cell\[1\]: 1 name no area"):
        to_cells([0.5], [0, 1], [1, 1], [1, 1])
    with pytest.raises(InputError, match=r"value_by_area\[0\]: 1 value\(s\) above 1"):
        to_cells([15], [0], [1], [1])
    with pytest.raises(InputError, match="9 is not below 1"):
        to_cells([5], [0], [1], [1], low=9, high=1)
