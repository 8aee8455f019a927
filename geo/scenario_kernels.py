"""Compiled loops of `geo.scenario`: the joint state of all measures on every unit of the stock, year by year."""

from __future__ import annotations

import numba as nb
import numpy as np

# parts of the work; fixed, so that sums do not depend on the number of cores
PARTS = 16


@nb.njit
def _remaining(  # type: ignore[no-untyped-def]
    active, adopted, curves, keep, limit, group, supply, bit, step, left, gone
) -> None:
    """Share of one archetype's demand that is left in each year, into `left`.

    Measures of one group are on different buildings of the unit, so their shares add up; groups multiply. Measures
    taken at once are steps: scattered to their year and multiplied up.
    """
    years = len(left)
    steps = False
    for y in range(years):
        left[y] = 1.0
    current = -1
    for m in active:
        if supply[m] or not (limit[m] & bit):
            continue
        curve = adopted[m]
        if curve < years:
            if not steps:
                steps = True
                for y in range(years):
                    step[y] = 1.0
            step[curve] *= keep[m]
            continue
        if group[m] != current:
            if current >= 0:
                for y in range(years):
                    left[y] *= 1.0 - gone[y]
            current = group[m]
            for y in range(years):
                gone[y] = 0.0
        for y in range(years):
            gone[y] += curves[curve, y] * (1.0 - keep[m])
    if current >= 0:
        for y in range(years):
            left[y] *= 1.0 - gone[y]
    if steps:
        share = 1.0
        for y in range(years):
            share *= step[y]
            left[y] *= share


@nb.njit(inline="always")
def _differ(active, limit, supply, bit, last):  # type: ignore[no-untyped-def]
    """Whether other demand measures, or other changes of the heating, act on a carrier than on the one before."""
    demand = heating = last == 0
    for m in active:
        if (limit[m] & bit != 0) != (limit[m] & last != 0):
            if supply[m]:
                heating = True
            else:
                demand = True
    return demand, heating


@nb.njit(inline="always")
def _less(active, adopted, curves, limit, supply, bit, left, less) -> None:  # type: ignore[no-untyped-def]
    """Share of the carrier's energy that is saved, into `less`: what gives way to other heatings counts in full."""
    years = len(left)
    for y in range(years):
        less[y] = 1.0
    for m in active:
        if supply[m] and limit[m] & bit:
            curve = adopted[m]
            for y in range(years):
                less[y] -= curves[curve, y]
    for y in range(years):
        less[y] = 1.0 - left[y] * less[y]


@nb.njit(inline="always")
def _acts(active, limit) -> bool:  # type: ignore[no-untyped-def]
    some = False
    for m in active:
        some = some or limit[m] != 0
    return some


@nb.njit(inline="always")
def _gain(active, adopted, curves, limit, supply, bit, target, per_useful, heat, left, saved) -> None:  # type: ignore[no-untyped-def]
    """Take what new heatings burn for what is left of `heat` off what is saved."""
    years = len(left)
    for m in active:
        if supply[m] and limit[m] & bit:
            new, curve, into = heat * per_useful[m], adopted[m], target[m]
            for y in range(years):
                saved[into, y] -= new * left[y] * curves[curve, y]


@nb.njit
def _save(  # type: ignore[no-untyped-def]
    heat, active, adopted, curves, keep, limit, group, supply, per_final, target, per_useful, work, saved
) -> None:
    """Add energy of one archetype without measures less that with them to `saved` (carriers, years).

    `heat` is its useful heat by carrier. Neighbouring carriers on which the same measures act are looked at once.
    """
    left, less, gone, step = work
    years = len(left)
    last, together = np.uint16(0), 0.0
    for c in range(len(per_final)):
        if heat[c] == 0.0:
            continue
        bit = np.uint16(1 << c)
        demand, heating = _differ(active, limit, supply, bit, last)
        if demand or heating:
            if last != 0:
                _gain(active, adopted, curves, limit, supply, last, target, per_useful, together, left, saved)
            if demand:
                _remaining(active, adopted, curves, keep, limit, group, supply, bit, step, left, gone)
            _less(active, adopted, curves, limit, supply, bit, left, less)
            last, together = bit, 0.0
        together += heat[c]
        final = heat[c] * per_final[c]
        for y in range(years):
            saved[c, y] += final * less[y]
    if last != 0:
        _gain(active, adopted, curves, limit, supply, last, target, per_useful, together, left, saved)


