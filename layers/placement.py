"""A measure placed: on what, when, how much of it, in which order; and what became of it in a place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from data.measures import Measure
from data.segments import SAVINGS, USEFUL
from geo.arrays import FloatArray, IntArray
from geo.scenario import Action, Queue
from layers.planning import FIRST_YEAR, LAST_YEAR, Planning

Shape = shapely.geometry.base.BaseGeometry
ENVELOPE = "envelope_usual"
PRIORITIES = ("even", "worst_first", "cheapest_first", "low_income_first", "random")
# what acts on units of the stock; everything else acts on districts
ON_HEAT = ("space_heat", "heat", "heat_supply")


@dataclass(frozen=True)
class Placement:
    """One measure, placed.

    Attributes
    ----------
    measure
        Name in the catalogue.
    start, end
        Nothing has been done in `start`, all of it in `end`.
    uptake
        Share of what is eligible that has taken it in the end; the catalogue's maximum when neither this nor
        `quantity` is given.
    quantity
        The same in the measure's own unit.
    rule
        Narrows down who may take it, in the language of `layers.filters`, on top of the catalogue's own rule.
    districts, units
        Ids of districts or of single units; all of the place when neither they nor a geometry are given.
    geometry
        Polygon in the place's CRS. A unit on its edge takes part by the share of its area.
    curve
        How uptake rises; the catalogue's when None.
    priority
        Who comes first: everybody alike, the worst buildings, the cheapest per saved energy, low-income districts (in
        them the worst buildings), or a draw by `seed`.
    max_per_year
        Most that the trades can do in a year, in the measure's unit.
    budget_eur
        Most that may be invested by the end, before grants.
    warm_rent_neutral
        Of an envelope: the grant is raised until no warm rent rises.
    name
        For people.
    """

    measure: str = ENVELOPE
    start: int = FIRST_YEAR
    end: int = LAST_YEAR
    uptake: float | None = None
    quantity: float | None = None
    rule: str = ""
    districts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    geometry: Shape | None = field(default=None, compare=False)
    curve: str | None = None
    priority: str = "even"
    seed: int = 0
    max_per_year: float | None = None
    budget_eur: float | None = None
    warm_rent_neutral: bool = False
    name: str = ""

    @property
    def whole_place(self) -> bool:
        """Whether it is placed on all of the place."""
        return self.geometry is None and not self.districts and not self.units

    def key(self) -> str:
        """Text by which placements are put in order, whatever order they were given in."""
        shape = "" if self.geometry is None else self.geometry.wkb_hex
        rest = [self.rule, *sorted(self.districts), *sorted(self.units), self.curve, self.priority, self.seed]
        amount = [self.uptake, self.quantity, self.max_per_year, self.budget_eur]
        return json.dumps([self.start, self.end, self.measure, *rest, *amount, self.warm_rent_neutral, shape])


# The standard programme: the oldest buildings, everywhere.
STANDARD = Placement(rule="class <= 'B'", name="Envelope of buildings until 1918")


@dataclass(frozen=True, eq=False)
class Part:
    """Archetypes and carriers of a placement of which the same is free, unit by unit.

    Attributes
    ----------
    carriers
        Carriers that take part, as bits by archetype; see `geo.scenario`.
    eligible
        What may take the measure by unit or district, in its unit.
    line
        Who takes it when.
    """

    carriers: NDArray[np.uint16]
    eligible: FloatArray
    line: Queue


@dataclass(frozen=True, eq=False)
class Placed:
    """A placement on the units or districts of a place.

    Attributes
    ----------
    placement, measure
        What was placed.
    on_units
        Whether the arrays are by unit of the stock; else by district.
    parts
        What may take it, and who does when; one, unless others take some archetypes of a unit and not the rest.
    reached
        Share of all that is eligible by year.
    invest_eur
        Investment per unit of the measure, by unit or district, prices of `planning.PRICE_YEAR`.
    """

    placement: Placement
    measure: Measure
    on_units: bool
    parts: tuple[Part, ...]
    reached: FloatArray
    invest_eur: FloatArray

    @property
    def group(self) -> str:
        """Placements of one group exclude each other on the same target."""
        return self.measure.exclusive_group or self.measure.measure

    @cached_property
    def eligible(self) -> FloatArray:
        """What may take it by unit or district, in the measure's unit."""
        first, *others = (part.eligible for part in self.parts)
        return np.asarray(sum(others, start=first))

    def shares(self, reached: FloatArray | None = None) -> FloatArray:
        """Share of what is eligible in each unit or district that has taken it by year, shape (units, years)."""
        years = self.reached if reached is None else reached
        if len(self.parts) == 1:
            return self.parts[0].line.shares(years)
        done = np.asarray(sum(part.eligible[:, None] * part.line.shares(years) for part in self.parts))
        whole = self.eligible[:, None]
        return np.asarray(np.divide(done, whole, out=np.zeros_like(done), where=whole > 0))

    @cached_property
    def final(self) -> FloatArray:
        """Share of what is eligible in each unit or district that has taken it in the last year."""
        return np.asarray(self.shares(self.reached[-1:])[:, 0])

    @cached_property
    def quantity(self) -> FloatArray:
        """What has taken it by year, in the measure's unit."""
        n = len(self.invest_eur)
        return np.asarray(self.amounts(np.ones(n), np.zeros(n, np.int64), 1)[0])

    @cached_property
    def invested(self) -> FloatArray:
        """What has been invested in it until each year, EUR, without what replaces it at the end of its life."""
        return np.asarray(self.amounts(self.invest_eur, np.zeros(len(self.invest_eur), np.int64), 1)[0])

    def amounts(self, weight: FloatArray, group: IntArray, n: int) -> FloatArray:
        """Sum what has taken it, times a weight of each unit or district, by group and year, shape (n, years)."""
        sums = [part.line.amounts(part.eligible * weight, self.reached, group, n) for part in self.parts]
        return np.asarray(sum(sums))

    def type_shares(self, planning: Planning) -> FloatArray:
        """Share of each building type in what takes part of each unit, shape (units, types)."""
        return planning.type_shares(np.any([part.carriers > 0 for part in self.parts], axis=0))

    def actions(self, planning: Planning) -> list[Action]:
        """What it does to heat, one action for each part."""
        made = self.measure
        saved, target, per_useful = None, None, 0.0
        if made.effect == "supply":
            target = planning.carriers.index(made.to_carrier)
            per_useful = 1 / made.value("spf" if "spf" in made.figures else "eta")
        elif made.acts_on == "space_heat":
            # TABULA's need holds a use factor: with it, no rebound may be taken off again
            saved = planning.kinds.column(SAVINGS[made.state_to]) / planning.kinds.column(USEFUL)
        else:
            share = made.value("saving_share") * (1 - made.value("rebound"))
            saved = np.full(len(planning.kinds), share)
        return [Action(self.group, part.carriers, saved, target, per_useful) for part in self.parts]
