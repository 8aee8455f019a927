"""Vector tiles of a layer, made on request from its columns: no tile is stale, none is built before it is asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from geo.arrays import IntArray
from geo.errors import Problem
from geo.shapes import POLYGON, Shapes
from layers import mvt, squares
from layers.drawn import DEGREE, HALF_WORLD_M, WGS84, WORLD, Drawn, Outlines, still
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.tile_matrices import WEB_MERCATOR_QUAD, TileMatrixSet, bounds

# units beyond the edge of a tile that are drawn, so that outlines meet
BUFFER = 64
MAX_ZOOM = 20
# zoom whose tiles show a building as exactly as it is known; clients enlarge them beyond
DEEPEST = 16
# degrees by which a projected box may miss the straight edge of a tile
SLACK = 1e-5


def tile(
    layer: Layer,
    z: int,
    x: int,
    y: int,
    tms: TileMatrixSet = WEB_MERCATOR_QUAD,
    rows: NDArray[np.int32] | None = None,
) -> bytes:
    """Vector tile with every feature of `layer` that meets it.

    Parameters
    ----------
    layer
        Any layer.
    z, x, y
        Tile of `tms`, y from the north.
    tms
        Tile matrix set; tiles are made down to zoom 20.
    rows
        What `meeting` returned for the same tile.

    Returns
    -------
    bytes
        Mapbox Vector Tile 2.1 with one layer named like the collection, ids equal to the features' ids, the attributes
        marked `in_tiles`. Geometry is valid after rounding; what is larger than a quarter of the tile is clipped 64
        units outside it, what is smaller than a unit is drawn as the smallest triangle. No feature is ever dropped:
        below the layer's lowest zoom squares hold the sums of what lies in them. Empty where nothing is.

    Raises
    ------
    UnknownCollectionError
        No such tile.
    """
    drawn = layer.drawn
    world = drawn.world if tms is WEB_MERCATOR_QUAD else _world(drawn, tms)
    if rows is None:
        rows = meeting(layer, z, x, y, tms)
    if rows is None:
        summed = squares.tile(layer, z, x, y, tms, world)
        layer.done("tiles")
        return summed
    if len(rows) == 0:
        return b""
    shapes = drawn.shapes
    shift = 20 - z
    origin = np.array([x << (32 - z), y << (32 - z)], np.int64)
    frame = np.array([-BUFFER, -BUFFER, mvt.EXTENT + BUFFER, mvt.EXTENT + BUFFER], np.int64)
    outlines = drawn.outlines(z) if tms is WEB_MERCATOR_QUAD and z <= DEEPEST else mvt.NO_OUTLINES
    index, commands = _commands(shapes, world, rows, (origin, shift, frame), outlines)
    attributes = layer.remembered("tile attributes", lambda: mvt.Attributes.of(layer))
    layer.done("tiles")
    tags, encoded = attributes.encoded(index)
    return mvt.tile_layer(layer.id, index, commands, (attributes.encoded_keys, tags, encoded))


def _commands(
    shapes: Shapes,
    world: NDArray[np.uint32],
    rows: NDArray[np.int32],
    where: tuple[NDArray[np.int64], int, NDArray[np.int64]],
    outlines: Outlines,
) -> tuple[NDArray[np.int64], mvt.Commands]:
    """Rows in the order of the layer, in which features are written and lie beside each other, and their geometry."""
    from geo.tile_kernels import SHAPELY, commands, sorted_out  # noqa: PLC0415 - slow to import

    index: NDArray[np.int64] = np.sort(rows).astype(np.int64)
    kinds = np.empty(len(index), np.uint8)
    starts, ends = np.empty(len(index), np.int64), np.empty(len(index), np.int64)
    offsets = (shapes.rings, shapes.parts, shapes.rows)
    others, room = sorted_out(index, offsets, outlines.ends, kinds)
    content = np.empty(0, np.uint8)
    if len(others):
        content = np.empty(room, np.uint8)
        used = commands(index, others, world, offsets, shapes.part_kinds, where, content, starts, ends, kinds)
        content = content[:used]
        slow = others[kinds[others] == SHAPELY]
        if slow.size:
            made = _by_shapely(shapes, world, index[slow], where, shapes.kinds[index[slow]])
            kinds[slow], starts[slow], ends[slow] = made[0], made[1][:-1] + used, made[1][1:] + used
            content = np.concatenate([content, made[2]])
    return index, mvt.Commands(kinds, starts, ends, content, where[:2], outlines)


def tilejson(layer: Layer, url: str) -> dict[str, Any]:
    """TileJSON 3.0 of a layer; `url` has {z}, {y} and {x}."""
    fields = {
        c.name: f"{c.en} ({c.unit}), {c.how}" if c.unit else f"{c.en}, {c.how}" for c in layer.columns if c.in_tiles
    }
    if layer.min_zoom:
        fields[squares.COUNT] = f"Features in a square, below zoom {layer.min_zoom}"
        fields[squares.INCOMPLETE] = "Whether a figure of a square lacks a part"
    body = {
        "tilejson": "3.0.0",
        "name": layer.title,
        "description": layer.description,
        "tiles": [url],
        "minzoom": 0,
        "maxzoom": DEEPEST,
        "vector_layers": [
            {"id": layer.id, "description": layer.title, "minzoom": 0, "maxzoom": DEEPEST, "fields": fields}
        ],
    }
    if layer.extent is not None:
        west, south, east, north = layer.extent
        middle = [(west + east) / 2, (south + north) / 2, max(layer.min_zoom, 9)]
        body |= {"bounds": [west, south, east, north], "center": middle}
    return body


def meeting(layer: Layer, z: int, x: int, y: int, tms: TileMatrixSet) -> NDArray[np.int32] | None:
    """Rows whose boxes meet a tile, in any order; None where the tile shows squares."""
    box = _degrees(z, x, y, tms)
    return None if z < layer.min_zoom else layer.drawn.tree.meeting(box)[0]


def _degrees(z: int, x: int, y: int, tms: TileMatrixSet) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile and its buffer in degrees; a little more where axes bend."""
    west, south, east, north = bounds(tms, z, x, y)
    if z > MAX_ZOOM:
        remedy = f"Use zoom 0 to {MAX_ZOOM}; enlarge its tiles beyond."
        raise UnknownCollectionError(Problem(f"tile {z}/{y}/{x}", "is not made", remedy))
    margin = (east - west) * BUFFER / mvt.EXTENT
    box = west - margin, south - margin, east + margin, north + margin
    if tms is WEB_MERCATOR_QUAD:
        radius = HALF_WORLD_M / math.pi
        lon = [math.degrees(value / radius) for value in (box[0], box[2])]
        lat = [math.degrees(math.atan(math.sinh(value / radius))) for value in (box[1], box[3])]
        # what lies beyond the last tile is drawn on its edge
        south, north = (-90.0 if y == (1 << z) - 1 else lat[0]), (90.0 if y == 0 else lat[1])
        return lon[0] - DEGREE, south - DEGREE, lon[1] + DEGREE, north + DEGREE
    back = Transformer.from_crs(tms.crs, WGS84, always_xy=True)
    west, south, east, north = back.transform_bounds(*box, densify_pts=21)
    return west - SLACK, south - SLACK, east + SLACK, north + SLACK


