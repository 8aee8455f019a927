"""Shapes as they are served: whole numbers for GeoJSON and tiles, a tree of their boxes; mapped from files if large."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import IntArray
from geo.box_tree import BoxTree
from geo.shapes import POLYGON, Shapes
from layers.once import Once

WGS84 = CRS.from_epsg(4326)
MERCATOR = CRS.from_epsg(3857)
# GeoJSON in degrees has seven decimals, about a centimetre
DEGREE = 1e-7
HALF_WORLD_M = float(np.pi * 6378137)
# whole numbers of a world tile, enough for 4096 steps at zoom 20
WORLD = 1 << 32
# rows whose outlines are made in one piece of memory
AT_ONCE = 1 << 16
# zooms whose outlines are written with a large layer: of those that show single footprints, all that are made
DETAILED = range(13, 17)
_FILES = ("coords", "rings", "parts", "rows", "part_kinds", "lonlat", "world", "order", "boxes", "levels")
_CORNERS = "corners"


@dataclass(frozen=True)
class Outlines:
    """Outlines as commands of a vector tile, without their first corner: that alone depends on the tile.

    Attributes
    ----------
    corners
        First corner of each row in the world, uint32, shape (rows, 2).
    ends
        Where each row's commands end, uint32, shape (rows + 1,). Those of rows that need a closer look are empty.
    content
        Encoded commands of all rows.
    """

    corners: NDArray[np.uint32]
    ends: NDArray[np.uint32]
    content: NDArray[np.uint8]

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest."""
        return int(np.diff(self.ends).max(initial=0))

    @classmethod
    def of(cls, shapes: Shapes, world: NDArray[np.uint32], corners: NDArray[np.uint32], zoom: int) -> Outlines:
        """Round the outlines of all rows; a quarter of a second for 1.6 million footprints."""
        from geo.tile_kernels import outlines, room  # noqa: PLC0415 - slow to import

        offsets = (shapes.rings, shapes.parts, shapes.rows)
        ends, pieces = [np.zeros(1, np.int64)], []
        for begin in range(0, len(shapes), AT_ONCE):
            end = min(begin + AT_ONCE, len(shapes))
            content, found = np.empty(room(begin, end, *offsets), np.uint8), np.zeros(end - begin + 1, np.int64)
            used = outlines(begin, world, offsets, shapes.part_kinds, 20 - zoom, content, found)
            pieces.append(content[:used].copy())
            ends.append(found[1:] + ends[-1][-1])
        every = np.concatenate(ends)
        if every[-1] >= WORLD:
            return cls.none()
        content = np.concatenate([np.empty(0, np.uint8), *pieces])
        return cls(corners, still(every.astype(np.uint32)), still(content))

    @classmethod
    def none(cls) -> Outlines:
        """Outlines of no row: all are looked at."""
        return cls(still(np.empty((0, 2), np.uint32)), still(np.empty(0, np.uint32)), still(np.empty(0, np.uint8)))


