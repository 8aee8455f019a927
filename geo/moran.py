"""Do like areas lie together? Moran's I, global and local, of one figure or between two, tested by permutation.

Conventions are those of `esda`: population standard deviation, the factor n - 1 in local figures, quadrants 1 to 4.
All p-values are two-sided, ``(1 + extremes) / (1 + permutations)``, where a permutation is an extreme if it is at least
as far from the exact expectation as what was observed. The expectation is known (-1/(n - 1) for I, 0 between two
figures), so nothing is estimated from the permutations and the test keeps its level for any distribution of values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, IntArray, checked, numbers
from geo.equity import ranks
from geo.errors import InputError, Problem
from geo.neighbours import Neighbours

# spread of values, relative to the largest, that is no more than rounding
FLAT = 1e-12
# permuted figures that differ from the observed one by rounding are equal to it
TIE = 1e-12


@dataclass(frozen=True)
class Moran:
    """Moran's I of one figure.

    Attributes
    ----------
    index
        Above `expected`: like values lie together; below: they avoid each other.
    expected
        -1 / (n - 1), what it would be on average if the values lay at random.
    variance_normal, z_normal, p_normal
        Variance, distance from `expected` in standard deviations and two-sided p if values were normal.
    p
        Two-sided, by permutation.
    permutations, seed
        What p was made with: the same again give the same p.
    """

    index: float
    expected: float
    variance_normal: float
    z_normal: float
    p_normal: float
    p: float
    permutations: int
    seed: int


@dataclass(frozen=True)
class Bivariate:
    """Moran's I between two figures.

    Attributes
    ----------
    index
        Above 0: where x is high, y is high in the neighbours; 0 is expected at random. It mixes the pattern in space
        with the correlation within areas, so it is never to be shown without the next two.
    pearson, spearman
        Correlation of values, and of ranks, area by area.
    p
        Two-sided, by permutation of y.
    permutations, seed
        What p was made with.
    """

    index: float
    pearson: float
    spearman: float
    p: float
    permutations: int
    seed: int


@dataclass(frozen=True, eq=False)
class Local:
    """Local Moran's I of each area; arrays of shape (n,).

    Attributes
    ----------
    index
        Above 0: like its neighbours, below 0: unlike them.
    quadrant
        The area, then its neighbours, against the mean: 1 high-high, 2 low-high, 3 low-low, 4 high-low.
    p
        Two-sided, by permutation of all other areas while this one stays; 1 where its value is the mean.
    q
        p corrected for the number of areas, see `false_discovery`.
    permutations, seed
        What p was made with.
    """

    index: FloatArray
    quadrant: IntArray
    p: FloatArray
    q: FloatArray
    permutations: int
    seed: int

    def significant(self, alpha: float = 0.1) -> BoolArray:
        """Areas to show on a map: of those, a share of at most `alpha` is expected to be there by chance."""
        checked(Argument("alpha", alpha, low=0, high=1))
        return np.asarray(self.q <= alpha)


def moran(values: ArrayLike, neighbours: Neighbours, *, permutations: int = 999, seed: int = 0) -> Moran:
    """Moran's I of one figure.

    Parameters
    ----------
    values
        A finite figure of each area, shape (n,), of any unit: per head or per area, not a total.
    neighbours
        From `geo.neighbours`.
    permutations
        At least 1; 9,999 for reports. The smallest p is 1 / (permutations + 1).
    seed
        Any whole number.

    Raises
    ------
    InputError
        Missing values, another number of them than of areas, values without variation, neighbours that join all with
        all (I is then the same for any pattern), fewer than 1 permutation.
    """
    from scipy import sparse  # noqa: PLC0415 - slow to import
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    (z,) = _standardised(neighbours, permutations, values=values)
    n, total = len(neighbours), neighbours.weights.sum()
    index = float(z @ neighbours.lag(z) / total)
    expected = -1 / (n - 1)
    # I is the same for w and its mean with its transpose, of which half the pairs are enough
    both = neighbours.matrix + neighbours.matrix.T
    pairs = sparse.triu(both, 1, format="coo")
    drawn = _permuted(z, np.zeros(n), (*pairs.coords, pairs.data / total), permutations, seed)

    s1 = float((both.data**2).sum() / 2)
    s2 = float(((both.sum(axis=0)) ** 2).sum())
    variance = (n**2 * s1 - n * s2 + 3 * total**2) / ((n**2 - 1) * total**2) - expected**2
    z_normal = (index - expected) / variance**0.5
    p = _p(drawn, expected, index)
    return Moran(index, expected, float(variance), z_normal, float(2 * ndtr(-abs(z_normal))), p, permutations, seed)


def moran_bivariate(
    x: ArrayLike, y: ArrayLike, neighbours: Neighbours, *, permutations: int = 999, seed: int = 0
) -> Bivariate:
    """Moran's I between x of an area and y of its neighbours.

    Parameters
    ----------
    x, y
        Finite figures of each area, shape (n,): need and benefit, say.
    neighbours, permutations, seed
        As for `moran`.

    Raises
    ------
    InputError
        As for `moran`, for x and y.
    """
    zx, zy = _standardised(neighbours, permutations, x=x, y=y)
    n = len(neighbours)
    # seen from y: each y counts by the x of those who have it as a neighbour
    linear = np.asarray(neighbours.matrix.T @ zx, dtype=np.float64) / n
    none = np.zeros(0, np.int64)
    drawn = _permuted(zy, linear, (none, none, np.zeros(0)), permutations, seed)
    index = float(linear @ zy)
    alike = np.ones(n)
    spearman = np.corrcoef(ranks(zx, alike), ranks(zy, alike))[0, 1]
    return Bivariate(index, float(zx @ zy / n), float(spearman), _p(drawn, 0.0, index), permutations, seed)


def local_moran(values: ArrayLike, neighbours: Neighbours, *, permutations: int = 999, seed: int = 0) -> Local:
    """Local Moran's I of one figure: where like values lie together, and which areas stand out from around them.

    Parameters
    ----------
    values, neighbours, permutations, seed
        As for `moran`. q can't be small if p can't: of 1,500 areas with 999 permutations, 15 must reach the smallest p
        for any to have q <= 0.1; give 9,999 or more to find single ones.

    Raises
    ------
    InputError
        As for `moran`.
    """
    (z,) = _standardised(neighbours, permutations, values=values)
    return _local(z, z, neighbours, permutations, seed)


def local_moran_bivariate(
    x: ArrayLike, y: ArrayLike, neighbours: Neighbours, *, permutations: int = 999, seed: int = 0
) -> Local:
    """Local Moran's I between x of an area and y of its neighbours.

    Parameters
    ----------
    x, y
        Finite figures of each area, shape (n,). Quadrant 4 has high x (need) and low y (benefit) around it. The y of
        the area itself has no part in it: see `Bivariate`.
    neighbours, permutations, seed
        As for `local_moran`.

    Raises
    ------
    InputError
        As for `moran`, for x and y.
    """
    zx, zy = _standardised(neighbours, permutations, x=x, y=y)
    return _local(zx, zy, neighbours, permutations, seed)


def false_discovery(p: ArrayLike) -> FloatArray:
    """Smallest share of false discoveries at which each test counts (Benjamini and Hochberg), in the order of p.

    Local figures of neighbours share values, so their p rise and fall together; under such positive dependence the
    procedure keeps its bound. Figures whose p run against each other could exceed it.

    Raises
    ------
    InputError
        p missing or not from 0 to 1.
    """
    (given,) = checked(Argument("p", p, low=0, high=1))
    order = np.argsort(given)
    n = given.size
    scaled = given[order] * n / np.arange(1, n + 1)
    q = np.empty(n)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return q


def _standardised(neighbours: Neighbours, permutations: int, **figures: ArrayLike) -> list[FloatArray]:
    """Figures with mean 0 and standard deviation 1, or all that is wrong with any."""
    n = len(neighbours)
    problems = [found for name, given in figures.items() for found in Argument(name, given, size=n).problems()]
    if permutations < 1:
        problems.append(Problem("permutations", f"{permutations} is below 1", "Give 999, say."))
    if len(neighbours.positions) == n * (n - 1):
        remedy = "Give fewer neighbours, or smaller areas."
        problems.append(Problem("neighbours", "join every area with all others: there is no pattern", remedy))
    made = []
    for name, given in figures.items():
        values = numbers(given)
        if problems or values is None:
            break
        # scaled first: the square of a figure may be too large for a number
        values = values / (np.abs(values).max() or 1.0)
        if np.ptp(values) <= FLAT:
            problems.append(Problem(name, "has no variation", "Give a figure that differs between areas."))
            continue
        from_mean = values - values.mean()
        made.append(np.asarray(from_mean / from_mean.std()))
    if problems:
        raise InputError(problems)
    return made


def _permuted(
    values: FloatArray, linear: FloatArray, pairs: tuple[IntArray, IntArray, FloatArray], permutations: int, seed: int
) -> FloatArray:
    from geo import moran_kernels as kernels  # noqa: PLC0415 - slow to import

    out = np.empty(permutations)
    # sparse matrices choose the type of their positions by size; the kernel is compiled for one
    first, second = (np.asarray(positions, np.int64) for positions in pairs[:2])
    kernels.permuted(values, linear, first, second, pairs[2], _bits(seed), out)
    return out


def _p(drawn: FloatArray, expected: float, index: float) -> float:
    extreme = np.abs(drawn - expected) >= abs(index - expected) - TIE
    return float((1 + extreme.sum()) / (1 + drawn.size))


def _local(x: FloatArray, y: FloatArray, neighbours: Neighbours, permutations: int, seed: int) -> Local:
    from geo import moran_kernels as kernels  # noqa: PLC0415 - slow to import

    n, lag = len(neighbours), neighbours.lag(y)
    # the sign and size of x are the same in all permutations, so the lag alone is compared
    deviation = np.abs(lag + y * neighbours.matrix.sum(axis=1) / (n - 1))
    count = np.empty(n, np.int64)
    kernels.local_extremes(y, neighbours.offsets, neighbours.weights, deviation, _bits(seed), permutations, count)
    p = np.where(np.abs(x) <= TIE, 1.0, (1 + count) / (1 + permutations))
    quadrant = np.where(lag > 0, np.where(x > 0, 1, 2), np.where(x > 0, 4, 3))
    return Local((n - 1) / n * x * lag, quadrant, p, false_discovery(p), permutations, seed)


def _bits(seed: int) -> np.uint64:
    return np.uint64(seed % 2**64)
