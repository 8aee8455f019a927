"""Compiled: geometry as GeoJSON text, from whole numbers such as 1e-7 degrees or millimetres."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

POINT, LINE, POLYGON = 1, 2, 3
NO_HEIGHT = -(2**62)


_FEATURE, _GEOMETRY, _PROPERTIES, _NULL, _COLLECTION, _HEADS = 0, 1, 2, 3, 4, 5
_TEXTS = [
    b'{"type":"Feature","id":',
    b',"geometry":',
    b',"properties":',
    b"null",
    b'{"type":"GeometryCollection","geometries":[',
    # of each kind one and many, from `_HEADS` on
    *(
        b'{"type":"%b%b","coordinates":' % (many, name)
        for name in (b"Point", b"LineString", b"Polygon")
        for many in (b"", b"Multi")
    ),
]
_STARTS = np.cumsum([0, *map(len, _TEXTS)])
_WORDS = np.frombuffer(b"".join(_TEXTS), np.uint8)
TEN, HUNDRED, NONE = np.uint64(10), np.uint64(100), np.uint64(0)
POWERS = 10 ** np.arange(20, dtype=np.uint64)
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

    Arrays that are handed to another function are counted: for a single point that takes longer than to write it. So
    all functions below become part of this one.
    """
    rings, parts, rows = offsets
    for i in range(len(index)):
        if i:
            buffer[at] = COMMA
            at += 1
        at = _say(buffer, at, _FEATURE)
        at = _number(buffer, at, ids[i], 0)
        at = _say(buffer, at, _GEOMETRY)
        row = index[i]
        at = _geometry(buffer, at, rows[row], rows[row + 1], coords, heights, rings, parts, part_kinds, decimals, swap)
        at = _say(buffer, at, _PROPERTIES)
        for k in range(runs[i, 0], runs[i, 1]):
            buffer[at] = texts[k]
            at += 1
        buffer[at] = END
        at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _say(buffer, at, text):
    for k in range(_STARTS[text], _STARTS[text + 1]):
        buffer[at] = _WORDS[k]
        at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _number(buffer, at, value, decimals):
    """Write a whole number with a decimal point before its last `decimals` digits, without trailing zeros."""
    if value < 0:
        buffer[at] = MINUS
        at += 1
        value = -value
    # unsigned numbers divide several times faster than Python's floor division of signed ones
    unit = POWERS[decimals]
    whole = np.uint64(value) // unit
    rest = np.uint64(value) - whole * unit
    end = at + 1
    while end - at < len(POWERS) and whole >= POWERS[end - at]:
        end += 1
    _digits(buffer, at, end, whole)
    if rest == NONE:
        return end
    buffer[end] = DOT
    at, end = end + 1, end + 1 + decimals
    _digits(buffer, at, end, rest)
    while buffer[end - 1] == ZERO:
        end -= 1
    return end


@njit(cache=True, nogil=True, inline="always")
def _digits(buffer, start, end, number):
    """Write the last digits of a number, two for each division."""
    while end - start > 1:
        left = number // HUNDRED
        pair = np.int64(number - left * HUNDRED)
        tens = (pair * 103) >> 10
        end -= 2
        buffer[end], buffer[end + 1] = ZERO + tens, ZERO + pair - 10 * tens
        number = left
    if end > start:
        buffer[start] = ZERO + np.int64(number % TEN)


@njit(cache=True, nogil=True, inline="always")
def _geometry(buffer, at, first, last, coords, heights, rings, parts, part_kinds, decimals, swap):
    """Write the parts of a row as one geometry, or as a collection where they are of several kinds."""
    mixed = False
    for part in range(first + 1, last):
        mixed = mixed or part_kinds[part] != part_kinds[first]
    many = last - first > 1 and not mixed
    if first == last:
        at = _say(buffer, at, _NULL)
    elif mixed:
        at = _say(buffer, at, _COLLECTION)
    for part in range(first, last):
        kind = part_kinds[part]
        if part > first:
            buffer[at] = COMMA
            at += 1
        if mixed or part == first:
            at = _say(buffer, at, _HEADS + 2 * (np.int64(kind) - 1) + many)
        if many and part == first:
            buffer[at] = OPEN
            at += 1
        at = _part(buffer, at, kind, parts[part], parts[part + 1], coords, heights, rings, decimals, swap)
        if mixed:
            buffer[at] = END
            at += 1
    if mixed or many:
        buffer[at] = CLOSE
        at += 1
    if first < last:
        buffer[at] = END
        at += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _part(buffer, at, kind, first, last, coords, heights, rings, decimals, swap):
    """Write one point, line or polygon from its rings."""
    if kind == POLYGON:
        buffer[at] = OPEN
        at += 1
    for ring in range(first, last):
        if ring > first:
            buffer[at] = COMMA
            at += 1
        if kind != POINT:
            buffer[at] = OPEN
            at += 1
        for point in range(rings[ring], rings[ring + 1]):
            if point > rings[ring]:
                buffer[at] = COMMA
                at += 1
            buffer[at] = OPEN
            for axis in range(3 if len(heights) and heights[point] != NO_HEIGHT else 2):
                # a bracket or comma stands before each
                at = _number(
                    buffer,
                    at + 1,
                    heights[point] if axis == 2 else np.int64(coords[point, axis ^ swap]),
                    3 if axis == 2 else decimals,
                )
                buffer[at] = COMMA
            buffer[at] = CLOSE
            at += 1
        if kind != POINT:
            buffer[at] = CLOSE
            at += 1
    if kind == POLYGON:
        buffer[at] = CLOSE
        at += 1
    return at
