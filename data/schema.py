"""What every built-in table must look like: name, unit, range, key. Validation lists every broken cell at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geo.errors import Problem

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("seen", "derived", "assumption", "recalled")
SECTORS = ("households", "economy", "transport", "municipal")
# a balance may tell commerce and industry apart; both are part of the economy
PARENT = {"commerce": "economy", "industry": "economy"}
CARRIERS = (
    "natural_gas",
    "heating_oil",
    "lpg",
    "hard_coal",
    "wood",
    "district_heating",
    "electricity",
    "ambient_heat",
    "solar_thermal",
)
BUILDING_TYPES = ("EFH", "RH", "MFH", "GMH")
AGES = (
    "until_1918",
    "1919_1948",
    "1949_1978",
    "1979_1986",
    "1987_1990",
    "1991_1995",
    "1996_2000",
    "2001_2004",
    "2005_2008",
    "2009_later",
)

TRANSPORT_CARRIERS = ("petrol", "diesel", "electricity")
OWNERS = ("owner_occupier", "private_landlord", "housing_company", "cooperative", "municipal")
# fields of action; green is heat in summer and green space, blue is water
FIELDS = ("buildings", "energy", "mobility", "industry", "green", "blue")
ACTS_ON = (
    "space_heat",
    "heat",
    "heat_supply",
    "household_power",
    "municipal_heat",
    "municipal_power",
    "economy",
    "district_heat",
    "car_travel",
    "bus_travel",
    "generation",
    "sink",
    "plant",
    "none",
)
EFFECTS = ("demand", "supply", "factor", "electrify", "generation", "sink", "plant", "none")
# of measures in one group, at most one acts on the same target
EXCLUSIVE_GROUPS = ("envelope", "heat_supply", "roof", "roof_layer", "ground")
PAYERS = ("owner", "tenant", "household", "city", "state", "utility", "company")
# occupant: tenant or owner-occupier, whoever pays the bill
GAINS = ("owner", "tenant", "occupant", "household", "company", "all")
PATHS = ("slow", "central", "fast")
SCENARIOS = ("reference", "climate_plan", "climate_equity")
# classes of land cover, in the order of biophysical.csv: a raster of land cover holds positions in this tuple
LAND_COVERS = (
    "building_roof",
    "asphalt_road",
    "paved_yard",
    "sealed_residential_mix",
    "garden",
    "lawn_park",
    "park_with_trees",
    "forest",
    "allotment",
    "cropland",
    "meadow",
    "water",
    "wasteland_gravel",
    "railway",
    "green_roof_ext",
    "cool_roof",
)
# hydrological groups of soil, from sand (A) to clay (D)
CURVE_NUMBERS = ("cn_a", "cn_b", "cn_c", "cn_d")
# shares of the residents, 0 to 1
RATES = ("sgb2_rate", "minimum_income_rate", "unemployment_rate", "child_poverty_rate")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name
        Ends in its unit (`_ha`, `_m2`, `_kwh_m2a`) unless it is a name, a key or a count.
    kind
        ``"text"``, ``"number"`` or ``"count"`` (a whole number).
    required
        Whether a cell may be empty. An empty cell means unknown, never zero.
    low, high
        Range, inclusive.
    choices
        Values allowed, if they are few.
    """

    name: str
    kind: str = "number"
    required: bool = True
    low: float | None = 0
    high: float | None = None
    choices: tuple[str, ...] = ()


def texts(*names: str) -> tuple[Column, ...]:
    """Text columns without further rules."""
    return tuple(Column(name, "text") for name in names)


def counts(*names: str) -> tuple[Column, ...]:
    """Whole numbers from 0."""
    return tuple(Column(name, "count") for name in names)


CITED = (*texts("source_id", "licence"), Column("status", "text", choices=STATUSES))
YEAR = Column("year", "count", low=1990, high=2100)


