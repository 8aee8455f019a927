"""Give a total to places: known points first, then by weights, and what has no place stays a remainder.

Method: order of work and conservation of mass as in EMEP/EEA guidebook ch. 7 and Hestia: relative demand gives the
weights, the inventory gives the total. Every function here keeps the total to 1e-9 relative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, IntArray, finite
from geo.errors import InputError, Problem


@dataclass(frozen=True)
class Proxy:
    """What a total is spread by.

    Parameters
    ----------
    name
        Recorded as the method of the result, such as ``"heat_kwh_a"``.
    weights
        One non-negative weight for each place, any unit.
    unplaced
        Weight, same unit, of what is known to exist but has no place (buildings that the census withholds, say).
        Its share of the total becomes the remainder.
    """

    name: str
    weights: ArrayLike
    unplaced: float = 0.0


@dataclass(frozen=True)
class Allocation:
    """A total on places; ``values.sum() + remainder`` is the total."""

    values: FloatArray
    remainder: float
    method: str


def allocate(total: float, proxies: Sequence[Proxy], *, known: ArrayLike | None = None) -> Allocation:
    """Spread `total` over places by the first proxy that says anything.

    Parameters
    ----------
    total
        Amount to spread, in any unit; may be negative (a sink).
    proxies
        Best first. A proxy whose weights are all zero is passed over; if none is left, all of what is not known
        stays in the remainder and the method is ``"unplaced"``.
    known
        Amounts already known at places (metered sites, ETS plants), same unit and order as the weights. They are
        set first, and only the rest is spread.

    Returns
    -------
    Allocation
        Values in the order of the weights. The sum of values and remainder equals `total` (relative error < 1e-9).

    Raises
    ------
    InputError
        A weight is negative, missing or of another length, or the known amounts exceed the total.
    """
    if not proxies:
        raise InputError(Problem("proxies", "empty", "Name at least one weight, such as the area of each place."))
    size = np.asarray(proxies[0].weights).shape[0]
    total = float(finite("total", total))
    fixed = np.zeros(size) if known is None else finite("known points", known, size=size)
    rest = total - fixed.sum()
    over = -rest if total >= 0 else rest
    if known is not None and over > 1e-9 * max(abs(total), abs(fixed.sum())):
        raise InputError(
            Problem(
                "known points",
                f"sum to {fixed.sum():.6g}, more than the total {total:.6g}",
                "Check the units of both, or whether the sites belong to this sector and year.",
            )
        )
    for proxy in proxies:
        weights = finite(f"weights {proxy.name}", proxy.weights, minimum=0, size=size)
        unplaced = float(finite(f"unplaced weight of {proxy.name}", proxy.unplaced, minimum=0))
        mass = weights.sum() + unplaced
        if weights.sum() > 0:
            return Allocation(fixed + rest * (weights / mass), rest * (unplaced / mass), proxy.name)
    return Allocation(fixed, rest, "unplaced")


def largest_remainder(values: ArrayLike, *, total: int | None = None) -> IntArray:
    """Round to whole numbers that sum to the rounded total.

    Parameters
    ----------
    values
        Non-negative amounts in the unit to be published.
    total
        Published total; the rounded sum when omitted. It must lie within one unit for each value of the sum.

    Returns
    -------
    IntArray
        Same order. Missing units go to the largest fractional parts, ties to the lowest position
        (Hamilton's method).

    Raises
    ------
    InputError
        Negative or missing values, or a total that rounding cannot reach.
    """
    amounts = finite("values", values, minimum=0)
    # 1331880.0000000002 is a whole number that went through floating point, not a fraction
    whole = np.floor(amounts + 1e-9).astype(np.int64)
    goal = round(float(amounts.sum())) if total is None else total
    missing = goal - int(whole.sum())
    if not 0 <= missing <= amounts.size:
        raise InputError(
            Problem(
                "total", f"{goal} cannot be reached by rounding values that sum to {amounts.sum():.6g}", "Check it."
            )
        )
    order = np.argsort(-(amounts - whole), kind="stable")
    whole[order[:missing]] += 1
    return whole
