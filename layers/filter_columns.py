"""What a filter may name: columns, the forms in which their values come, and how parts of a filter are quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import InputError, Problem

SHOWN = 40  # characters of a part, names of a list
# control characters and halves of surrogate pairs: no key types them, and they break logs and answers
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

AnyArray: TypeAlias = NDArray[Any]
Kind: TypeAlias = Literal["number", "text", "flag", "ordered", "date", "timestamp", "geometry"]


@dataclass(frozen=True)
class Column:
    """What a rule may name.

    Parameters
    ----------
    name
        As the rule writes it; with other characters than letters, digits, `_`, `.` and `:` it stands in double quotes.
    kind
        ``"number"``, ``"text"``, ``"flag"`` (yes or no), ``"ordered"``: texts that compare by position in `choices`,
        ``"date"`` (a day), ``"timestamp"`` (an instant in UTC), or ``"geometry"``.
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
        if (self.kind == "ordered" and not self.choices) or (self.kind not in {"ordered", "text"} and self.choices):
            raise InputError(
                Problem(f"column {self.name}", f"is declared {self.kind} with choices {self.choices}", "Correct it.")
            )


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts of a column as positions in the list of its different texts, each of which is then looked at once.

    Parameters
    ----------
    codes
        Integers of any shape, from -1 (missing) to ``len(texts) - 1``.
    texts
        Different texts or not; an empty one is missing.
    """

    codes: AnyArray
    texts: Sequence[str] | NDArray[np.object_]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the codes; numpy asks for it."""
        return self.codes.shape

    def spread(self, table: AnyArray, missing: object) -> AnyArray:
        """Give each row what `table` says of its text, or `missing`."""
        last = np.empty(1, dtype=table.dtype)
        last[0] = missing
        # position -1 finds what stands last
        found: AnyArray = np.concatenate([table, last])[self.codes]
        return found

    def listed(self) -> NDArray[np.object_]:
        """The texts as an array of objects."""
        return np.asarray(self.texts, dtype=object)


@runtime_checkable
class SpatialValues(Protocol):
    """Geometries of a column, in longitude and latitude (CRS84)."""

    def __len__(self) -> int:
        """Number of rows."""

    def relate(self, operator: str, geometry: shapely.Geometry) -> NDArray[np.int8]:
        """Whether each row's geometry stands in a relation to another one.

        Parameters
        ----------
        operator
            ``"s_intersects"``, ``"s_disjoint"``, ``"s_equals"``, ``"s_touches"``, ``"s_crosses"``, ``"s_overlaps"``,
            ``"s_within"`` (the row lies within `geometry`) or ``"s_contains"`` (the row contains `geometry`).
        geometry
            Valid, two-dimensional, in longitude and latitude.

        Returns
        -------
        NDArray
            1 true, 0 false, -1 unknown: the row has no geometry. Shape (rows,).
        """


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
