"""Shapes as well-known binary: what files hold, written from columns without an object for each shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.arrays import IntArray
from geo.shapes import Shapes

_SIMPLE = ("Point", "LineString", "Polygon")
NAMES = dict(enumerate((*_SIMPLE, *(f"Multi{name}" for name in _SIMPLE), "GeometryCollection"), start=1))
WITH_HEIGHT = 1000


@dataclass(frozen=True, eq=False)
class Wkb:
    """Well-known binary of rows, little-endian, heights as ISO 13249 has them.

    Attributes
    ----------
    content
        Bytes of all rows, uint8.
    ends
        Row i is ``content[ends[i]:ends[i + 1]]``, int64, shape (rows + 1,); empty where a row has no geometry.
    types
        Type of each row, uint32, 1 to 7, 1000 more with heights; 0 without geometry.
    """

    content: NDArray[np.uint8]
    ends: IntArray
    types: NDArray[np.uint32]

    @classmethod
    def of(cls, shapes: Shapes, *, is_multi: bool = False) -> Wkb:
        """Write shapes.

        Parameters
        ----------
        shapes
            A row of one part is simple, one of several of a kind a multi-geometry, one of several kinds a collection.
            A part has heights if all of its points have.
        is_multi
            Write rows of one part as multi-geometries too.
        """
        from geo.wkb_kernels import sizes, types, write  # noqa: PLC0415 - slow to import

        high = shapes.is_high
        found = np.empty(len(shapes), np.uint32)
        types(shapes.rows, shapes.part_kinds, high, is_multi, found)
        if shapes.heights is not None and _is_uneven(shapes):
            return cls._by_shapely(shapes, is_multi=is_multi)
        ends = np.zeros(len(shapes) + 1, np.int64)
        layout = (shapes.rings, shapes.parts, shapes.rows, shapes.part_kinds, high)
        sizes(*layout, found, ends)
        content = np.empty(int(ends[-1]), np.uint8)
        coords = np.ascontiguousarray(shapes.coords, "<f8").view(np.uint8).reshape(-1, 16)
        heights = np.empty((0, 8), np.uint8)
        if shapes.heights is not None:
            heights = np.ascontiguousarray(shapes.heights, "<f8").view(np.uint8).reshape(-1, 8)
        write(coords, heights, *layout, found, ends, content)
        return cls(content, ends, found)

    @classmethod
    def _by_shapely(cls, shapes: Shapes, *, is_multi: bool) -> Wkb:
        """Write rows of which some have parts with and without heights, as GEOS does."""
        made = shapes.to_shapely()
        if is_multi:
            several: dict[int, Any] = {0: shapely.multipoints, 1: shapely.multilinestrings, 3: shapely.multipolygons}
            for i, one in enumerate(made):
                if one is not None and shapely.get_type_id(one) in several:
                    made[i] = several[int(shapely.get_type_id(one))]([one])
        said = [b"" if one is None else one for one in shapely.to_wkb(made, flavor="iso", byte_order=1)]
        content = np.frombuffer(b"".join(said), np.uint8)
        ends = np.cumsum([0, *map(len, said)]).astype(np.int64)
        found = np.array([int.from_bytes(one[1:5], "little") for one in said], np.uint32)
        return cls(content, ends, found)

    @property
    def names(self) -> set[str]:
        """Types by simple features, such as ``"MultiPolygon"`` and ``"Point Z"``."""
        some = np.unique(self.types[self.types > 0]).tolist()
        return {f"{NAMES[one % WITH_HEIGHT]}{' Z' if one > WITH_HEIGHT else ''}" for one in some}


def _is_uneven(shapes: Shapes) -> bool:
    row = np.repeat(np.arange(len(shapes)), np.diff(shapes.rows))
    return bool((np.diff(shapes.is_high.astype(np.int8))[row[1:] == row[:-1]] != 0).any())
