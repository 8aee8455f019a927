"""What measures act on in one place: its stock by segments, its other sectors by district, factors and prices."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from data.factors import Factors
from data.measures import Measure
from data.schema import AGES, BUILDING_TYPES, CARRIERS, PARENT, SECTORS
from data.segments import CLASSES, EXISTING, USEFUL, Archetypes
from geo.arrays import BoolArray, FloatArray, IntArray, sum_by
from geo.columns import Polygons
from geo.errors import Problem
from geo.money import at_price_level
from geo.paths import along_years
from geo.scenario import HeatStock
from geo.uncertainty import keys_of
from layers.errors import PlacementError
from layers.filters import Column
from layers.layer import Layer
from layers.release import Release

if TYPE_CHECKING:
    import pandas as pd

FIRST_YEAR, LAST_YEAR = 2025, 2045
YEARS = np.arange(FIRST_YEAR, LAST_YEAR + 1)
POWER = "power"
HOUSEHOLDS = "households"
# factors stay as they were in the year of the balance
FROZEN = "frozen"
LOW_INCOME_FROM = 0.5
# prices that all money is brought to
PRICE_YEAR = 2024
# answers kept for a place; the largest takes 3 MB in a city
REMEMBERED = 160

# what a rule may name, and what it then decides on: an archetype, a carrier, or a unit of the stock
OF_ARCHETYPE = (
    Column("class", "ordered", CLASSES, "TABULA class, A until 1859 to L from 2016"),
    Column("age", "ordered", AGES, "Census age"),
    Column("building_type", "text", BUILDING_TYPES, "Building type"),
)
OF_CARRIER = (Column("carrier", "text", CARRIERS, "Carrier of the heating"),)
OF_UNIT = (
    Column("low_income", "flag", en="Most residents of the district count as low-income"),
    Column("social_index", "number", en="School social index of the district, 9 = highest burden"),
    Column("heat_kwh_m2a", "number", en="Final energy for heat per m² living area"),
    Column("t_co2e_households", "number", en="Emissions of the households, t CO2e/a"),
    Column("people", "number", en="People"),
    Column("dwellings", "number", en="Dwellings"),
    Column("n_buildings", "number", en="Residential buildings"),
    Column("living_area_m2", "number", en="Living area, m²"),
    Column("storeys", "number", en="Storeys"),
    Column("use", "text", en="Use; `cell` for a census cell"),
    Column("data_grade", "ordered", tuple("ABCD"), "Data grade"),
    Column("area_id", "text", en="District, else municipality"),
    Column("unit_id", "text", en="Building, or census cell"),
    Column("owner", "text", en="Owner; nowhere known yet, so always missing"),
)
RULE_COLUMNS = (*OF_ARCHETYPE, *OF_CARRIER, *OF_UNIT)
T = TypeVar("T")


@dataclass(frozen=True)
class Sectors:
    """Energy of the sectors beside households' homes, by district.

    Attributes
    ----------
    table
        One row for each part: `sector`, `use`, `carrier`, `share` of the sector's final energy (an assumption where
        the balance tells no carriers).
    kwh
        Final energy by area and part, kWh/a; NaN where the balance knows nothing of the sector.
    """

    table: pd.DataFrame
    kwh: FloatArray

    def rows(self, sector: str, uses: Sequence[str] = ()) -> IntArray:
        """Positions of a sector's parts."""
        found = [i for i, (s, use) in enumerate(self._parts) if s == sector and (not uses or use in uses)]
        return np.array(found, dtype=np.int64)

    @cached_property
    def carriers(self) -> tuple[str, ...]:
        """Carrier of each part."""
        return tuple(self.table["carrier"])

    @cached_property
    def _parts(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.table["sector"], self.table["use"], strict=True))


