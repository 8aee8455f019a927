"""Layers of a place by theme: who lives where, who gains, what surrounds people; values are made when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from data.schema import SCENARIOS
from data.units import squares
from geo.columns import concatenate
from geo.shapes import Shapes
from layers import build, themes
from layers import theme_columns as columns
from layers.columns import Column
from layers.drawn import Drawn
from layers.layer import Layer
from layers.scenarios import NAMES
from layers.social import Social

if TYPE_CHECKING:
    import pandas as pd

    from layers.catalogue import Catalogue

OF_SCENARIO = ("benefits", "priority")
LIVING = (
    "Low income is a figure of areas, modelled on cells from the schools around them (social index 2025/26) so that "
    "the mean of a district stays what is published. It says nothing about single households."
)
SURE = "Clusters are significant at a false discovery rate of 10 % (999 permutations)."
NIGHT = (
    "Modelled by the equations of the InVEST Urban Cooling Model: night air from building intensity alone where no "
    "green is known, 6 K at full density on a hot night (an assumption), day air only where land cover was brought."
)
OWN = "Only what the city brought or `revier fetch` got is told; the rest is missing, not zero."
NO_AREAS = (
    "Published totals of the municipality: no single areas are known here. `revier fetch` or the city's own files "
    "bring them."
)
SOCIAL_SOURCES = ("zensus2011", "school-social-index", "osm")


def of_place(catalogue: Catalogue, key: str) -> dict[str, Callable[[], Layer]]:
    """Theme layers of a place without a scenario."""
    found: dict[str, Callable[[], Layer]] = {}
    if catalogue.acts(key):
        found["low_income"] = partial(low_income, catalogue, key)
    if catalogue.told(key) & {"night_anomaly_k", "day_anomaly_k"} and catalogue.has(key, build.ENVIRONMENT):
        if catalogue.acts(key):
            found["priority"] = partial(priority, catalogue, key)
        found["heat"] = partial(environment, catalogue, key, "heat")
        if catalogue.told(key) & {c.name for c in columns.ACCESS if c not in columns.CELL}:
            found["access"] = partial(environment, catalogue, key, "access")
    for theme in ("green", "blue"):
        if not catalogue.release.file(key, f"{theme}.parquet").is_file() and catalogue.knows_land(key):
            found[theme] = partial(totals, catalogue, key, theme)
    return found


def of_scenario(catalogue: Catalogue, key: str, theme: str, name: str) -> Layer:
    """Layer of a scenario: what people get from it, or where need is high and little arrives."""
    title = NAMES[name][0] if name in SCENARIOS else catalogue.store.get(key, name).name
    base, social = catalogue.cells(key), partial(catalogue.social, key, coarse=True)
    living = partial(_living, base, social)

    def values() -> pa.Table:
        result = catalogue.run(key, name, coarse=True)
        here = social()
        made = (
            themes.benefits(result, here)
            if theme == "benefits"
            else themes.priority(here, themes.supply_of_bill(result, here), "benefit")
        )
        return _joined(living(), made)

    layout = columns.BENEFITS if theme == "benefits" else columns.PRIORITY_BENEFIT
    about = "whom it benefits" if theme == "benefits" else "where need is high and little of it arrives"
    return _layer(
        catalogue,
        base,
        f"{key}.{theme}.{name}",
        f"{catalogue.release.places[key]['name']}: {title}, {about}",
        f"Scenario '{title}' on census cells of 200 m. {LIVING} {SURE if theme == 'benefits' else ''} Modelled.",
        layout,
        values,
        ("revier-reference",),
        base.version if name in SCENARIOS else catalogue.version,
    )


def low_income(catalogue: Catalogue, key: str) -> Layer:
    """Who lives where, by all definitions."""
    base, social = catalogue.cells(key), partial(catalogue.social, key, coarse=True)
    return _layer(
        catalogue,
        base,
        f"{key}.low_income",
        f"Low income in {catalogue.release.places[key]['name']} (cells of 200 m)",
        f"{LIVING} Definitions stand side by side; the probability comes from drawing the schools anew.",
        columns.LOW_INCOME,
        lambda: _joined(_who(base), themes.low_income(social())),
        (),
        base.version,
    )


def priority(catalogue: Catalogue, key: str) -> Layer:
    """High need, low supply: cool nights, and public green where it is known."""
    base, social = catalogue.cells(key), partial(catalogue.social, key, coarse=True)

    def values() -> pa.Table:
        here, surroundings = social(), catalogue.surroundings(key)
        made = [
            themes.priority(here, themes.joined(values_of(surroundings, column, sign), at(here, surroundings)), name)
            for name, column, sign in (("cool", "night_anomaly_k", -1.0), ("green", "green_m2_per_head", 1.0))
        ]
        return _joined(_living(base, social), *made)

    return _layer(
        catalogue,
        base,
        f"{key}.priority",
        f"Where need is high and supply is low in {catalogue.release.places[key]['name']} (cells of 200 m)",
        f"Need is the social index, supply is cool night air and public green within reach. {LIVING} {NIGHT} {OWN}",
        (*columns.PRIORITY, *columns.PRIORITY_GREEN),
        values,
        ("revier-reference",),
        base.version,
    )


def environment(catalogue: Catalogue, key: str, theme: str) -> Layer:
    """What surrounds people, on the grid of 200 m, also where nobody lives."""
    name = catalogue.release.places[key]["name"]
    layout = columns.HEAT if theme == "heat" else columns.ACCESS
    title = f"Warm and cool air in {name}" if theme == "heat" else f"Green and water within reach in {name}"

    def values() -> pa.Table:
        table = catalogue.surroundings(key)
        for column in layout:
            if column.name not in table:
                table = table.assign(**{column.name: np.nan})
        return pa.Table.from_pandas(table[[c.name for c in layout]], preserve_index=False)

    crs = catalogue.crs(key)
    return Layer(
        f"{key}.{theme}",
        f"{title} (cells of 200 m)",
        f"{NIGHT if theme == 'heat' else ''} {OWN} Edges of the place lack what lies beyond.".strip(),
        layout,
        values,
        Drawn(Shapes.of(squares(catalogue.surroundings(key), crs))),
        ("zensus2011", "revier-reference", *_osm(catalogue, key)),
        10,
        catalogue.release.id,
    )


def totals(catalogue: Catalogue, key: str, theme: str) -> Layer:
    """Published land use by municipality, where no single areas are known."""
    keys = catalogue.release.members(key)
    pieces = [catalogue.municipality(k) for k in keys]
    table = pa.concat_tables([p[0] for p in pieces], promote_options="permissive").to_pandas()
    people = table["population"].where(table["population"] > 0)
    table["forest_m2_per_head"] = (table["forest_ha"] + table["wood_ha"]) * 1e4 / people
    table["water_m2_per_head"] = table["water_ha"] * 1e4 / people
    layout = columns.GREEN_TOTALS if theme == "green" else columns.BLUE_TOTALS
    return Layer(
        f"{key}.{theme}",
        f"{'Green' if theme == 'green' else 'Water'} in {catalogue.release.places[key]['name']} (published totals)",
        NO_AREAS,
        layout,
        lambda: pa.Table.from_pandas(table[[c.name for c in layout]], preserve_index=False),
        Drawn(Shapes.of(concatenate([p[1] for p in pieces]))),
        ("vg250", "localzero-ruhr", "school-social-index"),
        0,
        catalogue.release.id,
    )


def _layer(  # noqa: PLR0913, PLR0917 - a layer on the cells of another
    catalogue: Catalogue,
    base: Layer,
    collection: str,
    title: str,
    description: str,
    layout: tuple[Column, ...],
    values: Callable[[], pa.Table],
    more_sources: tuple[str, ...],
    version: str,
) -> Layer:
    known = {s["source_id"] for s in catalogue.release.manifest["sources"]}
    ids = tuple(i for i in dict.fromkeys((*base.source_ids, *SOCIAL_SOURCES, *more_sources)) if i in known)
    names = [c.name for c in layout]
    return replace(
        base,
        id=collection,
        title=title,
        description=description,
        columns=layout,
        values=lambda: values().select(names),
        source_ids=ids,
        version=version,
        base=base,
    )


def _who(base: Layer) -> pa.Table:
    return base.table.select([c.name for c in columns.WHO])


def _living(base: Layer, social: Callable[[], Social]) -> pa.Table:
    """Who lives in each cell, the indicator and the probability of counting as low-income."""
    found = themes.low_income(social())[["social_index", "low_income_probability"]]
    return _joined(_who(base), found)


def _joined(table: pa.Table, *frames: pd.DataFrame) -> pa.Table:
    for frame in frames:
        for name in frame.columns:
            table = table.append_column(str(name), pa.array(frame[name], from_pandas=True))
    return table


def values_of(surroundings: pd.DataFrame, column: str, sign: float) -> np.ndarray:
    """Supply by cell of the grid: a column or its negative, NaN where it is not known."""
    if column not in surroundings:
        return np.full(len(surroundings), np.nan)
    return sign * surroundings[column].to_numpy(np.float64)


def at(social: Social, surroundings: pd.DataFrame) -> np.ndarray:
    """Row of the grid for each cell with people; -1 where it has none."""
    rows = {(y, x): i for i, (y, x) in enumerate(zip(surroundings["y_m"], surroundings["x_m"], strict=True))}
    _, first = np.unique(social.cell_of_unit, return_index=True)
    corner = zip(social.sources.unit_y[first].tolist(), social.sources.unit_x[first].tolist(), strict=True)
    return np.array([rows.get(key, -1) for key in corner], dtype=np.int64)


def _osm(catalogue: Catalogue, key: str) -> tuple[str, ...]:
    members = catalogue.release.members(key)
    return ("osm",) if any(catalogue.release.places[m]["fetched"] for m in members) else ()
