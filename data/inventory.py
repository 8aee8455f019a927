"""The balance of a municipality by sector and carrier: its own where published, else national figures per head."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data.factors import Factors
from data.figures import Figures
from data.schema import SECTORS

FALLBACK_YEAR = 2021


@dataclass(frozen=True)
class Inventory:
    """Final energy and emissions of one municipality and year.

    Attributes
    ----------
    ags, year, edition
        Key of the series; editions are never compared with each other.
    rows
        Columns `sector`, `carrier`, `use` (heat, power, all), `kwh_a` (NaN where only tonnes are published),
        `t_co2e_a`, `method`, `grade` (A-D), `status`, `source_id`.
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
        """Tonnes of CO2e a year, of one sector or all."""
        rows = self.rows if sector is None else self.rows[self.rows["sector"] == sector]
        return float(rows["t_co2e_a"].sum())


def inventory(ags: str, figures: Figures, ef: Factors) -> Inventory:
    """Balance of the municipality `ags`.

    Parameters
    ----------
    ags
        Municipal key, must be in `municipalities.csv`.
    figures
        Built-in tables.
    ef
        Emission factors of one set.

    Returns
    -------
    Inventory
        Households by carrier and use: national energy per head, district heat replaced by the municipality's own
        share of dwellings, scaled to the published sector where there is one. The other sectors as published, or per
        head (grade D); their carriers are not published and not guessed (`carrier` ``"all"``).
    """
    town = figures.town(ags)
    published = figures["inventories"]
    published = published[(published["ags"] == ags) & (published["base"] == 1)]
    own = not published.empty
    year = int(published["year"].iloc[0]) if own else FALLBACK_YEAR
    rows = _households(town, figures, ef, year)
    scale = 1.0
    if own:
        sector = published.set_index("sector")["kt_co2e"] * 1000
        scale = float(sector["households"] / rows["t_co2e_a"].sum())
        rows[["kwh_a", "t_co2e_a"]] *= scale
        rows["method"] = "published sector, carriers by national energy per head and local district heat"
        rows["source_id"] = published["source_id"].iloc[0]
    rest = []
    fallback = figures["fallback_per_head"].set_index("sector")
    per_head = fallback["t_co2e_per_head"].to_dict()
    statuses = published.set_index("sector")["status"] if own else fallback["status"]
    for name in SECTORS[1:]:
        tonnes = float(sector[name] if own else per_head[name] * town["population"])
        rest.append(
            {
                "sector": name,
                "carrier": "all",
                "use": "all",
                "kwh_a": float("nan"),
                "t_co2e_a": tonnes,
                "method": "published sector" if own else "national figure per head",
                "grade": "B" if own else "D",
                "status": statuses[name],
                "source_id": published["source_id"].iloc[0] if own else fallback.at[name, "source_id"],
            }
        )
    table = pd.concat([rows, pd.DataFrame(rest)], ignore_index=True)
    return Inventory(ags, year, published["edition"].iloc[0] if own else "fallback", table, scale)


def _households(town: pd.Series, figures: Figures, ef: Factors, year: int) -> pd.DataFrame:
    energy = figures["energy_per_head"]
    kwh = energy["kwh_per_head"].to_numpy() * town["population"]
    heat = (energy["use"] == "heat").to_numpy()
    district = (energy["carrier"] == "district_heating").to_numpy() & heat
    # equal heat per dwelling: the dwellings' share on the network is its share of the heat
    local = town["dwellings_district_heating"] / town["dwellings"]
    national = kwh[district].sum() / kwh[heat].sum()
    kwh = kwh.copy()
    kwh[heat & ~district] *= (1 - local) / (1 - national)
    kwh[district] *= local / national
    grams = [ef.g_kwh(carrier, [year])[0] for carrier in energy["carrier"]]
    return pd.DataFrame(
        {
            "sector": "households",
            "carrier": energy["carrier"],
            "use": energy["use"],
            "kwh_a": kwh,
            "t_co2e_a": kwh * grams / 1e6,
            "method": "national energy per head, local district heat",
            "grade": "D",
            "status": [ef.status(carrier) for carrier in energy["carrier"]],
            "source_id": energy["source_id"],
        }
    )
