"""Scenarios of a place: frozen placements, external path, activity and seed, on a named release.

Three are made for every place from the table `scenario_parameters`; a user's own are files beside the releases, written
whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyproj import Transformer

from data.measures import with_overrides
from data.schema import SCENARIOS
from geo.errors import InputError, Problem
from layers.eligibility import eligible_by_unit
from layers.errors import PlacementError, UnknownScenarioError
from layers.impact import CENTRAL, Impact, Outside, impact
from layers.placement import STANDARD, Placement, Shape
from layers.planning import FIRST_YEAR, LAST_YEAR, Planning

ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
NAMES = {
    "reference": ("Reference", "Referenz"),
    "climate_plan": ("Climate plan", "Klimaplan"),
    "climate_equity": ("Climate and equity", "Klima und Gerechtigkeit"),
}
GROUND_SHARE = 0.1
# the horizon of the parameters
PERIOD_A = LAST_YEAR - FIRST_YEAR


class Properties(BaseModel):
    """What is placed, when, how much of it, and in which order."""

    model_config = ConfigDict(extra="forbid")

    measure: str = Field(default=STANDARD.measure, max_length=100, description="Name in /measures.")
    start: int = Field(default=FIRST_YEAR, description="Year in which nothing is done yet.")
    end: int = Field(default=LAST_YEAR, description="Year in which all is done.")
    uptake: float | None = Field(default=None, description="Share of what is eligible; the catalogue's if null.")
    quantity: float | None = Field(default=None, description="The same in the measure's own unit.")
    rule: str = Field(default="", max_length=4000, description="Condition such as: class <= 'B' and low_income.")
    districts: list[str] = Field(default=[], max_length=10_000, description="Ids of districts.")
    units: list[str] = Field(default=[], max_length=100_000, description="Ids of single buildings or cells.")
    curve: str | None = Field(default=None, max_length=20, description="linear, logistic, bass or step.")
    priority: str = Field(
        default="even", max_length=20, description="even, worst_first, cheapest_first, low_income_first, random."
    )
    seed: int = Field(default=0, ge=0, le=2**32, description="Of the random priority.")
    max_per_year: float | None = Field(default=None, description="Most that the trades can do in a year.")
    budget_eur: float | None = Field(default=None, description="Most that may be invested, before grants.")
    warm_rent_neutral: bool = Field(default=False, description="Grants are raised until no warm rent rises.")
    name: str = Field(default="", max_length=200)


class Feature(BaseModel):
    """One placement: a polygon in WGS 84, or null for districts, units or the whole place."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None = None
    properties: Properties = Properties()


class Override(BaseModel):
    """A city's own figure of a measure."""

    model_config = ConfigDict(extra="forbid")

    measure: str = Field(max_length=100)
    figure: str = Field(max_length=100)
    value: float
    reason: str = Field(max_length=1000)
    date: str = Field(max_length=10)
    source: str = Field(max_length=1000)


class Placements(BaseModel):
    """Placements as GeoJSON, with what a city does not decide."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature] = Field(max_length=100)
    path: str = Field(default=CENTRAL, max_length=20, description="External path: slow, central, fast or frozen.")
    growth: dict[str, float] = Field(default={}, description="Yearly growth of activity by sector, or `car`.")
    overrides: list[Override] = Field(default=[], max_length=200)
    city_budget_eur_a: float | None = Field(
        default=None, gt=0, description="What the city can invest a year; gives its funding gap."
    )
    seed: int = Field(default=0, ge=0, le=2**32)


class Scenario(Placements):
    """A scenario: everything that its figures depend on, and the release it was made on."""

    id: str = Field(pattern=f"^{ID.pattern}$", description="Letters, digits, underscore.")
    name: str = Field(max_length=200)
    name_de: str = Field(default="", max_length=200)
    target_year: int | None = Field(default=None, ge=FIRST_YEAR, le=2100)
    place: str = ""
    release: str = ""
    method_version: str = ""
    created: str = ""
    own: bool = True


STANDARD_BODY = Placements(features=[Feature(properties=Properties(rule=STANDARD.rule, name=STANDARD.name))])


def read(planning: Planning, body: Placements) -> tuple[Planning, list[Placement], Outside]:
    """Turn placements as sent into those of the engine, in the place's CRS.

    Raises
    ------
    PlacementError
        A geometry that is no GeoJSON, an impossible growth, an own figure that is refused; all of them.
    """
    problems: list[Problem] = []
    found = [_placement(planning, i, feature, problems) for i, feature in enumerate(body.features)]
    for sector, rate in body.growth.items():
        if sector not in {"households", "economy", "transport", "municipal", "car"}:
            remedy = "Use households, economy, transport, municipal or car."
            problems.append(Problem("growth", f"'{sector}' is no sector", remedy))
        if not -0.5 <= rate <= 0.5:
            problems.append(Problem(f"growth of {sector}", f"{rate:g} a year is impossible", "0.01 is 1 % a year."))
    changed = planning
    if body.overrides:
        try:
            rows = [o.model_dump() for o in body.overrides]
            changed = planning.with_catalogue(with_overrides(planning.catalogue, rows))
        except InputError as error:
            problems += error.problems
    if problems:
        raise PlacementError(problems)
    return changed, found, Outside(body.path, dict(body.growth), body.city_budget_eur_a)


def _placement(planning: Planning, i: int, feature: Feature, problems: list[Problem]) -> Placement:
    values: dict[str, Any] = feature.properties.model_dump()
    values |= {name: tuple(values[name]) for name in ("districts", "units")}
    if feature.geometry is None:
        return Placement(**values)
    shape = to_place(planning, feature.geometry, f"placement {i}, geometry", problems)
    return Placement(**values) if shape is None else Placement(**values, geometry=shape)


def to_place(planning: Planning, geometry: dict[str, Any] | None, where: str, problems: list[Problem]) -> Shape | None:
    """Turn a GeoJSON geometry (WGS 84) into a shape in the place's CRS; None, and a problem more, where it is none."""
    project = Transformer.from_crs("OGC:CRS84", planning.shapes.crs, always_xy=True)
    try:
        shape = shapely.from_geojson(orjson.dumps(geometry))
        shape = shapely.transform(shape, lambda xy: np.column_stack(project.transform(xy[:, 0], xy[:, 1])))
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        problems.append(Problem(where, f"is no GeoJSON ({error})", "Draw a polygon."))
        return None
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        what = "lies outside of what the place's CRS can show"
        problems.append(Problem(where, what, "Give longitude, then latitude."))
        return None
    found: Shape = shape
    return found


