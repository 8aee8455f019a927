"""What measures act on in a place, and where one is placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from data.factors import Factors
from data.schema import AGES, CARRIERS
from geo.arrays import FloatArray
from geo.carriers import Carriers
from geo.columns import Polygons
from geo.paths import along_years
from layers.layer import Layer
from layers.release import Release

Shape = shapely.geometry.base.BaseGeometry
SCENARIO = "retrofit"
FIRST_YEAR, LAST_YEAR = 2025, 2045
YEARS = np.arange(FIRST_YEAR, LAST_YEAR + 1)
POWER = "power"


@dataclass(frozen=True)
class Placement:
    """The measure on a geometry.

    Attributes
    ----------
    measure
        ``"retrofit"``: envelope of what is still in its existing state, to TABULA's usual refurbishment.
    ages
        Age classes treated, oldest by default.
    start, end
        Uptake is 0 in `start` and `uptake` in `end`.
    uptake
        Share of the eligible living area at the end; the catalogue's maximum when None.
    geometry
        Polygon in the place's CRS; None for the whole place. A unit on the edge takes part by its share of area.
    """

    measure: str = SCENARIO
    ages: tuple[str, ...] = (AGES[0],)
    start: int = FIRST_YEAR
    end: int = LAST_YEAR
    uptake: float | None = None
    geometry: Shape | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Planning:
    """What measures act on in one place.

    Attributes
    ----------
    units
        `ags`, `area_id`, `people`, `living_area_m2`, `social_index` of the stock units.
    shapes
        Their outlines, place's CRS.
    kwh
        Final energy by unit and column of `carriers`, kWh/a, in the balance; the last column is household power.
    balance_kwh
        The same with the remainder of each municipality spread as its placed part: sums to the balance.
    saving_useful_kwh, existing_m2
        Useful heat that a full retrofit saves, and eligible living area, shape (units, ages).
    who_burns
        Model of the carriers by age and unit: splits useful heat.
    eta
        Efficiency of the heating by carrier: useful over final energy.
    withheld_existing_m2
        Eligible living area that the census withholds, by age: it has no place and takes no part.
    """

    place: str
    name: str
    release: Release
    units: pd.DataFrame
    shapes: Polygons
    carriers: tuple[str, ...]
    kwh: FloatArray
    balance_kwh: FloatArray
    saving_useful_kwh: FloatArray
    existing_m2: FloatArray
    who_burns: Carriers
    eta: FloatArray
    withheld_existing_m2: FloatArray
    ef_g_kwh: FloatArray
    eur_kwh: FloatArray

    @classmethod
    def of(
        cls, place: str, name: str, release: Release, stock: Layer, potentials: list[pa.Table], balances: list[pa.Table]
    ) -> Planning:
        """Put the files of a place's municipalities together; units in the order of the stock layer."""
        carriers = tuple(c for c in CARRIERS if f"heat_kwh_a_{c}" in potentials[0].column_names)
        columns = [*(f"heat_kwh_a_{c}" for c in carriers), "power_kwh_a"]

        def matrix(table: pa.Table, names: list[str]) -> FloatArray:
            return np.column_stack([table[n].to_numpy() for n in names]).astype(np.float64)

        placed, spread = [], []
        for potential, balance in zip(potentials, balances, strict=True):
            kwh = matrix(potential, columns)[:-1]
            total = _household_kwh(balance, carriers)
            placed.append(kwh)
            spread.append(kwh * np.divide(total, kwh.sum(axis=0), out=np.ones_like(total), where=kwh.sum(axis=0) > 0))
        kwh = np.vstack(placed)
        saving = [matrix(t, [f"saving_useful_kwh_a_{a}" for a in AGES]) for t in potentials]
        tilt = [matrix(t, [f"tilt_{c}" for c in carriers])[:-1] for t in potentials]
        eta = pd.DataFrame(release.manifest["heating_systems"]).set_index("carrier")["eta"]
        propensity = pd.DataFrame(release.manifest["carriers_by_age"]).pivot_table(
            index="census_age", columns="carrier", values="propensity"
        )
        existing = [matrix(t, [f"existing_m2_{a}" for a in AGES]) for t in potentials]
        names = ["ags", "area_id", "people", "living_area_m2", "social_index"]
        nodes = pd.DataFrame(release.manifest["factors"]["nodes"])
        ef = Factors(release.manifest["factors"]["value_set"], release.manifest["factors"]["gas_boundary"], nodes)
        prices = pd.DataFrame(release.manifest["prices"])
        energies = [*carriers, "electricity"]
        return cls(
            place,
            name,
            release,
            stock.table.select(names).to_pandas(),
            stock.polygons,
            carriers,
            kwh,
            np.vstack(spread),
            np.vstack([s[:-1] for s in saving]),
            np.vstack([e[:-1] for e in existing]),
            Carriers(propensity.loc[list(AGES), list(carriers)].to_numpy(np.float64), np.vstack(tilt), 0),
            eta[list(carriers)].to_numpy(np.float64),
            np.sum([e[-1] for e in existing], axis=0),
            np.stack([ef.g_kwh(c, YEARS) for c in energies]),
            np.stack([_prices(prices, c) for c in energies]),
        )

    def saving_kwh(self, ages: Sequence[str]) -> FloatArray:
        """Final energy that a full retrofit of some age classes saves, shape (units, carriers), kWh/a."""
        chosen = np.isin(AGES, ages)
        return self.who_burns.split(self.saving_useful_kwh * chosen) / self.eta


def _household_kwh(balance: pa.Table, carriers: Sequence[str]) -> FloatArray:
    rows = balance.to_pandas()
    rows = rows[rows["sector"] == "households"]
    heat = rows[rows["use"] == "heat"].set_index("carrier")["kwh_a"]
    power = rows.loc[rows["use"] == POWER, "kwh_a"].sum()
    return np.asarray([*(heat[c] for c in carriers), power], dtype=np.float64)


def _prices(prices: pd.DataFrame, carrier: str) -> FloatArray:
    rows = prices[prices["carrier"] == carrier]
    if rows.empty:
        return np.full(len(YEARS), np.nan)
    return along_years(YEARS, rows["year"].to_numpy(), rows["eur_kwh"].to_numpy())
