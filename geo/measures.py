"""What a measure does: uptake over the years, energy before and after, interaction of measures on one target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial, fsum, isfinite
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, FloatArray, checked, order_problems, unknown_problems
from geo.errors import InputError, Problem

Curve: TypeAlias = Literal["logistic", "linear", "bass", "step"]
Saving: TypeAlias = Callable[[frozenset[str]], float]
EXACT_MEASURES = 6


def uptake(
    years: ArrayLike,
    *,
    start: float,
    end: float,
    maximum: float,
    rate: float = 0.4,
    midpoint: float | None = None,
    curve: Curve = "logistic",
    bass: tuple[float, float] = (0.02, 0.35),
) -> FloatArray:
    """Share of the eligible stock that has taken the measure, exactly 0 at `start` and `maximum` at `end`.

    Parameters
    ----------
    years
        Calendar years, any order.
    start, end
        First and last year of the programme, start < end.
    maximum
        Share reached at the end, 0..1.
    rate
        Steepness of the logistic curve per year.
    midpoint
        Year of the fastest logistic uptake, 45 % of the way when omitted; or the year of the step, the whole
        `maximum` as soon as `start` is over when omitted. The other curves have none.
    curve
        ``"logistic"``; ``"linear"``, the same in each year; ``"bass"``, spread by advertising and by imitation;
        ``"step"``, all at once, as by a rule that comes into force.
    bass
        Innovation p (0.01 to 0.03 as a rule) and imitation q (0.3 to 0.4) per year of the Bass curve, which is
        stretched to reach `maximum` at `end`.

    Returns
    -------
    FloatArray
        Shares, cumulative; constant before the start and after the end.

    Raises
    ------
    InputError
        Years missing or out of order, a share outside 0..1, a rate outside 0..10, an unknown curve, p outside 0..1 or
        q outside 0..2, a midpoint that is not finite, a step outside the programme.
    """
    p, q = bass
    problems = [*order_problems("start", start, "end", end), *unknown_problems("curve", [curve], get_args(Curve))]
    if not problems and curve == "step" and midpoint is not None and not start < midpoint <= end:
        what = f"{midpoint:g} is not after {start:g} and up to {end:g}"
        problems.append(Problem("midpoint", what, "Give the year of the programme in which the step comes."))
    year, *_ = checked(
        Argument("years", years),
        Argument("uptake", maximum, low=0, high=1, remedy="Give a share of the eligible stock from 0 to 1."),
        Argument("rate", rate, above=0, high=10),
        Argument("midpoint", 0 if midpoint is None else midpoint),
        Argument("bass p", p, above=0, high=1),
        Argument("bass q", q, low=0, high=2),
        also=problems,
    )
    year = np.clip(year, start, end)
    if curve == "linear":
        way = (year - start) / (end - start)
    elif curve == "bass":
        way = _bass(year - start, end - start, p, q)
    elif curve == "step":
        way = np.where(year > start if midpoint is None else year >= midpoint, 1.0, 0.0)
    else:
        middle = start + 0.45 * (end - start) if midpoint is None else midpoint
        way = _logistic(rate * (year - middle), rate * (start - middle), rate * (end - middle))
    # rounding must not let a programme end above or below what was planned
    return np.asarray(np.where(year == end, maximum, np.clip(maximum * way, 0, maximum)))


def _logistic(z: FloatArray, low: float, high: float) -> FloatArray:
    """(f(z) - f(low)) / (f(high) - f(low)) with f(z) = 1 / (1 + exp(-z)).

    Written with exponents below zero only, so that neither a steep curve overflows nor a midpoint far outside the
    programme divides nothing by nothing.
    """
    way = np.expm1(low - z) / np.expm1(low - high) * np.exp(np.minimum(z, 0) - min(high, 0.0))
    return np.asarray(way * (1 + np.exp(-abs(high))) / (1 + np.exp(-np.abs(z))))


def _bass(age_a: FloatArray, length_a: float, p: float, q: float) -> FloatArray:
    """F(age) / F(length) with F(t) = (1 - exp(-(p + q) t)) / (1 + q / p exp(-(p + q) t))."""
    left, left_at_end = np.exp(-(p + q) * age_a), np.exp(-(p + q) * length_a)
    way = np.expm1(-(p + q) * age_a) / np.expm1(-(p + q) * length_a)
    return np.asarray(way * (p + q * left_at_end) / (p + q * left))


def capped(curve: ArrayLike, max_per_year: ArrayLike) -> FloatArray:
    """Hold an uptake curve back to what crafts can build in a year; what has to wait is caught up later.

    Parameters
    ----------
    curve
        Wanted shares, cumulative, one for each year without gap along the last axis; leading axes are measures or
        areas. The first value is what is there already and stays.
    max_per_year
        Largest growth, share of the stock per year, 0..1 (0.02 is 2 % a year): one number, or one for each measure or
        area.

    Returns
    -------
    FloatArray
        Shares of the shape of `curve`: never above it, never falling, never growing faster than allowed. The last
        one may miss the wanted one.

    Raises
    ------
    InputError
        A missing value, a curve that falls, a growth outside 0..1, shapes that do not fit.
    """
    remedy = "Give a share of the stock, 0.02 for 2 % a year."
    limit = Argument("max_per_year", max_per_year, low=0, high=1, per_row=True, remedy=remedy)
    wanted, growth = checked(Argument("curve", curve, series=True), limit)
    falls = np.argwhere(wanted[..., 1:] < wanted[..., :-1] - 1e-12)
    if len(falls):
        what = f"falls {len(falls)} time(s)"
        raise InputError(Problem(f"curve{falls[0].tolist()}", what, "What was taken is not given back."))
    # the last bits of a computed curve may fall: take the highest curve below it that does not
    held = np.minimum.accumulate(wanted[..., ::-1], axis=-1)[..., ::-1].copy()
    for year in range(1, held.shape[-1]):
        held[..., year] = np.minimum(held[..., year], held[..., year - 1] + growth[..., year])
    return held


@dataclass(frozen=True, slots=True)
class Attribution:
    """Fair share of each measure in the saving of all together.

    Attributes
    ----------
    shares
        By measure, in the order asked for, in the unit of the saving; they sum to the joint saving.
    standard_error
        Of each share, in the same unit; 0 where the shares are exact.
    orders
        How many orders were drawn; None where the shares are exact.
    """

    shares: dict[str, float]
    standard_error: dict[str, float]
    orders: int | None


def attribute(measures: Sequence[str], saving: Saving, seed: int) -> Attribution:
    """Give each measure its fair share: exact up to six, from 200 random orders beyond.

    Parameters
    ----------
    measures
        Names, each once.
    saving
        Saving of the joint state of any subset, asked once for each; the empty one must save 0.
    seed
        Of the random orders; the same seed gives the same shares, whatever the order of `measures`.

    Raises
    ------
    InputError
        As `shapley` and `shapley_sampled`.
    """
    if len(measures) > EXACT_MEASURES:
        return shapley_sampled(measures, saving, seed=seed)
    return Attribution(shapley(measures, saving), dict.fromkeys(measures, 0.0), None)


def shapley(measures: Sequence[str], saving: Saving) -> dict[str, float]:
    """Fair share of each measure in the saving of all together: what it adds, averaged over every order of coming.

    Parameters
    ----------
    measures
        Names, at most six: the exact value needs every subset.
    saving
        Saving of the joint state of any subset, asked once for each; the empty one must save 0.

    Returns
    -------
    dict
        Shares that sum to ``saving(all)``.

    Raises
    ------
    InputError
        More than six measures, one named twice, a saving that is missing, an empty state that saves something.
    """
    problems = name_problems("measures", measures)
    if len(measures) > EXACT_MEASURES:
        problems.append(Problem("measures", f"{len(measures)} are too many for the exact value", "Give six at most."))
    if problems:
        raise InputError(problems)
    found = _savings(subsets(measures), saving)
    return {name: float(share) for name, share in exact_shares(measures, found).items()}


def shapley_sampled(measures: Sequence[str], saving: Saving, *, seed: int, orders: int = 200) -> Attribution:
    """Fair shares of many measures from random orders of coming, each with its reverse.

    An order and its reverse err in opposite directions where measures take savings from each other: a measure that
    came early comes late. So pairs of orders are the sample, and the standard error is that of their mean.

    Parameters
    ----------
    measures
        Names, each once, any number.
    saving
        Saving of the joint state of any subset, asked once for each that occurs; the empty one must save 0.
    seed
        Zero or more; the same seed gives the same shares, whatever the order of `measures`.
    orders
        Even, four at least.

    Returns
    -------
    Attribution
        Shares that sum to ``saving(all)``, with standard errors. A measure that adds nothing anywhere gets 0.

    Raises
    ------
    InputError
        A measure named twice, an odd number of orders or fewer than four, a negative seed, a saving that is missing,
        an empty state that saves something.
    """
    problems = name_problems("measures", measures)
    if orders < 4 or orders % 2:
        problems.append(
            Problem("orders", f"{orders} are not pairs enough", "Give an even number, four at least; 200 will do.")
        )
    if seed < 0:
        problems.append(Problem("seed", f"{seed} is negative", "Give a whole number from 0."))
    if problems:
        raise InputError(problems)
    if not measures:
        return Attribution({}, {}, orders)
    names = sorted(measures)
    random = np.random.default_rng(seed)
    drawn = [random.permutation(len(names)) for _ in range(orders // 2)]
    rows = [order for one in drawn for order in (one, one[::-1])]
    chains = [[frozenset(names[i] for i in order[:k]) for k in range(len(names) + 1)] for order in rows]
    found = _savings((state for chain in chains for state in chain), saving)
    added = np.empty((orders, len(names)))
    for row, order in enumerate(rows):
        added[row, order] = np.diff([found[state] for state in chains[row]])
    pairs = (added[0::2] + added[1::2]) / 2
    share, error = pairs.mean(axis=0), pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    # each order sums to the joint saving but for rounding, which the largest share can bear
    largest = int(np.abs(share).argmax())
    share[largest] = fsum([found[frozenset(names)], *(-np.delete(share, largest))])
    at = {name: i for i, name in enumerate(names)}
    return Attribution(
        {name: float(share[at[name]]) for name in measures}, {name: float(error[at[name]]) for name in measures}, orders
    )


def name_problems(what: str, names: Sequence[str]) -> list[Problem]:
    """Return a problem where a name occurs twice."""
    if len(set(names)) == len(names):
        return []
    return [Problem(what, f"{list(names)} name one twice", "Give each once.")]


def subsets(names: Sequence[str]) -> list[frozenset[str]]:
    """All subsets, the empty one first and the whole one last."""
    return [frozenset(some) for k in range(len(names) + 1) for some in combinations(names, k)]


def exact_shares(
    names: Sequence[str], states: Mapping[frozenset[str], float] | Mapping[frozenset[str], FloatArray]
) -> dict[str, FloatArray]:
    """Shapley values from the value of every subset, a number or an array of one shape for all.

    Returns
    -------
    dict
        By name, of the shape of the values; they sum to the value of all minus that of none.
    """
    n = len(names)
    shares = {}
    for name in names:
        others = [other for other in names if other != name]
        shares[name] = np.asarray(
            sum(
                factorial(len(without))
                * factorial(n - len(without) - 1)
                / factorial(n)
                * (np.asarray(states[without | {name}]) - np.asarray(states[without]))
                for without in subsets(others)
            ),
            dtype=np.float64,
        )
    return shares


def _savings(states: Iterable[frozenset[str]], saving: Saving) -> dict[frozenset[str], float]:
    """Ask for the saving of each state once."""
    found = {state: float(saving(state)) for state in dict.fromkeys(states)}
    missing = [state for state, value in found.items() if not isfinite(value)]
    if missing:
        raise InputError(
            Problem(
                f"saving({sorted(missing[0])})",
                f"{len(missing)} value(s) missing or infinite",
                "Compute every state, or leave the measure out and report it.",
            )
        )
    nothing = found[frozenset()]
    # both sides of a difference may have been summed in another order
    if abs(nothing) > 1e-9 * max(1.0, *map(abs, found.values())):
        raise InputError(
            Problem("saving([])", f"{nothing:g} is saved by no measure", "Subtract from the state without measures.")
        )
    return found
