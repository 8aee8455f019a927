"""How sure an equity figure is: could chance have done it, how far may it be off, does it hold in every zoning.

Three questions, three answers. *Could chance have done it?* `placement_test` redraws who among the eligible got the
programme; `permuted_concentration` and `concentration_variance` shuffle amounts among areas. *How far may it be off?*
`uncertain_amounts` and `bootstrap_areas` give draws, `interval` their range. *Does it hold?* `stability` compares
zonings, `dominance` looks along the whole concentration curve. All randomness comes from a seed; nothing depends on the
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from math import erfc, sqrt

import numpy as np
from numpy.typing import ArrayLike

from geo import equity
from geo.arrays import Argument, FloatArray, IntArray, checked, finite, quotient, sum_by
from geo.errors import InputError, Problem

POINTS = np.arange(1, 20) / 20  # of the population, where curves are compared
# of the units in order, each summed by a thread of its own
STRETCHES = 4
ROUNDING = 1e-9  # sums of the same amounts in another order are ties

_OUTSIDE = "Leave out units that are in no area."
_TOTALS = "Give one total for each stratum."


@dataclass(frozen=True)
class Permuted:
    """Concentration index beside its distribution when amounts are shuffled among areas.

    Attributes
    ----------
    value
        The index itself, -1 to 1.
    p
        Two-sided, see `two_sided_p`.
    mean, low, high
        Mean, 5 % and 95 % of the shuffled indices.
    permutations, seed
        What it takes to get the same figures again.
    """

    value: float
    p: float
    mean: float
    low: float
    high: float
    permutations: int
    seed: int


def permuted_concentration(
    amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike, *, permutations: int = 9999, seed: int = 0
) -> Permuted:
    """Test a concentration index against amounts per head shuffled among areas.

    The mean per person changes with every shuffle, as large areas draw other amounts, and is taken anew each time.
    It asks whether areas are ordered by chance; whether the *choice of places* was chance, `placement_test` tells.

    Parameters
    ----------
    amount_per_head, population, rank_by
        As `geo.equity.concentration`; one value for each area. Areas without people take no part.
    permutations
        Shuffles; p is a multiple of 2 / (permutations + 1). 9,999 shuffles of 1,500 areas take some 0.1 s.
    seed
        Any whole number.

    Raises
    ------
    InputError
        Amounts of both signs, whose mean may vanish in a shuffle, or none at all.
    """
    from geo import inference_kernels as kernels  # noqa: PLC0415 - slow to import

    finite("permutations", permutations, minimum=1)
    w, h, key = _inhabited(population, Argument("amount_per_head", amount_per_head), Argument("rank_by", rank_by))
    _one_sign(h)
    null = np.empty(permutations)
    kernels.permuted_indices(h, w, w * equity.ranks(key, w), _bits(seed), null)
    value = equity.concentration(h, w, key).index
    low, high = np.quantile(null, (0.05, 0.95)).tolist()
    return Permuted(value, two_sided_p(value, null), float(null.mean()), low, high, permutations, seed)


@dataclass(frozen=True)
class Moments:
    """Numerator of a concentration index beside its first two moments when amounts are shuffled among areas.

    Attributes
    ----------
    value
        D = sum w h (2 R - 1), in the unit of the amount per head: the index times its mean, so the signs are equal.
    mean, variance
        Over all n! orders of the amounts: exact. The mean is always 0.
    p
        Two-sided, from the normal distribution: for 50 areas or more. For fewer, use `permuted_concentration`.
    """

    value: float
    mean: float
    variance: float
    p: float


def concentration_variance(amount_per_head: ArrayLike, population: ArrayLike, rank_by: ArrayLike) -> Moments:
    """Exact mean and variance of a shuffled concentration, without shuffling: for millions of units.

    The index is a ratio D / mean whose moments have no closed form; those of its numerator D have (Hoeffding 1951). As
    D has mean 0, the index itself has, to first order (delta method), the standard deviation
    sqrt(variance) / abs(unweighted mean of the amounts per head). Where all areas have as many people that is exact.

    Parameters
    ----------
    amount_per_head, population, rank_by
        As `geo.equity.concentration`; one value for each unit, amounts of any sign. Units without people take no part.
    """
    w, h, key = _inhabited(population, Argument("amount_per_head", amount_per_head), Argument("rank_by", rank_by))
    value, squares, spread = _ranked_sums(w, h, key)
    # the coefficients w (2 R - 1) sum to 0, so their spread is the sum of their squares
    variance = squares * spread / (h.size - 1) if h.size > 1 else 0.0
    p = erfc(abs(value) / sqrt(2 * variance)) if variance > 0 else 1.0
    return Moments(value, 0.0, variance, p)


def permuted_placements(  # noqa: PLR0913 - a programme and what it may choose from
    eligible: ArrayLike,
    benefit: ArrayLike,
    area: IntArray,
    n_areas: int,
    total: ArrayLike,
    *,
    stratum: IntArray | None = None,
    most: ArrayLike = 1.0,
    draws: int = 999,
    seed: int = 0,
) -> FloatArray:
    """Amounts by area if chance alone chose who among the eligible gets the same programme.

    In each draw the units of a stratum come in random order, each as likely as any other to come first. Each takes all
    it may until the total is used up; the last one takes what is left.

    Parameters
    ----------
    eligible
        Quantity of each unit that the measure could act on (m2, roofs, kW), from 0. Units without any take no part.
    benefit
        Amount that one unit of that quantity brings (EUR/m2), any sign.
    area
        Area of each unit, 0 to `n_areas` - 1. Leave out units that are in no area, with what they got.
    n_areas
        How many areas there are.
    total
        Quantity that the programme acts on; one value for each stratum if there are strata.
    stratum
        Stratum of each unit, 0 to the number of strata - 1: what each of them gets is kept in every draw. Use what the
        programme could not choose, such as a quota by district or type of building.
    most
        Share of its quantity that a unit takes at most, above 0 to 1; one value, or one for each unit. Set it to what
        treated units did take, or the draws are lumpier than the programme was.
    draws
        How many draws; 999 of 90,000 units take about a second.
    seed
        Any whole number.

    Returns
    -------
    FloatArray
        Shape (draws, areas), in the unit of `benefit` times that of `eligible`.

    Raises
    ------
    InputError
        A total beyond what is eligible; numbers that are missing or out of range.
    """
    from geo import inference_kernels as kernels  # noqa: PLC0415 - slow to import

    quota = np.atleast_1d(finite("total", total, minimum=0))
    if stratum is None and quota.size != 1:
        what = f"is missing, but there are {quota.size} totals"
        raise InputError(Problem("stratum", what, "Give the stratum of each unit, or one total."))
    n = np.size(area)
    room, gain, share, *numbers, _ = checked(
        Argument("eligible", eligible, low=0, size=n),
        Argument("benefit", benefit),
        Argument("most", most, high=1, above=0),
        Argument("area", area, low=0, high=n_areas - 1, remedy=_OUTSIDE),
        Argument("stratum", 0 if stratum is None else stratum, low=0, high=quota.size - 1, remedy=_TOTALS),
        Argument("draws", draws, low=1),
    )
    room = room * share
    zone, group = (one.astype(np.int64) for one in numbers)
    there = sum_by(group, room, quota.size)
    _enough(quota, there)
    kept = np.flatnonzero(room > 0)
    kept = kept[np.argsort(group[kept], kind="stable")]
    room, gain, zone, group = room[kept], gain[kept], zone[kept], group[kept]
    # where most are chosen, it is quicker to draw who goes without: seen from its end, a random order is one as well
    without = quota > there / 2
    everything = np.where(without[group], room * gain, 0.0)
    amounts = np.tile(sum_by(zone, everything, n_areas), (draws, 1))
    kernels.placements(
        room,
        gain,
        zone,
        np.searchsorted(group, np.arange(quota.size + 1)),
        np.where(without, np.maximum(there - quota, 0), quota),
        np.where(without, -1.0, 1.0),
        _bits(seed),
        amounts,
    )
    return amounts


@dataclass(frozen=True)
class Placed:
    """A figure of a programme, and what it would be if chance had chosen among the eligible.

    Attributes
    ----------
    value
        The figure as observed.
    null_mean
        Its mean under chance: what is due to where the eligible stock is.
    p
        Two-sided, see `two_sided_p`.
    low, high
        5 % and 95 % under chance.
    """

    value: float
    null_mean: float
    p: float
    low: float
    high: float

    @property
    def choice_effect(self) -> float:
        """Factor that is due to whom the programme chose: value = null_mean * choice_effect.

        For ratios and shares; NaN where the mean is not above 0. For an index around 0, take `choice_difference`.
        """
        return float(quotient(self.value, self.null_mean))

    @property
    def choice_difference(self) -> float:
        """What the programme's choice adds to the figure: value = null_mean + choice_difference."""
        return self.value - self.null_mean


