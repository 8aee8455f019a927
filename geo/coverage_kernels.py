"""Compiled kernels of `geo.coverage`: coordinates relative to the grid's origin, arrays as `geo.columns.Polygons`."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, prange

EPSILON_M = 1e-7
NOWHERE, MIXED, UNSURE = -1, -2, -3
OUTSIDE, INSIDE, TOO_CLOSE = 0, 1, 2
MAX_ZONES, MAX_EDGES, MAX_SPLITS = 16, 512, 64


@njit(cache=True, nogil=True)
def ring_area(x, y, start, end):
    """Signed area of a ring, from its first vertex so that large coordinates cost no digits."""
    area = 0.0
    for i in range(start, end - 1):
        area += (x[i] - x[start]) * (y[i + 1] - y[start]) - (x[i + 1] - x[start]) * (y[i] - y[start])
    return area / 2


@njit(cache=True, nogil=True)
def edges(x, y, rings, parts, rows):
    """Edges of all rings, with the sign that makes an outer ring's area positive and a hole's negative."""
    n = len(x) - (len(rings) - 1)
    ax, ay, bx, by, sign = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    zone = np.empty(n, np.int64)
    m = 0
    for row in range(len(rows) - 1):
        for part in range(rows[row], rows[row + 1]):
            for ring in range(parts[part], parts[part + 1]):
                area = ring_area(x, y, rings[ring], rings[ring + 1])
                outer = ring == parts[part]
                for i in range(rings[ring], rings[ring + 1] - 1):
                    if x[i] == x[i + 1] and y[i] == y[i + 1]:
                        continue
                    ax[m], ay[m], bx[m], by[m] = x[i], y[i], x[i + 1], y[i + 1]
                    sign[m] = 1.0 if (area > 0) == outer else -1.0
                    zone[m] = row
                    m += 1
    return ax[:m], ay[:m], bx[:m], by[:m], sign[:m], zone[:m]


@njit(cache=True, nogil=True)
def bands(ay, by, zone, low, base, at, out, cell_m):
    """Count (while `out` is empty) or write the edges of each zone in each band of cells."""
    for e in range(len(ay)):
        first = int((min(ay[e], by[e]) - EPSILON_M) / cell_m)
        last = int((max(ay[e], by[e]) + EPSILON_M) / cell_m)
        for band in range(first, last + 1):
            k = base[zone[e]] + band - low[zone[e]]
            if len(out):
                out[at[k]] = e
            at[k] += 1


@njit(cache=True, nogil=True)
def touched_cells(ax, ay, bx, by, zone, cell_m, nx, n_zones):
    """Numbers ``cell * n_zones + zone`` for every cell that an edge meets, hardly repeated."""
    count = 0
    pairs = np.empty(0, np.int64)
    for write in range(2):
        if write:
            pairs = np.empty(count, np.int64)
            count = 0
        last = -1
        for e in range(len(ax)):
            low, high = min(ay[e], by[e]) - EPSILON_M, max(ay[e], by[e]) + EPSILON_M
            for r in range(int(low / cell_m), int(high / cell_m) + 1):
                # the part of the edge inside this band
                y0, y1 = max(low, r * cell_m), min(high, (r + 1) * cell_m)
                dy = by[e] - ay[e]
                if abs(dy) > 4 * EPSILON_M:
                    t0, t1 = (y0 - ay[e]) / dy, (y1 - ay[e]) / dy
                    t0, t1 = min(max(t0, 0.0), 1.0), min(max(t1, 0.0), 1.0)
                    xa, xb = ax[e] + t0 * (bx[e] - ax[e]), ax[e] + t1 * (bx[e] - ax[e])
                else:
                    xa, xb = ax[e], bx[e]
                # the slope may carry the pad in y along x: widen by a millionth of the edge's run
                pad = EPSILON_M + 1e-6 * abs(bx[e] - ax[e])
                c0, c1 = int((min(xa, xb) - pad) / cell_m), int((max(xa, xb) + pad) / cell_m)
                for c in range(max(c0, 0), min(c1, nx - 1) + 1):
                    pair = (r * nx + c) * n_zones + zone[e]
                    if pair == last:  # the next edge of a ring mostly stays in the cell
                        continue
                    last = pair
                    if write:
                        pairs[count] = pair
                    count += 1
    return pairs


@njit(cache=True, nogil=True)
def fill(pure, first, touched_zone, cell_m, nx, ax, ay, bx, by, low, base, start, edge):
    """Label cells wholly inside one zone; returns the further pairs (as above) of cells that are not of one kind.

    The centre of a cell without an edge of the zone decides for the whole cell.
    """
    pairs = np.empty(1024, np.int64)
    n = 0
    n_zones = len(low)
    for zone in range(n_zones):
        for k in range(base[zone + 1] - base[zone]):
            r = low[zone] + k
            y = (r + 0.5) * cell_m
            crossings = np.empty(start[base[zone] + k + 1] - start[base[zone] + k])
            m = 0
            for j in range(start[base[zone] + k], start[base[zone] + k + 1]):
                e = edge[j]
                if (ay[e] > y) != (by[e] > y):
                    crossings[m] = ax[e] + (y - ay[e]) / (by[e] - ay[e]) * (bx[e] - ax[e])
                    m += 1
            ordered = np.sort(crossings[:m])
            for j in range(0, m - 1, 2):
                c0 = int(np.ceil(ordered[j] / cell_m - 0.5))
                c1 = int(np.ceil(ordered[j + 1] / cell_m - 0.5))
                for c in range(max(c0, 0), min(c1, nx)):
                    cell = r * nx + c
                    own = False
                    for t in range(first[cell], first[cell + 1]):
                        if touched_zone[t] == zone:
                            own = True
                    if own:
                        continue
                    if pure[cell] == NOWHERE:
                        pure[cell] = zone
                        continue
                    if n + 2 > len(pairs):
                        grown = np.empty(2 * len(pairs), np.int64)
                        grown[:n] = pairs[:n]
                        pairs = grown
                    if pure[cell] >= 0:  # a second zone covers it: the first becomes a candidate too
                        pairs[n] = cell * n_zones + pure[cell]
                        n += 1
                        pure[cell] = MIXED
                    pairs[n] = cell * n_zones + zone
                    n += 1
    return pairs[:n]


@njit(cache=True, nogil=True)
def side(px, py, zone, cell_m, edge_columns, band_columns):
    """Whether a point is inside a zone, by the edges to its right; TOO_CLOSE to one of them to say."""
    ax, ay, bx, by, _ = edge_columns
    low, base, start, edge = band_columns
    band = int(py / cell_m) - low[zone]
    if py < 0 or band < 0 or band >= base[zone + 1] - base[zone]:
        return OUTSIDE
    inside = False
    for j in range(start[base[zone] + band], start[base[zone] + band + 1]):
        e = edge[j]
        if max(ax[e], bx[e]) < px - EPSILON_M:
            continue
        if py < min(ay[e], by[e]) - EPSILON_M or py > max(ay[e], by[e]) + EPSILON_M:
            continue
        ux, uy = bx[e] - ax[e], by[e] - ay[e]
        cross = ux * (py - ay[e]) - uy * (px - ax[e])
        if px >= min(ax[e], bx[e]) - EPSILON_M and abs(cross) <= EPSILON_M * (abs(ux) + abs(uy)):
            return TOO_CLOSE
        if (ay[e] > py) != (by[e] > py) and (cross > 0) == (uy > 0):
            inside = not inside
    return INSIDE if inside else OUTSIDE


@njit(cache=True, nogil=True, parallel=True)
def locate(x, y, out, cell_m, nx, ny, pure, mixed_start, mixed_zone, edge_columns, band_columns):
    """Zone of each point, the lowest of several; UNSURE where a boundary is too close."""
    for i in prange(len(x)):
        out[i] = NOWHERE
        if x[i] < 0 or y[i] < 0 or x[i] >= nx * cell_m or y[i] >= ny * cell_m:
            continue
        cell = int(y[i] / cell_m) * nx + int(x[i] / cell_m)
        if pure[cell] != MIXED:
            out[i] = pure[cell]
            continue
        for j in range(mixed_start[cell], mixed_start[cell + 1]):
            found = side(x[i], y[i], mixed_zone[j], cell_m, edge_columns, band_columns)
            if found == TOO_CLOSE:
                out[i] = UNSURE
                break
            if found == INSIDE:
                out[i] = mixed_zone[j]
                break


@njit(cache=True, nogil=True, parallel=True)
def labels(x, y, rings, parts, rows, label, area, cell_m, nx, ny, pure):
    """Area of each source, and the zone that holds it wholly; NOWHERE, or MIXED where a boundary may cross it."""
    for i in prange(len(rows) - 1):
        first, last = rings[parts[rows[i]]], rings[parts[rows[i + 1]]]
        total = 0.0
        for part in range(rows[i], rows[i + 1]):
            for ring in range(parts[part], parts[part + 1]):
                a = abs(ring_area(x, y, rings[ring], rings[ring + 1]))
                total += a if ring == parts[part] else -a
        area[i] = total
        c0, c1, r0, r1 = _cells_of(x, y, first, last, cell_m, nx, ny)
        kind = -4
        for r in range(r0, r1 + 1):
            for c in range(c0, c1 + 1):
                here = pure[r * nx + c] if 0 <= r < ny and 0 <= c < nx else NOWHERE
                if kind == -4:
                    kind = here
                elif kind != here:
                    kind = MIXED
            if kind == MIXED:
                break
        label[i] = NOWHERE if kind == -4 else kind


@njit(cache=True, nogil=True)
def _cells_of(x, y, first, last, cell_m, nx, ny):
    """Range of cells that a source's bounding box meets, one cell beyond the grid at the most."""
    west, east, south, north = x[first], x[first], y[first], y[first]
    for j in range(first, last):
        west, east = min(west, x[j]), max(east, x[j])
        south, north = min(south, y[j]), max(north, y[j])
    c0, c1 = max(np.floor((west - EPSILON_M) / cell_m), -1), min(np.floor((east + EPSILON_M) / cell_m), nx)
    r0, r1 = max(np.floor((south - EPSILON_M) / cell_m), -1), min(np.floor((north + EPSILON_M) / cell_m), ny)
    return int(c0), int(c1), int(r0), int(r1)


