"""Building stock: footprints where they are known, census cells where they are not.

Counts below 3 are withheld by the census. What a cell is known to have but not of which kind takes the kinds that the
municipality has left over; what is withheld altogether becomes one more row, without a place, so that no total is
short. A footprint takes the place of one building of its cell, and its people; what the cell counts beyond its
footprints stays in the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from data import footprints as built
from data import modelled
from data.figures import CRS_CELLS, Figures
from data.footprints import Footprints
from data.place import Place
from data.schema import AGES, BUILDING_TYPES
from geo.archetype import REFERENCE_PER_LIVING
from geo.arrays import FloatArray, IntArray, sum_by
from geo.columns import Polygons, concatenate
from geo.heat import expected_heat, final_heat

TYPES = ("sfh_semi", "sfh_terraced", "2fh_detached", "2fh_semi", "2fh_terraced", "mfh_3_6", "mfh_7_12", "mfh_13plus")
RESTS = ("rest_1_dwelling", "rest_2_dwellings", "rest_3plus_dwellings")
CLASSES = tuple("ABCDEFGHIJKL")
CELL_M = 200
CELL = "cell"
LIVING_M2_PER_HEAD = 42.5
# first year of every census age and of every TABULA class but the oldest
AGE_STARTS = (1919, 1949, 1979, 1987, 1991, 1996, 2001, 2005, 2009)
CLASS_STARTS = (1860, 1919, 1949, 1958, 1969, 1979, 1984, 1995, 2002, 2010, 2016)


@dataclass(frozen=True)
class Stock:
    """Stock units of one municipality, and what has no place.

    Attributes
    ----------
    units
        One row for each unit: `unit_id`, `ags`, `x_m`, `y_m` (lower-left corner of its census cell, EPSG:3035), `use`
        (``"cell"`` for a cell), `building_type`, `storeys`, `n_buildings` (residential), `dwellings`, `people` (NaN
        where withheld), `living_area_m2`, `district_heat_share` (NaN where unknown), `carrier` (empty where unknown),
        `floor_area_m2` and `other_heat_kwh_a` of non-residential buildings, `data_grade`.
    shapes
        Their outlines, in the place's CRS.
    area_by_age
        Living area in m², shape (units, ages of `data.schema.AGES`).
    heat_by_age
        Modelled useful heat in kWh/a, same shape: weights for the allocation, not yet the balance.
    saving_by_age
        What the usual refurbishment of the part in its existing state would save of `heat_by_age`.
    existing_by_age
        Living area in its existing state, m².
    withheld
        The same figures for what the census withholds: scalars for `n_buildings`, `dwellings`, `people` and arrays of
        one value for each age.
    """

    units: pd.DataFrame
    shapes: Polygons
    area_by_age: FloatArray
    heat_by_age: FloatArray
    saving_by_age: FloatArray
    existing_by_age: FloatArray
    withheld: dict[str, float | FloatArray]

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True)
class Common:
    """What all municipalities share, made once for a build.

    Attributes
    ----------
    people_2011
        People of each row of `figures.cells`: those of the 1 km cell, spread over the 200 m cells inside it by
        dwellings; NaN where the 1 km cell is withheld.
    unplaced_2011
        By municipality, the people of 1 km cells that hold no known building.
    useful_heat, saving
        Useful heat per m² reference area and year by building type and TABULA class, and what a usual retrofit of the
        part in its existing state saves of it; shape (types, classes).
    existing
        Share of the area in its existing state, by class.
    class_of_age
        Share of each class in each census age, shape (classes, ages).
    ages
        Share of each census age in all dwellings of the table: for a place that has no census at hand.
    """

    people_2011: pd.Series
    unplaced_2011: pd.Series
    useful_heat: FloatArray
    saving: FloatArray
    existing: FloatArray
    class_of_age: FloatArray
    ages: FloatArray


def common(figures: Figures) -> Common:
    """Compute what all municipalities share."""
    cells, people = figures.cells, figures.people
    per_building = figures["dwelling_types"].set_index("census_type")["dwellings_per_building"]
    dwellings = sum(cells[f"type_{name}"] * per_building[name] for name in TYPES)
    dwellings = dwellings + (cells["type_other"] + cells["type_unknown"]) * per_building["rest_1_dwelling"]
    inside = pd.MultiIndex.from_arrays([cells["x_m"] // 1000 * 1000, cells["y_m"] // 1000 * 1000])
    grid = people.set_index(["x_m", "y_m"])["people"].astype(float)
    total = dwellings.groupby([inside.get_level_values(0), inside.get_level_values(1)]).sum()
    spread = dwellings.to_numpy() * grid.reindex(inside).to_numpy() / total.reindex(inside).to_numpy()
    unplaced = people[~grid.index.isin(total.index)].groupby("ags")["people"].sum()
    return Common(pd.Series(spread, index=cells.index), unplaced, *_heat_tables(figures), _all_ages(figures))


def stock(place: Place, figures: Figures, shared: Common, brought: Footprints | None = None) -> Stock:
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

    Returns
    -------
    Stock
        Footprints first, then cells with what they count beyond their footprints.
    """
    crs = CRS.from_user_input(place.crs)
    counted = bool((figures.cells["ags"] == place.key).any())
    cells = _cells(place.key, figures, shared, crs) if counted else None
    seeds = [b.seed for b in place.buildings if b.kind == "modelled"]
    if brought is None and seeds and cells is not None:
        brought = _modelled(place.key, figures, cells, crs, seeds[0])
    if brought is None or not len(brought.table):
        return cells.stock if cells is not None else empty(crs)
    return _joined(place, brought, cells, shared)


