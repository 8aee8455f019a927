"""Features as GeoJSON, written from columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import shapely

from geo.arrays import IntArray
from layers.layer import Layer


def properties(layer: Layer, index: IntArray) -> list[dict[str, Any]]:
    """Attributes of the rows at `index`; what is missing is null, whole numbers stay whole."""
    rows: list[dict[str, Any]] = layer.table.take(index).to_pylist()
    return [{k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows]


def features(layer: Layer, index: IntArray) -> list[bytes]:
    """GeoJSON features of the rows at `index`, in that order.

    Coordinates in WGS 84 (CRS84 axis order) with seven decimals, outer rings counterclockwise (RFC 7946). The id is the
    row's number, stable within a release.
    """
    shapes = shapely.orient_polygons(layer.lonlat.take(index).to_shapely())
    shapes = shapely.transform(shapes, lambda xy: xy.round(7))
    texts = shapely.to_geojson(shapes)
    return [
        b'{"type":"Feature","id":%d,"geometry":%b,"properties":%b}' % (fid, text.encode(), orjson.dumps(row))
        for fid, text, row in zip(index.tolist(), texts, properties(layer, index), strict=True)
    ]


def feature(layer: Layer, index: IntArray, extra: dict[str, Any]) -> bytes:
    """One feature, with further members such as `links`."""
    return b"%b,%b" % (features(layer, index)[0][:-1], orjson.dumps(extra)[1:])


def feature_collection(layer: Layer, index: IntArray, extra: dict[str, Any]) -> bytes:
    """FeatureCollection of the rows at `index`, with further members such as `numberMatched` and `links`."""
    tail = orjson.dumps(extra)[1:-1]
    comma = b"," if tail else b""
    return b'{"type":"FeatureCollection","features":[%b]%b%b}' % (b",".join(features(layer, index)), comma, tail)
