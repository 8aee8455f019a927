"""Choice of candidates under a budget: relaxation, rounding, exchange, and branch and bound on what is still open.

The relaxation prices every limit. The prices bound what any choice can be worth, whatever they are, so the bound is
safe even where the solver was not exact. They also close most candidates: one whose net value is further from 0 than
the gap between the bound and a choice at hand cannot be otherwise in a better choice. HiGHS gets the rest, which makes
10,000 candidates a matter of a second where it needs 5 to 19 s for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from geo.arrays import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from scipy import sparse

# limits may be missed by this share: sums of decimal fractions, and a cent in ten million euros
TOLERANCE = 1e-9
# right-hand side of a scaled limit: the solver's absolute tolerance of 1e-6 is then `TOLERANCE`
SCALE = 1e3
# candidates on either side of the margin that are tried against each other
CORE = 2000
ROUNDS = 10
# candidates up to which the simplex method prices the limits; interior points take 10 s for 200,000, it 40 s and more
SIMPLEX = 20_000
# candidates nearest to the margin among which the first search is made
NEAR = 500
# candidates that stay open, beyond which none are branched on
MAX_BINARIES = 100_000

Status: TypeAlias = Literal["optimal", "within_gap", "time_limit", "greedy", "infeasible", "floor_not_met"]


@dataclass(frozen=True, eq=False)
class Knapsack:
    """Candidates in an order that does not depend on how they were given.

    Attributes
    ----------
    cost, value, low
        EUR, what is maximised, and low-income benefit of each; >= 0.
    group, requires, area
        Group 0.. or -1; position of another candidate or -1; position in `room`.
    budget, floor
        EUR; least low-income benefit, 0 where there is none.
    room
        EUR for each area, infinite where it has no cap; candidates without an area share an area without one.
    """

    cost: FloatArray
    value: FloatArray
    low: FloatArray
    group: IntArray
    requires: IntArray
    area: IntArray
    budget: float
    floor: float
    room: FloatArray

    @cached_property
    def limits(self) -> tuple[float, FloatArray, float]:
        """Budget, room and floor with their tolerance."""
        return self.budget * (1 + TOLERANCE), self.room * (1 + TOLERANCE), self.floor * (1 - TOLERANCE)

    @cached_property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.group.max(initial=-1)) + 1

    @cached_property
    def open(self) -> BoolArray:
        """Candidates that may be chosen: affordable, and of use to the goal, to the floor or to another candidate."""
        budget, room, _ = self.limits
        of_use = (self.value > 0) | (self.low > 0)
        of_use[self.requires[self.requires >= 0]] = True
        return np.asarray(of_use & (self.cost <= np.minimum(budget, room[self.area])))

    @cached_property
    def rows(self) -> tuple[sparse.csr_array, FloatArray]:
        """Limits as ``A x <= b``: the budget first, the floor second, groups last; amounts scaled to `SCALE`."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        n = len(self.cost)
        each = np.arange(n)
        blocks = [_row(self.cost, self.budget)]
        bounds = [SCALE]
        if self.floor > 0:
            blocks.append(-_row(self.low, self.floor))
            bounds.append(-SCALE)
        capped = np.flatnonzero(np.isfinite(self.room) & (self.room > 0))
        inside = each[np.isin(self.area, capped)]
        if inside.size:
            scaled = np.minimum(self.cost[inside] / self.room[self.area[inside]], 1) * SCALE
            cells = (scaled, (np.searchsorted(capped, self.area[inside]), inside))
            blocks.append(sparse.csr_array(cells, shape=(capped.size, n)))
            bounds += [SCALE] * capped.size
        after = each[self.requires >= 0]
        if after.size:
            one = sparse.eye_array(n, format="csr")
            blocks.append(one[after] - one[self.requires[after]])
            bounds += [0.0] * after.size
        grouped = each[self.group >= 0]
        if grouped.size:
            one_each = np.ones(grouped.size)
            blocks.append(sparse.csr_array((one_each, (self.group[grouped], grouped)), shape=(self.n_groups, n)))
            bounds += [1.0] * self.n_groups
        return sparse.csr_array(sparse.vstack(blocks, format="csr")), np.asarray(bounds)

    def keeps(self, chosen: BoolArray) -> bool:
        """Whether a choice keeps every limit."""
        budget, room, floor = self.limits
        spent = np.bincount(self.area[chosen], self.cost[chosen], minlength=len(room))
        groups = self.group[chosen & (self.group >= 0)]
        before = self.requires[chosen & (self.requires >= 0)]
        return bool(
            self.cost[chosen].sum() <= budget
            and (spent <= room).all()
            and self.low[chosen].sum() >= floor
            and np.unique(groups).size == groups.size
            and chosen[before].all()
        )

    def worth(self, chosen: BoolArray) -> float:
        """Value of a choice."""
        return float(self.value[chosen].sum())