def _world(drawn: Drawn, tms: TileMatrixSet) -> NDArray[np.uint32]:
    """Points in the square of a tile matrix set, from its north-west corner to 2^32; see `Drawn.world`."""
    kept: dict[str, NDArray[np.uint32]] = drawn.__dict__.setdefault("worlds", {})
    if tms.id not in kept:
        metres = drawn.shapes.to_crs(tms.crs).coords
        share = np.column_stack([metres[:, 0] - tms.west_m, tms.north_m - metres[:, 1]]) / tms.side_m
        kept[tms.id] = still(np.clip(np.rint(share * WORLD), 0, WORLD - 1).astype(np.uint32))
    return kept[tms.id]


def _by_shapely(
    shapes: Shapes,
    world: NDArray[np.uint32],
    index: IntArray,
    where: tuple[NDArray[np.int64], int, NDArray[np.int64]],
    kinds: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8]]:
    """Kinds, ends and commands of shapes that need care: cut at the frame, rounded, valid after it."""
    from geo.tile_kernels import ELSEWHERE, room, trusted  # noqa: PLC0415 - slow to import

    origin, shift, frame = where
    page = Shapes(world, shapes.rings, shapes.parts, shapes.rows, shapes.part_kinds, WGS84).take(index)
    units = (page.coords - origin) / float(1 << shift)
    whole = Shapes(units, page.rings, page.parts, page.rows, page.part_kinds, WGS84).to_shapely()
    areas = kinds == POLYGON
    whole[areas] = shapely.make_valid(whole[areas])
    cut = shapely.clip_by_rect(whole, *frame.astype(np.float64))
    there = ~shapely.is_empty(cut)
    rounded = shapely.set_precision(_of_kind(cut, kinds), 1.0)
    gone = there & shapely.is_empty(rounded) & areas
    if gone.any():
        # less than a unit: the smallest triangle stands for it
        corner = np.floor(shapely.bounds(cut[gone])[:, :2])
        corner = np.clip(corner, frame[:2], frame[2:] - 1)
        rounded[gone] = shapely.polygons(corner[:, None, :] + np.array([[0, 0], [1, 0], [0, 1], [0, 0]]))
    made = Shapes.from_shapely(rounded, WGS84)
    coords = np.rint(made.coords).astype(np.int64)
    content = np.empty(room(0, len(index), made.rings, made.parts, made.rows), np.uint8)
    ends = np.zeros(len(index) + 1, np.int64)
    used = trusted(coords, (made.rings, made.parts, made.rows), made.part_kinds, content, ends)
    return np.where(made.kinds == 0, ELSEWHERE, kinds).astype(np.uint8), ends, content[:used]


def _of_kind(shapes: NDArray[np.object_], kinds: NDArray[np.uint8]) -> NDArray[np.object_]:
    """Keep parts of the kind that a feature is drawn as: a corner that only touches leaves points and lines behind."""
    parts, row = shapely.get_parts(shapes, return_index=True)
    while (shapely.get_type_id(parts) > 3).any():
        parts, back = shapely.get_parts(parts, return_index=True)
        row = row[back]
    dimension = shapely.get_dimensions(parts)
    keep = (dimension == kinds[row].astype(np.int64) - 1) & ~shapely.is_empty(parts)
    out = np.full(len(shapes), shapely.from_wkt("POLYGON EMPTY"), dtype=object)
    for i in np.unique(row[keep]):
        out[i] = shapely.GeometryCollection(parts[keep & (row == i)].tolist())
        if len(out[i].geoms) == 1:
            out[i] = out[i].geoms[0]
        elif kinds[i] == POLYGON:
            out[i] = shapely.MultiPolygon(list(out[i].geoms))
        else:
            out[i] = shapely.MultiLineString(list(out[i].geoms))
    return out
