"""Placements on a place: checked against what exists, and lined up for what they share, whatever order they came in."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

import numpy as np
import shapely
from numpy.typing import NDArray

from data.measures import Measure
from data.schema import BUILDING_TYPES
from data.segments import EXISTING, SAVINGS
from geo.arrays import BoolArray, FloatArray, IntArray, sum_by
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.errors import InputError, Problem
from geo.measures import Curve, capped, uptake
from geo.scenario import Queue, queue
from layers.eligibility import amounts_of_segments, eligible_by_unit, stock_of_areas
from layers.errors import PlacementError
from layers.filters import parse
from layers.placement import ON_HEAT, PRIORITIES, Part, Placed, Placement, Shape
from layers.planning import FIRST_YEAR, LAST_YEAR, RULE_COLUMNS, YEARS, Planning

CURVES = get_args(Curve)
ROUNDING = 1e-9


def place(planning: Planning, placements: Sequence[Placement]) -> list[Placed]:
    """Check placements and line up who takes them.

    Parameters
    ----------
    planning
        What there is in the place.
    placements
        In any order: what is computed does not depend on it.

    Returns
    -------
    list
        One for each placement, in the order given.

    Raises
    ------
    PlacementError
        All problems of all placements at once: unknown measure, district or unit, years out of order or outside the
        horizon, impossible shares, a rule that cannot be read, a geometry without area or outside the place, more
        treated than exists, a budget that is none.
    """
    problems: list[Problem] = []
    if not placements:
        problems.append(Problem("placements", "are empty", "Give at least one."))
    for i, placement in enumerate(placements):
        problems += _check(f"placement {i}", placement, planning)
    if problems:
        raise PlacementError(problems)
    targets: dict[int, _Target] = {}
    for i, placement in enumerate(placements):
        try:
            targets[i] = _target(f"placement {i}", planning, placement)
        except (InputError, PlacementError) as error:
            problems += error.problems
    if problems:
        raise PlacementError(problems)
    done: dict[int, Placed] = {}
    # what may be placed on little takes precedence over what may be placed everywhere, whatever the order given
    for i in sorted(targets, key=lambda i: (targets[i].reach, placements[i].key())):
        try:
            done[i] = _line_up(f"placement {i}", planning, placements[i], targets[i], list(done.values()))
        except (InputError, PlacementError) as error:
            problems += error.problems
    if problems:
        raise PlacementError(problems)
    return [done[i] for i in range(len(placements))]


def _check(where: str, placement: Placement, planning: Planning) -> list[Problem]:
    """Check what can be told without looking at the place's units."""
    problems = []
    if placement.measure not in planning.catalogue:
        near = difflib.get_close_matches(placement.measure, planning.catalogue, 3, 0.4)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        what = f"'{placement.measure}' is unknown"
        problems.append(Problem(f"{where}, measure", what, f"{hint}See /measures for all of them."))
    for name, known, value in (
        ("priority", PRIORITIES, placement.priority),
        ("curve", CURVES, placement.curve or CURVES[0]),
    ):
        if value not in known:
            problems.append(Problem(f"{where}, {name}", f"'{value}' is unknown", f"Use one of {', '.join(known)}."))
    if not placement.start < placement.end:
        what = f"{placement.start} is not before {placement.end}"
        problems.append(Problem(f"{where}, start, end", what, "Put them in order."))
    if placement.start < FIRST_YEAR or placement.end > LAST_YEAR:
        what = f"{placement.start} to {placement.end} leaves the horizon"
        remedy = f"Stay within {FIRST_YEAR} to {LAST_YEAR}; emission factors reach no further."
        problems.append(Problem(f"{where}, start, end", what, remedy))
    problems += _check_amount(where, placement)
    if placement.rule.strip():
        try:
            parse(placement.rule, RULE_COLUMNS, f"{where}, rule")
        except InputError as error:
            problems += error.problems
    return problems + _check_where(where, placement, planning)


def _check_amount(where: str, placement: Placement) -> list[Problem]:
    problems = []
    if placement.uptake is not None and not 0 <= placement.uptake <= 1:
        problems.append(Problem(f"{where}, uptake", f"{placement.uptake:g} is no share", "Give a share from 0 to 1."))
    if placement.uptake is not None and placement.quantity is not None:
        problems.append(Problem(f"{where}, quantity", "is given beside an uptake", "Give one of the two."))
    for name in ("quantity", "max_per_year", "budget_eur"):
        value = getattr(placement, name)
        if value is not None and not (np.isfinite(value) and value > 0):
            problems.append(Problem(f"{where}, {name}", f"{value:g} is not above 0", "Give more, or leave it out."))
    return problems


