"""Footprints as stock: use, storeys, area and type of every building, from what its source says and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from data.figures import Figures
from data.inputs import NON_RESIDENTIAL, RESIDENTIAL, UNHEATED, UNKNOWN
from data.schema import BUILDING_TYPES
from geo.archetype import (
    DEFAULT_STOREYS,
    DWELLING_M2,
    GMH,
    building_type,
    net_area,
    party_walls,
    storeys_of_height,
)
from geo.arrays import FloatArray
from geo.columns import Polygons

USE_OF_LAND = {"industrial": "industry", "commercial": "office", "retail": "retail"}


@dataclass(frozen=True)
class Footprints:
    """Buildings with their archetype.

    Attributes
    ----------
    table
        Columns of `INPUTS["buildings"]` without gaps in `use`, `building_type` (residential), `storeys`, `dwellings`
        and `living_area_m2` (residential); `floor_area_m2` and `other_heat_kwh_a` (useful heat) of other uses;
        `data_grade`.
    shapes
        Outlines in the place's CRS, same order.
    """

    table: pd.DataFrame
    shapes: Polygons

    def centres(self) -> FloatArray:
        """Middle of each bounding box, shape (buildings, 2): a place, not a statistic."""
        box = self.shapes.bounds
        return np.asarray((box[:, :2] + box[:, 2:]) / 2, dtype=np.float64)


def of_frame(
    buildings: gpd.GeoDataFrame, landuse: gpd.GeoDataFrame | None, figures: Figures, *, min_heated_m2: float
) -> Footprints:
    """Give clean buildings their archetype.

    Parameters
    ----------
    buildings
        As `data.clean` leaves them, with `data_grade`.
    landuse
        Says what a building of unknown use is; None if unknown.
    figures
        Built-in tables.
    min_heated_m2
        A smaller footprint is a shed or a garage.
    """
    shapes = Polygons.from_shapely(buildings.geometry.to_numpy(), buildings.crs)
    table = pd.DataFrame(buildings.drop(columns=buildings.geometry.name))
    return archetypes(table, shapes, landuse, figures, min_heated_m2=min_heated_m2)


def archetypes(
    table: pd.DataFrame,
    shapes: Polygons,
    landuse: gpd.GeoDataFrame | None,
    figures: Figures,
    *,
    min_heated_m2: float,
) -> Footprints:
    """Fill what a source does not say; see `of_frame`. A figure that it says is kept."""
    table = table.reset_index(drop=True).copy()
    footprint = shapes.areas()
    table["use"] = _uses(table["use"].astype(str), shapes, footprint, landuse, min_heated_m2)
    housing = (table["use"] == RESIDENTIAL).to_numpy()
    other = figures["non_residential"].set_index("use").reindex(table["use"])
    flat = (table["roof"] == "flat").to_numpy()
    storeys = table["storeys"].to_numpy(np.float64).copy()
    height = table["height_m"].to_numpy(np.float64)
    measured = np.isnan(storeys) & np.isfinite(height)
    storeys[measured] = storeys_of_height(height[measured], _widths(shapes, measured), flat[measured])
    types = _types(table, shapes, footprint, storeys, housing)
    unknown = np.isnan(storeys)
    storeys = np.where(unknown, np.where(housing, DEFAULT_STOREYS[types], other["storeys"].fillna(1.0)), storeys)
    attic = housing & ~flat & (types < GMH)
    computed = net_area(footprint, storeys, attic)
    living = table["living_area_m2"].to_numpy(np.float64)
    living = np.where(np.isfinite(living), living, computed)
    dwellings = table["dwellings"].to_numpy(np.float64)
    dwellings = np.where(np.isfinite(dwellings), dwellings, np.maximum(1, np.round(living / DWELLING_M2)))
    heated = table["use"].isin(NON_RESIDENTIAL).to_numpy()
    table["storeys"] = storeys
    table["building_type"] = np.where(housing, np.array(BUILDING_TYPES, dtype=object)[types], "")
    table["living_area_m2"] = np.where(housing, living, 0.0)
    table["dwellings"] = np.where(housing, dwellings, 0.0)
    table["floor_area_m2"] = np.where(heated, computed, 0.0)
    table["other_heat_kwh_a"] = np.where(heated, computed * other["heat_kwh_m2a"].fillna(0).to_numpy(), 0.0)
    return Footprints(table, shapes)


def _uses(
    use: pd.Series, shapes: Polygons, footprint: FloatArray, landuse: gpd.GeoDataFrame | None, min_heated_m2: float
) -> pd.Series:
    """Decide on unknown uses by the land they stand on; what stands nowhere else is housing, unless it is a shed."""
    unknown = (use == UNKNOWN).to_numpy()
    decided = use.mask(unknown, RESIDENTIAL)
    if landuse is not None and len(landuse) and unknown.any():
        box = shapes.bounds[unknown]
        centres = shapely.points((box[:, :2] + box[:, 2:]) / 2)
        land = landuse[landuse["kind"].isin(list(USE_OF_LAND))]
        if len(land):
            at, where = shapely.STRtree(land.geometry.to_numpy()).query(centres, predicate="intersects")
            first = pd.Series(where, index=at).groupby(level=0).min()
            rows = np.flatnonzero(unknown)[first.index]
            decided.iloc[rows] = land["kind"].map(USE_OF_LAND).to_numpy()[first.to_numpy()]
    small = (footprint < min_heated_m2) & np.isin(decided, [RESIDENTIAL, *NON_RESIDENTIAL])
    return decided.mask(small, UNHEATED)


def _types(
    table: pd.DataFrame, shapes: Polygons, footprint: FloatArray, storeys: FloatArray, housing: np.ndarray
) -> np.ndarray:
    """Type as stated, else by dwellings, storeys and party walls; 0 for what is not residential."""
    stated = pd.Index(BUILDING_TYPES).get_indexer(pd.Index(table["building_type"])).astype(np.int64)
    open_ = housing & (stated < 0)
    if open_.any():
        levels = np.where(np.isnan(storeys), DEFAULT_STOREYS[0], storeys)
        dwellings = table["dwellings"].to_numpy(np.float64)
        guess = np.maximum(1, np.round(net_area(footprint, levels, levels <= 3) / DWELLING_M2))
        dwellings = np.where(np.isfinite(dwellings), dwellings, guess)
        # walls are shared with any building, housing or not; only small houses are told apart by them
        wall = party_walls(shapes.to_shapely(), open_ & (dwellings <= 2))
        stated = np.where(open_, building_type(dwellings, levels, wall), stated)
    return np.where(housing, stated, 0)


def _widths(shapes: Polygons, rows: np.ndarray) -> FloatArray:
    """Narrow side of the smallest rectangle around each outline, metres."""
    some = shapes.take(np.flatnonzero(rows)).to_shapely()
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(some)).reshape(-1, 5, 2)
    sides = np.hypot(*np.moveaxis(np.diff(corners[:, :3], axis=1), 2, 0))
    return np.asarray(sides.min(axis=1), dtype=np.float64)
