"""Compiled search in a packed tree of boxes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from geo.box_tree import FAN


@njit(cache=True, nogil=True)
def z_order(x, y):
    """Position on the Z-order curve of 16-bit x and y."""
    out = np.empty(len(x), np.uint32)
    for i in range(len(x)):
        out[i] = _spread(x[i]) | (_spread(y[i]) << np.uint32(1))
    return out


@njit(cache=True, nogil=True, inline="always")
def _spread(n):
    n = np.uint32(n) & np.uint32(0xFFFF)
    n = (n | (n << np.uint32(8))) & np.uint32(0x00FF00FF)
    n = (n | (n << np.uint32(4))) & np.uint32(0x0F0F0F0F)
    n = (n | (n << np.uint32(2))) & np.uint32(0x33333333)
    return (n | (n << np.uint32(1))) & np.uint32(0x55555555)


@njit(cache=True, nogil=True)
def search(order, boxes, levels, box):
    """Rows whose box meets `box`, and whether it lies wholly within."""
    rows = np.empty(1024, np.int32)
    inside = np.empty(1024, np.bool_)
    found = 0
    # the deepest path holds at most FAN unvisited nodes on each level
    stack = np.empty((FAN * len(levels) + 1, 3), np.int64)
    stack[0, 0], stack[0, 1], stack[0, 2] = len(levels) - 2, 0, 0
    top = 1
    while top:
        top -= 1
        level, node, sure = stack[top, 0], stack[top, 1], stack[top, 2]
        b = boxes[levels[level] + node]
        if not sure:
            if b[0] > box[2] or b[2] < box[0] or b[1] > box[3] or b[3] < box[1]:
                continue
            if b[0] >= box[0] and b[2] <= box[2] and b[1] >= box[1] and b[3] <= box[3]:
                sure = 1
        if sure:
            # everything below is inside: its leaves are one run
            width = 1
            for _ in range(level):
                width *= FAN
            first = node * width
            last = min(first + width, levels[1])
            rows, inside = _room(rows, inside, found + last - first)
            for leaf in range(first, last):
                rows[found] = order[leaf]
                inside[found] = True
                found += 1
        elif level == 0:
            rows, inside = _room(rows, inside, found + 1)
            rows[found] = order[node]
            inside[found] = False
            found += 1
        else:
            below = levels[level] - levels[level - 1]
            for child in range(min((node + 1) * FAN, below) - 1, node * FAN - 1, -1):
                stack[top, 0], stack[top, 1], stack[top, 2] = level - 1, child, 0
                top += 1
    return rows[:found], inside[:found]


@njit(cache=True, nogil=True)
def _room(rows, inside, needed):
    """Make room for more."""
    if needed <= len(rows):
        return rows, inside
    more_rows = np.empty(2 * needed, np.int32)
    more_inside = np.empty(2 * needed, np.bool_)
    more_rows[: len(rows)] = rows
    more_inside[: len(inside)] = inside
    return more_rows, more_inside
