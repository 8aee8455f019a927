"""Where should the next euro go? The most benefit for a budget, and what it costs to let it reach low-income residents.

Candidates are measures at places, each with its cost, its benefit and the part of it that reaches residents of
low-income areas. Benefits are added up, so they must come from a joint state, or each from a bundle of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo import knapsack
from geo.arrays import Argument, BoolArray, FloatArray, IntArray, checked, finite, numbers, quotient
from geo.equity import ranks
from geo.errors import InputError, Problem
from geo.knapsack import TOLERANCE, Knapsack, Solution, Status

Method: TypeAlias = Literal["exact", "greedy"]

_IDS = ("group", "requires", "area")
# low-income benefits closer than this share of the highest are one step of the front
_RESOLUTION = 1e-6


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the money may be spent on; checked, and lists made arrays, when it is made.

    Attributes
    ----------
    cost_eur
        Cost of each, EUR, >= 0.
    benefit
        Benefit of each, >= 0, any unit that adds up (t, m2, EUR).
    low_income_benefit
        Part of it that reaches residents of low-income areas, same unit, 0..benefit.
    group
        Of candidates with the same number at most one is chosen; -1 for none. None: no groups.
    requires
        Position of the candidate that must be chosen too; -1 for none. None: nothing requires another.
    area
        Number of the area to whose cap the cost counts; -1 for none. None: no areas.
    weight
        Welfare weight of the benefit, as `welfare_weights` gives; None: each counts alike.

    Raises
    ------
    InputError
        Everything that is missing, negative, of another length or impossible, at once.
    """

    cost_eur: FloatArray
    benefit: FloatArray
    low_income_benefit: FloatArray
    group: IntArray | None = None
    requires: IntArray | None = None
    area: IntArray | None = None
    weight: FloatArray | None = None

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        names = [name for name in given if given[name] is not None]
        flat = {name: array for name in names if (array := numbers(given[name])) is not None and array.ndim == 1}
        what, remedy = "is not one number for each candidate", "Give a list of numbers."
        shapes = [Problem(name, what, remedy) for name in names if name not in flat]
        size = flat["cost_eur"].size if "cost_eur" in flat else None
        arguments = [Argument(name, flat[name], low=-1 if name in _IDS else 0, size=size) for name in flat]
        arrays = dict(zip(flat, checked(*arguments, also=shapes), strict=True))
        problems = _above(arrays["low_income_benefit"], arrays["benefit"])
        problems += [problem for name in _IDS if name in arrays for problem in _id_problems(name, arrays[name])]
        if problems:
            raise InputError(problems)
        for name, array in arrays.items():
            kind = np.int64 if name in _IDS else np.float64
            object.__setattr__(self, name, np.ascontiguousarray(array, dtype=kind))

    def __len__(self) -> int:
        return len(self.cost_eur)


@dataclass(frozen=True, eq=False)
class Choice:
    """What is chosen, and how sure it is that nothing better can be.

    Attributes
    ----------
    chosen
        Whether each candidate is chosen.
    status
        ``optimal``: proven. ``within_gap``: at most `gap` below the best. ``time_limit``: stopped before that.
        ``greedy``: asked for, or too large to prove. ``infeasible``: the floor cannot be reached; nothing is chosen.
    objective, bound
        What was maximised, and what no choice can exceed.
    gap
        (bound - objective) / bound, 0..1.
    cost_eur, benefit, low_income_benefit
        Totals of what is chosen.
    reason
        What makes it infeasible; empty otherwise.
    highest_floor
        Where it is infeasible: low-income benefit that can be reached.

    All figures are NaN where it is infeasible, `highest_floor` where it is not.
    """

    chosen: BoolArray
    status: Status
    objective: float
    bound: float
    gap: float
    cost_eur: float
    benefit: float
    low_income_benefit: float
    reason: str = ""
    highest_floor: float = np.nan