@dataclass(frozen=True)
class Schema:
    """Columns and key of one table."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    cited: bool = True

    def names(self) -> list[str]:
        """Return all column names that must be there."""
        return [column.name for column in (*self.columns, *(CITED if self.cited else ()))]


SCHEMAS = {
    "sources": Schema(
        texts("source_id", "title", "publisher", "licence", "attribution", "reference"), ("source_id",), cited=False
    ),
    "municipalities": Schema(
        (
            *texts("ags", "name", "kreis", "kreis_ags", "type", "population_date"),
            Column("area_km2", low=0.1, high=1000),
            *counts("population", "n_buildings", "n_buildings_1_dwelling", "n_buildings_2_dwellings"),
            *counts("n_buildings_3plus_dwellings", "dwellings", *(f"dwellings_{age}" for age in AGES)),
            *counts("dwellings_district_heating", "floor_area_m2"),
            *(
                Column(f"{land}_ha")
                for land in ("settlement", "traffic", "agriculture", "forest", "wood", "water", "commerce")
            ),
            Column("pv_kw"),
        ),
        ("ags",),
    ),
    "inventories": Schema(
        (
            *texts("ags", "name", "edition", "sector"),
            YEAR,
            Column("kt_co2e", required=False),
            Column("t_per_capita", required=False, low=2, high=40),
            Column("base", "count", high=1),
        ),
        ("ags", "edition", "year", "sector"),
    ),
    "energy_per_head": Schema(
        (
            Column("carrier", "text", choices=CARRIERS),
            Column("use", "text", choices=("heat", "power")),
            Column("kwh_per_head"),
        ),
        ("carrier", "use"),
    ),
    "fallback_per_head": Schema(
        (Column("sector", "text", choices=SECTORS), Column("t_co2e_per_head"), Column("low"), Column("high")),
        ("sector",),
    ),
    "emission_factors": Schema(
        (*texts("value_set", "carrier", "gas_boundary"), YEAR, Column("ef_g_kwh", high=1500)),
        ("value_set", "carrier", "year"),
    ),
    "tabula": Schema(
        (
            Column("building_type", "text", choices=BUILDING_TYPES),
            *texts("age_class", "state"),
            Column("q_h_kwh_m2a", high=500),
            Column("q_w_kwh_m2a", high=50),
        ),
        ("building_type", "age_class", "state"),
    ),
    "age_classes": Schema(
        (Column("census_age", "text", choices=AGES), *texts("age_class"), Column("share", high=1)),
        ("census_age", "age_class"),
    ),
    "refurbishment": Schema((*texts("age_class", "state"), Column("share", high=1)), ("age_class", "state")),
    "dwelling_types": Schema(
        (
            *texts("census_type", "building_type"),
            Column("dwellings_per_building", low=1, high=200),
            Column("living_m2_per_dwelling", low=10, high=1000),
        ),
        ("census_type",),
    ),
    "carriers_by_age": Schema(
        (
            Column("carrier", "text", choices=CARRIERS),
            Column("census_age", "text", choices=AGES),
            Column("propensity", low=0.001, high=1000),
        ),
        ("carrier", "census_age"),
    ),
    "heating_systems": Schema(
        (Column("carrier", "text", choices=CARRIERS), Column("eta", low=0.3, high=1.2)), ("carrier",)
    ),
    "non_residential": Schema(
        (
            *texts("use"),
            Column("sector", "text", choices=("commerce", "industry", "municipal")),
            Column("heat_kwh_m2a", low=1, high=2000),
            Column("storeys", low=1, high=20),
        ),
        ("use",),
    ),
    "traffic": Schema(
        (
            *texts("road_class"),
            Column("aadt_veh_d", high=400_000),
            Column("heavy_share", high=1),
            Column("light_kwh_km", high=10),
            Column("heavy_kwh_km", high=20),
        ),
        ("road_class",),
    ),
    "energy_prices": Schema(
        (Column("carrier", "text", choices=CARRIERS), YEAR, Column("eur_kwh", high=2)), ("carrier", "year")
    ),
    "measures": Schema(
        (
            *texts("measure", "catalogue_id", "name_en", "name_de"),
            Column("field", "text", choices=FIELDS),
            Column("acts_on", "text", choices=ACTS_ON),
            Column("effect", "text", choices=EFFECTS),
            *texts("unit", "unit_en", "unit_de"),
            Column("eligibility", "text", required=False),
            Column("state_to", "text", required=False, choices=("usual", "ambitious")),
            Column("from_carrier", "text", required=False, choices=TRANSPORT_CARRIERS),
            Column("to_carrier", "text", required=False, choices=("electricity", "district_heating")),
            Column("interaction_order", "count", high=5),
            Column("exclusive_group", "text", required=False, choices=EXCLUSIVE_GROUPS),
            Column("curve", "text", choices=("linear", "logistic", "step")),
            Column("payer", "text", choices=PAYERS),
            Column("gains", "text", choices=GAINS),
            *texts("who_pays", "who_benefits"),
            *(
                Column(name, "text", required=False)
                for name in ("co_benefits_en", "co_benefits_de", "caution_en", "caution_de")
            ),
        ),
        ("measure",),
    ),
    "measure_figures": Schema(
        (
            *texts("measure", "figure"),
            Column("value", low=None),
            Column("low", required=False, low=None),
            Column("high", required=False, low=None),
            *texts("unit"),
            Column("price_year", "count", required=False, low=1990, high=2100),
            Column("note", "text", required=False),
        ),
        ("measure", "figure"),
    ),
    "grants": Schema(
        (
            *texts("programme", "measure"),
            Column(
                "bonus", "text", choices=("base", "efficiency", "speed", "income", "renovation_plan", "weak_budget")
            ),
            Column("rate", high=1),
            *(Column(name, required=False, high=1) for name in ("rate_low", "rate_high", "cap_share")),
            Column("tenure", "text", choices=("any", "owner_occupier", "landlord", *PAYERS[3:])),
            Column("income_max_eur", required=False, low=1000, high=1e6),
            *(Column(f"eligible_eur_{dwelling}", required=False, high=1e6) for dwelling in ("first", "2nd_6th", "7th")),
            Column("eligible_status", "text", required=False, choices=STATUSES),
            *(Column(name, "count", required=False, low=1990, high=2100) for name in ("valid_from", "valid_to")),
            Column("note", "text", required=False),
        ),
        ("programme", "measure", "bonus", "valid_from"),
    ),
    "co2_cost_split": Schema(
        (
            Column("kg_m2a_from", high=1000),
            Column("kg_m2a_below", required=False, high=1000),
            Column("tenant_share", high=1),
            Column("landlord_share", high=1),
        ),
        ("kg_m2a_from",),
    ),
    "construction_prices": Schema((YEAR, Column("index", low=1, high=1000)), ("year",)),
    "energy_levies": Schema(
        (
            Column("carrier", "text", choices=CARRIERS),
            Column("levies_eur_kwh", high=1),
            Column("vat_share", high=1),
            Column("note", "text", required=False),
        ),
        ("carrier",),
    ),
    "co2_price": Schema(
        (YEAR, *(Column(name, low=1, high=1000) for name in ("eur_t", "low", "high"))),
        ("year",),
    ),
    "social_cost": Schema(
        (
            Column("generation", "text", choices=("mk3", "mk4")),
            Column("prtp_pct", "count", high=1),
            YEAR,
            Column("eur_t", low=1, high=5000),
            Column("price_year", "count", low=1990, high=2100),
        ),
        ("generation", "prtp_pct", "year"),
    ),
    "external_paths": Schema(
        (
            Column("path", "text", choices=PATHS),
            Column("carrier", "text", choices=("electricity", "district_heating")),
            YEAR,
            Column("ef_g_kwh", high=1500),
        ),
        ("path", "carrier", "year"),
    ),
    "sector_energy": Schema(
        (
            Column("sector", "text", choices=SECTORS[1:]),
            Column("carrier", "text", choices=tuple(dict.fromkeys((*CARRIERS, *TRANSPORT_CARRIERS)))),
            Column("use", "text", choices=("heat", "power", "car", "bus", "goods", "other")),
            Column("share", high=1),
        ),
        ("sector", "carrier", "use"),
    ),
    "tenure": Schema(
        (
            Column("building_type", "text", choices=BUILDING_TYPES),
            Column("owner_occupied_share", high=1),
            Column("rent_eur_m2", low=1, high=50),
            Column("price_year", "count", low=1990, high=2100),
            Column("maintenance_share", high=1),
        ),
        ("building_type",),
    ),
    "scenario_parameters": Schema(
        (
            Column("scenario", "text", choices=SCENARIOS),
            *texts("parameter"),
            Column("value", required=False, low=-1, high=2100),
            Column("choice", "text", required=False, choices=PATHS),
            *texts("unit"),
            Column("note", "text", required=False),
        ),
        ("scenario", "parameter"),
    ),
    "vehicles": Schema(
        (
            Column("vehicle", "text", choices=("car", "bus", "light_truck", "heavy_truck", "tram")),
            Column("carrier", "text", choices=("all", *TRANSPORT_CARRIERS)),
            Column("road", "text", choices=("all", "urban_rural", "motorway")),
            Column("figure", "text", choices=("per_head", "km_a", "kwh_km")),
            Column("value", high=300_000),
            *texts("unit"),
            YEAR,
        ),
        ("vehicle", "carrier", "road", "figure", "year"),
    ),
    "point_sources": Schema((*texts("ags", "plant"), Column("t_co2")), ("ags", "plant")),
    "social_index": Schema(
        (
            *texts("ags"),
            Column("district", "text", required=False),
            Column("social_index", low=1, high=9),
            Column("share_pupils_7plus_pct", high=100),
            Column("n_schools", "count", low=1),
        ),
        ("ags", "district"),
    ),
    "schools": Schema(
        (
            *texts("school_id", "ags", "school_type"),
            Column("pupils", "count", low=1, high=10_000),
            Column("social_index", "count", low=1, high=9),
            # in the CRS of places
            *(Column(name, "count", low=None) for name in ("x_m", "y_m")),
        ),
        ("school_id",),
    ),
    "social_reference": Schema(
        (
            *texts("area_id", "area"),
            Column("indicator", "text", choices=(*RATES, "poverty_risk_rate", "poverty_line_single_eur_month")),
            YEAR,
            # some figures are known by their lower bound only
            *(Column(name, required=False, high=10_000) for name in ("value", "low")),
            Column("unit", "text", choices=("share", "EUR/month")),
            Column("note", "text", required=False),
        ),
        ("area_id", "indicator", "year"),
    ),
    "biophysical": Schema(
        (
            Column("class_id", "text", choices=LAND_COVERS),
            *texts("name_en", "name_de"),
            *(Column(name, high=1) for name in ("shade", "albedo")),
            Column("kc", high=1.5),
            Column("sealed_share", high=1),
            Column("green_area", "count", high=1),
            *(Column(name, low=1, high=100) for name in CURVE_NUMBERS),
        ),
        ("class_id",),
    ),
    "runoff_coefficients": Schema(
        (
            *texts("surface_id", "name_en", "name_de"),
            Column("psi", high=1),
            *(Column(name, required=False, high=1) for name in ("low", "high")),
            Column("note", "text", required=False),
        ),
        ("surface_id",),
    ),
}


def check(table: pd.DataFrame, schema: Schema, file: Path) -> tuple[pd.DataFrame, list[Problem]]:
    """Compare a table of texts with its schema.

    Parameters
    ----------
    table
        As read, every cell text; an empty cell is missing.
    schema
        What it must be.
    file
        Named in every problem; rows count from 2, as a spreadsheet shows them below the header.

    Returns
    -------
    tuple
        The table with numbers as numbers, and all problems. With problems, the table must not be used.
    """
    where = file.name
    problems = [
        Problem(f"{where}, column {name}", "is missing", "Add the column; the header must name it exactly so.")
        for name in schema.names()
        if name not in table.columns
    ]
    table = table.copy()
    for column in (*schema.columns, *(CITED if schema.cited else ())):
        if column.name in table.columns:
            table[column.name], found = _check_column(table[column.name], column, where)
            problems += found
    key = [name for name in schema.key if name in table.columns]
    if key:
        for row in table.index[table.duplicated(key)]:
            value = ", ".join(str(table.at[row, name]) for name in key)
            problems.append(
                Problem(f"{where}, row {row + 2}", f"repeats the key ({value})", "Keep one row for each key.")
            )
    return table, problems


def _check_column(cells: pd.Series, column: Column, where: str) -> tuple[pd.Series, list[Problem]]:
    import pandas as pd  # noqa: PLC0415 - slow to import

    empty = cells.isna() | (cells.astype(str).str.strip() == "")
    problems: list[Problem] = []

    def report(rows: Sequence[int], what: str, remedy: str) -> None:
        problems.extend(
            Problem(f"{where}, row {row + 2}, column {column.name}", what.format(cells[row]), remedy) for row in rows
        )

    if column.required:
        report(list(cells.index[empty]), "is empty", "Fill it; an unknown value is not zero.")
    if column.kind == "text":
        if column.choices:
            wrong = ~empty & ~cells.isin(column.choices)
            report(list(cells.index[wrong]), "'{}' is not known", f"Use one of {', '.join(column.choices)}.")
        return cells.where(~empty, ""), problems
    numbers = pd.to_numeric(cells, errors="coerce")
    no_number = ~empty & numbers.isna()
    report(
        list(cells.index[no_number]), "'{}' is no number", "Write digits with a point, no unit and no thousands mark."
    )
    if column.kind == "count":
        report(list(cells.index[numbers.notna() & (numbers % 1 != 0)]), "{} is not whole", "Give a whole number.")
    if column.low is not None:
        report(list(cells.index[numbers < column.low]), "{} is " + _low(column), "Check sign and unit.")
    if column.high is not None:
        report(list(cells.index[numbers > column.high]), f"{{}} is above {column.high:g}", "Check the unit.")
    if column.kind == "count" and not numbers.isna().any() and not (numbers % 1).any():
        numbers = numbers.astype("int64")
    return numbers, problems


def _low(column: Column) -> str:
    return "negative" if column.low == 0 else f"below {column.low:g}"