@dataclass(frozen=True, eq=False)
class Prices:
    """What the relaxation says.

    Attributes
    ----------
    bound
        No choice is worth more.
    net
        What the bound loses if a candidate is left out that these prices take (above 0), or taken that they leave out
        (below 0); minus infinity where it cannot be chosen. In units of `value`.
    floor
        Value that one unit of low-income benefit is worth besides its own; 0 without a floor.
    share
        Share of each candidate that the relaxation takes, 0..1.
    """

    bound: float
    net: FloatArray
    floor: float
    share: FloatArray


@dataclass(frozen=True, eq=False)
class Solution:
    """Outcome of a search.

    Attributes
    ----------
    status
        ``infeasible`` is proven; with ``floor_not_met`` the search ended without a choice and without a proof.
    chosen
        Whether each is chosen; nothing where no choice is known.
    value, bound, gap
        Of the choice; what none can exceed; (bound - value) / bound.
    highest_floor
        Where no choice is known: the most low-income benefit that was reached.
    """

    status: Status
    chosen: BoolArray
    value: float = np.nan
    bound: float = np.nan
    gap: float = np.nan
    highest_floor: float = np.nan


def solve(given: Knapsack, *, gap: float, time_limit_s: float, exact: bool) -> Solution:
    """Find a choice within `gap` of the best, or the best that rounding and exchange give.

    Parameters
    ----------
    given
        Candidates and limits.
    gap
        Share of the best that may be missed.
    time_limit_s
        Seconds for each program that is handed to the solver.
    exact
        Whether to search where rounding is not within the gap.
    """
    prices = relax(given, time_limit_s)
    best = None if prices is None else rounded(given, prices, patient=not exact)
    if exact and prices is not None and np.count_nonzero(given.open) > NEAR:
        best = _near(given, prices, best, gap, time_limit_s)
    far = None
    if best is None:  # the floor may be out of reach, or only just within it
        poor_first = replace(given, value=given.low, floor=0.0)
        far = solve(poor_first, gap=min(gap, 1e-4), time_limit_s=time_limit_s, exact=exact)
        if prices is None or far.bound < given.limits[2]:
            return Solution("infeasible", np.zeros_like(given.open), highest_floor=far.value)
        if given.keeps(far.chosen):
            best = improved(given, far.chosen, by_net(prices), given.value)
    bound = np.inf if prices is None else prices.bound
    status: Status = "greedy"
    if exact and prices is not None and not _within(given, best, bound, gap):
        fixed, free = _undecided(given, prices, best)
        if np.count_nonzero(free) <= MAX_BINARIES:
            found, limit = searched(given, prices, fixed, free, gap=gap, time_limit_s=time_limit_s)
            # what is fixed is so in every choice better than the best known
            best, bound, status = _better(given, best, found), min(bound, limit), "time_limit"
    if best is None:
        status = "infeasible" if bound == -np.inf else "floor_not_met"
        return Solution(status, np.zeros_like(given.open), highest_floor=np.nan if far is None else far.value)
    best = _without_idle(given, best)
    bound = max(bound, given.worth(best))
    if exact and _within(given, best, bound, max(gap, TOLERANCE)):
        status = "optimal" if _within(given, best, bound, TOLERANCE) else "within_gap"
    return Solution(status, best, given.worth(best), bound, _gap(given.worth(best), bound))


def relax(given: Knapsack, time_limit_s: float) -> Prices | None:
    """Price the limits by linear programming, or the budget alone where that takes too long.

    Returns
    -------
    Prices or None
        None where even shares of candidates cannot keep the limits.
    """
    from scipy.optimize import linprog  # noqa: PLC0415 - slow to import

    if not given.open.any():
        none = np.zeros(len(given.cost))
        return None if given.floor > 0 else Prices(0.0, none - np.inf, 0.0, none)
    a, b = given.rows
    unit = _unit(given)
    upper = given.open.astype(np.float64)
    found: Any = linprog(  # type: ignore[call-overload] # the stubs know no sparse rows
        -given.value / unit,
        A_ub=a,
        b_ub=b,
        bounds=np.column_stack([np.zeros_like(upper), upper]),
        method="highs-ds" if upper.size <= SIMPLEX else "highs-ipm",
        options={"time_limit": time_limit_s},
    )
    if found.status == 2:
        return None
    if found.status == 0:
        price, share = np.maximum(-found.ineqlin.marginals, 0) * unit, np.asarray(found.x)
    else:
        price, share = _budget_price(given, len(b)), np.zeros_like(upper)
    # groups are kept, not priced: a price would take away what tells their members apart
    priced = np.r_[price[: len(b) - given.n_groups], np.zeros(given.n_groups)]
    bound, net = _flips(given, given.value - a.T @ priced)
    floor = price[1] * SCALE / given.floor if given.floor > 0 else 0.0
    return Prices(bound + float(b @ priced), net, floor, share)


