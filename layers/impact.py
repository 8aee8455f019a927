"""Impact of placements: the joint state with all of them minus the state without any, year by year.

Totals always come from the joint state. Photovoltaics, sinks and plants under the EU ETS stand beside the balance,
never in it: by BISKO's rule a city's own power does not lower its balance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from data.schema import SECTORS
from geo.arrays import FloatArray
from geo.parts import shapley_parts
from geo.scenario import Adoption, Saved, encode, saved
from layers.eligibility import network_kwh
from layers.once import Once
from layers.placement import ON_HEAT, Placed, Placement
from layers.placing import place
from layers.planning import FIRST_YEAR, FROZEN, HOUSEHOLDS, YEARS, Planning

T = TypeVar("T")
CENTRAL = "central"
DRIVERS = ("measures", "external", "activity")


@dataclass(frozen=True)
class Outside:
    """What a city does not decide.

    Attributes
    ----------
    path
        Path of the factors of electricity and district heat.
    growth
        Yearly growth of activity by sector, as a share (0.01 is 1 % a year): people and floor area of households,
        output, traffic; `car` for travel by car alone, on top of transport. None by default.
    city_budget_eur_a
        What the city can invest in a year; None if nobody says.
    """

    path: str = CENTRAL
    growth: Mapping[str, float] = field(default_factory=dict)
    city_budget_eur_a: float | None = None

    def activity(self, sector: str) -> FloatArray:
        """Activity of a sector along the years; 1 in the first."""
        return np.asarray((1 + float(self.growth.get(sector, 0.0))) ** (YEARS - FIRST_YEAR))


@dataclass(frozen=True, eq=False)
class Impact:
    """Result of placements in a place.

    Attributes
    ----------
    planning
        Of which place.
    placed
        The placements, in the order given.
    outside
        External path and activity.
    seed
        Of the sampled attribution.
    """

    planning: Planning
    placed: tuple[Placed, ...]
    outside: Outside
    seed: int = 0
    _found: Once[str, Any] = field(default_factory=Once, init=False, repr=False)

    def remembered(self, key: str, make: Callable[[], T]) -> T:
        """Return what was worked out of this result under a key, or work it out."""
        found: T = self._found.made(key, make)
        return found

    @cached_property
    def everything(self) -> frozenset[int]:
        """Positions of all placements."""
        return frozenset(range(len(self.placed)))

    @cached_property
    def _heat(self) -> tuple[list[int], Adoption | None]:
        """Placement of each part that acts on heat, and who has adopted it when."""
        parts = [
            (i, part.line, one.reached)
            for i, one in enumerate(self.placed)
            if one.measure.acts_on in ON_HEAT
            for part in one.parts
        ]
        adoption = encode([line for _, line, _ in parts], [reached for _, _, reached in parts]) if parts else None
        return [i for i, _, _ in parts], adoption

    def _saved_heat(self, chosen: Collection[int], ef_t_kwh: FloatArray | None = None) -> Saved | None:
        of_part, adoption = self._heat
        if adoption is None:
            return None
        actions = [
            action for one in self.placed if one.measure.acts_on in ON_HEAT for action in one.actions(self.planning)
        ]
        never = adoption.curves.shape[1]
        left_out = [m for m, i in enumerate(of_part) if i not in chosen]
        if left_out:
            curve = adoption.curve.copy()
            curve[:, left_out] = never
            adoption = Adoption(curve, adoption.curves)
        return saved(self.planning.heat, actions, adoption, ef_t_kwh=ef_t_kwh)

    def saved_kwh(self, chosen: Collection[int] | None = None) -> FloatArray:
        """Households' energy without less with measures, shape (areas, carriers and power, years), kWh/a."""
        picked = self.everything if chosen is None else frozenset(chosen)
        return self._saved_kwh(picked)

    @cached_property
    def _known(self) -> dict[frozenset[int], FloatArray]:
        return {}

    def _saved_kwh(self, picked: frozenset[int]) -> FloatArray:
        at_home = {*ON_HEAT, "household_power"}
        picked = frozenset(i for i in picked if self.placed[i].measure.acts_on in at_home)
        if picked not in self._known:
            self._known[picked] = self._compute_saved_kwh(picked)
        return self._known[picked]

    def _compute_saved_kwh(self, picked: frozenset[int]) -> FloatArray:
        planning, years = self.planning, len(YEARS)
        out = np.zeros((len(planning.areas), len(planning.carriers) + 1, years))
        heat = self._saved_heat(picked)
        if heat is not None:
            out[:, :-1] = heat.kwh
        power = self._saved_power(picked)
        if power is not None:
            for y in range(years):
                out[:, -1, y] = np.bincount(planning.heat.area, power[:, y], len(planning.areas))
        return out

    def _saved_power(self, picked: frozenset[int]) -> FloatArray | None:
        """Household power without less with measures by unit and year, kWh/a."""
        planning = self.planning
        left = None
        for i in sorted(picked):
            one = self.placed[i]
            if one.measure.acts_on != "household_power":
                continue
            power = planning.kwh[:, -1]
            per_unit = one.measure.value("saved_kwh_unit_a") * (1 - one.measure.value("rebound"))
            share = np.divide(one.eligible * per_unit, power, out=np.zeros_like(power), where=power > 0)
            factor = 1 - one.shares() * np.minimum(share, 1)[:, None]
            left = factor if left is None else left * factor
        return None if left is None else planning.kwh[:, -1:] * (1 - left)

    # -- the other sectors ------------------------------------------------------------------------------------------

    def sector_kwh(self, chosen: Collection[int]) -> FloatArray:
        """Energy of the other sectors with some placements, shape (areas, parts, years), kWh/a."""
        sectors = self.planning.sectors
        kwh = np.repeat(sectors.kwh[:, :, None], len(YEARS), axis=2)
        order = sorted(chosen, key=lambda i: (self.placed[i].measure.interaction_order, self.placed[i].placement.key()))
        for i in order:
            one = self.placed[i]
            if one.measure.acts_on in {"municipal_heat", "municipal_power", "economy"}:
                self._lower(kwh, one)
            elif one.measure.effect == "electrify":
                self._electrify(kwh, one)
            elif one.measure.acts_on == "car_travel":
                self._shift(kwh, one)
        return kwh

    def _lower(self, kwh: FloatArray, one: Placed) -> None:
        sector, use = {
            "municipal_heat": ("municipal", ["heat"]),
            "municipal_power": ("municipal", ["power"]),
            "economy": ("economy", []),
        }[one.measure.acts_on]
        rows = self.planning.sectors.rows(sector, use)
        before = self.planning.sectors.kwh[:, rows].sum(axis=1)
        rebound = 1 - one.measure.value("rebound")
        if "saving_share" in one.measure.figures:
            share = one.shares() * one.measure.value("saving_share") * rebound
        else:
            per_unit = one.measure.value("saved_kwh_unit_a") * rebound
            saves = one.eligible[:, None] * one.shares() * per_unit
            share = np.divide(saves, before[:, None], out=np.zeros_like(saves), where=before[:, None] > 0)
        kwh[:, rows] *= 1 - np.minimum(share, 1)[:, None]

    def _shift(self, kwh: FloatArray, one: Placed) -> None:
        """Car travel avoided: stated in tonnes at the factors of the balance's year."""
        rows = self.planning.sectors.rows("transport", ["car"])
        carriers = self.planning.sectors.carriers
        grams = np.array([self.planning.factor(carriers[r], FROZEN)[0] for r in rows])
        before = self.planning.sectors.kwh[:, rows] @ grams / 1e6
        saves = one.eligible[:, None] * one.shares() * one.measure.value("saved_t_unit_a")
        share = np.divide(saves, before[:, None], out=np.zeros_like(saves), where=before[:, None] > 0)
        kwh[:, rows] *= 1 - np.clip(share, -1, 1)[:, None]

    def _electrify(self, kwh: FloatArray, one: Placed) -> None:
        """Vehicles change their drive: what is left of their travel needs electricity instead of fuel."""
        measure, sectors = one.measure, self.planning.sectors
        use = "car" if measure.acts_on == "car_travel" else "bus"
        rows = sectors.rows("transport", [use])
        carriers = np.array(sectors.carriers)[rows]
        fuel, electric = rows[carriers != measure.to_carrier], rows[carriers == measure.to_carrier]
        ratio = measure.value("kwh_km_new") / measure.value("kwh_km_old") * (1 + measure.value("rebound"))
        gives_way = kwh[:, fuel] * one.shares()[:, None]
        kwh[:, fuel] -= gives_way
        kwh[:, electric] += (gives_way.sum(axis=1) * ratio)[:, None] / len(electric)

    # -- tonnes -----------------------------------------------------------------------------------------------------

    def factors(self, path: str, chosen: Collection[int]) -> FloatArray:
        """Factors of households' carriers and power by year, g CO2e/kWh, with what is done to district heat."""
        return self._factors((*self.planning.carriers, "electricity"), path, chosen)

    def _factors(self, carriers: Sequence[str], path: str, chosen: Collection[int]) -> FloatArray:
        out = np.stack([self.planning.factor(c, path) for c in carriers])
        at = [i for i, c in enumerate(carriers) if c == "district_heating"]
        for i in sorted(chosen) if at else []:
            one = self.placed[i]
            if one.measure.effect != "factor":
                continue
            total = network_kwh(self.planning).sum()
            hours = one.measure.value("full_load_h_a") if "full_load_h_a" in one.measure.figures else 1.0
            share = np.minimum(one.quantity * hours * 1000 / total, 1) if total > 0 else np.zeros(len(YEARS))
            if "ef_new_g_kwh" in one.measure.figures:
                new = np.full(len(YEARS), one.measure.value("ef_new_g_kwh"))
            else:
                new = self.planning.factor("electricity", path) / one.measure.value("spf")
            # waste heat never makes a network worse than it is
            out[at] += share * np.minimum(new - out[at], 0)
        return out

    def tonnes(self, drivers: Collection[str], chosen: Collection[int] | None = None) -> FloatArray:
        """Emissions by area, sector and year, t CO2e/a; NaN for a sector that the balance does not know.

        Parameters
        ----------
        drivers
            Which of `DRIVERS` are on; with none, the state of the balance goes on unchanged.
        chosen
            Positions of the placements that count as measures; all when None.
        """
        planning = self.planning
        picked = (self.everything if chosen is None else frozenset(chosen)) if "measures" in drivers else frozenset()
        path = self.outside.path if "external" in drivers else FROZEN
        grow = self.outside if "activity" in drivers else Outside()
        out = np.empty((len(planning.areas), len(SECTORS), len(YEARS)))
        kwh = planning_kwh(planning)[:, :, None] - (self.saved_kwh(picked) if picked else 0.0)
        out[:, 0] = np.einsum("acy,cy->ay", kwh, self.factors(path, picked)) / 1e6 * grow.activity(HOUSEHOLDS)
        ef = self._factors(planning.sectors.carriers, path, picked)
        t = self.sector_kwh(picked) * ef / 1e6
        t[:, planning.sectors.rows("transport", ["car"])] *= grow.activity("car")
        for i, sector in enumerate(SECTORS[1:], start=1):
            out[:, i] = t[:, planning.sectors.rows(sector)].sum(axis=1) * grow.activity(sector)
        return out

    @cached_property
    def without(self) -> FloatArray:
        """Emissions without measures by area, sector and year, t CO2e/a."""
        key = ("without", self.outside.path, *sorted(self.outside.growth.items()))
        return self.planning.remembered(key, lambda: self.tonnes({"external", "activity"}))

    @cached_property
    def with_(self) -> FloatArray:
        """Emissions with all placements by area, sector and year, t CO2e/a."""
        return self.tonnes(DRIVERS)

    @property
    def t_saved(self) -> FloatArray:
        """What the placements save together by area and year, t CO2e/a; unknown sectors save nothing."""
        return np.asarray(np.nansum(self.without - self.with_, axis=1))

    def change(self) -> dict[str, FloatArray]:
        """Split the change of all emissions since the balance into its drivers, by year; the parts sum to the change.

        Shapley's value over the three drivers: no order of them is better than another.
        """

        def state(on: frozenset[str]) -> FloatArray:
            return np.asarray(np.nansum(self.tonnes(on), axis=(0, 1)))

        return shapley_parts(DRIVERS, state)

    # -- beside the balance -----------------------------------------------------------------------------------------

    def beside(self) -> dict[str, FloatArray]:
        """Tonnes that stand beside the balance by kind and year: grid power avoided, sinks, plants."""
        out = {name: np.zeros(len(YEARS)) for name in ("avoided_grid_t", "sink_t", "plant_t")}
        for one in self.placed:
            quantity = one.quantity
            if one.measure.effect == "generation":
                kwh = quantity * generation_kwh(one) * (1 - one.measure.value("rebound"))
                out["avoided_grid_t"] += kwh * self.planning.factor("electricity", self.outside.path) / 1e6
            elif one.measure.effect in {"sink", "plant"}:
                ramp = one.measure.figures.get("ramp_a")
                grown = _ramped(quantity, ramp.value) if ramp else quantity
                out[f"{one.measure.effect}_t"] += grown * one.measure.value("saved_t_unit_a")
        return out

    def by_unit(self, chosen: Collection[int] | None = None) -> FloatArray:
        """Tonnes saved in homes by unit and year, t CO2e/a."""
        picked = self.everything if chosen is None else frozenset(chosen)
        ef = self.factors(self.outside.path, picked) / 1e6
        out = self._weighed(ef, picked)
        plain = self.factors(self.outside.path, frozenset()) / 1e6
        if not np.array_equal(plain, ef):  # cleaner district heat reaches everybody on the network
            out = out + self.planning.kwh @ (plain - ef)
        return np.asarray(out * self.outside.activity(HOUSEHOLDS))

    def bill_by_unit(self) -> FloatArray:
        """Energy cost saved in homes by unit and year, EUR/a; carriers without a published price count nothing."""
        price = np.nan_to_num(self.planning.eur_kwh)
        return self._weighed(price, self.everything) * self.outside.activity(HOUSEHOLDS)

    def _weighed(self, per_kwh: FloatArray, picked: frozenset[int]) -> FloatArray:
        """Energy saved in homes by unit and year, weighed by a figure for each carrier, power and year."""
        heat, power = self._saved_heat(picked, per_kwh[:-1]), self._saved_power(picked)
        out = np.zeros((len(self.planning.units), len(YEARS)))
        if heat is not None and heat.t_by_unit is not None:
            out += heat.t_by_unit
        if power is not None:
            out += power * per_kwh[-1]
        return out


