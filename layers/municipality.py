"""One municipality, computed: stock, districts and totals as tables ready to be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from data.emissions import OnStock, on_districts, on_stock, potential
from data.factors import Factors
from data.figures import Figures
from data.inventory import Inventory, inventory
from data.place import Place
from data.schema import AGES, SECTORS
from data.stock import Common, Stock, squares, stock
from geo.arrays import FloatArray, IntArray, sum_by
from geo.equity import parts
from geo.transfer import area_shares


@dataclass(frozen=True)
class Municipality:
    """Tables of one municipality.

    Attributes
    ----------
    stock, districts, totals
        Layers with the columns of `layers.columns`; no districts where the place has none.
    inventory
        The balance by sector and carrier.
    allocation
        Every row of the balance on every district, or on the municipality where it has none.
    potential
        What measures act on, by stock unit, the withheld buildings as the last row.
    entry
        How the manifest describes the place.
    """

    stock: gpd.GeoDataFrame
    districts: gpd.GeoDataFrame | None
    totals: gpd.GeoDataFrame
    inventory: pd.DataFrame
    allocation: pd.DataFrame
    potential: pd.DataFrame
    entry: dict[str, Any]


def compute(place: Place, figures: Figures, ef: Factors, shared: Common) -> Municipality:
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
        Result of `data.stock.common`, made once for all municipalities.
    """
    town = figures.town(place.key)
    balance = inventory(place.key, figures, ef)
    units = stock(place.key, figures, shared)
    share = float(town["dwellings_district_heating"]) / float(town["dwellings"])
    allocated = on_stock(units, balance, district_heat_share=share)
    shapes = squares(units.units)
    zones, of_unit = _zones(place, figures, shapes)
    zones["people"] = sum_by(of_unit, units.units["people"].fillna(0), len(zones))
    zones["low_income_share"] = _poorest_fifth(zones)
    detail = on_districts(balance, allocated, of_unit, zones.geometry.area.to_numpy())
    detail.insert(0, "area_id", zones["area_id"].to_numpy()[detail.pop("zone")])
    table = _stock(units, allocated, balance, zones, of_unit)
    outline = figures.boundaries[figures.boundaries["ags"] == place.key].geometry
    return Municipality(
        stock=gpd.GeoDataFrame(table, geometry=shapes),
        districts=_districts(zones, table, of_unit, detail, place) if place.districts else None,
        totals=gpd.GeoDataFrame(
            _totals(town, balance, float(allocated.tonnes[:-1].sum()), figures), geometry=outline.to_numpy()
        ),
        inventory=balance.rows,
        allocation=detail,
        potential=potential(units, allocated, balance),
        entry=_entry(place, balance, units, allocated),
    )


def _entry(place: Place, balance: Inventory, units: Stock, allocated: OnStock) -> dict[str, Any]:
    return {
        "name": place.name,
        "kind": "municipality",
        "net_zero_year": place.net_zero_year,
        "inventory": {
            "year": balance.year,
            "edition": balance.edition,
            "t_co2e": balance.total(),
            "households_scale": balance.scale,
            "grade": "B" if balance.edition != "fallback" else "D",
        },
        "withheld": {
            "n_buildings": units.withheld["n_buildings"],
            "dwellings": units.withheld["dwellings"],
            "people": units.withheld["people"],
            "t_co2e": float(allocated.tonnes[-1].sum()),
        },
        "allocation_methods": allocated.methods,
        "districts": None
        if place.districts is None
        else {"level": place.districts.level, "geometry_status": place.districts.geometry_status},
    }


def _stock(
    units: Stock, allocated: OnStock, balance: Inventory, zones: gpd.GeoDataFrame, of_unit: IntArray
) -> pd.DataFrame:
    """Attributes of the stock layer."""
    rows = balance.rows[balance.rows["sector"] == "households"]
    is_heat = rows["use"].to_numpy() == "heat"
    table = units.units[["ags", "n_buildings", "dwellings", "people", "living_area_m2"]].copy()
    table["unit_id"] = _inspire_ids(units.units)
    table["share_until_1918"] = units.area_by_age[:, 0] / units.area_by_age.sum(axis=1)
    table["heat_kwh_a"] = allocated.kwh[:-1, is_heat].sum(axis=1)
    table["heat_kwh_m2a"] = table["heat_kwh_a"] / table["living_area_m2"]
    table["t_co2e_heat"] = allocated.tonnes[:-1, is_heat].sum(axis=1)
    table["t_co2e_power"] = allocated.tonnes[:-1, ~is_heat].sum(axis=1)
    table["t_co2e_households"] = allocated.tonnes[:-1].sum(axis=1)
    table["t_co2e_households_per_head"] = table["t_co2e_households"] / table["people"].where(table["people"] > 0)
    for name in ("area_id", "social_index", "low_income_share"):
        table[name] = zones[name].to_numpy()[of_unit]
    table["data_grade"] = "C"
    return table


