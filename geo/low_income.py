"""Who is poor: which areas count as low income, how sure that is, and where inside an area the poor are likely to be.

An area's flag is not a household's: all figures speak of residents of low-income areas. Every definition gives the
share (0..1) of each area's residents that count: 0 or 1 for a flag, something between where a cut divides an area, NaN
where nobody lives or the indicator is missing. Such areas enter no mean and no rank: unknown is never "not poor".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from geo import equity
from geo.arrays import (
    Argument,
    BoolArray,
    FloatArray,
    IntArray,
    checked,
    finite,
    numbers,
    quotient,
    sum_by,
    unknown_problems,
)
from geo.errors import InputError, Problem

# relative slack of a comparison with a computed threshold, so that the order of a sum decides no flag
ROUNDING = 1e-12

Definition = Callable[[FloatArray], FloatArray]


# --- definitions ------------------------------------------------------------------------------------------------------


def relative_rate(rate: ArrayLike, people: ArrayLike, *, factor: float = 1.25) -> FloatArray:
    """Areas whose rate is at least `factor` times the mean per person.

    Parameters
    ----------
    rate
        Share of people concerned, or another figure from 0 upwards that rises with poverty; NaN where unknown.
    people
        People of each area.
    factor
        How far above the mean; 1.25 is an assumption.

    Returns
    -------
    FloatArray
        1, 0 or NaN for each area. Nobody is poor where all rates are 0.

    Raises
    ------
    InputError
        Negative rates: use `quintile` for indices of any sign.
    """
    x, _, w = partly(
        Argument("rate", rate, low=0), Argument("factor", factor, above=0), known=[Argument("people", people, low=0)]
    )
    here = _settled(x, w)
    if not here.any():
        return _only(here, x)
    threshold = factor * equity.weighted_mean(x[here], w[here])
    return _only(here, (x >= threshold * (1 - ROUNDING)) & (x > 0))


def quintile(indicator: ArrayLike, people: ArrayLike, *, higher_is_poorer: bool, share: float = 0.2) -> FloatArray:
    """Poorest fifth of all people, ranked by their area's indicator; the area at the cut counts in part.

    Parameters
    ----------
    indicator
        Any figure, NaN where unknown. Areas with the same figure share the cut.
    people
        People of each area.
    higher_is_poorer
        Direction of the indicator: true for a poverty rate, false for an income.
    share
        Share of all people (with a known indicator) that counts as poor.

    Returns
    -------
    FloatArray
        0..1 or NaN for each area; weighted by people it sums to `share` of those with a known indicator.
    """
    x, _, w = partly(
        Argument("indicator", indicator),
        Argument("share", share, low=0, high=1),
        known=[Argument("people", people, low=0)],
    )
    here = _settled(x, w)
    poorest = np.full(x.shape, np.nan)
    if here.any():
        welfare = -x[here] if higher_is_poorer else x[here]
        poorest[here] = equity.parts(w[here], welfare, (0, share))[:, 0]
    return poorest


def poverty_line(income: ArrayLike, regional_median: float, *, share: float = 0.6) -> FloatArray:
    """Areas whose median equivalised income is below a share of the region's median.

    Parameters
    ----------
    income
        Median equivalised income of each area, in the unit of `regional_median`; NaN where unknown.
    regional_median
        Above 0, as published for the region.
    share
        The line; 0.6 by the European definition.

    Returns
    -------
    FloatArray
        1, 0 or NaN for each area.
    """
    x, median, below = partly(
        Argument("income", income, low=0),
        Argument("regional_median", regional_median, above=0),
        Argument("share", share, above=0),
    )
    return _only(~np.isnan(x), x < below * median * (1 - ROUNDING))


def official(flags: ArrayLike) -> FloatArray:
    """Areas that the city itself names, as flags or as the share of an area's residents inside; NaN where not said."""
    # a quotient of two sums may be above 1 by its last digit
    return np.minimum(partly(Argument("flags", flags, low=0, high=1 + ROUNDING))[0], 1)


def robust(definitions: Mapping[str, ArrayLike]) -> FloatArray:
    """Share of each area's residents that at least two definitions call poor.

    Parameters
    ----------
    definitions
        Result of each definition by name, 0..1 or NaN.

    Returns
    -------
    FloatArray
        The second-highest share: 1 or 0 for flags, and nothing is rounded where a cut divides an area. That is exact as
        long as at most one definition divides it; where two do, it takes them to mean the same residents. NaN where
        fewer than two definitions are known; an unknown one beside two known ones adds nothing.

    Raises
    ------
    InputError
        Fewer than two definitions, or shares outside 0..1.
    """
    if len(definitions) < 2:
        raise InputError(Problem("definitions", f"are {len(definitions)}", "Give at least two."))
    shares = np.stack(partly(*(Argument(name, share, low=0, high=1) for name, share in definitions.items())))
    ordered = np.sort(np.where(np.isnan(shares), -1, shares), axis=0)
    return _only((~np.isnan(shares)).sum(axis=0) >= 2, ordered[-2])