def empty(crs: CRS) -> Stock:
    """Stock of a place that brought no building and has no census."""
    none, flat = np.zeros((0, len(AGES))), np.zeros(len(AGES))
    zero = np.zeros(1, np.int64)
    withheld: dict[str, float | FloatArray] = dict.fromkeys(("n_buildings", "dwellings", "people"), 0.0)
    withheld |= dict.fromkeys(("area", "heat", "saving", "existing"), flat)
    units = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in UNIT_TYPES.items()})
    return Stock(units, Polygons(np.zeros((0, 2)), zero, zero, zero, crs), none, none, none, none, withheld)


UNIT_TYPES = {
    **dict.fromkeys(("unit_id", "ags", "use", "building_type", "carrier", "data_grade"), object),
    **dict.fromkeys(("x_m", "y_m"), np.int64),
    **dict.fromkeys(("storeys", "n_buildings", "dwellings", "people", "living_area_m2"), np.float64),
    **dict.fromkeys(("district_heat_share", "floor_area_m2", "other_heat_kwh_a"), np.float64),
}


@dataclass(frozen=True)
class _Cells:
    """Census cells as stock, and what they are made of: one row more than units stands for the withheld."""

    stock: Stock
    frame: pd.DataFrame
    age_shares: FloatArray
    mix: FloatArray
    kinds: pd.DataFrame


def _cells(ags: str, figures: Figures, shared: Common, crs: CRS) -> _Cells:
    town = figures.town(ags)
    cells = figures.cells[figures.cells["ags"] == ags].sort_values(["y_m", "x_m"])
    # the last row stands for the buildings that the census withholds
    buildings, mix = _buildings_by_type(cells, town)
    located, withheld = buildings[:-1].sum(axis=1), buildings[-1].sum()
    kinds = figures["dwelling_types"].set_index("census_type").loc[[*TYPES, *RESTS]]
    per_building = _dwellings_per_building(kinds, town)
    dwellings_by_type = buildings * per_building
    more_dwellings = town["dwellings"] / dwellings_by_type.sum()
    dwellings_by_type *= more_dwellings
    area_by_type = dwellings_by_type * kinds["living_m2_per_dwelling"].to_numpy()
    more_area = town["floor_area_m2"] / area_by_type.sum()
    area_by_type *= more_area
    ages = _age_shares(cells, town)
    reference = area_by_type * REFERENCE_PER_LIVING
    types = pd.Index(BUILDING_TYPES).get_indexer(pd.Index(kinds["building_type"]))
    heat = expected_heat(reference, ages, (shared.useful_heat @ shared.class_of_age)[types])
    saved = expected_heat(reference, ages, (shared.saving @ shared.class_of_age)[types])
    area = area_by_type.sum(axis=1)[:, None] * ages
    existing = area * (shared.existing @ shared.class_of_age)
    in_2011 = shared.people_2011.loc[cells.index]
    factor = town["population"] / (in_2011.sum() + shared.unplaced_2011.get(ags, 0.0))
    dwellings = dwellings_by_type.sum(axis=1)
    units = pd.DataFrame(
        {
            "unit_id": inspire_ids(cells),
            "ags": ags,
            "use": CELL,
            "building_type": "",
            "carrier": "",
            "data_grade": "C",
            "x_m": cells["x_m"].to_numpy(np.int64),
            "y_m": cells["y_m"].to_numpy(np.int64),
            "storeys": np.nan,
            "n_buildings": located,
            "dwellings": dwellings[:-1],
            "people": (in_2011 * factor).to_numpy(),
            "living_area_m2": area[:-1].sum(axis=1),
            "district_heat_share": (
                cells["heating_district"].to_numpy() / np.maximum(cells["n_buildings"].to_numpy(), 1)
            ).clip(0, 1),
            "floor_area_m2": 0.0,
            "other_heat_kwh_a": 0.0,
        }
    )
    one = pd.DataFrame(
        {
            "building_type": types,
            "dwellings": per_building * more_dwellings,
            "living_m2": per_building * more_dwellings * kinds["living_m2_per_dwelling"].to_numpy() * more_area,
        }
    )
    made = Stock(
        units,
        squares(cells, crs),
        area[:-1],
        heat[:-1],
        saved[:-1],
        existing[:-1],
        {
            "n_buildings": float(withheld),
            "dwellings": float(dwellings[-1]),
            "people": max(float(town["population"] - units["people"].sum()), 0.0),
            "area": area[-1],
            "heat": heat[-1],
            "saving": saved[-1],
            "existing": existing[-1],
        },
    )
    return _Cells(made, cells.reset_index(drop=True), ages, mix, one)


