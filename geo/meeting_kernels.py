"""Compiled: which shapes meet a rectangle, to the last edge."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from geo.box_tree import FAN

LINE, POLYGON = 2, 3


@njit(cache=True, nogil=True)
def meets(coords, rings, parts, rows, part_kinds, index, scale, box):
    """Whether each row at `index` meets `box` (edges included); coordinates are multiplied by `scale` first."""
    out = np.zeros(len(index), np.bool_)
    for i in range(len(index)):
        row = index[i]
        for part in range(rows[row], rows[row + 1]):
            if _part_meets(coords, rings, parts[part], parts[part + 1], part_kinds[part], scale, box):
                out[i] = True
                break
    return out


@njit(cache=True, nogil=True)
def _part_meets(coords, rings, first, last, kind, scale, box):
    west, south, east, north = box[0], box[1], box[2], box[3]
    odd = False
    for ring in range(first, last):
        start, end = rings[ring], rings[ring + 1]
        x0, y0 = coords[start, 0] * scale, coords[start, 1] * scale
        if west <= x0 <= east and south <= y0 <= north:
            return True
        for i in range(start + 1, end):
            x1, y1 = coords[i, 0] * scale, coords[i, 1] * scale
            if west <= x1 <= east and south <= y1 <= north:
                return True
            if kind >= LINE and _crosses(x0, y0, x1, y1, west, south, east, north):
                return True
            # even-odd over all rings: whether the rectangle's corner lies in the polygon
            above = kind == POLYGON and (y0 > south) != (y1 > south)
            if above and west < x0 + (south - y0) / (y1 - y0) * (x1 - x0):
                odd = not odd
            x0, y0 = x1, y1
    return odd


@njit(cache=True, nogil=True)
def _crosses(x0, y0, x1, y1, west, south, east, north):
    """Whether a segment with both ends outside the rectangle passes through it."""
    if max(x0, x1) < west or min(x0, x1) > east or max(y0, y1) < south or min(y0, y1) > north:
        return False
    dx, dy = x1 - x0, y1 - y0
    # all four corners strictly on one side of the line: no
    a = dy * (west - x0) - dx * (south - y0)
    b = dy * (east - x0) - dx * (south - y0)
    c = dy * (west - x0) - dx * (north - y0)
    d = dy * (east - x0) - dx * (north - y0)
    return not ((a > 0 and b > 0 and c > 0 and d > 0) or (a < 0 and b < 0 and c < 0 and d < 0))


@njit(cache=True, nogil=True)
def place(boxes, levels, edge_boxes, edge_levels, edges):
    """Leaves whose box lies inside a polygon, and leaves whose box is on an edge of it; all others are outside.

    `edges` holds x0, y0, x1, y1 of the polygon's segments in the order of the leaves of their own tree. A box that no
    edge meets lies on one side with everything below it, so one ray decides for it.
    """
    # memory that is not written to costs nothing
    inside, on_edge = np.empty(levels[1], np.int32), np.empty(levels[1], np.int32)
    n_inside, n_on_edge = 0, 0
    stack = np.empty((FAN * len(levels) + 1, 2), np.int64)
    work = np.empty((FAN * len(edge_levels) + 1, 2), np.int64)
    # edges that meet the box of each level on the way down: no others can meet what lies below
    near = np.empty((len(levels), len(edges)), np.int32)
    n_near = np.zeros(len(levels), np.int64)
    root = len(levels) - 2
    for k in range(len(edges)):
        near[root + 1, k] = k
    n_near[root + 1] = len(edges)
    stack[0, 0], stack[0, 1] = root, 0
    top = 1
    while top:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        box = boxes[levels[level] + node]
        count = 0
        for k in range(n_near[level + 1]):
            edge = near[level + 1, k]
            if _passes(edges[edge], box):
                near[level, count] = edge
                count += 1
        n_near[level] = count
        if count == 0:
            if _odd(edge_boxes, edge_levels, edges, box[0], box[1], work):
                width = 1
                for _ in range(level):
                    width *= FAN
                for leaf in range(node * width, min((node + 1) * width, levels[1])):
                    inside[n_inside] = leaf
                    n_inside += 1
        elif level == 0:
            on_edge[n_on_edge] = node
            n_on_edge += 1
        else:
            below = levels[level] - levels[level - 1]
            for child in range(node * FAN, min((node + 1) * FAN, below)):
                stack[top, 0], stack[top, 1] = level - 1, child
                top += 1
    return inside[:n_inside].copy(), on_edge[:n_on_edge].copy()


@njit(cache=True, nogil=True, inline="always")
def _passes(edge, box):
    """Whether an edge meets a box."""
    if max(edge[0], edge[2]) < box[0] or min(edge[0], edge[2]) > box[2]:
        return False
    if max(edge[1], edge[3]) < box[1] or min(edge[1], edge[3]) > box[3]:
        return False
    if box[0] <= edge[0] <= box[2] and box[1] <= edge[1] <= box[3]:
        return True
    return _crosses(edge[0], edge[1], edge[2], edge[3], box[0], box[1], box[2], box[3])


@njit(cache=True, nogil=True)
def _odd(boxes, levels, edges, x, y, stack):
    """Whether a ray to the east from a point off all edges meets an odd number of them."""
    stack[0, 0], stack[0, 1] = len(levels) - 2, 0
    top = 1
    odd = False
    while top:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        b = boxes[levels[level] + node]
        if b[2] < x or b[1] > y or b[3] < y:
            continue
        if level == 0:
            e = edges[node]
            if (e[1] > y) != (e[3] > y) and x < e[0] + (y - e[1]) / (e[3] - e[1]) * (e[2] - e[0]):
                odd = not odd
            continue
        below = levels[level] - levels[level - 1]
        for child in range(node * FAN, min((node + 1) * FAN, below)):
            stack[top, 0], stack[top, 1] = level - 1, child
            top += 1
    return odd
