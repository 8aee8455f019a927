"""Make the small CSV tables from the reference figures (`figures/*.csv`) and the open data they name.

Figures are carried over with their source, year, licence and how sure they are; column names and units become Revier's.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

STATUS = {
    "seen": "seen",
    "derived": "derived",
    "assumption": "assumption",
    "general knowledge, to verify": "recalled",
    "general knowledge, weak": "recalled",
}
SECTORS = {
    "Private Haushalte": "households",
    "Verkehr": "transport",
    "Kommunale Verwaltung": "municipal",
    "Industrie": "industry",
    "Gewerbe; Handel; Dienstleistungen (GHD)": "ghd",
    "Kommunale Flotte": "municipal_fleet",
    "Gesamt": "total",
}


def status(text: str) -> str:
    """Map the reference's wording to `seen`, `derived`, `assumption` or `recalled` (never seen in print here)."""
    for start, name in STATUS.items():
        if text.startswith(start):
            return name
    message = f"unknown status {text!r}"
    raise ValueError(message)


def municipalities(figures: Path) -> pd.DataFrame:
    """53 rows: population, land use, buildings, dwellings, floor area, district heat, photovoltaics."""
    raw = pd.read_csv(figures / "ruhr_municipalities.csv", dtype={"ags": str, "kreis_ags": str})
    ages = ["until_1919", "1919_1948", "1949_1978", "1979_1986", "1987_1990", "1991_1995"]
    ages += ["1996_2000", "2001_2004", "2005_2008", "2009plus"]
    table = raw[["ags", "name", "kreis", "kreis_ags", "type", "area_km2", "population", "population_date"]].copy()
    for land in ("settlement", "traffic", "agriculture", "forest", "wood"):
        table[f"{land}_ha"] = raw[f"land_{land}_ha"]
    table["water_ha"] = raw["water_ha"]
    table["commerce_ha"] = raw["settlement_industry_commerce_ha"]
    table["n_buildings"] = raw["residential_buildings"]
    table["n_buildings_1_dwelling"] = raw["res_buildings_1_dwelling"]
    table["n_buildings_2_dwellings"] = raw["res_buildings_2_dwellings"]
    table["n_buildings_3plus_dwellings"] = raw["res_buildings_3plus_dwellings"]
    table["dwellings"] = raw["dwellings_census2011plus"].astype(int)
    for age in ages:
        name = {"until_1919": "until_1918", "2009plus": "2009_later"}.get(age, age)
        table[f"dwellings_{name}"] = raw[f"dwellings_{age}"].astype(int)
    table["dwellings_district_heating"] = raw["dwellings_district_heating"].astype(int)
    table["floor_area_m2"] = (raw["residential_floor_area_1000m2"] * 1000).round().astype(int)
    table["pv_kw"] = raw["pv_installed_kw_2024file"]
    return _cite(table, "localzero-ruhr", 2021, "dl-de/by-2-0", raw["status"].map(status))


def inventories(figures: Path) -> pd.DataFrame:
    """Published balances; `base` marks the one that a place is computed from, all others are for comparison."""
    raw = pd.read_csv(figures / "ruhr_ghg_inventories.csv", dtype=str)
    raw = raw[raw["kt_co2e"].notna() | raw["t_per_capita"].notna()]
    table = raw[["ags", "name", "year", "sector", "kt_co2e", "t_per_capita"]].copy()
    table["sector"] = raw["sector"].replace(SECTORS)
    source = raw["source"]
    klimawatch = source.str.contains("klimawatch")
    table.insert(2, "edition", "press")
    table.loc[klimawatch, "edition"] = "city-2021"
    table.loc[raw["ags"].eq("05113000"), "edition"] = "2022"
    table.loc[raw["ags"].eq("05113000") & raw["year"].eq("2018"), "edition"] = "2021"
    table.loc[raw["ags"].eq("DG") & raw["sector"].str.startswith("total_"), "edition"] = "uba-trend"
    table["base"] = (
        (table["ags"].eq("05913000") & table["edition"].eq("city-2021") & table["year"].eq("2018"))
        | (table["ags"].eq("05113000") & table["edition"].eq("2022") & table["year"].eq("2019"))
    ).astype(int)
    table["source_id"] = "press-balances"
    table.loc[klimawatch, "source_id"] = "klimawatch"
    table.loc[source.str.contains("LocalZero"), "source_id"] = "localzero-facts"
    table["licence"] = table["source_id"].map(
        {"press-balances": "published figure", "klimawatch": "Apache-2.0", "localzero-facts": "published figure"}
    )
    table["status"] = raw["status"].map(status)
    table["note"] = (source + "; " + raw["note"].fillna("")).str.strip("; ")
    return table.reset_index(drop=True)


