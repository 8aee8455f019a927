"""Building stock: footprints where they are known, census cells where they are not.

A footprint takes the place of one building of its cell, and its people; what the cell counts beyond its footprints
stays in the cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pyproj import CRS, Transformer

from data import footprints as built
from data import modelled
from data.cells import TYPES, Cells, Common, cells_as_stock, counted, detached
from data.figures import CRS_CELLS, Figures
from data.footprints import Footprints
from data.place import Place
from data.schema import BUILDING_TYPES
from data.segments import Segments
from data.units import CELL_M, WITHHELD, Stock, empty
from geo.arrays import FloatArray, IntArray, sum_by
from geo.columns import concatenate

LIVING_M2_PER_HEAD = 42.5
# first year of every census age and of every TABULA class but the oldest
AGE_STARTS = (1919, 1949, 1979, 1987, 1991, 1996, 2001, 2005, 2009)
CLASS_STARTS = (1860, 1919, 1949, 1958, 1969, 1979, 1984, 1995, 2002, 2010, 2016)


def stock(
    place: Place,
    figures: Figures,
    shared: Common,
    brought: Footprints | None = None,
    own_cells: pd.DataFrame | None = None,
) -> Stock:
    """Stock of a municipality.

    Parameters
    ----------
    place
        Configured; with ``format = "modelled"`` among its buildings, footprints are drawn from the census counts.
    figures
        Built-in tables; a place outside them has no census cells.
    shared
        Result of `common`.
    brought
        Its footprints, clean, with their archetype; see `data.footprints`.
    own_cells
        Its own census on cells of 200 m, in place of the built-in one; see `data.census`.

    Returns
    -------
    Stock
        Footprints first, then cells with what they count beyond their footprints.
    """
    crs = CRS.from_user_input(place.crs)
    census = counted(place, figures, shared, own_cells)
    cells = None if census is None else cells_as_stock(place.key, census, figures, shared, crs)
    seeds = [b.seed for b in place.buildings if b.kind == "modelled"]
    if brought is None and seeds and cells is not None:
        brought = _modelled(place.key, figures, cells, crs, seeds[0])
    if brought is None or not len(brought.table):
        return cells.stock if cells is not None else empty(crs, shared.kinds)
    return _joined(place, brought, cells, shared)


def _modelled(ags: str, figures: Figures, cells: Cells, crs: CRS, seed: int) -> Footprints:
    frame = cells.frame
    known = frame[[f"type_{name}" for name in TYPES]].to_numpy(np.int64)
    rng = np.random.default_rng([seed, *ags.encode()])
    unknown = (frame["type_other"] + frame["type_unknown"]).to_numpy(np.int64)
    counts = modelled.draw_types(known, unknown, cells.mix, rng)
    counts[:, len(TYPES)] += detached(frame).astype(np.int64)
    # drawn types are whole numbers: the last part of a per mille goes back to what the cells hold together
    table, shapes = modelled.footprints(frame, counts, cells.kinds, crs=crs, rng=rng)
    for name in ("dwellings", "living_area_m2"):
        table[name] *= cells.stock.units[name].sum() / table[name].sum()
    return built.archetypes(table, shapes, None, figures, min_heated_m2=0.0)


def _joined(place: Place, brought: Footprints, cells: Cells | None, shared: Common) -> Stock:
    """Put footprints in the place of what their cells count."""
    table, centre = brought.table, brought.centres()
    project = Transformer.from_crs(brought.shapes.crs, CRS_CELLS, always_xy=True)
    x, y = project.transform(centre[:, 0], centre[:, 1])
    x_m = (np.floor(x / CELL_M) * CELL_M).astype(np.int64)
    y_m = (np.floor(y / CELL_M) * CELL_M).astype(np.int64)
    housing = (table["use"] == "residential").to_numpy()
    living = table["living_area_m2"].to_numpy(np.float64)
    if cells is None:
        cell: IntArray = np.full(len(table), -1, dtype=np.int64)
        shares, rest = shared.ages[None], None
    else:
        cell = _cell_of(x_m, y_m, cells.stock.units)
        shares, rest = cells.age_shares, cells.stock
    n_cells = 0 if rest is None else len(rest)
    # the last row of the age shares is the municipality's own mix
    ages, classes = _ages_of(table["year_built"].to_numpy(np.float64), shares[cell])
    types = pd.Index(BUILDING_TYPES).get_indexer(pd.Index(table["building_type"]))
    lived_in = np.where(housing, living, 0.0)
    by_type = np.zeros((len(table), len(BUILDING_TYPES)))
    by_type[housing, types[housing]] = lived_in[housing]
    kinds = shared.kinds
    area = kinds.expected(by_type, ages)
    known = np.flatnonzero(housing & (classes >= 0))
    # of a building whose year is known, all is of one class
    exact = by_type[known][:, kinds.type] * (ages[known][:, kinds.age] > 0)
    exact *= kinds.age_class == classes[known][:, None]
    area[known] = np.where(exact.sum(axis=1, keepdims=True) > 0, exact, area[known])
    taken = sum_by(cell[housing & (cell >= 0)], np.ones(int((housing & (cell >= 0)).sum())), n_cells)
    left = np.zeros(0) if rest is None else 1 - np.minimum(1, taken / np.maximum(rest.units["n_buildings"], 1e-12))
    left = np.where(left < 1e-9, 0.0, left)
    homes = _residents(place, cells, cell, lived_in, left)
    units = pd.DataFrame(
        {
            "unit_id": table["building_id"].to_numpy(),
            "ags": place.key,
            "use": table["use"].to_numpy(),
            "building_type": table["building_type"].to_numpy(),
            "carrier": table["carrier"].to_numpy(),
            "data_grade": table["data_grade"].to_numpy(),
            "x_m": x_m,
            "y_m": y_m,
            "storeys": table["storeys"].to_numpy(np.float64),
            "n_buildings": housing.astype(np.float64),
            "dwellings": np.where(housing, table["dwellings"], 0.0),
            "people": homes.people,
            "living_area_m2": lived_in,
            "district_heat_share": homes.network,
            "floor_area_m2": table["floor_area_m2"].to_numpy(np.float64),
            "other_heat_kwh_a": table["other_heat_kwh_a"].to_numpy(np.float64),
        }
    )
    made = Stock(units, brought.shapes, Segments.of(kinds, np.vstack([area, np.zeros(len(kinds))])), {})
    if rest is None:
        return replace(made, withheld=dict.fromkeys(WITHHELD, 0.0))
    return _beside(made, rest, left, homes)


@dataclass(frozen=True)
class _Homes:
    """Who lives in footprints, what is left in cells, and how much of the withheld has a footprint after all."""

    people: FloatArray
    network: FloatArray
    people_left: FloatArray
    gone: float


def _residents(place: Place, cells: Cells | None, cell: IntArray, living: FloatArray, left: FloatArray) -> _Homes:
    """Spread the people of each cell by living area over its footprints and what it counts beyond them."""
    if cells is None:
        total = place.figures.population or living.sum() / LIVING_M2_PER_HEAD
        people = living * (total / living.sum()) if living.sum() > 0 else np.zeros_like(living)
        return _Homes(people, np.full(len(living), np.nan), np.zeros(0), 0.0)
    units, withheld = cells.stock.units, cells.stock.withheld
    inside = cell >= 0
    in_cells = left * units["living_area_m2"].to_numpy()
    total_m2 = sum_by(cell[inside], living[inside], len(units)) + in_cells
    per_m2 = np.divide(units["people"].to_numpy(), total_m2, out=np.zeros(len(units)), where=total_m2 > 0)
    outside = living[~inside]
    gone = min(1.0, float((outside > 0).sum()) / max(float(np.sum(withheld["n_buildings"])), 1.0))
    spare = float(np.sum(withheld["people"])) * gone
    people = np.empty(len(living))
    people[inside] = living[inside] * per_m2[cell[inside]]
    people[~inside] = outside * (spare / outside.sum()) if outside.sum() > 0 else 0.0
    network = np.full(len(living), float(units["district_heat_share"].mean()))
    network[inside] = units["district_heat_share"].to_numpy()[cell[inside]]
    return _Homes(people, network, in_cells * per_m2, gone)


def _beside(made: Stock, rest: Stock, left: FloatArray, homes: _Homes) -> Stock:
    """Add what the cells count beyond their footprints, and what stays withheld."""
    kept = left > 0
    share = left[kept]
    units = rest.units[kept].reset_index(drop=True)
    units["people"] = homes.people_left[kept]
    for name in ("n_buildings", "dwellings", "living_area_m2"):
        units[name] *= share
    unit = np.append(np.cumsum(kept) - 1 + len(made), kept.sum() + len(made))
    # a unit that is gone has no segment left; the withheld is the last of both
    scale = np.append(left, 1 - homes.gone)
    old = rest.segments
    there = scale[old.unit] > 0
    segments = Segments(
        old.kinds,
        np.concatenate([made.segments.unit, unit[old.unit[there]].astype(np.int32)]),
        np.concatenate([made.segments.archetype, old.archetype[there]]),
        np.concatenate([made.segments.living_m2, (old.living_m2 * scale[old.unit])[there]]),
        len(made) + int(kept.sum()),
    )
    return Stock(
        pd.concat([made.units, units], ignore_index=True),
        concatenate([made.shapes, rest.shapes.take(np.flatnonzero(kept))]),
        segments,
        withheld={name: value * (1 - homes.gone) for name, value in rest.withheld.items()},
    )


def _cell_of(x_m: IntArray, y_m: IntArray, units: pd.DataFrame) -> IntArray:
    """Position of the cell with this corner, -1 where the census has none."""
    width = 10_000_000
    corner = units["y_m"].to_numpy(np.int64) * width + units["x_m"].to_numpy(np.int64)
    order = np.argsort(corner)
    wanted = y_m * width + x_m
    at = np.minimum(np.searchsorted(corner[order], wanted), len(order) - 1)
    return np.asarray(np.where(corner[order][at] == wanted, order[at], -1), dtype=np.int64)


def _ages_of(year: FloatArray, expected: FloatArray) -> tuple[FloatArray, IntArray]:
    """Census ages of buildings, and their TABULA class where the year is known (-1 where it is not)."""
    known = np.isfinite(year)
    ages = expected.copy()
    ages[known] = 0.0
    ages[known, np.searchsorted(AGE_STARTS, year[known], side="right")] = 1.0
    classes = np.full(len(year), -1, dtype=np.int64)
    classes[known] = np.searchsorted(CLASS_STARTS, year[known], side="right")
    return ages, classes
