"""Rows of a layer as Arrow batches whose types every file format knows, some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyproj import CRS

from geo.shapes import LINE, NONE, POINT, POLYGON, Shapes
from geo.wkb import Wkb
from layers.columns import Column
from layers.drawn import Drawn
from layers.layer import Layer
from layers.texts import records

# rows written at a time: what they take in memory does not grow with the layer
CHUNK = 5_000
_SIMPLE = {POINT: "Point", LINE: "LineString", POLYGON: "Polygon"}


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of a layer that a file is to hold.

    Attributes
    ----------
    layer
        Whole layer.
    rows
        Positions in it, in the order of the file; all when None.
    names
        Attributes of the file, in the order of the layer; all when None.
    """

    layer: Layer
    rows: NDArray[np.int32] | None = None
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.layer) if self.rows is None else len(self.rows)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Attributes of the file."""
        return tuple(c for c in self.layer.columns if self.names is None or c.name in self.names)

    def chunks(self, size: int = CHUNK) -> Iterator[NDArray[np.int32]]:
        """Positions of the rows, some thousand at a time; one empty run where there is none."""
        rows = np.arange(len(self.layer), dtype=np.int32) if self.rows is None else self.rows
        for start in range(0, max(len(rows), 1), size):
            yield rows[start : start + size]

    def part(self) -> Layer:
        """Return the selection as a layer of its own; the whole layer where nothing is left out."""
        layer, rows, columns = self.layer, self.rows, self.columns
        if rows is None and self.names is None:
            return layer
        names = [c.name for c in columns]
        drawn = layer.drawn if rows is None else Drawn(layer.shapes.take(rows.astype(np.int64)))

        def values() -> pa.Table:
            table = layer.table.select(names)
            return table if rows is None else table.take(rows)

        return replace(layer, columns=columns, values=values, drawn=drawn, base=None)

    def table(self, rows: NDArray[np.int32]) -> pa.Table:
        """Attributes of some rows of the layer; what is missing is null, NaN too."""
        table = self.layer.table.select([c.name for c in self.columns]).take(rows)
        return pa.table([_known(column) for column in table.columns], names=table.column_names)

    def shapes(self, rows: NDArray[np.int32], crs: CRS) -> Shapes:
        """Geometry of some rows of the layer in a CRS, x (east) first."""
        return self.layer.shapes.take(rows.astype(np.int64)).to_crs(crs)


@dataclass(frozen=True)
class Kind:
    """What geometry a file holds.

    Attributes
    ----------
    name
        Type by simple features: ``"MultiPolygon"``, ``"Point Z"``, …; ``"Unknown"`` for a mixture, ``""`` for none.
    is_multi
        Whether single parts have to be wrapped to fit it.
    is_high
        Whether any has heights.
    """

    name: str
    is_multi: bool = False
    is_high: bool = False


def kind_of(shapes: Shapes, rows: NDArray[np.int32] | None) -> Kind:
    """Type that holds all of some rows (of all when None)."""
    found = shapes if rows is None else shapes.take(rows.astype(np.int64))
    present = [int(k) for k in np.unique(found.kinds) if k != NONE]
    high = np.zeros(1, np.bool_) if found.heights is None else np.isfinite(found.heights)
    is_high = bool(high.any())
    if len(present) != 1:
        return Kind("Unknown" if present else "", is_high=is_high)
    if _has_collections(found) or (is_high and not high.all()):
        # shapes with and without heights fit no single type
        return Kind("Unknown", is_high=is_high)
    is_multi = bool((np.diff(found.rows) > 1).any())
    return Kind(f"{'Multi' if is_multi else ''}{_SIMPLE[present[0]]}{' Z' if is_high else ''}", is_multi, is_high)


def _has_collections(shapes: Shapes) -> bool:
    """Whether a row has parts of different kinds."""
    row = np.repeat(np.arange(len(shapes)), np.diff(shapes.rows))
    return bool((shapes.part_kinds != shapes.kinds[row]).any())


def binary(made: Wkb) -> pa.Array:
    """Column of well-known binary, null where there is no geometry."""
    known = pa.array(made.types > 0).buffers()[1]
    if made.ends[-1] > np.iinfo(np.int32).max:
        offsets, kind = pa.py_buffer(made.ends), pa.large_binary()
    else:
        offsets, kind = pa.py_buffer(made.ends.astype(np.int32)), pa.binary()
    return pa.Array.from_buffers(kind, len(made.types), [known, offsets, pa.py_buffer(made.content)]).cast(pa.binary())


def unused(names: Sequence[str], wanted: str) -> str:
    """Return a name that no attribute has, whatever its capitals."""
    taken, name, n = {one.lower() for one in names}, wanted, 1
    while name.lower() in taken:
        name, n = f"{wanted}_{n}", n + 1
    return name


def without_doubles(names: Sequence[str]) -> list[str]:
    """Names for formats that know no capitals: a second ``Name`` beside ``name`` becomes ``Name_1``."""
    found: list[str] = []
    for i, name in enumerate(names):
        double = name.lower() in {one.lower() for one in names[:i]}
        found.append(unused([*found, *names], name) if double else name)
    return found


def simplified(table: pa.Table) -> pa.Table:
    """Turn types that GDAL's formats do not have into ones that they have.

    Categories become their texts, decimals doubles, 64-bit numbers without sign ones with sign, or texts where they are
    too large, times are in UTC; lists, structures, times of day and durations become texts, as in GeoJSON.
    """
    return pa.table([_simple(column) for column in table.columns], names=table.column_names)


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _simple(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    for fits, turn in _TURNS:
        if fits(kind):
            return turn(column)
    return column if any(check(kind) for check in _PLAIN) else _as_text(column)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    said = (row["v"] for row in records(pa.table({"v": column})))
    texts = [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in said]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _signed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # a type must not depend on which rows are at hand, so texts stand for all of them
    return column.cast(pa.string())


def _in_utc(column: pa.ChunkedArray) -> pa.ChunkedArray:
    zone = None if column.type.tz is None else "UTC"
    return column.cast(pa.timestamp("us", zone), safe=False)


_PLAIN = (
    *(pa.types.is_boolean, pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_string),
    *(pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_date32),
)
_TURNS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_dictionary, lambda c: _simple(c.cast(c.type.value_type))),
    (pa.types.is_null, lambda c: c.cast(pa.string())),
    (pa.types.is_decimal, lambda c: c.cast(pa.float64())),
    (pa.types.is_float16, lambda c: c.cast(pa.float32())),
    (pa.types.is_uint64, _signed),
    (pa.types.is_date64, lambda c: c.cast(pa.date32())),
    (pa.types.is_timestamp, _in_utc),
)