def _flips(given: Knapsack, net: FloatArray) -> tuple[float, FloatArray]:
    """Most that the best of each group and all without a group are worth, and what it costs to take each otherwise.

    Costs are above 0 for those that are taken, below for the others; minus infinity for those that cannot be.
    """
    net = np.where(given.open, net, -np.inf)
    flips = net.copy()
    order = np.lexsort((-net, given.group))
    order = order[given.group[order] >= 0]
    first = np.diff(given.group[order], prepend=-1) > 0
    best = order[first]
    second = np.zeros(given.n_groups)
    np.maximum.at(second, given.group[order[~first]], net[order[~first]])
    top = np.maximum(net[best], 0)
    flips[order] = net[order] - top[given.group[order]]
    flips[best] = net[best] - second[given.group[best]]
    alone = given.group < 0
    return float(np.maximum(net[alone], 0).sum() + top.sum()), flips


def rounded(given: Knapsack, prices: Prices, *, patient: bool) -> BoolArray | None:
    """Take candidates whole: by value per cost, and as the relaxation does; exchange singles; keep the better choice.

    Parameters
    ----------
    given, prices
        Candidates and limits, and what `relax` says of them.
    patient
        Whether to try on where the floor is not reached.

    Returns
    -------
    BoolArray or None
        None where no choice was found that reaches the floor.
    """
    best = None
    extra = [prices.floor]
    if patient and given.floor > 0:  # ever more weight on the low-income benefit, until the floor is reached
        scale = given.value.sum() / given.low.sum()
        extra += [prices.floor + scale * 2.0**k for k in range(-8, 9, 2)]
    for weight in extra:
        merit = given.value + weight * given.low
        for order in (by_merit(given, merit), by_net(prices)):
            chosen = _taken(given, order, merit)
            if given.keeps(chosen):
                best = _better(given, best, chosen)
        if best is not None:
            break
    return best


def by_merit(given: Knapsack, merit: FloatArray) -> IntArray:
    """Order by merit per cost, what is required counted in; what costs nothing first, more merit first."""
    own, merit, cost = merit, merit.copy(), given.cost.copy()
    before = given.requires.copy()
    while (before >= 0).any():
        has = before >= 0
        merit[has] += own[before[has]]
        cost[has] += given.cost[before[has]]
        before[has] = given.requires[before[has]]
    ratio = np.divide(merit, cost, out=np.where(merit > 0, np.inf, 0.0), where=cost > 0)
    return np.lexsort((-merit, -ratio))


def improved(given: Knapsack, chosen: BoolArray, order: IntArray, merit: FloatArray) -> BoolArray:
    """Exchange singles near the margin of an order and fill what becomes free, until nothing changes."""
    from geo import knapsack_kernels  # noqa: PLC0415 - slow to import

    budget, room, floor = given.limits
    # what is of no use by itself comes only with what requires it
    order = order[(given.open & ((given.value > 0) | (given.low > 0)))[order]]
    chosen = chosen.copy()
    shared = (given.cost, given.group, given.requires, given.area, budget, room, given.n_groups)
    for _ in range(ROUNDS):
        grown = knapsack_kernels.fill(order, *shared, chosen)
        inside = chosen[order]
        into, out = order[~inside][:CORE], order[inside][-CORE:]
        # below the floor the goal is to reach it
        low = given.low[chosen].sum() < floor
        goal, least = (given.low, 0.0) if low else (merit, floor)
        if not knapsack_kernels.swap(into, out, goal, given.low, *shared, least, chosen) and not grown:
            break
    return chosen


