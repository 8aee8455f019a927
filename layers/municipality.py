"""One municipality, computed: stock, cells, districts and totals as tables ready to be published."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from data import footprints
from data.cells import Common
from data.emissions import OnStock, on_stock, potential
from data.environment import Environment, environment
from data.factors import Factors
from data.figures import CRS_PLACE, Figures
from data.imports import Imports
from data.inventory import HOUSEHOLDS, Inventory, inventory
from data.measures import catalogue, with_overrides
from data.place import Place
from data.schema import AGES, PARENT, SECTORS
from data.segments import USEFUL
from data.stock import stock
from data.traffic import traffic
from data.units import CELL, Stock, inspire_ids, squares
from data.zoning import Places, Zoned, on_zones
from geo.arrays import FloatArray, sum_by
from geo.columns import Polygons
from geo.equity import parts
from geo.heat import specific_heat

LETTERS = "ABCD"
# schools across the border are the surroundings of those who live beside it
AROUND_M = 3_000
SCHOOL_INDEX = "social_index"
LAND_HA = ("forest_ha", "wood_ha", "agriculture_ha", "water_ha")


@dataclass(frozen=True)
class Table:
    """Attributes and outlines of one layer."""

    rows: pd.DataFrame
    shapes: Polygons


@dataclass(frozen=True)
class Municipality:
    """Tables of one municipality.

    Attributes
    ----------
    stock
        Units: footprints, and cells where none are known.
    cells
        The same on census cells; None where the stock is nothing else.
    districts
        One table for each level, the coarsest first.
    totals
        One row.
    inventory
        The balance by sector and carrier.
    allocation
        Every row of the balance on every district of every level, or on the municipality where it has none.
    potential, potential_cells
        What measures act on, by stock unit and by cell, the withheld buildings as the last row.
    segments, segments_cells
        Living area by unit and archetype, and by cell and archetype.
    zones, zones_cells
        Corner of the census cell (`x_m`, `y_m`, EPSG:3035) and position of the district on each level (`zone_0`, …) of
        each unit and cell, and `official_share`: how far it lies in the city's own low-income areas.
    indicators
        Published social figures by level and district.
    points
        Schools with their social index in and around the place, or the city's own points; None where none are known.
    environment
        What surrounds people on the grid of 200 m.
    entry
        How the manifest describes the place.
    """

    stock: Table
    cells: Table | None
    districts: tuple[Table, ...]
    totals: Table
    inventory: pd.DataFrame
    allocation: pd.DataFrame
    potential: pd.DataFrame
    potential_cells: pd.DataFrame | None
    segments: pd.DataFrame
    segments_cells: pd.DataFrame | None
    zones: pd.DataFrame
    zones_cells: pd.DataFrame | None
    indicators: pd.DataFrame
    points: pd.DataFrame | None
    environment: Environment
    entry: dict[str, Any]


def compute(place: Place, figures: Figures, ef: Factors, shared: Common, imports: Imports) -> Municipality:
    """Compute one municipality.

    Parameters
    ----------
    place
        A municipality.
    figures
        Checked tables.
    ef
        Emission factors of one value set.
    shared
        Result of `data.cells.common`, made once for all municipalities.
    imports
        What the place brought; may be empty.
    """
    town = figures.town(place.key) if figures.knows(place.key) else None
    brought = None
    if imports.buildings is not None and len(imports.buildings):
        limit = place.thresholds.min_heated_m2
        brought = footprints.of_frame(imports.buildings, imports.landuse, figures, min_heated_m2=limit)
    units = stock(place, figures, shared, brought, imports.cells)
    balance = inventory(place, figures, ef, units, imports.inventory)
    share = np.nan if town is None else float(town["dwellings_district_heating"]) / float(town["dwellings"])
    allocated = on_stock(units, balance, figures, district_heat_share=share)
    outline = _outline(place, figures, imports, units)
    levels = _levels(place, figures, imports, outline)
    spots = Places(units, allocated, traffic(imports.streets, figures), imports.landuse, imports.sites)
    zoned = [on_zones(balance, spots, zones, with_units=i == 0) for i, zones in enumerate(levels)]
    for zones, found in zip(levels, zoned, strict=True):
        zones["people"] = sum_by(found.of_unit, units.units["people"].fillna(0), len(zones))
        zones["low_income_share"] = _poorest_fifth(zones)
    table = _stock(units, allocated, levels[0], zoned[0])
    coarse = _cells(table, units) if (units.units["use"] != CELL).any() else None
    acts = potential(allocated)
    own = bool(place.districts)
    at = _zones(units, zoned, imports)
    surroundings = environment(place, imports, figures, units.units, units.shapes, outline)
    imports = replace(imports, report=imports.report.joined(surroundings.report))
    return Municipality(
        stock=Table(table, units.shapes),
        cells=None if coarse is None else coarse[0],
        districts=tuple(
            _districts(place, i, zones, table, found, imports)
            for i, (zones, found) in enumerate(zip(levels, zoned, strict=True))
            if own
        ),
        totals=Table(_totals(place, town, balance, zoned[0], figures), _polygons([outline], units.shapes.crs)),
        inventory=balance.rows,
        allocation=pd.concat(
            [_detail(zones, found, i) for i, (zones, found) in enumerate(zip(levels, zoned, strict=True))],
            ignore_index=True,
        ),
        potential=acts,
        potential_cells=None if coarse is None else _sums(acts, units.segments.by_age(USEFUL).sum(axis=1), coarse[1]),
        segments=units.segments.frame(),
        segments_cells=None if coarse is None else units.segments.grouped(coarse[1], len(coarse[0].rows)).frame(),
        zones=at,
        zones_cells=None if coarse is None else _zones_of_cells(at, units, coarse[1]),
        indicators=pd.concat([_indicators(zones, i) for i, zones in enumerate(levels)], ignore_index=True),
        points=_points(place, figures, imports, outline),
        environment=surroundings,
        entry=_entry(place, balance, units, allocated, imports, built_in=town is not None)
        | {"social_index": _published_index(place, figures)}
        | {"surroundings": [str(c) for c in surroundings.cells.columns if surroundings.cells[c].notna().any()]}
        | {"history": _history(place, figures), "own_figures": _own_figures(place, figures)}
        | {"missing": _missing(place, balance, units, spots, ranked=bool(levels[0]["social_index"].notna().any()))},
    )


def _polygons(shapes: list[shapely.Geometry], crs: CRS) -> Polygons:
    return Polygons.from_shapely(np.array(shapes, dtype=object), crs)


def _outline(place: Place, figures: Figures, imports: Imports, units: Stock) -> shapely.Geometry:
    """Outline of the place: its own, the built-in one, its districts, or the hull of its buildings."""
    if imports.boundary is not None and len(imports.boundary):
        return shapely.union_all(imports.boundary.geometry.to_numpy())
    known = figures.boundaries[figures.boundaries["ags"] == place.key]
    if len(known):
        return shapely.union_all(known.geometry.to_crs(place.crs).to_numpy())
    own = imports.outline()
    if own is not None:
        return own
    hull: shapely.Geometry = shapely.MultiPoint(units.shapes.coords).convex_hull.buffer(50, quad_segs=2)
    return hull


def _levels(place: Place, figures: Figures, imports: Imports, outline: shapely.Geometry) -> list[gpd.GeoDataFrame]:
    """Districts of each level with their `area_id` and `social_index`; the place itself where it has none."""
    rows = figures["social_index"]
    known = rows[rows["ags"] == place.key].set_index("district")[["social_index"]]
    if imports.indicators is not None:
        brought = imports.indicators.set_index("district").select_dtypes("number").astype(float)
        known = brought if "social_index" in brought else brought.join(known, how="outer")
    known = known[~known.index.duplicated()]
    frames = [frame[["district", "name", "geometry"]].copy() for frame in imports.districts]
    if not frames:
        whole = {"district": [""], "name": [place.name]}
        frames = [gpd.GeoDataFrame(whole, geometry=[outline], crs=place.crs)]
    for frame in frames:
        frame.insert(0, "ags", place.key)
        frame["area_id"] = [f"{place.key}.{d}" if d else place.key for d in frame["district"]]
        frame["social_index"] = np.nan
        for name in known.columns:
            frame[name] = frame["district"].map(known[name]).to_numpy(np.float64)
    return frames


def _zones(units: Stock, zoned: list[Zoned], imports: Imports) -> pd.DataFrame:
    """Census cell and district of each unit on each level."""
    out = units.units[["x_m", "y_m"]].astype(np.int64)
    for i, found in enumerate(zoned):
        out[f"zone_{i}"] = found.of_unit.astype(np.int64)
    areas = imports.low_income_areas
    out["official_share"] = np.nan
    if areas is not None and len(areas):
        outlines = units.shapes.to_shapely()
        inside = shapely.union_all(areas.geometry.to_numpy())
        shapely.prepare(inside)
        share = shapely.contains_properly(inside, outlines).astype(np.float64)
        cut = np.flatnonzero((share == 0) & shapely.intersects(inside, outlines))
        share[cut] = shapely.area(shapely.intersection(outlines[cut], inside)) / shapely.area(outlines[cut])
        out["official_share"] = share
    return out


def _zones_of_cells(zones: pd.DataFrame, units: Stock, cell: np.ndarray) -> pd.DataFrame:
    """District that most of a cell's living area is in; the official share by people."""
    order = units.units["living_area_m2"].to_numpy().argsort(kind="stable")[::-1]
    first = pd.Series(order).groupby(cell[order], sort=True).first().to_numpy()
    out = zones.iloc[first].reset_index(drop=True)
    people = units.units["people"].fillna(0).to_numpy(np.float64)
    n = len(out)
    inside, total = sum_by(cell, people * zones["official_share"].to_numpy(), n), sum_by(cell, people, n)
    out["official_share"] = np.divide(inside, total, out=out["official_share"].to_numpy().copy(), where=total > 0)
    return out