def run(planning: Planning, body: Placements) -> Impact:
    """Compute placements as sent."""
    changed, placements, outside = read(planning, body)
    return impact(changed, placements, outside, seed=body.seed)


# --- the standard scenarios -------------------------------------------------------------------------------------------


def standard(planning: Planning, name: str) -> Scenario:
    """Make one of the three standard scenarios for a place.

    Parameters
    ----------
    planning
        What there is in the place: parameters are shares of it.
    name
        One of `data.schema.SCENARIOS`.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = pd.DataFrame(planning.manifest["scenario_parameters"])
    rows = table[table["scenario"] == name].set_index("parameter")
    value = {str(k): float(v) for k, v in rows["value"].items() if pd.notna(v)}
    features = [
        *_envelope(planning, value),
        *_heating(planning, value),
        *_power(planning, value),
        _feature("electric_car", uptake=value["bev_share_car_km_2045"]),
    ]
    change = value.get("car_km_change_2045", 0.0)
    entry = planning.release.places[planning.place]
    target = entry.get("net_zero_year") or value.get("net_zero_year")
    english, german = NAMES[name]
    return Scenario(
        id=name,
        name=english,
        name_de=german,
        features=[f for f in features if f is not None],
        path=str(rows.at["external_path", "choice"]),
        growth={"car": (1 + change) ** (1 / PERIOD_A) - 1} if change else {},
        target_year=int(target) if target and "net_zero_year" in value else None,
        place=planning.place,
        release=planning.release.id,
        method_version=str(planning.manifest["method_version"]),
        own=False,
    )


def _feature(measure: str, **properties: Any) -> Feature | None:  # noqa: ANN401 - as in `Properties`
    if properties.get("quantity") == 0 or properties.get("uptake") == 0:
        return None
    return Feature(properties=Properties(measure=measure, **properties))


def eligible(planning: Planning, measure: str, rule: str = "") -> float:
    """How much of a measure's unit may take it in the whole place."""
    return float(eligible_by_unit(measure, planning, planning.catalogue[measure], rule)[0].sum())


def _envelope(planning: Planning, value: dict[str, float]) -> list[Feature | None]:
    """Renovation at a rate of the whole living area a year, as far as there is area in its existing state."""
    total = value["renovation_rate_share_a"] * PERIOD_A * float(planning.living_m2.sum())
    priority = "low_income_first" if value["low_income_first"] else "even"
    usual = min(value["renovation_usual_share"] * total, 0.5 * eligible(planning, "envelope_usual"))
    deep = (1 - value["renovation_usual_share"]) * total
    social = 0.0
    if value["warm_rent_neutral"]:
        possible = eligible(planning, "envelope_social")
        social = min(deep, planning.catalogue["envelope_social"].value("uptake_max") * possible)
    deep = min(deep - social, 0.5 * eligible(planning, "envelope_deep") - social)
    common = {"curve": "linear"}
    return [
        _feature("envelope_social", quantity=social, warm_rent_neutral=True, **common),
        _feature("envelope_deep", quantity=max(deep, 0.0), priority=priority, **common),
        _feature("envelope_usual", quantity=usual, priority=priority, **common),
    ]


