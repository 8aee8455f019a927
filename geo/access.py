"""Who reaches how much green: supply by floating catchments, shares of residents, the 3-30-300 rule.

Only public green counts as supply: leave private gardens out before asking. Distances are to the edge of a green, as
the crow flies (`reach`), or along streets to its gates (`geo.walking`); say which beside every figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, IntArray, checked, finite, quotient, sum_by, unknown_problems
from geo.columns import Polygons
from geo.equity import weighted_mean
from geo.errors import CRSMismatchError, InputError, Problem
from geo.nearest import TIE_M, Nearest

HECTARE_M2 = 10_000.0
PAD_M = 1e-3  # more than rounding can move a point
# weight of a green by distance over reach, from 0 to 1; nothing beyond
KERNELS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "dichotomy": np.ones_like,
    "exponential": lambda share: np.exp(-share),
    "gaussian": lambda share: (np.exp(-0.5 * share**2) - np.exp(-0.5)) / (1 - np.exp(-0.5)),
    "density": lambda share: 0.75 * (1 - share**2),
}


@dataclass(frozen=True)
class Reach:
    """Which greens each demand point reaches, and how far they are.

    Attributes
    ----------
    offsets
        Shape (points + 1,): the pairs of point i are ``offsets[i]:offsets[i + 1]``.
    green
        Position of the green in each pair; ascending for each point.
    distance_m
        Metres of each pair, at most the reach of its green (to a nanometre).
    d0_m
        Reach of every green, shape (greens,).
    """

    offsets: IntArray
    green: IntArray
    distance_m: FloatArray
    d0_m: FloatArray

    @classmethod
    def of_pairs(cls, point: IntArray, green: IntArray, distance_m: FloatArray, points: int, d0_m: FloatArray) -> Reach:
        """Sort pairs, of which none may come twice, by point; for each point they must be in the order of greens."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        by_point = sparse.coo_array((distance_m, (point, green)), shape=(points, d0_m.size)).tocsr()
        offsets, listed = by_point.indptr.astype(np.int64), by_point.indices.astype(np.int64)
        return cls(offsets, listed, np.asarray(by_point.data, dtype=np.float64), d0_m)

    @property
    def point(self) -> IntArray:
        """Position of the demand point in each pair."""
        return np.repeat(np.arange(self.offsets.size - 1), np.diff(self.offsets))

    def weights(self, kernel: str) -> FloatArray:
        """Weight of each pair by one of `KERNELS`, 0 to 1.

        Raises
        ------
        InputError
            There is no such kernel.
        """
        if problems := unknown_problems("kernel", [kernel], list(KERNELS)):
            raise InputError(problems)
        return KERNELS[kernel](np.minimum(self.distance_m / self.d0_m[self.green], 1.0))


@dataclass(frozen=True)
class Supply:
    """Green for each person, by two-step floating catchments.

    Every square metre is accounted for: ``(m2_per_head * people).sum() + unserved_m2.sum() == green_m2.sum()``.

    Attributes
    ----------
    m2_per_head
        For each demand point; 0 where no green is in reach. A point where nobody lives has one too: what somebody
        would find there.
    people
        Residents of each point.
    ratio_m2_per_head
        For each green: its area over the people in reach, by their weights.
    unserved_m2
        Of each green what nobody takes up: all of it where nobody is in reach, and where the weights of those in reach
        sum to less than one person, the rest (a part of a person gets no more than a person would). 0 elsewhere.
    """

    m2_per_head: FloatArray
    people: FloatArray
    ratio_m2_per_head: FloatArray
    unserved_m2: FloatArray

    def balance_m2(self, target_m2_per_head: float = 9.0) -> FloatArray:
        """What each point has above a target for all its people; below 0 is lacking.

        The default of 9 m² per head is often quoted and weakly founded; put a city's own in its place.
        """
        target = finite("target_m2_per_head", target_m2_per_head, minimum=0)
        return np.asarray((self.m2_per_head - target) * self.people)


@dataclass(frozen=True)
class Rule330300:
    """The 3-30-300 rule: three shares from 0 to 1, None where unknown.

    Attributes
    ----------
    r3
        Residential buildings with at least three trees near by; stands for "sees three trees".
    r30
        Residents where tree crowns cover at least 30 %.
    r300
        Residents within 300 m of a public green of at least one hectare.
    """

    r3: float | None
    r30: float | None
    r300: float | None

    @property
    def score(self) -> float | None:
        """Mean of the three; None unless all are known, since a mean of fewer is no smaller version of the rule."""
        if self.r3 is None or self.r30 is None or self.r300 is None:
            return None
        return (self.r3 + self.r30 + self.r300) / 3


def d0_by_size(area_m2: ArrayLike) -> FloatArray:
    """How far people walk to a green of a size: 300 m, from 1 ha 500 m, from 10 ha 1,000 m (assumed).

    Parameters
    ----------
    area_m2
        Areas of greens; missing ones are refused.
    """
    area = finite("area_m2", area_m2, minimum=0)
    return np.select([area >= 10 * HECTARE_M2, area >= HECTARE_M2], [1000.0, 500.0], 300.0)


