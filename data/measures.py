"""The catalogue of climate measures: what each acts on, its figures with source and range, and a city's own figures.

Figures stand in `measure_figures.csv`, one a row, so that each has its own source. A city replaces single figures; what
was replaced stays visible. What a measure needs to be computed is declared in `NEEDS` and checked when tables are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from data.schema import BUILDING_TYPES, CARRIERS, OWNERS
from geo.errors import InputError, Problem

if TYPE_CHECKING:  # figures check themselves with this module
    import pandas as pd

    from data.figures import Figures

OWN = "own"  # status of a city's own figure
RULE_NAMES = ("class", "building_type", "carrier", "low_income", "owner")
RULE_WORDS = {*RULE_NAMES, "and", "or", "not", "in", "between", "is", "null", "like", "true", "false"}
RULE_TEXTS = {*BUILDING_TYPES, *CARRIERS, *OWNERS, *"ABCDEFGHIJKL"}
SHARE, ONE = "share", "1"
# unit and range of every figure; {u} is the measure's own unit
KINDS: dict[str, tuple[str, float, float]] = {
    "invest_eur_unit": ("EUR/{u}", 0, 1e10),
    "opex_share_a": ("share/a", 0, 0.2),
    "opex_eur_unit_a": ("EUR/{u}/a", -1e6, 1e8),
    "lifetime_a": ("a", 1, 200),
    "grant_share": (SHARE, 0, 1),
    "grant_max_share": (SHARE, 0, 1),
    "rebound": (SHARE, 0, 1),
    "rebound_low_income": (SHARE, 0, 1),
    "uptake_max": (SHARE, 0, 1),
    "saving_share": (SHARE, 0, 1),
    "spf": (ONE, 1, 10),
    "eta": (ONE, 0.3, 1.2),
    "full_load_h_a": ("h/a", 100, 8784),
    "saved_kwh_unit_a": ("kWh/{u}/a", 0, 1e7),
    "pace_share_a": ("share/a", 0, 0.2),
    "units_per_head": ("{u}/head", 0, 10),
    "yield_kwh_kwp_a": ("kWh/kwp/a", 300, 2000),
    "yield_kwh_unit_a": ("kWh/{u}/a", 0, 1e5),
    "direct_use_share": (SHARE, 0, 1),
    "tenant_discount_share": (SHARE, 0, 1),
    "feed_in_eur_kwh": ("EUR/kWh", 0, 1),
    "kwp_per_m2_roof": ("kwp/m2_roof", 0, 0.3),
    "kwp_per_m2_living": ("kwp/m2_living", 0, 0.5),
    "km_unit_a": ("km/{u}/a", 0, 300_000),
    "kwh_km_old": ("kWh/km", 0.05, 20),
    "kwh_km_new": ("kWh/km", 0.05, 20),
    "bev_per_point": ("car/point", 0, 1000),
    "saved_t_unit_a": ("t/{u}/a", -1000, 1e8),
    "typical_saved_t_unit_a": ("t/{u}/a", -1000, 1e8),
    "ef_new_g_kwh": ("g/kWh", 0, 1500),
    "runoff_coefficient_before": (ONE, 0, 1),
    "runoff_coefficient_after": (ONE, 0, 1),
    "runoff_coefficient_reduction": (ONE, 0, 1),
    "runoff_retained_share": (SHARE, 0, 1),
    "air_cooling_k": ("K", 0, 10),
    "albedo_gain": (ONE, 0, 1),
    "canopy_m2_unit": ("m2/{u}", 0, 1000),
    "canopy_share": (SHARE, 0, 1),
    "ramp_a": ("a", 0, 100),
    "public_green_m2_unit": ("m2/{u}", 0, 1e6),
    "restored_km_unit": ("km/{u}", 0, 100),
    "heat_before_kwh_m2a": ("kWh/m2/a", 1, 2000),
    "heat_after_kwh_m2a": ("kWh/m2/a", 0, 2000),
}
# figures that may also stand by building type, such as `invest_eur_unit_EFH`
BY_TYPE = ("invest_eur_unit", "kwp_per_m2_living")
# the rules of the balance fix emission factors; a typical saving is shown for comparison and computes nothing
LOCKED = ("ef_new_g_kwh", "typical_saved_t_unit_a")
Need = tuple[str, ...]
# each tuple: one of these must be there; for all measures, then by effect and what it acts on
ALWAYS: tuple[Need, ...] = (
    ("invest_eur_unit",),
    ("opex_share_a", "opex_eur_unit_a"),
    *((name,) for name in ("lifetime_a", "grant_share", "grant_max_share", "rebound", "uptake_max")),
)
_VEHICLE: tuple[Need, ...] = (("from_carrier",), ("to_carrier",), ("km_unit_a",), ("kwh_km_old",), ("kwh_km_new",))
NEEDS: dict[tuple[str, str], tuple[Need, ...]] = {
    ("demand", "space_heat"): (("state_to",),),
    ("demand", "heat"): (("saving_share",),),
    ("demand", "municipal_heat"): (("saving_share",),),
    ("demand", "household_power"): (("saved_kwh_unit_a",),),
    ("demand", "municipal_power"): (("saved_kwh_unit_a",),),
    ("demand", "economy"): (("saved_kwh_unit_a",),),
    ("demand", "car_travel"): (("saved_t_unit_a",),),
    ("supply", "heat_supply"): (("to_carrier",), ("spf", "eta"), ("full_load_h_a",)),
    ("factor", "district_heat"): (("ef_new_g_kwh", "spf"),),
    ("electrify", "car_travel"): _VEHICLE,
    ("electrify", "bus_travel"): _VEHICLE,
    ("generation", "generation"): (("yield_kwh_kwp_a", "yield_kwh_unit_a"),),
    ("sink", "sink"): (("saved_t_unit_a",),),
    ("plant", "plant"): (("saved_t_unit_a",),),
    ("none", "none"): (),
}


@dataclass(frozen=True)
class Figure:
    """One figure of a measure.

    Attributes
    ----------
    value, low, high
        In `unit`, ``low <= value <= high``; low and high are None where no range is known.
    price_year
        Of money only.
    status
        ``"seen"``, ``"derived"``, ``"assumption"``, ``"recalled"``, or ``"own"`` for a city's own.
    source_id
        Key in `sources.csv`; of an own figure the source as the city names it.
    reason, date
        Of an own figure: why it replaces another, and since when (ISO).
    replaced
        Built-in figure that an own one replaces.
    """

    value: float
    low: float | None
    high: float | None
    unit: str
    price_year: int | None
    source_id: str
    status: str
    note: str = ""
    licence: str = ""
    reason: str = ""
    date: str = ""
    replaced: Figure | None = None


@dataclass(frozen=True)
class Measure:
    """One measure of the catalogue.

    Attributes
    ----------
    measure, catalogue_id
        Name for programs, and number in the catalogue (M01..).
    acts_on, effect
        Energy or travel that it changes (`data.schema.ACTS_ON`), and how: ``demand`` lowers it, ``supply`` meets it by
        another carrier, ``factor`` lowers the emission factor of district heat, ``electrify`` swaps the drive,
        ``generation``, ``sink`` and ``plant`` stand beside the balance, ``none`` saves no tonnes.
    unit, unit_en, unit_de
        What it is counted in, for programs and people.
    eligibility
        Rule over `RULE_NAMES`, empty for all. Envelope measures act on the part in its existing state.
    state_to
        TABULA state after an envelope measure: ``"usual"`` or ``"ambitious"``, else empty.
    from_carrier, to_carrier
        Carrier replaced (of vehicles; `eligibility` says it for heating) and used instead; empty where none changes.
    interaction_order
        0 first: supply side, 1 demand, 2 technology, 3 vehicles and appliances, 4 generation, 5 green and blue.
    exclusive_group
        At most one measure of a group acts on the same target; empty for none.
    curve
        How uptake rises: ``"linear"``, ``"logistic"`` or ``"step"``.
    payer, gains
        Who invests (`data.schema.PAYERS`), and whom the gain reaches first (`data.schema.GAINS`).
    figures
        By name, see `KINDS`; a figure that is not there is unknown, not zero.
    """

    measure: str
    catalogue_id: str
    name_en: str
    name_de: str
    field: str
    acts_on: str
    effect: str
    unit: str
    unit_en: str
    unit_de: str
    eligibility: str
    state_to: str
    from_carrier: str
    to_carrier: str
    interaction_order: int
    exclusive_group: str
    curve: str
    payer: str
    gains: str
    who_pays: str
    who_benefits: str
    co_benefits_en: str
    co_benefits_de: str
    caution_en: str
    caution_de: str
    source_id: str
    licence: str
    status: str
    figures: Mapping[str, Figure]

    def value(self, figure: str, building_type: str = "") -> float:
        """Value of a figure, of a building type where it has its own.

        Raises
        ------
        InputError
            The measure has no such figure.
        """
        found = self.figures.get(f"{figure}_{building_type}") or self.figures.get(figure)
        if found is None:
            raise InputError(_unknown(f"measure {self.measure}", "figure", figure, self.figures))
        return found.value

    def as_document(self) -> dict[str, Any]:
        """Give the measure as JSON; replaced figures stay visible within their own."""
        return asdict(replace(self, figures=dict(self.figures)))

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Measure:
        """Read back what `as_document` gave."""
        figures = {name: _figure_of(dict(one)) for name, one in document["figures"].items()}
        return cls(**{**document, "figures": MappingProxyType(figures)})


def catalogue(figures: Figures) -> dict[str, Measure]:
    """Return all measures by name, in the order of the catalogue; `figures` are checked already."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    by_measure: dict[str, dict[str, Figure]] = {}
    for row in _records(figures["measure_figures"]):
        by_measure.setdefault(row["measure"], {})[row["figure"]] = Figure(
            value=float(row["value"]),
            low=_optional(row["low"]),
            high=_optional(row["high"]),
            unit=row["unit"],
            price_year=None if pd.isna(row["price_year"]) else int(row["price_year"]),
            source_id=row["source_id"],
            status=row["status"],
            note=row["note"],
            licence=row["licence"],
        )
    return {
        row["measure"]: Measure(
            **{**row, "interaction_order": int(row["interaction_order"])},
            figures=MappingProxyType(by_measure[row["measure"]]),
        )
        for row in _records(figures["measures"][[f.name for f in fields(Measure) if f.name != "figures"]])
    }


