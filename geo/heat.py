"""Heat of residential buildings: from census shares and TABULA types to final energy.

Method: TABULA/IWU (net heat need by type, age class and state of refurbishment), use factor for the known gap between
computed and real consumption, conversion by the efficiency of the heating system. Where a cell is known only by shares,
the expectation over the shares is taken; nothing is rounded to one type or state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, IntArray, finite, sum_by


def use_factor(q_kwh_m2a: ArrayLike) -> FloatArray:
    """Ratio of real to computed heat use.

    Old buildings use less than computed (prebound), new ones slightly more. IWU's closed form
    ``-0.2 + 1.3 / (1 + q/500)``: recalled, not seen in print.

    Parameters
    ----------
    q_kwh_m2a
        Computed net heat need per m² reference area and year, >= 0.
    """
    return -0.2 + 1.3 / (1 + finite("q_kwh_m2a", q_kwh_m2a, minimum=0) / 500)


def final_heat(q_h_kwh_m2a: ArrayLike, q_w_kwh_m2a: ArrayLike, *, eta: float, use_factored: bool = True) -> FloatArray:
    """Final energy for heat per m² reference area.

    Parameters
    ----------
    q_h_kwh_m2a, q_w_kwh_m2a
        Net need for space heat and for hot water per m² reference area and year; shapes must broadcast.
    eta
        Efficiency of the heating system, 0..1 for boilers, seasonal performance factor for heat pumps.
    use_factored
        Whether space heat is corrected by `use_factor`. With it, no further prebound or rebound may be applied: the
        factor is taken before and after a retrofit, so it already holds both.

    Returns
    -------
    FloatArray
        kWh final energy (lower heating value) per m² reference area and year.
    """
    space = finite("q_h_kwh_m2a", q_h_kwh_m2a, minimum=0)
    water = finite("q_w_kwh_m2a", q_w_kwh_m2a, minimum=0)
    factor = use_factor(space) if use_factored else 1.0
    return np.asarray((space * factor + water) / eta, dtype=np.float64)


def expected_heat(area_m2: ArrayLike, age_shares: ArrayLike, q_kwh_m2a: ArrayLike) -> FloatArray:
    """Heat of each unit by age class, expected over its types and ages.

    Parameters
    ----------
    area_m2
        Reference area of each unit by building type, shape (units, types).
    age_shares
        Share of each age class in each unit, shape (units, ages); rows sum to 1. Type and age are taken as
        independent within a unit, since the census publishes only their margins.
    q_kwh_m2a
        Final energy by type and age class, shape (types, ages).

    Returns
    -------
    FloatArray
        kWh/a, shape (units, ages). The sum over ages is the heat of the unit.
    """
    area = finite("area_m2", area_m2, minimum=0)
    shares = finite("age_shares", age_shares, minimum=0)
    return np.asarray((area @ finite("q_kwh_m2a", q_kwh_m2a, minimum=0)) * shares, dtype=np.float64)


def specific_heat(heat_kwh_a: ArrayLike, area_m2: ArrayLike, group: IntArray, n: int) -> FloatArray:
    """Heat per m² of groups of buildings: the sum of heat over the sum of area, never a mean of means.

    Parameters
    ----------
    heat_kwh_a, area_m2
        Heat and area of each building.
    group
        Number of the group of each, 0..n-1.
    n
        How many groups there are.

    Returns
    -------
    FloatArray
        kWh/(m² a), shape (n,); NaN for a group without area.
    """
    area = sum_by(group, finite("area_m2", area_m2, minimum=0), n)
    heat = sum_by(group, finite("heat_kwh_a", heat_kwh_a), n)
    return np.asarray(np.divide(heat, area, out=np.full(n, np.nan), where=area > 0), dtype=np.float64)


def weather_adjusted(
    energy: ArrayLike, *, space_heat_share: float, degree_days: float, degree_days_long_term: float
) -> FloatArray:
    """Energy as it would have been in a normal winter; a side series, the balance itself stays as metered (BISKO).

    Parameters
    ----------
    energy
        Final energy of the year, any unit.
    space_heat_share
        Share of it that follows the weather, 0..1.
    degree_days, degree_days_long_term
        Heating degree days (G20/15, VDI 3807) of the year and of the long-term mean, Kd.
    """
    year = float(finite("degree_days", degree_days, minimum=1e-9))
    factor = float(finite("degree_days_long_term", degree_days_long_term, minimum=0)) / year
    values = finite("energy", energy)
    return np.asarray(values * (1 - space_heat_share) + values * space_heat_share * factor)
