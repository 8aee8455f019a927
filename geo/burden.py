"""What people bear: energy and rent as a share of income, who pays too much by which rule, and several burdens in one.

Figures are medians or means of an area or values of a household type, never of a single household. Flags are 1, 0, or
NaN where a figure is missing: unknown is never "bears little".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo import equity
from geo.arrays import Argument, FloatArray, quotient
from geo.errors import InputError, Problem
from geo.low_income import ROUNDING, column_mean, partly


def weighted_median(values: ArrayLike, weight: ArrayLike) -> float:
    """Value of the middle person or household.

    Parameters
    ----------
    values
        Any figure; NaN is left out with its weight.
    weight
        People or households behind each value.

    Returns
    -------
    float
        Mean of the two middle values where the weights divide into equal halves between them; NaN where nothing is
        known or nobody is there.
    """
    x, w = partly(Argument("values", values), known=[Argument("weight", weight, low=0)])
    counts = ~np.isnan(x) & (w > 0)
    if not counts.any():
        return float("nan")
    order = np.argsort(x[counts], kind="stable")
    x, through = x[counts][order], np.cumsum(w[counts][order])
    half = through[-1] / 2
    slack = ROUNDING * half
    lower = x[np.searchsorted(through, half - slack)]
    upper = x[min(int(np.searchsorted(through, half + slack, side="right")), x.size - 1)]
    return float((lower + upper) / 2)


def share_of_income(income: ArrayLike, **costs: ArrayLike) -> FloatArray:
    """Burden as a share of net income: energy (heat, electricity), or rent (cold rent, heat).

    Parameters
    ----------
    income
        Net income; NaN where unknown.
    costs
        Each cost by name, in the unit and for the period of the income: ``heat=…, electricity=…``.

    Returns
    -------
    FloatArray
        0 upwards; NaN where a cost or the income is unknown, or there is no income to take a share of.

    Raises
    ------
    InputError
        No cost, negative costs or incomes, by name.
    """
    if not costs:
        raise InputError(Problem("costs", "are none", "Give at least one, such as heat."))
    earned, *paid = partly(
        Argument("income", income, low=0), *(Argument(name, cost, low=0) for name, cost in costs.items())
    )
    return quotient(np.sum(paid, axis=0), earned)


def who_pays(heat: ArrayLike, electricity: ArrayLike, benefit_share: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Divide energy costs between households and the public, which pays the heating of those on basic benefits.

    Parameters
    ----------
    heat, electricity
        Cost of all households of an area.
    benefit_share
        Share of the heating cost that falls to households whose heating the job centre pays, 0..1.

    Returns
    -------
    tuple
        What households and what the public pay; the two sum to all. Electricity stays with the households.
    """
    warm, power, share = partly(
        Argument("heat", heat, low=0),
        Argument("electricity", electricity, low=0),
        Argument("benefit_share", benefit_share, low=0, high=1),
    )
    return warm * (1 - share) + power, warm * share


# --- rules for "too much" ---------------------------------------------------------------------------------------------


def above(share: ArrayLike, threshold: float = 0.1) -> FloatArray:
    """Burden above a fixed share of income: a tenth for energy, 0.3 to 0.4 for rent."""
    x, limit = partly(Argument("share", share, low=0), Argument("threshold", threshold, low=0))
    return _flag(x, x > limit * (1 + ROUNDING))


def twice_median(share: ArrayLike, households: ArrayLike, *, median_share: float | None = None) -> FloatArray:
    """Burden above twice the median share (2M).

    Parameters
    ----------
    share, households
        Burden and number of households of each area.
    median_share
        The nation's; the median of the households at hand when omitted, which makes a rule relative to this place.
    """
    x, n = partly(Argument("share", share, low=0), known=[Argument("households", households, low=0)])
    median = _median("median_share", median_share, x, n)
    return _flag(x, x > 2 * median * (1 + ROUNDING))


def hidden(cost: ArrayLike, households: ArrayLike, *, median_cost: float | None = None) -> FloatArray:
    """Energy cost below half the median (M/2): too little, where people save on heat they need.

    Parameters
    ----------
    cost, households
        Equivalised energy cost (an amount, not a share) and number of households of each area.
    median_cost
        The nation's; the median of the households at hand when omitted.
    """
    x, n = partly(Argument("cost", cost, low=0), known=[Argument("households", households, low=0)])
    median = _median("median_cost", median_cost, x, n)
    return _flag(x, x < median / 2 * (1 - ROUNDING))


