"""Where emissions should be: worked answers, paths and gaps by hand, budgets that run out, bad input all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.targets import (
    budget_share,
    budget_spent,
    gap,
    ksg_target,
    linear_target,
    required_rate,
    years_at_constant,
)


@pytest.fixture(scope="module")
def pathway(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "pathway.json").read_text(encoding="utf-8"))
    return found


def numbers(by_year: dict[str, float]) -> tuple[list[int], list[float]]:
    return [int(year) for year in by_year], list(by_year.values())


# --- worked answers ---------------------------------------------------------------------------------------------------


def test_paths_of_the_worked_answer(pathway: dict[str, Any]) -> None:
    inputs, expected = pathway["inputs"], pathway["expected"]
    years, kt = numbers(expected["linear"])
    assert linear_target(years, inputs["base_kt"], inputs["y0"], inputs["y1"]) == pytest.approx(kt, rel=1e-6)
    years, kt = numbers(expected["ksg_path"])
    assert ksg_target(years, inputs["base1990_kt"]) == pytest.approx(kt, rel=1e-6)
    years, cut = numbers(inputs["ksg"])
    assert ksg_target(years, 1) == pytest.approx(1 - np.array(cut), rel=1e-6), "1990 itself is the start"


def test_gap_of_the_worked_answer(pathway: dict[str, Any]) -> None:
    status = pathway["expected"]["status_t"]
    found = gap(status["actual"], status["target"])
    assert found.pct == pytest.approx(status["delta_pct"], rel=1e-6)
    assert found.t == pytest.approx(status["actual"] - status["target"], rel=1e-6)


def test_budget_of_the_worked_answer(pathway: dict[str, Any]) -> None:
    """The city's share of 3.9 Gt, how long it lasts as it is, and when the straight path has used it up."""
    inputs, expected = pathway["inputs"], pathway["expected"]
    base, start, zero = inputs["base_kt"], inputs["y0"], inputs["y1"]
    share = budget_share(3.9e6, 598_255, 84.0e6)
    assert share == pytest.approx(expected["budget_share_kt"], rel=1e-6)
    assert years_at_constant(share, base) == pytest.approx(expected["years_at_constant"], rel=1e-6)
    from_2024 = np.arange(2024, 2046)
    spent = budget_spent(from_2024, linear_target(from_2024, base, start, zero), share)
    assert spent.used_up_year == expected["linear_year_exhausted"]
    from_2023 = np.arange(2023, 2046)
    whole = budget_spent(from_2023, linear_target(from_2023, base, start, zero), share)
    assert whole.cumulative_t[-1] == pytest.approx(expected["linear_cumulative_2023_2045_kt"], rel=1e-6)


# --- paths ------------------------------------------------------------------------------------------------------------


def test_a_straight_path_by_hand_and_a_citys_own_year() -> None:
    """100 t in 2020: half in 2030 if zero in 2040, a third left if zero in 2035; nothing falls before it starts."""
    assert linear_target([2045, 2040, 2030, 2020, 2010], 100, 2020, 2040).tolist() == [0, 0, 50, 100, 100]
    assert linear_target(2030, 100, 2020, 2035) == pytest.approx(100 / 3)


def test_the_path_of_the_act_by_hand() -> None:
    """65 % in 40 years before 2030; half way from 65 to 77 % in 2032.5; the end stays the end."""
    found = ksg_target([1980, 1990, 2010, 2032.5, 2045, 2060], 1000)
    assert found.tolist() == pytest.approx([1000, 1000, 675, 290, 0, 0])


@given(st.floats(1, 1e8), st.integers(1990, 2030), st.integers(1, 60))
def test_paths_never_rise_and_end_at_zero(base: float, start: int, length: int) -> None:
    """Breaks if a zero year that comes early lets the path fall below zero, a late one end above it."""
    years = np.arange(1985, 2110)
    for path in (linear_target(years, base, start, start + length), ksg_target(years, base)):
        assert (np.diff(path) <= 0).all()
        assert path[0] == base
        assert path[-1] == 0
    assert linear_target(start + length, base, start, start + length) == 0


