"""Green and water that people reach: how far, how much for each, and the 3-30-300 rule on 200 m cells.

Areas that touch or overlap are one. Green beyond the outline does not exist here, so cells along the border look worse
off than they are. Only what is known to be public counts as supply. A register of street trees holds neither those of
woods nor of gardens: shares by it are lower bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from scipy import sparse
from scipy.ndimage import correlate

from data.city_grid import DIGITS, CityGrid
from data.inputs import RESIDENTIAL
from data.osm_layers import polygonal
from data.units import CELL_M
from geo.access import HECTARE_M2, d0_by_size, reach, supply_2sfca
from geo.arrays import BoolArray, FloatArray, quotient, sum_by
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.nearest import TIE_M, Nearest
from geo.walking import Gates, WalkingNetwork

ACCESS_M = 300.0
TREES_M, TREES_SEEN = 25.0, 3
CANOPY_TARGET, CANOPY_AROUND_M = 0.3, 500.0
# of the places of footprints, only those that were not drawn by chance
DRAWN = "D"
NO_FEET = ("motorway", "trunk")
# of OpenStreetMap, what is private rather than merely not public (verges, fields)
GARDENS = ("garden", "allotments")
LEAST_M2 = 1.0


@dataclass(frozen=True)
class Points:
    """Where figures are asked for: coordinates in the city's CRS, shape (n,)."""

    x_m: FloatArray
    y_m: FloatArray


def dissolved(shapes: NDArray[np.object_], outline: shapely.Geometry, crs: CRS) -> Polygons:
    """Join areas that touch or overlap, and cut them at the outline.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons in `crs`.
    outline
        Of the city. Pieces below 1 m² are the play of it, and left out.

    Returns
    -------
    Polygons
        One part each, without overlaps. An area that meets no other is returned bit by bit.
    """
    tree = shapely.STRtree(shapes)
    first, second = tree.query(shapes, predicate="intersects")
    pairs = sparse.coo_array((np.ones(first.size), (first, second)), shape=(len(shapes), len(shapes)))
    group = sparse.csgraph.connected_components(pairs, directed=False)[1]
    order = np.argsort(group, kind="stable")
    joined = np.array(
        [
            shapes[members[0]] if len(members) == 1 else shapely.union_all(shapes[members])
            for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
            if len(members)
        ],
        dtype=object,
    )
    shapely.prepare(outline)
    crossing = ~shapely.covers(outline, joined)
    joined[crossing] = polygonal(shapely.intersection(joined[crossing], outline))
    parts = shapely.get_parts(joined)
    return Polygons.from_shapely(parts[shapely.area(parts) >= LEAST_M2], crs)


def is_public(green: gpd.GeoDataFrame) -> BoolArray | None:
    """Say which areas are known to be public; None where it is known of none of them."""
    told = green["public"].astype("boolean")
    return None if told.isna().all() else told.fillna(value=False).to_numpy(np.bool_)


def is_private(green: gpd.GeoDataFrame) -> BoolArray | None:
    """Say which areas are private: told so by the city, or gardens of OpenStreetMap; None where nothing is told.

    OpenStreetMap's `public` (never missing) is derived from the kind; a verge that is not public is not private.
    """
    closed = green["public"].astype("boolean")
    if not isinstance(green["public"].dtype, pd.BooleanDtype):
        closed |= ~green["kind"].isin(GARDENS)
    private = ~closed.fillna(value=True).to_numpy(np.bool_)
    return private if private.any() else None


def walking_network(streets: gpd.GeoDataFrame | None) -> WalkingNetwork | None:
    """Make a network of the streets that one may walk along; None where there is none.

    Paths and footways are not among a city's streets, so walks are rather too long than too short.
    """
    if streets is None:
        return None
    ways = streets.geometry[~streets["road_class"].isin(NO_FEET) & (streets.length > 0)]
    return WalkingNetwork(ways.to_numpy(), streets.crs) if len(ways) else None


@dataclass(frozen=True)
class LargeGreens:
    """Public greens of at least one hectare, and the streets to them if any are known."""

    greens: Polygons
    network: WalkingNetwork | None

    @classmethod
    def of(cls, public: Polygons, network: WalkingNetwork | None) -> LargeGreens:
        """Take the large ones out of all public greens."""
        return cls(public.take(np.flatnonzero(public.areas() >= HECTARE_M2)), network)

    @cached_property
    def _index(self) -> Nearest:
        return Nearest(self.greens)

    @cached_property
    def _gates(self) -> Gates | None:
        return None if self.network is None else self.network.gates(self.greens)

    def distances_m(self, points: Points) -> tuple[FloatArray, FloatArray]:
        """Metres to the nearest: as the crow flies to its edge, and on foot to its gate; 0 inside.

        NaN where there is none; on foot also where no street leads to one.
        """
        unknown = np.full(points.x_m.size, np.nan)
        if len(self.greens) == 0:
            return unknown, unknown
        straight = self._index.distance(points.x_m, points.y_m)[1]
        if self.network is None or self._gates is None:
            return straight, unknown
        walked = self.network.distance(points.x_m, points.y_m, self._gates.x_m, self._gates.y_m)
        return straight, np.where(straight == 0, 0.0, walked)