@njit(cache=True, nogil=True, parallel=True)
def overlaps(
    index, x, y, rings, parts, rows, area, zones, shared, sure,
    cell_m, nx, ny, pure, mixed_start, mixed_zone, edge_columns, band_columns,
):  # fmt: skip
    """Exact area of the sources at `index` in each zone near them; `sure` is False where shapely has to decide."""
    for k in prange(len(index)):
        i = index[k]
        first, last = rings[parts[rows[i]]], rings[parts[rows[i + 1]]]
        c0, c1, r0, r1 = _cells_of(x, y, first, last, cell_m, nx, ny)
        n = 0
        sure[k] = True
        for r in range(max(r0, 0), min(r1, ny - 1) + 1):
            for c in range(max(c0, 0), min(c1, nx - 1) + 1):
                cell = r * nx + c
                if pure[cell] >= 0:
                    n = _add(zones[k], n, pure[cell])
                for j in range(mixed_start[cell], mixed_start[cell + 1]):
                    n = _add(zones[k], n, mixed_zone[j])
        if n > MAX_ZONES:
            sure[k] = False
            continue
        source = _source_edges(x, y, rings, parts, rows, i)
        for j in range(n):
            value = _shared_area(source, area[i], zones[k, j], cell_m, r0, r1, edge_columns, band_columns)
            if np.isnan(value):
                sure[k] = False
                break
            shared[k, j] = value


