"""Conditions of a filter, evaluated over arrays.

Logic has three values as in SQL: what is missing makes a comparison unknown, and unknown is neither true nor false.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from layers.filter_columns import AnyArray, Coded
from layers.filter_operands import FLAG, Arrays, Named, Operand, Part, Shape, coded, written_out

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
}
OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
ORDERED_KINDS = {"number", "date", "timestamp", "unbounded"}  # NaN and NaT compare as false, but for <>


@dataclass(frozen=True)
class Condition(Part, ABC):
    """Something that is true, false or unknown for each row."""

    @abstractmethod
    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Where the condition is `truth`: a mask that broadcasts, false where the condition is unknown."""


@dataclass(frozen=True)
class Always(Condition):
    """True or false for every row."""

    value: bool

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, ARG002, FBT001
        """Everywhere or nowhere."""
        return np.bool_(self.value is truth)


@dataclass(frozen=True)
class Joined(Condition):
    """Conditions joined by and (`every`) or by or."""

    parts: tuple[Condition, ...]
    every: bool

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """All of them true, or one of them false; the other way round for or."""
        join = np.logical_and if self.every is truth else np.logical_or
        return reduce(join, [part.holds(arrays, truth) for part in self.parts])


@dataclass(frozen=True)
class Negated(Condition):
    """The contrary of a condition; of unknown it is unknown."""

    part: Condition

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Where the part is the contrary."""
        return self.part.holds(arrays, not truth)


@dataclass(frozen=True)
class Truth(Operand):
    """A condition taken as a value, yes or no."""

    condition: Condition

    @property
    def kind(self) -> str:
        """Always ``"flag"``."""
        return "flag"

    @property
    def choices(self) -> tuple[str, ...] | None:
        """Of true and false."""
        return FLAG

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """1 where it is true, 0 where it is false, -1 where it is unknown."""
        true, false = self.condition.holds(arrays, truth=True), self.condition.holds(arrays, truth=False)
        return np.where(true, 1, np.where(false, 0, -1))


@dataclass(frozen=True)
class Compared(Condition):
    """Two operands of one kind, compared."""

    sign: str
    left: Operand
    right: Operand

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """By the sign or its opposite, where both sides are known."""
        sign = self.sign if truth else OPPOSITE[self.sign]
        left, right = self.left.array(arrays), self.right.array(arrays)
        if isinstance(left, Coded) and isinstance(right, str):
            return _each_text(left, sign, right)
        if isinstance(right, Coded) and isinstance(left, str):
            return _each_text(right, MIRRORED[sign], left)
        left, right = written_out(left), written_out(right)
        mask = np.asarray(COMPARE[sign](left, right), dtype=np.bool_)
        if sign != "<>" and self.left.kind in ORDERED_KINDS:
            return mask
        return mask & self.left.known(left) & self.right.known(right)


def _each_text(texts: Coded, sign: str, text: str) -> AnyArray:
    """Compare each different text once."""
    different = texts.listed()
    mask = np.asarray(COMPARE[sign](different, text), dtype=np.bool_)
    return texts.spread(mask & np.asarray(different != "", dtype=np.bool_), missing=False)


@dataclass(frozen=True)
class Among(Condition):
    """An operand that is one of some constants."""

    operand: Operand
    values: tuple[Any, ...]

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Look positions up in a table; look other values up by hash."""
        array = self.operand.array(arrays)
        if self.operand.choices is not None:
            table = np.full(len(self.operand.choices) + 1, not truth)
            table[list(self.values)] = truth
            table[-1] = False  # where position -1, missing, finds it
            return table[array]
        if isinstance(array, Coded):
            return array.spread(self._within(array.listed(), truth), missing=False)
        return self._within(np.asarray(array), truth)

    def _within(self, array: AnyArray, truth: bool) -> AnyArray:  # noqa: FBT001
        import pandas as pd  # noqa: PLC0415 - slow to import

        values = list(self.values) if self.operand.kind == "text" else np.array(self.values)
        if array.dtype == np.longdouble:  # pandas has none
            found = np.isin(array, values)
        else:
            found = pd.Series(array.ravel()).isin(values).to_numpy(np.bool_).reshape(array.shape)
        mask: AnyArray = (found == truth) & self.operand.known(array)
        return mask


@dataclass(frozen=True)
class Alike(Condition):
    """Texts that match a pattern."""

    operand: Operand
    pattern: str

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Match each different text once."""
        texts = coded(self.operand.array(arrays), self.operand.choices)
        matches, different = matcher(self.pattern), texts.listed()
        mask = np.fromiter((matches(text) is not None for text in different), np.bool_, len(different))
        return texts.spread((mask == truth) & np.asarray(different != "", dtype=np.bool_), missing=False)


@dataclass(frozen=True)
class Missing(Condition):
    """An operand that has no value."""

    operand: Operand

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Known or not is never unknown itself."""
        known = self.operand.known(self.operand.array(arrays))
        return np.logical_not(known) if truth else known


@dataclass(frozen=True)
class Related(Condition):
    """A geometry column that stands in a relation to a geometry of the filter."""

    operator: str
    operand: Named
    shape: Shape

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """As the column's values tell; a row without geometry is unknown."""
        relation = self.operand.array(arrays).relate(self.operator, self.shape.geometry)
        return relation == int(truth)


def matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    r"""Compile a pattern: `%` any characters, `_` one, a backslash before either takes it as it is.

    Each piece between two `%` is taken at its first match and never tried again (an atomic group), which loses no match
    and keeps the time proportional to text times pattern, whatever the pattern.
    """
    signs = re.findall(r"\\[%_\\]|.", pattern, re.DOTALL)
    pieces = [""]
    for sign in signs:
        if sign == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if sign == "_" else re.escape(sign[-1])
    first, *middle = pieces
    last = f".*{middle.pop()}" if middle else ""
    # `.*` before the last piece leaves nothing to try again: the piece has one length
    found = re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + last, re.DOTALL)
    return found.fullmatch