@dataclass(frozen=True, eq=False)
class Front:
    """Choices of which none is better in both benefit and low-income benefit, the most benefit first.

    Attributes
    ----------
    choices
        Benefit falls, low-income benefit rises.
    complete
        Whether no further choice lies between these, to the gap that was asked for.
    """

    choices: tuple[Choice, ...]
    complete: bool

    @property
    def price_of_equity(self) -> FloatArray:
        """Benefit given up per unit of low-income benefit won, from each choice to the next; one fewer than choices."""
        steps = [
            (a.benefit - b.benefit, b.low_income_benefit - a.low_income_benefit) for a, b in pairwise(self.choices)
        ]
        return np.asarray([lost / won for lost, won in steps], dtype=np.float64)

    @property
    def price_from_first(self) -> FloatArray:
        """As `price_of_equity`, from the first choice to each; NaN for the first itself."""
        first = self.choices[0]
        lost = [first.benefit - choice.benefit for choice in self.choices]
        return quotient(lost, [choice.low_income_benefit - first.low_income_benefit for choice in self.choices])


def choose(
    candidates: Candidates,
    budget_eur: float,
    *,
    omega: float = 0.0,
    floor: float | None = None,
    caps: Mapping[int, float] | None = None,
    gap: float = 1e-4,
    time_limit_s: float = 30.0,
    method: Method = "exact",
) -> Choice:
    """Choose the candidates that are worth most together: sum of ``benefit * weight + omega * low_income_benefit``.

    Parameters
    ----------
    candidates
        What there is to choose from.
    budget_eur
        EUR, >= 0.
    omega
        What low-income benefit counts besides its own worth, >= 0. Not together with welfare weights.
    floor
        Least low-income benefit.
    caps
        Most EUR by area; areas not named have no cap.
    gap
        Share of the best that may be missed, 0 for a proof.
    time_limit_s
        Seconds for one search; there may be five. Only a search that is stopped can differ from run to run.
    method
        ``greedy``: by value per cost, exchanging singles, with a bound and no search. Also taken where over
        `geo.knapsack.MAX_BINARIES` candidates stay open.

    Returns
    -------
    Choice
        Keeps all limits to a share of 1e-9. The same for the same candidates; their order changes no figure.

    Raises
    ------
    InputError
        Arguments that cannot be; a floor that was not reached without a proof that it cannot be.
    """
    given, order = _knapsack(candidates, budget_eur, omega=omega, floor=floor, caps=caps)
    _search_problems(gap, time_limit_s)
    found = knapsack.solve(given, gap=gap, time_limit_s=time_limit_s, exact=method == "exact")
    if found.status == "floor_not_met":
        remedy = "Lower the floor, raise the budget, or search exactly and longer."
        raise InputError(Problem("floor", f"{_out_of_reach(given, found)} as far as was searched", remedy))
    return _choice(candidates, given, order, found)