def composite(
    columns: Mapping[str, ArrayLike], people: ArrayLike, *, lower_is_poorer: Collection[str] = ()
) -> FloatArray:
    """Mean of several indicators' z-scores, each weighted by people; above 0 is poorer than the mean person's area.

    Parameters
    ----------
    columns
        Indicators by name, each with one figure for each area, NaN where unknown.
    people
        People of each area.
    lower_is_poorer
        Names of those that fall with poverty, such as incomes.

    Returns
    -------
    FloatArray
        Equal weights; NaN where one of the indicators is unknown or nobody lives.

    Raises
    ------
    InputError
        An indicator without any spread or without a known figure, by name; a name that is not a column.
    """
    return column_mean(columns, people, lower_is_poorer, _z_score)


def column_mean(
    columns: Mapping[str, ArrayLike],
    people: ArrayLike,
    flipped: Collection[str],
    score: Callable[[str, FloatArray, FloatArray], FloatArray],
) -> FloatArray:
    """Mean of what `score` makes of each column's name, known figures and people; otherwise as `composite`."""
    wrong = unknown_problems("directions", sorted(flipped), list(columns))
    if not columns:
        wrong.append(Problem("columns", "are none", "Give at least one indicator."))
    arguments = [Argument(name, values) for name, values in columns.items()]
    *figures, w = partly(*arguments, known=[Argument("people", people, low=0)], also=wrong)
    total = np.zeros(w.shape)
    problems: list[Problem] = []
    for name, x in zip(columns, figures, strict=True):
        here = _settled(x, w)
        scored = np.full(w.shape, np.nan)
        if not here.any():
            problems.append(Problem(name, "is known nowhere where people live", "Leave the column out."))
            continue
        try:
            scored[here] = score(name, -x[here] if name in flipped else x[here], w[here])
        except InputError as error:
            problems.extend(error.problems)
        total += scored
    if problems:
        raise InputError(problems)
    return np.asarray(total / len(columns))


def without_students(
    poor: ArrayLike, people: ArrayLike, students: ArrayLike, *, students_poor_share: float
) -> tuple[FloatArray, FloatArray]:
    """Take students out of the poor and of all people: in income data they look poor for a few years.

    Parameters
    ----------
    poor, people, students
        Counts of each area; NaN where unknown.
    students_poor_share
        Share of students that the data count as poor: 0 for benefits they cannot get, far more for incomes.

    Returns
    -------
    tuple
        Poor and people without students; NaN where one of the counts is unknown.

    Raises
    ------
    InputError
        More poor students than poor, more students than people, or more others poor than there are, with the place.
    """
    p, n, s, share = partly(
        Argument("poor", poor, low=0),
        Argument("people", people, low=0),
        Argument("students", students, low=0),
        Argument("students_poor_share", students_poor_share, low=0, high=1),
    )
    slack = ROUNDING * np.nan_to_num(n)
    left_poor, left = p - share * s, n - s
    faults = {
        "has more students than people": left < -slack,
        "has fewer poor than poor students": left_poor < -slack,
        "has more poor than people without students": (left_poor > left + slack) & (left >= 0),
    }
    problems = []
    for what, broken in faults.items():
        if broken.any():
            first, more = np.argwhere(broken)[0].tolist(), int(broken.sum()) - 1
            where = f"area {first[0]}" if first else "the area"
            remedy = "Check the counts and students_poor_share."
            problems.append(Problem(where, what + (f", and {more} more" if more else ""), remedy))
    if problems:
        raise InputError(problems)
    missing = np.isnan(left_poor) | np.isnan(left)
    left_poor, left = np.clip(left_poor, 0, None), np.clip(left, 0, None)
    return _only(~missing, np.minimum(left_poor, left)), _only(~missing, left)


# --- how sure it is ---------------------------------------------------------------------------------------------------


