"""What a rule is made of: columns, operands and conditions, evaluated over arrays.

Logic has three values as in SQL: what is missing makes a comparison unknown, and unknown is neither true nor false.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.errors import InputError, Problem

SHOWN = 40  # characters of a part, names of a list

AnyArray: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Mapping[str, AnyArray]
Kind: TypeAlias = Literal["number", "text", "flag", "ordered"]

FLAG = ("false", "true")
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    ">=": np.greater_equal,
    ">": np.greater,
    "<=": np.less_equal,
}
OPPOSITE = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    # nothing divides by zero: the quotient is unknown
    "/": lambda a, b: np.divide(a, np.where(np.equal(b, 0), np.nan, b)),
}
# control characters and halves of surrogate pairs: no key types them, and they break logs and answers
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Column:
    """What a rule may name.

    Parameters
    ----------
    name
        As the rule writes it; with other characters than letters, digits, `_`, `.` and `:` it stands in double quotes.
    kind
        ``"number"``, ``"text"``, ``"flag"`` (yes or no), or ``"ordered"``: texts that compare by position in `choices`.
    choices
        The texts there are, where they are few; any text if None. Ordered columns need them.
    en
        Title for people.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...] | None = None
    en: str = ""

    def __post_init__(self) -> None:
        if (self.kind == "ordered" and not self.choices) or (self.kind in {"number", "flag"} and self.choices):
            raise InputError(
                Problem(f"column {self.name}", f"is declared {self.kind} with choices {self.choices}", "Correct it.")
            )


@dataclass(frozen=True)
class Part:
    """A piece of a rule: where it stands and how it is written there."""

    at: str
    said: str


class Broken(Part):
    """A piece with a problem already reported; nothing more is said of what holds it."""


@dataclass(frozen=True)
class Operand(Part, ABC):
    """A value for each row."""

    @property
    def kind(self) -> str:
        """``"number"``, ``"text"`` or ``"flag"``."""
        return "number"

    @property
    def choices(self) -> tuple[str, ...] | None:
        """Texts whose positions the array holds; None where it holds the values themselves."""
        return None

    @abstractmethod
    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401 - array or scalar
        """Numbers (NaN is missing), texts (empty is missing) or positions in `choices` (-1 is missing)."""

    def known(self, array: Any) -> Any:  # noqa: ANN401
        """Where the array of this operand is not missing."""
        if self.choices is not None:
            return array >= 0
        if self.kind == "number":
            return ~np.isnan(array) if np.asarray(array).dtype.kind == "f" else np.True_
        return np.asarray(array != "", dtype=np.bool_)


@dataclass(frozen=True)
class Constant(Operand):
    """A number, a text, true or false; or the position of a text among choices."""

    value: str | float | bool

    @property
    def kind(self) -> str:
        """By the type of the value."""
        if isinstance(self.value, bool):
            return "flag"
        return "text" if isinstance(self.value, str) else "number"

    @property
    def choices(self) -> tuple[str, ...] | None:
        """Of true and false."""
        return FLAG if self.kind == "flag" else None

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401, ARG002
        """The value itself, which numpy repeats as it needs."""
        return self.value

    def known(self, array: Any) -> Any:  # noqa: ANN401, ARG002
        """Everywhere."""
        return np.True_


@dataclass(frozen=True)
class Named(Operand):
    """The values of a column."""

    column: Column

    @property
    def kind(self) -> str:
        """Of the column; ordered texts are texts."""
        return "text" if self.column.kind == "ordered" else self.column.kind

    @property
    def choices(self) -> tuple[str, ...] | None:
        """Of the column."""
        return FLAG if self.column.kind == "flag" else self.column.choices

    def array(self, arrays: Arrays) -> AnyArray:
        """Look the column up."""
        return arrays[self.column.name]


@dataclass(frozen=True)
class Arithmetic(Operand):
    """Numbers added, subtracted, multiplied or divided from left to right."""

    first: Operand
    rest: tuple[tuple[str, Operand], ...]

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """Reckon in 64-bit floats: small integers would overflow."""
        result = np.float64(1) * self.first.array(arrays)
        with np.errstate(all="ignore"):
            for sign, operand in self.rest:
                result = CALCULATE[sign](result, operand.array(arrays))
        return result


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
class Compared(Condition):
    """Two operands of one kind, compared."""

    sign: str
    left: Operand
    right: Operand

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """By the sign or its opposite, where both sides are known."""
        left, right = self.left.array(arrays), self.right.array(arrays)
        mask = COMPARE[self.sign if truth else OPPOSITE[self.sign]](left, right)
        return np.asarray(mask, dtype=np.bool_) & self.left.known(left) & self.right.known(right)


@dataclass(frozen=True)
class Among(Condition):
    """An operand that is one of some constants."""

    operand: Operand
    values: tuple[Any, ...]

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Look positions up in a table; look other values up by hash."""
        array = np.asarray(self.operand.array(arrays))
        if self.operand.choices is not None:
            table = np.full(len(self.operand.choices) + 1, not truth)
            table[list(self.values)] = truth
            table[-1] = False  # where position -1, missing, finds it
            return table[array]
        values = list(self.values) if self.operand.kind == "text" else np.array(self.values)
        found = pd.Series(array.ravel()).isin(values).to_numpy(np.bool_).reshape(array.shape)
        return (found == truth) & self.operand.known(array)


@dataclass(frozen=True)
class Alike(Condition):
    """A column of free texts that match a pattern."""

    operand: Operand
    pattern: str

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Match each different text once."""
        array = self.operand.array(arrays)
        position, texts = pd.factorize(array.ravel())
        matches = matcher(self.pattern)
        table = np.array([text != "" and matches(text) is truth for text in texts], dtype=np.bool_)
        return table[position].reshape(array.shape)


@dataclass(frozen=True)
class Missing(Condition):
    """An operand that has no value."""

    operand: Operand

    def holds(self, arrays: Arrays, truth: bool) -> Any:  # noqa: ANN401, FBT001
        """Known or not is never unknown itself."""
        known = self.operand.known(self.operand.array(arrays))
        return np.logical_not(known) if truth else known


def matcher(pattern: str) -> Callable[[str], bool]:
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
    return lambda text: found.fullmatch(text) is not None


def quoted(text: str) -> str:
    """Quote a part of a rule for a message: on one line, not too long, nothing unprintable."""
    short = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return repr(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", short))


def listed(names: Sequence[str]) -> str:
    """Names for a message, not too many."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def one_of(column: Column) -> str:
    """Remedy where a text is no choice of a column."""
    return f"Use one of {listed(column.choices or ())}."