def _check_where(where: str, placement: Placement, planning: Planning) -> list[Problem]:
    problems = []
    places = [bool(placement.districts), bool(placement.units), placement.geometry is not None]
    if sum(places) > 1:
        what = "says more than one of districts, units and geometry"
        problems.append(Problem(where, what, "Give one of them, or a rule."))
    unknown = sorted(set(placement.districts) - set(planning.areas))
    if unknown:
        what = f"{', '.join(unknown[:5])} not known in {planning.name}"
        problems.append(Problem(f"{where}, districts", what, f"Use some of {', '.join(planning.areas[:20])}."))
    return problems + _check_shape(f"{where}, geometry", placement.geometry)


def _check_shape(where: str, shape: Shape | None) -> list[Problem]:
    if shape is None:
        return []
    if shape.geom_type not in {"Polygon", "MultiPolygon"} or shape.is_empty or not shape.area > 0:
        return [Problem(where, f"{shape.geom_type} without area", "Draw a polygon.")]
    if not shape.is_valid:
        return [Problem(where, shapely.is_valid_reason(shape), "Draw it without crossings.")]
    return []


@dataclass(frozen=True)
class _Target:
    """What a placement may treat, before it is known who else wants it.

    `part` is the share of each unit or district that it covers, `eligible` what may take it there (None where nobody
    knows a stock), `reach` how much of the place that is.
    """

    measure: Measure
    on_units: bool
    eligible: FloatArray | None
    part: FloatArray
    carriers: NDArray[np.uint16]
    variant: IntArray
    reach: float


def _target(where: str, planning: Planning, placement: Placement) -> _Target:
    measure = planning.catalogue[placement.measure]
    if measure.acts_on in {*ON_HEAT, "household_power"} or _on_roofs(measure):
        return _units(where, planning, placement, measure)
    return _districts(where, planning, placement, measure)


def _line_up(where: str, planning: Planning, placement: Placement, target: _Target, before: Sequence[Placed]) -> Placed:
    if target.on_units:
        return _on_units(where, planning, placement, target, before)
    return _on_areas(where, planning, placement, target, before)


def _on_roofs(measure: Measure) -> bool:
    return "kwp_per_m2_living" in measure.figures or (measure.effect == "generation" and measure.unit == "device")


def _units(where: str, planning: Planning, placement: Placement, measure: Measure) -> _Target:
    if placement.warm_rent_neutral and measure.acts_on != "space_heat":
        raise PlacementError(Problem(f"{where}, warm_rent_neutral", "is for envelopes of homes", "Leave it out."))
    everywhere, carriers, variant = eligible_by_unit(where, planning, measure, placement.rule)
    part = _part_of_units(where, planning, placement)
    eligible, variant = everywhere * (part > 0), np.where(part > 0, variant, -1)
    if not (eligible @ part) > 0:
        what = f"finds nothing that is eligible for {measure.measure} in {planning.name}"
        raise PlacementError(Problem(where, what, "Loosen the rule, or draw elsewhere."))
    living = planning.units["living_area_m2"].to_numpy(np.float64)
    return _Target(measure, True, eligible, part, carriers, variant, float(living @ (part * (eligible > 0))))


def _on_units(
    where: str, planning: Planning, placement: Placement, target: _Target, before: Sequence[Placed]
) -> Placed:
    measure, part = target.measure, target.part
    assert target.eligible is not None  # noqa: S101 - units always know what they hold
    found = _free(planning, target, [p for p in before if p.on_units])
    # a part that is covered is free unless others have taken more than the rest
    rooms = [np.clip(np.minimum(part, 1 - taken), 0, 1) for _, _, taken in found]
    score = planning.remembered(
        (placement.priority, placement.seed, measure.measure), lambda: _score(planning, placement, measure)
    )
    invest = _invest(planning, measure, np.asarray((target.carriers > 0).any(axis=0)))
    eligible, room = np.concatenate([e for _, e, _ in found]), np.concatenate(rooms)
    at = np.flatnonzero((eligible > 0) & (room > 0))
    total = float(target.eligible @ part)
    line = Queue(np.zeros(len(room)), np.zeros(len(room)), np.zeros(len(room)))
    if at.size:
        scores = None if score is None else np.tile(score, len(found))[at]
        short = queue(eligible[at], room[at], scores)
        # positions in the queue are shares of all that is eligible, also of what others have taken
        scale = float(eligible[at].sum()) / total
        line.low[at], line.high[at], line.room[at] = short.low * scale, short.high * scale, short.room
    free = float(eligible @ line.room)
    reached = _reached(where, placement, measure, total, free, line, np.tile(invest, len(found)) * eligible)
    n = len(part)
    parts = tuple(
        Part(bits, amount, Queue(*(values[k * n : k * n + n] for values in (line.low, line.high, line.room))))
        for k, (bits, amount, _) in enumerate(found)
    )
    return Placed(placement, measure, True, parts, reached, invest)


