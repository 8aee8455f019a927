"""Vector tiles of every collection; `api.middleware.tiles` answers most requests for them, the rest ends here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api import responses
from api.deps import CatalogueDep
from api.errors import NotModifiedError
from api.middleware.tiles import tag_of
from api.routes.tilesets import within, zoom_of
from layers import tile_matrices, tiles

router = APIRouter(tags=["Tiles"])


@router.get(
    "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    summary="Vector tile",
    response_class=Response,
    responses={
        200: {"content": {"application/vnd.mapbox-vector-tile": {}}},
        204: {"description": "Nothing there"},
    },
)
def tile(
    collection: Annotated[str, Path(alias="collectionId")],
    tms: Annotated[str, Path(alias="tileMatrixSetId")],
    matrix: Annotated[str, Path(alias="tileMatrix", description="Zoom.")],
    y: Annotated[int, Path(alias="tileRow", description="Row from the north.")],
    x: Annotated[int, Path(alias="tileCol", description="Column from the west.")],
    request: Request,
    catalogue: CatalogueDep,
) -> Response:
    """Mapbox Vector Tile 2.1, made from the columns on request; its ids are those of the features."""
    layer = catalogue.layer(collection)
    found, z = tile_matrices.named(tms), zoom_of(matrix)
    within((layer,), found, z, x, y)
    tag = tag_of(layer, request.scope["path"]).decode()
    if tag in request.headers.get("if-none-match", ""):
        raise NotModifiedError(tag)
    return responses.tile(tiles.tile(layer, z, x, y, found), tag)
