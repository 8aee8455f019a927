"""Compiled kernel of `geo.access`: how far points are from polygons."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit, prange

from geo.coverage_kernels import BLOCK


@njit(cache=True, nogil=True, parallel=True)
def distances(x, y, point, row, coords, rings, parts, rows, distance_m):
    """Distance of each pair of a point and a row of polygons, 0 inside, into `distance_m`.

    Fast where pairs of one row stand together: each edge is then held against all their points at once, without a
    branch. A point on an outline is as far from the outside as from the inside, so rounding there does no harm.
    """
    n = len(point)
    for block in prange((n + BLOCK - 1) // BLOCK):
        px, py, best, side = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
        start, end = block * BLOCK, min(n, block * BLOCK + BLOCK)
        while start < end:
            here, m = row[start], 0
            while start + m < end and row[start + m] == here:
                px[m], py[m] = x[point[start + m]], y[point[start + m]]
                best[m], side[m] = np.inf, 1.0
                m += 1
            for ring in range(parts[rows[here]], parts[rows[here + 1]]):
                for i in range(rings[ring] + 1, rings[ring + 1]):
                    x0, y0, x1, y1 = coords[i - 1, 0], coords[i - 1, 1], coords[i, 0], coords[i, 1]
                    ux, uy = x1 - x0, y1 - y0
                    per_length = 1.0 / max(ux * ux + uy * uy, 1e-300)  # a repeated vertex has none
                    left = 1.0 if uy > 0 else -1.0
                    for k in range(m):
                        ax, ay = x0 - px[k], y0 - py[k]
                        along = -(ax * ux + ay * uy) * per_length
                        along = max(0.0, along)
                        along = min(1.0, along)
                        dx, dy = ax + along * ux, ay + along * uy
                        squared = dx * dx + dy * dy
                        best[k] = min(best[k], squared)
                        crossed = ((y0 > py[k]) != (y1 > py[k])) & ((ax * uy - ay * ux) * left > 0.0)
                        side[k] = -side[k] if crossed else side[k]
            for k in range(m):
                distance_m[start + k] = 0.0 if side[k] < 0.0 else np.sqrt(best[k])
            start += m