def energy_per_head(figures: Path) -> pd.DataFrame:
    """National final energy of households per head and carrier, space and water heat apart from power."""
    raw = pd.read_csv(figures / "germany_final_energy_2021.csv")
    kwh = raw[raw["sector"] == "households"].set_index("carrier")["kwh_per_capita"].to_dict()
    electric = kwh["of_which_electric_heating"]
    rows = [
        ("natural_gas", "heat", kwh["natural_gas"]),
        ("heating_oil", "heat", kwh["heating_oil"]),
        ("lpg", "heat", kwh["lpg"]),
        ("hard_coal", "heat", kwh["coal"]),
        ("wood", "heat", kwh["biomass"]),
        ("district_heating", "heat", kwh["district_heating"]),
        ("electricity", "heat", electric),
        ("ambient_heat", "heat", kwh["of_which_ambient_heat_pump"]),
        ("solar_thermal", "heat", kwh["of_which_solar_thermal"]),
        ("electricity", "power", kwh["electricity_total"] - electric),
    ]
    table = pd.DataFrame(rows, columns=["carrier", "use", "kwh_per_head"])
    return _cite(table.round(1), "ageb-2021", 2021, "published figure", "seen")


def fallback_per_head(figures: Path) -> pd.DataFrame:
    """Emissions per head of the sectors for municipalities without a balance of their own, grade D."""
    raw = pd.read_csv(figures / "fallback_per_capita.csv")
    table = pd.DataFrame(
        {
            "sector": raw["sector"].replace({"ghd_and_industry_without_ets": "economy"}),
            "t_co2e_per_head": raw["t_co2e_per_capita"],
            "low": raw["low"],
            "high": raw["high"],
        }
    )
    return _cite(table, "revier-reference", 2020, "Apache-2.0", raw["status"].map(status))


def emission_factors(figures: Path) -> pd.DataFrame:
    """Factors in value sets that one balance must not mix; `projection` continues the BISKO boundary."""
    raw = pd.read_csv(figures / "emission_factors.csv")
    # heat pumps carry their emissions in the electricity they use: ambient heat is 0 by assumption
    ambient = (raw["carrier_id"] == "ambient_heat") & (raw["value_set"] == "model_default")
    for column, value in (("value_set", "projection_default"), ("year", 2025), ("gas_boundary", "CO2e incl. upstream")):
        raw[column] = raw[column].mask(ambient, value)
    raw = raw[raw["value_set"].isin(["BISKO", "projection_default", "GEG_Anlage9", "BAFA", "UBA_direct", "TREMOD_TTW"])]
    table = pd.DataFrame(
        {
            "value_set": raw["value_set"].replace({"projection_default": "projection"}),
            "carrier": raw["carrier_id"],
            "year": raw["year"].astype(int),
            "ef_g_kwh": raw["ef_g_per_kwh"],
            "gas_boundary": raw["gas_boundary"],
        }
    )
    source = {
        "BISKO": "bisko-recalled",
        "projection": "revier-reference",
        "GEG_Anlage9": "geg-annex-9",
        "BAFA": "bafa-factors",
        "UBA_direct": "uba-power-mix",
        "TREMOD_TTW": "localzero-facts",
    }
    table["source_id"] = table["value_set"].map(source)
    table["licence"] = table["value_set"].map(lambda s: "Apache-2.0" if s == "projection" else "published figure")
    table["status"] = [
        "recalled" if s == "BISKO" else "assumption" if s == "projection" else status(t)
        for s, t in zip(table["value_set"], raw["status"], strict=True)
    ]
    return table.sort_values(["value_set", "carrier", "year"]).reset_index(drop=True)


