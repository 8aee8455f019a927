"""Vector tiles of a layer, made on request from its columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely

from geo.arrays import IntArray
from geo.columns import Polygons, concatenate
from geo.errors import Problem
from layers import mvt
from layers.errors import UnknownCollectionError
from layers.layer import Layer

HALF_WORLD_M = math.pi * 6378137
BUFFER = 64
MAX_ZOOM = 20


def bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in web Mercator metres.

    Raises
    ------
    UnknownCollectionError
        No such tile in WebMercatorQuad.
    """
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise UnknownCollectionError(
            Problem(
                f"tile {z}/{y}/{x}", "is outside the tile matrix set", f"Use zoom 0 to {MAX_ZOOM} and 0 <= x, y < 2^z."
            )
        )
    size = 2 * HALF_WORLD_M / (1 << z)
    west, north = -HALF_WORLD_M + x * size, HALF_WORLD_M - y * size
    return west, north - size, west + size, north


def tile(layer: Layer, z: int, x: int, y: int) -> bytes:
    """Vector tile with every feature of `layer` that meets it.

    Parameters
    ----------
    layer
        Any layer.
    z, x, y
        WebMercatorQuad, y from the north.

    Returns
    -------
    bytes
        Mapbox Vector Tile 2.1 with one layer named like the collection, ids equal to the features' ids, the attributes
        marked `in_tiles`. Geometry is clipped 64 units outside the tile. Empty where nothing is, or below the layer's
        lowest zoom. No feature is ever dropped.
    """
    west, south, east, north = bounds(z, x, y)
    if z < layer.min_zoom:
        return b""
    size = east - west
    margin = size * BUFFER / mvt.EXTENT
    frame = (west - margin, south - margin, east + margin, north + margin)
    box = layer.mercator.bounds
    near = np.flatnonzero(
        (box[:, 2] >= frame[0]) & (box[:, 0] <= frame[2]) & (box[:, 3] >= frame[1]) & (box[:, 1] <= frame[3])
    )
    inside = (
        (box[near, 0] >= frame[0])
        & (box[near, 2] <= frame[2])
        & (box[near, 1] >= frame[1])
        & (box[near, 3] <= frame[3])
    )
    index, polygons = near[inside], layer.mercator.take(near[inside])
    if not inside.all():
        on_edge, clipped = _clip(layer.mercator, near[~inside], frame)
        index, polygons = np.concatenate([index, on_edge]), concatenate([polygons, clipped])
    if index.size == 0:
        return b""
    scale = mvt.EXTENT / size
    coords = np.empty(polygons.coords.shape, np.int32)
    np.rint((polygons.coords[:, 0] - west) * scale, out=coords[:, 0], casting="unsafe")
    np.rint((north - polygons.coords[:, 1]) * scale, out=coords[:, 1], casting="unsafe")
    keys, tags, values = layer.tile_attributes
    used, compact = np.unique(tags[index], return_inverse=True)
    shift = int(used[0] == -1)
    return mvt.encode(
        layer.id,
        index,
        coords,
        (polygons.rings, polygons.parts, polygons.rows),
        (
            keys,
            (compact.reshape(len(index), len(keys)) - shift).astype(np.int32),
            [values[i] for i in used[shift:]],
        ),
    )


def tilejson(layer: Layer, url: str) -> dict[str, Any]:
    """TileJSON 3.0 of a layer; `url` has {z}, {y} and {x}."""
    west, south, east, north = layer.extent
    return {
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": layer.description,
        "tiles": [url],
        "minzoom": layer.min_zoom,
        "maxzoom": 16,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, max(layer.min_zoom, 9)],
        "vector_layers": [
            {
                "id": layer.id,
                "description": layer.title,
                "minzoom": layer.min_zoom,
                "maxzoom": 16,
                "fields": {c.name: f"{c.en} ({c.unit}), {c.how}" for c in layer.columns if c.in_tiles},
            }
        ],
    }


def _clip(polygons: Polygons, index: IntArray, frame: tuple[float, float, float, float]) -> tuple[IntArray, Polygons]:
    clipped = shapely.clip_by_rect(shapely.make_valid(polygons.take(index).to_shapely()), *frame)
    # a corner that only touches leaves points and lines behind: keep what has an area
    for i in np.flatnonzero(~np.isin(shapely.get_type_id(clipped), (3, 6))):
        faces = shapely.get_parts(clipped[i])
        clipped[i] = shapely.multipolygons(faces[shapely.get_type_id(faces) == 3])
    kept = ~shapely.is_empty(clipped)
    return index[kept], Polygons.from_shapely(clipped[kept], polygons.crs)
