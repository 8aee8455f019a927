"""Where should the next euro go? Measures in zones, chosen under a budget, and what it costs to reach low-income areas.

A candidate is a bundle of measures in one zone. What it saves is computed from the joint state of the bundle, and zones
do not act on each other, so that the sum of what is chosen is what the chosen save together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import orjson
import shapely

from geo.arrays import FloatArray, IntArray, sum_by
from geo.errors import InputError, Problem
from geo.siting import Candidates, Choice, Front, choose, front
from layers.errors import PlacementError
from layers.impact import Impact, Outside, impact
from layers.layer import WGS84
from layers.placement import ON_HEAT, Placement
from layers.planning import FIRST_YEAR, LAST_YEAR, Planning
from layers.scenarios import eligible
from layers.social import Social, Zoning

MEASURES = ("envelope_usual", "heat_pump_air")
ON_HOMES = (*ON_HEAT, "household_power")
MAX_BUNDLES = 32
GAP = 0.001
SECONDS = 10.0
STEPS = 7


@dataclass(frozen=True)
class Ask:
    """What to choose from and how.

    Attributes
    ----------
    budget_eur
        What may be invested, before grants, prices of `planning.PRICE_YEAR`.
    measures
        Measures on homes; those of one exclusive group are alternatives.
    zoning
        Zones that are chosen or not; cells of 1 km when None.
    definition
        Of low income.
    uptake
        Share of what is eligible in a chosen zone.
    rule
        Narrows down who may take part.
    start, end
        Nothing has been done in `start`, all of it in `end`.
    omega
        What a tonne in a low-income home counts beside its own worth.
    floor
        Least share of the tonnes that must be saved in homes of low-income areas, of the most that could be.
    cap_eur
        Most for each district; none when None.
    """

    budget_eur: float
    measures: tuple[str, ...] = MEASURES
    zoning: str | None = None
    definition: str = "quintile"
    uptake: float = 1.0
    rule: str = ""
    start: int = FIRST_YEAR
    end: int = LAST_YEAR
    omega: float = 0.0
    floor: float | None = None
    cap_eur: float | None = None
    path: str = "central"


@dataclass(frozen=True, eq=False)
class Sites:
    """Candidates of a place.

    Attributes
    ----------
    zoning
        Their zones.
    bundles
        Measures of each bundle.
    zone, bundle
        Of each candidate.
    cost_eur, t, bill_eur_a
        Of each candidate: investment, tonnes until the last year, bill saving in the last year.
    low
        Probability that a resident of each zone lives in a low-income area.
    """

    zoning: Zoning
    bundles: tuple[tuple[str, ...], ...]
    zone: IntArray
    bundle: IntArray
    cost_eur: FloatArray
    t: FloatArray
    bill_eur_a: FloatArray
    low: FloatArray

    def candidates(self, district: IntArray | None = None) -> Candidates:
        """Bundles of one zone exclude each other."""
        share = self.low[self.zone]
        area = None if district is None else district[self.zone]
        return Candidates(self.cost_eur, self.t, self.t * share, group=self.zone, area=area)


def sites(planning: Planning, social: Social, ask: Ask) -> Sites:
    """Make the candidates of a place.

    Raises
    ------
    PlacementError
        A measure that does not act on homes, an impossible budget or share, a rule that cannot be read.
    """
    _check(planning, ask)
    zoning = social.zonings["km"] if ask.zoning is None else social.zoning(ask.zoning)
    there = [name for name in ask.measures if eligible(planning, name, ask.rule) > 0]
    if not there:
        what = "save nothing anywhere here"
        raise PlacementError(Problem("measures", what, "Widen the rule, or name other measures."))
    bundles = _bundles(planning, there)
    zone, bundle, cost, tonnes, bill = [], [], [], [], []
    for b, measures in enumerate(bundles):
        result = _everywhere(planning, measures, ask)
        invest = zoning.sums(_invest(result))
        saved = zoning.sums(result.by_unit().sum(axis=1))
        money = zoning.sums(result.bill_by_unit()[:, -1])
        # a measure that emits more than it saves is nobody's next euro
        worth = np.flatnonzero((invest > 0) & (saved > 0))
        zone.append(worth)
        bundle.append(np.full(worth.size, b))
        cost.append(invest[worth])
        tonnes.append(saved[worth])
        bill.append(money[worth])
    low = social.membership(zoning, ask.definition)
    arrays = [np.concatenate(parts) for parts in (zone, bundle, cost, tonnes, bill)]
    known = np.isfinite(low)[arrays[0]]
    at, which, eur, t, eur_a = (a[known] for a in arrays)
    return Sites(zoning, bundles, at, which, eur, t, eur_a, np.nan_to_num(low))


def _check(planning: Planning, ask: Ask) -> None:
    problems = []
    for name in ask.measures:
        measure = planning.catalogue.get(name)
        if measure is None:
            problems.append(Problem("measures", f"'{name}' is unknown", "See /measures for all of them."))
        elif measure.acts_on not in ON_HOMES:
            what = f"'{name}' does not act on homes"
            problems.append(Problem("measures", what, "Use envelopes, heat supply or household power."))
    if not ask.measures:
        problems.append(Problem("measures", "are empty", "Give at least one."))
    if not (np.isfinite(ask.budget_eur) and ask.budget_eur > 0):
        problems.append(Problem("budget_eur", f"{ask.budget_eur:g} is no budget", "Give EUR above 0."))
    if not 0 < ask.uptake <= 1:
        problems.append(Problem("uptake", f"{ask.uptake:g} is no share", "Give a share above 0, up to 1."))
    if ask.floor is not None and not 0 <= ask.floor <= 1:
        problems.append(Problem("floor", f"{ask.floor:g} is no share", "Give a share from 0 to 1."))
    if problems:
        raise PlacementError(problems)


def _bundles(planning: Planning, measures: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All sets of measures that may be done together: at most one of each exclusive group."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(measures):
        measure = planning.catalogue[name]
        groups.setdefault(measure.exclusive_group or name, []).append(name)
    sets = [tuple(m for m in chosen if m) for chosen in product(*(["", *g] for g in groups.values()))]
    found = tuple(s for s in sets if s)
    if len(found) > MAX_BUNDLES:
        what = f"give {len(found)} bundles in each zone, more than {MAX_BUNDLES}"
        raise PlacementError(Problem("measures", what, "Name fewer."))
    return found


def _placement(name: str, ask: Ask, units: tuple[str, ...] = ()) -> Placement:
    return Placement(name, ask.start, ask.end, uptake=ask.uptake, rule=ask.rule, curve="linear", units=units)


def _everywhere(planning: Planning, measures: Sequence[str], ask: Ask) -> Impact:
    placements = [_placement(name, ask) for name in measures]
    key = ("siting", *(p.key() for p in placements), ask.path)
    return planning.remembered(key, lambda: impact(planning, placements, Outside(ask.path)))


def _invest(result: Impact) -> FloatArray:
    return np.asarray(sum(one.invest_eur * one.eligible * one.final for one in result.placed))


@dataclass(frozen=True, eq=False)
class Siting:
    """What was chosen, the front it lies on, and its impact computed as one.

    Attributes
    ----------
    sites, choice, front
        See `geo.siting`.
    result
        Impact of all that was chosen, None where nothing was.
    """

    planning: Planning
    ask: Ask
    sites: Sites
    choice: Choice
    front: Front
    result: Impact | None


def siting(planning: Planning, social: Social, ask: Ask) -> Siting:
    """Choose zones and measures.

    Raises
    ------
    PlacementError, InputError
        As `sites`; nothing to choose from; a floor out of reach, with what can be reached.
    """
    found = sites(planning, social, ask)
    if not found.t.size:
        raise PlacementError(
            Problem("measures", "save nothing anywhere here", "Widen the rule, or name other measures.")
        )
    district, caps = None, None
    if ask.cap_eur is not None:
        if "district" not in social.zonings:
            raise PlacementError(Problem("cap_eur", "needs districts, and the place has none", "Leave it out."))
        district = _district_of_zone(found.zoning, social)
        caps = dict.fromkeys(range(int(district.max()) + 1), ask.cap_eur)
    given = found.candidates(district)
    whole = front(given, ask.budget_eur, steps=STEPS, caps=caps, gap=GAP, time_limit_s=SECONDS)
    least = None if ask.floor is None else ask.floor * whole.choices[-1].low_income_benefit
    best = choose(given, ask.budget_eur, omega=ask.omega, floor=least, caps=caps, gap=GAP, time_limit_s=SECONDS)
    if best.status == "infeasible":
        raise InputError(Problem("floor", best.reason, "Lower the floor or raise the budget."))
    return Siting(planning, ask, found, best, whole, _together(planning, found, best, ask))


def _district_of_zone(zoning: Zoning, social: Social) -> IntArray:
    """District that most of a zone's people live in."""
    districts = social.zonings["district"]
    n = len(districts)
    mass = sum_by(zoning.of_cell * n + districts.of_cell, social.cell_people, len(zoning) * n)
    return np.asarray(mass.reshape(len(zoning), n).argmax(axis=1), dtype=np.int64)


