"""Values that filters read from a layer: columns as they lie, and shapes compared with a geometry by an index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from geo.arrays import IntArray
from geo.meeting import sides
from layers.drawn import DEGREE, WGS84, Drawn
from layers.filters import Coded, Filter
from layers.layer import Layer

GEOMETRY = "geometry"
# what holds for a shape whose box lies wholly within the polygon that it is compared with
WITHIN = {"s_intersects": True, "s_within": True}


def values_of(layer: Layer, condition: Filter) -> dict[str, Any]:
    """Values of the columns that a filter names."""
    return {column.name: _values(layer, column.name, column.kind) for column in condition.declared}


def _values(layer: Layer, name: str, kind: str) -> Any:  # noqa: ANN401 - arrays of several kinds
    if kind == "geometry":
        return Related(layer.drawn)
    if kind == "number":
        return layer.numbers(name)
    if kind == "text":
        return Coded(*layer.codes(name))
    column = layer.table[name]
    if kind == "flag":
        return layer.remembered(("flags", name), lambda: column.cast(pa.int8()).fill_null(-1).to_numpy())
    days = kind == "date"
    instants = pa.date32() if days else pa.timestamp("us", "UTC")
    return layer.remembered(("instants", name), lambda: _instants(column, instants, "D" if days else "us"))


def _instants(column: pa.ChunkedArray, kind: pa.DataType, unit: str) -> NDArray[np.datetime64]:
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.timestamp("us", "UTC"))
    return np.asarray(column.cast(kind).to_numpy(), dtype=f"datetime64[{unit}]")


class Related:
    """Shapes of a layer in longitude and latitude; see `layers.filter_columns.SpatialValues`."""

    def __init__(self, drawn: Drawn) -> None:
        self._drawn = drawn

    def __len__(self) -> int:
        return len(self._drawn)

    def relate(self, operator: str, geometry: shapely.Geometry) -> NDArray[np.int8]:
        """Whether each row's shape stands in a relation to a geometry: 1 yes, 0 no, -1 where a row has no shape."""
        out = np.zeros(len(self), np.int8)
        if operator == "s_disjoint":
            out[:] = 1 - self.relate("s_intersects", geometry)
        else:
            self._fill(out, operator, geometry)
        out[self._drawn.bare] = -1
        return out

    def _fill(self, out: NDArray[np.int8], operator: str, geometry: shapely.Geometry) -> None:
        tree = self._drawn.tree
        if isinstance(geometry, shapely.Polygon | shapely.MultiPolygon):
            inside, near = sides(tree, geometry)
            # a shape off all edges is decided; those that touch, cross, overlap or equal lie on one
            out[inside] = WITHIN.get(operator, False)
            if operator == "s_contains":
                near = np.concatenate([inside, near])
        else:
            near, _ = tree.meeting(shapely.bounds(geometry).tolist())
        relation = getattr(shapely, operator.removeprefix("s_"))
        out[near] = relation(self._shapes(near), geometry)

    def _shapes(self, index: IntArray) -> NDArray[np.object_]:
        """Rows as they are served, so that what a client copies from an answer equals what it asks with."""
        whole = replace(self._drawn.shapes, coords=self._drawn.lonlat, heights=None, crs=WGS84)
        page = whole.take(index)
        return replace(page, coords=page.coords * DEGREE).to_shapely()
