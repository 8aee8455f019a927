"""Which carrier heats which building: age, local networks and the carriers' totals, jointly.

An old building burns more coal and a new one has more heat pumps, so age and carrier are never taken as independent.
The table of (unit and age) x carrier is fitted to the heat of each unit and age and to the total of each carrier by
iterative proportional fitting; what is known of their relation (propensities by age, networks by place) is the seed and
its odds ratios are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import FloatArray, finite
from geo.errors import InputError, Problem

MAX_ROUNDS = 500
TOLERANCE = 1e-11


@dataclass(frozen=True)
class Carriers:
    """Fitted model of the carriers; ``share(c | unit, age) ~ propensity[age, c] * tilt[unit, c]``.

    Attributes
    ----------
    propensity
        Shape (ages, carriers).
    tilt
        What is local times the fitted factor of the carrier, shape (units, carriers).
    rounds
        Rounds of fitting.
    """

    propensity: FloatArray
    tilt: FloatArray
    rounds: int

    def split(self, amounts: ArrayLike) -> FloatArray:
        """Split amounts by unit and age into amounts by unit and carrier.

        Parameters
        ----------
        amounts
            Shape (units, ages), any unit that counts useful heat; rows stay whole.
        """
        from geo import carriers_kernels as kernels  # noqa: PLC0415 - slow to import

        values = finite("amounts", amounts, minimum=0)
        out = np.zeros(self.tilt.shape)
        kernels.by_carrier(values, self.propensity, self.tilt, out)
        return out


def fit_carriers(heat: ArrayLike, propensity: ArrayLike, local: ArrayLike, totals: ArrayLike) -> Carriers:
    """Fit the carriers of all units.

    Parameters
    ----------
    heat
        Useful heat by unit and age class, shape (units, ages), kWh/a.
    propensity
        How likely an age class uses a carrier, relative to other carriers, shape (ages, carriers); above 0.
    local
        The same for a place: 0 where a carrier cannot be had. Shape (units, carriers).
    totals
        Useful heat by carrier, same unit; scaled to the sum of `heat`.

    Raises
    ------
    InputError
        A unit with heat has no carrier, a carrier with a total is nowhere to be had, or the places where carriers can
        be had leave no solution (more district heat than buildings on the network use, say).
    """
    demand = finite("heat", heat, minimum=0)
    seed = finite("propensity", propensity, minimum=0)
    places = finite("local", local, minimum=0, size=seed.shape[1])
    goal = finite("totals", totals, minimum=0, size=seed.shape[1])
    if demand.sum() == 0 or goal.sum() == 0:
        raise InputError(Problem("heat", "is nowhere", "There is nothing to split among carriers."))
    problems = []
    cold = np.flatnonzero((demand.sum(axis=1) > 0) & (places[:, goal > 0].sum(axis=1) == 0))
    if cold.size:
        problems.append(Problem(f"local[{cold[0]}]", f"{cold.size} unit(s) have no carrier", "Allow at least one."))
    absent = np.flatnonzero((goal > 0) & (demand.sum(axis=1) @ places == 0))
    if absent.size:
        problems.append(Problem(f"totals[{absent[0]}]", "is above 0 but no unit can have it", "Allow it somewhere."))
    if problems:
        raise InputError(problems)
    goal = goal / goal.sum() * demand.sum()
    used = goal > 0
    logs = np.zeros(int(used.sum()))
    for rounds in range(1, MAX_ROUNDS + 1):
        factors = np.zeros(len(goal))
        factors[used] = np.exp(logs - logs.max())
        sums, slopes = _sums(demand, seed, places, factors)
        ratio = goal[used] / np.maximum(sums[used], np.finfo(float).tiny)
        if np.abs(ratio - 1).max() <= TOLERANCE:
            return Carriers(seed, places * factors, rounds)
        logs += _step(ratio, goal[used] - sums[used], slopes[np.ix_(used, used)])
    short = np.flatnonzero(used)[int(ratio.argmax())]
    raise InputError(
        Problem(
            f"totals[{short}]",
            f"cannot be reached where the carrier can be had (only {1 / ratio.max():.1%} of it)",
            "Check the total of this carrier and where its network is.",
        )
    )


def _sums(
    demand: FloatArray, seed: FloatArray, places: FloatArray, factors: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Heat by carrier with these factors, and its derivatives by their logarithms."""
    from geo import carriers_kernels as kernels  # noqa: PLC0415 - slow to import

    blocks = -(-len(demand) // kernels.BLOCK)
    partial, curve = np.zeros((blocks, len(factors))), np.zeros((blocks, len(factors), len(factors)))
    kernels.column_sums(demand, seed, places, factors, partial, curve)
    return partial.sum(axis=0), curve.sum(axis=0)


def _step(ratio: FloatArray, lack: FloatArray, slopes: FloatArray) -> FloatArray:
    """Change of the logarithms of the factors: near the solution Newton's step, else that of proportional fitting.

    Both lead to the same table; Newton's needs a tenth of the rounds where networks are nearly apart.
    """
    plain = np.log(ratio)
    if len(ratio) == 1 or np.abs(plain).max() > 0.5:
        return np.asarray(plain)
    # only ratios of factors matter: the first stays, or the system would be singular
    newton = np.zeros_like(plain)
    newton[1:] = np.linalg.lstsq(slopes[1:, 1:], lack[1:], rcond=None)[0]
    return newton if np.abs(newton).max() < 2 else np.asarray(plain)
