"""Which shapes meet a rectangle, and how the boxes of many shapes lie to one polygon."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.arrays import BoolArray, FloatArray, IntArray
from geo.box_tree import BoxTree
from geo.shapes import Shapes


def meeting(
    shapes: Shapes, index: IntArray, box: tuple[float, float, float, float], *, coords: NDArray[np.generic], unit: float
) -> BoolArray:
    """Whether each row at `index` meets a rectangle, edges included.

    Parameters
    ----------
    shapes
        Rings, parts and rows.
    index
        Rows to test; a row without geometry meets nothing.
    box
        West, south, east, north.
    coords, unit
        Coordinates of the shapes in any numbers, and how long one of them is in the units of `box`.
    """
    from geo.meeting_kernels import meets  # noqa: PLC0415 - slow to import

    where = np.asarray(box, dtype=np.float64)
    return np.asarray(meets(coords, shapes.rings, shapes.parts, shapes.rows, shapes.part_kinds, index, unit, where))


def sides(
    tree: BoxTree, polygon: shapely.Polygon | shapely.MultiPolygon
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sort the rows of a tree by how their boxes lie to a valid polygon.

    Returns
    -------
    tuple
        Rows inside, and rows on an edge of the polygon, in any order: only those on an edge need a closer look, and all
        others are outside.
    """
    from geo.meeting_kernels import place  # noqa: PLC0415 - slow to import

    if len(tree.order) == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    edges = _edges(polygon)
    low, high = np.minimum(edges[:, :2], edges[:, 2:]), np.maximum(edges[:, :2], edges[:, 2:])
    of_edges = BoxTree.of(np.hstack([low, high]))
    inside, on_edge = place(tree.boxes, tree.levels, of_edges.boxes, of_edges.levels, edges[of_edges.order])
    return tree.order[inside], tree.order[on_edge]


def _edges(polygon: shapely.Geometry) -> FloatArray:
    rings = shapely.get_rings(shapely.get_parts(polygon))
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return np.asarray(np.hstack([coords[:-1], coords[1:]])[same], dtype=np.float64)
