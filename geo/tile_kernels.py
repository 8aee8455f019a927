"""Compiled: shapes as commands of a Mapbox Vector Tile, and the tile's bytes.

Geometry comes as whole numbers of a quad tree's world, x to the east and y to the south. A shape takes the quick way if
it is simple after rounding and, where the frame cuts it, falls into one piece; all others are left to shapely.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

POINT, LINE, POLYGON = 1, 2, 3
# longer outlines are left to shapely: whether they cross themselves is looked at pair by pair here
MOST_POINTS = 64
FLOAT, INTEGER, FLAG, DOUBLE = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def commands(index, coords, offsets, part_kinds, origin, shift, frame, words, ends, kinds):
    """Write the commands of the rows at `index` into `words`.

    Row i of the result ends at ``ends[i + 1]`` and is of kind ``kinds[i]``: 0 for one that is left to shapely, 4 for
    one that the frame does not meet. `origin` is the tile's corner, a unit of the tile is 2^shift of the world's;
    `frame` is west, north, east, south in units of the tile.
    """
    xs = np.empty((MOST_POINTS + 16, 2), np.int64)
    work = np.empty((2 * MOST_POINTS + 32, 2), np.int64)
    ring_of = np.empty(MOST_POINTS + 16, np.int64)
    rings, parts, rows = offsets
    n = 0
    for i in range(len(index)):
        row = index[i]
        first, last = rows[row], rows[row + 1]
        kind = 0
        for part in range(first, last):
            kind = max(kind, part_kinds[part])
        before = n
        kinds[i] = 0
        if kind == POINT:
            n = _points(coords, rings, parts, first, last, origin, shift, frame, words, n)
            kinds[i] = POINT if n > before else 4
        elif kind == POLYGON and last - first == 1:
            points = rings[parts[last]] - rings[parts[first]]
            if points <= MOST_POINTS:
                bounds = parts[first], parts[last]
                n, kinds[i] = _small(coords, rings, bounds, origin, shift, frame, words, n, xs, work, ring_of)
        ends[i + 1] = n
    return n


@njit(cache=True, nogil=True)
def room(index, rings, parts, rows):
    """Words that `commands` needs at most."""
    size = 32 * len(index) + 64
    for row in index:
        first, last = parts[rows[row]], parts[rows[row + 1]]
        size += 2 * (rings[last] - rings[first]) + 4 * (last - first)
    return size


@njit(cache=True, nogil=True)
def trusted(coords, offsets, part_kinds, words, ends):
    """Write the commands of shapes in units of the tile that shapely has made valid; see `commands`."""
    rings, parts, rows = offsets
    n = 0
    for row in range(len(rows) - 1):
        cursor_x, cursor_y = np.int64(0), np.int64(0)
        for part in range(rows[row], rows[row + 1]):
            for ring in range(parts[part], parts[part + 1]):
                outer = ring == parts[part]
                n, cursor_x, cursor_y = _run(
                    coords, rings[ring], rings[ring + 1], part_kinds[part], outer, words, n, cursor_x, cursor_y
                )
        ends[row + 1] = n
    return n


@njit(cache=True, nogil=True, inline="always")
def _zigzag(value):
    return (value << 1) ^ (value >> 63)


@njit(cache=True, nogil=True)
def _run(coords, start, end, kind, outer, words, n, cursor_x, cursor_y):
    """Write one point, line or ring, turned as it must be; returns the end and where the pen is."""
    if kind == POINT:
        words[n] = 9
        words[n + 1] = _zigzag(coords[start, 0] - cursor_x)
        words[n + 2] = _zigzag(coords[start, 1] - cursor_y)
        return n + 3, coords[start, 0], coords[start, 1]
    count = end - start
    forward = True
    if kind == POLYGON:
        count -= 1  # the last point is the first
        area = np.int64(0)
        for k in range(start, end - 1):
            area += coords[k, 0] * coords[k + 1, 1] - coords[k + 1, 0] * coords[k, 1]
        # y points down: an outer ring is clockwise on the screen, which is a positive area here
        forward = (area > 0) == outer
    for k in range(count):
        j = start + k if forward else start + count - 1 - k
        if k == 0:
            words[n] = 9  # MoveTo, once
            n += 1
        elif k == 1:
            words[n] = ((count - 1) << 3) | 2  # LineTo, for all others
            n += 1
        words[n] = _zigzag(coords[j, 0] - cursor_x)
        words[n + 1] = _zigzag(coords[j, 1] - cursor_y)
        n += 2
        cursor_x, cursor_y = coords[j, 0], coords[j, 1]
    if kind == POLYGON:
        words[n] = 15  # ClosePath
        n += 1
    return n, cursor_x, cursor_y


@njit(cache=True, nogil=True, inline="always")
def _rounded(value, corner, shift):
    """Nearest whole unit of the tile."""
    away = np.int64(value) - corner
    if shift == 0:
        return away
    return (away + (np.int64(1) << (shift - 1))) >> shift


@njit(cache=True, nogil=True)
def _points(coords, rings, parts, first, last, origin, shift, frame, words, n):
    """Write all points of a row that lie in the frame, as one command."""
    head = n
    n += 1
    count = 0
    cursor_x, cursor_y = np.int64(0), np.int64(0)
    for part in range(first, last):
        at = rings[parts[part]]
        x, y = _rounded(coords[at, 0], origin[0], shift), _rounded(coords[at, 1], origin[1], shift)
        if frame[0] <= x <= frame[2] and frame[1] <= y <= frame[3]:
            words[n] = _zigzag(x - cursor_x)
            words[n + 1] = _zigzag(y - cursor_y)
            n += 2
            cursor_x, cursor_y = x, y
            count += 1
    if count == 0:
        return head
    words[head] = (count << 3) | 1
    return n


@njit(cache=True, nogil=True)
def _small(coords, rings, bounds, origin, shift, frame, words, n, xs, work, ring_of):
    """Write one small polygon; returns the end and its kind, 0 if shapely must look at it, 4 if it is not here."""
    first, last = bounds
    total = 0
    west, north, east, south = np.int64(2**62), np.int64(2**62), -np.int64(2**62), -np.int64(2**62)
    kept_rings = 0
    for ring in range(first, last):
        begin = total
        for k in range(rings[ring], rings[ring + 1] - 1):
            x, y = _rounded(coords[k, 0], origin[0], shift), _rounded(coords[k, 1], origin[1], shift)
            if total > begin and xs[total - 1, 0] == x and xs[total - 1, 1] == y:
                continue
            xs[total, 0], xs[total, 1] = x, y
            ring_of[total] = kept_rings
            total += 1
            west, east = min(west, x), max(east, x)
            north, south = min(north, y), max(south, y)
        while total - begin > 1 and xs[total - 1, 0] == xs[begin, 0] and xs[total - 1, 1] == xs[begin, 1]:
            total -= 1
        if _area(xs, begin, total) == 0:
            if ring == first:
                # it is less than a unit: the smallest triangle stands for it
                if east < frame[0] or west > frame[2] or south < frame[1] or north > frame[3]:
                    return n, 4
                x, y = min(max(west, frame[0]), frame[2] - 1), min(max(north, frame[1]), frame[3] - 1)
                return _triangle(words, n, x, y), POLYGON
            total = begin  # a hole that is gone
        else:
            kept_rings += 1
    if east < frame[0] or west > frame[2] or south < frame[1] or north > frame[3]:
        return n, 4
    if _tangled(xs, ring_of, total):
        return n, 0
    if west >= frame[0] and east <= frame[2] and north >= frame[1] and south <= frame[3]:
        return _write_rings(xs, ring_of, total, 1, words, n), POLYGON
    if kept_rings > 1:
        return n, 0
    count = _clipped(xs, total, frame, work, ring_of)
    if count < 0 or _tangled(work, ring_of, count):
        return n, 0
    if count == 0:
        return n, 4
    # what is cut off may leave two pieces, both with an outer ring
    return _write_rings(work, ring_of, count, 2, words, n), POLYGON


@njit(cache=True, nogil=True)
def _triangle(words, n, x, y):
    """Write the smallest triangle."""
    words[n], words[n + 1], words[n + 2] = 9, _zigzag(x), _zigzag(y)
    words[n + 3], words[n + 4], words[n + 5] = 18, _zigzag(1), _zigzag(0)
    words[n + 6], words[n + 7], words[n + 8] = _zigzag(-1), _zigzag(1), 15
    return n + 9


@njit(cache=True, nogil=True)
def _area(xs, begin, end):
    area = np.int64(0)
    for k in range(begin, end):
        j = k + 1 if k + 1 < end else begin
        area += xs[k, 0] * xs[j, 1] - xs[j, 0] * xs[k, 1]
    return area


@njit(cache=True, nogil=True)
def _write_rings(xs, ring_of, total, outer, words, n):
    """Write rings, those with a number below `outer` as outer ones; returns the end."""
    x, y = np.int64(0), np.int64(0)
    begin = 0
    while begin < total:
        end = begin
        while end < total and ring_of[end] == ring_of[begin]:
            end += 1
        forward = (_area(xs, begin, end) > 0) == (ring_of[begin] < outer)
        step = 1 if forward else -1
        j = begin if forward else end - 1
        words[n], words[n + 1], words[n + 2] = 9, _zigzag(xs[j, 0] - x), _zigzag(xs[j, 1] - y)
        words[n + 3] = ((end - begin - 1) << 3) | 2
        n += 4
        x, y = xs[j, 0], xs[j, 1]
        for _ in range(end - begin - 1):
            j += step
            words[n], words[n + 1] = _zigzag(xs[j, 0] - x), _zigzag(xs[j, 1] - y)
            n += 2
            x, y = xs[j, 0], xs[j, 1]
        words[n] = 15
        n += 1
        begin = end
    return n


@njit(cache=True, nogil=True)
def _tangled(xs, ring_of, total):
    """Whether any two sides of a polygon's rings meet other than at the corner they share."""
    begin = 0
    while begin < total:
        end = begin + 1
        while end < total and ring_of[end] == ring_of[begin]:
            end += 1
        if end - begin < 3 or _turns_back(xs, begin, end):
            return True
        is_alone = begin == 0 and end == total
        if not (is_alone and _convex(xs, total)):
            for a in range(begin, end):
                a2 = a + 1 if a + 1 < end else begin
                if _meets(xs, ring_of, a, a2, begin, total):
                    return True
        begin = end
    return False


