"""Compiled kernels of `geo.nearest`: nearest edges on the grid of `geo.coverage_kernels`.

`bits` has a bit for each cell that an edge meets, in words of 64 columns, shape (ny, words): an empty stretch of a row
is skipped with one look.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, prange

from geo.coverage import MIXED, NOWHERE, UNSURE
from geo.coverage_kernels import (
    BLOCK,
    CHUNKS,
    EPSILON_M,
    INSIDE,
    TOO_CLOSE,
    cell_of,
    lowest,
    side_of_entry,
    starts,
)
from geo.nearest import TIE_M

# a de Bruijn sequence of 64 bits: each run of six bits stands in it once
SEQUENCE = np.uint64(0x03F79D71B4CB0A89)
POSITION = np.zeros(64, np.int64)
for _k in range(64):
    POSITION[(int(SEQUENCE) << _k) % 2**64 >> 58] = _k
ZERO, ONE, ALL = np.uint64(0), np.uint64(1), ~np.uint64(0)


@njit(cache=True, nogil=True, parallel=True)
def occupied(nx, ny, kind, mixed, entries):
    """Bits of the cells that an edge meets."""
    bits = np.zeros((ny, (nx + 63) // 64), np.uint64)
    for r in prange(ny):
        for c in range(nx):
            here = kind[r * nx + c]
            if here <= MIXED and entries[mixed[-2 - here], 2] < entries[mixed[-1 - here], 2]:
                bits[r, c // 64] |= ONE << np.uint64(c % 64)
    return bits


@njit(cache=True, nogil=True, parallel=True)
def by_cell(x, y, west, south, cell_m, nx, ny):
    """Order of points by the rows and columns of cells: neighbours share what is fetched and what is known."""
    n = len(x)
    at = np.zeros((CHUNKS, ny), np.int64)
    cell = np.empty(n, np.int32)
    for chunk in prange(CHUNKS):
        for i in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            cell[i] = cell_of(x[i] - west, y[i] - south, cell_m, nx, ny)
            at[chunk, cell[i] // nx] += 1
    start = starts(at)
    rows = np.empty(n, np.int32)
    for chunk in prange(CHUNKS):
        for i in range(chunk * n // CHUNKS, (chunk + 1) * n // CHUNKS):
            r = cell[i] // nx
            rows[at[chunk, r]] = i
            at[chunk, r] += 1
    order = np.empty(n, np.int32)
    for r in prange(ny):
        first = np.zeros(nx + 1, np.int32)
        for j in range(start[r], start[r + 1]):
            first[cell[rows[j]] - r * nx + 1] += 1
        for c in range(nx):
            first[c + 1] += first[c]
        for j in range(start[r], start[r + 1]):
            c = cell[rows[j]] - r * nx
            order[start[r] + first[c]] = rows[j]
            first[c] += 1
    return order


@njit(cache=True, nogil=True)
def _squared(px, py, edges, e):
    """Squared distance of a point and an edge."""
    ax, ay, bx, by = edges[e, 0] - px, edges[e, 1] - py, edges[e, 2] - px, edges[e, 3] - py
    ux, uy = bx - ax, by - ay
    t = min(max(-(ax * ux + ay * uy) / (ux * ux + uy * uy), 0.0), 1.0)
    dx, dy = ax + t * ux, ay + t * uy
    return dx * dx + dy * dy


@njit(cache=True, nogil=True)
def _lowest_bit(word):
    """Position of the lowest bit that is set, without a branch: every product with it starts with other six bits."""
    return POSITION[(word & (~word + ONE)) * SEQUENCE >> np.uint64(58)]


@njit(cache=True, nogil=True)
def _bits_between(bits, r, w, c0, c1):
    """Bits of a word of 64 columns that lie in columns c0 to c1."""
    word = bits[r, w]
    if w == c0 // 64:
        word &= ALL << np.uint64(c0 % 64)
    if w == c1 // 64:
        word &= ALL >> np.uint64(63 - c1 % 64)
    return word


@njit(cache=True, nogil=True)
def _clipped(value, cell_m, n):
    """Row or column of a coordinate, clipped to the grid."""
    return int(min(max(value / cell_m, 0.0), n - 1.0))


@njit(cache=True, nogil=True)
def _gap(value, k, cell_m):
    """How far a coordinate is from a row or column."""
    return max(k * cell_m - value, value - (k + 1) * cell_m, 0.0)


@njit(cache=True, nogil=True, parallel=True)
def nearest(
    order, x, y, west, south, limit_m, closed, position, distance_m, bits,
    cell_m, nx, ny, kind, mixed, entries, edges,
):  # fmt: skip
    """Nearest owner of an edge for each point; NOWHERE beyond the limit, UNSURE where a boundary is too close.

    `distance_m` is that of the edges, NaN beyond the limit; 0 inside a zone where the edges are `closed`.
    """
    n = len(order)
    for block in prange((n + BLOCK - 1) // BLOCK):
        near = -1
        for k in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
            i = order[k]
            px, py = x[i] - west, y[i] - south
            held = NOWHERE
            if closed:
                held = _held(px, py, cell_m, nx, ny, kind, mixed, entries, edges)
            if held >= 0:
                position[i], distance_m[i] = held, 0.0
                continue
            # the cell that was nearest to the point before is looked at first
            near, owner, best = _search(px, py, near, limit_m, bits, cell_m, nx, ny, kind, mixed, entries, edges)
            if best > limit_m + TIE_M:
                owner, best = NOWHERE, np.nan
            position[i], distance_m[i] = owner if held != UNSURE else UNSURE, best


@njit(cache=True, nogil=True)
def _held(px, py, cell_m, nx, ny, kind, mixed, entries, edges):
    """Lowest zone that holds a point; NOWHERE, or UNSURE where a boundary is too close."""
    if px < 0 or py < 0 or px >= nx * cell_m or py >= ny * cell_m:
        return NOWHERE
    cell = cell_of(px, py, cell_m, nx, ny)
    here = kind[cell]
    return here if here > MIXED else lowest(px, py, cell, -2 - here, cell_m, nx, mixed, entries, edges)


@njit(cache=True, nogil=True)
def _search(px, py, near, limit_m, bits, cell_m, nx, ny, kind, mixed, entries, edges):
    """Mixed cell with the nearest edge, its owner (the lowest of several within TIE_M) and distance.

    Starts with mixed cell `near`, if any, then takes the rows as they are near; nothing is looked for beyond the limit.
    """
    owner, best = NOWHERE, np.inf
    if near >= 0:
        owner, best = _nearer(px, py, near, limit_m, owner, best, mixed, entries, edges)
    first = near
    up = _clipped(py, cell_m, ny)
    down = up - 1
    reach = min(limit_m, best) + EPSILON_M
    c0, c1 = _clipped(px - reach, cell_m, nx), _clipped(px + reach, cell_m, nx)
    while up < ny or down >= 0:
        above = _gap(py, up, cell_m) if up < ny else np.inf
        below = _gap(py, down, cell_m) if down >= 0 else np.inf
        if min(above, below) > reach:
            break
        r, dy = (up, above) if above <= below else (down, below)
        if above <= below:
            up += 1
        else:
            down -= 1
        for w in range(c0 // 64, c1 // 64 + 1):
            word = _bits_between(bits, r, w, c0, c1)
            while word != ZERO:
                c = w * 64 + _lowest_bit(word)
                word &= word - ONE
                dx = _gap(px, c, cell_m)
                m = -2 - kind[r * nx + c]
                if dx * dx + dy * dy > reach * reach or m == first:
                    continue
                before = best
                owner, best = _nearer(px, py, m, limit_m, owner, best, mixed, entries, edges)
                if best < before:
                    near = m
                    reach = min(limit_m, best) + EPSILON_M
                    c0, c1 = _clipped(px - reach, cell_m, nx), _clipped(px + reach, cell_m, nx)
    return near, owner, best


@njit(cache=True, nogil=True)
def _nearer(px, py, m, limit_m, owner, best, mixed, entries, edges):
    """Owner and distance of the nearest edge so far, after those of mixed cell `m`."""
    reach = (min(limit_m, best) + EPSILON_M) ** 2
    for k in range(mixed[m], mixed[m + 1]):
        for e in range(entries[k, 2], entries[k + 1, 2]):
            squared = _squared(px, py, edges, e)
            if squared > reach:
                continue
            distance = np.sqrt(squared)
            if distance < best - TIE_M:
                owner = entries[k, 0]
            elif distance <= best + TIE_M:
                owner = min(owner, entries[k, 0])
            best = min(best, distance)
            reach = (min(limit_m, best) + EPSILON_M) ** 2
    return owner, best


@njit(cache=True, nogil=True, parallel=True)
def count_within(x, y, west, south, limit_m, closed, count, bits, cell_m, nx, ny, kind, mixed, entries, edges):
    """How many owners each point has within a distance; UNSURE where a boundary is too close to say."""
    n = len(x)
    for block in prange((n + BLOCK - 1) // BLOCK):
        owners = np.empty(16, np.int32)
        for i in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
            owners, count[i] = _within(
                x[i] - west, y[i] - south, limit_m, closed, owners, bits, cell_m, nx, ny, kind, mixed, entries, edges
            )


@njit(cache=True, nogil=True, parallel=True)
def write_within(
    x, y, west, south, limit_m, closed, start, count, position, bits, cell_m, nx, ny, kind, mixed, entries, edges
):
    """Write the owners that `count_within` counted from ``start[i]`` on, ascending; none where it was UNSURE."""
    n = len(x)
    for block in prange((n + BLOCK - 1) // BLOCK):
        owners = np.empty(16, np.int32)
        for i in range(block * BLOCK, min(n, block * BLOCK + BLOCK)):
            if count[i] <= 0:
                continue
            owners, found = _within(
                x[i] - west, y[i] - south, limit_m, closed, owners, bits, cell_m, nx, ny, kind, mixed, entries, edges
            )
            for j in range(found):
                position[start[i] + j] = owners[j]


@njit(cache=True, nogil=True)
def _within(px, py, limit_m, closed, owners, bits, cell_m, nx, ny, kind, mixed, entries, edges):
    """Owners of an edge within a distance and zones that hold the point, ascending; the list may have to grow."""
    n = 0
    if closed:
        owners, n = _holding(px, py, owners, cell_m, nx, ny, kind, mixed, entries, edges)
        if n == UNSURE:
            return owners, n
    reach = limit_m + TIE_M
    c0, c1 = _clipped(px - reach - EPSILON_M, cell_m, nx), _clipped(px + reach + EPSILON_M, cell_m, nx)
    r0, r1 = _clipped(py - reach - EPSILON_M, cell_m, ny), _clipped(py + reach + EPSILON_M, cell_m, ny)
    for r in range(r0, r1 + 1):
        for w in range(c0 // 64, c1 // 64 + 1):
            word = _bits_between(bits, r, w, c0, c1)
            while word != ZERO:
                c = w * 64 + _lowest_bit(word)
                word &= word - ONE
                if _gap(px, c, cell_m) ** 2 + _gap(py, r, cell_m) ** 2 > (reach + EPSILON_M) ** 2:
                    continue
                m = -2 - kind[r * nx + c]
                for k in range(mixed[m], mixed[m + 1]):
                    for e in range(entries[k, 2], entries[k + 1, 2]):
                        if _squared(px, py, edges, e) <= reach * reach:
                            owners, n = _include(owners, n, entries[k, 0])
                            break
    return owners, n


@njit(cache=True, nogil=True)
def _holding(px, py, owners, cell_m, nx, ny, kind, mixed, entries, edges):
    """Zones that hold a point, ascending: the list and its length, UNSURE where a boundary is too close."""
    n = 0
    if px < 0 or py < 0 or px >= nx * cell_m or py >= ny * cell_m:
        return owners, n
    cell = cell_of(px, py, cell_m, nx, ny)
    here = kind[cell]
    if here >= 0:
        owners[0] = here
        return owners, 1
    if here <= MIXED:
        for k in range(mixed[-2 - here], mixed[-1 - here]):
            found = side_of_entry(px, py, cell, k, cell_m, nx, entries, edges)
            if found == TOO_CLOSE:
                return owners, UNSURE
            if found == INSIDE:
                owners, n = _include(owners, n, entries[k, 0])
    return owners, n


@njit(cache=True, nogil=True)
def _include(owners, n, owner):
    """Take an owner into an ascending list; returns the list, a larger one if it was full, and its length."""
    k = np.searchsorted(owners[:n], owner)
    if k < n and owners[k] == owner:
        return owners, n
    if n == len(owners):
        owners = np.concatenate((owners, owners))
    for j in range(n, k, -1):
        owners[j] = owners[j - 1]
    owners[k] = owner
    return owners, n + 1
