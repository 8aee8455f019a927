"""Who may take a measure: units by rule, archetype and carrier, or what there is of it in each district."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.measures import Measure
from data.schema import BUILDING_TYPES
from data.segments import EXISTING
from geo.arrays import BoolArray, FloatArray, IntArray
from geo.errors import Problem
from layers.errors import PlacementError
from layers.filters import Filter, parse
from layers.planning import OF_ARCHETYPE, OF_CARRIER, RULE_COLUMNS, Planning


def eligible_by_unit(
    where: str, planning: Planning, measure: Measure, rule: str
) -> tuple[FloatArray, NDArray[np.uint16], IntArray]:
    """What may take a measure by unit, in its unit; the carriers that take part and the variant, see `who_may`.

    Remembered: a moved slider changes how much, not who may.
    """

    def look() -> tuple[FloatArray, NDArray[np.uint16], IntArray]:
        carriers, variant = who_may(where, planning, (measure.eligibility, rule))
        if measure.effect == "supply":
            # a heating is not changed to what it is
            carriers = carriers & ~np.uint16(1 << _carrier(where, planning, measure))
        amount = amounts_of_segments(planning, measure)
        if amount is None:
            return planning.units["dwellings"].to_numpy(np.float64) * (variant >= 0), carriers, variant
        return planning.heat.quantities(amount, carriers, variant), carriers, variant

    return planning.remembered(("eligible", measure.measure, rule), look)


def _carrier(where: str, planning: Planning, measure: Measure) -> int:
    if measure.to_carrier not in planning.carriers:
        what = f"{measure.to_carrier} is no carrier of the balance of {planning.name}"
        raise PlacementError(Problem(f"{where}, measure", what, "Use another measure."))
    return planning.carriers.index(measure.to_carrier)


def amounts_of_segments(planning: Planning, measure: Measure) -> FloatArray | None:
    """What each segment holds of a measure's unit; None where dwellings are counted."""
    kind = planning.heat.kind
    if measure.acts_on == "space_heat":
        return np.asarray(planning.living_m2 * planning.kinds.column(EXISTING)[kind])
    if measure.acts_on == "heat":
        return planning.living_m2
    if measure.acts_on == "heat_supply":
        return np.asarray(planning.heat.useful_kwh / measure.value("full_load_h_a"))
    if measure.unit == "kwp":
        per_m2 = np.array([measure.value("kwp_per_m2_living", t) for t in BUILDING_TYPES])
        return np.asarray(planning.living_m2 * per_m2[planning.kinds.type[kind]])
    return None


def who_may(where: str, planning: Planning, rules: Sequence[str]) -> tuple[NDArray[np.uint16], IntArray]:
    """Carriers that may take part, as bits by variant and archetype, and the variant of each unit (-1 for none)."""
    return planning.remembered(("rules", *rules), lambda: _read_rules(where, planning, rules))


def _read_rules(where: str, planning: Planning, rules: Sequence[str]) -> tuple[NDArray[np.uint16], IntArray]:
    n, kinds, carriers = len(planning.units), len(planning.kinds), len(planning.carriers)
    of_kind, of_carrier = {c.name for c in OF_ARCHETYPE}, {c.name for c in OF_CARRIER}
    allowed: BoolArray = np.ones((kinds, carriers), dtype=bool)
    there: BoolArray = np.ones(n, dtype=bool)
    mixed: list[Filter] = []
    for text in rules:
        if not text.strip():
            continue
        rule = parse(text, RULE_COLUMNS, f"{where}, rule")
        if rule.columns <= of_kind | of_carrier:
            allowed = np.asarray(allowed & rule.mask(_archetypes(planning, rule.columns)))
        elif not rule.columns & (of_kind | of_carrier):
            there = np.asarray(there & rule.mask({c: planning.units[c].to_numpy() for c in rule.columns}))
        else:
            mixed.append(rule)
    weight = (1 << np.arange(carriers)).astype(np.uint16)
    if not mixed:
        bits = (allowed @ weight).astype(np.uint16)
        return bits[None], np.where(there & bits.any(), 0, -1)
    found = np.empty((n, kinds), dtype=np.uint16)
    for first in range(0, n, 8192):
        rows = slice(first, first + 8192)
        mask: BoolArray = np.broadcast_to(allowed, (len(found[rows]), kinds, carriers)).copy()
        for rule in mixed:
            values = {c: v[None] for c, v in _archetypes(planning, rule.columns).items()}
            units = rule.columns - of_kind - of_carrier
            values |= {c: planning.units[c].to_numpy()[rows, None, None] for c in units}
            mask = np.asarray(mask & rule.mask(values))
        found[rows] = mask @ weight
    found[~there] = 0
    distinct, variant = _distinct(found)
    someone = np.asarray(distinct.any(axis=1), dtype=np.bool_)
    return distinct, np.where(someone[variant], variant, -1)