def _heating(planning: Planning, value: dict[str, float]) -> list[Feature | None]:
    """Boilers are replaced once in twenty years; district heat takes its share of dwellings first."""
    rule = "building_type in ('MFH', 'GMH')" if value["district_heat_low_income_first"] else ""
    share = value["district_heat_growth_share_a"] * PERIOD_A
    boilers = eligible(planning, "heat_pump_air")
    heat = float(planning.heat.useful_kwh.sum()) / planning.catalogue["district_heat_connection"].value("full_load_h_a")
    network = 0.0
    if "district_heating" in planning.carriers:
        network = min(share * heat, 0.9 * eligible(planning, "district_heat_connection", rule))
    pumps = (value["heat_pump_share_of_new_start"] + value["heat_pump_share_of_new_2045"]) / 2
    left = max(1 - network / boilers, 0.0) if boilers else 0.0
    priority = "low_income_first" if value["district_heat_low_income_first"] else "even"
    return [
        _feature("district_heat_connection", quantity=network, rule=rule, priority=priority, curve="linear"),
        _feature("heat_pump_air", uptake=pumps * left * (1 - GROUND_SHARE), curve="linear"),
        _feature("heat_pump_ground", uptake=pumps * left * GROUND_SHARE, curve="linear"),
    ]


def _power(planning: Planning, value: dict[str, float]) -> list[Feature | None]:
    roofs = eligible(planning, "pv_roof")
    total = value["pv_roof_share_2045"] * roofs
    shared = min(value["pv_tenant_share"] * total, 0.9 * eligible(planning, "pv_tenant"))
    return [_feature("pv_tenant", quantity=shared), _feature("pv_roof", quantity=total - shared)]


# --- a user's own -----------------------------------------------------------------------------------------------------


class Store:
    """Scenarios of users: one JSON file each, under ``scenarios/{place}``.

    Parameters
    ----------
    home
        Folder of releases.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "scenarios"

    def _path(self, place: str, name: str) -> Path:
        if not ID.fullmatch(name) or not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", place):
            raise UnknownScenarioError(
                Problem(f"scenario '{name[:60]}'", "is no id", "Use letters, digits and underscores, 40 at most.")
            )
        return self.folder / place / f"{name}.json"

    def stamp(self) -> str:
        """Changes whenever a scenario is added, changed or deleted."""
        files = sorted(self.folder.glob("*/*.json"))
        return hashlib.sha256(repr([(str(p), p.stat().st_mtime_ns) for p in files]).encode()).hexdigest()[:12]

    def names(self, place: str) -> list[str]:
        """Ids of a place's own scenarios."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", place):
            return []
        return sorted(p.stem for p in (self.folder / place).glob("*.json"))

    def get(self, place: str, name: str) -> Scenario:
        """Return one.

        Raises
        ------
        UnknownScenarioError
            There is none, or its file was damaged.
        """
        path = self._path(place, name)
        try:
            return Scenario.model_validate_json(path.read_bytes())
        except OSError as error:
            known = ", ".join([*SCENARIOS, *self.names(place)])
            raise UnknownScenarioError(
                Problem(f"scenario '{name}' of {place}", "does not exist", f"There are {known}.")
            ) from error
        except ValidationError as error:
            raise UnknownScenarioError(
                Problem(str(path), f"is damaged ({error.error_count()} problem(s))", "Restore or delete the file.")
            ) from error

    def put(self, scenario: Scenario, *, replace: bool = False) -> None:
        """Keep one; the file appears whole or not at all.

        Raises
        ------
        PlacementError
            The id is taken, or belongs to a standard scenario.
        """
        if scenario.id in SCENARIOS:
            what = f"'{scenario.id}' is a standard scenario"
            raise PlacementError(Problem("id", what, "Choose another id."))
        path = self._path(scenario.place, scenario.id)
        if path.exists() and not replace:
            raise PlacementError(Problem("id", f"'{scenario.id}' exists", "Choose another id, or replace it by PUT."))
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(scenario.model_dump_json(indent=1))
        os.replace(file.name, path)  # noqa: PTH105 - known to be atomic

    def delete(self, place: str, name: str) -> None:
        """Delete one; the standard ones cannot be.

        Raises
        ------
        UnknownScenarioError
            There is none.
        """
        self.get(place, name)
        self._path(place, name).unlink()


def frozen(planning: Planning, scenario: Scenario) -> Scenario:
    """Write down what a scenario rests on."""
    return scenario.model_copy(
        update={
            "place": planning.place,
            "release": planning.release.id,
            "method_version": str(planning.manifest["method_version"]),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "own": True,
        }
    )
