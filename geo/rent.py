"""What a retrofit does to the rent with heating ("warm rent"): levy, heat saved, CO2 cost, the grant that evens it out.

Law: German Civil Code (BGB) sections 559, 559a, 559e on raising rents after modernisation; CO2KostAufG on sharing the
CO2 cost of heating fuels. All rents and savings are EUR per m² living area and month, all costs EUR per m² living area.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, checked, numbers, unknown_problems
from geo.errors import InputError, Problem

# reference area (TABULA) by living area
REF_TO_LIVING = 1.1
_CAP_EUR_M2, _LOW_RENT_CAP_EUR_M2, _LOW_RENT_EUR_M2, _HEATING_CAP_EUR_M2 = 3.0, 2.0, 7.0, 0.5
_FLAT_MAINTENANCE = 0.15


class _Kind(NamedTuple):
    share_a: float
    own_cap_eur_m2: float


# "heating": sec. 559; "heating_granted": sec. 559e, for a landlord who took a public grant
KINDS = {
    "envelope": _Kind(0.08, np.inf),
    "heating": _Kind(0.08, _HEATING_CAP_EUR_M2),
    "heating_granted": _Kind(0.10, _HEATING_CAP_EUR_M2),
}


# --- levy -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Levy:
    """Rent increase after a modernisation, EUR per m² living area and month, any shape.

    Attributes
    ----------
    uncapped
        Yearly share of the cost, by month.
    cap
        Highest increase that six years allow, less what they have used up.
    increase
        The lower of both.
    """

    uncapped: FloatArray
    cap: FloatArray
    increase: FloatArray


def modernisation_levy(
    cost_eur_m2: ArrayLike,
    maintenance_share: ArrayLike | None,
    grant_eur_m2: ArrayLike = 0.0,
    *,
    rent_before_eur_m2: ArrayLike,
    kind: str = "envelope",
    raised_eur_m2: ArrayLike = 0.0,
) -> Levy:
    """Rent increase that a landlord may ask for: 8 % of the cost a year, within the cap (sec. 559, 559a, 559e BGB).

    Hardship (sec. 559 para. 4), rents agreed by level or index, and what the market bears lower it; they are not
    considered.

    Parameters
    ----------
    cost_eur_m2
        Cost per m² living area, >= 0.
    maintenance_share
        Share that would have been due as maintenance, 0..1; None for ``"heating_granted"``, where the law sets 15 %.
    grant_eur_m2
        Public grant per m² living area, >= 0; what exceeds the cost after maintenance lowers the rent no further.
    rent_before_eur_m2
        Monthly rent without heating, > 0: the cap is 3 EUR/m², 2 EUR/m² where the rent is below 7 EUR/m².
    kind
        ``"envelope"``; ``"heating"`` (8 %, 0.50 EUR/m² at most); ``"heating_granted"`` (sec. 559e: 10 % of the cost
        less 15 % and less the grant, 0.50 EUR/m² at most; only for landlords who took a grant).
    raised_eur_m2
        Levies of the six years before, which use up the cap, >= 0.

    Returns
    -------
    Levy
        In the common shape of all arguments.

    Raises
    ------
    InputError
        Everything that is missing or out of range; an unknown kind; no maintenance share where one is needed.
    """
    levied, rent, raised = _levied(
        cost_eur_m2, maintenance_share, grant_eur_m2, rent_before_eur_m2, kind, raised_eur_m2
    )
    uncapped = levied * KINDS[kind].share_a / 12
    cap = _room(rent, raised, kind)
    uncapped, cap = np.broadcast_arrays(uncapped, cap)
    return Levy(uncapped, cap, np.minimum(uncapped, cap))


def _levied(
    cost_eur_m2: ArrayLike,
    maintenance_share: ArrayLike | None,
    grant_eur_m2: ArrayLike,
    rent_before_eur_m2: ArrayLike,
    kind: str,
    raised_eur_m2: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Cost that may be passed on, rent before and increases before, checked."""
    problems = unknown_problems("kind", [kind], list(KINDS))
    share = _FLAT_MAINTENANCE if maintenance_share is None else maintenance_share
    if kind == "heating_granted" and np.any(np.asarray(share) != _FLAT_MAINTENANCE):
        problems.append(Problem("maintenance_share", "is 15 % by law for this kind", "Give None."))
    if kind != "heating_granted" and maintenance_share is None:
        problems.append(Problem("maintenance_share", "is missing", "Give the share due as maintenance, 0.3 say."))
    cost, maintenance, grant, rent, raised = checked(
        Argument("cost_eur_m2", cost_eur_m2, low=0),
        Argument("maintenance_share", share, low=0, high=1),
        Argument("grant_eur_m2", grant_eur_m2, low=0),
        Argument("rent_before_eur_m2", rent_before_eur_m2, above=0),
        Argument("raised_eur_m2", raised_eur_m2, low=0),
        also=problems,
    )
    return np.maximum(cost * (1 - maintenance) - grant, 0.0), rent, raised


def _room(rent: FloatArray, raised: FloatArray, kind: str) -> FloatArray:
    cap = np.where(rent < _LOW_RENT_EUR_M2, _LOW_RENT_CAP_EUR_M2, _CAP_EUR_M2)
    return np.asarray(np.minimum(KINDS[kind].own_cap_eur_m2, np.maximum(cap - raised, 0.0)))


# --- CO2 cost ---------------------------------------------------------------------------------------------------------


