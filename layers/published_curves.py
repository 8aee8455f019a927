"""Shapes from well-known binary (ISO) whose kinds GEOS does not know: arcs become short lines, surfaces their areas."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from geo.arrays import FloatArray

# as GDAL draws arcs when it is not asked otherwise
STEP = math.radians(4)
POINT, LINE, AREA, POINTS, LINES, AREAS, COLLECTION = range(1, 8)
ARCS, COMPOUND, CURVED_AREA, CURVES, CURVED_AREAS = range(8, 13)
SURFACE, TIN, TRIANGLE = 15, 16, 17
# what the members of these are joined to
_JOINED: dict[int, Callable[[list[Any]], shapely.Geometry]] = {
    POINTS: shapely.MultiPoint,
    **dict.fromkeys((LINES, CURVES), shapely.MultiLineString),
    **dict.fromkeys((AREAS, CURVED_AREAS, SURFACE, TIN), shapely.MultiPolygon),
    COLLECTION: shapely.GeometryCollection,
}


def shape(wkb: bytes) -> shapely.Geometry:
    """Read one shape of any kind; measures (M) are left out.

    Raises
    ------
    ValueError
        It breaks off, nests too deep, or is of a kind that nobody knows.
    """
    try:
        return _Reader(wkb).shape()
    except (struct.error, IndexError, RecursionError) as error:
        message = "breaks off"
        raise ValueError(message) from error


@dataclass
class _Reader:
    """Reads one shape after the other."""

    wkb: bytes
    at: int = 0
    order: str = "<"
    axes: int = 2
    # axes that are kept: all but the measure
    kept: int = 2

    def shape(self) -> shapely.Geometry:
        """Read a shape with everything in it."""
        kind = self._kind()
        if kind in _JOINED:
            return _JOINED[kind]([self.shape() for _ in range(self._count())])
        if kind == POINT:
            xy = self._points(1)[0]
            return shapely.Point() if np.isnan(xy[:2]).all() else shapely.Point(xy)
        if kind in {AREA, TRIANGLE}:
            return _area([self._points(self._count()) for _ in range(self._count())])
        if kind == CURVED_AREA:
            return _area([self._line(self._kind()) for _ in range(self._count())])
        return shapely.LineString(self._line(kind))

    def _line(self, kind: int) -> FloatArray:
        """Read the points of a line, those of arcs close to each other."""
        if kind == LINE:
            return self._points(self._count())
        if kind == ARCS:
            return _along(self._points(self._count()))
        if kind != COMPOUND:
            message = f"is of kind {kind}, which nobody knows"
            raise ValueError(message)
        pieces = [self._line(self._kind()) for _ in range(self._count())]
        # each piece begins where the last one ended
        return np.concatenate([*pieces[:1], *(piece[1:] for piece in pieces[1:])]) if pieces else np.empty((0, 2))

    def _kind(self) -> int:
        self.order = "<" if self.wkb[self.at] else ">"
        (code,) = struct.unpack_from(f"{self.order}I", self.wkb, self.at + 1)
        self.at += 5
        higher, kind = divmod(code, 1000)
        self.axes = {0: 2, 3: 4}.get(higher, 3)
        self.kept = 3 if higher in {1, 3} else 2
        return int(kind)

    def _count(self) -> int:
        (count,) = struct.unpack_from(f"{self.order}I", self.wkb, self.at)
        self.at += 4
        if count > len(self.wkb):
            raise struct.error
        return int(count)

    def _points(self, count: int) -> FloatArray:
        if self.at + 8 * count * self.axes > len(self.wkb):
            raise struct.error
        flat = np.frombuffer(self.wkb, f"{self.order}f8", count * self.axes, self.at)
        self.at += 8 * flat.size
        return np.asarray(flat.reshape(count, self.axes)[:, : self.kept], dtype=np.float64)


def _area(rings: list[FloatArray]) -> shapely.Polygon:
    return shapely.Polygon(rings[0], rings[1:]) if rings and len(rings[0]) else shapely.Polygon()


def _along(points: FloatArray) -> FloatArray:
    """Points along arcs that are given by start, one point between and end, each start the end before."""
    pieces = [points[:1]]
    for start in range(0, len(points) - 2, 2):
        pieces += _arc(*points[start : start + 3])
    return np.concatenate(pieces)


def _arc(start: FloatArray, between: FloatArray, end: FloatArray) -> list[FloatArray]:
    """Points behind the start of an arc, through the one between, to the end."""
    centre = _centre(start[:2], between[:2], end[:2])
    if centre is None:
        return [between[None], end[None]]
    first, middle, last = (math.atan2(*(point[:2] - centre)[::-1]) for point in (start, between, end))
    turn = 2 * math.pi
    counterclockwise = (middle - first) % turn <= (last - first) % turn or np.array_equal(start[:2], end[:2])
    found = []
    for a, b, angle in ((start, between, middle - first), (between, end, last - middle)):
        sweep = angle % turn if counterclockwise else -(-angle % turn)
        share = np.linspace(0, 1, max(math.ceil(abs(sweep) / STEP), 1) + 1)[1:, None]
        piece = a + share * (b - a)
        at = math.atan2(*(a[:2] - centre)[::-1]) + share[:-1, 0] * sweep
        radius = math.dist(start[:2], centre)
        # the last point is the one that was given, to the last digit
        piece[:-1, :2] = centre + radius * np.column_stack([np.cos(at), np.sin(at)])
        piece[-1] = b
        found.append(piece)
    return found


def _centre(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray | None:
    """Centre of the circle through three points; None where they lie on a line. Start and end alike: a full circle."""
    if np.array_equal(a, c):
        return None if np.array_equal(a, b) else np.asarray((a + b) / 2)
    (x1, y1), (x2, y2) = (b - a), (c - a)
    twice = 2 * (x1 * y2 - y1 * x2)
    if abs(twice) <= 1e-12 * (x1 * x1 + y1 * y1 + x2 * x2 + y2 * y2):
        return None
    first, last = x1 * x1 + y1 * y1, x2 * x2 + y2 * y2
    return np.asarray(a + np.array([y2 * first - y1 * last, x1 * last - x2 * first]) / twice)
