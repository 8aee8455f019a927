"""What may be shown: small counts are not, nor anything from which they could be worked out.

Whoever reads a table is taken to know its totals and that a count that is not shown is at least one, since zeros are.
A count is safe if it could be another one without any total changing: if a cycle of cells that are not shown leads
through it, alternately one more and one less, and whatever gets less stays at one or above.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, checked
from geo.errors import InputError, Problem
from geo.low_income import partly

# up to so many (cells at risk) x (cells) the fewest further cells are found exactly
EXACT = 1500
# a limit on the search that, unlike one on time, gives the same answer on every machine
NODES = 2000
# price of a cell that is not shown anyway: below any other, and above the 1e-8 that scipy takes for "no edge"
FREE = 1e-6


def primary(counts: ArrayLike, *, minimum: float = 10) -> BoolArray:
    """Mark counts that may not be shown by themselves.

    Parameters
    ----------
    counts
        People (10 is usual), households or buildings (5); NaN where unknown.
    minimum
        Smallest count above zero that may be shown.

    Returns
    -------
    BoolArray
        True for 0 < count < minimum and where unknown; zero may be shown.
    """
    n, least = partly(Argument("counts", counts, low=0), Argument("minimum", minimum, above=0))
    return np.asarray(((n > 0) & (n < least)) | np.isnan(n))


def dominated(largest: ArrayLike, total: ArrayLike, *, share: float = 0.85) -> BoolArray:
    """Mark totals of which one contributor has more than a share, such as one plant of a branch.

    Parameters
    ----------
    largest, total
        Largest contribution and sum; NaN where unknown.
    share
        Most that one may have.

    Returns
    -------
    BoolArray
        True where dominated or unknown; a total of 0 may be shown.
    """
    top, whole, limit = partly(
        Argument("largest", largest, low=0), Argument("total", total, low=0), Argument("share", share, low=0, high=1)
    )
    wrong = top > whole * (1 + 1e-9)
    if wrong.any():
        where = f"largest{np.argwhere(wrong)[0].tolist() or ''}"
        raise InputError(Problem(where, f"{int(wrong.sum())} above the total", "Give part and whole in one unit."))
    return np.asarray((top > limit * whole) | np.isnan(top) | np.isnan(whole))


def secondary(counts: ArrayLike, mask: ArrayLike) -> BoolArray:
    """Hide further cells of a table with totals, so that none of those hidden can be computed.

    Parameters
    ----------
    counts
        Table without its totals, shape (rows, columns); the totals of rows and columns are shown.
    mask
        Cells that may not be shown, same shape: `primary`, or `dominated`, or both.

    Returns
    -------
    BoolArray
        The mask and further cells: the fewest, and among those the smallest counts, where the table is small; close to
        that in larger ones. Zeros are hidden only where nothing else helps.

    Raises
    ------
    InputError
        Missing counts; cells that no further cell protects, such as the only one of a row: there the total tells.
    """
    table, hidden = checked(Argument("counts", counts, low=0), Argument("mask", mask, low=0, high=1))
    if table.ndim != 2:
        raise InputError(Problem("counts", f"has shape {table.shape}", "Give a table of rows and columns."))
    marked = hidden > 0
    network = _Network(table, marked)
    # a cell that is safe among those marked stays safe whatever else is hidden
    unsafe = [(i, j) for i, j in np.argwhere(marked).tolist() if network.cycle(i, j)[0] > 1]
    found = _greedy(network, marked, unsafe)
    if unsafe and len(unsafe) * table.size <= EXACT:
        return _fewest(table, marked, unsafe, found)
    return found


def against_parents(
    counts: ArrayLike, mask: ArrayLike, parent: ArrayLike, *, parent_hidden: ArrayLike = False
) -> BoolArray:
    """Hide further children of parents whose total is shown, so that no hidden child can be computed.

    Parameters
    ----------
    counts, mask
        Count of each child, and whether it may not be shown.
    parent
        Number of each child's parent, -1 for none.
    parent_hidden
        Whether the parent of each child is itself not shown, and so tells nothing.

    Returns
    -------
    BoolArray
        The mask and, for each parent that needs it, the smallest further child that helps. A table that has other
        totals too must go through `secondary` again until nothing changes.

    Raises
    ------
    InputError
        Missing counts; parents that give their only hidden child away whatever else is hidden, such as those with a
        single child.
    """
    n, hidden, group, silent = checked(
        Argument("counts", counts, low=0),
        Argument("mask", mask, low=0, high=1),
        Argument("parent", parent, low=-1),
        Argument("parent_hidden", parent_hidden, low=0, high=1),
    )
    out = hidden > 0
    problems = []
    for one in np.unique(group[(group >= 0) & out & (silent == 0)]).tolist():
        children = np.flatnonzero(group == one)
        gone = out[children]
        below = n[children]
        if gone.sum() > 1 and below[gone].max() > 1:
            continue
        # someone must be able to have one less
        helps = ~gone & ((below > 1) | bool(below[gone].max() > 1))
        if not helps.any():
            what = "gives away a child that may not be shown"
            problems.append(Problem(f"parent {one:g}", what, "Do not show it, or merge it with another."))
            continue
        out[children[np.argmin(np.where(helps, _price(below), np.inf))]] = True
    if problems:
        raise InputError(problems)
    return out


# --- cycles -----------------------------------------------------------------------------------------------------------


def _price(counts: FloatArray) -> FloatArray:
    """Price of hiding each cell: 1 and a little with its count, and more than all others together for a zero."""
    return np.where(counts > 0, 1 + counts / (counts.sum() + 1), 2.0 * counts.size + 2)


class _Network:
    """Prices of steps between rows and columns: from row to column one more in their cell, back one less."""

    def __init__(self, table: FloatArray, hidden: BoolArray) -> None:
        from scipy import sparse  # noqa: PLC0415 - slow to import

        self.rows, self.columns = table.shape
        self.can_drop = table > 1
        price = np.where(hidden, FREE, _price(table))
        steps = np.concatenate([price.ravel(), np.where(self.can_drop, price, np.inf).T.ravel()])
        row, column = np.arange(self.rows), self.rows + np.arange(self.columns)
        ends = np.concatenate([np.tile(column, self.rows), np.tile(row, self.columns)])
        starts = np.arange(0, table.size, self.columns), np.arange(table.size, 2 * table.size + 1, self.rows)
        self.graph = sparse.csr_array((steps, ends, np.concatenate(starts)), shape=(self.rows + self.columns,) * 2)

    def _steps(self, i: int, j: int) -> list[int]:
        """Positions of a cell's two steps among the prices."""
        return [i * self.columns + j, self.rows * self.columns + j * self.rows + i]

    def hide(self, i: int, j: int) -> None:
        """Let cycles through a cell go for free."""
        more, less = self._steps(i, j)
        self.graph.data[more] = FREE
        if self.can_drop[i, j]:
            self.graph.data[less] = FREE

    def cycle(self, i: int, j: int) -> tuple[float, list[tuple[int, int]]]:
        """Cheapest cycle through a cell, with its price and the other cells; infinite where there is none."""
        from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415 - slow to import

        there, own = self.rows + j, self._steps(i, j)
        kept = self.graph.data[own]
        self.graph.data[own] = np.inf
        distance, before = dijkstra(self.graph, indices=[there, i], return_predecessors=True)
        self.graph.data[own] = kept
        more, less = float(distance[0, i]), float(distance[1, there]) if self.can_drop[i, j] else np.inf
        if not np.isfinite(min(more, less)):
            return np.inf, []
        start, node, way = (there, i, before[0]) if more <= less else (i, there, before[1])
        cells = []
        while node != start:
            last = int(way[node])
            cells.append((min(node, last), max(node, last) - self.rows))
            node = last
        return min(more, less), cells