def co2_cost_share(
    kg_m2: ArrayLike, *, bounds_kg_m2a: ArrayLike, landlord_shares: ArrayLike, period_a: ArrayLike = 1.0
) -> FloatArray:
    """Share of the CO2 cost of heating that the landlord of a residential building bears (CO2KostAufG sec. 5, annex).

    Parameters
    ----------
    kg_m2
        kg CO2 of the fuels with a CO2 price per m² living area in the billing period, >= 0.
    bounds_kg_m2a
        Lower bounds of the second and further steps for a year, which belong to the step above.
    landlord_shares
        Share on each step, one more than bounds.
    period_a
        Length of the period in years, above 0, at most 1; the bounds shrink with it.

    Returns
    -------
    FloatArray
        0..1; the tenant bears the rest.

    Raises
    ------
    InputError
        Missing or negative emissions, a period outside 0..1, bounds that do not rise, a wrong number of shares.
    """
    bounds, shares = _table(bounds_kg_m2a, landlord_shares)
    kg, period = checked(Argument("kg_m2", kg_m2, low=0), Argument("period_a", period_a, high=1, above=0))
    # sums and products end a hair below the bound that they mean: nine places are far beyond any meter
    yearly = np.round(kg / period, 9)
    return np.asarray(shares[np.searchsorted(bounds, yearly, side="right")])


def _table(bounds: ArrayLike, shares: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Steps as arrays, checked."""
    low = numbers(bounds)
    steps = None if low is None else low.size + 1
    problems = Argument("bounds_kg_m2a", bounds, low=0).problems()
    problems += Argument("landlord_shares", shares, low=0, high=1, size=steps).problems()
    if low is not None and (low.ndim != 1 or (np.diff(low) <= 0).any()):
        problems.append(Problem("bounds_kg_m2a", "do not rise", "Sort them and give each once."))
    if problems:
        raise InputError(problems)
    return np.asarray(bounds, dtype=np.float64), np.asarray(shares, dtype=np.float64)


# --- heat and warm rent -----------------------------------------------------------------------------------------------


def heat_saving_eur_m2_month(
    q_before_kwh_m2a: ArrayLike,
    q_after_kwh_m2a: ArrayLike,
    *,
    eta: ArrayLike,
    price_eur_kwh: ArrayLike,
    ref_to_living: ArrayLike = REF_TO_LIVING,
) -> FloatArray:
    """Heating cost saved by a better envelope with the heating system unchanged.

    Parameters
    ----------
    q_before_kwh_m2a, q_after_kwh_m2a
        Net heat per m² *reference* area and year, >= 0.
    eta
        Efficiency of the heating system, or seasonal performance factor, above 0.
    price_eur_kwh
        End price of its carrier, >= 0.
    ref_to_living
        m² reference area per m² living area, above 0.

    Returns
    -------
    FloatArray
        EUR per m² *living* area and month; negative where heat use rises.

    Raises
    ------
    InputError
        Everything that is missing or out of range.
    """
    before, after, efficiency, price, ratio = checked(
        Argument("q_before_kwh_m2a", q_before_kwh_m2a, low=0),
        Argument("q_after_kwh_m2a", q_after_kwh_m2a, low=0),
        Argument("eta", eta, above=0),
        Argument("price_eur_kwh", price_eur_kwh, low=0),
        Argument("ref_to_living", ref_to_living, above=0),
    )
    return np.asarray((before - after) * ratio / efficiency * price / 12)


def warm_rent_change(levy_eur_m2: ArrayLike, saving_eur_m2: ArrayLike) -> FloatArray:
    """Change of the rent with heating: levy less heating cost saved.

    Parameters
    ----------
    levy_eur_m2
        `Levy.increase`, EUR/(m² month).
    saving_eur_m2
        Heating cost before less after, as the tenant pays it, EUR/(m² month); shapes broadcast.

    Returns
    -------
    FloatArray
        EUR/(m² month); above 0 the tenant pays more.

    Raises
    ------
    InputError
        Missing values, a negative levy.
    """
    levy, saving = checked(Argument("levy_eur_m2", levy_eur_m2, low=0), Argument("saving_eur_m2", saving_eur_m2))
    return np.asarray(levy - saving)


def neutral_grant_eur_m2(
    cost_eur_m2: ArrayLike,
    maintenance_share: ArrayLike | None,
    saving_eur_m2: ArrayLike,
    *,
    rent_before_eur_m2: ArrayLike,
    kind: str = "envelope",
    raised_eur_m2: ArrayLike = 0.0,
) -> FloatArray:
    """Smallest grant with which a tenant pays no more than before, heating included.

    Where the capped levy stays below the saving no grant is needed. Else the neutral levy equals the saving and lies
    below the cap, so the cap no longer matters: ``cost (1 - maintenance) - 12 saving / 8 %``.

    Parameters
    ----------
    cost_eur_m2, maintenance_share, rent_before_eur_m2, kind, raised_eur_m2
        As for `modernisation_levy`.
    saving_eur_m2
        Heating cost that the tenant saves, EUR/(m² month).

    Returns
    -------
    FloatArray
        EUR per m² living area; 0 where the tenant gains without one; NaN where none can do it, because heating itself
        becomes dearer.

    Raises
    ------
    InputError
        As for `modernisation_levy`; a saving that is missing.
    """
    levied, rent, raised = _levied(cost_eur_m2, maintenance_share, 0.0, rent_before_eur_m2, kind, raised_eur_m2)
    levied, room, saving = checked(
        Argument("cost_eur_m2", levied),
        Argument("rent_before_eur_m2", _room(rent, raised, kind)),
        Argument("saving_eur_m2", saving_eur_m2),
    )
    share = KINDS[kind].share_a / 12
    enough: BoolArray = np.asarray(np.minimum(levied * share, room) <= saving)
    needed = np.where(saving < 0, np.nan, levied - saving / share)
    return np.asarray(np.where(enough, 0.0, needed))
