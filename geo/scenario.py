"""The joint state of measures on the building stock: demand multiplies, technology acts on what remains.

Every unit of the stock is in one state each year, with all measures that have reached it; a measure's effect is that
state against the one without any. Nothing is ever added up from measures looked at alone.

Method: reference 3.1, 3.2; inside a unit that holds several buildings, measures of different groups meet as often as
their shares say (independence), measures of one exclusive group never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.arrays import Argument, FloatArray, IntArray, finite, sum_by
from geo.errors import InputError, Problem

MAX_CARRIERS = 16
ROUNDING = 1e-12


@dataclass(frozen=True)
class HeatStock:
    """Useful heat of a stock, and who burns what for it.

    Attributes
    ----------
    first
        First segment of each unit, shape (units + 1,).
    kind
        Archetype of each segment, segments of a unit sorted by age.
    useful_kwh
        Useful heat of each segment in kWh/a, >= 0.
    age_of_kind
        Row of `propensity` of each archetype.
    propensity, tilt
        Share of a carrier ~ ``propensity[age, carrier] * tilt[unit, carrier]``, see `geo.carriers`.
    final_per_useful
        Final energy per useful heat by carrier: 1 / efficiency.
    area
        Area of each unit, 0..n_areas-1.
    n_areas
        How many areas there are.
    """

    first: IntArray
    kind: IntArray
    useful_kwh: FloatArray
    age_of_kind: IntArray
    propensity: FloatArray
    tilt: FloatArray
    final_per_useful: FloatArray
    area: IntArray
    n_areas: int

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def every_carrier(self) -> int:
        """Bits of all carriers."""
        return (1 << len(self.final_per_useful)) - 1

    def quantities(self, amount: FloatArray, carriers: NDArray[np.uint16], variant: IntArray) -> FloatArray:
        """Sum an amount of segments as far as their carriers take part.

        Parameters
        ----------
        amount
            Amount of each segment, any unit.
        carriers
            Carriers that take part, as bits, shape (variants, archetypes).
        variant
            Row of `carriers` that holds for each unit; -1 where nothing takes part.

        Returns
        -------
        FloatArray
            Sum by unit.
        """
        from geo import scenario_kernels as kernels  # noqa: PLC0415 - slow to import

        out = np.zeros(len(self))
        kernels.quantities(
            self.first, self.kind, amount, self.age_of_kind, self.propensity, self.tilt, carriers,
            np.uint16(self.every_carrier), variant.astype(np.int64), out,
        )  # fmt: skip
        return out


@dataclass(frozen=True)
class Action:
    """What one measure does to the heat of buildings that take it.

    Attributes
    ----------
    group
        Measures of the same group exclude each other: a building takes one at most.
    carriers
        Carriers it acts on, as bits, by archetype; 0 where the archetype takes no part.
    saved
        Share of useful heat that it saves, by archetype, 0..1; None for a change of the heating.
    to_carrier
        New carrier of a changed heating; None where heat is saved.
    per_useful
        Final energy of the new heating per useful heat: 1 / efficiency or seasonal performance factor.
    """

    group: str
    carriers: NDArray[np.uint16]
    saved: FloatArray | None = None
    to_carrier: int | None = None
    per_useful: float = 0.0


@dataclass(frozen=True)
class Adoption:
    """Which share of each unit has taken each measure in each year.

    Attributes
    ----------
    curve
        Row of `curves` for each unit and measure, shape (units, measures).
    curves
        Shares, shape (curves, years). Row y < years is 0 before year y and 1 from then on, row `years` is all 0.
    """

    curve: NDArray[np.unsignedinteger]
    curves: FloatArray

    def share(self, measure: int) -> FloatArray:
        """Share of each unit by year, shape (units, years)."""
        return np.asarray(self.curves[self.curve[:, measure]])

    def final(self, measure: int) -> FloatArray:
        """Share of each unit in the last year."""
        return np.asarray(self.curves[:, -1][self.curve[:, measure]])


@dataclass(frozen=True)
class Saved:
    """Energy and emissions without measures less those with them.

    Attributes
    ----------
    kwh
        Final energy by area, carrier and year; below 0 where a carrier gains.
    t_by_unit
        Tonnes CO2e by unit and year; None if not asked for.
    """

    kwh: FloatArray
    t_by_unit: FloatArray | None


def steps(years: int) -> FloatArray:
    """First rows of every table of curves: taken at once in one year, or never."""
    return np.vstack([np.triu(np.ones((years, years))), np.zeros(years)])


def saved(
    stock: HeatStock,
    actions: Sequence[Action],
    adoption: Adoption,
    *,
    ef_t_kwh: ArrayLike | None = None,
) -> Saved:
    """Compute what measures save together.

    Parameters
    ----------
    stock
        Heat of the stock.
    actions
        What each measure does, in the order of `adoption.curve`.
    adoption
        Who has taken what, and when. A unit's shares of one group must not sum to more than 1; that is for whoever
        places measures to keep, and is not looked up again here.
    ef_t_kwh
        Emission factors by carrier and year, t CO2e per kWh final energy; gives tonnes by unit.

    Returns
    -------
    Saved
        Of the joint state. Units that no measure reaches are not looked at: doing nothing changes nothing, exactly.

    Raises
    ------
    InputError
        Too many carriers, an action that neither saves nor changes or is of other archetypes, changes of heating in
        two groups or in one with savings, a table of curves without the steps or short of rows, factors of another
        shape; all of them.
    """
    from geo import scenario_kernels as kernels  # noqa: PLC0415 - slow to import

    n_carriers, years = len(stock.final_per_useful), adoption.curves.shape[1]
    _check(stock, actions, adoption, ef_t_kwh)
    # measures of a group stand side by side, so that their shares can be added before groups multiply
    order = sorted(range(len(actions)), key=lambda m: actions[m].group)
    names = {name: i for i, name in enumerate(sorted({a.group for a in actions}))}
    chosen = [actions[m] for m in order]
    kinds = len(stock.age_of_kind)
    keep, limit = np.ones((kinds, len(chosen))), np.zeros((kinds, len(chosen)), np.uint16)
    for m, action in enumerate(chosen):
        limit[:, m] = action.carriers
        if action.saved is not None:
            keep[:, m] = np.where(action.carriers > 0, 1 - np.asarray(action.saved), 1.0)
    every = stock.every_carrier
    adopted = adoption.curve if order == list(range(len(order))) else np.ascontiguousarray(adoption.curve[:, order])
    by_area = np.zeros((kernels.PARTS, stock.n_areas, n_carriers, years))
    by_unit = None if ef_t_kwh is None else np.zeros((len(stock), years))
    whole = all(a.saved is not None and np.isin(a.carriers, (0, every)).all() for a in chosen)
    if by_unit is None and n_carriers == 1 and len(adoption.curves) == years + 1 and whole:
        kernels.change_at_once(
            stock.first, stock.kind, stock.useful_kwh, float(stock.final_per_useful[0]), stock.area, adopted, keep,
            by_area,
        )  # fmt: skip
        return Saved(by_area.sum(axis=0), None)
    units = _side_by_side(stock, adopted, len(adoption.curves), np.flatnonzero((adopted != years).any(axis=1)))
    of_stock = (
        units, stock.first, stock.kind, stock.useful_kwh, stock.age_of_kind, stock.propensity, stock.tilt,
        stock.final_per_useful,
    )  # fmt: skip
    of_measures = (
        adopted.astype(np.uint32), adoption.curves, keep, limit,
        np.array([names[a.group] for a in chosen], dtype=np.int64),
        np.array([a.saved is None for a in chosen], dtype=bool),
        np.array([-1 if a.to_carrier is None else a.to_carrier for a in chosen], dtype=np.int64),
        np.array([a.per_useful for a in chosen], dtype=np.float64),
    )  # fmt: skip
    kernels.change(*of_stock, stock.area, *of_measures, by_area)
    if ef_t_kwh is not None and by_unit is not None:
        kernels.tonnes(*of_stock, *of_measures, finite("ef_t_kwh", ef_t_kwh, size=years), by_unit)
    return Saved(by_area.sum(axis=0), by_unit)


def _side_by_side(stock: HeatStock, adopted: NDArray[np.unsignedinteger], n_curves: int, units: IntArray) -> IntArray:
    """Put units side by side that lie in one area and take the same measures in the same years."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    code, size = stock.area[units].astype(np.int64), stock.n_areas
    for column in adopted.T:
        if size * n_curves >= 2**62:
            code, known = pd.factorize(code)
            size = len(known)
        code = code * n_curves + column[units]
        size *= n_curves
    code, known = pd.factorize(code)
    # sixteen bits are sorted by radix
    return units[np.argsort(code.astype(np.uint16) if len(known) <= 2**16 else code, kind="stable")]