def with_overrides(
    measures: Mapping[str, Measure], rows: Sequence[Mapping[str, object]], where: str = "overrides"
) -> dict[str, Measure]:
    """Replace figures by a city's own.

    Parameters
    ----------
    measures
        The catalogue; left as it is.
    rows
        `measure`, `figure`, `value` (in the unit of the figure), `reason`, `date` (ISO, when it was set) and `source`,
        all required; `price_year` of money, the year of the date when omitted. The range of the built-in figure does
        not hold for another value and is left out; it stays visible in `replaced`. A figure of `BY_TYPE` may be
        given for one building type, such as `invest_eur_unit_EFH`.
    where
        Named in problems; rows count from 1.

    Raises
    ------
    InputError
        Unknown measure or figure, a locked figure, an impossible value, missing reason, date or source, a figure given
        twice, a usual grant above the largest; all problems of all rows at once.
    """
    problems: list[Problem] = []
    seen: set[tuple[str, str]] = set()
    own: dict[str, dict[str, Figure]] = {}
    for number, row in enumerate(rows, 1):
        place = f"{where}, row {number}"
        measure, name = _text(row, "measure"), _text(row, "figure")
        if (measure, name) in seen:
            problems.append(Problem(place, f"gives {name} of {measure} again", "Keep one row for each figure."))
        seen.add((measure, name))
        old, found = _replaced(measures, measure, name, place)
        value, wrong = _own_value(row, name, place)
        problems += found + wrong + _missing(row, place)
        if old is not None and not found:
            own.setdefault(measure, {})[name] = _own_figure(row, old, value)
    changed = dict(measures)
    for measure, replacing in own.items():
        figures = {**measures[measure].figures, **replacing}
        if figures["grant_share"].value > figures["grant_max_share"].value:
            what = f"grant_share {figures['grant_share'].value:g} of {measure} is above grant_max_share"
            problems.append(Problem(where, what, "Give both, the usual share and the largest."))
        changed[measure] = replace(measures[measure], figures=MappingProxyType(figures))
    if problems:
        raise InputError(problems)
    return changed