def front(
    candidates: Candidates,
    budget_eur: float,
    *,
    steps: int = 11,
    caps: Mapping[int, float] | None = None,
    gap: float = 1e-4,
    time_limit_s: float = 30.0,
    method: Method = "exact",
) -> Front:
    """Trade benefit for low-income benefit: the most of the one with ever more of the other (epsilon-constraint).

    Parameters
    ----------
    candidates
        Without welfare weights: the floor is what weighs here.
    budget_eur, caps, gap, time_limit_s, method
        As `choose`, for each step.
    steps
        Most choices to return, >= 2; the floors lie evenly between the two ends, and then between choices that may
        have others between them. Each may take three choices.

    Returns
    -------
    Front
        From the most benefit to the most low-income benefit.

    Raises
    ------
    InputError
        Arguments that cannot be.
    """
    wrong = [] if candidates.weight is None else [Problem("weight", "is no part of the front", "Leave it out.")]
    checked(Argument("steps", steps, low=2), also=wrong)
    _search_problems(gap, time_limit_s)
    given, order = _knapsack(candidates, budget_eur, omega=0.0, floor=None, caps=caps)

    def at(floor: float, goal: Knapsack = given) -> list[Choice]:
        bounded = replace(goal, floor=floor)
        found = knapsack.solve(bounded, gap=gap, time_limit_s=time_limit_s, exact=method == "exact")
        unknown = found.status in {"infeasible", "floor_not_met"}
        return [] if unknown else [_choice(candidates, bounded, order, found)]

    found = at(0.0)
    # the last digit of the highest floor is what takes the longest
    highest = at(0.0, replace(given, value=given.low))[0].low_income_benefit * (1 - gap)
    for floor in np.linspace(found[0].low_income_benefit, highest, int(steps))[1:]:
        if floor > found[-1].low_income_benefit:
            found += at(floor)
    choices, complete = _between(_undominated(found), at, int(steps), _RESOLUTION * highest)
    proven = all(choice.status in {"optimal", "within_gap"} for choice in choices)
    return Front(tuple(choices), complete and proven)


@dataclass(frozen=True, eq=False)
class Typology:
    """Where need is high and supply is low.

    Attributes
    ----------
    kind
        Need and supply of each area: ``HH``, ``HL`` (the priority), ``LH``, ``LL``; empty where either is unknown.
    difference
        Share of people with less need minus share with less supply, -1..1, at the middle of an area's people; NaN
        where either is unknown.
    priority
        1 for the ``HL`` area with the greatest difference, and so on; equal differences share the better rank; 0 for
        all that are not ``HL``.
    need_cut, supply_cut
        Need and supply from which on they are high.
    """

    kind: NDArray[np.str_]
    difference: FloatArray
    priority: IntArray
    need_cut: float
    supply_cut: float


def typology(
    need: ArrayLike,
    supply: ArrayLike,
    population: ArrayLike,
    *,
    need_cut: float | None = None,
    supply_cut: float | None = None,
) -> Typology:
    """Compare the need of each area with what it gets.

    Parameters
    ----------
    need
        Rises with need: rate of low incomes, heat. NaN where unknown.
    supply
        What is given per head, rises with it. NaN where unknown.
    population
        People of each area; they weigh the medians and ranks.
    need_cut, supply_cut
        Value from which on an area is high. None: the next value above the population-weighted median, or the highest
        value where most people have that.

    Returns
    -------
    Typology
        One row for each area.

    Raises
    ------
    InputError
        All known values are equal and no cut is given: nothing is high or low then. No area with people is known.
    """
    people = finite("population", population, minimum=0)
    values = {"need": _column("need", need, people.size), "supply": _column("supply", supply, people.size)}
    known = ~np.isnan(values["need"]) & ~np.isnan(values["supply"])
    if not people[known].sum() > 0:
        where = Problem("need, supply", "are known of no area with people", "Give both for areas with people.")
        raise InputError(where)
    cuts = {"need": need_cut, "supply": supply_cut}
    problems = [p for name in values if cuts[name] is None for p in _same(name, values[name][known], people[known])]
    checked(*(Argument(f"{name}_cut", cut) for name, cut in cuts.items() if cut is not None), also=problems)
    found, high, rank = {}, {}, {}
    for name, column in values.items():
        cut = cuts[name]
        found[name] = _median_cut(column[known], people[known]) if cut is None else float(cut)
        high[name] = np.where(column[known] >= found[name], "H", "L")
        rank[name] = ranks(column[known], people[known])
    kind = np.full(people.size, "", dtype="<U2")
    kind[known] = np.char.add(high["need"], high["supply"])
    difference = np.full(people.size, np.nan)
    difference[known] = np.round(rank["need"] - rank["supply"], 12)  # equal differences stay equal
    priority = np.zeros(people.size, np.int64)
    first = kind == "HL"
    falling = -difference[first]
    priority[first] = 1 + np.searchsorted(np.sort(falling), falling)  # equal ones share the better rank
    return Typology(kind, difference, priority, found["need"], found["supply"])


