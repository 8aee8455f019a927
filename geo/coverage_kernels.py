"""Compiled kernels of `geo.coverage`: grid of zones, sides of points, shared areas.

Edges are rows ``ax, ay, bx, by`` relative to the grid's corner, with the inside of their polygon on the left. A grid is
``cell_m, nx, ny, kind, mixed, entries, edges``. ``kind[cell]`` is a zone that holds the whole cell, NOWHERE, or
``-2 - m`` for mixed cell m. Its entries ``mixed[m]:mixed[m + 1]`` are the zones that meet the cell, ascending: zone,
whether the zone holds the cell's centre (an answer of `side`), and where its edges in the cell begin; those of entry k
are ``edges[entries[k, 2]:entries[k + 1, 2]]``.

Threads share the arrays: slices, tuples of arrays and rows taken out of a loop would count references from all of them
and cost more than the work itself. So the loops pass arrays and numbers.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, prange

from geo.coverage import MIXED, NOWHERE, UNSURE

EPSILON_M = 1e-7
OUTSIDE, INSIDE, TOO_CLOSE = 0, 1, 2
CENTRE_X, CENTRE_Y = 0.5012345, 0.4976543  # off the middle, where the vertices of regular grids lie
MAX_EDGES, MAX_SPLITS = 512, 64
CHUNKS, BLOCK = 64, 1024


@njit(cache=True, nogil=True)
def ring_area(coords, start, end):
    """Signed area of a ring, from its first vertex so that large coordinates cost no digits."""
    x, y = coords[start, 0], coords[start, 1]
    area, ax, ay = 0.0, 0.0, 0.0
    for i in range(start + 1, end):
        bx, by = coords[i, 0] - x, coords[i, 1] - y
        area += ax * by - bx * ay
        ax, ay = bx, by
    return area / 2


@njit(cache=True, nogil=True, parallel=True)
def edges_of(coords, west, south, rings, parts, rows):
    """Edges of all rings and their zones; a repeated vertex leaves an edge without length."""
    n = rings[-1] - rings[0] - (len(rings) - 1)
    out, zone = np.empty((n, 4)), np.empty(n, np.int32)
    for row in prange(len(rows) - 1):
        for part in range(rows[row], rows[row + 1]):
            for ring in range(parts[part], parts[part + 1]):
                ahead = (ring_area(coords, rings[ring], rings[ring + 1]) > 0) == (ring == parts[part])
                for i in range(rings[ring], rings[ring + 1] - 1):
                    a, b = (i, i + 1) if ahead else (i + 1, i)
                    e = i - rings[0] - ring
                    out[e, 0], out[e, 1] = coords[a, 0] - west, coords[a, 1] - south
                    out[e, 2], out[e, 3] = coords[b, 0] - west, coords[b, 1] - south
                    zone[e] = row
    return out, zone


@njit(cache=True, nogil=True)
def _rows_of(ax, ay, bx, by, cell_m):
    """First and last row that an edge meets; none for an edge without length."""
    if ax == bx and ay == by:
        return 0, -1
    return int((min(ay, by) - EPSILON_M) / cell_m), int((max(ay, by) + EPSILON_M) / cell_m)


@njit(cache=True, nogil=True)
def _columns_of(ax, ay, bx, by, r, cell_m, nx):
    """First and last column that an edge meets in a row that it meets."""
    dx, dy = bx - ax, by - ay
    xa, xb = ax, bx
    if abs(dy) > 4 * EPSILON_M:
        y0 = max(min(ay, by), r * cell_m - EPSILON_M)
        y1 = min(max(ay, by), (r + 1) * cell_m + EPSILON_M)
        t0, t1 = min(max((y0 - ay) / dy, 0.0), 1.0), min(max((y1 - ay) / dy, 0.0), 1.0)
        xa, xb = ax + t0 * dx, ax + t1 * dx
    # the slope may carry the pad in y along x: widen by a millionth of the edge's run
    pad = EPSILON_M + 1e-6 * abs(dx)
    return max(int((min(xa, xb) - pad) / cell_m), 0), min(int((max(xa, xb) + pad) / cell_m), nx - 1)


@njit(cache=True, nogil=True)
def starts(at):
    """Turn counts by chunk and bucket into where each chunk writes its part, and return where the buckets start."""
    start = np.zeros(at.shape[1] + 1, np.int64)
    total = 0
    for r in range(at.shape[1]):
        start[r] = total
        for chunk in range(at.shape[0]):
            count = at[chunk, r]
            at[chunk, r] = total
            total += count
    start[at.shape[1]] = total
    return start


@njit(cache=True, nogil=True, parallel=True)
def by_row(edges, cell_m, ny):
    """Numbers of the edges that meet each row of cells, ascending, and the offsets of the rows."""
    n = len(edges)
    at = np.zeros((CHUNKS, ny), np.int64)
    for chunk in prange(CHUNKS):
        for e in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            first, last = _rows_of(edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3], cell_m)
            for r in range(first, last + 1):
                at[chunk, r] += 1
    start = starts(at)
    listed = np.empty(start[ny], np.int32)
    for chunk in prange(CHUNKS):
        for e in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            first, last = _rows_of(edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3], cell_m)
            for r in range(first, last + 1):
                listed[at[chunk, r]] = e
                at[chunk, r] += 1
    return start, listed


@njit(cache=True, nogil=True)
def cells(edges, zone, closed, cell_m, nx, ny):
    """Sort edges into cells and say which zone holds what; returns the arrays of a grid.

    Where edges are not `closed` around zones, as those of lines, no zone holds anything.

    Without overlap of zones every entry has an edge, so there is room for as many entries as edges. Where that does
    not do, it is done once more with the room that it took.
    """
    start, listed = by_row(edges, cell_m, ny)
    first = edges_by_row(edges, start, listed, cell_m, nx, ny)
    kind, cell_edges = np.empty(nx * ny, np.int32), np.empty((first[ny], 4))
    room = first[1:] - first[:-1]
    while True:
        # each row ends with an entry that only says where the last one ends
        base = np.zeros(ny + 1, np.int64)
        base[1:] = np.cumsum(room + 1)
        mixed, entries = np.empty(base[ny], np.int32), np.empty((base[ny], 3), np.int32)
        needed = sweep(
            edges, zone, closed, start, listed, first, base, room, cell_m, nx, kind, mixed, entries, cell_edges
        )
        if (needed <= room).all():
            return kind, mixed, entries, cell_edges
        room = np.maximum(room, needed)


@njit(cache=True, nogil=True, parallel=True)
def edges_by_row(edges, start, listed, cell_m, nx, ny):
    """Offsets of each row's edges once they are listed by cell."""
    first = np.zeros(ny + 1, np.int64)
    for r in prange(ny):
        n = 0
        for j in range(start[r], start[r + 1]):
            e = listed[j]
            c0, c1 = _columns_of(edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3], r, cell_m, nx)
            n += c1 - c0 + 1
        first[r + 1] = n
    for r in range(ny):
        first[r + 1] += first[r]
    return first


