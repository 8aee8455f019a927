"""Who has what: population-weighted distribution of amounts over areas ranked from poor to rich.

All figures are between areas: they speak of residents of low-income areas, never of households. Formulas and their
published checks stand in the docstrings; every function is tested against `inequality` and `inequalipy` on expanded
populations.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, finite
from geo.errors import InputError, Problem


def population_shares(population: ArrayLike) -> FloatArray:
    """Share of each area in the population.

    Raises
    ------
    InputError
        Nobody lives there, or a population is missing or negative.
    """
    people = finite("population", population, minimum=0)
    if people.sum() <= 0:
        raise InputError(Problem("population", "sums to zero", "Give areas with people."))
    return np.asarray(people / people.sum())


def weighted_mean(values: ArrayLike, population: ArrayLike) -> float:
    """Mean per person."""
    x, w = _pair("values", values, population)
    return float(w @ x)


def gini(values: ArrayLike, population: ArrayLike) -> float:
    """Gini coefficient of a per-head value, weighted by people; 0 equal, towards 1 concentrated.

    Raises
    ------
    InputError
        Negative values: use `kolm_pollak_ede`, or the concentration index, for burdens and mixed signs.
    """
    x, w = _positive("gini", values, population, strict=False)
    # the sum of all differences, each pair once, from the values in order
    order = np.argsort(x, kind="stable")
    below = np.cumsum(w[order])
    return max(0.0, float(w[order] @ (x[order] * (2 * below - w[order] - 1)) / (w @ x)))


def theil_t(values: ArrayLike, population: ArrayLike) -> float:
    """Theil's T of a positive per-head value."""
    x, w = _positive("theil_t", values, population)
    ratio = x / (w @ x)
    return float(w @ (ratio * np.log(ratio)))


def theil_l(values: ArrayLike, population: ArrayLike) -> float:
    """Theil's L (mean logarithmic deviation) of a positive per-head value."""
    x, w = _positive("theil_l", values, population)
    return float(w @ np.log((w @ x) / x))


def theil_split(values: ArrayLike, population: ArrayLike, groups: ArrayLike) -> tuple[float, float]:
    """Theil's T between and within groups; the two sum to the whole.

    Parameters
    ----------
    values, population
        Per-head value and people of each area.
    groups
        Group label of each area.
    """
    x, w = _positive("theil_split", values, population)
    label = np.asarray(groups)
    mean = w @ x
    between = within = 0.0
    for group in np.unique(label):
        members = label == group
        if not w[members].any():
            continue
        share = w[members] @ x[members] / mean
        between += share * np.log(share / w[members].sum())
        within += share * theil_t(x[members], w[members])
    return float(between), float(within)


def atkinson(values: ArrayLike, population: ArrayLike, *, epsilon: float) -> float:
    """Atkinson index of a positive per-head value with aversion `epsilon` >= 0.

    Raises
    ------
    InputError
        Values that are not positive, or a negative aversion.
    """
    if epsilon < 0:
        raise InputError(Problem("epsilon", f"{epsilon:g} is negative", "Give an aversion from 0 upwards."))
    x, w = _positive("atkinson", values, population)
    mean = w @ x
    if epsilon == 1:
        return float(1 - np.exp(w @ np.log(x)) / mean)
    return float(1 - (w @ x ** (1 - epsilon)) ** (1 / (1 - epsilon)) / mean)


def kolm_pollak_ede(values: ArrayLike, population: ArrayLike, *, epsilon: float) -> float:
    """Equally-distributed equivalent: the level that, given to everybody, would be worth as much.

    Parameters
    ----------
    values
        Per-head value of any sign and size: it is taken in units of the largest, and the exponentials are shifted, so
        that nothing overflows or vanishes.
    population
        People of each area.
    epsilon
        Aversion, > 0 for goods, < 0 for burdens. The inequality index is the result minus the mean.
    """
    x, w = _pair("values", values, population)
    x, w = x[w > 0], w[w > 0]
    largest = float(np.abs(x).max())
    if largest == 0:
        return 0.0
    x = x / largest
    mean = float(w @ x)
    if abs(mean) <= 1e-12:
        return largest * mean  # the aversion is scaled by the mean: without one there is none
    kappa = epsilon * mean / float(w @ x**2)
    exponent = -kappa * x
    top = exponent.max()
    if np.ptp(exponent) < 1:  # log(1 + tiny) would lose the digits that are left
        return float(-(top + np.log1p(w @ np.expm1(exponent - top))) / kappa * largest)
    return float(-(top + np.log(w @ np.exp(exponent - top))) / kappa * largest)