def placement_test(
    observed_amount_by_area: ArrayLike, null_amounts: ArrayLike, statistic: Callable[[FloatArray], FloatArray]
) -> Placed:
    """Test whether a programme chose its places differently from chance.

    Parameters
    ----------
    observed_amount_by_area
        What each area got, in the unit of `null_amounts`.
    null_amounts
        Of `permuted_placements`, shape (draws, areas).
    statistic
        Takes amounts of shape (draws, areas), returns one figure for each draw, such as
        ``lambda amounts: equity_ratios(amounts, population, low_income)``.
    """
    null_amounts = finite("null_amounts", null_amounts)
    observed = finite("observed_amount_by_area", observed_amount_by_area, size=null_amounts.shape[-1])
    value = float(statistic(observed[None, :])[0])
    null = statistic(null_amounts)
    low, high = np.quantile(null, (0.05, 0.95)).tolist()
    return Placed(value, float(null.mean()), two_sided_p(value, null), low, high)


def two_sided_p(value: float, null: ArrayLike) -> float:
    """Share of draws, the observed one among them, at least as far out: twice the smaller tail, at most 1.

    Under the null hypothesis P(p <= a) <= a for every a, and p is uniform where no two draws are equal. Ties (up to
    rounding) count in full in both tails: where there was nothing to choose, p is 1, not a throw of the dice.
    """
    draws = finite("null", null)
    slack = ROUNDING * np.maximum(np.abs(draws), abs(value))
    tail = min(np.count_nonzero(draws <= value + slack), np.count_nonzero(draws >= value - slack))
    return float(min(1.0, 2 * (1 + tail) / (1 + draws.size)))


