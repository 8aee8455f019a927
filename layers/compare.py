"""Scenarios along the years: against targets and the carbon budget, against each other, and as one tidy table."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from data.schema import SECTORS
from geo.arrays import FloatArray
from geo.errors import InputError, Problem
from geo.parts import DRIVERS as DRIVER_NAMES
from geo.targets import budget_share, budget_spent, gap, ksg_target, linear_target, required_rate, years_at_constant
from layers.columns import IMPACT_YEARS
from layers.errors import PlacementError
from layers.findings import by_area
from layers.impact import Impact
from layers.planning import FIRST_YEAR, LAST_YEAR, YEARS
from layers.scenarios import Scenario

# SRU 2024: what Germany may still emit from 2024 for 1.75 °C with 67 %; the population is that of the reference
GERMANY_BUDGET_T, GERMANY_PEOPLE, BUDGET_FROM = 3.9e9, 84.0e6, 2024


def trajectory(result: Impact, scenario: Scenario) -> dict[str, Any]:
    """Emissions of a scenario by year, with targets, the carbon budget and the drivers of the change."""
    plan = result.planning
    with_ = np.nansum(result.with_, axis=(0, 1))
    base = float(np.nansum(result.tonnes(())[:, :, 0]))
    start = plan.base_year
    target = scenario.target_year or LAST_YEAR
    linear = linear_target(YEARS, base, start, target)
    change = result.change()
    t_1990 = _published(result, 1990)
    paths: dict[str, FloatArray] = {"linear": linear}
    if t_1990 is not None:
        paths["ksg"] = ksg_target(YEARS, t_1990)
    missed = {name: gap(with_, path) for name, path in paths.items()}
    budget = budget_share(GERMANY_BUDGET_T, plan.population, GERMANY_PEOPLE)
    # between the balance and the first computed year on a straight line
    years = np.arange(BUDGET_FROM, LAST_YEAR + 1)
    known_years = [start, *YEARS] if start < FIRST_YEAR else list(YEARS)
    known = [base, *with_] if start < FIRST_YEAR else list(with_)
    spent = budget_spent(years, np.interp(years, known_years, known), budget)
    return {
        "years": YEARS.tolist(),
        "t_co2e": with_.tolist(),
        "t_co2e_without_measures": np.nansum(result.without, axis=(0, 1)).tolist(),
        "sectors": {sector: _listed(result.with_[:, s].sum(axis=0)) for s, sector in enumerate(SECTORS)},
        "base": {"year": start, "t_co2e": base},
        "t_1990": t_1990,
        "change": {n: change[k].tolist() for n, k in zip(DRIVER_NAMES, change, strict=True)},
        "targets": {
            name: {
                "t_co2e": path.tolist(),
                "gap_t": missed[name].t.tolist(),
                "gap_pct": _listed(missed[name].pct),
                "zero_year": target if name == "linear" else 2045,
            }
            for name, path in paths.items()
        },
        "required_t_a": _required(with_, target),
        "budget": {
            "t_co2": budget,
            "from": BUDGET_FROM,
            "used_up_year": spent.used_up_year,
            "years_at_present_rate": years_at_constant(budget, base),
            "note": "Share by population of 3.9 Gt CO2 from 2024 (SRU 2024, 1.75 °C, 67 %). The budget is CO2, what is "
            "counted here is CO2e of final energy by territory: an order of magnitude.",
        },
    }


def _published(result: Impact, year: int) -> float | None:
    """Published total of an earlier year; None where there is none."""
    history = result.planning.release.places[result.planning.place].get("history", {})
    return float(history[str(year)]) if str(year) in history else None


def _required(with_: FloatArray, target: int) -> float | None:
    """Reduction a year that the last computed year would need to reach zero in time, t/a."""
    try:
        return required_rate(float(with_[0]), FIRST_YEAR, 0.0, target).t_a
    except InputError:
        return None


def _listed(values: FloatArray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def comparison(one: tuple[Scenario, Impact], other: tuple[Scenario, Impact]) -> dict[str, Any]:
    """Differences of two scenarios of a place, the first less the other."""
    (a, x), (b, y) = one, other
    left, right = np.nansum(x.with_, axis=(0, 1)), np.nansum(y.with_, axis=(0, 1))
    changes = [result.change() for result in (x, y)]
    areas = [by_area(result) for result in (x, y)]
    names = ("t_co2e_saved_2045", "t_co2e_2045", "invest_eur", "bill_saving_eur_a")
    return {
        "place": x.planning.place,
        "scenarios": [
            {
                "id": s.id,
                "name": s.name,
                "name_de": s.name_de,
                "t_co2e": t.tolist(),
                "t_co2e_cumulative": float(t.sum()),
                "invest_eur": float(f["invest_eur"].sum()),
                "bill_saving_eur_last_year": float(f["bill_saving_eur_a"].sum()),
            }
            for s, t, f in ((a, left, areas[0]), (b, right, areas[1]))
        ],
        "years": [
            {
                "year": int(year),
                "t_co2e_difference": float(left[i] - right[i]),
                **{
                    f"{n}_difference": float(changes[0][k][i] - changes[1][k][i])
                    for n, k in zip(DRIVER_NAMES, changes[0], strict=True)
                },
            }
            for i, year in enumerate(YEARS)
        ],
        "sectors": [
            {
                "sector": sector,
                **{
                    f"t_co2e_difference_{year}": _number(
                        x.with_[:, s, year - FIRST_YEAR].sum() - y.with_[:, s, year - FIRST_YEAR].sum()
                    )
                    for year in IMPACT_YEARS
                },
            }
            for s, sector in enumerate(SECTORS)
        ],
        "areas": [
            {"area_id": area, **{f"{n}_difference": float(areas[0][n][i] - areas[1][n][i]) for n in names}}
            for i, area in enumerate(x.planning.areas)
        ],
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def write_table(table: pa.Table, path: Path) -> None:
    """Write a tidy table as CSV or Parquet, whole or not at all.

    Raises
    ------
    PlacementError
        Another ending.
    """
    write = {".csv": pc.write_csv, ".parquet": pq.write_table}.get(path.suffix)
    if write is None:
        raise PlacementError(Problem(str(path), "ends in neither .csv nor .parquet", "Use one of the two."))
    with tempfile.NamedTemporaryFile(dir=path.resolve().parent, delete=False) as file:
        write(table, file)
    os.replace(file.name, path)  # noqa: PTH105 - known to be atomic


def tidy(scenario: Scenario, result: Impact) -> pa.Table:
    """One row for each district, sector and year; an unknown sector is missing, not zero."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    plan = result.planning
    area, sector, year = (a.ravel() for a in np.meshgrid(np.array(plan.areas), np.array(SECTORS), YEARS, indexing="ij"))
    frame = pd.DataFrame(
        {
            "place": plan.place,
            "scenario": scenario.id,
            "release": plan.release.id,
            "path": result.outside.path,
            "area_id": area,
            "sector": sector,
            "year": year,
            "t_co2e": result.with_.ravel(),
            "t_co2e_without_measures": result.without.ravel(),
        }
    )
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
