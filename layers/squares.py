"""Small things at low zooms: squares with how many there are and what they sum to; tiles stay small and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.arrays import FloatArray, IntArray, quotient, sum_by
from geo.shapes import POLYGON
from layers import mvt
from layers.layer import Layer
from layers.merging import RULES, Rule
from layers.tile_matrices import TileMatrixSet

# a tile holds at most 32 x 32 squares
HALVINGS = 5
COUNT = "n_features"
# whether any figure of a square lacks a part, since a feature in it has none
INCOMPLETE = "incomplete"


@dataclass(frozen=True, eq=False)
class Squares:
    """Squares of one level of halving a tile matrix set.

    Attributes
    ----------
    column, row
        Of each square, counted from the north-west corner of the set.
    attributes
        What is in each.
    """

    column: IntArray
    row: IntArray
    attributes: mvt.Attributes


def tile(layer: Layer, z: int, x: int, y: int, tms: TileMatrixSet, world: NDArray[np.uint32]) -> bytes:
    """Vector tile whose features are squares, with `n_features` and the figures that can be summed or averaged.

    Parameters
    ----------
    layer
        Any layer; rows without geometry are in no square.
    z, x, y, tms
        The tile.
    world
        Points of the layer in the set, from its north-west corner to 2^32.
    """
    level = z + HALVINGS
    from geo.tile_kernels import trusted  # noqa: PLC0415 - slow to import

    found = layer.remembered(("squares", tms.id, level), lambda: _squares(layer, level, world))
    inside = np.flatnonzero((found.column >> HALVINGS == x) & (found.row >> HALVINGS == y))
    if inside.size == 0:
        return b""
    side = mvt.EXTENT >> HALVINGS
    column, row = found.column[inside], found.row[inside]
    count = len(inside)
    corner = side * np.column_stack([column - (x << HALVINGS), row - (y << HALVINGS)])
    outlines = corner[:, None, :] + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    each = np.arange(count + 1, dtype=np.int64)
    kinds = np.full(count, POLYGON, np.uint8)
    content, ends = np.empty(32 * count, np.uint8), np.zeros(count + 1, np.int64)
    used = trusted(outlines.reshape(-1, 2), (5 * each, each, each), kinds, content, ends)
    tags, encoded = found.attributes.encoded(inside)
    # unlike those of features, and different on each level
    ids = (np.int64(1) << np.int64(2 * level)) + (row << np.int64(level)) + column
    commands = mvt.Commands(kinds, ends[:-1], ends[1:], content[:used])
    return mvt.tile_layer(layer.id, ids, commands, (found.attributes.encoded_keys, tags, encoded))


def _squares(layer: Layer, level: int, world: NDArray[np.uint32]) -> Squares:
    from geo.tile_kernels import FLAG, FLOAT, INTEGER  # noqa: PLC0415 - slow to import

    shapes = layer.drawn.shapes
    some = np.flatnonzero(np.diff(shapes.rows) > 0)
    starts = shapes.rings[shapes.parts[shapes.rows[some]]]
    if some.size:
        low, high = np.minimum.reduceat(world, starts), np.maximum.reduceat(world, starts)
        centre = ((low.astype(np.int64) + high.astype(np.int64)) // 2) >> (32 - level)
    else:
        centre = np.empty((0, 2), np.int64)
    code, group = np.unique((centre[:, 1] << level) + centre[:, 0], return_inverse=True)
    keys = [COUNT, INCOMPLETE]
    count = sum_by(group, np.ones(len(some)), len(code))
    lacks = np.zeros(len(code), dtype=np.bool_)
    numbers: dict[int, tuple[NDArray[Any], int]] = {0: (count, INTEGER), 1: (count, FLAG)}
    for column in layer.columns:
        rule = RULES.get(column.name)
        if not column.in_tiles or rule is None or rule.how not in {"sum", "mean", "ratio"} or column.how == "brought":
            continue
        values, known = _merged(layer, column.name, rule, (some, group, len(code)))
        lacks |= (known > 0) & (known < count)
        numbers[len(keys)] = values, FLOAT
        keys.append(column.name)
    numbers[1] = lacks.astype(np.float64), FLAG
    attributes = mvt.Attributes.made(tuple(keys), numbers, {})
    return Squares(code & ((1 << level) - 1), code >> level, attributes)


def _merged(
    layer: Layer, name: str, rule: Rule, where: tuple[IntArray, IntArray, int]
) -> tuple[FloatArray, FloatArray]:
    """One figure of each square from the rows that have it, and how many those are; missing where none is."""
    rows, group, count = where
    values = layer.column(name)
    known = np.isfinite(values[rows])

    def total(numbers: FloatArray) -> FloatArray:
        return sum_by(group, np.where(known, numbers[rows], 0.0), count)

    n = sum_by(group, known.astype(np.float64), count)
    if rule.how == "sum":
        return np.where(n > 0, total(values), np.nan), n
    weight = layer.column(rule.by)
    share = layer.column(rule.of) if rule.how == "ratio" else np.where(weight == 0, 0.0, values * weight)
    return quotient(total(share), total(weight)), n
