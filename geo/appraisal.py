"""Whether a measure is worth its money, and to whom: perspectives, cost of a tonne, curve, social cost of carbon.

Method: social and private view kept apart after the German Environment Agency's (UBA) method convention for
environmental costs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import (
    Argument,
    BoolArray,
    FloatArray,
    IntArray,
    checked,
    numbers,
    quotient,
    unknown_problems,
)
from geo.errors import InputError, Problem
from geo.paths import along_years

GENERATIONS = ("mk3", "mk4")
NEGATIVE = "negative: rank by net benefit, not by cost"
# UBA: 3 % for the first twenty years, 1.5 % for those beyond
_NEAR, _FAR, _NEAR_YEARS = 0.03, 0.015, 20


# --- perspectives -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Perspective:
    """Whose costs are counted, and how.

    Attributes
    ----------
    name
        Values of perspectives with different names never meet.
    grants
        Whether grants lower the cost.
    prices
        ``"end"`` with taxes and levies, or ``"untaxed"``.
    rate
        Interest where none is given; None = UBA's, 3 % a year for twenty years and 1.5 % for the years beyond.
    rate_low, rate_high
        Range in which another rate is accepted; widen it with `dataclasses.replace` where that is meant.
    """

    name: str
    grants: bool
    prices: Literal["end", "untaxed"]
    rate: float | None
    rate_low: float
    rate_high: float

    def discount_factors(self, years: int, rate: float | None = None) -> FloatArray:
        """Value today of 1 EUR at the end of year 1, 2, … `years`; shape (years,)."""
        t = np.arange(1, years + 1, dtype=np.float64)
        r = self.rate if rate is None else rate
        if r is not None:
            return np.asarray((1 + r) ** -t)
        beyond = np.maximum(t - _NEAR_YEARS, 0)
        return np.asarray((1 + _NEAR) ** -np.minimum(t, _NEAR_YEARS) * (1 + _FAR) ** -beyond)

    def problems(self, prices: str, grant_share: ArrayLike, rate: float | None) -> list[Problem]:
        """List what does not belong into this perspective."""
        found = []
        if prices != self.prices:
            what = f"are {prices!r}, the {self.name} view takes {self.prices!r}"
            found.append(Problem("prices", what, "Compute the saving anew; `untaxed_price` takes taxes out."))
        if not self.grants and np.any(np.asarray(grant_share) != 0):
            found.append(
                Problem("grant_share", f"is not 0 in the {self.name} view", "A grant moves money, it saves none.")
            )
        if rate is not None and not self.rate_low <= rate <= self.rate_high:
            what = f"{rate:g} is outside {self.rate_low:g}..{self.rate_high:g} of the {self.name} view"
            found.append(Problem("rate", what, "Give one within, or widen it with dataclasses.replace."))
        return found


SOCIETAL = Perspective("societal", grants=False, prices="untaxed", rate=None, rate_low=0.0, rate_high=0.03)
ACTOR = Perspective("actor", grants=True, prices="end", rate=0.04, rate_low=0.03, rate_high=0.05)


def untaxed_price(end_eur_kwh: ArrayLike, *, levies_eur_kwh: ArrayLike, vat: ArrayLike = 0.19) -> FloatArray:
    """Price of energy without value added tax and levies (energy tax, CO2 price), EUR/kWh.

    Parameters
    ----------
    end_eur_kwh
        Price that households pay.
    levies_eur_kwh
        Levies within it, before value added tax.
    vat
        Value added tax as a share, 0..1.

    Raises
    ------
    InputError
        Missing or negative values.
    """
    end, levies, tax = checked(
        Argument("end_eur_kwh", end_eur_kwh, low=0),
        Argument("levies_eur_kwh", levies_eur_kwh, low=0),
        Argument("vat", vat, low=0, high=1),
    )
    return np.asarray(end / (1 + tax) - levies)


@dataclass(frozen=True, eq=False)
class Valuation:
    """Money seen from one perspective; refuses to meet money seen from another, or bare numbers.

    Attributes
    ----------
    values
        Any shape; NaN = not defined.
    unit
        ``"EUR/a"`` or ``"EUR/t"``. EUR per tonne can be compared and subtracted, never added.
    perspective
        Whose money it is.
    """

    values: FloatArray
    unit: str
    perspective: Perspective

    # numpy must leave `array + valuation` and `array < valuation` to this class
    __array_ufunc__: ClassVar[None] = None
    __hash__ = None  # type: ignore[assignment]

    @property
    def undefined(self) -> BoolArray:
        """Where there is no value: nothing is abated."""
        return np.asarray(np.isnan(self.values))

    def _meet(self, other: object, compute: Callable[[Any, Any], Any]) -> FloatArray:
        if not isinstance(other, Valuation):
            what = f"{self.unit} in the {self.perspective.name} view meets a bare {type(other).__name__}"
            raise InputError(Problem("valuation", what, "Take `.values`, and say which view you mean."))
        problems = [
            Problem("valuation", f"{mine} meets {theirs}", "They measure different things; show them side by side.")
            for mine, theirs in (
                (f"the {self.perspective.name} view", f"the {other.perspective.name} view"),
                (self.unit, other.unit),
            )
            if mine != theirs
        ]
        if problems:
            raise InputError(problems)
        return np.asarray(compute(self.values, other.values))

    def _sum(self, other: object) -> Valuation:
        if self.unit == "EUR/t":
            remedy = "Divide the sum of the costs by the sum of the tonnes."
            raise InputError(Problem("valuation", "EUR per tonne do not add", remedy))
        return Valuation(self._meet(other, operator.add), self.unit, self.perspective)

    def __add__(self, other: object) -> Valuation:
        return self._sum(other)

    def __radd__(self, other: object) -> Valuation:
        # `sum` starts from 0, which is no money of anybody's
        return self if isinstance(other, int) and other == 0 and self.unit != "EUR/t" else self._sum(other)

    def __sub__(self, other: object) -> Valuation:
        return Valuation(self._meet(other, operator.sub), self.unit, self.perspective)

    def __rsub__(self, other: object) -> Valuation:
        return Valuation(self._meet(other, lambda mine, theirs: theirs - mine), self.unit, self.perspective)

    def __lt__(self, other: object) -> BoolArray:
        return self._meet(other, operator.lt).astype(bool)

    def __le__(self, other: object) -> BoolArray:
        return self._meet(other, operator.le).astype(bool)

    def __gt__(self, other: object) -> BoolArray:
        return self._meet(other, operator.gt).astype(bool)

    def __ge__(self, other: object) -> BoolArray:
        return self._meet(other, operator.ge).astype(bool)

    def __eq__(self, other: object) -> BoolArray:  # type: ignore[override]
        return self._meet(other, operator.eq).astype(bool)

    def __ne__(self, other: object) -> BoolArray:  # type: ignore[override]
        return self._meet(other, operator.ne).astype(bool)


# --- cost of a tonne --------------------------------------------------------------------------------------------------


def abatement_cost_by_year(
    invest_eur: ArrayLike,
    net_saving_eur: ArrayLike,
    abated_t: ArrayLike,
    perspective: Perspective,
    *,
    prices: str,
    grant_share: ArrayLike = 0.0,
    rate: float | None = None,
) -> Valuation:
    """Cost of a tonne avoided, each year with its own prices and factors, ``-NPV / sum_t dE_t / (1 + r)^t``.

    Where every year is like the others this is ``(I * annuity + O - S) / dE``. Tonnes are discounted here like the
    money, or the same tonne would cost less the later it is avoided; headline sums of tonnes are not.

    Parameters
    ----------
    invest_eur
        Shape (...), >= 0.
    net_saving_eur
        Saving less running cost in each year of the lifetime, shape (..., years).
    abated_t
        t CO2e in each of these years, shape (..., years); may be negative in single years.
    perspective
        `SOCIETAL` (set it beside `social_cost`) or `ACTOR`.
    prices
        ``"end"`` or ``"untaxed"``: at which prices the saving was computed.
    grant_share
        Share of the investment that a grant pays, 0..1; 0 in the societal view.
    rate
        Share a year; the perspective's when None.

    Returns
    -------
    Valuation
        EUR/t CO2e, shape (...); negative where a measure pays, NaN where nothing is avoided over the lifetime, or all
        of it comes back.

    Raises
    ------
    InputError
        Everything missing or out of range, a saving without an axis of years, and what does not belong into the
        perspective: a grant or end prices in the societal one, untaxed prices in the actor's, a rate outside its range.
    """
    invest, granted, saving, abated = checked(
        Argument("invest_eur", invest_eur, per_row=True, low=0),
        Argument("grant_share", grant_share, per_row=True, low=0, high=1),
        Argument("net_saving_eur", net_saving_eur, series=True),
        Argument("abated_t", abated_t, series=True),
        also=perspective.problems(prices, grant_share, rate),
    )
    discount = perspective.discount_factors(saving.shape[-1], rate)
    # the investment stands beside every year and counts once
    cost = (invest * (1 - granted))[..., :1].sum(axis=-1) - (saving * discount).sum(axis=-1)
    # tonnes that come back later would look avoided once the later years are discounted
    tonnes = np.where(abated.sum(axis=-1) > 0, (abated * discount).sum(axis=-1), 0.0)
    return Valuation(quotient(cost, tonnes), "EUR/t", perspective)


@dataclass(frozen=True)
class AbatementCurve:
    """Measures by cost of a tonne, drawn as steps.

    Attributes
    ----------
    order
        Positions of the measures, cheapest first.
    cost_eur_t, from_t, to_t
        Height of each step and its two edges on the axis of cumulative tonnes a year, in that order.
    negative
        Which steps pay by themselves, in that order. Their cost is no rank (see `NEGATIVE`): a larger saving of energy
        per EUR saved makes it less negative, though it is better.
    choice
        Positions in the order in which to choose: those that pay by net benefit, then the others by cost.
    left_out
        Positions without an abatement cost or without tonnes.
    perspective
        Whose costs they are.
    """

    order: IntArray
    cost_eur_t: FloatArray
    from_t: FloatArray
    to_t: FloatArray
    negative: BoolArray
    choice: IntArray
    left_out: IntArray
    perspective: Perspective

    @property
    def note(self) -> str:
        """What a reader of the curve must know; empty where no step is negative."""
        return NEGATIVE if self.negative.any() else ""


def abatement_curve(cost: Valuation, abated_t_a: ArrayLike, benefit: Valuation) -> AbatementCurve:
    """Sort measures by the cost of a tonne.

    Parameters
    ----------
    cost
        EUR/t, shape (measures,).
    abated_t_a
        t CO2e a year *after interaction* (shares of the joint effect), shape (measures,), >= 0.
    benefit
        EUR/a of the same perspective, shape (measures,).

    Raises
    ------
    InputError
        Two perspectives, wrong units, shapes that differ, tonnes missing or negative.
    """
    problems = [
        Problem(name, f"is in {valuation.unit}, not {unit}", remedy)
        for name, valuation, unit, remedy in (
            ("cost", cost, "EUR/t", "Give the result of `abatement_cost_by_year`."),
            ("benefit", benefit, "EUR/a", "Give what each measure yields in a year beyond its cost."),
        )
        if valuation.unit != unit
    ]
    if cost.perspective.name != benefit.perspective.name:
        what = f"is of the {benefit.perspective.name} view, the cost of the {cost.perspective.name} one"
        problems.append(Problem("benefit", what, "Give both of one view."))
    lists = [numbers(values) for values in (cost.values, abated_t_a, benefit.values)]
    shapes = {array.shape for array in lists if array is not None}
    if len(shapes) > 1 or cost.values.ndim != 1:
        problems.append(Problem("shapes", f"{sorted(shapes)} are not one list", "Give one value for each measure."))
    problems += Argument("abated_t_a", abated_t_a, low=0).problems() + Argument("benefit", benefit.values).problems()
    if problems:
        raise InputError(problems)
    tonnes = np.asarray(abated_t_a, dtype=np.float64)
    known = ~cost.undefined & (tonnes > 0)
    order = np.argsort(np.where(known, cost.values, np.inf), kind="stable")[: int(known.sum())]
    height, to_t = cost.values[order], np.cumsum(tonnes[order])
    negative = np.asarray(height < 0)
    paying = order[negative]
    choice = np.concatenate([paying[np.argsort(-benefit.values[paying], kind="stable")], order[~negative]])
    from_t = np.concatenate([[0.0], to_t])[:-1]
    return AbatementCurve(order, height, from_t, to_t, negative, choice, np.flatnonzero(~known), cost.perspective)


# --- social cost of carbon --------------------------------------------------------------------------------------------


def social_cost(
    years: ArrayLike,
    node_years: ArrayLike,
    node_eur_t: ArrayLike,
    *,
    generation: str,
    node_generations: Sequence[str],
    node_price_years: Sequence[float] | None = None,
) -> FloatArray:
    """Damage done by a tonne emitted in each year, between published years on straight lines.

    Method: UBA method convention (Methodenkonvention), generations 3 and 4. They rest on different models, so that a
    series of both would show a change of method as a change of damage.

    Parameters
    ----------
    years
        Calendar years asked for, any shape and order.
    node_years, node_eur_t
        Published years, rising, and values in EUR/t CO2e, of one pure time preference.
    generation
        ``"mk3"`` or ``"mk4"``.
    node_generations
        Generation of each node.
    node_price_years
        Year of the prices of each node; where given, it must be the same for all.

    Returns
    -------
    FloatArray
        EUR/t CO2e.

    Raises
    ------
    InputError
        Nodes of another generation or of several price years, years beyond the published ones, missing values.
    """
    problems = [*Argument("years", years).problems(), *unknown_problems("generation", [generation], GENERATIONS)]
    if others := sorted({str(one) for one in node_generations} - {generation}):
        what = f"{', '.join(others)} beside {generation}: generations are not spliced"
        problems.append(Problem("node_generations", what, "Pick the nodes of one generation."))
    nodes = numbers(node_years)
    if nodes is not None and nodes.size != len(node_generations):
        what = f"{len(node_generations)} for {nodes.size} nodes"
        problems.append(Problem("node_generations", what, "Give one for each node."))
    if node_price_years is not None and len(bases := sorted(set(node_price_years))) > 1:
        what = f"{', '.join(f'{base:g}' for base in bases)} are mixed"
        problems.append(Problem("node_price_years", what, "Bring them to one year with `at_price_level`."))
    known, value = checked(
        Argument("node_years", node_years),
        Argument("node_eur_t", node_eur_t, low=0),
        also=problems,
    )
    year = np.asarray(years, dtype=np.float64)
    damage = along_years(year, known, value)
    if year.size and (year.min() < known.min() or year.max() > known.max()):
        what = f"{year.min():g}..{year.max():g} go beyond the published {known.min():g}..{known.max():g}"
        raise InputError(Problem("years", what, "Ask for years within, or add a node and its source."))
    return damage