def chosen_units(found: Sites, choice: Choice, planning: Planning) -> dict[str, tuple[str, ...]]:
    """Units that take each measure."""
    ids = planning.units["unit_id"].to_numpy(dtype=object)
    out: dict[str, list[str]] = {}
    for i in np.flatnonzero(choice.chosen):
        members = ids[found.zoning.of_unit == found.zone[i]].tolist()
        for name in found.bundles[found.bundle[i]]:
            out.setdefault(name, []).extend(members)
    return {name: tuple(units) for name, units in out.items()}


def _together(planning: Planning, found: Sites, choice: Choice, ask: Ask) -> Impact | None:
    taken = chosen_units(found, choice, planning)
    if not taken:
        return None
    return impact(planning, [_placement(name, ask, units) for name, units in taken.items()], Outside(ask.path))


def document(made: Siting, *, geometry: bool = False) -> dict[str, Any]:
    """Result as plain data; with the outline of each chosen zone in WGS 84 if wanted."""
    found, choice, ask = made.sites, made.choice, made.ask
    rows = np.flatnonzero(choice.chosen)
    order = rows[np.argsort(-(found.t[rows] / found.cost_eur[rows]), kind="stable")]
    low = found.low[found.zone]
    outlines = _outlines(made) if geometry else {}
    return {
        "place": made.planning.place,
        "name": made.planning.name,
        "release": made.planning.release.id,
        "method_version": made.planning.release.manifest["method_version"],
        "modelled": True,
        "budget_eur": ask.budget_eur,
        "zoning": found.zoning.name,
        "candidates": int(found.t.size),
        "bundles": [list(b) for b in found.bundles],
        "status": choice.status,
        "gap": choice.gap,
        "bound_t": choice.bound if not ask.omega else None,
        "cost_eur": choice.cost_eur,
        "t_co2e_saved_cumulative": choice.benefit,
        "t_co2e_saved_cumulative_in_low_income": choice.low_income_benefit,
        "low_income_share": choice.low_income_benefit / choice.benefit if choice.benefit else None,
        "bill_saving_eur_a": float(found.bill_eur_a[rows].sum()),
        "bill_saving_eur_a_in_low_income": float((found.bill_eur_a * low)[rows].sum()),
        "t_co2e_saved_together": None if made.result is None else float(made.result.by_unit().sum()),
        "chosen": [
            {
                "zone": found.zoning.ids[found.zone[i]],
                "measures": list(found.bundles[found.bundle[i]]),
                "cost_eur": float(found.cost_eur[i]),
                "t_co2e_saved_cumulative": float(found.t[i]),
                "eur_t": float(found.cost_eur[i] / found.t[i]),
                "low_income_probability": float(low[i]),
                "people": float(found.zoning.people[found.zone[i]]),
                **({"geometry": outlines[int(found.zone[i])]} if geometry else {}),
            }
            for i in order
        ],
        "front": _front(made),
        "notes": [
            {
                "en": "Modelled. Every zone is taken whole or not at all. Costs are investments before grants. Tonnes "
                "in low-income homes are tonnes times the probability that a resident lives in a low-income area.",
                "de": "Modelliert. Jedes Gebiet wird ganz oder gar nicht gewählt. Kosten sind Investitionen vor "
                "Förderung. Tonnen in einkommensschwachen Gebieten sind Tonnen mal der Wahrscheinlichkeit, dort zu "
                "wohnen.",
            }
        ],
    }


