"""Polygons as columns: coordinates once, offsets beside them, no object for each geometry.

The layout is GeoArrow's: rings are runs of coordinates, parts runs of rings, rows runs of parts. The same arrays go
from the file to the kernels and the tile encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import shapely
from pyproj import CRS, Transformer

from geo.arrays import FloatArray, IntArray
from geo.errors import InputError, Problem


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Transformer:
    """Projection between two reference systems, x first; to look one up takes PROJ five milliseconds."""
    return Transformer.from_crs(source, target, always_xy=True)


@dataclass(frozen=True)
class Polygons:
    """Multipolygons of one layer.

    Attributes
    ----------
    coords
        x and y, shape (points, 2), in units of `crs`; always x (east, longitude) first.
    rings, parts, rows
        Offsets: ring i is ``coords[rings[i]:rings[i+1]]``, part j its rings ``parts[j]:parts[j+1]`` (outer ring
        first), row k its parts ``rows[k]:rows[k+1]``.
    crs
        Reference system of the coordinates.
    """

    coords: FloatArray
    rings: IntArray
    parts: IntArray
    rows: IntArray
    crs: CRS

    @classmethod
    def from_shapely(cls, geometries: np.ndarray, crs: CRS) -> Polygons:
        """Take polygons and multipolygons; anything else, missing or empty is refused with its row."""
        kinds = shapely.get_type_id(geometries)
        wrong = np.flatnonzero(~np.isin(kinds, (3, 6)) | shapely.is_empty(geometries))
        if wrong.size:
            raise InputError(
                Problem(
                    f"row {wrong[0]}", f"{wrong.size} geometry(ies) are no polygons", "Keep polygons with area only."
                )
            )
        # one multipolygon at the end makes shapely choose the multi layout even if all rows are simple
        probe = np.array([shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])], dtype=object)
        both = np.concatenate([geometries, probe])
        _, coords, (rings, parts, rows) = shapely.to_ragged_array(both, include_z=False)
        rows, parts, rings = rows[:-1], parts[: rows[-2] + 1], rings[: parts[rows[-2]] + 1]
        # GEOS allows multipolygons with empty parts; a part without a ring has no place in the columns
        real = np.diff(parts) > 0
        rows = np.concatenate([[0], np.cumsum(real)])[rows]
        parts = parts[np.concatenate([[True], real])]
        return cls(
            np.ascontiguousarray(coords[: rings[-1]]),
            rings.astype(np.int64),
            parts.astype(np.int64),
            rows.astype(np.int64),
            crs,
        )

    def __len__(self) -> int:
        return len(self.rows) - 1

    @cached_property
    def bounds(self) -> FloatArray:
        """Bounding boxes, shape (rows, 4): west, south, east, north in units of the CRS."""
        if len(self) == 0:
            return np.zeros((0, 4))
        starts = self.rings[self.parts[self.rows[:-1]]]
        low = np.minimum.reduceat(self.coords, starts)
        high = np.maximum.reduceat(self.coords, starts)
        return np.hstack([low, high])

    def areas(self) -> FloatArray:
        """Area of each row in squared units of the CRS, holes taken off."""
        if len(self) == 0:
            return np.zeros(0)
        # shoelace about each ring's first point: coordinates of millions of metres would lose digits
        ring = np.repeat(np.arange(len(self.rings) - 1), np.diff(self.rings))
        local = self.coords - self.coords[self.rings[:-1]][ring]
        cross = local[:-1, 0] * local[1:, 1] - local[1:, 0] * local[:-1, 1]
        cross = np.append(np.where(ring[:-1] == ring[1:], cross, 0.0), 0.0)
        area = np.abs(np.add.reduceat(cross, self.rings[:-1])) / 2
        # the first ring of a part is its outline, all others are holes
        area[np.setdiff1d(np.arange(len(area)), self.parts[:-1])] *= -1
        return np.asarray(np.add.reduceat(area, self.parts[self.rows[:-1]]), dtype=np.float64)

    def to_crs(self, crs: CRS) -> Polygons:
        """Return the same polygons with every coordinate projected."""
        if crs == self.crs:
            return self
        known = self._projected.get(crs.to_string())
        if known is not None:
            return known
        x, y = transformer(self.crs.srs, crs.srs).transform(self.coords[:, 0], self.coords[:, 1])
        made = Polygons(np.column_stack([x, y]), self.rings, self.parts, self.rows, crs)
        self._projected[crs.to_string()] = made
        return made

    @cached_property
    def _projected(self) -> dict[str, Polygons]:
        # layers of one place share their polygons: each reference system is computed once for all of them
        return {}

    def take(self, index: IntArray) -> Polygons:
        """Return the rows at the positions `index`, in that order."""
        part, rows = _runs(self.rows, index)
        ring, parts = _runs(self.parts, part)
        point, rings = _runs(self.rings, ring)
        return Polygons(self.coords[point], rings, parts, rows, self.crs)

    def to_shapely(self) -> np.ndarray:
        """Build shapely objects: polygons where a row has one part, multipolygons elsewhere."""
        multi = shapely.from_ragged_array(
            shapely.GeometryType.MULTIPOLYGON, self.coords, (self.rings, self.parts, self.rows)
        )
        single = np.diff(self.rows) == 1
        multi[single] = shapely.get_geometry(multi[single], 0)
        return np.asarray(multi)


def concatenate(pieces: list[Polygons]) -> Polygons:
    """Put layers of one CRS behind each other."""
    if any(piece.crs != pieces[0].crs for piece in pieces):
        raise InputError(Problem("pieces", "differ in CRS", "Reproject them first."))

    def join(name: str) -> IntArray:
        offsets = [getattr(piece, name) for piece in pieces]
        shift = np.cumsum([0, *(o[-1] for o in offsets[:-1])])
        return np.concatenate([[0], *(o[1:] + s for o, s in zip(offsets, shift, strict=True))]).astype(np.int64)

    coords = np.concatenate([piece.coords for piece in pieces])
    return Polygons(coords, join("rings"), join("parts"), join("rows"), pieces[0].crs)


def _runs(offsets: IntArray, index: IntArray) -> tuple[IntArray, IntArray]:
    """Positions inside the runs of `index`, and the offsets of the runs once they stand behind each other."""
    starts, lengths = offsets[index], offsets[index + 1] - offsets[index]
    new = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(starts - new[:-1], lengths) + np.arange(new[-1]), new