def _check(stock: HeatStock, actions: Sequence[Action], adoption: Adoption, ef_t_kwh: ArrayLike | None) -> None:
    n_carriers, years, kinds = len(stock.final_per_useful), adoption.curves.shape[1], len(stock.age_of_kind)
    problems = []
    if n_carriers > MAX_CARRIERS:
        problems.append(Problem("carriers", f"{n_carriers} are too many", f"Give {MAX_CARRIERS} at most."))
    if adoption.curve.shape != (len(stock), len(actions)):
        shape = (len(stock), len(actions))
        problems.append(Problem("adoption", f"has shape {adoption.curve.shape}", f"Give {shape} for units, measures."))
    elif adoption.curve.size and int(adoption.curve.max()) >= len(adoption.curves):
        what = f"names row {int(adoption.curve.max())} of {len(adoption.curves)}"
        problems.append(Problem("adoption.curve", what, "Give rows of `curves`."))
    if len(adoption.curves) <= years or not (adoption.curves[: years + 1] == steps(years)).all():
        problems.append(Problem("curves", "do not start with the steps", "Put `steps(years)` before all others."))
    if ef_t_kwh is not None and np.shape(ef_t_kwh) != (n_carriers, years):
        what = f"has shape {np.shape(ef_t_kwh)}"
        problems.append(Problem("ef_t_kwh", what, f"Give {(n_carriers, years)} for carriers, years."))
    for m, action in enumerate(actions):
        problems += _check_action(f"action {m}", action, n_carriers, kinds)
    problems += _check_groups(actions)
    if problems:
        raise InputError(problems)