def low_income_high_cost(
    cost: ArrayLike,
    income: ArrayLike,
    households: ArrayLike,
    *,
    median_cost: float | None = None,
    median_income: float | None = None,
    line: float = 0.6,
) -> FloatArray:
    """Energy cost above the median that leaves an income below the poverty line (LIHC).

    Parameters
    ----------
    cost, income, households
        Equivalised energy cost and net income in the same unit, and number of households of each area.
    median_cost, median_income
        The nation's or region's; the medians of the households at hand when omitted.
    line
        Poverty line as a share of the median income.
    """
    paid, earned, share, n = partly(
        Argument("cost", cost, low=0),
        Argument("income", income, low=0),
        Argument("line", line, above=0),
        known=[Argument("households", households, low=0)],
    )
    usual = _median("median_cost", median_cost, paid, n)
    poor = share * _median("median_income", median_income, earned, n)
    left = earned - paid
    return _flag(left, (paid > usual * (1 + ROUNDING)) & (left < poor * (1 - ROUNDING)))


# --- change and sum ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """Burden before and after a measure.

    Attributes
    ----------
    before, after
        Share of income of each area; NaN where unknown.
    relieved, newly_burdened
        Households in areas that fall to the threshold or below, and in areas that rise above it.
    unknown
        Households in areas whose burden is not known.
    """

    before: FloatArray
    after: FloatArray
    relieved: float
    newly_burdened: float
    unknown: float


def after_measure(
    cost: ArrayLike, income: ArrayLike, change: ArrayLike, households: ArrayLike, *, threshold: float = 0.1
) -> Change:
    """Burden before and after a change of cost.

    Parameters
    ----------
    cost, income, households
        Cost and net income in the same unit, and number of households of each area.
    change
        Added to the cost: below 0 where a measure saves, above where a levy or rent outweighs it.
    threshold
        Share of income above which a burden is high.

    Raises
    ------
    InputError
        A measure that saves more than is spent.
    """
    paid, earned, added, n = partly(
        Argument("cost", cost, low=0),
        Argument("income", income, low=0),
        Argument("change", change),
        known=[Argument("households", households, low=0)],
    )
    later = paid + added
    wrong = later < -ROUNDING * np.nan_to_num(paid)
    if wrong.any():
        where = f"change{np.argwhere(wrong)[0].tolist() or ''}"
        raise InputError(Problem(where, f"{int(wrong.sum())} save more than is spent", "Check the unit and the year."))
    # where one of the two is unknown both are, so that the number of areas before and after is the same
    before = _only_known(quotient(paid, earned), added)
    after = quotient(np.clip(later, 0, None), earned)
    high_before, high_after = above(before, threshold), above(after, threshold)
    weight = np.nan_to_num(n)
    return Change(
        before,
        after,
        relieved=float(weight[(high_before == 1) & (high_after == 0)].sum()),
        newly_burdened=float(weight[(high_before == 0) & (high_after == 1)].sum()),
        unknown=float(weight[np.isnan(after)].sum()),
    )


def cumulative_score(
    columns: Mapping[str, ArrayLike], people: ArrayLike, *, lower_is_worse: Collection[str] = ()
) -> FloatArray:
    """Mean percentile rank over several burdens, such as heat, noise, air, lack of green and energy cost.

    Parameters
    ----------
    columns
        Burdens by name, each with one figure for each area, NaN where unknown.
    people
        People of each area; ranks count people, not areas.
    lower_is_worse
        Names of those that are goods, such as green space.

    Returns
    -------
    FloatArray
        0 (least burdened) to 1; the mean person's is 0.5. NaN where one of the burdens is unknown or nobody lives.

    Raises
    ------
    InputError
        A burden that is known nowhere, by name; a name that is not a column.
    """
    return column_mean(columns, people, lower_is_worse, lambda _name, x, w: equity.ranks(x, w))


def _median(name: str, given: float | None, values: FloatArray, households: FloatArray) -> float:
    if given is None:
        return weighted_median(values, households)
    return float(partly(Argument(name, given, above=0))[0])


def _flag(known: FloatArray, flag: ArrayLike) -> FloatArray:
    return _only_known(np.asarray(flag, dtype=np.float64), known)


def _only_known(values: FloatArray, known: FloatArray) -> FloatArray:
    return np.where(np.isnan(known), np.nan, values)