class Drawn:
    """Shapes of a layer and their coordinates in the systems that are served, each computed when first needed.

    Parameters
    ----------
    shapes
        In the layer's own CRS.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._given = shapes
        self._outlines: Once[int, Outlines] = Once()

    def save(self, folder: Path, *, outlined: bool) -> None:
        """Write all columns as files that `load` maps, outlines too if wanted; the CRS is the caller's to keep."""
        shapes, tree = self.shapes, self.tree
        arrays: list[NDArray[Any]] = [shapes.coords, shapes.rings, shapes.parts, shapes.rows, shapes.part_kinds]
        arrays += [self.lonlat, self.world, tree.order, tree.boxes, tree.levels]
        for name, array in zip(_FILES, arrays, strict=True):
            np.save(folder / f"{name}.npy", array)
        if shapes.heights is not None:
            np.save(folder / "heights.npy", shapes.heights)
        if outlined:
            np.save(folder / f"{_CORNERS}.npy", self._corners)
            for zoom in DETAILED:
                found = self.outlines(zoom)
                np.save(folder / f"outlines{zoom}.npy", found.content)
                np.save(folder / f"outline_ends{zoom}.npy", found.ends)

    @classmethod
    def load(cls, folder: Path, crs: CRS) -> Drawn:
        """Map the files of `save`: several processes share their memory."""

        # plain arrays on the mapped memory: compiled functions take them much faster than numpy's own kind
        def mapped(name: str) -> NDArray[Any]:
            return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))

        coords, rings, parts, rows, kinds, lonlat, world, order, boxes, levels = map(mapped, _FILES)
        high = mapped("heights") if (folder / "heights.npy").exists() else None
        made = cls(Shapes(coords, rings, parts, rows, kinds, crs, high))
        made.__dict__ |= {
            "shapes": made._given,
            "lonlat": lonlat,
            "world": world,
            "tree": BoxTree(order, boxes, levels),
        }
        if (folder / f"{_CORNERS}.npy").exists():
            made.__dict__["_corners"] = mapped(_CORNERS)
            for zoom in DETAILED:
                ends, content = mapped(f"outline_ends{zoom}"), mapped(f"outlines{zoom}")
                made._outlines.made(zoom, partial(Outlines, made._corners, ends, content))
        return made

    def __len__(self) -> int:
        return len(self._given)

    @property
    def crs(self) -> CRS:
        """The layer's own reference system."""
        return self._given.crs

    @cached_property
    def shapes(self) -> Shapes:
        """Shapes whose outer rings run counterclockwise, holes clockwise (RFC 7946)."""
        found = _oriented(self._given)
        rings, parts, rows = still(found.rings), still(found.parts), still(found.rows)
        return Shapes(still(found.coords), rings, parts, rows, still(found.part_kinds), found.crs, found.heights)

    @cached_property
    def lonlat(self) -> NDArray[np.int32]:
        """Longitude and latitude of each point in 1e-7 degrees, shape (points, 2)."""
        return still(np.rint(self.shapes.to_crs(WGS84).coords / DEGREE).astype(np.int32))

    @cached_property
    def world(self) -> NDArray[np.uint32]:
        """Points in web Mercator, from the north-west corner of the world to 2^32; what lies beyond is on its edge."""
        return still(_world(self.lonlat))

    def outlines(self, zoom: int) -> Outlines:
        """Outlines of a zoom of web Mercator as its tiles have them: rounded to their units, hence alike in all."""
        return self._outlines.made(zoom, lambda: Outlines.of(self.shapes, self.world, self._corners, zoom))

    @cached_property
    def _corners(self) -> NDArray[np.uint32]:
        """First point of each row in the world; some point of those that have none."""
        shapes = self.shapes
        if len(self.world) == 0:
            return still(np.zeros((len(shapes), 2), np.uint32))
        first = shapes.rings[shapes.parts[shapes.rows[:-1]]]
        return still(self.world[np.minimum(first, len(self.world) - 1)])

    @cached_property
    def tree(self) -> BoxTree:
        """Boxes of the rows in degrees."""
        own = self.shapes
        whole = Shapes(self.lonlat, own.rings, own.parts, own.rows, own.part_kinds, WGS84)
        tree = BoxTree.of(whole.bounds * DEGREE)
        return BoxTree(still(tree.order), still(tree.boxes), still(tree.levels))

    @cached_property
    def extent(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees; None where no row has geometry."""
        if len(self.tree.order) == 0:
            return None
        west, south, east, north = self.tree.boxes[-1].tolist()
        return west, south, east, north

    @cached_property
    def bare(self) -> IntArray:
        """Rows without geometry."""
        return np.flatnonzero(np.diff(self.shapes.rows) == 0)

    @cached_property
    def heights_mm(self) -> NDArray[np.int64]:
        """Heights in millimetres; nothing where no shape has any."""
        from geo.geojson_kernels import NO_HEIGHT  # noqa: PLC0415 - slow to import

        high = self.shapes.heights
        if high is None:
            return np.empty(0, np.int64)
        return np.where(np.isfinite(high), np.rint(np.nan_to_num(high) * 1e3), NO_HEIGHT).astype(np.int64)


def still(array: NDArray[Any]) -> NDArray[Any]:
    """View that nobody writes to, as of mapped files: kernels are compiled for one kind of array, not for two."""
    view = array.view()
    view.flags.writeable = False
    return view


def _world(lonlat: NDArray[np.int32]) -> NDArray[np.uint32]:
    lon, lat = lonlat[:, 0] * DEGREE, np.radians(lonlat[:, 1] * DEGREE)
    y = 0.5 - np.arctanh(np.sin(np.clip(lat, -1.5, 1.5))) / (2 * np.pi)
    out = np.empty(lonlat.shape, np.uint32)
    for axis, share in enumerate((lon / 360 + 0.5, y)):
        out[:, axis] = np.clip(np.rint(share * WORLD), 0, WORLD - 1)
    return out


def _oriented(shapes: Shapes) -> Shapes:
    """Turn rings that run the wrong way."""
    if not (shapes.part_kinds == POLYGON).any():
        return shapes
    ring = np.repeat(np.arange(len(shapes.rings) - 1), np.diff(shapes.rings))
    local = shapes.coords - shapes.coords[shapes.rings[:-1]][ring]
    cross = np.zeros(len(local))
    cross[:-1] = local[:-1, 0] * local[1:, 1] - local[1:, 0] * local[:-1, 1]
    cross[shapes.rings[1:] - 1] = 0.0
    counterclockwise = np.add.reduceat(cross, shapes.rings[:-1]) > 0
    outer = np.zeros(len(shapes.rings) - 1, dtype=np.bool_)
    outer[shapes.parts[:-1]] = True
    of_polygon = np.repeat(shapes.part_kinds == POLYGON, np.diff(shapes.parts))
    wrong = of_polygon & (counterclockwise != outer)
    if not wrong.any():
        return shapes
    position = np.arange(len(shapes.coords))
    turned = wrong[ring]
    mirror = shapes.rings[:-1][ring] + shapes.rings[1:][ring] - 1 - position
    order = np.where(turned, mirror, position)
    heights = None if shapes.heights is None else shapes.heights[order]
    return Shapes(shapes.coords[order], shapes.rings, shapes.parts, shapes.rows, shapes.part_kinds, shapes.crs, heights)