def ranks(rank_by: ArrayLike, population: ArrayLike) -> FloatArray:
    """Fractional rank of each area, 0 poorest to 1 richest, at the middle of its people; ties share theirs."""
    key, w = _pair("rank_by", rank_by, population)
    _, group = np.unique(key, return_inverse=True)
    mass = np.bincount(group, w)
    return np.asarray((np.cumsum(mass) - mass / 2)[group], dtype=np.float64)


@dataclass(frozen=True)
class Concentration:
    """Concentration index with its standard errors.

    Attributes
    ----------
    index
        -1..1; below 0 the amount goes to poor areas, above 0 to rich ones.
    se_grouped
        Standard error for grouped data (Kakwani, Wagstaff, van Doorslaer), n = number of areas.
    """

    index: float
    se_grouped: float


def concentration(amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike) -> Concentration:
    """Concentration index of a per-head amount over areas ranked from poor to rich.

    Parameters
    ----------
    amount_per_head
        Any unit per person; the mean must not be 0.
    population
        People of each area.
    rank_by
        Rises with welfare (income; the negative of a deprivation index). Ties share their mean rank.

    Returns
    -------
    Concentration
        C = 2/mu * sum(w h R) - 1. Areas are a full census: read the error as sensitivity to zoning.

    Raises
    ------
    InputError
        Mean of 0: there is nothing to distribute.
    """
    h, w, mean = _amount(amount_per_head, population)
    rank = ranks(rank_by, population)
    index = float(2 / mean * (w @ (h * rank)) - 1)
    # areas of the same rank share what lies before and behind them, so that their order cannot matter
    _, group = np.unique(rank, return_inverse=True)
    through = np.cumsum(np.bincount(group, w * h)) / mean
    before = np.concatenate([[0.0], through[:-1]])
    a = h / mean * (2 * rank - 1 - index) + 2 - before[group] - through[group]
    variance = float(w @ a**2 - (1 + index) ** 2) / int(np.count_nonzero(w))
    return Concentration(index, max(variance, 0.0) ** 0.5)


def concentration_regression(
    amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike
) -> tuple[float, float]:
    """Concentration index and standard error by the convenient regression, weighted by people.

    ``2 var(R) h / mu = a + C R``; ignores the correlation between ranks.

    Raises
    ------
    InputError
        Fewer than three ranks with people, through which any line fits; a mean of 0.
    """
    h, w, mean = _amount(amount_per_head, population)
    rank = ranks(rank_by, population)
    if np.unique(rank[w > 0]).size < 3:
        raise InputError(Problem("rank_by", "has fewer than three ranks with people", "Use more areas."))
    centred = rank - w @ rank
    variance = w @ centred**2
    y = 2 * variance * h / mean
    slope = float(w @ (centred * y) / variance)
    residual = y - w @ y - slope * centred
    return slope, float(np.sqrt((w @ residual**2) / (int(np.count_nonzero(w)) - 2) / variance))