def check_tables(tables: Mapping[str, pd.DataFrame]) -> list[Problem]:
    """List what is wrong between `measures`, `measure_figures` and `grants`, each table sound in itself."""
    problems = []
    known = list(tables["measures"]["measure"])
    for name in ("measure_figures", "grants"):
        for i, measure in enumerate(tables[name]["measure"]):
            if measure not in known:
                problems.append(_unknown(f"{name}.csv, row {i + 2}, column measure", "measure", measure, known))
    figures = tables["measure_figures"]
    units = tables["measures"].set_index("measure")["unit"]
    for i, row in enumerate(_records(figures)):
        if row["measure"] in known:
            problems += _check_figure(row, units[row["measure"]], f"measure_figures.csv, row {i + 2}")
    for i, row in enumerate(_records(tables["measures"])):
        rows = figures[figures["measure"] == row["measure"]]
        values = dict(zip(rows["figure"], rows["value"], strict=True))
        problems += _check_measure(row, values, f"measures.csv, row {i + 2}")
    return problems


def kind(figure: str) -> tuple[str, float, float] | None:
    """Unit and range of a figure, also by building type; None for a name that is no figure."""
    base, _, last = figure.rpartition("_")
    return KINDS.get(base if last in BUILDING_TYPES and base in BY_TYPE else figure)