def _greedy(network: _Network, marked: BoolArray, unsafe: list[tuple[int, int]]) -> BoolArray:
    """Hide the cheapest cycle through one unsafe cell after the other."""
    hidden = marked.copy()
    problems = []
    for i, j in unsafe:
        price, cells = network.cycle(i, j)
        if not np.isfinite(price):
            what = "may not be shown, but the totals tell it"
            remedy = "Merge its row or column with another, or hide the totals."
            problems.append(Problem(f"counts[{i}, {j}]", what, remedy))
        for cell in cells:
            hidden[cell] = True
            network.hide(*cell)
    if problems:
        raise InputError(problems)
    return hidden


def _fewest(table: FloatArray, marked: BoolArray, unsafe: list[tuple[int, int]], fallback: BoolArray) -> BoolArray:
    """Find the cheapest cells to hide such that a cycle leads through each unsafe cell, by integer programming.

    Variables are whether each cell is hidden, then for each unsafe cell the change of every cell along its cycle and
    whether the unsafe cell itself gets one more (1) or less (0).
    """
    from scipy import sparse  # noqa: PLC0415 - slow to import
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - slow to import

    (rows, columns), size, n = table.shape, table.size, len(unsafe)
    drops = sparse.diags_array((table > 1).ravel().astype(np.float64))
    totals = sparse.vstack(
        [
            sparse.kron(sparse.eye_array(rows), np.ones((1, columns))),
            sparse.kron(np.ones((1, rows)), sparse.eye_array(columns)),
        ]
    )
    at = np.array([i * columns + j for i, j in unsafe])
    own = sparse.csr_array((np.ones(n), (np.arange(n), np.arange(n) * size + at)), shape=(n, n * size))
    each, change = sparse.eye_array(n), sparse.eye_array(n * size)
    for_each = np.ones((n, 1))
    blocks: Any = [
        [None, sparse.kron(each, totals), None],  # no total changes
        [sparse.kron(for_each, -sparse.eye_array(size)), change, None],  # what gets more is hidden
        [sparse.kron(for_each, -drops), -change, None],  # what gets less is hidden and above one
        [None, own, -2 * each],  # the unsafe cell changes by one
    ]
    sums, changes = n * (rows + columns), 2 * n * size
    high = np.concatenate([np.zeros(sums + changes), -np.ones(n)])
    low = np.concatenate([np.zeros(sums), np.full(changes, -np.inf), -np.ones(n)])
    only_more = table.ravel()[at] <= 1
    result = milp(
        np.concatenate([_price(table).ravel(), np.zeros(n * size + n)]),
        integrality=np.concatenate([np.ones(size), np.zeros(n * size), np.ones(n)]),
        bounds=Bounds(
            np.concatenate([marked.ravel().astype(np.float64), np.full(n * size, -1.0), only_more.astype(np.float64)]),
            1,
        ),
        constraints=LinearConstraint(sparse.block_array(blocks), low, high),
        options={"mip_rel_gap": 0, "node_limit": NODES},
    )
    if result.x is None:
        return fallback
    found, price = np.asarray(result.x[:size].reshape(table.shape) > 0.5), _price(table)
    return found if price[found].sum() < price[fallback].sum() else fallback
