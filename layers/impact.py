"""Impact of placing a measure: with minus without, year by year and unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from data.schema import AGES
from geo.arrays import FloatArray, IntArray, sum_by
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.errors import Problem
from geo.measures import uptake
from layers.columns import IMPACT_YEARS
from layers.errors import PlacementError
from layers.layer import Layer
from layers.planning import FIRST_YEAR, LAST_YEAR, YEARS, Placement, Planning


@dataclass(frozen=True)
class Impact:
    """Result of placements in a place; see `document` for what is in it.

    Attributes
    ----------
    uptake
        Share reached in each year, shape (placements, years).
    treated_m2
        Living area treated by unit at full uptake, shape (placements, units).
    saving_kwh
        Heat saved by unit and carrier at full uptake, shape (placements, units, carriers).
    invest_eur_m2
        Cost of a m² of living area, prices of `price_year`.
    """

    planning: Planning
    placements: tuple[Placement, ...]
    uptake: FloatArray
    treated_m2: FloatArray
    saving_kwh: FloatArray
    measure: dict[str, Any]

    @property
    def saved_kwh(self) -> FloatArray:
        """Heat saved by carrier and year in kWh/a, shape (carriers, years)."""
        return np.asarray(self.saving_kwh.sum(axis=1).T @ self.uptake)

    def _per_unit(self, by_carrier: FloatArray) -> FloatArray:
        """Weigh each unit's saving at full uptake by a figure per carrier and kWh; shape (placements, units)."""
        return np.asarray(self.saving_kwh @ by_carrier)

    def by_unit(self) -> dict[str, FloatArray]:
        """Columns of `layers.columns.IMPACT` for each stock unit."""
        return self.by_group(self.planning.kwh, np.arange(len(self.planning.units)), len(self.planning.units))

    def by_area(self, base: Layer, theme: str) -> dict[str, FloatArray]:
        """Columns of `layers.columns.IMPACT` for each row of a district or municipality layer.

        Emissions hold the remainder that has no place, spread as the placed part, so that they sum to the balance.
        """
        if theme == "districts":
            keys = [
                f"{a}.{d}"
                for a, d in zip(base.table["ags"].to_pylist(), base.table["district"].to_pylist(), strict=True)
            ]
            of_unit = self.planning.units["area_id"]
        else:
            keys, of_unit = base.table["ags"].to_pylist(), self.planning.units["ags"]
        position = of_unit.map({key: i for i, key in enumerate(keys)}).to_numpy(np.int64)
        return self.by_group(self.planning.balance_kwh, position, len(keys))

    def by_group(self, kwh: FloatArray, position: IntArray, n: int) -> dict[str, FloatArray]:
        """Columns of `layers.columns.IMPACT` for groups of units.

        Parameters
        ----------
        kwh
            `Planning.kwh`, or `Planning.balance_kwh` to hold the remainder too.
        position
            Number of each unit's group, 0..n-1.
        n
            How many groups there are.
        """

        def total(values: FloatArray) -> FloatArray:
            return sum_by(position, values, n)

        plan, last = self.planning, self.uptake[:, -1]
        treated = last @ self.treated_m2
        price = np.nan_to_num(plan.eur_kwh[:-1, -1])
        out = {
            "treated_m2": total(treated),
            "invest_eur": total(treated * self.measure["invest_eur_m2"]),
            "bill_saving_eur_a": total(last @ self._per_unit(price)),
        }
        for year in IMPACT_YEARS:
            i = year - FIRST_YEAR
            saved = self.uptake[:, i] @ self._per_unit(plan.ef_g_kwh[:-1, i] / 1e6)
            out[f"t_co2e_saved_{year}"] = total(saved)
            out[f"t_co2e_{year}"] = total(kwh @ plan.ef_g_kwh[:, i] / 1e6) - total(saved)
        return out