def within(straight_m: FloatArray, walked_m: FloatArray) -> BoolArray:
    """Whether a green is within 300 m: on foot where streets lead to one, as the crow flies elsewhere."""
    return np.where(np.isnan(walked_m), straight_m, walked_m) <= ACCESS_M + TIE_M


def nearest_m(areas: Polygons, points: Points) -> FloatArray:
    """Metres to the edge of the nearest area as the crow flies, 0 inside; NaN where there is none."""
    if len(areas) == 0:
        return np.full(points.x_m.size, np.nan)
    return Nearest(areas).distance(points.x_m, points.y_m)[1]


def access_share(
    grid: CityGrid, large: LargeGreens, by_centre: BoolArray, units: pd.DataFrame, shapes: Polygons
) -> FloatArray:
    """Share of each cell's residential buildings within 300 m of a public green of one hectare, 0 to 1.

    Each building counts by the middle of its outline, a census unit of several by that of the cell (or of the quarters
    that it has on the border). A cell without homes counts `by_centre`: 0 or 1.
    """
    box = shapes.bounds
    near = within(*large.distances_m(Points((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2)))
    homes = units["n_buildings"].fillna(0.0).to_numpy(np.float64)
    share = quotient(sum_by(grid.of_unit, homes * near, len(grid)), sum_by(grid.of_unit, homes, len(grid)))
    return np.where(np.isnan(share), by_centre, share)


def green_m2_per_head(grid: CityGrid, public: Polygons, people: FloatArray) -> FloatArray:
    """Public green for each person by floating catchments, from the middle of each cell, as the crow flies.

    A green serves 300, 500 or 1,000 m around by its size, and everybody there alike. Summed with the people it is the
    green that anyone reaches. People that the census withholds take up none. NaN where no people are known at all.
    """
    if np.isnan(people).all():
        return np.full(len(grid), np.nan)
    area_m2 = public.areas()
    x_m, y_m = grid.centres.T
    reached = reach(x_m, y_m, public, d0_by_size(area_m2))
    return supply_2sfca(reached, np.nan_to_num(people), area_m2).m2_per_head


def crown_share(grid: CityGrid, trees: gpd.GeoDataFrame, forest: Polygons | None) -> FloatArray:
    """Share of each cell under tree crowns, from single trees and woods; NaN where no crown is known.

    A crown counts where its stem is. Crowns over each other are not taken off, but a cell is never more than full.
    Woods are under crowns as a whole; trees inside them are not counted again. Trees of unknown crown count as none.
    """
    known = trees[trees["crown_m2"].notna()]
    if known.empty:
        return np.full(len(grid), np.nan)
    x_m, y_m = known.geometry.x.to_numpy(), known.geometry.y.to_numpy()
    cell = grid.locate(x_m, y_m)
    woods = np.zeros(len(grid))
    if forest is not None and len(forest):
        woods = grid.shares(forest)
        cell = np.where(Coverage(forest).locate(x_m, y_m) >= 0, -1, cell)
    crowns_m2 = sum_by(cell[cell >= 0], known["crown_m2"].to_numpy(np.float64)[cell >= 0], len(grid))
    return np.minimum(np.round(woods + quotient(crowns_m2, grid.area_m2), DIGITS), 1.0)


def sees_trees(grid: CityGrid, units: pd.DataFrame, shapes: Polygons, trees: gpd.GeoDataFrame) -> FloatArray:
    """Share of each cell's residential buildings with three trees within 25 m of their outline.

    Only footprints whose place is known count: not those drawn from census counts, nor census cells. NaN where a cell
    has none.
    """
    at_home = (units["use"] == RESIDENTIAL) & (units["data_grade"] != DRAWN) & (units["n_buildings"] > 0)
    homes = np.flatnonzero(at_home)
    if homes.size == 0:
        return np.full(len(grid), np.nan)
    x_m, y_m = trees.geometry.x.to_numpy(), trees.geometry.y.to_numpy()
    near = Nearest(shapes.take(homes)).within(x_m, y_m, TREES_M)[1]
    sees = np.bincount(near, minlength=homes.size) >= TREES_SEEN
    count, cell = units["n_buildings"].to_numpy(np.float64)[homes], grid.of_unit[homes]
    return quotient(sum_by(cell, count * sees, len(grid)), sum_by(cell, count, len(grid)))


def shaded_around(grid: CityGrid, canopy_share: FloatArray) -> FloatArray:
    """1 where crowns cover at least 30 % of the cells within 500 m (from middle to middle), 0 where not, else NaN."""
    steps = np.arange(-(CANOPY_AROUND_M // CELL_M), CANOPY_AROUND_M // CELL_M + 1)
    disc = (np.hypot(steps[:, None], steps) * CELL_M <= CANOPY_AROUND_M).astype(np.float64)
    known_m2 = np.where(np.isnan(canopy_share), 0.0, grid.area_m2)
    crowns_m2, ground_m2 = (
        grid.from_raster(correlate(np.nan_to_num(grid.as_raster(part)), disc, mode="constant"))
        for part in (np.nan_to_num(canopy_share) * known_m2, known_m2)
    )
    around = np.round(quotient(crowns_m2, ground_m2), DIGITS)
    return np.where(np.isnan(around) | np.isnan(canopy_share), np.nan, around >= CANOPY_TARGET)