@njit(cache=True, nogil=True, parallel=True)
def sweep(edges, zone, closed, start, listed, first, base, room, cell_m, nx, kind, mixed, entries, cell_edges):
    """Write all rows of a grid; returns how many entries each needs, which are not all there if above `room`."""
    needed = np.empty(len(room), np.int64)
    for r in prange(len(room)):
        own, own_zone = _row(edges, zone, listed, start[r], start[r + 1])
        needed[r] = _sweep(
            r, own, own_zone, closed, cell_m, nx, first[r], base[r], room[r], kind, mixed, entries, cell_edges
        )
    return needed


@njit(cache=True, nogil=True)
def _row(edges, zone, listed, start, end):
    """Copy the edges of one row, which lie far apart."""
    own, own_zone = np.empty((end - start, 4)), np.empty(end - start, np.int32)
    for j in range(start, end):
        e = listed[j]
        for k in range(4):
            own[j - start, k] = edges[e, k]
        own_zone[j - start] = zone[e]
    return own, own_zone


@njit(cache=True, nogil=True)
def _sweep(r, own, zone, closed, cell_m, nx, e, base, room, kind, mixed, entries, cell_edges):
    """Walk along the centres of a row of cells, in and out of zones; returns the number of entries."""
    y = (r + CENTRE_Y) * cell_m
    first, local = _by_column(own, r, cell_m, nx)
    turn, turns = _crossings(own, len(own) if closed else 0, zone, y, cell_m, nx)
    active = np.empty(8, np.int32)  # zones that hold the centre, ascending
    n_active, m, n = 0, base, 0
    for c in range(nx):
        for j in range(turn[c], turn[c + 1]):
            if n_active == len(active):
                active = np.concatenate((active, active))
            n_active = _toggle(active, n_active, turns[j])
        if first[c] == first[c + 1] and n_active < 2:
            kind[r * nx + c] = active[0] if n_active else NOWHERE
            continue
        if n < room:
            kind[r * nx + c] = -2 - m
            mixed[m] = base + n
            m += 1
        j, a = first[c], 0
        while j < first[c + 1] or a < n_active:
            # merge the zones with edges here and those that hold the centre
            here = active[a] if a < n_active else zone[local[j]]
            if j < first[c + 1]:
                here = min(here, zone[local[j]])
            held = a < n_active and active[a] == here
            a += held
            last = j
            while last < first[c + 1] and zone[local[last]] == here:
                last += 1
            if n < room:
                k = base + n
                entries[k, 0], entries[k, 2] = here, e
                entries[k, 1] = _copied(own, local, j, last, cell_edges, e, (c + CENTRE_X) * cell_m, y, held)
            e += last - j
            n += 1
            j = last
    mixed[m], entries[base + min(n, room), 2] = base + n, e
    return n


