"""The language of rules and filters: CQL2 text and JSON, checked against declared columns, evaluated over arrays.

A rule becomes a tree of conditions (`layers.filter_conditions`), read by `layers.filter_text` or `layers.filter_json`;
`layers.filter_builder` checks each part. Nothing of a rule is ever executed, and it calls only the functions of
`layers.filter_calls`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geo.arrays import BoolArray
from geo.errors import InputError, Problem
from layers.filter_builder import Builder, ToLonLat
from layers.filter_columns import Coded, Column, SpatialValues
from layers.filter_conditions import Condition
from layers.filter_functions import FUNCTIONS
from layers.filter_json import read_json
from layers.filter_limits import Limits
from layers.filter_operands import Part
from layers.filter_text import read_text
from layers.filter_values import Values, columns_of, normal, shape_of, values_of

__all__ = [
    "CONFORMANCE",
    "FUNCTIONS",
    "OF_API",
    "OF_RULES",
    "Coded",
    "Column",
    "Filter",
    "Limits",
    "SpatialValues",
    "columns_of",
    "parse",
    "parse_json",
    "values_of",
]

# what of the standard is understood; its arrays are not, since no column holds any
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
    for name in (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "accent-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "spatial-functions",
        "temporal-functions",
        "property-property",
        "functions",
        "arithmetic",
    )
)
OF_RULES = Limits()
OF_API = Limits(characters=100_000, depth=64, nodes=2000, coordinates=20_000)


@dataclass(frozen=True)
class Filter:
    """A checked rule.

    Attributes
    ----------
    text
        As it was given; CQL2 JSON on one line.
    columns
        Names of the columns that the rule uses.
    """

    text: str
    columns: frozenset[str]
    condition: Condition = field(repr=False)
    declared: tuple[Column, ...] = field(repr=False)
    where: str = field(repr=False)

    def mask(self, values: Mapping[str, Values]) -> BoolArray:
        """Where the rule is true.

        Parameters
        ----------
        values
            By column, at least `columns`, in shapes that broadcast: (rows, 1) and (1, carriers) give (rows, carriers).
            Numbers: any integers or floats, missing is NaN or None. Texts: missing is None or empty; many rows come
            faster as `Coded`. Texts with choices: the texts, or integers that are positions in the column's choices,
            missing is -1. Flags: booleans, or 1 and 0, missing is None, NaN or, among integers, -1. Dates and
            timestamps: datetimes, those without a zone in UTC, missing is NaT or None. Geometries: `SpatialValues`.

        Returns
        -------
        BoolArray
            Of the shape that all given values have together, a new array. Unknown is not true.

        Raises
        ------
        InputError
            A column without values, with values of another kind or texts that are no choice, or shapes that don't fit.
        """
        arrays: dict[str, Any] = {}
        problems: list[Problem] = []
        for column in self.declared:
            try:
                arrays[column.name] = normal(values, column)
            except InputError as error:
                problems += error.problems
        shapes = {name: shape_of(arrays.get(name, value)) for name, value in values.items()}
        try:
            shape = np.broadcast_shapes(*shapes.values())
        except ValueError:
            what = f"values of shapes {shapes} do not fit together"
            problems.append(Problem(self.where, what, "Give one value for each row."))
        if problems:
            raise InputError(problems)
        return np.array(np.broadcast_to(self.condition.holds(arrays, truth=True), shape))


def parse(
    text: str,
    columns: Sequence[Column],
    where: str,
    limits: Limits = OF_RULES,
    to_lonlat: ToLonLat | None = None,
) -> Filter:
    """Read a rule in CQL2 text: ``class <= 'F' and carrier = 'gas' and low_income``.

    Parameters
    ----------
    text
        Beside CQL2, `==` and `!=` are understood; keywords in any case. `and` binds closer than `or`. In `like`, `%`
        stands for any characters and `_` for one.
    columns
        What the rule may name.
    where
        What the rule is called in messages, such as ``"placement 3, rule"``.
    limits
        How large the rule may be.
    to_lonlat
        Turns a geometry of the rule's reference system, in the order of its axes, into longitude and latitude; None
        where geometries are in CRS84 already.

    Raises
    ------
    InputError
        The text is no rule (with the part that is not understood), is too large, or, all of them at once: columns and
        functions that there are not, values of another kind, texts that are no choice, geometries and dates that
        cannot be read.
    """
    build = Builder(columns, where, limits, to_lonlat)
    return _filter(read_text(text, build), text, build)


def parse_json(
    document: object,
    columns: Sequence[Column],
    where: str,
    limits: Limits = OF_RULES,
    to_lonlat: ToLonLat | None = None,
) -> Filter:
    """Read a rule in CQL2 JSON, decoded: ``{"op": "=", "args": [{"property": "carrier"}, "gas"]}``.

    Parameters
    ----------
    document
        Dictionaries, lists, texts, numbers and booleans.
    columns, where, limits, to_lonlat
        As for `parse`; messages add the path of the part, such as ``/args/0``.

    Raises
    ------
    InputError
        As for `parse`; what is not understood is reported with all the rest.
    """
    build = Builder(columns, where, limits, to_lonlat)
    return _filter(read_json(document, build), json.dumps(document, ensure_ascii=False), build)


def _filter(part: Part, text: str, build: Builder) -> Filter:
    condition = build.finished(part)
    return Filter(text, frozenset(build.used), condition, tuple(build.used.values()), build.where)