def _free(
    planning: Planning, target: _Target, before: Sequence[Placed]
) -> list[tuple[NDArray[np.uint16], FloatArray, FloatArray]]:
    """Split a target into archetypes and carriers of which the same placements have taken some.

    Returns
    -------
    list
        For each part its carriers as bits, what is eligible by unit, and the share of it that is taken.
    """
    group = target.measure.exclusive_group or target.measure.measure
    rivals = [(part, p.reached) for p in before if p.group == group for part in p.parts]
    finals = [part.line.shares(reached[-1:])[:, 0] for part, reached in rivals]
    bit = (1 << np.arange(len(planning.carriers))).astype(np.uint16)
    nothing = np.zeros(len(target.part))
    assert target.eligible is not None  # noqa: S101 - units always know what they hold
    if not rivals and len(target.carriers) == 1:
        return [(target.carriers[0], target.eligible, nothing)]
    amount = amounts_of_segments(planning, target.measure)
    if amount is None:
        # dwellings have no archetype: whoever has taken the measure has taken it
        return [(target.carriers[0], target.eligible, np.sum([nothing, *finals], axis=0))]
    out = []
    for v, row in enumerate(target.carriers):
        here = np.where(target.variant == v, 0, -1)
        for bits, hits in _split(row, [part.carriers for part, _ in rivals], bit):
            taken = np.sum([nothing, *(finals[k] for k in hits)], axis=0)
            out.append((bits, planning.heat.quantities(amount, bits[None], here), taken))
    return out


def _split(
    row: NDArray[np.uint16], rivals: Sequence[NDArray[np.uint16]], bit: NDArray[np.uint16]
) -> list[tuple[NDArray[np.uint16], list[int]]]:
    """Split archetypes and carriers by the rivals that have them too: the bits of each piece, and which rivals."""
    if not rivals:
        return [(row, [])]
    cells = (row[:, None] & bit) > 0
    covers = np.array([((other[:, None] & bit) > 0)[cells] for other in rivals], dtype=bool)
    patterns, which = np.unique(covers, axis=1, return_inverse=True)
    out = []
    for k, pattern in enumerate(patterns.T):
        mask = np.zeros_like(cells)
        mask[cells] = which.ravel() == k
        out.append(((mask @ bit).astype(np.uint16), np.flatnonzero(pattern).tolist()))
    return out


def _invest(planning: Planning, measure: Measure, kinds: BoolArray) -> FloatArray:
    """Investment per unit of a measure by unit of the stock: the mean over the types that take part."""
    level = planning.price_level(measure.figures["invest_eur_unit"].price_year)
    plain = measure.value("invest_eur_unit") * level
    if not any(name.startswith("invest_eur_unit_") for name in measure.figures):
        return np.full(len(planning.units), plain)
    values = np.array([measure.value("invest_eur_unit", t) for t in BUILDING_TYPES]) * level
    shares = planning.type_shares(kinds)
    return np.where(shares.sum(axis=1) > 0, shares @ values, plain)


