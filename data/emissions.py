"""Emissions on stock units and districts: the balance of a municipality, allocated, with the remainder in sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.inventory import Inventory
from data.schema import AGES
from data.stock import Stock
from geo.allocate import Proxy, allocate
from geo.arrays import FloatArray, IntArray, sum_by

KWH_FIRST_PERSON = 1500.0
KWH_FURTHER_PERSON = 700.0


@dataclass(frozen=True)
class OnStock:
    """Households' energy and emissions on stock units.

    Attributes
    ----------
    kwh
        Final energy in kWh/a, shape (units + 1, rows of households in the inventory); the last row is the remainder.
    tonnes
        t CO2e/a, same shape. Each column sums to its row of the inventory.
    methods
        Proxy used for each column.
    """

    kwh: FloatArray
    tonnes: FloatArray
    methods: list[str]


def on_stock(stock: Stock, inventory: Inventory, *, district_heat_share: float) -> OnStock:
    """Allocate the households of a balance to stock units, carrier by carrier.

    Parameters
    ----------
    stock
        Units with modelled heat; what the census withholds takes its share into the remainder.
    inventory
        Balance with carriers.
    district_heat_share
        Share of the municipality's dwellings on the network, taken for the withheld ones.

    Returns
    -------
    OnStock
        Heat by modelled heat, on the network or off it; power by dwellings and people (1,500 kWh and 700 kWh for each
        further person, recalled). Where no cell publishes a dwelling on the network, district heat follows all heat.
    """
    heat, withheld = stock.heat_by_age.sum(axis=1), float(np.sum(stock.withheld["heat"]))
    network = stock.units["district_heat_share"].to_numpy()
    dwellings = stock.units["dwellings"].to_numpy()
    per_dwelling = stock.units["people"].sum() / dwellings.sum()
    people = stock.units["people"].fillna(stock.units["dwellings"] * per_dwelling).to_numpy()
    all_heat = Proxy("heat_kwh_a", heat, withheld)
    off = Proxy("heat_kwh_a off the network", heat * (1 - network), withheld * (1 - district_heat_share))
    on = Proxy("heat_kwh_a on the network", heat * network, withheld * district_heat_share)
    power = Proxy("dwellings and people", _power(dwellings, people), _power_withheld(stock))
    rows = inventory.rows[inventory.rows["sector"] == "households"]
    kwh, tonnes, methods = [], [], []
    for carrier, use, energy, total in rows[["carrier", "use", "kwh_a", "t_co2e_a"]].itertuples(index=False):
        chain = [power] if use == "power" else [on, all_heat] if carrier == "district_heating" else [off, all_heat]
        spread = allocate(total, chain)
        # one factor for all units of a carrier: energy follows the same weights
        by_energy = allocate(energy, chain)
        tonnes.append(np.append(spread.values, spread.remainder))
        kwh.append(np.append(by_energy.values, by_energy.remainder))
        methods.append(spread.method)
    return OnStock(np.stack(kwh, axis=1), np.stack(tonnes, axis=1), methods)


def on_districts(
    inventory: Inventory, allocated: OnStock, district_of_unit: IntArray, areas_m2: FloatArray
) -> pd.DataFrame:
    """Allocate the whole balance to districts.

    Parameters
    ----------
    inventory
        Balance of the municipality.
    allocated
        Its households on stock units.
    district_of_unit
        Position of each unit's district.
    areas_m2
        Area of each district.

    Returns
    -------
    DataFrame
        One row for each district and row of the inventory: `t_placed` (sum of the stock units inside), `t_spread` (its
        part of the remainder) and `method` of the spreading. The remainder of households follows what is placed; a
        sector without any local figure is split by area, which says nothing about places and is marked degenerate.
    """
    n = len(areas_m2)
    columns = iter(range(allocated.tonnes.shape[1]))
    out = []
    for sector, carrier, use, tonnes in inventory.rows[["sector", "carrier", "use", "t_co2e_a"]].itertuples(
        index=False
    ):
        if sector == "households":
            column = next(columns)
            placed = sum_by(district_of_unit, allocated.tonnes[:-1, column], n)
            rest = allocate(
                allocated.tonnes[-1, column],
                [Proxy("as the placed part", placed), Proxy("area (degenerate)", areas_m2)],
            )
        else:
            placed = np.zeros(n)
            rest = allocate(tonnes, [Proxy("area (degenerate)", areas_m2)])
        out.append(
            pd.DataFrame(
                {
                    "zone": np.arange(n),
                    "sector": sector,
                    "carrier": carrier,
                    "use": use,
                    "t_placed": placed,
                    "t_spread": rest.values,
                    "method": rest.method,
                }
            )
        )
    return pd.concat(out, ignore_index=True)


def potential(stock: Stock, allocated: OnStock, inventory: Inventory) -> pd.DataFrame:
    """What a measure can act on, by unit; the last row is what has no place.

    Returns
    -------
    DataFrame
        For each age class `heat_kwh_a_{age}` (final energy, part of the balance), `saving_kwh_a_{age}` (what the usual
        retrofit of the part in its existing state saves of it) and `existing_m2_{age}` (living area in that state);
        for each carrier `heat_kwh_a_{carrier}`; and `power_kwh_a`.
    """
    rows = inventory.rows[inventory.rows["sector"] == "households"].reset_index(drop=True)
    columns: dict[str, FloatArray] = {}
    is_heat = rows["use"].to_numpy() == "heat"
    for position, carrier in enumerate(rows["carrier"]):
        if is_heat[position]:
            columns[f"heat_kwh_a_{carrier}"] = allocated.kwh[:, position]
    columns["power_kwh_a"] = allocated.kwh[:, ~is_heat].sum(axis=1)
    total = allocated.kwh[:, is_heat].sum(axis=1)
    useful = np.vstack([stock.heat_by_age, np.asarray(stock.withheld["heat"])])
    saving = np.vstack([stock.saving_by_age, np.asarray(stock.withheld["saving"])])
    existing = np.vstack([stock.existing_by_age, np.asarray(stock.withheld["existing"])])
    modelled = useful.sum(axis=1)
    scale = np.divide(total, modelled, out=np.zeros_like(total), where=modelled > 0)
    for position, age in enumerate(AGES):
        columns[f"heat_kwh_a_{age}"] = useful[:, position] * scale
        columns[f"saving_kwh_a_{age}"] = saving[:, position] * scale
        columns[f"existing_m2_{age}"] = existing[:, position]
    return pd.DataFrame(columns)


def _power(dwellings: FloatArray, people: FloatArray) -> FloatArray:
    return np.asarray(KWH_FIRST_PERSON * dwellings + KWH_FURTHER_PERSON * np.clip(people - dwellings, 0, None))


def _power_withheld(stock: Stock) -> float:
    dwellings, people = float(np.sum(stock.withheld["dwellings"])), float(np.sum(stock.withheld["people"]))
    return KWH_FIRST_PERSON * dwellings + KWH_FURTHER_PERSON * max(people - dwellings, 0.0)