@nb.njit
def _rates(  # type: ignore[no-untyped-def]
    active, adopted, curves, keep, limit, group, supply, per_final, target, per_useful, ef, work, rate
) -> None:
    """Tonnes that a kWh of useful heat of one archetype saves, into `rate` (carriers, years)."""
    left, less, gone, step = work
    years = len(left)
    last = np.uint16(0)
    for c in range(len(per_final)):
        bit = np.uint16(1 << c)
        demand, heating = _differ(active, limit, supply, bit, last)
        if demand:
            _remaining(active, adopted, curves, keep, limit, group, supply, bit, step, left, gone)
        if demand or heating:
            _less(active, adopted, curves, limit, supply, bit, left, less)
        last = bit
        for y in range(years):
            rate[c, y] = per_final[c] * ef[c, y] * less[y]
        for m in active:
            if supply[m] and limit[m] & bit:
                new, curve, into = per_useful[m], adopted[m], target[m]
                for y in range(years):
                    rate[c, y] -= new * ef[into, y] * left[y] * curves[curve, y]


@nb.njit(inline="always")
def _burners(propensity, tilt, share) -> None:  # type: ignore[no-untyped-def]
    """Share of each carrier in the heat of one unit and age, into `share`."""
    whole = 0.0
    for c in range(len(share)):
        share[c] = propensity[c] * tilt[c]
        whole += share[c]
    for c in range(len(share)):
        share[c] /= whole


@nb.njit
def _taken(adopted, years, active) -> int:  # type: ignore[no-untyped-def]
    """List the measures that a unit takes, and return how many they are."""
    n = 0
    for m in range(len(adopted)):
        if adopted[m] != years:
            active[n] = m
            n += 1
    return n


@nb.njit(inline="always")
def _equal(one, other) -> bool:  # type: ignore[no-untyped-def]
    same = True
    for m in range(len(one)):
        same = same and one[m] == other[m]
    return same


@nb.njit(parallel=True, cache=True, nogil=True)
def change_at_once(first, kind, useful, final, area, adopted, keep, by_area) -> None:  # type: ignore[no-untyped-def]
    """Do what `change` does, for one carrier and measures that are taken at once or never: the plainest case.

    `adopted` holds the year of each unit and measure, or the number of years for never; `final` is the final energy per
    useful heat. Units that no measure reaches are cheaper to compute (they save exactly nothing) than to leave out.
    """
    n, years, n_measures = len(first) - 1, by_area.shape[3], adopted.shape[1]
    size = (n + PARTS - 1) // PARTS
    for part in nb.prange(PARTS):
        # two places for each year in turn, so that one multiplication need not wait for the one before
        step, total = np.empty((years + 1) * 2), np.zeros(years)
        here = -1
        for u in range(part * size, min(n, part * size + size)):
            if area[u] != here:
                if here >= 0:
                    for y in range(years):
                        by_area[part, here, 0, y] += total[y]
                        total[y] = 0.0
                here = area[u]
            for s in range(first[u], first[u + 1]):
                k = kind[s]
                for y in range(len(step)):
                    step[y] = 1.0
                for m in range(n_measures):
                    step[np.int64(adopted[u, m]) * 2 + (m & 1)] *= keep[k, m]
                before = useful[s] * final
                after = before
                for y in range(years):
                    after *= step[2 * y] * step[2 * y + 1]
                    total[y] += before - after
        if here >= 0:
            for y in range(years):
                by_area[part, here, 0, y] += total[y]


@nb.njit(parallel=True, cache=True, nogil=True)
def change(  # type: ignore[no-untyped-def]
    units,
    first,
    kind,
    useful,
    age_of_kind,
    propensity,
    tilt,
    per_final,
    area,
    adopted,
    curves,
    keep,
    limit,
    group,
    supply,
    target,
    per_useful,
    by_area,
) -> None:
    """Energy without measures less that with them.

    `units` are the units to look at. Neighbours in one area that take the same measures in the same years are summed by
    archetype and carrier first, and meet the years once: that is where the time goes, so sort them. `first` is the
    first segment of each unit; `kind` the archetype and `useful` the heat of each segment; `limit` the carriers a
    measure acts on by archetype, as bits; `supply` flags those that change the carrier to `target` with `per_useful`
    final energy per useful heat. Into `by_area` (parts, areas, carriers, years) in kWh.
    """
    n, years, n_carriers, kinds = len(units), curves.shape[1], len(per_final), len(age_of_kind)
    size = (n + PARTS - 1) // PARTS
    for part in nb.prange(PARTS):
        work = (np.empty(years), np.empty(years), np.empty(years), np.empty(years))
        share, taken = np.empty(n_carriers), np.empty(adopted.shape[1], np.int64)
        heat, saved = np.zeros((kinds, n_carriers)), np.zeros((n_carriers, years))
        listed, there, found = np.empty(kinds, np.int64), np.zeros(kinds, np.bool_), 0
        stop = min(n, part * size + size)
        for position in range(part * size, stop):
            u = units[position]
            age = -1
            for s in range(first[u], first[u + 1]):
                k = kind[s]
                if age_of_kind[k] != age:
                    age = age_of_kind[k]
                    _burners(propensity[age], tilt[u], share)
                if not there[k]:
                    there[k] = True
                    listed[found] = k
                    found += 1
                for c in range(n_carriers):
                    heat[k, c] += useful[s] * share[c]
            if position + 1 < stop:
                following = units[position + 1]
                if area[following] == area[u] and _equal(adopted[following], adopted[u]):
                    continue
            active = taken[: _taken(adopted[u], years, taken)]
            for i in range(found):
                k = listed[i]
                if _acts(active, limit[k]):
                    _save(
                        heat[k], active, adopted[u], curves, keep[k], limit[k], group, supply, per_final, target,
                        per_useful, work, saved,
                    )  # fmt: skip
                there[k] = False
                for c in range(n_carriers):
                    heat[k, c] = 0.0
            found = 0
            for c in range(n_carriers):
                for y in range(years):
                    by_area[part, area[u], c, y] += saved[c, y]
                    saved[c, y] = 0.0