def _modelled(ags: str, figures: Figures, cells: _Cells, crs: CRS, seed: int) -> Footprints:
    frame = cells.frame
    known = frame[[f"type_{name}" for name in TYPES]].to_numpy(np.int64)
    rng = np.random.default_rng([seed, *ags.encode()])
    unknown = (frame["type_other"] + frame["type_unknown"]).to_numpy(np.int64)
    counts = modelled.draw_types(known, unknown, cells.mix, rng)
    # drawn types are whole numbers: the last part of a per mille goes back to what the cells hold together
    table, shapes = modelled.footprints(frame, counts, cells.kinds, crs=crs, rng=rng)
    for name in ("dwellings", "living_area_m2"):
        table[name] *= cells.stock.units[name].sum() / table[name].sum()
    return built.archetypes(table, shapes, None, figures, min_heated_m2=0.0)


def _joined(place: Place, brought: Footprints, cells: _Cells | None, shared: Common) -> Stock:
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
    reference = np.where(housing, living, 0.0) * REFERENCE_PER_LIVING
    row = np.where(housing, types, 0)

    def by_age(figures_by_class: FloatArray) -> FloatArray:
        expected = (figures_by_class @ shared.class_of_age)[row] * ages
        known = classes >= 0
        expected[known] = figures_by_class[row[known], classes[known]][:, None] * ages[known]
        return np.asarray(expected, dtype=np.float64)

    lived_in = np.where(housing, living, 0.0)
    area = lived_in[:, None] * ages
    existing = lived_in[:, None] * by_age(np.tile(shared.existing, (len(BUILDING_TYPES), 1)))
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
    made = Stock(
        units,
        brought.shapes,
        area,
        by_age(shared.useful_heat) * reference[:, None],
        by_age(shared.saving) * reference[:, None],
        existing,
        empty(brought.shapes.crs).withheld,
    )
    return made if rest is None else _beside(made, rest, left, homes)


@dataclass(frozen=True)
class _Homes:
    """Who lives in footprints, what is left in cells, and how much of the withheld has a footprint after all."""

    people: FloatArray
    network: FloatArray
    people_left: FloatArray
    gone: float


def _residents(place: Place, cells: _Cells | None, cell: IntArray, living: FloatArray, left: FloatArray) -> _Homes:
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
    by_age = {
        name: np.vstack([getattr(made, name), getattr(rest, name)[kept] * share[:, None]])
        for name in ("area_by_age", "heat_by_age", "saving_by_age", "existing_by_age")
    }
    return Stock(
        pd.concat([made.units, units], ignore_index=True),
        concatenate([made.shapes, rest.shapes.take(np.flatnonzero(kept))]),
        **by_age,
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


def squares(cells: pd.DataFrame, crs: CRS) -> Polygons:
    """Draw census cells, or those quarters of one that a municipality has on its border.

    Parameters
    ----------
    cells
        `x_m`, `y_m` (lower-left corner, EPSG:3035) and `quarters`, see `data.make.cells`; whole cells without it.
    crs
        Of the result. Corners are projected, edges stay straight (error below 1 mm on 200 m).
    """
    x, y = cells["x_m"].to_numpy(np.float64), cells["y_m"].to_numpy(np.float64)
    shapes = shapely.box(x, y, x + CELL_M, y + CELL_M)
    quarters = cells["quarters"].to_numpy() if "quarters" in cells else np.full(len(cells), 15)
    for row in np.flatnonzero(quarters != 15):
        half = CELL_M / 2
        parts = [
            shapely.box(x[row] + i * half, y[row] + j * half, x[row] + (i + 1) * half, y[row] + (j + 1) * half)
            for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))
            if quarters[row] & (1 << (i + 2 * j))
        ]
        shapes[row] = shapely.union_all(parts)
    return Polygons.from_shapely(np.asarray(shapes, dtype=object), CRS.from_user_input(CRS_CELLS)).to_crs(crs)


