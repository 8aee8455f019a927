"""Geometry of any kind as columns: points, lines, polygons, collections of them, or none.

The layout is that of `geo.columns.Polygons` with the kind of each part beside it: a part is a run of rings, a ring one
of coordinates. A point is one ring of one coordinate, a line one ring that need not close.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import BoolArray, FloatArray, IntArray
from geo.columns import Polygons, transformer
from geo.errors import InputError, Problem

NONE, POINT, LINE, POLYGON = 0, 1, 2, 3
# type ids of shapely
_KIND_OF_TYPE = {0: POINT, 1: LINE, 2: LINE, 3: POLYGON}


@dataclass(frozen=True)
class Shapes:
    """Geometry of the rows of one layer.

    Attributes
    ----------
    coords
        x and y, shape (points, 2), in units of `crs`; always x (east, longitude) first.
    rings, parts, rows
        Offsets: ring i is ``coords[rings[i]:rings[i+1]]``, part j its rings ``parts[j]:parts[j+1]`` (of a polygon the
        outer ring first), row k its parts ``rows[k]:rows[k+1]``; a row without geometry has no parts.
    part_kinds
        `POINT`, `LINE` or `POLYGON` for each part, uint8.
    crs
        Reference system of the coordinates.
    heights
        Third coordinate of each point, NaN where a shape has none; None where no shape has any.
    """

    coords: NDArray[Any]
    rings: IntArray
    parts: IntArray
    rows: IntArray
    part_kinds: NDArray[np.uint8]
    crs: CRS
    heights: FloatArray | None = None

    @classmethod
    def from_shapely(cls, geometries: NDArray[np.object_], crs: CRS) -> Shapes:
        """Take geometries of any type, None and empty ones; nested collections are flattened."""
        parts, row = geometries, np.arange(len(geometries))
        while (shapely.get_type_id(parts) > 3).any():
            parts, back = shapely.get_parts(parts, return_index=True)
            row = row[back]
        real = ~(shapely.is_missing(parts) | shapely.is_empty(parts))
        parts, row = parts[real], row[real]
        types = shapely.get_type_id(parts)
        kinds = np.full(len(parts), POLYGON, np.uint8)
        for type_id, kind in _KIND_OF_TYPE.items():
            kinds[types == type_id] = kind
        area = np.flatnonzero(kinds == POLYGON)
        plain = np.flatnonzero(kinds != POLYGON)
        outlines, back = shapely.get_rings(parts[area], return_index=True)
        part = np.concatenate([plain, area[back]])
        order = np.argsort(part, kind="stable")
        pieces = np.concatenate([parts[plain], outlines])[order]
        high = bool(shapely.has_z(parts).any())
        coords, ring = shapely.get_coordinates(pieces, include_z=high, return_index=True)
        return cls(
            np.ascontiguousarray(coords[:, :2]),
            _offsets(ring, len(pieces)),
            _offsets(part[order], len(parts)),
            _offsets(row, len(geometries)),
            kinds,
            crs,
            np.ascontiguousarray(coords[:, 2]) if high else None,
        )

    @classmethod
    def of(cls, polygons: Polygons) -> Shapes:
        """Return polygons as shapes, sharing their arrays."""
        kinds = np.full(len(polygons.parts) - 1, POLYGON, np.uint8)
        return cls(polygons.coords, polygons.rings, polygons.parts, polygons.rows, kinds, polygons.crs)

    def __len__(self) -> int:
        return len(self.rows) - 1

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """Kind of each row, that of highest dimension in a collection; `NONE` for a row without geometry."""
        found = np.zeros(len(self), np.uint8)
        some = np.flatnonzero(np.diff(self.rows) > 0)
        if some.size:
            found[some] = np.maximum.reduceat(self.part_kinds, self.rows[some])
        return found

    @cached_property
    def bounds(self) -> FloatArray:
        """Bounding boxes, shape (rows, 4): west, south, east, north in units of the CRS; NaN without geometry."""
        boxes = np.full((len(self), 4), np.nan)
        some = np.flatnonzero(np.diff(self.rows) > 0)
        if some.size:
            # rows without geometry have no coordinates, so the runs of the others lie behind each other
            starts = self.rings[self.parts[self.rows[some]]]
            boxes[some, :2] = np.minimum.reduceat(self.coords, starts)
            boxes[some, 2:] = np.maximum.reduceat(self.coords, starts)
        return boxes

    def polygons(self) -> Polygons:
        """Return the same rows as polygons.

        Raises
        ------
        InputError
            A row is no polygon.
        """
        wrong = np.flatnonzero(self.kinds != POLYGON)
        if wrong.size or (self.part_kinds != POLYGON).any():
            what = f"row {wrong[0] if wrong.size else 0}"
            raise InputError(Problem(what, "is no polygon", "This works on areas only: keep polygons."))
        return Polygons(self.coords, self.rings, self.parts, self.rows, self.crs)

    def to_crs(self, crs: CRS) -> Shapes:
        """Return the same shapes with every coordinate projected; heights stay as they are."""
        if crs == self.crs:
            return self
        known = self._projected.get(crs.to_string())
        if known is not None:
            return known
        x, y = transformer(self.crs.srs, crs.srs).transform(self.coords[:, 0], self.coords[:, 1])
        made = replace(self, coords=np.column_stack([x, y]), crs=crs)
        self._projected[crs.to_string()] = made
        return made

    @cached_property
    def _projected(self) -> dict[str, Shapes]:
        # layers of one place share their shapes: each reference system is computed once for all of them
        return {}

    def take(self, index: IntArray) -> Shapes:
        """Return the rows at the positions `index`, in that order."""
        part, rows = runs(self.rows, index)
        ring, parts = runs(self.parts, part)
        point, rings = runs(self.rings, ring)
        heights = None if self.heights is None else self.heights[point]
        return Shapes(self.coords[point], rings, parts, rows, self.part_kinds[part], self.crs, heights)

    def to_shapely(self) -> NDArray[np.object_]:
        """Build shapely objects: simple ones where a row has one part, None where it has none."""
        parts = np.empty(len(self.parts) - 1, dtype=object)
        high = self.is_high
        for kind in (POINT, LINE, POLYGON):
            for with_heights in (False, True):
                chosen = np.flatnonzero((self.part_kinds == kind) & (high == with_heights))
                if chosen.size:
                    parts[chosen] = self._made(kind, chosen, with_heights=with_heights)
        count = np.diff(self.rows)
        out = np.full(len(self), None, dtype=object)
        one = np.flatnonzero(count == 1)
        out[one] = parts[self.rows[one]]
        for row in np.flatnonzero(count > 1):
            inside = slice(self.rows[row], self.rows[row + 1])
            out[row] = _joined(parts[inside], self.part_kinds[inside])
        return out

    @cached_property
    def is_high(self) -> BoolArray:
        """Which parts have a height at each of their points."""
        if self.heights is None or len(self.coords) == 0:
            return np.zeros(len(self.parts) - 1, dtype=np.bool_)
        return np.asarray(np.logical_and.reduceat(np.isfinite(self.heights), self.rings[self.parts[:-1]]))

    def _made(self, kind: int, chosen: IntArray, *, with_heights: bool) -> NDArray[np.object_]:
        """Build the parts of one kind."""
        ring, parts = runs(self.parts, chosen)
        point, rings = runs(self.rings, ring)
        xyz = self.coords[point]
        if with_heights and self.heights is not None:
            xyz = np.column_stack([xyz, self.heights[point]])
        if kind == POINT:
            return np.asarray(shapely.points(xyz[rings[:-1]]))
        if kind == LINE:
            return np.asarray(shapely.linestrings(xyz, indices=np.repeat(np.arange(len(chosen)), np.diff(rings))))
        return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, xyz, (rings, parts)))


def runs(offsets: IntArray, index: IntArray) -> tuple[IntArray, IntArray]:
    """Positions inside the runs of `index`, and the offsets of the runs once they stand behind each other."""
    starts, lengths = offsets[index], offsets[index + 1] - offsets[index]
    new = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(starts - new[:-1], lengths) + np.arange(new[-1]), new


def _offsets(group: IntArray, count: int) -> IntArray:
    """Offsets of `count` runs from the run that each member belongs to; members stand in order."""
    return np.concatenate([[0], np.cumsum(np.bincount(group, minlength=count))]).astype(np.int64)


def _joined(parts: NDArray[np.object_], kinds: NDArray[np.uint8]) -> shapely.Geometry:
    """Put several parts of a row together."""
    several: dict[int, Any] = {
        POINT: shapely.multipoints,
        LINE: shapely.multilinestrings,
        POLYGON: shapely.multipolygons,
    }
    same = bool((kinds == kinds[0]).all())
    join: Any = several[int(kinds[0])] if same else shapely.geometrycollections
    made: shapely.Geometry = join(parts)
    return made
