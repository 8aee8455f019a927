"""Impact of placing a measure: with minus without, year by year, and who gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from data.factors import Factors
from data.schema import AGES, CARRIERS
from geo.arrays import FloatArray, IntArray, sum_by
from geo.equity import concentration, equity_ratio, parts, shares_by_quantile
from geo.errors import Problem
from geo.measures import uptake
from geo.paths import along_years
from geo.transfer import area_shares
from layers.columns import IMPACT_YEARS
from layers.errors import PlacementError
from layers.layer import Layer
from layers.release import Release

Shape = shapely.geometry.base.BaseGeometry
SCENARIO = "retrofit"
FIRST_YEAR, LAST_YEAR = 2025, 2045
YEARS = np.arange(FIRST_YEAR, LAST_YEAR + 1)
POWER = "power"


@dataclass(frozen=True)
class Placement:
    """The measure on a geometry.

    Attributes
    ----------
    measure
        ``"retrofit"``: envelope of what is still in its existing state, to TABULA's usual refurbishment.
    ages
        Age classes treated, oldest by default.
    start, end
        Uptake is 0 in `start` and `uptake` in `end`.
    uptake
        Share of the eligible living area at the end; the catalogue's maximum when None.
    geometry
        Polygon in the place's CRS; None for the whole place. A unit on the edge takes part by its share of area.
    """

    measure: str = SCENARIO
    ages: tuple[str, ...] = (AGES[0],)
    start: int = FIRST_YEAR
    end: int = LAST_YEAR
    uptake: float | None = None
    geometry: Shape | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Planning:
    """What measures act on in one place.

    Attributes
    ----------
    units
        `ags`, `area_id`, `people`, `living_area_m2`, `social_index` of the stock units.
    shapes
        Their polygons, place's CRS.
    kwh
        Final energy by unit and column of `carriers`, kWh/a, in the balance; the last column is household power.
    balance_kwh
        The same with the remainder of each municipality spread as its placed part: sums to the balance.
    heat_kwh, saving_kwh, existing_m2
        Heat of all carriers, shape (units,); saving of a full retrofit and eligible living area, shape (units, ages).
    withheld_saving_kwh, withheld_existing_m2
        The same for what the census withholds, by age: it has no place and takes no part.
    """

    place: str
    name: str
    release: Release
    units: pd.DataFrame
    shapes: gpd.GeoSeries
    carriers: tuple[str, ...]
    kwh: FloatArray
    balance_kwh: FloatArray
    heat_kwh: FloatArray
    saving_kwh: FloatArray
    existing_m2: FloatArray
    withheld_saving_kwh: FloatArray
    withheld_existing_m2: FloatArray
    ef_g_kwh: FloatArray
    eur_kwh: FloatArray

    @classmethod
    def of(
        cls, place: str, name: str, release: Release, stock: Layer, potentials: list[pa.Table], balances: list[pa.Table]
    ) -> Planning:
        """Put the files of a place's municipalities together; units in the order of the stock layer."""
        carriers = tuple(c for c in CARRIERS if f"heat_kwh_a_{c}" in potentials[0].column_names)
        columns = [*(f"heat_kwh_a_{c}" for c in carriers), "power_kwh_a"]

        def matrix(table: pa.Table, names: list[str]) -> FloatArray:
            return np.column_stack([table[n].to_numpy() for n in names]).astype(np.float64)

        placed, spread = [], []
        for potential, balance in zip(potentials, balances, strict=True):
            kwh = matrix(potential, columns)[:-1]
            total = _household_kwh(balance, carriers)
            placed.append(kwh)
            spread.append(kwh * np.divide(total, kwh.sum(axis=0), out=np.ones_like(total), where=kwh.sum(axis=0) > 0))
        kwh = np.vstack(placed)
        saving = [matrix(t, [f"saving_kwh_a_{a}" for a in AGES]) for t in potentials]
        existing = [matrix(t, [f"existing_m2_{a}" for a in AGES]) for t in potentials]
        names = ["ags", "area_id", "people", "living_area_m2", "social_index"]
        nodes = pd.DataFrame(release.manifest["factors"]["nodes"])
        ef = Factors(release.manifest["factors"]["value_set"], release.manifest["factors"]["gas_boundary"], nodes)
        prices = pd.DataFrame(release.manifest["prices"])
        energies = [*carriers, "electricity"]
        return cls(
            place,
            name,
            release,
            stock.table.select(names).to_pandas(),
            gpd.GeoSeries(stock.polygons.to_shapely(), crs=stock.polygons.crs),
            carriers,
            kwh,
            np.vstack(spread),
            kwh[:, :-1].sum(axis=1),
            np.vstack([s[:-1] for s in saving]),
            np.vstack([e[:-1] for e in existing]),
            np.sum([s[-1] for s in saving], axis=0),
            np.sum([e[-1] for e in existing], axis=0),
            np.stack([ef.g_kwh(c, YEARS) for c in energies]),
            np.stack([_prices(prices, c) for c in energies]),
        )


