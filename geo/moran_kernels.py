"""Compiled loops of `geo.moran`: permutations, each with random numbers of its own.

A permutation hangs on the seed and its number alone (and, for local figures, on the area's), not on threads.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import njit, prange

from geo.moran import TIE

# areas that one thread takes at a time; fixed, since their permutations go on from each other
BLOCK = 64

_U32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ONE = np.uint64(1)
_STEP = np.uint64(0x9E3779B97F4A7C15)


@njit(inline="always")
def _mix(x):
    """Scramble 64 bits (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(inline="always")
def _below(bits, bound):
    """Number from 0 to below `bound` from 32 random bits; uneven by at most bound / 2**32."""
    return (bits * bound) >> _U32


@njit(inline="always")
def _shuffle(values, state):
    """Fisher and Yates; two numbers from each draw of 64 bits. Unsigned positions, as numba tests signed ones."""
    i = np.uint64(len(values))
    while i > _ONE:
        state += _STEP
        bits = _mix(state)
        j = _below(bits >> _U32, i)
        i -= _ONE
        values[i], values[j] = values[j], values[i]
        if i > _ONE:
            j = _below(bits & _LOW, i)
            i -= _ONE
            values[i], values[j] = values[j], values[i]


@njit(parallel=True, cache=True, nogil=True)
def permuted(values, linear, first, second, weights, seed, out):
    """Values of ``sum_i linear_i v_i + sum_p weights_p v_first v_second`` for permuted v, one for each of `out`.

    Four permutations at a time: each pair is read once for all of them, and their sums do not wait for each other.
    """
    for group in prange((len(out) + 3) // 4):
        v = np.empty((4, len(values)))
        for lane in range(4):
            v[lane] = values
            _shuffle(v[lane], _mix(seed ^ _mix(np.uint64(4 * group + lane))))
        a = b = c = d = 0.0
        for i in range(len(values)):
            a += linear[i] * v[0, i]
            b += linear[i] * v[1, i]
            c += linear[i] * v[2, i]
            d += linear[i] * v[3, i]
        for p in range(len(weights)):
            one, two, w = np.uint64(first[p]), np.uint64(second[p]), weights[p]
            a += w * v[0, one] * v[0, two]
            b += w * v[1, one] * v[1, two]
            c += w * v[2, one] * v[2, two]
            d += w * v[3, one] * v[3, two]
        sums = (a, b, c, d)
        for lane in range(min(4, len(out) - 4 * group)):
            out[4 * group + lane] = sums[lane]


@njit(parallel=True, cache=True, nogil=True)
def local_extremes(values, offsets, weights, deviation, seed, permutations, out):
    """Count how often others in the neighbours' places are as far from expectation as `deviation`, into `out`.

    For each area: draw its number of neighbours from all other areas, without replacement; the weighted mean less what
    is expected of it given the area's own value (values are standardised, so the others sum to the negative of it).
    """
    n = len(values)
    for b in prange((n + BLOCK - 1) // BLOCK):
        order = np.arange(n - 1).astype(np.uint32)
        for i in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            row = weights[offsets[i] : offsets[i + 1]]
            limit = deviation[i] - TIE
            expected = -values[i] * row.sum() / (n - 1)
            state = _mix(seed ^ _mix(np.uint64(i)))
            count = 0
            for _ in range(permutations):
                lag = 0.0
                for m in range(len(row)):
                    state += _STEP
                    # the head of a shuffle: whatever order it goes on from, any choice is equally likely
                    at = np.uint64(m)
                    j = at + _below(_mix(state) >> _U32, np.uint64(n - 1 - m))
                    order[at], order[j] = order[j], order[at]
                    other = np.uint64(order[at])
                    lag += row[m] * values[other + np.uint64(other >= np.uint64(i))]
                count += abs(lag - expected) >= limit
            out[i] = count