def _indicators(zones: gpd.GeoDataFrame, level: int) -> pd.DataFrame:
    """Published social figures of one level."""
    table = pd.DataFrame(zones.drop(columns=["geometry", "people", "low_income_share"]))
    table.insert(0, "level", level)
    return table


def _points(place: Place, figures: Figures, imports: Imports, outline: shapely.Geometry) -> pd.DataFrame | None:
    """Primary schools with a social index in the place and around it, in its CRS, or the city's own points.

    A primary school takes the children who live around it; others draw from all over the city.
    """
    own = imports.indicator_points
    if own is not None and (own["indicator"] == SCHOOL_INDEX).any():
        own = own[own["indicator"] == SCHOOL_INDEX]
        xy = shapely.get_coordinates(own.geometry.to_numpy())
        size = own["size"].fillna(own["size"].median()).fillna(1.0)
        return pd.DataFrame({"x_m": xy[:, 0], "y_m": xy[:, 1], "value": own["value"].to_numpy(), "size": size})
    schools = figures["schools"]
    schools = schools[schools["school_type"] == "Grundschule"]
    shapes = gpd.points_from_xy(schools["x_m"], schools["y_m"], crs=CRS_PLACE).to_crs(place.crs)
    near = shapely.dwithin(outline, np.asarray(shapes), AROUND_M)
    if not near.any():
        return None
    xy = shapely.get_coordinates(np.asarray(shapes)[near])
    found = schools[near]
    return pd.DataFrame(
        {
            "x_m": xy[:, 0],
            "y_m": xy[:, 1],
            "value": found["social_index"].to_numpy(np.float64),
            "size": found["pupils"].to_numpy(np.float64),
        }
    )