def _check_action(where: str, action: Action, n_carriers: int, kinds: int) -> list[Problem]:
    if action.carriers.shape != (kinds,):
        return [Problem(where, f"names carriers of {action.carriers.shape} archetypes", f"Give {kinds}.")]
    if (action.saved is None) == (action.to_carrier is None):
        return [Problem(where, "must either save heat or change the carrier", "Give `saved` or `to_carrier`.")]
    if action.to_carrier is not None:
        if 0 <= action.to_carrier < n_carriers and action.per_useful > 0:
            return []
        return [Problem(where, "has no new carrier", "Give its number, and a `per_useful` above 0.")]
    share = np.asarray(action.saved, dtype=np.float64)
    if share.shape != (kinds,) or not ((share >= 0) & (share <= 1)).all():
        return [Problem(where, "saves what is no share of each archetype", f"Give {kinds} shares from 0 to 1.")]
    return []


def _check_groups(actions: Sequence[Action]) -> list[Problem]:
    """Changes of heating exclude each other, so they are one group, and nothing else is in it."""
    supply = {a.group for a in actions if a.to_carrier is not None}
    mixed = supply & {a.group for a in actions if a.saved is not None}
    problems = []
    if len(supply) > 1:
        what = f"change the heating in the groups {', '.join(sorted(supply))}"
        problems.append(Problem("actions", what, "Put them into one group: a building has one heating."))
    if mixed:
        what = f"both save heat and change the heating in the group {', '.join(sorted(mixed))}"
        problems.append(Problem("actions", what, "Put them into groups of their own."))
    return problems


@dataclass(frozen=True)
class Queue:
    """Who takes a measure when, of those that may.

    Attributes
    ----------
    low, high
        Position of each unit in the queue, as a share of all that is eligible; the same for units that go together.
    room
        Share of the unit that may take it, 0..1.
    """

    low: FloatArray
    high: FloatArray
    room: FloatArray

    def turn(self) -> tuple[float, float] | None:
        """Position in the queue of all who take part, where they go together; None where not, or where nobody does."""
        at = np.flatnonzero(self.room)
        if not at.size:
            return None
        low, high = float(self.low[at[0]]), float(self.high[at[0]])
        same = bool((self.low[at] == low).all() and (self.high[at] == high).all())
        return (low, high) if same else None

    def amounts(self, amount: FloatArray, reached: FloatArray, group: IntArray, n: int) -> FloatArray:
        """Sum an amount of the units that have taken it by group and year, shape (n, years)."""
        from geo import scenario_kernels as kernels  # noqa: PLC0415 - slow to import

        together = self.turn()
        if together is not None:
            low, high = together
            done = np.clip((reached - low) / max(high - low, np.finfo(float).tiny), 0, 1)
            return np.outer(sum_by(group, amount * self.room, n), done)
        out = np.zeros((n, len(reached)))
        kernels.amounts(amount, self.low, self.high, self.room, reached, group.astype(np.int64), out)
        return out

    def shares(self, reached: FloatArray) -> FloatArray:
        """Share of each unit by year, shape (units, years), when `reached` of all that is eligible has taken it."""
        width = np.maximum(self.high - self.low, np.finfo(float).tiny)
        done = np.clip((reached - self.low[:, None]) / width[:, None], 0, 1)
        return np.asarray(self.room[:, None] * done)


