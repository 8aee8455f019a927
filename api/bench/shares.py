"""Scenarios on census cells: shares of many archetypes and carriers, measures that save heat or change the heating."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.bench.case import Case
from api.bench.synthetic import SIZES
from geo.scenario import Action, Adoption, HeatStock, saved, steps

Floats = NDArray[np.float64]
SEGMENTS, CARRIERS, YEARS, AGES, ARCHETYPES = 40, 9, 21, 10, 80
# measures of one letter exclude each other; the last three change the heating
GROUPS = "ABCDDEEE"
TARGETS = (None, None, None, None, None, 5, 6, 7)
FOSSIL = np.uint16(0b1111)
# who comes first is decided by district, so cells of one decile rise together
DECILES = 10
BLOCK = 1000


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Take 8 measures through 21 years on `n` segments, 40 to a cell; energy saved by zone, carrier and year.

    Once with uptake by decile of district, and once with cells that are each in a line of their own: the worst case,
    where no cell can be computed together with another.
    """
    stock, actions = cells(n), _actions()
    for who, adoption in (("decile of districts", by_decile(stock)), ("cell", by_cell(stock))):
        work = f"8 measures x {YEARS} years on cells of {SEGMENTS} archetypes, {CARRIERS} carriers, uptake by {who}"

        def ours(adoption: Adoption = adoption) -> Floats:
            return saved(stock, actions, adoption).kwh

        def theirs(adoption: Adoption = adoption) -> Floats:
            return plain(stock, actions, adoption)

        yield Case("scenario-shares", work, n, ours, f"numpy, blocks of {BLOCK} cells", theirs, _close)


def cells(n: int) -> HeatStock:
    """Draw cells with `n` segments."""
    rng, units, n_zones = np.random.default_rng(4), n // SEGMENTS, SIZES[n][0]
    kind = np.sort(np.argsort(rng.random((units, ARCHETYPES)), axis=1)[:, :SEGMENTS], axis=1)
    return HeatStock(
        first=np.arange(units + 1) * SEGMENTS,
        kind=kind.ravel().astype(np.uint8),
        useful_kwh=rng.gamma(2, 10_000, units * SEGMENTS),
        age_of_kind=np.arange(ARCHETYPES) // (ARCHETYPES // AGES),
        propensity=rng.uniform(0.05, 1, (AGES, CARRIERS)),
        tilt=rng.uniform(0.05, 1, (units, CARRIERS)),
        final_per_useful=rng.uniform(0.3, 1.3, CARRIERS),
        area=np.sort(rng.integers(0, n_zones, units)),
        n_areas=n_zones,
    )


def by_decile(stock: HeatStock) -> Adoption:
    """Uptake that rises later in some deciles of districts than in others."""
    decile = np.random.default_rng(5).integers(0, DECILES, stock.n_areas)[stock.area]
    return _adoption(np.column_stack([decile] * len(GROUPS)))


def by_cell(stock: HeatStock) -> Adoption:
    """Uptake that rises at its own time in every cell and measure."""
    return _adoption(np.random.default_rng(6).integers(0, DECILES, (len(stock), len(GROUPS))))


def plain(stock: HeatStock, actions: list[Action], adoption: Adoption) -> Floats:
    """Do the same in numpy, as anybody would write it; in blocks, because the whole would not fit into memory."""
    out = np.zeros((stock.n_areas, CARRIERS, YEARS))
    for start in range(0, len(stock), BLOCK):
        unit = np.repeat(np.arange(start, min(start + BLOCK, len(stock))), SEGMENTS)
        rows = slice(start * SEGMENTS, start * SEGMENTS + len(unit))
        kind, useful = stock.kind[rows], stock.useful_kwh[rows]
        weight = stock.propensity[stock.age_of_kind[kind]] * stock.tilt[unit]
        share = weight / weight.sum(axis=1, keepdims=True)
        left = useful[:, None] * _left(actions, adoption, unit, kind)
        change = share[:, :, None] * stock.final_per_useful[:, None] * (useful[:, None] - left)[:, None]
        for m, action in enumerate(actions):
            if action.to_carrier is None:
                continue
            moved = left * adoption.share(m)[unit]
            for c in range(CARRIERS):
                if action.carriers[0] >> c & 1:
                    heat = share[:, c, None] * moved
                    change[:, c] += heat * stock.final_per_useful[c]
                    change[:, action.to_carrier] -= heat * action.per_useful
        area = stock.area[unit]
        starts = np.flatnonzero(np.r_[True, area[1:] != area[:-1]])
        out[area[starts]] += np.add.reduceat(change, starts, axis=0)
    return out


def _left(actions: list[Action], adoption: Adoption, unit: NDArray[np.int64], kind: NDArray[np.integer]) -> Floats:
    """Share of demand that is left by segment and year."""
    left = np.ones((len(unit), YEARS))
    for group in sorted(set(GROUPS)):
        gone = np.zeros_like(left)
        for m, action in enumerate(actions):
            if action.group == group and action.saved is not None:
                takes_part = np.where(action.carriers > 0, action.saved, 0.0)
                gone += adoption.share(m)[unit] * takes_part[kind][:, None]
        left *= 1 - gone
    return left


def _actions() -> list[Action]:
    rng, out = np.random.default_rng(7), []
    for group, target in zip(GROUPS, TARGETS, strict=True):
        if target is None:
            takes_part = np.where(rng.random(ARCHETYPES) < 0.7, (1 << CARRIERS) - 1, 0).astype(np.uint16)
            out.append(Action(group, takes_part, rng.uniform(0, 0.4, ARCHETYPES)))
        else:
            out.append(Action(group, np.full(ARCHETYPES, FOSSIL), None, target, float(rng.uniform(0.25, 1))))
    return out


def _adoption(decile: NDArray[np.integer]) -> Adoption:
    """Give each measure a line for each decile: nothing until its turn, then evenly to 30 %."""
    line = np.linspace(0, 1, YEARS) - np.linspace(0, 0.6, DECILES)[:, None]
    rises = 0.3 * np.clip(line / 0.4, 0, 1)
    curves = np.vstack([steps(YEARS), *(rises * scale for scale in np.linspace(0.5, 1, len(GROUPS)))])
    number = YEARS + 1 + np.arange(len(GROUPS)) * DECILES + decile
    return Adoption(number.astype(np.uint8), curves)


def _close(ours: Floats, theirs: Floats) -> bool:
    # carriers that lose and gain cancel, so small numbers stand beside large ones
    return bool(np.allclose(ours, theirs, rtol=1e-9, atol=1e-12 * np.abs(theirs).max()))