def _check_figure(row: Mapping[str, Any], unit: str, where: str) -> list[Problem]:
    import pandas as pd  # noqa: PLC0415 - slow to import

    name, declared = row["figure"], kind(row["figure"])
    if declared is None:
        return [_unknown(f"{where}, column figure", "figure", name, KINDS)]
    problems = []
    expected = declared[0].replace("{u}", unit)
    if row["unit"] != expected:
        problems.append(Problem(f"{where}, column unit", f"{name} is in {row['unit']}", f"Give it in {expected}."))
    low, high = _optional(row["low"]), _optional(row["high"])
    if (low is not None and low > row["value"]) or (high is not None and high < row["value"]):
        what = f"{name} {row['value']:g} is outside {low} to {high}"
        problems.append(Problem(where, what, "Put low, value and high in order."))
    for column in ("low", "value", "high"):
        problems += _out_of_range(name, _optional(row[column]), f"{where}, column {column}")
    if expected.startswith("EUR") == pd.isna(row["price_year"]):
        money = "has no price year" if expected.startswith("EUR") else "is no money and has a price year"
        problems.append(Problem(f"{where}, column price_year", f"{name} {money}", "Money, and only money, has one."))
    return problems


def _check_measure(row: Mapping[str, Any], values: Mapping[str, float], where: str) -> list[Problem]:
    problems = []
    has = set(values) | {c for c in ("state_to", "from_carrier", "to_carrier") if row[c]}
    needs = NEEDS.get((row["effect"], row["acts_on"]))
    if needs is None:
        fitting = ", ".join(f"{e} on {a}" for e, a in NEEDS)
        what = f"{row['measure']}: effect {row['effect']} on {row['acts_on']} has no meaning"
        problems.append(Problem(where, what, f"Use one of {fitting}."))
    for need in (*ALWAYS, *(needs or ())):
        if not has.intersection(need):
            what = f"{row['measure']} has no {' or '.join(need)}"
            problems.append(Problem(where, what, f"Its effect needs it; add it to measure_figures.csv or {where}."))
    if values.get("grant_share", 0) > values.get("grant_max_share", 1):
        problems.append(Problem(where, f"grant_share of {row['measure']} is above grant_max_share", "Correct one."))
    if row["effect"] == "none" and values.get("saved_t_unit_a"):
        problems.append(Problem(where, f"{row['measure']} saves tonnes that no effect counts", "Give it an effect."))
    return problems + _check_rule(row["eligibility"], f"{where}, column eligibility")