def _zones(place: Place, figures: Figures, shapes: gpd.GeoSeries) -> tuple[gpd.GeoDataFrame, IntArray]:
    """Districts of a place (the place itself where it has none) and the one that each unit belongs to.

    A unit belongs to the district that holds most of its area; a unit that touches none (the edge is drawn differently)
    to the nearest.
    """
    rows = figures["social_index"]
    index = rows[rows["ags"] == place.key].set_index("district")["social_index"]
    if place.districts is None:
        zones = figures.boundaries[figures.boundaries["ags"] == place.key].reset_index(drop=True)
        zones["area_id"], zones["district"] = place.key, ""
        belongs = np.zeros(len(shapes), dtype=np.int64)
    else:
        zones = figures.districts[place.key].reset_index(drop=True)
        zones["area_id"] = zones["ags"] + "." + zones["district"]
        shares = area_shares(shapes, zones.geometry)
        belongs = np.asarray(shares.matrix.toarray().argmax(axis=1), dtype=np.int64)
        outside = shares.covered == 0
        if outside.any():
            near, _ = zones.sindex.nearest(shapes[outside], return_all=False, return_distance=True)
            belongs[outside] = near[1]
    zones["social_index"] = zones["district"].map(index).to_numpy(np.float64)
    return zones, belongs


def _poorest_fifth(zones: pd.DataFrame) -> FloatArray:
    """Share of each zone's people in the fifth of the place with the highest index; NaN where it cannot be told."""
    if len(zones) < 2 or zones["social_index"].isna().any():
        return np.full(len(zones), np.nan)
    return np.asarray(parts(zones["people"], -zones["social_index"])[:, 0])


def _districts(
    zones: gpd.GeoDataFrame, units: pd.DataFrame, of_unit: IntArray, detail: pd.DataFrame, place: Place
) -> gpd.GeoDataFrame:
    """Attributes of the district layer."""
    table = zones.copy()
    table["area_km2"] = zones.geometry.area.to_numpy() / 1e6
    for name in ("n_buildings", "dwellings", "living_area_m2"):
        table[name] = sum_by(of_unit, units[name], len(zones))
    tonnes = detail.assign(t=detail["t_placed"] + detail["t_spread"])
    by_sector = tonnes.pivot_table(index="area_id", columns="sector", values="t", aggfunc="sum").loc[table["area_id"]]
    for sector in SECTORS:
        table[f"t_co2e_{sector}"] = by_sector[sector].to_numpy()
    table["t_co2e"] = by_sector.to_numpy().sum(axis=1)
    sums = detail.groupby("area_id")[["t_placed", "t_spread"]].sum().loc[table["area_id"]]
    table["t_co2e_placed"], table["t_co2e_spread"] = sums["t_placed"].to_numpy(), sums["t_spread"].to_numpy()
    table["t_co2e_households_per_head"] = table["t_co2e_households"] / table["people"].where(table["people"] > 0)
    table["geometry_status"] = place.districts.geometry_status if place.districts else ""
    table["data_grade"] = "C"
    return table


def _totals(town: pd.Series, balance: Inventory, placed: float, figures: Figures) -> pd.DataFrame:
    """One row: published figures of the municipality and its balance."""
    area_ha, people = float(town["area_km2"]) * 100, float(town["population"])
    sites = figures["point_sources"]
    sites = sites[sites["ags"] == balance.ags]
    rows = figures["social_index"]
    index = rows.loc[(rows["ags"] == balance.ags) & (rows["district"] == ""), "social_index"].to_numpy()
    row: dict[str, Any] = {
        name: town[name]
        for name in ("ags", "name", "kreis", "population", "area_km2", "n_buildings", "dwellings", "pv_kw")
    }
    row |= {
        "living_area_m2": float(town["floor_area_m2"]),
        "share_dwellings_until_1918": town[f"dwellings_{AGES[0]}"] / town["dwellings"],
        "share_district_heating": town["dwellings_district_heating"] / town["dwellings"],
        "green_share": (town["forest_ha"] + town["wood_ha"] + town["agriculture_ha"]) / area_ha,
        "blue_share": town["water_ha"] / area_ha,
        **{f"t_co2e_{sector}": balance.total(sector) for sector in SECTORS},
        "t_co2e": balance.total(),
        "t_co2e_placed": placed,
        "t_co2e_per_head": balance.total() / people,
        "t_co2e_households_per_head": balance.total("households") / people,
        # no site in the table is not the same as no emissions
        "t_co2_ets": float(sites["t_co2"].sum()) if len(sites) else np.nan,
        "inventory_year": balance.year,
        "inventory_edition": balance.edition,
        "social_index": float(index[0]) if len(index) else np.nan,
        "low_income_share": np.nan,  # a rank among all municipalities of a region, known there only
        "data_grade": "D" if balance.edition == "fallback" else "B",
    }
    return pd.DataFrame([row])


def _inspire_ids(units: pd.DataFrame) -> list[str]:
    return [
        f"CRS3035RES200mN{y}E{x}" + ("" if quarters == 15 else f".{ags}")
        for ags, x, y, quarters in units[["ags", "x_m", "y_m", "quarters"]].itertuples(index=False)
    ]
