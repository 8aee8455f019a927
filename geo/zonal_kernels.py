"""Compiled kernels of `geo.zonal`: rasters of cells counted from the north-west corner, polygons as `geo.columns`.

Two ways lead to the same numbers. `by_cells` finds the exact share of every cell that a polygon covers: a piece of an
edge changes the cover of its own cell by the area to its east and that of all cells further east by its height, so a
running sum along a row gives the shares. `by_prefix` never looks at the cells inside: by Green's theorem the integral
of the raster over a polygon is that of the row sums from the west along its outline.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, prange

BLOCK = 256
# cells of a polygon's window that are worked on at once; 16 KB stay in the nearest cache
SCRATCH = 2048
# a share of a cell, or of a polygon smaller than a cell, that is no more than a rounded coordinate
TRACE = 1e-9
# what closing a running sum of shares may leave behind, for each vertex
ROUNDING = 4e-16


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _outline(coords, rings, parts, row0, row1):
    """Bounding box and area of one row; an area that is not finite tells of a coordinate that is not."""
    first = rings[parts[row0]]
    west = east = coords[first, 0]
    south = north = coords[first, 1]
    total = 0.0
    for part in range(row0, row1):
        for ring in range(parts[part], parts[part + 1]):
            start = rings[ring]
            x0, y0 = coords[start, 0], coords[start, 1]
            area = ax = ay = 0.0
            for i in range(start, rings[ring + 1]):
                x, y = coords[i, 0], coords[i, 1]
                west, east = min(west, x), max(east, x)
                south, north = min(south, y), max(north, y)
                bx, by = x - x0, y - y0
                area += ax * by - bx * ay
                ax, ay = bx, by
            total += abs(area) if ring == parts[part] else -abs(area)
    return west, south, east, north, total / 2


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _sign(coords, start, end, outer):
    """Make an outer ring's cover positive and a hole's negative, whichever way they run."""
    x0, y0 = coords[start, 0], coords[start, 1]
    area = 0.0
    for i in range(start + 1, end - 1):
        area += (coords[i, 0] - x0) * (coords[i + 1, 1] - y0) - (coords[i + 1, 0] - x0) * (coords[i, 1] - y0)
    return 1.0 if (area > 0) == outer else -1.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _window(west, south, east, north, grid, ny, nx):
    """First and last column and row that a box meets, and whether it reaches beyond the raster."""
    gx, gy, dx, dy = grid
    # clamped as floats: a far away coordinate has no integer
    c0, c1 = np.floor((west - gx) / dx), np.ceil((east - gx) / dx)
    r0, r1 = np.floor((gy - north) / dy), np.ceil((gy - south) / dy)
    beyond = c0 < 0 or r0 < 0 or c1 > nx or r1 > ny
    c0, c1 = int(min(max(c0, 0.0), nx)), int(min(max(c1, 0.0), nx))
    r0, r1 = int(min(max(r0, 0.0), ny)), int(min(max(r1, 0.0), ny))
    return c0, max(c1, c0), r0, max(r1, r0), beyond


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _cover(coords, rings, parts, row0, row1, grid, c0, r0, w, h, clip, share):
    """Add the edges of one row to the changes of cover of a window; `clip` if any may leave it.

    `share` has a row and two columns more than the window, for what ends on its south and east side.
    """
    gx, gy, dx, dy = grid
    # near the polygon, so that the cell it lies in costs no digits
    ox, oy = c0 * dx, r0 * dy
    for part in range(row0, row1):
        for ring in range(parts[part], parts[part + 1]):
            start, end = rings[ring], rings[ring + 1]
            sign = _sign(coords, start, end, ring == parts[part])
            ub, vb = ((coords[start, 0] - gx) - ox) / dx, ((gy - coords[start, 1]) - oy) / dy
            for i in range(start + 1, end):
                ua, va = ub, vb
                ub, vb = ((coords[i, 0] - gx) - ox) / dx, ((gy - coords[i, 1]) - oy) / dy
                if va == vb:
                    continue
                turn = sign if va < vb else -sign
                top_u, top_v, low_u, low_v = (ua, va, ub, vb) if va < vb else (ub, vb, ua, va)
                if clip:
                    _clip_and_walk(top_u, top_v, low_u, low_v, turn, w, h, share)
                else:
                    _walk(top_u, top_v, low_u, low_v, turn, w, share)


@njit(cache=True, nogil=True, error_model="numpy")
def _clip_and_walk(ua, va, ub, vb, sign, w, h, share):
    cuts, n = _clip(ua, va, ub, vb, w, h)
    for k in range(n - 1):
        _walk(cuts[k][0], cuts[k][1], cuts[k + 1][0], cuts[k + 1][1], sign, w, share)


@njit(cache=True, nogil=True, error_model="numpy")
def _clip(ua, va, ub, vb, w, h):
    """Cut an edge that runs south at the sides of the window; what is west or east of it moves onto that side.

    Returns up to four corners of the line that is left, and how many; none where the edge is north or south of it.
    """
    low, high = max(va, 0.0), min(vb, float(h))
    none = (0.0, 0.0)
    if low >= high:
        return (none, none, none, none), 0
    slope = (ub - ua) / (vb - va)
    u0 = ua if low == va else ua + (low - va) * slope
    u1 = ub if high == vb else ua + (high - va) * slope
    first, last = (min(max(u0, 0.0), w), low), (min(max(u1, 0.0), w), high)
    west, east = 0.0, float(w)
    near, far = (west, east) if u0 < u1 else (east, west)
    # a side is crossed where the ends lie on its two sides
    cross_near = (u0 < near) != (u1 < near) and slope != 0
    cross_far = (u0 < far) != (u1 < far) and slope != 0
    at_near = (near, min(max(va + (near - ua) / slope, low), high)) if cross_near else first
    at_far = (far, min(max(va + (far - ua) / slope, low), high)) if cross_far else last
    return (first, at_near, at_far, last), 4


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _walk(ua, va, ub, vb, sign, w, share):
    """Walk along an edge that runs south inside the window, row by row and cell by cell."""
    r, bottom = int(va), int(vb)
    slope = (ub - ua) / (vb - va) if va < vb else 0.0
    u, v = ua, va
    while v < vb:
        v1, u1 = (r + 1.0, ua + (r + 1.0 - va) * slope) if r < bottom else (vb, ub)
        height = sign * (v1 - v)
        a, b = min(u, u1), max(u, u1)
        k = int(a)
        base = r * (w + 2)
        if b <= k + 1:
            east = height * ((a + b) / 2 - k)
            share[base + k] += height - east
            share[base + k + 1] += east
        else:
            steep = height / (b - a)
            while a < b:
                end = min(b, k + 1.0)
                piece = steep * (end - a)
                east = piece * ((a + end) / 2 - k)
                share[base + k] += piece - east
                share[base + k + 1] += east
                a = end
                k += 1
        u, v = u1, v1
        r += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _one(coords, rings, parts, rows, i, outline, window, grid, values, share, held):
    """Statistics of row i from the shares of its cells, in bands of rows that fit into `share`.

    Returns how many cells count, then covered and missing area, sum, mean, minimum and maximum. The cells that count
    are put down in `held`, value and share, as far as it has room.
    """
    _, south, _, north, area = outline
    c0, c1, r0, r1, beyond = window
    cell = grid[2] * grid[3]
    vertices = rings[parts[rows[i + 1]]] - rings[parts[rows[i]]]
    noise = ROUNDING * vertices * min(1.0, (north - south) / grid[3])
    trace = TRACE * min(1.0, area / cell)
    w, room = c1 - c0, held.shape[1]
    band = min(len(share) // (w + 2) - 1, r1 - r0)
    clip = beyond or band < r1 - r0
    s = a = m = 0.0
    least, most = np.inf, -np.inf
    n = 0
    for top in range(r0, r1, max(band, 1)):
        h = min(band, r1 - top)
        _cover(coords, rings, parts, rows[i], rows[i + 1], grid, c0, top, w, h, clip, share)
        k = 0
        for r in range(top, top + h):
            run = 0.0
            for c in range(c0, c1):
                run += share[k]
                share[k] = 0.0
                k += 1
                if run <= noise:
                    continue
                value = float(values[r, c])
                if np.isnan(value):
                    m += run
                    continue
                a += run
                s += run * value
                if run > trace:
                    least, most = min(least, value), max(most, value)
                    if n < room:
                        held[0, n], held[1, n] = value, run
                    n += 1
            share[k] = share[k + 1] = 0.0
            k += 2
        for j in range(k, k + w + 2):
            share[j] = 0.0
    none = area - a * cell if beyond else m * cell
    covered, missing, total, mean = _settled(area, none, s, a, cell, trace)
    if n == 0 or np.isnan(mean):
        n, least, most = 0, np.nan, np.nan
    return n, covered, missing, total, mean, least, most


@njit(cache=True, nogil=True, error_model="numpy")
def _settled(area, missing, s, a, cell, least):
    """Covered and missing area, sum and mean from the sum s of values over a cells; the least counts as no data."""
    if a <= least:
        return 0.0, area, np.nan, np.nan
    if missing > 1e-12 * area:
        return a * cell, missing, s, s / a
    return area, 0.0, s, s / a


@njit(cache=True, nogil=True, error_model="numpy")
def _quantiles(held, n, quantiles, out, i):
    """Interpolate between values, each at a place on the scale that grows with the weights before and of it."""
    if n == 0:
        out[i, :] = np.nan
        return
    order = np.argsort(held[0, :n], kind="mergesort")
    place = np.empty(n)
    before = 0.0
    for k in range(n):
        weight = held[1, order[k]]
        place[k] = k * weight + (n - 1) * before
        before += weight
    for j in range(len(quantiles)):
        at = quantiles[j] * before * (n - 1)
        right = np.searchsorted(place, at, side="right")
        if right == n:
            out[i, j] = held[0, order[n - 1]]
            continue
        x0, x1 = held[0, order[right - 1]], held[0, order[right]]
        out[i, j] = x0 + (at - place[right - 1]) * (x1 - x0) / (place[right] - place[right - 1])


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def by_cells(coords, rings, parts, rows, index, grid, values, scratch, found, quantiles, order):
    """Statistics of the rows at `index`, or of all if it is empty; returns the cells in the windows of those left out.

    Left out is a row whose window does not fit into `scratch`, unless `index` names it: then it is taken in bands.
    A row with a coordinate that is not finite gets a covered area of NaN.
    """
    ny, nx = values.shape
    named = len(index) > 0
    count = len(index) if named else len(rows) - 1
    left = np.zeros(count, np.int64)
    block = 1 if named else BLOCK
    for b in prange((count + block - 1) // block):
        first, last = b * block, min(b * block + block, count)
        share = np.zeros(scratch)
        held = np.empty((2, scratch if len(quantiles) else 0))
        for k in range(first, last):
            i = index[k] if named else k
            outline = _outline(coords, rings, parts, rows[i], rows[i + 1])
            if not np.isfinite(outline[4]):
                found[0, i] = np.nan
                continue
            window = _window(outline[0], outline[1], outline[2], outline[3], grid, ny, nx)
            w, h = window[1] - window[0], window[3] - window[2]
            if (w + 2) * (h + 1) > scratch and not named:
                left[k] = max(w * h, 1)  # a wide window beyond the raster has no cell, but is not done yet
                continue
            # handed back as numbers: the arrays of all threads must not be counted as used by each call
            answer = _one(coords, rings, parts, rows, i, outline, window, grid, values, share, held)
            n, found[0, i], found[1, i], found[2, i], found[3, i] = answer[:5]
            if len(found) > 4:
                found[4, i], found[5, i] = answer[5:]
            if len(quantiles) and n > held.shape[1]:
                more = np.empty((2, n))
                _one(coords, rings, parts, rows, i, outline, window, grid, values, share, more)
                _quantiles(more, n, quantiles, order, i)
            elif len(quantiles):
                _quantiles(held, n, quantiles, order, i)
    return left


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def any_missing(values):
    """Whether there is a cell without data."""
    found = 0
    for r in prange(values.shape[0]):
        here = 0
        for c in range(values.shape[1]):
            here += np.isnan(values[r, c])
        found += here > 0
    return found > 0


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def row_sums(values, top, high, low, count):
    """Sums along rows from the west, as a number and what it lost in rounding; cells with data, if `count` has room."""
    for r in prange(high.shape[0]):
        s = lost = 0.0
        known = 0
        high[r, 0] = low[r, 0] = 0.0
        if len(count):
            count[r, 0] = 0
        for c in range(values.shape[1]):
            value = float(values[top + r, c])
            if not np.isnan(value):
                t = s + value
                lost += (s - t) + value if abs(s) >= abs(value) else (value - t) + s
                s = t
                known += 1
            high[r, c + 1], low[r, c + 1] = s, lost
            if len(count):
                count[r, c + 1] = known


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def by_prefix(coords, rings, parts, rows, index, grid, values, strip, high, low, count, added):
    """Add to `added` the integrals of the raster and of its cells with data over a strip, for the rows at `index`."""
    ny, nx = values.shape
    top, bottom = strip
    for k in prange(len(index)):
        i = index[k]
        west, south, east, north, _ = _outline(coords, rings, parts, rows[i], rows[i + 1])
        c0, c1, r0, r1, _ = _window(west, south, east, north, grid, ny, nx)
        r0, r1 = max(r0, top), min(r1, bottom)
        if r0 < r1 and c0 < c1:
            s, a = _along(
                coords, rings, parts, rows[i], rows[i + 1], grid, (c0, c1, r0, r1), values, top, high, low, count
            )
            added[0, k] += s
            added[1, k] += a


@njit(cache=True, nogil=True, error_model="numpy")
def _along(coords, rings, parts, row0, row1, grid, window, values, top, high, low, count):
    """Integrate row sums along the outline of one row, inside a window of the raster."""
    gx, gy, dx, dy = grid
    c0, c1, r0, r1 = window
    ox, oy = c0 * dx, r0 * dy
    w, h = c1 - c0, r1 - r0
    s = a = 0.0
    for part in range(row0, row1):
        for ring in range(parts[part], parts[part + 1]):
            start, end = rings[ring], rings[ring + 1]
            sign = _sign(coords, start, end, ring == parts[part])
            ub, vb = ((coords[start, 0] - gx) - ox) / dx, ((gy - coords[start, 1]) - oy) / dy
            for i in range(start + 1, end):
                ua, va = ub, vb
                ub, vb = ((coords[i, 0] - gx) - ox) / dx, ((gy - coords[i, 1]) - oy) / dy
                # east of the outline counts, and the sums are from the west: hence the turned sign
                if va < vb:
                    cuts, n = _clip(ua, va, ub, vb, w, h)
                    turn = -sign
                elif vb < va:
                    cuts, n = _clip(ub, vb, ua, va, w, h)
                    turn = sign
                else:
                    continue
                for k in range(n - 1):
                    more = _walk_along(cuts[k], cuts[k + 1], c0, w, r0, values, top, high, low, count)
                    s += turn * more[0]
                    a += turn * more[1]
    return s, a


@njit(cache=True, nogil=True, error_model="numpy")
def _walk_along(start, end, c0, w, r0, values, top, high, low, count):
    """Integrate along an edge that runs south: sums are linear inside a cell, the middle of a piece stands for it."""
    ua, va = start
    ub, vb = end
    s = area = 0.0
    r, bottom = int(va), int(vb)
    slope = (ub - ua) / (vb - va) if va < vb else 0.0
    u, v = ua, va
    while v < vb:
        v1, u1 = (r + 1.0, ua + (r + 1.0 - va) * slope) if r < bottom else (vb, ub)
        a, b = min(max(min(u, u1), 0.0), w), min(max(u, u1), float(w))
        height, steep = v1 - v, (v1 - v) / (b - a) if b > a else 0.0
        k = min(int(a), w - 1)
        while True:
            stop = min(b, k + 1.0)
            at_s, at_a = _level((a + stop) / 2, k, c0, r0 + r, values, top, high, low, count)
            piece = height if a == b else steep * (stop - a)
            s += piece * at_s
            area += piece * at_a
            a, k = stop, k + 1
            if a >= b:
                break
        u, v = u1, v1
        r += 1
    return s, area


@njit(cache=True, nogil=True, error_model="numpy")
def _level(u, k, c0, r, values, top, high, low, count):
    """Sum of the row, and of its cells with data, from the window's west side to position u in column k."""
    here = r - top
    s = (high[here, c0 + k] - high[here, c0]) + (low[here, c0 + k] - low[here, c0])
    value = values[r, c0 + k]
    if len(count) == 0:
        return s + (u - k) * value, u
    known = float(count[here, c0 + k] - count[here, c0])
    if np.isnan(value):
        return s, known
    return s + (u - k) * value, known + (u - k)


@njit(cache=True, nogil=True, error_model="numpy")
def write_found(coords, rings, parts, rows, index, grid, shape, nodata, added, found):
    """Write what `by_prefix` added up."""
    cell = grid[2] * grid[3]
    for k in range(len(index)):
        i = index[k]
        west, south, east, north, area = _outline(coords, rings, parts, rows[i], rows[i + 1])
        c0, c1, r0, r1, beyond = _window(west, south, east, north, grid, shape[0], shape[1])
        missing = area - added[1, k] * cell if nodata or beyond else 0.0
        # what differences of row sums leave behind where the polygon only touches data
        least = max(TRACE * min(1.0, area / cell), 1e-14 * (c1 - c0) * (r1 - r0))
        settled = _settled(area, missing, added[0, k], added[1, k], cell, least)
        found[0, i], found[1, i], found[2, i], found[3, i] = settled
