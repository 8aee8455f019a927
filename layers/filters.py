"""The language of rules and filters: CQL2 text and JSON, checked against declared columns, evaluated over arrays.

A rule becomes a tree of conditions (`layers.filter_conditions`), read by `layers.filter_text` or `layers.filter_json`;
`layers.filter_builder` checks each part. Nothing of a rule is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from geo.arrays import BoolArray
from geo.errors import InputError, Problem
from layers.filter_builder import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, Builder
from layers.filter_conditions import AnyArray, Column, Condition, Part, one_of, quoted
from layers.filter_json import read_json
from layers.filter_text import read_text

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_NODES", "Column", "Filter", "parse", "parse_json"]


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

    def mask(self, values: Mapping[str, ArrayLike]) -> BoolArray:
        """Where the rule is true.

        Parameters
        ----------
        values
            By column, at least `columns`, in shapes that broadcast: (rows, 1) and (1, carriers) give (rows, carriers).
            Numbers: any integers or floats, missing is NaN or None. Texts: missing is None or empty. Texts with
            choices: the texts, or integers that are positions in the column's choices, missing is -1. Flags: booleans,
            or 1 and 0, missing is None, NaN or, among integers, -1.

        Returns
        -------
        BoolArray
            Of the shape that all given values have together, a new array. Unknown is not true.

        Raises
        ------
        InputError
            A column without values, with values of another kind or texts that are no choice, or shapes that don't fit.
        """
        arrays: dict[str, AnyArray] = {}
        problems: list[Problem] = []
        for column in self.declared:
            try:
                arrays[column.name] = _normal(values, column)
            except InputError as error:
                problems += error.problems
        shapes = {name: arrays[name].shape if name in arrays else np.shape(value) for name, value in values.items()}
        try:
            shape = np.broadcast_shapes(*shapes.values())
        except ValueError:
            what = f"values of shapes {shapes} do not fit together"
            problems.append(Problem(self.where, what, "Give one value for each row."))
        if problems:
            raise InputError(problems)
        return np.array(np.broadcast_to(self.condition.holds(arrays, truth=True), shape))


def parse(text: str, columns: Sequence[Column], where: str) -> Filter:
    """Read a rule in CQL2 text: ``class <= 'F' and carrier = 'gas' and low_income``.

    Parameters
    ----------
    text
        At most 4,000 characters, nested at most 64 deep. Beside CQL2, `==` and `!=` are understood; keywords in any
        case. `and` binds closer than `or`. In `like`, `%` stands for any characters and `_` for one.
    columns
        What the rule may name.
    where
        What the rule is called in messages, such as ``"placement 3, rule"``.

    Raises
    ------
    InputError
        The text is no rule (with the part that is not understood), is too large, calls a function, or, all of them at
        once: columns that there are not, values of another kind, texts that are no choice.
    """
    build = Builder(columns, where)
    return _filter(read_text(text, build), text, build)


def parse_json(document: object, columns: Sequence[Column], where: str) -> Filter:
    """Read a rule in CQL2 JSON, decoded: ``{"op": "=", "args": [{"property": "carrier"}, "gas"]}``.

    Parameters
    ----------
    document
        Dictionaries, lists, texts, numbers and booleans; the limits of `parse` hold.
    columns, where
        As for `parse`; messages add the path of the part, such as ``/args/0``.

    Raises
    ------
    InputError
        As for `parse`; what is not understood is reported with all the rest.
    """
    build = Builder(columns, where)
    return _filter(read_json(document, build), json.dumps(document, ensure_ascii=False), build)


def _filter(part: Part, text: str, build: Builder) -> Filter:
    condition = build.finished(part)
    return Filter(text, frozenset(build.used), condition, tuple(build.used.values()), build.where)


def _normal(values: Mapping[str, ArrayLike], column: Column) -> AnyArray:
    """Bring a column to its one form: numbers as they are, free texts as objects, choices and flags as positions."""
    if column.name not in values:
        raise InputError(Problem(f"values of {column.name}", "are not there", "Give them to the rule that names them."))
    given = values[column.name]
    array: AnyArray = np.asarray(given)
    if isinstance(given, np.ma.MaskedArray):  # what a mask hides is missing; plain numpy uncovers it
        array = array.astype(object)
        array[np.ma.getmaskarray(given)] = None
    kind = array.dtype.kind
    if kind in "UT":
        array, kind = array.astype(object), "O"
    if kind == "f" and column.kind != "number" and np.isnan(array).all():
        array, kind = np.full(array.shape, None, dtype=object), "O"  # how pandas reads a column with nothing in it
    held = pd.api.types.infer_dtype(array.ravel(), skipna=True) if kind == "O" else kind
    if column.kind == "number":
        return _numbers(array, held, column)
    if column.kind == "flag":
        return _flags(array, held, column)
    return _texts(array, held, column)


def _other_kind(column: Column, expected: str) -> InputError:
    return InputError(Problem(f"values of {column.name}", f"are not {expected}", f"Give {expected}, or missing ones."))


def _numbers(array: AnyArray, held: str, column: Column) -> AnyArray:
    if held in "iuf":
        return array
    if held not in {"integer", "floating", "mixed-integer-float", "decimal", "empty"}:
        raise _other_kind(column, "numbers")
    return np.where(pd.isna(array), np.nan, array).astype(np.float64)


def _flags(array: AnyArray, held: str, column: Column) -> AnyArray:
    if held == "b":
        return array.view(np.int8)
    if held in {"boolean", "empty", "integer", "floating"} or held in "iuf":
        numbers = np.where(pd.isna(array), -1, array).astype(np.float64)
        if held in {"floating", "f"} and (numbers[~pd.isna(array)] == -1).any():
            raise _other_kind(column, "booleans, or 1 and 0")
        if np.isin(numbers, (-1, 0, 1)).all():
            return numbers.astype(np.int8)
    raise _other_kind(column, "booleans, or 1 and 0")


def _texts(array: AnyArray, held: str, column: Column) -> AnyArray:
    if held in "iu" and column.choices is not None:
        if array.size and (array.max() >= len(column.choices) or array.min() < -1):
            raise _other_kind(column, f"positions from 0 to {len(column.choices) - 1}")
        return array.astype(np.int64) if held == "u" else array
    if held not in {"string", "empty"}:
        raise _other_kind(column, "texts" if column.choices is None else "texts or positions")
    texts = np.where(pd.isna(array), "", array)
    if column.choices is None:
        return texts
    flat = pd.Index(texts.ravel(), dtype=object)
    positions: AnyArray = pd.Index(column.choices, dtype=object).get_indexer(flat)
    strange = flat[(positions < 0) & np.asarray(flat != "", dtype=np.bool_)]
    if len(strange):
        what = f"hold {len(strange)} that are no choice, {quoted(str(strange[0]))}"
        raise InputError(Problem(f"values of {column.name}", what, one_of(column)))
    return positions.reshape(array.shape)
