"""Mapbox Vector Tile 2.1, encoded from columns by a compiled kernel."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo.arrays import IntArray

EXTENT = 4096

Bytes = NDArray[np.uint8]


def encode(
    name: str,
    ids: IntArray,
    coords: NDArray[np.int32],
    offsets: tuple[IntArray, IntArray, IntArray],
    attributes: tuple[list[str], NDArray[np.int32], list[bytes]],
) -> bytes:
    """Encode one layer of polygons.

    Parameters
    ----------
    name
        Layer name inside the tile.
    ids
        Feature ids, >= 0.
    coords, offsets
        Multipolygons in tile units (y down); offsets of rings, parts and rows as in `geo.columns.Polygons`. Rings that
        collapse to less than an area after rounding are left out; a feature whose rings all do so is drawn as the
        smallest triangle, so that no area disappears from the map.
    attributes
        Keys; for each row and key the position of its value, or -1 where it is missing; encoded values, see `value`.

    Returns
    -------
    bytes
        A whole tile with one layer.
    """
    keys, tags, values = attributes
    # bounds what the kernel can write: no varint of a tile is longer than 5 bytes, a feature's frame than 64
    room = 64 * len(ids) + 10 * len(coords) + 10 * len(offsets[0]) + 10 * tags.size + 64
    buffer = np.empty(room, np.uint8)
    length = _features(buffer, ids, coords.astype(np.int64), offsets, tags.astype(np.int64))
    head = _field(1, name.encode()) + b"\x78\x02"
    tail = b"".join(_field(3, key.encode()) for key in keys) + b"".join(_field(4, v) for v in values)
    body = head + buffer[:length].tobytes() + tail + b"\x28" + _varint(EXTENT)
    return _field(3, body)


def value(item: float | str | bool) -> bytes:  # noqa: FBT001 - a value, not a switch
    """Encode one attribute value: booleans, whole numbers, single-precision numbers, text."""
    if isinstance(item, bool):
        return b"\x38" + (b"\x01" if item else b"\x00")
    if isinstance(item, str):
        text = item.encode()
        return b"\x0a" + _varint(len(text)) + text
    if isinstance(item, int):
        return b"\x30" + _varint((item << 1) ^ (item >> 63))
    return b"\x15" + np.float32(item).tobytes()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


@njit(cache=True, nogil=True)
def _put(buffer, at, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    while number > 127:
        buffer[at] = (number & 127) | 128
        at += 1
        number >>= 7
    buffer[at] = number
    return at + 1


@njit(cache=True, nogil=True)
def _size(number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    n = 1
    while number > 127:
        number >>= 7
        n += 1
    return n


@njit(cache=True, nogil=True)
def _ring(coords, start, end, outer, words, n, cursor):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    """Write a ring's commands as numbers into `words` from `n`; returns the new end, or `n` if it has no area."""
    # rounding makes neighbours equal: keep each vertex once, and drop the closing one
    keep = np.empty(end - start, np.int64)
    m = 0
    for i in range(start, end):
        if m and coords[i, 0] == coords[keep[m - 1], 0] and coords[i, 1] == coords[keep[m - 1], 1]:
            continue
        keep[m] = i
        m += 1
    while m > 1 and coords[keep[m - 1], 0] == coords[keep[0], 0] and coords[keep[m - 1], 1] == coords[keep[0], 1]:
        m -= 1
    area = 0
    for i in range(m):
        a, b = keep[i], keep[(i + 1) % m]
        area += coords[a, 0] * coords[b, 1] - coords[b, 0] * coords[a, 1]
    if m < 3 or area == 0:
        return n
    # y points down: an outer ring is clockwise on the screen, which is a positive area here
    forward = (area > 0) == outer
    for i in range(m):
        j = keep[i] if forward else keep[m - 1 - i]
        if i == 0:
            words[n] = 9  # MoveTo, once
            n += 1
        elif i == 1:
            words[n] = ((m - 1) << 3) | 2  # LineTo, for all others
            n += 1
        for axis in range(2):
            step = coords[j, axis] - cursor[axis]
            words[n] = (step << 1) ^ (step >> 63)
            n += 1
            cursor[axis] = coords[j, axis]
    words[n] = 15  # ClosePath
    return n + 1


@njit(cache=True, nogil=True)
def _geometry(coords, offsets, row, words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    """Write a row's commands into `words`; returns how many numbers they are."""
    rings, parts, rows = offsets
    cursor = np.zeros(2, np.int64)
    n = 0
    for part in range(rows[row], rows[row + 1]):
        for ring in range(parts[part], parts[part + 1]):
            before = n
            n = _ring(coords, rings[ring], rings[ring + 1], ring == parts[part], words, n, cursor)
            if ring == parts[part] and n == before:
                break  # holes of a polygon that is gone are gone with it
    if n == 0:
        # the smallest triangle: MoveTo the first vertex, LineTo (+1, 0) and (-1, +1), ClosePath
        x, y = coords[rings[parts[rows[row]]]]
        triangle = np.array([9, x, y, 18, 1, 0, -1, 1, 15])
        for k in range(len(triangle)):
            step = triangle[k]
            words[k] = step if k in {0, 3, 8} else (step << 1) ^ (step >> 63)
        n = len(triangle)
    return n


@njit(cache=True, nogil=True)
def _features(buffer, ids, coords, offsets, tags):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - compiled
    """Write all features into `buffer`; returns the number of bytes."""
    rings, parts, rows = offsets
    at = 0
    for row in range(len(rows) - 1):
        first, last = parts[rows[row]], parts[rows[row + 1]]
        words = np.empty(2 * (rings[last] - rings[first]) + 4 * (last - first) + 16, np.int64)
        n = _geometry(coords, offsets, row, words)
        geometry = 0
        for k in range(n):
            geometry += _size(words[k])
        tagged = 0
        for k in range(tags.shape[1]):
            if tags[row, k] >= 0:
                tagged += _size(k) + _size(tags[row, k])
        inner = 1 + _size(ids[row]) + 1 + _size(tagged) + tagged + 2 + 1 + _size(geometry) + geometry
        buffer[at] = 18  # a feature of the layer
        at = _put(buffer, at + 1, inner)
        buffer[at] = 8  # its id
        at = _put(buffer, at + 1, ids[row])
        buffer[at] = 18  # its tags
        at = _put(buffer, at + 1, tagged)
        for k in range(tags.shape[1]):
            if tags[row, k] >= 0:
                at = _put(buffer, at, k)
                at = _put(buffer, at, tags[row, k])
        buffer[at] = 24  # its type: polygon
        buffer[at + 1] = 3
        buffer[at + 2] = 34  # its geometry
        at = _put(buffer, at + 3, geometry)
        for k in range(n):
            at = _put(buffer, at, words[k])
    return at
