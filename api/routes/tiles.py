"""Vector tiles of every collection, and their TileJSON."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import responses
from api.deps import BaseUrl, CatalogueDep, ETag
from layers import tiles

router = APIRouter(tags=["Tiles"])


@router.get("/collections/{collection}/tiles/WebMercatorQuad", summary="TileJSON")
def tileset(collection: str, catalogue: CatalogueDep, base: BaseUrl, etag: ETag) -> Response:
    """TileJSON 3.0 of a collection, with its attributes."""
    layer = catalogue.layer(collection)
    url = f"{base}/collections/{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"
    return responses.json(tiles.tilejson(layer, url), etag)


@router.get(
    "/collections/{collection}/tiles/WebMercatorQuad/{z}/{y}/{x}",
    summary="Vector tile",
    responses={200: {"content": {"application/vnd.mapbox-vector-tile": {}}}, 204: {"description": "Nothing there"}},
)
def tile(collection: str, z: int, y: int, x: int, catalogue: CatalogueDep, etag: ETag) -> Response:
    """Mapbox Vector Tile, made from the columns on request."""
    return responses.tile(tiles.tile(catalogue.layer(collection), z, x, y), etag)
