"""How sure an allocation is: bands of 5, 50 and 95 % by Monte Carlo.

Every draw disturbs the weights and the total and shares the total out anew, so the parts of each draw sum to its total
and errors of neighbours are negatively correlated, as they must be. Each unit walks through the same 521 equally likely
strata of the normal distribution (a Latin hypercube) in an order of its own that hangs on its id and the seed alone:
neither the order of rows, nor the zoning, nor the number of threads changes a figure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.arrays import FloatArray, IntArray, finite
from geo.errors import InputError, Problem

DRAWS = 521  # a prime, and 5, 50 and 95 % of 520 steps are whole numbers
QUANTILES = (0.05, 0.5, 0.95)
_PLACES = np.array([round(q * (DRAWS - 1)) for q in QUANTILES])


@dataclass(frozen=True)
class Draws:
    """Draws of one allocation.

    Attributes
    ----------
    zones
        Sum in each zone and draw, shape (zones + 1, 521); the last row is what lies in no zone. Draws of several
        sectors may be added before `bands` is taken.
    units
        5, 50 and 95 % of each unit, shape (units, 3).
    """

    zones: FloatArray
    units: FloatArray


def draw(  # noqa: PLR0913 - an allocation and how sure each part is
    weights: ArrayLike,
    *,
    total: float,
    sd_units: ArrayLike,
    sd_total: float,
    zone: IntArray,
    zones: int,
    keys: NDArray[np.uint64],
    seed: int,
    with_units: bool = True,
) -> Draws:
    """Draw an allocation 521 times.

    Parameters
    ----------
    weights
        Weights of the units, as given to `geo.allocate.allocate`; what has no place is one more unit, without zone.
    total
        What is shared out.
    sd_units
        Relative standard deviation of each weight, independent between units; lognormal.
    sd_total
        Relative standard deviation of the total.
    zone
        Zone of each unit, -1 for none.
    zones
        How many zones there are.
    keys
        Of `keys_of`: what makes a unit's draws its own.
    seed
        Any whole number; another one gives other draws.
    with_units
        Whether the bands of single units are wanted; else `Draws.units` is empty.

    Raises
    ------
    InputError
        Weights or deviations are negative or missing, or all weights are 0.
    """
    from geo import uncertainty_kernels as kernels  # noqa: PLC0415 - slow to import

    mass = finite("weights", weights, minimum=0)
    if mass.sum() == 0:
        raise InputError(Problem("weights", "are all 0", "Choose another proxy before asking how sure it is."))
    sigma = _log_sd(finite("sd_units", sd_units, minimum=0, size=mass.size))
    start, strata = np.uint64(seed % 2**64), _strata()
    partial = np.zeros((min(kernels.RUNS, max(1, mass.size // kernels.BLOCK)), zones + 1, DRAWS))
    kernels.zone_sums(mass, sigma, zone.astype(np.int64), keys, start, strata, partial)
    sums = partial.sum(axis=0)
    spread = float(_log_sd(finite("sd_total", sd_total, minimum=0)))
    of_total = total * np.exp(spread * np.random.default_rng(seed).permutation(strata) - spread**2 / 2)
    scale = of_total / sums.sum(axis=0)
    sign = -1.0 if total < 0 else 1.0
    if not with_units:
        return Draws(sums * scale, np.zeros((0, len(QUANTILES))))
    units = np.zeros((mass.size, len(QUANTILES)))
    low, middle, high = _PLACES.tolist()
    kernels.unit_bands(mass, sigma, keys, start, strata, np.log(sign * scale), low, middle, high, units)
    # a sink is a negative total: its lowest value is its largest amount
    return Draws(sums * scale, np.sort(sign * units, axis=1))


@cache
def _strata() -> FloatArray:
    """One normal score from the middle of each of 521 equally likely parts."""
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    return np.asarray(ndtri((np.arange(DRAWS) + 0.5) / DRAWS))


def bands(draws: FloatArray) -> FloatArray:
    """Take 5, 50 and 95 % of draws, shape (…, 521) to (…, 3)."""
    return np.asarray(np.partition(draws, _PLACES, axis=-1)[..., _PLACES])


def keys_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """Return a number for each id, the same on every machine and in every run."""
    both = ((zlib.crc32(raw) << 32) | zlib.adler32(raw) for raw in (one.encode() for one in ids))
    return np.fromiter(both, dtype=np.uint64, count=len(ids))


def combined(*relative: ArrayLike) -> FloatArray:
    """Relative standard deviation of a product of independent factors."""
    return np.asarray(np.sqrt(sum(np.square(np.asarray(r, dtype=np.float64)) for r in relative)))


def _log_sd(relative: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.log1p(np.square(relative))))
