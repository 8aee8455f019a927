"""What surrounds people: green, blue, heat and rain on the 200 m cells of a city.

What the city brought decides what is known: a column that nothing tells is missing (NaN), never zero. Heat of the night
needs buildings alone and is there wherever these are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS

from data.city_grid import CityGrid
from data.figures import Figures
from data.place import Place
from data.report import Report
from data.schema import LAND_COVERS
from geo.arrays import FloatArray
from geo.columns import Polygons
from geo.cooling import biophysics
from geo.runoff import composite_runoff_mm, curve_number_runoff
from geo.zonal import Raster

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from data.imports import Imports

CELLS = ("cell_id", "x_m", "y_m", "area_m2", "people")
COLUMNS = (
    "building_intensity",
    "night_anomaly_k",
    "day_anomaly_k",
    "green_share",
    "public_green_share",
    "private_green_share",
    "canopy_share",
    "sealed_share",
    "ndvi_mean",
    "blue_share",
    "distance_green_m",
    "walk_green_m",
    "access_300_1ha",
    "distance_water_m",
    "green_m2_per_head",
    "r3",
    "r30",
    "r300",
    "score330300",
    "runoff_share_50mm",
    "retention_m3_50mm",
)
DAY_AIR = "day_air_c"
RAIN_MM = 50.0
# assumed where nothing is known of the soil: loam, as most of the Ruhr's; by land cover in the table `biophysical`
SOIL = "cn_c"
# without land cover: what stands for sealed ground, water, green, and all other
STAND_INS = ("asphalt_road", "water", "lawn_park", "garden")


@dataclass(frozen=True)
class Target:
    """What a city may be held to.

    Attributes
    ----------
    column
        Of `Environment.cells`.
    value, unit
        At least this much; of distances, at most.
    status
        As in the built-in tables: ``"seen"`` in print, ``"recalled"`` from general knowledge, an ``"assumption"``.
    source
        Who says so, and how sure that is.
    """

    column: str
    value: float
    unit: str
    status: str
    source: str


TARGETS = (
    Target("canopy_share", 0.3, "share of land", "seen", "3-30-300 rule (treefrogcreative.ca)"),
    Target("distance_green_m", 300.0, "m to 1 ha", "seen", "3-30-300 rule; WHO Europe as general knowledge"),
    Target("access_300_1ha", 1.0, "share of homes", "recalled", "WHO Europe: 0.5 to 1 ha within 300 m"),
    Target("green_m2_per_head", 9.0, "m² per head", "recalled", "often quoted to WHO, weakly founded"),
)


@dataclass(frozen=True)
class Environment:
    """What surrounds the people of one city.

    Attributes
    ----------
    cells
        One row for each cell of 200 m that meets the outline, or holds buildings that a coarse outline leaves out (of
        these nothing but people and heat is known); sorted by `y_m`, `x_m`. Columns `CELLS` and `COLUMNS`:

        - `area_m2` inside the outline, `people` (0 where nobody lives, NaN where the census withholds all of them);
        - `building_intensity` 0 to 1, `night_anomaly_k`, `day_anomaly_k` (K above the air outside): `data.summer_heat`;
        - `green_share`, `public_green_share`, `private_green_share`, `blue_share`, `canopy_share`, `sealed_share` of
          `area_m2`, 0 to 1; overlaps counted once. Areas that were drawn come first, then rasters;
        - `ndvi_mean`, -1 to 1;
        - `distance_green_m` to a public green of one hectare and `distance_water_m`, from the middle of the cell as the
          crow flies; `walk_green_m` along streets to a gate, NaN without streets;
        - `access_300_1ha`, `r300`: share of its residential buildings within 300 m of such a green, on foot where
          streets are known; of a cell without homes 0 or 1 by its middle;
        - `green_m2_per_head`, see `data.green_supply.green_m2_per_head`;
        - `r3`: share of its residential buildings with three trees within 25 m; `r30`: 1 where crowns cover 30 % of
          500 m around; `score330300`, the mean of the three where all are known;
        - `runoff_share_50mm` of 50 mm of rain, and `retention_m3_50mm`, what stays of it.
    rasters
        ``"day_air_c"``, °C at 25 m, where land cover was brought.
    walking
        Whether access is along streets.
    report
        What had to be taken as unknown.
    """

    cells: pd.DataFrame
    rasters: dict[str, Raster] = field(default_factory=dict)
    walking: bool = False
    report: Report = field(default_factory=Report)


def environment(
    place: Place,
    imports: Imports,
    figures: Figures,
    units: pd.DataFrame,
    shapes: Polygons,
    outline: shapely.Geometry,
) -> Environment:
    """Compute what surrounds the people of a city.

    Green and water beyond the outline do not exist here: along the border access is lower, and heat higher, than it is.

    Parameters
    ----------
    place
        A municipality.
    imports
        What it brought; may be empty.
    figures
        With the table `biophysical`.
    units, shapes
        Stock units and their outlines, as `data.units.Stock` has them; there may be none.
    outline
        Of the place, in its CRS.
    """
    surroundings = _Surroundings(place, imports, figures, units, shapes, outline)
    columns, rasters = surroundings.columns()
    people = surroundings.people
    cells = surroundings.grid.frame.assign(people=people, **columns)[[*CELLS, *COLUMNS]]
    return Environment(cells, rasters, surroundings.network is not None, surroundings.report)


class _Surroundings:
    """Works the columns out, each from what there is."""

    def __init__(
        self,
        place: Place,
        imports: Imports,
        figures: Figures,
        units: pd.DataFrame,
        shapes: Polygons,
        outline: shapely.Geometry,
    ) -> None:
        from data.green_supply import walking_network  # noqa: PLC0415 - slow to import

        crs = CRS.from_user_input(place.crs)
        self.imports, self.figures, self.units, self.shapes = imports, figures, units, shapes
        self.outline, self.report = outline, Report()
        self.grid = CityGrid.of(outline, crs, units)
        self.people = self.grid.sums(units["people"])
        self.network = walking_network(imports.streets)
        self.cover = imports.rasters.get("land_cover")

    def columns(self) -> tuple[dict[str, FloatArray], dict[str, Raster]]:
        """Return every column, and the rasters."""
        from data.green_supply import shaded_around  # noqa: PLC0415 - slow to import
        from data.summer_heat import building_intensity, day_air, night_anomaly_k  # noqa: PLC0415 - slow to import

        found = dict.fromkeys(COLUMNS, np.full(len(self.grid), np.nan))
        found |= self._from_rasters() | self._green() | self._blue() | self._trees(self.imports.trees)
        if "canopy" in self.imports.rasters:
            found["canopy_share"] = self._mean("canopy")
        found["r30"] = shaded_around(self.grid, found["canopy_share"])
        found["score330300"] = (found["r3"] + found["r30"] + found["r300"]) / 3
        found |= self._rain(found)
        intensity = building_intensity(self.grid, self.units)
        found["building_intensity"] = intensity
        found["night_anomaly_k"] = night_anomaly_k(self.grid, intensity, found["green_share"])
        if self.cover is None:
            return found, {}
        day = day_air(self.grid, self.cover, self.figures)
        return found | {"day_anomaly_k": day.anomaly_k}, {DAY_AIR: day.air_c}

    def _dissolved(self, areas: gpd.GeoDataFrame) -> Polygons:
        from data.green_supply import dissolved  # noqa: PLC0415 - slow to import

        return dissolved(areas.geometry.to_numpy(), self.outline, self.grid.crs)

    def _mean(self, kind: str) -> FloatArray:
        return self.grid.means(self.imports.rasters[kind])

    def _from_cover(self, by_class: np.ndarray) -> FloatArray:
        """Mean of a figure of the classes of land cover."""
        assert self.cover is not None  # noqa: S101 - asked for only then
        cover = self.cover
        layer = biophysics(cover.values, LAND_COVERS, {"figure": by_class})["figure"]
        place = (cover.crs, cover.west_m, cover.north_m, cover.dx_m, cover.dy_m)
        return self.grid.means(Raster(layer.astype(np.float32), *place))

    def _from_rasters(self) -> dict[str, FloatArray]:
        """Take shares from rasters; drawn areas and trees go before them."""
        found = {}
        if self.cover is not None:
            table = self.figures["biophysical"]
            water = (table["class_id"] == "water").to_numpy()
            found["blue_share"] = self._from_cover(water)
            found["green_share"] = self._from_cover((table["green_area"] == 1).to_numpy() & ~water)
            found["sealed_share"] = self._from_cover(table["sealed_share"].to_numpy())
        for kind, column in (("sealing", "sealed_share"), ("ndvi", "ndvi_mean")):
            if kind in self.imports.rasters:
                found[column] = self._mean(kind)
        return found

    def _green(self) -> dict[str, FloatArray]:
        from data.green_supply import is_private, is_public  # noqa: PLC0415 - slow to import

        green = self.imports.green
        if green is None or green.empty:
            return {}
        found = {"green_share": self.grid.shares(self._dissolved(green))}
        private = is_private(green)
        if private is not None:
            found["private_green_share"] = self.grid.shares(self._dissolved(green[private]))
        unknown = green["osm_id"][green["public"].isna()]
        what = "green areas whose access is unknown, taken as not public"
        self.report.add("green", what, unknown, "kept", "State `public` as yes or no.")
        public = is_public(green)
        return found if public is None else found | self._public(self._dissolved(green[public]))

    def _public(self, public: Polygons) -> dict[str, FloatArray]:
        from data.green_supply import LargeGreens, Points, access_share, green_m2_per_head, within  # noqa: PLC0415 - slow to import

        large = LargeGreens.of(public, self.network)
        straight_m, walked_m = large.distances_m(Points(*self.grid.centres.T))
        access = access_share(self.grid, large, within(straight_m, walked_m), self.units, self.shapes)
        return {
            "public_green_share": self.grid.shares(public),
            "distance_green_m": straight_m,
            "walk_green_m": walked_m,
            "access_300_1ha": access,
            "r300": access,
            "green_m2_per_head": green_m2_per_head(self.grid, public, self.people),
        }

    def _blue(self) -> dict[str, FloatArray]:
        from data.green_supply import Points, nearest_m  # noqa: PLC0415 - slow to import

        blue = self.imports.blue
        if blue is None or blue.empty:
            return {}
        water = self._dissolved(blue)
        distance_m = nearest_m(water, Points(*self.grid.centres.T))
        return {"blue_share": self.grid.shares(water), "distance_water_m": distance_m}

    def _trees(self, trees: gpd.GeoDataFrame | None) -> dict[str, FloatArray]:
        from data.green_supply import crown_share, sees_trees  # noqa: PLC0415 - slow to import

        if trees is None or trees.empty:
            return {}
        green = self.imports.green
        woods = None if green is None else green[green["kind"] == "forest"]
        forest = None if woods is None or woods.empty else self._dissolved(woods)
        return {
            "canopy_share": crown_share(self.grid, trees, forest),
            "r3": sees_trees(self.grid, self.units, self.shapes, trees),
        }

    def _rain(self, found: dict[str, FloatArray]) -> dict[str, FloatArray]:
        """What runs off, and what stays, of one event: from land cover, else from sealed, water and green ground."""
        numbers = self.figures["biophysical"].set_index("class_id")[SOIL]
        if self.cover is not None:
            runoff_mm = self._from_cover(curve_number_runoff(RAIN_MM, numbers.to_numpy()).q_mm)
        else:
            parts = _grounds(found["sealed_share"], found["blue_share"], found["green_share"])
            known = ~np.isnan(parts).any(axis=1)
            runoff_mm = np.full(len(self.grid), np.nan)
            if known.any():
                cn = numbers[list(STAND_INS)].to_numpy(np.float64)
                runoff_mm[known] = composite_runoff_mm(RAIN_MM, cn, parts[known])
        kept_m3 = (RAIN_MM - runoff_mm) / 1000 * self.grid.area_m2
        return {"runoff_share_50mm": runoff_mm / RAIN_MM, "retention_m3_50mm": kept_m3}


def _grounds(sealed: FloatArray, blue: FloatArray, green: FloatArray) -> FloatArray:
    """Shares of sealed ground, water, green and all other, summing to 1; what overlaps is sealed or water first."""
    sealed_part = np.minimum(sealed, 1.0)
    blue_part = np.minimum(blue, 1 - sealed_part)
    green_part = np.minimum(green, 1 - sealed_part - blue_part)
    rest = 1 - sealed_part - blue_part - green_part
    return np.asarray(np.maximum(np.column_stack([sealed_part, blue_part, green_part, rest]), 0.0))
