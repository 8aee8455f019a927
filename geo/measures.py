"""What a measure does: uptake over the years, energy before and after, interaction of measures on one target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, finite
from geo.errors import InputError, Problem


def uptake(
    years: ArrayLike, *, start: float, end: float, maximum: float, rate: float = 0.4, midpoint: float | None = None
) -> FloatArray:
    """Share of the eligible stock that has taken the measure, logistic, exactly 0 at `start` and `maximum` at `end`.

    Parameters
    ----------
    years
        Calendar years, any order.
    start, end
        First and last year of the programme, start < end.
    maximum
        Share reached at the end, 0..1.
    rate
        Steepness per year.
    midpoint
        Year of the fastest uptake; 45 % of the way when omitted.

    Returns
    -------
    FloatArray
        Shares, cumulative; constant before the start and after the end.

    Raises
    ------
    InputError
        Years out of order, a share outside 0..1 or a rate outside 0..10.
    """
    problems = []
    if not start < end:
        problems.append(
            Problem("start, end", f"{start:g} is not before {end:g}", "Give the first year, then the last.")
        )
    if not 0 <= maximum <= 1:
        problems.append(
            Problem("uptake", f"{maximum:g} is no share", "Give a share of the eligible stock from 0 to 1.")
        )
    if not 0 < rate <= 10:
        problems.append(Problem("rate", f"{rate:g} is no steepness", "Give a rate above 0, at most 10 a year."))
    if problems:
        raise InputError(problems)
    middle = start + 0.45 * (end - start) if midpoint is None else midpoint

    def logistic(year: FloatArray | float) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-rate * (np.asarray(year) - middle))), dtype=np.float64)

    clamped = np.clip(finite("years", years), start, end)
    share = (logistic(clamped) - logistic(start)) / (logistic(end) - logistic(start))
    # rounding must not let a programme end above or below what was planned
    return np.asarray(np.where(clamped == end, maximum, np.clip(maximum * share, 0, maximum)))


def heat_emissions(
    area_m2: float, q_h_kwh_m2a: float, q_w_kwh_m2a: float, *, eta: float, ef_t_mwh: float
) -> tuple[float, float]:
    """Final energy and emissions of heating an area.

    Parameters
    ----------
    area_m2
        Reference area.
    q_h_kwh_m2a, q_w_kwh_m2a
        Net need per m² reference area and year.
    eta
        Efficiency, or seasonal performance factor of a heat pump.
    ef_t_mwh
        Emission factor of the carrier, t CO2e per MWh final energy.

    Returns
    -------
    tuple
        MWh/a and t CO2e/a.
    """
    mwh = area_m2 * (q_h_kwh_m2a + q_w_kwh_m2a) / eta / 1000
    return mwh, mwh * ef_t_mwh


def shapley(measures: Sequence[str], saving: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Fair share of each measure in the saving of all together.

    Parameters
    ----------
    measures
        Names, at most six: the exact value needs every subset.
    saving
        Saving of the joint state of any subset; the empty one must save 0.

    Returns
    -------
    dict
        Shares that sum to ``saving(all)``.

    Raises
    ------
    InputError
        More than six measures, or one named twice.
    """
    n = len(measures)
    if len(set(measures)) < n:
        raise InputError(Problem("measures", f"{list(measures)} name one twice", "Give each measure once."))
    if n > 6:
        raise InputError(Problem("measures", f"{n} are too many for the exact value", "Give six at most."))
    shares = {}
    for measure in measures:
        others = [m for m in measures if m != measure]
        shares[measure] = sum(
            factorial(k)
            * factorial(n - k - 1)
            / factorial(n)
            * (saving(frozenset({*subset, measure})) - saving(frozenset(subset)))
            for k in range(n)
            for subset in combinations(others, k)
        )
    return shares