@njit(cache=True, nogil=True)
def _copied(own, local, start, end, cell_edges, e, x, y, held):
    """Copy the edges of an entry; returns whether the zone holds the centre, TOO_CLOSE if an edge passes it."""
    found = INSIDE if held else OUTSIDE
    for j in range(start, end):
        i = local[j]
        for k in range(4):
            cell_edges[e + j - start, k] = own[i, k]
        if _near(own[i, 0] - x, own[i, 1] - y, own[i, 2] - x, own[i, 3] - y):
            found = TOO_CLOSE
    return found


@njit(cache=True, nogil=True)
def _by_column(own, r, cell_m, nx):
    """Edges of a row in each of its cells: offsets and numbers, ascending within a cell."""
    n = len(own)
    spans = np.empty((n, 2), np.int32)
    first = np.zeros(nx + 1, np.int32)
    for k in range(n):
        c0, c1 = _columns_of(own[k, 0], own[k, 1], own[k, 2], own[k, 3], r, cell_m, nx)
        spans[k, 0], spans[k, 1] = c0, c1
        for c in range(c0, c1 + 1):
            first[c + 1] += 1
    for c in range(nx):
        first[c + 1] += first[c]
    local, at = np.empty(first[nx], np.int32), first.copy()
    for k in range(n):
        for c in range(spans[k, 0], spans[k, 1] + 1):
            local[at[c]] = k
            at[c] += 1
    return first, local


@njit(cache=True, nogil=True)
def _crossings(own, n, zone, y, cell_m, nx):
    """Zones whose boundary is crossed on the way to each column's centre: offsets and zones."""
    column = np.empty(n, np.int32)
    turn = np.zeros(nx + 2, np.int32)
    for k in range(n):
        ax, ay, bx, by = own[k, 0], own[k, 1], own[k, 2], own[k, 3]
        column[k] = -1
        if (ay > y) != (by > y):
            crossed = ax + (y - ay) / (by - ay) * (bx - ax)
            column[k] = min(max(int(np.ceil(crossed / cell_m - CENTRE_X)), 0), nx)
            turn[column[k] + 1] += 1
    for c in range(nx + 1):
        turn[c + 1] += turn[c]
    turns, at = np.empty(turn[nx + 1], np.int32), turn.copy()
    for k in range(n):
        if column[k] >= 0:
            turns[at[column[k]]] = zone[k]
            at[column[k]] += 1
    return turn, turns