def _part_of_units(where: str, planning: Planning, placement: Placement) -> FloatArray:
    """Share of each unit that the placement covers."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    n = len(planning.units)
    if placement.units:
        at = pd.Index(planning.units["unit_id"]).get_indexer(pd.Index(placement.units))
        lost = [u for u, i in zip(placement.units, at, strict=True) if i < 0]
        if lost:
            what = f"{len(lost)} not known in {planning.name}, the first is '{lost[0]}'"
            raise PlacementError(Problem(f"{where}, units", what, "Take ids from the stock layer (`unit_id`)."))
        out = np.zeros(n)
        out[at] = 1.0
        return out
    if placement.districts:
        chosen = np.isin(np.array(planning.areas), placement.districts)
        return np.asarray(chosen[planning.heat.area], dtype=np.float64)
    if placement.geometry is None:
        return np.ones(n)
    shape = placement.geometry
    covered = planning.remembered(("covered", shape.wkb), lambda: _covered(shape, planning.shapes))
    if not covered.any():
        what = f"meets no building of {planning.name}"
        raise PlacementError(Problem(f"{where}, geometry", what, "Draw inside the place."))
    return covered


def _covered(shape: Shape, shapes: Polygons) -> FloatArray:
    """Share of each outline inside a shape; only those near it are looked at."""
    west, south, east, north = shape.bounds
    box = shapes.bounds
    near = np.flatnonzero((box[:, 0] <= east) & (box[:, 2] >= west) & (box[:, 1] <= north) & (box[:, 3] >= south))
    out = np.zeros(len(shapes))
    if near.size:
        drawn = Polygons.from_shapely(np.array([shape], dtype=object), shapes.crs)
        share = Coverage(drawn).overlaps(shapes.take(near)).covered()
        # coordinates are good to a millimetre: what is in but for rounding is in
        out[near] = np.where(share > 1 - ROUNDING, 1.0, np.clip(share, 0, 1))
    return out


def _score(planning: Planning, placement: Placement, measure: Measure) -> FloatArray | None:
    """Who comes first, lowest first; None for everybody alike."""
    units, area = planning.units, np.maximum(planning.units["living_area_m2"].to_numpy(np.float64), 1e-9)
    need = planning.useful_by_unit / area
    if placement.priority == "even":
        return None
    if placement.priority == "worst_first":
        return np.asarray(-need)
    if placement.priority == "random":
        # the same building draws the same number, wherever it stands in the table
        mixed = (planning.keys ^ np.uint64(placement.seed * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)) * np.uint64(
            0xBF58476D1CE4E5B9
        )
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        return np.asarray((mixed >> np.uint64(11)).astype(np.float64))
    if placement.priority == "low_income_first":
        index = -np.nan_to_num(units["social_index"].to_numpy(np.float64), nan=-np.inf)
        _, rank = np.unique(np.column_stack([index, -need]), axis=0, return_inverse=True)
        return np.asarray(rank.ravel(), dtype=np.float64)
    return _cost_of_saving(planning, measure, area)


def _cost_of_saving(planning: Planning, measure: Measure, area: FloatArray) -> FloatArray:
    """Investment by saved useful heat or, for a change of heating, by the tonnes that the old one emits."""
    invest = _invest(planning, measure, np.ones(len(planning.kinds), dtype=bool))
    if measure.acts_on == "space_heat":
        kind = planning.heat.kind
        per_m2 = planning.kinds.column(SAVINGS[measure.state_to])[kind] * planning.living_m2
        saves = sum_by(planning.unit, per_m2, len(area))
        m2 = sum_by(planning.unit, planning.living_m2 * planning.kinds.column(EXISTING)[kind], len(area))
    else:
        saves = planning.kwh[:, :-1] @ planning.factors("central")[:-1, 0]
        m2 = planning.useful_by_unit
    return np.asarray(np.divide(invest * m2, saves, out=np.full(len(area), np.inf), where=saves > 0))


def _reached(
    where: str,
    placement: Placement,
    measure: Measure,
    total: float,
    free: float,
    line: Queue,
    cost: FloatArray,
) -> FloatArray:
    """Share of all that is eligible that has taken it by year, within stock, trades and budget."""
    unit = measure.unit_en
    if placement.quantity is not None:
        maximum = placement.quantity / total
        if maximum > 1 + ROUNDING:
            what = f"treats {placement.quantity:,.0f} {unit} where {total:,.0f} {unit} exist"
            raise PlacementError(Problem(f"{where}, quantity", what, "Give no more than there is."))
    else:
        maximum = measure.value("uptake_max") if placement.uptake is None else placement.uptake
    if maximum * total > free * (1 + ROUNDING):
        what = f"treats {maximum * total:,.0f} {unit} where {free:,.0f} {unit} of {total:,.0f} are left"
        remedy = "Let placements of one group not overlap, or lower their uptake."
        raise PlacementError(Problem(where, what, remedy))
    maximum = min(maximum, 1.0, free / total)
    if placement.budget_eur is not None:
        maximum = min(maximum, _affordable(line, cost, placement.budget_eur))
    curve = cast("Curve", placement.curve or measure.curve)
    wanted = uptake(YEARS, start=placement.start, end=placement.end, maximum=maximum, curve=curve)
    if placement.max_per_year is None:
        return wanted
    return capped(wanted, placement.max_per_year / total)


def _affordable(line: Queue, cost: FloatArray, budget_eur: float) -> float:
    """Share of all that is eligible which the budget pays for, taken in the order of the queue."""
    order = np.argsort(line.high, kind="stable")
    high, spent = line.high[order], np.cumsum((cost * line.room)[order])
    _, last = np.unique(high[::-1], return_index=True)
    at = len(high) - 1 - last
    return float(np.interp(budget_eur, np.append(0.0, spent[at]), np.append(0.0, high[at])))


def _districts(where: str, planning: Planning, placement: Placement, measure: Measure) -> _Target:
    """Look at districts: for what is not on a building."""
    problems = []
    if placement.units or placement.rule.strip():
        name = "units" if placement.units else "rule"
        what = f"{measure.measure} is not placed on buildings"
        problems.append(Problem(f"{where}, {name}", what, "Give districts or a geometry, or neither."))
    if measure.effect in {"factor", "plant"} and not placement.whole_place:
        what = f"{measure.measure} acts on the whole place"
        problems.append(Problem(where, what, "Leave districts and geometry out."))
    if placement.priority != "even":
        what = f"'{placement.priority}' orders buildings, which {measure.measure} has none of"
        problems.append(Problem(f"{where}, priority", what, "Leave it out."))
    stock = stock_of_areas(planning, measure)
    if stock is None and placement.quantity is None:
        what = f"{measure.measure} has no known stock of which a share could be taken"
        problems.append(Problem(f"{where}, quantity", "is missing", f"{what}: give it in {measure.unit_en}."))
    if stock is not None and not np.isfinite(stock).all():
        what = f"the balance of {planning.name} knows nothing of what {measure.measure} acts on"
        problems.append(Problem(f"{where}, measure", what, "Import that sector of the balance first."))
    if placement.warm_rent_neutral:
        problems.append(Problem(f"{where}, warm_rent_neutral", "is for envelopes of homes", "Leave it out."))
    if problems:
        raise PlacementError(problems)
    part = _part_of_areas(where, planning, placement)
    none = np.zeros((1, len(planning.kinds)), np.uint16)
    return _Target(measure, False, stock, part, none, np.zeros(len(part), np.int64), float(part.sum()))


def _on_areas(
    where: str, planning: Planning, placement: Placement, target: _Target, before: Sequence[Placed]
) -> Placed:
    measure, part, stock = target.measure, target.part, target.eligible
    level = planning.price_level(measure.figures["invest_eur_unit"].price_year)
    invest = np.full(len(part), measure.value("invest_eur_unit") * level)
    if stock is None:
        # without a known stock the quantity is the stock: it lies where people live
        people = planning.people_by_area
        weight = part * people if (part * people).sum() > 0 else part
        eligible = float(placement.quantity or 0) * weight / weight.sum()
        line, total = queue(eligible, np.ones(len(part))), float(eligible.sum())
        placement_of_all = replace(placement, quantity=None, uptake=1.0)
        reached = _reached(where, placement_of_all, measure, total, total, line, invest * eligible)
        return Placed(placement, measure, False, (Part(target.carriers[0], eligible, line),), reached, invest)
    taken = np.zeros(len(part))
    for rival in before:
        if not rival.on_units and rival.group == (measure.exclusive_group or measure.measure):
            taken = taken + rival.final
    room, total = np.clip(np.minimum(part, 1 - taken), 0, 1), float(stock @ part)
    line = queue(stock, room)
    scale = float(stock.sum()) / total if total else 1.0
    line = Queue(line.low * scale, line.high * scale, line.room)
    reached = _reached(where, placement, measure, total, float(stock @ line.room), line, invest * stock)
    return Placed(placement, measure, False, (Part(target.carriers[0], stock, line),), reached, invest)


def _part_of_areas(where: str, planning: Planning, placement: Placement) -> FloatArray:
    if placement.districts:
        return np.isin(np.array(planning.areas), placement.districts).astype(np.float64)
    if placement.geometry is None:
        return np.ones(len(planning.areas))
    part = _covered(placement.geometry, planning.area_shapes)
    if not part.any():
        what = f"lies outside {planning.name}"
        raise PlacementError(Problem(f"{where}, geometry", what, "Draw inside the place."))
    return part
