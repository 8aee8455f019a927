"""Compiled: shapes as commands of a Mapbox Vector Tile, and the tile's bytes.

Geometry comes as whole numbers of a quad tree's world, x to the east and y to the south. A shape takes the quick way if
it is simple after rounding and, where the frame cuts it, falls into one piece; all others are left to shapely.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

# kinds of a row's geometry; one that is left to shapely, is not in the tile, or whose outline is known
POINT, LINE, POLYGON = 1, 2, 3
SHAPELY, ELSEWHERE, KNOWN = 0, 4, 5
# longer outlines are left to shapely: whether they cross themselves is looked at pair by pair here
MOST_POINTS = 64
# units of a tile; smaller outlines are written whole where the frame cuts them
WHOLE = 1024
# beyond any coordinate
BEYOND = np.int64(2**62)
# rows after which a column without two alike is taken for one that has none
SAMPLE = 64
# of numbers written out the compiler makes a function for each value
ZERO, ONE, TWO = np.int64(0), np.int64(1), np.int64(2)
MOVE_TO, LINE_TO, CLOSE = 9, 2, 15
FLOAT, INTEGER, FLAG, DOUBLE = 0, 1, 2, 3


@njit(cache=True, nogil=True)
def outlines(begin, coords, offsets, part_kinds, shift, content, ends):
    """Write for rows from `begin` on what follows the first corner of their outline in every tile of a zoom.

    Row ``begin + i`` ends at ``ends[i + 1]``. Nothing is written for a row that is not one ring, simple after rounding
    and at most `WHOLE` units wide and high.
    """
    xs = np.empty((MOST_POINTS + 16, 2), np.int64)
    rings, parts, rows = offsets
    origin, everywhere = np.zeros(2, np.int64), np.array([-BEYOND, -BEYOND, BEYOND, BEYOND])
    at = ZERO
    for i in range(len(ends) - 1):
        first, last = rows[begin + i], rows[begin + i + 1]
        if last - first == 1 and part_kinds[first] == POLYGON and parts[last] - parts[first] == 1:
            ring = parts[first]
            if rings[ring + 1] - rings[ring] <= MOST_POINTS:
                bounds = rings[ring], rings[ring + 1] - 1
                total, turn = _ring_within(coords, bounds[0], bounds[1], origin, shift, everywhere, xs)
                if turn and np.ptp(xs[:total, 0]) <= WHOLE and np.ptp(xs[:total, 1]) <= WHOLE:
                    at = _write_rest(xs, total, turn > 0, content, at)
        ends[i + 1] = at
    return at


@njit(cache=True, nogil=True)
def sorted_out(index, offsets, known_ends, kinds):
    """Tell rows with a known outline from those to look at; returns the latter's positions, and bytes for them at most.

    Fills `kinds`. `known_ends` are the ends of what `outlines` wrote, of no row if empty.
    """
    rings, parts, rows = offsets
    is_known = len(known_ends) > 0
    others = np.empty(len(index), np.int64)
    count, size = ZERO, np.int64(64)
    for i in range(len(index)):
        row = index[i]
        if is_known and known_ends[row + 1] > known_ends[row]:
            kinds[i] = KNOWN
            continue
        kinds[i] = SHAPELY
        others[count] = i
        count += 1
        size += _room(rings, parts, rows[row], rows[row + 1])
    return others[:count], size


@njit(cache=True, nogil=True)
def commands(index, others, coords, offsets, part_kinds, where, content, starts, ends, kinds):
    """Write the encoded commands of the rows at ``index[others]`` into `content`; returns the end.

    Those of row ``index[i]`` stand from ``starts[i]`` to ``ends[i]``; ``kinds[i]`` is `SHAPELY` for one that is left to
    it, `ELSEWHERE` for one that the tile does not meet. `where` is the tile's corner, the shift (a unit of the tile is
    2^shift of the world's), and the frame: west, north, east, south in units of the tile.
    """
    xs = np.empty((MOST_POINTS + 16, 2), np.int64)
    work = np.empty((2 * MOST_POINTS + 32, 2), np.int64)
    ring_of = np.zeros(MOST_POINTS + 16, np.int64)
    rings, parts, rows = offsets
    origin, shift, frame = where
    at = ZERO
    for i in others:
        row = index[i]
        first, last = rows[row], rows[row + 1]
        starts[i] = at
        kind = 0
        for part in range(first, last):
            kind = max(kind, part_kinds[part])
        if kind == POINT:
            at = _points(coords, rings, parts, first, last, origin, shift, frame, content, at)
            kinds[i] = POINT if at > starts[i] else ELSEWHERE
        elif kind == POLYGON and last - first == 1:
            begin, end = parts[first], parts[last]
            points = rings[end] - rings[begin]
            if points <= MOST_POINTS:
                total, turn = ZERO, ZERO
                if end - begin == 1:
                    # one ring, as nearly all have, is looked at here: handing arrays on takes longer than the work
                    total, turn = _ring_within(coords, rings[begin], rings[end] - 1, origin, shift, frame, xs)
                if turn:
                    at = _write_rest(xs, total, turn > 0, content, _move_to(xs[0, 0], xs[0, 1], content, at))
                    kinds[i] = POLYGON
                else:
                    bounds = begin, end
                    at, kinds[i] = _small(coords, rings, bounds, origin, shift, frame, content, at, xs, work, ring_of)
        ends[i] = at
    return at


@njit(cache=True, nogil=True, inline="always")
def _ring_within(coords, first, last, origin, shift, frame, xs):
    """Round a ring into `xs`; returns how many corners it has and its turn, 0 unless it is simple and in the frame."""
    total = ZERO
    # as numbers, or they would be read again for each corner
    origin_x, origin_y, half = origin[0], origin[1], (np.int64(1) << shift) >> 1
    west, north, east, south = BEYOND, BEYOND, -BEYOND, -BEYOND
    px, py = BEYOND, BEYOND
    for k in range(first, last):
        x = (np.int64(coords[k, 0]) - origin_x + half) >> shift
        y = (np.int64(coords[k, 1]) - origin_y + half) >> shift
        if x == px and y == py:
            continue
        xs[total, 0], xs[total, 1] = x, y
        px, py = x, y
        total += 1
        west, east = min(west, x), max(east, x)
        north, south = min(north, y), max(south, y)
    if total > 1 and xs[0, 0] == px and xs[0, 1] == py:
        total -= 1
    turn = np.int64(0)
    if total > 2 and west >= frame[0] and east <= frame[2] and north >= frame[1] and south <= frame[3]:
        turn, is_convex = _turn(xs, total)
        if turn and not is_convex and _crosses(xs, total):
            turn = np.int64(0)
    return total, turn


@njit(cache=True, nogil=True, inline="always")
def _move_to(x, y, content, at):
    """Begin the first outline of a shape."""
    content[at] = MOVE_TO
    return _put(content, _put(content, at + 1, _zigzag(x)), _zigzag(y))


@njit(cache=True, nogil=True, inline="always")
def _write_rest(xs, total, forward, content, at):
    """Write all corners of a ring but the first, where the pen is, and close it; returns the end."""
    at = _put(content, at, ((total - 1) << 3) | LINE_TO)
    x, y = xs[0, 0], xs[0, 1]
    for k in range(1, total):
        j = k if forward else total - k
        at = _put(content, at, _zigzag(xs[j, 0] - x))
        at = _put(content, at, _zigzag(xs[j, 1] - y))
        x, y = xs[j, 0], xs[j, 1]
    content[at] = CLOSE
    return at + 1


@njit(cache=True, nogil=True, inline="always")
def _turn(xs, total):
    """Twice the area of a ring, 0 if it runs back along itself, and whether it turns one way alone, once around."""
    least, most, area = np.int64(0), np.int64(0), np.int64(0)
    turns, heading, is_back = 0, np.int64(0), False
    px, py = xs[0, 0] - xs[total - 1, 0], xs[0, 1] - xs[total - 1, 1]
    for k in range(total):
        j = k + 1 if k + 1 < total else 0
        qx, qy = xs[j, 0] - xs[k, 0], xs[j, 1] - xs[k, 1]
        area += xs[k, 0] * xs[j, 1] - xs[j, 0] * xs[k, 1]
        cross = px * qy - py * qx
        least, most = min(least, cross), max(most, cross)
        if cross == 0 and px * qx + py * qy < 0:
            is_back = True
        # what is convex goes east once and west once
        if qx * heading < 0:
            turns += 1
        if qx:
            heading = qx
        px, py = qx, qy
    if is_back:
        area = np.int64(0)
    return area, (least == 0 or most == 0) and turns <= 2


@njit(cache=True, nogil=True, inline="always")
def _crosses(xs, total):
    """Whether two sides of a ring that are no neighbours have a point in common."""
    found = False
    for a in range(total - 2):
        ax, ay, bx, by = xs[a, 0], xs[a, 1], xs[a + 1, 0], xs[a + 1, 1]
        west, east = min(ax, bx), max(ax, bx)
        north, south = min(ay, by), max(ay, by)
        # the last side of a ring is the first one's neighbour
        for c in range(a + 2, total if a else total - 1):
            d = c + 1 if c + 1 < total else 0
            cx, cy, dx, dy = xs[c, 0], xs[c, 1], xs[d, 0], xs[d, 1]
            if max(cx, dx) < west or min(cx, dx) > east or max(cy, dy) < north or min(cy, dy) > south:
                continue
            found |= _touch(ax, ay, bx, by, cx, cy, dx, dy)
    return found


@njit(cache=True, nogil=True)
def room(begin, end, rings, parts, rows):
    """Bytes that the commands of rows need at most."""
    size = np.int64(64)
    for row in range(begin, end):
        size += _room(rings, parts, rows[row], rows[row + 1])
    return size


@njit(cache=True, nogil=True, inline="always")
def _room(rings, parts, first, last):
    # two coordinates of at most 5 bytes, three commands of a ring, and what cutting adds
    return 10 * (rings[parts[last]] - rings[parts[first]]) + 16 * (last - first) + 160


@njit(cache=True, nogil=True)
def trusted(coords, offsets, part_kinds, content, ends):
    """Write the commands of shapes in whole units of the tile that are valid; see `commands`."""
    rings, parts, rows = offsets
    at = ZERO
    for row in range(len(rows) - 1):
        pen_x, pen_y = ZERO, ZERO
        for part in range(rows[row], rows[row + 1]):
            for ring in range(parts[part], parts[part + 1]):
                start, end = rings[ring], rings[ring + 1]
                forward = True
                if part_kinds[part] == POLYGON:
                    end -= 1  # the last point is the first
                    # y points down: an outer ring is clockwise on the screen, which is a positive area here
                    forward = (_area(coords, start, end) > 0) == (ring == parts[part])
                at = _write_line(coords, start, end, forward, pen_x, pen_y, content, at)
                if part_kinds[part] == POLYGON:
                    content[at] = CLOSE
                    at += 1
                pen = end - 1 if forward else start
                pen_x, pen_y = coords[pen, 0], coords[pen, 1]
        ends[row + 1] = at
    return at


@njit(cache=True, nogil=True, inline="always")
def _zigzag(value):
    return (value << 1) ^ (value >> 63)


@njit(cache=True, nogil=True, inline="always")
def _write_line(corners, start, end, forward, x, y, content, at):
    """Write corners as one MoveTo and one LineTo, with the pen at `x` and `y`; returns the end."""
    step = 1 if forward else -1
    j = start if forward else end - 1
    content[at] = MOVE_TO
    at = _put(content, at + 1, _zigzag(corners[j, 0] - x))
    at = _put(content, at, _zigzag(corners[j, 1] - y))
    x, y = corners[j, 0], corners[j, 1]
    if end - start > 1:
        at = _put(content, at, ((end - start - 1) << 3) | LINE_TO)
    for _ in range(end - start - 1):
        j += step
        at = _put(content, at, _zigzag(corners[j, 0] - x))
        at = _put(content, at, _zigzag(corners[j, 1] - y))
        x, y = corners[j, 0], corners[j, 1]
    return at


@njit(cache=True, nogil=True, inline="always")
def _write_ring(corners, start, end, forward, x, y, content, at):
    at = _write_line(corners, start, end, forward, x, y, content, at)
    content[at] = CLOSE
    return at + 1


@njit(cache=True, nogil=True, inline="always")
def _rounded(value, corner, shift):
    """Nearest whole unit of the tile."""
    return (np.int64(value) - corner + ((np.int64(1) << shift) >> 1)) >> shift


@njit(cache=True, nogil=True)
def _points(coords, rings, parts, first, last, origin, shift, frame, content, at):
    """Write all points of a row that lie in the frame, as one command."""
    count = 0
    for part in range(first, last):
        k = rings[parts[part]]
        x, y = _rounded(coords[k, 0], origin[0], shift), _rounded(coords[k, 1], origin[1], shift)
        count += frame[0] <= x <= frame[2] and frame[1] <= y <= frame[3]
    if count == 0:
        return at
    at = _put(content, at, (np.int64(count) << 3) | 1)
    pen_x, pen_y = ZERO, ZERO
    for part in range(first, last):
        k = rings[parts[part]]
        x, y = _rounded(coords[k, 0], origin[0], shift), _rounded(coords[k, 1], origin[1], shift)
        if frame[0] <= x <= frame[2] and frame[1] <= y <= frame[3]:
            at = _put(content, at, _zigzag(x - pen_x))
            at = _put(content, at, _zigzag(y - pen_y))
            pen_x, pen_y = x, y
    return at


@njit(cache=True, nogil=True)
def _small(coords, rings, bounds, origin, shift, frame, content, at, xs, work, ring_of):
    """Write one small polygon; returns the end and its kind."""
    first, last = bounds
    total = ZERO
    west, north, east, south = BEYOND, BEYOND, -BEYOND, -BEYOND
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
                    return at, ELSEWHERE
                x, y = min(max(west, frame[0]), frame[2] - 1), min(max(north, frame[1]), frame[3] - 1)
                return _triangle(content, at, x, y), POLYGON
            total = begin  # a hole that is gone
        else:
            kept_rings += 1
    if east < frame[0] or west > frame[2] or south < frame[1] or north > frame[3]:
        return at, ELSEWHERE
    if _tangled(xs, ring_of, total):
        return at, SHAPELY
    if west >= frame[0] and east <= frame[2] and north >= frame[1] and south <= frame[3]:
        return _write_rings(xs, ring_of, total, ONE, content, at), POLYGON
    if kept_rings > 1:
        return at, SHAPELY
    count = _clipped(xs, total, frame, ZERO, work, ring_of)
    if count == 0:
        return at, ELSEWHERE
    if count < 0 or _tangled(work, ring_of, count):
        # a corner on the frame ties pieces together; a unit further in it does not
        ring_of[:total] = 0
        count = _clipped(xs, total, frame, ONE, work, ring_of)
        if count <= 0 or _tangled(work, ring_of, count):
            return at, SHAPELY
    # what is cut off may leave two pieces, both with an outer ring
    return _write_rings(work, ring_of, count, TWO, content, at), POLYGON


@njit(cache=True, nogil=True)
def _triangle(content, at, x, y):
    """Write the smallest triangle."""
    at = _move_to(x, y, content, at)
    for byte in (18, 2, 0, 1, 2, CLOSE):
        content[at] = byte
        at += 1
    return at


@njit(cache=True, nogil=True)
def _area(xs, begin, end):
    area = np.int64(0)
    for k in range(begin, end):
        j = k + 1 if k + 1 < end else begin
        area += xs[k, 0] * xs[j, 1] - xs[j, 0] * xs[k, 1]
    return area


@njit(cache=True, nogil=True)
def _write_rings(xs, ring_of, total, outer, content, at):
    """Write rings, those with a number below `outer` as outer ones; returns the end."""
    x, y = ZERO, ZERO
    begin = ZERO
    while begin < total:
        end = begin
        while end < total and ring_of[end] == ring_of[begin]:
            end += 1
        forward = (_area(xs, begin, end) > 0) == (ring_of[begin] < outer)
        at = _write_ring(xs, begin, end, forward, x, y, content, at)
        pen = end - 1 if forward else begin
        x, y = xs[pen, 0], xs[pen, 1]
        begin = end
    return at


@njit(cache=True, nogil=True)
def _tangled(xs, ring_of, total):
    """Whether any two sides of a polygon's rings meet other than at the corner they share."""
    begin = ZERO
    while begin < total:
        end = begin + 1
        while end < total and ring_of[end] == ring_of[begin]:
            end += 1
        if end - begin < 3:
            return True
        turn, is_convex = _turn(xs[begin:end], end - begin)
        if turn == 0 or (not is_convex and _crosses(xs[begin:end], end - begin)):
            return True
        for a in range(begin, end):
            a2 = a + 1 if a + 1 < end else begin
            if _meets(xs, ring_of, a, a2, end, total):
                return True
        begin = end
    return False