# --- figures of many draws at once ------------------------------------------------------------------------------------


def equity_ratios(amounts: ArrayLike, population: ArrayLike, low_income: ArrayLike) -> FloatArray:
    """`geo.equity.equity_ratio` of each draw.

    Parameters
    ----------
    amounts
        Totals by area, shape (draws, areas).
    population
        People of each area.
    low_income
        Flags or shares of each area, shape (areas,), or (draws, areas) where membership is drawn as well.

    Returns
    -------
    FloatArray
        One ratio for each draw.

    Raises
    ------
    InputError
        A draw without anyone on low income; as `fifths`.
    """
    w = equity.population_shares(population)
    amounts, low = checked(
        Argument("amounts", amounts, size=w.size), Argument("low_income", low_income, low=0, high=1, size=w.size)
    )
    poor = low @ w
    if (poor == 0).any():
        what = f"nobody in {np.count_nonzero(poor == 0)} draw(s)"
        raise InputError(Problem("low_income", what, "Check the threshold."))
    return np.asarray((amounts * low).sum(axis=-1) / _totals(amounts) / poor)


def concentrations(amounts: ArrayLike, population: ArrayLike, rank_by: ArrayLike) -> FloatArray:
    """Concentration index of each draw; arguments and errors as `fifths`."""
    return 2 * _shares(amounts, population, equity.ranks(rank_by, population)) - 1