def impact(planning: Planning, placements: Sequence[Placement]) -> Impact:
    """Place the measure and compute with minus without.

    Parameters
    ----------
    planning
        What there is in the place.
    placements
        One or more; they may not treat the same area twice.

    Raises
    ------
    PlacementError
        Unknown measure or age class, years out of order or outside the horizon, a share outside 0..1, a geometry
        without area or outside the place, more treated than exists; all problems of all placements at once.
    """
    problems: list[Problem] = []
    measures = {m["measure"]: m for m in planning.release.manifest["measures"]}
    if not placements:
        problems.append(Problem("placements", "are empty", "Give at least one."))
    for i, placement in enumerate(placements):
        problems += _check(f"placement {i}", placement, measures)
    if problems:
        raise PlacementError(problems)
    curves, treated, saving, reached = [], [], [], np.zeros_like(planning.existing_m2)
    for i, placement in enumerate(placements):
        share = _share_of_units(planning, placement, i, problems)
        ages = np.isin(AGES, placement.ages)
        maximum = measures[placement.measure]["uptake_max"] if placement.uptake is None else placement.uptake
        curves.append(uptake(YEARS, start=placement.start, end=placement.end, maximum=maximum))
        treated.append(planning.existing_m2[:, ages].sum(axis=1) * share)
        saving.append(planning.saving_kwh(placement.ages) * share[:, None])
        reached += share[:, None] * ages * maximum
    twice = reached > 1 + 1e-9
    if twice.any():
        there = float(planning.existing_m2[twice].sum())
        asked = float((reached * planning.existing_m2)[twice].sum())
        problems.append(
            Problem(
                "placements",
                f"treat {asked:,.0f} m² where {there:,.0f} m² exist",
                "Let them not overlap, or lower their uptake.",
            )
        )
    if problems:
        raise PlacementError(problems)
    return Impact(
        planning,
        tuple(placements),
        np.stack(curves),
        np.stack(treated),
        np.stack(saving),
        measures[placements[0].measure],
    )


def _check(where: str, placement: Placement, measures: dict[str, Any]) -> list[Problem]:
    problems = []
    if placement.measure not in measures:
        problems.append(
            Problem(f"{where}, measure", f"'{placement.measure}' is unknown", f"Use {', '.join(measures)}.")
        )
    unknown = [age for age in placement.ages if age not in AGES]
    if unknown or not placement.ages:
        problems.append(Problem(f"{where}, ages", f"{unknown or 'none'} not known", f"Use some of {', '.join(AGES)}."))
    if not placement.start < placement.end:
        problems.append(
            Problem(f"{where}, start, end", f"{placement.start} is not before {placement.end}", "Put them in order.")
        )
    if placement.start < FIRST_YEAR or placement.end > LAST_YEAR:
        problems.append(
            Problem(
                f"{where}, start, end",
                f"{placement.start} to {placement.end} leaves the horizon",
                f"Stay within {FIRST_YEAR} to {LAST_YEAR}; emission factors reach no further.",
            )
        )
    if placement.uptake is not None and not 0 <= placement.uptake <= 1:
        problems.append(Problem(f"{where}, uptake", f"{placement.uptake:g} is no share", "Give a share from 0 to 1."))
    shape = placement.geometry
    if shape is not None:
        if shape.geom_type not in {"Polygon", "MultiPolygon"} or shape.is_empty or shape.area == 0:
            problems.append(Problem(f"{where}, geometry", f"{shape.geom_type} without area", "Draw a polygon."))
        elif not shape.is_valid:
            problems.append(Problem(f"{where}, geometry", shapely.is_valid_reason(shape), "Draw it without crossings."))
    return problems


def _share_of_units(planning: Planning, placement: Placement, i: int, problems: list[Problem]) -> FloatArray:
    if placement.geometry is None:
        return np.ones(len(planning.units))
    drawn = Polygons.from_shapely(np.array([placement.geometry], dtype=object), planning.shapes.crs)
    covered = Coverage(drawn).overlaps(planning.shapes).covered()
    if not covered.any():
        problems.append(
            Problem(f"placement {i}, geometry", f"meets no stock unit of {planning.name}", "Draw inside the place.")
        )
    return np.clip(covered, 0, 1)
