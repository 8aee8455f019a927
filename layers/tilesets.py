"""Metadata of tilesets (OGC API Tiles, 20-057 and 17-083r4); `layers.tiles` and `layers.rasters` make the tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from geo.shapes import LINE, POINT, POLYGON
from layers import mvt, tiles
from layers.layer import Layer
from layers.styles import BENEFIT_TYPE, CLUSTER, COOL_TYPE, GREEN_TYPE
from layers.tile_matrices import EUROPEAN_QUAD, WEB_MERCATOR_QUAD, Limits, TileMatrixSet, limits, projected

RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0"
MVT, PNG, TILEJSON = "application/vnd.mapbox-vector-tile", "image/png", "application/vnd.mapbox.tilejson+json"
# sets that `layers.tiles` makes tiles of, and `layers.rasters`
VECTOR_SETS = (WEB_MERCATOR_QUAD, EUROPEAN_QUAD)
MAP_SETS = (WEB_MERCATOR_QUAD,)
# attributes of scenarios that are text; told without computing the scenario
TEXTS = frozenset(kinds.column for kinds in (BENEFIT_TYPE, CLUSTER, COOL_TYPE, GREEN_TYPE))
DIMENSION = {POINT: 0, LINE: 1, POLYGON: 2}

Document = dict[str, Any]


@dataclass(frozen=True)
class Tiled:
    """What is tiled, and where its tiles are.

    Attributes
    ----------
    title, description
        For people.
    url
        Address of the resource that has the tiles; they are at `{url}/tiles`.
    layers
        What a tile holds, bottom first.
    kind
        Features, or a picture of them.
    tile
        What follows row and column in the address of a tile.
    query
        Query of the tileset and of its tiles, without "?".
    attribution
        Sources with licences.
    """

    title: str
    description: str
    url: str
    layers: tuple[Layer, ...]
    kind: Literal["vector", "map"] = "vector"
    tile: str = ""
    query: str = ""
    attribution: str = ""

    @property
    def extent(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of all layers in degrees; None where nothing has a place."""
        boxes = [layer.extent for layer in self.layers if layer.extent is not None]
        if not boxes:
            return None
        west, south, east, north = zip(*boxes, strict=True)
        return min(west), min(south), max(east), max(north)


def zooms(tms: TileMatrixSet) -> range:
    """Zooms of a set that vector tiles are made of: single features, or squares with their sums."""
    return range(min(tiles.MAX_ZOOM, tms.max_zoom) + 1)


def vector_limits(layers: Sequence[Layer], tms: TileMatrixSet) -> tuple[Limits, ...]:
    """Vector tiles that may hold a feature of any of the layers, by zoom; what lies in the margin of a tile counts."""
    found: dict[int, Limits] = {}
    for layer in layers:
        for one in limits(tms, layer.extent, zooms(tms), margin=tiles.BUFFER / mvt.EXTENT):
            found[one.zoom] = _union(found[one.zoom], one) if one.zoom in found else one
    return tuple(found[z] for z in sorted(found))


def _union(a: Limits, b: Limits) -> Limits:
    return Limits(
        a.zoom,
        min(a.min_row, b.min_row),
        max(a.max_row, b.max_row),
        min(a.min_column, b.min_column),
        max(a.max_column, b.max_column),
    )


def json_types(layer: Layer) -> dict[str, str]:
    """JSON type of each attribute: ``"string"``, ``"boolean"``, ``"integer"`` or ``"number"``; computes no scenario."""
    known = layer if layer.base is None or layer.has_table else layer.base
    schema = known.table.schema
    types = {field.name: _json_type(field.type) for field in schema}
    added = {column.name: "string" if column.name in TEXTS else "number" for column in layer.columns}
    return {column.name: types.get(column.name, added[column.name]) for column in layer.columns}


def _json_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else "string"


def listed(tiled: Tiled, tms: TileMatrixSet, base: str) -> Document:
    """Entry of a tileset in a list of tilesets; `base` is the service's address."""
    return {
        "title": f"{tiled.title} ({tms.id})",
        "dataType": tiled.kind,
        "crs": tms.crs_uri,
        "tileMatrixSetURI": tms.uri,
        "links": [
            _link(_address(tiled, tms), "self", "application/json", "Tileset"),
            _link(f"{base}/tileMatrixSets/{tms.id}", f"{RELATIONS}/tiling-scheme", "application/json", tms.title),
        ],
    }