@njit(cache=True, nogil=True)
def _meets(xs, ring_of, a, a2, begin, total):
    """Whether a side of one ring meets any of those from `begin` on."""
    ax, ay, bx, by = xs[a, 0], xs[a, 1], xs[a2, 0], xs[a2, 1]
    start = begin
    for c in range(begin, total):
        if ring_of[c] != ring_of[start]:
            start = c
        d = c + 1 if c + 1 < total and ring_of[c + 1] == ring_of[c] else start
        cx, cy, dx, dy = xs[c, 0], xs[c, 1], xs[d, 0], xs[d, 1]
        if max(cx, dx) < min(ax, bx) or min(cx, dx) > max(ax, bx):
            continue
        if max(cy, dy) >= min(ay, by) and min(cy, dy) <= max(ay, by) and _touch(ax, ay, bx, by, cx, cy, dx, dy):
            return True
    return False


@njit(cache=True, nogil=True, inline="always")
def _touch(ax, ay, bx, by, cx, cy, dx, dy):
    """Whether two sides whose boxes meet have a point in common."""
    one = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    two = (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    three = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)
    four = (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    is_aside = (one > 0 and two > 0) or (one < 0 and two < 0)
    return not (is_aside or (three > 0 and four > 0) or (three < 0 and four < 0))


@njit(cache=True, nogil=True)
def _clipped(xs, total, frame, inset, work, ring_of):
    """Cut a ring `inset` units within the frame, side by side.

    Returns the number of corners in `work`, with their rings in `ring_of`: one ring, or two where one side cuts the
    shape into two pieces; -1 if it falls into more, or another side cuts the pieces.
    """
    half = len(work) // 2
    source, target = work[:half], work[half:]
    place, value = np.empty(4, np.int64), np.empty(4, np.int64)
    count = _kept(xs, ZERO, total, source, ZERO, ZERO, ring_of, ZERO)
    pieces = 1
    for side in range(4):
        axis = side % 2
        other = 1 - axis
        limit = frame[side] - inset if side >= 2 else frame[side] + inset
        crossings = 0
        out = ZERO
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
            below, above = _middle(value)
            if below == above:
                return -1
            if (value[one] < above) == (value[one + 1] < above):
                begin, end = place[one], place[one + 1] + 1
                pieces = 2
        # rounding may have put corners onto each other
        first = _kept(target, ZERO, begin, source, ZERO, ZERO, ring_of, ZERO)
        first = _closed(source, ZERO, _kept(target, end, out, source, first, ZERO, ring_of, ZERO))
        count = _closed(source, first, _kept(target, begin, end, source, first, first, ring_of, ONE))
        if count == 0:
            return 0
    return count


@njit(cache=True, nogil=True)
def _middle(value):
    """Second and third of four numbers in order."""
    low, high = min(value[0], value[1]), max(value[0], value[1])
    other_low, other_high = min(value[2], value[3]), max(value[2], value[3])
    one, two = max(low, other_low), min(high, other_high)
    return min(one, two), max(one, two)


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
def features(buffer, ids, kinds, starts, ends, content, place, outlines, tags):
    """Write features with their commands and tags to the end of `buffer`; returns where they begin.

    From the last byte to the first: how long something is stands before it, and is known then. Of those of kind `KNOWN`
    the first corner is at ``corners[id]`` of the world, what follows is known; `place` is the tile's corner and the
    shift, `outlines` are corners, ends and what is known. Those `ELSEWHERE` are left out.
    """
    origin, shift = place
    corners, known_ends, known = outlines
    origin_x, origin_y = origin[0], origin[1]
    width = tags.shape[1]
    at = np.int64(len(buffer))
    for i in range(len(ids) - 1, -1, -1):
        kind, row = kinds[i], ids[i]
        if kind == ELSEWHERE:
            continue
        feature_end = at
        if kind == KNOWN:
            kind = POLYGON
            start, end = np.int64(known_ends[row]), np.int64(known_ends[row + 1])
            at -= end - start
            for k in range(end - start):
                buffer[at + k] = known[start + k]
            at = _put_before(buffer, at, _zigzag(_rounded(corners[row, 1], origin_y, shift)))
            at = _put_before(buffer, at, _zigzag(_rounded(corners[row, 0], origin_x, shift))) - 1
            buffer[at] = MOVE_TO
        else:
            at -= ends[i] - starts[i]
            for k in range(ends[i] - starts[i]):
                buffer[at + k] = content[starts[i] + k]
        at = _put_before(buffer, at, feature_end - at) - 3
        buffer[at] = 24  # its type
        buffer[at + 1] = kind
        buffer[at + 2] = 34  # its geometry
        tags_end = at
        for k in range(width - 1, -1, -1):
            tag = np.int64(tags[i, k])
            if tag >= 0:
                at = _put_before(buffer, _put_before(buffer, at, tag), k)
        at = _put_before(buffer, at, tags_end - at) - 1
        buffer[at] = 18  # its tags
        at = _put_before(buffer, at, row) - 1
        buffer[at] = 8  # its id
        at = _put_before(buffer, at, feature_end - at) - 1
        buffer[at] = 18  # a feature of the layer
    return at


@njit(cache=True, nogil=True, inline="always")
def _put_before(buffer, at, number):
    """Write a number that ends before `at`; returns where it begins."""
    if number < 1 << 14:
        # without a branch for one byte or two, which nobody could foresee
        two = np.int64(number > 127)
        buffer[at - 2] = (number & 127) | 128
        buffer[at - 1] = number >> (7 * two)
        return at - 1 - two
    at -= _size(number)
    _put(buffer, at, number)
    return at


@njit(cache=True, nogil=True)
def values(buffer, at, numbers, modes, codes, text_starts, text_offsets, texts, columns, tags):
    """Write each different value of a column once, and into `tags` where it stands; returns the end.

    `numbers` has a row for each mode and a column for each feature (NaN where missing), `codes` likewise for texts (-1
    where missing), whose encoded values lie in `texts`. `columns` says where in `tags` each of both kinds goes.
    """
    size, shift = 16, np.uint64(60)
    while size < 2 * len(tags):
        size, shift = 2 * size, shift - np.uint64(1)
    slots = np.empty(size, np.int32)
    keys = np.empty(size, np.int64)
    wide, narrow = numbers.view(np.int64), numbers.astype(np.float32).view(np.int32)
    written = 0
    for column in range(len(modes)):
        slots[:] = -1
        first, mode, to = written, modes[column], columns[column]
        for row in range(len(tags)):
            number = numbers[column, row]
            if not np.isfinite(number):
                tags[row, to] = -1
                continue
            key = np.int64(narrow[column, row]) if mode == FLOAT else wide[column, row]
            if row >= SAMPLE and written - first == row:
                # no two were alike so far: to look for the next would take longer than to write it
                slot = 0
                slots[0] = -1
            else:
                slot = _slot(keys, slots, key, shift)
            if slots[slot] < 0:
                slots[slot], keys[slot] = written, key
                written += 1
                at = _value(buffer, at, mode, number, key)
            tags[row, to] = slots[slot]
    for column in range(codes.shape[0]):
        slots[:] = -1
        to = columns[len(modes) + column]
        for row in range(len(tags)):
            code = codes[column, row]
            if code < 0:
                tags[row, to] = -1
                continue
            slot = _slot(keys, slots, np.int64(code), shift)
            if slots[slot] < 0:
                slots[slot], keys[slot] = written, code
                written += 1
                first = text_starts[column] + code
                for k in range(text_offsets[first], text_offsets[first + 1]):
                    buffer[at] = texts[k]
                    at += 1
            tags[row, to] = slots[slot]
    return at


@njit(cache=True, nogil=True, inline="always")
def _slot(keys, slots, key, shift):
    """Where a key is, or where it may go."""
    # the highest bits of the product: the lower ones of round numbers are all zero
    slot = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> shift)
    while slots[slot] >= 0 and keys[slot] != key:
        slot = (slot + 1) & (len(keys) - 1)
    return slot


@njit(cache=True, nogil=True, inline="always")
def _value(buffer, at, mode, number, key):
    """Write one number as a value of the layer."""
    buffer[at] = 34
    if mode == FLOAT:
        buffer[at + 1], buffer[at + 2] = 5, 0x15
        for k in range(4):
            buffer[at + 3 + k] = (key >> (8 * k)) & 255
        return at + 7
    if mode == DOUBLE:
        buffer[at + 1], buffer[at + 2] = 9, 0x19
        for k in range(8):
            buffer[at + 3 + k] = (key >> (8 * k)) & 255
        return at + 11
    if mode == FLAG:
        buffer[at + 1], buffer[at + 2], buffer[at + 3] = 2, 0x38, 1 if number else 0
        return at + 4
    whole = np.int64(number)
    coded = (whole << 1) ^ (whole >> 63)
    buffer[at + 1] = 1 + _size(coded)
    buffer[at + 2] = 0x30
    return _put(buffer, at + 3, coded)