def searched(
    given: Knapsack, prices: Prices, fixed: BoolArray, free: BoolArray, *, gap: float, time_limit_s: float
) -> tuple[BoolArray | None, float]:
    """Branch and bound on the candidates that are free, the others being fixed.

    Returns
    -------
    tuple
        A choice that keeps the limits, None if none was found, and what no choice among these can exceed.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    if not free.any():
        return (fixed if given.keeps(fixed) else None), given.worth(fixed)
    a, b = given.rows
    unit = _unit(given)
    # the gap is a share of the whole, the solver sees only what is free
    rest = max(prices.bound - given.worth(fixed), TOLERANCE * max(prices.bound, 1.0))
    found: Any = milp(
        -given.value[free] / unit,
        constraints=LinearConstraint(a[:, np.flatnonzero(free)], -np.inf, b - a[:, np.flatnonzero(fixed)].sum(axis=1)),
        integrality=np.ones(int(free.sum()), np.int64),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": min(gap * prices.bound / rest, 1.0), "time_limit": time_limit_s},
    )
    if found.status == 2:
        return None, -np.inf
    bound = prices.bound
    if found.mip_dual_bound is not None:
        bound = min(bound, given.worth(fixed) - found.mip_dual_bound * unit)
    if found.x is None:
        return None, bound
    chosen = fixed.copy()
    chosen[free] = found.x > 0.5
    chosen = improved(given, chosen, by_net(prices), given.value)
    return (chosen if given.keeps(chosen) else None), bound


def by_net(prices: Prices) -> IntArray:
    """Order as the relaxation takes candidates."""
    return np.lexsort((-prices.net, -prices.share))


def _near(given: Knapsack, prices: Prices, best: BoolArray | None, gap: float, time_limit_s: float) -> BoolArray | None:
    """Search among the candidates nearest to the margin, the others as the relaxation takes them."""
    candidates = np.flatnonzero(given.open)
    candidates = candidates[np.argsort(np.abs(prices.net[candidates]), kind="stable")]
    for size in (NEAR, 4 * NEAR):
        if _within(given, best, prices.bound, gap):
            break
        free = np.zeros_like(given.open)
        free[candidates[:size]] = True
        fixed = given.open & ~free & (prices.share > 0.5)
        found, _ = searched(given, prices, fixed, free, gap=gap, time_limit_s=time_limit_s / 4)
        best = _better(given, best, found)
    return best


def _undecided(given: Knapsack, prices: Prices, best: BoolArray | None) -> tuple[BoolArray, BoolArray]:
    """Candidates that are in, and that may be in, every choice better than the best known."""
    if best is None:
        return np.zeros_like(given.open), given.open
    slack = prices.bound - given.worth(best) + TOLERANCE * max(prices.bound, 1.0)
    fixed = given.open & (prices.net > slack)
    return fixed, given.open & ~fixed & (prices.net >= -slack)


def _better(given: Knapsack, one: BoolArray | None, other: BoolArray | None) -> BoolArray | None:
    if one is None or other is None:
        return other if one is None else one
    return other if given.worth(other) > given.worth(one) else one


def _within(given: Knapsack, best: BoolArray | None, bound: float, gap: float) -> bool:
    return best is not None and _gap(given.worth(best), bound) <= gap


def _taken(given: Knapsack, order: IntArray, merit: FloatArray) -> BoolArray:
    chosen = improved(given, np.zeros_like(given.open), order, merit)
    # with the floor reached, the value alone is the goal
    return improved(given, chosen, order, given.value)


def _without_idle(given: Knapsack, chosen: BoolArray) -> BoolArray:
    """Leave out what is worth nothing and nobody requires: the solver may take it for fun."""
    chosen = chosen.copy()
    while True:
        before = given.requires[chosen]
        idle = chosen & (given.value <= 0) & (given.low <= 0)
        idle[before[before >= 0]] = False
        if not idle.any():
            return chosen
        chosen[idle] = False


def _gap(value: float, bound: float) -> float:
    return (bound - value) / bound if bound > value else 0.0


def _budget_price(given: Knapsack, rows: int) -> FloatArray:
    """Price of the budget alone: value per cost of the candidate that exhausts it."""
    price = np.zeros(rows)
    order = by_merit(replace(given, requires=np.full_like(given.requires, -1)), given.value)
    order = order[given.open[order] & (given.cost[order] > 0)]
    last = int(np.searchsorted(np.cumsum(given.cost[order]), given.budget))
    if last < order.size:
        price[0] = given.value[order[last]] / given.cost[order[last]] * given.budget / SCALE
    return price


def _row(amounts: FloatArray, limit: float) -> sparse.csr_array:
    # no candidate does more than reach the floor, and none that costs more than a limit is open: the same choices, a
    # tighter relaxation, and no amounts that are too large to solve with
    from scipy import sparse  # noqa: PLC0415 - slow to import

    scaled = np.minimum(amounts / limit, 1) * SCALE if limit > 0 else np.zeros_like(amounts)
    return sparse.csr_array(scaled[None, :])


def _unit(given: Knapsack) -> float:
    """Value that the solver sees as 100: its tolerances are absolute."""
    some = given.value[given.value > 0]
    return float(some.mean()) / 100 if some.size else 1.0