@dataclass(frozen=True)
class Planning:
    """What measures act on in one place.

    Attributes
    ----------
    place, name, release
        Of which release.
    units
        Columns of the stock layer that rules may name, and `ags`.
    shapes
        Outlines of the units, place's CRS.
    areas
        Ids of the districts (a municipality without any is one), sorted.
    area_shapes
        Their outlines.
    kinds
        Archetypes of housing.
    unit, living_m2
        Unit and living area of each segment of the stock; archetype and useful heat stand in `heat`.
    carriers
        Carriers of the households' heat.
    kwh
        Households' final energy by unit and carrier, kWh/a; the last column is household power.
    balance_kwh
        The same with the remainder of each municipality spread as its placed part: sums to the balance.
    heat
        What the engine computes with.
    withheld_existing_m2
        Living area in its existing state that the census withholds, by archetype: it takes no part.
    sectors
        The other sectors.
    population
        People of the place, the withheld included.
    catalogue
        Measures by name.
    """

    place: str
    name: str
    release: Release
    units: pd.DataFrame
    shapes: Polygons
    areas: tuple[str, ...]
    area_shapes: Polygons
    kinds: Archetypes
    unit: IntArray
    living_m2: FloatArray
    carriers: tuple[str, ...]
    kwh: FloatArray
    balance_kwh: FloatArray
    heat: HeatStock
    withheld_existing_m2: FloatArray
    sectors: Sectors
    population: float
    catalogue: dict[str, Measure]
    _memory: OrderedDict[Any, Any] = field(default_factory=OrderedDict, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    def remembered(self, key: Any, make: Callable[[], T]) -> T:  # noqa: ANN401 - any key will do
        """Return what was made for a key, or make it: a moved slider repeats all but one question."""
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                found: T = self._memory[key]
                return found
        made = make()
        with self._lock:
            self._memory[key] = made
            while len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)
        return made

    def with_catalogue(self, catalogue: dict[str, Measure]) -> Planning:
        """Return the same place with other figures of measures."""
        return replace(self, catalogue=catalogue, _memory=OrderedDict(), _lock=threading.RLock())

    @property
    def manifest(self) -> dict[str, Any]:
        """Manifest of the release."""
        return self.release.manifest

    def type_shares(self, kinds: BoolArray) -> FloatArray:
        """Share of each building type in the living area that some archetypes have in each unit.

        Returns
        -------
        FloatArray
            Shape (units, types); a unit without any of them has zeros.
        """
        return self.remembered(("types", kinds.tobytes()), lambda: self._type_shares(kinds))

    def _type_shares(self, kinds: BoolArray) -> FloatArray:
        n = len(self.units)
        key = self.unit.astype(np.int64) * len(BUILDING_TYPES) + self.kinds.type[self.heat.kind]
        area = np.bincount(key, self.living_m2 * kinds[self.heat.kind], minlength=n * len(BUILDING_TYPES))
        area = area.reshape(n, -1)
        total = area.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(area, total, out=np.zeros_like(area), where=total > 0), dtype=np.float64)

    @cached_property
    def keys(self) -> IntArray:
        """Number of each unit by its id: draws do not depend on the order of rows."""
        return np.asarray(keys_of(self.units["unit_id"].tolist()))

    @cached_property
    def people_by_area(self) -> FloatArray:
        """People of the stock by district."""
        return sum_by(self.heat.area, self.units["people"].fillna(0), len(self.areas))

    @cached_property
    def index_by_area(self) -> FloatArray:
        """Social index by district; NaN where there is none."""
        index = np.full(len(self.areas), np.nan)
        index[self.heat.area] = self.units["social_index"].to_numpy(np.float64)
        return index

    @cached_property
    def useful_by_unit(self) -> FloatArray:
        """Useful heat of each unit, kWh/a."""
        return sum_by(self.unit, self.heat.useful_kwh, len(self.units))

    @property
    def base_year(self) -> int:
        """Year of the balance; of a region the earliest."""
        entry = self.release.places[self.place]
        members = entry.get("members", [self.place])
        return min(int(self.release.places[m]["inventory"]["year"]) for m in members)

    def factors(self, path: str) -> FloatArray:
        """Emission factors by carrier (the last is electricity for power) and year, g CO2e/kWh.

        Parameters
        ----------
        path
            Path of electricity and district heat, or `FROZEN`.

        Raises
        ------
        PlacementError
            No path has this name.
        """
        return np.stack([self.factor(c, path) for c in (*self.carriers, "electricity")])

    def factor(self, carrier: str, path: str) -> FloatArray:
        """Emission factor of a carrier along the years, g CO2e/kWh."""
        key = "factor", carrier, path, self.base_year if path == FROZEN else None
        return self.release.remembered(key, lambda: self._factor(carrier, path, YEARS))

    def _factor(self, carrier: str, path: str, years: IntArray) -> FloatArray:
        import pandas as pd  # noqa: PLC0415 - slow to import

        fuels = self.manifest["fuels"]
        if carrier in fuels:
            return np.full(len(years), float(fuels[carrier]))
        known = pd.DataFrame(self.manifest["factors"]["nodes"])
        published = known[known["published"]]
        if path == FROZEN:
            nodes, years = published, np.full(len(years), self.base_year)
        else:
            paths = pd.DataFrame(self.manifest["external_paths"])
            if path not in set(paths["path"]):
                use = ", ".join([FROZEN, *dict.fromkeys(paths["path"])])
                raise PlacementError(Problem("external path", f"'{path}' is unknown", f"Use one of {use}."))
            own = paths[(paths["path"] == path) & (paths["carrier"] == carrier)]
            last = published.loc[published["carrier"] == carrier, "year"].max()
            nodes = pd.concat([published, own[own["year"] > last]])
        value_set, boundary = self.manifest["factors"]["value_set"], self.manifest["factors"]["gas_boundary"]
        ef = Factors(value_set, boundary, nodes.sort_values(["carrier", "year"]))
        return ef.g_kwh(carrier, years)

    def price_level(self, year: int | None) -> float:
        """Turn money of a year into prices of `PRICE_YEAR`, by the index of construction prices."""
        return self.release.remembered(("price level", year), lambda: self._price_level(year))

    def _price_level(self, year: int | None) -> float:
        import pandas as pd  # noqa: PLC0415 - slow to import

        if year is None:
            return 1.0
        table = pd.DataFrame(self.manifest["construction_prices"])
        then, now = along_years([year, PRICE_YEAR], table["year"].to_numpy(), table["index"].to_numpy())
        return float(at_price_level(1.0, index_then=then, index_now=now))

    @cached_property
    def eur_kwh(self) -> FloatArray:
        """End prices by carrier (the last is electricity) and year, EUR/kWh; NaN where none is published."""
        return np.stack([self.price(c) for c in (*self.carriers, "electricity")])

    def price(self, carrier: str) -> FloatArray:
        """End price of a carrier along the years; NaN where none is published."""
        return self.release.remembered(("price", carrier), lambda: self._price(carrier))

    def _price(self, carrier: str) -> FloatArray:
        import pandas as pd  # noqa: PLC0415 - slow to import

        prices = pd.DataFrame(self.manifest["prices"])
        rows = prices[prices["carrier"] == carrier]
        if rows.empty:
            return np.full(len(YEARS), np.nan)
        return along_years(YEARS, rows["year"].to_numpy(), rows["eur_kwh"].to_numpy())


