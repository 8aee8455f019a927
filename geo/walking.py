"""Distances on foot: along a network of ways, from where people live to the gates of greens.

A walk has three parts: straight to the nearest point on the network, along it, and straight to the goal. Between parts
of the network that do not hang together there is no distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from geo.access import Reach, coordinates, reaches, runs
from geo.arrays import BoolArray, FloatArray, IntArray, finite
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError, Problem
from geo.nearest import LINES, TIE_M, Nearest

FALLBACK_STEP_M = 50.0
# coordinates are rounded to this: what was shared before reprojecting or clipping still is
NODE_M = 1e-3


@dataclass(frozen=True)
class Gates:
    """Where people enter greens.

    Attributes
    ----------
    x_m, y_m
        Coordinates in metres.
    green
        Position of the green that each leads into.
    on_way
        False where no way meets the green's outline: such gates stand every 50 m along it, as if there were no fence.
    """

    x_m: FloatArray
    y_m: FloatArray
    green: IntArray
    on_way: BoolArray


@dataclass(frozen=True)
class _Places:
    """Where points stand on the network, by edge: their position, metres from the first end, metres to get there."""

    point: IntArray
    edge: IntArray
    along_m: FloatArray
    snap_m: FloatArray


class WalkingNetwork:
    """Ways that one can walk along, made once and asked often.

    Ways join where they share a vertex (to a millimetre), as those of OpenStreetMap do. Lines that merely cross do not:
    one of them is a bridge.

    Parameters
    ----------
    lines
        Shapely lines or multilines, in metres; all can be walked both ways.
    crs
        Their CRS, projected.

    Raises
    ------
    CRSMismatchError
        The lines are in degrees.
    InputError
        No line with a length, something that is no line, or coordinates that are not finite.
    """

    def __init__(self, lines: NDArray[np.object_], crs: CRS) -> None:
        wrong = np.flatnonzero(~np.isin(shapely.get_type_id(lines), LINES))
        if wrong.size:
            what = f"{wrong.size} geometry(ies) are no lines"
            raise InputError(Problem(f"row {wrong[0]}", what, "Keep lines only."))
        self.crs, self._lines = crs, shapely.get_parts(lines)
        coords, line = shapely.get_coordinates(self._lines, return_index=True)
        x, y = np.round(finite("coordinates of lines", coords) / NODE_M).T
        _, vertex = np.unique(x + 1j * y, return_inverse=True)
        start = np.flatnonzero((line[1:] == line[:-1]) & (vertex[1:] != vertex[:-1]))
        self._from, self._by = coords[start], coords[start + 1] - coords[start]
        segments = shapely.linestrings(np.stack([coords[start], coords[start + 1]], axis=1))
        self._index = Nearest.of_lines(np.asarray(segments), crs)
        self._connect(line[start], vertex[start], vertex[start + 1])

    def _connect(self, line: IntArray, a: IntArray, b: IntArray) -> None:
        """Cut the lines into edges at their ends and where they meet; segments run from vertex `a` to `b`."""
        first = np.concatenate([[True], line[1:] != line[:-1]])
        last = np.append(first[1:], [True])
        node = np.bincount(np.concatenate([a, b])) > 2
        node[a[first]] = node[b[last]] = True
        begins = np.flatnonzero(first | node[a])
        self._edge = np.cumsum(first | node[a]) - 1
        length_m = np.hypot(self._by[:, 0], self._by[:, 1])
        walked = np.concatenate([[0.0], np.cumsum(length_m)])
        self._along_m = walked[:-1] - walked[begins][self._edge]
        self._length_m = np.bincount(self._edge, length_m)
        number = np.cumsum(node) - 1
        self._ends = number[np.column_stack([a[begins], b[np.append(begins[1:], len(b)) - 1]])]
        self._incident = np.argsort(self._ends.ravel(), kind="stable") // 2
        self._first = np.searchsorted(np.sort(self._ends.ravel()), np.arange(number[-1] + 2))

    def distance(
        self,
        x_m: ArrayLike,
        y_m: ArrayLike,
        gate_x_m: ArrayLike,
        gate_y_m: ArrayLike,
        *,
        max_m: float | None = None,
    ) -> FloatArray:
        """Walking distance from each point to the nearest gate.

        Parameters
        ----------
        x_m, y_m, gate_x_m, gate_y_m
            Coordinates in the network's CRS; NaN is refused.
        max_m
            What is farther away is not looked for.

        Returns
        -------
        FloatArray
            Metres; NaN beyond `max_m`, and where no way leads to a gate.
        """
        x, y = coordinates(x_m, y_m)
        gate_x, gate_y = coordinates(gate_x_m, gate_y_m, "gate_")
        limit_m = np.array([np.inf if max_m is None else finite("max_m", max_m, minimum=0)])
        _, point, walked_m = self._walk((x, y), (gate_x, gate_y), np.zeros(gate_x.size, np.int64), limit_m)
        distance_m = np.full(x.size, np.nan)
        distance_m[point] = walked_m
        return distance_m

    def reach(self, x_m: ArrayLike, y_m: ArrayLike, gates: Gates, d0_m: ArrayLike) -> Reach:
        """Find the greens that each point reaches on foot, by their nearest gate.

        Parameters
        ----------
        x_m, y_m
            Demand points in the network's CRS; NaN is refused.
        gates
            Gates of the greens. A green without any is reached by nobody.
        d0_m
            Reach of each green, shape (greens,); above 0.
        """
        x, y = coordinates(x_m, y_m)
        gate_x, gate_y = coordinates(gates.x_m, gates.y_m, "gates.")
        d0 = reaches(d0_m, np.size(d0_m))
        green = np.asarray(gates.green)
        if green.shape != gate_x.shape or ((green < 0) | (green >= d0.size)).any():
            what = f"do not lead into the {d0.size} greens of d0_m"
            raise InputError(Problem("gates.green", what, "Give each gate the position of its green."))
        green, point, walked_m = self._walk((x, y), (gate_x, gate_y), green, d0)
        return Reach.of_pairs(point, green, walked_m, x.size, d0)

    def gates(self, greens: Polygons) -> Gates:
        """Find where ways cross or touch the outlines of greens; every 50 m along the outlines that none meets.

        Parameters
        ----------
        greens
            Valid polygons in the network's CRS. A street beside a green that does not touch it gives no gate, so
            distances are rather too long than too short.

        Raises
        ------
        CRSMismatchError
            Another CRS than the network's.
        """
        if greens.crs != self.crs:
            what = "are in another CRS than the network"
            raise CRSMismatchError(Problem("greens", what, "Reproject them with to_crs."))
        outlines = shapely.boundary(greens.to_shapely())
        green, line = shapely.STRtree(self._lines).query(outlines, predicate="intersects")
        shared = shapely.intersection(outlines[green], self._lines[line])
        # a way on the outline lets people in all along
        crossing, pair = shapely.get_coordinates(shapely.segmentize(shared, FALLBACK_STEP_M), return_index=True)
        met = np.unique(np.column_stack([green[pair], crossing]), axis=0)
        closed = np.setdiff1d(np.arange(len(greens)), met[:, 0].astype(np.int64))
        rings, ring = shapely.get_parts(outlines[closed], return_index=True)
        count = np.ceil(shapely.length(rings) / FALLBACK_STEP_M).astype(np.int64)
        step = runs(np.zeros_like(count), count)
        along = shapely.line_interpolate_point(np.repeat(rings, count), step / np.repeat(count, count), normalized=True)
        x, y = np.concatenate([met[:, 1:], shapely.get_coordinates(along)]).T
        position = np.concatenate([met[:, 0].astype(np.int64), np.repeat(closed[ring], count)])
        return Gates(x, y, position, np.arange(x.size) < len(met))

    def _place(self, x: FloatArray, y: FloatArray, max_m: float) -> _Places:
        """Find the nearest place on the network, for points that have one."""
        segment, snap_m = self._index.distance(x, y, max_m=max_m if np.isfinite(max_m) else None)
        edge = np.where(segment < 0, -1, self._edge[segment])
        point = np.argsort(edge, kind="stable")[np.count_nonzero(segment < 0) :]
        s = segment[point]
        away, by = np.column_stack([x, y])[point] - self._from[s], self._by[s]
        length_m = np.hypot(by[:, 0], by[:, 1])
        along_m = np.clip((away * by).sum(axis=1) / length_m, 0, length_m)
        return _Places(point, edge[point], self._along_m[s] + along_m, snap_m[point])

    def _walk(
        self,
        people: tuple[FloatArray, FloatArray],
        gates: tuple[FloatArray, FloatArray],
        green: IntArray,
        d0: FloatArray,
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Return green, point and distance of each pair within `d0`, by green."""
        from geo.walking_kernels import walk  # noqa: PLC0415 - slow to import

        farthest = float(d0.max(initial=0.0)) + TIE_M
        homes, entered = self._place(*people, farthest), self._place(*gates, farthest)
        order = np.argsort(green[entered.point], kind="stable")
        found = walk(
            self._first,
            self._incident,
            self._ends,
            self._length_m,
            np.searchsorted(green[entered.point][order], np.arange(d0.size + 1)),
            entered.edge[order],
            entered.along_m[order],
            entered.snap_m[order],
            d0 + TIE_M,
            np.searchsorted(homes.edge, np.arange(len(self._length_m) + 1)),
            homes.along_m,
            homes.snap_m,
        )
        return found[0], homes.point[found[1]], found[2]
