"""What a city can bring: every layer and table with its columns, units and ranges, declared once.

Importers, `revier doctor`, error messages and the page `docs/inputs.md` all come from `INPUTS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.schema import BUILDING_TYPES, CARRIERS, RATES, Column, texts

RESIDENTIAL = "residential"
UNHEATED = "unheated"
UNKNOWN = "unknown"
# heated uses beside housing, in the order of the table of specific heat
NON_RESIDENTIAL = (
    "office",
    "school",
    "kita",
    "hospital",
    "retail",
    "hotel",
    "sports_hall",
    "pool",
    "workshop",
    "industry",
    "warehouse",
    "church",
    "other",
)
USES = (RESIDENTIAL, *NON_RESIDENTIAL, UNHEATED, UNKNOWN)
ROAD_CLASSES = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "residential",
    "living_street",
    "service",
)
LAND_USES = ("residential", "commercial", "retail", "industrial")
SECTORS_IN = ("households", "commerce", "industry", "economy", "transport", "municipal")


@dataclass(frozen=True)
class Input:
    """One layer or table.

    Attributes
    ----------
    about
        What it is for, in one sentence.
    geometry
        ``"polygon"``, ``"line"``, ``"point"``, or empty for a table.
    key
        Column that names a row and must not repeat.
    columns
        What it may hold. A column that is not required may be missing as a whole or in single rows.
    """

    about: str
    geometry: str
    key: str
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Return the declaration of one column."""
        return next(column for column in self.columns if column.name == name)


def optional(name: str, low: float, high: float) -> Column:
    """Declare a number that may be missing."""
    return Column(name, required=False, low=low, high=high)


def choice(name: str, *choices: str, required: bool = False) -> Column:
    """Declare a text out of a few."""
    return Column(name, "text", required=required, choices=choices)


def _label(name: str) -> Column:
    return Column(name, "text", required=False)


GROUND = (_label("kind"), _label("name"), choice("public", "yes", "no", "unknown"))
INDICATORS = (
    # every city has its own scale; the higher, the poorer
    Column("social_index", required=False, low=None),
    *(optional(name, 0, 1) for name in RATES),
    optional("median_income_eur_month", 100, 50_000),
)
COUNTS = ("residents", "recipients", "students")

INPUTS = {
    "boundary": Input("Outline of the place; from its districts when omitted.", "polygon", "", ()),
    "districts": Input(
        "Districts of one level, without overlap or gap.", "polygon", "district", texts("district", "name")
    ),
    "buildings": Input(
        "Footprints of buildings.",
        "polygon",
        "building_id",
        (
            *texts("building_id"),
            choice("use", *USES, required=True),
            choice("building_type", *BUILDING_TYPES),
            optional("storeys", 1, 150),
            optional("height_m", 1, 400),
            choice("roof", "flat", "pitched"),
            optional("year_built", 1000, 2100),
            optional("dwellings", 0, 3000),
            optional("living_area_m2", 5, 300_000),
            choice("carrier", *CARRIERS),
        ),
    ),
    "streets": Input(
        "Road segments, each in one direction or both, never twice.",
        "line",
        "street_id",
        (
            *texts("street_id"),
            choice("road_class", *ROAD_CLASSES, required=True),
            optional("aadt_veh_d", 0, 400_000),
            optional("heavy_share", 0, 1),
        ),
    ),
    "landuse": Input(
        "Areas by use, for what has no building.", "polygon", "", (choice("kind", *LAND_USES, required=True),)
    ),
    "sites": Input(
        "Known points: plants, metered buildings.",
        "point",
        "site",
        (
            *texts("site"),
            choice("sector", *SECTORS_IN, required=True),
            Column("t_co2e_a", low=0, high=5e7),
            choice("in_balance", "yes", "no", required=True),
        ),
    ),
    "green": Input("Green areas, instead of OpenStreetMap's; `kind` in its words.", "polygon", "", GROUND),
    "blue": Input("Water, instead of OpenStreetMap's.", "polygon", "", GROUND),
    "trees": Input(
        "Trees, one for each point; the crown by its area or its diameter, if it is known.",
        "point",
        "",
        (
            _label("kind"),
            optional("crown_m2", 0.1, 1500),
            optional("crown_diameter_m", 0.2, 45),
            optional("height_m", 0.1, 80),
            optional("year_planted", 1000, 2100),
        ),
    ),
    "low_income_areas": Input("The city's own official low-income areas.", "polygon", "", (_label("name"),)),
    "inventory": Input(
        "The balance by sector, carrier and use; a sector that is not there is missing, not zero.",
        "",
        "",
        (
            choice("sector", *SECTORS_IN, required=True),
            choice("carrier", *CARRIERS, "all", required=True),
            choice("use", "heat", "power", "all", required=True),
            Column("year", "count", low=1990, high=2100),
            optional("kwh_a", 0, 1e13),
            optional("t_co2e_a", -1e9, 1e9),
        ),
    ),
    "indicators": Input(
        "Figures by the key of the districts (text). Rates are shares; `recipients` and `students` are some of the "
        "`residents`. Other columns are kept as they are.",
        "",
        "district",
        (*texts("district"), *INDICATORS, *(optional(name, 0, 1e8) for name in COUNTS)),
    ),
    "indicator_points": Input(
        "Points with a value, such as schools with a social index; `size` (pupils, say) is their weight.",
        "point",
        "",
        (_label("name"), Column("value", low=None), optional("size", 0, 1e6)),
    ),
}