def reach(x_m: ArrayLike, y_m: ArrayLike, greens: Polygons, d0_m: ArrayLike) -> Reach:
    """Find the greens that each point reaches as the crow flies, to their edge; 0 m inside.

    Parameters
    ----------
    x_m, y_m
        Demand points in the CRS of the greens; NaN is refused.
    greens
        Valid polygons in a projected CRS (metres), with holes and parts as they come; there may be none.
    d0_m
        Reach of each green, or one for all; above 0. See `d0_by_size`.

    Raises
    ------
    CRSMismatchError
        The greens are in degrees.
    InputError
        Coordinates or reaches that cannot be computed with.
    """
    from geo.access_kernels import distances  # noqa: PLC0415 - slow to import

    _metres(greens)
    finite("coordinates of greens", greens.coords)
    x, y = coordinates(x_m, y_m)
    d0 = reaches(d0_m, len(greens))
    green, point = _in_boxes(x, y, greens.bounds + np.outer(d0, [-1, -1, 1, 1]))
    distance_m = np.empty(point.size)
    distances(x, y, point, green, greens.coords, greens.rings, greens.parts, greens.rows, distance_m)
    kept = distance_m <= d0[green] + TIE_M
    return Reach.of_pairs(point[kept], green[kept], distance_m[kept], x.size, d0)


def supply_2sfca(reached: Reach, people: ArrayLike, green_m2: ArrayLike, *, kernel: str = "dichotomy") -> Supply:
    """Share every green among the people in reach, then sum up what each point gets of all greens that it reaches.

    The share of one green depends on its own visitors alone. So a new park changes no point out of its reach, and what
    it adds is the supply of the new park by itself.

    Parameters
    ----------
    reached
        Which point reaches which green.
    people
        Residents of each point; missing ones are refused.
    green_m2
        Accessible public area of each green; missing ones are refused.
    kernel
        How weight falls with distance, one of `KERNELS`.

    Raises
    ------
    InputError
        Missing or negative people or areas, wrong lengths, an unknown kernel.
    """
    n_points, n_greens = reached.offsets.size - 1, reached.d0_m.size
    problems = [
        *Argument("people", people, low=0, size=n_points).problems(),
        *Argument("green_m2", green_m2, low=0, size=n_greens).problems(),
        *unknown_problems("kernel", [kernel], list(KERNELS)),
    ]
    if problems:
        raise InputError(problems)
    residents, area = np.asarray(people, dtype=np.float64), np.asarray(green_m2, dtype=np.float64)
    weight, point = reached.weights(kernel), reached.point
    demand = sum_by(reached.green, weight * residents[point], n_greens)
    ratio = area / np.maximum(demand, 1.0)
    per_head = sum_by(point, weight * ratio[reached.green], n_points)
    return Supply(per_head, residents, ratio, area * np.maximum(1.0 - demand, 0.0))


def supply_by_group(m2_per_head: ArrayLike, people_by_group: ArrayLike) -> FloatArray:
    """Mean supply per head of each group of residents.

    Parameters
    ----------
    m2_per_head
        For each point.
    people_by_group
        Residents of each point and group, shape (points, groups); a group's people are spread as the points tell, so
        this is between points, not between households.

    Returns
    -------
    FloatArray
        Shape (groups,); NaN for a group without people.
    """
    supply = finite("m2_per_head", m2_per_head, minimum=0)
    people = finite("people_by_group", people_by_group, minimum=0)
    if supply.ndim != 1 or people.ndim != 2 or len(people) != supply.size:
        what = f"has shape {people.shape}, m2_per_head {supply.shape}"
        raise InputError(Problem("people_by_group", what, "Give a row for each point and a column for each group."))
    return quotient(supply @ people, people.sum(axis=0))


def nearest_green_m(
    x_m: ArrayLike, y_m: ArrayLike, greens: Polygons, *, least_m2: float = HECTARE_M2, max_m: float | None = None
) -> FloatArray:
    """Distance to the nearest green of a size, to its edge as the crow flies.

    Parameters
    ----------
    x_m, y_m
        Points in the CRS of the greens; NaN is refused.
    greens
        Valid polygons in a projected CRS (metres).
    least_m2
        Smaller ones do not count; each row for itself, so join the pieces of a park first.
    max_m
        What is farther away is not looked for.

    Returns
    -------
    FloatArray
        Metres, 0 inside; NaN where there is none.
    """
    _metres(greens)
    x, y = coordinates(x_m, y_m)
    large = np.flatnonzero(greens.areas() >= finite("least_m2", least_m2, minimum=0))
    if large.size == 0:
        return np.full(x.size, np.nan)
    return Nearest(greens.take(large)).distance(x, y, max_m=max_m)[1]


def access_share(distance_m: ArrayLike, people: ArrayLike, limit_m: float = 300.0) -> float:
    """Share of residents within a distance, inclusive.

    Parameters
    ----------
    distance_m
        Metres to what is asked for; NaN means none within what was searched (at least `limit_m`), as `nearest_green_m`
        and `geo.walking` have it.
    people
        Residents of each point.
    limit_m
        How far.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    InputError
        Nobody lives there, people are missing, lengths differ, or distances are negative.
    """
    distance = np.asarray(distance_m, dtype=np.float64)
    finite("distance_m", distance[~np.isnan(distance)], minimum=0)
    return weighted_mean(distance <= finite("limit_m", limit_m, minimum=0) + TIE_M, people)


