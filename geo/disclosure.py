"""Cells joined until each group may be shown, also beside the sums of the districts that they lie in.

Nothing is left out, so every total stays exact. Whoever adds and subtracts what is published gets sums of *atoms*: what
a group and a district of each level have in common. Here every atom either holds nothing or meets the limits by itself,
so whatever single cells or buildings can be told from the others by sums, there are enough of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, IntArray, numbers, sum_by
from geo.errors import InputError, Problem

# buildings, dwellings, people
MINIMUM = (5.0, 5.0, 10.0)
# three thirds of a building are one
_ROUNDING = 1e-9
_AROUND = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))

_Counts = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Groups:
    """What may be shown together.

    Attributes
    ----------
    group
        Group of each row, numbered from the south, then the west; int64.
    area
        District codes as given, but one code (the lowest) for districts that may only be shown together.
    met
        Whether each group meets the limits or holds nothing; False only where the whole place stays below them.
    """

    group: IntArray
    area: IntArray
    met: BoolArray


def groups(
    counts: ArrayLike,
    area: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    minimum: Sequence[float] = MINIMUM,
    *,
    nothing: ArrayLike | None = None,
) -> Groups:
    """Join cells with neighbours of their district until all that can be computed from sums meets the limits.

    Parameters
    ----------
    counts
        Buildings, dwellings and people, shape (rows, 3). NaN where unknown: it counts as zero, since not knowing a
        number protects nobody.
    area
        Code of the district of each row, shape (rows,), or (rows, levels) with the coarsest level first; integers.
        Levels need not nest.
    x, y
        Column and row of the cell on its grid, integers, shape (rows,). A cell whose buildings belong to several
        districts has a row for each: rows of one cell are never parted.
    minimum
        Fewest buildings, dwellings and people; all of them are asked for.
    nothing
        Rows that hold nothing to protect; where all three counts are zero when left out.

    Returns
    -------
    Groups
        Does not depend on the order of the rows. Cells that may be shown by themselves stay alone unless a neighbour
        needs them; a neighbour is one of eight around, else the nearest of the district.

    Raises
    ------
    InputError
        Negative counts, codes and places that are no whole numbers, shapes that do not fit.
    """
    amount, levels, place, limit = _checked(counts, area, x, y, minimum)
    if nothing is None:
        empty = (np.asarray(counts, dtype=np.float64).reshape(-1, 3) == 0).all(axis=1)
    else:
        empty = np.asarray(nothing, dtype=bool)
    # floats depend on the order of their sum
    order = np.lexsort((empty, *amount.T, *levels.T, *place.T))
    amount, levels, empty = amount[order], levels[order], empty[order]
    where, cell = _distinct(place[order])
    combos, combo = _distinct(levels)
    joined = _joined(where[cell], combos, combo, amount, ~empty, limit)
    part, of_part = _distinct(np.column_stack([cell, joined[combo]])[~empty])
    sums = np.column_stack([sum_by(of_part, amount[~empty, k], len(part)) for k in range(3)])
    search = _Search(where, part, sums, limit)
    search.run(np.unique(part[(sums < limit).any(axis=1), 0]).tolist())
    # a group bears the number of its first cell
    first, group = np.unique(np.array(search.of, np.int64), return_inverse=True)
    met = np.ones(len(first), dtype=bool)
    met[np.searchsorted(first, search.left)] = False
    back = np.argsort(order)
    shown = np.column_stack([_codes(column, joined) for column in combos.T])
    codes = shown[combo][back]
    return Groups(group[cell][back], codes if np.ndim(area) == 2 else codes[:, 0], met)


def _distinct(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct rows in order, and the position of each row among them; as numpy's, which sorts rows slowly."""
    key = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, position = np.unique(column, return_inverse=True)
        # numbered anew each time, so that the product stays small
        _, key = np.unique(key * len(values) + position, return_inverse=True)
    first = np.unique(key, return_index=True)[1]
    return rows[first], key