def test_gap_by_hand_with_a_target_of_zero() -> None:
    """Of a target of zero nothing is a percentage: missing, not zero and not infinite."""
    found = gap([120, 90, 5], [100, 100, 0])
    assert found.t.tolist() == [20, -10, 5]
    assert found.pct[:2].tolist() == pytest.approx([20, -10])
    assert np.isnan(found.pct[2])
    areas = gap([[120, 90], [50, 100]], [100, 100])
    assert areas.t.tolist() == [[20, -10], [-50, 0]], "one target for every area"


@given(st.floats(1, 1e7), st.floats(1, 1e7), st.integers(1, 40))
def test_the_required_rate_leads_to_the_target(actual: float, target: float, ahead: int) -> None:
    """Walks year by year: both ways of falling must arrive."""
    found = required_rate(actual, 2025, target, 2025 + ahead)
    assert found.pct_a is not None
    by_amount = by_percent = actual
    for _ in range(ahead):
        by_amount -= found.t_a
        by_percent *= 1 - found.pct_a / 100
    assert by_amount == pytest.approx(target, rel=1e-6, abs=1e-6)
    assert by_percent == pytest.approx(target, rel=1e-6)
    assert (found.pct_a >= 0) == (found.t_a >= 0)


def test_the_required_rate_by_hand() -> None:
    """From 100 to 25 in two years: 37.5 t or 50 % a year; no percentage leads to zero, or away from it."""
    found = required_rate(100, 2025, 25, 2027)
    assert (found.t_a, found.pct_a) == pytest.approx((37.5, 50))
    to_zero = required_rate(100, 2025, 0, 2045)
    assert (to_zero.t_a, to_zero.pct_a) == (5, None)
    assert required_rate(0, 2025, 10, 2030).pct_a is None


# --- budget -----------------------------------------------------------------------------------------------------------


def test_budget_shares_by_hand() -> None:
    """A city with 1 % of the people and 3 % of the emissions: 10, 30, and 20 mixed."""
    by_people = budget_share(1000, 1, 100)
    assert by_people == pytest.approx(10)
    assert budget_share(1000, 1, 100, emissions_share=0.03) == by_people, "weight 0 does not look at emissions"
    assert budget_share(1000, 1, 100, emissions_share=0.03, weight=1) == pytest.approx(30)
    assert budget_share(1000, 1, 100, emissions_share=0.03, weight=0.5) == pytest.approx(20)


@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=20), st.floats(0, 1))
def test_budget_shares_of_all_cities_sum_to_the_budget(people: list[float], weight: float) -> None:
    emissions = np.arange(1, len(people) + 1) / np.arange(1, len(people) + 1).sum()
    shares = [
        budget_share(5000, p, sum(people), emissions_share=e, weight=weight)
        for p, e in zip(people, emissions, strict=True)
    ]
    assert sum(shares) == pytest.approx(5000, rel=1e-9)


def test_spending_by_hand() -> None:
    """10, 10, 10 of 25: 15, 5 and -5 left, used up in the third year; of 20 exactly, in the second; of 31, never."""
    years = [2024, 2025, 2026]
    found = budget_spent(years, [10, 10, 10], 25)
    assert found.years.tolist() == years
    assert found.cumulative_t.tolist() == [10, 20, 30]
    assert found.remaining_t.tolist() == [15, 5, -5]
    assert found.used_up_year == 2026
    assert budget_spent(years, [10, 10, 10], 20).used_up_year == 2025
    assert budget_spent(years, [10, 10, 10], 31).used_up_year is None
    assert budget_spent([2024], [10], 5).used_up_year == 2024


def test_rounding_does_not_postpone_the_end() -> None:
    """Ten tenths sum to 0.9999999999999999 and must be one."""
    assert budget_spent(np.arange(2024, 2034), [0.1] * 10, 1).used_up_year == 2033


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.floats(1, 1e7))
def test_the_year_used_up_is_the_first_without_anything_left(t: list[float], budget: float) -> None:
    """The plain twin walks through the years."""
    found = budget_spent(np.arange(2024, 2024 + len(t)), t, budget)
    left, year = budget, None
    for i, amount in enumerate(t):
        left -= amount
        assume(abs(left) > 1e-6)
        if left < 0 and year is None:
            year = 2024 + i
    assert found.used_up_year == year
    assert found.remaining_t[-1] == pytest.approx(left, rel=1e-6, abs=1e-6)