def fifths(amounts: ArrayLike, population: ArrayLike, rank_by: ArrayLike) -> FloatArray:
    """Share of each fifth of the population, poorest first, in each draw.

    Parameters
    ----------
    amounts
        Totals by area, shape (draws, areas).
    population, rank_by
        As `geo.equity.parts`.

    Returns
    -------
    FloatArray
        Shape (draws, 5); rows sum to 1.

    Raises
    ------
    InputError
        Totals of 0, or of both signs: a share in them says nothing.
    """
    return _shares(amounts, population, equity.parts(population, rank_by))


def curves(amounts: ArrayLike, population: ArrayLike, rank_by: ArrayLike) -> FloatArray:
    """Height of the concentration curve of each draw at `POINTS`, shape (draws, 19); the rest as `fifths`."""
    parts = equity.parts(population, rank_by, (0, *POINTS, 1))
    return _shares(amounts, population, np.cumsum(parts, axis=1)[:, :-1])


# --- intervals --------------------------------------------------------------------------------------------------------


def uncertain_amounts(
    amount_by_unit: ArrayLike,
    area: IntArray,
    n_areas: int,
    *,
    sd_unit: ArrayLike = 0.0,
    sd_area: ArrayLike = 0.0,
    sd_all: float = 0.0,
    draws: int = 999,
    seed: int = 0,
) -> FloatArray:
    """Draw amounts by area with lognormal errors of mean 1: of each unit, of all units of an area, and of all.

    Errors of units are summed in closed form: their sum in an area is drawn as one lognormal number with exactly its
    mean and variance (Fenton-Wilkinson), gains and losses apart. So the number of units costs nothing.

    Parameters
    ----------
    amount_by_unit
        Amount of each unit, any sign and unit.
    area
        Area of each unit, 0 to `n_areas` - 1.
    n_areas
        How many areas there are.
    sd_unit
        Relative standard deviation of each unit's error, independent between units; one value or one for each.
    sd_area
        The same of each area's, as when a whole area's building age is misjudged; one value or one for each area.
    sd_all
        The same of one error common to all. It moves totals, never shares.
    draws, seed
        How many draws, and any whole number.

    Returns
    -------
    FloatArray
        Shape (draws, areas), in the unit of the amounts.
    """
    n = np.size(area)
    of_area = finite("sd_area", sd_area, minimum=0)
    amount, sd, where, *_ = checked(
        Argument("amount_by_unit", amount_by_unit, size=n),
        Argument("sd_unit", sd_unit, low=0),
        Argument("area", area, low=0, high=n_areas - 1, remedy=_OUTSIDE),
        Argument("sd_all", sd_all, low=0),
        Argument("draws", draws, low=1),
    )
    zone = where.astype(np.int64)
    rng = np.random.default_rng(seed)
    amounts = np.zeros((draws, n_areas))
    for sign in (1.0, -1.0):
        part = np.maximum(sign * amount, 0)
        mean = sum_by(zone, part, n_areas)
        relative = quotient(np.sqrt(sum_by(zone, (part * sd) ** 2, n_areas)), mean)
        amounts += sign * mean * _errors(rng, np.nan_to_num(relative), amounts.shape)
    return np.asarray(amounts * _errors(rng, of_area, amounts.shape) * _errors(rng, np.asarray(sd_all), (draws, 1)))


@dataclass(frozen=True)
class Resampled:
    """Figures of areas drawn anew with replacement, NaN where a draw has none.

    Attributes
    ----------
    concentration
        Concentration index, shape (draws,).
    ratio
        Equity ratio, shape (draws,); NaN throughout without `low_income`.
    curve
        Height of the concentration curve at `POINTS`, shape (draws, 19).
    """

    concentration: FloatArray
    ratio: FloatArray
    curve: FloatArray


