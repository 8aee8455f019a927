"""Compiled loops of `geo.carriers`. Sums run over blocks of fixed size, so that threads do not change a digit."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

BLOCK = 4096


@njit(parallel=True, cache=True, nogil=True)
def column_sums(heat, propensity, local, factors):
    """Heat by carrier of all units, and its derivatives by the logarithms of the factors."""
    n, ages = heat.shape
    carriers = len(factors)
    blocks = (n + BLOCK - 1) // BLOCK
    partial = np.zeros((blocks, carriers))
    curve = np.zeros((blocks, carriers, carriers))
    for b in prange(blocks):
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
    sums = np.zeros(carriers)
    slopes = np.zeros((carriers, carriers))
    for b in range(blocks):
        sums += partial[b]
        slopes += curve[b]
    return sums, slopes


@njit(parallel=True, cache=True, nogil=True)
def by_carrier(heat, propensity, local, factors):
    """Amounts by unit and carrier, shape (units, carriers), of amounts by unit and age."""
    n, ages = heat.shape
    carriers = len(factors)
    out = np.zeros((n, carriers))
    for u in prange(n):
        weight = np.empty(carriers)
        for a in range(ages):
            if heat[u, a] == 0.0:
                continue
            total = 0.0
            for c in range(carriers):
                weight[c] = propensity[a, c] * local[u, c] * factors[c]
                total += weight[c]
            for c in range(carriers):
                out[u, c] += heat[u, a] * weight[c] / total
    return out