def _detail(zones: gpd.GeoDataFrame, found: Zoned, level: int) -> pd.DataFrame:
    detail = found.detail.copy()
    detail.insert(0, "level", level)
    detail.insert(1, "area_id", zones["area_id"].to_numpy()[detail.pop("zone").to_numpy(np.int64)])
    return detail


def _entry(
    place: Place,
    balance: Inventory,
    units: Stock,
    allocated: OnStock,
    imports: Imports,
    *,
    built_in: bool,
) -> dict[str, Any]:
    fit = allocated.calibration
    return {
        "name": place.name,
        "kind": "municipality",
        "country": place.country,
        "crs": place.crs,
        "net_zero_year": place.net_zero_year,
        "population": float(units.units["people"].sum()) + units.withheld["people"],
        "built_in": built_in,
        "inventory": {
            "year": balance.year,
            "edition": balance.edition,
            "t_co2e": _plain(balance.total()),
            "households_scale": balance.scale,
            "grade": balance.grade,
        },
        "calibration": None if fit is None else {"factor": fit.factor, "verdict": fit.verdict},
        "carrier_rounds": None if allocated.carriers is None else allocated.carriers.rounds,
        "stock": {
            "units": len(units),
            "n_buildings": float(units.units["n_buildings"].sum()),
            "by_grade": {g: int(n) for g, n in units.units["data_grade"].value_counts().sort_index().items()},
            "footprints": int((units.units["use"] != CELL).sum()),
            "modelled_footprints": int(((units.units["data_grade"] == "D") & (units.units["use"] != CELL)).sum()),
        },
        "withheld": {
            "n_buildings": units.withheld["n_buildings"],
            "dwellings": units.withheld["dwellings"],
            "people": units.withheld["people"],
            "t_co2e": float(allocated.tonnes[-1].sum()),
        },
        "allocation_methods": [method for method in allocated.methods if method],
        "report": imports.report.document(),
        "own_sources": list(imports.sources),
        "districts": [
            {"level": d.level, "geometry_status": d.geometry_status, "source_id": d.source_id or ""}
            for d in place.districts
        ]
        or None,
    }


