"""What green and blue measures do where they lie: crowns, air, public green, rain held back, and how little they bind.

On census cells of 200 m, by target year. What is drawn lies on the cells that it meets, by area; what is placed on
districts or the whole place is spread over their cells by people, since nobody has said where (an assumption that the
output states). A park is where it was drawn only if it fills half of that area; else it is somewhere in it, and figures
of access are what is expected of a place not yet chosen.

Temperatures are of the air on hot days, by a rule of thumb on crown cover, never of surfaces; what is felt at a wall or
under a roof is no temperature of a quarter. Tonnes stand beside the balance and rank nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from data.measures import Measure
from data.units import CELL_M
from geo.access import d0_by_size, reach, supply_2sfca
from geo.arrays import FloatArray, finite, sum_by
from geo.columns import Polygons
from geo.cooling import BETA_HIGH_K_PER_PP, BETA_K_PER_PP, BETA_LOW_K_PER_PP, canopy_cooling, check_cooling
from geo.errors import InputError, Problem
from geo.vegetation import GROWN_A, tree_sink_t_a
from layers.errors import PlacementError
from layers.green_spots import DrawnPart, Spots, cells_of, drawn_parts, spots_of
from layers.greened import ACCESS_M, CELL_M2, NOTHING, Cells, Gives, Greened, Range, figure_of
from layers.impact import Impact
from layers.placement import Placed
from layers.planning import LAST_YEAR, Planning
from layers.social import Social

FIELDS = ("green", "blue")
GROUND_M2 = {"m2": 1.0, "ha": 10_000.0}
# what a city without any cooling adds to the air of a hot day (assumed for the Ruhr)
UHI_MAX_K = 4.0
# a green that fills as much of what was drawn is where it was drawn
FILLED = 0.5
# what drawing in another projection may add to an area
DRAWN = 1.005
ROUNDING = 1e-9
# land covers of the table `biophysical` for measures whose figures tell no crowns
COVER = {"park": "lawn_park", "afforestation": "forest"}
SEALED = "asphalt"


@dataclass(frozen=True, eq=False)
class Greening:
    """What the green and blue measures of an impact do together.

    Attributes
    ----------
    result, social
        The impact, and who lives where.
    cells
        Arrays by cell are in this order.
    greened
        One for each placement of a green or blue measure; none if there is none.
    canopy_before
        Share of each cell under crowns today, NaN where nobody lives; None where the place has not brought it.
    """

    result: Impact
    social: Social
    cells: Cells
    greened: tuple[Greened, ...]
    canopy_before: FloatArray | None = None

    def spread(self, of: Callable[[Greened], float]) -> FloatArray:
        """Sum a figure of the placements by cell."""
        return np.asarray(sum((one.share * of(one) for one in self.greened), start=np.zeros(len(self.cells))))

    def canopy_m2(self, year: int) -> FloatArray:
        """New crowns by cell."""
        return self.spread(lambda one: one.canopy_m2(year))

    def air_temperature_k(self, year: int, beta_k_per_pp: float = BETA_K_PER_PP) -> FloatArray:
        """Change of the air temperature of hot days by cell, below 0 where it cools, never more than `UHI_MAX_K`."""
        return np.maximum(canopy_cooling(self.canopy_m2(year) / CELL_M2, beta_k_per_pp=beta_k_per_pp), -UHI_MAX_K)

    def green_m2_per_head(self, year: int) -> FloatArray:
        """New public green per head by cell, each shared by all who have it in reach.

        Greens that are there already are not needed for it: the share of one depends on its own visitors alone.
        """
        parts = (one.per_head * one.done(year) for one in self.greened)
        return np.asarray(sum(parts, start=np.zeros(len(self.cells))))

    def access(self, year: int) -> FloatArray:
        """Share of each cell's people with new public green within `ACCESS_M`."""
        without = np.ones(len(self.cells))
        for one in self.greened:
            without = without * (1 - one.access(year))
        return np.asarray(1 - without)

    def canopy_shares(self, year: int) -> tuple[FloatArray, FloatArray] | None:
        """Share of each cell under crowns before and after; None where nobody knows what there is."""
        if self.canopy_before is None:
            return None
        return self.canopy_before, np.asarray(self.canopy_before + self.canopy_m2(year) / CELL_M2)

    def by_cell(self, year: int) -> dict[str, FloatArray]:
        """All figures by cell in a target year; 0 where no measure reaches.

        Returns
        -------
        dict
            `canopy_m2`, `canopy_pp` (percentage points of the cell), `air_temperature_k` with `_low` (least cooling)
            and `_high`, `public_green_m2` (where it lies), `public_green_m2_per_head`, `people_within_300_m`,
            `retained_m3_50mm`, `peak_flow_l_s` (that no longer runs off), `sink_t_a`.
        """
        canopy = self.canopy_m2(year)
        return {
            "canopy_m2": canopy,
            "canopy_pp": 100 * canopy / CELL_M2,
            "air_temperature_k": self.air_temperature_k(year),
            "air_temperature_k_low": self.air_temperature_k(year, BETA_LOW_K_PER_PP),
            "air_temperature_k_high": self.air_temperature_k(year, BETA_HIGH_K_PER_PP),
            "public_green_m2": self.spread(lambda one: one.green_m2(year)),
            "public_green_m2_per_head": self.green_m2_per_head(year),
            "people_within_300_m": self.cells.people * self.access(year),
            "retained_m3_50mm": self.spread(lambda one: one.retained_m3(year).value),
            "peak_flow_l_s": self.spread(lambda one: one.peak_flow_l_s(year).value),
            "sink_t_a": self.spread(lambda one: one.sink_t_a(year).value),
        }

    @property
    def reached(self) -> FloatArray:
        """Whether a measure lies on each cell."""
        return np.asarray(self.spread(lambda _: 1.0) > 0)

    def check_air(self, delta_k: ArrayLike) -> None:
        """Refuse a change of the air temperature that these measures cannot have made.

        Parameters
        ----------
        delta_k
            K by cell, below 0 where it cools: of another model, or of a claim.

        Raises
        ------
        InputError
            Each bound of `geo.cooling.check_cooling` that is broken, with the figure and the bound. The city is the
            cells of this greening.
        """
        delta = finite("delta_k", delta_k, size=len(self.cells))
        column, row = ((v - v.min()) // CELL_M for v in (self.cells.x_m, self.cells.y_m))
        raster = np.full((int(row.max()) + 1, int(column.max()) + 1), np.nan)
        changed = np.zeros(raster.shape, dtype=np.bool_)
        raster[row, column], changed[row, column] = delta, self.reached
        check_cooling(raster, changed, CELL_M, uhi_max_k=UHI_MAX_K)

    @property
    def share_of_balance(self) -> float:
        """What is bound in the last year, as a share of the place's emissions in the first without measures."""
        sink = sum(one.sink_t_a(LAST_YEAR).value for one in self.greened)
        return float(sink / np.nansum(self.result.without[:, :, 0]))


def greening(result: Impact, social: Social, *, canopy_before: ArrayLike | None = None) -> Greening:
    """Compute what the green and blue measures among the placements do.

    Parameters
    ----------
    result
        The impact.
    social
        Who lives where, on the same units.
    canopy_before
        Share of each cell of `social` under crowns today, 0 to 1; None where the place has not brought it.

    Raises
    ------
    PlacementError
        More on a drawn area than it holds, crowns over more than a cell, a tree that binds more than any tree does, a
        district to spread over in which nobody lives; all of it at once.
    InputError
        Crown cover that is missing or out of range, or a cooling that cannot be.
    """
    chosen = [(i, one) for i, one in enumerate(result.placed) if one.measure.field in FIELDS and one.quantity[-1] > 0]
    planning = result.planning
    problems: list[Problem] = []
    drawn = {i: list(drawn_parts(planning, one.placement.geometry)) for i, one in chosen if one.placement.geometry}
    cells = cells_of(planning, social, [part.corners for parts in drawn.values() for part in parts])
    found = []
    for i, one in chosen:
        where, gives = f"placement {i}", _gives(planning, one.measure)
        problems += _impossible(where, one, gives, drawn.get(i))
        spots = spots_of(where, planning, social, cells, one, drawn.get(i), problems)
        if spots is not None:
            found.append(_greened(result, cells, i, one, gives, spots))
    before = None
    if canopy_before is not None:
        known = finite("canopy_before", canopy_before, minimum=0, size=len(social.cell_people))
        before = np.concatenate([known, np.full(len(cells) - len(known), np.nan)])
    out = Greening(result, social, cells, tuple(found), before)
    problems += _crowded(out)
    if problems:
        raise PlacementError(problems)
    if found:
        out.check_air(out.air_temperature_k(LAST_YEAR))
    return out


def _gives(planning: Planning, measure: Measure) -> Gives:
    ground = GROUND_M2.get(measure.unit)
    canopy = figure_of(measure, "canopy_m2_unit").value
    if not canopy and ground is not None:
        cover = COVER.get(measure.measure)
        share = figure_of(measure, "canopy_share").value
        if not share and cover is not None:
            share = _row(planning, "biophysical", "class_id", cover)["shade"]
        canopy = share * ground
    ramp = measure.figures["ramp_a"].value if "ramp_a" in measure.figures else GROWN_A
    green = figure_of(measure, "public_green_m2_unit").value
    return Gives(ground, canopy, green, _drained(planning, measure, ground or 1.0), ramp)


def _drained(planning: Planning, measure: Measure, unit_m2: float) -> Range:
    """How much less of a unit's area runs off in full; nothing where no figure says so."""
    if "runoff_retained_share" in measure.figures:
        # what is connected to a swale is sealed
        psi = _row(planning, "runoff_coefficients", "surface_id", SEALED)["psi"]
        return figure_of(measure, "runoff_retained_share").times(psi * unit_m2)
    if "runoff_coefficient_reduction" in measure.figures:
        return figure_of(measure, "runoff_coefficient_reduction").times(unit_m2)
    if {"runoff_coefficient_before", "runoff_coefficient_after"} <= set(measure.figures):
        before, after = (figure_of(measure, f"runoff_coefficient_{when}") for when in ("before", "after"))
        less = (before.value - after.value, before.low - after.high, before.high - after.low)
        return Range(*(max(one, 0.0) for one in less)).times(unit_m2)
    return NOTHING


def _row(planning: Planning, table: str, key: str, name: str) -> dict[str, float]:
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = pd.DataFrame(planning.manifest[table]).set_index(key)
    return {str(k): v for k, v in rows.loc[name].to_dict().items()}


def _greened(result: Impact, cells: Cells, i: int, one: Placed, gives: Gives, spots: Spots) -> Greened:
    nobody = np.zeros(len(cells))
    alone = Impact(result.planning, (one,), result.outside).beside()["sink_t"]
    plain = Greened(
        position=i,
        placed=one,
        gives=gives,
        share=spots.share,
        pieces=spots.pieces,
        chosen=bool((cells.people[spots.share <= 0] > 0).any()),
        sited=False,
        sink_t=alone,
        per_head=nobody,
        unserved_m2=0.0,
        near=nobody,
    )
    green = plain.green_m2(LAST_YEAR)
    if not green > 0:
        return plain
    if spots.drawn is not None and green >= FILLED * sum(part.area_m2.sum() for part in spots.drawn):
        return _sited(result.planning, cells, plain, spots.drawn)
    at = np.flatnonzero(spots.share > 0)
    supply = supply_2sfca(cells.within(at, float(d0_by_size(plain.piece_m2))), cells.people, spots.share[at] * green)
    close = cells.within(at, ACCESS_M)
    # rounding must not make a chance of a little more than 1
    near = np.minimum(sum_by(close.point, spots.share[at][close.green], len(cells)), 1.0)
    return replace(plain, per_head=supply.m2_per_head, unserved_m2=float(supply.unserved_m2.sum()), near=near)


def _sited(planning: Planning, cells: Cells, plain: Greened, drawn: list[DrawnPart]) -> Greened:
    """Reach greens to the edge of what was drawn, as the crow flies."""
    shapes = Polygons.from_shapely(np.array([part.shape for part in drawn], dtype=object), planning.shapes.crs)
    green = plain.green_m2(LAST_YEAR) * np.array([piece.share for piece in plain.pieces])
    supply = supply_2sfca(reach(cells.east, cells.north, shapes, d0_by_size(green)), cells.people, green)
    near = np.diff(reach(cells.east, cells.north, shapes, ACCESS_M).offsets) > 0
    return replace(
        plain,
        sited=True,
        per_head=supply.m2_per_head,
        unserved_m2=float(supply.unserved_m2.sum()),
        near=near.astype(np.float64),
    )


def _impossible(where: str, one: Placed, gives: Gives, drawn: list[DrawnPart] | None) -> list[Problem]:
    problems = []
    if one.measure.unit == "tree" and one.measure.effect == "sink":
        try:
            tree_sink_t_a(1, kg_per_tree_a=1000 * one.measure.value("saved_t_unit_a"))
        except InputError as error:
            problems += [Problem(f"{where}, saved_t_unit_a, {p.where}", p.what, p.remedy) for p in error.problems]
    if drawn is not None and gives.ground_m2 is not None:
        needs, there = gives.ground_m2 * float(one.quantity[-1]), float(sum(part.area_m2.sum() for part in drawn))
        if needs > there * DRAWN:
            what = f"needs {needs:,.0f} m² where {there:,.0f} m² were drawn"
            problems.append(Problem(f"{where}, quantity", what, "Give less, or draw a larger area."))
    return problems


def _crowded(out: Greening) -> list[Problem]:
    """List where crowns would cover more than there is."""
    grown_m2 = out.spread(lambda one: one.gives.canopy_m2 * one.total)
    free = CELL_M2 * (1 - (0.0 if out.canopy_before is None else np.nan_to_num(out.canopy_before)))
    full = np.flatnonzero(grown_m2 > np.maximum(free, 0.0) * (1 + ROUNDING))
    if not full.size:
        return []
    worst = int(full[np.argmax(grown_m2[full])])
    what = (
        f"crowns would cover more than there is of {full.size} cell(s), the most {grown_m2[worst]:,.0f} m² "
        f"of {CELL_M2:,.0f} m² at N{out.cells.y_m[worst]}E{out.cells.x_m[worst]}"
    )
    return [Problem("placements, quantity", what, "Plant less, or draw a larger area.")]