def tabula(figures: Path) -> pd.DataFrame:
    """Net heat need by type, age class and state; gaps filled from the nearest type and marked derived."""
    raw = pd.read_csv(figures / "tabula_heat_demand.csv")
    raw = raw[raw["subtype"] == "Gen"]
    table = pd.DataFrame(
        {
            "building_type": raw["type_de"],
            "age_class": raw["age_class"],
            "state": raw["state"],
            "q_h_kwh_m2a": raw["q_h_nd_kwh_m2a"],
            "q_w_kwh_m2a": raw["q_w_nd_kwh_m2a"],
        }
    )
    table = _cite(table, "tabula", 2015, "published figure", "seen")
    have = set(zip(table["building_type"], table["age_class"], strict=True))
    fill = [("RH", "A", "RH", "B"), ("GMH", "A", "MFH", "A"), *(("GMH", c, "MFH", c) for c in "GHIJKL")]
    for kind, age, from_kind, from_age in fill:
        if (kind, age) in have:
            continue
        rows = table[(table["building_type"] == from_kind) & (table["age_class"] == from_age)].copy()
        rows = rows.assign(building_type=kind, age_class=age, status="derived")
        table = pd.concat([table, rows])
    return table.sort_values(["building_type", "age_class", "q_h_kwh_m2a"], ascending=[True, True, False])


def energy_prices(figures: Path) -> pd.DataFrame:
    """Household prices by carrier; carriers without a published price have no rows, they are not free."""
    raw = pd.read_csv(figures / "energy_prices.csv")
    columns = {
        "electricity_eur_kwh": "electricity",
        "natural_gas_eur_kwh": "natural_gas",
        "district_heating_eur_kwh": "district_heating",
    }
    table = raw.melt(id_vars="year", value_vars=list(columns), var_name="carrier", value_name="eur_kwh")
    table["carrier"] = table["carrier"].map(columns)
    table = table[["carrier", "year", "eur_kwh"]].sort_values(["carrier", "year"])
    return _cite(table, "hisim-prices", None, "published figure", "seen")


def point_sources(figures: Path) -> pd.DataFrame:
    """Sites in the EU emissions trading, shown beside the balance and never inside it; total rows left out."""
    raw = pd.read_csv(figures / "point_sources.csv", dtype={"ags": str})
    raw = raw[~raw["plant"].str.contains("total")]
    table = pd.DataFrame({"ags": raw["ags"], "plant": raw["plant"], "t_co2": (raw["mt_co2"] * 1e6).round().astype(int)})
    return _cite(table, "ets-2022-press", 2022, "published figure", raw["status"].map(status))


def social_index(data: Path) -> pd.DataFrame:
    """School social index by municipality, and by Dortmund's approximate districts."""
    town = pd.read_csv(data / "ruhr-school-social-index/social_index_by_municipality.csv", dtype={"ags": str})
    part = pd.read_csv(data / "dortmund/dortmund_stadtbezirke_indicators.csv", dtype={"ags": str})
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "ags": town["ags"],
                    "district": "",
                    "social_index": town["social_index_pupil_weighted"],
                    "share_pupils_7plus_pct": town["share_pupils_index_7plus_pct"],
                    "n_schools": town["schools"].astype(int),
                }
            ),
            pd.DataFrame(
                {
                    "ags": part["ags"],
                    "district": part["stadtbezirk"],
                    "social_index": part["school_social_index_weighted"],
                    "share_pupils_7plus_pct": part["pupils_index_7plus_pct"],
                    "n_schools": part["schools_with_index"].astype(int),
                }
            ),
        ]
    )
    return _cite(table, "school-social-index", 2025, "dl-de/by-2-0", "derived")


def _cite(table: pd.DataFrame, source_id: str, year: int | None, licence: str, status: str | pd.Series) -> pd.DataFrame:
    """Add source, year, licence and how sure each row is."""
    table = table.copy()
    table["source_id"] = source_id
    if year is not None:
        table["figure_year"] = year
    table["licence"] = licence
    table["status"] = status if isinstance(status, str) else status.to_numpy()
    return table