def document(tiled: Tiled, tms: TileMatrixSet, base: str) -> Document:
    """Full metadata of a tileset.

    Parameters
    ----------
    tiled
        What is tiled.
    tms
        One of `VECTOR_SETS` or `MAP_SETS`.
    base
        The service's address.

    Returns
    -------
    dict
        JSON of 17-083r4 `tileSet`. Vector tilesets state limits: a tile outside of them is no resource. Map tilesets
        state none, since their address is used as an XYZ layer by clients that know no limits: a tile is transparent
        where nothing is.
    """
    body = listed(tiled, tms, base)
    media_type = MVT if tiled.kind == "vector" else PNG
    template = f"{tiled.url}/tiles/{tms.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}{tiled.tile}{_query(tiled.query)}"
    body |= {"title": tiled.title, "description": tiled.description, "mediaTypes": [media_type]}
    if tiled.attribution:
        body["attribution"] = tiled.attribution
    box = projected(tms, tiled.extent)
    if box is not None:
        body["boundingBox"] = tms.box(*box)
        body["centerPoint"] = _centre(tiled, tms, box)
    if tiled.kind == "vector":
        body["tileMatrixSetLimits"] = [one.document() for one in vector_limits(tiled.layers, tms)]
    body["layers"] = [_layer(layer, tms, tiled.kind, base) for layer in tiled.layers]
    body["links"] += [
        _link(_address(tiled, tms, "f=html"), "alternate", "text/html", "This tileset for people"),
        _link(template, "item", media_type, "Tiles") | {"templated": True},
    ]
    if tms is WEB_MERCATOR_QUAD:
        body["links"].append(_link(_address(tiled, tms, "f=tilejson"), "alternate", TILEJSON, "TileJSON 3"))
    return body


def template(tiled: Tiled, tms: TileMatrixSet) -> str:
    """Address of a tile with {z}, {y} and {x}, as TileJSON, MapLibre and QGIS write it."""
    return f"{tiled.url}/tiles/{tms.id}/{{z}}/{{y}}/{{x}}{tiled.tile}{_query(tiled.query)}"


def joint_tilejson(tiled: Tiled) -> Document:
    """TileJSON 3.0 of vector tiles with several layers."""
    parts = [tiles.tilejson(layer, "") for layer in tiled.layers]
    first = min((part["minzoom"] for part in parts), default=0)
    body: Document = {
        "tilejson": "3.0.0",
        "name": tiled.title,
        "description": tiled.description,
        "attribution": tiled.attribution,
        "tiles": [template(tiled, WEB_MERCATOR_QUAD)],
        "minzoom": first,
        "maxzoom": max((part["maxzoom"] for part in parts), default=0),
        "vector_layers": [one for part in parts for one in part["vector_layers"]],
    }
    if tiled.extent is not None:
        west, south, east, north = tiled.extent
        body |= {
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, max(first, 9)],
        }
    return body


def _layer(layer: Layer, tms: TileMatrixSet, kind: str, base: str) -> Document:
    """Make an element of `layers`: 17-083r4 `geospatialData`."""
    url = f"{base}/collections/{layer.id}"
    body: Document = {"id": layer.id, "title": layer.title, "description": layer.description, "dataType": kind}
    found = projected(tms, layer.extent)
    if found is not None:
        body["boundingBox"] = tms.box(*found)
    if kind == "vector":
        at = zooms(tms)
        body |= {"minTileMatrix": str(at.start), "maxTileMatrix": str(at.stop - 1)}
        dimension = _dimension(layer)
        if dimension is not None:
            body["geometryDimension"] = dimension
        body["propertiesSchema"] = {"type": "object", "properties": _properties(layer)}
    body["links"] = [_link(url, f"{RELATIONS}/geodata", "application/json", layer.title)]
    return body


def _properties(layer: Layer) -> Document:
    types = json_types(layer)
    found: Document = {}
    for column in layer.columns:
        if column.in_tiles:
            found[column.name] = {"title": column.en, "description": column.how, "type": types[column.name]}
            if column.unit:
                found[column.name]["uom"] = column.unit
    return found


def _dimension(layer: Layer) -> int | None:
    """0 for points, 1 for lines, 2 for polygons; None for a mixture or where nothing has a geometry."""
    kinds = np.unique(layer.shapes.part_kinds).tolist()
    return DIMENSION.get(kinds[0]) if len(kinds) == 1 else None


def _centre(tiled: Tiled, tms: TileMatrixSet, box: tuple[float, float, float, float]) -> Document:
    zoom = min(max(9, *(layer.min_zoom for layer in tiled.layers)) if tiled.kind == "vector" else 9, tms.max_zoom)
    matrix = tms.tile_matrices[zoom]
    return {
        "coordinates": tms.point((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
        "crs": tms.crs_uri,
        "tileMatrix": matrix.id,
        "scaleDenominator": matrix.scale_denominator,
        "cellSize": matrix.cell_size_m,
    }


def _address(tiled: Tiled, tms: TileMatrixSet, more: str = "") -> str:
    return f"{tiled.url}/tiles/{tms.id}{_query(tiled.query, more)}"


def _query(*parts: str) -> str:
    joined = "&".join(part for part in parts if part)
    return f"?{joined}" if joined else ""


def _link(href: str, rel: str, media_type: str, title: str) -> Document:
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def selection(layers: Sequence[Layer]) -> str:
    """Query that names layers: ``"collections=a,b"``."""
    return f"collections={','.join(quote(layer.id) for layer in layers)}"
