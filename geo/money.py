"""What a measure costs, saves and yields over its life: annuities, present values, payback, price levels.

Method: annuities and present values as in the guideline VDI 2067. Flows fall at the end of a year, the investment
before the first. All money is in prices of one year; `at_price_level` brings it there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, checked, quotient


def annuity_factor(rate: ArrayLike, lifetime_a: ArrayLike) -> FloatArray:
    """Equal yearly payment that pays off 1 over a lifetime (capital recovery factor), ``r / (1 - (1 + r)^-n)``.

    Parameters
    ----------
    rate
        Interest as a share a year (0.03 for 3 %), -0.5..1; at 0 the factor is 1/n.
    lifetime_a
        Years, above 0, at most 200; need not be whole. Shapes broadcast.

    Returns
    -------
    FloatArray
        1/a.

    Raises
    ------
    InputError
        Missing values, rates or lifetimes out of range; all of them.
    """
    r, n = checked(_rate(rate), _lifetime(lifetime_a))
    return np.asarray(1 / _years_factor(r, n))
    r, n = checked(_rate(rate), _lifetime(lifetime_a))
    return np.asarray(1 / _years_factor(r, n))


def present_value(flows: ArrayLike, rate: ArrayLike, *, first: int = 1) -> FloatArray:
    """Value today of yearly flows.

    Parameters
    ----------
    flows
        Shape (..., years), any unit (EUR, or t CO2e).
    rate
        Share a year, one number or shape (...).
    first
        Years until the first flow: 1 = end of the first year, 0 = today.

    Returns
    -------
    FloatArray
        Shape (...), in the unit of the flows.

    Raises
    ------
    InputError
        Flows without an axis of years, missing values, rates out of range.
    """
    values, r = checked(Argument("flows", flows, series=True), _rate(rate, per_row=True))
    return np.asarray((values * (1 + r) ** -(first + np.arange(values.shape[-1], dtype=np.float64))).sum(axis=-1))


def annual_cost(
    invest_eur: ArrayLike,
    *,
    rate: ArrayLike,
    lifetime_a: ArrayLike,
    opex_eur_a: ArrayLike = 0.0,
    saving_eur_a: ArrayLike = 0.0,
    grant_share: ArrayLike = 0.0,
) -> FloatArray:
    """Annualised investment less grant, plus running cost, less saving; negative where a measure pays.

    Parameters
    ----------
    invest_eur
        Investment, >= 0.
    rate, lifetime_a
        As for `annuity_factor`.
    opex_eur_a
        Additional running cost, >= 0.
    saving_eur_a
        Energy cost saved; negative where the new energy costs more.
    grant_share
        Share of the investment that a grant pays, 0..1.

    Returns
    -------
    FloatArray
        EUR/a, in the common shape of all arguments.

    Raises
    ------
    InputError
        Everything that is missing or out of range.
    """
    own, yearly, factor = _flows(
        invest_eur, saving_eur_a, opex_eur_a, grant_share=grant_share, rate=rate, lifetime_a=lifetime_a
    )
    return np.asarray(own / factor - yearly)


def npv(
    invest_eur: ArrayLike,
    saving_eur_a: ArrayLike,
    opex_eur_a: ArrayLike = 0.0,
    *,
    rate: ArrayLike,
    lifetime_a: ArrayLike,
    grant_share: ArrayLike = 0.0,
) -> FloatArray:
    """Net present value of a measure whose saving and running cost stay the same, ``-I (1 - g) + sum (S - O)/(1+r)^t``.

    Where they change from year to year, use `present_value` of the series. Parameters, shapes and errors as for
    `annual_cost`.

    Returns
    -------
    FloatArray
        EUR; positive where the measure earns more than the rate.
    """
    own, yearly, factor = _flows(
        invest_eur, saving_eur_a, opex_eur_a, grant_share=grant_share, rate=rate, lifetime_a=lifetime_a
    )
    return np.asarray(yearly * factor - own)


def simple_payback_a(
    invest_eur: ArrayLike, saving_eur_a: ArrayLike, opex_eur_a: ArrayLike = 0.0, *, grant_share: ArrayLike = 0.0
) -> FloatArray:
    """Years until the savings have paid the investment, without interest.

    Parameters as for `annual_cost`.

    Returns
    -------
    FloatArray
        Years; NaN where it never pays because the saving does not exceed the running cost.

    Raises
    ------
    InputError
        Everything that is missing or out of range.
    """
    own, yearly, _ = _flows(invest_eur, saving_eur_a, opex_eur_a, grant_share=grant_share)
    return quotient(own, yearly)


def at_price_level(eur: ArrayLike, *, index_then: ArrayLike, index_now: ArrayLike) -> FloatArray:
    """Bring money of one year to prices of another with a price index, ``eur * now / then``.

    Parameters
    ----------
    eur
        Any money.
    index_then, index_now
        Price index (construction prices for buildings) of the year of the money and of the year wanted, above 0.

    Raises
    ------
    InputError
        Missing values, an index that is not above zero.
    """
    money, then, now = checked(
        Argument("eur", eur), Argument("index_then", index_then, above=0), Argument("index_now", index_now, above=0)
    )
    return np.asarray(money * now / then)


def _flows(
    invest_eur: ArrayLike,
    saving_eur_a: ArrayLike,
    opex_eur_a: ArrayLike,
    *,
    grant_share: ArrayLike,
    rate: ArrayLike = 0.0,
    lifetime_a: ArrayLike = 1.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Investment less grant, yearly saving less running cost, present value of 1 a year."""
    invest, saving, opex, grant, r, n = checked(
        Argument("invest_eur", invest_eur, low=0),
        Argument("saving_eur_a", saving_eur_a),
        Argument("opex_eur_a", opex_eur_a, low=0),
        Argument("grant_share", grant_share, low=0, high=1),
        _rate(rate),
        _lifetime(lifetime_a),
    )
    return invest * (1 - grant), saving - opex, _years_factor(r, n)


def _rate(rate: ArrayLike, *, per_row: bool = False) -> Argument:
    # a rate of 3 is 3 % written wrongly far more often than 300 %
    return Argument("rate", rate, low=-0.5, high=1, per_row=per_row, remedy="Give a share a year, 0.03 for 3 %.")


def _lifetime(lifetime_a: ArrayLike) -> Argument:
    return Argument("lifetime_a", lifetime_a, high=200, above=0)


def _years_factor(rate: FloatArray, lifetime_a: FloatArray) -> FloatArray:
    """Present value of 1 a year; expm1 and log1p keep it exact where the rate is close to zero."""
    safe = np.where(rate == 0, 1.0, rate)
    return np.asarray(np.where(rate == 0, lifetime_a, -np.expm1(-lifetime_a * np.log1p(safe)) / safe))