def _own_figures(place: Place, figures: Figures) -> list[dict[str, Any]]:
    """Return a place's own figures of measures, once the catalogue takes them."""
    rows = [row.model_dump() for row in place.measures]
    with_overrides(catalogue(figures), rows, f"{place.key}, measures")
    return rows


def _history(place: Place, figures: Figures) -> dict[str, float]:
    """Published totals of earlier years by the edition of the balance that is used, t CO2e."""
    rows = figures["inventories"]
    rows = rows[rows["ags"] == place.key]
    base = rows[rows["base"] == 1]
    if base.empty:
        return {}
    same = rows[(rows["edition"] == base["edition"].iloc[0]) & (rows["sector"] == "total")]
    return {
        str(year): float(kt) * 1000 for year, kt in zip(same["year"], same["kt_co2e"], strict=True) if np.isfinite(kt)
    }


def _missing(place: Place, balance: Inventory, units: Stock, spots: Places, *, ranked: bool) -> list[dict[str, str]]:
    """List what the place did not bring, and what stands in for it."""
    use, grade = units.units["use"], units.units["data_grade"]
    cells, drawn = bool((use == CELL).any()), bool(((use != CELL) & (grade == "D")).any())
    known = bool(((use != CELL) & (grade != "D")).any())
    trade = spots.landuse is not None or bool((units.units["other_heat_kwh_a"] > 0).any())
    stand_ins = {"fallback": "national figures per head (D)", "modelled": "households modelled from buildings (D)"}
    lacking = [
        (not known, "buildings", "modelled footprints (D)" if drawn else "census cells (C)" if cells else "nothing"),
        (known and not cells, "census", "people by living area, ages as in the Ruhr (D)"),
        (balance.edition == "fallback", "inventory", stand_ins["fallback"]),
        (balance.edition == "modelled", "inventory", stand_ins["modelled"] if len(balance.rows) else "nothing"),
        *(
            (len(balance.rows) > 0, f"inventory, {sector}", "nothing: missing is not zero")
            for sector in balance.missing
        ),
        (spots.traffic is None and "transport" not in balance.missing, "streets", "transport spread by area"),
        (
            not trade and "economy" not in balance.missing,
            "non-residential buildings or land use",
            "economy spread by area",
        ),
        (not place.districts, "districts", "the place as a whole"),
        (not ranked, "indicators of districts (social_index)", "no low-income areas"),
    ]
    return [{"what": what, "instead": instead} for missing, what, instead in lacking if missing]