def _distinct(rows: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], IntArray]:
    """Distinct rows and which of them each row is; sorting whole rows would take seconds."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    weight = np.random.default_rng(1).integers(1, 2**63, rows.shape[1], dtype=np.uint64)
    which = pd.factorize(rows.astype(np.uint64) @ weight)[0]
    first = np.full(which.max() + 1, len(rows), dtype=np.int64)
    np.minimum.at(first, which, np.arange(len(rows)))
    if (rows[first][which] != rows).any():  # two rows of one sum: next to never, but then it must be right
        distinct, again = np.unique(rows, axis=0, return_inverse=True)
        return distinct, again.ravel()
    return rows[first], which


def _archetypes(planning: Planning, names: frozenset[str]) -> dict[str, NDArray[Any]]:
    """Columns of archetypes, shape (archetypes, 1), and the carriers, shape (1, carriers)."""
    table = planning.kinds.table
    values = {"class": table["age_class"], "age": table["census_age"], "building_type": table["building_type"]}
    out = {name: column.to_numpy()[:, None] for name, column in values.items() if name in names}
    if "carrier" in names:
        out["carrier"] = np.array(planning.carriers, dtype=object)[None]
    return out


def stock_of_areas(planning: Planning, measure: Measure) -> FloatArray | None:
    """What there is of a measure's unit in each district; None where nobody knows."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    sectors, figures = planning.sectors, measure.figures
    people = planning.people_by_area
    people = people / people.sum() * planning.population if people.sum() else people
    if measure.acts_on == "municipal_heat":
        return np.asarray(
            sectors.kwh[:, sectors.rows("municipal", ["heat"])].sum(axis=1) / _value(figures, "heat_before_kwh_m2a")
        )
    if measure.acts_on == "economy":
        return np.asarray(sectors.kwh[:, sectors.rows("economy")].sum(axis=1) / 1000)
    if "units_per_head" in figures:
        return np.asarray(people * _value(figures, "units_per_head"))
    if measure.effect == "electrify":
        vehicle = "car" if measure.acts_on == "car_travel" else "bus"
        table = pd.DataFrame(planning.manifest["vehicles"])
        per_head = table[(table["vehicle"] == vehicle) & (table["figure"] == "per_head")]["value"].iloc[0]
        return np.asarray(people * float(per_head))
    if measure.effect == "factor":
        hours = _value(figures, "full_load_h_a") if "full_load_h_a" in figures else 1.0
        return np.asarray(network_kwh(planning) / 1000 / hours)
    return None


def network_kwh(planning: Planning) -> FloatArray:
    """District heat used in each district, kWh/a."""
    out = np.zeros(len(planning.areas))
    if "district_heating" in planning.carriers:
        column = planning.carriers.index("district_heating")
        out += np.bincount(planning.heat.area, planning.balance_kwh[:, column], len(out))
    rows = np.flatnonzero(np.array(planning.sectors.carriers) == "district_heating")
    return np.asarray(out + np.nan_to_num(planning.sectors.kwh[:, rows]).sum(axis=1))


def _value(figures: Mapping[str, Any], name: str) -> float:
    return float(figures[name].value)