def trees_near(
    x_m: ArrayLike, y_m: ArrayLike, tree_x_m: ArrayLike, tree_y_m: ArrayLike, radius_m: float = 25.0
) -> IntArray:
    """Count the trees within a distance, inclusive, of each point; all in one projected CRS (metres)."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    x, y = coordinates(x_m, y_m)
    tree_x, tree_y = coordinates(tree_x_m, tree_y_m, "tree_")
    radius = float(finite("radius_m", radius_m, minimum=0))
    if tree_x.size == 0:
        return np.zeros(x.size, np.int64)
    near = cKDTree(np.column_stack([tree_x, tree_y])).query_ball_point(
        np.column_stack([x, y]), radius + TIE_M, return_length=True
    )
    return np.asarray(near, dtype=np.int64)


def rule_3_30_300(
    people: ArrayLike,
    *,
    trees: ArrayLike | None = None,
    canopy_share: ArrayLike | None = None,
    distance_m: ArrayLike | None = None,
) -> Rule330300:
    """Compute the three parts of the 3-30-300 rule, each only where its data are known.

    Parameters
    ----------
    people
        Residents of each cell.
    trees
        Trees near each residential building (`trees_near`); None = no trees are mapped here.
    canopy_share
        Share of land under tree crowns around each cell, 0 to 1; None = not known. Cells where it is missing are
        refused: leave them out, and say so.
    distance_m
        Metres from each cell to a public green of at least one hectare, NaN beyond what was searched; None = not known.

    Raises
    ------
    InputError
        Missing or impossible values, no buildings, nobody who lives there.
    """
    r3 = r30 = r300 = None
    if trees is not None:
        counted = finite("trees", trees, minimum=0)
        if counted.size == 0:
            raise InputError(Problem("trees", "has no buildings", "Give None where they are not known."))
        r3 = float(np.mean(counted >= 3))
    if canopy_share is not None:
        (share,) = checked(Argument("canopy_share", canopy_share, low=0, high=1))
        r30 = weighted_mean(share >= 0.3, people)
    if distance_m is not None:
        r300 = access_share(distance_m, people)
    return Rule330300(r3, r30, r300)


def coordinates(x_m: ArrayLike, y_m: ArrayLike, prefix: str = "") -> tuple[FloatArray, FloatArray]:
    """Return coordinates as two columns of one length, contiguous, or refuse them; `prefix` is for the message."""
    x = np.ascontiguousarray(finite(f"{prefix}x_m", x_m))
    return x, np.ascontiguousarray(finite(f"{prefix}y_m", y_m, size=x.size))


def reaches(d0_m: ArrayLike, greens: int) -> FloatArray:
    """Return the reach of each green, from one each or one for all, or refuse it."""
    (d0,) = checked(Argument("d0_m", d0_m, above=0, size=greens if np.ndim(d0_m) else None))
    return np.array(np.broadcast_to(d0, greens))


def runs(start: IntArray, length: IntArray) -> IntArray:
    """Positions ``start[i]`` to ``start[i] + length[i] - 1`` of all runs, behind each other."""
    return np.repeat(start - np.cumsum(length) + length, length) + np.arange(length.sum())


def _in_boxes(x: FloatArray, y: FloatArray, boxes: FloatArray) -> tuple[IntArray, IntArray]:
    """Pairs of boxes and the points in them or close by, by box; bands as high as a usual box hold them in order."""
    if x.size == 0 or len(boxes) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    west, south, east, north = (boxes + np.array([-PAD_M, -PAD_M, PAD_M, PAD_M]) - np.tile([x.min(), y.min()], 2)).T
    high_m, wide_m = max(float((north - south).mean()), 1.0), float(np.ptp(x)) + 3
    bands = int(np.ptp(y) / high_m) + 1
    # one number tells band and place: a metre on either side keeps a box from reaching into the next band
    key = np.floor((y - y.min()) / high_m) * wide_m + x - x.min()
    order = np.argsort(key)
    low = np.clip(np.floor(south / high_m), 0, bands).astype(np.int64)
    count = np.maximum(np.clip(np.floor(north / high_m), -1, bands - 1).astype(np.int64) - low + 1, 0)
    box, band = np.repeat(np.arange(len(boxes)), count), runs(low, count)
    start = np.searchsorted(key, band * wide_m + np.clip(west, -1, wide_m - 2)[box], sorter=order)
    end = np.searchsorted(key, band * wide_m + np.clip(east, -1, wide_m - 2)[box], side="right", sorter=order)
    return np.repeat(box, end - start), order[runs(start, end - start)]


def _metres(greens: Polygons) -> None:
    if not greens.crs.is_projected:
        raise CRSMismatchError(Problem("greens", "are in degrees", "Reproject to metres, EPSG:25832 say."))