def welfare_weights(income: ArrayLike, mean: float, eta: float = 1.3) -> FloatArray:
    """Worth of a euro to people of an income, 1 at the mean: ``(mean / income) ** eta`` (UK Green Book).

    Parameters
    ----------
    income
        Income per head, any unit, above 0.
    mean
        Mean of the population, same unit.
    eta
        Elasticity of the marginal utility of income, >= 0; 0 weighs everybody alike.

    Returns
    -------
    FloatArray
        One weight for each income.
    """
    each, middle, power = checked(
        Argument("income", income, above=0), Argument("mean", mean, above=0), Argument("eta", eta, low=0)
    )
    return np.asarray((middle / each) ** power)


def _knapsack(
    candidates: Candidates, budget_eur: float, *, omega: float, floor: float | None, caps: Mapping[int, float] | None
) -> tuple[Knapsack, IntArray]:
    """Arrays of the search, in an order that depends on the candidates alone, and that order."""
    caps = caps or {}
    wrong = []
    if caps and candidates.area is None:
        wrong.append(Problem("caps", "are given, but no candidate has an area", "Give candidates their `area`."))
    if omega != 0 and candidates.weight is not None:
        wrong.append(Problem("omega", "and welfare weights count the same twice", "Give one of them."))
    arguments = [Argument("budget_eur", budget_eur, low=0), Argument("omega", omega, low=0)]
    arguments += [] if floor is None else [Argument("floor", floor, low=0)]
    arguments += [Argument(f"caps[{area}]", cap, low=0) for area, cap in caps.items()]
    checked(*arguments, also=wrong)

    n = len(candidates)
    none = np.full(n, -1, np.int64)
    group, requires, area = (
        none if ids is None else ids for ids in (candidates.group, candidates.requires, candidates.area)
    )
    cost, low = candidates.cost_eur, candidates.low_income_benefit
    weight = np.ones(n) if candidates.weight is None else candidates.weight
    value = candidates.benefit * weight + omega * low
    traits = (value, cost, low)
    before = [np.where(requires >= 0, trait[requires], -1) for trait in traits] if n else []
    order = np.lexsort((*before, group, area, *(-trait for trait in traits)))
    place = np.append(np.argsort(order), -1)  # of -1 is -1
    areas, dense = np.unique(area, return_inverse=True)
    room = np.array([caps.get(int(one), np.inf) if one >= 0 else np.inf for one in areas])
    groups, member = np.unique(group, return_inverse=True)
    member = member - int(groups.size > 0 and groups[0] < 0)
    return Knapsack(
        cost[order],
        value[order],
        low[order],
        member[order],
        place[requires][order],
        dense[order],
        float(budget_eur),
        float(floor or 0),
        room,
    ), order


def _choice(candidates: Candidates, given: Knapsack, order: IntArray, found: Solution) -> Choice:
    chosen = np.zeros(len(candidates), np.bool_)
    if found.status == "infeasible":
        nothing = (np.nan,) * 6
        return Choice(chosen, found.status, *nothing, _out_of_reach(given, found), found.highest_floor)
    # summed in the order of the search, so that the order of the candidates changes no figure
    taken = order[found.chosen]
    chosen[taken] = True
    totals = (candidates.cost_eur, candidates.benefit, candidates.low_income_benefit)
    cost, benefit, low = (float(amount[taken].sum()) for amount in totals)
    return Choice(chosen, found.status, found.value, found.bound, found.gap, cost, benefit, low)


def _out_of_reach(given: Knapsack, found: Solution) -> str:
    return f"a floor of {given.floor:.12g} is out of reach: the other limits allow {found.highest_floor:.12g}"


