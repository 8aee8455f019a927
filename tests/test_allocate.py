"""A total on places: nothing is lost or made up, known points come first, and bad input is named with its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.allocate import Proxy, allocate, calibrate, fit_margins, largest_remainder
from geo.arrays import finite
from geo.errors import CRSMismatchError, InputError, Problem, RevierError


def refused(caught: pytest.ExceptionInfo[RevierError]) -> dict[str, str]:
    """Places and what is wrong there; every problem has a remedy, and the message holds all of it."""
    for problem in caught.value.problems:
        assert problem.remedy.endswith(".")
        assert str(problem) in str(caught.value)
    return {problem.where: problem.what for problem in caught.value.problems}


# --- worked answers ---------------------------------------------------------------------------------------------------


def test_households_of_dortmund_by_floor_area_and_demand(vector: Callable[[str], Any]) -> None:
    """Breaks if weights, allocation or rounding leave the published method."""
    case = vector("downscale_households")
    inputs, expected = case["inputs"], case["expected"]
    floor = np.array(inputs["floor_m2"])
    demand = floor * inputs["q_kwh_m2"]
    proxy = Proxy("heat_kwh_a", demand)

    assert demand / 1e6 == pytest.approx(expected["bottom_up_gwh"], rel=1e-6)
    assert allocate(1, [proxy]).values == pytest.approx(expected["weights"], rel=1e-6)
    kt = allocate(inputs["inventory_kt"], [proxy])
    assert kt.values == pytest.approx(expected["alloc_kt"], rel=1e-6)
    assert kt.values.sum() == pytest.approx(expected["sum_kt"], rel=1e-9)
    assert (kt.remainder, kt.method) == (0, "heat_kwh_a")
    assert kt.values * 1e6 / floor == pytest.approx(expected["implied_kg_per_m2"], rel=1e-6)

    published = expected["alloc_int_t_largest_remainder"]
    assert largest_remainder(kt.values * 1000).tolist() == published
    assert largest_remainder(kt.values * 1000, total=round(inputs["inventory_kt"] * 1000)).tolist() == published


def test_known_points_first_then_weights_and_the_rest_without_a_place() -> None:
    """100 t: 10 t metered at the first place, 90 t by weights 1, 2, 3 and 4 that have no place."""
    result = allocate(100, [Proxy("area", [1, 2, 3], unplaced=4)], known=[10, 0, 0])
    assert result.values.tolist() == [19, 18, 27]
    assert result.remainder == 36
    assert result.method == "area"


def test_a_place_without_weight_gets_only_what_is_known_there() -> None:
    assert allocate(12, [Proxy("area", [0, 1, 1])], known=[2, 0, 0]).values.tolist() == [2, 5, 5]


def test_a_sink_is_spread_like_a_source() -> None:
    assert allocate(-12, [Proxy("forest_m2", [1, 2])], known=[-3, 0]).values.tolist() == [-6, -6]


def test_an_explicit_zero_stays_zero_everywhere() -> None:
    result = allocate(0, [Proxy("area", [1, 2])])
    assert result.values.tolist() == [0, 0]
    assert (result.remainder, result.method) == (0, "area")


def test_a_proxy_that_says_nothing_is_passed_over() -> None:
    """Breaks if weights of zero divide by zero, or if weight without a place alone counts as a proxy."""
    result = allocate(6, [Proxy("heat", [0, 0], unplaced=5), Proxy("area", [1, 2]), Proxy("people", [1, 0])])
    assert result.values.tolist() == [2, 4]
    assert (result.remainder, result.method) == (0, "area")


def test_what_no_proxy_can_place_is_kept_in_sight() -> None:
    result = allocate(10, [Proxy("heat", [0, 0]), Proxy("area", [0, 0], unplaced=1)], known=[4, 0])
    assert result.values.tolist() == [4, 0]
    assert (result.remainder, result.method) == (6, "unplaced")


def test_no_places_at_all_leaves_everything_in_the_remainder() -> None:
    result = allocate(10, [Proxy("area", [])])
    assert result.values.size == 0
    assert (result.remainder, result.method) == (10, "unplaced")


def test_known_points_may_be_the_total_but_for_floating_point() -> None:
    """0.1 + 0.2 is a hair above 0.3; that is no contradiction."""
    result = allocate(0.3, [Proxy("area", [1, 1])], known=[0.1, 0.2])
    assert result.values == pytest.approx([0.1, 0.2], rel=1e-12)


def test_missing_units_go_to_the_largest_fractions_and_ties_to_the_first() -> None:
    assert largest_remainder([1.2, 2.7, 3.1]).tolist() == [1, 3, 3]
    assert largest_remainder([0.5, 0.5, 0.5, 0.5]).tolist() == [1, 1, 0, 0]
    assert largest_remainder([0.5, 0.5, 0.5, 0.5], total=3).tolist() == [1, 1, 1, 0]
    assert largest_remainder([0, 0]).tolist() == [0, 0]
    assert largest_remainder([]).tolist() == []


def test_a_whole_number_that_went_through_floating_point_is_whole() -> None:
    """Breaks if 2.9999999999999996 is floored to 2 and its unit handed to somebody else."""
    assert largest_remainder([3 - 4e-16, 0.6], total=3).tolist() == [3, 0]
    with pytest.raises(InputError):
        largest_remainder([3 - 4e-16, 3 - 4e-16], total=5)
    assert largest_remainder([1331880.0000000002 / 3] * 3).tolist() == [443960] * 3


# --- properties -------------------------------------------------------------------------------------------------------

TOTALS = st.one_of(st.just(0.0), st.floats(1e-6, 1e12), st.floats(-1e12, -1e-6))
WEIGHTS = st.one_of(st.just(0.0), st.floats(1e-9, 1e9))


@st.composite
def tasks(draw: st.DrawFn) -> tuple[float, list[float], float, list[float]]:
    """Draw a total of any sign, weights, weight without a place, and known amounts that stay within the total."""
    total = draw(TOTALS)
    weights = draw(st.lists(WEIGHTS, min_size=1, max_size=12))
    shares = draw(st.lists(st.floats(0, 1), min_size=len(weights), max_size=len(weights)))
    return total, weights, draw(WEIGHTS), [total * share / len(weights) for share in shares]


@given(tasks())
def test_nothing_is_lost(task: tuple[float, list[float], float, list[float]]) -> None:
    total, weights, unplaced, known = task
    result = allocate(total, [Proxy("w", weights, unplaced)], known=known)
    assert abs(result.values.sum() + result.remainder - total) <= 1e-9 * abs(total)
    assert result.values.shape == (len(weights),)
    assert (np.abs(result.values) >= np.abs(known) * (1 - 1e-9)).all(), "a known point was cut"


@given(tasks(), st.data())
def test_the_order_of_places_does_not_matter(
    task: tuple[float, list[float], float, list[float]], data: st.DataObject
) -> None:
    total, weights, unplaced, known = task
    order = data.draw(st.permutations(range(len(weights))))
    straight = allocate(total, [Proxy("w", weights, unplaced)], known=known)
    mixed = allocate(total, [Proxy("w", np.take(weights, order), unplaced)], known=np.take(known, order))
    np.testing.assert_allclose(mixed.values, straight.values[order], rtol=1e-9, atol=1e-12 * abs(total))
    assert mixed.remainder == pytest.approx(straight.remainder, rel=1e-9, abs=1e-12 * abs(total))


@given(tasks(), st.floats(1e-3, 1e3))
def test_the_unit_of_the_weights_does_not_matter(
    task: tuple[float, list[float], float, list[float]], unit: float
) -> None:
    total, weights, unplaced, known = task
    one = allocate(total, [Proxy("w", weights, unplaced)], known=known)
    other = allocate(total, [Proxy("w", np.multiply(weights, unit), unplaced * unit)], known=known)
    np.testing.assert_allclose(other.values, one.values, rtol=1e-9, atol=1e-12 * abs(total))


AMOUNTS = st.lists(
    st.one_of(st.integers(0, 10**9).map(float), st.integers(0, 10**6).map(lambda n: n / 10), st.floats(0, 1e9)),
    max_size=40,
)


@given(AMOUNTS)
def test_rounding_keeps_the_sum_and_moves_no_value_by_one(values: list[float]) -> None:
    rounded = largest_remainder(values)
    assert rounded.sum() == round(float(np.sum(values)))
    assert (np.abs(rounded - np.array(values)) < 1).all()
    assert largest_remainder(rounded).tolist() == rounded.tolist(), "rounding twice must change nothing"


@given(AMOUNTS, st.data())
def test_rounding_reaches_every_published_total_between_floor_and_one_more_each(
    values: list[float], data: st.DataObject
) -> None:
    floor = int(np.floor(np.array(values) + 1e-9).sum())
    total = data.draw(st.integers(floor, floor + len(values)))
    rounded = largest_remainder(values, total=total)
    assert rounded.sum() == total
    assert (np.abs(rounded - np.array(values)) <= 1).all()


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True), st.data())
def test_rounding_follows_the_fractions_not_the_rows(millionths: list[int], data: st.DataObject) -> None:
    """With fractions that differ, a place gets the same number wherever it stands in the table."""
    values = np.array(millionths) / (10**6 + 1)
    order = data.draw(st.permutations(range(len(values))))
    assert largest_remainder(values[order]).tolist() == largest_remainder(values)[order].tolist()


# --- bad input --------------------------------------------------------------------------------------------------------


def test_no_proxy_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        allocate(1, [])
    assert refused(caught) == {"proxies": "empty"}


@pytest.mark.parametrize(
    ("weights", "where", "what"),
    [
        ([1, np.nan, 3], "weights area[1]", "1 value(s) missing or infinite"),
        ([1, 2, -np.inf], "weights area[2]", "1 value(s) missing or infinite"),
        ([np.inf, 2, np.nan], "weights area[0]", "2 value(s) missing or infinite"),
        ([1, -2, -3], "weights area[1]", "2 value(s) below 0"),
    ],
)
def test_a_weight_that_cannot_be_computed_with_is_named(weights: list[float], where: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        allocate(1, [Proxy("area", weights)])
    assert what in [problem.what for problem in caught.value.problems if problem.where == where]
    refused(caught)


def test_weights_and_known_points_of_another_length_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        allocate(1, [Proxy("area", [0, 0, 0]), Proxy("people", [1, 2])])
    assert refused(caught) == {"weights people": "has shape (2,), expected length 3"}
    with pytest.raises(InputError) as caught:
        allocate(1, [Proxy("area", [1, 2])], known=[1, 0, 0])
    assert refused(caught) == {"known points": "has shape (3,), expected length 2"}


def test_everything_wrong_with_an_array_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        finite("weights", [np.nan, -1, 2, -3], minimum=0, size=3)
    assert refused(caught) == {
        "weights": "has shape (4,), expected length 3",
        "weights[0]": "1 value(s) missing or infinite",
        "weights[1]": "2 value(s) below 0",
    }


def test_an_array_in_order_comes_back_as_float() -> None:
    array = finite("weights", [1, 2], minimum=0, size=2)
    assert array.dtype == np.float64
    assert array.tolist() == [1, 2]
    assert finite("weights", []).size == 0


@pytest.mark.parametrize(("name", "total", "unplaced"), [("total", np.nan, 0.0), ("unplaced weight of area", 1, -1.0)])
def test_a_single_number_that_cannot_be_computed_with_is_named(name: str, total: float, unplaced: float) -> None:
    """Breaks if it is not refused, or if the message names it with the row of an array ('total[]')."""
    with pytest.raises(InputError) as caught:
        allocate(total, [Proxy("area", [1], unplaced)])
    assert list(refused(caught)) == [name]


@pytest.mark.parametrize(("total", "known"), [(10, [6, 6]), (-10, [-6, -6]), (1e-3, [0, 2e-3])])
def test_known_points_above_the_total_are_refused(total: float, known: list[float]) -> None:
    """Breaks if the other places get amounts of the wrong sign to make up for it."""
    with pytest.raises(InputError) as caught:
        allocate(total, [Proxy("area", [1, 1])], known=known)
    what = refused(caught)["known points"]
    assert f"{sum(known):.6g}" in what
    assert f"{total:.6g}" in what


def test_known_points_above_a_total_of_zero_are_refused() -> None:
    """An inventory of exactly 0 t with a site of 5 t is a contradiction, not -5 t for the others."""
    with pytest.raises(InputError) as caught:
        allocate(0, [Proxy("area", [1, 1])], known=[5, 0])
    assert "known points" in refused(caught)


@pytest.mark.parametrize("total", [1, 5])
def test_a_total_that_rounding_cannot_reach_is_refused(total: int) -> None:
    with pytest.raises(InputError) as caught:
        largest_remainder([1.2, 1.3], total=total)
    assert refused(caught) == {"total": f"{total} cannot be reached by rounding values that sum to 2.5"}


def test_rounding_refuses_negative_and_missing_values() -> None:
    with pytest.raises(InputError) as caught:
        largest_remainder([1, -2, np.nan])
    assert refused(caught) == {
        "values[2]": "1 value(s) missing or infinite",
        "values[1]": "1 value(s) below 0",
    }


def test_errors_carry_every_problem_and_are_value_errors() -> None:
    """A caller that lists problems, one that only prints, and one that catches ValueError all get what they need."""
    problems = [Problem("row 1", "is empty", "Drop it."), Problem("row 2", "is negative", "Correct it.")]
    for kind in (InputError, CRSMismatchError):
        error = kind(problems)
        assert isinstance(error, RevierError)
        assert isinstance(error, ValueError)
        assert error.problems == tuple(problems)
        assert str(error) == "row 1: is empty. Drop it.\nrow 2: is negative. Correct it."
    assert InputError(problems[0]).problems == (problems[0],)
    assert RevierError("no such place").problems == ()
    assert str(RevierError("no such place")) == "no such place"


def test_fitting_margins_gives_the_worked_answer(vector: Callable[[str], Any]) -> None:
    """Would break if rows and columns were not both met, or if the odds of the seed were lost."""
    case = vector("ipf_3x3")
    given, expected = case["inputs"], case["expected"]
    table = fit_margins(given["seed"], given["row_targets"], given["col_targets"])
    assert table == pytest.approx(np.array(expected["table"]), abs=1e-6)
    seed = np.array(given["seed"])
    for kept in (table, seed):
        odds = kept[0, 0] * kept[1, 1] / (kept[0, 1] * kept[1, 0])
        assert odds == pytest.approx(expected["odds_ratio_preserved"][0])


@given(data=st.data())
def test_fitted_tables_keep_margins_zeros_and_odds(data: st.DataObject) -> None:
    """Would break if a zero were filled or a margin missed."""
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    cells = st.lists(st.floats(0.01, 100), min_size=n * m, max_size=n * m)
    seed = np.array(data.draw(cells)).reshape(n, m)
    truth = np.array(data.draw(cells)).reshape(n, m)
    hole = np.array(data.draw(st.lists(st.booleans(), min_size=n * m, max_size=n * m))).reshape(n, m)
    # a table with these zeros and margins exists: the one that the margins were taken from
    seed[hole], truth[hole] = 0, 0
    table = fit_margins(seed, truth.sum(axis=1), truth.sum(axis=0), tolerance=1e-7)
    assert table.sum(axis=0) == pytest.approx(truth.sum(axis=0), abs=1e-6 * max(truth.sum(), 1))
    assert table.sum(axis=1) == pytest.approx(truth.sum(axis=1), abs=1e-6 * max(truth.sum(), 1))
    assert (table[hole] == 0).all()


def test_margins_that_no_table_can_have_are_refused_with_their_place() -> None:
    with pytest.raises(InputError) as caught:
        fit_margins([[1, 1], [0, 0]], [1, 2], [1, 1])
    assert [p.where for p in caught.value.problems] == ["margins", "rows[1]"]
    with pytest.raises(InputError, match="leave no table"):
        fit_margins([[1, 0], [1, 1]], [2, 1], [1, 2], max_iterations=50)


def test_calibration_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    case = vector("calibration")
    found = calibrate(case["inputs"]["bottom_up_gwh"], case["inputs"]["metered_total_gwh"])
    assert found.factor == pytest.approx(case["expected"]["k"], rel=1e-6)
    assert found.values == pytest.approx(np.array(case["expected"]["calibrated"]), rel=1e-6)
    assert (found.verdict != "ok") == case["expected"]["warn"]


@pytest.mark.parametrize(
    ("published", "verdict"), [(70, "ok"), (130, "ok"), (69, "warn"), (131, "warn"), (50, "warn"), (201, "reject")]
)
def test_calibration_is_guarded(published: float, verdict: str) -> None:
    """Would break if a model that is off by a factor of two passed for one that explains the balance."""
    assert calibrate([60.0, 40.0], published).verdict == verdict
    with pytest.raises(InputError, match="sums to 0"):
        calibrate([0.0], published)
