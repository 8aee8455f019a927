"""Compiled loops of `geo.uncertainty`. Sums run over blocks of fixed size, so that threads do not change a digit."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit, prange

from geo.uncertainty import DRAWS

BLOCK = 2048
# partial tables, one for each of a few long runs and not for each thread: their number must not change the sums
RUNS = 16


@njit(inline="always")
def _mix(x):
    """Scramble 64 bits (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline="always")
def _walk(key, seed):
    """Start and step of a unit's walk: as the number of strata is prime, any step visits each of them once."""
    bits = _mix(key ^ _mix(seed))
    step = np.int64(bits % np.uint64(DRAWS - 1)) + 1
    start = np.int64(_mix(bits) % np.uint64(DRAWS))
    return start, step


@njit(parallel=True, cache=True, nogil=True)
def zone_sums(weights, sigma, zone, keys, seed, strata, partial):
    """Sum the disturbed weights of each draw by zone into `partial` (runs, zones + 1, draws); the last is no zone."""
    n = len(weights)
    runs, zones = partial.shape[0], partial.shape[1] - 1
    for r in prange(runs):
        for u in range(r * n // runs, (r + 1) * n // runs):
            if weights[u] == 0.0:
                continue
            at, step = _walk(keys[u], seed)
            z = zone[u] if zone[u] >= 0 else zones
            mean = weights[u] * np.exp(-0.5 * sigma[u] * sigma[u])
            for k in range(DRAWS):
                partial[r, z, k] += mean * np.exp(sigma[u] * strata[at])
                at += step
                if at >= DRAWS:
                    at -= DRAWS


@njit(cache=True, nogil=True)
def _select(values, left, right, rank):
    """Put the value of a rank in its place, smaller ones before it, larger ones behind it (Hoare's quickselect)."""
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            return


@njit(parallel=True, cache=True, nogil=True)
def unit_bands(weights, sigma, keys, seed, strata, log_scale, low, middle, high, out):
    """Values of each unit at three ranks of its draws, into `out` (units, 3)."""
    n = len(weights)
    for b in prange((n + BLOCK - 1) // BLOCK):
        values = np.empty(DRAWS)
        for u in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            if weights[u] == 0.0:
                continue
            at, step = _walk(keys[u], seed)
            # logarithms rank as their values do, and only three of them are wanted back
            for k in range(DRAWS):
                values[k] = sigma[u] * strata[at] + log_scale[k]
                at += step
                if at >= DRAWS:
                    at -= DRAWS
            mean = np.log(weights[u]) - 0.5 * sigma[u] * sigma[u]
            # three ranks need no full sort: the median parts the rest
            _select(values, 0, DRAWS - 1, middle)
            _select(values, 0, middle - 1, low)
            _select(values, middle + 1, DRAWS - 1, high)
            out[u, 0] = np.exp(mean + values[low])
            out[u, 1] = np.exp(mean + values[middle])
            out[u, 2] = np.exp(mean + values[high])
