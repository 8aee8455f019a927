"""The balance of a place by sector and carrier: what it brought, else published, else per head, else modelled.

A sector that no source knows is not in the balance: it is missing, not zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.factors import Factors
from data.figures import Figures
from data.place import Place
from data.schema import PARENT, SECTORS
from data.units import Stock
from geo.arrays import FloatArray
from geo.errors import InputError, Problem

FALLBACK_YEAR = 2021
HOUSEHOLDS = "households"
COLUMNS = ("sector", "carrier", "use", "kwh_a", "t_co2e_a", "method", "grade", "status", "source_id")
KWH_FIRST_PERSON = 1500.0
KWH_FURTHER_PERSON = 700.0


@dataclass(frozen=True)
class Inventory:
    """Final energy and emissions of one place and year.

    Attributes
    ----------
    ags, year, edition
        Key of the series; editions are never compared with each other.
    rows
        Columns `sector` (households, commerce, industry, economy where both are one, transport, municipal), `carrier`,
        `use` (heat, power, all), `kwh_a` (NaN where only tonnes are published), `t_co2e_a`, `method`, `grade` (A-D),
        `status`, `source_id`.
    scale
        Households: published over modelled emissions (1 where nothing is published). Between 0.7 and 1.3 the model
        explains the balance.
    """

    ags: str
    year: int
    edition: str
    rows: pd.DataFrame
    scale: float

    def total(self, sector: str | None = None) -> float:
        """Tonnes of CO2e a year, of one sector (with its parts) or all; NaN where nothing is known of it."""
        rows = self.rows if sector is None else self.rows[self.rows["sector"].replace(PARENT) == sector]
        return float(rows["t_co2e_a"].sum(min_count=1))

    @property
    def grade(self) -> str:
        """Grade of the worst half: B for a balance of the place's own, D where national figures or a model fill it."""
        known = self.rows[self.rows["t_co2e_a"].notna()]
        if known.empty:
            return "D"
        own = known.loc[known["grade"].isin(["A", "B", "C"]), "t_co2e_a"].abs().sum()
        return "B" if self.edition not in {"fallback", "modelled"} and own >= known["t_co2e_a"].abs().sum() / 2 else "D"

    @property
    def missing(self) -> list[str]:
        """Sectors that nothing is known of."""
        return [sector for sector in SECTORS if not np.isfinite(self.total(sector))]


def inventory(
    place: Place, figures: Figures, ef: Factors, stock: Stock, brought: pd.DataFrame | None = None
) -> Inventory:
    """Balance of a place.

    Parameters
    ----------
    place
        A municipality.
    figures
        Built-in tables.
    ef
        Emission factors of one set.
    stock
        Its stock, for the model where nothing is published.
    brought
        Its own table, `data.inputs.INPUTS["inventory"]`.

    Returns
    -------
    Inventory
        The place's own rows; households without carriers get those of the national mix and the local network. In
        Germany a missing sector comes from the published table or national figures per head (grade D); a place outside
        the table has households from its modelled heat, and no other sector.
    """
    town = figures.town(place.key) if figures.knows(place.key) else None
    if brought is not None:
        return _own(place, town, figures, ef, stock, brought)
    if town is None:
        return _modelled(place, figures, ef, stock)
    published = figures["inventories"]
    published = published[(published["ags"] == place.key) & (published["base"] == 1)]
    own = not published.empty
    year = int(published["year"].iloc[0]) if own else FALLBACK_YEAR
    rows = _households(town, figures, ef, year)
    scale = 1.0
    if own:
        sector = published.set_index("sector")["kt_co2e"] * 1000
        rows, scale = _scaled(rows, float(sector[HOUSEHOLDS]), str(published["source_id"].iloc[0]))
    table = pd.concat([rows, _rest(town, figures, published)], ignore_index=True)
    return Inventory(place.key, year, published["edition"].iloc[0] if own else "fallback", table, scale)


def power_kwh(dwellings: FloatArray, people: FloatArray) -> FloatArray:
    """Household power without heating: 1,500 kWh a dwelling and 700 kWh for each further person (recalled)."""
    return np.asarray(KWH_FIRST_PERSON * dwellings + KWH_FURTHER_PERSON * np.clip(people - dwellings, 0, None))


def _scaled(rows: pd.DataFrame, tonnes: float, source_id: str) -> tuple[pd.DataFrame, float]:
    scale = tonnes / rows["t_co2e_a"].sum()
    rows[["kwh_a", "t_co2e_a"]] *= scale
    rows["method"] = "published sector, carriers by national energy per head and local district heat"
    rows["source_id"] = source_id
    return rows, float(scale)


def _rest(town: pd.Series, figures: Figures, published: pd.DataFrame) -> pd.DataFrame:
    """Sectors beside households; their carriers are not published and not guessed."""
    own = not published.empty
    fallback = figures["fallback_per_head"].set_index("sector")
    sector = published.set_index("sector")
    tonnes = sector["kt_co2e"] * 1000 if own else fallback["t_co2e_per_head"] * float(town["population"])
    rows = [
        {
            "sector": name,
            "carrier": "all",
            "use": "all",
            "kwh_a": float("nan"),
            "t_co2e_a": tonnes[name],
            "method": "published sector" if own else "national figure per head",
            "grade": "B" if own else "D",
            "status": (sector if own else fallback).at[name, "status"],
            "source_id": (sector if own else fallback).at[name, "source_id"],
        }
        for name in SECTORS[1:]
    ]
    return pd.DataFrame(rows)


