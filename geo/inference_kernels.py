"""Compiled loops of `geo.inference`. One thread each, so that a seed gives the same figures on every machine.

Positions drawn at random are unsigned, which spares the test for negative ones and halves the time. A position below n
comes from 32 bits: none is favoured by more than n in 2**32.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from geo.uncertainty_kernels import _mix

_STEP = np.uint64(0x9E3779B97F4A7C15)  # of splitmix64: a counter that `_mix` scrambles
_HALF, _LOWER = np.uint64(32), np.uint64(2**32 - 1)
_SIGN = np.uint64(1 << 63)
_NONE, _ONE = np.uint64(0), np.uint64(1)


@njit(cache=True, nogil=True)
def permuted_indices(amount, weight, weighted_rank, seed, out):
    """Concentration index of shuffled amounts, one for each place in `out`."""
    held = amount.copy()
    state = _mix(seed)
    for k in range(len(out)):
        total = ranked = 0.0
        i = np.uint64(len(held))
        while i > _NONE:
            state += _STEP
            bits = _mix(state)
            for shift in (_HALF, _NONE):  # two positions from 64 bits
                if i > _NONE:
                    j = (((bits >> shift) & _LOWER) * i) >> _HALF
                    i -= _ONE
                    drawn = held[j]
                    held[j] = held[i]
                    held[i] = drawn
                    total += weight[i] * drawn
                    ranked += weighted_rank[i] * drawn
        out[k] = 2 * ranked / total - 1


@njit(cache=True, nogil=True)
def placements(room, gain, area, start, quota, sign, seed, out):
    """Add to `out` (draws, areas) what units in random order gain until the quota of their stratum is used up.

    Units `start[s]` to `start[s + 1]` are stratum `s`; the last one to come takes what is left. Only as many units are
    drawn as are needed: a partial shuffle, whatever the order left by the draw before.
    """
    order = np.arange(len(room)).astype(np.uint32)
    state = _mix(seed)
    for k in range(len(out)):
        for s in range(len(quota)):
            left = quota[s]
            first, i = np.uint64(start[s]), np.uint64(start[s + 1])
            while left > 0.0 and i > first:
                state += _STEP
                j = first + (((_mix(state) >> _HALF) * (i - first)) >> _HALF)
                i -= _ONE
                unit = order[j]
                order[j] = order[i]
                order[i] = unit
                taken = min(room[unit], left)
                left -= taken
                out[k, area[unit]] += sign[s] * taken * gain[unit]


@njit(cache=True, nogil=True)
def pack(key, low, out):
    """Write numbers that sort as the keys (bits of float64) do, but for their last bits, which hold the position.

    `low` flags those last bits.
    """
    for i in range(len(key)):
        bits = key[i]
        bits = ~bits if bits > _SIGN else bits | _SIGN  # -0.0 becomes what 0.0 does
        out[i] = (bits & ~low) | np.uint64(i)


@njit(cache=True, nogil=True)
def settle(packed, low, key):
    """Put sorted numbers of `pack` into the exact order of their keys; False, unfinished, where that takes too long.

    Those that `pack` could not tell apart are next to each other, and find their places by insertion.
    """
    moves = 0
    for i in range(1, len(packed)):
        one = packed[i]
        j = i
        while j > 0 and (packed[j - 1] ^ one) <= low and key[packed[j - 1] & low] > key[one & low]:
            packed[j] = packed[j - 1]
            j -= 1
        packed[j] = one
        moves += i - j
        if moves > 8 * len(packed):
            return False
    return True


@njit(cache=True, nogil=True)
def next_key(packed, low, key, start):
    """First place from `start` on whose key is another than that before it."""
    while 0 < start < len(packed) and key[packed[start] & low] == key[packed[start - 1] & low]:
        start += 1
    return start


@njit(cache=True, nogil=True)
def ranked_sums(packed, low, key, both, mean):
    """Sums over a stretch of units in order, as if nobody lay before it, with p = 2 rank - 1; ties share their rank.

    Weights, weight * amount, p * weight * amount, weight**2, p * weight**2, p**2 * weight**2, and squares of amount -
    `mean`. The last bits of `packed` (`low`) are positions in order; keys may only be equal where the other bits are.
    `both` holds weight and amount side by side: units are met all over the memory, and every look there costs time.
    """
    before = total = linear = masses_all = shifted = squares = deviations = 0.0
    i, n = 0, len(packed)
    while i < n:
        first = packed[i]
        mass = amounts = masses = 0.0
        # most units are alone with their key, and nothing of it is looked up
        while i < n and (packed[i] ^ first) <= low and (packed[i] == first or key[packed[i] & low] == key[first & low]):
            unit = packed[i] & low
            weight, amount = both[unit, 0], both[unit, 1]
            mass += weight
            amounts += weight * amount
            masses += weight * weight
            deviations += (amount - mean) ** 2
            i += 1
        place = 2 * before + mass - 1
        total += amounts
        linear += place * amounts
        masses_all += masses
        shifted += place * masses
        squares += place * place * masses
        before += mass
    return before, total, linear, masses_all, shifted, squares, deviations
