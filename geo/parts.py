"""Why emissions changed: parts of a change that sum to the whole, without a remainder.

`shapley_parts` compares states of a model (measures on or off), `lmdi_parts` takes a published series apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from geo.arrays import Argument, BoolArray, FloatArray, numbers
from geo.errors import InputError, Problem
from geo.measures import EXACT_MEASURES, exact_shares, name_problems, subsets

DRIVERS = ("municipal_measures", "external_path", "activity")
LMDI_PARTS = ("population", "kwh_per_head", "carrier_mix", "emission_factor")


def shapley_parts(names: Sequence[str], state: Callable[[frozenset[str]], ArrayLike]) -> dict[str, FloatArray]:
    """Part of each driver in a change: what it changes, averaged over every order in which the drivers may change.

    Parameters
    ----------
    names
        Drivers, one to six; `DRIVERS` for a city.
    state
        Emissions with the drivers named as they are now and all others as they were, asked once for each subset.
        Any shape (years, areas), the same for all; any unit.

    Returns
    -------
    dict
        By driver, of the shape and unit of the states. The parts sum to ``state(all) - state(none)``.

    Raises
    ------
    InputError
        No driver, more than six, one named twice, states with missing values or of several shapes.
    """
    problems = name_problems("names", names)
    if not 1 <= len(names) <= EXACT_MEASURES:
        problems.append(Problem("names", f"{len(names)} drivers cannot be told apart", "Give one to six."))
    if problems:
        raise InputError(problems)
    states = {subset: np.asarray(state(subset), dtype=np.float64) for subset in subsets(names)}
    none = states[frozenset()].shape
    for subset, values in states.items():
        where = f"state({sorted(subset)})"
        problems += Argument(where, values).problems()
        if values.shape != none:
            problems.append(
                Problem(where, f"has shape {values.shape}, expected {none}", "Give all states for the same years.")
            )
    if problems:
        raise InputError(problems)
    return exact_shares(names, states)


def lmdi_parts(population: ArrayLike, kwh_a: ArrayLike, ef_g_kwh: ArrayLike) -> dict[str, FloatArray]:
    """Parts of population, use per head, carrier mix and emission factors in the change from each year to the next.

    Logarithmic mean Divisia index, additive, first kind: emissions are people x kWh per head x share of the carrier
    x its factor, and each of the four gets ``sum over carriers of L(E1, E0) ln(x1 / x0)``, with L the logarithmic
    mean. So a falling grid factor is not booked as local success. Where something comes or goes, the limit is taken:
    a carrier that is new is a matter of the mix, a factor that was zero of the factor, half each if both were; energy
    that stops altogether, of use per head.

    Parameters
    ----------
    population
        People, above zero, shape (…, years), years rising in any steps; leading axes are areas.
    kwh_a
        Final energy by carrier, kWh/a, shape (…, years, carriers). Zero is a carrier that is not used.
    ef_g_kwh
        Emission factors, g CO2e/kWh, zero or more, of a shape that broadcasts to that of `kwh_a`.

    Returns
    -------
    dict
        For each of `LMDI_PARTS` t CO2e/a, shape (…, years - 1). They sum to the change of emissions from year to year,
        and over the years to the change from the first to the last.

    Raises
    ------
    InputError
        A value missing or negative, nobody living there, fewer than two years, shapes that do not fit.
    """
    people, energy, factor = _series(population, kwh_a, ef_g_kwh)
    whole = energy.sum(axis=-1, keepdims=True)
    heads = np.broadcast_to(people[..., None], energy.shape)
    per_head = np.broadcast_to(whole / people[..., None], energy.shape)
    # without any energy there is no mix that could have changed: anything but zero
    mix = np.divide(energy, whole, out=np.ones_like(energy), where=whole > 0)
    emitted = energy * factor / 1e6
    before, after = emitted[..., :-1, :], emitted[..., 1:, :]
    parts = _log_parts(np.stack([heads, per_head, mix, factor]), before, after)
    return {name: np.asarray(part.sum(axis=-1)) for name, part in zip(LMDI_PARTS, parts, strict=True)}


def _log_parts(drivers: FloatArray, before: FloatArray, after: FloatArray) -> FloatArray:
    """Parts of each driver (first axis) in the change of each carrier."""
    old, new = drivers[..., :-1, :], drivers[..., 1:, :]
    change, both = after - before, (before > 0) & (after > 0)
    log = _log_ratio(after, before, both)
    mean = np.divide(change, log, out=np.where(both, before, 0.0), where=log != 0)
    # of what comes from nothing or goes to nothing, all belongs to the drivers that are zero at that end
    vanished = np.where(after > 0, old == 0, new == 0)
    share = vanished / np.maximum(vanished.sum(axis=0), 1)
    return np.asarray(np.where(both, mean * _log_ratio(new, old, both), share * change))


def _log_ratio(new: FloatArray, old: FloatArray, used: BoolArray) -> FloatArray:
    """ln(new / old) where used, else 0; as exact for values close to each other as for those far apart."""
    change, used = new - old, np.broadcast_to(used, new.shape)
    near = used & (np.abs(change) < old / 2)
    relative = np.divide(change, old, out=np.zeros_like(change), where=near)
    far_new, far_old = (np.log(end, out=np.zeros_like(change), where=used & ~near) for end in (new, old))
    return np.asarray(np.log1p(relative) + far_new - far_old)


def _series(population: ArrayLike, kwh_a: ArrayLike, ef_g_kwh: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check arguments; the factors in the shape of the energy."""
    problems = [
        *Argument("population", population, above=0, remedy="Leave areas without people out.").problems(),
        *Argument("kwh_a", kwh_a, low=0).problems(),
        *Argument("ef_g_kwh", ef_g_kwh, low=0).problems(),
    ]
    people, energy, factor = (numbers(values) for values in (population, kwh_a, ef_g_kwh))
    if people is None or energy is None or factor is None:
        raise InputError(problems)
    if energy.ndim < 2 or people.shape != energy.shape[:-1] or energy.shape[-2] < 2 or energy.shape[-1] < 1:
        what = f"have shapes {people.shape} and {energy.shape}"
        remedy = "Give people by year and energy by year and carrier, two years at least."
        problems.append(Problem("population, kwh_a", what, remedy))
    try:
        factor = np.broadcast_to(factor, energy.shape)
    except ValueError:
        what = f"has shape {factor.shape}, energy {energy.shape}"
        problems.append(Problem("ef_g_kwh", what, "Give a factor for each year and carrier."))
    if problems:
        raise InputError(problems)
    return people, energy, factor
