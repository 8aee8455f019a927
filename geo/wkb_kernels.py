"""Compiled: shapes as well-known binary (ISO, little-endian)."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from geo.wkb import WITH_HEIGHT

POINT, LINE, POLYGON = 1, 2, 3
# what makes several points, lines or polygons of one type; a collection holds parts of several types
SEVERAL, COLLECTION = 3, 7
HEAD = 5


@njit(cache=True, nogil=True)
def types(rows, part_kinds, is_high, wrap, found):
    """Type of each row: 0 without geometry; `wrap` makes one part a collection of one."""
    for row in range(len(rows) - 1):
        first, last = rows[row], rows[row + 1]
        found[row] = 0
        if last == first:
            continue
        kind = np.uint32(part_kinds[first])
        alike = True
        for part in range(first + 1, last):
            alike &= part_kinds[part] == part_kinds[first]
        if not alike:
            kind = np.uint32(COLLECTION)
        elif wrap or last - first > 1:
            kind += np.uint32(SEVERAL)
        found[row] = kind + np.uint32(WITH_HEIGHT if is_high[first] else 0)


@njit(cache=True, nogil=True)
def sizes(rings, parts, rows, part_kinds, is_high, found, ends):
    """Bytes of each row before and including it, from the types of the rows."""
    for row in range(len(rows) - 1):
        size = np.int64(0)
        if found[row] % WITH_HEIGHT > POLYGON:
            size += HEAD + 4
        for part in range(rows[row], rows[row + 1]):
            count, of_point = parts[part + 1] - parts[part], 24 if is_high[part] else 16
            points = rings[parts[part + 1]] - rings[parts[part]]
            counts = 0 if part_kinds[part] == POINT else 4 if part_kinds[part] == LINE else 4 + 4 * count
            size += HEAD + counts + of_point * points
        ends[row + 1] = ends[row] + size


@njit(cache=True, nogil=True)
def write(coords, heights, rings, parts, rows, part_kinds, is_high, found, ends, content):
    """Write all rows; `coords` and `heights` are the bytes of doubles, shapes (points, 16) and (points, 8)."""
    for row in range(len(rows) - 1):
        at = ends[row]
        if found[row] % WITH_HEIGHT > POLYGON:
            at = _head(content, at, found[row])
            at = _number(content, at, rows[row + 1] - rows[row])
        for part in range(rows[row], rows[row + 1]):
            kind, first, last = part_kinds[part], parts[part], parts[part + 1]
            at = _head(content, at, kind + (WITH_HEIGHT if is_high[part] else 0))
            if kind == POLYGON:
                at = _number(content, at, last - first)
            for ring in range(first, last):
                start, end = rings[ring], rings[ring + 1]
                if kind != POINT:
                    at = _number(content, at, end - start)
                for point in range(start, end):
                    for k in range(16):
                        content[at + k] = coords[point, k]
                    at += 16
                    if is_high[part]:
                        for k in range(8):
                            content[at + k] = heights[point, k]
                        at += 8


@njit(cache=True, nogil=True, inline="always")
def _head(content, at, kind):
    content[at] = 1
    return _number(content, at + 1, kind)


@njit(cache=True, nogil=True, inline="always")
def _number(content, at, number):
    for k in range(4):
        content[at + k] = (number >> (8 * k)) & 255
    return at + 4
