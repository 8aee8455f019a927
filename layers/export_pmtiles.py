"""PMTiles: all vector tiles of a layer in one file that a web map reads by ranges, without a server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from geo.errors import InputError, Problem
from layers import tilesets
from layers.export_arrow import Selection
from layers.layer import Layer
from layers.tile_matrices import WEB_MERCATOR_QUAD, Limits
from layers.tiles import DEEPEST, tile

# about a minute's work
MAX_TILES = 100_000
PARTS_OF_A_SIDE = 50
# shallower files would save nothing
LEAST = 9
# corners that are looked at
SAMPLE = 200_000


def write(path: Path, selection: Selection, about: dict[str, str], deepest: int | None = None) -> None:
    """Write the tiles that the service would give.

    Parameters
    ----------
    path
        File to make; the caller puts it in place atomically.
    selection
        Rows and attributes. Ids of features are those of the service only where all rows are there.
    about
        ``title``, ``description``, ``licences``.
    deepest
        Last zoom; the one that `needed` names when omitted.

    Raises
    ------
    InputError
        Nothing to draw at these zooms, or too many tiles.
    """
    from isal import igzip  # noqa: PLC0415 - slow to import
    from pmtiles.tile import Compression, TileType  # noqa: PLC0415 - slow to import
    from pmtiles.writer import Writer  # noqa: PLC0415 - slow to import

    layer = selection.part()
    zooms = range((needed(layer) if deepest is None else deepest) + 1)
    _checked(layer, zooms)
    with path.open("wb") as file:
        writer: Any = Writer(file)  # type: ignore[no-untyped-call]
        try:
            for tile_id, content in _tiles(layer, zooms):
                writer.write_tile(tile_id, igzip.compress(content, 2, mtime=0))
            if not writer.addressed_tiles:
                raise _nothing(layer)
            header = {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP, **_where(layer, zooms)}
            writer.finalize(header, _metadata(layer, zooms, about))
        finally:
            writer.tile_f.close()


def needed(layer: Layer) -> int:
    """Zoom beyond which outlines get no better: a unit of its tiles is a fiftieth of a usual side, or less.

    Maps enlarge tiles beyond it. Municipalities at the zoom of buildings would be sixteen thousand tiles.
    """
    shapes, world = layer.drawn.shapes, layer.drawn.world[:SAMPLE].astype(np.int64)
    sides = np.hypot(*np.diff(world, axis=0).T)
    within = np.ones(len(sides), dtype=np.bool_)
    ends = shapes.rings[1:-1] - 1
    within[ends[ends < len(sides)]] = False
    sides = sides[within & (sides > 0)]
    if sides.size == 0:
        return DEEPEST
    # at zoom 20 a unit is one of the world's
    exact = math.ceil(20 - math.log2(max(float(np.median(sides)) / PARTS_OF_A_SIDE, 1.0)))
    return min(max(exact, layer.min_zoom, LEAST), DEEPEST)


def _nothing(layer: Layer) -> InputError:
    return InputError(Problem(layer.id, "has nothing to draw here", "Ask for another box, filter or zoom."))


def _checked(layer: Layer, zooms: range) -> None:
    """Refuse what would make no tile, or too many."""
    if layer.extent is None:
        raise _nothing(layer)
    wanted = sum(
        (one.max_row - one.min_row + 1) * (one.max_column - one.min_column + 1)
        for one in tilesets.vector_limits([layer], WEB_MERCATOR_QUAD)
        if one.zoom in zooms
    )
    if wanted > MAX_TILES:
        what = f"has {wanted:,} places of tiles down to zoom {zooms.stop - 1}, more than {MAX_TILES:,}"
        raise InputError(Problem(layer.id, what, "Ask for a smaller box, or a lower max_zoom."))


def _tiles(layer: Layer, zooms: range) -> Iterator[tuple[int, bytes]]:
    """Tiles in the order of their ids; nothing is looked for below an empty one."""
    from pmtiles.tile import zxy_to_tileid  # noqa: PLC0415 - slow to import

    limits = {one.zoom: one for one in tilesets.vector_limits([layer], WEB_MERCATOR_QUAD)}
    places: list[tuple[int, int]] = []
    for z in zooms:
        # below the layer's lowest zoom a tile holds other things than those under it
        if z <= layer.min_zoom:
            places = _all(limits[z])
        filled = []
        for tile_id, x, y in sorted((zxy_to_tileid(z, x, y), x, y) for x, y in places):
            content = tile(layer, z, x, y)
            if content:
                filled.append((x, y))
                yield tile_id, content
        places = [place for place in _below(filled) if z + 1 in limits and limits[z + 1].holds(*place)]


def _all(limits: Limits) -> list[tuple[int, int]]:
    columns, rows = range(limits.min_column, limits.max_column + 1), range(limits.min_row, limits.max_row + 1)
    return [(x, y) for x in columns for y in rows]


def _below(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the four tiles of the next zoom that each tile is made of."""
    return [(2 * x + dx, 2 * y + dy) for x, y in places for dx in (0, 1) for dy in (0, 1)]


def _where(layer: Layer, zooms: range) -> dict[str, int]:
    """Extent and centre for the header, degrees in ten-millionths."""
    assert layer.extent is not None  # noqa: S101 - checked before
    west, south, east, north = (int(value) for value in np.rint(np.array(layer.extent) * 1e7))
    return {
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_lon_e7": (west + east) // 2,
        "center_lat_e7": (south + north) // 2,
        "center_zoom": min(max(zooms.start, 9), zooms.stop - 1),
    }


def _metadata(layer: Layer, zooms: range, about: dict[str, str]) -> dict[str, Any]:
    """Metadata as TileJSON has them."""
    types = {"integer": "Number", "number": "Number", "boolean": "Boolean", "string": "String"}
    kinds = tilesets.json_types(layer)
    fields = {c.name: types[kinds[c.name]] for c in layer.columns if c.in_tiles}
    listed = {"id": layer.id, "description": about["title"], "fields": fields}
    return {
        "name": about["title"],
        "description": about["description"],
        "attribution": about["licences"],
        "type": "overlay",
        "version": layer.version,
        "vector_layers": [listed | {"minzoom": zooms.start, "maxzoom": zooms.stop - 1}],
    }