def _checked(
    counts: ArrayLike, area: ArrayLike, x: ArrayLike, y: ArrayLike, minimum: Sequence[float]
) -> tuple[FloatArray, IntArray, IntArray, _Counts]:
    """Counts without gaps, codes by level, places (row, column) and limits; or all that is wrong with them."""
    found = numbers(counts)
    n = 0 if found is None or found.ndim != 2 else len(found)
    problems = []
    if found is None or found.ndim != 2 or found.shape[1] != 3:
        what = "are not three for each row" if found is None else f"have shape {found.shape}"
        problems.append(Problem("counts", what, "Give buildings, dwellings and people of each row."))
    elif (wrong := (found < 0) | np.isinf(found)).any():
        row = np.argwhere(wrong)[0].tolist()
        problems.append(Problem(f"counts{row}", f"{int(wrong.sum())} below zero or infinite", "Give counts, or NaN."))
    problems += Argument("minimum", list(minimum), low=0, size=3).problems()
    whole: dict[str, IntArray] = {}
    for name, values in (("area", area), ("x", x), ("y", y)):
        given = numbers(values)
        if given is None or len(np.atleast_1d(given)) != n or not (given == np.round(given)).all():
            problems.append(Problem(name, "is not one whole number for each row", "Give codes or places on the grid."))
        else:
            whole[name] = given.astype(np.int64)
    if problems or found is None:
        raise InputError(problems)
    place = np.column_stack([whole["y"], whole["x"]])
    b, d, p = (float(m) * (1 - _ROUNDING) for m in minimum)
    levels = whole["area"] if whole["area"].ndim == 2 else whole["area"][:, None]
    return np.nan_to_num(found), levels, place, (b, d, p)


# --- districts --------------------------------------------------------------------------------------------------------


def _joined(
    place: IntArray, combos: IntArray, combo: IntArray, amount: FloatArray, live: BoolArray, limit: _Counts
) -> IntArray:
    """Join what districts of all levels have in common, where it stays below the limits; the first combination of each.

    The partner shares as many levels as can be, from the coarsest on, so that few districts are shown together only;
    among those it is the nearest.
    """
    of = np.arange(len(combos))
    lives = np.bincount(combo[live], minlength=len(combos)) > 0
    total = np.column_stack([sum_by(combo[live], amount[live, k], len(combos)) for k in range(3)])
    while True:
        sums = np.column_stack([sum_by(of, total[:, k], len(combos)) for k in range(3)])
        roots = np.unique(of[lives])
        short = [i for i in roots.tolist() if (sums[i] < limit).any()]
        if not short or len(roots) == 1:
            return of
        one = min(short, key=lambda i: (_size(sums[i].tolist(), limit), i))
        members = np.flatnonzero((of == one) & lives)
        others = np.flatnonzero((of != one) & lives)
        same = combos[members][:, None] == combos[others][None]
        shared = np.cumprod(same, axis=2).sum(axis=2).max(axis=0)
        closest = others[shared == shared.max()]
        here, there = place[live & np.isin(combo, members)], live & np.isin(combo, closest)
        partner = of[combo[there]][_nearest(here, place[there], of[combo[there]])]
        of[(of == one) | (of == partner)] = min(one, partner)


def _nearest(here: IntArray, there: IntArray, key: IntArray) -> int:
    """Position of the nearest of `there`, the lowest key among equals."""
    best = np.full(len(there), np.iinfo(np.int64).max)
    for one in here:
        np.minimum(best, ((there - one) ** 2).sum(axis=1), out=best)
    return int(np.lexsort((key, best))[0])


def _codes(column: IntArray, joined: IntArray) -> IntArray:
    """Code under which each combination's district is shown, on one level."""
    shown = column.copy()
    for root in np.unique(joined):
        together = np.unique(shown[joined == root])
        # districts that were joined before stay so
        shown[np.isin(shown, together)] = together[0]
    return shown


# --- cells ------------------------------------------------------------------------------------------------------------