@njit(cache=True, nogil=True)
def _toggle(active, n, zone):
    """Take a zone into an ascending list, or out of it; returns the new length."""
    k = 0
    while k < n and active[k] < zone:
        k += 1
    if k < n and active[k] == zone:
        for j in range(k, n - 1):
            active[j] = active[j + 1]
        return n - 1
    for j in range(n, k, -1):
        active[j] = active[j - 1]
    active[k] = zone
    return n + 1


@njit(cache=True, nogil=True)
def _near(ax, ay, bx, by):
    """Whether an edge passes the point 0, 0 so close that the point's side cannot be told."""
    if min(ax, bx) > EPSILON_M or max(ax, bx) < -EPSILON_M or min(ay, by) > EPSILON_M or max(ay, by) < -EPSILON_M:
        return False
    return abs(ax * by - ay * bx) <= EPSILON_M * (abs(bx - ax) + abs(by - ay))


@njit(cache=True, nogil=True)
def side_of_entry(px, py, cell, k, cell_m, nx, entries, edges):
    """Whether a point is inside a zone: what its cell's centre is, turned by every edge between the two.

    A vertex on the way lies on the same side for both of its edges, so they count as one crossing or none.
    """
    found = entries[k, 1]
    if found == TOO_CLOSE:
        return TOO_CLOSE
    dx, dy = (cell % nx + CENTRE_X) * cell_m - px, (cell // nx + CENTRE_Y) * cell_m - py
    for e in range(entries[k, 2], entries[k + 1, 2]):
        ax, ay, bx, by = edges[e, 0] - px, edges[e, 1] - py, edges[e, 2] - px, edges[e, 3] - py
        if _near(ax, ay, bx, by):
            return TOO_CLOSE
        a, b = dx * ay - dy * ax, dx * by - dy * bx
        if (a > 0) != (b > 0):
            cross = ax * by - ay * bx
            other = cross + a - b  # the same for the centre
            if min(abs(cross), abs(other)) <= EPSILON_M * (abs(bx - ax) + abs(by - ay)):
                return TOO_CLOSE
            if (cross > 0) != (other > 0):
                found = INSIDE if found == OUTSIDE else OUTSIDE
    return found


@njit(cache=True, nogil=True)
def side(px, py, zone, cell_m, nx, ny, kind, mixed, entries, edges):
    """Whether a point is inside a zone; TOO_CLOSE to one of its edges to say."""
    if px < 0 or py < 0 or px >= nx * cell_m or py >= ny * cell_m:
        return OUTSIDE
    cell = int(py / cell_m) * nx + int(px / cell_m)
    here = kind[cell]
    if here > MIXED:
        return INSIDE if here == zone else OUTSIDE
    for k in range(mixed[-2 - here], mixed[-1 - here]):
        if entries[k, 0] == zone:
            return side_of_entry(px, py, cell, k, cell_m, nx, entries, edges)
    return OUTSIDE


@njit(cache=True, nogil=True, parallel=True)
def locate(x, y, west, south, out, cell_m, nx, ny, kind, mixed, entries, edges):
    """Zone of each point, the lowest of several; UNSURE where a boundary is too close."""
    n = len(x)
    for block in prange((n + BLOCK - 1) // BLOCK):
        start, end = block * BLOCK, min(n, block * BLOCK + BLOCK)
        # two loops: without branches on what it reads, the first fetches for many points at once
        for i in range(start, end):
            out[i] = kind[cell_of(x[i] - west, y[i] - south, cell_m, nx, ny)]
        for i in range(start, end):
            px, py = x[i] - west, y[i] - south
            if px < 0 or py < 0 or px >= nx * cell_m or py >= ny * cell_m:
                out[i] = NOWHERE
            elif out[i] <= MIXED:
                cell = cell_of(px, py, cell_m, nx, ny)
                out[i] = lowest(px, py, cell, -2 - out[i], cell_m, nx, mixed, entries, edges)


@njit(cache=True, nogil=True)
def cell_of(px, py, cell_m, nx, ny):
    """Cell of a point, one on the grid's rim for a point beyond."""
    c, r = min(max(px / cell_m, 0.0), nx - 1.0), min(max(py / cell_m, 0.0), ny - 1.0)
    return int(r) * nx + int(c)


@njit(cache=True, nogil=True)
def lowest(px, py, cell, m, cell_m, nx, mixed, entries, edges):
    """Lowest zone that holds a point in mixed cell `m`; NOWHERE, or UNSURE where a boundary is too close."""
    for k in range(mixed[m], mixed[m + 1]):
        found = side_of_entry(px, py, cell, k, cell_m, nx, entries, edges)
        if found == TOO_CLOSE:
            return UNSURE
        if found == INSIDE:
            return entries[k, 0]
    return NOWHERE


@njit(cache=True, nogil=True, parallel=True)
def labels(coords, west, south, rings, parts, rows, label, area, cell_m, nx, ny, kind):
    """Area of each source, and the zone that holds it wholly; NOWHERE, or MIXED where a boundary may cross it."""
    n = len(label)
    for block in prange((n + BLOCK - 1) // BLOCK):
        start, end = block * BLOCK, min(n, block * BLOCK + BLOCK)
        boxes = np.zeros((BLOCK, 4), np.int64)
        for i in range(start, end):
            area[i] = _area(coords, rings, parts, rows[i], rows[i + 1])
            if area[i] > 0:
                first, last = rings[parts[rows[i]]], rings[parts[rows[i + 1]]]
                c0, c1, r0, r1 = _cells_of(coords, west, south, first, last, cell_m, nx, ny)
                k = i - start
                boxes[k, 0], boxes[k, 1], boxes[k, 2], boxes[k, 3] = c0, c1, r0, r1
        # a loop of its own, without branches on what it reads: the processor fetches for many sources at once
        for i in range(start, end):
            c0, c1, r0, r1 = boxes[i - start, 0], boxes[i - start, 1], boxes[i - start, 2], boxes[i - start, 3]
            a, b, c, d = kind[r0 * nx + c0], kind[r0 * nx + c1], kind[r1 * nx + c0], kind[r1 * nx + c1]
            label[i] = max(a, MIXED) if (a ^ b) | (a ^ c) | (a ^ d) == 0 else MIXED
        for i in range(start, end):
            c0, c1, r0, r1 = boxes[i - start, 0], boxes[i - start, 1], boxes[i - start, 2], boxes[i - start, 3]
            if c1 - c0 > 1 or r1 - r0 > 1:
                label[i] = _common(c0, c1, r0, r1, nx, kind)


@njit(cache=True, nogil=True)
def _area(coords, rings, parts, first, last):
    """Area of parts, without their holes."""
    total = 0.0
    for part in range(first, last):
        for ring in range(parts[part], parts[part + 1]):
            a = abs(ring_area(coords, rings[ring], rings[ring + 1]))
            total += a if ring == parts[part] else -a
    return total


@njit(cache=True, nogil=True)
def _common(c0, c1, r0, r1, nx, kind):
    """What all cells of a range are; MIXED if they differ."""
    one = kind[r0 * nx + c0]
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            if kind[r * nx + c] != one:
                return MIXED
    return max(one, MIXED)


@njit(cache=True, nogil=True)
def _cells_of(coords, west, south, first, last, cell_m, nx, ny):
    """Range of cells that a source's bounding box meets; beyond the grid, the cells of its rim, which no zone fills."""
    x0, y0 = coords[first, 0], coords[first, 1]
    x1, y1 = x0, y0
    for j in range(first + 1, last):
        x, y = coords[j, 0], coords[j, 1]
        x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    return (
        int(min(max((x0 - west - EPSILON_M) / cell_m, 0.0), nx - 1.0)),
        int(min(max((x1 - west + EPSILON_M) / cell_m, 0.0), nx - 1.0)),
        int(min(max((y0 - south - EPSILON_M) / cell_m, 0.0), ny - 1.0)),
        int(min(max((y1 - south + EPSILON_M) / cell_m, 0.0), ny - 1.0)),
    )


@njit(cache=True, nogil=True, parallel=True)
def overlaps(
    index, coords, west, south, rings, parts, rows, area, count, zones, shared,
    cell_m, nx, ny, kind, mixed, entries, edges,
):  # fmt: skip
    """Exact area of the sources at `index` in each zone near them, ascending.

    `count` says how many zones are near; where it is more than `zones` is wide, nothing was computed. UNSURE where
    shapely has to decide.
    """
    room = zones.shape[1]
    for chunk in prange(CHUNKS):
        near, near_zone = np.empty((MAX_EDGES, 4)), np.empty(MAX_EDGES, np.int32)
        own, cuts = np.empty((MAX_EDGES, 4)), np.empty(MAX_SPLITS)
        source = np.empty((64, 4))
        for k in range(chunk * len(index) // CHUNKS, (chunk + 1) * len(index) // CHUNKS):
            i = index[k]
            first, last = rings[parts[rows[i]]], rings[parts[rows[i + 1]]]
            c0, c1, r0, r1 = _cells_of(coords, west, south, first, last, cell_m, nx, ny)
            n = _zones_in(c0, c1, r0, r1, zones, k, nx, kind, mixed, entries)
            count[k] = n
            if n > room:
                continue
            if last - first > len(source):
                source = np.empty((2 * (last - first), 4))
            n_source = _source_edges(coords, west, south, rings, parts, rows[i], rows[i + 1], source)
            n_near = _edges_near(source, n_source, c0, c1, r0, r1, near, near_zone, nx, kind, mixed, entries, edges)
            if n_near < 0:
                count[k] = UNSURE
                continue
            for j in range(n):
                n_own = _edges_of_zone(near, near_zone, n_near, zones[k, j], own)
                value = 0.0
                if n_own == 0:
                    found = side(source[0, 0], source[0, 1], zones[k, j], cell_m, nx, ny, kind, mixed, entries, edges)
                    value = np.nan if found == TOO_CLOSE else area[i] if found == INSIDE else 0.0
                else:
                    value = _inside_zone(
                        source, n_source, own, n_own, cuts, zones[k, j], cell_m, nx, ny, kind, mixed, entries, edges
                    ) + _inside_source(source, n_source, own, n_own, cuts)
                if np.isnan(value):
                    count[k] = UNSURE
                    break
                shared[k, j] = max(value, 0.0)


@njit(cache=True, nogil=True)
def _zones_in(c0, c1, r0, r1, zones, k, nx, kind, mixed, entries):
    """Write the zones that meet a range of cells, ascending; returns their number, more where there is no room."""
    n = 0
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            here = kind[r * nx + c]
            if here >= 0:
                n = _include(zones, k, n, here)
            elif here <= MIXED:
                for j in range(mixed[-2 - here], mixed[-1 - here]):
                    n = _include(zones, k, n, entries[j, 0])
    return n


@njit(cache=True, nogil=True)
def _include(zones, k, n, zone):
    """Take a zone into an ascending list; returns the new length, one more than there is room for at the most."""
    room = zones.shape[1]
    j = 0
    while j < min(n, room) and zones[k, j] < zone:
        j += 1
    if n > room or (j < n and zones[k, j] == zone):
        return n
    for i in range(min(n, room - 1), j, -1):
        zones[k, i] = zones[k, i - 1]
    if j < room:
        zones[k, j] = zone
    return n + 1


@njit(cache=True, nogil=True)
def _source_edges(coords, west, south, rings, parts, first, last, out):
    """Write the edges of one source ring by ring, each from the end of the one before; returns how many."""
    m = 0
    for part in range(first, last):
        for ring in range(parts[part], parts[part + 1]):
            start, end = rings[ring], rings[ring + 1]
            ahead = (ring_area(coords, start, end) > 0) == (ring == parts[part])
            for step in range(end - start - 1):
                a = start + step if ahead else end - 1 - step
                b = a + 1 if ahead else a - 1
                if coords[a, 0] != coords[b, 0] or coords[a, 1] != coords[b, 1]:
                    out[m, 0], out[m, 1] = coords[a, 0] - west, coords[a, 1] - south
                    out[m, 2], out[m, 3] = coords[b, 0] - west, coords[b, 1] - south
                    m += 1
    return m


@njit(cache=True, nogil=True)
def _edges_near(source, n, c0, c1, r0, r1, near, near_zone, nx, kind, mixed, entries, edges):
    """Write the zones' edges that may meet a source; returns how many, -1 if more than there is room for."""
    x0, y0 = source[0, 0], source[0, 1]
    x1, y1 = x0, y0
    for j in range(1, n):
        x, y = source[j, 0], source[j, 1]
        x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    x0, x1, y0, y1 = x0 - EPSILON_M, x1 + EPSILON_M, y0 - EPSILON_M, y1 + EPSILON_M
    m = 0
    for r in range(r0, r1 + 1):
        for c in range(c0, c1 + 1):
            here = kind[r * nx + c]
            if here > MIXED:
                continue
            for k in range(mixed[-2 - here], mixed[-1 - here]):
                for e in range(entries[k, 2], entries[k + 1, 2]):
                    ax, ay, bx, by = edges[e, 0], edges[e, 1], edges[e, 2], edges[e, 3]
                    if max(ax, bx) < x0 or min(ax, bx) > x1 or max(ay, by) < y0 or min(ay, by) > y1:
                        continue
                    if _is_among(near, near_zone, m, ax, ay, bx, by, entries[k, 0]):
                        continue
                    if m == len(near):
                        return -1
                    near[m, 0], near[m, 1], near[m, 2], near[m, 3] = ax, ay, bx, by
                    near_zone[m] = entries[k, 0]
                    m += 1
    return m


@njit(cache=True, nogil=True)
def _is_among(near, near_zone, m, ax, ay, bx, by, zone):
    """Whether an edge is known from another cell."""
    for j in range(m):
        if near[j, 0] == ax and near[j, 1] == ay and near[j, 2] == bx and near[j, 3] == by and near_zone[j] == zone:
            return True
    return False


@njit(cache=True, nogil=True)
def _edges_of_zone(near, near_zone, n, zone, own):
    m = 0
    for j in range(n):
        if near_zone[j] == zone:
            for k in range(4):
                own[m, k] = near[j, k]
            m += 1
    return m


@njit(cache=True, nogil=True)
def _inside_zone(source, n_source, own, n_own, cuts, zone, cell_m, nx, ny, kind, mixed, entries, edges):
    """What a source's boundary inside a zone adds to their shared area; NaN where a coincidence is too close.

    Walking along a ring, every proper crossing changes the side.
    """
    ox, oy = source[0, 0], source[0, 1]
    total = 0.0
    found = OUTSIDE
    for i in range(n_source):
        ax, ay, bx, by = source[i, 0], source[i, 1], source[i, 2], source[i, 3]
        if i == 0 or ax != source[i - 1, 2] or ay != source[i - 1, 3]:
            found = side(ax, ay, zone, cell_m, nx, ny, kind, mixed, entries, edges)
        n = _cuts(ax, ay, bx, by, own, n_own, cuts)
        if n < 0 or found == TOO_CLOSE:
            return np.nan
        for j in range(n - 1):
            if j > 0:
                found = OUTSIDE if found == INSIDE else INSIDE
            if found == INSIDE:
                total += _piece(ax - ox, ay - oy, bx - ox, by - oy, cuts[j], cuts[j + 1])
    return total / 2


@njit(cache=True, nogil=True)
def _inside_source(source, n_source, own, n_own, cuts):
    """What a zone's boundary inside a source adds to their shared area; NaN where a coincidence is too close."""
    ox, oy = source[0, 0], source[0, 1]
    total = 0.0
    for i in range(n_own):
        ax, ay, bx, by = own[i, 0], own[i, 1], own[i, 2], own[i, 3]
        found = _side_of(ax, ay, source, n_source)
        n = _cuts(ax, ay, bx, by, source, n_source, cuts)
        if n < 0 or found == TOO_CLOSE:
            return np.nan
        for j in range(n - 1):
            if j > 0:
                found = OUTSIDE if found == INSIDE else INSIDE
            if found == INSIDE:
                total += _piece(ax - ox, ay - oy, bx - ox, by - oy, cuts[j], cuts[j + 1])
    return total / 2


@njit(cache=True, nogil=True)
def _piece(ax, ay, bx, by, t0, t1):
    """Twice the area that a piece of an edge sweeps around the point 0, 0."""
    dx, dy = bx - ax, by - ay
    x0, y0, x1, y1 = ax + t0 * dx, ay + t0 * dy, ax + t1 * dx, ay + t1 * dy
    return x0 * y1 - x1 * y0


@njit(cache=True, nogil=True)
def _cuts(ax, ay, bx, by, others, n_others, cuts):
    """Parameters along an edge where others cross it, with 0 and 1, sorted; -1 where one only just does or does not."""
    ux, uy = bx - ax, by - ay
    tolerance = EPSILON_M * (abs(ux) + abs(uy))
    cuts[0] = 0.0
    n = 1
    for k in range(n_others):
        cx, cy, dx, dy = others[k, 0], others[k, 1], others[k, 2], others[k, 3]
        c, d = ux * (cy - ay) - uy * (cx - ax), ux * (dy - ay) - uy * (dx - ax)
        if min(c, d) > tolerance or max(c, d) < -tolerance:
            continue
        vx, vy = dx - cx, dy - cy
        other = EPSILON_M * (abs(vx) + abs(vy))
        a, b = vx * (ay - cy) - vy * (ax - cx), vx * (by - cy) - vy * (bx - cx)
        if min(a, b) > other or max(a, b) < -other:
            continue
        if min(abs(c), abs(d)) <= tolerance or min(abs(a), abs(b)) <= other:
            # an end on the other's line: it matters only if the edges are near each other
            if max(ax, bx) < min(cx, dx) - EPSILON_M or min(ax, bx) > max(cx, dx) + EPSILON_M:
                continue
            if max(ay, by) < min(cy, dy) - EPSILON_M or min(ay, by) > max(cy, dy) + EPSILON_M:
                continue
            return -1
        if n == len(cuts) - 1:
            return -1
        # few cuts: each finds its place among those before
        t, j = a / (a - b), n
        while cuts[j - 1] > t:
            cuts[j] = cuts[j - 1]
            j -= 1
        cuts[j] = t
        n += 1
    cuts[n] = 1.0
    return n + 1


@njit(cache=True, nogil=True)
def _side_of(px, py, source, n):
    """Whether a point is inside a polygon given by all its edges."""
    inside = False
    for k in range(n):
        ax, ay, bx, by = source[k, 0] - px, source[k, 1] - py, source[k, 2] - px, source[k, 3] - py
        if _near(ax, ay, bx, by):
            return TOO_CLOSE
        if (ay > 0) != (by > 0) and (ax * by - ay * bx > 0) == (by > ay):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@njit(cache=True, nogil=True)
def merge(label, area, source, zone, area_m2):
    """Pairs of all sources in order: the label's where there is one, and those given."""
    n = len(source)
    for one in label:
        n += one >= 0
    sources, zones, areas = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    m, k = 0, 0
    for i in range(len(label)):
        if label[i] >= 0:
            sources[m], zones[m], areas[m] = i, label[i], area[i]
            m += 1
        while k < len(source) and source[k] == i:
            sources[m], zones[m], areas[m] = i, zone[k], area_m2[k]
            m, k = m + 1, k + 1
    return sources, zones, areas
