"""Layers of what a scenario does on municipalities, districts, buildings and cells; made when first read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from data.schema import SCENARIOS
from geo.arrays import FloatArray, sum_by
from layers import columns
from layers.findings import by_area, by_unit
from layers.impact import Impact
from layers.layer import Layer
from layers.scenarios import NAMES
from layers.stored_layers import MODELLED

if TYPE_CHECKING:
    from layers.catalogue import Catalogue

KEPT_IN_SCENARIO = {
    *("unit_id", "ags", "area_id", "district", "name", "geometry_status", "area_km2"),
    *("people", "population", "social_index", "low_income_share"),
    *("use", "building_type", "data_grade"),
}


def scenario_layer(catalogue: Catalogue, key: str, theme: str, name: str) -> Layer:
    """Return the result of a scenario on the layer of a theme, one column for each target year.

    Parameters
    ----------
    catalogue
        Release and its scenarios.
    key
        Place.
    theme
        ``"municipalities"``, ``"stock"``, ``"cells"`` or a level of districts.
    name
        Id of the scenario.
    """
    base = catalogue.layer(f"{key}.{theme}")
    kept = tuple(c for c in base.columns if c.name in KEPT_IN_SCENARIO)
    on_units = theme in {"stock", "cells"}
    added = columns.IMPACT if on_units else columns.IMPACT_AREAS
    title = NAMES[name][0] if name in SCENARIOS else catalogue.store.get(key, name).name
    about = "its households" if on_units else "all sectors"

    def values() -> pa.Table:
        result = catalogue.run(key, name, coarse=theme == "cells")
        figures = by_unit(result) if on_units else _by_area(base, theme, by_area(result), result)
        table = base.table.select([c.name for c in kept])
        for column in added:
            table = table.append_column(column.name, pa.array(figures[column.name], from_pandas=True))
        return table

    return Layer(
        f"{base.id}.{name}",
        f"{base.title}: {title}",
        f"Scenario '{title}': where its measures land, and the emissions of {about} with them. {MODELLED} Saved is "
        "against the same external path without measures. Investment in prices of 2024, in part assumed. Bill "
        "savings count gas, district heat and electricity only: other carriers have no published price here.",
        (*kept, *added),
        values,
        base.drawn,
        (*base.source_ids, "nymoen-2020", "hisim-prices", "revier-reference"),
        base.min_zoom,
        base.version if name in SCENARIOS else catalogue.version,
        base,
    )


def _by_area(base: Layer, theme: str, figures: dict[str, FloatArray], result: Impact) -> dict[str, FloatArray]:
    """Put figures by area in the order of a district layer, or sum them by municipality."""
    if theme == "districts":
        keys = [
            f"{a}.{d}" for a, d in zip(base.table["ags"].to_pylist(), base.table["district"].to_pylist(), strict=True)
        ]
        position = {key: i for i, key in enumerate(keys)}
        group = np.array([position[area] for area in result.planning.areas])
    else:
        position = {key: i for i, key in enumerate(base.table["ags"].to_pylist())}
        group = np.array([position[area.split(".")[0]] for area in result.planning.areas])
    return {name: sum_by(group, values, len(base)) for name, values in figures.items()}
