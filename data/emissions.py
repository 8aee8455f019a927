"""Emissions on stock units: every row of the balance that has a building, allocated, with the remainder in sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.figures import Figures
from data.inventory import HOUSEHOLDS, Inventory, power_kwh
from data.schema import AGES
from data.segments import USEFUL
from data.units import Stock
from geo.allocate import Calibration, Proxy, allocate, calibrate
from geo.arrays import FloatArray
from geo.carriers import Carriers, fit_carriers

# the census withholds counts below 3: a cell without a dwelling on the network may have some, one with may have others
UNSEEN_NETWORK = 0.02
# a building whose carrier is stated has that one; the trace keeps totals reachable that disagree with it
UNSTATED = 1e-6


@dataclass(frozen=True)
class OnStock:
    """Energy and emissions on stock units.

    Attributes
    ----------
    rows
        The balance, as `Inventory.rows`, index 0..n-1.
    on_units
        Whether each row of it is placed on units; the others have other places, see `data.zoning`.
    kwh
        Final energy in kWh/a, shape (units + 1, rows); NaN where the balance states none. The last row is the
        remainder.
    tonnes
        t CO2e/a, same shape; 0 in rows that are not on units. Each column that is sums to its row of the balance.
    methods
        Proxy used for each row; empty where it is not on units.
    carriers
        Fitted model of the households' carriers; None where there is no heat to split.
    calibration
        Published over modelled useful heat of households; None where there is nothing to compare.
    """

    rows: pd.DataFrame
    on_units: np.ndarray
    kwh: FloatArray
    tonnes: FloatArray
    methods: list[str]
    carriers: Carriers | None
    calibration: Calibration | None

    def of_sector(self, sector: str, use: str | None = None) -> np.ndarray:
        """Which rows are of a sector (with its parts), and of a use."""
        own = self.rows["sector"].isin([sector, *_PARTS.get(sector, ())]).to_numpy()
        return own if use is None else own & (self.rows["use"] == use).to_numpy()


_PARTS: dict[str, tuple[str, ...]] = {"economy": ("commerce", "industry")}


def on_stock(stock: Stock, inventory: Inventory, figures: Figures, *, district_heat_share: float) -> OnStock:
    """Allocate a balance to stock units, row by row.

    Parameters
    ----------
    stock
        Units with modelled heat; what the census withholds takes its share into the remainder.
    inventory
        Balance by sector, carrier and use.
    figures
        Built-in tables.
    district_heat_share
        Share of the place's dwellings on the network, taken where a unit's is unknown; NaN if nobody knows.

    Returns
    -------
    OnStock
        Households' heat by modelled useful heat, carriers fitted jointly with age and network; their power by
        dwellings and people. Commerce, industry and municipal buildings by the heat of non-residential footprints,
        where there are any.
    """
    rows = inventory.rows.reset_index(drop=True)
    n, m = len(stock), len(rows)
    kwh, tonnes = np.full((n + 1, m), np.nan), np.zeros((n + 1, m))
    on_units, methods = np.zeros(m, dtype=bool), [""] * m
    carriers, calibration = None, None

    total, energy = rows["t_co2e_a"].to_numpy(np.float64), rows["kwh_a"].to_numpy(np.float64)
    sectors = rows["sector"].astype(str).tolist()

    def place(row: int, weights: FloatArray, method: str) -> None:
        """Spread one row by weights of units and, last, of what has no place."""
        proxies = [Proxy(method, weights[:-1], float(weights[-1]))]
        spread = allocate(float(total[row]), proxies)
        tonnes[:, row] = np.append(spread.values, spread.remainder)
        on_units[row], methods[row] = True, spread.method
        if np.isfinite(energy[row]):
            likewise = allocate(float(energy[row]), proxies)
            kwh[:, row] = np.append(likewise.values, likewise.remainder)

    known = rows["t_co2e_a"].notna().to_numpy()
    homes = (rows["sector"] == HOUSEHOLDS).to_numpy() & known
    useful = stock.segments.by_age(USEFUL)
    heat = np.flatnonzero(homes & (rows["use"] == "heat") & (rows["carrier"] != "all") & rows["kwh_a"].notna())
    if n and useful.sum() > 0:
        if heat.size:
            carriers, calibration, split = _carriers(stock, rows.iloc[heat], useful, figures, district_heat_share)
            for column, row in enumerate(heat):
                place(int(row), split[:, column], "heat_kwh_a, carriers fitted to age and network")
        for row in np.flatnonzero(homes & (rows["use"] == "power")):
            place(int(row), _power(stock), "dwellings and people")
        for row in np.flatnonzero(homes & ~on_units):
            place(int(row), useful.sum(axis=1), "heat_kwh_a")
    uses = figures["non_residential"].set_index("use")["sector"]
    sector_of_unit = stock.units["use"].map(uses).to_numpy(dtype=object) if n else np.zeros(0, dtype=object)
    other = stock.units["other_heat_kwh_a"].to_numpy(np.float64)
    for row in np.flatnonzero(known & ~homes):
        parts: list[str] = [sectors[row], *_PARTS.get(sectors[row], ())]
        weights = np.where(np.isin(sector_of_unit, parts), other, 0.0)
        if weights.sum() > 0:
            place(int(row), np.append(weights, 0.0), "heat of non-residential buildings by use")
    return OnStock(rows, on_units, kwh, tonnes, methods, carriers, calibration)


def _carriers(
    stock: Stock, rows: pd.DataFrame, useful: FloatArray, figures: Figures, district_heat_share: float
) -> tuple[Carriers, Calibration, FloatArray]:
    """Fit the carriers; useful heat by unit and row of the balance, the last unit is what has no place."""
    names = rows["carrier"].tolist()
    eta = figures["heating_systems"].set_index("carrier")["eta"].loc[names].to_numpy(np.float64)
    totals = rows["kwh_a"].to_numpy(np.float64) * eta
    propensity = figures["carriers_by_age"].pivot_table(index="census_age", columns="carrier", values="propensity")
    seed = propensity.loc[list(AGES), names].to_numpy(np.float64)
    fitted = fit_carriers(useful, seed, _local(stock, useful, names, district_heat_share), totals)
    return fitted, calibrate(useful.sum(axis=1), float(totals.sum())), fitted.split(useful)


def _local(stock: Stock, useful: FloatArray, names: list[str], district_heat_share: float) -> FloatArray:
    """How far each unit can have each carrier, shape (units + 1, carriers)."""
    own = stock.units["district_heat_share"].to_numpy(np.float64)
    if np.isnan(district_heat_share) and np.isfinite(own).any():
        district_heat_share = float(np.nanmean(own))
    share = np.append(own, district_heat_share)
    share = np.where(np.isnan(share), district_heat_share, share)
    local = np.ones((len(share), len(names)))
    district = np.array(names) == "district_heating"
    # where no cell publishes a dwelling on the network, nothing is known of where it is
    if np.isfinite(share).all() and (share[:-1] * useful[:-1].sum(axis=1)).sum() > 0:
        local[:, district] = share[:, None] + UNSEEN_NETWORK
        local[:, ~district] = 1 - share[:, None] + UNSEEN_NETWORK
    stated = pd.Index(names).get_indexer(pd.Index(stock.units["carrier"]))
    at = np.flatnonzero(stated >= 0)
    local[at] = UNSTATED
    local[at, stated[at]] = 1.0
    return local


def _power(stock: Stock) -> FloatArray:
    dwellings = stock.units["dwellings"].to_numpy(np.float64)
    people = stock.units["people"].to_numpy(np.float64)
    total = np.nansum(people)
    per_dwelling = total / dwellings.sum() if dwellings.sum() > 0 else 0.0
    placed = power_kwh(dwellings, np.where(np.isnan(people), dwellings * per_dwelling, people))
    beyond = power_kwh(np.atleast_1d(stock.withheld["dwellings"]), np.atleast_1d(stock.withheld["people"]))
    return np.append(placed, beyond)


def potential(allocated: OnStock) -> pd.DataFrame:
    """What a measure can act on, by unit; the last row is what has no place.

    Returns
    -------
    DataFrame
        For each carrier `heat_kwh_a_{carrier}` (final energy, part of the balance) and `tilt_{carrier}` (see
        `geo.carriers`: with the propensity by age, who burns what); and `power_kwh_a`.
    """
    columns: dict[str, FloatArray] = {}
    heat = allocated.of_sector(HOUSEHOLDS, "heat") & allocated.on_units
    power = allocated.of_sector(HOUSEHOLDS, "power") & allocated.on_units
    names = allocated.rows["carrier"].tolist()
    for position in np.flatnonzero(heat & np.isfinite(allocated.kwh).all(axis=0)):
        columns[f"heat_kwh_a_{names[position]}"] = allocated.kwh[:, position]
    columns["power_kwh_a"] = np.nansum(allocated.kwh[:, power], axis=1)
    if allocated.carriers is not None:
        tilt = allocated.carriers.tilt
        # only ratios inside a row matter; whole rows near 1 keep their digits
        tilt = tilt / tilt.max(axis=1, keepdims=True)
        fitted = [names[i] for i in np.flatnonzero(heat)]
        columns |= {f"tilt_{name}": tilt[:, i] for i, name in enumerate(fitted)}
    return pd.DataFrame(columns)