def inspire_ids(cells: pd.DataFrame) -> list[str]:
    """Ids of cells as INSPIRE writes them; a cell that municipalities share gets the key of its own."""
    quarters = cells["quarters"] if "quarters" in cells else [15] * len(cells)
    return [
        f"CRS3035RES200mN{y}E{x}" + ("" if q == 15 else f".{ags}")
        for ags, x, y, q in zip(cells["ags"], cells["x_m"], cells["y_m"], quarters, strict=True)
    ]


def _buildings_by_type(cells: pd.DataFrame, town: pd.Series) -> tuple[FloatArray, FloatArray]:
    """Buildings by type, shape (cells + 1, types + rests), the last row is withheld; and the mix of the unknown."""
    known = cells[[f"type_{name}" for name in TYPES]].to_numpy(np.float64)
    # "other" fits no class; it and the unknown take what the municipality has beyond the known types
    open_type = (cells["type_other"] + cells["type_unknown"]).to_numpy(np.float64)
    sums = known.sum(axis=0)
    published = town[["n_buildings_1_dwelling", "n_buildings_2_dwellings", "n_buildings_3plus_dwellings"]]
    rest = np.clip(published.to_numpy(np.float64) - [sums[:2].sum(), sums[2:5].sum(), sums[5:].sum()], 0, None)
    mix = rest / rest.sum() if rest.sum() > 0 else published.to_numpy(np.float64) / published.sum()
    withheld = max(float(town["n_buildings"]) - known.sum() - open_type.sum(), 0.0)
    located = np.hstack([known, open_type[:, None] * mix])
    return np.vstack([located, np.concatenate([np.zeros(len(TYPES)), withheld * mix])]), mix


def _dwellings_per_building(kinds: pd.DataFrame, town: pd.Series) -> FloatArray:
    per_building = kinds["dwellings_per_building"].to_numpy(np.float64).copy()
    in_large = town["dwellings"] - town["n_buildings_1_dwelling"] - 2 * town["n_buildings_2_dwellings"]
    mean = in_large / max(town["n_buildings_3plus_dwellings"], 1)
    if mean >= 3:  # the municipality's own mean, unless its table contradicts itself
        per_building[-1] = mean
    return per_building


def _age_shares(cells: pd.DataFrame, town: pd.Series) -> FloatArray:
    """Share of each census age in each cell, and in the withheld buildings as the last row."""
    dwellings = town[[f"dwellings_{age}" for age in AGES]].to_numpy(np.float64)
    mix = dwellings / dwellings.sum()
    counts = cells[[f"age_{age}" for age in AGES]].to_numpy(np.float64)
    counts = counts + cells["age_unknown"].to_numpy(np.float64)[:, None] * mix
    return np.vstack([counts / counts.sum(axis=1, keepdims=True), mix])


def _heat_tables(figures: Figures) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Useful heat per m² reference area by (type, class), what a usual retrofit saves of it, share existing, ages."""
    rows = figures["tabula"].merge(figures["refurbishment"], on=["age_class", "state"], suffixes=("", "_state"))
    rows["q"] = final_heat(rows["q_h_kwh_m2a"], rows["q_w_kwh_m2a"], eta=1.0)
    q = rows.pivot_table(index=["building_type", "age_class"], columns="state", values="q")
    share = figures["refurbishment"].pivot_table(index="age_class", columns="state", values="share").fillna(0.0)
    share = share.loc[list(CLASSES)]
    gain = (q["existing"] - q["usual"]).clip(lower=0).unstack().loc[list(BUILDING_TYPES), list(CLASSES)]
    existing = share["existing"].to_numpy(np.float64)
    mean = sum(
        q[state].unstack().loc[list(BUILDING_TYPES), list(CLASSES)].to_numpy(np.float64) * share[state].to_numpy()
        for state in share.columns
    )
    ages = figures["age_classes"].pivot_table(index="age_class", columns="census_age", values="share").fillna(0.0)
    class_of_age = ages.reindex(index=list(CLASSES), columns=list(AGES)).to_numpy(np.float64)
    return np.asarray(mean), gain.to_numpy(np.float64) * existing, existing, class_of_age


def _all_ages(figures: Figures) -> FloatArray:
    dwellings = figures["municipalities"][[f"dwellings_{age}" for age in AGES]].sum().to_numpy(np.float64)
    return np.asarray(dwellings / dwellings.sum())