def planning_kwh(planning: Planning) -> FloatArray:
    """Households' energy by area, carriers and power, kWh/a: sums to the balance."""
    return planning.remembered(
        "kwh by area",
        lambda: np.column_stack(
            [np.bincount(planning.heat.area, column, len(planning.areas)) for column in planning.balance_kwh.T]
        ),
    )


def generation_kwh(one: Placed) -> float:
    """Yield of one unit of a measure that makes power, kWh/a."""
    figure = "yield_kwh_kwp_a" if "yield_kwh_kwp_a" in one.measure.figures else "yield_kwh_unit_a"
    return one.measure.value(figure)


def _ramped(quantity: FloatArray, years: float) -> FloatArray:
    """What has grown up: each year's addition reaches its full effect after `years`, evenly."""
    added = np.diff(quantity, prepend=0.0)
    age = YEARS[:, None] - YEARS[None, :]
    return np.asarray(np.clip((age + 0.0) / max(years, 1e-9), 0, 1) @ added)


def impact(
    planning: Planning, placements: Sequence[Placement], outside: Outside | None = None, *, seed: int = 0
) -> Impact:
    """Place measures and compute with minus without.

    Parameters
    ----------
    planning
        What there is in the place.
    placements
        One or more; see `layers.placing.place` for what is refused.
    outside
        External path and activity; the central path and no growth when None.
    seed
        Of the sampled attribution of more than six placements.

    Raises
    ------
    PlacementError
        All problems of all placements at once.
    """
    chosen = outside or Outside()
    planning.factors(chosen.path)
    return Impact(planning, tuple(place(planning, placements)), chosen, seed)