@given(st.integers(1, 30), st.floats(1, 1e6))
def test_years_at_constant_agree_with_spending(years: int, t: float) -> None:
    """A budget of so many years and a half is used up in the year after them."""
    budget = (years + 0.5) * t
    assert years_at_constant(budget, t) == pytest.approx(years + 0.5)
    assert budget_spent(np.arange(2024, 2064), np.full(40, t), budget).used_up_year == 2024 + years


def test_a_budget_that_is_never_used_up() -> None:
    """Zero emissions are a division by zero if let through; sinks would give years below zero."""
    assert years_at_constant(100, 0) is None
    assert years_at_constant(100, -5) is None
    found = budget_spent([2024, 2025], [0, -5], 100)
    assert found.used_up_year is None
    assert found.remaining_t.tolist() == [100, 105]


# --- bad input, all at once -------------------------------------------------------------------------------------------


def wheres(caught: pytest.ExceptionInfo[InputError]) -> list[str]:
    assert all(problem.remedy for problem in caught.value.problems)
    return [problem.where for problem in caught.value.problems]


def test_paths_refuse_everything_wrong_at_once() -> None:
    with pytest.raises(InputError) as caught:
        linear_target([2025, np.nan], -1, 2045, 2022)
    assert wheres(caught) == ["years[1]", "base_t", "base_year, zero_year"]
    assert "2045 is not before 2022" in str(caught.value)
    with pytest.raises(InputError, match="2022 is not before 2022"):
        linear_target(2025, 1, 2022, 2022)
    with pytest.raises(InputError) as caught:
        linear_target(2025, 1, np.nan, np.inf)
    assert wheres(caught) == ["base_year", "zero_year"]


@pytest.mark.parametrize("t_1990", [None, 0, -5, np.nan, np.inf])
def test_the_path_of_the_act_needs_a_1990_value(t_1990: float | None) -> None:
    """A missing 1990 value taken as zero would set a target of zero for this year."""
    with pytest.raises(InputError) as caught:
        ksg_target([np.inf], t_1990)
    assert wheres(caught) == ["years[0]", "t_1990"]


def test_gap_and_rate_refuse_everything_wrong_at_once() -> None:
    with pytest.raises(InputError) as caught:
        gap([1, np.nan, 3], [1, -2])
    assert wheres(caught) == ["actual_t[1]", "target_t[1]", "shapes"]
    with pytest.raises(InputError) as caught:
        required_rate(-1, 2030, np.nan, 2030)
    assert wheres(caught) == ["actual_t", "target_t", "year, target_year"]


def test_budgets_refuse_everything_wrong_at_once() -> None:
    with pytest.raises(InputError) as caught:
        budget_share(0, 10, 5, weight=2)
    assert wheres(caught) == ["germany_t", "weight", "population", "emissions_share"]
    with pytest.raises(InputError) as caught:
        budget_share(np.nan, -1, 0, emissions_share=3)
    assert wheres(caught) == ["germany_t", "population", "population_germany", "emissions_share"]
    with pytest.raises(InputError) as caught:
        budget_spent([2026, 2025], [1, np.nan], -1)
    assert wheres(caught) == ["years", "t_a[1]", "budget_t"]
    with pytest.raises(InputError) as caught:
        years_at_constant(0, np.nan)
    assert wheres(caught) == ["budget_t", "t_a"]


@pytest.mark.parametrize("years", [[2024, 2026], [2024, 2024], [2025, 2024], [2024.5, 2025.5], [[2024, 2025]], []])
def test_years_left_out_or_out_of_order_are_not_summed(years: list[Any]) -> None:
    """A gap in the years would leave its emissions out of the sum: a wrong total without a word."""
    with pytest.raises(InputError, match="years: are not each year once"):
        budget_spent(years, [1.0] * np.size(years), 10)


def test_a_series_of_another_length_or_several_are_not_summed() -> None:
    with pytest.raises(InputError, match="expected length 2"):
        budget_spent([2024, 2025], [1], 10)
    with pytest.raises(InputError, match="one series at a time"):
        budget_spent([2024, 2025], [[1, 2], [3, 4]], 10)
