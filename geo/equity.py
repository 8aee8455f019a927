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

from geo.arrays import BoolArray, FloatArray, finite
from geo.errors import InputError, Problem


def population_shares(population: ArrayLike) -> FloatArray:
    """Share of each area in the population; areas without people are refused.

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
    return float(population_shares(population) @ finite("values", values))


def gini(values: ArrayLike, population: ArrayLike) -> float:
    """Gini coefficient of a per-head value, weighted by people; 0 equal, towards 1 concentrated.

    Raises
    ------
    InputError
        Negative values: use `kolm_pollak_ede`, or the concentration index, for burdens and mixed signs.
    """
    x, w = _positive("gini", values, population, strict=False)
    return float(w @ np.abs(x[:, None] - x[None, :]) @ w / (2 * (w @ x)))


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
        share = w[members] @ x[members] / mean
        between += share * np.log(share / w[members].sum())
        within += share * theil_t(x[members], w[members])
    return float(between), float(within)


def atkinson(values: ArrayLike, population: ArrayLike, *, epsilon: float) -> float:
    """Atkinson index of a positive per-head value with aversion `epsilon` >= 0."""
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
        Per-head value of any sign and size; the exponentials are shifted so that none overflows.
    population
        People of each area.
    epsilon
        Aversion, > 0 for goods, < 0 for burdens. The inequality index is the result minus the mean.
    """
    x, w = finite("values", values), population_shares(population)
    square = w @ x**2
    if square == 0:
        return 0.0
    kappa = epsilon * (w @ x) / square
    if kappa == 0:
        return float(w @ x)
    exponent = -kappa * x
    top = exponent.max()
    return float(-(top + np.log(w @ np.exp(exponent - top))) / kappa)


def ranks(rank_by: ArrayLike, population: ArrayLike) -> FloatArray:
    """Fractional rank of each area, 0 poorest to 1 richest, at the middle of its people; ties share theirs."""
    key, w = finite("rank_by", rank_by), population_shares(population)
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
    h, w = finite("amount_per_head", amount_per_head), population_shares(population)
    rank = ranks(rank_by, population)
    mean = w @ h
    if mean == 0:
        raise InputError(Problem("amount_per_head", "has a mean of 0", "There is nothing whose distribution to state."))
    index = float(2 / mean * (w @ (h * rank)) - 1)
    order = np.argsort(rank, kind="stable")
    through = np.empty_like(h)
    through[order] = np.cumsum((w * h)[order]) / mean
    before = through - w * h / mean
    a = h / mean * (2 * rank - 1 - index) + 2 - before - through
    variance = float(w @ a**2 - (1 + index) ** 2) / h.size
    return Concentration(index, max(variance, 0.0) ** 0.5)


def concentration_regression(
    amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike
) -> tuple[float, float]:
    """Concentration index and standard error by the convenient regression, weighted by people.

    ``2 var(R) h / mu = a + C R``; ignores the correlation between ranks.
    """
    h, w = finite("amount_per_head", amount_per_head), population_shares(population)
    rank = ranks(rank_by, population)
    centred = rank - w @ rank
    variance = w @ centred**2
    y = 2 * variance * h / (w @ h)
    slope = float(w @ (centred * y) / variance)
    residual = y - w @ y - slope * centred
    return slope, float(np.sqrt((w @ residual**2) / (h.size - 2) / variance))


def concentration_curve(
    amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Cumulative shares of people and of the amount, from (0, 0) to (1, 1), poorest area first."""
    h, w = finite("amount_per_head", amount_per_head), population_shares(population)
    order = np.argsort(finite("rank_by", rank_by), kind="stable")
    people = np.concatenate([[0.0], np.cumsum(w[order])])
    amount = np.concatenate([[0.0], np.cumsum((w * h)[order]) / (w @ h)])
    return people, amount


def kakwani(values: ArrayLike, population: ArrayLike, income: ArrayLike, *, burden: bool) -> float:
    """Kakwani index against income.

    A burden is progressive above 0 (C - G); a benefit is pro-poor relative to income above 0 (G - C).
    """
    difference = concentration(values, population, income).index - gini(income, population)
    return difference if burden else -difference


def shares_by_quantile(
    amount: ArrayLike, population: ArrayLike, rank_by: ArrayLike, *, cuts: ArrayLike = (0, 0.2, 0.4, 0.6, 0.8, 1)
) -> FloatArray:
    """Share of a total amount that goes to each part of the population, poorest part first.

    Parameters
    ----------
    amount
        Total of each area (not per head), any unit; the sum must not be 0.
    population
        People of each area.
    rank_by
        Rises with welfare. Areas with the same value are one group, so that their order cannot matter.
    cuts
        Cumulative population shares; quintiles by default. An area that a cut divides is split in proportion.

    Returns
    -------
    FloatArray
        One share for each part; they sum to the share between the first and last cut.
    """
    total, w = finite("amount", amount), population_shares(population)
    if total.sum() == 0:
        raise InputError(Problem("amount", "sums to 0", "There is nothing whose distribution to state."))
    _, group = np.unique(finite("rank_by", rank_by), return_inverse=True)
    people = np.concatenate([[0.0], np.cumsum(np.bincount(group, w))])
    cumulative = np.concatenate([[0.0], np.cumsum(np.bincount(group, total)) / total.sum()])
    at_cuts = np.interp(finite("cuts", cuts), people / people[-1], cumulative)
    return np.asarray(np.diff(at_cuts), dtype=np.float64)


def quintiles(population: ArrayLike, rank_by: ArrayLike) -> FloatArray:
    """Share of each area's people in each population quintile, shape (areas, 5), poorest first; rows sum to 1."""
    w = population_shares(population)
    _, group = np.unique(finite("rank_by", rank_by), return_inverse=True)
    upper = np.cumsum(np.bincount(group, w))
    lower = np.concatenate([[0.0], upper[:-1]])
    columns = []
    for low, high in pairwise(np.linspace(0, 1, 6)):
        part = np.clip(np.minimum(upper, high) - np.maximum(lower, low), 0, None)
        columns.append(np.divide(part, upper - lower, out=np.zeros_like(part), where=upper > lower))
    share = np.stack(columns, axis=1)
    return np.asarray((share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300))[group])


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
    total, w = finite("amount", amount), population_shares(population)
    share = finite("low_income", low_income, minimum=0)
    poor = w @ share
    if poor == 0 or total.sum() == 0:
        raise InputError(Problem("low_income", "nobody or nothing to compare", "Check the threshold and the amounts."))
    return float((total @ share) / total.sum() / poor)


def relative_rate(rate: ArrayLike, population: ArrayLike, *, factor: float = 1.25) -> BoolArray:
    """Flag areas whose deprivation rate is at least `factor` times the mean per person."""
    values = finite("rate", rate, minimum=0)
    return np.asarray(values >= factor * weighted_mean(values, population))


def _positive(
    name: str, values: ArrayLike, population: ArrayLike, *, strict: bool = True
) -> tuple[FloatArray, FloatArray]:
    x, w = finite("values", values), population_shares(population)
    if (x < 0).any() or (strict and (x == 0).any()) or not (w @ x) > 0:
        raise InputError(
            Problem(
                f"values of {name}",
                f"the index needs {'positive' if strict else 'non-negative'} values, the lowest is {x.min():g}",
                "Use kolm_pollak_ede or the concentration index, which take any sign.",
            )
        )
    return x, w
