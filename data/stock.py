"""Building stock of grade C: census cells of 200 m, their dwellings, floor area, people and heat.

Counts below 3 are withheld by the census. What a cell is known to have but not of which kind takes the kinds that the
municipality has left over; what is withheld altogether becomes one more row, without a place, so that no total is
short.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from data.figures import CRS_CELLS, CRS_PLACE, Figures
from data.schema import AGES
from geo.arrays import FloatArray
from geo.heat import expected_heat, final_heat

TYPES = ("sfh_semi", "sfh_terraced", "2fh_detached", "2fh_semi", "2fh_terraced", "mfh_3_6", "mfh_7_12", "mfh_13plus")
RESTS = ("rest_1_dwelling", "rest_2_dwellings", "rest_3plus_dwellings")
A_REF_PER_LIVING = 1.1
CELL_M = 200


@dataclass(frozen=True)
class Stock:
    """Stock units of one municipality, and what has no place.

    Attributes
    ----------
    units
        One row for each unit: `ags`, `x_m`, `y_m`, `quarters`, `n_buildings`, `dwellings`, `people` (NaN where
        withheld), `living_area_m2`, `district_heat_share`.
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
    area_by_age: FloatArray
    heat_by_age: FloatArray
    saving_by_age: FloatArray
    existing_by_age: FloatArray
    withheld: dict[str, float | FloatArray]


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
        Useful heat per m² reference area and year by building type and census age, and what a usual retrofit of the
        part in its existing state saves of it.
    existing
        Share of the area in its existing state, by census age.
    """

    people_2011: pd.Series
    unplaced_2011: pd.Series
    useful_heat: FloatArray
    saving: FloatArray
    existing: FloatArray


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
    kinds = figures["dwelling_types"].set_index("census_type").loc[[*TYPES, *RESTS]]
    heat = _heat_by_type_and_age(figures, kinds["building_type"].tolist())
    return Common(pd.Series(spread, index=cells.index), unplaced, *heat)


def stock(ags: str, figures: Figures, shared: Common) -> Stock:
    """Stock of the municipality `ags`.

    Parameters
    ----------
    ags
        Municipal key.
    figures
        Built-in tables.
    shared
        Result of `common`.
    """
    town = figures.town(ags)
    cells = figures.cells[figures.cells["ags"] == ags]
    # the last row stands for the buildings that the census withholds
    buildings = _buildings_by_type(cells, town)
    located, withheld = buildings[:-1].sum(axis=1), buildings[-1].sum()
    kinds = figures["dwelling_types"].set_index("census_type").loc[[*TYPES, *RESTS]]
    dwellings_by_type = buildings * _dwellings_per_building(kinds, town)
    dwellings_by_type *= town["dwellings"] / dwellings_by_type.sum()
    area_by_type = dwellings_by_type * kinds["living_m2_per_dwelling"].to_numpy()
    area_by_type *= town["floor_area_m2"] / area_by_type.sum()
    ages = _age_shares(cells, town)
    reference = area_by_type * A_REF_PER_LIVING
    heat, saved = expected_heat(reference, ages, shared.useful_heat), expected_heat(reference, ages, shared.saving)
    area = area_by_type.sum(axis=1)[:, None] * ages
    in_2011 = shared.people_2011.loc[cells.index]
    factor = town["population"] / (in_2011.sum() + shared.unplaced_2011.get(ags, 0.0))
    dwellings = dwellings_by_type.sum(axis=1)
    units = cells[["ags", "x_m", "y_m", "quarters"]].reset_index(drop=True)
    units["n_buildings"] = located
    units["dwellings"] = dwellings[:-1]
    units["people"] = (in_2011 * factor).to_numpy()
    units["living_area_m2"] = area[:-1].sum(axis=1)
    units["district_heat_share"] = (
        cells["heating_district"].to_numpy() / np.maximum(cells["n_buildings"].to_numpy(), 1)
    ).clip(0, 1)
    return Stock(
        units,
        area[:-1],
        heat[:-1],
        saved[:-1],
        area[:-1] * shared.existing,
        {
            "n_buildings": float(withheld),
            "dwellings": float(dwellings[-1]),
            "people": max(float(town["population"] - units["people"].sum()), 0.0),
            "area": area[-1],
            "heat": heat[-1],
            "saving": saved[-1],
            "existing": area[-1] * shared.existing,
        },
    )


def squares(units: pd.DataFrame) -> gpd.GeoSeries:
    """Draw the units: the 200 m cell, or those quarters of it that a municipality has on its border.

    Parameters
    ----------
    units
        `x_m`, `y_m` (lower-left corner, EPSG:3035) and `quarters`, see `data.make.cells`.

    Returns
    -------
    GeoSeries
        Polygons in EPSG:25832. Four corners are projected, edges stay straight (error below 1 mm on 200 m).
    """
    x, y = units["x_m"].to_numpy(np.float64), units["y_m"].to_numpy(np.float64)
    shapes = shapely.box(x, y, x + CELL_M, y + CELL_M)
    for row in np.flatnonzero(units["quarters"].to_numpy() != 15):
        half = CELL_M / 2
        parts = [
            shapely.box(x[row] + i * half, y[row] + j * half, x[row] + (i + 1) * half, y[row] + (j + 1) * half)
            for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))
            if units["quarters"].iloc[row] & (1 << (i + 2 * j))
        ]
        shapes[row] = shapely.union_all(parts)
    project = Transformer.from_crs(CRS_CELLS, CRS_PLACE, always_xy=True)
    projected = shapely.transform(shapes, lambda xy: np.column_stack(project.transform(xy[:, 0], xy[:, 1])))
    return gpd.GeoSeries(projected, crs=CRS_PLACE)


def _buildings_by_type(cells: pd.DataFrame, town: pd.Series) -> FloatArray:
    """Buildings by type, shape (cells + 1, types + rests); the last row is withheld."""
    known = cells[[f"type_{name}" for name in TYPES]].to_numpy(np.float64)
    # "other" fits no class; it and the unknown take what the municipality has beyond the known types
    open_type = (cells["type_other"] + cells["type_unknown"]).to_numpy(np.float64)
    sums = known.sum(axis=0)
    published = town[["n_buildings_1_dwelling", "n_buildings_2_dwellings", "n_buildings_3plus_dwellings"]]
    rest = np.clip(published.to_numpy(np.float64) - [sums[:2].sum(), sums[2:5].sum(), sums[5:].sum()], 0, None)
    mix = rest / rest.sum() if rest.sum() > 0 else published.to_numpy(np.float64) / published.sum()
    withheld = max(float(town["n_buildings"]) - known.sum() - open_type.sum(), 0.0)
    return np.vstack(
        [
            np.hstack([known, open_type[:, None] * mix]),
            np.concatenate([np.zeros(len(TYPES)), withheld * mix]),
        ]
    )


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


def _heat_by_type_and_age(figures: Figures, building_types: list[str]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Useful heat per m² reference area by (type, census age), what a usual retrofit saves of it, share existing."""
    rows = figures["age_classes"].merge(figures["refurbishment"], on="age_class", suffixes=("_age", "_state"))
    rows = rows.merge(figures["tabula"], on=["age_class", "state"])
    rows["weight"] = rows["share_age"] * rows["share_state"]
    rows["q"] = final_heat(rows["q_h_kwh_m2a"], rows["q_w_kwh_m2a"], eta=1.0)
    usual_rows = rows[rows["state"] == "usual"].drop_duplicates(["building_type", "age_class"])
    usual = usual_rows.set_index(["building_type", "age_class"])["q"]
    key = pd.MultiIndex.from_frame(rows[["building_type", "age_class"]])
    gain = (rows["q"] - usual.reindex(key).to_numpy()).clip(lower=0)
    rows["saving"] = gain.where(rows["state"] == "existing", 0.0)

    def table(column: str) -> FloatArray:
        value = (rows[column] * rows["weight"]).groupby([rows["building_type"], rows["census_age"]]).sum()
        return np.asarray(value.unstack().loc[building_types, list(AGES)], dtype=np.float64)

    existing = rows[rows["state"] == "existing"].drop_duplicates(["census_age", "age_class"])
    share = existing.groupby("census_age")["weight"].sum()[list(AGES)].to_numpy(np.float64)
    return table("q"), table("saving"), share