@njit(cache=True, nogil=True)
def _meets(xs, ring_of, a, a2, begin, total):
    """Whether a side of the ring that starts at `begin` meets a later one that is not its neighbour."""
    west, east = min(xs[a, 0], xs[a2, 0]), max(xs[a, 0], xs[a2, 0])
    north, south = min(xs[a, 1], xs[a2, 1]), max(xs[a, 1], xs[a2, 1])
    start = begin
    for b in range(a + 1, total):
        if ring_of[b] != ring_of[start]:
            start = b
        b2 = b + 1 if b + 1 < total and ring_of[b + 1] == ring_of[b] else start
        if b == a2 or b2 == a:
            continue
        px, qx, py, qy = xs[b, 0], xs[b2, 0], xs[b, 1], xs[b2, 1]
        if max(px, qx) < west or min(px, qx) > east or max(py, qy) < north or min(py, qy) > south:
            continue
        if _touch(xs, a, a2, b, b2):
            return True
    return False


@njit(cache=True, nogil=True)
def _turns_back(xs, begin, end):
    """Whether a side runs back along the one before it."""
    px, py = xs[begin, 0] - xs[end - 1, 0], xs[begin, 1] - xs[end - 1, 1]
    for k in range(begin, end):
        j = k + 1 if k + 1 < end else begin
        qx, qy = xs[j, 0] - xs[k, 0], xs[j, 1] - xs[k, 1]
        if px * qx + py * qy < 0 and px * qy - py * qx == 0:
            return True
        px, py = qx, qy
    return False