def queue(quantity: FloatArray, room: FloatArray, score: FloatArray | None = None) -> Queue:
    """Line units up for a measure.

    Parameters
    ----------
    quantity
        What is eligible in each unit, any unit, >= 0.
    room
        Share of it that is still free, 0..1.
    score
        Lowest first; units with the same score go together, so that their order cannot matter. All go together when
        None.

    Returns
    -------
    Queue
        Positions as shares of ``quantity.sum()``.

    Raises
    ------
    InputError
        Missing or negative quantities, room outside 0..1 or of another length.
    """
    problems = [
        *Argument("quantity", quantity, low=0).problems(),
        *Argument("room", room, low=0, high=1 + ROUNDING, size=np.size(quantity)).problems(),
    ]
    if problems:
        raise InputError(problems)
    free = quantity * room
    total = quantity.sum()
    if total <= 0:
        return Queue(np.zeros_like(free), np.ones_like(free), np.zeros_like(free))
    takes_part = np.where(free > 0, room, 0.0)
    if score is None:
        return Queue(np.zeros_like(free), np.full_like(free, free.sum() / total), takes_part)
    _, group = np.unique(score, return_inverse=True)
    mass = np.bincount(group, free) / total
    high = np.cumsum(mass)
    return Queue((high - mass)[group], high[group], takes_part)


def encode(queues: Sequence[Queue], reached: Sequence[FloatArray]) -> Adoption:
    """Put queues and their uptake into one table.

    Parameters
    ----------
    queues
        One for each measure.
    reached
        Share of all that is eligible by year, never falling; one for each measure.

    Raises
    ------
    InputError
        No measure, queues of other units or curves of other years, shares outside 0..1 or falling.
    """
    _check_queues(queues, reached)
    years = len(reached[0])
    table, width = [steps(years)], years + 1
    columns = []
    for line, share in zip(queues, reached, strict=True):
        column = np.full(len(line.room), years, dtype=np.int64)
        there = line.room > 0
        together = line.turn()
        # at once: the year before the unit's turn nothing, and all of it in that year
        low, high = (line.low, line.high) if together is None else together
        begun = np.broadcast_to(np.searchsorted(share, low + ROUNDING, side="right"), column.shape)
        over = np.searchsorted(share, high * (1 - ROUNDING), side="left")
        at_once = there & (begun == over) & (begun < years) & (line.room == 1)
        column[at_once] = begun[at_once]
        rest = np.flatnonzero(there & ~at_once & (begun < years))
        if rest.size:
            which, first = _same(line.low[rest], line.high[rest], line.room[rest])
            column[rest] = width + which
            some = rest[first]
            table.append(Queue(line.low[some], line.high[some], line.room[some]).shares(share))
            width += len(first)
        columns.append(column)
    # two kinds of numbers only: each kind is compiled once
    kind = np.uint8 if width <= 256 else np.uint32
    return Adoption(np.column_stack(columns).astype(kind), np.vstack(table))


def _check_queues(queues: Sequence[Queue], reached: Sequence[FloatArray]) -> None:
    problems = []
    if not queues or len(queues) != len(reached):
        what = f"are {len(queues)} for {len(reached)} curves"
        raise InputError(Problem("queues", what, "Give one of both for each measure, one at least."))
    if len({len(line.room) for line in queues}) > 1:
        problems.append(Problem("queues", "are of different units", "Give all for the same stock."))
    if len({np.shape(share) for share in reached}) > 1:
        problems.append(Problem("reached", "is for different years", "Give all for the same years."))
    for m, share in enumerate(reached):
        found = Argument(f"reached {m}", share, low=0, high=1 + ROUNDING).problems()
        if not found and (np.ndim(share) != 1 or (np.diff(share) < 0).any()):
            found = [Problem(f"reached {m}", "falls, or is no list of years", "Give one rising share for each year.")]
        problems += found
    if problems:
        raise InputError(problems)


def _same(*columns: FloatArray) -> tuple[IntArray, IntArray]:
    """Number rows so that equal ones share theirs, and give the first row of each number."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    which = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        if column.min() < column.max():
            code = pd.factorize(column)[0]
            which = pd.factorize(which * (code.max() + 1) + code)[0]
    first = np.full(which.max() + 1, len(which), dtype=np.int64)
    np.minimum.at(first, which, np.arange(len(which)))
    return which, first
