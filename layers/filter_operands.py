"""Parts of a filter that have a value for each row: constants, columns, reckoned numbers, functions, instants."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import shapely

from geo.arrays import EXACT
from layers.filter_columns import AnyArray, Coded, Column

Arrays: TypeAlias = Mapping[str, Any]

FLAG = ("false", "true")
NOWHERE = shapely.Point(0, 0)  # any geometry tells which rows have one


def _by(divide: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Nothing divides by zero: the result is unknown."""
    return lambda a, b: divide(a, np.where(np.equal(b, 0), np.nan, b))


CALCULATE: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _by(np.divide),
    # as in SQL, towards zero: the rest has the sign of what is divided
    "%": _by(np.fmod),
    "div": _by(lambda a, b: np.trunc(np.divide(a, b))),
    # numpy takes the power 0 of what is missing for 1
    "^": lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, np.power(a, b)),
}


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
        """``"number"``, ``"text"``, ``"flag"``, ``"date"``, ``"timestamp"``, ``"unbounded"`` or ``"geometry"``."""
        return "number"

    @property
    def choices(self) -> tuple[str, ...] | None:
        """Texts whose positions the array holds; None where it holds the values themselves."""
        return None

    @abstractmethod
    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401 - array or scalar
        """Values of the rows.

        Numbers (NaN is missing), texts (empty is missing) or `Coded` ones, positions in `choices` (-1 is missing),
        datetimes (NaT is missing), geometries (`SpatialValues`).
        """

    def known(self, array: Any) -> Any:  # noqa: ANN401 - one line for each form of values
        """Where the array of this operand is not missing."""
        if self.choices is not None:
            return array >= 0
        if self.kind == "number":
            return ~np.isnan(array) if np.asarray(array).dtype.kind == "f" else np.True_
        if self.kind in {"date", "timestamp"}:
            return ~np.isnat(array)
        if self.kind == "geometry":
            return array.relate("s_intersects", NOWHERE) >= 0
        if isinstance(array, Coded):
            return array.spread(np.asarray(array.listed() != "", dtype=np.bool_), missing=False)
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
        """The value itself, which numpy repeats as it needs; true and false as positions."""
        if isinstance(self.value, bool):
            return int(self.value)
        # numpy brings a Python number to long doubles by way of a double
        return np.int64(self.value) if isinstance(self.value, int) and EXACT < abs(self.value) < 2**63 else self.value

    def known(self, array: Any) -> Any:  # noqa: ANN401, ARG002
        """Everywhere."""
        return np.True_


@dataclass(frozen=True)
class Instant(Operand):
    """A day or an instant in UTC; or an end of an interval that has none."""

    value: np.datetime64
    granularity: str

    @property
    def kind(self) -> str:
        """``"date"``, ``"timestamp"`` or ``"unbounded"``."""
        return self.granularity

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401, ARG002
        """The value itself."""
        return self.value

    def known(self, array: Any) -> Any:  # noqa: ANN401, ARG002
        """Everywhere."""
        return np.True_


@dataclass(frozen=True)
class Shape(Operand):
    """A geometry that the filter itself holds, in longitude and latitude."""

    geometry: shapely.Geometry

    @property
    def kind(self) -> str:
        """Always ``"geometry"``."""
        return "geometry"

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401, ARG002
        """The geometry."""
        return self.geometry

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

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """Look the column up."""
        return arrays[self.column.name]


@dataclass(frozen=True)
class Arithmetic(Operand):
    """Numbers reckoned from left to right."""

    first: Operand
    rest: tuple[tuple[str, Operand], ...]

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """Reckon in 64-bit floats: small integers would overflow."""
        result = _float(self.first.array(arrays))
        with np.errstate(all="ignore"):
            for sign, operand in self.rest:
                result = CALCULATE[sign](result, _float(operand.array(arrays)))
        return result


@dataclass(frozen=True)
class Day(Operand):
    """The day of an instant, by which it is compared with a date."""

    of: Operand

    @property
    def kind(self) -> str:
        """Always ``"date"``."""
        return "date"

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """Cut the time of day off."""
        return self.of.array(arrays).astype("datetime64[D]")


@dataclass(frozen=True)
class Mapped(Operand):
    """A function of one operand: `text` makes another text of each different text, `number` numbers of an array."""

    of: Operand
    returns: str
    function: Callable[[Any], Any]

    @property
    def kind(self) -> str:
        """What the function returns."""
        return self.returns

    def array(self, arrays: Arrays) -> Any:  # noqa: ANN401
        """Texts are looked at once each; numbers and datetimes go through numpy."""
        array = self.of.array(arrays)
        if self.of.kind != "text":
            with np.errstate(all="ignore"):
                return self.function(array)
        texts = coded(array, self.of.choices)
        of_each = texts.listed()
        if self.returns == "text":
            mapped = np.empty(len(of_each), dtype=object)
            mapped[:] = [self.function(text) if text else "" for text in of_each]
            return Coded(texts.codes, mapped)
        numbers = np.array([self.function(text) if text else np.nan for text in of_each], dtype=np.float64)
        return texts.spread(numbers, missing=np.nan)


def coded(array: Any, choices: tuple[str, ...] | None = None) -> Coded:  # noqa: ANN401
    """Bring texts, or positions in `choices`, to their different texts."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    if choices is not None:
        return Coded(np.asarray(array), choices)
    if isinstance(array, Coded):
        return array
    texts = np.asarray(array, dtype=object)
    codes, different = pd.factorize(texts.ravel())
    return Coded(codes.reshape(texts.shape), cast("AnyArray", different))


def written_out(array: Any) -> Any:  # noqa: ANN401
    """Texts of all rows, empty where missing."""
    return array.spread(array.listed(), missing="") if isinstance(array, Coded) else array


def _float(array: Any) -> Any:  # noqa: ANN401
    """64-bit floats; an array that is one already is not copied."""
    return np.asarray(array, dtype=np.float64)
