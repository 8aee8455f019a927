"""Features as GeoJSON, written from columns by a compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pyproj import CRS

from geo.arrays import IntArray
from geo.shapes import Shapes
from layers.drawn import WGS84, Drawn
from layers.layer import Layer
from layers.texts import Texts, records

# degrees are served to 1e-7 (a centimetre), metres to a millimetre
DECIMALS_M = 3


def properties(layer: Layer, index: IntArray) -> list[dict[str, Any]]:
    """Attributes of the rows at `index`; what is missing is None, whole numbers stay whole."""
    if not layer.columns:
        return [{} for _ in index]
    rows = records(layer.table.take(index))
    return [{k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows]


def features(
    layer: Layer,
    index: IntArray,
    *,
    crs: CRS = WGS84,
    swap: bool = False,
    names: Sequence[str] | None = None,
    geometry: bool = True,
    around: tuple[bytes, bytes] = (b"", b""),
) -> bytes:
    """GeoJSON features of the rows at `index`, in that order, with commas between them.

    Parameters
    ----------
    layer, index
        Rows of a layer. A feature's id is the row's number, stable within a release.
    crs
        Of the coordinates: degrees with seven decimals, metres with three; outer rings counterclockwise (RFC 7946).
    swap
        Latitude or northing before longitude or easting.
    names
        Attributes to give; all when None.
    geometry
        Whether to give geometry; null where not, as for rows that have none.
    around
        What stands before and after them.
    """
    from geo.geojson_kernels import room, write  # noqa: PLC0415 - slow to import

    if names is None and layer.texts is not None:
        blob, runs = layer.texts.blob, layer.texts.runs(index)
    else:
        table = layer.table if names is None else layer.table.select(list(names))
        page = Texts.of(table.take(index)) if table.column_names else Texts.empty(len(index))
        blob, runs = page.blob, page.runs(np.arange(len(index)))
    drawn = layer.drawn if geometry else _without_geometry(len(layer))
    coords, heights, decimals, shapes, rows = _coordinates(drawn, index, crs)
    before, after = around
    size = room(shapes.rings, shapes.parts, shapes.rows, rows) + int((runs[:, 1] - runs[:, 0]).sum())
    buffer = np.empty(len(before) + size + 64 * len(index) + len(after), np.uint8)
    buffer[: len(before)] = np.frombuffer(before, np.uint8)
    offsets = (shapes.rings, shapes.parts, shapes.rows)
    ids = np.asarray(index, dtype=np.int64)
    end = write(buffer, len(before), ids, rows, coords, heights, offsets, shapes.part_kinds, decimals, swap, blob, runs)
    layer.done("features")
    buffer[end : end + len(after)] = np.frombuffer(after, np.uint8)
    return buffer[: end + len(after)].tobytes()


def feature(content: bytes, extra: dict[str, Any]) -> bytes:
    """One feature with further members such as `links`."""
    return b"%b,%b" % (content[:-1], orjson.dumps(extra)[1:])


def collection(extra: dict[str, Any]) -> tuple[bytes, bytes]:
    """What makes features a FeatureCollection with further members such as `numberMatched`; see `features`."""
    head = orjson.dumps(extra)[1:-1]
    return b'{"type":"FeatureCollection"%b%b,"features":[' % (b"," if head else b"", head), b"]}"


def _coordinates(
    drawn: Drawn, index: IntArray, crs: CRS
) -> tuple[NDArray[Any], NDArray[np.int64], int, Shapes, NDArray[np.int64]]:
    """Whole numbers of the coordinates, their decimals, and the shapes and rows that they belong to."""
    rows = np.asarray(index, dtype=np.int64)
    if crs == WGS84:
        return drawn.lonlat, drawn.heights_mm, 7, drawn.shapes, rows
    page = drawn.shapes.take(rows)
    metres = page.to_crs(crs).coords
    decimals = 7 if crs.is_geographic else DECIMALS_M
    coords = np.rint(metres * 10**decimals).astype(np.int64)
    heights = Drawn(page).heights_mm if page.heights is not None else np.empty(0, np.int64)
    return coords, heights, decimals, page, np.arange(len(rows))


def _without_geometry(count: int) -> Drawn:
    none = np.zeros(1, np.int64)
    return Drawn(Shapes(np.empty((0, 2)), none, none, np.zeros(count + 1, np.int64), np.empty(0, np.uint8), WGS84))