def _size(counts: Sequence[float], limit: _Counts) -> float:
    """How much counts are, in limits."""
    return sum(c / m for c, m in zip(counts, limit, strict=True) if m > 0)


class _Search:
    """Groups while they grow: the smallest that is short of something joins the neighbour that makes the least do."""

    def __init__(self, place: IntArray, part: IntArray, sums: FloatArray, limit: _Counts) -> None:
        self.place = place
        self.limit = limit
        # group of each cell; cells and counts by district of each group, named by its first cell
        self.of = list(range(len(place)))
        self.cells = [[i] for i in self.of]
        self.parts: list[dict[int, _Counts]] = [{} for _ in self.of]
        self.stands = {(y, x): i for i, (y, x) in enumerate(place.tolist())}
        self.within: dict[int, list[int]] = {}
        # groups that stay short
        self.left: list[int] = []
        for (cell, area), (b, d, p) in zip(part.tolist(), sums.tolist(), strict=True):
            self.parts[cell][area] = (b, d, p)
            self.within.setdefault(area, []).append(cell)
        self.total = [sum(_size(counts, limit) for counts in parts.values()) for parts in self.parts]

    def run(self, short: list[int]) -> None:
        """Join those that are short, until none is or nothing is left to join."""
        waiting = [(self.total[group], group) for group in short]
        heapq.heapify(waiting)
        while waiting:
            size, group = heapq.heappop(waiting)
            # an entry is old when its group was joined since
            if not self.cells[group] or size != self.total[group] or not (lacking := self._short(self.parts[group])):
                continue
            partner = self._partner(group, lacking)
            if partner is None:
                self.left.append(group)
                continue
            one = self._join(group, partner)
            heapq.heappush(waiting, (self.total[one], one))

    def _partner(self, group: int, lacking: list[int]) -> int | None:
        """Neighbour that leaves the fewest districts short; then one across an edge, the smallest, the first."""
        best = None
        for other, corner in self._around(group).items():
            parts = self.parts[other]
            if any(area in parts for area in lacking):
                both = _merged(self.parts[group], parts)
                price = (len(self._short(both)), corner, self.total[other], other)
                best = price if best is None else min(best, price)
        return self._farther(group, lacking) if best is None else best[-1]

    def _around(self, group: int) -> dict[int, bool]:
        """Groups around one, and whether they only meet in corners."""
        found: dict[int, bool] = {}
        for cell in self.cells[group]:
            y, x = self.place[cell].tolist()
            for dy, dx in _AROUND:
                near = self.stands.get((y + dy, x + dx))
                if near is not None and (other := self.of[near]) != group:
                    found[other] = found.get(other, True) and bool(dy and dx)
        return found

    def _farther(self, group: int, lacking: list[int]) -> int | None:
        """Group of the nearest other cell of a district that is lacking."""
        others = [cell for area in lacking for cell in self.within[area] if self.of[cell] != group]
        if not others:
            return None
        cells = np.unique(others)
        return self.of[int(cells[_nearest(self.place[self.cells[group]], self.place[cells], cells)])]

    def _join(self, one: int, other: int) -> int:
        """Join two groups under the name of the first."""
        kept, gone = min(one, other), max(one, other)
        self.parts[kept] = _merged(self.parts[kept], self.parts[gone])
        for cell in self.cells[gone]:
            self.of[cell] = kept
        self.cells[kept] += self.cells[gone]
        self.total[kept] += self.total[gone]
        self.cells[gone], self.parts[gone] = [], {}
        return kept

    def _short(self, parts: dict[int, _Counts]) -> list[int]:
        b, d, p = self.limit
        return sorted(area for area, n in parts.items() if n[0] < b or n[1] < d or n[2] < p)


def _merged(one: dict[int, _Counts], other: dict[int, _Counts]) -> dict[int, _Counts]:
    out = one | other
    for area in one.keys() & other.keys():
        (a, b, c), (d, e, f) = one[area], other[area]
        out[area] = (a + d, b + e, c + f)
    return out