def _outlines(made: Siting) -> dict[int, Any]:
    """Outlines of the chosen zones as GeoJSON: the cells of their units together."""
    shapes = made.planning.shapes.to_crs(WGS84)
    out = {}
    for zone in np.unique(made.sites.zone[made.choice.chosen]):
        members = np.flatnonzero(made.sites.zoning.of_unit == zone)
        whole = shapely.union_all(shapes.take(members).to_shapely(), grid_size=1e-7)
        out[int(zone)] = orjson.loads(shapely.to_geojson(whole))
    return out


def _front(made: Siting) -> dict[str, Any]:
    """Choices between most tonnes and most for low-income areas, and the price of equity between them."""
    choices = made.front.choices
    bill = made.sites.bill_eur_a
    low = made.sites.low[made.sites.zone]
    return {
        "complete": made.front.complete,
        "points": [
            {
                "cost_eur": c.cost_eur,
                "t_co2e_saved_cumulative": c.benefit,
                "t_co2e_saved_cumulative_in_low_income": c.low_income_benefit,
                "bill_saving_eur_a": float(bill[c.chosen].sum()),
                "bill_saving_eur_a_in_low_income": float((bill * low)[c.chosen].sum()),
                "zones": int(c.chosen.sum()),
                "status": c.status,
            }
            for c in choices
        ],
        "price_of_equity_t_per_t": [float(p) for p in made.front.price_of_equity],
    }
