"""Array types of the engine and the checks that every function starts with."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.integer]
BoolArray: TypeAlias = NDArray[np.bool_]


def finite(name: str, values: ArrayLike, *, minimum: float | None = None, size: int | None = None) -> FloatArray:
    """Return `values` as float64, refusing what cannot be computed with.

    Parameters
    ----------
    name
        What the array is called in messages, with its unit.
    values
        Any numbers. NaN and infinity are refused: a missing value is the caller's to decide on, never zero here.
    minimum
        Lowest value allowed.
    size
        Length that the array must have.

    Raises
    ------
    InputError
        Every broken kind of value with its first position and how many there are.
    """
    array = np.asarray(values, dtype=np.float64)
    problems = []
    if size is not None and array.shape[-1:] != (size,):
        problems.append(
            Problem(name, f"has shape {array.shape}, expected length {size}", "Give one value for each row.")
        )
    for broken, what, remedy in (
        (~np.isfinite(array), "missing or infinite", "Fill it, or leave the row out and report it."),
        (array < minimum if minimum is not None else np.zeros(array.shape, bool), f"below {minimum}", "Correct it."),
    ):
        if broken.any():
            first = np.argwhere(broken)[0].tolist() or ""  # a single number has no position
            problems.append(Problem(f"{name}{first}", f"{int(broken.sum())} value(s) {what}", remedy))
    if problems:
        raise InputError(problems)
    return array


def sum_by(group: IntArray, values: ArrayLike, n: int) -> FloatArray:
    """Sum values by group number; groups 0..n-1, those without a member sum to 0."""
    return np.asarray(np.bincount(group, np.asarray(values, dtype=np.float64), minlength=n), dtype=np.float64)
