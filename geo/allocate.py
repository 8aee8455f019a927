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


@dataclass(frozen=True)
class Calibration:
    """A factor, the amounts scaled by it, and a verdict: ``"ok"``, ``"warn"`` or ``"reject"``."""

    factor: float
    values: FloatArray
    verdict: str


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


def calibrate(modelled: ArrayLike, published: float) -> Calibration:
    """Scale modelled amounts to a published (metered) total.

    Parameters
    ----------
    modelled
        Amounts of the groups or places, non-negative.
    published
        Total of the same, same unit.

    Returns
    -------
    Calibration
        ``"ok"`` for a factor from 0.7 to 1.3, ``"warn"`` from 0.5 to 2, else ``"reject"``: such a gap is no matter of
        habits but of a wrong floor area, unit or boundary, and the scaled values must not pass for explained.

    Raises
    ------
    InputError
        Nothing is modelled although something is published.
    """
    amounts = finite("modelled", modelled, minimum=0)
    goal = float(finite("published", published, minimum=0))
    mass = float(amounts.sum())
    if mass == 0 and goal > 0:
        raise InputError(Problem("modelled", "sums to 0", "There is nothing to scale; use another proxy."))
    factor = goal / mass if mass > 0 else 1.0
    verdict = "ok" if 0.7 <= factor <= 1.3 else "warn" if 0.5 <= factor <= 2 else "reject"
    return Calibration(factor, amounts * factor, verdict)


def fit_margins(
    seed: ArrayLike, rows: ArrayLike, columns: ArrayLike, *, tolerance: float = 1e-9, max_iterations: int = 10_000
) -> FloatArray:
    """Fit a table to its margins by iterative proportional fitting (IPF, RAS).

    Parameters
    ----------
    seed
        Non-negative table, shape (rows, columns), that holds what is known of the joint distribution: its odds ratios
        are kept, and a zero stays zero.
    rows, columns
        Sums that the table must have; both must have the same total.
    tolerance
        Largest deviation of a margin, relative to the total.
    max_iterations
        Rounds of rows then columns before giving up.

    Raises
    ------
    InputError
        The margins disagree, a margin above 0 meets only zeros, or the zeros leave no table with these margins.
    """
    table = finite("seed", seed, minimum=0).copy()
    by_row = finite("rows", rows, minimum=0, size=table.shape[0])
    by_column = finite("columns", columns, minimum=0, size=table.shape[1])
    total = float(by_row.sum())
    problems = []
    if abs(total - by_column.sum()) > 1e-9 * max(total, float(by_column.sum())):
        problems.append(
            Problem("margins", f"sum to {total:.9g} and {by_column.sum():.9g}", "Both must have the same total.")
        )
    for name, goal, sums in (("rows", by_row, table.sum(axis=1)), ("columns", by_column, table.sum(axis=0))):
        empty = np.flatnonzero((goal > 0) & (sums == 0))
        if empty.size:
            problems.append(Problem(f"{name}[{empty[0]}]", "is above 0 but its seed is all 0", "Give it a seed."))
    if problems:
        raise InputError(problems)
    for _ in range(max_iterations):
        sums = table.sum(axis=1)
        table *= np.divide(by_row, sums, out=np.zeros_like(sums), where=sums > 0)[:, None]
        sums = table.sum(axis=0)
        table *= np.divide(by_column, sums, out=np.zeros_like(sums), where=sums > 0)
        # columns hold exactly after their step, so the rows tell how far it is
        if np.abs(table.sum(axis=1) - by_row).max(initial=0) <= tolerance * total:
            return table
    raise InputError(
        Problem("seed", f"has zeros that leave no table with these margins ({max_iterations} rounds)", "Check them.")
    )


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
