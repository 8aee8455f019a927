"""Where emissions should be: target paths, the gap to them, a share of the national carbon budget and its spending.

A budget is in CO2 and by territory, balances are in CO2e with upstream chains: whoever shows both must say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import (
    Argument,
    FloatArray,
    IntArray,
    calendar_problems,
    checked,
    numbers,
    order_problems,
    quotient,
)
from geo.errors import InputError, Problem
from geo.paths import along_years

# Federal climate act: reduction against 1990. 1990 itself is added to have a path before 2030, where the act has none.
KSG_REDUCTION = {1990: 0.0, 2030: 0.65, 2035: 0.77, 2040: 0.88, 2045: 1.0}


def linear_target(years: ArrayLike, base_t: float, base_year: float, zero_year: float) -> FloatArray:
    """Straight path from the base to zero; a city's own year is another `zero_year`.

    Parameters
    ----------
    years
        Calendar years, any order.
    base_t
        Emissions of the base year, t CO2e/a.
    base_year, zero_year
        First and last year of the path.

    Returns
    -------
    FloatArray
        t CO2e/a, of the shape of `years`: `base_t` up to the base year, 0 from the zero year on.

    Raises
    ------
    InputError
        A value missing, a negative base, a zero year that is not after the base year.
    """
    asked, _ = checked(
        Argument("years", years),
        Argument("base_t", base_t, low=0),
        also=order_problems("base_year", base_year, "zero_year", zero_year),
    )
    return along_years(asked, [base_year, zero_year], [base_t, 0])


def ksg_target(years: ArrayLike, t_1990: float | None) -> FloatArray:
    """Path of the federal climate act: 65 % below 1990 in 2030, 77 % in 2035, 88 % in 2040, zero in 2045.

    Parameters
    ----------
    years
        Calendar years, any order.
    t_1990
        Emissions of 1990 in the edition of the balance that the path is compared with, t CO2e/a; None if unknown.

    Returns
    -------
    FloatArray
        t CO2e/a, of the shape of `years`; straight between the years of the act, and from 1990 to 2030, for which
        the act sets no path. The 1990 value before 1990, 0 after 2045.

    Raises
    ------
    InputError
        A year missing, or no 1990 value above zero.
    """
    remedy = "Give the balance of 1990, or use a linear path from another year."
    asked, base = checked(Argument("years", years), Argument("t_1990", t_1990, above=0, remedy=remedy))
    remaining = 1 - np.array(list(KSG_REDUCTION.values()))
    return np.asarray(base * along_years(asked, list(KSG_REDUCTION), remaining))


@dataclass(frozen=True, slots=True)
class Gap:
    """How far emissions are above their target; negative where they are below it.

    Attributes
    ----------
    t
        t CO2e/a.
    pct
        % of the target; NaN where the target is zero, of which nothing is a percentage.
    """

    t: FloatArray
    pct: FloatArray


def gap(actual_t: ArrayLike, target_t: ArrayLike) -> Gap:
    """Compare emissions with their target, year by year.

    Parameters
    ----------
    actual_t, target_t
        t CO2e/a; shapes broadcast. A year without a balance is left out, not filled.

    Raises
    ------
    InputError
        A value missing, a negative target, shapes that do not fit.
    """
    actual, target = checked(Argument("actual_t", actual_t), Argument("target_t", target_t, low=0))
    above = actual - target
    return Gap(np.asarray(above), quotient(100 * above, target))


@dataclass(frozen=True, slots=True)
class RequiredRate:
    """How fast emissions must fall to meet a target; negative where they may rise.

    Attributes
    ----------
    t_a
        The same amount each year, t CO2e/a per year.
    pct_a
        The same percentage each year; None where emissions or target are zero, which no percentage joins.
    """

    t_a: float
    pct_a: float | None


def required_rate(actual_t: float, year: float, target_t: float, target_year: float) -> RequiredRate:
    """Say how fast emissions must fall from a year to meet the target of a later one.

    Parameters
    ----------
    actual_t, target_t
        t CO2e/a, zero or more.
    year, target_year
        Their years, the target's after the other.

    Raises
    ------
    InputError
        A value missing or negative, years out of order.
    """
    checked(
        Argument("actual_t", actual_t, low=0),
        Argument("target_t", target_t, low=0),
        also=order_problems("year", year, "target_year", target_year),
    )
    ahead = target_year - year
    joined = actual_t > 0 and target_t > 0
    pct = float(-100 * np.expm1((np.log(target_t) - np.log(actual_t)) / ahead)) if joined else None
    return RequiredRate((actual_t - target_t) / ahead, pct)


def budget_share(
    germany_t: float,
    population: float,
    population_germany: float,
    *,
    emissions_share: float | None = None,
    weight: float = 0,
) -> float:
    """Carbon budget of a city out of the national one.

    Parameters
    ----------
    germany_t
        National budget, t CO2, from its base year on.
    population, population_germany
        People at one date.
    emissions_share
        The city's share of national emissions, 0..1, in one accounting for both; needed where `weight` is above zero.
    weight
        Weight of that share (grandfathering): 0 by people alone, 1 by emissions alone, 0.5 mixed.

    Returns
    -------
    float
        t CO2, from the same base year on.

    Raises
    ------
    InputError
        A budget or population that is zero or negative, more people than in the country, a share or weight outside
        0..1, no emissions share where one is needed.
    """
    problems = []
    if population > population_germany:
        what = f"{population:g} is more than the country has"
        problems.append(Problem("population", what, "Check which figure is which."))
    if emissions_share is None and weight != 0:
        what = "Give the city's share of national emissions, or weight 0."
        problems.append(Problem("emissions_share", "is missing", what))
    checked(
        Argument("germany_t", germany_t, above=0, remedy="A budget that is used up has no shares: say so instead."),
        Argument("population", population, above=0, remedy="Give the people of the city."),
        Argument("population_germany", population_germany, above=0, remedy="Give the people of the country."),
        Argument("weight", weight, low=0, high=1, remedy="Give one from 0 (people) to 1 (emissions)."),
        Argument("emissions_share", emissions_share or 0, low=0, high=1),
        also=problems,
    )
    return germany_t * ((1 - weight) * population / population_germany + weight * (emissions_share or 0))


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """A budget along the years.

    Attributes
    ----------
    years
        Calendar years.
    cumulative_t
        Emitted from the first year to the end of each, t.
    remaining_t
        What is left at the end of each year, t; negative once the budget is overdrawn.
    used_up_year
        First year at whose end nothing is left; None if there is none among the years.
    """

    years: IntArray
    cumulative_t: FloatArray
    remaining_t: FloatArray
    used_up_year: int | None


def budget_spent(years: ArrayLike, t_a: ArrayLike, budget_t: float) -> BudgetSpent:
    """Spend a budget year by year.

    Parameters
    ----------
    years
        Calendar years, each one, rising, from the base year of the budget: a year left out would not be counted.
    t_a
        Emissions of each year, t/a; negative where sinks take up more.
    budget_t
        What may be emitted from the first year on, t.

    Raises
    ------
    InputError
        Years out of order or with a gap, a value missing, a budget of zero or less.
    """
    problems = calendar_problems("years", years)
    year, emitted = numbers(years), numbers(t_a)
    problems += Argument("t_a", t_a, size=None if year is None else year.size).problems()
    problems += _budget(budget_t).problems()
    if emitted is not None and emitted.ndim > 1:
        problems.append(Problem("t_a", f"has shape {emitted.shape}", "Spend one series at a time."))
    if problems:
        raise InputError(problems)
    cumulative = np.cumsum(np.asarray(t_a, dtype=np.float64))
    # a sum that misses the budget by its last bits has used it up
    spent = np.flatnonzero(cumulative >= budget_t * (1 - 1e-12))
    whole = np.asarray(years, dtype=np.int64)
    return BudgetSpent(whole, cumulative, budget_t - cumulative, int(whole[spent[0]]) if spent.size else None)


def years_at_constant(budget_t: float, t_a: float) -> float | None:
    """Years that a budget lasts if emissions stay as they are; None if they never use it up, being zero or negative.

    Raises
    ------
    InputError
        A budget of zero or less, emissions missing.
    """
    checked(_budget(budget_t), Argument("t_a", t_a))
    return budget_t / t_a if t_a > 0 else None


def _budget(budget_t: float) -> Argument:
    return Argument("budget_t", budget_t, above=0, remedy="A budget that is used up cannot be spent: say so instead.")
