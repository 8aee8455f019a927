"""Census cells as building stock: their dwellings, floor area, people and heat.

Counts below 3 are withheld by the census. What a cell is known to have but not of which kind takes the kinds that the
municipality has left over; what is withheld altogether becomes one more row, without a place, so that no total is
short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyproj import CRS

from data.figures import Figures
from data.place import Place
from data.schema import AGES, BUILDING_TYPES
from data.segments import Archetypes, Segments, archetypes
from data.units import CELL, Stock, inspire_ids, squares
from geo.arrays import FloatArray

TYPES = ("sfh_semi", "sfh_terraced", "2fh_detached", "2fh_semi", "2fh_terraced", "mfh_3_6", "mfh_7_12", "mfh_13plus")
RESTS = ("rest_1_dwelling", "rest_2_dwellings", "rest_3plus_dwellings")


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
    kinds
        Archetypes of housing.
    ages
        Share of each census age in all dwellings of the table: for a place that has no census at hand.
    """

    people_2011: pd.Series
    unplaced_2011: pd.Series
    kinds: Archetypes
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
    return Common(pd.Series(spread, index=cells.index), unplaced, archetypes(figures), _all_ages(figures))


@dataclass(frozen=True)
class Counted:
    """A census: the figures of the whole place, its cells, and the people of each as far as published."""

    town: pd.Series
    cells: pd.DataFrame
    people: FloatArray
    unplaced: float


def counted(place: Place, figures: Figures, shared: Common, own: pd.DataFrame | None) -> Counted | None:
    """Census of a place: its own, else the built-in one; None where there is neither."""
    if own is not None and len(own):
        counts = [c for c in own.columns if c.startswith(("age_", "type_"))]
        cells = own.assign(**own[counts].fillna(0.0), n_buildings=own["n_buildings"].fillna(0.0))
        cells = cells[cells["n_buildings"] > 0].sort_values(["y_m", "x_m"]).reset_index(drop=True)
        town = figures.town(place.key) if figures.knows(place.key) else _town(place, cells, figures)
        unplaced = float(own["people"].sum() - cells["people"].sum())
        return Counted(town, cells, cells["people"].to_numpy(np.float64), unplaced)
    cells = figures.cells[figures.cells["ags"] == place.key].sort_values(["y_m", "x_m"])
    if cells.empty:
        return None
    people = shared.people_2011.loc[cells.index].to_numpy(np.float64)
    return Counted(figures.town(place.key), cells, people, float(shared.unplaced_2011.get(place.key, 0.0)))


@dataclass(frozen=True)
class Cells:
    """Census cells as stock, and what they are made of: one row more than units stands for the withheld."""

    stock: Stock
    frame: pd.DataFrame
    age_shares: FloatArray
    mix: FloatArray
    kinds: pd.DataFrame


def cells_as_stock(ags: str, counted: Counted, figures: Figures, shared: Common, crs: CRS) -> Cells:
    """Stock of a place on its census cells alone."""
    town, cells = counted.town, counted.cells
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
    ages = _age_shares(cells, town, shared.ages)
    types = pd.Index(BUILDING_TYPES).get_indexer(pd.Index(kinds["building_type"]))
    by_type = area_by_type @ np.eye(len(BUILDING_TYPES))[types]
    segments = Segments.of(shared.kinds, shared.kinds.expected(by_type, ages))
    living_there = np.nansum(counted.people) + counted.unplaced
    factor = float(town["population"]) / living_there if living_there > 0 else 0.0
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
            "people": counted.people * factor,
            "living_area_m2": by_type[:-1].sum(axis=1),
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
        segments,
        {
            "n_buildings": float(withheld),
            "dwellings": float(dwellings[-1]),
            "people": max(float(town["population"] - units["people"].sum()), 0.0),
        },
    )
    return Cells(made, cells.reset_index(drop=True), ages, mix, one)


def detached(cells: pd.DataFrame) -> FloatArray:
    """Detached houses of one dwelling, where the census at hand tells them; the built-in one does not."""
    name = "type_sfh_detached"
    return cells[name].to_numpy(np.float64) if name in cells else np.zeros(len(cells))