def _undominated(choices: list[Choice]) -> list[Choice]:
    """Keep what no other choice beats in one figure without losing in the other; one of equal ones."""
    kept: list[Choice] = []
    for choice in sorted(choices, key=lambda c: (-c.benefit, -c.low_income_benefit)):
        if not kept or choice.low_income_benefit > kept[-1].low_income_benefit:
            kept.append(choice)
    return kept


def _between(
    choices: list[Choice], at: Callable[[float], list[Choice]], steps: int, resolution: float
) -> tuple[list[Choice], bool]:
    """Look for choices between neighbours until there are `steps`, or none is left; and whether none is."""
    empty: set[tuple[float, float]] = set()
    while True:
        ends = [(a.low_income_benefit, b.low_income_benefit) for a, b in pairwise(choices)]
        unsure = [(high - low, low, high) for low, high in ends if (low, high) not in empty]
        if not unsure or len(choices) >= steps:
            return choices, not unsure
        _, low, high = max(unsure)
        known = [choice.low_income_benefit for choice in choices]
        for floor in ((low + high) / 2, low + resolution):
            grown = _undominated([*choices, *(at(floor) if floor < high else [])])
            if [one.low_income_benefit for one in grown] != known:
                choices = grown
                break
        else:
            empty.add((low, high))


def _search_problems(gap: float, time_limit_s: float) -> None:
    checked(Argument("gap", gap, low=0, high=1), Argument("time_limit_s", time_limit_s, above=0))


def _above(part: FloatArray, whole: FloatArray) -> list[Problem]:
    over = np.flatnonzero(part > whole * (1 + TOLERANCE))
    if not over.size:
        return []
    what = f"{over.size} value(s) above the benefit that they are part of"
    return [Problem(f"low_income_benefit[{over[0]}]", what, "Give the part that reaches low-income residents.")]


def _id_problems(name: str, ids: FloatArray) -> list[Problem]:
    """List what keeps numbers from being positions or names, and requirements from being met."""
    odd = np.flatnonzero(ids != np.round(ids))
    if odd.size:
        return [Problem(f"{name}[{odd[0]}]", f"{odd.size} value(s) not whole", "Give whole numbers, -1 for none.")]
    if name != "requires":
        return []
    n = ids.size
    beyond = np.flatnonzero(ids >= n)
    if beyond.size:
        what = f"{beyond.size} value(s) beyond the last candidate {n - 1}"
        return [Problem(f"requires[{beyond[0]}]", what, "Give positions of candidates, -1 for none.")]
    ahead = np.append(ids.astype(np.int64), n)
    ahead[ahead < 0] = n
    for _ in range(n.bit_length() + 1):  # each round looks twice as far ahead
        ahead = ahead[ahead]
    circle = np.flatnonzero(ahead[:n] < n)
    if circle.size:
        what = f"{circle.size} candidate(s) that require each other in a circle"
        return [Problem(f"requires[{circle[0]}]", what, "Make what goes together one candidate.")]
    return []


def _column(name: str, values: ArrayLike, size: int) -> FloatArray:
    """Numbers of which some may be missing."""
    column = numbers(values)
    known = column if column is None else np.where(np.isnan(column), 0.0, column)
    checked(Argument(name, known, size=size))
    return np.asarray(column)


def _same(name: str, values: FloatArray, people: FloatArray) -> list[Problem]:
    values = values[people > 0]
    if np.ptp(values) > 0:
        return []
    return [Problem(name, f"is {values[0]:g} everywhere: high and low cannot be told apart", f"Give a {name}_cut.")]


def _median_cut(values: FloatArray, people: FloatArray) -> float:
    """Value next above the median of people; the highest where that is the median."""
    each, group = np.unique(values[people > 0], return_inverse=True)
    share = np.cumsum(np.bincount(group, people[people > 0])) / people.sum()
    middle = int(np.searchsorted(share, 0.5 - TOLERANCE))
    return float(each[min(middle + 1, each.size - 1)])
