"""Compiled loops of `geo.carriers`. Sums run over blocks of fixed size, so that threads do not change a digit."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit, prange

BLOCK = 4096


@njit(parallel=True, cache=True, nogil=True)
def column_sums(heat, propensity, local, factors, partial, curve):
    """Add up heat by carrier, and its derivatives by the logarithms of the factors, for each block of units."""
    n, ages = heat.shape
    carriers = len(factors)
    for b in prange(len(partial)):
        share = np.empty(carriers)
        for u in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            for a in range(ages):
                if heat[u, a] == 0.0:
                    continue
                total = 0.0
                for c in range(carriers):
                    share[c] = propensity[a, c] * local[u, c] * factors[c]
                    total += share[c]
                for c in range(carriers):
                    share[c] /= total
                for c in range(carriers):
                    amount = heat[u, a] * share[c]
                    partial[b, c] += amount
                    curve[b, c, c] += amount
                    for d in range(carriers):
                        curve[b, c, d] -= amount * share[d]


@njit(parallel=True, cache=True, nogil=True)
def by_carrier(heat, propensity, local, out):
    """Amounts by unit and carrier, added to `out` (units, carriers), of amounts by unit and age."""
    n, ages = heat.shape
    carriers = out.shape[1]
    for u in prange(n):
        weight = np.empty(carriers)
        for a in range(ages):
            if heat[u, a] == 0.0:
                continue
            total = 0.0
            for c in range(carriers):
                weight[c] = propensity[a, c] * local[u, c]
                total += weight[c]
            for c in range(carriers):
                out[u, c] += heat[u, a] * weight[c] / total