@dataclass(frozen=True)
class Impact:
    """Result of placements in a place; see `document` for what is in it.

    Attributes
    ----------
    uptake
        Share reached in each year, shape (placements, years).
    treated_m2, saving_kwh
        Living area and heat saved by unit at full uptake, shape (placements, units).
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
        by_carrier = self._fractions().T @ self.saving_kwh.T
        return np.asarray(by_carrier @ self.uptake)

    def _fractions(self) -> FloatArray:
        """Share of each carrier in a unit's heat, shape (units, carriers)."""
        plan = self.planning
        heat = plan.heat_kwh[:, None]
        return np.divide(plan.kwh[:, :-1], heat, out=np.zeros_like(plan.kwh[:, :-1]), where=heat > 0)

    def _per_unit(self, by_carrier: FloatArray) -> FloatArray:
        """Weigh each unit's saving at full uptake by a figure per carrier and kWh; shape (placements, units)."""
        return np.asarray(self.saving_kwh * (self._fractions() @ by_carrier))

    def by_unit(self) -> dict[str, FloatArray]:
        """Columns of `layers.columns.IMPACT` for each stock unit."""
        return self._columns(self.planning.kwh, np.arange(len(self.planning.units)), len(self.planning.units))

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
        return self._columns(self.planning.balance_kwh, position, len(keys))

    def _columns(self, kwh: FloatArray, position: IntArray, n: int) -> dict[str, FloatArray]:
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
        saving.append(planning.saving_kwh[:, ages].sum(axis=1) * share)
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


def document(result: Impact) -> dict[str, Any]:
    """Result as plain data, for the command line, the API and the map: years, totals, quintiles, areas, how sure."""
    plan, measure = result.planning, result.measure
    saved_kwh = result.saved_kwh
    ef = plan.ef_g_kwh / 1e6
    without = plan.balance_kwh.sum(axis=0) @ ef
    saved = np.einsum("cy,cy->y", saved_kwh, ef[:-1])
    # as without minus with: what is saved never comes from another formula than the state it leaves
    with_ = without - saved
    stock = result.treated_m2.sum(axis=1)
    invest = np.diff(result.uptake, axis=1, prepend=0.0).T @ stock * measure["invest_eur_m2"]
    priced = np.isfinite(plan.eur_kwh[:-1]).all(axis=1)
    bill = np.einsum("cy,cy->y", saved_kwh[priced], plan.eur_kwh[:-1][priced])
    last_kwh = saved_kwh[:, -1].sum()
    ages = np.isin(AGES, result.placements[0].ages)
    no_place = float(plan.withheld_existing_m2[ages].sum())
    return {
        "place": plan.place,
        "name": plan.name,
        "release": plan.release.id,
        "method_version": plan.release.manifest["method_version"],
        "modelled": True,
        "measure": {k: measure[k] for k in ("measure", "catalogue_id", "name_en", "name_de", "lifetime_a", "caution")},
        "placements": [
            {
                "measure": p.measure,
                "ages": list(p.ages),
                "start": p.start,
                "end": p.end,
                "uptake": float(curve.max()),
                "whole_place": p.geometry is None,
            }
            for p, curve in zip(result.placements, result.uptake, strict=True)
        ],
        "totals": {
            "eligible_m2": float(stock.sum()),
            "treated_m2": float(result.uptake[:, -1] @ stock),
            "invest_eur": float(invest.sum()),
            "t_co2e_saved_cumulative": float(saved.sum()),
            "t_co2e_saved_last_year": float(saved[-1]),
            "kwh_saved_last_year": float(last_kwh),
            "bill_saving_eur_last_year": float(bill[-1]),
            "bill_saving_covers_share_of_kwh": float(saved_kwh[priced, -1].sum() / last_kwh) if last_kwh > 0 else None,
            "price_year_of_investment": measure["price_year"],
        },
        "years": [
            {
                "year": int(year),
                "t_co2e_without": float(without[i]),
                "t_co2e_with": float(with_[i]),
                "t_co2e_saved": float(saved[i]),
                "invest_eur": float(invest[i]),
                "bill_saving_eur": float(bill[i]),
                "ef_electricity_g_kwh": float(plan.ef_g_kwh[-1, i]),
            }
            for i, year in enumerate(YEARS)
        ],
        **_equity(result),
        "not_placed": {
            "eligible_m2": no_place,
            "reason": "Buildings that the census withholds have no place; they are in the emissions but not treated.",
        },
        "factors": {k: plan.release.manifest["factors"][k] for k in ("value_set", "gas_boundary", "status", "note")},
        "notes": [
            f"Modelled: census of 2011, TABULA heat demand, {plan.release.manifest['factors']['note']}",
            "Investment is an assumption, {invest_low_eur_m2:.0f} to {invest_high_eur_m2:.0f} EUR per m² living area, "
            "prices of {price_year}.".format(**measure),
            (
                "Bill savings count gas, district heat and electricity at household prices before any rent increase; "
                "other carriers have no published price here."
            ),
            "Tonnes show where the measure acts, not whom it benefits: the climate has no address.",
            "Low income is an area figure (school social index); it says nothing about single households.",
        ],
    }