@nb.njit(parallel=True, cache=True, nogil=True)
def tonnes(  # type: ignore[no-untyped-def]
    units,
    first,
    kind,
    useful,
    age_of_kind,
    propensity,
    tilt,
    per_final,
    adopted,
    curves,
    keep,
    limit,
    group,
    supply,
    target,
    per_useful,
    ef,
    by_unit,
) -> None:
    """Emissions without measures less those with them by unit, into `by_unit` (units, years), tonnes.

    What a kWh of an archetype and carrier saves is kept from unit to unit, as long as they take the same measures in
    the same years. `ef` (carriers, years) are tonnes per kWh; the rest is as in `change`.
    """
    n, years, n_carriers, kinds = len(units), curves.shape[1], len(per_final), len(age_of_kind)
    size = (n + PARTS - 1) // PARTS
    for part in nb.prange(PARTS):
        work = (np.empty(years), np.empty(years), np.empty(years), np.empty(years))
        share, taken = np.empty(n_carriers), np.empty(adopted.shape[1], np.int64)
        rate, known = np.empty((kinds, n_carriers, years)), np.zeros(kinds, np.bool_)
        active = taken[:0]
        for position in range(part * size, min(n, part * size + size)):
            u = units[position]
            if position == part * size or not _equal(adopted[units[position - 1]], adopted[u]):
                active = taken[: _taken(adopted[u], years, taken)]
                for k in range(kinds):
                    known[k] = False
            age = -1
            for s in range(first[u], first[u + 1]):
                k = kind[s]
                if not _acts(active, limit[k]):
                    continue
                if age_of_kind[k] != age:
                    age = age_of_kind[k]
                    _burners(propensity[age], tilt[u], share)
                if not known[k]:
                    known[k] = True
                    _rates(
                        active, adopted[u], curves, keep[k], limit[k], group, supply, per_final, target, per_useful, ef,
                        work, rate[k],
                    )  # fmt: skip
                for c in range(n_carriers):
                    amount = useful[s] * share[c]
                    if amount != 0.0:
                        for y in range(years):
                            by_unit[u, y] += amount * rate[k, c, y]


@nb.njit(parallel=True, cache=True, nogil=True)
def quantities(first, kind, amount, age_of_kind, propensity, tilt, carriers, every, variant, out):  # type: ignore[no-untyped-def]
    """Sum an amount of each segment as far as its carriers take part, by unit.

    `carriers` (variants, archetypes) are the carriers that take part, as bits, `every` the bits of all; `variant` says
    which row holds for a unit, -1 for none.
    """
    n_carriers = propensity.shape[1]
    for u in nb.prange(len(first) - 1):
        v = variant[u]
        if v < 0:
            continue
        total = 0.0
        for s in range(first[u], first[u + 1]):
            bits = carriers[v, kind[s]]
            if bits == 0:
                continue
            if bits == every:
                total += amount[s]
                continue
            age = age_of_kind[kind[s]]
            whole = some = 0.0
            for c in range(n_carriers):
                weight = propensity[age, c] * tilt[u, c]
                whole += weight
                if bits & np.uint16(1 << c):
                    some += weight
            total += amount[s] * some / whole
        out[u] = total


@nb.njit(cache=True, nogil=True)
def amounts(amount, low, high, room, reached, group, out) -> None:  # type: ignore[no-untyped-def]
    """Sum an amount of each unit times the share that has taken it, by group and year."""
    years = len(reached)
    for u in range(len(amount)):
        whole = amount[u] * room[u]
        if whole == 0.0:
            continue
        width = max(high[u] - low[u], 1e-300)
        for y in range(years):
            out[group[u], y] += whole * min(max((reached[y] - low[u]) / width, 0.0), 1.0)