def _stock(units: Stock, allocated: OnStock, zones: gpd.GeoDataFrame, zoned: Zoned) -> pd.DataFrame:
    """Attributes of the stock layer."""
    homes, other = allocated.of_sector(HOUSEHOLDS), ~allocated.of_sector(HOUSEHOLDS) & allocated.on_units
    heat = homes & (allocated.rows["use"] == "heat").to_numpy()
    power = homes & (allocated.rows["use"] == "power").to_numpy()
    names = ["unit_id", "ags", "x_m", "y_m", "use", "building_type", "storeys", "n_buildings", "dwellings", "people"]
    table = units.units[[*names, "living_area_m2", "floor_area_m2", "data_grade"]].copy()
    area = units.area_by_age.sum(axis=1)
    table["share_until_1918"] = np.divide(
        units.area_by_age[:, 0], area, out=np.full(len(units), np.nan), where=area > 0
    )

    def total(values: FloatArray, which: np.ndarray) -> FloatArray:
        # no row of the balance placed here is not the same as no emissions
        placed = which & allocated.on_units
        return values[:-1, placed].sum(axis=1) if placed.any() else np.full(len(units), np.nan)

    table["heat_kwh_a"] = total(allocated.kwh, heat)
    if allocated.carriers is None:
        table["heat_kwh_a"] = units.heat_by_age.sum(axis=1)
    table["heat_kwh_m2a"] = _per(table["heat_kwh_a"], table["living_area_m2"])
    table["t_co2e_heat"] = total(allocated.tonnes, heat)
    table["t_co2e_power"] = total(allocated.tonnes, power)
    table["t_co2e_households"] = total(allocated.tonnes, homes)
    table["t_co2e_households_per_head"] = _per(table["t_co2e_households"], table["people"])
    table["t_co2e_other"] = total(allocated.tonnes, other)
    known = np.isfinite(table["t_co2e_households"].to_numpy())[:, None]
    for name, values in zip(("p05", "p50", "p95"), np.where(known, zoned.unit_bands, np.nan).T, strict=True):
        table[f"t_co2e_households_{name}"] = values
    for name in ("area_id", "social_index", "low_income_share"):
        table[name] = zones[name].to_numpy()[zoned.of_unit]
    return table


def _per(amount: pd.Series, by: pd.Series) -> pd.Series:
    return amount / by.where(by > 0)


def _cells(table: pd.DataFrame, units: Stock) -> tuple[Table, np.ndarray]:
    """Sum the stock on census cells: for low zooms, regions and the public; and the cell of each unit."""
    corner = table[["y_m", "x_m"]]
    # a cell goes to the district that most of its living area is in
    order = table["living_area_m2"].to_numpy().argsort(kind="stable")[::-1]
    number = corner.groupby(["y_m", "x_m"], sort=True).ngroup().to_numpy()
    n = int(number.max()) + 1
    first = pd.Series(order).groupby(number[order], sort=True).first().to_numpy()
    out = table.iloc[first][["ags", "x_m", "y_m", "area_id", "social_index", "low_income_share"]].reset_index(drop=True)
    for name in ("n_buildings", "dwellings", "people", "living_area_m2", "floor_area_m2", "heat_kwh_a"):
        out[name] = _sum(table[name], number, n)
    for name in ("t_co2e_heat", "t_co2e_power", "t_co2e_households", "t_co2e_other"):
        out[name] = _sum(table[name], number, n)
    oldest = sum_by(number, units.area_by_age[:, 0], n)
    out["share_until_1918"] = _per(pd.Series(oldest), out["living_area_m2"])
    out["heat_kwh_m2a"] = specific_heat(
        table["heat_kwh_a"].fillna(0), table["living_area_m2"].to_numpy(np.float64), number, n
    )
    out["t_co2e_households_per_head"] = _per(out["t_co2e_households"], out["people"])
    worst = pd.Series(_grade_of_sums(table).map(LETTERS.index)).groupby(number).max().to_numpy()
    out["data_grade"] = np.array(list(LETTERS), dtype=object)[worst]
    out["unit_id"] = inspire_ids(out)
    return Table(out, squares(out, units.shapes.crs)), number