def _own(
    place: Place, town: pd.Series | None, figures: Figures, ef: Factors, stock: Stock, brought: pd.DataFrame
) -> Inventory:
    """Take a place's own balance: tonnes as stated, else energy times factor."""
    years = sorted(set(brought["year"].astype(int)))
    if len(years) != 1:
        raise InputError(Problem(f"inventory of {place.key}", f"mixes the years {years}", "Bring one year."))
    year = years[0]
    rows = brought[["sector", "carrier", "use", "kwh_a", "t_co2e_a"]].copy().reset_index(drop=True)
    source = place.inventory.source_id if place.inventory and place.inventory.source_id else f"{place.key}-inventory"
    computed = rows["t_co2e_a"].isna() & rows["kwh_a"].notna() & (rows["carrier"] != "all")
    for row in rows.index[computed]:
        rows.loc[row, "t_co2e_a"] = rows.loc[row, "kwh_a"] * ef.g_kwh(str(rows.loc[row, "carrier"]), [year])[0] / 1e6
    rows["method"] = np.where(computed, "energy as stated, BISKO factor", "as stated")
    rows["grade"] = "B"
    rows["status"] = np.where(computed, "derived", "seen")
    rows["source_id"] = source
    scale = 1.0
    homes = rows["sector"] == HOUSEHOLDS
    if homes.any() and (rows.loc[homes, "carrier"] == "all").all():
        tonnes = float(rows.loc[homes, "t_co2e_a"].sum())
        modelled = _households(town, figures, ef, year) if town is not None else _bottom_up(place, figures, ef, stock)
        if modelled is not None and np.isfinite(tonnes):
            split, scale = _scaled(modelled, tonnes, source)
            rows = pd.concat([split, rows[~homes]], ignore_index=True)
    lacking = [s for s in SECTORS if s not in set(rows["sector"].replace(PARENT))]
    if town is not None and lacking:
        none = figures["inventories"].iloc[:0]
        filled = pd.concat([_households(town, figures, ef, year), _rest(town, figures, none)], ignore_index=True)
        rows = pd.concat([rows, filled[filled["sector"].isin(lacking)]], ignore_index=True)
    return Inventory(place.key, year, f"own-{year}", rows[list(COLUMNS)], scale)


def _modelled(place: Place, figures: Figures, ef: Factors, stock: Stock) -> Inventory:
    rows = _bottom_up(place, figures, ef, stock)
    empty = pd.DataFrame({name: pd.Series(dtype=float if name.endswith("_a") else object) for name in COLUMNS})
    return Inventory(place.key, FALLBACK_YEAR, "modelled", empty if rows is None else rows, 1.0)


def _bottom_up(place: Place, figures: Figures, ef: Factors, stock: Stock) -> pd.DataFrame | None:
    """Households by the model of their buildings alone; None where there is none, or abroad."""
    useful = float(stock.heat_by_age.sum())
    if useful == 0 or place.country != "DE":
        return None
    energy = figures["energy_per_head"]
    heat = (energy["use"] == "heat").to_numpy()
    eta = energy["carrier"].map(figures["heating_systems"].set_index("carrier")["eta"]).to_numpy(np.float64)
    kwh = energy["kwh_per_head"].to_numpy(np.float64).copy()
    kwh[heat] *= useful / float((kwh * eta)[heat].sum())
    people = stock.units["people"].fillna(0).to_numpy(np.float64)
    kwh[~heat] = power_kwh(stock.units["dwellings"].to_numpy(np.float64), people).sum()
    return _rows_of_households(energy, kwh, ef, FALLBACK_YEAR, "modelled heat of buildings, national carriers")


def _households(town: pd.Series, figures: Figures, ef: Factors, year: int) -> pd.DataFrame:
    energy = figures["energy_per_head"]
    kwh = energy["kwh_per_head"].to_numpy(np.float64) * town["population"]
    heat = (energy["use"] == "heat").to_numpy()
    district = (energy["carrier"] == "district_heating").to_numpy() & heat
    # equal heat per dwelling: the dwellings' share on the network is its share of the heat
    local = town["dwellings_district_heating"] / town["dwellings"]
    national = kwh[district].sum() / kwh[heat].sum()
    kwh = kwh.copy()
    kwh[heat & ~district] *= (1 - local) / (1 - national)
    kwh[district] *= local / national
    return _rows_of_households(energy, kwh, ef, year, "national energy per head, local district heat")


def _rows_of_households(energy: pd.DataFrame, kwh: FloatArray, ef: Factors, year: int, method: str) -> pd.DataFrame:
    grams = [ef.g_kwh(carrier, [year])[0] for carrier in energy["carrier"]]
    return pd.DataFrame(
        {
            "sector": HOUSEHOLDS,
            "carrier": energy["carrier"],
            "use": energy["use"],
            "kwh_a": kwh,
            "t_co2e_a": kwh * grams / 1e6,
            "method": method,
            "grade": "D",
            "status": [ef.status(carrier) for carrier in energy["carrier"]],
            "source_id": energy["source_id"],
        }
    )
