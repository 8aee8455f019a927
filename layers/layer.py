"""A layer: attributes and polygons in columns, in every reference system that is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import FloatArray, IntArray
from geo.columns import Polygons
from layers import mvt
from layers.columns import Column

WGS84 = CRS.from_epsg(4326)
MERCATOR = CRS.from_epsg(3857)


@dataclass(frozen=True, eq=False)
class Layer:
    """One collection.

    Attributes
    ----------
    id
        ``{place}.{theme}`` or ``{place}.{theme}.{scenario}``.
    title, description
        For people; the description says what is modelled or approximate.
    columns
        Attributes in order.
    values
        Gives their values, one row for each polygon; called when first needed, since a list of layers needs none.
    polygons
        In the place's own CRS.
    source_ids
        Sources whose licences are shown with the layer.
    min_zoom
        Lowest zoom with vector tiles; below it a coarser layer of the place is the map.
    version
        Changes with the data; makes ETags.
    base
        Layer of the same polygons, which need not be projected again; None for a layer of its own.
    """

    id: str
    title: str
    description: str
    columns: tuple[Column, ...]
    values: Callable[[], pa.Table]
    polygons: Polygons
    source_ids: tuple[str, ...]
    min_zoom: int
    version: str
    base: Layer | None = None

    def __len__(self) -> int:
        return len(self.polygons)

    @cached_property
    def table(self) -> pa.Table:
        """Values of the attributes, one row for each polygon."""
        return self.values()

    @cached_property
    def lonlat(self) -> Polygons:
        """Polygons in longitude and latitude, WGS 84."""
        return self.polygons.to_crs(WGS84) if self.base is None else self.base.lonlat

    @cached_property
    def mercator(self) -> Polygons:
        """Polygons in web Mercator, metres."""
        return self.polygons.to_crs(MERCATOR) if self.base is None else self.base.mercator

    @cached_property
    def extent(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        if self.base is not None:
            return self.base.extent
        box = self.lonlat.bounds
        west, south = box[:, :2].min(axis=0).tolist()
        east, north = box[:, 2:].max(axis=0).tolist()
        return west, south, east, north

    def column(self, name: str) -> FloatArray:
        """Return a numeric column; missing values are NaN."""
        values = self.table[name].to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)

    def within(self, bbox: Sequence[float]) -> IntArray:
        """Positions of the rows whose bounding box meets `bbox` (west, south, east, north in degrees), in order.

        A box whose west lies east of its east crosses the antimeridian.
        """
        west, south, east, north = bbox
        box = self.lonlat.bounds
        in_latitude = (box[:, 3] >= south) & (box[:, 1] <= north)
        if west <= east:
            in_longitude = (box[:, 2] >= west) & (box[:, 0] <= east)
        else:
            in_longitude = (box[:, 2] >= west) | (box[:, 0] <= east)
        return np.flatnonzero(in_latitude & in_longitude)

    @cached_property
    def tile_attributes(self) -> tuple[list[str], NDArray[np.int32], list[bytes]]:
        """Keys, for each row and key the position of its value (-1 where missing), and all distinct encoded values."""
        keys = [column.name for column in self.columns if column.in_tiles]
        values: list[bytes] = []
        tags = np.full((len(self), len(keys)), -1, np.int32)
        for position, key in enumerate(keys):
            column = self.table[key]
            if pa.types.is_boolean(column.type):
                tags[:, position] = np.asarray(column.to_pylist(), dtype=bool) + len(values)
                values += [mvt.value(False), mvt.value(True)]
                continue
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                texts = np.asarray(["" if v is None else v for v in column.to_pylist()], dtype=str)
                known = texts != ""
                distinct, inverse = np.unique(texts[known], return_inverse=True)
                encoded = [mvt.value(str(v)) for v in distinct]
            else:
                numbers = self.column(key)
                known = np.isfinite(numbers)
                # single precision: 7 digits are more than any figure here is good for, and half the bytes
                distinct, inverse = np.unique(numbers[known].astype(np.float32), return_inverse=True)
                whole = bool((distinct == np.rint(distinct)).all())
                encoded = [mvt.value(int(v) if whole else float(v)) for v in distinct]
            tags[known, position] = inverse + len(values)
            values += encoded
        return keys, tags, values