def _equity(result: Impact) -> dict[str, Any]:
    """Shares by population quintile of the social index, and per area."""
    plan = result.planning
    key, area = np.unique(plan.units["area_id"].to_numpy(str), return_inverse=True)
    frame = pd.DataFrame(result._columns(plan.balance_kwh, area, len(key)))  # noqa: SLF001 - same module
    frame["people"] = sum_by(area, plan.units["people"].fillna(0), len(key))
    frame["social_index"] = plan.units["social_index"].to_numpy()[np.unique(area, return_index=True)[1]]
    areas = [
        {"area_id": key[i], **{k: _plain(v) for k, v in row.items()}} for i, row in enumerate(frame.to_dict("records"))
    ]
    known = frame["social_index"].notna() & (frame["people"] > 0)
    if known.sum() < 5:
        reason = "Fewer than five areas with a social index: nothing can be said about who gains inside this place."
        return {"areas": areas, "quintiles": None, "equity": None, "equity_missing": reason}
    if not (frame.loc[known, "treated_m2"] > 0).any():
        return {"areas": areas, "quintiles": None, "equity": None, "equity_missing": "Nothing is treated here."}
    known_rows = frame[known]
    people, rank = known_rows["people"].to_numpy(), -known_rows["social_index"].to_numpy()
    shares = {
        name: shares_by_quantile(known_rows[column], people, rank)
        for name, column in (
            ("invest", "invest_eur"),
            ("bill_saving", "bill_saving_eur_a"),
            ("treated", "treated_m2"),
            ("t_co2e_saved", f"t_co2e_saved_{LAST_YEAR}"),
        )
    }
    fifths = parts(people, rank)
    low_income = fifths[:, 0]
    bill = known_rows["bill_saving_eur_a"].to_numpy()
    index = concentration(bill / people, people, rank)
    return {
        "areas": areas,
        "quintiles": [
            {
                "quintile": q + 1,
                "label_en": ("highest burden", "second", "middle", "fourth", "lowest burden")[q],
                "label_de": ("höchste Belastung", "zweites", "mittleres", "viertes", "niedrigste Belastung")[q],
                "people": float(people @ fifths[:, q]),
                **{f"{name}_share": float(values[q]) for name, values in shares.items()},
                "bill_saving_eur_per_head": float(shares["bill_saving"][q] * bill.sum() / (people @ fifths[:, q])),
            }
            for q in range(5)
        ],
        "equity": {
            "ranked_by": "school social index 2025/26 of the area, 9 = highest burden",
            "n_areas": int(known.sum()),
            "benefit": "bill_saving_eur_a",
            "low_income_population_share": 0.2,
            "low_income_benefit_share": float(shares["bill_saving"][0]),
            "equity_ratio": equity_ratio(bill, people, low_income),
            "concentration_index": index.index,
            "concentration_index_se": index.se_grouped,
        },
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
    shares = area_shares(planning.shapes, gpd.GeoSeries([placement.geometry], crs=planning.shapes.crs))
    if not shares.covered.any():
        problems.append(
            Problem(f"placement {i}, geometry", f"meets no stock unit of {planning.name}", "Draw inside the place.")
        )
    return np.clip(shares.covered, 0, 1)


def _household_kwh(balance: pa.Table, carriers: Sequence[str]) -> FloatArray:
    rows = balance.to_pandas()
    rows = rows[rows["sector"] == "households"]
    heat = rows[rows["use"] == "heat"].set_index("carrier")["kwh_a"]
    power = rows.loc[rows["use"] == POWER, "kwh_a"].sum()
    return np.asarray([*(heat[c] for c in carriers), power], dtype=np.float64)


def _prices(prices: pd.DataFrame, carrier: str) -> FloatArray:
    rows = prices[prices["carrier"] == carrier]
    if rows.empty:
        return np.full(len(YEARS), np.nan)
    return along_years(YEARS, rows["year"].to_numpy(), rows["eur_kwh"].to_numpy())