def _check_rule(rule: str, where: str) -> list[Problem]:
    """Compare words and texts of a rule with what there is; its grammar is the reader's."""
    texts = re.findall(r"'([^']*)'", rule)
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r"'[^']*'", " ", rule))
    problems = [_unknown(where, "name", word, RULE_NAMES) for word in words if word.lower() not in RULE_WORDS]
    return problems + [_unknown(where, "text", text, RULE_TEXTS) for text in texts if text not in RULE_TEXTS]


def _replaced(
    measures: Mapping[str, Measure], measure: str, name: str, where: str
) -> tuple[Figure | None, list[Problem]]:
    """Figure that a row replaces, or why there is none."""
    found = []
    if measure not in measures:
        found.append(_unknown(f"{where}, measure", "measure", measure, measures))
    if name in LOCKED or name.startswith("ef_"):
        what = f"'{name}' is locked: it follows the rules of the balance or is shown for comparison only"
        found.append(Problem(f"{where}, figure", what, "Replace another figure, or choose another external path."))
    if found or measure not in measures:
        return None, found
    figures = measures[measure].figures
    base, _, last = name.rpartition("_")
    old = figures.get(name) or (figures.get(base) if last in BUILDING_TYPES and base in BY_TYPE else None)
    if old is None:
        return None, [_unknown(f"{where}, figure", "figure", name, figures)]
    return old, []


def _own_value(row: Mapping[str, object], name: str, where: str) -> tuple[float, list[Problem]]:
    given = row.get("value")
    try:
        value = float(str(given))  # a boolean is no number either
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        remedy = "Write digits with a point, no unit and no thousands mark."
        return value, [Problem(f"{where}, value", f"'{given}' is no number", remedy)]
    return value, _out_of_range(name, value, f"{where}, value")


def _missing(row: Mapping[str, object], where: str) -> list[Problem]:
    problems = [
        Problem(f"{where}, {name}", "is empty", "A city's own figure needs a reason, a date and a source.")
        for name in ("reason", "date", "source")
        if not _text(row, name)
    ]
    if _text(row, "date") and _date(row) is None:
        what = f"'{row['date']}' is no date"
        problems.append(Problem(f"{where}, date", what, "Write year, month and day: 2026-01-31."))
    year = _text(row, "price_year")
    if year and not re.fullmatch(r"(19|20)\d\d", year):
        problems.append(Problem(f"{where}, price_year", f"'{year}' is no year", "Write four digits."))
    return problems


def _own_figure(row: Mapping[str, object], old: Figure, value: float) -> Figure:
    since = _date(row)
    year = _text(row, "price_year")[:4]
    default = since.year if since else old.price_year
    return Figure(
        value,
        low=None,
        high=None,
        unit=old.unit,
        price_year=None if old.price_year is None else int(year) if year.isdecimal() else default,
        source_id=_text(row, "source"),
        status=OWN,
        reason=_text(row, "reason"),
        date=_text(row, "date"),
        # replacing twice must not hide the built-in figure
        replaced=old.replaced or old,
    )


def _out_of_range(name: str, value: float | None, where: str) -> list[Problem]:
    declared = kind(name)
    if value is None or declared is None or declared[1] <= value <= declared[2]:
        return []
    what = f"{name} {value:g} is outside {declared[1]:g} to {declared[2]:g}"
    return [Problem(where, what, f"Check sign and unit ({declared[0].replace('{u}', 'unit')}).")]


def _unknown(where: str, what: str, name: str, known: Mapping[str, object] | Sequence[str] | set[str]) -> Problem:
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Use one of {', '.join(sorted(known))}."
    return Problem(where, f"{what} '{name}' is unknown", hint)


def _figure_of(document: dict[str, Any]) -> Figure:
    old = document.pop("replaced")
    return Figure(**document, replaced=None if old is None else _figure_of(dict(old)))


def _text(row: Mapping[str, object], name: str) -> str:
    cell = row.get(name)
    return "" if cell is None or cell != cell else str(cell).strip()  # noqa: PLR0124 - an empty cell of pandas is NaN


def _date(row: Mapping[str, object]) -> date | None:
    try:
        return date.fromisoformat(_text(row, "date"))
    except ValueError:
        return None


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]


def _optional(cell: float) -> float | None:
    import pandas as pd  # noqa: PLC0415 - slow to import

    return None if pd.isna(cell) else float(cell)