def concentration_curve(
    amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Cumulative shares of people and of the amount, from (0, 0) to (1, 1), poorest area first."""
    h, w, mean = _amount(amount_per_head, population)
    # areas of the same rank are one step of the curve
    _, group = np.unique(_pair("rank_by", rank_by, population)[0], return_inverse=True)
    people = np.concatenate([[0.0], np.cumsum(np.bincount(group, w))])
    amount = np.concatenate([[0.0], np.cumsum(np.bincount(group, w * h)) / mean])
    return people, amount


def kakwani(values: ArrayLike, population: ArrayLike, income: ArrayLike, *, burden: bool) -> float:
    """Kakwani index against income.

    A burden is progressive above 0 (C - G); a benefit is pro-poor relative to income above 0 (G - C).
    """
    difference = concentration(values, population, income).index - gini(income, population)
    return difference if burden else -difference


def parts(population: ArrayLike, rank_by: ArrayLike, cuts: ArrayLike = (0, 0.2, 0.4, 0.6, 0.8, 1)) -> FloatArray:
    """Share of each area in each part of the population, poorest part first.

    Parameters
    ----------
    population
        People of each area.
    rank_by
        Rises with welfare. Areas with the same value are one group, so that their order cannot matter.
    cuts
        Cumulative population shares, rising; fifths by default. An area that a cut divides is split in proportion; one
        without people belongs to the part in which its rank lies.

    Returns
    -------
    FloatArray
        Shape (areas, parts); rows sum to 1 where the cuts reach from 0 to 1, and each part holds its share of people.
    """
    key, w = _pair("rank_by", rank_by, population)
    edges = finite("cuts", cuts, minimum=0)
    _, group = np.unique(key, return_inverse=True)
    mass = np.bincount(group, w)
    upper = np.cumsum(mass) / w.sum()
    lower = np.concatenate([[0.0], upper[:-1]])
    columns = []
    for low, high in pairwise(edges):
        inside = np.clip(np.minimum(upper, high) - np.maximum(lower, low), 0, None)
        here = (lower >= low) & ((lower < high) | (high == edges[-1]))
        columns.append(np.where(mass > 0, inside / np.where(mass > 0, upper - lower, 1), here))
    return np.asarray(np.stack(columns, axis=1)[group], dtype=np.float64)


def shares_by_quantile(
    amount: ArrayLike, population: ArrayLike, rank_by: ArrayLike, *, cuts: ArrayLike = (0, 0.2, 0.4, 0.6, 0.8, 1)
) -> FloatArray:
    """Share of a total amount that goes to each part of the population, poorest part first.

    Parameters
    ----------
    amount
        Total of each area (not per head), any unit; the sum must not be 0.
    population, rank_by, cuts
        As `parts`.

    Returns
    -------
    FloatArray
        One share for each part; they sum to the share between the first and last cut.
    """
    total, _ = _pair("amount", amount, population)
    if total.sum() == 0:
        raise InputError(Problem("amount", "sums to 0", "There is nothing whose distribution to state."))
    return np.asarray(total @ parts(population, rank_by, cuts) / total.sum(), dtype=np.float64)


def tail_ratio(
    amount: ArrayLike, population: ArrayLike, rank_by: ArrayLike, *, top: float = 0.2, bottom: float = 0.2
) -> float:
    """Share of the amount that goes to the richest part of the population over that of the poorest part.

    Parameters
    ----------
    amount, population, rank_by
        As `shares_by_quantile`.
    top, bottom
        Size of the two parts, above 0; together at most the whole population. S80/S20 by default; a tenth and 0.4 give
        a ratio like Palma's.

    Raises
    ------
    InputError
        The poorest part gets nothing, or loses, so that there is no ratio; parts that overlap.
    """
    if not (top > 0 and bottom > 0 and top + bottom <= 1):
        what = f"{top:g} and {bottom:g} are not two parts of one population"
        raise InputError(Problem("top, bottom", what, "Give shares above 0 that sum to 1 at most."))
    low, _, high = shares_by_quantile(amount, population, rank_by, cuts=(0, bottom, 1 - top, 1))
    if low <= 0:
        remedy = "Use the concentration index, which needs no share above 0."
        raise InputError(Problem("amount", "none of it goes to the poorest part", remedy))
    return float(high / low)


def equity_ratio(amount: ArrayLike, population: ArrayLike, low_income: ArrayLike) -> float:
    """Amount per head in low-income areas over amount per head everywhere; above 1 favours them.

    Parameters
    ----------
    amount
        Total of each area.
    population
        People of each area.
    low_income
        Share of each area's people that count as residents of low-income areas: flags, or 0..1 where a quantile
        divides an area.
    """
    total, w = _pair("amount", amount, population)
    share = finite("low_income", low_income, minimum=0, size=w.size)
    poor = w @ share
    if poor == 0 or total.sum() == 0:
        raise InputError(Problem("low_income", "nobody or nothing to compare", "Check the threshold and the amounts."))
    return float((total @ share) / total.sum() / poor)


def _pair(name: str, values: ArrayLike, population: ArrayLike) -> tuple[FloatArray, FloatArray]:
    w = population_shares(population)
    return finite(name, values, size=w.size), w


def _amount(amount_per_head: ArrayLike, population: ArrayLike) -> tuple[FloatArray, FloatArray, float]:
    h, w = _pair("amount_per_head", amount_per_head, population)
    mean = float(w @ h)
    if abs(mean) <= 1e-12 * float(w @ np.abs(h)):  # gains and losses that cancel but for rounding
        raise InputError(Problem("amount_per_head", "has a mean of 0", "There is nothing whose distribution to state."))
    return h, w, mean


def _positive(
    name: str, values: ArrayLike, population: ArrayLike, *, strict: bool = True
) -> tuple[FloatArray, FloatArray]:
    x, w = _pair("values", values, population)
    mean, lowest = float(w @ x), float(x[w > 0].min())
    if lowest < 0 or (strict and lowest == 0) or not mean > 0:
        raise InputError(
            Problem(
                f"values of {name}",
                f"the index needs {'positive' if strict else 'non-negative'} values, the lowest is {lowest:g}",
                "Use kolm_pollak_ede or the concentration index, which take any sign.",
            )
        )
    return np.where(w > 0, x, mean), w  # a value where nobody lives neither counts nor breaks a logarithm