def wilson(count: ArrayLike, n: ArrayLike, *, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
    """Wilson interval of a rate.

    Parameters
    ----------
    count, n
        People concerned, of how many; NaN where unknown.
    level
        Confidence, between 0 and 1.

    Returns
    -------
    tuple
        Lower and upper end, 0..1; NaN where the count is unknown or n is 0.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    k, size, sure = partly(
        Argument("count", count, low=0), Argument("n", n, low=0), Argument("level", level, low=0, high=1)
    )
    if (k > size).any():
        first = np.argwhere(k > size)[0].tolist()
        raise InputError(Problem(f"count{first or ''}", "is more than n", "Give part and whole of the same people."))
    z = ndtri((1 + np.minimum(sure, 1 - ROUNDING)) / 2)
    rate = quotient(k, size)
    centre = rate * size + z**2 / 2
    spread = z * np.sqrt(size * rate * (1 - rate) + z**2 / 4)
    low, high = quotient(centre - spread, size + z**2), quotient(centre + spread, size + z**2)
    known = ~np.isnan(rate)
    return _only(known, np.clip(low, 0, 1)), _only(known, np.clip(high, 0, 1))


def rate_draws(rate: ArrayLike, n: ArrayLike, *, seed: int, draws: int = 1000) -> Iterator[FloatArray]:
    """Rates as they might as well have been: Beta draws around a rate among `n` people, close to the Wilson interval.

    Parameters
    ----------
    rate, n
        Share of people concerned, and of how many; NaN where unknown.
    seed, draws
        The same seed gives the same draws.

    Yields
    ------
    FloatArray
        One rate for each area (Jeffreys' posterior); NaN where the rate is unknown or n is 0.
    """
    share, size = partly(Argument("rate", rate, low=0, high=1), Argument("n", n, low=0))
    known = ~np.isnan(share) & (size > 0)
    alpha, beta = (np.where(known, size * part, 0) + 0.5 for part in (share, 1 - share))
    rng = np.random.default_rng(seed)
    return (_only(known, rng.beta(alpha, beta)) for _ in range(draws))


@dataclass(frozen=True)
class Membership:
    """How likely each area is to be one of the poor.

    Attributes
    ----------
    probability
        Mean share over all draws, 0..1; takes the place of the flag in any formula. NaN where unknown.
    uncertain
        Whether the interval crosses the threshold: neither verdict holds in all but the tails of the draws. True where
        the probability is unknown.
    """

    probability: FloatArray
    uncertain: BoolArray


def membership(samples: Iterable[FloatArray], definition: Definition, *, level: float = 0.9) -> Membership:
    """Apply a definition to every draw, so that a threshold that depends on all areas moves with them.

    Parameters
    ----------
    samples
        Draws of an indicator, such as `rate_draws`.
    definition
        Gives the share that counts as poor in each area, such as ``lambda rate: relative_rate(rate, people)``.
    level
        Confidence at which an area is no longer uncertain.
    """
    checked(Argument("level", level, low=0, high=1))
    verdicts = total = np.zeros(())
    count = 0
    for sample in samples:
        share = definition(sample)
        total, verdicts, count = total + share, verdicts + (share >= 0.5), count + 1
    if not count:
        raise InputError(Problem("samples", "are none", "Draw at least once."))
    probability, often = np.asarray(total / count), verdicts / count
    tail = (1 - level) / 2
    certain = (often <= tail + ROUNDING) | (often >= 1 - tail - ROUNDING)
    return Membership(probability, np.asarray(~certain | np.isnan(probability)))


# --- where inside an area ---------------------------------------------------------------------------------------------


def to_cells(
    value_by_area: ArrayLike,
    area_of_cell: ArrayLike,
    people: ArrayLike,
    score: ArrayLike,
    *,
    low: float = 0.0,
    high: float = 1.0,
    slope: float = 1.0,
) -> FloatArray:
    """Assign an area's value to its cells by a score, so that the cells' mean is the area's value.

    This is a model, not an observation: that the value follows the score inside an area, and how steeply, is an
    assumption. With ``slope=0`` every cell has its area's value. In each area
    ``logit((v - low) / (high - low)) = a + slope * z(score)`` with `a` such that the mean over people is kept.

    Parameters
    ----------
    value_by_area
        Rate or index of each area between `low` and `high`, shape (areas,); NaN where unknown.
    area_of_cell
        Area of each cell, shape (cells,); -1 for none.
    people, score
        People of each cell; what rises with the value, NaN where unknown (the area's mean then).
    low, high
        Range of the value: 0 to 1 for a share, 1 to 9 for a school index.
    slope
        Change of the log odds with one standard deviation of the score over all people.

    Returns
    -------
    FloatArray
        Value of each cell; the mean per person is the area's to 1e-9 of the range. An area at a bound gives all its
        cells the bound; one without people gives them its value. NaN outside all areas and in those that are unknown.

    Raises
    ------
    InputError
        Values out of range, an area number that does not exist, arrays that do not fit.
    """
    value = partly(Argument("value_by_area", value_by_area, low=low, high=high), also=_range_problems(low, high))[0]
    number = finite("area_of_cell", area_of_cell, minimum=-1)
    wrong = (number >= value.size) | (number != np.round(number))
    if wrong.any():
        where = f"area_of_cell{np.argwhere(wrong)[0].tolist()}"
        raise InputError(Problem(where, f"{int(wrong.sum())} name no area", f"Give 0 to {value.size - 1}, or -1."))
    key, _, _, w = partly(
        Argument("score", score),
        Argument("slope", slope),
        known=[Argument("area_of_cell", number), Argument("people", people, low=0)],
    )
    inside = number >= 0
    out = np.full(number.shape, np.nan)
    area, w = number[inside].astype(np.int64), w[inside]
    target = (value - low) / (high - low)
    steps = slope * _spread(key[inside], w, area, value.size)
    out[inside] = low + (high - low) * _under_margins(target, area, w, steps)
    return out


# --- shared -----------------------------------------------------------------------------------------------------------


def partly(
    *arguments: Argument, known: Sequence[Argument] = (), also: Sequence[Problem] = ()
) -> tuple[FloatArray, ...]:
    """Check arguments as `geo.arrays.checked` does, but let NaN through in columns, not in those to be known."""

    def filled(one: Argument) -> Argument:
        array = numbers(one.values)
        if array is None or array.ndim == 0:
            return one
        return replace(one, values=np.where(np.isnan(array), one.low or 0.0, array))

    shape = checked(*map(filled, arguments), *known, also=also)[0].shape
    return tuple(np.broadcast_to(np.asarray(one.values, dtype=np.float64), shape) for one in (*arguments, *known))


def _settled(indicator: FloatArray, people: FloatArray) -> BoolArray:
    return np.asarray(~np.isnan(indicator) & (people > 0))


def _only(known: BoolArray, values: ArrayLike) -> FloatArray:
    return np.where(known, np.asarray(values, dtype=np.float64), np.nan)


def _z_score(name: str, values: FloatArray, people: FloatArray) -> FloatArray:
    mean = equity.weighted_mean(values, people)
    deviation = np.sqrt(equity.weighted_mean((values - mean) ** 2, people))
    if deviation <= ROUNDING * np.abs(values).max():
        raise InputError(Problem(name, "is the same everywhere", "Leave the column out: it tells no area apart."))
    return np.asarray((values - mean) / deviation)


def _range_problems(low: float, high: float) -> list[Problem]:
    if low < high:
        return []
    return [Problem("low, high", f"{low:g} is not below {high:g}", "Give the range of the values.")]


def _spread(score: FloatArray, people: FloatArray, area: IntArray, areas: int) -> FloatArray:
    """Score in standard deviations over all people, from the mean of each area; 0 where it is unknown."""
    known = ~np.isnan(score)
    weight = np.where(known, people, 0)
    filled = np.where(known, score, 0)
    if not weight.any():
        return np.zeros(score.shape)
    overall = np.average(filled, weights=weight)
    mean = quotient(sum_by(area, weight * filled, areas), sum_by(area, weight, areas))
    from_mean = np.where(known, filled - np.where(np.isnan(mean), overall, mean)[area], 0)
    deviation = np.sqrt(np.average((filled - overall) ** 2, weights=weight))
    if deviation <= ROUNDING * np.abs(filled).max():
        return np.zeros(score.shape)
    return np.asarray(from_mean / deviation)


def _under_margins(target: FloatArray, area: IntArray, people: FloatArray, steps: FloatArray) -> FloatArray:
    """Solve for the level of each area, by Newton's method inside a bracket, all areas at once; shares of the cells."""
    from scipy.special import expit, logit  # noqa: PLC0415 - slow to import

    areas = target.size
    populated = sum_by(area, people, areas)
    weight = quotient(people, populated[area])
    solved = (target > 0) & (target < 1) & (populated > 0)
    cell = solved[area]
    index, weight, steps = area[cell], weight[cell], steps[cell]
    aim = np.where(solved, target, 0.5)
    highest, lowest = np.zeros(areas), np.zeros(areas)
    np.maximum.at(highest, index, steps)
    np.minimum.at(lowest, index, steps)
    level = logit(aim)
    below, above = level - highest, level - lowest
    for turn in range(300):
        share = expit(level[index] + steps)
        gap = np.where(solved, sum_by(index, weight * share, areas) - aim, 0)
        if (np.abs(gap) <= 1e-12 * aim).all():
            break
        below, above = np.where(gap < 0, level, below), np.where(gap > 0, level, above)
        slope = sum_by(index, weight * share * (1 - share), areas)
        newton = level - np.nan_to_num(quotient(gap, slope), nan=np.inf)
        # far out on a flat stretch Newton's steps stay inside the bracket but hardly move: halve it now and then
        usable = (newton > below) & (newton < above) & (turn % 3 < 2)
        level = np.where(gap == 0, level, np.where(usable, newton, (below + above) / 2))
    out: FloatArray = target[area]
    out[cell] = expit(level[index] + steps)
    return out