def _grade_of_sums(table: pd.DataFrame) -> pd.Series:
    """Grade that a unit lends to a sum: single drawn footprints are D, together they are the counts of the census."""
    return table["data_grade"].replace({"D": "C"})


def _sum(values: pd.Series, number: np.ndarray, n: int) -> FloatArray:
    """Sum what is known; NaN where nothing is."""
    known = values.notna().to_numpy()
    total = sum_by(number, values.fillna(0), n)
    return np.where(sum_by(number, known, n) > 0, total, np.nan)


def _sums(acts: pd.DataFrame, heat: FloatArray, number: np.ndarray) -> pd.DataFrame:
    """Sum the potential on cells; the withheld row stays the last. Tilts are those of the mean of useful heat."""
    n = int(number.max()) + 1
    group = np.append(number, n)
    names = acts.columns.astype(str).tolist()
    tilts = [name for name in names if name.startswith("tilt_")]
    out = {name: sum_by(group, acts[name] * heat if name in tilts else acts[name], n + 1) for name in names}
    mass = sum_by(group, heat, n + 1)
    for name in tilts:
        out[name] = np.divide(out[name], mass, out=np.ones(n + 1), where=mass > 0)
    return pd.DataFrame(out)


def _poorest_fifth(zones: pd.DataFrame) -> FloatArray:
    """Share of each zone's people in the fifth of the place with the highest index; NaN where it cannot be told."""
    if len(zones) < 2 or zones["social_index"].isna().any() or zones["people"].sum() == 0:
        return np.full(len(zones), np.nan)
    return np.asarray(parts(zones["people"], -zones["social_index"])[:, 0])


def _districts(
    place: Place, level: int, zones: gpd.GeoDataFrame, units: pd.DataFrame, found: Zoned, imports: Imports
) -> Table:
    """Attributes of a district layer."""
    table = pd.DataFrame(zones.drop(columns="geometry"))
    table["area_km2"] = zones.geometry.area.to_numpy() / 1e6
    for name in ("n_buildings", "dwellings", "living_area_m2"):
        table[name] = sum_by(found.of_unit, units[name], len(zones))
    if not len(units):
        # nothing is known of buildings here; 0 would be a claim
        table[["people", "n_buildings", "dwellings", "living_area_m2"]] = np.nan
    _add_sectors(table, found)
    streets = imports.streets is not None
    motorways = found.detail.groupby("zone")["t_motorways"].sum().reindex(table.index)
    table["t_co2e_motorways"] = motorways if streets else np.nan
    table["t_co2_ets"] = _beside(imports, zones)
    known = table["t_co2e"].notna().to_numpy()[:, None]
    for name, values in zip(("p05", "p50", "p95"), np.where(known, found.bands, np.nan).T, strict=True):
        table[f"t_co2e_{name}"] = values
    table["t_co2e_households_per_head"] = _per(table["t_co2e_households"], table["people"])
    table["geometry_status"] = place.districts[level].geometry_status
    worst = max((LETTERS.index(g) for g in _grade_of_sums(units).unique()), default=3)
    table["data_grade"] = LETTERS[worst]
    return Table(table, _polygons(list(zones.geometry), CRS.from_user_input(place.crs)))


