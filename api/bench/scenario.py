"""Scenarios: what many measures save together on every building, year by year."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.bench.case import Case, module
from api.bench.synthetic import SIZES
from geo.scenario import Action, Adoption, HeatStock, saved, steps

Floats = NDArray[np.float64]
Single = NDArray[np.float32]
YEARS, MEASURES, ARCHETYPES = 26, 50, 48
BLOCK = 8192


@dataclass(frozen=True)
class Town:
    """Single buildings that take each measure in one year or never.

    Attributes
    ----------
    n_zones, zone
        Zone of each building, not falling.
    kwh, archetype
        Demand in kWh/a and archetype of each building.
    saving
        Share of demand that a measure saves, shape (measures, archetypes).
    year
        Year in which a building takes a measure, shape (measures, buildings); `YEARS` for never.
    """

    n_zones: int
    zone: NDArray[np.int64]
    kwh: Single
    archetype: NDArray[np.uint8]
    saving: Single
    year: NDArray[np.uint8]

    @property
    def starts(self) -> NDArray[np.int64]:
        """First building of each zone that has any."""
        return np.flatnonzero(np.r_[True, self.zone[1:] != self.zone[:-1]])


def town(n: int) -> Town:
    """Draw `n` buildings; between a fifth and nine tenths of them ever take a measure."""
    rng, n_zones = np.random.default_rng(3), SIZES[n][0]
    kwh = rng.gamma(2, 3, n).astype(np.float32)
    archetype = rng.integers(0, ARCHETYPES, n).astype(np.uint8)
    zone = np.sort(rng.integers(0, n_zones, n))
    saving = rng.uniform(0, 0.15, (MEASURES, ARCHETYPES)).astype(np.float32)
    year = np.empty((MEASURES, n), np.uint8)
    for row in year:
        place = rng.random(n, dtype=np.float32) / rng.uniform(0.2, 0.9)
        row[:] = np.minimum(place * YEARS, YEARS)
    return Town(n_zones, zone, kwh, archetype, saving, year)


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Take 50 measures through 26 years on `n` buildings, energy left by zone and year.

    Peers compute in single precision, which is their faster way; we in double.
    """
    data = town(n)
    work = f"{MEASURES} measures x {YEARS} years on single buildings"
    ours = _ours(data)
    for peer, theirs in (
        ("numpy, loop over measures", lambda: _numpy(data, slice(None))),
        (f"numpy, blocks of {BLOCK} rows", lambda: _blocks(data)),
    ):
        yield Case("scenario", work, n, ours, peer, theirs, _close(1e-5))
    yield Case("scenario", work, n, ours, "polars, streaming", _polars(module("polars"), data), _close(1e-5))


def _ours(data: Town) -> Callable[[], Floats]:
    n, whole = len(data.zone), data.kwh.astype(np.float64)
    stock = HeatStock(
        first=np.arange(n + 1),
        kind=data.archetype,
        useful_kwh=whole,
        age_of_kind=np.zeros(ARCHETYPES, dtype=np.int64),
        propensity=np.ones((1, 1)),
        tilt=np.ones((n, 1)),
        final_per_useful=np.ones(1),
        area=data.zone,
        n_areas=data.n_zones,
    )
    everybody = np.ones(ARCHETYPES, dtype=np.uint16)
    actions = [Action(f"{m:02d}", everybody, share.astype(np.float64)) for m, share in enumerate(data.saving)]
    adoption = Adoption(np.ascontiguousarray(data.year.T), steps(YEARS))

    def left() -> Floats:
        before = np.bincount(data.zone, whole, data.n_zones)
        return np.asarray(before[:, None] - saved(stock, actions, adoption).kwh[:, 0])

    return left


def _numpy(data: Town, rows: slice) -> Single:
    """Energy left of some buildings by zone and year, as anybody would write it."""
    years, one = np.arange(YEARS, dtype=np.uint8), np.float32(1)
    left = np.repeat(data.kwh[rows, None], YEARS, axis=1)
    archetype, zone = data.archetype[rows], data.zone[rows]
    for year, share in zip(data.year[:, rows], data.saving, strict=True):
        left *= np.where(year[:, None] <= years, (one - share)[archetype][:, None], one)
    starts = np.flatnonzero(np.r_[True, zone[1:] != zone[:-1]])
    out = np.zeros((data.n_zones, YEARS), dtype=np.float32)
    out[zone[starts]] = np.add.reduceat(left, starts, axis=0)
    return out


def _blocks(data: Town) -> Floats:
    out = np.zeros((data.n_zones, YEARS))
    for start in range(0, len(data.zone), BLOCK):
        out += _numpy(data, slice(start, start + BLOCK))
    return out


def _polars(polars: Any, data: Town) -> Callable[[], Floats] | None:  # noqa: ANN401 - any library
    """Factors joined to buildings beforehand; one expression for each year."""
    if polars is None:
        return None
    columns = {f"y{m}": year for m, year in enumerate(data.year)}
    factors = {f"f{m}": (np.float32(1) - share)[data.archetype] for m, share in enumerate(data.saving)}
    frame = polars.DataFrame({"zone": data.zone, "kwh": data.kwh, **columns, **factors})
    one = polars.lit(1.0, polars.Float32)

    def left(year: int) -> Any:  # noqa: ANN401 - an expression of the library's
        product = polars.col("kwh")
        for m in range(MEASURES):
            product *= polars.when(polars.col(f"y{m}") <= year).then(polars.col(f"f{m}")).otherwise(one)
        return product.alias(str(year))

    def total() -> Floats:
        plan = frame.lazy().select("zone", *(left(y) for y in range(YEARS))).group_by("zone").agg(polars.all().sum())
        found = plan.collect(engine="streaming")
        out = np.zeros((data.n_zones, YEARS))
        out[found["zone"].to_numpy()] = found.drop("zone").to_numpy()
        return out

    return total


def _close(tolerance: float) -> Callable[[Floats, Floats], bool]:
    return lambda ours, theirs: bool(np.allclose(ours, theirs, rtol=tolerance))
