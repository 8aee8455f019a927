"""Looked at before a layer is published: its id, where its shapes lie, how large its tiles get, what it may tell."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.schema import SCENARIOS
from geo.arrays import BoolArray, FloatArray, IntArray
from geo.errors import Problem
from geo.shapes import POLYGON, Shapes
from layers import tiles
from layers.drawn import WGS84, Drawn
from layers.layer import Layer
from layers.published_values import persons, rows_named

ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}", re.ASCII)
RESERVED = frozenset({"all", "api", "collections", "items", "map", "public", "queryables", "schema", "styles", "tiles"})
# a municipal key, or that of a region of the built-in tables
_PLACE = re.compile(r"\d{5,12}|ruhr", re.ASCII)
TILE_BYTES = 500_000
# beyond it, clients magnify
DEEPEST = 16
# no feature of a tile is smaller
LEAST_BYTES = 8
# degrees by which data may leave the area that a CRS is made for: neighbours are often kept in one system
BEYOND = 10.0
EDGE = 1e-6
# texts longer than this stay out of tiles
LONGEST_TEXT = 1_000
# areas of buildings are mostly smaller
BUILDING_M2, MANY = 1_000.0, 20
EARTH_M = 6_371_000.0


def problems_of_id(name: str, places: Collection[str] = ()) -> list[Problem]:
    """Why a layer cannot have this id; those of the layers of `places` begin with a key of them."""
    where = "--id"
    if not ID.fullmatch(name):
        remedy = "Use a-z, 0-9, '_', '-' and '.', first a letter or digit, 80 at most."
        return [Problem(where, f"'{name[:100]}' is no id", remedy)]
    place, _, rest = name.partition(".")
    if name in RESERVED:
        return [Problem(where, f"'{name}' is a word of the service itself", "Choose another one.")]
    if place in places or _PLACE.fullmatch(place):
        return [Problem(where, f"'{name}' begins like the layers of a place", "Begin it with another word.")]
    if rest.rpartition(".")[2] in SCENARIOS:
        return [Problem(where, f"'{name}' ends like a scenario", "End it with another word.")]
    return []


def problems_of_shapes(drawn: Drawn, file: str) -> list[Problem]:
    """Features that lie nowhere, or where nobody uses their CRS."""
    given = drawn.shapes
    bare = np.asarray(~np.isfinite(given.coords).all(axis=1))
    if bare.any():
        where = f"{file}, {rows_named(_rows(given, bare) + 1)}"
        return [Problem(where, "have coordinates that are no finite numbers", "Mend or remove their shapes.")]
    lonlat = given.to_crs(WGS84).coords
    wrong = np.asarray(~(np.abs(lonlat) <= np.array([180 + EDGE, 90 + EDGE])).all(axis=1))
    area = given.crs.area_of_use
    if area is not None:
        wrong |= (lonlat[:, 1] < area.south - BEYOND) | (lonlat[:, 1] > area.north + BEYOND)
        if area.west <= area.east:
            wrong |= (lonlat[:, 0] < area.west - BEYOND) | (lonlat[:, 0] > area.east + BEYOND)
    if not wrong.any():
        return []
    where = f"{file}, {rows_named(_rows(given, wrong) + 1)}"
    first = given.coords[np.argmax(wrong)]
    what = f"lie where {given.crs.name} is not used (such as {first[0]:g}, {first[1]:g})"
    return [Problem(where, what, "Look whether its CRS is right, and x comes before y; mend or remove them.")]


def _rows(shapes: Shapes, points: BoolArray) -> IntArray:
    """Rows that marked points belong to."""
    starts = shapes.rings[shapes.parts[shapes.rows]]
    return np.unique(np.searchsorted(starts, np.flatnonzero(points), side="right") - 1)


def lowest_zoom(layer: Layer) -> int:
    """Lowest zoom whose tiles of single features stay under 500 kB, by encoding the fullest ones of each zoom.

    Parameters
    ----------
    layer
        With texts, and lowest zoom 0.
    """
    drawn = layer.drawn
    some = np.flatnonzero(np.diff(drawn.shapes.rows) > 0)
    if some.size == 0:
        return 0
    starts = drawn.shapes.rings[drawn.shapes.parts[drawn.shapes.rows]]
    at = drawn.world[starts[some]]
    weight = 4.0 * np.diff(starts)[some]
    if layer.texts is not None:
        weight += np.diff(layer.texts.offsets)[some]
    for z in range(DEEPEST):
        key = (
            (at[:, 0] >> (32 - z)).astype(np.int64) << z | (at[:, 1] >> (32 - z)) if z else np.zeros(len(at), np.int64)
        )
        found, of, count = np.unique(key, return_inverse=True, return_counts=True)
        if count.max() * LEAST_BYTES > TILE_BYTES:
            continue
        heaviest = np.argsort(np.bincount(of, weight))[-3:]
        sizes = (len(tiles.tile(layer, z, int(k >> z), int(k & ((1 << z) - 1)))) for k in found[heaviest].tolist())
        if max(sizes) <= TILE_BYTES:
            return z
    return DEEPEST


def in_tiles(column: pa.ChunkedArray) -> bool:
    """Whether tiles carry an attribute: neither bytes nor long texts."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        longest = pc.max(pc.binary_length(column)).as_py()
        return longest is None or longest <= LONGEST_TEXT
    return not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def warnings_of(layer: Layer) -> list[str]:
    """What a publisher may not want everybody to see."""
    found = []
    named = persons([column.name for column in layer.columns])
    if named:
        found.append(f"columns that may tell of single persons or homes: {', '.join(named)}")
    shapes = layer.drawn.shapes
    areas = np.flatnonzero(shapes.kinds == POLYGON)
    if areas.size >= MANY and np.median(_box_m2(layer, areas)) < BUILDING_M2:
        found.append(f"{areas.size:,} small areas that look like single buildings or plots")
    return found


def _box_m2(layer: Layer, rows: IntArray) -> FloatArray:
    """Area of the boxes of rows on the sphere, in m²: no less than that of the shapes."""
    order = layer.drawn.tree.order
    boxes = np.full((len(layer), 4), np.nan)
    boxes[order] = layer.drawn.tree.boxes[: len(order)]
    west, south, east, north = np.radians(boxes[rows]).T
    return np.asarray((east - west) * (np.sin(north) - np.sin(south)) * EARTH_M**2)