@njit(cache=True, nogil=True)
def _add(zones, n, zone):
    for j in range(min(n, MAX_ZONES)):
        if zones[j] == zone:
            return n
    if n < MAX_ZONES:
        zones[n] = zone
    return n + 1


@njit(cache=True, nogil=True)
def _source_edges(x, y, rings, parts, rows, i):
    """Edges of one source: ax, ay, bx, by, sign."""
    first, last = rings[parts[rows[i]]], rings[parts[rows[i + 1]]]
    out = np.empty((last - first, 5))
    m = 0
    for part in range(rows[i], rows[i + 1]):
        for ring in range(parts[part], parts[part + 1]):
            sign = 1.0 if (ring_area(x, y, rings[ring], rings[ring + 1]) > 0) == (ring == parts[part]) else -1.0
            for j in range(rings[ring], rings[ring + 1] - 1):
                if x[j] != x[j + 1] or y[j] != y[j + 1]:
                    out[m, 0], out[m, 1], out[m, 2], out[m, 3], out[m, 4] = x[j], y[j], x[j + 1], y[j + 1], sign
                    m += 1
    return out[:m]


@njit(cache=True, nogil=True)
def _zone_edges(source, zone, cell_m, r0, r1, edge_columns, band_columns):
    """Edges of a zone that may meet a source; more than fit give none and a flag."""
    ax, ay, bx, by, sign = edge_columns
    low, base, start, edge = band_columns
    west, east = source[:, 0].min() - EPSILON_M, source[:, 0].max() + EPSILON_M
    south, north = source[:, 1].min() - EPSILON_M, source[:, 1].max() + EPSILON_M
    out = np.empty((MAX_EDGES, 5))
    m = 0
    first_band = max(r0, low[zone])
    last_band = min(r1, low[zone] + base[zone + 1] - base[zone] - 1)
    for band in range(first_band, last_band + 1):
        k = base[zone] + band - low[zone]
        for j in range(start[k], start[k + 1]):
            e = edge[j]
            # an edge stands in every band it meets: take it in the first of ours
            if max(int((min(ay[e], by[e]) - EPSILON_M) / cell_m), first_band) != band:
                continue
            if max(ax[e], bx[e]) < west or min(ax[e], bx[e]) > east:
                continue
            if max(ay[e], by[e]) < south or min(ay[e], by[e]) > north:
                continue
            if m == MAX_EDGES:
                return out[:0], True
            out[m, 0], out[m, 1], out[m, 2], out[m, 3], out[m, 4] = ax[e], ay[e], bx[e], by[e], sign[e]
            m += 1
    return out[:m], False