def _town(place: Place, cells: pd.DataFrame, figures: Figures) -> pd.Series:
    """Figures of a place outside the table: as stated in its `place.toml`, else the sums of its cells."""
    stated = place.figures
    kinds = figures["dwelling_types"].set_index("census_type")
    by_kind = {name: float(cells[f"type_{name}"].sum()) for name in TYPES}
    by_kind["rest_1_dwelling"] = float(detached(cells).sum())
    per_building, per_dwelling = kinds["dwellings_per_building"], kinds["living_m2_per_dwelling"]
    known = sum(by_kind.values())
    n_buildings = stated.n_buildings or float(cells["n_buildings"].sum())
    more = n_buildings / known if known else 1.0
    dwellings = stated.dwellings or more * sum(n * per_building[name] for name, n in by_kind.items())
    area = stated.living_area_m2 or more * sum(
        n * per_building[name] * per_dwelling[name] for name, n in by_kind.items()
    )
    ages = {f"dwellings_{age}": float(cells[f"age_{age}"].sum()) for age in AGES}
    return pd.Series(
        {
            "population": stated.population or float(cells["people"].sum()),
            "n_buildings": n_buildings,
            "n_buildings_1_dwelling": more * sum(n for name, n in by_kind.items() if per_building[name] == 1),
            "n_buildings_2_dwellings": more * sum(n for name, n in by_kind.items() if per_building[name] == 2),
            "n_buildings_3plus_dwellings": more * sum(n for name, n in by_kind.items() if per_building[name] > 2),
            "dwellings": dwellings,
            "floor_area_m2": area,
            **ages,
        }
    )


def _buildings_by_type(cells: pd.DataFrame, town: pd.Series) -> tuple[FloatArray, FloatArray]:
    """Buildings by type, shape (cells + 1, types + rests), the last row is withheld; and the mix of the unknown."""
    known = cells[[f"type_{name}" for name in TYPES]].to_numpy(np.float64)
    # "other" fits no class; it and the unknown take what the municipality has beyond the known types
    open_type = (cells["type_other"] + cells["type_unknown"]).to_numpy(np.float64)
    sums = known.sum(axis=0)
    published = town[["n_buildings_1_dwelling", "n_buildings_2_dwellings", "n_buildings_3plus_dwellings"]]
    houses = detached(cells)
    of_size = [sums[:2].sum() + houses.sum(), sums[2:5].sum(), sums[5:].sum()]
    rest = np.clip(published.to_numpy(np.float64) - of_size, 0, None)
    mix = rest / rest.sum() if rest.sum() > 0 else published.to_numpy(np.float64) / published.sum()
    withheld = max(float(town["n_buildings"]) - known.sum() - houses.sum() - open_type.sum(), 0.0)
    located = np.hstack([known, open_type[:, None] * mix])
    located[:, len(TYPES)] += houses
    return np.vstack([located, np.concatenate([np.zeros(len(TYPES)), withheld * mix])]), mix


def _dwellings_per_building(kinds: pd.DataFrame, town: pd.Series) -> FloatArray:
    per_building = kinds["dwellings_per_building"].to_numpy(np.float64).copy()
    in_large = town["dwellings"] - town["n_buildings_1_dwelling"] - 2 * town["n_buildings_2_dwellings"]
    mean = in_large / max(town["n_buildings_3plus_dwellings"], 1)
    if mean >= 3:  # the municipality's own mean, unless its table contradicts itself
        per_building[-1] = mean
    return per_building


def _age_shares(cells: pd.DataFrame, town: pd.Series, elsewhere: FloatArray) -> FloatArray:
    """Share of each census age in each cell, and in the withheld buildings as the last row.

    What a cell does not tell takes the mix of the municipality, and that of the region where it tells nothing either.
    """
    dwellings = town[[f"dwellings_{age}" for age in AGES]].to_numpy(np.float64)
    mix = dwellings / dwellings.sum() if dwellings.sum() > 0 else elsewhere
    counts = cells[[f"age_{age}" for age in AGES]].to_numpy(np.float64)
    counts = counts + cells["age_unknown"].to_numpy(np.float64)[:, None] * mix
    counts[counts.sum(axis=1) == 0] = mix
    return np.vstack([counts / counts.sum(axis=1, keepdims=True), mix])


def _all_ages(figures: Figures) -> FloatArray:
    dwellings = figures["municipalities"][[f"dwellings_{age}" for age in AGES]].sum().to_numpy(np.float64)
    return np.asarray(dwellings / dwellings.sum())