def _add_sectors(table: pd.DataFrame, found: Zoned) -> None:
    detail = found.detail.assign(
        t=found.detail["t_placed"] + found.detail["t_spread"], sector=found.detail["sector"].replace(PARENT)
    )
    by_sector = detail.pivot_table(index="zone", columns="sector", values="t", aggfunc="sum").reindex(table.index)
    for sector in SECTORS:
        table[f"t_co2e_{sector}"] = by_sector[sector].to_numpy() if sector in by_sector else np.nan
    table["t_co2e"] = by_sector.sum(axis=1, min_count=1).to_numpy() if len(by_sector.columns) else np.nan
    sums = detail.groupby("zone")[["t_placed", "t_spread"]].sum(min_count=1).reindex(table.index)
    table["t_co2e_placed"], table["t_co2e_spread"] = sums["t_placed"].to_numpy(), sums["t_spread"].to_numpy()


def _beside(imports: Imports, zones: gpd.GeoDataFrame) -> FloatArray:
    """Tonnes of sites that stand beside the balance (EU ETS) by zone; NaN where no site is known."""
    out = np.full(len(zones), np.nan)
    if imports.sites is None:
        return out
    beside = imports.sites[(imports.sites["in_balance"] == "no") & imports.sites["t_co2e_a"].notna()]
    if len(beside):
        near, _ = zones.sindex.nearest(beside.geometry.to_numpy(), return_all=False, return_distance=True)
        found = sum_by(near[1], beside["t_co2e_a"].to_numpy()[near[0]], len(zones))
        out = np.where(found > 0, found, np.nan)
    return out


def _totals(place: Place, town: pd.Series | None, balance: Inventory, zoned: Zoned, figures: Figures) -> pd.DataFrame:
    """One row: published figures of the municipality and its balance; NaN where nothing is published."""
    published: dict[str, Any] = {"ags": place.key, "name": place.name, "kreis": "", "pv_kw": np.nan}
    stated = place.figures
    if town is not None:
        own = ("kreis", "population", "area_km2", "n_buildings", "dwellings", "pv_kw")
        published |= {name: town[name] for name in own} | {"living_area_m2": float(town["floor_area_m2"])}
        area_ha = float(town["area_km2"]) * 100
        published |= {
            "share_dwellings_until_1918": town[f"dwellings_{AGES[0]}"] / town["dwellings"],
            "share_district_heating": town["dwellings_district_heating"] / town["dwellings"],
            "green_share": (town["forest_ha"] + town["wood_ha"] + town["agriculture_ha"]) / area_ha,
            "blue_share": town["water_ha"] / area_ha,
            **{name: float(town[name]) for name in LAND_HA},
        }
    else:
        shares = ("share_dwellings_until_1918", "share_district_heating", "green_share", "blue_share", "area_km2")
        names = ("population", "n_buildings", "dwellings", "living_area_m2")
        published |= dict.fromkeys((*shares, *LAND_HA), np.nan)
        published |= {n: np.nan if getattr(stated, n) is None else getattr(stated, n) for n in names}
    people = float(published["population"])
    sites = figures["point_sources"]
    sites = sites[sites["ags"] == place.key]
    index = _published_index(place, figures)
    return pd.DataFrame(
        [
            published
            | {f"t_co2e_{sector}": balance.total(sector) for sector in SECTORS}
            | {
                "t_co2e": balance.total(),
                "t_co2e_placed": float(zoned.detail["t_placed"].sum()) if len(zoned.detail) else np.nan,
                "t_co2e_per_head": balance.total() / people,
                "t_co2e_households_per_head": balance.total(HOUSEHOLDS) / people,
                # no site in the table is not the same as no emissions
                "t_co2_ets": float(sites["t_co2"].sum()) if len(sites) else np.nan,
                "inventory_year": balance.year,
                "inventory_edition": balance.edition,
                "social_index": np.nan if index is None else index,
                "low_income_share": np.nan,  # a rank among all municipalities of a region, known there only
                "data_grade": balance.grade,
            }
        ]
    )


def _published_index(place: Place, figures: Figures) -> float | None:
    """School social index of the municipality as a whole."""
    rows = figures["social_index"]
    index = rows.loc[(rows["ags"] == place.key) & (rows["district"] == ""), "social_index"].to_numpy()
    return float(index[0]) if len(index) else None


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