@njit(cache=True, nogil=True)
def _shared_area(source, area, zone, cell_m, r0, r1, edge_columns, band_columns):
    """Area of a source in a zone; NaN where the two come too close to a coincidence."""
    local, too_many = _zone_edges(source, zone, cell_m, r0, r1, edge_columns, band_columns)
    if too_many:
        return np.nan
    ox, oy = source[0, 0], source[0, 1]
    if len(local) == 0:
        found = side(ox, oy, zone, cell_m, edge_columns, band_columns)
        return np.nan if found == TOO_CLOSE else area if found == INSIDE else 0.0
    total = 0.0
    cuts = np.empty(MAX_SPLITS)
    for i in range(len(source)):
        n = _cuts(source[i], local, cuts)
        if n < 0:
            return np.nan
        for j in range(n - 1):
            mx, my = _at(source[i], (cuts[j] + cuts[j + 1]) / 2)
            found = side(mx, my, zone, cell_m, edge_columns, band_columns)
            if found == TOO_CLOSE:
                return np.nan
            if found == INSIDE:
                total += _piece(source[i], cuts[j], cuts[j + 1], ox, oy)
    for i in range(len(local)):
        n = _cuts(local[i], source, cuts)
        if n < 0:
            return np.nan
        for j in range(n - 1):
            mx, my = _at(local[i], (cuts[j] + cuts[j + 1]) / 2)
            found = _side_of(mx, my, source)
            if found == TOO_CLOSE:
                return np.nan
            if found == INSIDE:
                total += _piece(local[i], cuts[j], cuts[j + 1], ox, oy)
    return max(total / 2, 0.0)