def bootstrap_areas(
    amount_per_head: ArrayLike,
    population: ArrayLike,
    rank_by: ArrayLike,
    *,
    low_income: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Resampled:
    """Resample areas with replacement: how much a figure hangs on single areas.

    Areas are a census, not a sample: read the `interval` of the draws as sensitivity to zoning, not as sampling error.

    Parameters
    ----------
    amount_per_head, population, rank_by
        As `geo.equity.concentration`. Areas without people take no part.
    low_income
        Flags or shares of each area, for the equity ratio.
    draws, seed
        How many draws, and any whole number. Areas are drawn by their place in the ranking, so that the order of rows
        changes nothing unless ranks are tied.

    Raises
    ------
    InputError
        Amounts of both signs, or none at all.
    """
    finite("draws", draws, minimum=1)
    w, h, key, poor = _inhabited(
        population,
        Argument("amount_per_head", amount_per_head),
        Argument("rank_by", rank_by),
        Argument("low_income", np.zeros(np.shape(population)) if low_income is None else low_income, low=0, high=1),
    )
    _one_sign(h)
    _, group = np.unique(key, return_inverse=True)
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group[order], np.arange(group.max() + 1))
    people, amount, poor = w[order], (w * h)[order], poor[order]
    rng = np.random.default_rng(seed)
    index, ratio, curve = np.full(draws, np.nan), np.full(draws, np.nan), np.full((draws, POINTS.size), np.nan)
    for k in range(draws):
        times = np.bincount(rng.integers(h.size, size=h.size), minlength=h.size)
        in_total, there = times @ amount, times @ people
        if in_total == 0:
            continue
        mass = np.add.reduceat(times * people, start) / there
        part = np.add.reduceat(times * amount, start) / in_total
        through = np.cumsum(mass)
        index[k] = 2 * part @ (through - mass / 2) - 1
        curve[k] = np.interp(POINTS, np.append(0, through), np.append(0, np.cumsum(part)))
        ratio[k] = quotient(times @ (amount * poor) / in_total, times @ (people * poor) / there)
    return Resampled(index, ratio, curve)


@dataclass(frozen=True)
class Interval:
    """Range of a figure: quantiles of its draws, and how many of them had a value."""

    low: float
    middle: float
    high: float
    draws: int


def interval(values: ArrayLike, level: float = 0.9) -> Interval:
    """Middle part of draws, shape (draws,), with their median; `level` is its share, 0 to 1.

    NaN is a draw without a value, such as one without any low-income area; `Interval.draws` says how many were left.

    Raises
    ------
    InputError
        No draw has a value; the level is out of range.
    """
    share = _level(level)
    drawn = np.asarray(values, dtype=np.float64)
    drawn = drawn[~np.isnan(drawn)]
    if drawn.size == 0:
        raise InputError(Problem("values", "no draw has a value", "Check that there is something to compare."))
    low, middle, high = np.quantile(drawn, ((1 - share) / 2, 0.5, (1 + share) / 2)).tolist()
    return Interval(low, middle, high, drawn.size)


# --- does it hold -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A figure in one zoning, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Stability:
    """Whether a claim holds whichever way the city is cut into areas.

    Attributes
    ----------
    grade
        ``"stable"``: every zoning says the same, and is sure; ``"weak"``: some cannot say; ``"unstable"``: two
        contradict each other.
    verdicts
        ``"above"``, ``"below"`` or ``"unclear"`` for each zoning.
    text
        The same in a sentence.
    """

    grade: str
    verdicts: dict[str, str]
    text: str

    @property
    def stable(self) -> bool:
        """Whether the claim may be made without naming the zoning."""
        return self.grade == "stable"


