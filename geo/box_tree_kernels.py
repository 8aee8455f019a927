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
    west, south, east, north = box[0], box[1], box[2], box[3]
    # a node above the highest, with that one below it; the deepest path holds at most FAN unvisited nodes on each level
    height = len(levels) - 1
    stack = np.empty((FAN * len(levels) + 1, 2), np.int64)
    stack[0, 0], stack[0, 1] = height, 0
    top = 1
    while top:
        top -= 1
        level, node = stack[top, 0], stack[top, 1]
        sure = level < 0
        if sure:
            # everything below is inside: its leaves are one run
            width = 1
            for _ in range(-1 - level):
                width *= FAN
            first = node * width
            last = min(first + width, levels[1])
            rows, inside = _room(rows, inside, found + last - first)
            for leaf in range(first, last):
                rows[found] = order[leaf]
                inside[found] = True
                found += 1
            continue
        below = level - 1
        count = levels[level] - levels[below]
        first, last = node * FAN, min((node + 1) * FAN, count)
        if below == 0:
            rows, inside = _room(rows, inside, found + FAN)
        # leaves in their order; the first of other nodes is taken from the stack first
        for step in range(last - first):
            child = first + step if below == 0 else last - 1 - step
            at = levels[below] + child
            if boxes[at, 0] > east or boxes[at, 2] < west or boxes[at, 1] > north or boxes[at, 3] < south:
                continue
            within = boxes[at, 0] >= west and boxes[at, 2] <= east and boxes[at, 1] >= south and boxes[at, 3] <= north
            if below == 0:
                rows[found], inside[found] = order[child], within
                found += 1
            else:
                stack[top, 0], stack[top, 1] = -1 - below if within else below, child
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