@njit(cache=True, nogil=True)
def _at(edge, t):
    return edge[0] + t * (edge[2] - edge[0]), edge[1] + t * (edge[3] - edge[1])


@njit(cache=True, nogil=True)
def _piece(edge, t0, t1, ox, oy):
    """Twice the area that a piece of an edge sweeps around a point, with the sign of its ring."""
    x0, y0 = _at(edge, t0)
    x1, y1 = _at(edge, t1)
    return edge[4] * ((x0 - ox) * (y1 - oy) - (x1 - ox) * (y0 - oy))


@njit(cache=True, nogil=True)
def _cuts(edge, others, cuts):
    """Parameters along an edge where others cross it, with 0 and 1, sorted; -1 where one only just does or does not."""
    ux, uy = edge[2] - edge[0], edge[3] - edge[1]
    length = np.sqrt(ux * ux + uy * uy)
    cuts[0] = 0.0
    n = 1
    for k in range(len(others)):
        vx, vy = others[k, 2] - others[k, 0], others[k, 3] - others[k, 1]
        wx, wy = others[k, 0] - edge[0], others[k, 1] - edge[1]
        other_length = np.sqrt(vx * vx + vy * vy)
        den = ux * vy - uy * vx
        if abs(den) <= 1e-9 * length * other_length:
            # all but parallel: they matter only if they lie on each other
            if abs(wx * uy - wy * ux) <= 1e-6 * length:
                along = (wx * ux + wy * uy) / length
                far = along + (vx * ux + vy * uy) / length
                if max(along, far) >= -1e-6 and min(along, far) <= length + 1e-6:
                    return -1
            continue
        t, s = (wx * vy - wy * vx) / den, (wx * uy - wy * ux) / den
        near_t, near_s = EPSILON_M / length, EPSILON_M / other_length
        if t < -near_t or t > 1 + near_t or s < -near_s or s > 1 + near_s:
            continue
        if t < near_t or t > 1 - near_t or s < near_s or s > 1 - near_s:
            return -1
        if n == MAX_SPLITS - 1:
            return -1
        cuts[n] = t
        n += 1
    cuts[n] = 1.0
    n += 1
    # few cuts: insertion sort in place
    for a in range(2, n):
        value, b = cuts[a], a - 1
        while cuts[b] > value:
            cuts[b + 1] = cuts[b]
            b -= 1
        cuts[b + 1] = value
    return n


@njit(cache=True, nogil=True)
def _side_of(px, py, edges_of_one):
    """Whether a point is inside a single polygon given by its edges."""
    inside = False
    for k in range(len(edges_of_one)):
        x0, y0, x1, y1 = edges_of_one[k, 0], edges_of_one[k, 1], edges_of_one[k, 2], edges_of_one[k, 3]
        if py < min(y0, y1) - EPSILON_M or py > max(y0, y1) + EPSILON_M or max(x0, x1) < px - EPSILON_M:
            continue
        ux, uy = x1 - x0, y1 - y0
        cross = ux * (py - y0) - uy * (px - x0)
        if px >= min(x0, x1) - EPSILON_M and abs(cross) <= EPSILON_M * (abs(ux) + abs(uy)):
            return TOO_CLOSE
        if (y0 > py) != (y1 > py) and (cross > 0) == (uy > 0):
            inside = not inside
    return INSIDE if inside else OUTSIDE