@njit(cache=True, nogil=True)
def _convex(xs, total):
    """Whether a ring always turns the same way, and once around: then no side meets another."""
    least, most = np.int64(0), np.int64(0)
    turns, heading = 0, np.int64(0)
    px, py = xs[0, 0] - xs[total - 1, 0], xs[0, 1] - xs[total - 1, 1]
    for k in range(total):
        j = k + 1 if k + 1 < total else 0
        qx, qy = xs[j, 0] - xs[k, 0], xs[j, 1] - xs[k, 1]
        cross = px * qy - py * qx
        least, most = min(least, cross), max(most, cross)
        if least < 0 < most:
            return False
        # it goes east once and west once
        if qx * heading < 0:
            turns += 1
        if qx:
            heading = qx
        px, py = qx, qy
    return least != most and turns <= 2


@njit(cache=True, nogil=True)
def _touch(xs, a, b, c, d):
    """Whether two sides whose boxes meet have a point in common."""
    ax, ay, bx, by = xs[a, 0], xs[a, 1], xs[b, 0], xs[b, 1]
    cx, cy, dx, dy = xs[c, 0], xs[c, 1], xs[d, 0], xs[d, 1]
    one = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    two = (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    if (one > 0 and two > 0) or (one < 0 and two < 0):
        return False
    one = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)
    two = (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    return not ((one > 0 and two > 0) or (one < 0 and two < 0))


@njit(cache=True, nogil=True)
def _clipped(xs, total, frame, work, ring_of):
    """Cut a ring at the frame, side by side.

    Returns the number of corners in `work`, with their rings in `ring_of`: one ring, or two where one side cuts the
    shape into two pieces; -1 if it falls into more, or another side cuts the pieces.
    """
    half = len(work) // 2
    source, target = work[:half], work[half:]
    place, value = np.empty(4, np.int64), np.empty(4, np.int64)
    count = _kept(xs, 0, total, source, 0, 0, ring_of, 0)
    pieces = 1
    for side in range(4):
        axis = side % 2
        other = 1 - axis
        limit = frame[side]
        crossings = 0
        out = 0
        for k in range(count):
            j = k + 1 if k + 1 < count else 0
            p, q = source[k, axis], source[j, axis]
            p_in, q_in = (p <= limit, q <= limit) if side >= 2 else (p >= limit, q >= limit)
            if p_in:
                target[out, 0], target[out, 1] = source[k, 0], source[k, 1]
                out += 1
            if p_in != q_in:
                if crossings == 4 or pieces > 1:
                    return -1
                share = (limit - p) / (q - p)
                place[crossings] = out
                value[crossings] = np.int64(np.rint(source[k, other] + share * (source[j, other] - source[k, other])))
                target[out, axis], target[out, other] = limit, value[crossings]
                crossings += 1
                out += 1
            if out + 2 > half:
                return -1
        if out == 0:
            return 0
        if crossings == 0:
            continue
        begin, end = out, out
        if crossings == 4:
            # the run from one crossing to the next that lies within is a piece if both are neighbours on the frame
            one = 0 if place[0] == 0 else 1
            sides = np.sort(value)
            if sides[1] == sides[2]:
                return -1
            if (value[one] < sides[2]) == (value[one + 1] < sides[2]):
                begin, end = place[one], place[one + 1] + 1
                pieces = 2
        # rounding may have put corners onto each other
        first = _kept(target, 0, begin, source, 0, 0, ring_of, 0)
        first = _closed(source, 0, _kept(target, end, out, source, first, 0, ring_of, 0))
        count = _closed(source, first, _kept(target, begin, end, source, first, first, ring_of, 1))
        if count == 0:
            return 0
    return count


@njit(cache=True, nogil=True)
def _kept(corners, begin, end, target, count, first, ring_of, ring):
    """Append corners to the ring that begins at `first`, without doubles; returns the end."""
    for k in range(begin, end):
        if count > first and target[count - 1, 0] == corners[k, 0] and target[count - 1, 1] == corners[k, 1]:
            continue
        target[count, 0], target[count, 1] = corners[k, 0], corners[k, 1]
        ring_of[count] = ring
        count += 1
    return count


@njit(cache=True, nogil=True)
def _closed(corners, first, count):
    """End of a ring without its first corner again; where it begins, if nothing is left of it."""
    x, y = corners[first, 0], corners[first, 1]
    while count - first > 1 and corners[count - 1, 0] == x and corners[count - 1, 1] == y:
        count -= 1
    return first if count - first < 3 or _area(corners, first, count) == 0 else count


@njit(cache=True, nogil=True)
def _put(buffer, at, number):
    while number > 127:
        buffer[at] = (number & 127) | 128
        at += 1
        number >>= 7
    buffer[at] = number
    return at + 1


@njit(cache=True, nogil=True)
def _size(number):
    # most are small
    if number < 1 << 7:
        return 1
    if number < 1 << 14:
        return 2
    n = 3
    number >>= 21
    while number:
        number >>= 7
        n += 1
    return n


@njit(cache=True, nogil=True)
def features(buffer, at, order, ids, kinds, starts, ends, words, tags):
    """Write the features at `order` with their tags; returns the end."""
    for position in range(len(order)):
        i = order[position]
        geometry = 0
        for k in range(starts[i], ends[i]):
            geometry += _size(words[k])
        tagged = 0
        for k in range(tags.shape[1]):
            if tags[i, k] >= 0:
                tagged += _size(k) + _size(tags[i, k])
        inner = 1 + _size(ids[i]) + 1 + _size(tagged) + tagged + 2 + 1 + _size(geometry) + geometry
        buffer[at] = 18  # a feature of the layer
        at = _put(buffer, at + 1, inner)
        buffer[at] = 8  # its id
        at = _put(buffer, at + 1, ids[i])
        buffer[at] = 18  # its tags
        at = _put(buffer, at + 1, tagged)
        for k in range(tags.shape[1]):
            if tags[i, k] >= 0:
                at = _put(buffer, at, k)
                at = _put(buffer, at, tags[i, k])
        buffer[at] = 24  # its type
        buffer[at + 1] = kinds[i]
        buffer[at + 2] = 34  # its geometry
        at = _put(buffer, at + 3, geometry)
        for k in range(starts[i], ends[i]):
            at = _put(buffer, at, words[k])
    return at


@njit(cache=True, nogil=True)
def values(buffer, at, numbers, modes, codes, text_starts, text_offsets, texts, columns, tags):
    """Write each different value of a column once, and into `tags` where it stands; returns the end.

    `numbers` has a row for each feature (NaN where missing) and a column for each mode, `codes` likewise for texts (-1
    where missing), whose encoded values lie in `texts`. `columns` says where in `tags` each of both kinds goes.
    """
    size = 16
    while size < 2 * len(tags):
        size *= 2
    slots = np.empty(size, np.int32)
    keys = np.empty(size, np.int64)
    one = np.empty(1, np.float64)
    small = np.empty(1, np.float32)
    written = 0
    bits, small_bits = one.view(np.int64), small.view(np.uint32)
    for column in range(len(modes)):
        slots[:] = -1
        for row in range(len(tags)):
            one[0] = numbers[row, column]
            if np.isnan(one[0]) or np.isinf(one[0]):
                tags[row, columns[column]] = -1
                continue
            small[0] = one[0]
            key = np.int64(small_bits[0]) if modes[column] == FLOAT else bits[0]
            slot = _slot(keys, slots, key)
            if slots[slot] < 0:
                slots[slot], keys[slot] = written, key
                written += 1
                at = _value(buffer, at, modes[column], one[0], key)
            tags[row, columns[column]] = slots[slot]
    for column in range(codes.shape[1]):
        slots[:] = -1
        for row in range(len(tags)):
            code = codes[row, column]
            if code < 0:
                tags[row, columns[len(modes) + column]] = -1
                continue
            slot = _slot(keys, slots, np.int64(code))
            if slots[slot] < 0:
                slots[slot], keys[slot] = written, code
                written += 1
                first = text_starts[column] + code
                for k in range(text_offsets[first], text_offsets[first + 1]):
                    buffer[at] = texts[k]
                    at += 1
            tags[row, columns[len(modes) + column]] = slots[slot]
    return at


@njit(cache=True, nogil=True)
def text_room(codes, text_starts, text_offsets):
    """Bytes that the texts of a tile take at most."""
    size = 0
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            if codes[row, column] >= 0:
                first = text_starts[column] + codes[row, column]
                size += text_offsets[first + 1] - text_offsets[first]
    return size


@njit(cache=True, nogil=True)
def _slot(keys, slots, key):
    """Where a key is, or where it may go."""
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64((mixed >> np.uint64(32)) & np.uint64(len(keys) - 1))
    while slots[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@njit(cache=True, nogil=True)
def _value(buffer, at, mode, number, key):
    """Write one number as a value of the layer."""
    buffer[at] = 34
    if mode in (FLOAT, DOUBLE):
        length = 4 if mode == FLOAT else 8
        buffer[at + 1] = length + 1
        buffer[at + 2] = 0x15 if mode == FLOAT else 0x19
        at += 3
        for k in range(length):
            buffer[at + k] = (key >> (8 * k)) & 255
        return at + length
    if mode == FLAG:
        buffer[at + 1], buffer[at + 2], buffer[at + 3] = 2, 0x38, 1 if number else 0
        return at + 4
    whole = np.int64(number)
    coded = (whole << 1) ^ (whole >> 63)
    buffer[at + 1] = 1 + _size(coded)
    buffer[at + 2] = 0x30
    return _put(buffer, at + 3, coded)
