"""Array types of the engine and the checks that every function starts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.integer]
BoolArray: TypeAlias = NDArray[np.bool_]
# doubles hold each whole number up to this one
EXACT = 2**53

_FILL = "Fill it, or leave the row out and report it."


@dataclass(frozen=True)
class Argument:
    """Numbers as they were given, and what makes sense of them.

    Attributes
    ----------
    name
        What they are called in messages, as in the signature, with the unit.
    values
        Any numbers. NaN, infinity and None are refused: a missing value is the caller's to decide on, never zero here.
    low, high
        Range, inclusive.
    above
        Bound that must be exceeded.
    size
        Length that the last axis must have.
    series
        Whether there must be a last axis, of years.
    per_row
        Whether there is one value for each row of a series: `checked` sets it beside the years.
    remedy
        What to do about a value that is missing or out of range; said in general terms when empty.
    """

    name: str
    values: ArrayLike | None
    low: float | None = None
    high: float | None = None
    above: float | None = None
    size: int | None = None
    series: bool = False
    per_row: bool = False
    remedy: str = ""

    def problems(self) -> list[Problem]:
        """List what is wrong, each kind with its first position and how many there are; nothing if all is well."""
        array = numbers(self.values)
        if array is None:
            return [Problem(self.name, f"{self.values!r:.60} is no number", self.remedy or "Give numbers.")]
        found = []
        if self.series and array.ndim == 0:
            found.append(Problem(self.name, "is one number, not a series of years", "Give one value for each year."))
        if self.size is not None and array.shape[-1:] != (self.size,):
            what = f"has shape {array.shape}, expected length {self.size}"
            found.append(Problem(self.name, what, "Give one value for each row."))
        broken = ~np.isfinite(array)
        if broken.any():
            found.append(self._broken(array, broken, "missing or infinite", _FILL))
            array = np.where(broken, np.nan, array)  # which is not out of range as well
        for bound, compare, what in (
            (self.low, np.less, "below"),
            (self.high, np.greater, "above"),
            (self.above, np.less_equal, "not above"),
        ):
            if bound is not None and (broken := compare(array, bound)).any():
                found.append(self._broken(array, broken, f"{what} {bound:g}", f"Give one {self._range()}."))
        return found

    def _broken(self, array: FloatArray, broken: BoolArray, what: str, remedy: str) -> Problem:
        if array.ndim == 0:
            said = f"{array:g} is {what}" if np.isfinite(array) else f"is {what}"
            return Problem(self.name, said, self.remedy or remedy)
        first = np.argwhere(broken)[0].tolist()
        return Problem(f"{self.name}{first}", f"{int(broken.sum())} value(s) {what}", self.remedy or remedy)

    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        bounds = (("above", self.above), ("at least", self.low), ("at most", self.high))
        return ", ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def checked(*arguments: Argument, also: Sequence[Problem] = ()) -> tuple[FloatArray, ...]:
    """Return arguments as float64 arrays of one shape, or refuse all that is wrong with any of them at once.

    Parameters
    ----------
    arguments
        Numbers whose shapes must broadcast.
    also
        Problems that the caller found already.

    Returns
    -------
    tuple
        Arrays of the common shape; they may be views that cannot be written to.

    Raises
    ------
    InputError
        Every problem of every argument; shapes that do not fit each other.
    """
    problems = [*(problem for argument in arguments for problem in argument.problems()), *also]
    arrays = [(one, array) for one in arguments if (array := numbers(one.values)) is not None]
    try:
        fitted = np.broadcast_arrays(*(array[..., None] if one.per_row else array for one, array in arrays))
    except ValueError:
        shapes = ", ".join(f"{one.name} {array.shape}" for one, array in arrays)
        problems.append(Problem("shapes", f"do not fit: {shapes}", "Give one value each, or one for all."))
    if problems:
        raise InputError(problems)
    return tuple(fitted)


def finite(name: str, values: ArrayLike, *, minimum: float | None = None, size: int | None = None) -> FloatArray:
    """Return one array of numbers as float64; name, bounds and errors as for `Argument`."""
    return checked(Argument(name, values, low=minimum, size=size))[0]


def numbers(values: ArrayLike | None) -> FloatArray | None:
    """Return what may be numbers as float64, not copied if it is; None where it is ragged or none."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        return None


def calendar_problems(name: str, years: ArrayLike) -> list[Problem]:
    """List what keeps years from being whole ones, each once, rising, without a gap."""
    if found := Argument(name, years).problems():
        return found
    year = np.asarray(years, dtype=np.float64)
    if year.ndim == 1 and year.size and (year == np.round(year[0]) + np.arange(year.size)).all():
        return []
    return [Problem(name, "are not each year once, rising", "Give every calendar year from the first to the last.")]


def order_problems(first: str, start: float, last: str, end: float) -> list[Problem]:
    """List what keeps one year from coming before another."""
    problems = [*Argument(first, start).problems(), *Argument(last, end).problems()]
    if not problems and not start < end:
        what = f"{start:g} is not before {end:g}"
        problems.append(Problem(f"{first}, {last}", what, "Give the earlier year, then the later."))
    return problems


def unknown_problems(where: str, names: Sequence[str], known: Sequence[str]) -> list[Problem]:
    """List names that are not known, each with the one that was meant or all there are."""
    found = []
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known) or 'none'}."
            found.append(Problem(where, f"{name!r} is not known", hint))
    return found


def quotient(part: ArrayLike, whole: ArrayLike) -> FloatArray:
    """Quotient where the whole is above zero, else NaN: never infinite, never with the wrong sign; shapes broadcast."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def sum_by(group: IntArray, values: ArrayLike, n: int) -> FloatArray:
    """Sum values by group number; groups 0..n-1, those without a member sum to 0."""
    return np.asarray(np.bincount(group, np.asarray(values, dtype=np.float64), minlength=n), dtype=np.float64)