def stability(claims: Mapping[str, Claim], neutral: float) -> Stability:
    """Compare what zonings say of one figure.

    Parameters
    ----------
    claims
        The figure and its interval by name of the zoning.
    neutral
        Value that favours nobody: 1 for a ratio, 0 for an index. An interval that holds it leaves the verdict unclear.

    Raises
    ------
    InputError
        No claim, a missing number, or an interval that does not hold its value.
    """
    problems = [problem for name, claim in claims.items() for problem in _claim_problems(name, claim)]
    if not claims:
        problems.append(Problem("claims", "there are none", "Give the figure for at least one zoning."))
    if problems:
        raise InputError(problems)
    verdicts = {name: _verdict(claim, neutral) for name, claim in claims.items()}
    said = {
        verdict: " and ".join(name for name, one in verdicts.items() if one == verdict)
        for verdict in ("above", "below", "unclear")
        if verdict in verdicts.values()
    }
    grade = "unstable" if {"above", "below"} <= said.keys() else "weak" if "unclear" in said else "stable"
    where = "; ".join(
        f"{verdict}{'' if verdict == 'unclear' else f' {neutral:g}'} by {by}" for verdict, by in said.items()
    )
    return Stability(grade, verdicts, f"{grade.capitalize()}: {where}.")


def dominance(curve: ArrayLike, draws: ArrayLike, *, level: float = 0.9) -> str:
    """Place a concentration curve beside the diagonal, at all of `POINTS` at once.

    The band around the curve holds all 19 points of a draw together in `level` of the draws, so that looking 19 times
    does not make chance findings more likely.

    Parameters
    ----------
    curve
        Its height at `POINTS`, shape (19,), such as ``curves(amount[None], population, rank_by)[0]``.
    draws
        The same of draws of it (`bootstrap_areas`, or `curves` of `uncertain_amounts`), shape (draws, 19); draws with
        NaN are left out.
    level
        Share of draws that the band holds.

    Returns
    -------
    str
        ``"above"`` (more goes to the poor: above at some points, below at none), ``"below"``, ``"crosses"`` (above at
        some, below at others) or ``"unclear"`` (neither anywhere).

    Raises
    ------
    InputError
        Curves without 19 points, or no draw at all.
    """
    height, share = finite("curve", curve, size=POINTS.size), _level(level)
    drawn = np.asarray(draws, dtype=np.float64)
    drawn = finite("draws", drawn[~np.isnan(drawn).any(axis=-1)], size=POINTS.size)
    if drawn.size == 0:
        raise InputError(Problem("draws", "there are none", "Draw the curve at least once."))
    spread = drawn.std(axis=0)
    apart = np.nan_to_num(quotient(np.abs(drawn - drawn.mean(axis=0)), np.broadcast_to(spread, drawn.shape)))
    margin = np.quantile(apart.max(axis=1), share) * spread + ROUNDING
    above, below = (height > POINTS + margin).any(), (height < POINTS - margin).any()
    if above and below:
        return "crosses"
    return "above" if above else "below" if below else "unclear"


# --- checks -----------------------------------------------------------------------------------------------------------


def _bits(seed: int) -> np.uint64:
    return np.uint64(seed % 2**64)


def _level(level: float) -> float:
    return float(checked(Argument("level", level, low=0, high=1))[0])


