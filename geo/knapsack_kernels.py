"""Compiled loops of `geo.knapsack`: take candidates in an order, and exchange one for another.

Amounts are summed anew at every call, so that rounding cannot pile up. Limits come with their tolerance.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _used(cost, group, area, chosen, spent, taken):
    """Sum what is chosen by area, mark its groups; returns the cost of all."""
    total = 0.0
    for i in range(len(cost)):
        if chosen[i]:
            total += cost[i]
            spent[area[i]] += cost[i]
            if group[i] >= 0:
                taken[group[i]] = True
    return total


@njit(cache=True, nogil=True)
def fill(order, cost, group, requires, area, budget, room, n_groups, chosen):
    """Take candidates in `order`, each with all that it requires, where budget, areas and groups allow it.

    Changes `chosen`; returns whether anything was taken.
    """
    spent, taken = np.zeros(len(room)), np.zeros(n_groups, np.bool_)
    total = _used(cost, group, area, chosen, spent, taken)
    chain = np.empty(len(cost), np.int64)
    grown = False
    for j in order:
        length = 0
        i = j
        while i >= 0 and not chosen[i]:
            chain[length] = i
            length += 1
            i = requires[i]
        fits = 0
        while fits < length:
            i = chain[fits]
            if (
                total + cost[i] > budget
                or spent[area[i]] + cost[i] > room[area[i]]
                or (group[i] >= 0 and taken[group[i]])
            ):
                break
            total += cost[i]
            spent[area[i]] += cost[i]
            if group[i] >= 0:
                taken[group[i]] = True
            fits += 1
        for k in range(fits):
            i = chain[k]
            if fits == length:
                chosen[i] = True
                grown = True
                continue
            total -= cost[i]
            spent[area[i]] -= cost[i]
            if group[i] >= 0:
                taken[group[i]] = False
    return grown


@njit(cache=True, nogil=True)
def swap(into, out, value, low, cost, group, requires, area, budget, room, n_groups, floor, chosen):
    """Exchange one chosen candidate of `out` for one of `into` that is worth more, the best exchange for each.

    Nothing that a chosen candidate requires leaves, nothing comes without what it requires, and the low-income benefit
    stays at or above `floor`. Changes `chosen`; returns whether anything was exchanged.
    """
    spent, taken = np.zeros(len(room)), np.zeros(n_groups, np.bool_)
    total = _used(cost, group, area, chosen, spent, taken)
    reached = 0.0
    needed = np.zeros(len(cost), np.int64)
    for i in range(len(cost)):
        if chosen[i]:
            reached += low[i]
            if requires[i] >= 0:
                needed[requires[i]] += 1
    changed = False
    for j in into:
        if chosen[j] or (requires[j] >= 0 and not chosen[requires[j]]):
            continue
        best, gain = -1, 0.0
        for i in out:
            if not chosen[i] or needed[i] > 0 or i == requires[j] or value[j] - value[i] <= gain:
                continue
            here = cost[i] if area[i] == area[j] else 0.0
            if total - cost[i] + cost[j] > budget or spent[area[j]] - here + cost[j] > room[area[j]]:
                continue
            if group[j] >= 0 and taken[group[j]] and group[i] != group[j]:
                continue
            if reached - low[i] + low[j] < floor:
                continue
            best, gain = i, value[j] - value[i]
        if best < 0:
            continue
        chosen[best], chosen[j], changed = False, True, True
        total += cost[j] - cost[best]
        reached += low[j] - low[best]
        spent[area[best]] -= cost[best]
        spent[area[j]] += cost[j]
        if group[best] >= 0:
            taken[group[best]] = False
        if group[j] >= 0:
            taken[group[j]] = True
        if requires[best] >= 0:
            needed[requires[best]] -= 1
        if requires[j] >= 0:
            needed[requires[j]] += 1
    return changed
