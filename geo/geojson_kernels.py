"""Compiled: geometry as GeoJSON text, from whole numbers such as 1e-7 degrees or millimetres."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

POINT, LINE, POLYGON = 1, 2, 3
NO_HEIGHT = -(2**62)


def _text(words: str) -> NDArray[np.uint8]:
    return np.frombuffer(words.encode(), np.uint8)


_FEATURE = _text('{"type":"Feature","id":')
_GEOMETRY = _text(',"geometry":')
_PROPERTIES = _text(',"properties":')
_NULL = _text("null")
_NAMES = (_text("Point"), _text("LineString"), _text("Polygon"))
_TYPE = _text('{"type":"')
_MULTI = _text("Multi")
_COORDINATES = _text('","coordinates":')
_COLLECTION = _text('{"type":"GeometryCollection","geometries":[')
TEN, NONE = np.uint64(10), np.uint64(0)
COMMA, OPEN, CLOSE, MINUS, DOT, ZERO, END = 44, 91, 93, 45, 46, 48, 125


@njit(cache=True, nogil=True)
def room(rings, parts, rows, index):
    """Bytes that the geometry of the rows at `index` can take at most."""
    size = 0
    for i in range(len(index)):
        first, last = rows[index[i]], rows[index[i] + 1]
        points = rings[parts[last]] - rings[parts[first]]
        size += 160 + 64 * (last - first) + 4 * (parts[last] - parts[first]) + 69 * points
    return size


@njit(cache=True, nogil=True)
def write(buffer, at, ids, index, coords, heights, offsets, part_kinds, decimals, swap, texts, runs):
    """Write the features at `index` with their ids, a comma between them; returns the end.

    `offsets` are those of rings, parts and rows; the properties of feature i are ``texts[runs[i, 0]:runs[i, 1]]``.
    `swap` puts y before x.
    """
    for i in range(len(index)):
        if i:
            buffer[at] = COMMA
            at += 1
        row = index[i]
        at = _put(buffer, at, _FEATURE)
        at = _number(buffer, at, ids[i], 0)
        at = _put(buffer, at, _GEOMETRY)
        at = _geometry(buffer, at, row, coords, heights, offsets, part_kinds, decimals, swap)
        at = _put(buffer, at, _PROPERTIES)
        length = runs[i, 1] - runs[i, 0]
        buffer[at : at + length] = texts[runs[i, 0] : runs[i, 1]]
        at += length
        buffer[at] = END
        at += 1
    return at


@njit(cache=True, nogil=True)
def _put(buffer, at, text):
    for k in range(len(text)):
        buffer[at + k] = text[k]
    return at + len(text)


@njit(cache=True, nogil=True)
def _number(buffer, at, value, decimals):
    """Write a whole number with a decimal point before its last `decimals` digits, without trailing zeros."""
    if value < 0:
        buffer[at] = MINUS
        at += 1
        value = -value
    # unsigned numbers divide several times faster than Python's floor division of signed ones
    rest = np.uint64(value)
    places = decimals
    while places and rest % TEN == NONE:
        rest //= TEN
        places -= 1
    n = places + 1 if places else 1
    left = rest
    for _ in range(places):
        left //= TEN
    left //= TEN
    while left:
        n += 1
        left //= TEN
    end = at + n + (1 if places else 0)
    position = end - 1
    for _ in range(places):
        buffer[position] = ZERO + np.uint8(rest % TEN)
        rest //= TEN
        position -= 1
    if places:
        buffer[position] = DOT
        position -= 1
    while position >= at:
        buffer[position] = ZERO + np.uint8(rest % TEN)
        rest //= TEN
        position -= 1
    return end


@njit(cache=True, nogil=True)
def _position(buffer, at, i, coords, heights, decimals, swap):
    buffer[at] = OPEN
    at = _number(buffer, at + 1, np.int64(coords[i, 1 if swap else 0]), decimals)
    buffer[at] = COMMA
    at = _number(buffer, at + 1, np.int64(coords[i, 0 if swap else 1]), decimals)
    if len(heights) and heights[i] != NO_HEIGHT:
        buffer[at] = COMMA
        at = _number(buffer, at + 1, heights[i], 3)
    buffer[at] = CLOSE
    return at + 1


@njit(cache=True, nogil=True)
def _line(buffer, at, start, end, coords, heights, decimals, swap):
    buffer[at] = OPEN
    at += 1
    for i in range(start, end):
        if i > start:
            buffer[at] = COMMA
            at += 1
        at = _position(buffer, at, i, coords, heights, decimals, swap)
    buffer[at] = CLOSE
    return at + 1


@njit(cache=True, nogil=True)
def _part(buffer, at, part, coords, heights, offsets, part_kinds, decimals, swap):
    rings, parts, _ = offsets
    kind, first = part_kinds[part], parts[part]
    if kind == POINT:
        return _position(buffer, at, rings[first], coords, heights, decimals, swap)
    if kind == LINE:
        return _line(buffer, at, rings[first], rings[first + 1], coords, heights, decimals, swap)
    buffer[at] = OPEN
    at += 1
    for ring in range(first, parts[part + 1]):
        if ring > first:
            buffer[at] = COMMA
            at += 1
        at = _line(buffer, at, rings[ring], rings[ring + 1], coords, heights, decimals, swap)
    buffer[at] = CLOSE
    return at + 1


@njit(cache=True, nogil=True)
def _head(buffer, at, kind, many):
    at = _put(buffer, at, _TYPE)
    if many:
        at = _put(buffer, at, _MULTI)
    if kind == POINT:
        at = _put(buffer, at, _NAMES[0])
    elif kind == LINE:
        at = _put(buffer, at, _NAMES[1])
    else:
        at = _put(buffer, at, _NAMES[2])
    return _put(buffer, at, _COORDINATES)


@njit(cache=True, nogil=True)
def _geometry(buffer, at, row, coords, heights, offsets, part_kinds, decimals, swap):
    rows = offsets[2]
    first, last = rows[row], rows[row + 1]
    if first == last:
        return _put(buffer, at, _NULL)
    mixed = False
    for part in range(first + 1, last):
        mixed = mixed or part_kinds[part] != part_kinds[first]
    if mixed:
        at = _put(buffer, at, _COLLECTION)
        for part in range(first, last):
            if part > first:
                buffer[at] = COMMA
                at += 1
            at = _head(buffer, at, part_kinds[part], many=False)
            at = _part(buffer, at, part, coords, heights, offsets, part_kinds, decimals, swap)
            buffer[at] = END
            at += 1
        buffer[at] = CLOSE
        buffer[at + 1] = END
        return at + 2
    many = last - first > 1
    at = _head(buffer, at, part_kinds[first], many)
    if many:
        buffer[at] = OPEN
        at += 1
    for part in range(first, last):
        if part > first:
            buffer[at] = COMMA
            at += 1
        at = _part(buffer, at, part, coords, heights, offsets, part_kinds, decimals, swap)
    if many:
        buffer[at] = CLOSE
        at += 1
    buffer[at] = END
    return at + 1