def _errors(rng: np.random.Generator, relative: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Lognormal numbers of mean 1 and a relative standard deviation."""
    sigma = np.sqrt(np.log1p(relative**2))
    return np.asarray(np.exp(sigma * rng.standard_normal(shape) - sigma**2 / 2))


def _inhabited(population: ArrayLike, *columns: Argument) -> tuple[FloatArray, ...]:
    """Shares in the population and the columns, where somebody lives: elsewhere there is no amount per head."""
    w = equity.population_shares(population)
    # a single value is refused by its length, so that all columns have one value for each area
    arrays = checked(*(replace(column, size=w.size) for column in columns))
    if (w > 0).all():
        # kernels are compiled for arrays that may be written to; copying is only done where they may not
        return tuple(np.require(array, requirements=["C", "W"]) for array in (w, *arrays))
    return tuple(array[w > 0] for array in (w, *arrays))


def _one_sign(amount_per_head: FloatArray) -> None:
    if (amount_per_head < 0).any() and (amount_per_head > 0).any():
        remedy = "Test gains and losses apart, or use concentration_variance, which takes any sign."
        raise InputError(Problem("amount_per_head", "has both signs, so its mean may vanish by chance", remedy))
    if not amount_per_head.any():
        raise InputError(Problem("amount_per_head", "is 0 everywhere", "There is nothing whose distribution to test."))


def _ranked_sums(w: FloatArray, h: FloatArray, key: FloatArray) -> tuple[float, float, float]:
    """Sum a * h, a**2 and the squared deviations of h, where a = w * (2 rank - 1).

    Sorting numbers that hold their own position takes a quarter of the time of `argsort`. Stretches are summed apart,
    always as many, so that threads change no digit: beyond a stretch, all its ranks rise by what lies before it.
    """
    from geo import inference_kernels as kernels  # noqa: PLC0415 - slow to import

    low = np.uint64(2 ** key.size.bit_length() - 1)
    packed = np.empty(key.size, dtype=np.uint64)
    with ThreadPoolExecutor(STRETCHES) as threads:
        beside = threads.submit(lambda: (np.stack([w, h], axis=1), float(h.mean())))
        kernels.pack(key.view(np.uint64), low, packed)
        packed.sort()
        if not kernels.settle(packed, low, key):
            packed = np.argsort(key).astype(np.uint64)
        both, mean = beside.result()
        cuts = [kernels.next_key(packed, low, key, k * key.size // STRETCHES) for k in range(STRETCHES + 1)]
        parts = threads.map(
            lambda cut: kernels.ranked_sums(packed[cut[0] : cut[1]], low, key, both, mean), pairwise(cuts)
        )
    linear = squares = spread = before = 0.0
    for mass, amounts, of_amounts, masses, of_masses, of_squares, deviations in parts:
        linear += of_amounts + 2 * before * amounts
        squares += of_squares + 4 * before * of_masses + 4 * before**2 * masses
        spread += deviations
        before += mass
    return linear, squares, spread


def _enough(quota: FloatArray, there: FloatArray) -> None:
    remedy = "Count what was treated in the quantity that is eligible, in the same unit."
    problems = [
        Problem(f"total[{s}]", f"{quota[s]:g} is more than the {there[s]:g} that may be chosen", remedy)
        for s in np.flatnonzero(quota > there * (1 + ROUNDING))
    ]
    if problems:
        raise InputError(problems)


def _totals(amounts: FloatArray) -> FloatArray:
    totals = np.asarray(amounts.sum(axis=-1))
    if (totals == 0).any() or ((totals < 0).any() and (totals > 0).any()):
        what = "sum to 0, or to gains in some draws and losses in others"
        raise InputError(Problem("amounts", what, "State gains and losses apart."))
    return totals


def _shares(amounts: ArrayLike, population: ArrayLike, coefficients: FloatArray) -> FloatArray:
    """Mean of coefficients, shape (areas,) or (areas, k), weighted by the amounts of each draw."""
    amounts = finite("amounts", amounts, size=np.size(population))
    return np.asarray(((amounts @ coefficients).T / _totals(amounts)).T)


def _claim_problems(name: str, claim: Claim) -> list[Problem]:
    where = f"claims[{name!r}]"
    found = Argument(where, (claim.value, claim.low, claim.high)).problems()
    if not found and claim.low > claim.high:
        found.append(Problem(where, f"low {claim.low:g} is above high {claim.high:g}", "Give the lower end first."))
    return found


def _verdict(claim: Claim, neutral: float) -> str:
    return "above" if claim.low > neutral else "below" if claim.high < neutral else "unclear"