@dataclass(frozen=True)
class Member:
    """Files of one municipality.

    Attributes
    ----------
    key, entry
        How the manifest describes it.
    potential, segments, balance, allocation
        Tables of the release; those of its census cells where the place is planned by them.
    """

    key: str
    entry: dict[str, Any]
    potential: pa.Table
    segments: pa.Table
    balance: pa.Table
    allocation: pa.Table


@dataclass(frozen=True)
class Areas:
    """Districts, or municipalities without any: ids in order, and outlines."""

    ids: tuple[str, ...]
    shapes: Polygons


def planning(
    place: str,
    release: Release,
    stock: Layer,
    areas: Areas,
    members: Sequence[Member],
    catalogue: dict[str, Measure],
) -> Planning:
    """Put the files of a place's municipalities together; units in the order of the stock layer."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    manifest = release.manifest
    carriers = tuple(c for c in CARRIERS if f"heat_kwh_a_{c}" in members[0].potential.column_names)
    kinds = Archetypes(pd.DataFrame(manifest["archetypes"]))
    order = np.argsort(np.array(areas.ids), kind="stable")
    names = tuple(areas.ids[i] for i in order)
    placed = [_matrix(m.potential, [*(f"heat_kwh_a_{c}" for c in carriers), "power_kwh_a"])[:-1] for m in members]
    spread = [_spread(kwh, m.balance, carriers) for kwh, m in zip(placed, members, strict=True)]
    offsets = np.cumsum([0, *(len(kwh) for kwh in placed)])
    segments, withheld = [], np.zeros(len(kinds))
    for member, kwh, offset in zip(members, placed, offsets[:-1], strict=True):
        rows = member.segments.to_pandas()
        here = rows["unit"] < len(kwh)
        factor = float(member.entry["calibration"]["factor"])
        there = rows[~here]
        withheld += np.bincount(there["archetype"], there["living_m2"], minlength=len(kinds))
        segments.append(rows[here].assign(unit=rows["unit"][here] + offset, factor=factor))
    segment = pd.concat(segments, ignore_index=True)
    archetype = segment["archetype"].to_numpy(np.uint8)
    living = segment["living_m2"].to_numpy(np.float64)
    units = _units(stock)
    propensity = pd.DataFrame(manifest["carriers_by_age"]).pivot_table(
        index="census_age", columns="carrier", values="propensity"
    )
    eta = pd.DataFrame(manifest["heating_systems"]).set_index("carrier")["eta"]
    heat = HeatStock(
        first=np.searchsorted(segment["unit"], np.arange(len(units) + 1)).astype(np.int64),
        kind=archetype,
        useful_kwh=living * kinds.column(USEFUL)[archetype] * segment["factor"].to_numpy(np.float64),
        age_of_kind=kinds.age,
        propensity=propensity.loc[list(AGES), list(carriers)].to_numpy(np.float64),
        tilt=np.vstack([_matrix(m.potential, [f"tilt_{c}" for c in carriers])[:-1] for m in members]),
        final_per_useful=1 / eta[list(carriers)].to_numpy(np.float64),
        area=np.searchsorted(np.array(names), units["area_id"].to_numpy(str)).astype(np.int64),
        n_areas=len(names),
    )
    return Planning(
        place=place,
        name=release.places[place]["name"],
        release=release,
        units=units,
        shapes=stock.polygons,
        areas=names,
        area_shapes=areas.shapes.take(order),
        kinds=kinds,
        unit=segment["unit"].to_numpy(np.int64),
        living_m2=living,
        carriers=carriers,
        kwh=np.vstack(placed),
        balance_kwh=np.vstack(spread),
        heat=heat,
        withheld_existing_m2=withheld * kinds.column(EXISTING),
        sectors=_sectors(manifest, members, names),
        population=float(sum(m.entry["population"] for m in members)),
        catalogue=catalogue,
    )


def _matrix(table: pa.Table, names: list[str]) -> FloatArray:
    return np.column_stack([table[n].to_numpy() for n in names]).astype(np.float64)


def _spread(kwh: FloatArray, balance: pa.Table, carriers: Sequence[str]) -> FloatArray:
    """Spread the remainder of a municipality as its placed part."""
    rows = balance.to_pandas()
    rows = rows[rows["sector"] == HOUSEHOLDS]
    heat = rows[rows["use"] == "heat"].set_index("carrier")["kwh_a"]
    power = rows.loc[rows["use"] == POWER, "kwh_a"].sum()
    total = np.asarray([*(heat[c] for c in carriers), power], dtype=np.float64)
    placed = kwh.sum(axis=0)
    return np.asarray(kwh * np.divide(total, placed, out=np.ones_like(total), where=placed > 0))


def _units(stock: Layer) -> pd.DataFrame:
    """Columns that rules may name; what a layer of cells does not tell is missing."""
    names = {"ags", "low_income_share", *(c.name for c in OF_UNIT)} & set(stock.table.column_names)
    units: pd.DataFrame = stock.table.select(sorted(names)).to_pandas()
    units["low_income"] = units["low_income_share"].to_numpy(np.float64) >= LOW_INCOME_FROM
    for column in OF_UNIT:
        if column.name not in units:
            units[column.name] = np.nan if column.kind == "number" else ""
    return units


def _sectors(manifest: dict[str, Any], members: Sequence[Member], areas: Sequence[str]) -> Sectors:
    """Final energy of each sector by district and carrier, from its tonnes and the assumed mix of carriers."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = pd.DataFrame(manifest["sector_energy"])[["sector", "use", "carrier", "share"]]
    kwh = np.full((len(areas), len(table)), np.nan)
    nodes = pd.DataFrame(manifest["factors"]["nodes"])
    published = Factors("", "", nodes[nodes["published"]])
    for member in members:
        year = [int(member.entry["inventory"]["year"])]
        rows = member.allocation.to_pandas()
        rows = rows[rows["level"] == 0]
        tonnes = rows.assign(t=rows["t_placed"] + rows["t_spread"], sector=rows["sector"].replace(PARENT))
        by_area = tonnes.pivot_table(index="area_id", columns="sector", values="t", aggfunc="sum")
        at = np.searchsorted(np.array(areas), by_area.index.to_numpy(str))
        for sector in SECTORS[1:]:
            parts = np.flatnonzero(table["sector"] == sector)
            if sector in by_area:
                grams = np.array(
                    [manifest["fuels"].get(c) or published.g_kwh(c, year)[0] for c in table["carrier"].iloc[parts]]
                )
                share = table["share"].to_numpy(np.float64)[parts]
                kwh[np.ix_(at, parts)] = np.outer(by_area[sector] * 1e6 / (share @ grams), share)
    return Sectors(table, kwh)
